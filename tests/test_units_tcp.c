// SPDX-License-Identifier: GPL-2.0-or-later
/* test_units_tcp.c - connections, datagrams and minisocks, from rows to print. */
#include "test_units.h"

/* --- connections --------------------------------------------------------------------- */

#define BEGIN_NS UINT64_C(1000000)
#define END_NS (BEGIN_NS + 1000000)

/* A connection that a peer made to port 80; accepted by process 100, and over. */
static struct tcp_row passive_row(uint64_t cookie)
{
	struct tcp_row row = { .cookie = cookie, .netns_cookie = 1, .netns = 7, .family = AF_INET,
			       .local = { 192, 0, 2, 1 }, .remote = { 198, 51, 100, 9 },
			       .local_port = 80, .remote_port = 40000, .tgid = 100, .tid = 101,
			       .start_ns = 5, .comm = "server", .state = STATE_CLOSE,
			       .flags = TCP_PASSIVE | TCP_OWNED, .closer = CLOSER_REMOTE,
			       .bytes_in = 10, .bytes_out = 1000, .retransmits = 2 };

	row.syn_ns = BEGIN_NS + 100;
	row.synack_ns = BEGIN_NS + 110;
	row.established_ns = BEGIN_NS + 310;
	row.accepted_ns = BEGIN_NS + 5310;
	row.closing_ns = BEGIN_NS + 9000;
	row.ended_ns = row.since_ns = BEGIN_NS + 10310;
	row.state_ns[STATE_ESTABLISHED] = 8690;
	row.state_ns[STATE_CLOSE_WAIT] = 1310;
	return row;
}

/* One that process 200 made to 198.51.100.9:443; over. */
static struct tcp_row active_row(uint64_t cookie)
{
	struct tcp_row row = { .cookie = cookie, .netns_cookie = 1, .netns = 7, .family = AF_INET,
			       .local = { 192, 0, 2, 1 }, .remote = { 198, 51, 100, 9 },
			       .local_port = 50000, .remote_port = 443, .tgid = 200, .tid = 200,
			       .start_ns = 6, .comm = "client", .state = STATE_CLOSE,
			       .flags = TCP_OWNED, .closer = CLOSER_LOCAL };

	row.syn_ns = BEGIN_NS + 50;
	row.synack_ns = row.established_ns = BEGIN_NS + 1050;
	row.ended_ns = row.since_ns = BEGIN_NS + 3050;
	row.state_ns[STATE_SYN_SENT] = 1000;
	row.state_ns[STATE_ESTABLISHED] = 2000;
	return row;
}

static struct listener_record listener(uint64_t cookie, uint32_t tgid, uint64_t drops)
{
	return (struct listener_record){ .kind = TCP_RECORD_LISTENER,
					 .size = sizeof(struct listener_record), .cookie = cookie,
					 .key = { .netns_cookie = 1, .local_port = 80,
						  .family = AF_INET },
					 .comm = "server", .tgid = tgid, .drops = drops,
					 .queue = 3, .queue_max = 128 };
}

TEST(a_passive_handshake_is_told_in_its_parts)
{
	struct model_tcp *m = model_tcp_new(BEGIN_NS, false, false);
	struct tcp_row row = passive_row(1);
	const struct tcp_group *g;
	struct tcp_figures f;
	struct err err;

	model_tcp_ended(&row, m);
	ASSERT_EQ(0, model_tcp_figures(m, END_NS, &f, &err));
	ASSERT_EQ(1, f.groups_nr);
	g = f.groups[0];
	EXPECT_EQ(1, g->key.passive);
	EXPECT_EQ(80, g->key.port);
	EXPECT_EQ(0, g->key.family);
	EXPECT_EQ(100, g->tgid);
	EXPECT_STREQ("server", g->comm);
	EXPECT_EQ(1, g->connections);
	EXPECT_EQ(1, g->established);
	EXPECT_EQ(1, g->accepted);
	EXPECT_EQ(0, g->unaccepted);
	EXPECT_EQ(1, g->ended);
	EXPECT_EQ(1, g->closed[CLOSER_REMOTE]);
	EXPECT_EQ(10, g->bytes_in);
	EXPECT_EQ(1000, g->bytes_out);
	EXPECT_EQ(2, g->retransmits);
	EXPECT_EQ(10, g->times[TIME_SYNACK]->sum);
	EXPECT_EQ(200, g->times[TIME_ACK]->sum);
	EXPECT_EQ(5000, g->times[TIME_ACCEPT]->sum);
	EXPECT_EQ(10000, g->times[TIME_LIFE]->sum);
	EXPECT_EQ(NULL, g->times[TIME_HANDSHAKE]);
	EXPECT_EQ(1310, g->state_sum_ns[STATE_CLOSE_WAIT]);
	EXPECT_EQ(0, g->state_n[STATE_LAST_ACK]);
	EXPECT_EQ(1, f.exemplar.cookie);

	/* By a SYN cookie: when the SYN came is not known. By Fast Open: accepted before the ACK. */
	row = passive_row(2);
	row.flags |= TCP_COOKIE;
	row.syn_ns = row.synack_ns = 0;
	model_tcp_ended(&row, m);
	row = passive_row(3);
	row.flags |= TCP_FASTOPEN;
	row.accepted_ns = row.established_ns - 100;
	model_tcp_ended(&row, m);
	/* Nobody accepted it. */
	row = passive_row(4);
	row.flags &= ~TCP_OWNED;
	row.accepted_ns = 0;
	row.flags |= TCP_RESET_OUT;
	model_tcp_ended(&row, m);
	ASSERT_EQ(0, model_tcp_figures(m, END_NS, &f, &err));
	g = f.groups[0];
	EXPECT_EQ(4, g->connections);
	EXPECT_EQ(1, g->cookies);
	EXPECT_EQ(1, g->fastopen);
	EXPECT_EQ(3, g->accepted);
	EXPECT_EQ(1, g->unaccepted);
	EXPECT_EQ(1, g->resets_out);
	EXPECT_EQ(3, g->times[TIME_SYNACK]->n);
	EXPECT_EQ(3, g->times[TIME_ACK]->n);
	EXPECT_EQ(3, g->times[TIME_ACCEPT]->n);
	EXPECT_EQ(10000, g->times[TIME_ACCEPT]->sum);
	EXPECT_EQ(5000, g->times[TIME_ACCEPT]->max);
	model_tcp_free(m);
}

