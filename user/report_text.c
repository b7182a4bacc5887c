// SPDX-License-Identifier: GPL-2.0-or-later
#include "report.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "report_file.h"
#include "report_herd.h"
#include "report_item.h"

#define BOLD "\033[1m"
#define DIM "\033[2m"
#define PLAIN "\033[0m"

static char *marked(char *to, enum kind kind, uint64_t n)
{
	char number[32];

	if (kind == KIND_ABSENT)
		return strcpy(to, "-");
	sprintf(to, "%s%s", kind_mark(kind), text_grouped(number, n));
	return to;
}

/* Whom a finding is about: the process and, where they are told apart, the thread. */
static void tell_who(FILE *out, const struct report *r, const char *comm, uint32_t tgid,
		     uint32_t tid)
{
	char name[4 * 16 + 1];

	fprintf(out, "%s (%u)", text_clean(name, comm), tgid);
	if (r->threads)
		fprintf(out, ", thread %u", tid);
}

static double per_call(uint64_t n, uint64_t calls)
{
	return calls ? (double)n / calls : 0;
}

/*
 * The finding: what the figures of a row say, in words and no further than the
 * figures go. Each returns whether it had something to say.
 */
static bool tell_waste(FILE *out, const struct wait_figures *f)
{
	char scans[32], watched[32];

	if (f->syscall == WAIT_epoll_ctl || f->scans < 1000 || f->wasted * 2 < f->scans)
		return false;
	fprintf(out, "%.1f %% of %s%s scans found nothing: %s fds watched, %.1f ready per call",
		100.0 * f->wasted / f->scans, f->scans_kind == KIND_LOWER_BOUND ? "at least " : "",
		text_grouped(scans, f->scans), text_grouped(watched, f->watched_mean + 0.5),
		per_call(f->ready, f->calls));
	return true;
}

static bool tell_empty(FILE *out, const struct wait_figures *f)
{
	char wakeups[32];

	if (f->wakeups < 100 || f->wakeups_empty * 10 < f->wakeups)
		return false;
	fprintf(out, "%.1f %% of %s wakeups found nothing", 100.0 * f->wakeups_empty / f->wakeups,
		text_grouped(wakeups, f->wakeups));
	return true;
}

static bool tell_timeouts(FILE *out, const struct wait_figures *f, double seconds)
{
	uint64_t n = f->returned[RETURNED_TIMEOUT];
	char calls[32];

	/* Fewer than 100 a second cost nothing worth a sentence. */
	if (n * 2 < f->calls || n < 100 * seconds)
		return false;
	fprintf(out, "%.1f %% of %s calls came back with nothing ready, %.0f a second",
		100.0 * n / f->calls, text_grouped(calls, f->calls), n / seconds);
	return true;
}

/*
 * A loop that never sleeps because something is always ready. A server that is busy
 * sleeps now and then, or comes by less often.
 */
static bool tell_spinning(FILE *out, const struct report *r, const struct wait_figures *f)
{
	const uint64_t ready = f->returned[RETURNED_READY];
	const bool items = wait_mechanism(f->syscall) == MECHANISM_EPOLL && !r->items &&
			   r->plan.wake != WAKE_WAKING;
	char calls[32], each[32];

	if (f->calls < 10000 * r->seconds || ready < f->calls * 0.99 ||
	    f->asleep_ns > f->latency.sum * 0.01)
		return false;
	fprintf(out, "%s calls, %s a second, %s slept: %s came back at once with something "
		     "ready (%sioready snapshot tells with what)",
		text_grouped(calls, f->calls), text_grouped(each, f->calls / r->seconds),
		f->asleep_ns ? "hardly ever" : "never", ready < f->calls ? "nearly each" : "each",
		items ? "--items or " : "");
	return true;
}

/* Of epoll_ctl: how often the interest list changes for each wait on one. */
static bool tell_changes(FILE *out, const struct report *r, const struct wait_figures *f)
{
	uint64_t waits = 0;
	char calls[32];

	if (f->syscall != WAIT_epoll_ctl || f->calls < 1000)
		return false;
	for (int i = 0; i < r->waits_nr; i++) {
		const struct wait_figures *w = &r->waits[i];

		if (w->syscall != WAIT_epoll_ctl && w->tgid == f->tgid &&
		    w->start_ns == f->start_ns && w->tid == f->tid &&
		    wait_mechanism(w->syscall) == MECHANISM_EPOLL)
			waits += w->calls;
	}
	if (!waits || f->calls < waits)
		return false;
	fprintf(out, "%s calls, %.1f for each wait on an epoll", text_grouped(calls, f->calls),
		(double)f->calls / waits);
	return true;
}

