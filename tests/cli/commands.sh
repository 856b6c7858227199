# Every command as people and scripts use it: results, JSON, exit codes, and what must be refused.
. "$(dirname "$0")/lib.sh"

# enabled DIR: a repository with SafeKeep on; its first backup's id is in $FIRST
enabled() {
	repo "$1"
	git -C "$1" sk init --json >"$W.init"
	FIRST=$(json "$W.init" "d['backup']")
}
# json FILE EXPR: EXPR of the one object d in FILE
json() { python3 -c 'import json,sys; d=json.load(open(sys.argv[1])); print(eval(sys.argv[2]))' "$@"; }
# now TIME: the clock of what follows
now() { SK_TEST_NOW=$(date -d "$1" +%s) && export SK_TEST_NOW; }

# --- the program itself ---------------------------------------------------------------------

t_help_version_and_nothing() {
	local c
	code 0 git-sk -h && has "$W.out" "usage: git sk"
	for c in $(git-sk --complete-list); do
		code 0 git-sk "$c" -h
		has "$W.out" "usage: git sk $c"
		[ ! -s "$W.err" ]
	done
	code 2 git-sk && has "$W.out" rollback
	code 0 git-sk --version
	grep -q '^git-sk version [0-9]*\.[0-9]*\.[0-9]*$' "$W.out"
}

t_completion_lists_commands_and_options() {
	code 0 git-sk --complete-list
	for c in init uninit backup list show diff cat restore rollback undo revise prune run; do
		grep -qx "$c" "$W.out" || die "no $c"
	done
	! grep -q hook "$W.out"
	code 0 git-sk --complete-list rollback
	grep -qx -- --yes "$W.out" && grep -qx -- --at= "$W.out" && grep -qx -- --json "$W.out"
	code 2 git-sk --complete-list nope
}

t_bad_command_lines() {
	enabled r && cd r
	while read -r line; do
		eval "code 2 git-sk $line"
		[ ! -s "$W.out" ] || die "'$line' printed something"
		eq "$(wc -l <"$W.err")" 1 "lines of '$line'"
		has "$W.err" "git sk: "
	done <<-'END'
		nope
		--nope
		-x list
		--color=pink list
		list --nope
		list -n
		list -n x
		list -n -1
		list -n 3x
		list --since
		list --since 'the day the music died'
		list --until ''
		list nonsense
		list backups all
		list --json=1
		list --color=
		init now
		uninit --all
		backup extra
		backup -z
		backup -m
		show
		show a b c
		cat latest
		cat latest a b
		cat --json latest a.txt
		diff a b c
		restore
		restore a.txt
		restore latest
		restore --
		restore latest --at now -- a.txt
		rollback a b --yes
		rollback latest --at now --yes
		undo latest --yes
		undo --head --yes
		revise a b c
		revise --stable --pre x
		revise --list --delete x
		revise --list x
		prune all
		run
		run true
		run --
		run --json -- true
		cat latest src
		list --at now
	END
}

t_options_before_the_command_and_minus_c() {
	enabled r
	mkdir r/sub
	code 0 git-sk -C r -q list -n 1 && has "$W.out" "$FIRST"
	code 0 git-sk list -C r/sub && has "$W.out" "$FIRST"
	code 0 git-sk -C r cat -C src latest b.txt && eq "$(cat "$W.out")" two
	code 0 git -C r sk list && has "$W.out" "$FIRST"
	code 10 git-sk -C nowhere list
	code 0 git-sk -C r --color=always list && grep -q "$(printf '\033')" "$W.out"
	code 0 git-sk -C r list && ! grep -q "$(printf '\033')" "$W.out"
}

t_not_a_repository_not_enabled() {
	local c
	mkdir plain && repo r
	for c in init uninit backup list 'show x' diff 'cat x y' 'restore -- a' 'rollback x' undo revise prune 'run -- true'; do
		code 10 git-sk -C plain $c
		[ ! -s "$W.out" ]
		case $c in init | uninit) continue ;; esac
		code 10 git-sk -C r $c
		has "$W.err" "git sk init"
	done
	git init -q --bare bare
	code 10 git-sk -C bare list
	[ ! -e r/.git/sk ] && [ ! -e r/.git/refs/sk ]
}

# --- init, uninit ---------------------------------------------------------------------------

t_init_says_what_it_did_and_is_idempotent() {
	repo r && cd r
	code 0 git sk init --no-service
	has "$W.out" "enabled in" && has "$W.out" "first backup: 20" && has "$W.out" "(3 files)"
	! grep -qi service "$W.out" "$W.err"
	cp -r .git ../before
	code 0 git sk init
	has "$W.out" "already enabled"
	diff -r ../before .git
	code 0 git sk init --json
	eq "$(json "$W.out" "d['enabled'], d['already'], d['actions'], d['backup']")" "(True, True, [], None)"
}

