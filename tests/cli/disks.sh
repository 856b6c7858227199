# Disks that are full, tiny, read-only or unreadable.  Those that are mounted need root, in a name space of
# their own (unshare -m); the limit of a file's size and unreadable folders are for everybody.
# SK_LONG=1: fifty random points instead of a few.  SK_SEED=N: other points.
. "$(dirname "$0")/lib.sh"

rounds=4 seed=${SK_SEED:-1}
[ -z "${SK_LONG:-}" ] || rounds=50
[ -z "${SK_SANITIZED:-}" ] || rounds=2

# own_mounts: this test's shell goes on in a name space where it may mount; skipped where that is not allowed
own_mounts() {
	[ "$(id -u)" = 0 ] || skip "mounting needs root"
	unshare -m true 2>/dev/null || skip "no name space of mounts here"
	mkdir -p probe
	unshare -m mount -t tmpfs -o size=1m none probe 2>/dev/null || skip "no mounting here"
}
# inside SCRIPT [ARG...]: runs the function SCRIPT in such a name space, with all of this file's functions
inside() {
	unshare -m bash -c "set -eu; $(declare -f; declare -p rounds seed); W=\$1; shift; cd \"\$W\"; \"\$@\"" bash "$W" "$@"
}

# work: a repository in r with three backups and staged, new, changed and deleted files; `wanted`: id and tree of each
work() {
	repo r
	(
		cd r
		git config gc.auto 0
		git sk init -q >/dev/null 2>&1
		seq 20000 >big.txt && git sk backup -q >/dev/null
		echo staged >s && git add s && rm a.txt && mkdir new && echo n >new/n && git sk backup -q >/dev/null
		echo later >src/b.txt && rm big.txt && git sk backup -q >/dev/null
		git for-each-ref --format='%(refname) %(objectname)' refs/sk/backup >"$W/wanted"
	)
	state r >"$W/as_it_was"
}

# one_line CODES...: the command ended with one of these, and said why in one line
one_line() {
	case " $* " in *" $got "*) ;; *) cat "$W/out" "$W/err" >&2; die "exit code $got, not one of $*" ;; esac
	[ "$got" = 0 ] || grep -q '^git sk: ' "$W/err" || { cat "$W/err" >&2; die "exit code $got without a word"; }
	[ "$(grep -c '^git sk: error' "$W/err" || true)" -le 1 ] || { cat "$W/err" >&2; die "more than one error"; }
	hasnt "$W/err" "without saying why"
}
# try CMD...: in r, its code in $got
try() {
	got=0
	(cd r && "$@") >"$W/out" 2>"$W/err" </dev/null || got=$?
}

# kept: every older entry is there byte for byte, git finds nothing wrong, and no lock is left
kept() {
	local ref oid
	while read -r ref oid; do
		eq "$(git -C r rev-parse "$ref")" "$oid" "$ref"
		git -C r archive "$oid" >/dev/null || die "$ref cannot be read"
	done <"$W/wanted"
	git -C r fsck --full --no-dangling --no-progress >"$W/fsck" 2>&1 || { cat "$W/fsck" >&2; die "fsck"; }
	eq "$(find r/.git -name '*.lock' ! -path '*/.git/sk/*' ! -name '*.git-sk.lock')" "" "locks"
}
# tree_of: what git would make of the working tree
tree_of() {
	cp r/.git/index "$W/index"
	GIT_INDEX_FILE=$W/index git -C r add -A
	GIT_INDEX_FILE=$W/index git -C r write-tree
}
# works: with room again, a backup is what is there, and the older ones come back
works() {
	local ref oid now
	git -C r sk backup -q >"$W/out" 2>"$W/err" || { cat "$W/err" >&2; die "no backup afterwards"; }
	kept
	eq "$(git -C r rev-parse "refs/sk/backup/$(cat "$W/out")^{tree}")" "$(tree_of)" "the backup afterwards"
	while read -r ref oid; do
		git -C r sk rollback "${ref##*/}" --yes -q >"$W/out" 2>"$W/err" || { cat "$W/err" >&2; die "no rollback to $ref"; }
		eq "$(tree_of)" "$(git -C r rev-parse "$oid^{tree}")" "rollback to $ref"
	done <"$W/wanted"
}

