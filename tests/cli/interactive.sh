# On a terminal: choosing what to go back to, questions and Ctrl-C, the pager, colours.
. "$(dirname "$0")/lib.sh"

HERE=$(cd "$(dirname "$0")" && pwd)
# term [WAIT_FOR SEND]... -- CMD...: CMD on a terminal of its own; what it shows is the output
term() { TERM=xterm GIT_PAGER=cat GIT_SK_PICKER=${PICKER:-numbers} python3 "$HERE/terminal.py" "$@"; }
# at N CMD...: CMD, N minutes ago
at() { env SK_TEST_NOW=$(($(date +%s) - $1 * 60)) "${@:2}"; }
# made: three states: a revision, and two backups; then a change that is in none
made() {
	repo r && cd r && at 3 git sk init -q >/dev/null
	echo good >a.txt && at 2 git sk revise -q Good "known to work" >/dev/null
	echo later >later && at 1 git sk backup -q -m "with later" >/dev/null
	echo broken >a.txt && rm src/b.txt
	state . >"$W.broken"
	git sk list -z | tr '\0' '\n' >"$W.list"
}
untouched() { state . | diff "$W.broken" - && git sk list -z | tr '\0' '\n' | diff "$W.list" -; }

ASK="number, or q to quit: "
SURE="[y/N] "

t_numbered_list_revisions_first() {
	made
	code 1 term "$ASK" 'q\n' -- git sk rollback
	sed -n 's/^ *\([0-9]*\)  \([^ ]*\) .*/\1 \2/p' "$W.out" >"$W.offered"
	eq "$(sed -n 1p "$W.offered" | cut -c1-6)" "1 Good"
	eq "$(wc -l <"$W.offered")" 3
	eq "$(sed -n 2p "$W.offered")" "2 $(git sk list backups -z -n 1 | tr -d '\0')"
	has "$W.out" "with later"
	untouched
}

t_choose_confirm_done_and_undone() {
	made
	code 0 term "$ASK" '1\n' "$SURE" 'y\n' -- git sk rollback
	has "$W.out" "would write a.txt" && has "$W.out" "would delete later" && has "$W.out" "wrote src/b.txt"
	has "$W.out" "git sk undo brings it back"
	eq "$(cat a.txt)" good && [ ! -e later ] && [ -e src/b.txt ]
	code 0 term "$SURE" 'yes\n' -- git sk undo
	has "$W.out" "take back what was done (rollback"
	state . | diff "$W.broken" -
}

t_bad_input_is_asked_again() {
	made
	code 1 term "$ASK" '\n' "$ASK" '0\n' "$ASK" '4\n' "$ASK" '-1\n' "$ASK" '1x\n' "$ASK" '99999999999999999999999\n' \
		"$ASK" 'rm -rf\n' "$ASK" ' 2 \n' "$SURE" '\n' -- git sk rollback
	eq "$(grep -c 'a number from 1 to 3' "$W.out")" 7
	has "$W.out" "nothing was changed"
	untouched
}

t_every_answer_but_yes_is_no() {
	made
	for answer in '\n' 'n\n' 'N\n' 'no\n' 'yup\n' 'y y\n' '\x04'; do
		code 1 term "$ASK" '3\n' "$SURE" "$answer" -- git sk rollback
		has "$W.out" "nothing was changed"
	done
	untouched
}

LOOK="or text to look for: "

t_keys_move_numbers_jump_and_text_finds() {
	made
	export PICKER=keys
	# the first is the revision; Down from it the newest backup; every letter is drawn before the next comes
	code 1 term "$LOOK" '\r' "roll back to Good" 'n\n' -- git sk rollback
	code 1 term "$LOOK" '\x1b[B' "$LOOK" '\r' "roll back to $(git sk list backups -z -n 1 | tr -d '\0')" 'n\n' -- git sk rollback
	code 1 term "$LOOK" '\x1b[B\x1bOB\x1b[A\x1b[6~\x1b[5~\x1b[F\x1b[H\r' "roll back to Good" 'n\n' -- git sk rollback
	code 1 term "$LOOK" '3' "${LOOK}3" '\r' "$SURE" 'n\n' -- git sk rollback
	has "$W.out" "roll back to $(git sk list backups -z | tr '\0' '\n' | sed -n 2p)"
	code 1 term "$LOOK" 'WITH' "1 of 3" ' later' "1 of 3" '\r' "$SURE" 'n\n' -- git sk rollback
	has "$W.out" "roll back to $(git sk list backups -z -n 1 | tr -d '\0')"
	code 1 term "$LOOK" '/quiet' "0 of 3" '\x15' "Up and Down" '/qx' "0 of 3" '\x7f\x7f\x7f' "Up and Down" 'q' -- git sk rollback
	untouched
	code 0 term "$LOOK" 'good\n' "$SURE" 'y\n' -- git sk rollback
	eq "$(cat a.txt)" good
}

