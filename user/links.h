/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What holds programs on their hooks, all at once. */
#ifndef IOREADY_LINKS_H
#define IOREADY_LINKS_H

#include <stddef.h>

struct bpf_link;

/**
 * links_destroy() - take programs off their hooks
 * @links: @n of them; each is gone after this, the array is the caller's
 *
 * The kernel waits, for each, until no CPU is in its program any more; they can all wait at
 * once, so that this takes as long as the slowest.
 */
void links_destroy(struct bpf_link *const *links, size_t n);

#endif /* IOREADY_LINKS_H */
