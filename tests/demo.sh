#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# demo.sh: what ioready says of a real Redis under load and of a Python program
# that waits in select() on a thousand sockets.
set -eu

cd "$(dirname "$0")/.."
ioready=${O:-build}/ioready
seconds=8

if ! "$ioready" doctor >/dev/null; then
	"$ioready" doctor | tail -n 1 >&2
	exit 3
fi

dir=$(mktemp -d)
pids=
cleanup()
{
	for pid in $pids; do
		kill "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
	done
	rm -rf "$dir"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# A port that nobody listens on: asked of the kernel, then given back.
port=$(python3 -c 'import socket
s = socket.socket()
s.bind(("127.0.0.1", 0))
print(s.getsockname()[1])')

redis-server --bind 127.0.0.1 --port "$port" --save '' --appendonly no --dir "$dir" \
	--daemonize no >"$dir/redis.log" 2>&1 &
redis=$!
pids="$pids $redis"

cat >"$dir/server.py" <<'PY'
import selectors, socket, time

# 450 pairs: select() can watch 1,024 fds. Nine of them become ready at a time.
pairs = [socket.socketpair() for _ in range(450)]
selector = selectors.SelectSelector()
for ours, theirs in pairs:
    selector.register(ours, selectors.EVENT_READ)
end = time.time() + 40
while time.time() < end:
    for ours, theirs in pairs[::50]:
        theirs.send(b"x")
    for key, mask in selector.select():
        key.fileobj.recv(1)
PY
python3 "$dir/server.py" &
python=$!
pids="$pids $python"

n=0
until redis-cli -p "$port" ping >/dev/null 2>&1; do
	n=$((n + 1))
	[ $n -lt 50 ] || { echo "redis-server did not start:" >&2; cat "$dir/redis.log" >&2; exit 1; }
	sleep 0.1
done
redis-benchmark -h 127.0.0.1 -p "$port" -t get,set -c 50 -n 5000000 -q >/dev/null 2>&1 &
benchmark=$!
pids="$pids $benchmark"
sleep 1

echo "Tracing redis-server, redis-benchmark and a Python program for $seconds seconds ..."
echo
"$ioready" stat -q -d "$seconds" -p "$redis" -p "$benchmark" -p "$python"
