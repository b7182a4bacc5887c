# SPDX-License-Identifier: GPL-2.0-or-later
"""Connections between test hosts in known ways, and what the tool must say of each.

A case makes its connections and adds what is expected to a Truth: of lines by their ends,
of groups by direction and port, of minisocks. A value, or a Between where the program's
own clock, read before and after a call, has what happened in between.
"""
import errno
import os
import select
import socket
import struct
import time

from hosts import (ACK, AWAY, FIN, FIN_WAIT1, FIN_WAIT2, MINISOCK, MS, RST, SYN, SYN_RECV,
                   TIME_WAIT, now, wait_for)

NODELAY = (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
ABORT = (socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
TCP_FASTOPEN = 23
MPTCP = 262


class Between:
    """A number from low on, to high if there is one."""

    def __init__(self, low, high=None):
        self.low, self.high = low, high

    def __eq__(self, other):
        return isinstance(other, (int, float)) and not isinstance(other, bool) and \
            self.low <= other and (self.high is None or other <= self.high)

    def __repr__(self):
        return "%s to %s" % (self.low, "any" if self.high is None else self.high)


class Times:
    """Of so many, each of them more than 0."""

    def __init__(self, n):
        self.n = n

    def __eq__(self, other):
        return other["count"] == self.n and other["sum"] >= self.n

    def __repr__(self):
        return "%d times" % self.n


class Set:
    """An object with these keys, and perhaps those; which of them may be null."""

    def __init__(self, *keys, perhaps=(), null=()):
        self.keys, self.perhaps, self.null = set(keys), set(perhaps), set(null)

    def __eq__(self, other):
        return self.keys <= set(other) <= self.keys | self.perhaps and \
            {key for key in other if other[key] is None} <= self.null

    def __repr__(self):
        return "with %s" % sorted(self.keys)


def text(address):
    """As the tool writes an end of a connection."""
    return ("[%s]:%d" if ":" in address[0] else "%s:%d") % address[:2]


def read(s, n):
    got = b""
    while len(got) < n:
        more = s.recv(n - len(got))
        if not more:
            break
        got += more
    return len(got)


def readable(s, seconds=30):
    if not select.select([s], [], [], seconds)[0]:
        raise TimeoutError("nothing to read")


class Truth:
    def __init__(self):
        self.lines = []			# what, {key: value}
        self.groups = []		# what, {key: value} that finds, {key: value}
        self.minisocks = {"born": 0, "expired": 0, "reused": 0, "cut_short": 0}
        self.kept = []			# sockets that stay open
        self.keep_ports = set()

    def line(self, what, local, remote, **want):
        want.update(local=text(local), remote=text(remote))
        self.lines.append((what, want))

    def group(self, what, find, **want):
        self.groups.append((what, find, want))

    def left_behind(self, **counts):
        for key, n in counts.items():
            self.minisocks[key] += n


class Connected:
    """A connection, with both ends in this process, and the clock around its making."""

    def __init__(self, listener, address, client, family=socket.AF_INET, port=None, protocol=0):
        self.c = client.new(family, protocol)
        self.c.setsockopt(*NODELAY)
        if port is not None:
            self.c.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.c.bind(("", port))
        self.before = now()
        self.c.connect((address, listener.getsockname()[1]))
        self.connected = now()
        self.a, _ = listener.accept()
        self.accepted = now()
        self.a.setsockopt(*NODELAY)
        self.local, self.remote = self.c.getsockname(), self.c.getpeername()
        # Of the server's own: mapped, where it is.
        self.at, self.of = self.a.getsockname(), self.a.getpeername()

    def active(self, truth, what, **want):
        truth.line(what + ", active", self.local, self.remote, **{
            "direction": "active", "established": True, "failure": None,
            "handshake_ns": Between(1, self.connected - self.before),
            "syn_retransmits": 0, "syn_retransmits_ns": [],
            "reset_in": False, "reset_out": False, "half_closed": False,
            "fastopen": False, "multipath": False, "pid": os.getpid(), **want})

    def passive(self, truth, what, **want):
        truth.line(what + ", passive", self.at, self.of, **{
            "direction": "passive", "established": True, "failure": None,
            "ack_to_accept_ns": Between(0, self.accepted - self.before),
            "syn_retransmits": 0,
            "reset_in": False, "reset_out": False, "half_closed": False,
            "fastopen": False, "multipath": False, "pid": os.getpid(), **want})


def failed(**counts):
    return {"refused": 0, "reset": 0, "timed_out": 0, "unreachable": 0, "given_up": 0, "other": 0,
            **counts}


# --- the ways of a close ------------------------------------------------------------------

# If the other closes late, a minisock goes on with FIN_WAIT_2.
CLOSES_FIRST = Set("established", "fin-wait-1", "fin-wait-2", perhaps=["syn-sent", "closing"],
                   null=["fin-wait-2"])
CLOSES_SECOND = Set("established", "close-wait", "last-ack", perhaps=["syn-sent"])


def exchange(net, truth, what, server, client, family, address, bound=None):
    """Four connections: each way to close, other bytes on each."""
    listener = server.listen(bound if bound is not None else address, family)
    port = listener.getsockname()[1]
    total = {"in": 0, "out": 0}
    for i in range(4):
        up, down = 1000 + i, 200000 + 3 * i
        x = Connected(listener, address, client, socket.AF_INET if family == socket.AF_INET or
                      "." in address else family)
        c, a = x.c, x.a
        c.sendall(b"x" * up)
        read(a, up)
        a.sendall(b"y" * down)
        read(c, down)
        if i == 0:			# the client
            c.close()
            a.recv(1)
            a.close()
        elif i == 1:			# the server
            a.close()
            c.recv(1)
            c.close()
        elif i == 2:			# the client half, and is answered
            c.shutdown(socket.SHUT_WR)
            a.recv(1)
            a.sendall(b"z" * 500)
            down += read(c, 500)
            a.close()
            c.recv(1)
            c.close()
        else:				# the server half
            a.shutdown(socket.SHUT_WR)
            c.recv(1)
            c.sendall(b"z" * 300)
            up += read(a, 300)
            c.close()
            a.recv(1)
            a.close()
        first, second = ("local", "remote") if i in (0, 2) else ("remote", "local")
        x.active(truth, "%s %d" % (what, i), bytes_out=up, bytes_in=down, closed_first=first,
                 half_closed=i == 2, life_ns=Between(1),
                 states_ns=CLOSES_FIRST if first == "local" else CLOSES_SECOND)
        x.passive(truth, "%s %d" % (what, i), bytes_out=down, bytes_in=up, closed_first=second,
                  half_closed=i == 3, life_ns=Between(1),
                  states_ns=CLOSES_FIRST if second == "local" else CLOSES_SECOND)
        truth.left_behind(born=1)
        total["in"] += up
        total["out"] += down
    listener.close()
    common = {"connections": 4, "established": 4, "ended": 4, "seeded": 0, "resets_in": 0,
              "resets_out": 0, "half_closed": 1, "syn_retransmits": 0, "fastopen": 0,
              "multipath": 0, "pid": os.getpid(),
              "closed_first": {"none": 0, "local": 2, "remote": 2, "both": 0}}
    truth.group(what + ", passive", {"direction": "passive", "port": port, "netns": server.inode},
                accepted=4, unaccepted=0, bytes_in=total["in"], bytes_out=total["out"],
                synack_retransmits=0, **common)
    truth.group(what + ", active", {"direction": "active", "port": port, "netns": client.inode},
                bytes_in=total["out"], bytes_out=total["in"],
                failed=failed(), **common)


def exchanges(net, truth):
    v4, v6 = socket.AF_INET, socket.AF_INET6
    s, c = net.server, net.client
    exchange(net, truth, "loopback, IPv4", s, s, v4, "127.0.0.1")
    exchange(net, truth, "veth, IPv4", s, c, v4, s.veth[v4])
    if not os.path.exists("/proc/net/if_inet6"):
        return
    exchange(net, truth, "loopback, IPv6", s, s, v6, "::1")
    exchange(net, truth, "veth, IPv6", s, c, v6, s.veth[v6])
    exchange(net, truth, "veth, IPv4-mapped server", s, c, v6, s.veth[v4], "::")
    exchange(net, truth, "loopback, IPv4-mapped both", s, s, v6, "::ffff:127.0.0.1", "::")


def resets(net, truth):
    listener = net.server.listen()
    address = net.server.veth[socket.AF_INET]

    def pair():
        return Connected(listener, address, net.client)
    gone, back = {"reset_out": True, "closed_first": "none"}, \
        {"reset_in": True, "closed_first": "none"}
    x = pair()
    x.c.setsockopt(*ABORT)
    x.c.close()
    readable(x.a)
    x.a.close()
    x.active(truth, "no linger", bytes_in=0, bytes_out=0, **gone)
    x.passive(truth, "no linger", bytes_in=0, bytes_out=0, **back)
    x = pair()
    x.c.sendall(b"x" * 100)
    readable(x.a)
    x.a.close()
    readable(x.c)
    x.c.close()
    x.active(truth, "data unread", bytes_in=0, bytes_out=100, **back)
    x.passive(truth, "data unread", bytes_in=100, bytes_out=0, **gone)
    # A client that has shut down its half, and does not read the answer.
    x = pair()
    x.c.shutdown(socket.SHUT_WR)
    x.a.recv(1)
    x.a.sendall(b"y" * 100)
    readable(x.c)
    x.c.close()
    readable(x.a)
    wait_for("the reset", lambda: x.a.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))
    x.a.close()
    x.active(truth, "answer unread", bytes_in=100, bytes_out=0, half_closed=True,
             reset_out=True, closed_first="local")
    x.passive(truth, "answer unread", bytes_in=0, bytes_out=100, reset_in=True,
              closed_first="remote")
    # One that has closed gets data.
    x = pair()
    data_to_closed(net, x)
    x.active(truth, "data to whom has closed", closed_first="local")
    x.passive(truth, "data to whom has closed", closed_first="remote", reset_in=True, bytes_in=0)
    truth.left_behind(born=1, cut_short=1)
    # disconnect(2), as it might be called.
    x = pair()
    disconnect(x.c)
    readable(x.a)
    x.a.close()
    x.c.close()
    x.active(truth, "disconnected", **gone)
    x.passive(truth, "disconnected", **back)
    truth.group("resets, passive", {"direction": "passive", "port": listener.getsockname()[1]},
                connections=5, accepted=5, resets_in=4, resets_out=1)
    truth.group("resets, active", {"direction": "active", "port": listener.getsockname()[1]},
                connections=5, resets_in=1, resets_out=3)
    listener.close()


def data_to_closed(net, x):
    """The client has closed, and gets data: its minisock ends, and the server is reset."""
    x.c.close()
    x.a.recv(1)
    # Before its FIN is acknowledged there is no minisock, and no way to tell.
    net.client.await_minisock(x.local[1], x.remote[1], FIN_WAIT2)
    x.a.sendall(b"y" * 100)
    wait_for("the reset", lambda: x.a.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))
    x.a.close()


