// SPDX-License-Identifier: GPL-2.0-or-later
/* Part of test_module.c: batches, which are checked as a whole and then made in order. */
#include "test_module.h"

#define MEMBERS 5

FIXTURE(batch)
{
	struct ioready_member members[MEMBERS];
	unsigned int sources;
	int other;
};

FIXTURE_SETUP(batch)
{
	SKIP_UNLESS_POSSIBLE();
	for (int i = 0; i < MEMBERS; i++) {
		self->members[i] = (struct ioready_member){
			.fd = source_open(), .change = { .set = EPOLLIN },
		};
		ASSERT_LE(0, self->members[i].fd);
	}
	self->other = open("/dev/null", O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->other);
	self->sources = info(self->members[0].fd).sources;
}

FIXTURE_TEARDOWN(batch)
{
	EXPECT_EQ(self->sources, info(self->members[0].fd).sources);
	for (int i = 0; i < MEMBERS; i++)
		close(self->members[i].fd);
	close(self->other);
}

TEST_F(batch, is_made)
{
	__u32 failed;

	self->members[1].change = (struct ioready_change){ .set = EPOLLOUT | EPOLLIN };
	self->members[2].change = (struct ioready_change){ .clear = EPOLLIN };
	self->members[3].change = (struct ioready_change){ .flags = IOREADY_CANCEL };
	self->members[4].change.at_ns = now_ns() + 3600 * 1000 * MS;
	EXPECT_EQ(0, batch(self->members, MEMBERS, &failed));
	EXPECT_EQ(MEMBERS, failed);
	EXPECT_COUNTS(self->members[0].fd, .changes = 1, .wakes = 1, .ready = EPOLLIN);
	EXPECT_COUNTS(self->members[1].fd, .changes = 1, .wakes = 1, .ready = EPOLLIN | EPOLLOUT);
	EXPECT_COUNTS(self->members[2].fd, .changes = 1);
	EXPECT_COUNTS(self->members[3].fd, 0);
	EXPECT_COUNTS(self->members[4].fd, 0);
	EXPECT_EQ(0, cancel(self->members[4].fd));
	EXPECT_COUNTS(self->members[4].fd, .timers_dropped = 1);
	/* In their order. */
	EXPECT_LT(counters(self->members[0].fd).wake_ns, counters(self->members[1].fd).wake_ns);
}

TEST_F(batch, with_a_bad_member)
{
	int closed = dup(self->other), path = open(IOREADY_DEVICE, O_PATH | O_CLOEXEC);
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	const struct {
		struct ioready_member member;
		int error;
	} bad[] = {
		{ { .fd = -1, .change.set = EPOLLIN }, -EBADF },
		{ { .fd = 1 << 30, .change.set = EPOLLIN }, -EBADF },
		{ { .fd = closed, .change.set = EPOLLIN }, -EBADF },
		{ { .fd = self->other, .change.set = EPOLLIN }, -EBADF },
		{ { .fd = epoll, .change.set = EPOLLIN }, -EBADF },
		{ { .fd = path, .change.set = EPOLLIN }, -EBADF },
		{ { .fd = self->members[0].fd, .change.set = 1U << 31 }, -EINVAL },
		{ { .fd = self->members[0].fd }, -EINVAL },
		{ { .fd = self->members[0].fd, .change.set = EPOLLIN, .pad = 1 }, -EINVAL },
		{ { .fd = self->members[0].fd, .change = { .set = 1, .pad = 1 } }, -EINVAL },
		{ { .fd = self->members[0].fd, .change = { .set = 1, .reserved = 1 } }, -EINVAL },
		{ { .fd = self->members[0].fd, .change = { .set = 1, .clear = 1 } }, -EINVAL },
		{ { .fd = self->members[0].fd, .change = { .set = 1, .flags = 2 } }, -EINVAL },
		{ { .fd = self->members[0].fd, .change = { .set = 1, .at_ns = ~0ULL } }, -EINVAL },
	};
	__u32 failed;

	close(closed);
	for (int i = 0; i < ARRAY_SIZE(bad); i++) {
		for (int at = 0; at < MEMBERS; at++) {
			struct ioready_member members[MEMBERS];
			struct ioready_batch batch = {
				.members = (uintptr_t)members, .count = MEMBERS,
			};

			memcpy(members, self->members, sizeof(members));
			members[at] = bad[i].member;
			/* A second bad one: the first is told. */
			if (at < MEMBERS - 1)
				members[MEMBERS - 1].fd = -1;
			EXPECT_EQ(bad[i].error,
				  ERR(ioctl(self->members[0].fd, IOREADY_BATCH, &batch)));
			EXPECT_EQ(at, batch.failed);
		}
	}
	for (int i = 0; i < MEMBERS; i++)
		EXPECT_COUNTS(self->members[i].fd, 0);
	/* The same without the bad ones. */
	EXPECT_EQ(0, batch(self->members, MEMBERS, &failed));
	for (int i = 0; i < MEMBERS; i++)
		EXPECT_COUNTS(self->members[i].fd, .changes = 1, .wakes = 1, .ready = EPOLLIN);
	close(path);
	close(epoll);
}

