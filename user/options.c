// SPDX-License-Identifier: GPL-2.0-or-later
#include "options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd.h"
#include "parse.h"

#define OPTION_COMM 256
#define OPTION_JSON 257
#define OPTION_COLOR 258
#define OPTION_TIER 259
#define OPTION_SCANS 260
#define OPTION_THREADS 261
#define OPTION_ON_LOSS 262
#define OPTION_RING 263
#define OPTION_ROWS 264
#define OPTION_CTL 265
#define OPTION_CHAIN 266
#define OPTION_GAP 267
#define OPTION_NO_DUP 268

/* Options that more than one command has. */
#define ENTRY_JSON(group) \
	{ "json", OPTION_JSON, NULL, 0, "a JSON object on a line instead of text", group }
#define ENTRY_OUTPUT(group) \
	{ "output", 'o', "FILE", 0, "write to FILE instead of standard output", group }
#define ENTRY_ROWS(group) \
	{ "rows", OPTION_ROWS, "N", 0, "at most N rows in a text table; 0: all (default 20)", group }
#define ENTRY_COLOR(group) \
	{ "color", OPTION_COLOR, "WHEN", 0, "auto, always or never; NO_COLOR is heeded", group }

static const struct argp_option entries[] = {
	{ NULL, 0, NULL, 0, "Whom to trace (all given must hold; the default is everybody):", 1 },
	{ "pid", 'p', "PID", 0, "this process; up to 16 times", 1 },
	{ "tid", 't', "TID", 0, "this thread; up to 16 times", 1 },
	{ "cgroup", 'c', "PATH", 0, "this cgroup (v2 or v1) and all below it", 1 },
	{ "comm", OPTION_COMM, "NAME", 0, "processes of this name", 1 },
	{ "all", 'a', NULL, 0, "everybody", 1 },
	{ NULL, 0, NULL, 0, "How long:", 2 },
	{ "duration", 'd', "SECONDS", 0, "end after this time (default: Ctrl-C)", 2 },
	{ "interval", 'i', "SECONDS", 0, "also print a table for each interval", 2 },
	{ NULL, 0, NULL, 0, "What to print:", 3 },
	ENTRY_JSON(3),
	ENTRY_OUTPUT(3),
	{ "threads", OPTION_THREADS, NULL, 0, "tell the threads of a process apart", 3 },
	ENTRY_ROWS(3),
	ENTRY_COLOR(3),
	{ "quiet", 'q', NULL, 0, "no progress", 3 },
	{ "verbose", 'v', NULL, 0, "say the tier, and how long loading and attaching took", 3 },
	{ NULL, 0, NULL, 0, "How to trace:", 4 },
	{ "tier", OPTION_TIER, "TIER", 0,
	  "auto, fentry, kprobe or tracepoint; see 'ioready doctor'", 4 },
	{ "scans", OPTION_SCANS, "HOW", 0,
	  "sample (default): derive them, and count one by one in short slices; exact: count "
	  "each, which slows every ->poll(); derive: never count", 4 },
	{ "epoll-ctl", OPTION_CTL, NULL, 0,
	  "also count epoll_ctl, which some programs call more often than they wait", 4 },
	{ "chain", OPTION_CHAIN, NULL, 0,
	  "also follow each wakeup from ready to woken, running and returned", 4 },
	{ "ring", OPTION_RING, "KIB", 0,
	  "room for the figures of threads that end (default 4096)", 4 },
	{ "on-loss", OPTION_ON_LOSS, "WHAT", 0,
	  "report (default), or fail: exit with 4 if anything was lost", 4 },
	{ 0 },
};

