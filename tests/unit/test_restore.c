/* The journal, the record of operations, hostile targets, damaged ones, and what is in the way. */
#include "unit/scratch.h"

#include "restore/journal.h"
#include "restore/restore.h"

static struct sk_repo *repo;

static int setup(void **state)
{
	(void)state;
	scratch_open();
	sk_set_quiet(1);
	sh("git init -q -b main w && cd w && mkdir -p src && echo one >a && echo two >src/b && "
	   "git add -A && git commit -qm first");
	return sk_repo_open("w", &repo);
}

static int teardown(void **state)
{
	(void)state;
	sk_repo_close(repo);
	scratch_close();
	return 0;
}

static struct sk_entry *backup(void)
{
	struct sk_backup_opts opts = {
		.kind = SK_BACKUP, .trigger = "test", .wait_seconds = 60, .always = true
	};
	struct sk_backup_result r = { 0 };
	struct sk_entry *entry;
	int rc = sk_backup(repo, &opts, &r);

	if (rc && rc != SK_EPARTIAL)
		fail_msg("backup: %d %s", rc, sk_error_message());
	entry = r.entry;
	r.entry = NULL;
	sk_backup_result_clear(&r);
	return entry;
}

static int restore(const struct sk_entry *e, const char *path, bool dry,
                   struct sk_restore_result *r)
{
	struct sk_strv paths = SK_STRV_INIT;
	struct sk_restore_opts opts = { .target = e, .operation = "rollback", .dry_run = dry };
	int rc;

	*r = (struct sk_restore_result){ 0 };
	if (path) {
		assert_int_equal(sk_strv_add(&paths, path), 0);
		opts.paths = &paths;
	}
	rc = sk_restore(repo, &opts, r);
	sk_strv_free(&paths);
	return rc;
}

/* --- journal ------------------------------------------------------------------------------ */

static void job_make(struct sk_job *job)
{
	struct sk_item *item;

	*job = (struct sk_job){ .staged = true, .index = true };
	job->operation = strdup("rollback");
	job->target = strdup("20260101T000000Z");
	job->safety_id = strdup("20260102T000000Z");
	sk_job_own(job);
	memcpy(job->plan.token, "0123456789abcdef", 17);
	job->move.needed = true;
	job->move.branch = strdup("main");
	memset(job->move.to.id, 7, SK_OID_RAW);
	item = sk_plan_add(&job->plan, SK_WRITE, "dir/a\nb\xff");
	assert_non_null(item);
	item->base_len = 3;
	item->new_mode = 0100755;
	item->new_perm = 0750;
	item->size = 5000000000ULL;
	memset(item->new_oid.id, 9, SK_OID_RAW);
	assert_non_null(sk_plan_add(&job->plan, SK_RMDIR, "old"));
	assert_int_equal(sk_plan_skip(&job->plan, "x", "why %d", 1), 0);
}

static void journal_there_and_back(void **state)
{
	struct sk_job job, got;
	struct sk_buf data = SK_BUF_INIT;

	(void)state;
	job_make(&job);
	assert_int_equal(sk_journal_format(&job, &data), 0);
	assert_int_equal(sk_journal_parse(data.ptr, data.len, &got), 0);
	assert_string_equal(got.operation, "rollback");
	assert_string_equal(got.safety_id, "20260102T000000Z");
	assert_string_equal(got.plan.token, job.plan.token);
	assert_true(got.staged && !got.head && got.index && got.move.needed);
	assert_string_equal(got.move.branch, "main");
	assert_null(got.move.was_branch);
	assert_true(sk_oid_eq(&got.move.to, &job.move.to));
	assert_int_equal(got.plan.n, 2);
	assert_string_equal(got.plan.item[0].path, "dir/a\nb\xff");
	assert_int_equal(got.plan.item[0].new_mode, 0100755);
	assert_int_equal(got.plan.item[0].new_perm, 0750);
	assert_int_equal(got.plan.item[0].base_len, 3);
	assert_true(got.plan.item[0].size == 5000000000ULL);
	assert_int_equal(got.plan.item[1].kind, SK_RMDIR);
	assert_int_equal(got.plan.n_skips, 1);
	assert_string_equal(got.plan.skip[0].reason, "why 1");
	assert_true(sk_job_alive(&got));
	got.started++;
	assert_false(sk_job_alive(&got));
	sk_job_clear(&got);
	sk_job_clear(&job);
	sk_buf_free(&data);
}

