// SPDX-License-Identifier: GPL-2.0-or-later
#include "hooks.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "links.h"
#include "wait.skel.h"

/* The family's tracepoints and a kprobe for each ->poll(), with room to spare. */
#define EVENTS_MAX 512

/* The programs of each hook, by enum wait_syscall. */
struct call_programs {
	struct bpf_program *fentry, *fexit, *session, *enter, *exit;
	const char *name;
};

static void call_programs(struct wait_bpf *skel, struct call_programs *p)
{
#define X(syscall, mechanism)							\
	p[WAIT_##syscall] = (struct call_programs){				\
		skel->progs.fentry_##syscall, skel->progs.fexit_##syscall,	\
		skel->progs.session_##syscall,					\
		skel->progs.enter_##syscall, skel->progs.exit_##syscall, #syscall };
	WAIT_FAMILY(X)
#undef X
}

/* Is one of its hooks wanted? */
static bool call_loaded(const struct call_programs *p)
{
	return bpf_program__autoload(p->fentry) || bpf_program__autoload(p->session) ||
	       bpf_program__autoload(p->enter);
}

static bool has_syscall(const struct kernel *kernel, const char *name)
{
	char event[64];

	if (!kernel->syscall_tracepoints)
		return true;
	snprintf(event, sizeof(event), "sys_enter_%s", name);
	return kernel_tracepoint_id(kernel, "syscalls", event) > 0;
}

static void session_load(struct bpf_program *prog, bool load)
{
	bpf_program__set_autoload(prog, load);
	bpf_program__set_expected_attach_type(prog, KPROBE_SESSION);
}

/* Who reads, writes and accepts: a system call, and its program. */
struct io_program {
	struct bpf_program *fexit;
	const char *syscall;
};

#define X(syscall) +1
enum { IO_NR = 0 IO_FAMILY(X) };
#undef X

static void io_programs(struct wait_bpf *skel, struct io_program *p)
{
#define X(syscall) *p++ = (struct io_program){ skel->progs.io_##syscall, #syscall };
	IO_FAMILY(X)
#undef X
}

static void wakers_choose(struct hooks *h)
{
	struct wait_bpf *skel = h->skel;
	bool on = h->settings->chain || h->herd, begins = on || h->items;
	bool fentry = h->plan.wake == WAKE_FENTRY, kprobe = h->plan.wake == WAKE_KPROBE;
	struct io_program io[IO_NR];

#define X(function, is_epoll)								\
	bpf_program__set_autoload(skel->progs.fentry_##function, begins && fentry);	\
	bpf_program__set_autoload(skel->progs.fexit_##function, begins && fentry);	\
	bpf_program__set_autoload(skel->progs.kprobe_##function, begins && kprobe);
	WAKE_FUNCTIONS(X)
#undef X
	bpf_program__set_autoload(skel->progs.kretprobe_wake, begins && kprobe);
	bpf_program__set_autoload(skel->progs.fexit_walk, h->herd && fentry);
	bpf_program__set_autoload(skel->progs.kretprobe_walk, h->herd && kprobe);
	bpf_program__set_autoload(skel->progs.waking, on && !h->sees_context);
	bpf_program__set_autoload(skel->progs.waking_context, on && h->sees_context);
	bpf_program__set_autoload(skel->progs.kprobe_item, h->items);
	bpf_program__set_autoload(skel->progs.kretprobe_item, h->items);
	bpf_program__set_autoload(skel->progs.kprobe_file_end, h->herd || h->items);
	bpf_program__set_autoload(skel->progs.kprobe_epoll_end, h->herd || h->items);
	io_programs(skel, io);
	for (int i = 0; i < IO_NR; i++)
		bpf_program__set_autoload(io[i].fexit, h->io && fentry);
	bpf_program__set_autoload(skel->progs.enter_io, h->io && kprobe);
	bpf_program__set_autoload(skel->progs.exit_io, h->io && kprobe);
}

void hooks_choose(struct hooks *h)
{
	struct wait_bpf *skel = h->skel;
	struct call_programs calls[WAIT_NR];
	bool fentry = h->plan.call == CALL_FENTRY, session = h->plan.call == CALL_SESSION;
	bool tracepoint = h->plan.call == CALL_TRACEPOINT;

	call_programs(skel, calls);
	for (int i = 0; i < WAIT_NR; i++) {
		/* arm64 lacks the older half of the family. */
		bool here = has_syscall(h->kernel, calls[i].name) &&
			    (i != WAIT_epoll_ctl || h->settings->epoll_ctl);

		bpf_program__set_autoload(calls[i].fentry, here && fentry);
		bpf_program__set_autoload(calls[i].fexit, here && fentry);
		session_load(calls[i].session, here && session);
		bpf_program__set_autoload(calls[i].enter, here && tracepoint);
		bpf_program__set_autoload(calls[i].exit, here && tracepoint);
	}
	bpf_program__set_autoload(skel->progs.fentry_restart, fentry);
	bpf_program__set_autoload(skel->progs.fexit_restart, fentry);
	session_load(skel->progs.session_restart, session);
	bpf_program__set_autoload(skel->progs.enter_restart_syscall, tracepoint);
	bpf_program__set_autoload(skel->progs.exit_restart_syscall, tracepoint);
	bpf_program__set_autoload(skel->progs.fentry_sleep, h->plan.sleep == SLEEP_FENTRY);
	bpf_program__set_autoload(skel->progs.fexit_sleep, h->plan.sleep == SLEEP_FENTRY);
	bpf_program__set_autoload(skel->progs.switch_sleep, h->plan.sleep == SLEEP_SWITCH);
	bpf_program__set_autoload(skel->progs.scan_multi, h->plan.scan == SCAN_MULTI);
	bpf_program__set_autoload(skel->progs.scan_kprobe, h->plan.scan == SCAN_KPROBE);
	wakers_choose(h);
	bpf_program__set_autoload(skel->progs.fork_tree, h->settings->filter.tree);
}

/* Keeps @link, or says which hook failed. */
static int link_keep(struct hooks *h, struct bpf_link *link, const char *where,
		     struct err *err)
{
	struct bpf_link **more;
	int ret;

	if (!link)
		return err_set(err, -errno, "no hook on %s: %s", where, strerror(errno));
	more = realloc(h->links, (h->links_nr + 1) * sizeof(*more));
	if (!more) {
		ret = err_set(err, -ENOMEM, "out of memory");
		bpf_link__destroy(link);
		return ret;
	}
	h->links = more;
	h->links[h->links_nr++] = link;
	return 0;
}

static int attach(struct hooks *h, struct bpf_program *prog, struct err *err)
{
	return link_keep(h, bpf_program__attach(prog), bpf_program__section_name(prog), err);
}

/*
 * Closing a perf event of a tracepoint or a kprobe waits for every CPU, with a
 * lock held, for some 30 ms: seconds for all of them. A map that holds the
 * events too lets the kernel's own worker do this waiting. Without the map they
 * are closed here, and it takes longer.
 */
static void events_create(struct hooks *h)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_PRESERVE_ELEMS);

	h->events = bpf_map_create(BPF_MAP_TYPE_PERF_EVENT_ARRAY, "ioready_events", 4, 4,
				   EVENTS_MAX, &opts);
}

/* One event on one CPU is enough: a program on such an event runs on all. */
static int event_open(struct hooks *h, struct perf_event_attr *attr)
{
	uint32_t slot = h->events_nr;
	int fd;

	attr->size = sizeof(*attr);
	attr->sample_period = 1;
	fd = syscall(SYS_perf_event_open, attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);
	if (fd >= 0 && slot < EVENTS_MAX &&
	    !bpf_map_update_elem(h->events, &slot, &fd, BPF_ANY))
		h->events_nr++;
	return fd;
}

/* libbpf would look for tracefs only where it is usually mounted. */
static int attach_tracepoint(struct hooks *h, struct bpf_program *prog, const char *prefix,
			     const char *syscall_name, struct err *err)
{
	struct perf_event_attr attr = { .type = PERF_TYPE_TRACEPOINT };
	struct bpf_link *link = NULL;
	char event[64];
	int id, fd;

	snprintf(event, sizeof(event), "%s%s", prefix, syscall_name);
	id = kernel_tracepoint_id(h->kernel, "syscalls", event);
	if (id < 0)
		return err_set(err, id, "no tracepoint syscalls:%s: %s", event, strerror(-id));
	attr.config = id;
	fd = event_open(h, &attr);
	if (fd >= 0)
		link = bpf_program__attach_perf_event(prog, fd);
	if (!link && fd >= 0)
		close(fd);
	return link_keep(h, link, event, err);
}

static int attach_session(struct hooks *h, struct bpf_program *prog, const char *function,
			  struct err *err)
{
	int fd = kernel_session_attach(bpf_program__fd(prog), function);
	int *more;

	if (fd < 0)
		return err_set(err, fd, "no hook on %s: %s", function, strerror(-fd));
	more = realloc(h->sessions, (h->sessions_nr + 1) * sizeof(*more));
	if (!more) {
		close(fd);
		return err_set(err, -ENOMEM, "out of memory");
	}
	h->sessions = more;
	h->sessions[h->sessions_nr++] = fd;
	return 0;
}

/* Hooks the return of a call, or its entry; a session has both. */
static int attach_call(struct hooks *h, const struct call_programs *p, bool entry,
		       struct err *err)
{
	char function[64];

	switch (h->plan.call) {
	case CALL_FENTRY:
		return attach(h, entry ? p->fentry : p->fexit, err);
	case CALL_SESSION:
		/* The function is the one that its fentry program names. */
		if (entry)
			return 0;
		snprintf(function, sizeof(function), "%s",
			 strchr(bpf_program__section_name(p->fentry), '/') + 1);
		return attach_session(h, p->session, function, err);
	case CALL_TRACEPOINT:
		return attach_tracepoint(h, entry ? p->enter : p->exit,
					 entry ? "sys_enter_" : "sys_exit_", p->name, err);
	}
	return 0;
}

/*
 * Returns are hooked before entries: a call that slips in between is then seen
 * to return without an entry, and counted as that.
 */
static int attach_calls(struct hooks *h, struct err *err)
{
	struct wait_bpf *skel = h->skel;
	const struct call_programs restart = {
		skel->progs.fentry_restart, skel->progs.fexit_restart,
		skel->progs.session_restart, skel->progs.enter_restart_syscall,
		skel->progs.exit_restart_syscall, "restart_syscall",
	};
	struct call_programs calls[WAIT_NR];
	int ret = 0;

	call_programs(skel, calls);
	for (int i = 0; !ret && i < WAIT_NR; i++)
		if (call_loaded(&calls[i]))
			ret = attach_call(h, &calls[i], false, err);
	if (!ret)
		ret = attach_call(h, &restart, false, err);
	if (!ret)
		ret = attach_call(h, &restart, true, err);
	for (int i = 0; !ret && i < WAIT_NR; i++)
		if (call_loaded(&calls[i]))
			ret = attach_call(h, &calls[i], true, err);
	return ret;
}

/* Takes away those that @keep, a flag for each, says no of. */
static void poll_names_keep(struct hooks *h, const bool *keep)
{
	int n = 0;

	for (int i = 0; i < h->poll_names_nr; i++) {
		if (keep[i])
			h->poll_names[n++] = h->poll_names[i];
		else
			free(h->poll_names[i]);
	}
	h->poll_names_nr = n;
}

/*
 * A sample does without the ->poll() of tracefs's own files. Most kernels cannot trace what
 * they trace with (kernel/trace/Makefile), but since 6.12 have these in their BTF; to ask which
 * cannot be traced takes longer than all the rest of the start.
 */
static void poll_names_sample(struct hooks *h)
{
	static const char *const without[] = { "event_hist_poll", "tracing_buffers_poll",
					       "tracing_poll_pipe" };
	bool *keep = calloc(h->poll_names_nr, sizeof(*keep));

	for (int i = 0; keep && i < h->poll_names_nr; i++) {
		keep[i] = true;
		for (size_t j = 0; j < sizeof(without) / sizeof(without[0]); j++)
			if (!strcmp(h->poll_names[i], without[j]))
				keep[i] = false;
	}
	if (keep)
		poll_names_keep(h, keep);
	free(keep);
}

/*
 * Leaves only those functions that the kernel can trace: one that it cannot
 * makes the attachment of all of them fail.
 */
static void poll_names_filter(struct hooks *h)
{
	int fd = openat(h->kernel->tracefs, "available_filter_functions", O_RDONLY | O_CLOEXEC);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "r");
	bool *here = calloc(h->poll_names_nr, sizeof(*here));
	char line[512];

	if (!f || !here)
		goto out;
	while (fgets(line, sizeof(line), f)) {
		int low = 0, high = h->poll_names_nr;

		line[strcspn(line, " \n")] = 0;
		while (low < high) {
			int mid = (low + high) / 2, order = strcmp(line, h->poll_names[mid]);

			if (!order)
				here[mid] = true;
			if (order <= 0)
				high = mid;
			else
				low = mid + 1;
		}
	}
	poll_names_keep(h, here);
out:
	free(here);
	if (f)
		fclose(f);
	else if (fd >= 0)
		close(fd);
}

static struct bpf_link *attach_multi(struct hooks *h)
{
	LIBBPF_OPTS(bpf_kprobe_multi_opts, opts, .syms = (const char **)h->poll_names,
		    .cnt = h->poll_names_nr);

	return bpf_program__attach_kprobe_multi_opts(h->skel->progs.scan_multi, NULL, &opts);
}

/*
 * A link for each kprobe would have to be taken away one after the other (until
 * 6.13 with a lock held), so the events themselves carry the program: they go
 * when the map forgets them.
 */
static int attach_kprobe(struct hooks *h, const char *function)
{
	struct perf_event_attr attr = { .type = h->kernel->kprobe,
					.kprobe_func = (uintptr_t)function };
	int before = h->events_nr, ret = 0, fd = event_open(h, &attr);

	if (fd < 0)
		return -errno;
	if (h->events_nr == before)
		ret = -ENOSPC;
	else if (ioctl(fd, PERF_EVENT_IOC_SET_BPF, bpf_program__fd(h->skel->progs.scan_kprobe)))
		ret = -errno;
	close(fd);
	return ret;
}

static int scans_attach(struct hooks *h, struct err *err)
{
	int ret = 0;

	h->scan_events = h->events_nr;
	h->scan_functions = 0;
	if (h->plan.scan == SCAN_MULTI) {
		h->scan_link = attach_multi(h);
		if (!h->scan_link) {
			poll_names_filter(h);
			h->scan_link = attach_multi(h);
		}
		if (!h->scan_link)
			ret = -errno;
		else
			h->scan_functions = h->poll_names_nr;
	} else {
		/* One that cannot be hooked is inlined or gone, so nobody's ->poll(). */
		for (int i = 0; i < h->poll_names_nr; i++) {
			int why = attach_kprobe(h, h->poll_names[i]);

			if (why == -ENOSPC)
				return err_set(err, why, "more ->poll() functions than can be hooked");
			if (why)
				ret = why;
			else
				h->scan_functions++;
		}
	}
	h->scan_events_end = h->events_nr;
	if (!h->scan_functions)
		return err_set(err, ret, "no hook on any ->poll(): %s", strerror(-ret));
	if (h->skel->bss->epoch)
		h->skel->bss->epoch++;
	return 0;
}

static int attach_function(struct hooks *h, struct bpf_program *prog, bool ret,
			   const char *function, struct err *err)
{
	return link_keep(h, bpf_program__attach_kprobe(prog, ret, function), function, err);
}

/* Hooks the end of a function, or its begin. */
struct wake_programs {
	struct bpf_program *fexit, *kretprobe, *fentry, *kprobe;
	const char *function;
};

/*
 * Ends of wakes are hooked before their begins: an end without a begin does no
 * harm, a begin without an end would make every later wake part of it.
 */
static int wakes_attach(struct hooks *h, struct err *err)
{
	struct wait_bpf *skel = h->skel;
	const struct wake_programs wakes[] = {
		/* Only its end is of interest. */
		{ skel->progs.fexit_walk, skel->progs.kretprobe_walk, NULL, NULL,
		  "__wake_up_common" },
#define X(function, is_epoll)								\
		{ skel->progs.fexit_##function, skel->progs.kretprobe_wake,		\
		  skel->progs.fentry_##function, skel->progs.kprobe_##function, #function },
		WAKE_FUNCTIONS(X)
#undef X
	};
	struct bpf_program *waking = h->sees_context ? skel->progs.waking_context :
						       skel->progs.waking;
	int ret = 0;

	for (size_t i = 0; !ret && i < sizeof(wakes) / sizeof(wakes[0]); i++) {
		const struct wake_programs *p = &wakes[i];

		if (bpf_program__autoload(p->fexit))
			ret = attach(h, p->fexit, err);
		if (!ret && p->fentry && bpf_program__autoload(p->fentry))
			ret = attach(h, p->fentry, err);
		if (!ret && !p->kprobe && bpf_program__autoload(p->kretprobe))
			ret = attach_function(h, p->kretprobe, true, p->function, err);
		if (!ret && p->kprobe && bpf_program__autoload(p->kprobe)) {
			ret = attach_function(h, p->kretprobe, true, p->function, err);
			if (!ret)
				ret = attach_function(h, p->kprobe, false, p->function, err);
		}
	}
	if (!ret && bpf_program__autoload(waking))
		ret = attach(h, waking, err);
	return ret;
}

static int io_attach(struct hooks *h, struct err *err)
{
	struct wait_bpf *skel = h->skel;
	struct io_program io[IO_NR];
	int ret = 0;

	io_programs(skel, io);
	for (int i = 0; !ret && i < IO_NR; i++) {
		if (bpf_program__autoload(io[i].fexit))
			ret = attach(h, io[i].fexit, err);
		if (!ret && bpf_program__autoload(skel->progs.enter_io)) {
			ret = attach_tracepoint(h, skel->progs.exit_io, "sys_exit_", io[i].syscall,
						err);
			if (!ret)
				ret = attach_tracepoint(h, skel->progs.enter_io, "sys_enter_",
							io[i].syscall, err);
		}
	}
	return ret;
}

static int items_attach(struct hooks *h, struct err *err)
{
	struct wait_bpf *skel = h->skel;
	int ret = 0;

	if (h->herd || h->items)
		ret = attach_function(h, skel->progs.kprobe_file_end, false,
				      h->file_end_function, err);
	if (!ret && (h->herd || h->items))
		ret = attach_function(h, skel->progs.kprobe_epoll_end, false,
				      "ep_eventpoll_release", err);
	if (!ret && h->items)
		ret = attach_function(h, skel->progs.kretprobe_item, true, h->item_function, err);
	if (!ret && h->items)
		ret = attach_function(h, skel->progs.kprobe_item, false, h->item_function, err);
	return ret;
}

static void all_detach(struct hooks *h)
{
	links_destroy(h->links, h->links_nr);
	free(h->links);
	h->links = NULL;
	h->links_nr = 0;
	for (int i = 0; i < h->sessions_nr; i++)
		close(h->sessions[i]);
	free(h->sessions);
	h->sessions = NULL;
	h->sessions_nr = 0;
}

static void scans_detach(struct hooks *h)
{
	/* Even first: calls that see the hooks go are not counted exactly. */
	if (h->skel && h->skel->bss && h->skel->bss->epoch & 1)
		h->skel->bss->epoch++;
	bpf_link__destroy(h->scan_link);
	h->scan_link = NULL;
	if (h->plan.scan != SCAN_KPROBE)
		return;
	for (uint32_t slot = h->scan_events; slot < h->scan_events_end; slot++)
		bpf_map_delete_elem(h->events, &slot);
	h->scan_events_end = 0;
}

int hooks_open(struct hooks *h, const struct kernel *kernel, const struct plan *plan,
	       const struct settings *settings, struct err *err)
{
	bool file_ends;
	int ret;

	h->kernel = kernel;
	h->plan = *plan;
	h->settings = settings;
	h->events = -1;
	if (settings->scans == SCANS_DERIVE)
		h->plan.scan = SCAN_NONE;
	h->sees_context = (settings->chain || settings->herd) && kernel_tells_context();
	/* Who reads, writes and accepts is asked by the end of chains, and by items. */
	h->io = (settings->chain || settings->items) &&
		(plan->wake == WAKE_FENTRY ||
		 (plan->wake == WAKE_KPROBE && kernel->syscall_tracepoints));
	/* Files are told apart by address, so their end must be seen. */
	file_ends = (settings->herd || settings->items) && plan->wake != WAKE_WAKING &&
		    (!kernel_function("security_file_free", h->file_end_function,
				      sizeof(h->file_end_function)) ||
		     !kernel_function("__fput", h->file_end_function,
				      sizeof(h->file_end_function)));
	h->herd = settings->herd && file_ends;
	h->items = settings->items && h->io && file_ends &&
		   !kernel_function("ep_item_poll", h->item_function, sizeof(h->item_function));
	if (h->plan.scan == SCAN_NONE)
		return 0;
	ret = kernel_poll_functions(&h->poll_names, err);
	if (ret < 0)
		return ret;
	h->poll_names_nr = ret;
	if (settings->scans == SCANS_SAMPLE)
		poll_names_sample(h);
	return 0;
}

int hooks_attach(struct hooks *h, struct err *err)
{
	struct wait_bpf *skel = h->skel;
	int ret = 0;

	events_create(h);
	if (bpf_program__autoload(skel->progs.fork_tree))
		ret = attach(h, skel->progs.fork_tree, err);
	/*
	 * Before the calls, so that every call of a short run is counted exactly.
	 * A sample that cannot be had is no reason not to trace.
	 */
	if (!ret && h->plan.scan != SCAN_NONE) {
		ret = scans_attach(h, err);
		if (ret && h->settings->scans == SCANS_SAMPLE)
			ret = 0;
	}
	if (!ret && h->plan.sleep == SLEEP_SWITCH)
		ret = attach(h, skel->progs.switch_sleep, err);
	if (!ret && h->plan.sleep == SLEEP_FENTRY) {
		ret = attach(h, skel->progs.fexit_sleep, err);
		if (!ret)
			ret = attach(h, skel->progs.fentry_sleep, err);
	}
	if (!ret)
		ret = wakes_attach(h, err);
	if (!ret)
		ret = items_attach(h, err);
	if (!ret)
		ret = io_attach(h, err);
	return ret ? ret : attach_calls(h, err);
}

int hooks_slice(struct hooks *h, bool on, struct err *err)
{
	if (h->plan.scan == SCAN_NONE)
		return 0;
	if (!on)
		scans_detach(h);
	else if (!h->scan_link && h->plan.scan == SCAN_MULTI)
		return scans_attach(h, err);
	return 0;
}

void hooks_detach(struct hooks *h)
{
	scans_detach(h);
	all_detach(h);
}

void hooks_close(struct hooks *h)
{
	hooks_detach(h);
	if (h->events >= 0)
		close(h->events);
	h->events = -1;
	kernel_poll_functions_free(h->poll_names, h->poll_names_nr);
	h->poll_names = NULL;
	h->poll_names_nr = 0;
}
