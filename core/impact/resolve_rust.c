/* Rust: modules are files below a crate's root.  Source: The Rust Reference, "Modules" and "Paths";
 * The Cargo Book, "Package Layout" and the manifest format. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "impact/resolve_parts.h"

struct crate {
	char *name; /* as code writes it */
	char *dir;
	char *lib;             /* its library's root, below the project's; NULL: none there */
	struct sk_strv rename; /* name in code, and folder it is at, in turn */
};

struct sk_rust {
	struct crate *crate;
	size_t n;
};

void sk_rust_free(struct sk_rust *rust)
{
	for (size_t i = 0; rust && i < rust->n; i++) {
		free(rust->crate[i].name);
		free(rust->crate[i].dir);
		free(rust->crate[i].lib);
		sk_strv_free(&rust->crate[i].rename);
	}
	if (rust)
		free(rust->crate);
	free(rust);
}

static uint32_t at(struct sk_resolver *r, const char *dir, size_t len, const char *name)
{
	if (!sk_path_join(&r->path, dir, len, name, strlen(name)))
		return SK_PATHS_NONE;
	return sk_find(r, &r->path);
}

static void code_name(char *name)
{
	for (; *name; name++)
		if (*name == '-')
			*name = '_';
}

/* The string after `key =` in a line or an inline table; false when it is not there. */
static bool value_of(const char *text, size_t len, const char *key, const char **out, size_t *n)
{
	const char *end = text + len, *p = text;
	size_t k = strlen(key);

	while ((p = memmem(p, (size_t)(end - p), key, k))) {
		const char *q = p + k, *close;
		bool whole = p == text ||
		             (!isalnum((unsigned char)p[-1]) && p[-1] != '-' && p[-1] != '_');

		p = q;
		while (q < end && (*q == ' ' || *q == '\t'))
			q++;
		if (!whole || q >= end || *q++ != '=')
			continue;
		while (q < end && (*q == ' ' || *q == '\t'))
			q++;
		if (q >= end || (*q != '"' && *q != '\''))
			continue;
		close = memchr(q + 1, *q, (size_t)(end - q - 1));
		if (!close)
			return false;
		*out = q + 1;
		*n = (size_t)(close - q - 1);
		return true;
	}
	return false;
}

static int set_text(char **out, const char *from, size_t len)
{
	free(*out);
	*out = strndup(from, len);
	return *out ? 0 : sk_error_oom();
}

/* `name = { path = "../x" }`, or `path = "../x"` below [dependencies.name] */
static int take_dependency(struct sk_resolver *r, struct crate *c, const char *name,
                           size_t name_len, const char *line, size_t len)
{
	const char *path;
	size_t path_len;
	char *word;
	int rc;

	if (!name_len || !value_of(line, len, "path", &path, &path_len) ||
	    !sk_path_join(&r->path, c->dir, strlen(c->dir), path, path_len))
		return 0;
	word = strndup(name, name_len);
	if (!word)
		return sk_error_oom();
	code_name(word);
	rc = sk_strv_add(&c->rename, word);
	if (!rc)
		rc = sk_strv_add(&c->rename, sk_buf_str(&r->path));
	free(word);
	return rc;
}

static int take_line(struct sk_resolver *r, struct crate *c, const char *section,
                     size_t section_len, const char *line, size_t len)
{
	const char *value, *dep = memmem(section, section_len, "dependencies", 12);
	size_t n;

	if (section_len == 7 && memcmp(section, "package", 7) == 0 && !c->name &&
	    strncmp(line, "name", 4) == 0 && value_of(line, len, "name", &value, &n))
		return set_text(&c->name, value, n);
	if (section_len == 3 && memcmp(section, "lib", 3) == 0) {
		if (strncmp(line, "name", 4) == 0 && value_of(line, len, "name", &value, &n))
			return set_text(&c->name, value, n);
		if (strncmp(line, "path", 4) == 0 && value_of(line, len, "path", &value, &n) &&
		    sk_path_join(&r->path, c->dir, strlen(c->dir), value, n))
			return set_text(&c->lib, sk_buf_str(&r->path), r->path.len);
	}
	if (!dep)
		return 0;
	dep += 12;
	if (dep < section + section_len && *dep == '.')
		return take_dependency(r, c, dep + 1, (size_t)(section + section_len - dep - 1),
		                       line, len);
	n = strcspn(line, " \t=.\n");
	return take_dependency(r, c, line, n, line + n, len - n);
}

