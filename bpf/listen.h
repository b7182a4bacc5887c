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

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, LISTENERS_MAX);
	__type(key, struct listen_key);
	__type(value, struct listen_row);
} listeners SEC(".maps");

/*
 * struct request_seat - when the SYN of a request came
 * @request: its address
 *
 * A request lives for a round trip.
 */
struct request_seat {
	u64 request;
	u64 syn_ns;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, REQUESTS_MAX / SEATS_BESIDE);
	__type(key, u32);
	__type(value, struct request_seat[SEATS_BESIDE]);
} requests SEC(".maps");

SEATS(request, requests, struct request_seat, request, sizeof(struct request_seat),
      REQUESTS_MAX / SEATS_BESIDE);

/*
 * Not every end of a request is seen: since 6.12 its timer gives it up within a static
 * function. By default it does so after 63 seconds, at the fifth SYN-ACK without an answer.
 */
#define REQUEST_NS_MAX 130000000000ULL

/* When the SYN of a request came, of which nothing is kept from now on; 0: not known. */
static __always_inline u64 request_take(u64 request)
{
	struct request_seat *seat = request_find(request);
	u64 syn_ns = seat ? seat->syn_ns : 0;

	if (seat)
		request_leave(seat, request);
	return syn_ns;
}

static __always_inline bool request_keep_at(struct request_seat *seat, u64 request, u64 syn_ns)
{
	if (!request_claim(seat))
		return false;
	seat->syn_ns = syn_ns;
	request_give(seat, request);
	return true;
}

/* False: there is no room for it. */
static __always_inline bool request_keep(u64 request, u64 syn_ns)
{
	void *beside = request_beside(request);

	for (u32 i = 0; beside && i < SEATS_BESIDE; i++)
		if (request_keep_at(request_seat(beside, i), request, syn_ns))
			return true;
	/* Or where one is that was given up unseen. */
	for (u32 i = 0; beside && i < SEATS_BESIDE; i++) {
		struct request_seat *seat = request_seat(beside, i);
		u64 there, since_ns;

		there = *(volatile u64 *)&seat->request;
		since_ns = *(volatile u64 *)&seat->syn_ns;
		if (there == SEAT_FREE || there == SEAT_TAKEN ||
		    syn_ns <= since_ns + REQUEST_NS_MAX)
			continue;
		request_leave(seat, there);
		if (request_keep_at(seat, request, syn_ns))
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
		/* The CPU's last listener may have been one of IPv6. */
		__builtin_memset(key->local, 0, sizeof(key->local));
		*(u32 *)key->local = FIELD(sk, typed, __sk_common.skc_rcv_saddr);
	} else {
		BPF_CORE_READ_INTO(&key->local, sk, __sk_common.skc_v6_rcv_saddr);
	}
}

static __always_inline struct listen_row *listen_get(const struct listen_key *key)
{
	struct listen_row *row = bpf_map_lookup_elem(&listeners, key), new = { 0 };

	if (row)
		return row;
	new.key = *key;
	/* Another CPU may be quicker. */
	bpf_map_update_elem(&listeners, &new.key, &new, BPF_NOEXIST);
	row = bpf_map_lookup_elem(&listeners, &new.key);
	if (!row)
		tcp_lose(TCP_LOSS_LISTENERS);
	return row;
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
	row = listen_get(&key);
	if (row)
		__sync_fetch_and_add(&row->synack_retransmits, 1);
	return 0;
}

/* A SYN has come to a listener. */
static __always_inline int syn_begin(const struct sock *sk, bool typed)
{
	struct softirq *softirq = softirq_get();
	struct listen_row *row;

	if (!softirq)
		return 0;
	if (!netns_selected(sk)) {
		softirq->syn_ns = 0;
		return 0;
	}
	softirq->syn_ns = bpf_ktime_get_ns();
	listen_name(&softirq->listener, sk, typed);
	row = listen_get(&softirq->listener);
	if (row)
		__sync_fetch_and_add(&row->syns, 1);
	return 0;
}

FUNCTION(tcp_conn_request, syn_begin(sk, typed), void *rsk_ops, void *af_ops, struct sock *sk)

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
	if (!softirq->syn_ns)
		return 0;
	row = listen_get(&softirq->listener);
	if (row)
		__sync_fetch_and_add(&row->kept, 1);
	if (!request_keep(request, softirq->syn_ns))
		tcp_lose(TCP_LOSS_REQUESTS);
	softirq->syn_ns = 0;
	return 0;
}

FUNCTION(inet_csk_reqsk_queue_hash_add, request_begin((u64)req), void *sk, void *req)

/* The ACK has come, and made a child of it; unless another CPU did so before: @own is false. */
static __always_inline int request_end(const struct sock *child, u64 pointer, bool own)
{
	struct softirq *softirq = softirq_get();

	if (!softirq || !child || !own)
		return 0;
	softirq->child = (u64)child;
	/* Where its SYN came before the window, it is not known. */
	softirq->child_syn_ns = request_take(softirq_number(softirq, pointer));
	softirq->child_synack_ns =
		BPF_CORE_READ((struct tcp_request_sock *)pointer, snt_synack) * 1000;
	return 0;
}

FUNCTION(inet_csk_complete_hashdance, request_end(child, (u64)req, own_req), void *sk,
	 struct sock *child, void *req, u8 own_req)

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
