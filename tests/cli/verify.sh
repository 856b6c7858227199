# verify: every kind of damage is found, named, mended where anything has the content, and stands in
# the way of nothing else.
. "$(dirname "$0")/lib.sh"

flip() { # FILE OFFSET
	chmod u+w "$1"
	python3 -c 'import sys
b = bytearray(open(sys.argv[1], "rb").read()); b[int(sys.argv[2])] ^= 4; open(sys.argv[1], "wb").write(b)' "$1" "$2"
}
loose() { echo ".git/objects/$(printf %.2s "$1")/$(printf %s "$1" | cut -c3-)"; }
unpack() { # all packs into loose objects
	mkdir ../packs && mv .git/objects/pack/* ../packs
	for p in ../packs/*.pack; do git unpack-objects -q <"$p"; done
	rm -rf ../packs
}
nth() { git sk list -z 2>/dev/null | tr '\0' '\n' | sed -n "$1p"; } # 1: the newest
pack_of() { # OID: the stem of the pack that has it
	for i in .git/objects/pack/*.idx; do
		! git show-index <"$i" | grep -q "$1" || echo "${i%.idx}"
	done
}

# four backups: u.txt differs in each; big.txt is in all and in the working tree; d/ since the second
made() {
	repo r && cd r && git sk init -q >/dev/null
	seq 1 400 >big.txt && echo v1 >u.txt && git sk backup -q >/dev/null
	mkdir d && echo other >d/o.txt && echo v2 >u.txt && git sk backup -q >/dev/null
	echo v3 >u.txt && git sk backup -q >/dev/null
	newest=$(nth 1) middle=$(nth 2) oldest=$(nth 3)
	old_blob=$(git rev-parse "refs/sk/backup/$oldest:u.txt")
	now_blob=$(git rev-parse "refs/sk/backup/$newest:big.txt")
}

# NEW changed content can be saved and comes back, whatever is damaged
new_backup() {
	local id
	echo "new $1" >>a.txt
	id=$(git sk backup -q) || die "no backup after: $1"
	eq "$(git sk cat "$id" a.txt | tail -n 1)" "new $1" "content of the new backup"
}

# DAMAGE NAMED REPAIR OTHERS: verify says 14 and NAMED; --repair exits REPAIR (0: nothing is lost),
# OTHERS is an entry that is whole in the end, byte for byte; git is content with all that is left
check() {
	local want=$1 others=$3 id
	shift
	git sk cat "$others" a.txt >../a.before 2>/dev/null || :
	new_backup "1"
	code 14 git sk verify
	has "$W.out" "$1"
	code 14 git sk verify --json
	python3 -c 'import json,sys; d=json.load(open(sys.argv[1])); assert not d["ok"] and d["damage"]' "$W.out"
	new_backup "2"
	# what the working tree still has was written anew: the newest backup is whole again
	id=$(nth 1)
	code 0 git sk restore "$id" --dry-run -- .
	code "$want" git sk verify --repair
	code 0 git sk verify
	id=$(nth 1)
	for f in a.txt big.txt d/o.txt u.txt; do git sk cat "$id" "$f" | cmp - "$f"; done
	git sk cat "$others" a.txt | cmp - ../a.before
	eq "$(git fsck --full 2>&1 | grep -v '^dangling' || :)" "" "git fsck"
	git gc -q --prune=now
	code 0 git sk verify
}

t_all_good() {
	made
	code 0 git sk verify
	code 0 git sk verify "$newest" "$oldest"
	code 0 git sk verify --repair
	code 2 git sk verify "$newest" --repair
	code 1 git sk verify nothing-like-it
	git sk verify --json | python3 -c 'import json,sys; d=json.load(sys.stdin); assert d["ok"] and d["entries"]==4 and d["objects"]>15 and d["damage"]==[]'
}

# the table: what was done to it; what verify names; what repair makes of it
t_missing_loose_object_of_an_old_backup() {
	made && unpack && rm -f "$(loose "$old_blob")"
	check 14 "u.txt: object $(printf %.12s "$old_blob") missing, in $oldest" "$newest"
	# the rest of that backup is there, and the lost path is named, and left alone
	git sk cat "$oldest" big.txt | cmp - big.txt
	git sk show "$oldest" --json | grep -q '"u.txt"'
	echo keep >u.txt
	code 3 git sk rollback "$oldest" --yes -q
	eq "$(cat u.txt)" keep "the lost path"
}
t_missing_loose_object_that_the_tree_has() {
	made && unpack && rm -f "$(loose "$now_blob")"
	check 0 "big.txt: object $(printf %.12s "$now_blob") missing" "$oldest"
	git sk cat "$oldest" big.txt | cmp - big.txt
}
t_bit_flip_in_a_loose_object() {
	made && unpack && flip "$(loose "$old_blob")" 8
	check 14 "u.txt: object $(printf %.12s "$old_blob") damaged in objects/" "$newest"
}
t_bit_flip_in_a_loose_object_that_the_tree_has() {
	made && unpack && flip "$(loose "$now_blob")" 40
	check 0 "big.txt: object $(printf %.12s "$now_blob") damaged in objects/" "$oldest"
}
t_bit_flip_in_a_pack() {
	made && git repack -adq
	local p off
	p=$(pack_of "$now_blob")
	off=$(git show-index <"$p.idx" | sed -n "s/^\([0-9]*\) $now_blob .*/\1/p")
	flip "$p.pack" $((off + 60))
	check 0 "damaged in ${p#.git/}.pack" "$oldest"
}
t_pack_cut_off() {
	made
	local p
	p=$(pack_of "$(git rev-parse "refs/sk/backup/$middle:d/o.txt")")
	chmod u+w "$p.pack" && truncate -s -30 "$p.pack"
	check 14 "${p#.git/}: it is cut off" "$newest"
}
t_pack_gone() {
	made
	local p
	p=$(pack_of "$(git rev-parse "refs/sk/backup/$middle:d/o.txt")")
	rm -f "$p.pack"
	check 14 "${p#.git/}: the pack itself is missing" "$newest"
}
t_index_of_a_pack_gone() {
	made
	local p
	p=$(pack_of "$(git rev-parse "refs/sk/backup/$middle:d/o.txt")")
	rm -f "$p.idx"
	check 0 "${p#.git/}: its index is missing" "$newest"
	git sk cat "$middle" u.txt | grep -qx v2
}
t_index_of_a_pack_garbage() {
	made
	local p
	p=$(pack_of "$(git rev-parse "refs/sk/backup/$middle:d/o.txt")")
	chmod u+w "$p.idx" && echo garbage >"$p.idx"
	check 0 "${p#.git/}: its index is damaged" "$newest"
	git sk cat "$middle" u.txt | grep -qx v2
}
t_garbage_ref() {
	made && echo xyz >".git/refs/sk/backup/$middle"
	check 0 "$middle: the ref does not hold" "$newest"
	git sk cat "$middle" u.txt | grep -qx v2
}
t_empty_ref() {
	made && : >".git/refs/sk/backup/$middle"
	check 0 "$middle: the ref is empty" "$newest"
	git sk cat "$middle" u.txt | grep -qx v2
}
t_broken_line_of_packed_refs() {
	made && git pack-refs --all && sleep 1 # or its id would be free in this very second
	sed -i "s,^\([0-9a-f]*\)[0-9a-f] refs/sk/backup/$middle$,\1Z refs/sk/backup/$middle," .git/packed-refs
	check 0 "packed-refs, line" "$newest"
	git sk cat "$middle" u.txt | grep -qx v2
}
t_missing_folder() {
	made && unpack && rm -f "$(loose "$(git rev-parse "refs/sk/backup/$newest:d")")"
	check 0 "damaged d: object" "$oldest"
}
t_missing_root() {
	made && unpack && rm -f "$(loose "$(git rev-parse "refs/sk/backup/$middle^{tree}")")"
	check 14 "damaged everything: object" "$newest"
	[ -s ".git/sk/quarantine/entries/backup-$middle" ] || die "nothing is known of it any more"
}
t_missing_tag() {
	made && unpack && rm -f "$(loose "$(git rev-parse "refs/sk/backup/$middle")")"
	check 14 "$middle: object" "$newest"
}
t_staged_state_lost() {
	made
	echo staged-only >s.txt && git add s.txt && echo on-disk >s.txt && git sk backup -q >/dev/null
	local b
	b=$(git rev-parse :s.txt) && git rm -qf --cached s.txt && rm s.txt && unpack && rm -f "$(loose "$b")"
	check 14 "metadata:index/s.txt: object" "$oldest"
}
t_kept_commit_lost() {
	made
	git checkout -qb gone && echo lost >lost.txt && git add lost.txt && git commit -qm lost && git sk backup -q >/dev/null
	local c b
	c=$(git rev-parse HEAD) b=$(git rev-parse HEAD:lost.txt)
	git checkout -q main && git branch -qD gone && git sk backup -q >/dev/null && git reflog expire --expire=now --expire-unreachable=now HEAD
	unpack && rm -f "$(loose "$b")"
	code 14 git sk verify
	has "$W.out" "lost.txt: object"
	git sk verify --json | grep -q "$c" || die "the commit is not named"
	code 14 git sk verify --repair
	code 0 git sk verify
	git gc -q --prune=now
}
t_state_file_wrong() {
	made
	python3 - .git/sk/state <<'P'
import sys
b = bytearray(open(sys.argv[1], "rb").read()); b[len(b) // 2] ^= 1; open(sys.argv[1], "wb").write(b)
P
	# its checksum tells: it is none, and nothing is wrong
	code 0 git sk verify
	new_backup "after"
}

t_mends_from_another_folder_of_objects() {
	made && unpack
	git clone -q --mirror . ../other.git && git push -q ../other.git 'refs/sk/*:refs/sk/*'
	rm -f "$(loose "$old_blob")" "$(loose "$(git rev-parse "refs/sk/backup/$middle")")"
	code 14 git sk verify
	code 0 git sk verify --repair --from ../other.git
	code 0 git sk verify
	git sk cat "$oldest" u.txt | grep -qx v1
	git sk cat "$middle" u.txt | grep -qx v2
}

# from the vaults, by themselves: one on a disk, one behind ssh
mends_from_vault() { # URL
	made && git sk vault add v "$1" -q >/dev/null && git sk vault push -q >/dev/null
	unpack && rm -f "$(loose "$old_blob")" "$(loose "$(git rev-parse "refs/sk/backup/$middle")")"
	code 14 git sk verify
	code 0 git sk verify --repair
	code 0 git sk verify
	[ ! -e .git/sk/salvage ] || die "what was fetched is left"
	eq "$(git sk cat "$oldest" u.txt)" v1
	eq "$(git sk cat "$middle" u.txt)" v2
	eq "$(git fsck --full 2>&1 | grep -v '^dangling' || :)" "" "git fsck"
}
t_mends_from_a_vault_on_a_disk() { mends_from_vault "$W/v.git"; }
t_mends_from_a_vault_elsewhere() {
	printf '#!/bin/sh\nfor last; do :; done\nexec sh -c "$last"\n' >fakessh && chmod +x fakessh
	export GIT_SSH_COMMAND=$W/fakessh
	git init -q --bare v.git
	mends_from_vault "elsewhere:$W/v.git"
	mv ../v.git ../away.git && rm -f "$(loose "$now_blob")"
	mkdir -p .git/objects/pack
	code 0 git sk verify --repair # a vault that is not there is in nobody's way
}

# git gc deletes what it did not find reachable when it looked; the guard's backup in the midst of it
# must not take such a thing for stored
t_backup_in_the_midst_of_a_gc() {
	made
	local i
	for i in 1 2 3; do
		echo "only once $i" >once.txt && git sk backup -q >/dev/null && rm once.txt && git sk backup -q >/dev/null
		git sk revise --delete "$(git sk revise X -q)" -q
		git for-each-ref --format='%(refname)' refs/sk/backup | tail -n 3 | while read -r r; do
			git update-ref -d "$r"
		done
		# the same content again, stored already and reached by nothing
		echo "only once $i" >once.txt
		git gc -q --prune=now
		code 0 git sk verify
		rm once.txt
	done
}

# each object is read once, however many backups have it
t_reads_each_object_once() {
	made
	local i one
	one=$(git sk verify --json | python3 -c 'import json,sys; print(json.load(sys.stdin)["objects"])')
	for i in 1 2 3 4 5; do echo "$i" >u.txt; git sk backup -q >/dev/null; done
	# each has a tag, a root and a blob of its own
	eq "$(git sk verify --json | python3 -c 'import json,sys; print(json.load(sys.stdin)["objects"])')" "$((one + 15))" objects
}

# killed at any moment, the repair can be done again
t_killed_repairs() {
	local i rc
	made && unpack && flip "$(loose "$old_blob")" 8 && rm -f "$(loose "$now_blob")" && : >".git/refs/sk/backup/$middle"
	cp -a .git ../git.orig
	for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		rm -rf .git && cp -a ../git.orig .git
		setsid git sk verify --repair -q >/dev/null 2>&1 &
		python3 -c "import time; time.sleep(0.004 * $i)"
		kill -9 -- -$! 2>/dev/null || kill -9 $! 2>/dev/null || : # setsid may not have come that far
		wait $! 2>/dev/null || :
		rc=0 && git sk verify --repair -q >/dev/null 2>../err || rc=$?
		[ $rc = 0 ] || [ $rc = 14 ] || die "repair after kill $i: $rc, $(cat ../err)"
		code 0 git sk verify
		git sk cat "$middle" u.txt | grep -qx v2
		eq "$(git fsck --full 2>&1 | grep -v '^dangling' || :)" "" "git fsck after kill $i"
	done
}

t_what_may_not_be_read_is_not_lost() {
	[ "$(id -u)" != 0 ] || skip "root may read everything"
	made && unpack && chmod 0 "$(loose "$old_blob")" "$(loose "$now_blob")"
	git for-each-ref >../refs.before && find .git/objects -type f | sort >../files.before
	code 15 git sk verify --repair
	has "$W.err" 'nothing is given up' && has "$W.err" 'ermission denied'
	comm -13 <(git for-each-ref) ../refs.before >../gone && [ ! -s ../gone ] || die "refs changed: $(cat ../gone)"
	[ -z "$(comm -13 <(find .git/objects -type f | sort) ../files.before)" ] || die "objects were put aside"
	chmod 444 "$(loose "$old_blob")" "$(loose "$now_blob")"
	code 0 git sk verify
}

run_tests
