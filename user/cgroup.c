// SPDX-License-Identifier: GPL-2.0-or-later
#include "cgroup.h"

#include <bpf/btf.h>
#include <errno.h>
#include <linux/magic.h>
#include <limits.h>
#include <mntent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "types.h"

/* The kernel's index of a controller, or -1: enum cgroup_subsys_id, by name. */
static int subsys_index(const char *controller)
{
	const struct btf *types = types_get();
	int id = btf__find_by_name_kind(types, "cgroup_subsys_id", BTF_KIND_ENUM);
	const struct btf_type *t = id > 0 ? btf__type_by_id(types, id) : NULL;
	const struct btf_enum *e;
	char want[64];

	if (!t)
		return -1;
	/* v1 kept the old name of what is "io" everywhere else. */
	snprintf(want, sizeof(want), "%s_cgrp_id", strcmp(controller, "blkio") ? controller : "io");
	e = btf_enum(t);
	for (int i = 0; i < btf_vlen(t); i++)
		if (!strcmp(btf__name_by_offset(types, e[i].name_off), want))
			return e[i].val;
	return -1;
}

/* Any one controller of the v1 hierarchy that @path is in; -1 for none. */
static int v1_subsys(const char *path)
{
	char buffer[8192], options[256] = "", *option, *rest = options;
	FILE *f = setmntent("/proc/self/mounts", "r");
	struct mntent mount;
	size_t longest = 0;

	if (!f)
		return -1;
	while (getmntent_r(f, &mount, buffer, sizeof(buffer))) {
		size_t length = strlen(mount.mnt_dir);

		if (strcmp(mount.mnt_type, "cgroup") || strncmp(path, mount.mnt_dir, length) ||
		    (path[length] && path[length] != '/') || length < longest)
			continue;
		longest = length;
		snprintf(options, sizeof(options), "%s", mount.mnt_opts);
	}
	endmntent(f);
	while ((option = strsep(&rest, ","))) {
		int index = subsys_index(option);

		if (index >= 0)
			return index;
	}
	return -1;
}

int cgroup_filter(const char *path, struct filter *filter, struct err *err)
{
	char below[PATH_MAX], full[PATH_MAX];
	struct statfs fs;
	struct stat st;

	snprintf(below, sizeof(below), "%s%s", *path == '/' ? "" : "/sys/fs/cgroup/", path);
	if (!realpath(below, full) || stat(full, &st) || statfs(full, &fs))
		return err_set(err, -errno, "cgroup %.200s: %s", below, strerror(errno));
	if (!S_ISDIR(st.st_mode) ||
	    (fs.f_type != CGROUP2_SUPER_MAGIC && fs.f_type != CGROUP_SUPER_MAGIC))
		return err_set(err, -ENOTDIR,
			       "%.200s is not a cgroup: name a directory below a mount of type "
			       "cgroup or cgroup2",
			       full);
	/* On 64-bit kernels the inode number of the directory is the cgroup's id. */
	filter->cgroup_id = st.st_ino;
	filter->cgroup_v1_subsys = -1;
	if (fs.f_type == CGROUP_SUPER_MAGIC) {
		filter->cgroup_v1_subsys = v1_subsys(full);
		if (filter->cgroup_v1_subsys < 0)
			return err_set(err, -EOPNOTSUPP,
				       "%.200s is in a cgroup v1 hierarchy without a controller: "
				       "name the same group below one that has, as pids or memory",
				       full);
	}
	return 0;
}
