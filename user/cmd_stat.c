// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "cgroup.h"
#include "cmd.h"
#include "collector.h"
#include "command.h"
#include "interest.h"
#include "kernel.h"
#include "model_wait.h"
#include "options.h"
#include "privilege.h"
#include "report.h"

#define SECOND UINT64_C(1000000000)
/* The ring is drained this often; a full default ring is 1,600 thread ends. */
#define DRAIN_NS (SECOND / 10)
/*
 * Exact counting of scans, where it is sampled: the collector starts with a
 * slice, so that a short run has one too; then there is one every ten seconds.
 */
#define SLICE_NS (SECOND / 5)
#define SLICE_EVERY_NS (10 * SECOND)

static const struct argp_child children[] = { { &options_argp, 0, NULL, 0 }, { 0 } };

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;

	(void)arg;
	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = o;
		return 0;
	case ARGP_KEY_ARGS:
		o->command = state->argv + state->next;
		o->filter.tree = true;
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp argp = {
	.parser = parse,
	.args_doc = "[-- COMMAND [ARG...]]",
	.doc = "Count how programs wait in select, poll and epoll, and what it costs.\v"
	       "With a COMMAND, it and all that it starts are traced from its first "
	       "instruction until it ends. Without one, tracing goes on until Ctrl-C, the "
	       "end of --duration, or the end of all processes given by --pid.",
	.children = children,
};

/* Everything that a run holds; closed by run_close() in whatever state it is. */
struct run {
	const struct options *o;
	struct kernel kernel;
	struct plan plan;
	struct filter filter;
	struct collector *collector;
	struct model_wait *model;
	struct command command;
	bool has_command;
	int pidfds[FILTER_IDS_MAX];
	int pidfds_nr;
	int signals;
	sigset_t mask;		/* before we blocked ours */
	FILE *out;
	uint64_t start_ns;
	uint64_t start_unix_ns;
	uint64_t told_ns;	/* end of the last interval */
	int scan_functions;
};

static uint64_t now(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ts.tv_sec * SECOND + ts.tv_nsec;
}

static int run_open(struct run *run, struct err *err)
{
	const struct options *o = run->o;
	int ret, fd = STDOUT_FILENO;
	sigset_t ours;

	ret = kernel_open(&run->kernel, err);
	if (!ret)
		ret = kernel_check(&run->kernel, err);
	if (!ret)
		ret = kernel_plan(&run->kernel, o->tier, &run->plan, err);
	if (ret)
		return ret;
	run->filter = o->filter;
	if (o->cgroup) {
		ret = cgroup_filter(&run->kernel, o->cgroup, &run->filter, err);
		if (ret)
			return ret;
	}
	for (uint32_t i = 0; i < o->filter.tgids_nr; i++) {
		int pidfd = syscall(SYS_pidfd_open, o->filter.tgids[i], 0);

		if (pidfd < 0)
			return err_set(err, -errno, "process %u: %s", o->filter.tgids[i],
				       strerror(errno));
		run->pidfds[run->pidfds_nr++] = pidfd;
	}
	if (o->output) {
		/* For the owner alone: what servers wait for is nobody else's business. */
		fd = open(o->output, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
		if (fd < 0)
			return err_set(err, -errno, "%.300s: %s", o->output, strerror(errno));
	}
	run->out = fd == STDOUT_FILENO ? stdout : fdopen(fd, "w");
	if (!run->out)
		return err_set(err, -errno, "%s", strerror(errno));
	if (o->command) {
		ret = command_prepare(&run->command, o->command, err);
		if (ret)
			return ret;
		run->has_command = true;
	}
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&ours);
	sigaddset(&ours, SIGINT);
	sigaddset(&ours, SIGTERM);
	sigaddset(&ours, SIGHUP);
	sigprocmask(SIG_BLOCK, &ours, &run->mask);
	run->signals = signalfd(-1, &ours, SFD_CLOEXEC);
	if (run->signals < 0)
		return err_set(err, -errno, "signalfd: %s", strerror(errno));
	run->model = model_wait_new(o->threads);
	if (!run->model)
		return err_set(err, -ENOMEM, "out of memory");
	return 0;
}

