#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# test_cli.sh: what a person can type, right and wrong: messages, exit codes,
# filters, and that nothing is left behind.
set -u

ioready=${O:-build}/ioready
dir=$(mktemp -d) || exit
# shellcheck source-path=SCRIPTDIR source=tap.sh
. "$(dirname "$0")/tap.sh"
pids=

cleanup()
{
	# shellcheck disable=SC2086
	[ -z "$pids" ] || kill $pids 2>/dev/null
	rm -rf "$dir"
}
trap cleanup EXIT

# run ARGS...: status in $status, output in $dir/out and $dir/err
run()
{
	timeout 300 "$ioready" "$@" >"$dir/out" 2>"$dir/err"
	status=$?
}

# refuses STATUS PATTERN ARGS...: one line on stderr, nothing on stdout
refuses()
{
	local want=$1 pattern=$2
	shift 2
	run "$@"
	[ "$status" = "$want" ] || { echo "status $status, not $want"; return 1; }
	grep -q -e "$pattern" "$dir/err" || { echo "no '$pattern'"; return 1; }
	[ ! -s "$dir/out" ] || { echo "wrote to stdout"; return 1; }
}

# json EXPRESSION [FILE]: a Python expression over j, the (last) object printed
json()
{
	python3 - "$1" "${2:-$dir/out}" <<'PY'
import json, sys
j = json.loads(open(sys.argv[2]).read().splitlines()[-1])
w = j["waits"]
ok = eval("(" + sys.argv[1] + ")")
if not ok:
    print(sys.argv[1], "is", ok, "in", json.dumps(j)[:2000])
sys.exit(not ok)
PY
}

# A process that polls a hundred times a second, and its name; it has begun.
loop()
{
	rm -f "$dir/begun"
	python3 -c '
import ctypes, os, select, sys
if len(sys.argv) > 1:
    ctypes.CDLL(None).prctl(15, os.fsencode(sys.argv[1]), 0, 0, 0)
print(flush=True)
p = select.poll()
while True:
    p.poll(10)' "$@" >"$dir/begun" &
	last=$!
	pids="$pids $last"
	settled [ -s "$dir/begun" ]
}

# Programs of ours that the kernel still has, by the skeleton's name for maps.
left()
{
	! bpftool map list 2>/dev/null | grep -q -e row_select -e ioready
}

# trace ARGS...: in the background as $tool, with its window open
trace()
{
	: >"$dir/err"
	"$ioready" stat -v "$@" >"$dir/out" 2>"$dir/err" &
	tool=$!
	settled grep -q "attached in" "$dir/err"
	# Emulated CPUs are slow: let the traced ones make their calls.
	sleep 1
}

settled() # command: true within a minute: emulated CPUs are slow, and not alone
{
	for _ in $(seq 600); do
		"$@" && return
		sleep 0.1
	done
	return 1
}

same_status()
{
	run stat -q -o /dev/null -- sh -c "exit $1"
	[ "$status" = "$1" ]
}

# --- usage ---

ok "no command: usage" refuses 2 Usage
ok "unknown command" refuses 2 "no command 'frobnicate'" frobnicate
ok "unknown option" refuses 2 "unrecognized option" stat --frobnicate
ok "pid: not a number" refuses 2 "whole number, not '12abc'" stat -p 12abc
ok "pid: zero" refuses 2 "between 1 and" stat -p 0
ok "pid: too large" refuses 2 "between 1 and" stat -p 99999999999999999999
ok "pid: nobody" refuses 1 "no process 4194303" stat -p 4194303
ok "tid: nobody" refuses 1 "no thread 4194303" stat -t 4194303
python3 -c '
import threading, time
t = threading.Thread(target=time.sleep, args=(60,))
t.start()
print(t.native_id, flush=True)
t.join()' >"$dir/tid" &
pids="$pids $!"
settled [ -s "$dir/tid" ]
ok "pid: a thread" refuses 1 "is a thread of process" stat -p "$(cat "$dir/tid")"
ok "duration: nonsense" refuses 2 "number of seconds" stat -d 1e3
ok "duration: zero" refuses 2 "between" stat -d 0
ok "duration: negative" refuses 2 "number of seconds" stat -d -1
ok "interval: too short" refuses 2 "at least 0.1" stat -i 0.01
ok "tier: unknown" refuses 2 "no tier 'best'" stat --tier best
ok "scans: unknown" refuses 2 "does not know" stat --scans all
ok "ring: nonsense" refuses 2 "between" stat --ring 1
ok "comm: empty" refuses 2 "needs a name" stat --comm ''
ok "all with a filter" refuses 2 "exclude" stat -a --comm x
ok "cgroup: not there" refuses 1 "No such file" stat -c /sys/fs/cgroup/nobody
ok "cgroup: not a cgroup" refuses 1 "not a cgroup" stat -c /etc
ok "output: no such directory" refuses 1 "No such file" stat -o "$dir/no/file" -d 0.2
ok "too many pids" refuses 2 "at most 16" stat $(for i in $(seq 17); do echo -p $$; done)
ok "doctor with an argument" refuses 2 Usage doctor x
run --help
ok "--help: status 0 on stdout" [ "$status" = 0 -a -s "$dir/out" -a ! -s "$dir/err" ]
run stat --help
ok "stat --help likewise" [ "$status" = 0 -a -s "$dir/out" -a ! -s "$dir/err" ]
# Options that these take otherwise than stat, or refuse, are told so.
run trace --help
ok "trace --help: in its own words" \
	[ "$(grep -c -e '--scans=HOW *derive (default)' -e '--rows=N *changes nothing' \
		-e '--interval=SECONDS *refused' "$dir/out")" = 3 ]
