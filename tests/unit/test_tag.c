/* Tags: whatever a person writes comes back byte for byte, and nothing in a tag crashes. */
#include "unit/scratch.h"

#include "store/entry.h"
#include "store/pack.h"

static struct sk_entry *make(const char *title, const char *description)
{
	struct sk_entry *e = calloc(1, sizeof *e);

	assert_non_null(e);
	e->kind = SK_REVISION;
	e->id = strdup("Feature_20260810_1400");
	e->title = strdup(title);
	e->description = strdup(description);
	e->created = 1786370400;
	memset(e->tree.id, 0x4b, sizeof e->tree.id);
	assert_true(e->id && e->title && e->description);
	return e;
}

/* Formats and parses `e`; everything but the title has to be the same. */
static void round_trip(const struct sk_entry *e)
{
	struct sk_entry *got = calloc(1, sizeof *got);
	struct sk_buf text = SK_BUF_INIT;
	size_t extra;

	assert_non_null(got);
	assert_int_equal(sk_tag_format(e, &text), 0);
	if (sk_tag_parse(text.ptr, text.len, got))
		fail_msg("%s in:\n%s", sk_error_message(), text.ptr);
	assert_int_equal(got->kind, e->kind);
	assert_string_equal(got->id, e->id);
	assert_true(sk_oid_eq(&got->tree, &e->tree));
	assert_int_equal(got->created, e->created);
	assert_string_equal(got->description, e->description);
	assert_int_equal(strlen(got->title), strlen(e->title));
	assert_null(strpbrk(got->title, "\n\r\t"));
	extra = sk_entry_get(e, "Sk-Kind") ? 0 : 1;
	assert_int_equal(got->n_trailers, e->n_trailers + extra);
	for (size_t i = 0; i < e->n_trailers; i++) {
		assert_string_equal(got->trailer[i + extra].key, e->trailer[i].key);
		assert_string_equal(got->trailer[i + extra].value, e->trailer[i].value);
	}
	sk_entry_free(got);
	sk_buf_free(&text);
}

static void known_texts(void **state)
{
	static const char *const texts[] = {
		"",
		"one line",
		"ends in a newline\n",
		"\n",
		"\n\n",
		"\n\n\n\n",
		"\nbegins with one",
		"two\n\nparagraphs",
		"CRLF\r\n\r\nand more\r\n",
		"text\n\nSk-Kind: backup\nSk-Head: 0123\n",
		"Sk-Kind: release",
		"Sk-Kind: release\n\n",
		" leading space\n trailing \n ",
		"Signed-off-by: A <a@example.org>\n\n\n\nSk-Name: no\n\n",
		"\xff\xfe not UTF-8 \x01\x1b[31m",
	};
	static const char *const titles[] = { "", "t", " t ", "a\nb\tc\r", "\xc3\xa4", "a: b" };

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		for (size_t j = 0; j < sizeof titles / sizeof *titles; j++) {
			struct sk_entry *e = make(titles[j], texts[i]);

			round_trip(e);
			assert_int_equal(sk_entry_set(e, "Sk-Name", texts[i]), 0);
			assert_int_equal(sk_entry_set(e, "X-Other", titles[j]), 0);
			round_trip(e);
			assert_int_equal(sk_entry_set(e, "Sk-Kind", "revision"), 0);
			round_trip(e);
			sk_entry_free(e);
		}
}

static uint32_t seed = 12345;

static uint32_t next_random(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 17;
	seed ^= seed << 5;
	return seed;
}

/* Bytes that mean something in a message are more frequent than others. */
static void random_text(char *out, size_t max)
{
	static const char likely[] = "\n\n\n \r:SkN-ame\t\xff";
	size_t len = next_random() % max;

	for (size_t i = 0; i < len; i++) {
		uint32_t r = next_random();

		out[i] =
		        r & 1 ? likely[(r >> 1) % (sizeof likely - 1)] : (char)((r >> 8) % 255 + 1);
	}
	out[len] = '\0';
}

static void random_texts(void **state)
{
	char text[64], key[24];

	(void)state;
	for (int i = 0; i < 20000; i++) {
		struct sk_entry *e;

		random_text(text, sizeof text);
		e = make("title", text);
		for (uint32_t k = next_random() % 4; k > 0; k--) {
			random_text(text, sizeof text);
			(void)snprintf(key, sizeof key, "Sk-X%u", k);
			assert_int_equal(sk_entry_set(e, key, text), 0);
		}
		round_trip(e);
		sk_entry_free(e);
	}
}

