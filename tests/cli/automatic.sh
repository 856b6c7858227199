# Automatic backups: what git commands leave behind, and what stays untouched.
. "$(dirname "$0")/lib.sh"

tree() { git rev-parse "refs/sk/backup/$1^{tree}"; }
newest() { git sk list backups -n 1 --json | python3 -c 'import json,sys; e=json.load(sys.stdin)["entries"]; print(e[0]["id"] if e else "")'; }
count() { git for-each-ref refs/sk/backup | wc -l; }
field() { git sk show "$1" --json | python3 -c "import json,sys; print(json.load(sys.stdin)['$2'])"; }
# worktree_tree: what `git add -A` would give, by an index of its own
worktree_tree() {
	local ix
	ix=$(git rev-parse --absolute-git-dir)/test-index
	cp -p "$(git rev-parse --git-path index)" "$ix"
	GIT_INDEX_FILE=$ix git -c core.fsmonitor=false add -A . && GIT_INDEX_FILE=$ix git write-tree
	rm -f "$ix"
}
start() { repo w && cd w && git sk init >/dev/null; }

t_commit_takes_worktree_and_staged_state() {
	start
	echo staged >a.txt && git add a.txt && echo unstaged >a.txt && echo untracked >u.txt && rm src/b.txt
	local tree_before staged_before
	tree_before=$(worktree_tree); staged_before=$(git write-tree)
	git commit -qm third
	local id
	id=$(newest)
	eq "$(tree "$id")" "$tree_before" "tree of the backup before the commit"
	git sk show "$id" >../show.txt
	eq "$(git for-each-ref --format='%(contents)' "refs/sk/backup/$id" | sed -n 's/^Sk-Index: //p')" "$staged_before" "staged tree"
	has ../show.txt "before git commit"
	eq "$(git show HEAD:a.txt)" staged
}

t_commit_variants() {
	start
	local n
	for how in "-am x" "-m x a.txt" "--amend -am y" "-m only -o a.txt" "-m incl -i a.txt"; do
		echo "$how" >>a.txt; echo "keep $how" >>src/b.txt
		n=$(worktree_tree)
		# shellcheck disable=SC2086
		git commit -q $how
		eq "$(git cat-file -t "refs/sk/backup/$(newest)")" tag
		git for-each-ref --format='%(tree)%(objectname)' refs/sk/backup >/dev/null
		git sk list backups -n 5 --json | python3 -c "
import json,sys
assert any(e['tree']=='$n' for e in json.load(sys.stdin)['entries']), 'no backup has the state before: $how'"
	done
	[ ! -e .git/index.lock ]
}

t_no_verify_is_covered_by_the_guard() {
	start
	echo x >>a.txt
	local n; n=$(worktree_tree)
	git commit -q --no-verify -am x
	eq "$(tree "$(newest)")" "$n"
}

t_nothing_changed_no_new_ref() {
	start
	echo x >>a.txt
	git sk backup >/dev/null
	local n; n=$(count)
	git sk backup >../id 2>../note
	eq "$(count)" "$n" "number of backups"
	eq "$(cat ../id)" "$(newest)" "printed id"
	has ../note "nothing changed"
	git status >/dev/null; git log --oneline >/dev/null; git diff >/dev/null
	eq "$(count)" "$n" "number of backups after reading commands"
}

t_the_label_is_there_though_the_watcher_was_first() {
	start
	echo typed >>a.txt
	git-sk --hook watch # as the service does after a change
	eq "$(field "$(newest)" trigger)" watch
	git reset -q --hard
	git sk list backups --json >../l; has ../l "before git reset -q --hard"
	git sk undo --yes >/dev/null; has a.txt typed
	# saved and labelled once: the next command that finds the same state adds nothing
	local n
	git sk backup >/dev/null; n=$(count); git add --refresh a.txt 2>/dev/null || :; eq "$(count)" "$n"
}

