// SPDX-License-Identifier: GPL-2.0-or-later
#include "report_event.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <string.h>
#include <time.h>

#include "model_chain.h"
#include "model_wait.h"
#include "report.h"
#include "report_file.h"

/* include/linux/errno.h: what an interrupted call returns inside the kernel. */
#define RESTART_FIRST 512
#define RESTART_LAST 516

static enum wait_returned returned_how(const struct event_record *e)
{
	if (e->ret > 0)
		return RETURNED_READY;
	if (!e->ret)
		return e->syscall == WAIT_epoll_ctl ? RETURNED_DONE : RETURNED_TIMEOUT;
	if (e->ret == -EINTR || (e->ret <= -RESTART_FIRST && e->ret >= -RESTART_LAST))
		return RETURNED_SIGNAL;
	return RETURNED_ERROR;
}

static const char *error_name(const struct event_record *e)
{
	const char *name = strerrorname_np(-e->ret);

	return name ? name : "unknown";
}

static bool has_chain(const struct event_record *e, const struct event_options *o)
{
	return o->chain && e->ret > 0 && e->woken_ns && e->running_ns >= e->woken_ns;
}

void report_event_head(FILE *out, const struct event_options *o)
{
	fprintf(out, "%-15s %7s %7s %-15s %-16s %9s %7s %7s %7s %6s%s\n", "TIME", "PID", "TID",
		"COMMAND", "CALL", "RETURNED", "TOOK", "ASLEEP", "WATCHED", "SLEEPS",
		o->chain ? "  READY-WOKEN-RUNNING-RETURNED" : "");
}

void report_event_text(FILE *out, const struct event_record *e, const struct event_options *o)
{
	char when[32], name[4 * 16 + 1], call[32], returned[32], took[16], asleep[16];
	char watched[16] = "-", parts[3][16];

	if (e->epfd >= 0)
		snprintf(call, sizeof(call), "%s(%d)", wait_syscall_name(e->syscall), e->epfd);
	else
		snprintf(call, sizeof(call), "%s", wait_syscall_name(e->syscall));
	switch (returned_how(e)) {
	case RETURNED_READY:
		snprintf(returned, sizeof(returned), "%" PRId64, (int64_t)e->ret);
		break;
	case RETURNED_TIMEOUT:
		strcpy(returned, "time-out");
		break;
	case RETURNED_SIGNAL:
		strcpy(returned, "signal");
		break;
	case RETURNED_ERROR:
		snprintf(returned, sizeof(returned), "%s", error_name(e));
		break;
	default:
		strcpy(returned, "done");
	}
	if (e->watched >= 0)
		snprintf(watched, sizeof(watched), "%d", e->watched);
	fprintf(out, "%s %7u %7u %-15.15s %-16s %9s %7s %7s %7s %6u",
		text_time(when, e->returned_ns + o->unix_offset_ns), e->head.tgid, e->head.tid,
		text_clean(name, e->head.thread_comm), call, returned,
		text_duration(took, e->returned_ns - e->entered_ns),
		text_duration(asleep, e->asleep_ns), watched, e->sleeps);
	if (has_chain(e, o))
		fprintf(out, "  %s %s %s",
			o->sees_ready ? text_duration(parts[0], e->woken_ns - e->ready_ns) : "-",
			text_duration(parts[1], e->running_ns - e->woken_ns),
			text_duration(parts[2], e->returned_ns - e->running_ns));
	fputc('\n', out);
}

void report_event_json_lost(FILE *out, uint64_t lost)
{
	json_t *j = json_object();

	json_object_set_new(j, "lost", json_integer(lost));
	json_dumpf(j, out, JSON_COMPACT);
	fputc('\n', out);
	json_decref(j);
}

