# purge: afterwards the content is in no backup, revision, metadata, kept commit, pack or loose object;
# entries keep their ids and times; what the user's own history needs stays and is named.
. "$(dirname "$0")/lib.sh"

SECRET=zq9-very-secret-bytes-7f3a
nth() { git sk list --json all | python3 -c 'import json,sys; print(json.load(sys.stdin)["entries"][int(sys.argv[1])-1]["id"])' "$1"; }
in_objects() { git cat-file --batch-all-objects --batch 2>/dev/null | grep -aqF -- "$1"; }
gone() { # TEXT [GITDIR]: in no object, and in no file of SafeKeep
	! (cd "${2:-.}" && in_objects "$1") || die "'$1' is still in an object"
	[ -n "${2:-}" ] || ! grep -raqF -- "$1" .git/sk || die "'$1' is still in .git/sk"
}
refs() { git for-each-ref --format='%(refname) %(taggerdate:raw)' refs/sk/backup refs/sk/revision; }
healthy() {
	eq "$(git fsck --full --strict 2>&1 | grep -v '^dangling' || :)" "" "git fsck"
	code 0 git sk verify
	git gc -q --prune=now
	code 0 git sk verify
}

# secret.env in three of six backups and one revision, in two versions; staged once
made() {
	repo r && cd r && git sk init -q >/dev/null
	mkdir -p conf && echo "$SECRET one" >conf/secret.env && echo keep >conf/keep.txt && git sk backup -q >/dev/null
	echo "$SECRET two" >conf/secret.env && git add conf/secret.env && git sk backup -q >/dev/null
	git sk revise Before -q >/dev/null
	git rm -qf --cached conf/secret.env && rm conf/secret.env && echo later >>a.txt && git sk backup -q >/dev/null
	echo latest >>a.txt && git sk backup -q >/dev/null
	refs >../refs.before
}

t_path() {
	made
	local mid
	mid=$(nth 4)
	code 13 git sk purge --path conf/secret.env </dev/null
	in_objects "$SECRET" || die "it was purged without being asked for"
	code 0 git sk purge --path conf/secret.env --dry-run
	has "$W.out" "would change"
	in_objects "$SECRET" || die "a dry run did it"
	code 0 git sk purge --path conf/secret.env --yes
	hasnt "$W.out" "$SECRET"
	gone "$SECRET"
	refs | cmp - ../refs.before
	healthy
	code 1 git sk cat "$mid" conf/secret.env
	eq "$(git sk cat "$mid" conf/keep.txt)" keep
	git sk show "$mid" --json | python3 -c 'import json,sys; d=json.load(sys.stdin); assert {"path":"conf/secret.env","reason":"purged"} in d["skipped"], d'
	git cat-file tag "refs/sk/backup/$mid" | grep -qx 'Sk-Purged: path conf/secret.env'
	# rollback leaves what stands there alone
	mkdir -p conf && echo mine >conf/secret.env
	code 3 git sk rollback "$mid" --yes -q
	eq "$(cat conf/secret.env)" mine
	eq "$(cat conf/keep.txt)" keep
	code 0 git sk purge --path no/such/file --yes
}

t_backups_go_on() {
	made
	echo "$SECRET again" >conf/secret.env && git sk backup -q >/dev/null
	code 0 git sk purge --path conf/secret.env --yes
	has "$W.out" "in the working tree"
	gone "$SECRET"
	# nothing was changed, so the state file would say that the blob is stored
	git sk cat "$(git sk backup -q)" conf/secret.env | grep -q "$SECRET again"
	healthy
}

t_folder_pattern_and_blob() {
	made
	mkdir -p deep/er && echo "$SECRET three" >deep/er/x.key && echo "$SECRET four" >y.key && git sk backup -q >/dev/null
	rm -r deep y.key && git sk backup -q >/dev/null
	(cd conf && code 0 git sk purge --path '*.key' --yes) # nothing below conf
	in_objects "$SECRET three" || die "a pattern is relative to where one stands"
	code 0 git sk purge --path '*.key' --yes
	gone "$SECRET three"
	gone "$SECRET four"
	in_objects "$SECRET one" || die "too much went"
	local b
	b=$(git hash-object --stdin <<<"$SECRET one")
	code 2 git sk purge --blob "${b:0:3}" --yes
	code 0 git sk purge --blob "${b:0:12}" --yes
	gone "$SECRET one"
	in_objects "$SECRET two" || die "the other version went too"
	code 0 git sk purge --path conf/ --yes
	gone "$SECRET"
	code 2 git sk purge --path . --yes
	code 13 git sk purge --path ../elsewhere --yes
	code 2 git sk purge
	healthy
}

