/* Whole installations in scratch repositories: on, on again, displaced, crashed, off. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/io.h"
#include "base/proc.h"
#include "hooks/install_parts.h"

struct scratch {
	char dir[64];
	struct sk_repo repo;
};

/* Runs a script in the repository; what it prints is returned, the caller frees. */
static char *sh(const struct scratch *s, const char *script)
{
	const char *argv[] = { "sh", "-ec", script, NULL };
	struct sk_buf out = SK_BUF_INIT;
	struct sk_proc proc = { .argv = argv, .dir = s->repo.worktree, .output = &out };
	int status = -1;

	assert_int_equal(sk_buf_adds(&out, ""), 0);
	assert_int_equal(sk_proc_run(&proc, &status), 0);
	if (status)
		fail_msg("'%s' exited %d", script, status);
	return sk_buf_detach(&out);
}

static void run(const struct scratch *s, const char *script)
{
	free(sh(s, script));
}

static char *listing(const struct scratch *s)
{
	return sh(s, "find . -path ./.git/objects -prune -o -path ./.git/index -o "
	             "-printf '%y %m %P %l\\n' | sort; "
	             "find . -path ./.git/objects -prune -o -path ./.git/index -o -type f -print | "
	             "sort | xargs sha1sum");
}

static char *joined(const char *a, const char *b)
{
	char *path = NULL;

	assert_true(asprintf(&path, "%s/%s", a, b) > 0);
	return path;
}

static int set_up(void **state)
{
	struct scratch *s = calloc(1, sizeof *s);
	char *real;

	assert_non_null(s);
	strcpy(s->dir, "/tmp/sk-install.XXXXXX");
	assert_non_null(mkdtemp(s->dir));
	real = realpath(s->dir, NULL);
	s->repo.worktree = joined(real, "r");
	s->repo.gitdir = joined(s->repo.worktree, ".git");
	s->repo.commondir = joined(s->repo.worktree, ".git");
	s->repo.skdir = joined(s->repo.commondir, "sk");
	s->repo.sklocal = joined(s->repo.gitdir, "sk");
	assert_int_equal(mkdir(s->repo.worktree, 0755), 0);
	assert_int_equal(setenv("HOME", real, 1), 0);
	assert_int_equal(setenv("GIT_CONFIG_NOSYSTEM", "1", 1), 0);
	(void)unsetenv("XDG_CONFIG_HOME");
	(void)unsetenv("GIT_CONFIG_GLOBAL");
	(void)unsetenv("SK_TEST_GIT_VERSION");
	free(real);
	real = joined(s->dir, "git-sk-hook");
	assert_int_equal(sk_write_file(AT_FDCWD, real, "#!/bin/sh\n", 10, 0755, false), 0);
	assert_int_equal(setenv("SK_TEST_HOOK_PROGRAM", real, 1), 0);
	free(real);
	run(s, "git init -q . && git config user.name X && git config user.email x@example.org; "
	       "ln -s git-sk-hook ../git-sk-fsmonitor");
	setenv("SK_TEST_GIT_VERSION", "git version 2.39.5", 1);
	*state = s;
	return 0;
}

static int tear_down(void **state)
{
	struct scratch *s = *state;

	run(s, "chmod -R u+rwX .");
	assert_int_equal(sk_remove_tree(AT_FDCWD, s->dir), 0);
	free(s->repo.worktree);
	free(s->repo.gitdir);
	free(s->repo.commondir);
	free(s->repo.skdir);
	free(s->repo.sklocal);
	free(s);
	return 0;
}

static size_t install(struct scratch *s, unsigned what)
{
	struct sk_strv said = SK_STRV_INIT;
	size_t n;
	int rc = sk_install(&s->repo, what, &said);

	if (rc)
		fail_msg("install: %s", sk_error_message());
	n = said.n;
	sk_strv_free(&said);
	return n;
}

