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
 *   far), a dying thread's by the ring buffer (the last word). &wait_row.told
 *   keeps a last word from being followed by another; a last word that comes while
 *   a snapshot is taken, of a row that this has told, is the next one's.
 * - A call that a thread is still in is told by a &struct open_record; through the
 *   ring, if the thread ended after the window did.
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
 * @LOSS_CHAINS: chains and turns that could not be counted: their thread was given
 *	no storage, or ended while the ring was full.
 * @LOSS_WAKES: wakes of a thread in a call that came, as an interrupt, while a kprobe was
 *	at work: no other runs then, so if a file made them, that was not seen.
 * @LOSS_WAKERS: wakes by wakers that found no room in their table.
 * @LOSS_FILES: files, epoll items and threads woken for a file that found no room in
 *	their table, each time they were met; or that were done with while the ring was
 *	full.
 * @LOSS_EVENTS: calls that are counted, but not told one by one, because the ring
 *	of events was full.
 * @LOSS_NOT_FOLLOWED: &not_followed: new threads of the traced command that could not be
 *	marked as its own; their calls are counted only from where a call could do so
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
	LOSS_CHAINS,
	LOSS_WAKES,
	LOSS_WAKERS,
	LOSS_FILES,
	LOSS_EVENTS,
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
 * @told: not 0: somebody has the last word, see the contract above
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
	__u32 told;
	__u32 histogram[HISTOGRAM_BUCKETS];
	__u32 pad;
};

/* The parts of the chain from ready to returned, each by what it ends with. */
enum chain_part {
	CHAIN_WOKEN,
	CHAIN_RUNNING,
	CHAIN_RETURNED,
	CHAIN_NR,
};

/**
 * struct chain_row - a thread's calls that a wake found asleep and that came back
 *	with something
 * @calls: how many
 * @sum_ns: of each part
 * @max_ns: the longest of each part
 * @histogram: of each part, as in &struct wait_row
 * @told: as in &struct wait_row
 */
struct chain_row {
	__u64 calls;
	__u64 sum_ns[CHAIN_NR];
	__u64 max_ns[CHAIN_NR];
	__u32 histogram[CHAIN_NR][HISTOGRAM_BUCKETS];
	__u32 told;
};

/**
 * struct turn_row - a thread's turns: its work between two wait calls. Not in its
 *	&struct chain_row, because 7.x has no task storage of over 8 KiB.
 * @turns: times that a wait call followed another
 * @switches: of the thread in all that work: of its own will, and not
 * @sum_ns: time in it
 * @max_ns: the longest turn
 * @histogram: as in &struct wait_row
 * @told: as in &struct wait_row
 */
struct turn_row {
	__u64 turns;
	__u64 switches[2];
	__u64 sum_ns;
	__u64 max_ns;
	__u32 histogram[HISTOGRAM_BUCKETS];
	__u32 told;
	__u32 pad[2];
};

/**
 * struct serve_row - what a thread did with what its chains told it was ready: the
 *	last part of the chain, from the return of the call to the end of the first
 *	read, write or accept on the file that woke it (see IO_FAMILY)
 * @served: times that this was done before the thread waited again
 * @nothing: of these, the ones that had nothing left to take (EAGAIN): another was
 *	quicker
 * @unserved: times that the thread waited again without
 * @sum_ns: of @served
 * @max_ns: the longest
 * @histogram: as in &struct wait_row
 * @told: as in &struct wait_row
 */
struct serve_row {
	__u64 served;
	__u64 nothing;
	__u64 unserved;
	__u64 sum_ns;
	__u64 max_ns;
	__u32 histogram[HISTOGRAM_BUCKETS];
	__u32 told;
	__u32 pad[2];
};

/**
 * struct fd_chain_row - the chains of one fd of an epoll (--chain-fds): as &struct
 *	chain_row and &struct serve_row, but that several threads may count in it at once
 * @start_ns, @tgid: the process, by its start in boot time
 * @epfd, @fd: the epoll it waited on, and the fd under which the item that woke it was
 *	registered; @epfd is -1 and @fd is -1 for the calls of select and poll, which
 *	forget
 * @calls: as in &struct chain_row
 * @served, @nothing, @unserved: as in &struct serve_row
 * @sum_ns, @max_ns, @histogram: by enum chain_part, the last for what was served; with
 *	two threads at once @max_ns may miss the longest
 */
