/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * listen.h - listeners, and the SYNs and requests of passive handshakes.
 * A part of tcp.bpf.c.
 *
 * LOCKING: there is none. What a CPU is at is its own, in the map softirqs; listeners are
 * shared, and added to atomically.
 */
#ifndef IOREADY_LISTEN_H
#define IOREADY_LISTEN_H

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, LISTENERS_MAX);
	__type(key, struct listen_key);
	__type(value, struct listen_row);
} listeners SEC(".maps");

/* When the SYN of a request came, by the request's address. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, REQUESTS_MAX);
	__type(key, u64);
	__type(value, u64);
} requests SEC(".maps");

static __always_inline void listen_name(struct listen_key *key, const struct sock *sk)
{
	key->netns_cookie = BPF_CORE_READ(sk, __sk_common.skc_net.net, net_cookie);
	key->family = BPF_CORE_READ(sk, __sk_common.skc_family);
	key->local_port = BPF_CORE_READ(sk, __sk_common.skc_num);
	if (key->family == AF_INET)
		BPF_CORE_READ_INTO((u32 *)key->local, sk, __sk_common.skc_rcv_saddr);
	else
		BPF_CORE_READ_INTO(&key->local, sk, __sk_common.skc_v6_rcv_saddr);
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
	listen_name(&key, sk);
	row = listen_get(&key);
	if (row)
		__sync_fetch_and_add(&row->synack_retransmits, 1);
	return 0;
}

/* A SYN has come to a listener. */
static __always_inline int syn_begin(const struct sock *sk)
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
	listen_name(&softirq->listener, sk);
	row = listen_get(&softirq->listener);
	if (row)
		__sync_fetch_and_add(&row->syns, 1);
	return 0;
}

FUNCTION(tcp_conn_request, syn_begin(sk), void *rsk_ops, void *af_ops, struct sock *sk)

/* And a request is made for it, before the SYN-ACK is sent. */
static __always_inline int request_begin(u64 request)
{
	struct softirq *softirq = softirq_get();
	struct listen_row *row;

	/* Its SYN was not seen, see LOCKING, or is another namespace's. */
	if (!softirq || !softirq->syn_ns) {
		bpf_map_delete_elem(&requests, &request);
		return 0;
	}
	row = listen_get(&softirq->listener);
	if (row)
		__sync_fetch_and_add(&row->kept, 1);
	if (bpf_map_update_elem(&requests, &request, &softirq->syn_ns, BPF_ANY))
		tcp_lose(TCP_LOSS_REQUESTS);
	softirq->syn_ns = 0;
	return 0;
}

FUNCTION(inet_csk_reqsk_queue_hash_add, request_begin((u64)req), void *sk, void *req)

/* The ACK has come, and made a child of it. */
static __always_inline int request_end(const struct sock *child, u64 request)
{
	struct softirq *softirq = softirq_get();
	u64 *syn_ns;

	if (!softirq || !child)
		return 0;
	syn_ns = bpf_map_lookup_elem(&requests, &request);
	softirq->child = (u64)child;
	/* Where its SYN came before the window, it is not known. */
	softirq->child_syn_ns = syn_ns ? *syn_ns : 0;
	softirq->child_synack_ns =
		BPF_CORE_READ((struct tcp_request_sock *)request, snt_synack) * 1000;
	bpf_map_delete_elem(&requests, &request);
	return 0;
}

FUNCTION(inet_csk_complete_hashdance, request_end(child, (u64)req), void *sk, struct sock *child,
	 void *req)

/* A request is given up. */
static __always_inline int request_drop(u64 request)
{
	bpf_map_delete_elem(&requests, &request);
	return 0;
}

FUNCTION(inet_csk_reqsk_queue_drop, request_drop((u64)req), void *sk, void *req)

#endif /* IOREADY_LISTEN_H */
