// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/membarrier.h>
#include <linux/perf_event.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "wait.skel.h"

/* The family's tracepoints and a kprobe for each ->poll(), with room to spare. */
#define EVENTS_MAX 512

struct deferred {
	struct deferred *next;
	struct record record;	/* and the rest of it */
};

struct collector {
	const struct kernel *kernel;
	struct plan plan;
	struct settings settings;
	struct wait_bpf *skel;
	struct bpf_link **links;	/* all hooks of calls and sleeps */
	int links_nr;
	int events;			/* map: see events_create() */
	int events_nr;
	uint32_t scan_events;		/* the first of SCAN_KPROBE */
	uint32_t scan_events_end;
	struct bpf_link *scan_link;	/* the one of SCAN_MULTI */
	int scan_functions;		/* hooked now or last */
	char **poll_names;
	int poll_names_nr;
	struct ring_buffer *ring;
	record_fn ended;		/* of the drain that is going on */
	void *arg;
	uint32_t defer;			/* snapshot whose living rows are told already */
	struct deferred *deferred;
	int failed;			/* -errno of a drain's callback */
};

/*
 * What libbpf warned of last. libbpf's print hook has no argument, so this is
 * the one place where the library below the commands keeps a global.
 */
static char libbpf_said[512];

static int libbpf_listen(enum libbpf_print_level level, const char *format, va_list args)
{
	if (level == LIBBPF_WARN) {
		vsnprintf(libbpf_said, sizeof(libbpf_said), format, args);
		libbpf_said[strcspn(libbpf_said, "\n")] = 0;
	}
	return 0;
}

/* The programs of each hook, by enum wait_syscall. */
struct call_programs {
	struct bpf_program *fentry, *fexit, *enter, *exit;
	const char *name;
};