TEST(active_connections_are_by_process_and_peer_and_fail_in_ways)
{
	static const struct {
		uint16_t error;
		enum tcp_failure failure;
	} failures[] = {
		{ ECONNREFUSED, FAILURE_REFUSED }, { ECONNRESET, FAILURE_RESET },
		{ ETIMEDOUT, FAILURE_TIMEOUT },	   { ENETUNREACH, FAILURE_UNREACHABLE },
		{ EHOSTUNREACH, FAILURE_UNREACHABLE }, { 0, FAILURE_GIVEN_UP },
		{ EPIPE, FAILURE_OTHER },
	};
	struct model_tcp *m = model_tcp_new(BEGIN_NS, true, true);
	struct tcp_row row = active_row(1);
	const struct tcp_group *g;
	struct tcp_figures f;
	struct err err;

	model_tcp_ended(&row, m);
	row = active_row(2);
	row.tgid = 201;
	model_tcp_ended(&row, m);
	for (size_t i = 0; i < ARRAY_SIZE(failures); i++) {
		row = active_row(10 + i);
		row.synack_ns = row.established_ns = 0;
		row.error = failures[i].error;
		row.state_ns[STATE_ESTABLISHED] = 0;
		row.syn_retransmits = 1;
		EXPECT_EQ(failures[i].failure, tcp_failure(&row));
		model_tcp_ended(&row, m);
	}
	ASSERT_EQ(0, model_tcp_figures(m, END_NS, &f, &err));
	ASSERT_EQ(2, f.groups_nr);
	g = f.groups[0];
	EXPECT_EQ(0, g->key.passive);
	EXPECT_EQ(200, g->key.tgid);
	EXPECT_EQ(443, g->key.port);
	EXPECT_EQ(AF_INET, g->key.family);
	EXPECT_EQ(1 + ARRAY_SIZE(failures), g->connections);
	EXPECT_EQ(1, g->established);
	EXPECT_EQ(1000, g->times[TIME_HANDSHAKE]->sum);
	EXPECT_EQ(1, g->times[TIME_LIFE]->n);
	EXPECT_EQ(ARRAY_SIZE(failures), g->syn_retransmits);
	EXPECT_EQ(1, g->failed[FAILURE_REFUSED]);
	EXPECT_EQ(1, g->failed[FAILURE_RESET]);
	EXPECT_EQ(1, g->failed[FAILURE_TIMEOUT]);
	EXPECT_EQ(2, g->failed[FAILURE_UNREACHABLE]);
	EXPECT_EQ(1, g->failed[FAILURE_GIVEN_UP]);
	EXPECT_EQ(1, g->failed[FAILURE_OTHER]);
	EXPECT_EQ(201, f.groups[1]->key.tgid);
	/* That it was established was not seen, and is seen by what followed: it did not fail. */
	row.state_ns[STATE_ESTABLISHED] = 2000;
	row.error = 0;
	row.cookie = 29;
	model_tcp_ended(&row, m);
	ASSERT_EQ(0, model_tcp_figures(m, END_NS, &f, &err));
	EXPECT_EQ(1, f.groups[0]->failed[FAILURE_GIVEN_UP]);
	EXPECT_EQ(1, f.groups[0]->established);
	EXPECT_EQ(1, f.groups[0]->times[TIME_LIFE]->n);

	/* Where processes are filtered, what nobody accepted is a number only. */
	row = passive_row(30);
	row.flags &= ~TCP_OWNED;
	model_tcp_ended(&row, m);
	ASSERT_EQ(0, model_tcp_figures(m, END_NS, &f, &err));
	EXPECT_EQ(2, f.groups_nr);
	EXPECT_EQ(1, f.unowned);
	model_tcp_free(m);
}

TEST(who_made_what_was_there_before_is_told_by_who_listens)
{
	struct model_tcp *m = model_tcp_new(BEGIN_NS, false, false);
	struct listener_record l = listener(9, 100, 0);
	struct tcp_row row = passive_row(1);
	struct tcp_figures f;
	struct err err;

	row.flags = TCP_SEEDED | TCP_OWNED;
	row.syn_ns = row.synack_ns = row.established_ns = row.accepted_ns = 0;
	model_tcp_begin(m);
	model_tcp_listener(&l, m);
	model_tcp_ended(&row, m);
	/* Nobody listens on port 81; and on 80 in another namespace. */
	row.cookie = 2;
	row.local_port = 81;
	model_tcp_ended(&row, m);
	row.cookie = 3;
	row.local_port = 80;
	row.netns_cookie = 2;
	model_tcp_ended(&row, m);
	ASSERT_EQ(0, model_tcp_figures(m, END_NS, &f, &err));
	ASSERT_EQ(3, f.groups_nr);
	EXPECT_EQ(1, f.groups[0]->key.passive);
	EXPECT_EQ(1, f.groups[0]->connections);
	EXPECT_EQ(1, f.groups[0]->seeded);
	EXPECT_EQ(0, f.groups[0]->established);
	EXPECT_EQ(0, f.groups[0]->accepted);
	EXPECT_EQ(0, f.groups[0]->unaccepted);
	EXPECT_EQ(NULL, f.groups[0]->times[TIME_LIFE]);
	EXPECT_EQ(0, f.groups[1]->key.passive);
	EXPECT_EQ(0, f.groups[1]->failed[FAILURE_GIVEN_UP]);
	EXPECT_EQ(1, f.exemplar.cookie);
	model_tcp_free(m);
}

