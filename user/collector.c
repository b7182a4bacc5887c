// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/membarrier.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "hash.h"
#include "hooks.h"
#include "libbpf_said.h"
#include "table.h"
#include "types.h"
#include "wait.skel.h"

struct deferred {
	struct deferred *next;
	struct record record;	/* and the rest of it */
};

struct collector {
	struct hooks hooks;
	struct settings settings;
	struct wait_bpf *skel;
	struct ring_buffer *ring;
	struct ring_buffer *events_ring;
	record_fn ended;		/* of the drain that is going on */
	record_fn living;		/* of the snapshot that is going on */
	void *arg;
	bool snapshot;			/* one has told what lives, and @told is what */
	struct told *told;
	struct deferred *deferred;
	int failed;			/* -errno of a drain's callback */
};

static void knobs_set(struct collector *c)
{
	struct wait_bpf__rodata *knobs = c->skel->rodata;

	filter_knobs(knobs, &c->settings.filter);
	knobs->has_bpf_loop = c->hooks.kernel->bpf_loop;
	knobs->calls_by_function = c->hooks.plan.call != CALL_TRACEPOINT;
	knobs->switch_has_state = c->hooks.kernel->switch_has_state;
	knobs->extra_on = c->settings.events || c->settings.chain || c->hooks.herd ||
			  c->hooks.items;
	knobs->herd_on = c->hooks.herd;
	knobs->herd_told = c->hooks.herd && c->settings.herd_events;
	knobs->items_on = c->hooks.items;
	knobs->event_on = c->settings.events;
	knobs->event_min_ns = c->settings.event_min_ns;
	knobs->event_empty = c->settings.event_empty;
	knobs->event_failed = c->settings.event_failed;
	knobs->chain_on = c->settings.chain;
	knobs->fd_chains_on = c->settings.chain_fds;
	knobs->serve_on = c->settings.chain && c->hooks.io;
	knobs->chain_sees_ready = c->hooks.plan.wake != WAKE_WAKING;
	knobs->chain_by_kprobe = c->hooks.plan.wake == WAKE_KPROBE;
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
	c->settings = *settings;
	libbpf_listen();
	/* Kernels before 5.11 bill maps to this limit; later ones ignore it. */
	setrlimit(RLIMIT_MEMLOCK, &unlimited);

	ret = hooks_open(&c->hooks, kernel, plan, &c->settings, err);
	if (ret)
		goto err_free;
	c->hooks.skel = c->skel = wait_bpf__open();
	if (!c->skel) {
		ret = err_set(err, -errno, "the programs could not be opened: %s", libbpf_said());
		goto err_free;
	}
	knobs_set(c);
	hooks_choose(&c->hooks);
	bpf_program__set_autoload(c->skel->progs.snapshot_chains, settings->chain);
	bpf_map__set_max_entries(c->skel->maps.ring, settings->ring_bytes);
	if (settings->events || settings->herd_events)
		bpf_map__set_max_entries(c->skel->maps.events, settings->events_bytes);
	if (!settings->chain)
		bpf_map__set_max_entries(c->skel->maps.wakers, 1);
	if (!settings->chain_fds)
		bpf_map__set_max_entries(c->skel->maps.fd_chains, 1);
	if (!c->hooks.herd)
		bpf_map__set_max_entries(c->skel->maps.herd, 1);
	if (!c->hooks.items)
		bpf_map__set_max_entries(c->skel->maps.items, 1);
	if (!c->hooks.herd && !c->hooks.items) {
		bpf_map__set_max_entries(c->skel->maps.files, 1);
		bpf_map__set_max_entries(c->skel->maps.epolls, 1);
	}
	ret = types_load(c->skel->skeleton);
	if (ret) {
		err_set(err, ret, "the kernel refused the programs: %s: %s", strerror(-ret),
			libbpf_said());
		goto err_free;
	}
	*collector = c;
	return 0;

err_free:
	collector_close(c);
	return ret;
}

