/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A look at one process: who watches which of its fds, and what is known of the
 * files behind them. Plain data, between the sources that fill it in (process.c,
 * files.c, borrow.c) and the model that compares two of them.
 */
#ifndef IOREADY_LOOK_H
#define IOREADY_LOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "abi.h"

/* A process that watches more is told in part: what memory a look may take. */
#define LOOK_WATCHES_MAX (1 << 20)

/*
 * Kinds of file: X(kind, name, ask). Only files whose ->poll() is known to take
 * nothing and to start nothing are asked what is ready. That of a perf event, of
 * a sysctl, of /proc/self/mounts or of a pressure file takes the notice away from
 * whom it was for, that of a video device starts it, that of a FUSE file asks
 * another process, and a signalfd answers for the signals of who asks. That of an epoll
 * asks its items, whatever they are, and takes off its list what says that it is not ready.
 */
#define FILE_KINDS(X)				\
	X(SOCKET, "socket", true)		\
	X(PIPE, "pipe", true)			\
	X(EVENTFD, "eventfd", true)		\
	X(TIMERFD, "timerfd", true)		\
	X(INOTIFY, "inotify", true)		\
	X(FANOTIFY, "fanotify", true)		\
	X(PIDFD, "pidfd", true)			\
	X(URING, "io_uring", true)		\
	X(TTY, "tty", true)			\
	X(QUIET_DEVICE, "device", true)		\
	X(EPOLL, "epoll", false)		\
	X(SIGNALFD, "signalfd", false)		\
	X(DEVICE, "device", false)		\
	X(REGULAR, "file", false)		\
	X(OTHER, "other", false)

enum file_kind {
#define X(kind, name, ask) FILE_##kind,
	FILE_KINDS(X)
#undef X
	FILE_KIND_NR,
};

/**
 * struct watch - one fd that an epoll or a call in progress watches
 * @by: mechanism
 * @watcher: fd of the epoll, or the thread that is in the call
 * @fd: as it was registered, or given to the call
 * @asked: EPOLL events, with the kernel's own flags (EPOLLET, ...)
 * @data: of an epoll item, what the program gets back
 * @ino, @dev: of an epoll item, the file that it watches; @dev in the kernel's form
 */
struct watch {
	enum wait_mechanism by;
	uint32_t watcher;
	int32_t fd;
	uint32_t asked;
	uint64_t data;
	uint64_t ino;
	uint32_t dev;
};

enum thread_state {
	THREAD_WAITS,		/* asleep in a call of the family */
	THREAD_ELSEWHERE,	/* asleep in something else, or stopped */
	THREAD_RUNS,		/* runs, or has just run: what it does is not told */
	THREAD_RESTARTED,	/* in a call that a signal broke off, and not told which */
	THREAD_UNTOLD,		/* a 32-bit program's, or the kernel does not say */
};

/**
 * struct look_thread - what a thread does
 * @tid, @comm: which; @comm is untrusted bytes
 * @state: now
 * @syscall: with THREAD_WAITS
 * @epfd: of an epoll_wait, else -1
 * @unread: what the call watches could not be read
 * @run_ns, @runs: time on the CPU and times it was put there; @runs_known or 0
 */
struct look_thread {
	uint32_t tid;
	char comm[16];
	enum thread_state state;
	enum wait_syscall syscall;
	int32_t epfd;
	bool unread;
	bool runs_known;
	uint64_t run_ns;
	uint64_t runs;
};

/**
 * struct look_file - an open file that is watched, or is an epoll
 * @fd: which
 * @kind: of file
 * @ino, @dev: as @watch has them; 0 where stat(2) cannot tell the kernel's own
 * @name: what /proc says; untrusted bytes
 * @r: what is known beyond that, by @r.known
 * @refused: asking what is ready failed: -errno, or 0
 */
struct look_file {
	int32_t fd;
	enum file_kind kind;
	uint64_t ino;
	uint32_t dev;
	char *name;
	struct file_record r;
	int refused;
};

/**
 * struct look - one process at one time
 * @pid, @comm, @start_ns: which; start by the boot clock, in steps of a tick
 * @bits32: a 32-bit program, whose calls are not decoded
 * @watches_max: most watches to tell, set before; 0: LOOK_WATCHES_MAX
 * @cut: watches left out for their number
 * @threads, @threads_nr: all of them
 * @watches, @watches_nr: in the order in which they were found
 * @files, @files_nr: by fd
 * @items, @items_nr: what the iterator tells of epoll items, by epoll and item_fd
 */
struct look {
	uint32_t pid;
	char comm[16];
	uint64_t start_ns;
	bool bits32;
	size_t watches_max;
	uint64_t cut;
	struct look_thread *threads;
	size_t threads_nr, threads_room;
	struct watch *watches;
	size_t watches_nr, watches_room;
	struct look_file *files;
	size_t files_nr, files_room;
	struct item_record *items;
	size_t items_nr, items_room;
};

/** look_file() - the file of an fd, or NULL: it is not open */
struct look_file *look_file(const struct look *look, int32_t fd);

/**
 * look_items() - the items of an epoll that are registered under an fd
 * @nr: set to their number
 *
 * Return: the first of them.
 */
const struct item_record *look_items(const struct look *look, uint64_t epoll, int32_t item_fd,
				     size_t *nr);

/** look_items_sort() - bring them into the order that look_items() needs */
void look_items_sort(struct look *look);

/** file_kind_name() - as in JSON */
const char *file_kind_name(enum file_kind kind);

/** file_may_be_asked() - whether asking it what is ready leaves it as it is */
bool file_may_be_asked(enum file_kind kind);

/**
 * look_room() - room for one more element of a vector
 * @at: the vector; moved
 * @room: elements there is room for
 * @nr: elements there are
 * @size: of one
 *
 * Return: the new one, zeroed, or NULL when out of memory.
 */
void *look_room(void *at, size_t *room, size_t nr, size_t size);

void look_free(struct look *look);

#endif /* IOREADY_LOOK_H */
