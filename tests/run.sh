#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# run.sh [SUITE...]: runs the tests, natively and in a guest of each kernel.
#
# Prints TAP with one numbering over all suites, each skip with its reason, and
# ends with one line "N passed, N failed, N skipped". A suite is a program that
# prints TAP; one that dies without a plan, or plans more than it says, is a
# failure of its own. Without arguments: all suites.
set -u

cd "$(dirname "$0")/.." || exit 1
O=${O:-build}
passed=0 failed=0 skipped=0

say() # ok|not ok, text
{
	echo "$1 $((passed + failed + skipped)) - $2"
}

# Takes the TAP of one suite from stdin; $1 is its name, $2 a file with its status.
tally()
{
	local name=$1 status_file=$2 line planned=-1 seen=0 status

	while IFS= read -r line; do
		case $line in
		1..*)
			planned=${line#1..}
			planned=${planned%% *}
			[ "$planned" = 0 ] && skipped=$((skipped + 1)) && say ok "$name # SKIP ${line#*SKIP }"
			continue
			;;
		"ok "*"# SKIP"*) skipped=$((skipped + 1)) seen=$((seen + 1)) ;;
		"ok "*) passed=$((passed + 1)) seen=$((seen + 1)) ;;
		"not ok "*) failed=$((failed + 1)) seen=$((seen + 1)) ;;
		*)
			echo "# $line"
			continue
			;;
		esac
		say "${line%%ok *}ok" "$name: $(sed -E 's/^(not )?ok [0-9]* ?-? ?//' <<<"$line")"
	done
	status=$(cat "$status_file" 2>/dev/null || echo none)
	if [ "$planned" -lt 0 ] || [ "$seen" -lt "$planned" ]; then
		failed=$((failed + 1))
		say "not ok" "$name: said $seen of $planned tests, status $status"
	elif [ "$status" -gt 1 ]; then
		# kselftest programs end with 1 when a test failed, which is counted above.
		failed=$((failed + 1))
		say "not ok" "$name: ended with status $status"
	fi
}

# suite NAME COMMAND...: one suite, natively or in a guest, within its time.
suite()
{
	local name=$1 status
	shift
	status=$(mktemp)
	# The tally runs in this shell, so that its counts stay.
	tally "$name" "$status" < <(
		"$@" 2>&1
		echo $? >"$status"
	)
	rm -f "$status"
}

skip()
{
	skipped=$((skipped + 1))
	say ok "$1 # SKIP $2"
}

native()
{
	suite units "$O/tests/test_units"
	suite docs tests/test_docs.sh
	suite cli tests/test_cli.sh
	suite "known, $(uname -r)" env IOREADY_TIERS=tracepoint timeout 600 "$O/tests/test_known"
}

guests()
{
	local name dir kernels

	# What cannot be fetched is skipped; what is there is tested.
	kernels=$(tests/guest/kernels.sh 2>"$O/kernels.log")
	for name in 6.1 6.12 7.2; do
		dir=$(awk -v n="$name" '$1 == n { print $2 }' <<<"$kernels")
		if [ -z "$dir" ]; then
			skip "known, guest $name" "no such kernel: $(grep -m1 -e "$name" "$O/kernels.log")"
			continue
		fi
		suite "known, guest $name" tests/guest/run.sh -k "$dir" -m 2G -t 900 -- \
			sh -c "mkdir /run/batch && IOREADY_BATCH=/run/batch \
				IOREADY_TIERS='fentry kprobe tracepoint' $O/tests/test_known"
		suite "cli, guest $name" tests/guest/run.sh -k "$dir" -t 300 -- \
			env "O=$O" tests/test_cli.sh
	done
	dir=$(awk '$1 == "5.10" { print $2 }' <<<"$kernels")
	if [ -z "$dir" ]; then
		skip "refusal, guest 5.10" "no such kernel: $(grep -m1 -e 5.10 "$O/kernels.log")"
	else
		suite "refusal, guest 5.10" tests/guest/run.sh -k "$dir" -- \
			env "O=$O" tests/test_refusal.sh
	fi
}

budgets()
{
	suite budget tests/bench/budget.sh
}

[ $# -gt 0 ] || set -- native guests budgets
for part; do
	"$part"
done
echo "1..$((passed + failed + skipped))"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
