#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# nginx.sh: who of nginx's four workers is woken for a connection, in three ways of
# listening; see nginx.rst. As root, on a kernel with fentry or kprobes. Everything is
# on loopback, bounded, and gone at the end. Environment: IOREADY (ioready).
set -u
ioready=${IOREADY:-ioready}
for tool in nginx python3 "$ioready"; do
	command -v "$tool" >/dev/null || { echo "nginx.sh: no $tool: install it first" >&2; exit 3; }
done
dir=$(mktemp -d) || exit
server=
trap '[ -z "$server" ] || kill "$server"; rm -rf "$dir"' EXIT

# serve LISTEN MUTEX: nginx with four workers, and no connection kept open.
serve()
{
	cat >"$dir/nginx.conf" <<-END
		daemon off;
		pid $dir/pid;
		error_log $dir/error;
		worker_processes 4;
		events { accept_mutex $2; }
		http {
			access_log off;
			keepalive_timeout 0;
			client_body_temp_path $dir;
			proxy_temp_path $dir;
			fastcgi_temp_path $dir;
			uwsgi_temp_path $dir;
			scgi_temp_path $dir;
			server { listen 127.0.0.1:18080 $1; return 200 "ok\n"; }
		}
	END
	nginx -p "$dir" -c "$dir/nginx.conf" 2>"$dir/said" &
	server=$!
}

# 400 connections, one after the other.
load()
{
	python3 - <<-'END'
		import http.client, time
		for attempt in range(200):
		    try:
		        http.client.HTTPConnection("127.0.0.1", 18080, timeout=5).connect()
		        break
		    except OSError:
		        time.sleep(0.05)
		for _ in range(400):
		    c = http.client.HTTPConnection("127.0.0.1", 18080, timeout=5)
		    c.request("GET", "/")
		    assert c.getresponse().read() == b"ok\n"
		    c.close()
	END
}

for way in "listen:off" "listen:on" "reuseport:off"; do
	listen=
	[ "${way%:*}" = listen ] || listen=reuseport
	echo "== listen ${listen:-as it is}, accept_mutex ${way#*:}"
	serve "$listen" "${way#*:}"
	"$ioready" stat --herd --chain --comm nginx --rows 6 -o "$dir/report" -v 2>"$dir/tracer" &
	tracer=$!
	until grep -q 'attached in' "$dir/tracer"; do sleep 0.1; done
	load
	kill -INT $tracer
	wait $tracer
	cat "$dir/report"
	kill "$server"
	wait "$server" 2>/dev/null
	server=
done
