// SPDX-License-Identifier: GPL-2.0-or-later
#include "model_chain.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hash.h"

struct totals {
	uint64_t calls;
	uint64_t turns;
	uint64_t switches[2];
	struct chain_times parts[CHAIN_NR];
	struct chain_times work;
	uint64_t served;
	uint64_t nothing;
	uint64_t unserved;
	struct chain_times serve;
};

struct key {
	uint64_t start_ns;
	uint64_t thread_start_ns;
	uint32_t tgid;
	uint32_t tid;
};

struct entry {
	UT_hash_handle hh;
	struct key key;
	char comm[16];
	char thread_comm[16];
	struct totals ended;		/* threads that are gone */
	struct totals living;		/* threads as of the last snapshot */
	struct totals told;		/* both, when the last interval was told */
};

struct pair {
	UT_hash_handle hh;
	struct waker_key key;
	char comm[16];
	uint64_t wakes;
	uint64_t told;
	bool idle;			/* no wake in the last interval */
};

/* What one fd has; entries of struct totals that an fd has none of stay 0. */
struct fd {
	UT_hash_handle hh;
	struct fd_chain_key key;
	struct totals now;
	struct totals told;
};

struct model_chain {
	struct entry *entries;
	struct fd *fds;
	struct pair *pairs;
	bool threads;
	bool out_of_memory;
};

static const char *const part_names[] = { "ready_to_woken_ns", "woken_to_running_ns",
					  "running_to_returned_ns" };
static const char *const context_names[] = { "unknown", "process", "softirq", "hardirq" };

const char *chain_part_name(enum chain_part part)
{
	return part_names[part];
}

const char *wake_context_name(enum wake_context context)
{
	return context_names[context];
}

struct model_chain *model_chain_new(bool threads)
{
	struct model_chain *m = calloc(1, sizeof(*m));

	if (m)
		m->threads = threads;
	return m;
}

static void times_add_row(struct chain_times *to, uint64_t sum, uint64_t max,
			  const uint32_t *histogram)
{
	to->sum += sum;
	if (max > to->max)
		to->max = max;
	for (int i = 0; i < HISTOGRAM_BUCKETS; i++)
		to->histogram.buckets[i] += histogram[i];
}

/* Adds, or takes away again; not below zero, should a row have been lost. */
static void add(uint64_t *to, uint64_t from, bool away)
{
	*to = !away ? *to + from : *to > from ? *to - from : 0;
}

static void times_add(struct chain_times *to, const struct chain_times *from, bool away)
{
	add(&to->sum, from->sum, away);
	if (from->max > to->max)
		to->max = from->max;
	for (int i = 0; i < HISTOGRAM_BUCKETS; i++)
		add(&to->histogram.buckets[i], from->histogram.buckets[i], away);
}

static void totals_add(struct totals *to, const struct totals *from, bool away)
{
	add(&to->calls, from->calls, away);
	add(&to->turns, from->turns, away);
	for (int i = 0; i < 2; i++)
		add(&to->switches[i], from->switches[i], away);
	for (int part = 0; part < CHAIN_NR; part++)
		times_add(&to->parts[part], &from->parts[part], away);
	times_add(&to->work, &from->work, away);
	add(&to->served, from->served, away);
	add(&to->nothing, from->nothing, away);
	add(&to->unserved, from->unserved, away);
	times_add(&to->serve, &from->serve, away);
}

static struct entry *entry_get(struct model_chain *m, const struct record *r)
{
	struct key key;
	struct entry *e;

	memset(&key, 0, sizeof(key));
	key.start_ns = r->start_ns;
	key.tgid = r->tgid;
	if (m->threads) {
		key.tid = r->tid;
		key.thread_start_ns = r->thread_start_ns;
	}
	HASH_GET(m->entries, key, key, e, );
	if (!e) {
		m->out_of_memory = true;
		return NULL;
	}
	/* The latest name stands: a process that execs takes another. */
	memcpy(e->comm, r->comm, sizeof(e->comm));
	memcpy(e->thread_comm, r->thread_comm, sizeof(e->thread_comm));
	return e;
}

void model_chain_begin(void *arg)
{
	struct model_chain *m = arg;

	for (struct entry *e = m->entries; e; e = e->hh.next)
		memset(&e->living, 0, sizeof(e->living));
}

