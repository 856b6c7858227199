# git does the same with SafeKeep as without: all of tests/same/scripts, command by command.
#
#   SK_LONG=1   with the service running as well
. "$(dirname "$0")/lib.sh"
same=${SK_SOURCE:-$(cd "$(dirname "$0")/../.." && pwd -P)}/tests/same

# compare SCRIPT: without the service, and with it when there is time
compare() {
	command -v python3 >/dev/null || skip "no python3"
	export TMPDIR=/tmp PYTHONDONTWRITEBYTECODE=1
	# hundreds of repositories: in memory where there is room, and a socket's path is short
	[ ! -w /dev/shm ] || export TMPDIR=/dev/shm
	python3 "$same/same.py" "$1"
	[ -z "${SK_LONG:-}" ] || python3 "$same/same.py" --service "$1"
}

for script in $(python3 "$same/same.py" --list); do
	eval "t_$(echo "$script" | tr - _)() { compare $script; }"
done
run_tests
