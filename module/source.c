// SPDX-License-Identifier: GPL-2.0-only
/*
 * source.c - a readiness source.
 *
 * LOCKING
 *
 *   source->waiters.lock	the lock of the wait queue; guards all of a source
 *   └ the waiters' own locks	taken by their wake functions: epoll's, the runqueue's
 *
 * - The wait queue's own lock and no second one, as in eventfd: what is ready and
 *   who is told of it change in one step, so that no waiter is added between the
 *   look at the events and the wake, and every count is as of one moment.
 * - It is taken with interrupts off, because the timer takes it in its interrupt.
 * - ->poll() is called with epoll's mutexes held, and adds a waiter, which takes
 *   the lock: so nothing may be done under it that sleeps or that polls.
 * - The timer is never cancelled under the lock, which its function takes. Instead
 *   the function looks under the lock whether a change is pending and due: one
 *   that was replaced or cancelled meanwhile is not, and it does nothing.
 * - SIGIO is sent and blocked readers are woken after the lock is dropped: both
 *   have locks of their own, and neither is counted.
 */
#include "source.h"

#include <linux/fs.h>
#include <linux/hrtimer.h>
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/wait.h>

#include "compat.h"
#include "trace.h"

#define READABLE (EPOLLIN | EPOLLRDNORM)
#define WRITABLE (EPOLLOUT | EPOLLWRNORM | EPOLLWRBAND)
#define URGENT (EPOLLPRI | EPOLLRDBAND)

static unsigned int sources_max = 65536;
module_param(sources_max, uint, 0644);
MODULE_PARM_DESC(sources_max, "how many sources may be open at once (65536)");

static atomic_t sources = ATOMIC_INIT(0);
static atomic64_t numbers = ATOMIC64_INIT(0);
static struct kmem_cache *cache;

/**
 * struct ioready_source - a source
 * @waiters: those whom ->poll() added; its lock guards what follows
 * @count: what ioready_source_count() hands out; @count.ready is what is ready
 * @pending: the change to come, while @pending.at_ns is not 0
 * @readable_ns: since when it is ready for reading
 * @sets: changes that set it so since the last read
 * @timer: makes @pending
 * @readers: those who block in read()
 * @fasync: those who want SIGIO; has its own locking
 */
struct ioready_source {
	wait_queue_head_t waiters;
	struct ioready_counters count;
	struct ioready_change pending;
	u64 readable_ns;
	u64 sets;

	struct hrtimer timer;
	wait_queue_head_t readers;
	struct fasync_struct *fasync;
};

/*
 * Wakes as __wake_up() does, and counts whom. The kernel's own function tells
 * nobody what the waiters' functions return, which alone says who was woken.
 */
static void wake(struct ioready_source *source, __poll_t events, u64 now)
{
	struct wait_queue_entry *waiter, *next;
	u32 called = 0, woken = 0;

	list_for_each_entry_safe(waiter, next, &source->waiters.head, entry) {
		/* Its owner may be gone as soon as its function has run. */
		unsigned int flags = waiter->flags;
		int ret = waiter->func(waiter, TASK_NORMAL, 0, poll_to_key(events));

		called++;
		if (ret < 0)
			break;
		woken += !!ret;
		if (ret && (flags & WQ_FLAG_EXCLUSIVE))
			break;
	}
	source->count.wakes++;
	source->count.waiters_called += called;
	source->count.waiters_woken += woken;
	source->count.wake_ns = now;
	trace_ioready_wake(source->count.source, (__force u32)events, now, called, woken);
}

/* Makes a change; with the lock held. @late_ns: of a timed one. */
static void change_make(struct ioready_source *source, u32 clear, u32 set, u64 late_ns)
{
	u32 was = source->count.ready;
	u32 ready = (was & ~clear) | set;
	u64 now;

	lockdep_assert_held(&source->waiters.lock);
	source->count.changes++;
	source->count.ready = ready;
	if (!set)
		return;
	/* As late as can be: from here on it is ready. */
	now = ktime_get_ns();
	if (set & (__force u32)READABLE) {
		if (!(was & ~clear & (__force u32)READABLE)) {
			source->readable_ns = now;
			source->sets = 0;
		}
		source->sets++;
	}
	if (!(was & ~clear)) {
		source->count.ready_ns = now;
		trace_ioready_ready(source->count.source, ready, now, late_ns);
	}
	wake(source, (__force __poll_t)set, now);
}

/* What is done for a change after the lock is dropped. */
static void change_signal(struct ioready_source *source, u32 set)
{
	__poll_t events = (__force __poll_t)set;

	if (events & (READABLE | EPOLLHUP))
		wake_up_interruptible_all(&source->readers);
	if (events & READABLE)
		kill_fasync(&source->fasync, SIGIO, POLL_IN);
	if (events & WRITABLE)
		kill_fasync(&source->fasync, SIGIO, POLL_OUT);
	if (events & URGENT)
		kill_fasync(&source->fasync, SIGIO, POLL_PRI);
}

static enum hrtimer_restart timer_expire(struct hrtimer *timer)
{
	struct ioready_source *source = container_of(timer, struct ioready_source, timer);
	unsigned long flags;
	u32 set = 0;
	u64 now;

	spin_lock_irqsave(&source->waiters.lock, flags);
	now = ktime_get_ns();
	if (source->pending.at_ns && source->pending.at_ns <= now) {
		set = source->pending.set;
		source->count.timers++;
		source->count.late_ns = now - source->pending.at_ns;
		source->pending.at_ns = 0;
		change_make(source, source->pending.clear, set, source->count.late_ns);
	}
	spin_unlock_irqrestore(&source->waiters.lock, flags);
	change_signal(source, set);
	return HRTIMER_NORESTART;
}

