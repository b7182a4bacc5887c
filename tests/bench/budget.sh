#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# budget.sh [-u | -w | -c | -l] [KERNEL...]
# What ioready stat adds to each system call, and ioready tcp to a connection, in
# instructions, on every tier of each kernel (6.1 6.12 7.2), held against the table
# `budgets` beside this file.
# Prints a table and TAP; exit status 1 if a budget is exceeded, missing or
# could not be measured. -u prints the lines that the table should have instead:
# what was measured, and a small slack. -w measures two wakeups and all that comes
# with them, there and back between two threads, on the fentry tier, -c a connection on
# loopback with both its ends, beside what tools of bcc's add, and -l a request of
# redis-benchmark to Redis and one of wrk to nginx without keep-alive, everybody being
# traced: only the table.
#
# One guest per kernel, one processor, in which the time-stamp counter counts
# instructions; each figure is the median of 500 single calls.
# Rows named TIER+exact are with --scans=exact, TIER+chain with --chain and so on,
# TIER+trace of ioready trace: these are paid for on request only and have budgets
# to be noticed, not to be kept small. Wakeups have none: what the scheduler does is
# not the same each time.
set -u
here=$(cd "$(dirname "$0")" && pwd -P)
top=$(cd "$here/../.." && pwd -P)
# Where make has put things: as its O, relative to the top.
O=${O:-build}
# shellcheck source-path=SCRIPTDIR source=nginx.sh
. "$here/nginx.sh"

usage() {
	echo "usage: budget.sh [-u | -w | -c | -l] [KERNEL...]" >&2
	exit 2
}

all_tiers="fentry kprobe tracepoint"
all_calls="getppid read select1 poll1 poll10 poll100 epoll0 epoll1 epoll10 epoll_ctl"
more_calls="getppid read epoll1"
exact_tiers="fentry kprobe"
if [ "${1-}" = -w ] || [ "${1-} ${2-}" = "--inside -w" ]; then
	all_tiers=fentry exact_tiers='' all_calls=wake more_calls=wake
fi

# --- in the guest -------------------------------------------------------------

# started FILE PATTERN PID: wait until PID has said PATTERN in FILE.
started() {
	i=0
	while ! grep -q "$2" "$1"; do
		i=$((i + 1))
		if [ $i -gt 600 ] || ! kill -0 "$3" 2>/dev/null; then
			cat "$1" >&2
			return 1
		fi
		sleep 0.1
	done
}

# calls LABEL: lines "= LABEL CALL instructions". A process for each call, as
# most programs wait in one way only, and that way is the cheapest.
calls() {
	for call in $asked; do
		case $call in
		redis | nginx) "$call" | sed "s/^/= $1 $call /" ;;
		*) "$O/tests/calls" --tsc "$call" 500 | sed "s/^\([^ ]*\) [^ ]* /= $1 \1 /" ;;
		esac
	done
}

# A request of 50 clients to Redis. Time is instructions here: see guest/run.sh.
redis() {
	redis-benchmark -p 6399 -t get -c 50 -n 20000 --csv 2>/dev/null |
		awk -F '"' '$2 == "GET" { printf "%.0f\n", 1e9 / $4 }'
}

# A request of 20 clients to nginx, each in a connection of its own.
nginx() {
	wrk -t 1 -c 20 -d 3 http://127.0.0.1:6398/ |
		awk '$1 == "Requests/sec:" { printf "%.0f\n", 1e9 / $2 }'
}

# under LABEL PATTERN COMMAND...: the same while COMMAND runs beside it.
under() {
	label=$1 pattern=$2
	shift 2
	# The kernel takes kprobes off after their owner has gone, one by one.
	while [ -n "$(cat /sys/kernel/debug/kprobes/list 2>/dev/null)" ]; do
		sleep 0.1
	done
	: >"$said"
	"$@" <&9 >"$said" 2>&1 &
	pid=$!
	if started "$said" "$pattern" $pid; then
		calls "$label"
		kill $pid
		wait $pid 2>/dev/null
		return 0
	fi
	wait $pid 2>/dev/null
	return 1
}

