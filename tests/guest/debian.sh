# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# debian.sh, to be sourced: the cache, messages, and packages of any Debian suite,
# which are fetched with a source list and lists of their own and never installed,
# so that the machine's own package state is neither used nor changed.

# shellcheck disable=SC2034 # for those who source this
cache=${IOREADY_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/ioready}

say() { echo "${0##*/}: $*" >&2; }

# suite_of NAME: where the kernel of that name comes from.
suite_of() {
	case $1 in
	5.10) echo bullseye ;;
	6.1) echo bookworm ;;
	6.12) echo trixie ;;
	7.2) echo sid ;;
	*) return 1 ;;
	esac
}

# debian_mirror: the one that the machine itself uses for Debian (the suite without
# a dash is the main archive).
debian_mirror() {
	mirror=${IOREADY_MIRROR:-$(apt-get indextargets \
		--format "\$(REPO_URI) \$(ORIGIN) \$(SUITE)" 'Created-By: Packages' |
		awk '$2 == "Debian" && $3 !~ /-/ { print $1; exit }')}
	[ -n "$mirror" ] && echo "$mirror" && return
	say "no Debian mirror in the apt configuration (try apt-get update, or set IOREADY_MIRROR)"
	return 1
}

# debian_apt TOOL ARG...: apt-get or apt-cache on the state opened in $apt.
# The installed packages are hidden too: a newer installed kernel would
# otherwise win over the one asked for. Without a sandbox user, because that
# user could not write into a private directory. --error-on=any, because a
# failed update is otherwise only a warning.
debian_apt() {
	tool=$1
	shift
	"$tool" -q -o Dir::Etc::sourcelist="$apt/sources.list" \
		-o Dir::Etc::sourceparts=/dev/null \
		-o Dir::Etc::preferences=/dev/null \
		-o Dir::Etc::preferencesparts=/dev/null \
		-o Dir::State::Lists="$apt/lists" \
		-o Dir::State::status=/dev/null \
		-o Dir::Cache="$apt/cache" \
		-o APT::Sandbox::User= "$@"
}

# debian_open SUITE DIR: make DIR the state for SUITE.
debian_open() {
	suite=$1 apt=$2
	mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial" || return
	mirror=$(debian_mirror) || return
	echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main" \
		>"$apt/sources.list"
	if ! debian_apt apt-get update --error-on=any >"$apt/log" 2>&1; then
		say "$suite: package lists not fetched: $(grep -m 1 '^[EW]:' "$apt/log")"
		return 1
	fi
}

# debian_depends PACKAGE REGEX: its dependencies matching REGEX.
debian_depends() {
	debian_apt apt-cache depends "$1" 2>>"$apt/log" |
		awk -v re="$2" '$1 == "Depends:" && $2 ~ re { print $2 }'
}

# debian_unpack DIR PACKAGE...: unpack the packages into DIR.
debian_unpack() {
	into=$1
	shift
	mkdir -p "$apt/debs" "$into" || return
	if ! (cd "$apt/debs" && debian_apt apt-get download "$@") >"$apt/log" 2>&1; then
		say "$suite: $* not downloaded: $(grep -m 1 '^E:' "$apt/log")"
		return 1
	fi
	for deb in "$apt"/debs/*.deb; do
		if ! dpkg-deb -x "$deb" "$into"; then
			say "$suite: ${deb##*/} not unpacked"
			return 1
		fi
		rm "$deb"
	done
}
