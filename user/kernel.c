// SPDX-License-Identifier: GPL-2.0-or-later
#include "kernel.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/mount.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "types.h"

#ifndef TRACEFS_MAGIC
#define TRACEFS_MAGIC 0x74726163
#endif

/* The function whose fentry stands for all: every sleep of the family is in it. */
#define FENTRY_PROBE "schedule_hrtimeout_range"

/*
 * tracefs is where perf's tracepoint numbers are. Where nobody has mounted it
 * we mount it detached: seen by this process alone, gone with its fd.
 */
static int fs_mount(const char *type)
{
	int fs = syscall(SYS_fsopen, type, FSOPEN_CLOEXEC), fd = -1;

	if (fs < 0)
		return -1;
	if (!syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0))
		fd = syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, 0);
	close(fs);
	return fd;
}

static int tracefs_open(void)
{
	static const char *const usual[] = { "/sys/kernel/tracing", "/sys/kernel/debug/tracing" };
	int fd = -1;

	for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]); i++) {
		struct statfs st;

		fd = open(usual[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd >= 0 && !fstatfs(fd, &st) && st.f_type == TRACEFS_MAGIC)
			return fd;
		if (fd >= 0)
			close(fd);
	}
	return fs_mount("tracefs");
}

int kernel_tracepoint_id(const struct kernel *kernel, const char *category, const char *name)
{
	char path[128], text[16];
	int fd;
	ssize_t n;

	snprintf(path, sizeof(path), "events/%s/%s/id", category, name);
	fd = openat(kernel->tracefs, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return -EIO;
	text[n] = 0;
	return atoi(text);
}

/* Reads, and closes, a file that lists all choices and marks the one: none [this] that. */
static void choice_read(int fd, const char *marks, char choice[16])
{
	char text[128], *from, *to;
	ssize_t n;

	if (fd < 0)
		return;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return;
	text[n] = 0;
	from = strchr(text, marks[0]);
	to = from ? strchr(from, marks[1]) : NULL;
	if (to) {
		*to = 0;
		snprintf(choice, 16, "%s", from + 1);
	}
}

static void lockdown_read(struct kernel *kernel)
{
	const char *file = "/sys/kernel/security/lockdown";

	/* Its neighbour is there whenever securityfs is mounted. */
	if (access(file, F_OK) && !access("/sys/kernel/security/lsm", F_OK))
		strcpy(kernel->lockdown, "none");
	choice_read(open(file, O_RDONLY | O_CLOEXEC), "[]", kernel->lockdown);
}

/* From debugfs, as where tracefs is: there since 5.12 if it can be changed. */
static void preempt_read(struct kernel *kernel)
{
	int fs, fd = open("/sys/kernel/debug/sched/preempt", O_RDONLY | O_CLOEXEC);

	if (fd < 0) {
		fs = fs_mount("debugfs");
		if (fs < 0)
			return;
		fd = openat(fs, "sched/preempt", O_RDONLY | O_CLOEXEC);
		close(fs);
	}
	choice_read(fd, "()", kernel->preempt);
}

/* include/linux/proc_ns.h */
#define PROC_PID_INIT_INO 0xeffffffcU

/* Without a /proc to ask, taken for granted: a container has one. */
static bool initial_pids(void)
{
	struct stat st;

	return stat("/proc/self/ns/pid", &st) || st.st_ino == PROC_PID_INIT_INO;
}

static bool may_bpf(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = {};
	uint64_t caps;

	if (syscall(SYS_capget, &head, data))
		return false;
	caps = data[0].effective | (uint64_t)data[1].effective << 32;
	return caps & (1ULL << CAP_SYS_ADMIN) ||
	       (caps & (1ULL << CAP_BPF) && caps & (1ULL << CAP_PERFMON));
}

/*
 * Loads (and drops) the smallest program of this type. What it is attached to
 * is named at load time already, so loading tells what attaching would.
 */
static int fentry_try(void)
{
	const struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = BPF_TRACE_FENTRY);
	int fd, link;

	opts.attach_btf_id = btf__find_by_name_kind(types_get(), FENTRY_PROBE, BTF_KIND_FUNC);
	if ((int)opts.attach_btf_id < 0)
		return -ENOENT;
	fd = bpf_prog_load(BPF_PROG_TYPE_TRACING, "probe", "GPL", insns, 2, &opts);
	if (fd < 0)
		return fd;
	link = bpf_raw_tracepoint_open(NULL, fd);
	close(fd);
	if (link < 0)
		return link;
	close(link);
	return 0;
}

