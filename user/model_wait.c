// SPDX-License-Identifier: GPL-2.0-or-later
#include "model_wait.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hash.h"

/* The sums of a row over threads; histogram counts outgrow a row's 32 bits. */
struct totals {
	struct wait_row row;		/* all but its histogram */
	struct histogram histogram;
};

struct key {
	uint64_t start_ns;
	uint64_t thread_start_ns;
	uint32_t tgid;
	uint32_t tid;
	uint32_t syscall;
	uint32_t pad;
};

struct entry {
	UT_hash_handle hh;
	struct key key;
	char comm[16];
	char thread_comm[16];
	int32_t epfd;
	bool alive;
	uint32_t open;
	uint32_t open_before;
	uint32_t open_ended;		/* those of which the thread ended after the window */
	uint64_t watched_seen;		/* interest list: sum of sizes, how often, largest */
	uint64_t watched_times;
	uint64_t watched_max;
	struct totals ended;		/* threads that are gone */
	struct totals living;		/* threads as of the last snapshot */
	struct totals told;		/* both, when the last interval was told */
};

struct model_wait {
	struct entry *entries;
	bool threads;
	bool out_of_memory;
};

static const char *const syscall_names[] = {
#define X(name, mechanism) [WAIT_##name] = #name,
	WAIT_FAMILY(X)
#undef X
};

static const enum wait_mechanism mechanisms[] = {
#define X(name, mechanism) [WAIT_##name] = MECHANISM_##mechanism,
	WAIT_FAMILY(X)
#undef X
};

static const char *const mechanism_names[] = { "select", "poll", "epoll" };
static const char *const kind_names[] = { "exact", "derived", "lower_bound", "sampled", "absent" };

const char *kind_name(enum kind kind)
{
	return kind_names[kind];
}

enum kind kind_sum(enum kind a, enum kind b)
{
	static const int rank[] = { [KIND_EXACT] = 0, [KIND_DERIVED] = 1, [KIND_SAMPLED] = 2,
				    [KIND_LOWER_BOUND] = 3, [KIND_ABSENT] = 4 };

	return rank[a] > rank[b] ? a : b;
}

const char *wait_syscall_name(enum wait_syscall syscall)
{
	return syscall_names[syscall];
}

enum wait_mechanism wait_mechanism(enum wait_syscall syscall)
{
	return mechanisms[syscall];
}

const char *wait_mechanism_name(enum wait_syscall syscall)
{
	return mechanism_names[mechanisms[syscall]];
}

struct model_wait *model_wait_new(bool threads)
{
	struct model_wait *m = calloc(1, sizeof(*m));

	if (m)
		m->threads = threads;
	return m;
}

/* What an interval added; not below zero, should a row have been lost since. */
static uint64_t less(uint64_t now, uint64_t before)
{
	return now > before ? now - before : 0;
}

/* Adds @from, or takes it away again; the largest of both is kept. */
static void row_add(struct wait_row *to, const struct wait_row *from, bool away)
{
#define ADD(field) to->field = away ? less(to->field, from->field) : to->field + from->field
	for (int i = 0; i < RETURNED_NR; i++)
		ADD(returned[i]);
	ADD(watched);
	ADD(watched_calls);
	ADD(passes);
	ADD(scans);
	ADD(ready);
	ADD(found);
	ADD(found_unsure);
	ADD(copied);
	ADD(wakeups);
	ADD(wakeups_empty);
	ADD(total_ns);
	ADD(asleep_ns);
	ADD(exact_calls);
	ADD(exact_scans);
	ADD(exact_derived);
#undef ADD
	if (from->max_ns > to->max_ns)
		to->max_ns = from->max_ns;
	if (from->watched_max > to->watched_max)
		to->watched_max = from->watched_max;
}

static void totals_add_row(struct totals *to, const struct wait_row *row)
{
	row_add(&to->row, row, false);
	for (int i = 0; i < HISTOGRAM_BUCKETS; i++)
		to->histogram.buckets[i] += row->histogram[i];
}

