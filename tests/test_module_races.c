// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Part of test_module.c: eight threads at once, for IOREADY_RACE_SECONDS (3). With
 * sources that stay, every thread counts what it did, and the sums must be the
 * counters; with sources that come and go, what always holds must hold.
 */
#include "test_module.h"

#define RACERS 8
#define SLOTS 6

struct race {
	int fds[SLOTS];
	int epolls[2];
	__u64 until;
	atomic_int broken;
};

struct racer {
	struct race *race;
	__u64 state;
	pthread_t thread;
	/* What it did. */
	__u64 polls, polls_waiting, changes, wakes, sets, sets_read, reads, dropped;
};

/* What holds at any moment; returns which line does not, 0 if all do. */
static int invariant(const struct ioready_counters *got)
{
	if (got->waiters_removed > got->waiters_added)
		return __LINE__;
	if (got->waiters_woken > got->waiters_called)
		return __LINE__;
	if (got->wakes > got->changes || got->timers > got->changes)
		return __LINE__;
	if (got->polls_waiting > got->polls || got->polls_found > got->polls)
		return __LINE__;
	if (got->polls_waiting > got->waiters_added)
		return __LINE__;
	if (got->reads > got->wakes || got->ready & ~IOREADY_EVENTS)
		return __LINE__;
	if (got->ready_ns > got->wake_ns || !!got->wakes != !!got->wake_ns)
		return __LINE__;
	return 0;
}

static void invariants_check(struct race *race, int fd)
{
	struct ioready_counters got;
	int line;

	/* The fd may be closed right now: then there is nothing to hold. */
	if (ioctl(fd, IOREADY_COUNTERS, &got))
		return;
	line = invariant(&got);
	if (line)
		atomic_store(&race->broken, line);
}

static void racers_run(struct race *race, struct racer *racers, void *(*run)(void *))
{
	__u64 seed = seed_get();

	race->until = now_ns() + seconds_get("IOREADY_RACE_SECONDS", 3);
	for (int i = 0; i < RACERS; i++) {
		racers[i].race = race;
		racers[i].state = seed + i;
		pthread_create(&racers[i].thread, NULL, run, &racers[i]);
	}
	for (int i = 0; i < RACERS; i++)
		pthread_join(racers[i].thread, NULL);
}

/* --- every sum is known ------------------------------------------------------------- */

static void *exact_run(void *arg)
{
	struct racer *racer = arg;
	struct race *race = racer->race;
	int fd = race->fds[0];

	while (now_ns() < race->until) {
		struct pollfd pollfd = { fd, POLLIN };
		struct ioready_readiness readiness;
		__u32 random = random_next(&racer->state);

		switch (random % 8) {
		case 0:
		case 1:
			racer->changes += !set(fd, EPOLLIN);
			racer->wakes++;
			racer->sets++;
			break;
		case 2:
			racer->changes += !change(fd, .set = EPOLLOUT, .clear = EPOLLPRI);
			racer->wakes++;
			break;
		case 3:
			racer->changes += !clear(fd, EPOLLOUT);
			break;
		case 4:
			poll(&pollfd, 1, 0);
			racer->polls++;
			break;
		case 5:
			/* Once with a waiter, if that found nothing once more without. */
			racer->polls_waiting++;
			poll(&pollfd, 1, 1);
			break;
		case 6:
			if (read(fd, &readiness, sizeof(readiness)) == sizeof(readiness)) {
				racer->reads++;
				racer->sets_read += readiness.sets;
			}
			break;
		case 7:
			/* Replaced by the next, cancelled or made: one of these each. */
			racer->dropped += !set_at(fd, EPOLLMSG, now_ns() + random % 300000);
			break;
		}
		invariants_check(race, fd);
	}
	return NULL;
}

