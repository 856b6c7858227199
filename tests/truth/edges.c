/* truth_edges DIR [--weak]: every edge of the graph of DIR's working tree, one a line, "FROM\tTO",
 * and on standard error what could not be told.  --weak: those that nothing names too. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "impact/graph_parts.h"

int main(int argc, char **argv)
{
	struct sk_graph_opts opts = { .state = SK_GRAPH_WORKTREE, .fresh = true };
	bool weak = argc > 2 && strcmp(argv[2], "--weak") == 0;
	const struct sk_graph_issue *issue;
	struct sk_graph *g = NULL;
	struct sk_repo *repo = NULL;
	size_t n;

	if (argc < 2 || sk_repo_open(argv[1], &repo) || sk_graph_open(repo, &opts, &g)) {
		(void)fprintf(stderr, "truth_edges: %s\n",
		              argc < 2 ? "which folder?" : sk_error_message());
		return 2;
	}
	for (uint32_t i = 0; i < g->n; i++)
		for (uint32_t k = 0; k < g->link[i].n_edges; k++) {
			uint32_t to = g->link[i].edge[k];

			if ((to & SK_EDGE_WEAK) && !weak)
				continue;
			to &= ~SK_EDGE_WEAK;
			(void)printf("%s\t%s\n", g->path[i],
			             to < g->n ? g->path[to] : g->package[to - g->n].name);
		}
	n = sk_graph_issues(g, &issue);
	for (size_t i = 0; i < n; i++)
		(void)fprintf(stderr, "%s:%u: %d %s\n", sk_graph_path(g, issue[i].file),
		              issue[i].line, (int)issue[i].kind, issue[i].spec);
	sk_graph_close(g);
	sk_repo_close(repo);
	return 0;
}
