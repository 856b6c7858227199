# git sk release: a clean repository of one commit; what is left out, refused, warned of; the same
# input gives the same commit.
. "$(dirname "$0")/lib.sh"

# a token of a form that a code host refuses is put together here, never written down
R36=Zk3Qw9XrT1mB7vN2cL5pD8sF4gH6jK0yUaEo
token() { printf 'gh%s_%s' p "$R36"; }
json() { python3 -c 'import json,sys; d=json.load(open(sys.argv[1])); print(eval(sys.argv[2]))' "$1" "$2"; }
rules() { python3 -c 'import json,sys
for f in json.load(open(sys.argv[1]))["findings"]: print(f["severity"], f["rule"], f["path"])' "$W.out" | LC_ALL=C sort; }
# on DIR: a repository with SafeKeep, README and license
on() {
	repo "$1"
	cd "$1"
	echo "# r" >README.md
	echo "free" >LICENSE
	git add -A
	git commit -qm "docs"
	git sk init -q --no-service
}
names() { git -C "$1" ls-tree -r --name-only HEAD | tr '\n' ' '; }
# nothing_written DIR: neither folder, nor record, nor leftovers
nothing_written() {
	[ ! -e "$1" ] || die "$1 was written"
	eq "$(git for-each-ref refs/sk/release)" "" "records"
	eq "$(find .. -maxdepth 1 -name '.*release*')" "" "leftovers"
	eq "$(find .git/sk -name 'release-index*')" "" "leftovers of the index"
}

t_one_commit_ready_to_push() {
	on r
	mkdir tmp && echo x >tmp/x && echo y >a.log && git add -Af && chmod +x a.txt && ln -s src/b.txt link
	git add -A && git commit -qm "more"
	code 0 git sk release
	case $(cat "$W.out") in version_20[0-9][0-9]-[01][0-9]-[0-3][0-9]) ;; *) die "$(cat "$W.out")" ;; esac
	has "$W.err" "push -u origin main"
	d=$W/r-$(cat "$W.out")
	eq "$(git -C "$d" rev-list --all --count)" 1
	eq "$(git -C "$d" symbolic-ref HEAD)" refs/heads/main
	eq "$(names "$d")" "LICENSE README.md a.txt link src/b.txt src/lib/c.txt "
	eq "$(git -C "$d" status --porcelain --ignored)" ""
	eq "$(git -C "$d" ls-files -s a.txt | cut -c1-6)" 100755
	[ -x "$d/a.txt" ] && [ -L "$d/link" ] || die "modes"
	eq "$(git -C "$d" log -1 --format='%an %ae %at %cn %ce %ct')" "$(git log -1 --format='%an %ae %at %cn %ce %ct')"
	eq "$(git -C "$d" tag --points-at main)" "$(cat "$W.out")"
	[ ! -e "$d/.git/objects/info/alternates" ] || die "borrows objects from here"
	mv .git .git.away && git -C "$d" fsck --strict --no-dangling && mv .git.away .git
	# what it says is what works
	git init -q --bare "$W/hub.git"
	git -C "$d" remote add origin "$W/hub.git"
	git -C "$d" push -q -u origin main "$(cat "$W.out")"
	eq "$(git -C "$W/hub.git" rev-parse main)" "$(git -C "$d" rev-parse HEAD)"
}

t_listed_and_never_pruned() {
	on r
	git sk release v1 --out ../v1
	git sk release v2 --out ../v2 --exclude src
	code 0 git sk list releases -z
	eq "$(tr '\0' '\n' <"$W.out" | sort | tr '\n' ' ')" "v1 v2 "
	printf '[retention]\nkeep_last = 1\nmax_per_day = 1\nkeep_hourly = 0\nkeep_daily = 0\nkeep_weekly = 0\nkeep_monthly = 0\ndisk_budget = 1\n' >.git/sk/safekeep.ini
	for i in 1 2 3; do head -c 100000 /dev/urandom >big && git sk backup -q; done
	git sk prune -q >/dev/null
	code 0 git sk list releases -z
	eq "$(tr '\0' '\n' <"$W.out" | sort | tr '\n' ' ')" "v1 v2 "
	eq "$(git rev-parse refs/sk/release/v1^{tree})" "$(git -C ../v1 rev-parse HEAD^{tree})"
	git diff --quiet refs/sk/release/v2 HEAD -- a.txt
	# and can be brought back
	rm a.txt && git sk restore -q v1 -- a.txt && git diff --quiet HEAD -- a.txt
}