static void totals_add(struct totals *to, const struct totals *from, bool away)
{
	uint64_t *buckets = to->histogram.buckets;

	row_add(&to->row, &from->row, away);
	for (int i = 0; i < HISTOGRAM_BUCKETS; i++)
		buckets[i] = away ? less(buckets[i], from->histogram.buckets[i]) :
				    buckets[i] + from->histogram.buckets[i];
}

static struct entry *entry_get(struct model_wait *m, const struct record *r, uint32_t syscall)
{
	struct key key;
	struct entry *e;

	memset(&key, 0, sizeof(key));
	key.start_ns = r->start_ns;
	key.tgid = r->tgid;
	key.syscall = syscall;
	if (m->threads) {
		key.tid = r->tid;
		key.thread_start_ns = r->thread_start_ns;
	}
	HASH_GET(m->entries, key, key, e, e->epfd = -1);
	if (!e) {
		m->out_of_memory = true;
		return NULL;
	}
	/* The latest name stands: a process that execs takes another. */
	memcpy(e->comm, r->comm, sizeof(e->comm));
	memcpy(e->thread_comm, r->thread_comm, sizeof(e->thread_comm));
	return e;
}

void model_wait_begin(void *arg)
{
	struct model_wait *m = arg;

	for (struct entry *e = m->entries; e; e = e->hh.next) {
		memset(&e->living, 0, sizeof(e->living));
		e->alive = false;
		e->open = e->open_before = 0;
	}
}

static void record_add(struct model_wait *m, const struct record *record, bool living)
{
	if (record->kind == RECORD_WAIT) {
		const struct wait_record *r = (const void *)record;
		struct entry *e = entry_get(m, record, r->syscall);

		if (!e)
			return;
		e->alive |= living;
		if (mechanisms[r->syscall] == MECHANISM_EPOLL)
			e->epfd = r->epfd;
		totals_add_row(living ? &e->living : &e->ended, &r->row);
	} else if (record->kind == RECORD_OPEN) {
		const struct open_record *r = (const void *)record;
		struct entry *e = entry_get(m, record, r->syscall);

		if (!e)
			return;
		e->alive |= living;
		if (mechanisms[r->syscall] == MECHANISM_EPOLL)
			e->epfd = r->epfd;
		if (living) {
			e->open++;
			e->open_before += !r->since_ns;
		} else {
			e->open_ended++;
		}
	}
}

void model_wait_ended(const struct record *record, void *arg)
{
	record_add(arg, record, false);
}

void model_wait_living(const struct record *record, void *arg)
{
	record_add(arg, record, true);
}

void model_wait_watched(struct model_wait *m, uint32_t tgid, int32_t epfd, uint64_t watched)
{
	for (struct entry *e = m->entries; e; e = e->hh.next) {
		if (e->key.tgid != tgid || e->epfd != epfd || !e->alive)
			continue;
		e->watched_seen += watched;
		e->watched_times++;
		if (watched > e->watched_max)
			e->watched_max = watched;
	}
}

