// SPDX-License-Identifier: GPL-2.0-or-later
#include "model_item.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hash.h"

struct key {
	uint64_t start_ns;
	uint32_t tgid;
	int32_t epfd;
	int32_t fd;
	uint32_t pad;
};

/* An item by what a person knows it by. */
struct entry {
	UT_hash_handle hh;
	struct key key;
	struct item_row ended;		/* items that are gone */
	struct item_row living;		/* as of the last snapshot */
	struct item_row told;		/* both, when the last interval was told */
	uint64_t file_id;
	uint32_t events;
	bool listed;			/* in the interest list, as of the last snapshot */
};

struct file {
	UT_hash_handle hh;
	uint64_t id;
	struct file_row row;
};

/* Names of files, also of closed ones; the oldest are forgotten. */
#define FILES_KEPT (2 * FILES_MAX)

struct model_item {
	struct entry *entries;
	struct file *files;
	bool out_of_memory;
};

struct model_item *model_item_new(void)
{
	return calloc(1, sizeof(struct model_item));
}

void model_item_begin(void *arg)
{
	struct model_item *m = arg;
	for (struct entry *e = m->entries; e; e = e->hh.next) {
		memset(&e->living, 0, sizeof(e->living));
		e->listed = false;
	}
}

static struct entry *entry_get(struct model_item *m, uint32_t tgid, uint64_t start_ns,
			       int32_t epfd, int32_t fd)
{
	struct key key = { start_ns, tgid, epfd, fd, 0 };
	struct entry *e;

	HASH_GET(m->entries, key, key, e, );
	if (!e)
		m->out_of_memory = true;
	return e;
}

/* The figures among the members of a row: X(member). */
#define ITEM_FIGURES(X) \
	X(notified) X(scans) X(repolls) X(stale) X(reported) X(unserved) X(changes)

static void row_add(struct item_row *to, const struct item_row *from)
{
#define X(member) to->member += from->member;
	ITEM_FIGURES(X)
#undef X
}

static void row_take(struct item_row *to, const struct item_row *from)
{
	/* Not below zero, should a row have been lost. */
#define X(member) to->member -= from->member < to->member ? from->member : to->member;
	ITEM_FIGURES(X)
#undef X
}

static void item_add(struct model_item *m, const struct item_row *row, bool living)
{
	struct entry *e = entry_get(m, row->tgid, row->start_ns, row->epfd, row->fd);

	if (!e)
		return;
	row_add(living ? &e->living : &e->ended, row);
	/* What is there now names it. */
	if (living || !e->file_id) {
		e->file_id = row->file_id;
		e->events = row->events;
	}
}

static void file_set(struct model_item *m, const struct file_row *row)
{
	struct file *f = m->files;

	if (HASH_COUNT(m->files) > FILES_KEPT) {
		HASH_DEL(m->files, f);
		free(f);
	}
	HASH_GET(m->files, id, row->id, f, );
	if (!f) {
		m->out_of_memory = true;
		return;
	}
	f->row = *row;
	f->row.name[sizeof(f->row.name) - 1] = 0;
}

static void record_add(struct model_item *m, const struct record *record, bool living)
{
	const struct watch_record *r = (const void *)record;

	if (record->kind == RECORD_ITEM)
		item_add(m, &r->item, living);
	else if (record->kind == RECORD_FILE)
		file_set(m, &r->file);
}

void model_item_ended(const struct record *record, void *arg)
{
	record_add(arg, record, false);
}

void model_item_living(const struct record *record, void *arg)
{
	record_add(arg, record, true);
}

void model_item_interest(struct model_item *m, uint32_t tgid, uint64_t start_ns, int32_t epfd,
			 int32_t fd, uint32_t events)
{
	struct entry *e = entry_get(m, tgid, start_ns, epfd, fd);

	if (!e)
		return;
	e->listed = true;
	e->events = events;
}

static struct item_row entry_row(const struct entry *e, bool interval)
{
	struct item_row now = e->ended;

	row_add(&now, &e->living);
	if (interval)
		row_take(&now, &e->told);
	now.file_id = e->file_id;
	now.start_ns = e->key.start_ns;
	now.tgid = e->key.tgid;
	now.epfd = e->key.epfd;
	now.fd = e->key.fd;
	now.events = e->events;
	return now;
}