TEST(the_picture_is_of_whose_beginning_took_longest)
{
	struct model_tcp *m = model_tcp_new(BEGIN_NS, false, false);
	struct tcp_row row = active_row(1);
	struct tcp_figures f;
	struct err err;

	ASSERT_EQ(0, model_tcp_figures(m, END_NS, &f, &err));
	EXPECT_EQ(0, f.exemplar.cookie);
	/* It was there before, and is. */
	row.flags |= TCP_SEEDED;
	row.state = STATE_ESTABLISHED;
	row.syn_ns = row.established_ns = row.ended_ns = row.state_ns[STATE_SYN_SENT] = 0;
	model_tcp_living(&row, m);
	ASSERT_EQ(0, model_tcp_figures(m, END_NS, &f, &err));
	EXPECT_EQ(1, f.exemplar.cookie);
	/* And ended. */
	row.cookie = 2;
	row.state = STATE_CLOSE;
	row.ended_ns = BEGIN_NS + 10;
	model_tcp_ended(&row, m);
	ASSERT_EQ(0, model_tcp_figures(m, END_NS, &f, &err));
	EXPECT_EQ(2, f.exemplar.cookie);
	/* It was refused within 3 us; one goes on with its SYN for 5 us, another for 4. */
	row = active_row(3);
	row.synack_ns = row.established_ns = row.state_ns[STATE_ESTABLISHED] = 0;
	row.error = ECONNREFUSED;
	model_tcp_ended(&row, m);
	ASSERT_EQ(0, model_tcp_figures(m, END_NS, &f, &err));
	EXPECT_EQ(3, f.exemplar.cookie);
	row.error = row.ended_ns = row.state_ns[STATE_SYN_SENT] = 0;
	row.state = STATE_SYN_SENT;
	for (int i = 0; i < 2; i++) {
		row.cookie = 4 + i;
		row.syn_ns = BEGIN_NS + 1000 * i;
		model_tcp_living(&row, m);
	}
	ASSERT_EQ(0, model_tcp_figures(m, BEGIN_NS + 5000, &f, &err));
	EXPECT_EQ(4, f.exemplar.cookie);
	/* Any that was established says more; the longer, the more. */
	row = active_row(6);
	model_tcp_ended(&row, m);
	ASSERT_EQ(0, model_tcp_figures(m, END_NS, &f, &err));
	EXPECT_EQ(6, f.exemplar.cookie);
	row = passive_row(7);
	model_tcp_ended(&row, m);
	ASSERT_EQ(0, model_tcp_figures(m, END_NS, &f, &err));
	EXPECT_EQ(7, f.exemplar.cookie);
	/* Where SYNs are not seen, the SYN-ACK was sent again: that took a second. */
	row.cookie = 8;
	row.syn_ns = row.synack_ns = 0;
	model_tcp_ended(&row, m);
	ASSERT_EQ(0, model_tcp_figures(m, END_NS, &f, &err));
	EXPECT_EQ(7, f.exemplar.cookie);
	row.cookie = 9;
	row.syn_retransmits = 1;
	model_tcp_ended(&row, m);
	ASSERT_EQ(0, model_tcp_figures(m, END_NS, &f, &err));
	EXPECT_EQ(9, f.exemplar.cookie);
	row = active_row(10);
	row.established_ns = row.syn_ns + UINT64_C(3000000000);
	model_tcp_ended(&row, m);
	ASSERT_EQ(0, model_tcp_figures(m, END_NS, &f, &err));
	EXPECT_EQ(10, f.exemplar.cookie);
	model_tcp_free(m);
}

TEST(what_lives_is_told_anew_by_each_snapshot)
{
	struct model_tcp *m = model_tcp_new(BEGIN_NS, false, false);
	struct tcp_row row = passive_row(1);
	struct timewait_row waiting = { .cookie = 50, .born_ns = BEGIN_NS + 10 };
	struct tcp_figures f;
	struct err err;

	row.state = STATE_CLOSE_WAIT;
	row.state_ns[STATE_CLOSE_WAIT] = row.ended_ns = 0;
	row.since_ns = BEGIN_NS + 9000;
	row.own_zeros = row.own_zero_sum_ns = row.own_zero_max_ns = 1;
	row.segment_ns = BEGIN_NS + 9400;
	row.own_zero_ns = BEGIN_NS + 9500;
	model_tcp_begin(m);
	model_tcp_living(&row, m);
	model_tcp_waiting(&waiting, m);
	for (int i = 0; i < 2; i++) {
		/* Asking again adds nothing. */
		ASSERT_EQ(0, model_tcp_figures(m, BEGIN_NS + 10000, &f, &err));
		ASSERT_EQ(1, f.groups_nr);
		EXPECT_EQ(1, f.groups[0]->connections);
		EXPECT_EQ(0, f.groups[0]->ended);
		EXPECT_EQ(1, f.groups[0]->living[STATE_CLOSE_WAIT]);
		EXPECT_EQ(1000, f.groups[0]->longest_ns[STATE_CLOSE_WAIT]);
		EXPECT_EQ(1000, f.groups[0]->state_sum_ns[STATE_CLOSE_WAIT]);
		/* One window is over, and it is shut again. */
		EXPECT_EQ(2, f.groups[0]->own_zeros);
		EXPECT_EQ(501, f.groups[0]->own_zero_sum_ns);
		EXPECT_EQ(500, f.groups[0]->own_zero_max_ns);
		EXPECT_EQ(0, f.groups[0]->peer_zeros);
		EXPECT_EQ(1, f.groups[0]->times[TIME_ACCEPT]->n);
		EXPECT_EQ(1, f.minisocks.now);
	}
	/* It ends while the snapshot is taken: told as living, then as ended. */
	model_tcp_begin(m);
	model_tcp_living(&row, m);
	row = passive_row(1);
	model_tcp_ended(&row, m);
	ASSERT_EQ(0, model_tcp_figures(m, END_NS, &f, &err));
	ASSERT_EQ(1, f.groups_nr);
	EXPECT_EQ(1, f.groups[0]->connections);
	EXPECT_EQ(1, f.groups[0]->ended);
	EXPECT_EQ(0, f.groups[0]->living[STATE_CLOSE_WAIT]);
	EXPECT_EQ(1310, f.groups[0]->state_sum_ns[STATE_CLOSE_WAIT]);
	EXPECT_EQ(0, f.minisocks.now);
	/* What was living is void at the next, and a group of nothing is not told. */
	row = active_row(2);
	row.state = STATE_ESTABLISHED;
	model_tcp_begin(m);
	model_tcp_living(&row, m);
	ASSERT_EQ(0, model_tcp_figures(m, END_NS, &f, &err));
	EXPECT_EQ(2, f.groups_nr);
	model_tcp_begin(m);
	ASSERT_EQ(0, model_tcp_figures(m, END_NS, &f, &err));
	EXPECT_EQ(1, f.groups_nr);
	model_tcp_free(m);
}

