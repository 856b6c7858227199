#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "impact/resolve_js.h"
#include "repo/ignore.h"

#define MAX_EXTENDS 8

int sk_js_state(struct sk_resolver *r, struct sk_js **out)
{
	if (!r->js)
		r->js = calloc(1, sizeof *r->js);
	*out = r->js;
	return r->js ? 0 : sk_error_oom();
}

static void ts_free(struct sk_js_ts *t)
{
	for (size_t i = 0; t && i < t->n; i++) {
		free(t->alias[i].prefix);
		free(t->alias[i].suffix);
		free(t->alias[i].base);
		sk_strv_free(&t->alias[i].target);
	}
	if (t) {
		free(t->alias);
		free(t->base);
	}
	free(t);
}

void sk_js_free(struct sk_js *js)
{
	if (!js)
		return;
	for (size_t i = 0; i < js->n_packages; i++) {
		free(js->package[i]->dir);
		json_decref(js->package[i]->json);
		sk_multi_free(&js->package[i]->members);
		free(js->package[i]);
	}
	for (size_t i = 0; i < js->n_ts; i++)
		ts_free(js->ts[i]);
	free(js->package);
	free(js->ts);
	sk_multi_free(&js->package_of);
	sk_multi_free(&js->ts_of);
	free(js);
}

static uint32_t file_in(const struct sk_resolver *r, const char *dir, size_t len, const char *name)
{
	struct sk_buf path = SK_BUF_INIT;
	uint32_t file = SK_PATHS_NONE;

	(void)sk_buf_add(&path, dir, len);
	if (len)
		(void)sk_buf_addc(&path, '/');
	(void)sk_buf_adds(&path, name);
	if (!path.oom)
		file = sk_paths_find(r->paths, path.ptr, path.len);
	sk_buf_free(&path);
	return file;
}

/* package.json */

static int package_load(struct sk_resolver *r, uint32_t file, uint32_t *number)
{
	const char *path = r->paths->path[file];
	struct sk_js_package *p, **more;

	for (size_t i = 0; i < r->js->n_packages; i++)
		if (r->js->package[i]->file == file) {
			*number = (uint32_t)i + 1;
			return 0;
		}
	more = reallocarray(r->js->package, r->js->n_packages + 1, sizeof *more);
	if (!more)
		return sk_error_oom();
	r->js->package = more;
	p = calloc(1, sizeof *p);
	if (!p)
		return sk_error_oom();
	more[r->js->n_packages++] = p;
	*number = (uint32_t)r->js->n_packages;
	p->file = file;
	p->dir_len = sk_dir_len(path, strlen(path));
	p->dir = strndup(path, p->dir_len);
	return p->dir ? sk_resolver_json(r, file, &p->json) : sk_error_oom();
}

int sk_js_package_at(struct sk_resolver *r, const char *dir, size_t len, struct sk_js_package **out)
{
	const struct sk_multi_entry *e;
	uint32_t file, number = 0;
	struct sk_js *js;
	int rc = sk_js_state(r, &js);

	if (rc)
		return rc;
	e = sk_multi_find(&js->package_of, dir, len);
	if (e && e->n) {
		*out = e->item[0] ? js->package[e->item[0] - 1] : NULL;
		return 0;
	}
	file = file_in(r, dir, len, "package.json");
	*out = NULL;
	if (file != SK_PATHS_NONE) {
		rc = package_load(r, file, &number);
		*out = rc ? NULL : js->package[number - 1];
	} else if (len) {
		rc = sk_js_package_at(r, dir, sk_dir_len(dir, len), out);
		for (size_t i = 0; *out && i < js->n_packages; i++)
			number = js->package[i] == *out ? (uint32_t)i + 1 : number;
	}
	return rc ? rc : sk_multi_add(&js->package_of, dir, len, number);
}

