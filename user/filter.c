// SPDX-License-Identifier: GPL-2.0-or-later
#include "filter.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <sys/syscall.h>

int filter_follow(int tree, pid_t pid, struct err *err)
{
	const uint32_t yes = 1;
	int fd = syscall(SYS_pidfd_open, pid, 0);
	int ret = 0;

	if (fd < 0 || bpf_map_update_elem(tree, &fd, &yes, BPF_ANY))
		ret = err_set(err, -errno, "the command cannot be followed: %s", strerror(errno));
	if (fd >= 0)
		close(fd);
	return ret;
}
