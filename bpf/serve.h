/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * serve.h - the end of the chain: the first read, write or accept of a thread on the
 * file that woke it. With --items, what anybody in the run does to a file is seen
 * here, too.
 */
#ifndef IOREADY_SERVE_H
#define IOREADY_SERVE_H

#include "chain.h"
#include "file.h"

static __always_inline struct serve_row *serve_row(struct task_struct *task)
{
	struct serve_row *row;

	row = bpf_task_storage_get(&serves, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!row)
		lose(LOSS_CHAINS, 1);
	return row;
}

/* A call came back at @now, because a file had become ready. */
static __always_inline void serve_begin(struct thread *t, u64 now)
{
	t->serve_file = t->cause.file;
	t->serve_fd = t->cause.fd;
	t->serve_epfd = t->serve_fd < 0 ? -1 : t->epfd;
	t->serve_ns = now;
}

/* The thread waits again. */
static __always_inline void serve_end(struct task_struct *task, struct thread *t)
{
	struct serve_row *row;

	if (!t->serve_file)
		return;
	t->serve_file = 0;
	row = serve_row(task);
	if (row)
		row->unserved++;
	if (fd_chains_on)
		fd_chain_serve(t->serve_epfd, t->serve_fd, 0, 0);
}

static __always_inline void serve_count(struct task_struct *task, struct thread *t, s64 ret)
{
	struct serve_row *row = serve_row(task);
	u64 ns = bpf_ktime_get_ns() - t->serve_ns;

	t->serve_file = 0;
	if (!row)
		return;
	row->served++;
	row->nothing += ret == -EAGAIN;
	time_count(&row->sum_ns, &row->max_ns, row->histogram, ns);
	if (fd_chains_on)
		fd_chain_serve(t->serve_epfd, t->serve_fd, ret, ns);
}

/* The current task's read, write or accept on @fd came back with @ret. */
__noinline int io_return(u32 fd, s64 ret)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct file_row *row;
	struct thread *t;
	u64 file;

	if (!epoch || (items_on && !selected(task)))
		return 0;
	t = task->bpf_storage ? bpf_task_storage_get(&threads, task, 0, 0) : NULL;
	if (!items_on && (!t || !t->serve_file))
		return 0;
	file = file_of_fd(task, fd);
	row = items_on ? bpf_map_lookup_elem(&files, &file) : NULL;
	if (row)
		__sync_fetch_and_add(&row->touched, 1);
	if (t && t->serve_file && t->serve_file == file)
		serve_count(task, t, ret);
	return 0;
}

/* Where the return does not tell the fd, its entry is asked. */
static __always_inline int io_enter(u32 fd)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct file_row *row;
	struct thread *t;
	u64 file;

	t = task->bpf_storage ? bpf_task_storage_get(&threads, task, 0, 0) : NULL;
	if (t) {
		t->io_fd = fd;
		t->in_io = 1;
		return 0;
	}
	/* A thread that never waited only touches. */
	if (!epoch || !items_on || !selected(task))
		return 0;
	file = file_of_fd(task, fd);
	row = bpf_map_lookup_elem(&files, &file);
	if (row)
		__sync_fetch_and_add(&row->touched, 1);
	return 0;
}

static __always_inline int io_leave(s64 ret)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct thread *t;

	t = task->bpf_storage ? bpf_task_storage_get(&threads, task, 0, 0) : NULL;
	if (!t || !t->in_io)
		return 0;
	t->in_io = 0;
	return io_return(t->io_fd, ret);
}

#endif /* IOREADY_SERVE_H */
