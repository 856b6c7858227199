#include "impact/resolve_js.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

#define MAX_HOPS 4 /* of an alias that leads to another name */

static const char *const js_first[] = { ".js",  ".mjs",    ".cjs",   ".jsx", ".json",
	                                ".ts",  ".tsx",    ".mts",   ".cts", ".d.ts",
	                                ".vue", ".svelte", ".astro", NULL };
static const char *const ts_first[] = { ".ts",  ".tsx",    ".d.ts",  ".mts",  ".cts",   ".js",
	                                ".jsx", ".mjs",    ".cjs",   ".json", ".d.mts", ".d.cts",
	                                ".vue", ".svelte", ".astro", NULL };
static const char *const platform[] = {
	".ios", ".android", ".native", ".web", ".windows", ".macos"
};

/* What a written ending may stand for. */
static const struct {
	const char *written, *source[4];
} stands_for[] = {
	{ ".js", { ".ts", ".tsx", ".d.ts", NULL } },
	{ ".jsx", { ".tsx", ".d.ts", NULL, NULL } },
	{ ".mjs", { ".mts", ".d.mts", NULL, NULL } },
	{ ".cjs", { ".cts", ".d.cts", NULL, NULL } },
};

static bool is_ts(const char *path)
{
	const char *ext = sk_ext(path);

	return strcmp(ext, ".ts") == 0 || strcmp(ext, ".tsx") == 0 || strcmp(ext, ".mts") == 0 ||
	       strcmp(ext, ".cts") == 0;
}

static uint32_t as_source(const struct sk_resolver *r, const char *p, size_t len)
{
	for (size_t i = 0; i < sizeof stands_for / sizeof *stands_for; i++) {
		size_t stem = len - strlen(stands_for[i].written);
		uint32_t hash, file;

		if (!sk_ends(p, len, stands_for[i].written))
			continue;
		hash = sk_paths_hash(SK_PATHS_SEED, p, stem);
		for (const char *const *s = stands_for[i].source; *s; s++) {
			file = sk_paths_find_end(r->paths, p, stem, hash, *s);
			if (file != SK_PATHS_NONE)
				return file;
		}
	}
	return SK_PATHS_NONE;
}

static uint32_t with_ending(const struct sk_resolver *r, const char *p, size_t len, bool ts)
{
	uint32_t hash = sk_paths_hash(SK_PATHS_SEED, p, len), file = SK_PATHS_NONE;

	for (const char *const *e = ts ? ts_first : js_first; *e && file == SK_PATHS_NONE; e++)
		file = sk_paths_find_end(r->paths, p, len, hash, *e);
	return file;
}

static uint32_t as_file(const struct sk_resolver *r, const char *p, size_t len, bool ts)
{
	uint32_t file = SK_PATHS_NONE;

	if (!len)
		return file;
	if (ts)
		file = as_source(r, p, len);
	if (file == SK_PATHS_NONE)
		file = sk_paths_find(r->paths, p, len);
	if (file == SK_PATHS_NONE && !ts)
		file = as_source(r, p, len);
	return file == SK_PATHS_NONE ? with_ending(r, p, len, ts) : file;
}

static uint32_t as_index(const struct sk_resolver *r, const char *dir, size_t len, bool ts)
{
	struct sk_buf p = SK_BUF_INIT;
	uint32_t file = SK_PATHS_NONE;

	(void)sk_buf_add(&p, dir, len);
	(void)sk_buf_adds(&p, len ? "/index" : "index");
	if (!p.oom)
		file = with_ending(r, p.ptr, p.len, ts);
	sk_buf_free(&p);
	return file;
}

