// SPDX-License-Identifier: GPL-2.0-only
/*
 * wait.bpf.c - the wait family: calls, what they watch, sleep and return.
 *
 * A call is opened by wait_enter(), its sleeps are added by sleep_begin() and
 * sleep_end(), its scans by scan_count(), and wait_return() folds it into the
 * thread's row. What differs between the tiers is only which hook runs them:
 *
 *	call	fentry/fexit on the syscall's function, or its two tracepoints
 *	sleep	fentry/fexit on schedule_hrtimeout_range(), or sched_switch
 *	scan	kprobe.multi or kprobes on every ->poll(), or none
 *
 * LOCKING: there is none. A thread's storage is written by the thread itself,
 * in a syscall or (sched_switch) with its own switching as the order. Two
 * exceptions are settled by one atomic word each: the seeding iterator opens a
 * call by cmpxchg on call.open, and snapshot and exit agree on wait_row.claim.
 * A snapshot reads rows while they grow: each field is right as of some moment
 * within the read, and exact once the hooks are gone.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>
#include "maps.h"

char LICENSE[] SEC("license") = "GPL";

/* include/linux/errno.h: what a syscall returns inside the kernel. */
#define EINTR 4
#define ERESTARTSYS 512
#define ERESTARTNOINTR 513
#define ERESTARTNOHAND 514
#define ERESTART_RESTARTBLOCK 516

#define TASK_INTERRUPTIBLE 1	/* include/linux/sched.h */
#define TIF_ADDR32 (1UL << 29)	/* arch/x86/include/asm/thread_info.h */
#define POLLNVAL 0x20
#define EPOLL_CTL_DEL 2
/* sizeof(struct epoll_event) as programs have it: packed on x86-64 alone. */
#if defined(__TARGET_ARCH_x86)
#define EPOLL_EVENT_BYTES 12
#else
#define EPOLL_EVENT_BYTES 16
#endif

static __always_inline void lose(u32 reason, s64 n)
{
	u64 *count = bpf_map_lookup_elem(&losses, &reason);

	if (count)
		*count += n;
}

/* --- filters --------------------------------------------------------------- */

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

/* --- what a call watches --------------------------------------------------- */

#define SET_WORDS 8		/* 64-bit words of a set that are read at once */
#define POLL_CHUNK 32		/* entries of an array, likewise */

struct pollfd {
	s32 fd;
	s16 events;
	s16 revents;
};

static __always_inline u32 popcount(u64 x)
{
	x -= (x >> 1) & 0x5555555555555555UL;
	x = (x & 0x3333333333333333UL) + ((x >> 2) & 0x3333333333333333UL);
	x = (x + (x >> 4)) & 0x0f0f0f0f0f0f0f0fUL;
	return (x * 0x0101010101010101UL) >> 56;
}

/*
 * The helpers below are global functions so that the verifier looks at each
 * once and not at every turn of the loop that calls it.
 */

/* Bits set in the union of three sets from bit @at on, 512 at most; negative: a fault. */
__noinline int set_chunk(u64 in, u64 out, u64 ex, u32 nfds, u32 at)
{
	u64 a[SET_WORDS] = {}, b[SET_WORDS] = {};
	u32 bits = nfds - at, bytes, count = 0;

	if (bits > SET_WORDS * 64)
		bits = SET_WORDS * 64;
	bytes = (bits + 63) / 64 * 8;
	/* Known to the compiler, and to the verifier only if it is tested. */
	barrier_var(bytes);
	if (bytes > sizeof(a))
		return -1;
	if (in && bpf_probe_read_user(a, bytes, (void *)in + at / 8))
		return -1;
	if (out) {
		if (bpf_probe_read_user(b, bytes, (void *)out + at / 8))
			return -1;
		for (int i = 0; i < SET_WORDS; i++)
			a[i] |= b[i];
	}
	if (ex) {
		if (bpf_probe_read_user(b, bytes, (void *)ex + at / 8))
			return -1;
		for (int i = 0; i < SET_WORDS; i++)
			a[i] |= b[i];
	}
	for (u32 i = 0; i < SET_WORDS; i++) {
		u64 word = a[i];

		if (i * 64 >= bits)
			break;
		/* Bits from nfds on are not the call's. */
		if (bits - i * 64 < 64)
			word &= (1UL << (bits & 63)) - 1;
		count += popcount(word);
	}
	return count;
}

