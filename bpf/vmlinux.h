/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The few kernel types that the programs read, with the few fields they read.
 *
 * Every struct but those at the end is relocated by field name against the kernel's BTF
 * (CO-RE), so neither the order nor the absence of the other fields matters;
 * what matters is that the names exist. The guests of `make check` load every
 * program on every kernel of the matrix and so hold this file to the truth.
 */
#ifndef IOREADY_VMLINUX_H
#define IOREADY_VMLINUX_H
/* By this, libbpf's headers know that registers have the kernel's own names. */
#define __VMLINUX_H__

#include <linux/types.h>
#include <linux/bpf.h>

typedef __u8 u8;
typedef __u16 u16;
typedef __s16 s16;
typedef __s32 s32;
typedef __u32 u32;
typedef __s64 s64;
typedef __u64 u64;
typedef _Bool bool;

#define true 1
#define false 0
#define NULL ((void *)0)

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

#if defined(__TARGET_ARCH_x86)
struct pt_regs {
	unsigned long di, si, dx, cx, r10, r8, ax, orig_ax;
};
#elif defined(__TARGET_ARCH_arm64)
struct user_pt_regs {
	__u64 regs[31];
};
struct pt_regs {
	struct user_pt_regs user_regs;
	s32 syscallno;
};
#endif

struct thread_info {
	unsigned long flags;
};

struct file;

struct fdtable {
	unsigned int max_fds;
	struct file **fd;
};

struct files_struct {
	struct fdtable *fdt;
};

struct kernfs_node {
	u64 id;
};

struct cgroup;

struct cgroup_subsys_state {
	struct cgroup *cgroup;
	struct cgroup_subsys_state *parent;
};

struct cgroup {
	struct cgroup_subsys_state self;
	struct kernfs_node *kn;
};

struct css_set {
	struct cgroup_subsys_state *subsys[16];
	struct cgroup *dfl_cgrp;
};

/* Only the poll() branch of the union; its names are unique in the struct. */
struct pollfd;
struct restart_block {
	struct {
		struct pollfd *ufds;
		int nfds;
	} poll;
};

struct task_struct {
	struct thread_info thread_info;
	unsigned int __state;
	unsigned long nvcsw;
	unsigned long nivcsw;
	int pid;
	int tgid;
	u64 start_boottime;
	char comm[16];
	struct task_struct *group_leader;
	struct task_struct *real_parent;
	struct files_struct *files;
	struct css_set *cgroups;
	struct restart_block restart_block;
	void *bpf_storage;
	void *bpf_ctx;
};

/* From 6.2 to 6.14; see chain.h. */
struct pcpu_hot {
	int preempt_count;
};

struct kprobe {};

/* What a kprobe.session program runs in (6.10). */
struct bpf_session_run_ctx {
	bool is_return;
};

struct seq_file;

/* --- files, for bpf/files.bpf.c ------------------------------------------- */

struct list_head {
	struct list_head *next;
};

struct hlist_node {
	struct hlist_node *next;
};

struct hlist_head {
	struct hlist_node *first;
};

struct super_block {
	unsigned int s_dev;
};

struct pipe_buffer {
	unsigned int offset;
	unsigned int len;
};

struct pipe_inode_info {
	unsigned int head;
	unsigned int tail;
	unsigned int ring_size;
	struct pipe_buffer *bufs;
};

struct inode {
	u16 i_mode;
	unsigned long i_ino;
	struct super_block *i_sb;
	struct pipe_inode_info *i_pipe;
};

struct file_operations {
	void *poll;
};

struct qstr {
	const unsigned char *name;
};

struct dentry {
	struct qstr d_name;
};

struct path {
	struct dentry *dentry;
};

struct file {
	const struct file_operations *f_op;
	struct inode *f_inode;
	struct path f_path;
	void *private_data;
	struct hlist_head *f_ep;
};

/* Packed, so that its fd stands where the kernel's does. */
struct epoll_filefd {
	struct file *file;
	int fd;
} __attribute__((packed));

struct eventpoll {
	struct file *file;
};

/* Its name is the ABI's, its fields are what counts. */
struct epoll_event {
	u32 events;
};

struct epitem {
	struct list_head rdllink;
	struct epoll_filefd ffd;
	struct eventpoll *ep;
	struct hlist_node fllink;
	struct epoll_event event;
};

struct wait_queue_head;

struct wait_queue_entry {
	void *private;
};

/* What epoll and what select and poll leave on the wait queue of a file. */
struct eppoll_entry {
	struct epitem *base;
	struct wait_queue_entry wait;
	struct wait_queue_head *whead;
};

struct poll_table_entry {
	struct file *filp;
	u32 key;
	struct wait_queue_entry wait;
	struct wait_queue_head *wait_address;
};

struct poll_wqueues {
	struct task_struct *polling_task;
};

