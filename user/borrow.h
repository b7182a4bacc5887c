/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is ready, without the module: a duplicate of each watched file is taken by
 * pidfd_getfd(2), asked by poll(2), and closed again.
 *
 * The process has no part in it, but while the duplicate is there, for some
 * microseconds, a close by the process is not the last one.
 */
#ifndef IOREADY_BORROW_H
#define IOREADY_BORROW_H

#include "err.h"
#include "look.h"

/**
 * borrow_look() - ask the files of a look that may be asked what is ready
 * @look: filled in by process_look(); @r of its files is added to
 * @details: also ask sockets for addresses and queues, pipes for bytes
 * @err: the message
 *
 * A file that cannot be had is marked by @refused.
 *
 * Return: 0, -ESRCH if the process has ended, or -errno.
 */
int borrow_look(struct look *look, bool details, struct err *err);

#endif /* IOREADY_BORROW_H */
