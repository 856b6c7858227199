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

# mig NAME SQL...: a migration
mig() { mkdir -p migrations && local f=migrations/$1.sql && shift && printf '%s\n' "$@" >"$f"; }

t_migration_only_what_is_added() {
	repo r && cd r
	mig 1 'ALTER TABLE a DROP COLUMN bbb;' && git add . && git commit -qm one
	code 0 git sk lint
	mig 2 'ALTER TABLE a ADD COLUMN c int NOT NULL;'
	code 1 git sk lint --json
	eq "$(rules)" "migration-required-column migrations/2.sql:1"
	code 0 git sk lint --staged
	git add .
	code 1 git sk lint --staged
	git commit -qm two
	code 0 git sk lint --staged
	code 1 git sk lint --since HEAD~1
	has "$W.out" "migrations/2.sql:1: block: a.c is required from the start"
}

t_migration_warnings_alone_are_no_failure() {
	repo r && cd r
	mig 1 'ALTER TABLE a ALTER COLUMN b TYPE bigint;'
	code 0 git sk lint --json
	eq "$(rules)" "migration-type migrations/1.sql:1"
	eq "$(json "$W.out" 'd["findings"][0]["severity"]')" warn
	code 0 git sk lint
	has "$W.err" "1 warning"
}

t_migration_merged_and_edited() {
	repo r && cd r
	mig 1 'CREATE TABLE a (b int); -- one' && git add . && git commit -qm one
	mig 1 '-- another comment' 'CREATE TABLE   a (b int);'
	code 0 git sk lint
	mig 1 'CREATE TABLE a (b bigint);'
	code 1 git sk lint --json
	eq "$(rules)" "migration-edited migrations/1.sql:None"
	git checkout -q . && git mv migrations/1.sql migrations/3.sql
	code 1 git sk lint --staged --json
	eq "$(rules)" "migration-edited migrations/3.sql:None"
	git reset -q --hard
	# of this branch alone: it may still be put right
	git checkout -qb topic && mig 2 'CREATE TABLE c (d int);' && git add . && git commit -qm two
	mig 2 'CREATE TABLE c (d bigint);'
	code 0 git sk lint --json
	eq "$(rules)" ""
	mig 2 'CREATE TABLE c (d bigint);' 'ALTER TABLE a DROP COLUMN b;'
	code 1 git sk lint --json
	eq "$(rules)" "migration-drop migrations/2.sql:2"
}

t_migration_phases_in_one_change() {
	repo r && cd r && git checkout -qb topic
	mig 1 'ALTER TABLE a ADD COLUMN ccc int;' && git add . && git commit -qm expand
	mig 2 'UPDATE a SET ccc = 1;' && git add . && git commit -qm backfill
	mig 3 'ALTER TABLE a ALTER COLUMN ccc SET NOT NULL;' && git add . && git commit -qm tighten
	code 1 git sk lint --since main --json
	eq "$(rules)" "migration-phases migrations/3.sql:1"
	has "$W.out" "migrations/1.sql"
	# merged apart, with a CHECK before: fine
	git checkout -q main && git merge -q --ff-only topic~1 && git checkout -q topic && git reset -q --hard main
	mig 3 'ALTER TABLE a ADD CONSTRAINT ck CHECK (ccc IS NOT NULL) NOT VALID;' && git add . && git commit -qm check
	code 0 git sk lint --since main
	mig 4 'ALTER TABLE a VALIDATE CONSTRAINT ck;' 'ALTER TABLE a ALTER COLUMN ccc SET NOT NULL;'
	git add . && git commit -qm tighten
	# the CHECK is not merged yet
	code 1 git sk lint --since main --json
	eq "$(rules)" "migration-tighten migrations/4.sql:2"
	git checkout -q main && git merge -q --ff-only topic~1 && git checkout -q topic
	code 0 git sk lint --since main
}

t_migration_code_that_still_uses_it() {
	repo r && cd r && mkdir app
	echo 'print(user.legacy_code)' >app/view.py && echo 'the legacy_code column' >doc.md
	git add . && git commit -qm code
	mig 1 'ALTER TABLE users DROP COLUMN legacy_code;'
	code 1 git sk lint
	has "$W.out" "users.legacy_code is dropped (still named in app/view.py:1)"
	git add . && code 1 git sk lint --staged
	has "$W.out" "app/view.py:1"
	git commit -qm drop && code 1 git sk lint --since HEAD~1
	has "$W.out" "(still named in app/view.py:1)"
}

t_migration_settings() {
	repo r && cd r && mkdir -p db/changes
	echo 'CREATE INDEX i ON a (b);' >db/changes/1.sql
	code 0 git sk lint
	printf '[migrations]\npaths = db/changes/**\n' >.safekeep.ini
	code 1 git sk lint --json
	eq "$(rules)" "migration-index-lock db/changes/1.sql:1"
	printf 'database = mysql\n' >>.safekeep.ini
	code 0 git sk lint
	printf '[migrations]\npaths = db/changes/**\ndatabase = postgresql\nversion = 10\n' >.safekeep.ini
	echo 'ALTER TABLE a ADD COLUMN b int DEFAULT 1;' >db/changes/1.sql
	code 0 git sk lint --json
	eq "$(rules)" "migration-volatile-default db/changes/1.sql:1"
}