run top --help
ok "top --help: in its own words" \
	[ "$(grep -c -e '--json *refused' -e '--chain *changes nothing' \
		-e '--interval=SECONDS *time from one' "$dir/out")" = 3 ]
run stat --help
ok "stat --help: in the words of all" grep -q -e '--scans=HOW *sample (default)' "$dir/out"
run --version
ok "--version" grep -q '^ioready [0-9]' "$dir/out"

# --- without the privilege ---

if command -v setpriv >/dev/null; then
	timeout 300 setpriv --reuid=65534 --clear-groups "$ioready" stat -d 1 >"$dir/out" 2>"$dir/err"
	status=$?
	ok "without root: status 3" [ $status = 3 ]
	ok "without root: one sentence" [ "$(wc -l <"$dir/err")" = 1 ]
	ok "which says what to do" grep -q "run it with sudo" "$dir/err"
else
	skip "without root" "there is no setpriv"
fi

# --- in another PID namespace ---

if unshare -pf --mount-proc true 2>/dev/null; then
	run_there()
	{
		timeout 300 unshare -pf --mount-proc "$ioready" "$@" >"$dir/out" 2>"$dir/err"
		status=$?
	}

	run_there stat -d 0.2 -p 1
	ok "another PID namespace: status 3" [ $status = 3 ]
	ok "which says what to do" grep -q -e "--pid=host" "$dir/err"
	ok "and nothing else" [ "$(wc -l <"$dir/err")" = 1 -a ! -s "$dir/out" ]
	run_there doctor
	ok "doctor says so" grep -q "Nothing can be traced here: .*PID namespace" "$dir/out"
	run_there doctor -j
	ok "also in JSON" grep -q '"initial_pid_namespace": *false' "$dir/out"
else
	skip "in another PID namespace" "there is no unshare, or it may not"
fi

# --- a host with a name of its own ---

if unshare -u true 2>/dev/null; then
	# there ARGS...: where the host is called a\n\377
	there()
	{
		timeout 300 unshare -u python3 -c '
import os, socket, sys
socket.sethostname(b"a\n\377")
os.execv(sys.argv[1], sys.argv[1:])' "$ioready" "$@" >"$dir/out" 2>"$dir/err"
		status=$?
	}

	hosts=0
	there doctor -j
	[ "$status" = 0 ] && grep -q '"host": *"a\\\\x0a\\\\xff"' "$dir/out" && hosts=$((hosts + 1))
	for command in "stat -q -d 0.1" "tcp -q -d 0.1" "snapshot -p $$"; do
		# shellcheck disable=SC2086 # words
		there $command --json
		[ "$status" = 0 ] && grep -q '"host": *"a\\\\x0a\\\\xff"' "$dir/out" && hosts=$((hosts + 1))
		# shellcheck disable=SC2086 # words
		there $command
		grep -q -F 'a\x0a\xff, Linux' "$dir/out" && hosts=$((hosts + 1))
	done
	ok "a host's name is made printable, too" [ $hosts = 7 ]
else
	skip "a host's name is made printable, too" "there is no unshare, or it may not"
fi

# --- the command ---

ok "the command's status: 0" same_status 0
ok "the command's status: 7" same_status 7
run stat -q -o /dev/null -- sh -c 'kill -9 $$'
ok "the command's status: killed" [ "$status" = 137 ]
run stat -- /no/such/command
ok "a command that is not there: 127" [ "$status" = 127 ]
run stat -- /etc/passwd
ok "a command that cannot run: 126" [ "$status" = 126 ]
# A kernel that preempts may skip hooks, and the tool says so: then once more.
for _ in 1 2 3; do
	run stat -q --json -- python3 -c '
import os, select
def polls(n):
    p = select.poll()
    for i in range(n):
        p.poll(0)
polls(5)
if os.fork() == 0:
    polls(7)
    os._exit(0)
os.wait()'
	json 'j["losses"]["nested"] == 0' >/dev/null && break
