#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""test_udp.py: ioready tcp --udp against datagrams of which everything is known, and against
the kernel's own counters of a network namespace that has nothing else in it; on each tier
that there is. Prints TAP.

Environment: O, where the program is (build); IOREADY_TIERS, with spaces between
(tracepoint).
"""
import json
import os
import subprocess
import sys
import tempfile

# What is generated goes to one place, and this is not it.
sys.dont_write_bytecode = True
import tap
from tap import ok, skip
from traced import (ALONE, ATTEMPTS, IOREADY, LIMIT, TIERS, inside, lost, why_not_inside,
                    why_not_whole)

HAS_IPV6 = os.path.exists("/proc/net/if_inet6")
# Kernels on which the tracepoint tier does not see who reads, nor what of IPv6 finds no room.
RELEASE = [int(n) for n in os.uname().release.split(".")[:2]]
OLD = RELEASE < [6, 3]


def refused(n):
    """Why a socket drops is told since 6.11."""
    return n if RELEASE >= [6, 11] else None


# What the programs below have in common.
COMMON = """
import os, select, socket, struct, sys
# A processor delivers in the order of what it sent, but perhaps later: so after that of a
# protocol which nobody has (RFC 4727) all that was sent before it is there.
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
def delivered():
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, 253) as s:
        s.sendto(b"x", ("127.0.0.1", 0))
        s.recv(100)
def bound(port, family=socket.AF_INET, rcvbuf=None):
    s = socket.socket(family, socket.SOCK_DGRAM)
    if rcvbuf:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
    s.bind(("::1" if family == socket.AF_INET6 else "127.0.0.1", port))
    return s
def send(port, size, n=1, family=socket.AF_INET):
    with socket.socket(family, socket.SOCK_DGRAM) as s:
        for _ in range(n):
            s.sendto(b"x" * size, ("::1" if family == socket.AF_INET6 else "127.0.0.1", port))
    delivered()
def spoil(port, size, n=1, family=socket.AF_INET):
    # A checksum that is wrong whatever the addresses are: it is that of other data.
    with socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_UDP) as s:
        for _ in range(n):
            s.sendto(struct.pack("!HHHH", 9, port, 8 + size, 1) + b"x" * size,
                     ("::1" if family == socket.AF_INET6 else "127.0.0.1", 0))
    delivered()
def drain(s):
    n = 0
    try:
        while True:
            s.recv(65536, socket.MSG_DONTWAIT)
            n += 1
    except BlockingIOError:
        return n
"""

# All ways to take a datagram, and to look at one. Says how many, and how many bytes.
RECEIVED = COMMON + """
family = getattr(socket, sys.argv[1])
s = bound(5000, family)
n = size = 0
for length in (0, 1, 68, 69, 1000, 60000):
    for take in (lambda: s.recv(65536), lambda: s.recvfrom(65536)[0],
                 lambda: os.read(s.fileno(), 65536), lambda: s.recvmsg(65536)[0]):
        send(5000, length, 1, family)
        for _ in range(3):
            s.recv(65536, socket.MSG_PEEK)
        select.select([s], [], [])
        size += len(take())
        n += 1
# Cut off: the rest is not read.
send(5000, 100, 1, family)
size += len(s.recv(10))
n += 1
# From a peer alone.
c = bound(5001, family)
c.connect(s.getsockname()[:2])
s.sendto(b"y" * 7, c.getsockname()[:2])
c.recv(100)
# Nothing is there.
try:
    s.recv(100, socket.MSG_DONTWAIT)
except BlockingIOError:
    pass
