// SPDX-License-Identifier: GPL-2.0-or-later
/* Part of test_module.c: the counters, through epoll. */
#include "test_module.h"

static int ctl(int epoll, int op, int fd, __u32 events)
{
	struct epoll_event event = { .events = events, .data.fd = fd };

	return ERR(epoll_ctl(epoll, op, fd, &event));
}

/* The events that epoll finds now; 0: none. */
static __u32 look(int epoll)
{
	struct epoll_event event;
	int n = epoll_wait(epoll, &event, 1, 0);

	return n < 0 ? ~0U : n ? event.events : 0;
}

TEST_F(source, epoll_level)
{
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	/* The item is a waiter from the first to the last, not only during the call. */
	ASSERT_EQ(0, ctl(epoll, EPOLL_CTL_ADD, self->fd, EPOLLIN));
	EXPECT_COUNTS(self->fd, .polls = 1, .polls_waiting = 1, .waiters_added = 1);
	/* As nobody called the item, epoll has nothing to look at. */
	EXPECT_EQ(0, look(epoll));
	EXPECT_COUNTS(self->fd, .polls = 1, .polls_waiting = 1, .waiters_added = 1);
	EXPECT_EQ(0, set(self->fd, EPOLLIN));
	EXPECT_COUNTS(self->fd, .polls = 1, .polls_waiting = 1, .waiters_added = 1, .wakes = 1,
		      .waiters_called = 1, .waiters_woken = 1, .changes = 1, .ready = EPOLLIN);
	EXPECT_EQ(EPOLLIN, look(epoll));
	EXPECT_EQ(EPOLLIN, look(epoll));
	EXPECT_COUNTS(self->fd, .polls = 3, .polls_waiting = 1, .polls_found = 2,
		      .masks = EPOLLIN, .waiters_added = 1, .wakes = 1, .waiters_called = 1,
		      .waiters_woken = 1, .changes = 1, .ready = EPOLLIN);
	/* It stays on the ready list until a look finds nothing. */
	EXPECT_EQ(0, clear(self->fd, EPOLLIN));
	EXPECT_EQ(0, look(epoll));
	EXPECT_EQ(0, look(epoll));
	EXPECT_EQ(0, ctl(epoll, EPOLL_CTL_DEL, self->fd, 0));
	EXPECT_COUNTS(self->fd, .polls = 4, .polls_waiting = 1, .polls_found = 2,
		      .masks = EPOLLIN, .waiters_added = 1, .waiters_removed = 1, .wakes = 1,
		      .waiters_called = 1, .waiters_woken = 1, .changes = 2);
	close(epoll);
}

TEST_F(source, epoll_finds_at_once)
{
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	EXPECT_EQ(0, set(self->fd, EPOLLIN | EPOLLOUT));
	ASSERT_EQ(0, ctl(epoll, EPOLL_CTL_ADD, self->fd, EPOLLOUT));
	EXPECT_COUNTS(self->fd, .polls = 1, .polls_waiting = 1, .polls_found = 1,
		      .masks = EPOLLIN | EPOLLOUT, .waiters_added = 1, .wakes = 1, .changes = 1,
		      .ready = EPOLLIN | EPOLLOUT);
	EXPECT_EQ(EPOLLOUT, look(epoll));
	/* A change of what is asked for is a look, and no new waiter. */
	EXPECT_EQ(0, ctl(epoll, EPOLL_CTL_MOD, self->fd, EPOLLIN));
	EXPECT_COUNTS(self->fd, .polls = 3, .polls_waiting = 1, .polls_found = 3,
		      .masks = EPOLLIN | EPOLLOUT, .waiters_added = 1, .wakes = 1, .changes = 1,
		      .ready = EPOLLIN | EPOLLOUT);
	EXPECT_EQ(EPOLLIN, look(epoll));
	close(epoll);
	EXPECT_COUNTS(self->fd, .polls = 4, .polls_waiting = 1, .polls_found = 4,
		      .masks = EPOLLIN | EPOLLOUT, .waiters_added = 1, .waiters_removed = 1,
		      .wakes = 1, .changes = 1, .ready = EPOLLIN | EPOLLOUT);
}

