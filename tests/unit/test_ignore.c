/* Ignore rules and lists of patterns against tables of what git does; test_ignore_git.c asks git
 * itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "repo/ignore.h"

/* One rule file at `dir`; `want`: i ignored, n re-included, u undecided. */
struct rule_case {
	const char *dir, *rules, *path;
	char kind, want;
};

static const struct rule_case rule_cases[] = {
	{ "", "# a\n\n   \n", "# a", 'f', 'u' },
	{ "", "\\#a\n", "#a", 'f', 'i' },
	{ "", "\\!a\n", "!a", 'f', 'i' },
	{ "", "a\n!a\n", "a", 'f', 'n' },
	{ "", "!a\na\n", "a", 'f', 'i' },
	{ "", "!!a\n", "!a", 'f', 'n' },
	{ "", "a  \n", "a", 'f', 'i' },
	{ "", "a\\ \n", "a ", 'f', 'i' },
	{ "", "a\\  \n", "a ", 'f', 'i' },
	{ "", "a\\\\ \n", "a\\", 'f', 'i' },
	{ "", "a\t\n", "a", 'f', 'u' },
	{ "", " a\n", " a", 'f', 'i' },
	{ "", "a\r\nb\r", "a", 'f', 'i' },
	{ "", "a\r\nb\r", "b", 'f', 'i' },
	{ "", "a \r\n", "a", 'f', 'i' },
	{ "", "a\r\r\n", "a\r", 'f', 'i' },
	{ "",
	  "\xef\xbb\xbf"
	  "a\nb",
	  "a", 'f', 'i' },
	{ "",
	  "b\n\xef\xbb\xbf"
	  "a\n",
	  "a", 'f', 'u' },
	{ "", "foo/\n", "foo", 'f', 'u' },
	{ "", "foo/\n", "x/foo", 'd', 'i' },
	{ "", "/foo\n", "foo", 'f', 'i' },
	{ "", "/foo\n", "x/foo", 'f', 'u' },
	{ "", "a/b\n", "a/b", 'f', 'i' },
	{ "", "a/b\n", "x/a/b", 'f', 'u' },
	{ "", "a/b/\n", "a/b", 'f', 'u' },
	{ "", "/\n", "a", 'd', 'u' },
	{ "", "//\n", "a", 'd', 'u' },
	{ "", "!\n!/\n", "a", 'd', 'u' },
	{ "", "/*\n", "a/b", 'f', 'u' },
	{ "", "/*\n", "a", 'f', 'i' },
	{ "", "**/x\n", "a/b/x", 'f', 'i' },
	{ "", "**/**/x*\n", "a/b/xy", 'f', 'i' },
	{ "", "/**/x\n", "x", 'f', 'i' },
	{ "", "**/x/y\n", "a/x/y", 'f', 'i' },
	{ "", "x/**\n", "x", 'd', 'u' },
	{ "", "x/**\n", "x/a/b", 'f', 'i' },
	{ "", "a/**/b\n", "a/b", 'f', 'i' },
	{ "", "a/**/b\n", "a/x/y/b", 'f', 'i' },
	{ "", "a/**/b\n", "a/xb", 'f', 'u' },
	{ "", "a/*/b\n", "a/x/b", 'f', 'i' },
	{ "", "a/*/b\n", "a/x/y/b", 'f', 'u' },
	{ "", "doc/*.txt\n", "doc/a.txt", 'f', 'i' },
	{ "", "doc/*.txt\n", "doc/x/a.txt", 'f', 'u' },
	{ "", "foo**/bar\n", "foobar", 'f', 'i' },
	{ "", "foo**/bar\n", "foo/x/bar", 'f', 'i' },
	{ "", "a/foo**\n", "a/foox/y", 'f', 'i' },
	{ "", "f\\oo**/bar\n", "foo/x/bar", 'f', 'u' },
	{ "", "f\\oo**/bar\n", "foox/bar", 'f', 'i' },
	{ "", "a\\/b\n", "a/b", 'f', 'i' },
	{ "", "\\/a\n", "a", 'f', 'u' },
	{ "", "a\\\n", "a\\", 'f', 'u' },
	{ "", "a\\/\n", "a", 'd', 'u' },
	{ "", "[a\n", "[a", 'f', 'u' },
	{ "", "*[\n", "x[", 'f', 'u' },
	{ "", "\\[a\n", "[a", 'f', 'i' },
	{ "", "*.py[cod]\n", "a/b.pyc", 'f', 'i' },
	{ "", "*.py[cod]\n", "a/b.py", 'f', 'u' },
	{ "", ".*.sw?\n", ".a.swp", 'f', 'i' },
	{ "", "\\#*\\#\n", "#a#", 'f', 'i' },
	{ "", "ab*bc\n", "abc", 'f', 'u' },
	{ "", "ab*bc\n", "abbc", 'f', 'i' },
	{ "sub", "/x\n", "sub/x", 'f', 'i' },
	{ "sub", "/x\n", "sub/y/x", 'f', 'u' },
	{ "sub", "y/x\n", "sub/y/x", 'f', 'i' },
	{ "sub", "sub/x\n", "sub/x", 'f', 'u' },
	{ "sub", "**/x\n", "sub/x", 'f', 'i' },
	{ "sub/a", "/*\n", "sub/b", 'f', 'u' },
	{ "a", "/**\n", "b", 'f', 'u' },
};

