#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""test_snapshot.py WAY: ioready snapshot against programs of known ways.

Prints TAP. WAY is how readiness is to be had: module or pidfd_getfd.
Environment: O, where the program is (build).
"""
import glob
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

# What is generated goes to one place, and this is not it.
sys.dont_write_bytecode = True
import tap
from tap import ok, skip
from traced import IOREADY, LIMIT

HERE = os.path.dirname(os.path.abspath(__file__))
WAY = sys.argv[1]

def run(*args, **more):
    return subprocess.run([IOREADY, "snapshot", *map(str, args)], capture_output=True, text=True,
                          timeout=LIMIT, **more)


def snapshot(*args, **more):
    """The JSON object of a snapshot that must succeed."""
    done = run("--json", *args, **more)
    if done.returncode or done.stderr:
        raise RuntimeError("status %d: %s" % (done.returncode, done.stderr))
    return json.loads(done.stdout)


def process(*args):
    return snapshot(*args)["processes"][0]


# Of watchers.py, what does not sleep.
BUSY = ("spin", "spin_out", "spin_event", "serve")
# On x86-64 and arm64.
FUTEX = (202, 98)


class Watcher:
    """A program of watchers.py; its truth is in @truth."""

    def __init__(self, *mode):
        self.program = subprocess.Popen(
            [sys.executable, os.path.join(HERE, "watchers.py"), *map(str, mode)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        self.truth = json.loads(self.program.stdout.readline())
        self.pid = self.truth["pid"]
        # It has said so before it waits.
        for _ in range(6000):
            if mode[0] in BUSY or self.sleeps():
                return
            if self.program.poll() is not None:
                break
            time.sleep(0.01)
        raise RuntimeError("%s does not come to wait" % mode[0])

    def sleeps(self):
        """Each of its threads, in a system call; but not where Python's threads take turns."""
        calls = []
        try:
            for path in glob.glob("/proc/%d/task/*/syscall" % self.pid):
                with open(path) as f:
                    calls.append(f.read().split()[0])
        except OSError:
            return False
        return bool(calls) and all(n.isdigit() and int(n) not in FUTEX for n in calls)

    def __getitem__(self, name):
        return self.truth[name]

    def ask(self):
        self.program.stdin.write("\n")
        return self.program.stdout.readline()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.program.kill()
        self.program.wait()
        self.program.stdin.close()
        self.program.stdout.close()


def watch(p, fd, epfd=None, **more):
    """The one row of an fd."""
    rows = [w for w in p["watches"] if w["fd"] == fd and (epfd is None or w["epfd"] == epfd)
            and all(w[k] == v for k, v in more.items())]
    if len(rows) != 1:
        raise RuntimeError("%d rows of fd %d: %s" % (len(rows), fd, json.dumps(p["watches"])[:2000]))
    return rows[0]


def changes(before, after):
    return [(a, b) for a, b in zip(before, after) if a != b] or (len(before), len(after))


def state(pid):
    """What a snapshot must not change: fds, and what the kernel tells of them."""
    # But for 2, which is ours as well, and written to.
    fds = sorted(int(fd) for fd in os.listdir("/proc/%d/fd" % pid) if fd != "2")
    return [(fd, os.readlink("/proc/%d/fd/%d" % (pid, fd)),
             open("/proc/%d/fdinfo/%d" % (pid, fd)).read()) for fd in fds]


# --- served or not: the ground truth ---------------------------------------------