t_init_leaves_out_what_it_is_told() {
	repo r && cd r
	code 0 git sk init --no-guard --no-hooks
	[ -z "$(git config core.fsmonitor)" ] && [ ! -e .git/hooks/pre-commit ]
	echo x >>a.txt && git commit -qam x
	eq "$(git sk list --json | json /dev/stdin "len(d['entries'])")" 1
}

t_uninit_keeps_the_backups_and_purge_does_not() {
	repo r && cd r
	looks() { state . && cat .git/config && ls .git .git/hooks .git/refs; }
	looks >"$W.before"
	git sk init -q && echo x >>a.txt && git sk backup && git sk revise R && git checkout -q a.txt
	code 0 git sk uninit
	has "$W.out" "stay in refs/sk"
	git sk cat latest a.txt >"$W.x" # saved work needs no init first
	git sk init -q && git sk list | grep -q R_
	code 0 git sk uninit --purge --json
	eq "$(json "$W.out" "d['enabled'], d['purged'], d['entries'] > 2")" "(False, True, True)"
	[ -z "$(git for-each-ref refs/sk)" ] && [ ! -e .git/logs/refs/sk ]
	looks | diff "$W.before" -
	code 0 git sk uninit && has "$W.out" "was not enabled"
	git gc -q --prune=now && git fsck --strict
}

t_uninit_keeps_settings_unless_purged() {
	enabled r && cd r
	printf '[backup]\ninterval = 1h\n' >.git/sk/safekeep.ini
	git sk uninit -q
	eq "$(ls .git/sk)" safekeep.ini
	git sk uninit -q --purge
	[ ! -e .git/sk ]
}

# --- backup ---------------------------------------------------------------------------------

t_backup_prints_its_id_and_makes_none_for_nothing() {
	enabled r && cd r
	echo x >>a.txt
	code 0 git sk backup -m "before the storm"
	id=$(cat "$W.out")
	git rev-parse -q --verify "refs/sk/backup/$id^{tree}"
	code 0 git sk backup
	eq "$(cat "$W.out")" "$id" && has "$W.err" "nothing changed since"
	code 0 git sk backup -q && eq "$(cat "$W.out")" "$id" && [ ! -s "$W.err" ]
	code 0 git sk show "$id" --json
	eq "$(json "$W.out" "d['title'], d['trigger'], d['kind']")" "('before the storm', 'manual', 'backup')"
}

t_backup_json_has_every_field_of_the_contract() {
	enabled r && cd r
	now '2026-08-10 12:00:00'
	echo x >>a.txt && echo n >new
	code 0 git sk backup --json
	eq "$(json "$W.out" "d['id'], d['ref'], d['created'], d['files'], d['changed'], d['new']")" \
		"('20260810T120000Z', 'refs/sk/backup/20260810T120000Z', '2026-08-10T12:00:00Z', 4, 2, True)"
	eq "$(json "$W.out" "d['head'], d['branch'], d['worktree'], d['skipped']")" \
		"('$(git rev-parse HEAD)', 'main', 'main', [])"
	eq "$(json "$W.out" "d['tree']")" "$(git rev-parse refs/sk/backup/20260810T120000Z^{tree})"
	[ -n "$(json "$W.out" "d['host']")" ]
	code 0 git sk backup --json
	eq "$(json "$W.out" "d['id'], d['new']")" "('20260810T120000Z', False)"
}

t_backup_when_due() {
	now '2026-08-10 12:00:00'
	enabled r && cd r
	echo x >>a.txt
	now '2026-08-10 12:14:59'
	code 0 git sk backup --if-due && eq "$(cat "$W.out")" "$FIRST" && has "$W.err" "not due"
	BACKUP_INTERVAL=60 code 0 git sk backup --if-due && eq "$(cat "$W.out")" 20260810T121459Z
	echo x >>a.txt
	now '2026-08-10 12:29:59'
	code 0 git sk backup --if-due && eq "$(cat "$W.out")" 20260810T122959Z
}

t_backup_names_what_it_cannot_read() {
	[ "$(id -u)" != 0 ] || skip "root reads everything"
	enabled r && cd r
	echo secret >closed && chmod 000 closed && echo x >>a.txt
	code 3 git sk backup
	has "$W.err" closed
	id=$(cat "$W.out")
	code 0 git sk show "$id" --json
	eq "$(json "$W.out" "d['skipped'][0]['path']")" closed
	chmod 600 closed
}

