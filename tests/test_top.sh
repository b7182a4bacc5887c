#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# test_top.sh: ioready top: tables of a known load, and the screen, driven by keys in
# a terminal of tmux. Prints TAP. Environment: O, where the program is (build).
set -u
cd "$(dirname "$0")/.." || exit
ioready=$(realpath "${O:-build}/ioready")
dir=$(mktemp -d) || exit
# shellcheck source=tests/tap.sh
. tests/tap.sh
runs=0
pids=

# A server and a directory of our own: nobody's sessions are touched.
tm() { TMUX_TMPDIR=$dir tmux -L ioready-test -f /dev/null "$@"; }

cleanup()
{
	tm kill-server 2>/dev/null
	# shellcheck disable=SC2086
	[ -z "$pids" ] || kill $pids 2>/dev/null
	rm -rf "$dir"
}
trap cleanup EXIT

settled() # command: true within thirty seconds; emulated CPUs are slow
{
	for _ in $(seq 300); do
		"$@" && return
		sleep 0.1
	done
	return 1
}

# run ARGS...: status in $status, output in $dir/out and $dir/err
run()
{
	timeout 300 "$ioready" top "$@" >"$dir/out" 2>"$dir/err" </dev/null
	status=$?
}

refuses() # STATUS PATTERN ARGS...
{
	local want=$1 pattern=$2
	shift 2
	run "$@"
	[ "$status" = "$want" ] || { echo "status $status, not $want"; return 1; }
	grep -q -e "$pattern" "$dir/err" || { echo "no '$pattern'"; return 1; }
	[ ! -s "$dir/out" ] || { echo "wrote to stdout"; return 1; }
}

# rows EXPRESSION: a Python expression over t, the tables: lists of rows, which are
# dicts by the heads of the columns
rows()
{
	python3 - "$1" "$dir/out" <<'PY'
import sys
t, heads = [], None
for line in open(sys.argv[2]):
    words = line.split()
    if not words:
        heads = None
    elif words[0] in ("PID", "TID"):
        heads = words
        t.append([])
    elif heads:
        t[-1].append(dict(zip(heads, words)))
def number(x):
    return float(x.strip("~>=%").replace(",", ""))
ok = eval(sys.argv[1])
if not ok:
    print(sys.argv[1], "is", ok, "in", t)
sys.exit(not ok)
PY
}

# --- usage ---

ok "no terminal: --batch is named" refuses 2 "use --batch"
ok "--json: stat has it" refuses 2 "ioready stat -i 2 --chain --json" -b --json
ok "interval: too short" refuses 2 "at least 0.5" -b -i 0.4
ok "count: zero" refuses 2 "between 1 and" -b -n 0
ok "sort: unknown" refuses 2 "no sort key 'best'" -b --sort best
ok "a command" refuses 2 "ioready stat" -b -- true
ok "output without --batch" refuses 2 "needs --batch" -o "$dir/file"
ok "all with a filter" refuses 2 "exclude" -b -a --comm x

# --- tables ---

# Both say when they are at work. Of 40 fds one is ready: 39 of 40 scans find nothing.
python3 -c '
import ctypes, os, select, sys, time
ctypes.CDLL(None).prctl(15, b"\033[2Jload", 0, 0, 0)
pipes = [os.pipe() for i in range(40)]
os.write(pipes[0][1], b"x")
fds = [p[0] for p in pipes]
open(sys.argv[1], "w")
while True:
    select.select(fds, [], [])
    time.sleep(0.002)' "$dir/load" &
load=$!
# Two threads that wait for epolls of an edge-triggered socket and of a oneshot one.
python3 -c '
import select, socket, sys, threading
a, b = socket.socketpair()
def wait(flags):
    e = select.epoll()
    e.register(a, select.EPOLLIN | flags)
    while True:
        e.poll(0.05)
threading.Thread(target=wait, args=(select.EPOLLET,), daemon=True).start()
open(sys.argv[1], "w")
wait(select.EPOLLONESHOT)' "$dir/server" &
server=$!
pids="$load $server"
settled [ -e "$dir/load" ] && settled [ -e "$dir/server" ]

