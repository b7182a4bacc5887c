// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * known.c - the frame around the cases: tally, answer, wakers; see known.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "known.h"

#define PROCESSES_MAX 64
#define LOSSES_MAX 4

/* In the order of struct row's returned. */
enum { READY, TIMEOUT, SIGNAL, ERROR, DONE, RETURNED_NR };
static const char *const returned_names[] = { "ready", "timeout", "signal", "error", "done" };

static const char *const call_names[] = {
#define X(name) #name,
	FAMILY(X)
#undef X
};

static const long call_numbers[] = {
#define X(name) SYS_##name,
	FAMILY(X)
#undef X
};

struct row {
	atomic_uint entered;
	atomic_uint returned[RETURNED_NR];
	atomic_uint ready;
	char any[256];
	char exact[128];
};

/*
 * Shared by the processes of a case, and kept over an exec: the answer is one,
 * whoever writes it.
 */
static struct tally {
	atomic_uint processes_nr;
	struct process {
		pid_t pid;
		struct row rows[CALL_NR];
	} processes[PROCESSES_MAX];
	struct {
		char reason[16];
		int n;		/* -1: any number */
	} losses[LOSSES_MAX];
	unsigned int losses_nr;
} *tally;

static int tally_fd;
static struct process *self;
static const char *case_name;
static const char *answer_path;

void must_failed(const char *file, int line, const char *cond)
{
	fprintf(stderr, "known: %s: %s:%d: not so: %s (errno %d)\n", case_name, file, line, cond,
		errno);
	/* Not the other threads' destructors: they may be anywhere. */
	_exit(99);
}

static void process_add(void)
{
	unsigned int i = atomic_fetch_add(&tally->processes_nr, 1);

	must(i < PROCESSES_MAX);
	self = &tally->processes[i];
	self->pid = getpid();
}

/* --- the answer ------------------------------------------------------------ */

void any(enum call call, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	must(vsnprintf(self->rows[call].any, sizeof(self->rows[call].any), fmt, args) <
	     (int)sizeof(self->rows[call].any));
	va_end(args);
}

void exact(enum call call, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	must(vsnprintf(self->rows[call].exact, sizeof(self->rows[call].exact), fmt, args) <
	     (int)sizeof(self->rows[call].exact));
	va_end(args);
}

void lost(const char *reason, unsigned int n)
{
	must(tally->losses_nr < LOSSES_MAX);
	snprintf(tally->losses[tally->losses_nr].reason, sizeof(tally->losses[0].reason), "%s",
		 reason);
	tally->losses[tally->losses_nr++].n = n;
}

void lost_any(const char *reason)
{
	lost(reason, 0);
	tally->losses[tally->losses_nr - 1].n = -1;
}

/* "key=number ..." as members of a JSON object, each after @sep. */
static void members_print(FILE *f, const char *members, const char *sep)
{
	char copy[sizeof(((struct row *)0)->any)];
	char *save = NULL;

	snprintf(copy, sizeof(copy), "%s", members);
	for (char *word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
		char *value = strchr(word, '=');

		must(value);
		*value++ = '\0';
		fprintf(f, "%s\"%s\": %s", sep, word, value);
		sep = ", ";
	}
}

static void row_print(FILE *f, const struct process *p, enum call call, const char *sep)
{
	const struct row *r = &p->rows[call];
	unsigned int returned[RETURNED_NR];
	unsigned int inside = r->entered;
	const char *comma = "";

	for (int i = 0; i < RETURNED_NR; i++) {
		returned[i] = r->returned[i];
		inside -= returned[i];
	}
	/*
	 * Calls that never came back to the program, because it is killed: the
	 * kernel's function does return, with EINTR or a wish to be restarted,
	 * before the thread dies on its way out.
	 */
	returned[SIGNAL] += inside;

	fprintf(f, "%s\n  {\"pid\": %d, \"syscall\": \"%s\",\n   \"any\": {\"calls\": %u, "
		"\"returned\": {", sep, (int)p->pid, call_names[call], r->entered);
	for (int i = 0; i < RETURNED_NR; i++) {
		if (call == CALL_epoll_ctl ? i != DONE && i != ERROR : i == DONE)
			continue;
		fprintf(f, "%s\"%s\": %u", comma, returned_names[i], returned[i]);
		comma = ", ";
	}
	fprintf(f, "}");
	if (call != CALL_epoll_ctl)
		fprintf(f, ", \"ready\": %u", r->ready);
	members_print(f, r->any, ", ");
	fprintf(f, "},\n   \"exact\": {");
	members_print(f, r->exact, "");
	fprintf(f, "}}");
}

