/* rewrite.h - an entry without some of what it holds, under the same id and time.
 *
 * For purge (content that must go) and repair (content that is lost).  What is taken out is named
 * in the entry's metadata as skipped, with the reason, so that a restore leaves such a path alone
 * and says so instead of deleting it.  Staged state, conflict stages and nested repositories are
 * covered like the tree itself.
 *
 * New objects go into the given packer.  The entry is changed by sk_rewritten_apply, once that
 * packer is committed: metadata first, then the entry's ref, each replaced in one step.  A crash in
 * between leaves an entry that is whole, old or new; doing the same again completes it. */
#ifndef SK_STORE_REWRITE_H
#define SK_STORE_REWRITE_H

#include "store/entry.h"
#include "store/oidset.h"
#include "store/pack.h"

enum sk_rewrite_answer {
	SK_REWRITE_KEEP,  /* for a folder: and look below */
	SK_REWRITE_WHOLE, /* of a folder: all below stays, no need to look */
	SK_REWRITE_DROP
};

struct sk_rewrite_rule {
	/* `path` from the root of the worktree; `mode` as in a tree. */
	enum sk_rewrite_answer (*judge)(void *arg, const char *path, uint32_t mode,
	                                const struct sk_oid *oid);
	void *arg;
	bool by_path;       /* its answer depends on the path: equal trees are looked at anew */
	bool broken_goes;   /* metadata that cannot be read is given up */
	bool broken_stays;  /* trees that cannot be read are passed over */
	const char *reason; /* "purged" */
	const char *key, *value; /* a trailer to add: "Sk-Purged", "path secret.env" */
};

struct sk_rewriter;

struct sk_rewritten {
	const struct sk_entry *entry;  /* borrowed: as it was */
	struct sk_oid tag, tree, meta; /* tags' ids; `meta` zero: none any more */
	struct sk_oid old_meta;        /* what the metadata's ref held; zero: there was none */
	struct sk_strv paths;          /* what was taken out, from the root of the worktree */
};

int sk_rewriter_new(const struct sk_repo *repo, const struct sk_rewrite_rule *rule,
                    struct sk_packer *packer, struct sk_rewriter **out);
void sk_rewriter_free(struct sk_rewriter *rw);
/* What was taken out of all entries so far: blobs and folders, with how often. */
const struct sk_oidset *sk_rewriter_dropped(const struct sk_rewriter *rw);
/* SK_ENO: there is nothing in it that has to go; `out` is then untouched.  SK_EDAMAGED: a tree of
 * it that has to be looked at cannot be read. */
int sk_rewrite_entry(struct sk_rewriter *rw, const struct sk_entry *e, struct sk_rewritten *out);
/* Only finds out what would go of a tree: see sk_rewriter_dropped. */
int sk_rewrite_look(struct sk_rewriter *rw, const struct sk_oid *tree);
void sk_rewritten_clear(struct sk_rewritten *r);
/* SK_EBUSY: its ref is another by now. */
int sk_rewritten_apply(const struct sk_repo *repo, const struct sk_rewritten *r);

#endif
