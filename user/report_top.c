// SPDX-License-Identifier: GPL-2.0-or-later
#include "report_top.h"

#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>

#include "report_snapshot.h"

/* A rate or a count in at most 6 characters: 0, 3.5, 99,999, 123k, 1.23M. */
static char *rate(char *to, double x)
{
	static const struct {
		double unit;
		const char *name;
	} units[] = { { 1e9, "G" }, { 1e6, "M" }, { 1e3, "k" } };
	int i = 0;

	if (x <= 0)
		return strcpy(to, "0");
	if (x < 9.95) {
		sprintf(to, "%.1f", x);
		return to;
	}
	if (x < 99999.5)
		return text_grouped(to, x + 0.5);
	while (i < 2 && x < units[i].unit * 0.9995)
		i++;
	x /= units[i].unit;
	sprintf(to, "%.*f%s", x >= 99.95 ? 0 : x >= 9.995 ? 1 : 2, x, units[i].name);
	return to;
}

static char *marked(char *to, enum kind kind, double x)
{
	char number[32];

	if (kind == KIND_ABSENT)
		return strcpy(to, "-");
	sprintf(to, "%s%s", kind_mark(kind), rate(number, x));
	return to;
}

static char *wasted(char *to, enum kind kind, double part, double whole)
{
	char number[16];

	if (kind == KIND_ABSENT || !whole)
		return strcpy(to, "-");
	sprintf(to, "%s%s", kind_mark(kind), text_share(number, part, whole));
	return to;
}

/* Of one CPU; more than 100 % where several threads keep several. */
static char *percent(char *to, double cpus)
{
	sprintf(to, "%.1f%%", 100 * cpus);
	return to;
}

/* --- the table ----------------------------------------------------------------- */

enum column { PID, COMMAND, CALLS, WATCHED, SCANS, WASTED, WAKE, EMPTY, AWAKE, P99, WORK_P99,
	      WORK_MAX, SWITCH, WOKEN_BY, COLUMNS };

/* @keep: which is kept longest on a narrow screen; 0: always. */
static const struct {
	const char *name;
	int width;
	bool left;
	int keep;
} columns[COLUMNS] = {
	[PID] = { "PID", 7 },
	[COMMAND] = { "COMMAND", 15, true },
	[CALLS] = { "CALLS/s", 7 },
	[WATCHED] = { "WATCHED", 8, false, 2 },
	[SCANS] = { "SCANS/s", 8, false, 3 },
	[WASTED] = { "WASTED", 8 },
	[WAKE] = { "WAKE/s", 6 },
	[EMPTY] = { "EMPTY", 6 },
	[AWAKE] = { "AWAKE", 6 },
	[P99] = { "P99", 7, false, 1 },
	[WORK_P99] = { "WORK-P99", 8, false, 6 },
	[WORK_MAX] = { "WORK-MAX", 8 },
	[SWITCH] = { "SWITCH/s", 8, false, 5 },
	[WOKEN_BY] = { "WOKEN BY", 26, true, 4 },
};

uint32_t top_columns(int width)
{
	uint32_t chosen = 0;
	int taken = -1;

	for (int keep = 0; keep < COLUMNS; keep++) {
		for (int i = 0; i < COLUMNS; i++) {
			if (columns[i].keep != keep ||
			    (keep && width && taken + 1 + columns[i].width > width))
				continue;
			chosen |= 1U << i;
			taken += 1 + columns[i].width;
		}
	}
	return chosen;
}

static char *put(char *at, enum column column, const char *text)
{
	const int width = columns[column].width;

	/* Nothing is cut but names: a figure that is too wide moves the rest. */
	if (!columns[column].left)
		return at + sprintf(at, "%*s ", width, text);
	return at + sprintf(at, "%-*.*s ", width, width, text);
}

static void trim(char *to, char *at)
{
	while (at > to && at[-1] == ' ')
		at--;
	*at = 0;
}

