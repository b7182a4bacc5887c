// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * known_select.c - select and pselect6. From fs/select.c: the sets are cut at
 * the size of the fd table and cross whole words at a time; each sweep asks
 * every fd of their union once; each sleep is followed by another sweep.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "known.h"

/* What one set of @nfds takes, one way. */
static unsigned int set_bytes(unsigned int nfds)
{
	return (nfds + 63) / 64 * 8;
}

/* The readable ends of @s; returns nfds. */
static int sources_bits(const struct source *s, int n, struct bits *in)
{
	int max = 0;

	*in = (struct bits){};
	for (int i = 0; i < n; i++) {
		bit_set(in, s[i].rd);
		if (s[i].rd > max)
			max = s[i].rd;
	}
	return max + 1;
}

static void last_ready(enum call call)
{
	struct source s[50];
	struct bits in;
	int nfds;

	sources_open(s, 50);
	nfds = sources_bits(s, 50, &in);
	source_fill(&s[49]);
	must(wait_select(call, nfds, &in, NULL, NULL, -1) == 1);
	must(bit_test(&in, s[49].rd));
	any(call, "watched_mean=50 watched_max=50 passes=1 scans=50 wasted=49 wakeups=0 "
	    "wakeups_empty=0 copied_bytes=%u", 2 * set_bytes(nfds));
}

void case_select_last_ready(void)
{
	last_ready(SELECT);
}

void case_select_pselect6(void)
{
	last_ready(CALL_pselect6);
}

/* One socket is both readable and writable, a pipe is neither: 2 from 1 of 2 fds. */
void case_select_two_sets(void)
{
	struct bits in = {}, out = {};
	struct source idle;
	int fds[2];

	must(!socketpair(AF_UNIX, SOCK_STREAM, 0, fds) && write(fds[1], "x", 1) == 1);
	sources_open(&idle, 1);
	bit_set(&in, fds[0]);
	bit_set(&out, fds[0]);
	bit_set(&in, idle.rd);
	must(idle.rd < 64);
	must(wait_select(SELECT, idle.rd + 1, &in, &out, NULL, -1) == 2);
	any(SELECT, "watched_mean=2 watched_max=2 passes=1 scans=2 wasted=1 copied_bytes=32 "
	    "wakeups=0 wakeups_empty=0");
}

/* Every fd in every set, none ready; the union is three, not nine. */
void case_select_three_sets(void)
{
	struct bits in, out, ex;
	struct source s[3];
	int nfds;

	sources_open(s, 3);
	nfds = sources_bits(s, 3, &in);
	out = in;
	ex = in;
	must(nfds <= 64 && !wait_select(SELECT, nfds, &in, &out, &ex, 0));
	any(SELECT, "watched_mean=3 watched_max=3 passes=1 scans=3 wasted=3 copied_bytes=48 "
	    "wakeups=0 wakeups_empty=0");
}

void case_select_woken(void)
{
	struct source s[10];
	struct bits in;
	pid_t waker;
	int nfds;

	sources_open(s, 10);
	nfds = sources_bits(s, 10, &in);
	waker = waker_fill(SELECT, &s[9]);
	must(nfds <= 64 && wait_select(SELECT, nfds, &in, NULL, NULL, -1) == 1);
	child_join(waker);
	any(SELECT, "watched_mean=10 watched_max=10 passes=2 scans=20 wasted=19 copied_bytes=16 "
	    "wakeups=1 wakeups_empty=0");
}

/*
 * A signalfd wakes its waiters at every signal, also at one that it was not
 * asked for: a wakeup for nothing that no race decides.
 */
void case_select_woken_empty(void)
{
	struct bits in = {};
	sigset_t set;
	pid_t waker;
	int fd;

	signal_block(SIGUSR1);
	signal_block(SIGUSR2);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	fd = signalfd(-1, &set, 0);
	must(fd >= 0 && fd < 64);
	bit_set(&in, fd);
	waker = waker_signal(SELECT, SIGUSR2, SIGUSR1);
	must(wait_select(SELECT, fd + 1, &in, NULL, NULL, -1) == 1);
	child_join(waker);
	any(SELECT, "watched_mean=1 watched_max=1 passes=3 scans=3 wasted=2 copied_bytes=16 "
	    "wakeups=2 wakeups_empty=1");
}

void case_select_timeout(void)
{
	struct source s[3];
	struct bits in;
	int nfds;

	sources_open(s, 3);
	nfds = sources_bits(s, 3, &in);
	must(nfds <= 64 && !wait_select(SELECT, nfds, &in, NULL, NULL, SLEPT_MS));
	any(SELECT, "watched_mean=3 watched_max=3 passes=2 scans=6 wasted=6 copied_bytes=16 "
	    "wakeups=0 wakeups_empty=0");
}

