// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The cases. Each waits by system calls of its own, not through the C library,
 * which has its own mind on which member of the family it calls.
 */
#include "selftest.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "source.h"

#define SOURCES 64
#define READY 5			/* of them, in MODE_READY */
#define CROWD 4			/* threads, in MODE_CROWD */
/* Until a source becomes ready: long enough for the call to be asleep by then. */
#define WAKE_NS 2000000
#define SHORT_NS 1000000	/* time-out and signal */
#define MILLISECOND 1000000

const struct selftest_case selftest_cases[] = {
#ifdef SYS_select
	{ "select, ready", WAIT_select, MODE_READY, 0 },
#endif
	{ "pselect6, woken", WAIT_pselect6, MODE_WAKE, 0 },
	{ "pselect6, time-out", WAIT_pselect6, MODE_TIMEOUT, 0 },
#ifdef SYS_poll
	{ "poll, ready", WAIT_poll, MODE_READY, 0 },
	{ "poll, signal", WAIT_poll, MODE_SIGNAL, 0 },
#endif
	{ "ppoll, woken", WAIT_ppoll, MODE_WAKE, 0 },
	{ "ppoll, woken for nothing", WAIT_ppoll, MODE_EMPTY, 0 },
#ifdef SYS_epoll_wait
	{ "epoll_wait LT, ready", WAIT_epoll_wait, MODE_READY, 0 },
#endif
	{ "epoll_pwait LT, woken", WAIT_epoll_pwait, MODE_WAKE, 0 },
	{ "epoll_pwait ET, woken", WAIT_epoll_pwait, MODE_WAKE, EPOLLET },
	{ "epoll_pwait ET, ready", WAIT_epoll_pwait, MODE_READY, EPOLLET },
	{ "epoll_pwait ONESHOT", WAIT_epoll_pwait, MODE_WAKE, EPOLLONESHOT },
	{ "epoll_pwait2, time-out", WAIT_epoll_pwait2, MODE_TIMEOUT, 0 },
	{ "epoll LT, 4 threads", WAIT_epoll_pwait, MODE_CROWD, 0 },
	{ "epoll EXCLUSIVE, 4 threads", WAIT_epoll_pwait, MODE_CROWD, EPOLLEXCLUSIVE },
};
const int selftest_cases_nr = sizeof(selftest_cases) / sizeof(selftest_cases[0]);

_Static_assert(sizeof(selftest_cases) / sizeof(selftest_cases[0]) <= FILTER_IDS_MAX,
	       "each case is a process of the filter");

/* A case while it runs, or one thread of a crowd. */
struct rig {
	const struct selftest_case *test;
	struct selftest_truth *truth;
	int fds[SOURCES];
	int epfd;
	uint64_t returned_ns;		/* of the last call */
	int helper;			/* MODE_EMPTY: a byte starts a round */
	bool stop;			/* MODE_CROWD: from us to the thread */
	bool ended;			/* and back */
};

static uint64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * UINT64_C(1000000000) + ts.tv_nsec;
}

static bool is_epoll(const struct selftest_case *test)
{
	return test->syscall == WAIT_epoll_wait || test->syscall == WAIT_epoll_pwait ||
	       test->syscall == WAIT_epoll_pwait2;
}

/* The sums over all sources of a rig, since they were opened. */
static int rig_sum(const struct rig *rig, struct ioready_counters *sum)
{
	memset(sum, 0, sizeof(*sum));
	for (int i = 0; i < SOURCES; i++) {
		struct ioready_counters c;
		int ret = source_counters(rig->fds[i], &c);

		if (ret)
			return ret;
		sum->polls += c.polls;
		sum->polls_found += c.polls_found;
		sum->wakes += c.wakes;
		sum->waiters_called += c.waiters_called;
	}
	return 0;
}

static int item_change(struct rig *rig, int op, int fd)
{
	struct epoll_event event = { .events = EPOLLIN | rig->test->trigger, .data.fd = fd };
	struct ioready_counters before, after;
	int ret = source_counters(fd, &before);

	if (ret)
		return ret;
	if (syscall(SYS_epoll_ctl, rig->epfd, op, fd, &event))
		return -errno;
	ret = source_counters(fd, &after);
	rig->truth->ctl_calls++;
	rig->truth->ctl_scans += after.polls - before.polls;
	return ret;
}

