/* The index reader against git: every entry, every stat field, every flag. */
#include <fcntl.h>
#include <time.h>

#include "index_scratch.h"

static struct sk_index *read_index(void)
{
	struct sk_index *index = NULL;
	int rc = sk_index_read(scratch_path(".git/index"), &index);

	if (rc)
		print_error("%s\n", sk_error_message());
	assert_int_equal(rc, 0);
	assert_non_null(index);
	return index;
}

/* What `git ls-files --stage --debug -z` prints of an entry, less git's flags. */
static void add_entry_text(struct sk_buf *out, const struct sk_index_entry *e)
{
	sk_buf_addf(out, "%06o %s %u\t", e->mode, sk_oid_str(&e->oid), e->stage);
	sk_buf_add(out, e->path, e->path_len + 1);
	sk_buf_addf(out, "  ctime: %u:%u\n  mtime: %u:%u\n  dev: %u\tino: %u\n", e->ctime_s,
	            e->ctime_ns, e->mtime_s, e->mtime_ns, e->dev, e->ino);
	sk_buf_addf(out, "  uid: %u\tgid: %u\n  size: %u\tflags: ", e->uid, e->gid, e->size);
}

/* git's in-memory flags (its cache.h) that are ours too. */
static unsigned flags_of(const struct sk_index_entry *e)
{
	return (e->flags & SK_IE_ASSUME_VALID ? 0x8000u : 0) |
	       (e->flags & SK_IE_INTENT_TO_ADD ? 1u << 29 : 0) |
	       (e->flags & SK_IE_SKIP_WORKTREE ? 1u << 30 : 0);
}

static void check_same(const struct sk_index *index)
{
	struct sk_buf git = SK_BUF_INIT, ours = SK_BUF_INIT;
	size_t at = 0;

	run_input("git ls-files --sparse --stage --debug -z", NULL, &git);
	for (size_t i = 0; i < index->n; i++) {
		const struct sk_index_entry *e = &index->entry[i];
		char *rest;
		unsigned long flags;

		sk_buf_clear(&ours);
		add_entry_text(&ours, e);
		assert_int_equal(sk_buf_ok(&ours), 0);
		assert_true(git.len - at > ours.len);
		assert_memory_equal(git.ptr + at, ours.ptr, ours.len);
		flags = strtoul(git.ptr + at + ours.len, &rest, 16);
		assert_int_equal(flags & (0x8000u | 3u << 29), flags_of(e));
		assert_int_equal(*rest, '\n');
		at = (size_t)(rest + 1 - git.ptr);
		assert_int_equal(e->path_len, strlen(e->path));
		assert_ptr_equal(sk_index_find(index, e->path, e->path_len, e->stage), e);
		assert_true(sk_index_lower(index, e->path, e->path_len) <= i);
	}
	assert_int_equal(at, git.len);
	sk_buf_free(&git);
	sk_buf_free(&ours);
}

/* Every valid node covers as many entries as lie below it; returns the number of valid nodes. */
static size_t check_node(const struct sk_index *index, const struct sk_cache_tree *node,
                         const char *path)
{
	char below[4096];
	size_t valid = 0, count = 0, len = strlen(path);

	if (node->entries >= 0) {
		for (size_t i = 0; i < index->n; i++)
			count += strncmp(index->entry[i].path, path, len) == 0;
		assert_int_equal(count, node->entries);
		valid++;
	}
	for (uint32_t i = 0; i < node->n_children; i++) {
		(void)snprintf(below, sizeof below, "%s%s/", path, node->child[i].name);
		valid += check_node(index, &node->child[i], below);
	}
	return valid;
}

/* Runs `git write-tree`, which brings the cached tree up to date, and compares the two. */
static void check_tree(size_t min_nodes)
{
	struct sk_buf out = SK_BUF_INIT;
	struct sk_index *index;

	run_input("git write-tree", NULL, &out);
	index = read_index();
	assert_non_null(index->tree);
	assert_string_equal(index->tree->name, "");
	assert_memory_equal(out.ptr, sk_oid_str(&index->tree->oid), SK_OID_HEX);
	assert_true(check_node(index, index->tree, "") >= min_nodes);
	check_same(index);
	sk_index_free(index);
	sk_buf_free(&out);
}

