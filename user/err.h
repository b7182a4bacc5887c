/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef IOREADY_ERR_H
#define IOREADY_ERR_H

/**
 * struct err - why a library call failed, in one sentence for a person
 * @text: says what is wrong and, where there is something, what to do
 *
 * The library below the commands never prints: it returns -errno and leaves
 * the sentence here. Only a failing call writes it.
 */
struct err {
	char text[512];
};

/**
 * err_set() - note a failure and pass its code on
 * @err: where to; may be NULL
 * @code: negative errno
 * @fmt: the sentence, without a final newline
 *
 * Return: @code, so that `return err_set(...)` reads as what it does.
 */
int err_set(struct err *err, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif /* IOREADY_ERR_H */
