/* copies.h - the copies of one object: it may lie in several packs and as a file of its own, and
 * only some of them may be good.
 *
 * libgit2 1.5 reads the first copy that it finds and gives up when that one is damaged; git itself
 * goes on to the next.  Slow: every pack is opened.  For when something is wrong. */
#ifndef SK_REPO_COPIES_H
#define SK_REPO_COPIES_H

#include <stdbool.h>

#include <git2.h>

#include "base/oid.h"
#include "repo/repo.h"

struct sk_copy {
	const char *path;       /* of the pack's index, or of the loose object */
	bool packed;            /* `path` is an index */
	git_odb_object *object; /* NULL: this copy is damaged */
};

/* What it returns ends the look when it is not 0. */
typedef int sk_copy_fn(void *arg, const struct sk_copy *copy);

/* Calls `fn` for each copy in that folder of objects, not in its alternates. */
int sk_copies(const char *objects, const struct sk_oid *oid, sk_copy_fn *fn, void *arg);
/* A good one; SK_ENO: there is none. */
int sk_copies_read(const char *objects, const struct sk_oid *oid, git_odb_object **out);

/* Looks at packs and loose objects anew: libgit2 goes on using a pack that it has open, so that it
 * still finds what was in it when the file is gone. */
int sk_repo_reopen_objects(const struct sk_repo *repo);

#endif
