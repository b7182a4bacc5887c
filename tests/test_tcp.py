#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""test_tcp.py: ioready tcp against connections of which everything is known, on each
tier that there is. Prints TAP.

Environment: O, where the program is (build); IOREADY_TIERS, with spaces between
(tracepoint).
"""
import json
import os
import subprocess
import sys
import tempfile
import threading

# What is generated goes to one place, and this is not it.
sys.dont_write_bytecode = True
import tap
from tap import ok, skip
from traced import (ALONE, ATTEMPTS, IOREADY, LIMIT, TIERS, inside, ioready, lost, traced,
                    why_not_inside)

# Connections on loopback to a server in the same program. The client's numbers are odd or
# even: it closes first, or the server does. Said at the end: how many, and to which port.
LOOPBACK = """
import errno, json, socket, sys, threading, time
FAMILY, HOST, N, DELAY = getattr(socket, sys.argv[1]), sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
def read(s, n):
    got = b""
    while len(got) < n:
        more = s.recv(n - len(got))
        if not more:
            break
        got += more
    return got
listener = socket.socket(FAMILY)
listener.bind(("::" if FAMILY == socket.AF_INET6 else "127.0.0.1", 0))
listener.listen(N)
port = listener.getsockname()[1]
def serve():
    for i in range(N):
        time.sleep(DELAY)
        s, _ = listener.accept()
        read(s, 10)
        s.sendall(b"y" * 1000)
        if i % 2:
            s.shutdown(socket.SHUT_WR)
        s.recv(1)
        s.close()
server = threading.Thread(target=serve)
server.start()
clients = [socket.create_connection((HOST, port)) for _ in range(N)]
for i, c in enumerate(clients):
    c.sendall(b"x" * 10)
    read(c, 1000)
    if i % 2:
        c.recv(1)
    c.close()
server.join()
listener.close()
"""

# One refused, one given up, and both kinds of reset.
FAILURES = """
import socket, struct
s = socket.socket()
s.bind(("127.0.0.1", 0))
port = s.getsockname()[1]
try:
    socket.create_connection(("127.0.0.1", port))
except ConnectionRefusedError:
    pass
s.listen(4)
c = socket.create_connection(("127.0.0.1", port))
a, _ = s.accept()
c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
c.close()
a.close()
"""

REFUSED = """
import socket
s = socket.socket()
s.bind(("127.0.0.1", 0))
socket.socket().connect_ex(s.getsockname())
"""

# Ends whose sockets drop all that comes, so that nothing is answered: to data, to the first FIN,
# to the second. Clients do so too, from their close() on: whichever end is gone first answers
# the other's next FIN with a reset.
DEAF = """
import ctypes, socket, struct, time
SO_ATTACH_FILTER, TCP_USER_TIMEOUT = 26, 18
drop = ctypes.create_string_buffer(struct.pack("HBBI", 6, 0, 0, 0))
drops = struct.pack("HL", 1, ctypes.addressof(drop))
listener = socket.create_server(("127.0.0.1", 0))
port = listener.getsockname()[1]
def pair():
    c = socket.create_connection(("127.0.0.1", port))
    a, _ = listener.accept()
    for s in c, a:
        s.setsockopt(socket.IPPROTO_TCP, TCP_USER_TIMEOUT, 300)
    deafen(a)
    return c, a
def deafen(s):
    s.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, drops)
data, first, second = pair(), pair(), pair()
data[0].sendall(b"x")
deafen(first[0])
first[0].close()
second[1].close()
second[0].recv(1)
deafen(second[0])
second[0].close()
try:
    data[0].recv(1)
except TimeoutError:
    pass
for s in data + (first[1], listener):
    s.close()
while True:
    with open("/proc/net/tcp") as f:
        if "0100007F:%04X " % port not in f.read():
            break
    time.sleep(0.05)
