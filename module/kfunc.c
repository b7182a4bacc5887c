// SPDX-License-Identifier: GPL-2.0-only
/*
 * kfunc.c - what of a file is ready now, for iterator programs.
 *
 * ->poll() without a wait queue is what select and poll call on their last look:
 * it adds no waiter and takes nothing away. It may sleep, and so may only be
 * called by sleepable programs (iter.s/task_file).
 *
 * LOCKING: none. The file is pinned while it is polled, by the iterator or here.
 */
#include "kfunc.h"

#include <linux/fdtable.h>
#include <linux/file.h>
#include <linux/module.h>
#include <linux/poll.h>

#include "compat.h"

__bpf_kfunc_start_defs();

#if IOREADY_KFUNC_TAKES_FD
/**
 * ioready_fd_ready() - what of another task's file is ready now
 * @task: whose
 * @fd: which
 *
 * Return: EPOLL events; EPOLLNVAL if the fd is not open. A file without ->poll()
 * is always ready to be read and written.
 */
__bpf_kfunc u32 ioready_fd_ready(struct task_struct *task, u32 fd)
{
	unsigned int found = fd;
	struct file *file = fget_task_next(task, &found);
	__poll_t ready = EPOLLNVAL;

	if (!file)
		return (__force u32)ready;
	if (found == fd)
		ready = vfs_poll(file, NULL);
	fput(file);
	return (__force u32)ready;
}
#else
/**
 * ioready_file_ready() - what of a file is ready now
 * @file: as the task_file iterator gives it
 *
 * The verifiers of these kernels let a program pass a pointer that it walked to
 * and that nobody pins; as with any such kfunc, that is for the program's author,
 * who has CAP_BPF and CAP_PERFMON, not to do.
 *
 * Return: EPOLL events; EPOLLNVAL for no file. A file without ->poll() is always
 * ready to be read and written.
 */
__bpf_kfunc u32 ioready_file_ready(struct file *file)
{
	if (!file)
		return (__force u32)EPOLLNVAL;
	return (__force u32)vfs_poll(file, NULL);
}
#endif

__bpf_kfunc_end_defs();

BTF_KFUNCS_START(kfunc_ids)
#if IOREADY_KFUNC_TAKES_FD
BTF_ID_FLAGS(func, ioready_fd_ready, KF_SLEEPABLE)
#else
BTF_ID_FLAGS(func, ioready_file_ready, KF_SLEEPABLE)
#endif
BTF_KFUNCS_END(kfunc_ids)

static const struct btf_kfunc_id_set kfunc_set = {
	.owner = THIS_MODULE,
	.set = &kfunc_ids,
};

int ioready_kfunc_init(void)
{
	return register_btf_kfunc_id_set(BPF_PROG_TYPE_TRACING, &kfunc_set);
}
