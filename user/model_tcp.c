// SPDX-License-Identifier: GPL-2.0-or-later
#include "model_tcp.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "hash.h"
#include "model_tcp_group.h"

/* A client of thousands of peers would need a histogram for each. */
#define GROUPS_MAX 4096

/* The least that goes by, as a rule, until a SYN-ACK or a SYN is sent again (RFC 6298). */
#define SYNACK_AGAIN_NS UINT64_C(1000000000)

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
	struct tcp_span span;
	bool networks;
	bool out_of_memory;
	bool begun;			/* a snapshot was begun */
	bool listeners_seen;		/* ... and has told what was dropped before */
	struct group *groups;
	struct group *last[2];		/* that a row was of, by &tcp_key.passive */
	struct living *living;
	struct tcp_row *late;		/* that ended at the end of @span or later: the next one's */
	size_t late_nr, late_max;
	struct listener *listeners;
	struct listening *listening;
	struct model_udp *udp;
	struct tcp_minisocks minisocks;
	uint64_t waiting;
	uint64_t unowned;
	uint64_t overflow;
	struct tcp_row exemplar;	/* of what has ended */
	uint64_t exemplar_rank;
	/* of the last figures */
	const struct tcp_group **told;
	struct tcp_listener *told_listeners;
};

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
	m->span.begin_ns = begin_ns;
	m->span.end_ns = UINT64_MAX;
	m->span.owned = owned;
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
	m->span.end_ns = end_ns;
}

