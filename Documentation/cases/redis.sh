#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# redis.sh: how redis-server waits under four loads; see redis.rst. As root; any tier.
# Everything is on loopback, bounded, and gone at the end. Environment: IOREADY
# (ioready); TIER (auto).
set -u
ioready=${IOREADY:-ioready}
for tool in redis-server redis-benchmark redis-cli "$ioready"; do
	command -v "$tool" >/dev/null || { echo "redis.sh: no $tool: install it first" >&2; exit 3; }
done
dir=$(mktemp -d) || exit
port=18379
redis-server --port $port --bind 127.0.0.1 --save '' --dir "$dir" >"$dir/log" &
server=$!
listeners=
trap 'kill $server $listeners; wait; rm -rf "$dir"' EXIT
until redis-cli -p $port ping >/dev/null 2>&1; do sleep 0.1; done

# traced WHAT COMMAND...: the report of the server while COMMAND runs.
traced()
{
	echo "== $1"
	shift
	"$ioready" stat --chain -p $server --tier "${TIER:-auto}" -o "$dir/report" -v 2>"$dir/tracer" &
	tracer=$!
	until grep -q 'attached in' "$dir/tracer"; do sleep 0.1; done
	"$@" >/dev/null
	kill -INT $tracer
	wait $tracer
	cat "$dir/report"
}

traced "GET, 50 clients" redis-benchmark -p $port -t get -c 50 -n 200000 -q
traced "GET, 50 clients, 16 requests at once" redis-benchmark -p $port -t get -c 50 -n 1000000 -P 16 -q
for _ in 1 2 3 4; do
	redis-cli -p $port subscribe news >/dev/null &
	listeners="$listeners $!"
done
sleep 0.5
traced "PUBLISH to four who listen" redis-benchmark -p $port -c 10 -n 50000 -q publish news hello
redis-cli -p $port debug populate 1000000 key 100 >/dev/null
traced "GET, and a BGSAVE of a million keys" sh -c "redis-cli -p $port bgsave
	redis-benchmark -p $port -t get -c 50 -n 200000 -q"
