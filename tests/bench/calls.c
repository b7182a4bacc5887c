// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * calls.c - one system call in a loop, and what each costs.
 *
 * calls [--tsc] CALL[,CALL...] N [ROUNDS]
 *
 * Prints a line for each CALL ("all": every one): "CALL ns", the median over
 * ROUNDS loops of N calls. Short loops, many of them: on a machine that others
 * use too, a loop within one time slice is either undisturbed or an outlier,
 * and the median drops the outliers.
 *
 * --tsc takes each call's time-stamp counter alone and prints "CALL min
 * median" of all N * ROUNDS. In a guest that counts instructions, these are
 * instructions (of the call and of reading the counter), the same at every call
 * but for the few that a timer breaks into.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define WATCHED 100
#define READY 10

static int idle[WATCHED], ready[READY];
static int zero, epoll_fd[READY + 1], epoll_one;
static struct pollfd pollfds[WATCHED];
static fd_set set;
static struct epoll_event events[WATCHED];

static void die(const char *what)
{
	fprintf(stderr, "calls: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* Watches @watched fds, of which the first @n are ready, and stay so. */
static int epoll_open(int watched, int n)
{
	int epfd = epoll_create1(EPOLL_CLOEXEC);

	if (epfd < 0)
		die("epoll_create1");
	for (int i = 0; i < watched; i++) {
		struct epoll_event event = { .events = EPOLLIN };

		if (epoll_ctl(epfd, EPOLL_CTL_ADD, i < n ? ready[i] : idle[i], &event))
			die("epoll_ctl");
	}
	return epfd;
}

static void setup(void)
{
	zero = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	if (zero < 0)
		die("/dev/zero");
	for (int i = 0; i < WATCHED; i++) {
		idle[i] = eventfd(0, EFD_CLOEXEC);
		if (idle[i] < 0)
			die("eventfd");
	}
	for (int i = 0; i < READY; i++) {
		ready[i] = eventfd(1, EFD_CLOEXEC);
		if (ready[i] < 0)
			die("eventfd");
	}
	epoll_fd[0] = epoll_open(WATCHED, 0);
	epoll_fd[1] = epoll_open(WATCHED, 1);
	epoll_fd[READY] = epoll_open(WATCHED, READY);
	/*
	 * For epoll_ctl: the kernel finds an item in a tree sorted by the address
	 * of its file. In a tree of one that costs the same in every process.
	 */
	epoll_one = epoll_open(1, 1);
	/* One ready, the last: a sweep asks all fds in any case. */
	for (int i = 0; i < WATCHED; i++)
		pollfds[i] = (struct pollfd){ idle[i], POLLIN, 0 };
}

static long call_getppid(void)
{
	return syscall(SYS_getppid) < 0;
}

static long call_read(void)
{
	char byte;

	return syscall(SYS_read, zero, &byte, 1) != 1;
}

/* select changes its sets, but not one whose only fd is ready. */
static long call_select1(void)
{
#ifdef SYS_select
	return syscall(SYS_select, ready[0] + 1, &set, NULL, NULL, NULL) != 1;
#else
	return syscall(SYS_pselect6, ready[0] + 1, &set, NULL, NULL, NULL, NULL) != 1;
#endif
}

static inline long poll_some(int n)
{
#ifdef SYS_poll
	return syscall(SYS_poll, pollfds + WATCHED - n, n, -1) != 1;
#else
	return syscall(SYS_ppoll, pollfds + WATCHED - n, n, NULL, NULL, 0) != 1;
#endif
}

static long call_poll1(void)
{
	return poll_some(1);
}

static long call_poll10(void)
{
	return poll_some(10);
}

static long call_poll100(void)
{
	return poll_some(WATCHED);
}

static inline long epoll_some(int n)
{
#ifdef SYS_epoll_wait
	return syscall(SYS_epoll_wait, epoll_fd[n], events, WATCHED, 0) != n;
#else
	return syscall(SYS_epoll_pwait, epoll_fd[n], events, WATCHED, 0, NULL, 0) != n;
#endif
}

static long call_epoll0(void)
{
	return epoll_some(0);
}

static long call_epoll1(void)
{
	return epoll_some(1);
}

static long call_epoll10(void)
{
	return epoll_some(READY);
}

static long call_epoll_ctl(void)
{
	struct epoll_event event = { .events = EPOLLIN };

	return syscall(SYS_epoll_ctl, epoll_one, EPOLL_CTL_MOD, ready[0], &event) != 0;
}

/*
 * There and back between two threads on one CPU: two wakeups, and for each an
 * epoll_wait that sleeps, a read and a write.
 */
static int there_fd, back_fd, there_epoll, back_epoll;

static int wake_open(int *fd)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };
	int epfd = epoll_create1(EPOLL_CLOEXEC);

	*fd = eventfd(0, EFD_CLOEXEC);
	if (*fd < 0 || epfd < 0 || epoll_ctl(epfd, EPOLL_CTL_ADD, *fd, &event))
		die("eventfd");
	return epfd;
}

static long wake_take(int epfd, int fd)
{
	struct epoll_event event;
	uint64_t value;

#ifdef SYS_epoll_wait
	if (syscall(SYS_epoll_wait, epfd, &event, 1, -1) != 1)
		return 1;
#else
	if (syscall(SYS_epoll_pwait, epfd, &event, 1, -1, NULL, 0) != 1)
		return 1;
#endif
	return read(fd, &value, sizeof(value)) != sizeof(value);
}

