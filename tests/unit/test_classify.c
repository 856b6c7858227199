/* The words of git command lines: which may change files, and what is shown of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "hooks/classify.h"

/* Words are separated by single blanks here. */
static int split(const char *line, char *copy, size_t cap, const char **argv)
{
	int n = 0;

	assert_true(strlen(line) < cap);
	strcpy(copy, line);
	for (char *w = strtok(copy, " "); w; w = strtok(NULL, " "))
		argv[n++] = w;
	return n;
}

static const char *const reading[] = { "git",
	                               "git --version",
	                               "git -v",
	                               "git --help",
	                               "git --exec-path",
	                               "git status",
	                               "git status --porcelain=v2 -z",
	                               "/usr/bin/git status",
	                               "git-status",
	                               "git -C /tmp status",
	                               "git -c core.quotepath=false -C x --no-pager status",
	                               "git --no-optional-locks status",
	                               "git --git-dir=/x/.git --work-tree /x status -s",
	                               "git --git-dir /x/.git diff",
	                               "git -p log",
	                               "git diff",
	                               "git diff --cached --stat",
	                               "git diff HEAD~3 -- a b",
	                               "git diff-files",
	                               "git diff-index HEAD",
	                               "git log --oneline",
	                               "git log -p -- clean",
	                               "git show HEAD:a",
	                               "git ls-files -m -o",
	                               "git describe --dirty",
	                               "git blame a.c",
	                               "git grep -n needle",
	                               "git rev-parse --show-toplevel",
	                               "git fsmonitor--daemon status",
	                               "git stash list",
	                               "git stash show -p stash@{1}",
	                               "git branch",
	                               "git branch -a",
	                               "git branch -vv",
	                               "git branch --list feature/*",
	                               "git branch --show-current",
	                               "git branch --contains HEAD",
	                               "git branch --no-merged main",
	                               "git worktree list",
	                               "git worktree list --porcelain",
	                               "git tag",
	                               "git tag -l v*",
	                               "git tag -n5",
	                               "git tag --points-at HEAD",
	                               "git remote",
	                               "git remote -v",
	                               "git remote get-url origin",
	                               "git reflog",
	                               "git reflog show main",
	                               "git reflog -5",
	                               "git symbolic-ref HEAD",
	                               "git symbolic-ref --short -q HEAD",
	                               "git clean -n",
	                               "git clean -nd",
	                               "git clean -xdn",
	                               "git clean --dry-run -d",
	                               "git add -n .",
	                               "git add --dry-run -A",
	                               "git rm -n a",
	                               "git commit --dry-run",
	                               "git commit --short",
	                               "git commit -a --porcelain",
	                               "git commit --long -- a",
	                               "git format-patch --stdout -1",
	                               "git submodule--helper status --",
	                               "git submodule--helper summary -n -1 --",
	                               "git update-index --unmerged -q --refresh",
	                               "git apply --check a.patch",
	                               "git apply --stat a.patch",
	                               "git update-index -q --refresh",
	                               "git update-index --refresh",
	                               "git submodule",
	                               "git submodule status",
	                               "git notes show",
	                               "git bisect log",
	                               "git sparse-checkout list",
	                               "git reset -h",
	                               "git checkout --help",
	                               "git cat-file --batch",
	                               "git check-ignore -v a",
	                               "git for-each-ref",
	                               "git rev-list --count HEAD",
	                               "git config -l",
	                               "git help reset",
	                               "git lfs status",
	                               "git diff --output-indicator-new=x",
	                               "git write-tree",
	                               "git -P --literal-pathspecs --bare log",
	                               "git --exec-path=/x status",
	                               NULL };

