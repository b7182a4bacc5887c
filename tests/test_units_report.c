// SPDX-License-Identifier: GPL-2.0-or-later
/* test_units_report.c - what is printed of them: tables, JSON, the screen of top. */
#include "test_units.h"

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

TEST(a_file_that_is_forgotten_is_not_made_up)
{
	static const struct {
		struct file_row file;
		const char *text, *json;
	} cases[] = {
		{ { .id = 1, .tgid = 100, .fd = 5, .mode = 0010000 },
		  "     100    5 pipe ", "\"file\":{\"name\":\"pipe\"," },
		{ { .fd = -1 }, "       -    - - ", "\"file\":null," },
	};
	const struct event_options options = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct woken_record r = { .file = cases[i].file, .woken = 2 };
		char *said = NULL;
		size_t size;
		FILE *out = open_memstream(&said, &size);

		ASSERT_NE(NULL, out);
		report_woken_text(out, &r, &options);
		EXPECT_EQ(0, report_woken_json(out, &r, &options));
		fclose(out);
		EXPECT_NE(NULL, strstr(said, cases[i].text)) TH_LOG("%s", said);
		EXPECT_NE(NULL, strstr(said, cases[i].json)) TH_LOG("%s", said);
		free(said);
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
