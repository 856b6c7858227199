/* given.h - settings of one command: `git -c KEY=VALUE`, GIT_CONFIG_COUNT.
 *
 * libgit2 does not know them, and opening a repository takes them out of the environment, as they
 * are not meant for the git commands that we run: whoever wants one asks before.
 * Source: git's Documentation/git-config.txt, "ENVIRONMENT"; quoting as sq_quote_buf writes it. */
#ifndef SK_REPO_GIVEN_H
#define SK_REPO_GIVEN_H

/* `value` may be NULL or "". */
typedef void sk_given_fn(void *ctx, const char *key, const char *value);

/* In git's order: the last one of a key counts. */
void sk_given_each(sk_given_fn *each, void *ctx);

#endif
