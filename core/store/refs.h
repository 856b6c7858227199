/* refs.h - SafeKeep's own refs, read and made in the files of git's "files" ref backend.
 *
 * Not through libgit2, for two reasons measured on 1.5.1: its iterator silently passes over a
 * broken loose ref, which has to be shown; and git_reference_create(force = 0) looks whether the
 * name is free before it takes the lock, so that two processes can overwrite each other.  The
 * protocol is git's own: NAME.lock made with O_EXCL, look, rename.
 * Source: git's Documentation/gitrepository-layout.txt and refs/files-backend.c. */
#ifndef SK_STORE_REFS_H
#define SK_STORE_REFS_H

#include <stdbool.h>
#include <time.h>

#include "base/buf.h"
#include "base/lockfile.h"
#include "base/oid.h"
#include "repo/repo.h"

struct sk_ref {
	char *name; /* full */
	struct sk_oid oid;
	const char *bad;      /* NULL, or why it cannot be read; static text */
	struct sk_oid peeled; /* what a packed annotated tag leads to, if packed-refs says so */
	bool packed;
};

struct sk_refs {
	struct sk_ref *item; /* sorted bytewise by name */
	size_t n, cap;
};

enum {
	SK_REFS_DEEP = 1,  /* folders below as well */
	SK_REFS_NAMES = 2, /* names only: loose ones are not opened, oid and bad do not hold */
	SK_REFS_LOOSE = 4  /* without those in packed-refs */
};

/* Those whose name begins with `prefix`, which ends in "/".  Loose ones are read before packed
 * ones, so that a `git pack-refs` meanwhile hides none.  Free with sk_refs_free. */
int sk_refs_list(const struct sk_repo *repo, const char *prefix, unsigned flags,
                 struct sk_refs *out);
/* Several prefixes (up to NULL) at once: packed-refs is read but once. */
int sk_refs_list_all(const struct sk_repo *repo, const char *const *prefixes, unsigned flags,
                     struct sk_refs *out);
void sk_refs_free(struct sk_refs *refs);
const struct sk_ref *sk_refs_find(const struct sk_refs *refs, const char *name);

/* SK_ENO: no such ref; SK_EDAMAGED: it is there and cannot be read. */
int sk_ref_read(const struct sk_repo *repo, const char *name, struct sk_oid *out);

/* Makes a ref, durable on return, without a reflog.  SK_EREFUSED: the name is taken (broken refs
 * take it too); SK_EBUSY: its lock stayed for a second. */
int sk_ref_create(const struct sk_repo *repo, const char *name, const struct sk_oid *oid);

/* Moves a ref from `old` (NULL: whatever it is, broken or not there too) to `now`, durable on
 * return, without a reflog.  SK_EBUSY: it is another by now, or its lock stayed for a second.  A
 * lock that a crashed replacement by the same id left is taken over: only one may be at it. */
int sk_ref_replace(const struct sk_repo *repo, const char *name, const struct sk_oid *old,
                   const struct sk_oid *now);

struct sk_ref_drop {
	const char *name;
	const struct sk_oid *old; /* NULL: whatever it is */
};

/* Deletes refs, with their reflogs, in one transaction of git.  When that fails, one by one: the
 * first that could not be deleted is named, SK_EBUSY.  Missing ones are no error. */
int sk_refs_delete(const struct sk_repo *repo, const struct sk_ref_drop *drop, size_t n);

/* Removes the loose file of a ref that cannot be read; its reflog stays. */
int sk_ref_drop_broken(const struct sk_repo *repo, const char *name);

/* NAME.lock of git's protocol (lockfile.h), for changing a reflog or packed-refs; waits a second,
 * then SK_EBUSY.  `note` is its content: where it cannot be told whether a lock's maker is alive,
 * one with that same content is taken for stale and removed (so only while holding something that
 * the kernel releases). */
int sk_ref_lock(const struct sk_repo *repo, const char *name, const char *note,
                struct sk_lockfile *out);

#endif
