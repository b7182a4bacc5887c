#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# tcp.sh: whose delay is it? A slow server behind a network of 20 ms each way; see tcp.rst.
# As root, where the kernel has sch_netem; fentry or kprobes for each part of a handshake.
# Everything is in a network namespace of its own, bounded, and gone at the end.
# Environment: IOREADY (ioready); TIER (auto).
set -u
ioready=${IOREADY:-ioready}
for tool in ip tc python3 "$ioready"; do
	command -v "$tool" >/dev/null || { echo "tcp.sh: no $tool: install it first" >&2; exit 3; }
done
here=$(dirname "$0")
dir=$(mktemp -d) || exit
clients=ioready-clients-$$
ip netns add $clients || exit
server=
trap 'kill $server 2>/dev/null; ip netns del $clients; wait; rm -rf "$dir"' EXIT
ip link add ioready0 type veth peer name eth0 netns $clients
ip address add 10.97.0.1/24 dev ioready0
ip link set ioready0 up
ip -n $clients address add 10.97.0.2/24 dev eth0
ip -n $clients link set eth0 up
tc qdisc add dev ioready0 root netem delay 20ms || exit
ip netns exec $clients tc qdisc add dev eth0 root netem delay 20ms || exit

"$ioready" tcp -v --tier "${TIER:-auto}" --port 8080 --netns $$ --data --diagram \
	-o "$dir/report" 2>"$dir/tracer" &
tracer=$!
until grep -q 'attached in' "$dir/tracer"; do sleep 0.1; done
python3 "$here/slow.py" serve 10.97.0.1 8080 &
server=$!
sleep 1
ip netns exec $clients python3 "$here/slow.py" ask 10.97.0.1 8080
sleep 1
kill -INT $tracer
wait $tracer
cat "$dir/report"
