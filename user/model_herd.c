// SPDX-License-Identifier: GPL-2.0-or-later
#include "model_herd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hash.h"

#define S_IFMT 0170000

struct totals {
	__u64 events;
	__u64 herd[HERD_NR];
};

/* Any thread but the first that its file woke. */
struct member {
	struct member *next;
	struct herd_row row;
	struct totals told;
};

struct entry {
	UT_hash_handle hh;
	uint64_t id;
	struct file_row row;
	struct totals told;
	struct member *members;
	uint32_t watchers;
	bool closed;
};

/*
 * Closed files of one process that woke one thread each: their sum. A server has one
 * for each connection it ever had.
 */
struct closed_key {
	uint64_t start_ns;
	uint64_t tgid;
};

struct closed {
	UT_hash_handle hh;
	struct closed_key key;
	struct file_row row;
	struct totals told;
	__u64 files;
	__u64 told_files;
};

/* Closed files that are kept apart; later ones are summed up, unless they have a herd. */
#define CLOSED_KEPT 1024

struct model_herd {
	uint64_t closed_kept;
	struct entry *entries;
	struct closed *closed;
	bool out_of_memory;
};

struct model_herd *model_herd_new(void)
{
	return calloc(1, sizeof(struct model_herd));
}

void model_herd_begin(void *arg)
{
	struct model_herd *m = arg;

	for (struct entry *e = m->entries; e; e = e->hh.next)
		e->watchers = 0;
}

static struct entry *entry_get(struct model_herd *m, uint64_t id)
{
	struct entry *e;

	HASH_GET(m->entries, id, id, e, );
	if (!e)
		m->out_of_memory = true;
	return e;
}

static struct closed *closed_get(struct model_herd *m, const struct file_row *row)
{
	struct closed_key key = { row->start_ns, row->tgid };
	struct closed *c;

	HASH_GET(m->closed, key, key, c, c->row.start_ns = row->start_ns; c->row.tgid = row->tgid;
		 c->row.fd = -1);
	if (!c)
		m->out_of_memory = true;
	return c;
}

static struct entry *file_set(struct model_herd *m, const struct file_row *row)
{
	struct entry *e = entry_get(m, row->id);

	if (!e)
		return NULL;
	e->row = *row;
	/* Untrusted: what a thread calls itself may fill it to the end. */
	e->row.first_comm[sizeof(e->row.first_comm) - 1] = 0;
	e->row.name[sizeof(e->row.name) - 1] = 0;
	return e;
}

static void file_end(struct model_herd *m, const struct file_row *row)
{
	struct entry *e = file_set(m, row);
	struct closed *c;

	if (!e)
		return;
	e->closed = true;
	if (row->others || ++m->closed_kept <= CLOSED_KEPT)
		return;
	c = closed_get(m, row);
	if (!c)
		return;
	c->files++;
	c->row.events += row->events;
	c->told.events += e->told.events;
	for (int i = 0; i < HERD_NR; i++) {
		c->row.herd[i] += row->herd[i];
		c->told.herd[i] += e->told.herd[i];
	}
	HASH_DEL(m->entries, e);
	free(e);
}

static void member_set(struct model_herd *m, const struct herd_row *row)
{
	struct entry *e = entry_get(m, row->file_id);
	struct member **at;

	if (!e)
		return;
	for (at = &e->members; *at; at = &(*at)->next)
		if ((*at)->row.thread_start_ns == row->thread_start_ns)
			break;
	if (!*at) {
		*at = calloc(1, sizeof(**at));
		if (!*at) {
			m->out_of_memory = true;
			return;
		}
	}
	(*at)->row = *row;
	(*at)->row.comm[sizeof((*at)->row.comm) - 1] = 0;
}

void model_herd_ended(const struct record *record, void *arg)
{
	if (record->kind == RECORD_FILE)
		file_end(arg, &((const struct watch_record *)record)->file);
}

void model_herd_living(const struct record *record, void *arg)
{
	const struct watch_record *r = (const void *)record;

	if (record->kind == RECORD_FILE)
		file_set(arg, &r->file);
	else if (record->kind == RECORD_HERD)
		member_set(arg, &r->herd);
}

void model_herd_watcher(struct model_herd *m, uint64_t ino, uint32_t dev)
{
	for (struct entry *e = m->entries; e; e = e->hh.next)
		if (e->row.ino == ino && e->row.dev == dev && e->row.mode & S_IFMT && !e->closed)
			e->watchers++;
}

static int more_woken(const void *a, const void *b)
{
	const struct herd_figures *x = a, *y = b;

	if (x->file.herd[HERD_WOKEN] != y->file.herd[HERD_WOKEN])
		return x->file.herd[HERD_WOKEN] < y->file.herd[HERD_WOKEN] ? 1 : -1;
	if (x->file.events != y->file.events)
		return x->file.events < y->file.events ? 1 : -1;
	return x->file.id < y->file.id ? -1 : x->file.id > y->file.id;
}