"""


def group(report, direction):
    found = [g for g in report["connections"] if g["direction"] == direction]
    return found[0] if len(found) == 1 else None


def loopback(tier, family, host, n=6, delay=0.0, options=()):
    what = " ".join(["%s: %s to %s" % (tier, family, host), *options])
    lines, report = traced(tier, LOOPBACK, family, host, str(n), str(delay), options=options)
    ok("%s: nothing is lost" % what, not lost(report), report["losses"])
    ok("%s: each connection is told by both ends" % what, len(lines) == 2 * n, lines)
    passive, active = group(report, "passive"), group(report, "active")
    ok("%s: in a group each" % what, passive and active, report["connections"])
    if not passive or not active:
        return
    for g in (passive, active):
        ok("%s: %s: %d connections, established, ended" % (what, g["direction"], n),
           g["connections"] == g["established"] == g["ended"] == n, g)
        ok("%s: %s: no reset, no retransmit, no seed" % (what, g["direction"]),
           not any(g[k] for k in ("resets_in", "resets_out", "syn_retransmits", "seeded")), g)
    ok("%s: bytes are those that were sent" % what,
       (active["bytes_in"], active["bytes_out"]) == (1000 * n, 10 * n) ==
       (passive["bytes_out"], passive["bytes_in"]), active, passive)
    half = n // 2
    ok("%s: who closes first is told alike by both ends" % what,
       active["closed_first"] == {"none": 0, "local": n - half, "remote": half, "both": 0} and
       passive["closed_first"] == {"none": 0, "local": half, "remote": n - half, "both": 0},
       active["closed_first"], passive["closed_first"])
    ok("%s: the server shut down its half and read on" % what, passive["half_closed"] == half,
       passive["half_closed"])
    ok("%s: all were accepted, by the program" % what,
       passive["accepted"] == n and passive["pid"] == active["pid"], passive)
    ok("%s: each wait for accept() has its time" % what,
       passive["ack_to_accept_ns"]["count"] == n, passive["ack_to_accept_ns"])
    # The first was accepted after the delay, each other one after as much again.
    if delay:
        ok("%s: accept() waited for as long as the server did" % what,
           passive["ack_to_accept_ns"]["max"] >= (n - 1) * delay * 1e9,
           passive["ack_to_accept_ns"])
    for line in lines:
        states = dict(line["states_ns"])
        states.pop("syn-sent", None)
        states.pop("syn-recv", None)
        if sum(states.values()) != line["life_ns"]:
            ok("%s: the states of a connection make up its life" % what, False, line)
            break
    else:
        ok("%s: the states of each connection make up its life" % what, True)
    if tier == "tracepoint":
        ok("%s: when SYNs came is absent, not zero" % what,
           passive["syn_to_synack_ns"] is None and passive["syns"] is None and
           passive["cookies"] is None and report["minisocks"] is None, passive)
        ok("%s: the network's part is derived, of each" % what,
           passive["synack_to_ack_kind"] == "derived" and
           passive["synack_to_ack_ns"]["count"] == n, passive["synack_to_ack_ns"])
        return
    ok("%s: each part of the handshake has its time" % what,
       passive["syn_to_synack_ns"]["count"] == passive["synack_to_ack_ns"]["count"] == n and
       passive["synack_to_ack_kind"] == "exact", passive)
    ok("%s: SYNs are those of the connections, none by a cookie" % what,
       passive["syns"] == passive["syns_kept"] == n and passive["cookies"] == 0, passive)
    ok("%s: a minisock for each, of whoever closed first" % what,
       report["minisocks"]["born"] == n, report["minisocks"])


def failures(tier):
    lines, report = traced(tier, FAILURES)
    refused = [line for line in lines if line["failure"] == "refused"]
    reset = [line for line in lines if not line["failure"]]
    ok("%s: one is refused" % tier, len(refused) == 1 and not refused[0]["established"] and
       refused[0]["handshake_ns"] is None, lines)
    ok("%s: one end sends a reset, the other gets it" % tier,
       sorted((line["direction"], line["reset_in"], line["reset_out"]) for line in reset) ==
       [("active", False, True), ("passive", True, False)], reset)
    ok("%s: nobody closed it" % tier,
       all(line["closed_first"] == "none" for line in reset), reset)


def timeouts(tier):
    lines, report = traced(tier, DEAF)
    passive, active = group(report, "passive"), group(report, "active")
    ok("%s: who gets no answer times out, whoever closed first" % tier,
       len(lines) == 6 and all(line["timed_out"] for line in lines) and
       sorted(line["closed_first"] for line in lines if line["direction"] == "active") ==
       ["local", "none", "remote"], lines)
    ok("%s: groups count them" % tier,
       passive and active and passive["timed_out"] == active["timed_out"] == 3, passive, active)


def filters(tier):
    lines, report = traced(tier, LOOPBACK, "AF_INET", "127.0.0.1", "2", "0",
                           options=["--port", "1"])
    ok("%s: --port: no other" % tier, not lines and not report["connections"], lines)
    lines, _ = traced(tier, LOOPBACK, "AF_INET", "127.0.0.1", "2", "0",
                      options=["--peer", "127.0.0.0/8"])
    ok("%s: --peer: those of the network" % tier, len(lines) == 4, lines)
    lines, _ = traced(tier, LOOPBACK, "AF_INET", "127.0.0.1", "2", "0",
                      options=["--peer", "128.0.0.0/1"])
    ok("%s: --peer: no other" % tier, not lines, lines)
    lines, _ = traced(tier, LOOPBACK, "AF_INET", "127.0.0.1", "2", "0",
                      options=["--netns", str(os.getpid())])
    ok("%s: --netns: those of the namespace" % tier, len(lines) == 4, lines)


def room(tier):
    """All are there at once: with both ends, half in seats and half in the hash; or too many."""
    loopback(tier, "AF_INET", "127.0.0.1", n=8, options=["--connections", "8"])
    loopback(tier, "AF_INET", "127.0.0.1", n=8, options=["--connections", "8", "--data"])
    for _ in range(ATTEMPTS):
        done = ioready("tcp", "-q", "--json", "--each", "--tier", tier, "--connections", "8",
                       "--", sys.executable, "-c", LOOPBACK, "AF_INET", "127.0.0.1", "12", "0")
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        report = lines.pop()
        if not report["losses"]["nested"]:
            break
    ok("%s: --connections: those that find no room are counted" % tier,
       report["losses"]["table"] == 8 and len(lines) == 16, len(lines), report["losses"])


# As many connections as it is told, none of them closed before the end.
PLAIN = """
import socket, sys
port = 8000
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("127.0.0.1", port))
s.listen(256)
clients = []
for _ in range(int(sys.argv[1])):
    clients.append(socket.create_connection(("127.0.0.1", port)))
    a, _ = s.accept()
    clients.append(a)
