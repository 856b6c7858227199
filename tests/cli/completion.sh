# Completion: what the program offers, and that bash, zsh and fish offer it for `git sk`.
. "$(dirname "$0")/lib.sh"

FILES=$(cd "$(dirname "$0")/../../config/completions" && pwd)

project() {
	repo project && cd project
	git sk init --no-service >/dev/null 2>&1
	mkdir "my dir" && echo a >"my dir/a b.txt" && echo : >"co:lon"
	SK_TEST_NOW=$(($(date +%s) - 7200)) git sk revise --stable "Log in" >/dev/null 2>&1
	echo b >>"my dir/a b.txt"
	git sk backup -m "second one" >../id 2>/dev/null
	id=$(head -n 1 ../id)
}
# offers WANT WORD...: WANT (a value, or value and TAB and what it is) is a line of the answer
offers() {
	local want=$1
	shift
	git-sk --complete-line "$@" >"$W.out" 2>"$W.err" || die "'$*' ended with $?"
	eq "$(cat "$W.err")" "" "what '$*' says"
	grep -qxF -- "$want" "$W.out" || { cat "$W.out" >&2; die "'$*' does not offer '$want'"; }
}
# answers N WORD...: so many lines, the first of which says how
answers() {
	local n=$1
	shift
	git-sk --complete-line "$@" >"$W.out" 2>"$W.err" || die "'$*' ended with $?"
	eq "$(wc -l <"$W.out")" "$n" "lines for '$*': $(cat "$W.out")"
	eq "$(cat "$W.err")" "" "what '$*' says"
}

t_commands_and_options_are_those_of_the_table() {
	local c o
	for c in $(git-sk --complete-list); do
		offers "$c	$(git-sk "$c" -h | sed -n '/^$/{n;p;q}')" ""
		git-sk "$c" -h | grep -o '^  \(-[a-zA-Z]\|  \),\? \?--[a-z-]*\( [A-Z]\+\)\?' |
			sed 's/.*--\([a-z-]*\)\(.*\)/--\1\2/;s/ [A-Z]*$/=/' >"$W/options"
		[ -s "$W/options" ] || die "no options of $c"
		while read -r o; do
			git-sk --complete-line "$c" "${o%=}" | cut -f 1 | grep -qxF -- "$o" || die "$c does not offer $o"
		done <"$W/options"
	done
	answers 1 nothing-of-ours ""
	offers "rollback	bring everything back; without ID: choose from a list" ro
	offers "--color=never" list --color=n
	offers "never" --color n
}

t_words_come_from_the_usage() {
	project
	offers ":words" list ""
	offers "revisions" list ""
	offers "--format=html" impact --format=
	offers "html" impact --format ht
	offers "add" vault ""
	answers 1 vault add ""
	offers ":dirs" vault add x ""
	offers "off" vault add x ../v --auto ""
	offers ":command" run -- ""
	offers ":files" impact ""
	offers ":dirs" -C ""
	offers "ensure" service ""
	answers 1 service start ""
	answers 1 backup -m ""
	offers "main" lint --since m
	offers "worktree" release --from ""
}

t_ids_come_with_their_titles() {
	project
	offers "latest	the newest backup" show ""
	for c in show cat restore rollback verify diff; do
		git-sk --complete-line $c 2 | grep -q "^$id	.*: second one\$" || die "$c does not offer $id"
	done
	git-sk --complete-line rollback Sta | grep -q '^Stable_Log_in_.*Stable_Log in$' || die "no revision"
	git-sk --complete-line revise --delete "" >out
	eq "$(sed 1d out | cut -f 1 | sed 's/_[0-9_]*$//')" Stable_Log_in
	# the newest first
	eq "$(git-sk --complete-line show "" | sed -n '3s/	.*//p')" "$id"
	# a title is no way to a terminal, or to another line
	printf 'x\ty\033[31m\n' >"co:lon"
	git sk backup -m "$(printf 'one\ttwo\033]0;x\a')" >/dev/null 2>&1
	git-sk --complete-line show "" >out
	! grep -q $'\033' out || die "an escape sequence"
	! grep -q '	.*	' out || die "two tabs"
}

t_paths_inside_an_entry() {
	project
	offers ":paths" show "$id" ""
	offers "src/" show "$id" ""
	offers "src/lib/" show "$id" src/
	offers "src/lib/c.txt" cat latest src/lib/
	offers "my dir/a b.txt" restore -- "my dir/"
	rm -r "my dir"
	offers "my dir/" restore -- my
	cd src
	offers "lib/" restore -- ""
	offers "../a.txt" restore -- ../a
	offers "b.txt" -C .. -C src restore -- ""
	answers 1 restore -- ../../
	answers 1 show nothing-like-it x/y
	cd ..
	# of the time that is asked for
	git-sk --complete-line restore --at "1 hour ago" -- "my" >out
	has out "my dir/"
	git-sk --complete-line restore --at "3 hours ago" -- "my" >out
	hasnt out "my dir/"
}

t_names_of_vaults_components_commits_flags_and_sessions() {
	project
	git sk vault add disk ../v.git >/dev/null 2>&1
	offers "disk	$W/v.git" vault push ""
	printf '[components]\nprogram = greeting\n[component "greeting"]\npaths = src/**\n' >.safekeep.ini
	offers "greeting" check ""
	offers "program" check p
	git switch -q -c idea && git commit -q --allow-empty -m "an idea" && git switch -q main && git branch -q -D idea
	git sk backup >/dev/null 2>&1
	offers "idea	an idea" restore --commit i
	git-sk --complete-list | grep -qx flag || skip "no plugins here"
	git sk flag add new-pay --description "the new way" >/dev/null 2>&1
	offers "new-pay	the new way" flag get ""
	answers 1 flag add ""
	printf '# aider chat started at 2026-11-20 09:23:45\n\n#### Say hello in German?\n\nI will.\n\n' >.aider.chat.history.md
	git sk chat sync >/dev/null 2>&1
	git-sk --complete-line chat show "" | grep -q '^20261120-092345' || die "no session"
}

