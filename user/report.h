/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the printers print: the figures and everything that qualifies them. */
#ifndef IOREADY_REPORT_H
#define IOREADY_REPORT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "collector.h"
#include "kernel.h"
#include "model_chain.h"
#include "model_herd.h"
#include "model_item.h"
#include "model_wait.h"
#include "text.h"

/**
 * struct report - one window
 * @host, @release: where it was taken
 * @plan: hooks used
 * @scans: how scans were to be had
 * @scan_functions: ->poll() functions hooked, 0 for none
 * @start_unix_ns: when the window began
 * @seconds: how long it was
 * @interval: whether this is a part of the window, not all of it
 * @chain: whether chains were followed; @chain_fds: for each fd, too
 * @served_had: whether they were to their end
 * @herd, @items: whether these were asked for; @herd_had, @items_had: and could be had
 * @losses: all since the beginning of the window
 * @threads: whether threads are told apart
 * @waits, @waits_nr: the figures
 * @chains, @chains_nr: those of chains, if @chain
 * @wakers, @wakers_nr: who woke whom, if @chain
 * @fd_chains, @fd_chains_nr: chains of each fd, if @chain_fds
 * @herds, @herds_nr: files and whom they woke, if @herd_had
 * @epolls, @epolls_nr: epolls, if @items_had
 * @item_rows, @items_nr: and their items
 */
struct report {
	const char *host;
	const char *release;
	struct plan plan;
	enum scan_mode scans;
	int scan_functions;
	uint64_t start_unix_ns;
	double seconds;
	bool interval;
	bool chain;
	bool chain_fds;
	bool served_had;
	bool herd;
	bool items;
	bool herd_had;
	bool items_had;
	struct losses losses;
	bool threads;
	const struct wait_figures *waits;
	int waits_nr;
	const struct chain_figures *chains;
	int chains_nr;
	const struct waker_figures *wakers;
	int wakers_nr;
	const struct fd_chain_figures *fd_chains;
	int fd_chains_nr;
	const struct herd_figures *herds;
	int herds_nr;
	const struct epoll_figures *epolls;
	int epolls_nr;
	const struct item_figures *item_rows;
	int items_nr;
};

/** struct text_options - @rows: most rows to print, 0 for all; @color: use escapes */
struct text_options {
	uint32_t rows;
	bool color;
};

/** report_text() - for a person: the finding in words, then the table */
void report_text(FILE *out, const struct report *report, const struct text_options *options);

/**
 * report_json() - for a program: one object on one line
 *
 * Return: 0 or -ENOMEM. As with report_text(), errors of @out are left to the
 * caller's ferror().
 */
int report_json(FILE *out, const struct report *report);

/**
 * report_object() - the same, to be part of another one
 *
 * Return: a json_t of jansson's, the caller's; NULL when out of memory.
 */
struct json_t *report_object(const struct report *report);

/* The reasons of struct losses: enum loss, and those that have a member of their own. */
enum {
	LOSSES_NESTED = LOSS_NR,
	LOSSES_32BIT,
	LOSSES,
};

/** loss_name() - the name of a reason, as in JSON */
const char *loss_name(int reason);

/** loss_words() - what a number of this reason is a number of */
const char *loss_words(int reason);

/** losses_count() - the number of this reason */
uint64_t losses_count(const struct losses *losses, int reason);

/**
 * losses_total() - calls, samples and runs that are missing somewhere
 *
 * A call begun before the window is not the window's, and so no loss.
 */
uint64_t losses_total(const struct losses *losses);

/**
 * losses_json() - an object of all reasons
 *
 * Return: the caller's; NULL when out of memory.
 */
struct json_t *losses_json(const struct losses *losses);

/** losses_most() - the name of the reason for most of losses_total(); NULL for none */
const char *losses_most(const struct losses *losses);

/**
 * text_address() - as "192.0.2.1:80" or "[2001:db8::1]:80"
 *
 * @family is AF_INET or AF_INET6, @address has 4 or 16 bytes; @to has 64; returns @to.
 */
char *text_address(char *to, uint16_t family, const uint8_t *address, uint16_t port);

/** tcp_state_name() - as ss(8) has it; NULL for a number that is none */
const char *tcp_state_name(unsigned int state);

/** text_grouped() - 1234567 as 1,234,567; @to has 32 bytes; returns @to */
char *text_grouped(char *to, uint64_t n);

/**
 * text_duration() - three digits and a unit, as "4.21ms"
 *
 * Nothing is longer than 7 characters. @to has 16 bytes; returns @to.
 */
char *text_duration(char *to, uint64_t ns);

/**
 * text_time() - local time with microseconds, as "12:34:56.123456"
 *
 * @unix_ns since 1970; @to has 32 bytes; returns @to.
 */
char *text_time(char *to, uint64_t unix_ns);

/** text_share() - "12.3%", or "-" as a part of nothing; @to has 16 bytes; returns @to */
char *text_share(char *to, double part, double whole);

/**
 * events_kind() - how far can be trusted how often files became ready: the events of
 * herds, and the notifications of items
 *
 * What comes in an interrupt of a kprobe is not seen by kprobes: losses.wakes in
 * Documentation/measures.rst.
 */
enum kind events_kind(enum wake_hook wake);

/** chains_absent() - which parts of chains cannot be had, and why; NULL if all can */
const char *chains_absent(const struct report *report);

/** kind_mark() - what stands before a figure of a kind: "", "~" or ">=" */
const char *kind_mark(enum kind kind);

#endif /* IOREADY_REPORT_H */
