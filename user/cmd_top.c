// SPDX-License-Identifier: GPL-2.0-or-later
#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd.h"
#include "files.h"
#include "model_top.h"
#include "options.h"
#include "parse.h"
#include "process.h"
#include "report_top.h"
#include "run.h"
#include "screen_top.h"

#define SECOND UINT64_C(1000000000)

#define OPTION_NO_CHAIN 512
#define OPTION_SORT 513

#define INTERVAL_MIN_NS (SECOND / 2)
/* A process that watches more is shown in part: it is looked at again and again. */
#define WATCHES_MAX 1000

struct top_options {
	struct options o;
	enum top_key key;
	bool batch;
	bool no_chain;
	uint32_t count;		/* refreshes; 0: no end */
};

static const struct argp_option entries[] = {
	{ NULL, 0, NULL, 0, "How to show it:", 5 },
	{ "batch", 'b', NULL, 0, "print table after table, and no screen", 5 },
	{ "count", 'n', "N", 0, "end after N refreshes", 5 },
	{ "sort", OPTION_SORT, "KEY", 0,
	  "by waste (default), wakeups, empty, lag, calls or awake", 5 },
	{ "no-chain", OPTION_NO_CHAIN, NULL, 0,
	  "do not follow wakeups, which costs a little on each in the system: no loop lag, and "
	  "nobody's wakers", 5 },
	{ 0 },
};

static const struct argp_child children[] = { { &options_argp, 0, NULL, 0 }, { 0 } };

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct top_options *t = state->input;
	struct err err;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &t->o;
		break;
	case 'b':
		t->batch = true;
		break;
	case 'n':
		if (parse_u32(arg, 1, UINT32_MAX, &t->count, "the number of refreshes", &err))
			argp_error(state, "%s", err.text);
		break;
	case OPTION_SORT:
		if (top_key_parse(arg, &t->key, &err))
			argp_error(state, "%s", err.text);
		break;
	case OPTION_NO_CHAIN:
		t->no_chain = true;
		break;
	case ARGP_KEY_ARG:
		argp_error(state, "'%.40s' is too much: what runs already is traced; a command is "
				  "for 'ioready stat'", arg);
		break;
	case ARGP_KEY_END:
		if (t->o.json)
			argp_error(state, "--json is not for tables: 'ioready stat -i 2 --chain "
					  "--json' tells programs the same");
		if (t->o.output && !t->batch)
			argp_error(state, "--output needs --batch");
		if (t->o.interval_ns < INTERVAL_MIN_NS)
			argp_error(state, "the interval must be at least 0.5 seconds");
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static const struct argp argp = {
	.options = entries,
	.parser = parse,
	.doc = "Show live which processes wait in select, poll and epoll, and what it costs.\v"
	       "Figures are of the last --interval (default: 2 seconds). On the screen, '?' lists "
	       "the keys.",
	.children = children,
};

/* Lines of text that are on a page; @text is one allocation that holds them all. */
struct lines {
	char *text;
	char **line;
	int nr;
	int first;		/* seen at the top */
};

/*
 * The process that is opened. Models of its own tell its threads apart, from when
 * a person asks for them: those of everybody would take too much memory.
 */
struct detail {
	struct top_row row;
	bool gone;
	bool by_thread;
	struct model_wait *waits;
	struct model_chain *chains;
	uint64_t told_ns;
	struct top_row *threads;
	int threads_nr;
	struct look look;
	bool looked;
	struct err no_look;
	struct lines lines;
};

struct top {
	const struct top_options *t;
	struct run run;
	struct report report;
	bool reported;
	struct top_row *rows;
	int rows_nr;
	enum top_key key;
	bool reverse;
	bool paused;
	uint32_t count;
	struct screen *screen;
	int cursor;
	int first;
	bool follows;		/* the cursor stays with @chosen, */
	struct top_row chosen;	/* which is not just whoever is first */
	struct detail *detail;	/* NULL: the table is seen */
	bool helping;
	struct lines help;
	struct files *files;	/* describes files beyond their name; NULL: cannot be had */
	struct err no_files;
};

/* --- lines ------------------------------------------------------------------------ */

static void lines_free(struct lines *l)
{
	free(l->line);
	free(l->text);
	l->line = NULL;
	l->text = NULL;
	l->nr = 0;
}

