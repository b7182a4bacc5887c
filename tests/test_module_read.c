// SPDX-License-Identifier: GPL-2.0-or-later
/* Part of test_module.c: read() and SIGIO. */
#include "test_module.h"

static long take(int fd, struct ioready_readiness *readiness)
{
	memset(readiness, 0xff, sizeof(*readiness));
	return ERR(read(fd, readiness, sizeof(*readiness))) ?: sizeof(*readiness);
}

TEST_F(source, read_takes)
{
	struct ioready_readiness readiness;
	__u64 first;

	EXPECT_EQ(0, set(self->fd, EPOLLIN | EPOLLOUT));
	first = counters(self->fd).ready_ns;
	EXPECT_EQ(0, set(self->fd, EPOLLRDNORM));
	EXPECT_EQ(0, set(self->fd, EPOLLIN | EPOLLRDNORM));
	/* Not a change that sets it readable. */
	EXPECT_EQ(0, set(self->fd, EPOLLRDBAND | EPOLLPRI));
	EXPECT_EQ(16, take(self->fd, &readiness));
	EXPECT_EQ(first, readiness.ready_ns);
	EXPECT_EQ(3, readiness.sets);
	/* Only what is for reading is gone; the moment of ready stays. */
	EXPECT_EQ(first, counters(self->fd).ready_ns);
	EXPECT_COUNTS(self->fd, .changes = 4, .wakes = 4, .reads = 1,
		      .ready = EPOLLOUT | EPOLLRDBAND | EPOLLPRI);
	/* The next begins anew, although the source was ready all the time. */
	EXPECT_EQ(0, set(self->fd, EPOLLIN));
	EXPECT_EQ(16, take(self->fd, &readiness));
	EXPECT_EQ(counters(self->fd).wake_ns, readiness.ready_ns);
	EXPECT_LT(first, readiness.ready_ns);
	EXPECT_EQ(1, readiness.sets);
	EXPECT_COUNTS(self->fd, .changes = 5, .wakes = 5, .reads = 2,
		      .ready = EPOLLOUT | EPOLLRDBAND | EPOLLPRI);
}

TEST_F(source, read_after_a_clear)
{
	struct ioready_readiness readiness;

	EXPECT_EQ(0, set(self->fd, EPOLLIN));
	EXPECT_EQ(0, set(self->fd, EPOLLIN));
	EXPECT_EQ(0, clear(self->fd, EPOLLIN));
	EXPECT_EQ(0, set(self->fd, EPOLLRDNORM));
	EXPECT_EQ(16, take(self->fd, &readiness));
	EXPECT_EQ(counters(self->fd).ready_ns, readiness.ready_ns);
	EXPECT_EQ(1, readiness.sets);
	/* In one step as well. */
	EXPECT_EQ(0, set(self->fd, EPOLLIN));
	EXPECT_EQ(0, change(self->fd, .clear = EPOLLIN, .set = EPOLLRDNORM));
	EXPECT_EQ(16, take(self->fd, &readiness));
	EXPECT_EQ(counters(self->fd).ready_ns, readiness.ready_ns);
	EXPECT_EQ(1, readiness.sets);
}

TEST_F(source, read_nonblocking)
{
	struct ioready_readiness readiness;
	struct iovec iovec = { &readiness, sizeof(readiness) };
	int fd = source_open_nonblock();

	ASSERT_LE(0, fd);
	EXPECT_EQ(-EAGAIN, take(fd, &readiness));
	/* Ready, but not to be read. */
	EXPECT_EQ(0, set(fd, IOREADY_EVENTS & ~(EPOLLIN | EPOLLRDNORM | EPOLLHUP)));
	EXPECT_EQ(-EAGAIN, take(fd, &readiness));
	EXPECT_EQ(0, set(fd, EPOLLRDNORM));
	EXPECT_EQ(16, take(fd, &readiness));
	EXPECT_EQ(-EAGAIN, take(fd, &readiness));
	close(fd);

	/* And by the flag of one call. */
	EXPECT_EQ(-EAGAIN, ERR(preadv2(self->fd, &iovec, 1, -1, RWF_NOWAIT)));
	EXPECT_COUNTS(self->fd, 0);
	EXPECT_EQ(0, set(self->fd, EPOLLIN));
	EXPECT_EQ(16, preadv2(self->fd, &iovec, 1, -1, RWF_NOWAIT));
	EXPECT_EQ(1, readiness.sets);
	EXPECT_EQ(-EAGAIN, ERR(preadv2(self->fd, &iovec, 1, -1, RWF_NOWAIT)));
	EXPECT_COUNTS(self->fd, .changes = 1, .wakes = 1, .reads = 1);
}

