// SPDX-License-Identifier: GPL-2.0-or-later
#include "tcp.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "libbpf_said.h"
#include "links.h"
#include "seats.h"
#include "table.h"
#include "tcp.skel.h"
#include "types.h"

#define LINKS_MAX 32

struct tcp {
	const struct kernel *kernel;
	struct tcp_settings settings;
	struct tcp_plan plan;
	struct tcp_bpf *skel;
	struct seats rows;
	struct seats timewaits;
	struct ring_buffer *ring;
	struct bpf_link *links[LINKS_MAX];
	int links_nr;
	const struct tcp_fns *fns;	/* of the call that is going on */
	void *arg;
	struct tcp_row whole;		/* made of one that may be short; the rest of it is 0 */
};

/* What a function is hooked for. */
enum purpose { ACCEPT, HANDSHAKE, MINISOCK, ARRIVAL, DATAGRAM, DATAGRAM_FULL, DATAGRAM_END };

struct function {
	enum purpose purpose;
	const char *name;
	struct bpf_program *fentry, *kprobe;
};

#define FUNCTIONS_NR 14

/* Ends before begins, so that nothing is begun whose end would be missed. */
static void functions(struct tcp_bpf *skel, struct function *f)
{
#define X(purpose, symbol)							\
	*f++ = (struct function){ purpose, #symbol, skel->progs.fentry_##symbol,	\
				  skel->progs.kprobe_##symbol };
	X(ACCEPT, security_sock_graft)
	X(HANDSHAKE, inet_csk_reqsk_queue_drop)
	X(HANDSHAKE, inet_csk_complete_hashdance)
	X(HANDSHAKE, inet_csk_reqsk_queue_hash_add)
	X(HANDSHAKE, tcp_conn_request)
	X(MINISOCK, inet_twsk_kill)
	X(MINISOCK, tw_timer_handler)
	X(MINISOCK, inet_twsk_hashdance)
	X(MINISOCK, inet_twsk_hashdance_schedule)
	X(MINISOCK, __inet_twsk_schedule)
	X(ARRIVAL, sock_def_readable)
	X(DATAGRAM_END, sk_common_release)
	X(DATAGRAM, skb_consume_udp)
	X(DATAGRAM_FULL, __udp_enqueue_schedule_skb)
#undef X
}

static bool has_function(const char *name)
{
	const struct btf *types = types_get();

	return types && btf__find_by_name_kind(types, name, BTF_KIND_FUNC) > 0;
}

/* The tracepoint first: the compiler may have made the function a part of its caller. */
static void udp_plan(bool hooked, struct tcp_plan *plan)
{
	plan->udp = true;
	plan->udp_read = kernel_tracepoint_args("sock_recv_length") > 0 ?
				 UDP_READ_TRACEPOINT :
			 hooked && has_function("skb_consume_udp") ? UDP_READ_FUNCTION :
									     UDP_READ_NONE;
	plan->udp_spoilt = kernel_tracepoint_args("kfree_skb") >= 3;
	plan->udp_refused = kernel_tracepoint_args("kfree_skb") >= 4;
	plan->udp_full = kernel_tracepoint_args("udp_fail_queue_rcv_skb") >= 3 ?
				 UDP_FULL_TRACEPOINT :
			 hooked && plan->udp_spoilt &&
					 has_function("__udp_enqueue_schedule_skb") ?
				 UDP_FULL_FUNCTION :
				 UDP_FULL_V4;
	plan->udp_ends = hooked && has_function("sk_common_release");
}

struct tcp_plan tcp_plan_make(enum tier tier, bool data, bool udp)
{
	struct tcp_plan plan = { .tier = tier, .accept = ACCEPT_SYSCALL, .data = data };
	bool hooked = tier != TIER_TRACEPOINT;

	if (hooked && has_function("security_sock_graft"))
		plan.accept = ACCEPT_FUNCTION;
	if (data)
		plan.arrival = kernel_tracepoint_args("sk_data_ready") > 0 ?
				       ARRIVAL_TRACEPOINT :
			       hooked ? ARRIVAL_FUNCTION :
					ARRIVAL_NONE;
	/* All or none of a purpose, so that a figure is right or absent. */
	plan.handshakes = hooked && has_function("tcp_conn_request") &&
			  has_function("inet_csk_reqsk_queue_hash_add") &&
			  has_function("inet_csk_complete_hashdance");
	/* That a SYN has come to one is seen as it goes on to a listener. */
	plan.minisocks = plan.handshakes && has_function("inet_twsk_kill") &&
			 has_function("tw_timer_handler") &&
			 has_function("__inet_twsk_schedule") &&
			 (has_function("inet_twsk_hashdance") ||
			  has_function("inet_twsk_hashdance_schedule"));
	if (udp)
		udp_plan(hooked, &plan);
	return plan;
}

/* Has the programs of the plan loaded. */
static int choose(struct tcp *tcp)
{
	struct tcp_bpf *skel = tcp->skel;
	struct function f[FUNCTIONS_NR];
	bool fentry = tcp->plan.tier == TIER_FENTRY;

	functions(skel, f);
	for (int i = 0; i < FUNCTIONS_NR; i++) {
		const bool wanted[] = { [ACCEPT] = tcp->plan.accept == ACCEPT_FUNCTION,
					[HANDSHAKE] = tcp->plan.handshakes,
					[MINISOCK] = tcp->plan.minisocks,
					[ARRIVAL] = tcp->plan.arrival == ARRIVAL_FUNCTION,
					[DATAGRAM] = tcp->plan.udp_read == UDP_READ_FUNCTION,
					[DATAGRAM_FULL] = tcp->plan.udp_full == UDP_FULL_FUNCTION,
					[DATAGRAM_END] = tcp->plan.udp_ends };
		bool load = has_function(f[i].name) && wanted[f[i].purpose];

		bpf_program__set_autoload(f[i].fentry, load && fentry);
		bpf_program__set_autoload(f[i].kprobe, load && !fentry);
		if (tcp->kernel->kprobe_multi)
			bpf_program__set_expected_attach_type(f[i].kprobe, BPF_TRACE_KPROBE_MULTI);
	}
	bpf_program__set_autoload(skel->progs.segment, tcp->plan.data);
	bpf_program__set_autoload(skel->progs.data_ready, tcp->plan.arrival == ARRIVAL_TRACEPOINT);
	bpf_program__set_autoload(skel->progs.data_read, tcp->plan.data);
	bpf_program__set_autoload(skel->progs.udp_read,
				  tcp->plan.udp_read == UDP_READ_TRACEPOINT);
	bpf_program__set_autoload(skel->progs.udp_full,
				  tcp->plan.udp && tcp->plan.udp_full != UDP_FULL_FUNCTION);
	bpf_program__set_autoload(skel->progs.packet_dropped, tcp->plan.udp_spoilt);
	bpf_program__set_autoload(skel->progs.exit_accept, tcp->plan.accept == ACCEPT_SYSCALL);
	bpf_program__set_autoload(skel->progs.fork_tree, tcp->settings.filter.tree);
	return tcp->plan.waits ? bpf_map__reuse_fd(skel->maps.threads, tcp->settings.threads_fd) :
				 bpf_map__set_autocreate(skel->maps.threads, false);
}

static void maps_size(struct tcp_bpf *skel, const struct tcp_plan *plan, uint32_t ring_bytes,
		      uint32_t connections)
{
	uint32_t size = plan->data ? sizeof(struct tcp_row) : TCP_ROW_SHORT;
	uint32_t seats = connections < SEATS_MAX ? connections : SEATS_MAX;

	seats = (seats + SEATS_BESIDE - 1) / SEATS_BESIDE;
	skel->rodata->seats_nr = seats;
	bpf_map__set_max_entries(skel->maps.seats, seats);
	bpf_map__set_value_size(skel->maps.seats, SEATS_BESIDE * (sizeof(__u64) + size));
	bpf_map__set_max_entries(skel->maps.connections, connections);
	bpf_map__set_value_size(skel->maps.connections, size);
	bpf_map__set_max_entries(skel->maps.ring, ring_bytes);
	if (!plan->handshakes)
		bpf_map__set_max_entries(skel->maps.requests, 1);
	if (!plan->minisocks) {
		bpf_map__set_max_entries(skel->maps.timewaits, 1);
		bpf_map__set_max_entries(skel->maps.timewait_seats, 1);
	}
	if (!plan->udp)
		bpf_map__set_max_entries(skel->maps.udp_sockets, 1);
	if (!plan->udp_spoilt)
		bpf_map__set_max_entries(skel->maps.udp_ports, 1);
}

int tcp_bill(const struct kernel *kernel, const struct tcp_plan *plan, uint32_t ring_bytes,
	     struct map_bill *bill, int max)
{
	static const struct map_line lines[] = {
		{ "seats", "connections, the first 8,192", "tcp" },
		{ "connections", "more connections", "tcp" },
		{ "requests", "handshakes that go on", "tcp" },
		{ "timewait_seats", "minisocks, the first 32,768", "tcp" },
		{ "timewaits", "more minisocks", "tcp" },
		{ "earlies", "accepted before ESTABLISHED", "tcp" },
		{ "listen_rows", "SYNs, by where is listened", "tcp" },
		{ "listeners", "which of them is whose", "tcp" },
		{ "udp_sockets", "UDP sockets", "tcp --udp" },
		{ "udp_ports", "spoilt datagrams, by port", "tcp --udp" },
		{ "ring", "what has ended (ring)", "tcp" },
		{ "softirqs", "the handshake that it works on, a CPU", "tcp" },
		{ "losses", "losses", "tcp" },
		{ "tcp_bpf.", "knobs", "tcp" },
		{ "tree", "mark of a followed command, a thread", "tcp -- COMMAND" },
	};
	struct tcp_bpf *skel;
	int n;

	libbpf_listen();
	skel = tcp_bpf__open();
	if (!skel)
		return -errno;
	maps_size(skel, plan, ring_bytes, CONNECTIONS_MAX);
	n = maps_bill(skel->obj, lines, sizeof(lines) / sizeof(lines[0]), kernel->cpus, bill, max);
	tcp_bpf__destroy(skel);
	return n;
}

/* The names that the kernel itself has for why it sends a reset. */
static void reasons_read(struct tcp *tcp)
{
	static const char prefix[] = "SK_RST_REASON_";
	const struct btf *btf = types_get();
	int id = btf ? btf__find_by_name_kind(btf, "sk_rst_reason", BTF_KIND_ENUM) : 0;
	const struct btf_type *t = id > 0 ? btf__type_by_id(btf, id) : NULL;

	for (int i = 0; t && i < btf_vlen(t); i++) {
		const struct btf_enum *e = &btf_enum(t)[i];
		const char *name = btf__name_by_offset(btf, e->name_off);

		/* 0 is none. */
		if (e->val > 0 && e->val < RESET_REASONS_MAX &&
		    !strncmp(name, prefix, strlen(prefix)))
			tcp->plan.reset_reasons[e->val] = strdup(name + strlen(prefix));
	}
}

static void knobs_set(struct tcp *tcp)
{
	const struct tcp_settings *s = &tcp->settings;
	struct tcp_bpf__rodata *knobs = tcp->skel->rodata;

	filter_knobs(knobs, &s->filter);
	knobs->functions_on = tcp->plan.handshakes;
	knobs->minisocks_on = tcp->plan.minisocks;
	knobs->data_on = tcp->plan.data;
	knobs->sample = s->sample;
	knobs->waits_on = tcp->plan.waits;
	knobs->waits_see_ready = tcp->plan.sees_ready;
	knobs->retransmit_has_error = kernel_tracepoint_args("tcp_retransmit_skb") >= 3;
	knobs->reset_has_reason = kernel_tracepoint_args("tcp_send_reset") >= 3;
	if (knobs->reset_has_reason)
		reasons_read(tcp);
	knobs->udp_on = tcp->plan.udp;
	knobs->kfree_has_sk = tcp->plan.udp_refused;
	knobs->udp_by_kprobe = tcp->plan.tier == TIER_KPROBE &&
			       (tcp->plan.udp_read == UDP_READ_FUNCTION ||
				tcp->plan.udp_full == UDP_FULL_FUNCTION);
	knobs->udp_full_by_function = tcp->plan.udp_full == UDP_FULL_FUNCTION;
	knobs->udp_full_v4_only = tcp->plan.udp_full == UDP_FULL_V4;
	knobs->filter_ports_nr = s->ports_nr;
	memcpy((void *)knobs->filter_ports, s->ports, sizeof(s->ports));
	knobs->filter_netns = s->netns;
	knobs->filter_peer_bits = s->peer_bits;
	memcpy((void *)knobs->filter_peer, s->peer, sizeof(s->peer));
	maps_size(tcp->skel, &tcp->plan, s->ring_bytes, s->connections);
}

int tcp_open(struct tcp **tcp, const struct kernel *kernel, enum tier tier,
	     const struct tcp_settings *settings, struct err *err)
{
	const struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };
	struct tcp *t = calloc(1, sizeof(*t));
	int ret;

	if (!t)
		return err_set(err, -ENOMEM, "out of memory");
	t->kernel = kernel;
	t->settings = *settings;
	libbpf_listen();
	/* Kernels before 5.11 bill maps to this limit; later ones ignore it. */
	setrlimit(RLIMIT_MEMLOCK, &unlimited);
	t->skel = tcp_bpf__open();
	if (!t->skel) {
		ret = err_set(err, -errno, "the programs could not be opened: %s", libbpf_said());
		goto err_free;
	}
	t->plan = tcp_plan_make(tier, settings->data, settings->udp);
	t->plan.listening = !settings->peer_bits;
	t->plan.waits = settings->threads_fd;
	t->plan.sees_ready = settings->sees_ready;
	ret = choose(t);
	knobs_set(t);
	if (!ret)
		ret = types_load(t->skel->skeleton);
	if (ret) {
		err_set(err, ret, "the kernel refused the programs: %s: %s", strerror(-ret),
			libbpf_said());
		goto err_free;
	}
	ret = seats_map(&t->rows, t->skel->maps.seats, err);
	if (!ret)
		ret = seats_map(&t->timewaits, t->skel->maps.timewait_seats, err);
	if (ret)
		goto err_free;
	*tcp = t;
	return 0;

err_free:
	tcp_close(t);
	return ret;
}

