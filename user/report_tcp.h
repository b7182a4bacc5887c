/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What `ioready tcp` prints. */
#ifndef IOREADY_REPORT_TCP_H
#define IOREADY_REPORT_TCP_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "model_tcp.h"
#include "netstat.h"
#include "report.h"
#include "tcp.h"

/**
 * struct tcp_report - one window, or a part of it
 * @counters: what the kernel counted for the namespace meanwhile, by enum
 *	netstat_counter; @counters_had: that it can be had; @counters_netns: the number of
 *	the namespace's inode
 * @sample: one connection in so many is followed; the others are in @passed_over, among which
 *	passive ones, with @passive_owned, are also those of processes that are not asked about
 * @histograms: not only quantiles are wanted
 * @losses: since the window began
 * @waits: of the same window or part, with --waits; else NULL
 */
struct tcp_report {
	const char *host;
	const char *release;
	const struct tcp_plan *plan;
	uint64_t start_unix_ns;
	double seconds;
	bool interval;
	struct tcp_figures figures;
	uint32_t sample;
	bool passive_owned;
	struct tcp_passed_over passed_over;
	bool histograms;
	struct tcp_losses losses;
	uint64_t counters[NETSTAT_NR];
	const uint8_t *counters_had;
	uint32_t counters_netns;
	const struct report *waits;
};

/** report_tcp_text() - for a person: the finding in words, then tables */
void report_tcp_text(FILE *out, const struct tcp_report *report,
		     const struct text_options *options);

/** report_tcp_findings() - what that begins with */
void report_tcp_findings(FILE *out, const struct tcp_report *report,
			 const struct text_options *options);

/** report_tcp_histograms() - a part of the tables, if it is wanted */
void report_tcp_histograms(FILE *out, const struct tcp_report *report,
			   const struct text_options *options);

/** report_tcp_json() - one object on one line; 0 or -ENOMEM */
int report_tcp_json(FILE *out, const struct tcp_report *report);

/** report_tcp_line_head() - what stands over report_tcp_line_text() */
void report_tcp_line_head(FILE *out);

/**
 * report_tcp_line_text(), report_tcp_line_json() - a connection that has ended
 * @unix_offset_ns: makes a time of CLOCK_MONOTONIC one of CLOCK_REALTIME
 *
 * Return: of the latter, 0 or -ENOMEM.
 */
void report_tcp_line_text(FILE *out, const struct tcp_row *row, const struct tcp_plan *plan,
			  uint64_t unix_offset_ns);
int report_tcp_line_json(FILE *out, const struct tcp_row *row, const struct tcp_plan *plan,
			 uint64_t unix_offset_ns);

/**
 * report_tcp_diagram() - its handshake and its close, as arrows with their times
 * @row: cookie 0: there was no connection
 */
void report_tcp_diagram(FILE *out, const struct tcp_row *row, const struct tcp_plan *plan);

/** reset_reason() - the kernel's name of why a reset was sent; NULL where it is not known */
const char *reset_reason(const struct tcp_row *row, const struct tcp_plan *plan);

/** tcp_losses_total() - all of them */
uint64_t tcp_losses_total(const struct tcp_losses *losses);
const char *tcp_loss_name(enum tcp_loss reason);

#endif /* IOREADY_REPORT_TCP_H */
