# Building for release, installing, and taking it off again.
. "$(dirname "$0")/lib.sh"

SRC=${SK_SOURCE:-$(cd "$(dirname "$0")/../.." && pwd)}
BUILD=$RELEASE

release() {
	release_build
	LIB=$(sed -n 's/^CMAKE_INSTALL_LIBDIR:PATH=//p' "$BUILD/CMakeCache.txt")
}

# what an installation below $1 must hold
complete() {
	local f
	for f in bin/git-sk bin/git-sk-hook; do
		[ -x "$1/$f" ] && [ ! -L "$1/$f" ] || die "no program $f"
	done
	eq "$(readlink "$1/bin/git-sk-revise")" git-sk
	eq "$(readlink "$1/bin/git-sk-fsmonitor")" git-sk-hook
	for f in share/man/man1/git-sk.1 share/man/man1/git-sk-revise.1 share/safekeep/safekeep.ini \
		share/bash-completion/completions/git-sk share/safekeep/uninstall.cmake; do
		[ -s "$1/$f" ] || die "no $f"
	done
	[ -d "$1/$LIB/safekeep/plugins" ] || die "no folder for plugins"
}

# the installed program at work: a file is lost and brought back
works() {
	local PATH=$1:$PATH
	repo r
	(
		cd r
		git sk --version | grep -q '[0-9]\.[0-9]'
		git sk init
		echo precious >new.txt
		id=$(git sk backup)
		rm new.txt
		git sk restore "$id" -- new.txt
		eq "$(cat new.txt)" precious
		echo precious too >>new.txt
		git sk-revise Good "it works" >/dev/null
		git sk revise --list | grep -q Good
		git add new.txt
		git commit -qm "with the hooks"
		git sk uninit
	)
}

t_prefix_with_a_space() {
	release
	cmake --install "$BUILD" --prefix "$W/pre fix"
	complete "$W/pre fix"
	works "$W/pre fix/bin"
	cmake -S "$SRC" -B spaces -DCMAKE_INSTALL_PREFIX="$W/pre fix"
	cmake --build spaces --target git-sk-hook
}

t_other_prefix_at_install_time() {
	release
	cmake --install "$BUILD" --prefix "$W/else where"
	complete "$W/else where"
	works "$W/else where/bin"
}

t_destdir() {
	release
	DESTDIR=$W/stage cmake --install "$BUILD" --prefix /usr/local
	complete "$W/stage/usr/local"
	! grep -rqF "$W/stage" "$W/stage" || die "the staging folder's name is in what was installed"
}

t_it_can_be_moved() {
	release
	cmake --install "$BUILD" --prefix "$W/a"
	mv "$W/a" "$W/b"
	works "$W/b/bin"
}

t_uninstall_target_leaves_nothing() {
	release
	cmake --install "$BUILD" --prefix "$W/gone"
	cmake --install "$BUILD" --prefix "$W/gone"
	cmake --build "$BUILD" --target uninstall
	[ ! -e "$W/gone" ] || die "left: $(find "$W/gone")"
	DESTDIR=$W/stage cmake --install "$BUILD"
	DESTDIR=$W/stage cmake --build "$BUILD" --target uninstall
	[ ! -e "$W/stage" ] || die "left: $(find "$W/stage")"
}

t_uninstall_without_the_build_folder_keeps_what_is_not_ours() {
	release
	mkdir -p p/bin p/share/man/man1 p/lib
	echo mine >p/bin/mine
	cmake --install "$BUILD" --prefix "$W/p"
	mv p moved
	echo plugin >"moved/$LIB/safekeep/plugins/other.so"
	cmake -P moved/share/safekeep/uninstall.cmake
	eq "$(cd moved && find . ! -type d -o -empty | LC_ALL=C sort | tr '\n' ' ')" \
		"./bin/mine ./$LIB/safekeep/plugins/other.so ./share/man/man1 "
}

