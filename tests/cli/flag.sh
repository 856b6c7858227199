# Feature flags: flags.ini, its values and changes, exports by using them, scan, and the gate.
. "$(dirname "$0")/lib.sh"

# begin: a repository in r with SafeKeep and the plugin, as it is installed or as it was built
begin() {
	local built
	export XDG_CONFIG_HOME=$W/config XDG_CACHE_HOME=$W/cache
	umask 022
	mkdir -p "$XDG_CONFIG_HOME/safekeep"
	settings
	if ! git sk plugin list | grep -q '^feature-flag .*loaded'; then
		built=$(dirname "$(readlink -f "$(command -v git-sk)")")/plugins
		[ -e "$built/feature-flag.so" ] || die "feature-flag.so is not there"
		FOLDER=$built
		settings
		git sk plugin list >list
		grep -q '^feature-flag .*loaded' list || { cat list >&2; die "it is not loaded"; }
	fi
	repo r
	cd r
	git sk init >/dev/null 2>&1
}

# settings LINE...: [plugin "feature-flag"] has them
settings() {
	{
		printf '[plugins]\nenable = feature-flag\ntimeout = 5m\n' # a slow machine is no failure
		[ -z "${FOLDER:-}" ] || printf 'folder = %s\n' "$FOLDER"
		printf '[plugin "feature-flag"]\n'
		[ $# = 0 ] || printf '%s\n' "$@"
	} >"$XDG_CONFIG_HOME/safekeep/safekeep.ini"
}

flag() { git sk -q flag "$@"; }

# three flags, one of each kind that matters
three() {
	cat >flags.ini <<-'END'
		; our flags

		; the new way to pay
		[new_payment]
		type = boolean
		default = false   ; not yet
		default.staging = true
		env = ENABLE_NEW_PAYMENT

		[rate-limit]
		type = integer
		default = 10
		default.production = 50

		[banner]
		type = string
		default = "a \u003b b"
		permanent = true
	END
}

py() {
	command -v python3 >/dev/null || skip "no python3"
	python3 -B "$@"
}

t_values_and_where_they_come_from() {
	begin
	three
	eq "$(flag get new_payment)" false
	eq "$(ENABLE_NEW_PAYMENT=true flag get new_payment)" true
	eq "$(ENABLE_NEW_PAYMENT=TRUE flag get new_payment)" true
	eq "$(ENABLE_NEW_PAYMENT=False flag get new_payment --in staging)" false
	eq "$(ENABLE_NEW_PAYMENT='' flag get new_payment)" false
	eq "$(flag get new_payment --in staging)" true
	eq "$(SK_FLAG_ENVIRONMENT=staging flag get new_payment)" true
	eq "$(flag get rate-limit)" 10
	eq "$(RATE_LIMIT=7 flag get rate-limit --in production)" 7
	eq "$(flag get rate-limit --in staging)" 10
	eq "$(flag get banner)" "a ; b"
	settings 'environment = production'
	eq "$(flag get rate-limit)" 50
	eq "$(flag get rate-limit --in staging)" 10
	settings
	flag eval new_payment --explain >out
	grep -q '^value  *false$' out
	grep -q '^source  *flags.ini:6$' out
	grep -q 'variable ENABLE_NEW_PAYMENT is not set' out
	ENABLE_NEW_PAYMENT=true flag eval new_payment --explain >out
	grep -q '^source  *variable ENABLE_NEW_PAYMENT$' out
	eq "$(flag eval rate-limit --in production)" "50  (environment)"
	flag eval rate-limit --in production --json >out
	has out '"value": 50'
	has out '"reason": "environment"'
	has out '"line": 13'
	cd src
	eq "$(flag get rate-limit)" 10
}

t_never_a_silent_false() {
	begin
	code 2 flag get new_payment
	has "$W.err" "there is no flags.ini"
	three
	code 2 flag get new-paymnt
	has "$W.err" "there is no flag new-paymnt in flags.ini; did you mean new_payment?"
	eq "$(cat "$W.out")" ""
	for v in yes 1 on t ' true' 0 null; do
		ENABLE_NEW_PAYMENT=$v code 2 flag get new_payment
		has "$W.err" "the variable ENABLE_NEW_PAYMENT is '$v', and flag new_payment is a boolean"
		eq "$(cat "$W.out")" ""
	done
	RATE_LIMIT=1.5 code 2 flag get rate-limit
	ENABLE_NEW_PAYMENT=$'\033[31m' code 2 flag get new_payment
	! grep -q $'\033' "$W.err" || die "an escape sequence came through"
	code 2 flag get new_payment --type integer
	has "$W.err" "flag new_payment is of type boolean, not integer"
	eq "$(flag get new_payment --type boolean)" false
	code 2 flag get new_payment --type bool
	code 2 flag get new_payment --in stagign
	has "$W.err" "but for staging, production"
	SK_FLAG_ENVIRONMENT=stagign code 0 git sk flag get new_payment
	eq "$(cat "$W.out")" false
	has "$W.err" "no flag has a value for the environment stagign"
	settings 'environments = qa'
	eq "$(flag get new_payment --in qa)" false
	SK_FLAG_ENVIRONMENT=stagign code 2 flag get new_payment
	ENABLE_NEW_PAYMENT=yes code 2 flag eval new_payment --explain
	has "$W.out" "reason  error"
	ENABLE_NEW_PAYMENT=yes code 3 flag list
	has "$W.out" rate-limit
	code 2 flag get
	code 2 flag nonsense
	code 2 flag get new_payment --force
}

t_list() {
	begin
	code 0 flag list
	code 0 git sk flag --json
	three
	RATE_LIMIT=3 flag >out
	grep -q '^new_payment  boolean  false  *default' out
	grep -q '^rate-limit   integer  3  *variable RATE_LIMIT' out
	grep -q '^banner .*permanent' out
	flag list --json --in production >out
	has out '"environment": "production"'
	has out '"value": 50'
	eq "$(flag list -z | tr '\0' ' ')" "new_payment rate-limit banner "
	# one that is broken breaks no other
	printf '[bad]\ndefault = maybe\n\n[b$x%%s]\ndefault = true\n[odd]\ndefault = true\nfoo = 1\n' >>flags.ini
	code 3 git sk flag list
	has "$W.err" "flags.ini:20: flag bad: default = 'maybe': a boolean is true or false"
	has "$W.err" "there is no key 'foo'"
	eq "$(flag get rate-limit)" 10
	code 2 flag get bad
	has "$W.err" "flags.ini:20: flag bad"
	code 3 flag list --json
	py -c 'import json, sys; f = json.load(open(sys.argv[1]))["flags"]
assert [x["name"] for x in f] == ["new_payment", "rate-limit", "banner", "bad", "b$x%s", "odd"]
assert [x["error"] is None for x in f] == [True, True, True, False, False, True]' "$W.out"
}

t_changes_keep_all_else() {
	begin
	three
	cp flags.ini ../before
	n=$(git for-each-ref refs/sk/backup | wc -l)
	echo more >>a.txt
	flag set new_payment true
	sed 's/^default = false   ; not yet/default = true   ; not yet/' ../before >../want
	cmp flags.ini ../want
	[ "$(git for-each-ref refs/sk/backup | wc -l)" -gt "$n" ] || die "no backup"
	git sk cat latest flags.ini | cmp - ../before
	n=$(git for-each-ref refs/sk/backup | wc -l)
	flag set new_payment true
	eq "$(git for-each-ref refs/sk/backup | wc -l)" "$n" "backups when nothing changes"
	flag set rate-limit 7 --in staging
	flag get rate-limit --in staging | grep -qx 7
	flag set rate-limit -- -5
	eq "$(flag get rate-limit)" -5
	flag set banner ' "x" ; y '
	eq "$(flag get banner)" ' "x" ; y '
	flag set rate-limit --owner ops --expires 2030-01-01 --description 'a = b ; c' --issue https://example.org/1
	flag list --json >../out
	has ../out '"owner": "ops"'
	has ../out '"description": "a = b ; c"'
	flag set rate-limit --unset owner
	! grep -q '^owner' flags.ini
	cp flags.ini ../same
	for bad in 'rate-limit x' 'rate-limit 1.5' 'new_payment yes' 'nothing true' 'rate-limit' \
		'new_payment --env PATH' 'new_payment --env RATE_LIMIT' 'new_payment --expires soon' \
		'new_payment --type integer' 'new_payment --unset owner' 'new_payment --unset default'; do
		code 2 flag set $bad
		cmp flags.ini ../same
	done
	flag remove rate-limit
	! grep -q rate flags.ini
	sed '/^\[rate-limit\]/,/^$/d' ../want | sed 's/^default = "a.*/default = "\\"x\\" \\u003b y "/' >../left
	sed 's/ "\\"x/ " \\"x/' ../left | cmp - flags.ini
	code 2 flag remove rate-limit
}

t_add() {
	begin
	flag add new-search --env ENABLE_SEARCH2 --description "it's \"new\"" --owner me --expires 2030-12-31
	eq "$(flag get new-search)" false
	grep -q '^created = 20[0-9][0-9]-[0-9][0-9]-[0-9][0-9]$' flags.ini
	flag add depth -t integer -d 3
	flag add ratio -t float --default=-0.5
	flag add title -t string -d '$(touch pwned) %s `x`' --permanent
	eq "$(flag get depth) $(flag get ratio)" "3 -0.5"
	eq "$(flag get title)" '$(touch pwned) %s `x`'
	cp flags.ini same
	code 2 flag add new-search
	code 2 flag add newSearch
	has "$W.err" "its name is new-search in another spelling"
	code 2 flag add other --env ENABLE_SEARCH2
	code 2 flag add other --env LD_PRELOAD
	has "$W.err" "mean something to other programs"
	code 2 flag add other -t integer
	code 2 flag add other -t object -d 1
	for name in '' 'a b' '9a' 'a]' '$(x)' 'a;b' "$(printf 'x%.0s' $(seq 101))" $'a\nb' 'ü'; do
		code 2 flag add "$name"
	done
	cmp flags.ini same
	[ ! -e pwned ] || die "a value was run"
	# a name that would make PATH its variable has none
	flag add path -t string -d x
	eq "$(PATH=$PATH flag get path)" x
	flag export --format env >../out
	has ../out "# path has no variable"
	! grep -q ^PATH ../out
	# not enabled: nothing without a backup
	git init -q ../plain
	cp flags.ini ../plain
	eq "$(flag -C ../plain get depth)" 3
	code 10 git -C ../plain sk flag set depth 4
	git -C ../plain sk flag get depth | grep -qx 3
	# what is not UTF-8 is refused, and never an empty text
	cp flags.ini ../was
	code 2 flag add odd --type string "$(printf ' \377')"
	code 2 flag add odd --owner "$(printf 'a\n[other]\n\377')"
	has "$W.err" "not UTF-8"
	cmp flags.ini ../was
}

t_file_as_it_was() {
	begin
	mkdir conf
	settings 'file = conf/flags.ini'
	printf '\xef\xbb\xbf; BOM\r\n[a-flag]\r\ndefault = true\r\n\r\n; for b\r\n[b-flag]\r\ndefault = false' >conf/flags.ini
	chmod 640 conf/flags.ini
	flag set a-flag false
	flag set b-flag true --in dev
	flag add c-flag
	printf '\xef\xbb\xbf; BOM\r\n[a-flag]\r\ndefault = false\r\n\r\n; for b\r\n[b-flag]\r\ndefault = false\r\ndefault.dev = true\r\n\r\n[c-flag]\r\ntype = boolean\r\ndefault = false\r\nenv = C_FLAG\r\n' >../want
	head -c "$(stat -c %s ../want)" conf/flags.ini | cmp - ../want
	eq "$(stat -c %a conf/flags.ini)" 640 mode
	eq "$(ls -A conf)" flags.ini "leftovers"
	flag remove c-flag
	flag remove a-flag
	printf '\xef\xbb\xbf; BOM\r\n\r\n; for b\r\n[b-flag]\r\ndefault = false\r\ndefault.dev = true\r\n' | cmp - conf/flags.ini
	for f in ../x /etc/passwd a/../b .git/config a//b ./a sub/.GIT/x ''; do
		settings "file = $f"
		[ -z "$f" ] || code 2 flag list
	done
}

t_no_way_out_of_the_tree() {
	begin
	three
	mv flags.ini "$W/outside.ini"
	cp "$W/outside.ini" "$W/same"
	ln -s "$W/outside.ini" flags.ini
	code 13 flag set new_payment true
	code 13 flag add more-flags
	code 13 flag get new_payment
	has "$W.err" "symbolic link"
	cmp "$W/outside.ini" "$W/same"
	[ -L flags.ini ]
	rm flags.ini
	mkdir "$W/out" && cp "$W/same" "$W/out/flags.ini"
	ln -s "$W/out" conf
	settings 'file = conf/flags.ini'
	code 13 flag set new_payment true
	cmp "$W/out/flags.ini" "$W/same"
	settings
	mkfifo flags.ini
	code 13 flag get new_payment
	rm flags.ini && mkdir flags.ini
	code 13 flag get new_payment
	# the project's own file may not say where the flags are until it is trusted
	rmdir flags.ini
	cp "$W/same" other.ini
	printf '[plugin "feature-flag"]\nfile = other.ini\n' >.safekeep.ini
	code 2 flag get new_payment
	git sk trust >/dev/null
	eq "$(flag get new_payment)" false
}

t_hostile_files() {
	begin
	head -c 100000 /dev/urandom >flags.ini
	code 2 flag get x
	printf '[a-flag]\ndefault = true\0\n' >flags.ini
	code 2 flag get a-flag
	has "$W.err" "NUL byte"
	{ printf '[a-flag]\ndefault = true\n' && head -c 10000000 /dev/zero | tr '\0' ';'; } >flags.ini
	code 2 flag get a-flag
	has "$W.err" "larger than"
	{ printf '[a-flag]\ndefault = true\n' && yes '[x]' | head -n 20000; } >flags.ini
	code 2 flag list
	{ printf '[a-flag]\ndefault = true\n' && yes 'k = 1' | head -n 20000; } >flags.ini
	code 2 flag list
	printf '[a-flag]\ndefault = true\n[a-flag]\ndefault = false\n[b-flag]\ndefault = true\n' >flags.ini
	code 2 flag get a-flag
	has "$W.err" "it is there twice, in lines 1 and 3"
	eq "$(flag get b-flag)" true
	code 2 flag set a-flag true
	printf '[a-flag]\ndefault = true\n[\033[31m$(touch pwned)]\ndefault = true\n' >flags.ini
	code 3 flag list
	! grep -q $'\033' "$W.out" "$W.err" || die "an escape sequence came through"
	eq "$(flag get a-flag)" true
	flag export --format env >out 2>/dev/null || eq $? 3
	sh -c '. ./out'
	[ ! -e pwned ] || die "a name was run"
	: >flags.ini
	code 0 flag list
	code 2 flag get a-flag
	flag add a-flag
	eq "$(flag get a-flag)" false
}

t_what_a_killed_one_left() {
	begin
	three
	echo outside >../outside
	ln -s ../outside .flags.ini.sk-new
	flag set new_payment true
	eq "$(cat ../outside)" outside
	[ ! -e .flags.ini.sk-new ] && [ ! -L .flags.ini.sk-new ]
	eq "$(flag get new_payment)" true
	# while it cannot be written, it stays
	[ "$(id -u)" != 0 ] || return 0
	mkdir conf && mv flags.ini conf
	settings 'file = conf/flags.ini'
	cp conf/flags.ini ../same
	chmod 555 conf
	code 15 flag set new_payment false
	chmod 755 conf
	cmp conf/flags.ini ../same
	eq "$(ls -A conf)" flags.ini
}

t_merge_conflict_in_the_file() {
	begin
	three
	git add -A && git commit -qm flags
	git checkout -qb other && flag set rate-limit 11 && git commit -qam other
	git checkout -q main && flag set rate-limit 12 && git commit -qam main
	! git merge -q other >/dev/null 2>&1
	grep -q '<<<<<<<' flags.ini
	eq "$(flag get new_payment)" false
	code 2 flag get rate-limit
	code 3 flag list
}

t_two_at_once_lose_nothing() {
	begin
	flag add counter -t integer -d 0
	for i in 1 2 3 4 5 6; do
		flag add "flag-$i" &
		flag set counter "$i" --in "env$i" &
	done
	wait
	for i in 1 2 3 4 5 6; do
		eq "$(flag get "flag-$i")" false
		eq "$(flag get counter --in "env$i")" "$i"
	done
	eq "$(git status --short)" "?? flags.ini"
}

hostile_flags() {
	flag add text -t string -d $'q\' "d" $(touch pwned) `touch pwned` \\n %s ; # ??/ */ </b> \xc3\xa9 \xf0\x9f\x98\x80 \x7f\x1b[m\n2nd\tline\\' \
		--description $'*/ #error\n"""\nimport nothing \\'
	flag add a.b-c -t float -d 1.5e-7
	flag add least -t integer -d=0 2>/dev/null || flag add least -t integer -d 0
	flag set least -- -9223372036854775808
	flag add on-off -d true
	flag set on-off false --in dev
	flag add empty -t string -d ''
}

t_exports_by_using_them() {
	begin
	hostile_flags
	for f in env json c python openfeature; do
		flag export --format $f >../out.$f
	done
	py - ../out <<-'END'
		import json, os, subprocess, sys
		top = sys.argv[1]
		values = json.load(open(top + ".json"))
		assert list(values) == ["text", "a.b-c", "least", "on-off", "empty"], values
		assert values["text"].endswith("\x7f\x1b[m\n2nd\tline\\"), values
		assert values["least"] == -2**63 and values["on-off"] is True and values["empty"] == ""
		space = {}
		exec(compile(open(top + ".python").read(), "flags", "exec"), space)
		assert space["FEATURES"] == values, space["FEATURES"]
		os.environ["ON_OFF"] = "FALSE"
		exec(compile(open(top + ".python").read(), "flags", "exec"), space)
		assert space["FEATURES"]["on-off"] is False
		for bad in ("yes", "1", " true"):
		    os.environ["ON_OFF"] = bad
		    try:
		        exec(compile(open(top + ".python").read(), "flags", "exec"), space)
		    except ValueError as e:
		        assert "ON_OFF" in str(e) and bad in str(e)
		    else:
		        raise AssertionError(bad)
		del os.environ["ON_OFF"]
		shell = subprocess.run(["sh", "-c", '. "$0"; printf %s "$TEXT"; printf "|%s|" "$EMPTY$LEAST"', top + ".env"],
		                       stdout=subprocess.PIPE, check=True).stdout.decode()
		assert shell == values["text"] + "|" + str(-2**63) + "|", shell
		manifest = json.load(open(top + ".openfeature"))["flags"]
		assert {k: v["defaultValue"] for k, v in manifest.items()} == values
		assert {v["flagType"] for v in manifest.values()} <= {"boolean", "string", "integer", "float"}
	END
	[ ! -e pwned ] || die "a value was run"
	command -v cc >/dev/null || return 0
	cat >../use.c <<-'END'
		#include <stdio.h>
		#include "out.h"
		int main(void)
		{
			fputs(FLAG_TEXT, stdout);
			return FLAG_LEAST < 0 && FLAG_A_B_C > 0 && FLAG_ON_OFF == 1 && sizeof FLAG_EMPTY == 1 ? 0 : 1;
		}
	END
	cp ../out.c ../out.h
	cc -std=c99 -trigraphs -Wall -Wextra -Wpedantic -Werror -Wno-trigraphs -o ../use ../use.c
	../use >../used
	flag get text | head -c -1 | cmp - ../used
	code 2 flag export --format xml
	ON_OFF=perhaps code 3 flag export --format env
	! grep -q ON_OFF "$W.out" || die "an unusable flag was exported"
	# no text turns the direction of writing in a comment
	flag set on-off --description "$(printf 'a \342\200\256 b \302\233 c \330\234 \342\201\246 d \303\251')"
	for f in c python; do
		flag export --format $f >../out.$f
		has ../out.$f "a ? b ? c ? ? d $(printf '\303\251')"
	done
	# what was exported is no place where a flag is used
	flag export --format python >flags.py
	flag scan on-off >out || eq $? 1
	hasnt out flags.py
}

# flagd's rules, as its schema has them; with the schema itself where SK_FLAGD_SCHEMA names it
t_export_for_flagd() {
	begin
	hostile_flags
	flag add name -t string -d eu
	flag set name us --in default
	flag set name asia --in asia
	code 3 git sk flag export --format flagd
	has "$W.err" "flag least: flagd has no integers beyond 2^53"
	flag set least 9007199254740991
	flag export --format flagd --in asia >../flagd.json
	py - ../flagd.json <<-'END'
		import json, os, sys
		doc = json.load(open(sys.argv[1]))
		assert doc["$schema"] == "https://flagd.dev/schema/v0/flags.json"
		for key, flag in doc["flags"].items():
		    assert key and flag["state"] == "ENABLED", key
		    assert set(flag) <= {"state", "variants", "defaultVariant", "metadata"}, flag
		    kinds = {float if type(v) in (int, float) else type(v) for v in flag["variants"].values()}
		    assert len(kinds) == 1 and kinds <= {bool, str, float}, flag
		    assert flag["defaultVariant"] in flag["variants"], flag
		    assert all(type(v) in (str, bool, int, float) for v in flag.get("metadata", {}).values())
		flags = doc["flags"]
		value = lambda k: flags[k]["variants"][flags[k]["defaultVariant"]]
		assert value("name") == "asia" and value("on-off") is True and value("a.b-c") == 1.5e-7
		assert sorted(flags["name"]["variants"].values()) == ["asia", "eu", "us"]
		if os.environ.get("SK_FLAGD_SCHEMA"):
		    import jsonschema
		    jsonschema.validate(doc, json.load(open(os.environ["SK_FLAGD_SCHEMA"])))
	END
	flag export --format flagd --in dev >../flagd.json
	grep -A 6 '"on-off"' ../flagd.json | grep -q '"state"'
	grep -q '"defaultVariant": "off"' ../flagd.json
	# an environment that is called default takes no other's place
	printf '[h]\ntype = string\ndefault = A\ndefault.default = B\ndefault.default-environment = C\n' >flags.ini
	flag export --format flagd --in default >../out.flagd
	python3 -c 'import json, sys; f = json.load(open(sys.argv[1]))["flags"]["h"]; assert f["variants"][f["defaultVariant"]] == "B" and sorted(f["variants"].values()) == ["A", "B", "C"]' ../out.flagd
}

t_run() {
	begin
	three
	eq "$(flag run --in staging -- sh -c 'echo "$ENABLE_NEW_PAYMENT $RATE_LIMIT $BANNER"')" "true 10 a ; b"
	eq "$(RATE_LIMIT=3 flag run -- sh -c 'echo "$RATE_LIMIT"; pwd')" "3
$(pwd -P)"
	code 7 flag run -- sh -c 'exit 7'
	eq "$(echo input | flag run -- cat)" input
	code 2 flag run
	RATE_LIMIT=x code 2 flag run -- echo started
	hasnt "$W.out" started
	printf '[bad]\n' >>flags.ini
	code 2 flag run -- echo started
	hasnt "$W.out" started
	has "$W.err" "flag bad: it has no default"
}

t_history() {
	begin
	code 0 flag history
	three
	git add flags.ini
	GIT_COMMITTER_DATE="2024-01-01T00:00:00Z" git commit -qm "three flags"
	flag set new_payment true
	flag set rate-limit --owner ops
	GIT_AUTHOR_NAME="Zoë <x" GIT_COMMITTER_DATE="2024-02-01T00:00:00Z" git commit -qam "on"
	git mv flags.ini toggles.ini
	git commit -qm moved
	settings 'file = toggles.ini'
	flag remove banner --force
	flag history >out
	grep -q '^----------  .*(working tree)  banner  removed (default' out
	grep -q '  2024-02-01  Zoë.*  new_payment  default: false -> true$' out
	grep -q 'rate-limit  owner: (none) -> ops$' out
	grep -q '  2024-01-01  A <a@example.org>  rate-limit  added (default 10)$' out
	eq "$(wc -l <out)" 6 "lines"
	eq "$(flag history new_payment | wc -l)" 2
	eq "$(flag history rate-limit owner | wc -l)" 1
	eq "$(flag history -n 1 | wc -l)" 1
	code 1 flag history nothing
	flag history new_payment default --json >out
	has out '"old": "false"'
	has out '"new": "true"'
	has out '"time": "2024-02-01T00:00:00Z"'
}

t_scan() {
	begin
	cat >flags.ini <<-'END'
		[new-search]
		default = true
		[unused-one]
		default = true
		expires = 2020-01-01
		[kept]
		default = true
		permanent = true
		expires = 2020-01-01
		[fresh-flag]
		default = true
	END
	cat >app.py <<-'END'
		if FEATURES["new-search"]: pass
		newSearch = 1; fresh_flag = 2
		client.get_boolean_value("misspelt-flag", False)
		x = FEATURES.get("kept")
	END
	printf 'see unused-one\n' >README.md
	head -c 2000 /dev/urandom >noise.bin; printf 'unused-one\0' >>noise.bin
	git add -A
	GIT_COMMITTER_DATE="2020-01-01T00:00:00Z" git commit -qm flags
	printf '[just-now]\ndefault = true\n' >>flags.ini
	echo 'just_now' >>app.py
	code 1 flag scan
	sort "$W.out" >../out
	sed 's/ since [0-9a-f]* (2020-01-01, [0-9]* days ago)/ since X/; s/; a mention of it was last touched in [^[]*/ /' ../out >../got
	cat >../want <<-'END'
		app.py:3: error: flag misspelt-flag is asked for and is not in flags.ini [flag-undefined]
		flags.ini:10: warning: flag fresh-flag is as it was made since X [flag-stale]
		flags.ini:1: warning: flag new-search is as it was made since X [flag-stale]
		flags.ini:3: warning: flag unused-one expired on 2020-01-01 [flag-expired]
		flags.ini:3: warning: flag unused-one is as it was made since X [flag-stale]
		flags.ini:3: warning: no code speaks of flag unused-one, but texts for people do [flag-unused]
	END
	sort ../want | diff - ../got
	code 1 flag scan --json
	py -c 'import json, sys; o = json.load(open(sys.argv[1]))
assert len(o["findings"]) == 6, o
f = {x["name"]: x for x in o["flags"]}
assert f["new-search"]["references"] == 2, f
assert f["unused-one"]["references"] == 0 and f["unused-one"]["prose"] == 1
assert f["new-search"]["places"][0] == {"path": "app.py", "line": 1, "prose": False}' "$W.out"
	settings 'stale_after = never' 'calls =' 'exclude = README.md'
	code 1 flag scan
	eq "$(wc -l <"$W.out")" 2 "findings"
	code 0 flag scan new-search
	eq "$(cat "$W.out")" 'app.py:1: if FEATURES["new-search"]: pass
app.py:2: newSearch = 1; fresh_flag = 2'
	# when the last line that spoke of it went
	sed -i '/kept/d' app.py && git commit -qam "no kept"
	code 1 flag scan kept
	has "$W.out" "a mention of it was last touched in $(git rev-parse --short HEAD)"
	# what is staged, and not what lies there
	settings 'stale_after = never'
	echo 'FEATURES["kept"]' >>app.py
	code 1 flag scan --staged kept
	git add app.py
	code 0 flag scan --staged kept
	# patterns of one's own, and wrong ones
	echo 'isOn("nope"); getenv("ENABLE_NOPE")' >b.c
	settings 'stale_after = never' 'calls = isOn\("([^"]+)"' 'env_calls = getenv\("(ENABLE_\w+)"'
	code 1 flag scan
	has "$W.out" "b.c:1: error: flag nope is asked for"
	has "$W.out" "b.c:1: error: the variable ENABLE_NOPE is asked for"
	settings 'calls = (' && code 2 flag scan
	settings 'calls = x' && code 2 flag scan
	has "$W.err" "it needs a group"
	# a pattern that would run for ages is given up
	head -c 3000 /dev/zero | tr '\0' a >long.py
	settings 'stale_after = never' 'calls = ^((a|aa)+)+[bc]'
	code 1 git sk flag scan
	has "$W.err" "long.py: a pattern"
	has "$W.err" "1 file could not be looked at whole"
}

t_remove_asks_the_code() {
	begin
	three
	echo 'if newPayment: pass' >x.py
	code 13 flag remove new_payment
	has "$W.err" "still used in 1 place"
	flag remove new_payment --force
	code 2 flag get new_payment
	id=$(git sk list --json | sed -n 's/.*"id": "\(.*\)".*/\1/p' | head -n 1)
	git sk cat "$id" flags.ini | grep -q '^\[new_payment\]$'
}

# gate HOW: hooks.impact = HOW in this repository
gate() { printf '[hooks]\nimpact = %s\n' "$1" >.git/sk/safekeep.ini; }

t_gate_when_a_flag_goes() {
	begin
	gate block
	three
	printf 'if newPayment: pass\n' >x.py
	printf 'and new_payment\n' >notes.md
	git add -A && git commit -qm "with flags"
	flag remove new_payment --force
	git add -A
	code 1 git commit -qm gone
	has "$W.err" "x.py:1: flag new_payment is taken out of flags.ini and is still used here"
	hasnt "$W.err" notes.md
	# what is staged counts, not what lies there
	echo pass >x.py
	code 1 git commit -qm gone
	git add x.py
	printf 'if newPayment: pass\n' >x.py
	code 0 git commit -qm gone
	git checkout -q -- x.py
	# part of the tree by commit PATH: that index counts
	flag remove rate-limit
	echo RATE_LIMIT >y.sh && git add y.sh
	code 0 git commit -qm "flags only" flags.ini
	git reset -q --hard HEAD~1
	echo RATE_LIMIT >y.sh && git add y.sh && git commit -qm y
	flag remove rate-limit --force
	code 1 git commit -qam limit
	gate summary
	code 0 git commit -qam limit
	has "$W.err" "flag rate-limit is taken out"
	# the whole file goes
	gate block
	echo 'FEATURES["banner"]' >z.py && git add z.py && git commit -qm z
	git rm -q --cached flags.ini
	code 1 git commit -qm "no flags"
	git reset -q
	code 0 git commit -qm nothing --allow-empty
	# where git cannot look, that is said
	git config grep.threads -1
	flag add looked-for && git add -A && git commit -qm l && echo LOOKED_FOR >l.sh && git add -A && git commit -qm use
	flag remove looked-for --force
	code 0 git commit -qam unlooked
	has "$W.err" "could not be found out"
	git config --unset grep.threads
	git reset -q --hard HEAD~1
	# another spelling of the name is the same flag
	flag add other-way
	echo 'if otherWay: pass' >w.py && git add -A && git commit -qm w
	sed -i 's/other-way/other_way/' flags.ini
	code 0 git commit -qam "spelling"
}

t_gate_add_before_remove() {
	begin
	gate block
	cat >pay.py <<-'END'
		def pay(data):
		    result = process_payment(data)
		    log_result(result)
		    return result
	END
	git add -A && git commit -qm pay
	flag add new-way
	cat >pay.py <<-'END'
		def pay(data, features):
		    if features["new-way"]:
		        result = process_v2(data)
		    else:
		        result = process_payment(data)
		    log_result(result)
		    return result
	END
	git add -A
	code 0 git commit -qm "new beside old"
	eq "$(grep flag-replaces "$W.err" || true)" "" "warning"
	# what is called is still called: a new name for its result is no removal
	flag add other-name
	sed -i 's/        result = process_payment(data)/        paid = features["other-name"] or process_payment(data)/' pay.py
	git add -A
	code 0 git commit -qm "renamed"
	git reset -q --hard HEAD~1
	flag add third-way
	cat >pay.py <<-'END'
		def pay(data, features):
		    if features["new-way"]:
		        result = process_v2(data)
		    elif features["third-way"]:
		        result = third(data)
		    log_result(result)
		    return result
	END
	git add -A
	code 1 git commit -qm "replaced"
	settings 'replaces = warning'
	gate block
	code 0 git commit -qm "replaced"
	has "$W.err" "pay.py:4: flag third-way is new, and what it could switch back to is removed here"
	has "$W.err" "result = process_payment(data)"
}

t_gate_costs_nothing_else() {
	begin
	gate block
	echo x >>a.txt && git commit -qam "no flags at all"
	three && git add -A && git commit -qm flags
	git checkout -q --orphan fresh && git commit -qm "first of another"
	printf '\0binary' >flags.ini
	code 0 git commit -qam "no longer a text"
	has "$W.err" "NUL byte"
	three
	code 0 git commit -qam "and back"
}

t_gate_in_a_merge() {
	begin
	gate block
	printf 'def f():\n    old(1)\n' >m.py
	git add -A && git commit -qm m
	git checkout -qb other
	flag add new-way
	printf 'def f():\n    old(1) if flags["new-way"] else new(1)\n' >m.py
	git add -A && git commit -qm other
	git checkout -q main
	printf 'def f():\n    old(2, third=3)\n' >m.py
	git commit -qam main
	! git merge -q other >/dev/null 2>&1
	printf 'def f():\n    newer(1) if flags["new-way"] else new(1)\n' >m.py
	git add -A
	code 0 git commit -qm merged
	hasnt "$W.err" flag-replaces
}

# rests: the plugin is not started; by the list of plugins
rests() { git sk plugin list | grep -q '^feature-flag .*(resting)$'; }

t_gate_after_a_rest() {
	begin
	gate block
	echo new_payment >use.py
	git add -A && git commit -qm use
	git branch none
	# a file of flags comes by each of the ways, and a commit that takes it out is stopped
	for way in edit checkout merge; do
		git checkout -qf -B "$way" none
		sleep 0.2
		git commit -qm "nothing there" --allow-empty
		git sk status >/dev/null 2>&1 || true
		rests || die "it does not rest without flags"
		git commit -qm "nothing there yet" --allow-empty
		case $way in
		edit) three && git add -A && git commit -qm flags && git branch with ;;
		checkout) git checkout -qf with ;;
		merge) git merge -q -m merged with ;;
		esac
		git rm -q flags.ini
		code 1 git commit -qm "no flags"
		has "$W.err" "use.py:1: flag new_payment is taken out"
		! rests || die "it rests while HEAD has flags"
		git reset -q --hard
		git rm -q --cached flags.ini && rm flags.ini
		code 1 git commit -qam "no flags"
		git reset -q --hard
	done
	# staged, and gone from the working tree again
	git checkout -qf -B staged none
	sleep 0.2
	git commit -qm "nothing there" --allow-empty
	three && git add flags.ini && rm flags.ini
	code 0 git commit -qm "only in the index"
	code 1 git commit -qam "no flags"
	has "$W.err" "use.py:1: flag new_payment is taken out"
}

