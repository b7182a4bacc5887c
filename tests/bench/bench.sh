#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# bench.sh [-r ROUNDS] [calls] [redis] [tcp] [start]
# What ioready costs on this kernel, beside what its hooks cost with nothing on
# them and what other tools cost; by default all parts:
#   calls  nanoseconds that each tool adds to a system call
#   redis  throughput of redis-benchmark GET that each tool takes away, and CPU
#          time of the server that it adds: on a busy machine that says more
#   tcp    nanoseconds that each tool adds to a connection, and connections a second
#          of wrk and nginx without keep-alive that it takes away
#   start  time to attach and detach, and memory
# Tools take turns within each of the ROUNDS (7), so that what disturbs the
# machine disturbs all; told are medians, and the interquartile range behind +-.
# An added cost is the median of each round's difference from the same round
# with no tool. No round but the first begins when a table has taken four minutes.
# Everything also goes to build/bench.json.
# shellcheck disable=SC2317 # the parts are called by their names
set -u
top=$(cd "$(dirname "$0")/../.." && pwd -P)
# Not in everybody's: where Debian keeps bpftool.
PATH=$PATH:/usr/sbin
cd "$top" || exit 2
# shellcheck source-path=SCRIPTDIR source=nginx.sh
. tests/bench/nginx.sh
# Where make has put things: as its O, relative to the top.
O=${O:-build}
ioready=$O/ioready
bin=$O/tests
json=$O/bench.json

usage() {
	echo "usage: bench.sh [-r ROUNDS] [calls] [redis] [tcp] [start]" >&2
	exit 2
}

rounds=7
while getopts r: option; do
	case $option in
	r) rounds=$OPTARG ;;
	*) usage ;;
	esac
done
shift $((OPTIND - 1))
[ $# -gt 0 ] || set -- calls redis tcp start
for part; do
	case $part in
	calls | redis | tcp | start) ;;
	*) usage ;;
	esac
done
[ "$rounds" -gt 0 ] 2>/dev/null || usage
for tool in "$ioready" "$bin/calls" "$bin/floor"; do
	[ -x "$tool" ] || { echo "bench.sh: no $tool: run make first" >&2; exit 2; }
done
[ "$(id -u)" -eq 0 ] || { echo "bench.sh: tracing needs root" >&2; exit 2; }

tmp=$(mktemp -d) || exit 2
tool_pid='' server='' command=''
cleanup() {
	for pid in $command $tool_pid $server; do
		kill "$pid"
		wait "$pid"
	done 2>/dev/null
	rm -rf "$tmp"
}
trap cleanup EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
# An input that never ends, for floor.
mkfifo "$tmp/never" && exec 9<>"$tmp/never"

have() { command -v "$1" >/dev/null 2>&1; }

now_ms() { echo $(($(date +%s%N) / 1000000)); }

# rounds_begin: those of a table.
rounds_begin() {
	round=0
	deadline=$(($(now_ms) + 240000))
}

# next_round: is there one more?
next_round() {
	[ $round -lt "$rounds" ] || return
	if [ $round -gt 0 ] && [ "$(now_ms)" -ge $deadline ]; then
		echo "# out of time after $round of $rounds rounds"
		return 1
	fi
	round=$((round + 1))
	alone
}

# run COMMAND...: in the foreground, but ended by our own end.
run() {
	timeout 60 "$@" <&9 &
	command=$!
	wait $command
	status=$?
	command=
	return $status
}

# started FILE PATTERN: wait until the tool has said PATTERN in FILE.
started() {
	i=0
	until grep -q "$2" "$1" 2>/dev/null; do
		i=$((i + 1))
		if [ $i -gt 300 ] || ! kill -0 "$tool_pid" 2>/dev/null; then
			echo "bench.sh: a tool did not start:" >&2
			cat "$1" >&2
			return 1
		fi
		sleep 0.05
	done
}

