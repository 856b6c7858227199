# git at work, and SafeKeep at work beside it: tests/same/beside.py.
#
#   SK_SECONDS  how long in all (default 30; by hand: 1800)
#   SK_SEED     what the actors do (default: fixed ones; SK_LONG=1: from the time)
. "$(dirname "$0")/lib.sh"
same=${SK_SOURCE:-$(cd "$(dirname "$0")/../.." && pwd -P)}/tests/same

# beside PARTS SEED OPTION...: for PARTS thirds of the time
beside() {
	command -v python3 >/dev/null || skip "no python3"
	local seconds=$((${SK_SECONDS:-30} * $1 / 3)) seed=${SK_SEED:-$2}
	[ -z "${SK_LONG:-}" ] || seed=${SK_SEED:-$(date +%s)}
	# a socket's path is short
	export TMPDIR=/tmp PYTHONDONTWRITEBYTECODE=1
	[ ! -w /dev/shm ] || TMPDIR=/dev/shm
	python3 "$same/beside.py" --seconds "$seconds" --seed "$seed" "${@:3}"
}

t_one_at_work() { beside 1 1; }
t_three_at_work() { beside 1 2 --actors 3; }
t_without_the_service() { beside 1 3 --no-service --actors 2; }

run_tests