t_checkout_switch_before_and_after() {
	start
	git branch other HEAD~1
	echo dirty >>src/b.txt; echo u >u.txt
	local before; before=$(worktree_tree)
	git checkout -q other
	git sk list backups --json >../list.json
	python3 - "$before" "$(worktree_tree)" <<-'E'
		import json, sys
		es = json.load(open("../list.json"))["entries"]
		assert any(e["tree"] == sys.argv[1] and e["title"].startswith("before git checkout") for e in es), es
		assert any(e["tree"] == sys.argv[2] and e["title"].startswith("after git checkout") for e in es), es
	E
	git switch -q main
	git checkout -q -- src/b.txt
	has src/b.txt two
	git sk list backups --json | python3 -c "
import json,sys
assert any('dirty' in __import__('subprocess').check_output(['git','cat-file','blob',e['tree']+':src/b.txt'],text=True) for e in json.load(sys.stdin)['entries'])"
}

t_merge_and_rewrite_and_rebase() {
	start
	git checkout -qb side HEAD~1 && echo s >s.txt && git add s.txt && git commit -qm side
	git checkout -q main && git merge -q --no-edit side
	git sk list backups --json >../l; has ../l "after git merge"
	git checkout -q side && echo t >t.txt && git add t.txt && git commit -qm t && git rebase -q main
	git sk list backups --json >../l; has ../l "before git rebase"
	git commit -q --amend -m t2
	git sk list backups --json >../l; has ../l "before git commit"
	git fsck --full --strict >/dev/null 2>../fsck || { cat ../fsck; exit 1; }
}

t_index_is_byte_identical() {
	start
	echo x >>a.txt; git add a.txt; echo y >>a.txt
	same_index .git/index git sk backup
	same_index .git/index git sk revise one
	same_index .git/index git sk list
	same_index .git/index git sk diff
	same_index .git/index git sk status 2>/dev/null || same_index .git/index git sk list
	touch .git/index.lock
	echo z >>a.txt
	git sk backup >/dev/null
	[ -e .git/index.lock ] || die "somebody else's lock was taken away"
	rm .git/index.lock
}

t_kinds_of_files() {
	start
	local nl=$'new\nline' bad=$'bad\377name'
	: >empty; printf 'x\0y' >binary; ln -s a.txt link; ln -s /etc/passwd outlink; ln -s nowhere dangling
	echo n >"$nl"; echo t >$'tab\there'; echo q >'quo"te'; echo d >-dash; echo f >"$bad"; echo s >' space '
	echo x >script; chmod 755 script; chmod 755 a.txt; rm src/b.txt; git mv src/lib/c.txt src/moved.txt
	mkdir -p deep/er/est; echo deep >deep/er/est/file
	local n; n=$(worktree_tree)
	git sk backup >../id
	eq "$(tree "$(cat ../id)")" "$n"
	git sk cat "$(cat ../id)" -- "$nl" 2>/dev/null || git sk cat "$(cat ../id)" "$nl" >../got
	git fsck --full --strict --no-dangling
}

t_sizes_to_200_mb() {
	start
	local s
	for s in 0 1 1048575 1048576 1048577 70000000; do head -c "$s" /dev/urandom >"f$s"; git add "f$s"; done
	head -c 209715200 /dev/zero >f200; git add f200
	sha1sum f* >../sums
	git sk backup >../id
	rm f*
	git sk rollback --yes "$(cat ../id)" >/dev/null
	sha1sum -c --quiet ../sums
	head -c 60000000 /dev/zero >untracked-large
	git sk backup >../id
	git sk show "$(cat ../id)" >../show; has ../show untracked-large
	printf '[backup]\nmax_file_size = 0\n' >.git/sk/safekeep.ini
	git sk backup >../id
	git cat-file -s "refs/sk/backup/$(cat ../id):untracked-large" >../size; eq "$(cat ../size)" 60000000
}

t_special_files_are_named() {
	start
	mkfifo pipe; python3 -c 'import socket; s=socket.socket(socket.AF_UNIX); s.bind("sock")'
	git sk backup >../id
	git sk show "$(cat ../id)" >../show
	has ../show pipe; has ../show sock
	git sk rollback --yes "$(cat ../id)" >/dev/null || [ $? = 3 ]
	[ -p pipe ] || die "the fifo was deleted"
}