void top_heads(char *to, uint32_t chosen, bool threads)
{
	char *at = to;

	for (int i = 0; i < COLUMNS; i++)
		if (chosen & (1U << i))
			at = put(at, i, i == PID && threads ? "TID" : columns[i].name);
	trim(to, at);
}

static void cell(char *to, enum column column, const struct top_row *r)
{
	const struct waker_figures *w = &r->woken_by;
	char name[4 * 16 + 1];

	strcpy(to, "-");
	switch (column) {
	case PID:
		sprintf(to, "%u", r->tid ? r->tid : r->tgid);
		break;
	case COMMAND:
		text_clean(to, r->comm);
		break;
	case CALLS:
		rate(to, r->calls);
		break;
	case WATCHED:
		if (r->watched_kind != KIND_ABSENT)
			sprintf(to, "%s%s", kind_mark(r->watched_kind),
				text_grouped(name, r->watched + 0.5));
		break;
	case SCANS:
		if (r->called)
			marked(to, r->scans_kind, r->scans);
		break;
	case WASTED:
		if (r->called)
			wasted(to, r->wasted_kind, r->wasted, r->scans);
		break;
	case WAKE:
		rate(to, r->wakeups);
		break;
	case EMPTY:
		text_share(to, r->empty, r->wakeups);
		break;
	case AWAKE:
		percent(to, r->awake);
		break;
	case P99:
		if (r->called)
			text_duration(to, r->p99_ns);
		break;
	case WORK_P99:
		if (r->worked)
			text_duration(to, r->work_p99_ns);
		break;
	case WORK_MAX:
		if (r->worked)
			text_duration(to, r->work_max_ns);
		break;
	case SWITCH:
		if (r->worked)
			rate(to, r->switches);
		break;
	case WOKEN_BY:
		if (r->woken)
			/* ? is where an interrupt may have come by; behind, it could be cut off. */
			sprintf(to, "%.0f%% %s%s[%u]", 100 * r->woken_share,
				w->key.context == CONTEXT_PROCESS ? "" : "?",
				text_clean(name, w->comm), w->key.waker);
		break;
	case COLUMNS:
		break;
	}
}

void top_cells(char *to, uint32_t chosen, const struct top_row *row)
{
	char text[4 * 16 + 32], *at = to;

	for (int i = 0; i < COLUMNS; i++) {
		if (!(chosen & (1U << i)))
			continue;
		cell(text, i, row);
		at = put(at, i, text);
	}
	trim(to, at);
}

void top_title(char *to, const struct report *r, enum top_key key, bool reverse, bool paused)
{
	const uint64_t end_ns = r->start_unix_ns + (uint64_t)(r->seconds * 1e9);
	const time_t end = end_ns / 1000000000;
	const uint64_t lost = losses_total(&r->losses);
	char when[32], number[32], losses[96] = "nothing lost";
	struct tm tm;

	localtime_r(&end, &tm);
	strftime(when, sizeof(when), "%T", &tm);
	if (lost)
		snprintf(losses, sizeof(losses), "LOST %s, most: %s", text_grouped(number, lost),
			 losses_most(&r->losses));
	/* Losses first: what a narrow screen cuts off is at the end. */
	snprintf(to, TOP_LINE, "%s; %.1f s to %s%s, by %s%s, %s tier, %.64s, Linux %.64s", losses,
		 r->seconds, when, paused ? " (PAUSED)" : "", top_key_name(key),
		 reverse ? " reversed" : "", tier_name(r->plan.tier), r->host, r->release);
}

void top_totals(char *to, const struct top_row *rows, int nr)
{
	struct top_row all = { .scans_kind = KIND_EXACT, .wasted_kind = KIND_EXACT };
	char calls[32], scans[40], waste[32], wakeups[32], empty[16], awake[16];

	for (int i = 0; i < nr; i++) {
		const struct top_row *r = &rows[i];

		all.calls += r->calls;
		all.scans += r->scans;
		all.wasted += r->wasted;
		all.wakeups += r->wakeups;
		all.empty += r->empty;
		all.awake += r->awake;
		if (!r->scans)
			continue;
		all.scans_kind = kind_sum(all.scans_kind, r->scans_kind);
		all.wasted_kind = kind_sum(all.wasted_kind, r->wasted_kind);
	}
	snprintf(to, TOP_LINE,
		 "%d waiting, %s calls/s, %s scans/s (%s wasted), %s wakeups/s (%s empty), awake %s of "
		 "a CPU",
		 nr, rate(calls, all.calls), marked(scans, all.scans_kind, all.scans),
		 wasted(waste, all.wasted_kind, all.wasted, all.scans), rate(wakeups, all.wakeups),
		 text_share(empty, all.empty, all.wakeups), percent(awake, all.awake));
}

