// SPDX-License-Identifier: GPL-2.0-or-later
#include "report_tcp_words.h"

#include <inttypes.h>
#include <limits.h>
#include <string.h>

/* Columns of whose connections these are. */
#define OWNER 22

/* Whose they are, as far as they are somebody's; in a table. */
static char *owner_cell(char to[TEXT_PROCESS], const struct tcp_group *g)
{
	return tcp_process_text(to, g->comm, g->tgid, OWNER);
}

/* A last column where there is more than one namespace, or nothing. */
static const char *netns_head(const struct tcp_report *r)
{
	return r->figures.several_netns ? "       NETNS" : "";
}

static char *netns_cell(char to[16], const struct tcp_report *r, uint32_t netns)
{
	*to = 0;
	if (r->figures.several_netns)
		sprintf(to, " %11u", netns);
	return to;
}

/* The first groups of a kind, up to the rows that are wanted; whether there are any. */
static int kind_begin(const struct tcp_report *r, bool passive)
{
	int i = 0;

	while (i < r->figures.groups_nr && !!r->figures.groups[i]->key.passive != passive)
		i++;
	return i;
}

static int kind_end(const struct tcp_report *r, bool passive)
{
	int i = kind_begin(r, passive);

	while (i < r->figures.groups_nr && !!r->figures.groups[i]->key.passive == passive)
		i++;
	return i;
}

/* The half and the last hundredth, and the longest; @mark stands before. */
static char *spread(char to[48], const struct tcp_times *t, const char *mark)
{
	char half[16], most[16], max[16];

	if (!t)
		return strcpy(to, "-");
	sprintf(to, "%s%s %7s %7s", mark, tcp_quantile_text(half, t, 0.5), tcp_quantile_text(most, t, 0.99),
		tcp_longest_text(max, t));
	return to;
}

static void passive(FILE *out, const struct tcp_report *r, const struct text_options *o)
{
	int begin = kind_begin(r, true), end = kind_end(r, true), last = tcp_rows_end(begin, end, o);
	bool networks = begin < end && r->figures.groups[begin]->key.family;
	bool listening = r->plan->listening && !networks;

	if (begin == end)
		return;
	fprintf(out, "%sMade by peers: the SYN is answered, the ACK comes, the program accepts "
		     "(P50, P99, MAX)\n%5s %-22s %8s %24s %25s %24s %8s %7s %7s %5s%s%s%s\n",
		o->color ? BOLD : "", "PORT", "PROCESS", "CONNS", "SYN TO SYN-ACK", "SYN-ACK TO ACK",
		"ACK TO ACCEPT", "SYNS", "RESENT", "COOKIES", "TFO", netns_head(r),
		networks ? "  FROM" : "", o->color ? PLAIN : "");
	for (int i = begin; i < last; i++) {
		const struct tcp_group *g = r->figures.groups[i];
		char owner[TEXT_PROCESS], n[5][32] = { "", "-", "-" }, t[3][48], peer[64], netns[16];

		/* What the kernel had no hook for is absent. */
		if (r->plan->handshakes && listening)
			text_grouped(n[1], g->syns);
		if (r->plan->handshakes)
			text_grouped(n[2], g->cookies);
		fprintf(out, "%5u %-22s %8s %24s %25s %24s %8s %7s %7s %5s%s%s%s\n", g->key.port,
			owner_cell(owner, g), text_grouped(n[0], g->connections),
			spread(t[0], g->times[TIME_SYNACK], ""),
			spread(t[1], g->times[TIME_ACK], tcp_ack_mark(r)),
			spread(t[2], g->times[TIME_ACCEPT], ""), n[1],
			text_grouped(n[3], listening ? g->synack_retransmits : g->syn_retransmits), n[2],
			text_grouped(n[4], g->fastopen), netns_cell(netns, r, g->netns), networks ? "  " : "",
			networks ? tcp_peer_text(peer, &g->key) : "");
	}
	tcp_more(out, end - last);
}

