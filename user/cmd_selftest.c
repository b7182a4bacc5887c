// SPDX-License-Identifier: GPL-2.0-or-later
#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cmd.h"
#include "collector.h"
#include "kernel.h"
#include "model_chain.h"
#include "model_herd.h"
#include "model_wait.h"
#include "parse.h"
#include "report.h"
#include "report_selftest.h"
#include "selftest.h"
#include "source.h"

#define OPTION_LOAD 256
#define OPTION_TIER 257
#define OPTION_ROUNDS 258

/* Rows of ended threads: the crowds'. */
#define RING_BYTES (256 * 1024)

/*
 * A run in which the kernel skipped a hook proves nothing: the figures are as much
 * too low as the losses say. So it is made again, this often in all.
 */
#define ATTEMPTS 3

struct selftest_options {
	bool load;
	const char *file;
	enum tier tier;
	uint32_t rounds;
	bool json;
	bool quiet;
};

static const struct argp_option entries[] = {
	{ "load", OPTION_LOAD, "FILE", OPTION_ARG_OPTIONAL,
	  "load the module first (FILE, or what modprobe finds), and unload it at the end", 0 },
	{ "tier", OPTION_TIER, "TIER", 0, "auto, fentry, kprobe or tracepoint", 0 },
	{ "rounds", OPTION_ROUNDS, "N", 0, "how often each case waits (default 200)", 0 },
	{ "json", 'j', NULL, 0, "a JSON object instead of text", 0 },
	{ "quiet", 'q', NULL, 0, "no progress, and only the figures that are off", 0 },
	{ 0 },
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct selftest_options *o = state->input;
	struct err err;

	switch (key) {
	case OPTION_LOAD:
		o->load = true;
		o->file = arg;
		break;
	case OPTION_TIER:
		if (tier_parse(arg, &o->tier, &err))
			argp_error(state, "%s", err.text);
		break;
	case OPTION_ROUNDS:
		if (parse_u32(arg, 1, 100000, &o->rounds, "the number of rounds", &err))
			argp_error(state, "%s", err.text);
		break;
	case 'j':
		o->json = true;
		break;
	case 'q':
		o->quiet = true;
		break;
	case ARGP_KEY_ARG:
		argp_error(state, "there is nothing to give here: '%.40s'", arg);
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static const struct argp argp = {
	.options = entries,
	.parser = parse,
	.doc = "Prove the tracer on this kernel: wait in known ways on the module's sources, and "
	       "hold each figure against what the module counted.\v"
	       "Exits with 1 if a figure that is called exact differs, or if one that is called "
	       "a lower bound is above the truth.",
};

/* A case's process: it waits for a byte, runs the case, and answers. */
struct worker {
	pid_t pid;
	int gate;
	int answer;
};

struct answer {
	int ret;
	struct err err;
	struct selftest_truth truth;
};

static void worker_main(const struct selftest_case *test, uint32_t rounds, int gate, int answer)
{
	struct answer a = { 0 };
	char byte;

	/* Nothing stays behind, whatever happens to us. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() == 1 || read(gate, &byte, 1) != 1)
		_exit(1);
	a.ret = selftest_run(test, rounds, &a.truth, &a.err);
	if (write(answer, &a, sizeof(a)) != sizeof(a))
		_exit(1);
	_exit(0);
}

static int worker_start(struct worker *w, const struct selftest_case *test, uint32_t rounds,
			struct err *err)
{
	int gate[2], answer[2];

	if (pipe2(gate, O_CLOEXEC) || pipe2(answer, O_CLOEXEC))
		return err_set(err, -errno, "pipe: %s", strerror(errno));
	w->pid = fork();
	if (w->pid < 0)
		return err_set(err, -errno, "fork: %s", strerror(errno));
	if (!w->pid) {
		close(gate[1]);
		close(answer[0]);
		worker_main(test, rounds, gate[0], answer[1]);
	}
	close(gate[0]);
	close(answer[1]);
	w->gate = gate[1];
	w->answer = answer[0];
	return 0;
}

/* A round takes some milliseconds, more on an emulated or loaded machine; none takes this. */
#define ROUND_MS_MAX 500

static int worker_run(struct worker *w, const char *name, uint32_t rounds, struct answer *a,
		      struct err *err)
{
	struct pollfd p = { w->answer, POLLIN, 0 };

	if (write(w->gate, "", 1) != 1)
		return err_set(err, -EIO, "%s: its process died", name);
	if (!poll(&p, 1, 10000 + rounds * ROUND_MS_MAX))
		return err_set(err, -ETIMEDOUT, "%s: does not come to its end, a wake was lost",
			       name);
	if (read(w->answer, a, sizeof(*a)) != sizeof(*a))
		return err_set(err, -EIO, "%s: its process died", name);
	if (a->ret)
		return err_set(err, a->ret, "%s: %s", name, a->err.text);
	return 0;
}

static void worker_end(struct worker *w)
{
	if (w->pid <= 0)
		return;
	close(w->gate);
	close(w->answer);
	kill(w->pid, SIGKILL);
	while (waitpid(w->pid, NULL, 0) < 0 && errno == EINTR)
		;
}

struct selftest_run {
	const struct selftest_options *o;
	struct kernel kernel;
	struct plan plan;
	struct collector *collector;
	struct model_wait *model;
	struct model_chain *chains;
	struct model_herd *herds;
	struct worker workers[FILTER_IDS_MAX];
	struct answer answers[FILTER_IDS_MAX];
	struct selftest_result results[FILTER_IDS_MAX];
	struct selftest_report report;
};

static void on_begin(void *arg)
{
	struct selftest_run *run = arg;

	model_wait_begin(run->model);
	model_chain_begin(run->chains);
	model_herd_begin(run->herds);
}

static void on_ended(const struct record *record, void *arg)
{
	struct selftest_run *run = arg;

	model_wait_ended(record, run->model);
	model_chain_ended(record, run->chains);
	model_herd_ended(record, run->herds);
}

static void on_living(const struct record *record, void *arg)
{
	struct selftest_run *run = arg;

	model_wait_living(record, run->model);
	model_chain_living(record, run->chains);
	model_herd_living(record, run->herds);
}

static const struct snapshot_fns snapshot_fns = { on_begin, on_ended, on_living };

static int run_trace(struct selftest_run *run, struct err *err)
{
	struct settings settings = {
		.filter.cgroup_v1_subsys = -1,
		.scans = run->report.scans,
		.epoll_ctl = true,
		.chain = true,
		.herd = true,
		.ring_bytes = RING_BYTES,
	};
	int ret = 0;

	/* Before anything is attached: a process that is made later is not in the filter. */
	for (int i = 0; i < selftest_cases_nr && !ret; i++) {
		ret = worker_start(&run->workers[i], &selftest_cases[i], run->o->rounds, err);
		settings.filter.tgids[settings.filter.tgids_nr++] = run->workers[i].pid;
	}
	if (!ret)
		ret = collector_open(&run->collector, &run->kernel, &run->plan, &settings, err);
	if (!ret)
		ret = collector_attach(run->collector, err);
	for (int i = 0; i < selftest_cases_nr && !ret; i++) {
		if (!run->o->quiet && isatty(STDERR_FILENO))
			fprintf(stderr, "\r\033[K%s", selftest_cases[i].name);
		ret = worker_run(&run->workers[i], selftest_cases[i].name, run->o->rounds,
				 &run->answers[i], err);
		if (!ret)
			ret = collector_drain(run->collector, on_ended, run, err);
	}
	if (!run->o->quiet && isatty(STDERR_FILENO))
		fputs("\r\033[K", stderr);
	if (ret)
		return ret;
	collector_detach(run->collector);
	ret = collector_snapshot(run->collector, &snapshot_fns, run, err);
	collector_losses(run->collector, &run->report.losses);
	return ret;
}

static void run_clear(struct selftest_run *run)
{
	for (int i = 0; i < selftest_cases_nr; i++)
		worker_end(&run->workers[i]);
	memset(run->workers, 0, sizeof(run->workers));
	collector_close(run->collector);
	run->collector = NULL;
	model_wait_free(run->model);
	model_chain_free(run->chains);
	model_herd_free(run->herds);
	run->model = NULL;
	run->chains = NULL;
	run->herds = NULL;
}

/* Traces until nothing is lost, at most ATTEMPTS times; what is kept is the last. */
static int run_attempts(struct selftest_run *run, struct err *err)
{
	int ret;

	do {
		run_clear(run);
		run->report.attempts++;
		run->model = model_wait_new(false);
		run->chains = model_chain_new(false);
		run->herds = model_herd_new();
		if (!run->model || !run->chains || !run->herds)
			return err_set(err, -ENOMEM, "out of memory");
		ret = run_trace(run, err);
	} while (!ret && losses_total(&run->report.losses) && run->report.attempts < ATTEMPTS);
	return ret;
}

/* The sums over the files by which a process was first seen to wait. */
static void herd_sum(const struct herd_figures *herds, int nr, pid_t pid, struct file_row *sum)
{
	memset(sum, 0, sizeof(*sum));
	for (int i = 0; i < nr; i++) {
		if (herds[i].file.tgid != (uint32_t)pid)
			continue;
		sum->events += herds[i].file.events;
		for (int figure = 0; figure < HERD_NR; figure++)
			sum->herd[figure] += herds[i].file.herd[figure];
	}
}

static int run_compare(struct selftest_run *run, struct err *err)
{
	struct wait_figures *all = NULL, *own = NULL;
	struct chain_figures *chains = NULL;
	struct herd_figures *herds = NULL;
	int n, chains_nr = 0, herds_nr = 0;

	n = model_wait_figures(run->model, false, &all, err);
	if (n >= 0)
		chains_nr = model_chain_figures(run->chains, false, &chains, err);
	if (n >= 0 && chains_nr >= 0)
		herds_nr = model_herd_figures(run->herds, false, &herds, err);
	if (n < 0 || chains_nr < 0 || herds_nr < 0)
		goto out;
	own = calloc(n + 1, sizeof(*own));
	if (!own) {
		n = err_set(err, -ENOMEM, "out of memory");
		goto out;
	}
	for (int i = 0; i < selftest_cases_nr; i++) {
		struct selftest_result *r = &run->results[i];
		const struct chain_figures *chain = NULL;
		struct file_row herd;
		int own_nr = 0;

		for (int j = 0; j < n; j++)
			if (all[j].tgid == (uint32_t)run->workers[i].pid)
				own[own_nr++] = all[j];
		for (int j = 0; j < chains_nr; j++)
			if (chains[j].tgid == (uint32_t)run->workers[i].pid)
				chain = &chains[j];
		herd_sum(herds, herds_nr, run->workers[i].pid, &herd);
		r->test = &selftest_cases[i];
		r->checks_nr = selftest_compare(r->test, &run->answers[i].truth, own, own_nr, chain,
						collector_has_herd(run->collector) ? &herd : NULL,
						events_kind(run->plan.wake), r->checks);
	}
	run->report.results = run->results;
	run->report.results_nr = selftest_cases_nr;
out:
	free(own);
	free(all);
	free(chains);
	model_herd_figures_free(herds, herds_nr);
	return n < 0 ? n : chains_nr < 0 ? chains_nr : herds_nr < 0 ? herds_nr : 0;
}

/* What it costs a program to read the clock, in ns: the least of many pairs. */
static uint64_t clock_cost(void)
{
	uint64_t least = UINT64_MAX;

	for (int i = 0; i < 1000; i++) {
		struct timespec a, b;
		uint64_t ns;

		clock_gettime(CLOCK_MONOTONIC, &a);
		clock_gettime(CLOCK_MONOTONIC, &b);
		ns = (b.tv_sec - a.tv_sec) * UINT64_C(1000000000) + b.tv_nsec - a.tv_nsec;
		if (ns < least)
			least = ns;
	}
	return least;
}

static int run_open(struct selftest_run *run, struct err *err)
{
	int ret = kernel_open(&run->kernel, err);
	int fd;

	if (!ret)
		ret = kernel_check(&run->kernel, err);
	if (!ret)
		ret = kernel_plan(&run->kernel, run->o->tier, &run->plan, err);
	if (ret)
		return ret;
	fd = source_open(err);
	if (fd < 0)
		return fd;
	close(fd);
	run->report.host = run->kernel.host;
	run->report.release = run->kernel.release;
	run->report.tier = run->plan.tier;
	run->report.rounds = run->o->rounds;
	run->report.clock_ns = clock_cost();
	/* Without its BTF the module's own ->poll() is not among those that are found. */
	run->report.scans = run->plan.scan == SCAN_NONE || access("/sys/kernel/btf/ioready", F_OK) ?
				    SCANS_DERIVE :
				    SCANS_EXACT;
	return 0;
}

static int run_report(struct selftest_run *run, struct err *err)
{
	if (run->o->json && report_selftest_json(stdout, &run->report))
		return err_set(err, -ENOMEM, "out of memory");
	if (!run->o->json)
		report_selftest_text(stdout, &run->report, !run->o->quiet);
	if (fflush(stdout) || ferror(stdout))
		return err_set(err, -EIO, "standard output: %s", strerror(errno));
	return 0;
}

/* The run, as long as it is a process of its own. */
static pid_t run_pid;

static void on_signal(int signal)
{
	kill(run_pid, signal);
}

/*
 * What --load has loaded has to go also if Ctrl-C ends the run, so this process waits for that.
 * Its workers are killed when it ends: as their parent from then on, this one waits for them
 * too, for they hold the module until they are gone.
 * @mask: of signals, until @run_pid was known
 *
 * Return: the run's exit status.
 */
static int run_wait(const sigset_t *mask)
{
	struct sigaction action = { .sa_handler = on_signal };
	int status, ended = 0;
	struct err err;
	pid_t pid;

	prctl(PR_SET_CHILD_SUBREAPER, 1);
	sigaction(SIGHUP, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigprocmask(SIG_SETMASK, mask, NULL);
	while ((pid = wait(&status)) > 0 || errno == EINTR)
		if (pid == run_pid)
			ended = status;
	if (module_unload(&err))
		cmd_fail("selftest", -EBUSY, err.text);
	if (WIFEXITED(ended))
		return WEXITSTATUS(ended);
	/* As if it had been us. */
	signal(WTERMSIG(ended), SIG_DFL);
	raise(WTERMSIG(ended));
	return EXIT_FAILED;
}

int cmd_selftest(int argc, char **argv)
{
	struct selftest_options o = { .rounds = 200 };
	struct selftest_run *run;
	int ret = 0, status = EXIT_DONE, tally[VERDICTS];
	struct err err = { "" };
	sigset_t all, mask;

	argp_err_exit_status = EXIT_USAGE;
	argv[0] = "ioready selftest";
	argp_parse(&argp, argc, argv, 0, NULL, &o);
	/* A closed pipe is told as an error, and Ctrl-C ends the workers with us. */
	signal(SIGPIPE, SIG_IGN);

	run = calloc(1, sizeof(*run));
	if (!run)
		return cmd_fail("selftest", -ENOMEM, "out of memory");
	run->o = &o;
	run->kernel.tracefs = -1;
	if (o.load)
		ret = module_load(o.file, &err);
	/* Only what we have loaded is ours to unload. */
	if (o.load && !ret) {
		sigfillset(&all);
		sigprocmask(SIG_BLOCK, &all, &mask);
		run_pid = fork();
		if (run_pid > 0) {
			free(run);
			return run_wait(&mask);
		}
		sigprocmask(SIG_SETMASK, &mask, NULL);
		if (run_pid < 0) {
			ret = err_set(&err, -errno, "fork: %s", strerror(errno));
			module_unload(&(struct err){ "" });
		}
	}
	if (ret >= 0)
		ret = run_open(run, &err);
	if (!ret)
		ret = run_attempts(run, &err);
	if (!ret)
		ret = run_compare(run, &err);
	if (!ret)
		ret = run_report(run, &err);
	if (ret) {
		status = cmd_fail("selftest", ret, err.text);
	} else {
		selftest_tally(&run->report, tally);
		if (tally[VERDICT_WRONG])
			status = EXIT_FAILED;
	}
	run_clear(run);
	kernel_close(&run->kernel);
	free(run);
	return status;
}
