// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * known_epoll.c - epoll. From fs/eventpoll.c: only items on the ready list are
 * asked; a level-triggered one goes back to it after it was returned, so the
 * next call asks it again, ready or not; a change of the interest list asks the
 * one file. Passes are stated only where no sweep can go unseen.
 */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "known.h"

/* Watches @n sources, and says what that costs. */
static int epoll_open(const struct source *s, int n, uint32_t events)
{
	int epfd = epoll_create1(0);

	must(epfd >= 0);
	for (int i = 0; i < n; i++)
		must(!wait_ctl(epfd, EPOLL_CTL_ADD, s[i].rd, events));
	any(CALL_epoll_ctl, "scans=%d copied_bytes=%d", n, 12 * n);
	return epfd;
}

static void sources_fill(const struct source *s, int n)
{
	for (int i = 0; i < n; i++)
		source_fill(&s[i]);
}

static void sources_drain(const struct source *s, int n)
{
	for (int i = 0; i < n; i++)
		source_drain(&s[i]);
}

static struct epoll_event events[16];

void case_epoll_level(void)
{
	struct source s[10];
	int epfd;

	sources_open(s, 10);
	epfd = epoll_open(s, 10, EPOLLIN);
	sources_fill(s, 10);
	for (int i = 0; i < 3; i++)
		must(wait_epoll(EPOLL, epfd, events, 16, -1) == 10);
	any(EPOLL, "passes=3 scans=30 wasted=0 copied_bytes=360 wakeups=0 wakeups_empty=0");
}

/* The ten go back to the ready list, and the next call asks each for nothing. */
void case_epoll_level_drained(void)
{
	struct source s[10];
	int epfd;

	sources_open(s, 10);
	epfd = epoll_open(s, 10, EPOLLIN);
	sources_fill(s, 10);
	must(wait_epoll(EPOLL, epfd, events, 16, -1) == 10);
	sources_drain(s, 10);
	must(!wait_epoll(EPOLL, epfd, events, 16, 0));
	any(EPOLL, "copied_bytes=120 wakeups=0 wakeups_empty=0");
	exact(EPOLL, "scans=20 wasted=10");
}

void case_epoll_edge(void)
{
	struct source s[10];
	int epfd;

	sources_open(s, 10);
	epfd = epoll_open(s, 10, EPOLLIN | EPOLLET);
	sources_fill(s, 10);
	must(wait_epoll(EPOLL, epfd, events, 16, -1) == 10);
	must(!wait_epoll(EPOLL, epfd, events, 16, 0));
	sources_fill(s, 1);
	must(wait_epoll(EPOLL, epfd, events, 16, -1) == 1);
	any(EPOLL, "passes=2 scans=11 wasted=0 copied_bytes=132 wakeups=0 wakeups_empty=0");
}

void case_epoll_edge_drained(void)
{
	struct source s[10];
	int epfd;

	sources_open(s, 10);
	epfd = epoll_open(s, 10, EPOLLIN | EPOLLET);
	sources_fill(s, 10);
	must(wait_epoll(EPOLL, epfd, events, 16, -1) == 10);
	sources_drain(s, 10);
	must(!wait_epoll(EPOLL, epfd, events, 16, 0));
	any(EPOLL, "passes=1 scans=10 wasted=0 copied_bytes=120 wakeups=0 wakeups_empty=0");
}

void case_epoll_oneshot(void)
{
	struct source s;
	int epfd;

	sources_open(&s, 1);
	epfd = epoll_open(&s, 1, EPOLLIN | EPOLLONESHOT);
	source_fill(&s);
	must(wait_epoll(EPOLL, epfd, events, 16, -1) == 1);
	must(!wait_epoll(EPOLL, epfd, events, 16, 0));
	must(!wait_ctl(epfd, EPOLL_CTL_MOD, s.rd, EPOLLIN | EPOLLONESHOT));
	must(wait_epoll(EPOLL, epfd, events, 16, -1) == 1);
	any(EPOLL, "passes=2 scans=2 wasted=0 copied_bytes=24 wakeups=0 wakeups_empty=0");
	any(CALL_epoll_ctl, "scans=2 copied_bytes=24");
}

/* Room for three of ten: the sweep ends when the room does. */
void case_epoll_few_events(void)
{
	struct source s[10];
	int epfd;

	sources_open(s, 10);
	epfd = epoll_open(s, 10, EPOLLIN);
	sources_fill(s, 10);
	for (int i = 0; i < 4; i++)
		must(wait_epoll(EPOLL, epfd, events, 3, -1) == 3);
	any(EPOLL, "passes=4 scans=12 wasted=0 copied_bytes=144 wakeups=0 wakeups_empty=0");
}

