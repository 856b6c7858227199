/* git.h - git as a child, on this very repository and working tree. */
#ifndef SK_REPO_GIT_H
#define SK_REPO_GIT_H

#include "base/buf.h"
#include "repo/repo.h"

/* Whatever the environment says; git's hooks and the fsmonitor program stay out.  `args` without
 * "git", NULL-terminated.  `status` is its exit status. */
int sk_git_run(const struct sk_repo *repo, const char *const *args, const struct sk_buf *input,
               struct sk_buf *output, int *status);
/* The same with another index file (NULL: the worktree's own), and its words on standard error
 * taken too (`errors` NULL: they go where ours go). */
int sk_git_run_index(const struct sk_repo *repo, const char *index_file, const char *const *args,
                     const struct sk_buf *input, struct sk_buf *output, struct sk_buf *errors,
                     int *status);
/* Replaces this process; returns only on failure. */
int sk_git_exec(const struct sk_repo *repo, const char *const *args);
/* For those who start it themselves: all words, an array to be freed, and the further environment,
 * two strings to be freed and NULL. */
int sk_git_line(const struct sk_repo *repo, const char *const *args, const char ***argv,
                char *env[3]);

#endif
