#!/bin/bash
# A second copy in another place: what goes there, what comes back, and what happens on the way.
. "${0%/*}/lib.sh"
HERE=$(cd "${0%/*}" && pwd)

start() { repo r && cd r && git sk init -q --no-service >/dev/null; }
ids() { git sk list backups -z "$@" | tr '\0' '\n'; }
off() { GIT_SK_DISABLE=1 GIT_OPTIONAL_LOCKS=0 git -c core.fsmonitor=false "$@"; }
# all of a working tree that git and we can see
probe() { (cd "$1" && off ls-files --stage -v && off status --porcelain=v2 -uall --branch && off for-each-ref refs/heads && off stash list --format='%H %gs') && state "$1"; }
part() { git sk vault list --json | python3 -c 'import json,sys; print(json.load(sys.stdin)["part"])'; }
in_vault() { git --git-dir="$1" for-each-ref --format='%(refname)' "refs/sk/vault/${2:-}"; }
fsck_ok() { git --git-dir="$1" fsck --full --strict --no-dangling --no-progress >"$W.fsck" 2>&1 || { cat "$W.fsck" >&2; die "fsck of the vault"; }; }

# a state with everything in it that is worth keeping
rich() {
	mkdir -p deep/er empty/dir && echo 1 >deep/er/f && printf 'a\0b' >bin && ln -s a.txt link && echo x >'na
me' && printf '#!/bin/sh\n' >run && chmod 755 run && chmod 700 deep
	git add -A && git commit -qm third && git tag -a v1 -m one && git branch side HEAD~1
	git checkout -q -b topic && echo topic >>a.txt && git commit -qam topic && git checkout -q main
	echo stashed >>src/b.txt && echo u >inst && git stash -q -u && echo second >>src/b.txt && git stash -q -m 'second one'
	git checkout -q -b gone && echo lost >>a.txt && git commit -qam 'lost commit' && git checkout -q main && git branch -qD gone
	echo staged >>a.txt && git add a.txt && echo unstaged >>a.txt && echo new >new && chmod 600 new && git add -N new
	echo untracked >untracked && git rm -q --cached src/lib/c.txt && echo '*.log' >.gitignore && echo ignored >x.log
}

t_a_folder_becomes_a_vault() {
	start
	mkdir -p .git/hooks && printf '#!/bin/sh\necho ran >>%s\nexit 1\n' "$W/hook" >.git/hooks/pre-push && chmod 755 .git/hooks/pre-push
	code 0 git sk vault add usb ../v
	has "$W.out" 'made a bare repository in' && has "$W.err" 'nothing is pushed by itself'
	eq "$(git --git-dir=../v rev-parse --is-bare-repository)" true
	git sk vault list >"$W/list" && has "$W/list" 'never pushed'
	code 0 git sk vault push
	[ ! -e "$W/hook" ] || die "the user's pre-push hook ran"
	eq "$(git --git-dir=../v for-each-ref refs/heads refs/tags)" '' 'ordinary refs in the vault'
	local p id
	p=$(part)
	for id in $(ids); do
		eq "$(git --git-dir=../v rev-parse "refs/sk/vault/$p/sk/backup/$id^{tree}")" "$(git rev-parse "refs/sk/backup/$id^{tree}")"
	done
	eq "$(git --git-dir=../v rev-parse "refs/sk/vault/$p/heads/main")" "$(git rev-parse main)"
	fsck_ok ../v
	# nothing new: nothing is sent; something new: that alone
	code 0 git sk vault push usb && has "$W.out" 'up to date'
	echo more >>a.txt
	git sk vault push --json usb >"$W/json"
	python3 - "$W/json" <<-'PY'
		import json, sys
		v, = json.load(open(sys.argv[1]))["vaults"]
		assert v["name"] == "usb" and v["ok"] is True and v["error"] is None and v["broken"] == [], v
		assert 1 <= v["pushed"] <= 2 and v["deleted"] == 0 and v["unchanged"] >= 2, v
	PY
	git sk vault list --json >"$W/json"
	python3 - "$W/json" <<-'PY'
		import json, sys
		v, = json.load(open(sys.argv[1]))["vaults"]
		assert v["auto"] is True and v["interval_seconds"] == 900 and v["trouble"] is None and v["last_push"], v
	PY
	code 0 git sk vault remove usb && has "$W.out" 'stays there'
	[ -n "$(in_vault ../v "$p")" ] && code 1 git sk vault push
}