# -- a tmpfs, filled up to a random point -----------------------------------------------------------------------
fill_to() { # FREE kilobytes stay
	local free
	free=$(df --output=avail -k . | tail -n 1)
	[ "$free" -le "$1" ] || head -c $(((free - $1) * 1024)) /dev/zero >filler 2>/dev/null || true
}
full_disk() { # ROOM COMMAND...: up to ROOM kB are free
	local i free room=$1
	shift
	mkdir disk && mount -t tmpfs -o size=4m none disk && cd disk
	work
	tar cf ../start.tar .
	RANDOM=$seed
	for i in $(seq "$rounds"); do
		find . -mindepth 1 -delete && tar xf ../start.tar
		echo "change $i" >>r/src/b.txt && head -c $((RANDOM % 30000)) /dev/urandom >r/random
		state r >"$W/before"
		free=$((RANDOM % room))
		[ $((i % 4)) != 1 ] || free=0
		fill_to $free
		try "$@"
		# done, in part, or refused; never half
		one_line 0 3 11 13 15
		kept
		state r >"$W/now"
		rm filler
		[ "$got" = 0 ] || cmp -s "$W/before" "$W/now" || {
			# what a restore began is finished or undone by the next command
			try git sk list -q
			state r >"$W/now"
			cmp -s "$W/before" "$W/now" || grep -q . "$W/err" || { diff "$W/before" "$W/now" >&2; die "half done with $free kB free: $got"; }
		}
		works
	done
}
t_full_backup() { own_mounts && inside full_disk 60 git sk backup; }
t_full_rollback() { own_mounts && inside full_disk 240 git sk rollback @{2} --yes; }
t_full_restore() { own_mounts && inside full_disk 240 git sk restore @{2} -- .; }
t_full_revise() { own_mounts && inside full_disk 60 git sk revise "A name"; }
t_full_purge() {
	[ -n "${SK_LONG:-}" ] || skip "SK_LONG=1"
	own_mounts && inside full_purge
}
full_purge() {
	local i free
	mkdir disk && mount -t tmpfs -o size=4m none disk && cd disk
	work
	(cd r && echo secret-zq9 >key && git sk backup -q && rm key && git sk backup -q) >/dev/null
	tar cf ../start.tar .
	RANDOM=$seed
	for i in $(seq "$rounds"); do
		find . -mindepth 1 -delete && tar xf ../start.tar
		free=$((RANDOM % 40)) && fill_to $free
		try git sk purge --path key --yes
		one_line 0 3 11 13 15
		git -C r fsck --full --no-dangling --no-progress >"$W/fsck" 2>&1 || { cat "$W/fsck" >&2; die "fsck"; }
		rm filler
		try git sk purge --path key --yes
		eq "$got" 0 "purge with room again"
		! git -C r cat-file --batch-all-objects --batch | grep -aq zq9 || die "it is still there"
		try git sk verify
		eq "$got" 0 "verify"
	done
}
# the working tree's disk is full, the repository's is not, and the other way about
t_full_worktree_only() { own_mounts && inside full_worktree; }
full_worktree() {
	work
	mkdir disk && mount -t tmpfs -o size=1m none disk
	mv r/.git git && mv r disk/r && ln -s disk/r r && git -C disk/r --git-dir="$PWD/git" config core.worktree "$PWD/disk/r"
	echo "gitdir: $PWD/git" >disk/r/.git
	(cd disk && head -c 40000 /dev/urandom >r/random && fill_to 0)
	state r >"$W/before"
	try git sk rollback @{0} --yes --dry-run
	try git sk rollback @{2} --yes
	one_line 0 3 13 15
	[ "$got" = 0 ] || {
		rm disk/filler
		try git sk list -q
		state r >"$W/now"
		cmp -s "$W/before" "$W/now" || grep -q . "$W/err" || die "half done"
	}
	rm -f disk/filler
	try git sk backup
	eq "$got" 0 "backup with room again"
	try git sk rollback @{3} --yes
	eq "$got" 0 "rollback with room again"
}

