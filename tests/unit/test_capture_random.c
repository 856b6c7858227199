/* The scan against git itself: after each of many random changes, the snapshot's tree must be what
 * `git add -A && git write-tree` gives with a copy of the user's index, and the user's index must
 * be as it was, byte for byte.  Same-size edits within one clock tick are among the changes.
 * SK_TEST_SEED and SK_TEST_ROUNDS change the course. */
#include "unit/scratch.h"

#include <sys/time.h>

#include "capture/backup.h"
#include "capture/state.h"

static unsigned long long rng;

static unsigned pick(unsigned n)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return (unsigned)(rng >> 11) % n;
}

static const char *const word[] = { "a",     "b",    "c.txt", "d e",   "foo",   "foo.c", "foo-bar",
	                            "-dash", "\xff", "n\nl",  "t\tab", "\"q\"", "z.log", "sub" };

static const char *random_path(void)
{
	static char path[256];
	unsigned depth = 1 + pick(4);

	path[0] = '\0';
	for (unsigned i = 0; i < depth; i++) {
		if (i)
			strcat(path, "/");
		strcat(path, word[pick(sizeof word / sizeof *word)]);
	}
	return path;
}

static void make_parents(const char *path)
{
	char copy[256];

	(void)snprintf(copy, sizeof copy, "%s", path);
	for (char *p = strchr(copy, '/'); p; p = strchr(p + 1, '/')) {
		*p = '\0';
		(void)mkdir(copy, 0755);
		*p = '/';
	}
}

static void write_text(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	if (!f)
		return; /* a folder is there, or a file above it: no change this time */
	(void)fputs(text, f);
	(void)fclose(f);
}

static void edit(const char *path)
{
	char text[32];

	make_parents(path);
	(void)snprintf(text, sizeof text, "%08u\n", pick(90000000)); /* always the same size */
	write_text(path, text);
}

static void ignore_rules(void)
{
	static const char *const rule[] = { "*.log\n",  "sub/\n",   "!foo\n",  "/a\n",
		                            "foo*\n",   "b/**\n",   "\\!x\n",  "c.txt\n",
		                            "!*.log\n", "**/d e\n", "/sub/a\n" };
	char path[300], text[200] = "";

	for (unsigned i = pick(4); i-- > 0;)
		strcat(text, rule[pick(sizeof rule / sizeof *rule)]);
	if (pick(2))
		(void)snprintf(path, sizeof path, ".gitignore");
	else
		(void)snprintf(path, sizeof path, "%s/.gitignore", word[pick(3)]);
	if (pick(4) == 0)
		(void)unlink(path);
	else
		write_text(path, text);
}

/* Of files: a folder of mode 644 is closed to all but root, for git and for us. */
static void change_mode(const char *path, mode_t mode)
{
	struct stat st;

	if (lstat(path, &st) == 0 && S_ISREG(st.st_mode))
		(void)chmod(path, mode);
}

static void change(void)
{
	char other[256];
	const char *path;

	switch (pick(16)) {
	case 0:
		(void)snprintf(other, sizeof other, "%s", random_path());
		(void)rename(other, random_path());
		break;
	case 1:
		(void)sk_remove_tree(AT_FDCWD, random_path());
		break;
	case 2:
		path = random_path();
		make_parents(path);
		if (symlink("nowhere/../a", path))
			break; /* something is there already */
		break;
	case 3:
		change_mode(random_path(), pick(2) ? 0755 : 0644);
		break;
	case 4:
		path = random_path();
		make_parents(path);
		(void)mkdir(path, 0755);
		break;
	case 5:
		ignore_rules();
		break;
	case 6:
		sh("git add -A . 2>/dev/null; true");
		break;
	case 7:
		sh("git add -A . && git commit -qm x --allow-empty 2>/dev/null; true");
		break;
	case 8:
		sh("git rm -rq --cached -- sub a 2>/dev/null; true");
		break;
	default:
		edit(random_path());
	}
}

static void expected_tree(char out[64])
{
	/* -p: a copy with a newer time would make git itself miss racy edits */
	(void)snprintf(
	        out, 64, "%s",
	        sh("cd w && cp -p .git/index ../ix 2>/dev/null || rm -f ../ix; "
	           "GIT_INDEX_FILE=../ix git add -A . && GIT_INDEX_FILE=../ix git write-tree"));
}

