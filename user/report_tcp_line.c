// SPDX-License-Identifier: GPL-2.0-or-later
/* A connection in text: as a line, and as a picture of its handshake and close. */
#include "report_tcp.h"

#include <inttypes.h>
#include <string.h>

static char *between(char *to, uint64_t from, uint64_t until)
{
	return from && until >= from ? text_duration(to, until - from) : strcpy(to, "-");
}

static char *owner(char to[4 * 16 + 16], const struct tcp_row *row)
{
	char comm[sizeof(row->comm) + 1] = "", name[4 * 16 + 1];

	if (!(row->flags & TCP_OWNED))
		return strcpy(to, "nobody");
	memcpy(comm, row->comm, sizeof(row->comm));
	sprintf(to, "%s (%u)", text_clean(name, comm), row->tgid);
	return to;
}

static char arrow(const struct tcp_row *row)
{
	return row->flags & TCP_SEEDED ? '-' : row->flags & TCP_PASSIVE ? '<' : '>';
}

const char *reset_reason(const struct tcp_row *row, const struct tcp_plan *plan)
{
	return row->reset_reason < RESET_REASONS_MAX ? plan->reset_reasons[row->reset_reason] : NULL;
}

/* How it ended, in a word. */
static const char *ending(const struct tcp_row *row)
{
	if (!tcp_established(row))
		return tcp_failure_name(tcp_failure(row));
	/* Also if a reset was sent then, as keepalive does. */
	if (tcp_timed_out(row))
		return "timed out";
	if (row->flags & TCP_RESET_IN)
		return "reset in";
	if (row->flags & TCP_RESET_OUT)
		return "reset out";
	switch (row->closer) {
	case CLOSER_LOCAL: return "by us";
	case CLOSER_REMOTE: return "by peer";
	case CLOSER_BOTH: return "by both";
	}
	return "-";
}

void report_tcp_line_head(FILE *out)
{
	fprintf(out, "%-15s %-22s %-22s   %-22s %9s %8s %8s %10s %10s %7s %5s %-11s %s\n", "TIME",
		"PROCESS", "LOCAL", "REMOTE", "HANDSHAKE", "ACCEPT", "LIFE", "IN", "OUT", "RTT",
		"RESNT", "CLOSED", "STATES");
}

void report_tcp_line_text(FILE *out, const struct tcp_row *row, const struct tcp_plan *plan,
			  uint64_t unix_offset_ns)
{
	char when[32], who[4 * 16 + 16], local[64], remote[64], n[2][32], t[5][16];
	bool passive = row->flags & TCP_PASSIVE;
	uint64_t from = passive && !row->syn_ns ? row->synack_ns : row->syn_ns;
	int told = 0;

	between(t[0], from, row->established_ns);
	fprintf(out, "%-15s %-22.22s %-22s %c %-22s %s%*s %8s %8s %10s %10s %7s %5u %-11s ",
		text_time(when, row->ended_ns + unix_offset_ns), owner(who, row),
		text_address(local, row->family, row->local, row->local_port), arrow(row),
		text_address(remote, row->family, row->remote, row->remote_port),
		passive && !plan->handshakes && from ? "~" : "",
		passive && !plan->handshakes && from ? 8 : 9, t[0],
		passive ? between(t[1], tcp_acceptable_ns(row), row->accepted_ns) : "-",
		between(t[2], row->established_ns, row->ended_ns), text_grouped(n[0], row->bytes_in),
		text_grouped(n[1], row->bytes_out),
		row->srtt_us ? text_duration(t[3], row->srtt_us * 1000ULL) : "-", row->retransmits,
		ending(row));
	for (unsigned int i = 0; i < STATE_NR; i++)
		if (row->state_ns[i])
			fprintf(out, "%s%s %s", told++ ? ", " : "", tcp_state_name(i),
				tcp_stay_goes_on(row, i) ? "as a minisock" :
							   text_duration(t[4], row->state_ns[i]));
	if (reset_reason(row, plan))
		fprintf(out, "; reset for %s", reset_reason(row, plan));
	if (row->reads)
		fprintf(out, "; read after %s/%s", text_duration(t[0], row->read_sum_ns / row->reads),
			text_duration(t[1], row->read_max_ns));
	if (row->holes)
		fprintf(out, "; waited for what was missing %s",
			text_duration(t[0], row->hole_sum_ns));
	if (row->own_zeros)
		fprintf(out, "; window shut %s", text_duration(t[0], row->own_zero_sum_ns));
	if (row->peer_zeros)
		fprintf(out, "; peer's window shut %s", text_duration(t[0], row->peer_zero_sum_ns));
	fputc('\n', out);
}

/* --- the picture --------------------------------------------------------------------------- */

/* A moment: by @way an arrow to the peer or from it, or what happens here. */
static void moment(FILE *out, uint64_t begin, uint64_t at, char way, const char *what,
		   const char *note)
{
	char when[16] = "?";

	if (at >= begin && at)
		text_duration(when, at - begin);
	fprintf(out, "%9s  |", when);
	if (way == '>')
		fprintf(out, "---- %-16s --->|", what);
	else if (way == '<')
		fprintf(out, "<--- %-16s ----|", what);
	else
		fprintf(out, "%25s |", "");
	fprintf(out, "  %s\n", note);
}

static void gap(FILE *out, const char *text)
{
	fprintf(out, "%9s  :%25s :  %s\n", "", "", text);
}

