/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * compat.h - every difference between kernels, with the release that made it.
 * The code is written for the newest; what follows brings the older up to it.
 */
#ifndef IOREADY_COMPAT_H
#define IOREADY_COMPAT_H

#include <linux/version.h>
#include <linux/hrtimer.h>
#include <linux/poll.h>

/* 6.13: hrtimer_setup() takes the function, hrtimer_init() is gone soon after. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 13, 0)
static inline void hrtimer_setup(struct hrtimer *timer,
				 enum hrtimer_restart (*function)(struct hrtimer *),
				 clockid_t clock, enum hrtimer_mode mode)
{
	hrtimer_init(timer, clock, mode);
	timer->function = function;
}
#endif

/*
 * By 7.2 poll_does_not_wait(), which told this, is gone. What it looked at is what
 * poll_wait(), inlined into every driver, looks at on all kernels.
 */
static inline bool poll_waits(const poll_table *table)
{
	return table && table->_qproc;
}

#ifdef CONFIG_DEBUG_INFO_BTF_MODULES
#include <linux/btf.h>
#include <linux/btf_ids.h>

/* 6.3: kfuncs are marked, so that the compiler keeps them whole. */
#ifndef __bpf_kfunc
#define __bpf_kfunc __used noinline
#endif

/* 6.7: the warnings that kfuncs would cause are turned off by a macro. */
#ifndef __bpf_kfunc_start_defs
#define __bpf_kfunc_start_defs()					\
	__diag_push();							\
	__diag_ignore_all("-Wmissing-prototypes", "kfuncs are called from BPF")
#define __bpf_kfunc_end_defs() __diag_pop()
#endif

/* 6.9: sets of kfuncs have a macro of their own. */
#ifndef BTF_KFUNCS_START
#define BTF_KFUNCS_START(name) BTF_SET8_START(name)
#define BTF_KFUNCS_END(name) BTF_SET8_END(name)
#endif

/*
 * 7.0: every pointer that a kfunc takes must be trusted, which the file of the
 * task_file iterator is not. fget_task_next(), of 6.14, can pin it again.
 */
#define IOREADY_KFUNC_TAKES_FD (LINUX_VERSION_CODE >= KERNEL_VERSION(7, 0, 0))
#endif /* CONFIG_DEBUG_INFO_BTF_MODULES */

#endif /* IOREADY_COMPAT_H */
