// SPDX-License-Identifier: GPL-2.0-or-later
/* What can be tested with no kernel: numbers, histogram, model, untrusted names. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "histogram.h"
#include "model_wait.h"
#include "parse.h"
#include "report.h"

#include "kselftest_harness.h"

TEST(numbers_are_whole_and_in_range)
{
	static const char *const bad[] = { "", "12abc", "-1", "+1", " 5", "5 ", "0x10", "1e3",
					   "99999999999999999999", "0", "101" };
	struct err err;
	uint32_t n;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		err.text[0] = 0;
		EXPECT_GT(0, parse_u32(bad[i], 1, 100, &n, "the number", &err));
		EXPECT_NE(NULL, strstr(err.text, "the number"));
	}
	EXPECT_EQ(0, parse_u32("1", 1, 100, &n, "the number", &err));
	EXPECT_EQ(1, n);
	EXPECT_EQ(0, parse_u32("100", 1, 100, &n, "the number", &err));
	EXPECT_EQ(100, n);
}

TEST(seconds_may_have_a_point)
{
	static const char *const bad[] = { "", ".", ".5", "-1", "1e3", "0", "0.0001", "nan", "inf",
					   "1 s", "99999999999" };
	struct err err;
	uint64_t ns;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		EXPECT_GT(0, parse_seconds(bad[i], &ns, "it", &err));
	EXPECT_EQ(0, parse_seconds("0.5", &ns, "it", &err));
	EXPECT_EQ(500000000, ns);
	EXPECT_EQ(0, parse_seconds("10", &ns, "it", &err));
	EXPECT_EQ(10000000000, ns);
}

TEST(histogram_buckets_meet_and_are_narrow)
{
	for (unsigned int i = 0; i + 1 < HISTOGRAM_BUCKETS; i++) {
		uint64_t low = histogram_low(i), high = histogram_low(i + 1);

		ASSERT_LT(low, high);
		/* Told by its middle, no value in a bucket is off by more than 1/32. */
		if (low >= 16)
			ASSERT_LE((high - low) * 16, low);
	}
	EXPECT_EQ(UINT64_C(1) << HISTOGRAM_OCTAVES, histogram_low(HISTOGRAM_BUCKETS - 1));
}

TEST(quantiles_have_the_right_rank)
{
	struct histogram h = { { 0 } };

	EXPECT_EQ(0, histogram_quantile(&h, 0.5, 0));
	h.buckets[10] = 99;	/* 10 ns */
	h.buckets[592] = 1;	/* without an end */
	EXPECT_EQ(10, histogram_quantile(&h, 0.5, 5000000000000));
	EXPECT_EQ(10, histogram_quantile(&h, 0.99, 5000000000000));
	EXPECT_EQ(5000000000000, histogram_quantile(&h, 0.999, 5000000000000));
	h.buckets[592] = 0;
	EXPECT_EQ(10, histogram_quantile(&h, 1, 10));
}

/* One thread of process 100 that made @calls polls of 5 fds, one ready each. */
static struct wait_record *record(uint32_t tid, uint64_t calls)
{
	struct wait_record *r = calloc(1, sizeof(*r));

	r->head = (struct record){ .kind = RECORD_WAIT, .size = sizeof(*r), .tgid = 100,
				   .tid = tid, .start_ns = 7, .thread_start_ns = tid,
				   .comm = "server", .thread_comm = "worker" };
	r->syscall = WAIT_poll;
	r->epfd = -1;
	r->row.returned[RETURNED_READY] = calls;
	r->row.watched = r->row.scans = 5 * calls;
	r->row.watched_calls = r->row.passes = r->row.ready = r->row.found = calls;
	r->row.watched_max = 5;
	r->row.total_ns = 1000 * calls;
	r->row.max_ns = 1000;
	r->row.histogram[112] = calls;
	return r;
}