static void active(FILE *out, const struct tcp_report *r, const struct text_options *o)
{
	int begin = kind_begin(r, false), end = kind_end(r, false), last = tcp_rows_end(begin, end, o);

	if (begin == end)
		return;
	fprintf(out, "%sMade from here: the SYN goes out, the SYN-ACK comes (P50, P99, MAX)\n"
		     "%-22s %-24s %8s %7s %24s %7s %5s%s%s\n",
		o->color ? BOLD : "", "PROCESS", "PEER", "CONNS", "FAILED", "SYN TO SYN-ACK", "RESENT",
		"TFO", netns_head(r), o->color ? PLAIN : "");
	for (int i = begin; i < last; i++) {
		const struct tcp_group *g = r->figures.groups[i];
		char owner[TEXT_PROCESS], peer[64], n[4][32], t[48], netns[16];

		fprintf(out, "%-22s %-24s %8s %7s %24s %7s %5s%s\n", owner_cell(owner, g),
			tcp_peer_text(peer, &g->key), text_grouped(n[0], g->connections),
			text_grouped(n[1], tcp_failed_total(g)), spread(t, g->times[TIME_HANDSHAKE], ""),
			text_grouped(n[2], g->syn_retransmits), text_grouped(n[3], g->fastopen),
			netns_cell(netns, r, g->netns));
	}
	tcp_more(out, end - last);
}

/* Mean and longest. */
static char *mean_max(char to[40], uint64_t n, uint64_t sum, uint64_t max)
{
	char mean[16], most[16];

	if (!n)
		return strcpy(to, "-");
	sprintf(to, "%s %7s", text_duration(mean, sum / n), text_duration(most, max));
	return to;
}

static void closes(FILE *out, const struct tcp_report *r, const struct text_options *o)
{
	static const unsigned int states[] = { STATE_FIN_WAIT1, STATE_FIN_WAIT2, STATE_CLOSE_WAIT,
					       STATE_LAST_ACK };
	int last = tcp_rows_end(0, r->figures.groups_nr, o);
	bool told = false;

	for (int i = 0; i < last; i++) {
		const struct tcp_group *g = r->figures.groups[i];
		char owner[TEXT_PROCESS], where[80], text[40], n[5][32], t[48], netns[16];

		if (!g->ended && !g->living[STATE_CLOSE_WAIT] && !g->living[STATE_FIN_WAIT2])
			continue;
		if (!told)
			fprintf(out, "%sHow they end: who closes first, how long they live (P50, P99, MAX) "
				     "and close (MEAN, MAX)\n"
				     "%-22s %-24s %8s %6s %7s %6s %24s %16s %16s %16s %16s%s%s\n",
				o->color ? BOLD : "", "PROCESS", "WHERE", "ENDED", "BY US", "BY PEER",
				"RESET", "LIFE", "FIN-WAIT-1", "FIN-WAIT-2", "CLOSE-WAIT", "LAST-ACK",
				netns_head(r), o->color ? PLAIN : "");
		told = true;
		fprintf(out, "%-22s %-24s %8s %6s %7s %6s %24s", owner_cell(owner, g),
			tcp_where_text(where, g), text_grouped(n[0], g->ended),
			text_grouped(n[1], g->closed[CLOSER_LOCAL]),
			text_grouped(n[2], g->closed[CLOSER_REMOTE]),
			text_grouped(n[3], g->resets_in + g->resets_out),
			spread(t, g->times[TIME_LIFE], ""));
		for (int j = 0; j < 4; j++)
			fprintf(out, " %16s", mean_max(text, g->state_n[states[j]],
						       g->state_sum_ns[states[j]],
						       g->state_max_ns[states[j]]));
		fprintf(out, "%s\n", netns_cell(netns, r, g->netns));
		/* Rare, and then it is what is looked for. */
		if (g->state_n[STATE_CLOSING])
			fprintf(out, "%22s CLOSING, for both closed at once: %s, %s\n", "",
				text_grouped(n[0], g->state_n[STATE_CLOSING]),
				mean_max(text, g->state_n[STATE_CLOSING], g->state_sum_ns[STATE_CLOSING],
					 g->state_max_ns[STATE_CLOSING]));
	}
	if (told)
		tcp_more(out, r->figures.groups_nr - last);
}

