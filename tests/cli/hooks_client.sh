#!/bin/bash
# git-sk-hook as git runs it, with a git-sk of the test's own that writes down how it is called.
. "${0%/*}/lib.sh"

# A repository r in which the client is in place, and a git-sk that exits with $FAKE.
client() {
	mkdir "$W/bin"
	cp "$(command -v git-sk-hook)" "$W/bin/git-sk-hook"
	ln -s git-sk-hook "$W/bin/git-sk-fsmonitor"
	cat >"$W/bin/git-sk" <<-END
		#!/bin/sh
		cat >>"$W/input"
		echo "\$SK_HOOK_RUNNING|\$*|\$SK_HOOK_COMMAND" >>"$W/called"
		[ -z "\$SK_HOOK_AGAIN" ] || echo again >>"$W/again"
		[ "\$2" != guard ] || [ -z "\${WATCH:-}" ] || cp "$W/r/\$WATCH" "$W/seen" 2>/dev/null || echo gone >"$W/seen"
		echo "git-sk talks"
		[ "\${FAKE:-0}" != crash ] || kill -9 \$\$
		exit \${FAKE:-0}
	END
	chmod +x "$W/bin/git-sk"
	export PATH=$W/bin:$PATH
	repo r
	cd r
	mkdir .git/sk && : >.git/sk/installed
	for e in pre-commit post-checkout post-merge post-rewrite pre-rebase pre-merge-commit; do
		ln -s "$W/bin/git-sk-hook" ".git/hooks/$e"
	done
	git config core.fsmonitor "$W/bin/git-sk-fsmonitor"
	: >"$W/called"
}
# guards N WHAT CMD...: CMD calls for N guards with WHAT as the command, before a.txt is changed
guards() {
	local n=$1 what=$2
	shift 2
	rm -f .git/sk/guarded "$W/seen"
	echo unsaved >a.txt && : >"$W/called"
	WATCH=a.txt "$@" >"$W/out" 2>"$W/err" || { cat "$W/err" >&2; die "'$*' failed"; }
	eq "$(grep -c '|--hook guard|' "$W/called" || :)" "$n" "guards of '$*'"
	[ "$n" = 0 ] || { grep -qxF -- "1|--hook guard|$what" "$W/called" && eq "$(cat "$W/seen")" unsaved "what the guard of '$*' saw"; }
	hasnt "$W/out" 'git-sk talks'
}

t_guards_what_changes() {
	client
	git branch side HEAD~1
	guards 1 'git reset --hard' git reset --hard
	guards 1 'git checkout -- .' git checkout -- .
	guards 1 'git checkout -f side' git checkout -f side
	guards 1 'git switch -f main' git switch -f main
	guards 1 'git restore .' git restore .
	guards 1 'git restore -s HEAD~1 a.txt' git restore -s HEAD~1 a.txt
	guards 1 'git stash' git stash
	git stash drop -q
	guards 1 'git stash -u' git stash -u
	guards 1 'git read-tree -u --reset HEAD' git read-tree -u --reset HEAD
	guards 1 'git checkout-index -f -a' git checkout-index -f -a
	git reset -q --hard
	guards 1 'git rm -rfq a.txt' git rm -rfq a.txt
	git reset -q --hard
	guards 1 'git mv -f a.txt src/b.txt' git mv -f a.txt src/b.txt
	git reset -q --hard
	touch u && guards 1 'git clean -fdq' git clean -fdq
	guards 1 'git commit -qam ... --no-verify' git commit -qam secret --no-verify
	git config alias.co 'checkout -f'
	guards 1 'git co .' git co .
}

