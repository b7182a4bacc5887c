/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * data.h - data on its way to a program, with --data: behind a hole, before a shut window,
 * until it is read; and with --waits, through what a thread was at meanwhile.
 * A part of tcp.bpf.c.
 *
 * LOCKING: as there, a row is written under the lock of its socket.
 */
#ifndef IOREADY_DATA_H
#define IOREADY_DATA_H

/* --- holes and windows ----------------------------------------------------------- */

/* Data waits no more behind what is missing. */
static __always_inline void hole_end(struct tcp_row *row)
{
	row->holes++;
	time_add(&row->hole_sum_ns, &row->hole_max_ns, row->segment_ns - row->hole_ns);
	row->hole_ns = 0;
}

static __always_inline void peer_zero_end(struct tcp_row *row, u64 now)
{
	row->peer_zeros++;
	time_add(&row->peer_zero_sum_ns, &row->peer_zero_max_ns, now - row->peer_zero_ns);
	row->peer_zero_ns = 0;
}

static __always_inline void own_zero_end(struct tcp_row *row, u64 now)
{
	row->own_zeros++;
	time_add(&row->own_zero_sum_ns, &row->own_zero_max_ns, now - row->own_zero_ns);
	row->own_zero_ns = 0;
	row->own_read_ns = 0;
}

/*
 * The windows as the last segment, or the last read, has left them. The peer's changes with a
 * segment; this host's shuts with one and opens with a read, which tells the peer.
 */
static __always_inline void windows_note(struct tcp_row *row, const struct tcp_sock *tp, u64 now)
{
	if (!tp->snd_wnd && !row->peer_zero_ns)
		row->peer_zero_ns = row->segment_ns;
	else if (tp->snd_wnd && row->peer_zero_ns)
		peer_zero_end(row, row->segment_ns);
	if (!tp->rcv_wnd && !row->own_zero_ns)
		row->own_zero_ns = row->segment_ns;
	else if (tp->rcv_wnd && row->own_zero_ns)
		own_zero_end(row, row->own_read_ns ? row->own_read_ns : now);
}

/* A program reads; only then is the peer told what room there is. */
static __always_inline void own_zero_read(struct tcp_row *row, const struct sock *sk)
{
	struct tcp_sock *tp = bpf_skc_to_tcp_sock((void *)sk);

	if (!tp || tp->rcv_wnd || !row->segment_ns)
		return;
	row->own_read_ns = bpf_ktime_get_ns();
	if (!row->own_zero_ns)
		row->own_zero_ns = row->segment_ns;
}

/* What has not opened until the end never did. */
static __always_inline void windows_end(struct tcp_row *row, const struct tcp_sock *tp, u64 now)
{
	if (!row->segment_ns)
		return;
	windows_note(row, tp, now);
	if (row->peer_zero_ns)
		peer_zero_end(row, now);
	if (row->own_zero_ns)
		own_zero_end(row, now);
}

/* What is open when the connection is over. */
static __always_inline void data_end(struct tcp_row *row, const struct tcp_sock *tp, u64 now)
{
	if (row->hole_ns && !tp->out_of_order_queue.rb_node)
		hole_end(row);
	windows_end(row, tp, now);
}

/*
 * A segment has come at @now, and is not looked into yet. So what stands in the
 * out-of-order queue, and the windows, are the work of the one before: a hole begins and
 * ends with that.
 */
static __always_inline void segment_note(struct tcp_row *row, const struct sock *sk, u64 now)
{
	struct tcp_sock *tp = bpf_skc_to_tcp_sock((void *)sk);
	bool hole = tp && tp->out_of_order_queue.rb_node;

	if (tp && row->segment_ns)
		windows_note(row, tp, now);
	if (hole && !row->hole_ns)
		row->hole_ns = row->segment_ns;
	else if (!hole && row->hole_ns)
		hole_end(row);
	row->segment_ns = now;
}

SEC("tp_btf/tcp_probe")
int BPF_PROG(segment, struct sock *sk)
{
	struct tcp_row *row = open ? row_get(sk) : NULL;

	if (row)
		segment_note(row, sk, bpf_ktime_get_ns());
	return 0;
}

/* --- how it reaches the program ---------------------------------------------------- */

/*
 * The current thread takes at @now what came at @from. Its last call of the wait family
 * tells how it came to know: if that slept and was woken since, its parts; if not, the
 * thread was at work, and the call found it ready. A thread that took it by a call that
 * blocks is in neither.
 */
static __always_inline void reach_count(struct reach *reach, u64 from, u64 now)
{
	struct task_struct *task = bpf_get_current_task_btf();
	u64 ns[REACH_NR], ready;
	struct thread *t;

	if (!waits_on)
		return;
	t = bpf_task_storage_get(&threads, task, 0, 0);
	if (!t || t->call.open || t->returned_ns < from)
		return;
	if (t->call.woken_ns < from) {
		reach->awake++;
		time_add(&reach->awake_sum_ns, &reach->awake_max_ns, now - from);
		return;
	}
	if (t->call.ran_ns < t->call.woken_ns || t->returned_ns < t->call.ran_ns)
		return;
	/* The wake that it came into may have been begun for another file. */
	ready = waits_see_ready && t->call.ready_ns > from ? t->call.ready_ns : from;
	ns[REACH_ready] = ready - from;
	ns[REACH_woken] = t->call.woken_ns - ready;
	ns[REACH_running] = t->call.ran_ns - t->call.woken_ns;
	ns[REACH_returned] = t->returned_ns - t->call.ran_ns;
	ns[REACH_taken] = now - t->returned_ns;
	reach->slept++;
	for (int i = 0; i < REACH_NR; i++)
		time_add(&reach->sum_ns[i], &reach->max_ns[i], ns[i]);
}

static __always_inline int arrived(const struct sock *sk)
{
	struct tcp_row *row;

	if (BPF_CORE_READ(sk, sk_protocol) != IPPROTO_TCP)
		return 0;
	row = row_by(cookie_of(sk, false));
	if (row && !row->arrived_ns)
		row->arrived_ns = bpf_ktime_get_ns();
	return 0;
}

SEC("tp_btf/sk_data_ready")
int BPF_PROG(data_ready, const struct sock *sk)
{
	return open ? arrived(sk) : 0;
}

/* For kernels without the tracepoint sk_data_ready (before 6.12). */
FUNCTION(sock_def_readable, arrived(sk), struct sock *sk)

/* A process takes data. */
SEC("tp_btf/tcp_rcv_space_adjust")
int BPF_PROG(data_read, struct sock *sk)
{
	struct tcp_row *row = open ? row_get(sk) : NULL;
	u64 now;

	if (row)
		own_zero_read(row, sk);
	if (!row || !row->arrived_ns)
		return 0;
	now = bpf_ktime_get_ns();
	reach_count(&row->read_reach, row->arrived_ns, now);
	row->reads++;
	time_add(&row->read_sum_ns, &row->read_max_ns, now - row->arrived_ns);
	row->arrived_ns = 0;
	return 0;
}

#endif /* IOREADY_DATA_H */