static int take_manifest(struct sk_resolver *r, uint32_t file, struct crate *c)
{
	const char *section = "", *p;
	size_t section_len = 0;
	struct sk_buf text = SK_BUF_INIT;
	int rc = sk_resolver_read(r, file, &text);

	for (p = sk_buf_str(&text); *p && !rc;) {
		const char *line = p + strspn(p, " \t");
		size_t len = strcspn(line, "\n");

		p = line + len + (line[len] == '\n');
		if (*line == '[') {
			line += strspn(line, "[ ");
			section = line;
			section_len = strcspn(line, "]\n");
		} else if (*line != '#') {
			rc = take_line(r, c, section, section_len, line, len);
		}
	}
	sk_buf_free(&text);
	if (!rc && c->name)
		code_name(c->name);
	if (!rc && !c->lib && at(r, c->dir, strlen(c->dir), "src/lib.rs") != SK_PATHS_NONE)
		rc = set_text(&c->lib, sk_buf_str(&r->path), r->path.len);
	return rc;
}

static int load(struct sk_resolver *r)
{
	int rc = 0;

	r->rust = calloc(1, sizeof *r->rust);
	if (!r->rust)
		return sk_error_oom();
	for (uint32_t i = 0; i < r->paths->n && !rc; i++) {
		const char *path = r->paths->path[i];
		struct crate *more;

		if (!sk_named(path, "Cargo.toml"))
			continue;
		more = reallocarray(r->rust->crate, r->rust->n + 1, sizeof *more);
		if (!more)
			return sk_error_oom();
		r->rust->crate = more;
		more += r->rust->n++;
		*more = (struct crate){ .dir = strndup(path, sk_dir_len(path, strlen(path))) };
		rc = more->dir ? take_manifest(r, i, more) : sk_error_oom();
	}
	return rc;
}

static const struct crate *crate_of(const struct sk_resolver *r, const char *path)
{
	const struct crate *best = NULL;

	for (size_t i = 0; i < r->rust->n; i++) {
		const struct crate *c = &r->rust->crate[i];
		size_t n = strlen(c->dir);

		if ((!n || (strncmp(path, c->dir, n) == 0 && path[n] == '/')) &&
		    (!best || n > strlen(best->dir)))
			best = c;
	}
	return best;
}

/* Where a file stands: its crate's root file and folder, and the folder of its own children. */
struct place {
	uint32_t root;
	struct sk_buf base, own;
};

static const char *const root_dirs[] = { "src/bin", "tests", "examples", "benches" };

/* The crate that a file outside of the library belongs to: tests/x.rs, src/bin/x/main.rs. */
static bool other_root(struct sk_resolver *r, const struct crate *c, const char *path,
                       struct place *out)
{
	size_t skip = strlen(c->dir) + (*c->dir != 0);
	const char *rel = path + skip;

	for (size_t i = 0; i < sizeof root_dirs / sizeof *root_dirs; i++) {
		size_t n = strlen(root_dirs[i]), end;
		const char *slash;

		if (strncmp(rel, root_dirs[i], n) != 0 || rel[n] != '/')
			continue;
		slash = strchr(rel + n + 1, '/');
		end = skip + (slash ? (size_t)(slash - rel) : n);
		(void)sk_buf_add(&out->base, path, end);
		out->root = slash ? at(r, path, end, "main.rs")
		                  : sk_paths_find(r->paths, path, strlen(path));
		if (slash && out->root == SK_PATHS_NONE) { /* tests/common/mod.rs */
			sk_buf_clear(&out->base);
			(void)sk_buf_add(&out->base, path, skip + n);
		}
		return true;
	}
	return false;
}

