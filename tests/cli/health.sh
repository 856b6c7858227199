# git sk health: each check, what it says to type, --fix, and that nothing of it hurts.
. "$(dirname "$0")/lib.sh"

# begin: a repository, and folders of this test alone
begin() {
	export XDG_RUNTIME_DIR=$W/run XDG_STATE_HOME=$W/state XDG_CONFIG_HOME=$W/config
	mkdir -m 700 "$XDG_RUNTIME_DIR"
	mkdir -p "$XDG_CONFIG_HOME/safekeep"
	repo r && cd r && git sk init -q >/dev/null
}
# with the service: stopped in the end
service() {
	unset GIT_SK_NO_SERVICE
	trap 'git sk -q service stop >/dev/null 2>&1 || true' EXIT
}
setting() { printf '%s\n' "$@" >"$XDG_CONFIG_HOME/safekeep/safekeep.ini"; }
# of NAME: "STATUS DETAIL" of the last output of --json
of() { python3 -c 'import json,sys
for c in json.load(open(sys.argv[1]))["checks"]:
    if c["name"] == sys.argv[2]: print(c["status"], c["detail"])' "$W.out" "$1"; }
# is NAME STATUS [WORDS]
is() {
	local got
	got=$(of "$1")
	case $got in "$2 "*"${3:-}"*) ;; *) die "$1 is '$got', not '$2 ...${3:-}'" ;; esac
}
verdict() { python3 -c 'import json,sys; print(json.load(open(sys.argv[1]))["healthy"])' "$W.out"; }
# old FILE SECONDS: as if it were that old
old() { touch -h -d "@$(($(date +%s) - $2))" "$1"; }

t_all_checks_are_there() {
	begin
	code 0 git sk health --json
	eq "$(python3 -c 'import json,sys; print(*[c["name"] for c in json.load(open(sys.argv[1]))["checks"]])' "$W.out")" \
		"backup_service recent_backups approved_revisions disk_space database application hooks integrity watcher locks temporary_packs remotes vaults configuration conversations configuration_backups plugins"
	is backup_service off GIT_SK_NO_SERVICE
	is recent_backups ok
	is approved_revisions warn "git sk revise"
	is database off "[health] database = COMMAND"
	is application off "[health] application = COMMAND"
	is hooks ok
	is integrity ok
	eq "$(verdict)" True
	git sk revise -q Good >/dev/null
	code 0 git sk health
	eq "$(grep -c . "$W.out")" 18
	eq "$(tail -n 1 "$W.out")" healthy
	cd .. && code 10 git sk health
	repo plain && cd plain && code 10 git sk health --json
}

t_service_down_and_up_again() {
	service
	begin
	code 0 git sk health --json
	is backup_service ok "running, process"
	git sk service stop >/dev/null
	code 1 git sk health --json
	is backup_service fail "git sk health --fix"
	eq "$(verdict)" False
	code 0 git sk health --fix --json
	is backup_service ok "it was down; it is running now"
	code 0 git sk health --json
	is backup_service ok
	git sk service status >/dev/null
	# killed
	kill -9 "$(cut -d' ' -f1 "$XDG_RUNTIME_DIR/safekeep/lock")"
	code 0 git sk health --fix
	has "$W.out" "fixed backup_service"
}

t_service_that_hangs() {
	service
	begin
	hung=$(cut -d' ' -f1 "$XDG_RUNTIME_DIR/safekeep/lock")
	trap 'kill -CONT $hung; git sk -q service stop >/dev/null 2>&1 || true' EXIT
	kill -STOP "$hung"
	code 1 git sk health --json
	is backup_service fail "does not answer"
	kill -CONT "$hung"
	code 0 git sk health --json
	is backup_service ok
}

