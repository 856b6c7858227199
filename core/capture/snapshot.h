/* snapshot.h - the working tree as a scan found it: names, kinds, bits, blob and tree ids.
 *
 * A snapshot is a tree of nodes in memory, the children of a folder sorted bytewise by name.
 * sk_scan makes it; backups store it; a restore plans against it. */
#ifndef SK_CAPTURE_SNAPSHOT_H
#define SK_CAPTURE_SNAPSHOT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/oid.h"
#include "repo/repo.h"
#include "store/meta.h"
#include "store/pack.h"

struct sk_stat { /* what tells that a file was not touched */
	int64_t ctime_ns, mtime_ns;
	uint64_t ino, size;
};

enum {
	SK_NODE_RACY =
	        1, /* touched within the clock's grain of its reading: read again next time */
	SK_NODE_VIRTUAL = 2, /* tracked, but not on disk (skip-worktree): taken from the index */
	SK_NODE_SEEDED = 4,  /* blob id taken from the user's index, not from the bytes */
	SK_NODE_LIST = 8,    /* folder: its times do not tell what is in it (a name was left out for
	                      * another reason than ignore rules): to be listed each time */
	SK_NODE_RULES = 32,  /* folder: its .gitignore is not among its children (ignored itself) */
	SK_NODE_KEPT = 64,   /* folder: it and all below are as in the state, times included */
	SK_NODE_ASIS = 16    /* folder of a partial snapshot: as in the state, its children are not
	                      * here; `old` is its number there */
};

struct sk_node {
	const char *name;
	uint32_t name_len;
	uint32_t mode; /* 040000 0100644 0100755 0120000 0160000 */
	uint16_t perm; /* 07777 */
	uint16_t flags;
	uint32_t n_children;
	struct sk_node *child; /* of a folder; sorted by name, memcmp then length */
	struct sk_oid oid;     /* blob, commit (0160000), or tree once stored */
	uint32_t old;          /* folder: its number in the state before, or SK_STATE_NONE */
	struct sk_stat st;     /* of files, links and folders */
};

struct sk_nested {  /* a repository inside: its files are a snapshot of their own */
	char *path; /* from the outer root */
	struct sk_node *root;
	struct sk_oid head; /* zero: no commit yet */
};

/* What a scan depends on beside the working tree.  Equal: the same files count, and are staged. */
struct sk_scan_facts {
	struct sk_oid rules; /* hash of the rules from outside the tree, and of the configuration */
	struct sk_oid
	        index; /* trailing checksum of git's index; zero: it has none, or was not read */
	struct sk_oid staged; /* its tree; zero: not known */
};

struct sk_state;

struct sk_snapshot {
	struct sk_node *root;
	struct sk_nested *nested;
	size_t n_nested;
	struct sk_meta meta; /* attributes, skipped paths, coverage; staged state when asked for */
	size_t files;        /* nested ones included */
	size_t changed;    /* paths that differ from the state before; files when there was none */
	size_t unreadable; /* of the skipped paths, those that hold something we could not read */
	struct sk_scan_facts facts;
	struct sk_state
	        *state; /* that it was made with, which it owns (names lie in it); or NULL */
	bool same;      /* all is as in that state, times included: no need to save it */
	bool partial;   /* see sk_scan_opts.changed */
	void *priv;
};

struct sk_scan_opts {
	struct sk_packer *packer;   /* NULL: hash only, store nothing */
	const struct sk_strv *also; /* paths to take though ignored (files; may be NULL) */
	bool staged;                /* staged state into `meta` too; needs a packer */
	unsigned threads;           /* 0: as many as there are processors, at most 8 */
	/* Paths that may have changed since the state was saved ("a/b"; "a/b/" with all below it),
	 * sorted; NULL: anything may have.  The state that is there must be the one that a scan has
	 * used before, by its mark (state.h).  Where the state allows it, only their folders are
	 * looked at and the snapshot is `partial`; else it is a whole one. */
	const struct sk_strv *changed;
};

/* Scans the working tree.  Uses the state file when it is good; never writes it. */
int sk_scan(const struct sk_repo *repo, const struct sk_scan_opts *opts, struct sk_snapshot **out);
void sk_snapshot_free(struct sk_snapshot *snap);
/* The child of that name, or NULL. */
struct sk_node *sk_node_child(const struct sk_node *dir, const char *name, size_t len);
/* The node of a path "src/lib/c.txt" ("" is the root), or NULL; looks into nested ones too. */
struct sk_node *sk_snapshot_find(const struct sk_snapshot *snap, const char *path);

/* Whether a file with this stat is the one the node describes (and not racy). */
bool sk_stat_same(const struct sk_stat *a, const struct sk_stat *b);

#endif
