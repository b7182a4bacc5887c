// SPDX-License-Identifier: GPL-2.0-or-later
#include <argp.h>
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd.h"
#include "collector.h"
#include "files.h"
#include "kernel.h"
#include "options.h"
#include "table.h"
#include "tcp.h"

#define BILL_MAX 32
#define CHOICES_MAX 9

static const struct argp_option entries[] = {
	{ "json", 'j', NULL, 0, "a JSON object instead of text", 0 },
	{ 0 },
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	(void)arg;
	if (key == 'j')
		*(bool *)state->input = true;
	else if (key == ARGP_KEY_ARG)
		argp_usage(state);
	else
		return ARGP_ERR_UNKNOWN;
	return 0;
}

static const struct argp argp = {
	.options = entries,
	.parser = parse,
	.doc = "Say what this kernel allows, which hooks follow from it, and what they cost.",
};

/* A line of the table of hooks: what is measured, by which hook, how exactly. */
struct choice {
	const char *subject;
	const char *hook;
	const char *cost;
	const char *kind;
};

static struct choice tcp_choice(const struct tcp_plan *plan)
{
	static const char *const hooks[] = {
		[TIER_FENTRY] = "tracepoints of states, retransmits and resets; fentry on SYNs, "
				"requests, accept and minisocks",
		[TIER_KPROBE] = "tracepoints of states, retransmits and resets; kprobes on SYNs, "
				"requests, accept and minisocks",
		[TIER_TRACEPOINT] = "tracepoints of states, retransmits, resets and accept",
	};
	/* By what of it is hooked: handshakes, minisocks. */
	static const char *const kinds[2][2] = {
		{ "exact from the last ACK on, SYN-ACK to ACK derived; SYNs and TIME_WAIT are absent",
		  "exact from the last ACK on, SYN-ACK to ACK derived; SYNs are absent" },
		{ "exact; TIME_WAIT is absent", "exact" },
	};

	return (struct choice){ "tcp", hooks[plan->tier],
				"a little on each SYN, accept and change of state; nothing on data",
				kinds[plan->handshakes][plan->minisocks] };
}

static struct choice tcp_data_choice(const struct tcp_plan *plan)
{
	static const char *const hooks[] = {
		[ARRIVAL_NONE] = "tracepoint tcp_probe",
		[ARRIVAL_TRACEPOINT] = "tracepoints tcp_probe, sk_data_ready and tcp_rcv_space_adjust",
		[ARRIVAL_FUNCTION] = "tracepoints tcp_probe and tcp_rcv_space_adjust; fentry or a "
				     "kprobe on sock_def_readable",
	};

	return (struct choice){ "tcp --data", hooks[plan->arrival],
				"a little on each segment that comes, and on each read",
				plan->arrival == ARRIVAL_NONE ?
					"exact for holes; how long data waits to be read is absent" :
					"exact" };
}

static struct choice tcp_udp_choice(const struct tcp_plan *plan)
{
	/* By whether closes are seen, and whether reads are by the tracepoint. */
	static const char *const hooks[2][2] = {
		{ "as tcp --data; tracepoints udp_fail_queue_rcv_skb and kfree_skb",
		  "as tcp --data; tracepoints sock_recv_length, udp_fail_queue_rcv_skb and kfree_skb" },
		{ "as tcp --data; tracepoint kfree_skb; fentry or kprobes on reads, on what is queued and "
		  "on closes",
		  "as tcp --data; tracepoints sock_recv_length, udp_fail_queue_rcv_skb and kfree_skb; "
		  "fentry or a kprobe on closes" },
	};

	return (struct choice){ "tcp --udp", hooks[plan->udp_ends][plan->udp_read == UDP_READ_TRACEPOINT],
				"a little on each read of a socket, and on each packet that is dropped",
				!plan->udp_read ? "received is absent; the rest exact, but for checksums "
						  "found at a read: derived" :
						  "exact; checksums found at a read derived" };
}

