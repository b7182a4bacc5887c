// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "borrow.h"
#include "cmd.h"
#include "files.h"
#include "model_snapshot.h"
#include "options.h"
#include "privilege.h"
#include "process.h"
#include "report_snapshot.h"

#define SECOND UINT64_C(1000000000)

static const struct argp_child children[] = { { &options_snapshot_argp, 0, NULL, 0 }, { 0 } };

static error_t parse(int key, char *arg, struct argp_state *state)
{
	(void)arg;
	if (key == ARGP_KEY_INIT)
		state->child_inputs[0] = state->input;
	else if (key == ARGP_KEY_ARG)
		argp_usage(state);
	else
		return ARGP_ERR_UNKNOWN;
	return 0;
}

static const struct argp argp = {
	.parser = parse,
	.args_doc = "",
	.doc = "Show every fd that a process watches with select, poll or epoll: what is asked "
	       "for, what is ready now, and what is ready and not being served.\v"
	       "Two looks are taken, --gap apart. With the module ioready.ko loaded nothing of "
	       "the process is touched; without it, each watched file is duplicated for a "
	       "moment to be asked what is ready.",
	.children = children,
};

/* A process and the two looks at it. */
struct subject {
	struct look first, second;
	struct snapshot_process process;
};

/* Everything that a run holds; closed by run_close() in whatever state it is. */
struct run {
	const struct options *o;
	struct utsname name;
	char host[TEXT_CLEAN(HOST_NAME_MAX)];
	struct files *files;		/* NULL: no iterator */
	enum ready_how how;
	struct err no_module, no_iterator;
	struct subject *subjects;
	size_t subjects_nr, subjects_room;
	struct snapshot_process *processes;
	size_t processes_nr;
	uint64_t start_unix_ns;
	uint64_t gap_ns;
	uint64_t silent, ended, forbidden;
	FILE *out;
};

static uint64_t now(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ts.tv_sec * SECOND + ts.tv_nsec;
}

static void pause_until(uint64_t ns)
{
	const struct timespec ts = { ns / SECOND, ns % SECOND };

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL) == EINTR)
		;
}

/*
 * The best way there is: with the module; else the iterator to describe files and
 * duplicates to ask them; else duplicates for both.
 */
static void sources_choose(struct run *run)
{
	enum files_module module = files_module();

	run->how = run->o->no_dup ? READY_NOT_ASKED : READY_BY_DUP;
	if (module == MODULE_ABSENT)
		err_set(&run->no_module, 0, "it is not loaded");
	else if (module == MODULE_MUTE)
		err_set(&run->no_module, 0, "it is loaded, and was built without BTF");
	else if (!files_open(&run->files, module, &run->no_module))
		run->how = READY_BY_MODULE;
	if (!run->files)
		files_open(&run->files, MODULE_ABSENT, &run->no_iterator);
}