run -b -n 2 -i 1 -p "$load" -p "$server"
ok "-n 2: status 0" [ "$status" = 0 ]
ok "-n 2: two tables" rows 'len(t) == 2 and all(len(x) == 2 for x in t)'
ok "the load is first" rows "all(x[0]['PID'] == '$load' for x in t)"
ok "its waste" rows 'all(97 < number(x[0]["WASTED"]) < 98 for x in t)'
ok "its watched fds" rows 'all(x[0]["WATCHED"] == "40" for x in t)'
ok "its calls and scans agree" \
	rows 'all(0.8 < number(x[0]["SCANS/s"]) / number(x[0]["CALLS/s"]) / 40 < 1.2 for x in t)'
ok "its work between two waits" rows 'all(x[0]["WORK-MAX"].endswith("s") for x in t)'
ok "a hostile name is made printable" rows 't[0][0]["COMMAND"] == "\\x1b[2Jload"'
ok "losses are told, also when there are none" \
	grep -q -e '^nothing lost; ' -e '^LOST [0-9]' "$dir/out"
run -b -d 1.2 -i 60 --sort calls --no-chain --threads -p "$server"
ok "-d: the table of what is left" rows 'len(t) == 1'
ok "--threads: a row each" rows 'len(t[0]) == 2 and len(set(x["TID"] for x in t[0])) == 2'
ok "--no-chain: no work and no wakers" \
	rows 'all(x["WORK-MAX"] == x["SWITCH/s"] == x["WOKEN"] == "-" for x in t[0])'
run -b -n 1 -i 0.5 --rows 1 -p "$load" -p "$server"
ok "--rows" grep -q "1 more" "$dir/out"
run -b -n 1 -i 0.5 -o "$dir/file" -p "$load"
ok "-o: for the owner alone" [ "$(stat -c %a "$dir/file")" = 600 -a ! -s "$dir/out" ]

# A table is out when it is printed, and not when a buffer is full.
"$ioready" top -b -i 0.5 -p "$load" >"$dir/out" 2>"$dir/err" &
tool=$!
ok "each table at once" settled grep -q CALLS "$dir/out"
kill "$tool"
wait "$tool"
ok "SIGTERM: status 0" [ $? = 0 ]
mkfifo "$dir/pipe"
(head -n 1 >/dev/null) <"$dir/pipe" &
timeout 300 "$ioready" top -b -i 0.5 -p "$load" >"$dir/pipe" 2>"$dir/err"
ok "a pipe that nobody reads any more: status 1" [ $? = 1 ]
ok "and said so" grep -q "Broken pipe" "$dir/err"
mkfifo "$dir/life"
python3 -c 'import select
while not select.select([0], [], [], 0.01)[0]:
    pass' <"$dir/life" &
short=$!
exec 7>"$dir/life"
timeout 300 "$ioready" top -v -b -i 60 -p "$short" >"$dir/out" 2>"$dir/err" 7>&- &
tool=$!
settled grep -q "attached in" "$dir/err"
sleep 1
exec 7>&-
wait "$tool"
ok "the end of the process ends it" [ $? = 0 ]
ok "with a last table" rows 'len(t) == 1 and number(t[0][0]["CALLS/s"]) > 0'

# --- the screen ---

# shows PATTERN...: all are on the screen
shows()
{
	tm capture-pane -p -t top >"$dir/screen"
	for pattern; do
		grep -q -e "$pattern" "$dir/screen" || return
	done
}

# hides PATTERN: it is not on the screen
hides() { tm capture-pane -p -t top >"$dir/screen" && ! grep -q -e "$1" "$dir/screen"; }

# colours 0|1: whether there are any
colours()
{
	tm capture-pane -e -p -t top >"$dir/screen"
	grep -q $'\033\[[0-9;]*3[1-7]' "$dir/screen"
	[ $? = $((1 - $1)) ]
}

# sees PATTERN...: all come, or the screen says why not
sees()
{
	settled shows "$@" || { cat "$dir/screen"; return 1; }
}

# first PID: the first row is of this process
first()
{
	tm capture-pane -p -t top >"$dir/screen"
	[ "$(awk 'NR == 4 { print $1 }' "$dir/screen")" = "$1" ]
}
first_is() { settled first "$1" || { cat "$dir/screen"; return 1; }; }

drawn() # LINES PATTERN: the last of so many lines has it: all of the size is in use
{
	tm capture-pane -p -t top >"$dir/screen"
	[ "$(wc -l <"$dir/screen")" = "$1" ] && tail -n 1 "$dir/screen" | grep -q -e "$2"
}
drawn_in() { settled drawn "$@" || { cat "$dir/screen"; return 1; }; }

keys() { tm send-keys -t top "$@"; }

