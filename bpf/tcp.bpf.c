// SPDX-License-Identifier: GPL-2.0-only
/*
 * tcp.bpf.c - connections, from the first SYN to the end of TIME_WAIT.
 *
 * What differs between the tiers:
 *
 *	states, retransmits, resets	tracepoints, always
 *	accept()	fentry or a kprobe on security_sock_graft(), or the tracepoints of
 *			accept and accept4, which do not see io_uring
 *	SYNs, cookies, minisocks	fentry or kprobes on functions, or not at all
 *
 * A passive handshake is followed through objects that become one another: the SYN that
 * a CPU is in, the request that is made for it (a "request sock", in the map requests by
 * address, which whoever makes a request sets anew), the child that is made of the request
 * by the ACK, which becomes ESTABLISHED before the CPU does anything else.
 *
 * LOCKING: there is none. A row is written under the lock of its socket, which the kernel
 * holds at each of the hooks; counters that several CPUs share are added to atomically.
 * The kernel skips a program that interrupts itself on its CPU, as a softirq may do with
 * connect() or close(): that is counted by it, and what is missing is made good as far as
 * the next state and the end of the socket tell it.
 */
#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "abi_tcp.h"
#include "filter.h"
#include "seats.h"
#include "thread.h"

char LICENSE[] SEC("license") = "GPL";

#define AF_INET 2
#define AF_INET6 10
#define IPPROTO_TCP 6
#define IPPROTO_MPTCP 262
#define S_IFMT 0170000
#define S_IFSOCK 0140000
#define EEXIST 17	/* include/uapi/asm-generic/errno-base.h */
#define SEND_SHUTDOWN 2	/* include/net/sock.h */
#define RCV_SHUTDOWN 1
#define SOCK_DEAD (1UL << 0)	/* there, enum sock_flags: no process has it */
#define SOCK_DONE (1UL << 1)	/* there: the peer's FIN was taken */

/*
 * A program on a function: by fentry, or by kprobe. What fentry is passed is typed: the
 * verifier knows what it points to, and lets that be read without a helper. Kprobes have
 * addresses.
 */
#define FUNCTION(function, call, ...)						\
	SEC("fentry/" #function)						\
	int BPF_PROG(fentry_##function, __VA_ARGS__)				\
	{									\
		enum { typed = true };						\
		return open ? call : 0;						\
	}									\
	SEC("kprobe/" #function)						\
	int BPF_KPROBE(kprobe_##function, __VA_ARGS__)				\
	{									\
		enum { typed = false };						\
		return open ? call : 0;						\
	}

/* A field of what such a program is passed, or of what that points to. */
#define FIELD(p, typed, field) ((typed) ? (p)->field : BPF_CORE_READ(p, field))

/* Its result is used, without which it would be no barrier on arm64. */
#define FULL_BARRIER(p)								\
	do {									\
		typeof(*(p)) there = __sync_fetch_and_add(p, 0);		\
										\
		barrier_var(there);						\
	} while (0)

/* --- knobs, fixed at load ---------------------------------------------------- */

/* SYNs and requests are hooked; minisocks are. */
const volatile bool functions_on;
const volatile bool minisocks_on;
/* Rows are whole: see struct tcp_row. */
const volatile bool data_on;
/* The map threads is that of a run of wait.bpf.c, with chains. */
const volatile bool waits_on;
const volatile bool waits_see_ready;
/* tcp_retransmit_skb passes, as its third argument, whether sending failed: 6.18 does. */
const volatile bool retransmit_has_error;
/* tcp_send_reset passes the reason as its third argument since 6.11. */
const volatile bool reset_has_reason;
/* Local or remote ports; 0 at the end. */
const volatile __u32 filter_ports_nr;
const volatile __u16 filter_ports[TCP_PORTS_MAX];
/* A network namespace, by the number of its inode; 0: any. */
const volatile __u32 filter_netns;
/* An address and how much of it counts; 0 bits: any. IPv4 as ::ffff:a.b.c.d. */
const volatile __u32 filter_peer_bits;
const volatile __u8 filter_peer[16];

/* Of so many connections one is followed. */
const volatile __u32 sample = 1;

/* The others, that one that is followed might have been: made from here, made by peers. */
__u64 passed_over[2];

/* 0 while nothing is counted: hooks are put in place one by one. */
__u32 open;

/* --- maps ---------------------------------------------------------------------- */

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4 * 1024 * 1024);
} ring SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, TCP_LOSS_NR);
	__type(key, u32);
	__type(value, u64);
} losses SEC(".maps");

