/* verify.h - whether everything that is stored can be brought back: every object of every entry is
 * read and its bytes are hashed, each once; every ref and tag is parsed.
 *
 * Looks at: refs/sk/ (all refs, loose and packed; broken lines of packed-refs), the tag of each
 * entry, its tree and metadata with all below them, the commits that the keep-log holds with their
 * trees, and the files of packs (an index that is missing or wrong, a pack that is cut off).
 * History that branches reach is git's own to check (git fsck).
 *
 * Nothing is changed.  What the capture room remembers (its state files) it checks itself. */
#ifndef SK_STORE_VERIFY_H
#define SK_STORE_VERIFY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/oid.h"
#include "repo/repo.h"
#include "store/entry.h"
#include "store/oidset.h"

enum sk_damage_kind {
	SK_DAMAGE_OBJECT, /* `ref` (and others) lacks `path` */
	SK_DAMAGE_REF,    /* the ref cannot be read, or its tag cannot */
	SK_DAMAGE_PACKED, /* a line of packed-refs */
	SK_DAMAGE_PACK    /* a pack that git does not use; which of its objects matter is told by
	                   * the others */
};

struct sk_damage {
	enum sk_damage_kind kind;
	struct sk_oid oid;   /* zero: none */
	char *path;          /* in the entry ("a/b", "staged:a/b", "metadata:attributes"), of the
	                      * pack, or the line; "" the whole */
	char *why;           /* "missing", "damaged in objects/ab/cd..." */
	struct sk_strv refs; /* whose it is: of entries, newest first; or commits kept */
};

struct sk_verify {
	struct sk_entries entries; /* those looked at, newest first */
	size_t refs, objects, commits;
	size_t promised; /* of a partial clone: not here, and not ours to have */
	struct sk_damage *damage;
	size_t n, cap;
	size_t left_out;       /* damages beyond the first SK_DAMAGE_MAX, which are not listed */
	struct sk_oidset keys; /* private: which are listed */
	struct sk_oidset bad;  /* objects that cannot be read; the value is enum sk_object_type */
	struct sk_strv bad_packs; /* names "pack-HEX", of the kind SK_DAMAGE_PACK */
};

#define SK_DAMAGE_MAX 1000

struct sk_verify_opts {
	const char *const *ref; /* entries' full refs; NULL: all, and all else */
	size_t n_refs;
	unsigned threads; /* 0: as many as processors, at most 4 */
};

/* Looks again when something is wrong, until two looks agree: a prune, and a `git repack` after it,
 * may take away what is being read. */
int sk_verify_run(const struct sk_repo *repo, const struct sk_verify_opts *opts,
                  struct sk_verify *out);
void sk_verify_clear(struct sk_verify *v);
bool sk_verify_clean(const struct sk_verify *v);
/* A partial clone: what is not here at all may be promised by a remote. */
bool sk_verify_is_partial(const struct sk_repo *repo);

#endif
