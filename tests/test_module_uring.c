// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Part of test_module.c: io_uring, which is a waiter of its own kind: it polls once,
 * stays in the wait queue, and is called there. By its system calls, because what is
 * needed of a library is less than what it would take to have it.
 */
#include "test_module.h"

#include <linux/io_uring.h>

#define RING_ENTRIES 8

struct ring {
	int fd;
	char *queues;
	struct io_uring_sqe *sqes;
	struct io_uring_params params;
};

static int ring_open(struct ring *ring)
{
	struct io_uring_params *params = &ring->params;
	size_t size;

	memset(ring, 0, sizeof(*ring));
	ring->fd = syscall(SYS_io_uring_setup, RING_ENTRIES, params);
	if (ring->fd < 0)
		return -errno;
	/* IORING_FEAT_SINGLE_MMAP, of 5.4: both queues are one mapping. */
	size = params->cq_off.cqes + params->cq_entries * sizeof(struct io_uring_cqe);
	if (size < params->sq_off.array + params->sq_entries * sizeof(__u32))
		size = params->sq_off.array + params->sq_entries * sizeof(__u32);
	ring->queues = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
			    ring->fd, IORING_OFF_SQ_RING);
	ring->sqes = mmap(NULL, RING_ENTRIES * sizeof(*ring->sqes), PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_POPULATE, ring->fd, IORING_OFF_SQES);
	return ring->queues == MAP_FAILED || ring->sqes == MAP_FAILED ? -errno : 0;
}

static __u32 *ring_word(struct ring *ring, __u32 offset)
{
	return (__u32 *)(ring->queues + offset);
}

/* Submits one; returns how many the kernel took. */
static int ring_submit(struct ring *ring, struct io_uring_sqe sqe)
{
	__u32 *tail = ring_word(ring, ring->params.sq_off.tail);
	__u32 index = *tail & *ring_word(ring, ring->params.sq_off.ring_mask);

	ring->sqes[index] = sqe;
	ring_word(ring, ring->params.sq_off.array)[index] = index;
	__atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
	return syscall(SYS_io_uring_enter, ring->fd, 1, 0, 0, NULL, 0);
}

/* The next completion: waits for it, or returns false if there is none. */
static bool ring_take(struct ring *ring, bool waits, struct io_uring_cqe *cqe)
{
	__u32 *head = ring_word(ring, ring->params.cq_off.head);
	__u32 *tail = ring_word(ring, ring->params.cq_off.tail);
	struct io_uring_cqe *cqes = (void *)(ring->queues + ring->params.cq_off.cqes);

	/* Also without waiting: the kernel completes in the task that asks. */
	syscall(SYS_io_uring_enter, ring->fd, 0, waits, IORING_ENTER_GETEVENTS, NULL, 0);
	if (*head == __atomic_load_n(tail, __ATOMIC_ACQUIRE))
		return false;
	*cqe = cqes[*head & *ring_word(ring, ring->params.cq_off.ring_mask)];
	__atomic_store_n(head, *head + 1, __ATOMIC_RELEASE);
	return true;
}

/* Opens it or ends the test, as not all kernels have one that may be used. */
#define RING_OPEN(ring) do {							\
	int ret = ring_open(ring);						\
										\
	if (ret == -ENOSYS || ret == -EPERM)					\
		SKIP(return, "io_uring: %s", strerror(-ret));			\
	ASSERT_EQ(0, ret);							\
} while (0)

static void ring_close(struct ring *ring)
{
	close(ring->fd);
}

TEST_F(source, uring_poll)
{
	struct io_uring_sqe sqe = {
		.opcode = IORING_OP_POLL_ADD, .fd = self->fd, .poll32_events = POLLIN,
		.user_data = 7,
	};
	struct io_uring_cqe cqe;
	struct ring ring;

	RING_OPEN(&ring);
	ASSERT_EQ(1, ring_submit(&ring, sqe));
	EXPECT_FALSE(ring_take(&ring, false, &cqe));
	EXPECT_COUNTS(self->fd, .polls = 1, .polls_waiting = 1, .waiters_added = 1);
	/* It says no to what it did not ask for. */
	EXPECT_EQ(0, set(self->fd, EPOLLOUT));
	EXPECT_FALSE(ring_take(&ring, false, &cqe));
	EXPECT_EQ(0, set(self->fd, EPOLLIN));
	ASSERT_TRUE(ring_take(&ring, true, &cqe));
	EXPECT_EQ(7, cqe.user_data);
	EXPECT_EQ(POLLIN, cqe.res);
	EXPECT_FALSE(cqe.flags & IORING_CQE_F_MORE);
	/* One for all: it is off the queue, and believes the key that it was called with. */
	EXPECT_EQ(0, set(self->fd, EPOLLIN));
	EXPECT_FALSE(ring_take(&ring, false, &cqe));
	EXPECT_COUNTS(self->fd, .polls = 1, .polls_waiting = 1, .waiters_added = 1,
		      .waiters_removed = 1, .wakes = 3, .waiters_called = 2, .waiters_woken = 1,
		      .changes = 3, .ready = EPOLLIN | EPOLLOUT);
	/* What is ready is found by the first look. */
	ASSERT_EQ(1, ring_submit(&ring, sqe));
	ASSERT_TRUE(ring_take(&ring, true, &cqe));
	EXPECT_EQ(POLLIN, cqe.res);
	EXPECT_COUNTS(self->fd, .polls = 2, .polls_waiting = 2, .polls_found = 1,
		      .masks = EPOLLIN | EPOLLOUT, .waiters_added = 2, .waiters_removed = 2,
		      .wakes = 3, .waiters_called = 2, .waiters_woken = 1, .changes = 3,
		      .ready = EPOLLIN | EPOLLOUT);
	ring_close(&ring);
}

