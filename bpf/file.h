/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * file.h - files that are waited for: their rows, by the address of the kernel's
 * struct file. It outlives no file: what was counted for one is told before its
 * address may be another's.
 */
#ifndef IOREADY_FILE_H
#define IOREADY_FILE_H

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>

#include "filter.h"
#include "maps.h"

/* The file of one of a task's fds, or 0. */
static __always_inline u64 file_of_fd(struct task_struct *task, u32 fd)
{
	struct fdtable *fdt = task->files->fdt;
	u64 file = 0;

	if (fd < fdt->max_fds)
		bpf_probe_read_kernel(&file, sizeof(file), fdt->fd + fd);
	return file;
}

/* Names files: see &file_row.id. */
__u64 file_ids;

/* The last word of a file or an item. */
static __always_inline struct watch_record *watch_tell(u32 kind)
{
	struct watch_record *r = bpf_ringbuf_reserve(&ring, sizeof(*r), 0);

	if (!r) {
		lose(LOSS_FILES, 1);
		return NULL;
	}
	__builtin_memset(&r->head, 0, sizeof(r->head));
	r->head.kind = kind;
	r->head.size = sizeof(*r);
	return r;
}

static __always_inline void file_tell(const struct file_row *row)
{
	struct watch_record *r = watch_tell(RECORD_FILE);

	if (!r)
		return;
	__builtin_memset(&r->item, 0, sizeof(r->item));
	__builtin_memcpy(&r->file, row, sizeof(r->file));
	bpf_ringbuf_submit(r, BPF_RB_NO_WAKEUP);
}

#define S_IFMT 0170000
#define S_IFSOCK 0140000
#define AF_INET 2
#define AF_INET6 10

/* What a person knows the file by. */
static __always_inline void file_name(struct file_row *row, struct file *file)
{
	struct socket *socket;
	struct sock *sk;

	bpf_probe_read_kernel_str(row->name, sizeof(row->name),
				  BPF_CORE_READ(file, f_path.dentry, d_name.name));
	if ((row->mode & S_IFMT) != S_IFSOCK)
		return;
	socket = BPF_CORE_READ(file, private_data);
	sk = BPF_CORE_READ(socket, sk);
	row->family = BPF_CORE_READ(sk, __sk_common.skc_family);
	row->state = BPF_CORE_READ(sk, __sk_common.skc_state);
	row->protocol = BPF_CORE_READ(sk, sk_protocol);
	if (row->family == AF_INET) {
		BPF_CORE_READ_INTO((u32 *)row->local, sk, __sk_common.skc_rcv_saddr);
		BPF_CORE_READ_INTO((u32 *)row->remote, sk, __sk_common.skc_daddr);
	} else if (row->family == AF_INET6) {
		BPF_CORE_READ_INTO(&row->local, sk, __sk_common.skc_v6_rcv_saddr);
		BPF_CORE_READ_INTO(&row->remote, sk, __sk_common.skc_v6_daddr);
	} else {
		return;
	}
	row->local_port = BPF_CORE_READ(sk, __sk_common.skc_num);
	row->remote_port = bpf_ntohs(BPF_CORE_READ(sk, __sk_common.skc_dport));
}

/*
 * Makes a row for a file that is met in a process, as a fd of it (or -1); nothing if
 * it has one. Global, as item_note() and epoll_note(), so that the verifier looks
 * at it once.
 */
__noinline int file_note(u64 address, u64 start_ns, u32 tgid, s32 fd)
{
	struct file *file = (struct file *)address;
	struct file_row *row = bpf_map_lookup_elem(&files, &address), new = {
		.start_ns = start_ns, .tgid = tgid, .fd = fd,
	};

	new.ino = BPF_CORE_READ(file, f_inode, i_ino);
	if (row && row->ino == new.ino) {
		/* Only select or poll knew it until now. */
		if (row->fd < 0 && fd >= 0) {
			row->fd = fd;
			row->tgid = tgid;
			row->start_ns = start_ns;
		}
		return 0;
	}
	if (row)
		file_tell(row);
	new.dev = BPF_CORE_READ(file, f_inode, i_sb, s_dev);
	new.mode = BPF_CORE_READ(file, f_inode, i_mode);
	file_name(&new, file);
	new.id = __sync_fetch_and_add(&file_ids, 1) + 1;
	/* Another CPU may be quicker with a new one. */
	if (bpf_map_update_elem(&files, &address, &new, row ? BPF_ANY : BPF_NOEXIST) &&
	    !bpf_map_lookup_elem(&files, &address))
		lose(LOSS_FILES, 1);
	return 0;
}

/* Nobody has the file any more. */
static __always_inline int file_forget(u64 address)
{
	struct file_row *row = bpf_map_lookup_elem(&files, &address);

	if (row) {
		file_tell(row);
		bpf_map_delete_elem(&files, &address);
	}
	return 0;
}

#endif /* IOREADY_FILE_H */