def test_spin():
    with Watcher("spin") as w:
        before = state(w.pid)
        s = snapshot("-p", w.pid)
        p = s["processes"][0]
        r = watch(p, w["fd"], w["epfd"])
        ok("readiness was had this way", s["readiness"] == WAY, s)
        global ITERATOR
        ITERATOR = s["no_iterator"] is None
        ok("spin: ready, asked, level", r["ready"] == ["IN"] and r["asked"] == ["IN"] and
           r["trigger"] == "level" and not r["oneshot"] and not r["exclusive"], r)
        ok("spin: unserved, because nothing was taken",
           r["unserved"] == "yes" and r["unserved_why"] == "unmoved" and p["unserved"] == 1, r)
        ok("spin: not an edge, not stale", not r["edge_consumed"] and r["stale"] is False, r)
        ok("spin: it ran", p["ran"] is True, p)
        file = r["file"]
        ok("spin: socket, addresses, queue",
           file["kind"] == "socket" and file["receive_bytes"] == 1000 and
           file["socket"]["local"] == w["local"] and file["socket"]["remote"] == w["remote"] and
           file["socket"]["state"] == "established", r)
        ok("spin: its data", int(r["data"], 16) & 0xffffffff == w["fd"], r)
        after = state(w.pid)
        ok("spin: fds and what the kernel tells of them are as before", after == before,
           changes(before, after))
        text = run("-p", w.pid).stdout
        ok("spin: the finding in words", "1 of 1 watched fds is ready and not served: %d (tcp %s"
           % (w["fd"], w["local"]) in text and "1,000 bytes to read" in text, text)
        ok("spin: the text says the way", ("through pidfd_getfd" in text) ==
           (WAY == "pidfd_getfd") and ("through the module: no file" in text) == (WAY == "module"),
           text)


def test_spin_out():
    with Watcher("spin_out") as w:
        r = watch(process("-p", w.pid), w["fd"])
        ok("spin, asked whether it can be written: unserved", r["unserved"] == "yes" and
           r["unserved_why"] == "unmoved" and r["ready"] == ["OUT"], r)


def test_spin_event():
    with Watcher("spin_event") as w:
        p = process("-p", w.pid)
        r = watch(p, w["fd"])
        ok("spin on an eventfd: it cannot be seen, and is said so", r["unserved"] == "unknown" and
           r["unserved_why"] == "unseen" and p["unseen"] == 1 and p["unserved"] == 0, r)
        ok("likewise in words", "1 was ready at both looks, and whether" in run("-p", w.pid).stdout)
        os.kill(w.pid, signal.SIGSTOP)
        time.sleep(0.2)
        r = watch(process("-p", w.pid), w["fd"])
        ok("the same, stopped: unserved, because nobody ran", r["unserved"] == "yes" and
           r["unserved_why"] == "idle", r)


def test_stall():
    with Watcher("stall") as w:
        p = process("-p", w.pid)
        r = watch(p, w["fd"])
        ok("stall: unserved, 90 bytes left", r["unserved"] == "yes" and r["trigger"] == "edge" and
           r["ready"] == ["IN"] and r["file"]["receive_bytes"] == 90, r)
        ok("stall: the edge is consumed (null without the iterator)",
           r["edge_consumed"] is (True if ITERATOR else None) and
           r["queued"] is (False if ITERATOR else None), r)
        t = [t for t in p["threads"] if t["tid"] == w.pid][0]
        ok("stall: who waits", t["state"] == "waits" and t["epfd"] == w["epfd"] and
           p["epolls"] == [{"fd": w["epfd"], "items": 1, "waiting": [w.pid]}], p)
        ok("stall: nobody ran", p["ran"] is False, p)


def test_serve():
    with Watcher("serve") as w:
        rows = [watch(process("-p", w.pid, "--gap=0.3"), w["fd"]) for _ in range(5)]
        ok("serve: never unserved", all(r["unserved"] == "no" for r in rows), rows)


def test_idle():
    with Watcher("idle") as w:
        r = watch(process("-p", w.pid), w["fd"])
        ok("idle: a writable edge is not unserved", r["unserved"] == "no" and
           r["unserved_why"] == "writable" and r["ready"] == ["OUT"], r)
        ok("idle: none, in words", "none of 1 watched fds" in run("-p", w.pid).stdout)


# --- watchers ----------------------------------------------------------------------

