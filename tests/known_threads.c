// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * known_threads.c - threads and processes that come and go, and programs that
 * change their arguments while the kernel, or a tracer, reads them.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "known.h"

static pthread_t thread_start(void *(*fn)(void *arg), void *arg)
{
	pthread_attr_t attr;
	pthread_t thread;

	must(!pthread_attr_init(&attr) && !pthread_attr_setstacksize(&attr, 64 * 1024));
	must(!pthread_create(&thread, &attr, fn, arg));
	pthread_attr_destroy(&attr);
	return thread;
}

/* --- many threads ---------------------------------------------------------- */

/* Fifty calls find nothing, and fifty what the first fifty waited for. */
static void *poll_100(void *arg)
{
	pthread_barrier_t *barrier = arg;
	struct pollfd pollfd;
	struct source s;

	sources_open(&s, 1);
	sources_poll(&s, 1, &pollfd);
	pthread_barrier_wait(barrier);
	for (int i = 0; i < 50; i++)
		must(!wait_poll(POLL, &pollfd, 1, 0));
	source_fill(&s);
	for (int i = 0; i < 50; i++)
		must(wait_poll(POLL, &pollfd, 1, -1) == 1);
	pthread_barrier_wait(barrier);
	return NULL;
}

/* All exit at once. */
void case_threads_64(void)
{
	pthread_barrier_t barrier;
	pthread_t threads[64];

	must(!pthread_barrier_init(&barrier, NULL, 64));
	for (int i = 0; i < 64; i++)
		threads[i] = thread_start(poll_100, &barrier);
	for (int i = 0; i < 64; i++)
		must(!pthread_join(threads[i], NULL));
	any(POLL, "watched_mean=1 watched_max=1 passes=6400 scans=6400 wasted=3200 "
	    "copied_bytes=64000 wakeups=0 wakeups_empty=0");
}

static void *poll_once(void *arg)
{
	must(!wait_poll(POLL, arg, 1, 0));
	return NULL;
}

/* Each lives for one call. */
void case_threads_short(void)
{
	struct pollfd pollfd;
	struct source s;

	sources_open(&s, 1);
	sources_poll(&s, 1, &pollfd);
	for (int i = 0; i < 300; i++)
		must(!pthread_join(thread_start(poll_once, &pollfd), NULL));
	any(POLL, "watched_mean=1 watched_max=1 passes=300 scans=300 wasted=300 "
	    "copied_bytes=3000 wakeups=0 wakeups_empty=0");
}

/* --- threads that sleep ---------------------------------------------------- */

struct sleeper {
	enum call call;
	struct source *source;
	atomic_int tid;
	pthread_t thread;
};

static void *sleep_in_call(void *arg)
{
	struct sleeper *sleeper = arg;
	struct epoll_event event;
	struct pollfd pollfd;
	struct bits in = {};
	int epfd;

	if (sleeper->call == POLL) {
		sources_poll(sleeper->source, 1, &pollfd);
		sleeper->tid = thread_id();
		must(wait_poll(POLL, &pollfd, 1, -1) == 1);
	} else if (sleeper->call == SELECT) {
		bit_set(&in, sleeper->source->rd);
		must(sleeper->source->rd < 64);
		sleeper->tid = thread_id();
		must(wait_select(SELECT, 64, &in, NULL, NULL, -1) == 1);
	} else {
		epfd = epoll_create1(0);
		must(!wait_ctl(epfd, EPOLL_CTL_ADD, sleeper->source->rd, EPOLLIN));
		sleeper->tid = thread_id();
		must(wait_epoll(EPOLL, epfd, &event, 1, -1) == 1);
	}
	return NULL;
}

static void sleeper_start(struct sleeper *sleeper, enum call call, struct source *source)
{
	sleeper->call = call;
	sleeper->source = source;
	sleeper->tid = 0;
	sleeper->thread = thread_start(sleep_in_call, sleeper);
	while (!sleeper->tid)
		nap(2);
	asleep_wait(sleeper->tid, call_number(call), 0);
}

/* One write wakes all who poll the pipe, and as none reads it, none in vain. */
void case_threads_shared(void)
{
	struct sleeper sleepers[5];
	struct source s;

	sources_open(&s, 1);
	for (int i = 0; i < 5; i++)
		sleeper_start(&sleepers[i], POLL, &s);
	source_fill(&s);
	for (int i = 0; i < 5; i++)
		must(!pthread_join(sleepers[i].thread, NULL));
	any(POLL, "watched_mean=1 watched_max=1 passes=10 scans=10 wasted=5 copied_bytes=50 "
	    "wakeups=5 wakeups_empty=0");
}