/* Takes @text, and cuts it at the newlines. */
static int lines_set(struct lines *l, char *text, struct err *err)
{
	int nr = 0;

	lines_free(l);
	l->text = text;
	for (const char *c = text; *c; c++)
		nr += *c == '\n';
	l->line = calloc(nr + 1, sizeof(*l->line));
	if (!l->line)
		return err_set(err, -ENOMEM, "out of memory");
	for (int i = 0; i < nr; i++) {
		l->line[i] = text;
		text = strchr(text, '\n');
		*text++ = 0;
	}
	l->nr = nr;
	return 0;
}

static const char *lines_line(int i, bool *head, void *arg)
{
	const struct lines *l = arg;

	*head = l->line[i][0] == '\f';
	return l->line[i] + *head;
}

/* --- the opened process ------------------------------------------------------------- */

static bool is_detail(const struct detail *d, const struct record *record)
{
	return d->waits && record->tgid == d->row.tgid && record->start_ns == d->row.start_ns;
}

static void on_begin(void *arg)
{
	struct detail *d = arg;

	if (!d->waits)
		return;
	model_wait_begin(d->waits);
	model_chain_begin(d->chains);
}

static void on_ended(const struct record *record, void *arg)
{
	struct detail *d = arg;

	if (!is_detail(d, record))
		return;
	model_wait_ended(record, d->waits);
	model_chain_ended(record, d->chains);
}

static void on_living(const struct record *record, void *arg)
{
	struct detail *d = arg;

	if (!is_detail(d, record))
		return;
	model_wait_living(record, d->waits);
	model_chain_living(record, d->chains);
}

static const struct snapshot_fns detail_fns = { on_begin, on_ended, on_living };

/* The threads' figures since the last time. */
static int detail_threads(struct top *top, uint64_t end_ns, struct err *err)
{
	struct detail *d = top->detail;
	struct wait_figures *waits = NULL;
	struct chain_figures *chains = NULL;
	struct top_input in = { .seconds = (end_ns - d->told_ns) / 1e9 };
	int ret;

	in.waits_nr = model_wait_figures(d->waits, true, &waits, err);
	in.chains_nr = model_chain_figures(d->chains, true, &chains, err);
	in.waits = waits;
	in.chains = chains;
	free(d->threads);
	d->threads = NULL;
	d->threads_nr = 0;
	ret = in.waits_nr < 0 || in.chains_nr < 0 ? -ENOMEM :
						    model_top_rows(&in, &d->threads, err);
	free(waits);
	free(chains);
	if (ret < 0)
		return ret;
	d->threads_nr = ret;
	d->told_ns = end_ns;
	model_wait_forget(d->waits);
	model_chain_forget(d->chains, NULL, NULL);
	return 0;
}

/* What was counted before a person asked is not of the first interval. */
static int detail_threads_open(struct top *top, struct err *err)
{
	struct detail *d = top->detail;
	int ret;

	d->waits = model_wait_new(true);
	d->chains = model_chain_new(true);
	if (!d->waits || !d->chains)
		return err_set(err, -ENOMEM, "out of memory");
	ret = run_snapshot(&top->run, err);
	if (!ret)
		ret = detail_threads(top, window_now(), err);
	free(d->threads);
	d->threads = NULL;
	d->threads_nr = 0;
	return ret;
}

/* What it watches now. That it cannot be had is said in its place. */
static void detail_look(struct top *top)
{
	struct detail *d = top->detail;

	look_free(&d->look);
	d->look = (struct look){ .watches_max = WATCHES_MAX };
	d->looked = !process_look(&d->look, d->row.tgid, &d->no_look);
	/* Another process may have got its number; starts are told in steps of a tick. */
	if (d->looked && (d->look.start_ns > d->row.start_ns ||
			  d->row.start_ns - d->look.start_ns > SECOND / 10)) {
		d->looked = false;
		err_set(&d->no_look, 0, "it has ended");
	}
	if (d->looked && top->files && files_look(top->files, &d->look, &top->no_files)) {
		files_close(top->files);
		top->files = NULL;
	}
}

static int detail_text(struct top *top, struct err *err)
{
	struct detail *d = top->detail;
	const struct top_process process = {
		.row = &d->row,
		.gone = d->gone,
		.report = &top->report,
		.threads = d->threads,
		.threads_nr = d->threads_nr,
		.by_thread = d->by_thread,
		.look = d->looked ? &d->look : NULL,
		.no_look = d->no_look.text,
		.no_files = top->files ? "" : top->no_files.text,
	};
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return err_set(err, -ENOMEM, "out of memory");
	report_top_process(out, &process, screen_width(top->screen));
	if (fclose(out)) {
		free(text);
		return err_set(err, -ENOMEM, "out of memory");
	}
	return lines_set(&d->lines, text, err);
}