# What a person would type to be told by bpftrace what ioready stat tells.
# shellcheck disable=SC2016 # its variables, not ours
script='
tracepoint:syscalls:sys_enter_select, tracepoint:syscalls:sys_enter_poll,
tracepoint:syscalls:sys_enter_epoll_wait { @at[tid] = nsecs; }
tracepoint:syscalls:sys_exit_select, tracepoint:syscalls:sys_exit_poll,
tracepoint:syscalls:sys_exit_epoll_wait /@at[tid]/ {
	$ns = nsecs - @at[tid];
	@calls[pid, comm] = count();
	@sum[pid, comm] = sum($ns);
	@ns[pid, comm] = hist($ns);
	delete(@at[tid]);
}
interval:ms:300 /!@told/ { printf("ready\n"); @told = 1; }'

# tool_start NAME: the tool, watching everybody, or nginx.
tool_start() {
	said=$tmp/said
	: >"$said"
	case $1 in
	bare) return 0 ;;
	floor)
		"$bin/floor" auto <&9 >"$said" 2>&1 &
		pattern=ready
		;;
	raw)
		"$bin/floor" raw <&9 >"$said" 2>&1 &
		pattern=ready
		;;
	ioready)
		"$ioready" stat -a -v -q -o /dev/null <&9 2>"$said" &
		pattern='attached in'
		;;
	chain)
		"$ioready" stat -a -v -q --chain -o /dev/null <&9 2>"$said" &
		pattern='attached in'
		;;
	trace)
		"$ioready" trace -a -v -q -o /dev/null <&9 2>"$said" &
		pattern='attached in'
		;;
	tcp | tcp_data | tcp_sample | tcp_server)
		case $1 in
		tcp) more=-a ;;
		tcp_data) more='-a --data' ;;
		tcp_sample) more='-a --sample=8' ;;
		tcp_server) more=--comm=nginx ;;
		esac
		# shellcheck disable=SC2086 # words
		"$ioready" tcp -v -q $more -o /dev/null <&9 2>"$said" &
		pattern='attached in'
		;;
	tcpstates | tcpconnlat)
		# They print a line for each that they see; what they see first tells
		# that they are attached.
		stdbuf -oL "$1" <&9 >"$said" 2>&1 &
		pattern='ADDR'
		;;
	bpftrace)
		bpftrace -B line -e "$script" <&9 >"$said" 2>&1 &
		pattern='^ready'
		;;
	esac
	tool_pid=$!
	started "$said" "$pattern"
}

tool_stop() {
	[ -n "$tool_pid" ] || return 0
	kill -INT "$tool_pid"
	# A child of a shell without job control ignores SIGINT if it does not ask.
	i=0
	while kill -0 "$tool_pid" 2>/dev/null; do
		i=$((i + 1))
		[ $i -ne 60 ] || kill "$tool_pid"
		[ $i -ne 200 ] || kill -9 "$tool_pid"
		sleep 0.05
	done
	wait "$tool_pid" 2>/dev/null
	tool_pid=
}

# others: programs on hooks of calls that are not ours: whoever traces at the
# same time adds a cost to what should be bare.
others() {
	have bpftool || { echo 0; return 0; }
	bpftool prog show 2>/dev/null |
		awk '/^[0-9]+: (tracepoint|kprobe|tracing|raw_tracepoint) / { n++ } END { print n + 0 }'
}

# alone: wait a little for other tracers to end; counts where they did not.
# Those that were there from the beginning are not waited for again.
disturbed=0 standing=0
alone() {
	i=0
	while there=$(others) && [ "$there" -gt "$standing" ]; do
		i=$((i + 1))
		if [ $i -gt 20 ]; then
			disturbed=$((disturbed + 1))
			return
		fi
		sleep 0.5
	done
}

