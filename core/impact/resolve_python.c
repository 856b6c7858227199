/* Python's import system as the language reference has it, without running anything: packages
 * before modules, namespace packages last, ancestors' __init__.py run too. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "impact/resolve_parts.h"

struct sk_python {
	struct sk_strv root; /* where top packages lie, and src and lib folders; sorted, "" first */
};

struct found {
	uint32_t file[2]; /* source and stub */
	size_t n;
	size_t base_len; /* of what was looked for: a package's folder */
	bool package;
};

static bool is_python(const char *path)
{
	const char *ext = sk_ext(path);

	return strcmp(ext, ".py") == 0 || strcmp(ext, ".pyi") == 0;
}

static uint32_t with(const struct sk_resolver *r, const char *p, size_t len, const char *end)
{
	return sk_paths_find_end(r->paths, p, len, sk_paths_hash(SK_PATHS_SEED, p, len), end);
}

static bool has_init(const struct sk_resolver *r, const char *dir, size_t len)
{
	if (!len)
		return sk_paths_find(r->paths, "__init__.py", 11) != SK_PATHS_NONE;
	return with(r, dir, len, "/__init__.py") != SK_PATHS_NONE ||
	       with(r, dir, len, "/__init__.pyi") != SK_PATHS_NONE;
}

/* The folder above the topmost package that a folder is part of; itself when it is none. */
static size_t own_root(const struct sk_resolver *r, const char *path, size_t dir_len)
{
	while (dir_len && has_init(r, path, dir_len))
		dir_len = sk_dir_len(path, dir_len);
	return dir_len;
}

static bool named_root(const char *path, size_t len)
{
	const char *name = path + len;

	while (name > path && name[-1] != '/')
		name--;
	len -= (size_t)(name - path);
	return len == 3 && (memcmp(name, "src", 3) == 0 || memcmp(name, "lib", 3) == 0);
}

static int find_roots(struct sk_resolver *r, struct sk_python **out)
{
	struct sk_multi seen = { 0 };
	int rc = 0;

	if (r->python) {
		*out = r->python;
		return 0;
	}
	r->python = calloc(1, sizeof *r->python);
	if (!r->python)
		return sk_error_oom();
	rc = sk_strv_add(&r->python->root, "");
	for (uint32_t i = 0; i < r->paths->n && !rc; i++) {
		const char *path = r->paths->path[i];
		size_t len = strlen(path), dir = sk_dir_len(path, len), root;

		if (!is_python(path))
			continue;
		root = own_root(r, path, dir);
		/* a folder of loose scripts is a root for its own files alone */
		if ((root == dir && !named_root(path, dir)) || !root ||
		    sk_multi_find(&seen, path, root))
			continue;
		rc = sk_multi_key(&seen, path, root) ? 0 : sk_error_oom();
		if (!rc)
			rc = sk_strv_addn(&r->python->root, path, root);
	}
	/* packages without __init__.py below src */
	for (uint32_t i = 0; i < r->paths->n && !rc; i++) {
		const char *path = r->paths->path[i], *src = path;
		size_t len;

		if (!is_python(path) ||
		    (strncmp(path, "src/", 4) != 0 && !(src = strstr(path, "/src/"))))
			continue;
		len = (size_t)(src - path) + (src == path ? 3 : 4);
		if (has_init(r, path, len) || sk_multi_find(&seen, path, len))
			continue;
		rc = sk_multi_key(&seen, path, len) ? 0 : sk_error_oom();
		if (!rc)
			rc = sk_strv_addn(&r->python->root, path, len);
	}
	sk_multi_free(&seen);
	*out = r->python;
	return rc;
}

void sk_python_free(struct sk_python *python)
{
	if (python)
		sk_strv_free(&python->root);
	free(python);
}

/* What the path without ending is: a package, or a module; each with its stub. */
static bool look(const struct sk_resolver *r, const char *p, size_t len, struct found *f)
{
	static const char *const end[] = { "/__init__.py", "/__init__.pyi", ".py", ".pyi" };

	f->n = 0;
	f->base_len = len;
	for (size_t i = 0; i < 4 && len; i += 2) {
		for (size_t j = i; j < i + 2; j++) {
			uint32_t file = with(r, p, len, end[j]);

			if (file != SK_PATHS_NONE)
				f->file[f->n++] = file;
		}
		if (f->n) {
			f->package = i == 0;
			return true;
		}
	}
	return false;
}

