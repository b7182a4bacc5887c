/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command that a person gives after `--`. */
#ifndef IOREADY_COMMAND_H
#define IOREADY_COMMAND_H

#include <sys/types.h>

#include "err.h"

/**
 * struct command - a child that waits to become the command
 * @pid: of the child
 * @pidfd: readable once it has ended
 * @gate: what lets it go on
 */
struct command {
	pid_t pid;
	int pidfd;
	int gate;
};

/**
 * command_prepare() - fork the child, stopped before its exec
 * @argv: ends with NULL
 *
 * To be called before privileges are dropped and signals are blocked: the
 * command gets what ioready was given.
 *
 * Return: 0 or -errno.
 */
int command_prepare(struct command *command, char *const argv[], struct err *err);

/**
 * command_start() - let it run
 *
 * Return: 0, or -errno of its exec; then the child is gone.
 */
int command_start(struct command *command, struct err *err);

/**
 * command_wait() - wait for its end
 *
 * Return: its exit status, 128 + signal if one ended it.
 */
int command_wait(struct command *command);

/** command_abandon() - end a child that has not started */
void command_abandon(struct command *command);

#endif /* IOREADY_COMMAND_H */
