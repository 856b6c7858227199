/* Where imports lead: each language's rules on small projects, one import a line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "impact/resolve.h"

struct setting {
	const char *path, *text;
};

struct expect {
	const char *from;
	enum sk_import_kind kind;
	const char *spec, *name;
	const char
	        *to; /* paths in order, "~" before a weak one, "+" for a package; or OUTSIDE, ... */
};

static struct sk_strv path;
static const struct setting *settings;

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int read_file(void *ctx, uint32_t file, struct sk_buf *out)
{
	(void)ctx;
	for (const struct setting *s = settings; s && s->path; s++)
		if (strcmp(s->path, path.item[file]) == 0)
			return sk_buf_adds(out, s->text);
	return 0;
}

static int by_node(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a & ~SK_EDGE_WEAK, y = *(const uint32_t *)b & ~SK_EDGE_WEAK;

	return (x > y) - (x < y);
}

static void describe(const struct sk_resolver *r, struct sk_targets *t, enum sk_outcome outcome,
                     struct sk_buf *out)
{
	static const char *const word[] = { "", "", "OUTSIDE", "NOWHERE", "MANY" };

	sk_buf_clear(out);
	(void)sk_buf_adds(out, word[outcome]);
	if (t->n)
		qsort(t->node, t->n, sizeof *t->node, by_node);
	for (size_t i = 0; i < t->n; i++) {
		uint32_t node = t->node[i] & ~SK_EDGE_WEAK;
		const uint32_t *member;
		size_t n;

		(void)sk_buf_addf(out, "%s%s%s%s", out->len ? " " : "",
		                  t->node[i] & SK_EDGE_WEAK ? "~" : "", node < path.n ? "" : "+",
		                  node < path.n
		                          ? path.item[node]
		                          : sk_resolver_package(r, node - path.n, &member, &n));
	}
}

/* `files`: the project's paths, blanks between them.  `declare`: what some say they are part of. */
static void check(const char *rules, const char *files, const struct setting *texts,
                  const struct setting *declare, const struct expect *e)
{
	struct sk_paths set;
	struct sk_resolver *r = NULL;
	struct sk_resolver_source source = { &set, read_file, NULL, NULL, NULL };
	struct sk_targets targets = { 0 };
	struct sk_buf got = SK_BUF_INIT;
	unsigned number = sk_resolver_rules(rules);

	settings = texts;
	for (const char *p = files; *p;) {
		size_t n = strcspn(p, " ");

		assert_int_equal(sk_strv_addn(&path, p, n), 0);
		p += n + strspn(p + n, " ");
	}
	qsort(path.item, path.n, sizeof *path.item, by_text);
	assert_int_equal(sk_paths_init(&set, (const char *const *)path.item, (uint32_t)path.n), 0);
	assert_int_equal(sk_resolver_new(&source, &r), 0);
	for (const struct setting *d = declare; d && d->path; d++) {
		struct sk_import one = { d->text, NULL, 1, SK_IMPORT_PACKAGE, false };
		struct sk_imports all = { .item = &one, .n = 1 };

		assert_int_equal(sk_resolver_declare(r,
		                                     sk_paths_find(&set, d->path, strlen(d->path)),
		                                     number, &all),
		                 0);
	}
	for (; e->from; e++) {
		struct sk_import one = { e->spec, e->name, 1, (uint8_t)e->kind, false };
		enum sk_outcome outcome;
		uint32_t file = sk_paths_find(&set, e->from, strlen(e->from));

		assert_int_not_equal(file, SK_PATHS_NONE);
		targets.n = 0;
		assert_int_equal(sk_resolve(r, file, number, &one, &targets, &outcome), 0);
		describe(r, &targets, outcome, &got);
		if (strcmp(sk_buf_str(&got), e->to) != 0)
			fail_msg("%s: %s imports '%s' '%s': got '%s', want '%s'", rules, e->from,
			         e->spec, e->name ? e->name : "", sk_buf_str(&got), e->to);
	}
	sk_targets_free(&targets);
	sk_buf_free(&got);
	sk_resolver_free(r);
	sk_paths_clear(&set);
	sk_strv_free(&path);
}

