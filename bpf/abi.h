/* SPDX-License-Identifier: (GPL-2.0-only OR GPL-2.0-or-later) */
/*
 * abi.h - what the programs in bpf/ and the collector in user/ say to each
 * other. Included by both sides, never copied.
 *
 * Contract
 * --------
 * - A thread's figures live in its own task storage, one &struct wait_row for
 *   each syscall of the family that it used. Only the thread itself writes its
 *   row, so the hot path needs no atomics; every field only grows.
 * - A row reaches the collector as a &struct wait_record, in one of two ways:
 *   a living thread's by the task iterator (a snapshot of what stands there so
 *   far), a dying thread's by the ring buffer (the last word). &wait_row.claim
 *   says which of the two won when both happen at once, so that no row is
 *   counted twice or not at all.
 * - A call that a thread is still in is told by a &struct open_record.
 * - All times are nanoseconds. Durations are CLOCK_MONOTONIC; start times of
 *   threads are CLOCK_BOOTTIME, as in /proc/PID/stat.
 * - Fixed widths, explicit padding, sizes asserted below. Both sides are built
 *   together and the skeleton carries the programs, so they cannot drift.
 */
#ifndef IOREADY_ABI_H
#define IOREADY_ABI_H

#include <linux/types.h>

/*
 * The wait family: X(syscall, mechanism). The one list that hooks, maps,
 * model and printers are made from; its order is the ABI.
 */
#define WAIT_FAMILY(X)		\
	X(select, SELECT)	\
	X(pselect6, SELECT)	\
	X(poll, POLL)		\
	X(ppoll, POLL)		\
	X(epoll_wait, EPOLL)	\
	X(epoll_pwait, EPOLL)	\
	X(epoll_pwait2, EPOLL)	\
	X(epoll_ctl, EPOLL)

enum wait_syscall {
#define X(name, mechanism) WAIT_##name,
	WAIT_FAMILY(X)
#undef X
	WAIT_NR,
};

enum wait_mechanism {
	MECHANISM_SELECT,
	MECHANISM_POLL,
	MECHANISM_EPOLL,
	MECHANISM_NR,
};

/* How a call came back. */
enum wait_returned {
	RETURNED_READY,		/* with one ready fd or more */
	RETURNED_TIMEOUT,	/* with 0 */
	RETURNED_SIGNAL,	/* interrupted: EINTR or a restart to come */
	RETURNED_ERROR,		/* any other error */
	RETURNED_DONE,		/* epoll_ctl only: it changed the interest list */
	RETURNED_NR,
};

/*
 * Why something is not in the figures. Each is counted where it happens.
 *
 * @LOSS_BEGUN_BEFORE: calls that returned in the window and were begun before it.
 * @LOSS_ENTRY_UNSEEN: calls that returned and whose entry was not seen.
 * @LOSS_EXIT_UNSEEN: calls whose entry was seen and whose return was not.
 * @LOSS_NO_MEMORY: calls whose thread or row could not be given storage.
 * @LOSS_RING_FULL: calls of threads that ended while the ring was full.
 * @LOSS_KILLED: calls whose thread ended inside them. A signal that kills is no
 *	such case: the call returns first.
 * @LOSS_FAULT: calls that are counted but whose watched set could not be read.
 * @LOSS_HISTOGRAM: calls that are counted but missing in the latency
 *	histogram, because a bucket had reached its 2^32 - 1.
 * @LOSS_NOT_FOLLOWED: new threads of the traced command that could not be
 *	marked as its own; none of their calls is counted.
 */
enum loss {
	LOSS_BEGUN_BEFORE,
	LOSS_ENTRY_UNSEEN,
	LOSS_EXIT_UNSEEN,
	LOSS_NO_MEMORY,
	LOSS_RING_FULL,
	LOSS_KILLED,
	LOSS_FAULT,
	LOSS_HISTOGRAM,
	LOSS_NOT_FOLLOWED,
	LOSS_NR,
};

/*
 * Latency histogram: log-linear, 16 buckets an octave. A value below 16 ns has
 * a bucket of its own; a bucket [low, low + low / 16) is told by its middle,
 * so the relative error is at most 1/32. The last bucket takes everything
 * from 2^HISTOGRAM_OCTAVES ns (18 minutes) on.
 */