/* main and its kin, but not exports, which count only for a name. */
static uint32_t main_of(const struct sk_resolver *r, const struct sk_js_package *p, bool ts)
{
	static const char *const field[] = { "source", "module",  "main",
		                             "types",  "typings", "browser" };
	struct sk_buf path = SK_BUF_INIT;
	uint32_t file = SK_PATHS_NONE;

	for (size_t i = 0; i < sizeof field / sizeof *field && file == SK_PATHS_NONE; i++) {
		const char *text = json_string_value(json_object_get(p->json, field[i]));

		if (!text || !sk_path_join(&path, p->dir, p->dir_len, text, strlen(text)) ||
		    path.oom)
			continue;
		file = as_file(r, sk_buf_str(&path), path.len, ts);
		if (file == SK_PATHS_NONE)
			file = as_index(r, sk_buf_str(&path), path.len, ts);
	}
	sk_buf_free(&path);
	return file;
}

static int as_dir(struct sk_resolver *r, const char *dir, size_t len, bool ts, uint32_t *out)
{
	struct sk_js_package *p = NULL;
	uint32_t file = SK_PATHS_NONE;
	int rc;

	if (!sk_paths_is_dir(r->paths, dir, len))
		return 0;
	rc = sk_js_package_at(r, dir, len, &p);
	if (!rc && p && p->dir_len == len && memcmp(p->dir, dir, len) == 0)
		file = main_of(r, p, ts);
	if (file == SK_PATHS_NONE)
		file = as_index(r, dir, len, ts);
	if (!rc)
		*out = file;
	return rc;
}

/* dist/esm/a.js, which is made and not there: src/a.ts, or whatever src/a leads to. */
static int as_built(struct sk_resolver *r, const struct sk_js_package *p, const char *target,
                    bool ts, uint32_t *out)
{
	static const char *const built[] = {
		"dist", "lib",  "build", "out",    "esm",   "cjs",
		"es",   "_esm", "_cjs",  "_types", "types", "bundles"
	};
	struct sk_buf rest = SK_BUF_INIT, path = SK_BUF_INIT;
	bool any = true;
	int rc = 0;

	target += strspn(target, "./");
	for (size_t level = 0; level < 3 && any; level++) {
		any = false;
		for (size_t i = 0; i < sizeof built / sizeof *built && !any; i++) {
			size_t n = strlen(built[i]);

			any = strncmp(target, built[i], n) == 0 && target[n] == '/';
			target += any ? n + 1 : 0;
		}
	}
	(void)sk_buf_adds(&rest, "src/");
	(void)sk_buf_adds(&rest, target);
	for (size_t i = 0; i < 3 && !rest.oom; i++) {
		static const char *const drop[] = { ".js", ".mjs", ".cjs" };

		if (sk_ends(rest.ptr, rest.len, drop[i]))
			sk_buf_truncate(&rest, rest.len - strlen(drop[i]));
	}
	if (!rest.oom && sk_ends(rest.ptr, rest.len, ".d.ts"))
		sk_buf_truncate(&rest, rest.len - 5);
	if (!rest.oom && sk_path_join(&path, p->dir, p->dir_len, rest.ptr, rest.len) && !path.oom) {
		*out = as_file(r, sk_buf_str(&path), path.len, ts);
		if (*out == SK_PATHS_NONE)
			rc = as_dir(r, sk_buf_str(&path), path.len, ts, out);
	}
	sk_buf_free(&rest);
	sk_buf_free(&path);
	return rc;
}

/* A path below the root, `dir` excluding files: "./x/". */
static int at_path(struct sk_resolver *r, const char *p, size_t len, bool dir, bool ts,
                   uint32_t *out)
{
	*out = dir ? SK_PATHS_NONE : as_file(r, p, len, ts);
	return *out == SK_PATHS_NONE ? as_dir(r, p, len, ts, out) : 0;
}

