#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# debug-kernel.sh: make sure that the kernel of debug.config is in the cache, built
# from Debian's source of 6.12, and print its directory, to be given to run.sh -k.
# It is like those of kernels.sh, and modules can be built against its
# lib/modules/RELEASE/build. Its name changes with the configuration. To build it
# again, from newer source too, delete it.
set -u
here=$(cd "$(dirname "$0")" && pwd -P)
# shellcheck source-path=SCRIPTDIR source=debian.sh
. "$here/debian.sh"

fragment=$here/debug.config

# quietly COMMAND...: its output is of interest only if it fails.
quietly() {
	"$@" >"$tmp/log" 2>&1 && return
	say "$*: failed"
	tail -n 20 "$tmp/log" >&2
	return 1
}

# configure: make .config, with nothing but the fragment and what that needs. A
# line of which the dependencies are not met would be left out in silence.
configure() {
	quietly scripts/kconfig/merge_config.sh -n "$fragment" || return
	grep -E '^(# )?CONFIG_' "$fragment" | grep -Fxvf .config >"$tmp/refused"
	[ -s "$tmp/refused" ] || return 0
	say "the kernel's configuration did not take:"
	cat "$tmp/refused" >&2
	return 1
}

# build DIR: build the kernel into DIR, which does not exist yet. In the
# directory of its source: one built elsewhere could not be moved afterwards.
build() {
	say "building, which takes a while and 4 GB"
	debian_open trixie "$tmp/apt" &&
		debian_unpack "$tmp/deb" linux-source-6.12 &&
		quietly tar -xf "$tmp/deb/usr/src/linux-source-6.12.tar.xz" -C "$tmp" &&
		cd "$tmp/linux-source-6.12" && configure &&
		quietly make -j"$(nproc)" bzImage modules || return
	release=$(make -s kernelrelease) && modules=$tmp/new/lib/modules/$release
	mkdir "$tmp/new" &&
		cp "$(make -s image_name)" "$tmp/new/vmlinuz" &&
		cp .config "$tmp/new/config" &&
		cp System.map "$tmp/new/" &&
		quietly make modules_install INSTALL_MOD_PATH="$tmp/new" INSTALL_MOD_STRIP=1 &&
		rm -f "$modules/build" &&
		quietly make run-command \
			KBUILD_RUN_COMMAND="scripts/package/install-extmod-build $modules/build" ||
		return
	# Of vmlinux, a module's build needs the types of the kernel.
	quietly strip -g -o "$modules/build/vmlinux" vmlinux && mv "$tmp/new" "$1"
}

tmp=
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM

dir=$cache/kernels/debug-$(cksum <"$fragment" | cut -d ' ' -f 1)
mkdir -p "$cache/kernels" || exit
if [ ! -d "$dir" ]; then
	# One at a time; and beside its destination, so that the mv is atomic.
	exec 9>"$cache/kernels/.debug.lock" && flock 9
	if [ ! -d "$dir" ]; then
		tmp=$(mktemp -d "$cache/kernels/.tmp.XXXXXX") && (build "$dir") || exit 1
	fi
fi
echo "$dir"