/* What a file holds: an edit within a tick of the clock leaves no other trace. */
static void add_content(struct sk_buf *out, const char *line)
{
	const char *tab = strrchr(line, '\t');
	struct sk_buf text = SK_BUF_INIT;
	struct sk_oid oid = { { 0 } };
	char path[600];

	(void)snprintf(path, sizeof path, "w/%.*s", (int)(tab - line), line);
	(void)sk_read_file(AT_FDCWD, path, 1 << 20, &text);
	sk_hash_object(SK_OBJ_BLOB, sk_buf_str(&text), text.len, &oid);
	(void)sk_buf_adds(out, line);
	assert_int_equal(sk_buf_add(out, sk_oid_str(&oid), SK_OID_HEX + 1), 0);
	sk_buf_free(&text);
}

/* What there is, a line ended by a NUL for each path; its own times and number are in it, so that
 * whatever happened to a path changes its line. */
static void list_paths(struct sk_buf *out)
{
	struct sk_buf raw = SK_BUF_INIT;
	char chunk[4096];
	size_t n;
	FILE *f = popen("cd w && find . -path ./.git -prune -o -mindepth 1 -printf "
	                "'%P\\t%y %m %i %s %T@ %C@ %l\\0' | LC_ALL=C sort -z",
	                "r");

	assert_non_null(f);
	while ((n = fread(chunk, 1, sizeof chunk, f)) > 0)
		assert_int_equal(sk_buf_add(&raw, chunk, n), 0);
	assert_int_equal(pclose(f), 0);
	sk_buf_clear(out);
	for (const char *p = sk_buf_str(&raw); *p; p += strlen(p) + 1)
		add_content(out, p);
	assert_int_equal(sk_buf_add(out, "", 1), 0);
	sk_buf_free(&raw);
}

/* The path of a line: names may have tabs, what follows them has not. */
static void add_path(struct sk_strv *v, const char *line)
{
	const char *end = strrchr(line, '\t');
	char path[600];

	(void)snprintf(path, sizeof path, "%.*s%s", (int)(end - line), line,
	               end[1] == 'd' && pick(2) ? "/" : "");
	assert_int_equal(sk_strv_add(v, path), 0);
}

/* The paths whose lines are in one list only, as a watcher would tell them: sorted, each once. */
static void differences(const struct sk_buf *was, const struct sk_buf *is, struct sk_strv *out)
{
	const char *a = was->ptr, *b = is->ptr;
	size_t kept = 0;

	while (*a || *b) {
		int d = !*a ? 1 : !*b ? -1 : strcmp(a, b);

		if (d < 0)
			add_path(out, a);
		if (d > 0)
			add_path(out, b);
		if (d <= 0)
			a += strlen(a) + 1;
		if (d >= 0)
			b += strlen(b) + 1;
	}
	sk_strv_sort(out);
	for (size_t i = 0; i < out->n; i++) {
		if (kept && strcmp(out->item[i], out->item[kept - 1]) == 0)
			free(out->item[i]);
		else
			out->item[kept++] = out->item[i];
	}
	out->n = kept;
}

static unsigned partials;

/* A scan of what changed alone finds what a whole one finds. */
static void same_as_whole(struct sk_repo *repo, const struct sk_strv *changed,
                          const struct sk_snapshot *part)
{
	struct sk_scan_opts opts = { .staged = true };
	struct sk_snapshot *whole = NULL;
	struct sk_packer *packer = NULL;
	struct sk_oid a = { { 0 } }, b = { { 0 } };

	if (!part->partial)
		return;
	partials++;
	assert_int_equal(sk_packer_new(repo, &packer), 0);
	opts.packer = packer;
	(void)sh("mkdir -p keep && mv w/.git/sk/state* keep");
	assert_int_equal(sk_scan(repo, &opts, &whole), 0);
	(void)sh("mv keep/* w/.git/sk");
	if (part->files != whole->files || !sk_oid_eq(&part->root->oid, &whole->root->oid)) {
		for (size_t i = 0; i < changed->n; i++)
			print_error("changed: %s\n", changed->item[i]);
		fail_msg("%zu files and tree %s, whole %zu and %s", part->files,
		         sk_oid_str(&part->root->oid), whole->files, sk_oid_str(&whole->root->oid));
	}
	assert_int_equal(memcmp(&part->facts, &whole->facts, sizeof whole->facts), 0);
	/* which bits are the usual ones is a matter of counting; all else is not */
	if (part->meta.usual_file == whole->meta.usual_file &&
	    part->meta.usual_exec == whole->meta.usual_exec &&
	    part->meta.usual_dir == whole->meta.usual_dir) {
		assert_int_equal(sk_meta_write(&whole->meta, packer, &a), 0);
		assert_int_equal(
		        sk_meta_write((struct sk_meta *)(uintptr_t)&part->meta, packer, &b), 0);
		assert_true(sk_oid_eq(&a, &b));
	}
	sk_snapshot_free(whole);
	sk_packer_free(packer);
}

