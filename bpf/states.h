/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * states.h - what becomes of a connection, from one state to the next. A part of tcp.bpf.c.
 *
 * LOCKING: as there, a row is written under the lock of its socket, which the kernel holds.
 */
#ifndef IOREADY_STATES_H
#define IOREADY_STATES_H

/* Kernels that do not say so (6.12 does not) say at least whether its SYN brought data. */
static __always_inline bool is_fastopen_child(const struct tcp_sock *tp)
{
	if (bpf_core_field_exists(tp->syn_fastopen_child))
		return BPF_CORE_READ_BITFIELD(tp, syn_fastopen_child);
	return BPF_CORE_READ_BITFIELD(tp, syn_data_acked);
}

static __always_inline void early_forget(u64 sk)
{
	if (earlies_nr && !bpf_map_delete_elem(&earlies, &sk))
		__sync_fetch_and_sub(&earlies_nr, 1);
}

/* Nothing comes of a child: forgets who was early, and that this CPU has just made it. */
static __always_inline void child_forget(const struct sock *sk)
{
	struct softirq *softirq = softirq_get();

	early_forget((u64)sk);
	if (softirq && softirq->child == (u64)sk)
		softirq->child = 0;
}

/* Who has it already owns the row too; false: and is not asked about. */
static __always_inline bool row_early(struct tcp_row *row, u64 sk)
{
	struct early *early = earlies_nr ? bpf_map_lookup_elem(&earlies, &sk) : NULL;

	if (!early)
		return true;
	if (!early->tgid) {
		early_forget(sk);
		return false;
	}
	row->tgid = early->tgid;
	row->tid = early->tid;
	row->start_ns = early->start_ns;
	row->accepted_ns = early->accepted_ns;
	__builtin_memcpy(row->comm, early->comm, sizeof(row->comm));
	row->flags |= TCP_OWNED;
	early_forget(sk);
	return true;
}

/* A child of a listener has shaken hands; or one that connects, with one that connects to it. */
static __always_inline struct tcp_row *row_passive(const struct sock *sk, u64 cookie, u8 new,
						   u64 now)
{
	struct tcp_sock *tp = bpf_skc_to_tcp_sock((void *)sk);
	struct softirq *softirq = softirq_get();
	bool made_now = softirq && softirq->child == (u64)sk;
	struct tcp_row *row = made_now ? NULL : row_by(cookie);
	u32 rtt;

	if (!row)
		row = row_new(cookie, sk, TCP_PASSIVE, STATE_SYN_RECV, now);
	if (!row || !tp)
		return NULL;
	/* This host had sent its SYN already: both have. */
	if (!(row->flags & (TCP_PASSIVE | TCP_SEEDED))) {
		/* Or it is closed before the answer came. */
		if (new == STATE_ESTABLISHED)
			row->synack_ns = row->established_ns = now;
		row_address(row, sk);
		return row;
	}
	row->established_ns = now;
	row->syn_retransmits = tp->total_retrans;
	if (is_fastopen_child(tp))
		row->flags |= TCP_FASTOPEN;
	if (made_now) {
		row->syn_ns = softirq->child_syn_ns;
		row->synack_ns = softirq->child_synack_ns;
		softirq->child = 0;
	} else if (functions_on) {
		/* A subflow that joins another does not come from its request here, either. */
		if (!(row->flags & (TCP_FASTOPEN | TCP_SEEDED | TCP_MULTIPATH)))
			row->flags |= TCP_COOKIE;
	} else if (!row->syn_retransmits) {
		/*
		 * The kernel has just measured from the SYN-ACK to the ACK, and nothing else; but
		 * after a SYN cookie by the peer's time stamp, which a part of the cookie stands in,
		 * and in whole milliseconds.
		 */
		rtt = tp->srtt_us >> 3;
		if (rtt % 1000)
			row->synack_ns = now - rtt * 1000ULL;
	}
	return row;
}

