/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * chain.h - the chain from ready to returned: a file becomes ready and wakes who
 * waits for it (herd.h), a thread in a wait call is made runnable within that wake
 * (chain_wake()), it runs again (sleep_end() of call.h), its call comes back
 * (chain_count()), it takes what was there (serve.h), and it works until it waits
 * again (turn_end()).
 */
#ifndef IOREADY_CHAIN_H
#define IOREADY_CHAIN_H

#include "buckets.h"
#include "filter.h"
#include "herd.h"
#include "maps.h"

/* include/linux/preempt.h; the counter moved into a struct with 6.2, and back. */
#define SOFTIRQ_OFFSET 0x00000100
#define HARDIRQ_MASK 0x000f0000
#define NMI_MASK 0x00f00000
extern const int __preempt_count __ksym __weak;
extern const struct pcpu_hot pcpu_hot __ksym __weak;

static __always_inline u32 wake_context(void)
{
	u32 count = 0;

	if (&__preempt_count)
		count = *(const int *)bpf_this_cpu_ptr(&__preempt_count);
	else if (&pcpu_hot)
		count = ((const struct pcpu_hot *)bpf_this_cpu_ptr(&pcpu_hot))->preempt_count;
	else
		return CONTEXT_UNKNOWN;
	return count & (HARDIRQ_MASK | NMI_MASK) ? CONTEXT_HARDIRQ :
	       count & SOFTIRQ_OFFSET		 ? CONTEXT_SOFTIRQ :
						   CONTEXT_PROCESS;
}

/*
 * Whether this CPU is in a kprobe, or in a program of one or of a tracepoint. What
 * interrupts it there runs without kprobes: kernel/kprobes.c passes over them
 * (kprobe_running()), and so does trace_call_bpf() over their programs.
 */
extern struct kprobe *const current_kprobe __ksym __weak;
extern const int bpf_prog_active __ksym __weak;

static __always_inline bool kprobes_skipped(void)
{
	return (&current_kprobe && *(void *const *)bpf_this_cpu_ptr(&current_kprobe)) ||
	       (&bpf_prog_active && *(const int *)bpf_this_cpu_ptr(&bpf_prog_active));
}

#define EAGAIN 11

static __always_inline void waker_count(struct task_struct *woken, const bool sees_context)
{
	struct task_struct *by = bpf_get_current_task_btf();
	struct waker_key key = {
		.woken_start_ns = woken->group_leader->start_boottime,
		.waker_start_ns = by->group_leader->start_boottime,
		.woken = woken->tgid,
		.waker = by->tgid,
		.context = sees_context ? wake_context() : CONTEXT_UNKNOWN,
	};
	struct waker *w = bpf_map_lookup_elem(&wakers, &key), new = { .wakes = 1 };

	if (!w) {
		bpf_probe_read_kernel(new.comm, sizeof(new.comm), by->group_leader->comm);
		if (!bpf_map_update_elem(&wakers, &key, &new, BPF_NOEXIST))
			return;
		/* Another CPU may have been quicker. */
		w = bpf_map_lookup_elem(&wakers, &key);
	}
	if (w)
		__sync_fetch_and_add(&w->wakes, 1);
	else
		lose(LOSS_WAKERS, 1);
}

/* @task, asleep in a call, is made runnable: by what, the CPU's wake tells. */
static __always_inline int chain_wake(struct task_struct *task, const bool sees_context)
{
	struct thread *t;
	struct wake *w;
	struct call *c;

	if (!epoch || !task->bpf_storage)
		return 0;
	t = bpf_task_storage_get(&threads, task, 0, 0);
	if (!t || !t->call.slept_ns || t->call.woken_ns)
		return 0;
	c = &t->call;
	w = wake_here();
	if (!chain_sees_ready)
		c->woken_ns = c->ready_ns = bpf_ktime_get_ns();
	else if (w && w->depth) {
		c->ready_ns = w->ready_ns;
		c->woken_ns = bpf_ktime_get_ns();
	} else {
		if (sees_context && chain_by_kprobe && kprobes_skipped())
			lose(LOSS_WAKES, 1);
		return 0;
	}
	if (chain_on)
		waker_count(task, sees_context);
	if (chain_sees_ready && w) {
		t->cause.file = w->file;
		t->cause.fd = w->fd;
		if (herd_on && w->counts) {
			t->cause.event_file = w->event_file;
			t->cause.event_id = w->id;
			if (w->woken < WOKEN_MAX)
				w->tids[w->woken] = task->pid;
			w->woken++;
			w->context = sees_context ? wake_context() : CONTEXT_UNKNOWN;
			herd_count(task, &t->cause, HERD_WOKEN);
		}
	}
	return 0;
}

static __always_inline void time_count(u64 *sum, u64 *max, u32 *histogram, u64 ns)
{
	u32 index = histogram_index(ns);

	*sum += ns;
	if (ns > *max)
		*max = ns;
	/* The compiler knows that it fits; the verifier wants it tested. */
	barrier_var(index);
	if (index < HISTOGRAM_BUCKETS) {
		if (histogram[index] != ~0U)
			histogram[index]++;
		else
			lose(LOSS_HISTOGRAM, 1);
	}
}

