#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""prefork.py [exclusive]: four processes that accept from one socket, each by an epoll of
its own, and 200 connections to it; see nginx.rst. Bounded, on loopback."""
import os
import select
import signal
import socket
import sys
import time

flags = select.EPOLLIN | (select.EPOLLEXCLUSIVE if "exclusive" in sys.argv else 0)
listener = socket.create_server(("127.0.0.1", 0), backlog=128)
listener.setblocking(False)


def worker():
    epoll = select.epoll()
    epoll.register(listener, flags)
    while True:
        for _ in epoll.poll():
            try:
                listener.accept()[0].close()
            except BlockingIOError:
                pass


workers = []
for _ in range(4):
    pid = os.fork()
    if not pid:
        worker()
    workers.append(pid)
time.sleep(0.5)
for _ in range(200):
    with socket.create_connection(listener.getsockname()) as c:
        c.recv(1)
    time.sleep(0.005)
for pid in workers:
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
