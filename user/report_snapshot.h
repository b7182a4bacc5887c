/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the printers of a snapshot print. */
#ifndef IOREADY_REPORT_SNAPSHOT_H
#define IOREADY_REPORT_SNAPSHOT_H

#include <jansson.h>
#include <stdint.h>
#include <stdio.h>

#include "model_snapshot.h"
#include "report.h"

/** enum ready_how - how it was found what is ready */
enum ready_how {
	READY_BY_MODULE,	/* the module's kfunc, from an iterator */
	READY_BY_DUP,		/* pidfd_getfd() and poll() */
	READY_NOT_ASKED,	/* not at all */
};

/**
 * struct snapshot_report - a snapshot
 * @host, @release: where it was taken
 * @start_unix_ns: of the second look
 * @gap_ns: between the two looks
 * @how: readiness was had
 * @no_module: why not through the module; empty if it was
 * @no_iterator: why the iterator told nothing of the files; empty if it did
 * @processes, @processes_nr: those that watch something or wait
 * @silent: processes that watch nothing and wait in no call of the family
 * @ended: processes that ended before they were told
 * @forbidden: processes that could not be looked into
 */
struct snapshot_report {
	const char *host;
	const char *release;
	uint64_t start_unix_ns;
	uint64_t gap_ns;
	enum ready_how how;
	const char *no_module;
	const char *no_iterator;
	const struct snapshot_process *processes;
	size_t processes_nr;
	uint64_t silent;
	uint64_t ended;
	uint64_t forbidden;
};

/** report_snapshot_text() - for a person: the finding in words, then the table */
void report_snapshot_text(FILE *out, const struct snapshot_report *report,
			  const struct text_options *options);

/**
 * report_snapshot_json() - for a program: one object on one line
 *
 * Return: 0 or -ENOMEM; errors of @out are left to the caller's ferror().
 */
int report_snapshot_json(FILE *out, const struct snapshot_report *report);

/** file_text() - what is known of a file, for a person; NULL: it is not open */
void file_text(FILE *out, const struct look_file *file);

/** events_text() - "IN|OUT" of EPOLL events; @to has 128 bytes; returns @to */
char *events_text(char *to, uint32_t events);

/** events_json() - the same as an array of names */
json_t *events_json(uint32_t events);

/**
 * events_asked() - those that a person asked for
 *
 * Without the flags of epoll, and without EPOLLERR and EPOLLHUP, which are told
 * unasked. What select's sets stand for comes down to IN, OUT and PRI.
 */
uint32_t events_asked(const struct watch *watch);

/** event_name() - the name of one bit, without EPOLL; NULL: it has none */
const char *event_name(uint32_t bit);

/** address_text() - of a socket's record; @to has 600 bytes; returns @to */
char *address_text(char *to, const struct file_record *r, bool remote);

/** path_text() - of a unix socket, escaped; abstract names begin with @ */
char *path_text(char *to, const struct file_record *r);

const char *family_name(const struct file_record *r);
const char *socket_type_name(const struct file_record *r);
bool is_tcp(const struct file_record *r);
bool is_listener(const struct file_record *r);

const char *thread_state_name(enum thread_state state);
const char *no_ready_name(enum no_ready reason);
const char *why_name(enum why why);

#endif /* IOREADY_REPORT_SNAPSHOT_H */
