// SPDX-License-Identifier: GPL-2.0-only
/*
 * wait.bpf.c - the wait family: calls, what they watch, sleep and return.
 *
 * What is done at each point of a call is in call.h. What differs between the
 * tiers is only which hook gets there:
 *
 *	call	fentry/fexit or kprobe.session on the syscall's function, or its
 *		two tracepoints
 *	sleep	fentry/fexit on schedule_hrtimeout_range(), or sched_switch
 *	scan	kprobe.multi or kprobes on every ->poll(), or none
 *	wake	sched_waking, and fentry/fexit or kprobes on who wakes
 *	io	fexit on what reads, writes and accepts, or the tracepoints of that
 *	item	kprobes on what asks an epoll item
 *
 * The last three only if asked for.
 *
 * LOCKING: there is none. A thread's storage is written by the thread itself,
 * in a syscall or (sched_switch) with its own switching as the order. Two
 * exceptions are settled by one atomic word each: the seeding iterator opens a
 * call by cmpxchg on call.open, and who tells a last word takes wait_row.told. A
 * third is settled by the sleep itself: a waker writes ready_ns and woken_ns of a
 * thread that sleeps, once, and the thread reads them after it was woken.
 * A snapshot reads rows while they grow: each field is right as of some moment
 * within the read, and exact once the hooks are gone.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>
#include "call.h"

char LICENSE[] SEC("license") = "GPL";

#define TASK_INTERRUPTIBLE 1	/* include/linux/sched.h */
#define TIF_ADDR32 (1UL << 29)	/* arch/x86/include/asm/thread_info.h */

/* --- call hooks: fentry/fexit ---------------------------------------------- */

#if defined(__TARGET_ARCH_x86)
#define SYSCALL(name) "__x64_sys_" #name
#define ARG0(regs) ((regs)->di)
#define ARG1(regs) ((regs)->si)
#define ARG2(regs) ((regs)->dx)
#define ARG3(regs) ((regs)->r10)
#define FUNCTION_ARG3(regs) ((regs)->cx)
#define RET(regs) ((regs)->ax)
#elif defined(__TARGET_ARCH_arm64)
#define SYSCALL(name) "__arm64_sys_" #name
#define ARG0(regs) ((regs)->user_regs.regs[0])
#define ARG1(regs) ((regs)->user_regs.regs[1])
#define ARG2(regs) ((regs)->user_regs.regs[2])
#define ARG3(regs) ((regs)->user_regs.regs[3])
#define FUNCTION_ARG3(regs) ARG3(regs)
#define RET(regs) ((regs)->user_regs.regs[0])
#endif