static int more_often(const void *a, const void *b)
{
	const struct herd_member *x = a, *y = b;

	if (x->herd[HERD_WOKEN] != y->herd[HERD_WOKEN])
		return x->herd[HERD_WOKEN] < y->herd[HERD_WOKEN] ? 1 : -1;
	return x->tid < y->tid ? -1 : x->tid > y->tid;
}

/* Leaves of @now what was not told before, and notes it as told. */
static void since(__u64 *now, __u64 *told)
{
	uint64_t value = *now;

	*now = value > *told ? value - *told : 0;
	*told = value;
}

static void herd_since(__u64 herd[HERD_NR], struct totals *told)
{
	for (int i = 0; i < HERD_NR; i++)
		since(&herd[i], &told->herd[i]);
}

/* A wake of one interval may be served, or found empty, in the next. */
static bool is_told(const struct file_row *file)
{
	for (int i = 0; i < HERD_NR; i++)
		if (file->herd[i])
			return true;
	return file->events;
}

/* The members of a file: of the first is known what the others leave. */
static int members_fill(struct entry *e, bool interval, struct herd_figures *f)
{
	struct herd_member *first, *at;
	int n = 1;

	if (!e->row.first_tid)
		return 0;
	for (struct member *s = e->members; s; s = s->next)
		n++;
	first = at = f->members = calloc(n, sizeof(*at));
	if (!at)
		return -ENOMEM;
	f->members_nr = n;
	at->tgid = e->row.first_tgid;
	at->start_ns = e->row.first_start_ns;
	at->tid = e->row.first_tid;
	memcpy(at->comm, e->row.first_comm, sizeof(at->comm));
	memcpy(at->herd, f->file.herd, sizeof(at->herd));
	for (struct member *s = e->members; s; s = s->next) {
		at++;
		at->tgid = s->row.tgid;
		at->start_ns = s->row.start_ns;
		at->tid = s->row.tid;
		memcpy(at->comm, s->row.comm, sizeof(at->comm));
		memcpy(at->herd, s->row.herd, sizeof(at->herd));
		if (interval)
			herd_since(at->herd, &s->told);
		/* Not below zero: they are read one after the other while they grow. */
		for (int i = 0; i < HERD_NR; i++)
			first->herd[i] -= at->herd[i] < first->herd[i] ? at->herd[i] :
									 first->herd[i];
	}
	qsort(f->members, n, sizeof(*at), more_often);
	return 0;
}

int model_herd_figures(struct model_herd *m, bool interval, struct herd_figures **figures,
		       struct err *err)
{
	struct herd_figures *all = NULL;
	int n = 0;

	if (!m->out_of_memory)
		all = calloc(HASH_COUNT(m->entries) + HASH_COUNT(m->closed) + 1, sizeof(*all));
	if (!all)
		goto no_memory;
	for (struct entry *e = m->entries; e; e = e->hh.next) {
		struct herd_figures *f = &all[n];

		f->file = e->row;
		f->watchers = e->watchers;
		if (interval) {
			since(&f->file.events, &e->told.events);
			herd_since(f->file.herd, &e->told);
		}
		if (!is_told(&f->file))
			continue;
		n++;
		if (members_fill(e, interval, f))
			goto no_memory;
	}
	for (struct closed *c = m->closed; c; c = c->hh.next) {
		struct herd_figures *f = &all[n];

		f->file = c->row;
		f->closed = c->files;
		if (interval) {
			since(&f->closed, &c->told_files);
			since(&f->file.events, &c->told.events);
			herd_since(f->file.herd, &c->told);
		}
		n += is_told(&f->file);
	}
	qsort(all, n, sizeof(*all), more_woken);
	*figures = all;
	return n;

no_memory:
	model_herd_figures_free(all, n);
	return err_set(err, -ENOMEM, "out of memory: use a filter to trace less");
}

void model_herd_figures_free(struct herd_figures *figures, int nr)
{
	for (int i = 0; figures && i < nr; i++)
		free(figures[i].members);
	free(figures);
}

void model_herd_free(struct model_herd *m)
{
	struct entry *e, *next;
	struct closed *c, *then;

	if (!m)
		return;
	HASH_ITER(hh, m->entries, e, next) {
		while (e->members) {
			struct member *s = e->members;

			e->members = s->next;
			free(s);
		}
		HASH_DEL(m->entries, e);
		free(e);
	}
	HASH_ITER(hh, m->closed, c, then) {
		HASH_DEL(m->closed, c);
		free(c);
	}
	free(m);
}