def disconnect(s):
    from hosts import libc
    unspecified = struct.pack("H14x", socket.AF_UNSPEC)
    if libc.connect(s.fileno(), unspecified, len(unspecified)):
        raise OSError("connect(AF_UNSPEC)")


def accept_waits(net, truth):
    """Accepted a tenth of a second after they stand in the queue."""
    listener = net.server.listen()
    port = listener.getsockname()[1]
    clients = []
    for _ in range(3):
        c = net.client.new()
        before = now()
        c.connect((net.server.veth[socket.AF_INET], port))
        clients.append((c, before))
    # All are in it when each is: the kernel's own word.
    wait_for("the queue", lambda: queue_of(listener) == 3)
    time.sleep(0.101)
    split = []
    waited = now()
    for c, before in clients:
        a, _ = listener.accept()
        accepted = now()
        truth.line("accept wait", a.getsockname(), a.getpeername(), direction="passive",
                   ack_to_accept_ns=Between(100 * MS, accepted - before))
        split.append(waited - before)
        c.close()
        a.recv(1)
        a.close()
        truth.left_behind(born=1)
    truth.group("accept wait", {"direction": "passive", "port": port}, connections=3, accepted=3)
    truth.accept_port = port
    truth.split_max = max(split)
    listener.close()


def queue_of(listener):
    """tcpi_unacked of a listener: how many wait for accept()."""
    info = listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
    return struct.unpack_from("I", info, 24)[0]


