#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# test_snapshot.sh: ioready snapshot, without the module and, if IOREADY_KO names
# its file, with it. Prints TAP; the tests are in test_snapshot.py.
# Environment: O, where the program is (build).
set -u
cd "$(dirname "$0")/.." || exit
ioready=${O:-build}/ioready
dir=$(mktemp -d) || exit
trap 'rm -rf "$dir"' EXIT
tests=0

# numbered: renumbers the TAP on stdin, and keeps its plan for the end
numbered()
{
	while IFS= read -r line; do
		case $line in
		1..*) : >"$dir/planned" ;;
		"ok "* | "not ok "*)
			tests=$((tests + 1))
			echo "$line" | sed "s/ok [0-9]* - /ok $tests - $1: /"
			;;
		*) echo "$line" ;;
		esac
	done
	if [ ! -e "$dir/planned" ]; then
		tests=$((tests + 1))
		echo "not ok $tests - $1: ran to its end"
	fi
	rm -f "$dir/planned"
}

way() # NAME
{
	python3 tests/test_snapshot.py "$1" >"$dir/tap" 2>&1
	numbered "$1" <"$dir/tap"
}

doctor() # TEXT WHAT
{
	tests=$((tests + 1))
	if "$ioready" doctor | grep -q -e "^Module .*$1" && "$ioready" doctor --json | grep -q -e "$2"; then
		echo "ok $tests - doctor: $1"
	else
		echo "not ok $tests - doctor: $1"
		"$ioready" doctor | sed -n 's/^Module/# &/p'
	fi
}

if [ -e /sys/module/ioready ]; then
	echo "# the module is loaded: only its way can be tested"
	way module
else
	doctor "not loaded: snapshot duplicates" '"module":false,"module_kfunc":null'
	way pidfd_getfd
	if [ -n "${IOREADY_KO:-}" ]; then
		insmod "$IOREADY_KO" || echo "# insmod failed"
		doctor "loaded, with ioready_f.*_ready" '"module":true,"module_kfunc":"ioready_f'
		way module
		tests=$((tests + 1))
		rmmod ioready && [ ! -e /sys/module/ioready ] && echo "ok $tests - rmmod: nothing holds it" ||
			echo "not ok $tests - rmmod: nothing holds it"
	fi
fi
echo "1..$tests"
