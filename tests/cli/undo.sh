#!/bin/bash
# git sk undo: what exactly it takes back.
. "${0%/*}/lib.sh"

start() { repo r && cd r && git sk init -q --no-service >/dev/null; }
undo() { git sk undo --yes >"$W/out" 2>"$W/err"; }
off() { GIT_SK_DISABLE=1 GIT_OPTIONAL_LOCKS=0 git -c core.fsmonitor=false "$@"; }

t_passes_over_what_changed_nothing() {
	start
	echo edit >>a.txt && git reset -q --hard
	git commit -qm nothing >/dev/null || :
	git rm -q no-such-file 2>/dev/null || :
	git stash >/dev/null && git checkout -q . && git fetch -q . && git gc -q && git add -A && git clean -qfd
	undo && has "$W/err" 'git reset -q --hard'
	eq "$(tail -n 1 a.txt)" edit
	undo && eq "$(off status --porcelain)" '' "undo of the undo"
	undo && eq "$(tail -n 1 a.txt)" edit
}

t_reading_is_no_operation() {
	start
	echo edit >>a.txt && git reset -q --hard
	git status >/dev/null && git diff HEAD~1 >/dev/null && git log -p >/dev/null && git stash list && git blame a.txt >/dev/null && git grep more >/dev/null
	undo && eq "$(tail -n 1 a.txt)" edit
}

t_nothing_at_all() {
	start
	code 1 git sk undo --yes
	has "$W.err" 'nothing to take back'
	git commit -qm nothing >/dev/null || :
	code 1 git sk undo --yes
}

t_asks_without_a_terminal() {
	start
	echo edit >>a.txt && git reset -q --hard
	code 13 git sk undo
	eq "$(off status --porcelain)" ''
}

t_says_where_head_was() {
	start
	local was id
	was=$(git rev-parse HEAD)
	echo edit >>a.txt && git reset -q --hard HEAD~1
	undo && has "$W/err" "main, ${was:0:10}"
	id=$(sed -n 's/.*--head \([^ ]*\) moves.*/\1/p' "$W/err")
	git sk rollback --yes --staged --head "$id" >/dev/null
	eq "$(git rev-parse main)" "$was" && eq "$(git diff --stat | wc -l)" 2 && eq "$(tail -n 1 a.txt)" edit
	git checkout -q --detach HEAD~1 -f && undo && has "$W/err" 'HEAD was at main'
}

t_a_long_command_is_one() { # a rebase that works for longer than one guard covers
	start
	# what the user edits meanwhile is saved too, but undo does not stop there
	printf '#!/bin/sh\nsleep 2.2\necho meanwhile >v\nsed -i 1d "$1"\n' >"$W/slow" && chmod +x "$W/slow"
	echo second >>src/b.txt && git commit -qam third && echo new >n.txt && git add n.txt && git commit -qm fourth
	echo unsaved >>a.txt && git add a.txt && echo untracked >u
	{ off ls-files -s && state .; } >"$W/before"
	GIT_SEQUENCE_EDITOR="$W/slow" git rebase -q -i --autostash HEAD~2 >/dev/null 2>&1 || :
	[ "$(off log --format=%s | head -n 1)" = fourth ] && ! grep -q second src/b.txt || die "the rebase did not happen"
	[ "$(git sk list | grep -c 'before git rebase')" -gt 1 ] || die "this test is too quick"
	undo
	has "$W/err" 'before git rebase' && [ ! -e v ]
	git sk list -- v >"$W/list" && has "$W/list" 'before git rebase' # it is saved
	{ off ls-files -s && state .; } | diff "$W/before" -
}

t_a_merge_under_way_goes_with_it() {
	start
	git checkout -qb other HEAD~1 && echo theirs >a.txt && git commit -qam theirs && git checkout -q main
	local msg head
	echo unsaved >>src/b.txt
	git merge other >/dev/null 2>&1 || :
	head=$(cat .git/MERGE_HEAD) && printf 'My merge\n\n  indented\n\n# Conflicts:\n#\ta.txt\n' >.git/MERGE_MSG
	msg=$(cat .git/MERGE_MSG)
	echo resolved >a.txt && git add a.txt
	git reset -q --hard
	[ ! -e .git/MERGE_HEAD ]
	undo
	eq "$(cat .git/MERGE_HEAD)" "$head" && eq "$(cat .git/MERGE_MSG)" "$msg" && eq "$(tail -n 1 src/b.txt)" unsaved
	undo && [ ! -e .git/MERGE_HEAD ] && [ ! -e .git/MERGE_MSG ] || die "undo of the undo: no merge"
	undo && git commit -q
	eq "$(git rev-list --parents -n 1 HEAD | wc -w)" 3 "a commit and its parents" && eq "$(git log -1 --format=%B)" "$(printf 'My merge\n\n  indented')"
}

t_an_undone_merge_is_none() { # what is committed then is no merge of nothing
	start
	git checkout -qb other HEAD~1 && echo theirs >a.txt && git commit -qam theirs && git checkout -q main
	git merge other >/dev/null 2>&1 || :
	[ -e .git/MERGE_HEAD ] && undo
	[ ! -e .git/MERGE_HEAD ] && eq "$(off status --porcelain)" ''
	echo x >>a.txt && git commit -qam x && eq "$(git rev-list --parents -n 1 HEAD | wc -w)" 2
	# an autostash that waited for the end of the merge is not applied once more by a later commit
	echo unsaved >>src/b.txt && git merge --autostash other >/dev/null 2>&1 || :
	[ -e .git/MERGE_AUTOSTASH ] && undo && eq "$(tail -n 1 src/b.txt)" unsaved
	git commit -qm y --allow-empty && eq "$(grep -c unsaved src/b.txt)" 1 && eq "$(off status --porcelain)" ' M src/b.txt'
}

t_on_another_commit_the_merge_is_only_said() {
	start
	git checkout -qb other HEAD~1 && echo theirs >a.txt && git commit -qam theirs && git checkout -q main
	git merge other >/dev/null 2>&1 || :
	echo resolved >a.txt && git add a.txt && git sk backup -q >/dev/null
	git commit -qm merged
	git sk rollback --yes --staged '@{0}' >/dev/null 2>"$W/err"
	[ ! -e .git/MERGE_HEAD ] && has "$W/err" 'on another commit'
	git sk rollback --yes --staged --head '@{1}' >/dev/null 2>&1 && [ -e .git/MERGE_HEAD ]
}

t_a_rebase_under_way_is_said() {
	start
	git checkout -qb other HEAD~1 && echo theirs >a.txt && git commit -qam theirs && git checkout -q main
	git rebase other >/dev/null 2>&1 || :
	[ -d .git/rebase-merge ] && undo && has "$W/err" 'rebase --quit'
	[ -d .git/rebase-merge ] && git rebase --quit && git checkout -q main && eq "$(off status --porcelain)" ''
}

t_tidying_is_not_undone() {
	repo r && cd r && git sk -q init --no-service
	echo precious >>a.txt
	git reset -q --hard
	# git runs these by itself, after the command that was meant
	git gc -q --auto && git gc -q --prune=now && git repack -q && git maintenance run --task=gc
	git sk undo --yes >"$W/said" 2>&1
	has a.txt precious
}

run_tests