def test_calls():
    with Watcher("calls") as w:
        p = process("-p", w.pid)
        poll = {x["fd"]: x for x in p["watches"] if x["mechanism"] == "poll"}
        chosen = {x["fd"]: x for x in p["watches"] if x["mechanism"] == "select"}
        ok("poll: what it watches", set(poll) == {w["a"], w["r"]} and
           poll[w["a"]]["asked"] == ["IN", "PRI"] and poll[w["r"]]["asked"] == ["IN"], p["watches"])
        ok("select: what it watches", set(chosen) == {w["a"], w["b"], w["r"]} and
           chosen[w["a"]]["asked"] == ["IN"] and chosen[w["b"]]["asked"] == ["PRI"],
           p["watches"])
        states = {t["tid"]: (t["state"], t["syscall"]) for t in p["threads"]}
        ok("the thread that is in each", states[poll[w["a"]]["tid"]] == ("waits", "poll") and
           states[chosen[w["a"]]["tid"]] == ("waits", "pselect6") and
           [s for s, _ in states.values()].count("elsewhere") >= 2, p["threads"])


def test_zoo():
    with Watcher("zoo") as w:
        before = state(w.pid)
        s = snapshot("-p", w.pid)
        p = s["processes"][0]
        after = state(w.pid)
        ok("zoo: fds and what the kernel tells of them are as before", after == before,
           changes(before, after))

        def row(name, epfd="epfd", **more):
            return watch(p, w[name], w[epfd], **more)
        r = row("level")
        ok("level", r["trigger"] == "level" and r["ready"] == [] and r["unserved"] == "no", r)
        r = row("edge")
        ok("edge", r["trigger"] == "edge" and not r["oneshot"], r)
        r = row("oneshot")
        ok("oneshot, armed", r["oneshot"] and not r["disarmed"] and r["asked"] == ["IN"], r)
        r = row("disarmed", "disarmed_epfd")
        ok("oneshot, disarmed: asks for nothing", r["disarmed"] and r["asked"] == [] and
           r["ready"] == [] and r["unserved"] == "no", r)
        r = row("exclusive")
        ok("exclusive, 5 bytes", r["exclusive"] and r["file"]["receive_bytes"] == 5 and
           r["file"]["socket"]["family"] == "unix", r)
        r = row("nested")
        ok("nested epoll: not asked, as it would ask what is in it",
           r["file"]["kind"] == "epoll" and r["no_ready"] == "may_disturb" and
           r["ready"] is None, r)
        r = row("closed")
        ok("closed, and still watched: stale", r["stale"] is True and r["file"] is None and
           r["ready"] is None and r["no_ready"] == "not_open" and r["unserved"] == "unknown", r)
        ok("... where it is open, and that it is queued (null without the iterator)",
           (r["open_as"], r["queued"]) == ((w["closed_as"], True) if ITERATOR else (None, None)), r)
        r = row("replaced")
        ok("closed, and its number taken by another: stale", r["stale"] is True and
           r["file"]["kind"] == "eventfd" and r["no_ready"] == "not_open", r)
        r = row("dead")
        ok("closed, the file watched by another number too", r["stale"] is True and
           r["open_as"] == (w["level"] if ITERATOR else None), r)
        r = row("event")
        ok("eventfd: ready; it sleeps: unserved", r["file"]["kind"] == "eventfd" and
           r["ready"] == ["IN"] and r["unserved"] == "yes" and r["unserved_why"] == "idle", r)
        ok("eventfd: it is the one (null without the iterator)",
           r["stale"] is (False if ITERATOR else None), r)
        ok("timerfd: not ready", row("timer")["file"]["kind"] == "timerfd" and
           row("timer")["ready"] == [], row("timer"))
        r = row("signal")
        ok("signalfd: not asked", r["no_ready"] == "signalfd" and r["ready"] is None, r)
        r = row("mounts")
        ok("mounts: not asked", r["no_ready"] == "may_disturb" and r["ready"] is None, r)
        ok("tty: ready", row("tty")["file"]["kind"] == "tty" and row("tty")["ready"] == ["IN"])
        r = row("listener")
        sock = r["file"]["socket"]
        ok("listener: two wait, of seven", sock["state"] == "listen" and sock["backlog"] == 2 and
           sock["backlog_max"] == 7 and sock["local"] == "[::1]:%d" % w["port"] and
           r["unserved"] == "yes", r)
        sock = row("named")["file"]["socket"]
        ok("abstract name, escaped", sock["path"] == "@ioready \\x1b[1m\"%d" % w.pid and
           sock["state"] == "listen" and sock["family"] == "unix", sock)
        r = row("udp")
        ok("udp: ready, memory in its queue", r["ready"] == ["IN"] and
           r["file"]["socket"]["type"] == "dgram" and
           r["file"]["socket"]["receive_memory"] >= 5 and r["file"]["receive_bytes"] is None, r)
        r = row("ended")
        ok("the other end closed: HUP and RDHUP", set(r["ready"]) == {"IN", "RDHUP", "HUP"}, r)
        ok("nobody waits on its epolls", len(p["epolls"]) == 3 and
           all(not e["waiting"] for e in p["epolls"]), p["epolls"])
        ok("counts", p["watched"] == len(p["watches"]) and
           p["unserved"] == sum(x["unserved"] == "yes" for x in p["watches"]) and
           p["ready"] == sum(bool(x["ready"]) for x in p["watches"]), p)
        done = run("-p", w.pid, "--rows=0")
        ok("text: nothing unprintable", all(c == "\n" or " " <= c <= "~" for c in done.stdout))
        ok("text: stale is said", "watch a file that is not open" in done.stdout, done.stdout)
        done = run("-p", w.pid, "--rows=2", "--color=always")
        ok("text: two rows, and how many more", "more (--rows=0" in done.stdout and
           "\033[1m" in done.stdout, done.stdout)

        if WAY == "module":
            return
        q = process("-p", w.pid, "--no-dup")
        ok("--no-dup: what is ready is left open, and nothing is unserved",
           all(x["ready"] is None or x["disarmed"] for x in q["watches"]
               if x["no_ready"] != "not_open") and q["unserved"] == 0 and
           watch(q, w["event"], w["epfd"])["no_ready"] == "not_asked", q)


