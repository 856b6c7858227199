# Restore, rollback and undo as people call them: what was there is there again, to the byte.
. "$(dirname "$0")/lib.sh"

# start: a repository with SafeKeep, in the folder r
start() {
	repo r
	cd r
	git sk init -q --no-guard --no-service --no-hooks
}
back() { git sk backup -q >/dev/null; }
# note NAME, isnow NAME: the state of the working tree, and whether it is that one
note() { state . >"$W/$1.state"; }
isnow() {
	state . >"$W/now.state"
	diff "$W/$1.state" "$W/now.state" || die "the state is not that of $1"
}
clean() {
	[ ! -e .git/sk/journal ] || die "a journal is left"
	[ -z "$(find . -name '.sk-tmp-*')" ] || die "temporaries are left"
	[ ! -e .git/index.lock ] || die "index.lock is left"
}
# there_and_back ID: rollback to the state noted as `a`; undo to that noted as `b`; undo of the undo
there_and_back() {
	note b
	git sk rollback -q --yes "$1"
	isnow a
	git sk undo -q --yes
	isnow b
	git sk undo -q --yes
	isnow a
	clean
}

t_what_was_lost_before_the_newest() { # as when the service has saved the loss
	start
	echo precious >>src/b.txt && back && rm src/b.txt && back && echo other >a.txt && back
	code 0 git sk restore -- src/b.txt && has "$W.err" 'newer backups have it as it is now'
	eq "$(tail -n 1 src/b.txt)" precious && eq "$(cat a.txt)" other
	# a folder, and a file that was overwritten
	back && rm -rf src && back && code 0 git sk restore --dry-run -- src && [ ! -e src ]
	code 0 git sk restore -- src && eq "$(tail -n 1 src/b.txt)" precious && [ -e src/lib/c.txt ]
	back && : >src/b.txt && back && code 0 git sk restore -- src/b.txt && eq "$(tail -n 1 src/b.txt)" precious
	# what is not saved yet is other than the newest: that is it
	back && echo unsaved >src/b.txt && code 0 git sk restore -- src/b.txt && eq "$(tail -n 1 src/b.txt)" precious
	hasnt "$W.err" 'newer backups'
	# never there, or never other
	code 1 git sk restore -- none && has "$W.err" 'neither in'
	code 0 git sk restore -- src/lib/c.txt && eq "$(cat src/lib/c.txt)" three
	code 0 git sk restore latest -- a.txt
}

t_matrix() {
	start
	mkdir -p d/e empty/in 'sp ace' && chmod 700 empty
	echo x >d/e/x && : >nothing && ln -s a.txt link && ln -s nowhere dangling && mkdir folder && echo f >folder/f
	echo s >script && chmod 755 script && echo p >private && chmod 600 private && echo r >readonly && chmod 444 readonly
	echo file >becomes_folder && ln -s folder becomes_file && echo w >gone
	id=$(git sk backup -q)
	note a
	echo edited >a.txt && rm gone d/e/x && rmdir d/e d && mv src/b.txt src/moved && rm -r folder && echo no >folder
	rm becomes_folder && mkdir -p becomes_folder/deep && echo z >becomes_folder/deep/z
	rm becomes_file && echo now >becomes_file && rm link && mkdir link && echo in >link/in
	chmod 644 script && chmod 644 private && chmod 600 readonly && chmod 755 empty && rmdir empty/in && mkdir newempty
	echo new >new && echo more >nothing
	there_and_back "$id"
}

t_names() {
	start
	local bad
	bad=$(printf 'ff\377')
	printf 1 >$'new\nline' && printf 2 >$'t\tab' && printf 3 >'q"uote' && printf 4 >-dash && printf 5 >"$bad" && printf 6 >$'esc\033[31m'
	back && note a
	printf x >$'new\nline' && rm -- $'t\tab' -dash "$bad" && printf y >'q"uote' && mkdir "$bad" && printf z >"$bad/$bad" && rm $'esc\033[31m'
	there_and_back latest
}

t_links_are_never_followed() {
	mkdir canary && echo canary >canary/c.txt && echo canary >canary/f && state canary >canary.state
	start
	mkdir -p p/q && echo 1 >p/q/f && echo 2 >p/c.txt
	back && note a
	rm -r p && ln -s ../canary p && rm -r src && ln -s "$W/canary" src
	there_and_back latest
	[ "$(state "$W/canary")" = "$(cat "$W/canary.state")" ] || die "something was written through a link"
}

