/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The options that commands share: filters, window, output, tier. */
#ifndef IOREADY_OPTIONS_H
#define IOREADY_OPTIONS_H

#include <argp.h>
#include <stdbool.h>
#include <stdint.h>

#include "collector.h"
#include "kernel.h"

enum color_mode { COLOR_AUTO, COLOR_ALWAYS, COLOR_NEVER };

/**
 * struct options - what the user asked for; all zero is the default
 * @all: -a was given
 * @filter: but for its cgroup, which needs the kernel: see @cgroup
 * @cgroup: path, or NULL
 * @duration_ns: 0 until Ctrl-C or the end of the command
 * @interval_ns: 0 for none
 * @output: path, or NULL for stdout
 * @command: argv after `--`, or NULL
 * @herd_events: trace: each file that wakes two threads or more is told
 * @gap_ns: between the two looks of a snapshot
 * @no_dup: a snapshot does not ask what is ready without the module
 */
struct options {
	const char *name;		/* of the command, for messages */
	bool all;
	struct filter filter;
	const char *cgroup;
	uint64_t duration_ns;
	uint64_t interval_ns;
	const char *output;
	bool json;
	bool threads;
	bool epoll_ctl;
	bool chain;
	bool chain_fds;
	bool herd;
	bool items;
	bool events;			/* trace: see struct settings of the collector */
	bool herd_events;
	uint64_t event_min_ns;
	bool event_empty;
	bool event_failed;
	uint32_t events_bytes;
	bool quiet;
	bool verbose;
	bool fail_on_loss;
	enum color_mode color;
	enum tier tier;
	enum scan_mode scans;
	uint32_t ring_bytes;
	uint32_t rows;
	char **command;
	uint64_t gap_ns;
	bool no_dup;
};

/** options_argp - child parser for a command's own; input is struct options */
extern const struct argp options_argp;

/** options_tcp_argp - those of connections, which have no scans */
extern const struct argp options_tcp_argp;

/** options_snapshot_argp - those of a snapshot, which has no window and no tier */
extern const struct argp options_snapshot_argp;

/** options_init() - the defaults that are not zero */
void options_init(struct options *options, const char *name);

/** options_color() - whether to colour what goes to @fd, by --color and NO_COLOR */
bool options_color(const struct options *options, int fd);

#endif /* IOREADY_OPTIONS_H */