/* Of a SYN: a request has been made for it, or it is nobody's; what comes of it is followed or not. */
enum syn { SYN_NONE, SYN_FOLLOWED, SYN_PASSED_OVER };

/*
 * struct softirq - what a CPU is at in a passive handshake
 * @syn_ns: the SYN that it works on came then, if it is to be followed; to the listener @listen_at
 * @syn: enum syn
 * @child: the socket that was made of a request; not ESTABLISHED yet
 * @child_syn_ns, @child_synack_ns: of it; the first is 0 also if it is not to be followed
 * @timer: the minisock whose timer goes off
 * @cut: the last one that ended, if that is told as TIMEWAIT_CUT; cookie 0: or a SYN came since
 * @number: see softirq_number()
 */
struct softirq {
	u64 syn_ns;
	u64 child;
	u64 child_syn_ns;
	u64 child_synack_ns;
	u64 timer;
	u64 number;
	u32 listen_at;
	u32 syn;
	struct timewait_row cut;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct softirq);
} softirqs SEC(".maps");

/*
 * struct early - who accepted a connection before it was ESTABLISHED, when it has no row; by
 * the address of the socket
 * @tgid: 0: somebody that is not asked about
 */
struct early {
	u64 start_ns;
	u64 accepted_ns;
	u32 tgid;
	u32 tid;
	char comm[16];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, EARLY_MAX);
	__type(key, u64);
	__type(value, struct early);
} earlies SEC(".maps");

/* At least as many as stand there: mostly none, and then nobody has to look. */
__u64 earlies_nr;

static __always_inline void tcp_lose(u32 reason)
{
	u64 *count = bpf_map_lookup_elem(&losses, &reason);

	if (count)
		__sync_fetch_and_add(count, 1);
}

/* By chance, so that those that are followed are like the others. */
static __always_inline bool passes_over(void)
{
	return sample > 1 && (u64)bpf_get_prandom_u32() * sample >> 32;
}

static __always_inline void pass_over(bool passive)
{
	__sync_fetch_and_add(&passed_over[passive], 1);
}

static __always_inline struct softirq *softirq_get(void)
{
	u32 zero = 0;

	return bpf_map_lookup_elem(&softirqs, &zero);
}

/* The address in a typed pointer, to compute with: the verifier allows that of numbers only. */
static __always_inline u64 softirq_number(struct softirq *softirq, u64 pointer)
{
	*(volatile u64 *)&softirq->number = pointer;
	return *(volatile u64 *)&softirq->number;
}

/* --- rows ------------------------------------------------------------------------ */

#include "rows.h"

/* The cookie that a socket has; 0 if it was never asked for one. */
static __always_inline u64 cookie_of(const struct sock *sk, bool typed)
{
	return FIELD(sk, typed, __sk_common.skc_cookie.counter);
}

/* A row by the socket that a tracepoint, fentry or an iterator gave: it is typed. */
static __always_inline struct tcp_row *row_get(const struct sock *sk)
{
	return row_by(sk->__sk_common.skc_cookie.counter);
}

