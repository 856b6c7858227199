# The namespace: invisible, durable, plain git reads it.
. "$(dirname "$0")/lib.sh"

start() { repo w && cd w && git sk init >/dev/null; for i in 1 2 3; do echo "$i" >>a.txt; git sk backup >/dev/null; done; git sk revise "One" "d" >/dev/null; }

t_git_does_not_show_it() {
	start
	git log --all --oneline --decorate >../o; eq "$(wc -l <../o)" 2; hasnt ../o sk/
	git branch -a >../o; hasnt ../o sk
	git tag >../o; eq "$(cat ../o)" ""
	! git describe --all >../o 2>&1 || hasnt ../o sk/
	git log --decorate=full -1 >../o; hasnt ../o refs/sk
	git status >../o; hasnt ../o sk
	git rev-list --all --count >../o; eq "$(cat ../o)" 2
}

t_nothing_travels() {
	start
	git clone -q "file://$PWD" ../c && eq "$(git -C ../c for-each-ref refs/sk | wc -l)" 0
	git clone -q --mirror "file://$PWD" ../m && eq "$(git -C ../m for-each-ref refs/sk | wc -l)" 0 "refs in a mirror"
	git init -q --bare ../b
	git push -q ../b --all; git push -q ../b --tags
	eq "$(git -C ../b for-each-ref refs/sk | wc -l)" 0
	git ls-remote . >../o; hasnt ../o refs/sk
	git fetch -q ../c
	git init -q ../f && git -C ../f fetch -q "file://$PWD" '+refs/*:refs/remotes/all/*' && eq "$(git -C ../f for-each-ref | grep -c sk || true)" 0
	# none of the objects either
	local t; t=$(git rev-parse "$(git for-each-ref --format='%(refname)' refs/sk/backup | head -n 1)")
	! git -C ../c cat-file -e "$t" 2>/dev/null || die "a backup's tag came along in a clone"
}

t_shape() {
	start
	local r
	for r in $(git for-each-ref --format='%(refname)' refs/sk/backup refs/sk/revision); do
		eq "$(git cat-file -t "$r")" tag "$r"
		eq "$(git cat-file -t "$r^{}")" tree "$r"
		git cat-file tag "$r" | grep -q '^Sk-Kind: '
	done
	git diff --quiet "$(git for-each-ref --format='%(refname)' refs/sk/backup | tail -n 1)" -- src
	echo lost >a.txt
	git restore -s "sk/backup/$(git sk list backups -n 1 --json | python3 -c 'import json,sys;print(json.load(sys.stdin)["entries"][0]["id"])')" -- a.txt
	has a.txt 3
	git archive "$(git for-each-ref --format='%(refname)' refs/sk/revision | head -n 1)" | tar t >../o
	has ../o src/lib/c.txt
}

t_survives_gc() {
	start
	echo staged-only >staged.txt && git add staged.txt && rm staged.txt
	chmod 600 src/b.txt
	local id; id=$(git sk backup)
	git reset -q --hard
	git gc -q --prune=now; git repack -adq; git pack-refs --all; git prune --expire=now
	git fsck --full --strict --no-dangling
	git sk rollback --yes --staged "$id" >/dev/null
	eq "$(git status --porcelain)" " M a.txt
AD staged.txt"
	eq "$(git cat-file blob :staged.txt)" staged-only
	eq "$(stat -c %a src/b.txt)" 600
	eq "$(ls .git/objects/pack/*.keep 2>/dev/null | wc -l)" 0 "stray .keep files"
	ls -A .git/objects/pack >../o; hasnt ../o .sk-tmp
}

t_commits_stay_alive() {
	start
	git checkout -qb gone && echo g >g && git add g && git commit -qm "on a branch that goes" && git checkout -q main
	local c; c=$(git rev-parse gone)
	git sk backup >/dev/null
	git branch -qD gone
	rm -rf .git/logs/HEAD
	git gc -q --prune=now
	git cat-file -e "$c^{commit}"
	git log --all --format=%s >../o; hasnt ../o "on a branch that goes"
}

# whatever refs of ours they are: locks of processes that died
t_old_locks_go() {
	start
	local d=.git/refs/sk f
	mkdir -p $d/release $d/probe/2026 $d/meta/revision
	for f in backup/x revision/x release/x meta/revision/x probe/2026/x; do
		: >$d/$f.lock && touch -d '2 hours ago' $d/$f.lock && : >$d/$f-new.lock
	done
	: >.git/refs/heads/x.lock && touch -d '2 hours ago' .git/refs/heads/x.lock
	printf 'git sk packs refs\n' >$d/backup/y.lock # then it is time to look
	echo more >>a.txt
	git sk backup >/dev/null
	eq "$(cd $d && find . -name '*.lock' | LC_ALL=C sort | tr '\n' ' ')" \
		"./backup/x-new.lock ./meta/revision/x-new.lock ./probe/2026/x-new.lock ./release/x-new.lock ./revision/x-new.lock "
	[ -e .git/refs/heads/x.lock ] || die "that was not ours"
}

t_two_in_one_second() {
	repo w && cd w && git sk init >/dev/null
	local i
	for i in 1 2 3 4 5; do echo "$i" >>a.txt; git sk backup; done >../ids
	eq "$(sort -u ../ids | wc -l)" 5
	grep -qE '^[0-9]{8}T[0-9]{6}Z(-[0-9]+)?$' ../ids
	! grep -vE '^[0-9]{8}T[0-9]{6}Z(-[0-9]+)?$' ../ids
}

run_tests
