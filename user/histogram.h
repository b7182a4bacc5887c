/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The way back from a bucket of bpf/buckets.h to nanoseconds. */
#ifndef IOREADY_HISTOGRAM_H
#define IOREADY_HISTOGRAM_H

#include <stdint.h>

#include "abi.h"

struct histogram {
	uint64_t buckets[HISTOGRAM_BUCKETS];
};

/**
 * histogram_low() - smallest value of a bucket
 * @index: below HISTOGRAM_BUCKETS
 *
 * Return: nanoseconds.
 */
uint64_t histogram_low(unsigned int index);

/** histogram_add() - count a value, as bpf/buckets.h does in the kernel */
void histogram_add(struct histogram *h, uint64_t ns);

/**
 * histogram_quantile() - the value that a share of the samples do not exceed
 * @h: the histogram
 * @share: 0 < share <= 1
 * @max: the largest sample, which no answer exceeds
 *
 * Return: nanoseconds, within 1/32 of the sample of that rank; 0 when empty.
 */
uint64_t histogram_quantile(const struct histogram *h, double share, uint64_t max);

/**
 * histogram_top() - what no sample exceeds, where the largest is not kept
 * @h: the histogram
 * @max: what no answer exceeds
 *
 * Return: the upper end of the highest bucket that was hit, in nanoseconds.
 */
uint64_t histogram_top(const struct histogram *h, uint64_t max);

#endif /* IOREADY_HISTOGRAM_H */
