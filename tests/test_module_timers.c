// SPDX-License-Identifier: GPL-2.0-or-later
/* Part of test_module.c: changes to come. Nothing is asserted of how late they are. */
#include "test_module.h"

/* Waits until the timer made @n changes. */
static bool timers_wait(int fd, __u64 n)
{
	__u64 until = now_ns() + PATIENCE_NS;

	while (counters(fd).timers < n && now_ns() < until)
		sleep_ms(1);
	return counters(fd).timers == n;
}

TEST_F(source, timer_fires_once)
{
	__u64 at_ns = now_ns() + 30 * MS;
	struct ioready_counters got;

	EXPECT_EQ(0, set_at(self->fd, EPOLLIN, at_ns));
	got = counters(self->fd);
	/* Not before its time. */
	if (now_ns() < at_ns)
		EXPECT_EQ(0, got.changes);
	ASSERT_TRUE(timers_wait(self->fd, 1));
	got = counters(self->fd);
	EXPECT_LE(at_ns, got.ready_ns);
	EXPECT_EQ(got.ready_ns, got.wake_ns);
	/* Late by then, and made after. */
	EXPECT_LE(at_ns + got.late_ns, got.ready_ns);
	EXPECT_GE(now_ns(), at_ns + got.late_ns);
	say("# late by %llu ns\n", got.late_ns);
	sleep_ms(50);
	EXPECT_COUNTS(self->fd, .changes = 1, .timers = 1, .wakes = 1, .ready = EPOLLIN);
}

TEST_F(source, timer_wakes)
{
	struct waiter waiter = { .call = call_poll, .fd = self->fd };
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };
	__u64 at_ns;

	ASSERT_EQ(0, epoll_ctl(epoll, EPOLL_CTL_ADD, self->fd, &event));
	ASSERT_TRUE(waiter_start(&waiter));
	at_ns = now_ns() + 20 * MS;
	EXPECT_EQ(0, set_at(self->fd, EPOLLIN, at_ns));
	EXPECT_EQ(1, epoll_wait(epoll, &event, 1, -1));
	EXPECT_LE(at_ns, now_ns());
	EXPECT_EQ(1, waiter_end(&waiter));
	EXPECT_COUNTS(self->fd, .polls = 4, .polls_waiting = 2, .polls_found = 2,
		      .masks = EPOLLIN, .waiters_added = 2, .waiters_removed = 1, .wakes = 1,
		      .waiters_called = 2, .waiters_woken = 2, .changes = 1, .timers = 1,
		      .ready = EPOLLIN);
	close(epoll);
}

TEST_F(source, timer_that_clears)
{
	__u64 ready_ns;

	EXPECT_EQ(0, set(self->fd, EPOLLIN | EPOLLOUT));
	ready_ns = counters(self->fd).ready_ns;
	EXPECT_EQ(0, change(self->fd, .clear = EPOLLIN, .at_ns = now_ns() + MS));
	ASSERT_TRUE(timers_wait(self->fd, 1));
	EXPECT_EQ(ready_ns, counters(self->fd).wake_ns);
	EXPECT_COUNTS(self->fd, .changes = 2, .timers = 1, .wakes = 1, .ready = EPOLLOUT);
	/* And sets, in one step. */
	EXPECT_EQ(0, change(self->fd, .clear = EPOLLOUT, .set = EPOLLPRI, .at_ns = now_ns() + MS));
	ASSERT_TRUE(timers_wait(self->fd, 2));
	EXPECT_COUNTS(self->fd, .changes = 3, .timers = 2, .wakes = 2, .ready = EPOLLPRI);
}

TEST_F(source, timer_of_the_past)
{
	__u64 before = now_ns();

	EXPECT_EQ(0, set_at(self->fd, EPOLLIN, 1));
	ASSERT_TRUE(timers_wait(self->fd, 1));
	EXPECT_LE(before, counters(self->fd).ready_ns);
	EXPECT_LE(before - 1, counters(self->fd).late_ns);
	EXPECT_COUNTS(self->fd, .changes = 1, .timers = 1, .wakes = 1, .ready = EPOLLIN);
	/* A late one is not forgotten by one that is made at once. */
	EXPECT_EQ(0, set(self->fd, EPOLLOUT));
	EXPECT_LE(before - 1, counters(self->fd).late_ns);
}

