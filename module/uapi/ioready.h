/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * uapi/ioready.h - the contract of /dev/ioready, a readiness source whose truth
 * is known. Included by the module, the tool and the tests, never copied.
 *
 * The device
 * ----------
 * Each open() of /dev/ioready makes one source; what shares the open file (dup,
 * fork, SCM_RIGHTS) shares the source. A source is a set of ready events, empty
 * at first, which only a change (below) and read() alter. It counts what is done
 * to it, by whomever.
 *
 * The events are those of poll(2) and epoll(7), by their EPOLL numbers, which
 * are the same on all architectures: IOREADY_EVENTS are those that can be set.
 *
 * All times are nanoseconds of CLOCK_MONOTONIC.
 *
 * open	 EPERM, EACCES: the node is root's (0600).
 *	 ENFILE: the module parameter sources_max is reached.
 *	 ENOMEM: no memory, or none left in the opener's cgroup, which pays.
 *
 * read	 Takes the readiness for reading (EPOLLIN, EPOLLRDNORM) away and returns
 *	 when it came, a &struct ioready_readiness. Blocks while there is none,
 *	 if O_NONBLOCK is not set; while EPOLLHUP is set and there is none,
 *	 returns 0.
 *	 EINVAL: the buffer is shorter than the structure.
 *	 EAGAIN: there is none, and O_NONBLOCK (or RWF_NOWAIT) is set.
 *	 EINTR: a signal came while it blocked. EFAULT: a bad buffer; what it
 *	 had taken away is lost, as with a pipe.
 *
 * poll	 select, poll, epoll and io_uring find the set events ready.
 *
 * fasync	 O_ASYNC: a SIGIO for each change and each of the kinds that it sets
 *	 events of: reading, writing, urgent data.
 *
 * close of the last reference ends the source and its pending change.
 *
 * Changes
 * -------
 * A &struct ioready_change takes events away (@clear) and then sets events
 * (@set), in one step, now or at a time. A change that sets anything issues one
 * wake with just these events as its key, also when they were set before, as
 * more data on a socket would. A change that only clears wakes nobody.
 *
 * A source has at most one pending change: a timed one replaces it. One that is
 * made at once leaves it pending, unless it says IOREADY_CANCEL. A time that is
 * past already is as soon as the timer's interrupt comes.
 *
 * ioctls
 * ------
 * Each structure's reserved fields must be 0 on the way in (EINVAL otherwise)
 * and are 0 on the way out; a later version may give them a meaning, and says so
 * in IOREADY_INFO's @version. Every ioctl may fail with EFAULT (bad pointer);
 * one that is not listed here fails with ENOTTY. The layout is the same for
 * 32-bit callers.
 *
 * IOREADY_INFO	out: version and limits.
 *
 * IOREADY_CHANGE	in: one change of this source.
 *	 EINVAL: an event not in IOREADY_EVENTS, one both in @set and in @clear,
 *	 an unknown flag, a time together with IOREADY_CANCEL, or nothing at all
 *	 to do.
 *
 * IOREADY_BATCH	in, out: changes of many sources, made in their order. The
 *	 whole batch is checked before the first is made: if a member is bad,
 *	 nothing is changed, and @failed tells the first bad member's index.
 *	 (Beyond that, a batch is not atomic: its members are changed one after
 *	 the other, each seen as soon as it is made. Those with the same time
 *	 share one timer interrupt as far as the kernel can.)
 *	 E2BIG: @count is above the module parameter batch_max.
 *	 EBADF: a member's fd is not open, or not a source. EINVAL: its change is
 *	 bad, as above. In all other cases @failed is @count.
 *	 ENOMEM: no memory for it. A batch of 0 is done at once.
 *	 EFAULT: also if only @failed could not be written; then it was made.
 *
 * IOREADY_COUNTERS	out: what was done to this source so far, all as of one
 *	 moment. Counters only grow; who wants a difference reads twice.
 */
#ifndef IOREADY_UAPI_H
#define IOREADY_UAPI_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define IOREADY_DEVICE "/dev/ioready"
#define IOREADY_ABI_VERSION 1

/*
 * EPOLLIN, EPOLLPRI, EPOLLOUT, EPOLLERR, EPOLLHUP, EPOLLRDNORM, EPOLLRDBAND,
 * EPOLLWRNORM, EPOLLWRBAND, EPOLLMSG, EPOLLRDHUP
 */
#define IOREADY_EVENTS 0x000027dfU

/* Flags of a change. */
#define IOREADY_CANCEL 1U	/* drop the pending change */

/**
 * struct ioready_info - the module
 * @version: IOREADY_ABI_VERSION of the module
 * @events: what can be set
 * @sources: open now, in the whole system
 * @sources_max: how many may be
 * @batch_max: members of one batch
 * @pad: 0
 * @reserved: 0
 */
