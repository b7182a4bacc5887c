/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * timewait.h - minisocks, which stand for connections in TIME_WAIT and orphans in FIN_WAIT_2.
 * A part of tcp.bpf.c.
 */
#ifndef IOREADY_TIMEWAIT_H
#define IOREADY_TIMEWAIT_H

/* In seats, and in a hash while it finds none: as rows, see rows.h. */
struct timewait_seats SEATS_OF(struct timewait_row);

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, TIMEWAIT_SEATS_MAX / SEATS_BESIDE);
	__type(key, u32);
	__type(value, struct timewait_seats);
} timewait_seats SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, TIMEWAITS_MAX);
	__type(key, u64);
	__type(value, struct timewait_row);
} timewaits SEC(".maps");

static __always_inline void timewait_blank(struct timewait_row *t)
{
	__builtin_memset(t, 0, sizeof(*t));
}

SEATS_AND_HASH(timewait, timewait_seats, timewaits, struct timewait_row, cookie,
	       sizeof(struct timewait_row), TIMEWAIT_SEATS_MAX / SEATS_BESIDE)

static __always_inline int timewait_begin(struct inet_timewait_sock *tw, const struct sock *sk,
					  bool typed)
{
	u64 cookie = FIELD(sk, typed, __sk_common.skc_cookie.counter);
	struct tcp_row *row = row_by(cookie);
	struct timewait_row *t;

	/* Only of connections that are followed. */
	if (!row)
		return 0;
	row->flags |= TCP_LEFT_BEHIND;
	/* Whose end was not seen: see LOCKING in tcp.bpf.c. */
	t = timewait_by(cookie);
	if (!t)
		t = timewait_take(cookie);
	if (!t) {
		tcp_lose(TCP_LOSS_TIMEWAITS);
		return 0;
	}
	t->netns_cookie = row->netns_cookie;
	t->local_port = row->local_port;
	t->remote_port = row->remote_port;
	t->owned = !!(row->flags & TCP_OWNED);
	t->born_ns = bpf_ktime_get_ns();
	t->time_wait_ns = FIELD(tw, typed, tw_substate) == STATE_TIME_WAIT ? t->born_ns : 0;
	return 0;
}

/* Renamed in 6.12: which of the two is attached is found in the kernel's symbols. */
FUNCTION(inet_twsk_hashdance, timewait_begin(tw, sk, typed),
	 struct inet_timewait_sock *tw, struct sock *sk)
FUNCTION(inet_twsk_hashdance_schedule, timewait_begin(tw, sk, typed),
	 struct inet_timewait_sock *tw, struct sock *sk)

/* Its timer is set, anew if the peer's FIN has come to it. */
static __always_inline int timewait_schedule(struct inet_timewait_sock *tw, bool anew, bool typed)
{
	u64 cookie = FIELD(tw, typed, __tw_common.skc_cookie.counter);
	struct timewait_row *t;

	if (!anew || !cookie)
		return 0;
	t = timewait_by(cookie);
	if (t && !t->time_wait_ns && FIELD(tw, typed, tw_substate) == STATE_TIME_WAIT)
		t->time_wait_ns = bpf_ktime_get_ns();
	return 0;
}

FUNCTION(__inet_twsk_schedule, timewait_schedule(tw, rearm, typed),
	 struct inet_timewait_sock *tw, int timeo, u8 rearm)

static __always_inline int timewait_timer(u64 timer)
{
	struct softirq *softirq = softirq_get();

	if (softirq)
		softirq->timer = timer - bpf_core_field_offset(struct inet_timewait_sock, tw_timer);
	return 0;
}

FUNCTION(tw_timer_handler, timewait_timer((u64)timer), void *timer)

/* False: there is no room for it. */
static __always_inline bool timewait_tell(const struct timewait_row *t)
{
	struct timewait_record *r = bpf_ringbuf_reserve(&ring, sizeof(*r), 0);

	if (!r) {
		tcp_lose(TCP_LOSS_TIMEWAITS);
		return false;
	}
	r->kind = TCP_RECORD_TIMEWAIT;
	r->size = sizeof(*r);
	__builtin_memcpy(&r->row, t, sizeof(r->row));
	bpf_ringbuf_submit(r, BPF_RB_NO_WAKEUP);
	return true;
}

/* connect() has given its place in the kernel's table to a new socket before it ends it. */
static __always_inline bool timewait_has_place(const struct inet_timewait_sock *tw, bool typed)
{
	return FIELD(tw, typed, __tw_common.skc_nulls_node.pprev);
}

static __always_inline int timewait_end(struct inet_timewait_sock *tw, bool typed)
{
	struct softirq *softirq = softirq_get();
	struct timewait_row *t;
	bool by_timer;

	if (!softirq)
		return 0;
	by_timer = softirq->timer == (u64)tw;
	/* What is known of the last one is not of this one, whether it is followed or not. */
	softirq->timer = softirq->cut.cookie = 0;
	t = timewait_by(FIELD(tw, typed, __tw_common.skc_cookie.counter));
	if (!t)
		return 0;
	t->ended_ns = bpf_ktime_get_ns();
	t->end = !timewait_has_place(tw, typed) ? TIMEWAIT_REUSED :
		 by_timer			  ? TIMEWAIT_EXPIRED :
						    TIMEWAIT_CUT;
	/* Unless it is a SYN that it makes room for, which is on its way to a listener. */
	if (timewait_tell(t) && t->end == TIMEWAIT_CUT)
		softirq->cut = *t;
	timewait_drop(t->cookie);
	return 0;
}

FUNCTION(inet_twsk_kill, timewait_end(tw, typed), struct inet_timewait_sock *tw)

/*
 * Set as a SYN goes on to a listener, after it came to a minisock, which was ended for it
 * (TCP_TW_SYN). Since 6.10; what there was before did not get as far.
 */
extern const __u32 tcp_tw_isn __ksym __weak;

/* Before 6.10: the SYN comes at once, from its port to its port. */
#define TAKEN_OVER_NS_MAX 10000000ULL

static __always_inline bool timewait_is_place_of(const struct timewait_row *cut,
						 const struct sk_buff *syn, bool typed)
{
	/* From, to: the first fields of the header. */
	u16 ports[2] = { 0 };

	bpf_probe_read_kernel(ports, sizeof(ports), FIELD(syn, typed, head) +
						    FIELD(syn, typed, transport_header));
	return bpf_ntohs(ports[0]) == cut->remote_port && bpf_ntohs(ports[1]) == cut->local_port &&
	       bpf_ktime_get_ns() - cut->ended_ns < TAKEN_OVER_NS_MAX;
}

/* A SYN has come to a listener. Did what this CPU ended last make room for it? */
static __always_inline void timewait_take_over(struct softirq *softirq, const struct sk_buff *syn,
					       bool typed)
{
	if (&tcp_tw_isn ? *(const u32 *)bpf_this_cpu_ptr(&tcp_tw_isn) :
			  timewait_is_place_of(&softirq->cut, syn, typed)) {
		softirq->cut.end = TIMEWAIT_TAKEN_OVER;
		timewait_tell(&softirq->cut);
	}
	softirq->cut.cookie = 0;
}

#endif /* IOREADY_TIMEWAIT_H */
