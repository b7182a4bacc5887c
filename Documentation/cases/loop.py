#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""loop.py CASE: asyncio and selectors in four ways; see asyncio.rst. Bounded, on loopback.

echo: a server and ten clients, 200 messages each. blocked: the same, and now and then
a callback that computes for 200 ms. forgotten: a reader that is told and does not
read. select: a server by SelectSelector that watches 450 connections, of which ten
talk; epoll: the same by EpollSelector.
"""
import asyncio
import selectors
import socket
import sys
import threading
import time


async def serve(reader, writer):
    while line := await reader.readline():
        writer.write(line)
        await writer.drain()
    writer.close()


def client(port, n):
    with socket.create_connection(("127.0.0.1", port)) as s:
        for _ in range(n):
            s.sendall(b"hello\n")
            s.recv(64)


async def echo(blocked=False):
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    clients = [threading.Thread(target=client, args=(port, 200)) for _ in range(10)]
    for c in clients:
        c.start()
    for _ in range(5 if blocked else 0):
        await asyncio.sleep(0.2)
        until = time.monotonic() + 0.2
        while time.monotonic() < until:
            pass
    while any(c.is_alive() for c in clients):
        await asyncio.sleep(0.05)


async def forgotten():
    a, b = socket.socketpair()
    asyncio.get_running_loop().add_reader(a, lambda: None)
    b.send(b"for whom?")
    await asyncio.sleep(1)


def idle(selector):
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    clients, servers = [], []
    for _ in range(450):
        clients.append(socket.create_connection(listener.getsockname()))
        servers.append(listener.accept()[0])
        selector.register(servers[-1], selectors.EVENT_READ)

    def talk():
        for i in range(500):
            clients[i % 10].sendall(b"hello")
            clients[i % 10].recv(64)
        clients[-1].sendall(b"end")
    threading.Thread(target=talk).start()
    while True:
        for key, _ in selector.select():
            data = key.fileobj.recv(64)
            if data == b"end":
                return
            key.fileobj.sendall(data)


case = sys.argv[1]
if case == "select":
    # select() knows no fd from 1,024 on.
    idle(selectors.SelectSelector())
elif case == "epoll":
    idle(selectors.EpollSelector())
else:
    asyncio.run({"echo": echo, "blocked": lambda: echo(True), "forgotten": forgotten}[case]())
