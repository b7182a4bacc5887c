// SPDX-License-Identifier: GPL-2.0-or-later
/* Part of test_module.c: the trace events, which must say what the counters say. */
#include "test_module.h"

#define TRACEFS "/sys/kernel/tracing"
/* A buffer of our own: who else traces is not disturbed. */
#define INSTANCE TRACEFS "/instances/ioready_test"

FIXTURE(trace)
{
	int fd;
	__u64 source;
};

static int trace_put(const char *name, const char *text)
{
	char path[128];
	int fd, ret;

	snprintf(path, sizeof(path), INSTANCE "/%s", name);
	fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ret = ERR(write(fd, text, strlen(text)));
	close(fd);
	return ret;
}

FIXTURE_SETUP(trace)
{
	SKIP_UNLESS_POSSIBLE();
	if (access(TRACEFS "/events/ioready", F_OK))
		SKIP_NOW("no events/ioready at " TRACEFS);
	ASSERT_TRUE(!mkdir(INSTANCE, 0755) || errno == EEXIST);
	ASSERT_EQ(0, trace_put("events/ioready/enable", "1"));
	self->fd = source_open();
	ASSERT_LE(0, self->fd);
	self->source = counters(self->fd).source;
}

FIXTURE_TEARDOWN(trace)
{
	close(self->fd);
	EXPECT_EQ(0, trace_put("events/ioready/enable", "0"));
	EXPECT_EQ(0, rmdir(INSTANCE));
}

/*
 * The n-th event of the source, from its name on, as "name: fields"; false: there are
 * not so many.
 */
static bool trace_line(__u64 source, int n, char *line, size_t size)
{
	FILE *file = fopen(INSTANCE "/trace", "re");
	char text[512], wanted[64];
	bool found = false;

	if (!file)
		return false;
	snprintf(wanted, sizeof(wanted), ": source=%llu ", source);
	while (!found && fgets(text, sizeof(text), file)) {
		char *at = strstr(text, "ioready_");

		if (text[0] == '#' || !at || !strstr(at, wanted) || n--)
			continue;
		at[strcspn(at, "\n")] = '\0';
		snprintf(line, size, "%s", at);
		found = true;
	}
	fclose(file);
	return found;
}

/* EXPECT_TRACE(n, format, ...): the source's n-th event reads like that. */
#define EXPECT_TRACE(n, ...) do {						\
	char want[256], got[256] = "nothing";					\
										\
	snprintf(want, sizeof(want), __VA_ARGS__);				\
	trace_line(self->source, n, got, sizeof(got));				\
	EXPECT_STREQ(want, got);						\
} while (0)

TEST_F(trace, says_what_the_counters_say)
{
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event event = { .events = EPOLLIN };
	struct ioready_counters first, second, third;
	struct pollfd pollfd = { self->fd, POLLIN };
	unsigned long long s = self->source;

	ASSERT_EQ(0, epoll_ctl(epoll, EPOLL_CTL_ADD, self->fd, &event));
	EXPECT_EQ(0, set(self->fd, EPOLLIN | EPOLLRDNORM));
	first = counters(self->fd);
	EXPECT_EQ(1, poll(&pollfd, 1, 0));
	/* Ready already: a wake, but no moment of ready. */
	EXPECT_EQ(0, set(self->fd, EPOLLHUP));
	second = counters(self->fd);
	/* A clear is nobody's event. */
	EXPECT_EQ(0, clear(self->fd, IOREADY_EVENTS));
	close(epoll);
	EXPECT_EQ(0, poll(&pollfd, 1, 0));
	EXPECT_EQ(0, set_at(self->fd, EPOLLOUT, now_ns() + MS));
	while (!counters(self->fd).timers)
		sleep_ms(1);
	third = counters(self->fd);

	/* POLLIN | EPOLLERR | EPOLLHUP are asked for by all. */
	EXPECT_TRACE(0, "ioready_poll: source=%llu asked=0x19 returned= waits=1", s);
	EXPECT_TRACE(1, "ioready_ready: source=%llu events=IN|RDNORM ready_ns=%llu late_ns=0", s,
		     first.ready_ns);
	EXPECT_TRACE(2, "ioready_wake: source=%llu events=IN|RDNORM wake_ns=%llu "
		     "waiters_called=1 waiters_woken=1", s, first.wake_ns);
	EXPECT_TRACE(3, "ioready_poll: source=%llu asked=0x19 returned=IN|RDNORM waits=0", s);
	EXPECT_TRACE(4, "ioready_wake: source=%llu events=HUP wake_ns=%llu waiters_called=1 "
		     "waiters_woken=1", s, second.wake_ns);
	EXPECT_TRACE(5, "ioready_poll: source=%llu asked=0x19 returned= waits=0", s);
	EXPECT_TRACE(6, "ioready_ready: source=%llu events=OUT ready_ns=%llu late_ns=%llu", s,
		     third.ready_ns, third.late_ns);
	EXPECT_TRACE(7, "ioready_wake: source=%llu events=OUT wake_ns=%llu waiters_called=0 "
		     "waiters_woken=0", s, third.wake_ns);
	EXPECT_TRACE(8, "nothing");
}

TEST_F(trace, names_each_event)
{
	struct pollfd pollfd = { self->fd, 0 };

	EXPECT_EQ(0, set(self->fd, IOREADY_EVENTS));
	EXPECT_EQ(1, poll(&pollfd, 1, 0));
	EXPECT_TRACE(2, "ioready_poll: source=%llu asked=0x18 "
		     "returned=IN|PRI|OUT|ERR|HUP|RDNORM|RDBAND|WRNORM|WRBAND|MSG|RDHUP waits=0",
		     self->source);
}

TEST_F(trace, counts_as_many)
{
	char line[256];
	int n[3] = { 0 };

	for (int i = 0; i < 50; i++) {
		struct pollfd pollfd = { self->fd, POLLIN };

		poll(&pollfd, 1, 0);
		set(self->fd, EPOLLIN);
		if (i % 5 == 4)
			clear(self->fd, EPOLLIN);
	}
	for (int i = 0; trace_line(self->source, i, line, sizeof(line)); i++) {
		n[0] += !strncmp(line, "ioready_poll:", 13);
		n[1] += !strncmp(line, "ioready_wake:", 13);
		n[2] += !strncmp(line, "ioready_ready:", 14);
	}
	EXPECT_EQ(counters(self->fd).polls, n[0]);
	EXPECT_EQ(counters(self->fd).wakes, n[1]);
	EXPECT_EQ(50, n[0]);
	EXPECT_EQ(50, n[1]);
	EXPECT_EQ(10, n[2]);
}
