// SPDX-License-Identifier: GPL-2.0-or-later
#include "histogram.h"

#include <math.h>

uint64_t histogram_low(unsigned int index)
{
	const unsigned int sub = 1U << HISTOGRAM_SUB_BITS;

	if (index < sub)
		return index;
	return (uint64_t)(sub + index % sub) << (index / sub - 1);
}

void histogram_add(struct histogram *h, uint64_t v)
{
	const unsigned int sub = 1U << HISTOGRAM_SUB_BITS;
	unsigned int msb;

	if (v < sub) {
		h->buckets[v]++;
	} else if (v >> HISTOGRAM_OCTAVES) {
		h->buckets[HISTOGRAM_BUCKETS - 1]++;
	} else {
		msb = 63 - __builtin_clzll(v);
		h->buckets[(msb - HISTOGRAM_SUB_BITS + 1) * sub +
			   (v >> (msb - HISTOGRAM_SUB_BITS)) % sub]++;
	}
}

uint64_t histogram_quantile(const struct histogram *h, double share, uint64_t max)
{
	uint64_t total = 0, rank, seen = 0, value;
	unsigned int i;

	for (i = 0; i < HISTOGRAM_BUCKETS; i++)
		total += h->buckets[i];
	if (!total)
		return 0;
	rank = ceil(share * total);
	if (!rank)
		rank = 1;
	for (i = 0; i < HISTOGRAM_BUCKETS; i++) {
		seen += h->buckets[i];
		if (seen >= rank)
			break;
	}
	/* The last bucket has no upper end. */
	if (i >= HISTOGRAM_BUCKETS - 1)
		return max;
	value = (histogram_low(i) + histogram_low(i + 1)) / 2;
	return value < max ? value : max;
}

uint64_t histogram_top(const struct histogram *h, uint64_t max)
{
	if (h->buckets[HISTOGRAM_BUCKETS - 1])
		return max;
	for (int i = HISTOGRAM_BUCKETS - 2; i >= 0; i--)
		if (h->buckets[i])
			return histogram_low(i + 1) < max ? histogram_low(i + 1) : max;
	return max;
}
