/* worktrees.h - work that concerns all worktrees of a repository at once. */
#ifndef SK_COMMAND_WORKTREES_H
#define SK_COMMAND_WORKTREES_H

#include "repo/repo.h"

/* Calls `fn` with the SK folder (struct sk_repo.sklocal) of every worktree, whether that was ever
 * backed up or not; the main one's is SKDIR itself.  Ends at the first failure. */
int sk_worktrees_each(const struct sk_repo *repo, int (*fn)(const char *sklocal, void *arg),
                      void *arg);

struct sk_worktree_locks {
	int *fd;
	size_t n;
};

/* The locks of all that were ever backed up, so that no backup runs in any.  SK_EBUSY says by
 * whom. */
int sk_worktrees_lock(const struct sk_repo *repo, const char *what, int wait_seconds,
                      struct sk_worktree_locks *out);
void sk_worktrees_unlock(struct sk_worktree_locks *locks);
/* Takes the state files of all away, so that every next backup looks at everything, and tells the
 * service.  The locks are held. */
int sk_worktrees_forget(const struct sk_repo *repo);

#endif
