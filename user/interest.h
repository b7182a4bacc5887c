/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef IOREADY_INTEREST_H
#define IOREADY_INTEREST_H

#include <stdint.h>

/**
 * interest_count() - items in the interest list of an epoll fd
 * @pid: whose
 * @epfd: which
 *
 * Read from /proc/PID/fdinfo/EPFD, a line an item (proc(5)). The kernel holds
 * the epoll instance's mutex while it writes them, so this is done once a
 * snapshot and never on the way of a call.
 *
 * Return: the number, or -errno.
 */
int64_t interest_count(uint32_t pid, int32_t epfd);

#endif /* IOREADY_INTEREST_H */
