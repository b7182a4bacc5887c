// SPDX-License-Identifier: GPL-2.0-or-later
#include "parse.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int parse_u32(const char *text, uint32_t min, uint32_t max, uint32_t *value, const char *what,
	      struct err *err)
{
	unsigned long long n;

	if (!*text || text[strspn(text, "0123456789")])
		return err_set(err, -EINVAL, "%s must be a whole number, not '%.40s'", what, text);
	errno = 0;
	n = strtoull(text, NULL, 10);
	if (errno || n < min || n > max)
		return err_set(err, -ERANGE, "%s must be between %u and %u, not '%.40s'", what, min,
			       max, text);
	*value = n;
	return 0;
}

int parse_seconds(const char *text, uint64_t *ns, const char *what, struct err *err)
{
	const double most = 366 * 86400.0;
	size_t digits = strspn(text, "0123456789"), length = digits;
	double seconds;

	if (text[length] == '.')
		length += 1 + strspn(text + length + 1, "0123456789");
	if (!digits || text[length])
		return err_set(err, -EINVAL, "%s must be a number of seconds, not '%.40s'", what,
			       text);
	/* Only digits and a point get here, so no locale and no exponent matters. */
	seconds = strtod(text, NULL);
	if (seconds < 0.001 || seconds > most)
		return err_set(err, -ERANGE,
			       "%s must be between 0.001 and %.0f seconds, not '%.40s'", what, most,
			       text);
	*ns = seconds * 1e9;
	return 0;
}
