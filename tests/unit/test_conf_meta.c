/* config-backup's names of records and its metadata. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <git2.h>

#include "../../plugins/config-backup/meta.c"
#include "../../plugins/config-backup/name.c"

/* Any path becomes a name that git takes, and comes back. */
static void check_name(const char *path)
{
	bool fits = false;
	char *coded = conf_name_code(path, &fits), *back = conf_name_decode(coded), ref[9000];
	int valid = 0;

	assert_non_null(coded);
	assert_null(strchr(coded, '@'));
	assert_string_equal(back, path);
	(void)snprintf(ref, sizeof ref, "refs/sk/conf/host/%s@20261123T140506Z", coded);
	assert_int_equal(git_reference_name_is_valid(&valid, ref), 0);
	if (!valid)
		fail_msg("git does not take %s", ref);
	free(coded);
	free(back);
}

static void test_names(void **state)
{
	static const char *const path[] = {
		"etc/hosts", "a",    ".bashrc",   "a/.b/..c/d..e", "x.lock/y.lock", "a.lock.",
		"@",         "@{0}", "a b\tc\nd", "\x1b[31m",      "\xff\xfe",      "a%41",
		"-x",        "a.",   "a~^:?*[\\]"
	};
	unsigned seed = 1;

	(void)state;
	(void)git_libgit2_init();
	for (size_t i = 0; i < sizeof path / sizeof *path; i++)
		check_name(path[i]);
	for (int i = 0; i < 20000; i++) {
		char text[24];
		size_t n = 0, len = 1 + (size_t)rand_r(&seed) % 20;

		while (n < len) {
			int c = "a./.lock@{\\\x01\xe9%~"[rand_r(&seed) % 15];

			/* no empty components, and none that a path cannot have */
			if (c == '/' && (!n || n + 1 == len || text[n - 1] == '/'))
				c = 'b';
			text[n++] = (char)c;
		}
		text[n] = '\0';
		check_name(text);
	}
	(void)git_libgit2_shutdown();
	assert_null(conf_name_decode("a%4"));
	assert_null(conf_name_decode("a%zz"));
	assert_null(conf_name_decode("a%00b"));
}

static void test_long_names(void **state)
{
	char path[3000];
	bool fits = true;

	(void)state;
	memset(path, 'a', sizeof path);
	path[201] = '\0';
	free(conf_name_code(path, &fits));
	assert_false(fits);
	path[200] = '\0';
	free(conf_name_code(path, &fits));
	assert_true(fits);
	for (size_t i = 1; i < 1500; i++)
		path[i] = i % 100 ? 'a' : '/';
	path[1500] = '\0';
	free(conf_name_code(path, &fits));
	assert_false(fits);
}

static void test_base64(void **state)
{
	static const unsigned char data[] = { 0, 255, 1, 254, 'a', 0, 7 };
	size_t len = 0;

	(void)state;
	for (size_t n = 0; n <= sizeof data; n++) {
		char *coded = conf_base64(data, n);
		unsigned char *back = conf_unbase64(coded, &len);

		assert_int_equal(len, n);
		assert_memory_equal(back, data, n);
		free(coded);
		free(back);
	}
	assert_null(conf_unbase64("abc", &len));
	assert_null(conf_unbase64("a===", &len));
	assert_null(conf_unbase64("ab=c", &len));
	assert_null(conf_unbase64("ab==abcd", &len));
	assert_null(conf_unbase64("a c=", &len));
}

static struct conf_meta example(void)
{
	static struct conf_xattr xattr[2] = {
		{ (char *)(uintptr_t) "base64:odd", (void *)(uintptr_t) "\0v", 2 },
		{ (char *)(uintptr_t) "user.\xff", (void *)(uintptr_t) "", 0 }
	};

	return (struct conf_meta){ .path = (char *)(uintptr_t) "/etc/\xff\n",
		                   .machine = (char *)(uintptr_t) "m",
		                   .user = (char *)(uintptr_t) "root",
		                   .mode = 04750,
		                   .uid = 12,
		                   .gid = 4294967294u,
		                   .mtime = -5,
		                   .mtime_ns = 999999999,
		                   .size = 77,
		                   .xattr = xattr,
		                   .n_xattrs = 2,
		                   .folder_mode = 0755 };
}

static void test_round_trip(void **state)
{
	struct conf_meta m = example(), back;
	struct conf_drift drift;
	json_t *o = conf_meta_json(&m);
	char *text = json_dumps(o, 0);

	(void)state;
	assert_non_null(text);
	assert_null(conf_meta_parse(text, strlen(text), &back));
	assert_string_equal(back.path, m.path);
	assert_null(back.group);
	assert_int_equal(back.mode, 04750);
	assert_int_equal(back.mtime, -5);
	assert_int_equal(back.mtime_ns, 999999999);
	assert_int_equal(back.n_xattrs, 2);
	assert_false(conf_meta_differs(&m, &back, &drift));
	back.mode = 0750;
	back.gid = 1;
	assert_true(conf_meta_differs(&m, &back, &drift));
	assert_true(drift.mode && drift.group && !drift.owner && !drift.xattr && !drift.kind);
	free(back.xattr[1].name);
	back.xattr[1].name = strdup("user.other");
	assert_true(conf_meta_differs(&m, &back, &drift));
	assert_true(drift.xattr);
	conf_meta_clear(&back);
	free(text);
	json_decref(o);
}

/* With any one value wrong it is refused, and nothing is left allocated. */
static void test_hostile(void **state)
{
	static const struct {
		const char *key, *json;
	} bad[] = { { "format", "2" },
		    { "format", "\"1\"" },
		    { "path", "7" },
		    { "path", "\"x\"" },
		    { "path", "{\"bytes\": \"L2EAYg==\"}" },
		    { "kind", "\"fifo\"" },
		    { "kind", "null" },
		    { "mode", "\"9999\"" },
		    { "mode", "420" },
		    { "mode", "\"07555\"" },
		    { "mode", "\"-755\"" },
		    { "uid", "-1" },
		    { "uid", "4294967295" },
		    { "gid", "1.5" },
		    { "mtime", "[1]" },
		    { "mtime", "[1, 1000000000]" },
		    { "size", "-1" },
		    { "xattrs", "[]" },
		    { "xattrs", "{\"a\": 1}" },
		    { "xattrs", "{\"a\": \"!\"}" },
		    { "xattrs", "{\"\": \"\"}" },
		    { "xattrs", "{\"base64:AA==\": \"\"}" },
		    { "folder", "{}" } };
	struct conf_meta m = example(), out;
	json_t *o = conf_meta_json(&m);

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		json_t *copy = json_deep_copy(o);
		char *text;

		assert_int_equal(
		        json_object_set_new(copy, bad[i].key,
		                            json_loads(bad[i].json, JSON_DECODE_ANY, NULL)),
		        0);
		text = json_dumps(copy, 0);
		if (!conf_meta_parse(text, strlen(text), &out))
			fail_msg("accepted with %s = %s", bad[i].key, bad[i].json);
		free(text);
		json_decref(copy);
	}
	json_decref(o);
	assert_non_null(conf_meta_parse("", 0, &out));
	assert_non_null(conf_meta_parse("[]", 2, &out));
	assert_non_null(conf_meta_parse("{\"format\": 1, \"format\": 1}", 26, &out));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),   cmocka_unit_test(test_long_names),
		cmocka_unit_test(test_base64),  cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