t_a_release_is_hardened() {
	release
	command -v readelf >/dev/null || skip "no readelf"
	local f
	for f in git-sk git-sk-hook; do
		readelf -hW "$BUILD/$f" >h
		readelf -ldW "$BUILD/$f" >d
		readelf -sW "$BUILD/$f" >s
		grep -q 'Type:.*DYN' h || die "$f is no PIE"
		has d GNU_RELRO
		grep -qE 'FLAGS.*NOW' d || die "$f is not bound at the start"
		has s __stack_chk_fail
		grep -qE '__[a-z]+_chk' s || die "$f has no fortified call"
		hasnt s SK_TEST_NOW
	done
	! grep -qaF SK_TEST_NOW "$BUILD/git-sk" || die "the release listens to SK_TEST_NOW"
}

t_sanitizer_and_coverage_options() {
	[ -z "${SK_SANITIZED:-}" ] || skip "done without"
	cmake -S "$SRC" -B cov -DSK_COVERAGE=ON -DCMAKE_BUILD_TYPE=Debug -DSK_WERROR=ON
	cmake --build cov --target git-sk-hook -j 2
	cov/git-sk-hook || true
	find cov -name '*.gcda' | grep -q . || die "nothing was measured"
	cmake -S "$SRC" -B san -DSK_SANITIZE=ON -DSK_WERROR=ON
	cmake --build san --target git-sk-hook -j 2
	grep -qaF __asan_init san/git-sk-hook || die "no AddressSanitizer in it"
}

t_manual_pages() {
	command -v man >/dev/null || skip "no man"
	local share=${SK_BIN%/bin}/share page
	MANWIDTH=80 man --warnings -E UTF-8 -l "$share/man/man1/git-sk.1" >text
	for page in git-sk git-sk-revise; do
		MANPATH=$share/man MANWIDTH=80 man --warnings -E UTF-8 "$page" >text 2>warnings || die "man fails on $page"
		eq "$(cat warnings)" "" "warnings"
		has text "git sk"
		has text rollback
	done
}

t_help_opens_the_manual() {
	command -v man >/dev/null || skip "no man"
	MANPATH=${SK_BIN%/bin}/share/man git sk --help >text
	has text NAME
	has text rollback
}

t_default_configuration_is_accepted() {
	repo r
	cd r
	mkdir -p .git/sk
	git sk init
	cp "${SK_BIN%/bin}/share/safekeep/safekeep.ini" .git/sk/safekeep.ini
	git sk list >/dev/null 2>err
	eq "$(cat err)" "" "complaints"
}

t_completion() {
	local f=${SK_BIN%/bin}/share/bash-completion/completions/git-sk
	bash -n "$f"
	cat >try.sh <<-'END'
		. "$1"
		COMP_WORDS=("${@:2}") cur=${!#} cword=$(($# - 2)) words=("${@:2}") COMP_CWORD=$(($# - 2)) COMPREPLY=()
		_git_sk
		printf '%s\n' "${COMPREPLY[@]}"
	END
	bash try.sh "$f" git sk ro >out
	grep -qx 'rollback *' out || die "'git sk ro' completes to: $(cat out)"
	bash try.sh "$f" git sk rollback --dr >out
	grep -qx -e '--dry-run *' out || die "'git sk rollback --dr' completes to: $(cat out)"
}

t_an_ordinary_user_has_it_too() {
	[ "$(id -u)" = 0 ] || skip "not root"
	release
	chmod 755 "$SCRATCH" "$W"
	cmake --install "$BUILD" --prefix "$W/inst"
	mkdir u && chown 65534:65534 u
	cat >try.sh <<-'END'
		set -eu
		cd u
		export PATH=$1:$PATH HOME=$PWD GIT_CONFIG_GLOBAL=$PWD/config XDG_CONFIG_HOME=$PWD XDG_RUNTIME_DIR=$PWD XDG_CACHE_HOME=$PWD XDG_STATE_HOME=$PWD
		git init -q r && cd r && git sk init && echo a >a && git sk backup && rm a && git sk restore latest -- a && test -e a
	END
	setpriv --reuid 65534 --regid 65534 --clear-groups bash try.sh "$W/inst/bin"
}

run_tests
