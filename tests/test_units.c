// SPDX-License-Identifier: GPL-2.0-or-later
/* What can be tested with no kernel: numbers, histogram, model, untrusted names. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>

#include "histogram.h"
#include "interest.h"
#include "model_chain.h"
#include "model_herd.h"
#include "model_item.h"
#include "model_top.h"
#include "model_snapshot.h"
#include "model_tcp.h"
#include "model_wait.h"
#include "netstat.h"
#include "parse.h"
#include "report.h"
#include "report_top.h"
#include "report_snapshot.h"
#include "report_tcp.h"
#include "screen_top.h"

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

TEST(a_value_falls_into_its_bucket)
{
	for (unsigned int i = 0; i < HISTOGRAM_BUCKETS; i++) {
		uint64_t low = histogram_low(i);
		uint64_t last = i + 1 < HISTOGRAM_BUCKETS ? histogram_low(i + 1) - 1 : UINT64_MAX;
		struct histogram h = { { 0 } };

		histogram_add(&h, low);
		histogram_add(&h, last);
		ASSERT_EQ(2, h.buckets[i]);
	}
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

TEST(chains_are_told_once_and_their_parts_sum_up)
{
	struct model_chain *m = model_chain_new(false);
	struct chain_record *r = calloc(1, sizeof(*r));
	struct waker_key key = { .woken = 100, .waker = 5, .context = CONTEXT_SOFTIRQ };
	struct waker waker = { .wakes = 8, .comm = "client" };
	struct chain_figures *f;
	struct waker_figures *w;
	struct err err;

	r->head = (struct record){ .kind = RECORD_CHAIN, .size = sizeof(*r), .tgid = 100,
				   .tid = 101, .start_ns = 7, .thread_start_ns = 9,
				   .comm = "server", .thread_comm = "worker" };
	r->row.calls = 4;
	for (int part = 0; part < CHAIN_NR; part++) {
		r->row.sum_ns[part] = 4 * 1000 * (part + 1);
		r->row.max_ns[part] = 1000 * (part + 1);
		r->row.histogram[part][112] = 4;
	}
	model_chain_begin(m);
	model_chain_living(&r->head, m);
	model_chain_waker(&key, &waker, m);
	ASSERT_EQ(1, model_chain_figures(m, true, &f, &err));
	EXPECT_EQ(4, f->calls);
	EXPECT_EQ(24000, f->parts[CHAIN_WOKEN].sum + f->parts[CHAIN_RUNNING].sum +
				 f->parts[CHAIN_RETURNED].sum);
	free(f);
	ASSERT_EQ(1, model_chain_wakers(m, true, &w, &err));
	EXPECT_EQ(8, w->wakes);
	free(w);

	/* It ends: its last word replaces what was told of it living. */
	r->row.calls = 5;
	model_chain_ended(&r->head, m);
	model_chain_begin(m);
	waker.wakes = 11;
	model_chain_waker(&key, &waker, m);
	ASSERT_EQ(1, model_chain_figures(m, true, &f, &err));
	EXPECT_EQ(1, f->calls);
	free(f);
	ASSERT_EQ(1, model_chain_wakers(m, true, &w, &err));
	EXPECT_EQ(3, w->wakes);
	free(w);
	EXPECT_EQ(0, model_chain_wakers(m, true, &w, &err));
	free(w);
	ASSERT_EQ(1, model_chain_figures(m, false, &f, &err));
	EXPECT_EQ(5, f->calls);
	free(f);
	free(r);
	model_chain_free(m);
}

/* A file as the kernel has it: met in process 100, first woke its thread 101. */
static struct watch_record file_make(uint64_t id, uint64_t events, uint64_t woken, bool others)
{
	struct watch_record r = { .head = { .kind = RECORD_FILE, .size = sizeof(r) } };

	r.file = (struct file_row){ .id = id, .start_ns = 7, .ino = 40 + id, .tgid = 100, .fd = 5,
				    .mode = 0140000, .events = events, .herd = { woken, woken },
				    .first_thread_start_ns = 9, .first_start_ns = 7,
				    .first_tgid = 100, .first_tid = 101, .others = others };
	return r;
}

TEST(herds_are_shared_out_among_their_members)
{
	struct model_herd *m = model_herd_new();
	struct watch_record file = file_make(1, 10, 30, true);
	struct watch_record other = { .head = { .kind = RECORD_HERD, .size = sizeof(other) } };
	struct herd_figures *f;
	struct err err;
	int n;

	other.herd = (struct herd_row){ .file_id = 1, .thread_start_ns = 10, .start_ns = 7,
					.tgid = 100, .tid = 102, .herd = { 20, 5, 15 } };
	model_herd_begin(m);
	model_herd_living(&file.head, m);
	model_herd_living(&other.head, m);
	model_herd_watcher(m, 41, 0);
	n = model_herd_figures(m, true, &f, &err);
	ASSERT_EQ(1, n);
	ASSERT_EQ(2, f->members_nr);
	/* The first has what the other leaves. */
	EXPECT_EQ(102, f->members[0].tid);
	EXPECT_EQ(20, f->members[0].herd[HERD_WOKEN]);
	EXPECT_EQ(101, f->members[1].tid);
	EXPECT_EQ(10, f->members[1].herd[HERD_WOKEN]);
	EXPECT_EQ(25, f->members[1].herd[HERD_SERVED]);
	EXPECT_EQ(1, f->watchers);
	model_herd_figures_free(f, n);

	/* It is closed, and keeps its row and members; the next interval has the rest. */
	file.file.events = 11;
	file.file.herd[HERD_WOKEN] = 31;
	model_herd_ended(&file.head, m);
	n = model_herd_figures(m, true, &f, &err);
	ASSERT_EQ(1, n);
	EXPECT_EQ(0, f->closed);
	EXPECT_EQ(1, f->file.events);
	EXPECT_EQ(1, f->file.herd[HERD_WOKEN]);
	model_herd_figures_free(f, n);
	n = model_herd_figures(m, true, &f, &err);
	EXPECT_EQ(0, n);
	model_herd_figures_free(f, n);
	model_herd_free(m);
}

TEST(closed_files_are_summed_up_beyond_a_thousand)
{
	struct model_herd *m = model_herd_new();
	struct herd_figures *f;
	uint64_t files = 0, events = 0;
	struct err err;
	int n;

	model_herd_begin(m);
	for (uint64_t id = 1; id <= 3000; id++) {
		struct watch_record file = file_make(id, 2, 1, false);

		/* As many a living one before. */
		if (id % 2)
			model_herd_living(&file.head, m);
		model_herd_ended(&file.head, m);
	}
	n = model_herd_figures(m, false, &f, &err);
	EXPECT_EQ(1025, n);
	for (int i = 0; i < n; i++) {
		files += f[i].closed ? f[i].closed : 1;
		events += f[i].file.events;
		EXPECT_EQ(100, f[i].file.tgid);
	}
	EXPECT_EQ(3000, files);
	EXPECT_EQ(6000, events);
	model_herd_figures_free(f, n);
	model_herd_free(m);
}