/* The patterns of a pnpm-workspace.yaml: the list under "packages:". */
static int pnpm_globs(const struct sk_buf *text, struct sk_strv *out)
{
	const char *p = sk_buf_str(text);
	bool in = false;
	int rc = 0;

	while (*p && !rc) {
		size_t n = strcspn(p, "\n"), skip = strspn(p, " \t");
		const char *from = p + skip, *end = p + n;

		if (strncmp(p, "packages:", 9) == 0) {
			in = true;
		} else if (in && *from == '-') {
			from += 1 + strspn(from + 1, " \t");
			while (end > from && strchr(" \t\r", end[-1]))
				end--;
			if (end - from > 1 && (*from == '\'' || *from == '"')) {
				const char *close =
				        memchr(from + 1, *from, (size_t)(end - from - 1));

				from++;
				end = close ? close : end;
			}
			rc = sk_strv_addn(out, from, (size_t)(end - from));
		} else if (n > skip && skip == 0 && *p != '#') {
			in = false;
		}
		p += n + (p[n] == '\n');
	}
	return rc;
}

static int json_globs(const json_t *list, struct sk_strv *out)
{
	const json_t *one;
	size_t i;
	int rc = 0;

	if (json_is_object(list))
		list = json_object_get(list, "packages");
	json_array_foreach(list, i, one)
	{
		if (!rc && json_is_string(one))
			rc = sk_strv_add(out, json_string_value(one));
	}
	return rc;
}

static int globs_of(struct sk_resolver *r, const struct sk_js_package *p, struct sk_strv *out)
{
	uint32_t pnpm = file_in(r, p->dir, p->dir_len, "pnpm-workspace.yaml");
	uint32_t lerna = file_in(r, p->dir, p->dir_len, "lerna.json");
	struct sk_buf text = SK_BUF_INIT;
	json_t *json = NULL;
	int rc = json_globs(json_object_get(p->json, "workspaces"), out);

	if (!rc && pnpm != SK_PATHS_NONE) {
		rc = sk_resolver_read(r, pnpm, &text);
		if (!rc)
			rc = pnpm_globs(&text, out);
	}
	if (!rc && lerna != SK_PATHS_NONE) {
		rc = sk_resolver_json(r, lerna, &json);
		if (!rc)
			rc = json_globs(json_object_get(json, "packages"), out);
	}
	json_decref(json);
	sk_buf_free(&text);
	return rc;
}

static bool is_member(const struct sk_strv *globs, const char *dir, size_t len)
{
	bool in = false;

	for (size_t i = 0; i < globs->n; i++) {
		const char *g = globs->item[i];
		bool no = *g == '!';
		size_t n;

		g += no;
		g += strncmp(g, "./", 2) == 0 ? 2 : 0;
		n = strlen(g);
		while (n && g[n - 1] == '/')
			n--;
		if (sk_wildmatch(g, n, dir, len, true, false))
			in = !no;
	}
	return in;
}

static int find_members(struct sk_resolver *r, size_t at)
{
	struct sk_strv globs = SK_STRV_INIT;
	uint32_t from = 0, to = 0, number;
	struct sk_js_package *p = r->js->package[at];
	int rc;

	p->looked = true;
	rc = globs_of(r, p, &globs);
	p->root = globs.n > 0;
	if (!rc && p->root)
		to = sk_paths_below(r->paths, p->dir, p->dir_len, &from);
	for (; from < to && !rc; from++) {
		const char *path = r->paths->path[from], *name;
		size_t dir = sk_dir_len(path, strlen(path)), skip = p->dir_len + (p->dir_len > 0);

		if (dir <= skip || strcmp(path + dir + 1, "package.json") != 0 ||
		    strstr(path, "node_modules/") || !is_member(&globs, path + skip, dir - skip))
			continue;
		rc = package_load(r, from, &number);
		p = r->js->package[at];
		name = rc ? NULL
		          : json_string_value(
		                    json_object_get(r->js->package[number - 1]->json, "name"));
		if (name)
			rc = sk_multi_add(&p->members, name, strlen(name), number - 1);
	}
	sk_strv_free(&globs);
	return rc;
}

