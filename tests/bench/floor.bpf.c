// SPDX-License-Identifier: GPL-2.0-only
/*
 * floor.bpf.c - programs that do nothing, on the hooks that ioready stat uses:
 * what is measured with them is the price of the hooks, which no tool on them
 * can go below. One program on each hook, because a program on fentry belongs
 * to one function.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "abi.h"

char LICENSE[] SEC("license") = "GPL";

#if defined(__TARGET_ARCH_x86)
#define SYSCALL(name) "__x64_sys_" #name
#elif defined(__TARGET_ARCH_arm64)
#define SYSCALL(name) "__arm64_sys_" #name
#endif

#define NOTHING(name)		\
	int name(void *ctx)	\
	{			\
		return 0;	\
	}

#define X(name, mechanism)						\
	SEC("fentry/" SYSCALL(name)) NOTHING(fentry_##name)		\
	SEC("fexit/" SYSCALL(name)) NOTHING(fexit_##name)		\
	SEC("kprobe.multi") NOTHING(session_##name)			\
	SEC("tracepoint") NOTHING(enter_##name)				\
	SEC("tracepoint") NOTHING(exit_##name)
WAIT_FAMILY(X)
#undef X

SEC("fentry/schedule_hrtimeout_range") NOTHING(fentry_sleep)
SEC("fexit/schedule_hrtimeout_range") NOTHING(fexit_sleep)
SEC("tp_btf/sched_switch") NOTHING(switch_sleep)
SEC("tp_btf/sys_enter") NOTHING(raw_enter)
SEC("tp_btf/sys_exit") NOTHING(raw_exit)
