// SPDX-License-Identifier: GPL-2.0-only
/*
 * files.bpf.c - what is behind the open fds of a process: an iterator, run by
 * user/files.c in its own time. It only reads; what is ready is asked of the
 * module's kfunc, which adds no waiter and takes nothing away.
 *
 * Locks are not taken: what is read of a queue is right as of some moment, and
 * reads of what has just gone fail or give a figure that is of no time. Two looks
 * are compared before anything is concluded.
 */
#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "abi.h"
#include "abi_tcp.h"

char LICENSE[] SEC("license") = "GPL";

#define S_IFMT 0170000
#define S_IFIFO 0010000
#define AF_UNIX 1
#define AF_INET 2
#define AF_INET6 10
#define SOCK_STREAM 1
#define IPPROTO_TCP 6
#define TCP_LISTEN 10
#define SOCK_DONE (1UL << 1)	/* include/net/sock.h, enum sock_flags: the peer's FIN has come */
#define DEFAULT_POLLMASK 0x145	/* IN, OUT, RDNORM, WRNORM: what the kernel takes then */
/*
 * The larger functions are global, and are given addresses as numbers, so that the
 * verifier looks at each once and not on every path that leads to it.
 */

/* How far queues and lists are followed; beyond it they are not told. */
#define QUEUE_MAX 64
#define ITEMS_MAX 256

/* Whose files, for kernels whose iterator goes over all (before 6.1); or 0. */
__u32 only_tgid;
/* The fds that are asked about, and those of them that are asked what is ready. */
__u64 tell[FILES_FD_MAX / 64];
__u64 ask[FILES_FD_MAX / 64];

/* The module's; which of the two it has depends on the kernel it was built for. */
extern u32 ioready_file_ready(struct file *file) __ksym __weak;
extern u32 ioready_fd_ready(struct task_struct *task, u32 fd) __ksym __weak;
extern struct task_struct *bpf_task_from_pid(s32 pid) __ksym __weak;
extern void bpf_task_release(struct task_struct *task) __ksym __weak;

/* --- sockets ------------------------------------------------------------------ */

/* Bytes in a receive queue of a unix socket; negative: not known. */
__noinline int unix_bytes(u64 sock)
{
	struct sock *sk = (struct sock *)sock;
	u64 end = (u64)&sk->sk_receive_queue;
	struct sk_buff *skb = BPF_CORE_READ(sk, sk_receive_queue.next);
	u32 n, bytes = 0, qlen = BPF_CORE_READ(sk, sk_receive_queue.qlen);

	for (n = 0; n < QUEUE_MAX && skb && (u64)skb != end; n++) {
		struct unix_skb_parms *parms = (void *)skb + bpf_core_field_offset(skb->cb);

		bytes += BPF_CORE_READ(skb, len);
		if (bpf_core_type_exists(struct unix_skb_parms))
			bytes -= BPF_CORE_READ(parms, consumed);
		skb = BPF_CORE_READ(skb, next);
	}
	return n == qlen ? (int)bytes : -1;
}

static __always_inline void unix_path(struct file_record *r, struct sock *sk)
{
	struct unix_sock *u = (struct unix_sock *)sk;
	struct unix_address *a = BPF_CORE_READ(u, addr);
	u32 size;

	/* A client has no name of its own: tell to whom it is connected. */
	if (!a) {
		u = (struct unix_sock *)BPF_CORE_READ(u, peer);
		a = u ? BPF_CORE_READ(u, addr) : NULL;
	}
	if (!a)
		return;
	size = BPF_CORE_READ(a, len) - 2;	/* less the family */
	if (size > FILE_PATH_MAX)
		return;
	bpf_probe_read_kernel(r->path, size, (void *)a + bpf_core_field_offset(a->name) + 2);
	r->path_size = size;
}

static __always_inline void tcp_queues(struct file_record *r, struct sock *sk)
{
	struct tcp_sock *tp = (struct tcp_sock *)sk;
	u32 copied = BPF_CORE_READ(tp, copied_seq), written = BPF_CORE_READ(tp, write_seq);
	s32 receive = BPF_CORE_READ(tp, rcv_nxt) - copied;
	s32 send = written - BPF_CORE_READ(tp, snd_una);
	u8 state = BPF_CORE_READ(sk, __sk_common.skc_state);

	/* SYNs and FINs have a number and no byte; negative: it was taken. */
	if (BPF_CORE_READ(sk, __sk_common.skc_flags) & SOCK_DONE)
		receive--;
	if (state == STATE_SYN_SENT || state == STATE_SYN_RECV || state == STATE_FIN_WAIT1 ||
	    state == STATE_CLOSING || state == STATE_LAST_ACK)
		send--;
	r->receive = receive > 0 ? receive : 0;
	r->send = send > 0 ? send : 0;
	r->taken = copied;
	r->put = written;
	r->known |= KNOWN_RECEIVE | KNOWN_SEND | KNOWN_TAKEN | KNOWN_PUT;
}

/*
 * The accept queue is served in order: as long as the same connection is at its
 * head, none was taken. Connections differ in the number they begin with.
 */
