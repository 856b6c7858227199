# config-backup: versions of configuration files, restores with all attributes, edits that are checked.
. "$(dirname "$0")/lib.sh"

HERE=$(cd "$(dirname "$0")" && pwd)

# the plugin that was built or installed with this git-sk
plugin() {
	local bin f
	bin=$(dirname "$(readlink -f "$(command -v git-sk)")")
	for f in "$bin/plugins/config-backup.so" "$bin"/../lib/safekeep/plugins/config-backup.so \
		"$bin"/../lib/*/safekeep/plugins/config-backup.so; do
		[ ! -f "$f" ] || { echo "$f"; return; }
	done
}

# begin [LINE...]: a repository in r, with the plugin and further lines of its settings
begin() {
	local so
	so=$(plugin)
	[ -n "$so" ] || die "config-backup.so was not built"
	umask 022
	export XDG_CONFIG_HOME=$W/config XDG_CACHE_HOME=$W/cache
	mkdir -p "$W/plugins" "$W/config/safekeep" "$W/host"
	cp "$so" "$W/plugins/config-backup.so"
	{
		printf '[plugins]\nfolder = %s\nenable = config-backup\n[plugin "config-backup"]\n' "$W/plugins"
		[ $# = 0 ] || printf '%s\n' "$@"
	} >"$W/config/safekeep/safekeep.ini"
	repo r
	(cd r && git sk init >/dev/null)
}

# versions FILE: how many there are
versions() { git sk conf list "$1" | wc -l; }
# term EDITOR [WAIT SEND]... -- CMD...: on a terminal
term() { GIT_EDITOR=$1 TERM=xterm GIT_PAGER=cat python3 "$HERE/terminal.py" "${@:2}"; }
# clean: nothing of ours is left beside files or in the private folder
clean() {
	eq "$(find "$W/host" "$W/r" -name '.sk-conf-*')" "" "temporary files"
	eq "$(find "$W/r/.git/sk/plugins/config-backup" -mindepth 1 \( -name 'temp-*' -o -name 'edit-*' -o -name 'diff-*' \))" "" "notes and drafts"
}
# has_xattr: whether attributes of files can be set here
need_xattr() {
	command -v setfattr >/dev/null && command -v getfattr >/dev/null || skip "no setfattr"
	: >"$W/x" && setfattr -n user.sk -v 1 "$W/x" 2>/dev/null || skip "no attributes on this file system"
}

t_backup_says_what_it_did() {
	begin
	cd r
	echo ignored.ini >.gitignore
	echo 1 >ignored.ini
	echo 2 >"$W/host/app.conf"
	git sk conf backup ignored.ini "$W/host/app.conf" >out
	eq "$(wc -l <out)" 2
	hasnt out unchanged
	git sk conf backup -- ignored.ini >out
	has out "unchanged, no new version"
	touch ignored.ini
	git sk conf backup ignored.ini >/dev/null
	eq "$(versions ignored.ini)" 1
	chmod 600 ignored.ini
	git sk conf backup -m 'a reason' ignored.ini >/dev/null
	eq "$(versions ignored.ini)" 2
	git sk conf list ignored.ini | head -n 1 >out
	has out "a reason"
	has out 0600
	git sk conf list >out
	has out "$W/r/ignored.ini"
	has out "$W/host/app.conf"
	eq "$(git sk conf list -z | tr '\0' '\n' | wc -l)" 2
	eq "$(git show "$(git for-each-ref --format='%(refname)' 'refs/sk/conf/work/main/ignored.ini*' | head -n 1):content")" 1
	git tag >out
	git branch -a >>out
	hasnt out conf
	eq "$(cd src && git sk conf show ../ignored.ini)" 1
	code 0 git fsck
	clean
}

t_json() {
	begin
	cd r
	printf 'a\377' >"$(printf 'ff\377')"
	git sk conf backup --json "$(printf 'ff\377')" a.txt >out
	python3 - out <<-'END'
		import base64, json, sys
		o = json.load(open(sys.argv[1]))
		assert [f["new"] for f in o["files"]] == [True, True] and o["failed"] == []
		assert base64.b64decode(o["files"][0]["path"]["bytes"]).endswith(b"/ff\xff")
		assert o["files"][1]["path"].endswith("/r/a.txt") and o["files"][1]["bak"] is None
	END
	code 3 git sk conf backup --json a.txt nothing
	python3 -c 'import json, sys; o = json.load(open(sys.argv[1])); assert "there is no" in o["failed"][0]["reason"]' "$W.out"
	git sk conf show --json "$(printf 'ff\377')" >out
	python3 - out <<-'END'
		import base64, json, sys
		o = json.load(open(sys.argv[1]))
		assert base64.b64decode(o["content"]["bytes"]) == b"a\xff" and o["meta"]["mode"] == "0644"
	END
	echo 3 >>a.txt
	git sk conf diff --json a.txt >out
	python3 -c 'import json, sys; o = json.load(open(sys.argv[1])); assert o["drift"] == ["content"] and "+3" in o["diff"]' out
	GIT_EDITOR=true git sk conf edit --json a.txt >out
	python3 -c 'import json, sys; o = json.load(open(sys.argv[1])); assert o["changed"] is False and o["version"] is None' out
	echo 4 >>a.txt
	code 1 git sk conf check --json
	python3 -c 'import json, sys; o = json.load(open(sys.argv[1])); assert not o["same"] and [f["drift"] for f in o["files"]] == [["content"], []]' "$W.out"
	git sk conf list --json >out
	python3 -c 'import json, sys; o = json.load(open(sys.argv[1])); assert [f["versions"] for f in o["files"]] == [2, 1]' out
	git sk conf restore --json a.txt >out
	python3 -c 'import json, sys; f = json.load(open(sys.argv[1]))["files"][0]; assert f["safety_backup"] and not f["unchanged"] and f["missed"] == ""' out
	git sk conf watch add '*.txt'
	git sk conf watch --json >out
	python3 -c 'import json, sys; p = json.load(open(sys.argv[1]))["patterns"][0]; assert p["files"] == 1' out
	# a reason that is no text does not hide its version
	echo 9 >f && git sk conf backup -m $'\xff' f >/dev/null
	eq "$(git sk conf list f --json | grep -c '"id"')" "$(versions f)"
}

t_kinds_are_refused_by_name() {
	begin
	cd r
	mkfifo pipe
	python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("sock")'
	code 13 git sk conf backup pipe
	has "$W.err" "a named pipe"
	code 13 git sk conf backup sock
	has "$W.err" "a socket"
	code 13 git sk conf backup src
	has "$W.err" "a folder"
	code 13 git sk conf backup src/
	code 13 git sk conf backup /dev/null
	has "$W.err" "a character device"
	code 1 git sk conf backup nothing
	code 2 git sk conf backup ''
	code 2 git sk conf backup
	code 2 git sk conf what
	code 2 git sk conf show
	code 2 git sk conf show a b
	code 1 git sk conf show a.txt
	has "$W.err" "ever backed up"
	code 3 git sk conf backup a.txt pipe
	eq "$(versions a.txt)" 1
	: >empty
	git sk conf backup empty >/dev/null
	echo 1 >empty
	git sk conf restore empty >/dev/null
	[ ! -s empty ] || die "it was empty"
}

t_size_is_capped() {
	begin 'max_size = 1K'
	cd r
	head -c 1024 /dev/zero >fits
	head -c 1025 /dev/zero >large
	git sk conf backup fits >/dev/null
	code 13 git sk conf backup large
	has "$W.err" max_size
}

t_odd_names() {
	local n
	begin
	cd r
	for n in "$(printf 'new\nline')" "$(printf 'esc\033[31m')" "$(printf 'ff\377')" .bashrc ..x x.lock 'a b%@~^:?*[\' '@' '-n' '@{0}' 'a..b.'; do
		echo 1 >"$n"
		git sk conf backup -- "$n" >/dev/null
		echo 2 >"$n"
		git sk conf backup -- "$n" >/dev/null
		echo 3 >"$n"
		git sk conf restore -- "$n" >/dev/null
		eq "$(cat -- "$n")" 2 "$n"
		eq "$(git sk conf show -- "$n")" 2 "$n"
	done
	eq "$(git sk conf list -z | tr -cd '\0' | wc -c)" 11
	git sk conf list >../out
	! grep -q "$(printf '\033')" ../out || die "an escape sequence was printed"
	git sk conf check
	code 0 git fsck
}

t_file_and_folder_of_one_name() {
	begin
	cd r
	echo 1 >x
	git sk conf backup x >/dev/null
	rm x && mkdir x && echo 2 >x/y
	git sk conf backup x/y >/dev/null
	eq "$(git sk conf show x)" 1
	code 1 git sk conf check
	has "$W.out" "/r/x: kind  (since"
	code 13 git sk conf restore x
	eq "$(cat x/y)" 2
}

t_long_names() {
	local d p
	begin
	cd r
	d=$(printf 'd%.0s' $(seq 240))
	p=$d/$d/$d/$d/$d
	mkdir -p "$p" && echo 1 >"$p/f.ini"
	git sk conf backup "$p/f.ini" >/dev/null
	echo 2 >"$p/f.ini"
	code 1 git sk conf check
	rm -r "$d"
	git sk conf restore "$p/f.ini" >/dev/null
	eq "$(cat "$p/f.ini")" 1
	git sk conf list -z | tr '\0' '\n' | grep -qx "$W/r/$p/f.ini" || die "it is not in the list"
}

t_at() {
	begin
	cd r
	echo 1 >f && SK_TEST_NOW=1795000000 git sk conf backup f >/dev/null
	echo 2 >f && SK_TEST_NOW=1795100000 git sk conf backup f >/dev/null
	echo 3 >f && SK_TEST_NOW=1795200000 git sk conf backup f >/dev/null
	eq "$(git sk conf list f | cut -c 1-16 | head -n 1)" "$(date -u -d @1795200000 +%Y%m%dT%H%M%SZ)"
	eq "$(git sk conf show f --at "$(date -u -d @1795150000 "+%F %T")")" 2
	eq "$(git sk conf show f --at "$(date -u -d @1795000000 +%Y%m%dT)")" 1
	code 1 git sk conf show f --at "$(date -u -d @1794900000 "+%F %T")"
	has "$W.err" "no version that old"
	code 1 git sk conf show f --at 19990101T
	code 2 git sk conf show f --at 'never in my life'
	git sk conf restore f --at "$(date -u -d @1795050000 "+%F %T")" >/dev/null
	eq "$(cat f)" 1
	git sk conf check
	# once more is the way back
	git sk conf restore f >/dev/null
	eq "$(cat f)" 3
	git sk conf diff f --at "$(date -u -d @1795150000 "+%F %T")" >out
	has out -2
	has out +3
	# the clock was set back: the newest is what was stored last
	echo 4 >f && SK_TEST_NOW=1794000000 git sk conf backup f >/dev/null
	eq "$(git sk conf show f)" 4
	code 1 git sk conf restore f --at 19990101T000000Z
	has "$W.err" "has no version"
	code 1 git sk conf restore f --at 1999-01-01
	has "$W.err" "no version that old"
}

t_check_names_each_difference() {
	begin
	need_xattr
	cd r
	for f in content mode xattr gone same; do echo 1 >$f; done
	git sk conf backup content mode xattr gone same >/dev/null
	echo 2 >content
	chmod 600 mode
	setfattr -n user.sk -v 1 xattr
	setfattr -n user.other -v 1 xattr
	rm gone
	code 1 git sk conf check
	sed 's,.*/r/,,; s/  (since.*//' "$W.out" | LC_ALL=C sort >got
	printf '%s\n' 'content: content' 'gone: missing' 'mode: mode' 'xattr: xattr user.other, xattr user.sk' >want
	cmp got want
	has "$W.err" "4 of 5"
	code 0 git sk conf check same
	code 1 git sk conf check same mode
	git sk conf diff mode >out
	has out "mode: 0644 -> 0600"
	git sk conf restore content mode xattr gone >/dev/null
	code 0 git sk conf check
	eq "$(stat -c %a mode)" 644
	if [ "$(id -u)" = 0 ]; then
		chown 12:34 same
		code 1 git sk conf check
		has "$W.out" "owner, group"
		git sk conf restore same >/dev/null
		eq "$(stat -c %u:%g same)" "0:0"
	fi
	clean
}

t_restore_keeps_everything() {
	begin
	need_xattr
	echo 1 >"$W/host/f"
	chmod 640 "$W/host/f"
	touch -d '2020-01-02 03:04:05.123456789' "$W/host/f"
	setfattr -n user.k -v "$(printf 'a\nb')" "$W/host/f"
	! command -v setfacl >/dev/null || setfacl -m u:daemon:rw,g::--- "$W/host/f"
	[ "$(id -u)" != 0 ] || { chown 12:34 "$W/host/f"; chmod 4750 "$W/host/f"; }
	describe() { stat -c '%a %u %g %y' "$W/host/f"; getfattr -d -m - -e hex --absolute-names "$W/host/f"; }
	describe >want
	cd r
	git sk conf backup "$W/host/f" >/dev/null
	rm "$W/host/f"
	echo other >"$W/host/f"
	# what the folder gives to new files is not what the file had
	! command -v setfacl >/dev/null || setfacl -d -m u:bin:rwx "$W/host"
	git sk conf restore "$W/host/f" >/dev/null
	describe >../got
	cmp ../got ../want
	git sk conf restore "$W/host/f" >/dev/null
	eq "$(cat "$W/host/f")" other
	clean
}

t_links() {
	begin
	cd r
	echo 1 >"$W/host/real"
	ln -s real "$W/host/link"
	ln -s nowhere "$W/host/dead"
	code 0 git sk conf backup "$W/host/link" "$W/host/dead"
	has "$W.err" "both are backed up"
	has "$W.err" "leads nowhere"
	git sk conf list >../out
	has ../out "$W/host/real"
	git sk conf show "$W/host/link" >../out
	has ../out real
	rm "$W/host/link" "$W/host/dead"
	echo 2 >"$W/host/real"
	code 1 git sk conf check
	has "$W.out" "link: missing"
	git sk conf restore "$W/host/link" "$W/host/dead" >/dev/null
	eq "$(readlink "$W/host/link") $(readlink "$W/host/dead")" "real nowhere"
	eq "$(cat "$W/host/real")" 1
	# the file does not go further back with it
	echo 3 >"$W/host/real" && git sk conf backup "$W/host/real" >/dev/null
	rm "$W/host/link" && echo mine >"$W/host/link"
	git sk conf restore "$W/host/link" >/dev/null
	eq "$(readlink "$W/host/link") $(cat "$W/host/real")" "real 3"
	# it leads elsewhere
	ln -sfn other "$W/host/link"
	code 1 git sk conf check
	has "$W.out" "link: target"
	# a file became a link: the link goes, what it leads to stays
	rm "$W/host/real" && echo theirs >"$W/host/theirs" && ln -s theirs "$W/host/real"
	code 1 git sk conf check "$W/host/real"
	git sk conf restore "$W/host/real" >/dev/null
	[ ! -L "$W/host/real" ] || die "it is a link"
	eq "$(cat "$W/host/theirs")" theirs
}

t_nothing_is_written_through_a_link() {
	begin
	cd r
	mkdir conf && echo 1 >conf/app.ini
	git sk conf backup conf/app.ini >/dev/null
	mkdir "$W/out"
	rm -r conf && ln -s "$W/out" conf
	code 13 git sk conf restore conf/app.ini
	has "$W.err" "is a link"
	eq "$(ls -A "$W/out")" ""
	echo theirs >"$W/out/app.ini"
	code 13 git sk conf restore conf/app.ini
	eq "$(cat "$W/out/app.ini")" theirs
	rm conf
	# a folder that is gone comes back as it was
	git sk conf restore conf/app.ini >/dev/null
	eq "$(cat conf/app.ini)" 1
}

t_bak() {
	local f
	begin
	cd r
	echo 1 >"$W/host/f.conf" && chmod 600 "$W/host/f.conf"
	export SK_TEST_NOW=1795460645
	f=$W/host/f.conf.$(date -u -d @$SK_TEST_NOW +%Y%m%d_%H%M%S)
	git sk conf backup --bak "$W/host/f.conf" >../out
	has ../out "$f.bak"
	eq "$(stat -c %a "$f.bak")" 600
	echo mine >"$f.bak"
	ln -s "$W/host/elsewhere" "${f}_2.bak"
	git sk conf backup --bak "$W/host/f.conf" >../out
	has ../out "${f}_3.bak"
	eq "$(cat "$f.bak") $(cat "${f}_3.bak")" "mine 1"
	[ ! -e "$W/host/elsewhere" ] || die "written through a link"
	clean
}

t_ordinary_user_cannot_set_the_owner() {
	local as="setpriv --reuid 65534 --regid 65534 --clear-groups"
	[ "$(id -u)" = 0 ] || skip "takes root to make files of others"
	command -v setpriv >/dev/null || skip "no setpriv"
	begin
	echo 1 >"$W/host/theirs" && chmod 4770 "$W/host/theirs"
	echo 1 >"$W/host/closed" && chmod 600 "$W/host/closed"
	echo 1 >"$W/host/open"
	chmod 777 "$W/host"
	chmod o+rx "$W" "$SCRATCH" "$W/plugins"
	chmod 4774 "$W/host/theirs"
	mkdir home && chown -R 65534:65534 r config cache home plugins
	export HOME=$W/home GIT_CONFIG_GLOBAL=/dev/null
	cd r
	$as true 2>/dev/null || skip "cannot become another user"
	$as git sk conf list >/dev/null || die "the other user cannot use it"
	code 15 $as git sk conf backup "$W/host/closed"
	has "$W.err" "permission denied"
	code 3 $as git sk conf backup "$W/host/closed" "$W/host/open"
	$as git sk conf backup "$W/host/theirs" >/dev/null
	rm "$W/host/theirs"
	code 3 $as git sk conf restore "$W/host/theirs"
	has "$W.err" "the owner, group could not be set"
	# the group is another one: it may do what all may
	eq "$(stat -c '%a %u' "$W/host/theirs")" "744 65534"
	# an edit would change the owner: it does not
	code 13 env GIT_EDITOR='echo 2 >>' $as git sk conf edit "$W/host/open"
	eq "$(cat "$W/host/open") $(stat -c %u "$W/host/open")" "1 0"
	clean
}

t_edit() {
	begin
	cd r
	printf '{"a": 1}\n' >c.json
	chmod 640 c.json
	code 0 env GIT_EDITOR='sed -i s/1/2/' git sk conf edit c.json
	eq "$(cat c.json) $(stat -c %a c.json)" '{"a": 2} 640'
	eq "$(versions c.json)" 2
	code 0 env GIT_EDITOR=true git sk conf edit c.json
	has "$W.err" "nothing was changed"
	code 1 env GIT_EDITOR='echo bad >>' git sk conf edit c.json
	has "$W.err" "line 2 is no json"
	eq "$(cat c.json)" '{"a": 2}'
	code 15 env GIT_EDITOR=false git sk conf edit c.json
	git config core.editor 'echo " " >>'
	code 0 env -u GIT_EDITOR -u VISUAL -u EDITOR TERM=dumb git sk conf edit c.json
	eq "$(wc -l <c.json)" 2
	# the copy is private, and has the same ending
	code 0 env GIT_EDITOR='sh -c "stat -c %a \"\$1\" \"\$(dirname \"\$1\")\" >../modes; echo \"\$1\" >>../modes; echo >>\"\$1\"" sh' git sk conf edit c.json
	eq "$(sed 's,.*/,,' ../modes | tr '\n' ' ')" "600 700 c.json "
	# an editor that writes a new file in place of the old one
	code 0 env GIT_EDITOR='sh -c "echo {} >\"\$1.new\"; mv \"\$1.new\" \"\$1\"" sh' git sk conf edit c.json
	eq "$(cat c.json)" '{}'
	code 15 env GIT_EDITOR=rm git sk conf edit c.json
	has "$W.err" "left no file"
	eq "$(cat c.json)" '{}'
	# a new file
	code 0 env GIT_EDITOR='echo x = 1 >>' git sk conf edit new.ini
	eq "$(cat new.ini) $(stat -c %a new.ini)" "x = 1 644"
	code 1 env GIT_EDITOR='echo broken >>' git sk conf edit other.ini
	[ ! -e other.ini ] || die "it was made"
	code 15 env GIT_EDITOR='echo >>' git sk conf edit no/folder.ini
	[ ! -e no ] || die "a folder was made"
	# a link is edited at its end
	ln -s c.json link.json
	code 0 env GIT_EDITOR='echo >>' git sk conf edit link.json
	[ -L link.json ] || die "the link is gone"
	eq "$(wc -l <c.json)" 2
	clean
}

t_edit_check_after_rolls_back() {
	begin
	cd r
	echo a = 1 >f.ini
	chmod 600 f.ini
	touch -d '2020-01-02' f.ini
	stat -c '%a %Y %s' f.ini >../want
	for check in 'sh -c "echo it says no; exit 3" sh {}' 'sleep 60' 'no-such-program'; do
		code 1 env GIT_EDITOR='echo b = 2 >>' git sk conf edit --timeout 300ms --check-after "$check" f.ini
		has "$W.err" "the old file is back"
		stat -c '%a %Y %s' f.ini >../got
		cmp ../got ../want
	done
	code 1 env GIT_EDITOR='echo b = 2 >>' git sk conf edit --check-after 'grep -q b {}' --check 'false' f.ini
	code 2 env GIT_EDITOR='echo b = 2 >>' git sk conf edit --check-after 'true && false' f.ini
	has "$W.err" "no shell"
	cmp <(stat -c '%a %Y %s' f.ini) ../want
	code 0 env GIT_EDITOR='echo b = 2 >>' git sk conf edit --check-after 'grep -q b {}' f.ini
	code 1 env GIT_EDITOR='echo c = 2 >>' git sk conf edit --check-after 'false' new.ini
	[ ! -e new.ini ] || die "it stays"
	git sk conf check f.ini
	clean
}

t_edit_changed_meanwhile() {
	begin
	cd r
	echo a = 1 >f.ini
	code 11 env GIT_EDITOR='sh -c "echo mine = 1 >>\"\$1\"; echo theirs = 1 >>f.ini" sh' git sk conf edit f.ini
	has "$W.err" "changed by somebody else"
	eq "$(tail -n 1 f.ini)" "theirs = 1"
	# while it is edited nobody else edits or restores it
	code 0 env GIT_EDITOR='sh -c "git sk conf restore f.ini >../second 2>&1; echo \$? >>../second; echo b = 1 >>\"\$1\"" sh' git sk conf edit f.ini
	has ../second "being edited"
	has ../second 11
	clean
}

t_what_now() {
	command -v python3 >/dev/null || skip "no python3"
	begin
	cd r
	echo a = 1 >f.ini
	code 1 term 'echo bad >>' 'What now' 'k\n' -- git sk conf edit f.ini
	eq "$(cat f.ini)" "a = 1"
	code 1 term 'sed -i "s/bad/b = 1/;\$!b;/b = 1/!s/\$/\nbad/"' 'What now' 'x\n' 'What now' 'k\n' -- git sk conf edit f.ini
	code 0 term 'sed -i "s/bad/b = 1/;\$!b;/b = 1/!s/\$/\nbad/"' 'What now' 'e\n' -- git sk conf edit f.ini
	has f.ini "b = 1"
	code 0 term 'echo bad >>' 'What now' 'a\n' -- git sk conf edit f.ini
	has f.ini bad
	code 0 term 'echo more >>' 'What now' 'a\n' 'the old file is back' '' 'What now' 'a\n' -- git sk conf edit --check-after false f.ini
	has f.ini more
	# somebody else wrote it: theirs is kept as a version, and ours is applied
	code 0 term 'sh -c "echo theirs >f.ini; echo x = 1 >\"\$1\"" sh' 'changed by somebody else' '' 'What now' 'a\n' -- git sk conf edit --check-after 'grep -q x {}' f.ini
	eq "$(cat f.ini)" "x = 1"
	git sk conf list f.ini >../list
	has ../list "changed during an edit"
	echo bad >>f.ini
	cp f.ini ../was
	code 130 term 'echo worse >>' 'What now' '\x03' -- git sk conf edit f.ini
	cmp f.ini ../was
	# what was typed then can be gone on with, or not
	code 0 term 'sed -i s/worse/c=1/\;/bad/d' 'go on with its text' 'y\n' -- git sk conf edit f.ini
	eq "$(tail -n 1 f.ini)" "c=1"
	clean
}

t_ctrl_c_in_an_editor_and_a_check() {
	command -v python3 >/dev/null || skip "no python3"
	begin
	cd r
	echo a = 1 >f.ini
	code 130 term 'sh -c "echo b = 1 >>\"\$1\"; echo waiting; sleep 60" sh' waiting '\x03' -- git sk conf edit f.ini
	eq "$(cat f.ini)" "a = 1"
	code 130 term 'sh -c "echo b = 1 >>\"\$1\"" sh' 'being checked' '\x03' -- git sk conf edit --timeout 60s --check-after 'sleep 60' f.ini
	eq "$(cat f.ini)" "a = 1"
	# what was typed is kept: only a check was stopped
	code 0 term true 'go on with its text' 'y\n' -- git sk conf edit f.ini
	has f.ini "b = 1"
	clean
}

t_what_was_typed_is_kept() {
	command -v python3 >/dev/null || skip "no python3"
	begin 'max_size = 100'
	cd r
	echo a = 1 >f.ini
	code 13 env GIT_EDITOR='printf "%0200d = 1\n" 7 >>' git sk conf edit f.ini
	has "$W.err" "what was typed is kept"
	eq "$(cat f.ini)" "a = 1"
	code 0 term 'sed -i s/0*7/b/' 'go on with its text' 'y\n' -- git sk conf edit f.ini
	eq "$(tail -n 1 f.ini)" "b = 1"
	# what can be known before is told before
	for how in "--check=a && b" "--check-after='x" --as=xml; do
		code 2 env GIT_EDITOR='echo >../typed;' git sk conf edit "$how" f.ini
	done
	code 15 env GIT_EDITOR='echo >../typed;' git sk conf edit no/such.ini
	[ ! -e ../typed ] || die "the editor ran"
	# an editor that was left without a text makes no file
	code 0 env GIT_EDITOR=true git sk conf edit none.ini
	has "$W.err" "nothing was changed"
	[ ! -e none.ini ] || die "it was made"
	clean
}

t_restore_of_several() {
	begin
	cd r
	echo 1 >a && echo 1 >b && git sk conf backup a b >/dev/null
	echo 2 >a && echo 2 >b
	code 3 git sk conf restore a none b
	has "$W.err" "none was ever backed up"
	eq "$(cat a b | tr '\n' ' ')" "1 1 "
	code 3 git sk conf restore --json none a
	has "$W.out" '"failed"'
	code 1 git sk conf restore none
	code 1 git sk conf restore none nor-this
}

t_settings_name_commands() {
	begin 'check_own = *.conf grep -q good' 'after_own = *.conf sh -c "test ! -e ../veto" sh {}' \
		'format_rc = "*.my rc" json'
	cd r
	echo good >f.conf
	cp f.conf sub.conf
	code 1 env GIT_EDITOR='sed -i s/good/evil/' git sk conf edit f.conf
	code 0 env GIT_EDITOR='echo more >>' git sk conf edit f.conf
	: >../veto
	code 1 env GIT_EDITOR='echo more >>' git sk conf edit f.conf
	has "$W.err" "the old file is back"
	echo '{}' >'x.my rc'
	code 1 env GIT_EDITOR='echo bad >>' git sk conf edit 'x.my rc'
	code 0 env GIT_EDITOR='echo bad >>' git sk conf edit --as none 'x.my rc'
	# what came with the repository names none
	rm ../veto
	printf '[plugin "config-backup"]\nafter_evil = * touch %s/owned\n' "$W" >.safekeep.ini
	code 0 env GIT_EDITOR='echo more >>' git sk conf edit f.conf
	[ ! -e "$W/owned" ] || die "a command of the repository ran"
}

t_path_is_an_argument() {
	local n='$(touch owned); touch owned #.conf'
	begin
	cd r
	echo 1 >"$n"
	code 0 env GIT_EDITOR='echo 2 >>' git sk conf edit --check 'test -f' --check-after 'test -s {}' "$n"
	[ ! -e owned ] || die "the name ran as a command"
	eq "$(wc -l <"$n")" 2
}

# valid NAME YES|NO: the text on standard input becomes that file by an edit, or not
valid() {
	local want=0
	[ "$2" = yes ] || want=1
	cat >../text
	rm -f "$1"
	code "$want" env GIT_EDITOR="cp ../text" git sk conf edit "$1"
	rm -f "$1"
}

t_formats() {
	begin
	cd r
	printf '; c\n[s]\na = 1\nb : 2\n%s\n' "long = $(head -c 5000 /dev/zero | tr '\0' x)" | valid a.ini yes
	printf '[s\na = 1\n' | valid a.ini no
	printf '[s]\nword\n' | valid a.ini no
	printf 'a = 1\n\0\n' | valid a.ini no
	printf '{"a": [1, 2.5, null, "\\u00e9", 123456789012345678901234567890]}' | valid a.json yes
	printf '{"a": 1, "a": 2}' | valid a.json no
	printf '{"a": 1,}' | valid a.json no
	printf 'a: &x [1, 2]\nb: *x\n---\nc: |\n  text\n' | valid a.yaml yes
	printf 'a: *x\n' | valid a.yml no
	printf 'a: [1\nb: 2\n' | valid a.yml no
	printf 'a:\n\t- 1\n' | valid a.yml no
	printf 'a.b = 1\n[c]\nd = [1, {e = 2}]\n[[f]]\ng = 1979-05-27T07:32:00Z\n' | valid a.toml yes
	printf 'a = 1\na = 2\n' | valid a.toml no
	printf '[a]\n[a]\n' | valid a.toml no
	printf 'a = b\n' | valid a.toml no
	has "$W.err" "line 1 is no toml"
	: | valid a.json yes || true
}

t_formats_made_to_hurt() {
	begin 'timeout = 5s' 'max_size = 200M'
	cd r
	head -c 1000000 /dev/zero | tr '\0' '[' | valid a.json no
	head -c 1000000 /dev/zero | tr '\0' '[' | valid a.yaml no
	head -c 1000000 /dev/zero | tr '\0' '[' | sed 's/^/a = /' | valid a.toml no
	{
		echo 'a: &a [x, x, x, x, x, x, x, x, x]'
		for p in ab bc cd de ef fg gh hi; do
			echo "${p#?}: &${p#?} [$(printf "*${p%?}, %.0s" 1 2 3 4 5 6 7 8)*${p%?}]"
		done
	} | valid a.yaml yes
	[ -n "${SK_LONG:-}" ] || return 0
	for f in ini json yaml toml; do
		head -c 100000000 /dev/urandom | valid a.$f no
		head -c 100000000 /dev/zero | valid a.$f no
	done
}

t_watch() {
	begin
	cd r
	mkdir -p "$W/host/d/e" conf
	echo 1 >"$W/host/d/e/x.conf"
	echo 1 >"$W/host/d/y.conf"
	echo 1 >conf/app.ini
	echo 1 >"$W/host/d/not"
	git sk conf watch add "$W/host/**/*.conf" conf
	git sk conf watch list >../out
	has ../out "$W/host/**/*.conf  (2 files)"
	has ../out "/r/conf  (1 file)"
	eq "$(git sk conf list -z | tr -cd '\0' | wc -c)" 3
	echo 22 >"$W/host/d/y.conf"
	git sk backup >/dev/null
	eq "$(versions "$W/host/d/y.conf") $(versions "$W/host/d/e/x.conf")" "2 1"
	chmod 600 conf/app.ini
	echo 1 >"$W/host/new.conf"
	git sk backup >/dev/null
	eq "$(versions conf/app.ini) $(versions "$W/host/new.conf")" "2 1"
	git sk conf watch remove conf
	code 1 git sk conf watch remove conf
	echo 3 >conf/app.ini
	git sk backup >/dev/null
	eq "$(versions conf/app.ini)" 2
	# a pattern counts from where it was typed
	(cd conf && git sk conf watch add '*.ini')
	git sk conf watch list >../out
	has ../out "$W/r/conf/*.ini"
	code 2 git sk conf watch add
	code 2 git sk conf watch what
	git sk plugin list >../out
	hasnt ../out trouble
}

t_watch_in_each_worktree() {
	begin
	cd r
	git worktree add -q ../linked
	echo 1 >app.ini
	git sk conf watch add '*.ini'
	(
		cd ../linked
		echo 2 >app.ini
		git sk backup >/dev/null
		eq "$(git sk conf show app.ini)" 2
		echo 3 >app.ini
		git sk conf restore app.ini >/dev/null
		eq "$(cat app.ini)" 2
		eq "$(git sk conf list -z | tr '\0' '\n')" "$W/linked/app.ini"
	)
	eq "$(git sk conf show app.ini) $(cat app.ini)" "1 1"
}

t_two_at_once() {
	local i
	begin
	cd r
	git worktree add -q ../linked
	for i in 1 2 3 4 5 6; do echo $i >"$W/host/f$i"; done
	for i in 1 2 3 4 5 6; do
		(cd "../$([ $((i % 2)) = 0 ] && echo r || echo linked)" && git sk conf backup "$W/host/f$i" "$W/host/f1" >/dev/null) &
	done
	wait
	eq "$(git sk conf list -z | tr -cd '\0' | wc -c)" 6
	eq "$(versions "$W/host/f1")" 1
	echo 0 >"$W/host/f1"
	for i in 1 2 3 4 5 6; do (echo $i >"$W/host/f$i" && git sk conf backup "$W/host/f$i" >/dev/null) & done
	wait
	code 0 git sk conf check
	code 0 git fsck
}

t_killed() {
	local i n=15
	[ -z "${SK_LONG:-}" ] || n=300
	begin
	cd r
	head -c 3000000 /dev/zero | tr '\0' a >"$W/host/f"
	git sk conf backup "$W/host/f" >/dev/null
	head -c 3000000 /dev/zero | tr '\0' b >"$W/host/f"
	git sk conf backup "$W/host/f" >/dev/null
	sha1sum <"$W/host/f" >../b
	tr b a <"$W/host/f" | sha1sum >../a
	for i in $(seq $n); do
		if [ $((i % 3)) = 0 ]; then
			GIT_EDITOR='sed -i s/a/c/g\;s/b/a/g\;s/c/b/g' setsid git sk conf edit "$W/host/f" >/dev/null 2>&1 &
		else
			setsid git sk conf restore "$W/host/f" >/dev/null 2>&1 &
		fi
		sleep "0.0$((RANDOM % 100))"
		kill -9 -- -$! 2>/dev/null || true
		wait $! 2>/dev/null || true
		# a child that the kernel is to end may take a moment
		sha1sum <"$W/host/f" | cat - ../a ../b | sort | uniq -d | grep -q . || die "it is neither the one nor the other"
	done
	sleep 0.2
	git sk conf list >/dev/null
	eq "$(find "$W/host" -name '.sk-conf-*')" "" "temporary files"
	eq "$(find .git/sk/plugins/config-backup -name 'temp-*')" "" "notes"
	GIT_EDITOR=true git sk conf edit "$W/host/f"
	clean
	code 0 git fsck
}

t_secrets_are_marked() {
	begin
	cd r
	echo "key = 1" >plain.ini
	printf 'token = %s_%s\n' ghp aB3dE5gH7jK9mN1pQ3sT5vW7yZ9bC1dF3hJ5 >secret.ini
	git sk conf backup plain.ini secret.ini >/dev/null
	git sk conf list >../out
	! grep -q 'not looked for' ../out || skip "this git-sk cannot look for secrets"
	grep -q 'secret.ini.*(secrets: ' ../out || die "$(cat ../out)"
	! grep -q 'plain.ini.*secrets' ../out || die "$(cat ../out)"
	# what is kept is the file, and it stays here
	git sk conf show secret.ini | cmp - secret.ini
}

t_retention() {
	local i
	begin 'keep_last = 3' 'keep_hourly = 0' 'keep_daily = 2' 'keep_weekly = 0' 'keep_monthly = 0'
	cd r
	for i in 1 2 3 4 5 6 7 8; do
		echo $i >f
		SK_TEST_NOW=$((1795000000 + i * 86400)) git sk conf backup f >/dev/null
	done
	echo 1 >g
	SK_TEST_NOW=1700000000 git sk conf backup g >/dev/null
	SK_TEST_NOW=$((1795000000 + 9 * 86400)) git sk prune --dry-run >/dev/null
	eq "$(versions f)" 8
	SK_TEST_NOW=$((1795000000 + 9 * 86400)) git sk prune >/dev/null
	eq "$(versions f) $(versions g)" "3 1"
	eq "$(git sk conf show f)" 8
}

t_damaged() {
	local ref
	begin
	cd r
	echo 1 >f
	git sk conf backup f >/dev/null
	echo 2 >f
	git sk conf backup f >/dev/null
	ref=$(git for-each-ref --format='%(refname)' refs/sk/conf | tail -n 1)
	evil=$(printf '100644 blob %s\tcontent\n100644 blob %s\tmeta\n' "$(echo x | git hash-object -w --stdin)" \
		"$(printf '{"format": 1, "path": "/f", "kind": "file", "mode": "$(touch x)"}' | git hash-object -w --stdin)" | git mktree)
	git cat-file tag "$ref" | sed "s/^object .*/object $evil/" | git hash-object -t tag -w --stdin --literally >tag
	git update-ref "$ref" "$(cat tag)"
	code 0 git sk conf list f
	has "$W.out" damaged
	code 14 git sk conf show f
	has "$W.err" "its mode is none"
	code 14 git sk conf restore f --at "${ref##*@}"
	eq "$(cat f)" 2
	echo 3 >f
	code 0 git sk conf restore f
	eq "$(cat f)" 1
	# one that is damaged does not hide what the others are
	echo 1 >g && git sk conf backup g >/dev/null && echo 2 >g
	git update-ref "refs/sk/conf/work/main/f@99990101T000000Z" "$(cat tag)"
	code 14 git sk conf check
	has "$W.out" "g: content"
	has "$W.err" "is damaged"
}

t_private_and_enabled() {
	begin
	cd r
	echo 1 >f
	git sk conf backup f >/dev/null
	git cat-file tag "$(git for-each-ref --format='%(refname)' refs/sk/conf)" >../tag
	has ../tag "Sk-Private: yes"
	git clone -q . ../clone
	eq "$(git -C ../clone for-each-ref refs/sk)" ""
	git sk uninit >/dev/null
	code 10 git sk conf backup f
	has "$W.err" "git sk init"
	echo 2 >f
	code 0 git sk conf restore f
	eq "$(cat f)" 1
	cd "$W"
	code 10 git sk conf list
}

t_help_and_manual() {
	begin
	cd r
	git sk conf -h >../out
	has ../out "--check-after"
	git sk --complete-words conf | grep -qx restore
	git sk plugin show config-backup --man >../man
	! command -v man >/dev/null || eq "$(man --warnings -l ../man 2>&1 >/dev/null)" "" "warnings of man"
	git sk status >../out 2>&1 || true
	hasnt ../out "config-backup"
	git sk conf
	# an option of another word is refused, not passed over
	echo 1 >f && git sk conf backup f >/dev/null
	code 2 git sk conf check --at 2020-01-01 f
	has "$W.err" "'git sk conf check' takes no --at"
	code 2 git sk conf restore --bak f
	code 2 git sk conf list -m x
}

t_nginx() {
	command -v nginx >/dev/null || [ -x /usr/sbin/nginx ] || skip "no nginx"
	PATH=$PATH:/usr/sbin
	mkdir -p "$W/ng/sites"
	cat >"$W/ng/nginx.conf" <<-END
		pid $W/ng/pid;
		error_log stderr;
		events {}
		http {
			access_log off;
			client_body_temp_path $W/ng/t1; proxy_temp_path $W/ng/t2; fastcgi_temp_path $W/ng/t3;
			uwsgi_temp_path $W/ng/t4; scgi_temp_path $W/ng/t5;
			include $W/ng/sites/*;
		}
	END
	echo 'server { listen 127.0.0.1:18080; }' >"$W/ng/sites/a"
	nginx -t -q -c "$W/ng/nginx.conf" 2>/dev/null || skip "nginx -t does not run here"
	begin "check_main = $W/ng/nginx.conf nginx -t -q -c {}" "after_site = $W/ng/sites nginx -t -q -c $W/ng/nginx.conf"
	cd r
	code 1 env GIT_EDITOR='echo "nonsense on;" >>' git sk conf edit "$W/ng/nginx.conf"
	has "$W.err" 'unknown directive "nonsense"'
	code 0 env GIT_EDITOR='echo "worker_processes 1;" >>' git sk conf edit "$W/ng/nginx.conf"
	code 1 env GIT_EDITOR='echo "server { listen nowhere:x; }" >>' git sk conf edit "$W/ng/sites/a"
	has "$W.err" "the old file is back"
	eq "$(cat "$W/ng/sites/a")" 'server { listen 127.0.0.1:18080; }'
	code 0 env GIT_EDITOR='sed -i s/18080/18081/' git sk conf edit "$W/ng/sites/a"
	nginx -t -q -c "$W/ng/nginx.conf"
}

run_tests
