/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * herd.h - the wake that a CPU is in: which file became ready, and whom that woke.
 *
 * A waker holds the lock of the file's wait queue, with interrupts off, and calls
 * what waiters have left there one after the other: select's and poll's pollwake(),
 * epoll's ep_poll_callback(). So what a CPU is in stays the same until its end, and
 * needs no key.
 *
 * One readiness event is one such walk. That it is over is seen at the return of
 * __wake_up_common(), which makes it; and, where a driver walks its queue itself, at
 * the first waiter that comes again.
 */
#ifndef IOREADY_HERD_H
#define IOREADY_HERD_H

#include "item.h"
#include "record.h"

static __always_inline struct wake *wake_here(void)
{
	u32 zero = 0;

	return bpf_map_lookup_elem(&wakes, &zero);
}

/*
 * The thread's own row; the first that a file wakes has none, but the file's name it. @lost: set
 * if it should have one, and there is no room.
 */
static __always_inline struct herd_row *herd_member(struct task_struct *task,
						    struct file_row *file, bool *lost)
{
	u64 start_ns = task->start_boottime, first;
	struct herd_key key = { file->id, start_ns };
	struct herd_row *row, new = {};

	first = __sync_val_compare_and_swap(&file->first_thread_start_ns, 0, start_ns);
	if (!first) {
		file->first_start_ns = task->group_leader->start_boottime;
		file->first_tgid = task->tgid;
		file->first_tid = task->pid;
		bpf_probe_read_kernel(file->first_comm, sizeof(file->first_comm),
				      task->group_leader->comm);
	}
	if (!first || first == start_ns)
		return NULL;
	row = bpf_map_lookup_elem(&herd, &key);
	if (!row) {
		file->others = 1;
		new.file_id = file->id;
		new.thread_start_ns = start_ns;
		new.start_ns = task->group_leader->start_boottime;
		new.tgid = task->tgid;
		new.tid = task->pid;
		bpf_probe_read_kernel(new.comm, sizeof(new.comm), task->group_leader->comm);
		bpf_map_update_elem(&herd, &key, &new, BPF_NOEXIST);
		row = bpf_map_lookup_elem(&herd, &key);
		*lost = !row;
	}
	return row;
}

/* What came of waking @task for a file; nothing if none is known. */
static __always_inline void herd_count(struct task_struct *task, const struct cause *cause,
				       enum herd_figure figure)
{
	u64 address = cause->event_file;
	struct file_row *file;
	struct herd_row *row;
	bool lost = false;

	if (!cause->event_id)
		return;
	file = bpf_map_lookup_elem(&files, &address);
	if (!file || file->id != cause->event_id) {
		/* It was closed while the thread was on its way. */
		lose(LOSS_FILES, 1);
		return;
	}
	if (figure >= HERD_NR)
		return;
	row = herd_member(task, file, &lost);
	/* What the file has more than its members is the first one's. */
	if (lost) {
		lose(LOSS_FILES, 1);
		return;
	}
	__sync_fetch_and_add(&file->herd[figure], 1);
	if (row)
		__sync_fetch_and_add(&row->herd[figure], 1);
}

/* The readiness event that this CPU counted for is over. */
static __always_inline void herd_close(struct wake *w)
{
	struct woken_record *r;
	struct file_row *file;

	if (!w->queue)
		return;
	w->queue = 0;
	if (!herd_told || w->woken < 2)
		return;
	file = bpf_map_lookup_elem(&files, &w->event_file);
	r = bpf_ringbuf_reserve(&events, sizeof(*r), 0);
	if (!r) {
		lose(LOSS_EVENTS, 1);
		return;
	}
	record_fill(&r->head, bpf_get_current_task_btf(), RECORD_WOKEN, sizeof(*r));
	r->ready_ns = w->event_ns;
	/* If the end of the walk was not seen, the address may be another's by now. */
	if (file && file->id == w->id) {
		__builtin_memcpy(&r->file, file, sizeof(r->file));
	} else {
		__builtin_memset(&r->file, 0, sizeof(r->file));
		r->file.fd = -1;
	}
	r->woken = w->woken;
	r->context = w->context;
	__builtin_memcpy(r->tids, w->tids, sizeof(r->tids));
	bpf_ringbuf_submit(r, BPF_RB_NO_WAKEUP);
}

/*
 * A waiter of the run is called: by which event? @by tells where the file was seen.
 * Of an epoll in an epoll only the first that the run knows counts.
 */
