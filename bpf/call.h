/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * call.h - the life of a wait call: wait_enter() opens it, sleep_begin() and
 * sleep_end() add its sleeps, scan_count() its scans, and wait_return() folds it
 * into the thread's row. The hooks of wait.bpf.c run these; nothing here knows
 * by which hook it came.
 */
#ifndef IOREADY_CALL_H
#define IOREADY_CALL_H

#include "filter.h"
#include "chain.h"
#include "event.h"
#include "family.h"
#include "serve.h"
#include "watched.h"

#define EPOLL_CTL_DEL 2
/* sizeof(struct epoll_event) as programs have it: packed on x86-64 alone. */
#if defined(__TARGET_ARCH_x86)
#define EPOLL_EVENT_BYTES 12
#else
#define EPOLL_EVENT_BYTES 16
#endif

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

/* What a call swept: for select and poll by watched fds, for epoll by results. */
struct sweep {
	u64 scans;
	u64 copied;
	u32 passes;
	u32 found;
	s32 watched;		/* negative: not known, or not this mechanism's */
};

static __always_inline void select_sweep(struct sweep *w, struct thread *t, s64 ret)
{
	struct call *c = &t->call;

	w->watched = c->watched;
	w->found = ret > 0 ? ret : 0;
	/* A fd in several sets is counted in each by the kernel. */
	if (ret > 1 && c->sets > 1) {
		set_count(t, &c->found);
		if (c->found >= 0)
			w->found = c->found;
	}
	/* The sets come back unless a signal broke the call off. */
	w->copied = ret >= 0 ? c->copied * 2 : c->copied;
}

/*
 * The array is read on the way out: the kernel has just touched its pages, so
 * only a program that unmaps them meanwhile makes this fail. What is taken back is
 * what was read then, if anything: a second reading might find another array.
 */
