/* The files that say what an import looks like: those of the installation, a user's, and wrong
 * ones. */
#include "unit/scratch.h"

#include "impact/extract.h"

static void put(const char *name, const char *text)
{
	char path[512];

	(void)snprintf(path, sizeof path, "%s/safekeep/languages/%s", scratch, name);
	assert_int_equal(sk_write_file(AT_FDCWD, path, text, strlen(text), 0644, false), 0);
}

static int setup(void **state)
{
	char path[512];

	SK_UNUSED(state);
	scratch_open();
	(void)snprintf(path, sizeof path, "%s/safekeep/languages", scratch);
	return sk_mkdirs(path, 0755);
}

static int teardown(void **state)
{
	SK_UNUSED(state);
	scratch_close();
	return 0;
}

static struct sk_languages *load(struct sk_strv *problems)
{
	struct sk_languages *all = NULL;

	assert_int_equal(sk_languages_load(problems, &all), 0);
	assert_non_null(all);
	return all;
}

static const char *name_of(const struct sk_languages *all, const char *path, const char *text)
{
	const struct sk_language *l = sk_language_of(all, path, text, text ? strlen(text) : 0);

	return l ? sk_language_name(l) : "none";
}

static void test_installed_languages_are_right(void **state)
{
	struct sk_strv problems = SK_STRV_INIT;
	struct sk_languages *all = load(&problems);

	SK_UNUSED(state);
	if (problems.n)
		fail_msg("%s", problems.item[0]);
	assert_true(sk_languages_count(all) >= 23);
	sk_languages_free(all);
}

static void test_by_name(void **state)
{
	static const char *const names[][3] = {
		{ "a/b.py", NULL, "python" },
		{ "x.d.ts", NULL, "typescript" },
		{ "X.PY", NULL, "python" },
		{ "x.c", NULL, "c" },
		{ "x.C", NULL, "c++" },
		{ "x.h", NULL, "c" },
		{ "CMakeLists.txt", NULL, "cmake" },
		{ "sub/Makefile", NULL, "make" },
		{ "notes.txt", NULL, "none" },
		{ "x.py/y", NULL, "none" },
		{ ".py", NULL, "none" },
		{ "tool", "#!/usr/bin/env python3.11\n", "python" },
		{ "tool", "#!/usr/bin/env -S FOO=1 node --x\n", "javascript" },
		{ "tool", "#! /bin/sh -e\n", "shell" },
		{ "tool", "#!/usr/bin/pythonic\n", "none" },
		{ "tool", "#!", "none" },
		{ "tool", "#!/usr/bin/env\n", "none" },
		{ "tool", "", "none" },
	};
	struct sk_languages *all = load(NULL);

	SK_UNUSED(state);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		assert_string_equal(name_of(all, names[i][0], names[i][1]), names[i][2]);
	sk_languages_free(all);
}

#define MINE                                                                                       \
	"[language]\nname = mine\nextensions = mine py\n[rule a]\nkind = plain\n"                  \
	"pattern =\n\tneeds [ ]\n\t(?<spec> \\w+ ) # a comment\n"

static void test_a_users_language(void **state)
{
	struct sk_strv problems = SK_STRV_INIT;
	const struct sk_language *mine;
	struct sk_languages *all;
	struct sk_imports found;

	SK_UNUSED(state);
	put("zz-mine.ini", MINE);
	all = load(&problems);
	assert_int_equal(problems.n, 0);
	assert_string_equal(name_of(all, "x.py", NULL), "mine");
	assert_string_equal(name_of(all, "x.pyi", NULL), "python");
	mine = sk_language_of(all, "x.mine", NULL, 0);
	assert_string_equal(sk_language_resolver(mine), "mine");
	assert_int_equal(sk_extract(mine, "a\nneeds b", 9, &found), 0);
	assert_int_equal(found.n, 1);
	assert_string_equal(found.item[0].spec, "b");
	assert_int_equal(found.item[0].line, 2);
	sk_imports_clear(&found);
	sk_languages_free(all);
	sh("rm safekeep/languages/zz-mine.ini");
}

