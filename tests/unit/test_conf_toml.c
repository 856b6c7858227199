/* config-backup's TOML: what is in the specification, and what is not TOML by it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "include/safekeep/plugin.h"

/* as in say.c, which needs a host */
uint64_t conf_hash(const void *data, size_t len, uint64_t seed);
uint64_t conf_hash(const void *data, size_t len, uint64_t seed)
{
	const unsigned char *p = data;

	while (len--)
		seed = seed * 31 + *p++;
	return seed;
}

#include "../../plugins/config-backup/parse_toml.c"
#include "../../plugins/config-backup/toml_word.c"

static long parse(const char *text, size_t len)
{
	char why[300] = "", *copy = malloc(len ? len : 1); /* so that reading on is seen */
	long line;

	memcpy(copy, text, len);
	line = conf_parse_toml(copy, len, why, sizeof why);
	free(copy);
	assert_int_equal(line != 0, why[0] != '\0');
	return line;
}

static void accepts(const char *text)
{
	long line = parse(text, strlen(text));

	if (line)
		fail_msg("line %ld is refused of:\n%s", line, text);
}

static void refuses(const char *text)
{
	if (!parse(text, strlen(text)))
		fail_msg("accepted:\n%s", text);
}

static void test_documents(void **state)
{
	(void)state;
	accepts("");
	accepts("# only a comment");
	accepts("\xef\xbb\xbf"
	        "a = 1");
	accepts("title = \"TOML\"\r\n[owner]\r\nname = 'Tom' # why\r\n");
	accepts("ports = [ 8000, # one\n 8001,\n]\ndata = { a = 1, \"b c\".d = [1, {x=2}] }");
	accepts("\"\" = 1\n'q u' = 2\n\"\\u00e9\".b = 3\n1234 = 4\n3.14 = 5");
	refuses("a");
	refuses("a =");
	refuses("= 1");
	refuses("a = 1 b = 2");
	refuses("a = 1\rb = 2");
	refuses("a b = 1");
	refuses("[a");
	refuses("[]");
	refuses("[a] b = 1");
	refuses("# \x01");
	refuses("a = [1 2]");
	refuses("a = {b = 1,}");
	refuses("a = {b = 1\n}");
	refuses("a = 1\xff");
	refuses("a. = 1");
	refuses("\"\"\"a\"\"\" = 1");
	assert_int_equal(parse("a = 1\0", 6), 1);
	assert_int_equal(parse("a = 1\n\nb = \n", 12), 3);
}

static void test_strings(void **state)
{
	(void)state;
	accepts("a = \"\\b\\t\\n\\f\\r\\\"\\\\ \\u00e9 \\U0001F600\"");
	accepts("a = '''x''y'''");
	accepts("a = \"\"\"\nx \"\" \\\n   \n  y\"\"\"\"\"");
	accepts("a = ''''''");
	refuses("a = \"\n\"");
	refuses("a = \"\\x\"");
	refuses("a = \"\\ud800\"");
	refuses("a = \"\\U00110000\"");
	refuses("a = \"\\u12\"");
	refuses("a = '\x7f'");
	refuses("a = 'x");
	refuses("a = \"\"\"x");
	refuses("a = \"\"\"x\"\"\"\"\"\"");
	refuses("a = \"\"\" \\ x\"\"\"");
}

static void test_numbers(void **state)
{
	(void)state;
	accepts("a = [+1, -0, 1_000, 0xdead_BEEF, 0o755, 0b1101, 9223372036854775807]");
	accepts("a = -9223372036854775808");
	accepts("a = [1.0, 3.1e-2, 5e+22, 6.626e-34, -0.0, +inf, nan, 1_0.0_1]");
	refuses("a = 9223372036854775808");
	refuses("a = -9223372036854775809");
	refuses("a = 01");
	refuses("a = 1__0");
	refuses("a = 1_");
	refuses("a = _1");
	refuses("a = 1.");
	refuses("a = .1");
	refuses("a = 1.e5");
	refuses("a = +0x1");
	refuses("a = 0X1");
	refuses("a = 0b2");
	refuses("a = ++1");
	refuses("a = Inf");
	refuses("a = yes");
	refuses("a = TRUE");
}

