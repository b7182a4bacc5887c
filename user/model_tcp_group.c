// SPDX-License-Identifier: GPL-2.0-or-later
#include "model_tcp_group.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* --- what a row tells ------------------------------------------------------------------------------- */

uint64_t tcp_acceptable_ns(const struct tcp_row *row)
{
	bool early = row->accepted_ns && row->accepted_ns < row->established_ns;

	return early ? row->accepted_ns : row->established_ns;
}

bool tcp_established(const struct tcp_row *row)
{
	if (row->established_ns || row->state_ns[STATE_ESTABLISHED])
		return true;
	/* One that was there at the begin was made before; or it was just being made. */
	return row->flags & TCP_SEEDED && row->state != STATE_SYN_SENT &&
	       !row->state_ns[STATE_SYN_SENT];
}

bool tcp_stay_goes_on(const struct tcp_row *row, unsigned int state)
{
	return state == STATE_FIN_WAIT2 && row->flags & TCP_ORPHANED;
}

enum tcp_failure tcp_failure(const struct tcp_row *row)
{
	switch (row->error) {
	case ECONNREFUSED:
		return FAILURE_REFUSED;
	case ECONNRESET:
		return FAILURE_RESET;
	case ETIMEDOUT:
		return FAILURE_TIMEOUT;
	case EHOSTUNREACH:
	case ENETUNREACH:
	case EHOSTDOWN:
	case ENOPROTOOPT:
		return FAILURE_UNREACHABLE;
	case 0:
		return FAILURE_GIVEN_UP;
	}
	return FAILURE_OTHER;
}

bool tcp_timed_out(const struct tcp_row *row)
{
	enum tcp_failure failure = tcp_failure(row);

	/*
	 * If ICMP said why no answer comes, the kernel gives up with that in place of ETIMEDOUT;
	 * to a reset ECONNREFUSED is due only before it is established.
	 */
	return tcp_established(row) && (failure == FAILURE_TIMEOUT || failure == FAILURE_UNREACHABLE ||
					row->error == ECONNREFUSED);
}

/* --- times ---------------------------------------------------------------------------------------- */

void tcp_times_add(struct tcp_times *t, uint64_t ns)
{
	t->n++;
	t->sum += ns;
	if (ns > t->max)
		t->max = ns;
	histogram_add(&t->histogram, ns);
}

/* Adds what lies between two moments, if both are known; false: there is no memory. */
static bool time_add(struct tcp_group *g, enum tcp_time which, uint64_t from_ns, uint64_t to_ns)
{
	if (!from_ns || to_ns < from_ns)
		return true;
	if (!g->times[which])
		g->times[which] = calloc(1, sizeof(*g->times[which]));
	if (!g->times[which])
		return false;
	tcp_times_add(g->times[which], to_ns - from_ns);
	return true;
}

void tcp_group_forget_times(struct tcp_group *g)
{
	for (int i = 0; i < TIME_NR; i++) {
		free(g->times[i]);
		g->times[i] = NULL;
	}
}

/* --- what it adds ------------------------------------------------------------------------------------ */

/* Adds a sum of times, of which @most_ns is the longest. */
static void sum_add(uint64_t *sum, uint64_t *max, uint64_t ns, uint64_t most_ns)
{
	*sum += ns;
	if (most_ns > *max)
		*max = most_ns;
}

static void state_add(struct tcp_group *g, unsigned int state, uint64_t ns)
{
	g->state_n[state]++;
	sum_add(&g->state_sum_ns[state], &g->state_max_ns[state], ns, ns);
}

static void reach_add(struct reach *to, const struct reach *reach)
{
	if (!reach->slept && !reach->awake)
		return;
	to->slept += reach->slept;
	to->awake += reach->awake;
	to->awake_sum_ns += reach->awake_sum_ns;
	if (reach->awake_max_ns > to->awake_max_ns)
		to->awake_max_ns = reach->awake_max_ns;
	for (int i = 0; i < REACH_NR; i++) {
		to->sum_ns[i] += reach->sum_ns[i];
		if (reach->max_ns[i] > to->max_ns[i])
			to->max_ns[i] = reach->max_ns[i];
	}
}

/* Windows that are shut. */
static void shut_add(struct tcp_group *g, const struct tcp_row *row, uint64_t end_ns)
{
	uint64_t ns;

	if (row->peer_zero_ns && end_ns > row->peer_zero_ns) {
		ns = end_ns - row->peer_zero_ns;
		g->peer_zeros++;
		sum_add(&g->peer_zero_sum_ns, &g->peer_zero_max_ns, ns, ns);
	}
	if (row->own_zero_ns && end_ns > row->own_zero_ns) {
		ns = end_ns - row->own_zero_ns;
		g->own_zeros++;
		sum_add(&g->own_zero_sum_ns, &g->own_zero_max_ns, ns, ns);
	}
}

static bool is_inside(const struct tcp_span *span, uint64_t ns)
{
	return ns && ns >= span->begin_ns && ns < span->end_ns;
}

