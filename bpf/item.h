/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * item.h - the items of an epoll: what brings them to be asked, and what they answer.
 * An item is known by the addresses of its epoll and its file: the same file under
 * two fds in one epoll is one item here.
 */
#ifndef IOREADY_ITEM_H
#define IOREADY_ITEM_H

#include "family.h"
#include "file.h"

#define EPOLL_CTL_ADD 1

/*
 * The epoll behind a fd of the current task, which its call is about; wakers know it
 * by this. Returns its address, 0 if the fd is no epoll.
 */
__noinline u64 epoll_note(u32 epfd)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct file *file = (struct file *)file_of_fd(task, epfd);
	struct eventpoll *ep = (struct eventpoll *)BPF_CORE_READ(file, private_data);
	struct epoll_row new = { .tgid = task->tgid, .epfd = epfd };
	u64 address = (u64)ep;

	if (!file || !ep || BPF_CORE_READ(ep, file) != file)
		return 0;
	if (!bpf_map_lookup_elem(&epolls, &address)) {
		new.start_ns = task->group_leader->start_boottime;
		if (bpf_map_update_elem(&epolls, &address, &new, BPF_NOEXIST) &&
		    !bpf_map_lookup_elem(&epolls, &address))
			lose(LOSS_FILES, 1);
	}
	return address;
}

/* Nobody has the epoll any more. */
static __always_inline int epoll_forget(struct file *file)
{
	u64 address = (u64)BPF_CORE_READ(file, private_data);

	bpf_map_delete_elem(&epolls, &address);
	return 0;
}

/* Makes a row for an item whose epoll is known; nothing if it has one. */
__noinline int item_note(u64 epoll, u64 file, s32 fd, u32 events)
{
	struct item_key key = { epoll, file };
	struct epoll_row *by = bpf_map_lookup_elem(&epolls, &epoll);
	struct item_row *row, new = {
		.fd = fd, .events = events,
		/* What was before is not known: its first scan is no re-poll. */
		.fresh = 1,
	};
	struct file_row *f;

	if (!by)
		return 0;
	file_note(file, by->start_ns, by->tgid, fd);
	f = bpf_map_lookup_elem(&files, &file);
	if (!f)
		return 0;
	new.file_id = f->id;
	row = bpf_map_lookup_elem(&items, &key);
	/* An epoll's address may be another's by now, as a file's. */
	if (row && row->file_id == new.file_id && row->fd == fd && row->epfd == by->epfd &&
	    row->tgid == by->tgid && row->start_ns == by->start_ns)
		return 0;
	if (row) {
		struct watch_record *r = watch_tell(RECORD_ITEM);

		if (r) {
			__builtin_memcpy(&r->item, row, sizeof(r->item));
			bpf_ringbuf_submit(r, BPF_RB_NO_WAKEUP);
		}
	}
	new.start_ns = by->start_ns;
	new.tgid = by->tgid;
	new.epfd = by->epfd;
	new.touched = f->touched;
	if (bpf_map_update_elem(&items, &key, &new, row ? BPF_ANY : BPF_NOEXIST) &&
	    !bpf_map_lookup_elem(&items, &key))
		lose(LOSS_FILES, 1);
	return 0;
}

static __always_inline struct item_row *item_get(struct item_key *key, struct epitem *epi)
{
	struct item_row *row = bpf_map_lookup_elem(&items, key);

	if (!row) {
		item_note(key->epoll, key->file, BPF_CORE_READ(epi, ffd.fd),
			  BPF_CORE_READ(epi, event.events));
		row = bpf_map_lookup_elem(&items, key);
	}
	return row;
}

/* The file of an item has become ready. */
static __always_inline void item_notify(u64 epoll, u64 file, struct epitem *epi)
{
	struct item_key key = { epoll, file };
	struct item_row *row;

	if (!bpf_map_lookup_elem(&epolls, &epoll))
		return;
	row = item_get(&key, epi);
	if (!row)
		return;
	row->fresh = 1;
	__sync_fetch_and_add(&row->notified, 1);
}

/* The current thread's call asks an item whether it is ready; it holds the epoll's mutex. */
static __always_inline int item_ask(struct epitem *epi)
{
	struct thread *t;
	struct item_key key;
	struct item_row *row;
	u32 s;

	t = bpf_task_storage_get(&threads, bpf_get_current_task_btf(), 0, 0);
	if (!t || !t->call.open)
		return 0;
	key.epoll = (u64)BPF_CORE_READ(epi, ep);
	/* An epoll in the epoll that is waited on asks its own items: no scan of ours. */
	if (!key.epoll || key.epoll != t->epoll) {
		t->item_inner++;
		return 0;
	}
	/* The return of the last one was missed: the kernel has room for a few at once. */
	if (t->item.file)
		lose(LOSS_FILES, 1);
	t->item.file = 0;
	t->item_inner = 0;
	key.file = (u64)BPF_CORE_READ(epi, ffd.file);
	s = t->call.open - 1;
	if (s == WAIT_epoll_ctl) {
		/* A new item may have the addresses of one that is gone. */
		if (t->call.nfds == EPOLL_CTL_ADD)
			item_note(key.epoll, key.file, BPF_CORE_READ(epi, ffd.fd),
				  BPF_CORE_READ(epi, event.events));
		row = item_get(&key, epi);
		if (!row)
			return 0;
		row->events = BPF_CORE_READ(epi, event.events);
		row->fresh = 1;
		row->changes++;
		return 0;
	}
	if (!is_epoll_wait(s))
		return 0;
	row = item_get(&key, epi);
	if (!row)
		return 0;
	t->item_repoll = !row->fresh;
	row->fresh = 0;
	row->scans++;
	row->repolls += t->item_repoll;
	t->item = key;
	return 0;
}

/* And this is its answer. */
static __always_inline int item_answer(u32 ready)
{
	struct file_row *file;
	struct item_row *row;
	struct thread *t;

	t = bpf_task_storage_get(&threads, bpf_get_current_task_btf(), 0, 0);
	if (!t || !t->call.open)
		return 0;
	if (t->item_inner) {
		t->item_inner--;
		return 0;
	}
	if (!t->item.file)
		return 0;
	row = bpf_map_lookup_elem(&items, &t->item);
	file = bpf_map_lookup_elem(&files, &t->item.file);
	t->item.file = 0;
	if (!row)
		return 0;
	if (!ready) {
		row->stale += t->item_repoll;
		return 0;
	}
	if (file) {
		row->unserved += row->reported && file->touched == row->touched;
		row->touched = file->touched;
	}
	row->reported++;
	return 0;
}

#endif /* IOREADY_ITEM_H */