t_guards_however_it_is_run() {
	client
	local git top=$PWD
	git=$(command -v git)
	git config alias.nuke 'reset --hard' && git config alias.bysh '!git reset --hard' && git config alias.fn '!f() { git checkout -f "$@"; }; f'
	guards 1 'git -C . reset --hard' git -C . reset --hard
	guards 1 'git -C src checkout -- ../a.txt' git -C src checkout -- ../a.txt
	guards 1 'git --no-pager checkout -- .' git --no-pager checkout -- .
	guards 1 'git -c core.editor=... -c color.ui=... restore .' git -c core.editor=secret -c color.ui=always restore .
	guards 1 'git --git-dir=.git --work-tree=. reset --hard' git --git-dir=.git --work-tree=. reset --hard
	guards 1 "git --git-dir $top/.git --work-tree $top checkout -f" git --git-dir "$top/.git" --work-tree "$top" checkout -f
	guards 1 'git reset --hard' env GIT_DIR=.git GIT_WORK_TREE=. git reset --hard
	guards 1 'git checkout -- ..' sh -c 'cd src && git checkout -- ..'
	guards 1 'git reset --hard' "$git" reset --hard
	guards 1 'git nuke' git nuke
	guards 1 'git reset --hard' git bysh
	guards 1 'git checkout -f HEAD' git fn HEAD
	guards 1 'git checkout -f' bash -c 'f() { git checkout -f; }; f'
	printf 'git restore .\n' >"$W/script"
	guards 1 'git restore .' sh "$W/script"
	guards 1 'git checkout HEAD~0 -- a.txt' sh -c 'echo a.txt | xargs git checkout HEAD~0 --'
	guards 1 'git reset --hard' python3 -c 'import subprocess; subprocess.run(["git", "reset", "--hard"])'
	# two commands: each its own; and what a rebase runs by a shell is none of its own doing
	: >"$W/called" && echo x >>a.txt && sh -c 'git reset -q --hard && git checkout -q -f'
	eq "$(sed -n 's/.*|--hook guard|//p' "$W/called" | tr '\n' ,)" 'git reset -q --hard,git checkout -q -f,'
	: >"$W/called" && echo x >>src/b.txt && git rebase -q -i --autostash --exec 'echo x >>a.txt; git reset -q --hard' HEAD~1
	eq "$(grep -c '|--hook guard|git reset -q --hard$' "$W/called")" 1 "guards of what the rebase ran"
	grep -q '^1|--hook guard|git rebase -q -i --autostash --exec ' "$W/called"
}

t_leaves_reading_alone() {
	client
	for c in 'status --porcelain' diff 'diff HEAD' 'ls-files -m' 'describe --always --dirty' 'stash list' 'log -1' 'grep two' 'blame a.txt' 'clean -n' 'add -n .' 'rev-parse HEAD' 'branch -a'; do
		guards 0 '' git $c
	done
	for c in 'status -uall --ignored' 'diff --stat HEAD~1' 'diff-index HEAD' 'diff-files' 'stash show' 'ls-files -o' 'show HEAD' 'blame a.txt' 'tag -l' 'worktree list' 'grep --untracked two' 'clean -ndx' 'rm -n a.txt' 'add --dry-run .' 'commit --dry-run -a' 'commit --short' 'commit -a --porcelain' 'submodule' 'submodule status' 'submodule summary' 'describe --broken --always' 'update-index -q --refresh' 'format-patch --stdout -1' 'sparse-checkout list' 'reflog' 'checkout -h'; do
		guards 0 '' sh -c "git $c || :"
	done
	git config alias.st 'status -s' && git config alias.two st && git config alias.bysh '!git diff'
	for c in st two bysh; do guards 0 '' git $c; done
	guards 0 '' git -C . -c core.quotepath=false --no-pager status
	guards 0 '' git --git-dir=.git --work-tree=. diff
	guards 0 '' env GIT_DIR=.git GIT_WORK_TREE=. git status
	guards 0 '' sh -c 'cd src && git status && git diff .. && git -C lib status'
	guards 0 '' "$(command -v git)" status
}

t_linked_worktree() {
	client
	git worktree add -q ../w && cd ../w && : >"$W/called"
	echo x >>a.txt && git reset -q --hard
	grep -qxF '1|--hook guard|git reset -q --hard' "$W/called"
	[ -e ../r/.git/worktrees/w/sk ] || mkdir ../r/.git/worktrees/w/sk
	git checkout -q -- . && [ -s ../r/.git/worktrees/w/sk/guarded ]
}

