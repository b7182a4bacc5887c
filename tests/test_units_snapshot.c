// SPDX-License-Identifier: GPL-2.0-or-later
/* test_units_snapshot.c - interest lists, and what stands in them unserved. */
#include "test_units.h"

TEST(interest_lists_are_the_kernels)
{
	struct interest item;

	EXPECT_TRUE(interest_parse("tfd:        5 events: 80000019 data: ffffffff00000005  pos:0 "
				   "ino:3f7a1 sdev:9\n", &item));
	EXPECT_EQ(5, item.fd);
	EXPECT_EQ(0x80000019, item.events);
	EXPECT_EQ(0xffffffff00000005, item.data);
	EXPECT_EQ(0x3f7a1, item.ino);
	EXPECT_EQ(9, item.dev);
	EXPECT_FALSE(interest_parse("pos:\t0\n", &item));
	EXPECT_FALSE(interest_parse("tfd: 5 events: 19 data: 5\n", &item));
}

/* One thread and one watched file, to be varied. */
struct pair {
	struct look look[2];
	struct look_thread thread[2];
	struct watch watch[2];
	struct look_file file[2];
};

static struct snapshot_watch told(struct pair *pair)
{
	struct snapshot_process p;
	struct snapshot_watch w;

	if (model_snapshot(&pair->look[0], &pair->look[1], true, &p, NULL))
		abort();
	w = p.watches[0];
	model_snapshot_free(&p);
	return w;
}

static void pair_set(struct pair *pair, uint32_t asked, uint32_t ready, uint32_t known)
{
	memset(pair, 0, sizeof(*pair));
	for (int i = 0; i < 2; i++) {
		pair->thread[i] = (struct look_thread){ .tid = 1, .runs_known = true };
		pair->watch[i] = (struct watch){ MECHANISM_EPOLL, 3, 5, asked, 0, 7, 8 };
		pair->file[i] = (struct look_file){
			.fd = 5, .kind = FILE_SOCKET, .ino = 7, .dev = 8, .name = "socket:[7]",
			.r = { .ready = ready, .known = known | KNOWN_READY } };
		pair->look[i] = (struct look){
			.threads = &pair->thread[i], .threads_nr = 1,
			.watches = &pair->watch[i], .watches_nr = 1,
			.files = &pair->file[i], .files_nr = 1 };
	}
}

TEST(unserved_is_said_only_of_what_is_sure)
{
	struct snapshot_watch w;
	struct pair p;

	pair_set(&p, EPOLLIN | EPOLLERR | EPOLLHUP, EPOLLIN | EPOLLOUT, 0);
	w = told(&p);
	EXPECT_EQ(EPOLLIN, w.ready);
	EXPECT_EQ(ANSWER_NO, w.stale);
	EXPECT_EQ(ANSWER_YES, w.unserved);
	EXPECT_EQ(WHY_IDLE, w.why);
	p.thread[1].runs = 1;
	w = told(&p);
	EXPECT_EQ(ANSWER_UNKNOWN, w.unserved);
	EXPECT_EQ(WHY_UNSEEN, w.why);
	/* A thread that came or went has run. */
	p.thread[1].runs = 0;
	p.thread[1].tid = 2;
	EXPECT_EQ(WHY_UNSEEN, told(&p).why);
	/* Whether it ran is not known. */
	p.thread[1].tid = 1;
	p.thread[0].runs_known = false;
	EXPECT_EQ(WHY_UNSEEN, told(&p).why);
	/* The file's own count tells, whoever ran. */
	for (int i = 0; i < 2; i++)
		p.file[i].r.known |= KNOWN_TAKEN | KNOWN_PUT;
	p.file[1].r.put = 1;
	EXPECT_EQ(WHY_UNMOVED, told(&p).why);
	p.file[1].r.taken = 1;
	w = told(&p);
	EXPECT_EQ(ANSWER_NO, w.unserved);
	EXPECT_EQ(WHY_MOVED, w.why);
	/* Ready only since the first look; another file by then. */
	p.file[0].r.ready = EPOLLOUT;
	EXPECT_EQ(WHY_NEW, told(&p).why);
	p.file[0].r.ready = EPOLLIN;
	p.file[0].name = "socket:[6]";
	EXPECT_EQ(WHY_NO_FIRST, told(&p).why);
	p.file[1].r.ready = 0;
	EXPECT_EQ(WHY_NOT_READY, told(&p).why);
	/* What is not known is not zero. */
	p.file[1].r.known &= ~KNOWN_READY;
	w = told(&p);
	EXPECT_EQ(READY_REFUSED, w.no_ready);
	EXPECT_EQ(ANSWER_UNKNOWN, w.unserved);
}