static int detail_open(struct top *top, const struct top_row *row, struct err *err)
{
	struct detail *d = calloc(1, sizeof(*d));

	if (!d)
		return err_set(err, -ENOMEM, "out of memory");
	if (!top->files && !top->no_files.text[0])
		files_open(&top->files, MODULE_ABSENT, &top->no_files);
	d->row = *row;
	top->detail = d;
	top->run.also = &detail_fns;
	top->run.also_arg = d;
	detail_look(top);
	return detail_text(top, err);
}

static int detail_refresh(struct top *top, uint64_t end_ns, struct err *err)
{
	struct detail *d = top->detail;
	int ret = 0;

	d->gone = true;
	for (int i = 0; i < top->rows_nr && d->gone; i++) {
		if (!model_top_same(&top->rows[i], &d->row))
			continue;
		d->row = top->rows[i];
		d->gone = false;
	}
	if (d->waits)
		ret = detail_threads(top, end_ns, err);
	if (ret)
		return ret;
	model_top_sort(d->threads, d->threads_nr, top->key, top->reverse);
	detail_look(top);
	return detail_text(top, err);
}

static void detail_close(struct top *top)
{
	struct detail *d = top->detail;

	if (!d)
		return;
	top->run.also = NULL;
	top->detail = NULL;
	model_wait_free(d->waits);
	model_chain_free(d->chains);
	free(d->threads);
	look_free(&d->look);
	lines_free(&d->lines);
	free(d);
}

/* --- figures ------------------------------------------------------------------------ */

static void top_sort(struct top *top)
{
	model_top_sort(top->rows, top->rows_nr, top->key, top->reverse);
	for (int i = 0; top->follows && i < top->rows_nr; i++)
		if (model_top_same(&top->rows[i], &top->chosen))
			top->cursor = i;
}

static int top_refresh(struct top *top, uint64_t end_ns, struct err *err)
{
	struct top_input in;
	struct top_row *rows;
	struct report report;
	int ret;

	ret = run_report(&top->run, true, end_ns, &report, err);
	if (ret) {
		run_report_free(&report);
		return ret;
	}
	run_forget(&top->run);
	run_report_free(&top->report);
	top->report = report;
	top->reported = true;
	in = (struct top_input){ report.waits,	   report.waits_nr, report.chains,
				 report.chains_nr, report.wakers,   report.wakers_nr,
				 report.seconds };
	ret = model_top_rows(&in, &rows, err);
	if (ret < 0)
		return ret;
	free(top->rows);
	top->rows = rows;
	top->rows_nr = ret;
	top_sort(top);
	top->count++;
	return top->detail ? detail_refresh(top, end_ns, err) : 0;
}

static int top_print(struct top *top, struct err *err)
{
	report_top_text(top->run.window.out, &top->report, top->rows, top->rows_nr, top->key,
			top->t->o.rows);
	return window_flush(&top->run.window, err);
}

/* --- the screen --------------------------------------------------------------------- */

static const char *const table_keys[] = {
	"q", "quit", "?", "help", "Enter", "open", "w", "waste", "k", "wakeups", "e", "empty", "l",
	"lag", "c", "calls", "a", "awake", "r", "reverse", "p", "pause", NULL,
};
static const char *const process_keys[] = {
	"q", "back", "?", "help", "t", "threads/calls", "Up,Down", "scroll", "p", "pause", NULL,
};
static const char *const help_keys[] = { "q", "back", "Up,Down", "scroll", NULL };

struct table_arg {
	const struct top *top;
	uint32_t columns;
	char line[TOP_LINE];
};

static const char *table_line(int i, bool *head, void *arg)
{
	struct table_arg *table = arg;

	(void)head;
	top_cells(table->line, table->columns, &table->top->rows[i]);
	return table->line;
}

/* Keeps @first such that there is something to see. */
static void scroll_clamp(int *first, int nr, int body)
{
	if (*first > nr - body)
		*first = nr - body;
	if (*first < 0)
		*first = 0;
}