static void test_a_users_file_replaces_the_installed_one(void **state)
{
	struct sk_languages *all = load(NULL);
	struct sk_oid before = *sk_language_version(sk_language_of(all, "x.js", NULL, 0));
	struct sk_oid like = *sk_language_version(sk_language_of(all, "x.ts", NULL, 0));
	struct sk_oid embedding = *sk_language_version(sk_language_of(all, "x.vue", NULL, 0));
	struct sk_oid other = *sk_language_version(sk_language_of(all, "x.py", NULL, 0));

	SK_UNUSED(state);
	sk_languages_free(all);
	put("javascript.ini",
	    "[language]\nname = javascript\nextensions = js\n[rule a]\nkind = plain\n"
	    "pattern = (?<spec> x )\n");
	all = load(NULL);
	/* whose rules these are too has another version, and nobody else */
	assert_false(sk_oid_eq(&before, sk_language_version(sk_language_of(all, "x.js", NULL, 0))));
	assert_false(sk_oid_eq(&like, sk_language_version(sk_language_of(all, "x.ts", NULL, 0))));
	assert_false(
	        sk_oid_eq(&embedding, sk_language_version(sk_language_of(all, "x.vue", NULL, 0))));
	assert_true(sk_oid_eq(&other, sk_language_version(sk_language_of(all, "x.py", NULL, 0))));
	assert_string_equal(name_of(all, "x.mjs", NULL), "none");
	sk_languages_free(all);
	sh("rm safekeep/languages/javascript.ini");
}

static void test_wrong_files_are_named(void **state)
{
	static const char *const wrong[][2] = {
		{ "", "has no name" },
		{ "[language]\nname = a b\n", ":2: name: a name of letters" },
		{ "[language]\nname = x\n", "no rule" },
		{ "[language]\nname = x\nnonsense = 1\n", ":3: no key 'nonsense'" },
		{ "[language]\nname = x\n[rule a]\nkind = plain\n", "[rule a] has no pattern" },
		{ "[language]\nname = x\n[rule a]\npattern = (?<spec>a)\n", "needs a kind" },
		{ "[language]\nname = x\n[rule a]\nkind = odd\n", ":4: kind: plain, from" },
		{ "[language]\nname = x\n[rule a]\nkind = plain\npattern = a\n",
		  "no group (?<spec>" },
		{ "[language]\nname = x\n[rule a]\nkind = plain\npattern = (?<spec>a)\nitem = "
		  "(?<name>b)\n",
		  "no group (?<list>" },
		{ "[language]\nname = x\n[rule a]\nkind = plain\n\npattern = (?<spec> a\n",
		  ":6: the pattern is wrong" },
		{ "[language]\nname = x\n[skip]\npattern = [a\n[rule a]\nkind = plain\npattern = "
		  "(?<spec>a)\n",
		  ":4: the pattern is wrong" },
		{ "[language]\nname = x\n[rule a]\nkind = plain\npattern = (?<spec> (?&gone) )\n",
		  "the pattern is wrong" },
		{ "[language]\nname = x\nlike = python\n[rule a]\nkind = plain\npattern = "
		  "(?<spec>a)\n",
		  "and 'like' too" },
		{ "[language]\nname = x\nlike = nobody\n", "'like' names no language" },
		{ "[language]\nname = x\nlike = typescript\n", "'like' names no language" },
		{ "[language]\nname = python\nlike = c\n", "another file has the language" },
		{ "[language]\nname = x\n[rule a]\nlanguage = nobody\npattern = (?<list>a)\n",
		  "'language' names none" },
		{ "[language]\nname = x\n[rule a]\nkind = plain\npattern = (?<spec>a)\n[rule b]\n"
		  "kind = plain\n[rule a]\nkind = plain\n",
		  "[rule a] a second time" },
		{ "nonsense\n", ":1: neither" },
	};

	SK_UNUSED(state);
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		struct sk_strv problems = SK_STRV_INIT;
		struct sk_languages *all;

		put("zz.ini", wrong[i][0]);
		all = load(&problems);
		assert_int_equal(problems.n, 1);
		if (!strstr(problems.item[0], wrong[i][1]) || !strstr(problems.item[0], "zz.ini"))
			fail_msg("'%s' is not in '%s'", wrong[i][1], problems.item[0]);
		assert_string_equal(name_of(all, "x.py", NULL), "python");
		sk_languages_free(all);
		sk_strv_free(&problems);
	}
	sh("rm safekeep/languages/zz.ini");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_installed_languages_are_right),
		cmocka_unit_test(test_by_name),
		cmocka_unit_test(test_a_users_language),
		cmocka_unit_test(test_a_users_file_replaces_the_installed_one),
		cmocka_unit_test(test_wrong_files_are_named),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