static void tell_plain(FILE *out, const struct wait_figures *f)
{
	char calls[32];

	fprintf(out, "%s calls, %.1f ready per call, %.1f %% of their time asleep",
		text_grouped(calls, f->calls), per_call(f->ready, f->calls),
		f->latency.sum ? 100.0 * f->asleep_ns / f->latency.sum : 0.0);
}

/*
 * By whom a process was woken, with --chain: the one that did so most often. Out of an
 * interrupt that is who was on the CPU; and a timer comes by an interrupt, which
 * tracepoints take for a wake.
 */
static void tell_waker(FILE *out, const struct report *r, const struct wait_figures *f)
{
	const bool timers = r->plan.wake == WAKE_WAKING;
	const struct waker_figures *most = NULL;
	uint64_t all = 0, softirq = 0, known = 0;
	char name[4 * 16 + 1];

	if (timers && !f->wakeups)
		return;
	for (int i = 0; i < r->wakers_nr; i++) {
		const struct waker_figures *w = &r->wakers[i];

		if (w->key.woken != f->tgid || w->key.woken_start_ns != f->start_ns)
			continue;
		if (!most || w->wakes > most->wakes)
			most = w;
		all += w->wakes;
		known += w->key.context == CONTEXT_UNKNOWN ? 0 : w->wakes;
		softirq += w->key.context == CONTEXT_SOFTIRQ ? w->wakes : 0;
	}
	if (!most)
		return;
	fprintf(out, "; %.0f %% of its wakes", 100.0 * most->wakes / all);
	if (known)
		fprintf(out, " (softirq %.0f %%)", 100.0 * softirq / known);
	text_clean(name, most->comm);
	if (most->key.context == CONTEXT_PROCESS) {
		fprintf(out, " came from %s (%u)", name, most->key.waker);
		return;
	}
	if (most->key.waker)
		fprintf(out, " came while %s (%u) was on the CPU", name, most->key.waker);
	else
		fputs(" came from an interrupt on an idle CPU", out);
	if (timers)
		fputs(", time-outs included", out);
}

/* Rows of which there is something to say, the first three; returns how many. */
static int tell_rows(FILE *out, const struct report *r, const struct text_options *o)
{
	int told = 0;

	for (int i = 0; i < r->waits_nr && told < 3; i++) {
		const struct wait_figures *f = &r->waits[i];
		char text[512];
		FILE *sentence = fmemopen(text, sizeof(text), "w");
		bool any;

		if (!sentence)
			break;
		any = tell_waste(sentence, f) || tell_empty(sentence, f) ||
		      tell_timeouts(sentence, f, r->seconds) || tell_spinning(sentence, r, f) ||
		      tell_changes(sentence, r, f);
		if (any && f->syscall != WAIT_epoll_ctl)
			tell_waker(sentence, r, f);
		fclose(sentence);
		if (!any)
			continue;
		fputs(o->color ? BOLD : "", out);
		tell_who(out, r, f->comm, f->tgid, f->tid);
		fprintf(out, ", %s: %s.%s\n", wait_syscall_name(f->syscall), text,
			o->color ? PLAIN : "");
		told++;
	}
	return told;
}

/* Of no row there is: then who waited most. */
static void tell_busiest(FILE *out, const struct report *r, const struct text_options *o)
{
	for (int i = 0; i < r->waits_nr; i++) {
		const struct wait_figures *f = &r->waits[i];

		if (!f->calls || f->syscall == WAIT_epoll_ctl)
			continue;
		fprintf(out, "%sNo waste was seen. Busiest: ", o->color ? BOLD : "");
		tell_who(out, r, f->comm, f->tgid, f->tid);
		fprintf(out, ", %s: ", wait_syscall_name(f->syscall));
		tell_plain(out, f);
		tell_waker(out, r, f);
		fprintf(out, ".%s\n", o->color ? PLAIN : "");
		return;
	}
	fprintf(out, "No wait call returned in the window.\n");
}

