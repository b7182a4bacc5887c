/* SPDX-License-Identifier: GPL-2.0-only */
/* watched.h - what a call watches and found, read from the memory of its program. */
#ifndef IOREADY_WATCHED_H
#define IOREADY_WATCHED_H

#include "maps.h"

#define POLLNVAL 0x20
#define SET_WORDS 8		/* 64-bit words of a set that are read at once */
#define POLL_CHUNK 32		/* entries of an array, likewise */

struct pollfd {
	s32 fd;
	s16 events;
	s16 revents;
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

/* Bits set in the union of three sets from bit @at on, 512 at most; negative: a fault. */
__noinline int set_chunk(u64 in, u64 out, u64 ex, u32 nfds, u32 at)
{
	u64 a[SET_WORDS] = {}, b[SET_WORDS] = {};
	u32 bits = nfds - at, bytes, count = 0;

	if (bits > SET_WORDS * 64)
		bits = SET_WORDS * 64;
	bytes = (bits + 63) / 64 * 8;
	/* Known to the compiler, and to the verifier only if it is tested. */
	barrier_var(bytes);
	if (bytes > sizeof(a))
		return -1;
	if (in && bpf_probe_read_user(a, bytes, (void *)in + at / 8))
		return -1;
	if (out) {
		if (bpf_probe_read_user(b, bytes, (void *)out + at / 8))
			return -1;
		for (int i = 0; i < SET_WORDS; i++)
			a[i] |= b[i];
	}
	if (ex) {
		if (bpf_probe_read_user(b, bytes, (void *)ex + at / 8))
			return -1;
		for (int i = 0; i < SET_WORDS; i++)
			a[i] |= b[i];
	}
	for (u32 i = 0; i < SET_WORDS; i++) {
		u64 word = a[i];

		if (i * 64 >= bits)
			break;
		/* Bits from nfds on are not the call's. */
		if (bits - i * 64 < 64)
			word &= (1UL << (bits & 63)) - 1;
		count += popcount(word);
	}
	return count;
}

/*
 * Loops add up in the thread's storage and not on the stack, where the verifier
 * would follow each sum that they can come to.
 */
struct set_loop {
	u64 in, out, ex;
	u32 nfds;
	s32 *count;
};

static long set_loop(u64 i, struct set_loop *l)
{
	int n = set_chunk(l->in, l->out, l->ex, l->nfds, i * SET_WORDS * 64);

	if (n < 0)
		*l->count = n;
	else
		*l->count += n;
	return n < 0;
}

/*
 * Fds in the union of three user sets of @nfds bits; negative: not known, which
 * on kernels without bpf_loop() (before 5.17) is so beyond one chunk.
 */
static __always_inline void set_count(u64 in, u64 out, u64 ex, u32 nfds, s32 *count)
{
	struct set_loop l = { in, out, ex, nfds, count };

	*count = 0;
	if (nfds <= SET_WORDS * 64)
		*count = set_chunk(in, out, ex, nfds, 0);
	else if (has_bpf_loop)
		bpf_loop((nfds + SET_WORDS * 64 - 1) / (SET_WORDS * 64), set_loop, &l, 0);
	else
		*count = -1;
}

/* Of up to 32 entries: watched in the low half, found << 16; negative: a fault. */
__noinline int poll_chunk(u64 array, u32 n)
{
	struct pollfd p[POLL_CHUNK] = {};
	u32 watched = 0, found = 0;

	if (n > POLL_CHUNK)
		n = POLL_CHUNK;
	if (bpf_probe_read_user(p, n * sizeof(p[0]), (void *)array))
		return -1;
	for (u32 i = 0; i < POLL_CHUNK; i++) {
		if (i >= n)
			break;
		if (p[i].fd < 0)
			continue;
		watched++;
		/* POLLNVAL: no such file, so nothing was scanned. */
		if (p[i].revents & ~POLLNVAL)
			found++;
	}
	return watched | found << 16;
}

static long poll_loop(u64 i, struct call **call)
{
	struct call *c = *call;
	u32 at = i * POLL_CHUNK;
	int n = poll_chunk(c->arg[0] + at * sizeof(struct pollfd), c->nfds - at);

	if (n < 0) {
		c->watched = n;
		return 1;
	}
	c->watched += n & 0xffff;
	c->found += n >> 16;
	return 0;
}

/* Entries with a fd in c->watched (negative as above), with a result in c->found. */
static __always_inline void poll_count(struct call *c)
{
	c->watched = c->found = 0;
	if (c->nfds <= POLL_CHUNK)
		poll_loop(0, &c);
	else if (has_bpf_loop)
		bpf_loop((c->nfds + POLL_CHUNK - 1) / POLL_CHUNK, poll_loop, &c, 0);
	else
		c->watched = -1;
}

#endif /* IOREADY_WATCHED_H */
