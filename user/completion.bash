# SPDX-License-Identifier: GPL-2.0-or-later
# completion.bash - completion of ioready for bash. tests/test_docs.sh holds it
# against --help.

# _ioready_offer WORDS: those that begin with what is typed so far ($cur)
_ioready_offer()
{
	mapfile -t COMPREPLY < <(compgen -W "$1" -- "$cur")
}

# _ioready_ids PATH...: their last components, which are ids in /proc
_ioready_ids()
{
	local path ids=

	for path; do
		ids+=" ${path##*/}"
	done
	_ioready_offer "$ids"
}

_ioready_comms()
{
	mapfile -t COMPREPLY < <(cat /proc/[0-9]*/comm 2>/dev/null | sort -u |
		while IFS= read -r comm; do
			[[ $comm == "$cur"* ]] && printf '%q\n' "$comm"
		done)
}

_ioready_cgroups()
{
	local root=/sys/fs/cgroup/

	compopt -o nospace -o filenames 2>/dev/null
	if [[ $cur == /* ]]; then
		mapfile -t COMPREPLY < <(compgen -d -- "$cur")
	else
		mapfile -t COMPREPLY < <(compgen -d -- "$root$cur" | while IFS= read -r path; do
			printf '%s\n' "${path#"$root"}"
		done)
	fi
}

# _ioready_value OPTION: completes its value; false if it takes none
_ioready_value()
{
	case $1 in
	-p | --pid) _ioready_ids /proc/[0-9]* ;;
	-t | --tid) _ioready_ids /proc/[0-9]*/task/[0-9]* ;;
	-c | --cgroup) _ioready_cgroups ;;
	--comm) _ioready_comms ;;
	-o | --output)
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		;;
	--tier) _ioready_offer "auto fentry kprobe tracepoint" ;;
	--scans) _ioready_offer "sample exact derive" ;;
	--color) _ioready_offer "auto always never" ;;
	--on-loss) _ioready_offer "report fail" ;;
	--sort) _ioready_offer "waste wakeups empty lag calls awake" ;;
	-d | --duration | -i | --interval | --rows | --ring | --gap) COMPREPLY=() ;;
	--port | --peer | --connections) COMPREPLY=() ;;
	--netns) _ioready_ids /run/netns/* ;;
	-n | --lines | --count | --min-us | --events-ring) COMPREPLY=() ;;
	*) return 1 ;;
	esac
}

_ioready()
{
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} i

	COMPREPLY=()
	if ((COMP_CWORD == 1)); then
		_ioready_offer "stat trace top tcp selftest snapshot doctor help -h --help -V --version"
		return
	fi
	# After `--` comes a command, with completion of its own where that is known.
	for ((i = 2; i < COMP_CWORD; i++)); do
		if [[ ${COMP_WORDS[i]} == -- && ${COMP_WORDS[1]} == @(stat|trace|tcp) ]]; then
			if declare -F _command_offset >/dev/null; then
				_command_offset $((i + 1))
			elif ((COMP_CWORD == i + 1)); then
				mapfile -t COMPREPLY < <(compgen -c -- "$cur")
			else
				compopt -o filenames 2>/dev/null
				mapfile -t COMPREPLY < <(compgen -f -- "$cur")
			fi
			return
		fi
	done
	# --tier=fe is three words to bash: --tier, =, fe.
	if [[ $cur == = ]]; then
		cur=
	elif [[ $prev == = ]] && ((COMP_CWORD > 2)); then
		prev=${COMP_WORDS[COMP_CWORD - 2]}
	fi
	case ${COMP_WORDS[1]} in
	stat)
		_ioready_value "$prev" && return
		[[ $cur == -* || -z $cur ]] && _ioready_offer "-a --all --comm -c --cgroup
			-p --pid -t --tid -d --duration -i --interval --color --json
			-o --output -q --quiet --rows --threads -v --verbose --epoll-ctl --chain
			--chain-fds --herd --items --on-loss --ring --scans --tier -? --help --usage --"
		;;
	trace)
		_ioready_value "$prev" && return
		[[ $cur == -* || -z $cur ]] && _ioready_offer "-a --all --comm -c --cgroup
			-p --pid -t --tid -d --duration -i --interval --color --json
			-o --output -q --quiet --rows --threads -v --verbose --epoll-ctl --chain
			--on-loss --ring --scans --tier -n --lines --min-us --empty --failed --herd
			--events-ring -? --help --usage --"
		;;
	top)
		_ioready_value "$prev" && return
		_ioready_offer "-a --all --comm -c --cgroup -p --pid -t --tid -d --duration
			-i --interval -n --count -b --batch --color --json -o --output
			-q --quiet --rows --sort --threads -v --verbose --epoll-ctl --chain
			--no-chain --on-loss --ring --scans --tier -? --help --usage"
		;;
	tcp)
		_ioready_value "$prev" && return
		[[ $cur == -* || -z $cur ]] && _ioready_offer "-a --all --comm -c --cgroup
			-p --pid -t --tid --port --peer --netns -d --duration -i --interval
			--each --diagram --data --udp --waits --histograms --networks --sample
			--connections --color --json
			-o --output -q --quiet --rows -v --verbose --on-loss --ring --tier
			-? --help --usage --"
		;;
	selftest)
		[[ $prev == --tier ]] && _ioready_value "$prev" && return
		_ioready_offer "--load --tier --rounds -j --json -q --quiet -? --help --usage"
		;;
	snapshot)
		_ioready_value "$prev" && return
		_ioready_offer "-a --all -p --pid --gap --no-dup --color --json
			-o --output -q --quiet --rows -? --help --usage"
		;;
	doctor)
		_ioready_offer "-j --json -? --help --usage"
		;;
	esac
}

complete -F _ioready ioready
