/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The model of the wait family: records in, figures out. Pure: it reads no
 * clock, does no I/O and knows no kernel; a live run and a recording feed it
 * alike.
 */
#ifndef IOREADY_MODEL_WAIT_H
#define IOREADY_MODEL_WAIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi.h"
#include "err.h"
#include "histogram.h"

/** enum kind - how far a figure can be trusted; see Documentation/measures.rst */
enum kind {
	KIND_EXACT,
	KIND_DERIVED,
	KIND_LOWER_BOUND,
	KIND_SAMPLED,
	KIND_ABSENT,
};

const char *kind_name(enum kind kind);
/** kind_sum() - the trust in a sum of two: that in the worse */
enum kind kind_sum(enum kind a, enum kind b);

/**
 * struct wait_figures - what a process's (or thread's) calls of a syscall cost
 * @tgid, @start_ns, @comm: the process; @comm is untrusted bytes
 * @tid, @thread_comm: the thread, where the model tells threads apart; else 0
 * @syscall: enum wait_syscall
 * @epfd: an epoll fd that it waited on last, -1 for none
 * @alive: told by the last snapshot, not only by threads that ended
 * @calls: sum of @returned
 * @watched_kind: exact or lower bound for select and poll; sampled for epoll
 *	where model_wait_watched() told it, else absent
 * @watched_mean, @watched_max: as @watched_kind says
 * @passes, @passes_kind: derived; a lower bound for epoll
 * @scans, @scans_kind: see Documentation/measures.rst
 * @wasted, @wasted_kind: @scans that found nothing asked for; of the same kind
 *	unless an exact sum has fds without ->poll() in it: then a lower bound
 * @ready_absent: the syscall returns no fds (epoll_ctl)
 * @sampled_calls, @sampled_scans, @sampled_derived: the calls that were counted
 *	exactly, what was counted, and what was derived for the same calls
 * @asleep_ns, @awake_ns: parts of latency.sum
 * @open: calls in progress; @open_before: of those, begun before the window
 * @latency: histogram, sum and largest
 */
struct wait_figures {
	uint32_t tgid;
	uint64_t start_ns;
	char comm[16];
	uint32_t tid;
	char thread_comm[16];
	enum wait_syscall syscall;
	int32_t epfd;
	bool alive;
	uint64_t calls;
	uint64_t returned[RETURNED_NR];
	enum kind watched_kind;
	double watched_mean;
	uint64_t watched_max;
	uint64_t passes;
	enum kind passes_kind;
	uint64_t scans;
	enum kind scans_kind;
	uint64_t ready;
	bool ready_absent;
	uint64_t wasted;
	enum kind wasted_kind;
	uint64_t copied;
	uint64_t wakeups;
	uint64_t wakeups_empty;
	uint64_t asleep_ns;
	uint64_t awake_ns;
	uint64_t sampled_calls;
	uint64_t sampled_scans;
	uint64_t sampled_derived;
	uint32_t open;
	uint32_t open_before;
	struct {
		struct histogram histogram;
		uint64_t sum;
		uint64_t max;
	} latency;
};

struct model_wait;

/**
 * model_wait_new() - an empty model
 * @threads: tell threads of a process apart
 *
 * Return: the model, or NULL when out of memory.
 */
struct model_wait *model_wait_new(bool threads);

/* The three that a snapshot of the collector calls; @arg is the model. */
void model_wait_begin(void *arg);
void model_wait_ended(const struct record *record, void *arg);
void model_wait_living(const struct record *record, void *arg);

/**
 * model_wait_watched() - tell the size of an epoll interest list, seen just now
 * @tgid, @epfd: whose, of those that the model's rows name
 * @watched: its items
 */
void model_wait_watched(struct model_wait *m, uint32_t tgid, int32_t epfd, uint64_t watched);

/**
 * model_wait_figures() - where everything stands, dearest first
 * @m: the model, right after a snapshot
 * @interval: only what was added since the last call with @interval
 * @figures: set to a vector, freed in one free()
 * @err: the message
 *
 * The order is by time awake in the calls, then by process.
 *
 * Return: number of entries, or -ENOMEM (also when a record was lost to it).
 */
int model_wait_figures(struct model_wait *m, bool interval, struct wait_figures **figures,
		       struct err *err);

/**
 * model_wait_forget() - drop what has ended
 * @m: the model, right after model_wait_figures() with @interval
 *
 * For a run without end. Only intervals are right from then on.
 */
void model_wait_forget(struct model_wait *m);

const char *wait_syscall_name(enum wait_syscall syscall);
enum wait_mechanism wait_mechanism(enum wait_syscall syscall);
const char *wait_mechanism_name(enum wait_syscall syscall);

void model_wait_free(struct model_wait *m);

#endif /* IOREADY_MODEL_WAIT_H */