static void call_programs(struct wait_bpf *skel, struct call_programs *p)
{
#define X(syscall, mechanism)							\
	p[WAIT_##syscall] = (struct call_programs){				\
		skel->progs.fentry_##syscall, skel->progs.fexit_##syscall,	\
		skel->progs.enter_##syscall, skel->progs.exit_##syscall, #syscall };
	WAIT_FAMILY(X)
#undef X
}

static bool has_syscall(const struct kernel *kernel, const char *name)
{
	char event[64];

	if (!kernel->syscall_tracepoints)
		return true;
	snprintf(event, sizeof(event), "sys_enter_%s", name);
	return kernel_tracepoint_id(kernel, "syscalls", event) > 0;
}

static void programs_choose(struct collector *c)
{
	struct wait_bpf *skel = c->skel;
	struct call_programs calls[WAIT_NR];
	bool fentry = c->plan.call == CALL_FENTRY;

	call_programs(skel, calls);
	for (int i = 0; i < WAIT_NR; i++) {
		/* arm64 lacks the older half of the family. */
		bool here = has_syscall(c->kernel, calls[i].name) &&
			    (i != WAIT_epoll_ctl || c->settings.epoll_ctl);

		bpf_program__set_autoload(calls[i].fentry, here && fentry);
		bpf_program__set_autoload(calls[i].fexit, here && fentry);
		bpf_program__set_autoload(calls[i].enter, here && !fentry);
		bpf_program__set_autoload(calls[i].exit, here && !fentry);
	}
	bpf_program__set_autoload(skel->progs.fentry_restart, fentry);
	bpf_program__set_autoload(skel->progs.fexit_restart, fentry);
	bpf_program__set_autoload(skel->progs.enter_restart_syscall, !fentry);
	bpf_program__set_autoload(skel->progs.exit_restart_syscall, !fentry);
	bpf_program__set_autoload(skel->progs.fentry_sleep, c->plan.sleep == SLEEP_FENTRY);
	bpf_program__set_autoload(skel->progs.fexit_sleep, c->plan.sleep == SLEEP_FENTRY);
	bpf_program__set_autoload(skel->progs.switch_sleep, c->plan.sleep == SLEEP_SWITCH);
	bpf_program__set_autoload(skel->progs.scan_multi, c->plan.scan == SCAN_MULTI);
	bpf_program__set_autoload(skel->progs.scan_kprobe, c->plan.scan == SCAN_KPROBE);
	bpf_program__set_autoload(skel->progs.fork_tree, c->settings.filter.tree);
}

static void knobs_set(struct collector *c)
{
	const struct filter *filter = &c->settings.filter;
	struct wait_bpf__rodata *knobs = c->skel->rodata;

	knobs->self_tgid = getpid();
	knobs->filter_any = filter->tgids_nr || filter->tids_nr || filter->comm[0] ||
			    filter->tree || filter->cgroup_id;
	knobs->filter_tgids_nr = filter->tgids_nr;
	memcpy((void *)knobs->filter_tgids, filter->tgids, sizeof(filter->tgids));
	knobs->filter_tids_nr = filter->tids_nr;
	memcpy((void *)knobs->filter_tids, filter->tids, sizeof(filter->tids));
	knobs->filter_comm_on = filter->comm[0];
	memcpy((void *)knobs->filter_comm, filter->comm, sizeof(filter->comm));
	knobs->filter_tree = filter->tree;
	knobs->filter_cgroup_id = filter->cgroup_id;
	knobs->filter_cgroup_v1_subsys = filter->cgroup_v1_subsys;
	knobs->has_bpf_loop = c->kernel->bpf_loop;
	knobs->calls_by_fentry = c->plan.call == CALL_FENTRY;
	knobs->switch_has_state = c->kernel->switch_has_state;
}

int collector_open(struct collector **collector, const struct kernel *kernel,
		   const struct plan *plan, const struct settings *settings, struct err *err)
{
	const struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };
	struct collector *c;
	int ret;

	if (settings->scans == SCANS_EXACT && plan->scan == SCAN_NONE)
		return err_set(err, -EOPNOTSUPP,
			       "scans cannot be counted one by one on the %s tier: it has no hook "
			       "on ->poll(); use --scans=derive",
			       tier_name(plan->tier));
	c = calloc(1, sizeof(*c));
	if (!c)
		return err_set(err, -ENOMEM, "out of memory");
	c->kernel = kernel;
	c->events = -1;
	c->plan = *plan;
	c->settings = *settings;
	if (settings->scans == SCANS_DERIVE)
		c->plan.scan = SCAN_NONE;
	libbpf_set_print(libbpf_listen);
	/* Kernels before 5.11 bill maps to this limit; later ones ignore it. */
	setrlimit(RLIMIT_MEMLOCK, &unlimited);

	if (c->plan.scan != SCAN_NONE) {
		ret = kernel_poll_functions(kernel, &c->poll_names, err);
		if (ret < 0)
			goto err_free;
		c->poll_names_nr = ret;
	}
	c->skel = wait_bpf__open();
	if (!c->skel) {
		ret = err_set(err, -errno, "the programs could not be opened: %s", libbpf_said);
		goto err_free;
	}
	knobs_set(c);
	programs_choose(c);
	bpf_map__set_max_entries(c->skel->maps.ring, settings->ring_bytes);
	ret = wait_bpf__load(c->skel);
	if (ret) {
		err_set(err, ret, "the kernel refused the programs: %s: %s", strerror(-ret),
			libbpf_said);
		goto err_free;
	}
	*collector = c;
	return 0;

err_free:
	collector_close(c);
	return ret;
}

/* Keeps @link, or says which hook failed. */
static int link_keep(struct collector *c, struct bpf_link *link, const char *where,
		     struct err *err)
{
	struct bpf_link **more;
	int ret;

	if (!link)
		return err_set(err, -errno, "no hook on %s: %s", where, strerror(errno));
	more = realloc(c->links, (c->links_nr + 1) * sizeof(*more));
	if (!more) {
		ret = err_set(err, -ENOMEM, "out of memory");
		bpf_link__destroy(link);
		return ret;
	}
	c->links = more;
	c->links[c->links_nr++] = link;
	return 0;
}

static int attach(struct collector *c, struct bpf_program *prog, struct err *err)
{
	return link_keep(c, bpf_program__attach(prog), bpf_program__section_name(prog), err);
}

/*
 * Closing a perf event of a tracepoint or a kprobe waits for every CPU, with a
 * lock held, for some 30 ms: seconds for all of them. A map that holds the
 * events too lets the kernel's own worker do this waiting. Without the map they
 * are closed here, and it takes longer.
 */
static void events_create(struct collector *c)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_PRESERVE_ELEMS);

	c->events = bpf_map_create(BPF_MAP_TYPE_PERF_EVENT_ARRAY, "ioready_events", 4, 4,
				   EVENTS_MAX, &opts);
}