int kernel_session_attach(int prog, const char *function)
{
	const char *const functions[] = { function };
	union bpf_attr attr = { 0 };
	int fd;

	attr.link_create.prog_fd = prog;
	attr.link_create.attach_type = KPROBE_SESSION;
	attr.link_create.kprobe_multi.syms = (uintptr_t)functions;
	attr.link_create.kprobe_multi.cnt = 1;
	fd = syscall(SYS_bpf, BPF_LINK_CREATE, &attr, sizeof(attr));
	return fd < 0 ? -errno : fd;
}

/*
 * Tries it. Older kernels have kprobe.session as well, but a few returns only at
 * a time for all threads (rethook), and forget the others without a word. Those
 * that keep a stack of returns for each thread have struct fprobe_hlist.
 */
static bool session_try(void)
{
	const struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = KPROBE_SESSION);
	int fd, link;

	if (btf__find_by_name_kind(types_get(), "fprobe_hlist", BTF_KIND_STRUCT) < 0 ||
	    btf__find_by_name_kind(types_get(), "bpf_session_run_ctx", BTF_KIND_STRUCT) < 0 ||
	    btf__find_by_name_kind(types_get(), "bpf_rdonly_cast", BTF_KIND_FUNC) < 0)
		return false;
	fd = bpf_prog_load(BPF_PROG_TYPE_KPROBE, "probe", "GPL", insns, 2, &opts);
	if (fd < 0)
		return false;
	link = kernel_session_attach(fd, FENTRY_PROBE);
	close(fd);
	if (link < 0)
		return false;
	close(link);
	return true;
}

static int kprobe_pmu(void)
{
	FILE *f = fopen("/sys/bus/event_source/devices/kprobe/type", "re");
	int type = 0;

	if (f && fscanf(f, "%d", &type) != 1)
		type = 0;
	if (f)
		fclose(f);
	return type;
}

/* Calls @fn with the name of each symbol until it says true; whether it did. */
static bool symbols_find(bool (*fn)(char *name, void *arg), void *arg)
{
	FILE *f = fopen("/proc/kallsyms", "re");
	char line[512], *name;
	bool found = false;

	while (f && !found && fgets(line, sizeof(line), f)) {
		/* "address type name", and the module's name behind a tab */
		line[strcspn(line, "\t\n")] = 0;
		name = strrchr(line, ' ');
		found = name && fn(name + 1, arg);
	}
	if (f)
		fclose(f);
	return found;
}

static bool is_count(char *name, void *arg)
{
	(void)arg;
	return !strcmp(name, "__preempt_count") || !strcmp(name, "pcpu_hot");
}

bool kernel_tells_context(void)
{
	return symbols_find(is_count, NULL);
}

struct wanted {
	const char *function;
	size_t length;
	char *name;
	size_t size;
};

static bool is_function(char *name, void *arg)
{
	struct wanted *w = arg;

	if (strncmp(name, w->function, w->length) ||
	    (name[w->length] && name[w->length] != '.') || strlen(name) >= w->size ||
	    /* A part that is seldom run, or padding: nothing that is called. */
	    strstr(name, ".cold") || strstr(name, ".part"))
		return false;
	strcpy(w->name, name);
	return true;
}

