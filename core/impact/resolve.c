#include "impact/resolve.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "impact/resolve_parts.h"

static const struct {
	const char *name;
	int (*resolve)(struct sk_resolver *r, const struct sk_want *w, enum sk_outcome *outcome);
	int (*implicit)(struct sk_resolver *r, uint32_t file, struct sk_targets *out);
	bool declares;
} rules[] = {
	{ "path", sk_rule_path, NULL, false },
	{ "javascript", sk_rule_js, NULL, false },
	{ "python", sk_rule_python, sk_python_implicit, false },
	{ "c", sk_rule_c, NULL, false },
	{ "go", sk_rule_go, sk_go_implicit, false },
	{ "java", sk_rule_jvm, NULL, true },
	{ "kotlin", sk_rule_jvm, NULL, true },
	{ "csharp", sk_rule_csharp, NULL, true },
	{ "rust", sk_rule_rust, NULL, false },
	{ "ruby", sk_rule_ruby, NULL, false },
	{ "php", sk_rule_php, NULL, false },
	{ "shell", sk_rule_shell, NULL, false },
	{ "proto", sk_rule_proto, NULL, false },
	{ "cmake", sk_rule_cmake, NULL, false },
	{ "make", sk_rule_make, NULL, false },
	{ "css", sk_rule_css, NULL, false },
	{ "html", sk_rule_link, NULL, false },
	{ "markdown", sk_rule_link, NULL, false },
	{ "sql", sk_rule_sql, NULL, false },
};

unsigned sk_resolver_rules(const char *name)
{
	for (unsigned i = 0; name && i < sizeof rules / sizeof *rules; i++)
		if (strcmp(rules[i].name, name) == 0)
			return i;
	return 0;
}

bool sk_resolver_declares(unsigned number)
{
	return rules[number].declares;
}

bool sk_resolver_by_package(unsigned number)
{
	return rules[number].declares || rules[number].resolve == sk_rule_go;
}

int sk_targets_add(struct sk_targets *t, uint32_t node)
{
	if (t->n == t->cap) {
		size_t cap = t->cap ? t->cap * 2 : 16;
		uint32_t *more = reallocarray(t->node, cap, sizeof *more);

		if (!more)
			return sk_error_oom();
		t->node = more;
		t->cap = cap;
	}
	t->node[t->n++] = node;
	return 0;
}

void sk_targets_free(struct sk_targets *t)
{
	free(t->node);
	*t = (struct sk_targets){ 0 };
}

int sk_resolver_new(const struct sk_resolver_source *source, struct sk_resolver **out)
{
	struct sk_resolver *r = calloc(1, sizeof *r);
	int rc;

	if (!r)
		return sk_error_oom();
	r->source = *source;
	r->paths = calloc(1, sizeof *r->paths);
	rc = r->paths ? 0 : sk_error_oom();
	if (!rc) {
		*r->paths = *source->paths;
		r->paths->by_name = NULL;
		if (source->worktree)
			rc = sk_resolver_outside_now(source->worktree, &r->outside);
	}
	if (rc) {
		sk_resolver_free(r);
		return rc;
	}
	*out = r;
	return 0;
}

void sk_resolver_free(struct sk_resolver *r)
{
	if (!r)
		return;
	sk_js_free(r->js);
	sk_python_free(r->python);
	sk_c_free(r->c);
	sk_go_free(r->go);
	sk_rust_free(r->rust);
	sk_php_free(r->php);
	sk_multi_free(&r->packages);
	sk_multi_free(&r->types);
	sk_targets_free(&r->inputs);
	free(r->seen);
	sk_buf_free(&r->outside);
	sk_buf_free(&r->path);
	sk_buf_free(&r->text);
	if (r->paths)
		free(r->paths->by_name);
	free(r->paths);
	free(r);
}

int sk_resolver_declare(struct sk_resolver *r, uint32_t file, unsigned number,
                        const struct sk_imports *imports)
{
	return rules[number].declares ? sk_types_declare(r, file, imports) : 0;
}

