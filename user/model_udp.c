// SPDX-License-Identifier: GPL-2.0-or-later
#include "model_udp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hash.h"

/* A client that takes a new port for each question would need a group for each. */
#define GROUPS_MAX 4096

struct group {
	UT_hash_handle hh;
	struct udp_key key;
	struct udp_group all;		/* of sockets that are closed */
	struct udp_group now;		/* and of those that are not */
};

struct open_socket {
	UT_hash_handle hh;
	uint64_t id;
	struct udp_row row;
	struct udp_row before;		/* what it had when the model began */
};

struct port {
	UT_hash_handle hh;
	struct udp_port key;
	uint64_t spoilt;
	uint64_t before;
};

struct model_udp {
	bool owned;
	bool out_of_memory;
	struct group *groups;
	struct open_socket *sockets;
	struct port *ports;
	const struct udp_group **told;	/* of the last figures */
};

struct model_udp *model_udp_new(bool owned)
{
	struct model_udp *m = calloc(1, sizeof(*m));

	if (m)
		m->owned = owned;
	return m;
}

struct model_udp *model_udp_next(const struct model_udp *m)
{
	struct model_udp *next = model_udp_new(m->owned);

	if (!next)
		return NULL;
	for (const struct open_socket *s = m->sockets; s; s = s->hh.next) {
		struct open_socket *copy;

		HASH_GET(next->sockets, id, s->id, copy, );
		if (!copy)
			goto err_free;
		copy->row = copy->before = s->row;
	}
	for (const struct port *p = m->ports; p; p = p->hh.next) {
		struct port *copy;

		HASH_GET(next->ports, key, p->key, copy, );
		if (!copy)
			goto err_free;
		copy->spoilt = copy->before = p->spoilt;
	}
	return next;

err_free:
	model_udp_free(next);
	return NULL;
}

/* --- groups ---------------------------------------------------------------------------- */

static struct group *group_get(struct model_udp *m, const struct udp_key *wanted)
{
	struct udp_key key = *wanted;
	struct group *g;

	/* First the ports of a process are not told apart any more, then processes. */
	HASH_FIND(hh, m->groups, &key, sizeof(key), g);
	if (!g && HASH_COUNT(m->groups) >= GROUPS_MAX)
		key.port = 0;
	HASH_FIND(hh, m->groups, &key, sizeof(key), g);
	if (!g && HASH_COUNT(m->groups) >= 2 * GROUPS_MAX)
		key = (struct udp_key){ 0 };
	HASH_GET(m->groups, key, key, g, g->all.key = g->now.key = key);
	if (!g)
		m->out_of_memory = true;
	return g;
}

static struct group *group_of(struct model_udp *m, const struct udp_row *row)
{
	struct udp_key key = { .netns_cookie = row->netns_cookie, .port = row->local_port };

	if (row->flags & UDP_OWNED) {
		key.tgid = row->tgid;
		key.start_ns = row->start_ns;
	}
	return group_get(m, &key);
}

/* What came since @before, which has nothing if the socket came later. */
static void socket_add(struct udp_group *g, const struct udp_row *row,
		       const struct udp_row *before)
{
	uint32_t first = before->id ? before->drops : row->first_drops;
	uint64_t full = row->full - before->full, memory = row->memory - before->memory;
	uint64_t refused = row->refused - before->refused, known = full + memory + refused;
	/* The kernel's count goes round; a CPU that was late to note it leaves an older one. */
	int32_t more = row->drops - first;
	uint64_t drops = more > 0 ? more : 0;
	/* It is raised before those are, on another CPU. */
	uint64_t others = drops > known ? drops - known : 0;

	if (row->flags & UDP_OWNED)
		memcpy(g->comm, row->comm, sizeof(g->comm) - 1);
	g->netns = row->netns;
	g->sockets++;
	g->received += row->received - before->received;
	g->bytes += row->bytes - before->bytes;
	g->full += full;
	g->memory += memory;
	g->dropped += drops;
	g->refused += refused;
	if (row->flags & UDP_VAGUE)
		g->vague++;
	else if (row->flags & UDP_FILTERED)
		g->refused += others;
	else
		g->spoilt_reading += others;
	g->filtered += !!(row->flags & UDP_FILTERED);
}

/* --- records ----------------------------------------------------------------------------- */

