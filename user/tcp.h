/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Connections, as the programs of bpf/tcp.bpf.c tell them.
 *
 * Life cycle: tcp_open(), tcp_attach(), [tcp_follow()], tcp_drain() about ten times a
 * second, tcp_snapshot() as often as wanted, tcp_detach(), a last tcp_snapshot(),
 * tcp_close(). Not thread-safe.
 */
#ifndef IOREADY_TCP_H
#define IOREADY_TCP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "abi_tcp.h"
#include "abi_udp.h"
#include "err.h"
#include "filter.h"
#include "kernel.h"

/**
 * struct tcp_settings - what to follow; all zero is everything
 * @filter: who connected or accepted
 * @ports, @ports_nr: one of them is a port of the connection
 * @netns: number of the inode of a network namespace
 * @peer, @peer_bits: the peer's address, and how many bits of it count; IPv4 as
 *	::ffff:a.b.c.d
 * @data: segments and reads are followed too
 * @threads_fd: of a collector whose calls tell how things reach the program, with
 *	settings.chain; 0: none
 * @sees_ready: that collector sees files become ready
 * @udp: datagrams are followed too; the peer's address is not asked of them
 * @ring_bytes: size of the ring, a power of two of at least a page
 * @connections: that can be followed at once
 * @sample: of so many one is followed, by chance
 */
struct tcp_settings {
	struct filter filter;
	uint16_t ports[TCP_PORTS_MAX];
	uint32_t ports_nr;
	uint32_t netns;
	uint8_t peer[16];
	uint32_t peer_bits;
	bool data;
	int threads_fd;
	bool sees_ready;
	bool udp;
	uint32_t ring_bytes;
	uint32_t connections;
	uint32_t sample;
};

/**
 * struct tcp_losses - what is not in the figures, and why
 * @count: by enum tcp_loss
 * @nested: runs of a program that the kernel skipped, see bpf/tcp.bpf.c
 * @not_followed: threads of the command
 */
struct tcp_losses {
	uint64_t count[TCP_LOSS_NR];
	uint64_t nested;
	uint64_t not_followed;
};

/**
 * struct tcp_passed_over - connections that were only counted, for another one is followed
 * @active, @passive: made from here, by peers
 */
struct tcp_passed_over {
	uint64_t active;
	uint64_t passive;
};

/** enum tcp_accept_hook - by which accept() is seen; the second does not see io_uring */
enum tcp_accept_hook { ACCEPT_FUNCTION, ACCEPT_SYSCALL };

/** enum tcp_arrival_hook - by which it is seen that data has come */
enum tcp_arrival_hook { ARRIVAL_NONE, ARRIVAL_TRACEPOINT, ARRIVAL_FUNCTION };

/** enum udp_read_hook - by which it is seen that a program reads a datagram */
enum udp_read_hook { UDP_READ_NONE, UDP_READ_TRACEPOINT, UDP_READ_FUNCTION };

/** enum udp_full_hook - by which it is seen that one finds no room; the first not of IPv6 */
enum udp_full_hook { UDP_FULL_V4, UDP_FULL_TRACEPOINT, UDP_FULL_FUNCTION };

/* Reasons for a reset that are told apart; of later ones, the number. */
#define RESET_REASONS_MAX 64

/**
 * struct tcp_plan - what this kernel allows, and so what the figures are
 * @tier: as asked for or chosen; of TIER_TRACEPOINT, SYNs and minisocks are not seen
 * @accept: how accept() is
 * @handshakes: SYNs, SYN-ACKs and requests are hooked
 * @listening: what comes to listeners is told; it is anybody's, so not if a peer is asked about
 * @minisocks: what TIME_WAIT is to the kernel is hooked
 * @data: segments are hooked, and @arrival what comes of them
 * @waits: how things reach the program is told, and @sees_ready its first part, too
 * @udp: datagrams are hooked: by @udp_full that they find no room, by @udp_read that they are
 *	read; @udp_spoilt: that one is dropped for its checksum before it is at a socket;
 *	@udp_refused: that one is dropped for any other reason; @udp_ends: that a socket is closed
 * @reset_reasons: the kernel's names for why it sends a reset, by number; NULL where it
 *	has none, or does not say why (before 6.11); struct tcp's own
 */
