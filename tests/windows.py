# SPDX-License-Identifier: GPL-2.0-or-later
"""A window of ioready tcp, what is held against it, and the capture of tcpdump beside it."""
import json
import signal
import subprocess
import tempfile
import threading
import time
import traceback

import tap
from hosts import wait_for
from traced import ATTEMPTS, IOREADY, LIMIT

# Programs of a window.
running = []


def kill_all():
    while running:
        program = running.pop()
        program.kill()
        program.wait()


class Tool:
    """ioready tcp with these options, from the open window on."""

    def __init__(self, tier, *options):
        self.out = tempfile.TemporaryFile("w+")
        self.err = tempfile.NamedTemporaryFile("r")
        self.program = subprocess.Popen([IOREADY, "tcp", "-v", "-q", "--json", "--tier", tier,
                                         *options], stdout=self.out,
                                        stderr=open(self.err.name, "w"))
        running.append(self.program)

        def begun():
            if self.program.poll() is not None:
                raise RuntimeError("%s: %s" % (options, open(self.err.name).read()))
            return "attached in" in open(self.err.name).read()
        wait_for("the window", begun, 60)

    def end(self):
        """Lines, and the report behind them."""
        self.program.send_signal(signal.SIGINT)
        self.program.wait(LIMIT)
        running.remove(self.program)
        self.out.seek(0)
        lines = [json.loads(line) for line in self.out]
        if self.program.returncode or not lines:
            raise RuntimeError("status %d: %s" % (self.program.returncode,
                                                  open(self.err.name).read()))
        return lines[:-1], lines[-1]


class Results:
    """What a window has shown; said once it is known that nothing was lost in it."""

    def __init__(self, prefix):
        self.prefix = prefix
        self.tests = []

    def ok(self, what, good, *why):
        self.tests.append((self.prefix + what, good, why, None))

    def skip(self, what, why):
        self.tests.append((self.prefix + what, None, (), why))

    def say(self):
        for what, good, why, skipped in self.tests:
            if skipped:
                tap.skip(what, skipped)
            else:
                tap.ok(what, good, *why)


def lost(report):
    return {key: n for key, n in report["losses"].items() if n}


def windows(net, tier, name, body):
    """body(results) makes a window between the hosts of @net, and returns its report; again while
    hooks are skipped. What it raises is a test that failed, and the next window is made."""
    for _ in range(ATTEMPTS):
        results = Results("%s, %s: " % (tier, name))
        net.forget()
        try:
            report = body(results)
        except Exception as e:
            results.ok("runs to its end", False, "%s: %s" % (type(e).__name__, e),
                       *traceback.format_exc().splitlines())
            results.say()
            kill_all()
            net.as_before()
            return
        if not lost(report) or not any(good is False for _, good, _, _ in results.tests):
            break
    if lost(report):
        # Figures of a kernel that skips hooks are lower bounds: what differs is told.
        print("# %s, %s: lost %s" % (tier, name, lost(report)), flush=True)
        results.tests = [(what, good, why, "the kernel skipped hooks in each of %d runs" % ATTEMPTS
                          if good is False else skipped)
                         for what, good, why, skipped in results.tests]
    else:
        results.ok("nothing is lost", True)
    results.say()


def differs(want, got):
    """What of @want is not so in @got."""
    return ["%s is %s, not %s" % (key, json.dumps(got.get(key)), value)
            for key, value in want.items() if key not in ("exact", "arrival") and
            not value == got.get(key, "absent")]


def wanted(want, report):
    want = dict(want)
    want.update(want.pop("exact", {}) if report["tier"] != "tracepoint" else {})
    want.pop("exact", None)
    arrival = want.pop("arrival", {})
    if any(g["arrived_to_read_ns"] is not None for g in report["connections"]):
        want.update(arrival)
    return want


def compare(results, truth, lines, report):
    for what, want in truth.lines:
        found = [l for l in lines if (l["local"], l["remote"]) == (want["local"], want["remote"])]
        if len(found) != 1:
            results.ok(what, False, "%d lines with these ends" % len(found), want["local"],
                       want["remote"])
            continue
        why = differs(wanted(want, report), found[0])
        results.ok(what, not why, *why, found[0])
    for what, find, want in truth.groups:
        found = [g for g in report["connections"] if all(g[k] == v for k, v in find.items())]
        if len(found) != 1:
            results.ok("sums of " + what, False, "%d rows with %s" % (len(found), find),
                       report["connections"])
            continue
        why = differs(wanted(want, report), found[0])
        results.ok("sums of " + what, not why, *why, found[0])