t_backup_of_all_repositories() {
	rm -rf "$XDG_STATE_HOME"
	enabled one && enabled 'two three' && enabled gone && enabled off
	git -C one worktree add -q ../linked
	rm -rf gone && git -C off sk uninit -q
	for d in one 'two three' linked; do echo new >"$d/n"; done
	code 0 git-sk backup --all-repos
	eq "$(wc -l <"$W.out")" 3 "backups"
	for d in one 'two three' linked; do
		id=$(sed -n "s#	$PWD/$d\$##p" "$W.out")
		eq "$(git -C "$d" cat-file -p "refs/sk/backup/$id:n")" new
	done
	eq "$(grep -c . "$XDG_STATE_HOME/safekeep/repos")" 2 "repositories in the list"
	code 0 git-sk backup --all-repos --json
	eq "$(json "$W.out" "sorted(x['path'].split('/')[-1] for x in d['backups'])")" \
		"['linked', 'one', 'two three']"
	printf 'junk' >one/.git/HEAD
	code 3 git-sk backup --all-repos
	has "$W.err" "$PWD/one"
	has "$W.out" "$PWD/two three"
}

# --- list, show, cat, diff ------------------------------------------------------------------

t_list_newest_first_with_filters() {
	now '2026-08-10 12:00:00' && enabled r && cd r
	now '2026-08-11 12:00:00' && echo 1 >>a.txt && git sk backup -m one
	now '2026-08-12 12:00:00' && git sk revise -q Good "it works"
	now '2026-08-13 12:00:00' && echo 2 >src/b.txt && git sk backup -m two
	eq "$(git sk list | sed 's/ .*//' | tr '\n' ' ')" \
		"20260813T120000Z Good_20260812_1200 20260811T120000Z 20260810T120000Z "
	eq "$(git sk list backups | wc -l)" 3
	eq "$(git sk list revisions | wc -l)" 1
	eq "$(git sk list releases | wc -l)" 0
	eq "$(git sk list -n 2 | wc -l)" 2
	eq "$(git sk list -n 0 | wc -l)" 0
	eq "$(git sk list --since '2026-08-11 13:00' | wc -l)" 2
	eq "$(git sk list --until '2026-08-11 13:00' --since '2026-08-10 13:00' | wc -l)" 1
	git sk list | grep 20260811 | grep manual | grep -q '1 changed  one'
	eq "$(git sk list -z | tr '\0' ' ')" \
		"20260813T120000Z Good_20260812_1200 20260811T120000Z 20260810T120000Z "
}

t_list_of_a_path() {
	now '2026-08-10 12:00:00' && enabled r && cd r
	now '2026-08-11 12:00:00' && echo 1 >>a.txt && git sk backup
	now '2026-08-12 12:00:00' && echo 2 >src/b.txt && git sk backup
	now '2026-08-13 12:00:00' && rm a.txt && git sk backup
	now '2026-08-14 12:00:00' && echo new >new && git sk backup
	eq "$(git sk list -z -- a.txt | tr '\0' ' ')" "20260813T120000Z 20260811T120000Z 20260810T120000Z "
	eq "$(git sk list -z -- src | tr '\0' ' ')" "20260812T120000Z 20260810T120000Z "
	eq "$(git sk list -z -- new src | tr '\0' ' ')" "20260814T120000Z 20260812T120000Z 20260810T120000Z "
	eq "$(cd src && git sk list -z -n 1 -- b.txt | tr '\0' ' ')" "20260812T120000Z "
	eq "$(git sk list -- never/there | wc -l)" 0
	code 13 git sk list -- ../outside
}

t_list_json_and_tiers() {
	now '2026-08-10 12:00:00' && enabled r && cd r
	now '2026-08-11 12:00:00' && git sk revise -q "Ünïcode name" "two
lines"
	code 0 git sk list --json
	eq "$(json "$W.out" "[e['kind'] for e in d['entries']]")" "['revision', 'backup']"
	eq "$(json "$W.out" "d['entries'][0]['name'], d['entries'][0]['description']")" \
		"('Ünïcode name', 'two\\nlines')"
	eq "$(json "$W.out" "all(t in d['entries'][1]['tiers'] for t in ('hourly', 'daily', 'weekly', 'monthly'))")" True
	eq "$(json "$W.out" "d['entries'][0]['tiers']")" "[]"
}

t_a_damaged_entry_is_shown_by_its_id() {
	enabled r && cd r
	git update-ref refs/sk/backup/20200101T000000Z "$(echo rubbish | git hash-object -w --stdin)"
	code 0 git sk list && grep '^20200101T000000Z' "$W.out" | grep -q damaged:
	has "$W.out" "$FIRST"
	code 0 git sk list --json
	eq "$(json "$W.out" "d['entries'][-1]['id'], d['entries'][-1]['damaged']")" "('20200101T000000Z', True)"
	code 14 git sk show 20200101T000000Z && has "$W.err" damaged
	code 14 git sk rollback 20200101T000000Z --yes
	code 14 git sk cat 20200101T000000Z a.txt
}