#define P SK_IMPORT_PLAIN
#define F SK_IMPORT_FROM
#define Q SK_IMPORT_QUOTE
#define A SK_IMPORT_ANGLE

static void javascript_paths(void **state)
{
	static const struct expect e[] = {
		{ "src/a.ts", P, "./b.js", NULL, "src/b.ts" },
		{ "src/a.ts", P, "./b", NULL, "src/b.ts" },
		{ "src/a.ts", P, "./b?raw", NULL, "src/b.ts" },
		{ "src/a.ts", P, "./dir", NULL, "src/dir/index.tsx" },
		{ "src/a.ts", P, "./dir/", NULL, "src/dir/index.tsx" },
		{ "src/a.ts", P, "./both", NULL, "src/both.ts" },
		{ "src/a.ts", P, "./both/", NULL, "src/both/index.js" },
		{ "src/dir/index.tsx", P, "..", NULL, "src/index.js" },
		{ "src/dir/index.tsx", P, "../a", NULL, "src/a.ts" },
		{ "src/dir/index.tsx", P, ".", NULL, "" },
		{ "src/a.ts", P, "./m.mjs", NULL, "src/m.mts" },
		{ "src/a.ts", P, "./data.json", NULL, "src/data.json" },
		{ "src/a.ts", P, "./gone", NULL, "NOWHERE" },
		{ "src/a.ts", P, "../../out", NULL, "NOWHERE" },
		{ "src/a.ts", P, "./types.js", NULL, "src/types.d.ts src/types.js" },
		{ "src/index.js", P, "./types.js", NULL, "src/types.js" },
		{ "src/a.ts", P, "./native", NULL, "src/native.android.js src/native.ios.js" },
		{ "src/a.ts", P, "react", NULL, "OUTSIDE" },
		{ "src/a.ts", P, "@scope/x/y", NULL, "OUTSIDE" },
		{ "src/a.ts", P, "node:fs", NULL, "OUTSIDE" },
		{ "src/a.ts", P, "https://x.org/a.js", NULL, "OUTSIDE" },
		{ "src/a.ts", P, "raw-loader!./b", NULL, "src/b.ts" },
		{ "src/a.ts", P, "@/dir", NULL, "src/dir/index.tsx" },
		{ "src/a.ts", P, "@/none", NULL, "NOWHERE" },
		{ NULL, 0, NULL, NULL, NULL },
	};

	(void)state;
	check("javascript",
	      "src/a.ts src/b.ts src/dir/index.tsx src/both.ts src/both/index.js src/index.js "
	      "src/m.mts src/data.json src/types.d.ts src/types.js src/native.ios.js "
	      "src/native.android.js",
	      NULL, NULL, e);
}