static int below(struct sk_resolver *r, const char *dir, size_t dir_len, const char *spec,
                 size_t len, bool ts, uint32_t *out)
{
	struct sk_buf path = SK_BUF_INIT;
	bool folder = sk_ends(spec, len, "/") || sk_ends(spec, len, "/..") ||
	              sk_ends(spec, len, "/.") || (len == 1 && *spec == '.') ||
	              (len == 2 && spec[0] == '.' && spec[1] == '.');
	int rc = 0;

	*out = SK_PATHS_NONE;
	if (sk_path_join(&path, dir, dir_len, spec, len))
		rc = path.oom ? sk_error_oom()
		              : at_path(r, sk_buf_str(&path), path.len, folder, ts, out);
	sk_buf_free(&path);
	return rc;
}

/* React Native and the like: x.ios.js and x.android.js are all meant by x. */
static int platforms(struct sk_resolver *r, const struct sk_want *w, const char *spec, size_t len,
                     bool ts, bool *any)
{
	struct sk_buf path = SK_BUF_INIT;
	int rc = 0;

	for (size_t i = 0; i < sizeof platform / sizeof *platform && !rc; i++) {
		uint32_t file;

		if (!sk_path_join(&path, w->path, w->dir_len, spec, len))
			break;
		(void)sk_buf_adds(&path, platform[i]);
		rc = sk_buf_ok(&path);
		if (rc)
			break;
		file = with_ending(r, path.ptr, path.len, ts);
		if (file == SK_PATHS_NONE)
			continue;
		*any = true;
		rc = sk_target_file(w, file);
	}
	sk_buf_free(&path);
	return rc;
}

/* tsconfig's paths, the longest prefix that matches; then baseUrl. */
static int by_alias(struct sk_resolver *r, const struct sk_want *w, const char *spec, size_t len,
                    bool ts, uint32_t *out)
{
	const struct sk_js_alias *best = NULL;
	struct sk_js_ts *config;
	int rc = sk_js_ts_at(r, w->path, w->dir_len, &config);

	*out = SK_PATHS_NONE;
	if (rc || !config)
		return rc;
	for (size_t i = 0; i < config->n; i++) {
		const struct sk_js_alias *a = &config->alias[i];
		size_t p = strlen(a->prefix), s = a->suffix ? strlen(a->suffix) : 0;

		if (len < p + s || strncmp(spec, a->prefix, p) != 0 || (!a->suffix && len != p) ||
		    (s && memcmp(spec + len - s, a->suffix, s) != 0))
			continue;
		if (!best || !a->suffix || (best->suffix && p > strlen(best->prefix)))
			best = a;
	}
	for (size_t i = 0; best && i < best->target.n && *out == SK_PATHS_NONE && !rc; i++) {
		const char *t = best->target.item[i], *star = strchr(t, '*');
		size_t p = strlen(best->prefix), s = best->suffix ? strlen(best->suffix) : 0;
		struct sk_buf full = SK_BUF_INIT;

		(void)sk_buf_add(&full, t, star ? (size_t)(star - t) : strlen(t));
		if (star && best->suffix) {
			(void)sk_buf_add(&full, spec + p, len - p - s);
			(void)sk_buf_adds(&full, star + 1);
		}
		rc = sk_buf_ok(&full);
		if (!rc)
			rc = below(r, best->base, strlen(best->base), sk_buf_str(&full), full.len,
			           ts, out);
		sk_buf_free(&full);
	}
	if (!rc && *out == SK_PATHS_NONE && config->base)
		rc = below(r, config->base, strlen(config->base), spec, len, ts, out);
	return rc;
}

/* One target of exports or imports. */
static int by_target(struct sk_resolver *r, const struct sk_js_package *p, const char *target,
                     bool ts, uint32_t *out)
{
	int rc = below(r, p->dir, p->dir_len, target, strlen(target), ts, out);

	return !rc && *out == SK_PATHS_NONE ? as_built(r, p, target, ts, out) : rc;
}