static const char *const changing[] = { "git reset --hard",
	                                "git checkout -- .",
	                                "git checkout -f main",
	                                "git switch -f main",
	                                "git restore .",
	                                "git restore -s HEAD~1 a",
	                                "git clean -fd",
	                                "git clean -f -e n",
	                                "git clean -fen",
	                                "git clean -n --no-dry-run -f",
	                                "git clean -f -- -n",
	                                "git stash",
	                                "git stash -u",
	                                "git stash push -m list",
	                                "git stash pop",
	                                "git stash drop",
	                                "git rm -rf d",
	                                "git rm a -- -n",
	                                "git mv -f a b",
	                                "git read-tree -u --reset HEAD",
	                                "git checkout-index -f -a",
	                                "git sparse-checkout set d",
	                                "git worktree remove --force x",
	                                "git worktree add x",
	                                "git add .",
	                                "git commit",
	                                "git commit -n",
	                                "git commit -am status",
	                                "git commit --no-verify",
	                                "git commit -m x -- --short",
	                                "git format-patch --stdout --output=a -1",
	                                "git submodule--helper update",
	                                "git submodule--helper foreach status",
	                                "git merge x",
	                                "git rebase -i HEAD~3",
	                                "git pull",
	                                "git cherry-pick x",
	                                "git revert HEAD",
	                                "git am x",
	                                "git apply a.patch",
	                                "git apply --stat --apply a.patch",
	                                "git apply --cached --stat a",
	                                "git bisect start",
	                                "git bisect run make",
	                                "git submodule update",
	                                "git submodule foreach git status",
	                                "git branch new",
	                                "git branch -D x",
	                                "git branch -d x",
	                                "git branch -m a b",
	                                "git branch -f a b",
	                                "git branch --delete x",
	                                "git branch -u origin/x",
	                                "git tag v1",
	                                "git tag -d v1",
	                                "git tag -a v1 -m x",
	                                "git update-index --refresh a",
	                                "git update-index --add a",
	                                "git update-index",
	                                "git reflog expire --expire=now --all",
	                                "git symbolic-ref HEAD refs/heads/x",
	                                "git symbolic-ref -d X",
	                                "git co main",
	                                "git st",
	                                "git nuke",
	                                "git -c alias.x=reset x",
	                                "git -C status reset",
	                                "git -c a=b reset --hard",
	                                "git --git-dir=status reset",
	                                "git-reset --hard",
	                                "/usr/lib/git-core/git-stash",
	                                "git log --output=a",
	                                "git diff --output a",
	                                "git diff --outp=a",
	                                "git show --output=a HEAD",
	                                "git archive HEAD -o a",
	                                "git format-patch -1",
	                                "git difftool",
	                                "git mergetool",
	                                "git gui",
	                                "git fetch",
	                                "git rerere",
	                                "git sk rollback",
	                                "git remote add a b",
	                                "git notes add",
	                                "git unknown-thing status",
	                                "git replace a b",
	                                "git filter-branch",
	                                "git receive-pack .",
	                                "sh -c status",
	                                "bash",
	                                "gitk",
	                                "git --unknown status",
	                                NULL };

static void each(const char *const *lines, enum sk_command_class want)
{
	const char *argv[64];
	char copy[256];

	for (; *lines; lines++) {
		int n = split(*lines, copy, sizeof copy, argv);

		if (sk_classify(n, argv, NULL) != want)
			fail_msg("'%s' is taken for %s", *lines,
			         want == SK_READ_ONLY ? "changing" : "reading");
	}
}

static void test_reading(void **state)
{
	(void)state;
	each(reading, SK_READ_ONLY);
}

static void test_changing(void **state)
{
	(void)state;
	each(changing, SK_MAY_CHANGE);
	assert_int_equal(sk_classify(0, NULL, NULL), SK_MAY_CHANGE);
}

static void test_command_word(void **state)
{
	static const struct {
		const char *line;
		int at;
	} cases[] = { { "git status", 1 },
		      { "git -C a -c b=c reset", 5 },
		      { "git-stash push", 0 },
		      { "git", 1 },
		      { "git -C", 2 },
		      { "git -c a=b", 3 },
		      { "git --git-dir=x log", 2 },
		      { "git --git-dir x log", 3 },
		      { "git --no-pager --bare", 3 } };
	const char *argv[64];
	char copy[256];

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		int at = -1, n = split(cases[i].line, copy, sizeof copy, argv);

		(void)sk_classify(n, argv, &at);
		if (at != cases[i].at)
			fail_msg("'%s': word %d, not %d", cases[i].line, at, cases[i].at);
	}
}

static void test_is_git(void **state)
{
	(void)state;
	assert_true(sk_is_git("git"));
	assert_true(sk_is_git("/usr/lib/git-core/git"));
	assert_true(sk_is_git("git-sk"));
	assert_false(sk_is_git("gitk"));
	assert_false(sk_is_git("/git/sh"));
	assert_false(sk_is_git(""));
}

#define WORDS(...)                                                                                 \
	(const char *const[])                                                                      \
	{                                                                                          \
		__VA_ARGS__, NULL                                                                  \
	}

