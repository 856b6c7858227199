/* Go: an import names a folder; a package is all of its files.  Source: the Go Modules Reference
 * (go.mod, replace, vendor folders).  The modules of a go.work are those that have a go.mod here.
 */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "impact/resolve_parts.h"

struct module {
	char *name, *dir;
	char *owner; /* of a replace: the folder whose files it counts for; NULL: all */
};

struct sk_go {
	struct module *module;
	size_t n;
};

void sk_go_free(struct sk_go *go)
{
	for (size_t i = 0; go && i < go->n; i++) {
		free(go->module[i].name);
		free(go->module[i].dir);
		free(go->module[i].owner);
	}
	if (go)
		free(go->module);
	free(go);
}

static int add_module(struct sk_go *go, const char *name, size_t name_len, const char *dir,
                      size_t dir_len, const char *owner, size_t owner_len)
{
	struct module *more = reallocarray(go->module, go->n + 1, sizeof *more), *m;

	if (!more)
		return sk_error_oom();
	go->module = more;
	m = &more[go->n++];
	*m = (struct module){ strndup(name, name_len), strndup(dir, dir_len),
		              owner ? strndup(owner, owner_len) : NULL };
	return m->name && m->dir && (!owner || m->owner) ? 0 : sk_error_oom();
}

/* The next word of a line, quotes off; false at its end or a comment. */
static bool word(const char **p, const char **from, size_t *len)
{
	const char *c = *p + strspn(*p, " \t\r");

	if (!*c || *c == '\n' || strncmp(c, "//", 2) == 0)
		return false;
	*from = c;
	*len = strcspn(c, " \t\r\n");
	*p = c + *len;
	if (*len >= 2 && (*c == '"' || *c == '`')) {
		++*from;
		*len -= 2;
	}
	return true;
}

/* "A v1 => ../b v2", after "replace" */
static int take_replace(struct sk_resolver *r, const char *line, const char *dir, size_t dir_len)
{
	const char *name = NULL, *w, *to = NULL;
	size_t name_len = 0, len, to_len = 0;
	bool arrow = false;
	int rc = 0;

	while (word(&line, &w, &len)) {
		if (len == 2 && memcmp(w, "=>", 2) == 0) {
			arrow = true;
		} else if (arrow && !to) {
			to = w;
			to_len = len;
		} else if (!name) {
			name = w;
			name_len = len;
		}
	}
	if (name && to && *to == '.' && sk_path_join(&r->path, dir, dir_len, to, to_len))
		rc = add_module(r->go, name, name_len, sk_buf_str(&r->path), r->path.len, dir,
		                dir_len);
	return rc;
}

static int take_file(struct sk_resolver *r, uint32_t file)
{
	const char *path = r->paths->path[file], *p, *w;
	size_t dir_len = sk_dir_len(path, strlen(path)), len;
	struct sk_buf text = SK_BUF_INIT;
	bool block = false;
	int rc = sk_resolver_read(r, file, &text);

	for (p = sk_buf_str(&text); *p && !rc;) {
		const char *line = p;

		p += strcspn(p, "\n");
		p += *p == '\n';
		if (block && line[strspn(line, " \t")] == ')')
			block = false;
		else if (block)
			rc = take_replace(r, line, path, dir_len);
		else if (!word(&line, &w, &len))
			continue;
		else if (len == 6 && memcmp(w, "module", 6) == 0) {
			if (word(&line, &w, &len))
				rc = add_module(r->go, w, len, path, dir_len, NULL, 0);
		} else if (len == 7 && memcmp(w, "replace", 7) == 0) {
			block = line[strspn(line, " \t")] == '(';
			rc = block ? 0 : take_replace(r, line, path, dir_len);
		}
	}
	sk_buf_free(&text);
	return rc;
}

static int load(struct sk_resolver *r)
{
	int rc = 0;

	r->go = calloc(1, sizeof *r->go);
	if (!r->go)
		return sk_error_oom();
	for (uint32_t i = 0; i < r->paths->n && !rc; i++)
		if (sk_named(r->paths->path[i], "go.mod"))
			rc = take_file(r, i);
	return rc;
}

/* The node of a folder's package, or of its tests; *node stays when it has no such files. */
static int node_of(struct sk_resolver *r, const char *dir, size_t len, bool test, uint32_t *node)
{
	uint32_t from, to = sk_paths_below(r->paths, dir, len, &from);
	struct sk_buf name = SK_BUF_INIT;
	bool fresh;
	int rc;

	(void)sk_buf_adds(&name, test ? "gotest:" : "go:");
	(void)sk_buf_add(&name, dir, len);
	rc = sk_buf_ok(&name);
	fresh = !rc && !sk_multi_find(&r->packages, name.ptr, name.len);
	for (uint32_t i = from; fresh && i < to && !rc; i++) {
		const char *path = r->paths->path[i];
		size_t n = strlen(path);

		if (sk_dir_len(path, n) == len && sk_ends(path, n, ".go") &&
		    sk_ends(path, n, "_test.go") == test)
			rc = sk_multi_add(&r->packages, name.ptr, name.len, i);
	}
	if (!rc && sk_multi_find(&r->packages, name.ptr, name.len))
		rc = sk_package_node(r, name.ptr, name.len, node);
	sk_buf_free(&name);
	return rc;
}