TEST_F(source, race_with_known_sums)
{
	struct ioready_readiness readiness;
	struct race race = { .fds = { source_open_nonblock() } };
	struct racer racers[RACERS] = { 0 }, sum = { 0 };
	struct ioready_counters got;

	ASSERT_LE(0, race.fds[0]);
	racers_run(&race, racers, exact_run);
	for (int i = 0; i < RACERS; i++) {
		sum.polls += racers[i].polls;
		sum.polls_waiting += racers[i].polls_waiting;
		sum.changes += racers[i].changes;
		sum.wakes += racers[i].wakes;
		sum.sets += racers[i].sets;
		sum.sets_read += racers[i].sets_read;
		sum.reads += racers[i].reads;
		sum.dropped += racers[i].dropped;
	}
	EXPECT_EQ(0, cancel(race.fds[0]));
	if (read(race.fds[0], &readiness, sizeof(readiness)) == sizeof(readiness)) {
		sum.reads++;
		sum.sets_read += readiness.sets;
	}
	got = counters(race.fds[0]);
	say("# %llu changes, %llu wakes, %llu waiters, %llu reads\n", got.changes, got.wakes,
	       got.waiters_added, got.reads);
	EXPECT_LT(100, got.changes);
	EXPECT_EQ(0, atomic_load(&race.broken));
	EXPECT_EQ(sum.dropped, got.timers + got.timers_dropped);
	EXPECT_EQ(sum.changes + got.timers, got.changes);
	EXPECT_EQ(sum.wakes + got.timers, got.wakes);
	EXPECT_EQ(sum.reads, got.reads);
	/* No set is lost, none is read twice. */
	EXPECT_EQ(sum.sets, sum.sets_read);
	EXPECT_EQ(sum.polls_waiting, got.polls_waiting);
	EXPECT_EQ(sum.polls_waiting, got.waiters_added);
	EXPECT_EQ(got.waiters_added, got.waiters_removed);
	EXPECT_LE(sum.polls + sum.polls_waiting, got.polls);
	EXPECT_GE(sum.polls + 2 * sum.polls_waiting, got.polls);
	close(race.fds[0]);
}

/* --- sources come and go -------------------------------------------------------------- */

static void *wild_run(void *arg)
{
	struct racer *racer = arg;
	struct race *race = racer->race;

	while (now_ns() < race->until) {
		__u32 random = random_next(&racer->state);
		int fd = race->fds[(random >> 8) % SLOTS];
		int other = race->fds[(random >> 16) % SLOTS];
		int epoll = race->epolls[random >> 31];
		__u32 events = random_next(&racer->state) & IOREADY_EVENTS;
		struct pollfd pollfds[2] = { { fd, POLLIN }, { other, POLLOUT } };
		struct epoll_event event = { .events = EPOLLIN | (random & EPOLLET) };
		struct ioready_readiness readiness;
		struct ioready_member members[2] = {
			{ .fd = fd, .change.set = EPOLLIN | events },
			{ .fd = other, .change = { .clear = EPOLLOUT, .at_ns = now_ns() + 1000 } },
		};
		__u32 failed;
		int new;

		switch (random % 16) {
		case 0:
		case 1:
			set(fd, events | EPOLLIN);
			break;
		case 2:
			clear(fd, events | EPOLLIN);
			break;
		case 3:
			set_at(fd, events | EPOLLOUT, now_ns() + random % 200000);
			break;
		case 4:
			cancel(fd);
			break;
		case 5:
			poll(pollfds, 2, 0);
			break;
		case 6:
			poll(pollfds, 2, 1);
			break;
		case 7:
			epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
			break;
		case 8:
			epoll_ctl(epoll, EPOLL_CTL_DEL, fd, &event);
			break;
		case 9:
			epoll_ctl(epoll, EPOLL_CTL_MOD, fd, &event);
			break;
		case 10:
			epoll_wait(epoll, &event, 1, random >> 30);
			break;
		case 11:
			racer->reads += read(fd, &readiness, sizeof(readiness)) > 0;
			break;
		case 12:
			batch(members, 2, &failed);
			break;
		case 13:
		case 14:
			/* Closes what was there, whoever uses it, and is never without one. */
			new = source_open_nonblock();
			if (new >= 0) {
				dup3(new, fd, O_CLOEXEC);
				close(new);
			}
			break;
		case 15:
			fcntl(fd, F_SETOWN, getpid());
			fcntl(fd, F_SETFL, O_NONBLOCK | (random & 0x10000 ? O_ASYNC : 0));
			break;
		}
		invariants_check(race, fd);
		racer->changes++;
	}
	return NULL;
}

