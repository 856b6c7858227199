/* resolve_js.h - package.json and tsconfig.json, for the JavaScript rules alone.
 * Sources: Node.js "Modules: Packages" (exports, imports, conditions, patterns), TypeScript's
 * "Module Resolution" (paths, baseUrl, extends, .js for .ts). */
#ifndef SK_IMPACT_RESOLVE_JS_H
#define SK_IMPACT_RESOLVE_JS_H

#include "impact/resolve_parts.h"

struct sk_js_package {
	uint32_t file; /* its package.json */
	char *dir;
	size_t dir_len;
	json_t *json;            /* NULL: could not be read */
	bool looked;             /* at whether it is the root of a workspace */
	bool root;               /* it is: */
	struct sk_multi members; /* name -> number of the package */
};

struct sk_js_alias {
	char *prefix, *suffix; /* around the one "*"; suffix NULL: none, the whole name */
	char *base;            /* the folder that the targets start from */
	struct sk_strv target;
};

struct sk_js_ts {
	uint32_t file;
	char *base; /* baseUrl below the root; NULL: none */
	struct sk_js_alias *alias;
	size_t n;
};

struct sk_js {
	struct sk_js_package **package;
	size_t n_packages;
	struct sk_js_ts **ts;
	size_t n_ts;
	struct sk_multi package_of, ts_of; /* folder -> number + 1, or 0 */
};

int sk_js_state(struct sk_resolver *r, struct sk_js **out);
/* The package.json in that folder, or the nearest above; NULL: none. */
int sk_js_package_at(struct sk_resolver *r, const char *dir, size_t len,
                     struct sk_js_package **out);
/* The tsconfig.json or jsconfig.json that rules there; NULL: none. */
int sk_js_ts_at(struct sk_resolver *r, const char *dir, size_t len, struct sk_js_ts **out);
/* The package that `name` is for a file of `from`: itself, a workspace's, or one linked by path;
 * also where the packages around it are roots of workspaces.  NULL: none of the project. */
int sk_js_package_named(struct sk_resolver *r, struct sk_js_package *from, const char *name,
                        size_t len, struct sk_js_package **out);
/* The targets of `key` ("./x", ".", "#x") in an exports or imports value, in order of preference.
 */
int sk_js_map(const json_t *map, const char *key, struct sk_strv *out);

#endif
