// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * module32.c - a 32-bit caller of /dev/ioready: all ioctls and read(), with the values
 * that must come of them. Its exit status is the line of the first that did not.
 *
 * Without a C library, so that no 32-bit one is needed to build it:
 * gcc -m32 -static -nostdlib.
 */
#include "uapi/ioready.h"

enum { NR_EXIT = 1, NR_READ = 3, NR_OPEN = 5, NR_CLOSE = 6, NR_IOCTL = 54, NR_POLL = 168 };
enum { O_RDWR_NONBLOCK = 04002, IN = 1, OUT = 4, EAGAIN_ = 11, EINVAL_ = 22, EBADF_ = 9,
	EFAULT_ = 14, ENOTTY_ = 25 };

static long call(long nr, long a, const volatile void *b, const volatile void *c)
{
	long ret;

	__asm__ volatile("int $0x80" : "=a"(ret) : "a"(nr), "b"(a), "c"(b), "d"(c) : "memory");
	return ret;
}

static void check(int good, int line)
{
	if (!good)
		call(NR_EXIT, line, 0, 0);
}

#define CHECK(condition) check(condition, __LINE__)
#define IOCTL(fd, command, argument) call(NR_IOCTL, fd, (void *)(command), argument)

void _start(void)
{
	static struct ioready_info info;
	static struct ioready_change change;
	static struct ioready_counters counters;
	static struct ioready_readiness readiness;
	static struct ioready_member members[3];
	static struct ioready_batch batch;
	static struct {
		int fd;
		short events, revents;
	} pollfd;
	long fd = call(NR_OPEN, (long)IOREADY_DEVICE, (void *)O_RDWR_NONBLOCK, 0);
	long other = call(NR_OPEN, (long)IOREADY_DEVICE, (void *)O_RDWR_NONBLOCK, 0);

	CHECK(sizeof(void *) == 4 && fd >= 0 && other > fd);
	CHECK(IOCTL(fd, IOREADY_INFO, &info) == 0);
	CHECK(info.version == IOREADY_ABI_VERSION && info.events == IOREADY_EVENTS);
	CHECK(info.sources >= 2 && info.batch_max == 4096);
	CHECK(IOCTL(fd, IOREADY_INFO, 0) == -EFAULT_);
	CHECK(IOCTL(fd, 0xeb04, &info) == -ENOTTY_);

	CHECK(call(NR_READ, fd, &readiness, (void *)sizeof(readiness)) == -EAGAIN_);
	CHECK(IOCTL(fd, IOREADY_CHANGE, &change) == -EINVAL_);
	/* The upper half of each long field arrives. */
	change.set = IN;
	change.reserved = 1ULL << 32;
	CHECK(IOCTL(fd, IOREADY_CHANGE, &change) == -EINVAL_);
	change.reserved = 0;
	change.at_ns = 1ULL << 63;
	CHECK(IOCTL(fd, IOREADY_CHANGE, &change) == -EINVAL_);
	change.at_ns = 1ULL << 62;
	CHECK(IOCTL(fd, IOREADY_CHANGE, &change) == 0);
	change.at_ns = 0;
	change.flags = IOREADY_CANCEL;
	CHECK(IOCTL(fd, IOREADY_CHANGE, &change) == 0);

	pollfd.fd = fd;
	pollfd.events = IN;
	CHECK(call(NR_POLL, (long)&pollfd, (void *)1, 0) == 1 && pollfd.revents == IN);
	CHECK(IOCTL(fd, IOREADY_COUNTERS, &counters) == 0);
	CHECK(counters.polls == 1 && counters.polls_found == 1 && counters.masks == IN);
	CHECK(counters.ready == IN && counters.changes == 1 && counters.wakes == 1);
	CHECK(counters.timers_dropped == 1 && counters.timers == 0 && counters.reads == 0);
	CHECK(counters.ready_ns && counters.ready_ns == counters.wake_ns);
	CHECK(call(NR_READ, fd, &readiness, (void *)sizeof(readiness)) == sizeof(readiness));
	CHECK(readiness.ready_ns == counters.ready_ns && readiness.sets == 1);

	members[0].fd = fd;
	members[0].change.set = OUT;
	members[1].fd = other;
	members[1].change.set = IN | OUT;
	members[2].fd = -1;
	members[2].change.set = IN;
	batch.members = (unsigned long)members;
	batch.count = 3;
	CHECK(IOCTL(fd, IOREADY_BATCH, &batch) == -EBADF_ && batch.failed == 2);
	batch.count = 2;
	CHECK(IOCTL(fd, IOREADY_BATCH, &batch) == 0 && batch.failed == 2);
	/* Above what a 32-bit caller can point to. */
	batch.members |= 1ULL << 63;
	CHECK(IOCTL(fd, IOREADY_BATCH, &batch) == -EFAULT_);
	CHECK(IOCTL(fd, IOREADY_COUNTERS, &counters) == 0);
	CHECK(counters.ready == OUT && counters.changes == 2 && counters.reads == 1);
	CHECK(IOCTL(other, IOREADY_COUNTERS, &counters) == 0);
	CHECK(counters.ready == (IN | OUT) && counters.changes == 1);
	CHECK(call(NR_CLOSE, fd, 0, 0) == 0 && call(NR_CLOSE, other, 0, 0) == 0);
	call(NR_EXIT, 0, 0, 0);
	__builtin_unreachable();
}
