// SPDX-License-Identifier: GPL-2.0-or-later
#include "report.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "abi_tcp.h"

static const struct {
	const char *name, *words;
} loss_texts[LOSSES] = {
	[LOSS_BEGUN_BEFORE] = { "begun_before", "calls begun before the window, not counted" },
	[LOSS_ENTRY_UNSEEN] = { "entry_unseen", "calls not counted, their entry was not seen" },
	[LOSS_EXIT_UNSEEN] = { "exit_unseen", "calls not counted, their return was not seen" },
	[LOSS_NO_MEMORY] = { "no_memory", "calls not counted for want of kernel memory" },
	[LOSS_RING_FULL] = { "ring_full",
			     "calls of ended threads lost to a full ring (see --ring)" },
	[LOSS_KILLED] = { "killed", "calls whose thread ended inside them, not counted" },
	[LOSS_FAULT] = { "fault", "calls counted with nothing known of what they watched" },
	[LOSS_HISTOGRAM] = { "histogram", "calls missing in the latency histogram" },
	[LOSS_CHAINS] = { "chains", "calls that were woken, not counted as such" },
	[LOSS_WAKES] = { "wakes", "wakes within a kprobe: if a file made them, that was not seen" },
	[LOSS_WAKERS] = { "wakers", "wakes by wakers that found no room in their table" },
	[LOSS_FILES] = { "files", "times that a file, an item or a thread woken found no room in "
				  "its table, or was told when there was none" },
	[LOSS_EVENTS] = { "events", "lines are missing" },
	[LOSS_NOT_FOLLOWED] = { "not_followed", "threads of the command not followed" },
	[LOSSES_NESTED] = { "nested", "runs of a hook skipped because another was running" },
	[LOSSES_32BIT] = { "threads_32bit",
			   "threads of 32-bit programs, whose calls are not decoded" },
};

const char *loss_name(int reason)
{
	return loss_texts[reason].name;
}

const char *loss_words(int reason)
{
	return loss_texts[reason].words;
}

uint64_t losses_count(const struct losses *losses, int reason)
{
	return reason == LOSSES_NESTED ? losses->nested :
	       reason == LOSSES_32BIT  ? losses->threads_32bit :
					 losses->count[reason];
}

uint64_t losses_total(const struct losses *losses)
{
	uint64_t n = 0;

	for (int i = 0; i < LOSSES; i++)
		if (i != LOSS_BEGUN_BEFORE)
			n += losses_count(losses, i);
	return n;
}

const char *losses_most(const struct losses *losses)
{
	const char *name = NULL;
	uint64_t most = 0;

	for (int i = 0; i < LOSSES; i++) {
		if (i != LOSS_BEGUN_BEFORE && losses_count(losses, i) > most) {
			most = losses_count(losses, i);
			name = loss_name(i);
		}
	}
	return name;
}

char *text_address(char *to, uint16_t family, const uint8_t *address, uint16_t port)
{
	char text[INET6_ADDRSTRLEN] = "?";

	inet_ntop(family, address, text, sizeof(text));
	sprintf(to, family == AF_INET6 ? "[%s]:%u" : "%s:%u", text, port);
	return to;
}

const char *tcp_state_name(unsigned int state)
{
	static const char *const names[STATE_NR] = {
#define X(name, number, text) [number] = text,
		TCP_STATES(X)
#undef X
	};

	return state < STATE_NR ? names[state] : NULL;
}

char *text_grouped(char *to, uint64_t n)
{
	char digits[24];
	int length = snprintf(digits, sizeof(digits), "%" PRIu64, n);
	char *at = to;

	for (int i = 0; i < length; i++) {
		if (i && (length - i) % 3 == 0)
			*at++ = ',';
		*at++ = digits[i];
	}
	*at = 0;
	return to;
}

char *text_duration(char *to, uint64_t ns)
{
	static const struct {
		double unit;
		const char *name;
	} units[] = { { 1e9, "s" }, { 1e6, "ms" }, { 1e3, "us" }, { 1, "ns" } };
	int i = 0;
	double x;

	while (i < 3 && ns < units[i].unit)
		i++;
	x = ns / units[i].unit;
	sprintf(to, "%.*f%s", i == 3 || x >= 100 ? 0 : x >= 10 ? 1 : 2, x, units[i].name);
	return to;
}

char *text_time(char *to, uint64_t unix_ns)
{
	time_t seconds = unix_ns / 1000000000;
	struct tm tm;

	localtime_r(&seconds, &tm);
	strftime(to, 16, "%T", &tm);
	sprintf(to + strlen(to), ".%06" PRIu64, unix_ns % 1000000000 / 1000);
	return to;
}

char *text_share(char *to, double part, double whole)
{
	if (!whole)
		return strcpy(to, "-");
	sprintf(to, "%.1f%%", 100.0 * part / whole);
	return to;
}

enum kind events_kind(enum wake_hook wake)
{
	return wake == WAKE_FENTRY ? KIND_EXACT :
	       wake == WAKE_KPROBE ? KIND_LOWER_BOUND :
				     KIND_ABSENT;
}

const char *chains_absent(const struct report *report)
{
	if (!report->chain || report->served_had)
		return NULL;
	return report->plan.wake == WAKE_WAKING ?
		       "When a file became ready and when it was served cannot be told here: "
		       "tracepoints do not tell it" :
		       "When a file was served cannot be told here: this kernel has no tracepoints "
		       "of system calls";
}

const char *kind_mark(enum kind kind)
{
	return kind == KIND_LOWER_BOUND			    ? ">=" :
	       kind == KIND_DERIVED || kind == KIND_SAMPLED ? "~" :
							      "";
}