t_keys_bad_input_is_asked_again_and_leaving() {
	made
	export PICKER=keys
	code 1 term "$LOOK" '0\r' "no such number" '99\r' "no such number" 'zebra\r' "nothing has that text" 'q' -- git sk rollback
	for leave in q Q '\x1b' '\x04'; do
		code 1 term "$LOOK" "$leave" -- git sk rollback
		has "$W.out" "nothing was changed"
	done
	code 130 term "$LOOK" '\x03' -- git sk rollback
	code 130 term "$LOOK" 'go\x03' -- git sk rollback
	# the terminal is as it was: it echoes, and Ctrl-C interrupts
	code 0 term "$LOOK" q "ready" 'typed\n' -- sh -c 'git sk rollback; stty -a | tr " ;" "\n\n" | grep -cx "echo\|isig\|icanon"; echo ready; read x; echo "got $x"'
	has "$W.out" "got typed" && grep -qx 3 "$W.out"
	untouched
}

t_keys_show_what_one_differs_in() {
	made
	export PICKER=keys
	code 1 env GIT_PAGER='sed s/^/P:/' TERM=xterm GIT_SK_PICKER=keys python3 "$HERE/terminal.py" "$LOOK" '\t' "P:+broken" '' "$LOOK" 'q' -- git sk rollback
	untouched
}

t_with_fzf() {
	made
	mkdir "$W.bin" && export PICKER=fzf
	cat >"$W.bin/fzf" <<'END'
#!/bin/sh
cat >"$W.lines"
printf '%s\n' "$@" >"$W.args"
for a; do case $a in --preview=*) sh -c "$(printf '%s\n' "${a#--preview=}" | sed "s|{1}|'$(sed -n 2p "$W.lines" | cut -f1)'|g")" >"$W.preview" 2>&1 ;; esac; done
[ "$FZF_TEST" = 0 ] && sed -n 2p "$W.lines"
exit $FZF_TEST
END
	chmod +x "$W.bin/fzf"
	PATH=$W.bin:$PATH
	FZF_TEST=0 code 1 term "$SURE" 'n\n' -- git sk rollback
	newest=$(git sk list backups -z -n 1 | tr -d '\0')
	has "$W.out" "roll back to $newest" && hasnt "$W.out" "$LOOK"
	eq "$(wc -l <"$W.lines")" 3 && has "$W.preview" "backup $newest" && has "$W.preview" "a.txt"
	for left in 1 130; do
		FZF_TEST=$left code 1 term -- git sk rollback
		has "$W.out" "nothing was changed"
	done
	# one that does not work here is no reason to stop
	FZF_TEST=2 code 1 term "$LOOK" q -- git sk rollback
	untouched
}

t_never_without_a_terminal() {
	made
	code 13 git sk rollback </dev/null
	code 13 git sk restore --interactive -- a.txt </dev/null
	code 2 git sk show </dev/null
	code 2 git sk restore --interactive Good -- a.txt </dev/null
	code 2 git sk restore --interactive --at now -- a.txt </dev/null
	untouched
}

t_restore_offers_those_in_which_the_file_differs() {
	made
	export PICKER=keys
	code 0 term "$LOOK" '\r' -- git sk restore --interactive -- later
	hasnt "$W.out" "  2  "
	code 1 term "$LOOK" 'q' -- git sk restore -i -- a.txt
	has "$W.out" "  2  " && has "$W.out" "nothing was changed"
}

t_show_without_an_id() {
	made
	code 0 term "$ASK" '2\n' -- git sk show && has "$W.out" "backup $(git sk list backups -z -n 1 | tr -d '\0')"
	code 1 term "$ASK" 'q\n' -- git sk show
	PICKER=keys code 0 term "$LOOK" '\r' -- git sk show && has "$W.out" "revision Good"
}

