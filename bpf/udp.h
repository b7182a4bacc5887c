/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * udp.h - datagrams, with --udp: read by a program, dropped at a full receive buffer, spoilt.
 * A part of tcp.bpf.c, whose filters, ring and losses it shares.
 *
 * A wrong checksum is found at one of two times. A datagram of up to 76 bytes, or to a socket
 * with a filter, is looked at when it comes: the kernel drops it and says why, and only where
 * it was to go is known. A longer one is looked at when a program reads or polls: the kernel
 * raises the socket's own count of drops, in which it also has what found no room.
 *
 * LOCKING: there is none. Several CPUs may work on a socket at once, so they add to its
 * counters atomically.
 */
#ifndef IOREADY_UDP_H
#define IOREADY_UDP_H

#include "abi_udp.h"

#define IPPROTO_UDP 17
#define ENOMEM 12
#define MSG_PEEK 2		/* include/linux/socket.h */
#define MSG_ERRQUEUE 0x2000

/* UDP is asked for. */
const volatile bool udp_on;
/* kfree_skb passes the socket that it was for as its fourth argument since 6.11. */
const volatile bool kfree_has_sk;
/* Reads are seen by a kprobe, which cannot give a socket its cookie. */
const volatile bool udp_by_kprobe;

/*
 * Of what finds no room over IPv6 the tracepoint is not called before 6.5, and whether it is
 * cannot be seen before 6.10, when it got a third argument. Until then a function on the way
 * and kfree_skb tell it; or, without functions, sockets of IPv6 have no figure.
 */
const volatile bool udp_full_by_function;
const volatile bool udp_full_v4_only;

/* What was there at the beginning is in the table. */
__u32 udp_seeded;

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, UDP_SOCKETS_MAX);
	__type(key, u64);
	__type(value, struct udp_row);
} udp_sockets SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, UDP_PORTS_MAX);
	__type(key, struct udp_port);
	__type(value, struct udp_port_row);
} udp_ports SEC(".maps");

/*
 * struct udp_queued - what a CPU is putting into the queue of a socket
 * @skb: 0: nothing; or it is there, and may be another's by now
 * @drops: of the socket, before
 */
struct udp_queued {
	u64 skb;
	u64 sk;
	u64 drops;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct udp_queued);
} udp_queueds SEC(".maps");

static const struct udp_row blank_udp;

/* --- rows ------------------------------------------------------------------------ */

static __always_inline bool is_udp(const struct sock *sk)
{
	return BPF_CORE_READ(sk, sk_protocol) == IPPROTO_UDP;
}

static __always_inline u32 udp_drops(const struct sock *sk)
{
	struct numa_drop_counters *apart;

	/* Since 6.18 UDP counts them apart, by the CPU's node. */
	if (bpf_core_field_exists(sk->sk_drop_counters)) {
		apart = BPF_CORE_READ(sk, sk_drop_counters);
		if (apart)
			return BPF_CORE_READ(apart, drops0.counter) +
			       BPF_CORE_READ(apart, drops1.counter);
	}
	return BPF_CORE_READ(sk, sk_drops.counter);
}

static __always_inline struct udp_row *udp_find(const struct sock *sk, u64 cookie)
{
	u64 address = (u64)sk;
	struct udp_row *row = cookie ? bpf_map_lookup_elem(&udp_sockets, &cookie) : NULL;

	if (row || !udp_by_kprobe)
		return row;
	row = bpf_map_lookup_elem(&udp_sockets, &address);
	if (!row || !cookie)
		return row;
	/* Somebody has asked for its cookie meanwhile. */
	bpf_map_update_elem(&udp_sockets, &cookie, row, BPF_NOEXIST);
	bpf_map_delete_elem(&udp_sockets, &address);
	return bpf_map_lookup_elem(&udp_sockets, &cookie);
}

/* What may change as long as a socket lives. */
static __always_inline void udp_note(struct udp_row *row, const struct sock *sk)
{
	row->drops = udp_drops(sk);
	if (BPF_CORE_READ(sk, sk_filter) || BPF_CORE_READ((struct udp_sock *)sk, encap_type))
		row->flags |= UDP_FILTERED;
}