/*
 * Loops add up in the thread's storage and not on the stack, where the verifier
 * would follow each sum that they can come to.
 */
struct set_loop {
	u64 in, out, ex;
	u32 nfds;
	s32 *count;
};

static long set_loop(u64 i, struct set_loop *l)
{
	int n = set_chunk(l->in, l->out, l->ex, l->nfds, i * SET_WORDS * 64);

	if (n < 0)
		*l->count = n;
	else
		*l->count += n;
	return n < 0;
}

/*
 * Fds in the union of three user sets of @nfds bits; negative: not known, which
 * on kernels without bpf_loop() (before 5.17) is so beyond one chunk.
 */
static __always_inline void set_count(u64 in, u64 out, u64 ex, u32 nfds, s32 *count)
{
	struct set_loop l = { in, out, ex, nfds, count };

	*count = 0;
	if (nfds <= SET_WORDS * 64)
		*count = set_chunk(in, out, ex, nfds, 0);
	else if (has_bpf_loop)
		bpf_loop((nfds + SET_WORDS * 64 - 1) / (SET_WORDS * 64), set_loop, &l, 0);
	else
		*count = -1;
}

/* Of up to 32 entries: watched in the low half, found << 16; negative: a fault. */
__noinline int poll_chunk(u64 array, u32 n)
{
	struct pollfd p[POLL_CHUNK] = {};
	u32 watched = 0, found = 0;

	if (n > POLL_CHUNK)
		n = POLL_CHUNK;
	if (bpf_probe_read_user(p, n * sizeof(p[0]), (void *)array))
		return -1;
	for (u32 i = 0; i < POLL_CHUNK; i++) {
		if (i >= n)
			break;
		if (p[i].fd < 0)
			continue;
		watched++;
		/* POLLNVAL: no such file, so nothing was scanned. */
		if (p[i].revents & ~POLLNVAL)
			found++;
	}
	return watched | found << 16;
}

static long poll_loop(u64 i, struct call **call)
{
	struct call *c = *call;
	u32 at = i * POLL_CHUNK;
	int n = poll_chunk(c->arg[0] + at * sizeof(struct pollfd), c->nfds - at);

	if (n < 0) {
		c->watched = n;
		return 1;
	}
	c->watched += n & 0xffff;
	c->found += n >> 16;
	return 0;
}

/* Entries with a fd in c->watched (negative as above), with a result in c->found. */
static __always_inline void poll_count(struct call *c)
{
	c->watched = c->found = 0;
	if (c->nfds <= POLL_CHUNK)
		poll_loop(0, &c);
	else if (has_bpf_loop)
		bpf_loop((c->nfds + POLL_CHUNK - 1) / POLL_CHUNK, poll_loop, &c, 0);
	else
		c->watched = -1;
}

/* --- the life of a call ---------------------------------------------------- */

