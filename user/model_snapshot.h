/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The model of a snapshot: two looks at a process in, every watched fd with what
 * can be said of it out. Pure: it reads no clock, does no I/O, knows no kernel.
 */
#ifndef IOREADY_MODEL_SNAPSHOT_H
#define IOREADY_MODEL_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "look.h"

/** enum answer - where "not known" is an answer of its own */
enum answer { ANSWER_NO, ANSWER_YES, ANSWER_UNKNOWN };

/** enum no_ready - why it is not known what is ready */
enum no_ready {
	READY_KNOWN,
	READY_NOT_WANTED,	/* --no-dup, and no module */
	READY_NOT_OPEN,		/* nothing is open under the fd, or another file is */
	READY_MAY_DISTURB,	/* asking a file of this kind could change something */
	READY_SIGNALFD,		/* a signalfd answers for the signals of who asks */
	READY_REFUSED,		/* asked, and not told */
};

/** enum why - what an answer about being unserved rests on */
enum why {
	WHY_NOT_READY,		/* no: nothing asked for is ready now */
	WHY_NEW,		/* no: it was not ready at the first look */
	WHY_MOVED,		/* no: something was taken, or written, in between */
	WHY_WRITABLE,		/* no: an edge-triggered item that is only writable */
	WHY_IDLE,		/* yes: no thread of the process ran in between */
	WHY_UNMOVED,		/* yes: nothing was taken, or written, in between */
	WHY_UNSEEN,		/* unknown: it ran, and the file does not count what is taken */
	WHY_NO_READY,		/* unknown: it is not known what is ready */
	WHY_NO_FIRST,		/* unknown: the first look does not have it */
};

/**
 * struct snapshot_watch - a watched fd
 * @watch: who watches, and what is asked for
 * @file: what is open under the fd; NULL: nothing
 * @disarmed: an EPOLLONESHOT item that has fired and was not armed again
 * @stale: the item's file is not the one that is open under its fd here
 * @open_as: another fd under which a stale item's file is open, or -1
 * @queued: on the epoll's ready list, which the next epoll_wait takes from
 * @ready: events that are ready, of those asked for
 * @no_ready: READY_KNOWN, or why @ready does not count
 * @unserved: ready, and not served between the two looks
 * @why: what @unserved rests on
 * @edge_consumed: EPOLLET, ready for reading and not queued, at both looks: no
 *	epoll_wait will tell it before something new comes
 */
struct snapshot_watch {
	const struct watch *watch;
	const struct look_file *file;
	bool disarmed;
	enum answer stale;
	int32_t open_as;
	enum answer queued;
	uint32_t ready;
	enum no_ready no_ready;
	enum answer unserved;
	enum why why;
	enum answer edge_consumed;
};

/**
 * struct snapshot_process - a process
 * @look: the second look; the pointers of @watches go into it
 * @ran: whether any thread ran between the two
 * @watches, @watches_nr: unserved ones first, then by watcher and fd
 * @unserved_nr, @unknown_nr, @ready_nr: watches that are so; @unknown_nr are
 *	those that were ready at both looks
 */
struct snapshot_process {
	const struct look *look;
	enum answer ran;
	struct snapshot_watch *watches;
	size_t watches_nr;
	size_t unserved_nr;
	size_t unknown_nr;
	size_t ready_nr;
};

/**
 * model_snapshot() - what two looks say
 * @first, @second: of the same process; run counters of @first were read before
 *	its files, those of @second after
 * @asked: whether files were asked what is ready
 * @process: set; freed by model_snapshot_free()
 * @err: the message
 *
 * Return: 0 or -ENOMEM.
 */
int model_snapshot(const struct look *first, const struct look *second, bool asked,
		   struct snapshot_process *process, struct err *err);

void model_snapshot_free(struct snapshot_process *process);

#endif /* IOREADY_MODEL_SNAPSHOT_H */