def resent(s):
    """tcpi_total_retrans."""
    return struct.unpack_from("I", s.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104), 100)[0]


def close_waits(net, truth):
    """Two that the program forgets: their peers have closed."""
    listener = net.server.listen()
    port = listener.getsockname()[1]
    for _ in range(2):
        x = Connected(listener, net.server.veth[socket.AF_INET], net.client)
        x.c.close()
        x.a.recv(1)
        truth.kept.append(x.a)
        truth.keep_ports.add(x.local[1])
        # The peer's FIN never comes: FIN_WAIT_2 is not over.
        x.active(truth, "to whom forgets", closed_first="local", orphaned=True,
                 states_ns=CLOSES_FIRST)
        truth.left_behind(born=1)
    truth.forgot_port = port
    truth.kept.append(listener)
    truth.group("forgotten, passive", {"direction": "passive", "port": port}, connections=2,
                accepted=2, ended=0)


# --- what the wire does -------------------------------------------------------------------

def sent_again(net, port):
    """What the lines of both ends say of SYNs and SYN-ACKs: TCP sends again what is late by a
    second, whatever the test says."""
    syns, synacks = (len(net.wire.seen(port, flags)) - 1 for flags in (SYN, SYN | ACK))
    return ({"syn_retransmits": syns, "syn_retransmits_ns": [Between(900 * MS)] * syns},
            {"syn_retransmits": synacks})


