/* SPDX-License-Identifier: GPL-2.0-only */
/* event.h - calls told one by one, when they return. */
#ifndef IOREADY_EVENT_H
#define IOREADY_EVENT_H

#include "family.h"
#include "filter.h"
#include "maps.h"
#include "record.h"

static __always_inline bool event_wanted(const u32 s, const struct call *c, s64 ret, u64 ns)
{
	u32 how = returned_how(s, ret);

	/* A sleep that was ended by what ended the call was not for nothing. */
	if (event_empty && how != RETURNED_TIMEOUT &&
	    c->sleeps <= (how == RETURNED_READY || how == RETURNED_SIGNAL) + c->restarts)
		return false;
	if (event_failed && how != RETURNED_ERROR)
		return false;
	return ns >= event_min_ns;
}

/* Tells the call that @t has just returned from, at @now with @ret. */
static __always_inline void event_tell(const u32 s, struct task_struct *task, struct thread *t,
				       s64 ret, u64 now)
{
	struct call *c = &t->call;
	struct event_record *r;

	if (!event_wanted(s, c, ret, now - c->entered_ns))
		return;
	r = bpf_ringbuf_reserve(&events, sizeof(*r), 0);
	if (!r) {
		lose(LOSS_EVENTS, 1);
		return;
	}
	record_fill(&r->head, task, RECORD_EVENT, sizeof(*r));
	r->entered_ns = c->entered_ns;
	r->returned_ns = now;
	r->asleep_ns = c->asleep_ns;
	r->ready_ns = chain_on && c->woken_ns ? c->ready_ns : 0;
	r->woken_ns = chain_on ? c->woken_ns : 0;
	r->running_ns = chain_on && c->woken_ns ? c->ran_ns : 0;
	r->ret = ret;
	r->scans = c->scans;
	r->syscall = s;
	r->epfd = is_epoll_wait(s) ? t->epfd : -1;
	r->watched = is_epoll_wait(s) || s == WAIT_epoll_ctl ? -1 : c->watched;
	r->sleeps = c->sleeps;
	r->restarts = c->restarts;
	r->exact = c->epoch & 1 && c->epoch == epoch;
	r->wake_fd = t->cause.fd;
	r->pad = 0;
	/* The collector drains on a timer. */
	bpf_ringbuf_submit(r, BPF_RB_NO_WAKEUP);
}

#endif /* IOREADY_EVENT_H */
