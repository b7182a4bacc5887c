/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A source of /dev/ioready, and the module behind it. The contract is in
 * module/uapi/ioready.h.
 */
#ifndef IOREADY_SOURCE_H
#define IOREADY_SOURCE_H

#include <stdint.h>

#include "err.h"
#include "uapi/ioready.h"

/**
 * module_load() - load the module
 * @file: its file; NULL: the installed one, by modprobe
 *
 * Return: 0; 1: it is loaded already; or -errno.
 */
int module_load(const char *file, struct err *err);

/**
 * module_unload() - unload it
 *
 * Return: 0 or -errno; -EAGAIN: a source is open somewhere.
 */
int module_unload(struct err *err);

/**
 * source_open() - a new source
 *
 * Return: its fd, or -errno: -EOPNOTSUPP without the module, or if its version is
 * not ours; -EPERM without the right.
 */
int source_open(struct err *err);

/**
 * source_change() - make a change
 * @clear, @set: events
 * @at_ns: when, CLOCK_MONOTONIC; 0: now
 *
 * Return: 0 or -errno.
 */
int source_change(int fd, uint32_t clear, uint32_t set, uint64_t at_ns);

/** source_counters() - what was done to it so far; 0 or -errno */
int source_counters(int fd, struct ioready_counters *counters);

#endif /* IOREADY_SOURCE_H */