static void broken_tags(void **state)
{
	struct sk_entry *e = make("title", "text\n\nmore"), *got;
	struct sk_buf text = SK_BUF_INIT;
	char *copy;

	(void)state;
	assert_int_equal(sk_entry_set(e, "Sk-Name", "a\nb"), 0);
	assert_int_equal(sk_tag_format(e, &text), 0);
	copy = malloc(text.len);
	got = calloc(1, sizeof *got);
	assert_true(copy && got);
	for (size_t len = 0; len < text.len; len++) { /* cut anywhere; no NUL at the end */
		char *exact = malloc(len ? len : 1);

		assert_non_null(exact);
		memcpy(exact, text.ptr, len);
		(void)sk_tag_parse(exact, len, got);
		free(exact);
	}
	for (int i = 0; i < 20000; i++) {
		memcpy(copy, text.ptr, text.len);
		for (uint32_t k = next_random() % 4 + 1; k > 0; k--)
			copy[next_random() % text.len] = (char)next_random();
		(void)sk_tag_parse(copy, text.len, got);
	}
	assert_int_equal(sk_tag_parse("", 0, got), SK_EDAMAGED);
	assert_int_equal(sk_tag_parse("x", 1, got), SK_EDAMAGED);
	memcpy(copy, text.ptr, text.len);
	memcpy(strstr(copy, "type tree"), "type blob", 9);
	assert_int_equal(sk_tag_parse(copy, text.len, got), SK_EDAMAGED);
	assert_non_null(strstr(sk_error_message(), "blob"));
	free(copy);
	sk_entry_free(got);
	sk_entry_free(e);
	sk_buf_free(&text);
}

static void bad_keys(void **state)
{
	static const char *const keys[] = { "", "a b", "a:b", "a\nb" };
	struct sk_buf text = SK_BUF_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		struct sk_entry *e = make("t", "");

		assert_int_equal(sk_entry_set(e, keys[i], "x"), 0);
		assert_int_equal(sk_tag_format(e, &text), SK_EUSAGE);
		assert_int_equal(text.len, 0);
		sk_entry_free(e);
	}
	sk_buf_free(&text);
}

static void trailers(void **state)
{
	struct sk_entry *e = make("t", "");
	struct sk_oid oid = { { 0 } };

	(void)state;
	assert_null(sk_entry_get(e, "Sk-Head"));
	assert_false(sk_entry_get_oid(e, "Sk-Head", &oid));
	assert_int_equal(sk_entry_set(e, "Sk-Head", "12"), 0);
	assert_false(sk_entry_get_oid(e, "Sk-Head", &oid));
	assert_int_equal(sk_entry_set(e, "Sk-Head", "0123456789012345678901234567890123456789"), 0);
	assert_true(sk_entry_get_oid(e, "Sk-Head", &oid));
	assert_int_equal(oid.id[1], 0x23);
	assert_int_equal(sk_entry_set(e, "Sk-Head", "01234567890123456789012345678901234567890"),
	                 0);
	assert_false(sk_entry_get_oid(e, "Sk-Head", &oid));
	assert_int_equal(e->n_trailers, 1);
	sk_entry_free(e);
	sk_entry_free(NULL);
}

/* git accepts the very bytes. */
static void git_accepts(void **state)
{
	struct sk_entry *e = make("title", "text\r\n\n\nSk-Kind: x\n");
	struct sk_buf text = SK_BUF_INIT;
	const char *zones[] = { "UTC", "Asia/Kolkata", "America/St_Johns", "Pacific/Chatham" };

	(void)state;
	scratch_open();
	sh("git init -q w && cd w && echo x >f && git add f && git commit -qm 1");
	assert_true(sk_oid_parse(sh("git -C w write-tree"), &e->tree));
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(setenv("TZ", zones[i], 1), 0);
		tzset();
		e->created = i == 1 ? 0 : i == 2 ? -5 : 1786370400;
		sk_buf_clear(&text);
		assert_int_equal(sk_tag_format(e, &text), 0);
		assert_int_equal(sk_write_file(AT_FDCWD, "tag", text.ptr, text.len, 0644, false),
		                 0);
		sh("cd w && git mktag --strict <../tag >../oid");
		sh("cd w && git update-ref refs/sk/backup/x$(cat ../oid | cut -c1-4) $(cat "
		   "../oid)");
	}
	assert_string_equal(sh("cd w && git fsck --strict --full 2>&1"), "");
	assert_string_equal(sh("cd w && git for-each-ref --format='%%(objecttype) %%(*objecttype) "
	                       "%%(taggername)' refs/sk | sort -u"),
	                    "tag tree SafeKeep");
	assert_int_equal(unsetenv("TZ"), 0);
	tzset();
	sk_entry_free(e);
	sk_buf_free(&text);
	scratch_close();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_texts), cmocka_unit_test(random_texts),
		cmocka_unit_test(broken_tags), cmocka_unit_test(bad_keys),
		cmocka_unit_test(trailers),    cmocka_unit_test(git_accepts),
	};

	return cmocka_run_group_tests_name("tag", tests, NULL, NULL);
}
