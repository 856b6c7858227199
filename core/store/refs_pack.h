/* refs_pack.h - SafeKeep's loose refs into packed-refs.
 *
 * A loose ref is a file that every `git fetch`, `git gc` or `git log --all` opens; in packed-refs
 * it is a line.  `git pack-refs --all` would move the user's branches with them, so this moves
 * refs/sk/backup/ and refs/sk/meta/backup/ alone, by git's own protocol (refs/packed-backend.c,
 * refs/files-backend.c): packed-refs.lock; packed-refs.new with all records in order, synced,
 * renamed to packed-refs; the lock goes; then each loose file under its own NAME.lock, if it still
 * says the same.  At every moment a ref can be read in one of the two places with the same value.
 *
 * A crash leaves at most packed-refs.lock, with a content that only SafeKeep writes; the next run
 * takes it away (whoever holds COMMONDIR/sk/fold.lock has no live owner of it beside). */
#ifndef SK_STORE_REFS_PACK_H
#define SK_STORE_REFS_PACK_H

#include <stddef.h>

#include "repo/repo.h"

/* Packs them now; `n` is how many loose ones went.  A packed-refs that git would have to rewrite
 * first (unsorted, a link, lines that are not understood) is left alone, and so is any ref that is
 * broken or no tag.  SK_EBUSY: another process holds the lock. */
int sk_refs_pack(const struct sk_repo *repo, size_t *n);
/* The same when there are enough loose ones; also what takes a forgotten lock away. */
int sk_refs_pack_if_due(const struct sk_repo *repo);

/* Removes the locks of our refs that a run left which was killed, ours or git's for us. */
void sk_refs_sweep(const struct sk_repo *repo);

#endif
