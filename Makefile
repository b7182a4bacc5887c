# SPDX-License-Identifier: GPL-2.0-or-later
# Thin: what is built from what. Everything generated goes to $(O).
#
#	make setup	install what building needs
#	make		build $(O)/ioready
#	make demo	... and what the demonstration needs; run it
#	make module	... and what building the module needs; build $(O)/ioready.ko,
#			for the running kernel or that of KDIR=
#	make check	... and what testing needs; run every test
#	make check-debug-kernel	build a kernel that looks for faults; test the module in it
#	make bench	... and the tools to compare with; measure what tracing costs
#	make check-distros	build and test in fresh Debian 12 and 13 chroots
#	make install	to $(DESTDIR)$(PREFIX)
#	make install-module	the module's sources to where DKMS takes them from

O := build
VERSION := 0.1.0
PREFIX ?= /usr/local
CLANG ?= clang
BPFTOOL ?= $(firstword $(wildcard /usr/sbin/bpftool) bpftool)
CFLAGS ?= -O2 -g

ARCH := $(subst aarch64,arm64,$(subst x86_64,x86,$(shell uname -m)))
LIBS := libbpf jansson libcap-ng ncursesw
CPPFLAGS += -D_GNU_SOURCE -DIOREADY_VERSION='"$(VERSION)"' -Ibpf -Iuser -Imodule -I$(O)
WARN := -Wall -Wextra -Wno-missing-field-initializers -Wno-sign-compare
BPF_CFLAGS = -g -O2 -mcpu=v3 -target bpf -D__TARGET_ARCH_$(ARCH) -Wall \
	-I/usr/include/$(shell $(CC) -dumpmachine)
LDLIBS = $(shell pkg-config --libs $(LIBS)) -lm -lpthread

# The library below the commands, which tests link too.
LIB := options window parse text err types kernel filter libbpf_said table links hooks collector cgroup command privilege interest run model_wait \
	model_chain model_herd model_item histogram report report_json report_text report_file report_herd report_item source selftest_cases \
	selftest_compare report_selftest report_event look process files borrow \
	model_snapshot report_snapshot report_snapshot_text report_snapshot_json \
	model_top report_top screen_top \
	tcp seats netstat model_tcp model_tcp_group model_udp report_tcp_text report_tcp_finding \
	report_tcp_words report_tcp_histogram report_tcp_json report_tcp_line
USER := main cmd_stat cmd_trace cmd_top cmd_tcp cmd_selftest cmd_snapshot cmd_doctor $(LIB)
OBJS := $(USER:%=$(O)/%.o)
MAN := ioready.1 ioready-stat.1 ioready-trace.1 ioready-top.1 ioready-tcp.1 ioready-selftest.1 \
	ioready-snapshot.1 ioready-doctor.1

all: $(O)/ioready

$(O)/ioready: $(OBJS)
	$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(O)/%.o: user/%.c Makefile | $(O)/wait.skel.h $(O)/files.skel.h $(O)/tcp.skel.h
	$(CC) $(CPPFLAGS) $(CFLAGS) $(WARN) -MMD -MP -c -o $@ $<

