#include "impact/impact.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "impact/impact_parts.h"
#include "repo/ignore.h"

/* A walk from the changed files to their users, by distance.  A package node costs no step of its
 * own: whoever uses it uses the file that led there.  A weak edge (an ancestor's __init__.py that
 * runs too) leads on only from a file that was itself changed: otherwise every file of a package
 * would be reached from each other. */
struct walk {
	const struct sk_graph *g;
	const struct sk_touched_set *changes;
	unsigned depth;
	uint32_t *distance; /* of nodes; NONE: not reached */
	uint32_t *via;      /* a file, or DELETED and the number of a change */
	uint32_t *queue;    /* files in the order they were reached */
	size_t n, at;
	struct sk_components *components;
};

#define NONE UINT32_MAX
#define DELETED 0x80000000u

static void reach(struct walk *w, uint32_t file, uint32_t distance, uint32_t via)
{
	if (w->distance[file] != NONE)
		return;
	w->distance[file] = distance;
	w->via[file] = via;
	w->queue[w->n++] = file;
}

static void expand(struct walk *w, uint32_t file)
{
	const struct sk_graph *g = w->g;
	uint32_t d = w->distance[file];

	for (uint32_t i = g->by_first[file]; i < g->by_first[file + 1]; i++) {
		uint32_t user = g->by[i] & ~SK_EDGE_WEAK;

		if ((g->by[i] & SK_EDGE_WEAK) && d > 0)
			continue;
		if (user < g->n) {
			reach(w, user, d + 1, file);
			continue;
		}
		if (w->distance[user] != NONE)
			continue;
		w->distance[user] = d;
		for (uint32_t k = g->by_first[user]; k < g->by_first[user + 1]; k++)
			reach(w, g->by[k] & ~SK_EDGE_WEAK, d + 1, file);
	}
}

static int patterns_of(const char *list, struct sk_patterns **out)
{
	struct sk_strv lines = SK_STRV_INIT;
	int rc = 0;

	while (!rc && *list) {
		const char *p = list + strspn(list, ", \t\r\n");
		size_t n = strcspn(p, ",\n");

		list = p + n;
		while (n && strchr(" \t\r", p[n - 1]))
			n--;
		if (n)
			rc = sk_strv_addn(&lines, p, n);
	}
	if (!rc)
		rc = sk_patterns_new(&lines, false, out);
	sk_strv_free(&lines);
	return rc;
}

/* One line of [affects]: files that a changed file stands for, though nothing imports it. */
static int apply_rule(struct walk *w, const char *pattern, const char *list)
{
	struct sk_patterns *from = NULL, *to = NULL;
	int rc = patterns_of(pattern, &from);

	if (!rc)
		rc = patterns_of(list, &to);
	for (size_t i = 0; i < w->changes->n && !rc; i++) {
		const char *path = w->changes->item[i].path;
		uint32_t via = sk_graph_find(w->g, path);

		if (!sk_patterns_match(from, path, strlen(path), false))
			continue;
		via = via == SK_GRAPH_NONE ? (uint32_t)i | DELETED : via;
		for (uint32_t k = 0; k < w->g->n; k++)
			if (sk_patterns_match(to, w->g->path[k], strlen(w->g->path[k]), false))
				reach(w, k, 1, via);
	}
	sk_patterns_free(from);
	sk_patterns_free(to);
	return rc;
}

static int apply_rules(struct walk *w)
{
	static const char section[] = "affects.";
	const struct sk_config *c = w->g->repo->config;
	int rc = 0;

	for (size_t i = 0; i < c->keys.n && !rc; i++)
		if (strncmp(c->keys.item[i], section, sizeof section - 1) == 0)
			rc = apply_rule(w, c->keys.item[i] + sizeof section - 1, c->values.item[i]);
	return rc;
}

static int start(struct walk *w)
{
	struct sk_targets gone = { 0 };
	size_t sources;
	bool any = false;
	int rc = 0;

	for (size_t i = 0; i < w->changes->n; i++) {
		uint32_t file = sk_graph_find(w->g, w->changes->item[i].path);

		any = any || w->changes->item[i].status == 'D';
		if (file != SK_GRAPH_NONE)
			reach(w, file, 0, NONE);
	}
	sources = w->n;
	for (; w->at < sources; w->at++)
		expand(w, w->queue[w->at]);
	if (any)
		rc = sk_gone_users(w->g, w->changes, &gone);
	for (size_t i = 0; i + 1 < gone.n && !rc; i += 2)
		reach(w, gone.node[i + 1], 1, gone.node[i] | DELETED);
	sk_targets_free(&gone);
	return rc ? rc : apply_rules(w);
}

static int make_walk(const struct sk_graph *g, const struct sk_touched_set *changes, unsigned depth,
                     struct walk **out)
{
	struct walk *w = calloc(1, sizeof *w);
	size_t nodes = (size_t)g->n + g->n_packages;

	if (!w)
		return sk_error_oom();
	*out = w;
	w->g = g;
	w->changes = changes;
	w->depth = depth;
	w->distance = malloc((nodes + 1) * sizeof *w->distance);
	w->via = malloc((nodes + 1) * sizeof *w->via);
	w->queue = malloc((nodes + 1) * sizeof *w->queue);
	if (!w->distance || !w->via || !w->queue)
		return sk_error_oom();
	memset(w->distance, 0xff, (nodes + 1) * sizeof *w->distance);
	return 0;
}