struct fd_chain_row {
	__u64 start_ns;
	__u32 tgid;
	__s32 epfd;
	__s32 fd;
	__u32 pad;
	__u64 calls;
	__u64 served;
	__u64 nothing;
	__u64 unserved;
	__u64 sum_ns[CHAIN_NR + 1];
	__u64 max_ns[CHAIN_NR + 1];
	__u32 histogram[CHAIN_NR + 1][HISTOGRAM_BUCKETS];
};

/** struct fd_chain_key - by which it is found */
struct fd_chain_key {
	__u64 start_ns;
	__u32 tgid;
	__s32 epfd;
	__s32 fd;
	__u32 pad;
};

/* Fds that the table of --chain-fds holds; what does not fit is LOSS_FILES. */
#define FD_CHAINS_MAX 1024

/*
 * X(syscall): what takes from a file or gives to it; the fd is the first argument.
 * io_uring does so with no syscall of these, and is not seen.
 */
#define IO_FAMILY(X)	\
	X(read)		\
	X(readv)	\
	X(recvfrom)	\
	X(recvmsg)	\
	X(recvmmsg)	\
	X(accept)	\
	X(accept4)	\
	X(write)	\
	X(writev)	\
	X(sendto)	\
	X(sendmsg)	\
	X(sendmmsg)	\
	X(splice)	\
	X(sendfile64)

/**
 * enum herd_figure - what came of waking threads for a file
 * @HERD_WOKEN: threads that it woke out of wait calls
 * @HERD_SERVED: of these, the ones whose call then returned something
 * @HERD_EMPTY: and those whose call swept again, or returned nothing. What is in
 *	neither is under way.
 */
enum herd_figure {
	HERD_WOKEN,
	HERD_SERVED,
	HERD_EMPTY,
	HERD_NR,
};

/**
 * struct file_row - a file that is waited for (--herd, --items)
 * @id: names it in this run; an address may be another's later
 * @start_ns: start of the process by which it was first seen, boot time
 * @ino, @dev, @mode: of its inode; what has no inode of its own (an eventfd)
 *	shares one; the device as major << 20 | minor
 * @tgid, @fd: in which process it was first seen, and as which fd; @fd is -1 where
 *	only select or poll waited for it, which forget
 * @touched: with --items, reads, writes and accepts on it (see IO_FAMILY)
 * @events: with --herd, times that it became ready and somebody of the run waited
 *	for it
 * @herd: by enum herd_figure
 * @family, @protocol, @state, @local, @local_port, @remote, @remote_port: of a socket,
 *	when it was first seen; as in &struct file_record
 * @name: what the kernel calls what has no inode of its own, as "[eventfd]"
 * @pad: 0
 * @first_thread_start_ns, @first_start_ns, @first_tgid, @first_tid, @first_comm: the
 *	first thread that it woke. Only if it wakes another has it a herd, of which the
 *	others have a &struct herd_row each; the rest is the first's.
 * @others: there are such
 */
struct file_row {
	__u64 id;
	__u64 start_ns;
	__u64 ino;
	__u32 dev;
	__u32 mode;
	__u32 tgid;
	__s32 fd;
	__u64 touched;
	__u64 events;
	__u64 herd[HERD_NR];
	__u64 first_thread_start_ns;
	__u64 first_start_ns;
	__u32 first_tgid;
	__u32 first_tid;
	char first_comm[16];
	char name[16];
	__u8 local[16];
	__u8 remote[16];
	__u16 local_port;
	__u16 remote_port;
	__u16 family;
	__u16 protocol;
	__u16 state;
	__u16 pad;
	__u32 others;
};

/**
 * struct herd_row - a thread that was woken for a file, and what came of it
 * @file_id: the file
 * @thread_start_ns, @start_ns, @tgid, @tid, @comm: the thread; @comm is its
 *	process's name, untrusted bytes, ends with a NUL
 * @herd: as in &struct file_row
 */
