/* The index reader against cut, flipped and made-up files: it says no, or gives an index that can
 * be walked; run with SK_SANITIZE to see that it never reads beyond. */
#include <sys/stat.h>

#include "index_made.h"

static void load(const char *name, struct sk_buf *out)
{
	assert_int_equal(sk_read_file(AT_FDCWD, scratch_path(name), 1 << 20, out), 0);
}

static void zero_checksum(struct sk_buf *buf)
{
	memset(buf->ptr + buf->len - OID, 0, OID);
}

/* Cut at every length, as it is and with a checksum that is not checked. */
static void check_cuts(const struct sk_buf *whole)
{
	struct sk_buf cut = SK_BUF_INIT;
	size_t read = 0;

	for (size_t len = 0; len < whole->len; len++) {
		store("cut", whole->ptr, len);
		assert_false(try_read("cut"));
		sk_buf_clear(&cut);
		put(&cut, whole->ptr, len);
		put(&cut, (const char[OID]){ 0 }, OID);
		store("cut", cut.ptr, cut.len);
		read += try_read("cut");
	}
	/* it may end after any extension, before the checksum included */
	assert_true(read >= 1 && read <= 8);
	sk_buf_free(&cut);
}

static void check_flips(struct sk_buf *buf)
{
	store("flip", buf->ptr, buf->len);
	assert_true(try_read("flip"));
	zero_checksum(buf);
	store("flip", buf->ptr, buf->len);
	assert_true(try_read("flip"));
	for (size_t bit = 0; bit < (buf->len - OID) * 8; bit++) {
		buf->ptr[bit / 8] ^= (char)(1 << bit % 8);
		store("flip", buf->ptr, buf->len);
		(void)try_read("flip");
		buf->ptr[bit / 8] ^= (char)(1 << bit % 8);
	}
}

static void check_hostile(const char *script)
{
	struct sk_buf buf = SK_BUF_INIT;

	run(script);
	run("cp .git/sharedindex.* . 2>/dev/null || :");
	load(".git/index", &buf);
	buf.ptr[buf.len - 1] ^= 1;
	store("wrong", buf.ptr, buf.len);
	assert_false(try_read("wrong"));
	assert_non_null(strstr(sk_error_message(), "checksum"));
	buf.ptr[buf.len - 1] ^= 1;
	check_cuts(&buf);
	check_flips(&buf);
	sk_buf_free(&buf);
}

#define FILES                                                                                      \
	"mkdir -p a/b c; echo 1 >a/1; echo 2 >a/b/2; echo 3 >c/3; echo 4 >d; ln -s d l;"           \
	"git add -A; git commit -qm 1; git write-tree;"

static void test_v2(void **state)
{
	(void)state;
	check_hostile(FILES
	              "git checkout -qb o; echo o >d; git commit -qam o; git checkout -q main;"
	              "echo m >d; git commit -qam m; git merge -q o >/dev/null 2>&1 || :");
}

static void test_v3(void **state)
{
	(void)state;
	check_hostile(FILES "echo n >n; git add -N n; git update-index --skip-worktree a/b/2");
}

static void test_v4(void **state)
{
	(void)state;
	check_hostile(FILES "git config index.recordEndOfIndexEntries true;"
	                    "git update-index --index-version 4; echo n >n; git add -N n");
}

static void test_sparse(void **state)
{
	(void)state;
	check_hostile(FILES "git sparse-checkout init --cone --sparse-index; git write-tree");
}

#define GIT_SPLIT                                                                                  \
	FILES "git config splitIndex.maxPercentChange 100; git update-index --split-index;"        \
	      "git rm -q c/3; echo new >d; echo e >e; git add -A"

static void test_split(void **state)
{
	(void)state;
	check_hostile(GIT_SPLIT);
}

/* The shared index flipped, its checksum and name put right again. */
static void test_shared(void **state)
{
	struct sk_buf own = SK_BUF_INIT, base = SK_BUF_INIT;
	struct sk_oid oid;
	char *link, name[80];
	size_t good = 0;

	(void)state;
	run(GIT_SPLIT "; cp .git/sharedindex.* base");
	load(".git/index", &own);
	load("base", &base);
	link = memmem(own.ptr, own.len, "link", 4);
	assert_non_null(link);
	zero_checksum(&own);
	for (size_t bit = 0; bit < (base.len - OID) * 8; bit++) {
		struct sk_hash h;

		base.ptr[bit / 8] ^= (char)(1 << bit % 8);
		sk_hash_init(&h);
		sk_hash_update(&h, base.ptr, base.len - OID);
		sk_hash_final(&h, &oid);
		memcpy(base.ptr + base.len - OID, oid.id, OID);
		memcpy(link + 8, oid.id, OID);
		(void)snprintf(name, sizeof name, "sharedindex.%s", sk_oid_str(&oid));
		store(name, base.ptr, base.len);
		store("own", own.ptr, own.len);
		good += try_read("own");
		assert_int_equal(unlink(scratch_path(name)), 0);
		base.ptr[bit / 8] ^= (char)(1 << bit % 8);
	}
	/* a flipped time, inode or object id is as good as another */
	assert_true(good > 1000);
	sk_buf_free(&own);
	sk_buf_free(&base);
}

