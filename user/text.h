/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What others have named, for people and programs to read. */
#ifndef IOREADY_TEXT_H
#define IOREADY_TEXT_H

#include <stdint.h>

/* Bytes that text_clean() needs for @n bytes. */
#define TEXT_CLEAN(n) (4 * (n) + 1)

/**
 * text_clean() - make untrusted bytes printable
 * @to: at least TEXT_CLEAN(strlen(@from)) bytes
 * @from: e.g. the name that a process gave itself
 *
 * Everything but printable ASCII becomes \xNN, so that no name can move the
 * cursor or break JSON.
 *
 * Return: @to.
 */
char *text_clean(char *to, const char *from);

/* Bytes that text_process() needs. */
#define TEXT_PROCESS 80

/**
 * text_process() - as "NAME (PID)"
 * @to: at least TEXT_PROCESS bytes
 * @comm: as of text_clean(), at most 15 bytes long
 * @width: of the whole: a name that is too long for it is cut; a PID never is
 *
 * Return: @to.
 */
char *text_process(char *to, const char *comm, uint32_t tgid, int width);

#endif /* IOREADY_TEXT_H */