struct herd_row {
	__u64 file_id;
	__u64 thread_start_ns;
	__u64 start_ns;
	__u32 tgid;
	__u32 tid;
	char comm[16];
	__u64 herd[HERD_NR];
};

/** struct herd_key - by which it is found */
struct herd_key {
	__u64 file_id;
	__u64 thread_start_ns;
};

/** struct epoll_row - an epoll: the process and fd by which it was first seen */
struct epoll_row {
	__u64 start_ns;
	__u32 tgid;
	__s32 epfd;
};

/** struct item_key - an item of an epoll, by the kernel's own addresses */
struct item_key {
	__u64 epoll;
	__u64 file;
};

/**
 * struct item_row - what the waiting on an epoll cost for one of its items
 * @file_id: &file_row.id
 * @start_ns, @tgid, @epfd: process and fd by which the epoll was first seen
 * @fd: under which the item was registered
 * @events: asked for, with the kernel's own flags (EPOLLET, ...)
 * @fresh: something came since the item was last asked
 * @notified: times that the file told the item it had become ready
 * @scans: times that epoll_wait asked the file
 * @repolls: of these, the ones without news: asked again only because the item is
 *	level-triggered and was ready before
 * @stale: of the re-polls, the ones that found it no longer ready
 * @reported: scans that found it ready: it was told to the program
 * @unserved: of these, the ones with no read, write or accept on the file, by
 *	anybody in the run, since it was told last
 * @changes: epoll_ctl calls that added or modified it
 * @touched: &file_row.touched when it was told last
 */
struct item_row {
	__u64 file_id;
	__u64 start_ns;
	__u32 tgid;
	__s32 epfd;
	__s32 fd;
	__u32 events;
	__u64 fresh;
	__u64 notified;
	__u64 scans;
	__u64 repolls;
	__u64 stale;
	__u64 reported;
	__u64 unserved;
	__u64 changes;
	__u64 touched;
};

/* What the tables of --herd and --items hold; what does not fit is LOSS_FILES. */
#define FILES_MAX 65536
#define HERD_MAX 16384

/* In what a wake was issued. */
enum wake_context {
	CONTEXT_UNKNOWN,	/* this kernel does not tell */
	CONTEXT_PROCESS,
	CONTEXT_SOFTIRQ,
	CONTEXT_HARDIRQ,
	CONTEXT_NR,
};

/**
 * struct waker_key - who woke whom
 * @woken_start_ns: start of the woken process, boot time
 * @waker_start_ns: of the one that was on the CPU; that it did it is sure in
 *	CONTEXT_PROCESS alone, elsewhere an interrupt may have come by
 * @woken: tgid
 * @waker: tgid; 0: the idle task
 * @context: enum wake_context
 * @pad: 0
 */
struct waker_key {
	__u64 woken_start_ns;
	__u64 waker_start_ns;
	__u32 woken;
	__u32 waker;
	__u32 context;
	__u32 pad;
};

/**
 * struct waker - and how often
 * @wakes: wakes of threads that slept in a wait call
 * @comm: the waker's name; untrusted bytes, ends with a NUL
 */
struct waker {
	__u64 wakes;
	char comm[16];
};

/* Pairs that the table of wakers holds; what does not fit is LOSS_WAKERS. */
#define WAKERS_MAX 4096

