# SPDX-License-Identifier: GPL-2.0-or-later
"""What the tests in Python print: TAP, a line a test, and why one failed."""
import json

count = 0


def ok(what, good, *why):
    global count
    count += 1
    print("%s %d - %s" % ("ok" if good else "not ok", count, what), flush=True)
    if not good:
        for w in why:
            print("# " + (w if isinstance(w, str) else json.dumps(w))[:3000], flush=True)


def skip(what, why):
    global count
    count += 1
    print("ok %d - %s # SKIP %s" % (count, what, why), flush=True)


def plan():
    print("1..%d" % count)
