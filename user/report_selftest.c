// SPDX-License-Identifier: GPL-2.0-or-later
#include "report_selftest.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <string.h>

#include "report.h"

void selftest_tally(const struct selftest_report *report, int tally[VERDICTS])
{
	memset(tally, 0, VERDICTS * sizeof(tally[0]));
	for (int i = 0; i < report->results_nr; i++)
		for (int j = 0; j < report->results[i].checks_nr; j++)
			tally[report->results[i].checks[j].verdict]++;
}

static const char *scans_said(const struct selftest_report *report)
{
	return report->scans == SCANS_EXACT ? "counted one by one" : "derived";
}

/* What the figures say, in words. */
static void finding_text(FILE *out, const struct selftest_report *report)
{
	int tally[VERDICTS];

	selftest_tally(report, tally);
	if (tally[VERDICT_WRONG])
		fprintf(out, "%d figures are wrong: they say more than the truth, or other than it.",
			tally[VERDICT_WRONG]);
	else
		fputs("No figure is wrong.", out);
	fprintf(out, " %d equal the truth, %d derived ones are within 1 %% or 1 of it, %d are not; "
		     "%d lower bounds are below it.",
		tally[VERDICT_EQUAL], tally[VERDICT_NEAR], tally[VERDICT_OFF],
		tally[VERDICT_BELOW]);
	if (tally[VERDICT_ABSENT])
		fprintf(out, " %d could not be had.", tally[VERDICT_ABSENT]);
	fprintf(out, "\n\n%s, %s tier; scans are %s; %u calls or more a case.\n", report->release,
		tier_name(report->tier), scans_said(report), report->rounds);
}

/* The chains of all cases together: by the stamps, and by the tracer. */
static uint64_t chain_sum(const struct selftest_report *report, uint64_t *truth, uint64_t *tracer)
{
	uint64_t calls = 0;

	*truth = *tracer = 0;
	for (int i = 0; i < report->results_nr; i++) {
		const struct selftest_result *r = &report->results[i];

		for (int j = 1; j < r->checks_nr; j++) {
			/* Where another number of calls was counted, the sums say nothing. */
			if (strcmp(r->checks[j].measure, "chain_ns") ||
			    r->checks[j - 1].verdict != VERDICT_EQUAL)
				continue;
			calls += r->checks[j - 1].truth;
			*truth += r->checks[j].truth;
			*tracer += r->checks[j].tracer;
		}
	}
	return calls;
}

static void chain_text(FILE *out, const struct selftest_report *report)
{
	uint64_t truth, tracer, calls = chain_sum(report, &truth, &tracer);

	if (calls)
		fprintf(out, "From %s to returned, mean of %" PRIu64 " calls: %" PRIu64
			" ns by the tracer; from ready, %" PRIu64 " ns by the\nstamps of the "
			"module and the case: %" PRId64 " ns more. A clock read costs %" PRIu64
			" ns here.\n",
			report->tier == TIER_TRACEPOINT ? "woken" : "ready", calls, tracer / calls,
			truth / calls, ((int64_t)truth - (int64_t)tracer) / (int64_t)calls,
			report->clock_ns);
}

