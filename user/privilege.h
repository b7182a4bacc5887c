/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef IOREADY_PRIVILEGE_H
#define IOREADY_PRIVILEGE_H

#include <stdbool.h>

#include "err.h"

/**
 * privilege_drop() - keep only what reading the figures needs
 * @has_command: signals are passed on to one, which may be another user's: CAP_KILL stays
 *
 * CAP_BPF and CAP_PERFMON read maps and hook ->poll() for a slice of exact
 * counting; CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH read the interest lists in
 * other users' /proc/PID/fdinfo. All else goes, also from the bounding set, and
 * no exec can gain anything again. To be called after the command was forked
 * and every output file is open.
 *
 * Return: 0 or -EPERM.
 */
int privilege_drop(bool has_command, struct err *err);

#endif /* IOREADY_PRIVILEGE_H */
