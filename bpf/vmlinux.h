/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The few kernel types that the programs read, with the few fields they read.
 *
 * Every struct is relocated by field name against the running kernel's BTF
 * (CO-RE), so neither the order nor the absence of the other fields matters;
 * what matters is that the names exist. The guests of `make check` load every
 * program on every kernel of the matrix and so hold this file to the truth.
 */
#ifndef IOREADY_VMLINUX_H
#define IOREADY_VMLINUX_H

#include <linux/types.h>
#include <linux/bpf.h>

typedef __u8 u8;
typedef __u16 u16;
typedef __s16 s16;
typedef __s32 s32;
typedef __u32 u32;
typedef __s64 s64;
typedef __u64 u64;
typedef _Bool bool;

#define true 1
#define false 0
#define NULL ((void *)0)

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

#if defined(__TARGET_ARCH_x86)
struct pt_regs {
	unsigned long di, si, dx, r10, r8, orig_ax;
};
#elif defined(__TARGET_ARCH_arm64)
struct user_pt_regs {
	__u64 regs[31];
};
struct pt_regs {
	struct user_pt_regs user_regs;
	s32 syscallno;
};
#endif

struct thread_info {
	unsigned long flags;
};

struct fdtable {
	unsigned int max_fds;
};

struct files_struct {
	struct fdtable *fdt;
};

struct kernfs_node {
	u64 id;
};

struct cgroup;

struct cgroup_subsys_state {
	struct cgroup *cgroup;
	struct cgroup_subsys_state *parent;
};

struct cgroup {
	struct cgroup_subsys_state self;
	struct kernfs_node *kn;
};

struct css_set {
	struct cgroup_subsys_state *subsys[16];
	struct cgroup *dfl_cgrp;
};

/* Only the poll() branch of the union; its names are unique in the struct. */
struct pollfd;
struct restart_block {
	struct {
		struct pollfd *ufds;
		int nfds;
	} poll;
};

struct task_struct {
	struct thread_info thread_info;
	unsigned int __state;
	unsigned long nvcsw;
	int pid;
	int tgid;
	u64 start_boottime;
	char comm[16];
	struct task_struct *group_leader;
	struct task_struct *real_parent;
	struct files_struct *files;
	struct css_set *cgroups;
	struct restart_block restart_block;
	void *bpf_storage;
};

struct seq_file;

struct bpf_iter_meta {
	struct seq_file *seq;
};

struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
};

#pragma clang attribute pop

/* The per-syscall tracepoints' records, as their `format` files give them. */
struct sys_enter_record {
	u64 common;
	s32 nr;
	u32 pad;
	u64 args[6];
};

struct sys_exit_record {
	u64 common;
	s32 nr;
	u32 pad;
	s64 ret;
};

#endif /* IOREADY_VMLINUX_H */
