// SPDX-License-Identifier: GPL-2.0-or-later
#include <argp.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cmd.h"
#include "options.h"
#include "parse.h"
#include "report_event.h"
#include "run.h"

#define OPTION_MIN 512
#define OPTION_EMPTY 513
#define OPTION_FAILED 514
#define OPTION_EVENTS_RING 515
#define OPTION_HERD 516

/* Events are fetched this often; the default ring holds 25,000 of them. */
#define FETCH_NS UINT64_C(20000000)

struct trace_options {
	struct options o;
	uint64_t lines;		/* most lines to print; 0: all */
};

static const struct argp_option entries[] = {
	{ NULL, 0, NULL, 0, "Which calls (all given must hold; the default is each):", 5 },
	{ "min-us", OPTION_MIN, "US", 0, "those that took this many microseconds", 5 },
	{ "empty", OPTION_EMPTY, NULL, 0, "those that found nothing, or were woken for nothing", 5 },
	{ "failed", OPTION_FAILED, NULL, 0, "those that failed; not those that a signal ended", 5 },
	{ "herd", OPTION_HERD, NULL, 0,
	  "instead of calls, the files that became ready and woke two threads or more", 5 },
	{ "lines", 'n', "N", 0, "end after N lines", 5 },
	{ "events-ring", OPTION_EVENTS_RING, "KIB", 0,
	  "room for calls until they are printed (default 4096)", 5 },
	{ 0 },
};

static const struct argp_child children[] = { { &options_argp, 0, NULL, 0 }, { 0 } };

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct trace_options *t = state->input;
	struct options *o = &t->o;
	struct err err;
	uint32_t n;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = o;
		break;
	case OPTION_MIN:
		if (parse_u32(arg, 0, UINT32_MAX, &n, "the number of microseconds", &err))
			argp_error(state, "%s", err.text);
		o->event_min_ns = n * UINT64_C(1000);
		break;
	case OPTION_EMPTY:
		o->event_empty = true;
		break;
	case OPTION_FAILED:
		o->event_failed = true;
		break;
	case OPTION_HERD:
		o->herd = o->herd_events = true;
		o->events = false;
		break;
	case 'n':
		if (parse_u32(arg, 1, UINT32_MAX, &n, "the number of lines", &err))
			argp_error(state, "%s", err.text);
		t->lines = n;
		break;
	case OPTION_EVENTS_RING:
		if (parse_u32(arg, 4, 1 << 20, &n, "the ring's KiB", &err))
			argp_error(state, "%s", err.text);
		o->events_bytes = 4096;
		while (o->events_bytes < n * 1024ULL)
			o->events_bytes *= 2;
		break;
	case ARGP_KEY_ARGS:
		o->command = state->argv + state->next;
		o->filter.tree = true;
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static const struct argp argp = {
	.options = entries,
	.parser = parse,
	.args_doc = "[-- COMMAND [ARG...]]",
	.doc = "Print a line for each call of select, poll and epoll when it returns.\v"
	       "A line a call is dear, for the traced programs too: 'ioready stat' sums up in "
	       "the kernel. With a COMMAND, it and all that it starts are traced until it ends; "
	       "without one, until Ctrl-C, the end of --duration, or of all processes given by "
	       "--pid.",
	.children = children,
};

struct trace {
	const struct trace_options *t;
	struct run *run;
	struct event_options event;
	uint64_t lines;
	uint64_t lost;		/* told so far */
	int failed;
};

static bool enough(const struct trace *trace)
{
	return trace->t->lines && trace->lines >= trace->t->lines;
}

static void on_event(const struct record *record, void *arg)
{
	const struct woken_record *woken = (const void *)record;
	const struct event_record *event = (const void *)record;
	struct trace *trace = arg;
	FILE *out = trace->run->window.out;
	int ret = 0;

	if (enough(trace))
		return;
	trace->lines++;
	if (record->kind == RECORD_EVENT && trace->t->o.json)
		ret = report_event_json(out, event, &trace->event);
	else if (record->kind == RECORD_EVENT)
		report_event_text(out, event, &trace->event);
	else if (trace->t->o.json)
		ret = report_woken_json(out, woken, &trace->event);
	else
		report_woken_text(out, woken, &trace->event);
	if (ret)
		trace->failed = ret;
}

/* What makes a time of CLOCK_MONOTONIC one of CLOCK_REALTIME. */
static uint64_t realtime_offset(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return ts.tv_sec * UINT64_C(1000000000) + ts.tv_nsec - window_now();
}