t_plain_for_a_screen_reader() {
	made
	for plain in TERM=dumb GIT_SK_PLAIN=1; do
		code 1 env -u NO_COLOR TERM=xterm "$plain" python3 "$HERE/terminal.py" "$ASK" 'q\n' -- git sk rollback
		! grep -q "$(printf '\033')" "$W.out" || die "escape sequences"
		code 0 env -u NO_COLOR -u GIT_PAGER -u PAGER TERM=xterm "$plain" python3 "$HERE/terminal.py" -- git sk list
		! grep -q "$(printf '\033')" "$W.out" || die "escape sequences"
	done
}

t_quit_and_end_of_input() {
	made
	for answer in 'q\n' 'Q\n' 'quit\n' '\x04'; do
		code 1 term "$ASK" "$answer" -- git sk rollback
		has "$W.out" "nothing was changed"
	done
	untouched
}

t_ctrl_c_leaves_everything_as_it_was() {
	made
	code 130 term "$ASK" '\x03' -- git sk rollback
	code 130 term "$ASK" '1\n' "$SURE" '\x03' -- git sk rollback
	code 130 term "$ASK" '1' '' '\x03' -- git sk rollback
	has "$W.out" "nothing was changed"
	untouched
	git sk restore -q Good -- a.txt && state . >"$W.broken" && git sk list -z | tr '\0' '\n' >"$W.list"
	code 130 term "$SURE" '\x03' -- git sk undo
	untouched
}

t_rollback_with_an_id_asks_too() {
	made
	code 1 term "$SURE" 'n\n' -- git sk rollback Good && untouched
	code 0 term -- git sk rollback Good --dry-run && has "$W.out" "nothing was done" && untouched
	code 0 term "$SURE" 'y\n' -- git sk rollback Good && eq "$(cat a.txt)" good
	code 0 term -- git sk rollback Good && has "$W.out" "all is already as in"
	code 0 term -- git sk rollback @{1} --yes && hasnt "$W.out" "$SURE"
}

t_a_long_plan_is_cut() {
	made
	git sk backup -q >/dev/null
	for i in $(seq 30); do echo "$i" >"new$i"; done
	code 1 term "$SURE" 'n\n' -- git sk rollback latest
	has "$W.out" "30 to delete" && has "$W.out" "and 20 more"
}

t_more_backups_than_are_offered() {
	made
	for i in $(seq 25); do echo "$i" >a.txt && git sk backup -q; done >"$W.log"
	code 1 term "$ASK" '22\n' "$ASK" '21\n' "$SURE" 'n\n' -- git sk rollback
}

t_no_colour_of_names_and_questions() {
	made
	name=$(printf 'e\033]0;vil')
	echo x >"$name"
	code 1 env -u NO_COLOR TERM=xterm GIT_PAGER=cat python3 "$HERE/terminal.py" "$SURE" 'n\n' -- git sk rollback Good
	! grep -q "$(printf '\033]')" "$W.out" || die "a name got through"
	has "$W.out" 'e\033]0;vil'
}

t_list_on_a_terminal_has_days_colours_and_a_pager() {
	made
	code 0 env -u NO_COLOR TERM=xterm GIT_PAGER='sed s/^/P:/' python3 "$HERE/terminal.py" -- git sk list
	grep -q "^P:.*$(date -u +%Y-%m-%d)" "$W.out" && grep -q "$(printf '\033')" "$W.out"
	code 0 term -- git sk list
	! grep -q "$(printf '\033')" "$W.out" || die "colours although NO_COLOR"
	hasnt "$W.out" "P:"
	code 0 env GIT_PAGER='head -n 1' TERM=xterm python3 "$HERE/terminal.py" -- git sk list
	eq "$(wc -l <"$W.out")" 1 && hasnt "$W.out" "cannot write"
	code 0 env GIT_PAGER='sed s/^/P:/' TERM=xterm python3 "$HERE/terminal.py" -- git sk list --json
	hasnt "$W.out" "P:"
	code 0 env GIT_PAGER='sed s/^/P:/' TERM=xterm python3 "$HERE/terminal.py" -- git sk show latest
	has "$W.out" "P:backup"
}

t_run_gives_the_command_the_terminal() {
	made
	code 0 term "name? " 'me\n' -- git sk run -- sh -c 'test -t 0 && test -t 1 && printf "name? " && read n && echo "$n" >named'
	eq "$(cat named)" me
	code 130 term "ready" '\x03' -- git sk run -- sh -c 'echo x >half; echo ready; sleep 100'
	git sk list -n 1 | grep -q "after sh -c" || die "no backup after Ctrl-C"
}

run_tests
