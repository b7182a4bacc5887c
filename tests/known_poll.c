// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * known_poll.c - poll and ppoll. From fs/select.c: the whole array crosses in,
 * every revents crosses out (also when a signal ends the call); each sweep asks
 * every file once; each sleep is followed by another sweep.
 */
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "known.h"

static void one_ready(enum call call)
{
	struct pollfd fds[100];
	struct source s[100];

	sources_open(s, 100);
	sources_poll(s, 100, fds);
	source_fill(&s[50]);
	must(wait_poll(call, fds, 100, -1) == 1 && fds[50].revents == POLLIN);
	any(call, "watched_mean=100 watched_max=100 passes=1 scans=100 wasted=99 "
	    "copied_bytes=1000 wakeups=0 wakeups_empty=0");
}

void case_poll_one_ready(void)
{
	one_ready(POLL);
}

void case_poll_ppoll(void)
{
	one_ready(CALL_ppoll);
}

void case_poll_woken(void)
{
	struct pollfd fds[100];
	struct source s[100];
	pid_t waker;

	sources_open(s, 100);
	sources_poll(s, 100, fds);
	waker = waker_fill(POLL, &s[99]);
	must(wait_poll(POLL, fds, 100, -1) == 1);
	child_join(waker);
	any(POLL, "watched_mean=100 watched_max=100 passes=2 scans=200 wasted=199 "
	    "copied_bytes=1000 wakeups=1 wakeups_empty=0");
}

/* See case_select_woken_empty(). */
void case_poll_woken_empty(void)
{
	struct pollfd pollfd = { .events = POLLIN };
	sigset_t set;
	pid_t waker;

	signal_block(SIGUSR1);
	signal_block(SIGUSR2);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	pollfd.fd = signalfd(-1, &set, 0);
	must(pollfd.fd >= 0);
	waker = waker_signal(POLL, SIGUSR2, SIGUSR1);
	must(wait_poll(POLL, &pollfd, 1, -1) == 1);
	child_join(waker);
	any(POLL, "watched_mean=1 watched_max=1 passes=3 scans=3 wasted=2 copied_bytes=10 "
	    "wakeups=2 wakeups_empty=1");
}

static void not_ready(int n, int ms, int passes)
{
	struct pollfd fds[100];
	struct source s[100];

	sources_open(s, n);
	sources_poll(s, n, fds);
	must(!wait_poll(POLL, fds, n, ms));
	any(POLL, "watched_mean=%d watched_max=%d passes=%d scans=%d wasted=%d copied_bytes=%d "
	    "wakeups=0 wakeups_empty=0", n, n, passes, passes * n, passes * n, 10 * n);
}

void case_poll_zero_timeout(void)
{
	not_ready(100, 0, 1);
}

void case_poll_timeout(void)
{
	not_ready(100, SLEPT_MS, 2);
}

void case_poll_1(void)
{
	not_ready(1, 0, 1);
}

/* No file behind fd 900: an answer (POLLNVAL) without a scan. */
void case_poll_bad_fds(void)
{
	struct pollfd fds[5];
	struct source s[2];

	sources_open(s, 2);
	source_fill(&s[0]);
	sources_poll(s, 2, fds);
	fds[2] = (struct pollfd){ .fd = -1, .events = POLLIN };
	fds[3] = (struct pollfd){ .fd = -1000000, .events = POLLIN };
	fds[4] = (struct pollfd){ .fd = 900, .events = POLLIN };
	must(wait_poll(POLL, fds, 5, -1) == 2 && fds[4].revents == POLLNVAL);
	any(POLL, "watched_mean=3 watched_max=3 passes=1 copied_bytes=50 wakeups=0 "
	    "wakeups_empty=0");
	exact(POLL, "scans=2 wasted=1");
}