TEST_F(source, timer_is_replaced)
{
	__u64 at_ns = now_ns() + 40 * MS;

	/* By a later, and by an earlier. */
	EXPECT_EQ(0, set_at(self->fd, EPOLLOUT, now_ns() + 3600 * 1000 * MS));
	EXPECT_EQ(0, set_at(self->fd, EPOLLPRI, now_ns() + 7200 * 1000 * MS));
	EXPECT_COUNTS(self->fd, .timers_dropped = 1);
	EXPECT_EQ(0, set_at(self->fd, EPOLLIN, at_ns));
	EXPECT_EQ(2, counters(self->fd).timers_dropped);
	ASSERT_TRUE(timers_wait(self->fd, 1));
	EXPECT_LE(at_ns, counters(self->fd).ready_ns);
	EXPECT_COUNTS(self->fd, .changes = 1, .timers = 1, .timers_dropped = 2, .wakes = 1,
		      .ready = EPOLLIN);
	/* What was made is not pending any more. */
	EXPECT_EQ(0, set_at(self->fd, EPOLLOUT, now_ns() + 3600 * 1000 * MS));
	EXPECT_EQ(0, cancel(self->fd));
	EXPECT_EQ(0, cancel(self->fd));
	EXPECT_COUNTS(self->fd, .changes = 1, .timers = 1, .timers_dropped = 3, .wakes = 1,
		      .ready = EPOLLIN);
}

TEST_F(source, timer_and_a_change_at_once)
{
	/* Which leaves it pending ... */
	EXPECT_EQ(0, set_at(self->fd, EPOLLOUT, now_ns() + 20 * MS));
	EXPECT_EQ(0, set(self->fd, EPOLLIN));
	EXPECT_EQ(0, clear(self->fd, EPOLLIN));
	ASSERT_TRUE(timers_wait(self->fd, 1));
	EXPECT_COUNTS(self->fd, .changes = 3, .timers = 1, .wakes = 2, .ready = EPOLLOUT);
	/* ... unless it says otherwise. */
	EXPECT_EQ(0, set_at(self->fd, EPOLLPRI, now_ns() + 3600 * 1000 * MS));
	EXPECT_EQ(0, change(self->fd, .set = EPOLLIN, .clear = EPOLLOUT,
			    .flags = IOREADY_CANCEL));
	EXPECT_COUNTS(self->fd, .changes = 4, .timers = 1, .timers_dropped = 1, .wakes = 3,
		      .ready = EPOLLIN);
}

TEST_F(source, timer_is_dropped_or_made)
{
	/* Around its time either may be; but one of both, and only once. */
	for (int i = 1; i <= 500; i++) {
		struct ioready_counters got;

		ASSERT_EQ(0, set_at(self->fd, EPOLLIN, now_ns() + i % 100 * 1000));
		ASSERT_EQ(0, i % 2 ? cancel(self->fd) :
			  change(self->fd, .clear = EPOLLIN, .flags = IOREADY_CANCEL));
		got = counters(self->fd);
		ASSERT_EQ(i, got.timers + got.timers_dropped);
		ASSERT_EQ(got.timers + i / 2, got.changes);
		ASSERT_EQ(got.timers, got.wakes);
	}
	say("# %llu of 500 were made\n", counters(self->fd).timers);
}

/* A poll of the source so many times that its wait queue takes long to go through. */
enum { CROWD = 1000 };

static long call_poll_crowd(struct waiter *waiter)
{
	static struct pollfd pollfds[CROWD];

	for (int i = 0; i < CROWD; i++)
		pollfds[i] = (struct pollfd){ waiter->fd, POLLPRI };
	return poll(pollfds, CROWD, -1);
}

struct nearest {
	int fd;
	atomic_bool ends;
};

static void *nearest_main(void *arg)
{
	struct nearest *nearest = arg;

	if (pin_to(0, SCHED_OTHER))
		return NULL;
	while (!atomic_load(&nearest->ends)) {
		set_at(nearest->fd, EPOLLIN, now_ns() + 20000);
		counters(nearest->fd);
	}
	return NULL;
}