void report_top_text(FILE *out, const struct report *report, const struct top_row *rows, int nr,
		     enum top_key key, uint32_t most)
{
	const uint32_t all = top_columns(0);
	const int shown = most && nr > (int)most ? (int)most : nr;
	char line[TOP_LINE];

	top_title(line, report, key, false, false);
	fprintf(out, "%s\n", line);
	top_totals(line, rows, nr);
	fprintf(out, "%s\n", line);
	top_heads(line, all, report->threads);
	fprintf(out, "%s\n", line);
	for (int i = 0; i < shown; i++) {
		top_cells(line, all, &rows[i]);
		fprintf(out, "%s\n", line);
	}
	if (shown < nr)
		fprintf(out, "%7s %d more (--rows=0 shows all)\n", "...", nr - shown);
	fputc('\n', out);
}

/* --- one process ---------------------------------------------------------------- */

static bool is_of(const struct top_row *row, uint32_t tgid, uint64_t start_ns, uint32_t tid)
{
	return row->tgid == tgid && row->start_ns == start_ns && row->tid == tid;
}

static void syscalls(FILE *out, const struct top_process *p)
{
	const struct report *r = p->report;

	/* A narrow screen cuts off what is last. */
	fprintf(out, "\f%-12s %7s %7s %7s %7s %8s %7s %8s %8s %6s %6s %6s\n", "SYSCALL", "CALLS/s",
		"P50", "P99", "MAX", "WATCHED", "READY", "SCANS/s", "WASTED", "WAKE/s", "EMPTY",
		"AWAKE");
	for (int i = 0; i < r->waits_nr; i++) {
		const struct wait_figures *f = &r->waits[i];
		char calls[32], watched[40] = "-", number[32], ready[32] = "-", scans[40];
		char waste[32], wakeups[32], empty[16], awake[16], p50[16], p99[16], max[16];

		if (!is_of(p->row, f->tgid, f->start_ns, f->tid))
			continue;
		if (!f->calls) {
			fprintf(out, "%-12s %7d  (waiting all the time)\n",
				wait_syscall_name(f->syscall), 0);
			continue;
		}
		if (f->watched_kind != KIND_ABSENT)
			sprintf(watched, "%s%s", kind_mark(f->watched_kind),
				text_grouped(number, f->watched_mean + 0.5));
		if (!f->ready_absent)
			sprintf(ready, "%.1f", (double)f->ready / f->calls);
		fprintf(out, "%-12s %7s %7s %7s %7s %8s %7s %8s %8s %6s %6s %6s\n",
			wait_syscall_name(f->syscall), rate(calls, f->calls / r->seconds),
			text_duration(p50, histogram_quantile(&f->latency.histogram, 0.5,
							      f->latency.max)),
			text_duration(p99, histogram_quantile(&f->latency.histogram, 0.99,
							      f->latency.max)),
			text_duration(max, f->latency.max), watched, ready,
			marked(scans, f->scans_kind, f->scans / r->seconds),
			wasted(waste, f->wasted_kind, f->wasted, f->scans),
			rate(wakeups, f->wakeups / r->seconds),
			text_share(empty, f->wakeups_empty, f->wakeups),
			percent(awake, f->awake_ns / 1e9 / r->seconds));
	}
}

