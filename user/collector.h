/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The collector: loads the programs, attaches them by plan, and hands out what
 * they count as records of bpf/abi.h.
 *
 * Life cycle: collector_open(), collector_attach(), [collector_follow()],
 * collector_snapshot() as often as wanted, collector_detach(), a last
 * collector_snapshot(), collector_close(). Not thread-safe.
 */
#ifndef IOREADY_COLLECTOR_H
#define IOREADY_COLLECTOR_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "abi.h"
#include "err.h"
#include "filter.h"
#include "kernel.h"

enum scan_mode {
	SCANS_SAMPLE,	/* derive, and count exactly in short slices */
	SCANS_EXACT,	/* count each */
	SCANS_DERIVE,	/* derive only */
};

/**
 * struct losses - what is not in the figures, and why
 * @count: by enum loss
 * @nested: runs of a program that the kernel skipped because one of ours (or,
 *	for tracepoints and kprobes, anybody's) was running on that CPU
 * @threads_32bit: threads of 32-bit programs, whose calls are not decoded
 */
struct losses {
	uint64_t count[LOSS_NR];
	uint64_t nested;
	uint64_t threads_32bit;
};

struct collector;
struct map_bill;

/**
 * struct settings - how to trace
 * @filter: whom
 * @scans: SCANS_EXACT is -EOPNOTSUPP where the plan has no scan hooks
 * @epoll_ctl: whether epoll_ctl is counted too
 * @events: whether each call is told; with @event_min_ns, @event_empty and
 *	@event_failed only those that took so long, found nothing (or were woken for
 *	nothing), failed
 * @events_bytes: size of their ring, a power of two of at least a page
 * @chain: whether the chain from ready to returned is followed
 * @chain_fds: and for each fd; only with @chain
 * @herd: whether it is counted who is woken for which file
 * @herd_events: whether files that wake two threads or more are told one by one
 * @items: whether it is counted which epoll items are asked, and why
 * @ring_bytes: size of the ring, a power of two of at least a page
 */
struct settings {
	struct filter filter;
	enum scan_mode scans;
	bool epoll_ctl;
	bool chain;
	bool chain_fds;
	bool herd;
	bool items;
	bool herd_events;
	bool events;
	uint64_t event_min_ns;
	bool event_empty;
	bool event_failed;
	uint32_t events_bytes;
	uint32_t ring_bytes;
};

/**
 * collector_open() - load the programs of a plan
 * @collector: set to the new collector
 * @kernel: must outlive it
 * @plan: from kernel_plan()
 * @settings: copied
 * @err: the message
 *
 * Return: 0 or -errno.
 */
int collector_open(struct collector **collector, const struct kernel *kernel,
		   const struct plan *plan, const struct settings *settings, struct err *err);

/**
 * collector_attach() - put the hooks in place and mark the calls begun before
 *
 * Return: 0 or -errno.
 */
int collector_attach(struct collector *c, struct err *err);

/**
 * collector_follow() - with filter.tree: trace this process and what it starts
 * @pid: a process that has not yet run what is to be traced
 *
 * Return: 0 or -errno.
 */
int collector_follow(struct collector *c, pid_t pid, struct err *err);

/**
 * collector_scan_slice() - start or end a slice of exact counting
 * @on: whether ->poll() functions are to be hooked from now
 *
 * For SCANS_SAMPLE; nothing happens otherwise, or without scan hooks.
 * collector_attach() begins with a slice. Where kprobes are set one by one
 * there is no second: that takes too long, and Debian's kernels want
 * CAP_SYS_ADMIN for it, which is gone by then.
 *
 * Return: 0 or -errno; a failure leaves the derived figures as they are.
 */
int collector_scan_slice(struct collector *c, bool on, struct err *err);

/** typedef record_fn - gets each record; valid during the call only */
typedef void (*record_fn)(const struct record *record, void *arg);

/**
 * collector_drain() - hand out the rows of threads that ended since the last time
 *
 * To be called about ten times a second, so that the ring does not fill up.
 *
 * Return: 0 or -errno.
 */
