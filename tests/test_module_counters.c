// SPDX-License-Identifier: GPL-2.0-or-later
/* Part of test_module.c: the counters, through select, pselect6, poll and ppoll. */
#include "test_module.h"

TEST_F(source, fresh)
{
	struct ioready_counters first = counters(self->fd), second;
	int fd = source_open();

	ASSERT_LE(0, fd);
	second = counters(fd);
	EXPECT_COUNTS(fd, 0);
	EXPECT_EQ(0, second.ready_ns);
	EXPECT_EQ(0, second.wake_ns);
	EXPECT_EQ(0, second.late_ns);
	EXPECT_LT(first.source, second.source);
	close(fd);
	/* A number is never used twice, also if the memory is. */
	fd = source_open();
	ASSERT_LE(0, fd);
	EXPECT_LT(second.source, counters(fd).source);
	close(fd);
}

TEST_F(source, changes)
{
	struct ioready_counters first, next;
	__u64 before = now_ns(), after;

	EXPECT_EQ(0, set(self->fd, EPOLLIN));
	after = now_ns();
	first = counters(self->fd);
	EXPECT_LE(before, first.ready_ns);
	EXPECT_GE(after, first.ready_ns);
	EXPECT_EQ(first.ready_ns, first.wake_ns);
	EXPECT_COUNTS(self->fd, .changes = 1, .wakes = 1, .ready = EPOLLIN);

	/* More of the same, and another: both wake, neither is the moment of ready. */
	EXPECT_EQ(0, set(self->fd, EPOLLIN));
	EXPECT_EQ(0, set(self->fd, EPOLLOUT | EPOLLHUP));
	next = counters(self->fd);
	EXPECT_EQ(first.ready_ns, next.ready_ns);
	EXPECT_LT(first.wake_ns, next.wake_ns);
	EXPECT_COUNTS(self->fd, .changes = 3, .wakes = 3, .ready = EPOLLIN | EPOLLOUT | EPOLLHUP);

	/* Away: nobody is woken, no time is told. Also of what was not there. */
	EXPECT_EQ(0, clear(self->fd, EPOLLIN | EPOLLOUT | EPOLLPRI));
	EXPECT_EQ(0, clear(self->fd, EPOLLHUP));
	EXPECT_EQ(0, clear(self->fd, IOREADY_EVENTS));
	EXPECT_EQ(next.wake_ns, counters(self->fd).wake_ns);
	EXPECT_EQ(next.ready_ns, counters(self->fd).ready_ns);
	EXPECT_COUNTS(self->fd, .changes = 6, .wakes = 3);

	/* And from none to some again. */
	EXPECT_EQ(0, set(self->fd, EPOLLOUT));
	EXPECT_LT(next.wake_ns, counters(self->fd).ready_ns);
	EXPECT_COUNTS(self->fd, .changes = 7, .wakes = 4, .ready = EPOLLOUT);
}

TEST_F(source, clear_and_set)
{
	__u64 ready_ns;

	EXPECT_EQ(0, set(self->fd, EPOLLIN | EPOLLOUT));
	ready_ns = counters(self->fd).ready_ns;
	/* Something stays ready throughout. */
	EXPECT_EQ(0, change(self->fd, .clear = EPOLLIN, .set = EPOLLPRI));
	EXPECT_EQ(ready_ns, counters(self->fd).ready_ns);
	EXPECT_COUNTS(self->fd, .changes = 2, .wakes = 2, .ready = EPOLLOUT | EPOLLPRI);
	/* All that was is taken away first, so that it becomes ready anew. */
	EXPECT_EQ(0, change(self->fd, .clear = EPOLLOUT | EPOLLPRI, .set = EPOLLIN));
	EXPECT_LT(ready_ns, counters(self->fd).ready_ns);
	EXPECT_COUNTS(self->fd, .changes = 3, .wakes = 3, .ready = EPOLLIN);
}

TEST_F(source, cancel_of_nothing)
{
	EXPECT_EQ(0, cancel(self->fd));
	EXPECT_COUNTS(self->fd, 0);
	EXPECT_EQ(0, change(self->fd, .set = EPOLLIN, .flags = IOREADY_CANCEL));
	EXPECT_COUNTS(self->fd, .changes = 1, .wakes = 1, .ready = EPOLLIN);
}

/* --- the four calls that add their waiters for one look each ----------------------- */

typedef int wait_fn(const int *fds, int n, short events, int ms);

static int wait_poll(const int *fds, int n, short events, int ms)
{
	struct pollfd pollfds[4];

	for (int i = 0; i < n; i++)
		pollfds[i] = (struct pollfd){ fds[i], events };
	return poll(pollfds, n, ms);
}

