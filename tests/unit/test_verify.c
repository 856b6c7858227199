/* store/verify, store/repair, store/distrust, store/oidset, repo/copies. */
#include "unit/entry_scratch.h"

#include <cmocka.h>

#include "repo/copies.h"
#include "store/distrust.h"
#include "store/oidset.h"
#include "store/repair.h"
#include "store/treeiter.h"
#include "store/verify.h"

static struct sk_verify found;

static void verify(void)
{
	const struct sk_verify_opts opts = { .ref = NULL };

	sk_verify_clear(&found);
	if (sk_verify_run(repo, &opts, &found))
		fail_msg("%s", sk_error_message());
}

static int clean_up(void **state)
{
	sk_verify_clear(&found);
	return teardown(state);
}

static struct sk_oid number(uint32_t i)
{
	struct sk_oid oid;

	sk_hash_object(SK_OBJ_BLOB, &i, sizeof i, &oid);
	return oid;
}

static void a_set_keeps_what_it_is_given(void **state)
{
	struct sk_oidset set = { 0 };
	const struct sk_oidset_slot *slot;
	struct sk_oid oid = number(0);
	size_t at = 0, n = 0;
	bool added;

	(void)state;
	assert_null(sk_oidset_get(&set, &oid));
	assert_null(sk_oidset_next(&set, &at));
	for (uint32_t i = 0; i < 5000; i++) {
		oid = number(i);
		assert_int_equal(sk_oidset_add(&set, &oid, i + 1, &added), 0);
		assert_true(added);
	}
	for (uint32_t i = 0; i < 5000; i++) {
		oid = number(i);
		assert_int_equal(*sk_oidset_get(&set, &oid), i + 1);
		assert_int_equal(sk_oidset_add(&set, &oid, 9, &added), 0);
		assert_false(added);
		assert_int_equal(*sk_oidset_get(&set, &oid), i + 1);
	}
	oid = number(5000);
	assert_false(sk_oidset_has(&set, &oid));
	for (at = 0; (slot = sk_oidset_next(&set, &at)); n++)
		assert_true(slot->value >= 1 && slot->value <= 5000);
	assert_int_equal(n, 5000);
	sk_oidset_free(&set);
	assert_int_equal(set.n, 0);
}

static void trees_are_taken_apart(void **state)
{
	char data[] = "100644 a\0AAAAAAAAAAAAAAAAAAAA40000 d\0BBBBBBBBBBBBBBBBBBBB";
	struct sk_tree_iter it = { data, data + sizeof data - 1 };
	struct sk_tree_item item = { 0 };

	(void)state;
	assert_int_equal(sk_tree_next(&it, &item), 1);
	assert_int_equal(item.mode, 0100644);
	assert_string_equal(item.name, "a");
	assert_int_equal(sk_tree_next(&it, &item), 1);
	assert_int_equal(item.mode, SK_MODE_TREE);
	assert_int_equal(item.oid.id[19], 'B');
	assert_int_equal(item.end - item.from, 28);
	assert_int_equal(sk_tree_next(&it, &item), 0);
	for (size_t cut = 1; cut < sizeof data - 1; cut++) { /* whatever is missing at the end */
		struct sk_tree_iter part = { data, data + cut };
		int more;

		while ((more = sk_tree_next(&part, &item)) > 0)
			assert_true(item.end <= data + cut);
		assert_int_equal(more, cut == 29 ? 0 : -1);
	}
}

static void the_list_of_what_is_not_to_be_trusted(void **state)
{
	struct sk_oidset bad = { 0 };
	struct sk_distrust list = { 0 };
	struct sk_packer *p = NULL;
	struct sk_oid x = number(1), y = number(2), got;
	bool have = true;

	(void)state;
	assert_int_equal(sk_distrust_load(repo, &list), 0);
	assert_int_equal(list.n, 0);
	sk_hash_object(SK_OBJ_BLOB, "x\n", 2, &x); /* the file f of the scratch repository */
	assert_int_equal(sk_oidset_add(&bad, &x, 3, NULL), 0);
	sh("mkdir -p w/.git/sk");
	assert_int_equal(sk_distrust_save(repo, &bad), 0);
	assert_int_equal(sk_distrust_load(repo, &list), 0);
	assert_true(sk_distrust_has(&list, &x));
	assert_false(sk_distrust_has(&list, &y));
	free(list.oid);
	/* it is there, and is written all the same */
	assert_int_equal(sk_packer_new(repo, &p), 0);
	assert_int_equal(sk_packer_rely(p, &x, &have), 0);
	assert_false(have);
	assert_int_equal(sk_packer_add(p, SK_OBJ_BLOB, "x\n", 2, &got), 0);
	assert_int_equal(sk_packer_count(p), 1);
	sk_packer_free(p);
	sh("printf 'rubbish\\nnot even a line' >w/.git/sk/damaged");
	assert_int_equal(sk_distrust_load(repo, &list), 0);
	free(list.oid);
	sk_oidset_free(&bad);
	assert_int_equal(sk_distrust_save(repo, &bad), 0);
	assert_string_equal(sh("ls w/.git/sk"), "");
}

