/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * known.h - workloads whose figures are known beforehand.
 *
 * `known CASE ANSWER` makes a known sequence of wait calls and writes to ANSWER
 * what a tracer must say of it; test_known.c compares the two. What a call
 * returned is tallied as it comes back; what only the kernel knows (passes,
 * scans, wakeups) each case states from fs/select.c and fs/eventpoll.c.
 *
 * Rules for a case:
 * - Wait calls only through the wait_*() functions: each is in the answer.
 * - No time decides. A call that must sleep is woken by one that first saw it
 *   asleep (asleep_wait()); a pass more or less would be a wrong answer.
 * - What only a tier that counts scans can know goes into exact(), not any().
 * - A result that is not the one meant ends the case by must(): then it is the
 *   workload that is wrong, not the tracer.
 */
#ifndef IOREADY_KNOWN_H
#define IOREADY_KNOWN_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/types.h>

/*
 * The wait family, in the order of the tool's. Where an architecture never had
 * the older call, the cases use the newer one in its place.
 */
#ifdef SYS_select
#define FAMILY_OLD(X) X(select) X(poll) X(epoll_wait)
#define SELECT CALL_select
#define POLL CALL_poll
#define EPOLL CALL_epoll_wait
#else
#define FAMILY_OLD(X)
#define SELECT CALL_pselect6
#define POLL CALL_ppoll
#define EPOLL CALL_epoll_pwait
#endif
#define FAMILY(X) FAMILY_OLD(X) X(pselect6) X(ppoll) X(epoll_pwait) X(epoll_pwait2) X(epoll_ctl)

enum call {
#define X(name) CALL_##name,
	FAMILY(X)
#undef X
	CALL_NR,
};

#define CASES_SELECT(X)		\
	X(select_last_ready)	\
	X(select_two_sets)	\
	X(select_three_sets)	\
	X(select_pselect6)	\
	X(select_woken)		\
	X(select_woken_empty)	\
	X(select_timeout)	\
	X(select_no_sets)	\
	X(select_high_fd)	\
	X(select_cut)		\
	X(select_beyond_nfds)	\
	X(select_regular)	\
	X(select_signal)	\
	X(select_pending)	\
	X(select_fault)		\
	X(select_readonly)	\
	X(select_invalid)	\
	X(select_fresh_page)	\
	X(select_zapped_page)

/* Only poll(2) itself is continued by restart_syscall(). */
#ifdef SYS_poll
#define CASES_RESTART(X) X(poll_stopped) X(poll_stopped_signal)
#else
#define CASES_RESTART(X)
#endif

#define CASES_POLL(X)		\
	X(poll_one_ready)	\
	X(poll_woken)		\
	X(poll_woken_empty)	\
	X(poll_zero_timeout)	\
	X(poll_timeout)		\
	X(poll_bad_fds)		\
	X(poll_hangup)		\
	X(poll_regular)		\
	X(poll_none)		\
	X(poll_1)		\
	X(poll_1024)		\
	X(poll_20000)		\
	X(poll_high_bits)	\
	X(poll_ppoll)		\
	X(poll_epoll)		\
	X(poll_signal)		\
	X(poll_signal_reused)	\
	X(poll_signal_sleeps)	\
	X(poll_pending)		\
	CASES_RESTART(X)	\
	X(poll_fault)		\
	X(poll_readonly)	\
	X(poll_invalid)		\
	X(poll_fresh_page)

#define CASES_EPOLL(X)		\
	X(epoll_level)		\
	X(epoll_level_drained)	\
	X(epoll_edge)		\
	X(epoll_edge_drained)	\
	X(epoll_oneshot)	\
	X(epoll_few_events)	\
	X(epoll_stale)		\
	X(epoll_woken_empty)	\
	X(epoll_timeout)	\
	X(epoll_pwait)		\
	X(epoll_pwait2)		\
	X(epoll_nested)		\
	X(epoll_signal)		\
	X(epoll_pending)	\
	X(epoll_fault)		\
	X(epoll_invalid)	\
	X(epoll_ctl)

#define CASES_THREADS(X)	\
	X(threads_64)		\
	X(threads_short)	\
	X(threads_shared)	\
	X(thread_leader_gone)	\
	X(thread_exit_group)	\
	X(thread_exec)		\
	X(fork_children)	\
	X(fork_killed)		\
	X(race_select)		\
	X(race_poll)		\
	X(race_unmapped)