def slow(net, truth):
    """20 ms each way."""
    listener = net.server.listen()
    port = listener.getsockname()[1]
    net.wire.rule = lambda p: 20 * MS if p.of(port) else None
    for _ in range(3):
        x = Connected(listener, net.server.wire, net.client)
        x.c.close()
        x.a.recv(1)
        x.a.close()
        local = x.local[1]
        wait_for("its last ACK", lambda: not [s for s in net.server.states()
                                              if s[1] == local and s[2] != "06"])
        syn, synack = net.wire.seen(local, SYN)[0], net.wire.seen(local, SYN | ACK)[0]
        active, passive = sent_again(net, local)
        x.active(truth, "20 ms each way", closed_first="local",
                 handshake_ns=Between(40 * MS, x.connected - x.before), **active)
        x.passive(truth, "20 ms each way", closed_first="remote", **passive)
        span = Between(40 * MS, x.accepted - syn.given)
        truth.lines[-1][1]["exact"] = {
            "syn_to_synack_ns": Between(0, synack.taken - syn.given), "synack_to_ack_ns": span}
        if not passive["syn_retransmits"]:
            # Otherwise tracepoints have none.
            truth.lines[-1][1]["synack_to_ack_ns"] = span
        truth.left_behind(born=1)
    listener.close()
    net.wire.rule = lambda p: None
    truth.group("20 ms each way", {"direction": "active", "port": port}, connections=3)


