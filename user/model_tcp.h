/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Connections in, figures out. Pure: no clock, no kernel, no output.
 *
 * Connections are summed up in groups: those that peers made to a port here, and those
 * that a process here made to a peer. What has ended is added for good; what lives is
 * told anew by each snapshot.
 */
#ifndef IOREADY_MODEL_TCP_H
#define IOREADY_MODEL_TCP_H

#include <stdbool.h>
#include <stdint.h>

#include "abi_tcp.h"
#include "err.h"
#include "histogram.h"
#include "model_udp.h"

/**
 * enum tcp_time - what of a connection is timed
 * @TIME_SYNACK: passive: the SYN came -> the SYN-ACK is made: this host's own delay
 * @TIME_ACK: passive: SYN-ACK -> the ACK came: the network's and the peer's
 * @TIME_HANDSHAKE: active: SYN -> SYN-ACK
 * @TIME_ACCEPT: passive: the ACK came -> accept() had it: the program's
 * @TIME_LIFE: ESTABLISHED -> CLOSE
 */
enum tcp_time {
	TIME_SYNACK,
	TIME_ACK,
	TIME_HANDSHAKE,
	TIME_ACCEPT,
	TIME_LIFE,
	TIME_NR,
};

/** struct tcp_times - times that were seen; nanoseconds */
struct tcp_times {
	uint64_t n;
	uint64_t sum;
	uint64_t max;
	struct histogram histogram;
};

/** enum tcp_failure - why connect() came to nothing */
enum tcp_failure {
	FAILURE_REFUSED,	/* by a reset, or ICMP, in answer to its SYN */
	FAILURE_RESET,		/* by a reset, after the peer's own SYN */
	FAILURE_TIMEOUT,	/* no answer */
	FAILURE_UNREACHABLE,	/* the network said so */
	FAILURE_GIVEN_UP,	/* by the program, or connect() failed here */
	FAILURE_OTHER,
	FAILURE_NR,
};

/**
 * struct tcp_key - what connections are summed up by
 * @passive: the peers connected
 * @start_ns, @tgid: active: the process; passive: 0
 * @port: passive: the local one; active: the peer's
 * @family: of @peer, 0 for none
 * @peer: active: the peer; passive: its network, if they are told apart
 */
struct tcp_key {
	uint64_t netns_cookie;
	uint64_t start_ns;
	uint32_t tgid;
	uint16_t port;
	uint16_t family;
	uint8_t peer[16];
	uint32_t passive;
	uint32_t pad;
};

/**
 * struct tcp_group - the figures of connections that have a key in common
 * @netns: number of the inode of their network namespace
 * @tgid, @start_ns, @comm: the process that has them; of several, one
 * @syns: passive: SYNs that came; @kept: of these, the ones a handshake was begun for;
 *	@full: the ones that found the accept queue full, and were dropped; @synack_retransmits: SYN-ACKs sent again. Only with tcp_plan.handshakes, but for the
 *	last, and only where nothing parts the connections to a port.
 * @connections: that were begun, or seen
 * @established: whose handshake was completed in the window
 * @accepted: that a process accepted; @unaccepted: that ended before one did
 * @failed: active: by enum tcp_failure
 * @seeded: of @connections, the ones that were there when the window began
 * @cookies, @fastopen, @multipath: by their class
 * @syn_retransmits: of SYNs, or of SYN-ACKs of completed handshakes
 * @ended: of @connections
 * @closed: of @ended, by enum tcp_closer
 * @resets_in, @resets_out: connections that one was seen of
 * @timed_out: see tcp_timed_out()
 * @half_closed: see TCP_HALF_CLOSED
 * @left_behind: see TCP_LEFT_BEHIND
 * @retransmits, @bytes_in, @bytes_out: of those that ended
 * @reads, @read_sum_ns, @read_max_ns, @holes, @hole_sum_ns, @hole_max_ns: see struct
 *	tcp_row; only with --data
 * @read_reach, @accept_reach: see struct tcp_row; only with --waits
 * @peer_zeros, @peer_zero_sum_ns, @peer_zero_max_ns, @own_zeros, @own_zero_sum_ns,
 *	@own_zero_max_ns: likewise; of a window that is shut, as long as it has been
 * @reset_reasons: resets that were sent, by reason
 * @state_n, @state_sum_ns, @state_max_ns: stays in each state, by enum tcp_state; of one
 *	that goes on, as long as it has lasted
 * @living: by enum tcp_state
 * @longest_ns: how long the longest of them is in its state
 * @times: by enum tcp_time; NULL: none was seen
 */
struct tcp_group {
	struct tcp_key key;
	uint32_t netns;
	uint32_t tgid;
	uint64_t start_ns;
	char comm[16];
	uint64_t syns;
	uint64_t kept;
	uint64_t full;
	uint64_t synack_retransmits;
	uint64_t connections;
	uint64_t established;
	uint64_t accepted;
	uint64_t unaccepted;
	uint64_t failed[FAILURE_NR];
	uint64_t seeded;
	uint64_t cookies;
	uint64_t fastopen;
	uint64_t multipath;
	uint64_t syn_retransmits;
	uint64_t ended;
	uint64_t closed[CLOSER_BOTH + 1];
	uint64_t resets_in;
	uint64_t resets_out;
	uint64_t timed_out;
	uint64_t half_closed;
	uint64_t left_behind;
	uint64_t retransmits;
	uint64_t bytes_in;
	uint64_t bytes_out;
	uint64_t reads;
	uint64_t read_sum_ns;
	uint64_t read_max_ns;
	uint64_t holes;
	uint64_t hole_sum_ns;
	uint64_t hole_max_ns;
	struct reach read_reach;
	struct reach accept_reach;
	uint64_t peer_zeros;
	uint64_t peer_zero_sum_ns;
	uint64_t peer_zero_max_ns;
	uint64_t own_zeros;
	uint64_t own_zero_sum_ns;
	uint64_t own_zero_max_ns;
	uint64_t reset_reasons[256];
	uint64_t state_n[STATE_NR];
	uint64_t state_sum_ns[STATE_NR];
	uint64_t state_max_ns[STATE_NR];
	uint64_t living[STATE_NR];
	uint64_t longest_ns[STATE_NR];
	struct tcp_times *times[TIME_NR];
};

