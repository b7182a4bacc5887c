#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# btf.sh KO RELEASE [VMLINUX]: give a module built for Linux RELEASE its BTF, as
# Kbuild does where the headers bring what it takes: the kernel's BTF, which is
# looked for here, and resolve_btfids, which Debian 12 has not got. VMLINUX: see
# build.sh. If that fails, KO is left as it was, and stdout says why in one line.
set -u

ko=$1 release=$2 base=${3:-}
tmp=$(mktemp -d) || exit
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM

fail() {
	echo "$*"
	exit 1
}

# number FILE OFFSET BYTES: as it stands there
number() { od -An -j "$2" -N "$3" -t "u$3" "$1" | tr -d ' '; }

# unpack VMLINUZ: the vmlinux in it, which the x86 boot protocol says how to find
unpack() {
	start=$((($(number "$1" 497 1) + 1) * 512 + $(number "$1" 584 4)))
	# The last four bytes are the size of what was packed.
	tail -c "+$((start + 1))" "$1" | head -c "$(($(number "$1" 588 4) - 4))" >"$tmp/packed"
	case $(od -An -N 4 -t x1 "$tmp/packed") in
	" fd 37 7a 58") xz -dc "$tmp/packed" ;;
	" 28 b5 2f fd") zstd -dcq "$tmp/packed" ;;
	" 1f 8b "*) gzip -dc "$tmp/packed" ;;
	*) return 1 ;;
	esac
}

# resolve KO: fill in .BTF_ids, where the sources left a zero for each function
# they name (BTF_ID) and for the length of each set, and a symbol that says so.
# Sets are in the order of their ids: the kernel looks things up by bisection.
resolve() {
	objcopy --dump-section ".BTF_ids=$tmp/ids" "$1" "$tmp/copy" 2>"$tmp/log" || return 0
	{
		bpftool -B "$base" btf dump file "$1" |
			sed -n "s/^\[\([0-9]*\)\] FUNC '\([^']*\)'.*/type \2 \1/p"
		nm -S -t d "$1" | awk '$4 ~ /^__BTF_ID__/ { print "symbol", $4, $1 / 4, $2 / 4 }'
		od -An -v -t u4 -w4 "$tmp/ids" | awk '{ print "word", NR - 1, $1 }'
	} | awk '
		$1 == "type" { type[$2] = $3 }
		$1 == "word" { word[$2] = $3; words = $2 + 1 }
		$1 == "symbol" && $2 ~ /^__BTF_ID__set8__/ { size[$3] = $4 }
		$1 == "symbol" && $2 !~ /^__BTF_ID__set8__/ { name[$3] = $2 }
		END {
			for (at in name) {
				sub(/^__BTF_ID__func__/, "", name[at])
				sub(/__[0-9]+$/, "", name[at])
				if (!(name[at] in type))
					exit 1
				word[at] = type[name[at]]
			}
			# A set: its length, its flags, and of each member id and flags.
			for (at in size) {
				end = at + size[at]
				word[at] = size[at] / 2 - 1
				for (i = at + 4; i < end; i += 2)
					for (j = i; j > at + 2 && word[j - 2] + 0 > word[j] + 0; j -= 2)
						for (k = j; k < j + 2; k++) {
							t = word[k]
							word[k] = word[k - 2]
							word[k - 2] = t
						}
			}
			for (i = 0; i < words; i++)
				for (k = 0; k < 4; k++) {
					printf "\\%03o", word[i] % 256
					word[i] = int(word[i] / 256)
				}
		}' >"$tmp/escaped" || return
	# shellcheck disable=SC2059 # a format of nothing but bytes
	printf "$(cat "$tmp/escaped")" >"$tmp/ids"
	objcopy --update-section ".BTF_ids=$tmp/ids" "$1"
}

image=/boot/vmlinuz-$release
if [ -n "$base" ]; then
	[ -r "$base" ] || fail "there is no $base (VMLINUX) to read"
elif [ "$release" = "$(uname -r)" ] && [ -r /sys/kernel/btf/vmlinux ]; then
	base=/sys/kernel/btf/vmlinux
elif [ ! -r "$image" ]; then
	fail "the BTF of Linux $release is not at hand: there is no $image to take it from, and VMLINUX is not set"
else
	base=$tmp/vmlinux
	unpack "$image" >"$base" || fail "$image cannot be unpacked"
fi
cp "$ko" "$tmp/ko" || fail "$ko cannot be copied"
LLVM_OBJCOPY=objcopy pahole -J --btf_gen_floats --btf_base "$base" "$tmp/ko" >&2 || fail "pahole failed"
readelf -SW "$tmp/ko" | grep -q ' \.BTF ' || fail "pahole made none"
resolve "$tmp/ko" >&2 || fail "the functions in .BTF_ids cannot be resolved (is bpftool installed?)"
cp "$tmp/ko" "$ko" || fail "$ko cannot be written"