# Files of "ROUND TOOL WHAT VALUE" in, "TOOL WHAT median spread added spread n"
# out; `added` is by $mode: diff (value - bare's) or loss (percent of bare's).
summary() {
	awk -v mode="$1" '
	# Quartiles of list[1..n], by linear interpolation; sorts it.
	function sort(list, n,  i, j, x) {
		for (i = 2; i <= n; i++) {
			x = list[i]
			for (j = i - 1; j && list[j] > x; j--)
				list[j + 1] = list[j]
			list[j + 1] = x
		}
	}
	function quantile(list, n, q,  at, low) {
		at = 1 + (n - 1) * q
		low = int(at)
		return low < n ? list[low] + (at - low) * (list[low + 1] - list[low]) : list[n]
	}
	{
		key = $2 " " $3
		if (!(key in seen)) { seen[key] = 1; name[++names] = key }
		value[$1, key] = $4
		if ($1 > last) last = $1
	}
	END {
		for (k = 1; k <= names; k++) {
			key = name[k]
			split(key, part, " ")
			n = m = 0
			for (r = 1; r <= last; r++) {
				if (!((r, key) in value)) continue
				v = value[r, key]
				list[++n] = v
				bare = "bare " part[2]
				if (!((r, bare) in value)) continue
				base = value[r, bare]
				diff[++m] = mode == "loss" ? 100 * (1 - v / base) : v - base
			}
			sort(list, n)
			sort(diff, m)
			printf "%s %.2f %.2f %.2f %.2f %d\n", key, quantile(list, n, 0.5),
				quantile(list, n, 0.75) - quantile(list, n, 0.25),
				(m ? quantile(diff, m, 0.5) : 0),
				(m ? quantile(diff, m, 0.75) - quantile(diff, m, 0.25) : 0), n
		}
	}'
}

# --- system calls -------------------------------------------------------------

calls_list=epoll1,poll10,select1,getppid,wake

# calls_one ROUND TOOL BATCH BATCHES [COMMAND...]: one tool's turn.
calls_one() {
	round=$1 tool=$2 batch=$3 batches=$4
	shift 4
	run "$@" "$bin/calls" $calls_list "$batch" "$batches" >"$tmp/turn" 2>"$tmp/errors" ||
		{ cat "$tmp/errors" >&2; return 1; }
	sed "s/^/$round $tool /" "$tmp/turn" >>"$tmp/calls"
}

part_calls() {
	tools='bare floor raw ioready chain trace'
	wrap=''
	if have bpftrace; then tools="$tools bpftrace"; else skip bpftrace; fi
	if have perf; then wrap="$wrap perf"; else skip perf; fi
	if have strace; then wrap="$wrap strace"; else skip strace; fi
	rounds_begin
	while next_round; do
		for tool in $tools; do
			tool_start "$tool" && calls_one $round "$tool" 500 400
			tool_stop
		done
		# These two are slow, and are given only this one program to trace.
		for tool in $wrap; do
			case $tool in
			perf) calls_one $round perf_trace 100 20 perf trace -s -o /dev/null -- ;;
			strace) calls_one $round strace 50 20 strace -c -f -o /dev/null -- ;;
			esac
		done
	done
	summary diff <"$tmp/calls" >"$tmp/calls.sum"
	awk -v rounds="$rounds" '
		{
			if (!($1 in seen)) { seen[$1] = 1; tool[++tools] = $1 }
			if (!($2 in known)) { known[$2] = 1; call[++calls] = $2 }
			ns[$1, $2] = $3; spread[$1, $2] = $4; added[$1, $2] = $5; about[$1, $2] = $6
		}
		function ratio(a, b) {
			return b > 0 ? sprintf("%.2f", a / b) : "-"
		}
		END {
			printf "nanoseconds a call, median of %d rounds\n", rounds
			printf "%-9s %-11s %10s %8s %10s %8s %9s %9s  %s\n", "call", "attached",
				"ns", "+-", "added", "+-", "/ floor", "/ raw", "ioready of it"
			for (c = 1; c <= calls; c++)
				for (t = 1; t <= tools; t++) {
					k = tool[t] SUBSEP call[c]
					own = added["ioready", call[c]]
					printf "%-9s %-11s %10.1f %8.1f", (t == 1 ? call[c] : ""),
						tool[t], ns[k], spread[k]
					if (tool[t] == "bare") {
						print ""
						continue
					}
					other = ""
					if (tool[t] ~ /bpftrace|perf|strace/)
						other = sprintf("  %9.2f %%", 100 * own / added[k])
					printf " %+10.1f %8.1f %9s %9s%s\n", added[k], about[k],
						ratio(added[k], added["floor", call[c]]),
						ratio(added[k], added["raw", call[c]]), other
				}
		}' "$tmp/calls.sum"
}