const struct tcp_plan *tcp_plan(const struct tcp *tcp)
{
	return &tcp->plan;
}

/* --- hooks --------------------------------------------------------------------------- */

static int keep(struct tcp *tcp, struct bpf_link *link, const char *where, struct err *err)
{
	if (!link)
		return err_set(err, -errno, "no hook on %s: %s", where, strerror(errno));
	tcp->links[tcp->links_nr++] = link;
	return 0;
}

/*
 * As kprobe.multi also a single one: it costs less than a kprobe, and one that an interrupt comes
 * to within a kprobe is run, if that is not one of BPF's; or counted as missed (since 6.7).
 */
static struct bpf_link *attach_kprobe(const struct tcp *tcp, const struct function *f)
{
	LIBBPF_OPTS(bpf_kprobe_multi_opts, opts, .syms = (const char **)&f->name, .cnt = 1);

	return tcp->kernel->kprobe_multi ?
		       bpf_program__attach_kprobe_multi_opts(f->kprobe, NULL, &opts) :
		       bpf_program__attach_kprobe(f->kprobe, false, f->name);
}

/* libbpf would look for tracefs only where it is usually mounted. */
static int attach_accept(struct tcp *tcp, const char *event, struct err *err)
{
	struct perf_event_attr attr = { .type = PERF_TYPE_TRACEPOINT, .size = sizeof(attr),
					.sample_period = 1 };
	struct bpf_link *link = NULL;
	int id = kernel_tracepoint_id(tcp->kernel, "syscalls", event), fd;

	if (id < 0)
		return err_set(err, id, "no tracepoint syscalls:%s: %s", event, strerror(-id));
	attr.config = id;
	fd = syscall(SYS_perf_event_open, &attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);
	if (fd >= 0)
		link = bpf_program__attach_perf_event(tcp->skel->progs.exit_accept, fd);
	if (!link && fd >= 0)
		close(fd);
	return keep(tcp, link, event, err);
}