static int wait_ppoll(const int *fds, int n, short events, int ms)
{
	struct timespec time = { ms / 1000, ms % 1000 * 1000000L };
	struct pollfd pollfds[4];
	sigset_t mask;

	sigemptyset(&mask);
	for (int i = 0; i < n; i++)
		pollfds[i] = (struct pollfd){ fds[i], events };
	return ppoll(pollfds, n, ms < 0 ? NULL : &time, &mask);
}

static int sets_fill(fd_set sets[3], const int *fds, int n, short events)
{
	static const short of[3] = { POLLIN, POLLOUT, POLLPRI };
	int max = -1;

	for (int s = 0; s < 3; s++) {
		FD_ZERO(&sets[s]);
		for (int i = 0; i < n; i++) {
			if (events & of[s])
				FD_SET(fds[i], &sets[s]);
			max = fds[i] > max ? fds[i] : max;
		}
	}
	return max + 1;
}

static int wait_select(const int *fds, int n, short events, int ms)
{
	struct timeval time = { ms / 1000, ms % 1000 * 1000 };
	fd_set sets[3];

	return select(sets_fill(sets, fds, n, events), &sets[0], &sets[1], &sets[2],
		      ms < 0 ? NULL : &time);
}

static int wait_pselect(const int *fds, int n, short events, int ms)
{
	struct timespec time = { ms / 1000, ms % 1000 * 1000000L };
	fd_set sets[3];
	sigset_t mask;

	sigemptyset(&mask);
	return pselect(sets_fill(sets, fds, n, events), &sets[0], &sets[1], &sets[2],
		       ms < 0 ? NULL : &time, &mask);
}

/* As the fixture source, with a second one. */
FIXTURE(waiting)
{
	int fds[2];
	unsigned int sources;
	struct waiter waiter;
};

FIXTURE_VARIANT(waiting)
{
	wait_fn *wait;
};

FIXTURE_VARIANT_ADD(waiting, select) { .wait = wait_select };
FIXTURE_VARIANT_ADD(waiting, pselect6) { .wait = wait_pselect };
FIXTURE_VARIANT_ADD(waiting, poll) { .wait = wait_poll };
FIXTURE_VARIANT_ADD(waiting, ppoll) { .wait = wait_ppoll };

/* Waits for reading on all fds that are there, for as long as it takes. */
static long call_wait(struct waiter *waiter)
{
	int fds[2] = { waiter->fd, waiter->more[0] };

	return ((wait_fn *)waiter->with)(fds, fds[1] ? 2 : 1, POLLIN, -1);
}

FIXTURE_SETUP(waiting)
{
	SKIP_UNLESS_POSSIBLE();
	for (int i = 0; i < 2; i++) {
		self->fds[i] = source_open();
		ASSERT_LE(0, self->fds[i]);
	}
	self->sources = info(self->fds[0]).sources;
	self->waiter = (struct waiter){
		.call = call_wait, .with = variant->wait, .fd = self->fds[0],
	};
}

FIXTURE_TEARDOWN(waiting)
{
	EXPECT_EQ(self->sources, info(self->fds[0]).sources);
	close(self->fds[0]);
	close(self->fds[1]);
}

TEST_F(waiting, looks)
{
	/* A time-out of 0 waits for nothing, and adds no waiter. */
	EXPECT_EQ(0, variant->wait(self->fds, 1, POLLIN, 0));
	EXPECT_COUNTS(self->fds[0], .polls = 1);
	EXPECT_EQ(0, set(self->fds[0], EPOLLIN));
	EXPECT_EQ(1, variant->wait(self->fds, 1, POLLIN, 0));
	EXPECT_COUNTS(self->fds[0], .polls = 2, .polls_found = 1, .masks = EPOLLIN,
		      .changes = 1, .wakes = 1, .ready = EPOLLIN);
	/* Ready, but not for what is asked; what was returned is told all the same. */
	EXPECT_EQ(0, change(self->fds[0], .clear = EPOLLIN, .set = EPOLLWRBAND | EPOLLMSG));
	EXPECT_EQ(0, variant->wait(self->fds, 1, POLLIN, 0));
	EXPECT_COUNTS(self->fds[0], .polls = 3, .polls_found = 1,
		      .masks = EPOLLIN | EPOLLWRBAND | EPOLLMSG, .changes = 2, .wakes = 2,
		      .ready = EPOLLWRBAND | EPOLLMSG);
}

