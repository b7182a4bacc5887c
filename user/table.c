// SPDX-License-Identifier: GPL-2.0-or-later
#include "table.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdbool.h>
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

/* --- the bill ---------------------------------------------------------------------------- */

/* What an allocation takes of the kernel's slabs. */
static uint64_t slab(uint64_t size)
{
	uint64_t power = 64;

	if (size > 64 && size <= 96)
		return 96;
	if (size > 128 && size <= 192)
		return 192;
	while (power < size)
		power *= 2;
	return power;
}

static void hash_bill(const struct bpf_map *map, uint64_t entry, struct map_bill *bill)
{
	/* What the kernel adds to an element: links, hash, and the allocator's head. */
	const uint64_t element = 48, head = 8, bucket = 16;
	uint64_t entries = bpf_map__max_entries(map), buckets = 1;
	uint64_t size = bpf_map__key_size(map) + entry + element;

	if (!(bpf_map__map_flags(map) & BPF_F_NO_PREALLOC)) {
		bill->bytes = (size + bucket) * entries;
		return;
	}
	while (buckets < entries)
		buckets *= 2;
	bill->bytes = bucket * buckets;
	bill->bytes_each = slab(size + head);
}

static void map_bill(const struct bpf_map *map, int cpus, struct map_bill *bill)
{
	/* What the kernel adds to a task storage element: list heads, owner, RCU. */
	const uint64_t element = 128, page = sysconf(_SC_PAGESIZE);
	uint64_t entry = (bpf_map__value_size(map) + 7) / 8 * 8;
	uint64_t entries = bpf_map__max_entries(map);

	switch (bpf_map__type(map)) {
	case BPF_MAP_TYPE_TASK_STORAGE:
		bill->bytes_each = entry + element;
		break;
	case BPF_MAP_TYPE_RINGBUF:
		bill->bytes = entries + 3 * page;
		break;
	case BPF_MAP_TYPE_PERCPU_ARRAY:
		bill->bytes = entry * entries * cpus;
		break;
	case BPF_MAP_TYPE_HASH:
		hash_bill(map, entry, bill);
		break;
	default:
		bill->bytes += (entry * entries + page - 1) / page * page;
	}
}

/* Those whose names begin alike cost the same, and share a line. */
static bool on_line(const char *name, const struct map_line *line)
{
	size_t length = strlen(line->map);
	char last = line->map[length - 1];

	return last == '_' || last == '.' ? !strncmp(name, line->map, length) :
					    !strcmp(name, line->map);
}

int maps_bill(struct bpf_object *object, const struct map_line *lines, int lines_nr, int cpus,
	      struct map_bill *bill, int max)
{
	struct bpf_map *map;
	int n;

	for (n = 0; n < lines_nr && n < max; n++) {
		bill[n] = (struct map_bill){ lines[n].name, lines[n].option, 0, 0 };
		bpf_object__for_each_map(map, object)
			if (on_line(bpf_map__name(map), &lines[n]))
				map_bill(map, cpus, &bill[n]);
	}
	return n;
}
