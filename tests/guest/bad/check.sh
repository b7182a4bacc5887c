#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# check.sh KERNEL: sees, in TAP, that the kernel in that directory (debug-kernel.sh)
# reports each fault of bad.ko, and that run.sh would take that for a complaint.
set -u
cd "$(dirname "$0")/../../.." || exit
kernel=$1
O=$(realpath "${O:-build}")/bad

# In which boot (lockdep is silent after its first report, and after one of KASAN's),
# the fault, and what is to be said of it.
faults() {
	cat <<-'END'
		1 use_after_free KASAN: slab-use-after-free in use_after_free
		1 out_of_bounds KASAN: slab-out-of-bounds in out_of_bounds
		1 vmalloc_out_of_bounds KASAN: vmalloc-out-of-bounds in vmalloc_out_of_bounds
		1 double_free KASAN: double-free in double_free
		1 stack_out_of_bounds KASAN: stack-out-of-bounds in stack_out_of_bounds
		1 shift UBSAN: shift-out-of-bounds in .*/bad\.c
		1 array_index UBSAN: array-index-out-of-bounds in .*/bad\.c
		1 sleep_in_atomic BUG: sleeping function called from invalid context
		1 processor_id BUG: using smp_processor_id\(\) in preemptible
		1 list_twice list_add (corruption|double add)
		1 timer_freed ODEBUG: free active .* object type: hrtimer
		1 work_freed ODEBUG: free active .* object type: timer_list
		1 leak suspected memory leaks
		1 hang INFO: task insmod:[0-9]+ blocked for more than
		2 rcu_not_held WARNING: suspicious RCU usage
		2 lock_order WARNING: possible circular locking dependency
		3 lock_in_interrupt WARNING: inconsistent lock state
		4 lock_not_initialised INFO: trying to register non-static key
	END
}

rm -rf "$O"
mkdir -p "$O" && cp tests/guest/bad/Kbuild tests/guest/bad/bad.c "$O" || exit
faults >"$O/faults"
if ! make -C "$kernel"/lib/modules/*/build M="$O" modules >"$O/log" 2>&1; then
	cat "$O/log"
	echo "Bail out! bad.ko does not build"
	exit 1
fi
n=0 status=0
result() { # ok|not ok, what
	n=$((n + 1))
	echo "$1 $n - $2"
	[ "$1" = ok ] || status=1
}
for boot in 1 2 3 4; do
	tests/guest/run.sh -k "$kernel" -o "$O/$boot" -m 2G -t 300 -- sh -c "
		sysctl -qw kernel.hung_task_timeout_secs=10
		for fault in $(awk -v boot=$boot '$1 == boot { printf "%s ", $2 }' "$O/faults"); do
			insmod '$O/bad.ko' what=\$fault
		done" >"$O/log" 2>&1
	ended=$?
	if [ $ended -eq 123 ]; then
		result ok "boot $boot: complaints"
	else
		sed 's/^/# /' "$O/log"
		result "not ok" "boot $boot: ended with $ended, not for complaints"
	fi
done
while read -r boot fault report; do
	said=$(grep -Em 1 "$report" "$O/$boot/console.log" | grep -Ef tests/guest/complaints)
	if [ -n "$said" ]; then
		result ok "$fault: $said"
	else
		result "not ok" "$fault"
	fi
done <"$O/faults"
echo "1..$n"
exit $status