static uint64_t later(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* What only --data has. */
static void data_add(struct tcp_group *g, const struct tcp_row *row)
{
	g->reads += row->reads;
	sum_add(&g->read_sum_ns, &g->read_max_ns, row->read_sum_ns, row->read_max_ns);
	g->holes += row->holes;
	sum_add(&g->hole_sum_ns, &g->hole_max_ns, row->hole_sum_ns, row->hole_max_ns);
	g->peer_zeros += row->peer_zeros;
	sum_add(&g->peer_zero_sum_ns, &g->peer_zero_max_ns, row->peer_zero_sum_ns,
		row->peer_zero_max_ns);
	g->own_zeros += row->own_zeros;
	sum_add(&g->own_zero_sum_ns, &g->own_zero_max_ns, row->own_zero_sum_ns,
		row->own_zero_max_ns);
}

/* What a connection adds as soon as it is there. */
static bool begun_add(struct tcp_group *g, const struct tcp_span *span, const struct tcp_row *row)
{
	bool passive = row->flags & TCP_PASSIVE, remembered = true;
	uint64_t accepted_ns = later(row->accepted_ns, row->established_ns);
	/* Whose it is, if that is asked, is not known before. */
	bool inside = is_inside(span, span->owned && passive ? accepted_ns : row->established_ns);

	if (row->flags & TCP_OWNED && !g->tgid) {
		g->tgid = row->tgid;
		g->start_ns = row->start_ns;
		memcpy(g->comm, row->comm, sizeof(g->comm) - 1);
	}
	g->netns = row->netns;
	g->connections++;
	g->seeded += !!(row->flags & TCP_SEEDED);
	g->multipath += !!(row->flags & TCP_MULTIPATH);
	g->syn_retransmits += row->syn_retransmits;
	if (row->segment_ns || row->reads)
		data_add(g, row);
	reach_add(&g->read_reach, &row->read_reach);
	reach_add(&g->accept_reach, &row->accept_reach);
	for (unsigned int i = 0; i < STATE_NR; i++)
		if (row->state_ns[i] && !tcp_stay_goes_on(row, i))
			state_add(g, i, row->state_ns[i]);
	if (passive && is_inside(span, accepted_ns)) {
		g->accepted += row->flags & TCP_OWNED && !(row->flags & TCP_SEEDED);
		if (row->accepted_ns)
			remembered = time_add(g, TIME_ACCEPT, tcp_acceptable_ns(row),
					      row->accepted_ns);
	}
	if (!inside)
		return remembered;
	g->established++;
	g->cookies += !!(row->flags & TCP_COOKIE);
	g->fastopen += !!(row->flags & TCP_FASTOPEN);
	if (!passive)
		return time_add(g, TIME_HANDSHAKE, row->syn_ns, row->established_ns);
	if (row->synack_ns)
		remembered &= time_add(g, TIME_SYNACK, row->syn_ns, row->synack_ns);
	return time_add(g, TIME_ACK, row->synack_ns, row->established_ns) && remembered;
}

bool tcp_group_ended(struct tcp_group *g, const struct tcp_span *span, const struct tcp_row *row)
{
	bool remembered = begun_add(g, span, row);

	g->ended++;
	g->closed[row->closer <= CLOSER_BOTH ? row->closer : CLOSER_NONE]++;
	g->resets_in += !!(row->flags & TCP_RESET_IN);
	g->resets_out += !!(row->flags & TCP_RESET_OUT);
	g->timed_out += tcp_timed_out(row);
	g->reset_reasons[row->reset_reason] += !!(row->flags & TCP_RESET_OUT);
	g->half_closed += !!(row->flags & TCP_HALF_CLOSED);
	g->left_behind += !!(row->flags & TCP_LEFT_BEHIND);
	g->retransmits += row->retransmits;
	g->bytes_in += row->bytes_in;
	g->bytes_out += row->bytes_out;
	if (row->flags & TCP_PASSIVE && !(row->flags & (TCP_OWNED | TCP_SEEDED)))
		g->unaccepted++;
	if (row->established_ns)
		return time_add(g, TIME_LIFE, row->established_ns, row->ended_ns) && remembered;
	if (!(row->flags & TCP_PASSIVE) && !tcp_established(row))
		g->failed[tcp_failure(row)]++;
	return remembered;
}

bool tcp_group_living(struct tcp_group *g, const struct tcp_span *span, const struct tcp_row *row,
		      uint64_t now_ns)
{
	bool remembered = begun_add(g, span, row);
	unsigned int state = row->state;
	uint64_t ns = now_ns - row->since_ns;

	shut_add(g, row, now_ns);
	if (state >= STATE_NR || !row->since_ns || now_ns <= row->since_ns)
		return remembered;
	state_add(g, state, ns);
	g->living[state]++;
	if (ns > g->longest_ns[state])
		g->longest_ns[state] = ns;
	return remembered;
}

bool tcp_group_copy(struct tcp_group *to, const struct tcp_group *from)
{
	tcp_group_forget_times(to);
	*to = *from;
	/* None of them is in two groups, also if there is no memory for the next. */
	memset(to->times, 0, sizeof(to->times));
	for (int i = 0; i < TIME_NR; i++) {
		if (!from->times[i])
			continue;
		to->times[i] = malloc(sizeof(*to->times[i]));
		if (!to->times[i])
			return false;
		*to->times[i] = *from->times[i];
	}
	return true;
}

/* --- names -------------------------------------------------------------------------------------- */

const char *tcp_failure_name(enum tcp_failure failure)
{
	static const char *const names[] = {
		[FAILURE_REFUSED] = "refused", [FAILURE_RESET] = "reset",
		[FAILURE_TIMEOUT] = "timed_out", [FAILURE_UNREACHABLE] = "unreachable",
		[FAILURE_GIVEN_UP] = "given_up", [FAILURE_OTHER] = "other",
	};

	return names[failure];
}

const char *tcp_closer_name(enum tcp_closer closer)
{
	static const char *const names[] = {
		[CLOSER_NONE] = "none", [CLOSER_LOCAL] = "local", [CLOSER_REMOTE] = "remote",
		[CLOSER_BOTH] = "both",
	};

	return names[closer];
}