TEST_F(batch, of_none)
{
	struct ioready_batch batch = { .members = 1, .count = 0, .failed = 7 };

	/* There is nothing at @members, and nobody looks. */
	EXPECT_EQ(0, ioctl(self->members[0].fd, IOREADY_BATCH, &batch));
	EXPECT_EQ(0, batch.failed);
}

TEST_F(batch, that_is_bad_itself)
{
	long page = sysconf(_SC_PAGESIZE);
	char *pages = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			   -1, 0);
	const struct {
		struct ioready_batch batch;
		int error;
	} bad[] = {
		{ { .count = 4097 }, -E2BIG },
		{ { .count = ~0U }, -E2BIG },
		{ { .count = MEMBERS, .reserved[0] = 1 }, -EINVAL },
		{ { .count = MEMBERS, .reserved[1] = 1ULL << 63 }, -EINVAL },
		{ { .count = 0, .reserved[1] = 1 }, -EINVAL },
		{ { .count = MEMBERS, .members = 8 }, -EFAULT },
		{ { .count = MEMBERS, .members = -4096UL }, -EFAULT },
		{ { .count = MEMBERS, .members = 1ULL << 63 }, -EFAULT },
		/* The last byte of the last member. */
		{ { .count = MEMBERS,
		    .members = (uintptr_t)pages + page - sizeof(self->members) + 1 }, -EFAULT },
	};

	ASSERT_NE(MAP_FAILED, pages);
	ASSERT_EQ(0, mprotect(pages + page, page, PROT_NONE));
	for (int i = 0; i < ARRAY_SIZE(bad); i++) {
		struct ioready_batch batch = bad[i].batch;

		if (!batch.members)
			batch.members = (uintptr_t)self->members;
		batch.failed = 0xdead;
		EXPECT_EQ(bad[i].error, ERR(ioctl(self->members[0].fd, IOREADY_BATCH, &batch)));
		EXPECT_EQ(batch.count, batch.failed);
	}
	for (int i = 0; i < MEMBERS; i++)
		EXPECT_COUNTS(self->members[i].fd, 0);
	/* Up to the last byte. */
	memcpy(pages + page - sizeof(self->members), self->members, sizeof(self->members));
	{
		struct ioready_batch batch = {
			.members = (uintptr_t)pages + page - sizeof(self->members),
			.count = MEMBERS,
		};

		EXPECT_EQ(0, ERR(ioctl(self->members[0].fd, IOREADY_BATCH, &batch)));
	}
	EXPECT_COUNTS(self->members[4].fd, .changes = 1, .wakes = 1, .ready = EPOLLIN);
}

TEST_F(batch, of_one_source_many_times)
{
	static const struct ioready_change changes[MEMBERS] = {
		{ .set = EPOLLIN }, { .set = EPOLLOUT }, { .clear = EPOLLIN },
		{ .set = EPOLLPRI, .clear = EPOLLOUT }, { .set = EPOLLIN },
	};
	struct ioready_member members[MEMBERS];
	__u32 failed;

	for (int i = 0; i < MEMBERS; i++) {
		members[i] = (struct ioready_member){
			.fd = self->members[2].fd, .change = changes[i],
		};
	}
	EXPECT_EQ(0, batch(members, MEMBERS, &failed));
	EXPECT_COUNTS(self->members[2].fd, .changes = 5, .wakes = 4,
		      .ready = EPOLLIN | EPOLLPRI);
	/* Of several times, the last is the one. */
	for (int i = 0; i < MEMBERS; i++)
		members[i].change = (struct ioready_change){
			.clear = EPOLLIN, .at_ns = now_ns() + (i + 1) * 1000 * 1000 * MS,
		};
	EXPECT_EQ(0, batch(members, MEMBERS, &failed));
	EXPECT_COUNTS(self->members[2].fd, .changes = 5, .wakes = 4, .timers_dropped = 4,
		      .ready = EPOLLIN | EPOLLPRI);
}

TEST_F(batch, of_as_many_as_may_be)
{
	enum { N = 4096 };
	static struct ioready_member members[N];
	__u32 failed;

	for (int i = 0; i < N; i++)
		members[i] = self->members[i % MEMBERS];
	EXPECT_EQ(0, batch(members, N, &failed));
	EXPECT_EQ(N, failed);
	for (int i = 0; i < MEMBERS; i++) {
		__u64 n = N / MEMBERS + (i < N % MEMBERS);

		EXPECT_COUNTS(self->members[i].fd, .changes = n, .wakes = n, .ready = EPOLLIN);
	}
	/* A bad last one undoes all that were good: none is made, all are let go. */
	members[N - 1].fd = self->other;
	EXPECT_EQ(-EBADF, batch(members, N, &failed));
	EXPECT_EQ(N - 1, failed);
	EXPECT_EQ(N / MEMBERS + 1, counters(self->members[0].fd).changes);
}
