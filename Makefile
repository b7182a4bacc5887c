# SPDX-License-Identifier: GPL-2.0-or-later
# Thin: what to build and with what. Everything generated goes to $(O).

O := build
VERSION := 0.1.0
CLANG ?= clang
BPFTOOL ?= $(firstword $(wildcard /usr/sbin/bpftool) bpftool)
CFLAGS ?= -O2 -g

ARCH := $(subst aarch64,arm64,$(subst x86_64,x86,$(shell uname -m)))
LIBS := libbpf jansson libcap-ng
CPPFLAGS += -D_GNU_SOURCE -DIOREADY_VERSION='"$(VERSION)"' -Ibpf -Iuser -I$(O)
WARN := -Wall -Wextra -Wno-missing-field-initializers -Wno-sign-compare
BPF_CFLAGS := -g -O2 -mcpu=v3 -target bpf -D__TARGET_ARCH_$(ARCH) -Wall \
	-I/usr/include/$(shell $(CC) -dumpmachine)

USER := main cmd_stat cmd_doctor options parse err kernel collector cgroup command \
	privilege interest model_wait histogram report report_json report_text
OBJS := $(USER:%=$(O)/%.o)

all: $(O)/ioready

$(O)/ioready: $(OBJS)
	$(CC) $(LDFLAGS) -o $@ $^ $(shell pkg-config --libs $(LIBS)) -lm

$(O)/%.o: user/%.c Makefile | $(O)/wait.skel.h
	$(CC) $(CPPFLAGS) $(CFLAGS) $(WARN) -MMD -MP -c -o $@ $<

$(O)/%.bpf.o: bpf/%.bpf.c $(wildcard bpf/*.h) | $(O)
	$(CLANG) $(BPF_CFLAGS) -c -o $@ $<

# The name of a skeleton is that of its source.
$(O)/%.skel.h: $(O)/%.bpf.o
	$(BPFTOOL) gen skeleton $< name $*_bpf > $@.tmp
	mv $@.tmp $@

$(O):
	mkdir -p $@

clean:
	rm -rf $(O)

-include $(OBJS:.o=.d)
.PHONY: all clean
.DELETE_ON_ERROR:
