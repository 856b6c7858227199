# `git sk init` in every kind of repository, and what it refuses.
. "$(dirname "$0")/lib.sh"

# listing DIR: every file of a git folder with mode and sum, less objects, backups and logs of them
listing() {
	(cd "$1" && find . -path ./objects -prune -o -path ./refs/sk -prune -o -path ./logs/refs/sk -prune -o \
		-printf '%y %m %P -> %l\n' | LC_ALL=C sort && find . -path ./objects -prune -o -path ./refs/sk -prune -o \
		-path ./logs/refs/sk -prune -o -type f ! -name packed-refs -print0 | LC_ALL=C sort -z | xargs -0r sha1sum --)
}
newest() { git sk list backups -n 1 --json | python3 -c 'import json,sys; e=json.load(sys.stdin)["entries"]; print(e[0]["id"])'; }
# exact: init, change things, backup, wreck, rollback: state and status as before
exact() {
	git sk init >../init.txt
	echo work >work.txt; mkdir -p new/dir; echo n >new/dir/f
	[ ! -f a.txt ] || echo edit >>a.txt
	state . >../before; git status --porcelain=v2 >../status
	git sk backup >../id
	rm -rf work.txt new; [ ! -f a.txt ] || echo wrecked >a.txt; echo extra >extra
	git sk rollback --yes "$(cat ../id)" >../rb 2>&1
	state . >../after; cmp ../before ../after
	git status --porcelain=v2 >../status2; cmp ../status ../status2
	git fsck --full --strict --no-dangling >../fsck 2>&1 || { cat ../fsck; exit 1; }
}
# init, then uninit: .git as before, byte for byte
round() {
	listing "$(git rev-parse --absolute-git-dir)" >../l1
	git sk init >/dev/null; git sk init >/dev/null
	git sk uninit >../un
	listing "$(git rev-parse --absolute-git-dir)" >../l2
	diff ../l1 ../l2
}