static int run_attach(struct run *run, struct err *err)
{
	const struct options *o = run->o;
	uint64_t begin = now(CLOCK_MONOTONIC), loaded;
	const struct settings settings = {
		.filter = run->filter,
		.scans = o->scans,
		.epoll_ctl = o->epoll_ctl,
		.ring_bytes = o->ring_bytes,
	};
	int ret = collector_open(&run->collector, &run->kernel, &run->plan, &settings, err);

	if (ret)
		return ret;
	loaded = now(CLOCK_MONOTONIC);
	if (run->has_command)
		ret = collector_follow(run->collector, run->command.pid, err);
	if (!ret)
		ret = collector_attach(run->collector, err);
	if (ret)
		return ret;
	run->scan_functions = collector_scan_functions(run->collector);
	run->start_unix_ns = now(CLOCK_REALTIME);
	run->start_ns = run->told_ns = now(CLOCK_MONOTONIC);
	if (o->verbose)
		fprintf(stderr, "%s tier: programs loaded in %.0f ms, attached in %.0f ms\n",
			tier_name(run->plan.tier), (loaded - begin) / 1e6,
			(run->start_ns - loaded) / 1e6);
	return privilege_drop(err);
}

static const struct snapshot_fns snapshot_fns = {
	.begin = model_wait_begin,
	.ended = model_wait_ended,
	.living = model_wait_living,
};

/* Interest lists are read by the rows' own word of who waits on which epoll fd. */
static int interest_sample(struct run *run, struct err *err)
{
	struct wait_figures *f;
	int n = model_wait_figures(run->model, false, &f, err);

	if (n < 0)
		return n;
	for (int i = 0; i < n; i++) {
		int64_t items;
		bool seen = false;

		if (!f[i].alive || f[i].epfd < 0)
			continue;
		for (int j = 0; j < i && !seen; j++)
			seen = f[j].tgid == f[i].tgid && f[j].epfd == f[i].epfd;
		if (seen)
			continue;
		items = interest_count(f[i].tgid, f[i].epfd);
		if (items >= 0)
			model_wait_watched(run->model, f[i].tgid, f[i].epfd, items);
	}
	free(f);
	return 0;
}

static int run_report(struct run *run, bool interval, uint64_t end_ns, struct err *err)
{
	const struct options *o = run->o;
	struct text_options text = { o->rows, options_color(o, fileno(run->out)) };
	uint64_t length = end_ns - (interval ? run->told_ns : run->start_ns);
	struct report report = {
		.host = run->kernel.host,
		.release = run->kernel.release,
		.plan = run->plan,
		.scans = o->scans,
		.scan_functions = run->scan_functions,
		.start_unix_ns = run->start_unix_ns +
				 (interval ? run->told_ns - run->start_ns : 0),
		.seconds = length / 1e9,
		.interval = interval,
		.threads = o->threads,
	};
	struct wait_figures *waits;
	int ret;

	ret = collector_snapshot(run->collector, &snapshot_fns, run->model, err);
	if (!ret)
		ret = interest_sample(run, err);
	if (ret)
		return ret;
	ret = model_wait_figures(run->model, interval, &waits, err);
	if (ret < 0)
		return ret;
	report.waits = waits;
	report.waits_nr = ret;
	collector_losses(run->collector, &report.losses);
	ret = 0;
	if (o->json)
		ret = report_json(run->out, &report);
	else
		report_text(run->out, &report, &text);
	free(waits);
	if (ret)
		return err_set(err, ret, "out of memory");
	if (fflush(run->out) || ferror(run->out))
		return err_set(err, -EIO, "%.300s: %s", o->output ? o->output : "standard output",
			       strerror(errno));
	run->told_ns = end_ns;
	if (o->fail_on_loss && !interval && losses_total(&report.losses))
		return 1;
	return 0;
}

static void progress(const struct run *run, uint64_t at_ns)
{
	static const char clear[] = "\r\033[K";

	if (run->o->quiet || !isatty(STDERR_FILENO) || run->has_command)
		return;
	if (at_ns)
		fprintf(stderr, "%stracing, %" PRIu64 " s; Ctrl-C ends", clear,
			(at_ns - run->start_ns) / SECOND);
	else
		fputs(clear, stderr);
}