t_back_after_rm() {
	start
	rich
	git remote add origin "https://me:secret@example.org/x.git" && git config branch.main.remote origin && git config branch.main.merge refs/heads/main
	git sk revise 'Stable one' 'the words' >/dev/null && local lost
	lost=$(git sk list commits | grep -c 'lost commit') && git sk vault add v ../v --tags 2>/dev/null && git sk vault push >/dev/null
	probe . >"$W/before.txt"
	git for-each-ref refs/sk/backup refs/sk/revision refs/sk/meta refs/tags >"$W/refs.txt"
	cd .. && rm -rf r
	code 0 git sk vault clone v r && has "$W.err" 'git sk init'
	grep -v 'x\.log' "$W/before.txt" | diff - <(probe r) || die "not as it was"
	git -C r for-each-ref refs/sk/backup refs/sk/revision refs/sk/meta refs/tags | diff "$W/refs.txt" -
	cd r && eq "$(git sk list commits | grep -c 'lost commit')" "$lost" 'lost commits'
	eq "$(git config remote.origin.url)" https://example.org/x.git && eq "$(git config branch.main.merge)" refs/heads/main
	git fsck --full --strict --no-dangling --no-progress
	# and it goes on from here, under a name of its own
	git sk init -q --no-service >/dev/null && git sk rollback --yes 'Stable one' >/dev/null && git sk vault add v ../v 2>/dev/null && git sk vault push >/dev/null
	eq "$(in_vault ../v | cut -d/ -f4 | sort -u | wc -l)" 2 'names in the vault'
	fsck_ok ../v
}

t_nothing_staged_detached_and_conflicts() {
	start
	git checkout -q -b other && echo theirs >a.txt && git commit -qam theirs && git checkout -q main && echo ours >a.txt && git commit -qam ours
	! git merge -q other >/dev/null 2>&1 || die 'no conflict'
	git sk vault add v ../v 2>/dev/null && git sk vault push >/dev/null && probe . >"$W/1.txt" && git sk vault clone "$PWD/../v" ../c1 >/dev/null 2>&1
	diff "$W/1.txt" <(probe ../c1) && has ../c1/.git/MERGE_HEAD "$(git rev-parse other)"
	git reset -q --hard && git checkout -q --detach HEAD~1 && echo d >>a.txt && git commit -qam 'on nothing' && git sk vault push >/dev/null
	probe . >"$W/2.txt" && git sk vault clone ../v ../c2 >/dev/null 2>&1
	diff "$W/2.txt" <(probe ../c2) && eq "$(git -C ../c2 rev-parse HEAD)" "$(git rev-parse HEAD)"
	code 13 git sk vault clone ../v ../c2 && has "$W.err" 'not empty'
	code 1 git sk vault clone ../v ../c3 --host nobody && [ ! -e ../c3 ]
	git init -q ../unborn && (cd ../unborn && git sk init -q --no-service >/dev/null && echo a >a && echo b >b && git add a && git sk vault add v ../u 2>/dev/null && git sk vault push >/dev/null)
	probe ../unborn >"$W/3.txt" && code 0 git sk vault clone ../u ../c4 && diff "$W/3.txt" <(probe ../c4)
	mkdir ../plain && git init -q --bare ../plain/g && code 1 git sk vault clone ../plain/g ../c3 && [ ! -e ../c3 ]
}

