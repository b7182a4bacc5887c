// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * floor.c - floor TIER|raw [--epoll-ctl]: hooks what `ioready stat --tier TIER
 * --scans derive` hooks (raw: the pair that every system call passes), with
 * programs that do nothing; says "TIER ready", and stays until its standard
 * input ends or a signal ends it.
 */
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "abi.h"
#include "floor.skel.h"
#include "kernel.h"

struct hooks {
	const char *name;
	struct bpf_program *fentry, *fexit, *session, *enter, *exit;
};

static int fail(const char *what)
{
	fprintf(stderr, "floor: %s: %s\n", what, strerror(errno));
	return 1;
}

static int attach_event(const struct kernel *kernel, struct bpf_program *prog, const char *prefix,
			const char *name)
{
	struct perf_event_attr attr = { .type = PERF_TYPE_TRACEPOINT, .size = sizeof(attr),
					.sample_period = 1 };
	char event[64];
	int fd, id;

	snprintf(event, sizeof(event), "%s%s", prefix, name);
	id = kernel_tracepoint_id(kernel, "syscalls", event);
	if (id < 0) {
		errno = -id;
		return fail(event);
	}
	attr.config = id;
	fd = syscall(SYS_perf_event_open, &attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);
	return fd < 0 || !bpf_program__attach_perf_event(prog, fd) ? fail(event) : 0;
}

static int attach(struct bpf_program *prog)
{
	return bpf_program__attach(prog) ? 0 : fail(bpf_program__name(prog));
}

int main(int argc, char **argv)
{
	bool raw = argc > 1 && !strcmp(argv[1], "raw");
	bool ctl = argc > 2 && !strcmp(argv[2], "--epoll-ctl");
	struct bpf_program *prog;
	struct floor_bpf *skel;
	struct kernel kernel;
	struct plan plan = {};
	struct err err;
	enum tier tier;
	bool fentry, session;
	char byte;
	int ret = 0;

	if (argc < 2 || argc > 2 + ctl) {
		fputs("usage: floor auto|fentry|kprobe|tracepoint|raw [--epoll-ctl]\n", stderr);
		return 2;
	}
	ret = kernel_open(&kernel, &err);
	if (!ret)
		ret = kernel_check(&kernel, &err);
	if (!ret && !raw)
		ret = tier_parse(argv[1], &tier, &err);
	if (!ret && !raw)
		ret = kernel_plan(&kernel, tier, &plan, &err);
	if (ret) {
		fprintf(stderr, "floor: %s\n", err.text);
		return 1;
	}
	skel = floor_bpf__open();
	if (!skel)
		return fail("open");
	fentry = !raw && plan.call == CALL_FENTRY;
	session = !raw && plan.call == CALL_SESSION;
	const struct hooks hooks[] = {
#define X(name, mechanism)							\
		{ #name, skel->progs.fentry_##name, skel->progs.fexit_##name,	\
		  skel->progs.session_##name, skel->progs.enter_##name,	\
		  skel->progs.exit_##name },
		WAIT_FAMILY(X)
#undef X
	};
	bpf_object__for_each_program(prog, skel->obj)
		bpf_program__set_autoload(prog, false);
	for (int i = 0; !raw && i < WAIT_NR; i++) {
		if (i == WAIT_epoll_ctl && !ctl)
			continue;
		if (session) {
			bpf_program__set_autoload(hooks[i].session, true);
			bpf_program__set_expected_attach_type(hooks[i].session, KPROBE_SESSION);
			continue;
		}
		bpf_program__set_autoload(fentry ? hooks[i].fentry : hooks[i].enter, true);
		bpf_program__set_autoload(fentry ? hooks[i].fexit : hooks[i].exit, true);
	}
	bpf_program__set_autoload(skel->progs.raw_enter, raw);
	bpf_program__set_autoload(skel->progs.raw_exit, raw);
	bpf_program__set_autoload(skel->progs.fentry_sleep, !raw && plan.sleep == SLEEP_FENTRY);
	bpf_program__set_autoload(skel->progs.fexit_sleep, !raw && plan.sleep == SLEEP_FENTRY);
	bpf_program__set_autoload(skel->progs.switch_sleep, !raw && plan.sleep == SLEEP_SWITCH);
	if (floor_bpf__load(skel))
		return fail("load");

	for (int i = 0; !ret && session && i < WAIT_NR; i++) {
		/* The function is the one that its fentry program names. */
		const char *section = bpf_program__section_name(hooks[i].fentry);
		int fd;

		if (!bpf_program__autoload(hooks[i].session))
			continue;
		fd = kernel_session_attach(bpf_program__fd(hooks[i].session),
					   strchr(section, '/') + 1);
		errno = -fd;
		ret = fd < 0 ? fail(section) : 0;
	}
	for (int i = 0; !ret && !raw && !fentry && i < WAIT_NR; i++) {
		if (!bpf_program__autoload(hooks[i].enter))
			continue;
		ret = attach_event(&kernel, hooks[i].enter, "sys_enter_", hooks[i].name);
		if (!ret)
			ret = attach_event(&kernel, hooks[i].exit, "sys_exit_", hooks[i].name);
	}
	bpf_object__for_each_program(prog, skel->obj)
		if (!ret && bpf_program__autoload(prog) &&
		    bpf_program__type(prog) == BPF_PROG_TYPE_TRACING)
			ret = attach(prog);
	if (ret)
		return ret;
	printf("%s ready\n", raw ? "raw" : tier_name(plan.tier));
	fflush(stdout);
	while (read(STDIN_FILENO, &byte, 1) > 0 || errno == EINTR)
		;
	/* What is attached goes with the process. */
	return 0;
}