t_same_input_same_commit() {
	on r
	code 0 git sk release v1 --out ../one --json
	one=$(json "$W.out" 'd["commit"]')
	eq "$(json "$W.out" 'd["new"], d["released"], d["files"]')" "(True, True, 5)"
	eq "$(git -C ../one rev-parse HEAD)" "$one"
	# at another time, in another place, with the same record
	rm -rf ../one
	code 0 env GIT_AUTHOR_NAME=other TZ=Asia/Tokyo git sk release v1 --out ../two --json
	eq "$(json "$W.out" 'd["commit"], d["new"]')" "('$one', False)"
	eq "$(git for-each-ref refs/sk/release | wc -l)" 1
	git clone -q . ../clone && cd ../clone && git sk init -q --no-service
	code 0 git sk release v1 --out ../three --json
	eq "$(json "$W.out" 'd["commit"]')" "$one"
	# of the working tree: the backup's time
	cd ../r && echo new >new.txt
	code 0 git sk release v2 --from worktree --out ../w1 --json
	two=$(json "$W.out" 'd["commit"]')
	code 0 git sk release v2 --from worktree --out ../w2 --json
	eq "$(json "$W.out" 'd["commit"], d["new"]')" "('$two', False)"
	eq "$(git -C ../w1 log -1 --format='%an %ce')" "A c@example.org"
}

t_a_version_stands_for_one_content() {
	on r
	git sk release 1.0 --out ../a
	echo more >>a.txt && git commit -qam more
	code 13 git sk release 1.0 --out ../b
	has "$W.err" "version 1.0 is released already, of commit"
	[ ! -e ../b ]
	# by date: a number (the day may end between two releases)
	today() { date +%Y-%m-%d; }
	day=$(today)
	code 0 git sk release --out ../c
	first=$(cat "$W.out")
	echo more >>a.txt && git commit -qam more
	code 0 git sk release --out ../d
	second=$(cat "$W.out")
	code 0 git sk release --out ../e
	third=$(cat "$W.out")
	[ "$(today)" = "$day" ] || return 0
	eq "$first $second $third" "version_$day version_${day}_2 version_${day}_2"
	eq "$(git -C ../e rev-parse HEAD)" "$(git -C ../d rev-parse HEAD)"
}

t_versions_that_are_none() {
	on r
	for v in "" . .. a..b -x a/b "a b" 'a~1' 'a^' 'a:b' 'a?' 'a*' 'a[' 'a\b' '@{0}' x.lock HEAD latest $'a\nb' ä "$(printf 'x%.0s' $(seq 101))"; do
		code 2 git sk release --out ../o -- "$v"
	done
	nothing_written ../o
}

t_sources() {
	on r
	git tag -m t old HEAD~1
	id=$(git sk revise -q Good)
	echo later >later.txt && git add later.txt && git commit -qm later
	echo dirty >>a.txt && echo un >untracked && echo secretish >.env && echo .env >.gitignore
	git sk release head --out ../head
	eq "$(names ../head)" "LICENSE README.md a.txt later.txt src/b.txt src/lib/c.txt "
	git sk release rev --from Good --out ../rev
	eq "$(names ../rev)" "LICENSE README.md a.txt src/b.txt src/lib/c.txt "
	eq "$(git sk show --json rev | python3 -c 'import json,sys; print(json.load(sys.stdin)["kind"])')" release
	git sk release wt --from worktree --out ../wt
	eq "$(names ../wt)" ".gitignore LICENSE README.md a.txt later.txt src/b.txt src/lib/c.txt untracked "
	grep -q dirty ../wt/a.txt
	git sk release tag --from old --out ../tag
	eq "$(git -C ../tag rev-parse HEAD^{tree})" "$(git rev-parse old^{tree})"
	code 1 git sk release none --from nonesuch --out ../none
	has "$W.err" "no backup, revision or commit"
	eq "$id" "$(git sk list revisions -z | tr '\0' '\n')"
}

