// SPDX-License-Identifier: GPL-2.0-or-later
#include "text.h"

#include <stdio.h>

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

char *text_process(char *to, const char *comm, uint32_t tgid, int width)
{
	char name[TEXT_CLEAN(15)], pid[16];
	int room = width - sprintf(pid, " (%u)", tgid);

	sprintf(to, "%.*s%s", room > 0 ? room : 0, text_clean(name, comm), pid);
	return to;
}