# --- redis --------------------------------------------------------------------

redis_start() {
	try=0
	while [ $try -lt 10 ]; do
		try=$((try + 1))
		port=$((20000 + ($$ * 7 + try * 613) % 30000))
		# shellcheck disable=SC2086 # empty on one processor
		$pin_server redis-server --port $port --bind 127.0.0.1 --save '' \
			--appendonly no --dir "$tmp" >"$tmp/redis" 2>&1 <&9 &
		server=$!
		i=0
		while [ $i -lt 100 ] && kill -0 $server 2>/dev/null; do
			# By its own log: whoever else has the port would answer too.
			grep -q 'Ready to accept connections' "$tmp/redis" 2>/dev/null &&
				return 0
			i=$((i + 1))
			sleep 0.05
		done
		kill $server 2>/dev/null
		wait $server 2>/dev/null
		server=
	done
	echo "bench.sh: redis-server did not start:" >&2
	cat "$tmp/redis" >&2
	return 1
}

# cpu_ns: time that the server's main thread, which does the work, was running.
# Nothing where the kernel does not tell.
cpu_ns() { cut -d ' ' -f 1 "/proc/$server/schedstat" 2>/dev/null; }

part_redis() {
	requests=200000
	pin_server='' pin_client=''
	for tool in redis-server redis-benchmark; do
		have $tool || { skip $tool; return 0; }
	done
	if have taskset && [ "$(nproc)" -ge 2 ]; then
		pin_server='taskset -c 0' pin_client='taskset -c 1'
	fi
	redis_start || return
	tools='bare floor ioready'
	have bpftrace && tools="$tools bpftrace"
	rounds_begin
	while next_round; do
		for tool in $tools; do
			# shellcheck disable=SC2086
			tool_start "$tool" && begin=$(cpu_ns) &&
				run $pin_client redis-benchmark -p $port -t get -c 50 \
					-n $requests --csv >"$tmp/turn" 2>/dev/null && {
				sed -n "s/^\"GET\",\"\([0-9.]*\)\".*/$round $tool GET \1/p" \
					"$tmp/turn" >>"$tmp/redis.all"
				[ -z "$begin" ] || echo "$round $tool server_ns_per_request" \
					$((($(cpu_ns) - begin) / requests)) >>"$tmp/redis.cpu"
			}
			tool_stop
		done
	done
	kill $server
	wait $server 2>/dev/null
	server=
	summary loss <"$tmp/redis.all" >"$tmp/redis.sum"
	[ ! -s "$tmp/redis.cpu" ] || summary diff <"$tmp/redis.cpu" >"$tmp/redis_cpu.sum"
	echo "redis-benchmark GET, 50 clients, $requests requests, median of $rounds rounds"
	awk '
		BEGIN {
			printf "%-11s %12s %8s %8s %8s\n", "attached", "requests/s", "+-", "loss %",
				"+-"
		}
		$1 == "bare" { printf "%-11s %12.0f %8.0f\n", $1, $3, $4; next }
		{ printf "%-11s %12.0f %8.0f %8.1f %8.1f\n", $1, $3, $4, $5, $6 }' \
		"$tmp/redis.sum"
	[ -s "$tmp/redis_cpu.sum" ] || return 0
	awk '
		BEGIN {
			printf "%-11s %12s %8s %8s %8s %8s\n", "", "server ns", "+-", "added",
				"+-", "%"
		}
		$1 == "bare" { bare = $3; printf "%-11s %12.0f %8.0f\n", $1, $3, $4; next }
		{
			printf "%-11s %12.0f %8.0f %+8.0f %8.0f %8.1f\n", $1, $3, $4, $5, $6,
				bare ? 100 * $5 / bare : 0
		}' "$tmp/redis_cpu.sum"
}

