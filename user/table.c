// SPDX-License-Identifier: GPL-2.0-or-later
#include "table.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

uint64_t program_misses(const struct bpf_program *prog)
{
	struct bpf_prog_info info = {};
	uint32_t size = sizeof(info);

	if (!bpf_program__autoload(prog) ||
	    bpf_obj_get_info_by_fd(bpf_program__fd(prog), &info, &size))
		return 0;
	return info.recursion_misses;
}

int table_read(struct bpf_map *map, table_fn fn, void *arg, struct err *err)
{
	const uint32_t room = 1024, size = bpf_map__value_size(map);
	char *keys = malloc(room * bpf_map__key_size(map)), *rows = malloc(room * size);
	/* A bucket is the least that is read at once: it never holds as many. */
	char batch[64];
	bool first = true, more = keys && rows;
	int ret = more ? 0 : -ENOMEM;

	while (more) {
		uint32_t count = room;

		ret = bpf_map_lookup_batch(bpf_map__fd(map), first ? NULL : batch, batch, keys,
					   rows, &count, NULL);
		/* ENOENT: these were the last. */
		more = !ret;
		if (ret == -ENOENT)
			ret = 0;
		first = false;
		for (uint32_t i = 0; !ret && i < count; i++)
			fn(rows + i * size, size, arg);
	}
	free(keys);
	free(rows);
	return ret ? err_set(err, ret, "%s cannot be read: %s", bpf_map__name(map),
			     strerror(-ret)) :
		     0;
}

struct head {
	uint32_t kind;
	uint32_t size;
};

int iterator_read(struct bpf_program *prog, record_any_fn fn, void *arg, const char *what,
		  struct err *err)
{
	const size_t room = 64 * 1024;
	struct bpf_link *link = bpf_program__attach_iter(prog, NULL);
	int fd = link ? bpf_iter_create(bpf_link__fd(link)) : -1;
	char *buffer = malloc(room);
	size_t have = 0;
	int ret = 0;

	if (fd < 0 || !buffer) {
		ret = err_set(err, buffer ? -errno : -ENOMEM, "%s cannot be listed: %s",
			      what, strerror(buffer ? errno : ENOMEM));
		goto out;
	}
	for (;;) {
		ssize_t n = read(fd, buffer + have, room - have);
		size_t at = 0;

		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n < 0)
			ret = err_set(err, -errno, "the list of %s broke off: %s",
				      what, strerror(errno));
		if (n <= 0)
			break;
		have += n;
		while (have - at >= sizeof(struct head)) {
			const struct head *r = (const void *)(buffer + at);

			if (have - at < r->size)
				break;
			fn(r, arg);
			at += r->size;
		}
		/* Every record's size is a multiple of 8, so what follows is aligned. */
		memmove(buffer, buffer + at, have - at);
		have -= at;
	}
out:
	free(buffer);
	if (fd >= 0)
		close(fd);
	bpf_link__destroy(link);
	return ret;
}