/* @now: how many of its drops are those of the event that is going on. */
static __always_inline struct udp_row *udp_new(const struct sock *sk, u64 cookie, u32 now)
{
	u16 local = BPF_CORE_READ(sk, __sk_common.skc_num);
	u16 remote = bpf_ntohs(BPF_CORE_READ(sk, __sk_common.skc_dport));
	u64 id = cookie ? cookie : (u64)sk;
	struct udp_row *row;

	if (!netns_selected(sk) || !ports_selected(local, remote))
		return NULL;
	/* Another CPU may be quicker; what it counts from now on stays. */
	bpf_map_update_elem(&udp_sockets, &id, &blank_udp, BPF_NOEXIST);
	row = bpf_map_lookup_elem(&udp_sockets, &id);
	if (!row) {
		tcp_lose(TCP_LOSS_DATAGRAMS);
		return NULL;
	}
	row->id = id;
	row->netns_cookie = BPF_CORE_READ(sk, __sk_common.skc_net.net, net_cookie);
	row->netns = BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
	row->family = BPF_CORE_READ(sk, __sk_common.skc_family);
	row->local_port = local;
	row->remote_port = remote;
	if (udp_full_v4_only && row->family == AF_INET6)
		row->flags |= UDP_VAGUE;
	/* One that comes later has dropped nothing before; the kernel's own are not listed. */
	if (!udp_seeded || !BPF_CORE_READ(sk, sk_socket, file))
		row->first_drops = udp_drops(sk) - now;
	udp_note(row, sk);
	return row;
}

static __always_inline void udp_owner(struct udp_row *row, struct task_struct *task)
{
	OWNER_NOTE(row, task);
	row->flags |= UDP_OWNED;
}

/* --- read ------------------------------------------------------------------------ */

static __always_inline int udp_received(const struct sock *sk, u64 cookie, u64 bytes)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct udp_row *row = udp_find(sk, cookie);
	bool is_selected = selected(task);

	if (!row && is_selected)
		row = udp_new(sk, cookie, 0);
	/* Nobody's stays, with what it has dropped: one who is asked about may read from it. */
	if (!row || (!(row->flags & UDP_OWNED) && !is_selected))
		return 0;
	if (!(row->flags & UDP_OWNED))
		udp_owner(row, task);
	__sync_fetch_and_add(&row->received, 1);
	__sync_fetch_and_add(&row->bytes, bytes);
	udp_note(row, sk);
	return 0;
}

/* Of every socket, since 6.3. */
SEC("tp_btf/sock_recv_length")
int BPF_PROG(udp_read, struct sock *sk, int ret, int flags)
{
	if (!open || sk->sk_protocol != IPPROTO_UDP || ret < 0 || flags & (MSG_PEEK | MSG_ERRQUEUE))
		return 0;
	return udp_received(sk, bpf_get_socket_cookie(sk), ret);
}

/* A look at a datagram passes its length as a negative number; whoever looks is not the last. */
static __always_inline bool udp_is_peek(const struct sk_buff *skb, int len)
{
	return len < 0 || (!len && BPF_CORE_READ(skb, users.refs.counter) > 1);
}

/* For kernels without that tracepoint. */
SEC("fentry/skb_consume_udp")
int BPF_PROG(fentry_skb_consume_udp, struct sock *sk, struct sk_buff *skb, int len)
{
	if (!open || sk->sk_protocol != IPPROTO_UDP || udp_is_peek(skb, len))
		return 0;
	return udp_received(sk, bpf_get_socket_cookie(sk), len);
}

SEC("kprobe/skb_consume_udp")
int BPF_KPROBE(kprobe_skb_consume_udp, struct sock *sk, struct sk_buff *skb, int len)
{
	if (!open || !is_udp(sk) || udp_is_peek(skb, len))
		return 0;
	return udp_received(sk, cookie_of(sk, false), len);
}

