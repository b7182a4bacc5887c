// SPDX-License-Identifier: GPL-2.0-or-later
/* test_units_numbers.c - numbers as people type them, and histograms. */
#include "test_units.h"

TEST(numbers_are_whole_and_in_range)
{
	static const char *const bad[] = { "", "12abc", "-1", "+1", " 5", "5 ", "0x10", "1e3",
					   "99999999999999999999", "0", "101" };
	struct err err;
	uint32_t n;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		err.text[0] = 0;
		EXPECT_GT(0, parse_u32(bad[i], 1, 100, &n, "the number", &err));
		EXPECT_NE(NULL, strstr(err.text, "the number"));
	}
	EXPECT_EQ(0, parse_u32("1", 1, 100, &n, "the number", &err));
	EXPECT_EQ(1, n);
	EXPECT_EQ(0, parse_u32("100", 1, 100, &n, "the number", &err));
	EXPECT_EQ(100, n);
}

TEST(seconds_may_have_a_point)
{
	static const char *const bad[] = { "", ".", ".5", "-1", "1e3", "0", "0.0001", "nan", "inf",
					   "1 s", "99999999999" };
	struct err err;
	uint64_t ns;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		EXPECT_GT(0, parse_seconds(bad[i], &ns, "it", &err));
	EXPECT_EQ(0, parse_seconds("0.5", &ns, "it", &err));
	EXPECT_EQ(500000000, ns);
	EXPECT_EQ(0, parse_seconds("10", &ns, "it", &err));
	EXPECT_EQ(10000000000, ns);
}

TEST(histogram_buckets_meet_and_are_narrow)
{
	for (unsigned int i = 0; i + 1 < HISTOGRAM_BUCKETS; i++) {
		uint64_t low = histogram_low(i), high = histogram_low(i + 1);

		ASSERT_LT(low, high);
		/* Told by its middle, no value in a bucket is off by more than 1/32. */
		if (low >= 16)
			ASSERT_LE((high - low) * 16, low);
	}
	EXPECT_EQ(UINT64_C(1) << HISTOGRAM_OCTAVES, histogram_low(HISTOGRAM_BUCKETS - 1));
}

TEST(quantiles_have_the_right_rank)
{
	struct histogram h = { { 0 } };

	EXPECT_EQ(0, histogram_quantile(&h, 0.5, 0));
	h.buckets[10] = 99;	/* 10 ns */
	h.buckets[592] = 1;	/* without an end */
	EXPECT_EQ(10, histogram_quantile(&h, 0.5, 5000000000000));
	EXPECT_EQ(10, histogram_quantile(&h, 0.99, 5000000000000));
	EXPECT_EQ(5000000000000, histogram_quantile(&h, 0.999, 5000000000000));
	h.buckets[592] = 0;
	EXPECT_EQ(10, histogram_quantile(&h, 1, 10));
}

TEST(a_value_falls_into_its_bucket)
{
	for (unsigned int i = 0; i < HISTOGRAM_BUCKETS; i++) {
		uint64_t low = histogram_low(i);
		uint64_t last = i + 1 < HISTOGRAM_BUCKETS ? histogram_low(i + 1) - 1 : UINT64_MAX;
		struct histogram h = { { 0 } };

		histogram_add(&h, low);
		histogram_add(&h, last);
		ASSERT_EQ(2, h.buckets[i]);
	}
}
