// SPDX-License-Identifier: GPL-2.0-or-later
#include "process.h"

#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <unistd.h>

#include "interest.h"

/* What select asks for, by set: the events that it takes for readable, ... */
#define SELECT_IN (EPOLLRDNORM | EPOLLRDBAND | EPOLLIN | EPOLLHUP | EPOLLERR)
#define SELECT_OUT (EPOLLWRBAND | EPOLLWRNORM | EPOLLOUT | EPOLLERR)
#define SELECT_EXCEPT EPOLLPRI

static int out_of_memory(struct err *err)
{
	return err_set(err, -ENOMEM, "out of memory");
}

/* A file of /proc as a string; its length or -errno. */
static ssize_t slurp(char *to, size_t size, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, to, size - 1);
	if (n < 0)
		n = -errno;
	close(fd);
	if (n >= 0)
		to[n] = 0;
	return n;
}

/* --- identity --------------------------------------------------------------- */

/* Start of a process in nanoseconds, and its name; a name may hold anything. */
static int identity(uint32_t pid, uint64_t *start_ns, char comm[16])
{
	char path[64], text[1024], *open, *close;
	unsigned long long ticks;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%u/stat", pid);
	n = slurp(text, sizeof(text), path);
	if (n < 0)
		return n == -ENOENT ? -ESRCH : n;
	open = strchr(text, '(');
	close = strrchr(text, ')');
	if (!open || !close ||
	    sscanf(close + 1,
		   " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d "
		   "%*d %llu", &ticks) != 1)
		return -EIO;
	*close = 0;
	if (comm)
		snprintf(comm, 16, "%.15s", open + 1);
	*start_ns = ticks * (1000000000 / sysconf(_SC_CLK_TCK));
	return 0;
}

bool process_same(const struct look *look)
{
	uint64_t start_ns;

	return !identity(look->pid, &start_ns, NULL) && start_ns == look->start_ns;
}

