# The Debian packages and the source tarball: what is in them, what they need, that they work.
#
#   SK_LONG=1   two whole builds in different folders, which must give the same bytes, and the tests
#               of the source tarball
. "$(dirname "$0")/lib.sh"

SRC=${SK_SOURCE:-$(cd "$(dirname "$0")/../.." && pwd)}
PKG=$SCRATCH/packages

# the packages, made once for all tests
packages() {
	local tool
	for tool in dpkg-deb dpkg-shlibdeps file cpack; do
		command -v $tool >/dev/null || skip "no $tool"
	done
	release_build
	[ ! -e "$PKG/done" ] || return 0
	(cd "$RELEASE" && cpack -B "$PKG" && cpack --config CPackSourceConfig.cmake -B "$PKG" && touch "$PKG/done")
}
deb() { echo "$PKG/$1"_*.deb; }
field() { dpkg-deb -f "$(deb "$1")" "$2"; }
version() { sed -n 's/^project(safekeep VERSION \([0-9.]*\) .*/\1/p' "$SRC/CMakeLists.txt"; }
# below $1: both packages, unpacked
unpack() {
	packages
	dpkg-deb -x "$(deb safekeep)" "$1"
	dpkg-deb -x "$(deb safekeep-dev)" "$1"
}
# the service of this test alone, whatever becomes of the test
own_service() {
	unset GIT_SK_NO_SERVICE
	export XDG_RUNTIME_DIR=$W/run XDG_STATE_HOME=$W/state HOME=$W
	mkdir -m 700 "$XDG_RUNTIME_DIR"
	trap '"$W/x/usr/bin/git-sk" -q service stop >/dev/null 2>&1 || git-sk -q service stop >/dev/null 2>&1 || true' EXIT
}

t_what_is_declared() {
	packages
	eq "$(field safekeep Version)" "$(version)-1"
	eq "$(field safekeep-dev Version)" "$(version)-1"
	eq "$(field safekeep Architecture)" "$(dpkg --print-architecture)"
	eq "$(field safekeep-dev Depends)" "safekeep (= $(version)-1)"
	local lib
	field safekeep Depends | tr , '\n' >depends
	for lib in git libc6 libinih1 libjansson4 libnettle8 libpcre2-8-0 libsqlite3-0 libyajl2 zlib1g; do
		grep -qE "^ *$lib( |$)" depends || die "$lib is not among: $(cat depends)"
	done
	# nothing runs when it is installed or removed
	dpkg-deb --ctrl-tarfile "$(deb safekeep)" | tar -t | LC_ALL=C sort | tr '\n' ' ' >control
	eq "$(cat control)" "./control ./md5sums "
	[ -z "$(field safekeep Conffiles)" ] || die "it has files in /etc"
}

t_what_is_in_it() {
	packages
	dpkg-deb -c "$(deb safekeep)" >list
	dpkg-deb -c "$(deb safekeep-dev)" >list-dev
	! grep -vE '^(-rw-r--r--|-rwxr-xr-x|drwxr-xr-x|lrwxrwxrwx) root/root ' list list-dev || die "other owners or modes"
	! grep -vE ' \./(usr/((bin|lib|share|include)/.*)?)?( -> .*)?$' list list-dev || die "outside of /usr"
	local f
	for f in bin/git-sk bin/git-sk-hook 'bin/git-sk-revise -> git-sk' 'bin/git-sk-fsmonitor -> git-sk-hook' \
		share/man/man1/git-sk.1.gz share/man/man1/git-sk-undo.1.gz share/man/man7/git-sk-plugin.7.gz \
		share/doc/safekeep/copyright share/doc/safekeep/changelog.Debian.gz share/doc/safekeep/README.Debian \
		share/safekeep/safekeep.ini share/bash-completion/completions/git-sk lib/systemd/user/safekeep.service; do
		grep -qE " \./usr/$f\$" list || die "no $f"
	done
	[ ! -e "$SRC/config/completions/git-sk.zsh" ] || has list ./usr/share/zsh/vendor-completions/_git-sk
	[ ! -e "$SRC/config/completions/git-sk.fish" ] || has list ./usr/share/fish/vendor_conf.d/git-sk.fish
	hasnt list installed.txt
	hasnt list uninstall.cmake
	hasnt list include/
	has list-dev ./usr/include/safekeep/plugin.h
	has list-dev pkgconfig/safekeep.pc
	has list-dev examples/example.c
}