/* The row of a syscall, made if @flags say so; NULL if there is none. */
static __always_inline struct wait_row *row_get(const u32 s, struct task_struct *task,
						struct thread *t, u64 flags)
{
	if (t->row_of == s + 1)
		return &t->row;
	/* epoll_ctl is no waiting: its thread has another row to come. */
	if (flags && !t->row_of && s != WAIT_epoll_ctl) {
		t->row_of = s + 1;
		return &t->row;
	}
	switch (s) {
#define X(name, mechanism)	\
	case WAIT_##name:	\
		return bpf_task_storage_get(&row_##name, task, 0, flags);
	WAIT_FAMILY(X)
#undef X
	}
	return NULL;
}

static __always_inline bool is_select(const u32 s)
{
	return s == WAIT_select || s == WAIT_pselect6;
}

static __always_inline bool is_poll(const u32 s)
{
	return s == WAIT_poll || s == WAIT_ppoll;
}

static __always_inline bool is_epoll_wait(const u32 s)
{
	return s == WAIT_epoll_wait || s == WAIT_epoll_pwait || s == WAIT_epoll_pwait2;
}

static __always_inline u32 returned_how(const u32 s, s64 ret)
{
	if (ret > 0)
		return RETURNED_READY;
	if (!ret)
		return s == WAIT_epoll_ctl ? RETURNED_DONE : RETURNED_TIMEOUT;
	switch (-ret) {
	case EINTR:
	case ERESTARTSYS:
	case ERESTARTNOINTR:
	case ERESTARTNOHAND:
	case ERESTART_RESTARTBLOCK:
		return RETURNED_SIGNAL;
	}
	return RETURNED_ERROR;
}

/* See HISTOGRAM_SUB_BITS in abi.h; user/histogram.c has the way back. */
static __always_inline u32 histogram_index(u64 v)
{
	u64 x = v;
	u32 msb = 0;

	if (v < 16)
		return v;
	if (v >> HISTOGRAM_OCTAVES)
		return HISTOGRAM_BUCKETS - 1;
	if (x >> 32) {
		msb += 32;
		x >>= 32;
	}
	if (x >> 16) {
		msb += 16;
		x >>= 16;
	}
	if (x >> 8) {
		msb += 8;
		x >>= 8;
	}
	if (x >> 4) {
		msb += 4;
		x >>= 4;
	}
	if (x >> 2) {
		msb += 2;
		x >>= 2;
	}
	msb += x >> 1;
	return ((msb - 3) << 4) + ((v >> (msb - 4)) & 15);
}

/* What a call swept: for select and poll by watched fds, for epoll by results. */
struct sweep {
	u64 scans;
	u64 copied;
	u32 passes;
	u32 found;
	s32 watched;		/* negative: not known, or not this mechanism's */
};

static __always_inline void select_sweep(struct sweep *w, struct call *c, s64 ret)
{
	w->watched = c->watched;
	w->found = ret > 0 ? ret : 0;
	/* A fd in several sets is counted in each by the kernel. */
	if (ret > 1 && !!c->arg[0] + !!c->arg[1] + !!c->arg[2] > 1) {
		set_count(c->arg[0], c->arg[1], c->arg[2], c->nfds, &c->found);
		if (c->found >= 0)
			w->found = c->found;
	}
	/* The sets come back unless a signal broke the call off. */
	w->copied = ret >= 0 ? c->copied * 2 : c->copied;
}

/*
 * The array is read on the way out: the kernel has just touched its pages, so
 * only a program that unmaps them meanwhile makes this fail.
 */
static __always_inline void poll_sweep(struct sweep *w, struct call *c)
{
	if (c->watched < 0)
		poll_count(c);
	w->watched = c->watched;
	w->found = c->found;
	w->copied = c->copied + c->nfds * 2;
}

static __always_inline void epoll_sweep(struct sweep *w, s64 ret, u32 wakeups)
{
	w->passes = wakeups;
	if (ret <= 0)
		return;
	w->found = w->scans = ret;
	w->copied = ret * EPOLL_EVENT_BYTES;
	if (!w->passes)
		w->passes = 1;
}

/* All of a call but its time; @sign -1 takes it back. */
static __always_inline void call_count(const u32 s, struct wait_row *row, struct call *c, s64 ret,
				       const s64 sign)
{
	struct sweep w = { .watched = -1 };
	u32 how = returned_how(s, ret), wakeups = c->sleeps, other = c->restarts;

	/* Sleeps that a time-out or a signal ended are not wakeups. */
	if (how == RETURNED_TIMEOUT || how == RETURNED_SIGNAL)
		other++;
	wakeups -= wakeups < other ? wakeups : other;

	row->returned[how] += sign;
	if (ret > 0)
		row->ready += sign * ret;
	if (s == WAIT_epoll_ctl) {
		/* Adding or changing an item asks its file once. */
		w.scans = !ret && c->nfds != EPOLL_CTL_DEL;
		w.copied = w.scans * EPOLL_EVENT_BYTES;
	} else if (is_epoll_wait(s)) {
		epoll_sweep(&w, ret, wakeups);
	} else if (how != RETURNED_ERROR) {
		if (is_select(s))
			select_sweep(&w, c, ret);
		else
			poll_sweep(&w, c);
		/* Every entry into the kernel sweeps, and every sleep that ends. */
		w.passes = c->sleeps + c->restarts + 1;
		if (w.watched < 0)
			lose(LOSS_FAULT, sign);
		else
			w.scans = (u64)w.watched * w.passes;
	}

	row->scans += sign * w.scans;
	/* What is taken back is what was added, also if a slice ended since. */
	if (s == WAIT_poll && sign > 0 && c->epoch != epoch)
		c->epoch = 0;
	if (c->epoch & 1 && (sign < 0 || c->epoch == epoch)) {
		row->exact_calls += sign;
		row->exact_scans += sign * c->scans;
		row->exact_derived += sign * w.scans;
		/*
		 * Fewer scans than fds: some have no ->poll() (a regular file is
		 * always ready) or are none. If one of these is among the found,
		 * a scan that found nothing is taken for one that did. More: an
		 * epoll fd among them asked the files in it, and what these
		 * answered is not known. Both count as found, so that what is
		 * wasted is a lower bound.
		 */
		if (w.watched >= 0 && w.found && c->scans != w.scans) {
			row->found_unsure += sign;
			if (c->scans > w.scans)
				w.found += c->scans - w.scans;
		}
		w.scans = c->scans;
	}
	row->found += sign * (w.found < w.scans ? w.found : w.scans);

	if (w.watched >= 0) {
		row->watched += sign * w.watched;
		row->watched_calls += sign;
		if ((u32)w.watched > row->watched_max)
			row->watched_max = w.watched;
	}
	row->passes += sign * w.passes;
	row->copied += sign * w.copied;
	if (wakeups) {
		row->wakeups += sign * wakeups;
		row->wakeups_empty += sign * (wakeups - (ret > 0));
	}
	row->asleep_ns += sign * c->asleep_ns;
}

/* The same of the commonest call, which found events waiting for it. */
static __always_inline void call_count_at_once(struct wait_row *row, s64 ret)
{
	row->returned[RETURNED_READY]++;
	row->passes++;
	row->ready += ret;
	row->found += ret;
	row->scans += ret;
	row->copied += ret * EPOLL_EVENT_BYTES;
}

/*
 * Folds the call, which ended at @now with @ret, into the row of its syscall; or
 * takes it out again, with @sign -1. The largest values stay: the call that is
 * taken back goes on, and will be longer.
 */
static __always_inline void call_fold(const u32 s, struct task_struct *task, struct thread *t,
				      s64 ret, u64 now, const s64 sign)
{
	struct call *c = &t->call;
	u64 ns = now - c->entered_ns;
	struct wait_row *row;
	u32 index;

	row = row_get(s, task, t, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!row) {
		lose(LOSS_NO_MEMORY, 1);
		return;
	}
	if (is_epoll_wait(s) && ret > 0 && !c->sleeps && !(c->epoch & 1))
		call_count_at_once(row, ret);
	else
		call_count(s, row, c, ret, sign);
	row->total_ns += sign * ns;
	if (ns > row->max_ns)
		row->max_ns = ns;
	index = histogram_index(ns);
	/* The compiler knows that it fits; the verifier wants it tested. */
	barrier_var(index);
	if (index < HISTOGRAM_BUCKETS) {
		u32 n = row->histogram[index] + sign;

		if (n || sign < 0)
			row->histogram[index] = n;
		else
			lose(LOSS_HISTOGRAM, 1);
	}
}

static __always_inline u32 copied_sets(u32 nfds, u64 in, u64 out, u64 ex)
{
	return (nfds + 63) / 64 * 8 * (!!in + !!out + !!ex);
}

static __always_inline int wait_enter(const u32 s, u64 a0, u64 a1, u64 a2, u64 a3)
{
	struct task_struct *task = bpf_get_current_task_btf();
	u32 now_epoch = epoch;
	struct thread *t;
	struct call *c;

	if (!now_epoch || !selected(task))
		return 0;
	t = bpf_task_storage_get(&threads, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!t)
		return 0;	/* its return tells */
	c = &t->call;
	/* The last call was never seen to return. */
	if (c->open)
		lose(c->entered_ns ? LOSS_EXIT_UNSEEN : LOSS_BEGUN_BEFORE, 1);

	c->left_ns = 0;
	c->asleep_ns = 0;
	c->slept_ns = 0;
	c->sleeps = 0;
	c->scans = 0;
	c->restarts = 0;
	c->copied = 0;
	c->watched = -1;
	c->epoch = now_epoch;
	if (is_select(s)) {
		u32 nfds = a0;

		/* fs/select.c: the sets are cut at the size of the fd table. */
		if (nfds > 64 && (s32)nfds > 0) {
			u32 max_fds = task->files->fdt->max_fds;

			if (nfds > max_fds)
				nfds = max_fds;
		}
		if ((s32)nfds >= 0) {
			set_count(a1, a2, a3, nfds, &c->watched);
			c->nfds = nfds;
			c->arg[0] = a1;
			c->arg[1] = a2;
			c->arg[2] = a3;
			c->copied = copied_sets(nfds, a1, a2, a3);
		}
	} else if (is_poll(s)) {
		c->arg[0] = a0;
		c->nfds = a1;
		c->copied = (u32)a1 * 8UL;
	} else {
		if (s == WAIT_epoll_ctl)
			c->nfds = a1;
		else
			t->epfd = a0;
	}
	c->entered_ns = bpf_ktime_get_ns();
	c->open = s + 1;
	return 0;
}

/*
 * A return without an entry. The first that is ever seen of a thread ends a call
 * begun before the window; the storage that it gets now tells later ones apart.
 */
static __always_inline void return_unseen(struct task_struct *task, struct thread *t)
{
	u32 reason = LOSS_ENTRY_UNSEEN;

	if (!selected(task))
		return;
	if (!t)
		reason = bpf_task_storage_get(&threads, task, 0,
					      BPF_LOCAL_STORAGE_GET_F_CREATE) ?
				 LOSS_BEGUN_BEFORE :
				 LOSS_NO_MEMORY;
	lose(reason, 1);
}

static __always_inline int wait_return(const u32 s, s64 ret)
{
	u64 now = bpf_ktime_get_ns();
	struct task_struct *task = bpf_get_current_task_btf();
	struct thread *t = bpf_task_storage_get(&threads, task, 0, 0);
	struct call *c;

	if (!epoch)
		return 0;
	if (!t || t->call.open != s + 1) {
		return_unseen(task, t);
		return 0;
	}
	c = &t->call;
	if (c->entered_ns)
		call_fold(s, task, t, ret, now, 1);
	else
		lose(LOSS_BEGUN_BEFORE, 1);
	c->open = 0;
	if (s == WAIT_poll && ret == -ERESTART_RESTARTBLOCK)
		c->left_ns = now;
	return 0;
}

/*
 * A poll() that a signal broke off comes back to the program as EINTR if there
 * is a handler. If there is none it goes on as restart_syscall(), unseen by the
 * program: then its return is taken back and the call is open again. The
 * restart may be another syscall's: it is poll's if the kernel's note says so.
 */
static __always_inline int poll_restart_enter(void)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct thread *t = bpf_task_storage_get(&threads, task, 0, 0);
	struct call *c;

