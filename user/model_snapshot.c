// SPDX-License-Identifier: GPL-2.0-or-later
#include "model_snapshot.h"

#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

/* All that an item keeps when EPOLLONESHOT has disarmed it. */
#define FLAGS (EPOLLWAKEUP | EPOLLONESHOT | EPOLLET | EPOLLEXCLUSIVE)
#define OUT_EVENTS (EPOLLOUT | EPOLLWRNORM | EPOLLWRBAND)

/* --- whether the process ran -------------------------------------------------- */

static int tid_compare(const void *a, const void *b)
{
	uint32_t x = ((const struct look_thread *)a)->tid, y = ((const struct look_thread *)b)->tid;

	return (x > y) - (x < y);
}

static enum answer ran(const struct look *first, const struct look *second)
{
	enum answer answer = ANSWER_NO;
	size_t n = first->threads_nr;

	if (n != second->threads_nr)
		return ANSWER_YES;
	for (size_t i = 0; i < n && answer != ANSWER_YES; i++) {
		const struct look_thread *b = &second->threads[i], *a;

		/* In one order nearly always: threads stay where they are. */
		a = first->threads[i].tid == b->tid ?
			    &first->threads[i] :
			    lfind(b, first->threads, &n, sizeof(*b), tid_compare);
		if (!a || a->state == THREAD_RUNS || b->state == THREAD_RUNS)
			answer = ANSWER_YES;
		else if (!a->runs_known || !b->runs_known)
			answer = ANSWER_UNKNOWN;
		else if (a->runs != b->runs || a->run_ns != b->run_ns)
			answer = ANSWER_YES;
	}
	return answer;
}

/* --- files and items ---------------------------------------------------------- */

/* Is the file under an item's fd the one that it watches? */
static enum answer stale(const struct look *look, const struct snapshot_watch *w,
			 const struct look_file *epoll)
{
	const struct file_record *r = &w->file->r;
	uint64_t ino = r->known & KNOWN_INODE ? r->ino : w->file->ino;
	uint32_t dev = r->known & KNOWN_INODE ? r->dev : w->file->dev;

	if (ino && (ino != w->watch->ino || dev != w->watch->dev))
		return ANSWER_YES;
	if (epoll && epoll->r.epoll && r->known & KNOWN_ITEMS) {
		const struct item_record *items;
		size_t nr;

		items = look_items(look, epoll->r.epoll, w->watch->fd, &nr);
		for (size_t i = 0; i < nr; i++)
			if (items[i].fd == w->file->fd)
				return ANSWER_NO;
		return ANSWER_YES;
	}
	/* Sockets and pipes have an inode each; of the rest many share one. */
	if (ino && (w->file->kind == FILE_SOCKET || w->file->kind == FILE_PIPE))
		return ANSWER_NO;
	return ANSWER_UNKNOWN;
}

static void item(const struct look *look, struct snapshot_watch *w)
{
	const struct look_file *epoll = look_file(look, w->watch->watcher);
	const struct item_record *items;
	size_t nr;

	w->disarmed = !(w->watch->asked & ~FLAGS);
	w->stale = w->file ? stale(look, w, epoll) : ANSWER_YES;
	if (!epoll || !epoll->r.epoll)
		return;
	items = look_items(look, epoll->r.epoll, w->watch->fd, &nr);
	for (size_t i = 0; i < nr; i++) {
		const struct item_record *r = &items[i];

		/* One fd, two items: its file was replaced by another that is watched too. */
		if ((r->fd == w->watch->fd) == (w->stale == ANSWER_YES))
			continue;
		w->queued = r->queued ? ANSWER_YES : ANSWER_NO;
		if (w->stale == ANSWER_YES)
			w->open_as = r->fd;
		break;
	}
}

static void ready(struct snapshot_watch *w, bool asked)
{
	const struct look_file *f = w->file;

	if (!f || w->stale == ANSWER_YES)
		w->no_ready = READY_NOT_OPEN;
	else if (f->r.known & (KNOWN_READY | KNOWN_NO_POLL))
		w->ready = f->r.ready & w->watch->asked;
	else if (f->kind == FILE_SIGNALFD)
		w->no_ready = READY_SIGNALFD;
	else if (!file_may_be_asked(f->kind))
		w->no_ready = READY_MAY_DISTURB;
	else
		w->no_ready = asked ? READY_REFUSED : READY_NOT_WANTED;
	/* Disarmed, an item is not asked for anything, and told nothing. */
	if (w->disarmed)
		w->ready = 0;
}

static void describe(const struct look *look, const struct watch *watch, bool asked,
		     struct snapshot_watch *w)
{
	memset(w, 0, sizeof(*w));
	w->watch = watch;
	w->file = look_file(look, watch->fd);
	w->stale = ANSWER_NO;
	w->queued = w->edge_consumed = ANSWER_UNKNOWN;
	w->open_as = -1;
	if (watch->by == MECHANISM_EPOLL)
		item(look, w);
	ready(w, asked);
}

/* --- unserved ------------------------------------------------------------------ */

static bool same_file(const struct look_file *a, const struct look_file *b)
{
	return a && b && a->kind == b->kind && !strcmp(a->name, b->name);
}

