/* How a split index is put together, on bases and changes made by hand. */
#include "index_made.h"

/* Gives `base` its checksum and stores it under `name_of`'s, its own where that is NULL. */
static void store_base(struct sk_buf *base, const struct sk_oid *name_of, struct sk_oid *id)
{
	struct sk_hash h;
	char name[80];

	sk_hash_init(&h);
	sk_hash_update(&h, base->ptr, base->len);
	sk_hash_final(&h, id);
	put(base, id->id, OID);
	(void)snprintf(name, sizeof name, "sharedindex.%s", sk_oid_str(name_of ? name_of : id));
	store(name, base->ptr, base->len);
}

struct split {
	uint64_t deleted, replaced;
	unsigned nameless;
	const char *added;
	unsigned stage;
	const char *after; /* bytes after the bitmaps */
};

static bool try_split(const struct sk_oid *base, struct split s)
{
	struct sk_buf buf = SK_BUF_INIT, link = SK_BUF_INIT;
	uint64_t map[2] = { s.deleted, s.replaced };
	bool ok;

	header(&buf, 2, s.nameless + (s.added ? 1 : 0));
	for (unsigned i = 0; i < s.nameless; i++)
		entry_v2(&buf, 0100755, 0, "");
	if (s.added)
		entry_v2(&buf, 0120000, s.stage, s.added);
	put(&link, base->id, OID);
	for (int i = 0; i < 2; i++) {
		put32(&link, 64);
		put32(&link, 2);
		put64(&link, (uint64_t)1 << 33);
		put64(&link, map[i]);
		put32(&link, 0);
	}
	put(&link, s.after ? s.after : "", s.after ? strlen(s.after) : 0);
	extension(&buf, "link", link.ptr, link.len);
	ok = try_buf(&buf);
	sk_buf_free(&buf);
	sk_buf_free(&link);
	return ok;
}

#define SPLIT(...) try_split(&base, (struct split){ __VA_ARGS__ })

/* The entries of what was tried last, as "a0 b1", a link with "@", an executable with "*". */
static void assert_made(const char *want)
{
	struct sk_buf got = SK_BUF_INIT;
	struct sk_index *index;

	assert_int_equal(sk_index_read(scratch_path("made"), &index), 0);
	assert_true(index->split);
	for (size_t i = 0; i < index->n; i++) {
		const struct sk_index_entry *e = &index->entry[i];

		sk_buf_addf(&got, "%s%s%u%s", i ? " " : "", e->path, e->stage,
		            e->mode == 0120000   ? "@"
		            : e->mode == 0100755 ? "*"
		                                 : "");
	}
	assert_string_equal(sk_buf_str(&got), want);
	sk_index_free(index);
	sk_buf_free(&got);
}

static void test_merge(void **state)
{
	struct sk_buf buf = SK_BUF_INIT;
	struct sk_oid base;

	(void)state;
	header(&buf, 2, 4);
	entry_v2(&buf, 0100644, 0, "b");
	for (unsigned stage = 1; stage <= 3; stage++)
		entry_v2(&buf, 0100644, stage, "d");
	store_base(&buf, NULL, &base);
	assert_true(SPLIT(.stage = 0));
	assert_made("b0 d1 d2 d3");
	assert_true(SPLIT(.deleted = 7, .added = "a"));
	assert_made("a0@ d3");
	assert_true(SPLIT(.deleted = 2, .replaced = 1, .nameless = 1, .added = "c", .stage = 2));
	assert_made("b0* c2@ d2 d3");
	/* an added entry takes the place of its like, in stage 0 of the whole conflict */
	assert_true(SPLIT(.added = "b"));
	assert_made("b0@ d1 d2 d3");
	assert_true(SPLIT(.added = "d"));
	assert_made("b0 d0@");
	assert_true(SPLIT(.added = "d", .stage = 2));
	assert_made("b0 d1 d2@ d3");
	assert_true(SPLIT(.deleted = 4, .added = "d", .stage = 2));
	assert_made("b0 d1 d2@ d3");
	assert_true(SPLIT(.deleted = 8, .added = "d", .stage = 3));
	assert_made("b0 d1 d2 d3@");
	assert_true(SPLIT(.added = "e"));
	assert_made("b0 d1 d2 d3 e0@");
	/* a merged path beside its conflict, or twice */
	assert_false(SPLIT(.added = "b", .stage = 1));
	assert_false(SPLIT(.replaced = 4, .nameless = 1));
	sk_buf_free(&buf);
}

static void test_link(void **state)
{
	struct sk_buf buf = SK_BUF_INIT;
	struct sk_oid base, other;

	(void)state;
	header(&buf, 2, 3);
	entry_v2(&buf, 0100644, 0, "f1");
	entry_v2(&buf, 0100644, 0, "f2");
	entry_v2(&buf, 0100644, 0, "f3");
	store_base(&buf, NULL, &base);
	assert_true(SPLIT(.deleted = 7));
	assert_made("");
	assert_false(SPLIT(.deleted = 8));
	assert_false(SPLIT(.replaced = 8, .nameless = 1));
	assert_false(SPLIT(.replaced = 1));
	assert_false(SPLIT(.nameless = 1));
	assert_false(SPLIT(.replaced = 1, .nameless = 2));
	assert_false(SPLIT(.deleted = 1, .replaced = 1, .nameless = 1));
	assert_false(SPLIT(.after = "x"));
	/* a good file under another's name */
	sk_buf_truncate(&buf, buf.len - OID);
	extension(&buf, "ABCD", "", 0);
	store_base(&buf, &base, &other);
	assert_false(SPLIT(.stage = 0));
	/* a base that is split itself */
	sk_buf_truncate(&buf, buf.len - OID);
	extension(&buf, "link", other.id, OID);
	store_base(&buf, NULL, &base);
	assert_false(SPLIT(.stage = 0));
	/* an id of zeroes: it stands alone */
	header(&buf, 2, 1);
	entry_v2(&buf, 0100644, 0, "f");
	extension(&buf, "link", (const char[OID]){ 0 }, OID);
	assert_true(try_buf(&buf));
	header(&buf, 2, 0);
	extension(&buf, "link", (const char[OID]){ 0 }, OID - 1);
	assert_false(try_buf(&buf));
	sk_buf_free(&buf);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)
	const struct CMUnitTest tests[] = { T(test_merge), T(test_link) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
