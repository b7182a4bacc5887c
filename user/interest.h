/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The interest list of an epoll, from /proc/PID/fdinfo/EPFD, a line an item
 * (proc(5)). The kernel holds the epoll instance's mutex while it writes them, so
 * this is done once a look and never on the way of a call.
 */
#ifndef IOREADY_INTEREST_H
#define IOREADY_INTEREST_H

#include <stdbool.h>
#include <stdint.h>

/**
 * struct interest - one item
 * @fd: as it was registered; the item watches the file that was open there then
 * @events: asked for, with EPOLLET and the other flags
 * @data: what epoll_wait gives back
 * @ino, @dev: the file's inode; the device in the kernel's form, major << 20 | minor
 */
struct interest {
	int32_t fd;
	uint32_t events;
	uint64_t data;
	uint64_t ino;
	uint32_t dev;
};

/**
 * interest_parse() - one line of the kernel's
 *
 * Return: whether it tells an item, which is then in @item.
 */
bool interest_parse(const char *line, struct interest *item);

/** typedef interest_fn - gets each item; negative ends the reading */
typedef int (*interest_fn)(const struct interest *item, void *arg);

/**
 * interest_read() - hand out the items of an epoll fd
 * @pid: whose
 * @epfd: which
 *
 * Return: 0, @fn's negative answer, or -errno.
 */
int interest_read(uint32_t pid, int32_t epfd, interest_fn fn, void *arg);

/**
 * interest_count() - items in the interest list of an epoll fd
 *
 * Return: the number, or -errno.
 */
int64_t interest_count(uint32_t pid, int32_t epfd);

#endif /* IOREADY_INTEREST_H */
