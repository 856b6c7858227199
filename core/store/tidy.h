/* tidy.h - what grows by one file with every backup, packs and loose refs, is gathered from time to
 * time, so that git and SafeKeep cost the same with ten thousand backups as with ten. */
#ifndef SK_STORE_TIDY_H
#define SK_STORE_TIDY_H

#include <stdbool.h>

#include "repo/repo.h"

/* To be called after a backup; mostly it only counts two folders.  A failure is reported once a
 * day at most, and harms nothing. */
int sk_tidy_if_due(const struct sk_repo *repo);

/* For who removes packs or refs: COMMONDIR/sk/fold.lock without waiting, SK_EBUSY when it is taken;
 * packs that a crash left half removed are gone then (gone.h).  The caller closes `fd`. */
int sk_tidy_lock(const struct sk_repo *repo, int *fd);

/* What a crash left half removed goes, unless somebody is at it already. */
int sk_tidy_finish(const struct sk_repo *repo);

/* Removes git's locks that keep the user from working, config.lock and packed-refs.lock, when they
 * are of ours that died, or of anybody before this machine started (base/lockfile.h): a few failing
 * opens otherwise.  `words` says which; empty: none. */
int sk_tidy_locks(const struct sk_repo *repo, struct sk_buf *words);

/* Whether a git gc is at work: its gc.pid is there and not forgotten. */
bool sk_gc_runs(const struct sk_repo *repo);

#endif
