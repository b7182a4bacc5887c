#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# distros.sh [SUITE...]: the README's set-up, a build and the unit tests in
# chroots of Debian 12 and 13 made from nothing: the proof that no install step
# is missing. Takes some minutes and 2 GiB a suite; not part of `make check`.
set -u

cd "$(dirname "$0")/.." || exit 1
[ "$(id -u)" = 0 ] || { echo "distros.sh: debootstrap needs root" >&2; exit 3; }
command -v debootstrap >/dev/null || apt-get install -y -qq debootstrap >/dev/null || exit 1

# The mirror that this machine itself uses.
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' |
	grep -m1 -E '/debian/?$') || { echo "distros.sh: no Debian mirror in apt's lists" >&2; exit 1; }
passed=0 failed=0
work=$(mktemp -d)
root=

cleanup()
{
	[ -z "$root" ] || umount -q "$root/sys/kernel/tracing" "$root/sys" "$root/proc" "$root/dev" 2>/dev/null
	rm -rf --one-file-system "$work"
}
trap cleanup EXIT

step() # what, command...
{
	local what=$1 log
	log=$work/log
	shift
	echo "# $suite: $what" >&2
	if "$@" >"$log" 2>&1; then
		passed=$((passed + 1))
		echo "ok $((passed + failed)) - $suite: $what"
	else
		failed=$((failed + 1))
		echo "not ok $((passed + failed)) - $suite: $what"
		tail -n 30 "$log" | sed 's/^/# /'
		return 1
	fi
}

inside()
{
	chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 \
		sh -c "cd /ioready && $1"
}

[ $# -gt 0 ] || set -- bookworm trixie
for suite; do
	root=$work/$suite
	step "debootstrap" debootstrap --variant=minbase "$suite" "$root" "$mirror" || continue
	mount -t proc proc "$root/proc"
	mount -t sysfs sys "$root/sys"
	mount --bind /dev "$root/dev"
	# apt in the chroot goes the way that apt here goes.
	cp /etc/apt/apt.conf.d/* "$root/etc/apt/apt.conf.d/" 2>/dev/null
	cp /etc/resolv.conf "$root/etc/" 2>/dev/null
	git archive --prefix=ioready/ HEAD | tar -x -C "$root"
	# What the README says, to the letter.
	step "apt-get install make" inside "apt-get update && apt-get install -y make" &&
		step "make setup all" inside "make setup all" &&
		step "make with no warning" inside "make clean && make CFLAGS='-O2 -g -Werror'" &&
		step "ioready doctor" inside "build/ioready doctor" &&
		step "unit tests" inside "apt-get install -y xz-utils && make build/tests/test_units && build/tests/test_units"
	umount "$root/sys" "$root/proc" "$root/dev"
	rm -rf --one-file-system "$root"
	root=
done
echo "1..$((passed + failed))"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
