// SPDX-License-Identifier: GPL-2.0-or-later
/* test_units_tcp_text.c - a connection in text: as a line, and as a picture. */
#include "test_units.h"

/* What is printed of a connection in text: as a line, and as a picture. */
static char *connection_text(const struct tcp_row *row, const struct tcp_plan *plan)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	report_tcp_line_text(out, row, plan, 0);
	report_tcp_line_json(out, row, plan, 0);
	report_tcp_diagram(out, row, plan);
	fclose(out);
	return text;
}

TEST(a_connection_can_be_told_whatever_it_is)
{
	static const uint32_t flags[] = { 0, TCP_PASSIVE, TCP_SEEDED, TCP_PASSIVE | TCP_COOKIE,
					  TCP_RESET_IN, TCP_RESET_OUT, TCP_OWNED, TCP_HALF_CLOSED };
	struct tcp_plan plans[] = { { .tier = TIER_TRACEPOINT },
				    { .tier = TIER_FENTRY, .handshakes = true, .minisocks = true } };

	for (size_t i = 0; i < ARRAY_SIZE(flags) * 2 * 2 * 4; i++) {
		struct tcp_row row = active_row(1);
		char *text;

		row.flags = flags[i % ARRAY_SIZE(flags)];
		row.closer = i / 32 % 4;
		if (i / 16 % 2)
			row.established_ns = row.synack_ns = row.state_ns[STATE_ESTABLISHED] = 0;
		/* As wide as it goes: a name of bytes that move the cursor, all of IPv6. */
		memset(row.comm, 033, sizeof(row.comm) - 1);
		row.flags |= TCP_OWNED;
		row.tgid = UINT32_MAX;
		row.family = AF_INET6;
		memset(row.local, 0xff, 16);
		memset(row.remote, 0xff, 16);
		row.local_port = row.remote_port = 65535;
		row.bytes_in = row.bytes_out = UINT64_MAX;
		row.syn_retransmits = row.error = UINT16_MAX;
		row.retransmits = row.srtt_us = UINT32_MAX;
		row.reset_reason = UINT8_MAX;
		text = connection_text(&row, &plans[i / 8 % 2]);
		ASSERT_NE(NULL, text);
		EXPECT_EQ(NULL, strchr(text, 033));
		EXPECT_NE(NULL, strstr(text, "\\x1b\\x1b"));
		EXPECT_NE(NULL, strstr(text, "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535"));
		free(text);
	}
}

TEST(a_line_says_that_it_timed_out_whoever_closed)
{
	struct tcp_plan plan = { .tier = TIER_TRACEPOINT };
	struct tcp_row row = active_row(1);
	char *text;

	row.error = ETIMEDOUT;
	row.state_ns[STATE_FIN_WAIT1] = 1000;
	text = connection_text(&row, &plan);
	EXPECT_NE(NULL, strstr(text, " timed out   "));
	EXPECT_NE(NULL, strstr(text, "\"closed_first\":\"local\",\"timed_out\":true"));
	free(text);
	/* Keepalive sends a reset when it gives up. */
	row.flags |= TCP_RESET_OUT;
	text = connection_text(&row, &plan);
	EXPECT_NE(NULL, strstr(text, " timed out   "));
	free(text);
	row.error = 0;
	text = connection_text(&row, &plan);
	EXPECT_NE(NULL, strstr(text, " reset out   "));
	EXPECT_NE(NULL, strstr(text, "\"timed_out\":false"));
	free(text);
}

TEST(a_picture_has_the_times_on_its_arrows)
{
	struct tcp_plan plan = { .tier = TIER_FENTRY, .handshakes = true, .minisocks = true };
	struct tcp_row row = passive_row(1);
	char *text;

	row.state_ns[STATE_LAST_ACK] = 100;
	text = connection_text(&row, &plan);
	EXPECT_NE(NULL, strstr(text, "      0ns  |<--- SYN              ----|"));
	EXPECT_NE(NULL, strstr(text, "     10ns  |---- SYN-ACK          --->|  this host took 10ns"));
	EXPECT_NE(NULL, strstr(text, "    210ns  |<--- ACK              ----|  network and peer took "
				     "200ns"));
	EXPECT_NE(NULL, strstr(text, "   5.21us  |                          |  accept() returned: it "
				     "waited 5.00us"));
	EXPECT_NE(NULL, strstr(text, "10 bytes in, 1,000 out"));
	EXPECT_NE(NULL, strstr(text, "close(), after 1.31us: LAST-ACK"));
	free(text);
	/* What the tracepoints alone do not tell is not made up. */
	plan = (struct tcp_plan){ .tier = TIER_TRACEPOINT };
	row.syn_ns = 0;
	text = connection_text(&row, &plan);
	EXPECT_NE(NULL, strstr(text, "?  |<--- SYN"));
	EXPECT_NE(NULL, strstr(text, "network and peer took ~200ns"));
	EXPECT_NE(NULL, strstr(text, "\"syn_to_synack_ns\":null"));
	free(text);
	/* The SYN-ACK was sent again. */
	row.synack_ns = 0;
	row.syn_retransmits = 1;
	text = connection_text(&row, &plan);
	EXPECT_NE(NULL, strstr(text, "?  |---- SYN-ACK          --->|  \n"
				     "           :                          :  the SYN-ACK was sent again 1 times\n"
				     "      0ns  |<--- ACK              ----|  \n"));
	free(text);
}

