#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# run.sh [-k NAME|DIR] [-s cpus] [-m mem] [-t secs] [-i] [-o OUTDIR] -- command...
# Run a command as root under another kernel: in QEMU, on the host's root file
# system (writes to it are lost), in the current directory.
#   -k  a kernel that kernels.sh knows, or a directory like those it makes (6.1)
#   -s  processors (2)    -m  memory (1G)    -t  time-out in seconds (120)
#   -i  count instructions: one processor, whose time-stamp counter advances by
#       one per instruction, so that a cost is a number and not a timing
#   -o  a directory shared with the guest at the same path, in the environment
#       as IOREADY_OUT; the console log is left there too
# The command finds the kernel's name in IOREADY_GUEST, and 1 in IOREADY_ICOUNT with -i. Exit status: the
# command's; 123 the kernel complained, 124 time-out, 125 the guest died, 2 usage.
set -u
here=$(cd "$(dirname "$0")" && pwd -P)
# shellcheck source-path=SCRIPTDIR source=debian.sh
. "$here/debian.sh"

usage() {
	say "usage: run.sh [-k NAME|DIR] [-s cpus] [-m mem] [-t secs] [-i] [-o OUTDIR] -- command..."
	exit 2
}

# quote WORD: as a shell word.
quote() { printf '%s\n' "$1" | sed "s/'/'\\\\''/g; 1s/^/'/; \$s/\$/'/"; }

kernel=6.1 cpus=2 mem=1G limit=120 icount='' out=''
while getopts k:s:m:t:io: option; do
	case $option in
	k) kernel=$OPTARG ;;
	s) cpus=$OPTARG ;;
	m) mem=$OPTARG ;;
	t) limit=$OPTARG ;;
	i) icount=1 ;;
	o) out=$OPTARG ;;
	*) usage ;;
	esac
done
shift $((OPTIND - 1))
[ $# -gt 0 ] || usage

tmp='' qemu='' relay=''
# shellcheck disable=SC2317 # reached by the trap
cleanup() {
	# A second signal would end this before its end.
	trap '' HUP INT TERM
	# timeout passes the signal on to QEMU; which is waited for, because it
	# uses the directory.
	[ -z "$relay" ] || kill "$relay" 2>/dev/null
	[ -z "$qemu" ] || { kill "$qemu" && wait "$qemu"; } 2>/dev/null
	[ -z "$tmp" ] || rm -rf "$tmp"
}
trap cleanup EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

case $kernel in
*/*) dir=$kernel ;;
*)
	dir=$cache/kernels/$kernel
	"$here/kernels.sh" "$kernel" >/dev/null || exit 125
	;;
esac
dir=$(cd "$dir" && pwd -P) || exit 125
for modules in "$dir"/lib/modules/*; do :; done
release=${modules##*/}
if [ ! -f "$dir/vmlinuz" ] || [ ! -d "$modules" ]; then
	say "$dir holds no kernel (vmlinuz, lib/modules/RELEASE)"
	exit 125
fi
if [ -n "$out" ]; then
	mkdir -p "$out" && out=$(cd "$out" && pwd -P) || exit 125
fi
tmp=$(mktemp -d) || exit 125
mkdir "$tmp/job"
case $out$tmp in
*,*)
	say "a comma in a directory's name is more than QEMU's options can take"
	exit 125
	;;
esac

# The initramfs: busybox, init, and the modules to reach the host's root.
# Found again by what is in it, so that it is never stale.
(
	cd "$dir" && awk -v "dir=lib/modules/$release/" '
		{
			name = $1
			gsub(/.*\/|\.ko.*/, "", name)
			if (name ~ /^(virtio_pci|9pnet_virtio|9p|overlay)$/)
				for (i = 1; i <= NF; i++) {
					sub(/:$/, "", $i)
					print dir $i
				}
		}
		END { print dir "modules.dep" }' "$modules/modules.dep" | sort -u
) >"$tmp/files"
busybox=$(command -v busybox) || { say "busybox not found"; exit 125; }
key=$(cd "$dir" && xargs -d '\n' cat "$busybox" "$here/init" <"$tmp/files" | cksum)
initrd=$cache/initramfs/$release-${key%% *}.cpio
if [ ! -f "$initrd" ]; then
	mkdir -p "$cache/initramfs" "$tmp/root/bin"
	cp "$busybox" "$tmp/root/bin/busybox" && cp "$here/init" "$tmp/root/init" &&
		chmod 755 "$tmp/root/init" &&
		(cd "$dir" && cpio -pd --quiet "$tmp/root" <"$tmp/files") &&
		(cd "$tmp/root" && find . | cpio -o -H newc -R 0:0 --quiet) >"$initrd.$$" &&
		mv "$initrd.$$" "$initrd" || exit 125
