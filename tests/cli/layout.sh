# The house: what lies where, and which room may know which.
. "$(dirname "$0")/lib.sh"

SRC=${SK_SOURCE:-$(cd "$(dirname "$0")/../.." && pwd)}

# the files of the project, as git knows them, or as they lie there without git
files() {
	git -c safe.directory='*' -C "$SRC" ls-files 2>/dev/null |
		while IFS= read -r f; do [ ! -e "$SRC/$f" ] || echo "$f"; done | grep . ||
		(cd "$SRC" && find . \( -name .git -o -name '.build*' -o -path './build*' \) -prune -o -type f -printf '%P\n')
}

t_top_level() {
	eq "$(files | sed 's,/.*,,' | grep -v '^\.' | LC_ALL=C sort -u | tr '\n' ' ')" \
		"CMakeLists.txt LICENSE README.md config core hooks plugins tests " "top level"
}

t_readme_knows_all_commands_and_plugins() {
	local name p
	for name in $(git-sk -h | sed -n 's/^  \([a-z]*\) .*/\1/p') flag conf chat; do
		grep -qE "\`(git sk )?$name[\` ]" "$SRC/README.md" || die "README.md does not mention $name"
	done
	for p in "$SRC"/plugins/*/; do
		grep -qF "\`$(basename "$p")/\`" "$SRC/plugins/README.md" || die "plugins/README.md does not mention $p"
	done
}

t_license_is_mit() {
	has "$SRC/LICENSE" "MIT License"
	has "$SRC/LICENSE" "without restriction"
}

t_every_folder_introduces_itself() {
	local d
	for d in core config hooks plugins tests; do
		[ -s "$SRC/$d/README.md" ] || die "no $d/README.md"
	done
}

# each room uses those before it, never those after
t_rooms_depend_downwards() {
	local room below="include" bad
	for room in base repo store capture restore impact lint release service plugin agent health command; do
		below="$below|$room"
		bad=$(cd "$SRC/core" && grep -nE '^#include "[a-z]+/' -r "$room" | grep -vE "#include \"($below|hooks)/") || bad=
		eq "$bad" "" "upward #include"
	done
}

t_programs_of_hooks_need_only_libc() {
	local d
	command -v ldd >/dev/null || skip "no ldd"
	[ -z "${SK_SANITIZED:-}" ] || skip "the sanitizers add libraries"
	for d in "$SK_BIN/git-sk-hook" "$SK_BIN/git-sk-fsmonitor"; do
		eq "$(ldd "$d" | grep -vE 'linux-vdso|libc\.|ld-linux|ld64|ld-musl' || true)" "" "$d"
	done
}

t_scripts_can_be_run() {
	local f
	for f in tests/run tests/demo tests/deps tests/format .ci/run; do
		[ -x "$SRC/$f" ] || die "$f is not executable"
		case $(head -n 1 "$SRC/$f") in
		*bash) bash -n "$SRC/$f" ;;
		*) sh -n "$SRC/$f" ;;
		esac
	done
}

t_no_file_is_big() {
	local big
	big=$(files | while IFS= read -r f; do [ "$(stat -c %s "$SRC/$f")" -lt 1000000 ] || echo "$f"; done)
	eq "$big" "" "files of a megabyte and more"
}

t_public_header_stands_alone() {
	command -v cc >/dev/null || skip "no compiler"
	local h=$SRC/core/include/safekeep/plugin.h
	cc -std=c11 -Wall -Wextra -Wpedantic -Wconversion -Werror -fsyntax-only -x c "$h"
	! command -v c++ >/dev/null || c++ -std=c++11 -Wall -Wextra -Wpedantic -Werror -fsyntax-only -x c++ "$h"
}

run_tests
