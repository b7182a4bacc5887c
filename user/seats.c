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

	seats->nr = bpf_map__max_entries(map) * SEATS_BESIDE;
	seats->size = bpf_map__value_size(map) / SEATS_BESIDE;
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

int seats_read(const struct seats *seats, table_fn fn, void *arg, struct err *err)
{
	void *copy = malloc(seats->size);

	if (!copy)
		return err_set(err, -ENOMEM, "out of memory");
	for (uint32_t i = 0; i < seats->nr; i++) {
		const uint64_t *seat = (const void *)(seats->at + (size_t)i * seats->size);
		uint64_t key = __atomic_load_n(seat, __ATOMIC_ACQUIRE);

		if (key == SEAT_FREE || key == SEAT_TAKEN)
			continue;
		memcpy(copy, seat, seats->size);
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		/* If not, it has been given up, and may be another's. */
		if (__atomic_load_n(seat, __ATOMIC_RELAXED) == key)
			fn(copy, seats->size, arg);
	}
	free(copy);
	return 0;
}