def in_gap(tool):
    """Waits until the tool sleeps between its two looks."""
    for _ in range(300):
        # clock_nanosleep: 230, 115 on arm64
        if open("/proc/%d/syscall" % tool.pid).read().split()[0] in ("230", "115"):
            return
        time.sleep(0.1)
    raise RuntimeError("no gap")


# --- nothing is touched -------------------------------------------------------------

def eof_within(listener, closer, gap):
    """Whether the end of a close is seen within the snapshot in which it was closed."""
    conn, _ = listener.accept()
    seen = []
    reader = threading.Thread(target=lambda: seen.append(conn.recv(1)))
    reader.start()
    tool = subprocess.Popen([IOREADY, "snapshot", "--json", "--gap=%g" % gap, "-p",
                             str(closer.pid)], stdout=subprocess.PIPE, text=True)
    in_gap(tool)
    # Stopped, so that it lets go of nothing meanwhile.
    tool.send_signal(signal.SIGSTOP)
    closer.ask()
    reader.join(20)
    at_once = seen == [b""]
    tool.send_signal(signal.SIGCONT)
    out = tool.communicate()[0]
    closer.program.stdout.readline()
    conn.close()
    return at_once, json.loads(out)


def test_close():
    with socket.create_server(("127.0.0.1", 0)) as listener, \
         Watcher("closer", listener.getsockname()[1]) as w:
        at_once, s = eof_within(listener, w, 2)
        ok("closed during a snapshot: the peer sees it at once", at_once)
        p = s["processes"][0]
        ok("... and the snapshot tells what is there then", p["pid"] == w.pid and
           p["watched"] == 1 and p["watches"][0]["unserved"] == "no", p)


