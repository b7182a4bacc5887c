// SPDX-License-Identifier: GPL-2.0-or-later
/* Part of test_module.c: what every ioctl takes, what it refuses, and who may ask. */
#include "test_module.h"

TEST_F(source, info)
{
	struct ioready_info got;

	/* What is not written would stay. */
	memset(&got, 0xff, sizeof(got));
	ASSERT_EQ(0, ioctl(self->fd, IOREADY_INFO, &got));
	EXPECT_EQ(IOREADY_ABI_VERSION, got.version);
	EXPECT_EQ(IOREADY_EVENTS, got.events);
	EXPECT_EQ(EPOLLIN | EPOLLPRI | EPOLLOUT | EPOLLERR | EPOLLHUP | EPOLLRDNORM |
		  EPOLLRDBAND | EPOLLWRNORM | EPOLLWRBAND | EPOLLMSG | EPOLLRDHUP, got.events);
	EXPECT_EQ(65536, got.sources_max);
	EXPECT_EQ(4096, got.batch_max);
	EXPECT_EQ(0, got.pad);
	for (int i = 0; i < ARRAY_SIZE(got.reserved); i++)
		EXPECT_EQ(0, got.reserved[i]);
}

TEST_F(source, info_counts_sources)
{
	int fds[5];

	for (int i = 0; i < 5; i++) {
		fds[i] = source_open();
		EXPECT_EQ(self->sources + i + 1, info(self->fd).sources);
	}
	for (int i = 0; i < 5; i++) {
		close(fds[i]);
		EXPECT_EQ(self->sources + 4 - i, info(self->fd).sources);
	}
}

TEST_F(source, unknown_ioctls)
{
	static const unsigned long commands[] = {
		_IO(IOREADY_IOC, 0), _IO(IOREADY_IOC, 4), _IO(IOREADY_IOC, 255),
		_IOR(IOREADY_IOC, 0, char), _IOW(IOREADY_IOC, 0, struct ioready_info),
		_IOR(IOREADY_IOC, 1, struct ioready_change),
		_IOR(IOREADY_IOC, 2, struct ioready_batch),
		_IOW(IOREADY_IOC, 3, struct ioready_counters),
		_IOR(IOREADY_IOC + 1, 0, struct ioready_info), 0x5401 /* TCGETS */, 0, ~0U,
	};
	char any[256] = { 0 };

	for (int i = 0; i < ARRAY_SIZE(commands); i++) {
		EXPECT_EQ(-ENOTTY, ERR(ioctl(self->fd, commands[i], any))) {
			TH_LOG("command %#lx", commands[i]);
		}
	}
	EXPECT_COUNTS(self->fd, 0);
}

TEST_F(source, bad_changes)
{
	/* KTIME_MAX is INT64_MAX: what is above could not be compared with. */
	const __u64 too_late = 1ULL << 63;
	const struct ioready_change bad[] = {
		{ },
		{ .set = EPOLLIN, .clear = EPOLLIN },
		{ .set = IOREADY_EVENTS, .clear = EPOLLRDHUP },
		{ .set = EPOLLIN, .flags = 2 },
		{ .set = EPOLLIN, .flags = 1U << 31 },
		{ .set = EPOLLIN, .pad = 1 },
		{ .set = EPOLLIN, .reserved = 1 },
		{ .set = EPOLLIN, .reserved = 1ULL << 63 },
		{ .flags = IOREADY_CANCEL, .pad = 1 },
		{ .flags = IOREADY_CANCEL, .at_ns = 1 },
		{ .set = EPOLLIN, .flags = IOREADY_CANCEL, .at_ns = 1 },
		{ .at_ns = 1 },
		{ .at_ns = now_ns() + 60 * 1000 * MS },
		{ .set = EPOLLIN, .at_ns = too_late },
		{ .set = EPOLLIN, .at_ns = ~0ULL },
	};

	for (int i = 0; i < ARRAY_SIZE(bad); i++) {
		EXPECT_EQ(-EINVAL, put(self->fd, bad[i])) {
			TH_LOG("change %d", i);
		}
	}
	EXPECT_COUNTS(self->fd, 0);
	/* The last time that there is will not come, but it may be asked for. */
	EXPECT_EQ(0, set_at(self->fd, EPOLLIN, too_late - 1));
	EXPECT_EQ(0, cancel(self->fd));
	EXPECT_COUNTS(self->fd, .timers_dropped = 1);
}

TEST_F(source, each_event)
{
	for (int bit = 0; bit < 32; bit++) {
		__u32 event = 1U << bit;
		bool good = IOREADY_EVENTS & event;

		EXPECT_EQ(good ? 0 : -EINVAL, set(self->fd, event));
		EXPECT_EQ(good ? event : 0, counters(self->fd).ready);
		EXPECT_EQ(good ? 0 : -EINVAL, clear(self->fd, event));
		EXPECT_EQ(0, counters(self->fd).ready);
	}
	EXPECT_COUNTS(self->fd, .changes = 22, .wakes = 11);
}