t_service_that_cannot_be_started() {
	[ "$(id -u)" != 0 ] || skip "root may write anywhere"
	service
	begin
	git sk service stop >/dev/null
	chmod 500 "$XDG_RUNTIME_DIR" "$XDG_RUNTIME_DIR"/* 2>/dev/null
	rm -rf "$XDG_STATE_HOME/safekeep/service.log" && mkdir "$XDG_STATE_HOME/safekeep/service.log" 2>/dev/null || true
	chmod 500 "$XDG_STATE_HOME/safekeep"
	code 1 git sk health --fix --json
	is backup_service fail "starting it did not work"
	chmod 700 "$XDG_STATE_HOME/safekeep" "$XDG_RUNTIME_DIR" "$XDG_RUNTIME_DIR"/*
}

t_not_used_here() {
	begin
	git sk uninit -q >/dev/null && git sk init -q --no-service --no-hooks >/dev/null
	unset GIT_SK_NO_SERVICE
	code 0 git sk health --fix --json
	is backup_service off "no-service"
	is hooks warn
	! git sk service status >/dev/null 2>&1 || die "it was started"
}

t_age_of_the_newest_backup() {
	begin
	setting '[health]' 'max_age = 1s'
	sleep 2
	code 0 git sk health --json
	is recent_backups ok "no file changed since"
	echo more >>a.txt
	code 1 git sk health --json
	is recent_backups fail "git sk backup"
	git sk backup -q >/dev/null
	setting '[health]' 'max_age = 1h'
	echo more >>a.txt
	code 0 git sk health --json
	is recent_backups ok
	setting '[health]' 'max_age = never'
	code 0 git sk health --json
	for r in $(git for-each-ref --format='%(refname)' refs/sk/backup refs/sk/meta); do git update-ref -d "$r"; done
	code 1 git sk health --json
	is recent_backups fail "there is no backup yet"
}

t_commands() {
	begin
	setting '[health]' 'database = echo 42 rows; exit 0' 'application = echo broken >&2; exit 3'
	code 1 git sk health --json
	is database ok "42 rows"
	is application fail "exit status 3: broken"
	# at the top of the worktree, with nothing to read, and not as if git had started it
	setting '[health]' 'database = test -e a.txt && ! read x && test -z "$GIT_DIR$GIT_INDEX_FILE"' 'application = no-such-program'
	cd src
	code 1 env GIT_DIR="$W/r/.git" GIT_WORK_TREE="$W/r" git sk health --json
	is database ok
	is application fail "not there"
	cd ..
	# a command is never printed: it may have a password
	setting '[health]' 'database = PGPASSWORD=hunter2 true' 'application = kill -SEGV $$'
	code 1 git sk health --json
	hasnt "$W.out" hunter2
	is application fail "signal 11"
	# what it prints must do the terminal no harm
	setting '[health]' 'database = printf "\033]0;x\007\nhidden"'
	code 0 git sk health
	! grep -q "$(printf '\033')" "$W.out" || die "a control character came through"
	hasnt "$W.out" hidden
	# and may be as long as it likes
	setting '[health]' 'database = head -c 5000000 /dev/zero; exit 1'
	code 1 git sk health --json
	is database fail "exit status 1"
}

t_a_command_that_hangs_is_ended_with_all_it_started() {
	begin
	for ms in 300 3000 30000; do # the shell has to come so far, on a slow machine too
		setting '[health]' "timeout = ${ms}ms" 'database = sleep 1234 & echo $! >../child; sleep 4321'
		code 1 git sk health --json
		is database fail "no answer within $ms ms"
		[ ! -s ../child ] || break
	done
	for i in $(seq 50); do
		[ -e "/proc/$(cat ../child)" ] && grep -q '^State:[^ZX]*$' "/proc/$(cat ../child)/status" || break
		sleep 0.1
	done
	! grep -qs '^State:[^ZX]*$' "/proc/$(cat ../child)/status" || die "what it started lives on"
	# one that leaves something in the background has answered all the same
	setting '[health]' 'timeout = 60s' 'database = sleep 77 & echo $! >../child; echo fine'
	code 0 git sk health --json
	is database ok fine
	kill "$(cat ../child)"
}

t_commands_of_the_project_are_not_run() {
	begin
	printf '[health]\ndatabase = touch ../ran\napplication = touch ../ran\nmin_free = 1\nmax_age = never\ntimeout = 1h\n' >.safekeep.ini
	code 0 git sk health --json
	[ ! -e ../ran ] || die "it ran"
	is database off
	is configuration warn "git sk trust"
	git sk trust --yes >/dev/null 2>&1 || git sk trust >/dev/null
	code 0 git sk health --json
	[ -e ../ran ]
	is configuration ok
}

t_sqlite() {
	python3 -c 'import sqlite3' 2>/dev/null || skip "python has no sqlite"
	begin
	python3 - <<-'END'
	import sqlite3
	db = sqlite3.connect("app.db")
	db.execute("create table t (x)")
	db.executemany("insert into t values (?)", [("x" * 500,) for i in range(500)])
	db.commit()
	END
	setting '[health]' 'database = sqlite:app.db'
	before=$(sha1sum <app.db)
	code 0 git sk health --json
	case $(of database) in warn*libsqlite3*) skip "no libsqlite3" ;; esac
	is database ok "sqlite:app.db"
	printf 'garbage garbage garbage' | dd of=app.db bs=1 seek=20480 conv=notrunc 2>/dev/null
	dd if=/dev/zero of=app.db bs=4096 seek=4 count=20 conv=notrunc 2>/dev/null
	code 1 git sk health --json
	is database fail
	echo "not a database at all, but quite some text to read" >app.db
	code 1 git sk health --json
	is database fail "not a database"
	setting '[health]' 'database = sqlite:none.db'
	code 1 git sk health --json
	is database fail "there is no file"
	[ ! -e none.db ] || die "it was made"
}

t_http() {
	begin
	python3 - "$W" <<-'END' &
	import http.server, sys
	class H(http.server.BaseHTTPRequestHandler):
	    def do_GET(self):
	        if self.path == "/big":
	            self.send_response(200); self.end_headers()
	            try:
	                for i in range(1000): self.wfile.write(b"x" * 100000)
	            except OSError: pass
	            return
	        if self.path == "/to-file":
	            self.send_response(302); self.send_header("Location", "file:///etc/passwd"); self.end_headers(); return
	        self.send_response(200 if self.path == "/well" else 503); self.end_headers()
	    def log_message(self, *a): pass
	s = http.server.HTTPServer(("127.0.0.1", 0), H)
	open(sys.argv[1] + "/port.tmp", "w").write(str(s.server_port))
	import os; os.rename(sys.argv[1] + "/port.tmp", sys.argv[1] + "/port")
	s.serve_forever()
	END
	server=$!
	trap 'kill $server' EXIT
	for i in $(seq 100); do [ ! -e "$W/port" ] || break; sleep 0.1; done
	at=127.0.0.1:$(cat "$W/port")
	export no_proxy='*' NO_PROXY='*'
	setting '[health]' "application = http://user:hunter2@$at/well"
	code 0 git sk health --json
	case $(of application) in warn*libcurl*) skip "no libcurl" ;; esac
	is application ok "it answers 200"
	hasnt "$W.out" hunter2
	setting '[health]' "application = http://$at/ill"
	code 1 git sk health --json
	is application fail "it answers 503"
	setting '[health]' "application = http://$at/big"
	code 0 git sk health --json
	is application ok
	setting '[health]' "application = http://$at/to-file"
	code 1 git sk health --json
	hasnt "$W.out" root:
	kill $server
	trap - EXIT
	wait $server 2>/dev/null || true
	setting '[health]' "application = http://$at/well"
	code 1 git sk health --json
	is application fail
}

t_nobody_else_loads_curl_or_sqlite() {
	command -v ldd >/dev/null || skip "no ldd"
	ldd "$(command -v git-sk)" >"$W.libs"
	! grep -E 'curl|sqlite' "$W.libs" || die "git-sk is linked with them"
}

t_hooks_displaced_are_put_back() {
	begin
	rm .git/hooks/pre-commit
	git config --unset core.fsmonitor
	code 1 git sk health --json
	is hooks fail "git sk init"
	! of hooks | grep -q "is now ''" || die "odd words"
	code 0 git sk health --fix --json
	is hooks ok "put back"
	code 0 git sk health --json
	is hooks ok
	[ -x .git/hooks/pre-commit ]
	[ -n "$(git config core.fsmonitor)" ]
}

t_disk() {
	begin
	setting '[health]' 'min_free = 100000000G'
	code 0 git sk health --json
	is disk_space warn "min_free"
	setting '[health]' 'min_free = 1' '[retention]' 'disk_budget = 100K'
	head -c 90000 /dev/urandom >big && git sk backup -q >/dev/null && rm big
	code 0 git sk health --json
	is disk_space warn disk_budget
}

# the oldest go, but neither the newest nor what was approved
t_disk_budget_is_kept() {
	begin
	setting '[retention]' 'disk_budget = 300K'
	head -c 200000 /dev/urandom >big && git sk revise -q Approved >/dev/null
	for i in 1 2 3 4; do
		head -c 150000 /dev/urandom >big
		sleep 1.1
		ids="${ids:-} $(git sk backup -q)"
	done
	git sk prune -q >/dev/null
	left=$(git sk list -z backups | tr '\0' '\n' | sort)
	for i in $ids; do newest=$i; done
	eq "$(echo "$left" | tail -n 1)" "$newest"
	set -- $ids
	! echo "$left" | grep -qxF "$1" || die "the oldest is still there: $left"
	eq "$(git sk list -z revisions | tr '\0' '\n' | wc -l)" 1
	code 0 git sk health --json
	is disk_space warn disk_budget
	git sk cat Approved big >/dev/null
}

t_integrity_goes_round() {
	begin
	for i in 1 2 3; do
		sleep 1.1
		echo "state $i" >a.txt
		git sk backup -q >/dev/null
	done
	seen=
	for i in 1 2 3 4; do
		code 0 git sk health --json
		is integrity ok "is whole"
		seen="$seen$(of integrity | grep -o '[0-9]*T[0-9]*Z')
"
	done
	eq "$(printf %s "$seen" | sort -u | wc -l)" 4
	eq "$(printf %s "$seen" | sort -u)" "$(git sk list -z | tr '\0' '\n' | sort)"
}

t_integrity_goes_on_within_a_large_one() {
	begin
	mkdir -p d/e f && for i in $(seq 600); do echo $i >d/e/$i; echo $i >f/$i; done
	git sk backup -q >/dev/null
	for i in 1 2 3; do
		code 0 git sk health --json
		cat .git/sk/health-sample >>../cursors && echo >>../cursors
	done
	# three times in the same entry, further each time, then past its end
	eq "$(grep -c '^d/e/' ../cursors)" 1
	eq "$(grep -c '^f/' ../cursors)" 1
	# a note that makes no sense costs nothing
	for text in '' garbage "$(printf 'refs/sk/backup/x\n../../etc/passwd')" "$(head -c 100000 /dev/zero | tr '\0' x)"; do
		printf %s "$text" >.git/sk/health-sample
		code 0 git sk health --json
		is integrity ok
	done
	printf '%s\nno/such/path' "$(git for-each-ref --format='%(refname)' refs/sk/backup | tail -n 1)" >.git/sk/health-sample
	code 0 git sk health --json
	code 0 git sk health --json
	is integrity ok
}

t_integrity_finds_damage() {
	begin
	head -c 3000 /dev/urandom >only && git sk backup -q >/dev/null
	git sk list; cat .git/sk/health-sample || true
	blob=$(git rev-parse refs/sk/backup/"$(git sk list -z | tr '\0' '\n' | head -n 1)":only)
	# out of its pack, and with other bytes
	for p in .git/objects/pack/*.pack; do mv "$p" ../p && rm -f "${p%.pack}".* && git unpack-objects -q <../p; done
	o=.git/objects/${blob%${blob#??}}/${blob#??}
	chmod u+w "$o" && rm "$o"
	code 1 git sk health --json
	is integrity fail "at only"
	printf 'blob 3\0abc' | python3 -c 'import sys,zlib; sys.stdout.buffer.write(zlib.compress(sys.stdin.buffer.read()))' >"$o"
	code 1 git sk health --json
	is integrity fail "git sk verify"
	eq "$(verdict)" False
}

t_stale_locks() {
	begin
	: >.git/index.lock
	code 0 git sk health --json
	is locks ok "git is at work"
	old .git/index.lock 5000
	mkdir -p .git/refs/sk/backup && : >.git/refs/sk/backup/x.lock && old .git/refs/sk/backup/x.lock 5000
	code 1 git sk health --json
	is locks fail "git sk health --fix"
	code 0 git sk health --fix --json
	is locks ok removed
	[ ! -e .git/index.lock ] && [ ! -e .git/refs/sk/backup/x.lock ]
	# one that somebody holds
	: >.git/index.lock && old .git/index.lock 5000
	sleep 60 9<.git/index.lock &
	holder=$!
	code 0 git sk health --fix --json
	is locks warn "$holder"
	[ -e .git/index.lock ] || die "it was taken from its holder"
	kill $holder && wait $holder 2>/dev/null || true
	code 0 git sk health --fix --json
	[ ! -e .git/index.lock ]
	# a lock of ours is one that the kernel lets go: never removed
	[ -e .git/sk/lock ]
}

t_git_at_work_keeps_its_lock() {
	begin
	: >.git/index.lock && old .git/index.lock 5000
	mkfifo ../fifo
	git cat-file --batch <../fifo >/dev/null &
	exec 8>../fifo
	code 0 git sk health --fix --json
	is locks warn "let it end"
	[ -e .git/index.lock ]
	exec 8>&-
	wait
}

t_unfinished_packs() {
	begin
	head -c 5000 /dev/zero >.git/objects/pack/tmp_pack_Ab12Cd
	code 0 git sk health --json
	is temporary_packs ok
	mkdir -p .git/objects/ab && : >.git/objects/ab/tmp_obj_x
	old .git/objects/pack/tmp_pack_Ab12Cd 7200 && old .git/objects/ab/tmp_obj_x 7200
	code 0 git sk health --json
	is temporary_packs warn "2 files"
	packs=$(ls .git/objects/pack/*.pack | wc -l)
	code 0 git sk health --fix --json
	is temporary_packs ok removed
	[ ! -e .git/objects/pack/tmp_pack_Ab12Cd ]
	eq "$(ls .git/objects/pack/*.pack | wc -l)" "$packs"
	git fsck --strict --no-dangling
}

t_remotes_that_backups_would_be_sent_to() {
	begin
	git remote add origin ../x
	code 0 git sk health --json
	is remotes ok
	git init -q --bare ../m.git
	git remote add --mirror=push m ../m.git
	code 0 git sk health --json
	is remotes warn "mirror 'm'"
	# what it says to type does it
	of remotes | sed 's/.*alone: //' >../type
	sh -e ../type
	code 0 git sk health --json
	is remotes ok
	git push -q m
	eq "$(git -C ../m.git for-each-ref refs/sk)" ""
	git config remote.origin.push '+refs/*:refs/*'
	code 0 git sk health --json
	is remotes warn "remote.origin.push"
}

t_vaults() {
	begin
	code 0 git sk health --json
	is vaults off "git sk vault add"
	git sk vault add disk ../vault >/dev/null
	code 0 git sk health --json
	is vaults warn "git sk vault push disk"
	git sk vault push disk >/dev/null
	code 0 git sk health --json
	is vaults ok "disk pushed to"
	rm -rf ../vault && echo no vault >../vault
	echo more >>a.txt && git sk backup -q >/dev/null
	git sk vault push disk >/dev/null 2>&1 || true
	code 0 git sk health --json
	of vaults | grep -q "the last try failed" || die "$(of vaults)"
}

t_a_read_only_disk() {
	[ "$(id -u)" != 0 ] || skip "root may write anywhere"
	begin
	chmod -R a-w .git
	code 1 git sk health --fix --json
	is disk_space fail "cannot be written to"
	is hooks warn "not looked at"
	chmod -R u+w .git
}

t_many_at_once() {
	begin
	for i in 1 2 3 4; do git sk health --fix --json >"../$i" & done
	wait
	for i in 1 2 3 4; do python3 -m json.tool "../$i" >/dev/null; done
}

run_tests