static void on_seed(const void *record, void *arg)
{
	(void)record;
	(void)arg;
}

/* All rows of a run are of one size. */
static const struct tcp_row *row_whole(struct tcp *tcp, const void *row)
{
	memcpy(&tcp->whole, row, seats_size(&tcp->rows));
	return &tcp->whole;
}

static int on_ring(void *arg, void *data, size_t size)
{
	struct tcp *tcp = arg;
	const uint32_t *kind = data;

	if (*kind == TCP_RECORD_CONNECTION &&
	    size >= offsetof(struct tcp_record, row) + seats_size(&tcp->rows))
		tcp->fns->ended(row_whole(tcp, &((const struct tcp_record *)data)->row), tcp->arg);
	else if (*kind == TCP_RECORD_TIMEWAIT && size >= sizeof(struct timewait_record))
		tcp->fns->timewait(&((const struct timewait_record *)data)->row, tcp->arg);
	else if (*kind == TCP_RECORD_DATAGRAMS && size >= sizeof(struct udp_record))
		tcp->fns->udp_ended(&((const struct udp_record *)data)->row, tcp->arg);
	return 0;
}

int tcp_attach(struct tcp *tcp, struct err *err)
{
	struct tcp_bpf *skel = tcp->skel;
	struct bpf_program *const always[] = { skel->progs.destroy, skel->progs.state,
					       skel->progs.retransmit,
					       skel->progs.retransmit_synack,
					       skel->progs.reset_in, skel->progs.reset_out,
					       skel->progs.data_read, skel->progs.data_ready,
					       skel->progs.segment, skel->progs.udp_full,
					       skel->progs.udp_read, skel->progs.packet_dropped,
					       skel->progs.fork_tree };
	struct function f[FUNCTIONS_NR];
	int ret = 0;

	tcp->ring = ring_buffer__new(bpf_map__fd(skel->maps.ring), on_ring, tcp, NULL);
	if (!tcp->ring)
		return err_set(err, -errno, "no ring: %s", strerror(errno));
	for (size_t i = 0; !ret && i < sizeof(always) / sizeof(always[0]); i++)
		if (bpf_program__autoload(always[i]))
			ret = keep(tcp, bpf_program__attach(always[i]),
				   bpf_program__section_name(always[i]), err);
	functions(skel, f);
	for (int i = 0; !ret && i < FUNCTIONS_NR; i++) {
		if (bpf_program__autoload(f[i].fentry))
			ret = keep(tcp, bpf_program__attach(f[i].fentry), f[i].name, err);
		else if (bpf_program__autoload(f[i].kprobe))
			ret = keep(tcp, attach_kprobe(tcp, f + i), f[i].name, err);
	}
	if (!ret && tcp->plan.accept == ACCEPT_SYSCALL)
		ret = attach_accept(tcp, "sys_exit_accept4", err);
	if (!ret && tcp->plan.accept == ACCEPT_SYSCALL &&
	    kernel_tracepoint_id(tcp->kernel, "syscalls", "sys_exit_accept") > 0)
		ret = attach_accept(tcp, "sys_exit_accept", err);
	if (ret)
		return ret;
	/* From here on connections are new; what is there already is added. */
	skel->bss->open = 1;
	skel->bss->seeding = 1;
	ret = iterator_read(skel->progs.sockets, on_seed, NULL, "the sockets", err);
	skel->bss->seeding = 0;
	skel->bss->udp_seeded = 1;
	return ret;
}