# A guest has room for few connections in TIME_WAIT; those after them would skip it, and with
# it a part of what is measured.
network() {
	ip link set lo up
	echo 1000000 >/proc/sys/net/ipv4/tcp_max_tw_buckets
}

# Under bcc's tools that follow states and handshakes, if they are there.
bcc() {
	for tool in tcpstates tcpconnlat; do
		# The first line of each is its heading.
		! tool_path=$(command -v $tool) || under "bcc:$tool" . stdbuf -oL "$tool_path"
	done
}

# What follows connections, and what bcc's tools do that follow states and handshakes, if
# they are there.
connections() {
	asked=connect
	network
	calls bare
	for tier in fentry kprobe tracepoint; do
		under "$tier:tcp" 'attached in' "$O/ioready" tcp -v -q --tier "$tier"
	done
	for more in data waits sample=8; do
		under "fentry:tcp_${more%=*}" 'attached in' "$O/ioready" tcp -v -q --tier fentry "--$more"
	done
	[ -n "$table" ] || return 0
	bcc
}

servers() {
	network
	nginx_conf /tmp 6398
	redis-server --port 6399 --bind 127.0.0.1 --save '' --appendonly no --dir /tmp \
		>/tmp/redis.said 2>&1 &
	started /tmp/redis.said 'Ready to accept' $! || return
	command nginx -p /tmp/nginx -c /tmp/nginx/conf 2>/tmp/nginx/said || return
	asked='redis nginx'
	calls warm >/dev/null
	calls bare
	for tier in fentry kprobe tracepoint; do
		under "$tier:floor" ready "$O/tests/floor" "$tier"
		under "$tier:ioready" 'attached in' "$O/ioready" stat -a -v -q --tier "$tier" \
			--scans derive
		under "$tier:tcp" 'attached in' "$O/ioready" tcp -v -q --tier "$tier"
		under "$tier:tcp_sample" 'attached in' "$O/ioready" tcp -v -q --tier "$tier" --sample 8
		under "$tier:tcp_server" 'attached in' "$O/ioready" tcp -v -q --tier "$tier" --comm nginx
	done
	bcc
}

inside() {
	said=/tmp/said
	# An input that never ends, for floor.
	mkfifo /tmp/never
	exec 9<>/tmp/never
	case $table in
	-c) connections; return ;;
	-l) servers; return ;;
	esac
	asked=$all_calls
	calls bare
	for tier in $all_tiers; do
		under "$tier:floor" ready "$O/tests/floor" "$tier" --epoll-ctl || continue
		under "$tier:ioready" 'attached in' "$O/ioready" stat -a -v --tier "$tier" \
			--scans derive --epoll-ctl
	done
	for tier in $exact_tiers; do
		under "$tier:exact" 'attached in' "$O/ioready" stat -a -v --tier "$tier" \
			--scans exact --epoll-ctl
	done
	asked=$more_calls
	for more in chain herd items; do
		under "fentry:$more" 'attached in' "$O/ioready" stat -a -v --tier fentry \
			--scans derive "--$more"
	done
	under fentry:trace 'attached in' "$O/ioready" trace -a -v --tier fentry -o /dev/null
	[ -n "$table" ] || connections
	# A measurement that is missing is told by its row.
	return 0
}

# --- on the host --------------------------------------------------------------

cd "$top" || exit 2
update=0 table=''
case ${1-} in
--inside)
	table=${2-}
	inside
	exit
	;;
-u)
	update=1
	shift
	;;
-w | -c | -l)
	table=$1
	shift
	;;
