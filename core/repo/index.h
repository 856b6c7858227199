/* index.h - reading git's index file, never writing it.
 *
 * Versions 2, 3 and 4; split (`link`: shared base, EWAH bitmaps) and sparse (`sdir`: folders as
 * one entry) ones; the cached-tree extension (`TREE`).  The file is mapped or read whole, its
 * trailing checksum is checked unless it is all zero (index.skipHash).
 * Source: git's Documentation/gitformat-index.txt, and technical/ewah in the same. */
#ifndef SK_REPO_INDEX_H
#define SK_REPO_INDEX_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/oid.h"

enum {
	SK_IE_ASSUME_VALID = 1,
	SK_IE_SKIP_WORKTREE = 2,
	SK_IE_INTENT_TO_ADD = 4,
	SK_IE_SPARSE_DIR = 8 /* mode 040000, the path ends in "/", oid is a tree */
};

struct sk_index_entry {
	const char *path; /* NUL-terminated, owned by the index */
	uint32_t path_len;
	uint32_t mode; /* 0100644, 0100755, 0120000, 0160000, 040000 */
	uint32_t ctime_s, ctime_ns, mtime_s, mtime_ns, dev, ino, uid, gid, size;
	struct sk_oid oid;
	uint8_t stage; /* 0, or 1 to 3 in a conflict */
	uint8_t flags; /* SK_IE_* */
};

struct sk_cache_tree {     /* one node of the TREE extension */
	const char *name;  /* last component, "" for the root; owned by the index */
	int32_t entries;   /* index entries it covers; -1: invalid */
	struct sk_oid oid; /* when entries >= 0 */
	struct sk_cache_tree *child;
	uint32_t n_children;
};

struct sk_index {
	struct sk_index_entry *entry; /* sorted by path, then stage */
	size_t n;
	struct sk_cache_tree *tree; /* NULL: no such extension */
	bool sparse, split;
	struct timespec mtime;  /* of the index file: entries not older are racy */
	struct sk_oid checksum; /* the trailing one: names this very content (zero: none) */
	void *priv;
};

/* Reads `path`; shared indexes are looked for in the same folder.  A missing file is an empty
 * index (no error).  SK_EDAMAGED when it cannot be understood; the message says why. */
int sk_index_read(const char *path, struct sk_index **out);
void sk_index_free(struct sk_index *index);

/* The entry of that path and stage, or NULL.  O(log n).  `path` need not be terminated. */
const struct sk_index_entry *sk_index_find(const struct sk_index *index, const char *path,
                                           size_t len, unsigned stage);
/* Number of the first entry not before `path` (any stage). */
size_t sk_index_lower(const struct sk_index *index, const char *path, size_t len);
/* Whether anything is tracked at or below the folder `dir` (no trailing slash; "" is all).
 * A sparse folder entry above it counts. */
bool sk_index_has_dir(const struct sk_index *index, const char *dir, size_t len);

/* Whether the entry's mtime, ctime, inode, size (modulo 2^32), kind and x bit are those of `st`
 * and the entry is not racy, so that `git add` of the file would give its blob again.  (The blob
 * is not the file's own bytes where attributes convert them: line ends, LFS.)  Never for
 * conflicts, gitlinks, intent-to-add and folders; assume-valid and skip-worktree do not count. */
bool sk_index_stat_matches(const struct sk_index *index, const struct sk_index_entry *e,
                           const struct stat *st);

#endif