int kernel_function(const char *function, char *name, size_t size)
{
	struct wanted w = { function, strlen(function), name, size };

	return symbols_find(is_function, &w) ? 0 : -ENOENT;
}

int kernel_tracepoint_args(const char *name)
{
	const struct btf *btf = types_get();
	char type[64];
	const struct btf_type *t;
	int id;

	if (!btf)
		return -ENOENT;
	snprintf(type, sizeof(type), "btf_trace_%s", name);
	id = btf__find_by_name_kind(btf, type, BTF_KIND_TYPEDEF);
	if (id < 0)
		return id;
	t = btf__type_by_id(btf, btf__type_by_id(btf, id)->type);
	if (!t || !btf_is_ptr(t))
		return -EINVAL;
	t = btf__type_by_id(btf, t->type);
	if (!t || !btf_is_func_proto(t))
		return -EINVAL;
	/* The first is the context. */
	return btf_vlen(t) - 1;
}

static int quiet(enum libbpf_print_level level, const char *format, va_list args)
{
	(void)level;
	(void)format;
	(void)args;
	return 0;
}

int kernel_open(struct kernel *kernel, struct err *err)
{
	libbpf_print_fn_t print = libbpf_set_print(quiet);
	struct utsname name;

	memset(kernel, 0, sizeof(*kernel));
	kernel->tracefs = -1;
	if (uname(&name))
		return err_set(err, -errno, "uname: %s", strerror(errno));
	snprintf(kernel->release, sizeof(kernel->release), "%s", name.release);
	snprintf(kernel->machine, sizeof(kernel->machine), "%s", name.machine);
	text_clean(kernel->host, name.nodename);
	kernel->cpus = libbpf_num_possible_cpus();
	lockdown_read(kernel);
	kernel->initial_pids = initial_pids();
	kernel->may_bpf = may_bpf();
	kernel->types = types_get();
	if (!kernel->may_bpf || !kernel->types)
		goto out;

	kernel->task_storage = libbpf_probe_bpf_helper(BPF_PROG_TYPE_TRACEPOINT,
						       BPF_FUNC_task_storage_get, NULL) == 1;
	kernel->bpf_loop =
		libbpf_probe_bpf_helper(BPF_PROG_TYPE_TRACEPOINT, BPF_FUNC_loop, NULL) == 1;
	kernel->fentry_error = fentry_try();
	kernel->fentry = !kernel->fentry_error;
	kernel->kprobe = kprobe_pmu();
	/* The struct is compiled in only with CONFIG_FPROBE, which it needs. */
	kernel->kprobe_multi = kernel->kprobe &&
			       btf__find_by_name_kind(types_get(), "bpf_kprobe_multi_link",
						      BTF_KIND_STRUCT) > 0;
	kernel->kprobe_session = kernel->kprobe_multi && session_try();
	preempt_read(kernel);
	kernel->switch_has_state = kernel_tracepoint_args("sched_switch") >= 4;
	kernel->tracefs = tracefs_open();
	kernel->syscall_tracepoints =
		kernel->tracefs >= 0 &&
		kernel_tracepoint_id(kernel, "syscalls", "sys_enter_ppoll") > 0;
out:
	libbpf_set_print(print);
	return 0;
}

