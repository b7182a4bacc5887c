#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""test_herd.py: ioready stat --herd --items --chain and trace --herd against the known
ways of herds.py, on each tier that there is. Prints TAP.

Environment: O, where the program is (build); IOREADY_TIERS, with spaces between
(tracepoint), of which fentry and kprobe have herds and items.
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

IOREADY = os.path.abspath(os.path.join(os.environ.get("O", "build"), "ioready"))
HERDS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "herds.py")
TIERS = os.environ.get("IOREADY_TIERS", "tracepoint").split()
# A kernel that preempts skips hooks, and the tool says how many: then once more, with
# fewer cases at a time.
ATTEMPTS = 3
FEW = 4
# What one skipped hook may take from a figure: a call, with all that it asks.
EACH_SKIPPED = 2
EACH_SKIPPED_OF = {"stale": 10}

def ioready(*args):
    return subprocess.run([IOREADY, *args], capture_output=True, text=True, timeout=600)


def lost(report):
    return sum(n for name, n in report["losses"].items() if name != "begun_before")


def traced(tier, names, *options):
    """The report of a run of cases (none: all), and what they say of themselves."""
    with tempfile.NamedTemporaryFile("r") as truth:
        done = ioready("stat", "--json", "--tier", tier, "--scans", "derive", *options, "--",
                       sys.executable, HERDS, truth.name, *names)
        if done.returncode or done.stderr:
            raise RuntimeError("status %d: %s" % (done.returncode, done.stderr))
        cases = [json.loads(line) for line in truth]
    return json.loads(done.stdout), cases


def whole(tier, *options):
    """Cases with the report of their run: all in one, or if the kernel skipped hooks then,
    a few at a time, again until it skips none or has had its attempts."""
    report, cases = traced(tier, [], *options)
    if not lost(report):
        return [(report, case) for case in cases]
    pairs = []
    names = [case["name"] for case in cases]
    for i in range(0, len(names), FEW):
        for _ in range(ATTEMPTS):
            report, cases = traced(tier, names[i:i + FEW], *options)
            if not lost(report):
                break
        pairs += [(report, case) for case in cases]
    return pairs


class Compared:
    """What differs, by more than was lost."""

    def __init__(self, report, case):
        self.slack = EACH_SKIPPED_OF.get(case["name"], EACH_SKIPPED) * lost(report)
        self.why = []

    def row(self, where, want, got):
        if got is None:
            self.why.append("%s: no such row" % where)
            return
        for key, value in want.items():
            other = got.get(key)
            same = other == value
            if not same and self.slack and type(value) is int and type(other) is int:
                same = abs(other - value) <= self.slack
            if not same:
                self.why.append("%s: %s is %s, not %s" % (where, key, other, value))


def find(rows, **keys):
    for row in rows:
        if all(row.get(key) == value for key, value in keys.items()):
            return row
    return None


def herd_of(report, ino):
    for row in report["herds"]:
        if row["file"] and row["file"]["ino"] == ino and row["file"]["kind"] == "pipe":
            return row
    return None


def compare(report, case):
    c = Compared(report, case)
    pid = case["pid"]
    if "herd" in case:
        want = dict(case["herd"])
        got = herd_of(report, want.pop("ino"))
        members = want.pop("members")
        c.row("herd", want, got)
        if got:
            if members is not None:
                c.row("herd", {"members": members}, {"members": len(got["members"])})
            for key in ("woken", "served", "empty"):
                total = sum(m[key] for m in got["members"])
                c.row("members", {key: got[key]}, {key: total})
            c.row("herd", {"woken": got["served"] + got["empty"]}, got)
            pids = set(case.get("pids", [pid]))
            strange = [m for m in got["members"] if m["pid"] not in pids]
            if strange:
                c.why.append("members of other processes: %s" % strange)
    for key, want in case.get("items", {}).items():
        epfd, fd = map(int, key.split())
        c.row("item %d of epoll %d" % (fd, epfd), want,
              find(report["items"], pid=pid, epfd=epfd, fd=fd))
    for key, want in case.get("epolls", {}).items():
        c.row("epoll " + key, want, find(report["epolls"], pid=pid, epfd=int(key)))
    if "chain" in case:
        c.row("chain", case["chain"], find(report["chains"], pid=pid))
    if "closed" in case:
        rows = [row for row in report["herds"] if row["pid"] == pid]
        c.row("closed", case["closed"], {"rows": len(rows),
                                         "events": sum(row["events"] for row in rows),
                                         "woken": sum(row["woken"] for row in rows)})
    return c.why