int ioready_change_check(const struct ioready_change *change)
{
	if ((change->set | change->clear) & ~IOREADY_EVENTS || change->set & change->clear ||
	    change->flags & ~IOREADY_CANCEL || change->pad || change->reserved)
		return -EINVAL;
	if (change->at_ns && (change->flags & IOREADY_CANCEL || change->at_ns > KTIME_MAX))
		return -EINVAL;
	if (!change->set && !change->clear && !(change->flags & IOREADY_CANCEL))
		return -EINVAL;
	return 0;
}

void ioready_source_change(struct ioready_source *source, const struct ioready_change *change)
{
	u32 set = 0;

	spin_lock_irq(&source->waiters.lock);
	if (source->pending.at_ns && (change->at_ns || change->flags & IOREADY_CANCEL)) {
		source->pending.at_ns = 0;
		source->count.timers_dropped++;
	}
	if (change->at_ns) {
		source->pending = *change;
		/* Under the lock, so that the timer's time is that of what is pending. */
		hrtimer_start(&source->timer, ns_to_ktime(change->at_ns), HRTIMER_MODE_ABS);
	} else if (change->set | change->clear) {
		set = change->set;
		change_make(source, change->clear, set, 0);
	}
	spin_unlock_irq(&source->waiters.lock);
	change_signal(source, set);
}

__poll_t ioready_source_poll(struct ioready_source *source, struct file *file, poll_table *table)
{
	bool waits = poll_waits(table);
	__poll_t asked = poll_requested_events(table);
	unsigned long flags;
	__poll_t ready;

	/* Before it is there, lest more are seen on the queue than were added. */
	spin_lock_irqsave(&source->waiters.lock, flags);
	source->count.waiters_added += waits;
	spin_unlock_irqrestore(&source->waiters.lock, flags);
	/* Before the look: what is set after the look then finds the waiter there. */
	poll_wait(file, &source->waiters, table);
	spin_lock_irqsave(&source->waiters.lock, flags);
	ready = (__force __poll_t)source->count.ready;
	source->count.polls++;
	source->count.polls_waiting += waits;
	source->count.polls_found += !!(ready & asked);
	source->count.masks |= (__force u32)ready;
	spin_unlock_irqrestore(&source->waiters.lock, flags);
	trace_ioready_poll(source->count.source, (__force u32)asked, (__force u32)ready, waits);
	return ready;
}

/* As ioready_source_take() with nowait. */
static int take(struct ioready_source *source, struct ioready_readiness *readiness)
{
	int ret = -EAGAIN;

	spin_lock_irq(&source->waiters.lock);
	if (source->count.ready & (__force u32)READABLE) {
		readiness->ready_ns = source->readable_ns;
		readiness->sets = source->sets;
		source->count.ready &= ~(__force u32)READABLE;
		source->count.reads++;
		ret = 1;
	} else if (source->count.ready & (__force u32)EPOLLHUP) {
		ret = 0;
	}
	spin_unlock_irq(&source->waiters.lock);
	return ret;
}

int ioready_source_take(struct ioready_source *source, struct ioready_readiness *readiness,
			bool nowait)
{
	int taken, ret;

	taken = take(source, readiness);
	if (taken != -EAGAIN || nowait)
		return taken;
	ret = wait_event_interruptible(source->readers,
				       (taken = take(source, readiness)) != -EAGAIN);
	return ret ?: taken;
}

int ioready_source_fasync(struct ioready_source *source, int fd, struct file *file, int on)
{
	return fasync_helper(fd, file, on, &source->fasync);
}

void ioready_source_count(struct ioready_source *source, struct ioready_counters *counters)
{
	struct wait_queue_entry *waiter;
	u64 waiting = 0;

	spin_lock_irq(&source->waiters.lock);
	list_for_each_entry(waiter, &source->waiters.head, entry)
		waiting++;
	*counters = source->count;
	spin_unlock_irq(&source->waiters.lock);
	/* Who takes itself off the queue tells nobody: what is not there any more did. */
	counters->waiters_removed = counters->waiters_added - waiting;
}

struct ioready_source *ioready_source_create(void)
{
	struct ioready_source *source;

	if (atomic_inc_return(&sources) > READ_ONCE(sources_max)) {
		atomic_dec(&sources);
		return ERR_PTR(-ENFILE);
	}
	source = kmem_cache_zalloc(cache, GFP_KERNEL_ACCOUNT);
	if (!source) {
		atomic_dec(&sources);
		return ERR_PTR(-ENOMEM);
	}
	init_waitqueue_head(&source->waiters);
	init_waitqueue_head(&source->readers);
	hrtimer_setup(&source->timer, timer_expire, CLOCK_MONOTONIC, HRTIMER_MODE_ABS);
	source->count.source = atomic64_inc_return(&numbers);
	return source;
}

void ioready_source_destroy(struct ioready_source *source)
{
	hrtimer_cancel(&source->timer);
	kmem_cache_free(cache, source);
	atomic_dec(&sources);
}

unsigned int ioready_sources(unsigned int *max)
{
	*max = READ_ONCE(sources_max);
	return atomic_read(&sources);
}

int ioready_sources_init(void)
{
	cache = KMEM_CACHE(ioready_source, SLAB_ACCOUNT);
	return cache ? 0 : -ENOMEM;
}

void ioready_sources_exit(void)
{
	kmem_cache_destroy(cache);
}
