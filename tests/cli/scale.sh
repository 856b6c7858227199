#!/bin/bash
# Many backups: what is gathered into one pack and into packed-refs stays whole, beside git's own
# housekeeping and whatever git does to refs behind SafeKeep's back.
. "$(dirname "$0")/lib.sh"

export SK_TEST_NOW=1786363200 # 2026-08-10T12:00:00Z
many() { # N: backups of one change each, a second apart by the tests' clock
	local i
	for i in $(seq 1 "$1"); do
		echo "$i $RANDOM" >src/b.txt
		SK_TEST_NOW=$((SK_TEST_NOW + 1))
		git sk backup -q >/dev/null
	done
}
enabled() {
	repo r && cd r && git sk init -q >/dev/null 2>&1
	printf '[retention]\nmax_per_day=0\nkeep_last=100000\n' >.git/sk/safekeep.ini
}
packs() { ls .git/objects/pack | grep -c 'pack$'; }
loose() { find .git/refs/sk/backup -type f 2>/dev/null | wc -l; }
whole() { # every backup can be read in full, and git agrees
	local id
	eq "$(git fsck --full --strict --no-dangling 2>&1)" "" fsck
	git sk list | grep damaged && die "a backup is damaged"
	git sk list -z all | while read -r -d '' id; do
		git archive "refs/sk/backup/$id" 2>/dev/null | tar t >/dev/null || die "$id is not whole"
	done
}

t_packs_and_refs_stay_few() {
	enabled
	many 90
	[ "$(packs)" -lt 30 ] || die "$(packs) packs"
	[ "$(loose)" -lt 64 ] || die "$(loose) loose refs"
	eq "$(git for-each-ref refs/sk/backup | wc -l)" 91
	eq "$(git sk list -z | tr -cd '\0' | wc -c)" 91
	eq "$(git for-each-ref --format='%(refname)' refs/heads)" refs/heads/main
	[ -e .git/refs/heads/main ] || die "the branch was packed"
	[ -z "$(ls .git/objects/pack/*.keep .git/*.lock .git/objects/pack/.sk* 2>/dev/null)" ] || die "left over"
	whole
	# as before what is asked for by number, time and prefix
	eq "$(git sk cat '@{0}' src/b.txt)" "$(cat src/b.txt)"
	eq "$(git sk list -n 3 -z | tr '\0' ' ')" "$(git sk list -z | tr '\0' '\n' | head -n 3 | tr '\n' ' ')"
}

t_git_gc_takes_all() {
	enabled
	many 45
	git gc -q --prune=now
	eq "$(packs)" 1
	whole
	many 25
	git repack -adq && eq "$(packs)" 1
	whole
	many 25
	git multi-pack-index write 2>/dev/null
	many 45
	git multi-pack-index verify 2>&1 || die "the multi-pack-index names a pack that is gone"
	whole
}

t_a_gc_at_the_same_time() {
	local i
	unset SK_TEST_NOW
	enabled
	(while [ ! -e ../stop ]; do git gc -q --prune=now 2>/dev/null; git pack-refs --all 2>/dev/null; done; :) &
	for i in $(seq 1 60); do
		echo "$i $RANDOM" >src/b.txt
		git sk backup -q
	done >../made
	touch ../stop
	wait
	git sk list -z backups | tr '\0' '\n' | sort >../listed
	eq "$(sort ../made | comm -23 - ../listed)" "" "backups that are gone"
	eq "$(sort -u ../made | wc -l)" 60
	whole
}

# `git repack -ad` in its steps: what nothing reached when it read the refs goes at its end, and no
# gc.pid tells of it.  The backup in between has the same content as one that is gone again.
t_a_repack_at_the_same_time() {
	local gone old now
	enabled
	mkdir odd && echo once >odd/file && chmod 600 odd/file
	echo other >src/b.txt && ln -s other link && seq 400000 >large
	gone=$(git sk backup)
	rm -r odd link && echo between >src/b.txt && seq 400001 >large
	git sk backup -q >/dev/null
	git update-ref -d "refs/sk/backup/$gone" && git update-ref -d "refs/sk/meta/backup/$gone"
	for old in .git/objects/pack/pack-*.pack; do echo "${old%.pack}"; done >../packs
	git pack-objects -q --all --reflog --indexed-objects --honor-pack-keep ../new </dev/null >/dev/null
	mkdir odd && echo once >odd/file && chmod 600 odd/file
	echo other >src/b.txt && ln -s other link && seq 400000 >large
	now=$(SK_TEST_NOW=$((SK_TEST_NOW + 60)) git sk backup)
	mv ../new-* .git/objects/pack/
	while read -r old; do rm -f "$old".*; done <../packs
	git prune-packed
	whole
	git sk verify
	eq "$(git sk cat "$now" odd/file) $(git sk cat "$now" src/b.txt) $(git sk cat "$now" link)" "once other other"
	eq "$(git sk cat "$now" large | sha1sum)" "$(seq 400000 | sha1sum)"
}

