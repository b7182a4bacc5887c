/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef IOREADY_CMD_H
#define IOREADY_CMD_H

/** enum exit_code - of every command; after `-- CMD` it is CMD's own, or 128 + a signal */
enum exit_code {
	EXIT_DONE = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
	EXIT_UNSUPPORTED = 3,	/* not permitted, or not possible on this kernel */
	EXIT_LOSSES = 4,	/* with --on-loss=fail */
};

/**
 * struct cmd - a row of the command table, the one source of dispatch and usage
 * @name: what the user types
 * @run: gets argv from the command's name on; returns an exit code
 * @summary: one line of the usage
 */
struct cmd {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *summary;
};

int cmd_stat(int argc, char **argv);
int cmd_trace(int argc, char **argv);
int cmd_top(int argc, char **argv);
int cmd_tcp(int argc, char **argv);
int cmd_selftest(int argc, char **argv);
int cmd_snapshot(int argc, char **argv);
int cmd_doctor(int argc, char **argv);

struct window;

/**
 * cmd_start() - let the command of a window, if it has one, go on
 *
 * Return: 0; or, if it cannot run, its exit code: then it was said why.
 */
int cmd_start(const char *command, struct window *window);

/**
 * cmd_end() - wait for the command of a window, if it has one, or for a signal
 * @ret: of the work: -errno, 0, or above 0 where losses are to fail
 * @text: why, below 0
 *
 * Return: the exit code: ours, or that of window_command_end() if all went well.
 */
int cmd_end(const char *command, struct window *window, int ret, const char *text);

/** cmd_fail() - print why; returns the exit code that an -errno stands for */
int cmd_fail(const char *command, int error, const char *text);

#endif /* IOREADY_CMD_H */