t_ignored_files_stay() {
	start
	echo '*.o' >.gitignore && mkdir obj && echo o >obj/a.o && echo t >tracked.o && git add -f tracked.o && git commit -qam i
	back && note a
	echo changed >obj/a.o && echo new >obj/b.o && rm a.txt && echo 2 >tracked.o
	git sk rollback -q --yes latest
	eq "$(cat obj/a.o)" changed && eq "$(cat obj/b.o)" new && eq "$(cat tracked.o)" t
	[ -e a.txt ] || die "a.txt is missing"
}

t_ignored_in_the_way_is_saved_first() {
	start
	mkdir build && echo kept >build/x
	back && note a
	id=$(git sk backup -q) # nothing new: the same one
	echo 'build/' >.gitignore && echo generated >build/x && echo y >build/y
	note b
	code 0 git sk rollback -q --yes "$id"
	eq "$(cat build/x)" kept && eq "$(cat build/y)" y && [ ! -e .gitignore ]
	git sk undo -q --yes
	isnow b
	clean
}

t_bytes_not_conversions() {
	repo r && cd r
	printf '*.txt text eol=crlf\n*.f filter=rot\n' >.gitattributes
	git config filter.rot.clean 'tr a-z n-za-m' && git config filter.rot.smudge 'tr a-z n-za-m' && git config core.autocrlf true
	printf 'one\r\ntwo\nthree\r\n' >mixed.txt && echo hello >h.f && git add -A 2>/dev/null && git commit -qm c
	git sk init -q --no-guard --no-service --no-hooks
	back && note a
	printf 'x\n' >mixed.txt && rm h.f
	there_and_back latest
	eq "$(cat h.f)" hello
}

t_unchanged_files_keep_their_times() {
	start
	touch -d '2020-01-01 00:00:00' src/b.txt src/lib/c.txt
	back
	echo x >a.txt
	git sk rollback -q --yes latest
	eq "$(stat -c %Y src/b.txt)" 1577836800 && eq "$(stat -c %Y src/lib/c.txt)" 1577836800
}

t_dry_run_touches_nothing() {
	start && back
	echo x >a.txt && rm src/b.txt && echo n >n && note b
	local refs
	refs=$(git for-each-ref)
	git sk rollback --dry-run latest >"$W/dry"
	isnow b && eq "$(git for-each-ref)" "$refs"
	git sk rollback --yes latest >"$W/real"
	eq "$(grep -c . "$W/dry")" "$(grep -c . "$W/real")" "items"
	has "$W/real" a.txt && has "$W/real" src/b.txt && has "$W/real" n
}

t_restore_paths_only() {
	start && back
	echo x >a.txt && echo x >src/b.txt && echo x >src/new && echo x >src/lib/c.txt
	git sk restore -q latest -- src
	eq "$(cat a.txt)" x && eq "$(cat src/b.txt)" two && eq "$(cat src/lib/c.txt)" three && [ ! -e src/new ]
	code 1 git sk restore -q latest -- nowhere
	has "$W.err" nowhere
	git sk undo -q --yes
	eq "$(cat src/new)" x
}

porcelain() { git status --porcelain=v2 --branch -uall; git diff --cached; git ls-files -stv; git symbolic-ref -q HEAD || git rev-parse HEAD; }

t_staged_state() {
	start
	git checkout -q -b other && echo other >a.txt && git commit -qam other && git checkout -q main && echo mine >a.txt && git commit -qam mine
	git merge -q other >/dev/null 2>&1 || true
	git mv src/b.txt src/renamed && echo half >>src/lib/c.txt && git add src/lib/c.txt && echo whole >>src/lib/c.txt
	echo i >intent && git add -N intent && echo u >untracked && git rm -q --cached .gitignore 2>/dev/null || true
	back && porcelain >"$W/a.git" && note a
	git rm -q --cached src/renamed && git checkout -q -f main -- . 2>/dev/null || true
	git read-tree HEAD && git checkout -q -f main && rm -f .git/MERGE_* && echo later >a.txt && git add -A
	note b && porcelain >"$W/b.git"
	git sk rollback -q --yes --staged latest
	isnow a
	porcelain >"$W/now.git" && diff "$W/a.git" "$W/now.git" || die "the staged state differs"
	git sk undo -q --yes
	isnow b
	porcelain >"$W/now.git" && diff "$W/b.git" "$W/now.git" || die "the staged state differs after undo"
	git fsck --strict --no-dangling 2>/dev/null
	clean
}

