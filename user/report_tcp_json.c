// SPDX-License-Identifier: GPL-2.0-or-later
#include "report_tcp.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>

static void put(json_t *o, const char *key, uint64_t n)
{
	json_object_set_new(o, key, json_integer(n));
}

static void put_if(json_t *o, const char *key, bool had, uint64_t n)
{
	json_object_set_new(o, key, had ? json_integer(n) : json_null());
}

/* Those that something is in: from, to, count. The last one has no end. */
static json_t *buckets_json(const struct histogram *h)
{
	json_t *all = json_array();

	for (unsigned int i = 0; h && i < HISTOGRAM_BUCKETS; i++) {
		json_t *bucket;

		if (!h->buckets[i])
			continue;
		bucket = json_array();
		json_array_append_new(bucket, json_integer(histogram_low(i)));
		json_array_append_new(bucket, i < HISTOGRAM_BUCKETS - 1 ?
						      json_integer(histogram_low(i + 1)) : json_null());
		json_array_append_new(bucket, json_integer(h->buckets[i]));
		json_array_append_new(all, bucket);
	}
	return all;
}

/* Without any, only the count and the sum are numbers. */
static json_t *times_json(const struct tcp_times *t, bool histograms)
{
	static const struct {
		const char *name;
		double share;
	} quantiles[] = { { "p50", 0.5 }, { "p90", 0.9 }, { "p99", 0.99 }, { "p999", 0.999 } };
	json_t *o = json_object();

	put(o, "count", t ? t->n : 0);
	for (size_t i = 0; i < sizeof(quantiles) / sizeof(quantiles[0]); i++)
		put_if(o, quantiles[i].name, t && t->n,
		       t ? histogram_quantile(&t->histogram, quantiles[i].share, t->max) : 0);
	put_if(o, "max", t && t->n, t ? t->max : 0);
	put(o, "sum", t ? t->sum : 0);
	if (histograms)
		json_object_set_new(o, "buckets", buckets_json(t ? &t->histogram : NULL));
	return o;
}

static json_t *states_json(const struct tcp_group *g)
{
	json_t *o = json_object();

	for (unsigned int i = 0; i < STATE_NR; i++)
		if (g->state_n[i])
			json_object_set_new(o, tcp_state_name(i),
					    json_pack("{sI sI sI sI}", "count", (json_int_t)g->state_n[i],
						      "sum_ns", (json_int_t)g->state_sum_ns[i], "max_ns",
						      (json_int_t)g->state_max_ns[i], "now",
						      (json_int_t)g->living[i]));
	return o;
}

static void put_address(json_t *o, const char *key, uint16_t family, const uint8_t *address,
			uint16_t port)
{
	char text[64];

	json_object_set_new(o, key, json_string(text_address(text, family, address, port)));
}

static void put_owner(json_t *o, bool owned, uint32_t tgid, uint64_t start_ns, const char *comm)
{
	char name[4 * 16 + 1];

	put_if(o, "pid", owned, tgid);
	put_if(o, "start_time_ns", owned, start_ns);
	json_object_set_new(o, "comm", owned ? json_string(text_clean(name, comm)) : json_null());
}

/* Times of which there is no histogram. */
static json_t *waits_json(uint64_t n, uint64_t sum, uint64_t max)
{
	json_t *o = json_object();

	put(o, "count", n);
	put(o, "sum", sum);
	put_if(o, "max", n, max);
	return o;
}

/* How what came reached the program; a part that is not seen is null. */
static json_t *reach_json(const struct reach *r, bool seen, const struct tcp_plan *plan)
{
	static const char *const names[] = {
#define X(name, words) #name "_ns",
		REACH_PARTS(X)
#undef X
	};
	json_t *o;

	if (!plan->waits || !seen)
		return json_null();
	o = json_object();
	put(o, "slept", r->slept);
	for (int i = 0; i < REACH_NR; i++)
		json_object_set_new(o, names[i], i == REACH_ready && !plan->sees_ready ?
						 json_null() :
						 waits_json(r->slept, r->sum_ns[i], r->max_ns[i]));
	json_object_set_new(o, "awake_ns", waits_json(r->awake, r->awake_sum_ns, r->awake_max_ns));
	return o;
}

static json_t *reasons_json(const struct tcp_group *g, const struct tcp_plan *plan)
{
	json_t *o = json_object();

	for (unsigned int i = 1; i < RESET_REASONS_MAX; i++)
		if (g->reset_reasons[i] && plan->reset_reasons[i])
			put(o, plan->reset_reasons[i], g->reset_reasons[i]);
	return o;
}