/* A folder with Python in it, directly or below: a namespace package. */
static bool is_namespace(const struct sk_resolver *r, const char *p, size_t len)
{
	uint32_t from, to = sk_paths_below(r->paths, p, len, &from);

	for (uint32_t i = from; len && i < to && i < from + 4096; i++)
		if (is_python(r->paths->path[i]))
			return true;
	return false;
}

static int add_ancestors(const struct sk_resolver *r, const struct sk_want *w, const char *path)
{
	size_t dir = sk_dir_len(path, strlen(path));
	int rc = 0;

	while (dir && !rc) { /* a folder without one may lie between */
		uint32_t init = with(r, path, dir, "/__init__.py");

		if (init != SK_PATHS_NONE && init != w->file &&
		    strcmp(r->paths->path[init], path) != 0)
			rc = sk_targets_add(w->out, init | SK_EDGE_WEAK);
		dir = sk_dir_len(path, dir);
	}
	return rc;
}

static int add_found(const struct sk_resolver *r, const struct sk_want *w, const struct found *f)
{
	int rc = 0;

	for (size_t i = 0; i < f->n && !rc; i++)
		rc = sk_target_file(w, f->file[i]);
	return rc ? rc : add_ancestors(r, w, r->paths->path[f->file[0]]);
}

/* The dotted module below a folder as a path. */
static int module_path(struct sk_buf *out, const char *root, size_t root_len, const char *module)
{
	sk_buf_clear(out);
	(void)sk_buf_add(out, root, root_len);
	if (root_len && *module)
		(void)sk_buf_addc(out, '/');
	for (; *module; module++)
		(void)sk_buf_addc(out, *module == '.' ? '/' : *module);
	return sk_buf_ok(out);
}

/* The module at `r->path`, or the `name` in it; *settled when that is all there is to say. */
static int at_path(struct sk_resolver *r, const struct sk_want *w, bool *settled,
                   enum sk_outcome *outcome)
{
	const char *name = w->import->kind == SK_IMPORT_FROM ? w->import->name : NULL;
	size_t len = r->path.len;
	struct found module, inner;
	bool is_module = look(r, sk_buf_str(&r->path), len, &module);
	bool space = !is_module && is_namespace(r, sk_buf_str(&r->path), len);

	*settled = is_module;
	if (name && strcmp(name, "*") != 0 && (space || !len || (is_module && module.package))) {
		(void)sk_buf_addf(&r->path, "%s%s", len ? "/" : "", name);
		if (!r->path.oom && look(r, r->path.ptr, r->path.len, &inner)) {
			*settled = true;
			*outcome = SK_TO_FILES;
			return add_found(r, w, &inner);
		}
		*settled = is_module;
		sk_buf_truncate(&r->path, len);
	}
	if (!is_module)
		return 0;
	*outcome = SK_TO_FILES;
	return add_found(r, w, &module);
}

static int relative(struct sk_resolver *r, const struct sk_want *w, enum sk_outcome *outcome)
{
	const char *spec = w->import->spec;
	size_t level = strspn(spec, "."), dir = w->dir_len;
	bool settled;
	int rc;

	/* one dot is the folder that the file is in: for __init__.py, the package itself */
	for (size_t i = 1; i < level; i++) {
		if (!dir)
			return 0;
		dir = sk_dir_len(w->path, dir);
	}
	rc = module_path(&r->path, w->path, dir, spec + level);
	if (!rc)
		rc = at_path(r, w, &settled, outcome);
	if (!rc && !settled && !spec[level] && is_namespace(r, sk_buf_str(&r->path), r->path.len) &&
	    (!w->import->name || *w->import->name == '*'))
		*outcome = SK_TO_FILES;
	return rc;
}

/* Whether the first part of a module's name is something of the project there. */
static bool begins(struct sk_resolver *r, const char *root, size_t root_len, const char *module)
{
	struct found f;

	sk_buf_clear(&r->path);
	(void)sk_buf_add(&r->path, root, root_len);
	if (root_len)
		(void)sk_buf_addc(&r->path, '/');
	(void)sk_buf_add(&r->path, module, strcspn(module, "."));
	return !r->path.oom && look(r, r->path.ptr, r->path.len, &f);
}