int kernel_check(const struct kernel *kernel, struct err *err)
{
	/* Filters, what leaves ourselves out, and /proc would each mean somebody else. */
	if (!kernel->initial_pids)
		return err_set(err, -EPERM,
			       "processes have other ids in this PID namespace than where tracing sees "
			       "them: run it in the host's, as with docker run --pid=host");
	if (!kernel->may_bpf)
		return err_set(err, -EPERM,
			       "tracing needs root, or the capabilities CAP_BPF and CAP_PERFMON: "
			       "run it with sudo");
	if (!strcmp(kernel->lockdown, "confidentiality"))
		return err_set(err, -EPERM,
			       "this kernel is locked down for confidentiality and lets no program "
			       "read its memory: boot with lockdown=integrity");
	if (!kernel->types)
		return err_set(err, -EOPNOTSUPP,
			       "this kernel (%s) has no type information in /sys/kernel/btf/vmlinux: "
			       "use one built with CONFIG_DEBUG_INFO_BTF=y, as Debian's are since 5.10",
			       kernel->release);
	if (!kernel->task_storage)
		return err_set(err, -EOPNOTSUPP,
			       "this kernel (%s) is too old: tracing programs have no task storage "
			       "here; use 5.15 or later",
			       kernel->release);
	if (!kernel->fentry && kernel->tracefs < 0)
		return err_set(err, -EPERM,
			       "without fentry, tracing needs the numbers of tracepoints in tracefs, "
			       "which cannot be read: run it with sudo, or add CAP_DAC_READ_SEARCH");
	if (!kernel->fentry && !kernel->syscall_tracepoints)
		return err_set(err, -EOPNOTSUPP,
			       "this kernel (%s) has neither fentry nor system call tracepoints: "
			       "use one built with CONFIG_FTRACE_SYSCALLS=y",
			       kernel->release);
	return 0;
}

int kernel_plan(const struct kernel *kernel, enum tier tier, struct plan *plan, struct err *err)
{
	static const char no[] = "the %s tier cannot be had on this kernel (%s): %s; leave --tier "
				 "away to get the best there is";

	/*
	 * A thread that is preempted in a program on fentry makes the kernel skip
	 * this program for others. With "lazy" that takes a system call that lasts
	 * longer than a tick; with "full" any tick does it.
	 */
	if (tier == TIER_AUTO)
		tier = kernel->kprobe_session && !strcmp(kernel->preempt, "full") ? TIER_KPROBE :
		       kernel->fentry					          ? TIER_FENTRY :
		       kernel->kprobe						  ? TIER_KPROBE :
										    TIER_TRACEPOINT;
	if (tier == TIER_FENTRY && !kernel->fentry)
		return err_set(err, -EOPNOTSUPP, no, "fentry", kernel->release,
			       strerror(-kernel->fentry_error));
	if (tier == TIER_KPROBE && !kernel->kprobe)
		return err_set(err, -EOPNOTSUPP, no, "kprobe", kernel->release,
			       "it was built without kprobes");
	if (tier != TIER_FENTRY && !kernel->syscall_tracepoints &&
	    !(tier == TIER_KPROBE && kernel->kprobe_session))
		return err_set(err, -EOPNOTSUPP, no, tier_name(tier), kernel->release,
			       "it has no system call tracepoints");
	plan->tier = tier;
	plan->call = tier == TIER_FENTRY ? CALL_FENTRY : CALL_TRACEPOINT;
	if (tier == TIER_KPROBE && kernel->kprobe_session)
		plan->call = CALL_SESSION;
	plan->sleep = tier == TIER_FENTRY ? SLEEP_FENTRY : SLEEP_SWITCH;
	plan->wake = tier == TIER_FENTRY ? WAKE_FENTRY :
		     tier == TIER_KPROBE ? WAKE_KPROBE :
					   WAKE_WAKING;
	plan->scan = tier == TIER_TRACEPOINT || !kernel->kprobe ? SCAN_NONE :
		     kernel->kprobe_multi			? SCAN_MULTI :
								  SCAN_KPROBE;
	return 0;
}

