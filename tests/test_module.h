/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_module.h - what the parts of test_module.c share: a source, changes of it,
 * threads that wait for it, and the comparison of all its counters at once.
 */
#ifndef TEST_MODULE_H
#define TEST_MODULE_H

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "uapi/ioready.h"

/* Emulated guests with a debugging kernel are slow; who hangs is still ended. */
#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT 300

/* How long to wait for what is sure to come. */
#define PATIENCE_NS (60 * 1000000000ULL)
#define MS 1000000ULL

/* 0, or -errno. */
#define ERR(call) ((call) < 0 ? -errno : 0)

/*
 * The harness of 6.1 runs a test even if its setup says SKIP; this ends the test's
 * process the way a skip does.
 */
#define SKIP_NOW(fmt, ...) SKIP(_exit(255), fmt, ##__VA_ARGS__)

/* To stderr, as the harness does: a test's process ends without a flush. */
#define say(fmt, ...) fprintf(stderr, fmt, ##__VA_ARGS__)

static inline __u64 now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ULL + now.tv_nsec;
}

static inline void sleep_ms(unsigned int ms)
{
	struct timespec time = { ms / 1000, ms % 1000 * 1000000L };

	while (nanosleep(&time, &time) && errno == EINTR)
		;
}

static inline int source_open(void)
{
	return open(IOREADY_DEVICE, O_RDWR | O_CLOEXEC);
}

static inline int source_open_nonblock(void)
{
	return open(IOREADY_DEVICE, O_RDWR | O_CLOEXEC | O_NONBLOCK);
}

static inline int put(int fd, struct ioready_change change)
{
	return ERR(ioctl(fd, IOREADY_CHANGE, &change));
}

#define change(fd, ...) put(fd, (struct ioready_change){ __VA_ARGS__ })

static inline int set(int fd, __u32 events)
{
	return change(fd, .set = events);
}

static inline int clear(int fd, __u32 events)
{
	return change(fd, .clear = events);
}

static inline int set_at(int fd, __u32 events, __u64 at_ns)
{
	return change(fd, .set = events, .at_ns = at_ns);
}

static inline int cancel(int fd)
{
	return change(fd, .flags = IOREADY_CANCEL);
}

/* All bits set where the ioctl fails: no test expects that. */
static inline struct ioready_counters counters(int fd)
{
	struct ioready_counters counters;

	if (ioctl(fd, IOREADY_COUNTERS, &counters))
		memset(&counters, 0xff, sizeof(counters));
	return counters;
}

static inline struct ioready_info info(int fd)
{
	struct ioready_info info;

	if (ioctl(fd, IOREADY_INFO, &info))
		memset(&info, 0xff, sizeof(info));
	return info;
}

static inline int batch(struct ioready_member *members, __u32 count, __u32 *failed)
{
	struct ioready_batch batch = {
		.members = (uintptr_t)members,
		.count = count,
		.failed = 0xdead,
	};
	int ret = ERR(ioctl(members[0].fd, IOREADY_BATCH, &batch));

	*failed = batch.failed;
	return ret;
}

/* What may not be known beforehand: the number and the times. */
#define COUNTER(name) { #name, offsetof(struct ioready_counters, name), \
	sizeof(((struct ioready_counters *)0)->name) }
static const struct {
	const char *name;
	size_t offset, size;
} counter_fields[] = {
	COUNTER(polls), COUNTER(polls_waiting), COUNTER(polls_found), COUNTER(masks),
	COUNTER(ready), COUNTER(waiters_added), COUNTER(waiters_removed), COUNTER(wakes),
	COUNTER(waiters_called), COUNTER(waiters_woken), COUNTER(changes), COUNTER(timers),
	COUNTER(timers_dropped), COUNTER(reads),
};

static inline __u64 counter_value(const struct ioready_counters *counters, int i)
{
	const char *at = (const char *)counters + counter_fields[i].offset;

	return counter_fields[i].size == 4 ? *(const __u32 *)at : *(const __u64 *)at;
}

/* How many counters of the source are not as wanted; and prints which. */
static inline int counts_differ(int fd, const struct ioready_counters *want)
{
	struct ioready_counters got = counters(fd);
	int differ = 0;

	for (int i = 0; i < ARRAY_SIZE(counter_fields); i++) {
		__u64 expected = counter_value(want, i), seen = counter_value(&got, i);

		if (expected == seen)
			continue;
		say("# %s: expected %llu, got %llu\n", counter_fields[i].name, expected, seen);
		differ++;
	}
	/* What holds of the times at any moment. */
	if (!!got.wake_ns != !!got.wakes || got.ready_ns > got.wake_ns ||
	    got.wake_ns > now_ns() || !!got.ready_ns < !!got.ready) {
		say("# times: ready_ns %llu, wake_ns %llu\n", got.ready_ns, got.wake_ns);
		differ++;
	}
	for (int i = 0; i < ARRAY_SIZE(got.reserved); i++)
		differ += !!got.reserved[i];
	return differ;
}

/* EXPECT_COUNTS(fd, .polls = 1, ...): these exactly, and 0 for all that are not named. */
#define EXPECT_COUNTS(fd, ...) \
	EXPECT_EQ(0, counts_differ(fd, &(struct ioready_counters){ __VA_ARGS__ }))