static void tsconfig(void **state)
{
	static const struct setting s[] = {
		{ "tsconfig.base.json",
		  "{ // shared\n \"compilerOptions\": { /* * */ \"baseUrl\": "
		  "\".\", \"paths\": {\"@lib/*\": [\"libs/*/src\", "
		  "\"libs/*\"], \"@lib/core\": [\"libs/core/main.ts\"],},},}" },
		{ "apps/web/tsconfig.json", "{\"extends\": \"../../tsconfig.base\"}" },
		{ "apps/own/tsconfig.json",
		  "{\"extends\": [\"../../tsconfig.base.json\"], \"compilerOptions\": {\"paths\": "
		  "{\"~*\": [\"./src/*\"]}, \"baseUrl\": \".\"}}" },
		{ "apps/ref/tsconfig.json",
		  "{\"files\": [], \"references\": [{\"path\": \"./tsconfig.app.json\"}]}" },
		{ "apps/ref/tsconfig.app.json",
		  "{\"compilerOptions\": {\"paths\": {\"@/*\": [\"./code/*\"]}}}" },
		{ "loop/tsconfig.json", "{\"extends\": \"./tsconfig.json\"}" },
		{ NULL, NULL },
	};
	static const struct expect e[] = {
		{ "apps/web/a.ts", P, "@lib/core", NULL, "libs/core/main.ts" },
		{ "apps/web/a.ts", P, "@lib/ui", NULL, "libs/ui/src/index.ts" },
		{ "apps/web/a.ts", P, "@lib/ui/src/b", NULL, "libs/ui/src/b.ts" },
		{ "apps/web/a.ts", P, "libs/core/main", NULL, "libs/core/main.ts" },
		{ "apps/web/a.ts", P, "@lib/none", NULL, "OUTSIDE" },
		{ "apps/own/a.ts", P, "~x", NULL, "apps/own/src/x.ts" },
		{ "apps/own/a.ts", P, "@lib/core", NULL, "OUTSIDE" },
		{ "apps/ref/code/a.ts", P, "@/b", NULL, "apps/ref/code/b.ts" },
		{ "loop/a.ts", P, "x", NULL, "OUTSIDE" },
		{ NULL, 0, NULL, NULL, NULL },
	};

	(void)state;
	check("javascript",
	      "tsconfig.base.json apps/web/tsconfig.json apps/web/a.ts apps/own/tsconfig.json "
	      "apps/own/a.ts apps/own/src/x.ts apps/ref/tsconfig.json apps/ref/tsconfig.app.json "
	      "apps/ref/code/a.ts apps/ref/code/b.ts libs/core/main.ts libs/ui/src/index.ts "
	      "libs/ui/src/b.ts loop/tsconfig.json loop/a.ts",
	      s, NULL, e);
}

static void package_json(void **state)
{
	static const struct setting s[] = {
		{ "package.json", "{\"name\": \"root\", \"workspaces\": [\"packages/*\"]}" },
		{ "packages/a/package.json",
		  "{\"name\": \"@x/a\", \"exports\": {\".\": {\"types\": \"./dist/index.d.ts\", "
		  "\"import\": \"./dist/index.mjs\"}, \"./sub\": \"./lib/sub.js\", \"./f/*\": "
		  "\"./src/f/*.ts\", \"./f/private\": null}, \"imports\": {\"#in\": "
		  "\"./src/in.ts\", "
		  "\"#dep\": {\"node\": \"@x/b\"}, \"#p/*\": \"./src/f/*.ts\"}}" },
		{ "packages/b/package.json",
		  "{\"name\": \"@x/b\", \"main\": \"./code/start.js\"}" },
		{ "packages/c/package.json",
		  "{\"name\": \"c\", \"dependencies\": {\"linked\": \"file:../../other\"}}" },
		{ "other/package.json", "{\"name\": \"other\"}" },
		{ "fixtures/b/package.json", "{\"name\": \"react\"}" },
		{ NULL, NULL },
	};
	static const struct expect e[] = {
		{ "packages/b/code/start.js", P, "@x/a", NULL, "packages/a/src/index.ts" },
		{ "packages/b/code/start.js", P, "@x/a/sub", NULL, "packages/a/lib/sub.js" },
		{ "packages/b/code/start.js", P, "@x/a/f/one", NULL, "packages/a/src/f/one.ts" },
		{ "packages/b/code/start.js", P, "@x/a/f/private", NULL, "NOWHERE" },
		{ "packages/b/code/start.js", P, "react", NULL, "OUTSIDE" },
		{ "packages/a/src/in.ts", P, "@x/b", NULL, "packages/b/code/start.js" },
		{ "packages/a/src/in.ts", P, "@x/b/code/start", NULL, "packages/b/code/start.js" },
		{ "packages/a/src/in.ts", P, "#in", NULL, "" },
		{ "packages/a/src/in.ts", P, "#dep", NULL, "packages/b/code/start.js" },
		{ "packages/a/src/in.ts", P, "#p/one", NULL, "packages/a/src/f/one.ts" },
		{ "packages/a/src/in.ts", P, "#none", NULL, "NOWHERE" },
		{ "packages/a/src/in.ts", P, "@x/a/sub", NULL, "packages/a/lib/sub.js" },
		{ "packages/c/x.js", P, "linked", NULL, "other/index.js" },
		{ "other/index.js", P, "c", NULL, "NOWHERE" },
		{ NULL, 0, NULL, NULL, NULL },
	};

	(void)state;
	check("javascript",
	      "package.json packages/a/package.json packages/a/src/index.ts packages/a/lib/sub.js "
	      "packages/a/src/f/one.ts packages/a/src/in.ts packages/b/package.json "
	      "packages/b/code/start.js packages/c/package.json packages/c/x.js other/package.json "
	      "other/index.js fixtures/b/package.json fixtures/b/index.js",
	      s, NULL, e);
}