TEST_F(source, read_errors)
{
	struct ioready_readiness readiness;
	void *volatile nowhere = NULL;
	char longer[64];
	struct iovec parts[2] = { { longer, 7 }, { longer + 7, 9 } };

	EXPECT_EQ(0, set(self->fd, EPOLLIN));
	for (size_t size = 0; size < sizeof(readiness); size++)
		EXPECT_EQ(-EINVAL, ERR(read(self->fd, longer, size)));
	EXPECT_COUNTS(self->fd, .changes = 1, .wakes = 1, .ready = EPOLLIN);
	/* What was taken for a bad buffer is lost. */
	EXPECT_EQ(-EFAULT, ERR(read(self->fd, nowhere, sizeof(readiness))));
	EXPECT_COUNTS(self->fd, .changes = 1, .wakes = 1, .reads = 1);
	/* A longer buffer takes one, not two; one in parts takes it as well. */
	EXPECT_EQ(0, set(self->fd, EPOLLIN));
	EXPECT_EQ(16, read(self->fd, longer, sizeof(longer)));
	EXPECT_EQ(0, set(self->fd, EPOLLIN));
	EXPECT_EQ(16, readv(self->fd, parts, 2));
	memcpy(&readiness, longer, sizeof(readiness));
	EXPECT_EQ(counters(self->fd).ready_ns, readiness.ready_ns);
	EXPECT_EQ(1, readiness.sets);
}

TEST_F(source, read_at_the_end)
{
	struct ioready_readiness readiness;

	/* What came before the end is read first. */
	EXPECT_EQ(0, set(self->fd, EPOLLIN));
	EXPECT_EQ(0, set(self->fd, EPOLLHUP));
	EXPECT_EQ(16, take(self->fd, &readiness));
	EXPECT_EQ(0, read(self->fd, &readiness, sizeof(readiness)));
	EXPECT_EQ(0, read(self->fd, &readiness, sizeof(readiness)));
	EXPECT_COUNTS(self->fd, .changes = 2, .wakes = 2, .reads = 1, .ready = EPOLLHUP);
}

TEST_F(source, read_blocks)
{
	static const __u32 events[] = { EPOLLIN, EPOLLRDNORM };

	for (int i = 0; i < 2; i++) {
		struct waiter reader = { .call = call_read, .fd = self->fd };

		ASSERT_TRUE(waiter_start(&reader));
		/* Wakes that are not for it, and a clear. */
		EXPECT_EQ(0, set(self->fd, EPOLLOUT | EPOLLPRI));
		EXPECT_EQ(0, clear(self->fd, EPOLLOUT | EPOLLPRI));
		EXPECT_EQ(0, set(self->fd, events[i]));
		EXPECT_EQ(16, waiter_end(&reader));
		EXPECT_EQ(counters(self->fd).ready_ns, reader.readiness.ready_ns);
		EXPECT_EQ(1, reader.readiness.sets);
	}
	/* Who blocks in read() is not one of poll's waiters. */
	EXPECT_COUNTS(self->fd, .changes = 6, .wakes = 4, .reads = 2);
}

TEST_F(source, read_blocks_until_the_end)
{
	struct waiter reader = { .call = call_read, .fd = self->fd };

	ASSERT_TRUE(waiter_start(&reader));
	EXPECT_EQ(0, set(self->fd, EPOLLHUP));
	EXPECT_EQ(0, waiter_end(&reader));
	EXPECT_COUNTS(self->fd, .changes = 1, .wakes = 1, .ready = EPOLLHUP);
}

TEST_F(source, read_blocks_until_the_time)
{
	struct ioready_readiness readiness;
	__u64 at_ns = now_ns() + 50 * MS;

	EXPECT_EQ(0, set_at(self->fd, EPOLLIN, at_ns));
	EXPECT_EQ(16, take(self->fd, &readiness));
	EXPECT_LE(at_ns, readiness.ready_ns);
	EXPECT_COUNTS(self->fd, .changes = 1, .timers = 1, .wakes = 1, .reads = 1);
}

static void signal_nothing(int signal)
{
}

TEST_F(source, read_is_interrupted)
{
	struct sigaction action = { .sa_handler = signal_nothing };
	struct waiter reader = { .call = call_read, .fd = self->fd };

	ASSERT_EQ(0, sigaction(SIGUSR1, &action, NULL));
	ASSERT_TRUE(waiter_start(&reader));
	ASSERT_EQ(0, pthread_kill(reader.thread, SIGUSR1));
	EXPECT_EQ(-EINTR, waiter_end(&reader));
	EXPECT_COUNTS(self->fd, 0);
	/* Whom SA_RESTART lets sleep on sees the next. */
	action.sa_flags = SA_RESTART;
	ASSERT_EQ(0, sigaction(SIGUSR1, &action, NULL));
	ASSERT_TRUE(waiter_start(&reader));
	ASSERT_EQ(0, pthread_kill(reader.thread, SIGUSR1));
	EXPECT_EQ(0, set(self->fd, EPOLLIN));
	EXPECT_EQ(16, waiter_end(&reader));
	EXPECT_COUNTS(self->fd, .changes = 1, .wakes = 1, .reads = 1);
}

TEST_F(source, read_by_two)
{
	struct waiter readers[2];
	int first;

	for (int i = 0; i < 2; i++) {
		readers[i] = (struct waiter){ .call = call_read, .fd = self->fd };
		ASSERT_TRUE(waiter_start(&readers[i]));
	}
	/* One set is for one of them; the other goes on waiting. */
	EXPECT_EQ(0, set(self->fd, EPOLLIN));
	while (!counters(self->fd).reads)
		sleep_ms(1);
	EXPECT_COUNTS(self->fd, .changes = 1, .wakes = 1, .reads = 1);
	EXPECT_EQ(0, set(self->fd, EPOLLIN));
	for (int i = 0; i < 2; i++) {
		EXPECT_EQ(16, waiter_end(&readers[i]));
		EXPECT_EQ(1, readers[i].readiness.sets);
	}
	first = readers[1].readiness.ready_ns < readers[0].readiness.ready_ns;
	EXPECT_LT(readers[first].readiness.ready_ns, readers[!first].readiness.ready_ns);
	EXPECT_EQ(counters(self->fd).wake_ns, readers[!first].readiness.ready_ns);
	EXPECT_COUNTS(self->fd, .changes = 2, .wakes = 2, .reads = 2);
}

TEST_F(source, read_and_poll)
{
	struct ioready_readiness readiness;
	struct waiter waiter = { .call = call_poll, .fd = self->fd };

	/* Reading takes away what poll would find, and wakes nobody. */
	EXPECT_EQ(0, set(self->fd, EPOLLIN));
	EXPECT_EQ(16, take(self->fd, &readiness));
	ASSERT_TRUE(waiter_start(&waiter));
	EXPECT_COUNTS(self->fd, .polls = 1, .polls_waiting = 1, .waiters_added = 1,
		      .changes = 1, .wakes = 1, .reads = 1);
	EXPECT_EQ(0, set(self->fd, EPOLLIN));
	EXPECT_EQ(1, waiter_end(&waiter));
}

/* --- SIGIO -------------------------------------------------------------------------- */

/* The next signal, for which it waits so long; its number, or -EAGAIN. */
static int signal_wait(int signal, siginfo_t *info, unsigned int seconds)
{
	struct timespec time = { seconds };
	sigset_t mask;

	memset(info, 0, sizeof(*info));
	sigemptyset(&mask);
	sigaddset(&mask, signal);
	return ERR(sigtimedwait(&mask, info, &time)) ?: signal;
}

/* The next signal that is there already: it is, when the change returns. */
static int signal_take(int signal, siginfo_t *info)
{
	return signal_wait(signal, info, 0);
}

static int async_start(int fd, int signal)
{
	sigset_t mask;

	sigemptyset(&mask);
	sigaddset(&mask, signal);
	if (sigprocmask(SIG_BLOCK, &mask, NULL) || fcntl(fd, F_SETOWN, getpid()) ||
	    (signal != SIGIO && fcntl(fd, F_SETSIG, signal)))
		return -errno;
	return ERR(fcntl(fd, F_SETFL, O_ASYNC));
}