/* The old way to sleep for less than a second. */
void case_select_no_sets(void)
{
	must(!wait_select(SELECT, 0, NULL, NULL, NULL, SLEPT_MS));
	must(!wait_select(SELECT, 64, NULL, NULL, NULL, 0));
	any(SELECT, "watched_mean=0 watched_max=0 passes=3 scans=0 wasted=0 copied_bytes=0 "
	    "wakeups=0 wakeups_empty=0");
}

/* Sets of many words, with watched fds far apart; 4,095 is the last bit of its word. */
void case_select_high_fd(void)
{
	static const int at[] = { 511, 512, 513, 1000, 1024, 4095 };
	struct bits in = {}, out = {};
	struct source s;

	sources_open(&s, 1);
	for (int i = 0; i < 6; i++) {
		must(dup2(s.rd, at[i]) == at[i]);
		bit_set(i % 2 ? &in : &out, at[i]);
	}
	bit_set(&in, s.rd);
	must(!wait_select(SELECT, 4096, &in, &out, NULL, 0));
	any(SELECT, "watched_mean=7 watched_max=7 passes=1 scans=7 wasted=7 wakeups=0 "
	    "wakeups_empty=0 copied_bytes=%u", 4 * set_bytes(4096));
}

/* As /proc tells it, because forks and their parents differ. */
static unsigned int fd_table_size(void)
{
	FILE *f = fopen("/proc/self/status", "r");
	unsigned int size = 0;
	char line[256];

	must(f);
	while (!size && fgets(line, sizeof(line), f))
		sscanf(line, "FDSize: %u", &size);
	fclose(f);
	must(size);
	return size;
}

/* Bits above the fd table are neither watched nor an error. */
void case_select_cut(void)
{
	unsigned int size = fd_table_size();
	struct bits in = {};
	struct source s;

	must(size + 200 < BITS_MAX);
	sources_open(&s, 1);
	bit_set(&in, s.rd);
	bit_set(&in, size);
	bit_set(&in, size + 100);
	must(fd_table_size() == size);
	must(!wait_select(SELECT, size + 200, &in, NULL, NULL, 0));
	any(SELECT, "watched_mean=1 watched_max=1 passes=1 scans=1 wasted=1 wakeups=0 "
	    "wakeups_empty=0 copied_bytes=%u", 2 * set_bytes(size));
}

/* A bit in the last word but not below nfds; and an nfds whose upper half is nobody's. */
void case_select_beyond_nfds(void)
{
	struct source s[2];
	struct bits in = {};

	sources_open(s, 2);
	must(s[0].rd < s[1].rd && s[1].rd < 64);
	bit_set(&in, s[0].rd);
	bit_set(&in, s[1].rd);
	source_fill(&s[1]);
	must(!wait_select(SELECT, 1L << 32 | s[1].rd, &in, NULL, NULL, 0));
	any(SELECT, "watched_mean=1 watched_max=1 passes=1 scans=1 wasted=1 copied_bytes=16 "
	    "wakeups=0 wakeups_empty=0");
}

/* A regular file has no ->poll(): always ready, never scanned. */
void case_select_regular(void)
{
	int fd = memfd_create("regular", MFD_CLOEXEC);
	struct bits in = {};
	struct source s;

	sources_open(&s, 1);
	must(fd >= 0 && s.rd < 64);
	bit_set(&in, fd);
	bit_set(&in, s.rd);
	must(wait_select(SELECT, s.rd + 1, &in, NULL, NULL, -1) == 1);
	any(SELECT, "watched_mean=2 watched_max=2 passes=1 copied_bytes=16 wakeups=0 "
	    "wakeups_empty=0");
	exact(SELECT, "scans=1 wasted=1");
}

static void interrupted(enum call call)
{
	struct source s[5];
	struct bits in;
	pid_t waker;
	int nfds;

	signal_handle(SIGUSR1);
	sources_open(s, 5);
	nfds = sources_bits(s, 5, &in);
	waker = waker_signal(call, SIGUSR1, 0);
	must(nfds <= 64 && wait_select(call, nfds, &in, NULL, NULL, -1) == -EINTR);
	child_join(waker);
	/* The sets go in and, as nothing is ready, do not come out. */
	any(call, "watched_mean=5 watched_max=5 passes=2 scans=10 wasted=10 copied_bytes=8 "
	    "wakeups=0 wakeups_empty=0");
}

void case_select_signal(void)
{
	interrupted(SELECT);
}

