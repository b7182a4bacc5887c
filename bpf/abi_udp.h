/* SPDX-License-Identifier: (GPL-2.0-only OR GPL-2.0-or-later) */
/*
 * abi_udp.h - what bpf/udp.h and user/tcp.c say to each other of datagrams. Included by
 * both sides, never copied. The contract is that of abi_tcp.h.
 *
 * A socket is a &struct udp_row in the map `udp_sockets`, from when it is first seen until
 * it is closed; then it goes through the ring as a &struct udp_record. On the tracepoint
 * tier nobody sees it closed, and the row stays. Counters only grow.
 */
#ifndef IOREADY_ABI_UDP_H
#define IOREADY_ABI_UDP_H

#include <linux/types.h>

/**
 * enum udp_flag - what is known of a socket
 * @UDP_OWNED: a process has read from it, or has it
 * @UDP_FILTERED: it has, or had, a filter (SO_ATTACH_FILTER, SO_ATTACH_BPF), or unpacks a
 *	tunnel (UDP_ENCAP): checksums are looked at before that, and what is spoilt is in
 *	@drops, as what the filter refuses
 * @UDP_VAGUE: what of @drops found no room is not known: the kernel does not say it of IPv6
 */
enum udp_flag {
	UDP_OWNED = 1 << 0,
	UDP_FILTERED = 1 << 1,
	UDP_VAGUE = 1 << 2,
};

/**
 * struct udp_row - a socket
 * @id: its cookie; its address, where it had none yet when it was first seen
 * @netns_cookie, @netns: of its network namespace; @netns is the number of its inode
 * @start_ns, @tgid, @tid, @comm: the process and thread that was first to read from it;
 *	untrusted bytes, ends with a NUL. Only with UDP_OWNED.
 * @received, @bytes: datagrams, and what of them, that were read
 * @full: datagrams dropped, for the receive buffer was full: the kernel's RcvbufErrors
 * @memory: datagrams dropped, for all of UDP had no memory left: MemErrors
 * @refused: datagrams dropped for another reason on their way into the queue: by a filter of
 *	the socket or its cgroup, IPsec, a security module. Only since 6.11.
 * @drops: the kernel's own count of all that was dropped, as last read
 * @first_drops: what that was when the window, or the socket, began
 * @local_port, @remote_port: host order; the latter 0 where it is not connected
 * @family: AF_INET or AF_INET6
 * @flags: enum udp_flag
 */
struct udp_row {
	__u64 id;
	__u64 netns_cookie;
	__u64 start_ns;
	__u64 received;
	__u64 bytes;
	__u64 full;
	__u64 memory;
	__u64 refused;
	__u32 drops;
	__u32 first_drops;
	char comm[16];
	__u32 netns;
	__u32 tgid;
	__u32 tid;
	__u32 flags;
	__u16 local_port;
	__u16 remote_port;
	__u16 family;
	__u16 pad;
};

/** struct udp_port - where datagrams go to */
struct udp_port {
	__u64 netns_cookie;
	__u32 netns;
	__u16 port;
	__u16 pad;
};

/**
 * struct udp_port_row - what came there, and to no socket
 * @key: where
 * @spoilt: datagrams with a wrong checksum
 */
struct udp_port_row {
	struct udp_port key;
	__u64 spoilt;
};

/** struct udp_record - a socket that is closed */
struct udp_record {
	__u32 kind;
	__u32 size;
	struct udp_row row;
};

/* Room in each of the tables; memory is taken as it is needed. */
#define UDP_SOCKETS_MAX 65536
#define UDP_PORTS_MAX 65536

_Static_assert(sizeof(struct udp_row) == 112, "struct udp_row is ABI");
_Static_assert(sizeof(struct udp_port) == 16, "struct udp_port is ABI");
_Static_assert(sizeof(struct udp_port_row) == 24, "struct udp_port_row is ABI");
_Static_assert(sizeof(struct udp_record) == 120, "struct udp_record is ABI");

#endif /* IOREADY_ABI_UDP_H */