SIGNALLED = """
import ctypes, os, select, signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
mask = (ctypes.c_uint64 * 16)(1 << signal.SIGUSR1 - 1)
e = select.epoll()
e.register(ctypes.CDLL(None).signalfd(-1, mask, 0), select.EPOLLIN)
os.kill(os.getpid(), signal.SIGUSR1)
print("ready", flush=True)
sys.stdin.readline()
print(len(e.poll(5)), flush=True)
"""


def test_signal():
    """An epoll that is asked asks its signalfd, which answers for the signals of who asks."""
    with subprocess.Popen([sys.executable, "-c", SIGNALLED], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, text=True) as program:
        program.stdout.readline()
        p = process("-p", program.pid)
        program.stdin.write("\n")
        program.stdin.flush()
        told = program.stdout.readline()
        ok("a signal that waits in an epoll is told after the snapshot as before",
           told == "1\n" and len(p["watches"]) == 1, told, p)


def test_touch():
    """The module's own device counts how it is asked."""
    if not os.path.exists("/dev/ioready"):
        skip("/dev/ioready is asked twice, and no waiter added", "the module is not loaded")
        return
    with Watcher("source") as w:
        before = json.loads(w.ask())
        r = watch(process("-p", w.pid), w["fd"])
        after = json.loads(w.ask())
        ok("/dev/ioready is asked twice, and no waiter added",
           after == dict(before, polls=before["polls"] + 2) and r["ready"] == [],
           before, after, r)


def test_no_duplicate():
    name = "the module's way takes no duplicate"
    if WAY != "module":
        return
    if not shutil.which("strace"):
        skip(name, "there is no strace")
        return
    with Watcher("spin") as w:
        done = subprocess.run(["strace", "-f", "-qq", "-e", "trace=pidfd_open,pidfd_getfd",
                               IOREADY, "snapshot", "-p", str(w.pid)],
                              capture_output=True, text=True)
        ok(name, not done.stderr and "no file was duplicated" in done.stdout, done.stderr)


# --- what can go wrong ---------------------------------------------------------------

def refuses(status, pattern, *args):
    done = run(*args)
    ok("refused: %s" % " ".join(map(str, args)), done.returncode == status and
       pattern in done.stderr and not done.stdout,
       "status %d, %s %s" % (done.returncode, done.stderr, done.stdout[:500]))


def test_usage():
    refuses(2, "say whom")
    refuses(2, "exclude each other", "-a", "-p", os.getpid())
    refuses(2, "whole number", "-p", "12abc")
    refuses(2, "between 1 and", "-p", "0")
    refuses(1, "no process 4194303", "-p", "4194303")
    refuses(2, "at most 16", *["-p%d" % os.getpid()] * 17)
    refuses(2, "number of seconds", "-a", "--gap=1e3")
    refuses(2, "between", "-a", "--gap=0")
    refuses(2, "Usage", "-a", "x")
    refuses(2, "does not know", "-a", "--color=blue")
    refuses(2, "whole number", "-a", "--rows=-1")
    refuses(1, "No such file", "-a", "-o", "/nowhere/file")
    refuses(2, "unrecognized", "-a", "--tier=fentry")
    with open("/dev/full", "w") as full:
        done = subprocess.run([IOREADY, "snapshot", "-p", str(os.getpid())], stdout=full,
                              stderr=subprocess.PIPE, text=True)
    ok("a full device: status 1, and why", done.returncode == 1 and "No space" in done.stderr)


def vanish(*args):
    """A snapshot of a process that is killed in the gap, and of others."""
    with Watcher("idle") as w:
        tool = subprocess.Popen([IOREADY, "snapshot", "--json", "--gap=1.5", *args,
                                 *([] if "-a" in args else ["-p%d" % w.pid])],
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        in_gap(tool)
        w.program.kill()
        w.program.wait()
        out, err = tool.communicate()
        return tool.returncode, out, err, w.pid


def test_vanish():
    status, out, err, pid = vanish()
    ok("the only process ends in between: status 1, and said", status == 1 and not out and
       "process %d has ended" % pid in err, status, out, err)
    status, out, err, pid = vanish("-p%d" % os.getpid())
    ok("one of two ends: the other is told", status == 0 and "process %d has ended" % pid in err
       and [p["pid"] for p in json.loads(out)["processes"]] == [os.getpid()] and
       json.loads(out)["ended"] == 1, status, out, err)
    status, out, err, pid = vanish("-a")
    ok("--all: it is counted", status == 0 and not err and json.loads(out)["ended"] >= 1 and
       pid not in [p["pid"] for p in json.loads(out)["processes"]], status, out[:500], err)


def as_nobody(*args, **more):
    return subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                           "--inh-caps=-all", "--bounding-set=-all", *args],
                          capture_output=True, text=True, timeout=LIMIT, **more)


