#!/bin/bash
# list commits, restore --commit: commits that nothing reaches any more.
. "${0%/*}/lib.sh"

start() { repo r && cd r && git sk init -q --no-service >/dev/null; }
# commit NAME: a commit on the present branch; prints its id
commit() { echo "$1" >>"c-${1//\//-}.txt" && git add "c-${1//\//-}.txt" && git commit -qm "$1" && git rev-parse HEAD; }
# lose BRANCH: a branch with a commit that is deleted; prints the commit
lose() { git checkout -qb "$1" && commit "on $1" && git checkout -q main && git branch -qD "$1"; }
subjects() { git sk list commits --json "$@" | python3 -c 'import json,sys; print("|".join(c["subject"] for c in json.load(sys.stdin)["commits"]))'; }

t_nothing_lost() {
	start
	code 0 git sk list commits
	eq "$(cat "$W.out")" ''
	has "$W.err" 'no commit is lost'
	eq "$(subjects)" ''
	git sk list commits --all >"$W/all" && has "$W/all" 'second  (still there)'
}

t_a_branch() {
	start
	local c
	c=$(lose topic/x)
	git sk list commits >"$W/list"
	has "$W/list" "${c:0:10}" && has "$W/list" 'topic/x ' && has "$W/list" 'on topic/x'
	eq "$(git sk list commits -z | tr '\0' '\n')" "$c"
	eq "$(git sk restore --commit topic/x 2>/dev/null)" recovered/topic/x
	eq "$(git rev-parse refs/heads/recovered/topic/x)" "$c"
	eq "$(subjects)" '' "what is lost after that"
	eq "$(git rev-parse --abbrev-ref HEAD)" main && eq "$(git status --porcelain)" ''
}

t_names_for_it() {
	start
	local c i=0 name
	c=$(lose x)
	for name in "$c" "${c:0:7}" "$(echo "${c:0:12}" | tr a-f A-F)" refs/heads/x heads/x x; do
		i=$((i + 1))
		# a branch reaches it after the first: then only git's own names are left
		eq "$(git sk restore --commit "$name" --branch b$i 2>/dev/null)" b$i && eq "$(git rev-parse b$i)" "$c"
		git branch -qD b$i && git sk backup -q >/dev/null
	done
	eq "$(git sk restore --commit HEAD~1 --branch old 2>/dev/null)" old
	eq "$(git rev-parse old)" "$(git rev-parse HEAD~1)"
	git tag -m t t && eq "$(git sk restore --commit t --branch tagged 2>/dev/null)" tagged && eq "$(git rev-parse tagged)" "$(git rev-parse HEAD)"
	for name in nope abcdef0123 'HEAD^{tree}' '' '--all' $'x\033[31m'; do
		code 1 git sk restore --commit="$name"
		! grep -q $'\033' "$W.err"
	done
}

t_never_moves_a_branch() {
	start
	local one two
	one=$(lose x) && two=$(lose x)
	git branch recovered/x main && git branch mine main
	code 13 git sk restore --commit "$one" --branch mine
	has "$W.err" 'mine'
	eq "$(git rev-parse mine)" "$(git rev-parse main)"
	eq "$(git sk restore --commit "$two" 2>/dev/null)" recovered/x_2
	eq "$(git rev-parse recovered/x)" "$(git rev-parse main)"
}

t_default_name_that_is_taken() {
	start
	local one two
	one=$(lose x) && echo between >>a.txt && git commit -qam between && two=$(lose x)
	eq "$(git sk restore --commit "$two" 2>/dev/null)" recovered/x
	eq "$(git sk restore --commit "$one" 2>/dev/null)" recovered/x_2
	eq "$(git sk restore --commit "$one" 2>"$W/err")" recovered/x_2 && has "$W/err" 'already'
	eq "$(git rev-parse recovered/x recovered/x_2)" "$two
$one"
	code 2 git sk restore --commit "$one" --branch 'a b'
	code 2 git sk restore --commit "$one" --branch '../x'
	code 2 git sk restore --commit "$one" -- a.txt
	code 2 git sk restore --commit "$one" latest
	code 2 git sk restore --branch x -- a.txt
	code 2 git sk list commits -- a.txt
}

