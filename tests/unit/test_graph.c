/* The graph: after any edits the one from the caches says what one from nothing says. */
#include "repo_scratch.h"

#include "capture/backup.h"
#include "impact/graph_parts.h"
#include "impact/impact.h"

static unsigned long seed;

static unsigned pick(unsigned n)
{
	seed = seed * 6364136223846793005UL + 1442695040888963407UL;
	return (unsigned)(seed >> 33) % n;
}

static struct sk_repo *repo;

static struct sk_graph *graph(enum sk_graph_state state, bool fresh)
{
	struct sk_graph_opts opts = { .state = state, .fresh = fresh, .threads = 2 };
	struct sk_graph *g = NULL;

	if (sk_graph_open(repo, &opts, &g))
		fail_msg("%s", sk_error_message());
	return g;
}

/* All that a graph says, as text. */
static void tell(const struct sk_graph *g, struct sk_buf *out)
{
	const struct sk_graph_counts *c = sk_graph_counts(g);
	const struct sk_graph_issue *issue;
	size_t n = sk_graph_issues(g, &issue);

	sk_buf_clear(out);
	(void)sk_buf_addf(out, "%zu %zu %zu %zu %zu\n", c->files, c->external, c->unresolved,
	                  c->ambiguous, c->unread);
	for (uint32_t i = 0; i < sk_graph_n(g); i++) {
		const uint32_t *list;
		const char *language = sk_graph_language(g, i);

		(void)sk_buf_addf(out, "%s %s %d %u:", sk_graph_path(g, i),
		                  language ? language : "-", sk_graph_is_test(g, i),
		                  g->link[i].external);
		for (size_t k = 0, m = sk_graph_uses(g, i, &list); k < m; k++)
			(void)sk_buf_addf(out, " %s", sk_graph_path(g, list[k]));
		(void)sk_buf_adds(out, " <");
		for (size_t k = 0, m = sk_graph_used_by(g, i, &list); k < m; k++)
			(void)sk_buf_addf(out, " %s", sk_graph_path(g, list[k]));
		(void)sk_buf_addc(out, '\n');
	}
	for (size_t i = 0; i < n; i++)
		(void)sk_buf_addf(out, "%s:%u %d %s\n", sk_graph_path(g, issue[i].file),
		                  issue[i].line, (int)issue[i].kind, issue[i].spec);
	assert_int_equal(sk_buf_ok(out), 0);
}

static void same_as_fresh(enum sk_graph_state state, int step)
{
	struct sk_buf a = SK_BUF_INIT, b = SK_BUF_INIT;
	struct sk_graph *kept = graph(state, false), *fresh = graph(state, true);

	tell(kept, &a);
	tell(fresh, &b);
	if (strcmp(a.ptr, b.ptr) != 0) {
		size_t at = 0;

		while (a.ptr[at] == b.ptr[at])
			at++;
		while (at && a.ptr[at - 1] != '\n')
			at--;
		fail_msg("step %d, state %d: kept\n%.300s\nfresh\n%.300s", step, (int)state,
		         a.ptr + at, b.ptr + at);
	}
	sk_graph_close(kept);
	sk_graph_close(fresh);
	sk_buf_free(&a);
	sk_buf_free(&b);
}

/* A path of the small world, or a line that imports one: names collide on purpose. */
static void some_path(char *out, size_t size)
{
	static const char *const dir[] = { "", "a/", "a/b/", "lib/", "src/pkg/" };
	static const char *const name[] = { "x", "y", "index", "__init__", "z_test", "mod" };
	static const char *const ext[] = { ".ts", ".js", ".py", ".go",   ".java",
		                           ".rs", ".h",  ".c",  ".d.ts", ".cs" };

	(void)snprintf(out, size, "%s%s%s", dir[pick(5)], name[pick(6)], ext[pick(10)]);
}