static const struct {
	const char *const *argv;
	const char *want;
} labels[] = {
	{ WORDS("/usr/bin/git", "reset", "--hard"), "git reset --hard" },
	{ WORDS("git", "commit", "-m", "secret words"), "git commit -m ..." },
	{ WORDS("git", "commit", "-msecret"), "git commit -m..." },
	{ WORDS("git", "commit", "-am", "secret", "--", "a b"), "git commit -am ... -- 'a b'" },
	{ WORDS("git", "commit", "-aqmsecret"), "git commit -aqm..." },
	{ WORDS("git", "commit", "--message", "secret"), "git commit --message ..." },
	{ WORDS("git", "commit", "--mess=secret"), "git commit --mess=..." },
	{ WORDS("git", "commit", "-F", "secret"), "git commit -F ..." },
	{ WORDS("git", "commit", "--file=secret", "-v"), "git commit --file=... -v" },
	{ WORDS("git", "commit", "-m"), "git commit -m" },
	{ WORDS("git", "tag", "-a", "v1", "-m", "secret"), "git tag -a v1 -m ..." },
	{ WORDS("git", "stash", "push", "--", "-m", "a"), "git stash push -- -m a" },
	{ WORDS("git", "-c", "http.extraHeader=Authorization: x", "pull"),
	  "git -c http.extraHeader=... pull" },
	{ WORDS("git", "-c", "novalue", "pull"), "git -c ... pull" },
	{ WORDS("git", "notes", "add", "-m", "secret"), "git notes add -m ..." },
	{ WORDS("git", "unknown", "-m", "secret"), "git unknown -m ..." },
	{ WORDS("git", "checkout", "-m", "x"), "git checkout -m x" },
	{ WORDS("git", "revert", "-m", "1", "HEAD~2"), "git revert -m 1 HEAD~2" },
	{ WORDS("git", "switch", "--message", "secret"), "git switch --message ..." },
	{ WORDS("git", "reset", "~x"), "git reset '~x'" },
	{ WORDS("git", "fetch", "https://user:pw@example.org/a@b"),
	  "git fetch https://...@example.org/a@b" },
	{ WORDS("git", "fetch", "https://to@ken@example.org"),
	  "git fetch https://...@example.org" },
	{ WORDS("git", "fetch", "https://example.org/a@b"), "git fetch https://example.org/a@b" },
	{ WORDS("git", "checkout", "it's"), "git checkout 'it'\\''s'" },
	{ WORDS("git", "checkout", ""), "git checkout ''" },
	{ WORDS("git", "checkout", "a\nb\x1b[0m"), "git checkout 'a?b?[0m'" },
	{ WORDS("git", "checkout", "\xc3\xa9t\xc3\xa9"), "git checkout \xc3\xa9t\xc3\xa9" },
	{ WORDS("/x/git-stash", "pop"), "git-stash pop" },
	{ WORDS("git-commit", "-qm", "secret"), "git-commit -qm ..." },
};

static void test_labels(void **state)
{
	char out[512];

	(void)state;
	for (size_t i = 0; i < sizeof labels / sizeof *labels; i++) {
		int n = 0;

		while (labels[i].argv[n])
			n++;
		assert_int_equal(sk_command_label(n, labels[i].argv, out, sizeof out),
		                 strlen(labels[i].want));
		assert_string_equal(out, labels[i].want);
	}
}

static void test_label_is_cut(void **state)
{
	const char *argv[] = { "git", "add", "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9" };
	char out[64];

	(void)state;
	for (size_t cap = 0; cap < 24; cap++) {
		size_t n;

		memset(out, 'x', sizeof out);
		n = sk_command_label(3, argv, out, cap);
		assert_true(cap == 0 || n < cap);
		assert_int_equal(out[cap], 'x');
		if (cap == 0)
			continue;
		assert_int_equal(out[n], '\0');
		if (n > 8)
			assert_int_equal(n % 2, 0); /* whole characters of two bytes */
	}
	assert_int_equal(sk_command_label(0, NULL, out, sizeof out), 0);
	assert_string_equal(out, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reading),      cmocka_unit_test(test_changing),
		cmocka_unit_test(test_command_word), cmocka_unit_test(test_is_git),
		cmocka_unit_test(test_labels),       cmocka_unit_test(test_label_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
