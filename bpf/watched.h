/* SPDX-License-Identifier: GPL-2.0-only */
/* watched.h - what a call watches and found, read from the memory of its program. */
#ifndef IOREADY_WATCHED_H
#define IOREADY_WATCHED_H

#include "maps.h"

#define POLLNVAL 0x20
/*
 * What is read at once. A few words stand on the stack of a small function, where
 * the kernel's own check of where it copies to (CONFIG_HARDENED_USERCOPY) is short:
 * up to 48 bytes it is the stack of the thread (BPF_PRIV_STACK_MIN_SIZE). More are
 * read to the thread's storage, which is not to be cleared first as a stack is.
 */
#define SET_FEW 3		/* 64-bit words of a set */
#define SET_WORDS 8
#define SET_BITS (SET_WORDS * 64)
#define POLL_FEW 6		/* entries of an array */
#define POLL_CHUNK 36
#define POLL_BLOCK 6		/* counted without asking for the end */

/* Three user sets of @nfds bits. */
struct sets {
	u64 in, out, ex;
	u64 nfds;
};

static __always_inline u32 popcount(u64 x)
{
	x -= (x >> 1) & 0x5555555555555555UL;
	x = (x & 0x3333333333333333UL) + ((x >> 2) & 0x3333333333333333UL);
	x = (x + (x >> 4)) & 0x0f0f0f0f0f0f0f0fUL;
	return (x * 0x0101010101010101UL) >> 56;
}

/*
 * The helpers below are global functions so that the verifier looks at each
 * once and not at every turn of the loop that calls it.
 */

/* Bits set in the union of three sets of @nfds bits, a few words; negative: a fault. */
__noinline int set_few(u64 in, u64 out, u64 ex, u32 nfds)
{
	u64 a[SET_FEW] = {}, b[SET_FEW] = {};
	u32 bytes = (nfds + 63) / 64 * 8, count;

	/* Known to the compiler, and to the verifier only if it is tested. */
	barrier_var(bytes);
	if (bytes > sizeof(a))
		return -1;
	if (in && bpf_probe_read_user(a, bytes, (void *)in))
		return -1;
	if (out) {
		if (bpf_probe_read_user(b, bytes, (void *)out))
			return -1;
		for (int i = 0; i < SET_FEW; i++)
			a[i] |= b[i];
	}
	if (ex) {
		if (bpf_probe_read_user(b, bytes, (void *)ex))
			return -1;
		for (int i = 0; i < SET_FEW; i++)
			a[i] |= b[i];
	}
	/* Bits from nfds on are not the call's. */
	if (nfds & 63) {
		u64 mask = (1UL << (nfds & 63)) - 1;

		if (nfds < 64)
			a[0] &= mask;
		else if (nfds < 128)
			a[1] &= mask;
		else
			a[2] &= mask;
	}
	count = a[0] ? popcount(a[0]) : 0;
	if (a[1])
		count += popcount(a[1]);
	if (a[2])
		count += popcount(a[2]);
	return count;
}
_Static_assert(SET_FEW == 3, "set_few() names its words");

/* The same from bit @at on, SET_BITS at most. */
__noinline int set_chunk(const struct sets *sets, u32 at, struct room *room)
{
	u32 bits, bytes, count = 0;

	if (!sets || !room)
		return -1;
	bits = sets->nfds - at;
	if (bits > SET_BITS)
		bits = SET_BITS;
	bytes = (bits + 63) / 64 * 8;
	barrier_var(bytes);
	if (bytes > SET_WORDS * 8)
		return -1;
	at /= 8;
	if (sets->in && bpf_probe_read_user(&room->word[0], bytes, (void *)sets->in + at))
		return -1;
	if (sets->out &&
	    bpf_probe_read_user(&room->word[SET_WORDS], bytes, (void *)sets->out + at))
		return -1;
	if (sets->ex &&
	    bpf_probe_read_user(&room->word[2 * SET_WORDS], bytes, (void *)sets->ex + at))
		return -1;
	for (u32 i = 0; i < SET_WORDS; i++) {
		u64 word = 0;

		if (i * 64 >= bits)
			break;
		if (sets->in)
			word |= room->word[i];
		if (sets->out)
			word |= room->word[SET_WORDS + i];
		if (sets->ex)
			word |= room->word[2 * SET_WORDS + i];
		if (bits - i * 64 < 64)
			word &= (1UL << (bits & 63)) - 1;
		if (word)
			count += popcount(word);
	}
	return count;
}

/*
 * Loops add up in the thread's storage and not on the stack, where the verifier
 * would follow each sum that they can come to.
 */
struct set_loop {
	struct sets sets;
	struct thread *t;
	s32 *count;
};

static long set_loop(u64 i, struct set_loop *l)
{
	int n = set_chunk(&l->sets, i * SET_BITS, &l->t->room);

	if (n < 0)
		*l->count = n;
	else
		*l->count += n;
	return n < 0;
}

/*
 * Fds in the union of the three sets of a call; negative: not known, which
 * on kernels without bpf_loop() (before 5.17) is so beyond one chunk.
 */