static char ask(const struct sk_ignore *f, const char *path, char kind)
{
	const char *slash = strrchr(path, '/');
	size_t off = slash ? (size_t)(slash + 1 - path) : 0;

	return "uin"[sk_ignore_match(f, path, strlen(path), off, kind == 'd')];
}

static void test_rules(void **state)
{
	SK_UNUSED(state);
	for (size_t i = 0; i < sizeof rule_cases / sizeof *rule_cases; i++) {
		const struct rule_case *c = &rule_cases[i];
		/* once alone, once among so many that they are chained */
		for (int many = 0; many < 2; many++) {
			struct sk_ignore *root, *frame;
			struct sk_buf text = SK_BUF_INIT;

			(void)sk_buf_adds(&text, c->rules);
			for (int k = 0; many && k < 20; k++)
				(void)sk_buf_addf(&text, "\nno%d-%c*%d", k, 'a' + k, k);
			assert_int_equal(sk_ignore_root(NULL, 0, NULL, false, &root), 0);
			assert_int_equal(sk_ignore_push(root, c->dir, text.ptr, text.len, &frame),
			                 0);
			if (ask(frame, c->path, c->kind) != c->want)
				fail_msg("'%s' in '%s' for '%s' is not %c", c->rules, c->dir,
				         c->path, c->want);
			sk_ignore_unref(root);
			sk_ignore_unref(frame);
			sk_buf_free(&text);
		}
	}
}

static void test_case_folding(void **state)
{
	static const char rules[] =
	        "Readme\n*.OBJ\n/Doc/*.TXT\nA/**/b\n[x]y\n[X]z\n\\Q\nq1\nq2\nq3\n";
	struct sk_ignore *root, *f;

	SK_UNUSED(state);
	assert_int_equal(sk_ignore_root(NULL, 0, NULL, true, &root), 0);
	assert_int_equal(sk_ignore_push(root, "", rules, sizeof rules - 1, &f), 0);
	assert_int_equal(ask(f, "rEADME", 'f'), 'i');
	assert_int_equal(ask(f, "a.Obj", 'f'), 'i');
	assert_int_equal(ask(f, "dOC/a.txt", 'f'), 'i');
	assert_int_equal(ask(f, "a/x/B", 'f'), 'i');
	assert_int_equal(ask(f, "XY", 'f'), 'i');
	assert_int_equal(ask(f, "Xz", 'f'), 'u'); /* git's way: see wildmatch.c */
	assert_int_equal(ask(f, "Q", 'f'), 'u');
	sk_ignore_unref(f);
	sk_ignore_unref(root);
}

static void test_nul_in_a_line(void **state)
{
	static const char rules[] = "a\0b\nc \0d\n\0\n";
	struct sk_ignore *root, *f;

	SK_UNUSED(state);
	assert_int_equal(sk_ignore_root(NULL, 0, NULL, false, &root), 0);
	assert_int_equal(sk_ignore_push(root, "", rules, sizeof rules - 1, &f), 0);
	assert_int_equal(ask(f, "a", 'f'), 'i');
	assert_int_equal(ask(f, "b", 'f'), 'u');
	assert_int_equal(ask(f, "c", 'f'), 'i');
	sk_ignore_unref(f);
	sk_ignore_unref(root);
}

