# Plugins that rest: what they are not started for, and all that wakes them.
. "$(dirname "$0")/lib.sh"

SRC=${SK_SOURCE:-$(cd "$(dirname "$0")/../.." && pwd)}

# begin LINE...: a repository in r with SafeKeep, and the plugin `probe` with these settings.  It writes
# each event that it is called for into $W/log.
begin() {
	export XDG_CONFIG_HOME=$W/config XDG_CACHE_HOME=$W/cache SK_TEST_NOW=1900000000
	umask 022
	mkdir -p "$W/plugins" "$XDG_CONFIG_HOME/safekeep"
	command -v cc >/dev/null || skip "no compiler"
	cc -std=gnu11 -shared -fPIC -I"$SRC/core/include" -o "$W/plugins/probe.so" "$SRC/tests/data/plugins/probe.c"
	settings
	repo r
	cd r
	git sk init >/dev/null 2>&1 # which makes a backup
	settings "$@"
}

settings() {
	{
		printf '[plugins]\nfolder = %s\nenable = probe\ntimeout = 5m\n' "$W/plugins"
		printf '[plugin "probe"]\nlog = %s\n' "$W/log"
		printf '%s\n' "$@"
	} >"$XDG_CONFIG_HOME/safekeep/safekeep.ini"
}

# what has just changed is nothing to rest by
settle() { sleep 0.2; }

# called EVENT N CMD...: CMD calls the plugin for the event N times
called() {
	local event=$1 n=$2
	shift 2
	: >"$W/log"
	"$@" >"$W.out" 2>&1 || true
	eq "$(grep -c "^$event " "$W/log" || true)" "$n" "calls for $event by '$*'"
}

# save N: a backup calls it N times
save() { called after-backup "$1" git sk backup; }

# resting: it is called no more, once what has changed is old enough to rest by
resting() {
	settle
	git sk backup >/dev/null 2>&1 || true # may be called for this, if the one before came at once
	save 0
}

t_rests_and_wakes() {
	begin 'rest = 2' 'rest_path = a.txt'
	settle
	save 1
	save 0
	git sk plugin list | grep -q '^probe .*(resting in part)$'
	git sk plugin show probe --json | grep -A 2 '"resting"' | grep -q after-backup
	# only those that it named
	called before-backup 1 git sk backup
	# a path changes, goes, comes
	echo more >>a.txt
	save 1
	resting
	rm a.txt
	save 1
	save 0
	echo new >a.txt
	save 1
	resting
	chmod +x a.txt
	save 1
	resting
	mv a.txt b.txt && cp -p b.txt a.txt
	save 1
}

t_once_awake_it_stays_awake() {
	begin 'rest = 2' 'rest_path = gone.txt'
	settle
	save 1
	save 0
	echo here >gone.txt
	# seen in an event that it does not rest on
	settings
	called before-backup 1 git sk backup
	rm gone.txt
	save 1
	settings 'rest = 2' 'rest_path = gone.txt'
	save 1
	save 0
}

t_time_wakes() {
	begin 'rest = 2' 'rest_until = 1900000600'
	save 1
	SK_TEST_NOW=1900000599 save 0
	SK_TEST_NOW=1900000600 save 1
	# the clock was put back, and no rest is longer than a day
	settings 'rest = 2' 'rest_until = 1990000000'
	save 1
	save 0
	SK_TEST_NOW=1899999999 save 1
	SK_TEST_NOW=1899999999 save 0
	SK_TEST_NOW=1900086398 save 0
	SK_TEST_NOW=1900086399 save 1
}

t_settings_wake() {
	begin 'rest = 2'
	save 1
	save 0
	settings 'rest = 2' 'other = 1'
	save 1
	save 0
	printf '[health]\nmax_age = 3d\n' >>"$XDG_CONFIG_HOME/safekeep/safekeep.ini"
	save 1
	save 0
	# another build of the plugin
	cp "$W/plugins/probe.so" new.so && mv new.so "$W/plugins/probe.so"
	save 1
	save 0
}

