#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# test_docs.sh: the documents against the program: options and commands in help,
# man pages and completion; JSON keys; paths; and the one-way order of includes.
#
# Environment: IOREADY, the tool (default: build/ioready).
set -u

LC_ALL=C
export LC_ALL
cd "$(dirname "$0")/.." || exit 1
ioready=${IOREADY:-${O:-build}/ioready}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
n=0
failed=0
: >"$dir/tap"

# result NAME STATUS: a line of TAP; what is in $dir/why says why it failed
result()
{
	n=$((n + 1))
	if [ "$2" = 0 ]; then
		echo "ok $n - $1" >>"$dir/tap"
	else
		failed=1
		echo "not ok $n - $1" >>"$dir/tap"
		sed 's/^/# /' "$dir/why" >>"$dir/tap"
	fi
	: >"$dir/why"
}

skip() # NAME REASON
{
	n=$((n + 1))
	echo "ok $n - $1 # SKIP $2" >>"$dir/tap"
}

# same NAME FILE FILE: two lists without order are the same, and not empty
same()
{
	sort -u "$2" >"$dir/left"
	sort -u "$3" >"$dir/right"
	{
		comm -23 "$dir/left" "$dir/right" | sed "s|^|only in $(basename "$2"): |"
		comm -13 "$dir/left" "$dir/right" | sed "s|^|only in $(basename "$3"): |"
		[ -s "$2" ] || echo "$(basename "$2") is empty"
	} >"$dir/why"
	[ ! -s "$dir/why" ]
	result "$1" $?
}

# --- what each side says ------------------------------------------------------

help_options() # [COMMAND]
{
	"$ioready" "$@" --help | sed -n 's/^ \{1,6\}\(-.*\)/\1/p' |
		sed -e 's/  .*//' -e 's/\[\{0,1\}=[A-Z]*]\{0,1\}//g' | tr -d , | tr ' ' '\n'
}

man_options() # PAGE: the terms that begin with a bold option
{
	sed -n '/^\*\*-/p' "$1" | grep -o '\*\*-[^*]*\*\*' | tr -d '*' | sed 's/=$//'
}

# completes WORD...: what bash offers for the last of the words
completes()
{
	# shellcheck disable=SC2016 # it is bash that expands this
	bash -c '. user/completion.bash
		COMP_WORDS=(ioready "$@") COMP_CWORD=$#
		_ioready 2>/dev/null
		printf "%s\n" "${COMPREPLY[@]}"' - "$@"
}

# keys: every key of the JSON objects on stdin, by its path; without "waits." and
# "processes.", and but for those that are names of the kernel's
keys()
{
	python3 -c '
import json, sys
def walk(value, path):
    if isinstance(value, list):
        for v in value:
            walk(v, path)
    elif isinstance(value, dict):
        for k, v in value.items():
            print(path + k)
            # Parts of a chain or a connection have the same keys each, which are told once.
            part = (k.endswith("_ns") and path in ("chains.", "connections.", "minisocks.", "reach.")
                    or k in ("arrived_to_read_ns", "behind_missing_ns", "own_zero_window_ns",
                             "peer_zero_window_ns"))
            if k in ("states", "states_ns", "reset_reasons"):
                walk(list(v.values()), "states.")
            elif k in ("read_reach", "accept_reach"):
                walk(v, "reach.")
            elif k == "stat":
                pass    # another page has it
            else:
                walk(v, "" if k in ("waits", "processes") or part else path + k + ".")
for line in sys.stdin:
    walk(json.loads(line), "")'
}

# keys_named FILE FILE: keys of the first that the second does not name in ``
keys_named()
{
	sort -u "$1" | while read -r key; do
		grep -q -F -e "\`\`$key\`\`" "$2" || echo "$2 does not name $key"
	done >"$dir/why"
	[ -s "$1" ] || echo "no keys" >>"$dir/why"
	[ ! -s "$dir/why" ]
	result "$3" $?
}

# --- commands and options -----------------------------------------------------

commands=$("$ioready" --help | sed -n 's/^  \([a-z][a-z]*\)  .*/\1/p')
if [ -z "$commands" ]; then
	echo "1..1"
	echo "not ok 1 - $ioready --help lists commands"
	exit 1
fi

