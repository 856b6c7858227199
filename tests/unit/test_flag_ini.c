/* flags.ini as plugins/feature-flag reads and edits it: against SafeKeep's own reader, which has
 * inih under it, over random texts; and that an edit changes what it is for and no other byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/buf.h"
#include "repo/ini.h"

#include "../../plugins/feature-flag/ini.c"
#include "../../plugins/feature-flag/value.c"
#include "../../plugins/feature-flag/flags.c"

#define ROUNDS 20000

static uint64_t state;

static unsigned pick(unsigned n)
{
	state = state * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(state >> 33) % n;
}

static const char *const pieces[] = { "[a]",
	                              "[b]",
	                              "[flag.c]",
	                              "[ d ]",
	                              "[]",
	                              "[a",
	                              "[a] x",
	                              "[b] ; note",
	                              "[e ; f]",
	                              "key = value",
	                              "type=string",
	                              "default : 1",
	                              "x = a ; b",
	                              "x = a;b",
	                              "y = \"q ; r\"",
	                              "z =",
	                              "= v",
	                              "word",
	                              "; remark",
	                              "# remark",
	                              "  indented = 1",
	                              "\tA=1",
	                              "  more",
	                              "k = ; c",
	                              "k = v # w",
	                              "a = b = c",
	                              "e\xc3\xa9 = \xc3\xbc",
	                              "default.x = 2",
	                              "\xff = \xfe",
	                              "  ; far",
	                              "[c];x",
	                              "k\t=\tv\t",
	                              "k = \"\\u003b\"",
	                              "" };

static struct sk_buf random_text(void)
{
	struct sk_buf text = SK_BUF_INIT;
	unsigned lines = pick(14), crlf = pick(3);

	sk_buf_adds(&text, pick(8) ? "" : "\xef\xbb\xbf");
	for (unsigned i = 0; i < lines; i++) {
		sk_buf_adds(&text, pieces[pick(sizeof pieces / sizeof *pieces)]);
		if (i + 1 < lines || pick(3))
			sk_buf_adds(&text, crlf ? "\n" : "\r\n");
	}
	sk_buf_add(&text, "", 0);
	return text;
}

/* "section|key|value\n" of each setting */
static int add_item(void *ctx, unsigned line, const char *section, const char *key,
                    const char *value)
{
	(void)line;
	/* a value over several lines: the plugin takes none; the first line is what it has */
	return sk_buf_addf(ctx, "%s|%s|%.*s\n", section, key, (int)strcspn(value, "\n"), value);
}

static int ignore(void *ctx, unsigned line, const char *words)
{
	(void)ctx;
	(void)line;
	(void)words;
	return 0;
}

static char *theirs(const struct sk_buf *text)
{
	struct sk_buf out = SK_BUF_INIT;
	const struct sk_ini_fns fns = { add_item, ignore, &out };

	assert_int_equal(sk_ini_parse(text, &fns), 0);
	sk_buf_add(&out, "", 0);
	return sk_buf_detach(&out);
}

/* The same of our reading, but for section `without` (may be NULL) or a key of it. */
static char *ours(const struct ini *ini, const char *without, const char *key)
{
	struct sk_buf out = SK_BUF_INIT;
	const struct ini_line *section = NULL;

	for (size_t i = 0; i < ini->n; i++) {
		const struct ini_line *line = &ini->line[i];
		const char *name = section ? section->name : "";

		if (line->kind == INI_SECTION)
			section = line;
		if (line->kind != INI_KEY ||
		    (section && section->why && strcmp(section->why, INI_UNCLOSED) == 0))
			continue;
		if (without && strcmp(without, name) == 0 && (!key || strcmp(key, line->name) == 0))
			continue;
		sk_buf_addf(&out, "%s|%s|%s\n", name, line->name, line->value);
	}
	sk_buf_add(&out, "", 0);
	return sk_buf_detach(&out);
}

static void readings_agree(void **unused)
{
	(void)unused;
	state = 1;
	for (int i = 0; i < ROUNDS; i++) {
		struct sk_buf text = random_text();
		struct ini ini;
		char *a, *b;

		ini_read(text.ptr, text.len, &ini);
		a = ours(&ini, NULL, NULL);
		b = theirs(&text);
		if (strcmp(a, b) != 0)
			print_message("%s\n--- ours\n%s--- theirs\n%s", text.ptr, a, b);
		assert_string_equal(a, b);
		free(a);
		free(b);
		ini_drop(&ini);
		sk_buf_free(&text);
	}
}

