/* verify_parts.h - between the verify*.c files. */
#ifndef SK_STORE_VERIFY_PARTS_H
#define SK_STORE_VERIFY_PARTS_H

#include "store/verify.h"

/* Values in `seen`: the type of the object, and what became of it. */
enum { SK_SEEN_TYPE = 7, SK_SEEN_BAD = 8, SK_SEEN_CLEAN = 16, SK_SEEN_TAINTED = 32 };

struct sk_verifier {
	const struct sk_repo *repo;
	const struct sk_verify_opts *opts;
	struct sk_verify *out;
	git_odb *odb;
	struct sk_oidset seen;
	struct sk_oid *blob; /* to be read, in the order of the trees */
	size_t n_blobs, cap_blobs;
	struct sk_oid *tree; /* a stack of those still to be read */
	size_t n_trees, cap_trees;
	bool partial; /* a partial clone: what is not here at all may be promised */
};

/* verify_walk.c: each tree below once; blobs are gathered. */
int sk_verify_tree(struct sk_verifier *v, const struct sk_oid *oid);
/* Notes one object as bad, unless it is promised. */
int sk_verify_bad(struct sk_verifier *v, const struct sk_oid *oid, enum sk_object_type type);
/* Reads all blobs that were gathered, with threads. */
int sk_verify_blobs(struct sk_verifier *v);

/* verify_refs.c: refs that cannot be read, lines of packed-refs, packs. */
int sk_verify_refs(struct sk_verifier *v);
int sk_verify_packs(struct sk_verifier *v);
/* Whether git understands a line of packed-refs; `first`: it may be the head line. */
bool sk_verify_packed_line(const char *line, size_t len, bool first);

/* verify_name.c: damaged copies beside good ones. */
int sk_verify_copies(struct sk_verifier *v);
/* verify_name.c: which entries have what is bad, and where. */
int sk_verify_name(struct sk_verifier *v);
int sk_verify_name_commit(struct sk_verifier *v, const struct sk_oid *commit,
                          const struct sk_oid *tree);
/* Adds one; to one that is there (same kind, object and path) only the ref.  With `why` NULL it
 * is found out from where the copies of the object lie. */
int sk_damage_add(struct sk_verifier *v, enum sk_damage_kind kind, const struct sk_oid *oid,
                  const char *path, const char *why, const char *ref);

#endif