int collector_scan_slice(struct collector *c, bool on, struct err *err)
{
	return c->settings.scans == SCANS_SAMPLE ? hooks_slice(&c->hooks, on, err) : 0;
}

/* What a snapshot has told as of a living thread. */
struct told_key {
	uint64_t thread_start_ns;
	uint32_t tid;
	uint32_t kind;
	uint32_t syscall;
	uint32_t pad;
};

struct told {
	UT_hash_handle hh;
	struct told_key key;
};

static struct told_key told_key(const struct record *r)
{
	struct told_key key = { r->thread_start_ns, r->tid, r->kind };

	if (r->kind == RECORD_WAIT)
		key.syscall = ((const struct wait_record *)r)->syscall;
	else if (r->kind == RECORD_OPEN)
		key.syscall = ((const struct open_record *)r)->syscall;
	return key;
}

static void on_living(const struct record *r, void *arg)
{
	struct collector *c = arg;
	struct told_key key = told_key(r);
	struct told *told;

	HASH_GET(c->told, key, key, told, );
	if (!told)
		c->failed = -ENOMEM;
	c->living(r, c->arg);
}

static void told_clear(struct collector *c)
{
	struct told *told, *next;

	HASH_ITER(hh, c->told, told, next) {
		HASH_DEL(c->told, told);
		free(told);
	}
}

/*
 * Has the snapshot that goes on told this already, as of what lives? It is what has come that
 * counts, and not what the iterator said: the kernel throws away all that it said of a task
 * when its buffer is full, and the task may end before it comes again.
 */
static bool is_told(const struct collector *c, const struct record *r)
{
	struct told_key key = told_key(r);
	struct told *told;

	/* Whether it did is not known: the next one does not, so that is sure. */
	if (r->kind == RECORD_FILE || r->kind == RECORD_ITEM)
		return true;
	HASH_FIND(hh, c->told, &key, sizeof(key), told);
	return told;
}