struct search {
	uint32_t file[16]; /* one for each root that has it */
	size_t root[16];
	size_t n;
	bool begun, space;
};

/* What every root has of it. */
static int search_roots(struct sk_resolver *r, const struct sk_want *w, struct search *s)
{
	const char *name = w->import->kind == SK_IMPORT_FROM ? w->import->name : NULL;
	struct sk_python *p = NULL;
	int rc = find_roots(r, &p);

	for (size_t i = 0; !rc && i < p->root.n; i++) {
		const char *root = p->root.item[i];
		struct found f, inner = { .n = 0 };
		size_t len;
		bool is, space;

		rc = module_path(&r->path, root, strlen(root), w->import->spec);
		if (rc)
			break;
		len = r->path.len;
		is = look(r, r->path.ptr, len, &f);
		space = !is && is_namespace(r, r->path.ptr, len);
		if (space && name && *name != '*') {
			(void)sk_buf_addf(&r->path, "/%s", name);
			is = !r->path.oom && look(r, r->path.ptr, r->path.len, &inner);
			f = inner;
		}
		s->space |= space && !(name && *name != '*');
		if (is && s->n < 16) {
			s->root[s->n] = i;
			s->file[s->n++] = f.file[0];
		}
		s->begun = s->begun || is || begins(r, root, strlen(root), w->import->spec);
	}
	return rc;
}

static int from_root(struct sk_resolver *r, const struct sk_want *w, const char *root, size_t len,
                     bool *settled, enum sk_outcome *outcome)
{
	int rc = module_path(&r->path, root, len, w->import->spec);

	return rc ? rc : at_path(r, w, settled, outcome);
}

static int absolute(struct sk_resolver *r, const struct sk_want *w, enum sk_outcome *outcome)
{
	struct search s = { .n = 0 };
	size_t len = own_root(r, w->path, w->dir_len), own = len;
	const char *root;
	bool settled = false;
	uint32_t best;
	int rc = from_root(r, w, w->path, own, &settled, outcome);

	for (size_t i = 0; !rc && !settled && sk_config_root(r, i, &root, &len); i++)
		rc = from_root(r, w, root, len, &settled, outcome);
	if (rc || settled)
		return rc;
	rc = search_roots(r, w, &s);
	if (rc || !s.n) {
		*outcome = s.space                                               ? SK_TO_FILES
		           : s.begun || begins(r, w->path, own, w->import->spec) ? SK_TO_NOWHERE
		                                                                 : SK_TO_OUTSIDE;
		return rc;
	}
	best = s.n == 1 ? s.file[0] : sk_nearest(r, w->path, s.file, s.n);
	if (best == SK_PATHS_NONE) {
		*outcome = SK_TO_MANY;
		return 0;
	}
	for (size_t i = 0; i < s.n; i++)
		if (s.file[i] == best) {
			root = r->python->root.item[s.root[i]];
			return from_root(r, w, root, strlen(root), &settled, outcome);
		}
	return 0;
}

SK_RULE(sk_rule_python)
{
	return w->import->spec[0] == '.' ? relative(r, w, outcome) : absolute(r, w, outcome);
}

/* pytest runs every conftest.py above a test. */
int sk_python_implicit(struct sk_resolver *r, uint32_t file, struct sk_targets *out)
{
	const char *path = r->paths->path[file];
	size_t len = strlen(path), dir = sk_dir_len(path, len);
	const char *name = path + dir + (dir > 0);
	int rc = 0;

	if (strncmp(name, "test_", 5) != 0 && !sk_ends(path, len, "_test.py") &&
	    strcmp(name, "conftest.py") != 0)
		return 0;
	for (;;) {
		uint32_t above = dir ? with(r, path, dir, "/conftest.py")
		                     : sk_paths_find(r->paths, "conftest.py", 11);

		if (above != SK_PATHS_NONE && above != file)
			rc = sk_targets_add(out, above);
		if (!dir || rc)
			return rc;
		dir = sk_dir_len(path, dir);
	}
}
