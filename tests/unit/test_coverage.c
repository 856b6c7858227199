/* Coverage reports: each kind, put together, and what is broken or hostile. */
#include "unit/scratch.h"

#include "impact/coverage.h"

/* The project: the first four are asked about. */
static const char *const project[] = { "src/a.js",     "src/b.js", "src/sums.js",
	                               "src/empty.js", "a.js",     "src/other.js" };
enum { ASKED = 4, FILES = 6 };

static long find(void *ctx, const char *path)
{
	(void)ctx;
	for (long i = 0; i < FILES; i++)
		if (strcmp(path, project[i]) == 0)
			return i < ASKED ? i : SK_COVERAGE_OTHER;
	return SK_COVERAGE_NONE;
}

static time_t changed(void *ctx, size_t file)
{
	(void)ctx;
	return file == 1 ? 2000 : 1000;
}

static const struct sk_coverage_of of = { ASKED, find, changed, NULL };
static struct sk_coverage_sum *sum;
static struct sk_coverage got;

static void begin(void)
{
	sk_coverage_clear(&got);
	assert_int_equal(sk_coverage_begin(&of, &sum), 0);
}

static int add(const char *text, time_t when)
{
	return sk_coverage_add(sum, "coverage/report", when, text, strlen(text));
}

static void add_data(const char *name, time_t when)
{
	struct sk_buf text = SK_BUF_INIT;
	char path[400];

	(void)snprintf(path, sizeof path, "%s/coverage/%s", SK_TEST_DATA, name);
	assert_int_equal(sk_read_file(AT_FDCWD, path, 1 << 20, &text), 0);
	if (add(text.ptr, when))
		fail_msg("%s: %s", name, sk_error_message());
	sk_buf_free(&text);
}

static void end(void)
{
	assert_int_equal(sk_coverage_end(sum, &got), 0);
	assert_int_equal(got.n, ASKED);
}

static void is(size_t file, size_t covered, size_t lines)
{
	assert_true(got.file[file].known);
	if (got.file[file].covered != covered || got.file[file].lines != lines)
		fail_msg("%s: %zu of %zu", project[file], got.file[file].covered,
		         got.file[file].lines);
}

static void test_lcov(void **state)
{
	(void)state;
	begin();
	add_data("lcov.info", 1500);
	end();
	is(0, 3, 4); /* two records of one file, put together */
	is(1, 0, 2);
	is(2, 4, 10);
	assert_false(got.file[3].known);
	assert_int_equal(got.known, 3);
	assert_int_equal(got.covered, 7);
	assert_int_equal(got.lines, 16);
	assert_false(got.file[0].stale);
	assert_true(got.file[1].stale);
	assert_int_equal(got.stale, 1);
}

static void test_cobertura(void **state)
{
	(void)state;
	begin();
	add_data("cobertura.xml", 3000);
	end();
	/* below its source, not the a.js at the top */
	is(0, 2, 3);
	is(1, 1, 2);
	assert_int_equal(got.known, 2);
	assert_int_equal(got.stale, 0);
}

static void test_go(void **state)
{
	(void)state;
	begin();
	add_data("go.out", 3000);
	end();
	is(0, 5, 5);
	is(1, 0, 4);
}

static void test_coverage_py(void **state)
{
	(void)state;
	begin();
	add_data("coveragepy.json", 3000);
	end();
	is(0, 2, 3);
	is(1, 0, 2);
	is(3, 0, 0); /* known, and nothing in it can be run */
	assert_int_equal(got.known, 3);
}

static void test_istanbul(void **state)
{
	(void)state;
	begin();
	add_data("istanbul.json", 3000);
	end();
	is(0, 1, 2);
	assert_int_equal(got.known, 1);
}

static void test_summary(void **state)
{
	(void)state;
	begin();
	add_data("summary.json", 3000);
	end();
	is(0, 5, 10);
	is(1, 0, 0);
	assert_int_equal(got.known, 2);
}

static void test_together(void **state)
{
	(void)state;
	begin();
	assert_int_equal(add("SF:src/a.js\nDA:1,1\nDA:2,0\nend_of_record\n", 500), 0);
	assert_int_equal(add("SF:src/a.js\nDA:2,1\nDA:3,0\nend_of_record\n", 1500), 0);
	end();
	is(0, 2, 3);
	assert_false(got.file[0].stale); /* the newest counts */
}

