/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What several sets of programs are asked in the same way. */
#ifndef IOREADY_TABLE_H
#define IOREADY_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "err.h"

struct bpf_map;
struct bpf_object;
struct bpf_program;

/** typedef table_fn - gets each value; valid during the call only */
typedef void (*table_fn)(const void *row, size_t size, void *arg);

/**
 * table_read() - hand out all values of a hash
 *
 * One that comes or goes meanwhile may be told or not.
 *
 * Return: 0 or -errno.
 */
int table_read(struct bpf_map *map, table_fn fn, void *arg, struct err *err);

/** typedef record_any_fn - gets each record; valid during the call only */
typedef void (*record_any_fn)(const void *record, void *arg);

/**
 * iterator_read() - run an iterator to its end, and hand out its records
 * @prog: loaded; each of its records begins with its kind and its size, of which a
 *	multiple of 8 bytes is taken
 * @what: it lists, for the message
 *
 * Return: 0 or -errno.
 */
int iterator_read(struct bpf_program *prog, record_any_fn fn, void *arg, const char *what,
		  struct err *err);

/** program_misses() - runs that the kernel skipped, for it was running there already */
uint64_t program_misses(const struct bpf_program *prog);

/**
 * struct map_bill - what a map costs
 * @name: of what is in it
 * @option: what has it held at all; NULL: it always is
 * @bytes: held from the start
 * @bytes_each: added for each thread, or entry, that uses it; 0 where there is no such
 */
struct map_bill {
	const char *name;
	const char *option;
	uint64_t bytes;
	uint64_t bytes_each;
};

/**
 * struct map_line - a line of the bill
 * @map: name of a map; one that ends in '_' or '.' stands for all that begin so
 * @name, @option: as in &struct map_bill
 */
struct map_line {
	const char *map;
	const char *name;
	const char *option;
};

/**
 * maps_bill() - what the maps of an object would cost
 * @object: opened, its maps as large as they would be; nothing is loaded
 * @lines: maps in none of them are not told
 * @cpus: possible ones
 * @bill: filled, at most @max entries
 *
 * Return: number of entries.
 */
int maps_bill(struct bpf_object *object, const struct map_line *lines, int lines_nr, int cpus,
	      struct map_bill *bill, int max);

#endif /* IOREADY_TABLE_H */