"""


def there(*command):
    """What it says in a network namespace of its own, where it must succeed."""
    done = inside(*command)
    if done.returncode:
        raise RuntimeError("status %d: %s" % (done.returncode, done.stderr))
    return done.stdout


def cookies(tier):
    """In a network namespace of its own, where every handshake is done by a cookie."""
    if why_not_inside() or not os.path.exists("/proc/sys/net/ipv4/tcp_syncookies"):
        skip("%s: SYN cookies" % tier, "no namespace or no cookies here")
        return
    script = 'echo 2 >/proc/sys/net/ipv4/tcp_syncookies && exec "$@"'
    for _ in range(ATTEMPTS):
        report = json.loads(there("sh", "-c", script, "-", IOREADY, "tcp", "-q", "--json", "--tier",
                                  tier, "--", sys.executable, "-c", PLAIN, "5"))
        if not lost(report):
            break
    passive = group(report, "passive")
    if tier == "tracepoint":
        ok("%s: cookies are absent, not zero" % tier, passive and passive["cookies"] is None,
           report)
    else:
        ok("%s: each handshake was done by a cookie, and nothing kept" % tier,
           passive and passive["cookies"] == passive["syns"] == 5 and passive["syns_kept"] == 0,
           report)
        ok("%s: when their SYN came is not known, of any" % tier,
           passive and passive["syn_to_synack_ns"]["count"] == 0, report)
    ok("%s: the kernel counted as many cookies" % tier,
       report["counters"]["syncookies_received"] == 5, report["counters"])


# FIN_WAIT_2 that is not waited in, for the peer's FIN: once it is there, or on the way to it.
LINGER2 = """
import socket, sys, time
listener = socket.create_server(("127.0.0.1", 0))
for shut in (True, False):
    c = socket.create_connection(listener.getsockname())
    a, _ = listener.accept()
    c.setsockopt(socket.IPPROTO_TCP, socket.TCP_LINGER2, -1)
    if shut:
        c.shutdown(socket.SHUT_WR)
        a.recv(1)
        time.sleep(0.2)
    c.close()
    time.sleep(0.2)
    a.close()
