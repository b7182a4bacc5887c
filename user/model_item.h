/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The model of epoll items: how often each was asked, why, and what it answered; and
 * which of an epoll's interest list were never ready. Pure, as model_wait.
 */
#ifndef IOREADY_MODEL_ITEM_H
#define IOREADY_MODEL_ITEM_H

#include <stdbool.h>
#include <stdint.h>

#include "abi.h"
#include "err.h"

/**
 * struct item_figures - one fd of an epoll
 * @item: the figures of the window or interval; see bpf/abi.h. What was registered
 *	under the same fd one after the other is one item here
 * @name, @name_known: the file, as it was last seen; or not
 * @listed: it is in the interest list now, and was not asked in the window
 */
struct item_figures {
	struct item_row item;
	struct file_row name;
	bool name_known;
	bool listed;
};

/**
 * struct epoll_figures - one epoll
 * @tgid, @start_ns, @epfd: process and fd by which it was first seen
 * @items: in its interest list now; 0 if that could not be read
 * @never: of these, the ones that were never found ready in the window
 * @sum: of its items, with @sum.fd -1
 */
struct epoll_figures {
	uint32_t tgid;
	uint64_t start_ns;
	int32_t epfd;
	uint64_t items;
	uint64_t never;
	struct item_row sum;
};

struct model_item;

/** model_item_new() - an empty model; NULL when out of memory */
struct model_item *model_item_new(void);

/* As those of model_wait; other records than RECORD_FILE and RECORD_ITEM are passed over. */
void model_item_begin(void *arg);
void model_item_ended(const struct record *record, void *arg);
void model_item_living(const struct record *record, void *arg);

/**
 * model_item_interest() - what stands in an interest list now
 * @tgid, @start_ns, @epfd: whose
 * @fd, @events: one line of it
 *
 * After model_item_living() of the same snapshot.
 */
void model_item_interest(struct model_item *m, uint32_t tgid, uint64_t start_ns, int32_t epfd,
			 int32_t fd, uint32_t events);

/**
 * model_item_figures() - where every item stands, most scans first
 *
 * As model_wait_figures().
 */
int model_item_figures(struct model_item *m, bool interval, struct item_figures **figures,
		       struct err *err);

/**
 * model_item_epolls() - the same by epoll; before model_item_figures() of an interval
 *
 * As model_wait_figures().
 */
int model_item_epolls(struct model_item *m, bool interval, struct epoll_figures **figures,
		      struct err *err);

/** model_item_free() - and all that it holds; NULL is fine */
void model_item_free(struct model_item *m);

#endif /* IOREADY_MODEL_ITEM_H */
