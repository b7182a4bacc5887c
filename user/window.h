/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A traced window, whatever is traced in it: the kernel and the plan, whom it is about,
 * the command, what ends it, and where the output goes.
 *
 * Life cycle: window_open(), window_begin() once hooks are in place, window_wait() in a
 * loop, window_close().
 */
#ifndef IOREADY_WINDOW_H
#define IOREADY_WINDOW_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/signalfd.h>

#include "command.h"
#include "err.h"
#include "filter.h"
#include "kernel.h"
#include "options.h"

/**
 * struct window - WINDOW_INIT is one that is not open
 * @out: standard output, or the file of --output
 * @has_command: @command is prepared; starting and ending it is the caller's
 * @signals: where they come; @signal is the one that did, its number 0 for none
 * @opened_ns: when window_open() was called
 * @start_ns: when it began, CLOCK_MONOTONIC
 * @start_unix_ns: the same, CLOCK_REALTIME
 */
struct window {
	const struct options *o;
	struct kernel kernel;
	struct plan plan;
	struct filter filter;
	struct command command;
	bool has_command;
	int pidfds[FILTER_IDS_MAX];
	int pidfds_nr;
	int signals;
	struct signalfd_siginfo signal;
	FILE *out;
	uint64_t opened_ns;
	uint64_t start_ns;
	uint64_t start_unix_ns;
};

#define WINDOW_INIT { .signals = -1, .kernel.tracefs = -1 }

/** window_now() - CLOCK_MONOTONIC, in nanoseconds */
uint64_t window_now(void);

/**
 * window_open() - look at the kernel, make the plan, open what privileges are needed for
 * @o: must outlive the window
 *
 * Blocks SIGINT, SIGTERM, SIGHUP and SIGQUIT, which window_wait() reports, and ignores
 * SIGPIPE. The command, if there is one, is forked.
 *
 * Return: 0 or -errno; close it with window_close() also after a failure.
 */
int window_open(struct window *window, const struct options *o, struct err *err);

/** window_begin() - it begins now; privileges are dropped; 0 or -errno */
int window_begin(struct window *window, struct err *err);

/** window_deadline() - when --duration ends it; UINT64_MAX for never */
uint64_t window_deadline(const struct window *window);

/**
 * enum window_event - what ended a wait
 * @WINDOW_TIME: nothing but time
 * @WINDOW_INPUT: there is something to read
 * @WINDOW_STOP: a signal, the end of the command, or nobody there to give input
 */
enum window_event { WINDOW_TIME, WINDOW_INPUT, WINDOW_STOP };

/**
 * window_wait() - wait, at most a tenth of a second
 * @until_ns: and at most until then (CLOCK_MONOTONIC)
 * @input: a fd that ends the wait when it is readable, or -1
 */
enum window_event window_wait(struct window *window, uint64_t until_ns, int input);

/**
 * window_command_end() - wait for the end of the command, or for a signal
 *
 * A signal that ended the window is one as well. It is passed on to the command, unless a
 * terminal did that; whether the command ends by it is its own affair.
 *
 * Return: as command_wait(), or 128 + the signal that came to us.
 */
int window_command_end(struct window *window);

/** window_all_ended() - whether all processes that --pid named have ended */
bool window_all_ended(const struct window *window);

/** window_flush() - what was printed is out; 0, or -EIO and why not */
int window_flush(struct window *window, struct err *err);

void window_close(struct window *window);

#endif /* IOREADY_WINDOW_H */