/* --- datagrams ------------------------------------------------------------------------- */

static struct udp_row socket_row(uint64_t id, uint16_t port, uint32_t tgid)
{
	return (struct udp_row){ .id = id, .netns_cookie = 1, .netns = 7, .family = AF_INET,
				 .local_port = port, .tgid = tgid, .start_ns = tgid,
				 .comm = "named", .flags = tgid ? UDP_OWNED : 0 };
}

TEST(datagrams_are_of_a_port_and_a_process)
{
	struct model_udp *m = model_udp_new(false), *next;
	struct udp_row a = socket_row(1, 53, 100), b = socket_row(2, 53, 100);
	struct udp_row c = socket_row(3, 5353, 101);
	struct udp_port_row spoilt = { .key = { .netns_cookie = 1, .netns = 7, .port = 53 },
				       .spoilt = 4 };
	const struct udp_group *const *g;

	a.received = 10;
	a.full = 5;
	a.memory = 1;
	/* Two of them were found wrong when they were read. */
	a.first_drops = 100;
	a.drops = 108;
	b.received = 1;
	b.flags |= UDP_FILTERED;
	b.drops = 3;
	c.received = 1000;
	model_udp_living(m, &a);
	model_udp_living(m, &c);
	model_udp_ended(m, &b);
	model_udp_port(m, &spoilt);
	for (int i = 0; i < 2; i++) {
		/* Asking again adds nothing. */
		ASSERT_EQ(2, model_udp_figures(m, &g));
		EXPECT_EQ(53, g[0]->key.port);
		EXPECT_EQ(100, g[0]->key.tgid);
		EXPECT_STREQ("named", g[0]->comm);
		EXPECT_EQ(2, g[0]->sockets);
		EXPECT_EQ(1, g[0]->ended);
		EXPECT_EQ(11, g[0]->received);
		EXPECT_EQ(5, g[0]->full);
		EXPECT_EQ(1, g[0]->memory);
		EXPECT_EQ(11, g[0]->dropped);
		EXPECT_EQ(2, g[0]->spoilt_reading);
		EXPECT_EQ(4, g[0]->spoilt_coming);
		EXPECT_EQ(3, g[0]->refused);
		EXPECT_EQ(1000, g[1]->received);
		EXPECT_EQ(0, udp_lost(g[1]));
	}
	/* The next interval has what comes in it. */
	next = model_udp_next(m);
	a.received = 12;
	a.full = 6;
	a.drops = 109;
	spoilt.spoilt = 5;
	model_udp_ended(next, &a);
	model_udp_port(next, &spoilt);
	ASSERT_EQ(2, model_udp_figures(next, &g));
	EXPECT_EQ(53, g[0]->key.port);
	EXPECT_EQ(1, g[0]->sockets);
	EXPECT_EQ(2, g[0]->received);
	EXPECT_EQ(1, g[0]->full);
	EXPECT_EQ(1, g[0]->dropped);
	EXPECT_EQ(0, g[0]->spoilt_reading);
	EXPECT_EQ(1, g[0]->spoilt_coming);
	EXPECT_EQ(0, g[1]->received);
	model_udp_free(next);
	model_udp_free(m);
}

TEST(drops_do_not_go_back)
{
	static const struct {
		uint32_t first, drops;
		uint64_t dropped;
	} cases[] = { { 5, 7, 2 }, { 5, 4, 0 }, { UINT32_MAX, 1, 2 }, { 1, UINT32_MAX, 0 } };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct model_udp *m = model_udp_new(false);
		struct udp_row row = socket_row(1, 53, 100);
		const struct udp_group *const *g;

		row.first_drops = cases[i].first;
		row.drops = cases[i].drops;
		model_udp_living(m, &row);
		ASSERT_EQ(1, model_udp_figures(m, &g));
		EXPECT_EQ(cases[i].dropped, g[0]->dropped);
		EXPECT_EQ(cases[i].dropped, g[0]->spoilt_reading);
		model_udp_free(m);
	}
}

