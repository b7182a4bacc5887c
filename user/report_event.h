/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What `ioready trace` prints: a line a call, or a file that woke several threads. */
#ifndef IOREADY_REPORT_EVENT_H
#define IOREADY_REPORT_EVENT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "abi.h"

/**
 * struct event_options - how to print
 * @unix_offset_ns: what makes a time of CLOCK_MONOTONIC one of CLOCK_REALTIME
 * @chain: whether chains were followed, and
 * @sees_ready: from their start
 */
struct event_options {
	uint64_t unix_offset_ns;
	bool chain;
	bool sees_ready;
};

/** report_event_head() - the names of the columns that report_event_text() fills */
void report_event_head(FILE *out, const struct event_options *options);

/** report_event_text() - a call as a line for a person */
void report_event_text(FILE *out, const struct event_record *event,
		       const struct event_options *options);

/**
 * report_event_json() - a call as an object on a line
 *
 * Return: 0 or -ENOMEM. As with report_json(), errors of @out are left to ferror().
 */
int report_event_json(FILE *out, const struct event_record *event,
		      const struct event_options *options);

/** report_woken_head(), report_woken_text() - likewise of files that woke several */
void report_woken_head(FILE *out);
void report_woken_text(FILE *out, const struct woken_record *woken,
		       const struct event_options *options);

/** report_woken_json() - as report_event_json() */
int report_woken_json(FILE *out, const struct woken_record *woken,
		      const struct event_options *options);

/** report_event_json_lost() - a line that stands for @lost ones that are missing */
void report_event_json_lost(FILE *out, uint64_t lost);

#endif /* IOREADY_REPORT_EVENT_H */
