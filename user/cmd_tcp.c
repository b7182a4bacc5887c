// SPDX-License-Identifier: GPL-2.0-or-later
#include <argp.h>
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cmd.h"
#include "model_tcp.h"
#include "netstat.h"
#include "options.h"
#include "parse.h"
#include "report_tcp.h"
#include "run.h"
#include "tcp.h"
#include "window.h"

#define OPTION_PORT 512
#define OPTION_PEER 513
#define OPTION_NETNS 514
#define OPTION_EACH 515
#define OPTION_DIAGRAM 516
#define OPTION_NETWORKS 517
#define OPTION_CONNECTIONS 518
#define OPTION_SAMPLE 522
#define OPTION_DATA 519
#define OPTION_UDP 520
#define OPTION_WAITS 521
#define OPTION_HISTOGRAMS 523

#define SECOND UINT64_C(1000000000)

/**
 * struct tcp_options - what the user asked for
 * @netns: a path, the name of one that `ip netns` knows, or a PID; NULL: all
 */
struct tcp_options {
	struct options o;
	struct tcp_settings settings;
	const char *netns;
	bool each;
	bool diagram;
	bool networks;
	bool histograms;
	bool waits;
};

static const struct argp_option entries[] = {
	{ NULL, 0, NULL, 0, "Which connections (all given must hold; the default is each):", 5 },
	{ "port", OPTION_PORT, "PORT", 0, "those with this port on either side; up to 16 times", 5 },
	{ "peer", OPTION_PEER, "NETWORK", 0, "those with this peer: an address, or ADDRESS/BITS", 5 },
	{ "netns", OPTION_NETNS, "WHICH", 0,
	  "those of a network namespace: a name of 'ip netns', a path, or the PID of a process in it",
	  5 },
	{ NULL, 0, NULL, 0, "What to print of connections:", 6 },
	{ "each", OPTION_EACH, NULL, 0, "a line each, when it ends", 6 },
	{ "diagram", OPTION_DIAGRAM, NULL, 0,
	  "a picture of the connection that took longest to be made", 6 },
	{ "data", OPTION_DATA, NULL, 0,
	  "also how long data waits: for what is missing before it, to be read, and for room", 6 },
	{ "udp", OPTION_UDP, NULL, 0,
	  "with --data, and beside it datagrams: read, dropped and spoilt", 6 },
	{ "waits", OPTION_WAITS, NULL, 0,
	  "with --data, how it reaches a thread that waits in select, poll or epoll; and all that "
	  "'stat --chain' tells of the same window",
	  6 },
	{ "histograms", OPTION_HISTOGRAMS, NULL, 0, "of each time, how many took how long", 6 },
	{ "networks", OPTION_NETWORKS, NULL, 0, "tell peers apart by network (/24, /64)", 6 },
	{ "sample", OPTION_SAMPLE, "N", 0,
	  "follow one connection in N, chosen by chance, and only count the others: costs less", 6 },
	{ "connections", OPTION_CONNECTIONS, "N", 0,
	  "room for connections at once (default 65536)", 6 },
	{ 0 },
};

static const struct argp_child children[] = { { &options_tcp_argp, 0, NULL, 0 }, { 0 } };