/* One event on one CPU is enough: a program on such an event runs on all. */
static int event_open(struct collector *c, struct perf_event_attr *attr)
{
	uint32_t slot = c->events_nr;
	int fd;

	attr->size = sizeof(*attr);
	attr->sample_period = 1;
	fd = syscall(SYS_perf_event_open, attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);
	if (fd >= 0 && slot < EVENTS_MAX &&
	    !bpf_map_update_elem(c->events, &slot, &fd, BPF_ANY))
		c->events_nr++;
	return fd;
}

/* libbpf would look for tracefs only where it is usually mounted. */
static int attach_tracepoint(struct collector *c, struct bpf_program *prog, const char *prefix,
			     const char *syscall_name, struct err *err)
{
	struct perf_event_attr attr = { .type = PERF_TYPE_TRACEPOINT };
	struct bpf_link *link = NULL;
	char event[64];
	int id, fd;

	snprintf(event, sizeof(event), "%s%s", prefix, syscall_name);
	id = kernel_tracepoint_id(c->kernel, "syscalls", event);
	if (id < 0)
		return err_set(err, id, "no tracepoint syscalls:%s: %s", event, strerror(-id));
	attr.config = id;
	fd = event_open(c, &attr);
	if (fd >= 0)
		link = bpf_program__attach_perf_event(prog, fd);
	if (!link && fd >= 0)
		close(fd);
	return link_keep(c, link, event, err);
}

/*
 * Returns are hooked before entries: a call that slips in between is then seen
 * to return without an entry, and counted as that.
 */
static int attach_calls(struct collector *c, struct err *err)
{
	struct call_programs calls[WAIT_NR];
	struct wait_bpf *skel = c->skel;
	bool fentry = c->plan.call == CALL_FENTRY;
	int ret = 0;

	call_programs(skel, calls);
	for (int i = 0; !ret && i < WAIT_NR; i++)
		if (bpf_program__autoload(fentry ? calls[i].fexit : calls[i].exit))
			ret = fentry ? attach(c, calls[i].fexit, err) :
				       attach_tracepoint(c, calls[i].exit, "sys_exit_",
							 calls[i].name, err);
	if (!ret)
		ret = fentry ? attach(c, skel->progs.fexit_restart, err) :
			       attach_tracepoint(c, skel->progs.exit_restart_syscall, "sys_exit_",
						 "restart_syscall", err);
	if (!ret)
		ret = fentry ? attach(c, skel->progs.fentry_restart, err) :
			       attach_tracepoint(c, skel->progs.enter_restart_syscall, "sys_enter_",
						 "restart_syscall", err);
	for (int i = 0; !ret && i < WAIT_NR; i++)
		if (bpf_program__autoload(fentry ? calls[i].fentry : calls[i].enter))
			ret = fentry ? attach(c, calls[i].fentry, err) :
				       attach_tracepoint(c, calls[i].enter, "sys_enter_",
							 calls[i].name, err);
	return ret;
}

/*
 * Leaves only those functions that the kernel can trace: one that it cannot
 * makes the attachment of all of them fail.
 */
static void poll_names_filter(struct collector *c)
{
	int fd = openat(c->kernel->tracefs, "available_filter_functions", O_RDONLY | O_CLOEXEC);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "r");
	bool *here = calloc(c->poll_names_nr, sizeof(*here));
	char line[512];
	int n = 0;

	if (!f || !here)
		goto out;
	while (fgets(line, sizeof(line), f)) {
		int low = 0, high = c->poll_names_nr;

		line[strcspn(line, " \n")] = 0;
		while (low < high) {
			int mid = (low + high) / 2, order = strcmp(line, c->poll_names[mid]);

			if (!order)
				here[mid] = true;
			if (order <= 0)
				high = mid;
			else
				low = mid + 1;
		}
	}
	for (int i = 0; i < c->poll_names_nr; i++) {
		if (here[i])
			c->poll_names[n++] = c->poll_names[i];
		else
			free(c->poll_names[i]);
	}
	c->poll_names_nr = n;
out:
	free(here);
	if (f)
		fclose(f);
	else if (fd >= 0)
		close(fd);
}

static struct bpf_link *attach_multi(struct collector *c)
{
	LIBBPF_OPTS(bpf_kprobe_multi_opts, opts, .syms = (const char **)c->poll_names,
		    .cnt = c->poll_names_nr);

	return bpf_program__attach_kprobe_multi_opts(c->skel->progs.scan_multi, NULL, &opts);
}

/*
 * A link for each kprobe would have to be taken away one after the other (until
 * 6.13 with a lock held), so the events themselves carry the program: they go
 * when the map forgets them.
 */