static void record_add(struct model_chain *m, const struct record *record, bool living)
{
	struct totals *to;
	struct entry *e;

	if (record->kind != RECORD_CHAIN && record->kind != RECORD_TURN &&
	    record->kind != RECORD_SERVE)
		return;
	e = entry_get(m, record);
	if (!e)
		return;
	to = living ? &e->living : &e->ended;
	if (record->kind == RECORD_CHAIN) {
		const struct chain_row *row = &((const struct chain_record *)record)->row;

		to->calls += row->calls;
		for (int part = 0; part < CHAIN_NR; part++)
			times_add_row(&to->parts[part], row->sum_ns[part], row->max_ns[part],
				      row->histogram[part]);
	} else if (record->kind == RECORD_SERVE) {
		const struct serve_row *row = &((const struct serve_record *)record)->row;

		to->served += row->served;
		to->nothing += row->nothing;
		to->unserved += row->unserved;
		times_add_row(&to->serve, row->sum_ns, row->max_ns, row->histogram);
	} else {
		const struct turn_row *row = &((const struct turn_record *)record)->row;

		to->turns += row->turns;
		for (int i = 0; i < 2; i++)
			to->switches[i] += row->switches[i];
		times_add_row(&to->work, row->sum_ns, row->max_ns, row->histogram);
	}
}

void model_chain_ended(const struct record *record, void *arg)
{
	record_add(arg, record, false);
}

void model_chain_living(const struct record *record, void *arg)
{
	record_add(arg, record, true);
}

void model_chain_waker(const struct waker_key *key, const struct waker *waker, void *arg)
{
	struct model_chain *m = arg;
	struct pair *p;

	HASH_GET(m->pairs, key, *key, p, );
	if (!p) {
		m->out_of_memory = true;
		return;
	}
	memcpy(p->comm, waker->comm, sizeof(p->comm));
	p->wakes = waker->wakes;
}

void model_chain_fd(const struct fd_chain_row *row, void *arg)
{
	const struct fd_chain_key key = { row->start_ns, row->tgid, row->epfd, row->fd, 0 };
	struct model_chain *m = arg;
	struct fd *f;

	HASH_GET(m->fds, key, key, f, );
	if (!f) {
		m->out_of_memory = true;
		return;
	}
	memset(&f->now, 0, sizeof(f->now));
	f->now.calls = row->calls;
	f->now.served = row->served;
	f->now.nothing = row->nothing;
	f->now.unserved = row->unserved;
	for (int part = 0; part < CHAIN_NR; part++)
		times_add_row(&f->now.parts[part], row->sum_ns[part], row->max_ns[part],
			      row->histogram[part]);
	times_add_row(&f->now.serve, row->sum_ns[CHAIN_NR], row->max_ns[CHAIN_NR],
		      row->histogram[CHAIN_NR]);
}

static int more_chains(const void *a, const void *b)
{
	const struct chain_figures *x = a, *y = b;

	if (x->calls != y->calls)
		return x->calls < y->calls ? 1 : -1;
	if (x->tgid != y->tgid)
		return x->tgid < y->tgid ? -1 : 1;
	return x->tid < y->tid ? -1 : x->tid > y->tid;
}

static int more_wakes(const void *a, const void *b)
{
	const struct waker_figures *x = a, *y = b;

	if (x->key.woken != y->key.woken)
		return x->key.woken < y->key.woken ? -1 : 1;
	if (x->key.woken_start_ns != y->key.woken_start_ns)
		return x->key.woken_start_ns < y->key.woken_start_ns ? -1 : 1;
	if (x->wakes != y->wakes)
		return x->wakes < y->wakes ? 1 : -1;
	return x->key.waker < y->key.waker ? -1 : x->key.waker > y->key.waker;
}

/* The longest of an interval is not kept; the top of its histogram is near. */
static void times_tell(struct chain_times *to, const struct chain_times *from, bool interval)
{
	*to = *from;
	if (interval)
		to->max = histogram_top(&from->histogram, from->max);
}

int model_chain_figures(struct model_chain *m, bool interval, struct chain_figures **figures,
			struct err *err)
{
	struct chain_figures *all = NULL;
	int n = 0;

	if (!m->out_of_memory)
		all = calloc(HASH_COUNT(m->entries) + 1, sizeof(*all));
	if (!all)
		return err_set(err, -ENOMEM, "out of memory: use a filter to trace less");
	for (struct entry *e = m->entries; e; e = e->hh.next) {
		struct chain_figures *f = &all[n];
		struct totals now = e->ended;

		totals_add(&now, &e->living, false);
		if (interval) {
			struct totals before = e->told;

			e->told = now;
			totals_add(&now, &before, true);
		}
		/* What a call of the interval before was for may be served in this one. */
		if (!now.calls && !now.turns && !now.served && !now.unserved)
			continue;
		f->tgid = e->key.tgid;
		f->start_ns = e->key.start_ns;
		memcpy(f->comm, e->comm, sizeof(f->comm));
		f->tid = e->key.tid;
		memcpy(f->thread_comm, e->thread_comm, sizeof(f->thread_comm));
		f->calls = now.calls;
		f->turns = now.turns;
		memcpy(f->switches, now.switches, sizeof(f->switches));
		for (int part = 0; part < CHAIN_NR; part++)
			times_tell(&f->parts[part], &now.parts[part], interval);
		times_tell(&f->work, &now.work, interval);
		f->served = now.served;
		f->nothing = now.nothing;
		f->unserved = now.unserved;
		times_tell(&f->serve, &now.serve, interval);
		n++;
	}
	qsort(all, n, sizeof(*all), more_chains);
	*figures = all;
	return n;
}