void report_selftest_text(FILE *out, const struct selftest_report *report, bool all)
{
	bool head = false;

	finding_text(out, report);
	for (int i = 0; i < report->results_nr; i++) {
		const struct selftest_result *r = &report->results[i];
		const char *name = r->test->name;

		for (int j = 0; j < r->checks_nr; j++) {
			const struct selftest_check *c = &r->checks[j];
			char tracer[24] = "-", off[24] = "-";

			if (!all && c->verdict != VERDICT_WRONG && c->verdict != VERDICT_OFF)
				continue;
			if (!head)
				fprintf(out, "\n%-26s %-16s %13s %13s %10s  %-11s %s\n", "CASE",
					"MEASURE", "TRUTH", "TRACER", "DIFFERENCE", "KIND",
					"VERDICT");
			head = true;
			if (c->kind != KIND_ABSENT) {
				snprintf(tracer, sizeof(tracer), "%" PRIu64, c->tracer);
				snprintf(off, sizeof(off), "%+" PRId64,
					 (int64_t)(c->tracer - c->truth));
			}
			fprintf(out, "%-26s %-16s %13" PRIu64 " %13s %10s  %-11s %s\n", name,
				c->measure, c->truth, tracer, off, kind_name(c->kind),
				verdict_name(c->verdict));
			name = "";
		}
	}
	fputc('\n', out);
	chain_text(out, report);
	if (!losses_total(&report->losses)) {
		fputs("Nothing was lost", out);
		if (report->attempts > 1)
			fprintf(out, ", at attempt %u: the kernel skipped hooks before", report->attempts);
		fputs(".\n", out);
		return;
	}
	fputs("Lost, as counted in the last:", out);
	for (int i = 0; i < LOSSES; i++)
		if (losses_count(&report->losses, i))
			fprintf(out, " %s %" PRIu64, loss_name(i), losses_count(&report->losses, i));
	fprintf(out, ", in each of %u attempts; see ioready-stat(1).\n", report->attempts);
}

int report_selftest_json(FILE *out, const struct selftest_report *report)
{
	json_t *o = json_object(), *cases = json_array(), *verdicts = json_object();
	uint64_t chains, truth, tracer;
	int tally[VERDICTS], ret;

	selftest_tally(report, tally);
	for (int i = 0; i < VERDICTS; i++)
		json_object_set_new(verdicts, verdict_name(i), json_integer(tally[i]));
	for (int i = 0; i < report->results_nr; i++) {
		const struct selftest_result *r = &report->results[i];
		json_t *checks = json_array();

		for (int j = 0; j < r->checks_nr; j++) {
			const struct selftest_check *c = &r->checks[j];
			bool absent = c->kind == KIND_ABSENT;

			json_array_append_new(
				checks,
				json_pack("{ss sI so so ss ss}", "measure", c->measure, "truth",
					  (json_int_t)c->truth, "tracer",
					  absent ? json_null() : json_integer(c->tracer),
					  "difference",
					  absent ? json_null() : json_integer(c->tracer - c->truth),
					  "kind", kind_name(c->kind), "verdict",
					  verdict_name(c->verdict)));
		}
		json_array_append_new(cases, json_pack("{ss ss so}", "name", r->test->name,
						       "syscall",
						       wait_syscall_name(r->test->syscall),
						       "checks", checks));
	}
	json_object_set_new(o, "version", json_string(IOREADY_VERSION));
	json_object_set_new(o, "host", json_string(report->host));
	json_object_set_new(o, "kernel", json_string(report->release));
	json_object_set_new(o, "tier", json_string(tier_name(report->tier)));
	json_object_set_new(o, "scans", json_string(report->scans == SCANS_EXACT ? "exact" : "derive"));
	json_object_set_new(o, "rounds", json_integer(report->rounds));
	json_object_set_new(o, "attempts", json_integer(report->attempts));
	json_object_set_new(o, "lost", json_integer(losses_total(&report->losses)));
	json_object_set_new(o, "losses", losses_json(&report->losses));
	chains = chain_sum(report, &truth, &tracer);
	json_object_set_new(o, "chain",
			    json_pack("{sI sI sI sI}", "calls", (json_int_t)chains, "truth_ns",
				      (json_int_t)truth, "tracer_ns", (json_int_t)tracer,
				      "clock_ns", (json_int_t)report->clock_ns));
	json_object_set_new(o, "verdicts", verdicts);
	json_object_set_new(o, "cases", cases);
	ret = json_dumpf(o, out, JSON_COMPACT);
	fputc('\n', out);
	json_decref(o);
	return ret && !ferror(out) ? -ENOMEM : 0;
}