static bool try_paths(const char *a, unsigned a_stage, const char *b, unsigned b_stage)
{
	struct sk_buf buf = SK_BUF_INIT;
	bool ok;

	header(&buf, 2, b ? 2 : 1);
	entry_v2(&buf, 0100644, a_stage, a);
	if (b)
		entry_v2(&buf, 0100644, b_stage, b);
	ok = try_buf(&buf);
	sk_buf_free(&buf);
	return ok;
}

static void test_paths(void **state)
{
	static const char *const bad[] = { "/a",          "a//b", "..",   ".",      "a/../b",
		                           "a/.",         "./a",  ".git", ".GIT/x", "a/.giT/config",
		                           "aaaaaa/.git", "a/",   "/",    "//",     "" };

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		assert_false(try_paths(bad[i], 0, NULL, 0));
		if (strcmp(bad[i], "a/") > 0)
			assert_false(try_paths("a.", 0, bad[i], 0));
	}
	assert_true(try_paths("...", 0, ".gitx", 0));
	assert_true(try_paths("a", 0, "a/b", 0));
	assert_true(try_paths("a.", 0, "a\xff", 0));
	assert_false(try_paths("a\xff", 0, "a.", 0));
	assert_false(try_paths("a/b", 0, "a", 0));
	assert_false(try_paths("a", 0, "a", 0));
	assert_false(try_paths("a", 0, "a", 1));
	assert_false(try_paths("a", 2, "a", 1));
	assert_true(try_paths("a", 1, "a", 3));
	assert_false(try_paths("a/b/c", 0, "a/b/c/", 0));
	assert_false(try_paths("a/b/c", 0, "a/b/c/..", 0));
}

static void test_modes(void **state)
{
	static const struct {
		uint32_t raw, mode;
	} c[] = { { 0100644, 0100644 },
		  { 0100664, 0100644 },
		  { 0100755, 0100755 },
		  { 0100775, 0100755 },
		  { 0120000, 0120000 },
		  { 0160000, 0160000 },
		  { 0, 0 },
		  { 040000, 0 },
		  { 0140000, 0 } };
	struct sk_buf buf = SK_BUF_INIT;
	struct sk_index *index;

	(void)state;
	for (size_t i = 0; i < sizeof c / sizeof *c; i++) {
		header(&buf, 2, 1);
		entry_v2(&buf, c[i].raw, 0, "f");
		assert_int_equal(try_buf(&buf), c[i].mode != 0);
		if (!c[i].mode)
			continue;
		assert_int_equal(sk_index_read(scratch_path("made"), &index), 0);
		assert_int_equal(index->entry[0].mode, c[i].mode);
		sk_index_free(index);
	}
	/* a folder needs the extension that makes the index sparse */
	header(&buf, 2, 1);
	entry_v2(&buf, 040000, 0, "f/");
	assert_false(try_buf(&buf));
	header(&buf, 2, 1);
	entry_v2(&buf, 040000, 0, "f/");
	extension(&buf, "sdir", "", 0);
	assert_true(try_buf(&buf));
	sk_buf_free(&buf);
}

static void test_extensions(void **state)
{
	struct sk_buf buf = SK_BUF_INIT;

	(void)state;
	header(&buf, 2, 1);
	entry_v2(&buf, 0100644, 0, "f");
	extension(&buf, "ABCD", "what?", 5);
	extension(&buf, "FSMN", "", 0);
	assert_true(try_buf(&buf));
	header(&buf, 2, 0);
	extension(&buf, "abcd", "", 0);
	assert_false(try_buf(&buf));
	assert_non_null(strstr(sk_error_message(), "abcd"));
	header(&buf, 2, 0);
	extension(&buf, "\n\x1b[m", "", 0);
	assert_false(try_buf(&buf));
	assert_null(strchr(sk_error_message(), '\x1b'));
	for (unsigned v = 0; v < 7; v++) {
		header(&buf, v, 0);
		assert_int_equal(try_buf(&buf), v >= 2 && v <= 4);
	}
	sk_buf_free(&buf);
}

/* Claims that would take far more memory than the file has bytes. */
static void test_bombs(void **state)
{
	enum { LONG = 60000, N = 2000 };
	struct sk_buf buf = SK_BUF_INIT;
	char *path = malloc(LONG + 1);

	(void)state;
	assert_non_null(path);
	header(&buf, 2, UINT32_MAX);
	entry_v2(&buf, 0100644, 0, "f");
	assert_false(try_buf(&buf));
	assert_non_null(strstr(sk_error_message(), "4294967295 entries"));
	memset(path, 'a', LONG);
	path[LONG] = '\0';
	header(&buf, 4, N + 1);
	entry_head(&buf, 0100644, 0xfff);
	put(&buf, "", 1);
	put(&buf, path, LONG + 1);
	for (int i = 0; i < N; i++) {
		entry_head(&buf, 0100644, 0xfff);
		put(&buf, "\0b", 3);
	}
	assert_false(try_buf(&buf));
	assert_non_null(strstr(sk_error_message(), "too long"));
	/* cuts off more than there is; an endless number */
	header(&buf, 4, 1);
	entry_head(&buf, 0100644, 1);
	put(&buf, "\1a", 3);
	assert_false(try_buf(&buf));
	header(&buf, 4, 1);
	entry_head(&buf, 0100644, 1);
	for (int i = 0; i < 30; i++)
		put(&buf, "\xff", 1);
	put(&buf, "\0a", 3);
	assert_false(try_buf(&buf));
	free(path);
	sk_buf_free(&buf);
}