t_secrets() {
	repo r && cd r && git sk init -q >/dev/null
	# made here, so that no scanner takes this file for a leak
	local key="ghp_$(printf 'aB3dE6gH9jK2mN5pQ8sT1vW4yZ7cF0xLrUiO' | cut -c1-36)"
	echo "token = \"$key\"" >app.conf && git sk backup -q >/dev/null
	echo "token = none" >app.conf && git sk backup -q >/dev/null
	in_objects "$key"
	code 0 git sk purge --secrets --dry-run
	has "$W.err" "app.conf:1:"
	hasnt "$W.err" "$key"
	code 0 git sk purge --secrets --yes
	gone "$key"
	git sk cat latest app.conf | grep -q none
	code 0 git sk purge --secrets --yes
	has "$W.err" "no secret"
	healthy
}

t_what_the_user_needs_stays() {
	made
	echo "$SECRET committed" >c.txt && git add c.txt && git commit -qm c && git branch other && git tag v1
	echo "$SECRET stashed" >c.txt && git stash -q
	echo "$SECRET staged" >s.txt && git add s.txt
	git sk backup -q >/dev/null
	code 0 git sk purge --path c.txt --path s.txt --path conf/secret.env --yes
	has "$W.out" "branch main (c.txt)"
	has "$W.out" "branch other (c.txt)"
	has "$W.out" "tag v1 (c.txt)"
	has "$W.out" "the newest stash"
	has "$W.out" "the index"
	gone "$SECRET one"
	gone "$SECRET two"
	git show HEAD:c.txt | grep -q committed
	git show :s.txt | grep -q staged
	git stash list | grep -q 'stash@{0}'
	git stash show -p | grep -q stashed
	healthy
	# once the history is rewritten, the next purge takes the rest
	git stash drop -q && git reset -q --hard HEAD~1 && git branch -qf other HEAD && git tag -d v1 >/dev/null
	rm -f .git/ORIG_HEAD && git reflog expire --expire=now --expire-unreachable=now --all
	code 0 git sk purge --path c.txt --path s.txt --yes
	gone "$SECRET"
	healthy
}

t_kept_commits() {
	made
	git checkout -qb gone && echo "$SECRET lost" >l.txt && git add l.txt && git commit -qm lost && git rm -q l.txt && git commit -qm later
	git sk backup -q >/dev/null
	git checkout -q main && git branch -qD gone && git sk backup -q >/dev/null
	git reflog expire --expire=now --expire-unreachable=now HEAD && rm -f .git/ORIG_HEAD
	git sk list commits | grep -q later
	code 0 git sk purge --path l.txt --yes
	has "$W.out" "kept commits that were let go"
	gone "$SECRET lost"
	! git sk list commits --all 2>/dev/null | grep -q later || die "the commit is still kept"
	healthy
}

t_packed_shared_and_dead() {
	made
	# a backup that was deleted: its objects are still there
	echo "$SECRET dead" >conf/secret.env && git sk revise Dead -q >/dev/null && rm conf/secret.env && git sk backup -q >/dev/null
	git sk revise --delete Dead -q
	# everything in one pack with the user's own history, bitmap and all
	git repack -adbq --keep-unreachable
	git multi-pack-index write 2>/dev/null || :
	in_objects "$SECRET dead"
	code 0 git sk purge --path conf/secret.env --yes
	gone "$SECRET"
	git log -p >/dev/null
	healthy
}

t_linked_worktrees() {
	made
	git worktree add -q ../w && cd ../w && mkdir -p conf && echo "$SECRET linked" >conf/secret.env && git sk backup -q >/dev/null
	rm conf/secret.env && git sk backup -q >/dev/null
	cd ../r && code 0 git sk purge --path conf/secret.env --yes
	gone "$SECRET"
	cd ../w && code 0 git sk verify
	echo new >n.txt && git sk backup -q >/dev/null && git sk cat latest n.txt | grep -q new
	cd ../r && healthy
}

