/* Languages whose imports are paths, more or less: Ruby, PHP, shell, Protobuf, CMake, Make, SQL. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "impact/resolve_parts.h"

/* `spec` with one of the endings below a folder. */
static uint32_t at(struct sk_resolver *r, const char *dir, size_t len, const char *spec,
                   const char *const *end)
{
	uint32_t hash, file = SK_PATHS_NONE;

	if (!sk_path_join(&r->path, dir, len, spec, strlen(spec)) || r->path.oom || !r->path.len)
		return file;
	hash = sk_paths_hash(SK_PATHS_SEED, r->path.ptr, r->path.len);
	for (; *end && file == SK_PATHS_NONE; end++)
		file = sk_paths_find_end(r->paths, r->path.ptr, r->path.len, hash, *end);
	return file;
}

static const char *const as_is[] = { "", NULL };

static int take(const struct sk_want *w, uint32_t file, enum sk_outcome *outcome)
{
	if (file == SK_PATHS_NONE)
		return 0;
	*outcome = SK_TO_FILES;
	return sk_target_file(w, file);
}

/* In the file's folder, then in every folder above it, then in the configured roots. */
static uint32_t upwards(struct sk_resolver *r, const struct sk_want *w, const char *in,
                        const char *spec, const char *const *end)
{
	struct sk_buf full = SK_BUF_INIT;
	uint32_t file = SK_PATHS_NONE;
	const char *root;
	size_t dir = w->dir_len, len;

	(void)sk_buf_addf(&full, "%s%s", in, spec);
	for (; !full.oom; dir = sk_dir_len(w->path, dir)) {
		file = at(r, w->path, dir, full.ptr, end);
		if (file != SK_PATHS_NONE || !dir)
			break;
	}
	for (size_t i = 0; file == SK_PATHS_NONE && sk_config_root(r, i, &root, &len); i++)
		file = at(r, root, len, spec, end);
	sk_buf_free(&full);
	return file;
}

/* A path beside the file, else from the root, else the only one that ends so. */
SK_RULE(sk_rule_path)
{
	const char *spec = w->import->spec;
	uint32_t file = SK_PATHS_NONE;

	if (sk_is_url(spec)) {
		*outcome = SK_TO_OUTSIDE;
		return 0;
	}
	if (*spec != '/')
		file = at(r, w->path, w->dir_len, spec, as_is);
	if (file == SK_PATHS_NONE && *spec != '/' && *spec != '.')
		file = at(r, "", 0, spec, as_is);
	if (file != SK_PATHS_NONE || *spec == '/')
		return take(w, file, outcome);
	return sk_by_ending(r, w, spec, strlen(spec), false, outcome);
}

SK_RULE(sk_rule_ruby)
{
	static const char *const end[] = { ".rb", "", ".rake", NULL };
	static const char *const load_path[] = { "lib/", "", "test/", "spec/", "app/", "ext/" };
	const char *spec = w->import->spec;
	uint32_t file = SK_PATHS_NONE;
	struct sk_buf top = SK_BUF_INIT;

	if (w->import->kind == SK_IMPORT_QUOTE || *spec == '.') {
		file = at(r, w->path, w->dir_len, spec, end);
		if (file == SK_PATHS_NONE && *spec == '.') /* require "./x": from where it runs */
			file = upwards(r, w, "", spec, end);
		return take(w, file, outcome);
	}
	for (size_t i = 0; i < sizeof load_path / sizeof *load_path && file == SK_PATHS_NONE; i++)
		file = upwards(r, w, load_path[i], spec, end);
	if (file != SK_PATHS_NONE)
		return take(w, file, outcome);
	/* missing when a folder of ours has the name of its first part */
	(void)sk_buf_adds(&top, "lib/");
	(void)sk_buf_add(&top, spec, strcspn(spec, "/"));
	*outcome = strchr(spec, '/') && !top.oom && sk_paths_is_dir(r->paths, top.ptr, top.len)
	                   ? SK_TO_NOWHERE
	                   : SK_TO_OUTSIDE;
	sk_buf_free(&top);
	return 0;
}

/* PHP: PSR-4 by the longest prefix.  Source: https://www.php-fig.org/psr/psr-4/, composer.json's
 * schema. */

