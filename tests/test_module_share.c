// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Part of test_module.c: one source in several hands (dup, fork, exec, SCM_RIGHTS),
 * and closed while somebody waits.
 */
#include "test_module.h"

#include <sys/socket.h>

static int child_end(pid_t pid)
{
	int status;

	return waitpid(pid, &status, 0) == pid ? status : -1;
}

TEST_F(source, dup_is_the_same)
{
	int fd = dup(self->fd);

	ASSERT_LE(0, fd);
	EXPECT_EQ(self->sources, info(self->fd).sources);
	EXPECT_EQ(0, set(fd, EPOLLIN));
	EXPECT_EQ(counters(self->fd).source, counters(fd).source);
	EXPECT_COUNTS(self->fd, .changes = 1, .wakes = 1, .ready = EPOLLIN);
	EXPECT_EQ(0, close(fd));
	EXPECT_COUNTS(self->fd, .changes = 1, .wakes = 1, .ready = EPOLLIN);
	/* Opened again through /proc, it is another one. */
	{
		char path[64];

		snprintf(path, sizeof(path), "/proc/self/fd/%d", self->fd);
		fd = open(path, O_RDWR | O_CLOEXEC);
	}
	ASSERT_LE(0, fd);
	EXPECT_EQ(self->sources + 1, info(fd).sources);
	EXPECT_COUNTS(fd, 0);
	close(fd);
}

TEST_F(source, fork_shares)
{
	int fd = source_open();
	__u64 number = counters(fd).source;
	pid_t pid = fork();

	ASSERT_LE(0, pid);
	if (!pid) {
		struct ioready_readiness readiness;

		if (counters(fd).source != number || set(fd, EPOLLIN) ||
		    read(fd, &readiness, sizeof(readiness)) != sizeof(readiness))
			_exit(1);
		_exit(set_at(fd, EPOLLOUT, now_ns() + 10 * MS) ? 2 : 0);
	}
	EXPECT_EQ(0, child_end(pid));
	/* Its pending change outlives the one that made it. */
	while (!counters(fd).timers)
		sleep_ms(1);
	EXPECT_COUNTS(fd, .changes = 2, .timers = 1, .wakes = 2, .reads = 1, .ready = EPOLLOUT);
	EXPECT_EQ(self->sources + 1, info(self->fd).sources);
	close(fd);
}

TEST_F(source, last_close_ends_it)
{
	int fd = source_open(), pipes[2];
	char byte;
	pid_t pid;

	ASSERT_EQ(0, pipe2(pipes, O_CLOEXEC));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		close(pipes[1]);
		/* Until the parent has closed its own. */
		_exit(read(pipes[0], &byte, 1) ? 1 : 0);
	}
	close(pipes[0]);
	close(fd);
	EXPECT_EQ(self->sources + 1, info(self->fd).sources);
	close(pipes[1]);
	EXPECT_EQ(0, child_end(pid));
	EXPECT_EQ(self->sources, info(self->fd).sources);
}

TEST_F(source, exec_closes)
{
	int fd = source_open(), kept = open(IOREADY_DEVICE, O_RDONLY), pipes[2];
	char byte;
	pid_t pid;

	/* cat: there is one everywhere, and it waits until its input ends. */
	ASSERT_EQ(0, pipe2(pipes, O_CLOEXEC));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		int null = open("/dev/null", O_WRONLY);

		dup2(pipes[0], 0);
		dup2(null, 1);
		execlp("cat", "cat", NULL);
		_exit(127);
	}
	close(pipes[0]);
	close(kept);
	close(fd);
	/* The one with O_CLOEXEC ends at the exec; the other lives on in cat. */
	EXPECT_EQ(self->sources + 1, sources_settle(self->fd, self->sources + 1));
	byte = '\n';
	EXPECT_EQ(1, write(pipes[1], &byte, 1));
	EXPECT_EQ(self->sources + 1, info(self->fd).sources);
	close(pipes[1]);
	EXPECT_EQ(0, child_end(pid));
	EXPECT_EQ(self->sources, info(self->fd).sources);
}

/* Sends the fd, or with @fd -1 receives one. */
static int fd_pass(int sock, int fd)
{
	union {
		char space[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { 0 };
	char byte = 0;
	struct iovec iovec = { &byte, 1 };
	struct msghdr message = {
		.msg_iov = &iovec, .msg_iovlen = 1, .msg_control = control.space,
		.msg_controllen = sizeof(control.space),
	};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	if (fd >= 0) {
		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(header), &fd, sizeof(fd));
		return sendmsg(sock, &message, 0) == 1 ? 0 : -1;
	}
	if (recvmsg(sock, &message, MSG_CMSG_CLOEXEC) != 1 || !CMSG_FIRSTHDR(&message))
		return -1;
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(fd));
	return fd;
}

