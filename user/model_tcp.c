// SPDX-License-Identifier: GPL-2.0-or-later
#include "model_tcp.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "hash.h"

/* A client of thousands of peers would need a histogram for each. */
#define GROUPS_MAX 4096

/*
 * What is told of living connections and minisocks is void at the next snapshot, so their
 * rows are kept as they are, and added to copies of the groups when figures are asked for.
 */
struct group {
	UT_hash_handle hh;
	struct tcp_key key;
	struct tcp_group all;		/* of what has ended */
	struct tcp_group now;		/* and with what lives */
	bool copied;
};

struct living {
	UT_hash_handle hh;
	uint64_t cookie;
	struct tcp_row row;
};

struct listener {
	UT_hash_handle hh;
	uint64_t cookie;
	uint64_t first_drops;
	bool here;			/* in the last snapshot */
	struct tcp_listener l;
};

struct listening {
	UT_hash_handle hh;
	struct listen_key key;
	struct listen_row row;
	struct listen_row before;	/* what came there before the model began */
};

struct model_tcp {
	uint64_t begin_ns;
	uint64_t end_ns;		/* or UINT64_MAX, as long as it is not known */
	bool owned;
	bool networks;
	bool out_of_memory;
	bool begun;			/* a snapshot was begun */
	bool listeners_seen;		/* ... and has told what was dropped before */
	struct group *groups;
	struct group *last[2];		/* that a row was of, by &tcp_key.passive */
	struct living *living;
	struct tcp_row *late;		/* that ended at @end_ns or later: the next one's */
	size_t late_nr, late_max;
	struct listener *listeners;
	struct listening *listening;
	struct model_udp *udp;
	struct tcp_minisocks minisocks;
	uint64_t waiting;
	uint64_t unowned;
	uint64_t overflow;
	struct tcp_row exemplar;
	/* of the last figures */
	const struct tcp_group **told;
	struct tcp_listener *told_listeners;
};

/* --- times --------------------------------------------------------------------------- */

static void times_add(struct tcp_times *t, uint64_t ns)
{
	t->n++;
	t->sum += ns;
	if (ns > t->max)
		t->max = ns;
	histogram_add(&t->histogram, ns);
}

/* Adds what lies between two moments, if both are known. */
static void time_add(struct model_tcp *m, struct tcp_group *g, enum tcp_time which,
		     uint64_t from_ns, uint64_t to_ns)
{
	if (!from_ns || to_ns < from_ns)
		return;
	if (!g->times[which])
		g->times[which] = calloc(1, sizeof(*g->times[which]));
	if (g->times[which])
		times_add(g->times[which], to_ns - from_ns);
	else
		m->out_of_memory = true;
}

static void times_free(struct tcp_group *g)
{
	for (int i = 0; i < TIME_NR; i++) {
		free(g->times[i]);
		g->times[i] = NULL;
	}
}

/* --- groups ---------------------------------------------------------------------------- */

static void network(struct tcp_key *key, const struct tcp_row *row)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	bool v4 = row->family == AF_INET || !memcmp(row->remote, mapped, sizeof(mapped));

	key->family = v4 ? AF_INET : AF_INET6;
	if (v4)
		memcpy(key->peer, row->family == AF_INET ? row->remote : row->remote + 12, 3);
	else
		memcpy(key->peer, row->remote, 8);
}

/*
 * Who began a connection that was there before is not known; if its port is listened on,
 * it is taken for the peer.
 */
static bool is_passive(const struct model_tcp *m, const struct tcp_row *row)
{
	if (!(row->flags & TCP_SEEDED))
		return row->flags & TCP_PASSIVE;
	for (const struct listener *l = m->listeners; l; l = l->hh.next)
		if (l->l.record.key.local_port == row->local_port &&
		    l->l.record.key.netns_cookie == row->netns_cookie)
			return true;
	return false;
}

static struct tcp_key key_of(const struct model_tcp *m, const struct tcp_row *row)
{
	struct tcp_key key = { .netns_cookie = row->netns_cookie };

	if (is_passive(m, row)) {
		key.passive = 1;
		key.port = row->local_port;
		if (m->networks)
			network(&key, row);
		return key;
	}
	key.start_ns = row->start_ns;
	key.tgid = row->tgid;
	key.port = row->remote_port;
	key.family = row->family;
	memcpy(key.peer, row->remote, sizeof(key.peer));
	return key;
}

static struct group *group_get(struct model_tcp *m, const struct tcp_row *row)
{
	struct tcp_key key = key_of(m, row);
	struct group *g = m->last[key.passive];