/* A thread that waits: what it calls, with what, and how that ended. */
struct waiter {
	long (*call)(struct waiter *waiter);
	int fd;
	int more[3];
	const void *with;
	struct ioready_readiness readiness;
	struct epoll_event event;

	long ret;
	int error;
	pthread_t thread;
	atomic_int tid;
};

static inline void *waiter_main(void *arg)
{
	struct waiter *waiter = arg;

	atomic_store(&waiter->tid, gettid());
	waiter->ret = waiter->call(waiter);
	waiter->error = errno;
	return NULL;
}

/* Whether the thread sleeps in a system call; of a lock it would be futex. */
static inline bool thread_sleeps(int tid)
{
	char path[64], text[32] = "";
	long nr;
	int fd;

	snprintf(path, sizeof(path), "/proc/self/task/%d/syscall", tid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	if (read(fd, text, sizeof(text) - 1) < 0)
		text[0] = '\0';
	close(fd);
	/* "running", or its number; -1 in a page fault. */
	return sscanf(text, "%ld ", &nr) == 1 && nr >= 0 && nr != SYS_futex;
}

/* Starts it and returns when it sleeps in its call: from then on a wake wakes it. */
static inline bool waiter_start(struct waiter *waiter)
{
	__u64 until = now_ns() + PATIENCE_NS;

	atomic_store(&waiter->tid, 0);
	if (pthread_create(&waiter->thread, NULL, waiter_main, waiter))
		return false;
	while (now_ns() < until) {
		int tid = atomic_load(&waiter->tid);

		if (tid && thread_sleeps(tid))
			return true;
		sleep_ms(1);
	}
	return false;
}

/* What its call returned, or -errno. */
static inline long waiter_end(struct waiter *waiter)
{
	if (pthread_join(waiter->thread, NULL))
		return -ESRCH;
	return waiter->ret < 0 ? -waiter->error : waiter->ret;
}

static inline long call_poll(struct waiter *waiter)
{
	struct pollfd pollfd = { waiter->fd, POLLIN };

	return poll(&pollfd, 1, -1);
}

static inline long call_epoll_wait(struct waiter *waiter)
{
	return epoll_wait(waiter->fd, &waiter->event, 1, -1);
}

static inline long call_read(struct waiter *waiter)
{
	return read(waiter->fd, &waiter->readiness, sizeof(waiter->readiness));
}

/* This thread on one processor. */
static inline int pin_to(int cpu, int policy)
{
	struct sched_param parameter = { .sched_priority = policy == SCHED_FIFO ? 10 : 0 };
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(cpu, &cpus);
	if (sched_setaffinity(0, sizeof(cpus), &cpus))
		return -errno;
	return ERR(sched_setscheduler(0, policy, &parameter));
}

/* Returns the directory's own program of that name, or NULL. */
static inline const char *program(const char *name, char *path, size_t size)
{
	ssize_t n = readlink("/proc/self/exe", path, size - 1);

	if (n < 0)
		return NULL;
	path[n] = '\0';
	*strrchr(path, '/') = '\0';
	strncat(path, "/", size - strlen(path) - 1);
	strncat(path, name, size - strlen(path) - 1);
	return access(path, X_OK) ? NULL : path;
}

/* A seed for a test's choices: the same in each run, unless IOREADY_SEED says. */
static inline __u64 seed_get(void)
{
	const char *text = getenv("IOREADY_SEED");
	__u64 seed = text ? strtoull(text, NULL, 0) : 0x10ead1;

	say("# IOREADY_SEED=%#llx\n", seed);
	return seed;
}

/* xorshift64*: rand() is not the same everywhere, and locks. */
static inline __u32 random_next(__u64 *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return (*state * 0x2545f4914f6cdd1dULL) >> 32;
}

static inline __u64 seconds_get(const char *name, unsigned int seconds)
{
	const char *text = getenv(name);

	return (text ? strtoul(text, NULL, 0) : seconds) * 1000000000ULL;
}

/* Every test has one source, and leaves as many behind as it found. */
FIXTURE(source)
{
	int fd;
	unsigned int sources;
};

/* IOREADY_ONLY: run only the tests whose name holds that. */
#define SKIP_UNLESS_POSSIBLE() do {						\
	const char *only = getenv("IOREADY_ONLY");				\
										\
	if (only && !strstr(_metadata->name, only))				\
		SKIP_NOW("IOREADY_ONLY=%s", only);				\
	if (access(IOREADY_DEVICE, F_OK))					\
		SKIP_NOW("no %s: the module is not loaded", IOREADY_DEVICE);	\
} while (0)

FIXTURE_SETUP(source)
{
	SKIP_UNLESS_POSSIBLE();
	self->fd = source_open();
	ASSERT_LE(0, self->fd) {
		TH_LOG("%s: %s", IOREADY_DEVICE, strerror(errno));
	}
	self->sources = info(self->fd).sources;
}

/* io_uring gives its files back after the ring is closed, and a little later. */
static inline unsigned int sources_settle(int fd, unsigned int expected)
{
	__u64 until = now_ns() + PATIENCE_NS;

	while (info(fd).sources != expected && now_ns() < until)
		sleep_ms(1);
	return info(fd).sources;
}

FIXTURE_TEARDOWN(source)
{
	EXPECT_EQ(self->sources, sources_settle(self->fd, self->sources));
	close(self->fd);
}

#endif /* TEST_MODULE_H */