t_dry_run() {
	start
	local c
	c=$(lose x)
	eq "$(git sk restore --dry-run --commit x 2>"$W/err")" recovered/x && has "$W/err" 'would be'
	eq "$(git branch --list 'recovered/*')" ''
	git sk restore --dry-run --json --commit x | python3 -c 'import json,sys; o=json.load(sys.stdin); assert o == {"commit": "'"$c"'", "branch": "recovered/x", "stash": False, "new": True, "dry_run": True}, o'
}

t_only_the_tops() { # what lies below comes back with them
	start
	git checkout -qb x && commit one >/dev/null && git sk backup -q >/dev/null && commit two >/dev/null && git sk backup -q >/dev/null
	git checkout -q main && git branch -qD x
	eq "$(subjects)" two
	case $(subjects --all) in *one*) ;; *) die "--all does not have one" ;; esac
	local one
	one=$(git sk list commits --all --json | python3 -c 'import json,sys; print(next(c["commit"] for c in json.load(sys.stdin)["commits"] if c["subject"] == "one"))')
	eq "$(git sk restore --commit "$one" --branch b 2>/dev/null)" b && eq "$(git log -1 --format=%s b)" one
	eq "$(subjects)" two
}

t_stash() {
	start
	echo edit >>a.txt && echo u >u && git stash push -qu -m 'my work' && local c && c=$(git rev-parse stash@{0})
	git stash drop -q && git gc -q --prune=now
	has <(git sk list commits) 'On main: my work'
	eq "$(git sk restore --commit stash 2>/dev/null)" 'stash@{0}'
	eq "$(git rev-parse stash@{0})" "$c" && has <(git stash list) 'On main: my work'
	git sk restore --commit "$c" 2>"$W/err" >/dev/null && has "$W/err" 'already' && eq "$(git stash list | wc -l)" 1
	git stash pop -q && eq "$(tail -n 1 a.txt)" edit && eq "$(cat u)" u
	git sk restore --commit "$c" --branch work >/dev/null 2>&1 && eq "$(git rev-parse work)" "$c"
}

t_older_stash_entries_are_not_lost() {
	start
	local i
	for i in 1 2 3; do echo $i >>a.txt && git stash push -q -m s$i; done
	git sk backup -q >/dev/null
	eq "$(subjects)" ''
	git stash drop -q stash@{1} && eq "$(subjects)" 'On main: s2'
	git stash clear && git sk backup -q >/dev/null && eq "$(subjects | tr '|' '\n' | sort | tr '\n' ' ')" 'On main: s1 On main: s2 On main: s3 '
}

t_hostile_subject_and_names() {
	start
	git checkout -qb 'x"$(id>pwned)' && echo 1 >>a.txt && git commit -qam $'red \033[31m and \r more' && git checkout -q main && git branch -qD 'x"$(id>pwned)'
	git sk list commits >"$W/list"
	! grep -q $'\033' "$W/list" && eq "$(wc -l <"$W/list")" 1
	git sk restore --commit 'x"$(id>pwned)' 2>"$W/err" >/dev/null && ! grep -q $'\033' "$W/err" && [ ! -e pwned ]
	git sk list commits --json | python3 -m json.tool >/dev/null
}

t_limits() {
	start
	lose x >/dev/null && echo m >>a.txt && git commit -qam m && lose y >/dev/null
	eq "$(git sk list commits -z -n 1 | tr '\0' '\n' | wc -l)" 1
	eq "$(git sk list commits -z --since='1 hour ago' | tr '\0' '\n' | wc -l)" 2
	eq "$(git sk list commits -z --until='1 hour ago' | tr '\0' '\n' | wc -l)" 0
}

t_after_uninit() {
	start
	local c
	c=$(lose x)
	# bring it back first: without gc's setting, which uninit takes away, nothing keeps it
	git sk restore --commit x >/dev/null 2>&1 && eq "$(git rev-parse recovered/x)" "$c"
	lose y >/dev/null
	git sk uninit >../said; has ../said 'no longer kept'
	hasnt <(git sk list commits) 'on y'
	code 1 git sk restore --commit y
	eq "$(git rev-parse recovered/x)" "$c"
}

run_tests