int tcp_follow(struct tcp *tcp, pid_t pid, struct err *err)
{
	return filter_follow(bpf_map__fd(tcp->skel->maps.tree), pid, err);
}

/* --- what they say --------------------------------------------------------------------- */

int tcp_drain(struct tcp *tcp, const struct tcp_fns *fns, void *arg, struct err *err)
{
	int ret;

	tcp->fns = fns;
	tcp->arg = arg;
	ret = ring_buffer__consume(tcp->ring);
	return ret < 0 ? err_set(err, ret, "the ring could not be read: %s", strerror(-ret)) : 0;
}

static void on_listener(const void *record, void *arg)
{
	struct tcp *tcp = arg;

	tcp->fns->listener(record, tcp->arg);
}

/* Of one that connects the port here is not known yet: it is told once it is. */
static bool may_be_another(const struct tcp *tcp, const struct tcp_row *row)
{
	if (row->state != STATE_SYN_SENT || row->local_port)
		return false;
	for (uint32_t i = 0; i < tcp->settings.ports_nr; i++)
		if (tcp->settings.ports[i] == row->remote_port)
			return false;
	return tcp->settings.ports_nr;
}

static void on_living(const void *row, size_t size, void *arg)
{
	const struct tcp_row *living = row;
	struct tcp *tcp = arg;

	(void)size;
	/* Without a state, it is being made. */
	if (living->state && !may_be_another(tcp, living))
		tcp->fns->living(row_whole(tcp, living), tcp->arg);
}

