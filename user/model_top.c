// SPDX-License-Identifier: GPL-2.0-or-later
#include "model_top.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hash.h"

struct key {
	uint64_t start_ns;
	uint32_t tgid;
	uint32_t tid;
};

/* A row while it is added up. */
struct sum {
	UT_hash_handle hh;
	struct key key;
	struct top_row row;
	double watched_calls;
	struct histogram latency;
	uint64_t latency_max;
	double wakes;
};

static const char *const key_names[] = { "waste", "wakeups", "empty", "lag", "calls", "awake" };

const char *top_key_name(enum top_key key)
{
	return key_names[key];
}

int top_key_parse(const char *name, enum top_key *key, struct err *err)
{
	for (int i = 0; i < TOP_KEYS; i++) {
		if (!strcmp(name, key_names[i])) {
			*key = i;
			return 0;
		}
	}
	return err_set(err, -EINVAL, "there is no sort key '%.40s'", name);
}

static struct sum *sum_get(struct sum **sums, uint32_t tgid, uint64_t start_ns, uint32_t tid,
			   const char *comm)
{
	struct key key = { start_ns, tgid, tid };
	struct sum *s;

	HASH_GET(*sums, key, key, s, s->row.tgid = tgid; s->row.start_ns = start_ns;
		 s->row.tid = tid; memcpy(s->row.comm, comm, sizeof(s->row.comm));
		 s->row.watched_kind = KIND_ABSENT);
	return s;
}

static void sum_add_wait(struct sum *s, const struct wait_figures *f)
{
	struct top_row *r = &s->row;

	/* It is no wait; the row may be there for it alone. */
	if (f->syscall == WAIT_epoll_ctl)
		return;
	r->calls += f->calls;
	if (f->watched_kind != KIND_ABSENT) {
		double calls = f->calls;

		/* Of a process that only sleeps it is still known what it watches. */
		if (!calls && !s->watched_calls)
			r->watched = f->watched_mean;
		if (s->watched_calls + calls)
			r->watched = (r->watched * s->watched_calls + f->watched_mean * calls) /
				     (s->watched_calls + calls);
		s->watched_calls += calls;
		r->watched_kind = r->watched_kind == KIND_ABSENT ?
					  f->watched_kind :
					  kind_sum(r->watched_kind, f->watched_kind);
	}
	if (f->calls) {
		r->scans_kind = kind_sum(r->scans_kind, f->scans_kind);
		r->wasted_kind = kind_sum(r->wasted_kind, f->wasted_kind);
		r->called = true;
	}
	r->scans += f->scans;
	r->wasted += f->wasted;
	r->wakeups += f->wakeups;
	r->empty += f->wakeups_empty;
	r->awake += f->awake_ns / 1e9;
	for (int i = 0; i < HISTOGRAM_BUCKETS; i++)
		s->latency.buckets[i] += f->latency.histogram.buckets[i];
	if (f->latency.max > s->latency_max)
		s->latency_max = f->latency.max;
}

static void sum_add_chain(struct sum *s, const struct chain_figures *f)
{
	const uint64_t max = f->work.max;

	if (!f->turns)
		return;
	s->row.worked = true;
	s->row.work_p99_ns = histogram_quantile(&f->work.histogram, 0.99, max);
	s->row.work_max_ns = max;
	s->row.switches = f->switches[0] + f->switches[1];
}

/* Wakes are told by process: of one whose threads are told apart, each has them all. */
static void sum_add_waker(struct sum *s, const struct waker_figures *w)
{
	s->wakes += w->wakes;
	if (s->row.woken && w->wakes <= s->row.woken_by.wakes)
		return;
	s->row.woken = true;
	s->row.woken_by = *w;
}

static void sum_finish(struct sum *s, double seconds)
{
	struct top_row *r = &s->row;

	if (seconds > 0) {
		r->calls /= seconds;
		r->scans /= seconds;
		r->wasted /= seconds;
		r->wakeups /= seconds;
		r->empty /= seconds;
		r->awake /= seconds;
		r->switches /= seconds;
	}
	r->p99_ns = histogram_quantile(&s->latency, 0.99, s->latency_max);
	if (r->woken)
		r->woken_share = r->woken_by.wakes / s->wakes;
}

static int waker_order(const void *a, const void *b)
{
	const struct waker_figures *x = *(const struct waker_figures *const *)a;
	const struct waker_figures *y = *(const struct waker_figures *const *)b;

	if (x->key.woken != y->key.woken)
		return x->key.woken < y->key.woken ? -1 : 1;
	return (x->key.woken_start_ns > y->key.woken_start_ns) -
	       (x->key.woken_start_ns < y->key.woken_start_ns);
}