/* --- dropped ----------------------------------------------------------------------- */

enum udp_cause { UDP_FULL, UDP_MEMORY, UDP_REFUSED };

/* Counts a datagram that was dropped at a socket, which has counted it too. */
static __always_inline int udp_dropped(const struct sock *sk, u64 cookie, const enum udp_cause cause)
{
	struct udp_row *row = udp_find(sk, cookie);

	if (!row)
		row = udp_new(sk, cookie, 1);
	if (!row)
		return 0;
	udp_note(row, sk);
	__sync_fetch_and_add(cause == UDP_FULL ? &row->full :
			     cause == UDP_MEMORY ? &row->memory : &row->refused, 1);
	return 0;
}

SEC("tp_btf/udp_fail_queue_rcv_skb")
int BPF_PROG(udp_full, int rc, struct sock *sk)
{
	/* What memory is missing for is also dropped where this is not called, since 6.18. */
	if (!open || sk->sk_protocol != IPPROTO_UDP || (rc != -ENOMEM && kfree_has_sk))
		return 0;
	return udp_dropped(sk, bpf_get_socket_cookie(sk), rc == -ENOMEM ? UDP_FULL : UDP_MEMORY);
}

static __always_inline int udp_queue(u64 sk, u64 skb)
{
	u32 zero = 0;
	struct udp_queued *queued = bpf_map_lookup_elem(&udp_queueds, &zero);

	if (queued) {
		queued->sk = sk;
		queued->skb = skb;
		queued->drops = udp_drops((struct sock *)sk);
	}
	return 0;
}

SEC("fentry/__udp_enqueue_schedule_skb")
int BPF_PROG(fentry___udp_enqueue_schedule_skb, struct sock *sk, struct sk_buff *skb)
{
	if (!open)
		return 0;
	/* Whoever takes it from there cannot ask for it. */
	bpf_get_socket_cookie(sk);
	return udp_queue((u64)sk, (u64)skb);
}

SEC("kprobe/__udp_enqueue_schedule_skb")
int BPF_KPROBE(kprobe___udp_enqueue_schedule_skb, struct sock *sk, struct sk_buff *skb)
{
	return open ? udp_queue((u64)sk, (u64)skb) : 0;
}

/* The queue had no room for it. */
static __always_inline int udp_not_queued(u64 skb, bool memory)
{
	u32 zero = 0;
	struct udp_queued *queued = bpf_map_lookup_elem(&udp_queueds, &zero);
	struct sock *sk;

	if (!queued || queued->skb != skb)
		return 0;
	queued->skb = 0;
	sk = (struct sock *)queued->sk;
	/* Otherwise it had come into the queue, and this is another of the same address. */
	if (udp_drops(sk) == queued->drops)
		return 0;
	return is_udp(sk) ? udp_dropped(sk, cookie_of(sk, false), memory ? UDP_MEMORY : UDP_FULL) : 0;
}

/* --- spoilt ------------------------------------------------------------------------ */

static __always_inline int udp_spoilt(const struct sk_buff *skb)
{
	struct net_device *dev = BPF_CORE_READ(skb, dev);
	unsigned char *header = BPF_CORE_READ(skb, head) + BPF_CORE_READ(skb, transport_header);
	struct udp_port_row *row, new = { 0 };
	u16 ports[2] = { 0 };

	/*
	 * In a socket's queue a datagram has notes of UDP there, which are no kernel's address.
	 * What is dropped from there is in the socket's count; before 6.15 without this reason.
	 */
	if ((s64)dev >= 0)
		return 0;
	bpf_probe_read_kernel(ports, sizeof(ports), header);
	new.key.port = bpf_ntohs(ports[1]);
	new.key.netns_cookie = BPF_CORE_READ(dev, nd_net.net, net_cookie);
	new.key.netns = BPF_CORE_READ(dev, nd_net.net, ns.inum);
	if ((filter_netns && new.key.netns != filter_netns) ||
	    !ports_selected(new.key.port, bpf_ntohs(ports[0])))
		return 0;
	/* Another CPU may be quicker. */
	row = bpf_map_lookup_elem(&udp_ports, &new.key);
	if (!row) {
		bpf_map_update_elem(&udp_ports, &new.key, &new, BPF_NOEXIST);
		row = bpf_map_lookup_elem(&udp_ports, &new.key);
	}
	if (row)
		__sync_fetch_and_add(&row->spoilt, 1);
	else
		tcp_lose(TCP_LOSS_DATAGRAMS);
	return 0;
}

