#!/bin/bash
# git sk impact, and what a commit is told.
. "${0%/*}/lib.sh"

# A small project in p, enabled.
project() {
	git init -q p && cd p && mkdir -p src tests py
	echo "import { b } from './b.js'" >src/a.ts
	echo "import './c'; export const b = 1" >src/b.ts
	echo "export const c = 1" >src/c.ts
	echo "import '../src/a'" >tests/a.test.ts
	echo "import './none'; import 'react'" >src/odd.ts
	printf '[components]\nweb = model\nshop = web\n[component "model"]\npaths = src/b.ts, src/c.ts\n' >.safekeep.ini
	printf '[component "web"]\npaths = src/a.ts\n[affects]\ndata/** = src/odd.ts\n[impact]\ntests = checks/**\n' >>.safekeep.ini
	mkdir data checks && echo 1 >data/x.json && echo "import '../src/c'" >checks/c.ts
	git add -A && git commit -qm first
	git sk init --no-service >/dev/null 2>&1
}
field() { python3 -c 'import json,sys; o=json.load(open(sys.argv[1])); print(eval(sys.argv[2]))' "$1" "$2"; }
key() { printf -- '-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA7bq3T1nY2k5q8kS0pVxW3mZl0dJ4hQ9yXc2vB6nM1aSdFg%s\n-----END RSA PRIVATE KEY-----\n' "$1"; }

t_tells_who_depends() {
	project
	code 0 git sk impact src/c.ts
	code 0 git sk impact --json src/c.ts
	eq "$(field "$W.out" '[(a["path"],a["distance"],a["via"]) for a in o["affected"]]')" \
		"[('checks/c.ts', 1, 'src/c.ts'), ('src/b.ts', 1, 'src/c.ts'), ('src/a.ts', 2, 'src/b.ts'), ('tests/a.test.ts', 3, 'src/a.ts')]"
	eq "$(field "$W.out" 'o["changed"], o["tests"]')" "(['src/c.ts'], ['checks/c.ts', 'tests/a.test.ts'])"
	eq "$(field "$W.out" 'o["components"]')" "{'changed': ['model'], 'affected': ['web', 'shop']}"
	eq "$(field "$W.out" 'o["unresolved"], o["ambiguous"], o["edges"], o["external"]')" "(1, 0, 4, 1)"
	code 0 git sk impact --json --depth 1 src/c.ts
	eq "$(field "$W.out" 'len(o["affected"])')" 2
	# from below a folder, and a folder
	(cd src && git sk impact c.ts >"$W/sub") && has "$W/sub" 'tests/a.test.ts'
	code 0 git sk impact --json src
	eq "$(field "$W.out" 'len(o["changed"])')" 4
}

t_what_differs() {
	project
	code 0 git sk impact --json
	eq "$(field "$W.out" 'o["changed"], o["affected"], o["tests"]')" '([], [], [])'
	echo "// more" >>src/b.ts && echo "import './b'" >src/new.ts
	code 0 git sk impact --json
	eq "$(field "$W.out" 'o["changed"], [a["path"] for a in o["affected"]]')" \
		"(['src/b.ts', 'src/new.ts'], ['src/a.ts', 'tests/a.test.ts'])"
	code 0 git sk impact --staged --json
	eq "$(field "$W.out" 'o["changed"]')" '[]'
	git add src/new.ts
	code 0 git sk impact --staged --json
	eq "$(field "$W.out" 'o["changed"]')" "['src/new.ts']"
	git commit -qam second
	code 0 git sk impact --since HEAD~1 --json
	eq "$(field "$W.out" 'o["changed"]')" "['src/b.ts', 'src/new.ts']"
	code 2 git sk impact --since nowhere
	code 2 git sk impact --staged src/a.ts
	code 2 git sk impact --depth x
	code 2 git sk impact --format html2
	code 2 git sk impact no-such-file
	has "$W.err" 'no-such-file'
}

t_deleted_and_renamed() {
	project
	git rm -q src/c.ts
	code 0 git sk impact --json
	eq "$(field "$W.out" '[(a["path"],a["distance"],a["via"]) for a in o["affected"]]')" \
		"[('checks/c.ts', 1, 'src/c.ts'), ('src/b.ts', 1, 'src/c.ts'), ('src/a.ts', 2, 'src/b.ts'), ('tests/a.test.ts', 3, 'src/a.ts')]"
	code 0 git sk impact --why src/a.ts
	eq "$(tr '\n' '|' <"$W.out")" 'src/a.ts|  uses src/b.ts|  uses src/c.ts (changed)|'
	git reset -q --hard
	git mv src/b.ts src/bee.ts
	code 0 git sk impact --staged
	has "$W.out" 'src/b.ts (deleted)'
	has "$W.out" 'src/bee.ts (new)'
	has "$W.out" 'tests/a.test.ts'
	# a new file takes an import over
	git reset -q --hard && echo "export const none = 1" >src/none.ts
	code 0 git sk impact
	has "$W.out" '1  src/odd.ts'
}