/* Ten on the ready list that were drained before anyone asked; then an eleventh wakes. */
void case_epoll_stale(void)
{
	struct source s[11];
	pid_t waker;
	int epfd;

	sources_open(s, 11);
	epfd = epoll_open(s, 11, EPOLLIN);
	sources_fill(s, 10);
	sources_drain(s, 10);
	waker = waker_fill(EPOLL, &s[10]);
	must(wait_epoll(EPOLL, epfd, events, 16, -1) == 1);
	child_join(waker);
	any(EPOLL, "copied_bytes=12 wakeups=1 wakeups_empty=0");
	exact(EPOLL, "scans=11 wasted=10");
}

/* See case_select_woken_empty(). */
void case_epoll_woken_empty(void)
{
	struct source s = {};
	sigset_t set;
	pid_t waker;
	int epfd;

	signal_block(SIGUSR1);
	signal_block(SIGUSR2);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	s.rd = signalfd(-1, &set, 0);
	epfd = epoll_open(&s, 1, EPOLLIN);
	waker = waker_signal(EPOLL, SIGUSR2, SIGUSR1);
	must(wait_epoll(EPOLL, epfd, events, 16, -1) == 1);
	child_join(waker);
	any(EPOLL, "passes=2 copied_bytes=12 wakeups=2 wakeups_empty=1");
	exact(EPOLL, "scans=2 wasted=1");
}

/* Nothing is ready, so the ready list is empty and nothing is swept. */
void case_epoll_timeout(void)
{
	struct source s[5];
	int epfd;

	sources_open(s, 5);
	epfd = epoll_open(s, 5, EPOLLIN);
	must(!wait_epoll(EPOLL, epfd, events, 16, 0));
	must(!wait_epoll(EPOLL, epfd, events, 16, 100));
	any(EPOLL, "passes=0 scans=0 wasted=0 copied_bytes=0 wakeups=0 wakeups_empty=0");
}

/* At once, woken, and timed out. */
static void thrice(enum call call)
{
	struct source s[2];
	pid_t waker;
	int epfd;

	sources_open(s, 2);
	epfd = epoll_open(s, 2, EPOLLIN | EPOLLET);
	source_fill(&s[0]);
	must(wait_epoll(call, epfd, events, 16, -1) == 1);
	waker = waker_fill(call, &s[1]);
	must(wait_epoll(call, epfd, events, 16, -1) == 1);
	child_join(waker);
	must(!wait_epoll(call, epfd, events, 16, 100));
	any(call, "passes=2 scans=2 wasted=0 copied_bytes=24 wakeups=1 wakeups_empty=0");
}

void case_epoll_pwait(void)
{
	thrice(CALL_epoll_pwait);
}

void case_epoll_pwait2(void)
{
	thrice(CALL_epoll_pwait2);
}

/* The outer one asks the inner epoll file, which asks the pipe on its own ready list. */
void case_epoll_nested(void)
{
	struct source s, inner;
	int epfd;

	sources_open(&s, 1);
	inner.rd = epoll_open(&s, 1, EPOLLIN);
	epfd = epoll_open(&inner, 1, EPOLLIN);
	source_fill(&s);
	must(wait_epoll(EPOLL, epfd, events, 16, -1) == 1);
	any(EPOLL, "passes=1 copied_bytes=12 wakeups=0 wakeups_empty=0");
	/* The kernel asks an epoll fd in the set directly, not through ->poll(). */
	exact(EPOLL, "scans=1 wasted=0");
	any(CALL_epoll_ctl, "copied_bytes=24");
}

void case_epoll_signal(void)
{
	struct source s[3];
	pid_t waker;
	int epfd;

	signal_handle(SIGUSR1);
	sources_open(s, 3);
	epfd = epoll_open(s, 3, EPOLLIN);
	waker = waker_signal(EPOLL, SIGUSR1, 0);
	must(wait_epoll(EPOLL, epfd, events, 16, -1) == -EINTR);
	child_join(waker);
	any(EPOLL, "scans=0 wasted=0 copied_bytes=0 wakeups=0 wakeups_empty=0");
}