struct sk_php {
	struct sk_multi prefix; /* "App\" -> numbers in dir */
	struct sk_strv dir;     /* with "0" before those of psr-0, "4" else */
};

void sk_php_free(struct sk_php *php)
{
	if (php) {
		sk_multi_free(&php->prefix);
		sk_strv_free(&php->dir);
	}
	free(php);
}

static int add_prefix(struct sk_resolver *r, const char *base, size_t len, const char *prefix,
                      const json_t *dir, char kind)
{
	const json_t *one;
	struct sk_buf text = SK_BUF_INIT;
	const char *name = json_string_value(dir);
	size_t i;
	int rc = 0;

	if (name && sk_path_join(&r->path, base, len, name, strlen(name))) {
		(void)sk_buf_addf(&text, "%c%s", kind, sk_buf_str(&r->path));
		rc = sk_buf_ok(&text);
		if (!rc)
			rc = sk_strv_add(&r->php->dir, text.ptr);
		if (!rc)
			rc = sk_multi_add(&r->php->prefix, prefix, strlen(prefix),
			                  (uint32_t)r->php->dir.n - 1);
	}
	json_array_foreach(dir, i, one)
	{
		if (!rc && json_is_string(one))
			rc = add_prefix(r, base, len, prefix, one, kind);
	}
	sk_buf_free(&text);
	return rc;
}

static int take_composer(struct sk_resolver *r, uint32_t file)
{
	static const char *const section[] = { "autoload", "autoload-dev" };
	const char *path = r->paths->path[file], *prefix;
	size_t len = sk_dir_len(path, strlen(path));
	json_t *json = NULL, *dir;
	int rc = sk_resolver_json(r, file, &json);

	for (size_t i = 0; i < 4 && !rc; i++) {
		json_t *map = json_object_get(json_object_get(json, section[i / 2]),
		                              i % 2 ? "psr-0" : "psr-4");

		json_object_foreach(map, prefix, dir)
		{
			if (!rc)
				rc = add_prefix(r, path, len, prefix, dir, i % 2 ? '0' : '4');
		}
	}
	json_decref(json);
	return rc;
}

static int load_php(struct sk_resolver *r)
{
	int rc = 0;

	r->php = calloc(1, sizeof *r->php);
	if (!r->php)
		return sk_error_oom();
	for (uint32_t i = 0; i < r->paths->n && !rc; i++)
		if (sk_named(r->paths->path[i], "composer.json"))
			rc = take_composer(r, i);
	return rc;
}

/* The class below one folder of a prefix. */
static uint32_t class_file(struct sk_resolver *r, const char *dir, const char *name, size_t skip)
{
	static const char *const end[] = { ".php", ".inc", NULL };
	struct sk_buf rest = SK_BUF_INIT;
	uint32_t file = SK_PATHS_NONE;

	(void)sk_buf_adds(&rest, *dir == '0' ? name : name + skip);
	for (size_t i = 0; i < rest.len; i++)
		if (rest.ptr[i] == '\\')
			rest.ptr[i] = '/';
	if (!rest.oom)
		file = at(r, dir + 1, strlen(dir + 1), rest.ptr ? rest.ptr : "", end);
	sk_buf_free(&rest);
	return file;
}

static int by_class(struct sk_resolver *r, const struct sk_want *w, const char *name,
                    enum sk_outcome *outcome)
{
	size_t len = strlen(name);
	uint32_t found[16];

	*outcome = SK_TO_OUTSIDE;
	for (size_t n = len + 1; n-- > 0;) {
		const struct sk_multi_entry *e;
		size_t have = 0;

		if (n && name[n - 1] != '\\')
			continue;
		e = sk_multi_find(&r->php->prefix, name, n);
		if (!e && n)
			e = sk_multi_find(&r->php->prefix, name, n - 1);
		for (uint32_t i = 0; e && i < e->n && have < 16; i++) {
			found[have] = class_file(r, r->php->dir.item[e->item[i]], name, n);
			have += found[have] != SK_PATHS_NONE;
		}
		if (e && n)
			*outcome = SK_TO_NOWHERE;
		if (have) {
			found[0] = have == 1 ? found[0] : sk_nearest(r, w->path, found, have);
			*outcome = SK_TO_MANY;
			return take(w, found[0], outcome);
		}
	}
	return 0;
}

