/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * seats.h - tables for what mostly lives shortly. To make an element of a hash, to find it at
 * each event and to free it is a third of what it costs to follow a connection. Here an element
 * takes one of the SEATS_BESIDE seats that its key hashes to, or finds all of them taken.
 *
 * The keys of those stand before them, in one cache line: who is not there is not looked for in
 * eight.
 *
 * LOCKING: there is none. The key of a seat is that of who has it, or SEAT_FREE, or SEAT_TAKEN
 * until it is made ready for him. It is taken and left atomically, and made blank when it is
 * taken: whoever has found it and writes to it late does no harm, unless somebody has it again
 * already. What is done to it meanwhile is up to who has it.
 */
#ifndef IOREADY_SEATS_H
#define IOREADY_SEATS_H

/*
 * SEATS(name, map, type, size, nr): functions for @map, an array of @nr struct SEATS_OF(@type),
 * of which each seat has @size bytes.
 *
 * NAME_beside(k)	those that @k may have
 * NAME_key(beside, i)	of one of them
 * NAME_seat(beside, i)	itself
 * NAME_find(k)		the one that @k has, or NULL
 * NAME_claim(key)	takes it, if it is free; it is nobody's until it is given
 * NAME_give(key, k)	makes it @k's
 * NAME_leave(key, k)	frees it; false: it is not @k's (any more)
 */
#define SEATS_OF(type) { u64 keys[SEATS_BESIDE]; type seats[SEATS_BESIDE]; }

#define SEATS(name, map, type, size, nr)						\
	static __always_inline void *name##_beside(u64 k)				\
	{										\
		/* Fibonacci hashing: Knuth, TAOCP volume 3, 6.4. */			\
		u32 hash = k * 0x9e3779b97f4a7c15ULL >> 32;				\
		u32 at = (u64)hash * (nr) >> 32;					\
											\
		return bpf_map_lookup_elem(&map, &at);					\
	}										\
	static __always_inline u64 *name##_key(void *beside, u32 i)			\
	{										\
		return (u64 *)beside + i;						\
	}										\
	static __always_inline type *name##_seat(void *beside, u32 i)			\
	{										\
		return beside + SEATS_BESIDE * sizeof(u64) + i * (size);		\
	}										\
	static __always_inline type *name##_find(u64 k)					\
	{										\
		void *beside = name##_beside(k);					\
											\
		for (u32 i = 0; beside && i < SEATS_BESIDE; i++)			\
			if (*name##_key(beside, i) == k)				\
				return name##_seat(beside, i);				\
		return NULL;								\
	}										\
	static __always_inline bool name##_claim(u64 *key)				\
	{										\
		return *key == SEAT_FREE &&						\
		       !__sync_val_compare_and_swap(key, SEAT_FREE, SEAT_TAKEN);	\
	}										\
	static __always_inline void name##_give(u64 *key, u64 k)			\
	{										\
		__sync_lock_test_and_set(key, k);					\
	}										\
	static __always_inline bool name##_leave(u64 *key, u64 k)			\
	{										\
		return __sync_val_compare_and_swap(key, k, SEAT_FREE) == k;		\
	}										\
	_Static_assert(!SEAT_FREE, "a new table is empty")

/*
 * SEATS_AND_HASH(name, map, hash, type, key, size, nr): the same, and a hash for those that
 * find no seat, which is looked into only while there are any. Each element has @key, too.
 * name_blank(element) is defined already: it clears all.
 *
 * NAME_by(k)		the element of @k, which may be 0; or NULL
 * NAME_take(k)		makes one, blank; NULL: there is no room, or it is in the hash already
 * NAME_drop(k)		takes it away
 * NAME_gives_way(e, k)	takes away @e, which is one, if @k has another; false: it has not
 */
#define SEATS_AND_HASH(name, map, hash, type, key, size, nr)				\
	SEATS(name, map, type, size, nr);						\
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
			if (!name##_claim(name##_key(beside, i)))			\
				continue;						\
			e = name##_seat(beside, i);					\
			name##_blank(e);						\
			e->key = k;							\
			name##_give(name##_key(beside, i), k);				\
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
		void *beside = name##_beside(k);					\
											\
		for (u32 i = 0; beside && i < SEATS_BESIDE; i++)			\
			if (*name##_key(beside, i) == k)				\
				return name##_leave(name##_key(beside, i), k);		\
		if (!bpf_map_delete_elem(&hash, &k))					\
			__sync_fetch_and_sub(&name##_standing, 1);			\
		return 0;								\
	}										\
	static __always_inline bool name##_gives_way(type *e, u64 k)			\
	{										\
		void *beside = name##_beside(k);					\
		u64 *own = NULL;							\
		u32 n = 0;								\
											\
		for (u32 i = 0; beside && i < SEATS_BESIDE; i++) {			\
			if (*name##_key(beside, i) != k)				\
				continue;						\
			n++;								\
			if (name##_seat(beside, i) == e)				\
				own = name##_key(beside, i);				\
		}									\
		return n > 1 && own && name##_leave(own, k);				\
	}

#endif /* IOREADY_SEATS_H */