static unsigned version(void)
{
	struct sk_buf buf = SK_BUF_INIT;
	unsigned v;

	assert_int_equal(sk_read_file(AT_FDCWD, scratch_path(".git/index"), 1 << 20, &buf), 0);
	v = (unsigned char)buf.ptr[7];
	sk_buf_free(&buf);
	return v;
}

#define FILES                                                                                      \
	"mkdir -p a/b/c d 'a b' && echo 1 >a/1 && echo 2 >a/b/2 && echo 3 >a/b/c/3 &&"             \
	"echo 4 >d/4 && : >d/empty && echo 5 >'a b/5' && echo x >a.c && echo y >a-c &&"            \
	"ln -s a.c link && chmod +x a/1 && git add -A && git commit -qm 1;"

static void test_missing(void **state)
{
	struct sk_index *index = read_index();

	(void)state;
	assert_int_equal(index->n, 0);
	assert_null(index->tree);
	assert_false(index->split || index->sparse);
	assert_true(sk_oid_is_zero(&index->checksum));
	assert_null(sk_index_find(index, "a", 1, 0));
	assert_false(sk_index_has_dir(index, "", 0));
	assert_false(sk_index_has_dir(index, "a", 1));
	sk_index_free(index);
}

static void test_empty(void **state)
{
	struct sk_index *index;

	(void)state;
	run("git read-tree --empty");
	index = read_index();
	assert_int_equal(index->n, 0);
	assert_false(sk_oid_is_zero(&index->checksum));
	check_same(index);
	sk_index_free(index);
}

static void test_v2(void **state)
{
	struct sk_index *index;

	(void)state;
	run(FILES "git update-index --assume-unchanged d/4");
	assert_int_equal(version(), 2);
	index = read_index();
	assert_int_equal(index->n, 9);
	check_same(index);
	assert_int_equal(sk_index_find(index, "d/4", 3, 0)->flags, SK_IE_ASSUME_VALID);
	assert_null(sk_index_find(index, "d/4", 3, 1));
	assert_null(sk_index_find(index, "d/", 2, 0));
	sk_index_free(index);
	check_tree(6);
	run("echo new >>a/b/2; git add a/b/2");
	index = read_index();
	assert_int_equal(index->tree->entries, -1);
	assert_int_equal(check_node(index, index->tree, ""), 3);
	sk_index_free(index);
}

static void test_v3(void **state)
{
	struct sk_index *index;

	(void)state;
	run(FILES "echo n >new && git add -N new && git update-index --skip-worktree a/b/2");
	assert_int_equal(version(), 3);
	index = read_index();
	check_same(index);
	assert_int_equal(sk_index_find(index, "new", 3, 0)->flags, SK_IE_INTENT_TO_ADD);
	assert_int_equal(sk_index_find(index, "a/b/2", 5, 0)->flags, SK_IE_SKIP_WORKTREE);
	sk_index_free(index);
	run("git rm -q --cached new"); /* git has no valid root with it */
	check_tree(1);
	assert_int_equal(version(), 3);
}

/* Names that need care, and one longer than the 12 bits that its length has. */
static void test_names(void **state)
{
	static const char script[] =
	        "printf x >\"$(printf 'new\\nline')\"; printf x >\"$(printf 'ff\\377')\";"
	        "printf x >'q\"uo\\te'; printf x >' '; printf x >-dash; mkdir -p .github ...;"
	        "printf x >.github/x; printf x >.../x; printf x >.gi; printf x >.gitt; printf x >é;"
	        "p=$(printf '%01000d/' 1 2 3 4 5); o=$(git hash-object -w -t blob /dev/null);"
	        "git add -A; git update-index --add --cacheinfo 100644,$o,${p}end;"
	        "git update-index --add --cacheinfo 100644,$o,$(printf %04095d 1);"
	        "git update-index --add --cacheinfo 100644,$o,$(printf %04094d 2);"
	        "git update-index --add --cacheinfo 160000,$(git hash-object -t commit --literally"
	        " /dev/null),sub";
	struct sk_index *index;

	(void)state;
	run(script);
	for (int v = 2; v <= 4; v += 2) {
		if (v == 4)
			run("git update-index --index-version 4");
		assert_int_equal(version(), v);
		index = read_index();
		assert_int_equal(index->n, 14);
		assert_non_null(sk_index_find(index, "new\nline", 8, 0));
		assert_non_null(sk_index_find(index, "ff\377", 3, 0));
		assert_int_equal(sk_index_find(index, "sub", 3, 0)->mode, 0160000);
		check_same(index);
		sk_index_free(index);
	}
}

