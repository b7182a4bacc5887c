// SPDX-License-Identifier: GPL-2.0-or-later
#include "report_file.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#define S_IFMT 0170000
#define TCP_LISTEN 10

static const struct {
	uint32_t mode;
	const char *name;
} kinds[] = {
	{ 0140000, "socket" }, { 0100000, "file" },	 { 0060000, "block device" },
	{ 0040000, "directory" }, { 0020000, "device" }, { 0010000, "pipe" },
};

static const char *file_kind(const struct file_row *file)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if ((file->mode & S_IFMT) == kinds[i].mode)
			return kinds[i].name;
	return "other";
}

static bool is_inet(const struct file_row *file)
{
	return file->family == AF_INET || file->family == AF_INET6;
}

static const char *protocol(const struct file_row *file)
{
	switch (file->protocol) {
	case IPPROTO_TCP: return "tcp";
	case IPPROTO_UDP: return "udp";
	case IPPROTO_MPTCP: return "mptcp";
	case IPPROTO_SCTP: return "sctp";
	}
	return "ip";
}

char *file_name_text(char *to, const struct file_row *file)
{
	char name[4 * sizeof(file->name) + 1], local[64], remote[64];

	if (file->family == AF_UNIX)
		return strcpy(to, file->state == TCP_LISTEN ? "unix listen" : "unix");
	if (is_inet(file)) {
		text_address(local, file->family, file->local, file->local_port);
		text_address(remote, file->family, file->remote, file->remote_port);
		if (file->state == TCP_LISTEN && file->protocol != IPPROTO_UDP)
			sprintf(to, "%s listen %s", protocol(file), local);
		else if (file->remote_port)
			sprintf(to, "%s %s-%s", protocol(file), local, remote);
		else
			sprintf(to, "%s %s", protocol(file), local);
		return to;
	}
	text_clean(name, file->name);
	if ((file->mode & S_IFMT) && *name)
		sprintf(to, "%s %s", file_kind(file), name);
	else
		strcpy(to, *name ? name : file_kind(file));
	return to;
}

json_t *file_name_json(const struct file_row *file)
{
	char text[FILE_TEXT_MAX];
	json_t *o = json_object();

	json_object_set_new(o, "name", json_string(file_name_text(text, file)));
	json_object_set_new(o, "kind", json_string(file_kind(file)));
	json_object_set_new(o, "ino", json_integer(file->ino));
	json_object_set_new(o, "pid", json_integer(file->tgid));
	json_object_set_new(o, "fd", file->fd < 0 ? json_null() : json_integer(file->fd));
	return o;
}

char *comm_of(char to[4 * 16 + 1], const struct report *report, uint32_t tgid, uint64_t start_ns)
{
	for (int i = 0; i < report->waits_nr; i++)
		if (report->waits[i].tgid == tgid && report->waits[i].start_ns == start_ns)
			return text_clean(to, report->waits[i].comm);
	return strcpy(to, "?");
}
