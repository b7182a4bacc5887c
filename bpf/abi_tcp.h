/* SPDX-License-Identifier: (GPL-2.0-only OR GPL-2.0-or-later) */
/*
 * abi_tcp.h - what bpf/tcp.bpf.c and user/tcp.c say to each other. Included by
 * both sides, never copied.
 *
 * Contract
 * --------
 * - A connection is a &struct tcp_row, by the socket's cookie, from connect(), the last
 *   ACK of a handshake, or the beginning of the window on, until the kernel's state is
 *   CLOSE. Then it goes through the ring as a &struct tcp_record, and the row is gone:
 *   each is told once.
 * - Rows are in the array `seats` or, if they find no room there, in the hash
 *   `connections`; of minisocks in `timewait_seats` or in `timewaits`. User space has the
 *   arrays mapped: keys, then as many rows. Where the key is SEAT_FREE or SEAT_TAKEN there is
 *   none; who reads one looks at the key before and after.
 * - A socket that connects anew after CLOSE has the same cookie and is another
 *   connection.
 * - What is left of a connection in TIME_WAIT, or in FIN_WAIT_2 with nobody to read,
 *   is no socket any more but a "minisock" with the same cookie: a &struct
 *   timewait_row, told as a &struct timewait_record when it ends.
 * - Times are CLOCK_MONOTONIC in nanoseconds, 0 where they are not known; starts of
 *   processes are CLOCK_BOOTTIME, as in /proc/PID/stat.
 * - Fixed widths, explicit padding, sizes asserted below.
 */
#ifndef IOREADY_ABI_TCP_H
#define IOREADY_ABI_TCP_H

#include <linux/types.h>

/*
 * X(name, the kernel's number, what ss(8) calls it): include/net/tcp_states.h. The numbers
 * are part of the kernel's API.
 */
#define TCP_STATES(X)				\
	X(ESTABLISHED, 1, "established")	\
	X(SYN_SENT, 2, "syn-sent")		\
	X(SYN_RECV, 3, "syn-recv")		\
	X(FIN_WAIT1, 4, "fin-wait-1")		\
	X(FIN_WAIT2, 5, "fin-wait-2")		\
	X(TIME_WAIT, 6, "time-wait")		\
	X(CLOSE, 7, "close")			\
	X(CLOSE_WAIT, 8, "close-wait")		\
	X(LAST_ACK, 9, "last-ack")		\
	X(LISTEN, 10, "listen")			\
	X(CLOSING, 11, "closing")

enum tcp_state {
#define X(name, number, text) STATE_##name = number,
	TCP_STATES(X)
#undef X
	STATE_NR,
};

/**
 * enum tcp_flag - what is known of a connection
 * @TCP_PASSIVE: the peer connected; otherwise this host did
 * @TCP_SEEDED: it was there when the window began: what came before is not known
 * @TCP_COOKIE: its handshake was done by a SYN cookie, so when its SYN came is not known
 * @TCP_FASTOPEN: its SYN carried data, or may have
 * @TCP_MULTIPATH: a subflow of MPTCP
 * @TCP_OWNED: a process connected or accepted it, or has it
 * @TCP_RESET_IN, @TCP_RESET_OUT: a reset came, or was sent
 * @TCP_HALF_CLOSED: the program ended its own direction by shutdown() and read on
 * @TCP_LEFT_BEHIND: a minisock was left behind
 * @TCP_ORPHANED: it was in FIN_WAIT_2 and nobody had it any more: that goes on as a
 *	minisock (if one could be made, where these are not seen), so how long it was there is
 *	not known here
 */
enum tcp_flag {
	TCP_PASSIVE = 1 << 0,
	TCP_SEEDED = 1 << 1,
	TCP_COOKIE = 1 << 2,
	TCP_FASTOPEN = 1 << 3,
	TCP_MULTIPATH = 1 << 4,
	TCP_OWNED = 1 << 5,
	TCP_RESET_IN = 1 << 6,
	TCP_RESET_OUT = 1 << 7,
	TCP_HALF_CLOSED = 1 << 8,
	TCP_LEFT_BEHIND = 1 << 9,
	TCP_ORPHANED = 1 << 10,
};