t_show_an_entry_a_folder_a_file() {
	enabled r && cd r
	ln -s a.txt link && chmod +x src/b.txt && git sk backup -q -m "the title"
	code 0 git sk show latest && has "$W.out" "    the title" && has "$W.out" "refs/sk/backup/"
	code 0 git sk show latest src
	eq "$(sed 's/ .*  / /' "$W.out" | tr '\n' '|')" "100755 b.txt|040000 lib/|"
	code 0 git sk show latest . && has "$W.out" a.txt
	code 0 git sk show latest -z src && eq "$(tr '\0' '|' <"$W.out")" "b.txt|lib|"
	code 0 git sk show latest link --json
	eq "$(json "$W.out" "d['type'], d['mode'], d['size'], d['path']")" "('link', '120000', 5, 'link')"
	code 0 git sk show latest src --json
	eq "$(json "$W.out" "[(e['name'], e['type']) for e in d['entries']]")" "[('b.txt', 'file'), ('lib', 'folder')]"
	code 1 git sk show latest nothing && code 1 git sk show 2099
}

t_cat_gives_the_bytes() {
	enabled r && cd r
	printf 'a\0b\377\n\r\n' >bin && mkdir "sp ace" && echo n >"sp ace/-x" && git sk backup -q
	rm bin
	git sk cat latest bin | cmp - <(printf 'a\0b\377\n\r\n')
	eq "$(cd "sp ace" && git sk cat latest -- -x)" n
	code 1 git sk cat latest nothing && has "$W.err" "nothing is not in"
	code 13 git sk cat latest ../x
}

t_selectors() {
	now '2026-08-10 12:00:00' && enabled r && cd r
	now '2026-08-11 12:00:00' && echo two >a.txt && git sk backup -q
	now '2026-08-12 12:00:00' && echo three >a.txt && git sk revise -q Mine
	for s in Mine Mine_20260812_1200 Mine_2 latest '@{0}' '@{2026-08-12 13:00}' refs/sk/revision/Mine_20260812_1200; do
		eq "$(git sk cat "$s" a.txt)" three "$s"
	done
	for s in '@{1}' 20260811 '@{2026-08-11 13:00}' sk/backup/20260811T120000Z; do
		eq "$(git sk cat "$s" a.txt)" two "$s"
	done
	code 1 git sk cat '@{3}' a.txt
	code 1 git sk cat 202608 a.txt && has "$W.err" 20260810T120000Z
	code 1 git sk cat '@{2026-08-09}' a.txt
	code 2 git sk cat '@{some time}' a.txt
	code 2 git sk cat '' a.txt
}

t_diff_with_the_present_and_between_two() {
	enabled r && cd r
	echo changed >>a.txt && echo untracked >new
	git sk list -z >"$W.before"
	same_index .git/index code 0 git sk diff
	has "$W.out" "+changed" && has "$W.out" "+untracked"
	code 0 git sk diff "$FIRST" -- new && has "$W.out" "+untracked" && hasnt "$W.out" a.txt
	code 0 git sk diff --json && eq "$(json "$W.out" "d['to'], len(d['changes'])")" "(None, 2)"
	# looking saves nothing, and leaves nothing
	git sk list -z | cmp - "$W.before"
	[ -z "$(find .git -name 'tmp_objdir*' -o -name '.sk-tmp*')" ]
	git sk backup -q >/dev/null
	code 0 git sk diff "$FIRST" latest --stat && has "$W.out" "2 files changed"
	code 0 git sk diff latest "$FIRST" && has "$W.out" "-untracked"
	code 0 git sk diff && [ ! -s "$W.out" ]
	code 0 git sk diff --exit-code
	code 1 git sk diff --exit-code "$FIRST" && [ ! -s "$W.err" ]
	code 0 git sk diff "$FIRST" --name-only && eq "$(cat "$W.out")" "$(printf 'a.txt\nnew')"
	code 0 git sk diff "$FIRST" -U0 && [ "$(grep -c '^ ' "$W.out")" = 0 ]
	code 2 git sk diff --json --stat-width=3 && code 2 git sk diff --nosuch
	code 0 git sk diff "$FIRST" --json
	eq "$(json "$W.out" "[(c['status'], c['path']) for c in d['changes']]")" "[('M', 'a.txt'), ('A', 'new')]"
	code 0 git sk diff "$FIRST" --color=always && grep -q "$(printf '\033')" "$W.out"
	(cd src && code 0 git sk diff "$FIRST" -- ../new && has "$W.out" "+untracked")
	code 1 git sk diff nosuch
}