/* How often, mean and longest. */
static char *shut(char to[80], uint64_t n, uint64_t sum, uint64_t max)
{
	char count[32], times[40];

	if (!n)
		return strcpy(to, "-");
	sprintf(to, "%s %s", text_grouped(count, n), mean_max(times, n, sum, max));
	return to;
}

/* With --data. */
static void data(FILE *out, const struct tcp_report *r, const struct text_options *o)
{
	int last = tcp_rows_end(0, r->figures.groups_nr, o);
	bool told = false;

	for (int i = 0; i < last && r->plan->data; i++) {
		const struct tcp_group *g = r->figures.groups[i];
		char owner[TEXT_PROCESS], where[80], text[2][40], n[5][32], zero[2][80];

		if (!g->connections)
			continue;
		if (!told)
			fprintf(out, "%sWhat data waits for: to be read, for what is missing before it, and for "
				     "room (MEAN, MAX)\n"
				     "%-22s %-24s %10s %16s %10s %16s %10s %20s %20s %12s %12s%s\n",
				o->color ? BOLD : "", "PROCESS", "WHERE", "READS", "ARRIVED TO READ",
				"HOLES", "BEHIND A HOLE", "RESENT", "OUR WINDOW SHUT", "PEER'S WINDOW SHUT",
				"IN", "OUT", o->color ? PLAIN : "");
		told = true;
		strcpy(n[0], "-");
		if (r->plan->arrival)
			text_grouped(n[0], g->reads);
		fprintf(out, "%-22s %-24s %10s %16s %10s %16s %10s %20s %20s %12s %12s\n",
			owner_cell(owner, g),
			tcp_where_text(where, g), n[0],
			mean_max(text[0], g->reads, g->read_sum_ns, g->read_max_ns),
			text_grouped(n[1], g->holes),
			mean_max(text[1], g->holes, g->hole_sum_ns, g->hole_max_ns),
			text_grouped(n[2], g->retransmits),
			shut(zero[0], g->own_zeros, g->own_zero_sum_ns, g->own_zero_max_ns),
			shut(zero[1], g->peer_zeros, g->peer_zero_sum_ns, g->peer_zero_max_ns),
			text_grouped(n[3], g->bytes_in), text_grouped(n[4], g->bytes_out));
	}
	if (told)
		tcp_more(out, r->figures.groups_nr - last);
}

/* What a group took of one kind. */
static void reach_row(FILE *out, const struct tcp_report *r, const struct tcp_group *g,
		      const char *what, const struct reach *reach)
{
	char owner[TEXT_PROCESS], where[80], text[40], n[2][32];

	if (!reach->slept && !reach->awake)
		return;
	fprintf(out, "%-22s %-24s %-7s %8s", owner_cell(owner, g), tcp_where_text(where, g), what,
		text_grouped(n[0], reach->slept));
	for (int i = 0; i < REACH_NR; i++)
		fprintf(out, " %15s", i == REACH_ready && !r->plan->sees_ready ? "-" :
			mean_max(text, reach->slept, reach->sum_ns[i], reach->max_ns[i]));
	fprintf(out, " %8s %15s\n", text_grouped(n[1], reach->awake),
		mean_max(text, reach->awake, reach->awake_sum_ns, reach->awake_max_ns));
}