static __always_inline void tcp_listener(struct file_record *r, struct sock *sk)
{
	struct inet_connection_sock *icsk = (struct inet_connection_sock *)sk;
	struct tcp_request_sock *head;

	r->backlog = BPF_CORE_READ(sk, sk_ack_backlog);
	r->backlog_max = BPF_CORE_READ(sk, sk_max_ack_backlog);
	head = (struct tcp_request_sock *)BPF_CORE_READ(icsk, icsk_accept_queue.rskq_accept_head);
	r->taken = head ? BPF_CORE_READ(head, snt_isn) : 0;
	r->known |= KNOWN_BACKLOG | KNOWN_TAKEN;
}

__noinline int socket_tell(struct file_record *r, u64 sock)
{
	struct sock *sk = (struct sock *)sock;
	int bytes;

	if (!r || !sk)
		return 0;
	r->family = BPF_CORE_READ(sk, __sk_common.skc_family);
	r->state = BPF_CORE_READ(sk, __sk_common.skc_state);
	r->protocol = BPF_CORE_READ(sk, sk_protocol);
	r->known |= KNOWN_SOCKET;
	switch (r->family) {
	case AF_INET:
		BPF_CORE_READ_INTO((u32 *)r->local, sk, __sk_common.skc_rcv_saddr);
		BPF_CORE_READ_INTO((u32 *)r->remote, sk, __sk_common.skc_daddr);
		break;
	case AF_INET6:
		BPF_CORE_READ_INTO(&r->local, sk, __sk_common.skc_v6_rcv_saddr);
		BPF_CORE_READ_INTO(&r->remote, sk, __sk_common.skc_v6_daddr);
		break;
	case AF_UNIX:
		unix_path(r, sk);
		r->known |= KNOWN_ADDRESS;
		if (r->state == TCP_LISTEN) {
			r->backlog = BPF_CORE_READ(sk, sk_receive_queue.qlen);
			r->backlog_max = BPF_CORE_READ(sk, sk_max_ack_backlog);
			r->known |= KNOWN_BACKLOG;
			return 0;
		}
		bytes = unix_bytes((u64)sk);
		if (bytes >= 0) {
			r->receive = bytes;
			r->known |= KNOWN_RECEIVE;
		}
		return 0;
	}
	if (r->family == AF_INET || r->family == AF_INET6) {
		r->local_port = BPF_CORE_READ(sk, __sk_common.skc_num);
		r->remote_port = bpf_ntohs(BPF_CORE_READ(sk, __sk_common.skc_dport));
		r->known |= KNOWN_ADDRESS;
		if (r->protocol == IPPROTO_TCP && r->type == SOCK_STREAM) {
			if (r->state == TCP_LISTEN)
				tcp_listener(r, sk);
			else
				tcp_queues(r, sk);
			return 0;
		}
	}
	r->receive = BPF_CORE_READ(sk, sk_backlog.rmem_alloc.counter);
	/* The socket itself holds one. */
	r->send = BPF_CORE_READ(sk, sk_wmem_alloc.refs.counter) - 1;
	r->known |= KNOWN_MEMORY;
	return 0;
}

/* --- pipes ---------------------------------------------------------------------- */

__noinline int pipe_tell(struct file_record *r, u64 info)
{
	struct pipe_inode_info *pipe = (struct pipe_inode_info *)info;
	u32 head, tail, mask, bytes = 0, i;
	struct pipe_buffer *bufs, *b;

	if (!r || !pipe)
		return 0;
	head = BPF_CORE_READ(pipe, head);
	tail = BPF_CORE_READ(pipe, tail);
	mask = BPF_CORE_READ(pipe, ring_size) - 1;
	bufs = BPF_CORE_READ(pipe, bufs);
	for (i = 0; i < QUEUE_MAX && tail + i != head; i++) {
		b = (void *)bufs + ((tail + i) & mask) * bpf_core_type_size(struct pipe_buffer);
		bytes += BPF_CORE_READ(b, len);
	}
	if (tail + i == head) {
		r->receive = bytes;
		r->known |= KNOWN_RECEIVE;
	}
	/* A part of a buffer that is read moves its offset, the whole moves the tail. */
	b = (void *)bufs + (tail & mask) * bpf_core_type_size(struct pipe_buffer);
	r->taken = (u64)tail << 32 | BPF_CORE_READ(b, offset);
	/* Likewise where it is written: offset and length end where the data does. */
	b = (void *)bufs + ((head - 1) & mask) * bpf_core_type_size(struct pipe_buffer);
	r->put = (u64)head << 32 | (BPF_CORE_READ(b, offset) + BPF_CORE_READ(b, len));
	r->known |= KNOWN_TAKEN | KNOWN_PUT;
	return 0;
}

/* --- epoll ------------------------------------------------------------------------ */