/* Prints what has come, and says where lines are missing. */
static int trace_fetch(struct trace *trace, struct err *err)
{
	struct losses losses;
	uint64_t lost;
	int ret;

	/* Anew each time: the clocks part in suspend, and when the time is set. */
	trace->event.unix_offset_ns = realtime_offset();
	ret = collector_events(trace->run->collector, on_event, trace, err);
	if (ret)
		return ret;
	if (trace->failed)
		return err_set(err, trace->failed, "out of memory");
	collector_losses(trace->run->collector, &losses);
	lost = losses.count[LOSS_EVENTS] - trace->lost;
	if (lost && !enough(trace)) {
		trace->lost += lost;
		if (trace->t->o.json)
			report_event_json_lost(trace->run->window.out, lost);
		else
			fprintf(trace->run->window.out, "... %" PRIu64 " lines are missing about here: "
						 "they came faster than they were printed\n",
				lost);
	}
	return window_flush(&trace->run->window, err);
}

static int trace_run(struct trace *trace, struct err *err)
{
	const struct options *o = &trace->t->o;
	uint64_t deadline = window_deadline(&trace->run->window);
	int ret = 0;

	if (!o->json && o->herd_events)
		report_woken_head(trace->run->window.out);
	else if (!o->json)
		report_event_head(trace->run->window.out, &trace->event);
	while (!ret && !enough(trace)) {
		uint64_t until = window_now() + FETCH_NS;

		if (window_now() >= deadline)
			break;
		ret = run_turn(trace->run, until < deadline ? until : deadline, -1, err);
		if (ret < 0)
			return ret;
		if (ret == WINDOW_STOP || window_all_ended(&trace->run->window))
			break;
		ret = trace_fetch(trace, err);
	}
	run_detach(trace->run);
	return ret < 0 ? ret : trace_fetch(trace, err);
}

/* What is missing, apart from the lines that were told where they are missing. */
static int trace_finish(struct trace *trace, struct err *err)
{
	char text[32];
	struct losses losses;
	uint64_t total;

	/* The rows of the last threads hold losses too. */
	if (run_snapshot(trace->run, err))
		return -EIO;
	collector_losses(trace->run->collector, &losses);
	total = losses_total(&losses);
	if (!trace->t->o.quiet) {
		fprintf(stderr, "%s lines", text_grouped(text, trace->lines));
		if (!total)
			fputs("; nothing was lost", stderr);
		for (int i = 0; i < LOSSES; i++)
			if (losses_count(&losses, i) && i != LOSS_BEGUN_BEFORE)
				fprintf(stderr, "; %s %s (losses.%s)",
					text_grouped(text, losses_count(&losses, i)),
					loss_words(i), loss_name(i));
		fputc('\n', stderr);
	}
	return trace->t->o.fail_on_loss && total;
}

int cmd_trace(int argc, char **argv)
{
	struct trace_options t = { .lines = 0 };
	struct run run = RUN_INIT;
	struct trace trace = { .t = &t, .run = &run };
	struct err err = { "" };
	int ret, status;

	options_init(&t.o, "trace");
	t.o.events = true;
	/* A line has its own sleep and scans; sampling would be of no use to it. */
	t.o.scans = SCANS_DERIVE;
	argp_err_exit_status = EXIT_USAGE;
	argv[0] = "ioready trace";
	argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &t);
	if (t.o.all && (t.o.filter.tgids_nr || t.o.filter.tids_nr || t.o.filter.comm[0] ||
			t.o.cgroup || t.o.command)) {
		fprintf(stderr, "ioready trace: --all and a filter exclude each other\n");
		return EXIT_USAGE;
	}
	if (t.o.interval_ns) {
		fprintf(stderr, "ioready trace: --interval is for tables: see ioready stat\n");
		return EXIT_USAGE;
	}
	if (t.o.herd_events && (t.o.event_min_ns || t.o.event_empty || t.o.event_failed)) {
		fprintf(stderr, "ioready trace: --herd tells files, and goes with no filter of calls\n");
		return EXIT_USAGE;
	}
	ret = run_open(&run, &t.o, &err);
	if (!ret && t.o.herd_events && run.window.plan.wake == WAKE_WAKING)
		ret = err_set(&err, -EOPNOTSUPP,
			      "who is woken for which file cannot be told on the %s tier: "
			      "tracepoints do not tell it; see 'ioready doctor'",
			      tier_name(run.window.plan.tier));
	if (!ret)
		ret = run_load(&run, &err);
	if (!ret)
		ret = run_attach(&run, &err);
	if (!ret && t.o.verbose)
		fprintf(stderr, "%s tier: programs loaded in %.0f ms, attached in %.0f ms\n",
			tier_name(run.window.plan.tier), run.load_ms, run.attach_ms);
	trace.event = (struct event_options){
		.chain = t.o.chain,
		.sees_ready = run.window.plan.wake != WAKE_WAKING,
	};
	if (!ret) {
		status = cmd_start("trace", &run.window);
		if (status)
			goto close;
	}
	if (!ret)
		ret = trace_run(&trace, &err);
	if (!ret)
		ret = trace_finish(&trace, &err);
	status = cmd_end("trace", &run.window, ret, err.text);
close:
	run_close(&run);
	return status;
}