static void test_v4(void **state)
{
	struct sk_index *index;

	(void)state;
	run(FILES "git update-index --index-version 4; echo n >new; git add -N new;"
	          "echo m >a/b/c/33; git add a/b/c/33; git update-index --skip-worktree a/b/2");
	assert_int_equal(version(), 4);
	index = read_index();
	assert_int_equal(index->n, 11);
	check_same(index);
	sk_index_free(index);
	run("git rm -q --cached new");
	check_tree(1);
}

static void check_split(size_t n)
{
	struct sk_index *index = read_index();

	assert_true(index->split);
	assert_int_equal(index->n, n);
	check_same(index);
	sk_index_free(index);
}

static void test_split(void **state)
{
	(void)state;
	run("for i in $(seq 1000 1299); do echo $i >f$i; done; mkdir d; echo d >d/1; git add -A;"
	    "git commit -qm 1; git config splitIndex.maxPercentChange 100;"
	    "git update-index --split-index");
	check_split(301);
	run("echo changed >f1005; git add f1005");
	check_split(301);
	run("git rm -q f1000 f1007 f1130 f1299");
	check_split(297);
	run("echo a >aaa; echo b >f1005b; echo z >zzz; git add -A");
	check_split(300);
	run("for i in $(seq 1010 1110); do echo changed >f$i; done; git add -A");
	check_split(300);
	run("git rm -qf $(seq -f f%g 1020 1100); git update-index --skip-worktree f1101");
	check_split(219);
	check_tree(2);
	run("git update-index --index-version 4; git update-index --split-index; echo more "
	    ">f1111x; git add -A");
	check_split(220);
	run("git update-index --no-skip-worktree f1101; git rm -rqf .");
	check_split(0);
	run("git reset -q --hard; git update-index --no-split-index");
	assert_false(sk_exists(scratch_path("zzz")));
}

/* A conflict over a path of the shared base, and its resolution. */
static void test_split_conflict(void **state)
{
	struct sk_index *index;

	(void)state;
	run(FILES "git config splitIndex.maxPercentChange 100; git checkout -qb other;"
	          "echo o >a.c; git commit -qam o; git checkout -q main; echo m >a.c;"
	          "git commit -qam m; git update-index --split-index;"
	          "git merge -q other >/dev/null 2>&1 || :");
	check_split(11);
	index = read_index();
	assert_null(sk_index_find(index, "a.c", 3, 0));
	for (unsigned stage = 1; stage <= 3; stage++)
		assert_int_equal(sk_index_find(index, "a.c", 3, stage)->stage, stage);
	sk_index_free(index);
	run("git update-index --no-split-index; git update-index --split-index; git add a.c");
	check_split(9);
}

static void test_split_missing(void **state)
{
	struct sk_index *index = NULL;

	(void)state;
	run(FILES "git update-index --split-index; rm .git/sharedindex.*");
	assert_int_equal(sk_index_read(scratch_path(".git/index"), &index), SK_EDAMAGED);
	assert_null(index);
	assert_non_null(strstr(sk_error_message(), "sharedindex."));
}

static void test_sparse(void **state)
{
	struct sk_index *index;

	(void)state;
	run(FILES "git sparse-checkout init --cone --sparse-index; git sparse-checkout set a/b");
	index = read_index();
	assert_true(index->sparse);
	check_same(index);
	assert_int_equal(sk_index_find(index, "d/", 2, 0)->flags,
	                 SK_IE_SPARSE_DIR | SK_IE_SKIP_WORKTREE);
	assert_true(sk_index_has_dir(index, "d", 1));
	assert_true(sk_index_has_dir(index, "d/x", 3));
	assert_true(sk_index_has_dir(index, "d/x/y", 5));
	assert_true(sk_index_has_dir(index, "a/b/c", 5));
	assert_false(sk_index_has_dir(index, "a/x", 3));
	assert_false(sk_index_has_dir(index, "dd", 2));
	assert_true(sk_index_has_dir(index, "", 0));
	sk_index_free(index);
	check_tree(2);
	run("git update-index --index-version 4");
	check_tree(2);
}