static int use_dir(struct sk_resolver *r, const struct sk_want *w, const char *dir, size_t len,
                   enum sk_outcome *outcome)
{
	uint32_t node = SK_PATHS_NONE;
	int rc = node_of(r, dir, len, false, &node);

	if (rc || node == SK_PATHS_NONE)
		return rc;
	*outcome = SK_TO_FILES;
	return sk_targets_add(w->out, node);
}

static bool under(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	return !n || (strncmp(path, dir, n) == 0 && path[n] == '/');
}

/* The folder of the module that a file is part of: its go.mod's replacements count, no other's. */
static const char *own_module(const struct sk_resolver *r, const char *path)
{
	const char *best = NULL;

	for (size_t i = 0; i < r->go->n; i++) {
		const struct module *m = &r->go->module[i];

		if (!m->owner && under(path, m->dir) && (!best || strlen(m->dir) > strlen(best)))
			best = m->dir;
	}
	return best;
}

/* The module whose name the import begins with: the longest, then a replacement, then the nearest.
 */
static const struct module *module_of(const struct sk_resolver *r, const struct sk_want *w)
{
	const char *spec = w->import->spec, *own = own_module(r, w->path);
	const struct module *best = NULL;
	size_t most = 0;

	for (size_t i = 0; i < r->go->n; i++) {
		const struct module *m = &r->go->module[i];
		size_t n = strlen(m->name);
		size_t score = n * 8 + (m->owner ? 4 : 0) + (under(w->path, m->dir) ? 2 : 0) + 1;

		if (strncmp(spec, m->name, n) != 0 || (spec[n] && spec[n] != '/') ||
		    (m->owner && (!own || strcmp(m->owner, own) != 0)) || score <= most)
			continue;
		most = score;
		best = m;
	}
	return best;
}

static int vendored(struct sk_resolver *r, const struct sk_want *w, enum sk_outcome *outcome)
{
	size_t dir = w->dir_len;
	struct sk_buf path = SK_BUF_INIT;
	int rc = 0;

	for (;; dir = sk_dir_len(w->path, dir)) {
		sk_buf_clear(&path);
		(void)sk_buf_add(&path, w->path, dir);
		(void)sk_buf_addf(&path, "%svendor/%s", dir ? "/" : "", w->import->spec);
		rc = sk_buf_ok(&path);
		if (!rc && sk_paths_is_dir(r->paths, path.ptr, path.len))
			rc = use_dir(r, w, path.ptr, path.len, outcome);
		if (rc || !dir || *outcome == SK_TO_FILES)
			break;
	}
	sk_buf_free(&path);
	return rc;
}

SK_RULE(sk_rule_go)
{
	const char *spec = w->import->spec;
	const struct module *m;
	struct sk_buf dir = SK_BUF_INIT;
	int rc = r->go ? 0 : load(r);

	if (rc)
		return rc;
	m = *spec == '.' ? NULL : module_of(r, w);
	*outcome = m || *spec == '.' ? SK_TO_NOWHERE : SK_TO_OUTSIDE;
	if (!m && *spec != '.')
		return vendored(r, w, outcome);
	if (m ? sk_path_join(&dir, m->dir, strlen(m->dir), spec + strlen(m->name),
	                     strlen(spec) - strlen(m->name))
	      : sk_path_join(&dir, w->path, w->dir_len, spec, strlen(spec)))
		rc = dir.oom ? sk_error_oom() : use_dir(r, w, sk_buf_str(&dir), dir.len, outcome);
	sk_buf_free(&dir);
	return rc;
}

/* The other files of the package; for a test, the other tests too. */
int sk_go_implicit(struct sk_resolver *r, uint32_t file, struct sk_targets *out)
{
	const char *path = r->paths->path[file];
	size_t len = strlen(path), dir = sk_dir_len(path, len);
	uint32_t node = SK_PATHS_NONE;
	int rc = node_of(r, path, dir, false, &node);

	if (!rc && node != SK_PATHS_NONE)
		rc = sk_targets_add(out, node);
	node = SK_PATHS_NONE;
	if (!rc && sk_ends(path, len, "_test.go"))
		rc = node_of(r, path, dir, true, &node);
	return rc || node == SK_PATHS_NONE ? rc : sk_targets_add(out, node);
}