static json_t *group_json(const struct tcp_group *g, const struct tcp_plan *plan, bool histograms)
{
	json_t *o = json_object(), *failed = json_object(), *closed = json_object();
	/* SYNs come to a port, whatever network they are from. */
	bool listening = plan->listening && !g->key.family;

	json_object_set_new(o, "direction", json_string(g->key.passive ? "passive" : "active"));
	put_owner(o, g->tgid, g->tgid, g->start_ns, g->comm);
	put(o, "netns", g->netns);
	put(o, "port", g->key.port);
	if (g->key.family)
		put_address(o, "peer", g->key.family, g->key.peer, g->key.passive ? 0 : g->key.port);
	else
		json_object_set_new(o, "peer", json_null());
	put(o, "connections", g->connections);
	put(o, "seeded", g->seeded);
	put(o, "established", g->established);
	put(o, "syn_retransmits", g->syn_retransmits);
	put(o, "fastopen", g->fastopen);
	put(o, "multipath", g->multipath);
	if (g->key.passive) {
		put_if(o, "syns", plan->handshakes && listening, g->syns);
		put_if(o, "syns_kept", plan->handshakes && listening, g->kept);
		put_if(o, "syns_queue_full", plan->handshakes && listening, g->full);
		put_if(o, "synack_retransmits", listening, g->synack_retransmits);
		put_if(o, "cookies", plan->handshakes, g->cookies);
		put(o, "accepted", g->accepted);
		put(o, "unaccepted", g->unaccepted);
		json_object_set_new(o, "syn_to_synack_ns", plan->handshakes ?
				    times_json(g->times[TIME_SYNACK], histograms) : json_null());
		json_object_set_new(o, "synack_to_ack_ns",
				    times_json(g->times[TIME_ACK], histograms));
		json_object_set_new(o, "synack_to_ack_kind",
				    json_string(plan->handshakes ? "exact" : "derived"));
		json_object_set_new(o, "ack_to_accept_ns",
				    times_json(g->times[TIME_ACCEPT], histograms));
	} else {
		for (int i = 0; i < FAILURE_NR; i++)
			put(failed, tcp_failure_name(i), g->failed[i]);
		json_object_set_new(o, "handshake_ns",
				    times_json(g->times[TIME_HANDSHAKE], histograms));
		json_object_set(o, "failed", failed);
	}
	json_decref(failed);
	put(o, "ended", g->ended);
	for (int i = 0; i <= CLOSER_BOTH; i++)
		put(closed, tcp_closer_name(i), g->closed[i]);
	json_object_set_new(o, "closed_first", closed);
	put(o, "resets_in", g->resets_in);
	put(o, "resets_out", g->resets_out);
	put(o, "timed_out", g->timed_out);
	json_object_set_new(o, "reset_reasons", reasons_json(g, plan));
	put(o, "half_closed", g->half_closed);
	put(o, "retransmits", g->retransmits);
	put(o, "bytes_in", g->bytes_in);
	put(o, "bytes_out", g->bytes_out);
	json_object_set_new(o, "arrived_to_read_ns",
			    plan->arrival ? waits_json(g->reads, g->read_sum_ns, g->read_max_ns) :
					    json_null());
	json_object_set_new(o, "behind_missing_ns",
			    plan->data ? waits_json(g->holes, g->hole_sum_ns, g->hole_max_ns) :
					 json_null());
	json_object_set_new(o, "read_reach", reach_json(&g->read_reach, plan->arrival, plan));
	json_object_set_new(o, "accept_reach",
			    reach_json(&g->accept_reach, g->key.passive, plan));
	json_object_set_new(o, "own_zero_window_ns", plan->data ?
			    waits_json(g->own_zeros, g->own_zero_sum_ns, g->own_zero_max_ns) :
			    json_null());
	json_object_set_new(o, "peer_zero_window_ns", plan->data ?
			    waits_json(g->peer_zeros, g->peer_zero_sum_ns, g->peer_zero_max_ns) :
			    json_null());
	json_object_set_new(o, "life_ns", times_json(g->times[TIME_LIFE], histograms));
	json_object_set_new(o, "states", states_json(g));
	return o;
}

static json_t *listener_json(const struct tcp_listener *l)
{
	json_t *o = json_object();

	put_address(o, "local", l->record.key.family, l->record.key.local, l->record.key.local_port);
	put(o, "port", l->record.key.local_port);
	put(o, "netns", l->record.netns);
	put_owner(o, true, l->record.tgid, l->record.start_ns, l->record.comm);
	put(o, "owners", l->owners);
	put(o, "queue", l->record.queue);
	put(o, "queue_max", l->record.queue_max);
	put(o, "drops", l->drops);
	return o;
}

