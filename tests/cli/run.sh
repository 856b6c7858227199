#!/bin/bash
# git sk run -- CMD: a backup before, one after, and undo takes back whatever CMD did.
. "${0%/*}/lib.sh"

start() { repo r && cd r && git sk init -q --no-service >/dev/null; }
probe() { GIT_SK_DISABLE=1 git -c core.fsmonitor=false status --porcelain=v2 -uall; git -c core.fsmonitor=false ls-files --stage -v; state .; }
dirty() { echo edit >>a.txt && echo staged >>src/b.txt && git add src/b.txt && echo more >>src/b.txt && echo u >'u file' && mkdir -p d && echo x >d/x && chmod 600 d/x; }
backups() { git for-each-ref refs/sk/backup | wc -l; }
# back_to_before CMD...: what CMD does is taken back byte for byte
back_to_before() {
	dirty
	probe >"$W/before"
	git sk run -- "$@" >"$W/out" 2>"$W/err" || :
	probe >"$W/after"
	! cmp -s "$W/before" "$W/after" || die "'$*' changed nothing"
	has "$W/err" 'git sk undo brings it back'
	git sk undo --yes >/dev/null 2>&1
	probe >"$W/again"
	diff "$W/before" "$W/again"
}

t_undo_of_rm() { start; back_to_before rm -rf src d a.txt; }
t_undo_of_a_script() { start; back_to_before sh -c 'echo broken >a.txt; mv src moved; ln -s / link; chmod 700 "u file"; : >"new file"; git add -A'; }
t_undo_of_git_in_it() { start; back_to_before sh -c 'git reset -q --hard; git clean -qfd; echo after >a.txt; git add a.txt'; }
t_undo_of_git_itself() { start; back_to_before git reset -q --hard; }
t_undo_of_a_commit_in_it() { # its files; HEAD is said
	start
	dirty
	state . >"$W/before"
	git sk run -- git commit -qam x 2>"$W/err" && git sk run -- git rm -rfq . 2>"$W/err"
	git sk undo --yes >/dev/null 2>&1
	state . >"$W/again"
	diff "$W/before" "$W/again"
}
t_undo_of_lost_index() { start; back_to_before rm .git/index; }
t_undo_of_a_nested_run() { start; back_to_before git sk run -- sh -c 'rm -r src; git sk run -- rm a.txt'; }
t_undo_within() { # what it took back itself is no loss
	start
	back_to_before sh -c 'rm -r src; git sk backup -q; git reset -q --hard; git sk undo --yes -q; echo x >y'
}

t_one_line_of_undo_for_one_run() { # the git commands in it do not come in between
	start
	dirty
	git sk run -- sh -c 'git reset -q --hard; git checkout -q HEAD~1 -- a.txt; git reset -q --hard' 2>/dev/null
	git sk undo --dry-run 2>"$W/err" >/dev/null
	has "$W/err" "run sh -c"
}

t_exit_status_is_the_commands() {
	start
	code 0 git sk run -- true
	code 1 git sk run -- false
	code 42 git sk run -- sh -c 'echo x >>a.txt; exit 42'
	code 255 git sk run -- sh -c 'exit 255'
	code 127 git sk run -- /no/such/program
	code 127 git sk run -- no-such-program-at-all
	code 126 git sk run -- ./a.txt
	code 137 git sk run -- sh -c 'kill -9 $$'
	code 143 git sk run -- sh -c 'kill $$'
	code 2 git sk run
	code 2 git sk run --
	code 2 git sk run true
	code 10 git -C / sk run -- true
	git sk uninit -q >/dev/null
	code 10 git sk run -- true
}

t_nothing_changed_is_said() {
	start
	local n
	git sk backup -q >/dev/null
	n=$(backups)
	git sk run -- cat a.txt >"$W/out" 2>"$W/err"
	has "$W/err" 'changed no files'
	eq "$(cat "$W/out")" "$(cat a.txt)" "what the command printed"
	eq "$(backups)" "$n" "backups"
	git sk -q run -- true 2>"$W/err" && eq "$(cat "$W/err")" ''
}