t_ignored_files_of_a_backup_stay_here() {
	on r
	printf '.env\nbuild/\n*.o\n!keep.o\n' >.gitignore
	printf '[backup]\ninclude_ignored = .env, build\n' >.git/sk/safekeep.ini
	mkdir -p build sub && echo pw >.env && echo o >build/x && echo k >sub/keep.o && echo t >tracked.o
	git add -f tracked.o
	code 0 git sk release --from worktree --out ../o --json
	eq "$(names ../o)" ".gitignore LICENSE README.md a.txt src/b.txt src/lib/c.txt sub/keep.o tracked.o "
	git sk cat latest .env >/dev/null
	eq "$(json "$W.out" 'len([n for n in d["notes"] if "that git ignores" in n])')" 1
}

t_patterns_and_attributes() {
	on r
	mkdir -p docs/deep tools ci && echo 1 >docs/a && echo 2 >docs/deep/b && echo 3 >tools/t && echo 4 >ci/c && echo 5 >x.log
	printf 'docs/ export-ignore\n/tools/t export-ignore\n*.txt export-subst\n' >.gitattributes
	echo 'c -export-ignore' >ci/.gitattributes
	git add -Af && git commit -qm attr
	git sk release a --out ../a
	eq "$(names ../a)" ".gitattributes LICENSE README.md a.txt ci/.gitattributes ci/c src/b.txt src/lib/c.txt "
	# the attributes are those of the tree that is released, not of what lies here
	echo '* export-ignore' >.gitattributes
	git sk release a2 --out ../a2
	eq "$(git -C ../a2 rev-parse HEAD^{tree})" "$(git -C ../a rev-parse HEAD^{tree})"
	# options: include takes the setting's place, exclude adds
	git sk release b --out ../b --include 'src' --include '/README.md' --exclude 'c.txt'
	eq "$(names ../b)" "README.md src/b.txt "
	printf '[release]\ninclude = *.txt, *.log\nexclude = lib/\n' >.git/sk/safekeep.ini
	git sk release c --out ../c
	eq "$(names ../c)" "a.txt src/b.txt x.log "
	code 13 git sk release d --out ../d --include nothing
	has "$W.err" "no file is left"
}

t_export_subst_is_left_alone() {
	on r
	echo '$Format:%H$' >id.txt && echo 'id.txt export-subst' >.gitattributes && git add -A && git commit -qm id
	code 0 git sk release v --out ../o
	has "$W.err" "1 file with export-subst"
	eq "$(cat ../o/id.txt)" '$Format:%H$'
	eq "$(git -C ../o archive HEAD id.txt | tar -xO id.txt)" "$(git -C ../o rev-parse HEAD)"
}

t_secrets_are_refused() {
	on r
	printf 'k = "%s"\n' "$(token)" >src/conf.py && git add -A && git commit -qm conf
	code 1 git sk release v --out ../o
	has "$W.out" "src/conf.py:1: block: GitHub personal access token"
	hasnt "$W.out" "${R36:0:8}"
	hasnt "$W.err" "${R36:0:8}"
	nothing_written ../o
	code 1 git sk release v --out ../o --json
	hasnt "$W.out" "${R36:0:8}"
	eq "$(json "$W.out" 'd["released"], d["commit"], d["findings"][0]["rule"]')" "(False, None, 'secret-github-pat')"
	nothing_written ../o
	code 1 git sk release v --out ../o --dry-run
	# the copy of the working tree is clean, but not what is committed; and the other way round
	echo clean >src/conf.py
	code 1 git sk release v --out ../o
	code 0 git sk release w --out ../w --from worktree
	git checkout -q src/conf.py
	code 0 git sk release v --out ../o --exclude src/conf.py
	# excused as gitleaks has it, by a file of the same tree
	echo 'src/conf.py:github-pat:1' >.gitleaksignore
	code 1 git sk release x --out ../x
	git add -A && git commit -qm excuse
	code 0 git sk release x --out ../x
}