static void a_packer_by_itself_relies_on_nothing(void **state)
{
	struct sk_packer *p = NULL;
	struct sk_oid x;
	bool have = false;

	(void)state;
	sk_hash_object(SK_OBJ_BLOB, "x\n", 2, &x);
	assert_int_equal(sk_packer_new(repo, &p), 0);
	assert_int_equal(sk_packer_rely(p, &x, &have), 0);
	assert_true(have);
	sk_packer_alone(p);
	assert_int_equal(sk_packer_rely(p, &x, &have), 0);
	assert_false(have);
	sk_packer_free(p);
	sh("echo 1 >w/.git/gc.pid"); /* a git gc is at work */
	assert_int_equal(sk_packer_new(repo, &p), 0);
	have = true;
	assert_int_equal(sk_packer_rely(p, &x, &have), 0);
	assert_false(have);
	sk_packer_free(p);
}

static void a_good_copy_is_found_behind_a_bad_one(void **state)
{
	git_odb_object *object = NULL;
	struct sk_oid x;

	(void)state;
	sk_hash_object(SK_OBJ_BLOB, "x\n", 2, &x);
	sh("cd w && git pack-objects -q .git/objects/pack/pack <<EOF\n$(git rev-parse "
	   "HEAD:f)\nEOF");
	assert_int_equal(sk_repo_reopen_objects(repo), 0);
	/* the packed one is damaged; libgit2 reads it first */
	sh("cd w && chmod u+w .git/objects/pack/*.pack && printf X | dd status=none conv=notrunc "
	   "bs=1 seek=16 of=$(ls .git/objects/pack/*.pack)");
	if (sk_repo_read(repo, &x, &object))
		fail_msg("%s", sk_error_message());
	assert_int_equal(git_odb_object_size(object), 2);
	git_odb_object_free(object);
	sh("rm w/.git/objects/$(git -C w rev-parse HEAD:f | sed 's,^..,&/,')");
	assert_int_equal(sk_repo_reopen_objects(repo), 0);
	assert_int_equal(sk_repo_read(repo, &x, &object), SK_EDAMAGED);
}

static void an_empty_and_a_whole_store_are_clean(void **state)
{
	(void)state;
	verify();
	assert_true(sk_verify_clean(&found));
	assert_int_equal(found.entries.n, 0);
	(void)made(SK_BACKUP, NULL, NOON);
	(void)made(SK_BACKUP, NULL, NOON + 1);
	(void)made(SK_REVISION, "R_20260810_1200", NOON);
	verify();
	assert_true(sk_verify_clean(&found));
	assert_int_equal(found.entries.n, 3);
	assert_int_equal(found.objects, 5); /* three tags; one tree and one blob, once */
}

static void damage_is_named_once_for_all_who_have_it(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++)
		(void)made(SK_BACKUP, NULL, NOON + i);
	sh("rm w/.git/objects/$(git -C w rev-parse HEAD:f | sed 's,^..,&/,')");
	verify();
	assert_int_equal(found.n, 1);
	assert_int_equal(found.bad.n, 1);
	assert_int_equal(found.damage[0].kind, SK_DAMAGE_OBJECT);
	assert_string_equal(found.damage[0].path, "f");
	assert_string_equal(found.damage[0].why, "missing");
	assert_int_equal(found.damage[0].refs.n, 3);
	assert_string_equal(found.damage[0].refs.item[0], "refs/sk/backup/20260810T120002Z");
}

