// SPDX-License-Identifier: GPL-2.0-or-later
#include "source.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

int module_load(const char *file, struct err *err)
{
	char *const argv[] = { "modprobe", "-q", "ioready", NULL };
	extern char **environ;
	int fd, ret, status;
	pid_t pid;

	if (!access(IOREADY_DEVICE, F_OK))
		return 1;
	if (file) {
		fd = open(file, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			return err_set(err, -errno, "%.300s: %s", file, strerror(errno));
		ret = syscall(SYS_finit_module, fd, "", 0) ? -errno : 0;
		close(fd);
		if (ret == -ENOEXEC)
			return err_set(err, ret, "%.300s is not a module for this kernel: build it "
						 "with 'make module'", file);
		if (ret == -ENOSYS)
			return err_set(err, -EOPNOTSUPP, "this kernel was built without modules");
		if (ret)
			return err_set(err, ret, "%.300s could not be loaded: %s", file,
				       strerror(-ret));
		return 0;
	}
	ret = posix_spawnp(&pid, argv[0], NULL, NULL, argv, environ);
	if (ret)
		return err_set(err, -ret, "modprobe: %s", strerror(ret));
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (status || access(IOREADY_DEVICE, F_OK))
		return err_set(err, -EOPNOTSUPP,
			       "modprobe knows no module ioready for this kernel: build it with "
			       "'make module' and give its file with --load=FILE");
	return 0;
}

int module_unload(struct err *err)
{
	if (syscall(SYS_delete_module, "ioready", O_NONBLOCK))
		return err_set(err, -errno, "the module could not be unloaded: %s",
			       strerror(errno));
	return 0;
}

int source_open(struct err *err)
{
	int fd = open(IOREADY_DEVICE, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	struct ioready_info info;

	if (fd < 0 && errno == ENOENT)
		return err_set(err, -EOPNOTSUPP,
			       "the module is not loaded: load it with --load, or with insmod");
	if (fd < 0)
		return err_set(err, errno == EACCES ? -EPERM : -errno, "%s: %s", IOREADY_DEVICE,
			       strerror(errno));
	if (!ioctl(fd, IOREADY_INFO, &info) && info.version == IOREADY_ABI_VERSION)
		return fd;
	close(fd);
	return err_set(err, -EOPNOTSUPP,
		       "the module that is loaded is of another version: build and load it anew");
}

int source_change(int fd, uint32_t clear, uint32_t set, uint64_t at_ns)
{
	const struct ioready_change change = { .clear = clear, .set = set, .at_ns = at_ns };

	return ioctl(fd, IOREADY_CHANGE, &change) ? -errno : 0;
}

int source_counters(int fd, struct ioready_counters *counters)
{
	return ioctl(fd, IOREADY_COUNTERS, counters) ? -errno : 0;
}
