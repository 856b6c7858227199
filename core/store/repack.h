/* repack.h - packs written anew by `git pack-objects`: folded ones (fold.c), and those that must
 * lose some objects (repair.c, purge.c). */
#ifndef SK_STORE_REPACK_H
#define SK_STORE_REPACK_H

#include "base/buf.h"
#include "repo/repo.h"
#include "store/oidset.h"

/* One pack with its index, in place and synced, of the objects whose ids are in `oids`, in hex, a
 * line each; `hex` is its name.  `deltas`: searches for new deltas; else those that the objects
 * have are copied. */
int sk_pack_objects(const struct sk_repo *repo, const struct sk_buf *oids, bool deltas,
                    char hex[SK_OID_HEX + 1]);

/* Puts a pack without some of its objects in the place of the pack HEX; without any when none is
 * left.  Its files go to the folder `hold`, or are deleted when that is NULL; what was derived from
 * it (.rev, .bitmap, a multi-pack-index that names it) is deleted.  A `.promisor` is kept beside
 * the new one.  The new pack is whole before the old one goes, so that a crash leaves objects
 * twice, never less than before.
 * SK_EREFUSED: the pack has a `.keep` of somebody, or extensions.preciousObjects is set. */
int sk_repack_without(const struct sk_repo *repo, const char *hex, const struct sk_oidset *without,
                      const char *hold);

/* Whether nothing may be deleted here, whatever it is: extensions.preciousObjects. */
bool sk_repo_precious(const struct sk_repo *repo);

#endif