/* With --waits. */
static void reaches(FILE *out, const struct tcp_report *r, const struct text_options *o)
{
	int last = tcp_rows_end(0, r->figures.groups_nr, o);

	if (!r->waits || !r->figures.groups_nr)
		return;
	fprintf(out, "%sHow what comes reaches a thread that sleeps in select, poll or epoll_wait, part by "
		     "part; or one at work (MEAN, MAX)\n%-22s %-24s %-7s %8s %15s %15s %15s %15s %15s %8s "
		     "%15s%s\n",
		o->color ? BOLD : "", "PROCESS", "WHERE", "WHAT", "ASLEEP", "TO READY", "TO WOKEN",
		"TO RUNNING", "TO RETURNED", "TO TAKEN", "AT WORK", "TO TAKEN", o->color ? PLAIN : "");
	for (int i = 0; i < last; i++) {
		const struct tcp_group *g = r->figures.groups[i];

		reach_row(out, r, g, "accept", &g->accept_reach);
		reach_row(out, r, g, "read", &g->read_reach);
	}
	tcp_more(out, r->figures.groups_nr - last);
}

/* --- TCP and UDP, with --udp ---------------------------------------------------------- */

static bool has_data(const struct tcp_group *g)
{
	return g->reads || g->holes || g->retransmits || g->own_zeros || g->bytes_in || g->bytes_out;
}

/* The connections that a process has taken at the port where it reads datagrams too. */
static bool is_same_port(const struct tcp_group *g, const struct udp_group *u)
{
	return g->key.passive && !g->key.family && g->key.port == u->key.port &&
	       g->key.netns_cookie == u->key.netns_cookie && g->tgid == u->key.tgid &&
	       g->start_ns == u->key.start_ns;
}

static const struct tcp_group *same_port(const struct tcp_report *r, const struct udp_group *u)
{
	for (int i = 0; i < r->figures.groups_nr; i++)
		if (is_same_port(r->figures.groups[i], u))
			return r->figures.groups[i];
	return NULL;
}

/* Does it have a line of its own? */
static bool is_told(const struct udp_group *u)
{
	return u->received || udp_lost(u);
}

static bool has_datagrams(const struct tcp_report *r, const struct tcp_group *g)
{
	for (int i = 0; i < r->figures.udp_nr; i++)
		if (is_told(r->figures.udp[i]) && is_same_port(g, r->figures.udp[i]))
			return true;
	return false;
}

/* A line; @g or @u is NULL where there is no such. */
static void beside(FILE *out, const struct tcp_plan *plan, const struct tcp_group *g,
		   const struct udp_group *u)
{
	char owner[TEXT_PROCESS], where[80], text[40], n[6][32] = { "-", "-", "-", "-", "-", "-" };
	char zero[80] = "-", wrong[40] = "-";

	if (g && plan->arrival)
		text_grouped(n[0], g->reads);
	if (g)
		text_grouped(n[1], g->holes);
	if (g)
		text_grouped(n[2], g->retransmits);
	if (g)
		shut(zero, g->own_zeros, g->own_zero_sum_ns, g->own_zero_max_ns);
	if (u && plan->udp_read)
		text_grouped(n[3], u->received);
	if (u && !u->vague)
		text_grouped(n[4], u->full + u->memory);
	if (u && !u->vague && plan->udp_spoilt)
		sprintf(wrong, "%s%s", u->spoilt_reading ? "~" : "", text_grouped(n[5], udp_spoilt(u)));
	fprintf(out, "%-22s %-24s %10s %10s %16s %10s %20s   %12s %10s %8s\n",
		u ? tcp_process_text(owner, u->comm, u->key.tgid, OWNER) : owner_cell(owner, g),
		u ? tcp_port_text(where, u) : tcp_where_text(where, g), n[0], n[1],
		g ? mean_max(text, g->holes, g->hole_sum_ns, g->hole_max_ns) : "-", n[2], zero, n[3], n[4],
		wrong);
}

