/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Datagrams in, figures out. Pure: no clock, no kernel, no output. A part of model_tcp.c,
 * which hands on what is told of them.
 *
 * Sockets are summed up by the port here and the process. What is told of a socket or a port
 * only grows, so a model takes what came since it began, and an interval's the same of its.
 */
#ifndef IOREADY_MODEL_UDP_H
#define IOREADY_MODEL_UDP_H

#include <stdbool.h>
#include <stdint.h>

#include "abi_udp.h"

/**
 * struct udp_key - what sockets are summed up by
 * @start_ns, @tgid: the process; 0: none is known
 * @port: the one here; 0: of more than are told apart
 */
struct udp_key {
	uint64_t netns_cookie;
	uint64_t start_ns;
	uint32_t tgid;
	uint16_t port;
	uint16_t pad;
};

/**
 * struct udp_group - the figures of sockets that have a key in common
 * @netns: number of the inode of their network namespace
 * @comm: the process's name
 * @sockets: of them; @ended: those that are closed, as far as that is seen
 * @received, @bytes: datagrams that were read, and their bytes
 * @dropped: what the kernel itself counts as dropped at these sockets, for whatever reason
 * @full, @memory: see struct udp_row
 * @vague: sockets of which it does not say what found no room: then @full is not known, nor
 *	is @spoilt_reading
 * @spoilt_coming: datagrams with a wrong checksum, found when they came: those to the port,
 *	with the process that alone has it, else with none
 * @spoilt_reading: found when a program read or polled: what the kernel has dropped there
 *	for no other reason that is known
 * @refused: datagrams that were dropped for another reason on their way into the queue; at
 *	sockets with a filter also those that were spoilt before it
 * @filtered: sockets with a filter
 */
struct udp_group {
	struct udp_key key;
	uint32_t netns;
	char comm[16];
	uint64_t sockets;
	uint64_t ended;
	uint64_t received;
	uint64_t bytes;
	uint64_t dropped;
	uint64_t full;
	uint64_t memory;
	uint64_t vague;
	uint64_t spoilt_coming;
	uint64_t spoilt_reading;
	uint64_t refused;
	uint64_t filtered;
};

struct model_udp;

/** model_udp_new() - nothing seen yet; @owned: as of model_tcp_new() */
struct model_udp *model_udp_new(bool owned);

/** model_udp_next() - nothing seen yet but what @m was told last; NULL when out of memory */
struct model_udp *model_udp_next(const struct model_udp *m);

/* What is told, as by struct tcp_fns. */
void model_udp_ended(struct model_udp *m, const struct udp_row *row);
void model_udp_living(struct model_udp *m, const struct udp_row *row);
void model_udp_port(struct model_udp *m, const struct udp_port_row *row);

/**
 * model_udp_figures() - the figures, most that was dropped first
 * @groups: set; valid until the model is told more
 *
 * Return: number of groups, or -ENOMEM; then something that was told is missing too.
 */
int model_udp_figures(struct model_udp *m, const struct udp_group *const **groups);

void model_udp_free(struct model_udp *m);

/** udp_spoilt(), udp_lost() - with a wrong checksum; and all that came to no program, or more */
uint64_t udp_spoilt(const struct udp_group *g);
uint64_t udp_lost(const struct udp_group *g);

#endif /* IOREADY_MODEL_UDP_H */
