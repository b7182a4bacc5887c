#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# test_refusal.sh: on a kernel below the minimum every command that would trace
# refuses in one clear sentence, with status 3.
ioready=${O:-build}/ioready
n=0

check() # name, test command...
{
	name=$1
	n=$((n + 1))
	shift
	if "$@"; then echo "ok $n - $name"; else echo "not ok $n - $name"; fi
}

echo 1..5
text=$("$ioready" stat -d 1 2>&1)
status=$?
check "stat ends with 3" [ $status = 3 ]
check "stat says why in one line" [ "$(echo "$text" | wc -l)" = 1 ]
check "and what to do" sh -c 'echo "$1" | grep -q "too old.*use 5.15 or later"' - "$text"
text=$("$ioready" doctor 2>&1)
status=$?
check "doctor ends with 3" [ $status = 3 ]
check "doctor says the same" sh -c 'echo "$1" | grep -q "too old.*use 5.15 or later"' - "$text"