/* What the row of @call says when its one call, of one fd, slept and was killed. */
static void any_killed(enum call call)
{
	if (call == EPOLL)
		any(call, "scans=0 wasted=0 copied_bytes=0 wakeups=0 wakeups_empty=0");
	else
		any(call, "watched_mean=1 watched_max=1 passes=2 scans=2 wasted=2 copied_bytes=%d "
		    "wakeups=0 wakeups_empty=0", call == POLL ? 10 : 8);
}

/* The program ends while three threads wait: main() returns with them inside. */
void case_thread_exit_group(void)
{
	static const enum call calls[] = { SELECT, POLL, EPOLL };
	static struct sleeper sleepers[3];
	static struct source s;

	sources_open(&s, 1);
	for (int i = 0; i < 3; i++) {
		sleeper_start(&sleepers[i], calls[i], &s);
		any_killed(calls[i]);
	}
	any(CALL_epoll_ctl, "scans=1 copied_bytes=12");
}

static void *outlive_leader(void *arg)
{
	struct pollfd pollfd;
	struct source s;

	must(!pthread_join(*(pthread_t *)arg, NULL));
	sources_open(&s, 1);
	sources_poll(&s, 1, &pollfd);
	for (int i = 0; i < 10; i++)
		must(!wait_poll(POLL, &pollfd, 1, 0));
	any(POLL, "watched_mean=1 watched_max=1 passes=11 scans=11 wasted=11 copied_bytes=110 "
	    "wakeups=0 wakeups_empty=0");
	answer_write();
	exit(0);
}

/* The leader is a zombie while the process works on; it counts as the same process. */
void case_thread_leader_gone(void)
{
	static pthread_t leader;
	struct pollfd pollfd;
	struct source s;

	sources_open(&s, 1);
	sources_poll(&s, 1, &pollfd);
	must(!wait_poll(POLL, &pollfd, 1, 0));
	leader = pthread_self();
	thread_start(outlive_leader, &leader);
	pthread_exit(NULL);
}

static atomic_int exec_ready;

static void *exec_program(void *arg)
{
	struct pollfd pollfd = { .fd = ((struct source *)arg)->rd, .events = POLLIN };

	must(thread_id() != getpid());
	for (int i = 0; i < 3; i++)
		must(!wait_poll(POLL, &pollfd, 1, 0));
	while (!exec_ready)
		nap(2);
	asleep_wait(getpid(), call_number(POLL), 0);
	answer_exec();
}

/*
 * A thread that is not the leader makes 3 calls, then replaces the program
 * while the leader is in its own: which dies, and leaves pid, tid and start time
 * to the thread, whose figures must neither be lost nor counted as the leader's.
 */
void case_thread_exec(void)
{
	struct pollfd pollfd;
	struct source s;

	sources_open(&s, 1);
	sources_poll(&s, 1, &pollfd);
	for (int i = 0; i < 5; i++)
		must(!wait_poll(POLL, &pollfd, 1, 0));
	thread_start(exec_program, &s);
	exec_ready = 1;
	wait_poll(POLL, &pollfd, 1, -1);
	must(!"woken");
}

/* 5 + 1 killed by the leader, 3 by the thread, 7 by the new program. */
void thread_exec_rest(void)
{
	struct pollfd pollfd;
	struct source s;

	sources_open(&s, 1);
	sources_poll(&s, 1, &pollfd);
	for (int i = 0; i < 7; i++)
		must(!wait_poll(POLL, &pollfd, 1, 0));
	any(POLL, "watched_mean=1 watched_max=1 passes=17 scans=17 wasted=17 copied_bytes=160 "
	    "wakeups=0 wakeups_empty=0");
}

/* --- processes ------------------------------------------------------------- */

static void poll_n(int n)
{
	struct pollfd pollfd;
	struct source s;

	sources_open(&s, 1);
	sources_poll(&s, 1, &pollfd);
	for (int i = 0; i < n; i++)
		must(!wait_poll(POLL, &pollfd, 1, 0));
	any(POLL, "watched_mean=1 watched_max=1 passes=%d scans=%d wasted=%d copied_bytes=%d "
	    "wakeups=0 wakeups_empty=0", n, n, n, 10 * n);
}

