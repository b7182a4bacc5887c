// SPDX-License-Identifier: GPL-2.0-or-later
#include "command.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void child(int gate, char *const argv[])
{
	int error;
	char go;

	/* Without us nobody would ever open the gate. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (read(gate, &go, 1) != 1)
		_exit(125);
	prctl(PR_SET_PDEATHSIG, 0);
	execvp(argv[0], argv);
	error = errno;
	/* Only a failed exec gets here: on success the gate closes by itself. */
	if (write(gate, &error, sizeof(error)) != sizeof(error))
		_exit(125);
	_exit(error == ENOENT ? 127 : 126);
}

int command_prepare(struct command *command, char *const argv[], struct err *err)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		return err_set(err, -errno, "socketpair: %s", strerror(errno));
	command->pid = fork();
	if (command->pid < 0) {
		int ret = err_set(err, -errno, "fork: %s", strerror(errno));

		close(pair[0]);
		close(pair[1]);
		return ret;
	}
	if (!command->pid) {
		close(pair[0]);
		child(pair[1], argv);
	}
	close(pair[1]);
	command->gate = pair[0];
	command->pidfd = syscall(SYS_pidfd_open, command->pid, 0);
	if (command->pidfd < 0) {
		int ret = err_set(err, -errno, "pidfd_open: %s", strerror(errno));

		command_abandon(command);
		return ret;
	}
	return 0;
}

int command_start(struct command *command, struct err *err)
{
	int error = 0;
	ssize_t n;

	if (write(command->gate, "", 1) != 1)
		return err_set(err, -errno, "the command could not be started: %s",
			       strerror(errno));
	do
		n = read(command->gate, &error, sizeof(error));
	while (n < 0 && errno == EINTR);
	close(command->gate);
	command->gate = -1;
	if (n == sizeof(error))
		return err_set(err, -error, "the command could not be run: %s", strerror(error));
	return 0;
}

int command_wait(struct command *command)
{
	int status;

	while (waitpid(command->pid, &status, 0) < 0)
		if (errno != EINTR)
			return 1;
	close(command->pidfd);
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

void command_abandon(struct command *command)
{
	if (command->gate >= 0)
		close(command->gate);
	waitpid(command->pid, NULL, 0);
	if (command->pidfd >= 0)
		close(command->pidfd);
}
