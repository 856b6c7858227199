/* budget.h - retention.disk_budget: the oldest backups go when they take more room than that.
 *
 * What counts is what only SafeKeep's references hold: the objects that no branch, tag, remote
 * branch or HEAD reaches, as large as they lie on the disk.  The newest backup of each worktree,
 * revisions and releases never go for it.  The room itself is given back by git's next gc, once
 * gc.pruneExpire is over. */
#ifndef SK_STORE_BUDGET_H
#define SK_STORE_BUDGET_H

#include <stdint.h>

#include "store/retention.h"

/* Bytes that all of refs/sk holds alone.  Walks the history: slow in a large repository. */
int sk_budget_used(const struct sk_repo *repo, uint64_t *out);
/* Marks what has to go beside what the plan drops already (SK_OVER_BUDGET).  Costs a look at the
 * object database's size as long as that is below the budget.  What cannot be measured stays. */
int sk_budget_plan(const struct sk_repo *repo, struct sk_prune *prune);

#endif
