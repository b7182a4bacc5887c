#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# build.sh DIR: build DIR/ioready.ko, with BTF if that can be had.
#
# Environment: KDIR, the headers or the build tree of the kernel (default: those of
# the running kernel); VMLINUX, a file with the BTF of that kernel, if it is not
# found by itself: its vmlinux, or a copy of its /sys/kernel/btf/vmlinux.
set -u

here=$(cd "$(dirname "$0")" && pwd -P)
mkdir -p "$1" && out=$(cd "$1" && pwd -P) || exit
kdir=${KDIR:-/lib/modules/$(uname -r)/build}
vmlinux=${VMLINUX:-}

die() {
	echo "ioready.ko: $*" >&2
	exit 1
}

# What the module will say it is built for. (kernel.release is not that in Debian 12.)
release=$(sed -n 's/^#define UTS_RELEASE "\(.*\)"/\1/p' \
	"$kdir/include/generated/utsrelease.h" 2>/dev/null)
if [ -z "$release" ]; then
	release=${kdir%/build}
	case $release in
	/lib/modules/*) release=${release##*/} ;;
	*) release=VERSION ;;
	esac
	die "no kernel headers in $kdir: install linux-headers-$release, or set KDIR to where they are"
fi

# Kbuild writes beside the sources, so it gets a directory of links to them; one
# for each kernel, because what was compiled for one is of no use to another.
kbuild=$out/kbuild/$release
mkdir -p "$kbuild" && cp -rsf "${here%/*}/Kbuild" "$here" "$kbuild/" || exit

# Who makes the BTF? Kbuild, if the headers bring the kernel's own as vmlinux;
# Debian's do so from 13 on. Else btf.sh. Or nobody.
btf=kbuild
if ! grep -q '^CONFIG_DEBUG_INFO_BTF_MODULES=y' "$kdir/include/config/auto.conf"; then
	btf="Linux $release was built without CONFIG_DEBUG_INFO_BTF_MODULES"
elif ! command -v pahole >/dev/null; then
	btf="pahole is not installed"
elif [ -n "$vmlinux" ] || [ ! -f "$kdir/vmlinux" ]; then
	btf=btf.sh
fi
case $btf in
kbuild) set -- ;;
*) set -- quiet_cmd_btf_ko= cmd_btf_ko=: ;; # Kbuild keeps its hands off
esac

# Linked anew each time, because it depends on the above, which Kbuild cannot know.
rm -f "$kbuild/module/ioready.ko"
# Kbuild is not to see what make was told for the tool: it has an O= of its own.
unset MAKEFLAGS MFLAGS MAKELEVEL
make -C "$kdir" -j"$(nproc)" --no-print-directory M="$kbuild" "$@" modules || exit
cp "$kbuild/module/ioready.ko" "$out/ioready.ko.tmp" || exit
if [ "$btf" = btf.sh ]; then
	btf=$("$here/btf.sh" "$out/ioready.ko.tmp" "$release" "$vmlinux")
fi
mv "$out/ioready.ko.tmp" "$out/ioready.ko" || exit
case $btf in
kbuild | '') ;;
*) echo "ioready.ko: no BTF, so no kfunc, and a snapshot takes the slower way: $btf" >&2 ;;
esac
