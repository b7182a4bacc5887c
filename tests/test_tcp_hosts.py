#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""test_tcp_hosts.py: ioready tcp against the connections of connections.py between test
hosts, against the kernel's own counters, and against a packet capture of the same run, on
each tier that there is. Prints TAP.

Environment: O, where the program is (build); IOREADY_TIERS, with spaces between
(tracepoint); IOREADY_GUEST, in a guest, whose clock is emulated, with IOREADY_ICOUNT by
counting instructions.
"""
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time

# What is generated goes to one place, and this is not it.
sys.dont_write_bytecode = True
import connections
import tap
from connections import Between, Connected, Truth, read, text
from hosts import ACK, MS, SYN, Net, run, wait_for
from traced import IOREADY, LIMIT, TIERS
from windows import Capture, Tool, compare, differs, kill_all, lost, whole, windows

GUEST = os.environ.get("IOREADY_GUEST")
ICOUNT = os.environ.get("IOREADY_ICOUNT")
V4 = socket.AF_INET


# --- known answers, of this process -------------------------------------------------------

def known(net, tier):
    def body(results):
        truth = Truth()
        connections.no_cookies(net)
        resent = [-host.counters()["Tcp:RetransSegs"] for host in net.hosts]
        tool = Tool(tier, "--each", "--data", "-p", str(os.getpid()))
        begun = time.monotonic()
        connections.exchanges(net, truth)
        connections.resets(net, truth)
        connections.accept_waits(net, truth)
        connections.close_waits(net, truth)
        connections.taken_over(net, truth)
        connections.not_taken_over(net, truth)
        if net.wire:
            connections.slow(net, truth)
            connections.crossing(net, truth)
            connections.crossing_syns(net, truth, False)
            connections.crossing_syns(net, truth, True)
            connections.holes(net, truth)
            connections.fast(net, truth, True)
            connections.orphans(net, truth)

            def meanwhile():
                at = time.monotonic()
                connections.failures(net, truth)
                # A TIME_WAIT can be had again when its time stamp is more than a second old.
                time.sleep(max(0, 2.2 - (time.monotonic() - at)))
            connections.reuse(net, truth, meanwhile)
            wait_for("the orphan's end", lambda: not [
                s for s in net.client.states() if s[0] == truth.orphan_port])
        for host in net.hosts:
            wait_for("the ends", lambda: host.settled(truth.keep_ports))
        lines, report = tool.end()
        # TCP_TIMEWAIT_LEN of the kernel is 60 s: by then none that is to stay has expired.
        in_time = time.monotonic() - begun < 55
        resent += [host.counters()["Tcp:RetransSegs"] for host in net.hosts]
        resent += [-connections.resent(s) for s in truth.kept]
        for s in truth.kept:
            s.close()
        compare(results, truth, lines, report)
        whole(results, lines, report)
        # TCP sends again what is late, whatever the test says.
        results.ok("all retransmits of both hosts are told", sum(resent) ==
                   sum(line["retransmits"] for line in lines), resent)
        exact = tier != "tracepoint"
        waits = [g for g in report["connections"] if g["direction"] == "passive" and
                 g["port"] == truth.accept_port][0]
        results.ok("accept waits are the program's, not the network's",
                   waits["ack_to_accept_ns"]["count"] == 3 and
                   waits["synack_to_ack_ns"]["count"] == 3 and
                   waits["synack_to_ack_ns"]["max"] <= truth.split_max and
                   (not exact or (waits["syn_to_synack_ns"]["count"] == 3 and
                                  waits["syn_to_synack_ns"]["max"] <= truth.split_max)), waits)
        forgot = [g for g in report["connections"] if g["direction"] == "passive" and
                  g["port"] == truth.forgot_port][0]
        results.ok("two are forgotten in CLOSE_WAIT", forgot["states"]["close-wait"]["now"] == 2 and
                   forgot["states"]["established"]["now"] == 0, forgot["states"])
        if not net.wire:
            results.skip("delay, loss, crossing, reuse", net.why_no_wire)
        elif tier != "tracepoint":
            m = report["minisocks"]
            want = dict(truth.minisocks)
            if not in_time:
                # What was to stay may have come to its end, and so may what was to be reused.
                want["expired"] = Between(want["expired"])
                want["reused"] = Between(want["reused"] - 1, want["reused"])
            why = differs(want, m)
            if m["now"] != m["born"] - m["expired"] - m["reused"] - m["cut_short"]:
                why.append("these do not make up those that were born")
            results.ok("minisocks are born, expire, are reused, are cut short", not why, *why, m)
            results.ok("an orphan's FIN_WAIT_2 took its second",
                       m["fin_wait2_ns"]["count"] >= 1 and m["fin_wait2_ns"]["max"] >= 900 * MS, m)
            stays = 2 if in_time else Between(2)
            results.ok("TIME_WAIT begins with the peer's FIN, and took more than a second",
                       m["time_wait_ns"]["count"] == stays and
                       m["time_wait_ns"]["max"] >= 1000 * MS, m)
            x = truth.reused
            ends = [l for l in lines if l["local"] == text(x.local) and
                    l["remote"] == text(x.remote)]
        else:
            ends = [l for l in lines if l["local"] == text(truth.reused.local) and
                    l["remote"] == text(truth.reused.remote)]
        if net.wire:
            results.ok("a port that is used again is another connection",
                       len(ends) == 2 and ends[0]["cookie"] != ends[1]["cookie"], ends)
        return report
    windows(net, tier, "known", body)


# --- against the kernel's own counters ----------------------------------------------------

def counters(net, tier):
    """Everybody's connections in the server's namespace."""
    def body(results):
        truth = Truth()
        server, client = net.server, net.client
        connections.no_cookies(net)
        before = server.counters()
        tool = Tool(tier, "--each", "--netns", server.name)
        if net.wire:
            connections.fast(net, truth, False)
        # SYN cookies
        server.sysctl("ipv4.tcp_syncookies", 2)
        jar = server.listen()
        for _ in range(5):
            x = Connected(jar, server.veth[V4], client)
            x.c.close()
            x.a.recv(1)
            x.a.close()
            x.passive(truth, "by a cookie", syn_to_synack_ns=None, synack_to_ack_ns=None,
                      exact={"cookie_syn": True})
        server.sysctl("ipv4.tcp_syncookies", 1)
        truth.group("cookies", {"direction": "passive", "port": jar.getsockname()[1]},
                    connections=5, established=5, fastopen=0, exact={
                        "cookies": 5, "syns": 5, "syns_kept": 0})
        # More than the queue takes
        full = server.listen(backlog=1)
        port = full.getsockname()[1]
        clients = []
        for i in range(8):
            s = client.new()
            connections.first_try(s, (server.wire if net.wire else server.veth[V4], port))
            clients.append(s)
            if i < 2:
                wait_for("the queue", lambda: connections.queue_of(full) == i + 1)
        time.sleep(0.1)
        if net.wire:
            for s in clients:
                wait_for("its SYN", lambda: [p for p in net.wire.seen(s.getsockname()[1], SYN)
                                             if p.there])
        for s in clients[2:]:
            s.close()
        # The SYN-ACK is lost, once
        again = None
        if net.wire:
            again = server.listen()
            drops = []

            def rule(p):
                if p.of(again.getsockname()[1], SYN | ACK) and not drops:
                    drops.append(p)
                    return "drop"
                return None
            net.wire.rule = rule
            resent_before = server.counters()["TcpExt:TCPSynRetrans"]
            x = Connected(again, server.wire, client)
            net.wire.rule = lambda p: None
            x.c.close()
            x.a.recv(1)
            x.a.close()
            resent = server.counters()["TcpExt:TCPSynRetrans"] - resent_before
            truth.group("SYN-ACKs sent again", {"direction": "passive",
                                                "port": again.getsockname()[1]},
                        connections=1, established=1, synack_retransmits=resent,
                        syn_retransmits=Between(1, resent))
        ports = {s.getsockname()[1] for s in clients[:2]}
        wait_for("the ends", lambda: server.settled(ports))
        after = server.counters()
        arrived = 8
        if net.wire:
            # One that came again for those that are let in finds their request, and begins none.
            arrived = len(ports) + len([p for p in net.wire.seen(port, SYN)
                                        if p.given and p.source not in ports])
        lines, report = tool.end()
        compare(results, truth, lines, report)
        whole(results, lines, report)

        def counted(name):
            return after[name] - before[name]
        found = [l for l in report["listeners"] if l["port"] == port]
        results.ok("a full queue drops what the kernel says", len(found) == 1 and
                   found[0]["drops"] == counted("TcpExt:ListenDrops") > 0 and
                   found[0]["queue"] == 2 and found[0]["queue_max"] == 1 and
                   found[0]["pid"] == os.getpid() and found[0]["netns"] == server.inode,
                   found, counted("TcpExt:ListenDrops"))
        # A SYN that came again, while its SYN-ACK was under way, is thrown away too.
        drops = {jar.getsockname()[1]: 0}
        if again:
            drops[again.getsockname()[1]] = len([p for p in net.wire.seen(
                again.getsockname()[1], SYN) if p.given]) - 1
        other = {l["port"]: l["drops"] for l in report["listeners"] if l["port"] != port}
        results.ok("the other listeners dropped SYNs that came again", other == drops, other, drops)
        group = [g for g in report["connections"] if g["port"] == port]
        results.ok("and two wait", len(group) == 1 and group[0]["connections"] == 2 and
                   group[0]["established"] == 2 and group[0]["accepted"] == 0 and
                   group[0]["states"]["established"]["now"] == 2 and group[0]["pid"] is None, group)
        if tier != "tracepoint":
            results.ok("SYNs are those that came", group and group[0]["syns"] == arrived and
                       group[0]["syns_kept"] == 2 and
                       group[0]["syns_queue_full"] == arrived - 2, group, arrived)
        theirs = {"listen_drops": "TcpExt:ListenDrops", "listen_overflows": "TcpExt:ListenOverflows",
                  "syncookies_sent": "TcpExt:SyncookiesSent",
                  "syncookies_received": "TcpExt:SyncookiesRecv",
                  "fastopen_passive": "TcpExt:TCPFastOpenPassive",
                  "retransmits": "Tcp:RetransSegs"}
        why = differs({ours: counted(its) for ours, its in theirs.items()}, report["counters"])
        results.ok("counters are the namespace's", not why, *why)
        results.ok("of which some moved", report["counters"]["syncookies_received"] == 5 and
                   report["counters"]["fastopen_passive"] == (2 if net.wire else 0),
                   report["counters"])
        for s in (jar, full, again, *clients):
            if s:
                s.close()
        if net.wire:
            fast = [g for g in report["connections"] if g["port"] == truth.fast_port]
            results.ok("Fast Open: each accept() has its time, the early one 0",
                       fast and fast[0]["ack_to_accept_ns"]["count"] == 3, fast)
        else:
            results.skip("Fast Open, SYN-ACKs sent again", net.why_no_wire)
        return report
    windows(net, tier, "counters", body)


def multipath(net, tier):
    why = connections.multipath(net, Truth())
    if why:
        tap.skip("%s, MPTCP" % tier, why)
        return

    def body(results):
        truth = Truth()
        tool = Tool(tier, "-p", str(os.getpid()))
        connections.multipath(net, truth)
        time.sleep(0.2)
        lines, report = tool.end()
        compare(results, truth, lines, report)
        return report
    windows(net, tier, "MPTCP", body)


# --- what was there before, and filters ---------------------------------------------------

def seeded(net, tier):
    def body(results):
        address = net.server.veth[V4]
        listener = net.server.listen()
        blocking = net.server.listen()
        old = Connected(listener, address, net.client)
        old.c.sendall(b"x" * 10)
        read(old.a, 10)
        got = []
        waiter = threading.Thread(target=lambda: got.append(blocking.accept()[0]), daemon=True)
        waiter.start()
        wait_for("accept()", lambda: asleep_in_accept(waiter.native_id))
        tool = Tool(tier, "--each", "-p", str(os.getpid()))
        new = net.client.new()
        new.connect((address, blocking.getsockname()[1]))
        waiter.join()
        old.c.sendall(b"x" * 5)
        read(old.a, 5)
        old.c.close()
        old.a.recv(1)
        old.a.close()
        keep = {new.getsockname()[1]}
        for host in net.hosts:
            wait_for("the ends", lambda: host.settled(keep))
        lines, report = tool.end()
        ends = {(l["local"], l["remote"]): l for l in lines}
        results.ok("two lines", len(ends) == len(lines) == 2, lines)
        for what, local, remote, bytes_in, bytes_out, closer in (
                ("client's", old.local, old.remote, 0, 15, "local"),
                ("server's", old.at, old.of, 15, 0, "remote")):
            line = ends.get((text(local), text(remote)), {})
            why = differs({"direction": None, "established": True, "failure": None,
                           "pid": os.getpid(), "handshake_ns": None, "life_ns": None,
                           "bytes_in": bytes_in, "closed_first": closer, "reset_in": False,
                           "bytes_out": Between(bytes_out, bytes_out + 1)}, line)
            results.ok("one that was there before, the " + what, not why, *why, line)
        groups = {(g["direction"], g["port"]): g for g in report["connections"]}
        g = groups.get(("passive", listener.getsockname()[1]), {})
        results.ok("its sums", g and (g["seeded"], g["connections"], g["established"], g["ended"]) ==
                   (1, 1, 0, 1) and g["pid"] == os.getpid(), g, report["connections"])
        g = groups.get(("passive", blocking.getsockname()[1]), {})
        results.ok("who was in accept() already owns what it gets", g and
                   (g["seeded"], g["connections"], g["accepted"]) == (0, 1, 1) and
                   g["pid"] == os.getpid() and g["comm"] == "python3",
                   g, report["connections"])
        results.ok("and its time is known", g and g["ack_to_accept_ns"]["count"] == 1, g)
        for s in (new, *got, listener, blocking):
            s.close()
        return report
    windows(net, tier, "seeded", body)


def asleep_in_accept(tid):
    try:
        with open("/proc/self/task/%d/syscall" % tid) as f:
            return f.read().split()[0] in {"x86_64": ("43", "288"),
                                           "aarch64": ("202", "242")}[os.uname().machine]
    except OSError:
        return False


# Connects to each address, port and keeps it as long as it is told to.
CLIENT = """
import ctypes, os, socket, sys
libc = ctypes.CDLL(None)
libc.setns(os.open(sys.argv[1], os.O_RDONLY), 0x40000000)
libc.prctl(15, os.fsencode(sys.argv[2]), 0, 0, 0)
print("ready", flush=True)
for line in sys.stdin:
    host, port = line.split()
    s = socket.create_connection((host, int(port)))
    s.close()
    print("done", flush=True)
