#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""watchers.py MODE: programs that watch fds in known ways, for test_snapshot.py.

Each prints one line of JSON, what a snapshot must say of it, when it stands
ready, and lives until its standard input ends. What a line on it does is the
mode's.
"""
import ctypes
import json
import os
import select
import signal
import socket
import sys
import threading
import time

libc = ctypes.CDLL(None, use_errno=True)
keep = []       # what must not be closed


def tell(**truth):
    truth["pid"] = os.getpid()
    print(json.dumps(truth), flush=True)


def die_with_stdin():
    """Another thread, for modes that never look at it; it sleeps in read()."""
    def wait():
        while os.read(0, 4096):
            pass
        os._exit(0)
    threading.Thread(target=wait, daemon=True).start()


def tcp():
    listener = socket.create_server(("127.0.0.1", 0))
    client = socket.create_connection(listener.getsockname())
    server, _ = listener.accept()
    keep.extend([listener, client, server])
    return client, server


def name(sock):
    return "%s:%d" % sock


def spin():
    """Level-triggered and never read: a loop at 100 % CPU."""
    client, server = tcp()
    epoll = select.epoll()
    epoll.register(server, select.EPOLLIN)
    client.send(b"x" * 1000)
    die_with_stdin()
    tell(epfd=epoll.fileno(), fd=server.fileno(), local=name(server.getsockname()),
         remote=name(server.getpeername()))
    while True:
        epoll.poll(1)


def spin_out():
    """Asked whether it can be written, level-triggered, with nothing to write."""
    _, server = tcp()
    epoll = select.epoll()
    epoll.register(server, select.EPOLLOUT)
    die_with_stdin()
    tell(epfd=epoll.fileno(), fd=server.fileno())
    while True:
        epoll.poll(1)


def spin_event():
    """As spin, on a file that does not count what is taken."""
    event = os.eventfd(1)
    epoll = select.epoll()
    epoll.register(event, select.EPOLLIN)
    die_with_stdin()
    tell(epfd=epoll.fileno(), fd=event)
    while True:
        epoll.poll(1)


def stall():
    """Edge-triggered, and left half read: nobody will ever come back to it."""
    r, w = os.pipe()
    epoll = select.epoll()
    epoll.register(r, select.EPOLLIN | select.EPOLLET)
    os.write(w, b"x" * 100)
    assert epoll.poll(1)
    os.read(r, 10)
    die_with_stdin()
    tell(epfd=epoll.fileno(), fd=r, other=w)
    epoll.poll()


def serve():
    """Answers a client that asks again at once, on TCP."""
    client, server = tcp()
    epoll = select.epoll()
    epoll.register(server, select.EPOLLIN)

    def ask():
        while True:
            client.send(b"ping")
            client.recv(4)
    die_with_stdin()
    threading.Thread(target=ask, daemon=True).start()
    tell(epfd=epoll.fileno(), fd=server.fileno())
    while True:
        epoll.poll()
        server.recv(4)
        server.send(b"pong")


def idle():
    """Waits, and nothing is ready."""
    _, server = tcp()
    epoll = select.epoll()
    epoll.register(server, select.EPOLLIN | select.EPOLLOUT | select.EPOLLET)
    assert epoll.poll(1)
    die_with_stdin()
    tell(epfd=epoll.fileno(), fd=server.fileno())
    epoll.poll()


def calls():
    """A thread in select, one in poll, one in nothing of the kind."""
    a, b = socket.socketpair()
    keep.extend([a, b])
    r, w = os.pipe()
    p = select.poll()
    p.register(a, select.POLLIN | select.POLLPRI)
    p.register(r, select.POLLIN)
    # Signals go to the main thread: those of the watchers need none.
    for job in (lambda: p.poll(), lambda: select.select([a, r], [], [b]),
                lambda: time.sleep(3600)):
        threading.Thread(target=job, daemon=True).start()
    die_with_stdin()
    tell(a=a.fileno(), b=b.fileno(), r=r)
    signal.pause()


def zoo():
    """Every kind of item, in one epoll that nobody waits on."""
    epoll = select.epoll()
    inner = select.epoll()
    r = [os.pipe() for _ in range(6)]
    IN = select.EPOLLIN
    t = {"epfd": epoll.fileno()}

    epoll.register(r[0][0], IN)
    t["level"] = r[0][0]
    epoll.register(r[1][0], IN | select.EPOLLET)
    t["edge"] = r[1][0]
    epoll.register(r[2][0], IN | select.EPOLLONESHOT)
    t["oneshot"] = r[2][0]
    # Fires once, and is disarmed then.
    only = select.epoll()
    only.register(r[3][0], IN | select.EPOLLONESHOT)
    os.write(r[3][1], b"x")
    assert only.poll(1)
    t["disarmed"], t["disarmed_epfd"] = r[3][0], only.fileno()
    a, b = socket.socketpair()
    epoll.register(a, IN | select.EPOLLEXCLUSIVE)
    b.send(b"12345")
    t["exclusive"] = a.fileno()
    # A nested epoll, ready because of what it watches.
    inner.register(a, IN)
    epoll.register(inner.fileno(), IN)
    t["nested"] = inner.fileno()
    # Closed, and open under another number; and that number taken again.
    closed, replaced = r[4][0], r[5][0]
    t["closed_as"] = os.dup(closed)
    epoll.register(closed, IN)
    os.write(r[4][1], b"x")
    keep.append(os.dup(replaced))
    epoll.register(replaced, IN)
    os.close(replaced)
    t["replaced"] = os.eventfd(0)
    assert t["replaced"] == replaced
    event = os.eventfd(3)
    epoll.register(event, IN)
    t["event"] = event
    timer = libc.timerfd_create(1, 0)
    epoll.register(timer, IN)
    t["timer"] = timer
    mask = ctypes.create_string_buffer(128)
    libc.sigaddset(mask, signal.SIGUSR1)
    libc.pthread_sigmask(0, mask, None)
    sigfd = libc.signalfd(-1, mask, 0)
    epoll.register(sigfd, IN)
    t["signal"] = sigfd
    mounts = open("/proc/self/mounts")
    epoll.register(mounts.fileno(), select.EPOLLPRI)
    t["mounts"] = mounts.fileno()
    tty, tty_slave = os.openpty()
    epoll.register(tty, IN)
    os.write(tty_slave, b"x")
    t["tty"] = tty
    # Two connections that nobody accepts; an odd name; datagrams.
    listener = socket.create_server(("::1", 0), family=socket.AF_INET6, backlog=7)
    clients = [socket.create_connection(listener.getsockname()[:2]) for _ in range(2)]
    epoll.register(listener, IN)
    t["listener"], t["port"] = listener.fileno(), listener.getsockname()[1]
    named = socket.socket(socket.AF_UNIX)
    named.bind("\0ioready \033[1m\"%d" % os.getpid())
    named.listen(3)
    epoll.register(named, IN)
    t["named"] = named.fileno()
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind(("127.0.0.1", 0))
    udp.sendto(b"hello", udp.getsockname())
    epoll.register(udp, IN)
    t["udp"] = udp.fileno()
    ended, end = socket.socketpair()
    end.close()
    epoll.register(ended, IN | select.EPOLLRDHUP)
    t["ended"] = ended.fileno()
    keep.extend([inner, a, b, mounts, listener, clients, named, udp, ended])
    dead = os.dup(r[0][0])
    epoll.register(dead, IN)
    # Last: nothing is opened from here that could take their numbers.
    os.close(dead)
    os.close(closed)
    t["closed"], t["dead"] = closed, dead
    tell(**t)
    while os.read(0, 1):
        pass


def closer():
    """At each line: closes a connection whose other end the reader holds."""
    port = int(sys.argv[2])
    sock = socket.create_connection(("127.0.0.1", port))
    epoll = select.epoll()
    epoll.register(sock, select.EPOLLIN)
    tell(fd=sock.fileno())
    while os.read(0, 1):
        sock.close()
        print(flush=True)
        sock = socket.create_connection(("127.0.0.1", port))
        epoll.register(sock, select.EPOLLIN)
        print(flush=True)


def many():
    """Thousands, a few of which are ready."""
    epoll = select.epoll()
    n = int(sys.argv[2])
    for i in range(n):
        keep.append(os.eventfd(i % 1000 == 0))
        epoll.register(keep[-1], select.EPOLLIN)
    tell(epfd=epoll.fileno())
    while os.read(0, 1):
        pass


def source():
    """Watches /dev/ioready, which counts how it is asked; tells its counters."""
    import fcntl
    import struct
    fd = os.open("/dev/ioready", os.O_RDONLY)
    epoll = select.epoll()
    epoll.register(fd, select.EPOLLIN)
    tell(epfd=epoll.fileno(), fd=fd)
    while os.read(0, 1):
        counters = bytearray(192)
        fcntl.ioctl(fd, 2 << 30 | 192 << 16 | 0xeb << 8 | 3, counters)
        source, polls, waiting, found, masks, ready, added, removed = struct.unpack(
            "=QQQQIIQQ", counters[:56])
        print(json.dumps({"polls": polls, "polls_waiting": waiting,
                          "waiters_added": added, "waiters_removed": removed}), flush=True)


globals()[sys.argv[1]]()
