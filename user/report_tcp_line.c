// SPDX-License-Identifier: GPL-2.0-or-later
/* A connection in text: as a line, and as a picture of its handshake and close. */
#include "report_tcp.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

static char *between(char *to, uint64_t from, uint64_t until)
{
	return from && until >= from ? text_duration(to, until - from) : strcpy(to, "-");
}

static char *owner(char to[TEXT_PROCESS], const struct tcp_row *row, int width)
{
	char comm[sizeof(row->comm)] = "";

	if (!(row->flags & TCP_OWNED))
		return strcpy(to, "nobody");
	memcpy(comm, row->comm, sizeof(comm) - 1);
	return text_process(to, comm, row->tgid, width);
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
	char when[32], who[TEXT_PROCESS], local[64], remote[64], n[2][32], t[5][16];
	bool passive = row->flags & TCP_PASSIVE;
	uint64_t from = passive && !row->syn_ns ? row->synack_ns : row->syn_ns;
	int told = 0;

	between(t[0], from, row->established_ns);
	fprintf(out, "%-15s %-22s %-22s %c %-22s %s%*s %8s %8s %10s %10s %7s %5u %-11s ",
		text_time(when, row->ended_ns + unix_offset_ns), owner(who, row, 22),
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

/* The SYN, a word on those that are not kept, SYN-ACK and ACK; bytes, two of the close, the end. */
#define MOMENTS_MAX (SYN_RETRANSMITS_MAX + 8)

/*
 * struct moment - what is drawn in a line
 * @at: 0: when is not known
 * @place: @at, or that of the one before it, behind which it then stands
 * @way: '>' an arrow to the peer, '<' from it, ' ' what happens here, ':' what is so meanwhile
 * @what: on the arrow
 */
struct moment {
	uint64_t at;
	uint64_t place;
	char way;
	const char *what;
	char note[96];
};

/* In the order of time: the peer may close before accept() returns. */
struct picture {
	struct moment moments[MOMENTS_MAX];
	int nr;
};

__attribute__((format(printf, 5, 6)))
static void add(struct picture *p, uint64_t at, char way, const char *what, const char *note, ...)
{
	struct moment *m = p->moments + p->nr;
	uint64_t place = at || !p->nr ? at : m[-1].place;
	va_list args;

	for (; m > p->moments && m[-1].place > place; m--)
		*m = m[-1];
	*m = (struct moment){ .at = at, .place = place, .way = way, .what = what };
	p->nr++;
	va_start(args, note);
	vsnprintf(m->note, sizeof(m->note), note, args);
	va_end(args);
}

static void picture_print(FILE *out, const struct picture *p)
{
	uint64_t begin = 0;

	for (const struct moment *m = p->moments; m < p->moments + p->nr; m++) {
		char when[16] = "?";

		if (!begin)
			begin = m->at;
		if (m->at)
			text_duration(when, m->at - begin);
		if (m->way == '>')
			fprintf(out, "%9s  |---- %-16s --->|", when, m->what);
		else if (m->way == '<')
			fprintf(out, "%9s  |<--- %-16s ----|", when, m->what);
		else if (m->way == ':')
			fprintf(out, "%9s  :%25s :", "", "");
		else
			fprintf(out, "%9s  |%25s |", when, "");
		fprintf(out, "  %s\n", m->note);
	}
}

static bool has_been(const struct tcp_row *row, enum tcp_state state)
{
	return row->state == state || row->state_ns[state];
}

static void passive_handshake(struct picture *p, const struct tcp_row *row,
			      const struct tcp_plan *plan)
{
	char t[16];

	add(p, row->syn_ns, '<', "SYN",
	    row->syn_ns		    ? "" :
	    row->flags & TCP_COOKIE ? "answered by a SYN cookie" :
				      "when it came is not known");
	add(p, row->synack_ns, '>', "SYN-ACK", row->syn_ns ? "this host took %s" : "",
	    between(t, row->syn_ns, row->synack_ns));
	if (row->syn_retransmits)
		add(p, 0, ':', "", "the SYN-ACK was sent again %u times", row->syn_retransmits);
	add(p, row->established_ns, '<', "ACK", row->synack_ns ? "network and peer took %s%s" : "",
	    plan->handshakes ? "" : "~", between(t, row->synack_ns, row->established_ns));
	if (row->accepted_ns)
		add(p, row->accepted_ns, ' ', "", "accept() returned: it waited %s",
		    between(t, tcp_acceptable_ns(row), row->accepted_ns));
	else
		add(p, 0, ' ', "", "accept() was not seen");
}

static void active_handshake(struct picture *p, const struct tcp_row *row)
{
	char t[16];

	if (row->flags & TCP_SEEDED)
		add(p, 0, ':', "", "it was there when the window began");
	else
		add(p, row->syn_ns, '>', "SYN", "connect()");
	for (uint32_t i = 0; i < row->syn_retransmits && i < SYN_RETRANSMITS_MAX; i++)
		add(p, row->syn_retransmit_ns[i], '>', "SYN again", "no answer came");
	if (row->syn_retransmits > SYN_RETRANSMITS_MAX)
		add(p, 0, ':', "", "and %u times more", row->syn_retransmits - SYN_RETRANSMITS_MAX);
	if (!row->established_ns || !has_been(row, STATE_SYN_SENT))
		return;
	add(p, row->established_ns, '<', "SYN-ACK", row->syn_ns ? "network and peer took %s" : "",
	    between(t, row->syn_ns, row->established_ns));
	add(p, row->established_ns, '>', "ACK", "established");
}

/* That leads to FIN_WAIT_2, if but for a moment. */
static bool fin_acknowledged(const struct tcp_row *row)
{
	return has_been(row, STATE_FIN_WAIT2) || row->flags & (TCP_ORPHANED | TCP_LEFT_BEHIND);
}

/* When a state that is over began, counted on from the first FIN: they follow on one another. */
static uint64_t closing_at(const struct tcp_row *row, uint64_t after_ns)
{
	return row->closing_ns ? row->closing_ns + after_ns : 0;
}

static void closing(struct picture *p, const struct tcp_row *row)
{
	char t[16];

	if (row->closer == CLOSER_LOCAL) {
		add(p, row->closing_ns, '>', "FIN", "%s: FIN-WAIT-1",
		    row->flags & TCP_HALF_CLOSED ? "shutdown()" : "close()");
		if (fin_acknowledged(row))
			add(p, closing_at(row, row->state_ns[STATE_FIN_WAIT1]), '<', "ACK",
			    "FIN-WAIT-2");
	} else if (row->closer == CLOSER_REMOTE) {
		add(p, row->closing_ns, '<', "FIN", "CLOSE-WAIT");
		if (has_been(row, STATE_LAST_ACK))
			add(p, closing_at(row, row->state_ns[STATE_CLOSE_WAIT]), '>', "FIN",
			    "close(), after %s: LAST-ACK",
			    text_duration(t, row->state_ns[STATE_CLOSE_WAIT]));
	} else if (row->closer == CLOSER_BOTH) {
		add(p, row->closing_ns, ' ', "", "FINs crossed: CLOSING");
	}
}

static void end(struct picture *p, const struct tcp_row *row)
{
	bool in = row->flags & TCP_RESET_IN, out = row->flags & TCP_RESET_OUT;
	uint64_t at = row->ended_ns;

	if (!at)
		add(p, 0, ':', "", "and is %s", tcp_state_name(row->state));
	else if (!tcp_established(row))
		add(p, at, in ? '<' : out ? '>' : ' ', "RST", "%s",
		    tcp_failure_name(tcp_failure(row)));
	else if (tcp_timed_out(row))
		add(p, at, out ? '>' : ' ', "RST", "no answer came any more: it was given up");
	else if (in || out)
		add(p, at, in ? '<' : '>', "RST", "the end");
	else if (row->closer == CLOSER_LOCAL && row->flags & TCP_ORPHANED)
		add(p, at, ' ', "",
		    "nobody reads on: the rest of FIN-WAIT-2 and TIME-WAIT is a minisock's");
	else if (row->closer == CLOSER_LOCAL && fin_acknowledged(row))
		add(p, at, '<', "FIN", "ACK; TIME-WAIT is a minisock's");
	else if (row->closer == CLOSER_REMOTE && has_been(row, STATE_LAST_ACK))
		add(p, at, '<', "ACK", "the end");
	else
		add(p, at, ' ', "", "the end");
}

void report_tcp_diagram(FILE *out, const struct tcp_row *row, const struct tcp_plan *plan)
{
	char who[TEXT_PROCESS], local[64], remote[64], n[2][32];
	struct picture p = { .nr = 0 };

	if (!row->cookie) {
		fputs("There was no connection to draw a picture of.\n\n", out);
		return;
	}
	if (row->flags & TCP_PASSIVE)
		passive_handshake(&p, row, plan);
	else
		active_handshake(&p, row);
	if (tcp_established(row) && row->ended_ns)
		add(&p, 0, ':', "", "%s bytes in, %s out", text_grouped(n[0], row->bytes_in),
		    text_grouped(n[1], row->bytes_out));
	closing(&p, row);
	end(&p, row);
	fprintf(out, "%s\n%9s  %-26s %s\n", owner(who, row, TEXT_PROCESS), "",
		text_address(local, row->family, row->local, row->local_port),
		text_address(remote, row->family, row->remote, row->remote_port));
	picture_print(out, &p);
	fputc('\n', out);
}
