// SPDX-License-Identifier: GPL-2.0-or-later
#include "seats.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "abi_tcp.h"

int seats_map(struct seats *seats, const struct bpf_map *map, struct err *err)
{
	void *at;

	seats->nr = bpf_map__max_entries(map);
	seats->size = bpf_map__value_size(map);
	at = mmap(NULL, (size_t)seats->nr * seats->size, PROT_READ, MAP_SHARED, bpf_map__fd(map), 0);
	if (at == MAP_FAILED)
		return err_set(err, -errno, "%s cannot be mapped: %s", bpf_map__name(map),
			       strerror(errno));
	seats->at = at;
	return 0;
}

void seats_unmap(struct seats *seats)
{
	if (seats->at)
		munmap((void *)seats->at, (size_t)seats->nr * seats->size);
	seats->at = NULL;
}

uint32_t seats_size(const struct seats *seats)
{
	return seats->size / SEATS_BESIDE - sizeof(uint64_t);
}

int seats_read(const struct seats *seats, table_fn fn, void *arg, struct err *err)
{
	uint32_t size = seats_size(seats);
	void *copy = malloc(size);

	if (!copy)
		return err_set(err, -ENOMEM, "out of memory");
	for (uint32_t i = 0; i < seats->nr; i++) {
		const uint64_t *keys = (const void *)(seats->at + (size_t)i * seats->size);
		const char *rows = (const char *)(keys + SEATS_BESIDE);

		for (uint32_t j = 0; j < SEATS_BESIDE; j++) {
			uint64_t key = __atomic_load_n(&keys[j], __ATOMIC_ACQUIRE);

			if (key == SEAT_FREE || key == SEAT_TAKEN)
				continue;
			memcpy(copy, rows + (size_t)j * size, size);
			__atomic_thread_fence(__ATOMIC_ACQUIRE);
			/* If not, it has been given up, and may be another's. */
			if (__atomic_load_n(&keys[j], __ATOMIC_RELAXED) == key)
				fn(copy, size, arg);
		}
	}
	free(copy);
	return 0;
}