TEST(spoilt_datagrams_of_several_or_nobody_have_a_row)
{
	struct model_udp *m = model_udp_new(false), *owned = model_udp_new(true);
	struct udp_row a = socket_row(1, 53, 100), b = socket_row(2, 53, 101), c = socket_row(3, 9, 0);
	struct udp_port_row spoilt = { .key = { .netns_cookie = 1, .netns = 7, .port = 53 },
				       .spoilt = 4 };
	const struct udp_group *const *g;

	/* Its kernel does not say why. */
	c.flags |= UDP_VAGUE;
	c.drops = 2;
	model_udp_living(m, &a);
	model_udp_living(m, &b);
	model_udp_living(m, &c);
	model_udp_port(m, &spoilt);
	ASSERT_EQ(4, model_udp_figures(m, &g));
	EXPECT_EQ(0, g[0]->key.tgid);
	EXPECT_EQ(0, g[0]->sockets);
	EXPECT_EQ(4, g[0]->spoilt_coming);
	EXPECT_EQ(9, g[1]->key.port);
	EXPECT_EQ(1, g[1]->vague);
	EXPECT_EQ(2, g[1]->dropped);
	EXPECT_EQ(0, g[1]->spoilt_reading);
	/* Where processes are asked about, nobody's are not told, but a port of theirs is. */
	model_udp_living(owned, &c);
	model_udp_port(owned, &spoilt);
	EXPECT_EQ(0, model_udp_figures(owned, &g));
	model_udp_living(owned, &a);
	ASSERT_EQ(1, model_udp_figures(owned, &g));
	EXPECT_EQ(4, g[0]->spoilt_coming);
	model_udp_free(owned);
	model_udp_free(m);
}

TEST(ports_beyond_those_told_apart_are_one)
{
	struct model_udp *m = model_udp_new(false);
	const struct udp_group *const *g;
	uint64_t received = 0;
	bool others = false;
	int n;

	for (int i = 1; i <= 5000; i++) {
		struct udp_row row = socket_row(i, i, 100);

		row.received = 1;
		model_udp_ended(m, &row);
	}
	n = model_udp_figures(m, &g);
	ASSERT_EQ(4097, n);
	for (int i = 0; i < n; i++) {
		received += g[i]->received;
		others |= !g[i]->key.port && g[i]->key.tgid == 100 && g[i]->received == 904;
	}
	EXPECT_EQ(5000, received);
	EXPECT_TRUE(others);
	model_udp_free(m);
}

TEST(an_interval_counts_its_own)
{
	struct model_tcp *m = model_tcp_new(BEGIN_NS, false, false), *next;
	struct listen_row came = { .key = { .netns_cookie = 1, .local_port = 80,
					    .family = AF_INET },
				   .syns = 5, .kept = 4, .synack_retransmits = 1 };
	struct listener_record l = listener(9, 100, 40), new = listener(10, 100, 3);
	struct tcp_row row = passive_row(1);
	struct tcp_figures f;
	struct err err;

	model_tcp_begin(m);
	model_tcp_listener(&l, m);
	/* The second process that has it names nothing. */
	l.tgid = 102;
	model_tcp_listener(&l, m);
	model_tcp_begin(m);
	l.tgid = 100;
	l.drops = 42;
	model_tcp_listener(&l, m);
	model_tcp_listening(&came, m);
	/* One that began within the window: all that it dropped is the window's. */
	new.key.local_port = 82;
	model_tcp_listener(&new, m);
	model_tcp_ended(&row, m);
	ASSERT_EQ(0, model_tcp_figures(m, BEGIN_NS + 20000, &f, &err));
	ASSERT_EQ(2, f.listeners_nr);
	EXPECT_EQ(2, f.listeners[0].drops);
	EXPECT_EQ(1, f.listeners[0].owners);
	EXPECT_EQ(100, f.listeners[0].record.tgid);
	EXPECT_EQ(3, f.listeners[1].drops);
	EXPECT_EQ(5, f.groups[0]->syns);

	model_tcp_until(m, BEGIN_NS + 20000);
	next = model_tcp_next(m);
	ASSERT_NE(NULL, next);
	model_tcp_free(m);
	m = next;
	/* Before its own snapshot: made before it, and there before the window. */
	model_tcp_ended(&row, m);
	row.cookie = 2;
	row.flags = TCP_SEEDED | TCP_OWNED;
	row.syn_ns = row.synack_ns = row.established_ns = row.accepted_ns = 0;
	model_tcp_ended(&row, m);
	model_tcp_begin(m);
	l.drops = 47;
	model_tcp_listener(&l, m);
	came.syns = 11;
	came.kept = 6;
	model_tcp_listening(&came, m);
	ASSERT_EQ(0, model_tcp_figures(m, END_NS, &f, &err));
	ASSERT_EQ(1, f.listeners_nr);
	EXPECT_EQ(5, f.listeners[0].drops);
	ASSERT_EQ(1, f.groups_nr);
	EXPECT_EQ(2, f.groups[0]->connections);
	EXPECT_EQ(2, f.groups[0]->ended);
	EXPECT_EQ(0, f.groups[0]->established);
	EXPECT_EQ(NULL, f.groups[0]->times[TIME_SYNACK]);
	EXPECT_EQ(6, f.groups[0]->syns);
	EXPECT_EQ(2, f.groups[0]->kept);
	EXPECT_EQ(0, f.groups[0]->synack_retransmits);
	model_tcp_free(m);
}

TEST(what_a_snapshot_tells_of_later_is_the_next_interval_s)
{
	const uint64_t border = BEGIN_NS + 7000;
	struct model_tcp *m = model_tcp_new(BEGIN_NS, false, false), *next;
	struct tcp_row a = passive_row(1), b = passive_row(2), c = passive_row(3);
	struct tcp_figures f;
	struct err err;

	/* Made and accepted before, closed after; accepted after; made after, and there. */
	b.accepted_ns = border + 1;
	c.established_ns = border;
	c.accepted_ns = c.ended_ns = 0;
	c.flags = TCP_PASSIVE;
	c.state = STATE_ESTABLISHED;
	model_tcp_until(m, border);
	model_tcp_begin(m);
	model_tcp_living(&c, m);
	model_tcp_ended(&a, m);
	model_tcp_ended(&b, m);
	ASSERT_EQ(0, model_tcp_figures(m, border, &f, &err));
	ASSERT_EQ(1, f.groups_nr);
	EXPECT_EQ(2, f.groups[0]->connections);
	EXPECT_EQ(2, f.groups[0]->established);
	EXPECT_EQ(1, f.groups[0]->accepted);
	EXPECT_EQ(1, f.groups[0]->times[TIME_ACCEPT]->n);
	EXPECT_EQ(0, f.groups[0]->ended);
	EXPECT_EQ(NULL, f.groups[0]->times[TIME_LIFE]);

	next = model_tcp_next(m);
	ASSERT_NE(NULL, next);
	model_tcp_begin(next);
	model_tcp_living(&c, next);
	ASSERT_EQ(0, model_tcp_figures(next, END_NS, &f, &err));
	ASSERT_EQ(1, f.groups_nr);
	EXPECT_EQ(3, f.groups[0]->connections);
	EXPECT_EQ(1, f.groups[0]->established);
	EXPECT_EQ(1, f.groups[0]->accepted);
	EXPECT_EQ(2, f.groups[0]->ended);
	EXPECT_EQ(2, f.groups[0]->times[TIME_LIFE]->n);
	model_tcp_free(next);
	model_tcp_free(m);
}

