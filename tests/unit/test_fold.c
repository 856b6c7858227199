/* Folding packs: nothing is lost, git's own packs are left alone, and what is known stays known. */
#include "unit/entry_scratch.h"

#include <time.h>

#include "store/cache.h"
#include "store/fold.h"

#define PACKS "w/.git/objects/pack"

static void enable(void)
{
	sh("mkdir -p w/.git/sk");
}

/* Entries with a tree of their own: `n` packs of a blob, a tree and a tag. */
static void make(int n, time_t from)
{
	for (int i = 0; i < n; i++) {
		struct sk_packer *p = NULL;
		struct sk_entry *e = new_entry(SK_BACKUP, NULL, from + i);
		struct sk_buf text = SK_BUF_INIT, dir = SK_BUF_INIT;
		struct sk_oid blob;

		for (int k = 0; k < 200; k++)
			assert_int_equal(sk_buf_addf(&text, "line %d of %ld\n", k,
			                             k == 100 ? (long)from + i : 0),
			                 0);
		assert_int_equal(sk_packer_new(repo, &p), 0);
		assert_int_equal(sk_packer_add(p, SK_OBJ_BLOB, text.ptr, text.len, &blob), 0);
		assert_int_equal(sk_buf_add(&dir, "100644 f", 9), 0);
		assert_int_equal(sk_buf_add(&dir, blob.id, SK_OID_RAW), 0);
		assert_int_equal(sk_packer_add(p, SK_OBJ_TREE, dir.ptr, dir.len, &e->tree), 0);
		if (sk_entry_publish(repo, p, e))
			fail_msg("%s", sk_error_message());
		sk_packer_free(p);
		sk_entry_free(e);
		sk_buf_free(&text);
		sk_buf_free(&dir);
	}
}

static int packs(void)
{
	return atoi(sh("ls " PACKS " | grep -c '[.]pack$' || true"));
}

static size_t fold(void)
{
	size_t gone = 0;

	if (sk_fold(repo, &gone))
		fail_msg("%s", sk_error_message());
	return gone;
}

/* Every entry and all it leads to can be read, by git and by a handle that was open before. */
static void all_is_there(size_t n)
{
	struct sk_entries list = { 0 };

	assert_int_equal(sk_entry_list(repo, SK_ANY, NULL, &list), 0);
	assert_int_equal(list.n, n);
	for (size_t i = 0; i < list.n; i++) {
		git_odb_object *obj = NULL;

		assert_false(list.item[i]->damaged);
		if (sk_repo_read(repo, &list.item[i]->tree, &obj))
			fail_msg("%s", sk_error_message());
		git_odb_object_free(obj);
	}
	sk_entries_free(&list);
	fsck_is_clean();
	sh("cd w && git rev-list --objects --all >/dev/null && ! ls .git/objects/pack/*.keep "
	   "2>/dev/null");
}

static void one_of_many(void **state)
{
	(void)state;
	enable();
	make(30, NOON);
	assert_int_equal(packs(), 30);
	all_is_there(30); /* the packs are open in libgit2 from here on */
	sh("touch -d 2020-01-01 " PACKS "/*; touch -d '2026-08-10 10:00 UTC' "
	   "$(ls " PACKS "/*.pack | tail -n 1)");
	assert_int_equal(fold(), 30);
	assert_int_equal(packs(), 1);
	all_is_there(30);
	/* what git goes by when nothing leads to an object any more: the newest of the old ones */
	assert_string_equal(sh("stat -c %%Y " PACKS "/*.pack"), "1786356000");
	assert_int_equal(atoi(sh("git -C w count-objects -v | sed -n 's/^garbage: //p'")), 0);
	/* deltas were found */
	assert_true(atoi(sh("git verify-pack -v " PACKS "/*.idx | grep -c 'chain length' || "
	                    "true")) > 0);
	assert_int_equal(fold(), 0);
	assert_int_equal(packs(), 1);
}