static int find_place(struct sk_resolver *r, const struct sk_want *w, struct place *out)
{
	const struct crate *c = crate_of(r, w->path);
	const char *name = w->path + w->dir_len + (w->dir_len > 0);
	size_t len;
	bool root;

	out->root = SK_PATHS_NONE;
	if (!c) {
		(void)sk_buf_add(&out->base, w->path, w->dir_len);
	} else if (!other_root(r, c, w->path, out)) {
		const char *lib = c->lib;

		out->root = lib ? sk_paths_find(r->paths, lib, strlen(lib)) : SK_PATHS_NONE;
		if (out->root == SK_PATHS_NONE)
			out->root = at(r, c->dir, strlen(c->dir), "src/main.rs");
		if (out->root != SK_PATHS_NONE) {
			lib = r->paths->path[out->root];
			(void)sk_buf_add(&out->base, lib, sk_dir_len(lib, strlen(lib)));
		}
	}
	root = w->file == out->root || strcmp(name, "mod.rs") == 0 || strcmp(name, "lib.rs") == 0 ||
	       strcmp(name, "main.rs") == 0 || strcmp(name, "build.rs") == 0;
	len = strlen(w->path);
	if (sk_ends(w->path, len, ".rs")) /* else a script that its first line tells */
		len -= 3;
	(void)sk_buf_add(&out->own, w->path, root ? w->dir_len : len);
	return out->base.oom || out->own.oom ? sk_error_oom() : 0;
}

/* The file of the module whose children are in `dir`. */
static uint32_t module_file(struct sk_resolver *r, const struct place *p, const char *dir,
                            size_t len)
{
	uint32_t file;

	if (len == p->base.len && memcmp(dir, sk_buf_str(&p->base), len) == 0)
		return p->root;
	sk_buf_clear(&r->path);
	(void)sk_buf_add(&r->path, dir, len);
	(void)sk_buf_adds(&r->path, ".rs");
	file = sk_find(r, &r->path);
	return file != SK_PATHS_NONE ? file : at(r, dir, len, "mod.rs");
}

/* The longest beginning of `path` ("a::b::C") that is a file below `dir`; SK_PATHS_NONE: none. */
static uint32_t deepest(struct sk_resolver *r, const char *dir, size_t len, const char *path)
{
	struct sk_buf p = SK_BUF_INIT;
	uint32_t best = SK_PATHS_NONE;

	(void)sk_buf_add(&p, dir, len);
	while (*path) {
		size_t n = strcspn(path, ":"), keep;
		uint32_t file;

		(void)sk_buf_addf(&p, "%s%.*s", p.len ? "/" : "", (int)n, path);
		keep = p.len;
		(void)sk_buf_adds(&p, ".rs");
		file = sk_find(r, &p);
		sk_buf_truncate(&p, keep);
		if (file == SK_PATHS_NONE) {
			(void)sk_buf_adds(&p, "/mod.rs");
			file = sk_find(r, &p);
			sk_buf_truncate(&p, keep);
		}
		if (file == SK_PATHS_NONE && !sk_paths_is_dir(r->paths, sk_buf_str(&p), p.len))
			break;
		best = file == SK_PATHS_NONE ? best : file;
		path += n + strspn(path + n, ":");
	}
	sk_buf_free(&p);
	return best;
}

/* `mod a { mod b; }` has a folder a: the only file of that name in a folder one further down. */
static uint32_t inner_child(const struct sk_resolver *r, const struct place *p, const char *name)
{
	uint32_t from, to = sk_paths_below(r->paths, sk_buf_str(&p->own), p->own.len, &from);
	uint32_t found = SK_PATHS_NONE;
	size_t skip = p->own.len + (p->own.len > 0), n = strlen(name);

	for (; from < to; from++) {
		const char *slash = strchr(r->paths->path[from] + skip, '/');

		if (!slash || strncmp(slash + 1, name, n) != 0 ||
		    (strcmp(slash + 1 + n, ".rs") != 0 && strcmp(slash + 1 + n, "/mod.rs") != 0))
			continue;
		if (found != SK_PATHS_NONE)
			return SK_PATHS_NONE;
		found = from;
	}
	return found;
}

static int child(struct sk_resolver *r, const struct sk_want *w, const struct place *p,
                 enum sk_outcome *outcome)
{
	uint32_t file;

	if (w->import->name)
		file = at(r, w->path, w->dir_len, w->import->name);
	else
		file = deepest(r, sk_buf_str(&p->own), p->own.len, w->import->spec);
	if (file == SK_PATHS_NONE && !w->import->name)
		file = inner_child(r, p, w->import->spec);
	if (file == SK_PATHS_NONE)
		return 0;
	*outcome = SK_TO_FILES;
	return sk_target_file(w, file);
}

