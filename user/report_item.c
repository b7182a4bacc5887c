// SPDX-License-Identifier: GPL-2.0-or-later
#include "report_item.h"

#include <inttypes.h>
#include <string.h>
#include <sys/epoll.h>

#include "report_file.h"
#include "report_snapshot.h"

#define BOLD "\033[1m"
#define PLAIN "\033[0m"

const char *items_absent(const struct report *report)
{
	if (!report->items || report->items_had)
		return NULL;
	return !report->served_had ?
		       "this tier has no hooks that tell which items an epoll_wait asks" :
		       "this kernel's compiler left no function that asks an item";
}

/* How an item is told: level-triggered unless it says otherwise. */
static char *mode_text(char *to, uint32_t events)
{
	strcpy(to, events & EPOLLET ? "ET" : "LT");
	if (events & EPOLLONESHOT)
		strcat(to, "+ONESHOT");
	if (events & EPOLLEXCLUSIVE)
		strcat(to, "+EXCL");
	return to;
}

/* Was it told to the program over and over, which did nothing with it? */
static bool is_hot(const struct item_row *item)
{
	return item->unserved >= 100 && item->unserved * 2 > item->reported;
}

int report_item_findings(FILE *out, const struct report *report, const struct text_options *o)
{
	int told = 0;

	for (int i = 0; i < report->items_nr && told < 3; i++) {
		const struct item_row *item = &report->item_rows[i].item;
		char text[FILE_TEXT_MAX] = "", comm[4 * 16 + 1], n[2][32];

		if (!is_hot(item))
			continue;
		if (report->item_rows[i].name_known)
			file_name_text(text, &report->item_rows[i].name);
		fprintf(out, "%s%s (%u), epoll %d, fd %d%s%s: told ready %s times, %s of them with no "
			     "read, write or accept since it was told before.%s\n",
			o->color ? BOLD : "", comm_of(comm, report, item->tgid, item->start_ns),
			item->tgid, item->epfd, item->fd, *text ? " " : "", text,
			text_grouped(n[0], item->reported), text_grouped(n[1], item->unserved),
			o->color ? PLAIN : "");
		told++;
	}
	for (int i = 0; i < report->epolls_nr && told < 3; i++) {
		const struct epoll_figures *f = &report->epolls[i];
		char comm[4 * 16 + 1], n[32];

		if (f->sum.scans < 1000 || f->sum.repolls * 2 < f->sum.scans)
			continue;
		fprintf(out, "%s%s (%u), epoll %d: %.1f %% of %s scans had no news: the item was asked "
			     "again because it is level-triggered; %.1f %% of these found it no longer "
			     "ready.%s\n",
			o->color ? BOLD : "", comm_of(comm, report, f->tgid, f->start_ns), f->tgid,
			f->epfd, 100.0 * f->sum.repolls / f->sum.scans, text_grouped(n, f->sum.scans),
			100.0 * f->sum.stale / f->sum.repolls, o->color ? PLAIN : "");
		told++;
	}
	return told;
}

static void figures_text(FILE *out, const struct report *report, const struct item_row *r)
{
	char n[7][32], notified[32];

	sprintf(notified, "%s%s", kind_mark(events_kind(report->plan.wake)),
		text_grouped(n[0], r->notified));
	fprintf(out, " %10s %10s %10s %10s %10s %10s %10s", notified,
		text_grouped(n[1], r->scans), text_grouped(n[2], r->repolls),
		text_grouped(n[3], r->stale), text_grouped(n[4], r->reported),
		text_grouped(n[5], r->unserved), text_grouped(n[6], r->changes));
}

static void epolls_text(FILE *out, const struct report *report, const struct text_options *o,
			int rows)
{
	fprintf(out, "%s%7s %-15s %5s %10s %10s %10s %10s %10s %10s %10s %10s %10s%s\n",
		o->color ? BOLD : "", "PID", "COMMAND", "EPOLL", "ITEMS", "NEVER", "NOTIFIED",
		"SCANS", "RE-POLLS", "STALE", "TOLD", "UNSERVED", "CHANGES", o->color ? PLAIN : "");
	for (int i = 0; i < rows; i++) {
		const struct epoll_figures *f = &report->epolls[i];
		char comm[4 * 16 + 1], items[32] = "-", never[32] = "-";

		if (f->items) {
			text_grouped(items, f->items);
			text_grouped(never, f->never);
		}
		fprintf(out, "%7u %-15.15s %5d %10s %10s", f->tgid,
			comm_of(comm, report, f->tgid, f->start_ns), f->epfd, items, never);
		figures_text(out, report, &f->sum);
		fputc('\n', out);
	}
	if (rows < report->epolls_nr)
		fprintf(out, "%7s %d more (--rows=0 shows all)\n", "...", report->epolls_nr - rows);
	fputc('\n', out);
}

