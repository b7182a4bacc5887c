// SPDX-License-Identifier: GPL-2.0-or-later
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>

#include "report_snapshot.h"

#define BOLD "\033[1m"
#define DIM "\033[2m"
#define PLAIN "\033[0m"

#define FINDINGS_MAX 10		/* processes with a sentence of their own */
#define NAMED_MAX 5		/* fds that a sentence names */

/* --- files ------------------------------------------------------------------- */

static void queue(FILE *out, const struct file_record *r)
{
	char number[32];

	if (r->known & KNOWN_BACKLOG)
		fprintf(out, ", %u of %u waiting for accept", r->backlog, r->backlog_max);
	if (r->known & KNOWN_RECEIVE && r->receive)
		fprintf(out, ", %s bytes to read", text_grouped(number, r->receive));
	if (r->known & KNOWN_SEND && r->send)
		fprintf(out, ", %s bytes to send", text_grouped(number, r->send));
	if (r->known & KNOWN_MEMORY && r->receive)
		fprintf(out, ", %s bytes of memory in its receive queue",
			text_grouped(number, r->receive));
}

static void socket_name(FILE *out, const struct file_record *r)
{
	char local[600], remote[600];

	if (r->family == AF_INET || r->family == AF_INET6) {
		if (is_tcp(r))
			fputs("tcp", out);
		else
			fprintf(out, "%s", r->type == SOCK_DGRAM ? "udp" : socket_type_name(r));
		if (r->known & KNOWN_ADDRESS) {
			fprintf(out, " %s", address_text(local, r, false));
			if (r->remote_port)
				fprintf(out, " -> %s", address_text(remote, r, true));
		}
		if (is_tcp(r) && tcp_state_name(r->state) && r->state != 1)
			fprintf(out, " %s", tcp_state_name(r->state));
		return;
	}
	fprintf(out, "%s %s", family_name(r), socket_type_name(r));
	if (is_listener(r))
		fputs(" listen", out);
	if (r->path_size)
		fprintf(out, " %s", path_text(local, r));
}

void file_text(FILE *out, const struct look_file *f)
{
	char *name;

	if (!f) {
		fputs("not open", out);
		return;
	}
	if (f->r.known & KNOWN_SOCKET) {
		socket_name(out, &f->r);
	} else {
		name = malloc(4 * strlen(f->name) + 1);
		if (name)
			fputs(text_clean(name, f->name), out);
		free(name);
	}
	queue(out, &f->r);
}

/* --- the finding --------------------------------------------------------------- */

static void named(FILE *out, const struct snapshot_process *p)
{
	size_t told = 0;

	for (size_t i = 0; i < p->watches_nr && told < NAMED_MAX; i++) {
		const struct snapshot_watch *w = &p->watches[i];

		if (w->unserved != ANSWER_YES)
			continue;
		fprintf(out, "%s%d (", told ? ", " : ": ", w->watch->fd);
		file_text(out, w->file);
		fputc(')', out);
		told++;
	}
	if (told < p->unserved_nr)
		fprintf(out, " and %zu more", p->unserved_nr - told);
}

/* Whether a thread waits on this epoll now. */
static bool waited_on(const struct look *look, int32_t epfd)
{
	for (size_t i = 0; i < look->threads_nr; i++)
		if (look->threads[i].state == THREAD_WAITS && look->threads[i].epfd == epfd)
			return true;
	return false;
}

static bool told_worth(const struct snapshot_process *p)
{
	if (p->unserved_nr || p->unknown_nr || p->look->cut)
		return true;
	for (size_t i = 0; i < p->watches_nr; i++)
		if (p->watches[i].stale == ANSWER_YES)
			return true;
	return false;
}

static void finding(FILE *out, const struct snapshot_process *p, const struct text_options *o)
{
	size_t edges = 0, stale = 0;
	char name[4 * 16 + 1], number[32], all[32];
	bool alone = true;

	for (size_t i = 0; i < p->watches_nr; i++) {
		const struct snapshot_watch *w = &p->watches[i];

		edges += w->unserved == ANSWER_YES && w->edge_consumed == ANSWER_YES;
		stale += w->stale == ANSWER_YES;
		if (w->unserved == ANSWER_YES && w->watch->by == MECHANISM_EPOLL)
			alone = alone && !waited_on(p->look, w->watch->watcher);
	}
	fprintf(out, "%s%s (%u): ", o->color ? BOLD : "", text_clean(name, p->look->comm),
		p->look->pid);
	if (p->unserved_nr) {
		fprintf(out, "%s of %s watched fds %s ready and not served",
			text_grouped(number, p->unserved_nr), text_grouped(all, p->watches_nr),
			p->unserved_nr == 1 ? "is" : "are");
		named(out, p);
		fputc('.', out);
		if (edges)
			fprintf(out, " %s the edge is consumed: no epoll_wait tells it before "
				     "something new comes.",
				edges < p->unserved_nr ? "Of some" :
				edges == 1	       ? "Of it" :
							 "Of them");
		if (alone && p->ran == ANSWER_NO)
			fputs(" No thread waits for them now.", out);
	} else if (p->watches_nr) {
		fprintf(out, "none of %s watched fds is seen to be ready and not served.",
			text_grouped(all, p->watches_nr));
	} else {
		fputs("no fd is seen to be watched.", out);
	}
	if (p->unknown_nr)
		fprintf(out, " %s %s ready at both looks, and whether served in between cannot "
			     "be seen.", text_grouped(number, p->unknown_nr),
			p->unknown_nr == 1 ? "was" : "were");
	if (stale)
		fprintf(out, " %s %s a file that is not open under its fd here any more.",
			text_grouped(number, stale), stale == 1 ? "item watches" : "items watch");
	if (p->look->cut)
		fprintf(out, " %s more watched fds are left out.",
			text_grouped(number, p->look->cut));
	fprintf(out, "%s\n", o->color ? PLAIN : "");
}

