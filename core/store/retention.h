/* retention.h - which backups to keep: a pure function of times, so that it can be tested by
 * golden files.
 *
 * Rules are ORed; buckets are of the local calendar (TZ): hours (a local hour that occurs twice at
 * a DST change is two buckets), days, ISO weeks, months; the newest of a bucket is kept, for the
 * newest N buckets that have any.  In the last 24 hours everything is kept.  max_per_day then caps
 * each local day, newest kept.  Never dropped: the newest of all, and one dated in the future
 * (those do not use up buckets or the cap).  Revisions and releases are not its business. */
#ifndef SK_STORE_RETENTION_H
#define SK_STORE_RETENTION_H

#include <stdbool.h>
#include <time.h>

#include "repo/config.h"
#include "store/entry.h"

enum {
	SK_KEEP_NEWEST = 1,
	SK_KEEP_FUTURE = 2,
	SK_KEEP_RECENT = 4,
	SK_KEEP_LAST = 8,
	SK_KEEP_HOURLY = 16,
	SK_KEEP_DAILY = 32,
	SK_KEEP_WEEKLY = 64,
	SK_KEEP_MONTHLY = 128,
	SK_OVER_CAP = 256,     /* dropped by max_per_day although a rule would keep it */
	SK_OVER_BUDGET = 1024, /* dropped for disk_budget, alone (sk_prune_run only) */
	SK_KEEP_DAMAGED = 512  /* cannot be read: left for people to look at (sk_prune_run only) */
};

/* `created` newest first; `reason[i]` gets SK_KEEP_* bits, or 0 / SK_OVER_CAP alone: to be dropped.
 * SK_EUSAGE when the policy would keep nothing but the newest (empty). */
int sk_retention_plan(const struct sk_retention *policy, const time_t *created, size_t n,
                      time_t now, unsigned *reason);
bool sk_retention_keeps(unsigned reason);
/* "hourly, daily" etc.; the tiers of the contract's list. */
int sk_retention_words(unsigned reason, struct sk_buf *out);

struct sk_prune_item {
	struct sk_entry *entry; /* borrowed from `entries` */
	unsigned reason;
};

struct sk_prune {
	struct sk_entries entries; /* backups, newest first */
	struct sk_prune_item *item;
	size_t n, dropped;
};

/* Plans for every worktree by itself; damaged entries are kept.  With `apply`, deletes. */
int sk_prune_run(const struct sk_repo *repo, time_t now, bool apply, struct sk_prune *out);
void sk_prune_free(struct sk_prune *prune);

#endif
