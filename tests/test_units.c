// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * test_units.c - what can be tested with no kernel: numbers, models, printers, untrusted
 * names.
 *
 * The harness keeps its list of tests in a static variable, so that the parts are
 * one translation unit.
 */
#include "test_units_numbers.c"
#include "test_units_waits.c"
#include "test_units_report.c"
#include "test_units_snapshot.c"
#include "test_units_tcp.c"
#include "test_units_tcp_text.c"

TEST_HARNESS_MAIN