static void findings(FILE *out, const struct snapshot_report *r, const struct text_options *o)
{
	size_t told = 0, more = 0, quiet = 0, watches = 0;
	bool all = r->processes_nr <= 3;
	char number[32];

	for (size_t i = 0; i < r->processes_nr; i++) {
		const struct snapshot_process *p = &r->processes[i];

		if (!all && !told_worth(p)) {
			quiet++;
			watches += p->watches_nr;
		} else if (told < FINDINGS_MAX) {
			finding(out, p, o);
			told++;
		} else {
			more++;
		}
	}
	if (more)
		fprintf(out, "%zu more processes have something of the kind.\n", more);
	if (quiet)
		fprintf(out, "%zu %sprocesses watch %s fds; none is seen to be ready and not "
			     "served.\n", quiet, told ? "other " : "",
			text_grouped(number, watches));
	if (!r->processes_nr && r->forbidden)
		fprintf(out, "Nothing can be told: %s processes may not be looked into; run it "
			     "with sudo.\n", text_grouped(number, r->forbidden));
	else if (!r->processes_nr)
		fputs("No fd is watched, and nobody waits in select, poll or epoll.\n", out);
	fputc('\n', out);
}

/* --- the table ----------------------------------------------------------------- */

static void mode(char *to, const struct snapshot_watch *w)
{
	uint32_t asked = w->watch->asked;

	if (w->watch->by != MECHANISM_EPOLL) {
		strcpy(to, "-");
		return;
	}
	sprintf(to, "%s%s%s", asked & EPOLLET ? "ET" : "LT",
		w->disarmed ? " disarmed" : asked & EPOLLONESHOT ? " oneshot" : "",
		asked & EPOLLEXCLUSIVE ? " excl" : "");
}

static const char *served(const struct snapshot_watch *w)
{
	switch (w->why) {
	case WHY_IDLE:
	case WHY_UNMOVED:
		return "NO";
	case WHY_UNSEEN:
	case WHY_NO_FIRST:
		return "?";
	case WHY_MOVED:
		return "yes";
	case WHY_NEW:
		return "new";
	default:
		return "-";
	}
}

static void row(FILE *out, const struct snapshot_process *p, const struct snapshot_watch *w,
		const struct text_options *o)
{
	char comm[4 * 16 + 1], watcher[32], asked[128], ready[128], how[64];
	bool marked = w->unserved == ANSWER_YES;

	sprintf(watcher, "%s %u", w->watch->by == MECHANISM_EPOLL  ? "epoll" :
				  w->watch->by == MECHANISM_SELECT ? "select" : "poll",
		w->watch->watcher);
	mode(how, w);
	if (w->no_ready == READY_KNOWN)
		events_text(ready, w->ready);
	else
		strcpy(ready, w->no_ready == READY_NOT_OPEN ? "-" : "?");
	fprintf(out, "%s%7u %-15.15s %-12s %5d %-12s %-13s %-10s %-6s ",
		marked && o->color ? BOLD : "", p->look->pid, text_clean(comm, p->look->comm),
		watcher, w->watch->fd, w->disarmed ? "-" : events_text(asked, events_asked(w->watch)),
		how, ready, served(w));
	if (w->stale == ANSWER_YES) {
		fputs("stale: its file ", out);
		if (w->open_as >= 0)
			fprintf(out, "is open as %d", w->open_as);
		else
			fputs("is not open here", out);
		if (w->queued == ANSWER_YES)
			fputs(", and on the ready list", out);
		fprintf(out, "; %d is ", w->watch->fd);
	}
	file_text(out, w->file);
	if (w->edge_consumed == ANSWER_YES)
		fputs(", edge consumed", out);
	fprintf(out, "%s\n", marked && o->color ? PLAIN : "");
}