TEST_F(source, sigio)
{
	siginfo_t info;

	ASSERT_EQ(0, async_start(self->fd, SIGIO));
	EXPECT_EQ(-EAGAIN, signal_take(SIGIO, &info));
	EXPECT_EQ(0, set(self->fd, EPOLLIN));
	EXPECT_EQ(SIGIO, signal_take(SIGIO, &info));
	EXPECT_EQ(-EAGAIN, signal_take(SIGIO, &info));
	EXPECT_EQ(0, clear(self->fd, EPOLLIN));
	EXPECT_EQ(0, set(self->fd, EPOLLERR | EPOLLHUP | EPOLLMSG | EPOLLRDHUP));
	EXPECT_EQ(-EAGAIN, signal_take(SIGIO, &info));
	/* Nobody is woken by a signal. */
	EXPECT_COUNTS(self->fd, .changes = 3, .wakes = 2,
		      .ready = EPOLLERR | EPOLLHUP | EPOLLMSG | EPOLLRDHUP);
}

TEST_F(source, sigio_tells_what_and_where)
{
	static const struct {
		__u32 set;
		int code;
		long band;
	} cases[] = {
		{ EPOLLIN, POLL_IN, POLLIN | POLLRDNORM },
		{ EPOLLRDNORM, POLL_IN, POLLIN | POLLRDNORM },
		{ EPOLLOUT, POLL_OUT, POLLOUT | POLLWRNORM | POLLWRBAND },
		{ EPOLLWRNORM, POLL_OUT, POLLOUT | POLLWRNORM | POLLWRBAND },
		{ EPOLLWRBAND, POLL_OUT, POLLOUT | POLLWRNORM | POLLWRBAND },
		{ EPOLLPRI, POLL_PRI, POLLPRI | POLLRDBAND },
		{ EPOLLRDBAND, POLL_PRI, POLLPRI | POLLRDBAND },
	};
	const int signal = SIGRTMIN + 1;
	siginfo_t info;

	ASSERT_EQ(0, async_start(self->fd, signal));
	for (int i = 0; i < ARRAY_SIZE(cases); i++) {
		/* Each time, also when it was set before. */
		for (int n = 0; n < 2; n++) {
			EXPECT_EQ(0, set(self->fd, cases[i].set));
			EXPECT_EQ(signal, signal_take(signal, &info));
			EXPECT_EQ(cases[i].code, info.si_code);
			EXPECT_EQ(cases[i].band, info.si_band);
			EXPECT_EQ(self->fd, info.si_fd);
			EXPECT_EQ(-EAGAIN, signal_take(signal, &info));
		}
	}
	/* One for each kind. */
	EXPECT_EQ(0, set(self->fd, IOREADY_EVENTS));
	EXPECT_EQ(signal, signal_take(signal, &info));
	EXPECT_EQ(POLL_IN, info.si_code);
	EXPECT_EQ(signal, signal_take(signal, &info));
	EXPECT_EQ(POLL_OUT, info.si_code);
	EXPECT_EQ(signal, signal_take(signal, &info));
	EXPECT_EQ(POLL_PRI, info.si_code);
	EXPECT_EQ(-EAGAIN, signal_take(signal, &info));
	/* By the timer as well. */
	EXPECT_EQ(0, set_at(self->fd, EPOLLOUT, now_ns() + MS));
	EXPECT_EQ(signal, signal_wait(signal, &info, 60));
	EXPECT_EQ(POLL_OUT, info.si_code);
	/* And no more once it is turned off. */
	ASSERT_EQ(0, fcntl(self->fd, F_SETFL, 0));
	EXPECT_EQ(0, set(self->fd, EPOLLIN));
	EXPECT_EQ(-EAGAIN, signal_take(signal, &info));
}

TEST_F(source, sigio_of_a_closed_source)
{
	/* Closed with O_ASYNC on and a change under way: its signal may come or not. */
	for (int i = 0; i < 200; i++) {
		int fd = source_open();

		ASSERT_LE(0, fd);
		ASSERT_EQ(0, async_start(fd, SIGIO));
		ASSERT_EQ(0, set_at(fd, EPOLLIN | EPOLLOUT, now_ns() + i * 1000));
		close(fd);
	}
}
