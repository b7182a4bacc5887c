/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which threads a run asks about; bpf/filter.h does the asking. */
#ifndef IOREADY_FILTER_USER_H
#define IOREADY_FILTER_USER_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "abi.h"
#include "err.h"

/**
 * struct filter - which threads are asked about; all zero means all
 * @tgids: processes, @tgids_nr of them
 * @tids: threads, likewise
 * @comm: name of the process, all of it; empty for any
 * @cgroup_id: a cgroup and all below it; 0 for any
 * @cgroup_v1_subsys: index of the controller in the kernel for a v1 hierarchy,
 *	-1 for v2
 * @tree: only what descends from filter_follow()'s process
 *
 * All that are given must hold.
 */
struct filter {
	uint32_t tgids[FILTER_IDS_MAX];
	uint32_t tgids_nr;
	uint32_t tids[FILTER_IDS_MAX];
	uint32_t tids_nr;
	char comm[16];
	uint64_t cgroup_id;
	int cgroup_v1_subsys;
	bool tree;
};

/** filter_any() - whether anything is asked for */
static inline bool filter_any(const struct filter *filter)
{
	return filter->tgids_nr || filter->tids_nr || filter->comm[0] || filter->tree ||
	       filter->cgroup_id;
}

/**
 * filter_knobs() - set the knobs of bpf/filter.h
 * @knobs: the read-only data of a skeleton that is opened and not loaded; its type is
 *	the skeleton's own, so this is a macro
 * @filter: a pointer
 */
#define filter_knobs(knobs, filter)								\
	do {											\
		(knobs)->self_tgid = getpid();							\
		(knobs)->filter_any = filter_any(filter);					\
		(knobs)->filter_tgids_nr = (filter)->tgids_nr;					\
		memcpy((void *)(knobs)->filter_tgids, (filter)->tgids, sizeof((filter)->tgids));	\
		(knobs)->filter_tids_nr = (filter)->tids_nr;					\
		memcpy((void *)(knobs)->filter_tids, (filter)->tids, sizeof((filter)->tids));	\
		(knobs)->filter_comm_on = (filter)->comm[0];					\
		memcpy((void *)(knobs)->filter_comm, (filter)->comm, sizeof((filter)->comm));	\
		(knobs)->filter_tree = (filter)->tree;						\
		(knobs)->filter_cgroup_id = (filter)->cgroup_id;				\
		(knobs)->filter_cgroup_v1_subsys = (filter)->cgroup_v1_subsys;			\
	} while (0)

/**
 * filter_follow() - with @tree: trace this process and what it starts
 * @tree: fd of the map
 * @pid: a process that has not yet run what is to be traced
 *
 * Return: 0 or -errno.
 */
int filter_follow(int tree, pid_t pid, struct err *err);

#endif /* IOREADY_FILTER_USER_H */
