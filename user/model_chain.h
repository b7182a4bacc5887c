/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The model of chains: what happens between a file's becoming ready and the return
 * of the wait call that slept for it, and who woke whom. Pure, as model_wait.
 */
#ifndef IOREADY_MODEL_CHAIN_H
#define IOREADY_MODEL_CHAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "abi.h"
#include "err.h"
#include "histogram.h"

/**
 * struct chain_figures - the chains of a process (or thread)
 * @tgid, @start_ns, @comm: the process; @comm is untrusted bytes
 * @tid, @thread_comm: the thread, where the model tells threads apart; else 0
 * @calls: that a wake found asleep and that came back with something
 * @turns: times that a wait call followed another
 * @switches: voluntary and involuntary ones in the work between
 * @parts: of the calls, by enum chain_part: their sums make up the whole time
 * @work: of the turns
 * @served: of the calls, those after which the thread read from the file that had
 *	woken it, wrote to it or accepted from it before it waited again; @serve is how
 *	long the first such call took to come back, from the return of the wait
 * @nothing: of these, the ones that found nothing left (EAGAIN)
 * @unserved: calls after which it waited again without
 */
struct chain_figures {
	uint32_t tgid;
	uint64_t start_ns;
	char comm[16];
	uint32_t tid;
	char thread_comm[16];
	uint64_t calls;
	uint64_t turns;
	uint64_t switches[2];
	struct chain_times {
		struct histogram histogram;
		uint64_t sum;
		uint64_t max;
	} parts[CHAIN_NR], work, serve;
	uint64_t served;
	uint64_t nothing;
	uint64_t unserved;
};

/**
 * struct fd_chain_figures - the chains of one fd
 * @tgid, @start_ns, @epfd, @fd: which; see &struct fd_chain_row
 * @calls, @served, @nothing, @unserved, @parts, @serve: as in &struct chain_figures
 */
struct fd_chain_figures {
	uint32_t tgid;
	uint64_t start_ns;
	int32_t epfd;
	int32_t fd;
	uint64_t calls;
	uint64_t served;
	uint64_t nothing;
	uint64_t unserved;
	struct chain_times parts[CHAIN_NR], serve;
};

/**
 * struct waker_figures - who woke a process, and how often
 * @key: who whom, and in what; see bpf/abi.h
 * @comm: the waker's name; untrusted bytes
 * @wakes: how often
 */
struct waker_figures {
	struct waker_key key;
	char comm[16];
	uint64_t wakes;
};

struct model_chain;

/** model_chain_new() - an empty model; NULL when out of memory */
struct model_chain *model_chain_new(bool threads);

/* As those of model_wait; other records than those of chains are passed over. */
void model_chain_begin(void *arg);
void model_chain_ended(const struct record *record, void *arg);
void model_chain_living(const struct record *record, void *arg);

/** model_chain_waker() - where an entry of the table of wakers stands */
void model_chain_waker(const struct waker_key *key, const struct waker *waker, void *arg);

/** model_chain_fd() - where a row of the table of fds stands */
void model_chain_fd(const struct fd_chain_row *row, void *arg);

/**
 * model_chain_figures() - where everything stands, most chains first
 *
 * As model_wait_figures().
 */
int model_chain_figures(struct model_chain *m, bool interval, struct chain_figures **figures,
			struct err *err);

/**
 * model_chain_wakers() - who woke whom, by woken process, the most frequent first
 *
 * As model_chain_figures().
 */
int model_chain_wakers(struct model_chain *m, bool interval, struct waker_figures **figures,
		       struct err *err);

/**
 * model_chain_fds() - by fd, most chains first
 *
 * As model_chain_figures().
 */
int model_chain_fds(struct model_chain *m, bool interval, struct fd_chain_figures **figures,
		    struct err *err);

/** typedef forgotten_fn - gets each pair that is dropped */
typedef void (*forgotten_fn)(const struct waker_key *key, void *arg);

/**
 * model_chain_forget() - as model_wait_forget(), and right after model_chain_wakers()
 * @fn: told of pairs in which nobody was woken in the last interval, so that the
 *	table has room for others; or NULL
 *
 * Their wakers have mostly ended: on a busy machine the table would soon be full.
 */
void model_chain_forget(struct model_chain *m, forgotten_fn fn, void *arg);

const char *chain_part_name(enum chain_part part);
const char *wake_context_name(enum wake_context context);

void model_chain_free(struct model_chain *m);

#endif /* IOREADY_MODEL_CHAIN_H */
