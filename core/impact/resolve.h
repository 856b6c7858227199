/* resolve.h - which file of the project an import leads to.
 *
 * A resolution is a function of the set of paths, of the settings that say where to look
 * (tsconfig.json, package.json, go.mod, Cargo.toml, composer.json, compile_commands.json,
 * impact.roots) and of the importing file's path; never of other files' text, but for the packages
 * and namespaces that they say they are part of.
 *
 * The rules are chosen by name (sk_language_resolver):
 *   python javascript c go java kotlin csharp rust ruby php shell proto cmake make css html
 *   markdown sql
 * Any other name: a path beside the file, else below the root, else a unique end of a path.
 *
 * Outside or missing?  A name is outside the project when its rules say where it would have to be
 * and nothing of the project begins like it: a bare JavaScript specifier that is no alias, no
 * workspace and not the package itself; a Python module whose first part is nowhere in the project;
 * a <header>; a Go path under no module of the project; a URL.  What begins like something of the
 * project, or is written as a path, and is not there, is missing. */
#ifndef SK_IMPACT_RESOLVE_H
#define SK_IMPACT_RESOLVE_H

#include "impact/extract.h"
#include "impact/paths.h"
#include "repo/config.h"

/* Numbers below paths->n are files; those from there on are packages: what a file uses of Go, of a
 * JVM or .NET language is often "all files of that package", and a node for it saves the square. */
#define SK_EDGE_WEAK 0x80000000u /* it runs or counts too, but nothing of it was named */

enum sk_outcome {
	SK_TO_FILES = 1, /* targets were added (none: it is there, but no file: a folder, itself) */
	SK_TO_OUTSIDE,
	SK_TO_NOWHERE,
	SK_TO_MANY /* two or more could be meant; no target was added */
};

struct sk_targets {
	uint32_t *node;
	size_t n, cap;
};
int sk_targets_add(struct sk_targets *targets, uint32_t node);
void sk_targets_free(struct sk_targets *targets);

struct sk_resolver;

struct sk_resolver_source {
	const struct sk_paths *paths;
	/* the bytes of a file of the state, for settings; a failure counts as an empty file */
	int (*read)(void *ctx, uint32_t file, struct sk_buf *out);
	void *ctx;
	const char *worktree; /* where compile_commands.json is looked for; NULL: nowhere */
	const struct sk_config *config; /* NULL: none */
};

int sk_resolver_new(const struct sk_resolver_source *source, struct sk_resolver **out);
void sk_resolver_free(struct sk_resolver *resolver);

/* The rules called so: a small number, to be kept for the calls below. */
unsigned sk_resolver_rules(const char *name);
/* Whether its files say what package they are part of; and whether imports name whole packages. */
bool sk_resolver_declares(unsigned rules);
bool sk_resolver_by_package(unsigned rules);

/* First, for every file of a language: what packages it is part of. */
int sk_resolver_declare(struct sk_resolver *resolver, uint32_t file, unsigned rules,
                        const struct sk_imports *imports);
/* Or: a package as an earlier resolver had it, in the order of its numbers. */
int sk_resolver_seed(struct sk_resolver *resolver, const char *package, const uint32_t *member,
                     size_t n);
/* Then: one import; and what every file uses without saying so. */
int sk_resolve(struct sk_resolver *resolver, uint32_t file, unsigned rules,
               const struct sk_import *import, struct sk_targets *targets,
               enum sk_outcome *outcome);
int sk_resolve_implicit(struct sk_resolver *resolver, uint32_t file, unsigned rules,
                        struct sk_targets *targets);

size_t sk_resolver_packages(const struct sk_resolver *resolver);
const char *sk_resolver_package(const struct sk_resolver *resolver, size_t i,
                                const uint32_t **member, size_t *n);
/* The files that were read for their settings, in no order; and whatever outside the state was
 * looked at, as "path mtime size" lines. */
size_t sk_resolver_inputs(const struct sk_resolver *resolver, const uint32_t **file);
const char *sk_resolver_outside(const struct sk_resolver *resolver);
/* The same text made anew: when it is another, nothing that was resolved before holds. */
int sk_resolver_outside_now(const char *worktree, struct sk_buf *out);

#endif
