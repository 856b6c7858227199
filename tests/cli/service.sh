# The background service: life and death, backups by itself, its socket.
. "$(dirname "$0")/lib.sh"

unset GIT_SK_NO_SERVICE

# begin: folders of this test alone (a socket's path is short), and nothing left running
begin() {
	export XDG_RUNTIME_DIR=$W/run XDG_STATE_HOME=$W/state HOME=$W
	mkdir -m 700 "$XDG_RUNTIME_DIR"
	trap 'end' EXIT
}
end() { git sk -q service stop >/dev/null 2>&1 || true; }
pid() { cut -d' ' -f1 "$XDG_RUNTIME_DIR/safekeep/lock"; }
# within SECONDS COMMAND...: until it succeeds; a generous limit, not a measurement
within() {
	local n=$(($1 * 10))
	shift
	until "$@" >/dev/null 2>&1; do
		n=$((n - 1))
		[ $n -gt 0 ] || die "not within the time: $*"
		sleep 0.1
	done
}
alive() { kill -0 "$1" 2>/dev/null; }
dead() { ! alive "$1"; }
watched() { git sk service status | grep -qF "$(printf '%s\twatched' "$1")"; }
backups() { git for-each-ref refs/sk/backup | wc -l; }
# saved FILE TEXT: some backup's newest state has it
saved() { [ "$(git sk cat latest "$1" 2>/dev/null)" = "$2" ]; }

t_start_status_stop() {
	begin
	code 1 git sk service status
	code 1 git sk service status --json
	has "$W.out" '"running": false'
	has "$W.out" '"repos": []'
	code 0 git sk service start
	has "$W.out" started
	code 0 git sk service start
	has "$W.out" 'running already'
	code 0 git sk service status --json
	has "$W.out" '"running": true'
	has "$W.out" "\"pid\": $(pid)"
	local p
	p=$(pid)
	code 0 git sk service stop
	dead "$p" || die "it runs on"
	[ ! -e "$XDG_RUNTIME_DIR/safekeep/socket" ] || die "the socket is left"
	code 1 git sk service stop
	code 2 git sk service nonsense
}

t_two_starts_at_once() {
	begin
	local i
	for i in 1 2 3 4 5 6; do git sk service start >>"$W.starts" 2>&1 & done
	wait
	eq "$(grep -c '^started$' "$W.starts")" 1 "services started"
	eq "$(grep -c '^running already$' "$W.starts")" 5 "others"
	alive "$(pid)" || die "none runs"
}

t_killed_and_started_again() {
	begin
	repo r && cd r && git sk -q init
	local p i
	for i in 1 2 3; do
		p=$(pid)
		kill -9 "$p"
		git sk service start
		alive "$(pid)" || die "not there again"
		[ "$(pid)" != "$p" ] || die "the same"
		within 20 watched "$PWD"
	done
}

t_git_starts_it_when_it_is_down() {
	begin
	repo r && cd r && git sk -q init
	git sk service stop
	rm -f "$XDG_RUNTIME_DIR/safekeep/tried"
	git status >/dev/null
	within 20 git sk service status
}

t_off_is_off() {
	begin
	repo r && cd r && git sk -q init --no-service
	git status >/dev/null && echo x >>a.txt && git commit -qam x
	code 1 git sk service status
	GIT_SK_NO_SERVICE=1 code 13 git sk service start
	code 0 git sk status
	has "$W.out" 'not used here'
}

t_ensure() {
	begin
	code 0 git sk service ensure
	has "$W.err" 'was down'
	alive "$(pid)" || die "none runs"
	code 0 git sk service ensure
	hasnt "$W.err" 'was down'
	code 0 git sk service ensure --cron
	has "$W.out" 'service ensure'
	# one that hangs is replaced
	local p
	p=$(pid)
	kill -STOP "$p"
	(sleep 8 && kill -CONT "$p") &
	code 0 git sk service ensure
	wait
	alive "$(pid)" || die "none runs"
}