static long wake_give(int fd)
{
	const uint64_t one = 1;

	return write(fd, &one, sizeof(one)) != sizeof(one);
}

static void *wake_peer(void *arg)
{
	(void)arg;
	while (!wake_take(there_epoll, there_fd) && !wake_give(back_fd))
		;
	return NULL;
}

static long call_wake(void)
{
	if (!there_fd) {
		/* It does not preempt who wakes it: each always sleeps before the other runs. */
		const struct sched_param batch = {};
		pthread_t peer;
		cpu_set_t one;

		CPU_ZERO(&one);
		CPU_SET(sched_getcpu(), &one);
		if (sched_setaffinity(0, sizeof(one), &one))
			die("sched_setaffinity");
		if (sched_setscheduler(0, SCHED_BATCH, &batch))
			die("sched_setscheduler");
		there_epoll = wake_open(&there_fd);
		back_epoll = wake_open(&back_fd);
		errno = pthread_create(&peer, NULL, wake_peer, NULL);
		if (errno)
			die("pthread_create");
	}
	return wake_give(there_fd) || wake_take(back_epoll, back_fd);
}

/* A connection to ourselves, from socket() to both ends closed: the client's first. */
static long call_connect(void)
{
	static struct sockaddr_in at = { .sin_family = AF_INET };
	static int listener = -1;
	socklen_t size = sizeof(at);
	int client, server;

	if (listener < 0) {
		at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (listener < 0 || bind(listener, (struct sockaddr *)&at, sizeof(at)) ||
		    listen(listener, 16) || getsockname(listener, (struct sockaddr *)&at, &size))
			die("listen");
	}
	client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (client < 0 || connect(client, (struct sockaddr *)&at, sizeof(at)))
		die("connect");
	server = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	return server < 0 || close(client) || close(server);
}

#define CALLS(X) X(getppid) X(read) X(select1) X(poll1) X(poll10) X(poll100) \
	X(epoll0) X(epoll1) X(epoll10) X(epoll_ctl) X(wake) X(connect)

static const struct call {
	const char *name;
	long (*make)(void);	/* not 0: it did not do what was meant */
} calls[] = {
#define X(name) { #name, call_##name },
	CALLS(X)
#undef X
};

static uint64_t tsc(void)
{
#if defined(__x86_64__)
	/* The fence keeps the call's end out of the next one's time. */
	__builtin_ia32_lfence();
	return __builtin_ia32_rdtsc();
#else
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC_RAW, &ts);
	return ts.tv_sec * UINT64_C(1000000000) + ts.tv_nsec;
#endif
}

static uint64_t ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * UINT64_C(1000000000) + ts.tv_nsec;
}

static int order(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void run(const struct call *call, bool one_by_one, long n, long rounds)
{
	long samples = one_by_one ? n * rounds : rounds, failed = 0;
	uint64_t *took = malloc(samples * sizeof(*took));

	if (!took)
		die("malloc");
	/* Not a page fault in the loop: in a guest it would be the minimum's only noise. */
	memset(took, 1, samples * sizeof(*took));
	for (int i = 0; i < 16; i++)
		failed |= call->make();
	for (long i = 0; i < samples; i++) {
		uint64_t begin;

		if (one_by_one) {
			begin = tsc();
			failed |= call->make();
			took[i] = tsc() - begin;
		} else {
			begin = ns();
			for (long j = 0; j < n; j++)
				failed |= call->make();
			took[i] = ns() - begin;
		}
	}
	if (failed) {
		fprintf(stderr, "calls: %s did not return what it should\n", call->name);
		exit(1);
	}
	qsort(took, samples, sizeof(*took), order);
	if (one_by_one)
		printf("%s %llu %llu\n", call->name, (unsigned long long)took[0],
		       (unsigned long long)took[samples / 2]);
	else
		printf("%s %.1f\n", call->name, (double)took[samples / 2] / n);
	free(took);
}

/* Is @name in the comma-separated @list? */
static bool listed(const char *list, const char *name)
{
	size_t length = strlen(name);

	for (; list; list = strchr(list, ','), list = list ? list + 1 : NULL)
		if (!strncmp(list, name, length) && (!list[length] || list[length] == ','))
			return true;
	return false;
}

int main(int argc, char **argv)
{
	bool one_by_one = argc > 1 && !strcmp(argv[1], "--tsc"), any = false;
	long n, rounds;

	argc -= one_by_one;
	argv += one_by_one;
	n = argc > 2 ? atol(argv[2]) : 0;
	rounds = argc > 3 ? atol(argv[3]) : 1;
	if (argc < 3 || argc > 4 || n < 1 || rounds < 1)
		goto usage;
	setup();
	pollfds[WATCHED - 1].fd = ready[0];
	FD_SET(ready[0], &set);
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		if (!strcmp(argv[1], "all") || listed(argv[1], calls[i].name)) {
			run(&calls[i], one_by_one, n, rounds);
			any = true;
		}
	}
	if (any)
		return 0;
usage:
	fputs("usage: calls [--tsc] CALL[,CALL...] N [ROUNDS]\ncalls: all", stderr);
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		fprintf(stderr, " %s", calls[i].name);
	fputc('\n', stderr);
	return 2;
}