printf '%s\n' "$commands" >"$dir/help"
sed -n '/^COMMANDS/,/^OPTIONS/s/^\*\*\([a-z]*\)\*\*$/\1/p' Documentation/ioready.1.rst >"$dir/man"
same "commands: help and ioready(1)" "$dir/help" "$dir/man"
# shellcheck disable=SC2012 # names of our own, and no others
ls Documentation/ioready-*.1.rst | sed 's/.*ioready-\(.*\)\.1\.rst/\1/' >"$dir/pages"
same "commands: help and man pages" "$dir/help" "$dir/pages"
completes "" | grep -v -e ^- -e '^help$' >"$dir/completion"
same "commands: help and completion" "$dir/help" "$dir/completion"
man_options Documentation/ioready.1.rst >"$dir/man"
completes "" | grep -e ^- >"$dir/completion"
same "ioready: options in man page and completion" "$dir/man" "$dir/completion"
while read -r option; do
	"$ioready" "$option" >/dev/null 2>"$dir/why" || echo "$option is not known" >>"$dir/why"
done <"$dir/man"
[ ! -s "$dir/why" ]
result "ioready: knows the options of its man page" $?

for command in $commands; do
	help_options "$command" >"$dir/help"
	man_options "Documentation/ioready-$command.1.rst" >"$dir/man"
	same "$command: options in help and man page" "$dir/help" "$dir/man"
	# The bare -- stands before the command to trace.
	completes "$command" - | grep -v -x -e -- >"$dir/completion"
	same "$command: options in help and completion" "$dir/help" "$dir/completion"
done

for option in --tier --scans --color --on-loss; do
	completes stat "$option" "" >"$dir/values"
	[ -s "$dir/values" ] || echo "no value for $option" >"$dir/why"
	while read -r value; do
		"$ioready" stat "$option=$value" --help >/dev/null 2>&1 ||
			echo "$option does not know $value" >>"$dir/why"
		sed -n "/^\*\*$option=/,/^\*\*-/p" Documentation/ioready-stat.1.rst |
			grep -q -F -e "**$value**" || echo "not in the man page: $option=$value" >>"$dir/why"
	done <"$dir/values"
	[ ! -s "$dir/why" ]
	result "stat: values of $option" $?
	completes stat "$option" = "" >"$dir/joined"
	same "stat: the same after $option=" "$dir/values" "$dir/joined"
done
completes stat -p "$$" >"$dir/completion"
echo "$$" >"$dir/self"
grep -q -x -e "$$" "$dir/completion" || echo "$$ is not offered" >"$dir/why"
[ ! -s "$dir/why" ]
result "completion: -p offers processes" $?
completes stat -o COPYI >"$dir/completion"
echo COPYING >"$dir/file"
same "completion: -o offers files" "$dir/file" "$dir/completion"

# --- documents ------------------------------------------------------------------

