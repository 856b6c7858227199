# What SafeKeep has after the power went while it worked: a sample of tests/power, the same in each run.  All of
# it: tests/power/run.
. "$(dirname "$0")/lib.sh"
power=${SK_SOURCE:-$(cd "$(dirname "$0")/../.." && pwd -P)}/tests/power

# sample SCENARIO: some of the states in which the disk could be
sample() {
	command -v cc >/dev/null || skip "no C compiler"
	cc -std=gnu11 -D_GNU_SOURCE -o record "$power/record.c" || skip "no ptrace"
	./record . log true || skip "no tracing here"
	local states=6
	[ -z "${SK_LONG:-}" ] || states=60
	[ -z "${SK_SANITIZED:-}" ] || states=2
	# many repositories are made and synced: in memory where there is room
	[ ! -w /dev/shm ] || export TMPDIR=/dev/shm
	SK_SANITIZED=${SK_SANITIZED:-} "$power/run" "$(dirname "$(command -v git-sk)")" --states "${SK_POWER_STATES:-$states}" "$1"
}

# SK_LONG=1: the seldom ones too
for scenario in $(python3 -B "$power/power.py" --names $([ -n "${SK_LONG:-}" ] || echo --often)); do
	eval "t_$(echo "$scenario" | tr - _)() { sample $scenario; }"
done

# what a crash between the two files of a pack that is to go leaves is taken away, and is no damage
t_half_removed_pack() {
	repo r
	cd r
	git sk init -q >/dev/null 2>&1
	echo lost >x && git sk backup -q >/dev/null
	local pack
	# the same objects as a pack of their own, that nobody needs
	pack=$(git rev-list --objects --no-object-names HEAD | git pack-objects -q .git/objects/pack/pack)
	echo "$pack" >.git/sk/gone
	git sk verify
	[ ! -e .git/sk/gone ] || die "the note is left"
	[ -e ".git/objects/pack/pack-$pack.pack" ] || die "a whole pack went"
	echo "$pack" >.git/sk/gone
	rm -f ".git/objects/pack/pack-$pack.idx"
	git sk verify
	[ ! -e ".git/objects/pack/pack-$pack.pack" ] || die "half a pack is left"
	git fsck --full
}

# a backup that was cut off between its pack and the index of it leaves no damage
t_pack_without_index() {
	repo r
	cd r
	git sk init -q >/dev/null 2>&1
	local pack keep text
	for text in 'git-sk 999999999 5' ''; do
		pack=$(git rev-list --objects --no-object-names HEAD | git pack-objects -q .git/objects/pack/pack)
		rm -f ".git/objects/pack/pack-$pack.idx"
		keep=.git/objects/pack/pack-$pack.keep
		printf '%s' "$text" >"$keep" && chmod 444 "$keep"
		touch -d 2001-01-01 ".git/objects/pack/pack-$pack.pack" "$keep"
		git sk verify
		[ ! -e "$keep" ] && [ ! -e ".git/objects/pack/pack-$pack.pack" ] || die "left: '$text'"
	done
	# somebody's own
	pack=$(git rev-list --objects --no-object-names HEAD | git pack-objects -q .git/objects/pack/pack)
	: >".git/objects/pack/pack-$pack.keep"
	touch -d 2001-01-01 ".git/objects/pack/pack-$pack.keep"
	git sk verify
	[ -e ".git/objects/pack/pack-$pack.keep" ] || die "a user's .keep went"
}

# locks of a git that went with the power, and those of one at work
t_locks_from_before() {
	repo r
	cd r
	git sk init -q >/dev/null 2>&1
	: >.git/packed-refs.lock
	: >.git/config.lock
	git sk list >/dev/null
	[ -e .git/packed-refs.lock ] && [ -e .git/config.lock ] || die "a lock of now went"
	touch -d 2001-01-01 .git/packed-refs.lock .git/config.lock
	git sk list >/dev/null 2>../err
	[ ! -e .git/packed-refs.lock ] && [ ! -e .git/config.lock ] || die "an old lock is left"
	has ../err packed-refs.lock
	has ../err config.lock
	git config a.b c
}

# git's new packed-refs has the user's branches: it is flushed before it has the name
t_packed_refs_are_flushed() {
	command -v cc >/dev/null || skip "no C compiler"
	cc -std=gnu11 -D_GNU_SOURCE -o record "$power/record.c" || skip "no ptrace"
	./record . log true || skip "no tracing here"
	"$power/run" "$(dirname "$(command -v git-sk)")" --list prune-gc >list
	sed -n '/packed-refs.new/p' list >got
	sed -n '/sync file.*packed-refs.new/=' got >sync
	sed -n '/rename.*packed-refs.new/=' got >rename
	[ -s sync ] && [ "$(head -n 1 sync)" -lt "$(head -n 1 rename)" ] || { cat list >&2; die "not flushed"; }
}

# the harness itself: without fsync it finds what is lost
t_harness_finds() {
	command -v cc >/dev/null || skip "no C compiler"
	cc -std=gnu11 -D_GNU_SOURCE -o record "$power/record.c" || skip "no ptrace"
	mkdir d
	./record d log sh -c 'echo old >d/f && echo new >d/f.tmp && mv d/f.tmp d/f' || skip "no tracing here"
	rm -r d && mkdir d && echo old >d/f
	python3 -B - "$power" >got <<-END
		import random, sys
		sys.path.insert(0, sys.argv[1])
		import model
		disk = model.Disk('d')
		for what in 'open 7 f.tmp', 'rename f.tmp f':
		    words = ('mv ' + what).split()
		    getattr(disk, 'on_' + words[1])(' '.join(words), b'', *words[2:])
		    if words[1] == 'open':
		        disk.on_write('sh write 7 0 4', b'new\n', '7', '0', '4')
		        if len(sys.argv) > 2:
		            disk.on_sync('sh sync 7', b'', '7')
		for model_name in 'ext4', 'strict':
		    found = {f['f'][2] for _, _, f, _ in disk.states(9, random.Random(1), (model_name,)) if 'f' in f}
		    print(model_name, b'' in found, b'old\n' in found, b'new\n' in found)
	END
	eq "$(cat got)" "ext4 True True True
strict True True True"
}
run_tests
