/* index_file.h - one index file taken apart; between the index_*.c files only.
 *
 * A split index is two such files: what `index` holds, and the shared base that its link
 * extension names. */
#ifndef SK_REPO_INDEX_FILE_H
#define SK_REPO_INDEX_FILE_H

#include "repo/index.h"

struct sk_index_strings; /* the paths of a version 4 file, which stores them shortened */

struct sk_index_file {
	unsigned char *data; /* the whole file; version 2 and 3 paths point into it */
	size_t len;
	struct stat st;
	struct sk_oid checksum;
	struct sk_index_entry *entry;
	size_t n;
	size_t nameless; /* the first so many entries have no path: replacements of a split index */
	bool sparse;
	const unsigned char *link, *tree; /* the extensions' contents, within data, or NULL */
	size_t link_len, tree_len;
	struct sk_index_strings *strings;
	size_t strings_len;
};

/* Reads and checks one file.  SK_ENO when it is missing, SK_EDAMAGED when it cannot be
 * understood; the message does not name the file.  The caller gives a zeroed `file` and frees it,
 * after a failure too. */
int sk_index_file_read(const char *path, struct sk_index_file *file);
void sk_index_file_free(struct sk_index_file *file);

/* SK_EDAMAGED, the words and what to do about it. */
int sk_index_damaged(const char *fmt, ...) SK_PRINTF(1, 2);

/* -1, 0, 1: paths as bytes, then stages: git's order. */
int sk_index_cmp(const char *a, size_t a_len, unsigned a_stage, const char *b, size_t b_len,
                 unsigned b_stage);
/* Whether `b` may follow `a`: later in that order, and a path in stage 0 is there once only. */
bool sk_index_follows(const struct sk_index_entry *a, const struct sk_index_entry *b);

/* The link extension: the base's id, zero when the index stands alone. */
int sk_index_link_base(const struct sk_index_file *own, struct sk_oid *base);
/* Base and changes put together in git's order.  The entries' paths stay where they were, in the
 * two files; the caller frees the array. */
int sk_index_merge(const struct sk_index_file *own, const struct sk_index_file *base,
                   struct sk_index_entry **entries, size_t *n);

/* The TREE extension for an index of `n` entries.  One that cannot be understood gives NULL, as
 * none at all: it only saves work, and git does the same.  Names point into `data`; the nodes
 * are one array, which the caller frees.  SK_EIO when out of memory. */
int sk_cache_tree_parse(const unsigned char *data, size_t len, size_t n,
                        struct sk_cache_tree **out);

#endif