if command -v rst2man >/dev/null; then
	for page in Documentation/*.rst; do
		rst2man --report=1 "$page" >/dev/null 2>"$dir/why" || echo "failed" >>"$dir/why"
		[ ! -s "$dir/why" ]
		result "$page: no warnings" $?
	done
else
	skip "documents: no warnings" "there is no rst2man"
fi

for page in Documentation/*.rst README.md NEWS; do
	[ -e "$page" ] || continue
	# A path of this tree: not a part of a longer one, such as a kernel's.
	grep -o -E '(^|[^A-Za-z0-9_./-])(bpf|user|tests|module|Documentation)/[A-Za-z0-9_./*-]*' \
		"$page" | sed -e 's/^[^A-Za-z]//' -e 's/[.-]*$//' | sort -u >"$dir/paths"
	while read -r path; do
		# shellcheck disable=SC2086 # a path may be a pattern
		ls -d $path >/dev/null 2>&1 || echo "there is no $path"
	done <"$dir/paths" >"$dir/why"
	[ ! -s "$dir/why" ]
	result "$page: paths exist" $?
done

# --- JSON -------------------------------------------------------------------------

if ! command -v python3 >/dev/null; then
	skip "JSON keys" "there is no python3"
else
	"$ioready" doctor --json >"$dir/doctor"
	status=$?
	keys <"$dir/doctor" >"$dir/keys"
	keys_named "$dir/keys" Documentation/ioready-doctor.1.rst "doctor: JSON keys in the man page"
	if [ "$status" = 3 ]; then
		skip "stat: JSON keys" "$("$ioready" doctor | tail -n 1)"
	elif [ "$(id -u)" != 0 ]; then
		skip "stat: JSON keys" "needs root"
	else
		# A row of each mechanism, and epoll_ctl with keys of its own.
		"$ioready" stat --json --threads --epoll-ctl --chain -q -- python3 -c '
import select, time
r = select.epoll()
p = select.poll()
p.register(r.fileno(), select.POLLIN)
e = select.epoll()
e.register(r.fileno(), select.EPOLLIN)
end = time.time() + 0.3
while time.time() < end:
    p.poll(10)
    e.poll(0.01)
    select.select([r], [], [], 0.01)' >"$dir/stat" 2>"$dir/why"
		[ ! -s "$dir/why" ] && [ -s "$dir/stat" ]
		result "stat --json" $?
		keys <"$dir/stat" >"$dir/keys"
		grep -q -x -e returned.done "$dir/keys" || echo "no row of epoll_ctl" >"$dir/why"
		[ ! -s "$dir/why" ]
		result "stat --json has the rows it should have" $?
		keys_named "$dir/keys" Documentation/measures.rst "stat: JSON keys in measures.rst"
		keys_named "$dir/keys" Documentation/ioready-stat.1.rst "stat: JSON keys in the man page"
		# A connection of each side, one that is refused, and a datagram.
		"$ioready" tcp --json --each --udp --waits --histograms -q -- python3 -c '
import socket
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
u.bind(("127.0.0.1", 0))
u.sendto(b"x", u.getsockname())
u.recv(1)
s = socket.socket()
s.bind(("127.0.0.1", 0))
try:
    socket.create_connection(s.getsockname())
except ConnectionRefusedError:
    pass
s.listen()
c = socket.create_connection(s.getsockname())
a, _ = s.accept()
c.send(b"x")
a.recv(1)
c.close()
a.close()' >"$dir/tcp" 2>"$dir/why"
		[ ! -s "$dir/why" ] && [ -s "$dir/tcp" ]
		result "tcp --json" $?
		keys <"$dir/tcp" >"$dir/keys"
		for key in syn_to_synack_ns reach.taken_ns buckets stat syn_retransmits_ns connections.accepted \
			connections.failed.refused states.now counters.listen_drops \
			datagrams.checksum_errors.coming; do
			grep -q -x -e "$key" "$dir/keys" || echo "no $key"
		done >"$dir/why"
		[ ! -s "$dir/why" ]
		result "tcp --json has the rows it should have" $?
		keys_named "$dir/keys" Documentation/ioready-tcp.1.rst "tcp: JSON keys in the man page"
	fi
	# A row of an epoll with a socket that is ready, one of poll, one of select.
	python3 -c '
import select, socket, threading
a, b = socket.socketpair()
b.send(b"x")
e = select.epoll()
e.register(a, select.EPOLLIN)
p = select.poll()
p.register(b, select.POLLPRI)
threading.Thread(target=p.poll, args=(20000,), daemon=True).start()
print(flush=True)
select.select([b], [], [], 20)' >"$dir/started" &
	pid=$!
	until [ -s "$dir/started" ]; do sleep 0.1; done
	"$ioready" snapshot --json -p "$pid" >"$dir/snapshot" 2>"$dir/why"
	[ ! -s "$dir/why" ] && [ -s "$dir/snapshot" ]
	result "snapshot --json" $?
	kill "$pid"
	keys <"$dir/snapshot" >"$dir/keys"
	grep -q -x -e watches.file.socket.path "$dir/keys" || echo "no socket" >"$dir/why"
	[ ! -s "$dir/why" ]
	result "snapshot --json has the rows it should have" $?
	keys_named "$dir/keys" Documentation/ioready-snapshot.1.rst "snapshot: JSON keys in the man page"
fi

# And the other way round: a key of the man page is a word of the printers.
for command in $commands; do
	case $command in
	stat)
		sources="user/report_json.c user/report.c user/report_file.c user/report_herd.c
			user/report_item.c user/model_chain.c"
		;;
	trace)
		sources="user/report_event.c user/report_file.c user/cmd_trace.c
			user/model_chain.c"
		;;
	selftest) sources="user/report_selftest.c user/selftest_compare.c" ;;
	snapshot) sources=user/report_snapshot_json.c ;;
	tcp)
		sources="user/report_tcp_json.c user/report_tcp_text.c user/model_tcp.c
			user/netstat.h"
		;;
	top) continue ;; # it has none
	*) sources=user/cmd_$command.c ;;
	esac
	# shellcheck disable=SC2016 # the quotes of reStructuredText are no expansion
	sed -n '/^JSON$/,/^EXIT STATUS$/p' "Documentation/ioready-$command.1.rst" |
		sed -n '/^``/p' | tr ' ' '\n' | sed -n 's/^``\([a-z0-9_.]*\)``.*/\1/p' >"$dir/man"
	while read -r key; do
		# shellcheck disable=SC2086 # two files
		grep -q -F -e "\"${key##*.}\"" -e "X(${key##*.}, " $sources || echo "nobody prints $key"
	done <"$dir/man" >"$dir/why"
	[ -s "$dir/man" ] || echo "no keys" >>"$dir/why"
	[ ! -s "$dir/why" ]
	result "$command: JSON keys of the man page are printed" $?
