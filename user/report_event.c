// SPDX-License-Identifier: GPL-2.0-or-later
#include "report_event.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <string.h>
#include <time.h>

#include "model_wait.h"
#include "report.h"

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
	uint64_t at = e->returned_ns + o->unix_offset_ns;
	char when[16], name[4 * 16 + 1], call[32], returned[32], took[16], asleep[16];
	char watched[16] = "-", parts[3][16];
	time_t seconds = at / 1000000000;
	struct tm tm;

	localtime_r(&seconds, &tm);
	strftime(when, sizeof(when), "%T", &tm);
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
	fprintf(out, "%s.%06" PRIu64 " %7u %7u %-15.15s %-16s %9s %7s %7s %7s %6u", when,
		at % 1000000000 / 1000, e->head.tgid, e->head.tid,
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
