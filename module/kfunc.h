/* SPDX-License-Identifier: GPL-2.0-only */
/* kfunc.h - what BPF programs may ask: what of a file is ready now. */
#ifndef IOREADY_KFUNC_H
#define IOREADY_KFUNC_H

/**
 * ioready_kfunc_init() - register it
 *
 * Return: 0 or -errno: this kernel takes none, or the module was built without
 * BTF. The module is of use without.
 */
#ifdef CONFIG_DEBUG_INFO_BTF_MODULES
int ioready_kfunc_init(void);
#else
static inline int ioready_kfunc_init(void) { return -EOPNOTSUPP; }
#endif

#endif /* IOREADY_KFUNC_H */
