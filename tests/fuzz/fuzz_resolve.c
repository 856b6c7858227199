/* fuzz_resolve.c - where imports lead: tsconfig.json, package.json, go.mod, Cargo.toml,
 * composer.json, compile_commands.json, and the specifiers.
 *
 * An input is a byte that chooses the rules, then parts with "FILE" between them, each a path, a
 * newline and the file's text; the last part is imports, one a line, the first byte of each its
 * kind.  Every target is a file or a package, and the same question has the same answer. */
#include "fuzz.h"

#include <sys/stat.h>

#include "base/error.h"
#include "impact/resolve.h"

enum { FILES = 24 };

static struct project {
	char *path[FILES];
	struct fuzz_in text[FILES];
	uint32_t n;
} project;

static int read_file(void *ctx, uint32_t file, struct sk_buf *out)
{
	const struct project *p = ctx;

	HOLDS(file < p->n);
	return sk_buf_add(out, p->text[file].p, p->text[file].n);
}

static bool is_path(const char *path)
{
	for (const char *p = path; *p;) {
		size_t len = strcspn(p, "/");

		if (!len || (len <= 2 && strncmp(p, "..", len) == 0))
			return false;
		p += len;
		if (*p && !*++p)
			return false;
	}
	return *path;
}

/* In order; what is no path, or there already, is left out. */
static void add_file(struct project *p, struct fuzz_in part)
{
	struct fuzz_in name = fuzz_part(&part, "\n");
	char *path = fuzz_string(name);
	uint32_t at = 0;

	while (at < p->n && strcmp(p->path[at], path) < 0)
		at++;
	if (!is_path(path) || p->n == FILES || (at < p->n && strcmp(p->path[at], path) == 0)) {
		free(path);
		return;
	}
	memmove(&p->path[at + 1], &p->path[at], (p->n - at) * sizeof *p->path);
	memmove(&p->text[at + 1], &p->text[at], (p->n - at) * sizeof *p->text);
	if (strcmp(path, "compile_commands.json") == 0)
		fuzz_store("wt/compile_commands.json", part.p, part.n);
	p->path[at] = path;
	p->text[at] = part;
	p->n++;
}

static void ask(struct sk_resolver *r, unsigned rules, const struct sk_import *import)
{
	struct sk_targets one = { 0 }, two = { 0 };
	enum sk_outcome first, second;

	for (uint32_t file = 0; file < project.n; file += 3) {
		one.n = two.n = 0;
		HOLDS(sk_resolve(r, file, rules, import, &one, &first) == 0);
		HOLDS(sk_resolve(r, file, rules, import, &two, &second) == 0);
		HOLDS(first == second && one.n == two.n);
		HOLDS(first >= SK_TO_FILES && first <= SK_TO_MANY);
		HOLDS(first == SK_TO_FILES || !one.n);
		for (size_t i = 0; i < one.n; i++) {
			HOLDS(one.node[i] == two.node[i]);
			HOLDS((one.node[i] & ~SK_EDGE_WEAK) < project.n + sk_resolver_packages(r));
		}
		HOLDS(sk_resolve_implicit(r, file, rules, &one) == 0);
	}
	sk_targets_free(&one);
	sk_targets_free(&two);
}

static void try_imports(struct sk_resolver *r, unsigned rules, struct fuzz_in in)
{
	for (unsigned n = 0; in.n && n < 12; n++) {
		struct fuzz_in line = fuzz_part(&in, "\n");
		unsigned kind = fuzz_byte(&line) % SK_IMPORT_UNREADABLE;
		char *spec = fuzz_string(fuzz_part(&line, "\t")), *name = fuzz_string(line);
		struct sk_import import = { .spec = spec,
			                    .name = *name ? name : NULL,
			                    .line = 1,
			                    .kind = (uint8_t)(kind + 1) };
		struct sk_imports declared = { .item = &import, .n = 1 };

		if (*spec && import.kind == SK_IMPORT_PACKAGE && sk_resolver_declares(rules))
			HOLDS(sk_resolver_declare(r, 0, rules, &declared) == 0);
		else if (*spec && import.kind < SK_IMPORT_PACKAGE)
			ask(r, rules, &import);
		free(spec);
		free(name);
	}
}

FUZZ(resolve)
{
	static const char *const names[] = { "javascript", "python", "c",     "go",   "java",
		                             "kotlin",     "csharp", "rust",  "ruby", "php",
		                             "shell",      "proto",  "cmake", "make", "css",
		                             "html",       "sql",    "path" };
	static char worktree[4096];
	struct fuzz_in in = { data, size };
	unsigned rules = sk_resolver_rules(names[fuzz_byte(&in) % (sizeof names / sizeof *names)]);
	struct sk_resolver_source source = { .read = read_file, .ctx = &project };
	struct sk_resolver *r = NULL;
	struct sk_paths set;

	if (!*worktree) {
		(void)snprintf(worktree, sizeof worktree, "%s", fuzz_path("wt"));
		HOLDS(mkdir(worktree, 0755) == 0);
	}
	(void)unlink(fuzz_path("wt/compile_commands.json"));
	while (memmem(in.p, in.n, "FILE", 4))
		add_file(&project, fuzz_part(&in, "FILE"));
	source.worktree = worktree;
	source.paths = &set;
	if (project.n) {
		HOLDS(sk_paths_init(&set, (const char *const *)project.path, project.n) == 0);
		HOLDS(sk_resolver_new(&source, &r) == 0);
		try_imports(r, rules, in);
		sk_resolver_free(r);
		sk_paths_clear(&set);
	}
	while (project.n)
		free(project.path[--project.n]);
	return 0;
}