struct model_tcp *model_tcp_next(const struct model_tcp *m)
{
	struct model_tcp *next = model_make(m->span.end_ns, m->span.owned, m->networks,
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

/*
 * How long it was on its way to the program: until that had it, or it came to nothing, or until
 * now. What was connecting before the window has been since that began, at least.
 */
static uint64_t begin_ns(const struct model_tcp *m, const struct tcp_row *row, uint64_t now_ns)
{
	uint64_t from = row->syn_ns ? row->syn_ns : row->synack_ns, more = 0;
	uint64_t to = row->accepted_ns > row->established_ns ? row->accepted_ns : row->established_ns;

	if (!from && row->flags & TCP_PASSIVE) {
		from = row->established_ns;
		/* The tracepoint tier does not see since when, if the SYN-ACK went again. */
		more = row->syn_retransmits ? SYNACK_AGAIN_NS : 0;
	}
	if (!from)
		from = m->span.begin_ns;
	if (!to)
		to = row->ended_ns ? row->ended_ns : now_ns;
	return to > from ? to - from + more : more;
}

/* How much of its beginning there is to be seen: all; that it failed, or goes on; only an end. */
static int begin_kind(const struct model_tcp *m, const struct tcp_row *row)
{
	if (row->established_ns >= m->span.begin_ns)
		return 3;
	if (!tcp_established(row))
		return 2;
	return row->ended_ns ? 1 : 0;
}

/* @rank: the exemplar's; 0: there is none. */
static void exemplar_note(const struct model_tcp *m, struct tcp_row *exemplar, uint64_t *rank,
			  const struct tcp_row *row, uint64_t now_ns)
{
	/* By kind, and in it by how long: no machine is up for 2^62 ns. */
	uint64_t own = ((uint64_t)begin_kind(m, row) << 62 | begin_ns(m, row, now_ns)) + 1;

	if (own <= *rank)
		return;
	*rank = own;
	*exemplar = *row;
}

/* It began after the end of the interval. */
static bool is_next(const struct model_tcp *m, const struct tcp_row *row)
{
	return (row->flags & TCP_PASSIVE ? row->established_ns : row->syn_ns) >= m->span.end_ns;
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

	if (row->ended_ns >= m->span.end_ns) {
		if (!late_add(m, row))
			m->out_of_memory = true;
		return;
	}
	/*
	 * The snapshot that is going on has told it already; or the next one of its socket, which
	 * has connected anew.
	 */
	HASH_FIND(hh, m->living, &row->cookie, sizeof(row->cookie), l);
	if (l && (!l->row.syn_ns || !row->syn_ns || l->row.syn_ns == row->syn_ns)) {
		HASH_DEL(m->living, l);
		free(l);
	}
	if (m->span.owned && !(row->flags & TCP_OWNED)) {
		m->unowned++;
		return;
	}
	m->minisocks.born += !!(row->flags & TCP_LEFT_BEHIND);
	exemplar_note(m, &m->exemplar, &m->exemplar_rank, row, row->ended_ns);
	g = group_get(m, row);
	if (!g)
		m->overflow++;
	else if (!tcp_group_ended(&g->all, &m->span, row))
		m->out_of_memory = true;
}

/* That the FIN comes and that it ends may be seen by two CPUs, not quite in their order. */
static void stay_add(struct tcp_times *times, uint64_t from_ns, uint64_t to_ns)
{
	tcp_times_add(times, to_ns > from_ns ? to_ns - from_ns : 0);
}

void model_tcp_timewait(const struct timewait_row *row, void *model)
{
	struct model_tcp *m = model;
	/* 0: the peer's FIN never came. */
	uint64_t fin_ns = row->time_wait_ns;

	if (m->span.owned && !row->owned)
		return;
	switch (row->end) {
	case TIMEWAIT_EXPIRED:
		m->minisocks.expired++;
		break;
	case TIMEWAIT_REUSED:
		m->minisocks.reused++;
		break;
	case TIMEWAIT_TAKEN_OVER:
		m->minisocks.reused++;
		/* Told so by the record before this, which an interval may have ended after. */
		m->minisocks.cut -= !!m->minisocks.cut;
		return;
	default:
		m->minisocks.cut++;
	}
	if (fin_ns != row->born_ns)
		stay_add(&m->minisocks.fin_wait2, row->born_ns, fin_ns ? fin_ns : row->ended_ns);
	if (fin_ns)
		stay_add(&m->minisocks.time_wait, fin_ns, row->ended_ns);
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

	if (m->span.owned && !(row->flags & TCP_OWNED))
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

	m->waiting += !m->span.owned || row->owned;
}

void model_tcp_listening(const struct listen_row *row, void *model)
{
	struct model_tcp *m = model;
	struct listening *l;

	HASH_GET(m->listening, key, row->key, l,
		 /* Hooks count from before the window. */
		 if (!m->listeners_seen) l->before = *row);
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
	/* The last of them is the latest; the kernel's counter has 32 bits. */
	l->l.record.drops = listener->drops;
	l->l.drops = (uint32_t)(listener->drops - l->first_drops);
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

	if (x->record.key.netns_cookie != y->record.key.netns_cookie &&
	    x->record.key.local_port == y->record.key.local_port)
		return x->record.key.netns_cookie < y->record.key.netns_cookie ? -1 : 1;
	return x->record.key.local_port - y->record.key.local_port;
}

static bool group_copy(struct group *g)
{
	g->copied = tcp_group_copy(&g->now, &g->all);
	g->now.key = g->key;
	return g->copied;
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
		g->now.full += l->row.full - l->before.full;
		g->now.synack_retransmits += resent;
	}
}

static bool living_add(struct model_tcp *m, uint64_t end_ns, struct tcp_figures *figures)
{
	uint64_t rank = m->exemplar_rank;

	for (struct living *l = m->living; l; l = l->hh.next) {
		struct group *g;

		if (is_next(m, &l->row))
			continue;
		exemplar_note(m, &figures->exemplar, &rank, &l->row, end_ns);
		g = group_get(m, &l->row);
		if (!g) {
			figures->overflow++;
			continue;
		}
		/* New since the copies were made. */
		if (!g->copied && !group_copy(g))
			return false;
		if (!tcp_group_living(&g->now, &m->span, &l->row, end_ns))
			return false;
	}
	return true;
}

static bool several_netns(const struct tcp_figures *f)
{
	uint32_t first = f->groups_nr      ? f->groups[0]->netns :
			 f->listeners_nr ? f->listeners[0].record.netns : 0;

	for (int i = 0; i < f->groups_nr; i++)
		if (f->groups[i]->netns != first)
			return true;
	for (int i = 0; i < f->listeners_nr; i++)
		if (f->listeners[i].record.netns != first)
			return true;
	return false;
}

int model_tcp_figures(struct model_tcp *m, uint64_t end_ns, struct tcp_figures *figures,
		      struct err *err)
{
	struct listener *l;
	struct group *g;
	int n = 0;

	for (g = m->groups; g; g = g->hh.next)
		if (!group_copy(g))
			m->out_of_memory = true;
	*figures = (struct tcp_figures){
		.minisocks = m->minisocks,
		.unowned = m->unowned,
		.overflow = m->overflow,
		.exemplar = m->exemplar,
	};
	figures->minisocks.now = m->waiting;
	if (!living_add(m, end_ns, figures))
		m->out_of_memory = true;
	listening_add(m);
	free(m->told);
	free(m->told_listeners);
	m->told = calloc(HASH_COUNT(m->groups) + 1, sizeof(*m->told));
	m->told_listeners = calloc(HASH_COUNT(m->listeners) + 1, sizeof(*m->told_listeners));
	if (!m->told || !m->told_listeners || m->out_of_memory)
		return err_set(err, -ENOMEM, "out of memory");
	figures->groups = m->told;
	figures->listeners = m->told_listeners;
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
	figures->several_netns = several_netns(figures);
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
		tcp_group_forget_times(&g->all);
		tcp_group_forget_times(&g->now);
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

