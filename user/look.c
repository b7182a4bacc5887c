// SPDX-License-Identifier: GPL-2.0-or-later
#include "look.h"

#include <stdlib.h>
#include <string.h>

static const struct {
	const char *name;
	bool ask;
} kinds[FILE_KIND_NR] = {
#define X(kind, name, ask) { name, ask },
	FILE_KINDS(X)
#undef X
};

const char *file_kind_name(enum file_kind kind)
{
	return kinds[kind].name;
}

bool file_may_be_asked(enum file_kind kind)
{
	return kinds[kind].ask;
}

static int compare(const void *fd, const void *file)
{
	int32_t a = *(const int32_t *)fd, b = ((const struct look_file *)file)->fd;

	return (a > b) - (a < b);
}

struct look_file *look_file(const struct look *look, int32_t fd)
{
	if (!look->files_nr)
		return NULL;
	return bsearch(&fd, look->files, look->files_nr, sizeof(*look->files), compare);
}

static int item_compare(const void *a, const void *b)
{
	const struct item_record *x = a, *y = b;

	if (x->epoll != y->epoll)
		return x->epoll < y->epoll ? -1 : 1;
	return (x->item_fd > y->item_fd) - (x->item_fd < y->item_fd);
}

void look_items_sort(struct look *look)
{
	if (look->items_nr)
		qsort(look->items, look->items_nr, sizeof(*look->items), item_compare);
}

const struct item_record *look_items(const struct look *look, uint64_t epoll, int32_t item_fd,
				     size_t *nr)
{
	const struct item_record want = { .epoll = epoll, .item_fd = item_fd };
	size_t low = 0, high = look->items_nr;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (item_compare(&look->items[middle], &want) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	for (*nr = 0; low + *nr < look->items_nr; ++*nr)
		if (item_compare(&look->items[low + *nr], &want))
			break;
	return look->items + low;
}

void *look_room(void *at, size_t *room, size_t nr, size_t size)
{
	void **vector = at;
	char *element;

	if (nr == *room) {
		size_t more = nr ? nr * 2 : 16;
		void *moved = reallocarray(*vector, more, size);

		if (!moved)
			return NULL;
		*vector = moved;
		*room = more;
	}
	element = (char *)*vector + nr * size;
	return memset(element, 0, size);
}

void look_free(struct look *look)
{
	for (size_t i = 0; i < look->files_nr; i++)
		free(look->files[i].name);
	free(look->threads);
	free(look->watches);
	free(look->files);
	free(look->items);
	memset(look, 0, sizeof(*look));
}
