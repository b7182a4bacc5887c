#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""test_reach.py: ioready tcp --waits: how data and connections reach a server of which it
is known whether it slept, and in what, when they came. On each tier. Prints TAP.

Environment: O, where the program is (build); IOREADY_TIERS, with spaces between
(tracepoint).
"""
import subprocess
import sys

# What is generated goes to one place, and this is not it.
sys.dont_write_bytecode = True
import tap
from tap import ok
from traced import TIERS, ioready, lost, traced, why_not_whole

N = 20

# A server of one thread that waits by argv[1], and a client that knows what it is at: it
# sends when the server sleeps in its wait ("asleep"), or while it is kept from asking
# ("at work"). The connection and each of N messages are answered before the next.
SERVER = """
import os, select, socket, sys, time
HOW, WHEN, N = sys.argv[1], sys.argv[2], int(sys.argv[3])
listener = socket.create_server(("127.0.0.1", 0))
port = listener.getsockname()[1]
hold_read, hold_write = os.pipe()

def waiter(fd):
    if HOW == "select":
        return lambda: select.select([fd], [], [])
    if HOW == "blocking":
        return lambda: None
    p = select.poll() if HOW == "poll" else select.epoll()
    p.register(fd, 1)
    return lambda: p.poll()

def serve():
    os.close(hold_write)
    hold = (lambda: os.read(hold_read, 1)) if WHEN == "at work" else lambda: None
    wait = waiter(listener.fileno())
    hold(); wait()
    s, _ = listener.accept()
    s.sendall(b"y")
    wait = waiter(s.fileno())
    while True:
        hold(); wait()
        if not s.recv(1):
            break
        s.sendall(b"y")

# On x86-64: epoll_wait, poll, select and pselect6; read; accept, accept4 and recvfrom.
ASLEEP_IN = {"at work": "0"}.get(WHEN) or {"epoll": "232 281", "poll": "7", "select": "23 270",
                                          "blocking": "43 288 45"}[HOW]

def asleep(pid):
    while True:
        # It says "running" until the thread is off its CPU, of which the state in stat
        # comes before; and waits of other kinds are in other calls.
        with open("/proc/%d/syscall" % pid) as f:
            if f.read().split()[0] in ASLEEP_IN.split():
                return
        time.sleep(0.001)

child = os.fork()
if not child:
    serve()
    os._exit(0)
os.close(hold_read)
listener.close()

# Of /proc/net/tcp, the server's ends by their state: who listens, has data, has a FIN.
LISTEN, ESTABLISHED, CLOSE_WAIT = "0A", "01", "08"

def arrived(state):
    while True:
        with open("/proc/net/tcp") as f:
            for row in f.read().splitlines()[1:]:
                _, local, _, its, queues = row.split()[:5]
                if (local, its) == ("0100007F:%04X" % port, state) and \
                        int(queues.split(":")[1], 16):
                    return
        time.sleep(0.001)

def turn(act, state):
    asleep(child)
    act()
    if WHEN == "at work":
        # A busy machine may put off what delivers it.
        arrived(state)
        os.write(hold_write, b"x")

c = socket.socket()
turn(lambda: c.connect(("127.0.0.1", port)), LISTEN)
# Until then its ACK may still be on the way.
c.recv(1)
for _ in range(N):
    turn(lambda: c.sendall(b"x"), ESTABLISHED)
    c.recv(1)
turn(lambda: c.close(), CLOSE_WAIT)
os.waitpid(child, 0)
"""


def parts_sum(reach):
    return sum(part["sum"] for key, part in reach.items()
               if key not in ("slept", "awake_ns") and part)


def server(tier, how, when):
    what = "%s: %s, %s" % (tier, how, when)
    lines, report = traced(tier, SERVER, how, when, str(N), options=["--waits"])
    passive = [g for g in report["connections"] if g["direction"] == "passive"]
    if why_not_whole(report):
        tap.skip(what, why_not_whole(report))
        return
    ok("%s: nothing is lost" % what, not lost(report), report["losses"], report["stat"]["losses"])
    ok("%s: one connection, told by both ends" % what, len(passive) == 1 and len(lines) == 2,
       report["connections"], lines)
    if len(passive) != 1:
        return
    g = passive[0]
    accept, reads = g["accept_reach"], g["arrived_to_read_ns"]
    slept, awake = (1, 0) if when == "asleep" else (0, 1)
    if how == "blocking":
        slept = awake = 0
    ok("%s: the connection was taken as it was" % what,
       (accept["slept"], accept["awake_ns"]["count"]) == (slept, awake), accept)
    ok("%s: the parts are the wait for accept(), to the nanosecond" % what,
       parts_sum(accept) + accept["awake_ns"]["sum"] ==
       (g["ack_to_accept_ns"]["sum"] if slept or awake else 0), accept, g["ack_to_accept_ns"])
    if reads is None:
        ok("%s: no hook on arrivals: absent, not zero" % what,
           tier == "tracepoint" and g["read_reach"] is None, g)
    else:
        read = g["read_reach"]
        ok("%s: each message is a read, taken as it was" % what,
           (reads["count"], read["slept"], read["awake_ns"]["count"]) ==
           (N, N * slept, N * awake), reads, read)
        ok("%s: the parts are all of the time, to the nanosecond" % what,
           parts_sum(read) + read["awake_ns"]["sum"] == (reads["sum"] if slept or awake else 0),
           reads, read)
        ok("%s: that a file becomes ready is seen by hooks on functions alone" % what,
           (read["ready_ns"] is None) == (tier == "tracepoint"), read)
        ok("%s: the line of the connection says the same" % what,
           [line["read_reach"] for line in lines if line["direction"] == "passive"] == [read],
           lines, read)
    ok("%s: who connects accepts nothing" % what,
       all(line["accept_reach"] is None for line in lines if line["direction"] == "active"), lines)
    # The wait measures of the same run: the connection, the messages, and the end.
    waits = [w for w in report["stat"]["waits"] if w["pid"] == g["pid"]]
    if how == "blocking":
        ok("%s: it waits in no call of the family" % what, not waits, waits)
        return
    ok("%s: its waits, from the same run" % what,
       [(w["mechanism"], w["calls"], w["wakeups"]) for w in waits] ==
       [(how, N + 2, (N + 2) * slept)], waits)
    woken = [c["calls"] for c in report["stat"]["chains"] if c["pid"] == g["pid"]]
    ok("%s: and its chains" % what, woken == [(N + 2) * slept], report["stat"]["chains"])


def text(tier):
    done = ioready("tcp", "-q", "--waits", "--tier", tier, "--", sys.executable, "-c", SERVER,
                   "epoll", "asleep", "3")
    ok("%s: text has the parts, and the tables of stat" % tier,
       done.returncode == 0 and all(words in done.stdout for words in (
           "How what comes reaches", "TO READY", "WOKEN-RUNNING", "EMPTY")), done.stdout,
       done.stderr)


def main():
    subprocess.run(["ip", "link", "set", "lo", "up"], check=False)
    for tier in TIERS:
        for how in ("epoll", "poll", "select"):
            for when in ("asleep", "at work"):
                server(tier, how, when)
        server(tier, "blocking", "asleep")
        text(tier)
    tap.plan()


main()