int sk_resolver_seed(struct sk_resolver *r, const char *package, const uint32_t *member, size_t n)
{
	size_t len = strlen(package);
	int rc = 0;

	if (!sk_multi_key(&r->packages, package, len))
		return sk_error_oom();
	for (size_t i = 0; i < n && !rc; i++)
		rc = sk_multi_add(&r->packages, package, len, member[i]);
	if (!rc && strncmp(package, "ns:", 3) == 0)
		rc = sk_types_seed(r, package + 3, member, n);
	return rc;
}

int sk_resolve(struct sk_resolver *r, uint32_t file, unsigned number,
               const struct sk_import *import, struct sk_targets *targets, enum sk_outcome *outcome)
{
	const char *path = r->paths->path[file];
	struct sk_want w = { file, path, sk_dir_len(path, strlen(path)), import, targets };
	enum sk_outcome found = SK_TO_NOWHERE;
	int rc = 0;

	if (import->kind == SK_IMPORT_PACKAGE && !rules[number].declares)
		found = SK_TO_FILES;
	else if (import->kind != SK_IMPORT_UNREADABLE && *import->spec)
		rc = rules[number].resolve(r, &w, &found);
	if (!rc && (r->path.oom || r->text.oom))
		rc = sk_error_oom();
	if (!rc)
		*outcome = found;
	return rc;
}

int sk_resolve_implicit(struct sk_resolver *r, uint32_t file, unsigned number,
                        struct sk_targets *targets)
{
	return rules[number].implicit ? rules[number].implicit(r, file, targets) : 0;
}

size_t sk_resolver_packages(const struct sk_resolver *r)
{
	return r->packages.n;
}

const char *sk_resolver_package(const struct sk_resolver *r, size_t i, const uint32_t **member,
                                size_t *n)
{
	*member = r->packages.entry[i].item;
	*n = r->packages.entry[i].n;
	return r->packages.entry[i].key;
}

size_t sk_resolver_inputs(const struct sk_resolver *r, const uint32_t **file)
{
	*file = r->inputs.node;
	return r->inputs.n;
}

const char *sk_resolver_outside(const struct sk_resolver *r)
{
	return sk_buf_str(&r->outside);
}

int sk_resolver_outside_now(const char *worktree, struct sk_buf *out)
{
	return sk_c_outside(worktree, out);
}

/* For the rules */

int sk_target_file(const struct sk_want *w, uint32_t file)
{
	return file == w->file ? 0 : sk_targets_add(w->out, file);
}

int sk_resolver_read(struct sk_resolver *r, uint32_t file, struct sk_buf *out)
{
	int rc = 0;

	if (!r->seen)
		r->seen = calloc(r->paths->n, sizeof *r->seen);
	if (!r->seen)
		return sk_error_oom();
	if (!r->seen[file])
		rc = sk_targets_add(&r->inputs, file);
	r->seen[file] = true;
	if (!rc && r->source.read(r->source.ctx, file, out)) {
		sk_error_clear();
		sk_buf_clear(out);
	}
	if (!rc && out->oom)
		rc = sk_error_oom();
	return rc;
}

/* Blanks over comments and trailing commas, as tsconfig.json may have them. */
static void plain_json(char *p, const char *end)
{
	char *comma = NULL;

	while (p < end) {
		if (*p == '"') {
			for (p++; p < end && *p != '"'; p++)
				p += *p == '\\' && p + 1 < end;
			comma = NULL;
			p += p < end;
		} else if (*p == '/' && p + 1 < end && p[1] == '/') {
			while (p < end && *p != '\n')
				*p++ = ' ';
		} else if (*p == '/' && p + 1 < end && p[1] == '*') {
			char *from = p;

			p = memmem(p + 2, (size_t)(end - p - 2), "*/", 2);
			p = p ? p + 2 : from + (end - from);
			memset(from, ' ', (size_t)(p - from));
		} else {
			if ((*p == '}' || *p == ']') && comma)
				*comma = ' ';
			if (*p == ',')
				comma = p;
			else if (!isspace((unsigned char)*p))
				comma = NULL;
			p++;
		}
	}
}