t_secret_in_what_stays_out() {
	on r
	token >secret.log && mkdir keys && token >keys/k && echo 'keys export-ignore' >.gitattributes
	git add -Af && git commit -qm x
	code 0 git sk release v --out ../o
	! git -C ../o grep -q "$R36" HEAD || die "it is in the release"
	git -C ../o cat-file --batch-all-objects --batch >"$W/all"
	! grep -qa "$R36" "$W/all" || die "it is among the objects"
}

t_conflict_markers() {
	on r
	printf 'Title\n=======\n\ntext\n\n=======\n' >rst.rst
	printf '>>>>>>> quoted\n' >mail.txt
	printf '    <<<<<<< HEAD\n    =======\n    >>>>>>> b\n' >indented.md
	printf '<<<<<<<HEAD\n=======\n>>>>>>>b\n' >glued.txt
	printf '<<<<<<< x\n\0=======\n>>>>>>> y\n' >binary
	printf '<<<<<<< HEAD\none\n=======\ntwo\n>>>>>>> b\n' >example.txt
	echo 'example.txt conflict-marker-size=32' >.gitattributes
	git add -A && git commit -qm fine
	code 0 git sk release v --out ../o --json
	eq "$(rules)" "warn conflict-marker mail.txt"
	for t in '<<<<<<< HEAD\none\n=======\ntwo\n>>>>>>> b\n' '<<<<<<< HEAD\r\none\r\n||||||| 123\r\n=======\r\ntwo\r\n>>>>>>> b\r\n' 'a\n<<<<<<< a\n=======\n>>>>>>> b'; do
		printf "$t" >bad.c && git add -A && git commit -qm bad
		code 1 git sk release b --out ../b --json
		eq "$(rules)" "block conflict-marker bad.c
warn conflict-marker mail.txt"
	done
	nothing=../b
	[ ! -e $nothing ]
}

t_large_files() {
	on r
	truncate -s 50M fine && truncate -s 51M warned && git add -A && git commit -qm large
	code 0 git sk release v --out ../o --json
	eq "$(rules)" "warn large-file warned"
	truncate -s 104857601 over && git add -A && git commit -qm over
	code 1 git sk release w --out ../w
	has "$W.out" "over: block: 100M"
	[ ! -e ../w ]
	code 0 git sk release w --out ../w --exclude over
}

t_links() {
	on r
	mkdir -p d/e && ln -s ../a.txt d/in && ln -s ../../src d/e/dir && ln -s e/dir/lib/c.txt d/through && ln -s gone dead && ln -s . self && ln -s loop2 loop1 && ln -s loop1 loop2
	git add -A && git commit -qm links
	code 0 git sk release v --out ../o --json
	eq "$(rules)" "warn dead-link dead
warn dead-link loop1
warn dead-link loop2"
	n=0
	for t in /etc/passwd ../x d/../../x self/../x d/e/dir/../../x gone/../../x .git/config src/../.git/HEAD; do
		ln -sfn "$t" bad && git add -A && git commit -qm bad
		code 1 git sk release "b$((n += 1))" --out ../b --json
		eq "$(rules | grep block)" "block link-outside bad" "$t"
		[ ! -e ../b ]
	done
	code 0 git sk release ok --out ../b --exclude bad
}

t_link_by_way_of_another() {
	on r
	mkdir -p s/t && ln -s ../.. s/t/top && ln -s s/t/top/../outside bad && git add -A && git commit -qm bad
	code 1 git sk release v --out ../o --json
	eq "$(rules | grep block)" "block link-outside bad"
	git rm -q --cached bad && ln -sfn s/t/top/a.txt bad && git add -A && git commit -qm good
	code 0 git sk release v --out ../o
}

t_submodules_and_repositories_inside() {
	on r
	repo ../lib
	git submodule --quiet add "$W/lib" 'mod ule'
	git commit -qm module
	code 0 git sk release v --out ../o --json
	eq "$(rules)" "warn submodule mod ule"
	eq "$(git -C ../o ls-tree HEAD 'mod ule' | cut -c1-6)" 160000
	repo inner && git add inner 2>/dev/null && git commit -qm inner
	code 1 git sk release w --out ../w --json
	eq "$(rules | grep block)" "block nested-repository inner"
	[ ! -e ../w ]
	code 0 git sk release w --out ../w --exclude inner
	# one that git does not know is not in the working tree's release either, and that is said
	git rm -q --cached inner && git commit -qm out
	code 0 git sk release x --out ../x --from worktree --json
	eq "$(rules | grep inner)" "warn nested-repository inner"
}

