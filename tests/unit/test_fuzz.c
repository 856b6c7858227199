/* The corpora of the fuzzers, with all that each holds its inputs to: see tests/fuzz/README.md. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <dirent.h>

#include "base/io.h"
#include "fuzz/fuzz.h"

typedef int fuzz_fn(const uint8_t *data, size_t size);
/* it does not come to an end with lists of this kind */
/* clang-format off */
#define FUZZERS(X) \
	X(config) X(conf) X(coverage) X(entry) X(extract) X(flags) X(ignore) X(index) X(journal) \
	X(migration) X(refs) X(resolve) X(service) X(state) X(text)
/* clang-format on */
#define DECLARE(name) fuzz_fn fuzz_##name;
FUZZERS(DECLARE)

static void replay(const char *name, fuzz_fn *fn)
{
	struct sk_buf text = SK_BUF_INIT;
	char path[400];
	struct dirent *e;
	unsigned n = 0;
	DIR *dir;

	(void)snprintf(path, sizeof path, "%s/../fuzz/corpus/%s", SK_TEST_DATA, name);
	dir = opendir(path);
	assert_non_null(dir);
	while ((e = readdir(dir))) {
		uint8_t *copy;

		if (*e->d_name == '.')
			continue;
		(void)snprintf(path, sizeof path, "%s/../fuzz/corpus/%s/%s", SK_TEST_DATA, name,
		               e->d_name);
		sk_buf_clear(&text);
		assert_int_equal(sk_read_file(AT_FDCWD, path, 1 << 20, &text), 0);
		copy = malloc(text.len ? text.len : 1); /* that reading on is seen */
		assert_non_null(copy);
		if (text.len)
			memcpy(copy, text.ptr, text.len);
		/* what does not hold ends the process, and says where */
		assert_int_equal(fn(copy, text.len), 0);
		free(copy);
		n++;
	}
	(void)closedir(dir);
	sk_buf_free(&text);
	assert_true(n >= 10); /* the corpus is there */
}

#define TEST(name)                                                                                 \
	static void corpus_of_##name(void **state)                                                 \
	{                                                                                          \
		(void)state;                                                                       \
		replay(#name, fuzz_##name);                                                        \
	}
FUZZERS(TEST)

int main(void)
{
#define LIST(name) cmocka_unit_test(corpus_of_##name),
	const struct CMUnitTest tests[] = { FUZZERS(LIST) };

	(void)setenv("TZ", "UTC", 1);
	return cmocka_run_group_tests_name("fuzz", tests, NULL, NULL);
}