/* See case_select_pending(). */
void case_epoll_pending(void)
{
	struct source s;
	int epfd;

	signal_handle(SIGUSR1);
	signal_block(SIGUSR1);
	sources_open(&s, 1);
	epfd = epoll_open(&s, 1, EPOLLIN);
	wait_unblocks(SIGUSR1);
	must(!kill(getpid(), SIGUSR1));
	must(wait_epoll(CALL_epoll_pwait, epfd, events, 16, -1) == -EINTR);
	any(CALL_epoll_pwait, "passes=0 scans=0 wasted=0 copied_bytes=0 wakeups=0 "
	    "wakeups_empty=0");
}

/* Whether memory can be written is found out only when there is an event to write. */
void case_epoll_fault(void)
{
	void *bad = page_bad();
	struct source s;
	int epfd;

	sources_open(&s, 1);
	epfd = epoll_open(&s, 1, EPOLLIN);
	must(!wait_epoll(EPOLL, epfd, bad, 16, 0));
	must(wait_epoll(EPOLL, epfd, (void *)-4096L, 16, 0) == -EFAULT);
	must(wait_raw(CALL_epoll_pwait2, epfd, (long)events, 16, (long)bad, 0, 8) == -EFAULT);
	must(wait_raw(CALL_epoll_ctl, epfd, EPOLL_CTL_MOD, s.rd, (long)bad, 0, 0) == -EFAULT);
	source_fill(&s);
	must(wait_epoll(EPOLL, epfd, bad, 16, -1) == -EFAULT);
	any(EPOLL, "copied_bytes=0 wakeups=0 wakeups_empty=0");
	exact(EPOLL, "scans=1");
	any(CALL_epoll_pwait2, "passes=0 scans=0 wasted=0 copied_bytes=0 wakeups=0 "
	    "wakeups_empty=0");
	any(CALL_epoll_ctl, "scans=1 copied_bytes=12");
}

void case_epoll_invalid(void)
{
	struct source s;
	int epfd;

	sources_open(&s, 1);
	epfd = epoll_open(&s, 1, EPOLLIN);
	source_fill(&s);
	must(wait_epoll(EPOLL, epfd, events, 0, 0) == -EINVAL);
	must(wait_epoll(EPOLL, epfd, events, -1, 0) == -EINVAL);
	must(wait_epoll(EPOLL, epfd, events, INT_MAX, 0) == -EINVAL);
	must(wait_epoll(EPOLL, s.rd, events, 16, 0) == -EINVAL);
	must(wait_epoll(EPOLL, -1, events, 16, 0) == -EBADF);
	/* The most that the kernel takes, though nobody has the memory: EP_MAX_EVENTS. */
	must(wait_epoll(EPOLL, epfd, events, INT_MAX / sizeof(*events), 0) == 1);
	any(EPOLL, "passes=1 scans=1 wasted=0 copied_bytes=12 wakeups=0 wakeups_empty=0");
}

void case_epoll_ctl(void)
{
	int regular = memfd_create("regular", 0);
	struct source s[4];
	int epfd;

	sources_open(s, 4);
	epfd = epoll_open(s, 3, EPOLLIN);
	must(!wait_ctl(epfd, EPOLL_CTL_MOD, s[0].rd, EPOLLIN | EPOLLET));
	must(!wait_ctl(epfd, EPOLL_CTL_MOD, s[1].rd, 0));
	must(!wait_raw(CALL_epoll_ctl, epfd, EPOLL_CTL_DEL, s[2].rd, 0, 0, 0));
	must(wait_ctl(epfd, EPOLL_CTL_ADD, s[0].rd, EPOLLIN) == -EEXIST);
	must(wait_ctl(epfd, EPOLL_CTL_MOD, s[3].rd, EPOLLIN) == -ENOENT);
	must(wait_ctl(epfd, EPOLL_CTL_DEL, s[3].rd, 0) == -ENOENT);
	must(wait_ctl(epfd, EPOLL_CTL_ADD, 900, EPOLLIN) == -EBADF);
	must(wait_ctl(-1, EPOLL_CTL_ADD, s[3].rd, EPOLLIN) == -EBADF);
	must(wait_ctl(epfd, EPOLL_CTL_ADD, epfd, EPOLLIN) == -EINVAL);
	must(wait_ctl(epfd, 77, s[0].rd, EPOLLIN) == -EINVAL);
	must(wait_ctl(epfd, EPOLL_CTL_ADD, regular, EPOLLIN) == -EPERM);
	any(CALL_epoll_ctl, "scans=5 copied_bytes=60");
}
