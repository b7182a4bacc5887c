/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * filter.h - which threads a run asks about: see user/filter.h, which sets the knobs.
 *
 * They are fixed before loading; the verifier then sees constants and drops what they
 * switch off, so that a filter which was not asked for costs nothing.
 */
#ifndef IOREADY_FILTER_H
#define IOREADY_FILTER_H

#include "abi.h"

/* Our own process: ioready waits too, and must not show up in its figures. */
const volatile __u32 self_tgid;

/* Whether any of the filters below is on: one test where there is none. */
const volatile bool filter_any;
const volatile __u32 filter_tgids_nr;
const volatile __u32 filter_tgids[FILTER_IDS_MAX];
const volatile __u32 filter_tids_nr;
const volatile __u32 filter_tids[FILTER_IDS_MAX];
const volatile bool filter_comm_on;
const volatile char filter_comm[16];
/* Only what descends from the command that was started (see map tree). */
const volatile bool filter_tree;
/*
 * A cgroup and all below it, by its id; v1 hierarchies are told by the index of
 * their controller, v2 by -1.
 */
const volatile __u64 filter_cgroup_id;
const volatile __s32 filter_cgroup_v1_subsys = -1;

/* Threads that descend from the command that the run started. */
struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, u32);
} tree SEC(".maps");

/* New threads of the traced command that could not be marked as its own. */
__u64 not_followed;

static __always_inline bool cgroup_selected(struct task_struct *task)
{
	struct cgroup_subsys_state *css;

	if (filter_cgroup_v1_subsys >= 0)
		css = task->cgroups->subsys[filter_cgroup_v1_subsys & 15];
	else
		css = &task->cgroups->dfl_cgrp->self;

	/* The kernel's own limit of nesting is a knob; nobody nests deeper. */
	for (int i = 0; i < 32 && css; i++, css = css->parent)
		if (css->cgroup->kn->id == filter_cgroup_id)
			return true;
	return false;
}

/*
 * A new thread is marked when it is forked. Where the kernel skipped that hook
 * (see losses.nested), it is known by its process or its parent.
 */
static __always_inline bool in_tree(struct task_struct *task)
{
	if (bpf_task_storage_get(&tree, task, 0, 0))
		return true;
	if (!bpf_task_storage_get(&tree, task->group_leader, 0, 0) &&
	    !bpf_task_storage_get(&tree, task->real_parent, 0, 0))
		return false;
	if (!bpf_task_storage_get(&tree, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE))
		__sync_fetch_and_add(&not_followed, 1);
	return true;
}

/**
 * selected() - is this task one that the run asks about?
 *
 * Asked at each call, not once a thread: names and cgroups change. A filter
 * that was not asked for is not in the loaded program at all.
 */
static __always_inline bool selected(struct task_struct *task)
{
	u32 tgid = task->tgid;

	if (tgid == self_tgid)
		return false;
	if (!filter_any)
		return true;
	if (filter_tgids_nr) {
		bool found = false;

		for (u32 i = 0; i < FILTER_IDS_MAX; i++)
			if (i < filter_tgids_nr && filter_tgids[i] == tgid)
				found = true;
		if (!found)
			return false;
	}
	if (filter_tids_nr) {
		bool found = false;

		for (u32 i = 0; i < FILTER_IDS_MAX; i++)
			if (i < filter_tids_nr && filter_tids[i] == (u32)task->pid)
				found = true;
		if (!found)
			return false;
	}
	if (filter_comm_on) {
		char comm[16];

		if (bpf_probe_read_kernel(comm, sizeof(comm), task->group_leader->comm))
			return false;
		for (int i = 0; i < 16; i++) {
			if (comm[i] != filter_comm[i])
				return false;
			if (!comm[i])
				break;
		}
	}
	if (filter_cgroup_id && !cgroup_selected(task))
		return false;
	return !filter_tree || in_tree(task);
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(fork_tree, struct task_struct *parent, struct task_struct *child)
{
	if (bpf_task_storage_get(&tree, parent, 0, 0) &&
	    !bpf_task_storage_get(&tree, child, 0, BPF_LOCAL_STORAGE_GET_F_CREATE))
		__sync_fetch_and_add(&not_followed, 1);
	return 0;
}

#endif /* IOREADY_FILTER_H */