/*
 * How something that came, data or a connection, got to the thread that took it, if that
 * slept in a call of the wait family meanwhile. X(name, words): each until the next.
 */
#define REACH_PARTS(X)						\
	X(ready, "a file that the thread waits for becomes ready")	\
	X(woken, "the thread is made runnable")			\
	X(running, "it runs")						\
	X(returned, "its call returns")				\
	X(taken, "it reads, or accepts")

enum reach_part {
#define X(name, words) REACH_##name,
	REACH_PARTS(X)
#undef X
	REACH_NR,
};

/**
 * struct reach - what was taken after a call of the wait family
 * @slept: by threads whose last call had slept, and was woken after it came
 * @sum_ns, @max_ns: of these, by enum reach_part; where it is not seen that files become
 *	ready, REACH_ready is 0 and REACH_woken begins when it came
 * @awake: by threads whose last call was not woken after it came: they were at work
 * @awake_sum_ns, @awake_max_ns: of these, from when it came to when it was taken
 */
struct reach {
	__u64 slept;
	__u64 sum_ns[REACH_NR];
	__u64 max_ns[REACH_NR];
	__u64 awake;
	__u64 awake_sum_ns;
	__u64 awake_max_ns;
};

/* Who ended its direction first. */
enum tcp_closer {
	CLOSER_NONE,	/* nobody: it lives, was reset, or the window did not see it */
	CLOSER_LOCAL,
	CLOSER_REMOTE,
	CLOSER_BOTH,	/* their FINs crossed */
};

/* Retransmits of a SYN whose times are kept; tcp_syn_retries is 6 by default. */
#define SYN_RETRANSMITS_MAX 8

/**
 * struct tcp_row - a connection
 * @cookie: of its socket
 * @netns_cookie, @netns: of its network namespace; @netns is the number of its inode
 * @start_ns, @tgid, @tid, @comm: the process and thread that connected or accepted it;
 *	untrusted bytes, ends with a NUL. Only with TCP_OWNED.
 * @syn_ns: active: connect() sends the SYN; passive: it came
 * @synack_ns: active: it came; passive: the first was made
 * @established_ns: the ACK went out, or came
 * @accepted_ns: accept() had it: on tracepoints, returned
 * @closing_ns: the first FIN
 * @since_ns: when @state began
 * @ended_ns: when it became CLOSE
 * @state_ns: time spent in each state that is over, by enum tcp_state
 * @bytes_out: bytes that the peer has acknowledged
 * @bytes_in: bytes received
 * @syn_retransmit_ns: the first retransmits of the SYN, active only
 * @local, @remote: IPv4 (4 bytes) or IPv6, network order
 * @local_port, @remote_port: host order
 * @family: AF_INET or AF_INET6
 * @state: enum tcp_state
 * @closer: enum tcp_closer
 * @flags: enum tcp_flag
 * @error: the socket's error when it ended, an errno
 * @syn_retransmits: retransmits of its SYN, or of the SYN-ACK
 * @retransmits: retransmitted segments, all
 * @srtt_us: the kernel's smoothed round-trip time when it ended
 * @reset_reason: why a reset was sent, as the kernel's enum sk_rst_reason; 0: not known
 *
 * With --data:
 * @arrived_ns: data came then, and nothing was read since; 0: none waits
 * @reads, @read_sum_ns, @read_max_ns: reads that found data, from when the first of it came
 * @segment_ns: the last segment came then
 * @hole_ns: since then data waits behind what is missing; 0: none does
 * @holes, @hole_sum_ns, @hole_max_ns: such waits that are over, by what was missing
 * @peer_zero_ns: since then the window that the peer gives is zero, so nothing may be sent
 * @peer_zeros, @peer_zero_sum_ns, @peer_zero_max_ns: such times that are over
 * @own_zero_ns: since then the one that is given to the peer is, for nobody reads
 * @own_read_ns: somebody read meanwhile, last then
 * @own_zeros, @own_zero_sum_ns, @own_zero_max_ns: such times that are over
 *
 * With --waits:
 * @read_reach: reads that found data
 * @accept_reach: its accept()
 */