static int choices(const struct plan *plan, const struct tcp_plan *tcp, struct choice *c)
{
	static const struct choice calls[] = {
		[CALL_FENTRY] = { "calls", "fentry/fexit on the system calls",
				  "nothing on other system calls", "exact" },
		[CALL_SESSION] = { "calls", "kprobe.session on the system calls",
				   "nothing on other system calls; 4 KiB of memory a thread",
				   "exact, also where threads are preempted in the kernel" },
		[CALL_TRACEPOINT] = { "calls", "the system calls' own tracepoints",
				      "some tens of ns on every other system call",
				      "exact" },
	};
	static const struct choice sleeps[] = {
		[SLEEP_FENTRY] = { "sleeps, wakeups", "fentry/fexit on schedule_hrtimeout_range",
				   "nothing but on sleeps of the family", "derived" },
		[SLEEP_SWITCH] = { "sleeps, wakeups", "tracepoint sched_switch",
				   "a little on every context switch", "derived" },
	};
	static const struct choice scans[] = {
		[SCAN_NONE] = { "scans", "none: from watched fds and passes", "nothing",
				"derived; a lower bound for epoll" },
		[SCAN_MULTI] = { "scans", "kprobe.multi on every ->poll()",
				 "in slices of 0.2 s every 10 s, or always with --scans=exact",
				 "exact in the slices" },
		[SCAN_KPROBE] = { "scans", "a kprobe on every ->poll()",
				  "in one slice of 0.2 s at the start, or always with "
				  "--scans=exact",
				  "exact in the slice" },
	};

	static const struct choice chains[] = {
		[WAKE_FENTRY] = { "--chain", "sched_waking; fentry/fexit on what epoll and poll leave "
					     "on a file, fexit on reads and writes",
				  "a little on every wakeup, read and write", "exact" },
		[WAKE_KPROBE] = { "--chain", "sched_waking; kprobes on what epoll and poll leave on a "
					     "file, tracepoints of reads and writes",
				  "a little on every wakeup, read and write", "exact" },
		[WAKE_WAKING] = { "--chain", "tracepoint sched_waking", "a little on every wakeup",
				  "exact from woken to returned; ready and served are absent" },
	};
	static const struct choice herds[] = {
		[WAKE_FENTRY] = { "--herd", "as --chain, and fexit on __wake_up_common",
				  "a little on every wakeup", "exact" },
		[WAKE_KPROBE] = { "--herd", "as --chain, and a kretprobe on __wake_up_common",
				  "a little on every wakeup",
				  "events at least: interrupts within a kprobe are not seen" },
		[WAKE_WAKING] = { "--herd", "none", "nothing", "absent" },
	};
	static const struct choice items = {
		"--items", "as --chain, and kprobes on ep_item_poll",
		"two kprobes for each item asked, a little on every read and write", "exact"
	};
	static const struct choice no_items = { "--items", "none", "nothing", "absent" };
	char function[64];
	bool has_items = plan->wake != WAKE_WAKING &&
			 !kernel_function("ep_item_poll", function, sizeof(function));

	c[0] = calls[plan->call];
	c[1] = sleeps[plan->sleep];
	c[2] = scans[plan->scan];
	c[3] = chains[plan->wake];
	c[4] = herds[plan->wake];
	c[5] = has_items ? items : no_items;
	c[6] = tcp_choice(tcp);
	c[7] = tcp_data_choice(tcp);
	c[8] = tcp_udp_choice(tcp);
	return 9;
}

static int functions_count(void)
{
	char **names;
	int n = kernel_poll_functions(&names, NULL);

	if (n <= 0)
		return 0;
	kernel_poll_functions_free(names, n);
	return n;
}

/* What the module is good for in a snapshot. */
static void print_module(void)
{
	enum files_module module = files_module();

	if (files_kfunc(module))
		printf("Module          loaded, with %s: snapshot duplicates no file\n",
		       files_kfunc(module));
	else
		printf("Module          %s: snapshot duplicates files to ask what is ready\n",
		       module == MODULE_ABSENT ? "not loaded" : "loaded, without kfunc");
}

