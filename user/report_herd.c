// SPDX-License-Identifier: GPL-2.0-or-later
#include "report_herd.h"

#include <inttypes.h>
#include <string.h>

#include "report_file.h"

#define BOLD "\033[1m"
#define PLAIN "\033[0m"

/* Members that a line of text names. */
#define MEMBERS_TOLD 4

const char *herd_absent(const struct report *report)
{
	if (!report->herd || report->herd_had)
		return NULL;
	return report->plan.wake == WAKE_WAKING ?
		       "tracepoints do not tell who wakes whom for which file" :
		       "this kernel has no function that ends a file";
}

static char *name(char *to, const struct herd_figures *f)
{
	if (!f->closed)
		return file_name_text(to, &f->file);
	sprintf(to, "%" PRIu64 " closed files", (uint64_t)f->closed);
	return to;
}

/* The process by which the file was first seen; others may have been woken for it. */
static char *owner(char comm[4 * 16 + 1], const struct report *report,
		   const struct herd_figures *f)
{
	for (int i = 0; i < f->members_nr; i++) {
		const struct herd_member *m = &f->members[i];

		if (m->tgid == f->file.tgid && m->start_ns == f->file.start_ns)
			return text_clean(comm, m->comm);
	}
	return comm_of(comm, report, f->file.tgid, f->file.start_ns);
}

static double share(uint64_t part, uint64_t whole)
{
	return whole ? 100.0 * part / whole : 0;
}

/* Wakes of its waiters: a thread that was woken for something found something. */
static bool is_herd(const struct herd_figures *f)
{
	return f->members_nr > 1 && f->file.herd[HERD_WOKEN] > f->file.events;
}

/* Fewer events are no news: any file may wake two now and then. */
#define EVENTS_TOLD 10

bool report_herd_waste(const struct report *report)
{
	for (int i = 0; i < report->herds_nr; i++)
		if (is_herd(&report->herds[i]) && report->herds[i].file.events >= EVENTS_TOLD)
			return true;
	return false;
}

void report_herd_findings(FILE *out, const struct report *report, const struct text_options *o)
{
	int told = 0;

	for (int i = 0; i < report->herds_nr && told < 3; i++) {
		const struct herd_figures *f = &report->herds[i];
		const __u64 *herd = f->file.herd;
		char text[FILE_TEXT_MAX], comm[4 * 16 + 1], events[32], woken[32];
		const struct herd_member *m = f->members;

		if (f->members_nr < 2 || f->file.events < EVENTS_TOLD)
			continue;
		fprintf(out, "%s%s (%u), %s: ready %s times, and woke %d threads %s times",
			o->color ? BOLD : "", owner(comm, report, f), f->file.tgid, name(text, f),
			text_grouped(events, f->file.events), f->members_nr,
			text_grouped(woken, herd[HERD_WOKEN]));
		if (is_herd(f))
			fprintf(out, ", %.1f an event; %.1f %% of these wakes found nothing",
				(double)herd[HERD_WOKEN] / f->file.events,
				share(herd[HERD_EMPTY], herd[HERD_WOKEN]));
		fprintf(out, "; %.0f %% of the wakes went to thread %u.%s\n",
			share(m->herd[HERD_WOKEN], herd[HERD_WOKEN]), m->tid, o->color ? PLAIN : "");
		told++;
	}
}