struct ioready_info {
	__u32 version;
	__u32 events;
	__u32 sources;
	__u32 sources_max;
	__u32 batch_max;
	__u32 pad;
	__aligned_u64 reserved[5];
};

/**
 * struct ioready_change - a change of one source
 * @clear: events to take away first
 * @set: events to set then
 * @at_ns: when; 0: now, before the ioctl returns
 * @flags: IOREADY_CANCEL or 0
 * @pad: must be 0
 * @reserved: must be 0
 */
struct ioready_change {
	__u32 clear;
	__u32 set;
	__aligned_u64 at_ns;
	__u32 flags;
	__u32 pad;
	__aligned_u64 reserved;
};

/**
 * struct ioready_member - a change within a batch
 * @fd: of the source
 * @pad: must be 0
 * @change: what to do to it
 */
struct ioready_member {
	__s32 fd;
	__u32 pad;
	struct ioready_change change;
};

/**
 * struct ioready_batch - changes of many sources
 * @members: pointer to an array of &struct ioready_member
 * @count: its length
 * @failed: out: index of the first bad member; @count if there is none
 * @reserved: must be 0
 */
struct ioready_batch {
	__aligned_u64 members;
	__u32 count;
	__u32 failed;
	__aligned_u64 reserved[2];
};

/**
 * struct ioready_readiness - what read() returns
 * @ready_ns: when the source became ready for reading
 * @sets: changes that set EPOLLIN or EPOLLRDNORM since the last read; at least 1
 */
struct ioready_readiness {
	__aligned_u64 ready_ns;
	__aligned_u64 sets;
};

/**
 * struct ioready_counters - what was done to a source
 * @source: its number, which its trace events carry too; never used twice
 * @polls: calls of its ->poll()
 * @polls_waiting: of these, the ones that came with a wait queue to be added to
 * @polls_found: of @polls, those that found an event which the caller asked for
 * @masks: all events that ->poll() ever returned, or-ed
 * @ready: events set now
 * @waiters_added: entries that ->poll() had added to the source's wait queue, or
 *	would have, had its caller found memory for them
 * @waiters_removed: of these, the ones taken off again; one that is just being
 *	added is among them for that moment
 * @wakes: wakes issued
 * @waiters_called: wait queue entries whose wake function a wake called
 * @waiters_woken: of these, the ones that said they woke somebody. A thread in
 *	select or poll is woken once however many of its fds become ready; an
 *	epoll item always says so, whether or not a thread waits on its epoll.
 * @changes: changes made, timed ones when their time had come
 * @timers: of these, those made by the timer
 * @timers_dropped: timed changes that were replaced or cancelled before
 * @reads: reads that took readiness away
 * @ready_ns: when an event was last set while none was, or none was left of those
 *	that the same change had found; 0: never
 * @wake_ns: when the last wake was issued; 0: never
 * @late_ns: by how much the last timed change came late
 * @reserved: 0
 */
struct ioready_counters {
	__aligned_u64 source;
	__aligned_u64 polls;
	__aligned_u64 polls_waiting;
	__aligned_u64 polls_found;
	__u32 masks;
	__u32 ready;
	__aligned_u64 waiters_added;
	__aligned_u64 waiters_removed;
	__aligned_u64 wakes;
	__aligned_u64 waiters_called;
	__aligned_u64 waiters_woken;
	__aligned_u64 changes;
	__aligned_u64 timers;
	__aligned_u64 timers_dropped;
	__aligned_u64 reads;
	__aligned_u64 ready_ns;
	__aligned_u64 wake_ns;
	__aligned_u64 late_ns;
	__aligned_u64 reserved[7];
};

#define IOREADY_IOC 0xeb
#define IOREADY_INFO _IOR(IOREADY_IOC, 0, struct ioready_info)
#define IOREADY_CHANGE _IOW(IOREADY_IOC, 1, struct ioready_change)
#define IOREADY_BATCH _IOWR(IOREADY_IOC, 2, struct ioready_batch)
#define IOREADY_COUNTERS _IOR(IOREADY_IOC, 3, struct ioready_counters)

#ifndef __cplusplus
_Static_assert(sizeof(struct ioready_info) == 64, "struct ioready_info is ABI");
_Static_assert(sizeof(struct ioready_change) == 32, "struct ioready_change is ABI");
_Static_assert(sizeof(struct ioready_member) == 40, "struct ioready_member is ABI");
_Static_assert(sizeof(struct ioready_batch) == 32, "struct ioready_batch is ABI");
_Static_assert(sizeof(struct ioready_readiness) == 16, "struct ioready_readiness is ABI");
_Static_assert(sizeof(struct ioready_counters) == 192, "struct ioready_counters is ABI");
#endif

#endif /* IOREADY_UAPI_H */
