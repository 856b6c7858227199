/* The scan against git itself: after each of many random changes, the snapshot's tree must be what
 * `git add -A && git write-tree` gives with a copy of the user's index, and the user's index must
 * be as it was, byte for byte.  Same-size edits within one clock tick are among the changes.
 * SK_TEST_SEED and SK_TEST_ROUNDS change the course. */
#include "unit/scratch.h"

#include <sys/time.h>

#include "capture/backup.h"

static unsigned long long rng;

static unsigned pick(unsigned n)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return (unsigned)(rng >> 11) % n;
}

static const char *const part[] = { "a",     "b",    "c.txt", "d e",   "foo",   "foo.c", "foo-bar",
	                            "-dash", "\xff", "n\nl",  "t\tab", "\"q\"", "z.log", "sub" };

static const char *random_path(void)
{
	static char path[256];
	unsigned depth = 1 + pick(4);

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
		(void)mkdir(copy, 0755);
		*p = '/';
	}
}

static void write_text(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	if (!f)
		return; /* a folder is there, or a file above it: no change this time */
	(void)fputs(text, f);
	(void)fclose(f);
}

static void edit(const char *path)
{
	char text[32];

	make_parents(path);
	(void)snprintf(text, sizeof text, "%08u\n", pick(90000000)); /* always the same size */
	write_text(path, text);
}

static void ignore_rules(void)
{
	static const char *const rule[] = { "*.log\n",  "sub/\n",   "!foo\n",  "/a\n",
		                            "foo*\n",   "b/**\n",   "\\!x\n",  "c.txt\n",
		                            "!*.log\n", "**/d e\n", "/sub/a\n" };
	char path[300], text[200] = "";

	for (unsigned i = pick(4); i-- > 0;)
		strcat(text, rule[pick(sizeof rule / sizeof *rule)]);
	if (pick(2))
		(void)snprintf(path, sizeof path, ".gitignore");
	else
		(void)snprintf(path, sizeof path, "%s/.gitignore", part[pick(3)]);
	if (pick(4) == 0)
		(void)unlink(path);
	else
		write_text(path, text);
}

/* Of files: a folder of mode 644 is closed to all but root, for git and for us. */
static void change_mode(const char *path, mode_t mode)
{
	struct stat st;

	if (lstat(path, &st) == 0 && S_ISREG(st.st_mode))
		(void)chmod(path, mode);
}

static void change(void)
{
	char other[256];
	const char *path;

	switch (pick(16)) {
	case 0:
		(void)snprintf(other, sizeof other, "%s", random_path());
		(void)rename(other, random_path());
		break;
	case 1:
		(void)sk_remove_tree(AT_FDCWD, random_path());
		break;
	case 2:
		path = random_path();
		make_parents(path);
		if (symlink("nowhere/../a", path))
			break; /* something is there already */
		break;
	case 3:
		change_mode(random_path(), pick(2) ? 0755 : 0644);
		break;
	case 4:
		path = random_path();
		make_parents(path);
		(void)mkdir(path, 0755);
		break;
	case 5:
		ignore_rules();
		break;
	case 6:
		sh("git add -A . 2>/dev/null; true");
		break;
	case 7:
		sh("git add -A . && git commit -qm x --allow-empty 2>/dev/null; true");
		break;
	case 8:
		sh("git rm -rq --cached -- sub a 2>/dev/null; true");
		break;
	default:
		edit(random_path());
	}
}

static void expected_tree(char out[64])
{
	/* -p: a copy with a newer time would make git itself miss racy edits */
	(void)snprintf(
	        out, 64, "%s",
	        sh("cd w && cp -p .git/index ../ix 2>/dev/null || rm -f ../ix; "
	           "GIT_INDEX_FILE=../ix git add -A . && GIT_INDEX_FILE=../ix git write-tree"));
}

static void backup(struct sk_repo *repo, struct sk_backup_result *r)
{
	struct sk_backup_opts opts = { .kind = SK_BACKUP, .trigger = "test", .wait_seconds = 60 };
	int rc;

	*r = (struct sk_backup_result){ 0 };
	rc = sk_backup(repo, &opts, r);
	if (rc)
		fail_msg("backup: %d %s", rc, sk_error_message());
}

static void one_course(unsigned long long seed, unsigned steps)
{
	struct sk_repo *repo = NULL;
	struct sk_backup_result r;
	char want[64], before[64];

	rng = seed * 0x9E3779B97F4A7C15ULL + 1;
	sh("rm -rf w ix && git init -q w && cd w && git commit -qm 0 --allow-empty");
	if (sk_repo_open("w", &repo))
		fail_msg("seed %llu: %s", seed, sk_error_message());
	assert_int_equal(chdir("w"), 0);
	for (unsigned i = 0; i < steps; i++) {
		for (unsigned k = 1 + pick(6); k-- > 0;) {
			change();
			if (chdir(scratch) || chdir("w"))
				fail_msg("scratch is gone");
		}
		assert_int_equal(chdir(scratch), 0);
		expected_tree(want);
		(void)snprintf(before, sizeof before, "%s", sh("sha1sum <w/.git/index || true"));
		backup(repo, &r);
		if (strcmp(sk_oid_str(&r.entry->tree), want) != 0) {
			(void)sh("cd w && git diff --stat %s %s >&2; git status --short --ignored "
			         ">&2",
			         want, sk_oid_str(&r.entry->tree));
			fail_msg("seed %llu step %u: tree %s, git has %s", seed, i,
			         sk_oid_str(&r.entry->tree), want);
		}
		assert_string_equal(sh("sha1sum <w/.git/index || true"), before);
		sk_backup_result_clear(&r);
		assert_int_equal(chdir("w"), 0);
	}
	assert_int_equal(chdir(scratch), 0);
	sk_repo_close(repo);
	sh("cd w && git fsck --full --strict --no-dangling");
	sh("cd w && test ! -e .git/index.lock");
}

static void same_as_git(void **state)
{
	const char *seed = getenv("SK_TEST_SEED"), *rounds = getenv("SK_TEST_ROUNDS");
	unsigned long long first = seed ? strtoull(seed, NULL, 10) : 1;
	unsigned n = rounds ? (unsigned)atoi(rounds) : 6;

	(void)state;
	scratch_open();
	for (unsigned i = 0; i < n; i++)
		one_course(first + i, 25);
	scratch_close();
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(same_as_git) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
