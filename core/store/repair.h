/* repair.h - mends what verify found, from whatever else has it.
 *
 * Sources of an object, in this order: another copy in the same repository (git falls back to it,
 * libgit2 does not); packs whose index is missing or wrong, indexed anew, or whatever can be
 * unpacked of one that is cut off; the folders of objects that are given (a vault's).  What the
 * working tree still has is written by the next backup by itself, once `sk_distrust_save` has told
 * it so: the caller makes one first.
 * A ref that cannot be read is made again from its tag object, which lies in the object database
 * and names it; a lost tag from the cache of tags.
 *
 * Damaged files are never deleted: loose objects, packs, lines of packed-refs and refs go to
 * COMMONDIR/sk/quarantine, out of git's way.  A pack is written anew from its good objects.
 *
 * An entry whose content is lost for good stays, under its id, without the paths that are lost,
 * which it names as skipped (rewrite.h): so the rest of it can be restored, git gc and git fsck
 * work again, and it does no harm to others.  One whose tag or root is lost is taken from the list
 * of refs; what is known of it is written to quarantine/entries. */
#ifndef SK_STORE_REPAIR_H
#define SK_STORE_REPAIR_H

#include "store/verify.h"

struct sk_repair_opts {
	const struct sk_strv *sources; /* paths of folders of objects; NULL: none */
};

struct sk_repair {
	size_t objects;         /* written anew */
	struct sk_strv packs;   /* indexed or written anew */
	struct sk_strv refs;    /* made again */
	struct sk_strv without; /* refs of entries that now lack lost paths */
	struct sk_strv gone;    /* refs of entries that could not be kept at all */
	struct sk_strv aside;   /* files in the quarantine, below COMMONDIR */
	struct sk_strv left;    /* lines: what could not be mended, and why */
};

/* Everything but giving up what is lost: `found` is from a verify of all entries. */
int sk_repair_run(const struct sk_repo *repo, const struct sk_repair_opts *opts,
                  const struct sk_verify *found, struct sk_repair *out);
/* Gives up what is lost: for what a verify after that still finds.  Adds to `out`. */
int sk_repair_give_up(const struct sk_repo *repo, const struct sk_verify *found,
                      struct sk_repair *out);
void sk_repair_clear(struct sk_repair *r);

#endif