static void answer(struct snapshot_watch *w, enum answer unserved, enum why why)
{
	w->unserved = unserved;
	w->why = why;
}

static void judge(const struct snapshot_watch *first, enum answer ran, struct snapshot_watch *w)
{
	bool edge = w->watch->asked & EPOLLET, out_only;
	const struct file_record *a, *b = &w->file->r;
	uint32_t both, known;

	if (w->no_ready != READY_KNOWN)
		return answer(w, ANSWER_UNKNOWN, WHY_NO_READY);
	if (!w->ready)
		return answer(w, ANSWER_NO, WHY_NOT_READY);
	/* With an edge, being writable is told once and then remembered by the program. */
	if (edge && !(w->ready & ~OUT_EVENTS))
		return answer(w, ANSWER_NO, WHY_WRITABLE);
	if (!first || first->no_ready != READY_KNOWN || !same_file(first->file, w->file))
		return answer(w, ANSWER_UNKNOWN, WHY_NO_FIRST);
	both = first->ready & w->ready;
	if (edge)
		both &= ~OUT_EVENTS;
	if (!both)
		return answer(w, ANSWER_NO, WHY_NEW);
	a = &first->file->r;
	known = a->known & b->known;
	out_only = !(both & ~OUT_EVENTS);
	if (edge && first->queued != ANSWER_UNKNOWN && w->queued != ANSWER_UNKNOWN)
		w->edge_consumed = first->queued == ANSWER_NO && w->queued == ANSWER_NO ?
					   ANSWER_YES : ANSWER_NO;
	/* Others may serve it as well: what moved counts before who ran. */
	if (known & (out_only ? KNOWN_PUT : KNOWN_TAKEN)) {
		bool moved = out_only ? a->put != b->put : a->taken != b->taken;

		return answer(w, moved ? ANSWER_NO : ANSWER_YES, moved ? WHY_MOVED : WHY_UNMOVED);
	}
	if (!out_only && known & KNOWN_RECEIVE && b->receive < a->receive)
		return answer(w, ANSWER_NO, WHY_MOVED);
	if (ran == ANSWER_NO)
		return answer(w, ANSWER_YES, WHY_IDLE);
	answer(w, ANSWER_UNKNOWN, WHY_UNSEEN);
}

/* --- all of a process ----------------------------------------------------------- */

static int key_compare(const void *a, const void *b)
{
	const struct watch *x = ((const struct snapshot_watch *)a)->watch;
	const struct watch *y = ((const struct snapshot_watch *)b)->watch;

	if (x->by != y->by)
		return x->by > y->by ? -1 : 1;	/* epoll first */
	if (x->watcher != y->watcher)
		return x->watcher < y->watcher ? -1 : 1;
	if (x->fd != y->fd)
		return x->fd < y->fd ? -1 : 1;
	/* The same fd twice in one list: they differ in the file. */
	return (x->ino > y->ino) - (x->ino < y->ino);
}

static int rank(const struct snapshot_watch *w)
{
	if (w->unserved == ANSWER_YES)
		return 0;
	if (w->why == WHY_UNSEEN)
		return 1;
	if (w->stale == ANSWER_YES)
		return 2;
	return w->ready ? 3 : 4;
}

static int rank_compare(const void *a, const void *b)
{
	int x = rank(a), y = rank(b);

	return x != y ? (x > y) - (x < y) : key_compare(a, b);
}

static struct snapshot_watch *described(const struct look *look, bool asked)
{
	struct snapshot_watch *w = calloc(look->watches_nr ? look->watches_nr : 1, sizeof(*w));

	for (size_t i = 0; w && i < look->watches_nr; i++)
		describe(look, &look->watches[i], asked, &w[i]);
	if (w)
		qsort(w, look->watches_nr, sizeof(*w), key_compare);
	return w;
}

int model_snapshot(const struct look *first, const struct look *second, bool asked,
		   struct snapshot_process *p, struct err *err)
{
	struct snapshot_watch *before = described(first, asked);
	size_t at = 0;

	memset(p, 0, sizeof(*p));
	p->look = second;
	p->ran = ran(first, second);
	p->watches = described(second, asked);
	p->watches_nr = second->watches_nr;
	if (!before || !p->watches) {
		free(before);
		model_snapshot_free(p);
		return err_set(err, -ENOMEM, "out of memory");
	}
	for (size_t i = 0; i < p->watches_nr; i++) {
		struct snapshot_watch *w = &p->watches[i];

		/* Both are in the same order. */
		while (at < first->watches_nr && key_compare(&before[at], w) < 0)
			at++;
		judge(at < first->watches_nr && !key_compare(&before[at], w) ? &before[at] : NULL,
		      p->ran, w);
		p->unserved_nr += w->unserved == ANSWER_YES;
		p->unknown_nr += w->why == WHY_UNSEEN;
		p->ready_nr += !!w->ready;
	}
	free(before);
	qsort(p->watches, p->watches_nr, sizeof(*p->watches), rank_compare);
	return 0;
}

void model_snapshot_free(struct snapshot_process *p)
{
	free(p->watches);
	p->watches = NULL;
}