static bool all_ended(struct run *run)
{
	if (!run->pidfds_nr)
		return false;
	for (int i = 0; i < run->pidfds_nr; i++) {
		struct pollfd p = { run->pidfds[i], POLLIN, 0 };

		if (poll(&p, 1, 0) != 1)
			return false;
	}
	return true;
}

/* Runs until the window ends; what ends it is in the order of the tests. */
static int run_trace(struct run *run, struct err *err)
{
	const struct options *o = run->o;
	uint64_t deadline = o->duration_ns ? run->start_ns + o->duration_ns : UINT64_MAX;
	uint64_t interval = o->interval_ns ? run->start_ns + o->interval_ns : UINT64_MAX;
	uint64_t slice = run->start_ns + SLICE_NS, second = run->start_ns, t;
	bool slicing = true;
	int ret = 0;

	for (;;) {
		struct pollfd fds[] = {
			{ run->signals, POLLIN, 0 },
			{ run->has_command ? run->command.pidfd : -1, POLLIN, 0 },
		};
		uint64_t wake;
		struct timespec timeout;

		t = now(CLOCK_MONOTONIC);
		if (t >= deadline)
			break;
		if (t >= interval) {
			ret = run_report(run, true, t, err);
			if (ret)
				break;
			while (interval <= t)
				interval += o->interval_ns;
		}
		if (t >= slice) {
			struct err why;

			slicing = !slicing;
			if (collector_scan_slice(run->collector, slicing, &why) && o->verbose)
				fprintf(stderr, "no slice of exact counting: %s\n", why.text);
			slice = now(CLOCK_MONOTONIC) + (slicing ? SLICE_NS : SLICE_EVERY_NS);
		}
		if (t >= second) {
			progress(run, t);
			second += SECOND;
		}
		ret = collector_drain(run->collector, model_wait_ended, run->model, err);
		if (ret || all_ended(run))
			break;
		wake = t + DRAIN_NS;
		if (wake > deadline)
			wake = deadline;
		if (wake > interval)
			wake = interval;
		timeout.tv_sec = (wake - t) / SECOND;
		timeout.tv_nsec = (wake - t) % SECOND;
		if (ppoll(fds, 2, &timeout, NULL) > 0)
			break;
	}
	progress(run, 0);
	return ret;
}

static int run_finish(struct run *run, struct err *err)
{
	uint64_t end = now(CLOCK_MONOTONIC);

	collector_detach(run->collector);
	if (run->o->verbose)
		fprintf(stderr, "detached in %.0f ms\n", (now(CLOCK_MONOTONIC) - end) / 1e6);
	/* The last interval too, however short: then all of them make up the whole. */
	if (run->o->interval_ns && end > run->told_ns) {
		int ret = run_report(run, true, end, err);

		if (ret)
			return ret;
	}
	return run_report(run, false, end, err);
}

static void run_close(struct run *run)
{
	collector_close(run->collector);
	model_wait_free(run->model);
	if (run->signals >= 0)
		close(run->signals);
	for (int i = 0; i < run->pidfds_nr; i++)
		close(run->pidfds[i]);
	kernel_close(&run->kernel);
}

int cmd_stat(int argc, char **argv)
{
	struct options o;
	struct run run = { .o = &o, .signals = -1, .kernel.tracefs = -1 };
	struct err err = { "" };
	int ret, status = EXIT_DONE;

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

	ret = run_open(&run, &err);
	if (!ret)
		ret = run_attach(&run, &err);
	if (!ret && run.has_command) {
		ret = command_start(&run.command, &err);
		if (ret) {
			status = ret == -ENOENT ? 127 : 126;
			cmd_fail("stat", ret, err.text);
			command_wait(&run.command);
			run_close(&run);
			return status;
		}
	}
	if (!ret)
		ret = run_trace(&run, &err);
	if (!ret)
		ret = run_finish(&run, &err);
	if (ret < 0)
		status = cmd_fail("stat", ret, err.text);
	else if (ret > 0)
		status = EXIT_LOSSES;
	if (run.has_command) {
		if (run.command.gate >= 0) {
			command_abandon(&run.command);
		} else {
			int theirs = command_wait(&run.command);

			if (status == EXIT_DONE)
				status = theirs;
		}
	}
	run_close(&run);
	return status;
}