static void python(void **state)
{
	static const struct expect e[] = {
		{ "src/pkg/a.py", F, ".b", "x", "~src/pkg/__init__.py src/pkg/b.py" },
		{ "src/pkg/a.py", F, ".", "b", "~src/pkg/__init__.py src/pkg/b.py" },
		{ "src/pkg/a.py", F, ".", "thing", "src/pkg/__init__.py" },
		{ "src/pkg/__init__.py", F, ".a", "x", "src/pkg/a.py" },
		{ "src/pkg/sub/c.py", F, "..", "a", "~src/pkg/__init__.py src/pkg/a.py" },
		{ "src/pkg/sub/c.py", F, "..b", "*", "~src/pkg/__init__.py src/pkg/b.py" },
		{ "src/pkg/sub/c.py", F, "....b", "x", "NOWHERE" },
		{ "src/pkg/a.py", P, "pkg.sub.c", NULL,
		  "~src/pkg/__init__.py ~src/pkg/sub/__init__.py src/pkg/sub/c.py" },
		{ "src/pkg/a.py", F, "pkg.sub", "c",
		  "~src/pkg/__init__.py ~src/pkg/sub/__init__.py src/pkg/sub/c.py" },
		{ "src/pkg/a.py", F, "pkg.sub", "name",
		  "~src/pkg/__init__.py src/pkg/sub/__init__.py" },
		{ "src/pkg/a.py", F, "pkg.sub", "*",
		  "~src/pkg/__init__.py src/pkg/sub/__init__.py" },
		{ "src/pkg/a.py", P, "pkg.none", NULL, "NOWHERE" },
		{ "src/pkg/a.py", F, "pkg.none", "x", "NOWHERE" },
		{ "src/pkg/a.py", P, "os.path", NULL, "OUTSIDE" },
		{ "src/pkg/a.py", F, "pkg.stubbed", "x",
		  "~src/pkg/__init__.py src/pkg/stubbed.py src/pkg/stubbed.pyi" },
		{ "src/pkg/a.py", F, "pkg.twice", "x",
		  "~src/pkg/__init__.py src/pkg/twice/__init__.py" },
		{ "tests/test_a.py", F, "pkg.a", "x", "~src/pkg/__init__.py src/pkg/a.py" },
		{ "tests/test_a.py", P, "helper", NULL, "tests/helper.py" },
		{ "src/pkg/a.py", P, "helper", NULL, "OUTSIDE" },
		{ "tests/test_a.py", F, "tests", "helper", "tests/helper.py" },
		{ "src/pkg/a.py", F, "pkg.space", "m", "~src/pkg/__init__.py src/pkg/space/m.py" },
		{ NULL, 0, NULL, NULL, NULL },
	};
	static const struct expect many[] = {
		{ "app/main.py", P, "lib.x", NULL, "MANY" },
		{ "one/run.py", P, "lib.x", NULL, "~one/lib/__init__.py one/lib/x.py" },
		{ NULL, 0, NULL, NULL, NULL },
	};

	(void)state;
	check("python",
	      "src/pkg/__init__.py src/pkg/a.py src/pkg/b.py src/pkg/sub/__init__.py "
	      "src/pkg/sub/c.py "
	      "src/pkg/stubbed.py src/pkg/stubbed.pyi src/pkg/twice.py src/pkg/twice/__init__.py "
	      "src/pkg/space/m.py tests/test_a.py tests/helper.py",
	      NULL, NULL, e);
	check("python",
	      "one/lib/__init__.py one/lib/x.py two/lib/__init__.py two/lib/x.py app/main.py "
	      "one/run.py",
	      NULL, NULL, many);
}

