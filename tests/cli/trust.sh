# What comes with a repository that somebody else made: until it is accepted it runs nothing, loads
# nothing, sends nothing, and nothing is kept for a shorter time.
. "$(dirname "$0")/lib.sh"

HERE=$(cd "$(dirname "$0")" && pwd)
term() { TERM=xterm GIT_PAGER=cat python3 "$HERE/terminal.py" "$@"; }
json() { python3 -c 'import json,sys; d=json.load(open(sys.argv[1])); print(eval(sys.argv[2]))' "$1" "$2"; }

# hostile TEXT: a clone of a repository whose .safekeep.ini says that (printf), with SafeKeep on
hostile() {
	export XDG_CONFIG_HOME=$W/config
	repo origin
	printf "$1" >origin/.safekeep.ini
	git -C origin add -A && git -C origin commit -qm settings
	git clone -q origin r && cd r && git sk init --no-service >"$W.init" 2>&1
}
# everything that might run something of it
all_commands() {
	echo "$RANDOM" >>a.txt
	git sk backup -q >/dev/null
	git sk list >/dev/null
	git sk health >/dev/null || true
	git sk status >/dev/null || true
	git sk lint >/dev/null || true
	git sk impact a.txt >/dev/null || true
	git sk check x >/dev/null || true
	git sk prune >/dev/null || true
	git commit -qam more
	git sk release --dry-run >/dev/null || true
	git sk vault list >/dev/null 2>&1 || true
}