# starts ARGS...: ioready top in the shell of the terminal. What is typed early stands
# before the prompt: so the answer has a line of its own.
starts()
{
	runs=$((runs + 1))
	keys "'$ioready' top $* 2>'$dir/err'; printf '\nrun $runs status %s ' \$?; stty -g | cksum" Enter
}

# ended STATUS: the shell has the terminal back, as it was
ended()
{
	sees "^run $runs status $1 $modes\$" || return
	[ "$(tm display-message -p -t top '#{alternate_on} #{cursor_flag}')" = "0 1" ]
}

screen_tests()
{
	ok "screen: tmux" tm new-session -d -s top -x 100 -y 30 "env PS1='$ ' sh"
	keys "echo; echo modes \$(stty -g | cksum)" Enter
	ok "screen: there is a terminal" sees "^modes [0-9]"
	modes=$(sed -n 's/^modes //p' "$dir/screen")

	starts -i 0.5 -p "$load" -p "$server"
	ok "screen: the table" sees "^nothing lost\|^LOST" "CALLS/s" "^ *$load "
	ok "screen: the keys in the last line" drawn_in 30 "q quit .* p pause"
	ok "screen: the load wastes most" first_is "$load"
	ok "screen: a hostile name does no harm" shows 'x1b\[2Jload'
	keys r
	ok "r: the other way round" first_is "$server"
	keys r l
	ok "l: by loop lag" sees "by lag"
	keys w
	ok "w: by waste" first_is "$load"
	keys '?'
	ok "?: help" sees "Keys of the table" "share of them that found nothing"
	keys q
	ok "q: back from help" sees "q quit"
	keys Down Enter
	ok "Enter: the process under the cursor" \
		sees "($server)" "^epoll_wait" "^epoll .* IN .* ET " "^epoll .* IN .* LT ONESHOT"
	ok "with the files that it watches" shows "unix stream\|socket:"
	ok "with the work between its waits" sees "work between two waits"
	keys t
	ok "t: its threads" sees "^    TID" "^ *$server .*python3"
	keys t
	tm resize-window -t top -x 80 -y 12
	ok "a smaller screen" drawn_in 12 "q back"
	ok "80 columns: quantiles are kept, and no figure is cut" sees \
		"^SYSCALL .* P50     P99     MAX  WATCHED   READY  SCANS/s   WASTED>" \
		"^epoll_wait  .*[0-9smu-] *>\$"
	keys End
	ok "End: the last lines" sees "^epoll .* IN "
	keys Escape
	ok "Esc: back" sees "CALLS/s" "^ *$load "
	ok "80 columns: the least important are gone" hides SCANS/s
	tm resize-window -t top -x 160 -y 40
	ok "a larger screen" drawn_in 40 "q quit"
	ok "with all columns" sees "WORK-P99 WORK-MAX SWITCH/s WOKEN BY"
	tm resize-window -t top -x 10 -y 2
	ok "one too small for anything" drawn_in 2 "q quit"
	tm resize-window -t top -x 100 -y 30
	ok "and back" sees "^ *$load "
	keys p
	ok "p: paused" sees "PAUSED"
	cp "$dir/screen" "$dir/paused"
	sleep 1.5
	shows PAUSED
	ok "the figures stand still" cmp "$dir/screen" "$dir/paused"
	keys p
	ok "p: goes on" settled hides PAUSED
	keys q
	ok "q: the terminal as it was" ended 0

	starts -p "$load"
	sees "q quit" >/dev/null
	keys C-c
	ok "Ctrl-C: likewise" ended 0
	starts -p "$load"
	sees "q quit" >/dev/null
	ok "colours" colours 1
	keys q
	sees "^run $runs " >/dev/null
	starts --color=never -p "$load"
	sees "q quit" >/dev/null
	ok "--color=never: no colours" colours 0
	kill "$(pgrep -P "$(tm display-message -p -t top '#{pane_pid}')")"
	ok "SIGTERM: likewise" ended 0
	starts -i 0.5 -n 2 -p "$load"
	ok "-n: likewise" ended 0
	starts -p 4194303
	ok "an error is said, and not drawn over" ended 1
	ok "in one line" grep -q "no process 4194303" "$dir/err"
	keys "export TERM=nobody" Enter
	starts -p "$load"
	ok "an unknown terminal: status 2" ended 2
	ok "which says what to do" grep -q "set TERM, or use --batch" "$dir/err"
}

if command -v tmux >/dev/null; then
	screen_tests
else
	skip "the screen" "there is no tmux"
fi
echo "1..$n"