struct tcp_row {
	__u64 cookie;
	__u64 netns_cookie;
	__u64 start_ns;
	__u64 syn_ns;
	__u64 synack_ns;
	__u64 established_ns;
	__u64 accepted_ns;
	__u64 closing_ns;
	__u64 since_ns;
	__u64 ended_ns;
	__u64 state_ns[STATE_NR];
	__u64 bytes_out;
	__u64 bytes_in;
	__u64 syn_retransmit_ns[SYN_RETRANSMITS_MAX];
	__u8 local[16];
	__u8 remote[16];
	char comm[16];
	__u32 netns;
	__u32 tgid;
	__u32 tid;
	__u32 flags;
	__u32 retransmits;
	__u32 srtt_us;
	__u16 local_port;
	__u16 remote_port;
	__u16 family;
	__u16 error;
	__u16 syn_retransmits;
	__u8 state;
	__u8 closer;
	__u8 reset_reason;
	__u8 pad[3];
	/* Only with --data: without it, neither the map nor a record has the rest. */
	__u64 arrived_ns;
	__u64 reads;
	__u64 read_sum_ns;
	__u64 read_max_ns;
	__u64 segment_ns;
	__u64 hole_ns;
	__u64 holes;
	__u64 hole_sum_ns;
	__u64 hole_max_ns;
	__u64 peer_zero_ns;
	__u64 peer_zeros;
	__u64 peer_zero_sum_ns;
	__u64 peer_zero_max_ns;
	__u64 own_zero_ns;
	__u64 own_read_ns;
	__u64 own_zeros;
	__u64 own_zero_sum_ns;
	__u64 own_zero_max_ns;
	struct reach read_reach;
	struct reach accept_reach;
};

/* Bytes of a row without what only --data has. */
#define TCP_ROW_SHORT __builtin_offsetof(struct tcp_row, arrived_ns)

/* How a minisock ended. */
enum timewait_end {
	TIMEWAIT_EXPIRED,	/* by its timer */
	TIMEWAIT_REUSED,	/* connect() took its place */
	TIMEWAIT_CUT,		/* what came, somebody, or the end of its namespace ended it */
	TIMEWAIT_TAKEN_OVER,	/* told before as cut: what came was a SYN, and took its place */
};

/**
 * struct timewait_row - a minisock
 * @cookie: of the connection that it was
 * @netns_cookie: as there
 * @born_ns: since when
 * @time_wait_ns: since when it is in TIME_WAIT: @born_ns, or when the peer's FIN came
 * @ended_ns: when it was taken away
 * @end: enum timewait_end
 * @owned: the connection was somebody's: see TCP_OWNED
 */
struct timewait_row {
	__u64 cookie;
	__u64 netns_cookie;
	__u64 born_ns;
	__u64 time_wait_ns;
	__u64 ended_ns;
	__u16 local_port;
	__u16 remote_port;
	__u16 end;
	__u16 owned;
};

/** struct listen_key - where connections are waited for */
struct listen_key {
	__u64 netns_cookie;
	__u8 local[16];
	__u16 local_port;
	__u16 family;
	__u32 pad;
};

/**
 * struct listen_row - what came there
 * @key: where
 * @syns: SYNs
 * @kept: of these, the ones that a handshake was begun for; the others were answered by
 *	a SYN cookie or by Fast Open, or dropped
 * @full: of these, the ones that found the accept queue full, and were dropped
 * @synack_retransmits: SYN-ACKs that were sent again
 */
struct listen_row {
	struct listen_key key;
	__u64 syns;
	__u64 kept;
	__u64 full;
	__u64 synack_retransmits;
};

