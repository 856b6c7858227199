/* purge.h - content out of everything that SafeKeep keeps, for good.
 *
 * Each entry that has it, of any worktree, is made anew without it (rewrite.h) under the same id
 * and time.  Commits that only the keep-log holds and that lead to it are let go.  Then every
 * object that leads to it and that nothing needs - no ref, reflog or index of any worktree - is
 * taken out of the packs and loose objects, whoever wrote it: what git's own gc would take in a
 * while.  Nothing else is deleted; what the user's own history needs stays, and is named.
 *
 * COMMONDIR/sk/purge holds what was asked for, from before the first change until all is done: a
 * run that crashed is completed by the next one.  Until then each entry is whole, old or new. */
#ifndef SK_STORE_PURGE_H
#define SK_STORE_PURGE_H

#include <stdbool.h>

#include "base/buf.h"
#include "repo/repo.h"
#include "store/entry.h"
#include "store/oidset.h"

struct sk_purge_what {
	struct sk_strv paths; /* patterns as in a pathspec, from the root of the worktree */
	struct sk_oidset blobs;
	struct sk_oidset known; /* private: what a run that crashed had found at the paths */
	char *text;             /* for people and the trailer: "path secret.env" */
};

void sk_purge_what_clear(struct sk_purge_what *what);
/* Whether a path is meant by one of the patterns: equal to it, below it, or matched by it ("*"
 * matches slashes too, as in a pathspec); "dir/" means folders only. */
bool sk_purge_matches(const struct sk_strv *paths, const char *path, bool folder);

struct sk_purge_entry {
	char *ref;
	struct sk_strv paths; /* what was taken out */
};

struct sk_purge {
	struct sk_purge_entry *entry; /* those that had it, newest first */
	size_t n;
	struct sk_oidset content; /* the blobs that had to go */
	struct sk_oidset needed;  /* those of them that something of the user still needs */
	struct sk_strv commits;   /* ids of kept commits that were let go */
	size_t objects;           /* taken out of packs and loose objects */
	struct sk_strv damaged;   /* refs of entries that could not be looked at whole */
	struct sk_strv borrowed;  /* ids of blobs in alternates, which are not ours to change */
};

/* Plans, and does it unless `dry`.  The caller holds the locks of all worktrees and drops their
 * state files after.  SK_EBUSY: a git gc runs, or packs are being gathered. */
int sk_purge_run(const struct sk_repo *repo, const struct sk_purge_what *what, bool dry,
                 struct sk_purge *out);
void sk_purge_clear(struct sk_purge *p);

/* What a run that crashed had to do; SK_ENO: there is none. */
int sk_purge_pending(const struct sk_repo *repo, struct sk_purge_what *out);

/* Where the user's own things still have any of `blobs`: one line each, "branch main (src/a.c)",
 * "reflog", "index", "the stash". */
int sk_purge_where(const struct sk_repo *repo, const struct sk_oidset *blobs, struct sk_strv *out);

#endif