def crossing(net, truth):
    """Both close while neither knows of the other."""
    listener = net.server.listen()
    x = Connected(listener, net.server.wire, net.client)
    port = x.local[1]
    net.wire.rule = lambda p: "hold" if p.of(port) and p.flags & FIN else None
    x.c.shutdown(socket.SHUT_WR)
    x.a.shutdown(socket.SHUT_WR)
    # Of each at least one: it is sent again, where that is late.
    wait_for("both FINs", lambda: {p.to for p in net.wire.held} == set(net.hosts))
    net.wire.rule = lambda p: None
    net.wire.release()
    x.c.recv(1)
    x.a.recv(1)
    x.c.close()
    x.a.close()
    listener.close()
    crossed = Set("established", "fin-wait-1", "closing", perhaps=["syn-sent"])
    active, passive = sent_again(net, x.local[1])
    x.active(truth, "FINs cross", closed_first="both", states_ns=crossed, half_closed=True,
             bytes_in=0, bytes_out=0, **active)
    x.passive(truth, "FINs cross", closed_first="both", states_ns=crossed, half_closed=True,
              bytes_in=0, bytes_out=0, **passive)
    truth.left_behind(born=2)


def orphans(net, truth):
    """FIN_WAIT_2 that nobody reads, for a second."""
    listener = net.server.listen()
    net.client.sysctl("ipv4.tcp_fin_timeout", 1)
    x = Connected(listener, net.server.wire, net.client)
    x.c.close()
    x.a.recv(1)
    # How long it lives is decided when it is made: until it is there, or has been.
    wait_for("a minisock", lambda: not [
        row for row in net.client.sockets() if row[:2] == (x.local[1], x.remote[1]) and
        (row[2], row[3]) != (FIN_WAIT2, MINISOCK)])
    x.active(truth, "orphan", closed_first="local", orphaned=True, states_ns=CLOSES_FIRST,
             **sent_again(net, x.local[1])[0])
    truth.left_behind(born=1, expired=1)
    truth.orphan_port = x.local[1]
    truth.kept += [x.a, listener]
    truth.keep_ports.add(x.local[1])
    net.client.sysctl("ipv4.tcp_fin_timeout", 60)


def reuse(net, truth, between):
    """The same port again, before TIME_WAIT is over: between() takes more than a second."""
    listener = net.server.listen()
    net.client.sysctl("ipv4.tcp_tw_reuse", 1)
    port = 0
    for i in range(2):
        x = Connected(listener, net.server.wire, net.client, port=port)
        port = x.local[1]
        x.c.close()
        x.a.recv(1)
        if not i:
            # Its minisock begins as this, and the peer's FIN comes to it.
            net.client.await_minisock(port, x.remote[1], FIN_WAIT2)
        x.a.close()
        if not i:
            net.client.await_minisock(port, x.remote[1], TIME_WAIT)
            between()
    truth.left_behind(born=2, reused=1)
    truth.reused = x
    listener.close()


def taken_over(net, truth):
    """A SYN that comes to the server's TIME_WAIT, which it takes the place of."""
    listener = net.server.listen()
    x = Connected(listener, net.server.veth[socket.AF_INET], net.client)
    x.a.close()
    x.c.recv(1)
    net.server.await_minisock(x.remote[1], x.local[1], FIN_WAIT2)
    x.c.close()
    net.server.await_minisock(x.remote[1], x.local[1], TIME_WAIT)
    # Until the client has no socket there any more.
    wait_for("its end", lambda: x.local[1] not in [s[0] for s in net.client.states()])
    again = Connected(listener, net.server.veth[socket.AF_INET], net.client, port=x.local[1])
    again.c.close()
    again.a.recv(1)
    again.a.close()
    truth.left_behind(born=2, reused=1)
    truth.group("a SYN to TIME_WAIT", {"direction": "passive", "port": x.remote[1]},
                connections=2, established=2, ended=2, accepted=2)
    listener.close()