/* A handle that knows the indexes but opened no pack yet, while another process folds. */
static void known_but_not_open(void **state)
{
	struct sk_repo *other = NULL;
	struct sk_oid tags[8];
	size_t gone = 0;

	(void)state;
	enable();
	make(8, NOON);
	for (int i = 0; i < 8; i++)
		assert_true(sk_oid_parse(
		        sh("git -C w rev-parse refs/sk/backup/20260810T12000%dZ", i), &tags[i]));
	assert_int_equal(sk_repo_open("w", &other), 0);
	assert_true(sk_repo_has(other, &tags[3]));
	assert_int_equal(sk_fold(repo, &gone), 0);
	assert_int_equal(gone, 8);
	for (int i = 0; i < 8; i++) {
		git_odb_object *obj = NULL;

		assert_true(sk_repo_has(other, &tags[i]));
		if (sk_repo_read(other, &tags[i], &obj))
			fail_msg("%s", sk_error_message());
		git_odb_object_free(obj);
	}
	/* what is found there and not written has to be there afterwards */
	{
		struct sk_packer *p = NULL;
		bool have = false;

		assert_int_equal(sk_packer_new(other, &p), 0);
		for (int i = 0; i < 8; i++)
			assert_int_equal(sk_packer_rely(p, &tags[i], &have), 0);
		assert_int_equal(sk_packer_recheck(p), 0);
		sk_packer_free(p);
	}
	sk_repo_close(other);
	all_is_there(8);
}

static void powers(void **state)
{
	(void)state;
	enable();
	make(60, NOON);
	assert_int_equal(fold(), 60);
	make(3, NOON + 100); /* small beside the large one, which is not copied again */
	assert_int_equal(packs(), 4);
	assert_int_equal(fold(), 3);
	assert_int_equal(packs(), 2);
	all_is_there(63);
}

static void when_due(void **state)
{
	(void)state;
	enable();
	make(19, NOON);
	assert_int_equal(sk_fold_if_due(repo), 0);
	assert_int_equal(packs(), 19);
	make(1, NOON + 50);
	assert_int_equal(sk_fold_if_due(repo), 0);
	assert_int_equal(packs(), 1);
	make(19, NOON + 100);
	assert_int_equal(sk_fold_if_due(repo), 0);
	assert_int_equal(packs(), 20);
	make(1, NOON + 150);
	assert_int_equal(sk_fold_if_due(repo), 0);
	assert_true(packs() < 4);
	all_is_there(40);
	/* what is not ours counts once, and not for ever when git took it away */
	sh("echo '400 0' >w/.git/sk/packs");
	make(30, NOON + 200);
	assert_int_equal(sk_fold_if_due(repo), 0);
	make(20, NOON + 300);
	assert_int_equal(sk_fold_if_due(repo), 0);
	assert_true(packs() < 30);
	all_is_there(90);
}

static void others_stay(void **state)
{
	const char *names;
	char *before;

	(void)state;
	enable();
	sh("cd w && for i in 1 2 3; do echo $i >f && git commit -qam $i && git repack -dq; done");
	make(6, NOON);
	sh("cd " PACKS " && for p in $(git -C ../../.. for-each-ref --format='%%(objectname)' "
	   "refs/sk/backup | head -n 3); do for i in *.idx; do git show-index <$i | grep -q $p && "
	   "echo ${i%%.idx}; done; done >../../../../three; set -- $(cat ../../../../three); "
	   ": >$1.keep; : >$2.promisor; : >$3.mtimes");
	before = strdup(sh("cat three; ls " PACKS " | sort | sed 's/^/had /'"));
	assert_non_null(before);
	assert_int_equal(fold(), 3);
	for (const char *at = before; (at = strstr(at, "had ")); at++) {
		char name[64];

		if (sscanf(at, "had %63s", name) == 1 && !strstr(name, ".pack"))
			continue;
		sh("grep -q %.45s three && test -e " PACKS "/%s || test 1 = 1", name, name);
	}
	names = sh("n=0; for p in $(cat three); do test -e " PACKS
	           "/$p.pack && n=$((n + 1)); done; "
	           "echo $n");
	assert_string_equal(names, "3");
	free(before);
	assert_int_equal(packs(), 3 + 3 + 1);
	sh("rm -f " PACKS "/*.keep " PACKS "/*.promisor " PACKS "/*.mtimes");
	all_is_there(6);
}

