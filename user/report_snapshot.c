// SPDX-License-Identifier: GPL-2.0-or-later
/* What the text and the JSON of a snapshot share: names. */
#include "report_snapshot.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

static const struct {
	uint32_t bit;
	const char *name;
} events[] = {
	{ EPOLLIN, "IN" },	   { EPOLLPRI, "PRI" },	      { EPOLLOUT, "OUT" },
	{ EPOLLERR, "ERR" },	   { EPOLLHUP, "HUP" },	      { 0x20, "NVAL" },
	{ EPOLLRDNORM, "RDNORM" }, { EPOLLRDBAND, "RDBAND" }, { EPOLLWRNORM, "WRNORM" },
	{ EPOLLWRBAND, "WRBAND" }, { EPOLLMSG, "MSG" },	      { EPOLLRDHUP, "RDHUP" },
};

const char *event_name(uint32_t bit)
{
	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++)
		if (events[i].bit == bit)
			return events[i].name;
	return NULL;
}

char *events_text(char *to, uint32_t asked)
{
	char *at = to;

	/* Said by the other name already. */
	if (asked & EPOLLIN)
		asked &= ~EPOLLRDNORM;
	if (asked & EPOLLOUT)
		asked &= ~EPOLLWRNORM;
	*at = 0;
	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++)
		if (asked & events[i].bit)
			at += sprintf(at, "%s%s", at == to ? "" : "|", events[i].name);
	return at == to ? strcpy(to, "-") : to;
}

uint32_t events_asked(const struct watch *watch)
{
	if (watch->by == MECHANISM_SELECT)
		return watch->asked & (EPOLLIN | EPOLLOUT | EPOLLPRI);
	return watch->asked & 0xffff & ~(EPOLLERR | EPOLLHUP);
}

bool is_tcp(const struct file_record *r)
{
	return (r->family == AF_INET || r->family == AF_INET6) && r->type == SOCK_STREAM &&
	       (!r->protocol || r->protocol == IPPROTO_TCP);
}

bool is_listener(const struct file_record *r)
{
	return r->state == 10 && (r->type == SOCK_STREAM || r->type == SOCK_SEQPACKET);
}

const char *family_name(const struct file_record *r)
{
	switch (r->family) {
	case AF_UNIX: return "unix";
	case AF_INET: return "inet";
	case AF_INET6: return "inet6";
	case AF_NETLINK: return "netlink";
	case AF_PACKET: return "packet";
	case AF_VSOCK: return "vsock";
	}
	return "other";
}

const char *socket_type_name(const struct file_record *r)
{
	switch (r->type) {
	case SOCK_STREAM: return "stream";
	case SOCK_DGRAM: return "dgram";
	case SOCK_RAW: return "raw";
	case SOCK_SEQPACKET: return "seqpacket";
	}
	return "other";
}

char *address_text(char *to, const struct file_record *r, bool remote)
{
	return text_address(to, r->family, remote ? r->remote : r->local,
			    remote ? r->remote_port : r->local_port);
}

char *path_text(char *to, const struct file_record *r)
{
	char name[FILE_PATH_MAX + 1], *at = to;
	size_t i = 0;

	/* As ss(8) has it: NULs of an abstract name are shown as @. A path ends with one. */
	for (; i < r->path_size && i < FILE_PATH_MAX && (r->path[i] || !r->path[0]); i++)
		name[i] = r->path[i] ? r->path[i] : '@';
	name[i] = 0;
	text_clean(at, name);
	return to;
}

const char *thread_state_name(enum thread_state state)
{
	static const char *const names[] = {
		[THREAD_WAITS] = "waits",	  [THREAD_ELSEWHERE] = "elsewhere",
		[THREAD_RUNS] = "runs",		  [THREAD_RESTARTED] = "restarted",
		[THREAD_UNTOLD] = "untold",
	};

	return names[state];
}

const char *no_ready_name(enum no_ready reason)
{
	static const char *const names[] = {
		[READY_NOT_WANTED] = "not_asked",     [READY_NOT_OPEN] = "not_open",
		[READY_MAY_DISTURB] = "may_disturb", [READY_SIGNALFD] = "signalfd",
		[READY_REFUSED] = "refused",
	};

	return names[reason];
}

const char *why_name(enum why why)
{
	static const char *const names[] = {
		[WHY_NOT_READY] = "not_ready", [WHY_NEW] = "new",
		[WHY_MOVED] = "moved",	       [WHY_WRITABLE] = "writable",
		[WHY_IDLE] = "idle",	       [WHY_UNMOVED] = "unmoved",
		[WHY_UNSEEN] = "unseen",       [WHY_NO_READY] = "no_ready",
		[WHY_NO_FIRST] = "no_first",
	};

	return names[why];
}
