/* Rolling back and taking it back, after many random changes, with staged state and HEAD.
 * A rollback must give the very tree, bits, empty folders, `git status` and `git diff --cached` of
 * the backup; an undo must give every byte of before, ignored files too; and both also when the
 * process is killed at a random step and another one finishes.
 * SK_TEST_SEED and SK_TEST_ROUNDS change the course. */
#include "unit/scratch.h"

#include <sys/wait.h>

#include "restore/restore.h"

static unsigned long long rng;

static unsigned pick(unsigned n)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return (unsigned)(rng >> 11) % n;
}

static const char *const part[] = { "a", "b", "c", "d e", "-x", "\xff", "n\nl", "z.log", "sub" };

static const char *random_path(void)
{
	static char path[256];
	unsigned depth = 1 + pick(3);

	path[0] = '\0';
	for (unsigned i = 0; i < depth; i++) {
		if (i)
			strcat(path, "/");
		strcat(path, part[pick(sizeof part / sizeof *part)]);
	}
	return path;
}

static void make_parents(const char *path)
{
	char copy[256];

	(void)snprintf(copy, sizeof copy, "%s", path);
	for (char *p = strchr(copy, '/'); p; p = strchr(p + 1, '/')) {
		*p = '\0';
		if (pick(6) == 0)
			(void)unlink(copy); /* a file gives way to a folder */
		(void)mkdir(copy, 0755);
		*p = '/';
	}
}

static void write_text(const char *path, const char *text)
{
	struct stat st;
	FILE *f;

	if (lstat(path, &st) == 0 && S_ISLNK(st.st_mode))
		(void)unlink(path);
	f = fopen(path, "w");
	if (!f)
		return; /* a folder is there, or a file above it: no change this time */
	(void)fputs(text, f);
	(void)fclose(f);
}

static void edit(const char *path)
{
	char text[32];

	make_parents(path);
	(void)snprintf(text, sizeof text, "%08u\n", pick(90000000));
	write_text(path, pick(9) ? text : "");
}

static void ignore_rules(void)
{
	static const char *const rule[] = { "*.log\n", "sub/\n", "!c\n",     "/a\n",
		                            "b/**\n",  "c\n",    "!*.log\n", "**/d e\n" };
	char text[200] = "";

	for (unsigned i = pick(4); i-- > 0;)
		strcat(text, rule[pick(sizeof rule / sizeof *rule)]);
	if (pick(4) == 0)
		(void)unlink(".gitignore");
	else
		write_text(".gitignore", text);
}

static void change(void)
{
	static const mode_t bits[] = { 0644, 0755, 0600, 0640, 0444, 0711, 0700 };
	struct stat st;
	const char *path;

	switch (pick(18)) {
	case 0:
	case 1:
		(void)sk_remove_tree(AT_FDCWD, random_path());
		break;
	case 2:
		path = random_path();
		make_parents(path);
		if (pick(2))
			(void)sk_remove_tree(AT_FDCWD, path);
		if (symlink("../canary", path))
			break; /* something is there already */
		break;
	case 3:
	case 4:
		path = random_path();
		if (lstat(path, &st) == 0 && !S_ISLNK(st.st_mode))
			(void)chmod(path,
			            S_ISDIR(st.st_mode) ? (pick(2) ? 0755 : 0700) : bits[pick(7)]);
		break;
	case 5:
		path = random_path();
		make_parents(path);
		(void)mkdir(path, pick(2) ? 0755 : 0750);
		break;
	case 6:
	case 7:
		ignore_rules();
		break;
	case 8:
		sh("git add -A . 2>/dev/null; true");
		break;
	case 9:
		sh("git add -A . && git commit -qm x --allow-empty 2>/dev/null; true");
		break;
	case 10:
		sh("git rm -rq --cached -- sub a 2>/dev/null; true");
		break;
	case 11:
		sh("git add -f -- b sub 2>/dev/null; git add -N . 2>/dev/null; true");
		break;
	case 12:
		sh("git checkout -q %s 2>/dev/null; true", pick(2) ? "main" : "--detach");
		break;
	case 13: /* the user's file goes into a tree that was a file */
		path = random_path();
		(void)sk_remove_tree(AT_FDCWD, path);
		edit(path);
		break;
	default:
		edit(random_path());
	}
}

static void changes(unsigned n)
{
	assert_int_equal(chdir("w"), 0);
	for (unsigned i = 0; i < n; i++) {
		change();
		if (chdir(scratch) || chdir("w"))
			fail_msg("scratch is gone");
	}
	assert_int_equal(chdir(scratch), 0);
}

