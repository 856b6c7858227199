#!/bin/bash
# SafeKeep beside husky, lefthook and pre-commit, in either order, and off again.
#
# What must be left after `git sk uninit` is what the same steps leave in a control repository that
# never saw git sk.  The managers are real: husky and lefthook come from npm once, into SK_CACHE
# (default ${XDG_CACHE_HOME:-~/.cache}/safekeep-tests), pre-commit is the distribution's.
SK_CACHE=${SK_CACHE:-${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/safekeep-tests}
if command -v npm >/dev/null && [ ! -x "$SK_CACHE/node_modules/.bin/husky" ]; then
	mkdir -p "$SK_CACHE" && npm install --ignore-scripts --no-audit --no-fund --prefix "$SK_CACHE" husky@9 lefthook >/dev/null 2>&1
fi
. "${0%/*}/lib.sh"

# A folder of programs of its own, in which git-sk writes down how it is called.
programs() {
	mkdir "$W/bin"
	cp "$(command -v git-sk)" "$W/bin/git-sk.real"
	cp "$(command -v git-sk-hook)" "$W/bin/git-sk-hook"
	ln -s git-sk-hook "$W/bin/git-sk-fsmonitor"
	cat >"$W/bin/git-sk" <<-END
		#!/bin/sh
		echo "\$*" >>"$W/called"
		exec "$W/bin/git-sk.real" "\$@"
	END
	chmod +x "$W/bin/git-sk"
	export PATH=$W/bin:$PATH
	: >"$W/called"
}
need_node() { [ -x "$SK_CACHE/node_modules/.bin/husky" ] || skip "husky and lefthook could not be installed with npm"; }
need_lefthook() {
	need_node
	export PATH=$SK_CACHE/node_modules/.bin:$PATH LEFTHOOK_QUIET=meta,summary
	lefthook version >/dev/null 2>&1 || skip "lefthook does not run here"
}
need_pre_commit() { command -v pre-commit >/dev/null || skip "pre-commit is not installed"; }

# hooks DIR: everything that could be left behind: the configuration, all hooks, what git shows
hooks() {
	(
		cd "$1" && sha1sum .git/config && find .git/hooks .husky/_ -printf '%y %m %p -> %l\n' 2>/dev/null | LC_ALL=C sort &&
			find .git/hooks .husky/_ -type f -print0 2>/dev/null | LC_ALL=C sort -z | xargs -0r sed "s,$1,@,g" &&
			git status --porcelain
	)
}
# all of .git byte for byte, but for what backups are made of
dotgit() {
	(
		cd "$1/.git" && find . \( -path ./objects -o -path ./refs/sk -o -path ./logs/refs/sk \) -prune -o -printf '%y %m %P -> %l\n' | LC_ALL=C sort &&
			find . \( -path ./objects -o -path ./refs/sk -o -path ./logs/refs/sk \) -prune -o -type f -print0 | LC_ALL=C sort -z | xargs -0r sha1sum --
	)
}
same_as_control() { hooks "$W/a" >"$W/a.txt"; hooks "$W/b" >"$W/b.txt"; diff -u "$W/b.txt" "$W/a.txt"; }
# two repositories alike: a with git sk, b without
pair() {
	repo a
	repo b
}
both() { (cd "$W/a" && "$@") && (cd "$W/b" && "$@"); }
# commit DIR: the manager's hook and ours run; the manager's refusal holds
commit() {
	(
		cd "$1"
		rm -f ran; : >"$W/called"
		echo "$RANDOM" >>a.txt && git add a.txt
		# not asked before the commit, so that it is the hook that saves; after the guard it has nothing to do
		git -c core.fsmonitor=false commit -qm work
		[ -e ran ] || die "the manager's hook did not run"
		grep -qx -- '--hook pre-commit' "$W/called" || { cat "$W/called"; die "our hook did not run"; }
		echo x >>a.txt && git add a.txt && touch refuse
		! git commit -qm refused || die "the manager's refusal was lost"
		rm refuse && git commit -qm accepted
	)
}
# The hook of every manager: leaves a mark, and refuses when it is told so.
hook_script() {
	printf '#!/bin/sh\ntouch ran\n[ ! -e refuse ]\n' >"$1" && chmod +x "$1"
	printf 'ran\nrefuse\n' >>.git/info/exclude
}

setup_husky() { hook_script check.sh && mkdir -p .husky && printf './check.sh\n' >.husky/pre-commit && git add -A && git commit -qnm husky; }
put_husky() { node "$SK_CACHE/node_modules/husky/bin.js" >/dev/null; }
setup_lefthook() { hook_script check.sh && printf 'pre-commit:\n  jobs:\n    - run: ./check.sh\n' >lefthook.yml && git add -A && git commit -qnm lefthook; }
put_lefthook() { lefthook install >/dev/null; }
setup_pre_commit() {
	hook_script check.sh
	printf 'repos:\n- repo: local\n  hooks:\n  - {id: check, name: check, language: script, entry: ./check.sh, always_run: true, pass_filenames: false}\n' >.pre-commit-config.yaml
	git add -A && git commit -qnm pre-commit
}
put_pre_commit() { pre-commit install >/dev/null; }

# first MANAGER: it is there before us
manager_first() {
	programs && pair
	both "setup_$1" && both "put_$1"
	dotgit "$W/a" >before
	(cd a && git sk init >/dev/null && git sk init >/dev/null)
	commit "$W/a"
	(cd a && git sk uninit --purge >/dev/null)
	same_as_control
	# and with nothing in between, everything is as it was
	dotgit "$W/a" >before
	(cd a && git sk init >/dev/null && git sk uninit --purge >/dev/null)
	dotgit "$W/a" >after
	diff -u before after
}
# then MANAGER: it comes after us, and the next git command puts us back
manager_then() {
	programs && pair
	both "setup_$1"
	(cd a && git sk init >/dev/null)
	both "put_$1"
	(cd a && echo "$RANDOM" >>a.txt && git add a.txt)
	commit "$W/a"
	(cd a && git sk uninit --purge >/dev/null)
	same_as_control
}
# gone MANAGER: it comes after us and goes before us
manager_gone() {
	programs && pair
	both "setup_$1"
	(cd a && git sk init >/dev/null)
	both "put_$1"
	(cd a && git add a.txt)
	both "drop_$1"
	(cd a && echo y >>a.txt && git add a.txt && : >"$W/called" && git -c core.fsmonitor=false commit -qm y && grep -qx -- '--hook pre-commit' "$W/called")
	(cd a && git sk uninit --purge >/dev/null)
	same_as_control_but_commits
}
same_as_control_but_commits() { same_as_control; }
drop_husky() { git config --unset core.hooksPath && rm -rf .husky/_; }
drop_lefthook() { lefthook uninstall >/dev/null 2>&1; }
drop_pre_commit() { pre-commit uninstall >/dev/null; }

t_husky_first() { need_node; manager_first husky; }
t_husky_then() { need_node; manager_then husky; }
t_husky_gone() { need_node; manager_gone husky; }
t_lefthook_first() { need_lefthook; manager_first lefthook; }
t_lefthook_then() { need_lefthook; manager_then lefthook; }
t_lefthook_gone() { need_lefthook; manager_gone lefthook; }
t_pre_commit_first() { need_pre_commit; manager_first pre_commit; }
t_pre_commit_then() { need_pre_commit; manager_then pre_commit; }
t_pre_commit_gone() { need_pre_commit; manager_gone pre_commit; }

t_husky_again() { # npm install runs husky again and again, which writes its hooks anew
	need_node; programs; pair
	both setup_husky; both put_husky
	(cd a && git sk init >/dev/null)
	both put_husky
	(cd a && git add a.txt)
	commit "$W/a"
	(cd a && git sk uninit --purge >/dev/null)
	same_as_control
}

t_plain_script() { # a hook of the user's own, in every shape, runs with its arguments and input
	programs; pair
	both hook_script .git/hooks/pre-commit
	both sh -c 'printf "#!/usr/bin/perl\nopen F, q(>), q(args); print F qq(@ARGV\n); print F \$_ while <STDIN>;\n" >.git/hooks/post-rewrite; chmod 750 .git/hooks/post-rewrite; printf "args\n" >>.git/info/exclude'
	(cd a && git sk init >/dev/null)
	commit "$W/a"
	if [ -x /usr/bin/perl ]; then
		(cd a && git commit -q --amend -m again && has args amend && [ "$(wc -l <args)" = 2 ])
		grep -q -- '--hook post-rewrite amend' called
	fi
	(cd a && git sk uninit --purge >/dev/null)
	same_as_control
}

t_tracked_folder() { # .githooks is committed: not one byte of it changes
	programs; pair
	both sh -c 'mkdir .githooks; printf "ran\nrefuse\nmsg\n" >>.git/info/exclude
		printf "#!/bin/sh\ntouch ran\n[ ! -e refuse ]\n" >.githooks/pre-commit
		printf "#!/bin/sh\ncp \"\$1\" msg\n" >.githooks/commit-msg
		chmod +x .githooks/*; git add -A; git commit -qnm h; git config core.hooksPath .githooks'
	state a >state.before
	(cd a && git sk init >/dev/null && git sk init >/dev/null)
	[ -z "$(git -C a status --porcelain)" ] || die "a tracked file changed"
	state a >state.after
	diff -u state.before state.after
	commit "$W/a"
	has a/msg accepted
	# a hook that comes later is seen
	(cd a && printf '#!/bin/sh\ntouch ran\n' >.githooks/post-commit && chmod +x .githooks/post-commit && rm -f ran && git add -A && git commit -qnm later && [ -e ran ] && git rm -q .githooks/post-commit && git commit -qm gone)
	(cd a && git sk uninit --purge >/dev/null)
	same_as_control
}

t_global_folder() { # hooks outside the repository are run, and never written to
	programs; pair
	mkdir "$HOME/.githooks" && (cd a && hook_script "$HOME/.githooks/pre-commit") && printf 'ran\nrefuse\n' >>b/.git/info/exclude
	git config --global core.hooksPath '~/.githooks'
	before=$(cd "$HOME" && find .githooks -printf '%y %m %p %s\n')
	(cd a && git sk init >/dev/null)
	commit "$W/a"
	eq "$(cd "$HOME" && find .githooks -printf '%y %m %p %s\n')" "$before" "the user's hooks"
	# the user thinks better of it: ours follow
	git config --global --unset core.hooksPath
	(cd a && echo z >>a.txt && git add a.txt && : >"$W/called" && rm -f ran && git -c core.fsmonitor=false commit -qm z && [ ! -e ran ] && grep -qx -- '--hook pre-commit' "$W/called")
	[ -z "$(git -C a config --local core.hooksPath)" ] || die "core.hooksPath is set where it was not"
	(cd a && git sk uninit --purge >/dev/null)
	rm -rf "$HOME/.githooks"
	same_as_control
}

t_chained_fsmonitor() { # the program that was there before is asked after us
	programs; repo a
	printf '#!/bin/sh\necho "$*" >>"%s/asked"\nprintf "tok:1\\0a.txt\\0"\n' "$W" >monitor && chmod +x monitor
	(
		cd a && git config core.fsmonitor "$W/monitor" && git config core.fsmonitorHookVersion 2 && cp .git/config "$W/config.before"
		git sk init >/dev/null && git status --porcelain && echo more >>a.txt && git status --porcelain >"$W/out"
		has "$W/out" ' M a.txt' && has "$W/asked" '2 tok:1'
		git checkout -q -- a.txt && grep -q -- '--hook guard' "$W/called"
		git sk uninit --purge >/dev/null && cmp .git/config "$W/config.before"
	)
}

t_linked_worktree() {
	programs; repo a
	(
		cd a && git sk init >/dev/null && git worktree add -q ../w && cd ../w && echo x >>a.txt && : >"$W/called" && git commit -qam x
		grep -qx -- '--hook pre-commit' "$W/called" && : >"$W/called" && echo y >>a.txt && git reset -q --hard
		grep -qx -- '--hook guard' "$W/called" && git sk uninit --purge >/dev/null
	)
	[ ! -e a/.git/hooks/pre-commit ] && [ -z "$(git -C w config core.fsmonitor)" ] && [ ! -e a/.git/sk ]
}

t_written_over_and_added_to() { # what setup scripts do: cat >hook, echo >>hook
	programs; repo a
	cd a && git sk init >/dev/null
	before=$(sha1sum <"$W/bin/git-sk-hook")
	printf '#!/bin/sh\ntouch mine\n' >.git/hooks/pre-commit
	echo 'touch added' >>.git/hooks/post-checkout
	eq "$(sha1sum <"$W/bin/git-sk-hook")" "$before" "the installed program"
	echo x >>a.txt && git add a.txt && git commit -qm x && git checkout -qb other
	[ -e mine ] && [ -e added ] || die "the user's hooks did not run"
	rm mine added
	: >"$W/called" && echo y >>a.txt && git -c core.fsmonitor=false commit -qam y && grep -qx -- '--hook pre-commit' "$W/called"
	[ -e mine ] || die "the repair lost the user's hook"
	git sk uninit >/dev/null
	eq "$(cat .git/hooks/pre-commit)" "$(printf '#!/bin/sh\ntouch mine')" "the user's hook"
	grep -qx 'touch added' .git/hooks/post-checkout; hasnt .git/hooks/post-checkout '>>> git-sk'
	[ ! -e .git/hooks/post-merge ]
}
t_program_gone() { # SafeKeep uninstalled without uninit: git works on
	programs; repo a
	(cd a && printf '#!/bin/sh\nexit 0\n' >.git/hooks/pre-commit && chmod +x .git/hooks/pre-commit && git sk init >/dev/null)
	rm -rf bin
	(cd a && echo x >>a.txt && git commit -qam x && git reset -q --hard && git checkout -q -b other && git status --porcelain)
}

run_tests