static void datagrams(FILE *out, const struct tcp_report *r, const struct text_options *o)
{
	int rows = 0, most = o->rows ? (int)o->rows : INT_MAX;

	if (!r->plan->udp)
		return;
	fprintf(out, "%sTCP beside UDP: of the one, data waits for what is missing and for room "
		     "(MEAN, MAX); of the other it is gone\n"
		     "%-22s %-24s %10s %10s %16s %10s %20s   %12s %10s %8s%s\n",
		o->color ? BOLD : "", "PROCESS", "WHERE", "TCP READS", "HOLES", "BEHIND A HOLE", "RESENT",
		"OUR WINDOW SHUT", "UDP RECEIVED", "NO ROOM", "SPOILT", o->color ? PLAIN : "");
	for (int i = 0; i < r->figures.udp_nr; i++) {
		const struct udp_group *u = r->figures.udp[i];

		if (is_told(u) && rows++ < most)
			beside(out, r->plan, same_port(r, u), u);
	}
	for (int i = 0; i < r->figures.groups_nr; i++) {
		const struct tcp_group *g = r->figures.groups[i];

		if (has_data(g) && !has_datagrams(r, g) && rows++ < most)
			beside(out, r->plan, g, NULL);
	}
	if (!rows)
		fputs(r->plan->udp_read ? "Neither was seen.\n" :
					  "Neither was seen, and no datagram lost; what is read is not "
					  "seen on this kernel.\n", out);
	tcp_more(out, rows - most);
}

static void listeners(FILE *out, const struct tcp_report *r, const struct text_options *o)
{
	int last = tcp_rows_end(0, r->figures.listeners_nr, o);

	if (!r->figures.listeners_nr)
		return;
	fprintf(out, "%sWho listens: connections that wait for accept(), and what the kernel dropped\n"
		     "%-24s %-22s %8s %7s %9s%s%s\n",
		o->color ? BOLD : "", "WHERE", "PROCESS", "WAITING", "LIMIT", "DROPPED", netns_head(r),
		o->color ? PLAIN : "");
	for (int i = 0; i < last; i++) {
		const struct tcp_listener *l = &r->figures.listeners[i];
		char where[64], who[TEXT_PROCESS], others[16] = "", n[32], netns[16];

		if (l->owners > 1)
			sprintf(others, " +%u", l->owners - 1);
		text_process(who, l->record.comm, l->record.tgid, OWNER - (int)strlen(others));
		fprintf(out, "%-24s %-22s %8u %7u %9s%s\n",
			text_address(where, l->record.key.family, l->record.key.local,
					 l->record.key.local_port),
			strcat(who, others), l->record.queue, l->record.queue_max,
			text_grouped(n, l->drops), netns_cell(netns, r, l->record.netns));
	}
	tcp_more(out, r->figures.listeners_nr - last);
}

static void minisocks(FILE *out, const struct tcp_report *r)
{
	const struct tcp_minisocks *m = &r->figures.minisocks;
	char n[5][32], t[4][16];

	if (!r->plan->minisocks) {
		fputs("TIME-WAIT is not seen by this tier: what is left then is no socket any more.\n", out);
		return;
	}
	fprintf(out, "TIME-WAIT and FIN-WAIT-2 with nobody to read: %s begun, %s expired, %s reused, "
		     "%s cut short, %s now.",
		text_grouped(n[0], m->born), text_grouped(n[1], m->expired),
		text_grouped(n[2], m->reused), text_grouped(n[3], m->cut), text_grouped(n[4], m->now));
	if (m->time_wait.n)
		fprintf(out, " TIME-WAIT lasted %s on average, %s at most.",
			text_duration(t[0], m->time_wait.sum / m->time_wait.n),
			text_duration(t[1], m->time_wait.max));
	if (m->fin_wait2.n)
		fprintf(out, " FIN-WAIT-2 %s, %s at most.",
			text_duration(t[2], m->fin_wait2.sum / m->fin_wait2.n),
			text_duration(t[3], m->fin_wait2.max));
	fputc('\n', out);
}

static void counters(FILE *out, const struct tcp_report *r)
{
	int told = 0;
	char n[32];

	if (!r->counters_had)
		return;
	fputs("The kernel's counters of the namespace:", out);
	for (int i = 0; i < NETSTAT_NR; i++)
		if (r->counters_had[i] && r->counters[i])
			fprintf(out, "%s %s %s", told++ ? "," : "", netstat_name(i),
				text_grouped(n, r->counters[i]));
	fputs(told ? ".\n" : " none of them has moved.\n", out);
}

