#include "impact/graph.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/error.h"
#include "base/io.h"
#include "impact/graph_parts.h"
#include "repo/ignore.h"

/* Few files that are read again cost less than writing all the others' records. */
static bool worth_saving(const struct sk_graph *g)
{
	size_t fresh = sk_imports_cache_fresh(g->cache);

	return g->repo->enabled && (g->opts.fresh ? fresh > 0 : fresh > 16 && fresh > g->n / 50);
}

static int cache_path(const struct sk_graph *g, struct sk_buf *out)
{
	(void)sk_buf_addf(out, "%s/imports", g->repo->sklocal);
	return sk_buf_ok(out);
}

static int open_parts(struct sk_graph *g)
{
	struct sk_buf path = SK_BUF_INIT;
	int rc = sk_graph_list(g);

	if (!rc) {
		g->link = calloc((size_t)g->n + 1, sizeof *g->link);
		rc = g->link ? 0 : sk_error_oom();
	}
	if (!rc)
		rc = cache_path(g, &path);
	if (!rc)
		rc = sk_imports_cache_open(path.ptr, g->languages, &g->cache);
	sk_buf_free(&path);
	return rc;
}

/* Forgets what was loaded, so that it can be built. */
static void unload(struct sk_graph *g)
{
	for (uint32_t i = 0; g->link && i < g->n; i++)
		sk_link_free(&g->link[i]);
	free(g->package);
	free(g->input);
	g->package = NULL;
	g->input = NULL;
	g->n_packages = g->n_inputs = 0;
}

static int make(struct sk_graph *g)
{
	uint32_t *dirty = NULL;
	size_t n_dirty = 0;
	int rc = g->opts.fresh ? SK_ENO : sk_graph_load(g, &dirty, &n_dirty);

	if (!rc && n_dirty)
		rc = sk_graph_update(g, dirty, n_dirty);
	free(dirty);
	if (rc != SK_ENO)
		return rc;
	sk_error_clear();
	unload(g);
	return sk_graph_build(g);
}

static void save(struct sk_graph *g, bool whole)
{
	struct sk_buf path = SK_BUF_INIT;

	if (worth_saving(g) && cache_path(g, &path) == 0)
		sk_imports_cache_save(g->cache, path.ptr);
	if (whole && g->changed && g->repo->enabled && !g->opts.index_file)
		sk_graph_save(g);
	sk_buf_free(&path);
}

int sk_graph_open(struct sk_repo *repo, const struct sk_graph_opts *opts, struct sk_graph **out)
{
	struct sk_strv problems = SK_STRV_INIT;
	struct sk_graph *g = calloc(1, sizeof *g);
	int rc;

	if (!g)
		return sk_error_oom();
	g->repo = repo;
	g->opts = *opts;
	rc = sk_languages_load(&problems, &g->languages);
	for (size_t i = 0; i < problems.n; i++)
		sk_warn("%s", problems.item[i]);
	sk_strv_free(&problems);
	if (!rc)
		rc = open_parts(g);
	if (!rc)
		rc = make(g);
	if (!rc || rc == SK_EBUSY) {
		char *message = rc ? strdup(sk_error_message()) : NULL;

		save(g, !rc);
		if (rc)
			(void)sk_error(rc, "%s", message ? message : "not in time");
		free(message);
	}
	if (!rc)
		rc = sk_graph_derive(g);
	if (rc)
		sk_graph_close(g);
	else
		*out = g;
	return rc;
}

void sk_graph_close(struct sk_graph *g)
{
	if (!g)
		return;
	unload(g);
	sk_imports_cache_close(g->cache);
	sk_resolver_free(g->resolver);
	sk_languages_free(g->languages);
	sk_index_free(g->index);
	sk_snapshot_free(g->snap);
	sk_strv_free(&g->joined);
	sk_paths_clear(&g->set);
	if (g->map)
		(void)munmap(g->map, g->map_len);
	free(g->kept_issues);
	free(g->path);
	free(g->blob);
	free(g->link_file);
	free(g->link);
	free(g->outside);
	free(g->issue);
	free(g->by_first);
	free(g->by);
	free(g->scratch);
	free(g);
}

const struct sk_graph_counts *sk_graph_counts(const struct sk_graph *g)
{
	return &g->counts;
}

uint32_t sk_graph_n(const struct sk_graph *g)
{
	return g->n;
}

const char *sk_graph_path(const struct sk_graph *g, uint32_t file)
{
	return g->path[file];
}

uint32_t sk_graph_find(const struct sk_graph *g, const char *path)
{
	return sk_paths_find(&g->set, path, strlen(path));
}

