#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""herds.py FILE [CASE...]: files that wake several waiters, and epoll items that are
asked again and again, in known ways; for test_herd.py.

Each case is a process of its own, one after the other. What the tool must say of it
goes to FILE, a line of JSON a case: "herd" of the file with inode "ino", "items" by
"epfd fd", "epoll" sums by epfd, "chain" of the process, "closed" of all its files.

Nothing here depends on time: a file becomes ready when all that wait for it are
asleep (/proc/PID/task/TID/syscall), and stays so until all that return have said so,
through pipes that nobody waits on in select, poll or epoll.
"""
import fcntl
import json
import os
import select
import sys
import threading
import time

LT, ET = 0, select.EPOLLET
ONESHOT, EXCLUSIVE = select.EPOLLONESHOT, select.EPOLLEXCLUSIVE
IN, OUT = select.EPOLLIN, select.EPOLLOUT
ROUNDS = 4
WAITERS = 4
HOT = 50
# The family's numbers on x86-64 and arm64.
NUMBERS = {"x86_64": {7, 23, 232, 270, 271, 281, 441}, "aarch64": {22, 72, 73, 441}}
WAITS = NUMBERS[os.uname().machine]


def asleep(pid, tid):
    try:
        with open("/proc/%d/task/%d/syscall" % (pid, tid)) as f:
            number = f.read().split()[0]
    except OSError:
        return False
    return number.isdigit() and int(number) in WAITS


def pipe():
    r, w = os.pipe()
    for fd in (r, w):
        fcntl.fcntl(fd, fcntl.F_SETFL, os.O_NONBLOCK | fcntl.fcntl(fd, fcntl.F_GETFL))
    return r, w


class Waiters:
    """Threads (or processes) that wait by wait(i), which returns the ready fds, until the
    file of stop() is among them. What returned is told to returned(), and goes on after
    go(), with then(i)."""

    def __init__(self, wait, stop, n=WAITERS, processes=False, then=None, first=None):
        self.wait, self.stop, self.then, self.first = wait, stop, then, first
        self.report = os.pipe()
        self.gate = [os.pipe() for _ in range(n)]
        self.ids = []
        self.threads = []
        for i in range(n):
            if processes:
                pid = os.fork()
                if not pid:
                    self.run(i)
                    os._exit(0)
                self.ids.append((pid, pid))
                continue
            thread = threading.Thread(target=self.run, args=(i,))
            thread.start()
            self.threads.append(thread)
            self.ids.append((os.getpid(), thread.native_id))
        self.processes = processes

    def run(self, i):
        if self.first:
            self.first(i)
        while True:
            ready = self.wait(i)
            stopped = self.stop in ready
            os.write(self.report[1], bytes([i]))
            if stopped:
                return
            os.read(self.gate[i][0], 1)
            if self.then:
                self.then(i)

    def all_asleep(self):
        for pid, tid in self.ids:
            while not asleep(pid, tid):
                time.sleep(0.001)

    def returned(self, n):
        """The indices of the next n that return."""
        return [os.read(self.report[0], 1)[0] for _ in range(n)]

    def go(self, *who):
        for i in who:
            os.write(self.gate[i][1], b".")

    def end(self):
        for thread in self.threads:
            thread.join()
        if self.processes:
            for pid, _ in self.ids:
                os.waitpid(pid, 0)


def epoll_wait(eps):
    return lambda i: [fd for fd, _ in eps[i].poll()]


def watch(flags, *more):
    """An epoll that watches a file with these flags, and others as they are."""
    def make(r):
        ep = select.epoll()
        ep.register(r, IN | flags)
        for fd in more:
            ep.register(fd, IN)
        return ep
    return make


def rounds(waiters, r, w, stop_w, n, after=None):
    """Makes r ready ROUNDS times; n return each time, then it is drained."""
    for _ in range(ROUNDS):
        waiters.all_asleep()
        os.write(w, b".")
        who = waiters.returned(n)
        os.read(r, 1)
        if after:
            after(who)
        waiters.go(*who)
    waiters.all_asleep()
    os.write(stop_w, b".")
    waiters.end()


def ino(fd):
    return os.fstat(fd).st_ino


def herd(r, woken, served=None, empty=0, members=WAITERS, events=ROUNDS):
    return {"ino": ino(r), "events": events, "woken": woken,
            "served": woken if served is None else served, "empty": empty, "members": members}


def own(flags, returning, processes=False):
    """Each waiter has an epoll of its own."""
    r, w = pipe()
    stop_r, stop_w = pipe()
    eps = [watch(flags, stop_r)(r) for _ in range(WAITERS)]

    def rearm(who):
        if flags & ONESHOT:
            for i in who:
                eps[i].modify(r, IN | flags)
    waiters = Waiters(epoll_wait(eps), stop_r, processes=processes)
    rounds(waiters, r, w, stop_w, returning, rearm)
    again = 0 if flags & (ET | ONESHOT) else ROUNDS
    items = {}
    for i in range(WAITERS):
        n = ROUNDS if i < returning else 0
        items["%d %d" % (eps[i].fileno(), r)] = {
            # Level-triggered: asked once more when it waits again, and drained by then.
            "notified": n, "scans": n + (again if n else 0), "repolls": again if n else 0,
            "stale": again if n else 0, "reported": n, "unserved": 0,
            "changes": 1 + (n if flags & ONESHOT else 0),
            "asked": ["IN"], "trigger": "edge" if flags & ET else "level",
            "oneshot": bool(flags & ONESHOT), "exclusive": bool(flags & EXCLUSIVE)}
    want = {"herd": herd(r, returning * ROUNDS, members=returning), "items": items}
    if not processes:
        # Each waits again without a read of its own: the last time for the stop.
        want["chain"] = {"calls": returning * ROUNDS + WAITERS, "served": 0,
                         "served_nothing": 0, "unserved": returning * ROUNDS}
    else:
        # Made before the fork, so known by the parent.
        want["pids"] = [pid for pid, _ in waiters.ids]
    return want


def shared(flags, returning):
    """All wait on one epoll."""
    r, w = pipe()
    stop_r, stop_w = pipe()
    ep = watch(flags, stop_r)(r)

    def rearm(_):
        if flags & ONESHOT:
            ep.modify(r, IN | flags)
    waiters = Waiters(epoll_wait([ep] * WAITERS), stop_r)
    rounds(waiters, r, w, stop_w, returning, rearm)
    again = 0 if flags & (ET | ONESHOT) else ROUNDS
    # The event wakes one; level-triggered, each that returns hands it on to the next.
    handed = ROUNDS * (returning - 1)
    return {"herd": herd(r, ROUNDS, members=None),
            "items": {"%d %d" % (ep.fileno(), r): {
                "notified": ROUNDS, "scans": ROUNDS + handed + again,
                "repolls": handed + again, "stale": again, "reported": ROUNDS + handed,
                "unserved": handed, "changes": 1 + (ROUNDS if flags & ONESHOT else 0)}}}


def poll_four():
    r, w = pipe()
    stop_r, stop_w = pipe()

    def wait(_):
        p = select.poll()
        p.register(r, select.POLLIN)
        p.register(stop_r, select.POLLIN)
        return [fd for fd, _ in p.poll()]
    rounds(Waiters(wait, stop_r), r, w, stop_w, WAITERS)
    return {"herd": herd(r, WAITERS * ROUNDS)}


def select_four():
    r, w = pipe()
    stop_r, stop_w = pipe()
    rounds(Waiters(lambda _: select.select([r, stop_r], [], [])[0], stop_r), r, w, stop_w, WAITERS)
    return {"herd": herd(r, WAITERS * ROUNDS)}


def for_nothing():
    """What wakes them is taken back before they can run: they share a CPU with who does it,
    and do not get it."""
    r, w = pipe()
    stop_r, stop_w = pipe()
    cpu = {min(os.sched_getaffinity(0))}
    os.sched_setaffinity(0, cpu)
    eps = [watch(LT, stop_r)(r) for _ in range(WAITERS)]
    waiters = Waiters(epoll_wait(eps), stop_r)
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(10))
    for _ in range(ROUNDS):
        waiters.all_asleep()
        os.write(w, b".")
        os.read(r, 1)
    waiters.all_asleep()
    os.write(stop_w, b".")
    waiters.end()
    return {"herd": herd(r, WAITERS * ROUNDS, 0, WAITERS * ROUNDS),
            "items": {"%d %d" % (ep.fileno(), r): {
                "notified": ROUNDS, "scans": ROUNDS, "repolls": 0, "stale": 0, "reported": 0,
                "unserved": 0} for ep in eps}}


def nobody_asleep():
    r, w = pipe()
    ep = watch(LT)(r)
    for _ in range(ROUNDS):
        os.write(w, b".")
        ep.poll(0)
        os.read(r, 1)
    return {"herd": herd(r, 0, members=0),
            "items": {"%d %d" % (ep.fileno(), r): {
                "notified": ROUNDS, "scans": ROUNDS, "repolls": 0, "stale": 0,
                "reported": ROUNDS, "unserved": 0}}}


def served():
    """Who is woken reads."""
    r, w = pipe()
    stop_r, stop_w = pipe()
    eps = [watch(LT, stop_r)(r)]
    waiters = Waiters(epoll_wait(eps), stop_r, 1, then=lambda _: os.read(r, 1))
    for _ in range(ROUNDS):
        waiters.all_asleep()
        os.write(w, b".")
        waiters.go(*waiters.returned(1))
    waiters.all_asleep()
    os.write(stop_w, b".")
    waiters.end()
    return {"herd": herd(r, ROUNDS, members=1),
            "chain": {"calls": ROUNDS + 1, "served": ROUNDS, "served_nothing": 0, "unserved": 0}}


def served_nothing():
    """Both read; there is something for one."""
    r, w = pipe()
    stop_r, stop_w = pipe()
    done = os.pipe()

    def read(_):
        try:
            os.read(r, 1)
        except BlockingIOError:
            pass
        os.write(done[1], b".")
    eps = [watch(LT, stop_r)(r) for _ in range(2)]
    waiters = Waiters(epoll_wait(eps), stop_r, 2, then=read)
    for _ in range(ROUNDS):
        waiters.all_asleep()
        os.write(w, b".")
        for i in waiters.returned(2):
            waiters.go(i)
            os.read(done[0], 1)
    waiters.all_asleep()
    os.write(stop_w, b".")
    waiters.end()
    return {"herd": herd(r, 2 * ROUNDS, members=2),
            "chain": {"calls": 2 * ROUNDS + 2, "served": 2 * ROUNDS, "served_nothing": ROUNDS,
                      "unserved": 0}}


def hot():
    """Told over and over, and never read."""
    r, w = pipe()
    os.write(w, b".")
    ep = watch(LT)(r)
    for _ in range(HOT):
        ep.poll(0)
    return {"items": {"%d %d" % (ep.fileno(), r): {
        "notified": 0, "scans": HOT, "repolls": HOT - 1, "stale": 0, "reported": HOT,
        "unserved": HOT - 1, "changes": 1}}}


def writable():
    """Likewise: always room to write."""
    r, w = pipe()
    ep = select.epoll()
    ep.register(w, OUT)
    for _ in range(HOT):
        ep.poll(0)
    return {"items": {"%d %d" % (ep.fileno(), w): {
        "notified": 0, "scans": HOT, "repolls": HOT - 1, "stale": 0, "reported": HOT,
        "unserved": HOT - 1, "changes": 1}}}


def edge():
    """Ready all the time, and told once."""
    r, w = pipe()
    os.write(w, b".")
    ep = watch(ET)(r)
    for _ in range(HOT):
        ep.poll(0)
    return {"items": {"%d %d" % (ep.fileno(), r): {
        "scans": 1, "repolls": 0, "stale": 0, "reported": 1, "unserved": 0, "changes": 1}}}


def stale():
    """Ten are told and drained; the next call, for one, asks all."""
    pipes = [pipe() for _ in range(10)]
    ep = select.epoll()
    for r, _ in pipes:
        ep.register(r, IN)
    for _, w in pipes:
        os.write(w, b".")
    ep.poll(0)
    for r, _ in pipes:
        os.read(r, 1)
    os.write(pipes[0][1], b".")
    ep.poll(0)
    return {"epolls": {str(ep.fileno()): {
        "notified": 11, "scans": 20, "repolls": 9, "stale": 9, "reported": 11, "unserved": 0,
        "changes": 10}}}


def same_number():
    """Two files under one fd, one after the other."""
    ep = select.epoll()
    r, w = pipe()
    for _ in range(2):
        new_r, new_w = pipe()
        os.dup2(new_r, r)
        os.close(new_r)
        ep.register(r, IN)
        os.write(new_w, b".")
        ep.poll(0)
        os.read(r, 1)
    return {"items": {"%d %d" % (ep.fileno(), r): {
        "notified": 2, "scans": 2, "repolls": 0, "stale": 0, "reported": 2, "unserved": 0,
        "changes": 2}}}


def nested():
    """An epoll in an epoll: only the outer one is waited on."""
    r, w = pipe()
    inner = watch(LT)(r)
    outer = watch(LT)(inner.fileno())
    for _ in range(ROUNDS):
        os.write(w, b".")
        outer.poll(0)
        os.read(r, 1)
    return {"items": {
        "%d %d" % (outer.fileno(), inner.fileno()): {
            "notified": ROUNDS, "scans": ROUNDS, "repolls": 0, "stale": 0, "reported": ROUNDS,
            # Nobody reads an epoll.
            "unserved": ROUNDS - 1},
        "%d %d" % (inner.fileno(), r): {"notified": ROUNDS, "scans": 0, "reported": 0}}}


def inherited():
    """Parent and child ask the same epoll."""
    r, w = pipe()
    os.write(w, b".")
    ep = watch(LT)(r)
    for _ in range(ROUNDS):
        ep.poll(0)
    pid = os.fork()
    if not pid:
        for _ in range(ROUNDS):
            ep.poll(0)
        os._exit(0)
    os.waitpid(pid, 0)
    return {"items": {"%d %d" % (ep.fileno(), r): {
        "scans": 2 * ROUNDS, "repolls": 2 * ROUNDS - 1, "reported": 2 * ROUNDS,
        "unserved": 2 * ROUNDS - 1}}}


def closed():
    """Files that come and go, as a server's connections."""
    ep = select.epoll()
    for _ in range(ROUNDS):
        r, w = pipe()
        ep.register(r, IN)
        os.write(w, b".")
        ep.poll(0)
        os.read(r, 1)
        os.close(r)
        os.close(w)
    return {"closed": {"rows": ROUNDS, "events": ROUNDS, "woken": 0}}