"""


def linger2(tier):
    lines, _ = traced(tier, LINGER2)
    ends = [(line["orphaned"], line["reset_out"]) for line in lines
            if line["direction"] == "active"]
    ok("%s: whoever does not wait for a FIN resets" % tier, ends == [(False, True)] * 2, lines)


def sample(tier):
    """Both ends are many, and each of them is followed or counted."""
    if why_not_inside():
        skip("%s: --sample" % tier, "no namespace here: %s" % why_not_inside())
        return
    for _ in range(ATTEMPTS):
        said = there(IOREADY, "tcp", "-q", "--json", "--each", "-i", "0.2", "--tier", tier,
                     "--sample", "4", "--port", "8000", "--", sys.executable, "-c", PLAIN, "200")
        lines = [json.loads(line) for line in said.splitlines()]
        reports = [line for line in lines if "connections" in line]
        lines = [line for line in lines if "cookie" in line]
        report = reports.pop()
        if not lost(report):
            break
    passed = report["sample"]["passed_over"]
    active = [line for line in lines if line["direction"] == "active"]
    # One in four of 200: a run in a million is outside of this.
    ok("%s: --sample: each connection is followed, or counted" % tier,
       report["sample"]["one_in"] == 4 and passed["active"] + len(active) == 200 and
       20 <= len(active) <= 95, passed, len(active))
    ok("%s: --sample: who would have had the others is not known" % tier,
       passed["passive"] is None and 20 <= len(lines) - len(active) <= 95, passed, len(lines))
    ok("%s: --sample: intervals make up the whole" % tier,
       sum(part["sample"]["passed_over"]["active"] for part in reports) == passed["active"], passed)


def histograms(tier):
    """Buckets hold each of the times that are counted, and its quantiles."""
    _, report = traced(tier, LOOPBACK, "AF_INET", "127.0.0.1", "20", "0",
                       options=["--histograms"])
    bad = []
    for g in report["connections"]:
        for key, times in g.items():
            if not isinstance(times, dict) or "p50" not in times:
                continue
            buckets, seen = times["buckets"], 0
            for i, (low, high, n) in enumerate(buckets):
                seen += n
                if not low < high or n < 1 or i and low < buckets[i - 1][1]:
                    bad.append((key, buckets[i]))
                if seen >= times["count"] / 2 > seen - n and not \
                        low <= times["p50"] <= high:
                    bad.append((key, times["p50"], buckets[i]))
            if seen != times["count"] or buckets and not \
                    buckets[-1][0] <= times["max"] < buckets[-1][1]:
                bad.append((key, times))
    ok("%s: --histograms: buckets hold each of the times" % tier,
       len(report["connections"]) == 2 and not bad, bad, report["connections"])


# A server that wants to see data first, and is kept waiting. It is there until its input ends.
DEFERRED = """
import socket, sys, time
listener = socket.socket()
listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, 5)
listener.bind(("127.0.0.1", 8000))
listener.listen()
for _ in range(3):
    c = socket.create_connection(("127.0.0.1", 8000))
    time.sleep(0.05)
    c.sendall(b"x")
    a, _ = listener.accept()
    a.recv(1)
    c.close()
    a.close()
sys.stdin.read()
"""


def deferred(tier):
    """What a listener drops is not always harm: then the namespace has no drop."""
    what = "%s: TCP_DEFER_ACCEPT" % tier
    parts, drops = [], 0
    if why_not_inside():
        skip(what, "no namespace here: %s" % why_not_inside())
        return
    with subprocess.Popen([*ALONE, IOREADY, "tcp", "-q", "--json", "-i", "0.1", "--tier", tier,
                           "--", sys.executable, "-c", DEFERRED], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as tool:
        # For as long as the tool has not seen them all, but not for ever.
        late = threading.Timer(60, tool.stdin.close)
        late.start()
        for line in tool.stdout:
            parts.append(json.loads(line))
            if parts[-1]["window"]["interval"]:
                drops += sum(l["drops"] for l in parts[-1]["listeners"])
            if drops == 3:
                tool.stdin.close()
        late.cancel()
        why = tool.stderr.read()
    if tool.returncode:
        raise RuntimeError("status %d: %s" % (tool.returncode, why))
    ok("%s: an ACK each is dropped, and no connection by that" % what,
       drops == 3 and parts[-1]["counters"]["listen_drops"] == 0, drops, parts[-1])


# A server that does not read until its window is shut, and then all, or nothing. Said: for
# how long at least nothing could be sent.
WINDOW = """
import socket, sys, time
def shut():
    with open("/proc/net/netstat") as f:
        for names in f:
            values = dict(zip(names.split(), next(f).split()))
            if "TCPToZeroWindowAdv" in values:
                return int(values["TCPToZeroWindowAdv"])
listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
listener.bind(("127.0.0.1", 8000))
listener.listen()
c = socket.create_connection(("127.0.0.1", 8000))
a, _ = listener.accept()
c.setblocking(False)
sent = 0
try:
    while True:
        sent += c.send(b"x" * 1000)
except BlockingIOError:
    pass
while not shut():
    time.sleep(0.01)
# The peer is told by an ACK, which another processor may be about to take.
time.sleep(0.2)
begin = time.monotonic_ns()
# The first probe of what room there is comes after 0.2 s.
time.sleep(0.7)
end = time.monotonic_ns()
if sys.argv[1] == "reads":
    while sent:
        sent -= len(a.recv(100000))
