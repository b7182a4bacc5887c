/* SPDX-License-Identifier: GPL-2.0-only */
/* record.h - the head that every record has. */
#ifndef IOREADY_RECORD_H
#define IOREADY_RECORD_H

#include "abi.h"

/*
 * Once in a program: at each pointer that one follows, the verifier of 6.12 and later goes
 * through all types of the kernel some times, which makes the start slower.
 */
static __always_inline void record_fill(struct record *r, struct task_struct *task, u32 kind,
					u32 size)
{
	struct task_struct *leader = task->group_leader;

	r->kind = kind;
	r->size = size;
	r->tgid = task->tgid;
	r->tid = task->pid;
	r->start_ns = leader->start_boottime;
	r->thread_start_ns = task->start_boottime;
	bpf_probe_read_kernel(r->comm, sizeof(r->comm), leader->comm);
	bpf_probe_read_kernel(r->thread_comm, sizeof(r->thread_comm), task->comm);
}

#endif /* IOREADY_RECORD_H */