static size_t problems(struct scratch *s)
{
	struct sk_strv found = SK_STRV_INIT;
	size_t n;
	char *before = listing(s), *after;

	assert_int_equal(sk_install_check(&s->repo, &found), 0);
	after = listing(s);
	assert_string_equal(after, before); /* writes nothing */
	n = found.n;
	sk_strv_free(&found);
	free(before);
	free(after);
	return n;
}

static void uninstall(struct scratch *s)
{
	struct sk_strv said = SK_STRV_INIT;

	if (sk_uninstall(&s->repo, &said))
		fail_msg("uninstall: %s", sk_error_message());
	sk_strv_free(&said);
}

#define ALL (SK_INSTALL_HOOKS | SK_INSTALL_GUARD)

/* Installing twice is the same as once, and taking off leaves what was there. */
static void round_trip(struct scratch *s, const char *setup)
{
	char *before, *with, *again;

	run(s, setup);
	before = listing(s);
	assert_true(install(s, ALL) > 0);
	assert_true(s->repo.enabled);
	with = listing(s);
	assert_int_equal(problems(s), 0);
	assert_int_equal(install(s, ALL), 0);
	assert_int_equal(install(s, 0), 0);
	again = listing(s);
	assert_string_equal(again, with);
	free(again);
	uninstall(s);
	assert_false(s->repo.enabled);
	again = listing(s);
	assert_string_equal(again, before);
	free(again);
	free(with);
	free(before);
}

static const char *const setups[] = {
	":",
	"rm -rf .git/hooks",
	"printf '#!/bin/sh -e\\nexit 0' >.git/hooks/pre-commit; chmod 751 .git/hooks/pre-commit",
	"printf '#!/bin/bash\\n' >.git/hooks/pre-rebase; chmod 700 .git/hooks/pre-rebase",
	"printf '#!/usr/bin/perl\\n' >.git/hooks/pre-commit; chmod 755 .git/hooks/pre-commit",
	"printf '#!/bin/sh\\nexit 1\\n' >.git/hooks/pre-commit; chmod 644 .git/hooks/pre-commit",
	"printf 'no shebang\\n' >.git/hooks/post-merge; chmod 755 .git/hooks/post-merge",
	"ln -s ../../script .git/hooks/post-checkout",
	"ln -s /bin/true .git/hooks/pre-commit",
	"head -c 2000000 /dev/zero >.git/hooks/pre-commit; chmod 755 .git/hooks/pre-commit",
	"mkdir .git/hooks/pre-commit.d; echo x >.git/hooks/pre-commit.bak",
	"mkdir h; touch h/pre-commit; chmod 755 h/pre-commit; git add h; git config core.hooksPath "
	"h",
	"mkdir h; echo h >.gitignore; git config core.hooksPath h",
	"mkdir h; echo '#!/bin/sh' >h/pre-commit; chmod 755 h/pre-commit; echo h >.gitignore; "
	"git config core.hooksPath h",
	"mkdir h; git config core.hooksPath h", /* neither tracked nor ignored */
	"git config core.hooksPath .git/hooks",
	"git config core.hooksPath /dev/null",
	"git config core.hooksPath nowhere",
	"git config --global core.hooksPath '~/hooks'; mkdir ../hooks; touch ../hooks/pre-push",
	"rm -rf .git/hooks; mkdir ../team; ln -s ../../team .git/hooks",
	"git config core.fsmonitor true",
	"git config core.fsmonitor .git/hooks/watch; git config transfer.hideRefs refs/sk",
	"git config --global core.fsmonitor /usr/bin/watch",
	"printf '[core]\\n\\trepositoryformatversion = 0' >.git/config",
	"printf '[core]\\r\\n\\trepositoryformatversion = 0\\r\\n\\tfsmonitor = x\\r\\n' "
	">.git/config",
	"printf '[core] repositoryformatversion = 0\\n' >.git/config; chmod 640 .git/config",
	"printf '[core][user]\\nname=x\\n[core]\\nrepositoryformatversion=0' >.git/config",
	"mv .git/config ../real; chmod 600 ../real; ln -s ../../real .git/config",
	"git config extensions.worktreeConfig true; git config --worktree core.fsmonitor y; "
	"git config --worktree core.hooksPath z",
	"printf '[include]\\n\\tpath = more\\n' >>.git/config; "
	"printf '[core]\\n\\tfsmonitor = z\\n' >.git/more",
	"touch .git/hooks/pre-commit.git-sk-saved; printf x >.git/hooks/pre-commit; "
	"chmod 755 .git/hooks/pre-commit",
	"echo '#!/bin/sh' >.git/hooks/pre-commit.legacy; chmod 755 .git/hooks/pre-commit.legacy",
};