TEST(items_are_told_once_and_by_epoll)
{
	struct model_item *m = model_item_new();
	struct watch_record r = { .head = { .kind = RECORD_ITEM, .size = sizeof(r) } };
	struct watch_record file = file_make(3, 0, 0, false);
	struct epoll_figures *e;
	struct item_figures *f;
	struct err err;

	r.item = (struct item_row){ .file_id = 3, .start_ns = 7, .tgid = 100, .epfd = 4, .fd = 5,
				    .events = EPOLLIN, .notified = 1, .scans = 10, .repolls = 9,
				    .stale = 2, .reported = 8, .unserved = 7, .changes = 1 };
	model_item_begin(m);
	model_item_living(&file.head, m);
	model_item_living(&r.head, m);
	model_item_interest(m, 100, 7, 4, 5, EPOLLIN);
	model_item_interest(m, 100, 7, 4, 6, EPOLLIN | EPOLLET);
	ASSERT_EQ(1, model_item_epolls(m, true, &e, &err));
	EXPECT_EQ(2, e->items);
	EXPECT_EQ(1, e->never);
	EXPECT_EQ(10, e->sum.scans);
	free(e);
	ASSERT_EQ(2, model_item_figures(m, true, &f, &err));
	EXPECT_EQ(5, f[0].item.fd);
	EXPECT_EQ(10, f[0].item.scans);
	EXPECT_EQ(true, f[0].name_known);
	EXPECT_EQ(6, f[1].item.fd);
	EXPECT_EQ(0, f[1].item.scans);
	EXPECT_EQ(true, f[1].listed);
	free(f);

	/* Another file under the same fd: its last word, and what it has now. */
	r.item.scans = 12;
	model_item_ended(&r.head, m);
	model_item_begin(m);
	r.item = (struct item_row){ .file_id = 4, .start_ns = 7, .tgid = 100, .epfd = 4, .fd = 5,
				    .scans = 3 };
	model_item_living(&r.head, m);
	ASSERT_EQ(1, model_item_epolls(m, true, &e, &err));
	EXPECT_EQ(5, e->sum.scans);
	EXPECT_EQ(0, e->items);
	free(e);
	ASSERT_EQ(1, model_item_figures(m, true, &f, &err));
	EXPECT_EQ(5, f->item.scans);
	free(f);
	ASSERT_EQ(1, model_item_figures(m, false, &f, &err));
	EXPECT_EQ(15, f->item.scans);
	free(f);
	model_item_free(m);
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

/* The figures of a process that made @calls calls of 10 fds in an interval, 9 for nothing. */
static struct wait_figures figures(uint32_t tgid, enum wait_syscall syscall, uint64_t calls)
{
	struct wait_figures f = { .tgid = tgid, .start_ns = 7, .comm = "server",
				  .syscall = syscall, .calls = calls,
				  .watched_kind = KIND_EXACT, .watched_mean = 10,
				  .scans_kind = KIND_DERIVED, .scans = 10 * calls,
				  .wasted_kind = KIND_DERIVED, .wasted = 9 * calls,
				  .wakeups = calls, .wakeups_empty = calls / 2,
				  .awake_ns = 1000 * calls };

	f.latency.histogram.buckets[112] = calls;
	f.latency.sum = f.latency.max = 1000;
	return f;
}

TEST(rates_are_of_the_process_and_of_a_second)
{
	struct wait_figures waits[] = { figures(100, WAIT_poll, 300), figures(100, WAIT_select, 100),
					figures(100, WAIT_epoll_ctl, 5000),
					figures(200, WAIT_epoll_wait, 0) };
	struct chain_figures chain = { .tgid = 100, .start_ns = 7, .turns = 400,
				       .switches = { 30, 10 } };
	struct waker_figures wakers[] = {
		{ .key = { .woken = 100, .woken_start_ns = 7, .waker = 5 }, "rare", 10 },
		{ .key = { .woken = 100, .woken_start_ns = 7, .waker = 6 }, "frequent", 30 },
		{ .key = { .woken = 100, .woken_start_ns = 8, .waker = 7 }, "of another", 99 },
	};
	struct top_input in = { waits, 4, &chain, 1, wakers, 3, 2 };
	struct top_row *rows;
	struct err err;

	chain.work.histogram.buckets[112] = 400;
	chain.work.max = 5000;
	waits[1].watched_mean = 50;
	waits[1].scans_kind = KIND_LOWER_BOUND;
	waits[3].watched_kind = KIND_ABSENT;
	waits[3].open = 1;
	ASSERT_EQ(2, model_top_rows(&in, &rows, &err));
	model_top_sort(rows, 2, TOP_CALLS, false);
	EXPECT_EQ(100, rows[0].tgid);
	/* epoll_ctl is no wait. */
	EXPECT_EQ(200, rows[0].calls);
	EXPECT_EQ(20, rows[0].watched);
	EXPECT_EQ(KIND_EXACT, rows[0].watched_kind);
	EXPECT_EQ(2000, rows[0].scans);
	EXPECT_EQ(KIND_LOWER_BOUND, rows[0].scans_kind);
	EXPECT_EQ(1800, rows[0].wasted);
	EXPECT_EQ(KIND_DERIVED, rows[0].wasted_kind);
	EXPECT_EQ(200, rows[0].wakeups);
	EXPECT_EQ(100, rows[0].empty);
	EXPECT_TRUE(rows[0].called);
	EXPECT_EQ(1000, rows[0].p99_ns);
	EXPECT_TRUE(rows[0].worked);
	EXPECT_LT(0, rows[0].work_p99_ns);
	EXPECT_EQ(5000, rows[0].work_max_ns);
	EXPECT_EQ(20, rows[0].switches);
	EXPECT_TRUE(rows[0].woken);
	EXPECT_STREQ("frequent", rows[0].woken_by.comm);
	EXPECT_EQ(75, (int)(100 * rows[0].woken_share + 0.5));

	/* It waits all the time: there is no call, and no figure of any. */
	EXPECT_EQ(200, rows[1].tgid);
	EXPECT_EQ(0, rows[1].calls);
	EXPECT_EQ(KIND_ABSENT, rows[1].watched_kind);
	EXPECT_FALSE(rows[1].called || rows[1].worked || rows[1].woken);
	free(rows);
}

/* What a person is told, in tables of at most @rows rows; to be freed. */
static char *told_rows(const struct report *report, uint32_t rows)
{
	const struct text_options options = { .rows = rows };
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		abort();
	report_text(out, report, &options);
	fclose(out);
	return text;
}

static char *told_text(const struct report *report)
{
	return told_rows(report, 0);
}

/* The same for a program. */
static char *told_json(const struct report *report)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out || report_json(out, report))
		abort();
	fclose(out);
	return text;
}

/* Calls of which half found nothing, so that there is a finding; and one waker. */
struct woken {
	struct wait_figures wait;
	struct waker_figures waker;
	struct report report;
};

static void woken_set(struct woken *w, enum wake_hook wake, enum wake_context context,
		      uint32_t waker)
{
	memset(w, 0, sizeof(*w));
	w->wait = figures(100, WAIT_epoll_wait, 1000);
	w->wait.scans = 0;
	w->waker = (struct waker_figures){ { .woken = 100, .woken_start_ns = 7, .waker = waker,
					     .context = context }, "client", 10 };
	w->report = (struct report){ .host = "h", .release = "6.1", .plan.wake = wake,
				     .seconds = 1, .chain = true, .waits = &w->wait,
				     .waits_nr = 1, .wakers = &w->waker, .wakers_nr = 1 };
}

TEST(a_waker_is_named_no_further_than_is_known)
{
	static const struct {
		enum wake_hook wake;
		enum wake_context context;
		uint32_t waker;
		const char *told;
	} cases[] = {
		{ WAKE_FENTRY, CONTEXT_PROCESS, 5,
		  "; 100 % of its wakes (softirq 0 %) came from client (5).\n" },
		{ WAKE_FENTRY, CONTEXT_SOFTIRQ, 5,
		  "; 100 % of its wakes (softirq 100 %) came while client (5) was on the CPU.\n" },
		{ WAKE_WAKING, CONTEXT_UNKNOWN, 5,
		  "; 100 % of its wakes came while client (5) was on the CPU, time-outs included.\n" },
		{ WAKE_WAKING, CONTEXT_UNKNOWN, 0,
		  "; 100 % of its wakes came from an interrupt on an idle CPU, time-outs included.\n" },
	};
	struct woken w;
	char *text;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		woken_set(&w, cases[i].wake, cases[i].context, cases[i].waker);
		text = told_text(&w.report);
		EXPECT_NE(NULL, strstr(text, cases[i].told)) TH_LOG("%s", text);
		free(text);
	}
	/* It only times out, which tracepoints take for wakes. */
	w.wait.wakeups = w.wait.wakeups_empty = 0;
	w.wait.returned[RETURNED_TIMEOUT] = 1000;
	text = told_text(&w.report);
	EXPECT_NE(NULL, strstr(text, "came back with nothing ready, 1000 a second.\n"))
		TH_LOG("%s", text);
	free(text);
}

TEST(a_loop_that_never_sleeps_is_told)
{
	struct woken w;
	char *text;

	woken_set(&w, WAKE_WAKING, CONTEXT_UNKNOWN, 5);
	w.wait.calls = w.wait.returned[RETURNED_READY] = w.wait.ready = 136632;
	w.wait.wakeups = w.wait.wakeups_empty = 0;
	w.wait.latency.sum = 100000000;
	w.report.seconds = 0.5;
	text = told_text(&w.report);
	EXPECT_NE(NULL, strstr(text, "server (100), epoll_wait: 136,632 calls, 273,264 a second, "
				     "never slept: each came back at once with something ready "
				     "(ioready snapshot tells with what).\n"))
		TH_LOG("%s", text);
	EXPECT_EQ(NULL, strstr(text, "No waste"));
	free(text);
	/* What is busy and sleeps is no waste, nor what comes by less often. */
	w.wait.asleep_ns = 20000000;
	text = told_text(&w.report);
	EXPECT_NE(NULL, strstr(text, "No waste was seen. Busiest: server (100)"));
	free(text);
	w.wait.asleep_ns = 0;
	w.report.seconds = 20;
	text = told_text(&w.report);
	EXPECT_NE(NULL, strstr(text, "No waste was seen. Busiest: server (100)"));
	free(text);
}

