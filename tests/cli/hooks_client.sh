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

t_leaves_reading_alone() {
	client
	for c in 'status --porcelain' diff 'diff HEAD' 'ls-files -m' 'describe --always --dirty' 'stash list' 'log -1' 'grep two' 'blame a.txt' 'clean -n' 'add -n .' 'rev-parse HEAD' 'branch -a'; do
		guards 0 '' git $c
	done
	guards 0 '' git -C . -c core.quotepath=false --no-pager status
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

t_chain() {
	client
	printf '#!/bin/sh\necho "$1 $2" >>"%s/asked"\n[ ! -e "%s/bad" ] || exit 1\nprintf "tok:7\\0a.txt\\0"\n' "$W" "$W" >"$W/my mon" && chmod +x "$W/my mon"
	printf 'git-sk-record 1\nfsmonitor-chain %s\n' "'${W//%/%25}/my%20mon'" >.git/sk/installed
	git-sk-fsmonitor 2 tok:6 >"$W/out"
	eq "$(tr '\0' . <"$W/out")" 'tok:7.a.txt.'
	has "$W/asked" '2 tok:6'
	touch "$W/bad"
	git-sk-fsmonitor 2 tok:6 | grep -qzx /
	rm "$W/my mon" && git-sk-fsmonitor 2 tok:6 2>/dev/null | grep -qzx /
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
