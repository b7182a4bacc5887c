/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the kernel tells of open files: the iterator of bpf/files.bpf.c, which asks
 * the module, where it is loaded, what is ready.
 *
 * Life cycle: files_open(), files_look() as often as wanted, files_close().
 */
#ifndef IOREADY_FILES_H
#define IOREADY_FILES_H

#include <stdbool.h>

#include "err.h"
#include "look.h"

/**
 * enum files_module - what of the module is there
 * @MODULE_ABSENT: it is not loaded
 * @MODULE_MUTE: it is loaded, and has no kfunc
 * @MODULE_BY_FILE: it has ioready_file_ready(), for kernels before 7.0
 * @MODULE_BY_FD: it has ioready_fd_ready(), from 7.0
 */
enum files_module { MODULE_ABSENT, MODULE_MUTE, MODULE_BY_FILE, MODULE_BY_FD };

/** files_module() - look whether the module is loaded, and what it can do */
enum files_module files_module(void);

/** files_kfunc() - the name of its kfunc, or NULL */
const char *files_kfunc(enum files_module module);

struct files;

/**
 * files_open() - load the iterator
 * @files: set
 * @module: what to ask; without a kfunc, files are only described
 * @err: the message
 *
 * Return: 0, or -errno: -EPERM or -EOPNOTSUPP where this kernel or the rights of
 * the caller do not allow it.
 */
int files_open(struct files **files, enum files_module module, struct err *err);

/**
 * files_look() - add to a look what the kernel tells of its files
 * @look: filled in by process_look(); @r of its files and @items are set
 * @err: the message
 *
 * A file that was closed meanwhile is not told.
 *
 * Return: 0 or -errno.
 */
int files_look(struct files *files, struct look *look, struct err *err);

void files_close(struct files *files);

#endif /* IOREADY_FILES_H */
