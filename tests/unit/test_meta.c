/* Metadata: written, accepted by git, read back the same; hostile data is refused. */
#include "unit/scratch.h"

#include "repo/index.h"
#include "store/meta.h"
#include "store/metatree.h"

static struct sk_repo *repo;
static struct sk_oid blob, tree, commit;

static int setup(void **state)
{
	(void)state;
	scratch_open();
	sh("git init -q -b main w && cd w && echo x >f && git add f && git commit -qm 1");
	assert_true(sk_oid_parse(sh("git -C w rev-parse HEAD:f"), &blob));
	assert_true(sk_oid_parse(sh("git -C w rev-parse HEAD^{tree}"), &tree));
	assert_true(sk_oid_parse(sh("git -C w rev-parse HEAD"), &commit));
	if (sk_repo_open("w", &repo))
		fail_msg("%s", sk_error_message());
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	sk_repo_close(repo);
	repo = NULL;
	scratch_close();
	return 0;
}

/* Writes it as a tree that a ref keeps, and gives its id. */
static struct sk_oid store(struct sk_meta *meta)
{
	struct sk_packer *p = NULL;
	struct sk_oid out;

	assert_int_equal(sk_packer_new(repo, &p), 0);
	if (sk_meta_write(meta, p, &out) || sk_packer_commit(p))
		fail_msg("%s", sk_error_message());
	sh("git -C w update-ref refs/sk/meta/test $(printf 'object %s\\ntype tree\\ntag x\\ntagger "
	   "A <a@example.org> 0 +0000\\n\\nx\\n' | git -C w mktag)",
	   sk_oid_str(&out));
	sk_packer_free(p);
	return out;
}

static void same(const struct sk_meta *a, const struct sk_meta *b)
{
	assert_int_equal(a->usual_file, b->usual_file);
	assert_int_equal(a->usual_exec, b->usual_exec);
	assert_int_equal(a->usual_dir, b->usual_dir);
	assert_int_equal(a->n, b->n);
	for (size_t i = 0; i < a->n; i++) {
		const struct sk_meta_path *x = &a->path[i], *y = &b->path[i];

		assert_int_equal(x->kind, y->kind);
		assert_int_equal(x->mode, y->mode);
		assert_string_equal(x->path, y->path);
		assert_string_equal(x->reason ? x->reason : "-", y->reason ? y->reason : "-");
		assert_true(sk_oid_eq(&x->head, &y->head));
		assert_true(sk_oid_eq(&x->tree, &y->tree));
	}
	assert_int_equal(a->has_index, b->has_index);
	if (a->has_index)
		assert_true(sk_oid_eq(&a->index, &b->index));
	assert_int_equal(a->n_info, b->n_info);
	for (size_t i = 0; i < a->n_info; i++) {
		assert_string_equal(a->info[i].path, b->info[i].path);
		assert_int_equal(a->info[i].mode, b->info[i].mode);
		assert_true(sk_oid_eq(&a->info[i].oid, &b->info[i].oid));
		assert_int_equal(a->info[i].stage, b->info[i].stage);
		assert_int_equal(a->info[i].flags, b->info[i].flags);
	}
}

static void fill(struct sk_meta *m)
{
	static const struct sk_oid zero;
	char name[32];

	m->usual_file = 0640;
	assert_int_equal(sk_meta_add(m, 'F', "secret.key", 0600, NULL), 0);
	assert_int_equal(sk_meta_add(m, 'F', "a\nb \xff\x1b", 07777, NULL), 0);
	assert_int_equal(sk_meta_add(m, 'D', "", 0700, NULL), 0);
	assert_int_equal(sk_meta_add(m, 'D', "d", 0700, NULL), 0);
	assert_int_equal(sk_meta_add(m, 'E', "empty/deep", 0755, NULL), 0);
	assert_int_equal(sk_meta_add(m, 'V', "sparse/dir/", 0, NULL), 0);
	assert_int_equal(sk_meta_add(m, 'S', "pipe", 0, "a FIFO,\tnot saved"), 0);
	assert_int_equal(sk_meta_add(m, 'S', "none", 0, NULL), 0);
	assert_int_equal(sk_meta_add(m, 'P', "/src/", 0, NULL), 0);
	assert_int_equal(sk_meta_add(m, 'X', "../*.log", 0, NULL), 0);
	assert_int_equal(sk_meta_add(m, 'I', "!.env", 0, NULL), 0);
	for (int i = 0; i < 12; i++) { /* more than ten: the order of "10" and "2" in a tree */
		(void)snprintf(name, sizeof name, "sub%d", i);
		assert_int_equal(sk_meta_add_nested(m, name, i ? &commit : &zero, &tree), 0);
	}
	m->has_index = true;
	m->index = tree;
	for (uint8_t s = 1; s <= 3; s++)
		assert_int_equal(sk_meta_add_info(m, "both changed", 0100644, &blob, s, 0), 0);
	assert_int_equal(sk_meta_add_info(m, "module", 0160000, &commit, 2, 0), 0);
	assert_int_equal(sk_meta_add_info(m, "nowhere", 0100644, &zero, 2, 0), 0);
	assert_int_equal(sk_meta_add_info(m, "new\n", 0100755, &blob, 0, SK_IE_INTENT_TO_ADD), 0);
	assert_int_equal(sk_meta_add_info(m, "all", 0120000, &blob, 0,
	                                  SK_IE_SKIP_WORKTREE | SK_IE_ASSUME_VALID),
	                 0);
}