t_runs_nothing() {
	ran='touch ../ran'
	hostile "[health]\ndatabase = $ran\napplication = $ran\n[plugins]\nenable = evil, ../evil.so\n[plugin \"evil\"]\ncommand = $ran\nlibrary = evil.so\npath = .\n[plugin \"feature-flag\"]\nvalidator = $ran\n[vault]\ninterval = 1s\n[vault \"x\"]\nurl = ext::sh -c '$ran'\n[hooks]\ncommand = $ran\n[guard]\nprogram = $ran\n[service]\nidle_exit = 1s\n"
	printf '* filter=evil diff=evil merge=evil textconv=evil\n' >.gitattributes
	mkdir -p .husky .githooks hooks plugins && for d in .husky .githooks hooks plugins .; do
		printf '#!/bin/sh\n%s\n' "$ran" | tee "$d/pre-commit" "$d/post-checkout" "$d/evil.so" "$d/git-sk-evil" "$d/git-sk-hook" >/dev/null && chmod +x "$d"/pre-commit "$d"/git-sk-* "$d"/*.so
	done
	printf '[flag "x"]\nvalidator = %s\n' "$ran" >flags.ini
	printf '[filter "evil"]\n\tclean = %s\n\tsmudge = %s\n' "$ran" "$ran" >.gitconfig
	git add -A && git commit -qm more
	PATH=$PATH: all_commands >"$W.out" 2>"$W.err"
	[ ! -e ../ran ] && [ ! -e ran ] || die "something of the repository ran"
	has "$W.err" "git sk trust"
	code 1 git sk status --json
	[ "$(json "$W.out" 'len([p for p in d["problems"] if "git sk trust" in p])')" -ge 4 ] || die "not told in status"
}

t_keeps_what_it_would_let_go() {
	hostile '[retention]\nmax_per_day = 1\nkeep_last = 1\nkeep_hourly = 0\nkeep_daily = 0\nkeep_weekly = 0\nkeep_monthly = 0\ndisk_budget = 1\n[backup]\nmax_file_size = 1\ninterval = never\n[guard]\nenabled = false\n[watch]\nenabled = false\n[hooks]\nimpact = off\n'
	for i in 1 2 3 4; do echo $i >>a.txt && git sk backup -q >/dev/null 2>&1; done
	n=$(git for-each-ref refs/sk/backup | wc -l)
	git sk prune >"$W.out" 2>/dev/null
	eq "$(git for-each-ref refs/sk/backup | wc -l)" "$n"
	# max_file_size: a.txt is in it
	eq "$(git sk cat latest a.txt 2>/dev/null | tail -n 1)" 4
	# the guard is on
	echo precious >a.txt
	git reset -q --hard
	git sk undo --yes >/dev/null 2>&1
	eq "$(cat a.txt)" precious
	# and once it is accepted it does what it says
	git sk trust >/dev/null 2>&1
	git sk prune >/dev/null 2>&1
	[ "$(git for-each-ref refs/sk/backup | wc -l)" -lt "$n" ] || die "accepted, and nothing changed"
}

t_tracked_files_left_out_are_told() {
	hostile '[backup]\nexclude = **\n'
	has "$W.init" "4 of 4 tracked files out of backups"
	code 1 git sk status
	has "$W.out" "git sk trust"
	code 0 git sk health
	has "$W.out" "4 of 4 tracked files"
	# what the user's own settings say stands above it
	printf '[backup]\nexclude =\n' >.git/sk/safekeep.ini
	git sk status >"$W.out" 2>&1 || true
	hasnt "$W.out" "tracked files"
	git sk backup -q >/dev/null && git sk cat latest a.txt >/dev/null
	rm .git/sk/safekeep.ini
	# paths do the same; what leaves out no tracked file is fine
	printf '[backup]\npaths = src\n' >.safekeep.ini
	git sk health >"$W.out" 2>&1
	has "$W.out" "2 of 4 tracked files"
	printf '[backup]\nexclude = build/, *.o\n' >.safekeep.ini
	git sk health >"$W.out" 2>&1
	hasnt "$W.out" "tracked files"
	printf '[backup]\nexclude = **\n' >.safekeep.ini
	git sk trust >/dev/null
	git sk health >"$W.out" 2>&1
	hasnt "$W.out" "tracked files"
}

t_a_changed_file_is_not_trusted() {
	hostile '[health]\ndatabase = echo first\n'
	git sk trust >/dev/null 2>&1
	git sk health >"$W.out" 2>&1 && has "$W.out" first
	printf '[health]\ndatabase = echo zweitens\n' >.safekeep.ini
	git sk health >"$W.out" 2>&1
	hasnt "$W.out" zweitens
	has "$W.out" "git sk trust"
	# one that was accepted is, when it comes back; after --revoke none is
	printf '[health]\ndatabase = echo first\n' >.safekeep.ini
	git sk health >"$W.out" 2>&1 && has "$W.out" ": first"
	code 0 git sk trust --revoke
	git sk health >"$W.out" 2>&1
	hasnt "$W.out" ": first"
	# nor is it for another repository
	git clone -q ../origin ../other && cd ../other && git sk init -q --no-service >/dev/null 2>&1
	printf '[health]\ndatabase = echo first\n' >.safekeep.ini
	git sk health >"$W.out" 2>&1
	hasnt "$W.out" ": first"
}

t_shown_before_it_is_accepted() {
	hostile '[health]\n; \033]0;title\007 \342\200\256 hidden\ndatabase = echo first\n'
	code 1 term "[y/N] " 'n\n' -- git sk trust
	has "$W.out" "    database = echo first"
	! grep -q "$(printf '\033]0')" "$W.out" || die "a control character came through"
	! grep -q "$(printf '\342\200\256')" "$W.out" || die "a character that turns the line round came through"
	has "$W.out" "not accepted"
	git sk health >"$W.out" 2>&1
	hasnt "$W.out" ": first"
	code 1 term "[y/N] " '\n' -- git sk trust
	code 0 term "[y/N] " 'y\n' -- git sk trust
	git sk health >"$W.out" 2>&1 && has "$W.out" ": first"
	# what changed since
	printf '[health]\ndatabase = echo zweitens\n' >.safekeep.ini
	code 0 term "[y/N] " 'yes\n' -- git sk trust
	has "$W.out" "what changed since"
	has "$W.out" "    -database = echo first"
	has "$W.out" "    +database = echo zweitens"
	code 0 term -- git sk trust
	has "$W.out" "trusted already"
	echo '; more' >>.safekeep.ini
	code 0 term -- git sk trust --yes
	eq "$(find .git/sk -name 'trusted.new*')" ""
	code 0 git sk trust --json
	eq "$(json "$W.out" 'd["trusted"]')" True
}

t_no_file_but_a_plain_one() {
	hostile '[backup]\ninterval = 5m\n'
	outside='[health]\ndatabase = echo outside\n'
	printf "$outside" >../outside
	for make in 'ln -s ../outside' 'ln -s /dev/zero' 'ln -s .safekeep.ini' mkfifo mkdir; do
		rm -rf .safekeep.ini
		$make .safekeep.ini
		echo "$make" >>a.txt
		code 0 git sk backup -q
		git sk health >"$W.out" 2>"$W.err" || true
		hasnt "$W.out" outside
		code 1 git sk trust
		rm -rf .safekeep.ini
	done
	[ "$(id -u)" != 0 ] || { mknod .safekeep.ini c 1 5 2>/dev/null && code 0 git sk backup -q && rm -f .safekeep.ini; } || true
	# and one that cannot be read
	printf "$outside" >.safekeep.ini && chmod 0 .safekeep.ini
	git sk backup -q >/dev/null 2>&1 || true
}

t_huge() {
	hostile '[backup]\ninterval = 5m\n'
	{ printf '[health]\ndatabase = touch ../ran\n' && head -c 100M /dev/zero | tr '\0' ';'; } >.safekeep.ini
	code 0 git sk backup
	has "$W.err" "larger than"
	code 1 git sk trust
	has "$W.err" "larger than"
	{ printf '[backup]\n' && yes 'exclude = x' | head -c 900K; } >.safekeep.ini
	code 0 git sk backup
	{ for i in $(seq 9000); do echo "[component \"c$i\"]"; echo "paths = p$i"; done; } >.safekeep.ini
	code 0 git sk backup
	[ "$(wc -l <"$W.err")" -lt 30 ] || die "too many words: $(wc -l <"$W.err")"
	{ printf '[retention]\n' && yes 'keep_last = 1' | head -n 20000; } >.safekeep.ini
	code 0 git sk backup
	[ "$(wc -l <"$W.err")" -lt 30 ] || die "too many words: $(wc -l <"$W.err")"
	printf '[health]\ndatabase = touch ../ran\0[health]\n' >.safekeep.ini
	code 0 git sk backup
	[ ! -e ../ran ]
}

t_words_that_a_terminal_must_not_see() {
	hostile '[ba\033[2Jd]\nx = 1\n[health]\nke\033]0;t\007y = 1\nmin_free = \033[31m\n[backup]\ninterval = \342\200\256x\n\033[2J\n'
	git sk status >"$W.out" 2>"$W.err" || true
	git sk health >>"$W.out" 2>>"$W.err" || true
	git sk backup >>"$W.out" 2>>"$W.err"
	! grep -q "$(printf '\033')" "$W.out" "$W.err" "$W.init" || die "a control character came through"
	! grep -q "$(printf '\342\200\256')" "$W.out" "$W.err" "$W.init" || die "a character that turns the line round came through"
}

t_paths_that_lead_out() {
	hostile '[backup]\npaths = ../..\ninclude_ignored = /etc/passwd, ../outside\n[coverage]\nreports = ../outside, /etc/passwd\n[impact]\nroots = ../..\ntests = ../../**\n[component "x"]\npaths = ../../**, /etc/**\n[components]\nx = ../y\n'
	echo secret >../outside
	echo more >>a.txt
	code 0 git sk backup
	has "$W.err" "leads out of the working tree"
	git ls-tree -r --name-only refs/sk/backup/"$(git sk list -z 2>/dev/null | tr '\0' '\n' | head -n 1)" >"$W.names"
	! grep -E 'passwd|outside' "$W.names" || die "a file from outside was taken"
	git sk check x >"$W.out" 2>&1 || true
	hasnt "$W.out" root:
}

# No pattern is matched by going back for ever: each of these takes a moment, or the test never ends.
t_patterns_that_take_for_ever() {
	stars=$(printf '*a%.0s' $(seq 80)) deep=$(printf '**/a*/%.0s' $(seq 25)) classes=$(printf '[a-z]*%.0s' $(seq 28))
	hostile "[backup]\nexclude = x,\n  ${stars}b,\n  ${deep}b,\n  ${classes}1\n[component \"x\"]\npaths = x,\n  ${stars}b,\n  **/${stars}b,\n  ${deep}b\n[impact]\ntests = ${stars}b\n[release]\nexclude = ${stars}b\n[affects]\n${stars}b = x\n"
	long=$(printf 'a%.0s' $(seq 250)) dir=.
	for i in 1 2 3 4 5 6 7 8 9 10 11 12; do dir=$dir/$long; done
	mkdir -p "$dir" && for i in $(seq 20); do echo "import x" >"$dir/${long%aaa}$i.py"; done
	git add -A && git commit -qm long
	code 0 git sk backup
	hasnt "$W.err" .safekeep.ini # all of it was taken
	code 0 git sk impact a.txt
	git sk check x >/dev/null 2>&1 || true
	code 0 git sk release --dry-run --out ../o
	git sk health >/dev/null 2>&1
}

t_a_coverage_report_that_grows() {
	hostile '[coverage]\nreports = coverage.xml\n[component "x"]\npaths = src/**\n'
	{
		echo '<?xml version="1.0"?><!DOCTYPE c [<!ENTITY a "aaaaaaaaaa">'
		p=a
		for e in b c d e f g h i j k; do
			printf '<!ENTITY %s "' $e
			printf "&$p;%.0s" 1 2 3 4 5 6 7 8 9 10
			echo '">'
			p=$e
		done
		echo '<!ENTITY x SYSTEM "file:///etc/passwd">]><coverage><packages><package><classes><class filename="&x;&k;"/></classes></package></packages></coverage>'
	} >coverage.xml
	git sk check x >"$W.out" 2>"$W.err" || true
	hasnt "$W.out" root:
	hasnt "$W.err" root:
}

run_tests
