// SPDX-License-Identifier: GPL-2.0-or-later
#include "report.h"

#include <errno.h>
#include <jansson.h>

#include "report_herd.h"
#include "report_item.h"

static const char *const returned_names[] = { "ready", "timeout", "signal", "error", "done" };

json_t *losses_json(const struct losses *losses)
{
	json_t *o = json_object();

	for (int i = 0; i < LOSSES; i++)
		json_object_set_new(o, loss_name(i), json_integer(losses_count(losses, i)));
	return o;
}

/* Quantiles, sum and largest of times; without any, only the sum is a number. */
static json_t *times_json(const struct histogram *h, uint64_t n, uint64_t sum, uint64_t max)
{
	static const struct {
		const char *name;
		double share;
	} quantiles[] = { { "p50", 0.5 }, { "p90", 0.9 }, { "p99", 0.99 }, { "p999", 0.999 } };
	json_t *o = json_object();

	for (size_t i = 0; i < sizeof(quantiles) / sizeof(quantiles[0]); i++)
		json_object_set_new(o, quantiles[i].name,
				    n ? json_integer(histogram_quantile(h, quantiles[i].share, max)) :
					json_null());
	json_object_set_new(o, "max", n ? json_integer(max) : json_null());
	json_object_set_new(o, "sum", json_integer(sum));
	return o;
}

/* A figure, or null where there is none: absent is not zero. */
static json_t *figure(enum kind kind, uint64_t value)
{
	return kind == KIND_ABSENT ? json_null() : json_integer(value);
}

static json_t *wait_json(const struct report *report, const struct wait_figures *f)
{
	bool is_ctl = f->syscall == WAIT_epoll_ctl;
	json_t *o = json_object(), *returned = json_object();
	char name[4 * 16 + 1];

	json_object_set_new(o, "pid", json_integer(f->tgid));
	json_object_set_new(o, "start_time_ns", json_integer(f->start_ns));
	if (report->threads)
		json_object_set_new(o, "tid", json_integer(f->tid));
	json_object_set_new(o, "comm", json_string(text_clean(name, f->comm)));
	if (report->threads)
		json_object_set_new(o, "thread_comm", json_string(text_clean(name, f->thread_comm)));
	json_object_set_new(o, "mechanism", json_string(wait_mechanism_name(f->syscall)));
	json_object_set_new(o, "syscall", json_string(wait_syscall_name(f->syscall)));
	json_object_set_new(o, "calls", json_integer(f->calls));
	json_object_set_new(o, "watched_mean", f->watched_kind == KIND_ABSENT ?
						       json_null() :
						       json_real(f->watched_mean));
	json_object_set_new(o, "watched_max", figure(f->watched_kind, f->watched_max));
	json_object_set_new(o, "watched_kind", json_string(kind_name(f->watched_kind)));
	json_object_set_new(o, "passes", figure(f->passes_kind, f->passes));
	json_object_set_new(o, "passes_kind", json_string(kind_name(f->passes_kind)));
	json_object_set_new(o, "scans", json_integer(f->scans));
	json_object_set_new(o, "scans_kind", json_string(kind_name(f->scans_kind)));
	if (f->sampled_calls && f->scans_kind != KIND_EXACT)
		json_object_set_new(o, "scans_sample",
				    json_pack("{sI sI sI}", "calls", (json_int_t)f->sampled_calls,
					      "scans", (json_int_t)f->sampled_scans, "derived",
					      (json_int_t)f->sampled_derived));
	json_object_set_new(o, "ready", f->ready_absent ? json_null() : json_integer(f->ready));
	json_object_set_new(o, "wasted", figure(f->wasted_kind, f->wasted));
	json_object_set_new(o, "wasted_kind", json_string(kind_name(f->wasted_kind)));
	json_object_set_new(o, "copied_bytes", json_integer(f->copied));
	json_object_set_new(o, "copied_kind", json_string(kind_name(KIND_DERIVED)));
	for (int i = 0; i < RETURNED_NR; i++)
		if (i != RETURNED_DONE || is_ctl)
			json_object_set_new(returned, returned_names[i],
					    json_integer(f->returned[i]));
	json_object_set_new(o, "returned", returned);
	json_object_set_new(o, "wakeups", json_integer(f->wakeups));
	json_object_set_new(o, "wakeups_empty", json_integer(f->wakeups_empty));
	json_object_set_new(o, "wakeups_kind", json_string(kind_name(KIND_DERIVED)));
	json_object_set_new(o, "asleep_ns", json_integer(f->asleep_ns));
	json_object_set_new(o, "awake_ns", json_integer(f->awake_ns));
	json_object_set_new(o, "asleep_kind", json_string(kind_name(KIND_DERIVED)));
	json_object_set_new(o, "latency_ns", times_json(&f->latency.histogram, f->calls,
							f->latency.sum, f->latency.max));
	json_object_set_new(o, "open", json_pack("{si si}", "begun_before", f->open_before,
						 "begun_within", f->open - f->open_before));
	return o;
}

