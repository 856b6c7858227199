# git sk check: the revision, what is affected, coverage, pending changes; and as a record.
. "$(dirname "$0")/lib.sh"

json() { python3 -c 'import json,sys; d=json.load(open(sys.argv[1])); print(eval(sys.argv[2]))' "$W.out" "$1"; }

# a project of two components; web needs auth
project() {
	git init -q r && cd r && mkdir -p src/auth src/web tests
	echo 'def hash(): pass' >src/auth/crypt.py
	echo 'from src.auth.crypt import hash' >src/auth/login.py
	echo 'from src.auth.login import hash' >src/web/page.py
	echo 'from src.web.page import hash' >tests/test_page.py
	touch src/__init__.py src/auth/__init__.py src/web/__init__.py
	echo 'coverage/' >.gitignore
	printf '[components]\nweb = auth\nbilling = auth, mail\n[component "auth"]\npaths = src/auth/**\n[component "web"]\npaths = src/web/**\n' >.safekeep.ini
	git add . && git commit -qm first && git sk init -q --no-service >/dev/null
}

t_the_record() {
	project
	code 0 git sk check auth src/auth/crypt.py --json
	eq "$(json 'sorted(set(d) - {"problems"})')" \
		"['affected_components', 'affected_files', 'backup', 'component', 'findings', 'has_pending_changes', 'test_coverage']"
	eq "$(json 'd["component"], d["affected_components"]')" "('auth', ['auth', 'web', 'billing'])"
	eq "$(json 'd["affected_files"]')" "['src/auth/crypt.py', 'src/auth/login.py', 'src/web/page.py', 'tests/test_page.py']"
	eq "$(json 'd["test_coverage"], d["has_pending_changes"], d["findings"]')" "(None, False, [])"
	case $(json 'd["backup"]') in Pre_auth_2*) ;; *) die "backup: $(json 'd["backup"]')" ;; esac
	git rev-parse -q --verify "refs/sk/revision/$(json 'd["backup"]')" >/dev/null
	echo x >>src/auth/crypt.py
	code 0 git sk check auth --json
	eq "$(json 'd["has_pending_changes"]')" True
	git show "refs/sk/revision/$(json 'd["backup"]')":src/auth/crypt.py | grep -q '^x$'
}

t_the_component_s_own_files() {
	project
	code 0 git sk check auth
	has "$W.out" "component: auth"
	has "$W.out" "saved before the change: Pre_auth_"
	has "$W.out" "affected components: auth, web, billing"
	has "$W.out" "affected files: 5"
	has "$W.out" "  src/auth/crypt.py"
	has "$W.out" "test coverage: unknown"
	has "$W.out" "pending changes: none"
	hasnt "$W.out" "0.0%"
	hasnt "$W.out" "100"
	# in any case, and from a folder below
	cd src/auth
	code 0 git sk check Auth crypt.py --json
	eq "$(json 'd["component"], d["affected_files"][0]')" "('auth', 'src/auth/crypt.py')"
}

t_ten_files_are_shown() {
	project
	for i in $(seq 12); do echo 'import src.auth.login' >"src/web/p$i.py"; done
	git add . && git commit -qm more
	code 0 git sk check auth src/auth/login.py
	has "$W.out" "affected files: 15"
	eq "$(grep -c '^  [st].*py$' "$W.out")" 10
	has "$W.out" "and 5 more"
	code 0 git sk check auth src/auth/login.py --json
	eq "$(json 'len(d["affected_files"])')" 15
}

t_without_components() {
	project && rm .safekeep.ini && git commit -qam gone
	local n
	n=$(git sk list revisions -z | tr -cd '\0' | wc -c)
	code 2 git sk check auth
	has "$W.err" "name the files that will change"
	code 2 git sk check auth nothing.py
	code 2 git sk check
	code 13 git sk check auth ../outside
	# nothing was saved for these
	eq "$(git sk list revisions -z | tr -cd '\0' | wc -c)" "$n"
	code 0 git sk check auth src/auth/crypt.py --json
	eq "$(json 'd["affected_components"]')" "['auth']"
	cp /dev/null .safekeep.ini
	printf '[component "auth"]\npaths = src/auth/**\n' >.safekeep.ini
	code 2 git sk check nosuch
	has "$W.err" "there are auth"
}

