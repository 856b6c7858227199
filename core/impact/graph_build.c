/* Edges: all of them anew, or those of a few files. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "impact/graph_parts.h"

static int by_node(const void *x, const void *y)
{
	uint32_t a = *(const uint32_t *)x, b = *(const uint32_t *)y;
	uint32_t na = a & ~SK_EDGE_WEAK, nb = b & ~SK_EDGE_WEAK;

	return na != nb ? (na > nb) - (na < nb) : (a > b) - (a < b);
}

/* Sorted, each node once; an edge that is not weak stands for a weak one too. */
static uint32_t tidy(uint32_t *node, size_t n)
{
	size_t kept = 0;

	if (n > 1)
		qsort(node, n, sizeof *node, by_node);
	for (size_t i = 0; i < n; i++)
		if (!kept || (node[kept - 1] & ~SK_EDGE_WEAK) != (node[i] & ~SK_EDGE_WEAK))
			node[kept++] = node[i];
	return (uint32_t)kept;
}

struct issues {
	struct sk_graph_issue_text *item;
	size_t n, cap;
};

static int add_issue(struct issues *all, const struct sk_import *import, enum sk_issue_kind kind)
{
	if (all->n == all->cap) {
		size_t cap = all->cap ? all->cap * 2 : 8;
		struct sk_graph_issue_text *more = reallocarray(all->item, cap, sizeof *more);

		if (!more)
			return sk_error_oom();
		all->item = more;
		all->cap = cap;
	}
	all->item[all->n++] = (struct sk_graph_issue_text){ import->line, kind, import->spec };
	return 0;
}

/* One block: the records, then their texts. */
static int own_issues(const struct issues *all, struct sk_link *out)
{
	size_t size = all->n * sizeof *all->item;
	struct sk_graph_issue_text *item;
	char *text;

	if (!all->n)
		return 0;
	for (size_t i = 0; i < all->n; i++)
		size += strlen(all->item[i].spec) + 1;
	item = malloc(size);
	if (!item)
		return sk_error_oom();
	memcpy(item, all->item, all->n * sizeof *item);
	text = (char *)(item + all->n);
	for (size_t i = 0; i < all->n; i++) {
		item[i].spec = text;
		text = stpcpy(text, all->item[i].spec) + 1;
	}
	out->issue = item;
	out->n_issues = (uint32_t)all->n;
	return 0;
}

void sk_link_free(struct sk_link *link)
{
	if (link->owned) {
		free((void *)(uintptr_t)link->edge);
		free((void *)(uintptr_t)link->issue);
	}
	*link = (struct sk_link){ 0 };
}

/* An issue for which text is missing, and for those of a name that is not there. */
static int resolve_all(struct sk_resolver *r, uint32_t file, unsigned rules,
                       const struct sk_imports *imports, struct sk_targets *targets,
                       struct issues *issues, struct sk_link *link)
{
	int rc = 0;

	for (size_t i = 0; i < imports->n && !rc; i++) {
		const struct sk_import *m = &imports->item[i];
		enum sk_outcome outcome = SK_TO_NOWHERE;

		rc = sk_resolve(r, file, rules, m, targets, &outcome);
		if (rc)
			break;
		if (outcome == SK_TO_OUTSIDE)
			link->external++;
		else if (outcome == SK_TO_NOWHERE)
			rc = add_issue(issues, m, SK_ISSUE_UNRESOLVED);
		else if (outcome == SK_TO_MANY)
			rc = add_issue(issues, m, SK_ISSUE_AMBIGUOUS);
	}
	return rc;
}

int sk_link_resolve(struct sk_resolver *r, uint32_t file, const struct sk_read *read,
                    struct sk_link *out)
{
	struct sk_link link = { .language = read->language, .unread = read->unread, .owned = true };
	struct sk_targets targets = { 0 };
	struct issues issues = { 0 };
	unsigned rules;
	int rc = 0;

	if (read->language) {
		rules = sk_resolver_rules(sk_language_resolver(read->language));
		rc = resolve_all(r, file, rules, &read->imports, &targets, &issues, &link);
		if (!rc)
			rc = sk_resolve_implicit(r, file, rules, &targets);
	}
	link.n_edges = rc ? 0 : tidy(targets.node, targets.n);
	link.edge = targets.node;
	if (!rc)
		rc = own_issues(&issues, &link);
	free(issues.item);
	if (rc)
		sk_link_free(&link);
	else
		*out = link;
	return rc;
}

static int read_file(void *ctx, uint32_t file, struct sk_buf *out)
{
	return sk_graph_read(ctx, file, out);
}

