/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the kernel itself counts for a network namespace, as nstat shows it. */
#ifndef IOREADY_NETSTAT_H
#define IOREADY_NETSTAT_H

#include <stdint.h>

#include "err.h"

/* X(our name, section, the kernel's name); see Documentation/networking/snmp_counter.rst */
#define NETSTAT(X)							\
	X(listen_overflows, "TcpExt:", "ListenOverflows")		\
	X(listen_drops, "TcpExt:", "ListenDrops")			\
	X(syncookies_sent, "TcpExt:", "SyncookiesSent")			\
	X(syncookies_received, "TcpExt:", "SyncookiesRecv")		\
	X(request_queue_full_drops, "TcpExt:", "TCPReqQFullDrop")	\
	X(request_queue_full_cookies, "TcpExt:", "TCPReqQFullDoCookies") \
	X(fastopen_passive, "TcpExt:", "TCPFastOpenPassive")		\
	X(timewait_overflows, "TcpExt:", "TCPTimeWaitOverflow")		\
	X(zero_windows, "TcpExt:", "TCPToZeroWindowAdv")		\
	X(retransmits, "Tcp:", "RetransSegs")				\
	X(checksum_errors, "Tcp:", "InCsumErrors")			\
	X(udp_received, "Udp:", "InDatagrams")				\
	X(udp_buffer_drops, "Udp:", "RcvbufErrors")			\
	X(udp_checksum_errors, "Udp:", "InCsumErrors")			\
	X(udp_no_port, "Udp:", "NoPorts")

enum netstat_counter {
#define X(name, section, theirs) NETSTAT_##name,
	NETSTAT(X)
#undef X
	NETSTAT_NR,
};

/**
 * struct netstat - the counters of a namespace
 * @fds: files of /proc that stay with the namespace in which they were opened
 * @value: since the namespace is there
 * @had: this kernel has it
 */
struct netstat {
	int fds[2];
	uint64_t value[NETSTAT_NR];
	uint8_t had[NETSTAT_NR];
};

#define NETSTAT_INIT { .fds = { -1, -1 } }

/**
 * netstat_open() - read the counters
 * @netns: fd of a network namespace, which takes CAP_SYS_ADMIN; or -1: the caller's
 *
 * Return: 0 or -errno.
 */
int netstat_open(struct netstat *netstat, int netns, struct err *err);

/** netstat_since() - what was counted since netstat_open(); 0 or -errno */
int netstat_since(const struct netstat *netstat, uint64_t since[NETSTAT_NR], struct err *err);

void netstat_close(struct netstat *netstat);

const char *netstat_name(enum netstat_counter counter);

#endif /* IOREADY_NETSTAT_H */