t_linked_worktrees() {
	start
	git worktree add -q ../l -b side && (cd ../l && echo l >>a.txt && git add a.txt && echo l2 >>a.txt && echo u >u && git sk backup -q >/dev/null)
	echo m >>a.txt && git sk vault add v ../v 2>/dev/null && git sk vault push >/dev/null
	probe . >"$W/m.txt" && probe ../l >"$W/l.txt"
	cd .. && rm -rf r l
	git sk vault clone v r >/dev/null 2>&1 && probe r | diff "$W/m.txt" -
	git sk vault clone v l --worktree l >/dev/null 2>&1 && probe l | diff "$W/l.txt" -
	code 1 git sk vault clone v n --worktree nope
}

t_many_machines_one_vault() {
	git init -q --bare v
	local m
	for m in one two three; do
		(
			export HOME=$W/$m XDG_CONFIG_HOME=$W/$m/.config XDG_STATE_HOME=$W/$m/state && mkdir -p "$HOME/work" && cd "$HOME/work"
			repo same && cd same && git sk init -q --no-service >/dev/null && echo "$m" >mine && git sk vault add v "$W/v" 2>/dev/null
			for i in 1 2 3; do echo "$m $i" >>mine && git sk vault push >/dev/null || exit 1; done
		) &
	done
	for m in 1 2 3; do wait -n || die "a push failed"; done
	eq "$(in_vault v | cut -d/ -f4 | sort -u | wc -l)" 3 'names in the vault'
	fsck_ok v
	for m in one two three; do
		local p
		p=$(git -C "$m/work/same" sk vault list --json | python3 -c 'import json,sys; print(json.load(sys.stdin)["part"])')
		git sk vault clone v "back-$m" --host "$p" >/dev/null 2>&1
		eq "$(tail -n 1 "back-$m/mine")" "$m 3"
	done
	code 2 git sk vault clone v which && has "$W.err" '--host' && [ ! -e which ]
	# another machine's, aside
	cd one/work/same && p=$(git -C "$W/two/work/same" sk vault list --json | python3 -c 'import json,sys; print(json.load(sys.stdin)["part"])')
	code 0 git sk vault fetch v --host "$p" && eq "$(git show "refs/sk/vault/$p/newest:mine" | tail -n 1)" 'two 3'
	git sk vault push >/dev/null && eq "$(in_vault "$W/v" | grep -c "/sk/vault/.*/vault/" || :)" 0 'parts within parts'
}

t_copies_get_names_of_their_own() {
	start
	git sk vault add v ../v 2>/dev/null && git sk vault push >/dev/null
	local a b
	a=$(part)
	# moved: the same; copied beside: another
	cd .. && mv r moved && cd moved && eq "$(part)" "$a" && cp -a . ../copy && cd ../copy && b=$(part) && [ "$a" != "$b" ]
	git sk vault push >/dev/null && cd ../moved && eq "$(part)" "$a" && git sk vault push >/dev/null
	# a whole machine copied: the same place, the same everything
	cp -a ../moved ../image && echo one >>a.txt && git sk vault push >/dev/null
	mv ../moved ../first && mv ../image ../moved && cd ../moved && echo two >>a.txt
	code 0 git sk vault push && has "$W.err" 'was copied'
	[ "$(part)" != "$a" ] && git --git-dir=../v show "refs/sk/vault/$a/newest:a.txt" >"$W/a" && eq "$(tail -n 1 "$W/a")" one
	eq "$(git --git-dir=../v show "refs/sk/vault/$(part)/newest:a.txt" | tail -n 1)" two
	fsck_ok ../v
	# removed and added again, by another name too: the same repository
	a=$(part) && git sk vault remove v >/dev/null && git sk vault add v ../v 2>/dev/null && git sk vault add w ../v 2>/dev/null
	for i in v w v; do echo $i >>a.txt && code 0 git sk vault push $i && hasnt "$W.err" copied && eq "$(part)" "$a"; done
	# what we remember is lost, or the vault is: no matter
	rm -f .git/sk/vault/v/refs && echo 3 >>a.txt && code 0 git sk vault push && a=$(part)
	rm -rf ../v && git init -q --bare ../v && code 0 git sk vault push && hasnt "$W.err" copied
	eq "$(part)" "$a" && eq "$(in_vault ../v "$a" | grep -c backup/)" "$(git for-each-ref refs/sk/backup refs/sk/meta/backup | wc -l)"
}

