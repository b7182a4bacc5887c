// SPDX-License-Identifier: GPL-2.0-or-later
/* What a report of connections begins with: the finding, in sentences. */
#include "report_tcp_words.h"

#define FINDINGS_MAX 3
#define MS UINT64_C(1000000)

/* Where passive ones came to, and from where if that is told apart. */
static char *server_text(char to[128], const struct tcp_group *g)
{
	char peer[64];

	sprintf(to, "port %u%s%s", g->key.port, g->key.family ? " from " : "",
		g->key.family ? tcp_peer_text(peer, &g->key) : "");
	return to;
}

/* SYNs that found the accept queue of the listener's port full. */
static uint64_t full_at(const struct tcp_report *r, const struct tcp_listener *l)
{
	for (int i = 0; i < r->figures.groups_nr; i++) {
		const struct tcp_key *key = &r->figures.groups[i]->key;

		if (key->passive && !key->family && key->port == l->record.key.local_port &&
		    key->netns_cookie == l->record.key.netns_cookie)
			return r->figures.groups[i]->full;
	}
	return 0;
}

/* A listener drops much that is no harm: what would have been one, its namespace counts. */
static uint64_t harm_at_most(const struct tcp_report *r, const struct tcp_listener *l)
{
	uint64_t all = r->counters[NETSTAT_listen_drops];

	if (!r->counters_had || !r->counters_had[NETSTAT_listen_drops] ||
	    l->record.netns != r->counters_netns)
		return 0;
	return l->drops < all ? l->drops : all;
}

static int tell_drops(FILE *out, const struct tcp_report *r)
{
	const struct listen_key *last = NULL;
	int told = 0;

	for (int i = 0; i < r->figures.listeners_nr && told < FINDINGS_MAX; i++) {
		const struct tcp_listener *l = &r->figures.listeners[i];
		const struct listen_key *key = &l->record.key;
		/* Told of a port once, not of each of its listeners, which stand together. */
		bool again = last && key->local_port == last->local_port &&
			     key->netns_cookie == last->netns_cookie;
		uint64_t full = again ? 0 : full_at(r, l), most = harm_at_most(r, l);
		char name[4 * 16 + 1], n[32];

		last = key;
		if (!full && !most)
			continue;
		fprintf(out, "Port %u (%s, %u):", key->local_port, text_clean(name, l->record.comm),
			l->record.tgid);
		if (full)
			fprintf(out, " %s SYNs found the accept queue full", text_grouped(n, full));
		if (most > full)
			fprintf(out, "%s at most %s%s SYNs or ACKs were dropped", full ? " and" : "",
				text_grouped(n, most - full), full ? " more" : "");
		fprintf(out, "; %u of %u connections wait for accept() now.\n", l->record.queue,
			l->record.queue_max);
		told++;
	}
	return told;
}

static int tell_datagrams(FILE *out, const struct tcp_report *r)
{
	int told = 0;

	for (int i = 0; i < r->figures.udp_nr && told < FINDINGS_MAX; i++) {
		const struct udp_group *g = r->figures.udp[i];
		uint64_t full = g->vague ? g->dropped : g->full, wrong = udp_spoilt(g);
		uint64_t memory = g->vague ? 0 : g->memory;
		char owner[TEXT_PROCESS], port[80], n[32];
		const char *comma = "";

		if (!full && !memory && !wrong)
			continue;
		fprintf(out, "%s, %s:", tcp_process_text(owner, g->comm, g->key.tgid, TEXT_PROCESS), tcp_port_text(port, g));
		/* How many there were is known if those that were read are. */
		if (r->plan->udp_read)
			fprintf(out, " of %s datagrams", text_grouped(n, g->received + udp_lost(g)));
		if (full) {
			fprintf(out, g->vague ? " %s were dropped" : " %s found the receive buffer full",
				text_grouped(n, full));
			comma = ",";
		}
		if (memory) {
			fprintf(out, "%s %s found no memory left for UDP", comma,
				text_grouped(n, memory));
			comma = ",";
		}
		if (wrong)
			fprintf(out, "%s %s%s had a wrong checksum", comma,
				g->spoilt_reading ? "~" : "", text_grouped(n, wrong));
		fputs(".\n", out);
		told++;
	}
	return told;
}

static bool tell_failed(FILE *out, const struct tcp_group *g)
{
	uint64_t failed = tcp_failed_total(g);
	char owner[TEXT_PROCESS], peer[64], n[2][32];

	if (!failed)
		return false;
	fprintf(out, "%s: %s of %s connections to %s failed:", tcp_owner_text(owner, g),
		text_grouped(n[0], failed), text_grouped(n[1], g->connections),
		tcp_peer_text(peer, &g->key));
	for (int i = 0, told = 0; i < FAILURE_NR; i++)
		if (g->failed[i])
			fprintf(out, "%s %s %s", told++ ? "," : "", text_grouped(n[0], g->failed[i]),
				tcp_failure_name(i));
	fputs(".\n", out);
	return true;
}