const struct sk_oid *sk_graph_blob(const struct sk_graph *g, uint32_t file)
{
	return &g->blob[file];
}

const char *sk_graph_language(const struct sk_graph *g, uint32_t file)
{
	return g->link[file].language ? sk_language_name(g->link[file].language) : NULL;
}

static bool matches(const char *glob, size_t len, const char *path)
{
	const char *slash = strrchr(path, '/');
	bool whole = memchr(glob, '/', len) != NULL;
	const char *text = whole || !slash ? path : slash + 1;

	return len && sk_wildmatch(glob, len, text, strlen(text), whole, false);
}

static bool matches_list(const char *list, const char *path)
{
	while (list && *list) {
		size_t len = strcspn(list, ",\n"), skip = strspn(list, " \t");
		size_t end = len;

		while (end > skip && strchr(" \t\r", list[end - 1]))
			end--;
		if (end > skip && matches(list + skip, end - skip, path))
			return true;
		list += len + (list[len] != '\0');
	}
	return false;
}

bool sk_graph_is_test(const struct sk_graph *g, uint32_t file)
{
	const struct sk_strv *globs =
	        g->link[file].language ? sk_language_tests(g->link[file].language) : NULL;

	for (size_t i = 0; globs && i < globs->n; i++)
		if (matches(globs->item[i], strlen(globs->item[i]), g->path[file]))
			return true;
	return matches_list(sk_config_get(g->repo->config, "impact.tests"), g->path[file]);
}

size_t sk_graph_issues(const struct sk_graph *g, const struct sk_graph_issue **out)
{
	*out = g->issue;
	return g->n_issues;
}

static int by_number(const void *x, const void *y)
{
	uint32_t a = *(const uint32_t *)x, b = *(const uint32_t *)y;

	return (a > b) - (a < b);
}

static size_t finish(uint32_t *list, size_t n, const uint32_t **out)
{
	size_t kept = 0;

	if (n > 1)
		qsort(list, n, sizeof *list, by_number);
	for (size_t i = 0; i < n; i++)
		if (!kept || list[kept - 1] != list[i])
			list[kept++] = list[i];
	*out = list;
	return kept;
}

/* Room for a list in which packages are replaced by their files. */
static uint32_t *list_room(struct sk_graph *g, size_t n)
{
	uint32_t *more = reallocarray(g->scratch, n + 1, sizeof *more);

	if (more)
		g->scratch = more;
	return more;
}

size_t sk_graph_uses(const struct sk_graph *graph, uint32_t file, const uint32_t **out)
{
	struct sk_graph *g =
	        (struct sk_graph *)(uintptr_t)graph; /* the scratch list alone changes */
	const struct sk_link *l = &g->link[file];
	size_t room = l->n_edges, n = 0;
	uint32_t *list;

	for (uint32_t i = 0; i < l->n_edges; i++) {
		uint32_t node = l->edge[i] & ~SK_EDGE_WEAK;

		room += node >= g->n ? g->package[node - g->n].n : 0;
	}
	list = list_room(g, room);
	for (uint32_t i = 0; list && i < l->n_edges; i++) {
		uint32_t node = l->edge[i] & ~SK_EDGE_WEAK;

		if (node < g->n) {
			list[n++] = node;
			continue;
		}
		for (uint32_t k = 0; k < g->package[node - g->n].n; k++)
			if (g->package[node - g->n].member[k] != file)
				list[n++] = g->package[node - g->n].member[k];
	}
	return list ? finish(list, n, out) : 0;
}

size_t sk_graph_used_by(const struct sk_graph *graph, uint32_t file, const uint32_t **out)
{
	struct sk_graph *g = (struct sk_graph *)(uintptr_t)graph;
	uint32_t from = g->by_first[file], to = g->by_first[file + 1];
	size_t room = to - from, n = 0;
	uint32_t *list;

	for (uint32_t i = from; i < to; i++) {
		uint32_t node = g->by[i] & ~SK_EDGE_WEAK;

		room += node >= g->n ? g->by_first[node + 1] - g->by_first[node] : 0;
	}
	list = list_room(g, room);
	for (uint32_t i = from; list && i < to; i++) {
		uint32_t node = g->by[i] & ~SK_EDGE_WEAK;

		if (node < g->n) {
			list[n++] = node;
			continue;
		}
		for (uint32_t k = g->by_first[node]; k < g->by_first[node + 1]; k++)
			if ((g->by[k] & ~SK_EDGE_WEAK) != file)
				list[n++] = g->by[k] & ~SK_EDGE_WEAK;
	}
	return list ? finish(list, n, out) : 0;
}