t_rules_of_the_configuration() {
	project
	echo 2 >data/x.json
	code 0 git sk impact --json
	eq "$(field "$W.out" '[(a["path"],a["distance"],a["via"]) for a in o["affected"]]')" "[('src/odd.ts', 1, 'data/x.json')]"
	code 1 git sk impact --why src/a.ts
	has "$W.err" 'src/a.ts'
	code 0 git sk impact --unresolved
	eq "$(cat "$W.out")" 'src/odd.ts:1: unresolved: ./none'
	code 0 git sk impact --unresolved --json
	eq "$(field "$W.out" 'o["issues"]')" "[{'path': 'src/odd.ts', 'line': 1, 'kind': 'unresolved', 'import': './none'}]"
}

t_components_in_a_circle() {
	git init -q c && cd c && mkdir x && echo 1 >x/a && echo 1 >y
	printf '[components]\na = b\nb = c\nc = a\nlone = a, lone\n[component "c"]\npaths = /x/\n' >.safekeep.ini
	git add -A && git commit -qm c && echo 2 >x/a
	code 0 git sk impact --json
	eq "$(field "$W.out" 'o["components"]')" "{'changed': ['c'], 'affected': ['b', 'a', 'lone']}"
	git checkout -q x/a && echo 2 >y
	code 0 git sk impact --json
	eq "$(field "$W.out" 'o["components"]')" "{'changed': [], 'affected': []}"
}

t_dot() {
	project
	printf 'import "./b"' >'src/q"\.ts' && echo "//" >>src/c.ts
	code 0 git sk impact --format dot
	has "$W.out" 'digraph impact {'
	has "$W.out" '"src/a.ts" -> "src/b.ts";'
	if command -v dot >/dev/null; then dot -Tsvg "$W.out" >/dev/null; fi
}

t_cycles() {
	git init -q c && cd c
	echo "import './y'" >x.js && echo "import './x'" >y.js && echo "import './z'" >z.js
	git add -A && git commit -qm c
	code 0 git sk impact --json x.js
	eq "$(field "$W.out" '[a["path"] for a in o["affected"]], o["edges"]')" "(['y.js'], 2)"
	[ ! -e .git/sk ] || die "a repository that is not enabled was written to"
}

t_compile_commands() {
	git init -q c && cd c && mkdir -p src gen/one gen/two build
	echo '#include "conf.h"' >src/a.c && echo '#include <conf.h>' >src/b.c && echo >gen/one/conf.h && echo >gen/two/conf.h
	echo build >.gitignore && git add -A && git commit -qm first
	code 0 git sk impact --json gen/two/conf.h
	eq "$(field "$W.out" 'o["affected"], o["ambiguous"]')" "([], 2)"
	cat >build/compile_commands.json <<-END
		[{"directory": "$PWD/build", "file": "../src/a.c", "command": "cc -I ../gen/one -DX='a b' -c ../src/a.c"},
		 {"directory": "$PWD/build", "file": "$PWD/src/b.c", "arguments": ["cc", "-I$PWD/gen/two", "-I/usr/include", "-c", "b.c"]}]
	END
	code 0 git sk impact --json gen/two/conf.h
	eq "$(field "$W.out" '[a["path"] for a in o["affected"]], o["ambiguous"]')" "(['src/b.c'], 0)"
	git sk init --no-service >/dev/null 2>&1
	code 0 git sk impact --json gen/one/conf.h
	eq "$(field "$W.out" '[a["path"] for a in o["affected"]]')" "['src/a.c']"
	# another build, no file of the project touched
	sed -i 's,gen/one,gen/two,' build/compile_commands.json
	code 0 git sk impact --json gen/two/conf.h
	eq "$(field "$W.out" '[a["path"] for a in o["affected"]]')" "['src/a.c', 'src/b.c']"
}

t_odd_states() {
	git init -q u && cd u
	code 0 git sk impact --json
	eq "$(field "$W.out" 'o["changed"], o["files"]')" "([], 0)"
	echo "import './b'" >a.js && echo 1 >b.js && ln -s b.js l.js && git add b.js l.js
	code 0 git sk impact --staged --json
	eq "$(field "$W.out" 'o["changed"], o["files"]')" "(['b.js', 'l.js'], 1)"
	code 0 git sk impact --json b.js
	eq "$(field "$W.out" '[a["path"] for a in o["affected"]]')" "['a.js']"
	git add -A && git commit -qm first
	# an intended add is not part of the next commit; a conflict is there once
	echo "import './b'" >n.js && git add -N n.js
	code 0 git sk impact --staged --json
	eq "$(field "$W.out" 'o["changed"]')" '[]'
	git reset -q && rm n.js
	git checkout -qb x && echo "import './x'" >a.js && git commit -qam x && git checkout -q main
	echo "import './m'" >a.js && git commit -qam m && ! git merge -q x >/dev/null 2>&1
	code 0 git sk impact --staged --json
	eq "$(field "$W.out" 'o["files"]')" 2
	printf '\377\376 import "./b"\n' >"$(printf 'odd \377\n.js')"
	code 0 git sk impact --json
	code 0 git sk impact --format dot
}

