/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What `ioready top` shows, as lines of text: the table, which a screen and a pipe
 * have in common, and the one process that is opened.
 */
#ifndef IOREADY_REPORT_TOP_H
#define IOREADY_REPORT_TOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "look.h"
#include "model_top.h"
#include "report.h"

/* The longest line of the table, all columns in it, and a title. */
#define TOP_LINE 256

/**
 * top_title() - losses first, then where, how and when; @to has TOP_LINE bytes
 * @report: of the last interval
 * @key, @reverse: the order
 * @paused: the figures stand still
 */
void top_title(char *to, const struct report *report, enum top_key key, bool reverse,
	       bool paused);

/** top_totals() - what the rows add up to; @to has TOP_LINE bytes */
void top_totals(char *to, const struct top_row *rows, int nr);

/**
 * top_columns() - the columns that a line has room for
 * @width: of the line; 0: all
 *
 * Return: a bit each; those that matter least go first, and WOKEN BY with the room
 * that is left.
 */
uint32_t top_columns(int width);

/** top_heads() - the names of columns; @to has TOP_LINE bytes */
void top_heads(char *to, uint32_t columns, bool threads);

/** top_cells() - a row; @to has TOP_LINE bytes */
void top_cells(char *to, uint32_t columns, const struct top_row *row);

/** report_top_text() - the whole table; at most @most rows, 0: all */
void report_top_text(FILE *out, const struct report *report, const struct top_row *rows, int nr,
		     enum top_key key, uint32_t most);

/**
 * struct top_process - what is shown of the one that is opened
 * @row: as in the table
 * @gone: it is not in the last interval: @row is an old one
 * @report: of the last interval, of everybody
 * @threads, @threads_nr, @by_thread: rows of its threads, to be shown instead of
 *	those of system calls
 * @look: what it watches now; or NULL, and @no_look why not
 * @no_files: why files are described by their name alone; empty if they are not
 */
struct top_process {
	const struct top_row *row;
	bool gone;
	const struct report *report;
	const struct top_row *threads;
	int threads_nr;
	bool by_thread;
	const struct look *look;
	const char *no_look;
	const char *no_files;
};

/**
 * report_top_process() - one process
 * @width: of a line, as top_columns()
 *
 * A line that is a heading begins with a form feed, which is in no other.
 */
void report_top_process(FILE *out, const struct top_process *process, int width);

/** report_top_help() - keys and columns; lines as of report_top_process() */
void report_top_help(FILE *out);

#endif /* IOREADY_REPORT_TOP_H */