static void c_includes(void **state)
{
	static const struct expect e[] = {
		{ "src/a.c", Q, "a.h", NULL, "src/a.h" },
		{ "src/a.c", Q, "util/b.h", NULL, "src/util/b.h" },
		{ "src/util/b.c", Q, "a.h", NULL, "src/a.h" },
		{ "src/util/b.c", Q, "../a.h", NULL, "src/a.h" },
		{ "src/a.c", A, "proj/api.h", NULL, "include/proj/api.h" },
		{ "src/a.c", A, "stdio.h", NULL, "OUTSIDE" },
		{ "src/a.c", A, "vector", NULL, "OUTSIDE" },
		{ "src/a.c", A, "GL/gl.h", NULL, "OUTSIDE" },
		{ "src/a.c", Q, "only.h", NULL, "deep/in/only.h" },
		{ "src/a.c", Q, "twice.h", NULL, "MANY" },
		{ "src/a.c", Q, "none.h", NULL, "NOWHERE" },
		{ NULL, 0, NULL, NULL, NULL },
	};

	(void)state;
	check("c",
	      "src/a.c src/a.h src/util/b.c src/util/b.h include/proj/api.h compat/stdio.h "
	      "deep/in/only.h x/y/twice.h z/twice.h",
	      NULL, NULL, e);
}

static void go(void **state)
{
	static const struct setting s[] = {
		{ "go.mod", "module example.org/m // here\n\nrequire x.org/y v1.0.0\nreplace (\n"
		            "\tother.org/lib v1 => ./fork\n)\n" },
		{ "tools/go.mod", "module \"example.org/m/tools\"\n" },
		{ NULL, NULL },
	};
	static const struct expect e[] = {
		{ "main.go", P, "example.org/m/store", NULL, "+go:store" },
		{ "main.go", P, "example.org/m", NULL, "+go:" },
		{ "main.go", P, "example.org/m/tools/gen", NULL, "+go:tools/gen" },
		{ "main.go", P, "example.org/m/none", NULL, "NOWHERE" },
		{ "main.go", P, "other.org/lib/x", NULL, "+go:fork/x" },
		{ "tools/gen/g.go", P, "other.org/lib/x", NULL, "OUTSIDE" },
		{ "main.go", P, "fmt", NULL, "OUTSIDE" },
		{ "main.go", P, "x.org/y", NULL, "+go:vendor/x.org/y" },
		{ NULL, 0, NULL, NULL, NULL },
	};

	(void)state;
	check("go",
	      "go.mod main.go store/a.go store/a_test.go tools/go.mod tools/gen/g.go fork/x/x.go "
	      "vendor/x.org/y/y.go",
	      s, NULL, e);
}