t_migration_frameworks() {
	repo r && cd r && mkdir -p alembic/versions shop/migrations db/migrate
	printf 'from alembic import op\ndef upgrade():\n    op.drop_column("users", "aaa")\ndef downgrade():\n    op.add_column()\n' >alembic/versions/1.py
	printf 'from django.db import migrations\nclass Migration(migrations.Migration):\n    operations = [\n        migrations.RemoveField("a", "bbb"),\n    ]\n' >shop/migrations/0001_a.py
	printf 'class A < ActiveRecord::Migration[7.0]\n  def change\n    remove_column :a, :ccc, :string\n  end\nend\n' >db/migrate/1_a.rb
	code 1 git sk lint --json
	eq "$(rules)" "migration-drop alembic/versions/1.py:3
migration-drop db/migrate/1_a.rb:3
migration-drop shop/migrations/0001_a.py:4"
}

t_migration_django_fields_as_they_were() {
	repo r && cd r && mkdir -p shop/migrations
	dj() { printf 'from django.db import migrations, models\n\n\nclass Migration(migrations.Migration):\n    operations = [\n        %s,\n    ]\n' "$2" >"shop/migrations/$1.py"; }
	dj 0001_a 'migrations.CreateModel(name="Book", fields=[("id", models.AutoField(primary_key=True)), ("title", models.CharField(max_length=10, help_text="a"))])'
	dj 0002_b 'migrations.AddField("book", "isbn", models.CharField(max_length=10, null=True))'
	git add . && git commit -qm first
	# only what Django itself sees
	dj 0003_c 'migrations.AlterField("book", "title", models.CharField(help_text="b", max_length=10, blank=True))'
	code 0 git sk lint --json && eq "$(rules)" ""
	dj 0003_c 'migrations.AlterField("book", "title", models.CharField(max_length=10, null=True))'
	code 0 git sk lint --json && eq "$(rules)" ""
	dj 0003_c 'migrations.AlterField("book", "title", models.CharField(max_length=20))'
	code 0 git sk lint --json && eq "$(rules)" "migration-type shop/migrations/0003_c.py:6"
	has "$W.out" "from CharField max_length=10 to CharField max_length=20"
	dj 0003_c 'migrations.AlterField("book", "isbn", models.CharField(max_length=10))'
	code 0 git sk lint --json && eq "$(rules)" "migration-tighten shop/migrations/0003_c.py:6"
	dj 0003_c 'migrations.AlterField("book", "isbn", models.CharField(max_length=10, null=True, unique=True))'
	code 0 git sk lint --json && eq "$(rules | head -n 1)" "migration-type shop/migrations/0003_c.py:6"
	has "$W.out" "migration-unique"
}

t_migration_database_of_the_project() {
	repo r && cd r && mkdir -p db/migrate config
	printf 'class A < ActiveRecord::Migration[7.0]\n  def change\n    add_index :users, :a\n  end\nend\n' >db/migrate/1_a.rb
	code 1 git sk lint
	printf 'default: &default\n  adapter: mysql2\n' >config/database.yml
	code 0 git sk lint --json && eq "$(rules)" ""
}

# shop: a small project in Python; pay() is used in two files
shop() {
	git init -q r && cd r && mkdir -p shop docs tests
	printf 'def process_payment(data):\n    return data\n\n\nclass Ledger:\n    pass\n' >shop/payment.py
	printf 'from shop.payment import process_payment\n\n\ndef checkout(cart):\n    # process_payment is fine\n    return process_payment(cart)\n' >shop/cart.py
	printf 'from shop import payment\n\n\ndef refund(x):\n    return payment.process_payment(-x)\n' >shop/refund.py
	printf 'def other(x):\n    return x.process_payment()\n' >shop/unrelated.py
	echo 'process_payment is described here' >docs/readme.md
	git add . && git commit -qm first
}

t_removal_while_in_use() {
	shop
	printf 'class Ledger:\n    pass\n' >shop/payment.py
	code 1 git sk lint --json
	eq "$(rules)" "removed-in-use shop/cart.py:1"
	has "$W.out" "'process_payment' is removed from shop/payment.py and still used here (and in shop/cart.py:6, shop/refund.py:5)"
	hasnt "$W.out" "unrelated"
	hasnt "$W.out" "readme"
	# nothing of it is staged
	code 0 git sk lint --staged
	git add -A
	code 1 git sk lint --staged --json
	eq "$(rules)" "removed-in-use shop/cart.py:1"
	git commit -qm gone
	code 1 git sk lint --since HEAD~1 --json
	eq "$(rules)" "removed-in-use shop/cart.py:1"
}

