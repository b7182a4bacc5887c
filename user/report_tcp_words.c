// SPDX-License-Identifier: GPL-2.0-or-later
#include "report_tcp_words.h"

#include <arpa/inet.h>
#include <string.h>

char *tcp_process_text(char to[TEXT_PROCESS], const char *comm, uint32_t tgid, int width)
{
	return tgid ? text_process(to, comm, tgid, width) : strcpy(to, "nobody");
}

char *tcp_owner_text(char to[TEXT_PROCESS], const struct tcp_group *g)
{
	return tcp_process_text(to, g->comm, g->tgid, TEXT_PROCESS);
}

char *tcp_port_text(char to[80], const struct udp_group *u)
{
	if (u->key.port)
		sprintf(to, "port %u", u->key.port);
	else
		strcpy(to, "other ports");
	return to;
}

char *tcp_peer_text(char *to, const struct tcp_key *key)
{
	char text[INET6_ADDRSTRLEN];

	if (!key->passive)
		return text_address(to, key->family, key->peer, key->port);
	inet_ntop(key->family, key->peer, text, sizeof(text));
	sprintf(to, "%s/%d", text, key->family == AF_INET ? 24 : 64);
	return to;
}

char *tcp_where_text(char to[80], const struct tcp_group *g)
{
	if (!g->key.passive || g->key.family)
		return tcp_peer_text(to, &g->key);
	sprintf(to, "port %u", g->key.port);
	return to;
}

const char *tcp_ack_mark(const struct tcp_report *r)
{
	return r->plan->handshakes ? "" : "~";
}

char *tcp_quantile_text(char *to, const struct tcp_times *t, double share)
{
	if (!t)
		return strcpy(to, "-");
	return text_duration(to, histogram_quantile(&t->histogram, share, t->max));
}

char *tcp_longest_text(char *to, const struct tcp_times *t)
{
	return t ? text_duration(to, t->max) : strcpy(to, "-");
}

uint64_t tcp_failed_total(const struct tcp_group *g)
{
	uint64_t n = 0;

	for (int i = 0; i < FAILURE_NR; i++)
		n += g->failed[i];
	return n;
}

int tcp_rows_end(int begin, int end, const struct text_options *o)
{
	return o->rows && end - begin > (int)o->rows ? begin + (int)o->rows : end;
}

void tcp_more(FILE *out, int n)
{
	if (n > 0)
		fprintf(out, "%7s %d more (--rows=0 shows all)\n", "...", n);
	fputc('\n', out);
}