/*
 * A packet is dropped, of whatever protocol; the reason is told since 5.17. With a socket it
 * is one on its way into that.
 */
SEC("tp_btf/kfree_skb")
int BPF_PROG(packet_dropped, struct sk_buff *skb, void *location, u32 reason)
{
	struct sock *sk;
	bool memory, full;

	if (!open)
		return 0;
	if (reason == bpf_core_enum_value(enum skb_drop_reason, SKB_DROP_REASON_UDP_CSUM))
		return udp_spoilt(skb);
	memory = reason == bpf_core_enum_value(enum skb_drop_reason, SKB_DROP_REASON_PROTO_MEM);
	full = reason == bpf_core_enum_value(enum skb_drop_reason, SKB_DROP_REASON_SOCKET_RCVBUFF);
	if (udp_full_by_function && (memory || full))
		return udp_not_queued((u64)skb, memory);
	if (!kfree_has_sk || full)
		return 0;
	/*
	 * There may be none, which verifiers before 6.13 do not know: they leave the first
	 * question out, and the second finds no protocol.
	 */
	sk = (struct sock *)ctx[3];
	if (!sk || !is_udp(sk))
		return 0;
	return udp_dropped(sk, bpf_get_socket_cookie(sk), memory ? UDP_MEMORY : UDP_REFUSED);
}

/* --- the end ----------------------------------------------------------------------- */

/* A process closes it; of whatever family. */
static __always_inline int udp_end(const struct sock *sk)
{
	struct udp_row *row = is_udp(sk) ? udp_find(sk, cookie_of(sk, false)) : NULL;
	struct task_struct *task = bpf_get_current_task_btf();
	u64 cookie = cookie_of(sk, false), address = (u64)sk;
	struct udp_record *r;

	if (!row)
		return 0;
	/* Whoever never read from it has it at least now. */
	if (!(row->flags & UDP_OWNED) && selected(task))
		udp_owner(row, task);
	udp_note(row, sk);
	r = bpf_ringbuf_reserve(&ring, sizeof(*r), 0);
	if (r) {
		r->kind = TCP_RECORD_DATAGRAMS;
		r->size = sizeof(*r);
		__builtin_memcpy(&r->row, row, sizeof(r->row));
		bpf_ringbuf_submit(r, BPF_RB_NO_WAKEUP);
	} else {
		tcp_lose(TCP_LOSS_DATAGRAMS);
	}
	bpf_map_delete_elem(&udp_sockets, cookie ? &cookie : &address);
	return 0;
}

FUNCTION(sk_common_release, udp_end(sk), struct sock *sk)

/* --- what the iterator of tcp.bpf.c finds --------------------------------------------- */

/*
 * At the beginning all sockets are taken in, with what they have dropped so far, for one may
 * become that of somebody who is asked about.
 */
static __always_inline int udp_seed(struct sock *sk, struct task_struct *task)
{
	bool is_selected = selected(task);
	struct udp_row *row;
	u64 cookie;

	/* Nothing can have come to one that has no port; what comes now nobody counts. */
	if ((!is_selected && udp_seeded) || !sk->__sk_common.skc_num || (udp_seeded && !open))
		return 0;
	cookie = bpf_get_socket_cookie(sk);
	row = udp_find(sk, cookie);
	if (!row)
		row = udp_new(sk, cookie, 0);
	if (!row)
		return 0;
	if (is_selected && !(row->flags & UDP_OWNED))
		udp_owner(row, task);
	udp_note(row, sk);
	return 0;
}

#endif /* IOREADY_UDP_H */