/* One call; 0 or more as it returned, -errno, and the kernel's copies counted. */
static int wait_once(struct rig *rig, int64_t timeout_ns)
{
	const struct timespec ts = { timeout_ns / 1000000000, timeout_ns % 1000000000 };
	const struct timespec *timeout = timeout_ns < 0 ? NULL : &ts;
	struct selftest_truth *truth = rig->truth;
	struct epoll_event events[SOURCES];
	/* Entries that are not asked about, between those that are. */
	struct pollfd polls[SOURCES + 2];
	struct timespec left = ts;
	struct timeval tv = { ts.tv_sec, ts.tv_nsec / 1000 };
	int max = 0, nfds = 0, ret;
	uint64_t begun, set_bytes;
	fd_set set;

	FD_ZERO(&set);
	polls[nfds++] = (struct pollfd){ .fd = -1, .events = POLLIN };
	for (int i = 0; i < SOURCES; i++) {
		FD_SET(rig->fds[i], &set);
		if (rig->fds[i] > max)
			max = rig->fds[i];
		polls[nfds++] = (struct pollfd){ .fd = rig->fds[i], .events = POLLIN };
	}
	polls[nfds++] = (struct pollfd){ .fd = -1, .events = POLLIN };
	set_bytes = (max + 1 + 63) / 64 * 8;

	begun = now();
	switch (rig->test->syscall) {
#ifdef SYS_select
	case WAIT_select:
		ret = syscall(SYS_select, max + 1, &set, NULL, NULL, timeout ? &tv : NULL);
		break;
#endif
	case WAIT_pselect6:
		ret = syscall(SYS_pselect6, max + 1, &set, NULL, NULL, timeout ? &left : NULL, NULL);
		break;
#ifdef SYS_poll
	case WAIT_poll:
		ret = syscall(SYS_poll, polls, nfds, timeout ? (int)(timeout_ns / MILLISECOND) : -1);
		break;
#endif
	case WAIT_ppoll:
		ret = syscall(SYS_ppoll, polls, nfds, timeout ? &left : NULL, NULL, 0);
		break;
#ifdef SYS_epoll_wait
	case WAIT_epoll_wait:
		ret = syscall(SYS_epoll_wait, rig->epfd, events, SOURCES,
			      timeout ? (int)(timeout_ns / MILLISECOND) : -1);
		break;
#endif
	case WAIT_epoll_pwait:
		ret = syscall(SYS_epoll_pwait, rig->epfd, events, SOURCES,
			      timeout ? (int)(timeout_ns / MILLISECOND) : -1, NULL, 0);
		break;
	case WAIT_epoll_pwait2:
		ret = syscall(SYS_epoll_pwait2, rig->epfd, events, SOURCES, timeout, NULL, 0);
		break;
	default:
		return -EINVAL;
	}
	if (ret < 0)
		ret = -errno;
	rig->returned_ns = now();
	truth->total_ns += rig->returned_ns - begun;

	truth->calls++;
	truth->returned[ret > 0	       ? RETURNED_READY :
			!ret	       ? RETURNED_TIMEOUT :
			ret == -EINTR ? RETURNED_SIGNAL :
					 RETURNED_ERROR]++;
	if (ret > 0)
		truth->ready += ret;
	if (is_epoll(rig->test)) {
		if (ret > 0)
			truth->copied += ret * sizeof(events[0]);
		return ret;
	}
	truth->watched += SOURCES;
	truth->watched_max = SOURCES;
	if (rig->test->syscall == WAIT_select || rig->test->syscall == WAIT_pselect6)
		/* Sets come back unless a signal broke the call off. */
		truth->copied += ret < 0 ? set_bytes : 2 * set_bytes;
	else
		truth->copied += nfds * (sizeof(polls[0]) + sizeof(polls[0].revents));
	return ret;
}

static void on_signal(int number)
{
	(void)number;
}

/* MODE_EMPTY: sets and takes back what the call waits for, and then sets it. */
static void *empty_helper(void *arg)
{
	const struct timespec pause = { 0, WAKE_NS };
	struct rig *rig = arg;
	char byte;

	while (read(rig->helper, &byte, 1) == 1) {
		struct ioready_member members[] = {
			{ .fd = rig->fds[0], .change.set = EPOLLIN },
			{ .fd = rig->fds[0], .change.clear = EPOLLIN },
		};
		struct ioready_batch batch = { .members = (uintptr_t)members, .count = 2 };

		nanosleep(&pause, NULL);
		ioctl(rig->fds[0], IOREADY_BATCH, &batch);
		nanosleep(&pause, NULL);
		source_change(rig->fds[0], 0, EPOLLIN, 0);
	}
	return NULL;
}