TEST(edges_and_items_are_told_apart)
{
	struct item_record items[] = { { FILE_RECORD_ITEM, 5, 5, 0, 99 },
				       { FILE_RECORD_ITEM, 9, 5, 1, 99 } };
	struct look_file files[2][2];
	struct snapshot_watch w;
	struct pair p;

	/* A writable edge is nothing to serve; a writable level is. */
	pair_set(&p, EPOLLOUT | EPOLLET, EPOLLOUT, KNOWN_PUT);
	EXPECT_EQ(WHY_WRITABLE, told(&p).why);
	pair_set(&p, EPOLLOUT, EPOLLOUT, KNOWN_PUT);
	EXPECT_EQ(WHY_UNMOVED, told(&p).why);
	/* Disarmed, an item asks for nothing. */
	pair_set(&p, EPOLLONESHOT, EPOLLIN | EPOLLHUP, 0);
	w = told(&p);
	EXPECT_TRUE(w.disarmed);
	EXPECT_EQ(0, w.ready);
	EXPECT_EQ(ANSWER_NO, w.unserved);
	/* By the inode, if nothing better is known. */
	pair_set(&p, EPOLLIN, EPOLLIN, 0);
	p.watch[1].ino = 6;
	w = told(&p);
	EXPECT_EQ(ANSWER_YES, w.stale);
	EXPECT_EQ(READY_NOT_OPEN, w.no_ready);

	/* By the iterator's items: the file that is open is watched, and not queued. */
	pair_set(&p, EPOLLIN | EPOLLET, EPOLLIN, KNOWN_ITEMS | KNOWN_TAKEN);
	for (int i = 0; i < 2; i++) {
		files[i][0] = (struct look_file){ .fd = 3, .kind = FILE_EPOLL, .name = "",
						  .r.epoll = 99 };
		files[i][1] = p.file[i];
		p.look[i].files = files[i];
		p.look[i].files_nr = 2;
		p.look[i].items = items;
		p.look[i].items_nr = 1;
	}
	w = told(&p);
	EXPECT_EQ(ANSWER_NO, w.stale);
	EXPECT_EQ(ANSWER_NO, w.queued);
	EXPECT_EQ(ANSWER_YES, w.edge_consumed);
	EXPECT_EQ(ANSWER_YES, w.unserved);
	/* ... or only under another fd. */
	p.look[1].items = items + 1;
	w = told(&p);
	EXPECT_EQ(ANSWER_YES, w.stale);
	EXPECT_EQ(9, w.open_as);
	EXPECT_EQ(ANSWER_YES, w.queued);
}

TEST(names_of_sockets_are_clean)
{
	struct file_record r = { .path_size = 4, .path = { 0, 'a', 0, 033 } };
	char text[600];

	EXPECT_STREQ("@a@\\x1b", path_text(text, &r));
	memcpy(r.path, "/x\0y", 4);
	EXPECT_STREQ("/x", path_text(text, &r));
	EXPECT_STREQ("IN|OUT", events_text(text, EPOLLIN | EPOLLRDNORM | EPOLLOUT));
	EXPECT_STREQ("-", events_text(text, 0));
}
