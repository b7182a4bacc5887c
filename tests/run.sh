#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# run.sh [PART...]: runs the tests, natively and in a guest of each kernel.
#
# Prints TAP with one numbering over all suites, each skip with its reason; then, once more,
# what failed, with what its test said of it; and ends with one line "N passed, N failed,
# N skipped". A suite is a program that
# prints TAP; one that dies without a plan, or plans more than it says, is a
# failure of its own. Parts: native and guests, which are all that runs without
# arguments; figures, behaviour and patient, of which guests are made; debug.
#
# A guest keeps one processor busy, but for when it waits, so several run at a time where
# there are two. Not any: where figures are held against the truth, a thread that stands
# still for long makes a figure off that is right. There is never more than one such guest,
# and what runs beside it is nice(1), so that it has its processor whenever it wants it.
set -u

cd "$(dirname "$0")/.." || exit 1
O=${O:-build}
passed=0 failed=0 skipped=0

tmp=$(mktemp -d) || exit
trap 'rm -rf "$tmp"' EXIT
trap 'stop 129' HUP
trap 'stop 130' INT
trap 'stop 143' TERM

# --- a lane: a process that runs suites one after the other -----------------------

# What it runs now, which has a process group of its own.
running=

# run COMMAND...: waits for it in a way that lets a signal in.
run()
{
	"$@" </dev/null &
	running=$!
	wait "$running"
}

# suite NAME COMMAND...: says what the suite does, between two lines of its own.
suite()
{
	local began=$SECONDS

	echo "suite begins: $1"
	shift
	run "$@" 2>&1
	# The suite's last line may lack its end.
	printf '\nsuite ended: %s %s\n' $? $((SECONDS - began))
}

skip()
{
	suite "$1" echo "1..0 # SKIP $2"
}

# lane PART: ends with all that it runs.
lane()
{
	set -m
	trap '[ -z "$running" ] || kill -- "-$running"; wait; exit 143' TERM
	"$1"
}

# --- who begins lanes, and counts ---------------------------------------------------

declare -A lanes=()

# What failed, to be read at the end, with at most five remarks before it and after it;
# the remarks since the last test; how many more belong to that one, because it failed.
failures=() about=() bad=0

# begin PART: in a lane.
begin()
{
	# Here already, for show() may look for it before the lane does anything.
	: >"$tmp/$1"
	lane "$1" >"$tmp/$1" &
	lanes[$1]=$!
}

# show PART: what its suites say, as they say it, until the lane ends.
show()
{
	local status suites=0

	tally < <(tail -n +1 -f --pid="${lanes[$1]}" "$tmp/$1")
	wait "${lanes[$1]}"
	status=$?
	if [ $status != 0 ]; then
		failed=$((failed + 1))
		say "not ok" "$1: ended with status $status"
	elif [ $suites = 0 ]; then
		failed=$((failed + 1))
		say "not ok" "$1: said nothing"
	fi
}

# shellcheck disable=SC2317 # reached by the traps
stop() # status
{
	trap '' HUP INT TERM
	[ ${#lanes[@]} = 0 ] || kill "${lanes[@]}" 2>/dev/null
	wait
	exit "$1"
}

say() # ok|not ok, text
{
	local line="$1 $((passed + failed + skipped)) - $2"

	echo "$line"
	if [ "$1" = "not ok" ]; then
		failures+=("${about[@]}" "$line")
		bad=5
	else
		bad=0
	fi
	about=()
}

# remark TEXT: tests explain themselves before their line or after it.
remark()
{
	echo "# $1"
	if [ "$bad" -gt 0 ]; then
		failures+=("# $1")
		bad=$((bad - 1))
	else
		about+=("# $1")
		[ ${#about[@]} -le 5 ] || about=("${about[@]:1}")
	fi
}

# Takes the TAP of suites from stdin.
tally()
{
	local name='' line planned seen status seconds

	while IFS= read -r line; do
		case $line in
		"suite begins: "*)
			name=${line#suite begins: } planned=-1 seen=0 suites=$((suites + 1))
			about=() bad=0
			continue
			;;
		"suite ended: "*)
			read -r status seconds <<<"${line#suite ended: }"
			ended
			continue
			;;
		1..*)
			planned=${line#1..}
			planned=${planned%% *}
			[ "$planned" = 0 ] && skipped=$((skipped + 1)) && say ok "$name # SKIP ${line#*SKIP }"
			continue
			;;
		"ok "*"# SKIP"*) skipped=$((skipped + 1)) seen=$((seen + 1)) ;;
		"ok "*) passed=$((passed + 1)) seen=$((seen + 1)) ;;
		"not ok "*) failed=$((failed + 1)) seen=$((seen + 1)) ;;
		'') continue ;;
		*)
			remark "$line"
			continue
			;;
		esac
		say "${line%%ok *}ok" "$name: $(sed -E 's/^(not )?ok [0-9]* ?-? ?//' <<<"$line")"
	done
}

# The end of a suite; part of tally.
ended()
{
	if [ "$planned" -lt 0 ] || [ "$seen" -lt "$planned" ]; then
		failed=$((failed + 1))
		say "not ok" "$name: said $seen of $planned tests, status $status"
	elif [ "$status" -gt 1 ]; then
		# kselftest programs end with 1 when a test failed, which is counted above.
		failed=$((failed + 1))
		say "not ok" "$name: ended with status $status"
	fi
	echo "# $name: $seconds s"
}

# --- parts ---------------------------------------------------------------------------

# Alone, because they measure the kernel that all share.
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

# What guests need. What cannot be fetched is skipped; what is there is tested.
prepare()
{
	run tests/guest/kernels.sh >"$tmp/kernels" 2>"$O/kernels.log"
	run env "O=$O" tests/guest/module.sh >"$tmp/modules" 2>"$O/modules.log"
}