void answer_write(void)
{
	unsigned int emitted[CALL_NR] = {};
	const char *sep = "";
	FILE *f = fopen(answer_path, "w");

	must(f);
	fprintf(f, "{\"case\": \"%s\",\n \"rows\": [", case_name);
	for (unsigned int i = 0; i < tally->processes_nr; i++) {
		for (enum call call = 0; call < CALL_NR; call++) {
			if (!tally->processes[i].rows[call].entered)
				continue;
			emitted[call] += tally->processes[i].rows[call].entered;
			row_print(f, &tally->processes[i], call, sep);
			sep = ",";
		}
	}
	fprintf(f, "],\n \"emitted\": {");
	sep = "";
	for (enum call call = 0; call < CALL_NR; call++) {
		if (!emitted[call])
			continue;
		fprintf(f, "%s\"%s\": %u", sep, call_names[call], emitted[call]);
		sep = ", ";
	}
	fprintf(f, "},\n \"losses\": {");
	for (unsigned int i = 0; i < tally->losses_nr; i++) {
		fprintf(f, "%s\"%s\": ", i ? ", " : "", tally->losses[i].reason);
		if (tally->losses[i].n < 0)
			fprintf(f, "null");
		else
			fprintf(f, "%d", tally->losses[i].n);
	}
	fprintf(f, "}}\n");
	must(!fclose(f));
}

void answer_exec(void)
{
	char fd[16], path[4096];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);

	/* By its own path: the name of the process must stay what it was. */
	must(n > 0);
	path[n] = '\0';
	snprintf(fd, sizeof(fd), "%d", tally_fd);
	execl(path, "known", "--rest", case_name, answer_path, fd, NULL);
	must(!"execl");
	__builtin_unreachable();
}

/* --- wait calls ------------------------------------------------------------ */

static __thread sigset_t unblocked;
static __thread bool unblocks;

void wait_unblocks(int sig)
{
	unblocks = sig;
	sigprocmask(SIG_BLOCK, NULL, &unblocked);
	if (sig)
		sigdelset(&unblocked, sig);
}

long wait_raw(enum call call, long a0, long a1, long a2, long a3, long a4, long a5)
{
	struct row *r = &self->rows[call];
	long ret;
	int how;

	/* Before the call: it may be the thread's last. */
	atomic_fetch_add(&r->entered, 1);
	ret = syscall(call_numbers[call], a0, a1, a2, a3, a4, a5);
	if (ret < 0)
		ret = -errno;
	if (ret > 0)
		how = READY;
	else if (!ret)
		how = call == CALL_epoll_ctl ? DONE : TIMEOUT;
	else
		how = ret == -EINTR ? SIGNAL : ERROR;
	atomic_fetch_add(&r->returned[how], 1);
	if (ret > 0)
		atomic_fetch_add(&r->ready, ret);
	return ret;
}

static struct timespec *time_of(struct timespec *ts, int ms)
{
	if (ms < 0)
		return NULL;
	ts->tv_sec = ms / 1000;
	ts->tv_nsec = ms % 1000 * 1000000L;
	return ts;
}

#define KERNEL_SIGSET_SIZE 8

long wait_select(enum call call, long nfds, void *in, void *out, void *ex, int ms)
{
	struct {
		const sigset_t *mask;
		size_t size;
	} sig = { unblocks ? &unblocked : NULL, KERNEL_SIGSET_SIZE };
	struct timespec ts;
	struct timeval tv;

	if (call == CALL_pselect6)
		return wait_raw(call, nfds, (long)in, (long)out, (long)ex, (long)time_of(&ts, ms),
				(long)&sig);
	tv.tv_sec = ms / 1000;
	tv.tv_usec = ms % 1000 * 1000;
	return wait_raw(call, nfds, (long)in, (long)out, (long)ex, ms < 0 ? 0 : (long)&tv, 0);
}

long wait_poll(enum call call, void *fds, unsigned long nfds, int ms)
{
	struct timespec ts;

	if (call == CALL_ppoll)
		return wait_raw(call, (long)fds, nfds, (long)time_of(&ts, ms),
				unblocks ? (long)&unblocked : 0, KERNEL_SIGSET_SIZE, 0);
	return wait_raw(call, (long)fds, nfds, ms, 0, 0, 0);
}

long wait_epoll(enum call call, int epfd, void *events, int max, int ms)
{
	long mask = unblocks ? (long)&unblocked : 0;
	struct timespec ts;

	if (call == CALL_epoll_pwait2)
		return wait_raw(call, epfd, (long)events, max, (long)time_of(&ts, ms), mask,
				KERNEL_SIGSET_SIZE);
	return wait_raw(call, epfd, (long)events, max, ms, mask, KERNEL_SIGSET_SIZE);
}

