// SPDX-License-Identifier: GPL-2.0-or-later
#include "run.h"

#include <errno.h>
#include <stdlib.h>

#include "interest.h"

#define SECOND UINT64_C(1000000000)
/*
 * Exact counting of scans, where it is sampled: the collector starts with a
 * slice, so that a short run has one too; then there is one every ten seconds.
 */
#define SLICE_NS (SECOND / 5)
#define SLICE_EVERY_NS (10 * SECOND)

int run_open(struct run *run, const struct options *o, struct err *err)
{
	int ret = window_open(&run->window, o, err);

	if (ret)
		return ret;
	run->o = o;
	run->model = model_wait_new(o->threads);
	run->chains = model_chain_new(o->threads);
	run->herds = model_herd_new();
	run->items = model_item_new();
	if (!run->model || !run->chains || !run->herds || !run->items)
		return err_set(err, -ENOMEM, "out of memory");
	return 0;
}

int run_load(struct run *run, struct err *err)
{
	const struct options *o = run->o;
	uint64_t begin = window_now();
	const struct settings settings = {
		.filter = run->window.filter,
		.scans = o->scans,
		.epoll_ctl = o->epoll_ctl,
		.events = o->events,
		.event_min_ns = o->event_min_ns,
		.event_empty = o->event_empty,
		.event_failed = o->event_failed,
		.events_bytes = o->events_bytes,
		.chain = o->chain,
		.chain_fds = o->chain_fds,
		.herd = o->herd,
		.herd_events = o->herd_events,
		.items = o->items,
		.ring_bytes = o->ring_bytes,
	};
	int ret = collector_open(&run->collector, &run->window.kernel, &run->window.plan, &settings, err);

	run->load_ms = (window_now() - begin) / 1e6;
	return ret;
}

int run_attach(struct run *run, struct err *err)
{
	uint64_t begin = window_now();
	int ret = 0;

	if (run->window.has_command)
		ret = collector_follow(run->collector, run->window.command.pid, err);
	if (!ret)
		ret = collector_attach(run->collector, err);
	if (ret)
		return ret;
	run->scan_functions = collector_scan_functions(run->collector);
	ret = window_begin(&run->window, err);
	run->told_ns = run->window.start_ns;
	run->slicing = true;
	run->slice_ns = run->window.start_ns + SLICE_NS;
	run->attach_ms = (run->window.start_ns - begin) / 1e6;
	return ret;
}

/* Each record goes to all models, and each takes what is its own. */
static void on_begin(void *arg)
{
	struct run *run = arg;

	model_wait_begin(run->model);
	model_chain_begin(run->chains);
	model_herd_begin(run->herds);
	model_item_begin(run->items);
	if (run->also)
		run->also->begin(run->also_arg);
}

static void on_ended(const struct record *record, void *arg)
{
	struct run *run = arg;

	model_wait_ended(record, run->model);
	model_chain_ended(record, run->chains);
	model_herd_ended(record, run->herds);
	model_item_ended(record, run->items);
	if (run->also)
		run->also->ended(record, run->also_arg);
}

static void on_living(const struct record *record, void *arg)
{
	struct run *run = arg;

	model_wait_living(record, run->model);
	model_chain_living(record, run->chains);
	model_herd_living(record, run->herds);
	model_item_living(record, run->items);
	if (run->also)
		run->also->living(record, run->also_arg);
}

static const struct snapshot_fns snapshot_fns = { on_begin, on_ended, on_living };

int run_snapshot(struct run *run, struct err *err)
{
	return collector_snapshot(run->collector, &snapshot_fns, run, err);
}

static void slice_turn(struct run *run)
{
	run->slicing = !run->slicing;
	/* The derived figures stay as they are: no failure of the run. */
	if (!collector_scan_slice(run->collector, run->slicing, &run->slice_err))
		run->slice_err.text[0] = 0;
	run->slice_ns = window_now() + (run->slicing ? SLICE_NS : SLICE_EVERY_NS);
}

int run_turn(struct run *run, uint64_t until_ns, int input, struct err *err)
{
	int ret;

	if (window_now() >= run->slice_ns)
		slice_turn(run);
	ret = collector_drain(run->collector, on_ended, run, err);
	return ret ? ret : (int)window_wait(&run->window, until_ns, input);
}

/* Interest lists are read by the rows' own word of who waits on which epoll fd. */
static int interest_sample(struct run *run, struct err *err)
{
	struct wait_figures *f;
	int n = model_wait_figures(run->model, false, &f, err);

	if (n < 0)
		return n;
	for (int i = 0; i < n; i++) {
		int64_t items;
		bool seen = false;

		if (!f[i].alive || f[i].epfd < 0)
			continue;
		for (int j = 0; j < i && !seen; j++)
			seen = f[j].tgid == f[i].tgid && f[j].epfd == f[i].epfd;
		if (seen)
			continue;
		items = interest_count(f[i].tgid, f[i].epfd);
		if (items >= 0)
			model_wait_watched(run->model, f[i].tgid, f[i].epfd, items);
	}
	free(f);
	return 0;
}