static int more_scans(const void *a, const void *b)
{
	const struct item_figures *x = a, *y = b;

	if (x->item.scans != y->item.scans)
		return x->item.scans < y->item.scans ? 1 : -1;
	if (x->item.notified != y->item.notified)
		return x->item.notified < y->item.notified ? 1 : -1;
	if (x->item.tgid != y->item.tgid)
		return x->item.tgid < y->item.tgid ? -1 : 1;
	if (x->item.epfd != y->item.epfd)
		return x->item.epfd < y->item.epfd ? -1 : 1;
	return x->item.fd < y->item.fd ? -1 : x->item.fd > y->item.fd;
}

int model_item_figures(struct model_item *m, bool interval, struct item_figures **figures,
		       struct err *err)
{
	struct item_figures *all = NULL;
	int n = 0;

	if (!m->out_of_memory)
		all = calloc(HASH_COUNT(m->entries) + 1, sizeof(*all));
	if (!all)
		return err_set(err, -ENOMEM, "out of memory: use a filter to trace less");
	for (struct entry *e = m->entries; e; e = e->hh.next) {
		struct item_figures *f = &all[n];
		struct file *file;

		f->item = entry_row(e, interval);
		if (interval)
			row_add(&e->told, &f->item);
		f->listed = e->listed;
		if (!e->listed && !f->item.scans && !f->item.notified && !f->item.changes)
			continue;
		HASH_FIND(hh, m->files, &e->file_id, sizeof(e->file_id), file);
		if (e->file_id && file) {
			f->name = file->row;
			f->name_known = true;
		}
		n++;
	}
	qsort(all, n, sizeof(*all), more_scans);
	*figures = all;
	return n;
}

static int by_epoll(const void *a, const void *b)
{
	const struct epoll_figures *x = a, *y = b;

	if (x->tgid != y->tgid)
		return x->tgid < y->tgid ? -1 : 1;
	if (x->start_ns != y->start_ns)
		return x->start_ns < y->start_ns ? -1 : 1;
	return x->epfd < y->epfd ? -1 : x->epfd > y->epfd;
}

static int more_sum(const void *a, const void *b)
{
	const struct epoll_figures *x = a, *y = b;

	if (x->sum.scans != y->sum.scans)
		return x->sum.scans < y->sum.scans ? 1 : -1;
	return by_epoll(a, b);
}

int model_item_epolls(struct model_item *m, bool interval, struct epoll_figures **figures,
		      struct err *err)
{
	struct epoll_figures *all = NULL;
	int n = 0, sums = 0;

	if (!m->out_of_memory)
		all = calloc(HASH_COUNT(m->entries) + 1, sizeof(*all));
	if (!all)
		return err_set(err, -ENOMEM, "out of memory: use a filter to trace less");
	/* One for each item, then those of an epoll are put together. */
	for (struct entry *e = m->entries; e; e = e->hh.next) {
		struct epoll_figures *f = &all[n++];

		f->tgid = e->key.tgid;
		f->start_ns = e->key.start_ns;
		f->epfd = e->key.epfd;
		f->sum = entry_row(e, interval);
		f->sum.fd = -1;
		f->items = e->listed;
		f->never = e->listed && !f->sum.reported;
	}
	qsort(all, n, sizeof(*all), by_epoll);
	for (int i = 0; i < n; i++) {
		struct epoll_figures *f = &all[sums ? sums - 1 : 0];

		if (!sums || by_epoll(f, &all[i])) {
			all[sums++] = all[i];
			continue;
		}
		row_add(&f->sum, &all[i].sum);
		f->items += all[i].items;
		f->never += all[i].never;
	}
	qsort(all, sums, sizeof(*all), more_sum);
	*figures = all;
	return sums;
}

void model_item_free(struct model_item *m)
{
	struct entry *e, *next;
	struct file *f, *then;

	if (!m)
		return;
	HASH_ITER(hh, m->entries, e, next) {
		HASH_DEL(m->entries, e);
		free(e);
	}
	HASH_ITER(hh, m->files, f, then) {
		HASH_DEL(m->files, f);
		free(f);
	}
	free(m);
}