t_flags_in_the_index() {
	start
	git update-index --assume-unchanged a.txt && git update-index --skip-worktree src/b.txt
	back && porcelain >"$W/a.git"
	git update-index --no-assume-unchanged a.txt && git update-index --no-skip-worktree src/b.txt && echo s >s && git add s
	git sk rollback -q --yes --staged latest
	porcelain >"$W/now.git" && diff "$W/a.git" "$W/now.git" || die "flags differ"
}

t_staged_paths_only() {
	start && back
	echo x >a.txt && echo x >src/b.txt && git add -A
	git sk restore -q --staged latest -- src
	eq "$(git diff --cached --name-only)" a.txt
}

t_index_lock_is_respected() {
	start && back
	echo x >a.txt && git add a.txt && : >.git/index.lock
	local refs
	refs=$(git for-each-ref)
	code 11 git sk rollback -q --yes --staged latest
	has "$W.err" index.lock
	eq "$(git for-each-ref)" "$refs"
	eq "$(cat a.txt)" x
	[ -e .git/index.lock ] || die "the lock of another was taken away"
	rm .git/index.lock
	git sk rollback -q --yes --staged latest && eq "$(git status --porcelain)" ""
	clean
}

t_head_moves_only_when_asked() {
	start && back
	local was now
	was=$(git rev-parse HEAD)
	id=$(git sk backup -q) # nothing new: the same one
	echo x >a.txt && git commit -qa --amend -m amended && now=$(git rev-parse HEAD)
	git sk rollback -q --yes "$id"
	eq "$(git rev-parse HEAD)" "$now"
	git sk rollback -q --yes --staged --head "$id"
	eq "$(git rev-parse main)" "$was" && eq "$(git status --porcelain)" ""
	git reflog -1 main | grep -q 'git sk rollback' || die "no reflog message"
	git sk undo -q --yes
	eq "$(git rev-parse main)" "$now"
	git checkout -q -b elsewhere && git sk rollback -q --yes --staged --head "$id"
	eq "$(git symbolic-ref HEAD)" refs/heads/main && eq "$(git rev-parse HEAD)" "$was"
	git checkout -q --detach && echo y >y && back
	git checkout -q main
	git sk rollback -q --yes --head latest
	code 1 git symbolic-ref -q HEAD
	eq "$(git rev-parse HEAD)" "$was"
}

t_head_of_another_worktree() {
	start && back
	git checkout -q -b side && git worktree add -q ../w2 main
	code 13 git sk rollback -q --yes --head latest
	eq "$(git symbolic-ref HEAD)" refs/heads/side
}

t_unborn() {
	git init -q r && cd r && echo 1 >f && git add f
	git sk init -q --no-guard --no-service --no-hooks && back
	id=$(git sk backup -q) # nothing new: the same one
	git commit -qm first && rm f
	git sk rollback -q --yes --staged --head "$id"
	eq "$(git status --porcelain)" 'A  f'
	git sk undo -q --yes
	eq "$(git log --format=%s)" first && [ ! -e f ]
}

t_nested_repository_stays() {
	start
	git init -q sub && (cd sub && echo in >f && git add f && git commit -qm s && echo dirty >f)
	back && note a
	echo other >sub/f && echo n >sub/n && git init -q late && echo l >late/l
	local head
	head=$(git -C sub rev-parse HEAD)
	code 3 git sk rollback --yes latest
	cat "$W.err" "$W.out" >both && has both late && rm both
	eq "$(cat sub/f)" dirty && [ ! -e sub/n ] && eq "$(cat late/l)" l && eq "$(git -C sub rev-parse HEAD)" "$head"
	git -C sub fsck --strict 2>/dev/null
}

t_hard_links_keep_their_bits() {
	start
	echo x >l && chmod 644 l && back
	chmod 600 l && ln l "$W/outside"
	git sk rollback -q --yes latest
	eq "$(stat -c %a l)" 644 && eq "$(stat -c %a "$W/outside")" 600
}

