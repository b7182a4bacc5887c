// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * test_module.c - ioready.ko by its contract (module/uapi/ioready.h): every answer
 * is known beforehand, every counter is compared. Root, and the module loaded.
 *
 * Environment: IOREADY_KO, the module's file, for the tests that unload it;
 * IOREADY_ONLY, part of a test's name; IOREADY_SEED; IOREADY_RACE_SECONDS and
 * IOREADY_FUZZ_SECONDS (3 each).
 *
 * The harness keeps its list of tests in a static variable, so that the parts are
 * one translation unit.
 */
#include "test_module_contract.c"
#include "test_module_counters.c"
#include "test_module_epoll.c"
#include "test_module_read.c"
#include "test_module_uring.c"
#include "test_module_timers.c"
#include "test_module_batch.c"
#include "test_module_share.c"
#include "test_module_races.c"
#include "test_module_limits.c"
#include "test_module_trace.c"
#include "test_module_unload.c"

TEST_HARNESS_MAIN