/* Everything below w, ignored files, bits and empty folders included, and what git says. */
static char *state_of(const char *what)
{
	const char *files = "cd w && find . -path ./.git -prune -o -printf '%y %m %p -> %l\\n' | "
	                    "LC_ALL=C sort; find . -path ./.git -prune -o -type f -print0 | "
	                    "LC_ALL=C sort -z | xargs -0r sha1sum --";
	const char *git = "cd w && git status --porcelain=v2 --branch -uall; git diff --cached; "
	                  "git ls-files -svt --stage; git rev-parse HEAD; git symbolic-ref -q HEAD";
	char *out = strdup(sh("%s; true", strcmp(what, "files") == 0 ? files : git));

	assert_non_null(out);
	return out;
}

static struct sk_entry *backup(struct sk_repo *repo)
{
	struct sk_backup_opts opts = { .kind = SK_BACKUP, .trigger = "test", .wait_seconds = 60 };
	struct sk_backup_result r = { 0 };
	struct sk_entry *entry;
	int rc = sk_backup(repo, &opts, &r);

	if (rc)
		fail_msg("backup: %d %s", rc, sk_error_message());
	entry = r.entry;
	r.entry = NULL;
	sk_backup_result_clear(&r);
	return entry;
}

static int go_back(const struct sk_entry *entry, struct sk_restore_result *r)
{
	struct sk_restore_opts opts = {
		.target = entry, .staged = true, .head = true, .operation = "rollback"
	};
	struct sk_repo *repo = NULL;
	int rc;

	assert_int_equal(sk_repo_open("w", &repo), 0);
	rc = entry ? sk_restore(repo, &opts, r) : sk_undo_apply(repo, false, r);
	sk_repo_close(repo);
	return rc;
}

/* The same, killed at a random step and finished by this process; *skips counts what stayed. */
static void go_back_killed(const struct sk_entry *entry, size_t *skips, unsigned at)
{
	struct sk_repo *repo = NULL;
	struct sk_buf words = SK_BUF_INIT;
	bool did = false;
	int status = 0, rc;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		struct sk_restore_result r = { 0 };
		char text[16];

		(void)snprintf(text, sizeof text, "%u", at);
		(void)setenv("SK_TEST_KILL_AT", text, 1);
		rc = go_back(entry, &r);
		_exit(rc == 0 ? 0 : rc == SK_EPARTIAL ? 3 : 99);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status)) {
		assert_int_not_equal(WEXITSTATUS(status), 99);
		*skips = WEXITSTATUS(status) == 3;
		return;
	}
	assert_int_equal(sk_repo_open("w", &repo), 0);
	rc = sk_restore_recover(repo, &did, &words);
	if (rc)
		fail_msg("recover: %d %s", rc, sk_error_message());
	if (!did) { /* killed before the journal stood, or after it was gone: nothing to finish */
		struct sk_restore_result r = { 0 };

		rc = entry ? go_back(entry, &r) : 0;
		assert_true(rc == 0 || rc == SK_EPARTIAL);
		*skips = r.n_skips;
		sk_restore_result_clear(&r);
	} else {
		*skips = strstr(sk_buf_str(&words), "skipped") != NULL;
	}
	sk_buf_free(&words);
	sk_repo_close(repo);
}

/* What a failure is about, on standard error. */
static void explain(void)
{
	(void)sh(
	        "exec >&2; echo undo:; tr '\\0' ' ' <w/.git/sk/undo | tail -c 700; echo; cat "
	        "ignored "
	        "rules w/.gitignore; cd w; for i in $(git for-each-ref --format='%%(refname)' "
	        "refs/sk/backup refs/sk/meta | tail -n 12); do echo $i; git cat-file -p $i; "
	        "git ls-tree -rt $i; git cat-file blob $i:attributes | tr '\\0' '\\n'; done; true");
}

static void same(const char *what, char *got, char *want, unsigned long long seed, unsigned step)
{
	if (strcmp(got, want) != 0) {
		FILE *a = fopen("got", "w"), *b = fopen("want", "w");

		if (a && b) {
			(void)fputs(got, a);
			(void)fputs(want, b);
			(void)fclose(a);
			(void)fclose(b);
		}
		(void)sh("diff got want >&2; true");
		explain();
		fail_msg("seed %llu step %u: %s differ", seed, step, what);
	}
	free(got);
	free(want);
}

/* The tree is that of the backup, but for files which git ignored before: these are never touched,
 * and the rules that came back may show them. */
static void check_tree(const struct sk_entry *a, const struct sk_entry *again,
                       unsigned long long seed, unsigned step)
{
	const char *x = sk_oid_str(&a->tree), *y = sk_oid_str(&again->tree);
	const char *more = sh("cd w && git diff --no-renames --name-only --diff-filter=a %s %s; "
	                      "git diff --no-renames --name-only --diff-filter=A %s %s | "
	                      "LC_ALL=C sort | LC_ALL=C comm -23 - ../ignored",
	                      x, y, x, y);

	if (*more) {
		explain();
		fail_msg("seed %llu step %u: trees differ", seed, step);
	}
}

