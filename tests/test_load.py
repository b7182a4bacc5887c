#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""test_load.py [THREADS FDS SECONDS]: ioready under 2,000 threads that wait, 50,000 fds
and as many epoll_ctl as the machine does: nothing is lost uncounted, and memory stays
within the bill. Prints TAP.

Environment: O, where the programs are (build); IOREADY_TIERS, with spaces between
(tracepoint).
"""
import glob
import json
import os
import re
import subprocess
import sys
import tempfile
import time

# What is generated goes to one place, and this is not it.
sys.dont_write_bytecode = True
import tap
from tap import ok

O = os.path.abspath(os.environ.get("O", "build"))
IOREADY = os.path.join(O, "ioready")
LOAD = [os.path.join(O, "tests", "load"), *(sys.argv[1:] or ["2000", "50000", "3"])]
TIERS = os.environ.get("IOREADY_TIERS", "tracepoint").split()
# The tool's own, whatever it traces: rows of 2,000 threads and 50,000 items.
RSS_MAX_KB = 512 * 1024

def maps_kb(pid):
    """What the kernel says that the maps hold which a process has open."""
    seen = {}
    for path in glob.glob("/proc/%d/fdinfo/*" % pid):
        try:
            with open(path) as f:
                text = f.read()
        except OSError:
            continue
        got = dict(re.findall(r"^(map_id|memlock):\s+(\d+)$", text, re.M))
        if "map_id" in got:
            seen[got["map_id"]] = int(got["memlock"])
    return sum(seen.values()) / 1024


def traced(tier, *options):
    """Report, truth, most memory of the maps, and of the tool, in KiB."""
    maps = tool = 0
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        # What the load says goes to standard error: the report has standard output.
        program = subprocess.Popen([IOREADY, "stat", "--json", "--tier", tier, "--scans", "derive",
                                    *options, "--", "sh", "-c", 'exec "$@" >&2', "-", *LOAD],
                                   stdout=out, stderr=err)
        while program.poll() is None:
            maps = max(maps, maps_kb(program.pid))
            try:
                with open("/proc/%d/status" % program.pid) as f:
                    tool = max(tool, *map(int, re.findall(r"^VmHWM:\s+(\d+)", f.read(), re.M)), 0)
            except OSError:
                pass
            time.sleep(0.05)
        out.seek(0)
        err.seek(0)
        return json.load(out), json.load(err), maps, tool


def total(rows, key):
    return sum(row[key] for row in rows)


# Losses of calls; the others are of what is counted beside them.
OF_CALLS = ("entry_unseen", "exit_unseen", "no_memory", "ring_full", "killed")
RING_KB = 4096


def bill_kb(ring_kb, options):
    bill = json.loads(subprocess.run([IOREADY, "doctor", "--json"], capture_output=True,
                                     text=True).stdout)["maps"]
    return sum(m["bytes"] for m in bill
               if not m["option"] or any(o in m["option"] for o in options)) / 1024 + \
        ring_kb - RING_KB


def check(tier, name, ring_kb, options, want_whole):
    report, truth, maps, tool = traced(tier, "--ring", str(ring_kb), *options)
    mine = [w for w in report["waits"] if w["pid"] == truth["pid"]]
    waits = [w for w in mine if w["syscall"] != "epoll_ctl"]
    losses = report["losses"]
    lost = sum(losses[key] for key in OF_CALLS)
    whole = not any(n for key, n in losses.items() if key != "begun_before")
    changed = truth["changes"] + truth["removals"]
    calls = truth["waits"] + changed
    counted = total(mine, "calls")
    said = "%s, %s: " % (tier, name)
    print("# %s%d waits, %d epoll_ctl a second; lost %s; maps %d KiB, tool %d KiB" %
          (said, truth["waits"], changed / truth["seconds"], {k: n for k, n in losses.items() if n},
           maps, tool))
    # A call that was skipped at both ends is in nested alone.
    ok(said + "calls counted and lost make up those made",
       counted + lost == calls or (losses["nested"] and counted + lost <= calls <=
                                   counted + lost + losses["nested"]),
       "%d + %d, not %d" % (counted, lost, calls), losses)
    if want_whole and not losses["nested"]:
        ok(said + "nothing was lost", whole, losses)
        ok(said + "each wait", total(waits, "calls") == truth["waits"], waits, truth)
        ok(said + "what was ready", total(waits, "ready") == truth["ready"], truth)
    ok(said + "the tool's memory is bounded", 0 < tool < RSS_MAX_KB, "%d KiB" % tool)
    bill = bill_kb(ring_kb, options)
    # The kernel's own word has what the bill has not: heads of maps, and of allocators.
    ok(said + "the maps hold what the bill says", 0 < maps < bill * 1.1 + 1024,
       "%d KiB, the bill says %d" % (maps, bill))
    if "--items" in options and whole:
        epolls = [e for e in report["epolls"] if e["pid"] == truth["pid"]]
        items = [i for i in report["items"] if i["pid"] == truth["pid"]]
        ok(said + "changes of items", total(epolls, "changes") == truth["changes"],
           "%d, not %d" % (total(epolls, "changes"), truth["changes"]))
        ok(said + "what items told", total(epolls, "reported") == truth["ready"],
           "%d, not %d" % (total(epolls, "reported"), truth["ready"]))
        ok(said + "an item for each fd", len(items) == truth["threads"] + truth["fds"] + 1,
           "%d, not %d" % (len(items), truth["threads"] + truth["fds"] + 1))
    if "--herd" in options and whole:
        herds = [h for h in report["herds"] if h["pid"] == truth["pid"]]
        ok(said + "who was woken came back", total(herds, "woken") ==
           total(herds, "served") + total(herds, "empty"))


for tier in TIERS:
    # Room for the rows of 2,000 threads that end at once, and for 25 of them.
    check(tier, "chains", 65536, ["--epoll-ctl", "--chain"], True)
    if tier != "tracepoint":
        check(tier, "all", 65536, ["--epoll-ctl", "--chain", "--herd", "--items"], True)
    check(tier, "a full ring", 64, ["--epoll-ctl"], False)
tap.plan()
