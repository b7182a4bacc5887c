/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef IOREADY_BUCKETS_H
#define IOREADY_BUCKETS_H

#include "abi.h"

/* See HISTOGRAM_SUB_BITS in abi.h; user/histogram.c has the way back. */
static __always_inline u32 histogram_index(u64 v)
{
	u64 x = v;
	u32 msb = 0;

	if (v < 16)
		return v;
	if (v >> HISTOGRAM_OCTAVES)
		return HISTOGRAM_BUCKETS - 1;
	if (x >> 32) {
		msb += 32;
		x >>= 32;
	}
	if (x >> 16) {
		msb += 16;
		x >>= 16;
	}
	if (x >> 8) {
		msb += 8;
		x >>= 8;
	}
	if (x >> 4) {
		msb += 4;
		x >>= 4;
	}
	if (x >> 2) {
		msb += 2;
		x >>= 2;
	}
	msb += x >> 1;
	return ((msb - 3) << 4) + ((v >> (msb - 4)) & 15);
}

#endif /* IOREADY_BUCKETS_H */