TEST_F(source, epoll_edge)
{
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	ASSERT_EQ(0, ctl(epoll, EPOLL_CTL_ADD, self->fd, EPOLLIN | EPOLLET));
	EXPECT_EQ(0, set(self->fd, EPOLLIN));
	EXPECT_EQ(EPOLLIN, look(epoll));
	EXPECT_EQ(0, look(epoll));
	EXPECT_COUNTS(self->fd, .polls = 2, .polls_waiting = 1, .polls_found = 1,
		      .masks = EPOLLIN, .waiters_added = 1, .wakes = 1, .waiters_called = 1,
		      .waiters_woken = 1, .changes = 1, .ready = EPOLLIN);
	/* Set again is an edge again, as more data would be. */
	EXPECT_EQ(0, set(self->fd, EPOLLIN));
	EXPECT_EQ(EPOLLIN, look(epoll));
	EXPECT_EQ(0, look(epoll));
	EXPECT_COUNTS(self->fd, .polls = 3, .polls_waiting = 1, .polls_found = 2,
		      .masks = EPOLLIN, .waiters_added = 1, .wakes = 2, .waiters_called = 2,
		      .waiters_woken = 2, .changes = 2, .ready = EPOLLIN);
	/* An edge that is gone before the look. */
	EXPECT_EQ(0, set(self->fd, EPOLLIN));
	EXPECT_EQ(0, clear(self->fd, EPOLLIN));
	EXPECT_EQ(0, look(epoll));
	EXPECT_COUNTS(self->fd, .polls = 4, .polls_waiting = 1, .polls_found = 2,
		      .masks = EPOLLIN, .waiters_added = 1, .wakes = 3, .waiters_called = 3,
		      .waiters_woken = 3, .changes = 4);
	close(epoll);
}

TEST_F(source, epoll_oneshot)
{
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	ASSERT_EQ(0, ctl(epoll, EPOLL_CTL_ADD, self->fd, EPOLLIN | EPOLLONESHOT));
	EXPECT_EQ(0, set(self->fd, EPOLLIN));
	EXPECT_EQ(EPOLLIN, look(epoll));
	/* From now on it is deaf, but it is called and says that it woke somebody. */
	EXPECT_EQ(0, set(self->fd, EPOLLIN));
	EXPECT_EQ(0, look(epoll));
	EXPECT_COUNTS(self->fd, .polls = 2, .polls_waiting = 1, .polls_found = 1,
		      .masks = EPOLLIN, .waiters_added = 1, .wakes = 2, .waiters_called = 2,
		      .waiters_woken = 2, .changes = 2, .ready = EPOLLIN);
	EXPECT_EQ(0, ctl(epoll, EPOLL_CTL_MOD, self->fd, EPOLLIN | EPOLLONESHOT));
	EXPECT_EQ(EPOLLIN, look(epoll));
	EXPECT_EQ(0, look(epoll));
	EXPECT_COUNTS(self->fd, .polls = 4, .polls_waiting = 1, .polls_found = 3,
		      .masks = EPOLLIN, .waiters_added = 1, .wakes = 2, .waiters_called = 2,
		      .waiters_woken = 2, .changes = 2, .ready = EPOLLIN);
	close(epoll);
}

TEST_F(source, epoll_is_called_for_what_it_did_not_ask)
{
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	ASSERT_EQ(0, ctl(epoll, EPOLL_CTL_ADD, self->fd, EPOLLIN));
	EXPECT_EQ(0, set(self->fd, EPOLLOUT));
	EXPECT_EQ(0, look(epoll));
	EXPECT_COUNTS(self->fd, .polls = 1, .polls_waiting = 1, .waiters_added = 1, .wakes = 1,
		      .waiters_called = 1, .waiters_woken = 1, .changes = 1, .ready = EPOLLOUT);
	close(epoll);
}