static int new_resolver(struct sk_graph *g, struct sk_resolver **out)
{
	struct sk_resolver_source source = { &g->set, read_file, g, g->repo->worktree,
		                             g->repo->config };

	return sk_resolver_new(&source, out);
}

static unsigned rules_of(const struct sk_read *read)
{
	return sk_resolver_rules(read->language ? sk_language_resolver(read->language) : NULL);
}

/* The packages as the resolver has them now, which is kept for that. */
static int take_packages(struct sk_graph *g, struct sk_resolver *r)
{
	size_t n = sk_resolver_packages(r);
	struct sk_package *package = calloc(n + 1, sizeof *package);

	if (!package)
		return sk_error_oom();
	for (size_t i = 0; i < n; i++) {
		size_t members;

		package[i].name = sk_resolver_package(r, i, &package[i].member, &members);
		package[i].n = (uint32_t)members;
	}
	free(g->package);
	g->package = package;
	g->n_packages = (uint32_t)n;
	sk_resolver_free(g->resolver);
	g->resolver = r;
	return 0;
}

static int by_number(const void *x, const void *y)
{
	uint32_t a = *(const uint32_t *)x, b = *(const uint32_t *)y;

	return (a > b) - (a < b);
}

/* Those that were read now are added to those of the cache; sorted, each once. */
static int take_inputs(struct sk_graph *g, const struct sk_resolver *r)
{
	const uint32_t *file;
	size_t n = sk_resolver_inputs(r, &file), kept = 0;
	uint32_t *all = malloc((g->n_inputs + n + 1) * sizeof *all);

	if (!all)
		return sk_error_oom();
	if (g->n_inputs)
		memcpy(all, g->input, g->n_inputs * sizeof *all);
	if (n)
		memcpy(all + g->n_inputs, file, n * sizeof *all);
	n += g->n_inputs;
	qsort(all, n, sizeof *all, by_number);
	for (size_t i = 0; i < n; i++)
		if (!kept || all[kept - 1] != all[i])
			all[kept++] = all[i];
	free(g->input);
	g->input = all;
	g->n_inputs = (uint32_t)kept;
	if (!g->outside)
		g->outside = strdup(sk_resolver_outside(r));
	return g->outside ? 0 : sk_error_oom();
}

int sk_graph_build(struct sk_graph *g)
{
	uint32_t *file = malloc(((size_t)g->n + 1) * sizeof *file);
	struct sk_read *read = calloc((size_t)g->n + 1, sizeof *read);
	struct sk_resolver *r = NULL;
	int rc = file && read ? new_resolver(g, &r) : sk_error_oom();

	for (uint32_t i = 0; i < g->n && !rc; i++)
		file[i] = i;
	if (!rc)
		rc = sk_graph_extract(g, file, g->n, read);
	for (uint32_t i = 0; i < g->n && !rc; i++)
		rc = sk_resolver_declare(r, i, rules_of(&read[i]), &read[i].imports);
	for (uint32_t i = 0; i < g->n && !rc; i++) {
		if (i % 256 == 255)
			rc = sk_graph_late(g);
		sk_link_free(&g->link[i]);
		if (!rc)
			rc = sk_link_resolve(r, i, &read[i], &g->link[i]);
	}
	free(g->outside);
	g->outside = NULL;
	g->n_inputs = 0;
	g->changed = true;
	if (!rc)
		rc = take_inputs(g, r);
	if (!rc)
		rc = take_packages(g, r);
	if (rc)
		sk_resolver_free(r);
	sk_reads_free(read, g->n);
	free(file);
	return rc;
}

/* Whether the file says that it is part of the same packages as before. */
static bool same_packages(const struct sk_graph *g, uint32_t file, const struct sk_imports *imports)
{
	size_t before = 0, now = 0;

	for (uint32_t i = 0; i < g->n_packages; i++) {
		const struct sk_package *p = &g->package[i];
		bool member = false, named = false;

		if (strncmp(p->name, "ns:", 3) != 0)
			continue;
		for (uint32_t k = 0; k < p->n && !member; k++)
			member = p->member[k] == file;
		for (size_t k = 0; k < imports->n && !named; k++)
			named = imports->item[k].kind == SK_IMPORT_PACKAGE &&
			        strcmp(imports->item[k].spec, p->name + 3) == 0;
		if (member != named)
			return false;
		before += member;
	}
	for (size_t k = 0; k < imports->n; k++)
		now += imports->item[k].kind == SK_IMPORT_PACKAGE;
	return now == before;
}