static void midx(void **state)
{
	(void)state;
	enable();
	make(5, NOON);
	sh("cd w && git multi-pack-index write 2>/dev/null");
	make(4, NOON + 50);
	assert_int_equal(fold(), 4);
	assert_int_equal(packs(), 6);
	all_is_there(9);
	sh("cd w && git multi-pack-index verify 2>&1");
	sh("rm " PACKS "/multi-pack-index && mkdir " PACKS "/multi-pack-index.d");
	assert_int_equal(fold(), 0);
}

static void not_now(void **state)
{
	(void)state;
	enable();
	make(5, NOON);
	sh("echo '1 somewhere' >w/.git/gc.pid");
	assert_int_equal(fold(), 0);
	sh("touch -d '13 hours ago' w/.git/gc.pid");
	assert_int_equal(fold(), 5);
	sh("rm w/.git/gc.pid; git -C w config core.repositoryFormatVersion 1; "
	   "git -C w config extensions.preciousObjects true");
	make(5, NOON + 50);
	assert_int_equal(fold(), 0);
	sh("git -C w config --unset extensions.preciousObjects");
	assert_int_equal(fold(), 6);
	all_is_there(10);
}

/* The moments at which it can be killed: what is left is folded again, or left to git. */
static void cut_short(void **state)
{
	(void)state;
	enable();
	make(12, NOON);
	sh("cp -a " PACKS " old");
	assert_int_equal(fold(), 12);
	sh("cp -af old/* " PACKS "/"); /* the new pack is there, and all the old ones */
	all_is_there(12);
	assert_true(fold() >= 12);
	assert_int_equal(packs(), 1);
	all_is_there(12);
	sh("cp -af old/* " PACKS "/; rm $(ls " PACKS "/*.idx | head -n 5)"); /* while they go */
	(void)fold();
	sh("cp -af old/* " PACKS "/");
	(void)fold();
	all_is_there(12);
	/* the very same pack comes out: it must not be taken for one of the old ones */
	for (int i = 0; i < 3; i++) {
		sh("cp -af $(ls old/*.pack | head -n 1) $(ls old/*.idx | head -n 1) " PACKS "/");
		(void)fold();
		all_is_there(12);
	}
}

/* One that cannot be copied stays, and with it all the others; a day later again. */
static void damage(void **state)
{
	(void)state;
	enable();
	make(25, NOON);
	sh("f=$(ls -S " PACKS "/*.pack | tail -n 1) && chmod u+w $f && printf '\\377\\377' | "
	   "dd of=$f bs=1 seek=40 conv=notrunc 2>/dev/null");
	assert_int_not_equal(sk_fold_if_due(repo), 0);
	assert_int_equal(packs(), 25);
	assert_int_equal(sk_fold_if_due(repo), 0); /* said once */
	assert_int_equal(packs(), 25);
	assert_true(atoll(sh("cut -d' ' -f2 w/.git/sk/packs")) > (long long)time(NULL) + 80000);
	/* one that is cut off is not even looked at */
	sh("f=$(ls -S " PACKS "/*.pack | tail -n 1) && truncate -s 20 $f; rm w/.git/sk/packs");
	assert_int_equal(sk_fold_if_due(repo), 0);
	assert_int_equal(packs(), 2);
}

