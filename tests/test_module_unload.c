// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Part of test_module.c: in and out of the kernel. Last, because the module is gone in
 * between; IOREADY_KO says where to get it back from.
 */
#include "test_module.h"

#include <bpf/bpf.h>
#include <linux/bpf.h>

static int module_load(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), ret;

	if (fd < 0)
		return -errno;
	ret = ERR(syscall(SYS_finit_module, fd, "", 0));
	close(fd);
	return ret;
}

static int module_unload(void)
{
	return ERR(syscall(SYS_delete_module, "ioready", O_NONBLOCK));
}

FIXTURE(unload)
{
	const char *ko;
};

FIXTURE_SETUP(unload)
{
	SKIP_UNLESS_POSSIBLE();
	self->ko = getenv("IOREADY_KO");
	if (!self->ko)
		SKIP_NOW("IOREADY_KO does not say where the module is");
	ASSERT_EQ(0, access(self->ko, R_OK));
}

FIXTURE_TEARDOWN(unload)
{
	/* The next test needs it. */
	if (access(IOREADY_DEVICE, F_OK))
		EXPECT_EQ(0, module_load(self->ko));
}

TEST_F(unload, and_load)
{
	ASSERT_EQ(0, module_unload());
	EXPECT_EQ(-ENOENT, ERR(source_open()));
	EXPECT_EQ(-ENOENT, module_unload());
	EXPECT_NE(0, access("/sys/module/ioready", F_OK));
	ASSERT_EQ(0, module_load(self->ko));
	EXPECT_EQ(-EEXIST, module_load(self->ko));
	{
		int fd = source_open();

		EXPECT_LE(0, fd);
		/* The counts begin anew. */
		EXPECT_EQ(1, info(fd).sources);
		EXPECT_EQ(1, counters(fd).source);
		close(fd);
	}
}

TEST_F(unload, not_while_open)
{
	int fd = source_open(), epoll = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event event = { .events = EPOLLIN };
	struct waiter waiter = { .call = call_poll, .fd = fd };
	bool gone = false;

	ASSERT_LE(0, fd);
	EXPECT_EQ(-EWOULDBLOCK, module_unload());
	/* While somebody waits, and after the fd is closed but not the file. */
	ASSERT_EQ(0, epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event));
	ASSERT_TRUE(waiter_start(&waiter));
	ASSERT_EQ(0, set_at(fd, EPOLLIN, now_ns() + 100 * MS));
	close(fd);
	if (atomic_load(&waiter.tid) && thread_sleeps(waiter.tid)) {
		int ret = module_unload();

		/* Its time may be over by now. */
		EXPECT_TRUE(ret == -EWOULDBLOCK || !ret);
		gone = !ret;
	}
	EXPECT_EQ(1, waiter_end(&waiter));
	EXPECT_EQ(gone ? -ENOENT : 0, module_unload());
	close(epoll);
}

TEST_F(unload, not_while_traced)
{
	static const struct bpf_insn code[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	int program, link;

	program = bpf_prog_load(BPF_PROG_TYPE_RAW_TRACEPOINT, "held", "GPL", code,
				ARRAY_SIZE(code), NULL);
	if (program == -EPERM || program == -ENOSYS || program == -EINVAL)
		SKIP(return, "no BPF: %s", strerror(-program));
	ASSERT_LE(0, program);
	link = bpf_raw_tracepoint_open("ioready_wake", program);
	ASSERT_LE(0, link);
	EXPECT_EQ(-EWOULDBLOCK, module_unload());
	{
		int fd = source_open();

		EXPECT_EQ(0, set(fd, EPOLLIN));
		EXPECT_COUNTS(fd, .changes = 1, .wakes = 1, .ready = EPOLLIN);
		close(fd);
	}
	close(link);
	close(program);
	/* A link is let go of a little later. */
	for (__u64 until = now_ns() + PATIENCE_NS; now_ns() < until; sleep_ms(1)) {
		if (module_unload() != -EWOULDBLOCK)
			break;
	}
	EXPECT_NE(0, access(IOREADY_DEVICE, F_OK));
}

TEST_F(unload, fifty_times_while_in_use)
{
	unsigned int refused = 0;
	pid_t pid = fork();
	int status;

	ASSERT_LE(0, pid);
	if (!pid) {
		for (;;) {
			struct pollfd pollfd = { source_open(), POLLIN };

			if (pollfd.fd < 0)
				continue;
			if (set(pollfd.fd, EPOLLIN) || set_at(pollfd.fd, EPOLLOUT, now_ns()) ||
			    poll(&pollfd, 1, 0) != 1 || counters(pollfd.fd).polls != 1)
				_exit(1);
			close(pollfd.fd);
			/* The moment in which it can be unloaded. */
			usleep(100);
		}
	}
	for (int i = 0; i < 50; i++) {
		__u64 until = now_ns() + PATIENCE_NS;
		int ret;

		while ((ret = module_unload()) == -EWOULDBLOCK && now_ns() < until)
			sched_yield(), refused++;
		ASSERT_EQ(0, ret);
		ASSERT_EQ(0, module_load(self->ko));
	}
	EXPECT_EQ(0, kill(pid, SIGKILL));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(SIGKILL, status);
	say("# refused %u times\n", refused);
}