TEST(a_thread_is_named_where_threads_are_told_apart)
{
	struct chain_figures chain = { .tgid = 100, .start_ns = 7, .comm = "server", .tid = 101,
				       .thread_comm = "worker", .turns = 4,
				       .switches = { 6, 1 } };
	char *text, *json;
	struct woken w;

	woken_set(&w, WAKE_FENTRY, CONTEXT_PROCESS, 5);
	w.wait.tid = 101;
	chain.work.max = 200000000;
	w.report.chains = &chain;
	w.report.chains_nr = 1;
	text = told_text(&w.report);
	EXPECT_NE(NULL, strstr(text, "server (100), epoll_wait: "));
	EXPECT_NE(NULL, strstr(text, "server (100): up to "));
	free(text);
	w.report.threads = true;
	text = told_text(&w.report);
	EXPECT_NE(NULL, strstr(text, "server (100), thread 101, epoll_wait: ")) TH_LOG("%s", text);
	EXPECT_NE(NULL, strstr(text, "server (100), thread 101: up to ")) TH_LOG("%s", text);
	/* Six switches because it blocked and one because it was preempted, in four turns. */
	EXPECT_NE(NULL, strstr(text, " 1.50+0.25 ")) TH_LOG("%s", text);
	free(text);

	json = told_json(&w.report);
	EXPECT_NE(NULL, strstr(json, "\"thread_comm\":\"worker\"")) TH_LOG("%s", json);
	free(json);
}

TEST(a_table_says_what_it_leaves_out)
{
	struct chain_figures chains[3] = { { .tgid = 100 }, { .tgid = 101 }, { .tgid = 102 } };
	struct report report = { .host = "h", .release = "6.1", .seconds = 1, .chain = true,
				 .chains = chains, .chains_nr = 3 };
	char *text = told_rows(&report, 1);

	EXPECT_NE(NULL, strstr(text, "    ... 2 more (--rows=0 shows all)\n")) TH_LOG("%s", text);
	EXPECT_EQ(NULL, strstr(text, "    101 "));
	free(text);
	text = told_text(&report);
	EXPECT_EQ(NULL, strstr(text, "more"));
	free(text);
}

TEST(what_was_never_scanned_has_no_share_wasted)
{
	struct woken w;
	char *text;

	woken_set(&w, WAKE_FENTRY, CONTEXT_PROCESS, 5);
	w.wait.wasted = 0;
	w.wait.scans_kind = w.wait.wasted_kind = KIND_LOWER_BOUND;
	text = told_text(&w.report);
	EXPECT_NE(NULL, strstr(text, " >=0       - ")) TH_LOG("%s", text);
	free(text);
}

TEST(items_have_the_keys_of_a_snapshot)
{
	struct item_figures items[] = {
		{ .item = { .events = EPOLLIN | EPOLLOUT | EPOLLERR | EPOLLHUP | EPOLLET } },
		{ .item = { .events = EPOLLPRI } },
	};
	const struct report report = { .host = "h", .release = "6.1", .items = true,
				       .items_had = true, .item_rows = items, .items_nr = 2 };
	char *json = told_json(&report);

	EXPECT_NE(NULL, strstr(json, "\"asked\":[\"IN\",\"OUT\"],\"trigger\":\"edge\""))
		TH_LOG("%s", json);
	EXPECT_NE(NULL, strstr(json, "\"asked\":[\"PRI\"],\"trigger\":\"level\""))
		TH_LOG("%s", json);
	free(json);
}

TEST(a_file_has_the_name_of_its_own_process)
{
	struct herd_member members[] = {
		{ .tgid = 300, .start_ns = 9, .comm = "other", .tid = 300, .herd = { 30 } },
		{ .tgid = 100, .start_ns = 7, .comm = "first", .tid = 100, .herd = { 10 } },
	};
	struct herd_figures herd = { .members = members, .members_nr = 2 };
	struct report report = { .host = "h", .release = "6.1", .seconds = 1, .herd = true,
				 .herd_had = true, .herds = &herd, .herds_nr = 1 };
	static const struct {
		uint64_t start_ns;
		const char *finding, *row;
	} cases[] = {
		{ 7, "first (100), pipe: ready 20 times", "    100 first     " },
		/* Of another process of that pid nobody was woken. */
		{ 8, "? (100), pipe: ready 20 times", "    100 ?     " },
	};
	char *text;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		herd.file = (struct file_row){ .tgid = 100, .start_ns = cases[i].start_ns, .fd = 5,
					       .mode = 0010000, .events = 20, .herd = { 40 } };
		text = told_text(&report);
		EXPECT_NE(NULL, strstr(text, cases[i].finding)) TH_LOG("%s", text);
		EXPECT_NE(NULL, strstr(text, cases[i].row)) TH_LOG("%s", text);
		free(text);
	}
}

TEST(rows_are_in_order_and_keep_their_places)
{
	struct top_row rows[] = {
		{ .tgid = 4, .calls = 5, .awake = 0.1, .called = true, .wasted = 7 },
		{ .tgid = 3, .calls = 5, .awake = 0.1, .called = true, .wasted = 7 },
		{ .tgid = 2, .calls = 9, .worked = true, .work_max_ns = 10, .wakeups = 1 },
		{ .tgid = 1, .calls = 5, .awake = 0.2, .worked = true, .work_max_ns = 20 },
	};
	static const struct {
		enum top_key key;
		bool reverse;
		uint32_t tgids[4];
	} orders[] = {
		{ TOP_CALLS, false, { 2, 1, 3, 4 } },
		{ TOP_CALLS, true, { 1, 3, 4, 2 } },
		{ TOP_AWAKE, false, { 1, 3, 4, 2 } },
		{ TOP_WAKEUPS, false, { 2, 1, 3, 4 } },
		/* Without a figure: last, whichever way. */
		{ TOP_LAG, false, { 1, 2, 3, 4 } },
		{ TOP_LAG, true, { 2, 1, 3, 4 } },
		{ TOP_WASTE, false, { 3, 4, 1, 2 } },
		{ TOP_EMPTY, true, { 2, 1, 3, 4 } },
	};

	for (size_t i = 0; i < ARRAY_SIZE(orders); i++) {
		model_top_sort(rows, 4, orders[i].key, orders[i].reverse);
		for (int j = 0; j < 4; j++)
			EXPECT_EQ(orders[i].tgids[j], rows[j].tgid);
	}
}

TEST(sort_keys_have_names)
{
	enum top_key key;
	struct err err;

	for (int i = 0; i < TOP_KEYS; i++) {
		EXPECT_EQ(0, top_key_parse(top_key_name(i), &key, &err));
		EXPECT_EQ(i, key);
	}
	EXPECT_GT(0, top_key_parse("wast", &key, &err));
}

TEST(a_row_fits_its_heads_on_any_screen)
{
	struct top_row row = { .tgid = 4194303, .comm = "\377\377\377\377\377\377\377\377",
			       .calls = 99999, .watched = 99999, .scans = 1.23e9,
			       .scans_kind = KIND_LOWER_BOUND, .wasted = 1.23e9,
			       .wasted_kind = KIND_LOWER_BOUND, .wakeups = 1e5, .empty = 1e5,
			       .awake = 9.999, .called = true, .p99_ns = 999499999,
			       .worked = true, .work_p99_ns = 5, .work_max_ns = 5000000000,
			       .switches = 123456, .woken = true,
			       .woken_by.comm = "\033[2J", .woken_share = 1 };
	char heads[TOP_LINE], cells[TOP_LINE];

	for (int width = 80; width < 160; width++) {
		top_heads(heads, top_columns(width), false);
		top_cells(cells, top_columns(width), &row);
		EXPECT_GE(width, strlen(heads));
		EXPECT_GE(width, strlen(cells));
		EXPECT_EQ(NULL, strchr(cells, '\033'));
	}
	/* That a waker is not sure is seen however long its name is. */
	row.woken_by.key.waker = 4194303;
	memcpy(row.woken_by.comm, "a-rather-long-1", 16);
	top_cells(cells, top_columns(0), &row);
	EXPECT_NE(NULL, strstr(cells, " 100% ?a-rather-long")) TH_LOG("%s", cells);
	row.woken_by.key.context = CONTEXT_PROCESS;
	top_cells(cells, top_columns(0), &row);
	EXPECT_EQ(NULL, strchr(cells, '?')) TH_LOG("%s", cells);
	EXPECT_EQ(top_columns(0), top_columns(1000));
	top_heads(heads, top_columns(0), true);
	EXPECT_EQ(0, strncmp(heads, "    TID", 7));
}

TEST(an_opened_process_shows_its_whole_chain)
{
	const struct top_row row = { .tgid = 100, .start_ns = 7, .comm = "server" };
	struct chain_figures chain = { .tgid = 100, .start_ns = 7, .calls = 1, .served = 1 };
	struct report report = { .plan.wake = WAKE_FENTRY, .seconds = 1, .chain = true,
				 .chains = &chain, .chains_nr = 1 };
	const struct top_process process = { .row = &row, .report = &report, .no_look = "" };
	char *text = NULL;
	size_t size;

	chain.serve.histogram.buckets[10] = 1;
	chain.serve.max = 10;
	for (int i = 0; i < 2; i++) {
		FILE *out = open_memstream(&text, &size);

		ASSERT_NE(NULL, out);
		report_top_process(out, &process, 80);
		fclose(out);
		EXPECT_NE(NULL, strstr(text, i ? "\nreturned to served           -       -" :
						 "\nreturned to served        10ns    10ns"))
			TH_LOG("%s", text);
		free(text);
		chain.served = 0;
	}
}