static void jvm_and_dotnet(void **state)
{
	static const struct setting d[] = {
		{ "a/src/org/x/Main.java", "org.x" },
		{ "a/src/org/x/util/U.java", "org.x.util" },
		{ "a/src/org/x/util/k.kt", "org.x.ktl" },
		{ "b/src/org/x/Twin.java", "org.x" },
		{ "a/src/org/x/Twin.java", "org.x" },
		{ NULL, NULL },
	};
	static const struct expect e[] = {
		{ "a/src/org/x/Main.java", P, "org.x.util.U", NULL, "a/src/org/x/util/U.java" },
		{ "a/src/org/x/Main.java", P, "org.x.util.U.Inner", NULL,
		  "a/src/org/x/util/U.java" },
		{ "a/src/org/x/Main.java", SK_IMPORT_STATIC, "org.x.util.U.max", NULL,
		  "a/src/org/x/util/U.java" },
		{ "a/src/org/x/Main.java", P, "org.x.util.*", NULL, "+ns:org.x.util" },
		{ "a/src/org/x/Main.java", P, "org.x.ktl.function", NULL, "+ns:org.x.ktl" },
		{ "a/src/org/x/Main.java", P, "org.x.util.Generated", NULL, "NOWHERE" },
		{ "a/src/org/x/Main.java", P, "java.util.List", NULL, "OUTSIDE" },
		{ "a/src/org/x/util/U.java", P, "org.x.Twin", NULL, "a/src/org/x/Twin.java" },
		{ "c/C.java", P, "org.x.Twin", NULL, "MANY" },
		{ "a/src/org/x/Main.java", SK_IMPORT_PACKAGE, "org.x", NULL, "+ns:org.x" },
		{ NULL, 0, NULL, NULL, NULL },
	};
	static const struct setting n[] = { { "A.cs", "Acme.App" },
		                            { "B.cs", "Acme.App.Data" },
		                            { NULL, NULL } };
	static const struct expect net[] = {
		{ "A.cs", P, "Acme.App.Data", NULL, "+ns:Acme.App.Data" },
		{ "A.cs", P, "System.Linq", NULL, "OUTSIDE" },
		{ "A.cs", SK_IMPORT_STATIC, "Acme.App.Data.B", NULL, "B.cs" },
		{ "B.cs", SK_IMPORT_PACKAGE, "Acme.App.Data", NULL,
		  "+ns:Acme.App +ns:Acme.App.Data" },
		{ NULL, 0, NULL, NULL, NULL },
	};

	(void)state;
	check("java",
	      "a/src/org/x/Main.java a/src/org/x/util/U.java a/src/org/x/util/k.kt "
	      "b/src/org/x/Twin.java a/src/org/x/Twin.java c/C.java",
	      NULL, d, e);
	check("csharp", "A.cs B.cs", NULL, n, net);
}

static void rust(void **state)
{
	static const struct setting s[] = {
		{ "Cargo.toml",
		  "[workspace]\nmembers = [\"util\"]\n[package]\nname = \"my-app\"\n"
		  "[dependencies]\nu2 = { path = \"util\", package = \"my-util\" }\n" },
		{ "util/Cargo.toml",
		  "[package]\nname = 'my-util'\n[lib]\npath = \"code/lib.rs\"\n" },
		{ NULL, NULL },
	};
	static const struct expect e[] = {
		{ "src/lib.rs", SK_IMPORT_CHILD, "net", NULL, "src/net/mod.rs" },
		{ "src/lib.rs", SK_IMPORT_CHILD, "db", NULL, "src/db.rs" },
		{ "src/db.rs", SK_IMPORT_CHILD, "pool", NULL, "src/db/pool.rs" },
		{ "src/net/mod.rs", SK_IMPORT_CHILD, "tcp", NULL, "src/net/tcp.rs" },
		{ "src/lib.rs", SK_IMPORT_CHILD, "odd", "other/place.rs", "src/other/place.rs" },
		{ "src/lib.rs", SK_IMPORT_CHILD, "place", NULL, "src/other/place.rs" },
		{ "src/lib.rs", SK_IMPORT_CHILD, "none", NULL, "NOWHERE" },
		{ "src/net/tcp.rs", P, "crate::db::pool::Pool", NULL, "src/db/pool.rs" },
		{ "src/net/tcp.rs", P, "crate::Thing", NULL, "src/lib.rs" },
		{ "src/net/tcp.rs", P, "super::Listener", NULL, "src/net/mod.rs" },
		{ "src/db/pool.rs", P, "super::super::net::tcp::X", NULL, "src/net/tcp.rs" },
		{ "src/db.rs", P, "self::pool::Pool", NULL, "src/db/pool.rs" },
		{ "src/db.rs", P, "pool::Pool", NULL, "src/db/pool.rs" },
		{ "src/db.rs", P, "std::io", NULL, "OUTSIDE" },
		{ "src/db.rs", P, "my_util::x::Y", NULL, "util/code/x.rs" },
		{ "src/db.rs", P, "u2::Z", NULL, "util/code/lib.rs" },
		{ "tests/it.rs", P, "my_app::db", NULL, "src/db.rs" },
		{ "tests/it.rs", SK_IMPORT_CHILD, "common", NULL, "tests/common/mod.rs" },
		{ NULL, 0, NULL, NULL, NULL },
	};

	(void)state;
	check("rust",
	      "Cargo.toml src/lib.rs src/db.rs src/db/pool.rs src/net/mod.rs src/net/tcp.rs "
	      "src/other/place.rs util/Cargo.toml util/code/lib.rs util/code/x.rs tests/it.rs "
	      "tests/common/mod.rs",
	      s, NULL, e);
}

