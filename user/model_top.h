/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The model of the live table: the figures of an interval, added up by process (or
 * thread) and told by the second, in the order that a person asks for. Pure, as
 * model_wait.
 */
#ifndef IOREADY_MODEL_TOP_H
#define IOREADY_MODEL_TOP_H

#include <stdbool.h>
#include <stdint.h>

#include "err.h"
#include "model_chain.h"
#include "model_wait.h"

/**
 * struct top_row - a process, or a thread where threads are told apart
 * @tgid, @start_ns, @tid, @comm: which; @comm is the thread's name if @tid is not 0,
 *	and untrusted bytes
 * @calls: a second; epoll_ctl is no wait and in none of these
 * @watched: fds by call, over the calls that it is known of; KIND_ABSENT if of none
 * @scans, @wasted: a second
 * @wakeups, @empty: a second
 * @awake: CPUs that the calls kept, 1 for one
 * @called, @p99_ns: whether a call returned, and how long 99 of 100 took at most
 * @worked, @work_p99_ns, @work_max_ns, @switches: the loop's own work between two
 *	waits, and its context switches a second; of no meaning unless @worked
 * @woken, @woken_by: the most frequent waker, if it was woken at all
 * @woken_share: its part of all wakes
 *
 * A process whose work goes on has no figure of it yet: it is told when it waits again.
 */
struct top_row {
	uint32_t tgid;
	uint64_t start_ns;
	uint32_t tid;
	char comm[16];
	double calls;
	double watched;
	enum kind watched_kind;
	double scans;
	enum kind scans_kind;
	double wasted;
	enum kind wasted_kind;
	double wakeups;
	double empty;
	double awake;
	bool called;
	uint64_t p99_ns;
	bool worked;
	uint64_t work_p99_ns;
	uint64_t work_max_ns;
	double switches;
	bool woken;
	struct waker_figures woken_by;
	double woken_share;
};

/** enum top_key - what rows are sorted by, the largest first */
enum top_key {
	TOP_WASTE,	/* scans a second that found nothing */
	TOP_WAKEUPS,
	TOP_EMPTY,	/* wakeups a second that found nothing */
	TOP_LAG,	/* the longest work between two waits */
	TOP_CALLS,
	TOP_AWAKE,
	TOP_KEYS,
};

/**
 * struct top_input - what the models tell of one interval
 * @seconds: how long it was
 */
struct top_input {
	const struct wait_figures *waits;
	int waits_nr;
	const struct chain_figures *chains;
	int chains_nr;
	const struct waker_figures *wakers;
	int wakers_nr;
	double seconds;
};

/**
 * model_top_rows() - add up
 * @rows: set to a vector, freed in one free()
 *
 * Return: number of rows, or -ENOMEM.
 */
int model_top_rows(const struct top_input *input, struct top_row **rows, struct err *err);

/**
 * model_top_sort() - put them in order
 * @reverse: the smallest first
 *
 * A row that has no such figure is last in either order. Equal rows stand by time
 * awake, then by process, so that they do not change places from look to look.
 */
void model_top_sort(struct top_row *rows, int nr, enum top_key key, bool reverse);

/** model_top_same() - whether two rows, of whatever interval, are of the same one */
bool model_top_same(const struct top_row *a, const struct top_row *b);

/** top_key_name() - as --sort has it */
const char *top_key_name(enum top_key key);

/** top_key_parse() - the way back; 0, or -EINVAL for what is no name of a key */
int top_key_parse(const char *name, enum top_key *key, struct err *err);

#endif /* IOREADY_MODEL_TOP_H */
