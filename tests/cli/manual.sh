# The manual: pages that open, agree with the program, and whose examples do what they show.
. "$(dirname "$0")/lib.sh"

MAN=$(cd "$(dirname "$0")/../../config/man" && pwd)
PY="python3 $(cd "$(dirname "$0")" && pwd)/manual.py"

# what the pages' examples stand in: see config/man/README.md
project() {
	git init -q project && cd project
	mkdir src tests build
	printf '# Project\n\nA program that says hello.\n' >README.md
	printf '#include <stdio.h>\n#include "util.h"\n\nint main(void)\n{\n\tputs(GREETING);\n\treturn 0;\n}\n' >src/main.c
	printf '#define GREETING "hello"\n' >src/util.h
	printf '#include "../src/util.h"\n\nint main(void)\n{\n\treturn sizeof GREETING != 6;\n}\n' >tests/test_util.c
	echo 'build/' >.gitignore
	echo object >build/main.o
	git add -A && git commit -qm "first" && echo >>README.md && git commit -qam "second"
	git sk init --no-service >/dev/null 2>&1
}

# Each page is a test; the sanitizers have these commands in tests of their own.
examples() {
	[ -z "${SK_SANITIZED:-}" ] || skip "the examples run without sanitizers"
	case $1 in
	*-chat.1 | *-conf.1 | *-flag.1) git-sk --complete-list | grep -qx flag || skip "no plugins here" ;;
	esac
	project
	$PY examples "$1"
}
for page in "$MAN"/*.[157]; do
	name=${page##*/}
	eval "t_examples_of_${name//[-.]/_}() { examples '$page'; }"
done

t_pages_have_no_warnings() {
	local page
	command -v mandoc >/dev/null || skip "no mandoc"
	for page in "$MAN"/*.[157]; do
		case $(head -n 1 "$page") in
		".so "*) continue ;; # another name of a page
		esac
		mandoc -T lint -W warning "$page" || die "mandoc has something to say of $page"
	done
}

t_plain_text_says_what_mandoc_says() {
	local page c
	command -v mandoc >/dev/null || skip "no mandoc"
	mkdir bin && ln -s "$(command -v git)" "$(command -v git-sk)" bin
	for page in "$MAN"/*.1; do
		c=${page##*/git-sk} c=${c%.1} c=${c#-}
		[ -z "$c" ] || git-sk --complete-list | grep -qx -- "$c" || continue
		PATH=$W/bin git-sk $c --help >plain 2>err || die "no page of '$c': $(cat err)"
		mandoc -T utf8 -O width=78 "$page" >mandoc
		$PY text "$page" plain mandoc
	done
}

t_help_opens_the_page_by_man() {
	local c
	command -v man >/dev/null || skip "no man"
	[ -d "${SK_BIN%/bin}/share/man" ] || skip "not installed"
	unset MANPATH
	for c in "" backup plugin revise; do
		MANWIDTH=80 "$SK_BIN/git-sk" $c --help >text 2>err
		has text "git-sk${c:+-$c}"
		eq "$(cat err)" ""
	done
	has text EXAMPLES
	# a MANPATH that was set still holds, after ours
	mkdir -p other/man1
	printf '.Dd January 1, 2026\n.Dt GIT-SK-BACKUP 1\n.Os\n.Sh NAME\n.Nm other\n.Nd other\n' >other/man1/git-sk-backup.1
	MANPATH=$W/other "$SK_BIN/git-sk" backup --help >text
	has text "save the present state"
}

t_git_help_finds_the_pages() {
	command -v man >/dev/null || skip "no man"
	[ -d "${SK_BIN%/bin}/share/man" ] || skip "not installed"
	# man looks beside each folder of PATH
	unset MANPATH
	git help sk >text 2>&1 || skip "this git has no help: $(cat text)"
	has text "a safety net"
	git sk --help >text
	has text "a safety net"
	git help git-sk-backup >text
	has text "save the present state"
	git sk backup --help >text
	has text "save the present state"
	git sk-revise --help >text
	has text "under a name"
	man git-sk-tutorial >text && has text TUTORIAL
	man safekeep.ini >text && has text "keep_last"
}

t_pages_of_plugins_agree_with_their_tables() {
	local c
	git-sk --complete-list | grep -qx flag || skip "no plugins here"
	for c in chat conf flag; do
		git-sk "$c" -h >help
		$PY table "$MAN/git-sk-$c.1" help
	done
	# and the same way for one of our own, which test_command compares by the table itself
	git-sk vault -h >help
	$PY table "$MAN/git-sk-vault.1" help
}

t_each_command_has_a_page_and_each_page_a_command() {
	local c page
	git-sk --complete-list >list
	for page in "$MAN"/git-sk-*.1; do
		c=${page##*/git-sk-} c=${c%.1}
		case $c in
		chat | conf | flag | hook | fsmonitor) continue ;; # of plugins, and of other programs
		esac
		grep -qx "$c" list || die "$page is of no command"
	done
	for c in $(cat list); do
		[ -e "$MAN/git-sk-$c.1" ] || die "$c has no page"
		grep -qx ".Xr git-sk-$c 1\|.It Cm $c" "$MAN/git-sk.1" || die "$c is not in git-sk.1"
	done
}

t_references_lead_somewhere() {
	grep -ho '^\.Xr \(git-sk\|safekeep\)[^ ]* [157]' "$MAN"/*.[157] | sort -u |
		while read -r _ name section; do
			[ -e "$MAN/$name.$section" ] || die "there is no $name($section)"
		done
}

t_settings_and_their_page_agree() {
	$PY keys "$MAN/safekeep.ini.5" "$MAN/../safekeep.ini"
}

run_tests
