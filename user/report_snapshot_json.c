// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "report_snapshot.h"

static json_t *answer_json(enum answer answer)
{
	return answer == ANSWER_UNKNOWN ? json_null() : json_boolean(answer == ANSWER_YES);
}

json_t *events_json(uint32_t events)
{
	json_t *a = json_array();

	for (int i = 0; i < 16; i++)
		if (events & 1U << i && event_name(1U << i))
			json_array_append_new(a, json_string(event_name(1U << i)));
	return a;
}

/* Kernel counts go up to 2^64; those that JSON's integers do not hold do not occur. */
static json_t *known(uint32_t is, uint64_t value)
{
	return is ? json_integer(value) : json_null();
}

static json_t *clean(const char *text)
{
	char *to = malloc(4 * strlen(text) + 1);
	json_t *string = to ? json_string(text_clean(to, text)) : json_null();

	free(to);
	return string;
}

static json_t *socket_json(const struct file_record *r)
{
	bool inet = r->family == AF_INET || r->family == AF_INET6;
	bool addresses = inet && r->known & KNOWN_ADDRESS;
	json_t *o = json_object();
	char text[600];

	json_object_set_new(o, "family", json_string(family_name(r)));
	json_object_set_new(o, "type", json_string(socket_type_name(r)));
	json_object_set_new(o, "protocol", json_integer(r->protocol));
	json_object_set_new(o, "state", is_tcp(r) && tcp_state_name(r->state) ?
						json_string(tcp_state_name(r->state)) :
					is_listener(r) ? json_string("listen") : json_null());
	json_object_set_new(o, "local", addresses ? json_string(address_text(text, r, false)) :
						    json_null());
	json_object_set_new(o, "remote", addresses && r->remote_port ?
						 json_string(address_text(text, r, true)) :
						 json_null());
	json_object_set_new(o, "path", r->path_size ? json_string(path_text(text, r)) :
						      json_null());
	json_object_set_new(o, "backlog", known(r->known & KNOWN_BACKLOG, r->backlog));
	json_object_set_new(o, "backlog_max", known(r->known & KNOWN_BACKLOG, r->backlog_max));
	json_object_set_new(o, "receive_memory", known(r->known & KNOWN_MEMORY, r->receive));
	json_object_set_new(o, "send_memory", known(r->known & KNOWN_MEMORY, r->send));
	return o;
}

static json_t *file_json(const struct look_file *f)
{
	json_t *o;

	if (!f)
		return json_null();
	o = json_object();
	json_object_set_new(o, "kind", json_string(file_kind_name(f->kind)));
	json_object_set_new(o, "name", clean(f->name));
	json_object_set_new(o, "receive_bytes", known(f->r.known & KNOWN_RECEIVE, f->r.receive));
	json_object_set_new(o, "send_bytes", known(f->r.known & KNOWN_SEND, f->r.send));
	json_object_set_new(o, "socket", f->r.known & KNOWN_SOCKET ? socket_json(&f->r) :
								     json_null());
	return o;
}

static json_t *watch_json(const struct snapshot_watch *w)
{
	static const char *const mechanisms[] = { "select", "poll", "epoll" };
	bool epoll = w->watch->by == MECHANISM_EPOLL;
	uint32_t asked = w->watch->asked;
	json_t *o = json_object();
	char data[32];

	json_object_set_new(o, "mechanism", json_string(mechanisms[w->watch->by]));
	json_object_set_new(o, "epfd", epoll ? json_integer(w->watch->watcher) : json_null());
	json_object_set_new(o, "tid", epoll ? json_null() : json_integer(w->watch->watcher));
	json_object_set_new(o, "fd", json_integer(w->watch->fd));
	json_object_set_new(o, "asked", events_json(w->disarmed ? 0 : events_asked(w->watch)));
	if (epoll) {
		json_object_set_new(o, "trigger", json_string(asked & EPOLLET ? "edge" : "level"));
		json_object_set_new(o, "oneshot", json_boolean(asked & EPOLLONESHOT));
		json_object_set_new(o, "disarmed", json_boolean(w->disarmed));
		json_object_set_new(o, "exclusive", json_boolean(asked & EPOLLEXCLUSIVE));
		json_object_set_new(o, "wakeup", json_boolean(asked & EPOLLWAKEUP));
		/* As text: JSON's numbers are not sure to hold 64 bits. */
		snprintf(data, sizeof(data), "0x%llx", (unsigned long long)w->watch->data);
		json_object_set_new(o, "data", json_string(data));
		json_object_set_new(o, "stale", answer_json(w->stale));
		json_object_set_new(o, "open_as", w->open_as >= 0 ? json_integer(w->open_as) :
								    json_null());
		json_object_set_new(o, "queued", answer_json(w->queued));
		json_object_set_new(o, "edge_consumed", answer_json(w->edge_consumed));
	}
	json_object_set_new(o, "ready", w->no_ready == READY_KNOWN ? events_json(w->ready) :
								     json_null());
	json_object_set_new(o, "no_ready", w->no_ready == READY_KNOWN ?
						   json_null() :
						   json_string(no_ready_name(w->no_ready)));
	json_object_set_new(o, "unserved",
			    json_string(w->unserved == ANSWER_YES ? "yes" :
					w->unserved == ANSWER_NO  ? "no" : "unknown"));
	json_object_set_new(o, "unserved_why", json_string(why_name(w->why)));
	json_object_set_new(o, "file", file_json(w->file));
	return o;
}