t_nested_and_conflicts() {
	made
	git init -q sub && echo "$SECRET nested" >sub/secret.env && echo sub >sub/keep.txt && (cd sub && git add keep.txt && git commit -qm s)
	git checkout -qb one && echo "$SECRET ours" >x.txt && git add x.txt && git commit -qm 1
	git checkout -q main && echo "$SECRET theirs" >x.txt && git add x.txt && git commit -qm 2
	git merge one >/dev/null 2>&1 || :
	git sk backup -q >/dev/null
	git merge --abort && git checkout -q main && git sk backup -q >/dev/null
	code 0 git sk purge --path sub/secret.env --path x.txt --yes
	gone "$SECRET nested"
	local id
	id=$(nth 2)
	! git ls-tree -r "$(git cat-file tag "refs/sk/meta/backup/$id" | sed -n 's/^object //p')" | grep -q unmerged || die "conflict stages are left"
	eq "$(git sk cat "$id" sub/keep.txt)" sub
	healthy
}

t_vault() {
	made
	git sk vault add v "$W/v.git" -q >/dev/null && git sk vault push -q >/dev/null
	# a backup that only the vault has any more
	git update-ref -d "refs/sk/backup/$(nth 5)"
	(cd ../v.git && in_objects "$SECRET one") || die "nothing was pushed"
	code 2 git -C ../r sk purge --path conf/secret.env --path
	code 0 git sk purge --path conf/secret.env --yes
	(cd ../v.git && in_objects "$SECRET one") || die "the vault was purged without being asked for"
	code 0 git sk purge --path conf/secret.env --yes --vault
	has "$W.out" "v: purged"
	gone "$SECRET"
	gone "$SECRET" ../v.git
	eq "$(git -C ../v.git fsck --full 2>&1 | grep -v -e '^dangling' -e '^notice' || :)" "" "git fsck in the vault"
	healthy
	mv ../v.git ../away.git
	code 15 git sk purge --path conf/keep.txt --yes --vault
	git sk cat "$(nth 2)" conf/keep.txt | grep -q keep || die "it was purged though the vault was away"
}

# beside backups that are made all the time, and a service that watches
t_beside_backups_and_the_service() {
	local i w ids
	made
	unset GIT_SK_NO_SERVICE
	git sk service start -q >/dev/null 2>&1 || skip "no service here"
	(for i in 1 2 3 4 5 6 7 8 9 10; do echo "$i" >>busy.txt; git sk backup -q >/dev/null || exit 1; done) &
	w=$!
	code 0 git sk purge --path conf/secret.env --yes
	wait $w || { GIT_SK_NO_SERVICE=1 git sk service stop -q; die "a backup failed"; }
	gone "$SECRET"
	echo last >>busy.txt
	i=$(git sk backup -q)
	export GIT_SK_NO_SERVICE=1 # or the next command starts it again
	git sk service stop -q >/dev/null 2>&1
	git sk cat "$i" busy.txt | cmp - busy.txt
	healthy
}

t_killed_purges() {
	local i
	made
	for i in 1 2 3 4 5 6 7 8 9; do echo "$SECRET $i" >conf/secret.env; git sk backup -q >/dev/null; done
	rm conf/secret.env && git sk backup -q >/dev/null
	refs >../refs.before
	cp -a .git ../git.orig
	for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		rm -rf .git && cp -a ../git.orig .git
		setsid git sk purge --path conf/secret.env --yes -q >/dev/null 2>&1 &
		python3 -c "import time; time.sleep(0.005 * $i)"
		kill -9 -- -$! 2>/dev/null || kill -9 $! 2>/dev/null || : # setsid may not have come that far
		wait $! 2>/dev/null || :
		# whatever was reached: every entry is whole
		code 0 git sk verify
		if [ -e .git/sk/purge ]; then code 0 git sk purge; else code 0 git sk purge --path conf/secret.env --yes; fi
		gone "$SECRET"
		[ ! -e .git/sk/purge ] || die "the note of the purge is left"
		refs | cmp - ../refs.before
		eq "$(git fsck --full 2>&1 | grep -v '^dangling' || :)" "" "git fsck after kill $i"
	done
}

run_tests
