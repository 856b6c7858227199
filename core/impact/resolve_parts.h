/* resolve_parts.h - what the resolve*.c files share; nobody else's business.
 *
 * A rule set is given the import and adds targets.  It returns 0 and sets *outcome, or fails for
 * want of memory only.  Settings are read when first needed and kept. */
#ifndef SK_IMPACT_RESOLVE_PARTS_H
#define SK_IMPACT_RESOLVE_PARTS_H

#include <jansson.h>

#include "impact/resolve.h"

struct sk_multi_entry {
	char *key;
	uint32_t *item;
	uint32_t n, cap;
};

struct sk_multi { /* text -> numbers, in the order they were added */
	struct sk_multi_entry *entry;
	size_t n, cap;
	uint32_t *slot; /* entry + 1 */
	uint32_t mask;
};
/* The entry of the key, made when it is not there; NULL: out of memory. */
struct sk_multi_entry *sk_multi_key(struct sk_multi *m, const char *key, size_t len);
const struct sk_multi_entry *sk_multi_find(const struct sk_multi *m, const char *key, size_t len);
int sk_multi_add(struct sk_multi *m, const char *key, size_t len, uint32_t value);
void sk_multi_free(struct sk_multi *m);

struct sk_resolver {
	struct sk_resolver_source source;
	struct sk_paths *paths;   /* the source's, its lookup by ending included */
	struct sk_multi packages; /* "go:DIR", "ns:A.B" -> members */
	struct sk_multi types;    /* "A.B.Type" -> files */
	struct sk_targets inputs;
	bool *seen; /* for each file: is one of them */
	struct sk_buf outside, path, text;
	struct sk_js *js;
	struct sk_python *python;
	struct sk_c *c;
	struct sk_go *go;
	struct sk_rust *rust;
	struct sk_php *php;
};

struct sk_want { /* one import to resolve */
	uint32_t file;
	const char *path; /* of the importing file */
	size_t dir_len;   /* of its folder */
	const struct sk_import *import;
	struct sk_targets *out;
};

/* resolve.c */
static inline uint32_t sk_find(const struct sk_resolver *r, const struct sk_buf *path)
{
	return path->oom ? SK_PATHS_NONE : sk_paths_find(r->paths, sk_buf_str(path), path->len);
}
/* Adds the file unless it is the importing one itself. */
int sk_target_file(const struct sk_want *w, uint32_t file);
/* A file of the state, as text at the end of `out`; noted as an input.  Missing or bad: nothing. */
int sk_resolver_read(struct sk_resolver *r, uint32_t file, struct sk_buf *out);
/* The same parsed; comments and commas before a closing bracket are taken out first.  *out is NULL
 * when it is no JSON object.  The caller drops the reference. */
int sk_resolver_json(struct sk_resolver *r, uint32_t file, json_t **out);
/* Files whose path ends so: none NOWHERE, one FILES, more: the one that shares the most folders
 * with the importing file when `nearest` and there is only one such, else MANY. */
int sk_by_ending(struct sk_resolver *r, const struct sk_want *w, const char *end, size_t len,
                 bool nearest, enum sk_outcome *outcome);
/* Of `n` files the one that shares the most folders with `path`; SK_PATHS_NONE when that is
 * several. */
uint32_t sk_nearest(const struct sk_resolver *r, const char *path, const uint32_t *file, size_t n);
/* "scheme:" or "//" at the start. */
bool sk_is_url(const char *spec);
/* The package's number as a node. */
int sk_package_node(struct sk_resolver *r, const char *name, size_t len, uint32_t *node);
/* impact.roots of the configuration: the i-th, without slashes at its end; false: no more. */
bool sk_config_root(const struct sk_resolver *r, size_t i, const char **root, size_t *len);
bool sk_ends(const char *text, size_t len, const char *end);
/* Whether that is the name of the file at `path`, in whatever folder. */
bool sk_named(const char *path, const char *name);
/* Lower-cased endings, ".tar.gz" not known: what follows the last dot of the name, "" without. */
const char *sk_ext(const char *path);

#define SK_RULE(name)                                                                              \
	int name(struct sk_resolver *r, const struct sk_want *w, enum sk_outcome *outcome)
SK_RULE(sk_rule_js);
SK_RULE(sk_rule_python);
SK_RULE(sk_rule_c);
SK_RULE(sk_rule_go);
SK_RULE(sk_rule_jvm);
SK_RULE(sk_rule_csharp);
SK_RULE(sk_rule_rust);
SK_RULE(sk_rule_ruby);
SK_RULE(sk_rule_php);
SK_RULE(sk_rule_shell);
SK_RULE(sk_rule_proto);
SK_RULE(sk_rule_cmake);
SK_RULE(sk_rule_make);
SK_RULE(sk_rule_css);
SK_RULE(sk_rule_link);
SK_RULE(sk_rule_sql);
SK_RULE(sk_rule_path);

int sk_python_implicit(struct sk_resolver *r, uint32_t file, struct sk_targets *out);
int sk_go_implicit(struct sk_resolver *r, uint32_t file, struct sk_targets *out);
int sk_types_declare(struct sk_resolver *r, uint32_t file, const struct sk_imports *imports);
int sk_types_seed(struct sk_resolver *r, const char *package, const uint32_t *member, size_t n);
int sk_c_outside(const char *worktree, struct sk_buf *out);

void sk_js_free(struct sk_js *js);
void sk_python_free(struct sk_python *python);
void sk_c_free(struct sk_c *c);
void sk_go_free(struct sk_go *go);
void sk_rust_free(struct sk_rust *rust);
void sk_php_free(struct sk_php *php);

#endif
