// SPDX-License-Identifier: GPL-2.0-or-later
/* With --histograms: how many took how long, by octave. */
#include "report_tcp_words.h"

#include <string.h>

#define BAR 40
#define OCTAVES (HISTOGRAM_OCTAVES - HISTOGRAM_SUB_BITS + 2)

/* The octave of a bucket: 0 is all below 16 ns, the last one all from 2^HISTOGRAM_OCTAVES ns on. */
static unsigned int octave_of(unsigned int bucket)
{
	return bucket >> HISTOGRAM_SUB_BITS;
}

static void octave_line(FILE *out, unsigned int octave, uint64_t n, uint64_t most)
{
	char from[16], to[16] = "-", count[32], bar[BAR + 1];
	unsigned int marks = n ? 1 + (BAR - 1) * n / most : 0;

	text_duration(from, histogram_low(octave << HISTOGRAM_SUB_BITS));
	if (octave < OCTAVES - 1)
		text_duration(to, histogram_low((octave + 1) << HISTOGRAM_SUB_BITS));
	memset(bar, '@', marks);
	bar[marks] = 0;
	fprintf(out, "%8s %8s %10s |%-*s|\n", from, to, text_grouped(count, n), BAR, bar);
}

/* Also those of which there were none, between the first and the last. */
static void octaves(FILE *out, const struct histogram *h)
{
	uint64_t n[OCTAVES] = { 0 }, most = 0;
	unsigned int first = OCTAVES, last = 0;

	for (unsigned int i = 0; i < HISTOGRAM_BUCKETS; i++)
		n[octave_of(i)] += h->buckets[i];
	for (unsigned int i = 0; i < OCTAVES; i++) {
		if (!n[i])
			continue;
		if (first == OCTAVES)
			first = i;
		last = i;
		if (n[i] > most)
			most = n[i];
	}
	for (unsigned int i = first; i <= last && i < OCTAVES; i++)
		octave_line(out, i, n[i], most);
}

void report_tcp_histograms(FILE *out, const struct tcp_report *r, const struct text_options *o)
{
	static const char *const names[TIME_NR] = {
		[TIME_SYNACK] = "SYN TO SYN-ACK", [TIME_ACK] = "SYN-ACK TO ACK",
		[TIME_HANDSHAKE] = "SYN TO SYN-ACK", [TIME_ACCEPT] = "ACK TO ACCEPT",
		[TIME_LIFE] = "LIFE",
	};
	int last = tcp_rows_end(0, r->figures.groups_nr, o);

	if (!r->histograms)
		return;
	for (int i = 0; i < last; i++) {
		const struct tcp_group *g = r->figures.groups[i];
		char owner[TEXT_PROCESS], where[80], n[32];

		for (int which = 0; which < TIME_NR; which++) {
			const struct tcp_times *t = g->times[which];

			if (!t)
				continue;
			fprintf(out, "%s%s, %s: %s%s, %s connections%s\n%8s %8s %10s\n",
				o->color ? BOLD : "", tcp_owner_text(owner, g), tcp_where_text(where, g),
				which == TIME_ACK ? tcp_ack_mark(r) : "", names[which],
				text_grouped(n, t->n), o->color ? PLAIN : "", "FROM", "TO", "COUNT");
			octaves(out, &t->histogram);
			fputc('\n', out);
		}
	}
	if (r->figures.groups_nr > last)
		tcp_more(out, r->figures.groups_nr - last);
}
