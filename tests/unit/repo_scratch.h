/* repo_scratch.h - repositories made by git in a scratch folder, and what opening them gives. */
#ifndef SK_TEST_REPO_SCRATCH_H
#define SK_TEST_REPO_SCRATCH_H

#include "unit/scratch.h"

#include <limits.h>

#include "repo/repo.h"

static char top[PATH_MAX]; /* the scratch folder, links resolved */

static inline int setup(void **state)
{
	(void)state;
	scratch_open();
	assert_non_null(realpath(scratch, top));
	(void)unsetenv("SUDO_UID");
	(void)unsetenv("GIT_DISCOVERY_ACROSS_FILESYSTEM");
	(void)setenv("GIT_CEILING_DIRECTORIES", top, 1);
	return 0;
}

static inline int teardown(void **state)
{
	(void)state;
	(void)unsetenv("GIT_TEST_ASSUME_DIFFERENT_OWNER");
	sk_clear_git_env();
	scratch_close();
	return 0;
}

static inline const char *in_top(const char *name)
{
	static char ring[4][PATH_MAX + 64];
	static unsigned next;
	char *out = ring[next++ % 4];

	(void)snprintf(out, sizeof ring[0], "%s%s%s", top, *name ? "/" : "", name);
	return out;
}

static inline void make(const char *name)
{
	(void)sh("git init -q -b trunk \"%s\" && cd \"%s\" && mkdir -p src/lib && echo one >a.txt "
	         "&& "
	         "echo two >src/b.txt && git add -A && git commit -qm first",
	         name, name);
}

static inline struct sk_repo *open_at(const char *dir)
{
	struct sk_repo *repo = NULL;
	int rc = sk_repo_open(dir, &repo);

	if (rc)
		fail_msg("%s: %d %s", dir, rc, sk_error_message());
	assert_non_null(repo);
	return repo;
}

/* Opening fails with `code`, and the message has `words`. */
static inline void refused(const char *dir, int code, const char *words)
{
	struct sk_repo *repo = (void *)&top;
	int rc = sk_repo_open(dir, &repo);

	if (rc != code)
		fail_msg("%s: %d (%s), not %d", dir, rc, rc ? sk_error_message() : "", code);
	assert_ptr_equal(repo, &top);
	if (!strstr(sk_error_message(), words))
		fail_msg("'%s' is not in '%s'", words, sk_error_message());
	assert_null(strchr(sk_error_message(), '\n'));
}

/* It opens, at that top, and its HEAD can be read. */
static inline void opens_here(const char *dir)
{
	struct sk_repo *r = open_at(dir);
	struct sk_oid oid;
	char *branch;

	assert_string_equal(r->worktree, in_top(dir));
	assert_int_equal(sk_repo_head(r, &oid, &branch), 0);
	free(branch);
	sk_repo_close(r);
}

#endif