void model_udp_ended(struct model_udp *m, const struct udp_row *row)
{
	static const struct udp_row nothing;
	struct open_socket *s;
	struct group *g;

	HASH_FIND(hh, m->sockets, &row->id, sizeof(row->id), s);
	if (!m->owned || row->flags & UDP_OWNED) {
		g = group_of(m, row);
		if (g) {
			socket_add(&g->all, row, s ? &s->before : &nothing);
			g->all.ended++;
		}
	}
	if (s) {
		HASH_DEL(m->sockets, s);
		free(s);
	}
}

void model_udp_living(struct model_udp *m, const struct udp_row *row)
{
	struct open_socket *s;

	HASH_GET(m->sockets, id, row->id, s, );
	if (s)
		s->row = *row;
	else
		m->out_of_memory = true;
}

void model_udp_port(struct model_udp *m, const struct udp_port_row *row)
{
	struct port *p;

	HASH_GET(m->ports, key, row->key, p, );
	if (p)
		p->spoilt = row->spoilt;
	else
		m->out_of_memory = true;
}

/* --- figures -------------------------------------------------------------------------------- */

uint64_t udp_spoilt(const struct udp_group *g)
{
	return g->spoilt_coming + g->spoilt_reading;
}

uint64_t udp_lost(const struct udp_group *g)
{
	/* Before a filter they are dropped at the socket. */
	return g->dropped + (g->filtered ? 0 : g->spoilt_coming);
}

static int most_lost(const void *a, const void *b)
{
	const struct udp_group *x = *(const struct udp_group *const *)a;
	const struct udp_group *y = *(const struct udp_group *const *)b;

	if (udp_lost(x) != udp_lost(y))
		return udp_lost(x) > udp_lost(y) ? -1 : 1;
	if (x->received != y->received)
		return x->received > y->received ? -1 : 1;
	return x->key.port - y->key.port;
}

/* They came to no socket: to the process that alone has the port, or to nobody. */
static void port_add(struct model_udp *m, const struct port *p)
{
	struct udp_key nobody = { .netns_cookie = p->key.netns_cookie, .port = p->key.port };
	uint64_t spoilt = p->spoilt - p->before;
	struct group *alone = NULL;
	int owners = 0;

	if (!spoilt)
		return;
	for (struct group *g = m->groups; g; g = g->hh.next)
		if (g->key.port == p->key.port && g->key.netns_cookie == p->key.netns_cookie &&
		    g->key.tgid && g->now.sockets) {
			alone = g;
			owners++;
		}
	/* Where processes are asked about, others' ports are not. */
	if (m->owned && !owners)
		return;
	if (owners != 1)
		alone = group_get(m, &nobody);
	if (!alone)
		return;
	alone->now.netns = p->key.netns;
	alone->now.spoilt_coming += spoilt;
}

int model_udp_figures(struct model_udp *m, const struct udp_group *const **groups)
{
	struct group *g;
	int n = 0;

	for (g = m->groups; g; g = g->hh.next)
		g->now = g->all;
	for (const struct open_socket *s = m->sockets; s; s = s->hh.next) {
		/* Whose it would be is not known. */
		if (m->owned && !(s->row.flags & UDP_OWNED))
			continue;
		g = group_of(m, &s->row);
		if (g)
			socket_add(&g->now, &s->row, &s->before);
	}
	for (const struct port *p = m->ports; p; p = p->hh.next)
		port_add(m, p);
	free(m->told);
	m->told = calloc(HASH_COUNT(m->groups) + 1, sizeof(*m->told));
	if (!m->told || m->out_of_memory)
		return -ENOMEM;
	for (g = m->groups; g; g = g->hh.next)
		if (g->now.sockets || g->now.spoilt_coming)
			m->told[n++] = &g->now;
	qsort(m->told, n, sizeof(*m->told), most_lost);
	*groups = m->told;
	return n;
}

void model_udp_free(struct model_udp *m)
{
	struct group *g, *next_group;
	struct open_socket *s, *next_socket;
	struct port *p, *next_port;

	if (!m)
		return;
	HASH_ITER(hh, m->groups, g, next_group) {
		HASH_DEL(m->groups, g);
		free(g);
	}
	HASH_ITER(hh, m->sockets, s, next_socket) {
		HASH_DEL(m->sockets, s);
		free(s);
	}
	HASH_ITER(hh, m->ports, p, next_port) {
		HASH_DEL(m->ports, p);
		free(p);
	}
	free(m->told);
	free(m);
}