def trace_herd(tier):
    """A line each time that four are woken, and none when one is."""
    what = "%s: trace --herd" % tier
    for _ in range(ATTEMPTS):
        with tempfile.NamedTemporaryFile("r") as truth:
            done = ioready("trace", "--herd", "--json", "--tier", tier, "--", sys.executable, HERDS,
                           truth.name, "poll, four threads", "shared epoll, ET")
            cases = [json.loads(line) for line in truth]
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        if "nothing was lost" in done.stderr:
            break
    else:
        skip(what, "the kernel skipped hooks in each of %d runs" % ATTEMPTS)
        return
    herd = cases[0]["herd"]
    of_file = [line for line in lines if line["file"]["ino"] == herd["ino"]]
    why = []
    if len(of_file) != herd["events"]:
        why.append("%d lines, not %d" % (len(of_file), herd["events"]))
    for line in of_file:
        if line["woken"] != 4 or len(set(line["tids"])) != 4 or line["file"]["kind"] != "pipe" or \
                line["waker"]["pid"] != cases[0]["pid"]:
            why.append(line)
    why += [line for line in lines if line["file"]["ino"] == cases[1]["herd"]["ino"]]
    ok(what, not why, *why, lines)


def absent(tier):
    done = ioready("stat", "--json", "--tier", tier, "--herd", "--items", "--chain", "--",
                   sys.executable, HERDS, "/dev/null", "own epolls, LT")
    report = json.loads(done.stdout)
    ok("%s: herds are absent, with the reason" % tier,
       report["herds"] is None and "tracepoints" in report["herds_absent"], report["herds"])
    ok("%s: items are absent, with the reason" % tier,
       report["items"] is None and report["epolls"] is None and report["items_absent"],
       report["items"])
    parts = ("ready_to_woken_ns", "returned_to_served_ns", "served", "served_nothing", "unserved")
    ok("%s: ready and served are absent, with the reason" % tier,
       report["chains"] and all(c[part] is None for c in report["chains"] for part in parts) and
       "tracepoints" in report["chains_absent"], report["chains"])
    done = ioready("stat", "--tier", tier, "--herd", "--items", "--chain", "--", "true")
    ok("%s: and so in words" % tier, done.stdout.count("cannot be told here") == 3, done.stdout)
    done = ioready("trace", "--tier", tier, "--herd", "--", "true")
    ok("%s: trace --herd is refused" % tier, done.returncode == 3 and
       "cannot be told" in done.stderr, "%d: %s" % (done.returncode, done.stderr))


done = ioready("trace", "--herd", "--empty", "--", "true")
ok("trace --herd with a filter of calls", done.returncode == 2 and "no filter" in done.stderr,
   "%d: %s" % (done.returncode, done.stderr))
for tier in TIERS:
    if tier == "tracepoint":
        absent(tier)
        continue
    for report, case in whole(tier, "--herd", "--items", "--chain-fds"):
        note = ", %d skipped" % lost(report) if lost(report) else ""
        why = compare(report, case)
        ok("%s: %s%s" % (tier, case["name"], note), "died" not in case and not why, *why, case,
           report["losses"])
        if case["name"] == "served":
            served = report, case["pid"]
    # The same fd's chains as those of its process, where it has no other that wakes.
    report, pid = served
    rows = [r for r in report["fd_chains"] if r["pid"] == pid]
    total = find(report["chains"], pid=pid)
    ok("%s: chains by fd make up those of the process" % tier,
       all(sum(r[key] for r in rows) == total[key] for key in ("calls", "served", "unserved")) and
       sum(r["returned_to_served_ns"]["sum"] for r in rows) ==
       total["returned_to_served_ns"]["sum"], rows, total)
    text = ioready("stat", "--tier", tier, "--herd", "--items", "--chain-fds", "--",
                   sys.executable, HERDS, "/dev/null", "poll, four threads", "hot and unserved")
    ok("%s: in words" % tier, "pipe" in text.stdout and "UNSERVED" in text.stdout and
       "WOKEN MOST" in text.stdout, text.stdout)
    trace_herd(tier)
tap.plan()