static void table(FILE *out, const struct snapshot_report *r, const struct text_options *o)
{
	uint64_t all = 0, told = 0;
	uint64_t limit = o->rows ? o->rows : UINT64_MAX;

	for (size_t i = 0; i < r->processes_nr; i++)
		all += r->processes[i].watches_nr;
	if (!all)
		return;
	fprintf(out, "%s%7s %-15s %-12s %5s %-12s %-13s %-10s %-6s %s%s\n", o->color ? BOLD : "",
		"PID", "COMMAND", "WATCHER", "FD", "ASKED", "MODE", "READY", "SERVED", "FILE",
		o->color ? PLAIN : "");
	for (size_t i = 0; i < r->processes_nr; i++) {
		const struct snapshot_process *p = &r->processes[i];

		for (size_t j = 0; j < p->watches_nr && told < limit; j++, told++)
			row(out, p, &p->watches[j], o);
	}
	if (told < all)
		fprintf(out, "%7s %" PRIu64 " more (--rows=0 shows all)\n", "...", all - told);
	fputc('\n', out);
}

/* --- who waits ------------------------------------------------------------------ */

static void waiters(FILE *out, const struct snapshot_process *p, const struct text_options *o)
{
	size_t waits = 0, runs = 0, other = 0, untold = 0, unread = 0, epolls = 0;
	char comm[4 * 16 + 1];

	for (size_t i = 0; i < p->look->threads_nr; i++) {
		const struct look_thread *t = &p->look->threads[i];

		waits += t->state == THREAD_WAITS;
		runs += t->state == THREAD_RUNS;
		other += t->state == THREAD_ELSEWHERE;
		untold += t->state == THREAD_RESTARTED || t->state == THREAD_UNTOLD;
		unread += t->unread;
	}
	fprintf(out, "%s (%u): %zu of %zu threads %s in select, poll or epoll",
		text_clean(comm, p->look->comm), p->look->pid, waits, p->look->threads_nr,
		waits == 1 ? "waits" : "wait");
	if (runs)
		fprintf(out, ", %zu running", runs);
	if (other)
		fprintf(out, ", %zu asleep elsewhere", other);
	if (untold)
		fprintf(out, ", %zu untold%s", untold,
			p->look->bits32 ? " (a 32-bit program, not decoded)" : "");
	if (unread)
		fprintf(out, ", of %zu what they watch could not be read", unread);
	for (size_t i = 0; i < p->look->files_nr; i++) {
		const struct look_file *f = &p->look->files[i];

		if (f->kind != FILE_EPOLL || waited_on(p->look, f->fd))
			continue;
		if (o->rows && ++epolls > o->rows)
			break;
		fprintf(out, "%s %d", epolls > 1 ? "," : "; no thread waits on epoll", f->fd);
	}
	fputs(".\n", out);
}

static void header(FILE *out, const struct snapshot_report *r, const struct text_options *o)
{
	time_t start = r->start_unix_ns / 1000000000;
	char when[64];
	struct tm tm;

	localtime_r(&start, &tm);
	strftime(when, sizeof(when), "%F %T", &tm);
	fprintf(out, "%s%s, Linux %s, %s, two looks %.0f ms apart%s\n\n", o->color ? DIM : "",
		r->host, r->release, when, r->gap_ns / 1e6, o->color ? PLAIN : "");
}

static void footer(FILE *out, const struct snapshot_report *r, const struct text_options *o)
{
	size_t told = 0;

	for (size_t i = 0; i < r->processes_nr && (!o->rows || told < o->rows); i++, told++)
		waiters(out, &r->processes[i], o);
	if (told < r->processes_nr)
		fprintf(out, "... %zu more processes (--rows=0 shows all)\n",
			r->processes_nr - told);
	switch (r->how) {
	case READY_BY_MODULE:
		fputs("What is ready was had through the module: no file was duplicated.\n", out);
		break;
	case READY_BY_DUP:
		fprintf(out, "What is ready was had through pidfd_getfd, which holds each file "
			     "open for a moment: if the process closes it just then, the close "
			     "takes effect only after. Not through the module: %s.\n",
			r->no_module);
		break;
	case READY_NOT_ASKED:
		fprintf(out, "What is ready was not asked (--no-dup), and not through the module: "
			     "%s.\n", r->no_module);
		break;
	}
	if (*r->no_iterator)
		fprintf(out, "Files are described by /proc%s alone: %s.\n",
			r->how == READY_BY_DUP ? " and their duplicates" : "", r->no_iterator);
	if (r->silent)
		fprintf(out, "%" PRIu64 " processes watch nothing.\n", r->silent);
	if (r->ended)
		fprintf(out, "%" PRIu64 " processes ended meanwhile.\n", r->ended);
	if (r->forbidden)
		fprintf(out, "%" PRIu64 " processes could not be looked into.\n", r->forbidden);
}

void report_snapshot_text(FILE *out, const struct snapshot_report *report,
			  const struct text_options *options)
{
	header(out, report, options);
	findings(out, report, options);
	table(out, report, options);
	footer(out, report, options);
}