def test_rights():
    # By way of a shell: setpriv itself may still reach what nobody may not.
    if os.getuid() or as_nobody("sh", "-c", IOREADY + " --version").returncode:
        skip("without rights", "nobody cannot run %s" % IOREADY)
        return
    with Watcher("idle") as w:
        done = as_nobody(IOREADY, "snapshot", "-p", str(w.pid))
        ok("another's process, without rights: status 3, and what to do",
           done.returncode == 3 and "sudo" in done.stderr and not done.stdout, done.stderr)
        done = as_nobody(IOREADY, "snapshot", "--json", "-a")
        s = json.loads(done.stdout)
        ok("--all, without rights: they are counted, and status 3 if there is nobody else",
           s["forbidden"] >= 1 and done.returncode == (0 if s["processes"] else 3), done.stderr)
        done = as_nobody(IOREADY, "snapshot", "-a")
        ok("... and what to do, not that nobody waits", "No fd is watched" not in done.stdout and
           (s["processes"] or "run it with sudo" in done.stdout), done.stdout)
    # One's own: /proc and duplicates alone tell the same.
    script = '''python3 -c '
import select, socket
a, b = socket.socketpair(); l = socket.create_server(("127.0.0.1", 0))
c = socket.create_connection(l.getsockname()); s, _ = l.accept(); c.send(b"xyz")
e = select.epoll(); e.register(a, 1); e.register(s, 1); e.register(l, 1); b.send(b"x")
print(a.fileno(), s.fileno(), l.fileno(), flush=True); import time; time.sleep(60)' >%s &
for _ in $(seq 300); do [ -s %s ] && break; sleep 0.1; done; %s snapshot --json -p $!; kill $!'''
    with tempfile.NamedTemporaryFile() as f:
        os.chmod(f.name, 0o666)
        done = as_nobody("sh", "-c", script % (f.name, f.name, IOREADY),
                         env=dict(os.environ, PATH="/usr/bin:/bin"))
        fds = open(f.name).read().split()
    if not fds:
        skip("one's own process, without rights", "nobody cannot run python3")
        return
    if done.returncode or not done.stdout:
        ok("one's own process, without rights", False, done.stderr)
        return
    s = json.loads(done.stdout)
    a, c, l = (watch(s["processes"][0], int(fd)) for fd in fds)
    ok("one's own process, without rights: no iterator, and said",
       s["no_iterator"] and s["readiness"] == "pidfd_getfd", s)
    ok("... ready, unserved, bytes, addresses", a["ready"] == ["IN"] and
       a["file"]["receive_bytes"] == 1 and c["file"]["receive_bytes"] == 3 and
       c["unserved"] == "yes" and c["unserved_why"] == "unmoved" and
       c["file"]["socket"]["state"] == "established" and
       c["file"]["socket"]["remote"] and l["file"]["socket"]["state"] == "listen" and
       l["file"]["socket"]["backlog_max"] == 128 and l["ready"] == [], s)