/* dependencies: {"x": "file:../x"} */
static int linked(struct sk_resolver *r, const struct sk_js_package *p, const char *name,
                  struct sk_js_package **out)
{
	static const char *const list[] = { "dependencies", "devDependencies", "peerDependencies",
		                            "optionalDependencies" };
	const char *way = NULL;
	struct sk_buf path = SK_BUF_INIT;
	uint32_t file = SK_PATHS_NONE, number = 0;
	int rc = 0;

	for (size_t i = 0; i < 4 && !way; i++)
		way = json_string_value(json_object_get(json_object_get(p->json, list[i]), name));
	if (!way || (strncmp(way, "file:", 5) != 0 && strncmp(way, "link:", 5) != 0 &&
	             strncmp(way, "portal:", 7) != 0))
		return 0;
	way = strchr(way, ':') + 1;
	if (sk_path_join(&path, p->dir, p->dir_len, way, strlen(way)))
		file = file_in(r, sk_buf_str(&path), path.len, "package.json");
	if (file != SK_PATHS_NONE) {
		rc = package_load(r, file, &number);
		*out = rc ? NULL : r->js->package[number - 1];
	}
	sk_buf_free(&path);
	return rc;
}

int sk_js_package_named(struct sk_resolver *r, struct sk_js_package *from, const char *name,
                        size_t len, struct sk_js_package **out)
{
	struct sk_js_package *p = from, *above;
	struct sk_buf key = SK_BUF_INIT;
	int rc = sk_buf_add(&key, name, len);

	*out = NULL;
	while (p && !rc && !*out) {
		const char *own = json_string_value(json_object_get(p->json, "name"));
		const struct sk_multi_entry *e;
		size_t at = 0;

		if (own && strcmp(own, key.ptr) == 0)
			*out = p;
		else
			rc = linked(r, p, key.ptr, out);
		if (rc || *out)
			break;
		while (r->js->package[at] != p)
			at++;
		if (!p->looked)
			rc = find_members(r, at);
		e = rc ? NULL : sk_multi_find(&p->members, name, len);
		if (e && e->n)
			*out = r->js->package[e->item[0]];
		above = NULL;
		if (!rc && p->dir_len)
			rc = sk_js_package_at(r, p->dir, sk_dir_len(p->dir, p->dir_len), &above);
		p = above;
	}
	sk_buf_free(&key);
	return rc;
}

/* Adds the strings of a target in order; under conditions that could be meant. */
static int add_targets(const json_t *value, const char *star, size_t star_len, int depth,
                       struct sk_strv *out)
{
	const char *key, *text = json_string_value(value), *at;
	struct sk_buf full = SK_BUF_INIT;
	const json_t *one;
	size_t i;
	int rc = 0;

	for (; text && (at = strchr(text, '*')) && star; text = at + 1) {
		(void)sk_buf_add(&full, text, (size_t)(at - text));
		(void)sk_buf_add(&full, star, star_len);
	}
	if (text) {
		(void)sk_buf_adds(&full, text);
		rc = sk_buf_ok(&full);
		if (!rc)
			rc = sk_strv_add(out, full.ptr);
	}
	sk_buf_free(&full);
	if (depth > 8)
		return rc;
	json_array_foreach(value, i, one)
	{
		if (!rc)
			rc = add_targets(one, star, star_len, depth + 1, out);
	}
	/* sources first: they are what the project keeps */
	one = json_object_get(value, "source");
	if (one)
		rc = add_targets(one, star, star_len, depth + 1, out);
	for (void *it = json_object_iter((json_t *)(uintptr_t)value); it && !rc;
	     it = json_object_iter_next((json_t *)(uintptr_t)value, it)) {
		key = json_object_iter_key(it);
		if (*key != '.' && *key != '#' && strcmp(key, "source") != 0)
			rc = add_targets(json_object_iter_value(it), star, star_len, depth + 1,
			                 out);
	}
	return rc;
}