static int sums_add_wakers(struct sum *sums, const struct top_input *in)
{
	const struct waker_figures **sorted = malloc((in->wakers_nr + 1) * sizeof(*sorted));

	if (!sorted)
		return -ENOMEM;
	for (int i = 0; i < in->wakers_nr; i++)
		sorted[i] = &in->wakers[i];
	qsort(sorted, in->wakers_nr, sizeof(*sorted), waker_order);
	for (struct sum *s = sums; s; s = s->hh.next) {
		int low = 0, high = in->wakers_nr;

		/* The first of this process. */
		while (low < high) {
			const int middle = (low + high) / 2;
			const struct waker_key *key = &sorted[middle]->key;

			if (key->woken < s->key.tgid || (key->woken == s->key.tgid &&
							 key->woken_start_ns < s->key.start_ns))
				low = middle + 1;
			else
				high = middle;
		}
		for (; low < in->wakers_nr && sorted[low]->key.woken == s->key.tgid &&
		       sorted[low]->key.woken_start_ns == s->key.start_ns;
		     low++)
			sum_add_waker(s, sorted[low]);
	}
	free(sorted);
	return 0;
}

static void sums_free(struct sum *sums)
{
	struct sum *s, *next;

	HASH_ITER(hh, sums, s, next) {
		HASH_DEL(sums, s);
		free(s);
	}
}

int model_top_rows(const struct top_input *in, struct top_row **rows, struct err *err)
{
	struct sum *sums = NULL;
	int n = 0, ret = 0;

	*rows = NULL;
	for (int i = 0; i < in->waits_nr && !ret; i++) {
		const struct wait_figures *f = &in->waits[i];
		struct sum *s = sum_get(&sums, f->tgid, f->start_ns, f->tid,
					f->tid ? f->thread_comm : f->comm);

		if (s)
			sum_add_wait(s, f);
		else
			ret = -ENOMEM;
	}
	for (int i = 0; i < in->chains_nr && !ret; i++) {
		const struct chain_figures *f = &in->chains[i];
		struct sum *s = sum_get(&sums, f->tgid, f->start_ns, f->tid,
					f->tid ? f->thread_comm : f->comm);

		if (s)
			sum_add_chain(s, f);
		else
			ret = -ENOMEM;
	}
	if (!ret)
		ret = sums_add_wakers(sums, in);
	if (!ret) {
		*rows = calloc(HASH_COUNT(sums) + 1, sizeof(**rows));
		if (!*rows)
			ret = -ENOMEM;
	}
	for (struct sum *s = sums; s && !ret; s = s->hh.next) {
		sum_finish(s, in->seconds);
		(*rows)[n++] = s->row;
	}
	sums_free(sums);
	return ret ? err_set(err, ret, "out of memory: use a filter to trace less") : n;
}

/* What a row is sorted by; below zero where it has no such figure. */
static double key_of(const struct top_row *r, enum top_key key)
{
	switch (key) {
	case TOP_WASTE:
		return r->called ? r->wasted : -1;
	case TOP_WAKEUPS:
		return r->wakeups;
	case TOP_EMPTY:
		return r->wakeups ? r->empty : -1;
	case TOP_LAG:
		return r->worked ? (double)r->work_max_ns : -1;
	case TOP_CALLS:
		return r->calls;
	case TOP_AWAKE:
	case TOP_KEYS:
		break;
	}
	return r->awake;
}

struct order {
	enum top_key key;
	bool reverse;
};

static int by_key(const void *a, const void *b, void *arg)
{
	const struct order *order = arg;
	const struct top_row *x = a, *y = b;
	const double kx = key_of(x, order->key), ky = key_of(y, order->key);

	if ((kx < 0) != (ky < 0))
		return kx < 0 ? 1 : -1;
	if (kx != ky)
		return (kx < ky) != order->reverse ? 1 : -1;
	if (x->awake != y->awake)
		return x->awake < y->awake ? 1 : -1;
	if (x->tgid != y->tgid)
		return x->tgid < y->tgid ? -1 : 1;
	if (x->start_ns != y->start_ns)
		return x->start_ns < y->start_ns ? -1 : 1;
	return (x->tid > y->tid) - (x->tid < y->tid);
}

void model_top_sort(struct top_row *rows, int nr, enum top_key key, bool reverse)
{
	struct order order = { key, reverse };

	qsort_r(rows, nr, sizeof(*rows), by_key, &order);
}

bool model_top_same(const struct top_row *a, const struct top_row *b)
{
	return a->tgid == b->tgid && a->start_ns == b->start_ns && a->tid == b->tid;
}