static int run_open(struct run *run, struct err *err)
{
	const struct options *o = run->o;
	int fd = STDOUT_FILENO;

	if (uname(&run->name))
		return err_set(err, -errno, "uname: %s", strerror(errno));
	text_clean(run->host, run->name.nodename);
	if (o->output) {
		/* For the owner alone: what servers wait for is nobody else's business. */
		fd = open(o->output, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
		if (fd < 0)
			return err_set(err, -errno, "%.300s: %s", o->output, strerror(errno));
	}
	run->out = fd == STDOUT_FILENO ? stdout : fdopen(fd, "w");
	if (!run->out)
		return err_set(err, -errno, "%s", strerror(errno));
	signal(SIGPIPE, SIG_IGN);
	sources_choose(run);
	return privilege_drop(false, err);
}

/* What is known of the files of a look, after /proc has told which they are. */
static int files_add(struct run *run, struct look *look, struct err *err)
{
	int ret = 0;

	if (run->files)
		ret = files_look(run->files, look, err);
	if (!ret && run->how == READY_BY_DUP)
		ret = borrow_look(look, !run->files, err);
	return ret;
}

/* Does the process watch anything, or wait? */
static bool is_subject(const struct look *look)
{
	for (size_t i = 0; i < look->threads_nr; i++)
		if (look->threads[i].state == THREAD_WAITS)
			return true;
	return look->watches_nr || look->files_nr;
}

/*
 * Counts a process that could not be told; with --all this is no failure, and
 * neither is the end of one of several.
 */
static int spare(struct run *run, int ret, const struct err *why)
{
	if (ret == -ESRCH) {
		run->ended++;
		if (!run->o->all && !run->o->quiet)
			fprintf(stderr, "ioready snapshot: %s\n", why->text);
		return 0;
	}
	if (run->o->all && (ret == -EPERM || ret == -EACCES)) {
		run->forbidden++;
		return 0;
	}
	return ret;
}

static int first_looks(struct run *run, const uint32_t *pids, size_t nr, struct err *err)
{
	for (size_t i = 0; i < nr; i++) {
		struct subject *s = look_room(&run->subjects, &run->subjects_room,
					      run->subjects_nr, sizeof(*s));
		int ret;

		if (!s)
			return err_set(err, -ENOMEM, "out of memory");
		ret = process_look(&s->first, pids[i], err);
		if (!ret && run->o->all && !is_subject(&s->first)) {
			run->silent++;
			look_free(&s->first);
			continue;
		}
		if (!ret)
			ret = files_add(run, &s->first, err);
		if (!ret) {
			run->subjects_nr++;
			continue;
		}
		look_free(&s->first);
		ret = spare(run, ret, err);
		if (ret)
			return ret;
	}
	return 0;
}

static int second_look(struct run *run, struct subject *s, struct err *err)
{
	bool asked = run->how != READY_NOT_ASKED;
	int ret = process_look(&s->second, s->first.pid, err);

	if (!ret && s->second.start_ns != s->first.start_ns)
		ret = err_set(err, -ESRCH, "process %u has ended", s->first.pid);
	if (!ret)
		ret = files_add(run, &s->second, err);
	/* Last: a process that has not run by then has not run in between. */
	if (!ret)
		ret = process_runs(&s->second, err);
	if (!ret)
		ret = model_snapshot(&s->first, &s->second, asked, &s->process, err);
	return ret;
}

static int second_looks(struct run *run, struct err *err)
{
	run->processes = calloc(run->subjects_nr ? run->subjects_nr : 1, sizeof(*run->processes));
	if (!run->processes)
		return err_set(err, -ENOMEM, "out of memory");
	run->start_unix_ns = now(CLOCK_REALTIME);
	for (size_t i = 0; i < run->subjects_nr; i++) {
		struct subject *s = &run->subjects[i];
		int ret = second_look(run, s, err);

		if (!ret) {
			run->processes[run->processes_nr++] = s->process;
			continue;
		}
		ret = spare(run, ret, err);
		if (ret)
			return ret;
	}
	return 0;
}

/* Most unserved fds first. */
static int order(const void *a, const void *b)
{
	const struct snapshot_process *x = a, *y = b;

	if (x->unserved_nr != y->unserved_nr)
		return x->unserved_nr > y->unserved_nr ? -1 : 1;
	if (x->unknown_nr != y->unknown_nr)
		return x->unknown_nr > y->unknown_nr ? -1 : 1;
	return (x->look->pid > y->look->pid) - (x->look->pid < y->look->pid);
}

static int run_report(struct run *run, struct err *err)
{
	const struct options *o = run->o;
	struct text_options text = { o->rows, options_color(o, fileno(run->out)) };
	struct snapshot_report report = {
		.host = run->host,
		.release = run->name.release,
		.start_unix_ns = run->start_unix_ns,
		.gap_ns = run->gap_ns,
		.how = run->how,
		.no_module = run->how == READY_BY_MODULE ? "" : run->no_module.text,
		.no_iterator = run->files ? "" : run->no_iterator.text,
		.processes = run->processes,
		.processes_nr = run->processes_nr,
		.silent = run->silent,
		.ended = run->ended,
		.forbidden = run->forbidden,
	};
	int ret = 0;

	qsort(run->processes, run->processes_nr, sizeof(*run->processes), order);
	if (o->json)
		ret = report_snapshot_json(run->out, &report);
	else
		report_snapshot_text(run->out, &report, &text);
	if (ret)
		return err_set(err, ret, "out of memory");
	if (fflush(run->out) || ferror(run->out))
		return err_set(err, -EIO, "%.300s: %s", o->output ? o->output : "standard output",
			       strerror(errno));
	return 0;
}

static int run_all(struct run *run, struct err *err)
{
	const struct options *o = run->o;
	const uint32_t *pids = o->filter.tgids;
	uint32_t *listed = NULL;
	size_t nr = o->filter.tgids_nr;
	uint64_t begin;
	int ret = 0;

	if (o->all) {
		ret = process_list(&listed, err);
		if (ret < 0)
			return ret;
		pids = listed;
		nr = ret;
	}
	ret = first_looks(run, pids, nr, err);
	free(listed);
	/* From the end of the first to the beginning of the second: no fd has less. */
	begin = now(CLOCK_MONOTONIC);
	if (!ret) {
		pause_until(begin + o->gap_ns);
		run->gap_ns = now(CLOCK_MONOTONIC) - begin;
		ret = second_looks(run, err);
	}
	if (!ret && !o->all && !run->processes_nr)
		return -ESRCH;
	return ret ? ret : run_report(run, err);
}

static void run_close(struct run *run)
{
	for (size_t i = 0; i < run->subjects_nr; i++) {
		model_snapshot_free(&run->subjects[i].process);
		look_free(&run->subjects[i].first);
		look_free(&run->subjects[i].second);
	}
	free(run->subjects);
	free(run->processes);
	files_close(run->files);
}

int cmd_snapshot(int argc, char **argv)
{
	struct options o;
	struct run run = { .o = &o };
	struct err err = { "" };
	int ret, status = EXIT_DONE;

	options_init(&o, "snapshot");
	argp_err_exit_status = EXIT_USAGE;
	argv[0] = "ioready snapshot";
	argp_parse(&argp, argc, argv, 0, NULL, &o);
	if (o.all == !!o.filter.tgids_nr) {
		fprintf(stderr, o.all ? "ioready snapshot: --all and --pid exclude each other\n" :
					"ioready snapshot: say whom: --pid=PID, or --all\n");
		return EXIT_USAGE;
	}
	ret = run_open(&run, &err);
	if (!ret)
		ret = run_all(&run, &err);
	if (!ret && !run.processes_nr && run.forbidden)
		status = EXIT_UNSUPPORTED;
	/* Nobody is left to tell of; that they ended is said already. */
	if (ret == -ESRCH)
		status = EXIT_FAILED;
	else if (ret)
		status = cmd_fail("snapshot", ret, err.text);
	run_close(&run);
	return status;
}