TEST_F(waiting, hup_and_err)
{
	/* Whoever asks for reading is told of the end and of errors. */
	EXPECT_EQ(0, set(self->fds[0], EPOLLERR));
	EXPECT_EQ(1, variant->wait(self->fds, 1, POLLIN, 0));
	EXPECT_EQ(0, change(self->fds[0], .clear = EPOLLERR, .set = EPOLLHUP));
	EXPECT_EQ(1, variant->wait(self->fds, 1, POLLIN, 0));
	EXPECT_COUNTS(self->fds[0], .polls = 2, .polls_found = 2, .masks = EPOLLERR | EPOLLHUP,
		      .changes = 2, .wakes = 2, .ready = EPOLLHUP);
}

TEST_F(waiting, finds_at_once)
{
	EXPECT_EQ(0, set(self->fds[0], EPOLLIN));
	EXPECT_EQ(1, variant->wait(self->fds, 1, POLLIN, -1));
	EXPECT_COUNTS(self->fds[0], .polls = 1, .polls_waiting = 1, .polls_found = 1,
		      .masks = EPOLLIN, .waiters_added = 1, .waiters_removed = 1, .changes = 1,
		      .wakes = 1, .ready = EPOLLIN);
}

TEST_F(waiting, finds_two_at_once)
{
	EXPECT_EQ(0, set(self->fds[0], EPOLLIN));
	EXPECT_EQ(0, set(self->fds[1], EPOLLIN));
	EXPECT_EQ(2, variant->wait(self->fds, 2, POLLIN, -1));
	/* From the first that is found on, there is nothing to wait for. */
	EXPECT_COUNTS(self->fds[0], .polls = 1, .polls_waiting = 1, .polls_found = 1,
		      .masks = EPOLLIN, .waiters_added = 1, .waiters_removed = 1, .changes = 1,
		      .wakes = 1, .ready = EPOLLIN);
	EXPECT_COUNTS(self->fds[1], .polls = 1, .polls_found = 1, .masks = EPOLLIN,
		      .changes = 1, .wakes = 1, .ready = EPOLLIN);
}

TEST_F(waiting, times_out)
{
	/* One look before, which adds the waiter, and a last one. */
	EXPECT_EQ(0, variant->wait(self->fds, 1, POLLIN, 20));
	EXPECT_COUNTS(self->fds[0], .polls = 2, .polls_waiting = 1, .waiters_added = 1,
		      .waiters_removed = 1);
}

TEST_F(waiting, is_woken)
{
	ASSERT_TRUE(waiter_start(&self->waiter));
	EXPECT_COUNTS(self->fds[0], .polls = 1, .polls_waiting = 1, .waiters_added = 1);
	EXPECT_EQ(0, set(self->fds[0], EPOLLIN | EPOLLRDNORM));
	EXPECT_EQ(1, waiter_end(&self->waiter));
	EXPECT_COUNTS(self->fds[0], .polls = 2, .polls_waiting = 1, .polls_found = 1,
		      .masks = EPOLLIN | EPOLLRDNORM, .waiters_added = 1, .waiters_removed = 1,
		      .wakes = 1, .waiters_called = 1, .waiters_woken = 1, .changes = 1,
		      .ready = EPOLLIN | EPOLLRDNORM);
}

TEST_F(waiting, is_woken_by_what_it_asked_for)
{
	ASSERT_TRUE(waiter_start(&self->waiter));
	/* It is asked each time, and says no. */
	EXPECT_EQ(0, set(self->fds[0], EPOLLOUT));
	EXPECT_EQ(0, set(self->fds[0], EPOLLWRNORM | EPOLLMSG));
	EXPECT_COUNTS(self->fds[0], .polls = 1, .polls_waiting = 1, .waiters_added = 1,
		      .wakes = 2, .waiters_called = 2, .changes = 2,
		      .ready = EPOLLOUT | EPOLLWRNORM | EPOLLMSG);
	EXPECT_EQ(0, change(self->fds[0], .set = EPOLLHUP, .clear = EPOLLWRNORM | EPOLLMSG));
	EXPECT_EQ(1, waiter_end(&self->waiter));
	EXPECT_COUNTS(self->fds[0], .polls = 2, .polls_waiting = 1, .polls_found = 1,
		      .masks = EPOLLOUT | EPOLLHUP, .waiters_added = 1, .waiters_removed = 1,
		      .wakes = 3, .waiters_called = 3, .waiters_woken = 1, .changes = 3,
		      .ready = EPOLLOUT | EPOLLHUP);
}

TEST_F(waiting, is_not_woken_by_a_clear)
{
	ASSERT_TRUE(waiter_start(&self->waiter));
	EXPECT_EQ(0, clear(self->fds[0], EPOLLIN));
	EXPECT_COUNTS(self->fds[0], .polls = 1, .polls_waiting = 1, .waiters_added = 1,
		      .changes = 1);
	EXPECT_EQ(0, set(self->fds[0], EPOLLIN));
	EXPECT_EQ(1, waiter_end(&self->waiter));
}

