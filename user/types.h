/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel's own types (BTF), and the loading of the programs that are fitted to them.
 * They are 5 to 8 MB, and what is done with them is most of a start: libbpf, which
 * reads them for each set of programs, lends them to nobody.
 */
#ifndef IOREADY_TYPES_H
#define IOREADY_TYPES_H

struct bpf_object_skeleton;
struct btf;

/**
 * types_get() - the types of the running kernel
 *
 * Return: them, until types_load() or types_free(); read at the first call, and again at the
 * first after these. NULL if the kernel has none (CONFIG_DEBUG_INFO_BTF), or no memory is left.
 */
struct btf *types_get(void);

void types_free(void);

/**
 * types_load() - load programs
 * @skeleton: opened, by the functions that bpftool makes
 *
 * Whoever asks types_get() something for the sake of programs should have asked before:
 * what it returned is gone, so that libbpf may have the memory.
 *
 * Return: 0, or libbpf's -errno.
 */
int types_load(struct bpf_object_skeleton *skeleton);

#endif /* IOREADY_TYPES_H */