static void some_line(FILE *f, const char *path)
{
	static const char *const word[] = { "x", "y", "index", "z_test", "mod", "b", "pkg" };
	static const char *const up[] = { "./", "../", "./b/", "../lib/", "@p/", "" };
	const char *w = word[pick(7)], *ext = strrchr(path, '.');

	if (strcmp(ext, ".py") == 0)
		(void)fprintf(f, pick(2) ? "from .%s import %s\n" : "import %s.%s\n", w,
		              word[pick(7)]);
	else if (strcmp(ext, ".go") == 0)
		(void)fprintf(f, "package p\nimport \"example.org/m/%s\"\n", pick(2) ? "a/b" : w);
	else if (strcmp(ext, ".java") == 0)
		(void)fprintf(f, "package org.%s;\nimport org.%s.%s;\n", word[pick(2)],
		              word[pick(2)], w);
	else if (strcmp(ext, ".cs") == 0)
		(void)fprintf(f, "using Org.%s;\nnamespace Org.%s { class C {} }\n", word[pick(2)],
		              word[pick(2)]);
	else if (strcmp(ext, ".rs") == 0)
		(void)fprintf(f, pick(2) ? "mod %s;\n" : "use crate::%s::T;\n", w);
	else if (strcmp(ext, ".h") == 0 || strcmp(ext, ".c") == 0)
		(void)fprintf(f, "#include \"%s%s.h\"\n", pick(2) ? "" : "b/", w);
	else
		(void)fprintf(f, "import '%s%s'\n", up[pick(6)], w);
}

static void write_some(const char *path)
{
	FILE *f;

	(void)sh("mkdir -p \"$(dirname %s)\"", path);
	f = fopen(path, "w");
	assert_non_null(f);
	for (unsigned n = pick(5); n; n--)
		some_line(f, path);
	(void)fprintf(f, "\n");
	assert_int_equal(fclose(f), 0);
}

static void write_settings(void)
{
	static const char *const tsconfig[] = {
		"{\"compilerOptions\": {\"paths\": {\"@p/*\": [\"./a/*\"]}}}",
		"{\"compilerOptions\": {\"baseUrl\": \"./lib\"}}", "{", "{}"
	};
	static const char *const go[] = { "module example.org/m\n",
		                          "module example.org/m\nreplace example.org/m/x => ./a\n",
		                          "" };
	FILE *f = fopen(pick(2) ? "tsconfig.json" : "a/tsconfig.json", "w");

	if (f) {
		(void)fputs(tsconfig[pick(4)], f);
		(void)fclose(f);
	}
	f = fopen("go.mod", "w");
	assert_non_null(f);
	(void)fputs(go[pick(3)], f);
	(void)fclose(f);
	(void)sh("printf '[package]\nname = \"m%u\"\n' >Cargo.toml", pick(2));
}

static void edit(void)
{
	char path[64];

	some_path(path, sizeof path);
	switch (pick(8)) {
	case 0:
		(void)sh("rm -f %s", path);
		break;
	case 1:
		write_settings();
		break;
	case 2:
		(void)sh("rm -f tsconfig.json");
		break;
	default:
		write_some(path);
	}
}

static void open_it(void)
{
	(void)sh("git init -q . && mkdir -p .git/sk a && : >.git/sk/installed");
	assert_int_equal(sk_repo_open(".", &repo), 0);
	assert_true(repo->enabled);
}

static void kept_is_fresh(void **state)
{
	(void)state;
	scratch_open();
	seed = 20261123;
	open_it();
	for (int i = 0; i < 60; i++)
		edit();
	for (int step = 0; step < 120; step++) {
		for (unsigned n = 1 + pick(3); n; n--)
			edit();
		if (pick(3) == 0)
			(void)sh("git add -A .");
		if (pick(10) == 0)
			(void)sh("rm -f .git/sk/graph-staged");
		same_as_fresh(SK_GRAPH_WORKTREE, step);
		same_as_fresh(SK_GRAPH_STAGED, step);
	}
	sk_repo_close(repo);
	scratch_close();
}

/* All that edit() may touch. */
static void all_paths(struct sk_strv *out)
{
	static const char *const other[] = { "a/",     "lib/",       "src/",
		                             "go.mod", "Cargo.toml", "tsconfig.json" };
	char path[64];

	for (size_t i = 0; i < sizeof other / sizeof *other; i++)
		assert_int_equal(sk_strv_add(out, other[i]), 0);
	for (int i = 0; i < 3000; i++) {
		some_path(path, sizeof path);
		if (!strchr(path, '/') && !sk_strv_has(out, path))
			assert_int_equal(sk_strv_add(out, path), 0);
	}
	sk_strv_sort(out);
}

