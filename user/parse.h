/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The one place where text of the command line becomes numbers. */
#ifndef IOREADY_PARSE_H
#define IOREADY_PARSE_H

#include <stdint.h>

#include "err.h"

/**
 * parse_u32() - a whole decimal number, nothing before it and nothing after
 * @text: what the user wrote
 * @min: smallest value allowed
 * @max: largest value allowed
 * @value: where the number goes
 * @what: its name in the message, as "process id"
 * @err: the message
 *
 * Return: 0, or -EINVAL for anything but such a number ("12abc", "", "-1",
 * "0x10", " 5"), or -ERANGE outside @min..@max.
 */
int parse_u32(const char *text, uint32_t min, uint32_t max, uint32_t *value, const char *what,
	      struct err *err);

/**
 * parse_seconds() - a length of time: "10", "0.5", at most a year
 *
 * Parameters and return as parse_u32(); @ns gets nanoseconds, above 0.
 */
int parse_seconds(const char *text, uint64_t *ns, const char *what, struct err *err);

#endif /* IOREADY_PARSE_H */
