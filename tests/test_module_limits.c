// SPDX-License-Identifier: GPL-2.0-or-later
/* Part of test_module.c: the limits, many sources at once, and who pays for them. */
#include "test_module.h"

#define PARAMETERS "/sys/module/ioready/parameters/"
#define CGROUP "/sys/fs/cgroup"
#define MANY 10000

static int text_put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), ret;

	if (fd < 0)
		return -errno;
	ret = write(fd, text, strlen(text)) < 0 ? -errno : 0;
	close(fd);
	return ret;
}

static int parameter_put(const char *name, unsigned int value)
{
	char path[128], text[16];

	snprintf(path, sizeof(path), PARAMETERS "%s", name);
	snprintf(text, sizeof(text), "%u", value);
	return text_put(path, text);
}

/* Restores the limits, however a test ends. */
FIXTURE(limits)
{
	int fd;
	struct ioready_info before;
};

FIXTURE_SETUP(limits)
{
	struct rlimit limit = { MANY + 100, MANY + 100 };

	SKIP_UNLESS_POSSIBLE();
	self->fd = source_open();
	ASSERT_LE(0, self->fd);
	self->before = info(self->fd);
	getrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_max < MANY + 100)
		limit.rlim_max = MANY + 100;
	limit.rlim_cur = limit.rlim_max;
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));
}

FIXTURE_TEARDOWN(limits)
{
	EXPECT_EQ(0, parameter_put("sources_max", self->before.sources_max));
	EXPECT_EQ(0, parameter_put("batch_max", self->before.batch_max));
	EXPECT_EQ(self->before.sources, info(self->fd).sources);
	close(self->fd);
}

TEST_F(limits, sources_max)
{
	int fds[3];

	ASSERT_EQ(0, parameter_put("sources_max", self->before.sources + 3));
	EXPECT_EQ(self->before.sources + 3, info(self->fd).sources_max);
	for (int i = 0; i < 3; i++) {
		fds[i] = source_open();
		EXPECT_LE(0, fds[i]);
	}
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(-ENFILE, ERR(source_open()));
	EXPECT_EQ(self->before.sources + 3, info(self->fd).sources);
	/* Room for one again. */
	close(fds[0]);
	fds[0] = source_open();
	EXPECT_LE(0, fds[0]);
	EXPECT_EQ(-ENFILE, ERR(source_open()));
	/* Below what there is: those live on. */
	ASSERT_EQ(0, parameter_put("sources_max", 0));
	EXPECT_EQ(-ENFILE, ERR(source_open()));
	EXPECT_EQ(0, set(fds[2], EPOLLIN));
	EXPECT_COUNTS(fds[2], .changes = 1, .wakes = 1, .ready = EPOLLIN);
	for (int i = 0; i < 3; i++)
		close(fds[i]);
	EXPECT_EQ(-ENFILE, ERR(source_open()));
	EXPECT_EQ(-EINVAL, text_put(PARAMETERS "sources_max", "-1"));
	EXPECT_EQ(-EINVAL, text_put(PARAMETERS "sources_max", "many"));
}

TEST_F(limits, batch_max)
{
	struct ioready_member members[4];
	__u32 failed;

	for (int i = 0; i < 4; i++) {
		members[i] = (struct ioready_member){
			.fd = self->fd, .change = { .set = EPOLLIN },
		};
	}
	ASSERT_EQ(0, parameter_put("batch_max", 3));
	EXPECT_EQ(3, info(self->fd).batch_max);
	EXPECT_EQ(0, batch(members, 3, &failed));
	EXPECT_EQ(-E2BIG, batch(members, 4, &failed));
	EXPECT_EQ(4, failed);
	ASSERT_EQ(0, parameter_put("batch_max", 0));
	EXPECT_EQ(0, batch(members, 0, &failed));
	EXPECT_EQ(-E2BIG, batch(members, 1, &failed));
	EXPECT_EQ(1, failed);
	EXPECT_COUNTS(self->fd, .changes = 3, .wakes = 3, .ready = EPOLLIN);
}

TEST_F(limits, batch_without_memory)
{
	/* More than can be had, and more than can be asked for: no complaint of the kernel's. */
	static const __u32 counts[] = { 1U << 26, 1U << 28, ~0U };
	struct ioready_member member = { .fd = self->fd, .change = { .set = EPOLLIN } };

	ASSERT_EQ(0, parameter_put("batch_max", ~0U));
	for (int i = 0; i < ARRAY_SIZE(counts); i++) {
		struct ioready_batch batch = {
			.members = (uintptr_t)&member, .count = counts[i],
		};

		EXPECT_EQ(-ENOMEM, ERR(ioctl(self->fd, IOREADY_BATCH, &batch)));
		EXPECT_EQ(counts[i], batch.failed);
	}
	EXPECT_COUNTS(self->fd, 0);
}

