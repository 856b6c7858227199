/* progress.h - bringing back that a merge, cherry-pick or revert was under way, or that none was.
 */
#ifndef SK_RESTORE_PROGRESS_H
#define SK_RESTORE_PROGRESS_H

#include "store/entry.h"

/* Whether it is now as the entry has it. */
int sk_progress_is(const struct sk_repo *repo, const struct sk_entry *entry, bool *yes);
/* Makes it so; the files and the index are restored already.  A rebase (or another series of steps)
 * is never begun or ended: what to do about it is said.  After a crash between the index and this,
 * what is under way stays as it was. */
int sk_progress_restore(const struct sk_repo *repo, const struct sk_entry *entry);

#endif