static bool tell_timed_out(FILE *out, const struct tcp_group *g)
{
	char owner[TEXT_PROCESS], where[128], n[32];

	if (!g->timed_out)
		return false;
	fprintf(out, "%s: %s connections to %s ended by time-out: the peer did not answer any more.\n",
		tcp_owner_text(owner, g), text_grouped(n, g->timed_out),
		g->key.passive ? server_text(where, g) : tcp_peer_text(where, &g->key));
	return true;
}

static bool tell_unmade(FILE *out, const struct tcp_group *g)
{
	char owner[TEXT_PROCESS], n[32];

	if (g->connections || !g->syns)
		return false;
	fprintf(out, "%s: %s SYNs came to port %u, and none of them made a connection.\n",
		tcp_owner_text(owner, g), text_grouped(n, g->syns), g->key.port);
	return true;
}

static bool tell_unclosed(FILE *out, const struct tcp_group *g)
{
	char owner[TEXT_PROCESS], n[32], ns[16];

	if (!g->living[STATE_CLOSE_WAIT] || g->longest_ns[STATE_CLOSE_WAIT] < 1000 * MS)
		return false;
	fprintf(out, "%s: %s connections are in CLOSE-WAIT, the longest for at least %s: the peer has "
		     "closed, the program has not.\n",
		tcp_owner_text(owner, g), text_grouped(n, g->living[STATE_CLOSE_WAIT]),
		text_duration(ns, g->longest_ns[STATE_CLOSE_WAIT]));
	return true;
}

static bool tell_resent(FILE *out, const struct tcp_group *g)
{
	char owner[TEXT_PROCESS], n[32], peer[64];

	if (!g->syn_retransmits || g->key.passive)
		return false;
	fprintf(out, "%s: SYNs to %s were sent again %s times.\n", tcp_owner_text(owner, g),
		tcp_peer_text(peer, &g->key), text_grouped(n, g->syn_retransmits));
	return true;
}

static bool tell_accept(FILE *out, const struct tcp_group *g)
{
	const struct tcp_times *t = g->times[TIME_ACCEPT];
	char owner[TEXT_PROCESS], server[128], n[32], text[3][16];

	if (!t || t->max < 10 * MS)
		return false;
	fprintf(out, "%s: %s connections to %s waited for accept(): half at most %s, 99 %% at most %s, "
		     "the longest %s.\n",
		tcp_owner_text(owner, g), text_grouped(n, t->n), server_text(server, g), tcp_quantile_text(text[0], t, 0.5),
		tcp_quantile_text(text[1], t, 0.99), tcp_longest_text(text[2], t));
	return true;
}

/* What comes while a thread works waits until it asks again. */
static bool tell_busy(FILE *out, const struct tcp_group *g)
{
	const struct reach *r = &g->read_reach;
	char owner[TEXT_PROCESS], n[2][32], text[2][16];

	if (r->awake <= r->slept || r->awake_sum_ns < MS * r->awake)
		return false;
	fprintf(out, "%s: %s of %s reads found the thread at work when the data came: it waited %s on "
		     "average, %s at most.\n",
		tcp_owner_text(owner, g), text_grouped(n[0], r->awake), text_grouped(n[1], g->reads),
		text_duration(text[0], r->awake_sum_ns / r->awake),
		text_duration(text[1], r->awake_max_ns));
	return true;
}

static void tell_plain(FILE *out, const struct tcp_report *r)
{
	const struct tcp_group *g = r->figures.groups_nr ? r->figures.groups[0] : NULL;
	char owner[TEXT_PROCESS], n[32], peer[64], server[128], text[16];

	if (!g) {
		fputs("No connection was seen.\n", out);
		return;
	}
	tcp_owner_text(owner, g);
	text_grouped(n, g->connections);
	if (g->key.passive)
		fprintf(out, "%s: %s connections to %s", owner, n, server_text(server, g));
	else
		fprintf(out, "%s: %s connections to %s", owner, n, tcp_peer_text(peer, &g->key));
	/* Of those that were there before, none of it is known. */
	if (g->key.passive && g->times[TIME_ACCEPT])
		fprintf(out, "; half were accepted within %s",
			tcp_quantile_text(text, g->times[TIME_ACCEPT], 0.5));
	else if (!g->key.passive && g->times[TIME_HANDSHAKE])
		fprintf(out, "; half had shaken hands within %s",
			tcp_quantile_text(text, g->times[TIME_HANDSHAKE], 0.5));
	fputs(".\n", out);
}

void report_tcp_findings(FILE *out, const struct tcp_report *r, const struct text_options *o)
{
	static bool (*const tells[])(FILE *, const struct tcp_group *) = {
		tell_failed, tell_timed_out, tell_unmade, tell_unclosed, tell_accept, tell_busy,
		tell_resent,
	};
	int told;

	if (o->color)
		fputs(BOLD, out);
	told = tell_datagrams(out, r);
	told += tell_drops(out, r);
	for (size_t i = 0; i < sizeof(tells) / sizeof(tells[0]); i++) {
		/* What is only counted may have been made. */
		if (tells[i] == tell_unmade && r->sample > 1)
			continue;
		for (int j = 0; j < r->figures.groups_nr && told < FINDINGS_MAX; j++)
			told += tells[i](out, r->figures.groups[j]);
	}
	if (!told)
		tell_plain(out, r);
	if (o->color)
		fputs(PLAIN, out);
	fputc('\n', out);
}