fi

{
	printf 'GUEST_NAME=%s\n' "$(quote "${dir##*/}")"
	printf 'GUEST_CWD=%s\n' "$(quote "$(pwd -P)")"
	printf 'GUEST_KERNEL=%s\n' "$(quote "$dir")"
	printf 'GUEST_OUT=%s\n' "$(quote "$out")"
	printf 'GUEST_ICOUNT=%s\n' "$icount"
	printf 'guest_command() {\nexec'
	for word; do
		printf ' '
		quote "$word" | sed '$s/$/ \\/'
	done
	printf '\n}\n'
} >"$tmp/job/job"

# One thread emulates all processors: ftrace, kprobes and static keys rewrite the
# kernel's code while it runs, which emulation on several threads gets wrong at
# random (Oops: int3, soft lock-ups). And by emulation always: a machine that has
# KVM for itself does not always give it on to a guest.
set -- -accel tcg,thread=single
# A panic ends the guest at once (panic=-1, -no-reboot); after an Oops, locks may
# be held that the command would wait for until the time-out. loglevel: warnings
# and worse. The watchdogs get three times their time, because an emulated
# processor on a busy machine stands still for long without any fault of the guest;
# which is also why the boot's short look at whether the timer ticks is left out.
append="console=ttyS0 loglevel=5 panic=-1 oops=panic no_timer_check"
append="$append rcupdate.rcu_cpu_stall_timeout=60 watchdog_thresh=30"
if [ -n "$icount" ]; then
	cpus=1
	set -- "$@" -icount shift=0,sleep=off,align=off
	# Addresses decide on the shape of trees and hash chains. A few
	# instructions may still differ from one boot to the next (seen: 2 or 3
	# in a poll of 100 pipes; why is not known).
	append="$append nokaslr norandmaps randomize_kstack_offset=off"
fi
[ -z "$out" ] || set -- "$@" \
	-virtfs "local,path=$out,mount_tag=out,security_model=none"

# Through a pipe, because QEMU makes its output non-blocking, which would also
# hit whoever shares our standard output.
mkfifo "$tmp/serial" || exit 125
cat "$tmp/serial" &
relay=$!
timeout -k 5 "$limit" qemu-system-x86_64 -cpu max -smp "$cpus" -m "$mem" "$@" \
	-display none -monitor none -nic none -no-reboot \
	-kernel "$dir/vmlinuz" -initrd "$initrd" -append "$append" \
	-serial "file:$tmp/console.log" -serial stdio \
	-virtfs local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap \
	-virtfs "local,path=$tmp/job,mount_tag=job,security_model=none" \
	</dev/null >"$tmp/serial" &
qemu=$!
wait "$qemu"
ended=$?
qemu=''
wait "$relay"
relay=''

touch "$tmp/console.log"
tr -d '\r' <"$tmp/console.log" >"$tmp/log"
[ -z "$out" ] || cp "$tmp/log" "$out/console.log"

# The kernel's complaints, from the first on with what explains them. Only lines
# of the kernel's: they begin with a time.
first=$(grep -nE '^\[ *[0-9]+\.[0-9]+\]' "$tmp/log" | grep -m 1 -Ef "$here/complaints")
if [ -n "$first" ]; then
	say "$release complained:"
	tail -n "+${first%%:*}" "$tmp/log" | head -n 100 >&2
	exit 123
fi
if [ -f "$tmp/job/status" ]; then
	exit "$(cat "$tmp/job/status")"
fi
if [ "$ended" -eq 124 ] || [ "$ended" -eq 137 ]; then
	say "$release: time-out after $limit s"
	exit 124
fi
say "$release: the guest died; the end of its log:"
tail -n 20 "$tmp/log" >&2
exit 125
