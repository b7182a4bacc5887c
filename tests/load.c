// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * load.c THREADS FDS SECONDS: many of everything at once, for test_load.sh: threads
 * that wait each on an epoll of its own, an epoll that watches many fds, and a thread
 * that changes items as fast as it can. Prints what it did, as JSON; bounded by
 * SECONDS. Changes are those by ADD and MOD, removals those by DEL.
 */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* By number: libc may use another member of the family. */
static int wait_for(int epfd, struct epoll_event *events, int max, int timeout_ms)
{
	return syscall(SYS_epoll_pwait, epfd, events, max, timeout_ms, NULL, 0);
}

static void die(const char *what)
{
	fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * UINT64_C(1000000000) + ts.tv_nsec;
}

static atomic_bool stop;
static atomic_uint_fast64_t waits, ready, changes, removals;

struct waiter {
	pthread_t thread;
	int epfd;
	int fd;
};

static void *waiter_run(void *arg)
{
	struct waiter *w = arg;

	while (!atomic_load(&stop)) {
		struct epoll_event event;
		eventfd_t value;
		int n = wait_for(w->epfd, &event, 1, -1);

		if (n < 0)
			die("epoll_pwait");
		atomic_fetch_add(&waits, 1);
		atomic_fetch_add(&ready, n);
		if (n)
			eventfd_read(w->fd, &value);
	}
	return NULL;
}

static int event_new(void)
{
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	if (fd < 0)
		die("eventfd");
	return fd;
}

static int epoll_new(void)
{
	int fd = epoll_create1(EPOLL_CLOEXEC);

	if (fd < 0)
		die("epoll_create1");
	return fd;
}

static void change(int epfd, int op, int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

	if (epoll_ctl(epfd, op, fd, &event))
		die("epoll_ctl");
	atomic_fetch_add(op == EPOLL_CTL_DEL ? &removals : &changes, 1);
}

int main(int argc, char **argv)
{
	const int threads = argc > 1 ? atoi(argv[1]) : 0;
	int fds = argc > 2 ? atoi(argv[2]) : 0;
	const uint64_t seconds = argc > 3 ? atoi(argv[3]) : 0;
	const int other = 2 * threads + 100;
	struct rlimit limit = { fds + other, fds + other };
	struct waiter *w = calloc(threads + 1, sizeof(*w));
	int *all = calloc(fds + 1, sizeof(*all));
	struct epoll_event events[64];
	pthread_attr_t attr;
	int many, moving;
	uint64_t end;

	if (threads <= 0 || fds <= 0 || !seconds || !w || !all) {
		fprintf(stderr, "usage: load THREADS FDS SECONDS\n");
		return 2;
	}
	/* As many as may be; what is printed says how many. */
	if (setrlimit(RLIMIT_NOFILE, &limit)) {
		if (getrlimit(RLIMIT_NOFILE, &limit))
			die("getrlimit");
		limit.rlim_cur = limit.rlim_max;
		if ((int)limit.rlim_max <= other || setrlimit(RLIMIT_NOFILE, &limit))
			die("setrlimit");
		fds = limit.rlim_max - other;
	}
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 64 * 1024);
	for (int i = 0; i < threads; i++) {
		w[i].epfd = epoll_new();
		w[i].fd = event_new();
		change(w[i].epfd, EPOLL_CTL_ADD, w[i].fd);
		if (pthread_create(&w[i].thread, &attr, waiter_run, &w[i]))
			die("pthread_create");
	}
	many = epoll_new();
	for (int i = 0; i < fds; i++) {
		all[i] = event_new();
		change(many, EPOLL_CTL_ADD, all[i]);
	}
	/* One of the many is ready at a time; waiters are woken one after the other. */
	moving = event_new();
	end = now_ns() + seconds * UINT64_C(1000000000);
	for (uint64_t i = 0; now_ns() < end; i++) {
		int n;

		eventfd_write(all[i % fds], 1);
		n = wait_for(many, events, 64, 0);
		if (n < 0)
			die("epoll_pwait");
		atomic_fetch_add(&waits, 1);
		atomic_fetch_add(&ready, n);
		for (int j = 0; j < n; j++) {
			eventfd_t value;

			eventfd_read(events[j].data.fd, &value);
		}
		eventfd_write(w[i % threads].fd, 1);
		for (int j = 0; j < 10; j++) {
			change(many, EPOLL_CTL_ADD, moving);
			change(many, EPOLL_CTL_MOD, moving);
			change(many, EPOLL_CTL_DEL, moving);
		}
	}
	atomic_store(&stop, true);
	for (int i = 0; i < threads; i++)
		eventfd_write(w[i].fd, 1);
	for (int i = 0; i < threads; i++)
		pthread_join(w[i].thread, NULL);
	printf("{\"pid\": %d, \"threads\": %d, \"fds\": %d, \"seconds\": %" PRIu64
	       ", \"waits\": %" PRIuFAST64 ", \"ready\": %" PRIuFAST64 ", \"changes\": %" PRIuFAST64
	       ", \"removals\": %" PRIuFAST64 "}\n",
	       getpid(), threads, fds, seconds, atomic_load(&waits), atomic_load(&ready),
	       atomic_load(&changes), atomic_load(&removals));
	return 0;
}
