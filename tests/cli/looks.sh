# How things look on a terminal: lists, the timeline, colours, the pager, progress; and that none of it
# is there elsewhere.
. "$(dirname "$0")/lib.sh"

HERE=$(cd "$(dirname "$0")" && pwd)
# on COLUMNS CMD...: CMD on a terminal of that width, without a pager
on() { COLUMNS=$1 TERM=xterm GIT_PAGER=cat code 0 python3 "$HERE/terminal.py" -- "${@:2}"; }
# in_colour CMD...: the same, with colours
in_colour() { COLUMNS=100 TERM=xterm GIT_PAGER=cat code 0 env -u NO_COLOR python3 "$HERE/terminal.py" -- "$@"; }
ESC=$(printf '\033')
colours() { grep -q "$ESC\[" "$W.out" || die "no colours"; }
plain() { ! grep -q "$ESC" "$W.out" || die "colours"; }
# at TIME CMD...: CMD at that time, of 2026-11-23 (a Monday) when it has no date
at() {
	local t=$1
	case $t in *-*) ;; *) t="2026-11-23 $t" ;; esac
	t=$(date -u -d "$t" +%s)
	env SK_TEST_NOW="$t" GIT_AUTHOR_DATE="@$t +0000" GIT_COMMITTER_DATE="@$t +0000" "${@:2}"
}
# widest FILE: columns of its widest line
widest() { python3 -c '
import sys, unicodedata
print(max(sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in l.rstrip("\n"))
          for l in open(sys.argv[1], encoding="utf-8")))' "$1"; }
# made: a day of work
made() {
	git init -q r && cd r
	echo one >a.txt && git add . && at "2026-11-21 09:00" git commit -qm "first"
	at "2026-11-21 10:00" git sk init -q --no-guard --no-hooks >/dev/null
	git checkout -qb side && echo two >b.txt && git add . && at "2026-11-22 11:00" git commit -qm "on the side"
	at "2026-11-22 12:00" git sk backup -q -m "seen on the side" >/dev/null
	at "2026-11-22 13:00" git commit -q --amend -m "on the side, again"
	git checkout -q main && echo three >c.txt && git add . && at 08:00 git commit -qm "on main"
	at 09:00 git sk revise -q Good "known to work" >/dev/null
	at 10:00 git merge -q -m "both" side
	echo x >c.txt
	at 11:00 git sk backup -q -m "日本語の題名はとても長いので途中で切られなければならない、それはどこかで必ず起こる。日本語の題名" >/dev/null
	echo y >c.txt
	at 12:00 git sk backup -q -m "a title that is by far too long to stand in a line of eighty columns, so that it is cut somewhere" >/dev/null
}

t_list_is_as_wide_as_the_terminal() {
	made
	for width in 60 80 100 132 200; do
		SK_TEST_NOW=$(date -u -d "2026-11-23 12:30" +%s) on $width git sk list
		plain
		[ "$(widest "$W.out")" -le $width ] || die "wider than $width: $(cat "$W.out")"
		eq "$(grep -c '^2026-..-.. ' "$W.out")" 3
		has "$W.out" "2026-11-23 Monday, today" && has "$W.out" "2026-11-22 Sunday, yesterday" && grep -qx "2026-11-21 Saturday" "$W.out"
		eq "$(grep -c 'Z ' "$W.out")" 4
	done
	has "$W.out" "30 minutes ago" && has "$W.out" "so that it is cut somewhere" && has "$W.out" "1 file"
	SK_TEST_NOW=$(date -u -d "2026-11-23 12:30" +%s) on 80 git sk list
	has "$W.out" "30 min" && grep -q "日本語.*\.\.\.$" "$W.out" && grep -q "a title .*\.\.\.$" "$W.out"
}

t_list_elsewhere_is_as_it_was() {
	made
	SK_TEST_NOW=$(date -u -d "2026-11-23 12:30" +%s) git sk list >"$W.plain"
	eq "$(wc -l <"$W.plain")" 5
	eq "$(sed -n 1p "$W.plain")" "20261123T120000Z    30 minutes ago manual           1 changed  a title that is by far too long to stand in a line of eighty columns, so that it is cut somewhere  (hourly, daily, weekly, monthly)"
	SK_TEST_NOW=$(date -u -d "2026-11-23 12:30" +%s) COLUMNS=40 TERM=xterm git -c color.ui=true sk list | cmp - "$W.plain"
	git sk list --json >"$W.json"
	python3 -c 'import json, sys; assert json.load(open(sys.argv[1]))["entries"][0]["bytes"] > 0' "$W.json"
}