static bool is_32bit(uint32_t pid)
{
	unsigned char ident[EI_NIDENT];
	char path[64];
	int fd;
	bool is = false;

	snprintf(path, sizeof(path), "/proc/%u/exe", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	if (read(fd, ident, sizeof(ident)) == sizeof(ident))
		is = !memcmp(ident, ELFMAG, SELFMAG) && ident[EI_CLASS] == ELFCLASS32;
	close(fd);
	return is;
}

/* --- threads and their calls ------------------------------------------------- */

static int watch_add(struct look *look, const struct watch *watch)
{
	struct watch *w;

	if (look->watches_nr == (look->watches_max ?: LOOK_WATCHES_MAX)) {
		look->cut++;
		return 0;
	}
	w = look_room(&look->watches, &look->watches_room, look->watches_nr, sizeof(*w));
	if (!w)
		return -ENOMEM;
	*w = *watch;
	look->watches_nr++;
	return 0;
}

/* The member of the family that a syscall number stands for, or WAIT_NR. */
static enum wait_syscall family(long nr)
{
	switch (nr) {
#ifdef SYS_select
	case SYS_select: return WAIT_select;
#endif
	case SYS_pselect6: return WAIT_pselect6;
#ifdef SYS_poll
	case SYS_poll: return WAIT_poll;
#endif
	case SYS_ppoll: return WAIT_ppoll;
#ifdef SYS_epoll_wait
	case SYS_epoll_wait: return WAIT_epoll_wait;
#endif
	case SYS_epoll_pwait: return WAIT_epoll_pwait;
#ifdef SYS_epoll_pwait2
	case SYS_epoll_pwait2: return WAIT_epoll_pwait2;
#endif
	}
	return WAIT_NR;
}

static bool memory_read(uint32_t pid, void *to, uint64_t from, size_t size)
{
	struct iovec local = { to, size }, remote = { (void *)(uintptr_t)from, size };

	return process_vm_readv(pid, &local, 1, &remote, 1, 0) == (ssize_t)size;
}

/*
 * Reads the arguments of a call into watches. Returns 0, -ENOMEM, or -EFAULT if
 * they could not be read. The caller takes them back if the call ended meanwhile.
 */
static int poll_watches(struct look *look, uint32_t tid, const uint64_t arg[6])
{
	size_t nr = (uint32_t)arg[1];
	struct pollfd *fds;
	int ret = 0;

	if (nr > LOOK_WATCHES_MAX) {
		look->cut += nr - LOOK_WATCHES_MAX;
		nr = LOOK_WATCHES_MAX;
	}
	if (!nr)
		return 0;
	fds = reallocarray(NULL, nr, sizeof(*fds));
	if (!fds)
		return -ENOMEM;
	if (!memory_read(look->pid, fds, arg[0], nr * sizeof(*fds)))
		ret = -EFAULT;
	for (size_t i = 0; i < nr && !ret; i++)
		if (fds[i].fd >= 0)
			ret = watch_add(look, &(struct watch){
				.by = MECHANISM_POLL, .watcher = tid, .fd = fds[i].fd,
				.asked = (uint16_t)fds[i].events | EPOLLERR | EPOLLHUP });
	free(fds);
	return ret;
}

/* How many fds the process's table has room for; LOOK_WATCHES_MAX if it has more, or is gone. */
static size_t table_size(uint32_t pid)
{
	char path[64], text[2048], *line;
	unsigned long size;

	snprintf(path, sizeof(path), "/proc/%u/status", pid);
	line = slurp(text, sizeof(text), path) > 0 ? strstr(text, "\nFDSize:") : NULL;
	if (!line || sscanf(line, " FDSize: %lu", &size) != 1 || size > LOOK_WATCHES_MAX)
		return LOOK_WATCHES_MAX;
	return size;
}

static int select_watches(struct look *look, uint32_t tid, const uint64_t arg[6])
{
	static const uint32_t asked[3] = { SELECT_IN, SELECT_OUT, SELECT_EXCEPT };
	size_t nfds = (int)arg[0] > 0 ? (int)arg[0] : 0, room = table_size(look->pid), words;
	uint64_t *sets;
	int ret = 0;

	/* The call reads no more of the sets either: core_sys_select(), fs/select.c. */
	if (nfds > room)
		nfds = room;
	words = (nfds + 63) / 64;
	if (!words)
		return 0;
	sets = calloc(3 * words, sizeof(*sets));
	if (!sets)
		return -ENOMEM;
	for (int i = 0; i < 3 && !ret; i++)
		if (arg[1 + i] &&
		    !memory_read(look->pid, sets + i * words, arg[1 + i], words * sizeof(*sets)))
			ret = -EFAULT;
	for (size_t fd = 0; fd < nfds && !ret; fd++) {
		struct watch w = { .by = MECHANISM_SELECT, .watcher = tid, .fd = fd };

		for (int i = 0; i < 3; i++)
			if (sets[i * words + fd / 64] & UINT64_C(1) << (fd & 63))
				w.asked |= asked[i];
		if (w.asked)
			ret = watch_add(look, &w);
	}
	free(sets);
	return ret;
}

/* What the thread does now, and if it is in select or poll, what that watches. */
static int thread_call(struct look *look, struct look_thread *t, bool watches)
{
	char path[64], text[256], again[256];
	size_t before = look->watches_nr;
	unsigned long long arg[6];
	uint64_t args[6], cut = look->cut;
	long nr;
	ssize_t n;
	int ret = 0;

	t->epfd = -1;
	t->state = THREAD_UNTOLD;
	snprintf(path, sizeof(path), "/proc/%u/task/%u/syscall", look->pid, t->tid);
	n = slurp(text, sizeof(text), path);
	if (n < 0 || look->bits32)
		return 0;
	if (!strncmp(text, "running", 7)) {
		t->state = THREAD_RUNS;
		return 0;
	}
	t->state = THREAD_ELSEWHERE;
	if (sscanf(text, "%ld %llx %llx %llx %llx %llx %llx", &nr, &arg[0], &arg[1], &arg[2],
		   &arg[3], &arg[4], &arg[5]) != 7)
		return 0;
	if (nr == SYS_restart_syscall) {
		t->state = THREAD_RESTARTED;
		return 0;
	}
	t->syscall = family(nr);
	if (t->syscall == WAIT_NR)
		return 0;
	t->state = THREAD_WAITS;
	for (int i = 0; i < 6; i++)
		args[i] = arg[i];
	switch (t->syscall) {
	case WAIT_select:
	case WAIT_pselect6:
		if (watches)
			ret = select_watches(look, t->tid, args);
		break;
	case WAIT_poll:
	case WAIT_ppoll:
		if (watches)
			ret = poll_watches(look, t->tid, args);
		break;
	default:
		t->epfd = args[0];
	}
	if (ret == -ENOMEM)
		return ret;
	if (watches)
		t->unread = false;
	/* If it is not in this call any more, what was read may be anything. */
	if (watches && (slurp(again, sizeof(again), path) != n || strcmp(text, again))) {
		look->watches_nr = before;
		look->cut = cut;
		t->state = THREAD_RUNS;
		t->epfd = -1;
	} else if (ret) {
		look->watches_nr = before;
		t->unread = true;
	}
	return 0;
}

static void thread_runs(const struct look *look, struct look_thread *t)
{
	char path[64], text[128];

	snprintf(path, sizeof(path), "/proc/%u/task/%u/schedstat", look->pid, t->tid);
	/* All zero: this kernel does not count, for a thread that is there has been run. */
	t->runs_known = slurp(text, sizeof(text), path) > 0 &&
			sscanf(text, "%" SCNu64 " %*u %" SCNu64, &t->run_ns, &t->runs) == 2 &&
			t->runs;
}

static struct look_thread *thread_find(struct look *look, uint32_t tid)
{
	for (size_t i = 0; i < look->threads_nr; i++)
		if (look->threads[i].tid == tid)
			return &look->threads[i];
	return NULL;
}

static int threads(struct look *look, bool again)
{
	char path[64];
	struct dirent *entry;
	int ret = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%u/task", look->pid);
	dir = opendir(path);
	if (!dir)
		return errno == ENOENT ? -ESRCH : -errno;
	while (!ret && (entry = readdir(dir))) {
		struct look_thread *t;
		uint32_t tid = strtoul(entry->d_name, NULL, 10);
		ssize_t n;

		if (!tid)
			continue;
		t = again ? thread_find(look, tid) : NULL;
		if (!t) {
			t = look_room(&look->threads, &look->threads_room, look->threads_nr,
				      sizeof(*t));
			if (!t) {
				ret = -ENOMEM;
				break;
			}
			look->threads_nr++;
			t->tid = tid;
			snprintf(path, sizeof(path), "/proc/%u/task/%u/comm", look->pid, tid);
			n = slurp(t->comm, sizeof(t->comm), path);
			if (n > 0 && t->comm[n - 1] == '\n')
				t->comm[n - 1] = 0;
		}
		/* Counters first: a run that they miss is one that began later. */
		thread_runs(look, t);
		ret = thread_call(look, t, !again);
	}
	closedir(dir);
	return ret;
}

int process_runs(struct look *look, struct err *err)
{
	int ret = threads(look, true);

	return ret ? err_set(err, ret, "process %u: %s", look->pid, strerror(-ret)) : 0;
}

/* --- files ------------------------------------------------------------------- */

static bool device_is_quiet(dev_t dev)
{
	char path[64], to[256], *base;
	ssize_t n;

	switch (major(dev)) {
	case 1:		/* null, zero, random, ... */
	case 13:	/* input */
		return true;
	case 10:	/* misc: by name */
		snprintf(path, sizeof(path), "/sys/dev/char/%u:%u", major(dev), minor(dev));
		n = readlink(path, to, sizeof(to) - 1);
		if (n < 0)
			return false;
		to[n] = 0;
		base = strrchr(to, '/');
		return base && (!strcmp(base, "/ioready") || !strcmp(base, "/tun"));
	}
	return false;
}

static bool device_is_tty(dev_t dev)
{
	/* 4: consoles and serial lines, 5: tty and ptmx, 136 to 143: pts */
	return major(dev) == 4 || major(dev) == 5 || (major(dev) >= 136 && major(dev) <= 143);
}

static enum file_kind kind_of(const char *link, const struct stat *st)
{
	static const struct {
		const char *link;
		enum file_kind kind;
	} anonymous[] = {
		{ "[eventpoll]", FILE_EPOLL },	{ "[eventfd]", FILE_EVENTFD },
		{ "[timerfd]", FILE_TIMERFD },	{ "[signalfd]", FILE_SIGNALFD },
		{ "inotify", FILE_INOTIFY },	{ "[fanotify]", FILE_FANOTIFY },
		{ "[pidfd]", FILE_PIDFD },	{ "[io_uring]", FILE_URING },
	};

	if (S_ISSOCK(st->st_mode))
		return FILE_SOCKET;
	if (S_ISFIFO(st->st_mode))
		return FILE_PIPE;
	if (S_ISCHR(st->st_mode))
		return device_is_tty(st->st_rdev)    ? FILE_TTY :
		       device_is_quiet(st->st_rdev) ? FILE_QUIET_DEVICE :
							FILE_DEVICE;
	if (S_ISREG(st->st_mode))
		return FILE_REGULAR;
	/* Nothing else has no type: a file of this name has one. */
	if (!(st->st_mode & S_IFMT) && !strncmp(link, "anon_inode:", 11))
		for (size_t i = 0; i < sizeof(anonymous) / sizeof(anonymous[0]); i++)
			if (!strcmp(link + 11, anonymous[i].link))
				return anonymous[i].kind;
	return FILE_OTHER;
}

/* The link of an fd; its length or -errno. */
static ssize_t link_read(int dir, const char *fd, char *to, size_t size)
{
	ssize_t n = readlinkat(dir, fd, to, size - 1);

	if (n < 0)
		return -errno;
	to[n] = 0;
	return n;
}

/*
 * What kind it is; one that stat(2) may not see, as a FUSE file of another user, is open all
 * the same. Nobody is asked who would have to answer for it.
 */
static void file_stat(int dir, const char *fd, struct stat *st)
{
	struct statx sx;

	memset(st, 0, sizeof(*st));
	/* A type of which nothing is asked; without one it could be taken for an epoll. */
	st->st_mode = S_IFDIR;
	if (statx(dir, fd, AT_STATX_DONT_SYNC, STATX_TYPE | STATX_INO, &sx))
		return;
	st->st_mode = sx.stx_mode;
	st->st_ino = sx.stx_ino;
	st->st_dev = makedev(sx.stx_dev_major, sx.stx_dev_minor);
	st->st_rdev = makedev(sx.stx_rdev_major, sx.stx_rdev_minor);
}

/* Adds a file, if something is open there. */
static int file_add(struct look *look, int dir, int32_t fd)
{
	char number[16], link[4096];
	struct look_file *f;
	struct stat st;

	snprintf(number, sizeof(number), "%d", fd);
	if (link_read(dir, number, link, sizeof(link)) < 0)
		return 0;
	file_stat(dir, number, &st);
	f = look_room(&look->files, &look->files_room, look->files_nr, sizeof(*f));
	if (!f)
		return -ENOMEM;
	f->fd = fd;
	f->kind = kind_of(link, &st);
	/* On a disk, stat(2) may give numbers of the file system's own making. */
	if (f->kind == FILE_SOCKET || !(st.st_mode & S_IFMT) || !strncmp(link, "pipe:[", 6)) {
		f->ino = st.st_ino;
		f->dev = major(st.st_dev) << 20 | minor(st.st_dev);
	}
	f->name = strdup(link);
	if (!f->name)
		return -ENOMEM;
	look->files_nr++;
	return 0;
}

struct epoll_arg {
	struct look *look;
	int32_t epfd;
};

static int item_add(const struct interest *item, void *arg)
{
	struct epoll_arg *a = arg;

	return watch_add(a->look, &(struct watch){
		.by = MECHANISM_EPOLL, .watcher = a->epfd, .fd = item->fd,
		.asked = item->events, .data = item->data, .ino = item->ino, .dev = item->dev });
}

static int fd_compare(const void *a, const void *b)
{
	int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;

	return (x > y) - (x < y);
}

/* Epolls and their items, then every file that is watched or is an epoll. */
static int files(struct look *look)
{
	char path[64], link[64];
	size_t epolls_nr = 0, epolls_room = 0;
	int32_t *epolls = NULL, *fds = NULL, *at;
	struct dirent *entry;
	size_t n;
	int ret = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%u/fd", look->pid);
	dir = opendir(path);
	if (!dir)
		return errno == ENOENT ? -ESRCH : -errno;
	while ((entry = readdir(dir))) {
		struct stat st;

		if (link_read(dirfd(dir), entry->d_name, link, sizeof(link)) < 0 ||
		    strcmp(link, "anon_inode:[eventpoll]") ||
		    fstatat(dirfd(dir), entry->d_name, &st, 0) || st.st_mode & S_IFMT)
			continue;
		at = look_room(&epolls, &epolls_room, epolls_nr, sizeof(*at));
		if (!at) {
			ret = -ENOMEM;
			goto out;
		}
		*at = atoi(entry->d_name);
		epolls_nr++;
	}
	for (size_t i = 0; i < epolls_nr; i++) {
		struct epoll_arg arg = { look, epolls[i] };

		ret = interest_read(look->pid, epolls[i], item_add, &arg);
		/* Closed just now, or ended. */
		if (ret == -ENOENT || ret == -ESRCH)
			ret = 0;
		if (ret)
			goto out;
	}
	n = epolls_nr + look->watches_nr;
	if (!n)
		goto out;
	fds = reallocarray(NULL, n, sizeof(*fds));
	if (!fds) {
		ret = -ENOMEM;
		goto out;
	}
	n = 0;
	for (size_t i = 0; i < epolls_nr; i++)
		fds[n++] = epolls[i];
	for (size_t i = 0; i < look->watches_nr; i++)
		fds[n++] = look->watches[i].fd;
	qsort(fds, n, sizeof(*fds), fd_compare);
	for (size_t i = 0; i < n && !ret; i++)
		if (!i || fds[i] != fds[i - 1])
			ret = file_add(look, dirfd(dir), fds[i]);
out:
	free(fds);
	free(epolls);
	closedir(dir);
	return ret;
}

/* --- a look ------------------------------------------------------------------ */

int process_look(struct look *look, uint32_t pid, struct err *err)
{
	int ret;

	look->pid = pid;
	ret = identity(pid, &look->start_ns, look->comm);
	if (!ret) {
		look->bits32 = is_32bit(pid);
		ret = threads(look, false);
	}
	if (!ret)
		ret = files(look);
	if (!ret && !process_same(look))
		ret = -ESRCH;
	if (ret == -ENOMEM)
		return out_of_memory(err);
	if (ret == -EACCES || ret == -EPERM)
		return err_set(err, -EPERM,
			       "process %u may not be looked into: run it with sudo, or add "
			       "CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH",
			       pid);
	if (ret == -ESRCH)
		return err_set(err, ret, "process %u has ended", pid);
	if (ret)
		return err_set(err, ret, "process %u: %s", pid, strerror(-ret));
	return 0;
}

int process_list(uint32_t **pids, struct err *err)
{
	size_t nr = 0, room = 0;
	struct dirent *entry;
	DIR *dir = opendir("/proc");

	*pids = NULL;
	if (!dir)
		return err_set(err, -errno, "/proc: %s", strerror(errno));
	while ((entry = readdir(dir))) {
		uint32_t pid = strtoul(entry->d_name, NULL, 10), *at;

		if (!pid || pid == (uint32_t)getpid())
			continue;
		at = look_room(pids, &room, nr, sizeof(*at));
		if (!at) {
			closedir(dir);
			free(*pids);
			return out_of_memory(err);
		}
		*at = pid;
		nr++;
	}
	closedir(dir);
	return nr;
}