/* Lines of a picture, from the one that begins with @from on. */
#define EXPECT_PICTURE(row, from, lines) do {					\
	char *text = connection_text(row, &(struct tcp_plan){ .handshakes = true }); \
	const char *begin = strstr(text, from);					\
										\
	ASSERT_NE(NULL, begin);							\
	EXPECT_STREQ(lines, begin);						\
	free(text);								\
} while (0)

TEST(a_picture_goes_on_in_time_whatever_came_first)
{
	struct tcp_row row = passive_row(1);

	/* The peer closed before accept() returned. */
	row.closing_ns = BEGIN_NS + 400;
	row.state_ns[STATE_CLOSE_WAIT] = 9600;
	row.state_ns[STATE_LAST_ACK] = 310;
	EXPECT_PICTURE(&row, "    210ns  |<--- ACK",
		       "    210ns  |<--- ACK              ----|  network and peer took 200ns\n"
		       "    300ns  |<--- FIN              ----|  CLOSE-WAIT\n"
		       "   5.21us  |                          |  accept() returned: it waited 5.00us\n"
		       "           :                          :  10 bytes in, 1,000 out\n"
		       "   9.90us  |---- FIN              --->|  close(), after 9.60us: LAST-ACK\n"
		       "   10.2us  |<--- ACK              ----|  the end\n\n");
	/* That it was not seen stands where it would have been, at the earliest. */
	row.accepted_ns = 0;
	EXPECT_PICTURE(&row, "    210ns  |<--- ACK",
		       "    210ns  |<--- ACK              ----|  network and peer took 200ns\n"
		       "        ?  |                          |  accept() was not seen\n"
		       "           :                          :  10 bytes in, 1,000 out\n"
		       "    300ns  |<--- FIN              ----|  CLOSE-WAIT\n"
		       "   9.90us  |---- FIN              --->|  close(), after 9.60us: LAST-ACK\n"
		       "   10.2us  |<--- ACK              ----|  the end\n\n");
	/* By Fast Open it returns before the ACK. */
	row = passive_row(1);
	row.accepted_ns = row.established_ns - 100;
	EXPECT_PICTURE(&row, "    110ns  |",
		       "    110ns  |                          |  accept() returned: it waited 0ns\n"
		       "    210ns  |<--- ACK              ----|  network and peer took 200ns\n"
		       "           :                          :  10 bytes in, 1,000 out\n"
		       "   8.90us  |<--- FIN              ----|  CLOSE-WAIT\n"
		       "   10.2us  |                          |  the end\n\n");
}

TEST(a_picture_has_no_packet_that_never_came)
{
	struct tcp_row row = active_row(1);

	row.closing_ns = row.ended_ns - 900;
	row.state_ns[STATE_FIN_WAIT1] = 900;
	row.error = ETIMEDOUT;
	EXPECT_PICTURE(&row, "   2.10us  |",
		       "   2.10us  |---- FIN              --->|  close(): FIN-WAIT-1\n"
		       "   3.00us  |                          |  no answer came any more: it was given up\n\n");
	/* It is not over. */
	row.error = row.ended_ns = row.state_ns[STATE_FIN_WAIT1] = 0;
	row.state = STATE_FIN_WAIT1;
	EXPECT_PICTURE(&row, "   2.10us  |",
		       "   2.10us  |---- FIN              --->|  close(): FIN-WAIT-1\n"
		       "           :                          :  and is fin-wait-1\n\n");
	/* It came, and then nobody had it; or a reset; or the peer's FIN. */
	row = active_row(1);
	row.closing_ns = row.ended_ns - 900;
	row.state_ns[STATE_FIN_WAIT1] = 890;
	row.state_ns[STATE_FIN_WAIT2] = 10;
	row.flags |= TCP_ORPHANED;
	EXPECT_PICTURE(&row, "   2.99us  |",
		       "   2.99us  |<--- ACK              ----|  FIN-WAIT-2\n"
		       "   3.00us  |                          |  nobody reads on: the rest of FIN-WAIT-2 "
		       "and TIME-WAIT is a minisock's\n\n");
	row.flags = TCP_OWNED | TCP_RESET_IN;
	EXPECT_PICTURE(&row, "   2.99us  |",
		       "   2.99us  |<--- ACK              ----|  FIN-WAIT-2\n"
		       "   3.00us  |<--- RST              ----|  the end\n\n");
	row.flags = TCP_OWNED;
	EXPECT_PICTURE(&row, "   2.99us  |",
		       "   2.99us  |<--- ACK              ----|  FIN-WAIT-2\n"
		       "   3.00us  |<--- FIN              ----|  ACK; TIME-WAIT is a minisock's\n\n");
	/* The second FIN is not acknowledged either. */
	row = passive_row(1);
	row.error = ETIMEDOUT;
	row.state_ns[STATE_CLOSE_WAIT] = 310;
	row.state_ns[STATE_LAST_ACK] = 1000;
	EXPECT_PICTURE(&row, "   8.90us  |",
		       "   8.90us  |<--- FIN              ----|  CLOSE-WAIT\n"
		       "   9.21us  |---- FIN              --->|  close(), after 310ns: LAST-ACK\n"
		       "   10.2us  |                          |  no answer came any more: it was given up\n\n");
}