static __always_inline void poll_sweep(struct sweep *w, struct thread *t, s64 ret, const s64 sign)
{
	struct call *c = &t->call;

	if (sign > 0 && c->watched < 0)
		poll_count(t, ret);
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
static __always_inline void call_count(const u32 s, struct wait_row *row, struct thread *t,
				       s64 ret, const s64 sign)
{
	struct call *c = &t->call;
	struct sweep w = { .watched = -1 };
	u32 how = returned_how(s, ret), wakeups = c->sleeps, other = c->restarts;

	/* Sleeps that a time-out or a signal ended are not wakeups. */
	if (how == RETURNED_TIMEOUT || how == RETURNED_SIGNAL)
		other++;
	wakeups -= wakeups < other ? wakeups : other;

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
			select_sweep(&w, t, ret);
		else
			poll_sweep(&w, t, ret, sign);
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
	/*
	 * Last, as it is copied first when the row is told meanwhile: so @exact_calls and
	 * @watched_calls, which are compared with it, are not behind.
	 */
	barrier();
	row->returned[how] += sign;
}

/*
 * The same of the commonest call: one pass, and no sleep or signal. Returns false
 * if it is another one.
 */
static __always_inline bool call_count_at_once(const u32 s, struct wait_row *row,
					       struct thread *t, s64 ret)
{
	struct call *c = &t->call;
	u32 watched, found;

	if (ret < 0 || c->sleeps || c->epoch & 1 || s == WAIT_epoll_ctl)
		return false;
	if (is_epoll_wait(s)) {
		if (!ret) {
			row->returned[RETURNED_TIMEOUT]++;
			return true;
		}
		row->returned[RETURNED_READY]++;
		row->passes++;
		row->ready += ret;
		row->found += ret;
		row->scans += ret;
		row->copied += ret * EPOLL_EVENT_BYTES;
		return true;
	}
	if (is_select(s)) {
		if (c->watched < 0 || (ret > 1 && c->sets > 1))
			return false;
		found = ret;
		row->copied += c->copied * 2;
	} else {
		if (c->restarts)
			return false;
		poll_count(t, ret);
		if (c->watched < 0)
			return false;
		found = c->found;
		row->copied += c->nfds * 10UL;
	}
	watched = c->watched;
	row->passes++;
	row->ready += ret;
	row->found += found < watched ? found : watched;
	row->scans += watched;
	row->watched += watched;
	row->watched_calls++;
	if (watched > row->watched_max)
		row->watched_max = watched;
	barrier();
	row->returned[ret ? RETURNED_READY : RETURNED_TIMEOUT]++;
	return true;
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

	/* If there was no memory for the row, there is nothing to be taken out of one. */
	row = row_get(s, task, t, sign > 0 ? BPF_LOCAL_STORAGE_GET_F_CREATE : 0);
	if (!row) {
		lose(LOSS_NO_MEMORY, sign);
		return;
	}
	if (sign < 0 || !call_count_at_once(s, row, t, ret))
		call_count(s, row, t, ret, sign);
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

/* No wake of the call is known, or none that counts any more. */
static __always_inline void wake_clear(struct thread *t)
{
	t->call.ready_ns = t->call.woken_ns = t->call.ran_ns = 0;
	t->cause.file = t->cause.event_id = 0;
	t->cause.fd = -1;
}

/*
 * What only options ask for, of the current thread @t. Global functions, and not
 * inlined: else they would take registers and stack from who does not ask.
 */
__noinline int extra_enter(struct thread *t, u32 s, u32 epfd)
{
	struct task_struct *task = bpf_get_current_task_btf();

	if (!t)
		return 0;
	wake_clear(t);
	if (chain_on && s != WAIT_epoll_ctl) {
		turn_end(task, t, t->call.entered_ns);
		if (serve_on)
			serve_end(task, t);
	}
	if ((herd_on || items_on) && (is_epoll_wait(s) || s == WAIT_epoll_ctl))
		t->epoll = epoll_note(epfd);
	return 0;
}

__noinline int extra_return(struct thread *t, u32 s, s64 ret, u64 now)
{
	struct task_struct *task = bpf_get_current_task_btf();

	if (!t)
		return 0;
	if (t->call.entered_ns) {
		if (chain_on && ret > 0)
			chain_count(task, t, now);
		if (event_on)
			event_tell(s, task, t, ret, now);
	}
	if (herd_on)
		herd_count(task, &t->cause, ret > 0 ? HERD_SERVED : HERD_EMPTY);
	if (chain_on && s != WAIT_epoll_ctl)
		turn_begin(task, t, now);
	if (serve_on && ret > 0 && t->cause.file)
		serve_begin(t, now);
	return 0;
}

/* A call is about to sleep; if a file has woken it before, for nothing. */
__noinline int extra_sleep(struct thread *t)
{
	if (!t)
		return 0;
	if (herd_on)
		herd_count(bpf_get_current_task_btf(), &t->cause, HERD_EMPTY);
	wake_clear(t);
	return 0;
}

/* Returns false if the call is none that the run asks about. */
static __always_inline bool wait_enter(const u32 s, u64 a0, u64 a1, u64 a2, u64 a3)
{
	struct task_struct *task = bpf_get_current_task_btf();
	u32 now_epoch = epoch;
	struct thread *t;
	struct call *c;

	if (!now_epoch)
		return true;
	if (!selected(task))
		return false;
	t = bpf_task_storage_get(&threads, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!t)
		return true;	/* its return tells */
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
			c->nfds = nfds;
			c->arg[0] = a1;
			c->arg[1] = a2;
			c->arg[2] = a3;
			c->sets = !!a1 + !!a2 + !!a3;
			c->copied = (nfds + 63) / 64 * 8 * c->sets;
			set_count(t, &c->watched);
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
	if (extra_on)
		extra_enter(t, s, a0);
	c->open = s + 1;
	return true;
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
	/* What the thread did since it last returned was not all work. */
	if (t)
		t->returned_ns = 0;
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
	if (extra_on)
		extra_return(t, s, ret, now);
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
	if (extra_on)
		wake_clear(t);
	t->returned_ns = 0;
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

static __always_inline void sleep_begin(struct thread *t, u64 now)
{
	if (extra_on)
		extra_sleep(t);
	t->call.slept_ns = now;
}

static __always_inline void sleep_end(struct call *c, u64 now)
{
	c->asleep_ns += now - c->slept_ns;
	if (extra_on)
		c->ran_ns = now;
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

#endif /* IOREADY_CALL_H */
