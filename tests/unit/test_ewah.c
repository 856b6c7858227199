/* EWAH bitmaps made by hand. */
#include "index_scratch.h"
#include "repo/ewah.h"

static int expand(const struct sk_buf *buf, uint64_t *map, size_t n)
{
	size_t used = 0;
	int rc;

	memset(map, 0, SK_BITMAP_WORDS(n) * sizeof *map);
	rc = sk_ewah_expand(buf->ptr, buf->len, map, n, &used);
	assert_int_equal(used, rc ? 0 : buf->len);
	return rc;
}

static void bitmap(struct sk_buf *buf, const uint64_t *word, uint32_t n)
{
	sk_buf_clear(buf);
	put32(buf, 64 * n);
	put32(buf, n);
	for (uint32_t i = 0; i < n; i++)
		put64(buf, word[i]);
	put32(buf, 0);
}

#define MARKER(bit, run, literals) ((uint64_t)(literals) << 33 | (uint64_t)(run) << 1 | (bit))

static void test_ewah(void **state)
{
	const uint64_t mixed[] = { MARKER(0, 1, 1), 5, MARKER(1, 1, 2), 1, 2 };
	const uint64_t zeroes[] = { MARKER(0, UINT32_MAX, 1), 0, MARKER(0, UINT32_MAX, 0) };
	const uint64_t after[] = { MARKER(0, UINT32_MAX, 1), 1 };
	const uint64_t ones[] = { MARKER(1, UINT32_MAX, 0) };
	const uint64_t short_by_one[] = { MARKER(0, 0, 2), 1 };
	struct sk_buf buf = SK_BUF_INIT;
	uint64_t map[8];

	(void)state;
	bitmap(&buf, mixed, 5);
	assert_int_equal(expand(&buf, map, 300), 0);
	assert_true(map[0] == 0 && map[1] == 5 && map[2] == UINT64_MAX && map[3] == 1 &&
	            map[4] == 2);
	assert_true(sk_bitmap_get(map, 64) && !sk_bitmap_get(map, 65) && sk_bitmap_get(map, 257));
	assert_int_equal(expand(&buf, map, 258), 0);
	assert_int_equal(expand(&buf, map, 257), SK_EDAMAGED);
	assert_int_equal(expand(&buf, map, 256), SK_EDAMAGED);
	assert_int_equal(expand(&buf, map, 150), SK_EDAMAGED);
	assert_int_equal(expand(&buf, map, 0), SK_EDAMAGED);
	for (; buf.len > 0; buf.len--)
		if (buf.len < 8 + 5 * 8 + 4)
			assert_int_equal(expand(&buf, map, 300), SK_EDAMAGED);
	bitmap(&buf, zeroes, 3);
	assert_int_equal(expand(&buf, map, 10), 0);
	assert_int_equal(expand(&buf, map, 0), 0);
	bitmap(&buf, after, 2);
	assert_int_equal(expand(&buf, map, 10), SK_EDAMAGED);
	bitmap(&buf, ones, 1);
	assert_int_equal(expand(&buf, map, 512), SK_EDAMAGED);
	bitmap(&buf, short_by_one, 2);
	assert_int_equal(expand(&buf, map, 512), SK_EDAMAGED);
	sk_buf_free(&buf);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_ewah) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