int sk_js_map(const json_t *map, const char *key, struct sk_strv *out)
{
	const json_t *value = json_object_get(map, key);
	const char *best = NULL, *star = NULL;
	size_t len = strlen(key), most = 0, star_len = 0;
	bool sub = false;

	for (void *it = json_object_iter((json_t *)(uintptr_t)map); it && !value;
	     it = json_object_iter_next((json_t *)(uintptr_t)map, it)) {
		const char *k = json_object_iter_key(it), *s = strchr(k, '*');
		size_t p = s ? (size_t)(s - k) : strlen(k), e = s ? strlen(s + 1) : 0;

		sub = sub || *k == '.' || *k == '#';
		/* "./dir/" is the older spelling of "./dir/ *" */
		if ((!s && (!p || k[p - 1] != '/')) || len < p + e || strncmp(k, key, p) != 0 ||
		    (e && strcmp(key + len - e, s + 1) != 0) || (best && p <= most))
			continue;
		best = k;
		most = p;
		star = key + p;
		star_len = len - p - e;
	}
	if (value)
		return add_targets(value, NULL, 0, 0, out);
	if (!best)
		return strcmp(key, ".") == 0 && !sub ? add_targets(map, NULL, 0, 0, out) : 0;
	return add_targets(json_object_get(map, best), star, star_len, 0, out);
}

/* tsconfig.json */

static int ts_load(struct sk_resolver *r, uint32_t file, int depth, struct sk_js_ts *out);

/* The file that "extends" or a reference means. */
static uint32_t ts_file(const struct sk_resolver *r, const char *dir, size_t len, const char *spec)
{
	static const char *const end[] = { "", ".json", "/tsconfig.json" };
	struct sk_buf path = SK_BUF_INIT;
	uint32_t file = SK_PATHS_NONE;

	if (sk_path_join(&path, dir, len, spec, strlen(spec)) && !path.oom)
		for (size_t i = path.len ? 0 : 3; i < 3 && file == SK_PATHS_NONE; i++)
			file = sk_paths_find_end(r->paths, path.ptr, path.len,
			                         sk_paths_hash(SK_PATHS_SEED, path.ptr, path.len),
			                         end[i]);
	sk_buf_free(&path);
	return file;
}

static int ts_extends(struct sk_resolver *r, const char *dir, size_t len, const char *spec,
                      int depth, struct sk_js_ts *out)
{
	struct sk_js_package *here, *p = NULL;
	uint32_t file = SK_PATHS_NONE;
	size_t n = strcspn(spec, "/");
	int rc = 0;

	if (*spec == '.' || *spec == '/') {
		file = ts_file(r, dir, len, spec);
	} else { /* a package: only one of the project can be read */
		n += *spec == '@' && spec[n] ? 1 + strcspn(spec + n + 1, "/") : 0;
		rc = sk_js_package_at(r, dir, len, &here);
		if (!rc && here)
			rc = sk_js_package_named(r, here, spec, n, &p);
		if (!rc && p)
			file = ts_file(r, p->dir, p->dir_len, spec[n] ? spec + n : "tsconfig.json");
	}
	return rc || file == SK_PATHS_NONE ? rc : ts_load(r, file, depth + 1, out);
}

static int ts_alias(struct sk_js_ts *t, const char *key, const json_t *targets, const char *base)
{
	struct sk_js_alias *more = reallocarray(t->alias, t->n + 1, sizeof *more), *a;
	const char *star = strchr(key, '*');
	const json_t *one;
	size_t i;
	int rc = 0;

	if (!more)
		return sk_error_oom();
	t->alias = more;
	a = &more[t->n++];
	*a = (struct sk_js_alias){ strndup(key, star ? (size_t)(star - key) : strlen(key)),
		                   star ? strdup(star + 1) : NULL, strdup(base), SK_STRV_INIT };
	if (!a->prefix || (star && !a->suffix) || !a->base)
		return sk_error_oom();
	json_array_foreach(targets, i, one)
	{
		if (!rc && json_is_string(one))
			rc = sk_strv_add(&a->target, json_string_value(one));
	}
	return rc;
}