#define HISTOGRAM_SUB_BITS 4
#define HISTOGRAM_OCTAVES 40
#define HISTOGRAM_BUCKETS (((HISTOGRAM_OCTAVES - HISTOGRAM_SUB_BITS + 1) << HISTOGRAM_SUB_BITS) + 1)

/* &wait_row.claim: free, or last read by the snapshot of that number, or: */
#define CLAIM_EXITED 0xffffffffU

/**
 * struct wait_row - what one thread's calls of one syscall cost
 * @returned: calls, by how they came back; their sum is the number of calls
 * @watched: sum of watched fds over the @watched_calls where it is known
 * @watched_calls: calls whose watched set could be read
 * @passes: sweeps over the watched fds
 * @scans: ->poll() calls, derived from watched fds and passes
 * @ready: sum of what the calls returned
 * @found: fds that a scan found something asked for on
 * @found_unsure: calls whose @found may hold fds that have no ->poll()
 * @copied: bytes that crossed between user and kernel
 * @wakeups: times a sleeping call was made runnable by a wait queue
 * @wakeups_empty: of those, the ones after which it found nothing
 * @total_ns: time from entry to return
 * @asleep_ns: of that, off the CPU by its own will, until it ran again
 * @max_ns: the longest call
 * @exact_calls: calls during which every ->poll() function was hooked
 * @exact_scans: ->poll() calls counted in them
 * @exact_derived: what @scans says of the same calls
 * @watched_max: the largest watched set seen
 * @claim: see the contract above
 * @histogram: latencies; stops at 2^32 - 1 (LOSS_HISTOGRAM)
 */
struct wait_row {
	__u64 returned[RETURNED_NR];
	__u64 watched;
	__u64 watched_calls;
	__u64 passes;
	__u64 scans;
	__u64 ready;
	__u64 found;
	__u64 found_unsure;
	__u64 copied;
	__u64 wakeups;
	__u64 wakeups_empty;
	__u64 total_ns;
	__u64 asleep_ns;
	__u64 max_ns;
	__u64 exact_calls;
	__u64 exact_scans;
	__u64 exact_derived;
	__u32 watched_max;
	__u32 claim;
	__u32 histogram[HISTOGRAM_BUCKETS];
	__u32 pad;
};

enum record_kind {
	RECORD_WAIT = 1,
	RECORD_OPEN = 2,
};

/**
 * struct record - the head of every record
 * @kind: enum record_kind
 * @size: of the whole record
 * @tgid: process, in the initial PID namespace
 * @tid: thread, likewise
 * @start_ns: start of the process, boot time
 * @thread_start_ns: start of the thread, boot time
 * @comm: name of the process; untrusted bytes, ends with a NUL
 * @thread_comm: name of the thread, likewise
 */
struct record {
	__u32 kind;
	__u32 size;
	__u32 tgid;
	__u32 tid;
	__u64 start_ns;
	__u64 thread_start_ns;
	char comm[16];
	char thread_comm[16];
};

/**
 * struct wait_record - one thread's row of one syscall
 * @head: RECORD_WAIT
 * @syscall: enum wait_syscall
 * @epfd: the epoll fd of the last call, -1 where there is none
 * @row: the figures
 */
struct wait_record {
	struct record head;
	__u32 syscall;
	__s32 epfd;
	struct wait_row row;
};

/**
 * struct open_record - a call that the thread is in while the snapshot is taken
 * @head: RECORD_OPEN
 * @syscall: enum wait_syscall
 * @epfd: as above
 * @since_ns: entry, monotonic; 0 when the call began before the window
 */
struct open_record {
	struct record head;
	__u32 syscall;
	__s32 epfd;
	__u64 since_ns;
};

/* Filters: how many -p and -t one run takes. */
#define FILTER_IDS_MAX 16

_Static_assert(HISTOGRAM_BUCKETS == 593, "histogram size is ABI");
_Static_assert(sizeof(struct wait_row) == 2552, "struct wait_row is ABI");
_Static_assert(sizeof(struct record) == 64, "struct record is ABI");
_Static_assert(sizeof(struct wait_record) == 2624, "struct wait_record is ABI");
_Static_assert(sizeof(struct open_record) == 80, "struct open_record is ABI");

#endif /* IOREADY_ABI_H */
