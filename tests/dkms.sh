#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# dkms.sh [NAME]: the module by way of DKMS, as the README says, for two kernels of
# one Debian: that of the guest NAME (6.1), whose vmlinuz is in /boot, and the one
# for clouds, of which there are only the headers. On top of what guest/module.sh
# keeps, in a mount namespace of its own: nothing of it stays. Prints TAP.
# shellcheck disable=SC2317 # functions that "ok" calls
set -u
cd "$(dirname "$0")/.." || exit
# shellcheck source-path=SCRIPTDIR source=guest/debian.sh
. tests/guest/debian.sh

if [ $# -lt 2 ]; then
	name=${1:-6.1}
	log=$(mktemp) || exit
	trap 'rm -f "$log"' EXIT
	tests/guest/module.sh "$name" >/dev/null 2>"$log"
	# 2, that the module was not built there, is for the tests to say.
	if [ $? -eq 1 ]; then
		cat "$log" >&2
		echo "1..0 # SKIP no Debian to build in: $(grep -m 1 "$name: " "$log")"
		exit 0
	fi
	for modules in "$cache/kernels/$name/lib/modules"/*; do :; done
	# shellcheck disable=SC2016 # the inner shell expands these
	unshare --mount sh -c '
		mount -t tmpfs tmpfs /mnt && mkdir /mnt/upper /mnt/work /mnt/root &&
			mount -t overlay -o "lowerdir=$1,upperdir=/mnt/upper,workdir=/mnt/work" \
				overlay /mnt/root &&
			mount -t proc proc /mnt/root/proc &&
			mount --bind "$PWD" /mnt/root/ioready || exit
		exec chroot /mnt/root env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
			LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
			/ioready/tests/dkms.sh inside "$2"
	' - "$cache/debian/$name" "${modules##*/}"
	exit
fi

# From here on in that Debian.
first=$2
dir=$(mktemp -d) || exit
log=$dir/err
# shellcheck source=tests/tap.sh
. tests/tap.sh

bail() {
	echo "1..$n"
	exit 1
}

# uncompressed RELEASE: the module built for it
uncompressed() {
	for ko in "/var/lib/dkms/ioready/$version/$1"/*/module/ioready.ko*; do
		case $ko in
		*.xz) xz -dc "$ko" ;;
		*.zst) zstd -dcq "$ko" ;;
		*) cat "$ko" ;;
		esac >/tmp/ioready.ko
	done
}

# about RELEASE: modinfo says what it should
about() {
	uncompressed "$1"
	modinfo /tmp/ioready.ko
	[ "$(modinfo -F version /tmp/ioready.ko)" = "$version" ] || return
	case $(modinfo -F vermagic /tmp/ioready.ko) in
	"$1 "*) ;;
	*) return 1 ;;
	esac
}

# with_btf RELEASE; without_btf RELEASE: and the log of the build says why
with_btf() { uncompressed "$1" && readelf -SW /tmp/ioready.ko | grep ' \.BTF '; }
without_btf() {
	! with_btf "$1" && grep '^ioready.ko: no BTF' \
		"/var/lib/dkms/ioready/$version/$1"/*/log/make.log
}

install_packages() {
	apt-get update -q --error-on=any &&
		apt-get install -y -q --no-install-recommends dkms linux-headers-cloud-amd64
}

removed() { ! modinfo -k "$first" ioready && [ -z "$(dkms status ioready)" ]; }

version=$(sed -n 's/^VERSION := //p' Makefile)
ok "dkms.conf is of version $version" grep -x "PACKAGE_VERSION=\"$version\"" dkms.conf
if ! install_packages >"$log" 2>&1; then
	cat "$log" >&2
	echo "ok $((n + 1)) - DKMS # SKIP not installed: $(grep -m 1 '^E:' "$log")"
	echo "1..$((n + 1))"
	exit $failed
fi
second=$(apt-cache depends linux-headers-cloud-amd64 |
	sed -n 's/.*Depends: linux-headers-\([0-9].*\)/\1/p')
ok "make install-module" make install-module || bail
ok "dkms add" dkms add "ioready/$version" || bail
for release in "$first" "$second"; do
	ok "$release: dkms build" dkms build "ioready/$version" -k "$release" || {
		sed 's/^/# /' "/var/lib/dkms/ioready/$version/build/make.log"
		continue
	}
	ok "$release: modinfo" about "$release"
done
ok "$first: BTF" with_btf "$first"
# Debian's headers bring it from 13 on, also of a kernel that is not there.
if [ -f "/lib/modules/$second/build/vmlinux" ]; then
	ok "$second: BTF" with_btf "$second"
else
	ok "$second: no BTF, and why" without_btf "$second"
fi
ok "$first: dkms install" dkms install "ioready/$version" -k "$first"
ok "$first: modprobe would find it" modinfo -k "$first" ioready
ok "dkms remove" dkms remove "ioready/$version" --all
ok "nothing is left" removed
echo "1..$n"
exit $failed
