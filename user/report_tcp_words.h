/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names and times of connections, as sentences and tables have them. All return @to. */
#ifndef IOREADY_REPORT_TCP_WORDS_H
#define IOREADY_REPORT_TCP_WORDS_H

#include "report_tcp.h"

#define BOLD "\033[1m"
#define PLAIN "\033[0m"

/** tcp_process_text() - "NAME (PID)" in @width columns, or "nobody" */
char *tcp_process_text(char to[TEXT_PROCESS], const char *comm, uint32_t tgid, int width);

/** tcp_owner_text() - the same, uncut, of who has the connections */
char *tcp_owner_text(char to[TEXT_PROCESS], const struct tcp_group *g);

/** tcp_port_text() - where datagrams came to */
char *tcp_port_text(char to[80], const struct udp_group *u);

/** tcp_peer_text() - a peer and its port, or a network of peers; @to has 64 bytes */
char *tcp_peer_text(char *to, const struct tcp_key *key);

/** tcp_where_text() - the port that connections came to, or their peers */
char *tcp_where_text(char to[80], const struct tcp_group *g);

/**
 * tcp_ack_mark() - what stands before the time from SYN-ACK to ACK: it is derived where it is the
 *	kernel's own measure of the round trip, see measures.rst
 */
const char *tcp_ack_mark(const struct tcp_report *r);

/** tcp_quantile_text(), tcp_longest_text() - "-" where there are none; @to has 16 bytes */
char *tcp_quantile_text(char *to, const struct tcp_times *t, double share);
char *tcp_longest_text(char *to, const struct tcp_times *t);

/** tcp_failed_total() - connections that were never established, for whatever reason */
uint64_t tcp_failed_total(const struct tcp_group *g);

/** tcp_rows_end() - the end of the rows from @begin on that are wanted */
int tcp_rows_end(int begin, int end, const struct text_options *o);

/** tcp_more() - the end of a table, of which @n rows, if any, are not shown */
void tcp_more(FILE *out, int n);

#endif /* IOREADY_REPORT_TCP_WORDS_H */
