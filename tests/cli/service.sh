# The background service: life and death, backups by itself, its socket.
. "$(dirname "$0")/lib.sh"

unset GIT_SK_NO_SERVICE
here=$(cd "${BASH_SOURCE%/*}" && pwd)

# begin: folders of this test alone (a socket's path is short), and nothing left running
begin() {
	export XDG_RUNTIME_DIR=$W/run XDG_STATE_HOME=$W/state HOME=$W
	mkdir -m 700 "$XDG_RUNTIME_DIR"
	trap 'end' EXIT
}
end() {
	git sk -q service stop >/dev/null 2>&1 || true
	# what a sanitizer finds in it, nobody else would see
	! grep -hE -A 20 'Sanitizer|runtime error' "$XDG_STATE_HOME"/safekeep/service.log* 2>/dev/null || exit 1
}
pid() { cut -d' ' -f1 "$XDG_RUNTIME_DIR/safekeep/lock"; }
# within SECONDS COMMAND...: until it succeeds; a generous limit, not a measurement
within() {
	local n=$(($1 * 10))
	shift
	until "$@" >/dev/null 2>&1; do
		n=$((n - 1))
		[ $n -gt 0 ] || { git sk service status && tail "$XDG_STATE_HOME/safekeep/service.log"; die "not within the time: $*"; }
		sleep 0.1
	done
}
# one that only waits for its parent to read its exit status does not live
alive() { grep -q '^State:[^ZX]*$' "/proc/$1/status" 2>/dev/null; }
dead() { ! alive "$1"; }
watched() { git sk service status | grep -qF "$(printf '%s\twatched' "$1")"; }
backups() { git for-each-ref refs/sk/backup | wc -l; }
# json KEYS: of the service's status
json() { git sk service status --json | python3 -c "import json,sys; print(json.load(sys.stdin)$1)"; }
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