/* The parts of chains, by process or by fd: what both have the same of. */
static void parts_json(json_t *o, const struct report *report, const struct chain_times *parts,
		       const struct chain_times *serve, uint64_t calls, uint64_t served,
		       uint64_t nothing, uint64_t unserved)
{
	const enum kind had = report->served_had ? KIND_EXACT : KIND_ABSENT;

	json_object_set_new(o, "calls", json_integer(calls));
	for (int i = 0; i < CHAIN_NR; i++)
		json_object_set_new(o, chain_part_name(i),
				    i == CHAIN_WOKEN && report->plan.wake == WAKE_WAKING ?
					    json_null() :
					    times_json(&parts[i].histogram, calls, parts[i].sum,
						       parts[i].max));
	json_object_set_new(o, "returned_to_served_ns",
			    report->served_had ? times_json(&serve->histogram, served, serve->sum,
							    serve->max) :
						 json_null());
	json_object_set_new(o, "served", figure(had, served));
	json_object_set_new(o, "served_nothing", figure(had, nothing));
	json_object_set_new(o, "unserved", figure(had, unserved));
}

static json_t *chain_json(const struct report *report, const struct chain_figures *f)
{
	json_t *o = json_object(), *wakers = json_array();
	char name[4 * 16 + 1];

	json_object_set_new(o, "pid", json_integer(f->tgid));
	json_object_set_new(o, "start_time_ns", json_integer(f->start_ns));
	if (report->threads)
		json_object_set_new(o, "tid", json_integer(f->tid));
	json_object_set_new(o, "comm", json_string(text_clean(name, f->comm)));
	if (report->threads)
		json_object_set_new(o, "thread_comm", json_string(text_clean(name, f->thread_comm)));
	parts_json(o, report, f->parts, &f->serve, f->calls, f->served, f->nothing, f->unserved);
	json_object_set_new(o, "work_ns", times_json(&f->work.histogram, f->turns, f->work.sum,
						     f->work.max));
	json_object_set_new(o, "turns", json_integer(f->turns));
	json_object_set_new(o, "switches",
			    json_pack("{sI sI}", "voluntary", (json_int_t)f->switches[0],
				      "involuntary", (json_int_t)f->switches[1]));
	for (int i = 0; i < report->wakers_nr; i++) {
		const struct waker_figures *w = &report->wakers[i];

		if (w->key.woken != f->tgid || w->key.woken_start_ns != f->start_ns)
			continue;
		json_array_append_new(wakers,
				      json_pack("{ss si ss sI}", "context",
						wake_context_name(w->key.context), "pid",
						w->key.waker, "comm", text_clean(name, w->comm),
						"wakes", (json_int_t)w->wakes));
	}
	json_object_set_new(o, "wakers", wakers);
	return o;
}

static json_t *fd_chain_json(const struct report *report, const struct fd_chain_figures *f)
{
	json_t *o = json_object();

	json_object_set_new(o, "pid", json_integer(f->tgid));
	json_object_set_new(o, "start_time_ns", json_integer(f->start_ns));
	json_object_set_new(o, "epfd", f->epfd < 0 ? json_null() : json_integer(f->epfd));
	json_object_set_new(o, "fd", f->fd < 0 ? json_null() : json_integer(f->fd));
	parts_json(o, report, f->parts, &f->serve, f->calls, f->served, f->nothing, f->unserved);
	return o;
}

json_t *report_object(const struct report *report)
{
	json_t *o = json_object(), *waits = json_array();
	uint32_t open = 0, before = 0;

	for (int i = 0; i < report->waits_nr; i++) {
		json_array_append_new(waits, wait_json(report, &report->waits[i]));
		open += report->waits[i].open;
		before += report->waits[i].open_before;
	}
	json_object_set_new(o, "version", json_string(IOREADY_VERSION));
	json_object_set_new(o, "host", json_string(report->host));
	json_object_set_new(o, "kernel", json_string(report->release));
	json_object_set_new(o, "tier", json_string(tier_name(report->plan.tier)));
	json_object_set_new(o, "window",
			    json_pack("{sI sf sb}", "start_unix_ns",
				      (json_int_t)report->start_unix_ns, "seconds", report->seconds,
				      "interval", report->interval));
	json_object_set_new(o, "scan_functions", json_integer(report->scan_functions));
	json_object_set_new(o, "losses", losses_json(&report->losses));
	json_object_set_new(o, "open", json_pack("{si si}", "begun_before", before, "begun_within",
						 open - before));
	json_object_set_new(o, "waits", waits);
	if (report->chain) {
		json_t *chains = json_array();

		for (int i = 0; i < report->chains_nr; i++)
			json_array_append_new(chains, chain_json(report, &report->chains[i]));
		json_object_set_new(o, "chains", chains);
		if (chains_absent(report))
			json_object_set_new(o, "chains_absent", json_string(chains_absent(report)));
	}
	if (report->chain_fds) {
		json_t *chains = json_array();

		for (int i = 0; i < report->fd_chains_nr; i++)
			json_array_append_new(chains, fd_chain_json(report, &report->fd_chains[i]));
		json_object_set_new(o, "fd_chains", chains);
	}
	if (report->herd) {
		json_object_set_new(o, "herds", report_herd_json(report));
		if (herd_absent(report))
			json_object_set_new(o, "herds_absent", json_string(herd_absent(report)));
	}
	if (report->items) {
		json_object_set_new(o, "epolls", report_epolls_json(report));
		json_object_set_new(o, "items", report_items_json(report));
		if (items_absent(report))
			json_object_set_new(o, "items_absent", json_string(items_absent(report)));
	}
	return o;
}

int report_json(FILE *out, const struct report *report)
{
	json_t *o = report_object(report);
	int ret = json_dumpf(o, out, JSON_COMPACT);

	fputc('\n', out);
	json_decref(o);
	/* A failed write shows in ferror(); what is left is memory. */
	return ret && !ferror(out) ? -ENOMEM : 0;
}