static uint64_t calls_of(struct model_wait *m, bool interval)
{
	struct wait_figures *f;
	struct err err;
	int n = model_wait_figures(m, interval, &f, &err);
	uint64_t calls = 0;

	for (int i = 0; i < n; i++)
		calls += f[i].calls;
	free(f);
	return calls;
}

TEST(a_thread_is_counted_once_over_its_life)
{
	struct model_wait *m = model_wait_new(false);
	struct wait_record *a = record(100, 10), *b = record(101, 3), *more = record(100, 25);
	struct wait_figures *f;
	struct err err;

	/* First snapshot: both live. Rows only grow, so a second replaces the first. */
	model_wait_begin(m);
	model_wait_living(&a->head, m);
	model_wait_living(&b->head, m);
	EXPECT_EQ(13, calls_of(m, true));
	model_wait_ended(&b->head, m);
	model_wait_begin(m);
	model_wait_living(&more->head, m);
	EXPECT_EQ(28, calls_of(m, false));
	EXPECT_EQ(15, calls_of(m, true));
	EXPECT_EQ(0, calls_of(m, true));

	ASSERT_EQ(1, model_wait_figures(m, false, &f, &err));
	EXPECT_EQ(KIND_DERIVED, f->scans_kind);
	EXPECT_EQ(28 * 5, f->scans);
	EXPECT_EQ(28 * 4, f->wasted);
	EXPECT_EQ(28000, f->awake_ns);
	EXPECT_EQ(KIND_EXACT, f->watched_kind);
	EXPECT_EQ(5, f->watched_max);
	free(f);
	model_wait_free(m);
	free(a);
	free(b);
	free(more);
}

TEST(threads_are_told_apart_on_request)
{
	struct model_wait *m = model_wait_new(true);
	struct wait_record *a = record(100, 10), *b = record(101, 3);
	struct wait_figures *f;
	struct err err;

	model_wait_begin(m);
	model_wait_living(&a->head, m);
	model_wait_living(&b->head, m);
	ASSERT_EQ(2, model_wait_figures(m, false, &f, &err));
	EXPECT_EQ(100, f[0].tid);
	EXPECT_EQ(101, f[1].tid);
	free(f);
	model_wait_free(m);
	free(a);
	free(b);
}

TEST(what_is_not_known_is_not_called_exact)
{
	struct model_wait *m = model_wait_new(false);
	struct wait_record *r = record(100, 10);
	struct wait_figures *f;
	struct err err;

	/* Of two calls the watched set could not be read. */
	r->row.watched_calls = 8;
	r->row.exact_calls = 9;
	r->row.exact_scans = 45;
	r->row.exact_derived = 45;
	model_wait_ended(&r->head, m);
	ASSERT_EQ(1, model_wait_figures(m, false, &f, &err));
	EXPECT_EQ(KIND_LOWER_BOUND, f->watched_kind);
	EXPECT_EQ(KIND_LOWER_BOUND, f->scans_kind);
	free(f);
	/* Once every call was counted scan by scan, the sum is exact. */
	model_wait_free(m);
	m = model_wait_new(false);
	r->row.exact_calls = 10;
	r->row.exact_scans = 51;
	model_wait_ended(&r->head, m);
	ASSERT_EQ(1, model_wait_figures(m, false, &f, &err));
	EXPECT_EQ(KIND_EXACT, f->scans_kind);
	EXPECT_EQ(51, f->scans);
	free(f);
	model_wait_free(m);
	free(r);
}

TEST(names_cannot_move_the_cursor)
{
	char to[4 * 16 + 1];

	EXPECT_STREQ("nginx: worker", text_clean(to, "nginx: worker"));
	EXPECT_STREQ("\\x1b[2J\\x0a\\xff", text_clean(to, "\033[2J\n\377"));
	EXPECT_STREQ("a\\x5cb", text_clean(to, "a\\b"));
}

TEST_HARNESS_MAIN