"""


class Client:
    def __init__(self, host, comm):
        self.program = subprocess.Popen([sys.executable, "-c", CLIENT, host.path, comm],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.program.stdout.readline()

    def connect(self, listener, address):
        self.program.stdin.write("%s %d\n" % (address, listener.getsockname()[1]))
        self.program.stdin.flush()
        self.program.stdout.readline()
        a, _ = listener.accept()
        a.recv(1)
        a.close()

    def end(self):
        self.program.stdin.close()
        self.program.wait()


def filters(net, tier):
    """Several tools at once see the same connections, each its own part of them."""
    def body(results):
        six = os.path.exists("/proc/net/if_inet6")
        server = net.server
        one, two = Client(net.client, "first"), Client(net.client, "second of two")
        port, other = server.listen("::", socket.AF_INET6) if six else server.listen(), server.listen()
        silent = server.listen(backlog=0)
        v4, v6 = server.veth[V4], server.veth[socket.AF_INET6]
        p, q = port.getsockname()[1], other.getsockname()[1]
        # Of these, each tool wants: whose, to which port, from which side.
        made = [("first", p, v4), ("first", q, v4), ("second of two", p, v4)]
        if six:
            made.append(("second of two", p, v6))
        sides = [(*m, side) for m in made for side in ("active", "passive")]
        pid = str(one.program.pid)
        # 10.77.0.2 and fd77::2 connect, from 10.77.0.1's view.
        wants = {
            ("-p", pid): lambda who, port, to, side: who == "first" and side == "active",
            ("--comm", "second of two"): lambda who, port, to, side:
                who == "second of two" and side == "active",
            ("--port", str(q)): lambda who, port, to, side: port == q,
            ("--port", str(p), "--port", str(q)): lambda *_: True,
            ("--peer", "10.77.0.2"): lambda who, port, to, side: to == v4 and side == "passive",
            ("--peer", "10.77.0.0/30"): lambda who, port, to, side: to == v4,
            ("--peer", "10.77.0.0/31"): lambda who, port, to, side: to == v4 and side == "active",
            ("--peer", "fd77::/64"): lambda who, port, to, side: to == v6,
            ("--peer", "fd77::2/127"): lambda who, port, to, side: to == v6 and side == "passive",
            ("--netns", server.name): lambda who, port, to, side: side == "passive",
            ("--netns", net.client.path): lambda who, port, to, side: side == "active",
            ("--netns", pid): lambda who, port, to, side: side == "active",
            ("--netns", server.name, "--port", str(q), "--peer", "10.0.0.0/8"):
                lambda who, port, to, side: side == "passive" and port == q,
            ("-p", pid, "--port", str(p)): lambda who, port, to, side:
                who == "first" and port == p and side == "active",
        }
        group = cgroup_of(two.program.pid)
        if group:
            wants[("-c", group)] = lambda who, port, to, side: \
                who == "second of two" and side == "active"
        else:
            results.skip("-c", "no cgroups that can be made here")
        tools = {options: Tool(tier, "--each", *options) for options in wants}
        for who, to, address in made:
            (one if who == "first" else two).connect(port if to == p else other, address)
        # And one that never comes to anything, which is of none of these ports, and the
        # peer's answer to none: told by no filter of ports.
        hanging = net.client.new()
        hanging_to = None
        if net.wire:
            hanging_to = silent.getsockname()[1]
            net.wire.rule = lambda packet: "drop" if packet.of(hanging_to) else None
            connections.first_try(hanging, (server.wire, hanging_to))
        for host in net.hosts:
            wait_for("the ends", lambda: host.settled({hanging.getsockname()[1]}))
        reports = []
        for options, want in wants.items():
            lines, report = tools[options].end()
            reports.append(report)
            lines = [l for l in lines if l["netns"] in (server.inode, net.client.inode)]
            got = sorted((l["remote"] if l["direction"] == "active" else l["local"], l["direction"])
                         for l in lines)
            # A v4 connection to the socket of v6 is a mapped one there.
            should = sorted((text(("::ffff:" + to if six and number == p and "." in to and
                                   side == "passive" else to, number)), side)
                            for who, number, to, side in sides if want(who, number, to, side))
            results.ok(" ".join(options).replace(pid, "PID"), got == should,
                       "%s, not %s" % (got, should))
            if hanging_to and "--port" in options:
                groups = [g for g in report["connections"] if g["direction"] == "active" and
                          g["port"] not in (p, q)]
                results.ok("%s: nor one of another port that hangs" %
                           " ".join(options).replace(pid, "PID"), not groups, groups)
        net_rule = lambda packet: None
        if net.wire:
            net.wire.rule = net_rule
        for s in (hanging, silent, port, other):
            s.close()
        one.end()
        two.end()
        if group:
            os.rmdir(group)
        worst = max(reports, key=lambda r: sum(r["losses"].values()))
        return worst
    windows(net, tier, "filters", body)


def cgroup_of(pid):
    """A cgroup of its own for a process; None if there can be none."""
    for root in ("/sys/fs/cgroup/unified", "/sys/fs/cgroup", "/sys/fs/cgroup/pids"):
        group = "%s/ioready-test-%d" % (root, os.getpid())
        try:
            os.mkdir(group)
            with open(group + "/cgroup.procs", "w") as f:
                f.write(str(pid))
            return group
        except OSError:
            try:
                os.rmdir(group)
            except OSError:
                pass
    return None


def command(net, tier):
    """-- COMMAND: its own and its child's connections, and nobody else's."""
    def body(results):
        script = ("import os, socket\n"
                  "s = socket.create_server(('127.0.0.1', 0))\n"
                  "def go():\n"
                  "    c = socket.create_connection(s.getsockname())\n"
                  "    a, _ = s.accept()\n"
                  "    c.close(); a.recv(1); a.close()\n"
                  "go()\n"
                  "if not os.fork(): go(); os._exit(0)\n"
                  "os.wait()\n")
        listener = net.server.listen()
        done = subprocess.Popen([IOREADY, "tcp", "-q", "--json", "--each", "--tier", tier, "--",
                                 sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
        while done.poll() is None:
            x = Connected(listener, net.server.veth[V4], net.client)
            x.c.close()
            x.a.close()
            time.sleep(0.05)
        lines = [json.loads(line) for line in done.stdout]
        report = lines.pop()
        results.ok("-- COMMAND", done.returncode == 0 and len(lines) == 4 and
                   len({l["pid"] for l in lines}) == 2 and
                   os.getpid() not in {l["pid"] for l in lines}, lines)
        listener.close()
        return report
    windows(net, tier, "command", body)


# --- the witness ---------------------------------------------------------------------------

def witness(net, tier, delay, n):
    if not shutil.which("tcpdump"):
        tap.skip("%s, a capture of the same run" % tier, "there is no tcpdump")
        return
    name = "a capture of the same run, %d ms each way" % delay if delay else \
        "a capture of the same run"
    if delay:
        why = net.delay(delay)
        if why:
            tap.skip("%s, %s" % (tier, name), "no netem here: %s" % why)
            return

    def body(results):
        try:
            there, here = Capture(net.server), Capture(net.client)
        except OSError as e:
            kill_all()
            results.skip("capture", "tcpdump: %s" % e)
            return {"losses": {}}
        listener = net.server.listen(backlog=64)
        tool = Tool(tier, "--each", "-p", str(os.getpid()))
        walls = {}
        for _ in range(n):
            x = Connected(listener, net.server.veth[V4], net.client)
            walls[x.local[1]] = x.connected - x.before
            x.c.close()
            x.a.recv(1)
            x.a.close()
        for host in net.hosts:
            wait_for("the ends", host.settled)
        lines, report = tool.end()
        at_server, at_client = there.end(), here.end()
        listener.close()
        rows = {"SYN -> ACK, server": [], "SYN-ACK -> ACK, server": [], "SYN -> SYN-ACK, client": [],
                "ESTABLISHED, server": [], "CLOSE-WAIT, server": [], "LAST-ACK, server": []}
        # Each from the packet that begins it to the one that ends it.
        states = {"established": ("ack", "fin"), "close-wait": ("fin", "fin_back"),
                  "last-ack": ("fin_back", "last_ack")}
        for line in lines:
            local, remote = (int(line[k].rsplit(":", 1)[1]) for k in ("local", "remote"))
            if line["direction"] == "active":
                c = at_client.get(local, {})
                if "syn" in c and "synack" in c:
                    rows["SYN -> SYN-ACK, client"].append(
                        line["handshake_ns"] - (c["synack"] - c["syn"]))
                continue
            c = at_server.get(remote, {})
            if len(c) < 6:
                continue
            if line["syn_to_synack_ns"] is not None:
                rows["SYN -> ACK, server"].append(line["syn_to_synack_ns"] +
                                                  line["synack_to_ack_ns"] - (c["ack"] - c["syn"]))
            rows["SYN-ACK -> ACK, server"].append(
                line["synack_to_ack_ns"] - (c["ack"] - c["synack"]))
            for state, (begin, end) in states.items():
                rows[state.upper() + ", server"].append(
                    line["states_ns"].get(state, 0) - (c[end] - c[begin]))
            if delay and line["synack_to_ack_ns"] < 2 * delay * MS:
                results.ok("never below the delay", False, line)
        # An emulated clock stands still and leaps, but less than a tick of the kernel; not one
        # that counts instructions: by that it holds of each handshake at the server. But who
        # connects or closes may be preempted before its SYN or FIN goes out.
        limit = 5 * MS if GUEST and not ICOUNT else 100000
        for what, row in rows.items():
            # What a host sends waits in its own netem, and comes to its capture after that:
            # only between two packets that came is there no such wait.
            if delay and what not in ("SYN -> ACK, server", "ESTABLISHED, server"):
                continue
            if not row and what == "SYN -> ACK, server" and tier == "tracepoint":
                continue
            if len(row) < n:
                results.ok("%s: the capture has each" % what, False, "%d of %d" % (len(row), n))
                continue
            middle, worst = statistics.median(row), max(row, key=abs)
            said = "%s: %d connections, differ by %.1f us (median), %.1f us (worst)" % (
                what, len(row), middle / 1000, worst / 1000)
            print("# %s, %s: %s" % (tier, name, said), flush=True)
            results.ok("%s: within %d us" % (what, limit // 1000),
                       abs(worst if ICOUNT and what.endswith("> ACK, server") else middle) < limit,
                       said, row)
        if delay:
            handshakes = [l["handshake_ns"] for l in lines if l["direction"] == "active"]
            results.ok("handshakes take the delay, and no more than connect()",
                       len(handshakes) == n and min(handshakes) >= 2 * delay * MS and
                       max(handshakes) <= max(walls.values()), handshakes)
            passive = [l["synack_to_ack_ns"] for l in lines if l["direction"] == "passive"]
            results.ok("so does the network's part at the server",
                       len(passive) == n and min(passive) >= 2 * delay * MS, passive)
        return report
    try:
        windows(net, tier, name, body)
    finally:
        net.no_delay()


# --- many ----------------------------------------------------------------------------------

SERVERS = """
import os, socket, sys
s = socket.create_server(("127.0.0.1", 0), backlog=1024)
print(s.getsockname()[1], flush=True)
for _ in range(int(sys.argv[1])):
    if not os.fork():
        while True:
            a, _ = s.accept()
            a.close()