t_read_only_folder() {
	start
	mkdir ro && echo 1 >ro/f && chmod 555 ro && back && note a
	chmod 755 ro && echo 2 >ro/f && echo n >ro/n && chmod 555 ro
	if [ "$(id -u)" = 0 ]; then
		command -v setpriv >/dev/null || skip "no setpriv"
		chown -R 65534 "$W" "$SCRATCH/home" && chmod 755 "$SCRATCH"
		HOME=$W setpriv --reuid 65534 --clear-groups git sk rollback -q --yes latest
	else
		git sk rollback -q --yes latest
	fi
	isnow a
	clean
}

t_full_disk() {
	[ "$(id -u)" = 0 ] || skip "needs root"
	mkdir disk && mount -t tmpfs -o size=3m none disk 2>/dev/null || skip "cannot mount"
	trap 'cd /; umount -l "$W/disk"' EXIT
	repo disk/r && cd disk/r
	GIT_DIR_OUT=$W/git && git config core.worktree "$PWD" && mv .git "$GIT_DIR_OUT" && echo "gitdir: $GIT_DIR_OUT" >.git
	git sk init -q --no-guard --no-service --no-hooks
	head -c 1000000 /dev/urandom >big && back && note a
	rm big && echo edited >a.txt && head -c 2400000 /dev/zero >filler && note b
	code 15 git sk rollback -q --yes latest
	isnow b
	rm filler
	git sk rollback -q --yes '@{1}' || git sk list
	eq "$(stat -c %s big)" 1000000
}

# Killed at every step in turn; any other command finishes.
t_killed_at_every_step() {
	start
	mkdir -p d/e && echo x >d/e/x && echo y >y && chmod 600 y && mkdir empty
	back && note a && porcelain >"$W/a.git"
	id=$(git sk backup -q) # nothing new: the same one
	cp -a . "$W/copy"
	local at rc=137 killed=0
	for ((at = 0; rc == 137 && at < 200; at++)); do
		cd "$W" && rm -rf r && cp -a copy r && cd r
		rm -r d && echo f >d && rm y && mkdir y && echo z >y/z && rmdir empty && echo e >a.txt && git add -A && echo n >n
		rc=0
		SK_TEST_KILL_AT=$at git sk rollback -q --yes --staged "$id" >/dev/null 2>&1 || rc=$?
		[ "$rc" = 137 ] || break
		killed=$((killed + 1))
		if [ -e .git/sk/journal ]; then
			git sk list >/dev/null 2>"$W/words"
			has "$W/words" interrupted
			isnow a
			porcelain >"$W/now.git" && diff "$W/a.git" "$W/now.git" || die "staged state, step $at"
		fi
		clean
		git fsck --strict --no-dangling >/dev/null 2>&1 || die "fsck, step $at"
	done
	eq "$rc" 0
	[ "$killed" -gt 5 ] || skip "git-sk was built without SK_TESTING"
}

t_changed_meanwhile() {
	start
	seq 300 | while read -r i; do echo "$i" >f"$i"; done
	back
	for i in $(seq 300); do echo edited >f"$i"; done
	(for i in $(seq 2000); do echo "editor $i" >f150 2>/dev/null || true; done) &
	git sk rollback -q --yes latest >/dev/null 2>&1 || true
	wait
	eq "$(cat f1)" 1 && eq "$(cat f300)" 300
	case $(cat f150) in 150 | editor*) ;; *) die "f150 is torn" ;; esac
	clean
}

# what no backup can take stays, which is said: it is not the state that was asked for
t_unread_files_stay_and_are_named() {
	start && back
	echo x >'git~1'
	code 3 git sk rollback --yes latest
	has "$W.err" 'git~1'
	[ -e 'git~1' ] || die "a file that nobody has is gone"
	code 0 git sk restore latest -- a.txt
	hasnt "$W.err" 'git~1'
	rm 'git~1'
	[ "$(id -u)" != 0 ] || return 0
	echo y >unread && chmod 000 unread
	code 3 git sk rollback --yes latest
	has "$W.err" "left alone: the safety backup could not read it"
	[ -e unread ] || die "a file that nobody has is gone"
}

t_unknown_ids() {
	start && back && note a
	code 1 git sk rollback -q --yes 19990101T000000Z
	code 13 git sk rollback -q latest </dev/null
	code 1 git sk undo -q --yes
	isnow a
}

run_tests
