/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What connections add to a group: a part of the model of connections, see model_tcp.h. */
#ifndef IOREADY_MODEL_TCP_GROUP_H
#define IOREADY_MODEL_TCP_GROUP_H

#include "model_tcp.h"

/**
 * struct tcp_span - of which handshakes and accepts are counted
 * @begin_ns, @end_ns: monotonic; @end_ns is UINT64_MAX as long as it is not known
 * @owned: one that was accepted is counted by when it was, for whose it is was not known before
 */
struct tcp_span {
	uint64_t begin_ns;
	uint64_t end_ns;
	bool owned;
};

/*
 * Both return false if there is no memory for a histogram; the rest has been added.
 */

/** tcp_group_ended() - what a connection adds in all, when it has ended */
bool tcp_group_ended(struct tcp_group *g, const struct tcp_span *span, const struct tcp_row *row);

/** tcp_group_living() - what it has added up to @now_ns, monotonic, if it lives then */
bool tcp_group_living(struct tcp_group *g, const struct tcp_span *span, const struct tcp_row *row,
		      uint64_t now_ns);

/**
 * tcp_group_copy() - have the same figures twice
 * @to: zeroed, or a copy of before
 */
bool tcp_group_copy(struct tcp_group *to, const struct tcp_group *from);

/** tcp_group_forget_times() - free what a group's histograms take */
void tcp_group_forget_times(struct tcp_group *g);

/** tcp_times_add() - one more */
void tcp_times_add(struct tcp_times *t, uint64_t ns);

#endif /* IOREADY_MODEL_TCP_GROUP_H */
