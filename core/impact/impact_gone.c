/* Who used a file that is gone?  The project's imports are resolved once more, as if it were there.
 */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "impact/impact_parts.h"

struct gone {
	struct sk_graph *g;
	const struct sk_touched_set *changes;
	const char **path; /* of the state and the missing ones, sorted */
	uint32_t *of;      /* its number in the graph, or MISSING and the number of the change */
	uint32_t *number;  /* of the graph's file i among these */
	uint32_t n;
	struct sk_paths set;
	bool all; /* text does not tell who may have used one */
};

#define MISSING 0x80000000u

static int merge(struct gone *x)
{
	size_t k = 0, n = x->changes->n;

	x->path = calloc(x->g->n + n + 1, sizeof *x->path);
	x->of = calloc(x->g->n + n + 1, sizeof *x->of);
	x->number = calloc((size_t)x->g->n + 1, sizeof *x->number);
	if (!x->path || !x->of || !x->number)
		return sk_error_oom();
	for (uint32_t i = 0; i <= x->g->n; i++) {
		for (; k < n; k++) {
			const struct sk_touched *c = &x->changes->item[k];

			if (i < x->g->n && strcmp(c->path, x->g->path[i]) >= 0)
				break;
			if (c->status != 'D')
				continue;
			x->of[x->n] = (uint32_t)k | MISSING;
			x->path[x->n++] = c->path;
		}
		if (i == x->g->n)
			break;
		x->number[i] = x->n;
		x->of[x->n] = i;
		x->path[x->n++] = x->g->path[i];
	}
	return sk_paths_init(&x->set, x->path, x->n);
}

static int read_file(void *ctx, uint32_t file, struct sk_buf *out)
{
	const struct gone *x = ctx;

	if (x->of[file] & MISSING)
		return sk_error(SK_ENO, "it is gone");
	return sk_graph_read(x->g, x->of[file], out);
}

/* The name that an import would have had to hold: that of the file, unless it stands for its
 * folder. */
static bool stem_of(const char *path, const char **stem, size_t *len)
{
	static const char *const folder[] = { "index",   "__init__", "mod",        "lib",
		                              "main",    "_index",   "CMakeLists", "README",
		                              "package", "conftest" };
	const char *slash = strrchr(path, '/');

	*stem = slash ? slash + 1 : path;
	*stem += **stem == '_' && (*stem)[1] != '_'; /* a Sass partial */
	*len = strcspn(*stem, ".");
	for (size_t i = 0; i < sizeof folder / sizeof *folder; i++)
		if (strlen(folder[i]) == *len && strncmp(folder[i], *stem, *len) == 0)
			return false;
	return *len > 0;
}

static bool may_mean(const struct gone *x, const struct sk_import *m)
{
	const char *stem;
	size_t len;

	for (size_t k = 0; k < x->changes->n && !x->all; k++) {
		if (x->changes->item[k].status != 'D' ||
		    !stem_of(x->changes->item[k].path, &stem, &len))
			continue;
		if (memmem(m->spec, strlen(m->spec), stem, len) ||
		    (m->name && memmem(m->name, strlen(m->name), stem, len)))
			return true;
	}
	return x->all;
}

static unsigned rules_of(const struct sk_language *language)
{
	return sk_resolver_rules(language ? sk_language_resolver(language) : NULL);
}

/* Packages are told by the file itself: as it was. */
static int declare_missing(struct gone *x, struct sk_resolver *r, uint32_t at)
{
	const struct sk_touched *c = &x->changes->item[x->of[at] & ~MISSING];
	const struct sk_language *l = sk_language_of(x->g->languages, c->path, NULL, 0);
	struct sk_imports imports = { 0 };
	git_odb_object *object = NULL;
	int rc = 0;

	if (!l || sk_oid_is_zero(&c->old) || sk_repo_read(x->g->repo, &c->old, &object)) {
		sk_error_clear();
		return 0;
	}
	rc = sk_extract(l, git_odb_object_data(object), git_odb_object_size(object), &imports);
	if (!rc)
		rc = sk_resolver_declare(r, at, rules_of(l), &imports);
	sk_imports_clear(&imports);
	git_odb_object_free(object);
	return rc;
}