static json_t *thread_json(const struct look_thread *t)
{
	json_t *o = json_object();
	char comm[4 * 16 + 1];
	bool waits = t->state == THREAD_WAITS;

	json_object_set_new(o, "tid", json_integer(t->tid));
	json_object_set_new(o, "comm", json_string(text_clean(comm, t->comm)));
	json_object_set_new(o, "state", json_string(thread_state_name(t->state)));
	json_object_set_new(o, "syscall", waits ? json_string(wait_syscall_name(t->syscall)) :
						  json_null());
	json_object_set_new(o, "epfd", waits && t->epfd >= 0 ? json_integer(t->epfd) :
							       json_null());
	json_object_set_new(o, "watched_known", json_boolean(!t->unread));
	return o;
}

static json_t *epolls_json(const struct snapshot_process *p)
{
	json_t *a = json_array();

	for (size_t i = 0; i < p->look->files_nr; i++) {
		const struct look_file *f = &p->look->files[i];
		json_t *o, *tids;
		size_t items = 0;

		if (f->kind != FILE_EPOLL)
			continue;
		o = json_object();
		tids = json_array();
		for (size_t j = 0; j < p->look->watches_nr; j++)
			items += p->look->watches[j].by == MECHANISM_EPOLL &&
				 p->look->watches[j].watcher == (uint32_t)f->fd;
		for (size_t j = 0; j < p->look->threads_nr; j++)
			if (p->look->threads[j].state == THREAD_WAITS &&
			    p->look->threads[j].epfd == f->fd)
				json_array_append_new(tids, json_integer(p->look->threads[j].tid));
		json_object_set_new(o, "fd", json_integer(f->fd));
		json_object_set_new(o, "items", json_integer(items));
		json_object_set_new(o, "waiting", tids);
		json_array_append_new(a, o);
	}
	return a;
}

/*
 * The lists may be long: they are written element by element. What an object has
 * besides goes first, and leaves it open.
 */
static int head_dump(FILE *out, json_t *o, const char *list)
{
	int ret;

	fputc('{', out);
	ret = json_dumpf(o, out, JSON_COMPACT | JSON_EMBED);
	json_decref(o);
	fprintf(out, ",\"%s\":[", list);
	return ret;
}

static int element_dump(FILE *out, json_t *o, bool first)
{
	int ret;

	if (!first)
		fputc(',', out);
	ret = json_dumpf(o, out, JSON_COMPACT);
	json_decref(o);
	return ret;
}

static int process_dump(FILE *out, const struct snapshot_process *p)
{
	json_t *o = json_object(), *threads = json_array();
	char comm[4 * 16 + 1];
	int ret;

	for (size_t i = 0; i < p->look->threads_nr; i++)
		json_array_append_new(threads, thread_json(&p->look->threads[i]));
	json_object_set_new(o, "pid", json_integer(p->look->pid));
	json_object_set_new(o, "start_time_ns", json_integer(p->look->start_ns));
	json_object_set_new(o, "comm", json_string(text_clean(comm, p->look->comm)));
	json_object_set_new(o, "bits", json_integer(p->look->bits32 ? 32 : 64));
	json_object_set_new(o, "ran", answer_json(p->ran));
	json_object_set_new(o, "watched", json_integer(p->watches_nr));
	json_object_set_new(o, "left_out", json_integer(p->look->cut));
	json_object_set_new(o, "ready", json_integer(p->ready_nr));
	json_object_set_new(o, "unserved", json_integer(p->unserved_nr));
	json_object_set_new(o, "unseen", json_integer(p->unknown_nr));
	json_object_set_new(o, "threads", threads);
	json_object_set_new(o, "epolls", epolls_json(p));
	ret = head_dump(out, o, "watches");
	for (size_t i = 0; i < p->watches_nr && !ret; i++)
		ret = element_dump(out, watch_json(&p->watches[i]), !i);
	fputs("]}", out);
	return ret;
}

int report_snapshot_json(FILE *out, const struct snapshot_report *r)
{
	static const char *const how[] = { "module", "pidfd_getfd", "not_asked" };
	json_t *o = json_object();
	int ret;

	json_object_set_new(o, "version", json_string(IOREADY_VERSION));
	json_object_set_new(o, "host", json_string(r->host));
	json_object_set_new(o, "kernel", json_string(r->release));
	json_object_set_new(o, "time_unix_ns", json_integer(r->start_unix_ns));
	json_object_set_new(o, "gap_ns", json_integer(r->gap_ns));
	json_object_set_new(o, "readiness", json_string(how[r->how]));
	json_object_set_new(o, "no_module", *r->no_module ? json_string(r->no_module) :
							    json_null());
	json_object_set_new(o, "no_iterator", *r->no_iterator ? json_string(r->no_iterator) :
								json_null());
	json_object_set_new(o, "silent", json_integer(r->silent));
	json_object_set_new(o, "ended", json_integer(r->ended));
	json_object_set_new(o, "forbidden", json_integer(r->forbidden));
	ret = head_dump(out, o, "processes");
	for (size_t i = 0; i < r->processes_nr && !ret; i++) {
		if (i)
			fputc(',', out);
		ret = process_dump(out, &r->processes[i]);
	}
	fputs("]}\n", out);
	/* A failed write shows in ferror(); what is left is memory. */
	return ret && !ferror(out) ? -ENOMEM : 0;
}
