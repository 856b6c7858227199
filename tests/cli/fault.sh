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

# every other allocation of a status: it ends, and a failure has a word
t_status_without_memory() {
	command -v cc >/dev/null || skip "no C compiler"
	[ -z "${SK_SANITIZED:-}" ] || skip "the sanitizers allocate themselves"
	local n=0 code words
	cc -std=gnu11 -D_GNU_SOURCE -shared -fPIC -o nomem.so "$faults/nomem.c"
	repo r
	cd r
	git sk init >/dev/null 2>&1
	while n=$((n + 2)) && rm -f ../fired; do
		code=0
		SK_FAIL_ALLOC=$n SK_FAIL_PROGRAMS=git-sk SK_FAIL_FIRED=$W/fired LD_PRELOAD=$W/nomem.so \
			git-sk status >/dev/null 2>../err || code=$?
		[ -e ../fired ] || break
		words=$(cat ../err)
		case $code in
		0 | 1) ;;
		1[0-5]) [ -n "$words" ] || die "allocation $n: $code without a word" ;;
		*) die "allocation $n: $code, $words" ;;
		esac
		case $words in *"without saying why"*) die "allocation $n: $words" ;; esac
	done
	[ $n -gt 500 ] || die "only $n allocations"
}

# SK_LONG=1: the seldom ones too
for scenario in $(python3 "$faults/fault.py" --names $([ -n "${SK_LONG:-}" ] || echo --often)); do
	eval "t_$(echo "$scenario" | tr - _)() { sample $scenario; }"
done
run_tests
