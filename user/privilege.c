// SPDX-License-Identifier: GPL-2.0-or-later
#include "privilege.h"

#include <cap-ng.h>
#include <errno.h>
#include <sys/prctl.h>

int privilege_drop(bool has_command, struct err *err)
{
	static const unsigned int keep[] = { CAP_BPF, CAP_PERFMON, CAP_SYS_PTRACE,
					     CAP_DAC_READ_SEARCH, CAP_KILL };
	unsigned int held[5];
	int n = 0;

	/* Only what we have: an unprivileged bundle of two capabilities stays two. */
	for (int i = 0; i < 4 + has_command; i++)
		if (capng_have_capability(CAPNG_EFFECTIVE, keep[i]))
			held[n++] = keep[i];
	capng_clear(CAPNG_SELECT_BOTH);
	for (int i = 0; i < n; i++)
		capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, held[i]);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return err_set(err, -EPERM, "privileges cannot be dropped");
	/* The bounding set needs CAP_SETPCAP, which a bundle may lack. */
	if (capng_apply(CAPNG_SELECT_BOTH) && capng_apply(CAPNG_SELECT_CAPS))
		return err_set(err, -EPERM, "privileges cannot be dropped");
	return 0;
}