t_removal_of_a_whole_file() {
	shop && git rm -q shop/payment.py
	code 1 git sk lint --staged --json
	eq "$(rules)" "removed-in-use shop/cart.py:1"
	git commit -qm gone && git checkout -q HEAD~1 -- shop/payment.py
	# back again, only moved
	git mv shop/payment.py shop/pay.py
	code 0 git sk lint --staged --json
	eq "$(rules)" ""
}

t_removal_step_by_step_is_fine() {
	shop
	# 1: the new one beside the old one
	printf 'def process_payment_v2(data):\n    return [data]\n' >>shop/payment.py
	git add . && code 0 git sk lint --staged --json && eq "$(rules)" "" && git commit -qm add
	# 2: the users move
	sed -i 's/process_payment/process_payment_v2/' shop/cart.py shop/refund.py
	git add . && code 0 git sk lint --staged --json && eq "$(rules)" "" && git commit -qm move
	# 3: the old one goes
	sed -i '1,3d' shop/payment.py
	git add . && code 0 git sk lint --staged --json && eq "$(rules)" "" && git commit -qm remove
	code 0 git sk lint --since HEAD~3 --json
	eq "$(rules)" ""
}

t_removal_in_the_commit_of_its_replacement() {
	shop && git checkout -qb topic
	sed -i 's/process_payment/process_payment_v2/' shop/cart.py shop/refund.py shop/payment.py
	code 0 git sk lint --json
	eq "$(rules)" "replaced-in-one-step shop/payment.py:1"
	has "$W.out" "'process_payment' is removed from shop/payment.py in the commit that adds 'process_payment_v2', to which 2 users were moved"
	git commit -qam "in one step" && echo x >x && git add x && git commit -qm more
	code 0 git sk lint --since main --json
	eq "$(rules)" "replaced-in-one-step shop/payment.py:1"
	eq "$(json "$W.out" 'd["findings"][0]["commit"]')" "$(git rev-parse HEAD~1)"
}

t_removal_ignored_with_a_reason() {
	shop && printf 'class Ledger:\n    pass\n' >shop/payment.py
	sed -i '1i # sk:ignore removed-in-use the build puts it in' shop/cart.py
	code 0 git sk lint --json
	eq "$(rules)" ""
}

# use LANGUAGE-FILE TEXT... : pairs of files, committed; then the definition goes
t_removal_in_other_languages() {
	git init -q r && cd r && mkdir -p pkg cmd
	printf '#include "x.h"\nint old_helper(int a)\n{\n\treturn a;\n}\n\nstatic int\nother_helper(void) {\n\treturn 0;\n}\n' >x.c
	printf 'int old_helper(int a);\n' >x.h
	printf '#include "x.h"\nint go(void)\n{\n\treturn old_helper(1);\n}\n' >y.c
	printf 'export function oldThing(a) {\n}\nexport const kept = 1;\n' >thing.ts
	printf 'import { oldThing } from "./thing";\noldThing(1);\n' >page.tsx
	printf 'oldThing();\n' >stranger.js
	printf 'package pkg\n\nfunc OldFunc() {}\n' >pkg/a.go
	printf 'package pkg\n\nfunc Use() { OldFunc() }\n' >pkg/b.go
	printf 'package main\n\nimport "x/pkg"\n\nfunc Two() { pkg.OldFunc() }\n' >cmd/c.go
	printf 'public final class OldService {\n}\n' >OldService.java
	printf 'import a.b.OldService;\nclass User { OldService s; }\n' >User.java
	printf 'pub fn old_rust() {}\n' >rusty.rs
	printf 'use crate::rusty::old_rust;\nfn x() { old_rust() }\n' >user.rs
	printf 'class OldModel\nend\n' >old_model.rb
	printf 'OldModel.new\n' >user.rb
	printf '<?php\nfinal class OldPhp {}\n' >old.php
	printf '<?php\n$x = new OldPhp();\n' >user.php
	printf 'old_shell() {\n  :\n}\n' >lib.sh
	printf '. ./lib.sh\nold_shell\n' >main.sh
	git add . && git commit -qm first
	for f in x.c thing.ts pkg/a.go OldService.java rusty.rs old_model.rb old.php lib.sh; do echo >"$f"; done
	code 1 git sk lint --json
	eq "$(rules)" "removed-in-use User.java:1
removed-in-use cmd/c.go:5
removed-in-use main.sh:2
removed-in-use page.tsx:1
removed-in-use user.php:2
removed-in-use user.rb:1
removed-in-use user.rs:1
removed-in-use x.h:1"
	has "$W.out" "'OldFunc' is removed from pkg/a.go and still used here (and in pkg/b.go:3)"
	has "$W.out" "(and in page.tsx:2)"
	has "$W.out" "(and in y.c:4)"
	hasnt "$W.out" "stranger"
}

run_tests