static int attach_kprobe(struct collector *c, const char *function)
{
	struct perf_event_attr attr = { .type = c->kernel->kprobe,
					.kprobe_func = (uintptr_t)function };
	int before = c->events_nr, ret = 0, fd = event_open(c, &attr);

	if (fd < 0)
		return -errno;
	if (c->events_nr == before)
		ret = -ENOSPC;
	else if (ioctl(fd, PERF_EVENT_IOC_SET_BPF, bpf_program__fd(c->skel->progs.scan_kprobe)))
		ret = -errno;
	close(fd);
	return ret;
}

static int scans_attach(struct collector *c, struct err *err)
{
	int ret = 0;

	c->scan_events = c->events_nr;
	c->scan_functions = 0;
	if (c->plan.scan == SCAN_MULTI) {
		c->scan_link = attach_multi(c);
		if (!c->scan_link) {
			poll_names_filter(c);
			c->scan_link = attach_multi(c);
		}
		if (!c->scan_link)
			ret = -errno;
		else
			c->scan_functions = c->poll_names_nr;
	} else {
		/* One that cannot be hooked is inlined or gone, so nobody's ->poll(). */
		for (int i = 0; i < c->poll_names_nr; i++) {
			int why = attach_kprobe(c, c->poll_names[i]);

			if (why)
				ret = why;
			else
				c->scan_functions++;
		}
	}
	c->scan_events_end = c->events_nr;
	if (!c->scan_functions)
		return err_set(err, ret, "no hook on any ->poll(): %s", strerror(-ret));
	if (c->skel->bss->epoch)
		c->skel->bss->epoch++;
	return 0;
}

static void *link_destroy(void *link)
{
	bpf_link__destroy(link);
	return NULL;
}

/* Each waits for readers of its own hook; they can all wait at once. */
static void links_destroy(struct collector *c)
{
	int n = c->links_nr;
	pthread_t threads[n + 1];
	bool started[n + 1];

	for (int i = 0; i < n; i++) {
		started[i] = !pthread_create(&threads[i], NULL, link_destroy, c->links[i]);
		if (!started[i])
			bpf_link__destroy(c->links[i]);
	}
	for (int i = 0; i < n; i++)
		if (started[i])
			pthread_join(threads[i], NULL);
	free(c->links);
	c->links = NULL;
	c->links_nr = 0;
}

static void scans_detach(struct collector *c)
{
	/* Even first: calls that see the hooks go are not counted exactly. */
	if (c->skel && c->skel->bss->epoch & 1)
		c->skel->bss->epoch++;
	bpf_link__destroy(c->scan_link);
	c->scan_link = NULL;
	if (c->plan.scan != SCAN_KPROBE)
		return;
	for (uint32_t slot = c->scan_events; slot < c->scan_events_end; slot++)
		bpf_map_delete_elem(c->events, &slot);
	c->scan_events_end = 0;
}

int collector_scan_slice(struct collector *c, bool on, struct err *err)
{
	if (c->settings.scans != SCANS_SAMPLE || c->plan.scan == SCAN_NONE)
		return 0;
	if (!on)
		scans_detach(c);
	else if (!c->scan_link && c->plan.scan == SCAN_MULTI)
		return scans_attach(c, err);
	return 0;
}

static int on_ring(void *arg, void *data, size_t size)
{
	struct collector *c = arg;
	const struct wait_record *r = data;
	struct deferred *d;

	if (!c->defer || r->row.claim != c->defer) {
		c->ended(&r->head, c->arg);
		return 0;
	}
	d = malloc(sizeof(*d) - sizeof(d->record) + size);
	if (!d) {
		c->failed = -ENOMEM;
		return 0;
	}
	memcpy(&d->record, data, size);
	d->next = c->deferred;
	c->deferred = d;
	return 0;
}

int collector_drain(struct collector *c, record_fn fn, void *arg, struct err *err)
{
	int ret;

	c->ended = fn;
	c->arg = arg;
	c->failed = 0;
	while (!c->defer && c->deferred) {
		struct deferred *d = c->deferred;

		c->deferred = d->next;
		fn(&d->record, arg);
		free(d);
	}
	ret = ring_buffer__consume(c->ring);
	if (ret < 0)
		return err_set(err, ret, "the ring could not be read: %s", strerror(-ret));
	if (c->failed)
		return err_set(err, c->failed, "out of memory");
	return 0;
}