def test_32bit():
    """A program of 20 bytes that pauses, as a 32-bit one."""
    with tempfile.TemporaryDirectory() as d:
        path = os.path.join(d, "pause")
        try:
            subprocess.run(["as", "--32", "-o", path + ".o"], check=True, text=True,
                           input=".globl _start\n_start: movl $29, %eax\nint $0x80\njmp _start\n")
            subprocess.run(["ld", "-m", "elf_i386", "-o", path, path + ".o"], check=True)
            program = subprocess.Popen([path])
        except (OSError, subprocess.CalledProcessError) as why:
            skip("a 32-bit program", str(why).replace("\n", " "))
            return
        time.sleep(0.3)
        p = process("-p", program.pid)
        program.kill()
        program.wait()
        ok("a 32-bit program: said, and not decoded", p["bits"] == 32 and
           p["threads"][0]["state"] == "untold", p)


# --- real ones --------------------------------------------------------------------------

def test_redis():
    if not shutil.which("redis-server"):
        skip("Redis", "there is no redis-server")
        return
    with tempfile.TemporaryDirectory() as d:
        path = os.path.join(d, "socket")
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        redis = subprocess.Popen(["redis-server", "--port", str(port), "--bind",
                                  "127.0.0.1", "--unixsocket", path,
                                  "--save", "", "--dir", d], stdout=subprocess.DEVNULL)
        try:
            for _ in range(200):
                if os.path.exists(path):
                    break
                time.sleep(0.1)
            client = socket.create_connection(("127.0.0.1", port))
            client.sendall(b"PING\r\n")
            client.recv(100)
            p = process("-p", redis.pid)
            paths = [w["file"]["socket"]["path"] for w in p["watches"] if w["file"]["socket"]]
            ok("Redis: its listeners, its client, nothing unserved", path in paths and
               p["unserved"] == 0 and
               any(w["file"]["socket"] and w["file"]["socket"]["local"] == "127.0.0.1:%d" % port
                   and w["file"]["socket"]["state"] == "listen" for w in p["watches"]), p)
            redis.send_signal(signal.SIGSTOP)
            time.sleep(0.2)
            client.sendall(b"PING\r\n")
            time.sleep(0.1)
            p = process("-p", redis.pid)
            rows = [w for w in p["watches"] if w["unserved"] == "yes"]
            ok("Redis, stopped: its client is not served", len(rows) == 1 and
               rows[0]["file"]["receive_bytes"] == 6 and rows[0]["file"]["socket"]["remote"] ==
               "127.0.0.1:%d" % client.getsockname()[1], p)
            redis.send_signal(signal.SIGCONT)
            client.settimeout(20)
            ok("Redis, going on: it serves it", client.recv(100).endswith(b"+PONG\r\n"))
            client.close()
        finally:
            redis.kill()
            redis.wait()


def test_many():
    n = 8000
    with Watcher("many", n) as w:
        begin = time.monotonic()
        s = snapshot("-p", w.pid)
        took = time.monotonic() - begin
        p = s["processes"][0]
        ok("%d watched fds: all are told" % n, p["watched"] == n and p["unserved"] == n // 1000 and
           len({x["fd"] for x in p["watches"]}) == n and p["left_out"] == 0, p["watched"])
        print("# %d watched fds: %.2f s" % (n, took))


def test_all():
    with Watcher("stall") as w:
        s = snapshot("-a")
        p = [p for p in s["processes"] if p["pid"] == w.pid]
        ok("--all has it", len(p) == 1 and p[0]["unserved"] == 1 and s["silent"] >= 1, s)
        with tempfile.TemporaryDirectory() as d:
            path = os.path.join(d, "out")
            done = run("-a", "-o", path, env=dict(os.environ, NO_COLOR="1"))
            ok("-o: for the owner alone, nothing on standard output", not done.returncode and
               not done.stdout and os.stat(path).st_mode & 0o777 == 0o600 and
               "not served" in open(path).read())


ITERATOR = False
for test in (test_spin, test_spin_out, test_spin_event, test_stall, test_serve, test_idle,
             test_calls, test_zoo, test_close, test_signal, test_touch, test_no_duplicate, test_usage,
             test_vanish, test_rights, test_32bit, test_redis, test_many, test_all):
    try:
        test()
    except Exception as why:
        ok(test.__name__, False, "%s: %s" % (type(why).__name__, why))
tap.plan()
