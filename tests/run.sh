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
	suite trace tests/test_trace.sh
	suite top tests/test_top.sh
	suite herd tests/test_herd.py
	suite load tests/test_load.py
	suite tcp tests/test_tcp.py
	suite udp tests/test_udp.py
	suite reach tests/test_reach.py
	suite "tcp, hosts" timeout 300 tests/test_tcp_hosts.py
	suite selftest tests/test_selftest.sh
	suite snapshot tests/test_snapshot.sh
	suite "known, $(uname -r)" env IOREADY_TIERS=tracepoint timeout 600 "$O/tests/test_known"
}

guests()
{
	local name dir kernels modules ko

	# What cannot be fetched is skipped; what is there is tested.
	kernels=$(tests/guest/kernels.sh 2>"$O/kernels.log")
	modules=$(O="$O" tests/guest/module.sh 2>"$O/modules.log")
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
		suite "trace, guest $name" tests/guest/run.sh -k "$dir" -t 200 -- \
			env "O=$O" tests/test_trace.sh
		suite "herd, guest $name" tests/guest/run.sh -k "$dir" -t 400 -- \
			env "O=$O" "IOREADY_TIERS=fentry kprobe" tests/test_herd.py
		suite "tcp, guest $name" tests/guest/run.sh -k "$dir" -m 2G -t 600 -- \
			env "O=$O" "IOREADY_TIERS=fentry kprobe tracepoint" tests/test_tcp.py
		suite "udp, guest $name" tests/guest/run.sh -k "$dir" -m 2G -t 600 -- \
			env "O=$O" "IOREADY_TIERS=fentry kprobe tracepoint" tests/test_udp.py
		suite "reach, guest $name" tests/guest/run.sh -k "$dir" -m 2G -t 400 -- \
			env "O=$O" IOREADY_TIERS=fentry tests/test_reach.py
		suite "tcp, hosts, guest $name" tests/guest/run.sh -k "$dir" -m 2G -t 600 -- \
			env "O=$O" IOREADY_TIERS=fentry tests/test_tcp_hosts.py
		ko=$(awk -v n="$name" '$1 == n { print $2 }' <<<"$modules")
		suite "snapshot, guest $name" tests/guest/run.sh -k "$dir" -m 2G -t 600 -- \
			env "O=$O" "IOREADY_KO=$ko" tests/test_snapshot.sh
		if [ -z "$ko" ]; then
			skip "module, guest $name" "no module: $(grep -m1 -e "$name" "$O/modules.log")"
			skip "selftest, guest $name" "no module: $(grep -m1 -e "$name" "$O/modules.log")"
			continue
		fi
		suite "module, guest $name" tests/guest/run.sh -k "$dir" -m 2G -t 900 -- \
			env "IOREADY_KO=$ko" sh -c "insmod \$IOREADY_KO && $O/tests/test_module"
		suite "selftest, guest $name" tests/guest/run.sh -k "$dir" -m 2G -t 900 -- \
			env "O=$O" "IOREADY_KO=$ko" tests/test_selftest.sh
	done
	dir=$(awk '$1 == "6.12" { print $2 }' <<<"$kernels")
	[ -z "$dir" ] || suite "load, guest 6.12" tests/guest/run.sh -k "$dir" -m 3G -t 600 -- \
		env "O=$O" IOREADY_TIERS=fentry tests/test_load.py
	suite dkms tests/dkms.sh
	dir=$(awk '$1 == "5.10" { print $2 }' <<<"$kernels")
	if [ -z "$dir" ]; then
		skip "refusal, guest 5.10" "no such kernel: $(grep -m1 -e 5.10 "$O/kernels.log")"
	else
		suite "refusal, guest 5.10" tests/guest/run.sh -k "$dir" -- \
			env "O=$O" tests/test_refusal.sh
	fi
}

# All that runs under the kernel which looks for faults of its own and of the module's;
# run.sh takes its reports for failures. Only if asked for: it has to be built.
debug()
{
	local kernel ko=$O/module/debug/ioready.ko

	kernel=$(tests/guest/debug-kernel.sh) || exit
	KDIR=$(echo "$kernel"/lib/modules/*/build) module/build.sh "${ko%/*}" >&2 || exit
	suite "faults are reported, debug kernel" tests/guest/bad/check.sh "$kernel"
	set -- tests/guest/run.sh -k "$kernel" -m 2G -t 1800 -- env "O=$O" "IOREADY_KO=$ko"
	# Out again, because what it left behind is looked for at the end.
	suite "module, debug kernel" "$@" sh -c \
		"insmod $ko && $O/tests/test_module; s=\$?; rmmod ioready; exit \$s"
	# Only for the kernel's reports: it preempts hooks, and is slow enough for a wake
	# to come between a thread's decision to sleep and its sleep, so figures are off.
	suite "selftest, debug kernel" "$@" sh -c "echo 1..3; insmod $ko
		for tier in fentry kprobe tracepoint; do
			$O/ioready selftest -q --tier=\$tier >/run/said
			[ \$? -le 1 ] && grep -q figure /run/said && echo ok - \$tier ||
				echo not ok - \$tier
		done; rmmod ioready"
	suite "cli, debug kernel" "$@" tests/test_cli.sh
	suite "known, debug kernel" "$@" sh -c "mkdir /run/batch && IOREADY_BATCH=/run/batch \
		IOREADY_TIERS='fentry kprobe tracepoint' $O/tests/test_known"
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
