/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A traced window, as the commands share it: kernel, plan, filter, collector and
 * models, and what has to be done in time while it lasts.
 *
 * Life cycle: run_open(), run_attach(), run_turn() in a loop with run_report()
 * as often as wanted, run_detach(), a last run_report(), run_close().
 */
#ifndef IOREADY_RUN_H
#define IOREADY_RUN_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "collector.h"
#include "command.h"
#include "err.h"
#include "kernel.h"
#include "model_chain.h"
#include "model_herd.h"
#include "model_item.h"
#include "model_wait.h"
#include "options.h"
#include "report.h"

/**
 * struct run - all that a run holds; RUN_INIT is nothing of it
 * @out: standard output, or the file of --output
 * @also, @also_arg: gets every record too, where it is not NULL
 * @has_command: @command is prepared; starting and ending it is the caller's
 * @told_ns: end of the last interval
 * @slice_ns: when the next slice of exact counting begins, or this one ends
 * @slice_err: why there was no slice; empty if there was
 * @load_ms, @attach_ms, @detach_ms: how long that took
 */
struct run {
	const struct options *o;
	struct kernel kernel;
	struct plan plan;
	struct filter filter;
	struct collector *collector;
	struct model_wait *model;
	struct model_chain *chains;
	struct model_herd *herds;
	struct model_item *items;
	const struct snapshot_fns *also;
	void *also_arg;
	struct command command;
	bool has_command;
	int pidfds[FILTER_IDS_MAX];
	int pidfds_nr;
	int signals;
	FILE *out;
	uint64_t start_ns;
	uint64_t start_unix_ns;
	uint64_t told_ns;
	uint64_t slice_ns;
	bool slicing;
	struct err slice_err;
	int scan_functions;
	double load_ms;
	double attach_ms;
	double detach_ms;
};

#define RUN_INIT { .signals = -1, .kernel.tracefs = -1 }

/** run_now() - CLOCK_MONOTONIC, in nanoseconds */
uint64_t run_now(void);

/**
 * run_open() - look at the kernel, make the plan, open what privileges are needed for
 * @o: must outlive the run
 *
 * Blocks SIGINT, SIGTERM and SIGHUP, which run_turn() reports, and ignores
 * SIGPIPE. The command, if there is one, is forked.
 *
 * Return: 0 or -errno; close it with run_close() also after a failure.
 */
int run_open(struct run *run, const struct options *o, struct err *err);

/**
 * run_attach() - load and attach: the window begins; and drop privileges
 *
 * Return: 0 or -errno.
 */
int run_attach(struct run *run, struct err *err);

/**
 * enum run_event - what ended a turn
 * @RUN_TIME: nothing but time
 * @RUN_INPUT: there is something to read
 * @RUN_STOP: a signal, the end of the command, or nobody there to give input
 */
enum run_event { RUN_TIME, RUN_INPUT, RUN_STOP };

/**
 * run_turn() - do what is due, then wait
 * @until_ns: at most until then (CLOCK_MONOTONIC), and at most a tenth of a second
 * @input: a fd that ends the wait when it is readable, or -1
 *
 * Return: enum run_event, or -errno.
 */
int run_turn(struct run *run, uint64_t until_ns, int input, struct err *err);

/** run_all_ended() - whether all processes that --pid named have ended */
bool run_all_ended(const struct run *run);

/**
 * run_snapshot() - have the models, and @also, know where every thread stands
 *
 * run_report() begins with it.
 *
 * Return: 0 or -errno.
 */
int run_snapshot(struct run *run, struct err *err);

/**
 * run_report() - the figures
 * @interval: those since the last call with @interval, not those of the window
 * @end_ns: the present
 * @report: filled; to be freed with run_report_free() also after a failure
 *
 * Return: 0 or -errno.
 */
int run_report(struct run *run, bool interval, uint64_t end_ns, struct report *report,
	       struct err *err);
void run_report_free(struct report *report);

/**
 * run_forget() - drop what has ended or is idle, right after run_report() with @interval
 *
 * For a run without end, which would grow with every process that ever waited.
 * Only intervals can be reported from then on.
 */
void run_forget(struct run *run);

/** run_flush() - what was printed is out; 0, or -EIO and why not */
int run_flush(struct run *run, struct err *err);

/** run_detach() - the window ends; what stands can still be reported */
void run_detach(struct run *run);

void run_close(struct run *run);

#endif /* IOREADY_RUN_H */
