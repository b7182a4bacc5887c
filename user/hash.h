/* SPDX-License-Identifier: GPL-2.0-or-later */
/* uthash, as the models use it: out of memory is told, and ends nothing. */
#ifndef IOREADY_HASH_H
#define IOREADY_HASH_H

#include <stdlib.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

/**
 * HASH_GET() - the entry of a key, made if there is none
 * @head: the table
 * @field: of the entry, that is the key: no padding in it may differ
 * @value: the key, an lvalue
 * @e: set to the entry; NULL when out of memory
 * @...: done to a new entry, which is zero but for its key
 */
#define HASH_GET(head, field, value, e, ...)				\
	do {								\
		HASH_FIND(hh, head, &(value), sizeof(value), e);	\
		if (e)							\
			break;						\
		(e) = calloc(1, sizeof(*(e)));				\
		if (!(e))						\
			break;						\
		(e)->field = (value);					\
		__VA_ARGS__;						\
		HASH_ADD(hh, head, field, sizeof(value), e);		\
		if (!(e)->hh.tbl) {					\
			free(e);					\
			(e) = NULL;					\
		}							\
	} while (0)

#endif /* IOREADY_HASH_H */