t_normal() { repo w; cd w; round; exact; git sk init >../again; has ../again already; }
t_quiet() {
	repo w
	cd w
	code 0 git sk init -q
	eq "$(cat "$W.out" "$W.err")" ""
	code 0 git sk -q init
	eq "$(cat "$W.out" "$W.err")" ""
	git sk status | grep -q 'hooks    in place' || die "it is not enabled"
	code 0 git sk init -q --json
	has "$W.out" '"already": true'
	code 0 git sk uninit -q
	eq "$(cat "$W.out" "$W.err")" ""
	# but what is amiss is said: a socket's path may not be that long
	code 0 env -u GIT_SK_NO_SERVICE XDG_RUNTIME_DIR="$W/$(printf '%0110d' 0)" git sk init -q
	eq "$(cat "$W.out")" ""
	has "$W.err" 'warning: the service was not started'
}
t_clone() { repo o; git clone -q o w; cd w; round; exact; }
t_shallow() { repo o; git clone -q --depth 1 "file://$PWD/o" w; cd w; round; exact; }
t_partial() {
	repo o; git -C o config uploadpack.allowFilter true; git -C o config uploadpack.allowAnySHA1InWant true
	git clone -q --filter=blob:none "file://$PWD/o" w; cd w; round; exact
}
t_linked_worktree() {
	repo o; git -C o worktree add -q ../w >/dev/null 2>&1; cd w
	git sk init >/dev/null
	exact
	cd ../o; git sk backup >/dev/null; git sk uninit >/dev/null; [ ! -e .git/worktrees/w/sk ]
}
t_submodule() {
	repo s; repo o; git -C o submodule --quiet add "$PWD/s" w 2>/dev/null; git -C o commit -qm sub
	cd o/w; round; exact
}
t_superproject_covers_submodules() {
	repo s; repo w; cd w; git submodule --quiet add "$W/s" sub 2>/dev/null; git commit -qm sub
	git sk init >/dev/null
	echo dirty >>sub/a.txt; echo untracked >sub/u.txt
	git sk backup >../id
	rm sub/u.txt; git -C sub checkout -q a.txt
	git sk rollback --yes "$(cat ../id)" >../o 2>&1 || { cat ../o; exit 1; }
	has sub/a.txt dirty; has sub/u.txt untracked
	eq "$(git ls-tree "refs/sk/backup/$(cat ../id)" sub | cut -d' ' -f1)" 160000
}
t_nested_repository() {
	repo w; cd w; git sk init >/dev/null; repo inner; echo dirty >>inner/a.txt; git init -q unborn; echo u >unborn/u
	git sk backup >../id
	echo broken >inner/a.txt; rm unborn/u
	git sk rollback --yes "$(cat ../id)" >../o 2>&1 || { cat ../o; exit 1; }
	has inner/a.txt dirty; has unborn/u u
	[ -d inner/.git ]
	# a repository that was not there at the backup is not deleted
	repo later
	git sk rollback --yes "$(cat ../id)" >../o 2>&1 || [ $? = 3 ]
	[ -d later/.git ] || die "a nested repository was deleted"; [ -f later/a.txt ] || die "its files were deleted"
}
t_unborn() { git init -q w; cd w; round; exact; }
t_detached() { repo w; cd w; git checkout -q HEAD~1; round; exact; }
t_sparse_cone() {
	repo w; cd w; mkdir big; echo b >big/b; git add -A; git commit -qm big
	git sparse-checkout set --cone src; [ ! -e big ]
	round; exact
	git ls-tree -r --name-only "refs/sk/backup/$(newest)" >../t; has ../t big/b
	[ ! -e big ] || die "sparse files appeared"
}
t_sparse_no_cone() { repo w; cd w; git sparse-checkout set --no-cone '/*' '!src/lib' >/dev/null 2>&1; [ ! -e src/lib ]; round; exact; [ ! -e src/lib ]; }
t_sparse_index() {
	repo w; cd w; mkdir -p big/x; echo b >big/x/b; git add -A; git commit -qm big
	git sparse-checkout set --cone --sparse-index src 2>/dev/null; round; exact
	git ls-tree -r --name-only "refs/sk/backup/$(newest)" >../t; has ../t big/x/b
}
t_split_index() { repo w; cd w; git update-index --split-index; echo more >m; git add m; round; exact; }
t_index_v4() { repo w; cd w; git update-index --index-version 4; round; exact; }
t_worktree_config() { repo w; cd w; git config extensions.worktreeConfig true; git config --worktree x.y z; round; exact; }
t_autocrlf() {
	repo w; cd w; git config core.autocrlf true; printf 'one\r\ntwo\r\n' >crlf.txt; printf 'mix\r\ned\n' >mixed.txt
	git add . 2>/dev/null; git commit -qm crlf 2>/dev/null
	git sk init >/dev/null; git sk backup >../id; state . >../b
	rm crlf.txt mixed.txt
	git sk rollback --yes "$(cat ../id)" >/dev/null; state . >../a; cmp ../b ../a
}
t_attributes_eol() {
	repo w; cd w; printf '*.txt text eol=crlf\n*.id ident\n' >.gitattributes; printf 'a\r\nb\r\n' >e.txt; echo '$Id$' >f.id
	git add . 2>/dev/null; git commit -qm e 2>/dev/null; rm f.id e.txt; git checkout -q -- .
	state . >../b; git sk init >/dev/null; echo x >a.txt
	rm e.txt f.id; git sk rollback --yes "$(git sk list backups --json | python3 -c 'import json,sys; print(json.load(sys.stdin)["entries"][-1]["id"])')" >/dev/null
	state . >../a; cmp ../b ../a
}
t_filter() {
	repo w; cd w; git config filter.rot.clean 'tr a-z n-za-m'; git config filter.rot.smudge 'tr a-z n-za-m'; git config filter.rot.required true
	echo '*.rot filter=rot' >.gitattributes; echo hello >s.rot; git add .; git commit -qm rot
	git sk init >/dev/null
	eq "$(git cat-file blob "refs/sk/backup/$(newest):s.rot")" hello "raw bytes"
	exact; has s.rot hello
}
t_odd_paths() {
	local d=$'sp ace \377 \n end'
	mkdir "$d"; repo "$d/w"; cd "$d/w"; round; exact
}
t_sub_folder_and_C() { repo w; mkdir w/deep; cd w/deep; git sk init >/dev/null; cd ..; git sk -C deep backup >/dev/null; git sk backup -C deep >/dev/null; }
t_config_kept_when_edited() {
	repo w; cd w; git sk init >/dev/null; git config user.nick me; git config transfer.hideRefs refs/x --add
	git sk uninit >/dev/null
	eq "$(git config user.nick)" me; eq "$(git config --get-all transfer.hideRefs)" refs/x
	hasnt .git/config refs/sk; hasnt .git/config fsmonitor
}
t_uninit_keeps_backups_and_purge_does_not() {
	repo w; cd w; git sk init >/dev/null; git sk uninit >../u; has ../u 1
	eq "$(git for-each-ref refs/sk/backup | wc -l)" 1
	git gc -q --prune=now >../gc 2>&1; eq "$(cat ../gc)" "" "what gc says after uninit"
	git sk list >../l; git sk init >/dev/null; git sk uninit --purge >/dev/null
	eq "$(git for-each-ref refs/sk | wc -l)" 0
	[ ! -e .git/refs/sk ] || [ -z "$(find .git/refs/sk -type f)" ]; [ ! -e .git/logs/refs/sk ]; [ ! -e .git/sk ]
}
t_hooks_options() {
	repo w; cd w; git sk init --no-guard --no-hooks --no-service >/dev/null
	[ ! -e .git/hooks/pre-commit ]; eq "$(git config core.fsmonitor || true)" ""
	git sk init >/dev/null; [ ! -e .git/hooks/pre-commit ] || die "init again changed something"
	git sk uninit >/dev/null; git sk init >/dev/null; [ -e .git/hooks/pre-commit ]
}
t_git_folder_of_another_name() {
	mkdir w; cd w; git init -q --bare dot; export GIT_DIR=$PWD/dot GIT_WORK_TREE=$PWD
	git config core.bare false; echo a >a.txt; git add a.txt; git commit -qm a
	git sk init >/dev/null; echo b >a.txt; git sk backup >../id
	git ls-tree -r --name-only "refs/sk/backup/$(cat ../id)" >../t; eq "$(cat ../t)" a.txt
	echo c >a.txt; git sk rollback --yes "$(cat ../id)" >/dev/null; eq "$(cat a.txt)" b
	git log -1 --format=%s >../s; eq "$(cat ../s)" a
}
t_refused_kinds() {
	code 10 git sk -C / backup
	mkdir plain; code 10 git sk -C plain init; has "$W.err" "not in a git working tree"
	git init -q --bare b; code 10 git sk -C b init; has "$W.err" bare
	git init -q --object-format=sha256 s; code 12 git sk -C s init; has "$W.err" sha256
	repo r; git -C r config core.repositoryformatversion 1; git -C r config extensions.refstorage reftable
	code 12 git-sk -C r init; has "$W.err" reftable
	repo u; git -C u config core.repositoryformatversion 1; git -C u config extensions.fromthefuture yes
	code 12 git-sk -C u init; has "$W.err" fromthefuture
	repo n; code 10 git sk -C n backup; has "$W.err" "git sk init"
}
t_another_owner() {
	[ "$(id -u)" = 0 ] || skip "only root can make one"
	repo w; chown -R 12345 w
	code 13 git-sk -C w init; has "$W.err" safe.directory
	git config --global --add safe.directory "$W/w"
	git-sk -C w init >/dev/null
}

# large: so many tracked files that git is to keep its cache of untracked ones
large() {
	local blob
	repo "$1" && cd "$1"
	blob=$(git rev-parse HEAD:a.txt)
	for i in $(seq 10000); do echo "100644 $blob	many/$i"; done | git update-index --index-info
	git commit -qm many && git checkout -q -f .
}

t_untracked_cache_of_a_large_tree() {
	large r
	cp .git/config "$W/before"
	git sk init >"$W/said"
	has "$W/said" core.untrackedCache
	eq "$(git config core.untrackedCache)" true
	git status >/dev/null && git status --porcelain >"$W/status"
	eq "$(wc -c <"$W/status")" 0
	cp .git/config "$W/enabled"
	git sk -q init
	cmp .git/config "$W/enabled"
	git sk -q uninit
	cmp .git/config "$W/before"
	# whoever said something about it keeps it
	git config core.untrackedCache keep
	git sk -q init
	eq "$(git config core.untrackedCache)" keep
	git sk -q uninit
	eq "$(git config core.untrackedCache)" keep
	# and a small tree is quick as it is
	repo "$W/small" && cd "$W/small" && git sk -q init
	code 1 git config core.untrackedCache
}

run_tests