/* Waits once, with @fd becoming ready as the mode says; then all is as before. */
static int round_run(struct rig *rig, int fd, int start)
{
	struct ioready_counters before, after;
	enum selftest_mode mode = rig->test->mode;
	const struct timeval soon = { .tv_usec = SHORT_NS / 1000 };
	/* Again and again: the first may come before the call has begun. */
	const struct itimerval signal = { soon, soon }, none = { 0 };
	struct rusage usage, used;
	uint64_t woken;
	int ret;

	ret = source_counters(fd, &before);
	if (ret)
		return ret;
	if (mode == MODE_WAKE)
		ret = source_change(fd, 0, EPOLLIN, now() + WAKE_NS);
	else if (mode == MODE_EMPTY && write(start, "", 1) != 1)
		ret = -errno;
	else if (mode == MODE_SIGNAL && setitimer(ITIMER_REAL, &signal, NULL))
		ret = -errno;
	if (ret)
		return ret;
	getrusage(RUSAGE_THREAD, &usage);
	ret = wait_once(rig, mode == MODE_READY ? 0 : mode == MODE_TIMEOUT ? SHORT_NS : -1);
	getrusage(RUSAGE_THREAD, &used);
	if (ret < 0 && ret != -EINTR)
		return ret;
	if (mode == MODE_SIGNAL)
		setitimer(ITIMER_REAL, &none, NULL);
	if (mode == MODE_READY && rig->test->trigger & EPOLLET) {
		/* Another edge for the next call: what is set is set again. */
		for (int i = 0; i < READY; i++)
			source_change(rig->fds[i], 0, EPOLLIN, 0);
	}
	if (mode != MODE_WAKE && mode != MODE_EMPTY)
		return 0;
	if (mode == MODE_EMPTY)
		/* It may have seen the first: then the second is still to come. */
		do {
			ret = source_counters(fd, &after);
		} while (!ret && after.changes - before.changes < 3);
	else
		ret = source_counters(fd, &after);
	if (ret)
		return ret;
	/* Of epoll, the waiter is the item, which is always woken: the thread, if it slept. */
	woken = is_epoll(rig->test) ? used.ru_nvcsw - usage.ru_nvcsw :
				      after.waiters_woken - before.waiters_woken;
	rig->truth->wakeups += woken;
	rig->truth->wakeups_empty += woken - !!woken;
	/* In MODE_EMPTY it may be the first readiness that woke it, whose stamp is gone. */
	if (mode == MODE_WAKE && woken) {
		rig->truth->chains++;
		rig->truth->chain_ns += rig->returned_ns - after.ready_ns;
	}
	ret = source_change(fd, EPOLLIN, 0, 0);
	if (!ret && rig->test->trigger & EPOLLONESHOT)
		ret = item_change(rig, EPOLL_CTL_MOD, fd);
	return ret;
}

/* MODE_CROWD: waits, and takes what it finds if nobody was quicker. */
static void *crowd_wait(void *arg)
{
	struct rig *rig = arg;
	struct ioready_readiness readiness;

	while (!__atomic_load_n(&rig->stop, __ATOMIC_ACQUIRE)) {
		if (wait_once(rig, -1) < 0)
			break;
		if (!__atomic_load_n(&rig->stop, __ATOMIC_ACQUIRE) &&
		    read(rig->fds[0], &readiness, sizeof(readiness)) < 0 && errno != EAGAIN)
			break;
	}
	__atomic_store_n(&rig->ended, true, __ATOMIC_RELEASE);
	return NULL;
}