t_not_enabled() {
	client
	rm .git/sk/installed
	guards 0 '' git reset --hard
}

t_answers() { # whatever happens, git gets an answer
	client
	git-sk-fsmonitor 2 '' >"$W/out" && grep -qzE '^sk0:[0-9]+$' "$W/out" && eq "$(tail -c 2 "$W/out" | tr '\0' .)" '/.'
	git-sk-fsmonitor 1 123 >"$W/out" && eq "$(tr '\0' . <"$W/out")" '/.'
	code 1 git-sk-fsmonitor 3 x
	code 1 git-sk-fsmonitor
	(cd / && git-sk-fsmonitor 2 x >"$W/out") && grep -qzx / "$W/out"
	FAKE=1 git-sk-fsmonitor 2 x 2>/dev/null | grep -qzx /
	FAKE=crash git-sk-fsmonitor 2 x 2>/dev/null | grep -qzx /
	rm "$W/bin/git-sk" && PATH=/usr/bin:/bin "$W/bin/git-sk-fsmonitor" 2 x 2>"$W/err" | grep -qzx /
	git sk 2>/dev/null || eq "$(wc -l <"$W/err")" 1 "lines on stderr"
}

t_failed_guard_is_no_guard() {
	client
	echo x >a.txt && FAKE=1 git stash -q
	local n
	n=$(grep -c guard "$W/called")
	[ "$n" -gt 1 ] || die "a failed guard covered the rest of the command"
	# what is saved later is half of the command's work: not what undo goes back to
	eq "$(wc -l <"$W/again")" $((n - 1)) "guards that are told so"
}

t_a_long_command_has_one_undo() { # however many others work meanwhile
	client
	local i n
	echo x >a.txt && printf '#!/bin/sh\nsleep 2.1\n' >"$W/slow" && chmod +x "$W/slow"
	for i in 1 2 3 4 5 6 7; do echo "$((i + 100)) 1 9" >>.git/sk/guarded; done
	git -c alias.x='!git add a.txt' x && [ ! -e "$W/again" ]
	eq "$(wc -l <.git/sk/guarded)" 8 "commands that are told apart"
	: >"$W/called" && git commit -qm x
	echo x >>a.txt && GIT_SEQUENCE_EDITOR="$W/slow" git rebase -q -i --autostash HEAD~1
	n=$(grep -c 'guard|git rebase' "$W/called")
	[ "$n" -gt 1 ] || die "the rebase was guarded $n times"
	eq "$(wc -l <"$W/again")" $((n - 1)) "guards that are told that the rebase went on"
}

t_a_stash_is_noted_at_once() { # nobody is asked before `git stash drop`
	client
	local how
	for how in '' -u '-- a.txt' -k; do
		echo x >a.txt && : >"$W/called"
		# shellcheck disable=SC2086
		git stash push -q $how
		eq "$(grep -c '|--hook tips|' "$W/called")" 1 "times the entry was noted by 'git stash push $how'"
		git stash drop -q && git reset -q --hard
	done
	echo x >a.txt && git stash push -q && : >"$W/called" && git stash pop -q
	eq "$(grep -c '|--hook tips|' "$W/called" || :)" 0 "times by 'git stash pop'"
}

# chain PROGRAM: as if it had been core.fsmonitor before; it writes down how it is called
chain() { printf 'git-sk-record 1\nfsmonitor-chain %s\n' "${1// /%20}" >.git/sk/installed; }
# said TOKEN [VERSION]: the answer to it, with dots for its NULs
said() { git-sk-fsmonitor "${2:-2}" "$1" 2>/dev/null | tr '\0' .; }

