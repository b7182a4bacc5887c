// SPDX-License-Identifier: GPL-2.0-or-later
#include "libbpf_said.h"

#include <bpf/libbpf.h>
#include <stdio.h>
#include <string.h>

/*
 * libbpf's print hook has no argument, so this is the one place where the library
 * below the commands keeps a global.
 */
static char said[512];

static int listen_to(enum libbpf_print_level level, const char *format, va_list args)
{
	if (level == LIBBPF_WARN) {
		vsnprintf(said, sizeof(said), format, args);
		said[strcspn(said, "\n")] = 0;
	}
	return 0;
}

void libbpf_listen(void)
{
	libbpf_set_print(listen_to);
}

const char *libbpf_said(void)
{
	return said;
}