/* Loops that were held up. */
static void tell_blocked(FILE *out, const struct report *r, const struct text_options *o)
{
	char number[32];
	int told = 0;

	for (int i = 0; i < r->chains_nr && told < 3; i++) {
		const struct chain_figures *f = &r->chains[i];
		char longest[16], turns[32];

		/* What a person feels; a loop that works no longer than this is no news. */
		if (!f->turns || f->work.max < 100000000)
			continue;
		fputs(o->color ? BOLD : "", out);
		tell_who(out, r, f->comm, f->tgid, f->tid);
		fprintf(out, ": up to %s went by between two waits; it waited again %s times, and "
			     "blocked elsewhere %s times in all.%s\n",
			text_duration(longest, f->work.max), text_grouped(turns, f->turns),
			text_grouped(number, f->switches[0]), o->color ? PLAIN : "");
		told++;
	}
}

static void findings(FILE *out, const struct report *r, const struct text_options *o)
{
	int waste = tell_rows(out, r, o);

	waste += report_item_findings(out, r, o);
	if (!waste && !report_herd_waste(r))
		tell_busiest(out, r, o);
	report_herd_findings(out, r, o);
	tell_blocked(out, r, o);
	fputc('\n', out);
}

static void header(FILE *out, const struct report *r, const struct text_options *o)
{
	time_t start = r->start_unix_ns / 1000000000;
	char when[64];
	struct tm tm;

	localtime_r(&start, &tm);
	strftime(when, sizeof(when), "%F %T", &tm);
	fprintf(out, "%s%s, Linux %s, %s tier, %.1f s from %s%s\n\n", o->color ? DIM : "", r->host,
		r->release, tier_name(r->plan.tier), r->seconds, when, o->color ? PLAIN : "");
}

static void row(FILE *out, const struct report *r, const struct wait_figures *f)
{
	char name[4 * 16 + 1], calls[32], watched[40], scans[40], wasted[16], wakeups[32];
	char empty[16], asleep[16], awake[16], p50[16], p99[16], max[16], ready[16];

	fprintf(out, "%7u ", r->threads ? f->tid : f->tgid);
	fprintf(out, "%-15.15s ", text_clean(name, r->threads ? f->thread_comm : f->comm));
	if (!f->calls) {
		fprintf(out, "%-12s          0  (waiting all the time%s)\n",
			wait_syscall_name(f->syscall), f->open_before ? ", since before" : "");
		return;
	}
	if (f->ready_absent)
		strcpy(ready, "-");
	else
		sprintf(ready, "%.1f", per_call(f->ready, f->calls));
	if (f->wasted_kind == KIND_ABSENT || !f->scans)
		strcpy(wasted, "-");
	else
		sprintf(wasted, "%s%s", kind_mark(f->wasted_kind),
			text_share(empty, f->wasted, f->scans));
	text_duration(p50, histogram_quantile(&f->latency.histogram, 0.5, f->latency.max));
	text_duration(p99, histogram_quantile(&f->latency.histogram, 0.99, f->latency.max));
	fprintf(out, "%-12s %10s %8s %7s %13s %7s %9s %6s %8s %8s %7s %7s %7s\n",
		wait_syscall_name(f->syscall), text_grouped(calls, f->calls),
		marked(watched, f->watched_kind, f->watched_mean + 0.5), ready,
		marked(scans, f->scans_kind, f->scans), wasted, text_grouped(wakeups, f->wakeups),
		text_share(empty, f->wakeups_empty, f->wakeups), text_duration(asleep, f->asleep_ns),
		text_duration(awake, f->awake_ns), p50, p99, text_duration(max, f->latency.max));
}

static void table(FILE *out, const struct report *r, const struct text_options *o)
{
	int rows = r->waits_nr;

	if (!rows)
		return;
	if (o->rows && rows > (int)o->rows)
		rows = o->rows;
	fprintf(out, "%s%7s %-15s %-12s %10s %8s %7s %13s %7s %9s %6s %8s %8s %7s %7s %7s%s\n",
		o->color ? BOLD : "", r->threads ? "TID" : "PID", "COMMAND", "SYSCALL", "CALLS",
		"WATCHED", "READY", "SCANS", "WASTED", "WAKEUPS", "EMPTY", "ASLEEP", "AWAKE", "P50",
		"P99", "MAX", o->color ? PLAIN : "");
	for (int i = 0; i < rows; i++)
		row(out, r, &r->waits[i]);
	if (rows < r->waits_nr)
		fprintf(out, "%7s %d more (--rows=0 shows all)\n", "...", r->waits_nr - rows);
	fputc('\n', out);
}