# -- no inodes left, as a quota has it ----------------------------------------------------------------------------
t_no_inodes() { own_mounts && inside no_inodes; }
no_inodes() {
	local i n=0
	mkdir disk && mount -t tmpfs -o size=8m,nr_inodes=600 none disk && cd disk
	work
	RANDOM=$seed
	for i in $(seq "$rounds"); do
		echo "$i" >>r/src/b.txt
		mkdir -p fill && n=0
		while : >"fill/$n" 2>/dev/null; do n=$((n + 1)); done 2>/dev/null
		# some are free again
		(cd fill && ls | head -n $((RANDOM % 5)) | xargs -r rm)
		try git sk backup
		one_line 0 3 11 15
		kept
		try git sk rollback @{1} --yes
		one_line 0 3 11 13 15
		rm -r fill
		try git sk list -q
		kept
	done
	works
}

# -- read-only --------------------------------------------------------------------------------------------------
t_read_only() { own_mounts && inside read_only; }
read_only() {
	local c
	work
	mount --bind r r && mount -o remount,ro,bind r
	for c in "backup" "rollback @{2} --yes" "restore @{2} -- ." "undo --yes" "revise N" "prune" "purge --path s --yes" \
		"init" "uninit" "verify --repair"; do
		try git sk $c
		case $c in
		prune | init | verify*) one_line 0 13 14 15 ;; # there may be nothing to write
		*) one_line 13 15 ;;
		esac
	done
	# what only reads works
	for c in "list" "show latest" "diff @{1} @{0}" "cat latest s" "status" "verify" "health"; do
		try git sk $c
		echo "$c" && one_line 0 1
	done
	# git goes on, whatever becomes of the guard
	git -C r status --porcelain >/dev/null || die "git status"
	umount r
	state r >"$W/now"
	cmp "$W/as_it_was" "$W/now"
	works
}

# -- a limit on the size of a file, as a quota: for everybody --------------------------------------------------------
t_file_limit() {
	local i limit
	work
	head -c 300000 /dev/urandom >r/random
	RANDOM=$seed
	for i in $(seq "$rounds"); do
		limit=$((RANDOM % 250 + 1))
		got=0
		(cd r && ulimit -f $limit && git sk backup) >"$W/out" 2>"$W/err" </dev/null || got=$?
		one_line 3 15
		kept
		got=0
		(cd r && ulimit -f $limit && git sk rollback @{1} --yes) >"$W/out" 2>"$W/err" </dev/null || got=$?
		one_line 3 15
		kept
	done
	works
}

# -- a folder that turns unreadable: as an ordinary user --------------------------------------------------------------
t_unreadable() {
	[ "$(id -u)" != 0 ] || skip "root reads everything"
	work
	chmod 0 r/src
	try git sk backup
	one_line 3
	grep -q src "$W/err" || die "what could not be read is not named"
	# what could not be looked at is in the backup as it was, or named in it; a rollback does not delete it
	try git sk rollback @{1} --yes
	one_line 3 13 15
	chmod 755 r/src
	[ -f r/src/b.txt ] && [ -f r/src/lib/c.txt ] || die "lost"
	kept
	chmod 0 r/src/b.txt
	try git sk backup
	one_line 0 3
	[ "$got" = 0 ] || has "$W/err" src/b.txt
	chmod 644 r/src/b.txt
	works
}
t_unwritable() {
	[ "$(id -u)" != 0 ] || skip "root writes everywhere"
	work
	chmod a-w r/src
	state r >"$W/before"
	try git sk rollback @{2} --yes
	one_line 0 3 13 15 # it may set the mode that the folder had
	kept
	chmod u+w r/src
	works
	chmod -R a-w r/.git/objects
	try git sk backup
	one_line 0 15
	chmod -R u+w r/.git/objects
	chmod a-w r/.git/refs/sk r/.git/refs/sk/backup
	echo x >>r/src/b.txt
	try git sk backup
	one_line 15
	has "$W/err" refs/sk
	chmod u+w r/.git/refs/sk r/.git/refs/sk/backup
	chmod 0 r/.git/sk
	try git sk backup
	one_line 0 10 15
	chmod 755 r/.git/sk
	works
}
run_tests
