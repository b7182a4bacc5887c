#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# test_selftest.sh: ioready selftest, on each tier that the kernel has. Prints TAP.
# Environment: O, where the program is (build); IOREADY_KO, the module's file. With
# no such file, only what is to be said without the module is tested.
# shellcheck disable=SC2317 # functions that "ok" calls
set -u
cd "$(dirname "$0")/.." || exit
ioready=${O:-build}/ioready
dir=$(mktemp -d) || exit
trap 'rm -rf "$dir"' EXIT
# shellcheck source=tests/tap.sh
. tests/tap.sh

# refuses STATUS TEXT ARG...: selftest ends with it, and says TEXT on stderr
refuses()
{
	status=$1 text=$2
	shift 2
	"$ioready" selftest "$@" >"$dir/out" 2>"$dir/err"
	ended=$?
	cat "$dir/err"
	[ "$ended" = "$status" ] && [ ! -s "$dir/out" ] && grep -q -e "$text" "$dir/err"
}

# verdict NAME: its number in the JSON
verdict()
{
	python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["verdicts"][sys.argv[2]])' \
		"$dir/json" "$1"
}

# The figures that have this verdict, for the reader of a failed test.
figures()
{
	python3 -c '
import json, sys
for case in json.load(open(sys.argv[1]))["cases"]:
    for check in case["checks"]:
        if check["verdict"] == sys.argv[2]:
            print(case["name"], check)' "$dir/json" "$1"
}

# On a machine that does other things too, a kernel skips hooks, and a time-out is over
# before its thread sleeps. That is told, and then the run is made again.
runs() # tier
{
	rm -f "$dir/out"
	for _ in 1 2 3 4 5 6; do
		"$ioready" selftest --json --rounds=100 --tier="$1" "--load=$IOREADY_KO" \
			>"$dir/json" 2>"$dir/err"
		[ $? -le 1 ] && [ -s "$dir/json" ] || return
		[ "$(verdict off)" = 0 ] && grep -q '"lost":0,' "$dir/json" && return
	done
	# What it still says is held against the rest of the tests.
	return 0
}

# A wake within a kprobe, as of the timer's interrupt, is one that kprobes never see; and what
# a skipped hook takes with it, nobody can have.
lost_by_kernel()
{
	python3 -c 'import json, sys
run = json.load(open(sys.argv[1]))
reasons = {name: n for name, n in run["losses"].items() if n}
print("#", reasons, "in", run["attempts"], "attempts")
skipped = {"nested", "begun_before", "entry_unseen", "exit_unseen", "chains"}
sys.exit(bool(reasons.keys() - {"wakes"} - (skipped if "nested" in reasons else set())))' \
		"$dir/json"
}

none_is()
{
	figures "$1"
	[ "$(verdict "$1")" = 0 ]
}

# The kprobe tier does not see what interrupts a kprobe.
events_near()
{
	python3 -c 'import json, sys
for case in json.load(open(sys.argv[1]))["cases"]:
    for check in case["checks"]:
        if check["measure"] == "herd.events" and check["kind"] != "absent" \
                and abs(check["difference"]) > max(1, check["truth"] / 100):
            sys.exit("# %s: %s" % (case["name"], check))' "$dir/json"
}

some_are()
{
	[ "$(verdict "$1")" -gt "$2" ]
}

ok "an unknown tier" refuses 2 "no tier" --tier x
ok "no rounds" refuses 2 "the number of rounds" --rounds 0
ok "an argument" refuses 2 "nothing to give" x
if [ ! -e /dev/ioready ]; then
	ok "without the module" refuses 3 "the module is not loaded"
	ok "a module that is not there" refuses 1 "No such file" --load=/nowhere.ko
fi
if [ -z "${IOREADY_KO-}" ]; then
	echo "1..$n"
	exit
fi

ok "a file that is no module" refuses 1 "is not a module for this kernel" "--load=$ioready"
for tier in fentry kprobe tracepoint; do
	ok "$tier: runs" runs $tier
	ok "$tier: no figure is wrong" none_is wrong
	ok "$tier: derived figures are within 1 % or 1" none_is off
	ok "$tier: events are within 1 % or 1" events_near
	ok "$tier: 150 figures equal the truth" some_are equal 150
	ok "$tier: nothing was lost that hooks were run for" lost_by_kernel
	ok "$tier: the module is unloaded" [ ! -e /dev/ioready ]
done
# A shell's background has no Ctrl-C; what ends a run ends it in the same way.
terminated()
{
	"$ioready" selftest -q --rounds=100000 "--load=$IOREADY_KO" >"$dir/out" 2>"$dir/err" &
	pid=$!
	for _ in $(seq 600); do
		# Its workers wait for the tracer, or are at work.
		[ "$(pgrep -c -P "$(pgrep -P $pid)")" -gt 5 ] && break
		sleep 0.1
	done
	kill $pid
	wait $pid
	[ $? = 143 ] && [ ! -e /dev/ioready ] && [ ! -s "$dir/err" ]
}

ok "what ends it, ends with the module unloaded" terminated
insmod "$IOREADY_KO"
ok "a loaded module is used" "$ioready" selftest -q --rounds=2 "--load=$IOREADY_KO"
ok "and stays" [ -e /dev/ioready ]
ok "a full disk" sh -c '"$1" selftest -q --rounds=2 >/dev/full; [ $? = 1 ]' - "$ioready"
echo "1..$n"
