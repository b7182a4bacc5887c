// SPDX-License-Identifier: GPL-2.0-or-later
#include "links.h"

#include <bpf/libbpf.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

struct leaving {
	pthread_t thread;
	bool started;
};

static void *link_destroy(void *link)
{
	bpf_link__destroy(link);
	return NULL;
}

void links_destroy(struct bpf_link *const *links, size_t n)
{
	struct leaving *leaving = calloc(n, sizeof(*leaving));

	for (size_t i = 0; i < n; i++) {
		if (leaving)
			leaving[i].started = !pthread_create(&leaving[i].thread, NULL, link_destroy,
							     links[i]);
		if (!leaving || !leaving[i].started)
			bpf_link__destroy(links[i]);
	}
	for (size_t i = 0; leaving && i < n; i++)
		if (leaving[i].started)
			pthread_join(leaving[i].thread, NULL);
	free(leaving);
}