/* "./x" or "." of a package of this project. */
static int in_package(struct sk_resolver *r, const struct sk_js_package *p, const char *sub,
                      bool ts, uint32_t *out)
{
	const json_t *exports = json_object_get(p->json, "exports");
	struct sk_strv target = SK_STRV_INIT;
	int rc = exports ? sk_js_map(exports, sub, &target) : 0;

	*out = SK_PATHS_NONE;
	for (size_t i = 0; i < target.n && *out == SK_PATHS_NONE && !rc; i++)
		rc = by_target(r, p, target.item[i], ts, out);
	sk_strv_free(&target);
	if (rc || *out != SK_PATHS_NONE)
		return rc;
	if (strcmp(sub, ".") != 0) {
		rc = exports ? 0 : below(r, p->dir, p->dir_len, sub, strlen(sub), ts, out);
		return !rc && *out == SK_PATHS_NONE ? as_built(r, p, sub, ts, out) : rc;
	}
	*out = main_of(r, p, ts);
	for (size_t i = 0; i < 2 && *out == SK_PATHS_NONE && !rc; i++) {
		const char *name =
		        json_string_value(json_object_get(p->json, i ? "main" : "module"));

		if (name)
			rc = as_built(r, p, name, ts, out);
	}
	if (!rc && *out == SK_PATHS_NONE)
		*out = as_index(r, p->dir, p->dir_len, ts);
	return !rc && *out == SK_PATHS_NONE ? as_built(r, p, "index", ts, out) : rc;
}

/* "#x": the imports of the nearest package.  *name is set when it leads to another name. */
static int by_imports(struct sk_resolver *r, const struct sk_want *w, const char *spec, bool ts,
                      char **name, uint32_t *out)
{
	struct sk_strv target = SK_STRV_INIT;
	struct sk_js_package *p;
	int rc = sk_js_package_at(r, w->path, w->dir_len, &p);

	*out = SK_PATHS_NONE;
	if (!rc && p)
		rc = sk_js_map(json_object_get(p->json, "imports"), spec, &target);
	for (size_t i = 0; i < target.n && *out == SK_PATHS_NONE && !rc && !*name; i++) {
		if (target.item[i][0] == '.') {
			rc = by_target(r, p, target.item[i], ts, out);
		} else {
			*name = target.item[i];
			target.item[i] = NULL;
		}
	}
	sk_strv_free(&target);
	return rc;
}

/* "@/x", "~/x": what the makers of bundler templates agreed on, when nothing says otherwise. */
static int by_custom(struct sk_resolver *r, const struct sk_want *w, const char *spec, bool ts,
                     uint32_t *out)
{
	struct sk_js_package *p;
	struct sk_buf dir = SK_BUF_INIT;
	int rc = sk_js_package_at(r, w->path, w->dir_len, &p);

	if (rc || (p && !sk_path_join(&dir, p->dir, p->dir_len, "src", 3)) ||
	    (!p && sk_buf_adds(&dir, "src")))
		return rc;
	rc = sk_buf_ok(&dir);
	if (!rc)
		rc = below(r, dir.ptr, dir.len, spec + 2, strlen(spec + 2), ts, out);
	if (!rc && *out == SK_PATHS_NONE)
		rc = below(r, dir.ptr, dir.len - (dir.len > 3 ? 4 : 3), spec + 2, strlen(spec + 2),
		           ts, out);
	sk_buf_free(&dir);
	return rc;
}

static int by_name(struct sk_resolver *r, const struct sk_want *w, const char *spec, bool ts,
                   uint32_t *out, enum sk_outcome *outcome)
{
	struct sk_js_package *here, *p = NULL;
	struct sk_buf sub = SK_BUF_INIT;
	size_t len = strcspn(spec, "/");
	int rc;

	*outcome = SK_TO_OUTSIDE;
	if (*spec == '@' && spec[len])
		len += 1 + strcspn(spec + len + 1, "/");
	if ((*spec == '@' || *spec == '~') && spec[1] == '/') {
		*outcome = SK_TO_NOWHERE;
		return by_custom(r, w, spec, ts, out);
	}
	rc = sk_js_package_at(r, w->path, w->dir_len, &here);
	if (!rc && here)
		rc = sk_js_package_named(r, here, spec, len, &p);
	if (rc || !p)
		return rc;
	*outcome = SK_TO_NOWHERE;
	(void)sk_buf_addf(&sub, ".%s", spec + len);
	rc = sk_buf_ok(&sub);
	if (!rc)
		rc = in_package(r, p, sub.ptr, ts, out);
	sk_buf_free(&sub);
	return rc;
}