static char *again(const char *text, size_t len, const char *without, const char *key)
{
	struct ini ini;
	char *list;

	assert_int_equal(strlen(text), len);
	ini_read(text, len, &ini);
	list = ours(&ini, without, key);
	ini_drop(&ini);
	return list;
}

/* All lines of `a` but for line `but` are in `b`, in order. */
static void lines_stay(const struct ini *a, size_t but, const char *b)
{
	for (size_t i = 0; i < a->n; i++) {
		const struct ini_line *line = &a->line[i];
		size_t len = line->len;
		const char *at;

		while (len && (line->text[len - 1] == '\n' || line->text[len - 1] == '\r'))
			len--;
		if (i == but)
			continue;
		at = memmem(b, strlen(b), line->text, len);
		assert_non_null(at);
		b = at + len;
	}
}

static void edits_change_nothing_else(void **unused)
{
	static const char *const keys[] = { "key", "type", "default", "k", "new", "default.y" };

	(void)unused;
	state = 2;
	for (int i = 0; i < ROUNDS; i++) {
		struct sk_buf text = random_text();
		const char *key = keys[pick(6)];
		struct ini ini, now;
		size_t from = 0, len = 0, line;
		char *edited, *a, *b;

		ini_read(text.ptr, text.len, &ini);
		while (from < ini.n && (ini.line[from].kind != INI_SECTION || ini.line[from].why ||
		                        ini_section(&ini, ini.line[from].name) != from))
			from++;
		if (from < ini.n) {
			const char *name = ini.line[from].name;

			line = ini_key(&ini, from, key);
			edited = ini_put(&ini, from, key, "4711", &len);
			lines_stay(&ini, line, edited);
			ini_read(edited, len, &now);
			line = ini_key(&now, ini_section(&now, name), key);
			assert_true(line < now.n);
			assert_string_equal(now.line[line].value, "4711");
			a = ours(&ini, name, key);
			b = ours(&now, name, key);
			assert_string_equal(a, b);
			free(a);
			free(b);
			ini_drop(&now);
			free(edited);

			edited = ini_append(&ini, "appended", "type = boolean\ndefault = true\n",
			                    &len);
			lines_stay(&ini, ini.n, edited);
			a = ours(&ini, NULL, NULL);
			b = again(edited, len, "appended", NULL);
			assert_string_equal(a, b);
			free(a);
			free(b);
			free(edited);
		}
		ini_drop(&ini);
		sk_buf_free(&text);
	}
}

static void remove_from(const char *before, const char *section, const char *after)
{
	struct ini ini;
	size_t len = 0;
	char *out;

	ini_read(before, strlen(before), &ini);
	out = ini_cut_section(&ini, ini_section(&ini, section), &len);
	assert_string_equal(out, after);
	assert_int_equal(len, strlen(after));
	free(out);
	ini_drop(&ini);
}

static void sections_go_whole(void **unused)
{
	static const char three[] = "; head\n\n; of a\n[a]\nx = 1\n\n; of b\n[b]\ny = 1\n; in b\n\n"
	                            "; of c\n[c]\nz = 1\n";

	(void)unused;
	remove_from(three, "a", "; head\n\n; of b\n[b]\ny = 1\n; in b\n\n; of c\n[c]\nz = 1\n");
	remove_from(three, "b", "; head\n\n; of a\n[a]\nx = 1\n\n; of c\n[c]\nz = 1\n");
	remove_from(three, "c", "; head\n\n; of a\n[a]\nx = 1\n\n; of b\n[b]\ny = 1\n; in b\n");
	remove_from("; head\n[a]\nx = 1\n[b]\n", "a", "; head\n[b]\n");
	remove_from("[a]\nx = 1", "a", "");
	remove_from("[a]\r\nx = 1\r\n\r\n[b]\r\n", "b", "[a]\r\nx = 1\r\n");
	remove_from("[a]\n\n; tail\n", "a", "\n; tail\n");
}