/* Runs an iterator to its end and hands its records, if any, to @fn. */
static int iterate(struct bpf_program *prog, record_fn fn, void *arg, struct err *err)
{
	const size_t room = 64 * 1024;
	struct bpf_link *link = bpf_program__attach_iter(prog, NULL);
	int fd = link ? bpf_iter_create(bpf_link__fd(link)) : -1;
	char *buffer = malloc(room);
	size_t have = 0;
	int ret = 0;

	if (fd < 0 || !buffer) {
		ret = err_set(err, buffer ? -errno : -ENOMEM, "the threads cannot be listed: %s",
			      strerror(buffer ? errno : ENOMEM));
		goto out;
	}
	for (;;) {
		ssize_t n = read(fd, buffer + have, room - have);
		size_t at = 0;

		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n < 0)
			ret = err_set(err, -errno, "the list of threads broke off: %s",
				      strerror(errno));
		if (n <= 0)
			break;
		have += n;
		while (have - at >= sizeof(struct record)) {
			const struct record *r = (const void *)(buffer + at);

			if (have - at < r->size)
				break;
			fn(r, arg);
			at += r->size;
		}
		/* Every record's size is a multiple of 8, so what follows is aligned. */
		memmove(buffer, buffer + at, have - at);
		have -= at;
	}
out:
	free(buffer);
	if (fd >= 0)
		close(fd);
	bpf_link__destroy(link);
	return ret;
}

static void ignore(const struct record *record, void *arg)
{
	(void)record;
	(void)arg;
}

int collector_attach(struct collector *c, struct err *err)
{
	struct wait_bpf *skel = c->skel;
	int ret;

	c->ring = ring_buffer__new(bpf_map__fd(skel->maps.ring), on_ring, c, NULL);
	if (!c->ring)
		return err_set(err, -errno, "no ring: %s", strerror(errno));
	skel->links.thread_exit = bpf_program__attach(skel->progs.thread_exit);
	if (!skel->links.thread_exit)
		return err_set(err, -errno, "no hook on sched_process_exit: %s", strerror(errno));
	skel->links.thread_free = bpf_program__attach(skel->progs.thread_free);
	if (!skel->links.thread_free)
		return err_set(err, -errno, "no hook on sched_process_free: %s", strerror(errno));
	events_create(c);
	ret = 0;
	if (bpf_program__autoload(skel->progs.fork_tree))
		ret = attach(c, skel->progs.fork_tree, err);
	/*
	 * Before the calls, so that every call of a short run is counted exactly.
	 * A sample that cannot be had is no reason not to trace.
	 */
	if (!ret && c->plan.scan != SCAN_NONE) {
		ret = scans_attach(c, err);
		if (ret && c->settings.scans == SCANS_SAMPLE)
			ret = 0;
	}
	if (!ret && c->plan.sleep == SLEEP_SWITCH)
		ret = attach(c, skel->progs.switch_sleep, err);
	if (!ret && c->plan.sleep == SLEEP_FENTRY) {
		ret = attach(c, skel->progs.fexit_sleep, err);
		if (!ret)
			ret = attach(c, skel->progs.fentry_sleep, err);
	}
	if (!ret)
		ret = attach_calls(c, err);
	if (ret)
		return ret;
	/* Now the window is open. */
	skel->bss->epoch = c->scan_functions ? 1 : 2;
	return iterate(skel->progs.seed, ignore, NULL, err);
}

int collector_follow(struct collector *c, pid_t pid, struct err *err)
{
	const uint32_t yes = 1;
	int fd = syscall(SYS_pidfd_open, pid, 0);
	int ret = 0;

	if (fd < 0 || bpf_map_update_elem(bpf_map__fd(c->skel->maps.tree), &fd, &yes, BPF_ANY))
		ret = err_set(err, -errno, "the command cannot be followed: %s", strerror(errno));
	if (fd >= 0)
		close(fd);
	return ret;
}

/* Runs of a program that the kernel skipped because it was running there already. */
static uint64_t program_misses(const struct bpf_program *prog)
{
	struct bpf_prog_info info = {};
	uint32_t size = sizeof(info);

	if (!bpf_program__autoload(prog) ||
	    bpf_obj_get_info_by_fd(bpf_program__fd(prog), &info, &size))
		return 0;
	return info.recursion_misses;
}

int collector_snapshot(struct collector *c, const struct snapshot_fns *fns, void *arg,
		       struct err *err)
{
	int ret;