t_it_never_writes_and_says_nothing() {
	local list
	project
	# whatever is there, git-sk's own files included; times of access are git's affair
	list() { find . -printf '%p %s %T@ %i %m\n' | LC_ALL=C sort; }
	list >../before
	for line in "" show "show latest" "restore --" "restore --commit" "vault push" check "release --from" "flag get"; do
		answers_quietly $line
	done
	list >../after
	diff ../before ../after || die "something was written"
	# with locks of others, in a repository that cannot be read, and in none
	touch .git/index.lock .git/sk/lock
	answers_quietly show
	git-sk --complete-line show "" | grep -q "^$id" || die "a lock is in the way"
	echo garbage >.git/HEAD
	answers_quietly show
	cd /
	answers_quietly show
	answers_quietly ""
	answers_quietly -C /nowhere show
}
answers_quietly() {
	git-sk --complete-line "$@" "" >"$W.out" 2>"$W.err" || die "'$*' ended with $?"
	eq "$(cat "$W.err")" "" "what '$*' says"
}

t_it_starts_no_program() {
	project
	mkdir ../bin && ln -s "$(command -v git-sk)" ../bin/git-sk
	PATH=$W/bin git-sk --complete-line show "" >out
	has out "$id"
}

t_bash() {
	[ -r /usr/share/bash-completion/bash_completion ] || skip "no bash-completion"
	[ -r /usr/share/bash-completion/completions/git ] || skip "no completion of git"
	project
	cat >../try.sh <<-'END'
		. /usr/share/bash-completion/bash_completion
		. /usr/share/bash-completion/completions/git
		. "$1"
		shift
		COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_TYPE=${TYPE:-9} COMPREPLY=()
		COMP_LINE=${LINE:-$*} COMP_POINT=${#COMP_LINE}
		__git_wrap__git_main 2>/dev/null
		printf '[%s]\n' "${COMPREPLY[@]}"
	END
	try() { bash ../try.sh "$FILES/git-sk.bash" "$@" >out; }
	try git sk ro && has out "[rollback ]"
	try git sk list --since && has out "[--since=]"
	try git sk show "" && has out "[$id  " && has out ": second one)]"
	TYPE=37 try git sk show "" && has out "[$id ]"
	LINE="git sk impact --format=h" try git sk impact --format = h && has out "[html ]"
	try git sk cat latest src/ && has out "[src/lib/]" && has out "[src/b.txt]"
	try git sk restore -- 'my\ dir/' && has out "[my dir/a b.txt]"
	try git -C src sk restore -- l && has out "[lib/]"
	try git sk vault add x s && has out "[src]"
	try git sk impact a && has out "[a.txt]"
	try git sk-revise --d && has out "[--delete=]"
	try git sk nothing-of-ours "" && has out "[]"
}

t_zsh() {
	command -v zsh >/dev/null || skip "no zsh"
	zsh -fc 'zmodload zsh/zpty' 2>/dev/null || skip "this zsh has no pseudo terminals"
	project
	mkdir ../fpath && cp "$FILES/git-sk.zsh" ../fpath/_git-sk
	# what is typed, a tab, and what has to come: without it the test ends by the long wait alone
	cat >../try.zsh <<-'END'
		zmodload zsh/zpty
		zpty z "TERM=dumb PS1='%% ' zsh -f -i"
		zpty -w z "fpath=($1 \$fpath); autoload -U compinit; compinit -u -d $1/dump; setopt nobeep; print rea''dy"
		zpty -r z out '*ready*2004h*' # its editor is at work
		shift
		for line want in "$@"; do
			zpty -n -w z "$line"$'\t'
			zpty -r z out "*$want*" || exit 1
			zpty -n -w z $'\x15'
		done
		zpty -d z
	END
	# the terminal shows what is added to the line
	timeout 300 zsh -f ../try.zsh "$W/fpath" "git sk ro" "llback " "git sk show " "second one" "git sk show $id src/li" "b/" \
		"git sk list --sin" "ce=" "git sk rollback Sta" "ble_Log_in_" "git-sk stat" "us " </dev/null || die "zsh did not offer what it should"
}

t_fish() {
	command -v fish >/dev/null || skip "no fish"
	project
	mkdir -p ../data/fish/vendor_conf.d && cp "$FILES/git-sk.fish" ../data/fish/vendor_conf.d/
	try() { XDG_DATA_DIRS=$W/data:/usr/local/share:/usr/share fish -c "complete -C '$1'" >out 2>err || die "$(cat err)"; }
	try "git sk ro" && grep -qx "rollback	bring everything.*" out
	try "git-sk ro" && grep -qx "rollback	bring everything.*" out
	try "git sk show 2" && grep -qx "$id	.*: second one" out
	try "git sk cat latest src/" && grep -qx "src/lib/" out
	try 'git sk restore -- my\\ dir/' && grep -q "a b.txt" out
	try "git -C src sk restore -- l" && grep -qx "lib/" out
	try "git sk impact --format=h" && grep -qx -- "--format=html" out
	try "git sk-revise --d" && grep -q -- "^--delete=" out
	try "git sk vault add x s" && grep -q "^src/" out
}

run_tests
