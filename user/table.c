// SPDX-License-Identifier: GPL-2.0-or-later
#include "table.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

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