	/*
	 * A thread whose end was not seen is told when its task is freed, which
	 * takes an RCU grace period. membarrier() waits for one.
	 */
	if (program_misses(c->skel->progs.thread_exit)) {
		syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0);
		usleep(20000);
	}
	ret = collector_drain(c, fns->ended, arg, err);
	if (ret)
		return ret;
	fns->begin(arg);
	c->skel->bss->snapshot++;
	c->skel->bss->threads_32bit = 0;
	ret = iterate(c->skel->progs.snapshot_threads, fns->living, arg, err);
	/*
	 * Threads that ended before the iterator came to them are in the ring
	 * by now. Those that it had told as living wait for the next time.
	 */
	c->defer = c->skel->bss->snapshot;
	if (!ret)
		ret = collector_drain(c, fns->ended, arg, err);
	c->defer = 0;
	return ret;
}

void collector_losses(struct collector *c, struct losses *losses)
{
	uint64_t values[c->kernel->cpus];
	struct bpf_program *prog;

	memset(losses, 0, sizeof(*losses));
	for (uint32_t i = 0; i < LOSS_NR; i++) {
		if (bpf_map_lookup_elem(bpf_map__fd(c->skel->maps.losses), &i, values))
			continue;
		for (int cpu = 0; cpu < c->kernel->cpus; cpu++)
			losses->count[i] += values[cpu];
	}
	bpf_object__for_each_program(prog, c->skel->obj)
		losses->nested += program_misses(prog);
	losses->threads_32bit = c->skel->bss->threads_32bit;
}

int collector_scan_functions(const struct collector *c)
{
	return c->scan_functions;
}

void collector_detach(struct collector *c)
{
	if (c->skel && c->skel->bss)
		c->skel->bss->epoch = 0;
	scans_detach(c);
	links_destroy(c);
}

void collector_close(struct collector *c)
{
	if (!c)
		return;
	collector_detach(c);
	ring_buffer__free(c->ring);
	while (c->deferred) {
		struct deferred *d = c->deferred;

		c->deferred = d->next;
		free(d);
	}
	if (c->events >= 0)
		close(c->events);
	wait_bpf__destroy(c->skel);
	kernel_poll_functions_free(c->poll_names, c->poll_names_nr);
	free(c);
}

int collector_bill(const struct kernel *kernel, uint32_t ring_bytes, struct map_bill *bill,
		   int max)
{
	/* What the kernel adds to a task storage element: list heads, owner, RCU. */
	const uint64_t element = 128, page = sysconf(_SC_PAGESIZE);
	struct wait_bpf *skel;
	struct bpf_map *map;
	int n = 0;

	libbpf_set_print(libbpf_listen);
	skel = wait_bpf__open();
	if (!skel)
		return -errno;
	bpf_object__for_each_map(map, skel->obj) {
		uint64_t entry = (bpf_map__value_size(map) + 7) / 8 * 8;

		if (n == max)
			break;
		/* The names live in the skeleton, which is closed here; the programs' do not. */
		bill[n].name = NULL;
		bill[n].bytes = bill[n].bytes_each = 0;
		switch (bpf_map__type(map)) {
		case BPF_MAP_TYPE_TASK_STORAGE:
			bill[n].bytes_each = entry + element;
			bill[n].name = map == skel->maps.threads ? "call and figures, a thread that waits" :
				       map == skel->maps.tree ? "mark of a followed command, a thread" :
								NULL;
			break;
		case BPF_MAP_TYPE_RINGBUF:
			bill[n].name = "rows of ended threads (ring)";
			bill[n].bytes = ring_bytes + 3 * page;
			break;
		case BPF_MAP_TYPE_PERCPU_ARRAY:
			bill[n].name = "losses, a CPU";
			bill[n].bytes = entry * bpf_map__max_entries(map) * kernel->cpus;
			break;
		default:
			bill[n].name = bpf_map__type(map) == BPF_MAP_TYPE_ARRAY ?
					       "knobs (.rodata, .bss)" :
					       NULL;
			bill[n].bytes = (entry * bpf_map__max_entries(map) + page - 1) / page * page;
		}
		if (!bill[n].name && bill[n].bytes_each)
			bill[n].name = "figures, each further syscall of it";
		/* The rows of all syscalls cost the same: one line tells it. */
		if (n && bill[n].name && bill[n - 1].name == bill[n].name && bill[n].bytes_each)
			continue;
		n += bill[n].name != NULL;
	}
	wait_bpf__destroy(skel);
	return n;
}