TEST(a_line_is_cut_between_its_figures)
{
	static const char line[] = "poll 1,234 5.6ms   789us";
	static const char name[] = "a /path/with/no/blank/in/it";
	char to[40];

	EXPECT_STREQ(line, screen_cut(to, line, 24));
	EXPECT_STREQ("poll 1,234 5.6ms      >", screen_cut(to, line, 23));
	EXPECT_STREQ("poll 1,234 5.6ms>", screen_cut(to, line, 17));
	EXPECT_STREQ("poll 1,234     >", screen_cut(to, line, 16));
	EXPECT_STREQ("poll >", screen_cut(to, line, 6));
	EXPECT_STREQ(">", screen_cut(to, line, 1));
	/* A name is no figure: its beginning helps. */
	EXPECT_STREQ("a /path/with/no/blank/>", screen_cut(to, name, 23));
}

TEST(what_ended_is_forgotten_and_nothing_else)
{
	struct model_wait *m = model_wait_new(true);
	struct wait_record *a = record(100, 10), *b = record(101, 3);

	model_wait_begin(m);
	model_wait_living(&a->head, m);
	model_wait_ended(&b->head, m);
	EXPECT_EQ(13, calls_of(m, true));
	model_wait_forget(m);
	a->row.returned[RETURNED_READY] = 12;
	model_wait_begin(m);
	model_wait_living(&a->head, m);
	EXPECT_EQ(12, calls_of(m, false));
	EXPECT_EQ(2, calls_of(m, true));
	model_wait_free(m);
	free(a);
	free(b);
}

static void count_forgotten(const struct waker_key *key, void *arg)
{
	*(uint32_t *)arg += key->woken;
}

TEST(idle_wakers_are_forgotten)
{
	struct model_chain *m = model_chain_new(false);
	struct waker_key busy = { .woken = 100, .waker = 5 }, idle = { .woken = 101, .waker = 5 };
	struct waker waker = { .wakes = 8, .comm = "client" };
	struct waker_figures *w;
	uint32_t forgotten = 0;
	struct err err;

	model_chain_waker(&busy, &waker, m);
	model_chain_waker(&idle, &waker, m);
	EXPECT_EQ(2, model_chain_wakers(m, true, &w, &err));
	free(w);
	model_chain_forget(m, count_forgotten, &forgotten);
	EXPECT_EQ(0, forgotten);
	waker.wakes = 9;
	model_chain_waker(&busy, &waker, m);
	ASSERT_EQ(1, model_chain_wakers(m, true, &w, &err));
	EXPECT_EQ(1, w->wakes);
	free(w);
	model_chain_forget(m, count_forgotten, &forgotten);
	EXPECT_EQ(101, forgotten);
	/* Its next wake begins anew. */
	waker.wakes = 1;
	model_chain_waker(&idle, &waker, m);
	ASSERT_EQ(1, model_chain_wakers(m, true, &w, &err));
	EXPECT_EQ(1, w->wakes);
	free(w);
	model_chain_free(m);
}

TEST(the_largest_loss_has_a_name)
{
	struct losses losses = { .count[LOSS_BEGUN_BEFORE] = 9 };

	EXPECT_EQ(NULL, losses_most(&losses));
	losses.count[LOSS_FAULT] = 3;
	losses.nested = 2;
	EXPECT_STREQ("fault", losses_most(&losses));
	losses.nested = 4;
	EXPECT_STREQ("nested", losses_most(&losses));
}

TEST(names_cannot_move_the_cursor)
{
	char to[4 * 16 + 1];

	EXPECT_STREQ("nginx: worker", text_clean(to, "nginx: worker"));
	EXPECT_STREQ("\\x1b[2J\\x0a\\xff", text_clean(to, "\033[2J\n\377"));
	EXPECT_STREQ("a\\x5cb", text_clean(to, "a\\b"));
}

TEST(interest_lists_are_the_kernels)
{
	struct interest item;

	EXPECT_TRUE(interest_parse("tfd:        5 events: 80000019 data: ffffffff00000005  pos:0 "
				   "ino:3f7a1 sdev:9\n", &item));
	EXPECT_EQ(5, item.fd);
	EXPECT_EQ(0x80000019, item.events);
	EXPECT_EQ(0xffffffff00000005, item.data);
	EXPECT_EQ(0x3f7a1, item.ino);
	EXPECT_EQ(9, item.dev);
	EXPECT_FALSE(interest_parse("pos:\t0\n", &item));
	EXPECT_FALSE(interest_parse("tfd: 5 events: 19 data: 5\n", &item));
}

/* One thread and one watched file, to be varied. */
struct pair {
	struct look look[2];
	struct look_thread thread[2];
	struct watch watch[2];
	struct look_file file[2];
};

static struct snapshot_watch told(struct pair *pair)
{
	struct snapshot_process p;
	struct snapshot_watch w;

	if (model_snapshot(&pair->look[0], &pair->look[1], true, &p, NULL))
		abort();
	w = p.watches[0];
	model_snapshot_free(&p);
	return w;
}

static void pair_set(struct pair *pair, uint32_t asked, uint32_t ready, uint32_t known)
{
	memset(pair, 0, sizeof(*pair));
	for (int i = 0; i < 2; i++) {
		pair->thread[i] = (struct look_thread){ .tid = 1, .runs_known = true };
		pair->watch[i] = (struct watch){ MECHANISM_EPOLL, 3, 5, asked, 0, 7, 8 };
		pair->file[i] = (struct look_file){
			.fd = 5, .kind = FILE_SOCKET, .ino = 7, .dev = 8, .name = "socket:[7]",
			.r = { .ready = ready, .known = known | KNOWN_READY } };
		pair->look[i] = (struct look){
			.threads = &pair->thread[i], .threads_nr = 1,
			.watches = &pair->watch[i], .watches_nr = 1,
			.files = &pair->file[i], .files_nr = 1 };
	}
}

TEST(unserved_is_said_only_of_what_is_sure)
{
	struct snapshot_watch w;
	struct pair p;

	pair_set(&p, EPOLLIN | EPOLLERR | EPOLLHUP, EPOLLIN | EPOLLOUT, 0);
	w = told(&p);
	EXPECT_EQ(EPOLLIN, w.ready);
	EXPECT_EQ(ANSWER_NO, w.stale);
	EXPECT_EQ(ANSWER_YES, w.unserved);
	EXPECT_EQ(WHY_IDLE, w.why);
	p.thread[1].runs = 1;
	w = told(&p);
	EXPECT_EQ(ANSWER_UNKNOWN, w.unserved);
	EXPECT_EQ(WHY_UNSEEN, w.why);
	/* A thread that came or went has run. */
	p.thread[1].runs = 0;
	p.thread[1].tid = 2;
	EXPECT_EQ(WHY_UNSEEN, told(&p).why);
	/* Whether it ran is not known. */
	p.thread[1].tid = 1;
	p.thread[0].runs_known = false;
	EXPECT_EQ(WHY_UNSEEN, told(&p).why);
	/* The file's own count tells, whoever ran. */
	for (int i = 0; i < 2; i++)
		p.file[i].r.known |= KNOWN_TAKEN | KNOWN_PUT;
	p.file[1].r.put = 1;
	EXPECT_EQ(WHY_UNMOVED, told(&p).why);
	p.file[1].r.taken = 1;
	w = told(&p);
	EXPECT_EQ(ANSWER_NO, w.unserved);
	EXPECT_EQ(WHY_MOVED, w.why);
	/* Ready only since the first look; another file by then. */
	p.file[0].r.ready = EPOLLOUT;
	EXPECT_EQ(WHY_NEW, told(&p).why);
	p.file[0].r.ready = EPOLLIN;
	p.file[0].name = "socket:[6]";
	EXPECT_EQ(WHY_NO_FIRST, told(&p).why);
	p.file[1].r.ready = 0;
	EXPECT_EQ(WHY_NOT_READY, told(&p).why);
	/* What is not known is not zero. */
	p.file[1].r.known &= ~KNOWN_READY;
	w = told(&p);
	EXPECT_EQ(READY_REFUSED, w.no_ready);
	EXPECT_EQ(ANSWER_UNKNOWN, w.unserved);
}

