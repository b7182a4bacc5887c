/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What /proc tells of a process: its threads, the call that each is in, who
 * watches which fd, and what is open there. Reading it stops nothing and takes
 * no reference to a file.
 */
#ifndef IOREADY_PROCESS_H
#define IOREADY_PROCESS_H

#include "err.h"
#include "look.h"

/**
 * process_look() - look at a process
 * @look: zeroed but for @watches_max; filled in, also if it fails; to be freed by look_free()
 * @pid: whose
 * @err: the message
 *
 * Return: 0, -ESRCH if it is not there (any more), or -errno.
 */
int process_look(struct look *look, uint32_t pid, struct err *err);

/**
 * process_runs() - look again whether the threads have run
 * @look: filled in by process_look(); run_ns, runs and state are told anew, and
 *	threads that came since are added
 *
 * Return: 0 or -errno.
 */
int process_runs(struct look *look, struct err *err);

/** process_same() - is the process that was looked at still there? */
bool process_same(const struct look *look);

/**
 * process_list() - every process but this one
 * @pids: set to a vector, freed in one free()
 *
 * Return: their number, or -errno.
 */
int process_list(uint32_t **pids, struct err *err);

#endif /* IOREADY_PROCESS_H */