# lcov PATH: crypt 1 of 2, login 3 of 3, page not at all
lcov() {
	mkdir -p "$(dirname "$1")"
	printf 'SF:src/auth/crypt.py\nDA:1,1\nDA:2,0\nend_of_record\nSF:src/auth/login.py\nDA:1,1\nDA:2,1\nDA:3,9\nend_of_record\nSF:src/other.py\nDA:1,0\nend_of_record\n' >"$1"
}

t_coverage_of_the_affected_files_only() {
	project && lcov coverage/lcov.info
	touch -d '2020-01-01' src/*/*.py
	code 0 git sk check auth src/auth/crypt.py --json
	eq "$(json '[d["test_coverage"][k] for k in ("percent", "covered", "lines", "stale", "known_files", "unknown_files")]')" \
		"[80.0, 4, 5, False, 2, 1]"
	code 0 git sk check auth src/auth/crypt.py
	has "$W.out" "test coverage: 80.0% (4 of 5 lines, in 2 of 3 files)"
	has "$W.out" "1 file is not in any report: unknown"
	# of one that no report knows: unknown, neither 0 nor 100
	code 0 git sk check web src/web/page.py --json
	eq "$(json 'd["test_coverage"]')" None
}

t_coverage_that_is_stale() {
	project && lcov coverage/lcov.info
	touch -d '2020-01-01' coverage/lcov.info src/auth/login.py && touch -d '2020-01-02' src/auth/crypt.py
	code 0 git sk check auth src/auth/crypt.py --json
	eq "$(json 'd["test_coverage"]["stale"], d["test_coverage"]["stale_files"]')" "(True, 1)"
	code 0 git sk check auth src/auth/crypt.py
	has "$W.out" "stale: 1 file was changed after the report was made"
}

t_coverage_never_out_of_the_worktree() {
	project
	lcov "$W/outside/lcov.info"
	# by a link, by a folder that is one, by a FIFO (which must not block)
	mkdir coverage && ln -s "$W/outside/lcov.info" coverage/lcov.info
	code 0 git sk check auth --json
	eq "$(json 'd["test_coverage"]')" None
	has "$W.out" "coverage/lcov.info: is not a regular file"
	rm -r coverage && ln -s "$W/outside" coverage
	code 0 git sk check auth --json
	eq "$(json 'd["test_coverage"]')" None
	has "$W.out" "coverage/lcov.info: a link stands on the way"
	rm coverage && mkdir coverage && mkfifo coverage/lcov.info
	code 0 git sk check auth --json
	eq "$(json 'd["test_coverage"]')" None
	rm coverage/lcov.info && echo rubbish >coverage/lcov.info
	code 0 git sk check auth
	has "$W.err" "coverage/lcov.info: is no report of a kind that is known"
}

t_coverage_where_it_is_configured() {
	project && lcov out/cov.txt
	printf '[coverage]\nreports = nothing.info, out/cov.txt\n' >>.safekeep.ini
	touch -d '2020-01-01' src/*/*.py
	code 0 git sk check auth --json
	eq "$(json 'd["test_coverage"]["percent"], d["test_coverage"]["reports"]')" "(80.0, ['out/cov.txt'])"
}

t_findings() {
	project
	mkdir migrations && echo 'DROP TABLE users;' >migrations/1.sql
	code 1 git sk check auth --json
	eq "$(json '[f["rule"] for f in d["findings"]]')" "['migration-drop']"
	code 1 git sk check auth
	has "$W.out" "migrations/1.sql:1: block:"
	printf '%s' 'ALTER TABLE a ALTER COLUMN b TYPE bigint;' >migrations/1.sql
	code 0 git sk check auth
	has "$W.out" "findings: 1"
}

t_not_enabled() {
	git init -q r && cd r && code 10 git sk check auth
}

run_tests
