// SPDX-License-Identifier: GPL-2.0-or-later
#include "window.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "cgroup.h"
#include "privilege.h"

#define SECOND UINT64_C(1000000000)
/* Rings are drained this often; a full default ring is 1,600 thread ends. */
#define DRAIN_NS (SECOND / 10)

static uint64_t now(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ts.tv_sec * SECOND + ts.tv_nsec;
}

uint64_t window_now(void)
{
	return now(CLOCK_MONOTONIC);
}

int window_open(struct window *window, const struct options *o, struct err *err)
{
	int ret, fd = STDOUT_FILENO;
	sigset_t ours;

	window->o = o;
	window->opened_ns = window_now();
	/* First, as long as we have little memory: it has the same until it is started. */
	if (o->command) {
		ret = command_prepare(&window->command, o->command, err);
		if (ret)
			return ret;
		window->has_command = true;
	}
	ret = kernel_open(&window->kernel, err);
	if (!ret)
		ret = kernel_check(&window->kernel, err);
	if (!ret)
		ret = kernel_plan(&window->kernel, o->tier, &window->plan, err);
	if (ret)
		return ret;
	window->filter = o->filter;
	if (o->cgroup) {
		ret = cgroup_filter(o->cgroup, &window->filter, err);
		if (ret)
			return ret;
	}
	for (uint32_t i = 0; i < o->filter.tgids_nr; i++) {
		int pidfd = syscall(SYS_pidfd_open, o->filter.tgids[i], 0);

		if (pidfd < 0)
			return err_set(err, -errno, "process %u: %s", o->filter.tgids[i],
				       strerror(errno));
		window->pidfds[window->pidfds_nr++] = pidfd;
	}
	if (o->output) {
		/* For the owner alone: what servers wait for is nobody else's business. */
		fd = open(o->output, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
		if (fd < 0)
			return err_set(err, -errno, "%.300s: %s", o->output, strerror(errno));
	}
	window->out = fd == STDOUT_FILENO ? stdout : fdopen(fd, "w");
	if (!window->out)
		return err_set(err, -errno, "%s", strerror(errno));
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&ours);
	sigaddset(&ours, SIGINT);
	sigaddset(&ours, SIGTERM);
	sigaddset(&ours, SIGHUP);
	sigaddset(&ours, SIGQUIT);
	sigprocmask(SIG_BLOCK, &ours, NULL);
	window->signals = signalfd(-1, &ours, SFD_CLOEXEC);
	if (window->signals < 0)
		return err_set(err, -errno, "signalfd: %s", strerror(errno));
	return 0;
}

int window_begin(struct window *window, struct err *err)
{
	window->start_unix_ns = now(CLOCK_REALTIME);
	window->start_ns = window_now();
	return privilege_drop(window->has_command, err);
}

uint64_t window_deadline(const struct window *window)
{
	uint64_t duration = window->o->duration_ns;

	return duration ? window->start_ns + duration : UINT64_MAX;
}

/* Waits, for as long as it takes if there is no @timeout, and takes a signal that comes. */
static enum window_event event_wait(struct window *window, const struct timespec *timeout, int input)
{
	struct pollfd fds[] = {
		{ window->signals, POLLIN, 0 },
		{ window->has_command ? window->command.pidfd : -1, POLLIN, 0 },
		{ input, POLLIN, 0 },
	};

	if (ppoll(fds, 3, timeout, NULL) <= 0)
		return WINDOW_TIME;
	if (fds[0].revents && read(window->signals, &window->signal, sizeof(window->signal)) < 0)
		return WINDOW_TIME;
	if (fds[0].revents || fds[1].revents || (fds[2].revents & ~POLLIN))
		return WINDOW_STOP;
	return WINDOW_INPUT;
}

enum window_event window_wait(struct window *window, uint64_t until_ns, int input)
{
	struct timespec timeout = { 0 };
	uint64_t t = window_now();

	if (until_ns > t + DRAIN_NS)
		until_ns = t + DRAIN_NS;
	if (until_ns > t)
		timeout.tv_nsec = until_ns - t;
	return event_wait(window, &timeout, input);
}

int window_command_end(struct window *window)
{
	const struct signalfd_siginfo *by = &window->signal;
	struct pollfd ended = { window->command.pidfd, POLLIN, 0 };
	pid_t pid = window->command.pid;

	/* Who has ended the window by one does not want to wait. */
	while (!by->ssi_signo && event_wait(window, NULL, -1) != WINDOW_STOP)
		;
	if (!by->ssi_signo || poll(&ended, 1, 0) > 0)
		return command_wait(&window->command);
	/* A terminal sends it to both, if both are of its group. */
	if (by->ssi_code != SI_KERNEL || getpgid(pid) != getpgrp())
		kill(pid, by->ssi_signo);
	return 128 + by->ssi_signo;
}

bool window_all_ended(const struct window *window)
{
	if (!window->pidfds_nr)
		return false;
	for (int i = 0; i < window->pidfds_nr; i++) {
		struct pollfd p = { window->pidfds[i], POLLIN, 0 };

		if (poll(&p, 1, 0) != 1)
			return false;
	}
	return true;
}

int window_flush(struct window *window, struct err *err)
{
	const char *output = window->o->output;

	if (fflush(window->out) || ferror(window->out))
		return err_set(err, -EIO, "%.300s: %s", output ? output : "standard output",
			       strerror(errno));
	return 0;
}

void window_close(struct window *window)
{
	if (window->signals >= 0)
		close(window->signals);
	for (int i = 0; i < window->pidfds_nr; i++)
		close(window->pidfds[i]);
	kernel_close(&window->kernel);
}