# --- connections ----------------------------------------------------------------

# tcp_tools: those that work on this kernel; bcc's, where they are and can attach.
tcp_tools() {
	tools='bare tcp tcp_data tcp_sample'
	for tool in tcpstates tcpconnlat; do
		if ! have $tool; then
			skip $tool
		elif tool_start $tool 2>"$tmp/errors"; then
			tool_stop
			tools="$tools $tool"
		else
			tool_pid=
			skip $tool "does not work here: $(tail -n 1 "$tmp/errors")"
		fi
	done
}

nginx_start() {
	# Below the ports that connections from here are given.
	port=$((20000 + ($$ * 11) % 12000))
	nginx_conf "$tmp" "$port"
	nginx -p "$tmp/nginx" -c "$tmp/nginx/conf" -g 'daemon off;' <&9 >"$tmp/nginx/said" 2>&1 &
	server=$!
	i=0
	until wrk -t 1 -c 1 -d 1 "http://127.0.0.1:$port/" >/dev/null 2>&1; do
		i=$((i + 1))
		[ $i -le 10 ] && kill -0 $server || { cat "$tmp/nginx/said" >&2; return 1; }
	done
}

part_tcp() {
	tcp_tools
	rounds_begin
	while next_round; do
		for tool in $tools; do
			tool_start "$tool" && run "$bin/calls" connect 50 40 >"$tmp/turn" &&
				sed "s/^/$round $tool /" "$tmp/turn" >>"$tmp/tcp"
			tool_stop
		done
	done
	summary diff <"$tmp/tcp" >"$tmp/tcp.sum"
	echo "nanoseconds a connection on loopback, both ends, median of $rounds rounds"
	awk '
		BEGIN { printf "%-11s %10s %8s %10s %8s %7s\n", "attached", "ns", "+-", "added", "+-", "%" }
		$1 == "bare" { bare = $3; printf "%-11s %10.0f %8.0f\n", $1, $3, $4; next }
		{ printf "%-11s %10.0f %8.0f %+10.0f %8.0f %7.1f\n", $1, $3, $4, $5, $6, 100 * $5 / bare }' \
		"$tmp/tcp.sum"
	for tool in nginx wrk; do
		have $tool || { skip $tool; return 0; }
	done
	nginx_start || return
	rounds_begin
	while next_round; do
		# The server's end alone is a connection only where the server is another process.
		for tool in $tools tcp_server; do
			tool_start "$tool" &&
				run wrk -t 1 -c 20 -d 3 "http://127.0.0.1:$port/" >"$tmp/turn" &&
				sed -n "s/^Requests\/sec: *\([0-9.]*\).*/$round $tool connections \1/p" \
					"$tmp/turn" >>"$tmp/tcp.wrk"
			tool_stop
		done
	done
	kill $server
	wait $server 2>/dev/null
	server=
	summary loss <"$tmp/tcp.wrk" >"$tmp/tcp_wrk.sum"
	echo "wrk on nginx, 20 clients, a connection a request, median of $rounds rounds"
	awk '
		BEGIN { printf "%-11s %12s %8s %8s %8s\n", "attached", "conns/s", "+-", "loss %", "+-" }
		$1 == "bare" { printf "%-11s %12.0f %8.0f\n", $1, $3, $4; next }
		{ printf "%-11s %12.0f %8.0f %8.1f %8.1f\n", $1, $3, $4, $5, $6 }' "$tmp/tcp_wrk.sum"
}

# --- start and end ------------------------------------------------------------

