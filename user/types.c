// SPDX-License-Identifier: GPL-2.0-or-later
#include "types.h"

#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23	/* since 5.14 */
#endif

#define MIB (1 << 20)
#define FILE_OF_TYPES "/sys/kernel/btf/vmlinux"

static struct btf *types;

/* Of the heap, that large pages are wanted for. */
static void *filled;
static size_t filled_bytes;

/*
 * Has malloc() take all from one heap, and keep it, and the kernel fill that heap now, for
 * libbpf's two copies of the types and what else it needs beside them. It would be filled in
 * any case, but by a page fault for each page: five thousand are a third of the start where
 * the host of a virtual machine has to see to each.
 */
static void heap_fill(size_t types_bytes)
{
	size_t bytes = 2 * types_bytes + MIB;
	uintptr_t page = sysconf(_SC_PAGESIZE);
	void *memory;

	mallopt(M_MMAP_THRESHOLD, 32 * MIB);
	mallopt(M_TRIM_THRESHOLD, 64 * MIB);
	memory = malloc(bytes);
	filled = (void *)(((uintptr_t)memory + page - 1) & -page);
	filled_bytes = memory ? (bytes - page) & -page : 0;
	/*
	 * Attempts: what is not filled now is filled later, and in small pages where there are
	 * no large ones to be had.
	 */
	madvise(filled, filled_bytes, MADV_HUGEPAGE);
	madvise(filled, filled_bytes, MADV_POPULATE_WRITE);
	free(memory);
}

/*
 * Back to the memory that is in use, and to what malloc() would have come to by itself with
 * tables of a megabyte that are read now and then.
 */
static void heap_trim(void)
{
	mallopt(M_MMAP_THRESHOLD, MIB);
	mallopt(M_TRIM_THRESHOLD, 2 * MIB);
	madvise(filled, filled_bytes, MADV_NOHUGEPAGE);
	malloc_trim(0);
}

/* Since 6.16 they can be mapped; before, they are read, which takes longer. */
struct btf *types_get(void)
{
	int fd = types ? -1 : open(FILE_OF_TYPES, O_RDONLY | O_CLOEXEC);
	struct stat st;
	void *data;

	if (fd < 0)
		return types;
	if (!fstat(fd, &st) && st.st_size > 0 && st.st_size <= UINT32_MAX) {
		heap_fill(st.st_size);
		data = mmap(NULL, st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
		if (data == MAP_FAILED) {
			types = btf__parse_raw(FILE_OF_TYPES);
		} else {
			/* Copies what it needs. */
			types = btf__new(data, st.st_size);
			munmap(data, st.st_size);
		}
	}
	close(fd);
	return types;
}

void types_free(void)
{
	btf__free(types);
	types = NULL;
}

int types_load(struct bpf_object_skeleton *skeleton)
{
	int ret;

	types_free();
	ret = bpf_object__load_skeleton(skeleton);
	heap_trim();
	return ret;
}
