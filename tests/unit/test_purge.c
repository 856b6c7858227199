/* store/purge, store/rewrite, store/reach, store/repack. */
#include "unit/entry_scratch.h"

#include <cmocka.h>

#include "repo/copies.h"
#include "store/purge.h"
#include "store/reach.h"
#include "store/repack.h"

static struct sk_purge_what what;
static struct sk_purge result;

static int clean_up(void **state)
{
	sk_purge_what_clear(&what);
	sk_purge_clear(&result);
	return teardown(state);
}

static bool matches(const char *pattern, const char *path, bool folder)
{
	struct sk_strv v = SK_STRV_INIT;
	bool yes;

	assert_int_equal(sk_strv_add(&v, pattern), 0);
	yes = sk_purge_matches(&v, path, folder);
	sk_strv_free(&v);
	return yes;
}

static void patterns(void **state)
{
	static const struct {
		const char *pattern, *path;
		bool folder, yes;
	} row[] = {
		{ "a.env", "a.env", false, true },
		{ "a.env", "d/a.env", false, false }, /* from the root, as a pathspec */
		{ "*a.env", "d/a.env", false, true },
		{ "d", "d", true, true },
		{ "d", "d/x", false, true },
		{ "d", "dd", false, false },
		{ "d", "dd/x", false, false },
		{ "d/", "d", true, true },
		{ "d/", "d", false, false },
		{ "d/", "d/x", false, true },
		{ "*.key", "x.key", false, true },
		{ "*.key", "a/b/x.key", false, true }, /* a star matches slashes too */
		{ "*.key", "x.keys", false, false },
		{ "conf/*", "conf/a/b", false, true },
		{ "conf/*", "conf", true, false },
		{ "[ab].c", "b.c", false, true },
		{ "?.c", "c.c", false, true },
		{ "?.c", "cc.c", false, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof row / sizeof row[0]; i++)
		if (matches(row[i].pattern, row[i].path, row[i].folder) != row[i].yes)
			fail_msg("'%s' and '%s'", row[i].pattern, row[i].path);
}

static void tree_of(const char *script)
{
	sh(script);
	assert_true(sk_oid_parse(sh("git -C w write-tree"), &tree));
}

static void purge(const char *path, bool dry)
{
	sk_purge_what_clear(&what);
	sk_purge_clear(&result);
	assert_int_equal(sk_strv_add(&what.paths, path), 0);
	what.text = strdup("path");
	if (sk_purge_run(repo, &what, dry, &result))
		fail_msg("%s", sk_error_message());
}

static bool stored(const char *text)
{
	char script[256];

	(void)snprintf(
	        script, sizeof script,
	        "cd w && git cat-file --batch-all-objects --batch | grep -ac '%s' || :", text);
	return atoi(sh(script)) > 0;
}

/* The same folders under other paths are told apart, though they are the same objects. */
static void a_path_is_one_place(void **state)
{
	(void)state;
	tree_of("cd w && mkdir one two && echo same-bytes >one/s && echo same-bytes >two/s && git "
	        "add -A");
	(void)made(SK_BACKUP, NULL, NOON);
	sh("cd w && git rm -rqf --cached . && rm -r one two");
	purge("one/s", false);
	assert_int_equal(result.n, 1);
	assert_int_equal(result.entry[0].paths.n, 1);
	assert_string_equal(result.entry[0].paths.item[0], "one/s");
	assert_int_equal(result.needed.n, 1); /* two/s needs it */
	assert_true(stored("same-bytes"));
	assert_string_equal(sh("git -C w ls-tree -r --name-only refs/sk/backup/20260810T120000Z"),
	                    "f\ntwo/s");
	purge("two/s", false);
	assert_false(stored("same-bytes"));
	fsck_is_clean();
}

static void a_dry_run_changes_nothing(void **state)
{
	struct sk_purge_what pending;
	char *before;

	(void)state;
	tree_of("cd w && echo dry-bytes >s && git add -A");
	(void)made(SK_BACKUP, NULL, NOON);
	sh("cd w && git rm -qf --cached s");
	before = strdup(sh("cd w && git for-each-ref && find .git/objects -type f | sort"));
	purge("s", true);
	assert_int_equal(result.n, 1);
	assert_true(result.objects > 0);
	assert_string_equal(sh("cd w && git for-each-ref && find .git/objects -type f | sort"),
	                    before);
	assert_int_equal(sk_purge_pending(repo, &pending), SK_ENO);
	free(before);
}

static void what_a_run_has_to_do_is_kept(void **state)
{
	struct sk_purge_what pending = { .text = NULL };

	(void)state;
	sh("mkdir -p w/.git/sk && printf 'safekeep-purge 1\\0T path x\\0P x\\0P *.key\\0"
	   "B 1111111111111111111111111111111111111111\\0"
	   "C 2222222222222222222222222222222222222222\\0E\\0' >w/.git/sk/purge");
	assert_int_equal(sk_purge_pending(repo, &pending), 0);
	assert_string_equal(pending.text, "path x");
	assert_int_equal(pending.paths.n, 2);
	assert_int_equal(pending.blobs.n, 1);
	assert_int_equal(pending.known.n, 1);
	sk_purge_what_clear(&pending);
	sh("truncate -s -2 w/.git/sk/purge"); /* cut off: it is none */
	assert_int_equal(sk_purge_pending(repo, &pending), SK_ENO);
	sh("printf 'anything else' >w/.git/sk/purge");
	assert_int_equal(sk_purge_pending(repo, &pending), SK_ENO);
}

static void loose_ends(void **state)
{
	struct sk_oidset ends = { 0 }, all = { 0 }, leading = { 0 }, content = { 0 };
	struct sk_oid blob, tip;

	(void)state;
	/* a chain of commits that nothing reaches but the file is in its first alone */
	sh("cd w && git checkout -q --detach && echo end >e && git add e && git commit -qm e && "
	   "git rm -q e && git commit -qm gone && git rev-parse HEAD >../tip && "
	   "git checkout -q main && git reflog expire --expire=now --all && rm -f .git/ORIG_HEAD");
	assert_true(sk_oid_parse(sh("cat tip"), &tip));
	assert_int_equal(sk_repo_reopen_objects(repo), 0);
	assert_int_equal(sk_reach_loose_ends(repo, false, &ends), 0);
	assert_int_equal(ends.n, 4); /* two commits, a tree, a blob: the last tree is main's */
	sk_hash_object(SK_OBJ_BLOB, "end\n", 4, &blob);
	assert_int_equal(*sk_oidset_get(&ends, &blob), SK_OBJ_BLOB);
	assert_int_equal(sk_oidset_add(&content, &blob, SK_OBJ_BLOB, NULL), 0);
	assert_int_equal(sk_reach_leading(repo, &ends, &content, &leading), 0);
	assert_int_equal(leading.n, 4);
	assert_int_equal(*sk_oidset_get(&leading, &tip), SK_OBJ_COMMIT);
	/* refs of ours count, or not */
	(void)made(SK_BACKUP, NULL, NOON);
	sk_oidset_free(&ends);
	assert_int_equal(sk_repo_reopen_objects(repo), 0);
	assert_int_equal(sk_reach_loose_ends(repo, false, &ends), 0);
	assert_int_equal(sk_reach_loose_ends(repo, true, &all), 0);
	assert_int_equal(all.n, ends.n + 1);
	sk_oidset_free(&ends);
	sk_oidset_free(&all);
	sk_oidset_free(&leading);
	sk_oidset_free(&content);
}

static void a_pack_loses_what_it_shall(void **state)
{
	struct sk_oidset without = { 0 };
	struct sk_oid blob;
	char hex[64];

	(void)state;
	tree_of("cd w && for i in $(seq 1 50); do echo line $i >>s; done && git add s && "
	        "cp s t && echo more >>t && git add t && git commit -qm two && git repack -adq");
	assert_true(sk_oid_parse(sh("git -C w rev-parse HEAD:s"), &blob));
	(void)snprintf(hex, sizeof hex, "%.40s",
	               sh("basename $(ls w/.git/objects/pack/*.pack) | cut -c6-45"));
	assert_int_equal(sk_oidset_add(&without, &blob, SK_OBJ_BLOB, NULL), 0);
	sh("touch w/.git/objects/pack/pack-$(basename $(ls w/.git/objects/pack/*.pack) | "
	   "cut -c6-45).keep");
	assert_int_equal(sk_repack_without(repo, hex, &without, NULL), SK_EREFUSED);
	sh("rm w/.git/objects/pack/*.keep && git -C w multi-pack-index write");
	if (sk_repack_without(repo, hex, &without, "w/.git/sk/held"))
		fail_msg("%s", sk_error_message());
	assert_string_equal(sh("ls w/.git/objects/pack | grep -c multi || :"), "0");
	assert_string_equal(sh("ls w/.git/sk/held | wc -l | tr -d ' '"), "2");
	assert_string_equal(sh("git -C w cat-file -e HEAD:s 2>/dev/null; echo $?"), "1");
	/* what was a delta of it is whole */
	assert_string_equal(sh("git -C w show HEAD:t | tail -n 1"), "more");
	sk_oidset_free(&without);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(patterns),
		cmocka_unit_test_setup_teardown(a_path_is_one_place, setup, clean_up),
		cmocka_unit_test_setup_teardown(a_dry_run_changes_nothing, setup, clean_up),
		cmocka_unit_test_setup_teardown(what_a_run_has_to_do_is_kept, setup, clean_up),
		cmocka_unit_test_setup_teardown(loose_ends, setup, clean_up),
		cmocka_unit_test_setup_teardown(a_pack_loses_what_it_shall, setup, clean_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