/* --- losses --------------------------------------------------------------------------------- */

static const char *const loss_names[TCP_LOSS_NR] = {
	[TCP_LOSS_TABLE] = "table",	    [TCP_LOSS_RING] = "ring",
	[TCP_LOSS_REQUESTS] = "requests",   [TCP_LOSS_LISTENERS] = "listeners",
	[TCP_LOSS_TIMEWAITS] = "timewaits", [TCP_LOSS_DATAGRAMS] = "datagrams",
};

const char *tcp_loss_name(enum tcp_loss reason)
{
	return loss_names[reason];
}

uint64_t tcp_losses_total(const struct tcp_losses *losses)
{
	uint64_t total = losses->nested + losses->not_followed;

	for (int i = 0; i < TCP_LOSS_NR; i++)
		total += losses->count[i];
	return total;
}

static void losses(FILE *out, const struct tcp_report *r)
{
	static const char *const words[TCP_LOSS_NR] = {
		[TCP_LOSS_TABLE] = "connections found no room in their table (see --connections)",
		[TCP_LOSS_RING] = "connections that ended were lost to a full ring (see --ring)",
		[TCP_LOSS_REQUESTS] = "handshakes found no room: when their SYN came is not known",
		[TCP_LOSS_LISTENERS] = "SYNs to listeners that found no room in their table",
		[TCP_LOSS_TIMEWAITS] = "minisocks not counted, for want of room",
		[TCP_LOSS_DATAGRAMS] = "UDP sockets, or datagrams, not counted, for want of room",
	};
	char n[32];

	if (r->figures.unowned)
		fprintf(out, "%10s connections ended that no process was seen to accept: not in the figures\n",
			text_grouped(n, r->figures.unowned));
	if (r->figures.overflow)
		fprintf(out, "%10s connections to more peers than are told apart: not in the tables\n",
			text_grouped(n, r->figures.overflow));
	for (int i = 0; i < TCP_LOSS_NR; i++)
		if (r->losses.count[i])
			fprintf(out, "%10s %s\n", text_grouped(n, r->losses.count[i]), words[i]);
	if (r->losses.nested)
		fprintf(out, "%10s runs of a hook skipped because another was running\n",
			text_grouped(n, r->losses.nested));
	if (r->losses.not_followed)
		fprintf(out, "%10s threads of the command not followed\n",
			text_grouped(n, r->losses.not_followed));
	if (!tcp_losses_total(&r->losses))
		fputs("Nothing was lost.\n", out);
}

/* First of all, for it says what the counts are of. */
static void sample(FILE *out, const struct tcp_report *r)
{
	char n[2][32];

	if (r->sample <= 1)
		return;
	fprintf(out, "One connection in %u is followed, by chance; only counted: %s made from here", r->sample,
		text_grouped(n[0], r->passed_over.active));
	/* Who would have accepted them is not known. */
	if (!r->passive_owned)
		fprintf(out, ", %s made by peers", text_grouped(n[1], r->passed_over.passive));
	fputs(".\n\n", out);
}

void report_tcp_text(FILE *out, const struct tcp_report *r, const struct text_options *o)
{
	char when[32];

	fprintf(out, "%s  %.1f s on %s, Linux %s, %s tier\n\n", text_time(when, r->start_unix_ns),
		r->seconds, r->host, r->release, tier_name(r->plan->tier));
	sample(out, r);
	report_tcp_findings(out, r, o);
	passive(out, r, o);
	active(out, r, o);
	closes(out, r, o);
	report_tcp_histograms(out, r, o);
	data(out, r, o);
	reaches(out, r, o);
	datagrams(out, r, o);
	listeners(out, r, o);
	if (r->interval)
		return;
	minisocks(out, r);
	counters(out, r);
	if (!r->plan->handshakes)
		fputs("~ is the round trip that the kernel itself measured; when SYNs came is not seen by "
		      "this tier.\n",
		      out);
	losses(out, r);
}
