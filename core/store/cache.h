/* cache.h - the contents of entries' tags, so that a listing need not look each of them up.
 *
 * A tag object never changes, so what a file says of an id holds as long as the object exists.
 * That is taken for granted while every pack that was there when the file was written is still
 * there: the same file by name (a hash of its content), size and inode.  (Not by its times: git
 * touches a pack to keep it.)  Otherwise the file is not used.  Loose objects
 * and repositories with alternates are not cached.  Only listings read it: what is restored is
 * read from git's own objects.
 *
 * SKDIR/entries: struct head; as many 64-bit hashes of packs; a table of (id, offset of the record)
 * sorted by id; the records (id, 32-bit length, bytes of the tag) in the order in which a listing
 * asks for them; a 64-bit checksum of all before it.  In the machine's byte order; a file that is
 * damaged or of another machine is not used.  Written without fsync. */
#ifndef SK_STORE_CACHE_H
#define SK_STORE_CACHE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/oid.h"
#include "repo/repo.h"

struct sk_cache;

/* NULL in *out: there can be no cache here (that is no error). */
int sk_cache_open(const struct sk_repo *repo, struct sk_cache **out);
/* The bytes, owned by the cache, or NULL. */
const char *sk_cache_get(struct sk_cache *cache, const struct sk_oid *oid, size_t *len);
/* To be told what had to be read from git. */
void sk_cache_note(struct sk_cache *cache, const struct sk_oid *oid, const char *data, size_t len);
/* To be told that `files` packs and indexes of those that were there when it was opened were just
 * deleted, after all that they hold was written to another pack: what is known of tags stays true,
 * unless any other pack went meanwhile. */
void sk_cache_folded(struct sk_cache *cache, size_t files);
/* Writes the file when that is worth it (what was not asked for is left out when `drop_rest`),
 * and frees.  A file that cannot be written is no error. */
void sk_cache_close(struct sk_cache *cache, bool drop_rest);

#endif