#define X(name, mechanism)						\
	SEC("fentry/" SYSCALL(name))					\
	int BPF_PROG(fentry_##name, struct pt_regs *regs)		\
	{								\
		wait_enter(WAIT_##name, ARG0(regs), ARG1(regs),		\
			   ARG2(regs), ARG3(regs));			\
		return 0;						\
	}								\
	SEC("fexit/" SYSCALL(name))					\
	int BPF_PROG(fexit_##name, struct pt_regs *regs, long ret)	\
	{								\
		return wait_return(WAIT_##name, ret);			\
	}
WAIT_FAMILY(X)
#undef X

SEC("fentry/do_restart_poll")
int BPF_PROG(fentry_restart)
{
	return poll_restart_enter();
}

SEC("fexit/do_restart_poll")
int BPF_PROG(fexit_restart, void *restart_block, long ret)
{
	return poll_restart_return(ret);
}

/* --- call hooks: kprobe.session -------------------------------------------- */

/*
 * The kernel runs these with preemption off, so that it never has to skip one.
 * A program runs at entry and, if it says 0 there, at return.
 */
extern void *bpf_rdonly_cast(const void *obj, u32 btf_id) __ksym __weak;

/* bpf_session_is_return() has another prototype in 7.x than before. */
static __always_inline bool session_returns(void)
{
	struct bpf_session_run_ctx *run;

	run = bpf_rdonly_cast(bpf_get_current_task_btf()->bpf_ctx,
			      bpf_core_type_id_kernel(struct bpf_session_run_ctx));
	return run->is_return;
}

#define X(name, mechanism)						\
	SEC("kprobe.multi")						\
	int session_##name(struct pt_regs *ctx)				\
	{								\
		struct pt_regs *regs;					\
									\
		if (session_returns())					\
			return wait_return(WAIT_##name, RET(ctx));	\
		regs = bpf_rdonly_cast((void *)ARG0(ctx),		\
				       bpf_core_type_id_kernel(struct pt_regs)); \
		return !wait_enter(WAIT_##name, ARG0(regs), ARG1(regs),	\
				   ARG2(regs), ARG3(regs));		\
	}
WAIT_FAMILY(X)
#undef X

SEC("kprobe.multi")
int session_restart(struct pt_regs *ctx)
{
	return session_returns() ? poll_restart_return(RET(ctx)) : poll_restart_enter();
}

/* --- call hooks: the per-syscall tracepoints ------------------------------- */

#define X(name, mechanism)						\
	SEC("tracepoint")						\
	int enter_##name(struct sys_enter_record *ctx)			\
	{								\
		wait_enter(WAIT_##name, ctx->args[0], ctx->args[1],	\
			   ctx->args[2], ctx->args[3]);			\
		return 0;						\
	}								\
	SEC("tracepoint")						\
	int exit_##name(struct sys_exit_record *ctx)			\
	{								\
		return wait_return(WAIT_##name, ctx->ret);		\
	}
WAIT_FAMILY(X)
#undef X

SEC("tracepoint")
int enter_restart_syscall(struct sys_enter_record *ctx)
{
	return poll_restart_enter();
}

SEC("tracepoint")
int exit_restart_syscall(struct sys_exit_record *ctx)
{
	return poll_restart_return(ctx->ret);
}

/* --- sleep hooks ----------------------------------------------------------- */

SEC("fentry/schedule_hrtimeout_range")
int BPF_PROG(fentry_sleep)
{
	struct thread *t;

	t = bpf_task_storage_get(&threads, bpf_get_current_task_btf(), 0, 0);
	if (t && t->call.open)
		sleep_begin(t, bpf_ktime_get_ns());
	return 0;
}

SEC("fexit/schedule_hrtimeout_range")
int BPF_PROG(fexit_sleep)
{
	struct thread *t;

	t = bpf_task_storage_get(&threads, bpf_get_current_task_btf(), 0, 0);
	if (t && t->call.slept_ns)
		sleep_end(&t->call, bpf_ktime_get_ns());
	return 0;
}

/*
 * Of the sleeps in a call only the interruptible ones are its waiting; waiting
 * for a mutex or for a page is not.
 */
SEC("tp_btf/sched_switch")
int BPF_PROG(switch_sleep, bool preempt, struct task_struct *prev, struct task_struct *next)
{
	struct thread *t;

	if (prev->bpf_storage && !preempt) {
		u32 state = switch_has_state ? (u32)ctx[3] : prev->__state;

		if (state & TASK_INTERRUPTIBLE) {
			t = bpf_task_storage_get(&threads, prev, 0, 0);
			if (t && t->call.open)
				sleep_begin(t, bpf_ktime_get_ns());
		}
	}
	if (next->bpf_storage) {
		t = bpf_task_storage_get(&threads, next, 0, 0);
		if (t && t->call.slept_ns)
			sleep_end(&t->call, bpf_ktime_get_ns());
	}
	return 0;
}

/* --- wake hooks: what makes a thread in a call runnable ---------------------- */

/*
 * The two functions that the family leaves on the wait queues of files: select's
 * and poll's, and epoll's.
 */
#define X(function, is_epoll)						\
	SEC("fentry/" #function)					\
	int BPF_PROG(fentry_##function, struct wait_queue_entry *entry,	\
		     unsigned int mode, int flags, void *key)		\
	{								\
		return wake_begin(is_epoll, (u64)entry, (u64)key);	\
	}								\
	SEC("fexit/" #function)						\
	int BPF_PROG(fexit_##function)					\
	{								\
		return wake_end();					\
	}								\
	SEC("kprobe")							\
	int kprobe_##function(struct pt_regs *ctx)			\
	{								\
		return wake_begin(is_epoll, ARG0(ctx), FUNCTION_ARG3(ctx)); \
	}
WAKE_FUNCTIONS(X)
#undef X

SEC("kretprobe")
int kretprobe_wake(void *ctx)
{
	return wake_end();
}

/* The end of a walk over any wait queue. */
SEC("fexit/__wake_up_common")
int BPF_PROG(fexit_walk)
{
	return walk_end();
}

SEC("kretprobe")
int kretprobe_walk(void *ctx)
{
	return walk_end();
}

SEC("tp_btf/sched_waking")
int BPF_PROG(waking, struct task_struct *task)
{
	return chain_wake(task, false);
}

/* The same where the kernel lets programs find its count of what it is in. */
SEC("tp_btf/sched_waking")
int BPF_PROG(waking_context, struct task_struct *task)
{
	return chain_wake(task, true);
}

/* --- I/O hooks: what is taken from files, and given to them ------------------ */

#define X(name)							\
	SEC("fexit/" SYSCALL(name))					\
	int BPF_PROG(io_##name, struct pt_regs *regs, long ret)		\
	{								\
		return io_return(ARG0(regs), ret);			\
	}
IO_FAMILY(X)
#undef X

/* A kretprobe has room for a few calls at once; reads and accepts may block. */
SEC("tracepoint")
int enter_io(struct sys_enter_record *ctx)
{
	return io_enter(ctx->args[0]);
}

SEC("tracepoint")
int exit_io(struct sys_exit_record *ctx)
{
	return io_leave(ctx->ret);
}

/* --- item hooks: on what asks an epoll item, and on the end of files --------- */

/* The compiler makes a function of its own of it everywhere, with fewer arguments. */
SEC("kprobe")
int kprobe_item(struct pt_regs *ctx)
{
	return item_ask((struct epitem *)ARG0(ctx));
}

SEC("kretprobe")
int kretprobe_item(struct pt_regs *ctx)
{
	return item_answer(RET(ctx));
}

/* security_file_free(file): the last reference to any file is gone, and it is released. */
SEC("kprobe")
int kprobe_file_end(struct pt_regs *ctx)
{
	return file_forget(ARG0(ctx));
}

/* ep_eventpoll_release(inode, file): the last one to an epoll. */
SEC("kprobe")
int kprobe_epoll_end(struct pt_regs *ctx)
{
	return epoll_forget((struct file *)ARG1(ctx));
}

/* --- scan hooks: on every ->poll() ----------------------------------------- */

SEC("kprobe.multi")
int scan_multi(void *ctx)
{
	return scan_count();
}

SEC("kprobe")
int scan_kprobe(void *ctx)
{
	return scan_count();
}

/* --- the life of a thread -------------------------------------------------- */

/*
 * Tells the last word of a row. A global function, so that the verifier looks at
 * it once and not for each syscall of the family.
 */
__noinline int row_tell(const struct record *head, struct wait_row *row, u32 s, s32 epfd)
{
	struct wait_record *r;

	if (!head || !row || __sync_lock_test_and_set(&row->told, 1))
		return 0;
	r = bpf_ringbuf_reserve(&ring, sizeof(*r), 0);
	if (!r) {
		u64 calls = 0;

		for (int i = 0; i < RETURNED_NR; i++)
			calls += row->returned[i];
		lose(LOSS_RING_FULL, calls);
		return 0;
	}
	r->head = *head;
	r->syscall = s;
	r->epfd = epfd;
	bpf_probe_read_kernel(&r->row, sizeof(r->row), row);
	/* The collector drains on a timer; a wake for each record costs 1.4 us. */
	bpf_ringbuf_submit(r, BPF_RB_NO_WAKEUP);
	return 0;
}

/* The same for what --chain keeps of a thread: X(what, kind, figures lost with it). */
#define CHAIN_ROWS(X)						\
	X(chain, RECORD_CHAIN, row->calls)			\
	X(turn, RECORD_TURN, row->turns)			\
	X(serve, RECORD_SERVE, row->served + row->unserved)

#define X(what, number, lost)						\
	__noinline int what##_tell(const struct record *head, struct what##_row *row) \
	{								\
		struct what##_record *r;				\
									\
		if (!head || !row || __sync_lock_test_and_set(&row->told, 1)) \
			return 0;					\
		r = bpf_ringbuf_reserve(&ring, sizeof(*r), 0);		\
		if (!r) {						\
			lose(LOSS_CHAINS, lost);			\
			return 0;					\
		}							\
		r->head = *head;					\
		r->head.kind = number;					\
		r->head.size = sizeof(*r);				\
		bpf_probe_read_kernel(&r->row, sizeof(r->row), row);	\
		bpf_ringbuf_submit(r, BPF_RB_NO_WAKEUP);		\
		return 0;						\
	}
CHAIN_ROWS(X)
#undef X

/* Tells the last word of all rows of a task that are not told yet. */
static __always_inline void rows_tell(struct task_struct *task, struct thread *t,
				      struct record *head)
{
	struct wait_row *row;

#define X(name, mechanism)							\
	row = row_get(WAIT_##name, task, t, 0);					\
	if (row)								\
		row_tell(head, row, WAIT_##name,				\
			 is_epoll_wait(WAIT_##name) ? t->epfd : -1);
	WAIT_FAMILY(X)
#undef X
	if (chain_on) {
		struct chain_row *chain = bpf_task_storage_get(&chains, task, 0, 0);
		struct turn_row *turn = bpf_task_storage_get(&turns, task, 0, 0);
		struct serve_row *serve = bpf_task_storage_get(&serves, task, 0, 0);

		if (chain)
			chain_tell(head, chain);
		if (turn)
			turn_tell(head, turn);
		if (serve)
			serve_tell(head, serve);
	}
}

/* All but the head. */
static __always_inline void open_fill(struct open_record *r, const struct thread *t, u32 open)
{
	r->head.kind = RECORD_OPEN;
	r->head.size = sizeof(*r);
	r->syscall = open - 1;
	r->epfd = is_epoll_wait(r->syscall) ? t->epfd : -1;
	r->since_ns = t->call.entered_ns;
}

/* The window is over, of which the call was in progress at the end: its return is not seen. */
static __always_inline void open_tell(const struct record *head, const struct thread *t)
{
	struct open_record *r = bpf_ringbuf_reserve(&ring, sizeof(*r), 0);

	if (!r) {
		lose(LOSS_RING_FULL, 1);
		return;
	}
	r->head = *head;
	open_fill(r, t, t->call.open);
	bpf_ringbuf_submit(r, BPF_RB_NO_WAKEUP);
}

static __always_inline int thread_end(struct task_struct *task)
{
	struct record head;
	struct thread *t;

	if (!task->bpf_storage)
		return 0;
	t = bpf_task_storage_get(&threads, task, 0, 0);
	if (!t)
		return 0;
	record_fill(&head, task, RECORD_WAIT, sizeof(struct wait_record));
	if (t->call.open && !epoch && t->call.entered_ns)
		open_tell(&head, t);
	else if (t->call.open)
		lose(t->call.entered_ns ? LOSS_KILLED : LOSS_BEGUN_BEFORE, 1);
	t->call.open = 0;
	rows_tell(task, t, &head);
	return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(thread_exit, struct task_struct *task)
{
	return thread_end(task);
}

/*
 * The kernel skips a hook on a CPU where the same hook was preempted. For rows
 * that would be their end, so what is not told yet is told here, when the task
 * is freed: in a softirq, which nobody preempts.
 */
SEC("tp_btf/sched_process_free")
int BPF_PROG(thread_free, struct task_struct *task)
{
	return thread_end(task);
}

/* --- iterators: run by the collector, in its own time ----------------------- */

#if defined(__TARGET_ARCH_x86)
#define SYSCALL_NR(regs) ((u32)(regs)->orig_ax)
enum {
	NR_select = 23, NR_pselect6 = 270, NR_poll = 7, NR_ppoll = 271, NR_epoll_wait = 232,
	NR_epoll_pwait = 281, NR_epoll_pwait2 = 441, NR_epoll_ctl = 233,
};
#elif defined(__TARGET_ARCH_arm64)
#define SYSCALL_NR(regs) ((u32)(regs)->syscallno)
/* The older half of the family does not exist there. */
enum {
	NR_select = -1, NR_pselect6 = 72, NR_poll = -2, NR_ppoll = 73, NR_epoll_wait = -3,
	NR_epoll_pwait = 22, NR_epoll_pwait2 = 441, NR_epoll_ctl = 21,
};
#endif

/* Threads of 32-bit programs seen by the last snapshot: not decoded. */
__u32 threads_32bit;

static __always_inline bool is_32bit(struct task_struct *task)
{
#if defined(__TARGET_ARCH_x86)
	return task->thread_info.flags & TIF_ADDR32;
#else
	return false;
#endif
}

/*
 * The call of the family that a sleeping thread is in, as call.open tells it; 0
 * for none. Only a thread that sleeps is sure to be in the syscall that its
 * registers name; one that runs may have left it.
 */
static __always_inline u32 asleep_in(struct task_struct *task)
{
	struct pt_regs *regs;
	u32 open = 0;

	if (!(task->__state & TASK_INTERRUPTIBLE))
		return 0;
	regs = (struct pt_regs *)bpf_task_pt_regs(task);
	switch (SYSCALL_NR(regs)) {
#define X(name, mechanism)			\
	case NR_##name:				\
		open = WAIT_##name + 1;		\
		break;
	WAIT_FAMILY(X)
#undef X
	}
	return open;
}

/* Opens, with no entry time, the calls that were begun before the window. */
SEC("iter/task")
int seed(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	unsigned long switches;
	struct thread *t;
	u32 open;

	if (!task || is_32bit(task) || !selected(task))
		return 0;
	switches = task->nvcsw;
	open = asleep_in(task);
	if (!open)
		return 0;
	t = bpf_task_storage_get(&threads, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!t || __sync_val_compare_and_swap(&t->call.open, 0, open))
		return 0;
	/* If it woke meanwhile, its return may be counted already. */
	if (asleep_in(task) != open || task->nvcsw != switches)
		__sync_val_compare_and_swap(&t->call.open, open, 0);
	else if (is_epoll_wait(open - 1))
		t->epfd = ARG0((struct pt_regs *)bpf_task_pt_regs(task));
	return 0;
}

/* A record is this and its row. */
struct row_top {
	struct record head;
	u32 syscall;
	s32 epfd;
};
_Static_assert(sizeof(struct row_top) + sizeof(struct wait_row) == sizeof(struct wait_record),
	       "nothing is between them");

static __always_inline void row_snapshot(const u32 s, struct task_struct *task, struct thread *t,
					 struct row_top *top, struct seq_file *seq)
{
	struct wait_row *row = row_get(s, task, t, 0);

	if (!row || row->told)
		return;
	top->syscall = s;
	top->epfd = is_epoll_wait(s) ? t->epfd : -1;
	bpf_seq_write(seq, top, sizeof(*top));
	bpf_seq_write(seq, row, sizeof(*row));
}

#define X(what, number, lost)						\
	static __always_inline void what##_snapshot(struct task_struct *task, struct record *head, \
						    struct seq_file *seq)	\
	{								\
		struct what##_row *row = bpf_task_storage_get(&what##s, task, 0, 0); \
									\
		if (!row || row->told)					\
			return;						\
		head->kind = number;					\
		head->size = sizeof(struct what##_record);		\
		bpf_seq_write(seq, head, sizeof(*head));		\
		bpf_seq_write(seq, row, sizeof(*row));			\
	}
CHAIN_ROWS(X)
#undef X

SEC("iter/task")
int snapshot_threads(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct seq_file *seq = ctx->meta->seq;
	struct open_record r;
	struct row_top top;
	struct thread *t;
	u32 open;

	if (!task)
		return 0;
	if (is_32bit(task) && selected(task))
		threads_32bit++;
	if (!task->bpf_storage)
		return 0;
	t = bpf_task_storage_get(&threads, task, 0, 0);
	if (!t)
		return 0;
	/* fexit does not fire for a call begun before it: look whether it is over. */
	open = t->call.open;
	if (calls_by_function && open && !t->call.entered_ns && asleep_in(task) != open &&
	    __sync_val_compare_and_swap(&t->call.open, open, 0) == open)
		lose(LOSS_BEGUN_BEFORE, 1);
	/* Read once: the thread may be about to return. */
	open = *(volatile u32 *)&t->call.open;
	record_fill(&top.head, task, RECORD_WAIT, sizeof(struct wait_record));
	if (open) {
		r.head = top.head;
		open_fill(&r, t, open);
		bpf_seq_write(seq, &r, sizeof(r));
	}
#define X(name, mechanism) row_snapshot(WAIT_##name, task, t, &top, seq);
	WAIT_FAMILY(X)
#undef X
	return 0;
}

/* With --chain; apart, for what is told of a task has to fit into the kernel's buffer. */
SEC("iter/task")
int snapshot_chains(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct seq_file *seq = ctx->meta->seq;
	struct record head;

	if (!task || !task->bpf_storage)
		return 0;
	record_fill(&head, task, RECORD_CHAIN, sizeof(struct chain_record));
	chain_snapshot(task, &head, seq);
	turn_snapshot(task, &head, seq);
	serve_snapshot(task, &head, seq);
	return 0;
}

/* PAGE_SIZE << 3 at least: bpf_seq_read(), kernel/bpf/bpf_iter.c. */
#define SEQ_BUFFER 32768
_Static_assert(WAIT_NR * sizeof(struct wait_record) + sizeof(struct open_record) <= SEQ_BUFFER,
	       "all rows of a thread fit");
_Static_assert(sizeof(struct chain_record) + sizeof(struct turn_record) +
	       sizeof(struct serve_record) <= SEQ_BUFFER, "all chains of a thread fit");
