#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# module.sh [NAME...]: build the module for the guests' kernels (6.1, 6.12, 7.2, or
# those named) as a user does there: `make module` in the Debian that the kernel
# comes from, with that one's compiler and headers; print "NAME KO" for each that
# is built. As root. These Debians are kept in the cache, in DIR/debian/NAME.
# Environment: O, the directory for what is built (default: build).
# Exit status 1: some Debian could not be had; 2: some module was not built.
set -u
here=$(cd "$(dirname "$0")" && pwd -P)
# shellcheck source-path=SCRIPTDIR source=debian.sh
. "$here/debian.sh"

# inside ROOT COMMAND...: in a Debian. What is mounted is so for this command
# alone, and so gone whichever way it ends.
inside() {
	inside=$1
	shift
	# shellcheck disable=SC2016 # the inner shell expands these
	unshare --mount sh -c '
		root=$1
		mount -t proc proc "$root/proc" &&
			mount --bind "$2" "$root/ioready" &&
			mount --bind "$3" "$root/build" || exit
		shift 3
		exec chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
			LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@"
	' - "$inside" "$top" "$out" "$@"
}

# debootstrapped SUITE ROOT: a Debian, of which nothing is installed but the base.
debootstrapped() {
	[ ! -d "$2" ] || return 0
	command -v debootstrap >/dev/null || { say "$name: debootstrap not found"; return 1; }
	mirror=$(debian_mirror) || return
	say "$name: installing $1"
	tmp=$(mktemp -d "$cache/debian/.tmp.XXXXXX") || return
	# It mounts, too.
	if ! unshare --mount debootstrap --variant=minbase "$1" "$tmp/root" "$mirror" >"$log" 2>&1; then
		say "$name: $1 not installed: $(tail -n 1 "$log")"
		return 1
	fi
	# apt there goes the way that apt here goes.
	cp /etc/apt/apt.conf.d/* "$tmp/root/etc/apt/apt.conf.d/" 2>/dev/null
	cp /etc/resolv.conf "$tmp/root/etc/"
	mkdir "$tmp/root/ioready" "$tmp/root/build" && mv "$tmp/root" "$2" && rm -rf "$tmp"
}

# prepared NAME RELEASE ROOT: a Debian with what `make module` takes.
prepared() {
	suite=$(suite_of "$1") && debootstrapped "$suite" "$3" || return
	# As the kernel's own package has it.
	[ -f "$3/boot/vmlinuz-$2" ] || cp "$cache/kernels/$1/vmlinuz" "$3/boot/vmlinuz-$2" || return
	[ ! -d "$3/usr/src/linux-headers-$2" ] || return 0
	say "$1: installing the headers of $2"
	# What the README says.
	if ! inside "$3" sh -c "apt-get update --error-on=any && apt-get install -y make &&
		cd /ioready && tests/packages.sh module $2 && apt-get clean" >"$log" 2>&1; then
		say "$1: headers not installed: $(grep -m 1 '^E:' "$log" || tail -n 1 "$log")"
		return 1
	fi
	[ ! -d "$3/usr/src/linux-headers-$2" ] || return 0
	say "$1: $suite has no linux-headers-$2 any more: delete $cache/kernels/$1 to take its newer kernel"
	return 1
}

# built NAME RELEASE ROOT: the module, without any warning.
built() {
	if ! inside "$3" make -C /ioready module O="/build/module/$1" \
		KDIR="/lib/modules/$2/build" KCFLAGS=-Werror >"$log" 2>&1; then
		say "$1: module not built:"
		tail -n 30 "$log" >&2
		return 1
	fi
	# What it lacks, if anything.
	grep '^ioready.ko:' "$log" >&2
	echo "$1 $out/module/$1/ioready.ko"
}

[ "$(id -u)" = 0 ] || { say "needs root"; exit 1; }
tmp=
trap '[ -z "$tmp" ] || rm -rf --one-file-system "$tmp"' EXIT
trap 'exit 1' HUP INT TERM

top=${here%/tests/guest}
mkdir -p "$cache/debian" "${O:-$top/build}/module" && out=$(cd "${O:-$top/build}" && pwd -P) || exit
[ $# -gt 0 ] || set -- 6.1 6.12 7.2

# Each on its own, because most of the first time is waiting for packages.
if [ $# -gt 1 ]; then
	children=
	for name; do
		"$0" "$name" &
		children="$children $!"
	done
	# shellcheck disable=SC2064,SC2086 # these, and each of them
	trap "kill $children 2>/dev/null; exit 1" HUP INT TERM
	worst=0
	for child in $children; do
		wait "$child"
		status=$?
		[ $status -le $worst ] || worst=$status
	done
	exit $worst
fi

name=$1
log=$out/module/$name.log
"$here/kernels.sh" "$name" >/dev/null || exit 1
for release in "$cache/kernels/$name/lib/modules"/*; do :; done
release=${release##*/}
# One at a time: neither apt nor Kbuild bears company.
exec 9>"$cache/debian/.lock-$name" && flock 9
prepared "$name" "$release" "$cache/debian/$name" || exit 1
built "$name" "$release" "$cache/debian/$name" || exit 2