static void top_draw(struct top *top)
{
	struct table_arg table = { .top = top, .columns = top_columns(screen_width(top->screen)) };
	char title[TOP_LINE], totals[TOP_LINE], heads[TOP_LINE];
	struct page page = { .title = title, .totals = totals, .cursor = -1 };
	struct lines *lines = top->helping ? &top->help : top->detail ? &top->detail->lines : NULL;
	const int body = screen_body(top->screen, !lines);

	if (top->reported) {
		top_title(title, &top->report, top->key, top->reverse, top->paused);
		top_totals(totals, top->rows, top->rows_nr);
		page.alarm = losses_total(&top->report.losses);
	} else {
		snprintf(title, sizeof(title), "%s tier, %.64s, Linux %.64s: tracing has begun",
			 tier_name(top->run.window.plan.tier), top->run.window.kernel.host,
			 top->run.window.kernel.release);
		strcpy(totals, "no figures yet");
	}
	if (lines) {
		scroll_clamp(&lines->first, lines->nr, body);
		page.line = lines_line;
		page.arg = lines;
		page.lines_nr = lines->nr;
		page.first = lines->first;
		page.keys = top->helping ? help_keys : process_keys;
	} else {
		if (top->cursor >= top->rows_nr)
			top->cursor = top->rows_nr - 1;
		if (top->cursor < 0)
			top->cursor = 0;
		if (top->first > top->cursor)
			top->first = top->cursor;
		if (top->first <= top->cursor - body)
			top->first = top->cursor - body + 1;
		scroll_clamp(&top->first, top->rows_nr, body);
		top_heads(heads, table.columns, top->t->o.threads);
		page.heads = heads;
		page.line = table_line;
		page.arg = &table;
		page.lines_nr = top->rows_nr;
		page.first = top->first;
		page.cursor = top->cursor;
		page.keys = table_keys;
	}
	screen_draw(top->screen, &page);
}

/* Moves by a key; false if it is none that moves. */
static bool move_by(int key, int *at, int nr, int body)
{
	switch (key) {
	case SCREEN_UP: --*at; break;
	case SCREEN_DOWN: ++*at; break;
	case SCREEN_PAGE_UP: *at -= body; break;
	case SCREEN_PAGE_DOWN: *at += body; break;
	case SCREEN_HOME: *at = 0; break;
	case SCREEN_END: *at = nr - 1; break;
	default: return false;
	}
	if (*at >= nr)
		*at = nr - 1;
	if (*at < 0)
		*at = 0;
	return true;
}

static int help_open(struct top *top, struct err *err)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return err_set(err, -ENOMEM, "out of memory");
	report_top_help(out);
	if (fclose(out)) {
		free(text);
		return err_set(err, -ENOMEM, "out of memory");
	}
	top->helping = true;
	top->help.first = 0;
	return lines_set(&top->help, text, err);
}

static int table_key(struct top *top, int key, struct err *err)
{
	static const char keys[TOP_KEYS] = { [TOP_WASTE] = 'w', [TOP_WAKEUPS] = 'k',
					     [TOP_EMPTY] = 'e', [TOP_LAG] = 'l',
					     [TOP_CALLS] = 'c', [TOP_AWAKE] = 'a' };

	if (move_by(key, &top->cursor, top->rows_nr, screen_body(top->screen, true))) {
		top->follows = top->cursor > 0;
		if (top->follows)
			top->chosen = top->rows[top->cursor];
		return 0;
	}
	if (key == SCREEN_ENTER && top->cursor < top->rows_nr)
		return detail_open(top, &top->rows[top->cursor], err);
	if (key == 'r')
		top->reverse = !top->reverse;
	for (int i = 0; i < TOP_KEYS; i++)
		if (key == keys[i])
			top->key = i;
	top_sort(top);
	return 0;
}

static int process_key(struct top *top, int key, struct err *err)
{
	struct detail *d = top->detail;
	int ret = 0;

	if (move_by(key, &d->lines.first, d->lines.nr, screen_body(top->screen, false)))
		return 0;
	if (key == 't') {
		d->by_thread = !d->by_thread;
		if (!d->waits)
			ret = detail_threads_open(top, err);
	}
	/* How wide lines may be has changed, too, with the size of the terminal. */
	return ret ? ret : detail_text(top, err);
}

/* Returns 1 where the person wants no more, 0, or -errno. */
static int top_key(struct top *top, int key, struct err *err)
{
	const bool back = key == 'q' || key == SCREEN_ESCAPE;

	if (key == 'p') {
		top->paused = !top->paused;
		return 0;
	}
	if (top->helping) {
		if (back || key == '?' || key == 'h')
			top->helping = false;
		else
			move_by(key, &top->help.first, top->help.nr,
				screen_body(top->screen, false));
		/* The page below it may have to be as wide as the terminal is now. */
		return top->detail ? detail_text(top, err) : 0;
	}
	if (key == '?' || key == 'h')
		return help_open(top, err);
	if (back && !top->detail)
		return 1;
	if (back)
		detail_close(top);
	else if (top->detail)
		return process_key(top, key, err);
	else
		return table_key(top, key, err);
	return 0;
}