-*) usage ;;
esac
[ $# -gt 0 ] || set -- 6.1 6.12 7.2
for tool in "$O/ioready" "$O/tests/calls" "$O/tests/floor"; do
	[ -x "$tool" ] || { echo "budget.sh: no $tool: run make first" >&2; exit 2; }
done
tmp=$(mktemp -d) || exit 2
guest=
# shellcheck disable=SC2317 # reached by the trap
cleanup() {
	[ -z "$guest" ] || { kill "$guest" && wait "$guest"; } 2>/dev/null
	rm -rf "$tmp"
}
trap cleanup EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

for kernel; do
	tests/guest/run.sh -k "$kernel" -i -t 2700 -- env O="$O" tests/bench/budget.sh --inside $table \
		>"$tmp/log" 2>&1 &
	guest=$!
	wait $guest
	status=$?
	guest=
	if [ $status -ne 0 ]; then
		echo "# $kernel: the guest ended with $status:"
		sed 's/^/# /' "$tmp/log"
	fi
	tr -d '\r' <"$tmp/log" | sed -n "s/^= /$kernel /p" >>"$tmp/measured"
	echo "$kernel" >>"$tmp/kernels"
done

# Of the table, only the kernels that were asked for: others are not missing.
grep -v '^#' "$here/budgets" 2>/dev/null | awk '
	NR == FNR { asked[$1] = 1; next }
	$1 in asked && NF == 4' "$tmp/kernels" - >"$tmp/budgets"

[ -z "$table" ] || : >"$tmp/budgets"
awk -v update=$update -v table=$table '
	FILENAME ~ /budgets$/ {
		key = $1 " " $2 " " $3
		budget[key] = $4
		if (!(key in row)) { row[key] = ++rows; name[rows] = key }
		next
	}
	$2 == "bare" { bare[$1 " " $3] = $4; next }
	{
		split($2, part, ":")
		if (part[2] == "floor") {
			floor[$1 " " part[1] " " $3] = $4
			next
		}
		tier = part[1] (part[2] == "ioready" ? "" : "+" part[2])
		key = $1 " " tier " " $3
		with[key] = $4
		if (!(key in row)) { row[key] = ++rows; name[rows] = key }
	}
	END {
		if (!update)
			printf "%-6s %-13s %-10s %8s %8s %9s %8s\n", "kernel", "tier", "call",
				"bare", "+floor", "+ioready", "budget"
		for (i = 1; i <= rows; i++) {
			key = name[i]
			split(key, part, " ")
			tier = part[2]
			sub(/\+.*/, "", tier)
			base = bare[part[1] " " part[3]]
			under = part[1] " " tier " " part[3]
			added[key] = key in with && base ? with[key] - base : ""
			low = under in floor ? floor[under] - base : ""
			if (update && added[key] != "") {
				# What is nothing stays nothing; else 3 instructions or 1 %, for
				# exact ones 10 %.
				slack = added[key] * (tier == part[2] ? 0.01 : 0.1)
				slack = int(slack) > 3 ? int(slack) : 3
				# See the head of the table.
				if (part[1] == "6.1" && part[3] == "connect")
					slack += 1117
				if (added[key] <= 0)
					slack = -added[key]
				printf "%-5s %-12s %-10s %d\n", part[1], part[2], part[3],
					added[key] + slack
			}
			if (!update)
				printf "%-6s %-13s %-10s %8s %8s %9s %8s\n", part[1], part[2],
					part[3], base, low == "" ? "-" : sprintf("%+d", low),
					added[key] == "" ? "-" : sprintf("%+d", added[key]),
					key in budget ? budget[key] : "-"
		}
		if (update || table)
			exit
		printf "TAP version 13\n1..%d\n", rows
		for (i = 1; i <= rows; i++) {
			key = name[i]
			if (added[key] == "")
				what = "could not be measured"
			else if (!(key in budget))
				what = "+" added[key] " has no budget"
			else
				what = ""
			if (what == "" && added[key] <= budget[key]) {
				printf "ok %d - %s +%d <= %d\n", i, key, added[key], budget[key]
				continue
			}
			if (what == "")
				what = "+" added[key] " > " budget[key]
			printf "not ok %d - %s %s\n", i, key, what
			bad = 1
		}
		exit bad || !rows
	}' "$tmp/budgets" "$tmp/measured"
