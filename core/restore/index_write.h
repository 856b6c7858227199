/* index_write.h - inside the restore room: git's index as it was at a backup.
 *
 * The whole new file is made first, as SKLOCAL/index.TOKEN, and synced.  index.lock is then a hard
 * link to it (a copy where the disk has no links), held for as long as the restore works, and
 * renamed to the index at the end.  After a crash that very file tells that the lock is ours.
 * Version 2, or 3 when an entry has the flags that need it; no extensions.  Stat fields are taken
 * over from the present index where path, kind and blob are the same, so that git need not read
 * those files again; entries that are racy in the present index get none.
 * Source: git's Documentation/gitformat-index.txt. */
#ifndef SK_RESTORE_INDEX_WRITE_H
#define SK_RESTORE_INDEX_WRITE_H

#include "repo/repo.h"
#include "store/entry.h"

/* The bytes of the index that the entry recorded; with `paths` those of the present one, only what
 * is at or below one of them as it was.  *same: the present index says the same. */
int sk_index_build(const struct sk_repo *repo, const struct sk_entry *entry,
                   const struct sk_strv *paths, const struct sk_meta *meta, struct sk_buf *out,
                   bool *same);
/* SK_EBUSY: another process has index.lock; asked before anything is done. */
int sk_index_check_lock(const struct sk_repo *repo);
/* Writes SKLOCAL/index.TOKEN. */
int sk_index_stage(const struct sk_repo *repo, const char *token, const struct sk_buf *data);
/* Takes index.lock; ours already is fine.  SK_EBUSY: another process has it. */
int sk_index_lock(const struct sk_repo *repo, const char *token);
/* Puts the file in place; done already is fine. */
int sk_index_commit(const struct sk_repo *repo, const char *token);
/* Gives the lock back (when it is ours) and takes SKLOCAL/index.TOKEN away. */
void sk_index_abort(const struct sk_repo *repo, const char *token);

#endif