static void poll_grandchild(void *arg)
{
	poll_n(*(int *)arg * 10);
}

static void poll_child(void *arg)
{
	pid_t pid;

	poll_n(*(int *)arg);
	pid = child_start(poll_grandchild, arg);
	child_join(pid);
}

void case_fork_children(void)
{
	pid_t pids[8];

	poll_n(100);
	for (int i = 0; i < 8; i++) {
		int n = i + 1;

		pids[i] = child_start(poll_child, &n);
	}
	for (int i = 0; i < 8; i++)
		child_join(pids[i]);
}

static void sleep_child(void *arg)
{
	struct sleeper sleeper = { .call = *(enum call *)arg };
	struct source s;

	sources_open(&s, 1);
	sleeper.source = &s;
	any_killed(sleeper.call);
	if (sleeper.call == EPOLL)
		any(CALL_epoll_ctl, "scans=1 copied_bytes=12");
	sleep_in_call(&sleeper);
}

/* SIGKILL in the middle of the call. */
void case_fork_killed(void)
{
	static const enum call calls[] = { SELECT, POLL, EPOLL };

	for (int i = 0; i < 3; i++) {
		enum call call = calls[i];
		pid_t pid = child_start(sleep_child, &call);
		int status;

		asleep_wait(pid, call_number(call), 0);
		must(!kill(pid, SIGKILL));
		must(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status));
	}
}

/* --- races: only the calls and what they returned are known ------------------ */

#define ROUNDS 3000

static atomic_bool race_over;

static void *flip_bits(void *arg)
{
	struct { struct bits *bits; int fd; } *set = arg;

	while (!race_over)
		__atomic_xor_fetch(&set->bits->word[set->fd / 64], 1UL << set->fd % 64,
				   __ATOMIC_RELAXED);
	return NULL;
}

void case_race_select(void)
{
	struct { struct bits *bits; int fd; } set;
	static struct bits in;
	struct source s[2];
	pthread_t thread;

	sources_open(s, 2);
	source_fill(&s[1]);
	set.bits = &in;
	set.fd = s[1].rd;
	thread = thread_start(flip_bits, &set);
	for (int i = 0; i < ROUNDS; i++) {
		bit_set(&in, s[0].rd);
		must(wait_select(SELECT, s[1].rd + 1, &in, NULL, NULL, 0) >= 0);
	}
	race_over = true;
	must(!pthread_join(thread, NULL));
	lost_any("fault");
}

static void *flip_fds(void *arg)
{
	volatile struct pollfd *fds = arg;
	int fd = fds[0].fd;

	for (unsigned int i = 0; !race_over; i++) {
		fds[i % 8].fd = i % 3 ? fd : -1;
		fds[i % 8].revents = i;
	}
	return NULL;
}

void case_race_poll(void)
{
	static struct pollfd fds[8];
	pthread_t thread;
	struct source s;

	sources_open(&s, 1);
	source_fill(&s);
	for (int i = 0; i < 8; i++)
		sources_poll(&s, 1, &fds[i]);
	thread = thread_start(flip_fds, fds);
	for (int i = 0; i < ROUNDS; i++)
		must(wait_poll(POLL, fds, 8, 0) >= 0);
	race_over = true;
	must(!pthread_join(thread, NULL));
	lost_any("fault");
}

/* Gone, there again, there but not to be touched. Nobody else maps anything meanwhile. */
static void *flip_page(void *page)
{
	size_t size = sysconf(_SC_PAGESIZE);

	while (!race_over) {
		must(!munmap(page, size));
		must(mmap(page, size, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == page);
		sched_yield();
		must(!mprotect(page, size, PROT_NONE));
	}
	return NULL;
}

void case_race_unmapped(void)
{
	void *page = mmap(NULL, sysconf(_SC_PAGESIZE), PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct source s;
	pthread_t thread;
	int epfd = epoll_create1(0);

	must(page != MAP_FAILED && epfd >= 0);
	sources_open(&s, 1);
	source_fill(&s);
	must(!wait_ctl(epfd, EPOLL_CTL_ADD, s.rd, EPOLLIN));
	thread = thread_start(flip_page, page);
	for (int i = 0; i < ROUNDS; i++) {
		wait_poll(POLL, page, 8, 0);
		wait_select(SELECT, 64, page, NULL, NULL, 0);
		wait_epoll(EPOLL, epfd, page, 1, 0);
	}
	race_over = true;
	must(!pthread_join(thread, NULL));
	lost_any("fault");
}