static const struct argp_option tcp_entries[] = {
	{ NULL, 0, NULL, 0, "Whose connections (all given must hold; the default is everybody's):", 1 },
	{ "pid", 'p', "PID", 0, "those that this process connects or accepts; up to 16 times", 1 },
	{ "tid", 't', "TID", 0, "this thread; up to 16 times", 1 },
	{ "cgroup", 'c', "PATH", 0, "this cgroup (v2 or v1) and all below it", 1 },
	{ "comm", OPTION_COMM, "NAME", 0, "processes of this name", 1 },
	{ "all", 'a', NULL, 0, "everybody's", 1 },
	{ NULL, 0, NULL, 0, "How long:", 2 },
	{ "duration", 'd', "SECONDS", 0, "end after this time (default: Ctrl-C)", 2 },
	{ "interval", 'i', "SECONDS", 0, "also print a table for each interval", 2 },
	{ NULL, 0, NULL, 0, "What to print:", 3 },
	ENTRY_JSON(3),
	ENTRY_OUTPUT(3),
	ENTRY_ROWS(3),
	ENTRY_COLOR(3),
	{ "quiet", 'q', NULL, 0, "no progress", 3 },
	{ "verbose", 'v', NULL, 0, "say the tier, and how long loading and attaching took", 3 },
	{ NULL, 0, NULL, 0, "How to trace:", 4 },
	{ "tier", OPTION_TIER, "TIER", 0,
	  "auto, fentry, kprobe or tracepoint; see 'ioready doctor'", 4 },
	{ "ring", OPTION_RING, "KIB", 0,
	  "room for connections that end (default 4096)", 4 },
	{ "on-loss", OPTION_ON_LOSS, "WHAT", 0,
	  "report (default), or fail: exit with 4 if anything was lost", 4 },
	{ 0 },
};

static const struct argp_option snapshot_entries[] = {
	{ NULL, 0, NULL, 0, "Whom to look at:", 1 },
	{ "pid", 'p', "PID", 0, "this process; up to 16 times", 1 },
	{ "all", 'a', NULL, 0, "every process", 1 },
	{ NULL, 0, NULL, 0, "How to look:", 2 },
	{ "gap", OPTION_GAP, "SECONDS", 0, "time between the two looks (default 0.05)", 2 },
	{ "no-dup", OPTION_NO_DUP, NULL, 0,
	  "without the module, do not ask what is ready: it takes a duplicate of each file for "
	  "a moment", 2 },
	{ NULL, 0, NULL, 0, "What to print:", 3 },
	ENTRY_JSON(3),
	ENTRY_OUTPUT(3),
	ENTRY_ROWS(3),
	ENTRY_COLOR(3),
	{ "quiet", 'q', NULL, 0, "no word on standard error of processes that end meanwhile", 3 },
	{ 0 },
};

static const char *const when_names[] = { "auto", "always", "never", NULL };
static const char *const scan_names[] = { "sample", "exact", "derive", NULL };
static const char *const loss_names[] = { "report", "fail", NULL };

static int choose(struct argp_state *state, const char *option, const char *const *names,
		  const char *text)
{
	for (int i = 0; names[i]; i++)
		if (!strcmp(names[i], text))
			return i;
	argp_error(state, "--%s does not know '%.40s'", option, text);
	return 0;
}

/* The process that a thread is of; 0 if there is no such thread. */
static uint32_t tgid_of(uint32_t tid)
{
	char path[32], line[128];
	uint32_t tgid = 0;
	FILE *f;

	/* Threads have a directory there too, though it is not listed. */
	snprintf(path, sizeof(path), "/proc/%u/status", tid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "Tgid: %u", &tgid) == 1)
			break;
	if (f)
		fclose(f);
	return tgid;
}