int collector_drain(struct collector *c, record_fn fn, void *arg, struct err *err);

/**
 * collector_events() - hand out the calls that returned since the last time, and the
 *	files that woke several
 *
 * With settings.events or settings.herd_events; to be called often, so that their ring does not fill up.
 *
 * Return: 0 or -errno.
 */
int collector_events(struct collector *c, record_fn fn, void *arg, struct err *err);

/**
 * struct snapshot_fns - who gets what in a snapshot
 * @begin: what was told of living threads before is void now
 * @ended: the last word of a thread that ended; as collector_drain()
 * @living: what stands in a living thread's row so far, from its first call on
 */
struct snapshot_fns {
	void (*begin)(void *arg);
	record_fn ended;
	record_fn living;
};

/**
 * collector_snapshot() - hand out where every thread stands
 *
 * Each thread that ever counted is told exactly once over all @ended calls and
 * this snapshot's @living calls.
 *
 * Return: 0 or -errno.
 */
int collector_snapshot(struct collector *c, const struct snapshot_fns *fns, void *arg,
		       struct err *err);

/** typedef waker_fn - gets each pair; valid during the call only */
typedef void (*waker_fn)(const struct waker_key *key, const struct waker *waker, void *arg);

/**
 * collector_wakers() - hand out who woke whom so far, with settings.chain
 *
 * Return: 0 or -errno.
 */
int collector_wakers(struct collector *c, waker_fn fn, void *arg, struct err *err);

/**
 * collector_waker_forget() - make room in the table
 * @key: of a pair; its next wake is counted from 0 again, and one that comes just now
 *	is in no figure
 */
void collector_waker_forget(struct collector *c, const struct waker_key *key);

/** typedef fd_chain_fn - gets each fd; valid during the call only */
typedef void (*fd_chain_fn)(const struct fd_chain_row *row, void *arg);

/**
 * collector_fd_chains() - hand out the chains of each fd so far, with settings.chain_fds
 *
 * Return: 0 or -errno.
 */
int collector_fd_chains(struct collector *c, fd_chain_fn fn, void *arg, struct err *err);

/** typedef epoll_fn - gets each epoll; valid during the call only */
typedef void (*epoll_fn)(const struct epoll_row *epoll, void *arg);

/**
 * collector_epolls() - hand out the epolls that are waited on, with herds or items
 *
 * Return: 0 or -errno.
 */
int collector_epolls(struct collector *c, epoll_fn fn, void *arg, struct err *err);

/**
 * collector_losses() - losses so far; 32-bit threads as of the last snapshot
 */
void collector_losses(struct collector *c, struct losses *losses);

/**
 * collector_has_herd(), collector_has_items(), collector_has_served() - whether what the
 *	settings ask can be had: herds, items, the last part of chains
 *
 * Without hooks on who wakes it cannot; nor items where the compiler left no function
 * that asks one.
 */
bool collector_has_herd(const struct collector *c);
bool collector_has_items(const struct collector *c);
bool collector_has_served(const struct collector *c);

/**
 * collector_threads_fd() - the map of threads, for programs that read what it knows
 *
 * Return: its fd, which stays the collector's.
 */
int collector_threads_fd(const struct collector *c);

/** collector_scan_functions() - number of ->poll() functions hooked, 0 for none */
int collector_scan_functions(const struct collector *c);

/**
 * collector_detach() - take all hooks away but those that tell of ending threads
 */
void collector_detach(struct collector *c);

void collector_close(struct collector *c);

/**
 * collector_bill() - what the maps would cost on this kernel
 * @ring_bytes, @events_bytes: as in &struct settings
 * @bill: filled, at most @max entries
 *
 * Nothing is loaded.
 *
 * Return: number of entries, or -errno.
 */
int collector_bill(const struct kernel *kernel, uint32_t ring_bytes, uint32_t events_bytes,
		   struct map_bill *bill, int max);

#endif /* IOREADY_COLLECTOR_H */