TEST_F(source, bad_pointers)
{
	static const unsigned long commands[] = {
		IOREADY_INFO, IOREADY_CHANGE, IOREADY_BATCH, IOREADY_COUNTERS,
	};
	long page = sysconf(_SC_PAGESIZE);
	char *pages = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			   -1, 0);
	char *none = pages + page;

	ASSERT_NE(MAP_FAILED, pages);
	ASSERT_EQ(0, mprotect(none, page, PROT_NONE));
	for (int i = 0; i < ARRAY_SIZE(commands); i++) {
		size_t size = _IOC_SIZE(commands[i]);

		memset(pages, 0, page);
		EXPECT_EQ(-EFAULT, ERR(ioctl(self->fd, commands[i], NULL)));
		EXPECT_EQ(-EFAULT, ERR(ioctl(self->fd, commands[i], 1UL)));
		EXPECT_EQ(-EFAULT, ERR(ioctl(self->fd, commands[i], -4096UL)));
		EXPECT_EQ(-EFAULT, ERR(ioctl(self->fd, commands[i], 1UL << 63)));
		EXPECT_EQ(-EFAULT, ERR(ioctl(self->fd, commands[i], none)));
		/* One byte short of being all there. */
		EXPECT_EQ(-EFAULT, ERR(ioctl(self->fd, commands[i], none - size + 1)));
		/* And all there, up to the last byte. */
		if (commands[i] == IOREADY_CHANGE)
			((struct ioready_change *)(none - size))->set = EPOLLIN;
		EXPECT_EQ(0, ERR(ioctl(self->fd, commands[i], none - size)));
	}
	/* What is only to be read cannot be answered in. */
	ASSERT_EQ(0, mprotect(pages, page, PROT_READ));
	EXPECT_EQ(-EFAULT, ERR(ioctl(self->fd, IOREADY_INFO, pages)));
	EXPECT_EQ(-EFAULT, ERR(ioctl(self->fd, IOREADY_COUNTERS, pages)));
	EXPECT_EQ(-EFAULT, ERR(ioctl(self->fd, IOREADY_BATCH, pages)));
	/* The one good change among them. */
	EXPECT_COUNTS(self->fd, .changes = 1, .wakes = 1, .ready = EPOLLIN);
}

TEST_F(source, is_roots)
{
	struct stat stat_;
	int status;
	pid_t pid;

	ASSERT_EQ(0, stat(IOREADY_DEVICE, &stat_));
	EXPECT_EQ(S_IFCHR | 0600, stat_.st_mode);
	EXPECT_EQ(0, stat_.st_uid);
	EXPECT_EQ(0, stat_.st_gid);
	pid = fork();
	if (!pid) {
		if (setgid(65534) || setuid(65534))
			_exit(1);
		if (open(IOREADY_DEVICE, O_RDONLY) >= 0 || errno != EACCES)
			_exit(2);
		/* Who is given an open source may use it. */
		_exit(set(self->fd, EPOLLIN) ? 3 : 0);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
}

TEST_F(source, is_a_stream)
{
	struct ioready_readiness readiness;

	/* No position, and nothing to write to. */
	EXPECT_EQ(-ESPIPE, ERR(lseek(self->fd, 0, SEEK_CUR)));
	EXPECT_EQ(-ESPIPE, ERR(pread(self->fd, &readiness, sizeof(readiness), 0)));
	EXPECT_EQ(-EINVAL, ERR(write(self->fd, &readiness, sizeof(readiness))));
	EXPECT_EQ(MAP_FAILED, mmap(NULL, 4096, PROT_READ, MAP_SHARED, self->fd, 0));
	EXPECT_EQ(ENODEV, errno);
	EXPECT_COUNTS(self->fd, 0);
}

TEST_F(source, opened_for_writing_only)
{
	struct ioready_readiness readiness;
	int fd = open(IOREADY_DEVICE, O_WRONLY | O_CLOEXEC);

	ASSERT_LE(0, fd);
	EXPECT_EQ(0, set(fd, EPOLLIN));
	EXPECT_EQ(-EBADF, ERR(read(fd, &readiness, sizeof(readiness))));
	EXPECT_COUNTS(fd, .changes = 1, .wakes = 1, .ready = EPOLLIN);
	close(fd);
	/* A path only: no source is made, and no ioctl reaches the device. */
	fd = open(IOREADY_DEVICE, O_PATH | O_CLOEXEC);
	ASSERT_LE(0, fd);
	EXPECT_EQ(-EBADF, set(fd, EPOLLIN));
	EXPECT_EQ(self->sources, info(self->fd).sources);
	close(fd);
}

TEST_F(source, called_by_32_bits)
{
	char path[512];
	int status;
	pid_t pid;

	if (!program("module32", path, sizeof(path)))
		SKIP(return, "no module32: it is built on x86-64 only");
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		execl(path, path, NULL);
		_exit(errno == ENOEXEC ? 255 : 254);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	if (WIFEXITED(status) && WEXITSTATUS(status) == 255)
		SKIP(return, "this kernel runs no 32-bit programs");
	EXPECT_EQ(0, status) {
		TH_LOG("tests/module32.c:%d", WEXITSTATUS(status));
	}
}
