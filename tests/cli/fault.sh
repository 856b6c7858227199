# What SafeKeep does when the system fails it: a sample of tests/fault, the same in each run.  All of it:
# tests/fault/run.
. "$(dirname "$0")/lib.sh"
faults=${SK_SOURCE:-$(cd "$(dirname "$0")/../.." && pwd -P)}/tests/fault

# sample SCENARIO: about one number of K in each mode
sample() {
	command -v cc >/dev/null || skip "no C compiler"
	cc -std=gnu11 -D_GNU_SOURCE -o inject "$faults/inject.c" || skip "inject does not know this kind of machine"
	./inject -- true || skip "no tracing here"
	local every=500
	[ -z "${SK_SANITIZED:-}" ] || every=1500
	# thousands of repositories are made and synced: in memory where there is room
	[ ! -w /dev/shm ] || export TMPDIR=/dev/shm
	SK_SANITIZED=${SK_SANITIZED:-} "$faults/run" "$(dirname "$(command -v git-sk)")" \
		--sample "${SK_FAULT_SAMPLE:-$every}" "$1"
}

for scenario in $(python3 "$faults/fault.py" --names); do
	eval "t_$(echo "$scenario" | tr - _)() { sample $scenario; }"
done
run_tests