static int ts_own(const char *dir, size_t len, const json_t *options, struct sk_js_ts *out)
{
	const char *base = json_string_value(json_object_get(options, "baseUrl")), *key;
	json_t *paths = json_object_get(options, "paths");
	struct sk_buf path = SK_BUF_INIT;
	json_t *targets;
	int rc = 0;

	if (base && sk_path_join(&path, dir, len, base, strlen(base))) {
		free(out->base);
		out->base = strdup(sk_buf_str(&path));
		rc = out->base ? sk_buf_ok(&path) : sk_error_oom();
	}
	if (!rc && paths) {
		struct sk_js_ts fresh = { out->file, out->base, NULL, 0 };
		char *here = strndup(dir, len);

		out->base = NULL;
		json_object_foreach(paths, key, targets)
		{
			if (!rc)
				rc = here ? ts_alias(&fresh, key, targets,
				                     fresh.base ? fresh.base : here)
				          : sk_error_oom();
		}
		free(here);
		for (size_t i = 0; i < out->n; i++) {
			free(out->alias[i].prefix);
			free(out->alias[i].suffix);
			free(out->alias[i].base);
			sk_strv_free(&out->alias[i].target);
		}
		free(out->alias);
		*out = fresh;
	}
	sk_buf_free(&path);
	return rc;
}

static int ts_load(struct sk_resolver *r, uint32_t file, int depth, struct sk_js_ts *out)
{
	const char *path = r->paths->path[file], *text;
	size_t len = sk_dir_len(path, strlen(path)), i;
	json_t *json = NULL, *extends, *one;
	int rc = depth > MAX_EXTENDS ? 0 : sk_resolver_json(r, file, &json);

	if (rc || !json)
		return rc;
	extends = json_object_get(json, "extends");
	text = json_string_value(extends);
	if (text)
		rc = ts_extends(r, path, len, text, depth, out);
	json_array_foreach(extends, i, one)
	{
		if (!rc && json_is_string(one))
			rc = ts_extends(r, path, len, json_string_value(one), depth, out);
	}
	if (!rc)
		rc = ts_own(path, len, json_object_get(json, "compilerOptions"), out);
	/* a file that only lists others says nothing itself: the first that has paths */
	json_array_foreach(json_object_get(json, "references"), i, one)
	{
		const char *to = json_string_value(json_object_get(one, "path"));
		uint32_t other = to ? ts_file(r, path, len, to) : SK_PATHS_NONE;

		if (!rc && !out->n && !out->base && other != SK_PATHS_NONE)
			rc = ts_load(r, other, depth + 1, out);
	}
	json_decref(json);
	return rc;
}

static int ts_new(struct sk_resolver *r, uint32_t file, uint32_t *number)
{
	struct sk_js_ts **more = reallocarray(r->js->ts, r->js->n_ts + 1, sizeof *more);
	struct sk_js_ts *t = more ? calloc(1, sizeof *t) : NULL;

	if (more)
		r->js->ts = more;
	if (!t)
		return sk_error_oom();
	more[r->js->n_ts++] = t;
	*number = (uint32_t)r->js->n_ts;
	t->file = file;
	return ts_load(r, file, 0, t);
}

int sk_js_ts_at(struct sk_resolver *r, const char *dir, size_t len, struct sk_js_ts **out)
{
	const struct sk_multi_entry *e;
	uint32_t file, number = 0;
	struct sk_js *js;
	int rc = sk_js_state(r, &js);

	if (rc)
		return rc;
	e = sk_multi_find(&js->ts_of, dir, len);
	if (e && e->n) {
		*out = e->item[0] ? js->ts[e->item[0] - 1] : NULL;
		return 0;
	}
	file = file_in(r, dir, len, "tsconfig.json");
	if (file == SK_PATHS_NONE)
		file = file_in(r, dir, len, "jsconfig.json");
	*out = NULL;
	if (file != SK_PATHS_NONE) {
		rc = ts_new(r, file, &number);
		*out = rc ? NULL : js->ts[number - 1];
	} else if (len) {
		rc = sk_js_ts_at(r, dir, sk_dir_len(dir, len), out);
		for (size_t i = 0; *out && i < js->n_ts; i++)
			number = js->ts[i] == *out ? (uint32_t)i + 1 : number;
	}
	return rc ? rc : sk_multi_add(&js->ts_of, dir, len, number);
}
