/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The model of herds: how often a file became ready, whom that woke, and who of these
 * found something. Pure, as model_wait.
 */
#ifndef IOREADY_MODEL_HERD_H
#define IOREADY_MODEL_HERD_H

#include <stdbool.h>
#include <stdint.h>

#include "abi.h"
#include "err.h"

/**
 * struct herd_member - a thread that was woken for a file
 * @tgid, @start_ns, @comm: its process; @comm is untrusted bytes
 * @tid: itself
 * @herd: by enum herd_figure
 */
struct herd_member {
	uint32_t tgid;
	uint64_t start_ns;
	char comm[16];
	uint32_t tid;
	__u64 herd[HERD_NR];
};

/**
 * struct herd_figures - a file that was waited for
 * @file: what is known of it; its figures are those of the window or interval
 * @closed: files of one process that are closed, and woke one thread each, from the
 *	thousandth on: how many these figures sum up; of @file, only process and figures are set. 0: one file
 * @members, @members_nr: who was woken for it, the most often woken first
 * @watchers: items of epolls that watch it now, in processes that were traced; 0: not
 *	known. Who was never woken is only here.
 */
struct herd_figures {
	struct file_row file;
	__u64 closed;
	struct herd_member *members;
	int members_nr;
	uint32_t watchers;
};

struct model_herd;

/** model_herd_new() - an empty model; NULL when out of memory */
struct model_herd *model_herd_new(void);

/* As those of model_wait; other records than RECORD_FILE and RECORD_HERD are passed over. */
void model_herd_begin(void *arg);
void model_herd_ended(const struct record *record, void *arg);
void model_herd_living(const struct record *record, void *arg);

/**
 * model_herd_watcher() - an item of an epoll watches this inode now
 * @ino, @dev: of the file
 *
 * After model_herd_living() of the same snapshot. What has no inode of its own is
 * passed over.
 */
void model_herd_watcher(struct model_herd *m, uint64_t ino, uint32_t dev);

/**
 * model_herd_figures() - where everything stands, most wakes first
 *
 * As model_wait_figures(); to be freed by model_herd_figures_free().
 */
int model_herd_figures(struct model_herd *m, bool interval, struct herd_figures **figures,
		       struct err *err);
void model_herd_figures_free(struct herd_figures *figures, int nr);

/** model_herd_free() - and all that it holds; NULL is fine */
void model_herd_free(struct model_herd *m);

#endif /* IOREADY_MODEL_HERD_H */
