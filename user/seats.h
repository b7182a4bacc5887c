/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tables of bpf/seats.h, as user space has them: mapped. */
#ifndef IOREADY_SEATS_H
#define IOREADY_SEATS_H

#include <stdint.h>

#include "err.h"
#include "table.h"

/**
 * struct seats - a mapping
 * @at: NULL: there is none
 * @nr: elements of the array: SEATS_BESIDE keys, and as many seats
 * @size: bytes of one
 */
struct seats {
	const char *at;
	uint32_t nr;
	uint32_t size;
};

/**
 * seats_map() - have a table at hand
 * @seats: zeroed; to be given back by seats_unmap()
 * @map: loaded
 *
 * Return: 0 or -errno.
 */
int seats_map(struct seats *seats, const struct bpf_map *map, struct err *err);

void seats_unmap(struct seats *seats);

/** seats_size() - bytes of what is in one seat */
uint32_t seats_size(const struct seats *seats);

/**
 * seats_read() - hand out a copy of what is in each seat that is taken
 *
 * One that comes or goes meanwhile may be told or not. One that has just come may be blank
 * but for its key, or in part.
 *
 * Return: 0, or -ENOMEM.
 */
int seats_read(const struct seats *seats, table_fn fn, void *arg, struct err *err);

#endif /* IOREADY_SEATS_H */