/* Nothing was asked for, and yet POLLHUP is an answer. */
void case_poll_hangup(void)
{
	struct pollfd pollfd = {};
	struct source s;

	sources_open(&s, 1);
	close(s.wr);
	pollfd.fd = s.rd;
	must(wait_poll(POLL, &pollfd, 1, -1) == 1 && pollfd.revents == POLLHUP);
	any(POLL, "watched_mean=1 watched_max=1 passes=1 scans=1 wasted=0 copied_bytes=10 "
	    "wakeups=0 wakeups_empty=0");
}

/* A regular file has no ->poll(): always ready, never scanned; the one scan found nothing. */
void case_poll_regular(void)
{
	struct pollfd fds[2];
	struct source s;

	sources_open(&s, 1);
	sources_poll(&s, 1, fds);
	fds[1] = (struct pollfd){ .fd = memfd_create("regular", 0), .events = POLLIN };
	must(fds[1].fd >= 0 && wait_poll(POLL, fds, 2, -1) == 1);
	any(POLL, "watched_mean=2 watched_max=2 passes=1 copied_bytes=20 wakeups=0 "
	    "wakeups_empty=0");
	exact(POLL, "scans=1 wasted=1");
}

void case_poll_none(void)
{
	must(!wait_poll(POLL, NULL, 0, SLEPT_MS));
	any(POLL, "watched_mean=0 watched_max=0 passes=2 scans=0 wasted=0 copied_bytes=0 "
	    "wakeups=0 wakeups_empty=0");
}

/* One file in all of @n entries, but the last is another, ready one. */
static void many(unsigned int n)
{
	static struct pollfd fds[20000];
	struct source s[2];

	sources_open(s, 2);
	source_fill(&s[1]);
	for (unsigned int i = 0; i < n; i++)
		sources_poll(&s[i == n - 1], 1, &fds[i]);
	must(wait_poll(POLL, fds, n, -1) == 1);
	any(POLL, "watched_mean=%u watched_max=%u passes=1 scans=%u wasted=%u copied_bytes=%u "
	    "wakeups=0 wakeups_empty=0", n, n, n, n - 1, 10 * n);
}

void case_poll_1024(void)
{
	many(1024);
}

void case_poll_20000(void)
{
	struct rlimit limit;

	must(!getrlimit(RLIMIT_NOFILE, &limit));
	if (limit.rlim_cur < 20000) {
		limit.rlim_cur = 20000;
		limit.rlim_max = 20000;
		must(!setrlimit(RLIMIT_NOFILE, &limit));
	}
	many(20000);
}

/* nfds is an unsigned int to the kernel, whatever stands above it in the register. */
void case_poll_high_bits(void)
{
	struct pollfd pollfd;
	struct source s;

	sources_open(&s, 1);
	sources_poll(&s, 1, &pollfd);
	must(!wait_poll(POLL, &pollfd, 1UL << 32 | 1, 0));
	any(POLL, "watched_mean=1 watched_max=1 passes=1 scans=1 wasted=1 copied_bytes=10 "
	    "wakeups=0 wakeups_empty=0");
}

/* An epoll file's ->poll() asks the files on its ready list: two scans in one pass. */
void case_poll_epoll(void)
{
	struct pollfd pollfd = { .events = POLLIN };
	struct source s;

	pollfd.fd = epoll_create1(0);
	sources_open(&s, 1);
	must(!wait_ctl(pollfd.fd, EPOLL_CTL_ADD, s.rd, EPOLLIN));
	source_fill(&s);
	must(wait_poll(POLL, &pollfd, 1, -1) == 1);
	any(POLL, "watched_mean=1 watched_max=1 passes=1 copied_bytes=10 wakeups=0 "
	    "wakeups_empty=0");
	exact(POLL, "scans=2 wasted=0");
	any(CALL_epoll_ctl, "scans=1 copied_bytes=12");
}

/* Three pipes, a handler's signal in the middle; returns with the array as it was. */
static void interrupted(struct pollfd fds[3])
{
	struct source s[3];
	pid_t waker;

	signal_handle(SIGUSR1);
	sources_open(s, 3);
	sources_poll(s, 3, fds);
	waker = waker_signal(POLL, SIGUSR1, 0);
	must(wait_poll(POLL, fds, 3, -1) == -EINTR);
	child_join(waker);
}

