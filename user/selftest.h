/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The self-test: cases that wait on sources of the module in a known way, what
 * the module and the case itself know of it (the truth), and the comparison of
 * that with what the tracer says.
 */
#ifndef IOREADY_SELFTEST_H
#define IOREADY_SELFTEST_H

#include <stdbool.h>
#include <stdint.h>

#include "abi.h"
#include "err.h"
#include "model_chain.h"
#include "model_herd.h"
#include "model_wait.h"

/** enum selftest_mode - how the sources of a case become ready */
enum selftest_mode {
	MODE_READY,	/* some are ready before each call */
	MODE_WAKE,	/* one becomes so by its timer, while the call sleeps */
	MODE_EMPTY,	/* one becomes so and at once not so, then it does to stay */
	MODE_TIMEOUT,	/* none does: the call's time ends */
	MODE_SIGNAL,	/* none does: a signal ends the call */
	MODE_CROWD,	/* one by its timer; several threads wait for it */
};

/**
 * struct selftest_case - a way to wait
 * @name: for the report
 * @syscall: what waits
 * @mode: for what
 * @trigger: of epoll: EPOLLET, EPOLLONESHOT, EPOLLEXCLUSIVE or 0
 */
struct selftest_case {
	const char *name;
	enum wait_syscall syscall;
	enum selftest_mode mode;
	uint32_t trigger;
};

/* At most as many as a filter takes processes: each case is one. */
extern const struct selftest_case selftest_cases[];
extern const int selftest_cases_nr;

/**
 * struct selftest_truth - what is known of a case, from the module's counters
 *	(m) and from the case's own calls (c)
 * @calls, @returned, @ready: (c)
 * @watched, @watched_max: sum and largest over the calls (c); 0 for epoll
 * @passes: sweeps over all watched sources (m); 0 for epoll
 * @scans, @wasted: ->poll() calls made by the waiting, and those of them that
 *	found nothing asked for (m)
 * @copied: (c)
 * @wakeups, @wakeups_empty: times that a waiter function said it woke the thread
 *	(m); of epoll, the thread's own sleeps in calls that found something, as
 *	getrusage() has them (c). Not known for MODE_CROWD.
 * @total_ns: time in the calls (c), the clock reads around them included
 * @chains: in MODE_WAKE, calls that a wake found asleep and that came back with
 *	something (as @wakeups)
 * @chain_ns: of these, the time from the source's stamp of becoming ready to the
 *	case's clock after the call (m, c)
 * @events: wakes of the sources that came to somebody who waits (m)
 * @ctl_calls, @ctl_scans: of epoll_ctl (c, m)
 */
struct selftest_truth {
	uint64_t calls;
	uint64_t returned[RETURNED_NR];
	uint64_t ready;
	uint64_t watched;
	uint64_t watched_max;
	uint64_t passes;
	uint64_t scans;
	uint64_t wasted;
	uint64_t copied;
	uint64_t wakeups;
	uint64_t wakeups_empty;
	uint64_t total_ns;
	uint64_t chains;
	uint64_t chain_ns;
	uint64_t events;
	uint64_t ctl_calls;
	uint64_t ctl_scans;
};

/**
 * selftest_run() - run a case in this process
 * @rounds: how often it waits
 * @truth: what is known of it
 *
 * Threads and signal handlers that it makes stay: to be called once, in a
 * process of its own.
 *
 * Return: 0 or -errno.
 */
int selftest_run(const struct selftest_case *test, uint32_t rounds, struct selftest_truth *truth,
		 struct err *err);

/** enum verdict - how a figure compares */
enum verdict {
	VERDICT_EQUAL,
	VERDICT_NEAR,		/* derived, and within 1 % or 1 */
	VERDICT_OFF,		/* derived, and not so near */
	VERDICT_BELOW,		/* a lower bound, and no more than the truth */
	VERDICT_WRONG,		/* exact and different, or a lower bound above the truth */
	VERDICT_ABSENT,		/* the tracer says that it does not know */
	VERDICTS,
};

/**
 * struct selftest_check - one figure
 * @measure: its name, as in JSON
 * @truth, @tracer: the values
 * @kind: what the tracer says of its value
 */
struct selftest_check {
	const char *measure;
	uint64_t truth;
	uint64_t tracer;
	enum kind kind;
	enum verdict verdict;
};

#define SELFTEST_CHECKS_MAX 24

/**
 * selftest_compare() - hold a case's figures against its truth
 * @figures: of the case's process, @figures_nr of them
 * @chain: likewise; NULL if there is none
 * @herd: the sums over the files of the process; NULL if they cannot be had
 * @herd_kind: of their events
 * @checks: filled
 *
 * Pure. Return: number of checks.
 */
int selftest_compare(const struct selftest_case *test, const struct selftest_truth *truth,
		     const struct wait_figures *figures, int figures_nr,
		     const struct chain_figures *chain, const struct file_row *herd,
		     enum kind herd_kind, struct selftest_check checks[SELFTEST_CHECKS_MAX]);

const char *verdict_name(enum verdict verdict);

#endif /* IOREADY_SELFTEST_H */