static size_t known(void)
{
	struct sk_entries list = { 0 };
	struct sk_cache *cache = NULL;
	size_t n = 0, len;

	assert_int_equal(sk_cache_open(repo, &cache), 0);
	assert_non_null(cache);
	assert_int_equal(sk_entry_list(repo, SK_ANY, NULL, &list), 0);
	for (size_t i = 0; i < list.n; i++)
		n += sk_cache_get(cache, &list.item[i]->tag, &len) != NULL;
	sk_entries_free(&list);
	sk_cache_close(cache, false);
	return n;
}

static void cache_lives(void **state)
{
	struct sk_entries list = { 0 };
	struct sk_cache *cache = NULL;

	(void)state;
	enable();
	make(20, NOON);
	assert_int_equal(sk_entry_list(repo, SK_ANY, NULL, &list), 0); /* writes it */
	sk_entries_free(&list);
	assert_int_equal(known(), 20);
	assert_int_equal(fold(), 20);
	assert_int_equal(known(), 20);
	/* touched by git to keep it: the same pack still */
	sh("touch " PACKS "/*.pack");
	assert_int_equal(known(), 20);
	/* another pack went while some were folded: what it said is not known to be true */
	make(3, NOON + 50);
	assert_int_equal(sk_entry_list(repo, SK_ANY, NULL, &list), 0);
	sk_entries_free(&list);
	sh("rm w/.git/sk/entries");
	assert_int_equal(sk_entry_list(repo, SK_ANY, NULL, &list), 0);
	sk_entries_free(&list);
	assert_int_equal(known(), 23);
	assert_int_equal(sk_cache_open(repo, &cache), 0);
	sh("cp -a " PACKS " kept; rm $(ls " PACKS "/*.idx | head -n 1)");
	sk_cache_folded(cache, 0);
	sk_cache_close(cache, false);
	assert_int_equal(sk_cache_open(repo, &cache), 0);
	sk_cache_folded(cache, 0);
	sk_cache_close(cache, false);
	sh("cp -af kept/* " PACKS "/");
	/* the same name, but another file: not believed */
	sh("cd " PACKS " && for f in *.pack; do cp $f x && mv -f x $f; done");
	assert_int_equal(sk_cache_open(repo, &cache), 0);
	list = (struct sk_entries){ 0 };
	assert_int_equal(sk_entry_list(repo, SK_REVISION, NULL, &list), 0);
	sk_entries_free(&list);
	{
		size_t len;
		struct sk_oid tag;

		assert_true(sk_oid_parse(sh("git -C w for-each-ref --count=1 "
		                            "--format='%%(objectname)' refs/sk/backup"),
		                         &tag));
		assert_null(sk_cache_get(cache, &tag, &len));
	}
	sk_cache_close(cache, false);
}

/* git packs and prunes all the while, and backups are made. */
static void beside_git(void **state)
{
	size_t n = 0;

	(void)state;
	enable();
	for (int round = 0; round < 12; round++) {
		sh("cd w && (git %s >/dev/null 2>&1 &)",
		   round % 3 == 0   ? "repack -adq"
		   : round % 3 == 1 ? "gc -q --prune=now"
		                    : "repack -Adlq --unpack-unreachable=now");
		for (int i = 0; i < 8; i++) {
			size_t gone;

			make(1, NOON + round * 100 + i);
			n++;
			if (i % 2 && sk_fold(repo, &gone))
				fail_msg("%s", sk_error_message());
		}
	}
	sh("cd w && while [ -e .git/gc.pid ]; do sleep 0.05; done; sleep 0.3; git gc -q");
	all_is_there(n);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = { T(one_of_many), T(known_but_not_open), T(powers),
		                            T(when_due),    T(others_stay),        T(midx),
		                            T(not_now),     T(cut_short),          T(damage),
		                            T(cache_lives), T(beside_git) };

	return cmocka_run_group_tests_name("fold", tests, NULL, NULL);
}
