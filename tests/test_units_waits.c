// SPDX-License-Identifier: GPL-2.0-or-later
/* test_units_waits.c - calls, chains, herds and items, from records to figures. */
#include "test_units.h"

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

TEST(intervals_of_a_herd_make_up_the_whole)
{
	/* Woken in the first interval; served, and found empty, in the second. */
	static const struct {
		uint64_t events;
		__u64 file[HERD_NR], other[HERD_NR];
	} at[] = { { 4, { 8 }, { 4 } }, { 4, { 8, 5, 3 }, { 4, 2, 2 } } };
	struct model_herd *m = model_herd_new();
	struct watch_record file = file_make(1, 0, 0, true);
	struct watch_record other = { .head = { .kind = RECORD_HERD, .size = sizeof(other) } };
	__u64 files[HERD_NR] = { 0 }, members[HERD_NR] = { 0 };
	struct herd_figures *f;
	struct err err;
	int n;

	other.herd = (struct herd_row){ .file_id = 1, .thread_start_ns = 10, .start_ns = 7,
					.tgid = 100, .tid = 102 };
	for (size_t i = 0; i < ARRAY_SIZE(at); i++) {
		file.file.events = at[i].events;
		memcpy(file.file.herd, at[i].file, sizeof(file.file.herd));
		memcpy(other.herd.herd, at[i].other, sizeof(other.herd.herd));
		model_herd_begin(m);
		model_herd_living(&file.head, m);
		model_herd_living(&other.head, m);
		n = model_herd_figures(m, true, &f, &err);
		ASSERT_EQ(1, n);
		ASSERT_EQ(2, f->members_nr);
		for (int k = 0; k < HERD_NR; k++) {
			files[k] += f->file.herd[k];
			members[k] += f->members[0].herd[k] + f->members[1].herd[k];
		}
		model_herd_figures_free(f, n);
	}
	for (int k = 0; k < HERD_NR; k++) {
		EXPECT_EQ(at[1].file[k], files[k]);
		EXPECT_EQ(at[1].file[k], members[k]);
	}
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

TEST(a_call_that_the_end_cut_off_is_open)
{
	struct model_wait *m = model_wait_new(false);
	struct open_record r = { .syscall = WAIT_poll, .epfd = -1, .since_ns = 5 };
	struct wait_figures *f;
	struct err err;

	r.head = (struct record){ .kind = RECORD_OPEN, .size = sizeof(r), .tgid = 100, .tid = 101,
				  .start_ns = 7, .thread_start_ns = 101, .comm = "server" };
	model_wait_begin(m);
	model_wait_living(&r.head, m);
	ASSERT_EQ(1, model_wait_figures(m, false, &f, &err));
	EXPECT_EQ(1, f->open);
	free(f);
	/* Its thread ended before the last snapshot. */
	model_wait_ended(&r.head, m);
	model_wait_begin(m);
	ASSERT_EQ(1, model_wait_figures(m, false, &f, &err));
	EXPECT_EQ(1, f->open);
	EXPECT_EQ(0, f->open_before);
	EXPECT_FALSE(f->alive);
	free(f);
	model_wait_free(m);
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
