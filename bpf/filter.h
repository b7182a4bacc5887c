/* SPDX-License-Identifier: GPL-2.0-only */
/* filter.h - which threads a run asks about: see struct filter of the collector. */
#ifndef IOREADY_FILTER_H
#define IOREADY_FILTER_H

#include "maps.h"

static __always_inline void lose(u32 reason, s64 n)
{
	u64 *count = bpf_map_lookup_elem(&losses, &reason);

	if (count)
		*count += n;
}

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
		lose(LOSS_NOT_FOLLOWED, 1);
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

#endif /* IOREADY_FILTER_H */