static __always_inline bool item_queued(struct epitem *epi)
{
	u64 link = (u64)epi + bpf_core_field_offset(epi->rdllink);
	struct epitem___next *old = (void *)epi;
	struct epitem___ovflist *new = (void *)epi;

	if ((u64)BPF_CORE_READ(epi, rdllink.next) != link)
		return true;
	/* Or set aside while the list is handed out: -1 says that it is not. */
	if (bpf_core_field_exists(new->ovflist_next))
		return (s64)BPF_CORE_READ(new, ovflist_next) != -1;
	if (bpf_core_field_exists(old->next))
		return (s64)BPF_CORE_READ(old, next) != -1;
	return false;
}

/* Tells the epoll items of a file; returns whether these were all. */
static __noinline int items_tell(struct seq_file *seq, u32 fd, struct file *file)
{
	struct hlist_head *list = BPF_CORE_READ(file, f_ep);
	struct hlist_node *node = list ? BPF_CORE_READ(list, first) : NULL;
	struct item_record item = { .kind = FILE_RECORD_ITEM, .fd = fd };

	for (int i = 0; i < ITEMS_MAX; i++) {
		struct epitem *epi = NULL;

		if (!node)
			return 1;
		epi = (void *)node - bpf_core_field_offset(epi->fllink);
		/* It may go while it is looked at: then it is no item of this file. */
		if (BPF_CORE_READ(epi, ffd.file, f_ep) != list)
			return 0;
		item.item_fd = BPF_CORE_READ(epi, ffd.fd);
		item.epoll = (u64)BPF_CORE_READ(epi, ep);
		item.queued = item_queued(epi);
		bpf_seq_write(seq, &item, sizeof(item));
		node = BPF_CORE_READ(node, next);
	}
	return 0;
}

/* --- the iterator ------------------------------------------------------------------- */

static __always_inline bool listed(const u64 *fds, u32 fd)
{
	return fds[(fd / 64) & (FILES_FD_MAX / 64 - 1)] & 1UL << (fd & 63);
}

/*
 * Is this file asked about? Of one that is not, the epoll items are told all the
 * same: an item outlives the fd that it was registered under.
 */
static __always_inline bool wanted(struct bpf_iter__task_file *ctx, struct task_struct *task,
				   struct file *file)
{
	u32 fd = ctx->fd;

	if (only_tgid && task->tgid != only_tgid)
		return false;
	/* A thread may have a table of its own; the numbers asked about are the process's. */
	if (task->pid == task->tgid && fd < FILES_FD_MAX && listed(tell, fd))
		return true;
	items_tell(ctx->meta->seq, fd, file);
	return false;
}

static __always_inline void file_tell(struct file_record *r, struct file *file, u32 fd)
{
	struct inode *inode = file->f_inode;
	struct socket *socket;

	r->kind = FILE_RECORD_FILE;
	r->fd = fd;
	r->ino = inode->i_ino;
	r->dev = inode->i_sb->s_dev;
	r->epoll = (u64)file->private_data;
	r->known = KNOWN_INODE;
	if (!file->f_op->poll) {
		r->ready = DEFAULT_POLLMASK;
		r->known |= KNOWN_NO_POLL;
	}
	socket = bpf_sock_from_file(file);
	if (socket) {
		r->type = BPF_CORE_READ(socket, type);
		socket_tell(r, (u64)BPF_CORE_READ(socket, sk));
	} else if ((inode->i_mode & S_IFMT) == S_IFIFO) {
		pipe_tell(r, (u64)BPF_CORE_READ(inode, i_pipe));
	}
}

/*
 * The ready list after readiness: what becomes ready in between is then queued as
 * well, and not taken for an edge that was consumed.
 */
static __always_inline int file_write(struct bpf_iter__task_file *ctx, struct file_record *r,
				      struct file *file)
{
	if (items_tell(ctx->meta->seq, r->fd, file))
		r->known |= KNOWN_ITEMS;
	bpf_seq_write(ctx->meta->seq, r, sizeof(*r));
	return 0;
}

SEC("iter/task_file")
int files_plain(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	struct file_record r = {};

	if (!task || !file || !wanted(ctx, task, file))
		return 0;
	file_tell(&r, file, ctx->fd);
	return file_write(ctx, &r, file);
}

/* With a module built for a kernel before 7.0. */
SEC("iter.s/task_file")
int files_by_file(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	struct file_record r = {};

	if (!task || !file || !wanted(ctx, task, file))
		return 0;
	file_tell(&r, file, ctx->fd);
	if (listed(ask, ctx->fd)) {
		r.ready = ioready_file_ready(file);
		r.known |= KNOWN_READY;
	}
	return file_write(ctx, &r, file);
}

/* With one for 7.0 or later, where the kfunc wants a task that is held. */
SEC("iter.s/task_file")
int files_by_fd(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task, *held;
	struct file *file = ctx->file;
	struct file_record r = {};

	if (!task || !file || !wanted(ctx, task, file))
		return 0;
	file_tell(&r, file, ctx->fd);
	if (listed(ask, ctx->fd)) {
		held = bpf_task_from_pid(task->pid);
		if (held) {
			r.ready = ioready_fd_ready(held, ctx->fd);
			r.known |= KNOWN_READY;
			bpf_task_release(held);
		}
	}
	return file_write(ctx, &r, file);
}