/* Any cut and any flipped bit is seen, and what can be read is. */
static void journal_damaged(void **state)
{
	struct sk_job job, got;
	struct sk_buf data = SK_BUF_INIT;

	(void)state;
	job_make(&job);
	assert_int_equal(sk_journal_format(&job, &data), 0);
	for (size_t i = 0; i < data.len; i++) {
		int rc = sk_journal_parse(data.ptr, i, &got);

		assert_int_equal(rc, SK_EDAMAGED);
		sk_job_clear(&got);
		data.ptr[i] ^= 1;
		rc = sk_journal_parse(data.ptr, data.len, &got);
		assert_int_equal(rc, SK_EDAMAGED);
		sk_job_clear(&got);
		data.ptr[i] ^= 1;
	}
	assert_int_equal(sk_journal_parse(data.ptr, data.len - 50, &got), SK_EDAMAGED);
	assert_string_equal(got.safety_id, "20260102T000000Z");
	sk_job_clear(&got);
	sk_job_clear(&job);
	sk_buf_free(&data);
}

static void journal_leads_nowhere(void **state)
{
	static const char *const bad[] = { "../x", "a/../../x", "/etc/x", "a//b", "." };

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct sk_buf data = SK_BUF_INIT;
		struct sk_job job, got;

		job_make(&job);
		assert_non_null(sk_plan_add(&job.plan, SK_DELETE, bad[i]));
		assert_int_equal(sk_journal_format(&job, &data), 0);
		assert_int_equal(sk_journal_parse(data.ptr, data.len, &got), SK_EDAMAGED);
		sk_job_clear(&got);
		sk_job_clear(&job);
		sk_buf_free(&data);
	}
}

static void damaged_journal_is_set_aside(void **state)
{
	struct sk_buf words = SK_BUF_INIT;
	bool did = false;

	(void)state;
	sh("mkdir -p w/.git/sk && printf 'safekeep journal 1\\0rollback\\0X\\0SAFE\\0junk' "
	   ">w/.git/sk/journal");
	assert_int_equal(sk_restore_recover(repo, &did, &words), 0);
	assert_true(did);
	assert_non_null(strstr(words.ptr, "damaged"));
	assert_non_null(strstr(words.ptr, "SAFE"));
	sh("test -e w/.git/sk/journal.damaged && test ! -e w/.git/sk/journal");
	sk_buf_clear(&words);
	assert_int_equal(sk_restore_recover(repo, &did, &words), 0);
	assert_false(did);
	sk_buf_free(&words);
}

/* --- undo --------------------------------------------------------------------------------- */

static void undo_keeps_fifty(void **state)
{
	struct sk_undo last = { NULL, NULL, 0, false, false };
	char id[32], op[] = "before git reset --hard";

	(void)state;
	for (int i = 0; i < 60; i++) {
		struct sk_undo u = { op, id, i, (i & 1) != 0, false };

		(void)snprintf(id, sizeof id, "ID%d", i);
		assert_int_equal(sk_undo_push(repo, &u), 0);
		assert_int_equal(sk_undo_push(repo, &u), 0); /* again: no second record */
		assert_int_equal(sk_undo_last(repo, &last), 0);
		assert_string_equal(last.safety_id, id);
		assert_string_equal(last.operation, op);
		assert_int_equal(last.staged, (i & 1) != 0);
		sk_undo_clear(&last);
	}
	assert_string_equal(sh("tr '\\0' '\\n' <w/.git/sk/undo | grep -c '^ID'"), "50");
	sh("printf 'und' >>w/.git/sk/undo");
	assert_int_equal(sk_undo_last(repo, &last), 0);
	assert_string_equal(last.safety_id, "ID59");
	sk_undo_clear(&last);
	sh("rm w/.git/sk/undo");
	assert_int_equal(sk_undo_last(repo, &last), SK_ENO);
}

