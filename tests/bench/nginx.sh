# SPDX-License-Identifier: GPL-2.0-or-later
# nginx.sh - sourced by bench.sh and budget.sh: a server that closes after each answer.

# nginx_conf DIR PORT: writes DIR/nginx/conf; what nginx itself writes goes there too.
nginx_conf() {
	mkdir -p "$1/nginx"
	cat >"$1/nginx/conf" <<-END
		worker_processes 1;
		pid $1/nginx/pid;
		error_log $1/nginx/errors;
		events { worker_connections 4096; }
		http {
			access_log off;
			keepalive_timeout 0;
			server { listen 127.0.0.1:$2 backlog=4096; location / { return 200 ok; } }
		}
	END
}