/*
 * Why something is not in the figures. Each is counted where it happens.
 *
 * @TCP_LOSS_TABLE: connections that found no room in their table.
 * @TCP_LOSS_RING: connections that ended while the ring was full.
 * @TCP_LOSS_REQUESTS: handshakes that found no free seat: when their SYN came
 *	is not known.
 * @TCP_LOSS_LISTENERS: SYNs to listeners that found no room in their table, and SYN-ACKs that
 *	were sent again there.
 * @TCP_LOSS_TIMEWAITS: minisocks that found no room in their table, or ended, or were taken
 *	over, while the ring was full.
 * @TCP_LOSS_DATAGRAMS: UDP sockets that were closed while the ring was full; and datagrams
 *	read, dropped or spoilt whose socket or port found no room in its table.
 */
enum tcp_loss {
	TCP_LOSS_TABLE,
	TCP_LOSS_RING,
	TCP_LOSS_REQUESTS,
	TCP_LOSS_LISTENERS,
	TCP_LOSS_TIMEWAITS,
	TCP_LOSS_DATAGRAMS,
	TCP_LOSS_NR,
};

enum tcp_record_kind {
	TCP_RECORD_CONNECTION = 1,
	TCP_RECORD_TIMEWAIT = 2,
	TCP_RECORD_LISTENER = 3,
	TCP_RECORD_DATAGRAMS = 4,	/* struct udp_record */
};

/** struct tcp_record - a connection that has ended; @size says whether @row is short */
struct tcp_record {
	__u32 kind;
	__u32 size;
	struct tcp_row row;
};

/** struct timewait_record - a minisock that has ended */
struct timewait_record {
	__u32 kind;
	__u32 size;
	struct timewait_row row;
};

/**
 * struct listener_record - a listening socket of a process, told by the iterator
 * @cookie: of its socket; several processes may have the same one
 * @key: where it listens
 * @start_ns, @tgid, @comm: a process that has it
 * @netns: number of the inode of its network namespace
 * @queue, @queue_max: connections that wait for accept(), and when no more may
 * @drops: SYNs and handshakes that the kernel dropped here since it listens
 */
struct listener_record {
	__u32 kind;
	__u32 size;
	__u64 cookie;
	struct listen_key key;
	__u64 start_ns;
	char comm[16];
	__u32 tgid;
	__u32 netns;
	__u32 queue;
	__u32 queue_max;
	__u64 drops;
};

/* Ports, and parts of a peer's address, that one run takes. */
#define TCP_PORTS_MAX 16

/* Room in the tables; of connections it is an option. */
#define CONNECTIONS_MAX 65536
#define REQUESTS_MAX 65536
#define LISTENERS_MAX 4096
#define EARLY_MAX 1024		/* accepted, and not ESTABLISHED yet */
#define TIMEWAITS_MAX 262144	/* net.ipv4.tcp_max_tw_buckets of large machines */

/* Tables of seats: see bpf/seats.h. */
#define SEATS_MAX 8192
#define TIMEWAIT_SEATS_MAX 32768
#define SEATS_BESIDE 8		/* an element of the array; multiples of it above */
#define SEAT_FREE 0		/* not the key of anything, nor is the next */
#define SEAT_TAKEN (~0ULL)

_Static_assert(TCP_ROW_SHORT == 344, "struct tcp_row is ABI");
_Static_assert(sizeof(struct tcp_row) == 712, "struct tcp_row is ABI");
_Static_assert(sizeof(struct tcp_record) == 720, "struct tcp_record is ABI");
_Static_assert(sizeof(struct timewait_row) == 48, "struct timewait_row is ABI");
_Static_assert(sizeof(struct timewait_record) == 56, "struct timewait_record is ABI");
_Static_assert(sizeof(struct listen_key) == 32, "struct listen_key is ABI");
_Static_assert(sizeof(struct listen_row) == 64, "struct listen_row is ABI");
_Static_assert(sizeof(struct listener_record) == 96, "struct listener_record is ABI");

#endif /* IOREADY_ABI_TCP_H */