TEST_F(source, race_of_all)
{
	struct race race = { 0 };
	struct racer racers[RACERS] = { 0 };
	__u64 done = 0;

	signal(SIGIO, SIG_IGN);
	for (int i = 0; i < SLOTS; i++) {
		race.fds[i] = source_open_nonblock();
		ASSERT_LE(0, race.fds[i]);
	}
	for (int i = 0; i < 2; i++)
		race.epolls[i] = epoll_create1(EPOLL_CLOEXEC);
	racers_run(&race, racers, wild_run);
	for (int i = 0; i < RACERS; i++)
		done += racers[i].changes;
	say("# %llu calls\n", done);
	EXPECT_LT(100, done);
	EXPECT_EQ(0, atomic_load(&race.broken));
	EXPECT_EQ(self->sources + SLOTS, info(self->fd).sources);
	close(race.epolls[0]);
	close(race.epolls[1]);
	for (int i = 0; i < SLOTS; i++) {
		struct ioready_counters got = counters(race.fds[i]);

		EXPECT_EQ(0, invariant(&got));
		EXPECT_EQ(got.waiters_added, got.waiters_removed);
		/* And it counts rightly still. */
		EXPECT_EQ(0, change(race.fds[i], .clear = IOREADY_EVENTS & ~EPOLLIN,
				    .set = EPOLLIN, .flags = IOREADY_CANCEL));
		EXPECT_EQ(EPOLLIN, counters(race.fds[i]).ready);
		EXPECT_EQ(got.changes + 1, counters(race.fds[i]).changes);
		EXPECT_EQ(got.wakes + 1, counters(race.fds[i]).wakes);
		close(race.fds[i]);
	}
}

/* --- nonsense --------------------------------------------------------------------------- */

/* What the contract says of a change, told once more. */
static int change_expected(const struct ioready_change *change)
{
	if (change->pad || change->reserved || (change->flags | IOREADY_CANCEL) != IOREADY_CANCEL)
		return -EINVAL;
	if ((change->set | change->clear | IOREADY_EVENTS) != IOREADY_EVENTS)
		return -EINVAL;
	if (change->set & change->clear)
		return -EINVAL;
	if (change->at_ns && (change->flags || change->at_ns >> 63))
		return -EINVAL;
	return change->set || change->clear || change->flags ? 0 : -EINVAL;
}

/* A change that is near to a good one, so that both kinds come often. */
static struct ioready_change change_random(__u64 *state)
{
	__u32 random = random_next(state);
	struct ioready_change change = {
		.set = random & 1 ? random_next(state) & IOREADY_EVENTS : 0,
		.clear = random & 2 ? random_next(state) & IOREADY_EVENTS : 0,
		.flags = random & 4 ? IOREADY_CANCEL : 0,
	};

	if (random & 8)
		change.clear &= ~change.set;
	if ((random & 0x70) == 0x10)
		change.at_ns = now_ns() + 3600 * 1000 * MS;
	/* One bit of one byte, somewhere. */
	if ((random & 0x300) == 0x100)
		((__u8 *)&change)[random_next(state) % sizeof(change)] ^= 1 << (random >> 29);
	return change;
}