static int crowd_run(struct rig *rig, uint32_t rounds)
{
	const struct timespec pause = { 0, 2 * WAKE_NS };
	struct selftest_truth truths[CROWD] = { 0 };
	struct rig rigs[CROWD];
	pthread_t threads[CROWD];
	int ret = 0;

	for (int i = 0; i < CROWD; i++) {
		rigs[i] = *rig;
		rigs[i].truth = &truths[i];
		rigs[i].epfd = epoll_create1(EPOLL_CLOEXEC);
		if (rigs[i].epfd < 0)
			return -errno;
		ret = item_change(&rigs[i], EPOLL_CTL_ADD, rig->fds[0]);
		if (ret)
			return ret;
	}
	for (int i = 0; i < CROWD; i++) {
		ret = pthread_create(&threads[i], NULL, crowd_wait, &rigs[i]);
		if (ret)
			return -ret;
	}
	for (uint32_t i = 0; i < rounds && !ret; i++) {
		ret = source_change(rig->fds[0], 0, EPOLLIN, now() + WAKE_NS);
		nanosleep(&pause, NULL);
	}
	for (int i = 0; i < CROWD; i++)
		__atomic_store_n(&rigs[i].stop, true, __ATOMIC_RELEASE);
	for (int i = 0; i < CROWD; i++) {
		/* An event may wake only one, or be taken by one that goes on to wait. */
		while (!__atomic_load_n(&rigs[i].ended, __ATOMIC_ACQUIRE)) {
			source_change(rig->fds[0], 0, EPOLLIN, 0);
			nanosleep(&pause, NULL);
		}
		pthread_join(threads[i], NULL);
		rig->truth->calls += truths[i].calls;
		for (int how = 0; how < RETURNED_NR; how++)
			rig->truth->returned[how] += truths[i].returned[how];
		rig->truth->ready += truths[i].ready;
		rig->truth->copied += truths[i].copied;
		rig->truth->total_ns += truths[i].total_ns;
		rig->truth->ctl_calls += truths[i].ctl_calls;
		rig->truth->ctl_scans += truths[i].ctl_scans;
	}
	return ret;
}

static int rig_open(struct rig *rig, struct err *err)
{
	rig->epfd = -1;
	for (int i = 0; i < SOURCES; i++) {
		rig->fds[i] = source_open(err);
		if (rig->fds[i] < 0)
			return rig->fds[i];
	}
	if (!is_epoll(rig->test) || rig->test->mode == MODE_CROWD)
		return 0;
	rig->epfd = epoll_create1(EPOLL_CLOEXEC);
	if (rig->epfd < 0)
		return err_set(err, -errno, "epoll: %s", strerror(errno));
	for (int i = 0; i < SOURCES; i++) {
		int ret = item_change(rig, EPOLL_CTL_ADD, rig->fds[i]);

		if (ret)
			return err_set(err, ret, "epoll: %s", strerror(-ret));
	}
	return 0;
}

int selftest_run(const struct selftest_case *test, uint32_t rounds, struct selftest_truth *truth,
		 struct err *err)
{
	struct rig rig = { .test = test, .truth = truth, .helper = -1 };
	const struct sigaction handler = { .sa_handler = on_signal };
	struct ioready_counters sum;
	int ret, start[2] = { -1, -1 };
	pthread_t helper;

	memset(truth, 0, sizeof(*truth));
	ret = rig_open(&rig, err);
	if (ret)
		return ret;
	if (test->mode == MODE_SIGNAL && sigaction(SIGALRM, &handler, NULL))
		return err_set(err, -errno, "sigaction: %s", strerror(errno));
	if (test->mode == MODE_EMPTY) {
		if (pipe(start))
			return err_set(err, -errno, "pipe: %s", strerror(errno));
		rig.helper = start[0];
		ret = pthread_create(&helper, NULL, empty_helper, &rig);
		if (ret)
			return err_set(err, -ret, "a thread: %s", strerror(ret));
	}
	for (int i = 0; test->mode == MODE_READY && i < READY && !ret; i++)
		ret = source_change(rig.fds[i], 0, EPOLLIN, 0);

	if (test->mode == MODE_CROWD)
		ret = ret ?: crowd_run(&rig, rounds);
	for (uint32_t i = 0; test->mode != MODE_CROWD && i < rounds && !ret; i++)
		/* A helper knows only the first. */
		ret = round_run(&rig, rig.fds[test->mode == MODE_EMPTY ? 0 : i % SOURCES],
				start[1]);
	if (!ret)
		ret = rig_sum(&rig, &sum);
	if (ret)
		return err_set(err, ret, "the case broke off: %s", strerror(-ret));

	/* Nothing is ready when epoll_ctl asks: what was found, the waiting found. */
	truth->scans = sum.polls - truth->ctl_scans;
	truth->wasted = truth->scans - sum.polls_found;
	/* An item always waits; a call only while it sleeps, and there is one. */
	truth->events = is_epoll(test) ? sum.wakes : sum.waiters_called;
	if (!is_epoll(test))
		truth->passes = truth->scans / SOURCES;
	return 0;
}
