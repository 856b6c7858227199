/* How wide text is on a terminal, and the graph beside the timeline. */
#include "scratch.h"

#include <stdint.h>

#include "base/columns.h"
#include "base/term.h"
#include "command/lanes.h"

static size_t wide(const char *text)
{
	return sk_columns(text, strlen(text));
}

static void widths_of_letters(void **state)
{
	(void)state;
	assert_int_equal(wide(""), 0);
	assert_int_equal(wide("plain"), 5);
	assert_int_equal(wide("caf\u00e9"), 4);
	assert_int_equal(wide("cafe\u0301"), 4); /* the accent by itself */
	assert_int_equal(wide("\u65e5\u672c"), 4);
	assert_int_equal(wide("\uff21"), 2);       /* a full-width A */
	assert_int_equal(wide("\uff71"), 1);       /* a half-width katakana */
	assert_int_equal(wide("\uac00"), 2);       /* a Hangul syllable, whole */
	assert_int_equal(wide("\u1100\u1161"), 2); /* and in its parts */
	assert_int_equal(wide("\U0001f600"), 2);
	assert_int_equal(wide("\U00020000"), 2);
	assert_int_equal(wide("\u2500\u00a7"), 2);
	assert_int_equal(wide("\033[1;33mred\033[m"), 3);
	assert_int_equal(wide("\xff\xfe"), 2);
	assert_int_equal(wide("\001\177"), 0);
}

static void cuts_by_columns(void **state)
{
	static const struct {
		const char *text;
		size_t max;
		const char *want;
	} cases[] = {
		{ "fits just", 9, "fits just" },
		{ "does not fit", 9, "does n..." },
		{ "\u65e5\u672c\u8a9e", 6, "\u65e5\u672c\u8a9e" },
		{ "\u65e5\u672c\u8a9e\u306e", 7, "\u65e5\u672c..." },
		{ "\u65e5\u672c\u8a9e\u306e", 6, "\u65e5..." }, /* half a letter is none */
		{ "a\u0301b\u0301c\u0301d\u0301", 4, "a\u0301b\u0301c\u0301d\u0301" },
		{ "a\u0301b\u0301c\u0301d\u0301e", 4, "a\u0301..." },
		{ "abcdef", 3, "abc" },
		{ "abcdef", 0, "" },
	};
	struct sk_buf out = SK_BUF_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		sk_buf_clear(&out);
		assert_int_equal(
		        sk_add_columns(&out, cases[i].text, strlen(cases[i].text), cases[i].max),
		        0);
		assert_string_equal(sk_buf_str(&out), cases[i].want);
		assert_true(sk_columns(sk_buf_str(&out), out.len) <= cases[i].max);
	}
	sk_buf_clear(&out);
	assert_int_equal(sk_buf_adds(&out, "ab\u65e5"), 0);
	assert_int_equal(sk_pad_columns(&out, 2, 4), 0);
	assert_string_equal(out.ptr, "ab\u65e5  ");
	sk_buf_free(&out);
}

static void the_width_that_is_asked_for(void **state)
{
	(void)state;
	assert_int_equal(setenv("COLUMNS", "132", 1), 0);
	assert_int_equal(sk_term_width(), 132);
	assert_int_equal(setenv("COLUMNS", "3", 1), 0);
	assert_int_equal(sk_term_width(), 20);
	assert_int_equal(setenv("COLUMNS", "99999999999999999999", 1), 0);
	assert_int_equal(sk_term_width(), 1000);
	assert_int_equal(setenv("COLUMNS", "-5", 1), 0);
	assert_true(sk_term_width() >= 20);
	assert_int_equal(unsetenv("COLUMNS"), 0);
}

/* --- the graph ---------------------------------------------------------------------------- */

static struct sk_oid oid(char c)
{
	struct sk_oid o;

	memset(o.id, c, sizeof o.id);
	return o;
}

