/* pack_look.h - the packs of a repository as files, for fold.c and packs.c.
 * Source: git's Documentation/gitformat-pack.txt (pack v2, idx v2). */
#ifndef SK_STORE_PACK_LOOK_H
#define SK_STORE_PACK_LOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "base/buf.h"
#include "base/oid.h"
#include "repo/repo.h"

struct sk_pack_file {
	char hex[SK_OID_HEX + 1]; /* pack-HEX.pack */
	uint64_t size;
	struct timespec mtime; /* git keeps what nothing reaches by it */
};

struct sk_pack_files {
	struct sk_pack_file *item;
	size_t n;
};

/* An index file, mapped. */
struct sk_idx {
	const unsigned char *map;
	size_t len;
	uint32_t n;
};

/* Those with a .pack of at most `max` bytes, an .idx and nothing else, not named by a
 * multi-pack-index; in no order.  Free `item`. */
int sk_pack_files_list(int dir, uint64_t max, struct sk_pack_files *out);

/* "pack-HEX" of whatever has a .pack or an .idx, sorted, each once. */
int sk_pack_names(int dir, struct sk_strv *out);

/* SK_ENO when it is gone, SK_EDAMAGED when it cannot be understood. */
int sk_idx_open(int dir, const char *hex, struct sk_idx *out);
void sk_idx_close(struct sk_idx *idx);
struct sk_oid sk_idx_oid(const struct sk_idx *idx, uint32_t i);
bool sk_idx_has(const struct sk_idx *idx, const struct sk_oid *oid);
/* Whether an entry of the pack is a commit as a whole: each chain of deltas ends in such a one. */
int sk_pack_has_commit(int dir, const char *hex, const struct sk_idx *idx, bool *out);
/* Whether the pack ends in the trailer that its index names: it is there in full. */
int sk_pack_is_whole(int dir, const char *hex, const struct sk_idx *idx);

#endif