TEST_F(source, epoll_wait_is_woken)
{
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	struct waiter waiters[2] = {
		{ .call = call_epoll_wait, .fd = epoll },
		{ .call = call_epoll_wait, .fd = epoll },
	};

	/* Two threads, one item: the source knows of one waiter only. */
	ASSERT_EQ(0, ctl(epoll, EPOLL_CTL_ADD, self->fd, EPOLLIN | EPOLLET));
	ASSERT_TRUE(waiter_start(&waiters[0]));
	ASSERT_TRUE(waiter_start(&waiters[1]));
	EXPECT_COUNTS(self->fd, .polls = 1, .polls_waiting = 1, .waiters_added = 1);
	EXPECT_EQ(0, set(self->fd, EPOLLIN));
	/* The edge is for one of them, the next for the other; RDNORM was not asked for. */
	while (counters(self->fd).polls < 2)
		sleep_ms(1);
	EXPECT_EQ(0, set(self->fd, EPOLLRDNORM));
	EXPECT_EQ(0, set(self->fd, EPOLLIN));
	for (int i = 0; i < 2; i++) {
		EXPECT_EQ(1, waiter_end(&waiters[i]));
		EXPECT_EQ(EPOLLIN, waiters[i].event.events);
	}
	EXPECT_COUNTS(self->fd, .polls = 3, .polls_waiting = 1, .polls_found = 2,
		      .masks = EPOLLIN | EPOLLRDNORM, .waiters_added = 1, .wakes = 3,
		      .waiters_called = 3, .waiters_woken = 3, .changes = 3,
		      .ready = EPOLLIN | EPOLLRDNORM);
	close(epoll);
}

/* Four threads, each with an epoll of its own, wait for one source. */
static bool herd_start(struct waiter herd[4], int fd, __u32 events)
{
	for (int i = 0; i < 4; i++) {
		int epoll = epoll_create1(EPOLL_CLOEXEC);

		herd[i] = (struct waiter){ .call = call_epoll_wait, .fd = epoll };
		if (ctl(epoll, EPOLL_CTL_ADD, fd, events) || !waiter_start(&herd[i]))
			return false;
	}
	return true;
}

TEST_F(source, epoll_herd)
{
	struct waiter herd[4];

	ASSERT_TRUE(herd_start(herd, self->fd, EPOLLIN));
	EXPECT_COUNTS(self->fd, .polls = 4, .polls_waiting = 4, .waiters_added = 4);
	EXPECT_EQ(0, set(self->fd, EPOLLIN));
	for (int i = 0; i < 4; i++) {
		EXPECT_EQ(1, waiter_end(&herd[i]));
		close(herd[i].fd);
	}
	EXPECT_COUNTS(self->fd, .polls = 8, .polls_waiting = 4, .polls_found = 4,
		      .masks = EPOLLIN, .waiters_added = 4, .waiters_removed = 4, .wakes = 1,
		      .waiters_called = 4, .waiters_woken = 4, .changes = 1, .ready = EPOLLIN);
}

TEST_F(source, epoll_exclusive_herd)
{
	struct waiter herd[4];

	ASSERT_TRUE(herd_start(herd, self->fd, EPOLLIN | EPOLLEXCLUSIVE));
	EXPECT_COUNTS(self->fd, .polls = 4, .polls_waiting = 4, .waiters_added = 4);
	/* One set, one waiter: first come, first served. */
	for (int i = 0; i < 4; i++) {
		EXPECT_EQ(0, set(self->fd, EPOLLIN));
		EXPECT_EQ(1, waiter_end(&herd[i]));
		EXPECT_COUNTS(self->fd, .polls = 5 + i, .polls_waiting = 4, .polls_found = 1 + i,
			      .masks = EPOLLIN, .waiters_added = 4, .waiters_removed = i,
			      .wakes = 1 + i, .waiters_called = 1 + i, .waiters_woken = 1 + i,
			      .changes = 1 + i, .ready = EPOLLIN);
		/* Gone before the next: else it is called first again. */
		close(herd[i].fd);
	}
	EXPECT_COUNTS(self->fd, .polls = 8, .polls_waiting = 4, .polls_found = 4,
		      .masks = EPOLLIN, .waiters_added = 4, .waiters_removed = 4, .wakes = 4,
		      .waiters_called = 4, .waiters_woken = 4, .changes = 4, .ready = EPOLLIN);
}