	if (!t || !t->call.left_ns || !t->call.entered_ns)
		return 0;
	c = &t->call;
	if ((u64)task->restart_block.poll.ufds != c->arg[0] ||
	    (u32)task->restart_block.poll.nfds != c->nfds)
		return 0;
	call_fold(WAIT_poll, task, t, -ERESTART_RESTARTBLOCK, c->left_ns, -1);
	c->left_ns = 0;
	c->open = WAIT_poll + 1;
	c->watched = -1;
	c->restarts++;
	c->copied += c->nfds * 10UL;
	return 0;
}

static __always_inline int poll_restart_return(s64 ret)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct thread *t = bpf_task_storage_get(&threads, task, 0, 0);

	if (!t || t->call.open != WAIT_poll + 1)
		return 0;
	return wait_return(WAIT_poll, ret);
}

static __always_inline void sleep_begin(struct call *c, u64 now)
{
	c->slept_ns = now;
}

static __always_inline void sleep_end(struct call *c, u64 now)
{
	c->asleep_ns += now - c->slept_ns;
	c->slept_ns = 0;
	c->sleeps++;
}

static __always_inline int scan_count(void)
{
	struct thread *t;

	t = bpf_task_storage_get(&threads, bpf_get_current_task_btf(), 0, 0);
	if (t && t->call.open)
		t->call.scans++;
	return 0;
}

