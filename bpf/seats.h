/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * seats.h - tables for what mostly lives shortly. To make an element of a hash, to find it at
 * each event and to free it is a third of what it costs to follow a connection. Here an element
 * takes one of the SEATS_BESIDE seats that its key hashes to, or finds all of them taken.
 *
 * LOCKING: there is none. The first word of a seat is the key of who has it, or SEAT_FREE, or
 * SEAT_TAKEN until it is made ready for him. It is taken and left atomically, and made blank
 * when it is taken: whoever has found it and writes to it late does no harm, unless somebody has
 * it again already. What is done to it meanwhile is up to who has it.
 */
#ifndef IOREADY_SEATS_H
#define IOREADY_SEATS_H

/*
 * SEATS(name, map, type, key, size, nr): functions for @map, an array of @nr times SEATS_BESIDE
 * seats of @size bytes. Each begins as @type does, with @key.
 *
 * NAME_beside(k)	those that @k may have
 * NAME_seat(beside, i)	one of them
 * NAME_find(k)		the one that it has, or NULL
 * NAME_claim(seat)	takes it, if it is free; it is nobody's until it is given
 * NAME_give(seat, k)	makes it @k's
 * NAME_leave(seat, k)	frees it; false: it is not @k's (any more)
 * NAME_twice(k)	it has more than one
 */
#define SEATS(name, map, type, key, size, nr)						\
	static __always_inline void *name##_beside(u64 k)				\
	{										\
		/* Fibonacci hashing: Knuth, TAOCP volume 3, 6.4. */			\
		u32 hash = k * 0x9e3779b97f4a7c15ULL >> 32;				\
		u32 at = (u64)hash * (nr) >> 32;					\
											\
		return bpf_map_lookup_elem(&map, &at);					\
	}										\
	static __always_inline type *name##_seat(void *beside, u32 i)			\
	{										\
		return beside + i * (size);						\
	}										\
	static __always_inline type *name##_find(u64 k)					\
	{										\
		void *beside = name##_beside(k);					\
											\
		for (u32 i = 0; beside && i < SEATS_BESIDE; i++)			\
			if (name##_seat(beside, i)->key == k)				\
				return name##_seat(beside, i);				\
		return NULL;								\
	}										\
	static __always_inline bool name##_claim(type *seat)				\
	{										\
		return seat->key == SEAT_FREE &&					\
		       !__sync_val_compare_and_swap(&seat->key, SEAT_FREE, SEAT_TAKEN);	\
	}										\
	static __always_inline void name##_give(type *seat, u64 k)			\
	{										\
		__sync_lock_test_and_set(&seat->key, k);				\
	}										\
	static __always_inline bool name##_leave(type *seat, u64 k)			\
	{										\
		return __sync_val_compare_and_swap(&seat->key, k, SEAT_FREE) == k;	\
	}										\
	static __always_inline bool name##_twice(u64 k)					\
	{										\
		void *beside = name##_beside(k);					\
		u32 n = 0;								\
											\
		for (u32 i = 0; beside && i < SEATS_BESIDE; i++)			\
			n += name##_seat(beside, i)->key == k;				\
		return n > 1;								\
	}										\
	_Static_assert(!__builtin_offsetof(type, key) && !SEAT_FREE, "a seat begins with its key")

/*
 * SEATS_AND_HASH(name, map, hash, type, key, size, nr): the same, and a hash for those that
 * find no seat, which is looked into only while there are any. name_blank(element) is defined
 * already: it clears all but the key.
 *
 * NAME_by(k)		the element of @k, which may be 0; or NULL
 * NAME_take(k)		makes one, blank; NULL: there is no room, or it is in the hash already
 * NAME_drop(k)		takes it away
 */
#define SEATS_AND_HASH(name, map, hash, type, key, size, nr)				\
	SEATS(name, map, type, key, size, nr);						\
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
		void *beside = name##_beside(k);					\
		type *e;								\
											\
		for (u32 i = 0; beside && i < SEATS_BESIDE; i++) {			\
			e = name##_seat(beside, i);					\
			if (!name##_claim(e))						\
				continue;						\
			name##_blank(e);						\
			name##_give(e, k);						\
			return e;							\
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
		if (seat)								\
			name##_leave(seat, k);						\
		else if (!bpf_map_delete_elem(&hash, &k))				\
			__sync_fetch_and_sub(&name##_standing, 1);			\
		return 0;								\
	}

#endif /* IOREADY_SEATS_H */
