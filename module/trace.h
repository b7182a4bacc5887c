/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * trace.h - the moments of a source, for any tracer: events/ioready in tracefs.
 * Times are CLOCK_MONOTONIC; events are EPOLL numbers.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM ioready

#if !defined(IOREADY_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define IOREADY_TRACE_H

#include <linux/tracepoint.h>

#ifndef IOREADY_SHOW_EVENTS
#define IOREADY_SHOW_EVENTS
#define show_events(events)							\
	__print_flags(events, "|",						\
		{ 0x0001, "IN" }, { 0x0002, "PRI" }, { 0x0004, "OUT" },		\
		{ 0x0008, "ERR" }, { 0x0010, "HUP" }, { 0x0040, "RDNORM" },	\
		{ 0x0080, "RDBAND" }, { 0x0100, "WRNORM" }, { 0x0200, "WRBAND" }, \
		{ 0x0400, "MSG" }, { 0x2000, "RDHUP" })
#endif

/* A source goes from no event to some: the moment of becoming ready. */
TRACE_EVENT(ioready_ready,
	TP_PROTO(u64 source, u32 events, u64 ready_ns, u64 late_ns),
	TP_ARGS(source, events, ready_ns, late_ns),
	TP_STRUCT__entry(
		__field(u64, source)
		__field(u64, ready_ns)
		__field(u64, late_ns)
		__field(u32, events)
	),
	TP_fast_assign(
		__entry->source = source;
		__entry->ready_ns = ready_ns;
		__entry->late_ns = late_ns;
		__entry->events = events;
	),
	TP_printk("source=%llu events=%s ready_ns=%llu late_ns=%llu",
		  __entry->source, show_events(__entry->events), __entry->ready_ns,
		  __entry->late_ns)
);

/* Somebody asks a source what is ready; @waits: and wants to be woken. */
TRACE_EVENT(ioready_poll,
	TP_PROTO(u64 source, u32 asked, u32 returned, bool waits),
	TP_ARGS(source, asked, returned, waits),
	TP_STRUCT__entry(
		__field(u64, source)
		__field(u32, asked)
		__field(u32, returned)
		__field(bool, waits)
	),
	TP_fast_assign(
		__entry->source = source;
		__entry->asked = asked;
		__entry->returned = returned;
		__entry->waits = waits;
	),
	TP_printk("source=%llu asked=0x%x returned=%s waits=%d",
		  __entry->source, __entry->asked, show_events(__entry->returned),
		  __entry->waits)
);

/* A wake was issued, and its waiters were called. */
TRACE_EVENT(ioready_wake,
	TP_PROTO(u64 source, u32 events, u64 wake_ns, u32 waiters_called, u32 waiters_woken),
	TP_ARGS(source, events, wake_ns, waiters_called, waiters_woken),
	TP_STRUCT__entry(
		__field(u64, source)
		__field(u64, wake_ns)
		__field(u32, events)
		__field(u32, waiters_called)
		__field(u32, waiters_woken)
	),
	TP_fast_assign(
		__entry->source = source;
		__entry->wake_ns = wake_ns;
		__entry->events = events;
		__entry->waiters_called = waiters_called;
		__entry->waiters_woken = waiters_woken;
	),
	TP_printk("source=%llu events=%s wake_ns=%llu waiters_called=%u waiters_woken=%u",
		  __entry->source, show_events(__entry->events), __entry->wake_ns,
		  __entry->waiters_called, __entry->waiters_woken)
);

#endif /* IOREADY_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