static json_t *datagrams_json(const struct udp_group *g, const struct tcp_plan *plan)
{
	json_t *o = json_object(), *wrong = json_object();

	put_if(o, "port", g->key.port, g->key.port);
	put_if(o, "netns", g->netns, g->netns);
	put_owner(o, g->key.tgid, g->key.tgid, g->key.start_ns, g->comm);
	put(o, "sockets", g->sockets);
	put_if(o, "ended", plan->udp_ends, g->ended);
	put_if(o, "received", plan->udp_read, g->received);
	put_if(o, "bytes", plan->udp_read, g->bytes);
	put(o, "dropped", g->dropped);
	put_if(o, "buffer_full", !g->vague, g->full);
	put_if(o, "out_of_memory", !g->vague, g->memory);
	put_if(wrong, "coming", plan->udp_spoilt, g->spoilt_coming);
	put_if(wrong, "reading", !g->vague, g->spoilt_reading);
	json_object_set_new(wrong, "reading_kind", json_string("derived"));
	json_object_set_new(o, "checksum_errors", wrong);
	put_if(o, "refused", !g->vague && (plan->udp_refused || g->filtered), g->refused);
	return o;
}

static json_t *minisocks_json(const struct tcp_report *r)
{
	const struct tcp_minisocks *m = &r->figures.minisocks;
	json_t *o = json_object();

	put(o, "born", m->born);
	put(o, "expired", m->expired);
	put(o, "reused", m->reused);
	put(o, "cut_short", m->cut);
	put(o, "now", m->now);
	json_object_set_new(o, "fin_wait2_ns", times_json(&m->fin_wait2, r->histograms));
	json_object_set_new(o, "time_wait_ns", times_json(&m->time_wait, r->histograms));
	return o;
}

static int print(FILE *out, json_t *o)
{
	int ret = json_dumpf(o, out, JSON_COMPACT);

	fputc('\n', out);
	json_decref(o);
	return ret && !ferror(out) ? -ENOMEM : 0;
}

static json_t *sample_json(const struct tcp_report *r)
{
	json_t *o, *passed;

	if (r->sample <= 1)
		return json_null();
	o = json_object();
	passed = json_object();
	put(o, "one_in", r->sample);
	put(passed, "active", r->passed_over.active);
	put_if(passed, "passive", !r->passive_owned, r->passed_over.passive);
	json_object_set_new(o, "passed_over", passed);
	return o;
}

int report_tcp_json(FILE *out, const struct tcp_report *r)
{
	json_t *o = json_object(), *groups = json_array(), *listeners = json_array();
	json_t *datagrams = r->plan->udp ? json_array() : json_null();
	json_t *losses = json_object(), *counters = json_object(), *window = json_object();

	json_object_set_new(o, "version", json_string(IOREADY_VERSION));
	json_object_set_new(o, "host", json_string(r->host));
	json_object_set_new(o, "kernel", json_string(r->release));
	json_object_set_new(o, "tier", json_string(tier_name(r->plan->tier)));
	put(window, "start_unix_ns", r->start_unix_ns);
	json_object_set_new(window, "seconds", json_real(r->seconds));
	json_object_set_new(window, "interval", json_boolean(r->interval));
	json_object_set_new(o, "window", window);
	json_object_set_new(o, "sample", sample_json(r));
	for (int i = 0; i < TCP_LOSS_NR; i++)
		put(losses, tcp_loss_name(i), r->losses.count[i]);
	put(losses, "nested", r->losses.nested);
	put(losses, "not_followed", r->losses.not_followed);
	json_object_set_new(o, "losses", losses);
	put(o, "unowned", r->figures.unowned);
	put(o, "overflow", r->figures.overflow);
	for (int i = 0; i < r->figures.groups_nr; i++)
		json_array_append_new(groups, group_json(r->figures.groups[i], r->plan, r->histograms));
	json_object_set_new(o, "connections", groups);
	for (int i = 0; i < r->figures.listeners_nr; i++)
		json_array_append_new(listeners, listener_json(&r->figures.listeners[i]));
	json_object_set_new(o, "listeners", listeners);
	for (int i = 0; i < r->figures.udp_nr; i++)
		json_array_append_new(datagrams, datagrams_json(r->figures.udp[i], r->plan));
	json_object_set_new(o, "datagrams", datagrams);
	json_object_set_new(o, "minisocks", r->plan->minisocks ? minisocks_json(r) : json_null());
	for (int i = 0; r->counters_had && i < NETSTAT_NR; i++)
		put_if(counters, netstat_name(i), r->counters_had[i], r->counters[i]);
	json_object_set_new(o, "counters", counters);
	if (r->waits)
		json_object_set_new(o, "stat", report_object(r->waits));
	return print(out, o);
}

/* --- a line a connection ------------------------------------------------------------------ */

static void put_between(json_t *o, const char *key, uint64_t from, uint64_t to)
{
	put_if(o, key, from && to >= from, to - from);
}