t_no_trace_of_where_and_when_it_was_built() {
	unpack x
	! grep -rlF -e "$RELEASE" -e "$SRC" x || die "the build's folders are named"
	! find x -type f -newermt "@$(($(date -d "$(sed -n 's/^ -- .*>  //p;/^ -- /q' "$SRC/config/package/changelog")" +%s) + 1))" | grep -q . || die "times of the build"
	find x -name '*.gz' | while read -r f; do
		eq "$(od -An -tx1 -j4 -N4 "$f")" " 00 00 00 00" "the time in $f"
	done
	mkdir again
	(cd "$RELEASE" && TZ=Asia/Tokyo cpack -B "$W/again")
	cmp "$(deb safekeep)" again/safekeep_*.deb
	cmp "$(deb safekeep-dev)" again/safekeep-dev_*.deb
}

t_programs_are_stripped_and_hardened() {
	command -v readelf >/dev/null || skip "no readelf"
	unpack x
	local f
	for f in x/usr/bin/git-sk x/usr/bin/git-sk-hook x/usr/lib/*/safekeep/plugins/*.so; do
		readelf -SW "$f" >sections
		hasnt sections .debug_info
		hasnt sections .symtab
		readelf -ldW "$f" >segments
		has segments GNU_RELRO
		grep -qE 'FLAGS.*NOW' segments || die "$f is not bound at the start"
		! grep -q 'GNU_STACK.*RWE' segments || die "$f has an executable stack"
	done
	! grep -qaF SK_TEST_ x/usr/bin/git-sk || die "it listens to what is for tests"
}

t_it_works_from_where_it_lies() {
	unpack x
	PATH=$W/x/usr/bin:$PATH
	repo r
	cd r
	eq "$(git sk --version | grep -o '[0-9][0-9.]*')" "$(version)"
	git sk init -q
	echo precious >new.txt
	git sk -q backup >/dev/null
	rm new.txt
	git sk -q undo --yes >/dev/null 2>&1 || git sk -q restore latest -- new.txt
	eq "$(cat new.txt)" precious
	eq "$(git sk plugin list | grep -c loaded)" 3
	git sk lint >/dev/null
	printf 'key = "AKIA%s"\n' Q3EGRKUFW6NQ7YVX >leak.py
	git add leak.py
	code 1 git sk lint --staged
	git sk uninit -q
}

t_a_plugin_by_pkg_config() {
	command -v pkg-config >/dev/null || skip "no pkg-config"
	unpack x
	local doc=x/usr/share/doc/safekeep-dev/examples
	export PKG_CONFIG_PATH=$(echo "$W"/x/usr/lib/*/pkgconfig)
	eq "$(pkg-config --modversion safekeep)" "$(version)"
	cc -std=c99 -pedantic -Wall -Wextra -Werror -fPIC -shared $(pkg-config --cflags safekeep) \
		-o "$(pkg-config --variable=plugindir safekeep)/example.so" $doc/example.c
	PATH=$W/x/usr/bin:$PATH
	repo r
	cd r
	git sk init -q
	mkdir -p "$XDG_CONFIG_HOME/safekeep" && printf '[plugins]\nenable = example\n' >"$XDG_CONFIG_HOME/safekeep/safekeep.ini"
	git sk plugin list >list
	rm "$XDG_CONFIG_HOME/safekeep/safekeep.ini"
	grep -qE '^example .*loaded' list || { cat list; die "the example is not loaded"; }
}

t_installed_upgraded_removed() {
	[ "$(id -u)" = 0 ] || skip "not root"
	packages
	own_service
	mkdir -p x/var/lib/dpkg/info x/var/lib/dpkg/updates x/var/lib/dpkg/triggers
	: >x/var/lib/dpkg/status
	local as='dpkg --root=x --log=/dev/null --force-depends --force-script-chrootless' p new
	find x | LC_ALL=C sort >before
	DEBIAN_FRONTEND=noninteractive $as -i "$(deb safekeep)" >log 2>&1 || { cat log; die "not installed"; }
	PATH=$W/x/usr/bin:$PATH
	repo r
	(cd r && git sk init -q && git sk service status >/dev/null)
	p=$(cut -d' ' -f1 run/safekeep/lock)
	git sk service status --json >status
	has status '"outdated": false'

	# the next version: the same programs, in files of their own
	dpkg-deb -R "$(deb safekeep)" next
	sed -i 's/^\(Version: .*\)-1$/\1-2/' next/DEBIAN/control
	dpkg-deb -Znone --root-owner-group -b next next.deb >/dev/null
	$as -i next.deb >log 2>&1 || { cat log; die "not upgraded"; }
	(cd r && echo a >new.txt && git sk -q backup >/dev/null && git add new.txt && git commit -qm "in between")
	eq "$(cut -d' ' -f1 run/safekeep/lock)" "$p" "the service's process"
	git sk service status >status
	has status 'service ensure'
	(cd r && git sk status | grep -q 'upgraded since')
	git sk service ensure
	new=$(cut -d' ' -f1 run/safekeep/lock)
	[ "$new" != "$p" ] || die "it is still the old one"
	[ "$(readlink "/proc/$new/exe")" = "$W/x/usr/bin/git-sk" ] || die "it runs $(readlink "/proc/$new/exe")"
	git sk service status >status
	hasnt status 'service ensure'
	git sk service stop

	# taken away while a repository still has its hooks: git goes on, and nothing is left
	$as -r safekeep >log 2>&1 || { cat log; die "not removed"; }
	$as -P safekeep >>log 2>&1 || true
	find x -path x/var/lib/dpkg -prune -o -print | LC_ALL=C sort >after
	grep -v '^x/var/lib/dpkg' before | diff - after || die "left"
	hash -r
	cd r
	echo b >>new.txt
	git commit -qam "without it" 2>../err
	grep -v "cannot run .*git-sk-fsmonitor" ../err && die "more than that"
	git checkout -q -b other && git status >/dev/null 2>&1 && git merge -q main && git stash -q 2>/dev/null || die "git fails"
	git rebase -q main 2>/dev/null
	git config --unset core.fsmonitor
	eq "$(git status --short 2>&1)" ""
}