static __always_inline void row_closing(struct tcp_row *row, const struct sock *sk, u8 old, u8 new,
					u64 now)
{
	if (new == STATE_FIN_WAIT1 && !row->closer) {
		row->closer = CLOSER_LOCAL;
		row->closing_ns = now;
		if ((sk->sk_shutdown & (SEND_SHUTDOWN | RCV_SHUTDOWN)) == SEND_SHUTDOWN)
			row->flags |= TCP_HALF_CLOSED;
	} else if (new == STATE_CLOSE_WAIT && !row->closer) {
		row->closer = CLOSER_REMOTE;
		row->closing_ns = now;
	} else if (new == STATE_CLOSING) {
		row->closer = CLOSER_BOTH;
	}
}

/* TCP_LINGER2 below 0: whoever closes it does not wait for the peer's FIN, but resets. */
static __always_inline bool waits_not_for_fin(const struct sock *sk)
{
	struct tcp_sock *tp = bpf_skc_to_tcp_sock((void *)sk);

	return tp && bpf_core_field_exists(tp->linger2) && tp->linger2 < 0;
}

/*
 * close() with data unread, or told not to linger, sets CLOSE and sends the reset after it
 * (tcp_disconnect(), __tcp_close()), when the row is gone. Whoever has shut down already
 * goes the same way from FIN_WAIT; there, a FIN of the peer or an orphan's minisock also
 * lead to CLOSE.
 */
static __always_inline bool is_abort(const struct tcp_row *row, const struct sock *sk, u8 old)
{
	if (row->flags & TCP_RESET_IN || sk->sk_err)
		return false;
	if (old == STATE_FIN_WAIT2 && waits_not_for_fin(sk))
		return !(sk->__sk_common.skc_flags & SOCK_DONE);
	if (old == STATE_FIN_WAIT1 || old == STATE_FIN_WAIT2)
		return !(sk->__sk_common.skc_flags & (SOCK_DEAD | SOCK_DONE));
	/* In SYN_RECV it connects, as the other does; a mere close() sends a FIN there. */
	return old == STATE_ESTABLISHED || old == STATE_CLOSE_WAIT || old == STATE_SYN_RECV;
}

/*
 * A minisock takes the place of one that nobody has any more, to wait for the peer's FIN
 * (tcp_time_wait() with TCP_FIN_WAIT2). Where minisocks are not seen, it is taken for granted
 * that one could be made.
 */
static __always_inline bool is_orphaned(const struct tcp_row *row, const struct sock *sk, u8 old)
{
	return old == STATE_FIN_WAIT2 && !sk->sk_err &&
	       !(row->flags & (TCP_RESET_IN | TCP_RESET_OUT)) &&
	       (row->flags & TCP_LEFT_BEHIND || !minisocks_on) &&
	       (sk->__sk_common.skc_flags & (SOCK_DEAD | SOCK_DONE)) == SOCK_DEAD;
}

/* connect(), or with Fast Open the first send. */
static __always_inline int connects(const struct sock *sk)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct tcp_row *row;
	u64 now;

	if (!netns_selected(sk) || !selected(task))
		return 0;
	/* Its end was not seen: see LOCKING. */
	row = row_get(sk);
	if (row)
		row_end(row, sk, bpf_ktime_get_ns());
	/* Which port it will have here is not known yet: it may be one that is asked for. */
	if (ports_selected(0, bpf_ntohs(sk->__sk_common.skc_dport)) && passes_over()) {
		pass_over(false);
		return 0;
	}
	now = bpf_ktime_get_ns();
	row = row_new(bpf_get_socket_cookie((void *)sk), sk, 0, STATE_SYN_SENT, now);
	if (!row)
		return 0;
	if (!row_selected(row)) {
		row_drop(row->cookie);
		return 0;
	}
	row_owner(row, task);
	row->syn_ns = now;
	return 0;
}