static void items_text(FILE *out, const struct report *report, const struct text_options *o,
		       int rows)
{
	fprintf(out, "%s%7s %5s %5s %-12s %-8s %-30s %10s %10s %10s %10s %10s %10s %10s%s\n",
		o->color ? BOLD : "", "PID", "EPOLL", "FD", "ASKED", "MODE", "FILE", "NOTIFIED",
		"SCANS", "RE-POLLS", "STALE", "TOLD", "UNSERVED", "CHANGES", o->color ? PLAIN : "");
	for (int i = 0; i < rows; i++) {
		const struct item_figures *f = &report->item_rows[i];
		char asked[128], mode[32], text[FILE_TEXT_MAX] = "-";

		if (f->name_known)
			file_name_text(text, &f->name);
		fprintf(out, "%7u %5d %5d %-12.12s %-8.8s %-30.30s", f->item.tgid, f->item.epfd,
			f->item.fd, events_text(asked, f->item.events & ~(EPOLLERR | EPOLLHUP)),
			mode_text(mode, f->item.events), text);
		figures_text(out, report, &f->item);
		fputc('\n', out);
	}
	if (rows < report->items_nr)
		fprintf(out, "%7s %d more (--rows=0 shows all)\n", "...", report->items_nr - rows);
	fputc('\n', out);
}

static int rows_told(int all, const struct text_options *o)
{
	return o->rows && all > (int)o->rows ? (int)o->rows : all;
}

void report_item_text(FILE *out, const struct report *report, const struct text_options *o)
{
	if (items_absent(report))
		fprintf(out, "Which items an epoll asks cannot be told here: %s.\n\n",
			items_absent(report));
	if (report->epolls_nr)
		epolls_text(out, report, o, rows_told(report->epolls_nr, o));
	if (report->items_nr)
		items_text(out, report, o, rows_told(report->items_nr, o));
}

static void figures_json(json_t *o, const struct report *report, const struct item_row *r)
{
	json_object_set_new(o, "notified", json_integer(r->notified));
	json_object_set_new(o, "notified_kind",
			    json_string(kind_name(events_kind(report->plan.wake))));
	json_object_set_new(o, "scans", json_integer(r->scans));
	json_object_set_new(o, "repolls", json_integer(r->repolls));
	json_object_set_new(o, "stale", json_integer(r->stale));
	json_object_set_new(o, "reported", json_integer(r->reported));
	json_object_set_new(o, "unserved", json_integer(r->unserved));
	json_object_set_new(o, "changes", json_integer(r->changes));
}

json_t *report_epolls_json(const struct report *report)
{
	json_t *all;

	if (!report->items_had)
		return json_null();
	all = json_array();
	for (int i = 0; i < report->epolls_nr; i++) {
		const struct epoll_figures *f = &report->epolls[i];
		json_t *o = json_object();
		char comm[4 * 16 + 1];

		json_object_set_new(o, "pid", json_integer(f->tgid));
		json_object_set_new(o, "start_time_ns", json_integer(f->start_ns));
		json_object_set_new(o, "comm", json_string(comm_of(comm, report, f->tgid,
								   f->start_ns)));
		json_object_set_new(o, "epfd", json_integer(f->epfd));
		json_object_set_new(o, "items", f->items ? json_integer(f->items) : json_null());
		json_object_set_new(o, "never", f->items ? json_integer(f->never) : json_null());
		figures_json(o, report, &f->sum);
		json_array_append_new(all, o);
	}
	return all;
}

json_t *report_items_json(const struct report *report)
{
	json_t *all;

	if (!report->items_had)
		return json_null();
	all = json_array();
	for (int i = 0; i < report->items_nr; i++) {
		const struct item_figures *f = &report->item_rows[i];
		json_t *o = json_object();

		json_object_set_new(o, "pid", json_integer(f->item.tgid));
		json_object_set_new(o, "start_time_ns", json_integer(f->item.start_ns));
		json_object_set_new(o, "epfd", json_integer(f->item.epfd));
		json_object_set_new(o, "fd", json_integer(f->item.fd));
		json_object_set_new(o, "asked", events_json(f->item.events & ~(EPOLLERR | EPOLLHUP)));
		json_object_set_new(o, "trigger",
				    json_string(f->item.events & EPOLLET ? "edge" : "level"));
		json_object_set_new(o, "oneshot", json_boolean(f->item.events & EPOLLONESHOT));
		json_object_set_new(o, "exclusive", json_boolean(f->item.events & EPOLLEXCLUSIVE));
		json_object_set_new(o, "listed", json_boolean(f->listed));
		json_object_set_new(o, "file", f->name_known ? file_name_json(&f->name) : json_null());
		figures_json(o, report, &f->item);
		json_array_append_new(all, o);
	}
	return all;
}