/* The state may be in two files, of which the second has what a later backup looked at alone. */
static void state_in_parts(void **state)
{
	struct sk_strv changed = SK_STRV_INIT;
	struct sk_backup_opts opts = { .kind = SK_BACKUP, .trigger = "test", .wait_seconds = 60 };
	struct sk_buf with = SK_BUF_INIT, without = SK_BUF_INIT;
	int parts = 0;

	(void)state;
	scratch_open();
	seed = 4711;
	open_it();
	for (int i = 0; i < 60; i++)
		edit();
	all_paths(&changed);
	(void)sh("git add -A .");
	for (int step = 0; step < 30; step++) {
		struct sk_backup_result r = { 0 };
		struct sk_graph *g;

		edit();
		opts.changed = step ? &changed : NULL;
		assert_int_equal(sk_backup(repo, &opts, &r), 0);
		sk_backup_result_clear(&r);
		parts += access(".git/sk/state-delta", F_OK) == 0;
		edit();
		same_as_fresh(SK_GRAPH_WORKTREE, step);
		g = graph(SK_GRAPH_WORKTREE, false);
		tell(g, &with);
		sk_graph_close(g);
		(void)sh("mkdir -p ../aside && mv .git/sk/state* ../aside");
		g = graph(SK_GRAPH_WORKTREE, true);
		tell(g, &without);
		sk_graph_close(g);
		(void)sh("mv ../aside/state* .git/sk");
		assert_string_equal(with.ptr, without.ptr);
		sk_buf_clear(&with);
		sk_buf_clear(&without);
	}
	assert_true(parts > 5);
	sk_buf_free(&with);
	sk_buf_free(&without);
	sk_strv_free(&changed);
	sk_repo_close(repo);
	scratch_close();
}

/* Breadth first by hand, over what the graph says: the distances and ways must be right. */
static void distances_are_shortest(void **state)
{
	struct sk_graph *g;
	struct sk_touched_set changes = { 0 };
	struct sk_strv named = SK_STRV_INIT;
	struct sk_impact impact;
	uint32_t *distance, source[2] = { 0, 0 };
	size_t affected = 0;
	bool more = true;

	(void)state;
	scratch_open();
	seed = 7;
	open_it();
	for (int i = 0; i < 200; i++) {
		char path[64];

		some_path(path, sizeof path);
		if (!strstr(path, ".py")) /* weak edges lead on differently */
			write_some(path);
	}
	g = graph(SK_GRAPH_WORKTREE, true);
	for (uint32_t i = 0, most = 0; i < sk_graph_n(g);
	     i++) { /* the two that are used most, or so */
		const uint32_t *list;
		uint32_t n = (uint32_t)sk_graph_used_by(g, i, &list);

		if (n < most)
			continue;
		most = n;
		source[1] = source[0];
		source[0] = i;
	}
	assert_int_equal(sk_strv_add(&named, sk_graph_path(g, source[0])), 0);
	assert_int_equal(sk_strv_add(&named, sk_graph_path(g, source[1])), 0);
	assert_int_equal(sk_touched_named(repo, g, &named, &changes), 0);
	assert_int_equal(sk_impact_of(repo, g, &changes, 0, &impact), 0);
	distance = malloc(sk_graph_n(g) * sizeof *distance);
	assert_non_null(distance);
	for (uint32_t i = 0; i < sk_graph_n(g); i++)
		distance[i] = i == source[0] || i == source[1] ? 0 : UINT32_MAX;
	for (uint32_t d = 0; more; d++) {
		more = false;
		for (uint32_t i = 0; i < sk_graph_n(g); i++) {
			const uint32_t *list;
			size_t n = distance[i] == UINT32_MAX ? sk_graph_uses(g, i, &list) : 0;

			for (size_t k = 0; k < n; k++)
				if (distance[list[k]] == d) {
					distance[i] = d + 1;
					more = true;
				}
		}
	}
	for (size_t i = 0; i < impact.n_affected; i++) {
		const struct sk_affected *a = &impact.affected[i];
		struct sk_strv way = SK_STRV_INIT;

		assert_int_equal(a->distance, distance[sk_graph_find(g, a->path)]);
		assert_int_equal(distance[sk_graph_find(g, a->via)], a->distance - 1);
		assert_int_equal(sk_impact_why(&impact, a->path, &way), 0);
		assert_int_equal(way.n, a->distance + 1);
		sk_strv_free(&way);
		if (i)
			assert_true(a[-1].distance <= a->distance);
	}
	for (uint32_t i = 0; i < sk_graph_n(g); i++)
		affected += distance[i] != UINT32_MAX && distance[i] != 0;
	assert_int_equal(affected, impact.n_affected);
	assert_true(affected > 5);
	free(distance);
	sk_impact_clear(&impact);
	sk_touched_clear(&changes);
	sk_strv_free(&named);
	sk_graph_close(g);
	sk_repo_close(repo);
	scratch_close();
}

