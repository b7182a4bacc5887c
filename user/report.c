// SPDX-License-Identifier: GPL-2.0-or-later
#include "report.h"

static const char *const loss_names[LOSS_NR] = {
	[LOSS_BEGUN_BEFORE] = "begun_before", [LOSS_ENTRY_UNSEEN] = "entry_unseen",
	[LOSS_EXIT_UNSEEN] = "exit_unseen",   [LOSS_NO_MEMORY] = "no_memory",
	[LOSS_RING_FULL] = "ring_full",	      [LOSS_KILLED] = "killed",
	[LOSS_FAULT] = "fault",		      [LOSS_HISTOGRAM] = "histogram",
	[LOSS_NOT_FOLLOWED] = "not_followed",
};

const char *loss_name(enum loss reason)
{
	return loss_names[reason];
}

uint64_t losses_total(const struct losses *losses)
{
	uint64_t n = losses->nested + losses->threads_32bit;

	for (int i = 0; i < LOSS_NR; i++)
		if (i != LOSS_BEGUN_BEFORE)
			n += losses->count[i];
	return n;
}

char *text_clean(char *to, const char *from)
{
	char *at = to;

	for (; *from; from++) {
		unsigned char c = *from;

		if (c >= 0x20 && c < 0x7f && c != '\\')
			*at++ = c;
		else
			at += sprintf(at, "\\x%02x", c);
	}
	*at = 0;
	return to;
}