t_caches() {
	project
	code 0 git sk impact src/c.ts
	cp "$W.out" "$W/first"
	[ -s .git/sk/graph-worktree ] || die "no cache"
	for f in graph-worktree imports; do
		[ -e .git/sk/$f ] || continue
		for how in 'truncate -s 40' 'truncate -s -3' 'dd if=/dev/urandom bs=1 seek=60 count=90 conv=notrunc status=none of=' ': >'; do
			case $how in *=) eval "$how.git/sk/$f" ;; ': >') : >.git/sk/$f ;; *) $how .git/sk/$f ;; esac
			code 0 git sk impact src/c.ts
			cmp "$W.out" "$W/first"
		done
	done
	rm .git/sk/graph-worktree && mkfifo .git/sk/graph-worktree
	code 0 timeout 60 git sk impact src/c.ts
	cmp "$W.out" "$W/first"
	chmod 000 .git/sk/graph-worktree
	code 0 git sk impact src/c.ts
	cmp "$W.out" "$W/first"
}

t_commit_is_told() {
	project
	echo "// more" >>src/b.ts
	git commit -qam second 2>"$W/err"
	[ "$(wc -l <"$W/err")" -le 8 ] || die "too much: $(cat "$W/err")"
	has "$W/err" '1 changed file, 2 affected: src/a.ts, tests/a.test.ts'
	has "$W/err" 'components: model changed; web, shop affected'
	has "$W/err" 'tests to run: tests/a.test.ts'
	# another index than the worktree's own
	echo "// more" >>src/b.ts && echo 3 >data/x.json && git add data
	git commit -qm third src/b.ts 2>"$W/err"
	has "$W/err" '1 changed file, 2 affected'
	# nothing to say
	git commit -qm fourth 2>/dev/null && echo text >notes && git add notes
	git commit -qm fifth 2>"$W/err"
	eq "$(cat "$W/err")" ''
	printf '[hooks]\nimpact = off\n' >>.git/sk/safekeep.ini
	echo "// more" >>src/b.ts && git commit -qam sixth 2>"$W/err"
	eq "$(cat "$W/err")" ''
	# and told again when that is taken back
	[ -e .git/sk/no-summary ] || die "the client is not told that it is off"
	: >.git/sk/safekeep.ini
	echo "// more" >>src/b.ts && git commit -qam seventh 2>"$W/err"
	has "$W/err" '1 changed file'
	[ ! -e .git/sk/no-summary ] || die "the client is told that it is off"
}

t_gate() {
	project
	key aa >k.pem && git add k.pem
	git commit -qm key 2>"$W/err"
	has "$W/err" 'block: k.pem:1'
	printf '[hooks]\nimpact = block\n' >>.git/sk/safekeep.ini
	key bb >k2.pem && git add k2.pem
	code 1 git commit -qm two
	has "$W.err" 'Sk-Override: REASON'
	[ "$(wc -l <"$W.err")" -le 8 ] || die "too much: $(cat "$W.err")"
	eq "$(git log --format=%s -1)" key
	code 1 git commit -qm "$(printf 'two\n\nSk-Override:  ')"
	code 0 git commit -qm "$(printf 'two\n\nSk-Override: a test key\n')"
	has "$W.err" 'a test key'
	key cc >k3.pem && git add k3.pem
	code 1 git commit -qm three
	code 0 git commit -qm three --no-verify
	# put right after a refusal
	key dd >k4.pem && git add k4.pem
	code 1 git commit -qm four
	git rm -qf k4.pem && echo fine >f && git add f
	code 0 git commit -qm four
	[ ! -e .git/sk/gate ] || die "the gate is left"
	# a warning alone, or a merge, is not stopped
	git branch side HEAD~1 && git checkout -q side && echo s >s && git add s && git commit -qm side
	code 0 git merge -q -m merged main
}

t_commit_does_not_wait_for_the_graph() {
	project
	command -v flock >/dev/null || skip "no flock"
	echo "// x" >>src/c.ts
	key 1 >src/key.ts && git add src/key.ts
	# as when another process makes it for the first time
	flock .git/sk/impact.lock git commit -qam first 2>"$W/said"
	has "$W/said" 'being prepared'
	has "$W/said" secret-private-key
	echo "// y" >>src/c.ts
	git commit -qam second 2>"$W/said"
	has "$W/said" 'src/b.ts'
	hasnt "$W/said" prepared
}

t_failure_never_fails_a_commit() {
	project
	printf '[hooks]\nimpact = block\n' >>.git/sk/safekeep.ini
	mkdir -p "$XDG_CONFIG_HOME/safekeep/languages"
	printf '[language]\nname = typescript\nresolver = (((\n' >"$XDG_CONFIG_HOME/safekeep/languages/typescript.ini"
	echo "// more" >>src/b.ts
	code 0 git commit -qam second
	rm -r "$XDG_CONFIG_HOME/safekeep"
	rm -f .git/sk/graph-* && mkdir .git/sk/graph-staged .git/sk/imports 2>/dev/null || :
	echo "// more" >>src/b.ts
	code 0 git commit -qam third
}

run_tests
