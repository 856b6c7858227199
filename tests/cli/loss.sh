#!/bin/bash
# The loss suite: loss.table has a line for each way to lose work.  Each is tried with unsaved
# content of all kinds in place, in the main worktree (loss_linked.sh: in a linked one); what the
# user gets back is compared byte for byte, staged state included.  The table of results is printed.
#
# SK_LOSS_SERVICE=1 does it all again with the service at work; SK_ONLY='*stash*' only some;
# SK_LOSS_SAMPLE=1 the first line of each kind (what is in place, and how it is recovered).
. "${0%/*}/lib.sh"
table=${0%/*}/loss.table
[ -z "${SK_LOSS_SERVICE:-}" ] || unset GIT_SK_NO_SERVICE
PLACE=${PLACE:-main}
[ -n "${SK_SCRATCH:-}" ] || trap 'rm -rf "$SCRATCH"' EXIT
SK_SCRATCH=$SCRATCH # the results outlive run_tests
results=$SCRATCH/results
: >"$results"

# plain CMD...: git without the guard, for what is no part of the story
plain() { GIT_SK_DISABLE=1 GIT_OPTIONAL_LOCKS=0 git -c core.fsmonitor=false "$@"; }
# quiet CMD...: CMD may fail (a command that ends in a conflict does)
quiet() { "$@" >/dev/null 2>&1 || :; }
json() { python3 -c "import json,sys; print(json.load(sys.stdin)$1)"; }

# Everything that must be as it was.
probe() {
	plain status --porcelain=v2 -uall --ignored
	plain ls-files --stage -v
	state .
	under_way
}
# A merge, pick or revert that is under way, with its message.
under_way() {
	local d f
	d=$(plain rev-parse --git-dir)
	for f in MERGE_HEAD CHERRY_PICK_HEAD REVERT_HEAD; do
		[ ! -e "$d/$f" ] || cat "$d/$f" "$d/MERGE_MSG"
	done
}

# Three commits on main, `other` conflicting with the last two; made once and copied.
base() {
	local d=$SCRATCH/base f
	[ ! -d "$d" ] || return 0
	mkdir "$d" && git init -q "$d/r" && cd "$d/r"
	echo '*.ign' >.gitignore
	for f in edit both staged gone cached clean three; do echo "$f 1" >$f.txt; done
	echo '#!/bin/sh' >run.sh && ln -s clean.txt link
	mkdir -p lib/deep doc && echo one >doc/one.txt && echo two >doc/two.txt && echo one >lib/one.txt && echo two >lib/two.txt && echo deep >lib/deep/d.txt
	git add -A && git commit -qm first
	git branch other
	for f in edit both; do echo "$f 2" >$f.txt; done
	git commit -qam second
	for f in edit both three; do echo "$f 3" >$f.txt; done
	git commit -qam third
	git tag v1
	git checkout -q other
	for f in edit both clean; do echo "$f other" >$f.txt; done
	echo only >other.txt && git rm -q lib/two.txt && git add -A && git commit -qm 'on other'
	git checkout -q main
	git clone -q --bare . ../up.git
	git clone -q ../up.git ../w && cd ../w && echo 'edit up' >edit.txt && git commit -qam up && git push -q && rm -rf ../w
	git init -q ../sub && cd ../sub && echo s1 >s.txt && git add -A && git commit -qm s1 && echo s2 >s.txt && git commit -qam s2
}

# enter: the repository $W/r, enabled; in the worktree where the story happens, on a branch of its own
enter() {
	(base)
	cp -a "$SCRATCH/base/r" "$W/r" && cd "$W/r"
	git checkout -qb mine
	enable
	if [ "$PLACE" = linked ]; then
		git checkout -q main
		git worktree add -q "$W/linked" mine && cd "$W/linked"
	fi
	[ -z "${SK_LOSS_SERVICE:-}" ] || watched
}
# watched: the service is at work here, so that what comes is not tried without it by mistake
watched() {
	local i
	git status >/dev/null
	for i in $(seq 300); do
		! git sk service status | grep -qF "$(printf '%s\twatched' "$PWD")" || return 0
		sleep 0.1
	done
	git sk service status
	die "the service does not watch it"
}
enable() {
	if [ -n "${SK_LOSS_SERVICE:-}" ]; then git sk init -q >/dev/null; else git sk init -q --no-service >/dev/null; fi
}

# saved: with the service, its backup of the present state is waited for; without, one is made
saved() {
	local i
	[ -n "${SK_LOSS_SERVICE:-}" ] || { git sk backup -q >/dev/null; return; }
	for i in $(seq 300); do
		[ "$(unsaved)" != 0 ] || return 0
		sleep 0.1
	done
	git sk service status
	die "the service made no backup"
}
# unsaved: what the service says to "has anything changed here since your last backup?": 0, 1 or ?
# (No command of SafeKeep's is asked: most make a backup first.)
unsaved() {
	python3 -c '
import os, socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(os.environ["XDG_RUNTIME_DIR"] + "/safekeep/socket")
tree = os.fsencode(os.getcwd()) + b"\0"
s.sendall(b"SK\1c" + len(tree).to_bytes(4, "little") + tree)
answer = b""
while part := s.recv(100):
    answer += part
print(answer[8:].decode())'
}

# What is in place

f_dirty() {
	echo 'my edit' >>edit.txt && chmod 600 edit.txt
	echo 'my staged' >>staged.txt && git add staged.txt
	echo 'in the index' >both.txt && git add both.txt && echo 'in the file' >both.txt
	rm gone.txt && git rm -q --cached cached.txt
	chmod +x run.sh && ln -sfn edit.txt link
	echo new >new.txt && git add new.txt && echo later >ita.txt && git add -N ita.txt
	f_untracked
}
f_untracked() {
	printf 'bin\0ary\377' >'u file' && mkdir -p 'u dir/deep' empty && echo x >'u dir/deep/x'
	echo '#!/bin/sh' >'u dir/tool' && chmod 755 'u dir/tool' && ln -s nowhere 'u dir/link' && : >$'u\nnewline'
	echo ignored >x.ign
}
f_unstaged() { echo 'my edit' >>edit.txt && rm gone.txt && chmod +x run.sh && echo more >>lib/one.txt && f_untracked; }
f_staged() { echo 'my staged' >>staged.txt && echo new >new.txt && git add staged.txt new.txt && git rm -q gone.txt && f_untracked; }
f_clean() { f_untracked; }
f_elsewhere() { echo 'my edit' >>staged.txt && rm gone.txt && chmod +x run.sh && echo more >>lib/one.txt && f_untracked; }
f_added() { echo 'my staged' >>staged.txt && git add staged.txt && echo more >>staged.txt && echo new >new.txt && git add new.txt && rm gone.txt && f_untracked; }
f_two_steps() { f_dirty && git commit -qm 'part of it' && echo 'after it' >>clean.txt; }

# half resolved: one file resolved and staged, one with a hand in it, others staged and not
half() {
	[ -n "$(plain ls-files -u)" ] || die "there is no conflict"
	echo 'edit resolved' >edit.txt && git add edit.txt
	{ echo 'both half done' && cat both.txt; } >both.new && mv both.new both.txt
	echo 'my staged' >>staged.txt && git add staged.txt && rm gone.txt && echo two >>three.txt
	f_untracked
}
f_merge() { quiet git merge other && half; }
f_merge_done() { f_merge && git add both.txt; }
f_pick() { quiet git cherry-pick other && half; }
f_revert() { quiet git revert --no-edit HEAD~1 && half; }
f_rebase() { quiet git rebase other && half; }
f_am() { git format-patch -q -1 --stdout other >"$W/patch" && quiet git am -3 "$W/patch" && half; }
f_bisect() { quiet git bisect start HEAD HEAD~2 && echo 'my edit' >>staged.txt && f_untracked; }
f_stashed() { # a stash that does not apply on what is there
	echo 'edit stashed' >edit.txt && git stash push -q && echo 'edit mine' >edit.txt && git commit -qam mine && echo more >>staged.txt && f_untracked
}
f_stash() { f_unstaged && git stash push -qu && echo later >>staged.txt; }
f_submodule() { # with edits in it
	git submodule --quiet add "$SCRATCH/base/sub" sub && git commit -qm submodule
	(cd sub && echo edit >>s.txt && echo u >u.txt && mkdir d && echo x >d/x) && f_dirty
}
f_submodule_moved() { # and a commit in it that the project does not know
	f_submodule && (cd sub && git commit -qam 'in sub' && echo 'not committed' >>s.txt)
}
f_nested() { git init -q nest && (cd nest && echo n >n.txt && git add -A && git commit -qm n && echo edit >>n.txt && echo u >u.txt) && f_dirty; }
f_many() {
	local i
	mkdir many && for i in $(seq 2000); do echo "line	$i" >many/$i.txt; done
	git add many && git commit -qm many && f_dirty
}
f_sparse() {
	git sparse-checkout set lib && [ ! -e doc ] && echo edit >>lib/one.txt && echo u >lib/u && echo s >>lib/deep/d.txt && git add lib/deep/d.txt
	f_untracked
}
f_sparse_kept() { # git leaves an edited file outside of the cone where it is
	f_dirty && echo edit >>doc/one.txt
}
f_big() { f_dirty && truncate -s 51M 'too big'; }

# How it is recovered.  Each leaves in $how what the table says

# undo: by `git sk undo` right after the deed: exactly what was there before it
r_undo() {
	local before
	probe >"$W/before"
	before=$(plain rev-parse HEAD)
	deed
	changed
	eq "$(plain rev-parse HEAD)" "$before" "HEAD: this row needs 'head', not 'undo'"
	git sk undo --yes >/dev/null
	same
	how='recovered exactly: git sk undo'
}
# head: the deed moved HEAD, which only `rollback --head` moves back
r_head() {
	local id
	probe >"$W/before"
	plain rev-parse --symbolic-full-name HEAD HEAD~0 >"$W/head"
	deed
	changed
	id=$(git sk undo --dry-run --json 2>/dev/null | json '["target"]')
	git sk rollback --yes --staged --head "$id" >/dev/null
	same
	eq "$(plain rev-parse --symbolic-full-name HEAD HEAD~0)" "$(cat "$W/head")" HEAD
	how='recovered exactly: git sk rollback --head'
}
# last: no git command that asks; the last backup has it, and not what was written after that
r_last() {
	saved
	probe >"$W/before"
	deed
	changed
	git sk rollback --yes --staged latest >/dev/null
	same
	how='recovered to the last backup'
	[ -z "${SK_LOSS_SERVICE:-}" ] || how='recovered exactly: git sk rollback (service)'
}
# submodule, subhead: as undo; its own .git, or its own HEAD, is git's to bring back first or then
r_submodule() {
	local id
	probe >"$W/before"
	deed
	changed
	id=$(git sk undo --dry-run --json 2>/dev/null | json '["target"]')
	code 3 git sk rollback --yes --staged --head "$id"
	has "$W.err" 'git submodule update --init'
	plain submodule --quiet update --init
	git sk rollback --yes --staged "$id" >/dev/null
	same
	how='recovered exactly: git submodule update --init, and git sk rollback again'
}
r_subhead() {
	local was
	was=$(plain -C sub rev-parse HEAD)
	probe >"$W/before"
	deed
	changed
	code 3 git sk undo --yes
	has "$W.err" "$was"
	plain -C sub reset -q "$was"
	same
	how='recovered exactly: git sk undo names the HEAD of the submodule'
}
# sparse: what is outside of the cone stays on disk, though the index says that it is not
r_sparse() {
	probe >"$W/before"
	deed
	changed
	git sk undo --yes >/dev/null
	[ -e doc/one.txt ] && rm -r doc
	same
	how='recovered: git sk undo; the files outside of the cone stay as well'
}
# nested: the files of a repository inside it come back, its .git does not
r_nested() {
	probe | grep -v 'nest/\.git\|? nest/' >"$W/before"
	deed
	[ ! -e nest ] || die "nothing was lost by that"
	code 3 git sk undo --yes
	probe | grep -v 'nest/\.git\|? nest/' >"$W/again"
	cmp "$W/before" "$W/again"
	how='recovered: git sk undo, but for its own .git'
}
# gone: the whole worktree went; the main one still has its backups
r_gone() {
	local here=$PWD id
	rm -f x.ign # ignored: see clean -fdx
	saved
	probe >"$W/before"
	(cd "$W/r" && deed)
	[ ! -e "$here" ] && cd "$W/r"
	id=$(git sk list backups --all-worktrees --json | json "['entries']" | python3 -c "
import ast,sys
print(next(e['id'] for e in ast.literal_eval(sys.stdin.read()) if e['worktree'] == 'linked'))")
	git worktree prune && git worktree add -q "$here" mine && cd "$here"
	! git sk undo --dry-run >/dev/null 2>&1 || die "there is nothing to take back in a new worktree"
	git sk rollback --yes --staged "$id" >/dev/null
	same
	how='recovered to the last backup: git sk list --all-worktrees'
}
# commit: a commit that nothing names any more
r_commit() {
	local lost='' branch
	deed
	[ -n "$lost" ] || die "the row does not say which commit is lost"
	forget
	git sk list commits >"$W/list"
	has "$W/list" "$(echo "$lost" | cut -c1-7)"
	branch=$(git sk restore --commit "$lost" 2>/dev/null)
	eq "$(plain rev-parse "$branch")" "$lost" "the recovered branch"
	how='recovered: git sk restore --commit'
}
# stash: a stash entry that is in the list no more
r_stash() {
	local lost=''
	deed
	[ -n "$lost" ] || die "the row does not say which commit is lost"
	forget
	git sk list commits >"$W/list"
	has "$W/list" "$(echo "$lost" | cut -c1-7)"
	git sk restore --commit "$lost" >/dev/null 2>&1
	eq "$(plain rev-parse stash@\{0\})" "$lost" "the stash"
	how='recovered: git sk restore --commit'
}
# never: is not brought back, and README says so
r_never() {
	local what=''
	saved
	deed
	[ -n "$what" ] && [ ! -e "$what" ] || die "it is still there"
	git sk rollback --yes --staged latest >/dev/null
	[ ! -e "$what" ] || die "it came back: the table is wrong"
	how='not recoverable'
}
# dropped: the commit went with SafeKeep's own record of it
r_dropped() {
	local lost=''
	deed
	quiet git sk backup
	! plain cat-file -e "$lost" 2>/dev/null || die "it is still there: the table is wrong"
	git fsck --no-dangling --no-progress >/dev/null 2>&1
	how='not recoverable'
}
# forget: all that plain git remembers of commits, and then its garbage collection
forget() {
	local common
	common=$(plain rev-parse --git-common-dir)
	rm -rf "$common/logs/HEAD" "$common/logs/refs/heads" "$common/logs/refs/stash" "$common"/worktrees/*/logs
	rm -rf "$common/refs/original" "$common/ORIG_HEAD" "$common"/worktrees/*/ORIG_HEAD
	git gc -q --prune=now
	git fsck --no-dangling --no-progress 2>&1 | grep -v '^notice:' && die "git fsck finds something" || :
}

changed() { probe >"$W/after"; ! cmp -s "$W/before" "$W/after" || die "nothing was lost by that"; }
same() {
	probe >"$W/again"
	cmp -s "$W/before" "$W/again" || { diff "$W/before" "$W/again" >&2 || :; git sk list >&2; die "not what was there before"; }
	[ ! -e "$(plain rev-parse --git-path index.lock)" ] || die "index.lock is left"
	plain fsck --no-dangling --no-progress >"$W/fsck" 2>&1 || { cat "$W/fsck" >&2; die "git fsck finds something"; }
}

# row NAME FIXTURE WAY DEED
row() {
	local how='' name=$1 way=$3
	printf '%s\t%s\t%s\n' "$name" "$PLACE" 'NOT RECOVERED' >>"$results"
	enter
	eval "deed() { $4
	}"
	"f_$2" >/dev/null
	"r_$way"
	[ -z "${SK_LOSS_SERVICE:-}" ] || git sk service status >/dev/null || die "the service has ended"
	printf '%s\t%s\t%s\n' "$name" "$PLACE" "$how" >>"$results"
}

# A test for each line "NAME | FIXTURE | WAY | DEED" of the table; WAY:PLACE only in that place.
n=100 kinds=
while IFS='|' read -r name fixture way deed; do
	case $name in '' | '#'*) continue ;; esac
	read -r name <<<"$name" && read -r fixture <<<"$fixture" && read -r way <<<"$way"
	n=$((n + 1))
	case $way in
	*:"$PLACE") way=${way%:*} ;;
	*:*) continue ;;
	esac
	if [ -n "${SK_LOSS_SAMPLE:-}" ]; then
		case $kinds in *" $fixture:$way "*) continue ;; esac
		kinds="$kinds $fixture:$way "
	fi
	slug=$(printf %s "$name" | tr -cs 'A-Za-z0-9' _)
	eval "t_${n}_$slug() { row $(printf '%q %q %q %q' "$name" "$fixture" "$way" "$deed"); }"
done <"$table"

rc=0
run_tests || rc=1
[ -z "${SK_LOSS_SERVICE:-}" ] || git-sk service stop >/dev/null 2>&1 || :
awk -F'\t' '
	!($1 in got) { order[++n] = $1 }
	{ got[$1] = $3; place = $2 }
	END {
		for (i = 1; i <= n; i++) if (!ways[got[order[i]]]++) way[++m] = got[order[i]]
		printf "# %-40s %s (%s worktree)\n", "the loss", "what the user gets back", place
		for (i = 1; i <= n; i++) printf "# %-40s %s\n", order[i], got[order[i]]
		printf "# in all:\n"
		for (i = 1; i <= m; i++) printf "# %4d %s\n", ways[way[i]], way[i]
	}' "$results"
exit $rc