/* Addresses are complete once the connection is ESTABLISHED, or was given up. */
static __always_inline void row_address(struct tcp_row *row, const struct sock *sk)
{
	row->family = sk->__sk_common.skc_family;
	if (row->family == AF_INET) {
		*(u32 *)row->local = sk->__sk_common.skc_rcv_saddr;
		*(u32 *)row->remote = sk->__sk_common.skc_daddr;
	} else {
		BPF_CORE_READ_INTO(&row->local, sk, __sk_common.skc_v6_rcv_saddr);
		BPF_CORE_READ_INTO(&row->remote, sk, __sk_common.skc_v6_daddr);
	}
	row->local_port = sk->__sk_common.skc_num;
	row->remote_port = bpf_ntohs(sk->__sk_common.skc_dport);
}

/* Whose something is, whatever @to is of: a row of a connection or a socket, or an early. */
#define OWNER_NOTE(to, task)							\
	do {									\
		struct task_struct *leader = (task)->group_leader;		\
										\
		(to)->tgid = (task)->tgid;					\
		(to)->tid = (task)->pid;					\
		(to)->start_ns = leader->start_boottime;			\
		((u64 *)(to)->comm)[0] = ((u64 *)leader->comm)[0];		\
		((u64 *)(to)->comm)[1] = ((u64 *)leader->comm)[1];		\
	} while (0)

static __always_inline void row_owner(struct tcp_row *row, struct task_struct *task)
{
	OWNER_NOTE(row, task);
	row->flags |= TCP_OWNED;
}

static __always_inline struct tcp_row *row_new(u64 cookie, const struct sock *sk, u32 flags,
					       u8 state, u64 now)
{
	struct tcp_sock *tp = bpf_skc_to_tcp_sock((void *)sk);
	struct tcp_row *row = row_take(cookie);
	struct net *net;

	if (!row) {
		tcp_lose(TCP_LOSS_TABLE);
		return NULL;
	}
	net = sk->__sk_common.skc_net.net;
	row->netns_cookie = net->net_cookie;
	row->netns = net->ns.inum;
	row->flags = flags;
	row->since_ns = now;
	row_address(row, sk);
	if (tp && bpf_core_field_exists(tp->is_mptcp) && tp->is_mptcp)
		row->flags |= TCP_MULTIPATH;
	/* Last: without it, the row is still being made. A hook may have been quicker: see seed(). */
	barrier();
	if (!row->state)
		row->state = state;
	return row;
}

static __always_inline bool netns_selected(const struct sock *sk)
{
	return !filter_netns || BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum) == filter_netns;
}

static __always_inline bool ports_selected(u16 local, u16 remote)
{
	bool found = false;

	if (!filter_ports_nr)
		return true;
	for (u32 i = 0; i < TCP_PORTS_MAX; i++)
		if (i < filter_ports_nr && (filter_ports[i] == local || filter_ports[i] == remote))
			found = true;
	return found;
}

/* By its ports and its peer, which are known by the time that its end is told. */
static __always_inline bool row_selected(const struct tcp_row *row)
{
	bool v4 = row->family == AF_INET;

	/* Which port it will have here is not known yet. */
	if (!ports_selected(row->local_port, row->remote_port) &&
	    !(row->state == STATE_SYN_SENT && !row->local_port))
		return false;
	if (!filter_peer_bits)
		return true;
	for (u32 i = 0; i < 16; i++) {
		u8 byte = !v4 ? row->remote[i] : i < 10 ? 0 : i < 12 ? 0xff : row->remote[i - 12];
		s32 bits = (s32)filter_peer_bits - (s32)i * 8;

		if (bits <= 0)
			break;
		if ((byte ^ filter_peer[i]) & (bits >= 8 ? 0xff : 0xff << (8 - bits) & 0xff))
			return false;
	}
	return true;
}