/* Is this the prototype __poll_t (*)(struct file *, struct poll_table_struct *)? */
static bool is_poll_proto(const struct btf *btf, const struct btf_type *proto)
{
	static const char *const want[] = { "file", "poll_table_struct" };
	const struct btf_param *params = btf_params(proto);
	const struct btf_type *t;

	if (!btf_is_func_proto(proto) || btf_vlen(proto) != 2)
		return false;
	t = btf__type_by_id(btf, proto->type);
	if (!t || !btf_is_typedef(t) || strcmp(btf__name_by_offset(btf, t->name_off), "__poll_t"))
		return false;
	for (int i = 0; i < 2; i++) {
		t = btf__type_by_id(btf, params[i].type);
		if (!t || !btf_is_ptr(t))
			return false;
		t = btf__type_by_id(btf, t->type);
		/* Some name the second by its typedef, poll_table. */
		while (t && btf_is_typedef(t))
			t = btf__type_by_id(btf, t->type);
		if (!t || !btf_is_struct(t) ||
		    strcmp(btf__name_by_offset(btf, t->name_off), want[i]))
			return false;
	}
	return true;
}

struct names {
	char **at;
	size_t count;
};

static int name_compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Adds the ->poll() functions of @btf from type @id on; -ENOMEM or 0. */
static int poll_functions_add(struct names *names, const struct btf *btf, __u32 id)
{
	for (__u32 n = btf__type_cnt(btf); id < n; id++) {
		const struct btf_type *t = btf__type_by_id(btf, id);
		char **more;

		if (!btf_is_func(t) || !is_poll_proto(btf, btf__type_by_id(btf, t->type)))
			continue;
		more = realloc(names->at, (names->count + 1) * sizeof(*more));
		if (!more)
			return -ENOMEM;
		names->at = more;
		more[names->count] = strdup(btf__name_by_offset(btf, t->name_off));
		if (!more[names->count])
			return -ENOMEM;
		names->count++;
	}
	return 0;
}

/* Those of loaded modules: a module without BTF, or gone again, adds none. */
static int poll_functions_of_modules(struct names *names, struct btf *vmlinux)
{
	DIR *dir = opendir("/sys/kernel/btf");
	struct dirent *entry;
	int ret = 0;

	while (dir && !ret && (entry = readdir(dir))) {
		struct btf *btf;

		if (entry->d_name[0] == '.' || !strcmp(entry->d_name, "vmlinux"))
			continue;
		btf = btf__load_module_btf(entry->d_name, vmlinux);
		if (libbpf_get_error(btf))
			continue;
		ret = poll_functions_add(names, btf, btf__type_cnt(vmlinux));
		btf__free(btf);
	}
	if (dir)
		closedir(dir);
	return ret;
}

int kernel_poll_functions(char ***functions, struct err *err)
{
	struct btf *types = types_get();
	struct names names = { 0 };
	size_t unique = 0;

	if (types && (poll_functions_add(&names, types, 1) ||
		      poll_functions_of_modules(&names, types))) {
		kernel_poll_functions_free(names.at, names.count);
		return err_set(err, -ENOMEM, "out of memory");
	}
	if (!names.count)
		return err_set(err, -ENOENT, "no ->poll() function in the kernel's BTF");
	qsort(names.at, names.count, sizeof(*names.at), name_compare);
	for (size_t i = 0; i < names.count; i++) {
		if (unique && !strcmp(names.at[unique - 1], names.at[i]))
			free(names.at[i]);
		else
			names.at[unique++] = names.at[i];
	}
	*functions = names.at;
	return unique;
}

void kernel_poll_functions_free(char **functions, int nr)
{
	for (int i = 0; i < nr; i++)
		free(functions[i]);
	free(functions);
}

static const char *const tier_names[] = { "auto", "fentry", "kprobe", "tracepoint" };

const char *tier_name(enum tier tier)
{
	return tier_names[tier];
}

int tier_parse(const char *name, enum tier *tier, struct err *err)
{
	for (int i = TIER_AUTO; i <= TIER_TRACEPOINT; i++) {
		if (!strcmp(name, tier_names[i])) {
			*tier = i;
			return 0;
		}
	}
	return err_set(err, -EINVAL,
		       "there is no tier '%.40s': use auto, fentry, kprobe or tracepoint", name);
}

void kernel_close(struct kernel *kernel)
{
	types_free();
	if (kernel->tracefs >= 0)
		close(kernel->tracefs);
}
