/* What imports are found: every sample in tests/data/imports against the .expected beside it (KIND,
 * SPEC, NAME, LINE and "t" for type only, by tabs), and what the samples cannot show. */
#include "unit/scratch.h"

#include <dirent.h>
#include <pthread.h>

#include "impact/extract.h"

static struct sk_languages *all;

static int setup(void **state)
{
	SK_UNUSED(state);
	scratch_open();
	return sk_languages_load(NULL, &all);
}

static int teardown(void **state)
{
	SK_UNUSED(state);
	sk_languages_free(all);
	scratch_close();
	return 0;
}

static void print(struct sk_buf *out, const struct sk_imports *found)
{
	for (size_t i = 0; i < found->n; i++) {
		const struct sk_import *m = &found->item[i];

		(void)sk_buf_addf(out, "%d\t%s\t%s\t%u\t%s\n", m->kind, m->spec,
		                  m->name ? m->name : "", m->line, m->type_only ? "t" : "-");
	}
}

static void compare(const char *name)
{
	struct sk_buf text = SK_BUF_INIT, want = SK_BUF_INIT, have = SK_BUF_INIT;
	const struct sk_language *language = sk_language_of(all, name, NULL, 0);
	struct sk_imports found;
	char path[512];

	assert_non_null(language);
	(void)snprintf(path, sizeof path, SK_TEST_DATA "/imports/%s", name);
	assert_int_equal(sk_read_file(AT_FDCWD, path, 1 << 20, &text), 0);
	(void)snprintf(path, sizeof path, SK_TEST_DATA "/imports/%s.expected", name);
	assert_int_equal(sk_read_file(AT_FDCWD, path, 1 << 20, &want), 0);
	assert_int_equal(sk_extract(language, text.ptr, text.len, &found), 0);
	assert_false(found.cut);
	print(&have, &found);
	if (strcmp(sk_buf_str(&have), sk_buf_str(&want)) != 0)
		fail_msg("%s:\n%s-- is not --\n%s", name, sk_buf_str(&have), sk_buf_str(&want));
	sk_imports_clear(&found);
	sk_buf_free(&text);
	sk_buf_free(&want);
	sk_buf_free(&have);
}

static void test_samples(void **state)
{
	DIR *d = opendir(SK_TEST_DATA "/imports");
	const struct dirent *e;
	int n = 0;

	SK_UNUSED(state);
	assert_non_null(d);
	while ((e = readdir(d)))
		if (e->d_name[0] != '.' && !strstr(e->d_name, ".expected")) {
			compare(e->d_name);
			n++;
		}
	(void)closedir(d);
	assert_true(n >= 20);
}

static void expect(const char *name, const char *text, const char *want)
{
	const struct sk_language *language = sk_language_of(all, name, NULL, 0);
	struct sk_buf have = SK_BUF_INIT;
	struct sk_imports found;

	assert_int_equal(sk_extract(language, text, strlen(text), &found), 0);
	print(&have, &found);
	assert_string_equal(sk_buf_str(&have), want);
	sk_imports_clear(&found);
	sk_buf_free(&have);
}

static void test_each_once(void **state)
{
	SK_UNUSED(state);
	expect("x.py", "import a\nimport b\nimport a\nfrom a import a\n",
	       "1\ta\t\t1\t-\n1\tb\t\t2\t-\n2\ta\ta\t4\t-\n");
	/* needed at run time by one of them: not type only */
	expect("x.ts", "import type a from 'x'\nimport b from 'x'\nimport type c from 'y'\n",
	       "1\tx\t\t1\t-\n1\ty\t\t3\tt\n");
}

static void test_ends_and_line_ends(void **state)
{
	SK_UNUSED(state);
	expect("x.py", "", "");
	expect("x.py", "\xef\xbb\xbfimport a", "1\ta\t\t1\t-\n");
	expect("x.py", "import a\r\nfrom b import (\r\n  c,\r\n)\r\n",
	       "1\ta\t\t1\t-\n2\tb\tc\t3\t-\n");
	expect("x.c", "#include \"a.h\"\r\n#include <b.h>", "3\ta.h\t\t1\t-\n4\tb.h\t\t2\t-\n");
	expect("x.py", "x = '''import a", "");
	expect("x.js", "/* import 'a'", "");
	expect("x.vue", "\n<script>\n\nimport 'a'\n", "1\ta\t\t4\t-\n");
}

static void *extract_many(void *arg)
{
	const struct sk_language *language = sk_language_of(all, "x.rb", NULL, 0);
	uintptr_t wrong = 0;

	SK_UNUSED(arg);
	for (int i = 0; i < 300; i++) {
		struct sk_imports found;

		if (sk_extract(language, "require 'a'\nrequire 'b'\n", 24, &found))
			return (void *)1;
		wrong += found.n != 2 || found.cut;
		sk_imports_clear(&found);
	}
	return (void *)wrong;
}

static void test_threads(void **state)
{
	pthread_t thread[8];
	void *wrong;

	SK_UNUSED(state);
	for (size_t i = 0; i < 8; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, extract_many, NULL), 0);
	for (size_t i = 0; i < 8; i++) {
		assert_int_equal(pthread_join(thread[i], &wrong), 0);
		assert_null(wrong);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_samples),
		cmocka_unit_test(test_each_once),
		cmocka_unit_test(test_ends_and_line_ends),
		cmocka_unit_test(test_threads),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