static void test_round_trips(void **state)
{
	for (size_t i = 0; i < sizeof setups / sizeof *setups; i++) {
		void *one = NULL;

		(void)state;
		print_message("%s\n", setups[i]);
		set_up(&one);
		round_trip(one, setups[i]);
		tear_down(&one);
	}
}

static void test_round_trips_by_config(void **state)
{
	for (size_t i = 0; i < sizeof setups / sizeof *setups; i++) {
		void *one = NULL;

		(void)state;
		set_up(&one);
		setenv("SK_TEST_GIT_VERSION", "git version 2.54.0", 1);
		round_trip(one, setups[i]);
		tear_down(&one);
	}
}

/* What git takes the settings for. */
static void test_settings(void **state)
{
	struct scratch *s = *state;
	char *out;

	run(s, "git config transfer.hideRefs refs/x; git config core.fsmonitor './my watch'");
	(void)install(s, ALL);
	out = sh(s,
	         "git config --get-all transfer.hideRefs; git config log.excludeDecoration || :; "
	         "git config gc.refs/sk/keep.reflogExpire; "
	         "git config gc.refs/sk/keep.reflogExpireUnreachable");
	assert_string_equal(out, "refs/x\nrefs/sk\nnever\nnever\n");
	free(out);
	run(s, "test \"$(git config core.fsmonitor)\" = \"$(cd ..; pwd)/git-sk-fsmonitor\"");
	run(s, "grep -qx 'fsmonitor-chain ./my%20watch' .git/sk/installed");
	run(s, "git commit -q --allow-empty -m x"); /* nothing is in git's way */
	/* which decorates with our refs unless told */
	uninstall(s);
	setenv("SK_TEST_GIT_VERSION", "git version 2.37.1", 1);
	(void)install(s, ALL);
	run(s, "test \"$(git config log.excludeDecoration)\" = 'refs/sk/*'");
	uninstall(s);
	run(s, "test -z \"$(git config log.excludeDecoration)\"");
}

static void test_only_what_is_asked(void **state)
{
	struct scratch *s = *state;

	(void)install(s, 0);
	run(s, "test -z \"$(git config core.fsmonitor)\" && test ! -e .git/hooks/pre-commit && "
	       "test -n \"$(git config transfer.hideRefs)\"");
	assert_true(install(s, SK_INSTALL_GUARD) > 0);
	run(s, "test -n \"$(git config core.fsmonitor)\" && test ! -e .git/hooks/pre-commit");
	assert_int_equal(problems(s), 0);
	assert_true(install(s, SK_INSTALL_HOOKS) > 0);
	run(s, "test -n \"$(git config core.fsmonitor)\" && grep -q git-sk .git/hooks/pre-commit");
	uninstall(s);
	run(s, "test ! -e .git/sk");
}