/* @text is ADDRESS or ADDRESS/BITS. */
static int peer_parse(struct tcp_settings *s, const char *text, struct err *err)
{
	char address[INET6_ADDRSTRLEN + 1] = "";
	const char *slash = strchr(text, '/');
	size_t length = slash ? (size_t)(slash - text) : strlen(text);
	uint32_t bits, most = 128;

	if (length < sizeof(address))
		memcpy(address, text, length);
	memset(s->peer, 0, sizeof(s->peer));
	if (inet_pton(AF_INET, address, s->peer + 12) == 1) {
		s->peer[10] = s->peer[11] = 0xff;
		most = 32;
	} else if (inet_pton(AF_INET6, address, s->peer) != 1) {
		return err_set(err, -EINVAL, "'%.60s' is no address, nor ADDRESS/BITS", text);
	}
	bits = most;
	if (slash && parse_u32(slash + 1, 1, most, &bits, "the number of bits", err))
		return -EINVAL;
	s->peer_bits = bits + 128 - most;
	return 0;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct tcp_options *t = state->input;
	struct err err;
	uint32_t n;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &t->o;
		break;
	case OPTION_PORT:
		if (parse_u32(arg, 1, 65535, &n, "the port", &err))
			argp_error(state, "%s", err.text);
		if (t->settings.ports_nr == TCP_PORTS_MAX)
			argp_error(state, "at most %d ports can be given", TCP_PORTS_MAX);
		t->settings.ports[t->settings.ports_nr++] = n;
		break;
	case OPTION_PEER:
		if (peer_parse(&t->settings, arg, &err))
			argp_error(state, "%s", err.text);
		break;
	case OPTION_NETNS:
		t->netns = arg;
		break;
	case OPTION_EACH:
		t->each = true;
		break;
	case OPTION_DIAGRAM:
		t->diagram = true;
		break;
	case OPTION_DATA:
		t->settings.data = true;
		break;
	case OPTION_UDP:
		t->settings.data = t->settings.udp = true;
		break;
	case OPTION_WAITS:
		t->waits = t->settings.data = t->o.chain = true;
		break;
	case OPTION_NETWORKS:
		t->networks = true;
		break;
	case OPTION_HISTOGRAMS:
		t->histograms = true;
		break;
	case OPTION_CONNECTIONS:
		if (parse_u32(arg, 1, 1 << 24, &t->settings.connections, "the number of connections",
			      &err))
			argp_error(state, "%s", err.text);
		break;
	case OPTION_SAMPLE:
		if (parse_u32(arg, 1, 1 << 20, &t->settings.sample, "the size of the sample", &err))
			argp_error(state, "%s", err.text);
		break;
	case ARGP_KEY_END:
		/* A peer is seen too late for those of others to cost less. */
		if (t->settings.sample > 1 && t->settings.peer_bits)
			argp_error(state, "--sample and --peer exclude each other");
		break;
	case ARGP_KEY_ARGS:
		t->o.command = state->argv + state->next;
		t->o.filter.tree = true;
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
	.doc = "Say how TCP connections are made, accepted and closed, and how long that takes.\v"
	       "With a COMMAND, its connections and those of all that it starts are followed until it "
	       "ends; without one, until Ctrl-C, the end of --duration, or of all processes given by "
	       "--pid.",
	.children = children,
};

/**
 * struct tcp_run - all that the command holds
 * @waits: the window, and with --waits the run of waits in it
 * @whole, @part: models of the window, and of the interval that goes on (--interval)
 * @told_ns: end of the last interval
 * @whole_passed, @part_passed: connections that were passed over before it began
 * @headed: lines of connections have their heading
 */
struct tcp_run {
	const struct tcp_options *t;
	struct run waits;
	struct tcp *tcp;
	struct model_tcp *whole;
	struct model_tcp *part;
	struct netstat netstat;
	uint32_t netstat_netns;
	int netns;
	uint64_t told_ns;
	struct tcp_passed_over whole_passed, part_passed;
	uint64_t unix_offset_ns;
	bool headed;
	int failed;
};

/* --- namespaces ----------------------------------------------------------------------- */