/* --- call hooks: fentry/fexit ---------------------------------------------- */

#if defined(__TARGET_ARCH_x86)
#define SYSCALL(name) "__x64_sys_" #name
#define ARG0(regs) ((regs)->di)
#define ARG1(regs) ((regs)->si)
#define ARG2(regs) ((regs)->dx)
#define ARG3(regs) ((regs)->r10)
#elif defined(__TARGET_ARCH_arm64)
#define SYSCALL(name) "__arm64_sys_" #name
#define ARG0(regs) ((regs)->user_regs.regs[0])
#define ARG1(regs) ((regs)->user_regs.regs[1])
#define ARG2(regs) ((regs)->user_regs.regs[2])
#define ARG3(regs) ((regs)->user_regs.regs[3])
#endif

#define X(name, mechanism)						\
	SEC("fentry/" SYSCALL(name))					\
	int BPF_PROG(fentry_##name, struct pt_regs *regs)		\
	{								\
		return wait_enter(WAIT_##name, ARG0(regs), ARG1(regs),	\
				  ARG2(regs), ARG3(regs));		\
	}								\
	SEC("fexit/" SYSCALL(name))					\
	int BPF_PROG(fexit_##name, struct pt_regs *regs, long ret)	\
	{								\
		return wait_return(WAIT_##name, ret);			\
	}
WAIT_FAMILY(X)
#undef X

SEC("fentry/do_restart_poll")
int BPF_PROG(fentry_restart)
{
	return poll_restart_enter();
}

SEC("fexit/do_restart_poll")
int BPF_PROG(fexit_restart, void *restart_block, long ret)
{
	return poll_restart_return(ret);
}

/* --- call hooks: the per-syscall tracepoints ------------------------------- */

#define X(name, mechanism)						\
	SEC("tracepoint")						\
	int enter_##name(struct sys_enter_record *ctx)			\
	{								\
		return wait_enter(WAIT_##name, ctx->args[0], ctx->args[1], \
				  ctx->args[2], ctx->args[3]);		\
	}								\
	SEC("tracepoint")						\
	int exit_##name(struct sys_exit_record *ctx)			\
	{								\
		return wait_return(WAIT_##name, ctx->ret);		\
	}
WAIT_FAMILY(X)
#undef X

SEC("tracepoint")
int enter_restart_syscall(struct sys_enter_record *ctx)
{
	return poll_restart_enter();
}

SEC("tracepoint")
int exit_restart_syscall(struct sys_exit_record *ctx)
{
	return poll_restart_return(ctx->ret);
}

/* --- sleep hooks ----------------------------------------------------------- */

SEC("fentry/schedule_hrtimeout_range")
int BPF_PROG(fentry_sleep)
{
	struct thread *t;

	t = bpf_task_storage_get(&threads, bpf_get_current_task_btf(), 0, 0);
	if (t && t->call.open)
		sleep_begin(&t->call, bpf_ktime_get_ns());
	return 0;
}

SEC("fexit/schedule_hrtimeout_range")
int BPF_PROG(fexit_sleep)
{
	struct thread *t;

	t = bpf_task_storage_get(&threads, bpf_get_current_task_btf(), 0, 0);
	if (t && t->call.slept_ns)
		sleep_end(&t->call, bpf_ktime_get_ns());
	return 0;
}

/*
 * Of the sleeps in a call only the interruptible ones are its waiting; waiting
 * for a mutex or for a page is not.
 */
SEC("tp_btf/sched_switch")
int BPF_PROG(switch_sleep, bool preempt, struct task_struct *prev, struct task_struct *next)
{
	struct thread *t;

	if (prev->bpf_storage && !preempt) {
		u32 state = switch_has_state ? (u32)ctx[3] : prev->__state;

		if (state & TASK_INTERRUPTIBLE) {
			t = bpf_task_storage_get(&threads, prev, 0, 0);
			if (t && t->call.open)
				sleep_begin(&t->call, bpf_ktime_get_ns());
		}
	}
	if (next->bpf_storage) {
		t = bpf_task_storage_get(&threads, next, 0, 0);
		if (t && t->call.slept_ns)
			sleep_end(&t->call, bpf_ktime_get_ns());
	}
	return 0;
}

/* --- scan hooks: on every ->poll() ----------------------------------------- */

SEC("kprobe.multi")
int scan_multi(void *ctx)
{
	return scan_count();
}

SEC("kprobe")
int scan_kprobe(void *ctx)
{
	return scan_count();
}

/* --- the life of a thread -------------------------------------------------- */

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

SEC("tp_btf/sched_process_fork")
int BPF_PROG(fork_tree, struct task_struct *parent, struct task_struct *child)
{
	if (bpf_task_storage_get(&tree, parent, 0, 0) &&
	    !bpf_task_storage_get(&tree, child, 0, BPF_LOCAL_STORAGE_GET_F_CREATE))
		lose(LOSS_NOT_FOLLOWED, 1);
	return 0;
}

static __always_inline void row_exit(const u32 s, struct task_struct *task, struct thread *t)
{
	struct wait_row *row = row_get(s, task, t, 0);
	struct wait_record *r;
	u32 claim;

	if (!row)
		return;
	claim = __sync_lock_test_and_set(&row->claim, CLAIM_EXITED);
	if (claim == CLAIM_EXITED)
		return;
	r = bpf_ringbuf_reserve(&ring, sizeof(*r), 0);
	if (!r) {
		u64 calls = 0;

		for (int i = 0; i < RETURNED_NR; i++)
			calls += row->returned[i];
		lose(LOSS_RING_FULL, calls);
		return;
	}
	record_fill(&r->head, task, RECORD_WAIT, sizeof(*r));
	r->syscall = s;
	r->epfd = is_epoll_wait(s) ? t->epfd : -1;
	bpf_probe_read_kernel(&r->row, sizeof(r->row), row);
	r->row.claim = claim;
	/* The collector drains on a timer; a wake for each record costs 1.4 us. */
	bpf_ringbuf_submit(r, BPF_RB_NO_WAKEUP);
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(thread_exit, struct task_struct *task)
{
	struct thread *t;

	if (!task->bpf_storage)
		return 0;
	t = bpf_task_storage_get(&threads, task, 0, 0);
	if (!t)
		return 0;
	if (t->call.open)
		lose(t->call.entered_ns ? LOSS_KILLED : LOSS_BEGUN_BEFORE, 1);
	t->call.open = 0;
#define X(name, mechanism) row_exit(WAIT_##name, task, t);
	WAIT_FAMILY(X)
#undef X
	return 0;
}

/*
 * The kernel skips a hook on a CPU where the same hook was preempted. For rows
 * that would be their end, so what is not told yet is told here, when the task
 * is freed: in a softirq, which nobody preempts.
 */
SEC("tp_btf/sched_process_free")
int BPF_PROG(thread_free, struct task_struct *task)
{
	struct thread *t;

	if (!task->bpf_storage)
		return 0;
	t = bpf_task_storage_get(&threads, task, 0, 0);
	if (!t)
		return 0;
#define X(name, mechanism) row_exit(WAIT_##name, task, t);
	WAIT_FAMILY(X)
#undef X
	return 0;
}

/* --- iterators: run by the collector, in its own time ----------------------- */

#if defined(__TARGET_ARCH_x86)
#define SYSCALL_NR(regs) ((u32)(regs)->orig_ax)
enum {
	NR_select = 23, NR_pselect6 = 270, NR_poll = 7, NR_ppoll = 271, NR_epoll_wait = 232,
	NR_epoll_pwait = 281, NR_epoll_pwait2 = 441, NR_epoll_ctl = 233,
};
#elif defined(__TARGET_ARCH_arm64)
#define SYSCALL_NR(regs) ((u32)(regs)->syscallno)
/* The older half of the family does not exist there. */
enum {
	NR_select = -1, NR_pselect6 = 72, NR_poll = -2, NR_ppoll = 73, NR_epoll_wait = -3,
	NR_epoll_pwait = 22, NR_epoll_pwait2 = 441, NR_epoll_ctl = 21,
};
#endif

/* Threads of 32-bit programs seen by the last snapshot: not decoded. */
__u32 threads_32bit;

static __always_inline bool is_32bit(struct task_struct *task)
{
#if defined(__TARGET_ARCH_x86)
	return task->thread_info.flags & TIF_ADDR32;
#else
	return false;
#endif
}

/*
 * The call of the family that a sleeping thread is in, as call.open tells it; 0
 * for none. Only a thread that sleeps is sure to be in the syscall that its
 * registers name; one that runs may have left it.
 */
static __always_inline u32 asleep_in(struct task_struct *task)
{
	struct pt_regs *regs;
	u32 open = 0;

	if (!(task->__state & TASK_INTERRUPTIBLE))
		return 0;
	regs = (struct pt_regs *)bpf_task_pt_regs(task);
	switch (SYSCALL_NR(regs)) {
#define X(name, mechanism)			\
	case NR_##name:				\
		open = WAIT_##name + 1;		\
		break;
	WAIT_FAMILY(X)
#undef X
	}
	return open;
}

/* Opens, with no entry time, the calls that were begun before the window. */
SEC("iter/task")
int seed(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	unsigned long switches;
	struct thread *t;
	u32 open;

	if (!task || is_32bit(task) || !selected(task))
		return 0;
	switches = task->nvcsw;
	open = asleep_in(task);
	if (!open)
		return 0;
	t = bpf_task_storage_get(&threads, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!t || __sync_val_compare_and_swap(&t->call.open, 0, open))
		return 0;
	/* If it woke meanwhile, its return may be counted already. */
	if (asleep_in(task) != open || task->nvcsw != switches)
		__sync_val_compare_and_swap(&t->call.open, open, 0);
	else if (is_epoll_wait(open - 1))
		t->epfd = ARG0((struct pt_regs *)bpf_task_pt_regs(task));
	return 0;
}

static __always_inline void row_snapshot(const u32 s, struct task_struct *task,
					 struct thread *t, struct seq_file *seq)
{
	struct wait_row *row = row_get(s, task, t, 0);
	struct wait_record *r;
	struct {
		struct record head;
		u32 syscall;
		s32 epfd;
	} top;
	u32 claim;

	if (!row)
		return;
	claim = row->claim;
	if (claim == CLAIM_EXITED ||
	    __sync_val_compare_and_swap(&row->claim, claim, snapshot) != claim)
		return;
	_Static_assert(sizeof(top) + sizeof(*row) == sizeof(*r), "a record is its top and its row");
	record_fill(&top.head, task, RECORD_WAIT, sizeof(*r));
	top.syscall = s;
	top.epfd = is_epoll_wait(s) ? t->epfd : -1;
	bpf_seq_write(seq, &top, sizeof(top));
	bpf_seq_write(seq, row, sizeof(*row));
}

SEC("iter/task")
int snapshot_threads(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct seq_file *seq = ctx->meta->seq;
	struct open_record r;
	struct thread *t;
	u32 open;

	if (!task)
		return 0;
	if (is_32bit(task) && selected(task))
		threads_32bit++;
	if (!task->bpf_storage)
		return 0;
	t = bpf_task_storage_get(&threads, task, 0, 0);
	if (!t)
		return 0;
	/* fexit does not fire for a call begun before it: look whether it is over. */
	open = t->call.open;
	if (calls_by_fentry && open && !t->call.entered_ns && asleep_in(task) != open &&
	    __sync_val_compare_and_swap(&t->call.open, open, 0) == open)
		lose(LOSS_BEGUN_BEFORE, 1);
	if (t->call.open) {
		record_fill(&r.head, task, RECORD_OPEN, sizeof(r));
		r.syscall = t->call.open - 1;
		r.epfd = is_epoll_wait(r.syscall) ? t->epfd : -1;
		r.since_ns = t->call.entered_ns;
		bpf_seq_write(seq, &r, sizeof(r));
	}
#define X(name, mechanism) row_snapshot(WAIT_##name, task, t, seq);
	WAIT_FAMILY(X)
#undef X
	return 0;
}
