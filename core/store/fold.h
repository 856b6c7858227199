/* fold.h - few packs instead of one for each backup.
 *
 * Every backup writes a pack, and git opens the index of each pack when it looks for an object: a
 * thousand of them double `git status`.  So from time to time the packs that SafeKeep wrote are
 * folded into one by `git pack-objects`, which also finds deltas among them.  Only packs that hold
 * no commit, have a .pack and an .idx and no other file (.keep, .promisor, .bitmap, .mtimes...),
 * and are not named by a multi-pack-index, are touched: SafeKeep's own are all like that, and git's
 * are not.  Reachability plays no part: whatever was in the old packs is in the new one.
 *
 * They are folded as long as the next larger one is at most twice all before it, so that those
 * which stay grow by powers and each object is copied a logarithmic number of times.
 *
 * Order: the new pack and its index are written and synced by git, every object of the old ones is
 * looked up in it, the folder is synced, then the old ones go, index first.  A crash before leaves
 * objects twice; in between, a .pack without .idx, which git takes for garbage.  A git that is
 * reading meanwhile looks at the folder again when a pack is gone, as with `git repack -d`; while
 * `git gc` runs (gc.pid) nothing is folded. */
#ifndef SK_STORE_FOLD_H
#define SK_STORE_FOLD_H

#include <stddef.h>

#include "repo/repo.h"

/* Folds what can be; `gone` is the number of packs that went (0: nothing to do, or somebody else
 * is at it). */
int sk_fold(const struct sk_repo *repo, size_t *gone);
/* The same when there are enough of them since the last time; otherwise costs one look at the
 * folder.  After a failure, which is reported, only a day later again. */
int sk_fold_if_due(const struct sk_repo *repo);

#endif