t_a_large_file_that_comes_and_goes() {
	local bytes
	enabled
	seq 400000 >large && git sk backup -q >/dev/null
	seq 400001 >large && git sk backup -q >/dev/null
	seq 400000 >large && git sk backup -q >/dev/null # an entry has it: it is not written again
	bytes=$(git sk show --json latest | sed -n 's/.*"bytes": *\([0-9]*\).*/\1/p' | head -n 1)
	[ "$bytes" -lt 10000 ] || die "$bytes bytes"
	mkdir elsewhere && seq 400000 >elsewhere/large && seq 400000 >elsewhere/again # it, where none had it
	git sk backup -q >/dev/null
	git sk verify
	eq "$(git sk cat latest elsewhere/large | sha1sum)" "$(seq 400000 | sha1sum)"
	whole
}

t_refs_changed_behind_our_back() {
	enabled
	many 70
	local newest next old
	newest=$(git sk list -n 1 -z | tr -d '\0')
	git sk list >/dev/null # whatever it remembers, it remembers now
	git update-ref -d "refs/sk/backup/$newest"
	code 1 git sk show "$newest"
	next=$(git sk list -n 1 -z | tr -d '\0')
	[ "$next" != "$newest" ] || die "a deleted backup is listed"
	eq "$(git sk list -z | tr '\0' '\n' | head -n 1)" "$next"
	git pack-refs --all
	eq "$(git sk list -n 1 -z | tr -d '\0')" "$next"
	# the tag replaced by another: what is shown is what the ref says now
	old=$(git sk list -z | tr '\0' '\n' | tail -n 1)
	git update-ref "refs/sk/backup/$next" "refs/sk/backup/$old"
	eq "$(git sk show --json "$next" | sed -n 's/.*"tree": *"\([0-9a-f]*\)".*/\1/p' | head -n 1)" \
		"$(git rev-parse "refs/sk/backup/$old^{tree}")"
	# rewritten by hand, unsorted: still found
	sed -i 's/ sorted//' .git/packed-refs
	eq "$(git sk list -z | tr -cd '\0' | wc -c)" 70
	git sk list -n 1 >/dev/null
	echo changed >src/b.txt
	git sk backup >/dev/null
	eq "$(git sk list -z | tr -cd '\0' | wc -c)" 71
}

t_the_clock_goes_back() {
	enabled
	many 70
	echo x >src/b.txt
	id=$(SK_TEST_NOW=1786000000 git sk backup)
	eq "$(git sk cat "$id" src/b.txt)" x
	# what is newest is compared with, not that one: the same state is saved again
	id2=$(SK_TEST_NOW=$((SK_TEST_NOW + 9)) git sk backup)
	[ "$id" != "$id2" ] || die "one dated before others stood for the newest"
	eq "$(git sk list -z | tr '\0' '\n' | head -n 1)" "$id2"
	eq "$(git sk list -n 1 -z | tr -d '\0')" "$id2"
	whole
}

t_pruning_gathered_ones() {
	enabled
	many 70
	printf '[retention]\nmax_per_day=0\nkeep_last=5\n' >.git/sk/safekeep.ini
	for k in hourly daily weekly monthly; do echo "keep_$k=0" >>.git/sk/safekeep.ini; done
	SK_TEST_NOW=1796363200 git sk prune -q >/dev/null
	eq "$(git sk list -z | tr -cd '\0' | wc -c)" 5
	eq "$(git for-each-ref refs/sk/backup | wc -l)" 5
	whole
}

t_the_days_cap() {
	repo r && cd r && git sk init -q >/dev/null 2>&1
	printf '[retention]\nmax_per_day=16\nkeep_last=100\n' >.git/sk/safekeep.ini
	most=0
	for i in $(seq 1 30); do
		echo "$i" >src/b.txt
		SK_TEST_NOW=$((SK_TEST_NOW + 1)) && git sk backup -q >/dev/null
		n=$(git for-each-ref refs/sk/backup | wc -l)
		[ "$n" -le "$most" ] || most=$n
	done
	# up to an eighth over it, so that not every backup reads all the others
	[ "$most" -le 19 ] && [ "$most" -gt 16 ] || die "$most backups of a day"
	git sk prune -q >/dev/null
	eq "$(git for-each-ref refs/sk/backup | wc -l)" 16
}

run_tests
