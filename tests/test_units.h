/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_units.h - what the parts of test_units.c are made of. */
#ifndef TEST_UNITS_H
#define TEST_UNITS_H

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>

#include "histogram.h"
#include "interest.h"
#include "model_chain.h"
#include "model_herd.h"
#include "model_item.h"
#include "model_top.h"
#include "model_snapshot.h"
#include "model_tcp.h"
#include "model_wait.h"
#include "netstat.h"
#include "parse.h"
#include "report.h"
#include "report_event.h"
#include "report_top.h"
#include "report_snapshot.h"
#include "report_tcp.h"
#include "screen_top.h"

#include "kselftest_harness.h"

#endif /* TEST_UNITS_H */