t_one_that_hangs_does_not_hold_git_up() {
	begin
	repo r && cd r && git sk -q init
	within 20 watched "$PWD"
	echo precious >>a.txt
	kill -STOP "$(pid)"
	local i
	# 20 commands: all of them together wait for it once
	timeout 60 git reset -q --hard || { kill -CONT "$(pid)"; die "git waits"; }
	for i in $(seq 20); do timeout 2 git status >/dev/null || { kill -CONT "$(pid)"; die "git waits"; }; done
	kill -CONT "$(pid)"
	git sk -q undo --yes
	has a.txt precious
}

t_terminates_on_signals() {
	begin
	local s p
	for s in TERM INT; do
		git sk -q service start >/dev/null
		p=$(pid)
		kill -$s "$p"
		within 20 dead "$p"
		[ ! -e "$XDG_RUNTIME_DIR/safekeep/socket" ] || die "the socket is left"
	done
}

t_ends_when_nobody_can_reach_it() {
	begin
	git sk -q service start
	local p
	p=$(pid)
	rm -rf "$XDG_RUNTIME_DIR/safekeep"
	within 20 dead "$p"
}

t_foreign_folder_is_refused() {
	begin
	mkdir "$W/elsewhere" && ln -s "$W/elsewhere" "$XDG_RUNTIME_DIR/safekeep"
	code 13 git sk service start
	rm "$XDG_RUNTIME_DIR/safekeep"
	mkdir -m 777 "$XDG_RUNTIME_DIR/safekeep" && chmod 777 "$XDG_RUNTIME_DIR/safekeep"
	code 13 git sk service start
	code 1 git sk service status
}

t_saves_by_itself() {
	begin
	repo r && cd r && git sk -q init
	within 20 watched "$PWD"
	echo one >>new.txt
	within 30 saved new.txt one
	mkdir -p deep/er && echo two >deep/er/f
	within 30 saved deep/er/f two
	mv deep deeper && echo three >deeper/er/f
	within 30 saved deeper/er/f three
	# staged state alone
	echo four >>a.txt && git add a.txt && git restore --source=HEAD --worktree a.txt
	within 30 sh -c 'git cat-file -p "$(git for-each-ref --sort=-refname --count=1 --format="%(objectname)" refs/sk/backup)" | grep -q "^Sk-Index"'
}

t_saves_under_constant_writing() {
	begin
	repo r && cd r && git sk -q init
	within 20 watched "$PWD"
	local before
	before=$(backups)
	(while :; do date +%N >>always.txt; sleep 0.1; done) &
	local writer=$!
	within 60 sh -c "[ \$(git for-each-ref refs/sk/backup | wc -l) -gt $before ]"
	kill $writer
}

t_ignored_files_are_no_reason() {
	begin
	repo r && cd r && printf '*.log\nout/\n' >.gitignore && echo x >t.log && git add -f t.log && git add -A && git commit -qm i
	git sk -q init
	within 20 watched "$PWD"
	echo y >>a.txt && within 30 saved a.txt "$(cat a.txt)"
	local before
	before=$(backups)
	mkdir out && echo 1 >out/x && echo 1 >y.log
	sleep 3
	eq "$(backups)" "$before" "backups"
	# tracked, though the rules ignore it
	echo more >>t.log
	within 40 saved t.log "$(cat t.log)"
}

t_backs_up_by_the_clock() {
	begin
	repo r && cd r
	export BACKUP_INTERVAL=1
	git sk -q init
	git sk service stop
	mkdir -p "$XDG_CONFIG_HOME/safekeep" && printf '[watch]\nenabled = false\n' >"$XDG_CONFIG_HOME/safekeep/safekeep.ini"
	git sk -q service start
	within 20 sh -c "git sk service status | grep -q 'watch.enabled'"
	rm "$XDG_CONFIG_HOME/safekeep/safekeep.ini"
	sleep 2 && echo clock >>a.txt
	within 30 saved a.txt "$(cat a.txt)"
	git sk list | head -n 1 | grep -q schedule || die "not by the clock"
}

