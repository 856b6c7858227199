/* tidy.h - what grows by one file with every backup, packs and loose refs, is gathered from time to
 * time, so that git and SafeKeep cost the same with ten thousand backups as with ten. */
#ifndef SK_STORE_TIDY_H
#define SK_STORE_TIDY_H

#include <stdbool.h>

#include "repo/repo.h"

/* To be called after a backup; mostly it only counts two folders.  A failure is reported once a
 * day at most, and harms nothing. */
int sk_tidy_if_due(const struct sk_repo *repo);

/* For fold.c and refs_pack.c: COMMONDIR/sk/fold.lock without waiting, SK_EBUSY when it is taken.
 * The caller closes `fd`. */
int sk_tidy_lock(const struct sk_repo *repo, int *fd);

/* Whether a git gc is at work: its gc.pid is there and not forgotten. */
bool sk_gc_runs(const struct sk_repo *repo);

#endif