/* Whether it is was decided when its SYN came, if that was seen. */
static __always_inline bool is_passed_over(const struct sock *sk)
{
	struct softirq *softirq;
	bool over;

	if (sample <= 1 || row_get(sk))
		return false;
	softirq = softirq_get();
	over = softirq && softirq->child == (u64)sk ? !softirq->child_syn_ns : passes_over();
	if (over)
		pass_over(true);
	return over;
}

/*
 * The last ACK of a handshake has come, to a child of a listener; or to one that connects, as
 * the other does. If the latter was passed over, it is taken for a child, and drawn again.
 */
static __always_inline int shakes_hands(const struct sock *sk, u8 new)
{
	struct tcp_row *row;
	u64 now;

	/* Before a row is made: on a server most are not, if ports are asked for. */
	if (!netns_selected(sk) ||
	    !ports_selected(sk->__sk_common.skc_num, bpf_ntohs(sk->__sk_common.skc_dport)) ||
	    is_passed_over(sk)) {
		child_forget(sk);
		return 0;
	}
	now = bpf_ktime_get_ns();
	row = row_passive(sk, bpf_get_socket_cookie((void *)sk), new, now);
	if (!row || !row_selected(row)) {
		child_forget(sk);
		if (row)
			row_drop(row->cookie);
		return 0;
	}
	row_left(row, STATE_SYN_RECV, now);
	row->state = new;
	/* With the barrier that accepted() counts on, between state and look-up. */
	FULL_BARRIER(&row->retransmits);
	if (row_early(row, (u64)sk))
		row_closing(row, sk, STATE_SYN_RECV, new, now);
	else
		row_drop(row->cookie);
	return 0;
}

static __always_inline void row_connected(struct tcp_row *row, const struct sock *sk, u64 now)
{
	struct tcp_sock *tp = bpf_skc_to_tcp_sock((void *)sk);

	row->synack_ns = row->established_ns = now;
	row_address(row, sk);
	if (tp && (BPF_CORE_READ_BITFIELD(tp, syn_data) || BPF_CORE_READ_BITFIELD(tp, syn_fastopen)))
		row->flags |= TCP_FASTOPEN;
	if (!row_selected(row))
		row_drop(row->cookie);
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(state, const struct sock *sk, int old, int new)
{
	struct tcp_row *row;
	u64 now;

	if (!open || sk->sk_protocol != IPPROTO_TCP || old == STATE_LISTEN || new == STATE_LISTEN)
		return 0;
	if (new == STATE_SYN_SENT)
		return connects(sk);
	if (old == STATE_SYN_RECV && new != STATE_CLOSE)
		return shakes_hands(sk, new);
	/* Its ACK never came, and its address may be another's from now on. */
	if (old == STATE_SYN_RECV)
		child_forget(sk);
	row = row_get(sk);
	if (!row)
		return 0;
	now = bpf_ktime_get_ns();
	row_left(row, old, now);
	row->state = new;
	if (old == STATE_SYN_SENT && new == STATE_ESTABLISHED) {
		row_connected(row, sk, now);
		return 0;
	}
	row_closing(row, sk, old, new, now);
	if (new != STATE_CLOSE)
		return 0;
	if (is_abort(row, sk, old))
		row->flags |= TCP_RESET_OUT;
	else if (is_orphaned(row, sk, old))
		row->flags |= TCP_ORPHANED;
	row_end(row, sk, now);
	return 0;
}

/* The socket is gone; if its CLOSE was not seen, this is its end. */
SEC("tp_btf/tcp_destroy_sock")
int BPF_PROG(destroy, struct sock *sk)
{
	struct tcp_row *row;
	u64 now;

	if (!open)
		return 0;
	row = row_get(sk);
	if (!row)
		return 0;
	now = bpf_ktime_get_ns();
	row_left(row, row->state, now);
	row->state = STATE_CLOSE;
	row_end(row, sk, now);
	return 0;
}

#endif /* IOREADY_STATES_H */