static void quotes_bring_back(void **unused)
{
	static const char *const texts[] = { "",      " ",           "a",       "a b",      " a",
		                             "a ",    "a ; b",       "a;b",     ";",        "#x",
		                             "\"",    "\"a\"",       "a\nb",    "\t",       "\\",
		                             "\\n",   "a\x7f",       "\x1b[1m", "\xc3\xbc", "%s%n",
		                             "$(x)",  "'",           "a # b",   "[x]",      "=",
		                             "a = b", "\xe2\x80\xae" };

	(void)unused;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		char *line = fl_format("[s]\nk = %s\n", flag_quote(texts[i])), *want, *got;
		const struct sk_buf text = { line, strlen(line), strlen(line) + 1, false };
		struct ini ini;

		ini_read(line, strlen(line), &ini);
		assert_int_equal(ini.n, 2);
		got = flag_unquote(ini.line[1].value);
		assert_non_null(got);
		assert_string_equal(got, texts[i]);
		want = theirs(&text);
		assert_string_equal(want, fl_format("s|k|%s\n", ini.line[1].value));
	}
	assert_null(flag_unquote("\"open"));
	assert_null(flag_unquote("\"a\" b"));
	assert_null(flag_unquote("\"\\u0000\""));
}

static void values_have_types(void **unused)
{
	static const struct {
		enum flag_type type;
		const char *text, *value; /* NULL: refused */
	} table[] = {
		{ FLAG_BOOLEAN, "true", "true" },
		{ FLAG_BOOLEAN, "FALSE", "false" },
		{ FLAG_BOOLEAN, "True", "true" },
		{ FLAG_BOOLEAN, "yes", NULL },
		{ FLAG_BOOLEAN, "1", NULL },
		{ FLAG_BOOLEAN, "on", NULL },
		{ FLAG_BOOLEAN, "", NULL },
		{ FLAG_BOOLEAN, " true", NULL },
		{ FLAG_INTEGER, "0", "0" },
		{ FLAG_INTEGER, "-12", "-12" },
		{ FLAG_INTEGER, "9223372036854775807", "9223372036854775807" },
		{ FLAG_INTEGER, "-9223372036854775808", "-9223372036854775808" },
		{ FLAG_INTEGER, "9223372036854775808", NULL },
		{ FLAG_INTEGER, "1.0", NULL },
		{ FLAG_INTEGER, "0x10", NULL },
		{ FLAG_INTEGER, "+1", NULL },
		{ FLAG_INTEGER, "010", NULL },
		{ FLAG_INTEGER, "1 ", NULL },
		{ FLAG_INTEGER, "true", NULL },
		{ FLAG_INTEGER, "", NULL },
		{ FLAG_FLOAT, "0.25", "0.25" },
		{ FLAG_FLOAT, "3", "3" },
		{ FLAG_FLOAT, "-1.5e-7", "-1.5e-7" },
		{ FLAG_FLOAT, "1e999", NULL },
		{ FLAG_FLOAT, "nan", NULL },
		{ FLAG_FLOAT, "1,5", NULL },
		{ FLAG_FLOAT, "\"1\"", NULL },
		{ FLAG_STRING, "", "" },
		{ FLAG_STRING, "a b", "a b" },
		{ FLAG_STRING, "\xff", NULL },
	};

	(void)unused;
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		const char *why = NULL, *got = flag_parse(table[i].type, table[i].text, &why);

		if (table[i].value) {
			assert_non_null(got);
			assert_string_equal(got, table[i].value);
		} else {
			assert_null(got);
			assert_non_null(why);
		}
	}
	assert_int_equal(flag_date("1970-01-02"), 1);
	assert_int_equal(flag_date("2024-02-29"), 19782);
	assert_true(flag_date("2023-02-29") == INT64_MIN);
	assert_true(flag_date("2023-1-1") == INT64_MIN);
	assert_true(flag_date("2023-13-01") == INT64_MIN);
	assert_true(flag_date("soon") == INT64_MIN);
}

static void names_and_variables(void **unused)
{
	static const char *const upper[][2] = {
		{ "new-payment", "NEW_PAYMENT" },
		{ "newPayment", "NEW_PAYMENT" },
		{ "NewPayment", "NEW_PAYMENT" },
		{ "new.payment", "NEW_PAYMENT" },
		{ "HTTPServer", "HTTP_SERVER" },
		{ "v2Engine", "V2_ENGINE" },
		{ "a", "A" },
		{ "a--b", "A_B" },
		{ "NEW_PAYMENT", "NEW_PAYMENT" },
		{ "new_payment_", "NEW_PAYMENT" },
	};
	static const char *const refused[] = {
		"",     "1A",           "A-B",        "A B",      "PATH",
		"path", "LD_PRELOAD",   "GIT_DIR",    "BASH_ENV", "https_proxy",
		"A=B",  "NODE_OPTIONS", "PYTHONPATH", "\xc3\xbc"
	};

	(void)unused;
	for (size_t i = 0; i < sizeof upper / sizeof *upper; i++)
		assert_string_equal(flag_upper(upper[i][0]), upper[i][1]);
	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
		assert_non_null(flag_env_refused(refused[i]));
	assert_null(flag_env_refused("ENABLE_NEW_PAYMENT"));
	assert_null(flag_env_refused("_x1"));
	assert_true(flag_name_ok("a.b-c_D9"));
	assert_false(flag_name_ok(""));
	assert_false(flag_name_ok("9a"));
	assert_false(flag_name_ok("a b"));
	assert_false(flag_name_ok("a$(x)"));
	assert_false(flag_name_ok("\xc3\xbc"));
}