print(n, size, flush=True)
"""

# More than there is room for, and then what was there is read.
FULL = COMMON + """
family = getattr(socket, sys.argv[1])
s = bound(5000, family, 4096)
send(5000, 500, 200, family)
print(drain(s), flush=True)
s.close()
"""

SPOILT = COMMON + """
family = getattr(socket, sys.argv[1])
s = bound(5000, family)
# With the header, 76 bytes are the most that is looked at when it comes.
spoil(5000, 0, 1, family)
spoil(5000, 68, 4, family)
spoil(5000, 69, 3, family)
send(5000, 10, 1, family)
s.recv(100)
# Read, looked at, cut off, and by a poll that says that nothing is there.
spoil(5000, 500, 1, family)
send(5000, 10, 1, family)
s.recv(100, socket.MSG_PEEK)
spoil(5000, 500, 1, family)
send(5000, 10, 1, family)
s.recv(3)
s.recv(3)
spoil(5000, 500, 2, family)
if select.select([s], [], [], 0)[0]:
    raise RuntimeError("there is something")
send(5000, 10, 1, family)
s.recv(100)
# After its last read, before it is closed.
spoil(5000, 500, 2, family)
drain(s)
"""

# Loopback is not asked about policies, unless it is told to be.
BLOCKED = COMMON + """
import subprocess
with open("/proc/sys/net/ipv4/conf/lo/disable_policy", "w") as f:
    f.write("0")
s = bound(5000)
send(5000, 10)
s.recv(100)
if subprocess.run(["ip", "xfrm", "policy", "add", "src", "127.0.0.1/32", "dst", "127.0.0.1/32",
                   "proto", "udp", "dport", "5000", "dir", "in", "action", "block"],
                  stderr=subprocess.DEVNULL).returncode:
    sys.exit()
send(5000, 500, 4)
print(drain(s), flush=True)
"""

# Those that a socket's filter sees are looked at before it: 4 bytes of BPF that take all,
# or nothing.
FILTERED = COMMON + """
import ctypes
def attach(s, takes):
    code = ctypes.create_string_buffer(struct.pack("HBBI", 6, 0, 0, takes))
    s.setsockopt(socket.SOL_SOCKET, 26, struct.pack("HxxxxxxP", 1, ctypes.addressof(code)))
s = bound(5000)
attach(s, 65535)
spoil(5000, 500, 3)
send(5000, 500, 2)
print(drain(s), flush=True)
attach(s, 0)
send(5000, 500, 4)
attach(s, 65535)
send(5000, 500, 1)
print(drain(s), flush=True)
"""

# Two of the same port, and other processes; none of it is read.
PORTS = COMMON + """
s = bound(5000, socket.AF_INET)
t = bound(5000, socket.AF_INET6)
send(5000, 10, 3)
send(5000, 10, 2, socket.AF_INET6)
spoil(5000, 10, 2)
spoil(5999, 500, 4)
drain(s)
drain(t)
if not os.fork():
    u = bound(5002)
    send(5002, 10, 5)
    drain(u)
    os._exit(0)
os.wait()
"""

# What it waits for is said by its standard input, line for line.
STEPS = COMMON + """
s = bound(5000, socket.AF_INET, 4096)
r = bound(5001)
six = bound(5003, socket.AF_INET6, 4096) if os.path.exists("/proc/net/if_inet6") else None
send(5000, 500, 100)
had = drain(s)
spoil(5001, 500, 6)
send(5001, 10)
drain(r)
print("ready", flush=True)
for line in sys.stdin:
    if line == "full\\n":
        send(5000, 500, 100)
    elif line == "read\\n":
        send(5001, 10, 5)
        drain(r)
    elif line == "six\\n":
        send(5003, 500, 100, socket.AF_INET6)
        print(100 - drain(six), flush=True)
        continue
    print("done", flush=True)
"""


# Both at one port.
BOTH = COMMON + """
t = socket.socket()
t.bind(("127.0.0.1", 5000))
t.listen()
s = bound(5000)
send(5000, 10, 7)
drain(s)
with socket.create_connection(("127.0.0.1", 5000)) as c:
    a, _ = t.accept()
    for _ in range(3):
        c.send(b"x")
        a.recv(1)
    c.close()
    a.recv(1)
    a.close()