static int more_fd_chains(const void *a, const void *b)
{
	const struct fd_chain_figures *x = a, *y = b;

	if (x->calls != y->calls)
		return x->calls < y->calls ? 1 : -1;
	if (x->tgid != y->tgid)
		return x->tgid < y->tgid ? -1 : 1;
	if (x->epfd != y->epfd)
		return x->epfd < y->epfd ? -1 : 1;
	return x->fd < y->fd ? -1 : x->fd > y->fd;
}

int model_chain_fds(struct model_chain *m, bool interval, struct fd_chain_figures **figures,
		    struct err *err)
{
	struct fd_chain_figures *all = NULL;
	int n = 0;

	if (!m->out_of_memory)
		all = calloc(HASH_COUNT(m->fds) + 1, sizeof(*all));
	if (!all)
		return err_set(err, -ENOMEM, "out of memory: use a filter to trace less");
	for (struct fd *fd = m->fds; fd; fd = fd->hh.next) {
		struct fd_chain_figures *f = &all[n];
		struct totals now = fd->now;

		if (interval) {
			totals_add(&now, &fd->told, true);
			fd->told = fd->now;
		}
		if (!now.calls && !now.served && !now.unserved)
			continue;
		f->tgid = fd->key.tgid;
		f->start_ns = fd->key.start_ns;
		f->epfd = fd->key.epfd;
		f->fd = fd->key.fd;
		f->calls = now.calls;
		f->served = now.served;
		f->nothing = now.nothing;
		f->unserved = now.unserved;
		for (int part = 0; part < CHAIN_NR; part++)
			times_tell(&f->parts[part], &now.parts[part], interval);
		times_tell(&f->serve, &now.serve, interval);
		n++;
	}
	qsort(all, n, sizeof(*all), more_fd_chains);
	*figures = all;
	return n;
}

int model_chain_wakers(struct model_chain *m, bool interval, struct waker_figures **figures,
		       struct err *err)
{
	struct waker_figures *all = NULL;
	int n = 0;

	if (!m->out_of_memory)
		all = calloc(HASH_COUNT(m->pairs) + 1, sizeof(*all));
	if (!all)
		return err_set(err, -ENOMEM, "out of memory: use a filter to trace less");
	for (struct pair *p = m->pairs; p; p = p->hh.next) {
		uint64_t wakes = p->wakes - (interval ? p->told : 0);

		if (interval) {
			p->told = p->wakes;
			p->idle = !wakes;
		}
		if (!wakes)
			continue;
		all[n].key = p->key;
		memcpy(all[n].comm, p->comm, sizeof(all[n].comm));
		all[n++].wakes = wakes;
	}
	qsort(all, n, sizeof(*all), more_wakes);
	*figures = all;
	return n;
}

void model_chain_forget(struct model_chain *m, forgotten_fn fn, void *arg)
{
	struct entry *e, *next;
	struct pair *p, *then;

	HASH_ITER(hh, m->entries, e, next) {
		if (e->living.calls || e->living.turns)
			continue;
		HASH_DEL(m->entries, e);
		free(e);
	}
	HASH_ITER(hh, m->pairs, p, then) {
		if (!p->idle)
			continue;
		if (fn)
			fn(&p->key, arg);
		HASH_DEL(m->pairs, p);
		free(p);
	}
}

void model_chain_free(struct model_chain *m)
{
	struct entry *e, *next;
	struct pair *p, *then;
	struct fd *f, *later;

	if (!m)
		return;
	HASH_ITER(hh, m->fds, f, later) {
		HASH_DEL(m->fds, f);
		free(f);
	}
	HASH_ITER(hh, m->entries, e, next) {
		HASH_DEL(m->entries, e);
		free(e);
	}
	HASH_ITER(hh, m->pairs, p, then) {
		HASH_DEL(m->pairs, p);
		free(p);
	}
	free(m);
}