/* The signal is there before the call, which lets it in: it never sleeps. */
void case_select_pending(void)
{
	struct source s;
	struct bits in;
	int nfds;

	signal_handle(SIGUSR1);
	signal_block(SIGUSR1);
	sources_open(&s, 1);
	nfds = sources_bits(&s, 1, &in);
	wait_unblocks(SIGUSR1);
	must(!kill(getpid(), SIGUSR1));
	must(nfds <= 64 && wait_select(CALL_pselect6, nfds, &in, NULL, NULL, -1) == -EINTR);
	any(CALL_pselect6, "watched_mean=1 watched_max=1 passes=1 scans=1 wasted=1 copied_bytes=8 "
	    "wakeups=0 wakeups_empty=0");
}

void case_select_fault(void)
{
	struct bits in = {};
	void *bad = page_bad();
	struct source s;

	sources_open(&s, 1);
	bit_set(&in, s.rd);
	must(wait_select(SELECT, s.rd + 1, bad, NULL, NULL, 0) == -EFAULT);
	must(wait_select(SELECT, s.rd + 1, &in, bad, NULL, 0) == -EFAULT);
	must(wait_select(SELECT, s.rd + 1, &in, NULL, bad, 0) == -EFAULT);
	must(wait_select(SELECT, s.rd + 1, (void *)-4096L, NULL, NULL, 0) == -EFAULT);
	must(wait_raw(SELECT, s.rd + 1, (long)&in, 0, 0, (long)bad, 0) == -EFAULT);
	must(wait_raw(CALL_pselect6, s.rd + 1, (long)&in, 0, 0, 0, (long)bad) == -EFAULT);
	any(SELECT, "passes=0 scans=0 wasted=0 copied_bytes=0 wakeups=0 wakeups_empty=0");
	any(CALL_pselect6, "passes=0 scans=0 wasted=0 copied_bytes=0 wakeups=0 wakeups_empty=0");
}

/* It fails on the way out: after the sweep. */
void case_select_readonly(void)
{
	struct bits in = {};
	struct source s;

	sources_open(&s, 1);
	bit_set(&in, s.rd);
	must(wait_select(SELECT, s.rd + 1, page_readonly(&in, sizeof(in)), NULL, NULL, 0) ==
	     -EFAULT);
	any(SELECT, "copied_bytes=0 wakeups=0 wakeups_empty=0");
	exact(SELECT, "scans=1 wasted=1");
}

void case_select_invalid(void)
{
	struct timeval tv = { .tv_sec = -1 };
	struct bits in = {};

	must(wait_select(SELECT, -1, &in, NULL, NULL, 0) == -EINVAL);
	must(wait_raw(SELECT, 0, 0, 0, 0, (long)&tv, 0) == -EINVAL);
	/* Never opened, and within the smallest fd table. */
	bit_set(&in, 60);
	must(wait_select(SELECT, 61, &in, NULL, NULL, 0) == -EBADF);
	any(SELECT, "passes=0 scans=0 wasted=0 copied_bytes=0 wakeups=0 wakeups_empty=0");
}

/*
 * The set is in a page that is not mapped yet: the kernel faults it in, a
 * tracer at the entry cannot. What was watched is then not known by reading,
 * but the call must be counted, and said not to be known.
 */
void case_select_fresh_page(void)
{
	struct bits in = {};
	struct source s[2];

	sources_open(s, 2);
	source_fill(&s[1]);
	bit_set(&in, s[0].rd);
	bit_set(&in, s[1].rd);
	must(s[1].rd < 64 && s[0].rd < s[1].rd);
	must(wait_select(SELECT, s[1].rd + 1, page_fresh(&in, sizeof(in)), NULL, NULL, -1) == 1);
	any(SELECT, "copied_bytes=16 passes=1 wakeups=0 wakeups_empty=0");
	exact(SELECT, "scans=2 wasted=1");
	lost("fault", 1);
}

/* The same with a page that was given back: it reads as zeroes, so nothing is watched. */
void case_select_zapped_page(void)
{
	size_t size = sysconf(_SC_PAGESIZE);
	struct bits *in = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			       -1, 0);
	struct source s;

	must(in != MAP_FAILED);
	sources_open(&s, 1);
	bit_set(in, s.rd);
	must(!madvise(in, size, MADV_DONTNEED));
	must(s.rd < 64 && !wait_select(SELECT, s.rd + 1, in, NULL, NULL, 0));
	any(SELECT, "copied_bytes=16 passes=1 wakeups=0 wakeups_empty=0");
	exact(SELECT, "scans=0 wasted=0");
	lost("fault", 1);
}