t_names_that_try_to_write_on_the_terminal() {
	enabled r && cd r
	name=$(printf 'e\033[31mvil\nname')
	echo x >"$name" && git sk backup -q -m "$(printf 'ti\033]0;tle')"
	for c in 'list' 'show latest' 'show latest .' 'rollback @{1} --dry-run' 'rollback @{1} --yes' 'undo --yes'; do
		code 0 git sk $c
		! grep -q "$(printf '[\033]')" "$W.out" "$W.err" || die "raw escape in $c"
	done
	[ -e "$name" ] && git sk backup -q
	code 0 git sk show latest . -z && tr '\0' '|' <"$W.out" | grep -qF 'name|'
	printf x >"$(printf 'b\377d')" && git sk backup -q
	code 0 git sk show latest . --json
	eq "$(json "$W.out" "[e['name'] for e in d['entries'] if isinstance(e['name'], dict)]")" "[{'bytes': 'Yv9k'}]"
}

# --- restore, rollback, undo ----------------------------------------------------------------

t_restore_reports_and_can_be_undone() {
	enabled r && cd r
	echo broken >a.txt && rm src/b.txt && echo later >later
	code 0 git sk restore "$FIRST" -- a.txt src
	has "$W.out" "wrote a.txt" && has "$W.out" "wrote src/b.txt" && hasnt "$W.out" later
	has "$W.err" "git sk undo brings it back"
	eq "$(cat src/b.txt)" two && [ -e later ]
	safety=$(sed -n 's/.*is backup \([^;]*\);.*/\1/p' "$W.err")
	eq "$(git sk cat "$safety" a.txt)" broken
	code 0 git sk undo --yes && eq "$(cat a.txt)" broken && [ ! -e src/b.txt ]
	code 0 git sk undo --yes && eq "$(cat src/b.txt)" two "undo of the undo"
}

t_restore_json_dry_run_and_refusals() {
	enabled r && cd r
	echo broken >a.txt
	code 0 git sk restore --dry-run --json -- a.txt
	eq "$(cat a.txt)" broken
	code 0 git sk restore "$FIRST" --dry-run -- a.txt && has "$W.out" "would write a.txt"
	eq "$(cat a.txt)" broken && eq "$(git sk list | wc -l)" 1 "no backup by a dry run"
	code 0 git sk restore "$FIRST" --json -- a.txt
	eq "$(json "$W.out" "d['target'], d['written'], d['deleted'], d['skipped'], d['dry_run']")" "('$FIRST', 1, 0, [], False)"
	eq "$(json "$W.out" "d['changes']")" "[{'action': 'write', 'path': 'a.txt', 'created': False}]"
	eq "$(git sk cat "$(json "$W.out" "d['safety_backup']")" a.txt)" broken
	code 1 git sk restore "$FIRST" -- nowhere && has "$W.err" nowhere
	code 13 git sk restore "$FIRST" -- ../r2
	code 1 git sk restore 2099 -- a.txt
	code 2 git sk restore --at 'some day' -- a.txt
	(cd src && echo x >b.txt && code 0 git sk restore "$FIRST" -- b.txt && eq "$(cat b.txt)" two)
}

t_restore_at_a_time() {
	now '2026-08-10 12:00:00' && enabled r && cd r
	now '2026-08-11 12:00:00' && echo two >a.txt && git sk backup -q
	now '2026-08-12 12:00:00' && echo three >a.txt
	code 0 git sk restore --at '2026-08-11 11:59' -- a.txt
	eq "$(cat a.txt)" "$(git show HEAD:a.txt)"
	code 0 git sk rollback --at '2026-08-11 12:00' --yes && eq "$(cat a.txt)" two
	code 1 git sk rollback --at 2026-01-01 --yes
}

t_rollback_makes_it_exactly_so() {
	enabled r && cd r
	state . >"$W.before"
	echo broken >a.txt && rm -r src && mkdir deep && echo n >deep/new && ln -s a.txt l && chmod 600 a.txt
	code 0 git sk rollback "$FIRST" --yes
	has "$W.out" "wrote a.txt" && has "$W.out" "deleted deep/new" && has "$W.err" "git sk undo brings it back"
	state . | diff "$W.before" -
	code 0 git sk rollback "$FIRST" --yes && has "$W.err" "nothing to do" && [ ! -s "$W.out" ]
	code 0 git sk undo --yes && eq "$(cat deep/new)" n && [ -L l ] && [ ! -e src ]
}