int sk_resolver_json(struct sk_resolver *r, uint32_t file, json_t **out)
{
	struct sk_buf text = SK_BUF_INIT;
	int rc = sk_resolver_read(r, file, &text);
	size_t skip = text.len >= 3 && memcmp(text.ptr, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;

	if (!rc) {
		if (text.len)
			plain_json(text.ptr + skip, text.ptr + text.len);
		*out = json_loadb(sk_buf_str(&text) + skip, text.len - skip, 0, NULL);
		if (*out && !json_is_object(*out)) {
			json_decref(*out);
			*out = NULL;
		}
	}
	sk_buf_free(&text);
	return rc;
}

uint32_t sk_nearest(const struct sk_resolver *r, const char *path, const uint32_t *file, size_t n)
{
	uint32_t best = SK_PATHS_NONE;
	size_t most = 0;

	for (size_t i = 0; i < n; i++) {
		size_t common = sk_path_common(r->paths->path[file[i]], path) + 1;

		if (common > most) {
			most = common;
			best = file[i];
		} else if (common == most && file[i] != best) {
			best = SK_PATHS_NONE;
		}
	}
	return best;
}

int sk_by_ending(struct sk_resolver *r, const struct sk_want *w, const char *end, size_t len,
                 bool nearest, enum sk_outcome *outcome)
{
	uint32_t file[64], n, one;

	while (len > 1 && end[0] == '.' && (end[1] == '/' || (end[1] == '.' && end[2] == '/'))) {
		size_t skip = end[1] == '/' ? 2 : 3;

		if (skip > len)
			break;
		end += skip;
		len -= skip;
	}
	if (!len)
		return 0;
	n = sk_paths_ending(r->paths, end, len, file, 64);
	if (n == SK_PATHS_NONE)
		return SK_EIO;
	if (!n)
		return 0;
	one = n == 1 ? file[0] : SK_PATHS_NONE;
	if (n > 1 && n <= 64 && nearest)
		one = sk_nearest(r, w->path, file, n);
	*outcome = one == SK_PATHS_NONE ? SK_TO_MANY : SK_TO_FILES;
	return one == SK_PATHS_NONE ? 0 : sk_target_file(w, one);
}

bool sk_is_url(const char *spec)
{
	const char *p = spec;

	if (p[0] == '/' && p[1] == '/')
		return true;
	if (!isalpha((unsigned char)*p))
		return false;
	while (isalnum((unsigned char)*p) || *p == '+' || *p == '-' || *p == '.')
		p++;
	return *p == ':' && p - spec > 1;
}

int sk_package_node(struct sk_resolver *r, const char *name, size_t len, uint32_t *node)
{
	struct sk_multi_entry *e = sk_multi_key(&r->packages, name, len);

	if (!e)
		return sk_error_oom();
	*node = r->paths->n + (uint32_t)(e - r->packages.entry);
	return 0;
}

bool sk_config_root(const struct sk_resolver *r, size_t i, const char **root, size_t *len)
{
	const char *list =
	        r->source.config ? sk_config_get(r->source.config, "impact.roots") : NULL;

	while (list && *list) {
		const char *from = list + strspn(list, ", \t\n./");
		size_t n = strcspn(from, ",\n");

		list = from + n;
		while (n && strchr(" \t/", from[n - 1]))
			n--;
		if (n && i-- == 0) {
			*root = from;
			*len = n;
			return true;
		}
	}
	return false;
}

bool sk_ends(const char *text, size_t len, const char *end)
{
	size_t n = strlen(end);

	return len >= n && memcmp(text + len - n, end, n) == 0;
}

bool sk_named(const char *path, const char *name)
{
	const char *slash = strrchr(path, '/');

	return strcmp(slash ? slash + 1 : path, name) == 0;
}

const char *sk_ext(const char *path)
{
	const char *slash = strrchr(path, '/'), *dot = strrchr(slash ? slash : path, '.');

	return dot ? dot : "";
}