/* Before it is accepted it is nobody's, so that the interval of that has all of it. */
TEST(with_a_filter_an_interval_has_what_was_accepted_in_it)
{
	const uint64_t border = BEGIN_NS + 5000;
	struct model_tcp *m = model_tcp_new(BEGIN_NS, true, false), *next;
	struct tcp_row row = passive_row(1);
	struct tcp_figures f;
	struct err err;

	row.flags = TCP_PASSIVE;
	model_tcp_until(m, border);
	model_tcp_begin(m);
	model_tcp_living(&row, m);
	ASSERT_EQ(0, model_tcp_figures(m, border, &f, &err));
	EXPECT_EQ(0, f.groups_nr);
	next = model_tcp_next(m);
	ASSERT_NE(NULL, next);
	row.flags |= TCP_OWNED;
	model_tcp_ended(&row, next);
	ASSERT_EQ(0, model_tcp_figures(next, END_NS, &f, &err));
	ASSERT_EQ(1, f.groups_nr);
	EXPECT_EQ(1, f.groups[0]->established);
	EXPECT_EQ(1, f.groups[0]->accepted);
	EXPECT_EQ(1, f.groups[0]->times[TIME_SYNACK]->n);
	model_tcp_free(next);
	model_tcp_free(m);
}

TEST(syns_of_which_none_came_further_are_told)
{
	struct model_tcp *m = model_tcp_new(BEGIN_NS, false, false);
	struct listen_row came = { .key = { .netns_cookie = 1, .local_port = 80,
					    .family = AF_INET }, .syns = 2 };
	struct listener_record l = listener(9, 100, 0);
	struct tcp_figures f;
	struct err err;

	/* What came while hooks were put in place is before the window. */
	model_tcp_begin(m);
	model_tcp_listening(&came, m);
	model_tcp_begin(m);
	came.syns = 7;
	model_tcp_listening(&came, m);
	/* Whoever listens on another port is not asked about. */
	came.key.local_port = 81;
	model_tcp_listening(&came, m);
	model_tcp_listener(&l, m);
	for (int i = 0; i < 2; i++) {
		ASSERT_EQ(0, model_tcp_figures(m, END_NS, &f, &err));
		ASSERT_EQ(1, f.groups_nr);
		EXPECT_EQ(80, f.groups[0]->key.port);
		EXPECT_EQ(100, f.groups[0]->tgid);
		EXPECT_EQ(0, f.groups[0]->connections);
		EXPECT_EQ(5, f.groups[0]->syns);
	}
	model_tcp_free(m);
}

TEST(one_that_was_connecting_at_the_begin_may_fail)
{
	struct tcp_row row = { .flags = TCP_SEEDED | TCP_OWNED, .state = STATE_SYN_SENT };

	EXPECT_FALSE(tcp_established(&row));
	row.state_ns[STATE_SYN_SENT] = 5;
	row.state = STATE_CLOSE;
	EXPECT_FALSE(tcp_established(&row));
	row.established_ns = 7;
	EXPECT_TRUE(tcp_established(&row));
	row = (struct tcp_row){ .flags = TCP_SEEDED, .state = STATE_CLOSE };
	EXPECT_TRUE(tcp_established(&row));
}

TEST(networks_are_told_apart_on_request)
{
	struct model_tcp *m = model_tcp_new(BEGIN_NS, false, true);
	struct tcp_row row = passive_row(1);
	struct tcp_figures f;
	struct err err;

	model_tcp_ended(&row, m);
	/* The same host, as an IPv6 socket sees it; its neighbour; another network; IPv6. */
	row = passive_row(2);
	row.family = AF_INET6;
	memcpy(row.remote, "\0\0\0\0\0\0\0\0\0\0\377\377\306\063\144\011", 16);
	model_tcp_ended(&row, m);
	row = passive_row(3);
	row.remote[3] = 200;
	model_tcp_ended(&row, m);
	row.cookie = 4;
	row.remote[2] = 101;
	model_tcp_ended(&row, m);
	row.cookie = 5;
	row.family = AF_INET6;
	inet_pton(AF_INET6, "2001:db8:1:2:3:4:5:6", row.remote);
	model_tcp_ended(&row, m);
	row.cookie = 6;
	inet_pton(AF_INET6, "2001:db8:1:2::1", row.remote);
	model_tcp_ended(&row, m);
	ASSERT_EQ(0, model_tcp_figures(m, END_NS, &f, &err));
	ASSERT_EQ(3, f.groups_nr);
	EXPECT_EQ(3, f.groups[0]->connections);
	EXPECT_EQ(AF_INET, f.groups[0]->key.family);
	EXPECT_EQ(0, memcmp(f.groups[0]->key.peer, "\306\063\144\0", 4));
	EXPECT_EQ(2, f.groups[1]->connections);
	EXPECT_EQ(AF_INET6, f.groups[1]->key.family);
	EXPECT_EQ(0, f.groups[1]->key.peer[8]);
	EXPECT_EQ(1, f.groups[2]->connections);
	model_tcp_free(m);
}

