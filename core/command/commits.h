/* commits.h - the commits that backups saw at a branch, tag, stash or HEAD (store/keep.h), and
 * which of them nothing reaches any more. */
#ifndef SK_COMMAND_COMMITS_H
#define SK_COMMAND_COMMITS_H

#include <time.h>

#include "command/command.h"
#include "store/keep.h"

enum sk_commit_fate {
	SK_COMMIT_REACHED, /* by a branch, tag, remote branch, HEAD or stash */
	SK_COMMIT_LOST,
	SK_COMMIT_BELOW, /* lost, and a parent of another lost one: comes back with that */
	SK_COMMIT_GONE   /* the object itself is there no more */
};

struct sk_commits {
	struct sk_keep_list keep;  /* newest last-seen first */
	enum sk_commit_fate *fate; /* of each */
};

int sk_commits_load(const struct sk_repo *repo, struct sk_commits *out);
void sk_commits_free(struct sk_commits *commits);
/* The first line of its message, or "" when it cannot be read. */
int sk_commit_subject(const struct sk_repo *repo, const struct sk_oid *oid, struct sk_buf *out);
/* Where it was seen, for people: "main", "tag v1", "stash", "HEAD of worktree x". */
int sk_commit_place(const char *ref, struct sk_buf *out);

/* `git sk list commits`, of those last seen between the times. */
int sk_list_commits(struct sk_call *call, time_t since, time_t until, size_t max);
/* `git sk restore --commit WHAT`: a new branch at it, or a stash entry back in its list. */
int sk_restore_commit(struct sk_call *call, const char *what);

#endif
