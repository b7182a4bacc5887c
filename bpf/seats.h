/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * seats.h - tables for what mostly lives shortly. To make an element of a hash, to find it at
 * each event and to free it is a third of what it costs to follow a connection. Here an element
 * takes one of the SEAT_REACH seats from where its key hashes to, or finds all of them taken.
 *
 * LOCKING: there is none. The first word of a seat is the key of who has it, SEAT_FREE or
 * SEAT_GOING. It is taken and left atomically, is blank when it is taken, and blank again
 * before it is free. What is done to it meanwhile is up to who has it.
 */
#ifndef IOREADY_SEATS_H
#define IOREADY_SEATS_H

/*
 * SEATS(name, map, type, key, nr): functions for the array @map of @type, whose first member is
 * @key; @nr is its size less what only the reach of the last has, SEAT_REACH - 1.
 *
 * NAME_seat(k, i)	the seat that @k may have, @i behind where it hashes to
 * NAME_find(k)		the one that it has, or NULL
 * NAME_claim(seat, k)	takes it, if it is free
 * NAME_leave(seat, k)	gives it up: blank it, and free it; false: it is not @k's (any more)
 * NAME_free(seat)
 */
#define SEATS(name, map, type, key, nr)							\
	static __always_inline type *name##_seat(u64 k, u32 further)			\
	{										\
		/* Fibonacci hashing: Knuth, TAOCP volume 3, 6.4. */			\
		u32 hash = k * 0x9e3779b97f4a7c15ULL >> 32;				\
		u32 at = ((u64)hash * (nr) >> 32) + further;				\
											\
		return bpf_map_lookup_elem(&map, &at);					\
	}										\
	static __always_inline type *name##_find(u64 k)					\
	{										\
		for (u32 i = 0; i < SEAT_REACH; i++) {					\
			type *seat = name##_seat(k, i);					\
											\
			if (seat && seat->key == k)					\
				return seat;						\
		}									\
		return NULL;								\
	}										\
	static __always_inline bool name##_claim(type *seat, u64 k)			\
	{										\
		return seat->key == SEAT_FREE &&					\
		       __sync_val_compare_and_swap(&seat->key, SEAT_FREE, k) == SEAT_FREE; \
	}										\
	static __always_inline bool name##_leave(type *seat, u64 k)			\
	{										\
		return __sync_val_compare_and_swap(&seat->key, k, SEAT_GOING) == k;	\
	}										\
	static __always_inline void name##_free(type *seat)				\
	{										\
		__sync_lock_test_and_set(&seat->key, SEAT_FREE);			\
	}										\
	_Static_assert(!__builtin_offsetof(type, key), "a seat begins with its key")

/*
 * SEATS_AND_HASH(name, map, hash, type, key, nr): the same, and a hash for those that find no
 * seat, which is looked into only while there are any. name_blank(element) is defined already:
 * it clears all but the key. Nobody makes two elements of one key at once.
 *
 * NAME_by(k)		the element of @k, which may be 0; or NULL
 * NAME_take(k)		makes one, blank; NULL: there is no room
 * NAME_drop(k)		takes it away
 */
#define SEATS_AND_HASH(name, map, hash, type, key, nr)					\
	SEATS(name, map, type, key, nr);						\
	/* At least as many as are in the hash. */					\
	__u64 name##_standing;								\
	static const type name##_none;							\
	static __always_inline type *name##_by(u64 k)					\
	{										\
		type *seat = k ? name##_find(k) : NULL;					\
											\
		if (seat || !k || !name##_standing)					\
			return seat;							\
		return bpf_map_lookup_elem(&hash, &k);					\
	}										\
	static __always_inline type *name##_take(u64 k)					\
	{										\
		type *e;								\
											\
		for (u32 i = 0; i < SEAT_REACH; i++) {					\
			e = name##_seat(k, i);						\
			if (e && name##_claim(e, k))					\
				return e;						\
		}									\
		/* Counted before it is there, so that it is never there uncounted. */	\
		__sync_fetch_and_add(&name##_standing, 1);				\
		if (!bpf_map_update_elem(&hash, &k, &name##_none, BPF_NOEXIST)) {	\
			e = bpf_map_lookup_elem(&hash, &k);				\
			if (e)								\
				e->key = k;						\
			return e;							\
		}									\
		__sync_fetch_and_sub(&name##_standing, 1);				\
		return NULL;								\
	}										\
	static __noinline int name##_drop(u64 k)					\
	{										\
		type *seat = name##_find(k);						\
											\
		if (!seat) {								\
			if (!bpf_map_delete_elem(&hash, &k))				\
				__sync_fetch_and_sub(&name##_standing, 1);		\
		} else if (name##_leave(seat, k)) {					\
			name##_blank(seat);						\
			name##_free(seat);						\
		}									\
		return 0;								\
	}

#endif /* IOREADY_SEATS_H */