t_killed_at_any_moment() {
	start
	local i pid
	for i in 1 2 3 4 5 6; do mkdir -p d$i && for k in 1 2 3 4 5 6 7 8; do head -c 20000 /dev/urandom >d$i/$k; done; git sk backup -q >/dev/null; done
	git sk vault add v ../v 2>/dev/null
	for i in $(seq 20); do
		head -c 30000 /dev/urandom >d1/$((i % 8)) && git branch -f "b$i"
		setsid git sk vault push >/dev/null 2>&1 &
		pid=$!
		sleep "0.$(printf %03d $((RANDOM % 300)))"
		kill -9 -- "-$pid" 2>/dev/null || :
		wait "$pid" 2>/dev/null || :
		fsck_ok ../v
	done
	# what a git that was killed there left is removed when it is old
	local lock
	for lock in refs/heads/x "refs/sk/vault/$(part)/newest" packed-refs; do mkdir -p "$(dirname "../v/$lock")" && touch "../v/$lock.lock"; done
	find ../v -name '*.lock' -exec touch -d '20 minutes ago' {} +
	code 0 git sk vault push && hasnt "$W.err" copied
	local p
	p=$(part)
	diff <(git for-each-ref --format='%(objectname) %(refname:lstrip=2)' refs/sk/backup refs/sk/meta) \
		<(git --git-dir=../v for-each-ref --format='%(objectname) %(refname:lstrip=5)' "refs/sk/vault/$p/sk/backup" "refs/sk/vault/$p/sk/meta")
	fsck_ok ../v
	eq "$(in_vault ../v | cut -d/ -f4 | sort -u | wc -l)" 1 'names in the vault'
}

t_branches_come_and_go() {
	start
	git branch a && git branch b/c && git sk vault add v ../v 2>/dev/null && git sk vault push >/dev/null
	local p
	p=$(part)
	git branch -qD a && git branch a/b && git branch -qD b/c && git branch b && git commit -qam x --allow-empty && code 0 git sk vault push
	diff <(git for-each-ref --format='%(objectname) %(refname:lstrip=2)' refs/heads) <(git --git-dir=../v for-each-ref --format='%(objectname) %(refname:lstrip=5)' "refs/sk/vault/$p/heads")
	# rewritten: what it was is kept
	local was
	was=$(git rev-parse HEAD) && git reset -q --hard HEAD~1 && git sk vault push >/dev/null
	git --git-dir=../v gc -q --prune=now && git --git-dir=../v cat-file -e "$was"
	fsck_ok ../v
}

t_what_is_pruned_stays_there() {
	start
	git sk vault add v ../v 2>/dev/null
	local p i n rev
	for i in 1 2 3 4 5 6; do echo $i >>a.txt && git sk backup -q >/dev/null; done
	rev=$(git sk revise keep) && git sk vault push >/dev/null && p=$(part) && n=$(in_vault ../v "$p/sk/backup/" | wc -l)
	printf '[retention]\nkeep_last = 2\nkeep_hourly = 0\nkeep_daily = 0\nkeep_weekly = 0\nkeep_monthly = 0\n' >.git/sk/safekeep.ini
	git sk prune -q >/dev/null && git sk revise --delete "$rev" >/dev/null 2>&1 && git sk vault push >/dev/null
	[ "$(ids | wc -l)" -lt "$n" ] && eq "$(in_vault ../v "$p/sk/backup/" | wc -l)" "$n"
	code 0 git sk vault fetch && eq "$(ids | wc -l)" "$n" && git sk list revisions | grep -q keep
	git sk prune -q >/dev/null && git sk revise --delete "$rev" >/dev/null 2>&1
	printf '[vault]\nprune = true\n' >>.git/sk/safekeep.ini && code 0 git sk vault push
	diff <(git for-each-ref --format='%(refname:lstrip=2)' refs/sk/backup refs/sk/meta/backup) <(git --git-dir=../v for-each-ref --format='%(refname:lstrip=5)' "refs/sk/vault/$p/sk/backup" "refs/sk/vault/$p/sk/meta/backup")
	in_vault ../v "$p/sk/revision/" | grep -q keep || die "the revision has gone"
	fsck_ok ../v
}