$(O)/%.bpf.o: bpf/%.bpf.c $(wildcard bpf/*.h) | $(O)/tests
	$(CLANG) $(BPF_CFLAGS) -c -o $@ $<

# The name of a skeleton is that of its source.
$(O)/%.skel.h: $(O)/%.bpf.o
	$(BPFTOOL) gen skeleton $< name $(notdir $*)_bpf > $@.tmp
	mv $@.tmp $@

$(O)/tests:
	mkdir -p $@

# --- tests ---------------------------------------------------------------------

KNOWN := $(wildcard tests/known*.c)
TESTS := $(O)/tests/test_units $(O)/tests/test_known $(O)/tests/test_module $(O)/tests/known \
	$(O)/tests/calls $(O)/tests/floor $(O)/tests/load
# A 32-bit caller, which needs no 32-bit library.
TESTS += $(if $(filter x86,$(ARCH)),$(O)/tests/module32)
TEST_CFLAGS = $(CPPFLAGS) $(CFLAGS) $(WARN) -I$(O)/tests

# The kernel's own harness, from Debian's linux-source; it is not copied in here.
$(O)/tests/test_%: tests/test_%.c $(LIB:%=$(O)/%.o) Makefile | $(O)/tests
	$(CC) $(TEST_CFLAGS) -Wno-unused-parameter -isystem $$(tests/kselftest.sh) -MMD -MP \
		-o $@ $< $(LIB:%=$(O)/%.o) $(LDLIBS)

$(O)/tests/module32: tests/module32.c module/uapi/ioready.h Makefile | $(O)/tests
	$(CC) -m32 -O2 $(WARN) -static -nostdlib -no-pie -fno-pie -fno-stack-protector -Imodule \
		-I/usr/include/$(shell $(CC) -dumpmachine) -o $@ $<

$(O)/tests/known: $(KNOWN) tests/known.h Makefile | $(O)/tests
	$(CC) $(TEST_CFLAGS) -o $@ $(KNOWN) $(LDLIBS)

$(O)/tests/calls: tests/bench/calls.c Makefile | $(O)/tests
	$(CC) $(TEST_CFLAGS) -o $@ $< -lm -lpthread

$(O)/tests/load: tests/load.c Makefile | $(O)/tests
	$(CC) $(TEST_CFLAGS) -o $@ $< -lpthread

$(O)/tests/floor.bpf.o: tests/bench/floor.bpf.c bpf/vmlinux.h bpf/abi.h | $(O)/tests
	$(CLANG) $(BPF_CFLAGS) -Ibpf -c -o $@ $<

$(O)/tests/floor: tests/bench/floor.c $(O)/tests/floor.skel.h $(O)/kernel.o $(O)/types.o $(O)/text.o $(O)/err.o Makefile
	$(CC) $(TEST_CFLAGS) -o $@ $(filter %.c %.o,$^) $(LDLIBS)

# --- what people type -------------------------------------------------------------

setup:
	tests/packages.sh build

demo:
	tests/packages.sh demo
	$(MAKE) all
	O=$(O) tests/demo.sh

module:
	tests/packages.sh module
	module/build.sh $(O)

check:
	tests/packages.sh check
	$(MAKE) all $(TESTS)
	exec env O=$(O) tests/run.sh $(SUITES)

bench:
	tests/packages.sh bench
	$(MAKE) all $(O)/tests/calls $(O)/tests/floor
	O=$(O) tests/bench/bench.sh

# The part of `check` that holds the cost against tests/bench/budgets.
budget: all $(O)/tests/calls $(O)/tests/floor
	O=$(O) tests/bench/budget.sh

check-distros:
	tests/distros.sh

check-debug-kernel:
	tests/packages.sh debug-kernel
	$(MAKE) all $(TESTS)
	exec env O=$(O) tests/run.sh debug

$(O)/%.1: Documentation/%.1.rst | $(O)/tests
	rst2man $< $@

install: all $(MAN:%=$(O)/%)
	install -D -m 755 $(O)/ioready $(DESTDIR)$(PREFIX)/sbin/ioready
	install -D -m 644 user/completion.bash \
		$(DESTDIR)$(PREFIX)/share/bash-completion/completions/ioready
	for page in $(MAN); do \
		install -D -m 644 $(O)/$$page $(DESTDIR)$(PREFIX)/share/man/man1/$$page || exit; \
	done

install-module: MODULE := $(DESTDIR)/usr/src/ioready-$(VERSION)
install-module:
	mkdir -p $(MODULE)
	cp -r COPYING Kbuild dkms.conf module $(MODULE)/

clean:
	rm -rf $(O)

-include $(OBJS:.o=.d) $(wildcard $(O)/tests/*.d)
.PHONY: all setup demo module check bench budget check-distros check-debug-kernel install install-module clean
.DELETE_ON_ERROR:
.SECONDARY:
