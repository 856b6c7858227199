# What somebody made to do harm, or what nobody would think of: SafeKeep writes nothing outside of
# the working tree, neither hangs nor crashes, says in a line what is wrong, and saves the rest.
# SK_LONG=1 makes the large cases too (some minutes, 10 GB of disk, a million inodes).
. "$(dirname "$0")/lib.sh"
HERE=$(cd "$(dirname "$0")" && pwd)
LONG=${SK_LONG:-}

enabled() { repo "$1" && cd "$1" && git sk init -q --no-service >/dev/null; }
# far CMD...: a deadline that only a hang reaches
far() { if declare -F "$1" >/dev/null; then "$@"; else timeout 600 "$@"; fi; }
# among CODES CMD...: exits with one of them
among() {
	local want=" $1 " got=0
	shift
	far "$@" >"$W.out" 2>"$W.err" || got=$?
	case $want in *" $got "*) ;; *) cat "$W.out" "$W.err" >&2; die "'$*' exited $got, not one of$want" ;; esac
}
newest() { git sk list backups -n 1 -z | tr -d '\0'; }
in_newest() { git ls-tree -r -z --name-only "refs/sk/backup/$(newest)" | tr '\0' '\n'; }
# outside: all that is in the folder that nobody must write to
outside() { (cd "$W/w/out" && find . -printf '%y %m %p %T@ %l\n' | sort && find . -type f -exec sha1sum {} +) | sha1sum; }
begin() { # a folder outside and an enabled repository beside it
	mkdir -p "$W/w/out/sub" && echo SECRET >"$W/w/out/x" && for i in 1 2 3; do echo SECRET >"$W/w/out/f$i"; echo SECRET >"$W/w/out/sub/g$i"; done
	cd "$W/w" && enabled r
}
nothing_left() { # of what a restore makes beside the files; where it could not, the next command does
	[ -z "$(find . -name '.sk-tmp*')" ] || git sk list >/dev/null
	[ -z "$(find . -name '.sk-tmp*')" ] || die "temporary files are left"
}

# --- what a backup may hold that came from somebody else --------------------------------------

t_crafted_trees() {
	begin
	OUT=$W/w/out python3 "$HERE/hostile_craft.py" >"$W/cases"
	echo now >now.txt
	OUT=$W/w/out PLAIN=1 python3 "$HERE/hostile_run.py" "$W/cases" 'rollback @ --yes --staged' 'rollback @ --yes' 'show @' 'show @ . --json'
	[ -z "$LONG" ] || OUT=$W/w/out PLAIN=1 python3 "$HERE/hostile_run.py" "$W/cases" 'restore @ -- .' 'undo --yes' 'cat @ good.txt' 'diff @ --stat' \
		'diff @' 'show @ .' 'show @ --json' 'list all --json -n 2' 'verify @'
	nothing_left
}

t_staged_state_that_leads_into_git() { # as a conflict, where `git checkout --ours` writes it unseen
	begin
	blob=$(echo escaped | git hash-object -w --stdin)
	info=$(printf '100644 %s 1 -\t.git/config\000100644 %s 2 -\t.git/config\0' "$blob" "$blob" | git hash-object -w --stdin)
	meta=$(printf '100644 blob %s\tindex-info\n040000 tree %s\tindex\n' "$info" "$(git rev-parse HEAD^{tree})" | git mktree)
	tag=$(printf 'object %s\ntype tree\ntag x\ntagger A <a> 1735689600 +0000\n\nx\n\nSk-Kind: revision\nSk-Worktree: main\nSk-Meta: %s\n' \
		"$(git rev-parse HEAD^{tree})" "$meta" | git hash-object -t tag -w --literally --stdin)
	git update-ref refs/sk/revision/Evil "$tag"
	same_index .git/index code 13 git sk rollback --yes --staged Evil
	has "$W.err" "a name that must not be: '.git/config'"
}

# --- between looking and doing ----------------------------------------------------------------

# swapped KIND: backup, rollback and undo, while names turn into something else and back all the time
swapped() {
	local kind=$1 round before
	begin
	mkdir d && for i in 1 2 3 4 5 6; do
		mkdir -p "d/d$i/sub" && echo "$i" >"d/file$i" && for k in 1 2 3; do echo "$i$k" >"d/d$i/f$k"; echo "$i$k" >"d/d$i/sub/g$k"; done
	done
	git sk backup -q >/dev/null && first=$(newest) && before=$(outside)
	for round in $(seq "$([ -n "$LONG" ] && echo 40 || echo 1)"); do
		find d -type f | while read -r f; do echo "$round $f" >"$f"; done
		for command in "backup" "rollback --yes $first" "undo --yes"; do
			among "0 1 3" python3 "$HERE/hostile_swap.py" "$kind" d ../out -- git sk $command
			eq "$(outside)" "$before" "outside after $command"
			nothing_left
		done
	done
	git for-each-ref --format='%(refname)' refs/sk/backup | while read -r ref; do
		! git grep -q SECRET "$ref" -- || die "$ref has what is outside"
	done
	git fsck --strict >"$W.out" 2>&1 || die "$(cat "$W.out")"
	code 0 git sk verify
}
t_swapped_links() { swapped link; }
t_swapped_fifos() { swapped fifo; }
t_swapped_sockets() { swapped socket; }
t_swapped_devices() { [ "$(id -u)" = 0 ] || skip "only root can make one"; swapped device; }

t_link_in_place_of_a_parent() {
	begin
	mkdir -p p/q && echo mine >p/q/x && echo mine >p/f1 && git sk backup -q >/dev/null && id=$(newest) && before=$(outside)
	rm -r p && ln -s ../out p
	among 0 git sk rollback --yes "$id" && eq "$(cat p/q/x)" mine && [ ! -L p ]
	eq "$(outside)" "$before"
	among 0 git sk undo --yes && [ -L p ] && eq "$(outside)" "$before"
	code 13 git sk restore "$id" -- p/f1 && eq "$(outside)" "$before"
	among 0 git sk restore "$id" -- p && eq "$(cat p/f1)" mine && eq "$(outside)" "$before"
	code 13 git sk restore "$id" -- ../out/x
	code 13 git sk restore "$id" -- "$W/w/out/x"
	rm -rf p && mkdir p && ln -s ../../out p/q
	among 0 git sk rollback --yes "$id" && eq "$(cat p/q/x)" mine && eq "$(outside)" "$before"
}

t_folder_goes_while_it_is_listed() {
	[ -z "${SK_SANITIZED:-}" ] || skip "leaks cannot be looked for under a tracer"
	command -v strace >/dev/null || skip "no strace"
	strace -o /dev/null -e trace=getdents64 -e inject=getdents64:error=ENOENT:when=9999 true 2>/dev/null || skip "strace may not trace"
	enabled r && mkdir -p v/w && echo 1 >v/w/f && git sk backup -q >/dev/null
	for error in ENOENT EACCES EIO; do
		for n in 1 2 3; do
			rm -f .git/sk/state
			# of the working tree itself it is the end
			among "0 3 15" strace -f -o /dev/null -e trace=getdents64 -e inject=getdents64:error=$error:when=$n git-sk backup
			! grep -q '^git sk: cannot' "$W.err" || has "$W.err" 'cannot list the working tree'
		done
	done
	git sk backup -q >/dev/null && in_newest >"$W/names" && has "$W/names" v/w/f && has "$W/names" src/lib/c.txt
}

# --- what a working tree may hold -------------------------------------------------------------

t_names_on_the_disk() {
	begin
	mkdir n && cd n
	local bad=(.GIT 'git~1' '.git ' .git. '.git::$INDEX_ALLOCATION' 'a\.git\c' '.git\x' $'.g\u200cit')
	local good=($'.git\r' 'x ' x. ... ..x 'a\b' -rf --help $'\xff\xfe' $'e\e[31m\n' $'b\u202ed' $'\x7f' '*' '?' '[a]' ':(top)x' '!neg' '#h' ' ' '~' \
		"$(printf 'n%.0s' {1..255})")
	for name in "${bad[@]}" "${good[@]}"; do echo "$name" >"$name" && mkdir -p "dir/$name" && echo inner >"dir/$name/f"; done
	ln -s ../../out/x out && ln -s "$(printf 'l%.0s' {1..4095})" long && ln -s $'nowhere\e[31m' dangling && ln -s . self && ln -s loop loop
	mkfifo fifo && mkdir empty
	cd .. && cp -a n ../n
	among 3 git sk backup
	for name in "${bad[@]}"; do rm -r "../n/$name" "../n/dir/$name"; done
	rm ../n/fifo
	eq "$(grep -c 'git cannot store this name' "$W.err")" $((2 * ${#bad[@]})) "names that are told"
	code 0 git fsck --strict
	id=$(newest) && rm -r n
	among 3 git sk rollback --yes "$id"
	eq "$(state n)" "$(state ../n)"
}

t_links_that_git_takes_for_its_own_files() {
	begin
	for name in .gitattributes .gitignore .mailmap .gitmodules; do ln -s "../out/x" "$name"; done
	mkdir sub && ln -s ../../out/x 'sub/.GITMODULES' && echo '*.tmp' >real && echo 1 >1.tmp
	among 3 git sk backup
	has "$W.err" "skipped .gitmodules: git cannot store a link of this name" && has "$W.err" "skipped sub/.GITMODULES"
	in_newest >"$W/names" && has "$W/names" .gitattributes && has "$W/names" 1.tmp && hasnt "$W/names" modules
	code 0 git fsck --strict
	id=$(newest) && rm .gitattributes .gitignore .mailmap
	among "0 3" git sk rollback --yes "$id" && eq "$(readlink .gitignore)" ../out/x && eq "$(readlink .gitmodules)" ../out/x
}

t_case_and_the_settings_for_it() {
	begin
	git config core.ignoreCase true && git config core.protectHFS true && git config core.protectNTFS true && git config core.precomposeUnicode true
	mkdir Dir dir && for f in A a Dir/x dir/x; do echo "$f" >$f; done && echo 1 >$'\u00e9' && echo 2 >$'e\u0301'
	state . >"$W/before" && among 0 git sk backup && id=$(newest)
	rm -r A Dir $'\u00e9' && among 0 git sk rollback --yes "$id" && state . >"$W/after" && cmp "$W/before" "$W/after"
}

deep() { # FOLDERS LENGTH
	begin
	python3 - "$1" "$2" <<-'PY'
		import os, sys
		n, length = int(sys.argv[1]), int(sys.argv[2])
		os.mkdir("deep"); os.chdir("deep")
		for i in range(n):
		    open("f", "w").write(str(i)); os.mkdir("n" * length); os.chdir("n" * length)
		open("last", "w").write("here")
	PY
	among 0 git sk backup && id=$(newest)
	for c in "show $id ." "diff --stat" "restore $id --dry-run -- deep" status impact lint verify; do among "0 1" git sk $c; done
	mv deep "$W/away"
	among 0 git sk rollback --yes "$id"
	python3 - "$1" "$2" <<-'PY'
		import os, sys
		n, length = int(sys.argv[1]), int(sys.argv[2])
		os.chdir("deep")
		for i in range(n):
		    assert open("f").read() == str(i) and sorted(os.listdir(".")) == ["f", "n" * length]
		    os.chdir("n" * length)
		assert open("last").read() == "here"
	PY
	among 0 git sk undo --yes && [ ! -e deep ]
}
t_deeper_than_a_path_can_be() { deep 60 200; }
t_two_thousand_folders_deep() { [ -n "$LONG" ] || skip "SK_LONG=1"; deep 2000 200; }

t_rules_too_large_to_be_believed() {
	begin
	mkdir sub && python3 -c "open('sub/.gitignore', 'w').write('hidden\n' * 2500000)"
	echo 1 >sub/hidden && echo 2 >sub/seen
	among 0 git sk backup
	has "$W.err" "the rules of 'sub/.gitignore' are left out" && has "$W.err" "is larger than"
	in_newest >"$W/names" && has "$W/names" sub/hidden && has "$W/names" sub/seen && has "$W/names" sub/.gitignore
}

t_a_large_file_that_comes_under_git() { # was passed over before; whatever git has is saved
	begin
	printf '[backup]\nmax_file_size = 1K\n' >.git/sk/safekeep.ini
	head -c 5000 /dev/zero >big && code 0 git sk backup && in_newest >"$W/names" && hasnt "$W/names" big
	git add big && git commit -qm big && echo m >>a.txt && code 0 git sk backup && in_newest >"$W/names" && has "$W/names" big
	echo more >>big && code 0 git sk backup && eq "$(git cat-file -s "refs/sk/backup/$(newest):big")" 5005
}

t_files_of_100_megabytes() {
	[ -n "$LONG" ] || skip "SK_LONG=1"
	begin
	python3 - <<-'PY'
		for name, line in (".gitattributes", b"a%09d text\n"), (".gitignore", b"ignored%08d\n"):
		    with open(name, "wb") as f:
		        for i in range(100 * 1024 * 1024 // 16):
		            f.write(line % i)
		for name in ".mailmap", ".safekeep.ini", "package.json", "tsconfig.json", "go.mod":
		    open(name, "wb").write(b"{" * (100 << 20))
		open("../message", "w").write("title\n\n" + "line of a message\n" * 6000000)
	PY
	echo new >new
	for c in backup status impact lint list "prune --dry-run" health "diff --stat" "rollback --yes @{1}" "undo --yes"; do among "0 1" git sk $c; done
	among 0 git sk backup && in_newest >"$W/names" && has "$W/names" new
	git add .gitattributes && far git commit -qF ../message && far git tag -a -F ../message big
	echo more >>a.txt
	for c in backup list "show latest" "run -- true" "release --dry-run" "log -n 3" verify; do among "0 1" git sk $c; done
	in_newest >"$W/names" && has "$W/names" .gitattributes
	among "0 2 13 15" git sk backup -m "$(head -c 120000 ../message)"
	among 0 git sk list
}

t_more_than_four_gigabytes() {
	[ -n "$LONG" ] || skip "SK_LONG=1"
	begin
	truncate -s 4500M big && printf end >>big
	among 0 git sk backup && in_newest >"$W/names" && hasnt "$W/names" big
	git sk show latest >"$W/show" && has "$W/show" "big: larger than backup.max_file_size"
	printf '[backup]\nmax_file_size = 8G\n' >.git/sk/safekeep.ini
	among 0 git sk backup && id=$(newest) && in_newest >"$W/names" && has "$W/names" big
	rm big && among 0 git sk rollback --yes "$id"
	python3 -c "f = open('big', 'rb'); f.seek(4500 << 20); assert f.read() == b'end'; f.seek(1 << 32); assert f.read(100) == bytes(100)"
	among 0 git sk verify
}

t_a_million_files() {
	[ -n "$LONG" ] || skip "SK_LONG=1"
	begin
	python3 - <<-'PY'
		import os
		for i in range(1000):
		    os.makedirs("many/%d" % i)
		    for k in range(1000):
		        os.close(os.open("many/%d/%d" % (i, k), os.O_CREAT | os.O_WRONLY))
	PY
	among 0 git sk backup && echo x >many/500/500 && among 0 git sk backup && id=$(newest)
	rm -r many/1* && among 0 git sk rollback --yes "$id" && eq "$(find many -type f | wc -l)" 1000000
	among 0 git sk verify
}

# --- words on a terminal ----------------------------------------------------------------------

t_words_on_a_terminal() {
	local E=$'\e[31m\e]0;t\a' B=$'\u202e\u2066' X=$'\xff\xfe' C=$'\u009b31m' mode
	enabled r
	mkdir "d$E" "d$B" "d$X" && for n in "$E" "$B" "$X" "$C" $'a\nb' $'t\tb' $'r\rx'; do echo "import './x$n.js'" >"f$n.js"; echo "require('../f$n.js')" >"d$E/g$n.js"; done
	printf -- '-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA%s\n' "$E" >"key$E"
	git add -A && git commit -qm "msg$E$B$X" 2>/dev/null && git checkout -q -b "br$B"
	git sk backup -q -m "title$E$B$X" >/dev/null
	for n in "$E" "$B" "$X"; do echo "// more" >>"f$n.js"; done && git add "f$E.js"
	git sk revise "name$E$B$X" "desc$E$B$X" >/dev/null 2>&1
	git sk run -- sh -c "echo '$E$B' >/dev/null; echo 1 >'n$E'" >/dev/null 2>&1
	printf '[components]\nweb = d%s/**\n[component "w%s"]\npaths = **\n[bogus%s]\nkey%s = v%s\n' "$E" "$E" "$E" "$E" "$E" >.safekeep.ini
	mkfifo "fifo$E" && echo x >"git~1" && git sk backup >/dev/null 2>&1 || true
	cat >"$W/commands" <<-END
		list
		list all
		show latest
		show latest .
		show @{1}
		show latest 'f$E.js'
		diff @{1} --stat
		status
		health
		log
		impact
		impact --format json
		impact --format dot
		impact --format html
		impact --why 'f$E.js'
		impact 'f$E.js'
		impact --staged
		check 'w$E'
		lint
		lint --staged
		revise --list
		prune --dry-run
		verify
		restore @{2} --dry-run -- .
		rollback @{2} --dry-run
		rollback @{2} --yes
		undo --yes
		release --dry-run
		purge --path 'f$E.js' --dry-run
		plugin list
		vault list
		cat latest 'no$E'
		cat latest 'd$E'
		show 'x$E'
		show '@{$E}'
		list --since '$E'
		'bogus$E'
		list '--bogus$E'
		backup -C 'no$E'
		backup -C 'fifo$E'
		revise --delete 'q$E'
		restore -- 'zz$E'
		check 'no$E'
		impact 'no$E'
		impact --format '$E'
		vault add 'v$E' 'file:///no$E'
		vault clone 'file:///no$E' 'cl$E'
		agent install '$E'
	END
	for mode in pipe json tty; do GIT_PAGER=cat TERM=xterm python3 "$HERE/hostile_show.py" $mode <"$W/commands" || die "words in $mode"; done
}

# --- other owners -----------------------------------------------------------------------------

as() { local id=$1; shift; setpriv --reuid "$id" --regid 12000 --clear-groups env HOME="$W/home$id" GIT_CONFIG_GLOBAL="$W/home$id/.gitconfig" XDG_CONFIG_HOME="$W/home$id" \
	XDG_CACHE_HOME="$W/home$id" XDG_DATA_HOME="$W/home$id" XDG_STATE_HOME="$W/home$id" XDG_RUNTIME_DIR="$W/none" "$@"; }
people() { # the ordinary users 12345 and 12346, of one group
	[ "$(id -u)" = 0 ] || skip "only root can be several people"
	as 0 true 2>/dev/null || skip "setpriv is not there"
	for id in 12345 12346; do mkdir -p "$W/home$id" && cp "$GIT_CONFIG_GLOBAL" "$W/home$id/.gitconfig" && chown -R "$id:12000" "$W/home$id"; done
	chmod 755 "$SCRATCH" "$W"
	as 12345 sh -c 'git-sk --version' >/dev/null 2>&1 || skip "another user cannot run git-sk here"
}

t_shared_bits() {
	(umask 022 && mkdir s && cd s && git init -q --shared=group && echo a >a && git add a && git commit -qm a && git sk init -q --no-service >/dev/null 2>&1
		for i in 1 2 3; do echo "$i" >>a && git sk backup -q >/dev/null; done
		git sk rollback --yes --staged '@{1}' >/dev/null 2>&1 && git sk undo --yes >/dev/null 2>&1 && git sk revise x y >/dev/null 2>&1
		git commit -qam b && git reset -q --hard HEAD~1 && git sk impact >/dev/null 2>&1 && git sk verify >/dev/null 2>&1 && git sk prune >/dev/null 2>&1)
	find s/.git \( -type d ! -perm -2770 -o -type f -perm -0200 ! -perm -0660 -o -type f ! -perm -0440 \) ! -name COMMIT_EDITMSG ! -name guarded >"$W/bad"
	[ ! -s "$W/bad" ] || die "not the group's: $(cat "$W/bad")"
	(umask 022 && enabled u && echo b >b && git sk backup -q >/dev/null)
	[ -z "$(find u/.git -perm /0020)" ] || die "shared, but nobody said so: $(find u/.git -perm /0020)"
	# git's octal values take bits away as well
	(umask 022 && mkdir o && cd o && git init -q --shared=0640 && echo a >a && git add a && git commit -qm a && git sk init -q --no-service >/dev/null 2>&1 && echo 1 >>a && git sk backup -q >/dev/null)
	[ -z "$(find o/.git/refs/sk o/.git/logs/refs/sk -type f -perm /0027)" ] || die "more than 0640 says"
}

t_shared_by_two() {
	people
	mkdir s && chown 12345:12000 s && chmod 2775 s
	as 12345 sh -c 'umask 022 && cd s && git init -q --shared=group && echo a >a && chmod 664 a && git add a && git commit -qm a && git sk init -q --no-service' >/dev/null
	as 12346 git config --global safe.directory "$W/s"
	cd s
	code 0 as 12346 sh -c 'umask 022 && echo from b >b && git-sk backup'
	code 0 as 12345 sh -c 'umask 022 && echo from a >c && git-sk backup'
	code 0 as 12346 sh -c 'umask 022 && echo >>b && git-sk rollback --yes @{0} && git-sk undo --yes && git-sk revise "by b" && git-sk prune && git-sk verify'
	code 0 as 12345 sh -c 'umask 022 && git-sk rollback --yes --staged @{1} && git-sk undo --yes && git-sk verify && git add -A && git commit -qm more'
	code 0 as 12346 git fsck --strict
	as 12345 git config core.sharedRepository umask # again as it would be without
	as 12345 sh -c 'umask 022 && echo last >last && git-sk backup' >/dev/null
	[ -z "$(find .git/refs/sk -type f -newer last -perm /0020)" ]
}

t_what_belongs_to_others() {
	people
	enabled r && chmod 755 . && chown -R 12345:12000 .
	code 0 as 12345 git-sk list
	code 13 as 12346 git-sk list && has "$W.err" safe.directory
	as 12346 git config --global safe.directory "$W/r"
	code 0 as 12346 git-sk list
	code 15 as 12346 git-sk backup && has "$W.err" "permission denied"
	code 13 git-sk list
	code 0 env SUDO_UID=12345 git-sk list
	code 13 env SUDO_UID=12346 git-sk list
	code 13 env SUDO_UID=junk git-sk list
	# root's files in the user's tree: those that can be read are saved, and given back if the folder is the user's
	echo x >theirs && chmod 600 theirs && mkdir locked && echo y >locked/f && chmod 700 locked && echo z >open
	mkdir sticky && chmod 1777 sticky && echo s >sticky/theirs && mkdir ro && echo q >ro/f
	code 3 as 12345 git-sk backup
	has "$W.err" "skipped theirs: " && has "$W.err" "skipped locked: "
	as 12345 git ls-tree -r --name-only "refs/sk/backup/$(as 12345 git-sk list backups -n 1 -z | tr -d '\0')" >"$W/names" && has "$W/names" open && has "$W/names" sticky/theirs && has "$W/names" ro/f
	echo changed >open && echo changed >sticky/theirs && echo changed >ro/f
	among 3 as 12345 git-sk rollback --yes '@{0}'
	eq "$(cat open)" z && eq "$(cat sticky/theirs)" changed && eq "$(cat ro/f)" changed
	has "$W.err" "skipped sticky/theirs: cannot be written" && has "$W.err" "skipped ro/f: cannot be written"
	nothing_left
	as 12345 git fsck --strict
}

t_what_may_not_be_read() {
	[ "$(id -u)" != 0 ] || skip "root may read all"
	enabled r
	closed() { local what=$1 want=$2 words=$3; chmod 0 "$what"; among "$want" git-sk backup; chmod u+rwX "$what"; has "$W.err" "$words"; }
	echo n >new
	closed .git 10 ".git may not be read"
	closed .git/HEAD 10 ".git may not be read"
	closed .git/objects 10 ".git may not be read"
	closed .git/config 15 "cannot read $W/r/.git/config: permission denied"
	closed .git/sk 15 "permission denied"
	closed .git/refs/sk 15 "permission denied"
	closed .git/index 0 "cannot read $W/r/.git/index: permission denied"
	closed src 3 "skipped src: Permission denied"
	closed a.txt 3 "skipped a.txt: Permission denied"
	among 0 git sk backup && in_newest >"$W/names" && has "$W/names" new && has "$W/names" src/b.txt
}

# --- configuration, environment, kinds --------------------------------------------------------

t_settings_that_run_something() { # git's own commands may; SafeKeep's backups and restores do not
	begin
	cp .git/config "$W/config"
	for key in core.pager core.editor core.sshCommand core.fsmonitor core.askpass core.alternateRefsCommand diff.external diff.x.textconv diff.x.command \
		filter.x.clean filter.x.smudge filter.x.process merge.x.driver gpg.program credential.helper sequence.editor alias.cat-file alias.backup; do
		git config "$key" "touch '$W/ran'; cat"
	done
	git config tag.gpgSign true && git config core.hooksPath "$W/hooks" && git config filter.x.required true
	mkdir "$W/hooks" && for h in pre-commit post-checkout post-index-change reference-transaction; do printf '#!/bin/sh\ntouch %s/ran\n' "$W" >"$W/hooks/$h" && chmod +x "$W/hooks/$h"; done
	printf '*.txt diff=x filter=x merge=x\n' >.gitattributes && echo more >>a.txt
	for c in "backup" "list" "show latest" "show latest ." "status" "rollback --yes @{1}" "undo --yes" "revise x" "prune --dry-run" "verify"; do
		among "0 1" git-sk $c
		[ ! -e "$W/ran" ] || die "$c ran something"
	done
}

t_settings_that_lead_elsewhere() {
	begin
	cp .git/config "$W/config" && before=$(outside)
	setting() { # KEY VALUE CODE WORDS
		git config -f .git/config "$1" "$2" && among "$3" git-sk backup && has "$W.err" "$4"
		among "$3" git-sk rollback --yes '@{0}' && among "0 1 $3" git-sk list && cp "$W/config" .git/config
		eq "$(outside)" "$before"
	}
	setting core.worktree ../nowhere 10 "cannot be used"
	setting core.bare true 10 "bare repository"
	setting core.repositoryFormatVersion 99 12 "only 0 and 1 are"
	setting core.repositoryFormatVersion x 10 "not a number"
	setting extensions.objectFormat sha256 12 "sha256"
	setting include.path config 10 "depth"
	# core.sharedRepository and the like are taken as git takes them; none of them stops a backup
	for kv in core.sharedRepository=junk core.sharedRepository=0777777 core.excludesFile=/dev/zero core.excludesFile=/dev/tty include.path=/nowhere core.bigFileThreshold=1 \
		core.compression=99 pack.packSizeLimit=1 pack.window=99999999 core.logAllRefUpdates=false core.preferSymlinkRefs=true core.packedGitLimit=1 \
		i18n.commitEncoding=x user.name= user.useConfigOnly=true core.fileMode=false core.symlinks=false core.autocrlf=true core.checkStat=minimal; do
		git config -f .git/config "${kv%%=*}" "${kv#*=}" && echo "$kv" >>a.txt && among 0 git-sk backup && cp "$W/config" .git/config
		eq "$(git cat-file blob "refs/sk/backup/$(newest):a.txt" | tail -n 1)" "$kv"
	done
	git fsck --strict && code 0 git sk verify
}

t_environment_of_a_hook() {
	begin
	git init -q --bare "$W/other" && mkdir "$W/quarantine" && before=$(sha1sum <.git/index)
	tried() { echo "$RANDOM$RANDOM$*" >>a.txt; among 0 env "$@" git-sk backup; eq "$(git cat-file blob "refs/sk/backup/$(newest):a.txt")" "$(cat a.txt)" "$*"; }
	tried GIT_INDEX_FILE="$W/nowhere"
	tried GIT_INDEX_FILE=/dev/zero
	tried GIT_INDEX_FILE="$PWD/a.txt"
	tried GIT_OBJECT_DIRECTORY="$W/quarantine"
	tried GIT_OBJECT_DIRECTORY="$W/quarantine" GIT_ALTERNATE_OBJECT_DIRECTORIES="$PWD/.git/objects" GIT_QUARANTINE_PATH="$W/quarantine"
	tried GIT_ALTERNATE_OBJECT_DIRECTORIES="$W/other/objects:/nowhere:"
	tried GIT_DIR="$PWD/.git" GIT_WORK_TREE="$PWD" GIT_PREFIX=src/ GIT_INDEX_FILE=.git/index.lock
	tried GIT_NAMESPACE=elsewhere
	tried GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=core.hooksPath GIT_CONFIG_VALUE_0=/nowhere
	tried GIT_CEILING_DIRECTORIES=/ GIT_DISCOVERY_ACROSS_FILESYSTEM=0 GIT_REPLACE_REF_BASE=refs/x GIT_SHALLOW_FILE=/nowhere GIT_GRAFT_FILE=/nowhere
	eq "$(find "$W/quarantine" -type f)" "" "what was left in the quarantine"
	eq "$(sha1sum <.git/index)" "$before" "index"
	[ -z "$(find "$W/other" -path '*/refs/sk*')" ] && [ ! -e .git/index.lock ]
	among "10 15" env GIT_DIR="$W/nowhere" git-sk backup
	among "0 10" env GIT_DIR="$W/other" GIT_WORK_TREE="$PWD" git-sk list
	[ -z "$(find "$W/other" -path '*sk*' -name 'state*')" ]
	git fsck --strict && code 0 git sk verify
}

t_alternates_that_go_away() {
	repo base && git clone -q -s base c && cd c && git sk init -q --no-service >/dev/null
	echo one >one && git sk backup -q >/dev/null && first=$(newest)
	mv ../base ../gone
	echo two >two
	among "0 3 14 15" git sk backup && among "0 1 14 15" git sk status && among "0 14" git sk list && among "0 14 15" git sk verify
	among "0 3 14 15" git sk rollback --yes "$first"
	eq "$(cat one)" one
	mv ../gone ../base
	code 0 git sk backup && rm -f one && among 0 git sk rollback --yes "$first" && eq "$(cat one)" one && code 0 git sk verify
	git fsck --strict
}

run_tests