void report_herd_text(FILE *out, const struct report *report, const struct text_options *o)
{
	int rows = report->herds_nr;

	if (herd_absent(report))
		fprintf(out, "Who is woken for which file cannot be told here: %s.\n\n",
			herd_absent(report));
	if (!rows)
		return;
	if (o->rows && rows > (int)o->rows)
		rows = o->rows;
	fprintf(out, "%s%7s %-15s %4s %-36s %10s %10s %6s %10s %10s %7s  %s%s\n",
		o->color ? BOLD : "", "PID", "COMMAND", "FD", "FILE", "READY", "WOKEN", "EACH",
		"SERVED", "EMPTY", "WATCHED", "WOKEN MOST", o->color ? PLAIN : "");
	for (int i = 0; i < rows; i++) {
		const struct herd_figures *f = &report->herds[i];
		const __u64 *herd = f->file.herd;
		char text[FILE_TEXT_MAX], comm[4 * 16 + 1], n[4][32], fd[16] = "-", by[16] = "-";
		char events[32];

		if (f->file.fd >= 0)
			sprintf(fd, "%d", f->file.fd);
		if (f->watchers)
			sprintf(by, "by %u", f->watchers);
		sprintf(events, "%s%s", kind_mark(events_kind(report->plan.wake)),
			text_grouped(n[0], f->file.events));
		fprintf(out, "%7u %-15.15s %4s %-36.36s %10s %10s %6.2f %10s %10s %7s ", f->file.tgid,
			owner(comm, report, f), fd, name(text, f), events,
			text_grouped(n[1], herd[HERD_WOKEN]),
			f->file.events ? (double)herd[HERD_WOKEN] / f->file.events : 0.0,
			text_grouped(n[2], herd[HERD_SERVED]), text_grouped(n[3], herd[HERD_EMPTY]),
			by);
		for (int j = 0; j < f->members_nr && j < MEMBERS_TOLD; j++)
			fprintf(out, "%s%.0f%% %u", j ? ", " : " ",
				share(f->members[j].herd[HERD_WOKEN], herd[HERD_WOKEN]),
				f->members[j].tid);
		if (f->members_nr > MEMBERS_TOLD)
			fprintf(out, ", %d more", f->members_nr - MEMBERS_TOLD);
		fputc('\n', out);
	}
	if (rows < report->herds_nr)
		fprintf(out, "%7s %d more (--rows=0 shows all)\n", "...", report->herds_nr - rows);
	fputc('\n', out);
}

static void herd_set(json_t *o, const __u64 herd[HERD_NR])
{
	json_object_set_new(o, "woken", json_integer(herd[HERD_WOKEN]));
	json_object_set_new(o, "served", json_integer(herd[HERD_SERVED]));
	json_object_set_new(o, "empty", json_integer(herd[HERD_EMPTY]));
}

json_t *report_herd_json(const struct report *report)
{
	json_t *all;

	if (!report->herd_had)
		return json_null();
	all = json_array();
	for (int i = 0; i < report->herds_nr; i++) {
		const struct herd_figures *f = &report->herds[i];
		json_t *o = json_object(), *members = json_array();
		char comm[4 * 16 + 1];

		json_object_set_new(o, "file", f->closed ? json_null() : file_name_json(&f->file));
		json_object_set_new(o, "closed", json_integer(f->closed));
		json_object_set_new(o, "pid", json_integer(f->file.tgid));
		json_object_set_new(o, "start_time_ns", json_integer(f->file.start_ns));
		json_object_set_new(o, "events", json_integer(f->file.events));
		json_object_set_new(o, "events_kind",
				    json_string(kind_name(events_kind(report->plan.wake))));
		herd_set(o, f->file.herd);
		json_object_set_new(o, "watchers",
				    f->watchers ? json_integer(f->watchers) : json_null());
		for (int j = 0; j < f->members_nr; j++) {
			const struct herd_member *m = &f->members[j];
			json_t *member = json_object();

			json_object_set_new(member, "pid", json_integer(m->tgid));
			json_object_set_new(member, "start_time_ns", json_integer(m->start_ns));
			json_object_set_new(member, "tid", json_integer(m->tid));
			json_object_set_new(member, "comm", json_string(text_clean(comm, m->comm)));
			herd_set(member, m->herd);
			json_array_append_new(members, member);
		}
		json_object_set_new(o, "members", members);
		json_array_append_new(all, o);
	}
	return all;
}