static __always_inline void set_count(struct thread *t, s32 *count)
{
	struct call *c = &t->call;
	struct set_loop l = { { c->arg[0], c->arg[1], c->arg[2], c->nfds }, t, count };

	if (c->nfds <= SET_FEW * 64) {
		*count = set_few(c->arg[0], c->arg[1], c->arg[2], c->nfds);
		return;
	}
	*count = 0;
	if (c->nfds <= SET_BITS)
		set_loop(0, &l);
	else if (has_bpf_loop)
		bpf_loop((c->nfds + SET_BITS - 1) / SET_BITS, set_loop, &l, 0);
	else
		*count = -1;
}

/*
 * What an array of entries needs to be counted one by one for, in a word of 64 bits: one
 * without a fd, and one that names none, which the kernel counts as a result but asks no file
 * for. Where the words have neither, all @n are watched, and all results are the return value's.
 */
#define POLLFD_NO_FD (1UL << 31)
#define POLLFD_NVAL ((u64)POLLNVAL << 48)
#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "struct pollfd is taken for a word here"
#endif

/* Of one entry: watched in the low half, POLLNVAL << 16. */
#define POLL_ONE(word, count)					\
	do {							\
		(count) += 1 + ((s32)(word) >> 31);		\
		if ((word) >> 48 == POLLNVAL)			\
			(count) += 1 << 16;			\
		barrier_var(count);				\
	} while (0)

/* Of a block; written out, because the compiler will not unroll a loop of them. */
static __always_inline u32 poll_six(const u64 *word)
{
	u32 count = 0;

	POLL_ONE(word[0], count);
	POLL_ONE(word[1], count);
	POLL_ONE(word[2], count);
	POLL_ONE(word[3], count);
	POLL_ONE(word[4], count);
	POLL_ONE(word[5], count);
	return count;
}

static __always_inline u64 or_six(const u64 *word)
{
	return word[0] | word[1] | word[2] | word[3] | word[4] | word[5];
}

_Static_assert(POLL_BLOCK == 6 && POLL_FEW == POLL_BLOCK, "a block is six, and so are a few");

/* Of a few entries, as above; negative: a fault. */
__noinline int poll_few(u64 array, u32 n)
{
	u64 word[POLL_FEW] = {};

	if (n > POLL_FEW || bpf_probe_read_user(word, n * sizeof(word[0]), (void *)array))
		return -1;
	if (!(or_six(word) & (POLLFD_NO_FD | POLLFD_NVAL)))
		return n;
	for (u32 i = 0; i < POLL_FEW; i++)
		if (i >= n)
			word[i] = POLLFD_NO_FD;
	return poll_six(word);
}

/* Of a chunk or what there is of it. */
__noinline int poll_chunk(u64 array, u32 n, struct room *room)
{
	u32 count = 0;
	u64 all = 0;

	if (!room)
		return -1;
	if (n > POLL_CHUNK)
		n = POLL_CHUNK;
	/* The rest of the last block. */
	for (int i = 0; i < POLL_BLOCK; i++)
		room->word[n + i] = 0;
	if (bpf_probe_read_user(room, n * sizeof(room->word[0]), (void *)array))
		return -1;
	for (u32 i = 0; i < POLL_CHUNK; i += POLL_BLOCK) {
		if (i >= n)
			break;
		all |= or_six(&room->word[i]);
	}
	if (!(all & (POLLFD_NO_FD | POLLFD_NVAL)))
		return n;
	for (int i = 0; i < POLL_BLOCK; i++)
		room->word[n + i] = POLLFD_NO_FD;
	for (u32 i = 0; i < POLL_CHUNK; i += POLL_BLOCK) {
		if (i >= n)
			break;
		count += poll_six(&room->word[i]);
	}
	return count;
}

static long poll_loop(u64 i, struct thread **thread)
{
	struct thread *t = *thread;
	struct call *c = &t->call;
	u32 at = i * POLL_CHUNK;
	int n = poll_chunk(c->arg[0] + at * sizeof(u64), c->nfds - at, &t->room);

	if (n < 0) {
		c->watched = n;
		return 1;
	}
	c->watched += n & 0xffff;
	c->found -= n >> 16;
	return 0;
}

/*
 * Entries with a fd in call.watched (negative as above), and in call.found those with a
 * result, of which @ret are, but for those that name no file.
 */
static __always_inline void poll_count(struct thread *t, s64 ret)
{
	struct call *c = &t->call;

	c->found = ret > 0 ? ret : 0;
	if (c->nfds <= POLL_CHUNK) {
		int n = c->nfds <= POLL_FEW ? poll_few(c->arg[0], c->nfds) :
					      poll_chunk(c->arg[0], c->nfds, &t->room);

		c->watched = n < 0 ? n : n & 0xffff;
		if (n > 0xffff)
			c->found -= n >> 16;
	} else if (has_bpf_loop) {
		c->watched = 0;
		bpf_loop((c->nfds + POLL_CHUNK - 1) / POLL_CHUNK, poll_loop, &t, 0);
	} else {
		c->watched = -1;
	}
	/* Only if another thread writes to the array. */
	if (c->found < 0)
		c->found = 0;
}

#endif /* IOREADY_WATCHED_H */