/* Adds an id to a filter; a process or thread that is not there is an error now. */
static void id_add(struct argp_state *state, const char *text, const char *what, uint32_t *ids,
		   uint32_t *nr)
{
	struct options *o = state->input;
	struct err err;
	uint32_t id, tgid;

	if (parse_u32(text, 1, 4194304, &id, what, &err))
		argp_error(state, "%s", err.text);
	if (*nr == FILTER_IDS_MAX)
		argp_error(state, "at most %d of them can be named at once", FILTER_IDS_MAX);
	tgid = tgid_of(id);
	if (!tgid || (ids == o->filter.tgids && tgid != id)) {
		if (tgid)
			fprintf(stderr, "ioready %s: %u is a thread of process %u: use --tid\n",
				o->name, id, tgid);
		else
			fprintf(stderr, "ioready %s: there is no %s %u\n", o->name, what, id);
		exit(EXIT_FAILED);
	}
	ids[(*nr)++] = id;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;
	struct err err;
	uint32_t n;

	switch (key) {
	case 'p':
		id_add(state, arg, "process", o->filter.tgids, &o->filter.tgids_nr);
		break;
	case 't':
		id_add(state, arg, "thread", o->filter.tids, &o->filter.tids_nr);
		break;
	case 'c':
		o->cgroup = arg;
		break;
	case OPTION_COMM:
		if (!*arg)
			argp_error(state, "--comm needs a name");
		/* The kernel keeps 15 bytes; a longer name matches by those. */
		strncpy(o->filter.comm, arg, sizeof(o->filter.comm) - 1);
		break;
	case 'a':
		o->all = true;
		break;
	case 'd':
		if (parse_seconds(arg, &o->duration_ns, "the duration", &err))
			argp_error(state, "%s", err.text);
		break;
	case 'i':
		if (parse_seconds(arg, &o->interval_ns, "the interval", &err))
			argp_error(state, "%s", err.text);
		if (o->interval_ns < 100000000)
			argp_error(state, "the interval must be at least 0.1 seconds");
		break;
	case 'o':
		o->output = arg;
		break;
	case 'q':
		o->quiet = true;
		break;
	case 'v':
		o->verbose = true;
		break;
	case OPTION_GAP:
		if (parse_seconds(arg, &o->gap_ns, "the gap", &err))
			argp_error(state, "%s", err.text);
		break;
	case OPTION_NO_DUP:
		o->no_dup = true;
		break;
	case OPTION_JSON:
		o->json = true;
		break;
	case OPTION_THREADS:
		o->threads = true;
		break;
	case OPTION_CTL:
		o->epoll_ctl = true;
		break;
	case OPTION_CHAIN:
		o->chain = true;
		break;
	case OPTION_COLOR:
		o->color = choose(state, "color", when_names, arg);
		break;
	case OPTION_TIER:
		if (tier_parse(arg, &o->tier, &err))
			argp_error(state, "%s", err.text);
		break;
	case OPTION_SCANS:
		o->scans = choose(state, "scans", scan_names, arg);
		break;
	case OPTION_ON_LOSS:
		o->fail_on_loss = choose(state, "on-loss", loss_names, arg);
		break;
	case OPTION_RING:
		if (parse_u32(arg, 64, 1 << 20, &n, "the ring's KiB", &err))
			argp_error(state, "%s", err.text);
		o->ring_bytes = 65536;
		while (o->ring_bytes < n * 1024ULL)
			o->ring_bytes *= 2;
		break;
	case OPTION_ROWS:
		if (parse_u32(arg, 0, 1000000, &o->rows, "the number of rows", &err))
			argp_error(state, "%s", err.text);
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

/* What an option is to a command that takes it otherwise, or refuses it. */
static const struct {
	const char *command;
	int key;
	const char *text;
} otherwise[] = {
	{ "trace", 'i', "refused: it is for tables, see 'ioready stat'" },
	{ "trace", 'q', "no count of lines and losses at the end" },
	{ "trace", OPTION_COLOR, "changes nothing" },
	{ "trace", OPTION_ROWS, "changes nothing: there is no table" },
	{ "trace", OPTION_THREADS, "changes nothing: each line names its thread" },
	{ "trace", OPTION_SCANS,
	  "derive (default): never count; sample: count one by one in short slices; exact: "
	  "count each, which slows every ->poll()" },
	{ "top", 'i', "time from one refresh to the next (default 2)" },
	{ "top", 'o', "with --batch, write to FILE instead of standard output" },
	{ "top", 'q', "changes nothing: there is no progress" },
	{ "top", OPTION_JSON, "refused: 'ioready stat -i 2 --chain --json' has the same" },
	{ "top", OPTION_ROWS, "with --batch, at most N rows in a table; 0: all (default 20)" },
	{ "top", OPTION_THREADS, "a row for each thread" },
	{ "top", OPTION_CHAIN, "changes nothing: chains are followed without, too" },
};

static char *help_filter(int key, const char *text, void *input)
{
	const struct options *o = input;

	for (size_t i = 0; o && i < sizeof(otherwise) / sizeof(otherwise[0]); i++)
		if (otherwise[i].key == key && !strcmp(otherwise[i].command, o->name))
			return strdup(otherwise[i].text);
	return (char *)text;
}

const struct argp options_argp = { .options = entries, .parser = parse,
				   .help_filter = help_filter };
const struct argp options_tcp_argp = { .options = tcp_entries, .parser = parse };
const struct argp options_snapshot_argp = { .options = snapshot_entries, .parser = parse };

void options_init(struct options *options, const char *name)
{
	memset(options, 0, sizeof(*options));
	options->name = name;
	options->filter.cgroup_v1_subsys = -1;
	options->ring_bytes = 4096 * 1024;
	options->events_bytes = 4096 * 1024;
	options->rows = 20;
	options->gap_ns = 50000000;
}

bool options_color(const struct options *options, int fd)
{
	const char *no_color = getenv("NO_COLOR");

	if (options->color != COLOR_AUTO)
		return options->color == COLOR_ALWAYS;
	return isatty(fd) && !(no_color && *no_color);
}