static int on_ring(void *arg, void *data, size_t size)
{
	struct collector *c = arg;
	const struct record *r = data;
	struct deferred *d;

	if (!c->snapshot || !is_told(c, r)) {
		c->ended(r, c->arg);
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
	while (!c->snapshot && c->deferred) {
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

static int on_event(void *arg, void *data, size_t size)
{
	struct collector *c = arg;

	(void)size;
	c->ended(data, c->arg);
	return 0;
}

int collector_events(struct collector *c, record_fn fn, void *arg, struct err *err)
{
	int ret;

	c->ended = fn;
	c->arg = arg;
	ret = ring_buffer__consume(c->events_ring);
	return ret < 0 ? err_set(err, ret, "the ring of events could not be read: %s",
				 strerror(-ret)) :
			 0;
}

struct reading {
	record_fn fn;
	void *arg;
};

static void on_record(const void *record, void *arg)
{
	const struct reading *reading = arg;

	reading->fn(record, reading->arg);
}

/* Runs an iterator over threads. */
static int iterate(struct bpf_program *prog, record_fn fn, void *arg, struct err *err)
{
	struct reading reading = { fn, arg };

	return iterator_read(prog, on_record, &reading, "the threads", err);
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
	c->events_ring = ring_buffer__new(bpf_map__fd(skel->maps.events), on_event, c, NULL);
	if (!c->events_ring)
		return err_set(err, -errno, "no ring of events: %s", strerror(errno));
	skel->links.thread_exit = bpf_program__attach(skel->progs.thread_exit);
	if (!skel->links.thread_exit)
		return err_set(err, -errno, "no hook on sched_process_exit: %s", strerror(errno));
	skel->links.thread_free = bpf_program__attach(skel->progs.thread_free);
	if (!skel->links.thread_free)
		return err_set(err, -errno, "no hook on sched_process_free: %s", strerror(errno));
	ret = hooks_attach(&c->hooks, err);
	if (ret)
		return ret;
	/* Now the window is open. */
	skel->bss->epoch = c->hooks.scan_functions ? 1 : 2;
	return iterate(skel->progs.seed, ignore, NULL, err);
}

int collector_threads_fd(const struct collector *c)
{
	return bpf_map__fd(c->skel->maps.threads);
}

int collector_follow(struct collector *c, pid_t pid, struct err *err)
{
	return filter_follow(bpf_map__fd(c->skel->maps.tree), pid, err);
}

struct row_reading {
	uint32_t kind;
	record_fn fn;
	void *arg;
};

static void on_row(const void *row, size_t size, void *arg)
{
	const struct row_reading *reading = arg;
	struct watch_record r = { .head = { .kind = reading->kind, .size = sizeof(r) } };

	memcpy(&r.file, row, size);
	reading->fn(&r.head, reading->arg);
}

static int tables_read(struct collector *c, record_fn fn, void *arg, struct err *err)
{
	struct row_reading files = { RECORD_FILE, fn, arg }, items = { RECORD_ITEM, fn, arg };
	struct row_reading herd = { RECORD_HERD, fn, arg };
	int ret = 0;

	if (c->hooks.herd || c->hooks.items)
		ret = table_read(c->skel->maps.files, on_row, &files, err);
	if (!ret && c->hooks.items)
		ret = table_read(c->skel->maps.items, on_row, &items, err);
	if (!ret && c->hooks.herd)
		ret = table_read(c->skel->maps.herd, on_row, &herd, err);
	return ret;
}

struct fd_chains {
	fd_chain_fn fn;
	void *arg;
};

static void on_fd_chain(const void *row, size_t size, void *arg)
{
	const struct fd_chains *chains = arg;

	(void)size;
	chains->fn(row, chains->arg);
}

int collector_fd_chains(struct collector *c, fd_chain_fn fn, void *arg, struct err *err)
{
	struct fd_chains chains = { fn, arg };

	return c->settings.chain_fds ? table_read(c->skel->maps.fd_chains, on_fd_chain, &chains, err) :
				       0;
}

struct epolls {
	epoll_fn fn;
	void *arg;
};

static void on_epoll(const void *row, size_t size, void *arg)
{
	const struct epolls *epolls = arg;

	(void)size;
	epolls->fn(row, epolls->arg);
}

int collector_epolls(struct collector *c, epoll_fn fn, void *arg, struct err *err)
{
	struct epolls epolls = { fn, arg };

	if (!c->hooks.herd && !c->hooks.items)
		return 0;
	return table_read(c->skel->maps.epolls, on_epoll, &epolls, err);
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
	c->skel->bss->threads_32bit = 0;
	c->living = fns->living;
	c->arg = arg;
	c->failed = 0;
	ret = iterate(c->skel->progs.snapshot_threads, on_living, c, err);
	if (!ret && c->settings.chain)
		ret = iterate(c->skel->progs.snapshot_chains, on_living, c, err);
	if (!ret && c->failed)
		ret = err_set(err, c->failed, "out of memory");
	if (!ret)
		ret = tables_read(c, fns->living, arg, err);
	/*
	 * Threads that ended before the iterator came to them are in the ring
	 * by now. Those that it had told as living wait for the next time.
	 */
	c->snapshot = true;
	if (!ret)
		ret = collector_drain(c, fns->ended, arg, err);
	c->snapshot = false;
	told_clear(c);
	return ret;
}

void collector_losses(struct collector *c, struct losses *losses)
{
	uint64_t values[c->hooks.kernel->cpus];
	struct bpf_program *prog;

	memset(losses, 0, sizeof(*losses));
	for (uint32_t i = 0; i < LOSS_NR; i++) {
		if (bpf_map_lookup_elem(bpf_map__fd(c->skel->maps.losses), &i, values))
			continue;
		for (int cpu = 0; cpu < c->hooks.kernel->cpus; cpu++)
			losses->count[i] += values[cpu];
	}
	losses->count[LOSS_NOT_FOLLOWED] = c->skel->bss->not_followed;
	/* What thread_exit misses, thread_free makes good. */
	bpf_object__for_each_program(prog, c->skel->obj)
		if (prog != c->skel->progs.thread_exit)
			losses->nested += program_misses(prog);
	losses->threads_32bit = c->skel->bss->threads_32bit;
}

int collector_wakers(struct collector *c, waker_fn fn, void *arg, struct err *err)
{
	int map = bpf_map__fd(c->skel->maps.wakers);
	struct waker_key key, *last = NULL;
	struct waker waker;

	while (!bpf_map_get_next_key(map, last, &key)) {
		if (!bpf_map_lookup_elem(map, &key, &waker)) {
			waker.comm[sizeof(waker.comm) - 1] = 0;
			fn(&key, &waker, arg);
		}
		last = &key;
	}
	return errno == ENOENT ? 0 : err_set(err, -errno, "the wakers cannot be read: %s",
					     strerror(errno));
}

void collector_waker_forget(struct collector *c, const struct waker_key *key)
{
	/* It may be gone: then there is nothing to do. */
	bpf_map_delete_elem(bpf_map__fd(c->skel->maps.wakers), key);
}

bool collector_has_herd(const struct collector *c)
{
	return c->hooks.herd;
}

bool collector_has_items(const struct collector *c)
{
	return c->hooks.items;
}

bool collector_has_served(const struct collector *c)
{
	return c->hooks.io;
}

int collector_scan_functions(const struct collector *c)
{
	return c->hooks.scan_functions;
}

void collector_detach(struct collector *c)
{
	if (c->skel && c->skel->bss)
		c->skel->bss->epoch = 0;
	hooks_detach(&c->hooks);
}

void collector_close(struct collector *c)
{
	if (!c)
		return;
	collector_detach(c);
	ring_buffer__free(c->ring);
	ring_buffer__free(c->events_ring);
	told_clear(c);
	while (c->deferred) {
		struct deferred *d = c->deferred;

		c->deferred = d->next;
		free(d);
	}
	hooks_close(&c->hooks);
	wait_bpf__destroy(c->skel);
	free(c);
}

int collector_bill(const struct kernel *kernel, uint32_t ring_bytes, uint32_t events_bytes,
		   struct map_bill *bill, int max)
{
	/* By their names in bpf/maps.h. */
	static const struct map_line lines[] = {
		{ "threads", "call and figures, a thread that waits", NULL },
		{ "row_", "figures, each further syscall of it", NULL },
		{ "ring", "rows of ended threads (ring)", NULL },
		{ "losses", "losses, a CPU", NULL },
		{ "wait_bpf.", "knobs", NULL },
		{ "tree", "mark of a followed command, a thread", "-- COMMAND" },
		{ "chains", "chains, a thread that waits", "--chain" },
		{ "turns", "turns, a thread that waits", "--chain" },
		{ "serves", "what was served, a thread that waits", "--chain" },
		{ "wakers", "who woke whom", "--chain" },
		{ "fd_chains", "chains, by fd", "--chain-fds" },
		{ "wakes", "the wake that it is in, a CPU", "--chain, --herd, --items" },
		{ "files", "files", "--herd, --items" },
		{ "epolls", "epolls", "--herd, --items" },
		{ "herd", "threads woken for one file", "--herd" },
		{ "items", "epoll items", "--items" },
		{ "events", "events that are told", "trace" },
	};
	struct wait_bpf *skel;
	int n;

	libbpf_listen();
	skel = wait_bpf__open();
	if (!skel)
		return -errno;
	bpf_map__set_max_entries(skel->maps.ring, ring_bytes);
	bpf_map__set_max_entries(skel->maps.events, events_bytes);
	n = maps_bill(skel->obj, lines, sizeof(lines) / sizeof(lines[0]), kernel->cpus, bill, max);
	wait_bpf__destroy(skel);
	return n;
}