/* Others' later changes stay, ours go. */
static void test_changed_since(void **state)
{
	struct scratch *s = *state;
	char *before, *after;

	run(s, "printf '#!/bin/sh\\nexit 0\\n' >.git/hooks/pre-commit; chmod 755 "
	       ".git/hooks/pre-commit");
	(void)install(s, ALL);
	run(s, "git remote add o https://example.org/x; git config core.editor vi; "
	       "echo 'echo more' >>.git/hooks/pre-commit; git config core.fsmonitor false; "
	       "git config --add transfer.hideRefs refs/y; printf '#!/bin/sh\\n' "
	       ">.git/hooks/post-merge.x");
	assert_true(problems(s) > 0);
	uninstall(s);
	after = sh(s,
	           "cat .git/hooks/pre-commit; git config core.fsmonitor; git config core.editor; "
	           "git config --get-all transfer.hideRefs; git config log.excludeDecoration || :; "
	           "git config remote.o.url; grep -c refs/sk .git/config || :; ls .git/hooks | "
	           "grep -v sample");
	assert_string_equal(after, "#!/bin/sh\nexit 0\necho more\nfalse\nvi\nrefs/y\n"
	                           "https://example.org/x\n0\npost-merge.x\npre-commit\n");
	free(after);
	/* and when nothing but ours changed in a file that came without a last newline */
	run(s, "printf '[core]\\n\\trepositoryformatversion = 0' >.git/config; rm .git/hooks/*");
	before = listing(s);
	(void)install(s, ALL);
	uninstall(s);
	after = listing(s);
	assert_string_equal(after, before);
	free(before);
	free(after);
}

/* A crash at the end of installing: the record is there, the mark that all is done is not. */
static void test_crash(void **state)
{
	static const char *const cuts[] = {
		"rm .git/sk/installed",
		"rm .git/sk/installed .git/hooks/pre-commit",
		"rm .git/sk/installed .git/hooks/*",
		"rm .git/sk/installed; cp ../config.before .git/config; rm -f .git/hooks/*",
		"rm -r .git/sk/installed.d", /* and one at the end of taking off */
		"rm .git/sk/installed.d/*.config",
	};
	struct scratch *s = *state;
	char *before, *with, *after;

	run(s, "rm .git/hooks/*; cp .git/config ../config.before");
	before = listing(s);
	for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++) {
		(void)install(s, ALL);
		run(s, cuts[i]);
		uninstall(s);
		after = listing(s);
		assert_string_equal(after, before);
		free(after);
		(void)install(s, ALL);
		with = sh(s, "cat .git/config; stat -c \"%A %h %s %n\" .git/hooks/*");
		run(s, cuts[i]);
		(void)install(s, ALL);
		after = sh(s, "cat .git/config; stat -c \"%A %h %s %n\" .git/hooks/*");
		assert_string_equal(after, with);
		assert_int_equal(problems(s), 0);
		free(with);
		free(after);
		uninstall(s);
		after = listing(s);
		assert_string_equal(after, before);
		free(after);
	}
	free(before);
}

/* Between the two steps of keeping a hook beside ours. */
static void test_crash_of_wrapper(void **state)
{
	static const char *const cuts[] = {
		"ln .git/hooks/pre-commit .git/hooks/pre-commit.git-sk-saved",
		"mv .git/hooks/pre-commit .git/hooks/pre-commit.git-sk-saved",
	};
	struct scratch *s = *state;
	char *before, *after;

	run(s, "rm .git/hooks/*; printf '#!/usr/bin/perl\\n' >.git/hooks/pre-commit; "
	       "chmod 755 .git/hooks/pre-commit");
	before = listing(s);
	for (size_t i = 0; i < 2; i++) {
		(void)install(s, SK_INSTALL_GUARD);
		run(s, cuts[i]);
		uninstall(s);
		after = listing(s);
		assert_string_equal(after, before);
		free(after);
		(void)install(s, SK_INSTALL_GUARD);
		run(s, cuts[i]);
		(void)install(s, ALL);
		run(s, "grep -q perl .git/hooks/pre-commit.git-sk-saved; "
		       "grep -q wrapper .git/hooks/pre-commit; test ! -e "
		       ".git/hooks/pre-commit.git-sk-saved-2");
		uninstall(s);
		after = listing(s);
		assert_string_equal(after, before);
		free(after);
	}
	free(before);
}