t_private_is_left_out() {
	start
	local tag p
	tag=$(printf 'object %s\ntype tree\ntag x\ntagger T <t@example.org> 0 +0000\n\nx\n' "$(git rev-parse HEAD:src)" | git mktag)
	git update-ref refs/sk/chat/talk "$tag" && git update-ref refs/sk/conf/host "$tag"
	git sk vault add v ../v 2>/dev/null && code 0 git sk vault push && has "$W.err" '2 private refs stay here' && p=$(part)
	eq "$(in_vault ../v "$p/sk/chat")$(in_vault ../v "$p/sk/conf")" ''
	git sk vault add all ../all --private 2>/dev/null && git sk vault push all >/dev/null
	in_vault ../all "$p/sk/chat" | grep -q talk || die 'asked for, and not there'
	git sk vault clone ../all ../c1 >"$W/o" 2>&1 && has "$W/o" '2 private refs' && eq "$(git -C ../c1 for-each-ref refs/sk/chat refs/sk/conf)" ''
	git sk vault clone ../all ../c2 --private >/dev/null 2>&1 && eq "$(git -C ../c2 for-each-ref refs/sk/chat refs/sk/conf | wc -l)" 2
}

t_places_that_are_no_good() {
	start
	code 13 git sk vault add v ./here && has "$W.err" 'inside of what' && [ ! -e here ]
	code 13 git sk vault add v .git/v && code 13 git sk vault add v . && code 13 git sk vault add v ../nodisk/v && [ ! -e ../nodisk ]
	mkdir ../full && echo x >../full/x && code 13 git sk vault add v ../full && has "$W.err" 'no bare git repository'
	code 13 git sk vault add v a.txt && code 2 git sk vault add v '' && code 2 git sk vault add v -x
	code 2 git sk vault add ../v ../v && code 2 git sk vault add id ../v && code 2 git sk vault add v ../v --auto soon && [ ! -e ../v ]
	code 2 git sk vault && code 2 git sk vault nope && code 2 git sk vault push --tags && code 1 git sk vault push nope && code 1 git sk vault remove nope
	mkdir ../empty && code 0 git sk vault add v ../empty --auto off && code 13 git sk vault add v ../other
	git sk vault list | grep -q 'not by itself' || die 'off'
	cd .. && mkdir none && cd none && code 10 git sk vault list
}

t_away_and_back() {
	start
	git sk vault add v ../v 2>/dev/null && git sk vault push >/dev/null && mv ../v ../away
	echo more >>a.txt && code 15 git sk vault push && has "$W.err" 'is its disk mounted' && [ ! -e ../v ]
	git sk vault list >"$W/list" && has "$W/list" 'the last try failed' && has "$W/list" pushed
	git sk vault list --json | python3 -c 'import json,sys; v,=json.load(sys.stdin)["vaults"]; assert v["offline"] and v["trouble"] and v["last_push"], v'
	# one of two: the other is served
	git sk vault add w ../w 2>/dev/null && code 3 git sk vault push && [ -n "$(in_vault ../w)" ]
	mv ../away ../v && code 0 git sk vault push && git sk vault list | grep -q failed && die 'still in trouble'
	git sk vault add net http://127.0.0.1:9/x.git 2>/dev/null && code 15 git sk vault push net && has "$W.err" 'nobody answers'
}

