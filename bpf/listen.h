/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * listen.h - listeners, and the SYNs and requests of passive handshakes.
 * A part of tcp.bpf.c.
 *
 * LOCKING: there is none. What a CPU is at is its own, in the map softirqs; listeners are
 * shared, and added to atomically. Two CPUs may be at the end of one request: its ACK and its
 * timer, or its ACK and data. One of them is the first to leave its seat.
 */
#ifndef IOREADY_LISTEN_H
#define IOREADY_LISTEN_H

/* What came to listeners: from 1 to listeners_nr, so that 0 is nowhere. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, LISTENERS_MAX + 1);
	__type(key, u32);
	__type(value, struct listen_row);
} listen_rows SEC(".maps");

__u32 listeners_nr;

/* Which of them is whose. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, LISTENERS_MAX);
	__type(key, struct listen_key);
	__type(value, u32);
} listeners SEC(".maps");

/* When the SYN of a request came, by its address. It lives for a round trip. */
struct request_seats SEATS_OF(u64);

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, REQUESTS_MAX / SEATS_BESIDE);
	__type(key, u32);
	__type(value, struct request_seats);
} requests SEC(".maps");

SEATS(request, requests, u64, sizeof(u64), REQUESTS_MAX / SEATS_BESIDE);

/*
 * Not every end of a request is seen: since 6.12 its timer gives it up within a static
 * function. By default it does so after 63 seconds, at the fifth SYN-ACK without an answer.
 */
#define REQUEST_NS_MAX 130000000000ULL

/* When the SYN of a request came, of which nothing is kept from now on; 0: not known. */
static __always_inline u64 request_take(u64 request)
{
	void *beside = request_beside(request);
	u64 syn_ns;

	for (u32 i = 0; beside && i < SEATS_BESIDE; i++) {
		if (*request_key(beside, i) != request)
			continue;
		syn_ns = *request_seat(beside, i);
		request_leave(request_key(beside, i), request);
		return syn_ns;
	}
	return 0;
}

static __always_inline bool request_keep_at(void *beside, u32 i, u64 request, u64 syn_ns)
{
	if (!request_claim(request_key(beside, i)))
		return false;
	*request_seat(beside, i) = syn_ns;
	request_give(request_key(beside, i), request);
	return true;
}

/* False: there is no room for it. */
static __always_inline bool request_keep(u64 request, u64 syn_ns)
{
	void *beside = request_beside(request);

	for (u32 i = 0; beside && i < SEATS_BESIDE; i++)
		if (request_keep_at(beside, i, request, syn_ns))
			return true;
	/* Or where one is that was given up unseen. */
	for (u32 i = 0; beside && i < SEATS_BESIDE; i++) {
		u64 there = *(volatile u64 *)request_key(beside, i);
		u64 since_ns = *(volatile u64 *)request_seat(beside, i);

		if (there == SEAT_FREE || there == SEAT_TAKEN ||
		    syn_ns <= since_ns + REQUEST_NS_MAX)
			continue;
		request_leave(request_key(beside, i), there);
		if (request_keep_at(beside, i, request, syn_ns))
			return true;
	}
	return false;
}

static __always_inline void listen_name(struct listen_key *key, const struct sock *sk, bool typed)
{
	struct net *net = FIELD(sk, typed, __sk_common.skc_net.net);

	key->netns_cookie = FIELD(net, typed, net_cookie);
	key->family = FIELD(sk, typed, __sk_common.skc_family);
	key->local_port = FIELD(sk, typed, __sk_common.skc_num);
	if (key->family == AF_INET) {
		*(u32 *)key->local = FIELD(sk, typed, __sk_common.skc_rcv_saddr);
	} else {
		BPF_CORE_READ_INTO(&key->local, sk, __sk_common.skc_v6_rcv_saddr);
	}
}

static __always_inline struct listen_row *listen_row(u32 at)
{
	return at ? bpf_map_lookup_elem(&listen_rows, &at) : NULL;
}

static __always_inline bool listen_is(const struct listen_row *row, const struct listen_key *key)
{
	const u64 *a = (const void *)&row->key, *b = (const void *)key;
	u64 differs = 0;

	for (u32 i = 0; i < sizeof(*key) / sizeof(*b); i++)
		differs |= a[i] ^ b[i];
	return !differs;
}

/* Where the row of @key is, or 0. */
static __noinline u32 listen_find(const struct listen_key *key)
{
	u32 *found = bpf_map_lookup_elem(&listeners, key), at = 0;
	struct listen_row *row;

	if (found)
		return *found;
	if (listeners_nr < LISTENERS_MAX)
		at = __sync_fetch_and_add(&listeners_nr, 1) + 1;
	row = listen_row(at);
	if (row && !bpf_map_update_elem(&listeners, key, &at, BPF_NOEXIST)) {
		row->key = *key;
		return at;
	}
	/* Or another CPU was quicker: then that row stays nobody's. */
	found = row ? bpf_map_lookup_elem(&listeners, key) : NULL;
	if (found)
		return *found;
	tcp_lose(TCP_LOSS_LISTENERS);
	return 0;
}