/* A fd of the namespace that @name stands for, or -errno. */
static int netns_open(const char *name, struct err *err)
{
	char path[128];
	uint32_t pid;
	int fd;

	if (strchr(name, '/'))
		snprintf(path, sizeof(path), "%s", name);
	else if (!parse_u32(name, 1, 4194304, &pid, "the process", NULL))
		snprintf(path, sizeof(path), "/proc/%u/ns/net", pid);
	else
		snprintf(path, sizeof(path), "/run/netns/%s", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_set(err, -errno, "network namespace %.60s: %.100s: %s", name, path,
			       strerror(errno));
	if (ioctl(fd, NS_GET_NSTYPE) != CLONE_NEWNET) {
		close(fd);
		return err_set(err, -EINVAL, "network namespace %.60s: %.100s is none", name, path);
	}
	return fd;
}

/* Finds the namespace, and opens its counters while that is still allowed. */
static int netns_begin(struct tcp_run *run, struct tcp_settings *settings, struct err *err)
{
	struct stat st;

	if (run->t->netns) {
		run->netns = netns_open(run->t->netns, err);
		if (run->netns < 0)
			return run->netns;
		if (fstat(run->netns, &st))
			return err_set(err, -errno, "network namespace %.60s: %s", run->t->netns,
				       strerror(errno));
		settings->netns = st.st_ino;
	} else if (stat("/proc/self/ns/net", &st)) {
		return err_set(err, -errno, "/proc/self/ns/net: %s", strerror(errno));
	}
	run->netstat_netns = st.st_ino;
	return netstat_open(&run->netstat, run->netns, err);
}

/* --- records ----------------------------------------------------------------------------- */

/* Each goes to both models, which take of it what is theirs. */
#define BOTH(name, type, told)						\
	static void told(const type *row, void *arg)			\
	{								\
		struct tcp_run *run = arg;				\
									\
		model_tcp_##name(row, run->whole);			\
		if (run->part)						\
			model_tcp_##name(row, run->part);		\
	}

BOTH(ended, struct tcp_row, both_ended)
BOTH(timewait, struct timewait_row, both_timewait)
BOTH(living, struct tcp_row, on_living)
BOTH(waiting, struct timewait_row, on_waiting)
BOTH(listening, struct listen_row, on_listening)
BOTH(listener, struct listener_record, on_listener)
BOTH(udp_ended, struct udp_row, on_udp_ended)
BOTH(udp_living, struct udp_row, on_udp_living)
BOTH(udp_port, struct udp_port_row, on_udp_port)

/* While hooks were put in place. */
static bool is_before(const struct tcp_run *run, uint64_t ended_ns)
{
	return ended_ns < run->waits.window.start_ns;
}

static void on_timewait(const struct timewait_row *row, void *arg)
{
	if (!is_before(arg, row->ended_ns))
		both_timewait(row, arg);
}

/* Once, above the lines of connections. */
static void head(struct tcp_run *run)
{
	if (run->t->each && !run->t->o.json && !run->headed)
		report_tcp_line_head(run->waits.window.out);
	run->headed = true;
}

static void on_ended(const struct tcp_row *row, void *arg)
{
	struct tcp_run *run = arg;
	const struct options *o = &run->t->o;
	const struct tcp_plan *plan = tcp_plan(run->tcp);

	if (is_before(run, row->ended_ns))
		return;
	both_ended(row, run);
	if (!run->t->each || (filter_any(&run->waits.window.filter) && !(row->flags & TCP_OWNED)))
		return;
	head(run);
	if (!o->json)
		report_tcp_line_text(run->waits.window.out, row, plan, run->unix_offset_ns);
	else if (report_tcp_line_json(run->waits.window.out, row, plan, run->unix_offset_ns))
		run->failed = -ENOMEM;
}

static void on_begin(void *arg)
{
	struct tcp_run *run = arg;

	model_tcp_begin(run->whole);
	if (run->part)
		model_tcp_begin(run->part);
}

static const struct tcp_fns fns = { on_ended,	on_timewait,  on_begin,	  on_living,
				    on_waiting, on_listening, on_listener,
				    on_udp_ended, on_udp_living, on_udp_port };

/* What makes a time of CLOCK_MONOTONIC one of CLOCK_REALTIME; anew each time. */
static void clock_read(struct tcp_run *run)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	run->unix_offset_ns = ts.tv_sec * SECOND + ts.tv_nsec - window_now();
}

static int snapshot(struct tcp_run *run, struct err *err)
{
	clock_read(run);
	return tcp_snapshot(run->tcp, &fns, run, err);
}

static int fetch(struct tcp_run *run, struct err *err)
{
	int ret;

	clock_read(run);
	ret = tcp_drain(run->tcp, &fns, run, err);
	if (!ret && run->failed)
		ret = err_set(err, run->failed, "out of memory");
	return ret || !run->t->each ? ret : window_flush(&run->waits.window, err);
}

/* --- the window ---------------------------------------------------------------------------- */

static struct model_tcp *model_begin(const struct tcp_run *run, uint64_t now)
{
	return model_tcp_new(now, filter_any(&run->waits.window.filter), run->t->networks);
}

static int whole_begin(struct tcp_run *run, struct err *err)
{
	run->whole = model_begin(run, run->waits.window.start_ns);
	tcp_passed_over(run->tcp, &run->whole_passed);
	run->part_passed = run->whole_passed;
	return run->whole ? 0 : err_set(err, -ENOMEM, "out of memory");
}