long wait_ctl(int epfd, int op, int fd, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.fd = fd };

	return wait_raw(CALL_epoll_ctl, epfd, op, fd, (long)&event, 0, 0);
}

/* --- what is waited for ---------------------------------------------------- */

void sources_open(struct source *s, int n)
{
	for (int i = 0; i < n; i++) {
		int fds[2];

		must(!pipe2(fds, O_NONBLOCK));
		s[i].rd = fds[0];
		s[i].wr = fds[1];
	}
}

void source_fill(const struct source *s)
{
	must(write(s->wr, "x", 1) == 1);
}

void source_drain(const struct source *s)
{
	char c;

	must(read(s->rd, &c, 1) == 1);
}

void sources_poll(const struct source *s, int n, struct pollfd *fds)
{
	for (int i = 0; i < n; i++)
		fds[i] = (struct pollfd){ .fd = s[i].rd, .events = POLLIN };
}

static void *page_map(int prot, int flags, int fd)
{
	void *page = mmap(NULL, sysconf(_SC_PAGESIZE), prot, flags, fd, 0);

	must(page != MAP_FAILED);
	return page;
}

void *page_bad(void)
{
	return page_map(PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
}

void *page_readonly(const void *from, size_t size)
{
	void *page = page_map(PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);

	memcpy(page, from, size);
	must(!mprotect(page, sysconf(_SC_PAGESIZE), PROT_READ));
	return page;
}

void *page_fresh(const void *from, size_t size)
{
	int fd = memfd_create("fresh", MFD_CLOEXEC);
	void *page;

	must(fd >= 0 && !ftruncate(fd, sysconf(_SC_PAGESIZE)));
	must(write(fd, from, size) == (ssize_t)size);
	page = page_map(PROT_READ | PROT_WRITE, MAP_SHARED, fd);
	close(fd);
	return page;
}

/* --- who wakes it ---------------------------------------------------------- */

long call_number(enum call call)
{
	return call_numbers[call];
}

pid_t thread_id(void)
{
	return syscall(SYS_gettid);
}

void nap(unsigned int ms)
{
	struct timespec ts = { ms / 1000, ms % 1000 * 1000000L };

	while (nanosleep(&ts, &ts))
		;
}

/* How often the thread gave up the CPU by its own will. */
static unsigned long switches_count(pid_t tid)
{
	static const char key[] = "voluntary_ctxt_switches:";
	char path[64], line[256];
	unsigned long n = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)tid);
	f = fopen(path, "r");
	must(f);
	while (fgets(line, sizeof(line), f))
		if (!strncmp(line, key, strlen(key)))
			n = strtoul(line + strlen(key), NULL, 10);
	fclose(f);
	return n;
}

/*
 * The kernel tells the number only after it saw the thread off its run queue
 * (wait_task_inactive()); the state alone turns to sleeping a moment before the
 * sleep, when a wake would still find the thread awake and end no sleep. But a
 * thread that another CPU is about to wake is off the run queue too: that it
 * went on from an earlier sleep shows only in its switches.
 */
unsigned long asleep_wait(pid_t tid, long nr, unsigned long since)
{
	char path[64], line[32];

	snprintf(path, sizeof(path), "/proc/%d/syscall", (int)tid);
	for (;;) {
		unsigned long switches;
		ssize_t n;
		char *end;
		int fd = open(path, O_RDONLY | O_CLOEXEC);

		must(fd >= 0);
		n = read(fd, line, sizeof(line) - 1);
		must(n > 0);
		close(fd);
		line[n] = '\0';
		/* Else "running", or -1 outside of any call. */
		if (strtol(line, &end, 10) == nr && end != line) {
			switches = switches_count(tid);
			if (switches > since)
				return switches;
		}
		nap(2);
	}
}

pid_t child_start(void (*fn)(void *arg), void *arg)
{
	pid_t parent = getpid(), pid = fork();

	must(pid >= 0);
	if (pid)
		return pid;
	must(!prctl(PR_SET_PDEATHSIG, SIGKILL) && getppid() == parent);
	process_add();
	fn(arg);
	_exit(0);
}

void child_join(pid_t pid)
{
	int status;

	must(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && !WEXITSTATUS(status));
}

struct waker {
	pid_t pid;
	pid_t tid;
	long nr;
	const struct source *source;
	int signals[2];
};