/* core.excludesFile < info/exclude < .gitignore < deeper .gitignore < extra */
static void test_precedence(void **state)
{
	char dir[] = "/tmp/sk-ignore-XXXXXX", user[64], info[64], none[64];
	const char *files[3] = { user, none, info };
	char *lines[] = { (char[]){ "!x4" }, (char[]){ "/x5" } };
	const struct sk_strv extra = { lines, 2, 2 };
	struct sk_ignore *root, *top, *sub, *same;

	SK_UNUSED(state);
	assert_non_null(mkdtemp(dir));
	(void)snprintf(user, sizeof user, "%s/user", dir);
	(void)snprintf(info, sizeof info, "%s/info", dir);
	(void)snprintf(none, sizeof none, "%s/none", dir);
	assert_int_equal(sk_write_file(AT_FDCWD, user, "x1\nx2", 5, 0600, false), 0);
	assert_int_equal(sk_write_file(AT_FDCWD, info, "\xef\xbb\xbf!x1\nx3\n", 10, 0600, false),
	                 0);
	assert_int_equal(sk_ignore_root(files, 3, &extra, false, &root), 0);
	assert_int_equal(sk_ignore_push(root, "", "!x2\nx4\n!x3\n!/x5", 15, &top), 0);
	assert_int_equal(sk_ignore_push(top, "d", "x2\n", 3, &sub), 0);
	assert_int_equal(sk_ignore_push(sub, "d/e", "# none\n", 7, &same), 0);
	assert_ptr_equal(same, sub);
	assert_int_equal(ask(root, "x1", 'f'), 'n');
	assert_int_equal(ask(root, "x2", 'f'), 'i');
	assert_int_equal(ask(root, "x3", 'f'), 'i');
	assert_int_equal(ask(top, "x2", 'f'), 'n');
	assert_int_equal(ask(sub, "d/x2", 'f'), 'i');
	assert_int_equal(ask(sub, "d/x3", 'f'), 'n');
	assert_int_equal(ask(sub, "d/x4", 'f'), 'n');
	assert_int_equal(ask(top, "x5", 'f'), 'i');
	assert_int_equal(ask(sub, "d/x5", 'f'), 'u');
	sk_ignore_unref(root); /* frames keep their parents */
	sk_ignore_unref(top);
	sk_ignore_unref(sub);
	assert_int_equal(ask(same, "d/x1", 'f'), 'n');
	sk_ignore_unref(same);
	sk_ignore_unref(NULL);
	assert_int_equal(sk_remove_tree(AT_FDCWD, dir), 0);
}

static void *share(void *arg)
{
	struct sk_ignore *frame = arg, *mine;

	for (int i = 0; i < 20000; i++) {
		(void)sk_ignore_ref(frame);
		if (i % 100 == 0 && sk_ignore_push(frame, "d", "*.o\n", 4, &mine) == 0) {
			assert_int_equal(ask(mine, "d/a.o", 'f'), 'i');
			sk_ignore_unref(mine);
		}
		sk_ignore_unref(frame);
	}
	sk_ignore_unref(frame);
	return NULL;
}

static void test_threads(void **state)
{
	struct sk_ignore *root;
	pthread_t thread[4];

	SK_UNUSED(state);
	assert_int_equal(sk_ignore_root(NULL, 0, NULL, false, &root), 0);
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, share, sk_ignore_ref(root)), 0);
	sk_ignore_unref(root); /* the last thread frees it */
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_join(thread[i], NULL), 0);
}

/* `match`, `below`: with the path as a folder */
struct list_case {
	const char *lines, *path;
	char file, match, below;
};

static const struct list_case list_cases[] = {
	{ "build/", "build", '0', '1', '1' },
	{ "build/", "build/a/b.c", '1', '1', '1' },
	{ "build/", "src/build/x", '1', '1', '1' },
	{ "/build/", "src/build/x", '0', '0', '0' },
	{ "/build/", "src", '0', '0', '0' },
	{ "*.log", "any/thing", '0', '0', '1' },
	{ "a/b/c", "a", '0', '0', '1' },
	{ "a/b/c", "a/b", '0', '0', '1' },
	{ "a/b/c", "a/bb", '0', '0', '0' },
	{ "a/b/c", "a/b/c", '1', '1', '1' },
	{ "a/b/c", "a/b/c/d", '1', '1', '1' },
	{ "a/b/c", "a/b/d", '0', '0', '0' },
	{ "a/b/c", "b", '0', '0', '0' },
	{ "a/*/c", "a/x", '0', '0', '1' },
	{ "a/*/c", "a/x/d", '0', '0', '0' },
	{ "a/x*z/c", "a/xz", '0', '0', '1' },
	{ "a/x*z/c", "a/xzy", '0', '0', '0' },
	{ "a/x*z/c", "a/xzyz", '0', '0', '1' },
	{ "a/b*c", "a/b", '0', '0', '0' },
	{ "a/[xy]/?/d", "a/y/1", '0', '0', '1' },
	{ "a/[xy]/?/d", "a/z", '0', '0', '0' },
	{ "a/[xy]/?/d", "a/y/12", '0', '0', '0' },
	{ "a/**/c", "a", '0', '0', '1' },
	{ "a/**/c", "a/x/y", '0', '0', '1' },
	{ "a/**/c", "b", '0', '0', '0' },
	{ "a/**", "a", '0', '0', '1' },
	{ "a/**", "a/b", '1', '1', '1' },
	{ "*/b/**", "x", '0', '0', '1' },
	{ "*/b/**", "x/c", '0', '0', '0' },
	{ "**/a/b", "x/y", '0', '0', '1' },
	{ "foo**/bar/x", "foo", '0', '0', '1' },
	{ "a\\/b/c", "a/b", '0', '0', '1' },
	{ "a\\/b*/c", "a", '0', '0', '1' },
	{ "a\\/b*/c", "ab", '0', '0', '0' },
	{ "out/\n!out/keep", "out/keep", '1', '1', '1' },
	{ "out/*\n!out/keep", "out/keep/x", '0', '0', '0' },
	{ "out/*\n!out/keep", "out", '0', '0', '1' },
	{ "!a/b", "a", '0', '0', '0' },
	{ "# a/b", "a", '0', '0', '0' },
	{ "", "a", '0', '0', '0' },
};

static int add_lines(struct sk_strv *v, const char *text)
{
	while (*text) {
		size_t len = strcspn(text, "\n");

		if (sk_strv_addn(v, text, len))
			return -1;
		text += len + (text[len] == '\n');
	}
	return 0;
}

static void test_lists(void **state)
{
	SK_UNUSED(state);
	for (size_t i = 0; i < sizeof list_cases / sizeof *list_cases; i++) {
		const struct list_case *c = &list_cases[i];
		struct sk_strv lines = SK_STRV_INIT;
		size_t len = strlen(c->path);
		struct sk_patterns *p;

		assert_int_equal(add_lines(&lines, c->lines), 0);
		assert_int_equal(sk_patterns_new(&lines, false, &p), 0);
		if (sk_patterns_match(p, c->path, len, false) != (c->file == '1') ||
		    sk_patterns_match(p, c->path, len, true) != (c->match == '1') ||
		    sk_patterns_below(p, c->path, len) != (c->below == '1'))
			fail_msg("'%s' for '%s'", c->lines, c->path);
		sk_patterns_free(p);
		sk_strv_free(&lines);
	}
	sk_patterns_free(NULL);
}

static void test_list_root(void **state)
{
	char *item[] = { (char[]){ "/A b/" }, (char[]){ "new\nline" } };
	const struct sk_strv lines = { item, 2, 2 };
	struct sk_patterns *p, *none;

	SK_UNUSED(state);
	assert_int_equal(sk_patterns_new(&lines, true, &p), 0);
	assert_int_equal(sk_patterns_new(NULL, false, &none), 0);
	assert_true(sk_patterns_below(p, "", 0));
	assert_false(sk_patterns_below(none, "", 0));
	assert_false(sk_patterns_match(p, "", 0, true));
	assert_true(sk_patterns_match(p, "a B/x", 5, false));
	assert_true(sk_patterns_match(p, "x/new\nLINE", 10, false)); /* an item is one line */
	sk_patterns_free(p);
	sk_patterns_free(none);
}

static uint64_t seed;

static unsigned rnd(unsigned below)
{
	seed = seed * 6364136223846793005U + 1442695040888963407U;
	return (unsigned)(seed >> 33) % below;
}

static void random_text(char *out, size_t max, const char *alphabet)
{
	size_t len = rnd((unsigned)max), n = strlen(alphabet);

	for (size_t i = 0; i < len; i++)
		out[i] = alphabet[rnd((unsigned)n)];
	out[len] = '\0';
}

/* Whatever matches under a folder has to be announced by `below`. */
static void test_below_never_misses(void **state)
{
	unsigned hits = 0, pruned = 0;

	SK_UNUSED(state);
	seed = 4711;
	for (unsigned i = 0; i < 200000; i++) {
		char pat[14], path[12], *item[] = { pat };
		const struct sk_strv lines = { item, 1, 1 };
		struct sk_patterns *p;

		random_text(pat, sizeof pat, "aabA**//?\\[]");
		random_text(path, sizeof path, "aab//");
		if (path[0] == '/' || strstr(path, "//"))
			continue;
		assert_int_equal(sk_patterns_new(&lines, i & 1, &p), 0);
		for (size_t k = 0; path[k]; k++) {
			if (path[k] != '/' || !path[k + 1])
				continue;
			if (sk_patterns_below(p, path, k)) {
				hits += sk_patterns_match(p, path, strlen(path), false);
				continue;
			}
			pruned++;
			if (sk_patterns_match(p, path, strlen(path), false))
				fail_msg("'%s' matches '%s' but nothing below %zu", pat, path, k);
		}
		sk_patterns_free(p);
	}
	assert_true(hits > 1000 && pruned > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rules),         cmocka_unit_test(test_case_folding),
		cmocka_unit_test(test_nul_in_a_line), cmocka_unit_test(test_precedence),
		cmocka_unit_test(test_threads),       cmocka_unit_test(test_lists),
		cmocka_unit_test(test_list_root),     cmocka_unit_test(test_below_never_misses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
