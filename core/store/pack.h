/* pack.h - writing many new objects as one pack, durable before any ref may name them.
 *
 * Objects are compressed by the calling threads and appended under a lock.  Nothing is visible to
 * git until sk_packer_commit: the pack is a temporary file (or memory, while small), then it is
 * synced and renamed into objects/pack together with its index and a `.keep` file, so that a
 * `git repack -ad` or `git gc --prune=now` running meanwhile cannot drop it before the ref names
 * it; sk_packer_free removes the `.keep`.  A crash leaves at most a .sk-tmp-* file, or a pack with
 * a
 * `.keep` whose content names the dead process; sk_packer_sweep takes both away.  Once a write has
 * failed, nothing more is added and sk_packer_commit fails: a caller that went on cannot make an
 * entry of half a pack.
 * Source: git's Documentation/gitformat-pack.txt (pack v2, idx v2). */
#ifndef SK_STORE_PACK_H
#define SK_STORE_PACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/oid.h"
#include "repo/repo.h"

struct sk_packer;

int sk_packer_new(const struct sk_repo *repo, struct sk_packer **out);

/* The pack is to go to OBJECTS/pack, which need not be there, instead of the repository's own; to
 * be called before anything is added. */
int sk_packer_aside(struct sk_packer *p, const char *objects);
/* From now on nothing is taken for stored because the repository has it: a `git gc` under way may
 * have looked at the refs already, and deletes what they did not reach then, after the recheck.
 * So it is from the start while gc.pid is there. */
void sk_packer_alone(struct sk_packer *p);
/* From now on sk_packer_add and _add_fd write anew what only the repository has.  A
 * `git repack -ad` under way, which leaves no gc.pid, takes away at its end what nothing reached
 * when it began: that may be after the recheck, whatever refs were made in between.  So only what
 * a ref or an index reaches is to be relied on, and that the caller asks sk_packer_rely for. */
void sk_packer_wary(struct sk_packer *p);
/* Whether objects are known that the repository has, but not whole: those are written anew. */
bool sk_packer_mends(const struct sk_packer *p);
/* Adds one object unless this pack or the repository (sk_packer_wary) has it already.  Thread-safe.
 */
int sk_packer_add(struct sk_packer *p, enum sk_object_type type, const void *data, size_t len,
                  struct sk_oid *out);
/* Adds it whatever the repository has: for objects whose presence cannot be trusted. */
int sk_packer_put(struct sk_packer *p, enum sk_object_type type, const void *data, size_t len,
                  struct sk_oid *out);
/* Adds a blob of `size` bytes read from `fd` from its start, in bounded memory.  SK_ENO when the
 * file turned out shorter or longer (nothing is then added).  Thread-safe, one at a time. */
int sk_packer_add_fd(struct sk_packer *p, int fd, uint64_t size, struct sk_oid *out);
/* The same, of the id that sk_hash_fd found, and whatever the repository has; SK_ENO when it is not
 * that any more. */
int sk_packer_put_fd(struct sk_packer *p, int fd, uint64_t size, const struct sk_oid *oid);

/* Whether this pack or the repository has the object.  One that only the repository has is noted,
 * for sk_packer_recheck.  Thread-safe. */
int sk_packer_rely(struct sk_packer *p, const struct sk_oid *oid, bool *have);
/* The id that a blob of `size` bytes read from `fd` would have; SK_ENO as above. */
int sk_hash_fd(int fd, uint64_t size, struct sk_oid *out);

size_t sk_packer_count(const struct sk_packer *p);
/* What was added takes so many bytes of pack. */
uint64_t sk_packer_bytes(const struct sk_packer *p);

/* Makes what was added durable and visible.  No objects: does nothing. */
int sk_packer_commit(struct sk_packer *p);
/* To be called once the ref is written: whether the objects that were found in the repository and
 * so not written are still there (a gc may have pruned one that nothing reached).  SK_ENO: one is
 * gone, and the entry has to be made again by sk_packer_put. */
int sk_packer_recheck(struct sk_packer *p);
/* Drops what was not committed; after a commit, gives up the protection of `.keep`. */
void sk_packer_free(struct sk_packer *p);
/* Removes what crashed processes left. */
int sk_packer_sweep(const struct sk_repo *repo);

#endif