/**
 * struct tcp_minisocks - TIME_WAIT, and FIN_WAIT_2 that nobody reads
 * @born, @expired, @reused, @cut: in the window; the last two ended before their time: for a
 *	new connection, or else
 * @now: that are there; where processes are filtered, all these are of their connections
 * @fin_wait2, @time_wait: how long those that ended were in each
 */
struct tcp_minisocks {
	uint64_t born;
	uint64_t expired;
	uint64_t reused;
	uint64_t cut;
	uint64_t now;
	struct tcp_times fin_wait2;
	struct tcp_times time_wait;
};

/**
 * struct tcp_listener - a socket that listens
 * @record: as of the last snapshot
 * @drops: packets that the kernel dropped here in the window, see measures.rst
 * @owners: processes that have it; @record names one
 */
struct tcp_listener {
	struct listener_record record;
	uint64_t drops;
	uint32_t owners;
};

/**
 * struct tcp_figures - all of a window; valid until the model is told more
 * @groups: most connections first
 * @unowned: connections that ended and that nobody was seen to accept: where processes are
 *	filtered, they are in no group
 * @overflow: connections in groups that were given up, for there were too many
 * @udp: datagrams, most that was dropped first
 * @several_netns: they are of more than one network namespace
 * @exemplar: the connection whose handshake, with accept(), took longest, at least; if none
 *	was established, that which failed, or still connects, and took longest to; or another,
 *	rather one that has ended; cookie 0: there was none
 */
struct tcp_figures {
	const struct tcp_group *const *groups;
	int groups_nr;
	const struct tcp_listener *listeners;
	int listeners_nr;
	struct tcp_minisocks minisocks;
	uint64_t unowned;
	uint64_t overflow;
	const struct udp_group *const *udp;
	int udp_nr;
	bool several_netns;
	struct tcp_row exemplar;
};

struct model_tcp;

/**
 * model_tcp_new() - nothing seen yet
 * @begin_ns: handshakes completed before are not counted
 * @owned: only what a process of the filter has is asked about
 * @networks: tell passive connections apart by the network of the peer (/24, /64)
 */
struct model_tcp *model_tcp_new(uint64_t begin_ns, bool owned, bool networks);

/**
 * model_tcp_until() - the interval of @m ends at @end_ns; before the snapshot that is the
 *	last of it, so that what this tells of later is left to the next
 */
void model_tcp_until(struct model_tcp *m, uint64_t end_ns);

/**
 * model_tcp_next() - from the end of the interval of @m: nothing seen yet, but who listened
 *	by its last snapshot, what had come and been dropped there, and what has ended since;
 *	NULL when out of memory
 */
struct model_tcp *model_tcp_next(const struct model_tcp *m);

/* Those of struct tcp_fns; the argument is the model. */
void model_tcp_ended(const struct tcp_row *row, void *model);
void model_tcp_timewait(const struct timewait_row *row, void *model);
void model_tcp_begin(void *model);
void model_tcp_living(const struct tcp_row *row, void *model);
void model_tcp_waiting(const struct timewait_row *row, void *model);
void model_tcp_listening(const struct listen_row *row, void *model);
void model_tcp_listener(const struct listener_record *listener, void *model);
void model_tcp_udp_ended(const struct udp_row *row, void *model);
void model_tcp_udp_living(const struct udp_row *row, void *model);
void model_tcp_udp_port(const struct udp_port_row *row, void *model);

/**
 * model_tcp_figures() - the figures
 * @end_ns: the present
 *
 * Return: 0 or -ENOMEM; then something that was told is missing too.
 */
int model_tcp_figures(struct model_tcp *m, uint64_t end_ns, struct tcp_figures *figures,
		      struct err *err);

void model_tcp_free(struct model_tcp *m);

/**
 * tcp_established() - whether it was, ever: also if when is not known, because the kernel
 *	skipped the program (see bpf/tcp.bpf.c), or it was before the window
 */
bool tcp_established(const struct tcp_row *row);

/**
 * tcp_stay_goes_on() - whether a stay in @state is not over, though the connection is: where
 *	a minisock goes on with it, its time here is not how long it was
 */
bool tcp_stay_goes_on(const struct tcp_row *row, unsigned int state);

/** tcp_timed_out() - whether it was established, and ended because no answer came any more */
bool tcp_timed_out(const struct tcp_row *row);

/**
 * tcp_acceptable_ns() - since when accept() could have it: ESTABLISHED; or when it had it,
 * if that was before: by Fast Open, or because another CPU was so quick
 */
uint64_t tcp_acceptable_ns(const struct tcp_row *row);

/** tcp_failure() - why a connection that was never established came to nothing */
enum tcp_failure tcp_failure(const struct tcp_row *row);
const char *tcp_failure_name(enum tcp_failure failure);
const char *tcp_closer_name(enum tcp_closer closer);

#endif /* IOREADY_MODEL_TCP_H */