TEST(peers_beyond_the_table_are_counted)
{
	struct model_tcp *m = model_tcp_new(BEGIN_NS, false, false);
	struct tcp_row row = active_row(1);
	struct tcp_figures f;
	struct err err;

	for (uint32_t i = 0; i < 4100; i++) {
		row.cookie = 1 + i;
		memcpy(row.remote, &i, sizeof(i));
		model_tcp_ended(&row, m);
	}
	row.cookie = 5000;
	row.state = STATE_ESTABLISHED;
	model_tcp_begin(m);
	model_tcp_living(&row, m);
	for (int i = 0; i < 2; i++) {
		ASSERT_EQ(0, model_tcp_figures(m, END_NS, &f, &err));
		EXPECT_EQ(4096, f.groups_nr);
		EXPECT_EQ(5, f.overflow);
	}
	model_tcp_free(m);
}

TEST(minisocks_are_timed_in_each_state)
{
	struct model_tcp *m = model_tcp_new(BEGIN_NS, false, false);
	struct timewait_row t = { .cookie = 1, .born_ns = BEGIN_NS, .time_wait_ns = BEGIN_NS,
				  .ended_ns = BEGIN_NS + 60000 };
	struct tcp_row row = active_row(1);
	struct tcp_figures f;
	struct err err;

	row.flags |= TCP_LEFT_BEHIND;
	model_tcp_ended(&row, m);
	model_tcp_timewait(&t, m);
	/* In FIN_WAIT_2 first; and one whose peer never sent its FIN. */
	t.time_wait_ns = BEGIN_NS + 500;
	t.end = TIMEWAIT_CUT;
	model_tcp_timewait(&t, m);
	t.time_wait_ns = 0;
	t.end = TIMEWAIT_EXPIRED;
	model_tcp_timewait(&t, m);
	ASSERT_EQ(0, model_tcp_figures(m, END_NS, &f, &err));
	EXPECT_EQ(1, f.minisocks.born);
	EXPECT_EQ(2, f.minisocks.expired);
	EXPECT_EQ(1, f.minisocks.cut);
	EXPECT_EQ(2, f.minisocks.time_wait.n);
	EXPECT_EQ(119500, f.minisocks.time_wait.sum);
	EXPECT_EQ(2, f.minisocks.fin_wait2.n);
	EXPECT_EQ(60000, f.minisocks.fin_wait2.max);
	EXPECT_EQ(60500, f.minisocks.fin_wait2.sum);
	model_tcp_free(m);
}

TEST(minisocks_that_a_new_connection_ends_are_reused)
{
	struct model_tcp *m = model_tcp_new(BEGIN_NS, false, false);
	struct timewait_row t = { .cookie = 1, .born_ns = BEGIN_NS, .time_wait_ns = BEGIN_NS,
				  .ended_ns = BEGIN_NS + 10, .end = TIMEWAIT_REUSED };
	struct model_tcp *next;
	struct tcp_figures f;
	struct err err;

	model_tcp_timewait(&t, m);
	for (int i = 0; i < 2; i++) {
		t.end = TIMEWAIT_CUT;
		model_tcp_timewait(&t, m);
	}
	/* What is told twice is one. */
	t.end = TIMEWAIT_TAKEN_OVER;
	model_tcp_timewait(&t, m);
	ASSERT_EQ(0, model_tcp_figures(m, END_NS, &f, &err));
	EXPECT_EQ(2, f.minisocks.reused);
	EXPECT_EQ(1, f.minisocks.cut);
	EXPECT_EQ(0, f.minisocks.expired);
	EXPECT_EQ(3, f.minisocks.time_wait.n);
	/* An interval may begin between the two. */
	model_tcp_until(m, END_NS);
	next = model_tcp_next(m);
	ASSERT_NE(NULL, next);
	model_tcp_timewait(&t, next);
	ASSERT_EQ(0, model_tcp_figures(next, END_NS, &f, &err));
	EXPECT_EQ(1, f.minisocks.reused);
	EXPECT_EQ(0, f.minisocks.cut);
	model_tcp_free(next);
	model_tcp_free(m);
}

TEST(minisocks_of_others_are_not_asked_about)
{
	struct model_tcp *m = model_tcp_new(BEGIN_NS, true, false);
	struct timewait_row t = { .cookie = 1, .born_ns = BEGIN_NS, .time_wait_ns = BEGIN_NS + 2,
				  .ended_ns = BEGIN_NS + 1, .owned = 1 };
	struct tcp_figures f;
	struct err err;

	model_tcp_timewait(&t, m);
	model_tcp_begin(m);
	model_tcp_waiting(&t, m);
	t.owned = 0;
	model_tcp_timewait(&t, m);
	model_tcp_waiting(&t, m);
	ASSERT_EQ(0, model_tcp_figures(m, END_NS, &f, &err));
	EXPECT_EQ(1, f.minisocks.expired);
	EXPECT_EQ(1, f.minisocks.now);
	/* Its end was seen before the peer's FIN, by another CPU. */
	EXPECT_EQ(1, f.minisocks.time_wait.n);
	EXPECT_EQ(0, f.minisocks.time_wait.max);
	model_tcp_free(m);
}

TEST(a_socket_that_connects_anew_is_another_connection)
{
	struct model_tcp *m = model_tcp_new(BEGIN_NS, false, false);
	struct tcp_row row = active_row(1), new = active_row(1);
	struct tcp_figures f;
	struct err err;

	new.syn_ns = row.ended_ns + 1000;
	new.established_ns = new.ended_ns = 0;
	new.state = STATE_SYN_SENT;
	model_tcp_begin(m);
	model_tcp_living(&new, m);
	/* Its end comes by the ring after that. */
	model_tcp_ended(&row, m);
	ASSERT_EQ(0, model_tcp_figures(m, END_NS, &f, &err));
	ASSERT_EQ(1, f.groups_nr);
	EXPECT_EQ(2, f.groups[0]->connections);
	EXPECT_EQ(1, f.groups[0]->ended);
	model_tcp_free(m);
}