t_started_while_another_one_ends() {
	begin
	repo r && cd r && git sk -q init
	within 20 watched "$PWD"
	local i before
	for i in 1 2 3; do
		# its backup waits for another one
		flock .git/sk/lock sleep 3 &
		echo $i >>a.txt
		within 20 sh -c 'git sk service status | grep -q "being made"'
		before=$(pid)
		kill "$before"
		code 0 git sk service start
		has "$W.out" started
		dead "$before" || die "it has not ended"
		alive "$(pid)" || die "none runs"
		wait
		within 30 saved a.txt "$(cat a.txt)"
	done
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
	export BACKUP_INTERVAL=1 XDG_CONFIG_HOME=$W/config
	git sk -q init
	git sk service stop
	mkdir -p "$XDG_CONFIG_HOME/safekeep" && printf '[watch]\nenabled = false\n' >"$XDG_CONFIG_HOME/safekeep/safekeep.ini"
	git sk -q service start
	within 20 sh -c "git sk service status | grep -q 'watch.enabled'"
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
	# taken up again where it is now, as soon as git works there, and for good
	cd s2 && git status >/dev/null
	within 20 watched "$W/s2"
	has "$XDG_STATE_HOME/safekeep/repos" "$W/s2"
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

t_each_working_tree_by_itself() {
	begin
	gone() { ! git sk service status | grep -qF "$(printf '%s\t' "$1")"; }
	saved_in() { (cd "$1" && saved "$2" "$3"); }
	repo lib && repo r && cd r && git sk -q init
	git worktree add -q ../l1 -b one && git worktree add -q ../l2 -b two
	local d
	for d in l1 l2; do git -C ../$d status >/dev/null && within 20 watched "$W/$d"; done
	for d in r l1 l2; do echo "$d" >>../$d/a.txt; done
	for d in r l1 l2; do within 30 saved_in ../$d a.txt "$(cat ../$d/a.txt)"; done
	git worktree remove --force ../l1
	within 20 gone "$W/l1"
	git sk list --all-worktrees --json | grep -q '"worktree": "l1"' || die "its backups are gone too"
	git worktree move ../l2 ../l3 && git -C ../l3 status >/dev/null
	within 20 watched "$W/l3"
	within 20 gone "$W/l2"
	echo moved >>../l3/a.txt
	within 30 saved_in ../l3 a.txt "$(cat ../l3/a.txt)"
	# a clone is another repository, and not enabled
	git clone -q --local . ../c && cd ../c
	git status >/dev/null && echo c >>a.txt && git commit -qam c
	gone "$W/c" || die "the clone is watched"
	code 10 git sk status
	git sk -q init && within 20 watched "$W/c"
	local before
	before=$(git -C ../r for-each-ref refs/sk | wc -l)
	echo d >>a.txt && within 30 saved a.txt "$(cat a.txt)"
	eq "$(git -C ../r for-each-ref refs/sk | wc -l)" "$before" "backups of the first"
	# a submodule, enabled by itself, and its files in the project's backups too
	cd ../r && git submodule --quiet add ../lib sub && git commit -qm sub && cd sub && git sk -q init
	within 20 watched "$W/r/sub"
	echo inner >>a.txt
	within 30 saved a.txt "$(cat a.txt)"
	echo inner >>../a.txt && within 30 saved_in .. a.txt "$(cat ../a.txt)"
	git reset -q --hard && git sk -q undo --yes && has a.txt inner
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

# Three at once, because each has to wait for its minute: a folder without permission, a full disk, a
# damaged configuration.
t_failure_is_said_and_tried_again() {
	begin
	local disk= names='d' root= n
	[ "$(id -u)" != 0 ] || root=1
	trouble() { git sk -C "$1" status | grep -qF "$2"; }
	fine() { git sk -C "$1" status; }
	if [ -n "$root" ]; then
		mkdir "$W/disk"
		if mount -t tmpfs -o size=40m none "$W/disk" 2>/dev/null; then
			disk=1 names='d disk/f'
			trap 'end; umount "$W/disk"' EXIT
		fi
	else
		names='d r'
	fi
	for n in $names; do
		repo "$n" && (cd "$n" && git sk -q init >/dev/null)
		within 20 watched "$W/$n"
	done
	if [ -z "$root" ]; then
		chmod a-w r/.git/objects r/.git/objects/pack
		echo x >>r/a.txt
		within 30 trouble r 'it tries again every minute'
	fi
	if [ -n "$disk" ]; then
		head -c 30000000 /dev/urandom >disk/f/fill
		within 30 trouble disk/f 'no space left on device'
		code 1 git sk -C disk/f status
		has "$W.out" 'not protected: the last backup is of'
		has "$W.out" 'make room'
	fi
	cp d/.git/config saved && echo '[core' >>d/.git/config
	git sk service stop && git sk -q service start >/dev/null
	git sk service status >"$W.out"
	has "$W.out" 'failed to parse config'
	has "$XDG_STATE_HOME/safekeep/repos" "$W/d"
	cp saved d/.git/config
	[ -n "$root" ] || chmod u+w r/.git/objects r/.git/objects/pack
	[ -z "$disk" ] || rm disk/f/fill
	within 100 watched "$W/d"
	for n in $names; do
		within 100 fine "$n"
		git -C "$n" fsck --no-dangling
	done
	[ -z "$disk" ] || { mount -o remount,ro "$W/disk" && code 1 git sk -C disk/f status && has "$W.out" 'cannot be written to'; }
}

t_guard_through_the_service() {
	begin
	repo r && cd r && git sk -q init
	within 20 watched "$PWD"
	echo precious >>a.txt && git reset -q --hard
	hasnt a.txt precious
	git sk -q undo --yes
	has a.txt precious
	# the service saved it already: it gets its label, and undo leads there
	within 30 saved a.txt "$(cat a.txt)"
	sleep 1
	git checkout -q -f .
	git sk list >"$W/list"
	has "$W/list" 'before git checkout'
	git sk -q undo --yes
	has a.txt precious
}

# What is asked beside backups: what changed before it is unsaved still.
t_no_backup_is_not_taken_for_one() {
	begin
	repo r && cd r && git sk -q init
	within 20 watched "$PWD"
	for event in impact tips; do
		sleep 1
		echo late >$event.txt
		python3 - "$XDG_RUNTIME_DIR/safekeep/socket" "$PWD" $event <<-'END'
			import socket, struct, sys
			s = socket.socket(socket.AF_UNIX)
			s.connect(sys.argv[1])
			data = "\0".join([sys.argv[2], sys.argv[3], "git commit", sys.argv[2] + "/.git", ""]).encode()
			s.sendall(b"SK\1g" + struct.pack("<I", len(data)) + data)
			answer = s.recv(4096)
			sys.exit(answer[8:9] != b"0")
		END
		within 30 saved $event.txt late
	done
}

t_clock_set_back() {
	begin
	repo r && cd r && git sk -q init
	within 20 watched "$PWD"
	echo future >>a.txt
	case $(SK_TEST_NOW=$(($(date +%s) + 86400)) git sk backup -m 'of tomorrow') in
	"$(date -u -d tomorrow +%Y%m%d)"*) ;;
	*) skip "not built for tests" ;;
	esac
	local before
	before=$(backups)
	echo now >>a.txt
	within 30 sh -c "[ \$(git for-each-ref refs/sk/backup | wc -l) -gt $before ]"
	# with a label of its own, so that the next command finds nothing to save
	git sk -q backup -m 'of today' >/dev/null
	sleep 2
	cp a.txt ../was
	git checkout -q -f . && git sk -q undo --yes
	cmp a.txt ../was
	git sk prune --dry-run >"$W.out" 2>&1
	grep -q 'future$' "$W.out" || die "the one from the future is not kept"
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

t_status_fits_one_screen() {
	begin
	repo r && cd r && git sk -q init
	within 20 watched "$PWD"
	# screen CODE TEXT...: on 24 lines of 80 columns, with these words
	screen() {
		local t
		code "$1" git sk status && shift
		[ "$(fold -w 80 "$W.out" | wc -l)" -le 23 ] || { cat "$W.out" >&2; die "more than a screen"; }
		for t in "$@"; do has "$W.out" "$t"; done
	}
	screen 0 protected 'as far back as' 'service  running' 'for all backups'
	local i
	for i in 1 2 3 4 5 6 7 8; do echo $i >>a.txt && git sk -q backup -m "$(printf 'a title of many words %.0s' 1 2 3 4 5 6 7 8)" >/dev/null; done
	screen 0 'more: git sk list'
	rm .git/hooks/*
	screen 1 'protected in part' 'hooks    not all in place' "'git sk init'"
	git config --unset core.fsmonitor
	screen 1 'guard    not in place'
	printf '[retention]\nkeep_last = many\n[nonsense]\nx = y\n' >.git/sk/safekeep.ini
	git sk service stop
	screen 1 'mend that setting' 'git sk service start'
	git sk -q init >/dev/null && git sk -q service start >/dev/null && rm .git/sk/safekeep.ini
	within 20 watched "$PWD"
	screen 0 protected
	[ "$(id -u)" != 0 ] || return 0
	chmod a-w .git/sk
	screen 1 'not protected: the last backup is of' 'cannot be written to'
	chmod u+w .git/sk
}

t_changed_settings_are_followed() {
	begin
	repo r && cd r && git sk -q init
	within 20 watched "$PWD"
	printf '[backup]\ninterval = 7m\n[watch]\nenabled = false\n' >.git/sk/safekeep.ini
	echo x >>a.txt
	within 30 sh -c 'git sk service status --json | grep -q "\"interval_seconds\": 420"'
	within 30 sh -c 'git sk service status | grep -q watch.enabled'
	rm .git/sk/safekeep.ini && git sk -q init >/dev/null
	within 30 watched "$PWD"
}

t_not_used_where_it_is_not_wanted() {
	begin
	repo r && repo s && (cd r && git sk -q init) && cd s && git sk -q init --no-service
	git status >/dev/null
	git sk service stop && git sk -q service start >/dev/null
	within 20 watched "$W/r"
	eq "$(json "['repos'][0]['path']")" "$W/r"
	eq "$(json "['repos'].__len__()")" 1 "working trees"
	cd ../r && git sk -q init --no-service
	eq "$(json "['repos'].__len__()")" 0 "working trees"
}

t_fewer_watches_than_folders() {
	begin
	export SK_TEST_WATCHES=40
	repo big && repo small && (cd big && mkdir -p $(seq -f d/%g 60) && for i in d/*; do echo x >$i/f; done && git add -A && git commit -qm many)
	export BACKUP_INTERVAL=1
	(cd small && git sk -q init)
	[ "$(json "['inotify_limit']")" -lt 40 ] || skip "not built for tests"
	(cd big && git sk -q init)
	within 20 watched "$W/small"
	within 20 sh -c "git sk service status | grep -q 'fs.inotify.max_user_watches'"
	[ "$(json "['inotify_watches']")" -le 35 ] || die "it takes more than it may"
	cd big
	code 1 git sk status
	has "$W.out" max_user_watches
	# all the same: by the clock, and before git commands
	echo clock >>d/7/f
	within 30 saved d/7/f "$(cat d/7/f)"
	echo guard >>d/8/f && git reset -q --hard && git sk -q undo --yes
	has d/8/f guard
	eq "$(git status --porcelain)" ' M d/7/f
 M d/8/f'
}

t_ignored_folders_are_not_watched() {
	begin
	repo r && cd r && echo node_modules/ >.gitignore && git add -A && git commit -qm i
	mkdir -p $(seq -f node_modules/p%g/lib 200) && mkdir -p $(seq -f x/y%g 10)
	git sk -q init
	within 20 watched "$PWD"
	# the top, src, src/lib, x with ten below; two of git's; node_modules itself not
	eq "$(json "['repos'][0]['folders']")" 16 folders
	[ "$(json "['inotify_watches']")" -le 20 ] || die "more watches than folders"
	mkdir -p node_modules/more/deep && echo x >node_modules/more/deep/f
	sleep 1
	eq "$(json "['repos'][0]['folders']")" 16 folders
}

t_asleep_when_nothing_happens() {
	begin
	local i
	for i in 1 2 3; do repo r$i && (cd r$i && git sk -q init); done
	for i in 1 2 3; do within 20 watched "$W/r$i"; done
	quiet() { ! git sk service status | grep -q 'being made'; }
	sleep 3 && within 30 quiet
	waits() { awk '/ctxt_switches/ { n += $2 } END { print n }' "/proc/$(pid)/status"; }
	local before after
	before=$(waits) && sleep 10 && after=$(waits)
	[ $((after - before)) -le 2 ] || die "it woke up $((after - before)) times in 10 s"
	# the clock it sleeps by goes on in suspend, and is not the calendar's: CLOCK_BOOTTIME is 7
	grep -l '^clockid: 7$' "/proc/$(pid)/fdinfo/"* >/dev/null || die "another clock"
}

t_ignored_log_costs_little() {
	begin
	repo r && cd r && echo '*.log' >.gitignore && git add -A && git commit -qm i && git sk -q init
	within 20 watched "$PWD"
	sleep 2
	reads() { awk '/^rchar/ { print $2 }' "/proc/$(pid)/io"; }
	[ -r "/proc/$(pid)/io" ] || skip "no accounting"
	local before after size
	size=$(stat -c %s .git/index) before=$(reads)
	for i in $(seq 300); do echo $i >>x.log; sleep 0.01; done
	after=$(reads)
	[ $(((after - before) / (size + 200))) -lt 100 ] || die "the index is read for each line: $((after - before)) bytes"
}

t_killed_while_it_saves() {
	begin
	repo r && cd r && git sk -q init
	within 20 watched "$PWD"
	local i how
	for how in KILL KILL TERM TERM; do
		for i in $(seq 1500); do echo "$how $i" >"f$i"; done
		sleep 0.6
		kill -$how "$(pid)"
		git fsck --no-dangling --no-progress
		git sk -q service start >/dev/null
		within 60 saved f1500 "$how 1500"
		[ ! -e .git/index.lock ] || die "index.lock is left"
	done
}

t_socket_takes_rubbish() {
	begin
	local rounds=${SK_TEST_ROUNDS:-1500}
	# what was freed is kept back for a while by the sanitizer
	export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}quarantine_size_mb=0:thread_local_quarantine_size_kb=0
	repo r && cd r && git sk -q init
	within 20 watched "$PWD"
	python3 "$here/service_fuzz.py" "$XDG_RUNTIME_DIR/safekeep/socket" "$(pid)" "$PWD" "$rounds" "${SK_TEST_SEED:-1}"
	echo after >>a.txt
	within 30 saved a.txt "$(cat a.txt)"
	echo guard >>a.txt && git reset -q --hard && git sk -q undo --yes
	has a.txt guard
}

# connect: what another program gets from the socket; it waits for up to 10 s
connect() {
	python3 -c '
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.settimeout(10)
s.connect(sys.argv[1])
try:
    s.sendall(b"SK\1p\0\0\0\0")
    print(len(s.recv(65536)))
except (ConnectionResetError, BrokenPipeError):
    print(0)' "$XDG_RUNTIME_DIR/safekeep/socket"
}

t_only_for_its_user() {
	begin
	git sk -q service start >/dev/null
	[ "$(connect)" -gt 20 ] || die "no answer for ourselves"
	eq "$(stat -c %a "$XDG_RUNTIME_DIR/safekeep")" 700
	eq "$(stat -c %a "$XDG_RUNTIME_DIR/safekeep/socket")" 600
	[ "$(id -u)" = 0 ] || skip "only root can become somebody else"
	# though the folders let him pass
	chmod 711 "$SCRATCH" "$W" "$XDG_RUNTIME_DIR" "$XDG_RUNTIME_DIR/safekeep" && chmod 666 "$XDG_RUNTIME_DIR/safekeep/socket"
	eq "$(declare -f connect >"$W/f.sh" && chmod a+r "$W/f.sh" && setpriv --reuid 65534 --regid 65534 --clear-groups bash -c ". '$W/f.sh'; connect")" 0 "bytes for another user"
	[ "$(connect)" -gt 20 ] || die "no answer for ourselves"
}

t_out_of_descriptors() {
	begin
	git sk -q service start >/dev/null
	local p
	p=$(pid)
	prlimit --pid "$p" --nofile=24:24 || skip "no prlimit"
	ticks() { awk '{ print $14 + $15 }' "/proc/$p/stat"; }
	local before
	before=$(ticks)
	python3 -c '
import socket, sys, time
held = []
for i in range(60):
    s = socket.socket(socket.AF_UNIX)
    s.connect(sys.argv[1])
    held.append(s)
time.sleep(3)' "$XDG_RUNTIME_DIR/safekeep/socket"
	[ $(($(ticks) - before)) -lt 100 ] || die "it spins: $(($(ticks) - before)) ticks"
	within 20 git sk service status
	eq "$(pid)" "$p"
}

t_crontab_line() {
	begin
	mkdir "$W/100% mine" && export XDG_RUNTIME_DIR="$W/100% mine" && chmod 700 "$XDG_RUNTIME_DIR"
	code 0 git sk service ensure --cron
	eq "$(wc -l <"$W.out")" 1
	grep -q '^\*/5 \* \* \* \* ' "$W.out" || die "no crontab line"
	# as cron does it: '\%' is '%', and sh runs what comes after the five fields
	env -i HOME="$HOME" PATH=/usr/bin:/bin sh -c "$(sed 's/^[^ ]* \* \* \* \* //; s/\\%/%/g' "$W.out")" >"$W/said" 2>&1
	[ ! -s "$W/said" ] || { cat "$W/said"; die "cron would send mail"; }
	within 20 git sk service status
}

# a git-sk of this test alone, to be replaced and removed
own_program() {
	local from
	from=$(dirname "$(readlink -f "$(command -v git-sk)")")
	mkdir -p p/bin
	cp "$from/git-sk" "$from/git-sk-hook" p/bin
	ln -s git-sk-hook p/bin/git-sk-fsmonitor
	PATH=$W/p/bin:$PATH
}
# as dpkg does it
upgrade() { cp p/bin/git-sk p/bin/new && mv p/bin/new p/bin/git-sk; }
logged() { [ "$(grep -cF "$1" "$XDG_STATE_HOME/safekeep/service.log")" = "$2" ]; }

t_program_replaced_is_said() {
	begin
	own_program
	repo r
	cd r
	git sk init -q
	local before
	before=$(pid)
	eq "$(json '["outdated"]')" False
	(cd .. && upgrade)
	eq "$(json '["outdated"]')" True
	git sk service status >../status
	has ../status "'git sk service ensure'"
	git sk status | grep -qF "upgraded since" || die "status says nothing"
	# it goes on meanwhile
	echo 1 >seen
	within 20 saved seen 1
	eq "$(pid)" "$before"
	code 0 git sk service ensure
	has "$W.err" 'the new one'
	[ "$(pid)" != "$before" ] || die "the old one runs on"
	dead "$before" || die "the old one lives"
	eq "$(json '["outdated"]')" False
	code 0 git sk service ensure
	has "$W.err" 'the service is running'
	before=$(pid)
	(cd .. && upgrade)
	git sk health --fix --json >../health || true
	[ "$(pid)" != "$before" ] || die "health --fix left the old one"
	within 20 watched "$W/r"
}

t_program_replaced_goes_over() {
	begin
	own_program
	repo r
	cd r
	export SK_TEST_LOOK_MS=1
	git sk init -q
	within 20 watched "$W/r"
	local p
	p=$(pid)
	# one that does not start yet is not gone over to
	mv ../p/bin/git-sk ../p/bin/kept
	printf '#!/bin/sh\nexit 127\n' >../p/bin/git-sk
	chmod 755 ../p/bin/git-sk
	echo 1 >seen
	PATH=${PATH#*:}
	within 20 saved seen 1
	logged 'takes over' 0
	mv ../p/bin/kept ../p/bin/git-sk
	# that is the very file that runs: nothing to do
	echo 2 >seen
	within 20 saved seen 2
	logged 'takes over' 0
	(cd .. && upgrade)
	echo 3 >seen
	within 20 logged 'takes over' 1
	within 20 logged 'started, process' 2
	within 20 watched "$W/r"
	eq "$(pid)" "$p"
	eq "$(json '["outdated"]')" False
	within 20 saved seen 3
	echo 4 >seen
	within 20 saved seen 4
}

t_program_removed() {
	begin
	own_program
	repo r
	cd r
	export SK_TEST_LOOK_MS=1
	git sk init -q
	within 20 watched "$W/r"
	local p
	p=$(pid)
	rm -r ../p
	PATH=${PATH#*:}
	echo 1 >seen
	within 20 dead "$p"
	has "$XDG_STATE_HOME/safekeep/service.log" 'the program was removed'
	# git goes on without it
	git add seen
	git commit -qm "without it" 2>/dev/null
	git config --unset core.fsmonitor
	eq "$(git status --short 2>&1)" ""
}

t_unit_for_systemd() {
	begin
	export XDG_CONFIG_HOME=$W/config
	[ -e "${SK_BIN:-/nowhere}/../share/safekeep/systemd/safekeep.service" ] || skip "not installed"
	local unit=$XDG_CONFIG_HOME/systemd/user/safekeep.service
	git sk -q service start >/dev/null
	# where there is no systemd, it says what to do
	mkdir bin && printf '#!/bin/sh\nexit 1\n' >bin/systemctl && chmod 755 bin/systemctl
	PATH=$W/bin:$PATH code 0 git sk service install
	has "$W.out" 'systemctl --user enable --now safekeep'
	has "$unit" 'git-sk" service run'
	hasnt "$unit" @GIT_SK@
	git sk service status >/dev/null
	# where there is one: the service that runs makes room, and the unit's command is the next one
	cat >bin/systemctl <<-'EOF'
		#!/bin/sh
		echo "$*" >>"$W/asked"
		[ "$2" != start ] || setsid sh -c "$(sed -n 's/^ExecStart=//p' "$XDG_CONFIG_HOME/systemd/user/safekeep.service")" >/dev/null 2>"$W/journal" </dev/null &
	EOF
	local before
	before=$(pid)
	PATH=$W/bin:$PATH code 0 git sk service install
	has "$W.out" 'enabled it'
	has "$W/asked" '--user enable safekeep.service'
	within 20 git sk service status
	[ "$(pid)" != "$before" ] || die "the old one runs on"
	within 20 grep -q started "$W/journal"
	# a second one by the unit ends with what its SuccessExitStatus says
	code 11 git sk service run
	has "$unit" 'SuccessExitStatus=11'
}

run_tests
