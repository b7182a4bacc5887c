#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# packages.sh build|demo|module|check|debug-kernel|bench: installs what that needs from
# Debian's packages. For module, RELEASE may follow: that of the kernel, if not of the
# running one.
#
# Asks dpkg first, so that a machine that has everything needs neither root nor
# a network.
set -eu

build="gcc libc6-dev make pkg-config clang llvm bpftool libbpf-dev libjansson-dev
	libcap-ng-dev libncurses-dev uthash-dev python3-docutils"
demo="redis-server redis-tools python3"
module="gcc make pahole kmod bpftool xz-utils zstd"
check="python3 binutils debootstrap xz-utils zstd cpio busybox-static qemu-system-x86
	linux-libc-dev redis-server redis-tools iproute2 tcpdump kmod util-linux procps strace tmux"
debug_kernel="flex bison bc libelf-dev"
bench="redis-server redis-tools nginx-light wrk libbpf-tools bpftrace linux-perf strace util-linux procps python3"

case ${1:-} in
build) want=$build ;;
demo) want="$build $demo" ;;
module)
	want=$module
	release=${2:-$(uname -r)}
	# Not every kernel is Debian's, nor in its archive for ever; what is then
	# missing, the build says.
	[ -e "/lib/modules/$release/build" ] ||
		! apt-cache show "linux-headers-$release" >/dev/null 2>&1 ||
		want="$want linux-headers-$release"
	;;
check) want="$build $check" ;;
debug-kernel) want="$build $module $check $debug_kernel" ;;
bench) want="$build $bench" ;;
*)
	echo "usage: packages.sh build|demo|module|check|debug-kernel|bench" >&2
	exit 2
	;;
esac

missing=
for package in $want; do
	status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
	[ "$status" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0
if [ "$(id -u)" != 0 ]; then
	echo "these packages are missing, and installing them needs root:$missing" >&2
	exit 3
fi
echo "installing:$missing" >&2
export DEBIAN_FRONTEND=noninteractive
# Package lists may be old or absent: only then is an update worth its time.
# shellcheck disable=SC2086
apt-get install -y -qq --no-install-recommends $missing >/dev/null 2>&1 ||
	{ apt-get update -qq && apt-get install -y -qq --no-install-recommends $missing >/dev/null; }