#define CASES(X) CASES_SELECT(X) CASES_POLL(X) CASES_EPOLL(X) CASES_THREADS(X)

#define X(name) void case_##name(void);
CASES(X)
#undef X

/* After thread_exec, the new program's part of the case. */
void thread_exec_rest(void);

/* --- the answer ------------------------------------------------------------ */

/**
 * any() - what every tier must say of this process's calls of @call
 * @fmt: "key=number ..." with the keys of the tool's JSON
 *
 * Calls, what they returned and how many were ready are there by themselves.
 */
void any(enum call call, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* What only a tier that counts each scan can say. */
void exact(enum call call, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* How many calls are counted as lost for @reason; those not named must be 0. */
void lost(const char *reason, unsigned int n);
/* It depends on who wins a race how many are. */
void lost_any(const char *reason);

#define must(cond) ((cond) ? (void)0 : must_failed(__FILE__, __LINE__, #cond))
void must_failed(const char *file, int line, const char *cond) __attribute__((noreturn));

/* Writes the answer as it stands; a case that does not return calls it. */
void answer_write(void);
/* Replaces the program by its own new image, which calls thread_exec_rest(). */
void answer_exec(void) __attribute__((noreturn));

/* --- wait calls; they return -errno ---------------------------------------- */

/* Of a call that must sleep: long enough for a busy machine to let it come to that. */
#define SLEPT_MS 400

/* A set of select's that may hold more than glibc's 1,024. */
#define BITS_MAX 8192
struct bits {
	unsigned long word[BITS_MAX / 64];
};

static inline void bit_set(struct bits *bits, unsigned int n)
{
	bits->word[n / 64] |= 1UL << n % 64;
}

static inline bool bit_test(const struct bits *bits, unsigned int n)
{
	return bits->word[n / 64] >> n % 64 & 1;
}

/* The call as it is, for arguments that are wrong on purpose. */
long wait_raw(enum call call, long a0, long a1, long a2, long a3, long a4, long a5);

/* With a time-out in milliseconds, -1 for none, whatever unit the call takes. */
long wait_select(enum call call, long nfds, void *in, void *out, void *ex, int ms);
long wait_poll(enum call call, void *fds, unsigned long nfds, int ms);
long wait_epoll(enum call call, int epfd, void *events, int max, int ms);
long wait_ctl(int epfd, int op, int fd, uint32_t events);

/* The next pselect6, ppoll or epoll_pwait of this thread lets @sig in meanwhile; 0: none. */
void wait_unblocks(int sig);

/* --- what is waited for ---------------------------------------------------- */

/* A pipe: readable once something was written. */
struct source {
	int rd;
	int wr;
};

void sources_open(struct source *s, int n);
void source_fill(const struct source *s);
void source_drain(const struct source *s);
/* A pollfd for each. */
void sources_poll(const struct source *s, int n, struct pollfd *fds);

/* A page that faults, one that can only be read. */
void *page_bad(void);
void *page_readonly(const void *from, size_t size);
/* The bytes of @from in a page that nobody touched since it was mapped. */
void *page_fresh(const void *from, size_t size);

/* --- who wakes it ---------------------------------------------------------- */

long call_number(enum call call);
pid_t thread_id(void);
void nap(unsigned int ms);

/*
 * Returns when thread @tid is off the CPU, asleep in system call number @nr; if
 * it was asleep in it before, @since is what the wait for that sleep returned.
 */
unsigned long asleep_wait(pid_t tid, long nr, unsigned long since);

/* A child which runs @fn and must end well; its calls have rows of their own. */
pid_t child_start(void (*fn)(void *arg), void *arg);
void child_join(pid_t pid);

/*
 * A child that lets the calling thread fall asleep in @call, then writes to the
 * source, or sends the signals one after the other (0 ends them).
 */
pid_t waker_fill(enum call call, const struct source *s);
pid_t waker_signal(enum call call, int first, int second);

/* A handler that does nothing, which is enough to interrupt. */
void signal_handle(int sig);
void signal_block(int sig);

#endif /* IOREADY_KNOWN_H */