/* --- targets ------------------------------------------------------------------------------ */

/* A backup made by hand of the tree that `git mktree` gives for these lines. */
static struct sk_entry *made_up(const char *lines)
{
	struct sk_entry *e = NULL;

	sh("cd w && t=$(printf '%s' | git mktree --missing) && "
	   "printf 'object %%s\\ntype tree\\ntag x\\ntagger A <a> 0 +0000\\n\\nt\\n\\n"
	   "Sk-Kind: backup\\nSk-Worktree: main\\n' $t >../tag && "
	   "git update-ref refs/sk/backup/20250101T000000Z $(git hash-object -t tag -w --literally "
	   "../tag)",
	   lines);
	if (sk_entry_read(repo, "refs/sk/backup/20250101T000000Z", &e))
		fail_msg("%s", sk_error_message());
	return e;
}

static void hostile_names_are_skipped(void **state)
{
	struct sk_restore_result r;
	struct sk_entry *e;
	char oid[64], lines[1024];

	(void)state;
	(void)snprintf(oid, sizeof oid, "%s", sh("cd w && echo evil | git hash-object -w --stdin"));
	(void)snprintf(lines, sizeof lines,
	               "100644 blob %s\\t.GIT\\n100644 blob %s\\tgit~1\\n100644 blob %s\\tok\\n"
	               "100644 blob %s\\t..\\n",
	               oid, oid, oid, oid);
	e = made_up(lines);
	assert_int_equal(restore(e, NULL, false, &r), SK_EPARTIAL);
	assert_int_equal(r.n_skips, 3);
	assert_string_equal(sh("cd w && ls -A"), ".git\nok");
	sk_restore_result_clear(&r);
	sk_entry_free(e);
	assert_int_equal(sk_undo_apply(repo, false, &r), 0);
	sk_restore_result_clear(&r);
	assert_string_equal(sh("cd w && cat a src/b && git status --porcelain"), "one\ntwo");
}

static void nothing_is_touched_when_a_blob_is_missing(void **state)
{
	struct sk_restore_result r;
	struct sk_entry *e;
	char lines[512];

	(void)state;
	(void)snprintf(
	        lines, sizeof lines,
	        "100644 blob %s\\ta\\n100644 blob 1111111111111111111111111111111111111111\\tz\\n",
	        sh("cd w && echo other | git hash-object -w --stdin"));
	e = made_up(lines);
	assert_int_equal(restore(e, NULL, false, &r), SK_EDAMAGED);
	assert_non_null(strstr(sk_error_message(), "'z'"));
	assert_int_equal(restore(e, NULL, true, &r), SK_EDAMAGED);
	assert_string_equal(sh("cd w && cat a src/b && git status --porcelain"), "one\ntwo");
	sh("cd w && test ! -e .git/sk/journal && test -z \"$(find . -name '.sk-tmp-*')\"");
	assert_int_equal(restore(e, "a", false, &r), 0);
	assert_string_equal(sh("cat w/a"), "other");
	sk_restore_result_clear(&r);
	sk_entry_free(e);
	sh("cd w && git checkout -q -- .");
}

static void paths_only(void **state)
{
	struct sk_restore_result r;
	struct sk_entry *e = backup();

	(void)state;
	sh("cd w && echo x >a && echo x >src/b && echo x >src/new && echo x >src-other");
	assert_int_equal(restore(e, "nowhere", false, &r), SK_ENO);
	assert_non_null(strstr(sk_error_message(), "nowhere"));
	assert_int_equal(restore(e, "src", true, &r), 0);
	assert_int_equal(r.n_changes, 2);
	assert_null(r.safety_id);
	sk_restore_result_clear(&r);
	assert_string_equal(sh("cat w/src/b"), "x");
	assert_int_equal(restore(e, "src", false, &r), 0);
	assert_int_equal(r.written, 1);
	assert_int_equal(r.deleted, 1);
	assert_non_null(r.safety_id);
	sk_restore_result_clear(&r);
	assert_string_equal(sh("cd w && cat a src/b src-other && ls src"), "x\ntwo\nx\nb");
	sh("cd w && git checkout -q -- . && rm src-other");
	sk_entry_free(e);
}