/* Tells the last word of a connection. */
static __always_inline void row_tell(struct tcp_row *row)
{
	struct tcp_record *r;

	if (!row_selected(row))
		return;
	if (data_on)
		r = bpf_ringbuf_reserve(&ring, sizeof(*r), 0);
	else
		r = bpf_ringbuf_reserve(&ring, sizeof(*r) - sizeof(r->row) + TCP_ROW_SHORT, 0);
	if (!r) {
		tcp_lose(TCP_LOSS_RING);
		return;
	}
	r->kind = TCP_RECORD_CONNECTION;
	r->size = sizeof(*r) - sizeof(r->row);
	if (data_on) {
		r->size += sizeof(r->row);
		__builtin_memcpy(&r->row, row, sizeof(r->row));
	} else {
		r->size += TCP_ROW_SHORT;
		__builtin_memcpy(&r->row, row, TCP_ROW_SHORT);
	}
	/* The collector drains on a timer. */
	bpf_ringbuf_submit(r, BPF_RB_NO_WAKEUP);
}

/* A state is over. */
static __always_inline void row_left(struct tcp_row *row, u32 state, u64 now)
{
	/* So that the value that is checked is the one that is used. */
	barrier_var(state);
	/* Of one that the iterator is just making, since when is not known, or later: see seed(). */
	if (state < STATE_NR && row->since_ns - 1 < now)
		row->state_ns[state] += now - row->since_ns;
	row->since_ns = now;
}

/* The kernel counts a SYN and a FIN as a byte each, as RFC 4898 does for sequence numbers. */
static __always_inline void row_bytes(struct tcp_row *row, const struct sock *sk,
				      const struct tcp_sock *tp)
{
	bool fin_sent = row->closer == CLOSER_LOCAL || row->closer == CLOSER_BOTH ||
			row->state_ns[STATE_LAST_ACK];

	row->bytes_in = tp->bytes_received;
	row->bytes_out = tp->bytes_acked;
	if (row->bytes_in && sk->__sk_common.skc_flags & SOCK_DONE)
		row->bytes_in--;
	if (row->bytes_out && row->established_ns && !(row->flags & TCP_PASSIVE))
		row->bytes_out--;
	if (row->bytes_out && fin_sent && tp->snd_una == tp->write_seq)
		row->bytes_out--;
}

static __always_inline void time_add(u64 *sum, u64 *max, u64 ns)
{
	*sum += ns;
	if (ns > *max)
		*max = ns;
}

#include "data.h"

/* The connection is over; the socket may be another's after this. */
static __always_inline void row_end(struct tcp_row *row, const struct sock *sk, u64 now)
{
	struct tcp_sock *tp = bpf_skc_to_tcp_sock((void *)sk);

	row->ended_ns = now;
	row->error = sk->sk_err;
	if (tp) {
		row_bytes(row, sk, tp);
		if (data_on)
			data_end(row, tp, now);
		row->retransmits = tp->total_retrans;
		row->srtt_us = tp->srtt_us >> 3;
	}
	if (!row->established_ns && !(row->flags & TCP_SEEDED)) {
		row_address(row, sk);
		/* The port itself has been given back already. */
		row->local_port = bpf_ntohs(BPF_CORE_READ((struct inet_sock *)sk, inet_sport));
	}
	row_tell(row);
	row_drop(row->cookie);
}

#include "states.h"

/* --- retransmits and resets --------------------------------------------------------- */

SEC("tp_btf/tcp_retransmit_skb")
int BPF_PROG(retransmit, const struct sock *sk)
{
	struct tcp_row *row;
	u32 n;

	/* After the handshake, the kernel's own count is read at the end. */
	if (!open || !sk || sk->__sk_common.skc_state != STATE_SYN_SENT)
		return 0;
	if (retransmit_has_error && (int)ctx[2])
		return 0;
	row = row_get(sk);
	if (!row)
		return 0;
	n = row->syn_retransmits++;
	if (n < SYN_RETRANSMITS_MAX)
		row->syn_retransmit_ns[n & (SYN_RETRANSMITS_MAX - 1)] = bpf_ktime_get_ns();
	return 0;
}