t_rests_by_the_setting() {
	begin
	settings 'file = conf/deep/flags.ini'
	gate block
	echo new_payment >use.py && git add -A && git commit -qm use
	sleep 0.2
	git commit -qm "nothing there" --allow-empty
	git sk status >/dev/null 2>&1 || true
	rests
	mkdir -p conf/deep && three && mv flags.ini conf/deep && git add -A && rm -r conf
	git commit -qm "flags in a folder that is gone"
	code 1 git commit -qam "no flags"
	# another file
	git reset -q --hard HEAD~1
	sleep 0.2
	git commit -qm "nothing there" --allow-empty
	git sk status >/dev/null 2>&1 || true
	rests
	settings 'file = other.ini'
	! rests
	flag list >/dev/null 2>&1 || true
	! rests
}

t_sparse_checkout() {
	begin
	three
	echo newPayment >src/use.py
	git add -A && git commit -qm use
	git sparse-checkout set --no-cone '/*' '!/src/' 2>/dev/null || skip "this git has no sparse checkout"
	[ ! -e src/use.py ]
	settings 'stale_after = never'
	code 1 git sk flag scan
	has "$W.err" "could not be looked at"
	flag remove new_payment
	gate block
	code 1 git commit -qam gone
	has "$W.err" "src/use.py:1: flag new_payment is taken out"
}

t_health() {
	begin
	git sk status >out 2>&1 || true
	hasnt out "left out of 'health'"
	hasnt out feature_flags
	three
	git sk status >out 2>&1 || true
	hasnt out "left out of 'health'"
	printf '[bad]\n' >>flags.ini
	git sk status >out 2>&1 || true
	has out "4 flags, 1 broken, 0 expired"
}

t_help_and_manual() {
	begin
	git sk -h >out
	has out "  flag "
	git sk flag -h >out
	has out "--explain"
	has out "run [--in ENVIRONMENT] -- COMMAND..."
	git sk --complete-words flag >out
	for w in list get eval set add remove scan history export run; do grep -qx $w out; done
	git sk plugin show feature-flag --man >man.7
	has man.7 flagd
	! command -v man >/dev/null || eq "$(man --warnings -l man.7 2>&1 >/dev/null)" "" "warnings of man"
}

run_tests