part_start() {
	said=$tmp/said
	mkfifo "$tmp/says" || return
	rounds_begin
	while next_round; do
		# The kernel closes the last round's events for a while, with a lock that
		# is needed to open new ones.
		sleep 3
		begin=$(now_ms)
		"$ioready" stat -a -v -q -o /dev/null <&9 2>"$tmp/says" &
		tool_pid=$!
		# Not by tool_start, which looks twenty times a second.
		exec 8<"$tmp/says"
		IFS= read -r line <&8
		end=$(now_ms)
		case $line in
		*'attached in'*) ;;
		*) echo "bench.sh: ioready did not start: $line" >&2; return ;;
		esac
		echo "$round ioready to_attached_ms $((end - begin))" >>"$tmp/start"
		sleep 0.3
		sed -n "s/^VmHWM:[^0-9]*\([0-9]*\) kB/$round ioready peak_rss_kib \1/p" \
			"/proc/$tool_pid/status" >>"$tmp/start"
		tool_stop
		{ echo "$line"; cat <&8; } >"$said"
		exec 8<&-
		sed -n "s/.*loaded in \([0-9]*\) ms, attached in \([0-9]*\) ms.*/\
$round ioready load_ms \1\n$round ioready attach_ms \2/p
			s/^detached in \([0-9]*\) ms.*/$round ioready detach_ms \1/p" \
			"$said" >>"$tmp/start"
		sleep 3
		begin=$(now_ms)
		run "$ioready" stat -a -q -d 0.1 -o /dev/null || return
		echo "$round ioready whole_of_100ms_ms $(($(now_ms) - begin))" >>"$tmp/start"
	done
	summary diff <"$tmp/start" >"$tmp/start.sum"
	awk 'NR == 1 { printf "ioready stat\n%-20s %8s %8s\n", "", "median", "+-" }
		{ printf "%-20s %8.0f %8.0f\n", $2, $3, $4 }' "$tmp/start.sum"
}

# --- all together -------------------------------------------------------------

: >"$tmp/skipped"
skip() {
	echo "# skipped: $1 ${2:-is not installed}"
	echo "$1 ${2:-is not installed}" >>"$tmp/skipped"
}

# section NAME FIELD: the summary of a part as a member of the object.
section() {
	[ -s "$tmp/$1.sum" ] || return 0
	printf ',\n\t"%s": [' "$1"
	awk -v field="$2" '{
		printf "%s\n\t\t{\"attached\": \"%s\", \"what\": \"%s\", \"median\": %s, \"iqr\": %s",
			(NR > 1 ? "," : ""), $1, $2, $3, $4
		if (field != "" && $1 != "bare")
			printf ", \"%s\": %s, \"%s_iqr\": %s", field, $5, field, $6
		printf ", \"rounds\": %d}", $7
	}' "$tmp/$1.sum"
	printf '\n\t]'
}

# string TEXT: as in JSON. What the machine calls itself holds no control bytes.
string() { printf '"%s"' "$(printf '%s' "$1" | sed 's/[\\"]/\\&/g')"; }

model=$(sed -n 's/^model name[^:]*: *//p' /proc/cpuinfo | head -n 1)
begun=$(date -u +%Y-%m-%dT%H:%M:%SZ)
echo "${model:-$(uname -m)}, $(nproc) processors, Linux $(uname -r), $begun"
alone
standing=$(others) disturbed=0
[ "$standing" -eq 0 ] || echo "# $standing tracing programs are there already"
failed=0
for part; do
	echo
	"part_$part" || failed=1
done
{
	printf '{\n\t"date": "%s",\n\t"model": ' "$begun"
	string "${model:-$(uname -m)}"
	printf ',\n\t"processors": %d,\n\t"kernel": ' "$(nproc)"
	string "$(uname -r)"
	printf ',\n\t"version": '
	string "$("$ioready" --version 2>/dev/null | head -n 1)"
	printf ',\n\t"disturbed_rounds": %d,\n\t"skipped": [' "$disturbed"
	awk '{ printf "%s\"%s\"", (NR > 1 ? ", " : ""), $0 }' "$tmp/skipped"
	printf ']'
	section calls added_ns
	section redis loss_percent
	section redis_cpu added_ns
	section tcp added_ns
	section tcp_wrk loss_percent
	section start ''
	printf '\n}\n'
} >"$json.new" && mv "$json.new" "$json"
[ $disturbed -eq 0 ] || echo "# other tracing programs were there in $disturbed rounds"
echo
echo "# in full: $json"
exit $failed