def crossing_syns(net, truth, closes):
    """Both connect to each other, and one of them gives up before the other's answer came; the
    other has closed by then, or waits."""
    ends = [host.new() for host in (net.client, net.server)]
    for host, s in zip((net.client, net.server), ends):
        s.bind((host.wire, 0))
    client, server = (s.getsockname() for s in ends)
    net.wire.rule = lambda p: "hold" if p.of(client[1], SYN) else None
    first_try(ends[0], server)
    first_try(ends[1], client)
    wait_for("both SYNs", lambda: {p.to for p in net.wire.held} == set(net.hosts))
    # No answer but a reset comes through.
    net.wire.rule = lambda p: "drop" if p.of(client[1]) and not p.flags & RST else None
    net.wire.release()
    for host, (local, remote) in ((net.client, (client, server)), (net.server, (server, client))):
        wait_for("its SYN", lambda: (local[1], remote[1], SYN_RECV) in host.states())
    if closes:
        ends[1].close()
        wait_for("its FIN", lambda: (server[1], client[1], FIN_WAIT1) in net.server.states())
    ends[0].setsockopt(*ABORT)
    ends[0].close()
    if closes:
        wait_for("the reset", lambda: server[1] not in [s[0] for s in net.server.states()])
    elif outcome(ends[1]) != errno.ECONNRESET:
        raise RuntimeError("no reset came")
    ends[1].close()
    net.wire.rule = lambda p: None
    common = {"direction": "active", "established": False, "handshake_ns": None, "life_ns": None,
              "pid": os.getpid()}
    truth.line("both connect, who gives up", client, server, failure="given_up", reset_in=False,
               reset_out=True, closed_first="none", states_ns=Set("syn-sent", "syn-recv"), **common)
    truth.line("both connect, who gets the reset", server, client, failure="reset", reset_in=True,
               reset_out=False, closed_first="local" if closes else "none",
               states_ns=Set("syn-sent", "syn-recv", *(["fin-wait-1"] if closes else [])), **common)
    truth.group("a reset", {"direction": "active", "port": client[1]}, connections=1,
                established=0, failed=failed(reset=1))


def not_taken_over(net, truth):
    """A minisock is cut short by data; then a SYN comes, from its port to its port."""
    v4, server, client = socket.AF_INET, net.server, net.client
    listener = server.listen()
    x = Connected(listener, server.veth[v4], client)
    listener.close()
    data_to_closed(net, x)
    # Before 6.10, what comes at once is taken for what the minisock made room for.
    time.sleep(0.05)
    back = client.listen(port=x.local[1])
    again = Connected(back, client.veth[v4], server, port=x.remote[1])
    again.c.close()
    again.a.recv(1)
    again.a.close()
    back.close()
    truth.left_behind(born=2, cut_short=1)


def first_try(s, address):
    """connect() that does not wait for the answer."""
    s.setblocking(False)
    try:
        s.connect(address)
    except BlockingIOError:
        pass


def outcome(s):
    """What became of a first_try(): an error, or 0. That select() finds it writable does not
    tell: tcp_v4_err() of the kernel queues what ICMP said, and wakes, before it ends the
    connection, or where it does not end it. And a guest's clock may leap over a time-out."""
    syn_sent = 2
    wait_for("an answer", lambda: select.select([], [s], [], 1)[1] and
             s.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] != syn_sent, 60)
    return s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)