void case_poll_signal(void)
{
	struct pollfd fds[3];

	interrupted(fds);
	any(POLL, "watched_mean=3 watched_max=3 passes=2 scans=6 wasted=6 copied_bytes=30 "
	    "wakeups=0 wakeups_empty=0");
}

/*
 * Whether an interrupted poll() is continued shows late: when the thread does
 * something else. By then the array is the program's again.
 */
void case_poll_signal_reused(void)
{
	struct pollfd fds[3];

	interrupted(fds);
	for (int i = 0; i < 3; i++)
		fds[i] = (struct pollfd){ .fd = -1, .revents = POLLIN };
	must(!wait_poll(POLL, fds, 1, 0));
	any(POLL, "watched_mean=1.5 watched_max=3 passes=3 scans=6 wasted=6 copied_bytes=40 "
	    "wakeups=0 wakeups_empty=0");
}

/*
 * Nor are the thread's later sleeps, or a restart_syscall() that continues one
 * of them, still the poll's.
 */
static void interrupted_sleeps(void *arg)
{
	atomic_int *done = arg;
	struct pollfd fds[3];

	interrupted(fds);
	while (!*done)
		nap(100);
	any(POLL, "watched_mean=3 watched_max=3 passes=2 scans=6 wasted=6 copied_bytes=30 "
	    "wakeups=0 wakeups_empty=0");
}

void case_poll_signal_sleeps(void)
{
	atomic_int *done = mmap(NULL, sizeof(*done), PROT_READ | PROT_WRITE,
				MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int status;
	pid_t pid;

	must(done != MAP_FAILED);
	pid = child_start(interrupted_sleeps, done);
	asleep_wait(pid, SYS_clock_nanosleep, 0);
	must(!kill(pid, SIGSTOP));
	must(waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status));
	must(!kill(pid, SIGCONT));
	*done = 1;
	child_join(pid);
}

/* See case_select_pending(); the revents cross although a signal ended the call. */
void case_poll_pending(void)
{
	struct pollfd pollfd;
	struct source s;

	signal_handle(SIGUSR1);
	signal_block(SIGUSR1);
	sources_open(&s, 1);
	sources_poll(&s, 1, &pollfd);
	wait_unblocks(SIGUSR1);
	must(!kill(getpid(), SIGUSR1));
	must(wait_poll(CALL_ppoll, &pollfd, 1, -1) == -EINTR);
	any(CALL_ppoll, "watched_mean=1 watched_max=1 passes=1 scans=1 wasted=1 copied_bytes=10 "
	    "wakeups=0 wakeups_empty=0");
}

#ifdef SYS_poll
static struct source stopped_source;

/* Interrupts call @nr by a stop; returns what asleep_wait() said of the stop. */
static unsigned long stop_continue(pid_t pid, long nr)
{
	unsigned long since;
	int status;

	must(!kill(pid, SIGSTOP));
	must(waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status));
	since = asleep_wait(pid, nr, 0);
	must(!kill(pid, SIGCONT));
	return since;
}

static void stopped_woken(void *arg)
{
	struct pollfd pollfd;

	(void)arg;
	sources_poll(&stopped_source, 1, &pollfd);
	must(wait_poll(POLL, &pollfd, 1, -1) == 1);
	/*
	 * Two stops and a wake: sweep, sleep, sweep - three times; and the
	 * array crosses each time.
	 */
	any(POLL, "watched_mean=1 watched_max=1 passes=6 scans=6 wasted=5 copied_bytes=30 "
	    "wakeups=1 wakeups_empty=0");
}