# guest KERNEL SUITE ARG...: a suite in a guest; ARG... are guest/run.sh's.
guest()
{
	local dir name=$1 suite="$2, guest $1"

	shift 2
	dir=$(awk -v n="$name" '$1 == n { print $2 }' "$tmp/kernels")
	if [ -z "$dir" ]; then
		skip "$suite" "no such kernel: $(grep -m1 -e "$name" "$O/kernels.log")"
	else
		suite "$suite" tests/guest/run.sh -k "$dir" "$@"
	fi
}

# The module's file for the kernel; none, if it could not be built.
module()
{
	awk -v n="$1" '$1 == n { print $2 }' "$tmp/modules"
}

# with_module KERNEL SUITE ARG...: a suite in a guest that is nothing without the module.
with_module()
{
	if [ -z "$(module "$1")" ]; then
		skip "$2, guest $1" "no module: $(grep -m1 -e "$1" "$O/modules.log")"
	else
		guest "$@"
	fi
}

# processors KERNEL: guest/run.sh's option. Two on one kernel; on the others one, which takes half
# the time: waiting for each other is emulated too.
processors()
{
	[ "$1" = 6.1 ] && echo -s2 || echo -s1
}

# Time-outs are there to end what hangs: some times what a guest takes that has a
# processor for itself.
figures()
{
	local name tiers icount

	for name in 6.1 6.12 7.2; do
		# fentry is what the hosts below have on each, tracepoints what the live kernel has.
		case $name in
		6.1) tiers="kprobe tracepoint" ;;
		6.12) tiers="fentry kprobe" ;;
		*) tiers=kprobe ;;
		esac
		guest $name known -m 2G -t 1800 -- \
			sh -c "mkdir /run/batch && IOREADY_BATCH=/run/batch \
				IOREADY_TIERS='fentry kprobe tracepoint' $O/tests/test_known"
		guest $name herd -t 900 -- \
			env "O=$O" "IOREADY_TIERS=fentry kprobe" tests/test_herd.py
		guest $name tcp "$(processors $name)" -m 2G -t 1200 -- \
			env "O=$O" "IOREADY_TIERS=$tiers" tests/test_tcp.py
		# Two processors on one, and on the others a clock that a capture can be held against.
		icount=-i
		[ $name != 7.2 ] || icount=
		guest $name "tcp, hosts" $icount -m 2G -t 1200 -- \
			env "O=$O" IOREADY_TIERS=fentry tests/test_tcp_hosts.py
		with_module $name selftest -m 2G -t 1800 -- \
			env "O=$O" "IOREADY_KO=$(module $name)" tests/test_selftest.sh
	done
	guest 6.12 load -m 3G -t 1200 -- env "O=$O" IOREADY_TIERS=fentry tests/test_load.py
}

# What is said and done, and figures that time is no part of.
behaviour()
{
	local name

	renice -n 5 -p "$BASHPID" >/dev/null
	for name in 6.1 6.12 7.2; do
		guest $name cli "$(processors $name)" -t 2700 -- env "O=$O" tests/test_cli.sh
		guest $name trace "$(processors $name)" -t 2700 -- env "O=$O" tests/test_trace.sh
		guest $name snapshot "$(processors $name)" -m 2G -t 2700 -- \
			env "O=$O" "IOREADY_KO=$(module $name)" tests/test_snapshot.sh
		guest $name reach "$(processors $name)" -m 2G -t 2700 -- \
			env "O=$O" IOREADY_TIERS=fentry tests/test_reach.py
	done
}

# However late: the tests of the module wait for what they look for, those of UDP count what
# they sent, and budgets are instructions, which time is made of there.
patient()
{
	local name

	renice -n 10 -p "$BASHPID" >/dev/null
	for name in 6.1 6.12 7.2; do
		with_module $name module -m 2G -t 2700 -- env "IOREADY_KO=$(module $name)" \
			sh -c "insmod \$IOREADY_KO && $O/tests/test_module"
		guest $name udp "$(processors $name)" -m 2G -t 2700 -- \
			env "O=$O" "IOREADY_TIERS=fentry kprobe tracepoint" tests/test_udp.py
		suite "budget, guest $name" tests/bench/budget.sh "$name"
	done
	guest 5.10 refusal -t 300 -- env "O=$O" tests/test_refusal.sh
	suite dkms tests/dkms.sh
}

# All that runs under the kernel which looks for faults of its own and of the module's;
# run.sh takes its reports for failures. Only if asked for: it has to be built.
debug()
{
	local kernel ko=$O/module/debug/ioready.ko

	run tests/guest/debug-kernel.sh >"$tmp/kernel" || exit
	kernel=$(cat "$tmp/kernel")
	run env "KDIR=$(echo "$kernel"/lib/modules/*/build)" module/build.sh "${ko%/*}" >&2 || exit
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

[ $# -gt 0 ] || set -- native guests
# Beside the native suites, because it is waiting for a network, where it is long.
case " $* " in *guests* | *figures* | *behaviour* | *patient*) begin prepare ;; esac
for part; do
	[ "$part" = native ] || [ -z "${lanes[prepare]-}" ] || wait "${lanes[prepare]}"
	if [ "$part" != guests ]; then
		begin "$part"
		show "$part"
		continue
	fi
	for lane in figures behaviour patient; do
		[ "$(nproc)" -lt 2 ] || begin $lane
	done
	for lane in figures behaviour patient; do
		[ -n "${lanes[$lane]-}" ] || begin $lane
		show $lane
	done
done
echo "1..$((passed + failed + skipped))"
if [ "$failed" != 0 ]; then
	echo "# What failed:"
	printf '%s\n' "${failures[@]}" | sed 's/^not ok/# &/'
fi
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