TEST(a_picture_of_what_was_never_established)
{
	struct tcp_row row = active_row(1);
	char *text;

	row.closer = CLOSER_NONE;
	row.synack_ns = row.established_ns = row.state_ns[STATE_ESTABLISHED] = 0;
	row.flags |= TCP_RESET_IN;
	row.error = ECONNREFUSED;
	EXPECT_PICTURE(&row, "      0ns  |",
		       "      0ns  |---- SYN              --->|  connect()\n"
		       "   3.00us  |<--- RST              ----|  refused\n\n");
	/* Still sent; the times of the first eight are kept. */
	row.flags = TCP_OWNED;
	row.error = row.ended_ns = row.state_ns[STATE_SYN_SENT] = 0;
	row.state = STATE_SYN_SENT;
	row.syn_retransmits = 10;
	for (int i = 0; i < SYN_RETRANSMITS_MAX; i++)
		row.syn_retransmit_ns[i] = row.syn_ns + 1000 * (i + 1);
	EXPECT_PICTURE(&row, "   8.00us  |",
		       "   8.00us  |---- SYN again        --->|  no answer came\n"
		       "           :                          :  and 2 times more\n"
		       "           :                          :  and is syn-sent\n\n");
	row.cookie = 0;
	text = connection_text(&row, &(struct tcp_plan){ 0 });
	EXPECT_NE(NULL, strstr(text, "There was no connection"));
	free(text);
}

/* What a model has to say; NULL: there is no memory. */
static char *report_of(struct model_tcp *m, const struct tcp_plan *plan, bool histograms)
{
	struct tcp_report r = { .host = "h", .release = "r", .plan = plan, .histograms = histograms };
	struct err err;

	return model_tcp_figures(m, END_NS, &r.figures, &err) ? NULL : tcp_report_said(&r);
}

TEST(histograms_are_told_on_request)
{
	struct tcp_plan plan = { .tier = TIER_TRACEPOINT };
	struct model_tcp *m = model_tcp_new(BEGIN_NS, false, false);
	static const uint64_t accepts_ns[] = { 0, 15, 16, 17, 100, UINT64_C(1) << 40 };
	char *text;

	for (size_t i = 0; i < ARRAY_SIZE(accepts_ns); i++) {
		struct tcp_row row = passive_row(1 + i);

		row.accepted_ns = row.established_ns + accepts_ns[i];
		row.ended_ns = row.accepted_ns + 1;
		model_tcp_ended(&row, m);
	}
	text = report_of(m, &plan, false);
	ASSERT_NE(NULL, text);
	EXPECT_EQ(NULL, strstr(text, "FROM"));
	EXPECT_EQ(NULL, strstr(text, "buckets"));
	free(text);
	text = report_of(m, &plan, true);
	ASSERT_NE(NULL, text);
	EXPECT_NE(NULL, strstr(text, "server (100), port 80: ACK TO ACCEPT, 6 connections\n"
		"    FROM       TO      COUNT\n"
		"     0ns     16ns          2 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@|\n"
		"    16ns     32ns          2 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@|\n"
		"    32ns     64ns          0 |                                        |\n"
		"    64ns    128ns          1 |@@@@@@@@@@@@@@@@@@@@                    |\n"
		"   128ns    256ns          0 |"));
	/* The last one has no end. */
	EXPECT_NE(NULL, strstr(text, "   1100s        -          1 |@@@@@@@@@@@@@@@@@@@@ "));
	/* Derived, on this tier. */
	EXPECT_NE(NULL, strstr(text, "port 80: ~SYN-ACK TO ACK, 6 connections\n"));
	EXPECT_NE(NULL, strstr(text, "\"buckets\":[[0,1,1],[15,16,1],[16,17,1],[17,18,1],[100,104,1],"
				     "[1099511627776,null,1]]"));
	free(text);
	model_tcp_free(m);
}