t_no_password_is_shown() {
	start
	code 0 git sk vault add net 'http://me:s3cret@127.0.0.1:9/x.git?token=s3cret'
	cat "$W.out" "$W.err" >all.txt
	for c in 'push' 'list' 'list --json' 'push --json' 'fetch' 'add net http://me:s3cret@127.0.0.1:9/x.git'; do
		git sk vault $c >>all.txt 2>&1 || :
	done
	git sk vault clone 'http://me:s3cret@127.0.0.1:9/x.git' ../c >>all.txt 2>&1 || :
	git sk status >>all.txt 2>&1 || :
	hasnt all.txt s3cret && has all.txt 127.0.0.1
	eq "$(stat -c %a .git/sk/vault/net/settings)" 600 && eq "$(stat -c %a .git/sk/vault)" 700
}

t_the_project_cannot_add_one() {
	start
	git init -q --bare ../v && printf '[vault "evil"]\nurl = %s\n[vault]\ninterval = 1s\nprivate = true\n' "$W/v" >.safekeep.ini
	code 1 git sk vault push && has "$W.err" 'git sk trust' && eq "$(in_vault ../v)" ''
	git sk trust >/dev/null 2>&1 && code 0 git sk vault push && [ -n "$(in_vault ../v)" ]
	git sk vault list --json | python3 -c 'import json,sys; v,=json.load(sys.stdin)["vaults"]; assert v["name"]=="evil" and v["interval_seconds"]==1 and v["private"], v'
	code 13 git sk vault remove evil
	echo '; more' >>.safekeep.ini && code 1 git sk vault push
	printf '[vault "mine"]\nurl = %s\n' "$W/v" >.git/sk/safekeep.ini && code 0 git sk vault push mine
}

t_shallow_and_odd_defaults() {
	repo o && git clone -q --depth 1 "file://$W/o" r && cd r && git sk init -q --no-service >/dev/null && echo x >>a.txt
	export GIT_DEFAULT_HASH=sha256
	git sk vault add v ../v 2>/dev/null && code 0 git sk vault push && fsck_ok ../v && probe . >"$W/before.txt"
	code 0 git sk vault clone ../v ../c && diff "$W/before.txt" <(probe ../c) && eq "$(git -C ../c rev-parse --is-shallow-repository)" true
	git -C ../c fsck --strict --no-dangling --no-progress
}

t_a_damaged_branch_keeps_nothing_back() {
	start
	git sk vault add v ../v 2>/dev/null && git branch bad "$(git commit-tree -p HEAD -m gone 'HEAD^{tree}')" && local c p
	c=$(git rev-parse bad) && rm -f ".git/objects/${c:0:2}/${c:2}" && echo x >>a.txt
	code 3 git sk vault push && has "$W.err" heads/bad && p=$(part) && fsck_ok ../v
	eq "$(git --git-dir=../v show "refs/sk/vault/$p/newest:a.txt" | tail -n 1)" x && eq "$(git --git-dir=../v rev-parse "refs/sk/vault/$p/heads/main")" "$(git rev-parse main)"
}

t_thousands_of_backups() {
	start
	local t
	t=$(git rev-parse refs/sk/backup/"$(ids | head -n 1)")
	for i in $(seq 2000); do printf 'create refs/sk/backup/%s %s\n' "20260101T$(printf %06d "$i")Z" "$t"; done | git update-ref --stdin
	git sk vault add v ../v 2>/dev/null && code 0 git sk vault push && eq "$(in_vault ../v "$(part)/sk/backup/" | wc -l)" "$(git for-each-ref refs/sk/backup | wc -l)"
	echo x >>a.txt && code 0 git sk vault push && has "$W.out" ' refs pushed, 0 removed, 200'
}

t_hidden_there_says_so() {
	start
	git init -q --bare ../v && git --git-dir=../v config transfer.hideRefs refs/sk
	git sk vault add v ../v 2>/dev/null && code 15 git sk vault push && has "$W.err" 'transfer.hideRefs'
	# hidden by the user's own settings everywhere: a vault that we made does not mind
	cp "$GIT_CONFIG_GLOBAL" ../global && export GIT_CONFIG_GLOBAL=$W/global && git config --global transfer.hideRefs refs/sk && git sk vault add w ../w 2>/dev/null && code 0 git sk vault push w && git sk vault clone ../w ../c >/dev/null 2>&1 && cmp a.txt ../c/a.txt
}