static void test_conflict(void **state)
{
	struct sk_index *index;

	(void)state;
	run(FILES "git checkout -qb other; echo o >a.c; git rm -q d/4; git commit -qam o;"
	          "git checkout -q main; echo m >a.c; echo m >d/4; git commit -qam m;"
	          "git merge -q other >/dev/null 2>&1 || :");
	index = read_index();
	check_same(index);
	assert_int_equal(index->n, 9 + 3);
	assert_null(sk_index_find(index, "a.c", 3, 0));
	assert_int_equal(sk_index_find(index, "d/4", 3, 2)->stage, 2);
	assert_null(sk_index_find(index, "d/4", 3, 3));
	assert_string_equal(index->entry[sk_index_lower(index, "d/4", 3)].path, "d/4");
	assert_int_equal(index->entry[sk_index_lower(index, "d/4", 3)].stage, 1);
	sk_index_free(index);
	run("git add -A");
	index = read_index();
	check_same(index);
	sk_index_free(index);
}

static void test_lookup(void **state)
{
	struct sk_index *index;

	(void)state;
	run(FILES "o=$(git rev-parse HEAD); git update-index --add --cacheinfo 160000,$o,m/sub");
	index = read_index();
	assert_int_equal(sk_index_lower(index, "", 0), 0);
	assert_int_equal(sk_index_lower(index, "a", 1), 0);
	assert_int_equal(sk_index_lower(index, "\377", 1), index->n);
	assert_string_equal(index->entry[sk_index_lower(index, "a/", 2)].path, "a/1");
	assert_string_equal(index->entry[sk_index_lower(index, "a/2", 3)].path, "a/b/2");
	assert_non_null(sk_index_find(index, "a/1 and more", 3, 0));
	assert_null(sk_index_find(index, "a/", 2, 0));
	assert_true(sk_index_has_dir(index, "", 0));
	assert_true(sk_index_has_dir(index, "a", 1));
	assert_true(sk_index_has_dir(index, "a b", 3));
	assert_true(sk_index_has_dir(index, "a/b/c/not", 5));
	assert_true(sk_index_has_dir(index, "m", 1));
	assert_true(sk_index_has_dir(index, "m/sub", 5));
	assert_false(sk_index_has_dir(index, "m/sub/x", 7));
	assert_false(sk_index_has_dir(index, "a.c", 3));
	assert_false(sk_index_has_dir(index, "a/b/c/3", 7));
	assert_false(sk_index_has_dir(index, "a/b/", 4));
	assert_false(sk_index_has_dir(index, "b", 1));
	assert_false(sk_index_has_dir(index, "zzz", 3));
	sk_index_free(index);
}

struct stat_case {
	struct sk_index index;
	struct sk_index_entry e;
	struct stat st;
};

static bool matches(const struct stat_case *c)
{
	return sk_index_stat_matches(&c->index, &c->e, &c->st);
}

#define MISMATCH(change)                                                                           \
	do {                                                                                       \
		struct stat_case c = { *index, *e, st };                                           \
		change;                                                                            \
		assert_false(matches(&c));                                                         \
	} while (0)
#define MATCH(change)                                                                              \
	do {                                                                                       \
		struct stat_case c = { *index, *e, st };                                           \
		change;                                                                            \
		assert_true(matches(&c));                                                          \
	} while (0)

static void check_fields(const struct sk_index *index, const struct sk_index_entry *e)
{
	struct stat st;

	assert_int_equal(lstat(scratch_path(e->path), &st), 0);
	MATCH(SK_UNUSED(c));
	MATCH(c.st.st_ino += (ino_t)1 << 32);
	MATCH(c.st.st_size += (off_t)1 << 32);
	MATCH(c.e.flags = SK_IE_ASSUME_VALID | SK_IE_SKIP_WORKTREE);
	MISMATCH(c.st.st_ino++);
	MISMATCH(c.st.st_size++);
	MISMATCH(c.st.st_size = 0);
	MISMATCH(c.st.st_mtim.tv_sec++);
	MISMATCH(c.st.st_mtim.tv_nsec++);
	MISMATCH(c.st.st_ctim.tv_sec++);
	MISMATCH(c.st.st_ctim.tv_nsec++);
	MISMATCH(c.st.st_mode ^= 0100);
	MISMATCH(c.st.st_mode = S_IFLNK | 0777);
	MISMATCH(c.st.st_mode = S_IFDIR | 0755);
	MISMATCH(c.st.st_mode = S_IFIFO | 0644);
	MISMATCH(c.e.size = 0);
	MISMATCH(c.e.size = 0; c.st.st_size = 0);
	MISMATCH(c.e.size = 0; c.st.st_size = (off_t)1 << 32);
	MISMATCH(c.e.flags = SK_IE_INTENT_TO_ADD);
	MISMATCH(c.e.stage = 2);
	MISMATCH(c.e.mode = 0160000; c.st.st_mode = S_IFDIR | 0755);
	MISMATCH(c.e.mode = 040000; c.st.st_mode = S_IFDIR | 0755);
	MISMATCH(c.index.mtime = c.st.st_mtim);
	MISMATCH(c.index.mtime = c.st.st_mtim; c.index.mtime.tv_sec--);
	MISMATCH(c.index.mtime = (struct timespec){ 0 });
	MISMATCH(c.index.mtime = c.st.st_mtim; c.e.mtime_ns = 5; c.st.st_mtim.tv_nsec = 5;
	         c.index.mtime.tv_nsec = 4);
	MATCH(c.e.mtime_ns = 5; c.st.st_mtim.tv_nsec = 5; c.index.mtime = c.st.st_mtim;
	      c.index.mtime.tv_nsec = 6);
}

