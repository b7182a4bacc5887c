// SPDX-License-Identifier: GPL-2.0-or-later
#include "files.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "files.skel.h"
#include "libbpf_said.h"
#include "types.h"

#define MODULE "ioready"

static const char *const kfuncs[] = {
	[MODULE_BY_FILE] = "ioready_file_ready",
	[MODULE_BY_FD] = "ioready_fd_ready",
};

struct files {
	struct files_bpf *skel;
	struct bpf_program *program;
	char buffer[65536];	/* of what is read; a record may be cut by its end */
};

/* --- the module --------------------------------------------------------------- */

enum files_module files_module(void)
{
	enum files_module found = MODULE_MUTE;
	struct btf *base, *btf = NULL;

	if (access("/sys/module/" MODULE, F_OK))
		return MODULE_ABSENT;
	libbpf_listen();
	base = types_get();
	if (base)
		btf = btf__parse_raw_split("/sys/kernel/btf/" MODULE, base);
	if (btf) {
		for (enum files_module m = MODULE_BY_FILE; m <= MODULE_BY_FD; m++)
			if (btf__find_by_name_kind(btf, kfuncs[m], BTF_KIND_FUNC) > 0)
				found = m;
	}
	btf__free(btf);
	return found;
}

const char *files_kfunc(enum files_module module)
{
	return module >= MODULE_BY_FILE ? kfuncs[module] : NULL;
}

/* --- the iterator --------------------------------------------------------------- */

int files_open(struct files **files, enum files_module module, struct err *err)
{
	const struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };
	struct files *f = calloc(1, sizeof(*f));
	int ret;

	if (!f)
		return err_set(err, -ENOMEM, "out of memory");
	libbpf_listen();
	/* Kernels before 5.11 bill maps to this limit; later ones ignore it. */
	setrlimit(RLIMIT_MEMLOCK, &unlimited);
	f->skel = files_bpf__open();
	if (!f->skel) {
		ret = err_set(err, -errno, "the iterator could not be opened: %s", libbpf_said());
		goto err_free;
	}
	f->program = module == MODULE_BY_FILE ? f->skel->progs.files_by_file :
		     module == MODULE_BY_FD   ? f->skel->progs.files_by_fd :
						f->skel->progs.files_plain;
	bpf_program__set_autoload(f->skel->progs.files_plain, false);
	bpf_program__set_autoload(f->skel->progs.files_by_file, false);
	bpf_program__set_autoload(f->skel->progs.files_by_fd, false);
	bpf_program__set_autoload(f->program, true);
	ret = types_load(f->skel->skeleton);
	if (ret == -EPERM) {
		err_set(err, ret, "the iterator needs the capabilities CAP_BPF and CAP_PERFMON%s, and "
				  "a kernel that is not locked down for confidentiality",
			files_kfunc(module) ? ", its kfunc CAP_SYS_ADMIN" : "");
		goto err_free;
	}
	if (ret) {
		err_set(err, ret, "the kernel refused the iterator: %s: %.300s", strerror(-ret),
			libbpf_said());
		goto err_free;
	}
	*files = f;
	return 0;

err_free:
	files_close(f);
	return ret;
}

/* An iterator over the files of one process, as an fd to read from. */
static int iterate(struct files *f, uint32_t pid, struct err *err)
{
	union bpf_iter_link_info info = { .task.pid = pid };
	LIBBPF_OPTS(bpf_link_create_opts, opts, .iter_info = &info,
		    .iter_info_len = sizeof(info));
	int prog = bpf_program__fd(f->program);
	int link, fd;

	f->skel->bss->only_tgid = 0;
	link = bpf_link_create(prog, 0, BPF_TRACE_ITER, &opts);
	/* 6.1: before, an iterator goes over all tasks, and takes no such wish. */
	if (link == -EINVAL || link == -E2BIG) {
		f->skel->bss->only_tgid = pid;
		link = bpf_link_create(prog, 0, BPF_TRACE_ITER, NULL);
	}
	if (link < 0)
		return err_set(err, link, "the files of process %u: %s", pid, strerror(-link));
	fd = bpf_iter_create(link);
	close(link);
	if (fd < 0)
		return err_set(err, fd, "the files of process %u: %s", pid, strerror(-fd));
	return fd;
}

static int record_take(struct look *look, const void *from, size_t size)
{
	const uint32_t *kind = from;

	if (*kind == FILE_RECORD_ITEM && size >= sizeof(struct item_record)) {
		struct item_record *item = look_room(&look->items, &look->items_room,
						     look->items_nr, sizeof(*item));

		if (!item)
			return -ENOMEM;
		memcpy(item, from, sizeof(*item));
		look->items_nr++;
		return sizeof(*item);
	}
	if (*kind == FILE_RECORD_FILE && size >= sizeof(struct file_record)) {
		struct file_record r;
		struct look_file *file;

		memcpy(&r, from, sizeof(r));
		file = look_file(look, r.fd);
		if (file)
			file->r = r;
		return sizeof(r);
	}
	return *kind == FILE_RECORD_ITEM || *kind == FILE_RECORD_FILE ? 0 : -EPROTO;
}

int files_look(struct files *f, struct look *look, struct err *err)
{
	struct files_bpf__bss *bss = f->skel->bss;
	char *buffer = f->buffer;
	size_t held = 0;
	ssize_t n;
	int fd, ret = 0;

	if (!look->files_nr)
		return 0;
	for (size_t i = 0; i < look->files_nr; i++) {
		uint32_t at = look->files[i].fd;
		uint64_t bit = UINT64_C(1) << (at & 63);

		if (at >= FILES_FD_MAX)
			continue;
		bss->tell[at / 64] |= bit;
		if (file_may_be_asked(look->files[i].kind))
			bss->ask[at / 64] |= bit;
	}
	fd = iterate(f, look->pid, err);
	if (fd < 0) {
		ret = fd;
		goto out;
	}
	while ((n = read(fd, buffer + held, sizeof(f->buffer) - held)) != 0) {
		size_t at = 0;

		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n < 0) {
			ret = -errno;
			break;
		}
		held += n;
		while (held - at >= sizeof(uint32_t)) {
			ret = record_take(look, buffer + at, held - at);
			if (ret <= 0)
				break;
			at += ret;
		}
		if (ret < 0)
			break;
		held -= at;
		memmove(buffer, buffer + at, held);
	}
	close(fd);
	if (ret < 0)
		err_set(err, ret, "the files of process %u: %s", look->pid, strerror(-ret));
	else
		ret = 0;
	look_items_sort(look);
out:
	for (size_t i = 0; i < look->files_nr; i++) {
		uint32_t at = look->files[i].fd;

		if (at < FILES_FD_MAX)
			bss->tell[at / 64] = bss->ask[at / 64] = 0;
	}
	return ret;
}

void files_close(struct files *f)
{
	if (!f)
		return;
	files_bpf__destroy(f->skel);
	free(f);
}