/* What a map holds from the start, and what is added; then the option, in its column. */
static void print_bill(const struct map_bill *bill)
{
	uint64_t first = bill->bytes ? bill->bytes : bill->bytes_each;
	char text[48];

	if (bill->bytes && bill->bytes_each)
		snprintf(text, sizeof(text), "bytes, %" PRIu64 " each", bill->bytes_each);
	else
		strcpy(text, bill->bytes_each ? "bytes each" : "bytes");
	if (bill->option)
		printf("  %-38s %9" PRIu64 " %-17swith %s\n", bill->name, first, text, bill->option);
	else
		printf("  %-38s %9" PRIu64 " %s\n", bill->name, first, text);
}

static void print_text(const struct kernel *k, const struct plan *plan,
		       const struct tcp_plan *tcp, const char *refusal,
		       const struct map_bill *bill, int bills)
{
	struct choice c[CHOICES_MAX];
	uint64_t fixed = 0;

	printf("Kernel          Linux %s, %s, %d possible CPUs\n", k->release, k->machine, k->cpus);
	printf("Lockdown        %s\n",
	       k->lockdown[0] ? k->lockdown : "not known: it is told in /sys/kernel/security");
	printf("PID namespace   %s\n", k->initial_pids ? "the initial one" : "not the initial one");
	printf("Capabilities    %s\n", k->may_bpf ? "enough to trace" : "not enough to trace");
	printf("BTF             %s\n", k->types ? "yes" : "no");
	if (k->may_bpf && k->types) {
		printf("Task storage    %s\n", k->task_storage ? "yes" : "no");
		printf("fentry          %s\n",
		       k->fentry ? "yes" : strerror(-k->fentry_error));
		printf("kprobes         %s\n", !k->kprobe	? "no" :
					       k->kprobe_session ? "yes, many at once, with returns" :
					       k->kprobe_multi ? "yes, many at once" :
								 "yes, one by one");
		printf("Tracepoints     %s\n",
		       k->syscall_tracepoints ? "yes, of each system call" : "no");
		printf("->poll()        %d functions in the BTF of the kernel and its modules\n", functions_count());
	}
	if (k->preempt[0])
		printf("Preemption      %s\n", k->preempt);
	print_module();
	if (refusal) {
		printf("\nNothing can be traced here: %s.\n", refusal);
		return;
	}
	printf("\nThe %s tier is used:\n\n", tier_name(plan->tier));
	for (int i = 0, n = choices(plan, tcp, c); i < n; i++)
		printf("  %-16s %s\n  %-16s costs %s\n  %-16s %s\n", c[i].subject, c[i].hook, "",
		       c[i].cost, "", c[i].kind);
	if (plan->call == CALL_FENTRY && k->kprobe_session && strcmp(k->preempt, "none") &&
	    strcmp(k->preempt, "voluntary"))
		printf("\nIf a thread is preempted inside a hook, other threads' calls on that CPU are\n"
		       "lost until it goes on, and reported so. --tier kprobe loses none, at about\n"
		       "twice the cost.\n");
	printf("\nKernel memory of the maps:\n\n");
	for (int i = 0; i < bills; i++) {
		print_bill(&bill[i]);
		if (!bill[i].option)
			fixed += bill[i].bytes;
	}
	printf("\n  %.1f MiB from the start, and what options add.\n", fixed / 1048576.0);
}

