/* graph.h - which file of the project uses which: a graph over one state of the working tree.
 *
 * A graph is a pure function of (paths and blob ids of the state, the languages' rules, the
 * configuration's [impact] section, compile_commands.json).  It comes from caches in SKLOCAL where
 * they hold, and is equal to one made from nothing.  What cannot be told is counted and listed,
 * never dropped; a selection made from a graph is never a promise that the rest is not affected. */
#ifndef SK_IMPACT_GRAPH_H
#define SK_IMPACT_GRAPH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/oid.h"
#include "repo/repo.h"

#define SK_GRAPH_NONE UINT32_MAX

enum sk_graph_state {
	SK_GRAPH_WORKTREE, /* the files as they are, untracked ones that git does not ignore
	                      included */
	SK_GRAPH_STAGED    /* what the index holds: what a commit would have */
};

struct sk_graph_opts {
	enum sk_graph_state state;
	int64_t limit_ms;       /* give up with SK_EBUSY after that; 0: never */
	unsigned threads;       /* 0: as many as there are processors, at most 8 */
	bool fresh;             /* no cache is read (but one is written) */
	const char *index_file; /* SK_GRAPH_STAGED: another than the worktree's own
	                         * (repo->given_index); NULL: that one */
};

struct sk_graph;

/* SK_EBUSY: not done within limit_ms (what was extracted is kept, so that the next one is faster).
 * A cache that cannot be read or written is no error. */
int sk_graph_open(struct sk_repo *repo, const struct sk_graph_opts *opts, struct sk_graph **out);
void sk_graph_close(struct sk_graph *graph);

struct sk_graph_counts {
	size_t files;      /* of a known language */
	size_t edges;      /* between two different files of the project */
	size_t external;   /* imports of what is not part of the project */
	size_t unresolved; /* imports that should be and were not found, or that text does not tell
	                    */
	size_t ambiguous;  /* imports that more than one file could be: no edge, they are listed */
	size_t unread;     /* files of a known language that could not be read to the end */
};
const struct sk_graph_counts *sk_graph_counts(const struct sk_graph *graph);

/* Every file of the state has a number (also those without a language), sorted bytewise by path. */
uint32_t sk_graph_n(const struct sk_graph *graph);
const char *sk_graph_path(const struct sk_graph *graph, uint32_t file);
uint32_t sk_graph_find(const struct sk_graph *graph, const char *path); /* SK_GRAPH_NONE */
const struct sk_oid *sk_graph_blob(const struct sk_graph *graph, uint32_t file);
const char *sk_graph_language(const struct sk_graph *graph, uint32_t file); /* NULL: none */
/* By its language's patterns, or by impact.tests of the configuration. */
bool sk_graph_is_test(const struct sk_graph *graph, uint32_t file);
/* The file's bytes in this state (from disk or from git's objects), added to `out`. */
int sk_graph_read(const struct sk_graph *graph, uint32_t file, struct sk_buf *out);

/* The files that it uses, and those that use it: direct, sorted, each once, itself never. */
size_t sk_graph_uses(const struct sk_graph *graph, uint32_t file, const uint32_t **out);
size_t sk_graph_used_by(const struct sk_graph *graph, uint32_t file, const uint32_t **out);

enum sk_issue_kind { SK_ISSUE_UNRESOLVED, SK_ISSUE_AMBIGUOUS, SK_ISSUE_UNREAD };

struct sk_graph_issue {
	uint32_t file, line; /* line 0: the whole file */
	enum sk_issue_kind kind;
	const char *spec; /* as written; why, for an unread file */
};
size_t sk_graph_issues(const struct sk_graph *graph, const struct sk_graph_issue **out);

#endif
