/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a person knows a file by, for the reports that tell files apart. */
#ifndef IOREADY_REPORT_FILE_H
#define IOREADY_REPORT_FILE_H

#include <jansson.h>

#include "report.h"

/* Bytes that file_name_text() may need. */
#define FILE_TEXT_MAX 128

/**
 * file_name_text() - e.g. "tcp listen 0.0.0.0:80", "pipe", "[eventfd]"
 * @to: FILE_TEXT_MAX bytes
 *
 * Printable, whatever the file is called. Return: @to.
 */
char *file_name_text(char *to, const struct file_row *file);

/** file_name_json() - the same with its parts; @fd may be -1 */
json_t *file_name_json(const struct file_row *file);

/** comm_of() - the printable name of a process in the report, "?" if none is known */
char *comm_of(char to[4 * 16 + 1], const struct report *report, uint32_t tgid, uint64_t start_ns);

#endif /* IOREADY_REPORT_FILE_H */