/* A crate of the project by the name that code has for it. */
static const struct crate *crate_named(const struct sk_resolver *r, const struct sk_want *w,
                                       const char *name, size_t len)
{
	const struct crate *here = crate_of(r, w->path), *found = NULL;

	for (size_t i = 0; here && i + 1 < here->rename.n; i += 2) {
		if (strlen(here->rename.item[i]) != len ||
		    memcmp(here->rename.item[i], name, len) != 0)
			continue;
		for (size_t k = 0; k < r->rust->n; k++)
			if (strcmp(r->rust->crate[k].dir, here->rename.item[i + 1]) == 0)
				return &r->rust->crate[k];
	}
	for (size_t i = 0; i < r->rust->n; i++) {
		const struct crate *c = &r->rust->crate[i];

		if (c->name && strlen(c->name) == len && memcmp(c->name, name, len) == 0 &&
		    (!found || c == here))
			found = c;
	}
	return found;
}

/* Below a module's folder; else the module itself has it. */
static int inside(struct sk_resolver *r, const struct sk_want *w, const char *dir, size_t len,
                  uint32_t self, const char *rest, enum sk_outcome *outcome)
{
	uint32_t file = deepest(r, dir, len, rest);

	file = file == SK_PATHS_NONE ? self : file;
	if (file == SK_PATHS_NONE)
		return 0;
	*outcome = SK_TO_FILES;
	return sk_target_file(w, file);
}

static int use(struct sk_resolver *r, const struct sk_want *w, const struct place *p,
               const char *spec, enum sk_outcome *outcome)
{
	size_t n = strcspn(spec, ":"), own = p->own.len;
	const char *rest = spec + n + strspn(spec + n, ":"), *dir = sk_buf_str(&p->own);
	const struct crate *c;
	uint32_t file;

	if (n == 5 && memcmp(spec, "crate", 5) == 0)
		return inside(r, w, sk_buf_str(&p->base), p->base.len, p->root, rest, outcome);
	if (n == 4 && memcmp(spec, "self", 4) == 0)
		return inside(r, w, dir, own, w->file, rest, outcome);
	if (n == 5 && memcmp(spec, "super", 5) == 0) {
		own = sk_dir_len(dir, own);
		while (strncmp(rest, "super", 5) == 0 && (!rest[5] || rest[5] == ':')) {
			own = sk_dir_len(dir, own);
			rest += 5 + strspn(rest + 5, ":");
		}
		return inside(r, w, dir, own, module_file(r, p, dir, own), rest, outcome);
	}
	file = deepest(r, dir, own, spec);
	if (file != SK_PATHS_NONE) {
		*outcome = SK_TO_FILES;
		return sk_target_file(w, file);
	}
	*outcome = SK_TO_OUTSIDE;
	c = crate_named(r, w, spec, n);
	if (!c || !c->lib)
		return 0;
	return inside(r, w, c->lib, sk_dir_len(c->lib, strlen(c->lib)),
	              sk_paths_find(r->paths, c->lib, strlen(c->lib)), rest, outcome);
}

SK_RULE(sk_rule_rust)
{
	struct place p = { .base = SK_BUF_INIT, .own = SK_BUF_INIT };
	const char *spec = w->import->spec;
	struct sk_buf full = SK_BUF_INIT;
	int rc = r->rust ? 0 : load(r);

	spec += strspn(spec, ":");
	(void)sk_buf_adds(&full, spec);
	if (w->import->kind == SK_IMPORT_FROM && w->import->name && *w->import->name != '*')
		(void)sk_buf_addf(&full, "::%s", w->import->name);
	if (!rc)
		rc = sk_buf_ok(&full);
	if (!rc)
		rc = find_place(r, w, &p);
	if (!rc && w->import->kind == SK_IMPORT_CHILD)
		rc = child(r, w, &p, outcome);
	else if (!rc && w->import->kind == SK_IMPORT_QUOTE) /* include!("x") */
		rc = sk_rule_path(r, w, outcome);
	else if (!rc)
		rc = use(r, w, &p, sk_buf_str(&full), outcome);
	sk_buf_free(&p.base);
	sk_buf_free(&p.own);
	sk_buf_free(&full);
	return rc;
}