t_rollback_asks_where_there_is_nobody() {
	enabled r && cd r
	echo broken >a.txt
	for c in 'rollback' 'rollback --yes' 'rollback --dry-run' "rollback $FIRST"; do
		code 13 git sk $c </dev/null && has "$W.err" --yes
	done
	code 0 git sk rollback "$FIRST" --dry-run </dev/null && has "$W.out" "would write a.txt"
	eq "$(cat a.txt)" broken && eq "$(git sk list | wc -l)" 1
	git sk rollback "$FIRST" -qy </dev/null >"$W.out" 2>"$W.err" && [ ! -s "$W.err" ] && [ ! -s "$W.out" ]
	code 13 git sk undo </dev/null && eq "$(cat a.txt)" "$(git show HEAD:a.txt)"
}

t_rollback_json() {
	enabled r && cd r
	echo broken >a.txt && echo n >new
	code 0 git sk rollback "$FIRST" --json --yes
	eq "$(json "$W.out" "d['target'], d['written'], d['deleted'], d['unchanged'], d['dry_run']")" "('$FIRST', 1, 1, 2, False)"
	code 0 git sk undo --json --dry-run
	eq "$(json "$W.out" "d['safety_backup'], d['dry_run'], d['written']")" "(None, True, 2)"
}

t_rollback_with_staged_state_and_head() {
	enabled r && cd r
	echo staged >a.txt && git add a.txt && git sk backup -q && want=$(git sk list -zn1 | tr -d '\0')
	head=$(git rev-parse HEAD)
	git commit -qm third && echo later >>a.txt && git add -A
	code 0 git sk rollback "$want" --yes
	eq "$(git rev-parse HEAD)" "$(git rev-parse main)" && [ "$(git rev-parse HEAD)" != "$head" ]
	code 0 git sk rollback "$want" --staged --head --yes
	eq "$(git rev-parse main)" "$head" && eq "$(git diff --cached --name-only)" a.txt
	[ -z "$(git diff --name-only)" ]
}

t_undo_with_nothing_to_take_back() {
	enabled r && cd r
	code 1 git sk undo --yes && has "$W.err" "nothing to take back"
	code 1 git sk undo --dry-run
}

t_undo_takes_back_a_guarded_git_command() {
	enabled r && cd r
	echo precious >>a.txt && echo untracked >new && echo staged >src/b.txt && git add src/b.txt
	git reset -q --hard && git clean -qfd
	[ ! -e new ]
	# clean came last; one more undo would take back this undo
	code 0 git sk undo --yes && [ -e new ]
	now '+1 second' && git sk list | grep -q 'before git reset -q --hard'
	id=$(git sk list --json | json /dev/stdin "[e['id'] for e in d['entries'] if e['title'] == 'before git reset -q --hard'][0]")
	code 0 git sk rollback "$id" --staged --yes
	has a.txt precious && eq "$(git diff --cached --name-only)" src/b.txt
}

# --- revise, prune, run ---------------------------------------------------------------------

t_revise_names() {
	now '2026-08-10 14:00:00' && enabled r && cd r
	code 0 git sk revise "User login" "first version"
	eq "$(cat "$W.out")" User_login_20260810_1400
	has "$W.err" "User login: first version"
	code 0 git sk revise "User login" && eq "$(cat "$W.out")" User_login_20260810_1400_2
	code 0 git-sk-revise && eq "$(cat "$W.out")" Revision_20260810_1400
	code 0 git sk-revise --stable && eq "$(cat "$W.out")" Stable_20260810_1400
	code 0 git sk revise --stable Login "good" && eq "$(cat "$W.out")" Stable_Login_20260810_1400
	code 0 git sk revise --pre Migration && eq "$(cat "$W.out")" Pre_Migration_20260810_1400
	code 0 git sk revise Pre_Migration --pre && eq "$(cat "$W.out")" Pre_Migration_20260810_1400_2
	code 0 git sk revise 'Ärger/mit ..Namen~' && git check-ref-format "refs/sk/revision/$(cat "$W.out")"
	code 0 git sk revise --list && eq "$(wc -l <"$W.out")" 8 && has "$W.out" "Stable_Login: good"
	code 0 git sk revise X --json
	eq "$(json "$W.out" "d['kind'], d['name'], d['new'], d['description']")" "('revision', 'X', True, '')"
	[ ! -s "$W.err" ]
}

t_revise_delete() {
	enabled r && cd r
	git sk revise -q Gone && git sk revise -q Stays
	code 2 git sk revise --delete "$FIRST" && has "$W.err" "not a revision"
	code 1 git sk revise --delete nosuch
	code 0 git sk revise --delete Gone && has "$W.out" "deleted Gone_"
	eq "$(git sk revise --list | grep -c .)" 1
	code 1 git sk show Gone
}

