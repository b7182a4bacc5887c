/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The hooks of a collector: which programs its plan wants loaded, and how they are
 * put in place and taken away. Of use to user/collector.c alone.
 *
 * Life cycle: hooks_open(), hooks_choose() between opening and loading the
 * skeleton, hooks_attach(), hooks_slice() as often as wanted, hooks_detach(),
 * hooks_close().
 */
#ifndef IOREADY_HOOKS_H
#define IOREADY_HOOKS_H

#include <stdbool.h>
#include <stdint.h>

#include "collector.h"

struct wait_bpf;
struct bpf_link;

/**
 * struct hooks - what is hooked; all zero but @events before hooks_open()
 * @settings: must outlive it
 * @skel: set by the collector
 * @links: all hooks of calls, sleeps and wakes
 * @sessions: links of CALL_SESSION
 * @events: map that holds perf events: see events_create(); -1: none
 * @sees_context: whether programs can see what a CPU is in
 * @herd, @items, @io: whether these are asked for and can be had
 * @item_function, @file_end_function: what asks an epoll item, and what frees a file, as
 *	this kernel names it
 * @scan_events, @scan_events_end: those of SCAN_KPROBE among the events
 * @scan_link: the one of SCAN_MULTI
 * @scan_functions: ->poll() functions hooked now or last
 * @poll_names: those that there are
 */
struct hooks {
	const struct kernel *kernel;
	struct plan plan;
	const struct settings *settings;
	struct wait_bpf *skel;
	struct bpf_link **links;
	int links_nr;
	int *sessions;
	int sessions_nr;
	int events;
	int events_nr;
	bool sees_context;
	bool herd;
	bool items;
	bool io;
	char item_function[64];
	char file_end_function[64];
	uint32_t scan_events;
	uint32_t scan_events_end;
	struct bpf_link *scan_link;
	int scan_functions;
	char **poll_names;
	int poll_names_nr;
};

/** hooks_open() - find what is to be hooked; 0 or -errno */
int hooks_open(struct hooks *h, const struct kernel *kernel, const struct plan *plan,
	       const struct settings *settings, struct err *err);

/** hooks_choose() - have the skeleton load the programs that the plan wants */
void hooks_choose(struct hooks *h);

/** hooks_attach() - put them in place, returns of calls before entries; 0 or -errno */
int hooks_attach(struct hooks *h, struct err *err);

/** hooks_slice() - begin or end exact counting of scans; 0 or -errno */
int hooks_slice(struct hooks *h, bool on, struct err *err);

/** hooks_detach() - take all away */
void hooks_detach(struct hooks *h);

/** hooks_close() - and free what is held; fit for what was never opened */
void hooks_close(struct hooks *h);

#endif /* IOREADY_HOOKS_H */