t_lfs_pointers() {
	on r
	printf 'version https://git-lfs.github.com/spec/v1\noid sha256:%064d\nsize 12345\n' 7 >p.bin
	echo '*.bin filter=lfs -text' >.gitattributes
	git add -A && git commit -qm lfs
	code 0 git sk release v --out ../o
	has "$W.err" "1 file of git lfs"
	eq "$(git -C ../o rev-parse HEAD:p.bin)" "$(git rev-parse HEAD:p.bin)"
}

t_names_that_collide() {
	on r
	echo 1 >Makefile.am && echo 2 >makefile.AM && mkdir -p Docs docs && echo 1 >Docs/a && echo 2 >docs/b && git add -A && git commit -qm case
	code 0 git sk release v --out ../o --json
	eq "$(rules)" "warn case-collision docs
warn case-collision makefile.AM"
}

t_readme_and_license_are_missed() {
	repo r && cd r && git sk init -q --no-service
	code 0 git sk release v --out ../o
	has "$W.err" "there is no README"
	has "$W.err" "there is no license"
	eq "$(cat "$W.out")" v
	mkdir -p docs LICENSES && echo >docs/README.md && echo >LICENSES/MIT.txt && echo >readme && git add -A && git commit -qm docs
	code 0 git sk release w --out ../w --json
	eq "$(rules)" ""
}

t_a_hostile_tree() {
	on r
	blob=$(echo x | git hash-object -w --stdin)
	tree=$(printf '100644 blob %s\tconfig\n' "$blob" | git mktree)
	for name in .GIT '.git ' 'git~1'; do
		bad=$(printf '040000 tree %s\t%s\n' "$tree" "$name" | git mktree)
		commit=$(git commit-tree -m bad "$bad")
		code 13 git sk release v --from "$commit" --out ../o
		nothing_written ../o
	done
	# names that a terminal must not see
	bad=$(printf '100644 blob %s\tesc\033[2Jx\n' "$blob" | git mktree)
	code 0 git sk release v --from "$(git commit-tree -m bad "$bad")" --out ../o --dry-run
	! grep -q "$(printf '\033')" "$W.out" "$W.err" || die "a control character came through"
}

t_odd_names() {
	on r
	printf x >$'new\nline' && printf x >$'\xff\xfe' && printf x >-dash && mkdir ' sp ' && printf x >' sp /"q"' && git add -A && git commit -qm odd
	code 0 git sk release v --out "../o ut"
	has "$W.err" "'"
	eq "$(git -C "../o ut" rev-parse HEAD^{tree})" "$(git rev-parse HEAD^{tree})"
	git -C "../o ut" diff --quiet HEAD
	code 0 git sk release v --dry-run -z --out ../p
	eq "$(tr -cd '\0' <"$W.out" | wc -c)" 9
}

t_dry_run_writes_nothing() {
	on r
	files() { find .. -type f -printf '%P %s %i\n' | LC_ALL=C sort; }
	git status >/dev/null
	files >"$W.before"
	code 0 git sk release --dry-run
	eq "$(cat "$W.out")" "LICENSE
README.md
a.txt
src/b.txt
src/lib/c.txt"
	nothing_written ../o
	files | diff "$W.before" -
}

t_the_place() {
	on r
	mkdir ../full && echo mine >../full/mine && mkdir ../empty && ln -s full ../link && echo f >../file
	for d in ../full ../link ../file .; do
		code 13 git sk release v --out "$d"
	done
	eq "$(cat ../full/mine)" mine
	code 15 git sk release v --out ../no/such
	eq "$(git for-each-ref refs/sk/release)" ""
	code 0 git sk release v --out ../empty/
	eq "$(git -C ../empty rev-list --count HEAD)" 1
	cd src && code 0 git sk release w --out ../../below
	[ -e "$W/below/.git" ]
}

