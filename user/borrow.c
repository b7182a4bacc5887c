// SPDX-License-Identifier: GPL-2.0-or-later
#include "borrow.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/sock_diag.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "process.h"

#define TCP_STATE_LISTEN 10

union address {
	struct sockaddr sa;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
	struct sockaddr_un un;
};

static int option(int fd, int level, int name)
{
	int value = 0;
	socklen_t size = sizeof(value);

	return getsockopt(fd, level, name, &value, &size) ? 0 : value;
}

static void address(const union address *from, socklen_t size, uint8_t to[16], uint16_t *port,
		    struct file_record *r)
{
	switch (size < sizeof(sa_family_t) ? AF_UNSPEC : from->sa.sa_family) {
	case AF_INET:
		memcpy(to, &from->in.sin_addr, 4);
		*port = ntohs(from->in.sin_port);
		break;
	case AF_INET6:
		memcpy(to, &from->in6.sin6_addr, 16);
		*port = ntohs(from->in6.sin6_port);
		break;
	case AF_UNIX:
		/* A path may be longer than an address: only what is there counts. */
		if (size > offsetof(struct sockaddr_un, sun_path)) {
			r->path_size = size - offsetof(struct sockaddr_un, sun_path);
			if (r->path_size > sizeof(r->path))
				r->path_size = sizeof(r->path);
			memcpy(r->path, from->un.sun_path, r->path_size);
			if (r->path[0])
				r->path_size = strnlen((char *)r->path, r->path_size);
		}
		break;
	}
}

/*
 * What was taken: all that came less what is still there. Asked until nothing
 * came in between.
 */
static void tcp_queues(int fd, struct file_record *r)
{
	struct tcp_info info;
	int in, out, again;

	for (int i = 0; i < 4; i++) {
		socklen_t size = sizeof(info);

		memset(&info, 0, sizeof(info));
		if (ioctl(fd, SIOCINQ, &in) || ioctl(fd, SIOCOUTQ, &out) ||
		    getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) ||
		    ioctl(fd, SIOCINQ, &again))
			return;
		r->receive = in;
		r->send = out;
		r->known |= KNOWN_RECEIVE | KNOWN_SEND;
		if (in != again || size < offsetof(struct tcp_info, tcpi_segs_out))
			continue;
		r->taken = info.tcpi_bytes_received - in;
		r->put = info.tcpi_bytes_acked + out;
		r->known |= KNOWN_TAKEN | KNOWN_PUT;
		return;
	}
}

static void socket_details(int fd, struct file_record *r)
{
	union address a;
	socklen_t size;
	uint32_t memory[SK_MEMINFO_VARS];
	struct tcp_info info;
	int bytes;

	r->family = option(fd, SOL_SOCKET, SO_DOMAIN);
	r->type = option(fd, SOL_SOCKET, SO_TYPE);
	r->protocol = option(fd, SOL_SOCKET, SO_PROTOCOL);
	r->known |= KNOWN_SOCKET | KNOWN_ADDRESS;
	memset(&a, 0, sizeof(a));
	size = sizeof(a);
	if (!getpeername(fd, &a.sa, &size))
		address(&a, size, r->remote, &r->remote_port, r);
	memset(&a, 0, sizeof(a));
	size = sizeof(a);
	if (!getsockname(fd, &a.sa, &size))
		address(&a, size, r->local, &r->local_port, r);
	size = sizeof(info);
	memset(&info, 0, sizeof(info));
	if (r->protocol == IPPROTO_TCP && !getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size))
		r->state = info.tcpi_state;
	else if (option(fd, SOL_SOCKET, SO_ACCEPTCONN))
		r->state = TCP_STATE_LISTEN;
	if (r->protocol == IPPROTO_TCP && r->state == TCP_STATE_LISTEN) {
		/* For a listener these two stand for its accept queue. */
		r->backlog = info.tcpi_unacked;
		r->backlog_max = info.tcpi_sacked;
		r->known |= KNOWN_BACKLOG;
	} else if (r->protocol == IPPROTO_TCP) {
		tcp_queues(fd, r);
	} else if (r->family == AF_UNIX && r->type == SOCK_STREAM) {
		if (!ioctl(fd, SIOCINQ, &bytes)) {
			r->receive = bytes;
			r->known |= KNOWN_RECEIVE;
		}
	} else {
		size = sizeof(memory);
		if (!getsockopt(fd, SOL_SOCKET, SO_MEMINFO, memory, &size)) {
			r->receive = memory[SK_MEMINFO_RMEM_ALLOC];
			r->send = memory[SK_MEMINFO_WMEM_ALLOC];
			r->known |= KNOWN_MEMORY;
		}
	}
}

static void details_of(int fd, enum file_kind kind, struct file_record *r)
{
	int bytes;

	if (kind == FILE_SOCKET) {
		socket_details(fd, r);
	} else if (kind == FILE_PIPE && !ioctl(fd, FIONREAD, &bytes)) {
		r->receive = bytes;
		r->known |= KNOWN_RECEIVE;
	}
}

int borrow_look(struct look *look, bool details, struct err *err)
{
	int pidfd = syscall(SYS_pidfd_open, look->pid, 0);
	int ret = 0;

	if (pidfd < 0 && errno == ESRCH)
		return err_set(err, -ESRCH, "process %u has ended", look->pid);
	if (pidfd < 0)
		return err_set(err, -errno, "pidfd_open: %s", strerror(errno));
	/* From here the pidfd stands for the process, whatever its number comes to mean. */
	if (!process_same(look)) {
		close(pidfd);
		return err_set(err, -ESRCH, "process %u has ended", look->pid);
	}
	for (size_t i = 0; i < look->files_nr; i++) {
		struct look_file *f = &look->files[i];
		struct pollfd p = { .events = POLLIN | POLLPRI | POLLOUT | POLLRDHUP | POLLRDNORM |
					      POLLRDBAND | POLLWRNORM | POLLWRBAND };

		if (!file_may_be_asked(f->kind))
			continue;
		p.fd = syscall(SYS_pidfd_getfd, pidfd, f->fd, 0);
		if (p.fd < 0) {
			f->refused = -errno;
			if (errno == ESRCH)
				ret = err_set(err, -ESRCH, "process %u has ended", look->pid);
			if (ret)
				break;
			continue;
		}
		if (poll(&p, 1, 0) >= 0) {
			f->r.ready = (uint16_t)p.revents;
			f->r.known |= KNOWN_READY;
		}
		if (details)
			details_of(p.fd, f->kind, &f->r);
		close(p.fd);
	}
	close(pidfd);
	return ret;
}