def failures(net, truth):
    """No answer, or the wrong one."""
    server, client = net.server, net.client
    listener = server.listen()
    port = listener.getsockname()[1]
    closed = server.listen()
    nobody = closed.getsockname()[1]
    closed.close()
    client.sysctl("ipv4.tcp_syn_retries", 1)
    pid = os.getpid()
    common = {"direction": "active", "established": False, "handshake_ns": None, "life_ns": None,
              "bytes_in": 0, "bytes_out": 0, "closed_first": "none", "pid": pid, "srtt_us": None}
    lost = {}

    def rule(p):
        # The first SYN of one, every one of the others.
        if p.flags == SYN and p.source in lost and lost[p.source]:
            lost[p.source] -= 1
            return "drop"
        return None
    net.wire.rule = rule

    def start(address, losses):
        s = client.new()
        s.bind((client.wire, 0))
        lost[s.getsockname()[1]] = losses
        first_try(s, address)
        return s, s.getsockname()
    silent, at_silent = start((server.wire, port), 1000)
    late, at_late = start((server.wire, port), 1)
    lazy, at_lazy = start((server.wire, port), 1000)
    wait_for("its SYN", lambda: net.wire.seen(at_lazy[1], SYN))
    # Now, for on a busy machine its time-out might come first.
    lazy.close()
    refused, at_refused = start((server.wire, nobody), 0)
    away, at_away = start((AWAY, port), 0)
    for s, number in ((refused, errno.ECONNREFUSED), (away, errno.EHOSTUNREACH)):
        got = outcome(s)
        if got != number:
            raise RuntimeError("error %d, not %d" % (got, number))
    truth.line("refused", at_refused, (server.wire, nobody), failure="refused", reset_in=True,
               **sent_again(net, at_refused[1])[0], **common)
    # What ICMP says while connect() goes on is not heeded: then it is sent again.
    truth.line("unreachable", at_away, (AWAY, port), failure="unreachable",
               syn_retransmits=len(net.wire.seen(at_away[1], SYN)) - 1, **common)
    # Meanwhile the second SYN of one comes through.
    outcome(late)
    late.setblocking(True)
    a, _ = listener.accept()
    late.close()
    a.recv(1)
    a.close()
    active, passive = sent_again(net, at_late[1])
    truth.line("its SYN was lost", at_late, (server.wire, port), direction="active",
               established=True, failure=None, handshake_ns=Between(900 * MS),
               closed_first="local", **active)
    truth.line("whose SYN was lost", (server.wire, port), at_late, direction="passive",
               **passive, exact={"syn_to_synack_ns": Between(0, 900 * MS)})
    truth.left_behind(born=1)
    got = outcome(silent)
    if got != errno.ETIMEDOUT:
        raise RuntimeError("error %d, not a time-out" % got)
    truth.line("no answer", at_silent, (server.wire, port), failure="timed_out",
               states_ns=Set("syn-sent"), **sent_again(net, at_silent[1])[0], **common)
    truth.line("given up", at_lazy, (server.wire, port), failure="given_up",
               states_ns=Set("syn-sent"), reset_in=False, reset_out=False,
               **sent_again(net, at_lazy[1])[0], **common)
    for s in (silent, refused, away, listener):
        s.close()
    truth.group("failures", {"direction": "active", "port": port, "peer": "%s:%d" % (server.wire, port)},
                connections=3, established=1, ended=3,
                failed=failed(timed_out=1, given_up=1))
    truth.group("refused", {"direction": "active", "port": nobody}, connections=1, established=0,
                failed=failed(refused=1))
    truth.group("unreachable", {"direction": "active", "peer": "%s:%d" % (AWAY, port)},
                connections=1, failed=failed(unreachable=1))
    net.wire.rule = lambda p: None
    client.sysctl("ipv4.tcp_syn_retries", 6)


def holes(net, truth):
    """The first segment comes 30 ms after the second, and is read 50 ms after that."""
    listener = net.server.listen()
    x = Connected(listener, net.server.wire, net.client)
    port = x.local[1]
    net.wire.rule = lambda p: "hold" if p.of(port) and p.to is net.server and p.length else None
    x.c.sendall(b"x" * 100)
    wait_for("the first", lambda: net.wire.held)
    first = net.wire.held[0]
    # What the client sends anew meanwhile is lost.
    net.wire.rule = lambda p: "drop" if p.of(port) and p.to is net.server and \
        p.length not in (0, 200) else None
    x.c.sendall(b"x" * 200)
    wait_for("the second", lambda: [p for p in net.wire.seen(port) if p.length == 200 and p.there])
    second = [p for p in net.wire.seen(port) if p.length == 200][0]
    time.sleep(0.03)
    net.wire.release()
    net.wire.rule = lambda p: None
    readable(x.a)
    time.sleep(0.051)
    read(x.a, 300)
    done = now()
    x.c.close()
    x.a.recv(1)
    x.a.close()
    listener.close()
    active, passive = sent_again(net, x.local[1])
    x.active(truth, "a hole", bytes_out=300, **active)
    x.passive(truth, "a hole", bytes_in=300, **passive, behind_missing_ns={
        "count": 1, "sum": Between(first.given - second.there, first.there - second.given),
        "max": Between(first.given - second.there, first.there - second.given)})
    truth.lines[-1][1]["arrival"] = {"arrived_to_read_ns": {
        "count": Between(1), "sum": Between(50 * MS, done - second.given),
        "max": Between(50 * MS, done - second.given)}}
    truth.left_behind(born=1)