/* A manager's ways, told by hand: what a repair makes of them. */
static void test_repair(void **state)
{
	struct scratch *s = *state;

	run(s, "rm .git/hooks/*");
	(void)install(s, ALL);
	/* as lefthook */
	run(s, "mv .git/hooks/pre-commit .git/hooks/pre-commit.old; "
	       "printf '#!/bin/sh\\n: theirs\\n' >.git/hooks/pre-commit; chmod 755 "
	       ".git/hooks/pre-commit");
	assert_true(problems(s) > 0);
	assert_true(install(s, 0) > 0);
	assert_int_equal(problems(s), 0);
	run(s, "test ! -L .git/hooks/pre-commit.old; grep -q 'git-sk' .git/hooks/pre-commit");
	/* as pre-commit, which runs .legacy */
	run(s, "rm .git/hooks/pre-commit; ln -s ../../../git-sk-hook .git/hooks/pre-commit.legacy; "
	       "printf '#!/bin/sh\\n# File generated by pre-commit: https://pre-commit.com\\n' "
	       ">.git/hooks/pre-commit; chmod 755 .git/hooks/pre-commit");
	assert_int_equal(problems(s), 0);
	assert_int_equal(install(s, 0), 0);
	/* the link went with its manager */
	run(s, "rm .git/hooks/pre-commit*");
	assert_int_equal(problems(s), 1);
	assert_int_equal(install(s, 0), 1);
	/* the program has moved */
	run(s, "mkdir ../new; mv ../git-sk-hook ../git-sk-fsmonitor ../new");
	{
		char *moved = joined(s->dir, "new/git-sk-hook");

		setenv("SK_TEST_HOOK_PROGRAM", moved, 1);
		free(moved);
	}
	assert_true(problems(s) > 0);
	assert_true(install(s, 0) > 0);
	assert_int_equal(problems(s), 0);
	run(s, "grep -q \"$(cd ..; pwd)/new/git-sk-hook\" .git/hooks/pre-commit; "
	       "test \"$(git config core.fsmonitor)\" = \"$(cd ..; pwd)/new/git-sk-fsmonitor\"; "
	       "test \"$(git config --get-all core.fsmonitor | wc -l)\" = 1");
	uninstall(s);
	run(s, "test -z \"$(ls .git/hooks)\"; test -z \"$(git config core.fsmonitor)\"");
}

/* A wrapped hook that a manager renames comes back under that name. */
static void test_wrapper_renamed(void **state)
{
	struct scratch *s = *state;

	run(s, "rm .git/hooks/*; printf '#!/usr/bin/perl\\n' >.git/hooks/pre-commit; "
	       "chmod 755 .git/hooks/pre-commit");
	(void)install(s, ALL);
	run(s, "mv .git/hooks/pre-commit .git/hooks/pre-commit.old; "
	       "printf '#!/bin/sh\\n' >.git/hooks/pre-commit; chmod 755 .git/hooks/pre-commit");
	(void)install(s, 0);
	run(s,
	    "grep -q perl .git/hooks/pre-commit.old; test ! -e .git/hooks/pre-commit.git-sk-saved");
	uninstall(s);
	run(s, "test \"$(ls .git/hooks | tr '\\n' ' ')\" = 'pre-commit pre-commit.old '");
}

static void test_moved_repository(void **state)
{
	struct scratch *s = *state;

	run(s, "mkdir h; touch h/pre-commit; git add h; git config core.hooksPath h; "
	       "cp .git/config ../config.before");
	(void)install(s, ALL);
	run(s, "cd ..; mv r x");
	for (char **path = (char *[]){ s->repo.worktree, s->repo.gitdir, s->repo.commondir,
	                               s->repo.skdir, s->repo.sklocal, NULL };
	     *path; path++) {
		char *at = strstr(*path, "/r/");

		if (at)
			at[1] = 'x';
		else
			(*path)[strlen(*path) - 1] = 'x';
	}
	assert_true(problems(s) > 0);
	(void)install(s, 0);
	assert_int_equal(problems(s), 0);
	run(s, "test \"$(git config core.hooksPath)\" = \"$(pwd)/.git/sk/hooks\"");
	uninstall(s);
	run(s, "cmp .git/config ../config.before; test ! -e .git/sk");
}