static int top_screen(struct top *top, struct err *err)
{
	const struct options *o = &top->t->o;
	uint64_t deadline = window_deadline(&top->run.window);
	/* Nobody likes to look at nothing for long. */
	uint64_t next = top->run.window.start_ns + (o->interval_ns < SECOND ? o->interval_ns : SECOND);
	int ret = 0, key;

	top_draw(top);
	for (;;) {
		const uint64_t t = window_now();
		uint64_t until = top->paused || deadline < next ? deadline : next;

		if (t >= deadline)
			return 0;
		if (t >= next && !top->paused) {
			ret = top_refresh(top, t, err);
			if (ret)
				return ret;
			top_draw(top);
			if (top->t->count && top->count == top->t->count)
				return 0;
			until = next = t + o->interval_ns;
		}
		ret = run_turn(&top->run, until, STDIN_FILENO, err);
		if (ret < 0)
			return ret;
		if (ret == WINDOW_STOP)
			return 0;
		/* Also where there was no input: a new size comes by a signal. */
		while ((key = screen_key(top->screen)) != SCREEN_NONE) {
			ret = top_key(top, key, err);
			if (ret)
				return ret < 0 ? ret : 0;
			top_draw(top);
		}
	}
}

/* --- no screen ------------------------------------------------------------------------ */

static int top_batch(struct top *top, struct err *err)
{
	const struct options *o = &top->t->o;
	uint64_t deadline = window_deadline(&top->run.window);
	uint64_t next = top->run.window.start_ns + o->interval_ns;
	int ret;

	for (;;) {
		const uint64_t t = window_now();
		const bool end = t >= deadline || window_all_ended(&top->run.window);

		/* The last table may be of a shorter time, as long as there is any. */
		if (end || t >= next) {
			ret = top_refresh(top, t, err);
			if (!ret)
				ret = top_print(top, err);
			if (ret || end || top->count == top->t->count)
				return ret;
			while (next <= t)
				next += o->interval_ns;
		}
		ret = run_turn(&top->run, deadline < next ? deadline : next, -1, err);
		if (ret)
			return ret < 0 ? ret : 0;
	}
}

int cmd_top(int argc, char **argv)
{
	struct top_options t = { .key = TOP_WASTE };
	struct top top = { .t = &t, .run = RUN_INIT };
	struct err err = { "" };
	int ret, status = EXIT_DONE;

	options_init(&t.o, "top");
	t.o.interval_ns = 2 * SECOND;
	argp_err_exit_status = EXIT_USAGE;
	argv[0] = "ioready top";
	argp_parse(&argp, argc, argv, 0, NULL, &t);
	if (t.o.all && (t.o.filter.tgids_nr || t.o.filter.tids_nr || t.o.filter.comm[0] ||
			t.o.cgroup)) {
		fprintf(stderr, "ioready top: --all and a filter exclude each other\n");
		return EXIT_USAGE;
	}
	t.o.chain = !t.no_chain;
	top.key = t.key;
	if (!t.batch && screen_check(&err)) {
		fprintf(stderr, "ioready top: %s\n", err.text);
		return EXIT_USAGE;
	}
	ret = run_open(&top.run, &t.o, &err);
	if (!ret)
		ret = run_load(&top.run, &err);
	if (!ret)
		ret = run_attach(&top.run, &err);
	if (!ret && t.o.verbose)
		fprintf(stderr, "%s tier: programs loaded in %.0f ms, attached in %.0f ms\n",
			tier_name(top.run.window.plan.tier), top.run.load_ms, top.run.attach_ms);
	if (!ret && !t.batch)
		ret = screen_open(&top.screen, options_color(&t.o, STDOUT_FILENO), &err);
	if (!ret)
		ret = t.batch ? top_batch(&top, &err) : top_screen(&top, &err);
	/* Before anything is said: it would go with the screen. */
	screen_close(top.screen);
	if (ret)
		status = cmd_fail("top", ret, err.text);
	else if (t.o.fail_on_loss && top.reported && losses_total(&top.report.losses))
		status = EXIT_LOSSES;
	detail_close(&top);
	lines_free(&top.help);
	free(top.rows);
	run_report_free(&top.report);
	files_close(top.files);
	run_close(&top.run);
	return status;
}