int sk_graph_update(struct sk_graph *g, const uint32_t *file, size_t n)
{
	struct sk_read *read = calloc(n + 1, sizeof *read);
	struct sk_resolver *r = NULL;
	int rc = read ? sk_graph_extract(g, file, n, read) : sk_error_oom();

	for (size_t k = 0; k < n && !rc; k++)
		if (sk_resolver_declares(rules_of(&read[k])) ||
		    g->link[file[k]].language != read[k].language)
			rc = same_packages(g, file[k], &read[k].imports) ? 0 : SK_ENO;
	if (!rc)
		rc = new_resolver(g, &r);
	for (uint32_t i = 0; i < g->n_packages && !rc; i++)
		rc = sk_resolver_seed(r, g->package[i].name, g->package[i].member, g->package[i].n);
	for (size_t k = 0; k < n && !rc; k++) {
		struct sk_link link;

		rc = sk_link_resolve(r, file[k], &read[k], &link);
		if (rc)
			break;
		sk_link_free(&g->link[file[k]]);
		g->link[file[k]] = link;
	}
	g->changed = g->changed || n > 0;
	if (!rc)
		rc = take_inputs(g, r);
	if (!rc)
		rc = take_packages(g, r);
	if (rc)
		sk_resolver_free(r);
	sk_reads_free(read, n);
	return rc;
}

static void count(struct sk_graph *g)
{
	struct sk_graph_counts *c = &g->counts;

	for (uint32_t i = 0; i < g->n; i++) {
		const struct sk_link *l = &g->link[i];

		c->files += l->language != NULL;
		c->edges += l->n_edges;
		c->external += l->external;
		c->unread += l->unread;
		for (uint32_t k = 0; k < l->n_issues; k++) {
			c->unresolved += l->issue[k].kind == SK_ISSUE_UNRESOLVED;
			c->ambiguous += l->issue[k].kind == SK_ISSUE_AMBIGUOUS;
		}
	}
}

static int list_issues(struct sk_graph *g)
{
	size_t n = g->counts.unresolved + g->counts.ambiguous + g->counts.unread;

	g->issue = calloc(n + 1, sizeof *g->issue);
	if (!g->issue)
		return sk_error_oom();
	for (uint32_t i = 0; i < g->n; i++) {
		const struct sk_link *l = &g->link[i];

		if (l->unread)
			g->issue[g->n_issues++] =
			        (struct sk_graph_issue){ i, 0, SK_ISSUE_UNREAD,
				                         "it could not be read to the end" };
		for (uint32_t k = 0; k < l->n_issues; k++)
			g->issue[g->n_issues++] =
			        (struct sk_graph_issue){ i, l->issue[k].line,
				                         (enum sk_issue_kind)l->issue[k].kind,
				                         l->issue[k].spec };
	}
	return 0;
}

/* The edges turned round; a package is used by its users, and uses its members. */
static int turn_round(struct sk_graph *g)
{
	uint32_t nodes = g->n + g->n_packages, total = 0;
	uint32_t *first = calloc((size_t)nodes + 2, sizeof *first), *by;

	g->by_first = first;
	if (!first)
		return sk_error_oom();
	for (uint32_t i = 0; i < g->n; i++)
		for (uint32_t k = 0; k < g->link[i].n_edges; k++)
			first[(g->link[i].edge[k] & ~SK_EDGE_WEAK) + 2]++;
	for (uint32_t i = 0; i < g->n_packages; i++)
		for (uint32_t k = 0; k < g->package[i].n; k++)
			first[g->package[i].member[k] + 2]++;
	for (uint32_t i = 0; i < nodes; i++)
		total = first[i + 2] += first[i + 1];
	by = malloc(((size_t)total + 1) * sizeof *by);
	g->by = by;
	if (!by)
		return sk_error_oom();
	for (uint32_t i = 0; i < g->n; i++)
		for (uint32_t k = 0; k < g->link[i].n_edges; k++) {
			uint32_t edge = g->link[i].edge[k];

			by[first[(edge & ~SK_EDGE_WEAK) + 1]++] = i | (edge & SK_EDGE_WEAK);
		}
	for (uint32_t i = 0; i < g->n_packages; i++)
		for (uint32_t k = 0; k < g->package[i].n; k++)
			by[first[g->package[i].member[k] + 1]++] = g->n + i;
	return 0;
}

int sk_graph_derive(struct sk_graph *g)
{
	int rc;

	count(g);
	rc = list_issues(g);
	return rc ? rc : turn_round(g);
}