# --- classes ------------------------------------------------------------------------------

def no_cookies(net):
    """The client has none of Fast Open's. Before a window, as is all that takes a program: while
    that begins, a guest's clock may leap by seconds."""
    net.client.ip("tcp_metrics", "flush")


def fast(net, truth, both, client_sends=b"x" * 100):
    """Fast Open: the first asks for a cookie, the second brings data; the third is accepted
    and read before its ACK has come. To be begun with no_cookies()."""
    for host in net.hosts:
        host.sysctl("ipv4.tcp_fastopen", 3)
    listener = net.server.listen()
    listener.setsockopt(socket.IPPROTO_TCP, TCP_FASTOPEN, 16)
    port = listener.getsockname()[1]
    for i in range(3):
        c = net.client.new()
        c.setblocking(False)
        net.wire.rule = lambda p: "hold" if i == 2 and p.of(port) and p.to is net.client else None
        before = now()
        try:
            c.sendto(client_sends, socket.MSG_FASTOPEN, (net.server.wire, port))
        except BlockingIOError:
            pass
        sent = c.getsockname()
        if i == 0:
            select.select([], [c], [])
            c.send(client_sends)
        a, _ = listener.accept()
        accepted = now()
        read(a, len(client_sends))
        net.wire.rule = lambda p: None
        net.wire.release()
        select.select([], [c], [])
        c.setblocking(True)
        # The ACK of the SYN-ACK has come when this has been answered.
        c.send(b"z")
        read(a, 1)
        c.close()
        a.recv(1)
        a.close()
        name = ("asks for a cookie", "brings data", "is accepted before its ACK")[i]
        if both:
            truth.line(name + ", active", sent, (net.server.wire, port), direction="active",
                       fastopen=True, bytes_out=len(client_sends) + 1, established=True)
        truth.line(name + ", passive", (net.server.wire, port), sent, direction="passive",
                   fastopen=i > 0, bytes_in=len(client_sends) + 1, established=True,
                   pid=os.getpid(), exact={"cookie_syn": False})
        truth.lines[-1][1]["ack_to_accept_ns"] = Between(0, accepted - before) if i < 2 else 0
        truth.left_behind(born=1)
    truth.group("Fast Open", {"direction": "passive", "port": port}, connections=3, accepted=3,
                established=3, fastopen=2, unaccepted=0,
                ack_to_accept_ns=Set("count", "sum", "max", "p50", "p90", "p99", "p999"))
    truth.groups[-1][2]["exact"] = {"cookies": 0, "syns": 3, "syns_kept": 1}
    truth.fast_port = port
    listener.close()


def multipath(net, truth):
    """MPTCP, or why not."""
    try:
        listener = net.server.listen(protocol=MPTCP)
        x = Connected(listener, net.server.veth[socket.AF_INET], net.client, protocol=MPTCP)
    except OSError as e:
        return "no MPTCP here: %s" % e.strerror
    x.c.sendall(b"x" * 100)
    read(x.a, 100)
    x.c.close()
    x.a.recv(1)
    x.a.close()
    port = listener.getsockname()[1]
    listener.close()
    truth.group("MPTCP, active", {"direction": "active", "port": port}, connections=1,
                established=1, multipath=1, pid=os.getpid(), bytes_out=100)
    truth.group("MPTCP, passive", {"direction": "passive", "port": port}, connections=1,
                established=1, accepted=1, multipath=1, pid=os.getpid(), bytes_in=100,
                exact={"syn_to_synack_ns": Times(1), "synack_to_ack_ns": Times(1)})
    # How it ends, and so what is left, is a matter of both ends of all its subflows.
    return None