t_colours_by_gits_settings() {
	made
	in_colour git sk list && colours
	git config color.ui false && in_colour git sk list && plain
	git config color.sk auto && in_colour git sk list && colours
	on 80 git sk list && plain # NO_COLOR
	in_colour env TERM=dumb git sk list && plain
	git config color.sk never && in_colour git sk list && plain
	in_colour git sk --color=always list && colours
	in_colour git sk list --color=always && colours
	git config color.sk always && git sk list >"$W.out" && colours
	git sk list --color=never >"$W.out" && plain
	git -c color.sk=never sk list >"$W.out" && plain && git config color.sk never
	git -c color.sk=always sk list >"$W.out" && colours
	git config --unset color.sk && git -c color.ui=always sk list >"$W.out" && colours
	GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=color.ui GIT_CONFIG_VALUE_0=always git sk list >"$W.out" && colours
	git sk list --json >"$W.out" && plain && git sk list -z >"$W.out" && plain
	git config color.sk auto && git config color.sk.id "bold blue" && git config color.sk.day "#ff8000"
	in_colour git sk list && grep -q "$ESC\[1;34m2026" "$W.out" && grep -q "$ESC\[38;2;255;128;0m2026-11-23" "$W.out"
	git config color.sk.id "no such colour" && code 2 env -u NO_COLOR git sk list --color=always
	has "$W.err" color.sk.id
}

t_the_pager() {
	made
	paged() { env -u GIT_PAGER -u PAGER -u LESS TERM=xterm "$@" 2>&1; }
	git config core.pager "sed s/^/C:/"
	code 0 paged python3 "$HERE/terminal.py" -- git sk list && grep -q "^C:2026" "$W.out"
	git config pager.sk false
	code 0 paged python3 "$HERE/terminal.py" -- git sk list && hasnt "$W.out" "C:"
	code 0 paged python3 "$HERE/terminal.py" -- git sk diff '@{1}' latest && hasnt "$W.out" "C:" && has "$W.out" "+y"
	# what git itself starts before us is a pager, too
	git config pager.sk "sed s/^/S:/"
	code 0 paged python3 "$HERE/terminal.py" -- git sk list && grep -q "^S:2026-11-23 Monday" "$W.out" && hasnt "$W.out" "S:S:"
	code 0 paged python3 "$HERE/terminal.py" -- git-sk list && grep -q "^S:2026-11-23 Monday" "$W.out"
	code 0 paged python3 "$HERE/terminal.py" -- git-sk diff '@{1}' latest && has "$W.out" "S:+y"
	code 0 paged python3 "$HERE/terminal.py" -- git --no-pager sk list && hasnt "$W.out" "S:"
	code 0 env GIT_PAGER="sed s/^/E:/" TERM=xterm python3 "$HERE/terminal.py" -- git-sk list && grep -q "^E:2026" "$W.out"
	git config --unset pager.sk && git config --unset core.pager
	code 0 paged env PAGER='echo "LESS=$LESS"; cat' python3 "$HERE/terminal.py" -- git sk list && has "$W.out" "LESS=FRX"
	code 0 paged env GIT_PAGER="sed s/^/E:/" python3 "$HERE/terminal.py" -- git sk list --json && hasnt "$W.out" "E:"
	git -c pager.sk=true sk list >"$W.out" && hasnt "$W.out" Monday
}

t_diff_as_git_is_set() {
	made
	echo bin >z.dat && git sk backup -q >/dev/null && echo bon >z.dat
	echo '*.dat diff=upper' >.git/info/attributes
	git config diff.upper.textconv "tr a-z A-Z <"
	code 0 git sk diff && has "$W.out" "+BON"
	code 0 git sk diff --no-textconv && has "$W.out" "+bon"
	code 0 env GIT_EXTERNAL_DIFF=echo git sk diff && grep -q "^z.dat " "$W.out"
	code 0 env GIT_EXTERNAL_DIFF=echo git sk diff --no-ext-diff && has "$W.out" "+BON"
	git config diff.external echo && code 0 git sk diff && grep -q "^z.dat " "$W.out"
	git config --unset diff.external
	git config difftool.mine.cmd 'cat "$LOCAL" "$REMOTE"'
	code 0 git sk diff --difftool --tool=mine -y && eq "$(cat "$W.out")" "$(printf 'bin\nbon')"
	code 0 env -u NO_COLOR git -c color.diff=always sk diff --no-textconv && colours
	[ -z "$(find .git -name 'tmp_objdir*')" ]
}

t_diff_leaves_nothing_when_it_is_killed() {
	made
	echo z >c.txt
	GIT_EXTERNAL_DIFF='kill -9 $(cut -d" " -f4 /proc/$PPID/stat); echo ' code 137 git sk diff
	[ -n "$(find .git/objects -name 'tmp_objdir-sk-*')" ]
	code 0 git sk diff && has "$W.out" "+z"
	[ -z "$(find .git/objects -name 'tmp_objdir-sk-*')" ]
}

t_diff_where_nothing_can_be_written() {
	[ "$(id -u)" != 0 ] || skip "root can write everywhere"
	made
	echo z >c.txt
	chmod a-w .git/objects
	mkdir "$W.tmp" && TMPDIR=$W.tmp code 0 git sk diff && has "$W.out" "+z"
	chmod u+w .git/objects
	eq "$(ls -A "$W.tmp")" ""
}