static void round_trip(void **state)
{
	struct sk_meta m, got;
	struct sk_oid oid, again;

	(void)state;
	sk_meta_init(&m);
	assert_true(sk_meta_empty(&m));
	fill(&m);
	assert_false(sk_meta_empty(&m));
	oid = store(&m);
	assert_string_equal(sh("cd w && git fsck --strict --full --no-dangling 2>&1"), "");
	assert_string_equal(sh("git -C w ls-tree --name-only %s", sk_oid_str(&oid)),
	                    "attributes\nindex-info\nindex\nnested\nunmerged");
	assert_string_equal(sh("git -C w ls-tree %s unmerged/ | wc -l", sk_oid_str(&oid)), "3");
	assert_int_equal(sk_meta_read(repo, &oid, &got), 0);
	same(&m, &got);
	assert_string_equal(sk_meta_find(&got, 'S', "pipe")->reason, "a FIFO, not saved");
	again = store(&got);
	assert_true(sk_oid_eq(&oid, &again));
	sk_meta_clear(&m);
	sk_meta_clear(&got);
	assert_true(sk_meta_empty(&m));
}

static void small_ones(void **state)
{
	struct sk_meta m, got;
	struct sk_oid oid;

	(void)state;
	sk_meta_init(&m);
	m.usual_dir = 0700;
	assert_false(sk_meta_empty(&m));
	oid = store(&m);
	assert_int_equal(sk_meta_read(repo, &oid, &got), 0);
	same(&m, &got);
	sk_meta_clear(&got);
	sk_meta_clear(&m);
	m.has_index = true;
	m.index = tree;
	assert_false(sk_meta_empty(&m));
	oid = store(&m);
	assert_int_equal(sk_meta_read(repo, &oid, &got), 0);
	same(&m, &got);
	sk_meta_clear(&got);
	sk_meta_clear(&m);
}

static void looking_up(void **state)
{
	struct sk_meta m;
	size_t n = 7;

	(void)state;
	sk_meta_init(&m);
	assert_null(sk_meta_kind(&m, 'F', &n));
	assert_int_equal(n, 0);
	assert_false(sk_meta_covers(&m, 'V', "a"));
	for (int i = 0; i < 3; i++) {
		static const char *const paths[] = { "b", "a/x", "a" };

		assert_int_equal(sk_meta_add(&m, 'V', paths[i], 0, NULL), 0);
		assert_int_equal(sk_meta_add(&m, 'F', paths[i], 0600, NULL), 0);
	}
	sk_meta_sort(&m);
	assert_string_equal(sk_meta_kind(&m, 'V', &n)->path, "a");
	assert_int_equal(n, 3);
	assert_null(sk_meta_kind(&m, 'S', &n));
	assert_null(sk_meta_kind(&m, 'Z', &n));
	assert_string_equal(sk_meta_find(&m, 'F', "a/x")->path, "a/x");
	assert_null(sk_meta_find(&m, 'F', "a/"));
	assert_null(sk_meta_find(&m, 'F', "a/xy"));
	assert_null(sk_meta_find(&m, 'E', "a"));
	assert_true(sk_meta_covers(&m, 'V', "a"));
	assert_true(sk_meta_covers(&m, 'V', "a/deep/er"));
	assert_true(sk_meta_covers(&m, 'V', "b/c"));
	assert_false(sk_meta_covers(&m, 'V', "ab"));
	assert_false(sk_meta_covers(&m, 'V', "c/a"));
	assert_false(sk_meta_covers(&m, 'V', ""));
	sk_meta_clear(&m);
}

#define ATTR(text, want) attributes(text, sizeof text - 1, want)

static void attributes(const char *data, size_t len, int want)
{
	struct sk_meta m;
	char *exact = malloc(len ? len : 1);

	assert_non_null(exact);
	memcpy(exact, data, len);
	sk_meta_init(&m);
	if (sk_meta_parse_attributes(&m, exact, len) != want)
		fail_msg("'%s' was not %d", data, want);
	sk_meta_clear(&m);
	free(exact);
}