static int by_path(struct sk_resolver *r, const struct sk_want *w, const char *spec, size_t len,
                   bool ts, uint32_t *out, enum sk_outcome *outcome)
{
	struct sk_js_package *p;
	bool any = false;
	int rc = 0;

	if (*spec != '/') {
		rc = below(r, w->path, w->dir_len, spec, len, ts, out);
		if (!rc && *out == SK_PATHS_NONE)
			rc = platforms(r, w, spec, len, ts, &any);
		*outcome = any ? SK_TO_FILES : SK_TO_NOWHERE;
		return rc;
	}
	rc = sk_js_package_at(r, w->path, w->dir_len, &p);
	if (!rc && p)
		rc = below(r, p->dir, p->dir_len, spec, len, ts, out);
	if (!rc && *out == SK_PATHS_NONE)
		rc = below(r, "", 0, spec, len, ts, out);
	return rc;
}

static int resolve(struct sk_resolver *r, const struct sk_want *w, const char *spec, size_t len,
                   bool ts, int hops, uint32_t *out, enum sk_outcome *outcome)
{
	char *name = NULL;
	int rc;

	*outcome = SK_TO_NOWHERE;
	if (*spec == '.' || *spec == '/')
		return by_path(r, w, spec, len, ts, out, outcome);
	rc = by_alias(r, w, spec, len, ts, out);
	if (rc || *out != SK_PATHS_NONE)
		return rc;
	if (*spec != '#')
		return by_name(r, w, spec, ts, out, outcome);
	rc = by_imports(r, w, spec, ts, &name, out);
	if (!rc && name && hops)
		rc = resolve(r, w, name, strlen(name), ts, hops - 1, out, outcome);
	free(name);
	return rc;
}

/* In a .ts file ./a is a.d.ts to the compiler, and a.js when it runs. */
static int companion(struct sk_resolver *r, const struct sk_want *w, uint32_t file)
{
	const char *path = r->paths->path[file];
	size_t len = strlen(path);
	uint32_t js = SK_PATHS_NONE;

	if (!sk_ends(path, len, ".d.ts"))
		return 0;
	len -= 5;
	js = sk_paths_find_end(r->paths, path, len, sk_paths_hash(SK_PATHS_SEED, path, len), ".js");
	return js == SK_PATHS_NONE ? 0 : sk_target_file(w, js);
}

SK_RULE(sk_rule_js)
{
	const char *spec = w->import->spec, *bang = strrchr(spec, '!');
	bool ts = is_ts(w->path);
	struct sk_buf name = SK_BUF_INIT;
	uint32_t file = SK_PATHS_NONE;
	int rc;

	spec = bang ? bang + 1 : spec; /* webpack's loaders stand before it */
	(void)sk_buf_add(&name, spec, strcspn(spec, "?"));
	rc = sk_buf_ok(&name);
	if (!rc && (!name.len || sk_is_url(name.ptr))) {
		*outcome = SK_TO_OUTSIDE;
	} else if (!rc && w->import->kind == SK_IMPORT_LINK && !strchr("./#@~", *name.ptr)) {
		rc = by_path(r, w, name.ptr, name.len, ts, &file, outcome);
	} else if (!rc) {
		rc = resolve(r, w, name.ptr, name.len, ts, MAX_HOPS, &file, outcome);
	}
	sk_buf_free(&name);
	if (rc || file == SK_PATHS_NONE)
		return rc;
	*outcome = SK_TO_FILES;
	rc = sk_target_file(w, file);
	return rc ? rc : companion(r, w, file);
}