static void threads(FILE *out, const struct top_process *p, int width)
{
	/* Who woke is told by process, and stands below. */
	const uint32_t chosen = top_columns(width) & ~(1U << WOKEN_BY);
	char line[TOP_LINE];

	top_heads(line, chosen, true);
	fprintf(out, "\f%s\n", line);
	for (int i = 0; i < p->threads_nr; i++) {
		top_cells(line, chosen, &p->threads[i]);
		fprintf(out, "%s\n", line);
	}
	if (!p->threads_nr)
		fputs("no thread came back from a wait call since this was opened\n", out);
}

/* The quantiles of a part; of @n, 0 where there is none or it cannot be had. */
static void times(FILE *out, const char *name, uint64_t n, const struct chain_times *t)
{
	static const double shares[] = { 0.5, 0.9, 0.99 };
	char text[16];

	fprintf(out, "%-22s", name);
	for (int i = 0; i < 3; i++)
		fprintf(out, " %7s", n ? text_duration(text, histogram_quantile(&t->histogram, shares[i],
										t->max)) :
					 "-");
	fprintf(out, " %7s\n", n ? text_duration(text, t->max) : "-");
}

static void chain(FILE *out, const struct top_process *p)
{
	const struct report *r = p->report;

	for (int i = 0; i < r->chains_nr; i++) {
		const struct chain_figures *f = &r->chains[i];
		char number[32];

		if (!is_of(p->row, f->tgid, f->start_ns, f->tid))
			continue;
		fprintf(out, "\n\f%-22s %7s %7s %7s %7s\n", "CHAIN", "P50", "P90", "P99", "MAX");
		times(out, "ready to woken", r->plan.wake == WAKE_WAKING ? 0 : f->calls,
		      &f->parts[CHAIN_WOKEN]);
		times(out, "woken to running", f->calls, &f->parts[CHAIN_RUNNING]);
		times(out, "running to returned", f->calls, &f->parts[CHAIN_RETURNED]);
		times(out, "returned to served", f->served, &f->serve);
		if (f->turns) {
			times(out, "work between two waits", f->turns, &f->work);
			fprintf(out, "in that work: %s switches/s because it blocked,",
				rate(number, f->switches[0] / r->seconds));
			fprintf(out, " %s because it was preempted\n",
				rate(number, f->switches[1] / r->seconds));
		}
	}
}

#define WAKERS_SHOWN 10

static void wakers(FILE *out, const struct top_process *p)
{
	const struct report *r = p->report;
	double all = 0;
	int told = 0, more = 0;

	for (int i = 0; i < r->wakers_nr; i++)
		if (is_of(p->row, r->wakers[i].key.woken, r->wakers[i].key.woken_start_ns,
			  p->row->tid))
			all += r->wakers[i].wakes;
	/* They come most frequent first. */
	for (int i = 0; i < r->wakers_nr; i++) {
		const struct waker_figures *w = &r->wakers[i];
		char name[4 * 16 + 1], wakes[32], part[16];

		if (!is_of(p->row, w->key.woken, w->key.woken_start_ns, p->row->tid))
			continue;
		if (told == WAKERS_SHOWN) {
			more++;
			continue;
		}
		if (!told++)
			fprintf(out, "\n\f%-22s %7s %-8s %7s %7s\n", "WOKEN BY", "PID", "IN",
				"WAKES/s", "SHARE");
		fprintf(out, "%-22.22s %7u %-8s %7s %7s\n", text_clean(name, w->comm),
			w->key.waker, wake_context_name(w->key.context),
			rate(wakes, w->wakes / r->seconds), text_share(part, w->wakes, all));
	}
	if (more)
		fprintf(out, "and %d more\n", more);
}

static const char *edge(char *to, const struct watch *w)
{
	if (w->by != MECHANISM_EPOLL)
		return "-";
	sprintf(to, "%s%s%s", w->asked & EPOLLET ? "ET" : "LT",
		w->asked & EPOLLONESHOT ? " ONESHOT" : "",
		w->asked & EPOLLEXCLUSIVE ? " EXCLUSIVE" : "");
	return to;
}

