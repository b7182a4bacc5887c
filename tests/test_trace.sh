#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# test_trace.sh: ioready trace, a line a call, against a program whose calls are
# known. Prints TAP. Environment: O, where the program is (build).
set -u
cd "$(dirname "$0")/.." || exit
ioready=${O:-build}/ioready
dir=$(mktemp -d) || exit
trap 'rm -rf "$dir"' EXIT
# shellcheck source=tests/tap.sh
. tests/tap.sh

# Ten polls that find something, five that time out after 20 ms, three that fail,
# and one epoll_wait that a thread of the same program wakes when it sleeps.
cat >"$dir/known.py" <<'PY'
import ctypes, os, select, threading, time
r, w = os.pipe()
os.write(w, b"x")
p = select.poll()
p.register(r, select.POLLIN)
for i in range(10):
    p.poll()
os.read(r, 1)
for i in range(5):
    p.poll(20)
libc = ctypes.CDLL(None)
for i in range(3):
    libc.epoll_wait(99, 0, 1, 0)
e = select.epoll()
e.register(r, select.EPOLLIN)
def wake():
    # "running", or the number of the call that it sleeps in: epoll_wait, epoll_pwait (also arm64's)
    while open("/proc/self/task/%d/syscall" % os.getpid()).read().split()[0] not in (
            "232", "281", "22"):
        time.sleep(0.001)
    os.write(w, b"x")
threading.Thread(target=wake).start()
e.poll()
PY

# trace ARGS...: traces the program; status in $status. A kernel that preempts may skip hooks,
# and the tool says so: then once more.
trace()
{
	for _ in 1 2 3; do
		timeout 300 "$ioready" trace --json "$@" -- python3 "$dir/known.py" \
			>"$dir/out" 2>"$dir/err"
		status=$?
		grep -q "losses\.nested" "$dir/err" || break
	done
}

# lines EXPRESSION: a Python expression over l, the lines of python3
lines()
{
	python3 - "$1" "$dir/out" <<'PY'
import json, sys
l = [json.loads(x) for x in open(sys.argv[2])]
l = [x for x in l if x.get("thread_comm", "python3").startswith("python3")]
ok = eval("(" + sys.argv[1] + ")")
if not ok:
    print(sys.argv[1])
    for x in l:
        print(x)
sys.exit(not ok)
PY
}

refuses() # STATUS PATTERN ARGS...
{
	local want=$1 pattern=$2
	shift 2
	"$ioready" trace "$@" >"$dir/out" 2>"$dir/err"
	[ $? = "$want" ] && grep -q -e "$pattern" "$dir/err" && [ ! -s "$dir/out" ]
}

ok "microseconds: nonsense" refuses 2 "whole number" --min-us x
ok "lines: none" refuses 2 "between" -n 0
ok "an interval" refuses 2 "see ioready stat" -i 1
ok "all with a filter" refuses 2 "exclude" -a --comm x
if ! "$ioready" doctor >/dev/null 2>&1; then
	echo "ok $((n + 1)) - trace # SKIP $("$ioready" doctor | tail -n 1)"
	echo "1..$((n + 1))"
	exit
fi

trace
ok "the command's status" [ "$status" = 0 ]
ok "each poll has its line" lines '[x["returned"] for x in l if x["syscall"] == "poll"] ==
	["ready"] * 10 + ["timeout"] * 5'
ok "with what it watched and found" lines 'all(x["watched"] == 1 and x["ready"] == 1
	for x in l if x["returned"] == "ready" and x["mechanism"] == "poll")'
# One that a busy machine runs again only when its time is over does not sleep.
ok "no time-out was early" lines 'all(x["latency_ns"] >= 20000000 and
	x["latency_ns"] >= x["asleep_ns"] and x["sleeps"] == (x["asleep_ns"] > 0)
	for x in l if x["returned"] == "timeout")'
ok "and they slept" lines 'any(x["sleeps"] == 1 and x["asleep_ns"] > x["latency_ns"] / 2
	for x in l if x["returned"] == "timeout")'
ok "failures have their error" lines '[(x["epfd"], x["error"]) for x in l
	if x["returned"] == "error"] == [(99, "EBADF")] * 3'
ok "lines are in the order of time" lines 'l == sorted(l, key=lambda x: x["time_unix_ns"])'
ok "nothing was lost, and said so" grep -q "nothing was lost" "$dir/err"

trace --failed
ok "--failed" lines 'len(l) == 3 and all(x["error"] == "EBADF" for x in l)'
trace --empty
ok "--empty" lines 'len(l) == 5 and all(x["returned"] == "timeout" for x in l)'
trace --min-us 10000
ok "--min-us" lines 'len(l) >= 5 and all(x["latency_ns"] >= 10000000 for x in l)'
trace -n 4
ok "-n" lines 'len(l) == 4'
trace --chain
ok "--chain: the woken call has its chain" lines 'sum("woken_to_running_ns" in x for x in l
	if x["syscall"] == "epoll_wait") == 1'
ok "and no other" lines 'not any("woken_to_running_ns" in x for x in l if x["syscall"] == "poll")'

# A ring of a page holds 26 calls; a loop makes more between two looks.
timeout 300 "$ioready" trace --json --events-ring 4 -- python3 -c '
import select
p = select.poll()
for i in range(20000):
    p.poll(0)' >"$dir/out" 2>"$dir/err"
ok "lines and missing lines make up all calls" lines \
	'sum(x.get("lost", x.get("syscall") == "poll") for x in l) == 20000'
ok "some are missing" lines 'any("lost" in x for x in l)'
ok "the last line says so in words" \
	grep -q '^[0-9,]* lines; [0-9,]* lines are missing (losses.events)' "$dir/err"
timeout 300 "$ioready" trace --events-ring 4 --on-loss=fail -q -- python3 -c '
import select
p = select.poll()
for i in range(20000):
    p.poll(0)' >"$dir/out" 2>"$dir/err"
ok "--on-loss=fail" [ $? = 4 ]
ok "text says where" grep -q "lines are missing about here" "$dir/out"
"$ioready" trace -q -- python3 "$dir/known.py" >/dev/full 2>"$dir/err"
ok "a full disk" [ $? = 1 ]
echo "1..$n"