static void on_waiting(const void *row, size_t size, void *arg)
{
	const struct timewait_row *waiting = row;
	struct tcp *tcp = arg;

	(void)size;
	if (waiting->born_ns)
		tcp->fns->waiting(waiting, tcp->arg);
}

static int listening_read(struct tcp *tcp, struct err *err)
{
	struct listen_row row;

	for (uint32_t i = 1; i <= tcp->skel->bss->listeners_nr && i <= LISTENERS_MAX; i++) {
		if (bpf_map_lookup_elem(bpf_map__fd(tcp->skel->maps.listen_rows), &i, &row))
			return err_set(err, -errno, "the listeners cannot be read: %s",
				       strerror(errno));
		/* Nobody's: see listen_find(). */
		if (row.key.family)
			tcp->fns->listening(&row, tcp->arg);
	}
	return 0;
}

static void on_udp_living(const void *row, size_t size, void *arg)
{
	struct tcp *tcp = arg;

	(void)size;
	tcp->fns->udp_living(row, tcp->arg);
}

static void on_udp_port(const void *row, size_t size, void *arg)
{
	struct tcp *tcp = arg;

	(void)size;
	tcp->fns->udp_port(row, tcp->arg);
}

int tcp_snapshot(struct tcp *tcp, const struct tcp_fns *fns, void *arg, struct err *err)
{
	struct tcp_bpf *skel = tcp->skel;
	int ret = tcp_drain(tcp, fns, arg, err);

	if (ret)
		return ret;
	fns->begin(arg);
	/* First, for it finds owners of connections that a call unseen has accepted. */
	ret = iterator_read(skel->progs.sockets, on_listener, tcp, "the sockets", err);
	if (!ret)
		ret = seats_read(&tcp->rows, on_living, tcp, err);
	if (!ret && skel->bss->row_standing)
		ret = table_read(skel->maps.connections, on_living, tcp, err);
	if (!ret && tcp->plan.minisocks)
		ret = seats_read(&tcp->timewaits, on_waiting, tcp, err);
	if (!ret && skel->bss->timewait_standing)
		ret = table_read(skel->maps.timewaits, on_waiting, tcp, err);
	if (!ret && tcp->plan.listening)
		ret = listening_read(tcp, err);
	if (!ret && tcp->plan.udp)
		ret = table_read(skel->maps.udp_sockets, on_udp_living, tcp, err);
	if (!ret && tcp->plan.udp_spoilt)
		ret = table_read(skel->maps.udp_ports, on_udp_port, tcp, err);
	/* What ended meanwhile may have been told as living. */
	return ret ? ret : tcp_drain(tcp, fns, arg, err);
}

