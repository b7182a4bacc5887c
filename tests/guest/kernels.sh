#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# kernels.sh [NAME...]: make sure that Debian's kernels (5.10, 6.1, 6.12, 7.2, or
# those named) are unpacked in the cache; print "NAME DIR" for each that is.
# DIR holds vmlinuz, config, System.map and lib/modules/RELEASE. To take a newer
# one, delete DIR. Exit status 1: some kernel could not be had.
set -u
# shellcheck source-path=SCRIPTDIR source=debian.sh
. "$(dirname "$0")/debian.sh"

# index DIR RELEASE: have DIR's modules indexed, by kmod's depmod alone: its modprobe
# relies on the order of the dependencies, which busybox's sorts away. Only
# kmod's writes modules.dep.bin, so a kernel cached without is indexed anew.
index() {
	[ ! -f "$1/lib/modules/$2/modules.dep.bin" ] || return 0
	depmod -b "$1" "$2"
	[ -f "$1/lib/modules/$2/modules.dep.bin" ] && return
	say "$2: modules not indexed: that takes depmod of the package kmod"
	return 1
}

# fetch NAME DIR: unpack the kernel NAME into DIR, which does not exist yet.
fetch() {
	suite=$(suite_of "$1") || { say "$1: unknown kernel"; return 1; }
	say "$1: fetching from $suite"
	debian_open "$suite" "$tmp/apt" || return
	image=$(debian_depends linux-image-amd64 '^linux-image-[0-9]')
	[ -n "$image" ] || { say "$1: no linux-image-amd64 in $suite"; return 1; }
	# Newer kernels are split: the image package is then an empty one.
	# shellcheck disable=SC2046 # one word per package is wanted
	debian_unpack "$tmp/deb" "$image" \
		$(debian_depends "$image" '^linux-(base|binary|modules)-[0-9]') || return

	release=${image#linux-image-}
	for lib in "$tmp/deb/usr/lib/modules" "$tmp/deb/lib/modules"; do
		[ -d "$lib/$release" ] && break
	done
	mkdir -p "$tmp/new/lib/modules"
	for f in vmlinuz config System.map; do
		if [ -f "$lib/$release/$f" ]; then
			mv "$lib/$release/$f" "$tmp/new/$f"
		else
			mv "$tmp/deb/boot/$f-$release" "$tmp/new/$f"
		fi || { say "$1: no $f in $image"; return 1; }
	done
	mv "$lib/$release" "$tmp/new/lib/modules/" || return

	# A guest has no hardware: without its drivers a kernel takes a fifth of
	# the space, and leaves modules few enough to keep uncompressed, which
	# costs an emulated processor nothing to load.
	(
		cd "$tmp/new/lib/modules/$release/kernel" || exit
		rm -rf sound
		find drivers -name '*.ko*' ! -path 'drivers/virtio/*' \
			! -path 'drivers/net/*.ko*' -delete
		find drivers/net -mindepth 2 -name '*.ko*' -delete
		find . -type d -empty -delete
		find . -name '*.ko.xz' -exec xz -d {} +
		find . -name '*.ko.zst' -exec zstd -dq --rm {} +
	) || { say "$1: modules not unpacked"; return 1; }
	index "$tmp/new" "$release" || return
	mv "$tmp/new" "$2"
}

tmp=
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM

dir=$cache/kernels
mkdir -p "$dir" || exit
[ $# -gt 0 ] || set -- 5.10 6.1 6.12 7.2
status=0
for name; do
	if [ ! -d "$dir/$name" ]; then
		# One at a time, lest two callers fetch the same kernel.
		exec 9>"$dir/.lock" && flock 9
		if [ ! -d "$dir/$name" ]; then
			# Beside its destination, so that the mv is atomic.
			tmp=$(mktemp -d "$dir/.tmp.XXXXXX") || exit
			fetch "$name" "$dir/$name" || status=1
			rm -rf "$tmp"
		fi
		exec 9>&-
	fi
	[ -d "$dir/$name" ] || continue
	for release in "$dir/$name/lib/modules"/*; do
		index "$dir/$name" "${release##*/}" || { status=1; continue 2; }
		case ${release##*/} in
		"$name"[.-]*) ;;
		*) say "$name: $(suite_of "$name") has moved on, using ${release##*/}" ;;
		esac
	done
	echo "$name $dir/$name"
done
exit $status
