#!/bin/bash
# Linked worktrees, clones and submodules: each working tree has its own state and is protected by
# itself.
. "${0%/*}/lib.sh"

start() { repo r && cd r && git sk init -q --no-service >/dev/null; }
linked() { start && git worktree add -q ../l -b side; }
off() { GIT_SK_DISABLE=1 GIT_OPTIONAL_LOCKS=0 git -c core.fsmonitor=false "$@"; }
probe() { (cd "$1" && off status --porcelain=v2 -uall --branch && off ls-files --stage -v) && state "$1"; }
ids() { git sk list backups -z "$@" | tr '\0' '\n'; }
worktrees() { git sk list backups --all-worktrees --json | python3 -c 'import json,sys; print(*sorted({e["worktree"] for e in json.load(sys.stdin)["entries"]}))'; }

t_each_has_its_own_backups() {
	linked
	echo main >>a.txt && git sk backup -q >/dev/null && cd ../l && echo linked >>src/b.txt && git sk backup -q >/dev/null
	local mine theirs
	mine=$(ids) && theirs=$(ids -C ../r)
	[ -n "$mine" ] && [ -n "$theirs" ]
	eq "$(printf '%s\n' "$mine" "$theirs" | sort | uniq -d)" '' "backups in both lists"
	eq "$(ids --all-worktrees | sort)" "$(printf '%s\n' "$mine" "$theirs" | sort)" "all of them"
	eq "$(git sk cat latest src/b.txt | tail -n 1)" linked
	eq "$(git sk cat latest a.txt -C ../r | tail -n 1)" main
	eq "$(worktrees)" 'l main'
}

t_undo_in_one_leaves_the_other() {
	linked
	echo main >>a.txt && echo u >u && cd ../l && echo linked >>a.txt && git add a.txt && echo u2 >u
	probe . >"$W/l.txt" && probe ../r >"$W/r1.txt"
	git reset -q --hard && git clean -qfd && git -C ../r reset -q --hard && probe ../r >"$W/r2.txt"
	git sk rollback --yes --staged "$(ids | sed -n 2p)" >/dev/null
	probe . | diff "$W/l.txt" -
	probe ../r | diff "$W/r2.txt" -
	git -C ../r sk undo --yes >/dev/null
	probe ../r | diff "$W/r1.txt" -
	probe . | diff "$W/l.txt" -
}

t_a_new_worktree_has_nothing_to_undo() {
	linked
	cd ../l
	code 1 git sk undo --yes
	has "$W.err" 'nothing to take back'
	eq "$(git status --porcelain)" ''
	eq "$(ids | wc -l)" 1 "backups: the state that it began with"
	git worktree add -q -f --detach ../l2 && cd ../l2 && code 1 git sk undo --yes
}

t_removed_its_backups_stay() {
	linked
	cd ../l && echo unsaved >>a.txt && echo u >u && chmod 600 u && git sk backup -q >/dev/null
	local id
	id=$(ids | head -n 1)
	cd ../r && git worktree remove --force ../l && [ ! -e ../l ]
	eq "$(git sk cat "$id" u)" u
	has <(git sk prune --dry-run 2>&1) "$id"
	git sk prune -q >/dev/null && git gc -q --prune=now
	# back in a new worktree of that name, or of another, or here
	git worktree add -q ../l side && git -C ../l sk rollback --yes "$id" >/dev/null
	eq "$(tail -n 1 ../l/a.txt)" unsaved && eq "$(stat -c %a ../l/u)" 600
	git sk restore "$id" -q -- u >/dev/null && eq "$(cat u)" u
}

t_moved_it_goes_on() {
	linked
	cd ../l && echo one >>a.txt && git sk backup -q >/dev/null && cd ../r && git worktree move ../l ../m && cd ../m
	echo two >>a.txt && git reset -q --hard
	git sk undo --yes >/dev/null
	eq "$(tail -n 1 a.txt)" two
	[ "$(ids | wc -l)" -ge 3 ] || die "the backups from before the move are not in the list"
}

