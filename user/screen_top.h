/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The terminal of `ioready top`: draws pages and reads keys. What is on a page is
 * no affair of it.
 */
#ifndef IOREADY_SCREEN_TOP_H
#define IOREADY_SCREEN_TOP_H

#include <stdbool.h>

#include "err.h"

struct screen;

/* Keys that are no characters. */
enum screen_key {
	SCREEN_NONE = 0,	/* nothing typed */
	SCREEN_UP = 256,
	SCREEN_DOWN,
	SCREEN_PAGE_UP,
	SCREEN_PAGE_DOWN,
	SCREEN_HOME,
	SCREEN_END,
	SCREEN_ENTER,
	SCREEN_ESCAPE,
	SCREEN_RESIZE,		/* the size has changed: draw again */
	SCREEN_OTHER,
};

/** typedef line_fn - a line of the body; @head is set where it is a heading */
typedef const char *(*line_fn)(int line, bool *head, void *arg);

/**
 * struct page - what is to be seen, from top to bottom
 * @title: first line; @alarm: it says something bad
 * @totals, @heads: below it; @heads may be NULL
 * @line, @arg, @lines_nr: the body
 * @first: line of the body to begin with
 * @cursor: line that is chosen, -1 for none
 * @keys: last line: pairs of a key and what it does
 */
struct page {
	const char *title;
	bool alarm;
	const char *totals;
	const char *heads;
	line_fn line;
	void *arg;
	int lines_nr;
	int first;
	int cursor;
	const char *const *keys;
};

/**
 * screen_check() - is there a terminal that a page can be drawn on?
 *
 * Return: 0, or -ENOTTY and what to do instead.
 */
int screen_check(struct err *err);

/**
 * screen_open() - take the terminal
 * @color: whether colours may be used
 *
 * From here on nothing else may write to it until screen_close(), which is to be
 * called on every way out.
 *
 * Return: 0 or -errno.
 */
int screen_open(struct screen **screen, bool color, struct err *err);

/** screen_width() - columns of the terminal */
int screen_width(const struct screen *screen);

/** screen_body() - lines that the body of a page has room for, at least 1 */
int screen_body(const struct screen *screen, bool heads);

/**
 * screen_cut() - a line as far as there is room for it
 * @to: @width + 1 bytes
 *
 * A longer one ends with '>', and before that with a whole figure: half of one would
 * be another. Return: @to.
 */
char *screen_cut(char *to, const char *text, int width);

void screen_draw(struct screen *screen, const struct page *page);

/** screen_key() - the next key that was typed: a character, or enum screen_key */
int screen_key(struct screen *screen);

/** screen_close() - give the terminal back as it was; NULL is fine */
void screen_close(struct screen *screen);

#endif /* IOREADY_SCREEN_TOP_H */
