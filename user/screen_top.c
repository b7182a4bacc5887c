// SPDX-License-Identifier: GPL-2.0-or-later
#include "screen_top.h"

#include <curses.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <term.h>
#include <unistd.h>

#define PAIR_ALARM 1
#define PAIR_KEY 2

/* No figure is longer. */
#define FIGURE_MAX 16

struct screen {
	SCREEN *terminal;
	attr_t alarm;
	attr_t key;
};

int screen_check(struct err *err)
{
	const char *term = getenv("TERM");
	int known;

	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		return err_set(err, -ENOTTY, "this is no terminal: use --batch (-b)");
	/* A terminal without a movable cursor is as good as none. */
	if (setupterm(NULL, STDOUT_FILENO, &known) != OK || !cursor_address)
		return err_set(err, -ENOTTY, "a terminal of the kind TERM='%.40s' cannot be drawn "
					     "on: set TERM, or use --batch (-b)",
			       term ? term : "");
	return 0;
}

int screen_open(struct screen **screen, bool color, struct err *err)
{
	struct screen *s = calloc(1, sizeof(*s));

	if (!s)
		return err_set(err, -ENOMEM, "out of memory");
	/* initscr() would end the program where it fails. */
	s->terminal = newterm(NULL, stdout, stdin);
	if (!s->terminal) {
		free(s);
		return err_set(err, -ENOTTY, "the terminal cannot be drawn on: use --batch (-b)");
	}
	cbreak();
	noecho();
	nonl();
	curs_set(0);
	/* Over a slow line the rest of an arrow key comes late. */
	set_escdelay(200);
	keypad(stdscr, true);
	nodelay(stdscr, true);
	s->alarm = A_REVERSE | A_BOLD;
	s->key = A_BOLD;
	if (color && has_colors() && start_color() == OK && use_default_colors() == OK) {
		init_pair(PAIR_ALARM, COLOR_RED, -1);
		init_pair(PAIR_KEY, COLOR_CYAN, -1);
		s->alarm = COLOR_PAIR(PAIR_ALARM) | A_BOLD;
		s->key = COLOR_PAIR(PAIR_KEY) | A_BOLD;
	}
	*screen = s;
	return 0;
}

int screen_width(const struct screen *screen)
{
	(void)screen;
	return COLS;
}

int screen_body(const struct screen *screen, bool heads)
{
	const int taken = heads ? 4 : 3;

	(void)screen;
	return LINES > taken ? LINES - taken : 1;
}

char *screen_cut(char *to, const char *text, int width)
{
	const int length = strlen(text);
	int kept = width - 1;

	if (length <= width)
		return strcpy(to, text);
	while (kept > 0 && kept > width - FIGURE_MAX && text[kept] != ' ' && text[kept - 1] != ' ')
		kept--;
	/* No blank near: it is a name. */
	if (kept <= 0 || (text[kept] != ' ' && text[kept - 1] != ' '))
		kept = width - 1;
	sprintf(to, "%-*.*s>", width - 1, kept, text);
	return to;
}

/* One line, cut at the edge; @fill: its look goes to the edge too. */
static void put(int y, attr_t look, bool fill, const char *text)
{
	char cut[COLS + 1];

	if (y >= LINES)
		return;
	attrset(look);
	mvaddstr(y, 0, screen_cut(cut, text, COLS));
	if (fill)
		for (int x = strlen(text); x < COLS; x++)
			mvaddch(y, x, ' ');
	attrset(A_NORMAL);
}

static void put_keys(const struct screen *screen, const char *const *keys)
{
	int x = 0;

	for (; keys[0]; keys += 2) {
		const int length = strlen(keys[0]) + 1 + strlen(keys[1]);

		/* Half a word helps nobody. */
		if (x + length > COLS)
			break;
		attrset(screen->key);
		mvaddstr(LINES - 1, x, keys[0]);
		attrset(A_NORMAL);
		mvaddstr(LINES - 1, x + strlen(keys[0]) + 1, keys[1]);
		x += length + 2;
	}
}

void screen_draw(struct screen *screen, const struct page *page)
{
	const int body = screen_body(screen, page->heads);
	int y = 0;

	erase();
	put(y++, page->alarm ? screen->alarm : A_BOLD, false, page->title);
	put(y++, A_NORMAL, false, page->totals);
	if (page->heads)
		put(y++, A_REVERSE, true, page->heads);
	for (int i = page->first; i < page->lines_nr && i < page->first + body; i++) {
		bool head = false;
		const char *text = page->line(i, &head, page->arg);
		const bool chosen = i == page->cursor;

		put(y++, chosen ? A_REVERSE | A_BOLD : head ? A_BOLD : A_NORMAL, chosen, text);
	}
	/* The last line is for the keys, whatever else has no room. */
	move(LINES - 1, 0);
	clrtoeol();
	put_keys(screen, page->keys);
	refresh();
}

int screen_key(struct screen *screen)
{
	const int key = getch();

	(void)screen;
	switch (key) {
	case ERR: return SCREEN_NONE;
	case KEY_UP: return SCREEN_UP;
	case KEY_DOWN: return SCREEN_DOWN;
	case KEY_PPAGE: return SCREEN_PAGE_UP;
	case KEY_NPAGE: return SCREEN_PAGE_DOWN;
	case KEY_HOME: return SCREEN_HOME;
	case KEY_END: return SCREEN_END;
	case KEY_RESIZE: return SCREEN_RESIZE;
	case KEY_ENTER:
	case '\r':
	case '\n': return SCREEN_ENTER;
	case 27: return SCREEN_ESCAPE;
	case 12:
		/* Ctrl-L: something else has written on the screen. */
		clearok(stdscr, true);
		return SCREEN_RESIZE;
	}
	return key > 0 && key < 256 ? key : SCREEN_OTHER;
}

void screen_close(struct screen *screen)
{
	if (!screen)
		return;
	/* What was typed and not read is not for the shell. */
	flushinp();
	endwin();
	delscreen(screen->terminal);
	free(screen);
}