TEST(edges_and_items_are_told_apart)
{
	struct item_record items[] = { { FILE_RECORD_ITEM, 5, 5, 0, 99 },
				       { FILE_RECORD_ITEM, 9, 5, 1, 99 } };
	struct look_file files[2][2];
	struct snapshot_watch w;
	struct pair p;

	/* A writable edge is nothing to serve; a writable level is. */
	pair_set(&p, EPOLLOUT | EPOLLET, EPOLLOUT, KNOWN_PUT);
	EXPECT_EQ(WHY_WRITABLE, told(&p).why);
	pair_set(&p, EPOLLOUT, EPOLLOUT, KNOWN_PUT);
	EXPECT_EQ(WHY_UNMOVED, told(&p).why);
	/* Disarmed, an item asks for nothing. */
	pair_set(&p, EPOLLONESHOT, EPOLLIN | EPOLLHUP, 0);
	w = told(&p);
	EXPECT_TRUE(w.disarmed);
	EXPECT_EQ(0, w.ready);
	EXPECT_EQ(ANSWER_NO, w.unserved);
	/* By the inode, if nothing better is known. */
	pair_set(&p, EPOLLIN, EPOLLIN, 0);
	p.watch[1].ino = 6;
	w = told(&p);
	EXPECT_EQ(ANSWER_YES, w.stale);
	EXPECT_EQ(READY_NOT_OPEN, w.no_ready);

	/* By the iterator's items: the file that is open is watched, and not queued. */
	pair_set(&p, EPOLLIN | EPOLLET, EPOLLIN, KNOWN_ITEMS | KNOWN_TAKEN);
	for (int i = 0; i < 2; i++) {
		files[i][0] = (struct look_file){ .fd = 3, .kind = FILE_EPOLL, .name = "",
						  .r.epoll = 99 };
		files[i][1] = p.file[i];
		p.look[i].files = files[i];
		p.look[i].files_nr = 2;
		p.look[i].items = items;
		p.look[i].items_nr = 1;
	}
	w = told(&p);
	EXPECT_EQ(ANSWER_NO, w.stale);
	EXPECT_EQ(ANSWER_NO, w.queued);
	EXPECT_EQ(ANSWER_YES, w.edge_consumed);
	EXPECT_EQ(ANSWER_YES, w.unserved);
	/* ... or only under another fd. */
	p.look[1].items = items + 1;
	w = told(&p);
	EXPECT_EQ(ANSWER_YES, w.stale);
	EXPECT_EQ(9, w.open_as);
	EXPECT_EQ(ANSWER_YES, w.queued);
}

TEST(names_of_sockets_are_clean)
{
	struct file_record r = { .path_size = 4, .path = { 0, 'a', 0, 033 } };
	char text[600];

	EXPECT_STREQ("@a@\\x1b", path_text(text, &r));
	memcpy(r.path, "/x\0y", 4);
	EXPECT_STREQ("/x", path_text(text, &r));
	EXPECT_STREQ("IN|OUT", events_text(text, EPOLLIN | EPOLLRDNORM | EPOLLOUT));
	EXPECT_STREQ("-", events_text(text, 0));
}

/* --- connections --------------------------------------------------------------------- */

#define BEGIN_NS UINT64_C(1000000)
#define END_NS (BEGIN_NS + 1000000)

/* A connection that a peer made to port 80; accepted by process 100, and over. */
static struct tcp_row passive_row(uint64_t cookie)
{
	struct tcp_row row = { .cookie = cookie, .netns_cookie = 1, .netns = 7, .family = AF_INET,
			       .local = { 192, 0, 2, 1 }, .remote = { 198, 51, 100, 9 },
			       .local_port = 80, .remote_port = 40000, .tgid = 100, .tid = 101,
			       .start_ns = 5, .comm = "server", .state = STATE_CLOSE,
			       .flags = TCP_PASSIVE | TCP_OWNED, .closer = CLOSER_REMOTE,
			       .bytes_in = 10, .bytes_out = 1000, .retransmits = 2 };

	row.syn_ns = BEGIN_NS + 100;
	row.synack_ns = BEGIN_NS + 110;
	row.established_ns = BEGIN_NS + 310;
	row.accepted_ns = BEGIN_NS + 5310;
	row.closing_ns = BEGIN_NS + 9000;
	row.ended_ns = row.since_ns = BEGIN_NS + 10310;
	row.state_ns[STATE_ESTABLISHED] = 8690;
	row.state_ns[STATE_CLOSE_WAIT] = 1310;
	return row;
}

/* One that process 200 made to 198.51.100.9:443; over. */
static struct tcp_row active_row(uint64_t cookie)
{
	struct tcp_row row = { .cookie = cookie, .netns_cookie = 1, .netns = 7, .family = AF_INET,
			       .local = { 192, 0, 2, 1 }, .remote = { 198, 51, 100, 9 },
			       .local_port = 50000, .remote_port = 443, .tgid = 200, .tid = 200,
			       .start_ns = 6, .comm = "client", .state = STATE_CLOSE,
			       .flags = TCP_OWNED, .closer = CLOSER_LOCAL };

	row.syn_ns = BEGIN_NS + 50;
	row.synack_ns = row.established_ns = BEGIN_NS + 1050;
	row.ended_ns = row.since_ns = BEGIN_NS + 3050;
	row.state_ns[STATE_SYN_SENT] = 1000;
	row.state_ns[STATE_ESTABLISHED] = 2000;
	return row;
}

static struct listener_record listener(uint64_t cookie, uint32_t tgid, uint64_t drops)
{
	return (struct listener_record){ .kind = TCP_RECORD_LISTENER,
					 .size = sizeof(struct listener_record), .cookie = cookie,
					 .key = { .netns_cookie = 1, .local_port = 80,
						  .family = AF_INET },
					 .comm = "server", .tgid = tgid, .drops = drops,
					 .queue = 3, .queue_max = 128 };
}

TEST(a_passive_handshake_is_told_in_its_parts)
{
	struct model_tcp *m = model_tcp_new(BEGIN_NS, false, false);
	struct tcp_row row = passive_row(1);
	const struct tcp_group *g;
	struct tcp_figures f;
	struct err err;

	model_tcp_ended(&row, m);
	ASSERT_EQ(0, model_tcp_figures(m, END_NS, &f, &err));
	ASSERT_EQ(1, f.groups_nr);
	g = f.groups[0];
	EXPECT_EQ(1, g->key.passive);
	EXPECT_EQ(80, g->key.port);
	EXPECT_EQ(0, g->key.family);
	EXPECT_EQ(100, g->tgid);
	EXPECT_STREQ("server", g->comm);
	EXPECT_EQ(1, g->connections);
	EXPECT_EQ(1, g->established);
	EXPECT_EQ(1, g->accepted);
	EXPECT_EQ(0, g->unaccepted);
	EXPECT_EQ(1, g->ended);
	EXPECT_EQ(1, g->closed[CLOSER_REMOTE]);
	EXPECT_EQ(10, g->bytes_in);
	EXPECT_EQ(1000, g->bytes_out);
	EXPECT_EQ(2, g->retransmits);
	EXPECT_EQ(10, g->times[TIME_SYNACK]->sum);
	EXPECT_EQ(200, g->times[TIME_ACK]->sum);
	EXPECT_EQ(5000, g->times[TIME_ACCEPT]->sum);
	EXPECT_EQ(10000, g->times[TIME_LIFE]->sum);
	EXPECT_EQ(NULL, g->times[TIME_HANDSHAKE]);
	EXPECT_EQ(1310, g->state_sum_ns[STATE_CLOSE_WAIT]);
	EXPECT_EQ(0, g->state_n[STATE_LAST_ACK]);
	EXPECT_EQ(1, f.exemplar.cookie);

	/* By a SYN cookie: when the SYN came is not known. By Fast Open: accepted before the ACK. */
	row = passive_row(2);
	row.flags |= TCP_COOKIE;
	row.syn_ns = row.synack_ns = 0;
	model_tcp_ended(&row, m);
	row = passive_row(3);
	row.flags |= TCP_FASTOPEN;
	row.accepted_ns = row.established_ns - 100;
	model_tcp_ended(&row, m);
	/* Nobody accepted it. */
	row = passive_row(4);
	row.flags &= ~TCP_OWNED;
	row.accepted_ns = 0;
	row.flags |= TCP_RESET_OUT;
	model_tcp_ended(&row, m);
	ASSERT_EQ(0, model_tcp_figures(m, END_NS, &f, &err));
	g = f.groups[0];
	EXPECT_EQ(4, g->connections);
	EXPECT_EQ(1, g->cookies);
	EXPECT_EQ(1, g->fastopen);
	EXPECT_EQ(3, g->accepted);
	EXPECT_EQ(1, g->unaccepted);
	EXPECT_EQ(1, g->resets_out);
	EXPECT_EQ(3, g->times[TIME_SYNACK]->n);
	EXPECT_EQ(3, g->times[TIME_ACK]->n);
	EXPECT_EQ(3, g->times[TIME_ACCEPT]->n);
	EXPECT_EQ(10000, g->times[TIME_ACCEPT]->sum);
	EXPECT_EQ(5000, g->times[TIME_ACCEPT]->max);
	model_tcp_free(m);
}