static __always_inline void herd_event(struct wake *w, u64 queue, u64 waiter, u64 address,
				       s32 fd, const struct epoll_row *by)
{
	struct file_row *file;

	if (w->counts)
		return;
	if (w->queue != queue || w->first == waiter) {
		herd_close(w);
		file_note(address, by->start_ns, by->tgid, fd);
		file = bpf_map_lookup_elem(&files, &address);
		if (!file)
			return;
		__sync_fetch_and_add(&file->events, 1);
		w->queue = queue;
		w->first = waiter;
		w->event_file = address;
		w->event_ns = w->ready_ns;
		w->id = file->id;
		w->woken = 0;
		__builtin_memset(w->tids, 0, sizeof(w->tids));
	}
	w->counts = 1;
}

/* include/uapi/linux/eventpoll.h: WAKEUP, ONESHOT, ET, EXCLUSIVE. */
#define EP_PRIVATE_BITS 0xf0000000U

/* epoll's callback; it does nothing for what the item did not ask for. */
static __always_inline void item_wake(struct wake *w, u64 entry, u32 key)
{
	struct eppoll_entry *e = NULL;
	struct epitem *epi;
	struct epoll_row *by;
	u64 ep, file;
	u32 asked;
	s32 fd;

	e = (void *)entry - bpf_core_field_offset(e->wait);
	epi = BPF_CORE_READ(e, base);
	asked = BPF_CORE_READ(epi, event.events);
	if (!(asked & ~EP_PRIVATE_BITS) || (key && !(key & asked)))
		return;
	file = (u64)BPF_CORE_READ(epi, ffd.file);
	fd = BPF_CORE_READ(epi, ffd.fd);
	if (!w->file)
		w->file = file;
	/* Of an epoll within another: what wakes the thread is the fd in the outer one. */
	w->fd = fd;
	if (!herd_on && !items_on)
		return;
	ep = (u64)BPF_CORE_READ(epi, ep);
	if (items_on)
		item_notify(ep, file, epi);
	if (!herd_on)
		return;
	by = bpf_map_lookup_elem(&epolls, &ep);
	if (by)
		herd_event(w, (u64)BPF_CORE_READ(e, whead), entry, file, fd, by);
}

/* select's and poll's; likewise. */
static __always_inline void poll_wake(struct wake *w, u64 entry, u32 key)
{
	struct poll_table_entry *p = NULL;
	struct poll_wqueues *pwq;
	struct task_struct *task;
	struct epoll_row by = { .epfd = -1 };
	u64 file;

	p = (void *)entry - bpf_core_field_offset(p->wait);
	if (key && !(key & BPF_CORE_READ(p, key)))
		return;
	file = (u64)BPF_CORE_READ(p, filp);
	if (!w->file)
		w->file = file;
	w->fd = -1;
	if (!herd_on)
		return;
	pwq = BPF_CORE_READ(p, wait.private);
	task = BPF_CORE_READ(pwq, polling_task);
	/* Who is not in the run has no storage. */
	if (!BPF_CORE_READ(task, bpf_storage))
		return;
	by.tgid = BPF_CORE_READ(task, tgid);
	by.start_ns = BPF_CORE_READ(task, group_leader, start_boottime);
	herd_event(w, (u64)BPF_CORE_READ(p, wait_address), entry, file, -1, &by);
}

/* No wake takes as long: if one seems to, the hook on its end was skipped. */
#define WAKE_NS_MAX 100000000

/* A waiter's function is called: @entry is what the waiter left, @key what it is told. */
static __always_inline int wake_begin(const bool is_epoll, u64 entry, u64 key)
{
	struct wake *w = wake_here();
	u64 now = bpf_ktime_get_ns();

	if (!w)
		return 0;
	if (!w->depth || now - w->ready_ns > WAKE_NS_MAX) {
		w->depth = 0;
		w->ready_ns = now;
		w->file = 0;
		w->fd = -1;
		w->counts = 0;
	}
	w->depth++;
	if (is_epoll)
		item_wake(w, entry, key);
	else
		poll_wake(w, entry, key);
	return 0;
}

static __always_inline int wake_end(void)
{
	struct wake *w = wake_here();

	/* It may have begun before the hook on its begin was there. */
	if (w && w->depth)
		w->depth--;
	return 0;
}

/* A walk over a wait queue is over; if within a waiter's function, it was another's. */
static __always_inline int walk_end(void)
{
	struct wake *w = wake_here();

	if (w && w->queue && !w->depth)
		herd_close(w);
	return 0;
}

#endif /* IOREADY_HERD_H */
