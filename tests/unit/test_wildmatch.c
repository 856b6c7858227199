/* Globs: a table over the ground of git's t3070-wildmatch.sh (cases of our own), a comparison with
 * the semantics said plainly, and hostile patterns. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "repo/ignore.h"

/* `path`, `plain`: the answers with and without pathname semantics; `fold`: path with case folded,
 * where it differs ('=' otherwise). */
struct glob {
	const char *pattern, *text;
	char path, plain, fold;
};

static const struct glob globs[] = {
	/* plain bytes, one character, one star */
	{ "foo", "foo", '1', '1', '=' },
	{ "foo", "bar", '0', '0', '=' },
	{ "foo", "fo", '0', '0', '=' },
	{ "fo", "foo", '0', '0', '=' },
	{ "", "", '1', '1', '=' },
	{ "", "a", '0', '0', '=' },
	{ "?", "", '0', '0', '=' },
	{ "???", "foo", '1', '1', '=' },
	{ "??", "foo", '0', '0', '=' },
	{ "*", "", '1', '1', '=' },
	{ "*", "foo", '1', '1', '=' },
	{ "f*", "foo", '1', '1', '=' },
	{ "*f", "foo", '0', '0', '=' },
	{ "*foo*", "foo", '1', '1', '=' },
	{ "*ob*a*r*", "foobar", '1', '1', '=' },
	{ "*ab", "aaaaaaabababab", '1', '1', '=' },
	{ "*ab*c", "ababac", '1', '1', '=' },
	{ "a*", "", '0', '0', '=' },
	{ "Foo", "foo", '0', '0', '1' },
	{ "*.TXT", "a.txt", '0', '0', '1' },
	{ "f\xc3\xa4*", "f\xc3\xa4hre", '1', '1', '=' },
	{ "\xc3\x84", "\xc3\xa4", '0', '0', '=' },
	{ "f??", "f\xff\x01", '1', '1', '=' },
	/* backslashes */
	{ "foo\\*", "foo*", '1', '1', '=' },
	{ "foo\\*bar", "foobar", '0', '0', '=' },
	{ "f\\\\oo", "f\\oo", '1', '1', '=' },
	{ "\\f\\o", "fo", '1', '1', '=' },
	{ "\\F", "F", '1', '1', '0' },
	{ "\\", "\\", '0', '0', '=' },
	{ "a\\", "a", '0', '0', '=' },
	{ "*\\", "a\\", '0', '0', '=' },
	{ "\\\\", "\\", '1', '1', '=' },
	{ "*/\\", "a/\\", '0', '0', '=' },
	{ "*/\\\\", "a/\\", '1', '1', '=' },
	/* slashes */
	{ "foo?bar", "foo/bar", '0', '1', '=' },
	{ "foo[/]bar", "foo/bar", '0', '1', '=' },
	{ "f[^eiu][^eiu][^eiu][^eiu][^eiu]r", "foo/bar", '0', '1', '=' },
	{ "foo*bar", "foo/baz/bar", '0', '1', '=' },
	{ "foo**bar", "foo/baz/bar", '0', '1', '=' },
	{ "foo**bar", "foobazbar", '1', '1', '=' },
	{ "*", "foo/bar", '0', '1', '=' },
	{ "*/*", "foo/bar", '1', '1', '=' },
	{ "*/*/*", "foo/bar", '0', '0', '=' },
	{ "*/*/*", "foo/bb/aa/rr", '0', '1', '=' },
	{ "a/*", "a/", '1', '1', '=' },
	{ "a\\/b", "a/b", '1', '1', '=' },
	{ "*\\/*b", "a/xb", '1', '1', '=' },
	{ "*X*i", "-X-o/i", '0', '1', '=' },
	/* two stars */
	{ "**", "", '1', '1', '=' },
	{ "**", "a/b/c", '1', '1', '=' },
	{ "**foo", "a/foo", '0', '1', '=' },
	{ "**/foo", "foo", '1', '0', '=' },
	{ "**/foo", "XXX/foo", '1', '1', '=' },
	{ "**/foo", "bar/baz/foo", '1', '1', '=' },
	{ "**/foo", "bar/xfoo", '0', '0', '=' },
	{ "*/foo", "bar/baz/foo", '0', '1', '=' },
	{ "***/foo", "bar/baz/foo", '1', '1', '=' },
	{ "**/bar/*", "deep/foo/bar/baz", '1', '1', '=' },
	{ "**/bar/*", "deep/foo/bar", '0', '0', '=' },
	{ "**/bar/*", "deep/foo/bar/baz/", '0', '1', '=' },
	{ "**/bar/**", "deep/foo/bar/baz/x", '1', '1', '=' },
	{ "**/bar**", "foo/bar/baz", '0', '1', '=' },
	{ "foo/**", "foo", '0', '0', '=' },
	{ "foo/**", "foo/", '1', '1', '=' },
	{ "foo/**", "foo/bar/baz", '1', '1', '=' },
	{ "foo/**/bar", "foo/bar", '1', '0', '=' },
	{ "foo/**/**/bar", "foo/bar", '1', '0', '=' },
	{ "foo/**/**/bar", "foo/b/a/z/bar", '1', '1', '=' },
	{ "foo/**\\/bar", "foo/bar", '0', '0', '=' },
	{ "foo/**\\/bar", "foo/x/y/bar", '1', '1', '=' },
	{ "foo/**/bar", "foobar", '0', '0', '=' },
	{ "**/**/**", "a", '1', '0', '=' },
	{ "**/a/*b/**/*c", "x/a/yb/a/zb/q/r/c", '1', '1', '=' },
	{ "**/a/*b/**/*c", "x/a/y/b/c", '0', '0', '=' },
	{ "**/*a*b*g*n*t", "abcd/abcdefg/abcdefghijk/abcdefghijklmnop.txt", '1', '1', '=' },
	{ "*/*/*/*/*/*/12/*/*/*/m/*/*/*", "-adobe/x/y/bold/r/n/12/120/75/75/m/70/iso8859/1", '1',
	  '1', '=' },
	{ "a/**/b/*/c/**/d", "a/1/b/2/x/b/3/c/4/5/d", '1', '1', '=' },
	{ "a/**/b/*/c/**/d", "a/1/b/2/x/b/3/y/4/5/d", '0', '0', '=' },
	/* brackets */
	{ "[ab]", "a", '1', '1', '=' },
	{ "[ab]", "c", '0', '0', '=' },
	{ "[!ab]", "c", '1', '1', '=' },
	{ "[^ab]", "a", '0', '0', '=' },
	{ "t[a-g]n", "ten", '1', '1', '=' },
	{ "t[!a-g]n", "ten", '0', '0', '=' },
	{ "a[]]b", "a]b", '1', '1', '=' },
	{ "a[]-]b", "a-b", '1', '1', '=' },
	{ "a[]a-]b", "aab", '1', '1', '=' },
	{ "[!]]", "]", '0', '0', '=' },
	{ "[!]]", "a", '1', '1', '=' },
	{ "[!", "ab", '0', '0', '=' },
	{ "[]", "]", '0', '0', '=' },
	{ "[]", "[]", '0', '0', '=' },
	{ "[", "[", '0', '0', '=' },
	{ "[a", "a", '0', '0', '=' },
	{ "*[a", "xa", '0', '0', '=' },
	{ "x[a-", "xa-", '0', '0', '=' },
	{ "[\\]", "\\", '0', '0', '=' },
	{ "[\\\\]", "\\", '1', '1', '=' },
	{ "[!\\\\]", "\\", '0', '0', '=' },
	{ "[A-\\\\]", "G", '1', '1', '1' },
	{ "[\\-_]", "-", '1', '1', '=' },
	{ "[\\]]", "]", '1', '1', '=' },
	{ "[\\]]", "\\]", '0', '0', '=' },
	{ "[---]", "-", '1', '1', '=' },
	{ "[--A]", "5", '1', '1', '=' },
	{ "[--A]", "-", '1', '1', '=' },
	{ "[ --]", "$", '1', '1', '=' },
	{ "[ --]", "0", '0', '0', '=' },
	{ "[a-c-f]", "e", '0', '0', '=' },
	{ "[a-c-f]", "-", '1', '1', '=' },
	{ "[,-.]", "-", '1', '1', '=' },
	{ "[\\1-\\3]", "2", '1', '1', '=' },
	{ "[[-\\]]", "\\", '1', '1', '=' },
	{ "[[-\\]]", "-", '0', '0', '=' },
	{ "[,]", ",", '1', '1', '=' },
	{ "[\\,]", "\\", '0', '0', '=' },
	{ "-*-[^1]", "-a-b", '1', '1', '=' },
	{ "[A-Z]", "a", '0', '0', '1' },
	{ "[a-z]", "A", '0', '0', '1' },
	{ "[B-Za]", "A", '0', '0', '1' },
	{ "[A]", "A", '1', '1', '0' },
	{ "[a]", "A", '0', '0', '1' },
	{ "[\\A]", "a", '0', '0', '=' },
	/* classes */
	{ "[[:alpha:]][[:digit:]][[:upper:]]", "a1B", '1', '1', '=' },
	{ "[[:digit:][:upper:][:space:]]", "a", '0', '0', '1' },
	{ "[[:digit:][:upper:][:space:]]", "\t", '1', '1', '=' },
	{ "[[:digit:][:upper:][:spaci:]]", "1", '0', '0', '=' },
	{ "[[:alnum:][:cntrl:]]", "\x1f", '1', '1', '=' },
	{ "[[:blank:]]", "\n", '0', '0', '=' },
	{ "[[:graph:]]", "~", '1', '1', '=' },
	{ "[[:graph:]]", " ", '0', '0', '=' },
	{ "[[:print:]]", " ", '1', '1', '=' },
	{ "[[:print:]]", "\xe4", '0', '0', '=' },
	{ "[[:lower:]]", "Z", '0', '0', '1' },
	{ "[[:punct:]]", "_", '1', '1', '=' },
	{ "[[:space:]]", "\v", '0', '0', '=' },
	{ "[[:xdigit:]]", "g", '0', '0', '=' },
	{ "[[:xdigit:]]", "F", '1', '1', '=' },
	{ "[a-c[:digit:]x-z]", "5", '1', '1', '=' },
	{ "[a-c[:digit:]x-z]", "q", '0', '0', '=' },
	{ "[[:ALPHA:]]", "a", '0', '0', '=' },
	{ "[[::]ab]", "a", '0', '0', '=' },
	{ "[[:alpha", "a", '0', '0', '=' },
	{ "[[:]a]", "[a]", '1', '1', '=' },
	{ "[[:a]", "[", '1', '1', '=' },
	{ "[[:a]", ":", '1', '1', '=' },
	{ "[!]a-]", "-", '0', '0', '=' },
	{ "[!]a-]", "b", '1', '1', '=' },
	{ "[![:alpha:]]", "1", '1', '1', '=' },
};

