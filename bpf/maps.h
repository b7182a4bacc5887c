/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * maps.h - every map and every knob of the programs in wait.bpf.c, but for those of
 * filters (filter.h) and what is known of a thread (thread.h).
 *
 * Knobs that are `const volatile` are set before loading; the verifier then
 * sees constants and drops what they switch off, so that a filter which was
 * not asked for costs nothing.
 */
#ifndef IOREADY_MAPS_H
#define IOREADY_MAPS_H

#include "abi.h"
#include "thread.h"

/* --- knobs, fixed at load ------------------------------------------------ */

/* Returns are seen by hooks on the function, which miss a call begun before. */
const volatile bool calls_by_function;
/* sched_switch passes prev_state as its fourth argument since 5.18. */
const volatile bool switch_has_state;
/* Whether the chain from ready to returned is followed, and seen from its start. */
const volatile bool chain_on;
const volatile bool chain_sees_ready;
const volatile bool chain_by_kprobe;	/* from its start, but for LOSS_WAKES */
/* And to its end, the first read, write or accept. */
const volatile bool serve_on;
const volatile bool fd_chains_on;	/* for each fd, too */
/* Who was woken for which file, and what epoll items are asked for. */
const volatile bool herd_on;
const volatile bool herd_told;		/* each one by one, too */
const volatile bool items_on;
/* Whether any of chains, herds, items and events is on: one test where none is. */
const volatile bool extra_on;
/* Whether each call is told, and of which calls: all that are on must hold. */
const volatile bool event_on;
const volatile __u64 event_min_ns;	/* as long as this */
const volatile bool event_empty;	/* found nothing, or were woken for nothing */
const volatile bool event_failed;	/* failed */
/* bpf_loop() is there since 5.17. */
const volatile bool has_bpf_loop;

/* --- knobs that change while running ------------------------------------- */

/*
 * 0 while nothing is counted: hooks are put in place and taken away one by one,
 * the window opens and closes at once. Odd while every ->poll() function is
 * hooked too; a call is counted exactly when it saw the same odd number at entry
 * and at return.
 */
__u32 epoch;

/* --- maps ---------------------------------------------------------------- */

/* With --chain: the chains of a thread, and its turns. */
struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct chain_row);
} chains SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct turn_row);
} turns SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct serve_row);
} serves SEC(".maps");

/* With --chain-fds: the same by fd. Full once it is full: what is lost is counted. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, FD_CHAINS_MAX);
	__type(key, struct fd_chain_key);
	__type(value, struct fd_chain_row);
} fd_chains SEC(".maps");

/* With --chain: who woke whom. Full once it is full: what is lost is counted. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, WAKERS_MAX);
	__type(key, struct waker_key);
	__type(value, struct waker);
} wakers SEC(".maps");

/*
 * With --herd and --items: files by address, what came of waking whom for them, and
 * the epolls that the run waits on, by address, with their items. Full once they are full.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, FILES_MAX);
	__type(key, u64);
	__type(value, struct file_row);
} files SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, HERD_MAX);
	__type(key, struct herd_key);
	__type(value, struct herd_row);
} herd SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, FILES_MAX);
	__type(key, struct item_key);
	__type(value, struct item_row);
} items SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, HERD_MAX);
	__type(key, u64);
	__type(value, struct epoll_row);
} epolls SEC(".maps");

/*
 * The rows of a thread's other syscalls, a map for each: which one a program
 * uses is known when it is compiled, memory is spent only on what a thread
 * really calls, and a value fits a page.
 */
#define X(name, mechanism)					\
	struct {						\
		__uint(type, BPF_MAP_TYPE_TASK_STORAGE);	\
		__uint(map_flags, BPF_F_NO_PREALLOC);		\
		__type(key, int);				\
		__type(value, struct wait_row);			\
	} row_##name SEC(".maps");
WAIT_FAMILY(X)
#undef X

/* The rows of threads that end. Its size is an option of the collector's. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4 * 1024 * 1024);
} ring SEC(".maps");

/*
 * struct wake - the wake that a CPU is in, where a file has become ready
 * @ready_ns: since then
 * @depth: wakes within wakes, as of an epoll within an epoll; 0: in none
 * @file, @fd: what became ready: its address and, of an epoll item, its fd
 * @queue, @first: with --herd, of the readiness event that wakes are counted for: the
 *	wait queue that it goes through and the first waiter there; 0: in none
 * @event_file, @id, @event_ns: its file, by address and &file_row.id, and when
 * @counts: the waiter that is called now counts for it
 * @woken, @context, @tids: for &struct woken_record
 */
struct wake {
	u64 ready_ns;
	u64 depth;
	u64 file;
	u64 queue;
	u64 first;
	u64 event_file;
	u64 event_ns;
	u64 id;
	s32 fd;
	u32 counts;
	u32 woken;
	u32 context;
	u32 tids[WOKEN_MAX];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct wake);
} wakes SEC(".maps");

/* Calls, one by one. Apart from the rows, which it must not crowd out. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, LOSS_NR);
	__type(key, u32);
	__type(value, u64);
} losses SEC(".maps");

static __always_inline void lose(u32 reason, s64 n)
{
	u64 *count = bpf_map_lookup_elem(&losses, &reason);

	if (count)
		*count += n;
}

#endif /* IOREADY_MAPS_H */