t_a_variable_wakes() {
	begin 'rest = 2' "rest_path = \$PROBE_HOME"
	save 1
	save 0
	PROBE_HOME=/there save 1
	PROBE_HOME=/there save 0
	PROBE_HOME=/elsewhere save 1
	save 1
	save 0
}

t_commands_wake_everywhere() {
	begin 'rest = 2'
	git worktree add -q ../other
	save 1
	save 0
	(cd ../other && git sk backup >/dev/null 2>&1 && save 0 && git sk probe facts >/dev/null)
	settle
	save 1
	save 0
	(cd ../other && save 1 && save 0)
	# one that dies as well
	git sk probe error >/dev/null 2>&1 || true
	resting
}

t_taken_back_and_failed() {
	begin 'rest = 2' 'rest_back = yes'
	save 1
	save 1
	settings 'rest = 2' 'after-backup = error'
	save 1
	save 1
	settings 'rest = 2' 'after-backup = crash'
	! command -v ulimit >/dev/null || ulimit -c 0
	export ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}handle_segv=0"
	save 1
	save 1
}

t_what_only_just_changed_is_no_rest() {
	begin 'rest = 2' 'rest_path = a.txt' 'rest_touch = yes'
	settle
	save 1
	save 1
}

t_a_damaged_file_is_no_rest() {
	local f
	begin 'rest = 2' 'rest_path = a.txt'
	settle
	save 1
	save 0
	f=.git/sk/plugins/probe.rest
	[ "$(stat -c %a $f)" = 600 ]
	for damage in ': >$f' 'truncate -s -4 $f' 'sed -i 1d $f' 'sed -i 2d $f' 'printf "\0" >>$f' 'echo more >>$f' \
		'sed -i "s/^rest 1/rest 2/" $f' 'rm $f && mkdir $f' 'rm -rf $f && ln -s /dev/zero $f' 'chmod 000 $f && : >$f'; do
		eval "$damage" 2>/dev/null || true
		save 1
		[ ! -d $f ] || rmdir $f
		rm -f $f
		save 1
		save 0
	done
}

t_health_is_repeated() {
	begin 'rest = 128' 'health = check'
	called health 1 git sk status
	has "$W.out" "it is not well"
	called health 0 git sk status
	has "$W.out" "it is not well"
	called health 0 git sk health
	has "$W.out" "probe_check"
	# said in another event it does not count
	settings 'rest = 130' 'health = check'
	save 1
	save 0
	called health 1 git sk status
	called health 0 git sk status
	has "$W.out" "it is not well"
	save 0
}

t_a_commit_asks_nobody_while_all_rest() {
	begin 'rest = 4' 'rest_path = a.txt'
	settle
	echo x >>src/b.txt
	called before-commit 1 git commit -qam one
	echo x >>src/b.txt
	called before-commit 0 git commit -qam two
	[ ! -e .git/sk/before-commit ] || die "the client asks all the same"
	called after-commit 1 git commit -qm three --allow-empty
	# what wakes it is seen in the same commit
	echo x >>a.txt
	called before-commit 1 git commit -qam four
	# a linked worktree shares the mark
	git worktree add -q ../other
	settle
	git commit -qm five --allow-empty >/dev/null 2>&1 # asked, if four came at once after the change
	called before-commit 0 git commit -qm six --allow-empty
	[ -e .git/sk/before-commit ] || die "the other worktree's plugin is not asked"
	(cd ../other && echo x >>a.txt && called before-commit 1 git commit -qam other)
}

t_commands_cannot_rest() {
	begin 'rest = 2'
	code 2 git sk probe rest
	has "$W.err" "rest is for events"
	# paths that cannot be
	settings 'rest = 2' 'rest_path = /'"$(printf 'x%.0s' $(seq 150))" 'rest_many = yes'
	save 1
	has "$W.out" "at most 100 paths"
}

run_tests