TEST(active_connections_are_by_process_and_peer_and_fail_in_ways)
{
	static const struct {
		uint16_t error;
		enum tcp_failure failure;
	} failures[] = {
		{ ECONNREFUSED, FAILURE_REFUSED }, { ECONNRESET, FAILURE_REFUSED },
		{ ETIMEDOUT, FAILURE_TIMEOUT },	   { ENETUNREACH, FAILURE_UNREACHABLE },
		{ EHOSTUNREACH, FAILURE_UNREACHABLE }, { 0, FAILURE_GIVEN_UP },
		{ EPIPE, FAILURE_OTHER },
	};
	struct model_tcp *m = model_tcp_new(BEGIN_NS, true, true);
	struct tcp_row row = active_row(1);
	const struct tcp_group *g;
	struct tcp_figures f;
	struct err err;

	model_tcp_ended(&row, m);
	row = active_row(2);
	row.tgid = 201;
	model_tcp_ended(&row, m);
	for (size_t i = 0; i < ARRAY_SIZE(failures); i++) {
		row = active_row(10 + i);
		row.synack_ns = row.established_ns = 0;
		row.error = failures[i].error;
		row.state_ns[STATE_ESTABLISHED] = 0;
		row.syn_retransmits = 1;
		EXPECT_EQ(failures[i].failure, tcp_failure(&row));
		model_tcp_ended(&row, m);
	}
	ASSERT_EQ(0, model_tcp_figures(m, END_NS, &f, &err));
	ASSERT_EQ(2, f.groups_nr);
	g = f.groups[0];
	EXPECT_EQ(0, g->key.passive);
	EXPECT_EQ(200, g->key.tgid);
	EXPECT_EQ(443, g->key.port);
	EXPECT_EQ(AF_INET, g->key.family);
	EXPECT_EQ(1 + ARRAY_SIZE(failures), g->connections);
	EXPECT_EQ(1, g->established);
	EXPECT_EQ(1000, g->times[TIME_HANDSHAKE]->sum);
	EXPECT_EQ(1, g->times[TIME_LIFE]->n);
	EXPECT_EQ(ARRAY_SIZE(failures), g->syn_retransmits);
	EXPECT_EQ(2, g->failed[FAILURE_REFUSED]);
	EXPECT_EQ(1, g->failed[FAILURE_TIMEOUT]);
	EXPECT_EQ(2, g->failed[FAILURE_UNREACHABLE]);
	EXPECT_EQ(1, g->failed[FAILURE_GIVEN_UP]);
	EXPECT_EQ(1, g->failed[FAILURE_OTHER]);
	EXPECT_EQ(201, f.groups[1]->key.tgid);
	/* That it was established was not seen, and is seen by what followed: it did not fail. */
	row.state_ns[STATE_ESTABLISHED] = 2000;
	row.error = 0;
	row.cookie = 29;
	model_tcp_ended(&row, m);
	ASSERT_EQ(0, model_tcp_figures(m, END_NS, &f, &err));
	EXPECT_EQ(1, f.groups[0]->failed[FAILURE_GIVEN_UP]);
	EXPECT_EQ(1, f.groups[0]->established);
	EXPECT_EQ(1, f.groups[0]->times[TIME_LIFE]->n);

	/* Where processes are filtered, what nobody accepted is a number only. */
	row = passive_row(30);
	row.flags &= ~TCP_OWNED;
	model_tcp_ended(&row, m);
	ASSERT_EQ(0, model_tcp_figures(m, END_NS, &f, &err));
	EXPECT_EQ(2, f.groups_nr);
	EXPECT_EQ(1, f.unowned);
	model_tcp_free(m);
}

TEST(who_made_what_was_there_before_is_told_by_who_listens)
{
	struct model_tcp *m = model_tcp_new(BEGIN_NS, false, false);
	struct listener_record l = listener(9, 100, 0);
	struct tcp_row row = passive_row(1);
	struct tcp_figures f;
	struct err err;

	row.flags = TCP_SEEDED | TCP_OWNED;
	row.syn_ns = row.synack_ns = row.established_ns = row.accepted_ns = 0;
	model_tcp_begin(m);
	model_tcp_listener(&l, m);
	model_tcp_ended(&row, m);
	/* Nobody listens on port 81; and on 80 in another namespace. */
	row.cookie = 2;
	row.local_port = 81;
	model_tcp_ended(&row, m);
	row.cookie = 3;
	row.local_port = 80;
	row.netns_cookie = 2;
	model_tcp_ended(&row, m);
	ASSERT_EQ(0, model_tcp_figures(m, END_NS, &f, &err));
	ASSERT_EQ(3, f.groups_nr);
	EXPECT_EQ(1, f.groups[0]->key.passive);
	EXPECT_EQ(1, f.groups[0]->connections);
	EXPECT_EQ(1, f.groups[0]->seeded);
	EXPECT_EQ(0, f.groups[0]->established);
	EXPECT_EQ(0, f.groups[0]->accepted);
	EXPECT_EQ(0, f.groups[0]->unaccepted);
	EXPECT_EQ(NULL, f.groups[0]->times[TIME_LIFE]);
	EXPECT_EQ(0, f.groups[1]->key.passive);
	EXPECT_EQ(0, f.groups[1]->failed[FAILURE_GIVEN_UP]);
	EXPECT_EQ(0, f.exemplar.cookie);
	model_tcp_free(m);
}

TEST(what_lives_is_told_anew_by_each_snapshot)
{
	struct model_tcp *m = model_tcp_new(BEGIN_NS, false, false);
	struct tcp_row row = passive_row(1);
	struct timewait_row waiting = { .cookie = 50, .born_ns = BEGIN_NS + 10 };
	struct tcp_figures f;
	struct err err;

	row.state = STATE_CLOSE_WAIT;
	row.state_ns[STATE_CLOSE_WAIT] = row.ended_ns = 0;
	row.since_ns = BEGIN_NS + 9000;
	row.own_zeros = row.own_zero_sum_ns = row.own_zero_max_ns = 1;
	row.own_zero_ns = BEGIN_NS + 9500;
	model_tcp_begin(m);
	model_tcp_living(&row, m);
	model_tcp_waiting(&waiting, m);
	for (int i = 0; i < 2; i++) {
		/* Asking again adds nothing. */
		ASSERT_EQ(0, model_tcp_figures(m, BEGIN_NS + 10000, &f, &err));
		ASSERT_EQ(1, f.groups_nr);
		EXPECT_EQ(1, f.groups[0]->connections);
		EXPECT_EQ(0, f.groups[0]->ended);
		EXPECT_EQ(1, f.groups[0]->living[STATE_CLOSE_WAIT]);
		EXPECT_EQ(1000, f.groups[0]->longest_ns[STATE_CLOSE_WAIT]);
		EXPECT_EQ(1000, f.groups[0]->state_sum_ns[STATE_CLOSE_WAIT]);
		/* One window is over, and it is shut again. */
		EXPECT_EQ(2, f.groups[0]->own_zeros);
		EXPECT_EQ(501, f.groups[0]->own_zero_sum_ns);
		EXPECT_EQ(500, f.groups[0]->own_zero_max_ns);
		EXPECT_EQ(0, f.groups[0]->peer_zeros);
		EXPECT_EQ(1, f.groups[0]->times[TIME_ACCEPT]->n);
		EXPECT_EQ(1, f.minisocks.now);
	}
	/* It ends while the snapshot is taken: told as living, then as ended. */
	model_tcp_begin(m);
	model_tcp_living(&row, m);
	row = passive_row(1);
	model_tcp_ended(&row, m);
	ASSERT_EQ(0, model_tcp_figures(m, END_NS, &f, &err));
	ASSERT_EQ(1, f.groups_nr);
	EXPECT_EQ(1, f.groups[0]->connections);
	EXPECT_EQ(1, f.groups[0]->ended);
	EXPECT_EQ(0, f.groups[0]->living[STATE_CLOSE_WAIT]);
	EXPECT_EQ(1310, f.groups[0]->state_sum_ns[STATE_CLOSE_WAIT]);
	EXPECT_EQ(0, f.minisocks.now);
	/* What was living is void at the next, and a group of nothing is not told. */
	row = active_row(2);
	row.state = STATE_ESTABLISHED;
	model_tcp_begin(m);
	model_tcp_living(&row, m);
	ASSERT_EQ(0, model_tcp_figures(m, END_NS, &f, &err));
	EXPECT_EQ(2, f.groups_nr);
	model_tcp_begin(m);
	ASSERT_EQ(0, model_tcp_figures(m, END_NS, &f, &err));
	EXPECT_EQ(1, f.groups_nr);
	model_tcp_free(m);
}

/* --- datagrams ------------------------------------------------------------------------- */

