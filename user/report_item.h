/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Epoll items, as printed: what each was asked for, and what came of it. */
#ifndef IOREADY_REPORT_ITEM_H
#define IOREADY_REPORT_ITEM_H

#include <jansson.h>

#include "report.h"

/** items_absent() - why items have no figures, in words; NULL if they have */
const char *items_absent(const struct report *report);

/** report_item_findings() - sentences on the worst, at most three; returns how many */
int report_item_findings(FILE *out, const struct report *report, const struct text_options *o);

/** report_item_text() - the tables of epolls and of items */
void report_item_text(FILE *out, const struct report *report, const struct text_options *o);

/** report_epolls_json(), report_items_json() - the same, arrays; null if not to be had */
json_t *report_epolls_json(const struct report *report);
json_t *report_items_json(const struct report *report);

#endif /* IOREADY_REPORT_ITEM_H */