static void only_what_was_asked_for(void **state)
{
	const char *const ref[] = { "refs/sk/backup/20260810T120000Z" };
	const struct sk_verify_opts opts = { .ref = ref, .n_refs = 1 };

	(void)state;
	(void)made(SK_BACKUP, NULL, NOON);
	(void)made(SK_BACKUP, NULL, NOON + 1);
	sh("echo junk >w/.git/refs/sk/backup/20260810T120001Z");
	assert_int_equal(sk_verify_run(repo, &opts, &found), 0);
	assert_true(sk_verify_clean(&found));
	assert_int_equal(found.entries.n, 1);
	verify();
	assert_int_equal(found.n, 1);
	assert_int_equal(found.damage[0].kind, SK_DAMAGE_REF);
}

static void many_damages_are_counted_not_listed(void **state)
{
	(void)state;
	sh("cd w && for i in $(seq 1 1100); do echo $i >n$i; done && git add -A && git write-tree");
	assert_true(sk_oid_parse(sh("git -C w write-tree"), &tree));
	(void)made(SK_BACKUP, NULL, NOON);
	sh("cd w && git rev-list --objects --all --no-object-names >/dev/null; "
	   "for i in $(seq 1 1100); do o=$(git hash-object n$i); "
	   "rm -f .git/objects/$(echo $o | sed 's,^..,&/,'); done");
	verify();
	assert_int_equal(found.n, SK_DAMAGE_MAX);
	assert_int_equal(found.left_out, 100);
	assert_int_equal(found.bad.n, 1100);
}

static void what_is_lost_is_given_up(void **state)
{
	const struct sk_repair_opts opts = { .sources = NULL };
	struct sk_repair r = { .objects = 0 };
	struct sk_entry *e = NULL;
	const char *before;

	(void)state;
	sh("cd w && mkdir d && echo keep >d/keep && echo lose >d/lose && git add -A");
	assert_true(sk_oid_parse(sh("git -C w write-tree"), &tree));
	(void)made(SK_BACKUP, NULL, NOON);
	before = strdup(sh("git -C w cat-file tag refs/sk/backup/20260810T120000Z | sed -n 4p"));
	assert_non_null(before);
	sh("cd w && rm .git/objects/$(git rev-parse :d/lose | sed 's,^..,&/,') && git reset -q");
	verify();
	assert_int_equal(found.n, 1);
	assert_int_equal(sk_repair_run(repo, &opts, &found, &r), 0);
	verify();
	assert_int_equal(found.n, 1);
	if (sk_repair_give_up(repo, &found, &r))
		fail_msg("%s", sk_error_message());
	assert_int_equal(r.without.n, 1);
	assert_int_equal(r.gone.n, 0);
	verify();
	assert_true(sk_verify_clean(&found));
	fsck_is_clean();
	assert_int_equal(sk_entry_read(repo, "refs/sk/backup/20260810T120000Z", &e), 0);
	assert_int_equal(e->created, NOON);
	assert_string_equal(e->title, "title");
	assert_string_equal(e->description, "what\n\nfor");
	assert_non_null(sk_entry_get(e, "Sk-Lost"));
	assert_string_equal(sk_entry_get(e, "Sk-Skipped"), "1");
	sk_entry_free(e);
	assert_string_equal(sh("git -C w cat-file tag refs/sk/backup/20260810T120000Z | sed -n 4p"),
	                    before);
	assert_string_equal(sh("git -C w ls-tree -r --name-only refs/sk/backup/20260810T120000Z"),
	                    "d/keep\nf");
	free((void *)(uintptr_t)before);
	sk_repair_clear(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_set_keeps_what_it_is_given),
		cmocka_unit_test(trees_are_taken_apart),
		cmocka_unit_test_setup_teardown(the_list_of_what_is_not_to_be_trusted, setup,
		                                clean_up),
		cmocka_unit_test_setup_teardown(a_packer_by_itself_relies_on_nothing, setup,
		                                clean_up),
		cmocka_unit_test_setup_teardown(a_good_copy_is_found_behind_a_bad_one, setup,
		                                clean_up),
		cmocka_unit_test_setup_teardown(an_empty_and_a_whole_store_are_clean, setup,
		                                clean_up),
		cmocka_unit_test_setup_teardown(damage_is_named_once_for_all_who_have_it, setup,
		                                clean_up),
		cmocka_unit_test_setup_teardown(only_what_was_asked_for, setup, clean_up),
		cmocka_unit_test_setup_teardown(many_damages_are_counted_not_listed, setup,
		                                clean_up),
		cmocka_unit_test_setup_teardown(what_is_lost_is_given_up, setup, clean_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