static void read_flags(const char *text, struct flags *out)
{
	flags_read(text, strlen(text), out);
}

static void one_broken_flag_is_one(void **unused)
{
	static const char *const bad[] = {
		"[bad]\n",
		"[bad]\ndefault = maybe\n",
		"[bad]\ntype = object\ndefault = 1\n",
		"[bad]\ntype = integer\ndefault = 1.5\n",
		"[bad]\ndefault = true\ndefault = false\n",
		"[bad]\ndefault = true\nnonsense\n",
		"[bad]\ndefault = true\n  goes on\n",
		"[bad]\ndefault = true\nenv = PATH\n",
		"[bad]\ndefault = true\nexpires = tomorrow\n",
		"[bad]\ndefault = true\npermanent = perhaps\n",
		"[bad]\ndefault = true\ndefault.x y = true\n",
		"[bad]\ndefault = true\nenv = GOOD\n",
		"[bad]\ndefault = true\n[bad]\ndefault = true\n",
		"[bad] x\ndefault = true\n",
		"[bad\ndefault = true\n",
		"[b$d]\ndefault = true\n",
		"[bad]\ntype = string\ndefault = \"open\n",
		"[bad]\ntype = string\ndefault = \xff\n",
		"[GOOD]\ndefault = true\n",
	};

	(void)unused;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct flags flags;

		read_flags(fl_format("[good]\ndefault = true\n\n%s\n[also-good]\ntype = integer\n"
		                     "default = 3\n",
		                     bad[i]),
		           &flags);
		assert_int_equal(flags.n, 3);
		assert_null(flags.flag[0].broken);
		assert_non_null(flags.flag[1].broken);
		assert_null(flags.flag[2].broken);
		assert_string_equal(flags.flag[0].value.text, "true");
		assert_string_equal(flags.flag[2].value.text, "3");
	}
}

/* Whatever the bytes are: each section is a flag once, usable or broken, and `get` has a value for
 * the usable ones. */
static void any_bytes_can_be_read(void **unused)
{
	(void)unused;
	state = 3;
	for (int i = 0; i < ROUNDS; i++) {
		struct sk_buf text = random_text();
		unsigned hits = pick(6);
		struct flags flags;

		for (unsigned k = 0; k < hits && text.len; k++)
			text.ptr[pick((unsigned)text.len)] = (char)(1 + pick(255));
		flags_read(text.ptr, text.len, &flags);
		for (size_t k = 0; k < flags.n; k++) {
			const struct flag *f = &flags.flag[k];

			assert_ptr_equal(flags_find(&flags, f->name), f);
			assert_true(f->broken ? f->broken_line > 0 : f->value.text != NULL);
		}
		sk_buf_free(&text);
	}
}

static void like_names_are_found(void **unused)
{
	struct flags flags;

	(void)unused;
	read_flags("[new_payment]\ndefault = true\n[limit]\ndefault = true\n", &flags);
	assert_string_equal(flags_like(&flags, "new-paymnt"), "new_payment");
	assert_string_equal(flags_like(&flags, "newPayment"), "new_payment");
	assert_string_equal(flags_like(&flags, "limt"), "limit");
	assert_null(flags_like(&flags, "other"));
}

/* The plugin gives its memory back by ending (ini.h). */
const char *__asan_default_options(void);

const char *__asan_default_options(void)
{
	return "detect_leaks=0";
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(readings_agree),
		cmocka_unit_test(edits_change_nothing_else),
		cmocka_unit_test(sections_go_whole),
		cmocka_unit_test(quotes_bring_back),
		cmocka_unit_test(values_have_types),
		cmocka_unit_test(names_and_variables),
		cmocka_unit_test(one_broken_flag_is_one),
		cmocka_unit_test(any_bytes_can_be_read),
		cmocka_unit_test(like_names_are_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