SK_RULE(sk_rule_php)
{
	const char *spec = w->import->spec;
	int rc = r->php ? 0 : load_php(r);

	if (rc)
		return rc;
	if (w->import->kind == SK_IMPORT_PLAIN || w->import->kind == SK_IMPORT_FROM ||
	    w->import->kind == SK_IMPORT_STATIC)
		return by_class(r, w, spec + (*spec == '\\'), outcome);
	spec += *spec == '/'; /* __DIR__ . "/x" */
	return take(w, upwards(r, w, "", spec, as_is), outcome);
}

SK_RULE(sk_rule_shell)
{
	const char *spec = w->import->spec;
	uint32_t file;

	if (*spec == '/' || *spec == '~') {
		*outcome = SK_TO_OUTSIDE;
		return 0;
	}
	file = upwards(r, w, "", spec, as_is);
	if (file != SK_PATHS_NONE || strchr(spec, '$'))
		return take(w, file, outcome);
	return sk_by_ending(r, w, spec, strlen(spec), true, outcome);
}

SK_RULE(sk_rule_proto)
{
	static const char *const in[] = { "", "proto/", "protos/", "src/" };
	const char *spec = w->import->spec;
	uint32_t file = SK_PATHS_NONE;
	int rc;

	for (size_t i = 0; i < 4 && file == SK_PATHS_NONE; i++)
		file = upwards(r, w, in[i], spec, as_is);
	if (file != SK_PATHS_NONE)
		return take(w, file, outcome);
	rc = sk_by_ending(r, w, spec, strlen(spec), true, outcome);
	if (!rc && *outcome == SK_TO_NOWHERE &&
	    (strncmp(spec, "google/", 7) == 0 || strncmp(spec, "validate/", 9) == 0))
		*outcome = SK_TO_OUTSIDE;
	return rc;
}

/* include(x), add_subdirectory(x): from this folder; a module by its name. */
SK_RULE(sk_rule_cmake)
{
	static const char *const end[] = { "", "/CMakeLists.txt", ".cmake", NULL };
	static const char *const module[] = { ".cmake", NULL };
	static const char *const here[] = { "CMAKE_CURRENT_SOURCE_DIR", "CMAKE_CURRENT_LIST_DIR",
		                            "PROJECT_SOURCE_DIR", "CMAKE_SOURCE_DIR" };
	const char *spec = w->import->spec, *close = strchr(spec, '}');
	uint32_t file = SK_PATHS_NONE;
	struct sk_buf name = SK_BUF_INIT;
	int rc = 0;

	for (size_t i = 0; *spec == '$' && close && i < 4; i++) {
		size_t n = strlen(here[i]);

		if (strncmp(spec + 2, here[i], n) == 0 && spec + 2 + n == close) {
			file = upwards(r, w, "", close + 1 + strspn(close + 1, "/"), end);
			return take(w, file, outcome);
		}
	}
	if (strchr(spec, '$'))
		return 0;
	file = upwards(r, w, "", spec, end);
	for (size_t i = 0; i < 2 && file == SK_PATHS_NONE; i++)
		file = upwards(r, w, i ? "cmake/Modules/" : "cmake/", spec, module);
	if (file != SK_PATHS_NONE)
		return take(w, file, outcome);
	(void)sk_buf_addf(&name, "%s.cmake", spec);
	rc = sk_buf_ok(&name);
	if (!rc)
		rc = sk_by_ending(r, w, name.ptr, name.len, false, outcome);
	sk_buf_free(&name);
	/* one of CMake's own modules is called by its name alone */
	if (!rc && *outcome == SK_TO_NOWHERE && !strpbrk(spec, "./"))
		*outcome = SK_TO_OUTSIDE;
	return rc;
}

SK_RULE(sk_rule_make)
{
	return take(w, upwards(r, w, "", w->import->spec, as_is), outcome);
}

/* \i starts from where psql runs, \ir from the file. */
SK_RULE(sk_rule_sql)
{
	return take(w, upwards(r, w, "", w->import->spec, as_is), outcome);
}