static void backup(struct sk_repo *repo, const struct sk_strv *changed, struct sk_backup_result *r)
{
	struct sk_backup_opts opts = {
		.kind = SK_BACKUP, .trigger = "test", .wait_seconds = 60, .changed = changed
	};
	int rc;

	*r = (struct sk_backup_result){ 0 };
	rc = sk_backup(repo, &opts, r);
	if (rc)
		fail_msg("backup: %d %s", rc, sk_error_message());
}

static void one_course(unsigned long long seed, unsigned steps)
{
	struct sk_repo *repo = NULL;
	struct sk_backup_result r;
	struct sk_buf was = SK_BUF_INIT, is = SK_BUF_INIT;
	struct sk_strv changed;
	char want[64], before[64];
	bool known = false; /* the state is of the listing in `was` */

	rng = seed * 0x9E3779B97F4A7C15ULL + 1;
	sh("rm -rf w ix && git init -q w && cd w && git commit -qm 0 --allow-empty");
	if (sk_repo_open("w", &repo))
		fail_msg("seed %llu: %s", seed, sk_error_message());
	assert_int_equal(chdir("w"), 0);
	for (unsigned i = 0; i < steps; i++) {
		for (unsigned k = 1 + pick(6); k-- > 0;) {
			change();
			if (chdir(scratch) || chdir("w"))
				fail_msg("scratch is gone");
		}
		assert_int_equal(chdir(scratch), 0);
		expected_tree(want);
		(void)snprintf(before, sizeof before, "%s", sh("sha1sum <w/.git/index || true"));
		changed = (struct sk_strv)SK_STRV_INIT;
		list_paths(&is);
		if (known)
			differences(&was, &is, &changed);
		backup(repo, known ? &changed : NULL, &r);
		same_as_whole(repo, &changed, r.snap);
		sk_strv_free(&changed);
		known = pick(8) != 0;
		sk_buf_clear(&was);
		assert_int_equal(sk_buf_add(&was, is.ptr, is.len), 0);
		if (strcmp(sk_oid_str(&r.entry->tree), want) != 0) {
			(void)sh("cd w && git diff --stat %s %s >&2; git status --short --ignored "
			         ">&2",
			         want, sk_oid_str(&r.entry->tree));
			fail_msg("seed %llu step %u: tree %s, git has %s", seed, i,
			         sk_oid_str(&r.entry->tree), want);
		}
		assert_string_equal(sh("sha1sum <w/.git/index || true"), before);
		sk_backup_result_clear(&r);
		assert_int_equal(chdir("w"), 0);
	}
	assert_int_equal(chdir(scratch), 0);
	sk_repo_close(repo);
	sk_buf_free(&was);
	sk_buf_free(&is);
	sh("cd w && git fsck --full --strict --no-dangling");
	sh("cd w && test ! -e .git/index.lock");
}

static void same_as_git(void **state)
{
	const char *seed = getenv("SK_TEST_SEED"), *rounds = getenv("SK_TEST_ROUNDS");
	unsigned long long first = seed ? strtoull(seed, NULL, 10) : 1;
	unsigned n = rounds ? (unsigned)atoi(rounds) : 6;

	(void)state;
	scratch_open();
	for (unsigned i = 0; i < n; i++)
		one_course(first + i, 25);
	scratch_close();
	print_message("%u of %u backups looked at what changed alone\n", partials, n * 25);
	assert_true(n < 6 || partials > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(same_as_git) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