t_log_as_a_graph() {
	made
	git sk log --graph | cut -c1-58 | sed 's/ *$//' >"$W.got"
	good=$(git sk list revisions -z | tr -d '\0')
	c() { git rev-parse "$1" | cut -c1-10; }
	lost=$(git rev-parse 'side@{1}' | cut -c1-10)
	cat >"$W.want" <<END
o   2026-11-23 12:00:00  manual         20261123T120000Z
o   2026-11-23 11:00:00  manual         20261123T110000Z
*   2026-11-23 10:00:00  commit         $(c HEAD)
|\\
# | 2026-11-23 09:00:00  revision       $good
* | 2026-11-23 08:00:00  commit         $(c HEAD^1)
| * 2026-11-22 13:00:00  commit         $(c side)
| | o 2026-11-22 12:00:00  manual         20261122T120000Z
| | * 2026-11-22 11:00:00  commit         $lost
o | | 2026-11-21 10:00:00  init           20261121T100000Z
|_|/
|/
*   2026-11-21 09:00:00  commit         $(c HEAD^1^)
END
	diff "$W.want" "$W.got"
	code 0 git sk log -n 3 && eq "$(wc -l <"$W.out")" 3 && has "$W.out" "(HEAD -> main) both"
	code 0 git sk log --since "2026-11-22 12:30" --until "2026-11-23 09:30" && eq "$(cut -c12-16 "$W.out" | tr '\n' ' ')" "09:00 08:00 13:00 "
	code 0 git sk log --branch side && eq "$(cut -c12-16 "$W.out" | tr '\n' ' ')" "13:00 12:00 11:00 09:00 "
	on 80 git sk log --graph && [ "$(widest "$W.out")" -le 80 ] && has "$W.out" "2026-11-21 Saturday" && has "$W.out" "12:00  manual"
	code 2 git sk log --branch 'a..b' && code 2 git sk log -n x && code 2 git sk log extra
}

t_log_json() {
	made
	git sk log --json >"$W.json"
	python3 - "$W.json" <<'END'
import json, sys
e = json.load(open(sys.argv[1]))["events"]
assert [x["type"] for x in e] == ["backup", "backup", "commit", "revision", "commit", "commit", "backup", "commit", "backup", "commit"], e
assert [x["time"] for x in e] == sorted((x["time"] for x in e), reverse=True)
assert e[2]["title"] == "both" and len(e[2]["parents"]) == 2 and e[2]["refs"] == "HEAD -> main" and e[2]["author"] == "A"
assert e[0]["head"] == e[2]["id"] and e[0]["changed"] == 1
END
	code 0 git sk log --json --until 2001-01-01 && python3 -c 'import json, sys; assert json.load(open(sys.argv[1])) == {"events": []}' "$W.out"
}

t_log_without_a_commit() {
	git init -q r && cd r && echo x >a && git sk init -q >/dev/null
	code 0 git sk log --graph && eq "$(wc -l <"$W.out")" 1 && [ ! -s "$W.err" ]
	code 0 git sk log --branch nosuch && [ ! -s "$W.out" ]
}

t_log_of_a_commit_that_is_gone() {
	made
	tip=$(git sk show latest --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["head"])')
	git checkout -q --orphan other && git commit -qm other && git branch -qD main side
	git reflog expire --expire=now --all && rm -f .git/logs/refs/sk/keep && git gc -q --prune=now
	! git cat-file -e "$tip" 2>/dev/null || die "it is still there"
	code 0 git sk log --graph && [ ! -s "$W.err" ] && has "$W.out" "20261123T120000Z"
}

t_progress_on_a_terminal_only() {
	git init -q r && cd r && git sk init -q >/dev/null
	for d in 1 2 3; do mkdir $d && (cd $d && seq 400 | split -l 1 -a 4 -); done
	code 0 env GIT_PROGRESS_DELAY=0 TERM=xterm python3 "$HERE/terminal.py" -- git sk backup
	has "$W.out" "Looking at files: "
	# the line is taken away before anything else is said
	tail -c 200 "$W.out" | grep -q 'Looking at files: [0-9 ]*[0-9A-Z]*Z$' || tail -n 1 "$W.out" | grep -q '[0-9]T[0-9]*Z'
	code 0 env GIT_PROGRESS_DELAY=0 TERM=xterm python3 "$HERE/terminal.py" -- git sk verify && grep -q 'Verifying: *[0-9]*% ([0-9]*/[0-9]*)' "$W.out"
	for quiet in "git sk backup -q" "env TERM=dumb git sk backup" "env GIT_SK_PLAIN=1 git sk backup"; do
		echo x >>1/xaaaa
		code 0 env GIT_PROGRESS_DELAY=0 TERM=xterm python3 "$HERE/terminal.py" -- $quiet && hasnt "$W.out" "Looking"
	done
	echo x >>1/xaaaa
	GIT_PROGRESS_DELAY=0 code 0 git sk backup && hasnt "$W.err" "Looking"
}

run_tests
