# Plugins: their commands, events and records, and every way in which one can be bad.
. "$(dirname "$0")/lib.sh"

SRC=${SK_SOURCE:-$(cd "$(dirname "$0")/../.." && pwd)}
HEADER=$SRC/core/include
BAD=$SRC/tests/data/plugins

# build NAME FILE.c [FLAG...]: NAME.so in the folder of plugins
build() {
	local name=$1 file=$2
	shift 2
	command -v cc >/dev/null || skip "no compiler"
	cc -std=gnu11 -shared -fPIC -I"$HEADER" "$@" -o "$W/plugins/$name.so.new" "$BAD/$file"
	mv "$W/plugins/$name.so.new" "$W/plugins/$name.so"
}

# enable NAME... [-- LINE...]: in the user's own configuration, with further lines
enable() {
	local list=
	while [ $# -gt 0 ] && [ "$1" != -- ]; do
		list=${list:+$list, }$1
		shift
	done
	mkdir -p "$XDG_CONFIG_HOME/safekeep"
	{
		printf '[plugins]\nfolder = %s\nenable = %s\n' "$W/plugins" "$list"
		[ $# -lt 2 ] || printf '%s\n' "${@:2}"
	} >"$XDG_CONFIG_HOME/safekeep/safekeep.ini"
}

# begin NAME...: a repository in r with SafeKeep, and these plugins enabled
begin() {
	export XDG_CONFIG_HOME=$W/config XDG_CACHE_HOME=$W/cache
	umask 022
	mkdir -p "$W/plugins"
	repo r
	(cd r && git sk init >/dev/null)
	enable "$@"
}

# sanitizers OPTION...: of AddressSanitizer, where it is built in; crashes on purpose are not its to report
sanitizers() {
	local IFS=:
	export ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}$*"
}

# refused NAME WORDS: the list says so, backups go on, and the commands of git sk work
refused() {
	git sk plugin list >list
	grep -A 1 "^$1 .*refused" list >one || { cat list >&2; die "$1 is not refused"; }
	has one "$2"
	(cd r && echo "$1 $RANDOM" >>a.txt && code 0 git sk backup && git commit -qam "$1")
	git sk -h >help
	hasnt help "  head "
}

t_commands_are_as_our_own() {
	begin probe
	build probe probe.c
	cd r
	git sk -h >../help
	has ../help "  probe      does as it is told"
	git sk probe -h >../help
	has ../help "usage: git sk probe WHAT [ARG...]"
	has ../help "  -l, --level N            how loud"
	has ../help "      --json "
	git sk --complete-list >../list
	grep -qx probe ../list
	git sk --complete-list probe >../list
	grep -qx -e '--level=' ../list
	grep -qx -e '--json' ../list
	git sk --complete-words probe >../list
	grep -qx put ../list
	code 2 git sk probe --nope
	has "$W.err" "unknown option --nope; see 'git sk probe -h'"
	code 2 git sk probe facts --level
	has "$W.err" "option '--level' needs a value: --level N"
	git sk probe facts -l 5 -- a b >../out
	has ../out '"level": "5"'
	has ../out '"dashes": 1, "paths": 2'
	git sk probe --level=7 --json >../out
	has ../out '  "level": "7"'
	cd src
	git sk probe facts | grep -q '"prefix": "src/", "enabled": 1, "trusted": 0, "left": -1, "redact": 1'
	cd "$W"
	git sk -C r probe facts | grep -q '"worktree": 1'
	git sk probe facts | grep -q '"worktree": 0'
	git sk probe facts -C r | grep -q '"worktree": 1'
	git --git-dir=r/.git --work-tree=r sk probe facts | grep -q '"worktree": 1'
	git --git-dir=r/.git --work-tree=r sk probe-saved facts | grep -q '"enabled": 1'
	code 10 git sk probe-saved
	git sk plugin show probe --man >man.7
	has man.7 '.It Nm git sk probe'
	has man.7 '\&.Second begins with a dot.'
	! command -v man >/dev/null || eq "$(man --warnings -l man.7 2>&1 >/dev/null)" "" "warnings of man"
}

t_completion_in_bash() {
	local f=$SRC/config/completions/git-sk.bash
	begin probe
	build probe probe.c
	cat >try.sh <<-'END'
		. "$1"
		COMP_WORDS=("${@:2}") cur=${!#} cword=$(($# - 2)) words=("${@:2}") COMP_CWORD=$(($# - 2)) COMPREPLY=()
		_git_sk
		printf '%s\n' "${COMPREPLY[@]}"
	END
	bash try.sh "$f" git sk pro >out
	grep -q '^probe ' out || die "$(cat out)"
	bash try.sh "$f" git sk probe --le >out
	grep -qx -e '--level=' out || die "$(cat out)"
	bash try.sh "$f" git sk probe fa >out
	grep -qx 'facts *' out || die "$(cat out)"
}

t_list() {
	begin probe head gone
	build probe probe.c
	build head head.c -DMAJOR=77
	build idle probe.c
	cd r
	git sk plugin list >../list
	grep -q '^probe  *2.0  *loaded  *git sk probe, probe-saved$' ../list
	grep -q '^head  *-  *refused' ../list
	grep -q '^gone  *-  *missing' ../list
	grep -q '^idle  *-  *off' ../list
	git sk plugin list --json >../json
	has ../json '"state": "refused"'
	has ../json 'for version 77.'
	has ../json '"before-backup"'
	has ../json '"private": true'
	git sk plugin show probe >../out
	has ../out "stores    refs/sk/probe/ (private)"
	code 1 git sk plugin show nothing
	code 2 git sk plugin
	code 2 git sk plugin what
}

t_records() {
	begin probe
	build probe probe.c
	cd r
	before=$(git rev-parse HEAD)
	git sk probe put 2026/one "a title" file=hello other=world
	eq "$(git show refs/sk/probe/2026/one:file)" hello
	git sk probe get 2026/one other >../out
	cat >../want <<-'END'
		a title|two

		paragraphs|Probe-Key=its
		value|world
	END
	cmp ../out ../want
	git cat-file tag refs/sk/probe/2026/one >../tag
	has ../tag "Sk-Kind: probe"
	has ../tag "Sk-Plugin: probe 2.0"
	has ../tag "Sk-Private: yes"
	git sk probe put 2026/one "again" file=replaced
	eq "$(git show refs/sk/probe/2026/one:file)" replaced
	git sk probe put 2025 "older" file=x
	eq "$(git sk probe all | tr '\n' ' ')" "2025 2026/one "
	eq "$(git sk probe all 2026/)" 2026/one
	git fsck --strict --no-dangling
	git gc -q --prune=now
	eq "$(git show refs/sk/probe/2026/one:file)" replaced
	git sk probe put 2026/one "and again" file=replaced
	git sk probe delete 2026/one
	git sk probe delete 2026/one
	eq "$(git sk probe all)" 2025
	code 1 git sk probe get 2026/one file
	has "$W.err" "there is no 2026/one"
	eq "$(git log --all --format=%H | sort -u | wc -l)" 2
	eq "$(git rev-parse HEAD)" "$before"
	mkdir -p .git/refs/sk/probe
	echo junk >.git/refs/sk/probe/2025
	eq "$(git sk probe all)" "2025 damaged"
	code 14 git sk probe get 2025 file
	git sk probe put 2025 "mended" file=y
	eq "$(git show refs/sk/probe/2025:file)" y
	[ ! -e .git/logs/refs/sk/probe ] || die "a reflog of records"
}

t_a_batch_is_whole_or_nothing() {
	begin probe
	build probe probe.c
	cd r
	git sk probe put one first file=1
	code 11 git sk probe race one second file=2
	eq "$(git cat-file tag refs/sk/probe/one | sed -n 6p)" "the other one"
	code 11 git sk probe race new second file=2
	eq "$(git cat-file tag refs/sk/probe/new | sed -n 6p)" "the other one"
	for name in . .. .git .GIT 'git~1' a/b ''; do
		code 13 git sk probe tree "$name"
	done
	code 2 git sk probe tree twice
	code 2 git sk probe tree kind
	code 2 git sk probe tree unknown
	for name in '' .. a..b 'a b' 'a~' /a a/ a.lock; do
		code 2 git sk probe put "$name" title file=1
	done
	eq "$(git sk probe all | tr '\n' ' ')" "new one "
	git fsck --strict --no-dangling
	[ -z "$(find .git -name '*.keep' -o -name 'tmp_*' -o -name '*.lock' -path '*refs*')" ]
}

t_services_of_the_host() {
	begin probe
	enable probe -- '[plugin "probe"]' 'one = 1' 'two = a b'
	build probe probe.c
	cd r
	eq "$(git sk probe setting one)" 1
	eq "$(git sk probe setting health.max_age)" 1h
	eq "$(git sk probe setting nothing)" "(not set)"
	eq "$(git sk probe setting | tr '\n' ' ')" "one=1 two=a b "
	# the project's file cannot set anything of it until it is trusted
	printf '[plugin "probe"]\none = evil\n' >.safekeep.ini
	eq "$(git sk -q probe setting one 2>/dev/null)" 1
	git sk trust >/dev/null
	eq "$(git sk probe setting one)" evil
	git sk probe facts | grep -q '"trusted": 1'
	rm .safekeep.ini
	echo new >>a.txt
	id=$(git sk probe save | sed 's/ 1$//')
	eq "$(git sk show "$id" --json | sed -n 's/.*"trigger": "\(.*\)".*/\1/p')" probe
	eq "$(git sk probe save)" "$id 0"
	git sk probe save "By Probe" | grep -q '^By_Probe_'
	git sk probe entries >../out
	grep -q "^$id probe by probe$" ../out
	eq "$(git sk probe run --git -- rev-parse HEAD)" "0:$(git rev-parse HEAD)"
	eq "$(git sk probe run -- sh -c 'echo out; echo err >&2; exit 3')" "3:$(printf 'out\nerr')"
	code 15 git sk probe run --limit 100 -- sh -c 'sleep 60 & sleep 60'
	has "$W.err" "took longer than 100 ms and was ended"
	code 2 git sk probe json '[1]'
	code 2 git sk probe json '{"a":'
	eq "$(git sk probe json '{"a": "\u00e9"}' | tr -d '\n')" '{  "a": "é"}'
	code 11 git sk probe lock mine
	code 2 git sk probe lock 'My Lock'
	for i in 0 1 2; do
		d=$(git sk probe folder $i)
		eq "$(stat -c %a "$d")" 700
	done
	eq "$(git sk probe folder 0)" "$(cd .git && pwd -P)/sk/plugins/probe"
}

# token LETTER: of a form that a code host refuses, so it is put together here
token() { printf 'gh%s_%s' "$1" "Zk3Qw8LpVn5RtYb1HsXc7DfGj2MaUe9oT4iK"; }

t_secrets_are_replaced() {
	local key
	begin probe
	build probe probe.c
	cd r
	eq "$(git sk probe redact 'nothing here')" "nothing here"
	eq "$(git sk probe redact "a $(token p), $(token o) # gitleaks:allow")" \
		"a [REDACTED:github-pat], [REDACTED:github-oauth] # gitleaks:allow"
	eq "$(git sk probe redact "$(token p)")" "[REDACTED:github-pat]"
	# any bytes; where it was
	{
		printf 'x\0\377 '
		token p
		printf ' \0y\n'
		token o
	} >../in
	git sk probe redact-file ../in >../out 2>../found
	printf 'x\0\377 [REDACTED:github-pat] \0y\n[REDACTED:github-oauth]' | cmp - ../out
	eq "$(sed 's/^git sk: //' ../found | tr '\n' ';')" "github-pat 4 40;github-oauth 48 40;"
	# nothing at all
	: >../in
	git sk probe redact-file ../in >../out
	[ ! -s ../out ]
	# one within another: the longer one names both
	key="-----BEGIN PRIVATE"
	printf '%s KEY-----\n%s\n%s\n-----END PRIVATE KEY-----\n' "$key" \
		"$(seq 1 40 | tr -d '\n')" "$(token p)" >../in
	git sk probe redact-file ../in >../out 2>../found
	eq "$(cat ../out)" "[REDACTED:private-key]"
	eq "$(wc -l <../found)" 1
	# a long text: each of them, and all else as it was
	for i in 1 2 3 4 5 6 7 8; do
		yes 'some words of a transcript, as they come' | head -n 25000
		token p
		echo
	done >../in
	git sk probe redact-file ../in >../out 2>/dev/null
	sed "s/^$(token p)\$/[REDACTED:github-pat]/" ../in | cmp - ../out
}

t_without_rules_nothing_is_redacted() {
	local rules=$W/config/safekeep/secrets
	begin probe
	build probe probe.c
	mkdir -p "$rules"
	cd r
	git sk probe facts | grep -q '"redact": 1'
	printf '[rule "mine"]\ntitle = Mine\nkeywords = mine-\npattern = mine-[0-9]{4}\n' >"$rules/mine.ini"
	eq "$(git sk probe redact "mine-1789 $(token p)")" "[REDACTED:mine] [REDACTED:github-pat]"
	# one that cannot be read is none at all
	printf '[rule "mine"]\ntitle = Mine\nkeywords = mine-\npattern = mine-[0-9\n' >"$rules/mine.ini"
	git sk probe facts | grep -q '"redact": 0'
	code 13 git sk probe redact "mine-1789 $(token p)"
	has "$W.err" "secrets cannot be looked for, so plugin probe stores nothing"
	has "$W.err" "mine.ini"
	hasnt "$W.err" "$(token p)"
	[ ! -s "$W.out" ]
	# a pattern that goes mad on a text concludes nothing
	printf '[rule "mine"]\ntitle = Mine\nkeywords = mine-\npattern = mine-(?:(a+)+)+z\n' >"$rules/mine.ini"
	git sk probe facts | grep -q '"redact": 1'
	code 15 git sk probe redact "mine-$(printf 'a%.0s' $(seq 300)) z $(token p)"
	[ ! -s "$W.out" ]
	eq "$(git sk probe redact "mine-az")" "[REDACTED:mine]"
}

t_events_of_all_kinds() {
	begin probe
	build probe probe.c
	enable probe -- '[plugin "probe"]' "log = $W/log"
	cd r
	echo x >>a.txt
	git sk backup >/dev/null
	grep -q '^before-backup trigger=manual command= id= new=0' ../log
	grep -q '^after-backup trigger=manual command= id=yes new=1 dry=0 left=1' ../log
	git sk backup >/dev/null 2>&1
	grep -q '^after-backup trigger=manual command= id=yes new=0' ../log
	: >../log
	git commit -qam change
	grep -q '^before-commit trigger=pre-commit command=git commit.* index=1' ../log
	grep -q '^after-commit ' ../log
	: >../log
	echo y >>src/b.txt
	git add src/b.txt
	git commit -qm staged
	grep -q '^before-commit trigger=pre-commit command=git commit.* index=0' ../log
	: >../log
	echo y >>src/b.txt
	git commit -qm part src/b.txt
	grep -q '^before-commit .* index=1' ../log
	: >../log
	git checkout -q -b other HEAD~1
	grep -q '^after-checkout ' ../log
	echo z >>a.txt
	: >../log
	git checkout -q -f main
	grep -q '^before-checkout trigger=guard command=git checkout' ../log
	: >../log
	git sk backup --if-due >/dev/null 2>&1
	grep -q '^cycle ' ../log
	: >../log
	git sk backup --if-due >/dev/null 2>&1
	! grep -q '^cycle ' ../log || die "a cycle too early"
	git sk prune --dry-run >/dev/null 2>&1
	grep -q '^prune .* dry=1' ../log
	git sk status >/dev/null || :
	grep -q '^health ' ../log
}

t_what_events_answer() {
	begin probe
	build probe probe.c
	enable probe -- '[plugin "probe"]' 'before-commit = finding' 'health = check' 'before-backup = print'
	cd r
	echo x >>a.txt
	git commit -qam one 2>../err
	has ../err "git sk: error: a.txt:3: it is wrong (probe-rule)"
	has ../err "said on standard output"
	printf '[hooks]\nimpact = block\n' >.git/sk/safekeep.ini
	echo y >>a.txt
	! git commit -qam two 2>../err || die "the commit was made"
	has ../err "the commit is stopped by 1 finding"
	git commit -q --no-verify -am two
	printf '[hooks]\nimpact = off\n' >.git/sk/safekeep.ini
	echo z >>a.txt
	git commit -qam three 2>../err
	hasnt ../err "it is wrong"
	git sk status >../out || :
	has ../out "probe_check: it is not well"
	git sk backup >../out 2>../err
	eq "$(wc -l <../out)" 1 "lines of output"
}

# fault WHAT WORDS: in an event; the backup is made, the fault is named, and forgotten when it is over
fault() {
	enable probe -- 'timeout = 300ms' '[plugin "probe"]' "before-backup = $1" "after-commit = $1"
	(
		cd r
		echo "$1" >>a.txt
		git sk backup >../id 2>../err
		grep -q '^2' ../id
		has ../err "probe was left out of 'before-backup': $2"
		git commit -qam "$1" 2>../err
		has ../err "probe was left out of 'after-commit': $2"
		# not again in the same hour
		git sk backup >/dev/null 2>../err
		hasnt ../err "left out"
		git sk status >../status || :
		has ../status "plugin probe was left out of 'before-backup'"
		has ../status "$2"
		git fsck --strict --no-dangling
	)
	enable probe
	(
		cd r
		echo "after $1" >>a.txt
		git sk backup >/dev/null
		git commit -qam after
		git sk status >../status || :
		hasnt ../status "left out"
		! git ls-files -o | grep -q . || die "left in the working tree: $(git ls-files -o)"
	)
}

t_faults_in_events() {
	begin probe
	build probe probe.c
	sanitizers handle_segv=0 handle_abort=0 handle_sigbus=0
	fault crash "plugin probe crashed (SIGSEGV)"
	fault abort "plugin probe crashed (SIGABRT)"
	fault exit "plugin probe ended the process by itself (exit status 0)"
	fault error "it did not work out"
	fault code "it failed without a word"
	fault hang "plugin probe took longer than 300 ms and was ended"
}

t_the_good_ones_beside_a_bad_one() {
	begin bad good
	build good probe.c -DNAME='"good"'
	build bad probe.c -DNAME='"bad"'
	enable bad good -- 'timeout = 1s' '[plugin "bad"]' 'before-backup = hang' 'after-backup = exit' \
		'[plugin "good"]' "log = $W/log"
	cd r
	echo x >>a.txt
	git sk backup >../id 2>../err
	has ../err "bad was left out of 'before-backup'"
	has ../err "bad was left out of 'after-backup'"
	hasnt ../err "good was"
	grep -q '^before-backup' ../log
	grep -q '^after-backup .* id=yes new=1' ../log
	git sk good facts >/dev/null
	echo junk >../plugins/bad.so
	git sk good facts >/dev/null
	git sk plugin list >../list || :
	grep -q '^good .*loaded' ../list
	grep -q '^bad .*refused' ../list
}

t_no_events_within_events() {
	begin probe
	build probe probe.c
	enable probe -- 'timeout = 20s' '[plugin "probe"]' "log = $W/log" 'before-backup = nested'
	cd r
	echo x >>a.txt
	git sk backup >../id 2>../err
	eq "$(grep -c ^before-backup ../log)" 1
	hasnt ../err "left out"
}

t_what_an_event_leaves_behind_is_ended() {
	begin probe
	build probe probe.c
	enable probe -- '[plugin "probe"]' "before-backup = orphan"
	cd r
	echo x >>a.txt
	git sk backup >../id
	grep -q '^2' ../id
	sleep 0.2
	for p in /proc/[0-9]*; do
		! grep -qs "$W/r" "$p/environ" || [ "$(readlink "$p/cwd")" != "$PWD" ] ||
			[ "$(tr '\0' ' ' <"$p/cmdline" | cut -c1-10)" != "git-sk bac" ] || die "${p#/proc/} lives on"
	done
}

t_a_flood_is_cut() {
	begin probe
	build probe probe.c
	enable probe -- 'timeout = 60s' '[plugin "probe"]' "before-backup = flood" "after-backup = save"
	cd r
	echo x >>a.txt
	git sk backup >../id 2>../err
	[ "$(stat -c %s ../err)" -lt 70000 ] || die "$(stat -c %s ../err) bytes"
	git sk backup >../id 2>/dev/null
}

t_a_command_that_dies() {
	begin probe
	build probe probe.c
	cd r
	sanitizers handle_segv=0 handle_abort=0 handle_sigbus=0
	code 15 git sk probe crash
	has "$W.err" "git sk: plugin probe crashed (SIGSEGV)"
	code 15 git sk probe exit
	has "$W.err" "ended the process by itself"
	code 15 git sk probe error
	has "$W.err" "git sk: it did not work out"
	code 4 git sk probe code
	git sk probe flood | head -n 1 >/dev/null
	[ -z "$(find . -name 'core*' -not -path './.git/*')" ]
}

t_no_symbol() {
	begin loads
	build loads loads.c -DLOADING='(void)0' -DNO_SYMBOL
	refused loads "plugin loads has no symbol 'safekeep_plugin'"
}

t_not_a_library() {
	begin head
	echo "not a library" >plugins/head.so
	refused head "plugin head cannot be loaded"
	: >plugins/head.so
	refused head "plugin head cannot be loaded"
}

t_wrong_heads() {
	begin head
	build head head.c
	git sk head | grep -qx head
	build head head.c -DMAGIC=1
	refused head "has something else as 'safekeep_plugin'"
	build head head.c -DMAJOR=99
	refused head "is for version 99."
	build head head.c -DMINOR=99
	refused head "build it again"
	build head head.c -DSIZE=8
	refused head "says a wrong size"
	build head head.c -DNAME='"other"'
	refused head "calls itself other"
	build head head.c -DNAME=NULL
	refused head "calls itself nothing"
	build head head.c -DEVENTS=1
	refused head "has no function for them"
	build head head.c -DSPACE='"backup"'
	refused head "refs/sk/backup is SafeKeep's own"
	build head head.c -DSPACE='"../x"'
	refused head "cannot be a part of refs/sk"
	build head head.c -DSUMMARY='"a\033[31mb"'
	refused head "has control characters"
	build head head.c -DSUMMARY='"\xff\xfe"'
	refused head "is not UTF-8"
	build head head.c -DSUMMARY=NULL
	refused head "is missing"
	build head head.c -DCOMMAND='"Bad Name"'
	refused head "cannot be the name of a command"
	build head head.c -DOPTION='"json"'
	refused head "is one that all commands have"
	build head head.c -DSUMMARY='(const char *)1'
	refused head "while it was loaded"
	build head head.c
	git sk head | grep -qx head
}

t_duplicates() {
	begin probe head
	build probe probe.c
	build head head.c -DCOMMAND='"backup"'
	refused head "its command 'backup' is one of git sk itself"
	build head head.c -DCOMMAND='"probe"'
	refused head "its command 'probe' is plugin probe's already"
	build head head.c -DSPACE='"probe"'
	refused head "refs/sk/probe belongs to plugin probe"
	enable head probe
	git sk plugin list | grep -q '^probe .*refused'
	git sk head >/dev/null
}

t_bad_while_loading() {
	begin loads
	build loads loads.c -DLOADING='_exit(0)'
	refused loads "ended the process by itself"
	build loads loads.c -DLOADING='puts("noise")'
	git sk plugin list >list
	grep -q '^loads .*loaded' list
	hasnt list noise
	sanitizers handle_segv=0 handle_abort=0 handle_sigbus=0
	build loads loads.c -DLOADING='raise(SIGSEGV)'
	refused loads "crashed (SIGSEGV)"
	build loads loads.c -DLOADING='abort()'
	refused loads "crashed (SIGABRT)"
}

t_hangs_while_loading() {
	begin loads
	build loads loads.c -DLOADING='for (;;) pause()'
	(cd r && echo x >>a.txt && git sk backup >/dev/null 2>../err)
	has err "plugin loads took longer than 5000 ms and was ended"
	# known by now: nobody waits again
	(cd r && echo y >>a.txt && git sk backup >/dev/null 2>../err)
	git sk --complete-list >/dev/null
	grep -q '"reason"' cache/safekeep/plugins.json
}

t_who_may_have_written_it() {
	begin head
	build head head.c
	git sk head >/dev/null
	for mode in 775 757 777; do
		chmod $mode plugins/head.so
		refused head "its file $W/plugins/head.so can be written by others (mode 0$mode); chmod go-w"
		code 2 git sk head
	done
	chmod 755 plugins/head.so
	git sk head >/dev/null
	for mode in 775 757 777; do
		chmod $mode plugins
		git sk plugin list >list
		has list "the folder $W/plugins can be written by others"
		code 2 git sk head
		(cd r && echo $mode >>a.txt && code 0 git sk backup)
	done
	chmod 755 plugins
	chmod g+w .
	git sk plugin list >list
	has list "the folder $W can be written by others"
	code 2 git sk head
	chmod 755 .
	git sk head >/dev/null
	mv plugins/head.so real.so
	ln -s "$W/real.so" plugins/head.so
	refused head "is a symbolic link"
	rm plugins/head.so
	mkfifo plugins/head.so
	refused head "is no file"
	rm plugins/head.so
	mkdir plugins/head.so
	refused head "is no file"
	rmdir plugins/head.so
	mv real.so plugins/head.so
	if [ "$(id -u)" = 0 ]; then
		chown 65534 plugins/head.so
		refused head "belongs to user 65534"
		chown 0 plugins/head.so
		chown 65534 plugins
		git sk plugin list >list
		has list "the folder $W/plugins belongs to user 65534"
		code 2 git sk head
		chown 0 plugins
	fi
	# a link to the folder is as good as what it leads to
	ln -s plugins other
	printf '[plugins]\nfolder = %s\nenable = head\n' "$W/other" >"$XDG_CONFIG_HOME/safekeep/safekeep.ini"
	git sk head >/dev/null
	printf '[plugins]\nfolder = plugins\nenable = head\n' >"$XDG_CONFIG_HOME/safekeep/safekeep.ini"
	code 2 git sk head
	git sk plugin list >list
	has list "has to be an absolute name"
}

t_a_repository_names_no_folder() {
	begin nothing
	build head head.c
	printf '[plugins]\nenable = nothing\n' >"$XDG_CONFIG_HOME/safekeep/safekeep.ini"
	cd r
	printf '[plugins]\nfolder = %s\nenable = head\n' "$W/plugins" >.safekeep.ini
	code 2 git sk head
	git sk trust >/dev/null 2>&1
	code 2 git sk head
	git sk list >/dev/null 2>../err
	has ../err "[plugins] folder: only your own configuration may say that"
	cp .safekeep.ini .git/sk/safekeep.ini
	rm .safekeep.ini
	code 2 git sk head
	# enabling is another matter: the user has the plugin there
	printf '[plugins]\nfolder = %s\n' "$W/plugins" >"$XDG_CONFIG_HOME/safekeep/safekeep.ini"
	printf '[plugins]\nenable = head\n' >.safekeep.ini
	rm .git/sk/safekeep.ini .git/sk/trust
	code 2 git sk head
	git sk trust >/dev/null 2>&1
	git sk head >/dev/null
}

t_nothing_is_loaded_without_need() {
	command -v strace >/dev/null || skip "no strace"
	sanitizers detect_leaks=0 # it cannot look where a tracer does
	begin head
	build head head.c
	cd r
	git sk plugin list >/dev/null
	for line in "backup" "list" "status" "-h" "--complete-list" "head -h"; do
		strace -f -o ../trace -e trace=openat,open git sk $line >/dev/null 2>&1 || :
		! grep -q 'head\.so' ../trace || die "git sk $line opens the plugin"
	done
	strace -f -o ../trace -e trace=openat,open git sk head >/dev/null
	has ../trace head.so
}

t_the_cache_is_only_believed_when_it_is_ours() {
	begin head
	build head head.c
	git sk head >/dev/null
	f=cache/safekeep/plugins.json
	eq "$(stat -c %a $f)" 600
	sed -i 's/a head/EVIL/g' $f
	git sk -h | grep -q 'head  *EVIL'
	chmod 666 $f
	git sk -h | grep -q 'head  *a head'
	for text in '' '{' '[]' '{"format":1}' '{"format":1,"host":"x","plugins":7}'; do
		printf '%s' "$text" >$f
		git sk head >/dev/null
	done
	# what it says of commands that are not there is no harm
	sed -i 's/"name":"head","summary"/"name":"other","summary"/' $f
	code 15 git sk other
	has "$W.err" "the plugin changed meanwhile"
	git sk plugin list >/dev/null
	git sk head >/dev/null
	rm -rf cache
	mkdir cache
	chmod 555 cache
	git sk head >/dev/null
	(unset HOME XDG_CACHE_HOME && git sk head >/dev/null)
	# another file under the same name is another plugin
	chmod 755 cache
	build head head.c -DCOMMAND='"torso"'
	git sk torso >/dev/null
	code 2 git sk head
}

t_the_header_alone() {
	local std
	for std in c99 c11 c17; do
		cc -std=$std -pedantic -Wall -Wextra -Wconversion -Wshadow -Wundef -Wcast-qual -Wstrict-prototypes -Werror \
			-fsyntax-only -x c "$HEADER/safekeep/plugin.h"
	done
	cat >use.cc <<-'END'
		#include <safekeep/plugin.h>
		static int run(skp_host *h, const skp_call *c)
		{
			skp_record r = {};
			return skp_has(c, "x") && skp_value(c, "x") ? h->error(h, SKP_EUSAGE, "%d", 1) : h->record(h, "n", &r);
		}
		static const char *const usage[] = { "", nullptr };
		static const skp_command commands[] = { { "cpp", run, SKP_NEEDS_NOTHING, 0, "C++", usage, nullptr, nullptr, nullptr },
			{ nullptr, nullptr, 0, 0, nullptr, nullptr, nullptr, nullptr, nullptr } };
		const sk_plugin safekeep_plugin = { SK_PLUGIN_HEAD, 0, "cpp", "1", "C++", nullptr, commands, 0, nullptr };
	END
	for std in c++11 c++14 c++17 c++20; do
		! command -v c++ >/dev/null ||
			c++ -std=$std -pedantic -Wall -Wextra -Werror -I"$HEADER" -fsyntax-only use.cc
	done
	command -v c++ >/dev/null || return 0
	begin cpp
	c++ -std=c++11 -fvisibility=hidden -shared -fPIC -I"$HEADER" -o plugins/cpp.so use.cc
	cd r
	code 1 git sk cpp
}

t_example_outside_of_the_tree() {
	command -v cmake >/dev/null || skip "no cmake"
	command -v pkg-config >/dev/null || skip "no pkg-config"
	[ -z "${SK_SANITIZED:-}" ] || skip "a release has no sanitizers"
	[ "$(wc -l <"$SRC/plugins/example/example.c")" -lt 150 ] || die "it has grown"
	umask 022
	if [ -e "${SK_BIN:-/nowhere}/../share/safekeep/uninstall.cmake" ]; then
		cp -a "$SK_BIN/.." else
	else # it is run from a build folder
		cmake -S "$SRC" -B b >/dev/null
		cmake --build b -j 2 --target git-sk --target git-sk-hook >/dev/null
		cmake --install b --component Unspecified --prefix "$W/pre fix" >/dev/null || die "not installed"
		mv "pre fix" else
	fi
	cp -r "$SRC/plugins/example" ex
	export PKG_CONFIG_PATH="$W/else/lib/pkgconfig:$W/else/lib/$(gcc -print-multiarch 2>/dev/null)/pkgconfig"
	eq "$(pkg-config --variable=abi safekeep)" \
		"$(sed -n 's/^#define SK_PLUGIN_ABI_M[AJINOR]* \([0-9]*\)u.*/\1/p' "$HEADER/safekeep/plugin.h" | paste -sd.)"
	eval cc -std=c99 -pedantic -Wall -Wextra -Werror -shared -fPIC "$(pkg-config --cflags safekeep)" -o by-hand.so ex/example.c
	cmake -S ex -B eb >/dev/null
	cmake --build eb >/dev/null
	cmake --install eb >/dev/null
	PATH="$W/else/bin:$PATH" XDG_CONFIG_HOME=$W/config XDG_CACHE_HOME=$W/cache
	export PATH XDG_CONFIG_HOME XDG_CACHE_HOME
	mkdir -p config/safekeep
	printf '[plugins]\nenable = example\n' >config/safekeep/safekeep.ini
	repo r
	cd r
	git sk init >/dev/null
	git sk plugin list | grep -q '^example .*loaded  *git sk note'
	git sk status >../out || :
	has ../out "notes: no note was ever written"
	id=$(git sk note add "a first note")
	eq "$(git show "refs/sk/note/$id:note")" "a first note"
	git sk note -n 5 | grep -q "^$id  a first note$"
	git sk note list --json | grep -q '"notes": 1'
	git sk status >../out || :
	hasnt ../out "notes:"
	echo FIXME >>a.txt
	git commit -qam fixme 2>../err
	has ../err "git sk: warning: a.txt: a line with FIXME changes (fixme)"
	git sk uninit --purge >/dev/null 2>&1
	eq "$(git for-each-ref refs/sk)" ""
}

t_a_command_of_one_that_is_left_out() {
	begin head probe
	build head head.c
	build probe probe.c
	git sk head >/dev/null
	code 2 git sk nothing
	has "$W.err" "nothing is not a command; see 'git sk -h'"
	chmod g+w plugins/head.so
	code 2 git sk head
	has "$W.err" "git sk: head is not a command; one that may have it is left out (see 'git sk plugin list'): plugin head: its file"
	has "$W.err" "can be written by others"
	code 2 git sk nothing
	has "$W.err" "is left out (see 'git sk plugin list'): plugin head: "
	eq "$(wc -l <"$W.err")" 1 "lines"
	(cd r && code 2 git sk head && has "$W.err" "is left out (see 'git sk plugin list'): plugin head: ")
	rm plugins/head.so
	code 2 git sk head
	has "$W.err" "is left out (see 'git sk plugin list'): plugin head: "
	git sk probe facts >/dev/null 2>&1 || die "the other one does not work"
	# one that is there and not asked for is not meant
	build head head.c
	enable probe
	code 2 git sk head
	has "$W.err" "head is not a command; see 'git sk -h'"
}

# git's locks as a store leaves them that is killed together with its git
t_a_store_that_was_killed() {
	begin probe
	build probe probe.c
	cd r
	git sk probe put one "first" file=x
	git sk probe put two "first" file=x
	mkdir ../fake
	cat >../fake/git <<-END
		#!/bin/bash
		case " \$* " in
		*" update-ref "*)
			while IFS= read -r -d '' name && IFS= read -r -d '' new && IFS= read -r -d '' old; do
				lock=.git/\${name#update }.lock
				[ -z "\${new//0/}" ] || echo \$new >\$lock
				[ -n "\${new//0/}" ] || touch -d '1 minute ago' \$lock
			done
			kill -9 \$PPID
			sleep 0.3
			exit 1
			;;
		esac
		exec $(command -v git) "\$@"
	END
	chmod +x ../fake/git
	code 15 env PATH="$W/fake:$PATH" git-sk probe put one "second" file=y
	has "$W.err" "plugin probe crashed (SIGKILL)"
	eq "$(find .git/refs/sk -name '*.lock')" .git/refs/sk/probe/one.lock
	git sk probe put one "third" file=z # once that git has ended
	git sk probe get one file | grep -q '^third|'
	code 15 env PATH="$W/fake:$PATH" git-sk probe delete two
	eq "$(find .git/refs/sk -name '*.lock')" .git/refs/sk/probe/two.lock
	git sk probe delete two
	eq "$(find .git/refs/sk -name '*.lock')" ""
	eq "$(git sk probe all)" one
	# what somebody else holds is not touched
	echo 1234 >.git/refs/sk/probe/one.lock
	code 11 git sk probe put one "fourth" file=z
	rm .git/refs/sk/probe/one.lock
	code 15 env PATH="$W/fake:$PATH" git-sk probe put one "fifth" file=y
	: >.git/refs/sk/probe/one.lock
	git sk probe put one "sixth" file=z # waits until no git can be at it any more
	eq "$(find .git/refs/sk -name '*.lock')" ""
	git sk probe get one file | grep -q '^sixth|'
}

t_an_ordinary_user() {
	[ "$(id -u)" = 0 ] || skip "not root"
	begin head
	build head head.c
	mkdir u && chown 65534:65534 u && chmod 755 "$SCRATCH" "$W"
	cp -r plugins u/own && chown -R 65534:65534 u/own
	cat >try.sh <<-'END'
		set -eu
		cd "$1/u"
		export HOME=$PWD XDG_CONFIG_HOME=$PWD/config XDG_CACHE_HOME=$PWD/cache XDG_STATE_HOME=$PWD
		mkdir -p config/safekeep
		# root's and one's own are both good
		for folder in "$1/plugins" "$1/u/own"; do
			printf '[plugins]\nfolder = %s\nenable = head\n' "$folder" >config/safekeep/safekeep.ini
			git sk head | grep -qx head
		done
	END
	setpriv --reuid 65534 --regid 65534 --clear-groups env PATH="$PATH" bash try.sh "$W"
	# but an ordinary user's is not good for root
	enable head
	printf '[plugins]\nfolder = %s\nenable = head\n' "$W/u/own" >"$XDG_CONFIG_HOME/safekeep/safekeep.ini"
	code 2 git sk head
	git sk plugin list >list
	has list "belongs to user 65534"
}

t_the_service_has_its_rounds() {
	begin probe
	build probe probe.c
	enable probe -- '[plugin "probe"]' "log = $W/log" '[backup]' 'interval = 1s'
	unset GIT_SK_NO_SERVICE
	cd r
	git sk init >/dev/null 2>&1
	for i in $(seq 300); do
		[ "$(grep -c '^cycle ' ../log 2>/dev/null)" -ge 3 ] && break
		sleep 0.1
	done
	git sk service stop >/dev/null
	[ "$(grep -c '^cycle ' ../log)" -ge 3 ] || die "only $(grep -c '^cycle ' ../log) rounds"
	# with the guard's backup made by the service, the hook still asks plugins
	git sk service start >/dev/null
	echo x >>a.txt
	: >../log
	git commit -qam one
	git sk service stop >/dev/null
	grep -q '^before-commit ' ../log
	grep -q '^after-commit ' ../log
}

# saved TEXT FILE: a backup has that in this file; waits for it
saved() {
	local ref
	for i in $(seq 300); do
		for ref in $(git for-each-ref --format='%(refname)' refs/sk); do
			git cat-file -p "$ref:$2" 2>/dev/null | grep -qx "$1" && return 0
		done
		sleep 0.1
	done
	die "no backup has '$1'"
}

# Each hook asks for the client only while there is something for it: it is the shell that looks.
t_hooks_that_have_nothing_to_do() {
	local hook
	export GIT_SK_NO_SERVICE=1
	mkdir bin
	cp "$(command -v git-sk)" bin/git-sk
	cp "$(command -v git-sk-hook)" bin/git-sk-fsmonitor
	cp bin/git-sk-fsmonitor bin/client
	printf '#!/bin/sh\necho "$1" >>%s/client\nexec %s/bin/client "$@"\n' "$W" "$W" >bin/git-sk-hook
	chmod +x bin/git-sk-hook
	PATH=$W/bin:$PATH
	begin
	build probe probe.c
	cd r
	hook=$(git rev-parse --git-path hooks/post-commit)
	[ -e "$hook" ] || skip "hooks are settings here"
	has "$hook" "'$W/bin/git-sk-hook' post-commit"
	echo 1 >>a.txt
	git commit -qam one
	hasnt ../client post-commit
	hasnt ../client commit-msg
	# a linked worktree has the file elsewhere: there the client looks
	git worktree add -q ../linked
	: >../client
	(cd ../linked && echo 1 >>a.txt && git commit -qam one)
	has ../client post-commit
	hasnt ../client commit-msg
	# from the first commit with the plugin on, from wherever; and no more when it is off
	enable probe -- '[plugin "probe"]' "log = $W/log"
	: >../client
	echo 2 >>a.txt
	git commit -qam two
	has ../client post-commit
	has ../log "after-commit "
	: >../log
	(cd ../linked && echo 2 >>a.txt && git commit -qam two)
	has ../log "after-commit "
	: >../log
	GIT_DIR=$PWD/.git GIT_WORK_TREE=$PWD git -C / commit -q --allow-empty -m three
	has ../log "after-commit "
	enable
	echo 3 >>a.txt
	git commit -qam three
	: >../client
	echo 4 >>a.txt
	git commit -qam four
	hasnt ../client post-commit
	# listing plugins is enough too
	enable probe -- '[plugin "probe"]' "log = $W/log"
	git sk plugin list >/dev/null
	[ -e .git/sk/after-commit ]
	enable
	git sk plugin list >/dev/null
	[ ! -e .git/sk/after-commit ]
}

# The service knows that the state is saved already, so nothing is backed up before this commit.
t_a_plugin_that_came_since_the_last_backup_sees_the_commit() {
	begin
	build probe probe.c
	unset GIT_SK_NO_SERVICE
	cd r
	git sk init >/dev/null 2>&1
	echo new >src/b.txt
	git add src/b.txt
	saved new src/b.txt
	enable probe -- '[plugin "probe"]' "log = $W/log"
	git commit -qm new
	git sk service stop >/dev/null
	has ../log "before-commit "
	has ../log "after-commit "
}

t_what_a_plugin_writes_before_a_backup_causes_no_other() {
	local before after
	begin probe
	build probe probe.c
	enable probe -- '[plugin "probe"]' "log = $W/log" 'before-backup = rewrite'
	unset GIT_SK_NO_SERVICE
	cd r
	git sk init >/dev/null 2>&1
	# a change is saved whenever it comes
	for k in 1 2 3 4 5 6 7 8; do
		sleep "0.$((RANDOM % 3))"
		echo "change $k" >src/b.txt
		saved "change $k" src/b.txt
	done
	# and then there is quiet: what the plugin writes is in the backup that it was told of
	before=$(grep -c '^before-backup ' ../log)
	sleep 4
	after=$(grep -c '^before-backup ' ../log)
	git sk service stop >/dev/null
	[ $((after - before)) -le 2 ] || die "$((after - before)) backups without a change"
	saved "$(cat before-backup)" before-backup
}

run_tests
