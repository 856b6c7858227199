/* meta.h - what a snapshot knows beside its tree: permission bits, empty folders, what was
 * skipped, nested repositories, staged state.
 *
 * It is a git tree of its own (Sk-Meta trailer), kept by the ref refs/sk/meta/KIND/ID (an
 * annotated tag to that tree) next to refs/sk/KIND/ID, made only when there is something to say:
 *
 *   attributes   blob of NUL-terminated records "K ARGS PATH", sorted by path within a kind:
 *                "U 0644 0755 0755"     usual permission bits: plain file, executable, folder
 *                "F 0600 path"          a file whose bits differ from the usual ones
 *                "D 0700 path"          a folder, likewise
 *                "E 0755 path"          an empty folder, with its bits
 *                "V path"               tracked, but not materialised (skip-worktree), a file or
 *                                       a whole folder: in the tree, not on disk
 *                "S reason<TAB>path"    not saved (or marked), and why
 *                "N headhex path"       nested repository, its HEAD (zeros: no commit); its files
 *                                       are the tree nested/<number of this record, from 0>
 *                "P pattern", "X pattern", "I pattern"   backup.paths, exclude, include_ignored
 *   index        tree of the staged (stage 0) entries, when it differs from HEAD's tree
 *   index-info   blob of NUL-terminated records "MODE OID STAGE FLAGS<TAB>PATH" for entries in
 *                conflict (stage 1-3) or with flags: i intent to add, s skip-worktree, v assume
 *                valid ("-" none)
 *   unmerged     tree 0, 1, 2...: the blobs of index-info's conflict entries, to keep them
 *   nested       tree 0, 1, 2...
 * Unknown records and names are ignored, so that later versions can add to it. */
#ifndef SK_STORE_META_H
#define SK_STORE_META_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/oid.h"
#include "repo/repo.h"
#include "store/pack.h"

struct sk_meta_path {
	char kind;          /* F D E V S N P X I */
	uint16_t mode;      /* F D E: permission bits, 07777; S, not stored: 1, could not be read */
	char *path;         /* P X I: the pattern */
	char *reason;       /* S */
	struct sk_oid head; /* N */
	struct sk_oid tree; /* N */
};

struct sk_index_info {
	char *path;
	uint32_t mode;
	struct sk_oid oid;
	uint8_t stage, flags; /* SK_IE_* of repo/index.h */
};

struct sk_meta {
	uint16_t usual_file, usual_exec, usual_dir; /* 0644 0755 0755 unless recorded */
	struct sk_meta_path *path;                  /* sorted by kind, then path */
	size_t n, cap;
	bool has_index;      /* staged state is recorded here (else: it was HEAD's tree) */
	struct sk_oid index; /* tree */
	struct sk_index_info *info;
	size_t n_info, cap_info;
};

void sk_meta_init(struct sk_meta *meta);
void sk_meta_clear(struct sk_meta *meta);
int sk_meta_add(struct sk_meta *meta, char kind, const char *path, uint16_t mode,
                const char *reason);
int sk_meta_add_nested(struct sk_meta *meta, const char *path, const struct sk_oid *head,
                       const struct sk_oid *tree);
int sk_meta_add_info(struct sk_meta *meta, const char *path, uint32_t mode,
                     const struct sk_oid *oid, uint8_t stage, uint8_t flags);
/* The record of that kind and path, or NULL; only after sk_meta_sort or a read. */
const struct sk_meta_path *sk_meta_find(const struct sk_meta *meta, char kind, const char *path);
/* Whether `path` or a folder above it has a record of that kind. */
bool sk_meta_covers(const struct sk_meta *meta, char kind, const char *path);
/* The first record of that kind; *n is how many follow each other. */
const struct sk_meta_path *sk_meta_kind(const struct sk_meta *meta, char kind, size_t *n);
void sk_meta_sort(struct sk_meta *meta);

/* Whether there is anything to write. */
bool sk_meta_empty(const struct sk_meta *meta);
/* Writes it; `out` is the tree. */
int sk_meta_write(struct sk_meta *meta, struct sk_packer *p, struct sk_oid *out);
/* Reads the tree; SK_EDAMAGED when it is missing or broken. */
int sk_meta_read(const struct sk_repo *repo, const struct sk_oid *tree, struct sk_meta *out);

#endif