static void paths_of_all_kinds(void **state)
{
	static const struct setting composer[] = {
		{ "composer.json", "{\"autoload\": {\"psr-4\": {\"App\\\\\": [\"src/\", \"gen/\"], "
		                   "\"App\\\\Deep\\\\\": \"deep\"}}}" },
		{ NULL, NULL },
	};
	static const struct expect php[] = {
		{ "src/A.php", P, "App\\Model\\User", NULL, "src/Model/User.php" },
		{ "src/A.php", P, "\\App\\G", NULL, "gen/G.php" },
		{ "src/A.php", P, "App\\Deep\\D", NULL, "deep/D.php" },
		{ "src/A.php", P, "App\\None", NULL, "NOWHERE" },
		{ "src/A.php", P, "Symfony\\X", NULL, "OUTSIDE" },
		{ "src/A.php", Q, "/Model/User.php", NULL, "src/Model/User.php" },
		{ NULL, 0, NULL, NULL, NULL },
	};
	static const struct expect ruby[] = {
		{ "lib/a/b.rb", Q, "c", NULL, "lib/a/c.rb" },
		{ "lib/a/b.rb", P, "a/c", NULL, "lib/a/c.rb" },
		{ "spec/x_spec.rb", P, "spec_helper", NULL, "spec/spec_helper.rb" },
		{ "lib/a/b.rb", P, "json", NULL, "OUTSIDE" },
		{ "lib/a/b.rb", P, "a/none", NULL, "NOWHERE" },
		{ NULL, 0, NULL, NULL, NULL },
	};
	static const struct expect css[] = {
		{ "s/main.scss", P, "mixins", NULL, "s/_mixins.scss" },
		{ "s/main.scss", P, "dir", NULL, "s/dir/_index.scss" },
		{ "s/main.scss", P, "sass:math", NULL, "OUTSIDE" },
		{ "s/main.scss", P, "~bootstrap/x", NULL, "OUTSIDE" },
		{ "s/main.scss", P, "./none", NULL, "NOWHERE" },
		{ NULL, 0, NULL, NULL, NULL },
	};
	static const struct expect md[] = {
		{ "docs/a.md", SK_IMPORT_LINK, "b%5Fc.md#x", NULL, "docs/b_c.md" },
		{ "docs/a.md", SK_IMPORT_LINK, "../README.md", NULL, "README.md" },
		{ "docs/a.md", SK_IMPORT_LINK, "/docs/d", NULL, "docs/d/README.md" },
		{ "docs/a.md", SK_IMPORT_LINK, "..", NULL, "README.md" },
		{ "docs/a.md", SK_IMPORT_LINK, "img", NULL, "" },
		{ "docs/a.md", SK_IMPORT_LINK, "#x", NULL, "OUTSIDE" },
		{ "docs/a.md", SK_IMPORT_LINK, "mailto:a@b", NULL, "OUTSIDE" },
		{ "docs/a.md", SK_IMPORT_LINK, "none.md", NULL, "NOWHERE" },
		{ NULL, 0, NULL, NULL, NULL },
	};
	static const struct expect sh[] = {
		{ "bin/run.sh", Q, "lib.sh", NULL, "bin/lib.sh" },
		{ "bin/run.sh", Q, "../etc/c.sh", NULL, "etc/c.sh" },
		{ "bin/run.sh", Q, "/etc/profile", NULL, "OUTSIDE" },
		{ NULL, 0, NULL, NULL, NULL },
	};
	static const struct expect proto[] = {
		{ "proto/a/x.proto", P, "a/y.proto", NULL, "proto/a/y.proto" },
		{ "proto/a/x.proto", P, "google/protobuf/any.proto", NULL, "OUTSIDE" },
		{ NULL, 0, NULL, NULL, NULL },
	};

	(void)state;
	check("php", "composer.json src/A.php src/Model/User.php gen/G.php deep/D.php", composer,
	      NULL, php);
	check("ruby", "lib/a/b.rb lib/a/c.rb spec/x_spec.rb spec/spec_helper.rb", NULL, NULL, ruby);
	check("css", "s/main.scss s/_mixins.scss s/dir/_index.scss", NULL, NULL, css);
	check("markdown", "README.md docs/a.md docs/b_c.md docs/d/README.md docs/img/x.png", NULL,
	      NULL, md);
	check("shell", "bin/run.sh bin/lib.sh etc/c.sh", NULL, NULL, sh);
	check("proto", "proto/a/x.proto proto/a/y.proto", NULL, NULL, proto);
}