static void test_globs(void **state)
{
	SK_UNUSED(state);
	for (size_t i = 0; i < sizeof globs / sizeof *globs; i++) {
		const struct glob *g = &globs[i];
		size_t p = strlen(g->pattern), t = strlen(g->text);
		char fold = g->fold == '=' ? g->path : g->fold;

		if (sk_wildmatch(g->pattern, p, g->text, t, true, false) != (g->path == '1') ||
		    sk_wildmatch(g->pattern, p, g->text, t, false, false) != (g->plain == '1') ||
		    sk_wildmatch(g->pattern, p, g->text, t, true, true) != (fold == '1'))
			fail_msg("'%s' against '%s'", g->pattern, g->text);
	}
	assert_true(sk_wildmatch("a*\0b", 4, "ax\0b", 4, true, false));
	assert_false(sk_wildmatch("a*\0b", 4, "ax", 2, true, false));
}

/* The semantics said plainly, in exponential time: for patterns without brackets. */
static bool slow(const char *start, const char *p, const char *t, bool pathname)
{
	const char *q = p;
	bool deep, any;

	if (!*p)
		return !*t;
	if (*p == '\\')
		return p[1] && *t == p[1] && slow(start, p + 2, t + 1, pathname);
	if (*p == '?')
		return *t && (!pathname || *t != '/') && slow(start, p + 1, t + 1, pathname);
	if (*p != '*')
		return *p == *t && slow(start, p + 1, t + 1, pathname);
	while (*q == '*')
		q++;
	deep = q - p > 1 && (p == start || p[-1] == '/') &&
	       (!*q || *q == '/' || (*q == '\\' && q[1] == '/'));
	any = deep || !pathname;
	if (deep && pathname && *q == '/' && slow(start, q + 1, t, pathname))
		return true;
	for (;; t++) {
		if (slow(start, q, t, pathname))
			return true;
		if (!*t || (!any && *t == '/'))
			return false;
	}
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

static void test_globs_against_plain_words(void **state)
{
	unsigned hits = 0;

	SK_UNUSED(state);
	seed = 20261123;
	for (unsigned i = 0; i < 400000; i++) {
		char p[14], t[14];
		bool pathname = rnd(4) != 0, want;

		random_text(p, sizeof p, "aab*****//?\\");
		random_text(t, sizeof t, "aaab//");
		want = slow(p, p, t, pathname);
		hits += want;
		if (sk_wildmatch(p, strlen(p), t, strlen(t), pathname, false) != want)
			fail_msg("'%s' against '%s' is not %d (pathname %d)", p, t, want, pathname);
	}
	assert_true(hits > 10000); /* else the comparison says little */
}

/* Would take the age of the universe if a star tried everything. */
static void test_hostile_globs(void **state)
{
	static const char *const units[] = { "*a", "*a*", "**/",    "**/*a",  "a/**/", "*/**/",
		                             "?*", "**a", "[a-z]*", "**/a/*", "*[!b]", "**\\/" };
	static const char *const ends[] = { "b", "/b", "*b", "**/b", "[b]", "b/**" };
	static char text[4096], slashed[4096];
	struct sk_buf p = SK_BUF_INIT;

	SK_UNUSED(state);
	memset(text, 'a', sizeof text);
	for (size_t i = 0; i < sizeof slashed; i++)
		slashed[i] = i % 2 ? '/' : 'a';
	for (size_t u = 0; u < sizeof units / sizeof *units; u++)
		for (size_t e = 0; e < sizeof ends / sizeof *ends; e++) {
			sk_buf_clear(&p);
			for (unsigned i = 0; i < 100; i++)
				assert_int_equal(sk_buf_adds(&p, units[u]), 0);
			assert_int_equal(sk_buf_adds(&p, ends[e]), 0);
			for (int mode = 0; mode < 4; mode++) {
				assert_false(sk_wildmatch(p.ptr, p.len, text, sizeof text, mode & 1,
				                          mode & 2));
				assert_false(sk_wildmatch(p.ptr, p.len, slashed, sizeof slashed,
				                          mode & 1, mode & 2));
			}
		}
	sk_buf_free(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_globs),
		cmocka_unit_test(test_globs_against_plain_words),
		cmocka_unit_test(test_hostile_globs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