SEC("tp_btf/tcp_retransmit_synack")
int BPF_PROG(retransmit_synack, const struct sock *sk)
{
	struct listen_key key = { 0 };
	struct listen_row *row;

	/* Fast Open's has the child here. */
	if (!open || !sk || sk->__sk_common.skc_state != STATE_LISTEN || !netns_selected(sk))
		return 0;
	listen_name(&key, sk, true);
	row = listen_row(listen_find(&key));
	if (row)
		__sync_fetch_and_add(&row->synack_retransmits, 1);
	return 0;
}

/* A SYN has come to a listener. */
static __always_inline int syn_begin(const struct sock *sk, const struct sk_buff *skb, bool typed)
{
	struct softirq *softirq = softirq_get();
	struct listen_key key = { 0 };
	struct listen_row *row;

	if (!softirq)
		return 0;
	if (softirq->cut.cookie)
		timewait_take_over(softirq, skb, typed);
	if (!netns_selected(sk)) {
		softirq->syn = SYN_NONE;
		return 0;
	}
	softirq->syn = passes_over() ? SYN_PASSED_OVER : SYN_FOLLOWED;
	if (softirq->syn == SYN_FOLLOWED)
		softirq->syn_ns = bpf_ktime_get_ns();
	listen_name(&key, sk, typed);
	/* Mostly it comes to where the CPU's last one came. */
	row = listen_row(softirq->listen_at);
	if (!row || !listen_is(row, &key)) {
		softirq->listen_at = listen_find(&key);
		row = listen_row(softirq->listen_at);
	}
	if (!row)
		return 0;
	__sync_fetch_and_add(&row->syns, 1);
	/* As sk_acceptq_is_full() has it. */
	if (FIELD(sk, typed, sk_ack_backlog) > FIELD(sk, typed, sk_max_ack_backlog))
		__sync_fetch_and_add(&row->full, 1);
	return 0;
}

FUNCTION(tcp_conn_request, syn_begin(sk, skb, typed), void *rsk_ops, void *af_ops,
	 struct sock *sk, struct sk_buff *skb)

/* And a request is made for it, before the SYN-ACK is sent. */
static __always_inline int request_begin(u64 pointer)
{
	struct softirq *softirq = softirq_get();
	struct listen_row *row;
	u64 request;

	if (!softirq)
		return 0;
	request = softirq_number(softirq, pointer);
	/* Whoever had that address before is gone. */
	request_take(request);
	/* Its SYN was not seen, see LOCKING in tcp.bpf.c, or is another namespace's. */
	if (softirq->syn == SYN_NONE)
		return 0;
	row = listen_row(softirq->listen_at);
	if (row)
		__sync_fetch_and_add(&row->kept, 1);
	if (softirq->syn == SYN_FOLLOWED && !request_keep(request, softirq->syn_ns))
		tcp_lose(TCP_LOSS_REQUESTS);
	softirq->syn = SYN_NONE;
	return 0;
}

FUNCTION(inet_csk_reqsk_queue_hash_add, request_begin((u64)req), void *sk, void *req)

/* When its first SYN-ACK was made; the kernel keeps microseconds. */
static __always_inline u64 request_synack_ns(void *request, bool typed)
{
	/* Of a listener of MPTCP it is none of TCP's, to that helper. */
	struct tcp_request_sock *of = typed ? bpf_skc_to_tcp_request_sock(request) : NULL;

	if (of)
		return of->snt_synack * 1000;
	return BPF_CORE_READ((struct tcp_request_sock *)request, snt_synack) * 1000;
}

/* The ACK has come, and made a child of it; unless another CPU did so before: @own is false. */
static __always_inline int request_end(const struct sock *child, void *request, bool own, bool typed)
{
	struct softirq *softirq = softirq_get();

	if (!softirq || !child || !own)
		return 0;
	softirq->child = (u64)child;
	/* Where its SYN came before the window, it is not known. */
	softirq->child_syn_ns = request_take(softirq_number(softirq, (u64)request));
	softirq->child_synack_ns = request_synack_ns(request, typed);
	return 0;
}

FUNCTION(inet_csk_complete_hashdance, request_end(child, req, own_req, typed), void *sk,
	 struct sock *child, struct request_sock *req, u8 own_req)

/* A request is given up. */
static __always_inline int request_drop(u64 pointer)
{
	struct softirq *softirq = softirq_get();

	if (softirq)
		request_take(softirq_number(softirq, pointer));
	return 0;
}

FUNCTION(inet_csk_reqsk_queue_drop, request_drop((u64)req), void *sk, void *req)

#endif /* IOREADY_LISTEN_H */