struct listing {
	struct run *run;
	const struct epoll_row *epoll;
};

static int on_interest(const struct interest *interest, void *arg)
{
	const struct listing *listing = arg;
	const struct epoll_row *by = listing->epoll;

	if (listing->run->o->herd)
		model_herd_watcher(listing->run->herds, interest->ino, interest->dev);
	if (listing->run->o->items)
		model_item_interest(listing->run->items, by->tgid, by->start_ns, by->epfd,
				    interest->fd, interest->events);
	return 0;
}

/* What stands in the interest lists of the epolls that programs know; if it can be read. */
static void on_epoll(const struct epoll_row *epoll, void *arg)
{
	struct listing listing = { arg, epoll };

	interest_read(epoll->tgid, epoll->epfd, on_interest, &listing);
}

int run_report(struct run *run, bool interval, uint64_t end_ns, struct report *report,
	       struct err *err)
{
	const struct options *o = run->o;
	uint64_t begin_ns = interval ? run->told_ns : run->window.start_ns;
	struct wait_figures *waits = NULL;
	struct chain_figures *chains = NULL;
	struct waker_figures *wakers = NULL;
	struct fd_chain_figures *fd_chains = NULL;
	struct herd_figures *herds = NULL;
	struct epoll_figures *epolls = NULL;
	struct item_figures *items = NULL;
	int ret;

	*report = (struct report){
		.host = run->window.kernel.host,
		.release = run->window.kernel.release,
		.plan = run->window.plan,
		.scans = o->scans,
		.scan_functions = run->scan_functions,
		.start_unix_ns = run->window.start_unix_ns + (begin_ns - run->window.start_ns),
		.seconds = (end_ns - begin_ns) / 1e9,
		.interval = interval,
		.chain = o->chain,
		.chain_fds = o->chain_fds,
		.herd = o->herd,
		.items = o->items,
		.served_had = collector_has_served(run->collector),
		.herd_had = collector_has_herd(run->collector),
		.items_had = collector_has_items(run->collector),
		.threads = o->threads,
	};
	ret = run_snapshot(run, err);
	if (!ret)
		ret = interest_sample(run, err);
	if (!ret && o->chain)
		ret = collector_wakers(run->collector, model_chain_waker, run->chains, err);
	if (!ret)
		ret = collector_fd_chains(run->collector, model_chain_fd, run->chains, err);
	if (!ret)
		ret = collector_epolls(run->collector, on_epoll, run, err);
	if (ret)
		return ret;
	report->waits_nr = model_wait_figures(run->model, interval, &waits, err);
	report->chains_nr = model_chain_figures(run->chains, interval, &chains, err);
	report->wakers_nr = model_chain_wakers(run->chains, interval, &wakers, err);
	report->fd_chains_nr = model_chain_fds(run->chains, interval, &fd_chains, err);
	report->fd_chains = fd_chains;
	report->herds_nr = model_herd_figures(run->herds, interval, &herds, err);
	report->epolls_nr = model_item_epolls(run->items, interval, &epolls, err);
	report->items_nr = model_item_figures(run->items, interval, &items, err);
	report->herds = herds;
	report->epolls = epolls;
	report->item_rows = items;
	report->waits = waits;
	report->chains = chains;
	report->wakers = wakers;
	collector_losses(run->collector, &report->losses);
	if (report->waits_nr < 0 || report->chains_nr < 0 || report->wakers_nr < 0 ||
	    report->fd_chains_nr < 0 || report->herds_nr < 0 || report->epolls_nr < 0 || report->items_nr < 0)
		return -ENOMEM;
	if (interval)
		run->told_ns = end_ns;
	return 0;
}

void run_report_free(struct report *report)
{
	free((void *)report->waits);
	free((void *)report->chains);
	free((void *)report->wakers);
	free((void *)report->fd_chains);
	model_herd_figures_free((void *)report->herds, report->herds_nr);
	free((void *)report->epolls);
	free((void *)report->item_rows);
}

static void on_forgotten(const struct waker_key *key, void *arg)
{
	const struct run *run = arg;

	collector_waker_forget(run->collector, key);
}

void run_forget(struct run *run)
{
	model_wait_forget(run->model);
	model_chain_forget(run->chains, on_forgotten, run);
}

void run_detach(struct run *run)
{
	uint64_t begin = window_now();

	collector_detach(run->collector);
	run->detach_ms = (window_now() - begin) / 1e6;
}

void run_close(struct run *run)
{
	collector_close(run->collector);
	model_wait_free(run->model);
	model_chain_free(run->chains);
	model_herd_free(run->herds);
	model_item_free(run->items);
	window_close(&run->window);
}
