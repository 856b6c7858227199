# git status with the service's answers is git status without, whatever happens: random steps.
#
#   SK_TEST_ROUNDS  how many comparisons by two statuses each (default: a few hundred in all)
#   SK_TEST_SEED    the only seed; default: two fixed ones and one from the time, which is printed
. "$(dirname "$0")/lib.sh"

HERE=$(cd "$(dirname "$0")" && pwd)
[ -n "${SK_SCRATCH:-}" ] || trap 'rm -rf "$SCRATCH"' EXIT
SK_SCRATCH=$SCRATCH # what is counted outlives run_tests
unset GIT_SK_NO_SERVICE

# same ROUNDS SEED...: as long as there is no difference
same() {
	local rc=0 rounds=${SK_TEST_ROUNDS:-$1} seed
	shift
	command -v python3 >/dev/null || skip "no python3"
	# a socket's path is short
	export XDG_RUNTIME_DIR=$W/run XDG_STATE_HOME=$W/state
	mkdir -m 700 "$XDG_RUNTIME_DIR"
	trap 'git sk -q service stop >/dev/null 2>&1 || :' EXIT
	for seed in ${SK_TEST_SEED:-"$@"}; do
		"$HERE/fsmonitor_random.py" "$W/$seed" "$rounds" "$seed" 2>"$W/err" || rc=$?
		grep '^seed .* rounds' "$W/err" >>"$SCRATCH/counted" || :
		[ $rc = 0 ] || { cat "$W/err" >&2; return $rc; }
		git sk service stop >/dev/null && rm -rf "${W:?}/$seed" "$XDG_STATE_HOME"
	done
}

t_status_is_the_same() { same 120 1 2 "$(date +%s)"; }
t_with_another_monitor() { SK_TEST_CHAIN=2 same 40 1 "$(date +%s)"; }
t_with_another_monitor_of_version_1() { SK_TEST_CHAIN=1 same 40 1; }

rc=0
run_tests || rc=1
sed 's/^/# /' "$SCRATCH/counted" 2>/dev/null || :
exit $rc