/* An fd is a number: its item watches the file that was open there once. */
static bool is_stale(const struct watch *w, const struct look_file *f)
{
	return w->by == MECHANISM_EPOLL && f && f->ino && w->ino &&
	       (f->ino != w->ino || f->dev != w->dev);
}

static void watches(FILE *out, const struct top_process *p)
{
	static const char *const by[] = { "select", "poll", "epoll" };
	const struct look *look = p->look;
	char number[32];

	fputc('\n', out);
	if (!look) {
		fprintf(out, "Watched fds are not known: %s\n", p->no_look);
		return;
	}
	if (!look->watches_nr) {
		fputs("No fd is watched at this moment: no epoll has an item, and no thread sleeps "
		      "in select or poll.\n", out);
		return;
	}
	fprintf(out, "\f%-14s %6s %-12s %-20s %s\n", "WATCHED BY", "FD", "ASKED", "MODE", "FILE");
	for (size_t i = 0; i < look->watches_nr; i++) {
		const struct watch *w = &look->watches[i];
		const struct look_file *f = look_file(look, w->fd);
		char asked[128], mode[32], watcher[32];

		sprintf(watcher, "%s %u", by[w->by], w->watcher);
		fprintf(out, "%-14s %6d %-12s %-20s ", watcher, w->fd,
			events_text(asked, events_asked(w)), edge(mode, w));
		if (is_stale(w, f))
			fputs("another file than is watched: ", out);
		file_text(out, f);
		fputc('\n', out);
	}
	if (look->cut)
		fprintf(out, "and %s more\n", text_grouped(number, look->cut));
	if (*p->no_files)
		fprintf(out, "Files are told by name alone: %s\n", p->no_files);
}

void report_top_process(FILE *out, const struct top_process *p, int width)
{
	char name[4 * 16 + 1];

	fprintf(out, "\f%s (%u)%s\n\n", text_clean(name, p->row->comm),
		p->row->tid ? p->row->tid : p->row->tgid,
		p->gone ? ": not in a wait call in this interval, or ended" : "");
	if (p->by_thread)
		threads(out, p, width);
	else
		syscalls(out, p);
	if (p->report->chain) {
		chain(out, p);
		wakers(out, p);
	}
	watches(out, p);
}

/* --- help ------------------------------------------------------------------------ */

void report_top_help(FILE *out)
{
	fputs("\fKeys of the table\n"
	      "  w  by waste: scans a second that found nothing\n"
	      "  k  by wakeups\n"
	      "  e  by empty wakeups: those after which nothing was found\n"
	      "  l  by loop lag: the longest work between two waits\n"
	      "  c  by calls\n"
	      "  a  by time awake in the calls\n"
	      "  r  the other way round\n"
	      "  Up, Down, PgUp, PgDn, Home, End  move; Enter opens a process\n"
	      "  p  pause, and go on\n"
	      "  q, Ctrl-C  quit\n"
	      "\n"
	      "\fKeys of a process\n"
	      "  t  its threads, or its system calls\n"
	      "  Up, Down, PgUp, PgDn, Home, End  scroll\n"
	      "  q, Esc  back\n"
	      "\n"
	      "\fColumns, of the last interval\n"
	      "  CALLS/s   wait calls that returned, a second\n"
	      "  WATCHED   fds watched by a call\n"
	      "  SCANS/s   files asked whether they are ready, a second\n"
	      "  WASTED    share of them that found nothing asked for\n"
	      "  WAKE/s    sleeps ended by a wait queue, a second\n"
	      "  EMPTY     share of them after which nothing was found\n"
	      "  AWAKE     share of one CPU that the calls themselves took\n"
	      "  P99       99 of 100 calls took no longer, sleep included\n"
	      "  WORK-P99, WORK-MAX  time between a call's return and the next: loop lag\n"
	      "  SWITCH/s  context switches in that work\n"
	      "  WOKEN BY  who did so most often, and its share\n"
	      "\n"
	      "~ derived or sampled, >= at least, - cannot be had. A narrow screen leaves columns\n"
	      "out. Losses are those since the start. More is in ioready-top(1).\n",
	      out);
}