static void test_git_upgraded_and_back(void **state)
{
	struct scratch *s = *state;
	char *before = listing(s), *after;

	setenv("SK_TEST_GIT_VERSION", "git version 2.54.0", 1);
	(void)install(s, ALL);
	run(s, "test \"$(git config hook.git-sk-pre-commit.event)\" = pre-commit; "
	       "test ! -e .git/hooks/pre-commit; "
	       "sh -c \"$(git config hook.git-sk-pre-commit.command) \\\"\\$@\\\"\"");
	setenv("SK_TEST_GIT_VERSION", "git version 2.39.5", 1);
	assert_true(problems(s) > 0);
	(void)install(s, 0);
	assert_int_equal(problems(s), 0);
	run(s,
	    "test -z \"$(git config --get-regexp ^hook)\" && grep -q git-sk .git/hooks/pre-commit");
	/* files that work stay when git learns more */
	setenv("SK_TEST_GIT_VERSION", "git version 2.54.0", 1);
	assert_int_equal(problems(s), 0);
	assert_int_equal(install(s, 0), 0);
	uninstall(s);
	after = listing(s);
	assert_string_equal(after, before);
	free(before);
	free(after);
}

static void test_busy(void **state)
{
	struct scratch *s = *state;
	struct sk_strv said = SK_STRV_INIT;

	run(s, "touch .git/config.lock");
	assert_int_equal(sk_install(&s->repo, ALL, &said), SK_EBUSY);
	assert_non_null(strstr(sk_error_message(), "config.lock"));
	assert_int_equal(said.n, 0);
	assert_false(s->repo.enabled);
	run(s, "test -e .git/config.lock; rm .git/config.lock");
	(void)install(s, ALL);
	run(s, "test ! -e .git/config.lock; touch .git/config.lock");
	assert_int_equal(install(s, ALL), 0); /* nothing to write, no lock needed */
	assert_int_equal(sk_uninstall(&s->repo, &said), SK_EBUSY);
	run(s, "rm .git/config.lock");
	uninstall(s);
	sk_strv_free(&said);
}

static void test_read_only(void **state)
{
	struct scratch *s = *state;

	if (geteuid() == 0)
		skip();
	run(s, "printf '#!/bin/sh\\n' >.git/hooks/pre-commit; chmod 555 .git/hooks/pre-commit");
	(void)install(s, ALL); /* not writable: kept beside ours */
	run(s, "test -e .git/hooks/pre-commit.git-sk-saved");
	uninstall(s);
	run(s, "test ! -e .git/hooks/pre-commit.git-sk-saved; chmod 555 .git/hooks");
	(void)install(s, ALL); /* the folder neither: dispatched */
	run(s, "test \"$(git config core.hooksPath)\" = \"$(pwd)/.git/sk/hooks\"");
	uninstall(s);
	run(s, "chmod 755 .git/hooks; test -z \"$(git config core.hooksPath)\"");
	/* a disk that is read-only now: all is in its place */
	(void)install(s, ALL);
	run(s, "chmod -R a-w .git");
	assert_int_equal(problems(s), 0);
	run(s, "chmod -R u+w .git");
	uninstall(s);
}

static void test_damaged_record(void **state)
{
	struct scratch *s = *state;
	struct sk_strv said = SK_STRV_INIT;

	(void)install(s, ALL);
	run(s, "echo garbage >.git/sk/installed.d/record");
	assert_int_equal(sk_install(&s->repo, 0, &said), SK_EDAMAGED);
	assert_int_equal(sk_uninstall(&s->repo, &said), SK_EDAMAGED);
	sk_strv_free(&said);
}

#define WITH_REPO(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trips),
		cmocka_unit_test(test_round_trips_by_config),
		WITH_REPO(test_settings),
		WITH_REPO(test_only_what_is_asked),
		WITH_REPO(test_changed_since),
		WITH_REPO(test_crash),
		WITH_REPO(test_crash_of_wrapper),
		WITH_REPO(test_repair),
		WITH_REPO(test_wrapper_renamed),
		WITH_REPO(test_moved_repository),
		WITH_REPO(test_git_upgraded_and_back),
		WITH_REPO(test_busy),
		WITH_REPO(test_read_only),
		WITH_REPO(test_damaged_record),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