TEST_F(source, epoll_exclusive_passes_by_who_does_not_wait)
{
	int epolls[3];
	struct waiter waiter = { .call = call_epoll_wait };

	for (int i = 0; i < 3; i++) {
		epolls[i] = epoll_create1(EPOLL_CLOEXEC);
		ASSERT_EQ(0, ctl(epolls[i], EPOLL_CTL_ADD, self->fd, EPOLLIN | EPOLLEXCLUSIVE));
	}
	/* Nobody waits in any: all are called, none says yes. */
	EXPECT_EQ(0, set(self->fd, EPOLLIN));
	EXPECT_COUNTS(self->fd, .polls = 3, .polls_waiting = 3, .waiters_added = 3, .wakes = 1,
		      .waiters_called = 3, .changes = 1, .ready = EPOLLIN);
	/* But all have it on their ready lists. */
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(EPOLLIN, look(epolls[i]));
	EXPECT_EQ(0, clear(self->fd, EPOLLIN));
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(0, look(epolls[i]));
	/* Somebody waits in the second: the first is called, the third is not. */
	waiter.fd = epolls[1];
	ASSERT_TRUE(waiter_start(&waiter));
	EXPECT_EQ(0, set(self->fd, EPOLLIN));
	EXPECT_EQ(1, waiter_end(&waiter));
	for (int i = 0; i < 3; i++)
		close(epolls[i]);
	EXPECT_COUNTS(self->fd, .polls = 10, .polls_waiting = 3, .polls_found = 4,
		      .masks = EPOLLIN, .waiters_added = 3, .waiters_removed = 3, .wakes = 2,
		      .waiters_called = 5, .waiters_woken = 1, .changes = 3, .ready = EPOLLIN);
}

TEST_F(source, epoll_exclusive_behind_others)
{
	struct waiter plain = { .call = call_poll, .fd = self->fd }, herd[4];

	/* Those that are not exclusive stand before all that are, and do not end it. */
	ASSERT_TRUE(herd_start(herd, self->fd, EPOLLIN | EPOLLEXCLUSIVE));
	ASSERT_TRUE(waiter_start(&plain));
	EXPECT_EQ(0, set(self->fd, EPOLLIN));
	EXPECT_EQ(1, waiter_end(&plain));
	EXPECT_EQ(1, waiter_end(&herd[0]));
	EXPECT_COUNTS(self->fd, .polls = 7, .polls_waiting = 5, .polls_found = 2,
		      .masks = EPOLLIN, .waiters_added = 5, .waiters_removed = 1, .wakes = 1,
		      .waiters_called = 2, .waiters_woken = 2, .changes = 1, .ready = EPOLLIN);
	close(herd[0].fd);
	/* An exclusive item that was not asked says no, and the next is called. */
	EXPECT_EQ(0, set(self->fd, EPOLLOUT));
	EXPECT_COUNTS(self->fd, .polls = 7, .polls_waiting = 5, .polls_found = 2,
		      .masks = EPOLLIN, .waiters_added = 5, .waiters_removed = 2, .wakes = 2,
		      .waiters_called = 5, .waiters_woken = 2, .changes = 2,
		      .ready = EPOLLIN | EPOLLOUT);
	for (int i = 1; i < 4; i++) {
		EXPECT_EQ(0, set(self->fd, EPOLLIN));
		EXPECT_EQ(1, waiter_end(&herd[i]));
		close(herd[i].fd);
	}
}

TEST_F(source, epoll_in_epoll)
{
	int inner = epoll_create1(EPOLL_CLOEXEC), outer = epoll_create1(EPOLL_CLOEXEC);

	ASSERT_EQ(0, ctl(inner, EPOLL_CTL_ADD, self->fd, EPOLLIN));
	ASSERT_EQ(0, ctl(outer, EPOLL_CTL_ADD, inner, EPOLLIN));
	/* The inner one looks only at what it was called for. */
	EXPECT_COUNTS(self->fd, .polls = 1, .polls_waiting = 1, .waiters_added = 1);
	EXPECT_EQ(0, set(self->fd, EPOLLIN));
	EXPECT_EQ(EPOLLIN, look(outer));
	EXPECT_EQ(EPOLLIN, look(inner));
	EXPECT_COUNTS(self->fd, .polls = 3, .polls_waiting = 1, .polls_found = 2,
		      .masks = EPOLLIN, .waiters_added = 1, .wakes = 1, .waiters_called = 1,
		      .waiters_woken = 1, .changes = 1, .ready = EPOLLIN);
	close(outer);
	close(inner);
	EXPECT_EQ(1, counters(self->fd).waiters_removed);
}
