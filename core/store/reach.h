/* reach.h - which objects nothing needs, and which of those lead to given ones.
 *
 * Needed: by a ref, the HEAD, index, reflog or pseudo ref (ORIG_HEAD, MERGE_HEAD...) of any
 * worktree, as git's own gc has it; but not by the reflog of refs/sk/keep alone. */
#ifndef SK_STORE_REACH_H
#define SK_STORE_REACH_H

#include "base/buf.h"
#include "repo/repo.h"
#include "store/oidset.h"

/* All objects that are here and not needed; the value is enum sk_object_type.  Walks all history:
 * slow in a large repository.  Those in alternates are left out.  `without_ours`: as if there were
 * no refs/sk. */
int sk_reach_loose_ends(const struct sk_repo *repo, bool without_ours, struct sk_oidset *out);

/* Of `ends`, those from which any of `content` can be reached, which need not be there; and those
 * of `content` that are among them.  The value is enum sk_object_type. */
int sk_reach_leading(const struct sk_repo *repo, const struct sk_oidset *ends,
                     const struct sk_oidset *content, struct sk_oidset *out);

/* Ids that reflogs (all but the keep-log's) and pseudo refs name, a line each. */
int sk_reach_logs(const struct sk_repo *repo, struct sk_buf *out);

#endif
