/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Herds, as printed: files, whom they woke, and who of these found something. */
#ifndef IOREADY_REPORT_HERD_H
#define IOREADY_REPORT_HERD_H

#include <jansson.h>

#include "report.h"

/** herd_absent() - why there are no herds, in words; NULL if there are */
const char *herd_absent(const struct report *report);

/** report_herd_waste() - whether some file woke more threads than found something */
bool report_herd_waste(const struct report *report);

/** report_herd_findings() - sentences on the worst, at most three; each its own line */
void report_herd_findings(FILE *out, const struct report *report, const struct text_options *o);

/** report_herd_text() - the table */
void report_herd_text(FILE *out, const struct report *report, const struct text_options *o);

/** report_herd_json() - the same, an array; null if there are none to be had */
json_t *report_herd_json(const struct report *report);

#endif /* IOREADY_REPORT_HERD_H */
