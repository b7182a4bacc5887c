/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the self-test prints. */
#ifndef IOREADY_REPORT_SELFTEST_H
#define IOREADY_REPORT_SELFTEST_H

#include <stdio.h>

#include "collector.h"
#include "selftest.h"

/** struct selftest_result - a case and how its figures compare */
struct selftest_result {
	const struct selftest_case *test;
	struct selftest_check checks[SELFTEST_CHECKS_MAX];
	int checks_nr;
};

/**
 * struct selftest_report - a whole self-test
 * @scans: SCANS_EXACT or SCANS_DERIVE
 * @rounds: how often each case waited
 * @attempts: runs that were made, because all before the last lost something
 */
struct selftest_report {
	const char *host;
	const char *release;
	enum tier tier;
	enum scan_mode scans;
	uint32_t rounds;
	uint32_t attempts;
	struct losses losses;
	uint64_t clock_ns;	/* what reading the clock costs a case */
	const struct selftest_result *results;
	int results_nr;
};

/** selftest_tally() - how many figures there are of each verdict */
void selftest_tally(const struct selftest_report *report, int tally[VERDICTS]);

/** report_selftest_text() - for a person; @all: every figure, not only the bad ones */
void report_selftest_text(FILE *out, const struct selftest_report *report, bool all);

/** report_selftest_json() - one object on one line; 0 or -ENOMEM */
int report_selftest_json(FILE *out, const struct selftest_report *report);

#endif /* IOREADY_REPORT_SELFTEST_H */