/* The half and the last hundredth. */
static char *quantiles(char *to, const struct chain_times *times)
{
	char p50[16], p99[16];

	text_duration(p50, histogram_quantile(&times->histogram, 0.5, times->max));
	text_duration(p99, histogram_quantile(&times->histogram, 0.99, times->max));
	sprintf(to, "%s %7s", p50, p99);
	return to;
}

/* Who woke a process, the three that did so most often. */
static void wakers_of(FILE *out, const struct report *r, const struct chain_figures *f)
{
	uint64_t all = 0;
	int told = 0;

	for (int i = 0; i < r->wakers_nr; i++)
		if (r->wakers[i].key.woken == f->tgid && r->wakers[i].key.woken_start_ns == f->start_ns)
			all += r->wakers[i].wakes;
	for (int i = 0; i < r->wakers_nr && told < 3; i++) {
		const struct waker_figures *w = &r->wakers[i];
		char name[4 * 16 + 1];

		if (w->key.woken != f->tgid || w->key.woken_start_ns != f->start_ns)
			continue;
		fprintf(out, "%s%.0f%% %s[%u]", told++ ? ", " : "  ", 100.0 * w->wakes / all,
			text_clean(name, w->comm), w->key.waker);
		/* It may just have been on the CPU that an interrupt came to. */
		if (w->key.context == CONTEXT_UNKNOWN)
			fputc('?', out);
		else if (w->key.context != CONTEXT_PROCESS)
			fprintf(out, " in %s", wake_context_name(w->key.context));
	}
	fputc('\n', out);
}

/* From ready to returned, in its three parts; and by whom. */
static void chains(FILE *out, const struct report *r, const struct text_options *o)
{
	int rows = r->chains_nr;

	if (chains_absent(r))
		fprintf(out, "%s.\n\n", chains_absent(r));
	if (!rows)
		return;
	if (o->rows && rows > (int)o->rows)
		rows = o->rows;
	fprintf(out, "%s%7s %-15s %10s %15s %15s %16s %15s %23s %11s  %s%s\n",
		o->color ? BOLD : "", r->threads ? "TID" : "PID", "COMMAND", "WOKEN",
		"READY-WOKEN", "WOKEN-RUNNING", "RUNNING-RETURNED", "RETURNED-SERVED",
		"WORK BETWEEN CALLS", "SWITCHES", "WOKEN BY", o->color ? PLAIN : "");
	fprintf(out, "%34s %15s %15s %16s %15s %23s %11s\n", "", "P50     P99", "P50     P99",
		"P50     P99", "P50     P99", "P50     P99     MAX", "PER TURN");
	for (int i = 0; i < rows; i++) {
		const struct chain_figures *f = &r->chains[i];
		char name[4 * 16 + 1], calls[32], woken[40] = "-", running[40] = "-";
		char returned[40] = "-", served[40] = "-", work[40] = "-", longest[16] = "";
		char switches[64] = "-";

		if (f->calls && r->plan.wake != WAKE_WAKING)
			quantiles(woken, &f->parts[CHAIN_WOKEN]);
		if (f->calls) {
			quantiles(running, &f->parts[CHAIN_RUNNING]);
			quantiles(returned, &f->parts[CHAIN_RETURNED]);
		}
		if (f->served)
			quantiles(served, &f->serve);
		if (f->turns) {
			quantiles(work, &f->work);
			text_duration(longest, f->work.max);
			sprintf(switches, "%.2f+%.2f", per_call(f->switches[0], f->turns),
				per_call(f->switches[1], f->turns));
		}
		fprintf(out, "%7u %-15.15s %10s %15s %15s %16s %15s %15s %7s %11s",
			r->threads ? f->tid : f->tgid,
			text_clean(name, r->threads ? f->thread_comm : f->comm),
			text_grouped(calls, f->calls), woken, running, returned, served, work, longest,
			switches);
		wakers_of(out, r, f);
	}
	if (rows < r->chains_nr)
		fprintf(out, "%7s %d more (--rows=0 shows all)\n", "...", r->chains_nr - rows);
	fputc('\n', out);
}