t_prune_keeps_one_of_each_day() {
	now '2026-06-01 12:00:00' && enabled r && cd r
	printf '[retention]\nmax_per_day=0\nkeep_last=1\nkeep_hourly=0\nkeep_daily=3\nkeep_weekly=0\nkeep_monthly=0\n' >.git/sk/safekeep.ini
	for d in 02 03 04; do
		for h in 10 11; do
			SK_TEST_NOW=$(date -d "2026-06-$d $h:00" +%s) && echo "$d$h" >a.txt && git sk backup -q
		done
	done >"$W.log"
	now '2026-07-01'
	code 0 git sk prune --dry-run --json
	before=$(git sk list | wc -l)
	kept=$(json "$W.out" "d['kept']") dropped=$(json "$W.out" "d['dropped']")
	eq "$(json "$W.out" "d['dry_run'], len(d['entries'])")" "(True, $((kept + dropped)))"
	eq "$((kept + dropped))" "$before"
	git sk revise -q Forever
	code 0 git sk prune
	grep -q '^kept  *20260604T110000Z  .*daily' "$W.out"
	eq "$(git sk list backups -z | tr '\0' ' ')" "20260604T110000Z 20260603T110000Z 20260602T110000Z "
	eq "$(git sk list revisions | wc -l)" 1
}

t_run_is_transparent_and_can_be_undone() {
	enabled r && cd r
	same_index .git/index code 7 git sk run -- sh -c 'cat; echo out; echo err >&2; rm a.txt; echo n >new; exit 7' <<<"input"
	eq "$(cat "$W.out")" "input
out"
	has "$W.err" err && has "$W.err" "2 files changed" && has "$W.err" "git sk undo brings it back"
	[ ! -e a.txt ]
	code 0 git sk undo --yes && [ -e a.txt ] && [ ! -e new ]
	code 0 git sk run -q -- sh -c 'echo x >>a.txt' && [ ! -s "$W.err" ]
	code 0 git sk run -- true && has "$W.err" "changed no files"
	code 0 git sk undo --yes && eq "$(cat a.txt)" "$(git show HEAD:a.txt)" "the last run that changed something"
	code 127 git sk run -- no-such-program-here
	code 126 git sk run -- ./src
	code 143 git sk run -- sh -c 'kill -TERM $$'
	git sk list | grep -q "before sh -c 'echo x >>a.txt'\|after sh -c 'echo x >>a.txt'"
}

t_run_passes_signals_on() {
	enabled r && cd r
	git-sk run -- sh -c 'trap "echo got >sig; exit 9" TERM; echo ready >ready; while :; do sleep 0.1; done' &
	pid=$!
	while [ ! -e ready ]; do kill -0 $pid && sleep 0.1; done
	kill -TERM $pid
	rc=0 && wait $pid || rc=$?
	eq $rc 9 && [ -e sig ]
	git sk list | grep -q 'after sh -c' || die "no backup afterwards"
}

# --- output that cannot be written, hooks, damage -------------------------------------------

t_output_that_cannot_be_written() {
	enabled r && cd r
	for c in list 'list --json' 'show latest' 'cat latest a.txt' -h --version backup; do
		rc=0 && git-sk $c >/dev/full 2>"$W.err" || rc=$?
		eq "$rc" 15 "$c on a full disk" && has "$W.err" "cannot write the output"
		rc=0 && git-sk $c >&- 2>"$W.err" || rc=$?
		eq "$rc" 15 "$c on a closed descriptor"
	done
	git fsck --strict
	head -c 300000 /dev/urandom >big && git sk backup -q
	rc=0 && { git-sk cat latest big 2>"$W.err" || echo $? >"$W.rc"; } | head -c 1 >/dev/null
	eq "$(cat "$W.rc")" 141 "ended by the pipe" && [ ! -s "$W.err" ]
}

t_hooks_are_silent_and_never_fail() {
	enabled r && cd r
	echo x >>a.txt
	code 0 git commit -qam quiet && [ ! -s "$W.out" ] && [ ! -s "$W.err" ]
	eq "$(git sk list --json | json /dev/stdin "d['entries'][0]['title'].split(' -')[0]")" "before git commit"
	code 0 git checkout -qb other && [ ! -s "$W.err" ]
	echo y >>a.txt && mv .git/sk/lock lock 2>/dev/null || :
	# where nothing can be saved, git goes on
	code 0 env SK_HOOK_COMMAND="git x" git-sk --hook guard && [ ! -s "$W.out" ]
	mkdir ../plain && (cd ../plain && code 0 git-sk --hook guard && [ ! -s "$W.err" ])
	repo ../off && (cd ../off && code 0 git-sk --hook pre-commit && [ ! -s "$W.err" ] && [ ! -e .git/sk ])
	code 0 git-sk --hook
	code 0 git-sk --hook no-such-event
}