t_chain() {
	client
	printf '#!/bin/sh\necho "$1 $2" >>"%s/asked"\n[ ! -e "%s/bad" ] || exit 1\n[ ! -e "%s/new" ] || { printf "tok:8\\0/\\0"; exit; }\nprintf "tok:7\\0a.txt\\0"\n' "$W" "$W" "$W" >"$W/my mon" && chmod +x "$W/my mon"
	chain "'${W//%/%25}/my mon'"
	eq "$(said tok:6)" 'tok:7.a.txt.'
	has "$W/asked" '2 tok:6'
	# it knows nothing of what was answered by us: a new beginning, and then all folders once
	eq "$(said sk1:0123456789abcdef:1:5)" 'skw:tok:7./.'
	tail -n 1 "$W/asked" | grep -qE '^2 [0-9]{19}$'
	eq "$(said skw:tok:7)" 'tok:7.a.txt.src/sk.src/lib/sk.sk.'
	tail -n 1 "$W/asked" | grep -qxF '2 tok:7'
	# the same when it knows nothing itself
	touch "$W/new"
	eq "$(said tok:6)" 'skw:tok:8./.'
	eq "$(said skw:tok:8)" 'skw:tok:8./.'
	rm "$W/new"
	# after `git mv` it is not believed, and asked again with the next command
	: >"$W/asked" && git mv a.txt b.txt && eq "$(cat "$W/asked")" ''
	git status --porcelain >/dev/null && has "$W/asked" '2 '
	touch "$W/bad"
	said tok:6 | grep -qE '^sk0:[0-9]+\./\.$'
	rm "$W/my mon" && said tok:6 | grep -qE '^sk0:[0-9]+\./\.$'
	eq "$(GIT_SK_DISABLE=1 said sk0:1 | cut -c1-4)" sk0:
}

t_chain_of_version_1() {
	client
	printf '#!/bin/sh\necho "$1 $2" >>"%s/asked"\n[ "$1" = 1 ] || exit 1\nprintf "a.txt\\0src/b.txt\\0"\n' "$W" >"$W/mon" && chmod +x "$W/mon"
	chain "$W/mon"
	eq "$(said 1700000000000000000 1)" 'a.txt.src/b.txt.' "what git asks when it is told so"
	eq "$(said nonsense 1)" '/.'
	eq "$(said sk1:x 1)" '/.'
	said 1700000000000000000 | grep -qE '^[0-9]{19}\.a\.txt\.src/b\.txt\.$'
	eq "$(tail -n 2 "$W/asked" | tr '\n' ,)" '2 1700000000000000000,1 1700000000000000000,'
	said sk0:7 | grep -qE '^skw:[0-9]{19}\./\.$'
	said skw:1700000000000000000 | grep -qE '^[0-9]{19}\.a\.txt\.src/b\.txt\.src/sk\.src/lib/sk\.sk\.$'
	said tok:7 | grep -qE '^sk0:[0-9]+\./\.$'
}

# same_status WHAT: git status with the answers is git status without
same_status() {
	local want
	want=$(GIT_OPTIONAL_LOCKS=0 git -c core.fsmonitor=false -c core.untrackedCache=false status --porcelain -uall)
	eq "$(git status --porcelain -uall)" "$want" "git status $*"
}