/* The same by fd. */
static void fd_chains(FILE *out, const struct report *r, const struct text_options *o)
{
	int rows = r->fd_chains_nr;

	if (!rows)
		return;
	if (o->rows && rows > (int)o->rows)
		rows = o->rows;
	fprintf(out, "%s%7s %-15s %5s %5s %10s %15s %15s %16s %15s %9s %9s%s\n",
		o->color ? BOLD : "", "PID", "COMMAND", "EPOLL", "FD", "WOKEN", "READY-WOKEN",
		"WOKEN-RUNNING", "RUNNING-RETURNED", "RETURNED-SERVED", "NOTHING", "UNSERVED",
		o->color ? PLAIN : "");
	fprintf(out, "%46s %15s %15s %16s %15s\n", "", "P50     P99", "P50     P99", "P50     P99",
		"P50     P99");
	for (int i = 0; i < rows; i++) {
		const struct fd_chain_figures *f = &r->fd_chains[i];
		char name[4 * 16 + 1], n[3][32], parts[CHAIN_NR][40], served[40] = "-";
		char epfd[16] = "-", fd[16] = "-";

		for (int part = 0; part < CHAIN_NR; part++)
			quantiles(parts[part], &f->parts[part]);
		if (r->plan.wake == WAKE_WAKING)
			strcpy(parts[CHAIN_WOKEN], "-");
		strcpy(n[1], "-");
		strcpy(n[2], "-");
		if (r->served_had) {
			text_grouped(n[1], f->nothing);
			text_grouped(n[2], f->unserved);
		}
		if (f->served)
			quantiles(served, &f->serve);
		if (f->fd >= 0) {
			sprintf(epfd, "%d", f->epfd);
			sprintf(fd, "%d", f->fd);
		}
		fprintf(out, "%7u %-15.15s %5s %5s %10s %15s %15s %16s %15s %9s %9s\n", f->tgid,
			comm_of(name, r, f->tgid, f->start_ns), epfd, fd,
			text_grouped(n[0], f->calls), parts[CHAIN_WOKEN], parts[CHAIN_RUNNING],
			parts[CHAIN_RETURNED], served, n[1], n[2]);
	}
	if (rows < r->fd_chains_nr)
		fprintf(out, "%7s %d more (--rows=0 shows all)\n", "...", r->fd_chains_nr - rows);
	fputc('\n', out);
}

/* What the derived scans say against what was counted in the same calls. */
static void sample(FILE *out, const struct report *r)
{
	uint64_t calls = 0, scans = 0, derived = 0;
	char number[32], counted[32], said[32];

	for (int i = 0; i < r->waits_nr; i++) {
		calls += r->waits[i].sampled_calls;
		scans += r->waits[i].sampled_scans;
		derived += r->waits[i].sampled_derived;
	}
	if (r->scans == SCANS_EXACT)
		return;
	if (!r->scan_functions)
		fprintf(out, "Scans are derived from watched fds and passes; %s.\n",
			r->scans == SCANS_DERIVE ? "counting them was not asked for" :
						   "this tier has no hook to count them");
	else if (!calls)
		fprintf(out, "No call fell into a slice of exact counting: scans are derived.\n");
	else
		fprintf(out,
			"Scans counted one by one in %s of the calls: %s, where derivation says %s.\n",
			text_grouped(number, calls), text_grouped(counted, scans), text_grouped(said, derived));
}

static void losses(FILE *out, const struct report *r)
{
	uint32_t before = 0, within = 0;
	char number[32];

	for (int i = 0; i < r->waits_nr; i++) {
		before += r->waits[i].open_before;
		within += r->waits[i].open - r->waits[i].open_before;
	}
	if (before || within)
		fprintf(out, "%10u calls in progress at the end, %u of them begun before the window\n",
			before + within, before);
	for (int i = 0; i < LOSSES; i++)
		if (losses_count(&r->losses, i))
			fprintf(out, "%10s %s\n", text_grouped(number, losses_count(&r->losses, i)),
				loss_words(i));
	if (!losses_total(&r->losses))
		fprintf(out, "Nothing was lost.\n");
}

void report_text(FILE *out, const struct report *report, const struct text_options *options)
{
	header(out, report, options);
	findings(out, report, options);
	table(out, report, options);
	chains(out, report, options);
	fd_chains(out, report, options);
	report_herd_text(out, report, options);
	report_item_text(out, report, options);
	if (report->interval)
		return;
	fprintf(out, "~ derived or sampled, as WAKEUPS to AWAKE always are; >= at least; see "
		     "ioready-stat(1).\n");
	sample(out, report);
	losses(out, report);
}