done
ok "a command and its child, each with its own row" \
	json 'sorted(x["calls"] for x in w if x["syscall"] == "poll") == [5, 7]'
ok "with time in it" json 'all(x["latency_ns"]["sum"] > 0 for x in w)'
ok "what is derived says so" json 'all(x[k + "_kind"] == "derived" for x in w
	for k in ("wakeups", "asleep", "copied"))'
ok "nothing lost" json 'not any(j["losses"].values())'

# --- filters ---

loop
a=$last
loop "two words"
b=$last
loop $'\033[2J\377'
c=$last
run stat -q --json -d 1 -p "$a"
ok "-p: this process alone" json "[x['pid'] for x in w] == [$a] and w[0]['calls'] > 5"
run stat -q --json -d 1 -p "$a" -p "$b"
ok "-p twice" json "sorted(x['pid'] for x in w) == sorted([$a, $b])"
run stat -q --json -d 1 -t "$b"
ok "-t" json "[x['pid'] for x in w] == [$b]"
run stat -q --json -d 1 --comm "two words"
ok "--comm" json "[x['pid'] for x in w] == [$b]"
"$ioready" stat -q --json -d 1 -a >"$dir/out" 2>"$dir/err" &
tool=$!
wait $tool
ok "-a" json "set([$a, $b, $c]) <= set(x['pid'] for x in w)"
ok "-a leaves ourselves out" json "$tool not in [x['pid'] for x in w]"
ok "a hostile name is made printable" json "[x['comm'] for x in w if x['pid'] == $c] == ['\\\\x1b[2J\\\\xff']"
run stat -q -d 1 -p "$c"
ok "also in text" bash -c '! grep -q $'"'\\033'"' "$1"' - "$dir/out"
run stat -q --json -d 1 -p "$a" --threads
ok "--threads" json "w[0]['tid'] == $a and w[0]['thread_comm'] == 'python3'"

for root in /sys/fs/cgroup/unified /sys/fs/cgroup /sys/fs/cgroup/pids; do
	fstype=$(stat -f -c %T $root 2>/dev/null)
	case $root:$fstype in *pids:cgroupfs | *:cgroup2fs) ;; *) continue ;; esac
	group=$root/ioready-test-$$
	mkdir -p "$group/below" || continue
	echo "$a" >"$group/below/cgroup.procs"
	run stat -q --json -d 1 -c "$group"
	ok "-c: $fstype, and what is below" json "[x['pid'] for x in w] == [$a]"
	echo "$a" >"$root/cgroup.procs"
	run stat -q --json -d 0.5 -c "$group"
	ok "-c: $fstype, and nobody else" json 'not w'
	rmdir "$group/below" "$group"
done

# --- the window ---

run stat -q --json -d 2 -i 0.5 -p "$a"
ok "-i: an object an interval, and one for all" \
	python3 -c '
import json, sys
all = [json.loads(l) for l in open(sys.argv[1])]
parts, total = all[:-1], all[-1]
assert len(parts) >= 2 and all[-1]["window"]["interval"] is False
calls = sum(w["calls"] for p in parts for w in p["waits"])
assert 0 < calls == total["waits"][0]["calls"], calls
' "$dir/out"
trace -p "$a"
kill -INT $tool
wait $tool
status=$?
ok "Ctrl-C: status 0" [ $status = 0 ]
ok "Ctrl-C: the summary" grep -q "python3" "$dir/out"
trace -q -p "$a"
kill -QUIT $tool
wait $tool
ok "Ctrl-\\: likewise" [ $? = 0 -a -s "$dir/out" ]
loop
d=$last
trace -q -p "$d"
kill "$d"
ok "the end of the process ends the window" timeout 300 tail --pid=$tool -f /dev/null
wait $tool
ok "with status 0" [ $? = 0 ]
ok "and its row" grep -q "python3" "$dir/out"

# --- signals while a command runs ---

# It says that SIGTERM came, and goes on for longer than any test if none does.
cat >"$dir/command" <<'SH'
trap 'echo TERM >>"$1/got"; exit 9' TERM
sleep 600 &
echo $! >"$1/sleeps"
wait
SH

# beside ARGS...: in the background as $tool, with that command begun
beside()
{
	rm -f "$dir/got" "$dir/sleeps"
	"$ioready" stat -q "$@" -- sh "$dir/command" "$dir" >"$dir/out" 2>"$dir/err" &
	tool=$!
	settled [ -s "$dir/sleeps" ]
	pids="$pids $(cat "$dir/sleeps")"
}

