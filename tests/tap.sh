# SPDX-License-Identifier: GPL-2.0-or-later
# tap.sh: to be sourced by tests in shell: one way to say ok. The test has a folder
# $dir; what stands in its files out and err is told of a test that failed.
# shellcheck shell=sh disable=SC2154,SC2034 # the test has $dir, and may ask for failed
n=0
failed=0

# ok WHAT COMMAND...: a test that passes if the command succeeds; and so does ok
ok()
{
	# shellcheck disable=SC3043 # every shell that Debian has as sh knows it
	local what="$1"

	n=$((n + 1))
	shift
	if "$@" >"$dir/why" 2>&1; then
		echo "ok $n - $what"
		return 0
	fi
	failed=1
	echo "not ok $n - $what"
	tail -n 30 "$dir/why" | sed 's/^/# /'
	head -n 20 "$dir/err" "$dir/out" 2>/dev/null | sed 's/^/# /'
	return 1
}

# skip WHAT WHY
skip()
{
	n=$((n + 1))
	echo "ok $n - $1 # SKIP $2"
}