t_input_output_arguments() {
	start
	eq "$(printf 'in put' | git sk run -- cat 2>/dev/null)" 'in put'
	eq "$(git sk run -- printf '[%s]' 'a b' '' '--' '-q' '*' 2>/dev/null)" '[a b][][--][-q][*]'
	eq "$(git sk run -- sh -c 'echo e >&2' 2>&1 >/dev/null | head -n 1)" e
	eq "$(X=1 git sk run -- sh -c 'echo $X$(basename "$PWD")' 2>/dev/null)" 1r
	mkdir -p sub && cd sub && eq "$(git sk run -- sh -c 'basename "$PWD"' 2>/dev/null)" sub
}

t_summary_of_changes() {
	start
	dirty
	git sk run -- sh -c 'echo x >>a.txt; echo y >new' 2>"$W/err"
	has "$W/err" 'a.txt'
	has "$W/err" '2 files changed'
	git sk list >"$W/list"
	has "$W/list" 'before sh -c'
	has "$W/list" 'after sh -c'
}

# A signal to git-sk goes on to the command; what that did is saved and can be taken back.
t_signals() {
	start
	local sig pid want got
	for sig in TERM:143 INT:130 HUP:129 USR1:138; do
		want=${sig#*:} got=0
		dirty
		probe >"$W/before"
		rm -f "$W/started"
		# git itself would end at once and leave git-sk behind: the program is what is meant
		# (and bash would start it with SIGINT ignored)
		python3 -c 'import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); os.execvp(sys.argv[1], sys.argv[1:])' \
			git-sk run -- sh -c 'echo half >a.txt; : >"$W/started"; exec sleep 60' 2>"$W/err" &
		pid=$!
		while [ ! -e "$W/started" ]; do sleep 0.02; done
		sleep 0.05
		kill -"${sig%:*}" "$pid"
		wait "$pid" || got=$?
		eq "$got" "$want" "exit status after SIG${sig%:*}"
		git sk undo --yes >/dev/null 2>&1
		probe >"$W/again"
		diff "$W/before" "$W/again"
		git reset -q --hard && git clean -qfd
	done
}

t_killed_before_the_end() { # git-sk itself: the backup before is there all the same
	start
	dirty
	probe >"$W/before"
	git-sk run -- sh -c 'echo half >a.txt; : >"$W/started"; exec sleep 5' 2>/dev/null &
	local pid=$!
	while [ ! -e "$W/started" ]; do sleep 0.02; done
	kill -9 "$pid" && { wait "$pid" || :; } 2>/dev/null
	git sk rollback --yes --staged "$(git sk list backups -z | tr '\0' '\n' | head -n 1)" >/dev/null
	probe >"$W/again"
	diff "$W/before" "$W/again"
}

t_command_in_a_linked_worktree() {
	start
	git worktree add -q ../l && cd ../l
	back_to_before rm -rf src a.txt
	cd ../r && eq "$(git -c core.fsmonitor=false status --porcelain)" '' "the main worktree"
}

t_command_that_removes_its_folder() {
	start
	mkdir gone && echo x >gone/f && cd gone
	code 0 git sk run -- rm -rf ../gone
	cd .. && [ ! -e gone ] && git sk undo --yes >/dev/null 2>&1 && eq "$(cat gone/f)" x
}

t_command_that_leaves_others_behind() { # a background process does not hold git-sk up
	start
	git sk run -- sh -c 'sleep 30 >/dev/null 2>&1 & echo $! >"$W/pid"; echo x >>a.txt' 2>/dev/null
	kill "$(cat "$W/pid")"
	git sk undo --yes >/dev/null 2>&1 && eq "$(git -c core.fsmonitor=false status --porcelain)" ''
}

run_tests