TEST_F(source, timer_is_never_early)
{
	struct waiter crowd = { .call = call_poll_crowd, .fd = self->fd };
	struct nearest nearest = { .fd = self->fd };
	__u64 until, state = seed_get();
	struct ioready_counters got;
	pthread_t thread;

	/*
	 * One processor counts the crowd with its interrupts off; meanwhile its timer comes
	 * due, and the other waits for the lock. When it is let go, the interrupt comes too
	 * late to be first: it finds a change that is due in an hour, and must leave it.
	 */
	if (pin_to(1, SCHED_OTHER))
		SKIP(return, "one processor");
	ASSERT_TRUE(waiter_start(&crowd));
	ASSERT_EQ(0, pthread_create(&thread, NULL, nearest_main, &nearest));
	for (until = now_ns() + 2000 * MS; now_ns() < until;) {
		ASSERT_EQ(0, set_at(self->fd, EPOLLOUT, now_ns() + 3600 * 1000 * MS));
		for (__u64 next = now_ns() + random_next(&state) % 200000; now_ns() < next;)
			;
	}
	atomic_store(&nearest.ends, true);
	pthread_join(thread, NULL);
	EXPECT_EQ(0, cancel(self->fd));
	got = counters(self->fd);
	say("# %llu made, %llu dropped\n", got.timers, got.timers_dropped);
	EXPECT_LT(0, got.timers);
	EXPECT_EQ(EPOLLIN, got.ready);
	EXPECT_EQ(0, set(self->fd, EPOLLPRI));
	EXPECT_EQ(CROWD, waiter_end(&crowd));
}

TEST_F(source, timer_of_a_closed_source)
{
	__u64 state = seed_get();

	for (int i = 0; i < 5000; i++) {
		int fd = source_open();

		ASSERT_LE(0, fd);
		/* Long before, about when, and after it is due. */
		ASSERT_EQ(0, set_at(fd, EPOLLIN, i % 10 ? now_ns() + random_next(&state) % 200000
				    : now_ns() + 3600 * 1000 * MS));
		if (i % 3 == 0)
			ASSERT_EQ(0, set_at(fd, EPOLLOUT, now_ns() + random_next(&state) % 50000));
		close(fd);
	}
	EXPECT_EQ(self->sources, info(self->fd).sources);
}

struct closer {
	atomic_int fd;
	atomic_bool ends;
};

static void *closer_main(void *arg)
{
	struct closer *closer = arg;

	while (!atomic_load(&closer->ends)) {
		int fd = atomic_exchange(&closer->fd, -1);

		if (fd >= 0)
			close(fd);
	}
	return NULL;
}

TEST_F(source, timer_of_a_source_that_another_thread_closes)
{
	struct closer closer = { .fd = -1 };
	__u64 state = seed_get();
	pthread_t thread;

	ASSERT_EQ(0, pthread_create(&thread, NULL, closer_main, &closer));
	for (int i = 0; i < 2000; i++) {
		int fd = source_open();

		ASSERT_LE(0, fd);
		ASSERT_EQ(0, set_at(fd, EPOLLIN, now_ns() + random_next(&state) % 100000));
		while (atomic_load(&closer.fd) >= 0)
			sched_yield();
		atomic_store(&closer.fd, fd);
	}
	while (atomic_load(&closer.fd) >= 0)
		sched_yield();
	atomic_store(&closer.ends, true);
	pthread_join(thread, NULL);
}

TEST_F(source, timers_of_a_thousand)
{
	enum { N = 1000 };
	static struct ioready_member members[N];
	__u64 at_ns, latest = 0;
	__u32 failed;

	for (int i = 0; i < N; i++) {
		int fd = source_open();

		ASSERT_LE(0, fd);
		members[i] = (struct ioready_member){ .fd = fd, .change = { .set = EPOLLIN } };
	}
	at_ns = now_ns() + 100 * MS;
	for (int i = 0; i < N; i++)
		members[i].change.at_ns = at_ns;
	ASSERT_EQ(0, batch(members, N, &failed));
	EXPECT_EQ(N, failed);
	for (int i = 0; i < N; i++) {
		struct ioready_counters got;

		ASSERT_TRUE(timers_wait(members[i].fd, 1));
		got = counters(members[i].fd);
		ASSERT_LE(at_ns, got.ready_ns);
		ASSERT_LE(at_ns + got.late_ns, got.ready_ns);
		EXPECT_COUNTS(members[i].fd, .changes = 1, .timers = 1, .wakes = 1,
			      .ready = EPOLLIN);
		latest = got.late_ns > latest ? got.late_ns : latest;
		close(members[i].fd);
	}
	say("# the last of %d late by %llu ns\n", N, latest);
}
