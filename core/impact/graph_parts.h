/* graph_parts.h - what the graph*.c files and impact*.c share; nobody else's business. */
#ifndef SK_IMPACT_GRAPH_PARTS_H
#define SK_IMPACT_GRAPH_PARTS_H

#include "capture/snapshot.h"
#include "impact/cache.h"
#include "impact/graph.h"
#include "impact/language.h"
#include "impact/paths.h"
#include "impact/resolve.h"
#include "repo/index.h"

/* Part of every cache's key: raise it when the same files would give other edges. */
#define SK_RESOLVE_VERSION 1u

struct sk_graph_issue_text { /* one issue as a file's own record has it */
	uint32_t line, kind;
	const char *spec;
};

struct sk_link {              /* what one file says; arrays are owned, or lie in the mapped cache */
	const uint32_t *edge; /* SK_EDGE_WEAK may be set; sorted, each node once */
	uint32_t n_edges;
	const struct sk_graph_issue_text *issue;
	uint32_t n_issues;
	uint32_t external;
	const struct sk_language *language; /* NULL: none */
	bool unread, owned;
};

struct sk_package {
	const char *name;
	const uint32_t *member;
	uint32_t n;
};

struct sk_graph {
	struct sk_repo *repo;
	struct sk_graph_opts opts;
	int64_t deadline; /* CLOCK_MONOTONIC, milliseconds; 0: none */

	/* the state */
	const char **path;
	struct sk_oid *blob;
	bool *link_file; /* a symbolic link */
	uint32_t n;
	struct sk_paths set;
	struct sk_index *index;   /* of a staged state */
	struct sk_snapshot *snap; /* of the worktree */
	struct sk_strv joined;    /* the worktree's paths, which a snapshot has by their parts */

	struct sk_languages *languages;
	struct sk_link *link; /* for each file */
	struct sk_package *package;
	uint32_t n_packages;
	uint32_t *input;
	uint32_t n_inputs;
	char *outside;
	struct sk_imports_cache *cache;
	struct sk_graph_issue_text *kept_issues; /* those of the cached graph */
	void *map; /* the cached graph, while something points into it */
	size_t map_len;
	bool changed;                 /* it is not the cached one */
	struct sk_resolver *resolver; /* what `package` lies in, unless it is the map */

	/* derived */
	struct sk_graph_counts counts;
	struct sk_graph_issue *issue;
	size_t n_issues;
	uint32_t *by_first, *by; /* users of node i: by[by_first[i]] up to by[by_first[i + 1]] */
	uint32_t *scratch;       /* one list of files at a time, for sk_graph_uses and its like */
};

/* graph_files.c */
int sk_graph_list(struct sk_graph *g);
int sk_graph_late(const struct sk_graph *g); /* SK_EBUSY past the deadline */

/* graph_extract.c: the imports of each file of `file`, from the cache or the bytes.  out[k] is the
 * one of file[k]; `language` what it turned out to be. */
struct sk_read {
	struct sk_imports imports;
	const struct sk_language *language;
	bool unread, fresh; /* fresh: not from the cache */
};
int sk_graph_extract(struct sk_graph *g, const uint32_t *file, size_t n, struct sk_read *out);
void sk_reads_free(struct sk_read *read, size_t n);

/* graph_build.c */
int sk_graph_build(struct sk_graph *g); /* from nothing but the imports' cache */
/* The cached links hold but for these files' own.  SK_ENO: they do not, build instead. */
int sk_graph_update(struct sk_graph *g, const uint32_t *file, size_t n);
int sk_graph_derive(struct sk_graph *g);
/* One file's imports, resolved. */
int sk_link_resolve(struct sk_resolver *r, uint32_t file, const struct sk_read *read,
                    struct sk_link *out);
void sk_link_free(struct sk_link *link);

/* graph_file.c: SK_ENO: none that can be used.  `dirty`: files whose blob is another. */
int sk_graph_load(struct sk_graph *g, uint32_t **dirty, size_t *n_dirty);
void sk_graph_save(const struct sk_graph *g);
/* What the resolution depends on beside the state. */
int sk_graph_key(const struct sk_graph *g, struct sk_oid *out);

#endif