static struct udp_row socket_row(uint64_t id, uint16_t port, uint32_t tgid)
{
	return (struct udp_row){ .id = id, .netns_cookie = 1, .netns = 7, .family = AF_INET,
				 .local_port = port, .tgid = tgid, .start_ns = tgid,
				 .comm = "named", .flags = tgid ? UDP_OWNED : 0 };
}

TEST(datagrams_are_of_a_port_and_a_process)
{
	struct model_udp *m = model_udp_new(false), *next;
	struct udp_row a = socket_row(1, 53, 100), b = socket_row(2, 53, 100);
	struct udp_row c = socket_row(3, 5353, 101);
	struct udp_port_row spoilt = { .key = { .netns_cookie = 1, .netns = 7, .port = 53 },
				       .spoilt = 4 };
	const struct udp_group *const *g;

	a.received = 10;
	a.full = 5;
	a.memory = 1;
	/* Two of them were found wrong when they were read. */
	a.first_drops = 100;
	a.drops = 108;
	b.received = 1;
	b.flags |= UDP_FILTERED;
	b.drops = 3;
	c.received = 1000;
	model_udp_living(m, &a);
	model_udp_living(m, &c);
	model_udp_ended(m, &b);
	model_udp_port(m, &spoilt);
	for (int i = 0; i < 2; i++) {
		/* Asking again adds nothing. */
		ASSERT_EQ(2, model_udp_figures(m, &g));
		EXPECT_EQ(53, g[0]->key.port);
		EXPECT_EQ(100, g[0]->key.tgid);
		EXPECT_STREQ("named", g[0]->comm);
		EXPECT_EQ(2, g[0]->sockets);
		EXPECT_EQ(1, g[0]->ended);
		EXPECT_EQ(11, g[0]->received);
		EXPECT_EQ(5, g[0]->full);
		EXPECT_EQ(1, g[0]->memory);
		EXPECT_EQ(11, g[0]->dropped);
		EXPECT_EQ(2, g[0]->spoilt_reading);
		EXPECT_EQ(4, g[0]->spoilt_coming);
		EXPECT_EQ(3, g[0]->refused);
		EXPECT_EQ(1000, g[1]->received);
		EXPECT_EQ(0, udp_lost(g[1]));
	}
	/* The next interval has what comes in it. */
	next = model_udp_next(m);
	a.received = 12;
	a.full = 6;
	a.drops = 109;
	spoilt.spoilt = 5;
	model_udp_ended(next, &a);
	model_udp_port(next, &spoilt);
	ASSERT_EQ(2, model_udp_figures(next, &g));
	EXPECT_EQ(53, g[0]->key.port);
	EXPECT_EQ(1, g[0]->sockets);
	EXPECT_EQ(2, g[0]->received);
	EXPECT_EQ(1, g[0]->full);
	EXPECT_EQ(1, g[0]->dropped);
	EXPECT_EQ(0, g[0]->spoilt_reading);
	EXPECT_EQ(1, g[0]->spoilt_coming);
	EXPECT_EQ(0, g[1]->received);
	model_udp_free(next);
	model_udp_free(m);
}

TEST(spoilt_datagrams_of_several_or_nobody_have_a_row)
{
	struct model_udp *m = model_udp_new(false), *owned = model_udp_new(true);
	struct udp_row a = socket_row(1, 53, 100), b = socket_row(2, 53, 101), c = socket_row(3, 9, 0);
	struct udp_port_row spoilt = { .key = { .netns_cookie = 1, .netns = 7, .port = 53 },
				       .spoilt = 4 };
	const struct udp_group *const *g;

	/* Its kernel does not say why. */
	c.flags |= UDP_VAGUE;
	c.drops = 2;
	model_udp_living(m, &a);
	model_udp_living(m, &b);
	model_udp_living(m, &c);
	model_udp_port(m, &spoilt);
	ASSERT_EQ(4, model_udp_figures(m, &g));
	EXPECT_EQ(0, g[0]->key.tgid);
	EXPECT_EQ(0, g[0]->sockets);
	EXPECT_EQ(4, g[0]->spoilt_coming);
	EXPECT_EQ(9, g[1]->key.port);
	EXPECT_EQ(1, g[1]->vague);
	EXPECT_EQ(2, g[1]->dropped);
	EXPECT_EQ(0, g[1]->spoilt_reading);
	/* Where processes are asked about, nobody's are not told, but a port of theirs is. */
	model_udp_living(owned, &c);
	model_udp_port(owned, &spoilt);
	EXPECT_EQ(0, model_udp_figures(owned, &g));
	model_udp_living(owned, &a);
	ASSERT_EQ(1, model_udp_figures(owned, &g));
	EXPECT_EQ(4, g[0]->spoilt_coming);
	model_udp_free(owned);
	model_udp_free(m);
}

TEST(ports_beyond_those_told_apart_are_one)
{
	struct model_udp *m = model_udp_new(false);
	const struct udp_group *const *g;
	uint64_t received = 0;
	bool others = false;
	int n;

	for (int i = 1; i <= 5000; i++) {
		struct udp_row row = socket_row(i, i, 100);

		row.received = 1;
		model_udp_ended(m, &row);
	}
	n = model_udp_figures(m, &g);
	ASSERT_EQ(4097, n);
	for (int i = 0; i < n; i++) {
		received += g[i]->received;
		others |= !g[i]->key.port && g[i]->key.tgid == 100 && g[i]->received == 904;
	}
	EXPECT_EQ(5000, received);
	EXPECT_TRUE(others);
	model_udp_free(m);
}

TEST(an_interval_counts_its_own)
{
	struct model_tcp *m = model_tcp_new(BEGIN_NS, false, false), *next;
	struct listen_row came = { .key = { .netns_cookie = 1, .local_port = 80,
					    .family = AF_INET },
				   .syns = 5, .kept = 4, .synack_retransmits = 1 };
	struct listener_record l = listener(9, 100, 40), new = listener(10, 100, 3);
	struct tcp_row row = passive_row(1);
	struct tcp_figures f;
	struct err err;

	model_tcp_begin(m);
	model_tcp_listener(&l, m);
	/* The second process that has it names nothing. */
	l.tgid = 102;
	model_tcp_listener(&l, m);
	model_tcp_begin(m);
	l.tgid = 100;
	l.drops = 42;
	model_tcp_listener(&l, m);
	model_tcp_listening(&came, m);
	/* One that began within the window: all that it dropped is the window's. */
	new.key.local_port = 82;
	model_tcp_listener(&new, m);
	model_tcp_ended(&row, m);
	ASSERT_EQ(0, model_tcp_figures(m, BEGIN_NS + 20000, &f, &err));
	ASSERT_EQ(2, f.listeners_nr);
	EXPECT_EQ(2, f.listeners[0].drops);
	EXPECT_EQ(1, f.listeners[0].owners);
	EXPECT_EQ(100, f.listeners[0].record.tgid);
	EXPECT_EQ(3, f.listeners[1].drops);
	EXPECT_EQ(5, f.groups[0]->syns);

	next = model_tcp_next(m, BEGIN_NS + 20000);
	ASSERT_NE(NULL, next);
	model_tcp_free(m);
	m = next;
	/* Before its own snapshot: made before it, and there before the window. */
	model_tcp_ended(&row, m);
	row.cookie = 2;
	row.flags = TCP_SEEDED | TCP_OWNED;
	row.syn_ns = row.synack_ns = row.established_ns = row.accepted_ns = 0;
	model_tcp_ended(&row, m);
	model_tcp_begin(m);
	l.drops = 47;
	model_tcp_listener(&l, m);
	came.syns = 11;
	came.kept = 6;
	model_tcp_listening(&came, m);
	ASSERT_EQ(0, model_tcp_figures(m, END_NS, &f, &err));
	ASSERT_EQ(1, f.listeners_nr);
	EXPECT_EQ(5, f.listeners[0].drops);
	ASSERT_EQ(1, f.groups_nr);
	EXPECT_EQ(2, f.groups[0]->connections);
	EXPECT_EQ(2, f.groups[0]->ended);
	EXPECT_EQ(0, f.groups[0]->established);
	EXPECT_EQ(NULL, f.groups[0]->times[TIME_SYNACK]);
	EXPECT_EQ(6, f.groups[0]->syns);
	EXPECT_EQ(2, f.groups[0]->kept);
	EXPECT_EQ(0, f.groups[0]->synack_retransmits);
	model_tcp_free(m);
}

