/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the running kernel allows, found by asking it and never by comparing
 * version numbers, and the plan of hooks that follows from it.
 */
#ifndef IOREADY_KERNEL_H
#define IOREADY_KERNEL_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "text.h"

/**
 * struct kernel - one look at the running kernel; read-only once opened
 * @release: uname -r
 * @machine: uname -m
 * @host: uname -n, printable
 * @cpus: possible CPUs, what per-CPU maps are multiplied by
 * @types: it tells its types, which types_get() has
 * @lockdown: "none", "integrity", "confidentiality"; empty if it cannot be read
 * @initial_pids: this is the initial PID namespace, whose ids programs of BPF see
 * @may_bpf: CAP_BPF and CAP_PERFMON (or CAP_SYS_ADMIN) are held
 * @task_storage: programs of tracepoints may use task storage (5.11)
 * @fentry: programs may be attached to functions; @fentry_error says why not
 * @kprobe: type of the kprobe PMU, 0 where there is none
 * @kprobe_multi: many kprobes in one attachment (5.18 with CONFIG_FPROBE)
 * @kprobe_session: one program for entry and return of a function, which the
 *	kernel never skips and never runs out of room for (6.14)
 * @preempt: where the kernel preempts: "none", "voluntary", "full", "lazy"; ""
 *	where it does not tell
 * @syscall_tracepoints: per-syscall tracepoints exist; @tracefs is open
 * @bpf_loop: the helper exists (5.17)
 * @switch_has_state: sched_switch carries prev_state (5.18)
 * @fentry_error: -errno of the attempt, 0 if it worked
 * @tracefs: directory fd of tracefs, mounted for us alone if need be; or -1
 */
struct kernel {
	char release[65];
	char machine[65];
	char host[TEXT_CLEAN(HOST_NAME_MAX)];
	int cpus;
	bool types;
	char lockdown[16];
	bool initial_pids;
	bool may_bpf;
	bool task_storage;
	bool fentry;
	int kprobe;
	bool kprobe_multi;
	bool kprobe_session;
	char preempt[16];
	bool syscall_tracepoints;
	bool switch_has_state;
	bool bpf_loop;
	int fentry_error;
	int tracefs;
};

enum tier {
	TIER_AUTO,
	TIER_FENTRY,
	TIER_KPROBE,
	TIER_TRACEPOINT,
};

enum call_hook { CALL_FENTRY, CALL_SESSION, CALL_TRACEPOINT };
enum sleep_hook { SLEEP_FENTRY, SLEEP_SWITCH };
enum scan_hook { SCAN_NONE, SCAN_MULTI, SCAN_KPROBE };
enum wake_hook { WAKE_FENTRY, WAKE_KPROBE, WAKE_WAKING };

/**
 * struct plan - the hook chosen for each subject
 * @tier: the best tier that the plan as a whole has; never TIER_AUTO
 */
struct plan {
	enum tier tier;
	enum call_hook call;
	enum sleep_hook sleep;
	enum scan_hook scan;
	enum wake_hook wake;	/* WAKE_WAKING does not see what became ready */
};

/**
 * kernel_open() - look at the running kernel
 * @kernel: filled; close with kernel_close() also after a failure
 * @err: the message
 *
 * A kernel that lacks something is no failure here: `doctor` wants to say so.
 * Ask kernel_check() before tracing.
 *
 * Return: 0, or -errno if not even the look was possible.
 */
int kernel_open(struct kernel *kernel, struct err *err);

/**
 * kernel_check() - can anything be traced here?
 *
 * Return: 0, or -EPERM or -EOPNOTSUPP and one sentence of what is missing and
 * what to do.
 */
int kernel_check(const struct kernel *kernel, struct err *err);

/**
 * kernel_tells_context() - whether programs can see what a CPU is in
 *
 * Its preemption count has a type on every kernel, but an address only with
 * CONFIG_KALLSYMS_ALL. Looking for it reads all symbols: some ten milliseconds.
 */
bool kernel_tells_context(void);

/**
 * kernel_function() - the name that the compiler gave a function
 * @function: as in the source; the kernel's may end in ".isra.0" or the like
 * @name: filled, @size bytes
 *
 * Return: 0, or -ENOENT: it was inlined, or is not there.
 */
int kernel_function(const char *function, char *name, size_t size);

/**
 * kernel_plan() - choose hooks
 * @kernel: checked
 * @tier: TIER_AUTO for the best, or the one to be forced
 * @plan: the choice
 * @err: the message
 *
 * Return: 0, or -EOPNOTSUPP if the forced tier cannot be had here.
 */
int kernel_plan(const struct kernel *kernel, enum tier tier, struct plan *plan, struct err *err);

/* BPF_TRACE_KPROBE_SESSION, which the headers that we are built with may not know. */
#define KPROBE_SESSION 56

/**
 * kernel_session_attach() - put a kprobe.session program on a function
 * @prog: fd of a program loaded with KPROBE_SESSION
 * @function: its name
 *
 * What libbpf does since 1.5.
 *
 * Return: the fd of the link, or -errno.
 */
int kernel_session_attach(int prog, const char *function);

/**
 * kernel_poll_functions() - every function that may be some file's ->poll()
 * @functions: set to a vector of their names, in order and each once; to be
 *	freed by kernel_poll_functions_free()
 * @err: the message
 *
 * All functions with the prototype of file_operations.poll in the BTF of the
 * kernel and of the modules that are loaded now, so that a driver's own is
 * among them.
 *
 * Return: their number, or -errno.
 */
int kernel_poll_functions(char ***functions, struct err *err);

void kernel_poll_functions_free(char **functions, int nr);

/**
 * kernel_tracepoint_id() - the number by which perf_event_open() knows one
 * @kernel: opened
 * @category: as "syscalls"
 * @name: as "sys_enter_poll"
 *
 * Return: the number, or -errno.
 */
int kernel_tracepoint_id(const struct kernel *kernel, const char *category, const char *name);

/**
 * kernel_tracepoint_args() - how many arguments a tracepoint passes to tp_btf programs
 *
 * Return: their number, or -errno: this kernel has no such tracepoint.
 */
int kernel_tracepoint_args(const char *name);

const char *tier_name(enum tier tier);
int tier_parse(const char *name, enum tier *tier, struct err *err);

void kernel_close(struct kernel *kernel);

#endif /* IOREADY_KERNEL_H */
