# What the service saves by what it saw change is what is there: random steps.
#
#   SK_TEST_ROUNDS  backups in a run (default 30)
#   SK_TEST_SEED    the only seed; default: a fixed one and one from the time, which is printed
. "$(dirname "$0")/lib.sh"

HERE=$(cd "$(dirname "$0")" && pwd)
unset GIT_SK_NO_SERVICE

t_saved_as_it_was() {
	local seed rc=0
	command -v python3 >/dev/null || skip "no python3"
	# a socket's path is short
	export XDG_RUNTIME_DIR=$W/run XDG_STATE_HOME=$W/state
	mkdir -m 700 "$XDG_RUNTIME_DIR"
	trap 'git sk -q service stop >/dev/null 2>&1 || :' EXIT
	for seed in ${SK_TEST_SEED:-1 "$(date +%s)"}; do
		"$HERE/service_random.py" "$W/$seed" "${SK_TEST_ROUNDS:-30}" "$seed" >"$W/out" 2>&1 || rc=$?
		[ $rc = 0 ] || { cat "$W/out" >&2; return $rc; }
		has "$W/out" 'saved as it was'
		git sk service stop >/dev/null && rm -rf "${W:?}/$seed"
	done
}

run_tests