sys.stdin.read()
os.killpg(0, 15)
"""
CLIENTS = """
import os, socket, struct, sys, time
port, n, seconds = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
for i in range(n):
    r, w = os.pipe()
    if not os.fork():
        made, end = 0, time.monotonic() + seconds
        # Addresses of their own, so that ports last.
        address = ("127.0.1.%d" % (i + 1), 0)
        while time.monotonic() < end:
            s = socket.socket()
            s.setsockopt(0, 24, 1)
            s.bind(address)
            try:
                s.connect(("127.0.0.1", port))
                made += 1
                s.recv(1)
            except OSError:
                pass
            s.close()
        os.write(1, str(made).encode() + bytes([10]))
        os._exit(0)
for _ in range(n):
    os.wait()
"""
# The tool's own, whatever it traces; what is lost is counted elsewhere.
RSS_MAX_KB = 64 * 1024


def many(tier):
    with subprocess.Popen([sys.executable, "-c", SERVERS, "2"], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, text=True, start_new_session=True) as servers:
        port = int(servers.stdout.readline())
        tool = Tool(tier, "--port", str(port))
        begun = time.monotonic()
        done = run(sys.executable, "-c", CLIENTS, str(port), "2", "3")
        seconds = time.monotonic() - begun
        made = sum(int(line) for line in done.splitlines())
        time.sleep(0.3)
        with open("/proc/%d/status" % tool.program.pid) as f:
            rss = max(int(line.split()[1]) for line in f if line.startswith("VmHWM:"))
        _, report = tool.end()
        servers.stdin.close()
    active = [g for g in report["connections"] if g["direction"] == "active"]
    passive = [g for g in report["connections"] if g["direction"] == "passive"]
    of_active = sum(g["established"] for g in active)
    of_passive = sum(g["established"] for g in passive)
    losses = sum(report["losses"].values())
    print("# %s, many: %d connections, %d a second; told %d and %d; lost %s; VmHWM %d KiB" % (
        tier, made, made / seconds, of_active, of_passive, lost(report), rss), flush=True)
    tap.ok("%s, many: those made are told by both ends or counted as lost" % tier,
           made > 100 and of_active <= made and of_passive <= made and
           made - of_active <= losses and made - of_passive <= losses and not report["overflow"],
           "%d and %d, not %d" % (of_active, of_passive, made), report["losses"])
    tap.ok("%s, many: all have ended" % tier, all(
        g["ended"] + sum(s["now"] for s in g["states"].values()) + losses >= g["connections"]
        for g in active + passive), report["connections"])
    tap.ok("%s, many: memory within the bill" % tier, 0 < rss < RSS_MAX_KB, "%d KiB" % rss)
    # A ring for a few: what does not fit is counted.
    with subprocess.Popen([sys.executable, "-c", SERVERS, "1"], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, text=True, start_new_session=True) as servers:
        port = int(servers.stdout.readline())
        tool = Tool(tier, "--port", str(port), "--ring", "64", "--connections", "32")
        # Nobody fetches what has ended, so that it is lost on a slow machine too.
        tool.program.send_signal(signal.SIGSTOP)
        made = sum(int(line) for line in run(sys.executable, "-c", CLIENTS, str(port), "1",
                                             "4").splitlines())
        tool.program.send_signal(signal.SIGCONT)
        time.sleep(0.3)
        _, report = tool.end()
        servers.stdin.close()
    # Of which the end was not seen is there: a kernel may run no program beside some threads.
    told = sum(g["ended"] + sum(s["now"] for s in g["states"].values())
               for g in report["connections"])
    missing = report["losses"]["ring"] + report["losses"]["table"]
    tap.ok("%s, many: what a small ring loses is counted" % tier,
           report["losses"]["nested"] or (missing and told + missing == 2 * made),
           "%d + %d, not twice %d" % (told, missing, made), report["losses"])


# --- what can be typed wrong, and how it can end -------------------------------------------

def refused(what, status, says, *args, **more):
    done = subprocess.run([*more.pop("by", []), IOREADY, "tcp", *args], capture_output=True,
                          text=True, timeout=LIMIT, **more)
    tap.ok(what, done.returncode == status and says in done.stderr and not done.stdout and
           done.stderr.count("\n") <= 2, "%d: %s" % (done.returncode, done.stderr))


def bad_input():
    gone = subprocess.Popen(["true"])
    gone.wait()
    refused("-p of a dead process", 1, "no process %d" % gone.pid, "-p", str(gone.pid))
    refused("--peer with no bits", 2, "bits", "--peer", "10.0.0.0/0")
    refused("--peer: bits that are none", 2, "bits", "--peer", "10.0.0.0/8x")
    refused("--peer: IPv6 with too many bits", 2, "bits", "--peer", "::1/129")
    refused("--port that is none", 2, "port", "--port", "http")
    refused("17 ports", 2, "at most 16", *[w for i in range(17) for w in ("--port", str(i + 1))])
    refused("--netns of a dead process", 1, "No such file", "--netns", str(gone.pid))
    refused("--netns that is no namespace", 1, "namespace", "--netns", "/etc/passwd")
    if shutil.which("setpriv"):
        refused("without root", 3, "run it with sudo", "-d", "1",
                by=["setpriv", "--reuid=65534", "--clear-groups"])
    else:
        tap.skip("without root", "there is no setpriv")
    for each in ([], ["--each"]):
        r, w = os.pipe()
        os.close(r)
        done = subprocess.run([IOREADY, "tcp", "-q", "-d", "0.3", *each], stdout=w,
                              stderr=subprocess.PIPE, text=True)
        os.close(w)
        tap.ok("a pipe that nobody reads %s" % " ".join(each),
               done.returncode == 1 and "Broken pipe" in done.stderr,
               "%d: %s" % (done.returncode, done.stderr))


def ours():
    """Programs and maps of ioready tcp that the kernel has."""
    done = subprocess.run(["bpftool", "map", "list"], capture_output=True, text=True)
    return [line for line in done.stdout.splitlines() if "timewaits" in line or
            "softirqs" in line]


def sudden_death():
    tool = Tool(TIERS[0])
    tap.ok("while it runs, its maps are there", ours())
    tool.program.kill()
    tool.program.wait()
    try:
        wait_for("the kernel", lambda: not ours(), 20)
    except TimeoutError:
        pass
    tap.ok("SIGKILL: no program, map or link stays", not ours(), *ours())


def main():
    try:
        net = Net()
    except OSError as e:
        tap.skip("test hosts", "no network namespaces with veth here: %s" % e)
        net = None
    try:
        for tier in TIERS if net else []:
            begun = time.monotonic()
            for test in (known, counters, multipath, seeded, filters, command):
                test(net, tier)
            witness(net, tier, 0, 20 if GUEST else 100)
            witness(net, tier, 20, 5)
            many(tier)
            print("# %s: %.0f s" % (tier, time.monotonic() - begun), flush=True)
    finally:
        if net:
            net.close()
    bad_input()
    sudden_death()
    tap.plan()


main()