TEST_F(limits, ten_thousand)
{
	static struct ioready_member members[MANY];
	static struct epoll_event events[MANY];
	static struct pollfd pollfds[MANY];
	int epoll = epoll_create1(EPOLL_CLOEXEC), n = 0;
	__u64 first, made_ns, begun_ns = now_ns();
	__u32 failed;

	for (int i = 0; i < MANY; i++) {
		int fd = source_open();

		ASSERT_LE(0, fd);
		members[i] = (struct ioready_member){ .fd = fd, .change = { .set = EPOLLIN } };
		pollfds[i] = (struct pollfd){ fd, POLLIN };
		events[0] = (struct epoll_event){ .events = EPOLLIN, .data.u32 = i };
		ASSERT_EQ(0, epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &events[0]));
	}
	made_ns = now_ns();
	first = counters(members[0].fd).source;
	EXPECT_EQ(first + MANY - 1, counters(members[MANY - 1].fd).source);
	EXPECT_EQ(self->before.sources + MANY, info(self->fd).sources);
	for (int i = 0; i < MANY; i += 2500)
		ASSERT_EQ(0, batch(&members[i], 2500, &failed));
	while (n < MANY) {
		int found = epoll_wait(epoll, events, MANY, 0);

		ASSERT_LT(0, found);
		n += found;
	}
	EXPECT_EQ(MANY, n);
	EXPECT_EQ(MANY, poll(pollfds, MANY, 0));
	for (int i = 0; i < MANY; i++) {
		ASSERT_EQ(0, counts_differ(members[i].fd, &(struct ioready_counters){
			.polls = 3, .polls_waiting = 1, .polls_found = 2, .masks = EPOLLIN,
			.ready = EPOLLIN, .waiters_added = 1, .wakes = 1, .waiters_called = 1,
			.waiters_woken = 1, .changes = 1 }));
	}
	close(epoll);
	for (int i = 0; i < MANY; i++) {
		ASSERT_EQ(1, counters(members[i].fd).waiters_removed);
		close(members[i].fd);
	}
	say("# made in %llu ms, used and ended in %llu ms\n", (made_ns - begun_ns) / MS,
	    (now_ns() - made_ns) / MS);
}

/* --- the opener's cgroup pays -------------------------------------------------------------- */

/* A line of the cgroup's memory.stat; -1: there is none. */
static long memory_stat(const char *cgroup, const char *name)
{
	char path[256], line[128], format[64];
	long value = -1, found;
	FILE *file;

	snprintf(path, sizeof(path), "%s/memory.stat", cgroup);
	snprintf(format, sizeof(format), "%s %%ld", name);
	file = fopen(path, "re");
	if (!file)
		return -1;
	while (value < 0 && fgets(line, sizeof(line), file)) {
		if (sscanf(line, format, &found) == 1)
			value = found;
	}
	fclose(file);
	return value;
}

/* Opens MANY files of that kind; by how much the cgroup's slabs then grew, and what stayed. */
static void many_open(const char *device, const char *cgroup, long *grown, long *left)
{
	long before = memory_stat(cgroup, "slab");
	static int fds[MANY];

	for (int i = 0; i < MANY; i++)
		fds[i] = open(device, O_RDONLY | O_CLOEXEC);
	*grown = memory_stat(cgroup, "slab") - before;
	for (int i = 0; i < MANY; i++)
		close(fds[i]);
	/* Files are freed by RCU, a little later. */
	for (__u64 until = now_ns() + PATIENCE_NS; now_ns() < until; sleep_ms(10)) {
		*left = memory_stat(cgroup, "slab") - before;
		if (*left < *grown / 10)
			break;
	}
}

TEST_F(limits, paid_by_the_openers_cgroup)
{
	static const char cgroup[] = CGROUP "/ioready_test";
	long grown[2] = { 0 }, left[2] = { 0 };
	int result[2], status = 0;
	char text[16];
	pid_t pid;

	if (text_put(CGROUP "/cgroup.subtree_control", "+memory"))
		SKIP(return, "no memory controller at " CGROUP);
	ASSERT_TRUE(!mkdir(cgroup, 0755) || errno == EEXIST);
	ASSERT_EQ(0, pipe2(result, O_CLOEXEC));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		snprintf(text, sizeof(text), "%d", getpid());
		if (text_put(CGROUP "/ioready_test/cgroup.procs", text))
			_exit(1);
		/* Once for the table of fds, which stays; then files that cost nothing else. */
		many_open("/dev/null", cgroup, &grown[0], &left[0]);
		many_open("/dev/null", cgroup, &grown[0], &left[0]);
		many_open(IOREADY_DEVICE, cgroup, &grown[1], &left[1]);
		_exit(write(result[1], grown, sizeof(grown)) != sizeof(grown) ||
		      write(result[1], left, sizeof(left)) != sizeof(left));
	}
	EXPECT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(sizeof(grown), read(result[0], grown, sizeof(grown)));
	EXPECT_EQ(sizeof(left), read(result[0], left, sizeof(left)));
	say("# a file: %ld bytes, with its source: %ld\n", grown[0] / MANY, grown[1] / MANY);
	/* A source is more than what it tells of itself. */
	EXPECT_LE(MANY * (long)sizeof(struct ioready_counters), grown[1] - grown[0]);
	EXPECT_GT(grown[1] / 10, left[1]);
	EXPECT_EQ(0, rmdir(cgroup));
}