static void hostile_attributes(void **state)
{
	(void)state;
	ATTR("", 0);
	ATTR("F 0600 a\0", 0);
	ATTR("Z later\0?\0\0Q\0", 0);
	ATTR("F 0600 a", SK_EDAMAGED);
	ATTR("F 0600\0", SK_EDAMAGED);
	ATTR("F 0900 a\0", SK_EDAMAGED);
	ATTR("F 600 a\0", SK_EDAMAGED);
	ATTR("U 0644\0", SK_EDAMAGED);
	ATTR("U 0644 0755 0755 x\0", SK_EDAMAGED);
	ATTR("S no tab\0", SK_EDAMAGED);
	ATTR("N 0123 p\0", SK_EDAMAGED);
	ATTR("F 0600 /etc/passwd\0", SK_EDAMAGED);
	ATTR("F 0600 ../x\0", SK_EDAMAGED);
	ATTR("D 0700 a/../../x\0", SK_EDAMAGED);
	ATTR("E 0700 a/..\0", SK_EDAMAGED);
	ATTR("E 0700 a//b\0", SK_EDAMAGED);
	ATTR("V ./a\0", SK_EDAMAGED);
	ATTR("S r\t..\0", SK_EDAMAGED);
	ATTR("V ..a/b..\0", 0);
	ATTR("X ../a\0", 0);
}

static void hostile_index_info(void **state)
{
	static const char *const bad[] = {
		"100644",
		"100644 0123 1 -\tp",
		"100644 0123456789012345678901234567890123456789 4 -\tp",
		"100644 0123456789012345678901234567890123456789 1 -",
		"100644 0123456789012345678901234567890123456789 1 -\t",
		"100644 0123456789012345678901234567890123456789 1 -\t../p",
		"10x644 0123456789012345678901234567890123456789 1 -\tp",
	};
	struct sk_meta m;

	(void)state;
	sk_meta_init(&m);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(sk_meta_parse_index_info(&m, bad[i], strlen(bad[i]) + 1),
		                 SK_EDAMAGED);
	assert_int_equal(sk_meta_parse_index_info(&m, "x", 1), SK_EDAMAGED);
	sk_meta_clear(&m);
}

/* Random damage to good records: no crash (the sanitizers look). */
static void random_damage(void **state)
{
	struct sk_buf attr = SK_BUF_INIT, info = SK_BUF_INIT;
	struct sk_meta m, got;
	uint32_t seed = 4711;

	(void)state;
	sk_meta_init(&m);
	fill(&m);
	sk_meta_sort(&m);
	assert_int_equal(sk_meta_attributes(&m, &attr), 0);
	assert_int_equal(sk_meta_index_info(&m, &info), 0);
	for (int i = 0; i < 20000; i++) {
		struct sk_buf *b = i & 1 ? &attr : &info;
		char was;
		size_t at;

		seed = seed * 1664525u + 1013904223u;
		at = (seed >> 8) % b->len;
		was = b->ptr[at];
		b->ptr[at] = (char)(seed >> 3);
		sk_meta_init(&got);
		if (i & 1)
			(void)sk_meta_parse_attributes(&got, b->ptr, b->len - (seed >> 29));
		else
			(void)sk_meta_parse_index_info(&got, b->ptr, b->len - (seed >> 29));
		sk_meta_clear(&got);
		b->ptr[at] = was;
	}
	sk_buf_free(&attr);
	sk_buf_free(&info);
	sk_meta_clear(&m);
}

static void broken_trees(void **state)
{
	struct sk_meta m = { .n = 77 };
	struct sk_oid oid = { { 1 } };

	(void)state;
	assert_int_equal(sk_meta_read(repo, &oid, &m), SK_EDAMAGED); /* missing */
	assert_int_equal(sk_meta_read(repo, &blob, &m), SK_EDAMAGED);
	assert_int_equal(sk_meta_read(repo, &commit, &m), SK_EDAMAGED);
	/* a nested repository without its files; attributes that are a tree; missing ones */
	assert_true(sk_oid_parse(sh("cd w && printf 'N %s p\\0' | git hash-object -w --stdin | "
	                            "xargs printf '100644 blob %%s\\tattributes\\n' | git mktree",
	                            sk_oid_str(&commit)),
	                         &oid));
	assert_int_equal(sk_meta_read(repo, &oid, &m), SK_EDAMAGED);
	assert_true(
	        sk_oid_parse(sh("cd w && printf '100644 blob 0123456789012345678901234567890123456"
	                        "789\\tattributes\\n' | git mktree --missing"),
	                     &oid));
	assert_int_equal(sk_meta_read(repo, &oid, &m), SK_EDAMAGED);
	assert_int_equal(m.n, 77);
	/* what a later version may add is passed over */
	assert_true(sk_oid_parse(
	        sh("cd w && printf '040000 tree %s\\tindex\\n040000 tree %s\\tlater and "
	           "with a name that is long\\n100644 blob %s\\tnested\\n' | git mktree",
	           sk_oid_str(&tree), sk_oid_str(&tree), sk_oid_str(&blob)),
	        &oid));
	assert_int_equal(sk_meta_read(repo, &oid, &m), 0);
	assert_true(m.has_index);
	assert_int_equal(m.n, 0);
	sk_meta_clear(&m);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(round_trip),         T(small_ones),    T(looking_up),   T(hostile_attributes),
		T(hostile_index_info), T(random_damage), T(broken_trees),
	};

	return cmocka_run_group_tests_name("meta", tests, NULL, NULL);
}
