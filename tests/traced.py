# SPDX-License-Identifier: GPL-2.0-or-later
"""Programs of which everything is known, run under ioready tcp."""
import functools
import json
import os
import subprocess
import sys

IOREADY = os.path.abspath(os.path.join(os.environ.get("O", "build"), "ioready"))
TIERS = os.environ.get("IOREADY_TIERS", "tracepoint").split()
# Seconds for a command that ends by itself. A guest's clock leaps while it waits for a busy host,
# and guest/run.sh ends what hangs there.
LIMIT = None if os.environ.get("IOREADY_GUEST") else 120
# A kernel that preempts may skip hooks, and the tool says so: then once more.
ATTEMPTS = 3
# Before a command: in a network namespace of its own.
ALONE = ["unshare", "-n", "sh", "-c", 'ip link set lo up && exec "$@"', "-"]


def inside(*command, **more):
    """In a network namespace of its own."""
    return subprocess.run([*ALONE, *command], capture_output=True, text=True, timeout=LIMIT, **more)


@functools.cache
def why_not_inside():
    """Why there is no such namespace here, or None."""
    done = inside("true")
    if not done.returncode:
        return None
    return (done.stderr.strip().splitlines() or ["unshare failed"])[-1]


def ioready(*args, **more):
    return subprocess.run([IOREADY, *args], capture_output=True, text=True, timeout=LIMIT, **more)


def lost(report):
    """How much, with --waits also of the waits."""
    return sum(sum(part["losses"].values()) for part in (report, report.get("stat")) if part)


def why_not_whole(report):
    """Why figures are lower bounds, if it is the kernel that skipped hooks; or None."""
    parts = [part for part in (report, report.get("stat")) if part]
    if any(part["losses"].get("nested") for part in parts):
        return "the kernel skipped hooks in each of %d runs" % ATTEMPTS
    return None


def traced(tier, program, *args, options=()):
    """Lines of the connections, and the report behind them."""
    for _ in range(ATTEMPTS):
        done = ioready("tcp", "-q", "--json", "--each", "--tier", tier, *options, "--",
                       sys.executable, "-c", program, *args)
        if done.returncode:
            raise RuntimeError("status %d: %s" % (done.returncode, done.stderr))
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        if not lost(lines[-1]):
            break
    return lines[:-1], lines[-1]