static int part_begin(struct tcp_run *run, uint64_t now, struct err *err)
{
	struct model_tcp *next;

	if (!run->t->o.interval_ns)
		return 0;
	next = run->part ? model_tcp_next(run->part) : model_begin(run, now);
	model_tcp_free(run->part);
	run->part = next;
	run->told_ns = now;
	return run->part ? 0 : err_set(err, -ENOMEM, "out of memory");
}

static int begin(struct tcp_run *run, struct err *err)
{
	const struct options *o = &run->t->o;
	struct tcp_settings settings = run->t->settings;
	struct window *w = &run->waits.window;
	uint64_t loaded;
	int ret = run_open(&run->waits, o, err);

	if (ret)
		return ret;
	settings.filter = w->filter;
	settings.ring_bytes = o->ring_bytes;
	ret = netns_begin(run, &settings, err);
	if (!ret && run->t->waits) {
		ret = run_load(&run->waits, err);
		if (!ret) {
			settings.threads_fd = collector_threads_fd(run->waits.collector);
			settings.sees_ready = w->plan.wake != WAKE_WAKING;
		}
	}
	if (!ret)
		ret = tcp_open(&run->tcp, &w->kernel, w->plan.tier, &settings, err);
	if (ret)
		return ret;
	loaded = window_now();
	if (w->has_command)
		ret = tcp_follow(run->tcp, w->command.pid, err);
	if (!ret)
		ret = tcp_attach(run->tcp, err);
	if (!ret)
		ret = run->t->waits ? run_attach(&run->waits, err) : window_begin(w, err);
	if (!ret)
		ret = whole_begin(run, err);
	if (!ret)
		ret = part_begin(run, w->start_ns, err);
	/* Who listens, and what was dropped before, is known from the beginning. */
	if (!ret)
		ret = snapshot(run, err);
	if (!ret && o->verbose)
		fprintf(stderr, "%s tier: programs loaded in %.0f ms, attached in %.0f ms\n",
			tier_name(w->plan.tier), (loaded - w->opened_ns) / 1e6,
			(w->start_ns - loaded) / 1e6);
	return ret;
}

/* Connections that were passed over in the window, or in the interval, which ends by that. */
static struct tcp_passed_over passed_since(struct tcp_run *run, bool interval)
{
	struct tcp_passed_over before = interval ? run->part_passed : run->whole_passed, now;

	tcp_passed_over(run->tcp, &now);
	if (interval)
		run->part_passed = now;
	return (struct tcp_passed_over){ now.active - before.active, now.passive - before.passive };
}

static int print(struct tcp_run *run, struct model_tcp *model, bool interval, uint64_t end_ns,
		 struct err *err)
{
	const struct options *o = &run->t->o;
	const struct window *w = &run->waits.window;
	uint64_t begin_ns = interval ? run->told_ns : w->start_ns;
	const struct text_options text = { o->rows, options_color(o, fileno(w->out)) };
	struct report waits = { 0 };
	struct tcp_report report = {
		.host = w->kernel.host,
		.release = w->kernel.release,
		.plan = tcp_plan(run->tcp),
		.start_unix_ns = w->start_unix_ns + (begin_ns - w->start_ns),
		.seconds = (end_ns - begin_ns) / 1e9,
		.interval = interval,
		/* An interval's would take a second reading to compare with. */
		.counters_had = interval ? NULL : run->netstat.had,
		.counters_netns = run->netstat_netns,
		.sample = run->t->settings.sample,
		.passive_owned = filter_any(&w->filter),
		.histograms = run->t->histograms,
	};
	int ret;