static void signal_ignore(int signal)
{
}

TEST_F(waiting, is_interrupted)
{
	struct sigaction action = { .sa_handler = signal_ignore };

	ASSERT_EQ(0, sigaction(SIGUSR1, &action, NULL));
	ASSERT_TRUE(waiter_start(&self->waiter));
	ASSERT_EQ(0, pthread_kill(self->waiter.thread, SIGUSR1));
	EXPECT_EQ(-EINTR, waiter_end(&self->waiter));
	/* It looks once more before it gives up. */
	EXPECT_COUNTS(self->fds[0], .polls = 2, .polls_waiting = 1, .waiters_added = 1,
		      .waiters_removed = 1);
}

/*
 * Both threads on one processor, the one that sets above the other: what was woken
 * does not run until both are set.
 */
static long call_wait_pinned(struct waiter *waiter)
{
	return pin_to(0, SCHED_OTHER) ? -1 : call_wait(waiter);
}

TEST_F(waiting, for_two_that_are_set_in_turn)
{
	ASSERT_EQ(0, pin_to(0, SCHED_FIFO));
	self->waiter.call = call_wait_pinned;
	self->waiter.more[0] = self->fds[1];
	ASSERT_TRUE(waiter_start(&self->waiter));
	EXPECT_EQ(0, set(self->fds[1], EPOLLIN));
	EXPECT_EQ(0, set(self->fds[0], EPOLLIN));
	EXPECT_EQ(0, set(self->fds[0], EPOLLIN));
	/* A thread is woken once, however many call it. */
	EXPECT_COUNTS(self->fds[1], .polls = 1, .polls_waiting = 1, .waiters_added = 1,
		      .wakes = 1, .waiters_called = 1, .waiters_woken = 1, .changes = 1,
		      .ready = EPOLLIN);
	EXPECT_COUNTS(self->fds[0], .polls = 1, .polls_waiting = 1, .waiters_added = 1,
		      .wakes = 2, .waiters_called = 2, .changes = 2, .ready = EPOLLIN);
	EXPECT_EQ(2, waiter_end(&self->waiter));
	EXPECT_COUNTS(self->fds[1], .polls = 2, .polls_waiting = 1, .polls_found = 1,
		      .masks = EPOLLIN, .waiters_added = 1, .waiters_removed = 1, .wakes = 1,
		      .waiters_called = 1, .waiters_woken = 1, .changes = 1, .ready = EPOLLIN);
	EXPECT_COUNTS(self->fds[0], .polls = 2, .polls_waiting = 1, .polls_found = 1,
		      .masks = EPOLLIN, .waiters_added = 1, .waiters_removed = 1, .wakes = 2,
		      .waiters_called = 2, .changes = 2, .ready = EPOLLIN);
}

TEST_F(waiting, as_a_herd)
{
	struct waiter herd[4];

	for (int i = 0; i < 4; i++) {
		herd[i] = self->waiter;
		ASSERT_TRUE(waiter_start(&herd[i]));
	}
	EXPECT_COUNTS(self->fds[0], .polls = 4, .polls_waiting = 4, .waiters_added = 4);
	EXPECT_EQ(0, set(self->fds[0], EPOLLIN));
	for (int i = 0; i < 4; i++)
		EXPECT_EQ(1, waiter_end(&herd[i]));
	EXPECT_COUNTS(self->fds[0], .polls = 8, .polls_waiting = 4, .polls_found = 4,
		      .masks = EPOLLIN, .waiters_added = 4, .waiters_removed = 4, .wakes = 1,
		      .waiters_called = 4, .waiters_woken = 4, .changes = 1, .ready = EPOLLIN);
}

TEST_F(source, twice_in_one_poll)
{
	struct pollfd pollfds[3] = {
		{ self->fd, POLLIN }, { self->fd, POLLOUT }, { self->fd, 0 },
	};

	/* poll(2) takes an fd as often as it is given; each is a waiter of its own. */
	EXPECT_EQ(0, poll(pollfds, 3, 1));
	EXPECT_COUNTS(self->fd, .polls = 6, .polls_waiting = 3, .waiters_added = 3,
		      .waiters_removed = 3);
	EXPECT_EQ(0, set(self->fd, EPOLLOUT));
	EXPECT_EQ(1, poll(pollfds, 3, -1));
	/* The second finds it, the third need not wait. */
	EXPECT_COUNTS(self->fd, .polls = 9, .polls_waiting = 5, .polls_found = 1,
		      .masks = EPOLLOUT, .waiters_added = 5, .waiters_removed = 5, .wakes = 1,
		      .changes = 1, .ready = EPOLLOUT);
}