struct tcp_plan {
	enum tier tier;
	enum tcp_accept_hook accept;
	bool handshakes;
	bool listening;
	bool minisocks;
	bool data;
	enum tcp_arrival_hook arrival;
	bool waits;
	bool sees_ready;
	bool udp;
	enum udp_full_hook udp_full;
	enum udp_read_hook udp_read;
	bool udp_spoilt;
	bool udp_refused;
	bool udp_ends;
	const char *reset_reasons[RESET_REASONS_MAX];
};

struct tcp;
struct map_bill;

/**
 * tcp_plan_make() - what the hooks will be
 * @tier: a plan's of kernel_plan(): never TIER_AUTO
 * @data, @udp: as in &struct tcp_settings
 */
struct tcp_plan tcp_plan_make(enum tier tier, bool data, bool udp);

/**
 * tcp_bill() - what the maps would cost on this kernel
 * @plan: of tcp_plan_make()
 * @ring_bytes: as in &struct tcp_settings; of connections there are SEATS_MAX,
 *	and CONNECTIONS_MAX more
 * @bill: filled, at most @max entries
 *
 * Nothing is loaded.
 *
 * Return: number of entries, or -errno.
 */
int tcp_bill(const struct kernel *kernel, const struct tcp_plan *plan, uint32_t ring_bytes,
	     struct map_bill *bill, int max);

/**
 * tcp_open() - load the programs
 * @tcp: set
 * @kernel: must outlive it
 * @tier: a plan's of kernel_plan(): never TIER_AUTO
 * @settings: copied
 * @err: the message
 *
 * Return: 0 or -errno.
 */
int tcp_open(struct tcp **tcp, const struct kernel *kernel, enum tier tier,
	     const struct tcp_settings *settings, struct err *err);

/** tcp_plan() - valid as long as @tcp is open */
const struct tcp_plan *tcp_plan(const struct tcp *tcp);

/** tcp_attach() - put the hooks in place, and follow what is connected already; 0 or -errno */
int tcp_attach(struct tcp *tcp, struct err *err);

/** tcp_follow() - with filter.tree: this process and what it starts; 0 or -errno */
int tcp_follow(struct tcp *tcp, pid_t pid, struct err *err);

/**
 * struct tcp_fns - who gets what; each pointer is valid during the call only
 * @ended: a connection that is over, told once
 * @timewait: a minisock that is gone, told once
 * @begin: a snapshot begins: what was told by the following is void now
 * @living: a connection; one that ends within the snapshot may be told by @ended later
 * @waiting: a minisock, likewise
 * @listening: what came to where somebody listens
 * @listener: a socket that a process listens on; not of those that have none
 * @udp_ended: a UDP socket that is closed, told once
 * @udp_living: one that is not, or whose end is not seen
 * @udp_port: what came to a port
 */
struct tcp_fns {
	void (*ended)(const struct tcp_row *row, void *arg);
	void (*timewait)(const struct timewait_row *row, void *arg);
	void (*begin)(void *arg);
	void (*living)(const struct tcp_row *row, void *arg);
	void (*waiting)(const struct timewait_row *row, void *arg);
	void (*listening)(const struct listen_row *row, void *arg);
	void (*listener)(const struct listener_record *listener, void *arg);
	void (*udp_ended)(const struct udp_row *row, void *arg);
	void (*udp_living)(const struct udp_row *row, void *arg);
	void (*udp_port)(const struct udp_port_row *row, void *arg);
};

/** tcp_drain() - hand out what has ended since the last time; 0 or -errno */
int tcp_drain(struct tcp *tcp, const struct tcp_fns *fns, void *arg, struct err *err);

/** tcp_snapshot() - hand out where everything stands; 0 or -errno */
int tcp_snapshot(struct tcp *tcp, const struct tcp_fns *fns, void *arg, struct err *err);

/** tcp_passed_over() - how many so far, since tcp_attach() */
void tcp_passed_over(const struct tcp *tcp, struct tcp_passed_over *passed);

void tcp_losses(const struct tcp *tcp, struct tcp_losses *losses);

/** tcp_detach() - take all hooks away */
void tcp_detach(struct tcp *tcp);

void tcp_close(struct tcp *tcp);

#endif /* IOREADY_TCP_H */