t_at_the_same_time() {
	linked
	git worktree add -q ../l2 -b third
	local d i pids='' p
	for d in ../r ../l ../l2; do
		(cd $d && for i in 1 2 3 4 5 6; do echo "$d $i" >f$i && git add f$i && git sk backup -q >/dev/null && git reset -q --hard; done) &
		pids="$pids $!"
	done
	for p in $pids; do wait "$p" || die "a backup failed"; done
	for d in ../r ../l ../l2; do
		for i in 1 2 3 4 5 6; do
			ids -C $d | while read -r id; do off cat-file blob "refs/sk/backup/$id:f$i" 2>/dev/null; done | grep -qxF "$d $i" || die "$d: f$i is in no backup"
		done
	done
	git fsck --full --strict --no-dangling
}

t_inside_of_the_main_one() { # is a worktree of its own, and never a file of the main one
	start
	git sk backup -q >/dev/null
	local before
	before=$(ids | head -n 1)
	git worktree add -q inner -b inner && echo mine >inner/u && echo edit >>inner/a.txt && echo new >n
	probe inner >"$W/inner.txt"
	git sk backup -q >/dev/null
	git sk rollback --yes --staged "$before" >/dev/null 2>&1 || [ $? = 3 ]
	[ ! -e n ]
	probe inner | diff "$W/inner.txt" -
	git worktree list | grep -q inner
}

t_detached_commits_of_a_worktree_are_kept() {
	linked
	cd ../l && git checkout -q --detach && echo x >>a.txt && git commit -qam 'on nothing'
	local lost
	lost=$(git rev-parse HEAD)
	git sk backup -q >/dev/null && cd ../r && git worktree remove --force ../l
	git gc -q --prune=now
	git sk list commits >"$W/list" && has "$W/list" 'on nothing' && has "$W/list" 'worktree l'
	code 0 git sk restore --commit "$lost" --branch found && eq "$(git rev-parse found)" "$lost"
}

t_a_clone_has_nothing_of_it() {
	start
	echo secret >untracked && git sk backup -q >/dev/null
	local how
	for how in --local --no-local --shared; do
		git clone -q $how . ../c && cd ../c
		eq "$(git for-each-ref refs/sk)" '' "refs of a clone $how"
		eq "$(git config core.fsmonitor || :)" '' "settings"
		[ ! -e .git/sk ]
		code 10 git sk list
		git sk init -q --no-service >/dev/null
		echo unsaved >>a.txt && git reset -q --hard && git sk undo --yes >/dev/null 2>&1
		eq "$(tail -n 1 a.txt)" unsaved
		eq "$(git -C ../r sk list -z | tr '\0' '\n' | wc -l)" "$(git -C ../r for-each-ref refs/sk/backup | wc -l)" "the first one's"
		git fsck --no-dangling --no-progress && cd ../r && rm -rf ../c
	done
}

submodule() {
	repo lib && start && git submodule --quiet add ../lib sub && git commit -qm sub
}

t_submodule_files_are_in_the_backup() {
	submodule
	(cd sub && echo edit >>a.txt && echo u >u && mkdir d && echo x >d/x && chmod 755 d/x)
	state sub >"$W/sub.txt"
	git sk backup -q >/dev/null
	rm -rf sub/d sub/u && git -C sub checkout -q .
	git sk rollback --yes latest >/dev/null
	state sub | diff "$W/sub.txt" -
}

t_submodule_is_guarded_when_enabled() {
	submodule
	cd sub && git sk init -q --no-service >/dev/null
	eq "$(git -C .. sk list -z | tr '\0' '\n' | wc -l)" "$(git -C .. for-each-ref refs/sk/backup | wc -l)"
	echo edit >>a.txt && git add a.txt && echo more >>a.txt && echo u >u
	probe . >"$W/sub.txt"
	git reset -q --hard
	git sk undo --yes >/dev/null
	probe . | diff "$W/sub.txt" -
	cd ..
	# from the project: its command asks in the submodule too
	git submodule --quiet foreach 'git checkout -q -f && git clean -qfd'
	[ ! -e sub/u ] && cd sub && git sk rollback --yes --staged '@{1}' >/dev/null
	has a.txt more
}

t_submodule_uninit_leaves_the_project_alone() {
	submodule
	(cd sub && git sk init -q --no-service >/dev/null && git sk uninit -q --purge >/dev/null)
	eq "$(git -C sub for-each-ref refs/sk)" ''
	echo x >>a.txt && git reset -q --hard && git sk undo --yes >/dev/null && eq "$(tail -n 1 a.txt)" x
}

run_tests