t_unreadable_is_exit_3() {
	[ "$(id -u)" != 0 ] || skip "root reads everything"
	start
	echo secret >closed; chmod 000 closed; mkdir shut; echo x >shut/f; chmod 000 shut
	code 3 git sk backup
	has "$W.err" closed
	git commit -q --allow-empty -m goes-on
	git sk rollback --yes latest >/dev/null || [ $? = 3 ]
	[ -e closed ] || die "an unreadable file was deleted"
	[ -d shut ] || die "an unreadable folder was deleted"
	chmod 755 shut
	eq "$(cat shut/f)" x
}

t_leaked_git_variables() {
	start
	git worktree add -q ../linked 2>/dev/null
	cd ../linked
	echo l >l.txt && git add l.txt
	local main_index; main_index=$(sha1sum <../w/.git/index)
	GIT_PREFIX=src/ git commit -qm linked
	eq "$(sha1sum <../w/.git/index)" "$main_index" "index of the main worktree"
	eq "$(field "$(newest)" worktree)" linked
	cd ../w
	git sk list --json >../l; hasnt ../l '"worktree": "linked"'
	git sk list --all-worktrees --json >../l; has ../l '"worktree": "linked"'
	# a hook that runs git in another repository with what git exported to it
	repo ../other; (cd ../other && git sk init >/dev/null)
	local other_index; other_index=$(sha1sum <../other/.git/index)
	echo z >>a.txt
	GIT_DIR=$PWD/.git GIT_WORK_TREE=$PWD GIT_INDEX_FILE=$PWD/.git/index git -C ../other commit -qam leaked
	eq "$(git log -1 --format=%s)" leaked
	eq "$(sha1sum <../other/.git/index)" "$other_index" "index of the other repository"
}

t_racy_edits_are_never_missed() {
	start
	local i id
	for i in $(seq 100 140); do
		echo "$i" >a.txt
		id=$(git sk backup 2>/dev/null)
		eq "$(git cat-file blob "refs/sk/backup/$id:a.txt")" "$i" "same-size edit"
	done
}

t_a_failing_backup_never_fails_git() {
	[ "$(id -u)" != 0 ] || skip "root writes everywhere"
	start
	chmod 555 .git/refs/sk .git/refs/sk/backup .git/sk 2>/dev/null || true
	echo x >>a.txt
	git commit -qam "still commits" 2>../err
	eq "$(git log -1 --format=%s)" "still commits"
	chmod 755 .git/refs/sk .git/refs/sk/backup .git/sk
}

# whose it is cannot be told for a moment, or has changed since: git has judged that by itself
t_a_repository_that_is_not_opened_never_fails_git() {
	start
	echo more >>a.txt
	for hook in pre-commit pre-rebase post-checkout; do
		code 0 env GIT_TEST_ASSUME_DIFFERENT_OWNER=1 git-sk-hook $hook x y 1
		has "$W.err" "no backup was made"
		has "$W.err" "not to you"
	done
}

t_program_gone_git_goes_on() {
	start
	local empty=$W/empty
	mkdir "$empty"; ln -s "$(command -v git)" "$empty/git"
	for h in .git/hooks/*; do [ ! -L "$h" ] || { rm "$h"; ln -s /nonexistent/git-sk-hook "$h"; }; done
	git config core.fsmonitor /nonexistent/git-sk-fsmonitor
	echo x >>a.txt
	git commit -qam "without it" 2>../err
	eq "$(git log -1 --format=%s)" "without it"
	eq "$(git status --porcelain)" ""
}

t_racing_backups() {
	start
	local i pids=""
	for i in $(seq 1 8); do
		(echo "$i" >"f$i"; git sk backup >/dev/null) & pids="$pids $!"
	done
	for i in $pids; do wait "$i"; done
	git sk backup >/dev/null
	for i in $(seq 1 8); do eq "$(git cat-file blob "refs/sk/backup/$(newest):f$i")" "$i"; done
	git fsck --full --strict --no-dangling
}

run_tests