/* Returns 0, or -ENOMEM if nothing was made of it. */
static int print_json(const struct kernel *k, const struct plan *plan,
		      const struct tcp_plan *tcp, const char *refusal,
		      const struct map_bill *bill, int bills)
{
	json_t *o, *hooks = json_array(), *maps = json_array(), *tiers = json_array();
	enum files_module module = files_module();
	struct choice c[CHOICES_MAX];
	struct plan other;
	int ret = -ENOMEM;

	if (!refusal) {
		for (int i = 0, n = choices(plan, tcp, c); i < n; i++)
			json_array_append_new(hooks, json_pack("{ss ss ss ss}", "measure",
							       c[i].subject, "hook", c[i].hook,
							       "cost", c[i].cost, "kind",
							       c[i].kind));
		for (int i = 0; i < bills; i++)
			json_array_append_new(maps, json_pack("{ss ss? sI sI}", "name",
							      bill[i].name, "option",
							      bill[i].option, "bytes", (json_int_t)bill[i].bytes,
							      "bytes_each",
							      (json_int_t)bill[i].bytes_each));
		for (enum tier t = TIER_FENTRY; t <= TIER_TRACEPOINT; t++)
			if (!kernel_plan(k, t, &other, NULL))
				json_array_append_new(tiers, json_string(tier_name(t)));
	}
	o = json_pack("{ss ss ss si ss? sb sb sb sb sb sb sb sb sb ss? si so? ss? so so so ss?}", "version",
		      IOREADY_VERSION, "host", k->host, "kernel", k->release, "cpus", k->cpus,
		      "lockdown", k->lockdown[0] ? k->lockdown : NULL,
		      "initial_pid_namespace", k->initial_pids, "may_bpf", k->may_bpf, "btf", k->types,
		      "task_storage", k->task_storage, "fentry", k->fentry, "kprobe", !!k->kprobe,
		      "kprobe_multi", k->kprobe_multi, "kprobe_session", k->kprobe_session,
		      "syscall_tracepoints",
		      k->syscall_tracepoints, "preempt", k->preempt[0] ? k->preempt : NULL,
		      "poll_functions", functions_count(),
		      "fentry_error",
		      k->fentry_error ? json_string(strerror(-k->fentry_error)) : NULL, "tier",
		      refusal ? NULL : tier_name(plan->tier), "tiers", tiers, "hooks", hooks,
		      "maps", maps, "refusal", refusal);
	json_object_set_new(o, "module", json_boolean(module != MODULE_ABSENT));
	json_object_set_new(o, "module_kfunc", files_kfunc(module) ?
						       json_string(files_kfunc(module)) :
						       json_null());
	/* A failure to write is the stream's to tell. */
	if (o && (!json_dumpf(o, stdout, JSON_COMPACT) || ferror(stdout))) {
		putchar('\n');
		ret = 0;
	}
	json_decref(o);
	return ret;
}

/* The maps of all programs; those of a set that cannot be opened are not told. */
static int bills_make(const struct kernel *kernel, const struct tcp_plan *tcp,
		      const struct options *o, struct map_bill bill[BILL_MAX])
{
	int n = collector_bill(kernel, o->ring_bytes, o->events_bytes, bill, BILL_MAX), more;

	if (n < 0)
		n = 0;
	more = tcp_bill(kernel, tcp, o->ring_bytes, bill + n, BILL_MAX - n);
	return more < 0 ? n : n + more;
}

int cmd_doctor(int argc, char **argv)
{
	struct map_bill bill[BILL_MAX];
	struct kernel kernel;
	struct plan plan = { 0 };
	struct tcp_plan tcp = { 0 };
	struct options o;
	struct err err = { "" };
	const char *refusal = NULL;
	bool json = false;
	int ret, bills = 0;

	argp_err_exit_status = EXIT_USAGE;
	argv[0] = "ioready doctor";
	argp_parse(&argp, argc, argv, 0, NULL, &json);
	/* What the other commands hold if they are not told otherwise. */
	options_init(&o, "doctor");
	ret = kernel_open(&kernel, &err);
	if (!ret)
		ret = kernel_check(&kernel, &err);
	if (!ret)
		ret = kernel_plan(&kernel, TIER_AUTO, &plan, &err);
	if (ret) {
		refusal = err.text;
	} else {
		tcp = tcp_plan_make(plan.tier, true, true);
		bills = bills_make(&kernel, &tcp, &o, bill);
	}
	ret = 0;
	if (json)
		ret = print_json(&kernel, &plan, &tcp, refusal, bill, bills);
	else
		print_text(&kernel, &plan, &tcp, refusal, bill, bills);
	kernel_close(&kernel);
	if (ret)
		return cmd_fail("doctor", ret, "out of memory");
	if (fflush(stdout) || ferror(stdout)) {
		fprintf(stderr, "ioready doctor: standard output: %s\n", strerror(errno));
		return EXIT_FAILED;
	}
	return refusal ? EXIT_UNSUPPORTED : EXIT_DONE;
}