static bool same_trailer(const struct sk_entry *a, const struct sk_entry *b, const char *key)
{
	const char *x = sk_entry_get(a, key), *y = sk_entry_get(b, key);

	return x && y ? strcmp(x, y) == 0 : x == y;
}

static void one_step(struct sk_repo *repo, unsigned long long seed, unsigned step, bool kill_it)
{
	struct sk_restore_result r = { 0 };
	struct sk_entry *a, *again;
	char *git_a, *files_b, *git_b;
	size_t skips = 0;
	bool same_rules, crossed;
	int rc;

	changes(1 + pick(10));
	a = backup(repo);
	git_a = state_of("git");
	(void)sh("cp w/.gitignore rules 2>/dev/null || : >rules; "
	         "cd w && git ls-files | LC_ALL=C sort -u >../tracked");
	changes(1 + pick(12));
	files_b = state_of("files");
	git_b = state_of("git");
	(void)sh("cd w && git ls-files -oi --exclude-standard | LC_ALL=C sort >../ignored");
	/* what is ignored and becomes tracked by the rollback counts as the user's from then on */
	crossed = *sh("LC_ALL=C comm -12 ignored tracked") != '\0';
	same_rules = *sh("cat w/.gitignore 2>/dev/null | cmp - rules 2>&1 || true") == '\0';
	if (kill_it) {
		go_back_killed(a, &skips, pick(40));
	} else {
		rc = go_back(a, &r);
		if (rc && rc != SK_EPARTIAL)
			fail_msg("seed %llu step %u: rollback: %d %s", seed, step, rc,
			         sk_error_message());
		skips = r.n_skips;
	}
	again = backup(repo);
	if (!skips) {
		check_tree(a, again, seed, step);
		if (sk_oid_eq(&a->tree, &again->tree))
			same("status after the rollback", state_of("git"), git_a, seed, step);
		else
			free(git_a);
		/* an empty folder that was ignored is never touched either */
		if (same_rules && !same_trailer(a, again, "Sk-Meta"))
			fail_msg("seed %llu step %u: bits or empty folders differ: %s", seed, step,
			         sh("cd w && for m in %s %s; do echo; git cat-file blob "
			            "$m:attributes | tr '\\0' '\\n'; done; cat .gitignore; true",
			            sk_entry_get(a, "Sk-Meta"), sk_entry_get(again, "Sk-Meta")));
	} else {
		free(git_a);
	}
	if (kill_it || r.n_changes || r.index_restored || r.head_moved) {
		struct sk_undo last = { NULL, NULL, 0, false, false };
		struct sk_restore_result u = { 0 };

		if (sk_undo_last(repo, &last) == 0 && strcmp(last.operation, "rollback") == 0) {
			rc = go_back(NULL, &u);
			if (rc && rc != SK_EPARTIAL)
				fail_msg("seed %llu step %u: undo: %d %s", seed, step, rc,
				         sk_error_message());
			if (!u.n_skips && !skips && !crossed) {
				same("files after undo", state_of("files"), files_b, seed, step);
				same("status after undo", state_of("git"), git_b, seed, step);
				files_b = git_b = NULL;
			}
			sk_restore_result_clear(&u);
		}
		sk_undo_clear(&last);
	}
	free(files_b);
	free(git_b);
	sk_restore_result_clear(&r);
	sk_entry_free(a);
	sk_entry_free(again);
	(void)sh("test ! -e w/.git/sk/journal && test ! -e w/.git/index.lock && "
	         "test -z \"$(find w -name '.sk-tmp-*')\"");
	assert_string_equal(sh("cat canary/f"), "untouched");
}

static void course(unsigned long long seed, unsigned steps, bool kill_it)
{
	struct sk_repo *repo = NULL;

	rng = seed * 0x9E3779B97F4A7C15ULL + 1;
	sh("rm -rf w canary && mkdir canary && echo untouched >canary/f && "
	   "git init -q -b main w && cd w && git commit -qm 0 --allow-empty");
	assert_int_equal(sk_repo_open("w", &repo), 0);
	for (unsigned i = 0; i < steps; i++)
		one_step(repo, seed, i, kill_it);
	sk_repo_close(repo);
	sh("cd w && git fsck --full --strict --no-dangling");
}

static void run(bool kill_it)
{
	const char *seed = getenv("SK_TEST_SEED"), *rounds = getenv("SK_TEST_ROUNDS");
	unsigned long long first = seed ? strtoull(seed, NULL, 10) : 1;
	unsigned n = rounds ? (unsigned)atoi(rounds) : 4;

	(void)setenv("GIT_OPTIONAL_LOCKS", "0", 1);
	sk_set_quiet(1);
	scratch_open();
	for (unsigned i = 0; i < n; i++)
		course(first + i, 12, kill_it);
	scratch_close();
}

static void there_and_back(void **state)
{
	(void)state;
	run(false);
}

static void killed_and_finished(void **state)
{
	(void)state;
	run(true);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(there_and_back),
		                            cmocka_unit_test(killed_and_finished) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
