# SPDX-License-Identifier: GPL-2.0-or-later
"""Test hosts: two network namespaces, a veth between them and, if there is tun(4), a wire
that does to each packet what a test says. A process makes sockets in either."""
import ctypes
import fcntl
import os
import select
import socket
import struct
import subprocess
import threading
import time

libc = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNET = 0x40000000
MS = 1000000
HOME = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
FIN, SYN, RST, ACK = 1, 2, 4, 16
AWAY = "10.78.9.9"
# Of /proc/net/tcp: ends that have nobody, or may, and sockets that listen.
FIN_WAIT2, TIME_WAIT, LISTEN = "05", "06", "0A"
SYN_RECV, FIN_WAIT1 = "03", "04"
# The timer that /proc/net/tcp tells of what has no other: get_timewait4_sock() of the kernel.
MINISOCK = "03"


def now():
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC)


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise OSError("%s: %s" % (" ".join(command), done.stderr.strip()))
    return done.stdout


def wait_for(what, condition, seconds=30):
    end = time.monotonic() + seconds
    while True:
        # In this order: a guest's clock may leap.
        late = time.monotonic() > end
        if condition():
            return
        if late:
            raise TimeoutError(what)
        time.sleep(0.002)


class Inside:
    """with Inside(host): this thread is there."""

    def __init__(self, host):
        self.fd = host.fd

    def __enter__(self):
        if libc.setns(self.fd, CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")

    def __exit__(self, *_):
        if libc.setns(HOME, CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")


class Host:
    """A namespace; veth, wire: its addresses by family."""

    def __init__(self, name, number):
        self.name = name
        run("ip", "netns", "add", name)
        self.path = "/run/netns/" + name
        self.fd = os.open(self.path, os.O_RDONLY)
        self.inode = os.stat(self.path).st_ino
        self.veth = {socket.AF_INET: "10.77.0.%d" % number, socket.AF_INET6: "fd77::%d" % number}
        self.wire = "10.78.0.%d" % number
        self.ip("link", "set", "lo", "up")

    def ip(self, *args):
        run("ip", "-n", self.name, *args)

    def sysctl(self, name, value):
        with Inside(self), open("/proc/sys/net/" + name.replace(".", "/"), "w") as f:
            f.write(str(value))

    def counters(self):
        """What nstat(8) shows: Tcp:ActiveOpens and so on."""
        found = {}
        with Inside(self):
            for path in ("netstat", "snmp"):
                with open("/proc/thread-self/net/" + path) as f:
                    for names in f:
                        values = next(f).split()
                        names = names.split()
                        found.update((names[0] + n, int(v)) for n, v in zip(names[1:], values[1:]))
        return found

    def new(self, family=socket.AF_INET, protocol=0):
        with Inside(self):
            return socket.socket(family, socket.SOCK_STREAM, protocol)

    def listen(self, address="", family=socket.AF_INET, backlog=16, protocol=0, port=0):
        s = self.new(family, protocol)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind((address, port))
        s.listen(backlog)
        return s

    def sockets(self):
        """(local port, remote port, state, timer) of its sockets, and of minisocks."""
        found = []
        with Inside(self):
            for path in ("tcp", "tcp6"):
                try:
                    with open("/proc/thread-self/net/" + path) as f:
                        rows = f.read().splitlines()[1:]
                except OSError:
                    continue
                for row in rows:
                    local, remote, state, _, timer = row.split()[1:6]
                    found.append((int(local.split(":")[1], 16), int(remote.split(":")[1], 16),
                                  state, timer[:2]))
        return found

    def states(self):
        return [row[:3] for row in self.sockets()]

    def await_minisock(self, local, remote, state):
        """A socket has that state before a minisock is made of it."""
        wait_for("a minisock", lambda: (local, remote, state, MINISOCK) in self.sockets())

    def settled(self, keep=()):
        """Whether nothing is there but listeners, TIME_WAIT, and what has these ports."""
        return not [row for row in self.states() if row[2] not in (TIME_WAIT, LISTEN) and
                    row[0] not in keep and row[1] not in keep]

    def remove(self):
        os.close(self.fd)
        subprocess.run(["ip", "netns", "del", self.name], capture_output=True)


class Packet:
    """Of the wire; @to: the host that it goes to. Times are CLOCK_MONOTONIC: when it was
    taken from the one host, and before and after it was given to the other; 0: never."""

    def __init__(self, data, to):
        self.data, self.to = data, to
        self.taken = now()
        self.given = self.there = 0
        header = (data[0] & 15) * 4
        self.tcp = data[9] == socket.IPPROTO_TCP
        self.source, self.target = struct.unpack_from("!HH", data, header) if self.tcp else (0, 0)
        self.flags = data[header + 13] & 31 if self.tcp else 0
        self.length = len(data) - header - (data[header + 12] >> 4) * 4 if self.tcp else 0

    def of(self, port, flags=None):
        return self.tcp and port in (self.source, self.target) and \
            (flags is None or self.flags & (SYN | ACK | FIN | RST) == flags)


class Wire:
    """Between two hosts. What rule(packet) says of a packet is done to it: None: give it
    away; "drop"; "hold": until release(); a number: after as many nanoseconds."""

    def __init__(self, hosts, name):
        self.hosts = hosts
        self.rule = lambda packet: None
        self.log = []
        self.held = []
        self.waiting = []
        self.lock = threading.Lock()
        self.fds = []
        for i, host in enumerate(hosts):
            fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
            self.fds.append(fd)
            # IFF_TUN | IFF_NO_PI
            fcntl.ioctl(fd, 0x400454ca, struct.pack("16sH22x", b"%s%d" % (name.encode(), i), 0x1001))
            run("ip", "link", "set", "%s%d" % (name, i), "netns", host.name)
            host.sysctl("ipv6.conf.%s%d.disable_ipv6" % (name, i), 1)
            host.ip("addr", "add", host.wire + "/24", "dev", "%s%d" % (name, i))
            host.ip("link", "set", "%s%d" % (name, i), "up")
        self.poke = os.pipe()
        self.thread = threading.Thread(target=self.work, daemon=True)
        self.thread.start()

    def give(self, packet):
        packet.given = now()
        try:
            os.write(self.fds[self.hosts.index(packet.to)], packet.data)
        except OSError:
            pass
        packet.there = now()

    def work(self):
        while True:
            due = min((d for d, _ in self.waiting), default=None)
            timeout = None if due is None else max(0, due - now()) / 1e9
            ready = select.select([*self.fds, self.poke[0]], [], [], timeout)[0]
            if self.poke[0] in ready and not os.read(self.poke[0], 100):
                return
            with self.lock:
                for i, fd in enumerate(self.fds):
                    while fd in ready:
                        try:
                            data = os.read(fd, 65536)
                        except OSError:
                            break
                        if data[0] >> 4 == 4:
                            self.take(Packet(data, self.hosts[1 - i]))
                for entry in sorted((e for e in self.waiting if e[0] <= now()),
                                    key=lambda e: e[0]):
                    self.waiting.remove(entry)
                    self.give(entry[1])

    def take(self, packet):
        what = self.rule(packet)
        self.log.append(packet)
        if what is None:
            self.give(packet)
        elif what == "hold":
            self.held.append(packet)
        elif what != "drop":
            self.waiting.append((packet.taken + what, packet))

    def release(self):
        with self.lock:
            for packet in self.held:
                self.give(packet)
            self.held.clear()

    def seen(self, port, flags=None, given=None):
        """Packets of the connections with this port."""
        with self.lock:
            return [p for p in self.log if p.of(port, flags) and
                    (given is None or bool(p.given) == given)]

    def close(self):
        os.close(self.poke[1])
        self.thread.join()
        for fd in self.fds + [self.poke[0]]:
            os.close(fd)


class Net:
    """server, client; wire: None, and why_no_wire says why."""

    def __init__(self):
        self.hosts = []
        self.wire = None
        self.why_no_wire = None
        for module in ("veth", "tun", "sch_netem"):
            subprocess.run(["modprobe", module], capture_output=True)
        pid = os.getpid()
        try:
            self.server = self.add("ioready-%d-a" % pid, 1)
            self.client = self.add("ioready-%d-b" % pid, 2)
            names = ["ior%da" % (pid % 1000000), "ior%db" % (pid % 1000000)]
            run("ip", "link", "add", names[0], "netns", self.server.name, "type", "veth",
                "peer", "name", names[1], "netns", self.client.name)
            for host, name in zip(self.hosts, names):
                host.device = name
                host.ip("addr", "add", host.veth[socket.AF_INET] + "/24", "dev", name)
                host.ip("addr", "add", host.veth[socket.AF_INET6] + "/64", "dev", name, "nodad")
                host.ip("link", "set", name, "up")
            if not os.path.exists("/dev/net/tun"):
                self.why_no_wire = "this kernel has no tun"
            else:
                self.wire = Wire(self.hosts, "w%d" % (pid % 1000000))
                self.nowhere()
        except BaseException:
            self.close()
            raise

    def add(self, name, number):
        host = Host(name, number)
        self.hosts.append(host)
        return host

    def nowhere(self):
        """AWAY, of which the server tells the client that there is no way to it. From the
        beginning: while a program is begun, a guest's clock may leap by seconds."""
        self.server.ip("route", "replace", "unreachable", AWAY + "/32")
        self.server.sysctl("ipv4.ip_forward", 1)
        self.client.ip("route", "replace", AWAY + "/32", "via", self.server.wire)

    def forget(self):
        """What was on the wire: ports come again."""
        if self.wire:
            with self.wire.lock:
                self.wire.log.clear()

    def as_before(self):
        """After a window that broke off: the wire holds nothing, and connections.py's settings are
        those of the kernel again."""
        if self.wire:
            self.wire.rule = lambda packet: None
            self.wire.release()
        for host in self.hosts:
            for name, value in (("tcp_fin_timeout", 60), ("tcp_syn_retries", 6),
                                ("tcp_syncookies", 1), ("tcp_tw_reuse", 2)):
                host.sysctl("ipv4." + name, value)

    def delay(self, ms):
        """Why there is no netem, or None: then each way takes as long."""
        for host in self.hosts:
            done = subprocess.run(["tc", "-n", host.name, "qdisc", "replace", "dev", host.device,
                                   "root", "netem", "delay", "%dms" % ms],
                                  capture_output=True, text=True)
            if done.returncode:
                return done.stderr.strip().splitlines()[0]
        return None

    def no_delay(self):
        for host in self.hosts:
            subprocess.run(["tc", "-n", host.name, "qdisc", "del", "dev", host.device, "root"],
                           capture_output=True)

    def close(self):
        if self.wire:
            self.wire.close()
        for host in self.hosts:
            host.remove()