static const char *via_path(const struct walk *w, uint32_t via)
{
	if (via == NONE)
		return NULL;
	return via & DELETED ? w->changes->item[via & ~DELETED].path : w->g->path[via];
}

static int by_distance(const void *x, const void *y)
{
	const struct sk_affected *a = x, *b = y;

	if (a->distance != b->distance)
		return (a->distance > b->distance) - (a->distance < b->distance);
	return strcmp(a->path, b->path);
}

static int collect(struct walk *w, struct sk_impact *out)
{
	int rc = 0;

	out->affected = calloc(w->n + 1, sizeof *out->affected);
	if (!out->affected)
		return sk_error_oom();
	for (size_t i = 0; i < w->n && !rc; i++) {
		uint32_t file = w->queue[i];
		bool test = sk_graph_is_test(w->g, file);

		if (test)
			rc = sk_strv_add(&out->tests, w->g->path[file]);
		if (w->distance[file] == 0)
			continue;
		out->affected[out->n_affected++] =
		        (struct sk_affected){ w->g->path[file], via_path(w, w->via[file]),
			                      w->distance[file], test };
	}
	if (out->n_affected > 1)
		qsort(out->affected, out->n_affected, sizeof *out->affected, by_distance);
	sk_strv_sort(&out->tests);
	return rc;
}

static bool in_set(const struct sk_component_set *set, const char *name)
{
	for (size_t i = 0; i < set->n; i++)
		if (strcmp(set->name[i], name) == 0)
			return true;
	return false;
}

/* Adds those of `more` that are not in `not`, nor there already. */
static int add_set(struct sk_component_set *to, const struct sk_component_set *more,
                   const struct sk_component_set * not )
{
	const char **name = reallocarray(to->name, to->n + more->n + 1, sizeof *name);
	uint32_t *distance;

	if (!name)
		return sk_error_oom();
	to->name = name;
	distance = reallocarray(to->distance, to->n + more->n + 1, sizeof *distance);
	if (!distance)
		return sk_error_oom();
	to->distance = distance;
	for (size_t i = 0; i < more->n; i++)
		if (!in_set(not, more->name[i]) && !in_set(to, more->name[i])) {
			name[to->n] = more->name[i];
			distance[to->n++] = more->distance[i];
		}
	return 0;
}

/* Those that have an affected file, and those that depend on one of these or on a changed one. */
static int find_components(struct walk *w, struct sk_impact *out)
{
	size_t n = w->changes->n > out->n_affected ? w->changes->n : out->n_affected;
	const char **path = calloc(n + 1, sizeof *path);
	struct sk_component_set touched = { 0 }, above = { 0 }, none = { 0 }, both = { 0 };
	int rc = path ? 0 : sk_error_oom();

	for (size_t i = 0; i < w->changes->n && !rc; i++)
		path[i] = w->changes->item[i].path;
	if (!rc)
		rc = sk_components_of(w->components, path, w->changes->n, &out->changed);
	for (size_t i = 0; i < out->n_affected && !rc; i++)
		path[i] = out->affected[i].path;
	if (!rc)
		rc = sk_components_of(w->components, path, out->n_affected, &touched);
	if (!rc)
		rc = add_set(&both, &out->changed, &none);
	if (!rc)
		rc = add_set(&both, &touched, &none);
	if (!rc)
		rc = sk_components_dependents(w->components, &both, &above);
	if (!rc)
		rc = add_set(&out->components, &touched, &out->changed);
	if (!rc)
		rc = add_set(&out->components, &above, &out->changed);
	sk_component_set_clear(&touched);
	sk_component_set_clear(&above);
	sk_component_set_clear(&both);
	free(path);
	return rc;
}

int sk_impact_of(struct sk_repo *repo, const struct sk_graph *graph,
                 const struct sk_touched_set *changes, unsigned depth, struct sk_impact *out)
{
	struct sk_impact impact = { .changes = changes };
	struct walk *w = NULL;
	int rc = make_walk(graph, changes, depth, &w);

	impact.priv = w;
	if (!rc)
		rc = sk_components_new(repo->config, &w->components);
	if (!rc)
		rc = start(w);
	for (; !rc && w->at < w->n; w->at++)
		if (!depth || w->distance[w->queue[w->at]] < depth)
			expand(w, w->queue[w->at]);
	if (!rc)
		rc = collect(w, &impact);
	if (!rc)
		rc = find_components(w, &impact);
	if (rc)
		sk_impact_clear(&impact);
	else
		*out = impact;
	return rc;
}

void sk_impact_clear(struct sk_impact *impact)
{
	struct walk *w = impact->priv;

	if (w) {
		sk_components_free(w->components);
		free(w->distance);
		free(w->via);
		free(w->queue);
		free(w);
	}
	free(impact->affected);
	sk_strv_free(&impact->tests);
	sk_component_set_clear(&impact->changed);
	sk_component_set_clear(&impact->components);
	*impact = (struct sk_impact){ 0 };
}

int sk_impact_why(const struct sk_impact *impact, const char *path, struct sk_strv *out)
{
	const struct walk *w = impact->priv;
	uint32_t file = sk_graph_find(w->g, path);
	int rc;

	if (file == SK_GRAPH_NONE || w->distance[file] == NONE)
		return SK_ENO;
	rc = sk_strv_add(out, path);
	while (!rc && w->via[file] != NONE) {
		uint32_t via = w->via[file];

		rc = sk_strv_add(out, via_path(w, via));
		if (via & DELETED)
			break;
		file = via;
	}
	return rc;
}
