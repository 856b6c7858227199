/* Extraction from text that a hostile hand made: every language, every piece of its syntax
 * repeated, cut off, nested, and bytes that are no text.  A search that takes more than linear time
 * meets its limit and says `cut`, so that is what is asserted: no clock of the test's own. */
#include "unit/scratch.h"

#include "impact/extract.h"

static struct sk_languages *all;

static const char *const pieces[] = {
	"/*",
	"\"",
	"'",
	"`",
	"`${",
	"\\\"",
	"\\'",
	"\"\\",
	"'\\",
	"//",
	"#{",
	"\"#{",
	"<<A\n",
	"<<~A\n",
	"<<'A'\n",
	"%q(",
	"%(",
	"/",
	"=/",
	"=/[",
	"(/",
	"{",
	"}",
	"(",
	")",
	"\"\"\"",
	"'''",
	"r#\"",
	"R\"(",
	"R\"a(",
	"#",
	"\n#",
	"#\\\n",
	"\n",
	" ",
	"\t",
	"\\",
	"\\\n",
	"a",
	"=",
	"<",
	">",
	"_",
	"$",
	";",
	",",
	":",
	"$(",
	"${",
	"$$",
	"$a$",
	"-- ",
	"``",
	"```",
	"~~~\n",
	"[a](",
	"](",
	"[a]:",
	"<!--",
	"?>",
	"<?",
	"<?php ",
	"\n=begin",
	"__END__",
	"[[",
	"#[[",
	"#[=",
	"\xff",
	"\xc3",
	"import ",
	"import(",
	"import{",
	"import {a,",
	"import a,",
	"import a.",
	"import \\\n",
	"import type ",
	"import * as ",
	"import x=",
	"\nimport ",
	"export{",
	"export ",
	"from ",
	"\nfrom ",
	"from . import (",
	"\nfrom a import (",
	"\nfrom a import b\\\n",
	"use ",
	"use a::{",
	"use a::",
	"use{",
	"use a,",
	"#include",
	"#include \"",
	"#include <",
	"mod ",
	"extern crate ",
	"crate::",
	"crate::a",
	"#[path=\"",
	"#[path=\"a\"]",
	"require ",
	"require(",
	"require \"",
	"require_relative '",
	"autoload :a,",
	"@import ",
	"@import url(",
	"@use \"",
	"composes: a",
	"<script",
	"<script ",
	"<script>",
	"<style ",
	"src=\"",
	"src = ",
	". ",
	". \"",
	". \"$(",
	". \"$(cd ",
	"source ",
	"include ",
	"include(",
	"include(\"",
	"package ",
	"package a.",
	"using ",
	"using a=",
	"using a.",
	"namespace a.",
	"__import__(",
	"import_module(",
	"\\i ",
	"return /",
};

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

static bool is_cut(const struct sk_language *language, const char *text, size_t size)
{
	struct sk_imports found;
	bool cut;

	assert_int_equal(sk_extract(language, text, size, &found), 0);
	cut = found.cut;
	for (size_t i = 0; i < found.n; i++) {
		assert_true(found.item[i].line >= 1);
		assert_true(*found.item[i].spec != '\0');
	}
	sk_imports_clear(&found);
	return cut;
}

/* Quadratic, this size would take minutes; the limit is some seconds. */
static void test_repeated_pieces_take_linear_time(void **state)
{
	enum { SIZE = 400000 };
	char *text = malloc(SIZE);

	SK_UNUSED(state);
	assert_non_null(text);
	for (size_t i = 0; i < sk_languages_count(all); i++) {
		const struct sk_language *l = sk_languages_at(all, i);

		for (size_t k = 0; k < sizeof pieces / sizeof *pieces; k++) {
			size_t len = strlen(pieces[k]);

			for (size_t at = 0; at < SIZE; at++)
				text[at] = pieces[k][at % len];
			if (strcmp(sk_language_name(l), "php") == 0)
				memcpy(text, "<?php ", 6);
			/* nothing but openings: deeper than the stack of the matcher may be;
			 * "use use use" without an end: a name that is too long */
			if (is_cut(l, text, SIZE) && strncmp(pieces[k], "use", 3) != 0 &&
			    !strpbrk(pieces[k], "({[`") && strncmp(pieces[k], "/*", 2) != 0 &&
			    strcmp(pieces[k], "\"#{") != 0)
				fail_msg("%s: cut at '%s'", sk_language_name(l), pieces[k]);
		}
	}
	free(text);
}

static void test_a_long_line(void **state)
{
	enum { SIZE = 50000000 };
	char *text = malloc(SIZE);
	const struct sk_language *js = sk_language_of(all, "x.js", NULL, 0);
	struct sk_imports found;
	static const char code[] = "a=b(\"c\",/d/);";

	SK_UNUSED(state);
	assert_non_null(text);
	for (size_t at = 0; at < SIZE; at++)
		text[at] = code[at % (sizeof code - 1)];
	memcpy(text + SIZE - 20, ";;;import(\"last\")  ", 19);
	text[SIZE - 1] = ';';
	memcpy(text + SIZE - 26, "      ", 6);
	assert_int_equal(sk_extract(js, text, SIZE, &found), 0);
	assert_false(found.cut);
	assert_int_equal(found.n, 1);
	assert_string_equal(found.item[0].spec, "last");
	sk_imports_clear(&found);
	free(text);
}

static void nest(struct sk_buf *out, const char *open, const char *close, int depth)
{
	for (int i = 0; i < depth; i++)
		(void)sk_buf_adds(out, open);
	for (int i = 0; i < depth; i++)
		(void)sk_buf_adds(out, close);
}