TEST_F(source, uring_poll_multishot)
{
	struct io_uring_sqe sqe = {
		.opcode = IORING_OP_POLL_ADD, .fd = self->fd, .poll32_events = POLLIN,
		.len = IORING_POLL_ADD_MULTI, .user_data = 7,
	};
	struct io_uring_cqe cqe;
	struct ring ring;

	RING_OPEN(&ring);
	ASSERT_EQ(1, ring_submit(&ring, sqe));
	for (int i = 1; i <= 3; i++) {
		EXPECT_EQ(0, set(self->fd, EPOLLIN));
		ASSERT_TRUE(ring_take(&ring, true, &cqe));
		EXPECT_EQ(POLLIN, cqe.res);
		EXPECT_TRUE(cqe.flags & IORING_CQE_F_MORE);
		EXPECT_FALSE(ring_take(&ring, false, &cqe));
		EXPECT_EQ(1, counters(self->fd).polls_waiting);
		EXPECT_EQ(i, counters(self->fd).waiters_called);
		EXPECT_EQ(i, counters(self->fd).waiters_woken);
		EXPECT_EQ(0, counters(self->fd).waiters_removed);
	}
	/* Cancelled: the waiter goes, and the request says so. */
	sqe = (struct io_uring_sqe){ .opcode = IORING_OP_POLL_REMOVE, .addr = 7 };
	ASSERT_EQ(1, ring_submit(&ring, sqe));
	ASSERT_TRUE(ring_take(&ring, true, &cqe));
	ASSERT_TRUE(ring_take(&ring, true, &cqe));
	EXPECT_EQ(0, set(self->fd, EPOLLIN));
	EXPECT_FALSE(ring_take(&ring, false, &cqe));
	/* It never looked again: each time, it believed the key. */
	EXPECT_COUNTS(self->fd, .polls = 1, .polls_waiting = 1, .waiters_added = 1,
		      .waiters_removed = 1, .wakes = 4, .waiters_called = 3, .waiters_woken = 3,
		      .changes = 4, .ready = EPOLLIN);
	ring_close(&ring);
}

TEST_F(source, uring_read)
{
	struct ioready_readiness readiness = { 0 };
	struct io_uring_sqe sqe = {
		.opcode = IORING_OP_READ, .fd = self->fd, .addr = (uintptr_t)&readiness,
		.len = sizeof(readiness), .off = -1, .user_data = 9,
	};
	struct io_uring_cqe cqe;
	struct ring ring;

	RING_OPEN(&ring);
	/* Tried without blocking first; then it waits as a poll would, in no thread. */
	ASSERT_EQ(1, ring_submit(&ring, sqe));
	EXPECT_FALSE(ring_take(&ring, false, &cqe));
	EXPECT_COUNTS(self->fd, .polls = 1, .polls_waiting = 1, .waiters_added = 1);
	EXPECT_EQ(0, set(self->fd, EPOLLIN));
	ASSERT_TRUE(ring_take(&ring, true, &cqe));
	EXPECT_EQ(9, cqe.user_data);
	EXPECT_EQ(16, cqe.res);
	EXPECT_EQ(counters(self->fd).ready_ns, readiness.ready_ns);
	EXPECT_EQ(1, readiness.sets);
	EXPECT_COUNTS(self->fd, .polls = 1, .polls_waiting = 1, .waiters_added = 1,
		      .waiters_removed = 1, .wakes = 1, .waiters_called = 1, .waiters_woken = 1,
		      .changes = 1, .reads = 1);
	/* At once, if there is something; nothing waits. */
	EXPECT_EQ(0, set(self->fd, EPOLLIN));
	ASSERT_EQ(1, ring_submit(&ring, sqe));
	ASSERT_TRUE(ring_take(&ring, false, &cqe));
	EXPECT_EQ(16, cqe.res);
	EXPECT_COUNTS(self->fd, .polls = 1, .polls_waiting = 1, .waiters_added = 1,
		      .waiters_removed = 1, .wakes = 2, .waiters_called = 1, .waiters_woken = 1,
		      .changes = 2, .reads = 2);
	ring_close(&ring);
}

TEST_F(source, uring_keeps_the_source)
{
	struct io_uring_sqe sqe = { .opcode = IORING_OP_POLL_ADD, .poll32_events = POLLIN };
	struct ring ring;

	RING_OPEN(&ring);
	for (int i = 0; i < RING_ENTRIES; i++) {
		sqe.fd = source_open();
		ASSERT_LE(0, sqe.fd);
		ASSERT_EQ(0, set_at(sqe.fd, EPOLLIN, now_ns() + i * 300 * 1000));
		ASSERT_EQ(1, ring_submit(&ring, sqe));
		close(sqe.fd);
	}
	/* Each ends when its poll does or when the ring goes, whatever is first. */
	ring_close(&ring);
	EXPECT_EQ(self->sources, sources_settle(self->fd, self->sources));
}