t_git_settings_of_the_user_do_no_harm() {
	on r
	mkdir hooks template && printf '#!/bin/sh\ntouch %s/ran\n' "$W" | tee "$W/r/hooks/post-index-change" "$W/r/hooks/post-checkout" "$W/r/hooks/reference-transaction" >/dev/null && chmod +x hooks/* && echo t >"$W/r/template/t"
	cp "$GIT_CONFIG_GLOBAL" "$W/config"
	export GIT_CONFIG_GLOBAL=$W/config
	git config --global core.hooksPath "$W/r/hooks"
	git config --global init.templateDir "$W/r/template"
	git config --global init.defaultBranch other
	git config --global core.fsmonitor "$W/r/hooks/post-checkout"
	git config --global core.autocrlf true
	code 0 git sk release v --out ../o
	[ ! -e "$W/ran" ] && [ ! -e ../o/.git/t ] || die "the user's hooks or template"
	eq "$(git -C ../o symbolic-ref HEAD)" refs/heads/main
}

t_interrupted_is_tidied() {
	on r
	( exit 0 ) & wait $!
	mkdir "../.o.release-$!.tmp" ".git/sk/release-index.$!.tmp"
	code 0 git sk release v --out ../o
	eq "$(find .. -maxdepth 1 -name '.*release*')" ""
	eq "$(find .git/sk -name 'release-index*')" ""
}

t_one_at_a_time() {
	on r
	: >.git/sk/release.lock
	exec 9<.git/sk/release.lock
	flock -n 9 || skip "no flock"
	code 11 git sk release v --out ../o
	exec 9<&-
	code 0 git sk release v --out ../o
}

t_before_the_first_commit_and_in_a_linked_worktree() {
	git init -q r && cd r && git sk init -q --no-service
	code 1 git sk release v --out ../o
	has "$W.err" "--from worktree"
	echo x >x
	code 0 git sk release v --from worktree --out ../o
	git add x && git commit -qm x && git worktree add -q ../linked
	cd ../linked && echo y >y && git add y && git commit -qm y
	code 0 git sk release w --out ../w
	eq "$(names ../w)" "x y "
}

t_without_a_name() {
	on r
	code 0 env -u GIT_AUTHOR_NAME -u GIT_COMMITTER_NAME git -c user.useConfigOnly=true sk release v --out ../o
	git config user.useConfigOnly true
	code 2 env -u GIT_AUTHOR_NAME -u GIT_COMMITTER_NAME -u GIT_AUTHOR_EMAIL -u GIT_COMMITTER_EMAIL git sk release w --from worktree --out ../w
	has "$W.err" "user.name"
}

t_sparse_and_partial_clones() {
	repo origin
	git -C origin config uploadpack.allowFilter true
	git clone -q --sparse "file://$W/origin" sparse && cd sparse
	[ ! -e src/lib ]
	git sk init -q --no-service
	code 0 git sk release v --out ../a
	eq "$(names ../a)" "a.txt src/b.txt src/lib/c.txt "
	code 0 git sk release w --from worktree --out ../b
	eq "$(git -C ../b rev-parse HEAD^{tree})" "$(git rev-parse HEAD^{tree})"
	cd .. && git clone -q --filter=blob:none "file://$W/origin" partial && cd partial && git sk init -q --no-service
	code 0 git sk release v --out ../c
	eq "$(names ../c)" "a.txt src/b.txt src/lib/c.txt "
	# objects of another repository, by a relative path
	cd .. && git init -q borrows && cd borrows && echo ../../../origin/.git/objects >.git/objects/info/alternates
	git fetch -q ../origin && git reset -q --hard FETCH_HEAD && git sk init -q --no-service
	code 0 git sk release v --out ../d
	mv ../origin ../gone && git -C ../d fsck --full --no-dangling
}

t_changes_that_are_not_committed_are_told() {
	on r
	echo more >>a.txt && echo new >new
	code 0 git sk release v --out ../o
	has "$W.err" "1 file changed here since the commit"
}

t_not_enabled() {
	repo r && cd r
	code 10 git sk release v --out ../o
}

t_a_read_only_place() {
	[ "$(id -u)" != 0 ] || skip "root may write anywhere"
	on r
	mkdir ../ro && chmod 555 ../ro
	code 15 git sk release v --out ../ro/o
	has "$W.err" "--out"
	eq "$(git for-each-ref refs/sk/release)" ""
}

run_tests
