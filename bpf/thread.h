/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * thread.h - what wait.bpf.c knows of a thread. tcp.bpf.c reads it, in a run that has
 * both: then they have one map.
 */
#ifndef IOREADY_THREAD_H
#define IOREADY_THREAD_H

#include "abi.h"

/* struct call - the wait call that a thread is in */
struct call {
	u64 entered_ns;
	u64 left_ns;		/* left the kernel then, perhaps to be restarted; or 0 */
	u64 asleep_ns;
	u64 slept_ns;		/* fell asleep then; 0 when it does not sleep */
	u64 ready_ns;		/* of the last sleep: see chain.h */
	u64 woken_ns;
	u64 ran_ns;
	u64 arg[3];		/* poll: the array; select: the three sets */
	u64 scans;
	u64 copied;
	u32 nfds;
	s32 watched;		/* negative: not known, or not read yet */
	s32 found;
	u32 sleeps;
	u32 restarts;
	u32 epoch;
	u32 sets;		/* select: how many it was given */
	u32 open;		/* enum wait_syscall + 1; 0: in no call */
};

/*
 * struct cause - what woke a call from its last sleep, see herd.h
 * @file, @fd: the file, and the fd of its epoll item; 0 and -1: not known
 * @event_file, @event_id: what counts for that, by address and &file_row.id; 0: nothing
 */
struct cause {
	u64 file;
	u64 event_file;
	u64 event_id;
	s32 fd;
	u32 pad;
};

/* Words of a program's memory that are read at once. */
struct room {
	u64 word[42];
};

/*
 * struct thread - what is known of a thread
 * @call: an open call with entered_ns 0 began before the window
 * @returned_ns, @switches: see turn_end() in chain.h
 * @epfd: the epoll fd that it last waited on
 * @row_of: enum wait_syscall + 1 that @row is of; 0: none yet
 * @row: of the first syscall that it waited in, which is the only one of most
 *	threads: found with the call, it saves a look-up in each
 * @room: where the sets or the array of the call are read to
 * @cause: what woke the call
 * @serve_file, @serve_ns, @serve_fd, @serve_epfd: see serve_begin() in serve.h
 * @epoll: with --herd or --items, the address of the epoll that the call is for
 * @item: the item that epoll_wait asks just now, if it counts; @item_repoll: and it
 *	has no news; @item_inner: items of epolls within, asked on its way
 */
struct thread {
	struct call call;
	u64 returned_ns;	/* with --chain: the last call's return */
	u64 switches[2];	/* and the thread's switches by then */
	s32 epfd;
	u32 row_of;
	struct wait_row row;
	struct room room;
	struct cause cause;
	u64 serve_file;
	u64 serve_ns;
	s32 serve_fd;
	s32 serve_epfd;
	u64 epoll;
	struct item_key item;
	u32 item_repoll;
	u32 item_inner;
	s32 io_fd;		/* of the I/O that it is in, if @in_io: where its return
				 * does not tell */
	u32 in_io;
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct thread);
} threads SEC(".maps");

#endif /* IOREADY_THREAD_H */