/* Where an item is queued while the ready list is being handed out. */
struct epitem___next {
	struct epitem *next;
};

struct epitem___ovflist {
	struct epitem *ovflist_next;
};

struct in6_addr {
	u8 in6_u[16];
};

struct ns_common {
	unsigned int inum;
};

struct net {
	u64 net_cookie;
	struct ns_common ns;
};

typedef struct {
	struct net *net;
} possible_net_t;

typedef struct {
	s64 counter;
} atomic64_t;

struct hlist_nulls_node {
	struct hlist_nulls_node **pprev;
};

struct sock_common {
	u16 skc_family;
	u8 skc_state;
	u16 skc_num;
	u16 skc_dport;
	u32 skc_daddr;
	u32 skc_rcv_saddr;
	struct in6_addr skc_v6_daddr;
	struct in6_addr skc_v6_rcv_saddr;
	possible_net_t skc_net;
	atomic64_t skc_cookie;
	struct hlist_nulls_node skc_nulls_node;
	unsigned long skc_flags;
};

struct net_device {
	possible_net_t nd_net;
};

typedef struct {
	int counter;
} atomic_t;

struct refcount_struct {
	atomic_t refs;
};

struct sk_buff {
	struct sk_buff *next;
	struct net_device *dev;
	unsigned int len;
	char cb[48];
	u16 transport_header;
	unsigned char *head;
	struct refcount_struct users;
};

struct udp_sock {
	__u8 encap_type;
};

/* Numbers differ between kernels: what is asked for is the running kernel's. */
enum skb_drop_reason {
	SKB_DROP_REASON_UDP_CSUM = 1,
	SKB_DROP_REASON_PROTO_MEM,
	SKB_DROP_REASON_SOCKET_RCVBUFF,
};

struct unix_skb_parms {
	u32 consumed;
};

struct sk_buff_head {
	struct sk_buff *next;
	u32 qlen;
};

/* UDP's, since 6.18. */
struct numa_drop_counters {
	atomic_t drops0;
	atomic_t drops1;
};

struct socket;
struct sk_filter;

struct sock {
	struct sock_common __sk_common;
	u16 sk_protocol;
	u32 sk_ack_backlog;
	u32 sk_max_ack_backlog;
	struct sk_buff_head sk_receive_queue;
	struct {
		atomic_t rmem_alloc;
	} sk_backlog;
	struct refcount_struct sk_wmem_alloc;
	int sk_err;
	u8 sk_shutdown;
	atomic_t sk_drops;
	struct numa_drop_counters *sk_drop_counters;
	struct sk_filter *sk_filter;
	struct socket *sk_socket;
};

struct socket {
	short type;
	struct file *file;
	struct sock *sk;
};

struct request_sock_queue {
	struct request_sock *rskq_accept_head;
};

struct inet_connection_sock {
	struct request_sock_queue icsk_accept_queue;
};

struct request_sock {
	struct sock_common __req_common;
};

struct tcp_request_sock {
	u32 snt_isn;
	u64 snt_synack;
};

struct inet_sock {
	u16 inet_sport;
};

struct timer_list {};

struct inet_timewait_sock {
	struct sock_common __tw_common;
	volatile unsigned char tw_substate;
	struct timer_list tw_timer;
};

struct rb_node;

struct rb_root {
	struct rb_node *rb_node;
};

struct tcp_sock {
	struct rb_root out_of_order_queue;
	u64 bytes_acked;
	u64 bytes_received;
	u32 total_retrans;
	u32 srtt_us;
	bool is_mptcp;
	u8 syn_data : 1;
	u8 syn_fastopen : 1;
	u8 syn_fastopen_child : 1;
	u8 syn_data_acked : 1;
	u32 rcv_nxt;
	u32 copied_seq;
	u32 write_seq;
	u32 snd_una;
	u32 snd_wnd;
	u32 rcv_wnd;
	int linger2;
};

struct mptcp_sock {
	struct sock *first;
};

struct sockaddr_un {
	u16 sun_family;
	char sun_path[108];
};

struct unix_address {
	int len;
	struct sockaddr_un name[];
};

struct unix_sock {
	struct unix_address *addr;
	struct sock *peer;
};

#pragma clang attribute pop

/*
 * What iterators are passed, which BPF does not change (kernel/bpf/task_iter.c). Relocated,
 * each would cost a search of all types of the kernel.
 */
struct bpf_iter_meta {
	struct seq_file *seq;
};

struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
};

struct bpf_iter__task_file {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	u32 fd;
	struct file *file;
};

/* The per-syscall tracepoints' records, as their `format` files give them. */
struct sys_enter_record {
	u64 common;
	s32 nr;
	u32 pad;
	u64 args[6];
};

struct sys_exit_record {
	u64 common;
	s32 nr;
	u32 pad;
	s64 ret;
};

#endif /* IOREADY_VMLINUX_H */