TEST_F(source, scm_rights_shares)
{
	int fd = source_open(), sockets[2];
	__u64 number = counters(fd).source;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets));
	ASSERT_EQ(0, fd_pass(sockets[0], fd));
	EXPECT_EQ(0, set_at(fd, EPOLLIN, now_ns() + MS));
	/* Only on its way, it is still one, and its time comes. */
	close(fd);
	EXPECT_EQ(self->sources + 1, info(self->fd).sources);
	fd = fd_pass(sockets[1], -1);
	ASSERT_LE(0, fd);
	EXPECT_EQ(number, counters(fd).source);
	while (!counters(fd).timers)
		sleep_ms(1);
	EXPECT_COUNTS(fd, .changes = 1, .timers = 1, .wakes = 1, .ready = EPOLLIN);
	/* On its way when the socket goes. */
	ASSERT_EQ(0, fd_pass(sockets[0], fd));
	close(fd);
	close(sockets[0]);
	close(sockets[1]);
	EXPECT_EQ(self->sources, sources_settle(self->fd, self->sources));
}

TEST_F(source, closed_while_in_poll)
{
	int fd = source_open();
	struct waiter waiter = { .call = call_poll, .fd = fd };

	/* Who polls holds it: it is there until the poll returns. */
	ASSERT_TRUE(waiter_start(&waiter));
	ASSERT_EQ(0, set_at(fd, EPOLLIN, now_ns() + 20 * MS));
	close(fd);
	EXPECT_EQ(1, waiter_end(&waiter));
	EXPECT_EQ(self->sources, info(self->fd).sources);
}

TEST_F(source, closed_while_in_read)
{
	int fd = source_open();
	struct waiter waiter = { .call = call_read, .fd = fd };
	__u64 at_ns;

	ASSERT_TRUE(waiter_start(&waiter));
	at_ns = now_ns() + 20 * MS;
	ASSERT_EQ(0, set_at(fd, EPOLLIN, at_ns));
	close(fd);
	EXPECT_EQ(16, waiter_end(&waiter));
	EXPECT_LE(at_ns, waiter.readiness.ready_ns);
	EXPECT_EQ(self->sources, info(self->fd).sources);
}

TEST_F(source, closed_while_in_epoll)
{
	int fd = source_open(), epoll = epoll_create1(EPOLL_CLOEXEC);
	struct waiter waiter = { .call = call_epoll_wait, .fd = epoll };
	struct epoll_event event = { .events = EPOLLIN, .data.u32 = 1 };

	/* epoll does not hold it: with the last close it leaves the interest list. */
	ASSERT_EQ(0, epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event));
	ASSERT_TRUE(waiter_start(&waiter));
	EXPECT_EQ(0, set_at(fd, EPOLLIN, now_ns() + 3600 * 1000 * MS));
	close(fd);
	EXPECT_EQ(self->sources, info(self->fd).sources);
	event.data.u32 = 2;
	ASSERT_EQ(0, epoll_ctl(epoll, EPOLL_CTL_ADD, self->fd, &event));
	EXPECT_EQ(0, set(self->fd, EPOLLIN));
	EXPECT_EQ(1, waiter_end(&waiter));
	EXPECT_EQ(2, waiter.event.data.u32);
	close(epoll);
}

TEST_F(source, killed_while_it_waits)
{
	for (int i = 0; i < 4; i++) {
		struct pollfd pollfd = { self->fd, POLLIN };
		pid_t pid = fork();

		ASSERT_LE(0, pid);
		if (!pid) {
			struct ioready_readiness readiness;

			if (i % 2)
				poll(&pollfd, 1, -1);
			else
				_exit(read(self->fd, &readiness, sizeof(readiness)));
			_exit(1);
		}
		if (i % 2) {
			while (counters(self->fd).waiters_added < 1 + i / 2)
				sleep_ms(1);
		} else {
			sleep_ms(10);
		}
		EXPECT_EQ(0, kill(pid, SIGKILL));
		EXPECT_EQ(SIGKILL, child_end(pid));
	}
	/* A process that was killed in poll may have looked once more. */
	EXPECT_EQ(2, counters(self->fd).waiters_added);
	EXPECT_EQ(2, counters(self->fd).waiters_removed);
	EXPECT_EQ(0, counters(self->fd).wakes);
}
