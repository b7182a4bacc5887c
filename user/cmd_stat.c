// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "cmd.h"
#include "options.h"
#include "report.h"
#include "run.h"

#define SECOND UINT64_C(1000000000)

#define OPTION_HERD 512
#define OPTION_ITEMS 513
#define OPTION_CHAIN_FDS 514

static const struct argp_option entries[] = {
	{ "chain-fds", OPTION_CHAIN_FDS, NULL, 0,
	  "--chain, and for each fd of an epoll, too", 4 },
	{ "herd", OPTION_HERD, NULL, 0,
	  "also count for each file how often it became ready, whom that woke, and who of "
	  "these found something", 4 },
	{ "items", OPTION_ITEMS, NULL, 0,
	  "also count for each item of an epoll how often it was asked, why, and what it "
	  "answered", 4 },
	{ 0 },
};

static const struct argp_child children[] = { { &options_argp, 0, NULL, 0 }, { 0 } };

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;

	(void)arg;
	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = o;
		return 0;
	case OPTION_CHAIN_FDS:
		o->chain = o->chain_fds = true;
		return 0;
	case OPTION_HERD:
		o->herd = true;
		return 0;
	case OPTION_ITEMS:
		/* Items change by epoll_ctl. */
		o->items = o->epoll_ctl = true;
		return 0;
	case ARGP_KEY_ARGS:
		o->command = state->argv + state->next;
		o->filter.tree = true;
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp argp = {
	.options = entries,
	.parser = parse,
	.args_doc = "[-- COMMAND [ARG...]]",
	.doc = "Count how programs wait in select, poll and epoll, and what it costs.\v"
	       "With a COMMAND, it and all that it starts are traced from its first "
	       "instruction until it ends. Without one, tracing goes on until Ctrl-C, the "
	       "end of --duration, or the end of all processes given by --pid.",
	.children = children,
};

/* Prints the figures of the last interval, or of the window. */
static int stat_report(struct run *run, bool interval, uint64_t end_ns, struct err *err)
{
	const struct options *o = run->o;
	struct text_options text = { o->rows, options_color(o, fileno(run->window.out)) };
	struct report report;
	int ret = run_report(run, interval, end_ns, &report, err);

	if (!ret && o->json && report_json(run->window.out, &report))
		ret = err_set(err, -ENOMEM, "out of memory: use a filter to trace less");
	else if (!ret && !o->json)
		report_text(run->window.out, &report, &text);
	if (!ret)
		ret = window_flush(&run->window, err);
	if (!ret && o->fail_on_loss && !interval && losses_total(&report.losses))
		ret = 1;
	run_report_free(&report);
	return ret;
}

static void progress(const struct run *run, uint64_t at_ns)
{
	static const char clear[] = "\r\033[K";

	if (run->o->quiet || !isatty(STDERR_FILENO) || run->window.has_command)
		return;
	if (at_ns)
		fprintf(stderr, "%stracing, %" PRIu64 " s; Ctrl-C ends", clear,
			(at_ns - run->window.start_ns) / SECOND);
	else
		fputs(clear, stderr);
}

/* Runs until the window ends; what ends it is in the order of the tests. */
static int stat_trace(struct run *run, struct err *err)
{
	const struct options *o = run->o;
	uint64_t deadline = window_deadline(&run->window);
	uint64_t interval = o->interval_ns ? run->window.start_ns + o->interval_ns : UINT64_MAX;
	uint64_t second = run->window.start_ns;
	bool slice_told = false;
	int ret = 0;

	for (;;) {
		uint64_t t = window_now();

		if (t >= deadline)
			break;
		if (t >= interval) {
			ret = stat_report(run, true, t, err);
			if (ret)
				break;
			while (interval <= t)
				interval += o->interval_ns;
		}
		if (t >= second) {
			progress(run, t);
			second += SECOND;
		}
		ret = run_turn(run, deadline < interval ? deadline : interval, -1, err);
		if (o->verbose && run->slice_err.text[0] && !slice_told) {
			fprintf(stderr, "no slice of exact counting: %s\n", run->slice_err.text);
			slice_told = true;
		}
		if (ret || window_all_ended(&run->window))
			break;
	}
	progress(run, 0);
	return ret < 0 ? ret : 0;
}

static int stat_finish(struct run *run, struct err *err)
{
	uint64_t end = window_now();

	run_detach(run);
	if (run->o->verbose)
		fprintf(stderr, "detached in %.0f ms\n", run->detach_ms);
	/* The last interval too, however short: then all of them make up the whole. */
	if (run->o->interval_ns && end > run->told_ns) {
		int ret = stat_report(run, true, end, err);

		if (ret)
			return ret;
	}
	return stat_report(run, false, end, err);
}

int cmd_stat(int argc, char **argv)
{
	struct options o;
	struct run run = RUN_INIT;
	struct err err = { "" };
	int ret, status;

	options_init(&o, "stat");
	argp_err_exit_status = EXIT_USAGE;
	argv[0] = "ioready stat";
	/* A command's own options are not ours, also without `--`. */
	argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &o);
	if (o.all && (o.filter.tgids_nr || o.filter.tids_nr || o.filter.comm[0] || o.cgroup ||
		      o.command)) {
		fprintf(stderr, "ioready stat: --all and a filter exclude each other\n");
		return EXIT_USAGE;
	}

	ret = run_open(&run, &o, &err);
	if (!ret)
		ret = run_load(&run, &err);
	if (!ret)
		ret = run_attach(&run, &err);
	if (!ret && o.verbose)
		fprintf(stderr, "%s tier: programs loaded in %.0f ms, attached in %.0f ms\n",
			tier_name(run.window.plan.tier), run.load_ms, run.attach_ms);
	if (!ret) {
		status = cmd_start("stat", &run.window);
		if (status)
			goto close;
	}
	if (!ret)
		ret = stat_trace(&run, &err);
	if (!ret)
		ret = stat_finish(&run, &err);
	status = cmd_end("stat", &run.window, ret, err.text);
close:
	run_close(&run);
	return status;
}