/* No handler: the kernel goes on with the call, as restart_syscall(), and it stays one call. */
void case_poll_stopped(void)
{
	unsigned long since;
	pid_t pid;

	sources_open(&stopped_source, 1);
	pid = child_start(stopped_woken, NULL);
	asleep_wait(pid, SYS_poll, 0);
	since = stop_continue(pid, SYS_poll);
	asleep_wait(pid, SYS_restart_syscall, since);
	since = stop_continue(pid, SYS_restart_syscall);
	asleep_wait(pid, SYS_restart_syscall, since);
	source_fill(&stopped_source);
	child_join(pid);
}

static void stopped_interrupted(void *arg)
{
	struct pollfd pollfd;

	(void)arg;
	signal_handle(SIGUSR1);
	sources_poll(&stopped_source, 1, &pollfd);
	must(wait_poll(POLL, &pollfd, 1, -1) == -EINTR);
	any(POLL, "watched_mean=1 watched_max=1 passes=4 scans=4 wasted=4 copied_bytes=20 "
	    "wakeups=0 wakeups_empty=0");
}

/* Continued once, then broken off by a handler. */
void case_poll_stopped_signal(void)
{
	unsigned long since;
	pid_t pid;

	sources_open(&stopped_source, 1);
	pid = child_start(stopped_interrupted, NULL);
	asleep_wait(pid, SYS_poll, 0);
	since = stop_continue(pid, SYS_poll);
	asleep_wait(pid, SYS_restart_syscall, since);
	must(!kill(pid, SIGUSR1));
	child_join(pid);
}
#endif

void case_poll_fault(void)
{
	void *bad = page_bad();
	struct pollfd pollfd;
	struct source s;

	sources_open(&s, 1);
	sources_poll(&s, 1, &pollfd);
	must(wait_poll(POLL, bad, 1, 0) == -EFAULT);
	must(wait_poll(POLL, (void *)-4096L, 1, 0) == -EFAULT);
	must(wait_poll(POLL, NULL, 100, 0) == -EFAULT);
	must(wait_raw(CALL_ppoll, (long)&pollfd, 1, (long)bad, 0, 0, 0) == -EFAULT);
	any(POLL, "passes=0 scans=0 wasted=0 copied_bytes=0 wakeups=0 wakeups_empty=0");
	any(CALL_ppoll, "passes=0 scans=0 wasted=0 copied_bytes=0 wakeups=0 wakeups_empty=0");
}

/* It fails on the way out: after the sweep. */
void case_poll_readonly(void)
{
	struct pollfd pollfd;
	struct source s;

	sources_open(&s, 1);
	sources_poll(&s, 1, &pollfd);
	must(wait_poll(POLL, page_readonly(&pollfd, sizeof(pollfd)), 1, 0) == -EFAULT);
	any(POLL, "copied_bytes=0 wakeups=0 wakeups_empty=0");
	exact(POLL, "scans=1 wasted=1");
}

void case_poll_invalid(void)
{
	struct timespec ts = { .tv_nsec = -1 };
	struct pollfd pollfd = { .fd = -1 };

	must(wait_poll(POLL, &pollfd, ~0UL, 0) == -EINVAL);
	must(wait_poll(POLL, &pollfd, 0xffffffffUL, 0) == -EINVAL);
	must(wait_raw(CALL_ppoll, (long)&pollfd, 1, (long)&ts, 0, 0, 0) == -EINVAL);
	any(POLL, "passes=0 scans=0 wasted=0 copied_bytes=0 wakeups=0 wakeups_empty=0");
	any(CALL_ppoll, "passes=0 scans=0 wasted=0 copied_bytes=0 wakeups=0 wakeups_empty=0");
}

/* Not mapped at the entry, but the kernel touched it: at the return all is known. */
void case_poll_fresh_page(void)
{
	struct pollfd fds[2];
	struct source s[2];

	sources_open(s, 2);
	sources_poll(s, 2, fds);
	source_fill(&s[1]);
	must(wait_poll(POLL, page_fresh(fds, sizeof(fds)), 2, -1) == 1);
	any(POLL, "watched_mean=2 watched_max=2 passes=1 scans=2 wasted=1 copied_bytes=20 "
	    "wakeups=0 wakeups_empty=0");
}