static void waker_run(void *arg)
{
	struct waker *w = arg;
	unsigned long since = 0;

	for (int i = 0; i < 2; i++) {
		if (!w->source && !w->signals[i])
			continue;
		since = asleep_wait(w->tid, w->nr, since);
		if (!w->source) {
			must(!syscall(SYS_tgkill, w->pid, w->tid, w->signals[i]));
			continue;
		}
		source_fill(w->source);
		return;
	}
}

pid_t waker_fill(enum call call, const struct source *s)
{
	struct waker w = { getpid(), thread_id(), call_numbers[call], s, {} };

	return child_start(waker_run, &w);
}

pid_t waker_signal(enum call call, int first, int second)
{
	struct waker w = { getpid(), thread_id(), call_numbers[call], NULL, { first, second } };

	return child_start(waker_run, &w);
}

static void handler(int sig)
{
	(void)sig;
}

void signal_handle(int sig)
{
	struct sigaction action = { .sa_handler = handler };

	must(!sigaction(sig, &action, NULL));
}

void signal_block(int sig)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, sig);
	must(!sigprocmask(SIG_BLOCK, &set, NULL));
}

/* --- main ------------------------------------------------------------------ */

static const struct {
	const char *name;
	void (*run)(void);
} cases[] = {
#define X(name) { #name, case_##name },
	CASES(X)
#undef X
};

/* For the test that attaches in the middle: one call, until stdin has something. */
static void __attribute__((noreturn)) blocked(const char *name)
{
	struct pollfd pollfd = { .fd = 0, .events = POLLIN };
	struct bits in = { { 1 } };
	struct epoll_event event;
	long ret;
	int epfd;

	if (!strcmp(name, call_names[POLL])) {
		ret = wait_poll(POLL, &pollfd, 1, -1);
	} else if (!strcmp(name, call_names[SELECT])) {
		ret = wait_select(SELECT, 1, &in, NULL, NULL, -1);
	} else {
		epfd = epoll_create1(0);
		wait_ctl(epfd, EPOLL_CTL_ADD, 0, EPOLLIN);
		ret = wait_epoll(EPOLL, epfd, &event, 1, -1);
	}
	/* Stay: who attached looks at a process that lives. */
	for (;;)
		nap(ret == 1 ? 1000 : 0);
}

static void tally_map(void)
{
	tally = mmap(NULL, sizeof(*tally), PROT_READ | PROT_WRITE, MAP_SHARED, tally_fd, 0);
	must(tally != MAP_FAILED);
}

/* Every case in a process of its own, one after the other, for one run of the tool. */
static int all(const char *program, const char *dir)
{
	int failed = 0;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char path[512];
		pid_t pid;
		int status;

		snprintf(path, sizeof(path), "%s/%s", dir, cases[i].name);
		pid = fork();
		must(pid >= 0);
		if (!pid) {
			execl(program, program, cases[i].name, path, NULL);
			_exit(127);
		}
		must(waitpid(pid, &status, 0) == pid);
		if (status)
			fprintf(stderr, "known: case %s: status %#x\n", cases[i].name, status);
		failed |= status;
	}
	return !!failed;
}

int main(int argc, char **argv)
{
	struct rlimit limit;
	bool rest = argc == 5 && !strcmp(argv[1], "--rest");

	if (argc == 2 && !strcmp(argv[1], "list")) {
		for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
			puts(cases[i].name);
		return 0;
	}
	if (argc == 3 && !strcmp(argv[1], "all"))
		return all("/proc/self/exe", argv[2]);
	if (argc != 3 && !rest) {
		fprintf(stderr, "usage: known list | all DIR | CASE ANSWER | --blocked SYSCALL\n");
		return 2;
	}
	case_name = argv[rest ? 2 : 1];
	answer_path = argv[rest ? 3 : 2];
	/* A workload that hangs is found by its death, even where all is slow. */
	alarm(240);
	if (rest) {
		tally_fd = atoi(argv[4]);
		tally_map();
		self = &tally->processes[0];
		thread_exec_rest();
		answer_write();
		return 0;
	}

	tally_fd = memfd_create("tally", 0);
	must(tally_fd >= 0 && !ftruncate(tally_fd, sizeof(*tally)));
	tally_map();
	process_add();
	must(!getrlimit(RLIMIT_NOFILE, &limit));
	limit.rlim_cur = limit.rlim_max;
	must(!setrlimit(RLIMIT_NOFILE, &limit));
	if (!strcmp(case_name, "--blocked"))
		blocked(argv[2]);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (strcmp(cases[i].name, case_name))
			continue;
		cases[i].run();
		answer_write();
		return 0;
	}
	fprintf(stderr, "known: no case named %s\n", case_name);
	return 2;
}