/* A cached tree that cannot be is none, and the index stands. */
static bool tree_kept(const void *data, size_t len)
{
	struct sk_buf buf = SK_BUF_INIT;
	struct sk_index *index;
	bool kept;

	header(&buf, 2, 1);
	entry_v2(&buf, 0100644, 0, "a/f");
	extension(&buf, "TREE", data, len);
	assert_true(try_buf(&buf));
	assert_int_equal(sk_index_read(scratch_path("made"), &index), 0);
	kept = index->tree != NULL;
	sk_index_free(index);
	sk_buf_free(&buf);
	return kept;
}

#define ID "12345678901234567890"
#define KEPT(text) tree_kept(text, sizeof text - 1)

static void test_tree(void **state)
{
	struct sk_buf buf = SK_BUF_INIT;

	(void)state;
	assert_true(KEPT("\0-1 0\n"));
	assert_true(KEPT("\0-1 1\na\0"
	                 "1 0\n" ID));
	assert_true(KEPT("\0"
	                 "1 1\n" ID "a\0"
	                 "1 0\n" ID));
	assert_false(KEPT(""));
	assert_false(KEPT("\0-1 0"));
	assert_false(KEPT("\0-1 0\n "));
	assert_false(KEPT("x\0-1 0\n"));
	assert_false(KEPT("\0-1 1\n\0-1 0\n"));
	assert_false(KEPT("\0-1 1\na/b\0-1 0\n"));
	assert_false(KEPT("\0-1 2\na\0-1 0\n"));
	assert_false(KEPT("\0-1 -1\n"));
	assert_false(KEPT("\0-1 2147483647\n"));
	assert_false(KEPT("\0-1 99999999999999999999999\n"));
	assert_false(KEPT("\0"
	                  "2 0\n" ID));
	assert_false(KEPT("\0"
	                  "1 2\n" ID "a\0"
	                  "1 0\n" ID "b\0"
	                  "1 0\n" ID));
	assert_false(KEPT("\0"
	                  "1 0\n1234567890123456789"));
	for (int depth = 100; depth < 1000000; depth *= 100) {
		sk_buf_clear(&buf);
		put(&buf, "\0-1 1\n", 6);
		for (int i = 0; i < depth; i++)
			put(&buf, "a\0-1 1\n", 7);
		put(&buf, "a\0-1 0\n", 7);
		assert_int_equal(tree_kept(buf.ptr, buf.len), depth < 1000);
	}
	sk_buf_free(&buf);
}

static void test_flags(void **state)
{
	static const struct {
		unsigned version, more;
		bool ok;
	} c[] = { { 3, 0x4000, true },  { 3, 0x6000, true },  { 3, 0, true },
		  { 2, 0x4000, false }, { 3, 0x8000, false }, { 3, 0x4001, false } };
	struct sk_buf buf = SK_BUF_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof c / sizeof *c; i++) {
		header(&buf, c[i].version, 1);
		entry_head(&buf, 0100644, 0x4001);
		put(&buf,
		    (const unsigned char[]){ (unsigned char)(c[i].more >> 8),
		                             (unsigned char)c[i].more },
		    2);
		put(&buf, "f\0\0\0\0\0\0\0", 8);
		assert_int_equal(try_buf(&buf), c[i].ok);
	}
	sk_buf_free(&buf);
}

/* Neither waits nor takes it for an empty index. */
static void test_not_a_file(void **state)
{
	struct sk_index *index = NULL;

	(void)state;
	assert_int_equal(mkfifo(scratch_path("fifo"), 0644), 0);
	assert_int_equal(sk_index_read(scratch_path("fifo"), &index), SK_EIO);
	assert_int_equal(mkdir(scratch_path("dir"), 0755), 0);
	assert_int_equal(sk_index_read(scratch_path("dir"), &index), SK_EIO);
	assert_null(index);
	assert_int_equal(sk_index_read(scratch_path("fifo/index"), &index), 0);
	assert_int_equal(index->n, 0);
	sk_index_free(index);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)
	const struct CMUnitTest tests[] = {
		T(test_v2),         T(test_v3),     T(test_v4),    T(test_sparse),
		T(test_split),      T(test_shared), T(test_paths), T(test_modes),
		T(test_extensions), T(test_bombs),  T(test_tree),  T(test_flags),
		T(test_not_a_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