/* What is in the way and in no backup stays; the rest goes on. */
static void things_in_the_way(void **state)
{
	struct sk_restore_result r;
	struct sk_entry *e;

	(void)state;
	sh("cd w && mkdir d && echo f >f && echo d >d/x && echo g >g");
	e = backup();
	sh("cd w && rm -r f d g && mkfifo f && echo '*.o' >.gitignore && mkdir g && echo o >g/a.o "
	   "&& "
	   "echo plain >d");
	assert_int_equal(restore(e, NULL, false, &r), SK_EPARTIAL);
	assert_int_equal(r.n_skips, 2);
	sk_restore_result_clear(&r);
	assert_string_equal(sh("cd w && test -p f && cat g/a.o d/x && ls -A"),
	                    "o\nd\n.git\na\nd\nf\ng\nsrc");
	sh("cd w && rm -r f d g");
	sk_entry_free(e);
}

/* A file that is larger than the limit was not taken: it is never deleted, nor written over. */
static void skipped_by_the_backup(void **state)
{
	struct sk_restore_result r;
	struct sk_entry *e;

	(void)state;
	sh("head -c 100 /dev/zero >w/big");
	repo->config->backup.max_file_size = 50;
	e = backup();
	sh("cd w && rm big && echo small >big");
	assert_int_equal(restore(e, NULL, false, &r), SK_EPARTIAL);
	assert_string_equal(sh("cat w/big"), "small");
	sk_restore_result_clear(&r);
	sk_entry_free(e);
	e = backup();
	sh("head -c 100 /dev/zero >w/big");
	assert_int_equal(restore(e, NULL, false, &r), SK_EPARTIAL);
	assert_string_equal(sh("stat -c %%s w/big"), "100");
	sk_restore_result_clear(&r);
	sk_entry_free(e);
	repo->config->backup.max_file_size = 0;
	sh("rm w/big");
}

static void nested_repositories(void **state)
{
	struct sk_restore_result r;
	struct sk_entry *e;

	(void)state;
	sh("cd w && git init -q sub && cd sub && echo in >f && git add f && git commit -qm s && "
	   "echo dirty >f && git init -q ../late && rm -rf ../late");
	e = backup();
	sh("cd w && echo more >sub/f && echo new >sub/n && git init -q late && echo l >late/l");
	assert_int_equal(restore(e, NULL, false, &r), SK_EPARTIAL);
	assert_int_equal(r.n_skips, 1);
	assert_string_equal(r.skip[0].path, "late");
	sk_restore_result_clear(&r);
	assert_string_equal(
	        sh("cd w && cat sub/f late/l && ls sub && git -C sub status --porcelain"),
	        "dirty\nl\nf\n M f");
	sh("cd w && rm -rf late sub");
	assert_int_equal(restore(e, NULL, false, &r), SK_EPARTIAL);
	assert_string_equal(r.skip[0].path, "sub");
	sk_restore_result_clear(&r);
	assert_string_equal(sh("cd w && cat sub/f && ls -A sub"), "dirty\nf");
	sh("rm -r w/sub");
	sk_entry_free(e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(journal_there_and_back),
		cmocka_unit_test(journal_damaged),
		cmocka_unit_test(journal_leads_nowhere),
		cmocka_unit_test(damaged_journal_is_set_aside),
		cmocka_unit_test(undo_keeps_fifty),
		cmocka_unit_test(hostile_names_are_skipped),
		cmocka_unit_test(nothing_is_touched_when_a_blob_is_missing),
		cmocka_unit_test(paths_only),
		cmocka_unit_test(things_in_the_way),
		cmocka_unit_test(skipped_by_the_backup),
		cmocka_unit_test(nested_repositories),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
