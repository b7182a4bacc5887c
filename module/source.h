/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * source.h - a readiness source: what is ready, who waits for it, and the counts.
 * Knows nothing of files but the poll table; device.c makes it one.
 */
#ifndef IOREADY_SOURCE_H
#define IOREADY_SOURCE_H

#include <linux/types.h>
#include <linux/poll.h>
#include "uapi/ioready.h"

struct ioready_source;
struct fasync_struct;

/**
 * ioready_source_create() - a new source, with nothing ready
 *
 * Return: the source, or ERR_PTR(): -ENFILE with as many as may be, -ENOMEM.
 */
struct ioready_source *ioready_source_create(void);

/**
 * ioready_source_destroy() - end a source and its pending change
 *
 * The caller sees to it that nobody waits on it or uses it any more. May sleep.
 */
void ioready_source_destroy(struct ioready_source *source);

/**
 * ioready_change_check() - whether a change is one that can be made
 *
 * Return: 0 or -EINVAL.
 */
int ioready_change_check(const struct ioready_change *change);

/**
 * ioready_source_change() - make a change, now or when its time comes
 * @change: was found good by ioready_change_check()
 */
void ioready_source_change(struct ioready_source *source, const struct ioready_change *change);

/** ioready_source_poll() - the source's part of ->poll() */
__poll_t ioready_source_poll(struct ioready_source *source, struct file *file, poll_table *table);

/**
 * ioready_source_take() - take the readiness for reading away
 * @readiness: when and how often it came
 * @nowait: do not block
 *
 * Return: 1: taken; 0: there will be none (EPOLLHUP); -EAGAIN with @nowait;
 * -ERESTARTSYS.
 */
int ioready_source_take(struct ioready_source *source, struct ioready_readiness *readiness,
			bool nowait);

/** ioready_source_fasync() - the source's part of ->fasync() */
int ioready_source_fasync(struct ioready_source *source, int fd, struct file *file, int on);

/** ioready_source_count() - all counters as of one moment */
void ioready_source_count(struct ioready_source *source, struct ioready_counters *counters);

/** ioready_sources() - sources there are now; @max: and may be */
unsigned int ioready_sources(unsigned int *max);

int ioready_sources_init(void);
void ioready_sources_exit(void);

#endif /* IOREADY_SOURCE_H */