static int declare_all(struct gone *x, struct sk_resolver *r, const struct sk_read *read)
{
	int rc = 0;

	for (uint32_t i = 0; i < x->n && !rc; i++) {
		if (x->of[i] & MISSING)
			rc = declare_missing(x, r, i);
		else
			rc = sk_resolver_declare(r, i, rules_of(read[x->of[i]].language),
			                         &read[x->of[i]].imports);
	}
	return rc;
}

/* The pairs (change, user) of one file's targets. */
static int take(const struct gone *x, const struct sk_resolver *r, uint32_t user,
                const struct sk_targets *targets, struct sk_targets *out)
{
	int rc = 0;

	for (size_t i = 0; i < targets->n && !rc; i++) {
		uint32_t node = targets->node[i] & ~SK_EDGE_WEAK;
		const uint32_t *member = &node;
		size_t n = 1;

		if (node >= x->n)
			(void)sk_resolver_package(r, node - x->n, &member, &n);
		for (size_t k = 0; k < n && !rc; k++)
			if (x->of[member[k]] & MISSING) {
				rc = sk_targets_add(out, x->of[member[k]] & ~MISSING);
				if (!rc)
					rc = sk_targets_add(out, user);
			}
	}
	return rc;
}

static int look_through(struct gone *x, struct sk_resolver *r, const struct sk_read *read,
                        struct sk_targets *out)
{
	struct sk_targets targets = { 0 };
	int rc = 0;

	for (uint32_t i = 0; i < x->g->n && !rc; i++) {
		unsigned rules = rules_of(read[i].language);

		if (!read[i].language)
			continue;
		targets.n = 0;
		for (size_t k = 0; k < read[i].imports.n && !rc; k++) {
			enum sk_outcome outcome;

			if (may_mean(x, &read[i].imports.item[k]))
				rc = sk_resolve(r, x->number[i], rules, &read[i].imports.item[k],
				                &targets, &outcome);
		}
		if (!rc)
			rc = sk_resolve_implicit(r, x->number[i], rules, &targets);
		if (!rc)
			rc = take(x, r, i, &targets, out);
	}
	sk_targets_free(&targets);
	return rc;
}

static bool text_tells(const struct gone *x)
{
	for (size_t k = 0; k < x->changes->n; k++) {
		const struct sk_touched *c = &x->changes->item[k];
		const struct sk_language *l = sk_language_of(x->g->languages, c->path, NULL, 0);
		const char *stem;
		size_t len;

		if (c->status == 'D' &&
		    (!stem_of(c->path, &stem, &len) || sk_resolver_by_package(rules_of(l))))
			return false;
	}
	return true;
}

int sk_gone_users(const struct sk_graph *graph, const struct sk_touched_set *changes,
                  struct sk_targets *out)
{
	/* only its caches change */
	struct gone x = { .g = (struct sk_graph *)(uintptr_t)graph, .changes = changes };
	struct sk_resolver_source source = { &x.set, read_file, &x, graph->repo->worktree,
		                             graph->repo->config };
	struct sk_read *read = calloc((size_t)graph->n + 1, sizeof *read);
	uint32_t *file = calloc((size_t)graph->n + 1, sizeof *file);
	struct sk_resolver *r = NULL;
	int rc = read && file ? merge(&x) : sk_error_oom();

	for (uint32_t i = 0; i < graph->n && !rc; i++)
		file[i] = i;
	x.all = !rc && !text_tells(&x);
	if (!rc)
		rc = sk_graph_extract(x.g, file, graph->n, read);
	if (!rc)
		rc = sk_resolver_new(&source, &r);
	if (!rc)
		rc = declare_all(&x, r, read);
	if (!rc)
		rc = look_through(&x, r, read, out);
	sk_resolver_free(r);
	sk_reads_free(read, graph->n);
	free(file);
	sk_paths_clear(&x.set);
	free(x.path);
	free(x.of);
	free(x.number);
	return rc;
}