/* Takes "C ab" (commit C of parents a and b), "o C" (a backup that saw C): the graph. */
static const char *graph(const char *const *line)
{
	static struct sk_buf out = SK_BUF_INIT;
	struct sk_lanes lanes = { 0 };
	struct sk_buf rows = SK_BUF_INIT;

	sk_buf_clear(&out);
	for (; *line; line++) {
		bool backup = (*line)[0] == 'o';
		struct sk_oid me = oid((*line)[backup ? 2 : 0]), parent[8];
		size_t at = 0, n = 0;

		for (const char *p = *line + 2; !backup && (*line)[1] && *p; p++)
			parent[n++] = oid(*p);
		sk_buf_clear(&rows);
		if (backup)
			assert_int_equal(sk_lanes_place(&lanes, &me, &at), 0);
		else
			assert_int_equal(sk_lanes_commit(&lanes, &me, &at, &rows), 0);
		for (size_t k = 0; k < rows.len; k += strlen(rows.ptr + k) + 1)
			assert_int_equal(sk_buf_addf(&out, "%s\n", rows.ptr + k), 0);
		assert_int_equal(sk_lanes_row(&lanes, at, backup ? 'o' : '*', &out), 0);
		assert_int_equal(sk_buf_addf(&out, "%s\n", *line), 0);
		sk_buf_clear(&rows);
		if (!backup)
			assert_int_equal(sk_lanes_parents(&lanes, at, parent, n, &rows), 0);
		for (size_t k = 0; k < rows.len; k += strlen(rows.ptr + k) + 1)
			assert_int_equal(sk_buf_addf(&out, "%s\n", rows.ptr + k), 0);
	}
	sk_lanes_free(&lanes);
	sk_buf_free(&rows);
	return sk_buf_str(&out);
}

#define LINES(...)                                                                                 \
	(const char *const[])                                                                      \
	{                                                                                          \
		__VA_ARGS__, NULL                                                                  \
	}

static void graphs(void **state)
{
	(void)state;
	assert_string_equal(graph(LINES("o B", "B A", "o A", "A ")), "o o B\n* B A\no o A\n* A \n");
	/* a merge, and where the branches parted */
	assert_string_equal(graph(LINES("M BC", "o C", "C A", "B A", "A ")), "* M BC\n"
	                                                                     "|\\\n"
	                                                                     "| o o C\n"
	                                                                     "| * C A\n"
	                                                                     "* | B A\n"
	                                                                     "|/\n"
	                                                                     "* A \n");
	/* a backup of a commit that only it saw */
	assert_string_equal(graph(LINES("o B", "o X", "B A", "X A", "A ")), "o o B\n"
	                                                                    "| o o X\n"
	                                                                    "* | B A\n"
	                                                                    "| * X A\n"
	                                                                    "|/\n"
	                                                                    "* A \n");
	/* over a lane between them */
	assert_string_equal(graph(LINES("B A", "C D", "E A", "A ")), "* B A\n"
	                                                             "| * C D\n"
	                                                             "| | * E A\n"
	                                                             "|_|/\n"
	                                                             "* | A \n");
	/* clocks: a parent before its child, a backup after its commit */
	assert_string_equal(graph(LINES("A ", "B A", "o B", "o A")), "* A \n* B A\no o B\no o A\n");
}

static void many_lanes_stay_within_bounds(void **state)
{
	struct sk_lanes lanes = { 0 };
	struct sk_buf rows = SK_BUF_INIT, row = SK_BUF_INIT;
	struct sk_oid o = { { 0 } }, parent = { { 1 } };
	size_t at = 0;

	(void)state;
	for (unsigned i = 0; i < 200; i++) {
		o.id[1] = (unsigned char)(i + 1);
		sk_buf_clear(&row);
		assert_int_equal(sk_lanes_commit(&lanes, &o, &at, &rows), 0);
		assert_int_equal(at, i);
		assert_int_equal(sk_lanes_row(&lanes, at, '*', &row), 0);
		assert_true(row.len <= 2 * (SK_LANES_SHOWN + 1));
		assert_non_null(strchr(row.ptr, '*'));
		assert_int_equal(sk_lanes_parents(&lanes, at, &parent, 1, &rows), 0);
	}
	assert_int_equal(sk_lanes_commit(&lanes, &parent, &at, &rows), 0);
	assert_int_equal(at, 0);
	assert_int_equal(lanes.n, 1);
	sk_lanes_free(&lanes);
	sk_buf_free(&rows);
	sk_buf_free(&row);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(widths_of_letters),
		cmocka_unit_test(cuts_by_columns),
		cmocka_unit_test(the_width_that_is_asked_for),
		cmocka_unit_test(graphs),
		cmocka_unit_test(many_lanes_stay_within_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
