/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef IOREADY_CGROUP_H
#define IOREADY_CGROUP_H

#include "collector.h"
#include "err.h"

/**
 * cgroup_filter() - select the tasks of a cgroup and of all below it
 * @path: a directory of a cgroup v2 or v1 hierarchy; a path that does not begin
 *	with '/' is below /sys/fs/cgroup
 * @filter: its cgroup_* members are set
 * @err: the message
 *
 * Return: 0, or -errno: -EOPNOTSUPP for a named v1 hierarchy, which has no
 * controller to find it by.
 */
int cgroup_filter(const char *path, struct filter *filter, struct err *err);

#endif /* IOREADY_CGROUP_H */