TEST_F(source, fuzz_of_changes)
{
	__u64 until = now_ns() + seconds_get("IOREADY_FUZZ_SECONDS", 3);
	struct ioready_counters want = { 0 };
	__u64 state = seed_get(), n = 0, good = 0;
	bool pending = false;

	for (; now_ns() < until; n++) {
		struct ioready_change change = change_random(&state);
		int expected = change_expected(&change);

		/* A time that is past or near would make what is to come unknown. */
		if (change.at_ns && change.at_ns < now_ns() + 1800 * 1000 * MS)
			continue;
		ASSERT_EQ(expected, put(self->fd, change)) {
			TH_LOG("clear %#x set %#x at %#llx flags %#x pad %#x reserved %#llx",
			       change.clear, change.set, change.at_ns, change.flags, change.pad,
			       change.reserved);
		}
		if (expected)
			continue;
		good++;
		if (pending && (change.at_ns || change.flags)) {
			want.timers_dropped++;
			pending = false;
		}
		if (change.at_ns) {
			pending = true;
			continue;
		}
		if (!change.set && !change.clear)
			continue;
		want.changes++;
		want.wakes += !!change.set;
		want.ready = (want.ready & ~change.clear) | change.set;
		ASSERT_EQ(want.ready, counters(self->fd).ready);
	}
	say("# %llu changes, %llu of them good\n", n, good);
	EXPECT_LT(100, good);
	EXPECT_LT(100, n - good);
	EXPECT_EQ(0, counts_differ(self->fd, &want));
}

TEST_F(source, fuzz_of_ioctls)
{
	__u64 until = now_ns() + seconds_get("IOREADY_FUZZ_SECONDS", 3);
	long page = sysconf(_SC_PAGESIZE);
	char *pages = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			   -1, 0);
	__u64 state = seed_get(), n = 0, errors[4] = { 0 };
	int fds[4];

	ASSERT_NE(MAP_FAILED, pages);
	ASSERT_EQ(0, mprotect(pages + page, page, PROT_NONE));
	for (int i = 0; i < 4; i++) {
		fds[i] = source_open_nonblock();
		ASSERT_LE(0, fds[i]);
	}
	for (; now_ns() < until; n++) {
		static const unsigned long known[] = {
			IOREADY_INFO, IOREADY_CHANGE, IOREADY_BATCH, IOREADY_COUNTERS,
		};
		__u32 random = random_next(&state);
		/* The last bytes before the gap, more or fewer than are needed. */
		char *at = pages + page - random_next(&state) % 256;
		unsigned long command = known[random & 3];
		struct ioready_batch *batch = (struct ioready_batch *)at;
		int ret;

		for (char *p = at; p < pages + page; p += 4) {
			__u32 word = random_next(&state);

			memcpy(p, &word, p + 4 > pages + page ? pages + page - p : 4);
		}
		/* Mostly zeros: else nothing is ever good. */
		if (random & 0xc0)
			memset(at, 0, pages + page - at);
		if (command == IOREADY_BATCH && at + sizeof(*batch) <= pages + page &&
		    random & 0x300) {
			*batch = (struct ioready_batch){
				.members = (uintptr_t)pages + page - random_next(&state) % 512,
				.count = random_next(&state) % 6,
			};
		}
		/* Not the generic ones, which are the file system's and do what they say. */
		if ((random & 0xf000) == 0)
			command = (random_next(&state) & 0xffff00ff) | IOREADY_IOC << 8;
		if ((random & 0xf0000) == 0)
			at = (char *)(uintptr_t)((__u64)random_next(&state) << 32 |
						 random_next(&state));
		ret = ERR(ioctl(fds[random >> 30], command, at));
		ASSERT_TRUE(ret == 0 || ret == -EINVAL || ret == -EFAULT || ret == -ENOTTY ||
			    ret == -EBADF || ret == -E2BIG) {
			TH_LOG("command %#lx: %s", command, strerror(-ret));
		}
		errors[0] += !ret;
		errors[1] += ret == -EINVAL;
		errors[2] += ret == -EFAULT;
		errors[3] += ret == -ENOTTY;
	}
	say("# %llu ioctls: %llu good, %llu EINVAL, %llu EFAULT, %llu ENOTTY\n", n, errors[0],
	       errors[1], errors[2], errors[3]);
	for (int i = 0; i < 4; i++) {
		struct ioready_counters got = counters(fds[i]);

		EXPECT_LT(0, errors[i]);
		EXPECT_EQ(0, invariant(&got));
		close(fds[i]);
	}
	EXPECT_EQ(0, set(self->fd, EPOLLIN));
	EXPECT_COUNTS(self->fd, .changes = 1, .wakes = 1, .ready = EPOLLIN);
}