def whole(results, lines, report):
    """What must hold of whatever was seen."""
    exact = report["tier"] != "tracepoint"
    why = []
    for line in lines:
        states = line["states_ns"]
        life = sum(n or 0 for s, n in states.items() if s not in ("syn-sent", "syn-recv"))
        # A stay that a minisock goes on with is not over.
        good = life == line["life_ns"] or line["orphaned"] and life < line["life_ns"]
        if line["direction"] and line["established"] and not good:
            why.append("states make %d: %s" % (life, line))
        if line["orphaned"] != (states.get("fin-wait-2", 0) is None):
            why.append("orphaned or not: %s" % line)
        if line["direction"] == "active" and line["established"] and \
                states["syn-sent"] != line["handshake_ns"]:
            why.append("syn-sent is not the handshake: %s" % line)
        if not line["established"] and line["failure"] is None:
            why.append("neither made nor failed: %s" % line)
    results.ok("states make up the life of each", not why, *why)
    why = []
    for line in lines:
        passive = line["direction"] == "passive"
        if passive and line["synack_to_ack_kind"] != ("exact" if exact else "derived"):
            why.append(line)
        if passive and not exact and (line["syn_to_synack_ns"] is not None or
                                      line["cookie_syn"] is not None):
            why.append("not absent: %s" % line)
    for g in report["connections"]:
        if g["direction"] == "passive" and not exact and \
                not g["syns"] is g["syns_kept"] is g["cookies"] is g["syn_to_synack_ns"] is None:
            why.append("not absent: %s" % g)
    if not exact and report["minisocks"] is not None:
        why.append("minisocks are not absent")
    results.ok("what this tier has not is absent", not why, *why)
    why = []
    for g in report["connections"]:
        of = [l for l in lines if l["netns"] == g["netns"] and l["direction"] == g["direction"] and
              (l["local"].endswith(":%d" % g["port"]) if g["direction"] == "passive" else
               l["remote"] == g["peer"])]
        if g["seeded"]:
            continue
        sums = {"ended": len(of)}
        for key in ("bytes_in", "bytes_out", "retransmits"):
            sums[key] = sum(l[key] for l in of)
        for key, its in (("resets_in", "reset_in"), ("resets_out", "reset_out"),
                         ("half_closed", "half_closed")):
            sums[key] = sum(l[its] for l in of)
        for who in g["closed_first"]:
            if g["closed_first"][who] != sum(l["closed_first"] == who for l in of):
                why.append("closed_first %s: %s" % (who, g))
        if g["life_ns"]["sum"] != sum(l["life_ns"] or 0 for l in of):
            why.append("life: %s" % g)
        if not any(s["now"] for s in g["states"].values()):
            for state, s in g["states"].items():
                if s["sum_ns"] != sum(l["states_ns"].get(state) or 0 for l in of):
                    why.append("%s: %s" % (state, g))
        why += ["%s, port %d" % (d, g["port"]) for d in differs(sums, g)]
    results.ok("rows are the sums of their lines", not why, *why)


class Capture:
    """tcpdump in a host: first SYN, SYN-ACK and ACK of each connection, both FINs, and the first
    ACK after the server's; by the client's port."""

    def __init__(self, host):
        self.err = tempfile.NamedTemporaryFile("r")
        self.program = subprocess.Popen(
            ["ip", "netns", "exec", host.name, "tcpdump", "-i", host.device, "-tt", "-n", "-S",
             "-s", "128", "-B", "16384", "--immediate-mode", "-l", "--time-stamp-precision=nano",
             "tcp"],
            stdout=subprocess.PIPE, stderr=open(self.err.name, "w"), text=True)
        self.lines = []
        running.append(self.program)
        self.reader = threading.Thread(target=lambda: self.lines.extend(self.program.stdout),
                                       daemon=True)
        self.reader.start()

        def listening():
            if self.program.poll() is not None:
                raise OSError(open(self.err.name).read().strip().splitlines()[-1])
            return "listening on" in open(self.err.name).read()
        wait_for("tcpdump", listening)

    def end(self):
        time.sleep(0.3)
        self.program.send_signal(signal.SIGINT)
        self.program.wait()
        running.remove(self.program)
        self.reader.join()
        seen = {}
        for line in self.lines:
            # TIME IP A.PORT > B.PORT: Flags [S.], ...
            words = line.split()
            if len(words) < 7 or words[1] != "IP" or words[5] != "Flags":
                continue
            seconds, _, fraction = words[0].partition(".")
            at = int(seconds) * 1000000000 + int(fraction.ljust(9, "0"))
            source, target = (int(words[i].rstrip(":").rsplit(".", 1)[1]) for i in (2, 4))
            flags = words[6].strip("[],")
            for port, key in ((source, {"S": "syn", ".": "ack", "F.": "fin"}.get(flags)),
                              (target, {"S.": "synack", "F.": "fin_back"}.get(flags))):
                if not key:
                    continue
                of = seen.setdefault(port, {})
                of.setdefault("last_ack" if key == "ack" and "fin_back" in of else key, at)
        return seen