SEC("tp_btf/tcp_receive_reset")
int BPF_PROG(reset_in, struct sock *sk)
{
	struct tcp_row *row = open ? row_get(sk) : NULL;

	if (row)
		row->flags |= TCP_RESET_IN;
	return 0;
}

SEC("tp_btf/tcp_send_reset")
int BPF_PROG(reset_out, const struct sock *sk)
{
	struct tcp_row *row = open && sk ? row_get(sk) : NULL;

	if (!row)
		return 0;
	row->flags |= TCP_RESET_OUT;
	if (reset_has_reason)
		row->reset_reason = ctx[2];
	return 0;
}

#include "timewait.h"
#include "listen.h"
#include "udp.h"
#include "accept.h"

/* --- iterator: run by the collector, in its own time --------------------------------------------- */

/* What stands in the tables already is only given its owner. */
__u32 seeding;

/*
 * Adds a connection that is there. Its lock is not held: a hook may find the row before it is
 * whole, and change its state.
 */
static __always_inline void seed(const struct sock *sk, u64 cookie, struct task_struct *task)
{
	u64 now = bpf_ktime_get_ns();
	/* First: the kernel sets it after the hook has run, so what that made is seen. */
	u8 state = *(volatile u8 *)&sk->__sk_common.skc_state;
	struct tcp_row *row = row_by(cookie);

	if (row) {
		/* Accepted by a call that was not seen. */
		if (!(row->flags & TCP_OWNED))
			row_owner(row, task);
		return;
	}
	if (!seeding || state == STATE_CLOSE || state == STATE_LISTEN)
		return;
	row = row_new(cookie, sk, TCP_SEEDED, state, now);
	/* A hook, which knows more, has made one meanwhile. */
	if (row && row_gives_way(row, cookie))
		return;
	if (row && !row_selected(row))
		row_drop(cookie);
	else if (row)
		row_owner(row, task);
}

static __always_inline void listener_tell(const struct sock *sk, u64 cookie,
					  struct task_struct *task, struct seq_file *seq)
{
	struct listener_record r = { .kind = TCP_RECORD_LISTENER, .size = sizeof(r) };

	r.cookie = cookie;
	listen_name(&r.key, sk, true);
	r.netns = BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
	r.tgid = task->tgid;
	r.start_ns = BPF_CORE_READ(task, group_leader, start_boottime);
	bpf_probe_read_kernel(r.comm, sizeof(r.comm), task->group_leader->comm);
	r.queue = BPF_CORE_READ(sk, sk_ack_backlog);
	r.queue_max = BPF_CORE_READ(sk, sk_max_ack_backlog);
	r.drops = (u32)BPF_CORE_READ(sk, sk_drops.counter);
	bpf_seq_write(seq, &r, sizeof(r));
}

/* Connections that are there, and listeners. */
SEC("iter/task_file")
int sockets(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	struct socket *socket;
	struct sock *sk;
	u64 cookie;

	/* Threads share their process's files. */
	if (!task || !file || task->tgid != task->pid)
		return 0;
	socket = bpf_sock_from_file(file);
	if (!socket)
		return 0;
	sk = socket->sk;
	if (udp_on && sk && sk->sk_protocol == IPPROTO_UDP)
		return udp_seed(sk, task);
	if (!sk || sk->sk_protocol != IPPROTO_TCP ||
	    (sk->__sk_common.skc_family != AF_INET && sk->__sk_common.skc_family != AF_INET6) ||
	    !netns_selected(sk) || !selected(task))
		return 0;
	cookie = bpf_get_socket_cookie(sk);
	if (sk->__sk_common.skc_state != STATE_LISTEN)
		seed(sk, cookie, task);
	else if (ports_selected(sk->__sk_common.skc_num, 0))
		listener_tell(sk, cookie, task, ctx->meta->seq);
	return 0;
}