int report_tcp_line_json(FILE *out, const struct tcp_row *row, const struct tcp_plan *plan,
			 uint64_t unix_offset_ns)
{
	json_t *o = json_object(), *states = json_object(), *resent = json_array();
	bool is_passive = row->flags & TCP_PASSIVE;
	uint32_t kept = row->syn_retransmits < SYN_RETRANSMITS_MAX ? row->syn_retransmits :
								     SYN_RETRANSMITS_MAX;

	put(o, "time_unix_ns", row->ended_ns + unix_offset_ns);
	put(o, "cookie", row->cookie);
	put(o, "netns", row->netns);
	put_owner(o, row->flags & TCP_OWNED, row->tgid, row->start_ns, row->comm);
	put_if(o, "tid", row->flags & TCP_OWNED, row->tid);
	json_object_set_new(o, "direction", row->flags & TCP_SEEDED ? json_null() :
					    json_string(is_passive ? "passive" : "active"));
	put_address(o, "local", row->family, row->local, row->local_port);
	put_address(o, "remote", row->family, row->remote, row->remote_port);
	json_object_set_new(o, "established", json_boolean(tcp_established(row)));
	json_object_set_new(o, "failure", tcp_established(row) ?
						  json_null() :
						  json_string(tcp_failure_name(tcp_failure(row))));
	if (is_passive) {
		put_between(o, "syn_to_synack_ns", row->syn_ns, row->synack_ns);
		put_between(o, "synack_to_ack_ns", row->synack_ns, row->established_ns);
		json_object_set_new(o, "synack_to_ack_kind",
				    json_string(plan->handshakes ? "exact" : "derived"));
		put_between(o, "ack_to_accept_ns", tcp_acceptable_ns(row), row->accepted_ns);
	} else {
		put_between(o, "handshake_ns", row->syn_ns, row->established_ns);
		for (uint32_t i = 0; i < kept; i++)
			json_array_append_new(resent, json_integer(row->syn_retransmit_ns[i] - row->syn_ns));
		/* Of one that was connecting at the begin of the window it is not known since when. */
		json_object_set_new(o, "syn_retransmits_ns",
				    row->syn_ns ? json_incref(resent) : json_null());
	}
	json_decref(resent);
	put(o, "syn_retransmits", row->syn_retransmits);
	put_between(o, "life_ns", row->established_ns, row->ended_ns);
	json_object_set_new(o, "closed_first", json_string(tcp_closer_name(row->closer)));
	json_object_set_new(o, "timed_out", json_boolean(tcp_timed_out(row)));
	json_object_set_new(o, "reset_in", json_boolean(row->flags & TCP_RESET_IN));
	json_object_set_new(o, "reset_out", json_boolean(row->flags & TCP_RESET_OUT));
	json_object_set_new(o, "reset_reason", reset_reason(row, plan) ?
						       json_string(reset_reason(row, plan)) :
						       json_null());
	json_object_set_new(o, "half_closed", json_boolean(row->flags & TCP_HALF_CLOSED));
	json_object_set_new(o, "orphaned", json_boolean(row->flags & TCP_ORPHANED));
	json_object_set_new(o, "cookie_syn", plan->handshakes ?
						     json_boolean(row->flags & TCP_COOKIE) : json_null());
	json_object_set_new(o, "fastopen", json_boolean(row->flags & TCP_FASTOPEN));
	json_object_set_new(o, "multipath", json_boolean(row->flags & TCP_MULTIPATH));
	put(o, "bytes_in", row->bytes_in);
	put(o, "bytes_out", row->bytes_out);
	put(o, "retransmits", row->retransmits);
	put_if(o, "srtt_us", row->srtt_us, row->srtt_us);
	json_object_set_new(o, "arrived_to_read_ns",
			    plan->arrival ? waits_json(row->reads, row->read_sum_ns, row->read_max_ns) :
					    json_null());
	json_object_set_new(o, "behind_missing_ns",
			    plan->data ? waits_json(row->holes, row->hole_sum_ns, row->hole_max_ns) :
					 json_null());
	json_object_set_new(o, "read_reach", reach_json(&row->read_reach, plan->arrival, plan));
	json_object_set_new(o, "accept_reach",
			    reach_json(&row->accept_reach, is_passive, plan));
	json_object_set_new(o, "own_zero_window_ns", plan->data ?
			    waits_json(row->own_zeros, row->own_zero_sum_ns, row->own_zero_max_ns) :
			    json_null());
	json_object_set_new(o, "peer_zero_window_ns", plan->data ?
			    waits_json(row->peer_zeros, row->peer_zero_sum_ns, row->peer_zero_max_ns) :
			    json_null());
	for (unsigned int i = 0; i < STATE_NR; i++)
		if (row->state_ns[i])
			put_if(states, tcp_state_name(i), !tcp_stay_goes_on(row, i), row->state_ns[i]);
	json_object_set_new(o, "states_ns", states);
	return print(out, o);
}