t_repository_goes_away() {
	begin
	repo r && repo s && repo t
	(cd r && git sk -q init) && (cd s && git sk -q init) && (cd t && git sk -q init)
	within 20 watched "$W/t"
	rm -rf r && mv s s2
	gone() { ! git sk service status | grep -qF "$1"; }
	within 20 gone "$W/r"
	within 20 gone "$W/s$(printf '\t')"
	watched "$W/t" || die "the third is gone too"
	hasnt "$XDG_STATE_HOME/safekeep/repos" "$W/r"
	# taken up again where it is now
	cd s2 && git sk -q init >/dev/null
	within 20 watched "$W/s2"
	git sk -q uninit >/dev/null
	within 20 gone "$W/s2"
}

t_linked_worktrees() {
	begin
	repo r && cd r && git sk -q init
	git worktree add -q ../linked -b other
	within 20 watched "$W/r"
	cd ../linked && git status >/dev/null
	within 20 watched "$W/linked"
	echo here >>a.txt
	within 30 saved a.txt "$(cat a.txt)"
	# one that lies in the other
	cd ../r && git worktree add -q inside -b third && cd inside && git status >/dev/null
	within 20 watched "$W/r/inside"
	echo inner >>a.txt
	within 30 saved a.txt "$(cat a.txt)"
	git -C .. status --porcelain=v2 >"$W/one"
	git -C .. -c core.fsmonitor=false status --porcelain=v2 >"$W/two"
	cmp "$W/one" "$W/two"
}

t_many_repositories() {
	begin
	local i
	git init -q first && (cd first && echo 1 >f && git add f && git commit -qm 1)
	mkdir many
	for i in $(seq "${SK_TEST_REPOS:-60}"); do
		cp -r first "many/$i"
		GIT_SK_NO_SERVICE=1 git -C "many/$i" sk -q init >/dev/null
	done
	git sk -q service start
	within 60 watched "$W/many/${SK_TEST_REPOS:-60}"
	echo x >>many/7/f
	cd many/7
	within 60 saved f "$(cat f)"
}

t_failure_is_tried_again() {
	[ "$(id -u)" != 0 ] || skip "root can write anywhere"
	begin
	repo r && cd r && git sk -q init
	within 20 watched "$PWD"
	chmod a-w .git/objects .git/objects/pack
	echo x >>a.txt
	trouble() { git sk service status | grep -q 'last backup failed'; }
	within 30 trouble
	chmod u+w .git/objects .git/objects/pack
	echo y >>a.txt && git stash -q
	within 100 sh -c '! git sk service status | grep -q "last backup failed"'
}

t_guard_through_the_service() {
	begin
	repo r && cd r && git sk -q init
	within 20 watched "$PWD"
	echo precious >>a.txt && git reset -q --hard
	hasnt a.txt precious
	git sk -q undo --yes
	has a.txt precious
	# nothing changed since: no new backup, and undo leads there all the same
	within 30 saved a.txt "$(cat a.txt)"
	sleep 1
	git checkout -q -f .
	git sk list >"$W/list"
	hasnt "$W/list" 'before git checkout'
	git sk -q undo --yes
	has a.txt precious
}

t_status_of_a_repository() {
	begin
	repo r && cd r
	code 10 git sk status
	git sk -q init
	within 20 watched "$PWD"
	code 0 git sk status
	has "$W.out" protected
	has "$W.out" 'service  running'
	code 0 git sk status --json
	has "$W.out" '"protected": true'
	eq "$(git sk status | wc -l | awk '{ print ($1 <= 24) }')" 1 "one screen"
	git sk service stop
	code 1 git sk status
	has "$W.out" 'git sk service start'
	git sk -q service start
	git update-ref "refs/sk/backup/20200101T000000Z" HEAD
	code 1 git sk status
	has "$W.out" 20200101T000000Z
	has "$W.out" damaged
}

t_unit_for_systemd() {
	begin
	export XDG_CONFIG_HOME=$W/config
	[ -e "${SK_BIN:-/nowhere}/../share/safekeep/systemd/safekeep.service" ] || skip "not installed"
	code 0 git sk service install
	has "$XDG_CONFIG_HOME/systemd/user/safekeep.service" 'git-sk" service run'
	hasnt "$XDG_CONFIG_HOME/systemd/user/safekeep.service" @GIT_SK@
}

run_tests
