// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cmd.h"
#include "window.h"

static const struct cmd commands[] = {
	{ "stat", cmd_stat, "what the waiting of running programs costs" },
	{ "trace", cmd_trace, "a line a call, when it returns" },
	{ "top", cmd_top, "who waits, and what it costs, live" },
	{ "tcp", cmd_tcp, "connections, from the first SYN to the end of TIME_WAIT" },
	{ "selftest", cmd_selftest, "the tracer held against the module's truth, on this kernel" },
	{ "snapshot", cmd_snapshot, "which fds a process watches, what is ready, what is not served" },
	{ "doctor", cmd_doctor, "what this kernel allows, and what each choice costs" },
};

static void usage(FILE *out)
{
	fprintf(out, "Usage: ioready COMMAND [OPTION...]\n"
		     "How programs wait for I/O, and what the waiting costs.\n\n");
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		fprintf(out, "  %-10s %s\n", commands[i].name, commands[i].summary);
	fprintf(out, "\n'ioready COMMAND --help' lists a command's options; "
		     "see also ioready(1).\n");
}

int cmd_fail(const char *command, int error, const char *text)
{
	fprintf(stderr, "ioready %s: %s\n", command, text);
	return error == -EPERM || error == -EOPNOTSUPP ? EXIT_UNSUPPORTED : EXIT_FAILED;
}

int cmd_start(const char *command, struct window *window)
{
	struct err err;
	int ret;

	if (!window->has_command)
		return 0;
	ret = command_start(&window->command, &err);
	if (!ret)
		return 0;
	cmd_fail(command, ret, err.text);
	command_wait(&window->command);
	return ret == -ENOENT ? 127 : 126;
}

int cmd_end(const char *command, struct window *window, int ret, const char *text)
{
	int status = ret < 0 ? cmd_fail(command, ret, text) : ret > 0 ? EXIT_LOSSES : EXIT_DONE;
	int theirs = EXIT_DONE;

	if (window->has_command && window->command.gate >= 0)
		command_abandon(&window->command);
	else if (window->has_command)
		theirs = window_command_end(window);
	return status == EXIT_DONE ? theirs : status;
}

int main(int argc, char **argv)
{
	if (argc > 1) {
		if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") ||
		    !strcmp(argv[1], "help")) {
			usage(stdout);
			return fflush(stdout) ? EXIT_FAILED : EXIT_DONE;
		}
		if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V")) {
			printf("ioready %s\n", IOREADY_VERSION);
			return fflush(stdout) ? EXIT_FAILED : EXIT_DONE;
		}
		for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
			if (!strcmp(argv[1], commands[i].name))
				return commands[i].run(argc - 1, argv + 1);
		fprintf(stderr, "ioready: there is no command '%.40s'\n\n", argv[1]);
	}
	usage(stderr);
	return EXIT_USAGE;
}
