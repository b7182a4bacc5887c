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