static void handshake(FILE *out, const struct tcp_row *row, const struct tcp_plan *plan,
		      uint64_t begin)
{
	char text[96], t[16];

	if (row->flags & TCP_SEEDED) {
		gap(out, "it was there when the window began");
		return;
	}
	if (row->flags & TCP_PASSIVE) {
		moment(out, begin, row->syn_ns, '<', "SYN",
		       row->syn_ns			? "" :
		       row->flags & TCP_COOKIE		? "answered by a SYN cookie" :
							  "when it came is not known");
		if (row->syn_retransmits) {
			sprintf(text, "the SYN-ACK was sent again %u times", row->syn_retransmits);
			gap(out, text);
		}
		sprintf(text, "this host took %s", between(t, row->syn_ns, row->synack_ns));
		moment(out, begin, row->synack_ns, '>', "SYN-ACK", row->syn_ns ? text : "");
		sprintf(text, "network and peer took %s%s", plan->handshakes ? "" : "~",
			between(t, row->synack_ns, row->established_ns));
		moment(out, begin, row->established_ns, '<', "ACK", text);
		sprintf(text, "accept() returned: it waited %s",
			between(t, tcp_acceptable_ns(row), row->accepted_ns));
		moment(out, begin, row->accepted_ns, ' ', "",
		       row->accepted_ns ? text : "accept() was not seen");
		return;
	}
	moment(out, begin, row->syn_ns, '>', "SYN", "connect()");
	for (uint32_t i = 0; i < row->syn_retransmits && i < SYN_RETRANSMITS_MAX; i++)
		moment(out, begin, row->syn_retransmit_ns[i], '>', "SYN again", "");
	if (!row->established_ns)
		return;
	sprintf(text, "network and peer took %s", between(t, row->syn_ns, row->established_ns));
	moment(out, begin, row->established_ns, '<', "SYN-ACK", text);
	moment(out, begin, row->established_ns, '>', "ACK", "established");
}

/* When a state that is over began, counted back from the end: they follow on one another. */
static uint64_t closing_at(const struct tcp_row *row, uint64_t after_ns)
{
	return row->closing_ns ? row->closing_ns + after_ns : 0;
}

static void teardown(FILE *out, const struct tcp_row *row, uint64_t begin)
{
	const __u64 *in = row->state_ns;
	char text[96], t[2][16];

	sprintf(text, "%s bytes in, ", text_grouped((char[32]){ 0 }, row->bytes_in));
	sprintf(text + strlen(text), "%s out", text_grouped((char[32]){ 0 }, row->bytes_out));
	if (tcp_established(row) && row->ended_ns)
		gap(out, text);
	if (row->closer == CLOSER_LOCAL) {
		moment(out, begin, row->closing_ns, '>', "FIN",
		       row->flags & TCP_HALF_CLOSED ? "shutdown(): FIN-WAIT-1" : "close(): FIN-WAIT-1");
		if (in[STATE_FIN_WAIT1] && !(row->flags & (TCP_RESET_IN | TCP_RESET_OUT)))
			moment(out, begin, closing_at(row, in[STATE_FIN_WAIT1]), '<', "ACK",
			       "FIN-WAIT-2");
	} else if (row->closer == CLOSER_REMOTE) {
		moment(out, begin, row->closing_ns, '<', "FIN", "CLOSE-WAIT");
		if (in[STATE_LAST_ACK]) {
			sprintf(text, "close(), after %s: LAST-ACK", text_duration(t[0], in[STATE_CLOSE_WAIT]));
			moment(out, begin, closing_at(row, in[STATE_CLOSE_WAIT]), '>', "FIN", text);
		}
	} else if (row->closer == CLOSER_BOTH) {
		moment(out, begin, row->closing_ns, 'x', "", "FINs crossed: CLOSING");
	}
	if (!row->ended_ns) {
		sprintf(text, "and is %s", tcp_state_name(row->state));
		gap(out, text);
		return;
	}
	if (!tcp_established(row))
		moment(out, begin, row->ended_ns, row->flags & TCP_RESET_IN ? '<' : ' ', "RST",
		       tcp_failure_name(tcp_failure(row)));
	else if (row->flags & TCP_RESET_IN)
		moment(out, begin, row->ended_ns, '<', "RST", "the end");
	else if (row->flags & TCP_RESET_OUT)
		moment(out, begin, row->ended_ns, '>', "RST", "the end");
	else if (row->closer == CLOSER_LOCAL && (!in[STATE_FIN_WAIT2] || row->flags & TCP_ORPHANED))
		moment(out, begin, row->ended_ns, ' ', "",
		       "nobody reads on: the rest of FIN-WAIT-2 and TIME-WAIT is a minisock's");
	else if (row->closer == CLOSER_LOCAL)
		moment(out, begin, row->ended_ns, '<', "FIN", "ACK; TIME-WAIT is a minisock's");
	else
		moment(out, begin, row->ended_ns, row->closer == CLOSER_REMOTE ? '<' : ' ', "ACK",
		       "the end");
}

void report_tcp_diagram(FILE *out, const struct tcp_row *row, const struct tcp_plan *plan)
{
	char who[4 * 16 + 16], local[64], remote[64];
	uint64_t begin = row->syn_ns	     ? row->syn_ns :
			 row->synack_ns	     ? row->synack_ns :
			 row->established_ns ? row->established_ns :
					       row->closing_ns;

	if (!row->cookie) {
		fputs("There was no connection to draw a picture of.\n\n", out);
		return;
	}
	fprintf(out, "%s\n%9s  %-26s %s\n", owner(who, row), "",
		text_address(local, row->family, row->local, row->local_port),
		text_address(remote, row->family, row->remote, row->remote_port));
	handshake(out, row, plan, begin);
	teardown(out, row, begin);
	fputc('\n', out);
}