	ret = snapshot(run, err);
	if (!ret)
		ret = model_tcp_figures(model, end_ns, &report.figures, err);
	if (!ret && !interval)
		ret = netstat_since(&run->netstat, report.counters, err);
	if (ret)
		return ret;
	tcp_losses(run->tcp, &report.losses);
	report.passed_over = passed_since(run, interval);
	if (run->t->waits) {
		ret = run_report(&run->waits, interval, end_ns, &waits, err);
		if (ret)
			goto err_free;
		report.waits = &waits;
	}
	if (!o->json) {
		if (run->t->diagram && !interval)
			report_tcp_diagram(w->out, &report.figures.exemplar, report.plan);
		report_tcp_text(w->out, &report, &text);
		if (report.waits) {
			fputc('\n', w->out);
			report_text(w->out, &waits, &text);
		}
	} else if (report_tcp_json(w->out, &report)) {
		ret = err_set(err, -ENOMEM, "out of memory");
		goto err_free;
	}
	ret = window_flush(&run->waits.window, err);
	if (!ret && !interval && o->fail_on_loss &&
	    (tcp_losses_total(&report.losses) || losses_total(&waits.losses)))
		ret = 1;

err_free:
	run_report_free(&waits);
	return ret;
}

/* Waits; of what is told meanwhile, this takes that of the waits. */
static int turn(struct tcp_run *run, uint64_t until_ns, struct err *err)
{
	if (run->t->waits)
		return run_turn(&run->waits, until_ns, -1, err);
	return window_wait(&run->waits.window, until_ns, -1);
}

static int trace(struct tcp_run *run, struct err *err)
{
	const struct options *o = &run->t->o;
	uint64_t deadline = window_deadline(&run->waits.window);
	uint64_t next = o->interval_ns ? run->waits.window.start_ns + o->interval_ns : UINT64_MAX;
	bool progress = !o->quiet && !run->t->each && isatty(STDERR_FILENO);

	head(run);
	for (;;) {
		uint64_t now = window_now();
		int ret;

		if (now >= deadline || window_all_ended(&run->waits.window))
			break;
		if (now >= next) {
			model_tcp_until(run->part, now);
			ret = print(run, run->part, true, now, err);
			if (!ret)
				ret = part_begin(run, now, err);
			if (ret < 0)
				return ret;
			while (next <= now)
				next += o->interval_ns;
		}
		if (progress)
			fprintf(stderr, "\r%.0f s ", (now - run->waits.window.start_ns) / 1e9);
		ret = turn(run, deadline < next ? deadline : next, err);
		if (ret < 0)
			return ret;
		if (ret == WINDOW_STOP)
			break;
		ret = fetch(run, err);
		if (ret)
			return ret;
	}
	if (progress)
		fputs("\r      \r", stderr);
	return 0;
}

static int finish(struct tcp_run *run, struct err *err)
{
	uint64_t end = window_now();
	int ret = 0;

	tcp_detach(run->tcp);
	if (run->t->waits)
		run_detach(&run->waits);
	if (run->t->o.verbose)
		fprintf(stderr, "detached in %.0f ms\n", (window_now() - end) / 1e6);
	if (run->part && end > run->told_ns)
		ret = print(run, run->part, true, end, err);
	return ret < 0 ? ret : print(run, run->whole, false, end, err);
}

int cmd_tcp(int argc, char **argv)
{
	struct tcp_options t = { .settings.connections = CONNECTIONS_MAX,
				 .settings.sample = 1 };
	struct tcp_run run = { .t = &t, .waits = RUN_INIT, .netstat = NETSTAT_INIT, .netns = -1 };
	struct err err = { "" };
	int ret, status;

	options_init(&t.o, "tcp");
	argp_err_exit_status = EXIT_USAGE;
	argv[0] = "ioready tcp";
	argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &t);
	if (t.o.all && (t.o.filter.tgids_nr || t.o.filter.tids_nr || t.o.filter.comm[0] ||
			t.o.cgroup || t.o.command)) {
		fprintf(stderr, "ioready tcp: --all and a filter exclude each other\n");
		return EXIT_USAGE;
	}
	if (t.diagram && t.o.json) {
		fprintf(stderr, "ioready tcp: --diagram is a picture in text, and goes without --json\n");
		return EXIT_USAGE;
	}
	ret = begin(&run, &err);
	if (!ret) {
		status = cmd_start("tcp", &run.waits.window);
		if (status)
			goto close;
		ret = trace(&run, &err);
	}
	if (!ret)
		ret = finish(&run, &err);
	status = cmd_end("tcp", &run.waits.window, ret, err.text);
close:
	tcp_close(run.tcp);
	model_tcp_free(run.whole);
	model_tcp_free(run.part);
	netstat_close(&run.netstat);
	if (run.netns >= 0)
		close(run.netns);
	run_close(&run.waits);
	return status;
}
