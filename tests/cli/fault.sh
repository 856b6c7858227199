# What SafeKeep does when the system fails it: a sample of tests/fault, the same in each run.  All of it:
# tests/fault/run.
. "$(dirname "$0")/lib.sh"
faults=${SK_SOURCE:-$(cd "$(dirname "$0")/../.." && pwd -P)}/tests/fault

export SK_FAULT_TOOLS=$SCRATCH/fault-tools
tools() {
	command -v cc >/dev/null || skip "no C compiler"
	mkdir -p "$SK_FAULT_TOOLS"
	"$faults/run" - --build || skip "inject does not know this kind of machine"
	"$SK_FAULT_TOOLS/inject" -- true || skip "no tracing here"
}

# sample SCENARIO: of each way to fail the same few numbers each time, evenly spread
sample() {
	local points=3
	[ -z "${SK_SANITIZED:-}" ] || points=1
	tools
	# hundreds of repositories are made and synced: in memory where there is room
	[ ! -w /dev/shm ] || export TMPDIR=/dev/shm
	SK_SANITIZED=${SK_SANITIZED:-} "$faults/run" "$(dirname "$(command -v git-sk)")" \
		--points "${SK_FAULT_POINTS:-$points}" "$1"
}

# every fifth allocation of a status: it ends, and a failure has a word
t_status_without_memory() {
	[ -z "${SK_SANITIZED:-}" ] || skip "the sanitizers allocate themselves"
	local n=0 code words
	tools
	repo r
	cd r
	git sk init >/dev/null 2>&1
	while n=$((n + 5)) && rm -f ../fired; do
		code=0
		SK_FAIL_ALLOC=$n SK_FAIL_PROGRAMS=git-sk SK_FAIL_FIRED=$W/fired LD_PRELOAD=$SK_FAULT_TOOLS/nomem.so \
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
