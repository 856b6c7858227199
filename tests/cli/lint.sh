# git sk lint: secrets, migrations, code removed while it is used; text, JSON, SARIF, exit codes.
. "$(dirname "$0")/lib.sh"

# a token of a form that a code host refuses is put together here, never written down
R36=Zk3Qw9XrT1mB7vN2cL5pD8sF4gH6jK0yUaEo
token() { printf 'gh%s_%s' p "${1:-$R36}"; }
key() {
	printf -- '-----BEGIN %s KEY-----\n' "RSA PRIVATE"
	printf '%s%s\n' "$R36" "${R36:0:28}" "$R36" "${R36:5:28}"
	printf -- '-----END %s KEY-----\n' "RSA PRIVATE"
}
json() { python3 -c 'import json,sys; d=json.load(open(sys.argv[1])); print(eval(sys.argv[2]))' "$1" "$2"; }
# rules: of the findings in the last output of --json, one a line: RULE PATH:LINE
rules() { python3 -c 'import json,sys
for f in json.load(open(sys.argv[1]))["findings"]: print(f["rule"], f["path"]+":"+str(f["line"]))' "$W.out"; }

t_nothing_is_found_in_nothing() {
	repo r && cd r
	code 0 git sk lint
	code 0 git sk lint --staged
	code 0 git sk lint --since HEAD~1
	eq "$(cat "$W.out")" ""
	code 0 git sk lint --json
	eq "$(json "$W.out" 'd["findings"]')" "[]"
}

t_before_the_first_commit() {
	git init -q r && cd r
	code 0 git sk lint
	token >x && git add x
	code 1 git sk lint --staged
	code 1 git sk lint
}

t_secret_staged_but_not_its_value() {
	repo r && cd r
	printf 'a\nb\nkey = "%s"\n' "$(token)" >conf.py
	code 1 git sk lint
	git add conf.py
	rm conf.py
	code 1 git sk lint --staged
	has "$W.out" "conf.py:3: block: GitHub personal access token"
	has "$W.out" "[secret-github-pat]"
	hasnt "$W.out" "${R36:0:6}"
	hasnt "$W.err" "${R36:0:6}"
	code 1 git sk lint --staged --json
	hasnt "$W.out" "${R36:0:6}"
	eq "$(rules)" "secret-github-pat conf.py:3"
	eq "$(json "$W.out" 'd["findings"][0]["severity"], d["findings"][0]["column"]')" "('block', 8)"
	# the worktree has no such file any more
	code 0 git sk lint
	git reset -q
	code 0 git sk lint --staged
}

t_secret_that_was_there_before_is_not_this_change() {
	repo r && cd r
	printf 'x = "%s"\n' "$(token)" >conf.py && git add . && git commit -qm "leaked long ago"
	echo more >>conf.py
	code 0 git sk lint
	git mv conf.py other.py && git commit -qam moved
	code 0 git sk lint --since HEAD~1
	printf 'y = "%s"\n' "$(token "$(echo "$R36" | rev)")" >>other.py
	code 1 git sk lint --json
	eq "$(rules)" "secret-github-pat other.py:3"
}

t_secret_in_the_commits_since() {
	repo r && cd r && git checkout -qb topic
	token >leak.txt && git add . && git commit -qm leak
	local bad
	bad=$(git rev-parse HEAD)
	git rm -q leak.txt && git commit -qm "taken out again"
	echo x >>a.txt && git commit -qam more
	# gone from the tree, but not from the history
	code 1 git sk lint --since main --json
	eq "$(rules)" "secret-github-pat leak.txt:1"
	eq "$(json "$W.out" 'd["findings"][0]["commit"]')" "$bad"
	code 2 git sk lint --since nonsense
	has "$W.err" "nonsense is no commit"
	git checkout -q --orphan alone && git commit -qm alone
	code 2 git sk lint --since main
}

t_secret_allowed() {
	repo r && cd r
	printf 'x = "%s" # gitleaks:allow\n' "$(token)" >a.py
	printf '# sk:ignore secret-github-pat a token of the test server\nx = "%s"\n' "$(token)" >b.py
	code 0 git sk lint
	printf 'x = "%s" # sk:ignore secret-github-pat\n' "$(token)" >b.py
	code 1 git sk lint --json
	eq "$(rules | sort)" "$(printf 'ignore-without-reason b.py:1\nsecret-github-pat b.py:1')"
	printf '# ours\nb.py:github-pat:1\n' >.gitleaksignore
	code 0 git sk lint --json
	eq "$(rules)" ""
	rm .gitleaksignore
	printf 'x = "AK%s"\n' IAIOSFODNN7EXAMPLE >b.py
	code 0 git sk lint
}

t_private_key() {
	repo r && cd r
	key >id_rsa
	code 1 git sk lint --json
	eq "$(rules)" "secret-private-key id_rsa:1"
}

t_index_of_a_commit_of_some_files() {
	repo r && cd r
	token >leak && git add leak && echo more >>a.txt
	printf '#!/bin/sh\ngit-sk lint --staged\n' >.git/hooks/pre-commit && chmod +x .git/hooks/pre-commit
	# the leak is staged, and not part of this commit
	git commit -qm only -- a.txt
	! git commit -qm all || die "committed a token"
}

t_rules_that_cannot_be_loaded_are_no_clean_answer() {
	repo r && cd r
	mkdir -p "$XDG_CONFIG_HOME/safekeep/secrets"
	printf '[rule "x"]\ntitle = X\nkeywords = x\npattern = (\n' >"$XDG_CONFIG_HOME/safekeep/secrets/x.ini"
	code 2 git sk lint
	has "$W.err" "secrets cannot be looked for"
	has "$W.err" "x.ini:4"
	rm -r "$XDG_CONFIG_HOME/safekeep/secrets"
}

t_formats() {
	repo r && cd r
	mkdir "d é" && token >"d é/a b.txt"
	code 1 git sk lint --format text
	code 1 git sk lint --format json
	eq "$(json "$W.out" 'd["findings"][0]["path"]')" "d é/a b.txt"
	code 1 git sk lint --format sarif
	eq "$(json "$W.out" 'd["version"], len(d["runs"]), d["runs"][0]["tool"]["driver"]["name"]')" \
		"('2.1.0', 1, 'SafeKeep')"
	eq "$(json "$W.out" '[(r["ruleId"], r["ruleIndex"], r["level"], r["locations"][0]["physicalLocation"]["artifactLocation"]["uri"], r["locations"][0]["physicalLocation"]["region"]["startLine"]) for r in d["runs"][0]["results"]]')" \
		"[('secret-github-pat', 0, 'error', 'd%20%C3%A9/a%20b.txt', 1)]"
	eq "$(json "$W.out" '[r["id"] for r in d["runs"][0]["tool"]["driver"]["rules"]]')" "['secret-github-pat']"
	rm -r d*
	code 0 git sk lint --format sarif
	eq "$(json "$W.out" 'd["runs"][0]["results"]')" "[]"
	code 2 git sk lint --format xml
	code 2 git sk lint --json --format sarif
	code 2 git sk lint --staged --since HEAD
	code 2 git sk lint a.txt
}

t_odd_files() {
	repo r && cd r
	ln -s /etc/passwd link && mkfifo fifo && printf 'a\0%s\0' "$(token)" >binary && mkdir sub && git init -q sub
	printf '%s' "$(token "$(echo "$R36" | rev)")" >"$(printf 'n\nl')"
	code 1 git sk lint --json
	eq "$(rules | wc -l)" 3
	code 1 git sk lint
	has "$W.out" '"n\nl"'
	hasnt "$W.out" "link"
}

run_tests