void tcp_losses(const struct tcp *tcp, struct tcp_losses *losses)
{
	struct bpf_program *prog;

	memset(losses, 0, sizeof(*losses));
	for (uint32_t i = 0; i < TCP_LOSS_NR; i++)
		bpf_map_lookup_elem(bpf_map__fd(tcp->skel->maps.losses), &i, &losses->count[i]);
	bpf_object__for_each_program(prog, tcp->skel->obj)
		losses->nested += program_misses(prog);
	losses->not_followed = tcp->skel->bss->not_followed;
}

void tcp_passed_over(const struct tcp *tcp, struct tcp_passed_over *passed)
{
	passed->active = tcp->skel->bss->passed_over[0];
	passed->passive = tcp->skel->bss->passed_over[1];
}

void tcp_detach(struct tcp *tcp)
{
	bool open = tcp->skel && tcp->skel->bss && tcp->skel->bss->open;

	/* What sockets drop while the hooks go, nobody says why: their counts are read before. */
	if (open && tcp->plan.udp)
		iterator_read(tcp->skel->progs.sockets, on_seed, NULL, "the sockets", NULL);
	if (open)
		tcp->skel->bss->open = 0;
	links_destroy(tcp->links, tcp->links_nr);
	tcp->links_nr = 0;
}

void tcp_close(struct tcp *tcp)
{
	if (!tcp)
		return;
	tcp_detach(tcp);
	ring_buffer__free(tcp->ring);
	seats_unmap(&tcp->rows);
	seats_unmap(&tcp->timewaits);
	tcp_bpf__destroy(tcp->skel);
	for (int i = 0; i < RESET_REASONS_MAX; i++)
		free((void *)tcp->plan.reset_reasons[i]);
	free(tcp);
}