"""


class NotWhole(Exception):
    """Figures are lower bounds."""


def unless_skipped(test, tier, *args):
    try:
        test(tier, *args)
    except NotWhole as why:
        skip("%s: %s" % (tier, " ".join((test.__name__, *args))), str(why))


def traced(tier, program, *args, options=(), reports=False):
    """What the program says, and the report."""
    for _ in range(ATTEMPTS):
        done = inside(IOREADY, "tcp", "--udp", "-q", "--json", "--tier", tier, *options, "--",
                      sys.executable, "-c", program, *args)
        if done.returncode:
            raise RuntimeError("status %d: %s" % (done.returncode, done.stderr))
        said, found = [], []
        for line in done.stdout.splitlines():
            if line.startswith("{"):
                found.append(json.loads(line))
            else:
                said.append([int(word) for word in line.split()])
        if not lost(found[-1]):
            break
    if why_not_whole(found[-1]):
        raise NotWhole(why_not_whole(found[-1]))
    return (said, found) if reports else (said, found[-1])


def rows(report, **want):
    return [d for d in report["datagrams"] if all(d[k] == v for k, v in want.items())]


def row(report, **want):
    found = rows(report, **want)
    return found[0] if len(found) == 1 else None


def received(tier, family):
    what = "%s: %s" % (tier, family)
    said, report = traced(tier, RECEIVED, family)
    n, size = said[0]
    d = row(report, port=5000)
    ok("%s: a row of the port" % what, d and not lost(report), report["datagrams"],
       report["losses"])
    if not d:
        return
    ok("%s: each is received once, and none that was looked at" % what, d["received"] == n, said, d)
    ok("%s: bytes are those that the program got" % what, d["bytes"] == size, said, d)
    ok("%s: nothing is dropped" % what, d["dropped"] == d["buffer_full"] == d["out_of_memory"] ==
       0 and d["refused"] == refused(0) and d["checksum_errors"]["coming"] == d["checksum_errors"]["reading"] == 0, d)
    connected = row(report, port=5001)
    ok("%s: so is that of a socket with a peer" % what, connected and
       (connected["received"], connected["bytes"]) == (1, 7), connected)
    if family == "AF_INET":
        ok("%s: the kernel counts as many" % what, report["counters"]["udp_received"] == n + 1,
           report["counters"], d)
    if tier != "tracepoint":
        ok("%s: both sockets are seen to be closed" % what,
           d["ended"] == connected["ended"] == 1, d)
    else:
        ok("%s: that one is closed is not seen" % what, d["ended"] is None, d)


def full(tier, family):
    what = "%s: %s: a full buffer" % (tier, family)
    said, report = traced(tier, FULL, family)
    d = row(report, port=5000)
    there = said[0][0]
    ok("%s: what was sent is read or dropped" % what, d and there < 200 and
       d["buffer_full"] == 200 - there and d["received"] == there, said, report["datagrams"])
    ok("%s: nothing else is" % what, d and d["checksum_errors"]["reading"] == 0 and
       not d["checksum_errors"]["coming"] and not d["out_of_memory"] and not lost(report), d,
       report["losses"])
    if family == "AF_INET":
        ok("%s: the kernel counts as many" % what,
           d and d["buffer_full"] == report["counters"]["udp_buffer_drops"], d, report["counters"])


def spoilt(tier, family):
    what = "%s: %s: wrong checksums" % (tier, family)
    _, report = traced(tier, SPOILT, family)
    d = row(report, port=5000)
    ok("%s: one row" % what, d and not lost(report), report["datagrams"], report["losses"])
    if not d:
        return
    ok("%s: short ones are found when they come" % what, d["checksum_errors"]["coming"] == 5, d)
    # Where a close is not seen, the last figure of a socket is that of its last read.
    last = 0 if tier == "tracepoint" else 2
    ok("%s: long ones when they are read" % what, d["checksum_errors"]["reading"] == 7 + last, d)
    ok("%s: the others are received" % what, d["received"] == 4 and not d["buffer_full"], d)
    if family == "AF_INET":
        ok("%s: the kernel counts as many" % what,
           report["counters"]["udp_checksum_errors"] == 5 + 7 + 2, report["counters"])


def filtered(tier):
    what = "%s: a socket with a filter" % tier
    said, report = traced(tier, FILTERED)
    d = row(report, port=5000)
    ok("%s: spoilt ones are found when they come" % what, said == [[2], [1]] and d and
       d["checksum_errors"] == {"coming": 3, "reading": 0, "reading_kind": "derived"}, said,
       report["datagrams"])
    ok("%s: what it refuses is told apart" % what, d and d["refused"] == 3 + 4 and
       not d["buffer_full"] and d["received"] == 3, d)


def blocked(tier):
    what = "%s: what IPsec refuses" % tier
    said, report = traced(tier, BLOCKED)
    if not said:
        skip(what, "this kernel takes no policies of IPsec")
        return
    d = row(report, port=5000)
    # A kernel that does not say why it drops leaves it among what nothing else names.
    ok(what, said == [[0]] and d and d["dropped"] == 4 and d["refused"] == refused(4) and
       d["checksum_errors"]["reading"] == 4 - (refused(4) or 0), said, report["datagrams"])


def filters(tier):
    _, report = traced(tier, PORTS)
    seen = [row(report, port=5000), row(report, port=5002)]
    ok("%s: sockets of a process and port are one row, those of another process another" % tier,
       all(seen) and [(d["received"], d["sockets"]) for d in seen] == [(5, 2), (5, 1)] and
       seen[0]["pid"] != seen[1]["pid"], report["datagrams"])
    ok("%s: the spoilt are with the process of the port; a port of nobody is nobody's" % tier,
       seen[0] and seen[0]["checksum_errors"]["coming"] == 2 and not rows(report, port=5999),
       report["datagrams"])
    ok("%s: the kernel counts these too" % tier, report["counters"]["udp_checksum_errors"] == 6,
       report["counters"])
    _, report = traced(tier, PORTS, options=["--port", "5002"])
    ok("%s: --port: no other" % tier, [d["port"] for d in report["datagrams"]] == [5002] and
       row(report, received=5), report["datagrams"])
    _, report = traced(tier, PORTS, options=["--comm", "nobody"])
    ok("%s: --comm: no other" % tier, report["datagrams"] == [], report["datagrams"])
    _, report = traced(tier, PORTS, options=["--netns", str(os.getpid())])
    ok("%s: --netns: no other" % tier, report["datagrams"] == [], report["datagrams"])
    _, report = traced(tier, PORTS, options=["--netns", "/proc/self/ns/net"])
    ok("%s: --netns: those of the namespace" % tier, len(report["datagrams"]) == 2,
       report["datagrams"])


class Stepper:
    """A program, and ioready beside it, in a namespace of their own."""

    def __init__(self, tier, *options):
        self.directory = tempfile.TemporaryDirectory()
        self.program = subprocess.Popen(
            [*ALONE, sys.executable, "-c", STEPS], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True, bufsize=1)
        self.program.stdout.readline()
        options = [o.replace("PID", str(self.program.pid)) for o in options]
        self.path = os.path.join(self.directory.name, "out")
        self.tool = subprocess.Popen(
            ["nsenter", "--net=/proc/%d/ns/net" % self.program.pid, IOREADY, "tcp", "--udp", "-v",
             "-q", "--json", "--tier", tier, "-o", self.path, *options],
            stderr=subprocess.PIPE, text=True)
        # The window has begun when it says how long that took.
        self.begun = self.tool.stderr.readline()

    def step(self, what):
        self.program.stdin.write(what + "\n")
        return self.program.stdout.readline()

    def end(self):
        """The reports; the program lives on until they are there."""
        self.tool.send_signal(2)
        self.tool.communicate(timeout=LIMIT)
        self.program.stdin.close()
        self.program.wait()
        with open(self.path) as f:
            found = [json.loads(line) for line in f]
        self.directory.cleanup()
        return found


def before(tier, *options):
    """A process that was there before, and does not read."""
    what = "%s: %s" % (tier, " ".join(options) or "of everybody")
    s = Stepper(tier, *options)
    ok("%s: the window begins" % what, tier in s.begun, s.begun)
    s.step("full")
    s.step("read")
    no_room = int(s.step("six")) if HAS_IPV6 else 0
    found = s.end()
    d, e = row(found[-1], port=5000), row(found[-1], port=5001)
    ok("%s: who never reads has the socket" % what, d and d["pid"] == s.program.pid,
       found[-1]["datagrams"])
    ok("%s: what was dropped before is not the window's" % what, d and e and
       d["buffer_full"] == found[-1]["counters"]["udp_buffer_drops"] > 0 and not d["received"] and
       d["checksum_errors"]["reading"] == e["checksum_errors"]["reading"] == 0 and
       e["received"] == (None if OLD and tier == "tracepoint" else 5), found[-1]["datagrams"],
       found[-1]["counters"])
    if not HAS_IPV6:
        return
    six = row(found[-1], port=5003)
    known = not (OLD and tier == "tracepoint")
    ok("%s: what is dropped over IPv6 is told%s" % (what, "" if known else ", but not why"),
       six and six["dropped"] == no_room > 0 and
       six["buffer_full"] == (no_room if known else None) and
       six["checksum_errors"]["reading"] == (0 if known else None), no_room, six)


def intervals(tier):
    s = Stepper(tier, "-i", "0.2", "-p", "PID")
    for _ in range(4):
        s.step("read")
        s.step("full")
    found = s.end()
    whole, parts = found[-1], found[:-1]
    for key in ("received", "buffer_full", "bytes"):
        total = sum(d[key] or 0 for part in parts for d in part["datagrams"])
        want = sum(d[key] or 0 for d in whole["datagrams"])
        ok("%s: intervals make up the whole: %s" % (tier, key), total == want and
           (want or whole["datagrams"][0][key] is None), total, want)


def text(tier):
    done = inside(IOREADY, "tcp", "--udp", "-q", "--tier", tier, "--", sys.executable, "-c", FULL,
                  "AF_INET")
    ok("%s: text says it in words, then in a table" % tier,
       "datagrams" in done.stdout and "found the receive buffer full" in done.stdout and
       "UDP RECEIVED" in done.stdout and "port 5000" in done.stdout, done.stdout, done.stderr)
    done = inside(IOREADY, "tcp", "--udp", "-q", "--tier", tier, "--", sys.executable, "-c", BOTH)
    table = done.stdout.partition("TCP beside UDP")[2].partition("\n\n")[0]
    line = [words for words in map(str.split, table.splitlines()) if "port" in words]
    # Process and its number, port and its number, reads, holes, behind a hole, resent, our
    # window, received, no room, spoilt.
    ok("%s: TCP and UDP of one port are one line" % tier, len(line) == 1 and
       line[0][2:4] + line[0][5:] == ["port", "5000", "0", "-", "0", "-", "7", "0", "0"] and
       line[0][4] in ("3", "-"), done.stdout, done.stderr)
    done = inside(IOREADY, "tcp", "-q", "--json", "--tier", tier, "--", sys.executable, "-c", FULL,
                  "AF_INET")
    ok("%s: without --udp there is nothing of it" % tier,
       json.loads(done.stdout.splitlines()[-1])["datagrams"] is None, done.stdout, done.stderr)


def main():
    if why_not_inside():
        skip("datagrams", "no namespace here: %s" % why_not_inside())
        tap.plan()
        return
    for tier in TIERS:
        before(tier)
        # Filters, intervals and printers are the same on each tier.
        if tier == TIERS[0]:
            before(tier, "-p", "PID")
            before(tier, "-t", "PID")
            intervals(tier)
        if OLD and tier == "tracepoint":
            # Nobody is seen to read, so what is closed before a snapshot is nobody's.
            skip("%s: sockets of a command" % tier, "before Linux 6.3 nobody is seen to read")
            continue
        for family in ("AF_INET", "AF_INET6"):
            if family == "AF_INET6" and not HAS_IPV6:
                skip("%s: IPv6" % tier, "this kernel has none")
                continue
            for test in (received, full, spoilt):
                unless_skipped(test, tier, family)
        unless_skipped(filtered, tier)
        unless_skipped(blocked, tier)
        if tier == TIERS[0]:
            unless_skipped(filters, tier)
            text(tier)
    tap.plan()


main()