t_chained_programs_keep_git_right() { # git status with each kind of program, before and after
	client
	git config core.untrackedCache true
	# all that was written to since the token, a number of seconds
	cat >"$W/mon" <<-END
		#!/bin/sh
		[ "\$1" = "\$(cat "$W/version")" ] || exit 1
		[ "\$1" = 1 ] && since=\$((\$2 / 1000000000)) || { since=\${2#t:}; printf 't:%s\\0' \$(date +%s); }
		case \$since in *[!0-9]* | '') printf '/\\0'; exit ;; esac
		find . -path ./.git -prune -o \\( -newermt "@\$((since - 1))" -o -newerct "@\$((since - 1))" \\) -printf '%P\\0'
	END
	chmod +x "$W/mon"
	local v i
	for v in 2 1; do
		echo $v >"$W/version"
		chain "$W/mon"
		for i in 1 2 3 4; do
			echo "$v$i" >>a.txt && echo x >"src/new $v$i" && [ $i != 3 ] || { mkdir -p "d$v/e" && echo x >"d$v/e/f"; }
			[ $i != 2 ] || git add a.txt # a command that does not look for untracked files
			same_status "$v $i"
		done
		# from the service's answers, as if it had gone
		python3 - "$v" <<-'END'
			import hashlib, sys
			d = open(".git/index", "rb").read()[:-20]
			i = d.index(b"FSMN")
			n = d.index(b"\0", i + 12)
			new = b"sk1:" + b"0" * (n - i - 16) if n - i > 20 else None
			assert new and len(new) == n - i - 12
			d = d[:i + 12] + new + d[n:]
			open(".git/index", "wb").write(d + hashlib.sha1(d).digest())
		END
		echo "$v" >"src/later $v" && git add a.txt && echo y >"src/later still $v"
		for i in 1 2 3; do
			same_status "$v after the service, $i"
		done
		strings .git/index | grep -qE '^(t:)?[0-9]{10}' || die "the program's tokens are not taken up"
	done
}

t_the_service_goes_before_the_chain() {
	export XDG_RUNTIME_DIR=$W/run XDG_STATE_HOME=$W/state && mkdir -m 700 "$W/run"
	unset GIT_SK_NO_SERVICE
	repo r && cd r
	trap 'git sk -q service stop >/dev/null 2>&1 || :' EXIT
	printf '#!/bin/sh\necho "$*" >>"%s/asked"\nprintf "tok:1\\0/\\0"\n' "$W" >"$W/mon" && chmod +x "$W/mon"
	git config core.fsmonitor "$W/mon" && git config core.fsmonitorHookVersion 2 && git config core.untrackedCache true && cp .git/config "$W/before"
	git status >/dev/null && has "$W/asked" '2 '
	git sk init >"$W/out" 2>&1 && has "$W/out" "core.fsmonitor program $W/mon is still asked"
	local i
	for i in $(seq 100); do
		echo $i >new && same_status 'by the service'
		git status >/dev/null
		case $(token) in sk1:*:0:0) ;; sk1:*) break ;; esac
		sleep 0.1
	done
	: >"$W/asked" && echo x >>a.txt && same_status 'by the service' && eq "$(cat "$W/asked")" ''
	GIT_INDEX_FILE=$PWD/.git/other git read-tree HEAD && GIT_INDEX_FILE=$PWD/.git/other git status >/dev/null
	has "$W/asked" '2 ' # of another index the service knows nothing
	git config core.fsmonitorHookVersion 1 && : >"$W/asked" && git status >/dev/null && git status >/dev/null && has "$W/asked" '1 '
	git config core.fsmonitorHookVersion 2
	git sk service stop >/dev/null && export GIT_SK_NO_SERVICE=1 && : >"$W/asked"
	echo y >>a.txt && same_status 'after the service' && has "$W/asked" '2 '
	git sk uninit >/dev/null && cmp .git/config "$W/before"
}

# new_git: a git that has a daemon of its own; SK_TEST_NEW_GIT: the folder of one
new_git() {
	export PATH=${SK_TEST_NEW_GIT:+$SK_TEST_NEW_GIT:}$PATH
	git version --build-options | grep -q '^feature: fsmonitor--daemon' || skip "this git has no fsmonitor daemon"
}
token() { python3 -c 'd = open(".git/index", "rb").read(); i = d.index(b"FSMN"); print(d[i + 12:d.index(b"\0", i + 12)].decode())'; }

t_in_place_of_gits_own_daemon() { # core.fsmonitor = true keeps its benefit, and is right
	new_git
	export XDG_RUNTIME_DIR=$W/run XDG_STATE_HOME=$W/state && mkdir -m 700 "$W/run"
	repo r && cd r
	trap 'git fsmonitor--daemon stop >/dev/null 2>&1; git sk -q service stop >/dev/null 2>&1 || :' EXIT
	git config core.fsmonitor true && git config core.untrackedCache true && git status >/dev/null && cp .git/config "$W/before"
	token | grep -q '^builtin:'
	git sk init >"$W/out" 2>&1 && has "$W/out" "core.fsmonitor = true"
	echo x >>a.txt && echo x >new && same_status 'without the service'
	mkdir -p b/f/g && echo x >b/f/g/x && git add b && mv b/f b/F && git add -A && git status >/dev/null
	echo y >>b/F/g/x && same_status 'after a move, without the service'
	unset GIT_SK_NO_SERVICE
	git sk service start >/dev/null
	local i
	for i in $(seq 100); do
		same_status 'by the service' && echo $i >src/z && git status >/dev/null
		case $(token) in sk1:*:0:0) ;; sk1:*) break ;; esac
		sleep 0.1
	done
	token | grep -q '^sk1:.*:[1-9]' || die "the service is not asked: $(token)"
	mv b/F b/f && git add -A && git status >/dev/null && echo z >>b/f/g/x && same_status 'after a move'
	git fsmonitor--daemon status >/dev/null && git fsmonitor--daemon stop && same_status 'when the daemon is gone'
	git sk service stop >/dev/null && export GIT_SK_NO_SERVICE=1
	echo z >src/lib/y && git add a.txt && echo z >src/lib/z && same_status 'after the service'
	git sk uninit >/dev/null && cmp .git/config "$W/before"
	echo z >src/last && same_status 'by git alone'
	git fsmonitor--daemon status >/dev/null
}

