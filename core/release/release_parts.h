/* release_parts.h - one release in the making; between the files of this room only. */
#ifndef SK_RELEASE_PARTS_H
#define SK_RELEASE_PARTS_H

#include "release/release.h"
#include "store/pack.h"

struct sk_release_source {
	struct sk_oid tree;
	bool saved;            /* an entry: holds files that git ignores, perhaps */
	struct sk_oid tracked; /* of an entry: the tree that git knew; zero: none */
	char *idents;          /* the commit's lines "author ...", "committer ...", "encoding" */
	char *words;           /* see sk_release.source */
	char head[SK_OID_HEX + 1]; /* the commit, or the one that the entry was made on; "" */
	struct sk_strv nested;     /* of an entry: repositories inside, whose files it has apart */
	struct sk_strv missing;    /* of an entry: files that could not be saved */
	bool chosen;               /* of an entry: backup.paths or exclude left something out */
};

struct sk_releasing {
	struct sk_repo *repo;
	const struct sk_release_options *opts;
	struct sk_release_source source;
	struct sk_release *out;
	size_t ignored; /* files of an entry that git ignores */
};

/* `from` NULL: HEAD.  A backup is made for "worktree". */
int sk_release_find(struct sk_repo *repo, const char *from, struct sk_release_source *out);
/* How many tracked files differ from HEAD. */
int sk_release_changed(const struct sk_repo *repo, size_t *out);
void sk_release_source_clear(struct sk_release_source *source);

/* All files of the source; then those that stay out are marked. */
int sk_release_collect(struct sk_releasing *r);
int sk_release_attributes(struct sk_releasing *r);
int sk_release_choose(struct sk_releasing *r);

/* What is wrong with what stays in. */
int sk_release_check(struct sk_releasing *r);
int sk_release_check_links(struct sk_releasing *r);
bool sk_release_is_file(const struct sk_release_file *f); /* neither folder, link nor submodule */
int sk_release_finding(struct sk_releasing *r, const char *rule, enum sk_severity severity,
                       const char *path, const char *remedy, const char *fmt, ...) SK_PRINTF(6, 7);

/* Removes the folders DIR/PREFIX...PID.tmp of processes that are gone. */
int sk_release_sweep(const char *dir, const char *prefix);

/* The tree of what stays in; `p` NULL: nothing is written.  `trees` (may be NULL) gets its id and
 * those of all folders in hex, one a line. */
int sk_release_tree(const struct sk_releasing *r, struct sk_packer *p, struct sk_oid *out,
                    struct sk_buf *trees);
/* The commit of that tree. */
int sk_release_commit(const struct sk_releasing *r, const char *version, const struct sk_oid *tree,
                      struct sk_buf *text, struct sk_oid *oid);

/* Whether there may be a repository: SK_EREFUSED, with what to do, or SK_EIO. */
int sk_release_place(const char *dir);
/* Builds it beside `dir`, whole and on the disk; `built` is its path (caller frees).  On failure
 * nothing is left.  `objects`: ids of trees and blobs in hex, one a line. */
int sk_release_build(const struct sk_releasing *r, const char *dir, const struct sk_buf *commit,
                     const struct sk_buf *objects, char **built);
/* Puts it in its place; on failure it is removed. */
int sk_release_put(const char *built, const char *dir);

#endif