static void test_dates(void **state)
{
	(void)state;
	accepts("a = [1979-05-27T07:32:00Z, 1979-05-27 07:32:00.999-07:00, 1979-05-27t07:32:00]");
	accepts("a = [1979-05-27, 07:32:00, 00:32:00.999999, 2000-02-29]");
	accepts("a = 1979-05-27 # a day");
	refuses("a = 1979-02-29");
	refuses("a = 1900-02-29");
	refuses("a = 1979-13-01");
	refuses("a = 1979-5-27");
	refuses("a = 1979-05-27T");
	refuses("a = 1979-05-27T24:00:00");
	refuses("a = 1979-05-27T07:32");
	refuses("a = 07:60:00");
	refuses("a = 07:32:00.");
	refuses("a = 07:32:00Z");
	refuses("a = 1979-05-27T07:32:00+25:00");
}

static void test_twice(void **state)
{
	(void)state;
	accepts("a.b = 1\na.c = 2");
	accepts("[a.b]\n[a]\nx = 1");
	accepts("[f]\napple.color = 1\n[f.apple.texture]\nsmooth = true");
	accepts("[[x.y]]\n[x.y.z]\nq = 1\n[[x.y]]\n[x.y.z]\nq = 1");
	accepts("[a.b.c]\n[a]\nb.d = 1");
	refuses("a = 1\na = 2");
	refuses("a = 1\n\"a\" = 2");
	refuses("a = 1\na.b = 2");
	refuses("a.b = 1\na = 2");
	refuses("[a]\n[a]");
	refuses("[a]\nb = 1\n[a.b]");
	refuses("a.b = 1\n[a]");
	refuses("[f]\napple.color = 1\n[f.apple]");
	refuses("[a.b.c]\nz = 9\n[a]\nb.c.t = 1");
	refuses("[[a]]\n[a]");
	refuses("a = [{}]\n[[a]]");
	refuses("[a]\n[[a]]");
	refuses("a = {b = 1}\na.c = 2");
	refuses("a = {b = 1}\n[a.c]");
	refuses("a = {b = 1, b = 2}");
	refuses("a = {b.c = 1, b = 2}");
	refuses("[[a.b]]\n[a]\nb.c = 1");
}

static void test_depth_and_size(void **state)
{
	size_t n = 300000;
	char *text = malloc(n + 8), *at;

	(void)state;
	memcpy(text, "a = ", 4);
	memset(text + 4, '[', n);
	assert_int_equal(parse(text, n + 4), 1);
	/* many tables: in time that grows with their number alone */
	at = text;
	for (int i = 0; at - text < (ptrdiff_t)n - 40; i++)
		at += sprintf(at, "[t%d.x]\na.b=1\n", i);
	assert_int_equal(parse(text, (size_t)(at - text)), 0);
	free(text);
}

/* Every beginning of a document is read without going beyond it. */
static void test_beginnings(void **state)
{
	static const char text[] =
	        "[a.\"b\\u00e9\"]\nx = \"\"\"y\\\n z\"\"\"\nd = 1979-05-27T07:32:00.5+01:00\n"
	        "[[c]]\ne = { f = [ 0x1F, 1.5e3, true ], 'g' = '''h''' } # i\n";

	(void)state;
	for (size_t i = 0; i < sizeof text; i++)
		(void)parse(text, i);
	accepts(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_documents),  cmocka_unit_test(test_strings),
		cmocka_unit_test(test_numbers),    cmocka_unit_test(test_dates),
		cmocka_unit_test(test_twice),      cmocka_unit_test(test_depth_and_size),
		cmocka_unit_test(test_beginnings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