t_true_in_all_its_forms() {
	local v
	for v in '= true' '= yes' '= ON' '= 1' ''; do
		rm -rf r && git init -q r && cd r && printf '[core]\n\tfsmonitor%s\n' "${v:+ $v}" >>.git/config && cp .git/config "$W/before"
		git sk init --no-service >"$W/out" 2>&1
		has "$W/out" 'core.fsmonitor = true' && ! grep -q '^fsmonitor-chain' .git/sk/installed || die "'$v' is not taken for true"
		git status >/dev/null
		git sk uninit -q >/dev/null && cmp .git/config "$W/before" && cd ..
	done
	for v in false no off 0 ''; do
		rm -rf r && git init -q r && cd r && printf '[core]\n\tfsmonitor = %s\n' "$v" >>.git/config && cp .git/config "$W/before"
		git sk init -q --no-service >/dev/null 2>&1
		! grep -q '^fsmonitor-chain' .git/sk/installed || die "'$v' is a chain"
		git sk uninit -q >/dev/null && cmp .git/config "$W/before" && cd ..
	done
}

t_hostile_input() {
	client
	local long
	long=$(head -c 100000 /dev/zero | tr '\0' x)
	for t in "$long" "sk1:$long" "skw:$long" $'a\nb' '/' '../..' "sk1:ffff:-1:99999999999999999999999" 'skw:' 'skw:skw:' '$(touch x)' "'"; do
		said "$t" | grep -qE '^sk0:[0-9]+\./\.$' || die "no answer to '${t:0:40}'"
		chain 'printf "t:1\0a\0"; :' && said "$t" | grep -qE '^(skw:)?t:1\..' || die "no answer of the chain to '${t:0:40}'"
		: >.git/sk/installed
	done
	[ ! -e x ] || die "a token is run"
	code 1 git-sk-fsmonitor
	code 1 git-sk-fsmonitor 99999999999999999999 x
	code 1 git-sk-fsmonitor '' ''
	code 1 git-sk-fsmonitor "$long"
	git-sk-fsmonitor 2 | tail -z -n 1 | grep -qzx /
	git-sk-fsmonitor 2 x y z | tail -z -n 1 | grep -qzx /
	# nobody reads, nothing is open, no environment
	git-sk-fsmonitor 2 x >/dev/full || [ $? = 1 ]
	git-sk-fsmonitor 2 x >&- 2>&- <&- || [ $? = 1 ]
	(trap '' PIPE && git-sk-fsmonitor 2 x | true) || :
	env -i "$W/bin/git-sk-fsmonitor" 2 x | tail -z -n 1 | grep -qzx /
	env -u HOME -u XDG_RUNTIME_DIR git-sk-fsmonitor 2 x | tail -z -n 1 | grep -qzx /
	env -u HOME -u XDG_RUNTIME_DIR -u XDG_STATE_HOME git status >/dev/null
	# a folder that is gone, a repository that is none
	mkdir gone && (cd gone && rmdir ../gone && git-sk-fsmonitor 2 x | tail -z -n 1 | grep -qzx /)
	GIT_DIR=$long git-sk-fsmonitor 2 x | tail -z -n 1 | grep -qzx /
	(mkdir "$W/n" && cd "$W/n" && echo "gitdir: $long" >.git && git-sk-fsmonitor 2 x | tail -z -n 1 | grep -qzx /)
	# a record of rubbish
	head -c 200000 /dev/urandom >.git/sk/installed && said x | grep -qE '/\.$'
	printf 'fsmonitor-chain' >.git/sk/installed && said x | grep -qE '^sk0:'
	printf 'fsmonitor-chain %%\n' >.git/sk/installed && said x | grep -qE '^sk0:'
	# a program that says nothing, no token, rubbish, or too much
	for t in true 'printf tok' 'printf "\0/\0"' 'kill -9 $$' 'exec sleep 0'; do
		chain "$t; :" && said 1x | grep -qE '^sk0:[0-9]+\./\.$' || die "'$t' is believed"
	done
}

