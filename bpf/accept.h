/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * accept.h - connections that a process accepts, and so owns. A part of tcp.bpf.c.
 *
 * LOCKING: there is none. Who accepts and who makes the connection ESTABLISHED may be on two
 * CPUs: see accepted().
 */
#ifndef IOREADY_ACCEPT_H
#define IOREADY_ACCEPT_H

/* Its ACK is still to come. */
static __always_inline void accepted_early(u64 sk, struct task_struct *task, u64 now)
{
	struct early early = { .accepted_ns = now };
	long err;

	if (selected(task))
		OWNER_NOTE(&early, task);
	/* Counted before it is there, so that it is never there uncounted. */
	__sync_fetch_and_add(&earlies_nr, 1);
	err = bpf_map_update_elem(&earlies, &sk, &early, BPF_NOEXIST);
	if (!err) {
		/* The barrier that accepted() counts on, between this and its look-up. */
		FULL_BARRIER(&earlies_nr);
		return;
	}
	__sync_fetch_and_sub(&earlies_nr, 1);
	/* Whoever had that address did not take his leave. */
	if (err != -EEXIST || bpf_map_update_elem(&earlies, &sk, &early, BPF_EXIST))
		tcp_lose(TCP_LOSS_TABLE);
}

static __always_inline bool is_syn_recv(const struct sock *sk, bool typed)
{
	return FIELD(sk, typed, __sk_common.skc_state) == STATE_SYN_RECV;
}

/* Whoever makes the row of a new connection has done so; nobody else writes it before. */
static __always_inline bool row_whole(const struct tcp_row *row)
{
	return row && row->state && row->state != STATE_SYN_RECV;
}

/* A process has accepted @sk. */
static __always_inline int accepted(const struct sock *sk, u64 now, bool typed)
{
	struct task_struct *task = bpf_get_current_task_btf();
	u64 cookie = cookie_of(sk, typed);
	struct tcp_row *row = row_by(cookie);
	bool is_early;

	if (!row_whole(row)) {
		/*
		 * By Fast Open; and another CPU may just make it ESTABLISHED. It makes the row
		 * whole and then looks who was early, this one does so the other way round: one
		 * of the two sees the other. The kernel changes its own state after the row's,
		 * so with that the row is whole.
		 */
		is_early = is_syn_recv(sk, typed) && netns_selected(sk);
		if (is_early)
			accepted_early((u64)sk, task, now);
		cookie = cookie_of(sk, typed);
		row = row_by(cookie);
		if (!row_whole(row)) {
			/* Its row has come and gone: it is not one that is asked about. */
			if (is_early && !is_syn_recv(sk, typed))
				early_forget((u64)sk);
			return 0;
		}
		early_forget((u64)sk);
	}
	if (!(row->flags & TCP_PASSIVE) || row->flags & TCP_OWNED)
		return 0;
	if (selected(task)) {
		row->accepted_ns = now;
		row_owner(row, task);
		if (row->established_ns)
			reach_count(&row->accept_reach, row->established_ns, now);
		return 0;
	}
	row_drop(cookie);
	return 0;
}

/* The same, of any socket. */
static __noinline int accepted_any(u64 address, u64 now)
{
	const struct sock *sk = (const struct sock *)address;

	/* What the peer began is its first subflow. */
	if (bpf_core_field_exists(((struct mptcp_sock *)0)->first) &&
	    BPF_CORE_READ(sk, sk_protocol) == IPPROTO_MPTCP)
		sk = BPF_CORE_READ((struct mptcp_sock *)sk, first);
	if (BPF_CORE_READ(sk, sk_protocol) != IPPROTO_TCP)
		return 0;
	return accepted(sk, now, false);
}

/*
 * Whoever calls accept(), or had called it already, is given a socket (sock_graft() in
 * inet_accept()), under the lock of that; of MPTCP's, not of its first subflow.
 */
static __always_inline int accepts(const struct sock *sk, bool typed)
{
	u64 now = bpf_ktime_get_ns();

	if (typed && sk->sk_protocol == IPPROTO_TCP)
		return accepted(sk, now, true);
	return accepted_any((u64)sk, now);
}

FUNCTION(security_sock_graft, accepts(sk, typed), struct sock *sk, void *parent)

/* The socket behind one of a task's fds, or NULL. */
static __always_inline struct sock *sock_of_fd(struct task_struct *task, u32 fd)
{
	struct fdtable *fdt = BPF_CORE_READ(task, files, fdt);
	struct file *file = NULL, **at = BPF_CORE_READ(fdt, fd);
	struct socket *socket;

	if (fd >= BPF_CORE_READ(fdt, max_fds) ||
	    bpf_probe_read_kernel(&file, sizeof(file), at + fd) || !file ||
	    (BPF_CORE_READ(file, f_inode, i_mode) & S_IFMT) != S_IFSOCK)
		return NULL;
	socket = BPF_CORE_READ(file, private_data);
	return BPF_CORE_READ(socket, sk);
}

SEC("tp/syscalls/sys_exit_accept4")
int exit_accept(struct sys_exit_record *ctx)
{
	struct sock *sk;

	if (!open || ctx->ret < 0)
		return 0;
	sk = sock_of_fd(bpf_get_current_task_btf(), ctx->ret);
	return sk ? accepted_any((u64)sk, bpf_ktime_get_ns()) : 0;
}

#endif /* IOREADY_ACCEPT_H */