t_a_hook_that_cannot_save_warns_in_one_line() {
	enabled r && cd r
	echo x >>a.txt
	rm -rf .git/objects/pack && echo in the way >.git/objects/pack
	rc=0 && git-sk --hook pre-commit >"$W.out" 2>"$W.err" || rc=$?
	eq $rc 1 && eq "$(wc -l <"$W.err")" 1 && has "$W.err" "warning: no backup was made for git commit"
	# the client, which git runs, does not fail for it, and tries again at the next chance
	rc=0 && git-sk-hook pre-commit >"$W.out" 2>"$W.err" || rc=$?
	eq $rc 0 && eq "$(wc -l <"$W.err")" 1
}

t_displaced_hooks_are_put_right() {
	enabled r && cd r
	rm .git/hooks/pre-commit # a link to our program
	printf '#!/bin/sh\nexit 0\n' >.git/hooks/pre-commit && chmod +x .git/hooks/pre-commit
	git-sk --hook guard
	echo x >>a.txt && git -c core.fsmonitor=false commit -qam x
	git sk list | grep -q 'pre-commit'
	code 0 git sk init && has "$W.out" "already enabled"
}

t_trust() { # what came with the repository runs nothing and shortens nothing until it is accepted
	repo w && cd w && git sk init >/dev/null
	code 1 git sk trust; has "$W.err" .safekeep.ini
	printf '[retention]\nmax_per_day = 1\nkeep_last = 1\nkeep_hourly = 0\nkeep_daily = 1\nkeep_weekly = 0\nkeep_monthly = 0\n[health]\ndatabase = touch /pwned\n' >.safekeep.ini
	for i in 1 2 3; do echo "$i" >>a.txt; git sk backup >/dev/null 2>"$W.err"; done
	has "$W.err" "git sk trust"
	git sk prune --dry-run >"$W.out" 2>/dev/null; hasnt "$W.out" "would drop"
	code 0 git sk trust; code 0 git sk trust; has "$W.out" already
	git sk prune --dry-run >"$W.out" 2>"$W.err"; has "$W.out" "would drop"; hasnt "$W.err" "git sk trust"
	echo '; changed' >>.safekeep.ini
	git sk prune --dry-run >"$W.out" 2>"$W.err"; hasnt "$W.out" "would drop"; has "$W.err" "git sk trust"
	git sk trust >/dev/null; code 0 git sk trust --revoke
	git sk prune --dry-run >"$W.out" 2>"$W.err"; hasnt "$W.out" "would drop"
	rm .safekeep.ini; ln -s /etc/passwd .safekeep.ini
	code 1 git sk trust
}

# used: bytes that only SafeKeep's references hold
used() { git rev-list --objects --disk-usage --glob=refs/sk --not --branches --tags HEAD; }

t_disk_budget() {
	repo r && cd r
	git sk -q init --no-service
	random() { head -c 100000 /dev/urandom >big; }
	random
	cp big "$W/approved"
	git sk -q revise Approved
	for i in $(seq 12); do
		random
		newest=$(git sk backup)
	done
	cp big "$W/newest"
	git sk list >"$W/list"
	eq "$(grep -c manual "$W/list")" 12 "backups before"
	# nothing goes as long as there is room, and status says when it becomes scarce
	printf '[retention]\ndisk_budget = 1500K\n' >>.git/sk/safekeep.ini
	git sk prune >/dev/null
	eq "$(git sk list | grep -c manual)" 12
	code 1 git sk status
	has "$W.out" disk_budget
	sed -i 's/1500K/700K/' .git/sk/safekeep.ini
	git sk prune --dry-run >"$W/dry"
	has "$W/dry" 'over disk_budget'
	eq "$(git sk list | grep -c manual)" 12
	git sk prune >/dev/null
	[ "$(used)" -le 716800 ] || die "$(used) bytes are used"
	left=$(git sk list | grep -c manual)
	[ "$left" -ge 4 ] && [ "$left" -le 6 ] || die "$left backups are left"
	git gc -q --prune=now
	[ "$(used)" -le 716800 ] || die "$(used) bytes are used after gc"
	git sk cat "$newest" big | cmp - "$W/newest"
	# what is newest, and what was approved, never goes for it
	sed -i 's/700K/1K/' .git/sk/safekeep.ini
	git sk prune >/dev/null
	eq "$(git sk list | grep -c manual)" 1
	git sk cat "$newest" big | cmp - "$W/newest"
	git sk cat Approved big | cmp - "$W/approved"
	git fsck --connectivity-only --no-dangling >/dev/null
}

run_tests
