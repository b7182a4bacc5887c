/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * rows.h - where the rows of connections are, by the cookie of the socket. A part of tcp.bpf.c.
 *
 * LOCKING: there is none. Hooks that make a row run under the lock of its socket. The iterator
 * does not, and gives way if a hook has made one, too: see seed(). Nor does accept(): if a reset
 * ends its connection while it writes to the row, and a new one takes the same seat within these
 * nanoseconds, it writes to that.
 */
#ifndef IOREADY_ROWS_H
#define IOREADY_ROWS_H

struct row_seats SEATS_OF(struct tcp_row);

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, SEATS_MAX / SEATS_BESIDE);
	__type(key, u32);
	__type(value, struct row_seats);
} seats SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, CONNECTIONS_MAX);
	__type(key, u64);
	__type(value, struct tcp_row);
} connections SEC(".maps");

static __always_inline void row_blank(struct tcp_row *row)
{
	if (data_on)
		__builtin_memset(row, 0, sizeof(*row));
	else
		__builtin_memset(row, 0, TCP_ROW_SHORT);
}

/* How many are in the array; each stands for SEATS_BESIDE. */
const volatile __u32 seats_nr = SEATS_MAX / SEATS_BESIDE;

SEATS_AND_HASH(row, seats, connections, struct tcp_row, cookie,
	       data_on ? sizeof(struct tcp_row) : TCP_ROW_SHORT, seats_nr)

#endif /* IOREADY_ROWS_H */
