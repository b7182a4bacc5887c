// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * test_known.c - the tool against workloads whose figures are known: each case
 * of known.h runs under `ioready stat` on each tier, and what the workload said
 * of itself must be what the tool said of it, key by key.
 *
 * Environment: IOREADY, the tool (default: ioready in the directory above this
 * program's); IOREADY_TIERS, tiers with spaces between (default: tracepoint);
 * IOREADY_BATCH, an empty directory: then one run of the tool on each tier sees
 * all cases one after the other, for where attaching and detaching takes long.
 */
#include <dirent.h>
#include <fcntl.h>
#include <jansson.h>
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <time.h>

#include "kernel.h"
#include "kselftest_harness.h"
#include "known.h"

/* Emulated guests attach slowly; a test runs every tier. */
#define TEST_SECONDS 900
/*
 * How often a case is run alone when a thread could not be marked at its fork: a kernel
 * that preempts hooks may refuse that, while it is at the mark of another; and a chain, of
 * which it skipped a hook.
 */
#define ATTEMPTS 3

/* Where the programs and a run's files are. */
FIXTURE(known)
{
	char ioready[512];
	char known[512];
	char dir[64];
	char output[256];
	char answer[256];
};

FIXTURE_SETUP(known)
{
	const char *ioready = getenv("IOREADY");
	char here[256];
	ssize_t n = readlink("/proc/self/exe", here, sizeof(here) - 1);

	ASSERT_GT(n, 0);
	here[n] = '\0';
	*strrchr(here, '/') = '\0';
	snprintf(self->known, sizeof(self->known), "%s/known", here);
	if (ioready)
		snprintf(self->ioready, sizeof(self->ioready), "%s", ioready);
	else
		snprintf(self->ioready, sizeof(self->ioready), "%s/../ioready", here);
	strcpy(self->dir, "/tmp/test_known.XXXXXX");
	ASSERT_NE(NULL, mkdtemp(self->dir));
	snprintf(self->output, sizeof(self->output), "%s/output", self->dir);
	snprintf(self->answer, sizeof(self->answer), "%s/answer", self->dir);
}

FIXTURE_TEARDOWN(known)
{
	unlink(self->output);
	unlink(self->answer);
	rmdir(self->dir);
}

/* One comparison of many: where it is, and how many of it failed. */
struct check {
	const char *name;
	const char *tier;
	int failures;
	bool quiet;
};

static __attribute__((format(printf, 2, 3))) void check_failed(struct check *check,
							       const char *fmt, ...)
{
	char text[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	check->failures++;
	if (check->quiet)
		return;
	fprintf(stderr, "# %s [%s]: %s\n", check->name, check->tier, text);
}

static void text_of(const json_t *value, char *text, size_t size)
{
	char *dump = value ? json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;

	snprintf(text, size, "%s", dump ? dump : "nothing");
	free(dump);
}

static const char *kind_of(json_t *row, const char *key)
{
	const char *kind = json_string_value(json_object_get(row, key));

	return kind ? kind : "";
}

/* Every member of @want is in @got, with the same value; null and absent are wrong. */
static void members_check(struct check *check, const char *where, json_t *want, json_t *got)
{
	char path[256], expected[64], found[64];
	const char *key;
	json_t *value;

	json_object_foreach(want, key, value) {
		json_t *other = json_object_get(got, key);

		snprintf(path, sizeof(path), "%s %s", where, key);
		if (json_is_object(value) && json_is_object(other)) {
			members_check(check, path, value, other);
			continue;
		}
		/* What says of itself that it is a lower bound must be one. */
		if (!strcmp(key, "wasted") && json_is_number(other) &&
		    !strcmp(kind_of(got, "wasted_kind"), "lower_bound") &&
		    json_number_value(other) <= json_number_value(value))
			continue;
		if (json_is_number(value) && json_is_number(other) &&
		    fabs(json_number_value(value) - json_number_value(other)) < 1e-9)
			continue;
		text_of(value, expected, sizeof(expected));
		text_of(other, found, sizeof(found));
		check_failed(check, "%s: expected %s, got %s", path, expected, found);
	}
}

static bool row_is(json_t *row, json_t *of)
{
	json_t *tid = json_object_get(of, "tid");

	return json_equal(json_object_get(row, "pid"), json_object_get(of, "pid")) &&
	       json_equal(json_object_get(row, "syscall"), json_object_get(of, "syscall")) &&
	       (!tid || json_equal(json_object_get(row, "tid"), tid));
}

static void rows_check(struct check *check, json_t *answer, json_t *output, bool must_be_exact)
{
	json_t *wants = json_object_get(answer, "rows"), *gots = json_object_get(output, "waits");
	json_t *want, *got;
	size_t i, j;

	json_array_foreach(wants, i, want) {
		const char *syscall = json_string_value(json_object_get(want, "syscall"));
		json_t *row = NULL;
		unsigned int n = 0;

		json_array_foreach(gots, j, got) {
			if (row_is(got, want)) {
				row = got;
				n++;
			}
		}
		if (n != 1) {
			check_failed(check, "%s: expected 1 row of pid %d, got %u", syscall,
				     (int)json_integer_value(json_object_get(want, "pid")), n);
			continue;
		}
		members_check(check, syscall, json_object_get(want, "any"), row);
		if (!strcmp(kind_of(row, "scans_kind"), "exact"))
			members_check(check, syscall, json_object_get(want, "exact"), row);
		else if (must_be_exact)
			check_failed(check, "%s scans_kind: expected \"exact\", got \"%s\"",
				     syscall, kind_of(row, "scans_kind"));
	}
	/* A row that is nobody's: of a stranger, or of a call that was not made. */
	json_array_foreach(gots, j, got) {
		bool known = false;
		char text[256];

		json_array_foreach(wants, i, want)
			known = known || row_is(got, want);
		text_of(got, text, sizeof(text));
		if (!known)
			check_failed(check, "a row that is not in the answer: %s", text);
	}
}

/* What was lost, as a sum over the reasons why a call can be in no row. */
static json_int_t calls_lost(json_t *losses)
{
	static const char *const reasons[] = {
		"begun_before", "entry_unseen", "exit_unseen", "no_memory", "ring_full", "killed",
	};
	json_int_t n = 0;

	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		n += json_integer_value(json_object_get(losses, reasons[i]));
	return n;
}

/* @expected: by reason; null where the number is not known. */
static void losses_check(struct check *check, json_t *answer, json_t *output, json_t *expected,
			 bool batch)
{
	json_t *losses = json_object_get(output, "losses");
	json_t *emitted = json_object_get(answer, "emitted");
	json_t *waits = json_object_get(output, "waits");
	json_int_t emitted_all = 0, counted_all = 0;
	const char *key;
	json_t *value, *row;
	size_t i;

	if (!json_object_size(losses))
		check_failed(check, "no losses in the output");
	json_object_foreach(losses, key, value) {
		json_t *want = json_object_get(expected, key);

		if (json_is_null(want))
			continue;
		if (json_integer_value(value) != json_integer_value(want))
			check_failed(check, "losses %s: expected %lld, got %lld", key,
				     (long long)json_integer_value(want),
				     (long long)json_integer_value(value));
	}
	json_object_foreach(expected, key, value)
		if (!json_object_get(losses, key))
			check_failed(check, "losses %s: expected, got nothing", key);

	json_object_foreach(emitted, key, value) {
		json_int_t counted = 0, want = json_integer_value(value);

		json_array_foreach(waits, i, row)
			if (!strcmp(json_string_value(json_object_get(row, "syscall")), key))
				counted += json_integer_value(json_object_get(row, "calls"));
		emitted_all += want;
		counted_all += counted;
		/* A loss does not say of which syscall; so one of them may miss it all. */
		if (counted > want || counted + calls_lost(losses) < want)
			check_failed(check, "%s: emitted %lld, counted %lld, lost %lld", key,
				     (long long)want, (long long)counted,
				     (long long)calls_lost(losses));
	}
	/* The losses of a batch are all cases'. */
	if (!batch && emitted_all != counted_all + calls_lost(losses))
		check_failed(check, "all: emitted %lld, counted %lld, lost %lld",
			     (long long)emitted_all, (long long)counted_all,
			     (long long)calls_lost(losses));
}

static pid_t program_start(char *const argv[], int in, int err)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	/* When the harness ends a test that takes too long, this ends too. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (in >= 0)
		dup2(in, 0);
	if (err >= 0)
		dup2(err, 2);
	execv(argv[0], argv);
	_exit(127);
}

static json_t *json_read(struct check *check, const char *path)
{
	json_error_t error;
	json_t *json = json_load_file(path, 0, &error);

	if (!json)
		check_failed(check, "%s: %s", path, error.text);
	return json;
}

/* Traces `known CASE ANSWER`; false when the tool or the workload failed. */
static bool known_trace(struct check *check, FIXTURE_DATA(known) *self, const char *name,
			const char *answer, const char *output)
{
	bool scans = strcmp(check->tier, "tracepoint");
	char *argv[] = {
		self->ioready, "stat", "--json", "--epoll-ctl", "-q", "-o", (char *)output,
		"--tier", (char *)check->tier,
		/* The tracepoints see no ->poll(); there these are just said twice. */
		scans ? "--scans" : "--tier", scans ? "exact" : (char *)check->tier,
		"--", self->known, (char *)name, (char *)answer, NULL,
	};
	int status = -1;
	pid_t pid = program_start(argv, -1, -1);

	if (waitpid(pid, &status, 0) == pid && WIFEXITED(status) && !WEXITSTATUS(status))
		return true;
	check_failed(check, "ioready: expected exit status 0, got %s %d",
		     WIFEXITED(status) ? "status" : "signal",
		     WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
	return false;
}

/* The run that all cases share: made by the first that asks, by its directory. */
static bool batch_trace(struct check *check, FIXTURE_DATA(known) *self, const char *batch)
{
	char dir[256], output[300];

	snprintf(dir, sizeof(dir), "%s/%s", batch, check->tier);
	snprintf(output, sizeof(output), "%s.json", dir);
	if (!mkdir(dir, 0700))
		return known_trace(check, self, "all", dir, output);
	if (!access(output, R_OK))
		return true;
	check_failed(check, "the run of all cases failed");
	return false;
}

static bool answer_has_pid(json_t *answer, json_t *row)
{
	json_t *of;
	size_t i;

	json_array_foreach(json_object_get(answer, "rows"), i, of)
		if (json_equal(json_object_get(row, "pid"), json_object_get(of, "pid")))
			return true;
	return false;
}

static json_int_t loss(json_t *output, const char *key)
{
	return json_integer_value(json_object_get(json_object_get(output, "losses"), key));
}

static json_int_t nested(json_t *output)
{
	return loss(output, "nested");
}

/* Does this tier have hooks here of which the kernel skips none that matters? */
static bool unskippable(const char *tier)
{
	static int session = -1;
	struct kernel kernel;
	struct err err;

	if (session < 0) {
		session = !kernel_open(&kernel, &err) && kernel.kprobe_session;
		kernel_close(&kernel);
	}
	return session && !strcmp(tier, "kprobe");
}

/*
 * When the kernel skipped hooks the figures cannot be exact, but they must say
 * so: what is not counted is lost for a reason, or was skipped at both ends.
 */
static void skipped_check(struct check *check, json_t *answer, json_t *output)
{
	json_t *losses = json_object_get(output, "losses");
	json_int_t counted = 0, emitted = 0;
	const char *key;
	json_t *value, *row;
	size_t i;

	json_array_foreach(json_object_get(output, "waits"), i, row)
		counted += json_integer_value(json_object_get(row, "calls"));
	json_object_foreach(json_object_get(answer, "emitted"), key, value)
		emitted += json_integer_value(value);
	fprintf(stderr, "# %s [%s]: not exact, the kernel skipped %lld runs of a hook: "
		"emitted %lld, counted %lld, lost %lld\n", check->name, check->tier,
		(long long)nested(output), (long long)emitted, (long long)counted,
		(long long)calls_lost(losses));
	if (counted > emitted || emitted > counted + calls_lost(losses) + nested(output))
		check_failed(check, "calls that are neither counted nor lost nor skipped");
}

/* What all cases of a batch expect to be lost. */
static json_t *batch_losses(struct check *check, const char *dir)
{
	json_t *sum = json_object(), *value;
	struct dirent *entry;
	const char *key;
	DIR *d = opendir(dir);

	while (d && (entry = readdir(d))) {
		char path[600];
		json_t *answer;

		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir, entry->d_name);
		answer = json_read(check, path);
		json_object_foreach(json_object_get(answer, "losses"), key, value) {
			json_t *so_far = json_object_get(sum, key);

			if (json_is_null(value) || (so_far && json_is_null(so_far)))
				json_object_set_new(sum, key, json_null());
			else
				json_object_set_new(sum, key,
						    json_integer(json_integer_value(so_far) +
								 json_integer_value(value)));
		}
		json_decref(answer);
	}
	if (d)
		closedir(d);
	return sum;
}

/* Leaves the rows of this case's processes. */
static void output_narrow(json_t *output, json_t *answer)
{
	json_t *waits = json_object_get(output, "waits");

	for (size_t i = json_array_size(waits); i--;)
		if (!answer_has_pid(answer, json_array_get(waits, i)))
			json_array_remove(waits, i);
}

/* Compares one answer with one output; @batch: the output is of all cases. */
static void case_check(struct check *check, json_t *answer, json_t *output, const char *batch)
{
	json_t *expected = json_incref(json_object_get(answer, "losses"));
	const char *got = json_string_value(json_object_get(output, "tier"));

	if (!got || strcmp(got, check->tier))
		check_failed(check, "tier: expected \"%s\", got \"%s\"", check->tier,
			     got ? got : "");
	/* What may be skipped there is the mark of a new thread, which is made good. */
	if (unskippable(check->tier))
		json_object_set_new(json_object_get(output, "losses"), "nested", json_integer(0));
	if (batch) {
		char dir[256];

		snprintf(dir, sizeof(dir), "%s/%s", batch, check->tier);
		json_decref(expected);
		expected = batch_losses(check, dir);
		output_narrow(output, answer);
	}
	if (!batch && nested(output)) {
		skipped_check(check, answer, output);
	} else {
		rows_check(check, answer, output, strcmp(check->tier, "tracepoint"));
		if (!batch || !nested(output))
			losses_check(check, answer, output, expected, batch);
	}
	json_decref(expected);
}

/*
 * Where the kernel skipped runs of a hook (see losses.nested in
 * Documentation/measures.rst) in a batch, nothing says which case was hit. One
 * whose rows are right was not; any other is run again, alone.
 */
static bool batch_suffices(struct check *check, json_t *answer, json_t *output, const char *batch)
{
	struct check quiet = { .name = check->name, .tier = check->tier, .quiet = true };
	json_t *copy;

	if (!nested(output) || unskippable(check->tier))
		return true;
	copy = json_deep_copy(output);
	case_check(&quiet, answer, copy, batch);
	json_decref(copy);
	return !quiet.failures;
}

/* Runs the case on the tier; returns how many comparisons failed. */
static int case_run(FIXTURE_DATA(known) *self, const char *name, const char *tier)
{
	struct check check = { .name = name, .tier = tier };
	const char *batch = getenv("IOREADY_BATCH");
	json_t *answer = NULL, *output = NULL;
	char path[300];

	if (batch) {
		if (!batch_trace(&check, self, batch))
			return check.failures;
		snprintf(path, sizeof(path), "%s/%s/%s", batch, tier, name);
		answer = json_read(&check, path);
		snprintf(path, sizeof(path), "%s/%s.json", batch, tier);
		output = json_read(&check, path);
		if (answer && output && !batch_suffices(&check, answer, output, batch)) {
			json_decref(answer);
			json_decref(output);
			batch = NULL;
		}
	}
	for (int i = 0; !batch && i < ATTEMPTS; i++) {
		json_decref(answer);
		json_decref(output);
		unlink(self->output);
		unlink(self->answer);
		if (!known_trace(&check, self, name, self->answer, self->output))
			return check.failures;
		answer = json_read(&check, self->answer);
		output = json_read(&check, self->output);
		if (!loss(output, "not_followed"))
			break;
	}
	if (answer && output)
		case_check(&check, answer, output, batch);
	json_decref(answer);
	json_decref(output);
	return check.failures;
}

typedef int (*tier_test)(FIXTURE_DATA(known) *self, const char *name, const char *tier);

/* On each tier, also when one failed: which of them do is what one wants to know. */
static int tiers_run(FIXTURE_DATA(known) *self, tier_test test, const char *name)
{
	const char *tiers = getenv("IOREADY_TIERS");
	int failures = 0;
	char copy[256], *save = NULL;

	snprintf(copy, sizeof(copy), "%s", tiers && *tiers ? tiers : "tracepoint");
	for (char *tier = strtok_r(copy, " ,", &save); tier; tier = strtok_r(NULL, " ,", &save))
		failures += test(self, name, tier);
	return failures;
}

#define X(name)								\
	TEST_F_TIMEOUT(known, name, TEST_SECONDS)			\
	{								\
		EXPECT_EQ(0, tiers_run(self, case_run, #name)); \
	}
CASES(X)
#undef X

/* --- a tracer that comes in the middle ------------------------------------- */

static void doze(unsigned int ms)
{
	struct timespec ts = { ms / 1000, ms % 1000 * 1000000L };

	nanosleep(&ts, NULL);
}

/* Off the CPU, in system call @nr; see asleep_wait() in known.c. */
static bool asleep(pid_t pid, long nr)
{
	char path[64], line[32] = "", *end;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/syscall", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	if (read(fd, line, sizeof(line) - 1) < 0)
		line[0] = '\0';
	close(fd);
	return strtol(line, &end, 10) == nr && end != line;
}

/* Reads what `ioready stat -v` says on @fd, until it says that the window is open. */
static bool attached_wait(int fd)
{
	char said[1024];
	size_t have = 0;
	ssize_t n;

	while ((n = read(fd, said + have, sizeof(said) - 1 - have)) > 0) {
		have += n;
		said[have] = '\0';
		if (strstr(said, "attached in"))
			return true;
	}
	return false;
}

static int middle_run(FIXTURE_DATA(known) *self, const char *name, const char *tier)
{
	static const struct {
		const char *name;
		long nr;
	} calls[] = {
#define X(name) { #name, SYS_##name },
		FAMILY(X)
#undef X
	};
	struct check check = { .name = name, .tier = tier };
	char *known_argv[] = { self->known, "--blocked", (char *)name, NULL };
	char pid_text[16];
	char *argv[] = {
		self->ioready, "stat", "--json", "--epoll-ctl", "-qv", "-o", self->output, "--tier",
		(char *)tier,
		"-p", pid_text, "-d", "2", NULL,
	};
	json_t *output, *losses, *open, *row;
	int fds[2], said[2], status = -1;
	pid_t known, ioready;
	long nr = -1, seen;
	size_t i;

	for (i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		if (!strcmp(calls[i].name, name))
			nr = calls[i].nr;
	if (pipe(fds) || pipe(said))
		return 1;
	known = program_start(known_argv, fds[0], -1);
	while (!asleep(known, nr))
		doze(10);
	snprintf(pid_text, sizeof(pid_text), "%d", (int)known);
	ioready = program_start(argv, -1, said[1]);
	close(said[1]);
	if (!attached_wait(said[0]))
		check_failed(&check, "ioready did not say that it attached");
	if (write(fds[1], "x", 1) != 1)
		check_failed(&check, "cannot wake the call");
	if (waitpid(ioready, &status, 0) != ioready || !WIFEXITED(status) || WEXITSTATUS(status))
		check_failed(&check, "ioready: expected exit status 0, got %#x", status);
	kill(known, SIGKILL);
	waitpid(known, NULL, 0);
	close(fds[0]);
	close(fds[1]);
	close(said[0]);

	output = json_read(&check, self->output);
	losses = json_object_get(output, "losses");
	open = json_object_get(output, "open");
	seen = json_integer_value(json_object_get(losses, "begun_before")) +
	       json_integer_value(json_object_get(open, "begun_before"));
	if (seen != 1)
		check_failed(&check, "begun before, returned or not: expected 1, got %ld", seen);
	seen = json_integer_value(json_object_get(open, "begun_within"));
	if (seen)
		check_failed(&check, "begun_within: expected 0, got %ld", seen);
	if (calls_lost(losses) != json_integer_value(json_object_get(losses, "begun_before")))
		check_failed(&check, "lost for another reason than begun_before");
	json_array_foreach(json_object_get(output, "waits"), i, row)
		if (json_integer_value(json_object_get(row, "calls")))
			check_failed(&check, "a call was counted whose entry nobody saw");
	json_decref(output);
	return check.failures;
}

static const char *const middle_names[] = {
#ifdef SYS_select
	"select", "poll", "epoll_wait",
#else
	"pselect6", "ppoll", "epoll_pwait",
#endif
};

TEST_F_TIMEOUT(known, attach_in_select, TEST_SECONDS)
{
	EXPECT_EQ(0, tiers_run(self, middle_run, middle_names[0]));
}

TEST_F_TIMEOUT(known, attach_in_poll, TEST_SECONDS)
{
	EXPECT_EQ(0, tiers_run(self, middle_run, middle_names[1]));
}

TEST_F_TIMEOUT(known, attach_in_epoll, TEST_SECONDS)
{
	EXPECT_EQ(0, tiers_run(self, middle_run, middle_names[2]));
}

/* --- chains ------------------------------------------------------------------ */

static json_int_t member(json_t *object, const char *outer, const char *inner)
{
	json_t *value = json_object_get(object, outer);

	return json_integer_value(inner ? json_object_get(value, inner) : value);
}

/*
 * A case in which a thread of the same program wakes the one that waits, which is
 * asleep by then. What came back with something after a wake is a chain; its parts
 * lie within the calls, and its wakes are at least the wakeups.
 */
static int chain_run(FIXTURE_DATA(known) *self, const char *name, const char *tier)
{
	struct check check = { .name = name, .tier = tier };
	char *argv[] = {
		self->ioready, "stat", "--json", "--chain", "-q", "-o", self->output, "--tier",
		(char *)tier, "--", self->known, (char *)name, self->answer, NULL,
	};
	json_int_t calls = 0, wakeups = 0, empty = 0, latency = 0, parts = 0, chained = 0, wakes = 0;
	bool sees_ready = strcmp(tier, "tracepoint");
	json_t *output = NULL, *row, *waker, *ready;
	size_t i, j;

	/* Where the kernel skipped runs of a hook, once more. */
	for (int n = 0; n < ATTEMPTS && (!output || (nested(output) && !unskippable(tier))); n++) {
		int status = -1;
		pid_t pid = program_start(argv, -1, -1);

		if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status) || WEXITSTATUS(status)) {
			check_failed(&check, "ioready: expected exit status 0, got %#x", status);
			json_decref(output);
			return check.failures;
		}
		json_decref(output);
		output = json_read(&check, self->output);
	}
	if (nested(output) && !unskippable(tier)) {
		printf("# %s, %s: not exact, the kernel skipped %lld runs of a hook\n", name, tier,
		       (long long)nested(output));
		json_decref(output);
		return check.failures;
	}
	json_array_foreach(json_object_get(output, "waits"), i, row) {
		calls += member(row, "calls", NULL);
		wakeups += member(row, "wakeups", NULL);
		empty += member(row, "wakeups_empty", NULL);
		latency += member(row, "latency_ns", "sum");
	}
	json_array_foreach(json_object_get(output, "chains"), i, row) {
		ready = json_object_get(row, "ready_to_woken_ns");
		if (sees_ready != json_is_object(ready))
			check_failed(&check, "ready_to_woken_ns is there: expected %d", sees_ready);
		chained += member(row, "calls", NULL);
		parts += member(row, "ready_to_woken_ns", "sum") +
			 member(row, "woken_to_running_ns", "sum") +
			 member(row, "running_to_returned_ns", "sum");
		json_array_foreach(json_object_get(row, "wakers"), j, waker) {
			const char *context =
				json_string_value(json_object_get(waker, "context"));

			wakes += member(waker, "wakes", NULL);
			if (strcmp(json_string_value(json_object_get(waker, "comm")), "known"))
				check_failed(&check, "woken by somebody else");
			if (strcmp(context, "process") && strcmp(context, "unknown"))
				check_failed(&check, "woken in %s", context);
		}
	}
	if (!wakeups)
		check_failed(&check, "no wakeup at all");
	if (chained != wakeups - empty)
		check_failed(&check, "chains: expected %ld, got %ld", (long)(wakeups - empty),
			     (long)chained);
	if (wakes != wakeups)
		check_failed(&check, "wakes: expected %ld, got %ld", (long)wakeups, (long)wakes);
	if (parts <= 0 || parts > latency)
		check_failed(&check, "the parts sum to %ld ns, of %ld in %ld calls", (long)parts,
			     (long)latency, (long)calls);
	json_decref(output);
	return check.failures;
}

#define X(name)									\
	TEST_F_TIMEOUT(known, chain_##name, TEST_SECONDS)			\
	{									\
		EXPECT_EQ(0, tiers_run(self, chain_run, #name));		\
	}
X(select_woken)
X(select_woken_empty)
X(poll_woken)
X(poll_woken_empty)
X(epoll_stale)
X(epoll_woken_empty)
#undef X

TEST_HARNESS_MAIN