int report_event_json(FILE *out, const struct event_record *e, const struct event_options *o)
{
	static const char *const names[] = { "ready", "timeout", "signal", "error", "done" };
	enum wait_returned how = returned_how(e);
	char name[4 * 16 + 1];
	json_t *j = json_object();
	int ret;

	json_object_set_new(j, "time_unix_ns", json_integer(e->returned_ns + o->unix_offset_ns));
	json_object_set_new(j, "pid", json_integer(e->head.tgid));
	json_object_set_new(j, "tid", json_integer(e->head.tid));
	json_object_set_new(j, "start_time_ns", json_integer(e->head.start_ns));
	json_object_set_new(j, "comm", json_string(text_clean(name, e->head.comm)));
	json_object_set_new(j, "thread_comm", json_string(text_clean(name, e->head.thread_comm)));
	json_object_set_new(j, "mechanism", json_string(wait_mechanism_name(e->syscall)));
	json_object_set_new(j, "syscall", json_string(wait_syscall_name(e->syscall)));
	json_object_set_new(j, "epfd", e->epfd < 0 ? json_null() : json_integer(e->epfd));
	json_object_set_new(j, "returned", json_string(names[how]));
	json_object_set_new(j, "ready", how == RETURNED_READY ? json_integer(e->ret) : json_null());
	json_object_set_new(j, "error",
			    how == RETURNED_ERROR ? json_string(error_name(e)) : json_null());
	json_object_set_new(j, "latency_ns", json_integer(e->returned_ns - e->entered_ns));
	json_object_set_new(j, "asleep_ns", json_integer(e->asleep_ns));
	json_object_set_new(j, "watched", e->watched < 0 ? json_null() : json_integer(e->watched));
	json_object_set_new(j, "scans", e->exact ? json_integer(e->scans) : json_null());
	json_object_set_new(j, "sleeps", json_integer(e->sleeps));
	json_object_set_new(j, "restarts", json_integer(e->restarts));
	if (o->chain && o->sees_ready)
		json_object_set_new(j, "wake_fd",
				    e->wake_fd < 0 ? json_null() : json_integer(e->wake_fd));
	if (has_chain(e, o)) {
		json_object_set_new(j, "ready_to_woken_ns",
				    o->sees_ready ? json_integer(e->woken_ns - e->ready_ns) :
						    json_null());
		json_object_set_new(j, "woken_to_running_ns",
				    json_integer(e->running_ns - e->woken_ns));
		json_object_set_new(j, "running_to_returned_ns",
				    json_integer(e->returned_ns - e->running_ns));
	}
	ret = json_dumpf(j, out, JSON_COMPACT);
	fputc('\n', out);
	json_decref(j);
	return ret && !ferror(out) ? -ENOMEM : 0;
}

/* Threads that the record names, the first of those that were woken. */
static int woken_named(const struct woken_record *w)
{
	return w->woken < WOKEN_MAX ? w->woken : WOKEN_MAX;
}

void report_woken_head(FILE *out)
{
	fprintf(out, "%-15s %-24s %-8s %7s %4s %-36s %5s  %s\n", "TIME", "WOKEN BY", "IN", "PID",
		"FD", "FILE", "WOKEN", "THREADS");
}

void report_woken_text(FILE *out, const struct woken_record *w, const struct event_options *o)
{
	char when[32], name[4 * 16 + 1], by[4 * 16 + 16];
	char pid[16] = "-", fd[16] = "-", file[FILE_TEXT_MAX] = "-";

	sprintf(by, "%s[%u]", text_clean(name, w->head.comm), w->head.tgid);
	if (w->file.id) {
		sprintf(pid, "%u", w->file.tgid);
		file_name_text(file, &w->file);
	}
	if (w->file.fd >= 0)
		sprintf(fd, "%d", w->file.fd);
	fprintf(out, "%s %-24.24s %-8s %7s %4s %-36.36s %5u ",
		text_time(when, w->ready_ns + o->unix_offset_ns), by,
		wake_context_name(w->context), pid, fd, file, w->woken);
	for (int i = 0; i < woken_named(w); i++)
		fprintf(out, " %u", w->tids[i]);
	fputs(w->woken > WOKEN_MAX ? " ...\n" : "\n", out);
}

int report_woken_json(FILE *out, const struct woken_record *w, const struct event_options *o)
{
	json_t *j = json_object(), *tids = json_array();
	char name[4 * 16 + 1];
	int ret;

	json_object_set_new(j, "time_unix_ns", json_integer(w->ready_ns + o->unix_offset_ns));
	json_object_set_new(j, "file", w->file.id ? file_name_json(&w->file) : json_null());
	json_object_set_new(j, "woken", json_integer(w->woken));
	for (int i = 0; i < woken_named(w); i++)
		json_array_append_new(tids, json_integer(w->tids[i]));
	json_object_set_new(j, "tids", tids);
	json_object_set_new(j, "waker",
			    json_pack("{ss si si ss}", "context", wake_context_name(w->context),
				      "pid", w->head.tgid, "tid", w->head.tid, "comm",
				      text_clean(name, w->head.comm)));
	ret = json_dumpf(j, out, JSON_COMPACT);
	fputc('\n', out);
	json_decref(j);
	return ret && !ferror(out) ? -ENOMEM : 0;
}