static void sets_of_paths(void **state)
{
	static const char *const p[] = { "a", "a-b", "a-b/x", "a/b/c", "a/b/d", "a/bc", "b/c" };
	struct sk_paths set;
	uint32_t from, hit[4];
	struct sk_buf out = SK_BUF_INIT;

	(void)state;
	assert_int_equal(sk_paths_init(&set, p, 7), 0);
	for (uint32_t i = 0; i < 7; i++)
		assert_int_equal(sk_paths_find(&set, p[i], strlen(p[i])), i);
	assert_int_equal(sk_paths_find(&set, "a/b", 3), SK_PATHS_NONE);
	assert_int_equal(sk_paths_find(&set, "a-b/xx", 5), 2);
	assert_int_equal(sk_paths_below(&set, "a", 1, &from), 6);
	assert_int_equal(from, 3);
	assert_int_equal(sk_paths_below(&set, "a/b", 3, &from), 5);
	assert_int_equal(from, 3);
	assert_int_equal(sk_paths_below(&set, "", 0, &from), 7);
	assert_false(sk_paths_is_dir(&set, "a/bc", 4));
	assert_true(sk_paths_is_dir(&set, "a-b", 3));
	assert_int_equal(sk_paths_ending(&set, "c", 1, hit, 4), 2);
	assert_int_equal(sk_paths_ending(&set, "b/c", 3, hit, 4), 2);
	assert_int_equal(sk_paths_ending(&set, "x/c", 3, hit, 4), 0);
	assert_true(sk_path_join(&out, "a/b", 3, "../c//./d/", 10));
	assert_string_equal(out.ptr, "a/c/d");
	assert_true(sk_path_join(&out, "a", 1, "..", 2));
	assert_string_equal(out.ptr, "");
	assert_false(sk_path_join(&out, "a", 1, "../../x", 7));
	sk_buf_free(&out);
	sk_paths_clear(&set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sets_of_paths),
		cmocka_unit_test(javascript_paths),
		cmocka_unit_test(tsconfig),
		cmocka_unit_test(package_json),
		cmocka_unit_test(python),
		cmocka_unit_test(c_includes),
		cmocka_unit_test(go),
		cmocka_unit_test(jvm_and_dotnet),
		cmocka_unit_test(rust),
		cmocka_unit_test(paths_of_all_kinds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
