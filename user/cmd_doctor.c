// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd.h"
int cmd_doctor(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return EXIT_DONE;
}
