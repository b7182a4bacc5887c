// SPDX-License-Identifier: GPL-2.0-or-later
#include "interest.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

bool interest_parse(const char *line, struct interest *item)
{
	unsigned long long data, ino;
	unsigned int events, dev = 0;
	int fd, n;

	/* Before 4.12 the line ended after the data. */
	n = sscanf(line, "tfd: %d events: %x data: %llx pos:%*d ino:%llx sdev:%x", &fd, &events,
		   &data, &ino, &dev);
	if (n < 5)
		return false;
	*item = (struct interest){ fd, events, data, ino, dev };
	return true;
}

int interest_read(uint32_t pid, int32_t epfd, interest_fn fn, void *arg)
{
	char path[64], line[256];
	struct interest item;
	int ret = 0;
	ssize_t n;
	FILE *f;

	/* Closed, the number may be another file's, which has no such list. */
	snprintf(path, sizeof(path), "/proc/%u/fd/%d", pid, epfd);
	n = readlink(path, line, sizeof(line) - 1);
	if (n < 0)
		return -errno;
	line[n] = 0;
	if (strcmp(line, "anon_inode:[eventpoll]"))
		return -ENOENT;
	snprintf(path, sizeof(path), "/proc/%u/fdinfo/%d", pid, epfd);
	f = fopen(path, "re");
	if (!f)
		return -errno;
	errno = 0;
	while (!ret && fgets(line, sizeof(line), f))
		if (interest_parse(line, &item))
			ret = fn(&item, arg);
	if (!ret && ferror(f))
		ret = errno ? -errno : -EIO;
	fclose(f);
	return ret;
}

static int count(const struct interest *item, void *arg)
{
	(void)item;
	++*(int64_t *)arg;
	return 0;
}

int64_t interest_count(uint32_t pid, int32_t epfd)
{
	int64_t n = 0;
	int ret = interest_read(pid, epfd, count, &n);

	return ret ? ret : n;
}