static void test_paths(void **state)
{
	static const struct {
		const char *report, *name;
		long file;
	} path[] = {
		{ "lcov.info", "src/a.js", 0 },
		{ "lcov.info", "./src/a.js", 0 },
		{ "lcov.info", "/x/y/src/a.js", 0 },
		{ "lcov.info", "C:\\x\\src\\a.js", 0 },
		{ "lcov.info", "a.js", -1 }, /* the one at the top, which is not asked about */
		{ "src/coverage/lcov.info", "a.js", 0 },
		{ "src/coverage/lcov.info", "other.js", -1 },
		{ "coverage/lcov.info", "../src/a.js", 0 },
		{ "lcov.info", "nothing.js", -1 },
		{ "lcov.info", "", -1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof path / sizeof path[0]; i++) {
		char text[200];

		begin();
		(void)snprintf(text, sizeof text, "SF:%s\nDA:1,1\nend_of_record\n", path[i].name);
		assert_int_equal(sk_coverage_add(sum, path[i].report, 1, text, strlen(text)), 0);
		end();
		if ((path[i].file >= 0) != (got.known == 1))
			fail_msg("%s in %s: %zu known", path[i].name, path[i].report, got.known);
		if (path[i].file >= 0)
			assert_true(got.file[path[i].file].known);
	}
}

static void test_what_is_none(void **state)
{
	static const char *const bad[] = {
		"",
		" \n",
		"hello\n",
		"<html></html>",
		"<coverage generated=\"1\"/>",
		"<coverage",
		"<coverage line-rate='1'><sources></coverage>",
		"{",
		"{\"a\":",
		"{\"a\":{}",
		"{\"a\" 1}",
		"{\"src/a.js\":{\"s\":]}}",
		"{\"src/a.js\":{\"lines\":}}",
		"{\"x\":1}",
		"{} {}",
		"mode: set\nsrc/a.js:1.1,2.2 1\n",
		"mode: set\nsrc/a.js\n",
		"<?xml version='1.0'?><!DOCTYPE coverage [<!ENTITY a 'aaaaaaaaaa'>"
		"<!ENTITY b '&a;&a;&a;&a;'>]><coverage line-rate='1'>&b;</coverage>",
		"<?xml version='1.0'?><!DOCTYPE c [<!ENTITY x SYSTEM 'file:///etc/passwd'>]>"
		"<coverage line-rate='1'><sources><source>&x;</source></sources></coverage>",
	};

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		begin();
		if (add(bad[i], 1) != SK_EUSAGE)
			fail_msg("taken: %s", bad[i]);
		assert_true(strlen(sk_error_message()) > 5);
		end();
		assert_int_equal(got.known, 0);
	}
}

static void test_odd_but_fine(void **state)
{
	(void)state;
	begin();
	assert_int_equal(
	        add("\xef\xbb\xbfTN:\r\nSF:src/a.js\r\nDA:1,-5\r\nDA:2,99999999999999999999\r\n"
	            "DA:99999999999,1\r\nDA:x\r\nDA:\r\nDA:3\r\nLF:\r\n",
	            1),
	        0);
	assert_int_equal(add("mode: set\n\nmode: set\nx/src/b.js:1.1,2.2 1 1", 1), 0);
	assert_int_equal(add("{}", 1), 0);
	assert_int_equal(add("{\"files\":{}}", 1), 0);
	end();
	assert_int_equal(got.file[0].lines, 2);
	assert_int_equal(got.file[0].covered, 1);
	is(1, 1, 1);
}

/* Large ones of each kind: linear, or this would not come to an end. */
static void test_large(void **state)
{
	struct sk_buf text = SK_BUF_INIT;

	(void)state;
	begin();
	for (int i = 0; i < 20000; i++)
		(void)sk_buf_addf(&text, "SF:other/%d.js\nDA:1,1\nDA:2,1\nend_of_record\n", i);
	assert_int_equal(add(text.ptr, 1), 0);
	sk_buf_clear(&text);
	(void)sk_buf_addc(&text, '{');
	for (int i = 0; i < 20000; i++)
		(void)sk_buf_addf(
		        &text, "\"other/%d.js\":{\"statementMap\":{},\"s\":{\"%0100d\":0}},", i, i);
	(void)sk_buf_adds(&text, "\"z\":{\"lines\":[[[[]]]]}}");
	assert_int_equal(add(text.ptr, 1), 0);
	sk_buf_clear(&text);
	(void)sk_buf_adds(&text, "{\"a\":");
	for (int i = 0; i < 1000000; i++)
		(void)sk_buf_addc(&text, '[');
	assert_int_equal(add(text.ptr, 1), SK_EUSAGE);
	sk_buf_clear(&text);
	(void)sk_buf_adds(&text, "<coverage line-rate='1'>");
	for (int i = 0; i < 100000; i++)
		(void)sk_buf_adds(&text, "<a>");
	assert_int_equal(add(text.ptr, 1), SK_EUSAGE);
	sk_buf_free(&text);
	end();
}

static int clear(void **state)
{
	(void)state;
	sk_coverage_clear(&got);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lcov),         cmocka_unit_test(test_cobertura),
		cmocka_unit_test(test_go),           cmocka_unit_test(test_coverage_py),
		cmocka_unit_test(test_istanbul),     cmocka_unit_test(test_summary),
		cmocka_unit_test(test_together),     cmocka_unit_test(test_paths),
		cmocka_unit_test(test_what_is_none), cmocka_unit_test(test_odd_but_fine),
		cmocka_unit_test(test_large),
	};

	return cmocka_run_group_tests_name("coverage", tests, NULL, clear);
}
