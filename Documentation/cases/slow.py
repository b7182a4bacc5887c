#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""slow.py serve ADDRESS PORT, slow.py ask ADDRESS PORT: a server that accepts one connection
every 100 ms and forgets to close every fifth, and forty clients, one every 50 ms; see tcp.rst.
The server ends when nobody has connected for three seconds."""
import socket
import sys
import threading
import time

ADDRESS = sys.argv[2], int(sys.argv[3])


def serve():
    listener = socket.create_server(ADDRESS, backlog=8)
    listener.settimeout(3)
    forgotten = []
    served = 0
    while True:
        time.sleep(0.1)
        try:
            connection, _ = listener.accept()
        except TimeoutError:
            return
        connection.recv(100)
        connection.sendall(b"answer")
        served += 1
        if served % 5:
            connection.close()
        else:
            forgotten.append(connection)


def ask():
    with socket.create_connection(ADDRESS) as connection:
        connection.sendall(b"question")
        connection.recv(100)


if sys.argv[1] == "serve":
    serve()
else:
    clients = [threading.Thread(target=ask) for _ in range(40)]
    for client in clients:
        client.start()
        time.sleep(0.05)
    for client in clients:
        client.join()