CASES = {
    "own epolls, LT": lambda: own(LT, WAITERS),
    "own epolls, ET": lambda: own(ET, WAITERS),
    "own epolls, ONESHOT": lambda: own(ONESHOT, WAITERS),
    "own epolls, EXCLUSIVE": lambda: own(EXCLUSIVE, 1),
    "shared epoll, LT": lambda: shared(LT, WAITERS),
    "shared epoll, ET": lambda: shared(ET, 1),
    "shared epoll, ONESHOT": lambda: shared(ONESHOT, 1),
    "shared epoll, EXCLUSIVE": lambda: shared(EXCLUSIVE, WAITERS),
    "own epolls, four processes": lambda: own(LT, WAITERS, processes=True),
    "poll, four threads": poll_four,
    "select, four threads": select_four,
    "woken for nothing": for_nothing,
    "nobody asleep": nobody_asleep,
    "served": served,
    "served, and nothing left": served_nothing,
    "hot and unserved": hot,
    "always writable": writable,
    "edge-triggered": edge,
    "stale": stale,
    "two files under one fd": same_number,
    "an epoll in an epoll": nested,
    "an epoll of two processes": inherited,
    "closed files": closed,
}


def main():
    with open(sys.argv[1], "w") as out:
        for name in sys.argv[2:] or CASES:
            r, w = os.pipe()
            pid = os.fork()
            if not pid:
                want = CASES[name]()
                want.update(name=name, pid=os.getpid())
                os.write(w, (json.dumps(want) + "\n").encode())
                os._exit(0)
            os.close(w)
            _, status = os.waitpid(pid, 0)
            with os.fdopen(r) as answer:
                out.write(answer.read() or json.dumps({"name": name, "died": status}) + "\n")


if __name__ == "__main__":
    main()