t_one_damaged_entry() {
	start
	local id bad
	echo precious >p && git sk backup -q >/dev/null && id=$(ids | head -n 1) && bad=$(git rev-parse "refs/sk/backup/$id:p")
	rm p && echo other >q && git sk backup -q >/dev/null
	# its blob out of its pack
	mkdir ../packs && mv .git/objects/pack/* ../packs && for p in ../packs/*.pack; do git unpack-objects -q <"$p"; done
	rm -f ".git/objects/${bad:0:2}/${bad:2}" && ! git cat-file -e "$bad" 2>/dev/null
	git sk vault add v ../v 2>/dev/null && code 3 git sk vault push && has "$W.err" "$id"
	fsck_ok ../v && eq "$(in_vault ../v "$(part)/sk/backup/" | wc -l)" "$(($(ids | wc -l) - $(git for-each-ref --format='%(refname)' refs/sk/backup | while read -r r; do git ls-tree -r "$r" | grep -c "$bad" || :; done | grep -c 1)))"
}

t_what_fails_once_is_tried_again() { # git's gc at work here or there, a hook that had a bad day
	start
	git sk vault add v ../v >/dev/null 2>&1 && mkdir ../v/hooks
	printf '#!/bin/sh\ncat >/dev/null\necho x >>tries\n[ "$(wc -l <tries)" -gt 1 ]\n' >../v/hooks/pre-receive
	chmod +x ../v/hooks/pre-receive
	echo again >>a.txt && git sk backup -q && git sk vault push -q
	eq "$(grep -c x ../v/tries)" 2
	printf '#!/bin/sh\ncat >/dev/null\necho x >>tries\nexit 1\n' >../v/hooks/pre-receive
	echo never >>a.txt && git sk backup -q
	code 15 git sk vault push -q
	has "$W.err" 'pre-receive hook declined' # why, not only that it failed
	hasnt "$W.err" 'failed to push some refs'
}

t_no_room_no_right() {
	start
	if [ "$(id -u)" = 0 ]; then
		git sk vault add other ../other 2>/dev/null && chown -R 4242 ../other && code 15 git sk vault push other && has "$W.err" 'another user' && git sk vault remove other >/dev/null
		mkdir ../m && mount -t tmpfs -o size=1m none ../m 2>/dev/null || { echo 'no mounts here' && return 0; }
		trap 'umount "$W/m"' EXIT
		head -c 3000000 /dev/urandom >big
		code 0 git sk vault add v ../m/v && code 15 git sk vault push && has "$W.err" 'make room'
		mount -o remount,size=20m ../m && code 0 git sk vault push && fsck_ok ../m/v
		mount -o remount,ro ../m && echo x >>a.txt && code 15 git sk vault push && has "$W.err" 'read-only'
	else
		git sk vault add v ../v 2>/dev/null && chmod -R a-w ../v && code 15 git sk vault push && has "$W.err" 'no permission'
		chmod -R u+w ../v && code 0 git sk vault push
	fi
}

t_over_http() {
	git http-backend --help >/dev/null 2>&1 || [ -x "$(git --exec-path)/git-http-backend" ] || skip 'git http-backend is not installed'
	[ -x "$(git --exec-path)/git-remote-http" ] || skip 'this git speaks no http'
	start
	mkdir ../srv && git init -q --bare ../srv/v.git && git --git-dir=../srv/v.git config http.receivepack true
	python3 "$HERE/git_http.py" "$W/srv" "$W/port" me:s3cret 2>"$W/server" &
	server=$! # not local: the trap needs it
	trap 'kill $server' EXIT
	local i port
	for i in $(seq 100); do [ -e "$W/port" ] && break || sleep 0.1; done
	port=$(cat "$W/port") && head -c 3000000 /dev/urandom >big && rich && rm -f x.log
	git sk vault add net "http://127.0.0.1:$port/v.git" 2>/dev/null && code 15 git sk vault push && has "$W.err" 'user name' && git sk vault remove net >/dev/null
	git sk vault add net "http://me:s3cret@127.0.0.1:$port/v.git" 2>/dev/null && code 0 git sk vault push
	for i in 1 2 3; do echo $i >>a.txt && code 0 git sk vault push; done
	git branch -qD side && code 0 git sk vault push && has "$W.out" '1 removed'
	fsck_ok ../srv/v.git && probe . >"$W/before.txt" && cd .. && rm -rf r
	code 0 git sk vault clone "http://me:s3cret@127.0.0.1:$port/v.git" r && hasnt "$W.err" s3cret && probe r | diff "$W/before.txt" -
}

t_over_ssh() { # a stand-in for ssh, which runs here what it is asked to run there
	start
	mkdir -p ../bin && cat >../bin/ssh <<-'SH' && chmod 755 ../bin/ssh
		#!/bin/sh
		echo "$*" >>"$W/ssh.log"
		for last; do :; done
		exec sh -c "$last"
	SH
	PATH=$W/bin:$PATH git init -q --bare ../v
	git sk vault add far "ssh://me@host$W/v" 2>/dev/null && git sk vault add scp "me@host:$W/v" 2>/dev/null
	PATH=$W/bin:$PATH code 0 git sk vault push && has "$W/ssh.log" 'BatchMode=yes' && has "$W/ssh.log" me@host
	# the user's own way to call it stays, with the same behind it; another program is left alone
	git config core.sshCommand "$W/bin/ssh -i key" && echo x >>a.txt && code 0 git sk vault push far && has "$W/ssh.log" '-i key -o BatchMode=yes'
	cp ../bin/ssh ../bin/tunnel && git config core.sshCommand "$W/bin/tunnel -t" && : >"$W/ssh.log" && echo x >>a.txt && code 0 git sk vault push far && hasnt "$W/ssh.log" BatchMode
	git config core.sshCommand false && code 15 git sk vault push far
	fsck_ok ../v
}

t_status_says_how_old_it_is() {
	start
	git sk status >"$W/s" 2>/dev/null || : && hasnt "$W/s" vaults
	git sk vault add usb ../v 2>/dev/null && { git sk status >"$W/s" 2>/dev/null || :; } && has "$W/s" 'vaults   usb never'
	git sk vault push >/dev/null && mv ../v ../away && echo x >>a.txt && code 15 git sk vault push && { git sk status >"$W/s" 2>/dev/null || :; } && has "$W/s" ' ago (not reached)'
	{ git sk status --json 2>/dev/null || :; } | python3 -c 'import json,sys; v,=json.load(sys.stdin)["vaults"]; assert v["offline"] and v["last_push"], v'
}

t_the_service_pushes() {
	start
	unset GIT_SK_NO_SERVICE
	rm -f .git/sk/no-service && git sk vault add v ../v --auto 1s 2>"$W/said" && has "$W/said" 'every 1 seconds'
	git sk service start >/dev/null && trap 'git sk service stop >/dev/null' EXIT
	git sk init -q >/dev/null 2>&1
	local i p
	echo pushed >>a.txt
	for i in $(seq 300); do
		p=$(in_vault ../v | grep '/newest$' || :)
		[ -n "$p" ] && [ "$(git --git-dir=../v show "$p:a.txt" | tail -n 1)" = pushed ] && break
		sleep 0.2
	done
	eq "$(git --git-dir=../v show "$p:a.txt" | tail -n 1)" pushed
	# away: backups go on, and nobody is told more than once
	mv ../v ../away && echo later >>a.txt
	for i in $(seq 300); do
		git sk vault list --json | grep -q '"offline": true' && break
		sleep 0.2
	done
	git sk vault list | grep -q 'failed' && eq "$(git sk cat latest a.txt | tail -n 1)" later
}

run_tests