static void put(struct sk_imports_cache *c, const struct sk_languages *l, unsigned i)
{
	const struct sk_language *language = sk_languages_at(l, i % sk_languages_count(l));
	char spec[32];
	struct sk_import one[2] = { { spec, NULL, i, SK_IMPORT_PLAIN, false },
		                    { "b", i % 2 ? "name" : NULL, i + 1, SK_IMPORT_FROM, true } };
	struct sk_imports all = { .item = one, .n = 1 + i % 2, .cut = i % 5 == 0 };
	struct sk_oid oid;

	(void)snprintf(spec, sizeof spec, "spec-%u", i);
	sk_hash_object(SK_OBJ_BLOB, spec, strlen(spec), &oid);
	assert_int_equal(
	        sk_imports_cache_put(c, &oid, i % 3 ? language : NULL, language, &all, i % 7 == 0),
	        0);
}

/* How many of the records are there, each of them right. */
static unsigned look(struct sk_imports_cache *c, const struct sk_languages *l, unsigned n)
{
	unsigned found = 0;

	for (unsigned i = 0; i < n; i++) {
		const struct sk_language *language = sk_languages_at(l, i % sk_languages_count(l));
		struct sk_cached have;
		struct sk_oid oid;
		char spec[32];

		(void)snprintf(spec, sizeof spec, "spec-%u", i);
		sk_hash_object(SK_OBJ_BLOB, spec, strlen(spec), &oid);
		if (sk_imports_cache_get(c, &oid, i % 3 ? language : NULL, &have))
			continue;
		found++;
		assert_ptr_equal(have.language, language);
		assert_int_equal(have.unread, i % 7 == 0);
		assert_int_equal(have.imports.cut, i % 5 == 0);
		assert_int_equal(have.imports.n, 1 + i % 2);
		assert_string_equal(have.imports.item[0].spec, spec);
		assert_int_equal(have.imports.item[0].line, i);
		if (i % 2)
			assert_string_equal(have.imports.item[1].name, "name");
		sk_cached_clear(&have);
	}
	return found;
}

static void imports_are_kept(void **state)
{
	enum { N = 500 };
	struct sk_strv problems = SK_STRV_INIT;
	struct sk_languages *l = NULL;
	struct sk_imports_cache *c = NULL;
	struct sk_buf file = SK_BUF_INIT;

	(void)state;
	scratch_open();
	assert_int_equal(sk_languages_load(&problems, &l), 0);
	assert_int_equal(sk_imports_cache_open("c", l, &c), 0);
	assert_int_equal(look(c, l, N), 0);
	for (unsigned i = 0; i < N; i++)
		put(c, l, i);
	sk_imports_cache_save(c, "c");
	sk_imports_cache_close(c);
	assert_int_equal(sk_imports_cache_open("c", l, &c), 0);
	assert_int_equal(look(c, l, N), N);
	/* more of them, beside the old */
	for (unsigned i = N; i < N + 10; i++)
		put(c, l, i);
	sk_imports_cache_save(c, "c");
	sk_imports_cache_close(c);
	assert_int_equal(sk_imports_cache_open("c", l, &c), 0);
	assert_int_equal(look(c, l, N + 10), N + 10);
	sk_imports_cache_close(c);
	/* damage anywhere: fewer records, never a wrong one */
	assert_int_equal(sk_read_file(AT_FDCWD, "c", 1u << 24, &file), 0);
	seed = 1;
	for (int i = 0; i < 200; i++) {
		size_t at = pick((unsigned)file.len);
		char was = file.ptr[at];
		unsigned found;

		file.ptr[at] = (char)(was ^ (1 << pick(8)));
		assert_int_equal(sk_write_file(AT_FDCWD, "d", file.ptr,
		                               i % 10 ? file.len : pick((unsigned)file.len), 0600,
		                               false),
		                 0);
		assert_int_equal(sk_imports_cache_open("d", l, &c), 0);
		found = look(c, l, N + 10);
		assert_true(found < N + 10);
		sk_imports_cache_close(c);
		file.ptr[at] = was;
	}
	sk_buf_free(&file);
	sk_languages_free(l);
	sk_strv_free(&problems);
	scratch_close();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(imports_are_kept),
		cmocka_unit_test(distances_are_shortest),
		cmocka_unit_test(kept_is_fresh),
		cmocka_unit_test(state_in_parts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