enum record_kind {
	RECORD_WAIT = 1,
	RECORD_OPEN = 2,
	RECORD_CHAIN = 3,
	RECORD_EVENT = 4,
	RECORD_TURN = 5,
	RECORD_SERVE = 6,
	RECORD_FILE = 7,
	RECORD_ITEM = 8,
	RECORD_HERD = 9,
	RECORD_WOKEN = 10,
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

/* X(function, is epoll's): what select, poll and epoll leave on a file's wait queue. */
#define WAKE_FUNCTIONS(X)		\
	X(pollwake, false)	\
	X(ep_poll_callback, true)

/**
 * struct chain_record - one thread's chains
 * @head: RECORD_CHAIN
 * @row: the figures
 */
struct chain_record {
	struct record head;
	struct chain_row row;
};

/**
 * struct turn_record - one thread's turns
 * @head: RECORD_TURN
 * @row: the figures
 */
struct turn_record {
	struct record head;
	struct turn_row row;
};

/**
 * struct serve_record - what one thread did with what was ready
 * @head: RECORD_SERVE
 * @row: the figures
 */
struct serve_record {
	struct record head;
	struct serve_row row;
};

/**
 * struct watch_record - a file, an item or a thread of a herd. Through the ring comes
 *	the last word of a file or an item whose address may be another's from now on.
 * @head: RECORD_FILE, RECORD_ITEM or RECORD_HERD; of it, only kind and size are set
 * @file, @item, @herd: the one that @head says
 */
struct watch_record {
	struct record head;
	union {
		struct file_row file;
		struct item_row item;
		struct herd_row herd;
	};
};

/* Threads that a &struct woken_record names. */
#define WOKEN_MAX 8

/**
 * struct woken_record - a file became ready, and woke two threads or more
 * @head: RECORD_WOKEN; the process and thread that the CPU was in, which is the
 *	waker in CONTEXT_PROCESS alone
 * @ready_ns: when, monotonic
 * @file: as far as it was known by then; its id is 0 if it was forgotten, and its fd -1
 * @woken: threads that it woke
 * @context: enum wake_context
 * @tids: the first of them
 */
struct woken_record {
	struct record head;
	__u64 ready_ns;
	struct file_row file;
	__u32 woken;
	__u32 context;
	__u32 tids[WOKEN_MAX];
};

/*
 * Files: what the iterator of bpf/files.bpf.c writes for each fd that it is asked
 * about: an &struct item_record for each epoll item of the file, then a &struct
 * file_record. The source that borrows files fills in the same.
 */
enum file_record_kind {
	FILE_RECORD_FILE = 1,
	FILE_RECORD_ITEM = 2,
};

/* &file_record.known: which members have been told. */
#define KNOWN_INODE (1U << 0)		/* ino, dev */
#define KNOWN_READY (1U << 1)		/* ready */
#define KNOWN_NO_POLL (1U << 2)		/* it has no ->poll(): always ready; ready is set */
#define KNOWN_SOCKET (1U << 3)		/* family, type, protocol, state */
#define KNOWN_ADDRESS (1U << 4)		/* local..., remote..., path... */
#define KNOWN_RECEIVE (1U << 5)		/* receive: bytes of data that can be read */
#define KNOWN_SEND (1U << 6)		/* send: bytes of data that are not sent or acknowledged */
#define KNOWN_MEMORY (1U << 7)		/* receive, send: memory that the queues take instead */
#define KNOWN_BACKLOG (1U << 8)		/* backlog, backlog_max */
#define KNOWN_TAKEN (1U << 9)
#define KNOWN_PUT (1U << 10)
#define KNOWN_ITEMS (1U << 11)		/* all epoll items of the file have been told */

#define FILE_PATH_MAX 108
#define FILES_FD_MAX (1 << 20)	/* fds from here on are not told */

/**
 * struct file_record - an open file
 * @kind: FILE_RECORD_FILE
 * @fd: through which it was seen
 * @known: KNOWN_*
 * @ready: EPOLL events
 * @ino, @dev: its inode, the device as major << 20 | minor
 * @family, @type, @protocol, @state: of a socket, as the kernel numbers them
 * @local, @remote: IPv4 (4 bytes) or IPv6, network order
 * @local_port, @remote_port: host order
 * @receive, @send: see KNOWN_RECEIVE, KNOWN_SEND, KNOWN_MEMORY
 * @backlog, @backlog_max: connections that wait for accept(), and their limit
 * @taken: changes whenever something is taken from what is there to be read
 * @put: changes whenever something is written
 * @epoll: of an epoll, names it within one look
 * @path_size: bytes of @path; an abstract name begins with a NUL
 */
struct file_record {
	__u32 kind;
	__s32 fd;
	__u32 known;
	__u32 ready;
	__u64 ino;
	__u32 dev;
	__u16 family;
	__u16 type;
	__u16 protocol;
	__u16 state;
	__u16 local_port;
	__u16 remote_port;
	__u8 local[16];
	__u8 remote[16];
	__u32 backlog;
	__u32 backlog_max;
	__u64 receive;
	__u64 send;
	__u64 taken;
	__u64 put;
	__u64 epoll;
	__u32 path_size;
	__u8 path[FILE_PATH_MAX];
};

/**
 * struct item_record - an epoll item that watches the file told next
 * @kind: FILE_RECORD_ITEM
 * @fd: through which the file was seen
 * @item_fd: under which the item was registered
 * @queued: on the epoll's ready list
 * @epoll: as &file_record.epoll
 */
struct item_record {
	__u32 kind;
	__s32 fd;
	__s32 item_fd;
	__u32 queued;
	__u64 epoll;
};

/**
 * struct event_record - one call, when it returned
 * @head: RECORD_EVENT
 * @entered_ns, @returned_ns: when, monotonic
 * @asleep_ns: of that, off the CPU by its own will
 * @ready_ns, @woken_ns, @running_ns: of the chain, see bpf/chain.h; 0: none
 * @ret: what the kernel's function returned; an interrupted call's may be one of
 *	its own codes from 512 on
 * @scans: ->poll() calls, if @exact
 * @syscall: enum wait_syscall
 * @epfd: -1 where there is none
 * @watched: fds asked about; negative: not known
 * @sleeps: how often it slept
 * @restarts: how often it was broken off and went on
 * @exact: every ->poll() function was hooked
 * @wake_fd: the fd whose readiness woke it last, by the epoll item; -1: not known
 * @pad: 0
 */
struct event_record {
	struct record head;
	__u64 entered_ns;
	__u64 returned_ns;
	__u64 asleep_ns;
	__u64 ready_ns;
	__u64 woken_ns;
	__u64 running_ns;
	__s64 ret;
	__u64 scans;
	__u32 syscall;
	__s32 epfd;
	__s32 watched;
	__u32 sleeps;
	__u32 restarts;
	__u32 exact;
	__s32 wake_fd;
	__u32 pad;
};

/* Filters: how many -p and -t one run takes. */
#define FILTER_IDS_MAX 16

_Static_assert(HISTOGRAM_BUCKETS == 593, "histogram size is ABI");
_Static_assert(sizeof(struct wait_row) == 2552, "struct wait_row is ABI");
_Static_assert(sizeof(struct record) == 64, "struct record is ABI");
_Static_assert(sizeof(struct wait_record) == 2624, "struct wait_record is ABI");
_Static_assert(sizeof(struct chain_row) == 7176, "struct chain_row is ABI");
_Static_assert(sizeof(struct chain_record) == 7240, "struct chain_record is ABI");
_Static_assert(sizeof(struct turn_row) == 2424, "struct turn_row is ABI");
_Static_assert(sizeof(struct turn_record) == 2488, "struct turn_record is ABI");
_Static_assert(sizeof(struct waker_key) == 32, "struct waker_key is ABI");
_Static_assert(sizeof(struct serve_row) == 2424, "struct serve_row is ABI");
_Static_assert(sizeof(struct serve_record) == 2488, "struct serve_record is ABI");
_Static_assert(sizeof(struct fd_chain_row) == 9608, "struct fd_chain_row is ABI");
_Static_assert(sizeof(struct fd_chain_key) == 24, "struct fd_chain_key is ABI");
_Static_assert(sizeof(struct file_row) == 184, "struct file_row is ABI");
_Static_assert(sizeof(struct herd_key) == 16, "struct herd_key is ABI");
_Static_assert(sizeof(struct herd_row) == 72, "struct herd_row is ABI");
_Static_assert(sizeof(struct epoll_row) == 16, "struct epoll_row is ABI");
_Static_assert(sizeof(struct item_key) == 16, "struct item_key is ABI");
_Static_assert(sizeof(struct item_row) == 104, "struct item_row is ABI");
_Static_assert(sizeof(struct watch_record) == 248, "struct watch_record is ABI");
_Static_assert(sizeof(struct woken_record) == 296, "struct woken_record is ABI");
_Static_assert(sizeof(struct event_record) == 160, "struct event_record is ABI");
_Static_assert(sizeof(struct open_record) == 80, "struct open_record is ABI");
_Static_assert(sizeof(struct file_record) == 232, "struct file_record is ABI");
_Static_assert(sizeof(struct item_record) == 24, "struct item_record is ABI");

#endif /* IOREADY_ABI_H */