t_lintian() {
	command -v lintian >/dev/null || skip "no lintian"
	packages
	# every warning counts; what is on purpose has an override that says why
	lintian --allow-root --no-cfg --fail-on error,warning "$(deb safekeep)" "$(deb safekeep-dev)" >out 2>err ||
		{ cat out err; die "lintian complains"; }
}

t_the_unit_is_right() {
	command -v systemd-analyze >/dev/null || skip "no systemd"
	unpack x
	# it looks whether the program is there: the one of the package
	sed "s,/usr/bin/git-sk,$W/x/usr/bin/git-sk,g" x/usr/lib/systemd/user/safekeep.service >safekeep.service
	has safekeep.service "ExecStart=\"$W/x/usr/bin/git-sk\" service run"
	hasnt safekeep.service @
	systemd-analyze --man=no verify ./safekeep.service >said 2>&1 || true
	! grep -F safekeep.service said || die "systemd finds fault with it"
}

t_what_a_package_is_not_made_from() {
	packages
	cd "$RELEASE"
	! cpack -D CPACK_SK_NOT_FOR_USERS=" SK_TESTING" -B "$W" >"$W.out" 2>&1 || die "a build for tests was packaged"
	has "$W.out" SK_TESTING
	! cpack -D CPACK_SK_PREFIX=/opt -B "$W" >"$W.out" 2>&1 || die "a build for /opt was packaged"
	has "$W.out" -DCMAKE_INSTALL_PREFIX=/usr
}

t_source_tarball() {
	packages
	tar -xzf "$PKG"/safekeep-*.tar.gz
	cd safekeep-"$(version)"
	[ -x tests/run ] && [ -x config/package/build ] && [ -f LICENSE ] || die "not all is there"
	[ ! -e .git ] && [ ! -e .build ] || die "too much is there"
	! tar -tvzf "$PKG"/safekeep-*.tar.gz | grep -v ' 0/0 ' || die "owners"
	# without git it builds, as the same version, and makes the same tarball
	cmake -S . -B .build/x >/dev/null
	grep -q "^CMAKE_PROJECT_VERSION:STATIC=$(version)" .build/x/CMakeCache.txt || die "another version"
	(cd .build/x && GIT_CEILING_DIRECTORIES=$W cpack --config CPackSourceConfig.cmake -B "$W/again") >/dev/null
	cmp "$PKG"/safekeep-*.tar.gz "$W"/again/safekeep-*.tar.gz
}

t_long_two_builds_are_the_same() {
	[ -n "${SK_LONG:-}" ] || skip "SK_LONG=1 does it"
	packages
	mkdir elsewhere
	tar -xzf "$PKG"/safekeep-*.tar.gz -C elsewhere
	TZ=Asia/Tokyo elsewhere/safekeep-*/config/package/build "$W/out"
	cmp "$(deb safekeep)" out/safekeep_*.deb
	cmp "$(deb safekeep-dev)" out/safekeep-dev_*.deb
	cmp "$PKG"/safekeep-*.tar.gz out/safekeep-*.tar.gz
}

t_long_the_tarball_passes_its_tests() {
	[ -n "${SK_LONG:-}" ] || skip "SK_LONG=1 does it"
	packages
	tar -xzf "$PKG"/safekeep-*.tar.gz
	(cd safekeep-*/ && env -u SK_LONG -u SK_BIN -u SK_RELEASE tests/run --no-deps --quick)
}

run_tests