static __always_inline void chain_part(struct chain_row *row, const u32 part, u64 ns)
{
	time_count(&row->sum_ns[part], &row->max_ns[part], row->histogram[part], ns);
}

/* A row that nothing is in; too large for a stack. */
const volatile struct fd_chain_row fd_chain_none;

static __always_inline struct fd_chain_row *fd_chain_get(struct task_struct *task, s32 epfd,
							  s32 fd)
{
	struct fd_chain_key key = {
		.start_ns = task->group_leader->start_boottime,
		.tgid = task->tgid, .epfd = epfd, .fd = fd,
	};
	struct fd_chain_row *row = bpf_map_lookup_elem(&fd_chains, &key);

	if (row)
		return row;
	bpf_map_update_elem(&fd_chains, &key, (void *)&fd_chain_none, BPF_NOEXIST);
	row = bpf_map_lookup_elem(&fd_chains, &key);
	if (!row) {
		lose(LOSS_FILES, 1);
		return NULL;
	}
	row->start_ns = key.start_ns;
	row->tgid = key.tgid;
	row->epfd = epfd;
	row->fd = fd;
	return row;
}

/* As chain_part(), but other threads may count here too. */
static __always_inline void fd_chain_part(struct fd_chain_row *row, const u32 part, u64 ns)
{
	u32 index = histogram_index(ns);

	__sync_fetch_and_add(&row->sum_ns[part], ns);
	if (ns > row->max_ns[part])
		row->max_ns[part] = ns;
	barrier_var(index);
	if (index < HISTOGRAM_BUCKETS)
		__sync_fetch_and_add(&row->histogram[part][index], 1);
}

__noinline int fd_chain_count(s32 epfd, s32 fd, u64 woken_ns, u64 running_ns, u64 returned_ns)
{
	struct fd_chain_row *row = fd_chain_get(bpf_get_current_task_btf(), epfd, fd);

	if (!row)
		return 0;
	__sync_fetch_and_add(&row->calls, 1);
	fd_chain_part(row, CHAIN_WOKEN, woken_ns);
	fd_chain_part(row, CHAIN_RUNNING, running_ns);
	fd_chain_part(row, CHAIN_RETURNED, returned_ns);
	return 0;
}

/* What became of it: @ret is that of the read, write or accept; @ns 0: there was none. */
__noinline int fd_chain_serve(s32 epfd, s32 fd, s64 ret, u64 ns)
{
	struct fd_chain_row *row = fd_chain_get(bpf_get_current_task_btf(), epfd, fd);

	if (!row)
		return 0;
	if (!ns) {
		__sync_fetch_and_add(&row->unserved, 1);
		return 0;
	}
	__sync_fetch_and_add(&row->served, 1);
	if (ret == -EAGAIN)
		__sync_fetch_and_add(&row->nothing, 1);
	fd_chain_part(row, CHAIN_NR, ns);
	return 0;
}

/*
 * Counts the chain of a call that came back at @now with something. Without a
 * wake in its last sleep there is none: what it found was ready before.
 */
static __always_inline void chain_count(struct task_struct *task, const struct thread *t, u64 now)
{
	const struct call *c = &t->call;
	struct chain_row *row;
	s32 fd = t->cause.fd;

	if (!c->woken_ns || c->ran_ns < c->woken_ns || now < c->ran_ns)
		return;
	row = bpf_task_storage_get(&chains, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!row) {
		lose(LOSS_CHAINS, 1);
		return;
	}
	row->calls++;
	chain_part(row, CHAIN_WOKEN, c->woken_ns - c->ready_ns);
	chain_part(row, CHAIN_RUNNING, c->ran_ns - c->woken_ns);
	chain_part(row, CHAIN_RETURNED, now - c->ran_ns);
	if (fd_chains_on)
		fd_chain_count(fd < 0 ? -1 : t->epfd, fd, c->woken_ns - c->ready_ns,
			       c->ran_ns - c->woken_ns, now - c->ran_ns);
}

/* A call returned at @now: from here on the thread works. */
static __always_inline void turn_begin(struct task_struct *task, struct thread *t, u64 now)
{
	t->returned_ns = now;
	t->switches[0] = task->nvcsw;
	t->switches[1] = task->nivcsw;
}

/* The thread waits again, from @now on: what it did since its last call is work. */
static __always_inline void turn_end(struct task_struct *task, struct thread *t, u64 now)
{
	struct turn_row *row;

	if (!t->returned_ns)
		return;
	row = bpf_task_storage_get(&turns, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!row) {
		lose(LOSS_CHAINS, 1);
		return;
	}
	row->turns++;
	time_count(&row->sum_ns, &row->max_ns, row->histogram, now - t->returned_ns);
	row->switches[0] += task->nvcsw - t->switches[0];
	row->switches[1] += task->nivcsw - t->switches[1];
	t->returned_ns = 0;
}

#endif /* IOREADY_CHAIN_H */
