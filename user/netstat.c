// SPDX-License-Identifier: GPL-2.0-or-later
#include "netstat.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct {
	const char *name, *section, *theirs;
} counters[] = {
#define X(name, section, theirs) { #name, section, theirs },
	NETSTAT(X)
#undef X
};

const char *netstat_name(enum netstat_counter counter)
{
	return counters[counter].name;
}

/* A section is a line of names, and one of as many values. */
static void section_read(char *names, char *values, uint64_t *value, uint8_t *had)
{
	char *at_name, *at_value;
	const char *section = strtok_r(names, " ", &at_name);
	const char *again = strtok_r(values, " ", &at_value);

	if (!section || !again || strcmp(section, again))
		return;
	for (;;) {
		const char *name = strtok_r(NULL, " ", &at_name);
		const char *number = strtok_r(NULL, " ", &at_value);

		if (!name || !number)
			return;
		for (int i = 0; i < NETSTAT_NR; i++) {
			if (strcmp(counters[i].section, section) || strcmp(counters[i].theirs, name))
				continue;
			value[i] = strtoull(number, NULL, 10);
			had[i] = 1;
		}
	}
}

static int counters_read(const int fds[2], uint64_t *value, uint8_t *had, struct err *err)
{
	char text[16384];

	for (int i = 0; i < 2; i++) {
		ssize_t n = pread(fds[i], text, sizeof(text) - 1, 0);
		char *at, *names, *values;

		if (n < 0)
			return err_set(err, -errno, "the kernel's network counters: %s",
				       strerror(errno));
		text[n] = 0;
		names = strtok_r(text, "\n", &at);
		while (names && (values = strtok_r(NULL, "\n", &at))) {
			section_read(names, values, value, had);
			names = strtok_r(NULL, "\n", &at);
		}
	}
	return 0;
}

/* The namespace is changed for the two calls of open() alone. */
static int files_open(struct netstat *netstat, int netns)
{
	static const char *const files[] = { "/proc/thread-self/net/netstat",
					     "/proc/thread-self/net/snmp" };
	int ret = 0, home = -1;

	if (netns >= 0) {
		home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
		if (home < 0)
			return -errno;
		if (setns(netns, CLONE_NEWNET)) {
			ret = -errno;
			close(home);
			return ret;
		}
	}
	for (int i = 0; !ret && i < 2; i++) {
		netstat->fds[i] = open(files[i], O_RDONLY | O_CLOEXEC);
		if (netstat->fds[i] < 0)
			ret = -errno;
	}
	if (home >= 0) {
		if (setns(home, CLONE_NEWNET))
			ret = -errno;
		close(home);
	}
	return ret;
}

int netstat_open(struct netstat *netstat, int netns, struct err *err)
{
	int ret = files_open(netstat, netns);

	if (ret)
		return err_set(err, ret, "the kernel's network counters: %s", strerror(-ret));
	return counters_read(netstat->fds, netstat->value, netstat->had, err);
}

int netstat_since(const struct netstat *netstat, uint64_t since[NETSTAT_NR], struct err *err)
{
	uint8_t had[NETSTAT_NR] = { 0 };
	int ret;

	memset(since, 0, NETSTAT_NR * sizeof(since[0]));
	ret = counters_read(netstat->fds, since, had, err);
	for (int i = 0; i < NETSTAT_NR; i++)
		since[i] -= netstat->value[i];
	return ret;
}

void netstat_close(struct netstat *netstat)
{
	for (int i = 0; i < 2; i++)
		if (netstat->fds[i] >= 0)
			close(netstat->fds[i]);
}
