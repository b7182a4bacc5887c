/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A window in which waits are traced, as several commands share it: collector and
 * models, and what has to be done in time while it lasts.
 *
 * Life cycle: run_open(), run_load(), run_attach(), run_turn() in a loop with run_report()
 * as often as wanted, run_detach(), a last run_report(), run_close().
 */
#ifndef IOREADY_RUN_H
#define IOREADY_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "collector.h"
#include "err.h"
#include "model_chain.h"
#include "model_herd.h"
#include "model_item.h"
#include "model_wait.h"
#include "options.h"
#include "report.h"
#include "window.h"

/**
 * struct run - all that a run holds; RUN_INIT is nothing of it
 * @also, @also_arg: gets every record too, where it is not NULL
 * @told_ns: end of the last interval
 * @slice_ns: when the next slice of exact counting begins, or this one ends
 * @slice_err: why there was no slice; empty if there was
 * @load_ms, @attach_ms, @detach_ms: how long that took
 */
struct run {
	const struct options *o;
	struct window window;
	struct collector *collector;
	struct model_wait *model;
	struct model_chain *chains;
	struct model_herd *herds;
	struct model_item *items;
	const struct snapshot_fns *also;
	void *also_arg;
	uint64_t told_ns;
	uint64_t slice_ns;
	bool slicing;
	struct err slice_err;
	int scan_functions;
	double load_ms;
	double attach_ms;
	double detach_ms;
};

#define RUN_INIT { .window = WINDOW_INIT }

/**
 * run_open() - open the window, and models for what will be counted in it
 * @o: must outlive the run
 *
 * Return: 0 or -errno; close it with run_close() also after a failure.
 */
int run_open(struct run *run, const struct options *o, struct err *err);

/** run_load() - load the programs; 0 or -errno */
int run_load(struct run *run, struct err *err);

/**
 * run_attach() - put the hooks in place: the window begins; and drop privileges
 *
 * Return: 0 or -errno.
 */
int run_attach(struct run *run, struct err *err);

/**
 * run_turn() - do what is due, then window_wait()
 *
 * Return: enum window_event, or -errno.
 */
int run_turn(struct run *run, uint64_t until_ns, int input, struct err *err);

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

/** run_detach() - the window ends; what stands can still be reported */
void run_detach(struct run *run);

void run_close(struct run *run);

#endif /* IOREADY_RUN_H */
