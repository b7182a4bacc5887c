/* SPDX-License-Identifier: GPL-2.0-only */
/* family.h - what the members of the wait family are, and how they come back. */
#ifndef IOREADY_FAMILY_H
#define IOREADY_FAMILY_H

#include "abi.h"

/* include/linux/errno.h: what a syscall returns inside the kernel. */
#define EINTR 4
#define ERESTARTSYS 512
#define ERESTARTNOINTR 513
#define ERESTARTNOHAND 514
#define ERESTART_RESTARTBLOCK 516

static __always_inline bool is_select(const u32 s)
{
	return s == WAIT_select || s == WAIT_pselect6;
}

static __always_inline bool is_poll(const u32 s)
{
	return s == WAIT_poll || s == WAIT_ppoll;
}

static __always_inline bool is_epoll_wait(const u32 s)
{
	return s == WAIT_epoll_wait || s == WAIT_epoll_pwait || s == WAIT_epoll_pwait2;
}

static __always_inline u32 returned_how(const u32 s, s64 ret)
{
	if (ret > 0)
		return RETURNED_READY;
	if (!ret)
		return s == WAIT_epoll_ctl ? RETURNED_DONE : RETURNED_TIMEOUT;
	switch (-ret) {
	case EINTR:
	case ERESTARTSYS:
	case ERESTARTNOINTR:
	case ERESTARTNOHAND:
	case ERESTART_RESTARTBLOCK:
		return RETURNED_SIGNAL;
	}
	return RETURNED_ERROR;
}

#endif /* IOREADY_FAMILY_H */
