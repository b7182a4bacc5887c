// SPDX-License-Identifier: GPL-2.0-or-later
#include "selftest.h"

#include <stddef.h>

static const char *const verdict_names[] = { "equal", "near", "off", "below", "wrong", "absent" };

const char *verdict_name(enum verdict verdict)
{
	return verdict_names[verdict];
}

static enum verdict verdict(enum kind kind, uint64_t truth, uint64_t tracer)
{
	uint64_t off = tracer > truth ? tracer - truth : truth - tracer;

	switch (kind) {
	case KIND_EXACT:
		return off ? VERDICT_WRONG : VERDICT_EQUAL;
	case KIND_LOWER_BOUND:
		return tracer > truth ? VERDICT_WRONG : VERDICT_BELOW;
	case KIND_ABSENT:
		return VERDICT_ABSENT;
	case KIND_DERIVED:
	case KIND_SAMPLED:
		break;
	}
	return !off ? VERDICT_EQUAL : off <= 1 || off <= truth / 100 ? VERDICT_NEAR : VERDICT_OFF;
}

struct checks {
	struct selftest_check *at;
	int nr;
};

static void check(struct checks *checks, const char *measure, uint64_t truth, uint64_t tracer,
		  enum kind kind)
{
	checks->at[checks->nr++] = (struct selftest_check){
		measure, truth, kind == KIND_ABSENT ? 0 : tracer, kind, verdict(kind, truth, tracer)
	};
}

static const struct wait_figures *find(const struct wait_figures *figures, int nr,
				       enum wait_syscall syscall)
{
	static const struct wait_figures none = { .watched_kind = KIND_ABSENT };

	for (int i = 0; i < nr; i++)
		if (figures[i].syscall == syscall)
			return &figures[i];
	return &none;
}

int selftest_compare(const struct selftest_case *test, const struct selftest_truth *truth,
		     const struct wait_figures *figures, int figures_nr,
		     const struct chain_figures *chain, const struct file_row *herd,
		     enum kind herd_kind, struct selftest_check out[SELFTEST_CHECKS_MAX])
{
	const struct wait_figures *f = find(figures, figures_nr, test->syscall);
	const struct wait_figures *ctl = find(figures, figures_nr, WAIT_epoll_ctl);
	bool is_epoll = test->syscall == WAIT_epoll_wait || test->syscall == WAIT_epoll_pwait ||
			test->syscall == WAIT_epoll_pwait2;
	struct checks c = { out, 0 };

	check(&c, "calls", truth->calls, f->calls, KIND_EXACT);
	check(&c, "returned.ready", truth->returned[RETURNED_READY], f->returned[RETURNED_READY],
	      KIND_EXACT);
	check(&c, "returned.timeout", truth->returned[RETURNED_TIMEOUT],
	      f->returned[RETURNED_TIMEOUT], KIND_EXACT);
	check(&c, "returned.signal", truth->returned[RETURNED_SIGNAL],
	      f->returned[RETURNED_SIGNAL], KIND_EXACT);
	check(&c, "ready", truth->ready, f->ready, KIND_EXACT);
	if (!is_epoll) {
		check(&c, "watched", truth->watched, f->watched_mean * f->calls + 0.5,
		      f->watched_kind);
		check(&c, "watched_max", truth->watched_max, f->watched_max, f->watched_kind);
		check(&c, "passes", truth->passes, f->passes, f->passes_kind);
	}
	check(&c, "scans", truth->scans, f->scans, f->scans_kind);
	check(&c, "wasted", truth->wasted, f->wasted, f->wasted_kind);
	check(&c, "copied_bytes", truth->copied, f->copied, KIND_EXACT);
	if (test->mode != MODE_CROWD) {
		check(&c, "wakeups", truth->wakeups, f->wakeups, KIND_DERIVED);
		check(&c, "wakeups_empty", truth->wakeups_empty, f->wakeups_empty, KIND_DERIVED);
	}
	if (test->mode == MODE_WAKE) {
		uint64_t ns = 0;

		for (int part = 0; chain && part < CHAIN_NR; part++)
			ns += chain->parts[part].sum;
		check(&c, "chain.calls", truth->chains, chain ? chain->calls : 0, KIND_DERIVED);
		/* Within the stamps: the source's before it wakes, the case's after the call. */
		check(&c, "chain_ns", truth->chain_ns, ns, KIND_LOWER_BOUND);
	}
	check(&c, "herd.events", truth->events, herd ? herd->events : 0,
	      herd ? herd_kind : KIND_ABSENT);
	if (test->mode != MODE_CROWD)
		check(&c, "herd.woken", truth->wakeups, herd ? herd->herd[HERD_WOKEN] : 0,
		      herd ? KIND_DERIVED : KIND_ABSENT);
	/* The case's clock is read outside the call, so its time is the longer. */
	check(&c, "latency_ns.sum", truth->total_ns, f->latency.sum, KIND_LOWER_BOUND);
	if (is_epoll) {
		check(&c, "epoll_ctl.calls", truth->ctl_calls, ctl->calls, KIND_EXACT);
		check(&c, "epoll_ctl.scans", truth->ctl_scans, ctl->scans, ctl->scans_kind);
	}
	return c.nr;
}