static void test_stat(void **state)
{
	struct sk_index *index;
	struct stat st;
	const struct sk_index_entry *e;

	(void)state;
	run("echo one >f; : >empty; ln -s f link; touch -h -d '2020-01-01 00:00:00.123456789Z' f"
	    " empty link; git add -A");
	index = read_index();
	check_fields(index, sk_index_find(index, "f", 1, 0));
	e = sk_index_find(index, "empty", 5, 0);
	assert_int_equal(lstat(scratch_path("empty"), &st), 0);
	MATCH(SK_UNUSED(c));
	MISMATCH(c.st.st_size = (off_t)1 << 32);
	MISMATCH(c.e.oid.id[0]++);
	e = sk_index_find(index, "link", 4, 0);
	assert_int_equal(lstat(scratch_path("link"), &st), 0);
	MATCH(SK_UNUSED(c));
	MATCH(c.st.st_mode &= ~(mode_t)0777);
	MISMATCH(c.st.st_mode = S_IFREG | 0644);
	sk_index_free(index);
}

static double now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

static bool contains(const char *word)
{
	struct sk_buf buf = SK_BUF_INIT;
	bool found;

	assert_int_equal(sk_read_file(AT_FDCWD, scratch_path(".git/index"), 1 << 26, &buf), 0);
	found = memmem(buf.ptr, buf.len, word, strlen(word)) != NULL;
	sk_buf_free(&buf);
	return found;
}

static void time_reading(const char *what, size_t n)
{
	double best = 1e9;

	for (int i = 0; i < 5; i++) {
		double start = now_ms();
		struct sk_index *index = read_index();

		if (now_ms() - start < best)
			best = now_ms() - start;
		assert_int_equal(index->n, n);
		sk_index_free(index);
	}
	print_message("%s: %zu entries in %.1f ms\n", what, n, best);
}

/* Also the offset tables (EOIE, IEOT) that git writes for its own threads. */
static void test_large(void **state)
{
	enum { N = 100000 };
	struct sk_buf in = SK_BUF_INIT;
	struct sk_index *index;

	(void)state;
	for (int i = 0; i < N; i++)
		sk_buf_addf(&in, "100644 %040x\tsrc/component%03d/folder%02d/file_%05d.c\n", i + 1,
		            i / 1000, i / 50 % 20, i);
	assert_int_equal(sk_buf_ok(&in), 0);
	run_input("git config index.threads 4; git config index.recordEndOfIndexEntries true;"
	          "git config index.recordOffsetTable true; git update-index --index-info",
	          &in, NULL);
	assert_true(contains("EOIE") && contains("IEOT"));
	time_reading("version 2", N);
	index = read_index();
	check_same(index);
	sk_index_free(index);
	run("git update-index --index-version 4");
	assert_true(contains("EOIE") && contains("IEOT"));
	time_reading("version 4", N);
	index = read_index();
	check_same(index);
	sk_index_free(index);
	run("git update-index --split-index --force-remove src/component000/folder00/file_00007.c");
	time_reading("split", N - 1);
	sk_buf_free(&in);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)
	const struct CMUnitTest tests[] = {
		T(test_missing),       T(test_empty),  T(test_v2),       T(test_v3),
		T(test_names),         T(test_v4),     T(test_split),    T(test_split_conflict),
		T(test_split_missing), T(test_sparse), T(test_conflict), T(test_lookup),
		T(test_stat),          T(test_large),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
