# git status with the service's answers is git status without, whatever happens: random steps.
#
#   SK_TEST_ROUNDS  how many steps (default: a few hundred); SK_TEST_SEED: the first seed
. "$(dirname "$0")/lib.sh"

HERE=$(cd "$(dirname "$0")" && pwd)
unset GIT_SK_NO_SERVICE

t_status_is_the_same() {
	local rc=0 seed=${SK_TEST_SEED:-1}
	command -v python3 >/dev/null || skip "no python3"
	# a socket's path is short
	export XDG_RUNTIME_DIR=$W/run XDG_STATE_HOME=$W/state
	mkdir -m 700 "$XDG_RUNTIME_DIR"
	"$HERE/fsmonitor_random.py" "$W/t" "${SK_TEST_ROUNDS:-200}" "$seed" || rc=$?
	git sk service stop || rc=1
	return $rc
}

run_tests