c.close()
a.close()
# At once, for the tool writes to the same.
sys.stdout.write("%d\\n" % (end - begin))
"""


def windows(tier, how):
    """In a network namespace of its own, so that the kernel's counter is of this alone."""
    what = "%s: a server that %s" % (tier, how)
    if why_not_inside():
        skip(what, "no namespace here: %s" % why_not_inside())
        return
    for _ in range(ATTEMPTS):
        out = there(IOREADY, "tcp", "-q", "--json", "--data", "--each", "--tier", tier, "--",
                    sys.executable, "-c", WINDOW, how).splitlines()
        said = [line for line in out if not line.startswith("{")]
        lines = [json.loads(line) for line in out if line.startswith("{")]
        report = lines.pop()
        if not lost(report):
            break
    passive, active = group(report, "passive"), group(report, "active")
    if not passive or not active:
        ok("%s: a group of each end" % what, False, report["connections"])
        return
    own, peer = passive["own_zero_window_ns"], active["peer_zero_window_ns"]
    n = report["counters"]["zero_windows"]
    ok("%s: its window shuts as often as the kernel counts, and both ends say so" % what,
       own["count"] == peer["count"] == n > 0, own, peer, report["counters"])
    ok("%s: as long as it did not read, at least" % what,
       own["max"] >= int(said[0]) and peer["max"] >= int(said[0]), own, peer, said)
    ok("%s: the other direction is open" % what,
       passive["peer_zero_window_ns"]["count"] == active["own_zero_window_ns"]["count"] == 0,
       passive, active)
    ok("%s: so says the line of each" % what,
       sorted((line["own_zero_window_ns"]["count"], line["peer_zero_window_ns"]["count"])
              for line in lines) == [(0, n), (n, 0)], lines)


def input_errors():
    for args, status, says in (
            (["--port", "0"], 2, "port"), (["--port", "70000"], 2, "port"),
            (["--peer", "x"], 2, "no address"), (["--peer", "1.2.3.4/33"], 2, "bits"),
            (["--netns", "nowhere"], 1, "namespace nowhere"),
            (["--sample", "0"], 2, "sample"), (["--sample", "2", "--peer", "::1"], 2, "exclude"),
            (["--diagram", "--json"], 2, "picture"), (["--connections", "0"], 2, "connections"),
            (["-a", "-p", "1"], 2, "exclude")):
        done = ioready("tcp", "-d", "0.1", *args)
        ok("tcp %s: exit %d, and why" % (" ".join(args), status),
           done.returncode == status and says in done.stderr and not done.stdout,
           str(done.returncode), done.stderr)
    with open("/dev/full", "w") as full:
        done = subprocess.run([IOREADY, "tcp", "-q", "-d", "0.1"], stdout=full,
                              stderr=subprocess.PIPE, text=True, timeout=LIMIT)
    ok("tcp: a full disk", done.returncode == 1 and "No space" in done.stderr, done.stderr)
    done = ioready("tcp", "-q", "--each", "--diagram", "--", sys.executable, "-c", LOOPBACK,
                   "AF_INET", "127.0.0.1", "2", "0")
    ok("tcp: text has a line each, the picture and the tables",
       all(word in done.stdout for word in ("by us", "SYN-ACK", "Made by peers", "How they end")),
       done.stdout, done.stderr)
    done = ioready("tcp", "-q", "--diagram", "--", sys.executable, "-c", REFUSED)
    ok("tcp --diagram: of one that is refused too",
       "---- SYN " in done.stdout and "<--- RST              ----|  refused" in done.stdout,
       done.stdout, done.stderr)
    done = ioready("tcp", "-q", "--diagram", "--", "true")
    ok("tcp --diagram: of none, and says so", "There was no connection" in done.stdout, done.stdout,
       done.stderr)
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "out")
        ioready("tcp", "-q", "-d", "0.1", "-o", path)
        ok("tcp -o: for the owner alone", os.stat(path).st_mode & 0o777 == 0o600)


def main():
    subprocess.run(["ip", "link", "set", "lo", "up"], check=False)
    for tier in TIERS:
        loopback(tier, "AF_INET", "127.0.0.1")
        loopback(tier, "AF_INET", "127.0.0.1", n=3, delay=0.1)
        if os.path.exists("/proc/net/if_inet6"):
            loopback(tier, "AF_INET6", "::1")
            loopback(tier, "AF_INET6", "127.0.0.1")
        else:
            skip("%s: IPv6" % tier, "this kernel has none")
        room(tier)
        failures(tier)
        timeouts(tier)
        filters(tier)
        sample(tier)
        histograms(tier)
        linger2(tier)
        cookies(tier)
        deferred(tier)
        windows(tier, "reads")
        windows(tier, "reads nothing")
    input_errors()
    tap.plan()


main()
