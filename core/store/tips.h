/* tips.h - what branches, tags, stashes and HEADs point to, now and when last looked (keep.c).
 *
 * COMMONDIR/sk/tips, replaced in one step, newer than the log it speaks of:
 *   "safekeep-tips 1 FINGERPRINT LOGSIZE\n", then "OID FIRST REF\n" sorted by oid.
 * FINGERPRINT is the hash of all that has to change when a tip moves; LOGSIZE the size that
 * logs/refs/sk/keep had, so that a log which somebody cut is noticed. */
#ifndef SK_STORE_TIPS_H
#define SK_STORE_TIPS_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "base/oid.h"
#include "repo/repo.h"

struct sk_tip {
	struct sk_oid oid; /* tags are peeled; not always a commit */
	time_t first;
	char *ref;
};

struct sk_tips {
	struct sk_tip *item; /* sorted by oid, each once */
	size_t n, cap;
	struct sk_oid print;
	long long log_size;
};

void sk_tips_free(struct sk_tips *tips);
bool sk_tips_has(const struct sk_tips *tips, const struct sk_oid *oid);

/* Cheap: loose refs, HEADs, and the stat fields of packed-refs and of the stash's log. */
int sk_tips_print(const struct sk_repo *repo, struct sk_oid *out);
/* What is there now; `print` is taken before looking. */
int sk_tips_now(const struct sk_repo *repo, time_t now, struct sk_tips *out);
/* The file; a missing or damaged one gives an empty list, a zero print and log_size -1. */
int sk_tips_read(const struct sk_repo *repo, struct sk_tips *out);
int sk_tips_write(const struct sk_repo *repo, const struct sk_tips *tips);
/* The head line alone: whether nothing moved since the file was written. */
int sk_tips_unmoved(const struct sk_repo *repo, long long log_size, bool *out);

#endif
