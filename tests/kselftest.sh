#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# kselftest.sh: make sure that the kernel's own test harness is in the cache and
# print its directory: kselftest.h, kselftest_harness.h, lib.mk and the runner
# (kselftest/, run_kselftest.sh), as they are in tools/testing/selftests of Linux
# 6.1. To fetch it again, delete that directory.
set -u
# shellcheck source-path=SCRIPTDIR source=guest/debian.sh
. "$(dirname "$0")/guest/debian.sh"

dir=$cache/kselftest
tmp=
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM

# fetch: unpack the harness into $dir, which does not exist yet.
fetch() {
	say "fetching linux-source-6.1 (140 MB)"
	debian_open bookworm "$tmp/apt" &&
		debian_unpack "$tmp/deb" linux-source-6.1 || return
	mkdir "$tmp/source"
	top=linux-source-6.1/tools/testing/selftests
	if ! xz -dcT0 "$tmp/deb/usr/src/linux-source-6.1.tar.xz" |
		tar -xf - -C "$tmp/source" "$top/kselftest.h" \
			"$top/kselftest_harness.h" "$top/lib.mk" "$top/kselftest" \
			"$top/run_kselftest.sh"; then
		say "no selftests in linux-source-6.1"
		return 1
	fi
	mv "$tmp/source/$top" "$dir"
}

if [ ! -d "$dir" ]; then
	mkdir -p "$cache" || exit
	# One at a time; and beside its destination, so that the mv is atomic.
	exec 9>"$cache/.kselftest.lock" && flock 9
	if [ ! -d "$dir" ]; then
		tmp=$(mktemp -d "$cache/.tmp.XXXXXX") && fetch || exit 1
	fi
fi
echo "$dir"