/* What nests as deeply as people write is understood; what nests without end is cut, or not, but
 * never a crash. */
static void test_nesting(void **state)
{
	static const char *const nests[][4] = {
		{ "x.js", "`${", "}`", "\nimport \"last\"\n" },
		{ "x.rs", "/* ", " */", "\nuse last;\n" },
		{ "x.rb", "%q(", ")", "\nrequire 'last'\n" },
		{ "x.rb", "\"#{", "}\"", "\nrequire 'last'\n" },
		{ "x.sh", "\"$(", ")\"", "\n. last\n" },
	};

	SK_UNUSED(state);
	for (size_t i = 0; i < sizeof nests / sizeof *nests; i++) {
		const struct sk_language *l = sk_language_of(all, nests[i][0], NULL, 0);
		struct sk_buf text = SK_BUF_INIT;
		struct sk_imports found;

		nest(&text, nests[i][1], nests[i][2], 12);
		(void)sk_buf_adds(&text, nests[i][3]);
		assert_int_equal(sk_extract(l, text.ptr, text.len, &found), 0);
		if (found.cut || found.n != 1 || strcmp(found.item[0].spec, "last") != 0)
			fail_msg("%s: %s", nests[i][0], nests[i][1]);
		sk_imports_clear(&found);
		sk_buf_clear(&text);
		nest(&text, nests[i][1], nests[i][2], 200000);
		(void)is_cut(l, text.ptr, text.len);
		sk_buf_free(&text);
	}
}

static void test_deep_use(void **state)
{
	const struct sk_language *rust = sk_language_of(all, "x.rs", NULL, 0);
	struct sk_buf text = SK_BUF_INIT;
	struct sk_imports found;

	SK_UNUSED(state);
	(void)sk_buf_adds(&text, "use ");
	nest(&text, "a::{", "}", 1000);
	(void)sk_buf_adds(&text, ";\nuse b;\n");
	assert_int_equal(sk_extract(rust, text.ptr, text.len, &found), 0);
	assert_true(found.cut);
	assert_int_equal(found.n, 1);
	assert_string_equal(found.item[0].spec, "b");
	sk_imports_clear(&found);
	sk_buf_free(&text);
}

static void test_bytes_that_are_no_text(void **state)
{
	const struct sk_language *python = sk_language_of(all, "x.py", NULL, 0);
	static const char nul[] = "import a\nimport_module(\"b\0c\")\nx = '\0'\nimport d\n";
	static const char latin[] = "import caf\xe9\n# \xff\xfe\nimport d\n";
	static const char utf16[] = "\xff\xfei\0m\0p\0o\0r\0t\0 \0a\0\n\0";
	struct sk_imports found;
	uint64_t seed = 20261123;

	SK_UNUSED(state);
	assert_int_equal(sk_extract(python, nul, sizeof nul - 1, &found), 0);
	assert_int_equal(found.n, 2);
	assert_string_equal(found.item[1].spec, "d");
	sk_imports_clear(&found);
	assert_int_equal(sk_extract(python, latin, sizeof latin - 1, &found), 0);
	assert_int_equal(found.n, 2);
	assert_string_equal(found.item[0].spec, "caf\xe9");
	sk_imports_clear(&found);
	assert_int_equal(sk_extract(python, utf16, sizeof utf16 - 1, &found), 0);
	assert_int_equal(found.n, 0);
	assert_true(found.cut);
	sk_imports_clear(&found);

	for (size_t i = 0; i < sk_languages_count(all); i++) {
		char noise[20000];

		for (size_t k = 0; k < sizeof noise; k++) {
			seed = seed * 6364136223846793005u + 1442695040888963407u;
			noise[k] = (char)(seed >> 33);
		}
		(void)is_cut(sk_languages_at(all, i), noise, sizeof noise);
	}
}

/* Pieces in any order: what comes out is well formed, and the sanitizers look on. */
static void test_random_pieces(void **state)
{
	uint64_t seed = 42;
	struct sk_buf text = SK_BUF_INIT;

	SK_UNUSED(state);
	for (int round = 0; round < 300; round++) {
		sk_buf_clear(&text);
		for (int k = 0; k < 400; k++) {
			seed = seed * 6364136223846793005u + 1442695040888963407u;
			(void)sk_buf_adds(&text,
			                  pieces[(seed >> 33) % (sizeof pieces / sizeof *pieces)]);
		}
		for (size_t i = 0; i < sk_languages_count(all); i++)
			(void)is_cut(sk_languages_at(all, i), text.ptr, text.len);
	}
	sk_buf_free(&text);
}

static void test_more_imports_than_are_kept(void **state)
{
	const struct sk_language *python = sk_language_of(all, "x.py", NULL, 0);
	struct sk_buf text = SK_BUF_INIT;
	struct sk_imports found;

	SK_UNUSED(state);
	for (int i = 0; i < 200010; i++)
		(void)sk_buf_addf(&text, "import m%d\n", i);
	assert_int_equal(sk_extract(python, text.ptr, text.len, &found), 0);
	assert_true(found.cut);
	assert_int_equal(found.n, 200000);
	assert_int_equal(found.item[199999].line, 200000);
	sk_imports_clear(&found);
	sk_buf_free(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_repeated_pieces_take_linear_time),
		cmocka_unit_test(test_a_long_line),
		cmocka_unit_test(test_nesting),
		cmocka_unit_test(test_deep_use),
		cmocka_unit_test(test_bytes_that_are_no_text),
		cmocka_unit_test(test_random_pieces),
		cmocka_unit_test(test_more_imports_than_are_kept),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