TEST(networks_are_told_apart_on_request)
{
	struct model_tcp *m = model_tcp_new(BEGIN_NS, false, true);
	struct tcp_row row = passive_row(1);
	struct tcp_figures f;
	struct err err;

	model_tcp_ended(&row, m);
	/* The same host, as an IPv6 socket sees it; its neighbour; another network; IPv6. */
	row = passive_row(2);
	row.family = AF_INET6;
	memcpy(row.remote, "\0\0\0\0\0\0\0\0\0\0\377\377\306\063\144\011", 16);
	model_tcp_ended(&row, m);
	row = passive_row(3);
	row.remote[3] = 200;
	model_tcp_ended(&row, m);
	row.cookie = 4;
	row.remote[2] = 101;
	model_tcp_ended(&row, m);
	row.cookie = 5;
	row.family = AF_INET6;
	inet_pton(AF_INET6, "2001:db8:1:2:3:4:5:6", row.remote);
	model_tcp_ended(&row, m);
	row.cookie = 6;
	inet_pton(AF_INET6, "2001:db8:1:2::1", row.remote);
	model_tcp_ended(&row, m);
	ASSERT_EQ(0, model_tcp_figures(m, END_NS, &f, &err));
	ASSERT_EQ(3, f.groups_nr);
	EXPECT_EQ(3, f.groups[0]->connections);
	EXPECT_EQ(AF_INET, f.groups[0]->key.family);
	EXPECT_EQ(0, memcmp(f.groups[0]->key.peer, "\306\063\144\0", 4));
	EXPECT_EQ(2, f.groups[1]->connections);
	EXPECT_EQ(AF_INET6, f.groups[1]->key.family);
	EXPECT_EQ(0, f.groups[1]->key.peer[8]);
	EXPECT_EQ(1, f.groups[2]->connections);
	model_tcp_free(m);
}

TEST(peers_beyond_the_table_are_counted)
{
	struct model_tcp *m = model_tcp_new(BEGIN_NS, false, false);
	struct tcp_row row = active_row(1);
	struct tcp_figures f;
	struct err err;

	for (uint32_t i = 0; i < 4100; i++) {
		row.cookie = 1 + i;
		memcpy(row.remote, &i, sizeof(i));
		model_tcp_ended(&row, m);
	}
	row.cookie = 5000;
	row.state = STATE_ESTABLISHED;
	model_tcp_begin(m);
	model_tcp_living(&row, m);
	for (int i = 0; i < 2; i++) {
		ASSERT_EQ(0, model_tcp_figures(m, END_NS, &f, &err));
		EXPECT_EQ(4096, f.groups_nr);
		EXPECT_EQ(5, f.overflow);
	}
	model_tcp_free(m);
}

TEST(minisocks_are_timed_in_each_state)
{
	struct model_tcp *m = model_tcp_new(BEGIN_NS, false, false);
	struct timewait_row t = { .cookie = 1, .born_ns = BEGIN_NS, .time_wait_ns = BEGIN_NS,
				  .ended_ns = BEGIN_NS + 60000, .expired = 1 };
	struct tcp_row row = active_row(1);
	struct tcp_figures f;
	struct err err;

	row.flags |= TCP_LEFT_BEHIND;
	model_tcp_ended(&row, m);
	model_tcp_timewait(&t, m);
	/* In FIN_WAIT_2 first; and one whose peer never sent its FIN. */
	t.time_wait_ns = BEGIN_NS + 500;
	t.expired = 0;
	model_tcp_timewait(&t, m);
	t.time_wait_ns = 0;
	t.expired = 1;
	model_tcp_timewait(&t, m);
	ASSERT_EQ(0, model_tcp_figures(m, END_NS, &f, &err));
	EXPECT_EQ(1, f.minisocks.born);
	EXPECT_EQ(2, f.minisocks.expired);
	EXPECT_EQ(1, f.minisocks.cut);
	EXPECT_EQ(2, f.minisocks.time_wait.n);
	EXPECT_EQ(119500, f.minisocks.time_wait.sum);
	EXPECT_EQ(2, f.minisocks.fin_wait2.n);
	EXPECT_EQ(60000, f.minisocks.fin_wait2.max);
	EXPECT_EQ(60500, f.minisocks.fin_wait2.sum);
	model_tcp_free(m);
}

/* What is printed of a connection in text: as a line, and as a picture. */
static char *connection_text(const struct tcp_row *row, const struct tcp_plan *plan)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	report_tcp_line_text(out, row, plan, 0);
	report_tcp_line_json(out, row, plan, 0);
	report_tcp_diagram(out, row, plan);
	fclose(out);
	return text;
}

TEST(a_connection_can_be_told_whatever_it_is)
{
	static const uint32_t flags[] = { 0, TCP_PASSIVE, TCP_SEEDED, TCP_PASSIVE | TCP_COOKIE,
					  TCP_RESET_IN, TCP_RESET_OUT, TCP_OWNED, TCP_HALF_CLOSED };
	struct tcp_plan plans[] = { { .tier = TIER_TRACEPOINT },
				    { .tier = TIER_FENTRY, .handshakes = true, .minisocks = true } };

	for (size_t i = 0; i < ARRAY_SIZE(flags) * 2 * 2 * 4; i++) {
		struct tcp_row row = active_row(1);
		char *text;

		row.flags = flags[i % ARRAY_SIZE(flags)];
		row.closer = i / 32 % 4;
		if (i / 16 % 2)
			row.established_ns = row.synack_ns = row.state_ns[STATE_ESTABLISHED] = 0;
		/* As wide as it goes: a name of bytes that move the cursor, all of IPv6. */
		memset(row.comm, 033, sizeof(row.comm) - 1);
		row.flags |= TCP_OWNED;
		row.tgid = UINT32_MAX;
		row.family = AF_INET6;
		memset(row.local, 0xff, 16);
		memset(row.remote, 0xff, 16);
		row.local_port = row.remote_port = 65535;
		row.bytes_in = row.bytes_out = UINT64_MAX;
		row.syn_retransmits = row.error = UINT16_MAX;
		row.retransmits = row.srtt_us = UINT32_MAX;
		row.reset_reason = UINT8_MAX;
		text = connection_text(&row, &plans[i / 8 % 2]);
		ASSERT_NE(NULL, text);
		EXPECT_EQ(NULL, strchr(text, 033));
		EXPECT_NE(NULL, strstr(text, "\\x1b\\x1b"));
		EXPECT_NE(NULL, strstr(text, "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535"));
		free(text);
	}
}

TEST(a_picture_has_the_times_on_its_arrows)
{
	struct tcp_plan plan = { .tier = TIER_FENTRY, .handshakes = true, .minisocks = true };
	struct tcp_row row = passive_row(1);
	char *text;

	row.state_ns[STATE_LAST_ACK] = 100;
	text = connection_text(&row, &plan);
	EXPECT_NE(NULL, strstr(text, "      0ns  |<--- SYN              ----|"));
	EXPECT_NE(NULL, strstr(text, "     10ns  |---- SYN-ACK          --->|  this host took 10ns"));
	EXPECT_NE(NULL, strstr(text, "    210ns  |<--- ACK              ----|  network and peer took "
				     "200ns"));
	EXPECT_NE(NULL, strstr(text, "   5.21us  |                          |  accept() returned: it "
				     "waited 5.00us"));
	EXPECT_NE(NULL, strstr(text, "10 bytes in, 1,000 out"));
	EXPECT_NE(NULL, strstr(text, "close(), after 1.31us: LAST-ACK"));
	free(text);
	/* What the tracepoints alone do not tell is not made up. */
	plan = (struct tcp_plan){ .tier = TIER_TRACEPOINT };
	row.syn_ns = 0;
	text = connection_text(&row, &plan);
	EXPECT_NE(NULL, strstr(text, "?  |<--- SYN"));
	EXPECT_NE(NULL, strstr(text, "network and peer took ~200ns"));
	EXPECT_NE(NULL, strstr(text, "\"syn_to_synack_ns\":null"));
	free(text);
}

static int file_of(const char *text)
{
	int fd = memfd_create("counters", MFD_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		abort();
	return fd;
}

TEST(counters_are_found_by_section_and_name)
{
	struct netstat n = { .fds = { file_of("TcpExt: SyncookiesSent New ListenDrops Short\n"
					      "TcpExt: 7 1 12\n"
					      "MPTcpExt: ListenDrops\n"
					      "MPTcpExt: 99\n"
					      "Odd: ListenDrops\n"),
				      file_of("Tcp: RetransSegs InCsumErrors\n"
					      "Tcp: 5 6\n"
					      "Udp: InDatagrams InCsumErrors\n"
					      "Udp: 18446744073709551615 8\n") } };
	uint64_t since[NETSTAT_NR];
	struct err err;

	n.value[NETSTAT_listen_drops] = 10;
	ASSERT_EQ(0, netstat_since(&n, since, &err));
	EXPECT_EQ(7, since[NETSTAT_syncookies_sent]);
	EXPECT_EQ(2, since[NETSTAT_listen_drops]);
	EXPECT_EQ(5, since[NETSTAT_retransmits]);
	EXPECT_EQ(6, since[NETSTAT_checksum_errors]);
	EXPECT_EQ(UINT64_MAX, since[NETSTAT_udp_received]);
	EXPECT_EQ(8, since[NETSTAT_udp_checksum_errors]);
	EXPECT_EQ(0, since[NETSTAT_listen_overflows]);
	netstat_close(&n);
}

TEST_HARNESS_MAIN