beside
kill -TERM $tool
ok "SIGTERM ends the window, whatever the command does" timeout 300 tail --pid=$tool -f /dev/null
wait $tool
ok "its status" [ $? = 143 ]
ok "with the summary" [ -s "$dir/out" ]
ok "the command is sent it" settled grep -q TERM "$dir/got"
beside -d 0.2
settled [ -s "$dir/out" ]
kill -TERM $tool
ok "it ends the wait for the command, too" timeout 300 tail --pid=$tool -f /dev/null
wait $tool
ok "its status then" [ $? = 143 ]
ok "the command is sent it then" settled grep -q TERM "$dir/got"
run stat -q -d 0.2 -o /dev/null -- sh -c 'sleep 1; exit 7'
ok "a command that still runs is waited for" [ "$status" = 7 ]
cat >"$dir/ctrl-c.py" <<'PY'
import os, pty, sys
# The end of ioready, whose terminal this is, hangs up.
command = """import os, signal, sys, time
signal.signal(signal.SIGHUP, signal.SIG_IGN)
signal.signal(signal.SIGINT, lambda *_: open(sys.argv[1], "a").write("INT "))
open(sys.argv[1] + ".pid", "w").write(str(os.getpid()))
print("begun", flush=True)
for _ in range(600):
    time.sleep(1)"""
pid, terminal = pty.fork()
if not pid:
    os.execv(sys.argv[1], [sys.argv[1], "stat", "-q", "-o", "/dev/null", "--",
                           "python3", "-c", command, sys.argv[2]])
said = b""
while b"begun" not in said:
    said += os.read(terminal, 1000)
os.write(terminal, b"\x03")
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
PY
timeout 300 python3 "$dir/ctrl-c.py" "$ioready" "$dir/int" >"$dir/out" 2>"$dir/err"
ok "Ctrl-C in a terminal: likewise" grep -q -x 130 "$dir/out"
pids="$pids $(cat "$dir/int.pid")"
settled [ -s "$dir/int" ]
ok "which the command has got once" [ "$(cat "$dir/int")" = "INT " ]

# --- a driver's own ->poll() ---

if ! "$ioready" doctor --json | grep -q '"kprobe": *true'; then
	skip "a module's own ->poll() is counted" "this kernel has no kprobes"
elif ! modprobe tun 2>/dev/null; then
	skip "a module's own ->poll() is counted" "there is no module tun"
else
	run stat -q --json --scans exact -- python3 -c '
import fcntl, os, select, struct
fd = os.open("/dev/net/tun", os.O_RDWR)
fcntl.ioctl(fd, 0x400454ca, struct.pack("16sH22x", b"test0", 0x1001))
p = select.poll()
p.register(fd, select.POLLIN)
for i in range(10):
    p.poll(0)'
	ok "a module's own ->poll() is counted" \
		json 'w[0]["scans"] == 10 and w[0]["scans_kind"] == "exact"'
fi

# --- losses and output ---

run stat -q -d 0.5 -o "$dir/report"
ok "-o: for the owner alone" [ "$(stat -c %a "$dir/report")" = 600 ]
run stat -q -d 0.5 -o /dev/full
ok "a full disk: status 1" [ "$status" = 1 ]
ok "a full disk: said so" grep -q "No space left" "$dir/err"
"$ioready" stat -q -d 0.5 2>"$dir/err" >&-
ok "a closed stdout: status 1" [ $? = 1 ]
mkfifo "$dir/pipe"
(sleep 0.3) <"$dir/pipe" &
timeout 300 "$ioready" stat -q -d 1 >"$dir/pipe" 2>"$dir/err"
ok "a pipe that nobody reads: status 1" [ $? = 1 ]
ok "and said so" grep -q "Broken pipe" "$dir/err"
run stat --color=always -q -d 0.3
ok "--color=always" grep -q $'\033' "$dir/out"
NO_COLOR=1 run stat -q -d 0.3
ok "no escapes into a file" bash -c '! grep -q $'"'\\033'"' "$1"' - "$dir/out"
run stat -q --json -d 0.3 --on-loss=fail -p "$a"
ok "--on-loss=fail: 4 exactly when something was lost" \
	json "any(n for why, n in j['losses'].items() if why != 'begun_before') == ($status == 4)"

# --- two at once, and sudden death ---

timeout 300 "$ioready" stat -q --json -d 2 -p "$a" >"$dir/one" 2>"$dir/err" &
one=$!
run stat -q --json -d 2 -p "$a"
wait $one
ok "two at once: the first counts" json 'w[0]["calls"] > 20' "$dir/one"
ok "two at once: the second too" json 'w[0]["calls"] > 20'
ok "nothing is left of them" settled left
trace -q -a
ok "while it runs, its maps are there" bash -c 'bpftool map list | grep -q row_select'
kill -KILL $tool
wait $tool 2>/dev/null
ok "SIGKILL: no program, map or link stays" settled left
ok "SIGKILL: no syscall tracepoint stays on" settled bash -c \
	'[ ! -d /sys/kernel/tracing/events ] || ! bpftool perf list 2>/dev/null | grep -q sys_enter_poll'
echo "1..$n"