static void figures_fill(struct wait_figures *f, const struct entry *e, const struct totals *t)
{
	const struct wait_row *row = &t->row;
	enum wait_mechanism mechanism = mechanisms[e->key.syscall];
	bool is_ctl = e->key.syscall == WAIT_epoll_ctl;
	bool unknown;

	memset(f, 0, sizeof(*f));
	f->tgid = e->key.tgid;
	f->start_ns = e->key.start_ns;
	memcpy(f->comm, e->comm, sizeof(f->comm));
	f->tid = e->key.tid;
	memcpy(f->thread_comm, e->thread_comm, sizeof(f->thread_comm));
	f->syscall = e->key.syscall;
	f->epfd = e->epfd;
	f->alive = e->alive;
	for (int i = 0; i < RETURNED_NR; i++) {
		f->returned[i] = row->returned[i];
		f->calls += row->returned[i];
	}

	/* Calls that failed watched nothing. A call that is just counted may be ahead. */
	unknown = f->calls > row->returned[RETURNED_ERROR] + row->watched_calls;
	if (mechanism == MECHANISM_EPOLL) {
		f->watched_kind = e->watched_times ? KIND_SAMPLED : KIND_ABSENT;
		if (e->watched_times)
			f->watched_mean = (double)e->watched_seen / e->watched_times;
		f->watched_max = e->watched_max;
	} else {
		f->watched_kind = !row->watched_calls ? KIND_ABSENT :
				  unknown	      ? KIND_LOWER_BOUND :
							KIND_EXACT;
		if (row->watched_calls)
			f->watched_mean = (double)row->watched / row->watched_calls;
		f->watched_max = row->watched_max;
	}

	f->passes = row->passes;
	f->passes_kind = is_ctl ? KIND_ABSENT :
			 mechanism == MECHANISM_EPOLL || unknown ? KIND_LOWER_BOUND :
								   KIND_DERIVED;
	if (f->calls && row->exact_calls >= f->calls) {
		f->scans = row->exact_scans;
		f->scans_kind = KIND_EXACT;
	} else {
		f->scans = row->scans;
		f->scans_kind = (mechanism == MECHANISM_EPOLL && !is_ctl) ||
						(mechanism != MECHANISM_EPOLL && unknown) ?
					KIND_LOWER_BOUND :
					KIND_DERIVED;
	}
	f->wasted = f->scans > row->found ? f->scans - row->found : 0;
	f->wasted_kind = is_ctl ? KIND_ABSENT :
			 row->found_unsure && f->scans_kind == KIND_EXACT ? KIND_LOWER_BOUND :
									    f->scans_kind;
	f->sampled_calls = row->exact_calls;
	f->sampled_scans = row->exact_scans;
	f->sampled_derived = row->exact_derived;
	f->ready = row->ready;
	f->ready_absent = is_ctl;
	f->copied = row->copied;
	f->wakeups = row->wakeups;
	f->wakeups_empty = row->wakeups_empty;
	f->asleep_ns = row->asleep_ns;
	f->awake_ns = row->total_ns > row->asleep_ns ? row->total_ns - row->asleep_ns : 0;
	f->open = e->open + e->open_ended;
	f->open_before = e->open_before;
	f->latency.histogram = t->histogram;
	f->latency.sum = row->total_ns;
	f->latency.max = row->max_ns;
}

static int dearer(const void *a, const void *b)
{
	const struct wait_figures *x = a, *y = b;

	if (x->awake_ns != y->awake_ns)
		return x->awake_ns < y->awake_ns ? 1 : -1;
	if (x->tgid != y->tgid)
		return x->tgid < y->tgid ? -1 : 1;
	if (x->tid != y->tid)
		return x->tid < y->tid ? -1 : 1;
	return (int)x->syscall - (int)y->syscall;
}

int model_wait_figures(struct model_wait *m, bool interval, struct wait_figures **figures,
		       struct err *err)
{
	struct wait_figures *all = NULL;
	int n = 0;

	if (!m->out_of_memory)
		all = malloc((HASH_COUNT(m->entries) + 1) * sizeof(*all));
	if (!all)
		return err_set(err, -ENOMEM, "out of memory: use a filter to trace less");
	for (struct entry *e = m->entries; e; e = e->hh.next) {
		struct totals now = e->ended;

		totals_add(&now, &e->living, false);
		if (interval) {
			struct totals before = e->told;

			e->told = now;
			totals_add(&now, &before, true);
			now.row.max_ns = histogram_top(&now.histogram, now.row.max_ns);
		}
		figures_fill(&all[n], e, &now);
		if (all[n].calls || all[n].open)
			n++;
	}
	qsort(all, n, sizeof(*all), dearer);
	*figures = all;
	return n;
}

void model_wait_forget(struct model_wait *m)
{
	struct entry *e, *next;

	HASH_ITER(hh, m->entries, e, next) {
		if (e->alive)
			continue;
		HASH_DEL(m->entries, e);
		free(e);
	}
}

void model_wait_free(struct model_wait *m)
{
	struct entry *e, *next;

	if (!m)
		return;
	HASH_ITER(hh, m->entries, e, next) {
		HASH_DEL(m->entries, e);
		free(e);
	}
	free(m);
}
