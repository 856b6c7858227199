/* impact.h - what a change may break: changed files, the files that use them, components, tests. */
#ifndef SK_IMPACT_IMPACT_H
#define SK_IMPACT_IMPACT_H

#include "impact/components.h"
#include "impact/graph.h"

/* What differs.  `status` is one of A, M, D; a rename is its old path, deleted, and the new one. */
struct sk_touched {
	char *path;
	char status;
	struct sk_oid old, now;  /* the blobs before and now; zero: none, or not known */
	uint32_t old_mode, mode; /* of them: 0100644 or 0120000 (a link); 0: as above */
};

struct sk_touched_set {
	struct sk_touched *item; /* sorted by path, each once */
	size_t n;
};

/* The graph's state compared with commit `rev` (NULL: HEAD; unborn: the empty tree).  SK_EUSAGE
 * when `rev` is no commit. */
int sk_touched_since(struct sk_repo *repo, const struct sk_graph *graph, const char *rev,
                     struct sk_touched_set *out);
/* Paths below the worktree that the user named: a folder stands for the files in it; a path that
 * the state does not have counts as deleted when HEAD has it, else SK_EUSAGE names it. */
int sk_touched_named(struct sk_repo *repo, const struct sk_graph *graph,
                     const struct sk_strv *paths, struct sk_touched_set *out);
void sk_touched_clear(struct sk_touched_set *changes);

struct sk_affected {
	const char *path;
	const char *via;   /* the next file on the shortest way to a changed one; NULL at none */
	uint32_t distance; /* from 1 */
	bool test;
};

struct sk_impact {
	const struct sk_touched_set *changes; /* borrowed */
	struct sk_affected *affected; /* by distance, then path; changed files are not among them */
	size_t n_affected;
	struct sk_strv tests; /* to run: affected and changed (not deleted) test files, sorted */
	struct sk_component_set changed, components; /* touched directly; reached otherwise */
	void *priv;
};

/* `depth` 0: no limit.  Strings are borrowed from graph and changes; both must outlive it. */
int sk_impact_of(struct sk_repo *repo, const struct sk_graph *graph,
                 const struct sk_touched_set *changes, unsigned depth, struct sk_impact *out);
void sk_impact_clear(struct sk_impact *impact);
/* The shortest way from an affected file to a changed one, both included; SK_ENO: not affected. */
int sk_impact_why(const struct sk_impact *impact, const char *path, struct sk_strv *out);

#endif