	/* Mostly it is a server's next one, or a client's: a thousand instructions less. */
	if (g && !memcmp(&g->key, &key, sizeof(key)))
		return g;
	HASH_FIND(hh, m->groups, &key, sizeof(key), g);
	if (!g && HASH_COUNT(m->groups) >= GROUPS_MAX)
		return NULL;
	HASH_GET(m->groups, key, key, g, );
	if (!g)
		m->out_of_memory = true;
	m->last[key.passive] = g;
	return g;
}

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

enum tcp_failure tcp_failure(const struct tcp_row *row)
{
	switch (row->error) {
	case ECONNREFUSED:
	case ECONNRESET:
		return FAILURE_REFUSED;
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

/* Adds a sum of times, of which @most_ns is the longest. */
static void sum_add(uint64_t *sum, uint64_t *max, uint64_t ns, uint64_t most_ns)
{
	*sum += ns;
	if (most_ns > *max)
		*max = most_ns;
}

static void state_add(struct tcp_group *g, unsigned int state, uint64_t ns)
{
	if (state >= STATE_NR)
		return;
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

static bool is_inside(const struct model_tcp *m, uint64_t ns)
{
	return ns && ns >= m->begin_ns && ns < m->end_ns;
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

/* What a connection adds to a group as soon as it is there. */
static void begun_add(struct model_tcp *m, struct tcp_group *g, const struct tcp_row *row)
{
	bool passive = row->flags & TCP_PASSIVE;
	uint64_t accepted_ns = later(row->accepted_ns, row->established_ns);
	/* Whose it is, if that is asked, is not known before. */
	bool inside = is_inside(m, m->owned && passive ? accepted_ns : row->established_ns);

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
		if (row->state_ns[i])
			state_add(g, i, row->state_ns[i]);
	if (passive && is_inside(m, accepted_ns)) {
		g->accepted += row->flags & TCP_OWNED && !(row->flags & TCP_SEEDED);
		if (row->accepted_ns)
			time_add(m, g, TIME_ACCEPT, tcp_acceptable_ns(row), row->accepted_ns);
	}
	if (!inside)
		return;
	g->established++;
	g->cookies += !!(row->flags & TCP_COOKIE);
	g->fastopen += !!(row->flags & TCP_FASTOPEN);
	if (!passive) {
		time_add(m, g, TIME_HANDSHAKE, row->syn_ns, row->established_ns);
		return;
	}
	if (row->synack_ns)
		time_add(m, g, TIME_SYNACK, row->syn_ns, row->synack_ns);
	time_add(m, g, TIME_ACK, row->synack_ns, row->established_ns);
}

static void ended_add(struct model_tcp *m, struct tcp_group *g, const struct tcp_row *row)
{
	begun_add(m, g, row);
	g->ended++;
	g->closed[row->closer <= CLOSER_BOTH ? row->closer : CLOSER_NONE]++;
	g->resets_in += !!(row->flags & TCP_RESET_IN);
	g->resets_out += !!(row->flags & TCP_RESET_OUT);
	g->reset_reasons[row->reset_reason] += !!(row->flags & TCP_RESET_OUT);
	g->half_closed += !!(row->flags & TCP_HALF_CLOSED);
	g->left_behind += !!(row->flags & TCP_LEFT_BEHIND);
	g->retransmits += row->retransmits;
	g->bytes_in += row->bytes_in;
	g->bytes_out += row->bytes_out;
	if (row->flags & TCP_PASSIVE && !(row->flags & (TCP_OWNED | TCP_SEEDED)))
		g->unaccepted++;
	if (row->established_ns)
		time_add(m, g, TIME_LIFE, row->established_ns, row->ended_ns);
	else if (!(row->flags & TCP_PASSIVE) && !tcp_established(row))
		g->failed[tcp_failure(row)]++;
}

/* --- records ----------------------------------------------------------------------------- */

/* Takes @udp, which may be NULL for want of memory. */
static struct model_tcp *model_make(uint64_t begin_ns, bool owned, bool networks,
				    struct model_udp *udp)
{
	struct model_tcp *m = udp ? calloc(1, sizeof(*m)) : NULL;

	if (!m) {
		model_udp_free(udp);
		return NULL;
	}
	m->begin_ns = begin_ns;
	m->end_ns = UINT64_MAX;
	m->owned = owned;
	m->networks = networks;
	m->udp = udp;
	return m;
}

struct model_tcp *model_tcp_new(uint64_t begin_ns, bool owned, bool networks)
{
	return model_make(begin_ns, owned, networks, model_udp_new(owned));
}

void model_tcp_until(struct model_tcp *m, uint64_t end_ns)
{
	m->end_ns = end_ns;
}

struct model_tcp *model_tcp_next(const struct model_tcp *m)
{
	struct model_tcp *next = model_make(m->end_ns, m->owned, m->networks,
					    model_udp_next(m->udp));

	if (!next)
		return NULL;
	next->begun = m->begun;
	for (const struct listener *l = m->listeners; l; l = l->hh.next) {
		struct listener *copy;

		HASH_GET(next->listeners, cookie, l->cookie, copy, );
		if (!copy)
			goto err_free;
		copy->l = l->l;
		copy->first_drops = l->l.record.drops;
	}
	for (const struct listening *l = m->listening; l; l = l->hh.next) {
		struct listening *copy;

		HASH_GET(next->listening, key, l->key, copy, );
		if (!copy)
			goto err_free;
		copy->row = copy->before = l->row;
	}
	for (size_t i = 0; i < m->late_nr; i++)
		model_tcp_ended(&m->late[i], next);
	return next;

err_free:
	model_tcp_free(next);
	return NULL;
}

/* How long it took until the program had it. */
static uint64_t begin_ns(const struct tcp_row *row)
{
	uint64_t from = row->syn_ns ? row->syn_ns : row->synack_ns;
	uint64_t to = row->accepted_ns > row->established_ns ? row->accepted_ns : row->established_ns;

	return from && to > from ? to - from : 0;
}

static void exemplar_note(struct model_tcp *m, const struct tcp_row *row)
{
	/* One that has ended tells its close too. */
	if (row->established_ns >= m->begin_ns && begin_ns(row) > begin_ns(&m->exemplar))
		m->exemplar = *row;
}

/* It began after the end of the interval. */
static bool is_next(const struct model_tcp *m, const struct tcp_row *row)
{
	return (row->flags & TCP_PASSIVE ? row->established_ns : row->syn_ns) >= m->end_ns;
}

/* It ended after the end of the interval, in which it was still there. */
static bool late_add(struct model_tcp *m, const struct tcp_row *row)
{
	size_t max = m->late_max ? 2 * m->late_max : 64;
	struct tcp_row *late;

	if (m->late_nr == m->late_max) {
		late = reallocarray(m->late, max, sizeof(*late));
		if (!late)
			return false;
		m->late = late;
		m->late_max = max;
	}
	m->late[m->late_nr++] = *row;
	model_tcp_living(row, m);
	return true;
}

void model_tcp_ended(const struct tcp_row *row, void *model)
{
	struct model_tcp *m = model;
	struct living *l;
	struct group *g;

	if (row->ended_ns >= m->end_ns) {
		if (!late_add(m, row))
			m->out_of_memory = true;
		return;
	}
	/* The snapshot that is going on has told it already. */
	HASH_FIND(hh, m->living, &row->cookie, sizeof(row->cookie), l);
	if (l) {
		HASH_DEL(m->living, l);
		free(l);
	}
	if (m->owned && !(row->flags & TCP_OWNED)) {
		m->unowned++;
		return;
	}
	m->minisocks.born += !!(row->flags & TCP_LEFT_BEHIND);
	exemplar_note(m, row);
	g = group_get(m, row);
	if (g)
		ended_add(m, &g->all, row);
	else
		m->overflow++;
}

void model_tcp_timewait(const struct timewait_row *row, void *model)
{
	struct model_tcp *m = model;

	if (row->expired)
		m->minisocks.expired++;
	else
		m->minisocks.cut++;
	if (row->time_wait_ns) {
		if (row->time_wait_ns > row->born_ns)
			times_add(&m->minisocks.fin_wait2, row->time_wait_ns - row->born_ns);
		times_add(&m->minisocks.time_wait, row->ended_ns - row->time_wait_ns);
	} else {
		/* The peer's FIN never came. */
		times_add(&m->minisocks.fin_wait2, row->ended_ns - row->born_ns);
	}
}

static void living_clear(struct model_tcp *m)
{
	struct living *l, *next;

	HASH_ITER(hh, m->living, l, next) {
		HASH_DEL(m->living, l);
		free(l);
	}
}

void model_tcp_begin(void *model)
{
	struct model_tcp *m = model;

	living_clear(m);
	m->waiting = 0;
	m->listeners_seen = m->begun;
	m->begun = true;
	for (struct listener *l = m->listeners; l; l = l->hh.next) {
		l->here = false;
		l->l.owners = 0;
	}
}

void model_tcp_living(const struct tcp_row *row, void *model)
{
	struct model_tcp *m = model;
	struct living *l;

	if (m->owned && !(row->flags & TCP_OWNED))
		return;
	HASH_GET(m->living, cookie, row->cookie, l, );
	if (l)
		l->row = *row;
	else
		m->out_of_memory = true;
}

void model_tcp_waiting(const struct timewait_row *row, void *model)
{
	struct model_tcp *m = model;

	(void)row;
	m->waiting++;
}

void model_tcp_listening(const struct listen_row *row, void *model)
{
	struct model_tcp *m = model;
	struct listening *l;

	HASH_GET(m->listening, key, row->key, l, );
	if (l)
		l->row = *row;
	else
		m->out_of_memory = true;
}

void model_tcp_listener(const struct listener_record *listener, void *model)
{
	struct model_tcp *m = model;
	struct listener *l;

	HASH_GET(m->listeners, cookie, listener->cookie, l,
		 /* One that comes later has dropped nothing before. */
		 l->first_drops = m->listeners_seen ? 0 : listener->drops);
	if (!l) {
		m->out_of_memory = true;
		return;
	}
	/* Of several processes that have it, the first that is told names it. */
	if (!l->here)
		l->l.record = *listener;
	l->l.record.comm[sizeof(l->l.record.comm) - 1] = 0;
	l->l.drops = listener->drops - l->first_drops;
	l->l.owners++;
	l->here = true;
}

void model_tcp_udp_ended(const struct udp_row *row, void *model)
{
	struct model_tcp *m = model;

	model_udp_ended(m->udp, row);
}

void model_tcp_udp_living(const struct udp_row *row, void *model)
{
	struct model_tcp *m = model;

	model_udp_living(m->udp, row);
}

void model_tcp_udp_port(const struct udp_port_row *row, void *model)
{
	struct model_tcp *m = model;

	model_udp_port(m->udp, row);
}

/* --- figures -------------------------------------------------------------------------------- */

static int more_connections(const void *a, const void *b)
{
	const struct tcp_group *x = *(const struct tcp_group *const *)a;
	const struct tcp_group *y = *(const struct tcp_group *const *)b;

	if (x->key.passive != y->key.passive)
		return x->key.passive ? -1 : 1;
	if (x->connections != y->connections)
		return x->connections > y->connections ? -1 : 1;
	return x->key.port - y->key.port;
}

static int by_port(const void *a, const void *b)
{
	const struct tcp_listener *x = a, *y = b;

	return x->record.key.local_port - y->record.key.local_port;
}

static bool group_copy(struct group *g)
{
	struct tcp_times *times[TIME_NR];

	times_free(&g->now);
	g->now = g->all;
	memcpy(times, g->all.times, sizeof(times));
	/* None of them is in two groups, also if there is no memory for the next. */
	memset(g->now.times, 0, sizeof(g->now.times));
	for (int i = 0; i < TIME_NR; i++) {
		if (!times[i])
			continue;
		g->now.times[i] = malloc(sizeof(*times[i]));
		if (!g->now.times[i])
			return false;
		*g->now.times[i] = *times[i];
	}
	g->now.key = g->key;
	g->copied = true;
	return true;
}

/* Who listens on a port. */
static const struct listener_record *listener_on(const struct model_tcp *m,
						 const struct listen_key *key)
{
	for (const struct listener *l = m->listeners; l; l = l->hh.next) {
		const struct listener_record *record = &l->l.record;

		if (l->here && record->key.local_port == key->local_port &&
		    record->key.netns_cookie == key->netns_cookie)
			return record;
	}
	return NULL;
}

/* A port to which SYNs came, and of which no connection. */
static struct group *group_bare(struct model_tcp *m, const struct tcp_row *like,
				const struct listener_record *record)
{
	struct group *g = record ? group_get(m, like) : NULL;

	if (!g)
		return NULL;
	if (!g->copied && !group_copy(g)) {
		m->out_of_memory = true;
		return NULL;
	}
	g->now.netns = record->netns;
	g->now.tgid = record->tgid;
	g->now.start_ns = record->start_ns;
	memcpy(g->now.comm, record->comm, sizeof(g->now.comm) - 1);
	return g;
}

/* SYNs come to an address, connections to a port: those of all its addresses. */
static void listening_add(struct model_tcp *m)
{
	for (struct listening *l = m->listening; l && !m->networks; l = l->hh.next) {
		struct tcp_row like = { .flags = TCP_PASSIVE, .local_port = l->key.local_port,
					.netns_cookie = l->key.netns_cookie };
		struct tcp_key key = key_of(m, &like);
		uint64_t syns = l->row.syns - l->before.syns;
		uint64_t resent = l->row.synack_retransmits - l->before.synack_retransmits;
		struct group *g;

		HASH_FIND(hh, m->groups, &key, sizeof(key), g);
		if ((!g || !g->now.connections) && (syns || resent))
			g = group_bare(m, &like, listener_on(m, &l->key));
		if (!g)
			continue;
		g->now.syns += syns;
		g->now.kept += l->row.kept - l->before.kept;
		g->now.synack_retransmits += resent;
	}
}

/* @overflow: counts those in groups that were given up. */
static bool living_add(struct model_tcp *m, uint64_t end_ns, uint64_t *overflow)
{
	for (struct living *l = m->living; l; l = l->hh.next) {
		unsigned int state = l->row.state;
		struct group *g;

		if (is_next(m, &l->row))
			continue;
		g = group_get(m, &l->row);
		if (!g) {
			++*overflow;
			continue;
		}
		/* New since the copies were made. */
		if (!g->copied && !group_copy(g))
			return false;
		begun_add(m, &g->now, &l->row);
		shut_add(&g->now, &l->row, end_ns);
		exemplar_note(m, &l->row);
		if (state < STATE_NR && l->row.since_ns && end_ns > l->row.since_ns) {
			uint64_t ns = end_ns - l->row.since_ns;

			state_add(&g->now, state, ns);
			g->now.living[state]++;
			if (ns > g->now.longest_ns[state])
				g->now.longest_ns[state] = ns;
		}
	}
	return true;
}

int model_tcp_figures(struct model_tcp *m, uint64_t end_ns, struct tcp_figures *figures,
		      struct err *err)
{
	uint64_t overflow = m->overflow;
	struct listener *l;
	struct group *g;
	int n = 0;

	for (g = m->groups; g; g = g->hh.next)
		if (!group_copy(g))
			m->out_of_memory = true;
	if (!living_add(m, end_ns, &overflow))
		m->out_of_memory = true;
	listening_add(m);
	free(m->told);
	free(m->told_listeners);
	m->told = calloc(HASH_COUNT(m->groups) + 1, sizeof(*m->told));
	m->told_listeners = calloc(HASH_COUNT(m->listeners) + 1, sizeof(*m->told_listeners));
	if (!m->told || !m->told_listeners || m->out_of_memory)
		return err_set(err, -ENOMEM, "out of memory");
	*figures = (struct tcp_figures){
		.groups = m->told,
		.listeners = m->told_listeners,
		.minisocks = m->minisocks,
		.unowned = m->unowned,
		.overflow = overflow,
		.exemplar = m->exemplar,
	};
	figures->minisocks.now = m->waiting;
	figures->udp_nr = model_udp_figures(m->udp, &figures->udp);
	if (figures->udp_nr < 0)
		return err_set(err, -ENOMEM, "out of memory");
	for (g = m->groups; g; g = g->hh.next)
		if (g->now.connections || g->now.syns || g->now.synack_retransmits)
			m->told[figures->groups_nr++] = &g->now;
	for (l = m->listeners; l; l = l->hh.next)
		if (l->here)
			m->told_listeners[n++] = l->l;
	figures->listeners_nr = n;
	qsort(m->told, figures->groups_nr, sizeof(*m->told), more_connections);
	qsort(m->told_listeners, n, sizeof(*m->told_listeners), by_port);
	return 0;
}

void model_tcp_free(struct model_tcp *m)
{
	struct group *g, *next_group;
	struct listener *l, *next_listener;
	struct listening *k, *next_listening;

	if (!m)
		return;
	living_clear(m);
	model_udp_free(m->udp);
	HASH_ITER(hh, m->groups, g, next_group) {
		HASH_DEL(m->groups, g);
		times_free(&g->all);
		times_free(&g->now);
		free(g);
	}
	HASH_ITER(hh, m->listeners, l, next_listener) {
		HASH_DEL(m->listeners, l);
		free(l);
	}
	HASH_ITER(hh, m->listening, k, next_listening) {
		HASH_DEL(m->listening, k);
		free(k);
	}
	free(m->late);
	free(m->told);
	free(m->told_listeners);
	free(m);
}

/* --- names -------------------------------------------------------------------------------------- */

const char *tcp_failure_name(enum tcp_failure failure)
{
	static const char *const names[] = {
		[FAILURE_REFUSED] = "refused", [FAILURE_TIMEOUT] = "timed_out",
		[FAILURE_UNREACHABLE] = "unreachable", [FAILURE_GIVEN_UP] = "given_up",
		[FAILURE_OTHER] = "other",
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