TEST(closing_is_told_where_both_closed_at_once)
{
	struct tcp_plan plan = { .tier = TIER_FENTRY, .handshakes = true };
	struct model_tcp *m = model_tcp_new(BEGIN_NS, false, false);
	struct tcp_row row = active_row(1);
	char *text;

	model_tcp_ended(&row, m);
	text = report_of(m, &plan, false);
	ASSERT_NE(NULL, text);
	EXPECT_EQ(NULL, strstr(text, "CLOSING"));
	free(text);
	for (int i = 0; i < 2; i++) {
		row.cookie++;
		row.state_ns[STATE_CLOSING] = 1000 + 2000 * i;
		model_tcp_ended(&row, m);
	}
	text = report_of(m, &plan, false);
	ASSERT_NE(NULL, text);
	EXPECT_NE(NULL, strstr(text, "\n                       CLOSING, for both closed at once: 2, "
				     "2.00us  3.00us\n"));
	free(text);
	model_tcp_free(m);
}

/* The finding of a report in which port 80 dropped three packets, @full SYNs for the full queue. */
static char *drops_text(uint64_t full, uint64_t counted, bool had, uint32_t netns)
{
	static const struct tcp_plan plan = { .tier = TIER_FENTRY, .handshakes = true };
	static const struct tcp_listener listener = {
		.record = { .key = { .local_port = 80, .family = AF_INET }, .comm = "server",
			    .tgid = 100, .netns = 7, .queue_max = 8 },
		.drops = 3, .owners = 1,
	};
	uint8_t counters_had[NETSTAT_NR] = { [NETSTAT_listen_drops] = had };
	struct tcp_group g = { .key = { .port = 80, .passive = 1 }, .full = full, .syns = 5,
			       .connections = 1 };
	const struct tcp_group *groups[] = { &g };
	struct tcp_report r = {
		.host = "h", .release = "r", .plan = &plan,
		.figures = { .groups = groups, .groups_nr = 1, .listeners = &listener,
			     .listeners_nr = 1 },
		.counters = { [NETSTAT_listen_drops] = counted },
		.counters_had = counters_had, .counters_netns = netns,
	};
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	report_tcp_findings(out, &r, &(struct text_options){ 0 });
	fclose(out);
	return text;
}

TEST(what_a_listener_drops_is_told_as_harm_only_where_it_is)
{
	static const struct {
		uint64_t full, counted;
		bool had;
		uint32_t netns;
		const char *said;
	} cases[] = {
		/* What harms is counted by the namespace too; resets and the like are not. */
		{ 0, 0, true, 7, NULL },
		{ 0, 2, true, 7, "Port 80 (server, 100): at most 2 SYNs or ACKs were dropped;" },
		{ 0, 90, true, 7, "Port 80 (server, 100): at most 3 SYNs or ACKs were dropped;" },
		{ 1, 1, true, 7, "Port 80 (server, 100): 1 SYNs found the accept queue full;" },
		{ 1, 3, true, 7, "Port 80 (server, 100): 1 SYNs found the accept queue full and at most "
				 "2 more SYNs or ACKs were dropped;" },
		/* Of another namespace, or of a kernel that has none, nothing is known. */
		{ 0, 3, true, 8, NULL },
		{ 0, 3, false, 7, NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char *text = drops_text(cases[i].full, cases[i].counted, cases[i].had, cases[i].netns);

		ASSERT_NE(NULL, text);
		if (cases[i].said) {
			EXPECT_EQ(text, strstr(text, cases[i].said));
		} else {
			EXPECT_EQ(NULL, strstr(text, "Port 80 ("));
		}
		free(text);
	}
}

TEST(a_picture_has_an_arrow_for_the_reset_that_we_sent)
{
	struct tcp_plan plan = { .tier = TIER_TRACEPOINT };
	struct tcp_row row = active_row(1);
	char *text;

	row.synack_ns = row.established_ns = row.state_ns[STATE_ESTABLISHED] = 0;
	row.closer = CLOSER_NONE;
	row.flags |= TCP_RESET_OUT;
	text = connection_text(&row, &plan);
	EXPECT_NE(NULL, strstr(text, "|---- RST              --->|  given_up\n"));
	free(text);
}