TEST(drops_of_a_listener_are_counted_in_32_bits)
{
	struct model_tcp *m = model_tcp_new(BEGIN_NS, false, false);
	struct listener_record l = listener(1, 100, 0xfffffff0);
	struct tcp_figures f;
	struct err err;

	model_tcp_begin(m);
	model_tcp_listener(&l, m);
	model_tcp_begin(m);
	l.drops = 5;
	model_tcp_listener(&l, m);
	ASSERT_EQ(0, model_tcp_figures(m, END_NS, &f, &err));
	ASSERT_EQ(1, f.listeners_nr);
	EXPECT_EQ(21, f.listeners[0].drops);
	model_tcp_free(m);
}

/* A report of connections as text, and behind it as JSON; to be freed. */
static char *tcp_report_said(const struct tcp_report *r)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	report_tcp_text(out, r, &(struct text_options){ 0 });
	report_tcp_json(out, r);
	fclose(out);
	return text;
}

TEST(those_that_end_by_time_out_are_counted_whoever_closed)
{
	static const uint16_t errors[] = { ETIMEDOUT, EHOSTUNREACH, ECONNREFUSED };
	static const struct tcp_plan plan = { .tier = TIER_TRACEPOINT };
	struct model_tcp *m = model_tcp_new(BEGIN_NS, false, false);
	struct tcp_report r = { .host = "h", .release = "r", .plan = &plan };
	struct tcp_row row;
	struct err err;
	char *text;

	for (size_t i = 0; i < ARRAY_SIZE(errors); i++) {
		row = active_row(1 + i);
		row.error = errors[i];
		EXPECT_TRUE(tcp_timed_out(&row));
		model_tcp_ended(&row, m);
	}
	/* By a reset, or before it was established. */
	row = active_row(10);
	row.error = ECONNRESET;
	row.flags |= TCP_RESET_IN;
	model_tcp_ended(&row, m);
	row = active_row(11);
	row.error = ETIMEDOUT;
	row.established_ns = row.state_ns[STATE_ESTABLISHED] = 0;
	EXPECT_FALSE(tcp_timed_out(&row));
	model_tcp_ended(&row, m);
	row = passive_row(12);
	row.error = ETIMEDOUT;
	model_tcp_ended(&row, m);
	ASSERT_EQ(0, model_tcp_figures(m, END_NS, &r.figures, &err));
	ASSERT_EQ(2, r.figures.groups_nr);
	EXPECT_EQ(1, r.figures.groups[0]->timed_out);
	EXPECT_EQ(1, r.figures.groups[0]->closed[CLOSER_REMOTE]);
	EXPECT_EQ(3, r.figures.groups[1]->timed_out);
	EXPECT_EQ(1, r.figures.groups[1]->failed[FAILURE_TIMEOUT]);
	text = tcp_report_said(&r);
	EXPECT_NE(NULL, strstr(text, "client (200): 3 connections to 198.51.100.9:443 ended by time-out"));
	EXPECT_NE(NULL, strstr(text, "server (100): 1 connections to port 80 ended by time-out"));
	EXPECT_NE(NULL, strstr(text, "\"resets_out\":0,\"timed_out\":3"));
	free(text);
	model_tcp_free(m);
}

TEST(a_stay_that_a_minisock_goes_on_with_is_not_over)
{
	struct model_tcp *m = model_tcp_new(BEGIN_NS, false, false);
	struct tcp_row row = active_row(1);
	struct tcp_figures f;
	struct err err;

	row.state_ns[STATE_FIN_WAIT1] = 1000;
	row.state_ns[STATE_FIN_WAIT2] = 2000;
	row.flags |= TCP_ORPHANED;
	model_tcp_ended(&row, m);
	ASSERT_EQ(0, model_tcp_figures(m, END_NS, &f, &err));
	ASSERT_EQ(1, f.groups_nr);
	EXPECT_EQ(1, f.groups[0]->state_n[STATE_FIN_WAIT1]);
	EXPECT_EQ(0, f.groups[0]->state_n[STATE_FIN_WAIT2]);
	model_tcp_free(m);
}

static int file_of(const char *text)
{
	int fd = memfd_create("counters", MFD_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		abort();
	return fd;
}

TEST(counters_are_found_by_section_and_name)
{
	struct netstat n = { .fds = { file_of("TcpExt: SyncookiesSent New ListenDrops Short\n"
					      "TcpExt: 7 1 12\n"
					      "MPTcpExt: ListenDrops\n"
					      "MPTcpExt: 99\n"
					      "Odd: ListenDrops\n"),
				      file_of("Tcp: RetransSegs InCsumErrors\n"
					      "Tcp: 5 6\n"
					      "Udp: InDatagrams InCsumErrors\n"
					      "Udp: 18446744073709551615 8\n") } };
	uint64_t since[NETSTAT_NR];
	struct err err;

	n.value[NETSTAT_listen_drops] = 10;
	ASSERT_EQ(0, netstat_since(&n, since, &err));
	EXPECT_EQ(7, since[NETSTAT_syncookies_sent]);
	EXPECT_EQ(2, since[NETSTAT_listen_drops]);
	EXPECT_EQ(5, since[NETSTAT_retransmits]);
	EXPECT_EQ(6, since[NETSTAT_checksum_errors]);
	EXPECT_EQ(UINT64_MAX, since[NETSTAT_udp_received]);
	EXPECT_EQ(8, since[NETSTAT_udp_checksum_errors]);
	EXPECT_EQ(0, since[NETSTAT_listen_overflows]);
	netstat_close(&n);
}