done

# --- the order of includes ----------------------------------------------------------

includes() # FILE...: the headers of ours that they include
{
	sed -n 's/^#[ 	]*include[ 	]*"\([^"]*\)".*/\1/p' "$@" | sort -u
}

# never NAME FILES HEADERS: none of the files includes any of the headers
never()
{
	for file in $2; do
		[ -e "$file" ] || { echo "there is no $file"; continue; }
		for header in $(includes "$file"); do
			case " $3 " in
			*" $header "*) echo "$file includes $header" ;;
			esac
		done
	done >"$dir/why"
	[ ! -s "$dir/why" ]
	result "includes: $1" $?
}

for file in bpf/*; do
	for header in $(includes "$file"); do
		case $header in
		*/*) echo "$file includes $header" ;;
		*) [ -e "bpf/$header" ] || echo "$file includes $header" ;;
		esac
	done
done >"$dir/why"
[ ! -s "$dir/why" ]
result "includes: bpf/ has nothing but its own" $?

commands_h="cmd.h options.h command.h run.h window.h"
printers_h="report.h report_top.h report_snapshot.h report_event.h report_file.h report_herd.h
	report_item.h report_tcp.h"
model_h="model_wait.h model_top.h model_snapshot.h model_tcp.h model_udp.h"
# What finds out, and what is found; look.h, which is between them, is data.
sources_h="process.h files.h borrow.h"
kernel_h="collector.h tcp.h table.h netstat.h filter.h kernel.h cgroup.h interest.h privilege.h
	libbpf_said.h wait.skel.h tcp.skel.h $sources_h"
never "the model knows neither kernel nor printers" "$(echo user/model_*.[ch])" \
	"$kernel_h $printers_h $commands_h"
never "printers know no commands, and attach nothing" "$(echo user/report*.[ch])" \
	"$commands_h table.h filter.h cgroup.h interest.h privilege.h libbpf_said.h wait.skel.h
	tcp.skel.h $sources_h"
never "collectors know neither model nor printers" \
	"$(echo user/collector.[ch] user/hooks.[ch] user/tcp.[ch] user/table.[ch] user/netstat.[ch] user/filter.[ch] \
		user/libbpf_said.[ch] user/kernel.[ch] user/cgroup.[ch] user/interest.[ch] user/privilege.[ch] user/command.[ch])" \
	"cmd.h options.h run.h window.h $model_h $printers_h"
never "neither do the sources of a snapshot" \
	"$(echo user/process.[ch] user/files.[ch] user/borrow.[ch] user/look.[ch])" \
	"$commands_h collector.h kernel.h privilege.h $model_h $printers_h"
never "the screen draws, and knows not what" "$(echo user/screen_top.[ch])" \
	"$commands_h $printers_h $model_h $kernel_h"
never "numbers, names, errors and histograms know nothing above them" \
	"$(echo user/parse.[ch] user/text.[ch] user/err.[ch] user/histogram.[ch])" \
	"$commands_h $printers_h $model_h $kernel_h"
for file in user/*.[ch]; do
	case $file in
	user/collector.c | user/hooks.c | user/files.c | user/tcp.c) continue ;;
	esac
	! includes "$file" | grep -q 'skel\.h$' || echo "$file includes a skeleton"
done >"$dir/why"
[ ! -s "$dir/why" ]
result "includes: skeletons in the collector, its hooks, files.c and tcp.c alone" $?

echo "1..$n"
cat "$dir/tap"
exit "$failed"
