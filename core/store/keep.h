/* keep.h - commits that backups saw stay alive when no branch reaches them any more.
 *
 * The reflog of refs/sk/keep (a tag to the empty tree) lists them: git's gc keeps what a reflog
 * names, and `git log --all` does not read reflogs.  `git sk init` sets gc.refs/sk/keep.* so that
 * it never expires.  `git reflog expire --expire=now --all` does drop it: the next backup writes
 * what is still known again. */
#ifndef SK_STORE_KEEP_H
#define SK_STORE_KEEP_H

#include "repo/repo.h"
#include "store/oidset.h"

struct sk_keep_line {
	struct sk_oid oid;
	time_t first, last; /* seen from .. to */
	char *ref;          /* where it was seen: refs/heads/main, HEAD, refs/stash */
};

struct sk_keep_list {
	struct sk_keep_line *line; /* newest last-seen first */
	size_t n;
};

/* Notes what HEAD, every branch, tag (to a commit) and stash entry points to now.  Cheap when
 * nothing moved. */
int sk_keep_record(const struct sk_repo *repo, time_t now);
/* What is kept. */
int sk_keep_read(const struct sk_repo *repo, struct sk_keep_list *out);
void sk_keep_list_free(struct sk_keep_list *list);
/* Takes up what another repository kept (a vault): the lines whose commits are here. */
int sk_keep_add(const struct sk_repo *repo, const struct sk_keep_list *list);
/* Drops what was last seen before `oldest` and is no tip now. */
int sk_keep_prune(const struct sk_repo *repo, time_t oldest);
/* Drops what is in `gone` (purge). */
int sk_keep_drop(const struct sk_repo *repo, const struct sk_oidset *gone);
/* Takes ref and log away (uninit --purge). */
int sk_keep_remove(const struct sk_repo *repo);

#endif