t_hooks_never_fail_git() {
	client
	for fake in 0 1 2 10 11 15 crash; do
		echo "$fake" >>a.txt
		FAKE=$fake git commit -qam "$fake" 2>"$W/err" || die "git-sk's $fake failed the commit"
	done
	[ "$(wc -l <"$W/err")" -le 6 ] || { cat "$W/err"; die "too much is said"; }
	grep -qxF '1|--hook pre-commit|git commit -qam ...' "$W/called"
	FAKE=13 git checkout -q -b other
	grep -q '|--hook post-checkout [0-9a-f]* [0-9a-f]* 1|' "$W/called"
	rm "$W/bin/git-sk" && echo x >>a.txt && git commit -qam gone 2>/dev/null
}

t_refusal() {
	client
	echo x >>a.txt
	code 1 env FAKE=13 git commit -qam no
	git commit -qam yes
	code 128 env FAKE=13 git rebase -q --onto HEAD~2 HEAD~1
	FAKE=13 git commit -q --amend -m post-rewrite --no-verify
}

t_switched_off() {
	client
	echo x >>a.txt && GIT_SK_DISABLE=1 git commit -qam x
	echo x >>a.txt && SK_HOOK_RUNNING=1 git commit -qam x
	GIT_SK_DISABLE=1 git reset -q --hard HEAD~1
	eq "$(cat "$W/called")" ''
}

t_names() { # as a manager renames it, or runs it by hand
	client
	for n in pre-commit.legacy pre-commit.old post-merge.x; do
		ln -s "$W/bin/git-sk-hook" "$W/$n" && "$W/$n" a 'b c' </dev/null >/dev/null
		grep -qxF "1|--hook ${n%%.*} a b c|" "$W/called"
	done
	echo input | git-sk-hook pre-rebase x >/dev/null
	grep -qxF '1|--hook pre-rebase x|' "$W/called"
	eq "$(cat "$W/input")" '' "the input given to git-sk"
	code 2 git-sk-hook nonsense
	code 2 git-sk-hook
	ln -s "$W/bin/git-sk-hook" "$W/update" && code 0 "$W/update" a b c
}

t_label_through_a_manager() { # the hook's parent is a script: git is further up
	client
	rm .git/hooks/pre-commit
	printf '#!/bin/sh\nsh -c "git-sk-hook pre-commit; :"\n' >.git/hooks/pre-commit && chmod +x .git/hooks/pre-commit
	echo x >>a.txt && git -c user.name=x -c core.fsmonitor=false commit -qam 'secret words'
	grep -qxF '1|--hook pre-commit|git -c user.name=... -c core.fsmonitor=... commit -qam ...' "$W/called"
}
t_the_guard_saves_the_hook_its_work() {
	client
	echo x >>a.txt && git commit -qam one
	eq "$(grep -c -- '--hook guard' "$W/called")" 1 "guards"
	eq "$(grep -c -- '--hook pre-commit' "$W/called" || :)" 0 "hooks that save the same once more"
	FAKE=1 git commit -q --allow-empty -m two # the guard failed: the hook tries again
	eq "$(grep -c -- '--hook pre-commit' "$W/called")" 1 "hooks after a guard that failed"
}

run_tests
