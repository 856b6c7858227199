/* Entries: made, listed and deleted, beside git and against damage. */
#include "unit/entry_scratch.h"

#include <sys/wait.h>

#include "store/retention.h"

static void ids_and_order(void **state)
{
	char id[64];

	(void)state;
	assert_string_equal(listed(SK_ANY, NULL), "");
	assert_string_equal(latest(), "none");
	assert_string_equal(made(SK_BACKUP, NULL, NOON), "20260810T120000Z");
	for (int i = 2; i <= 12; i++) {
		(void)snprintf(id, sizeof id, "20260810T120000Z-%d", i);
		assert_string_equal(made(SK_BACKUP, NULL, NOON), id);
	}
	assert_string_equal(latest(), "20260810T120000Z-12");
	assert_string_equal(made(SK_REVISION, "Feature_20260810_1400", NOON),
	                    "Feature_20260810_1400");
	assert_string_equal(made(SK_REVISION, "Feature_20260810_1400", NOON + 1),
	                    "Feature_20260810_1400_2");
	assert_string_equal(made(SK_RELEASE, "version_2026-08-10", NOON + 2), "version_2026-08-10");
	assert_string_equal(made(SK_BACKUP, NULL, NOON - 5), "20260810T115955Z");
	assert_string_equal(listed(SK_REVISION | SK_RELEASE, NULL),
	                    "version_2026-08-10 Feature_20260810_1400_2 Feature_20260810_1400");
	assert_int_equal(strncmp(listed(SK_BACKUP, NULL),
	                         "20260810T120000Z-12 20260810T120000Z-11 20260810T120000Z-10 "
	                         "20260810T120000Z-9",
	                         78),
	                 0);
	assert_string_equal(sh("git -C w for-each-ref refs/sk/backup | wc -l"), "13");
	sh("cd w && git pack-refs --all");
	assert_string_equal(made(SK_BACKUP, NULL, NOON), "20260810T120000Z-13");
	assert_string_equal(sh("git -C w diff refs/sk/backup/20260810T120000Z-13"), "");
	assert_string_equal(sh("git -C w cat-file -t sk/backup/20260810T120000Z"), "tag");
	fsck_is_clean();
}

static void what_is_kept(void **state)
{
	struct sk_entry *e = new_entry(SK_REVISION, "R_20260810_1200", NOON), *got = NULL;

	(void)state;
	assert_int_equal(sk_entry_set(e, "Sk-Name", "R\ns"), 0);
	assert_int_equal(publish(e), 0);
	assert_string_equal(e->ref, "refs/sk/revision/R_20260810_1200");
	assert_int_equal(sk_entry_read(repo, e->ref, &got), 0);
	assert_false(got->damaged);
	assert_true(sk_oid_eq(&got->tag, &e->tag));
	assert_true(sk_oid_eq(&got->tree, &tree));
	assert_string_equal(got->description, "what\n\nfor");
	assert_string_equal(sk_entry_get(got, "Sk-Name"), "R\ns");
	assert_string_equal(sk_entry_get(got, "Sk-Kind"), "revision");
	sk_entry_free(got);
	assert_int_equal(sk_entry_read(repo, "refs/sk/revision/none", &got), SK_ENO);
	assert_int_equal(sk_entry_read(repo, "refs/heads/main", &got), SK_ENO);
	sk_entry_free(e);
}

static void refused_ids(void **state)
{
	static const char *const ids[] = { "", "a/b", "a b", "..", "a..b", "a.lock", "-\n", "@{" };

	(void)state;
	for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
		struct sk_entry *e = new_entry(SK_REVISION, ids[i], NOON);

		assert_int_equal(publish(e), SK_EUSAGE);
		sk_entry_free(e);
	}
	assert_string_equal(listed(SK_ANY, NULL), "");
}

static void with_metadata(void **state)
{
	struct sk_entry *e[2];
	char first[SK_OID_HEX + 1];

	(void)state;
	for (int i = 0; i < 2; i++) {
		e[i] = new_entry(SK_BACKUP, NULL, NOON);
		assert_int_equal(sk_entry_set(e[i], "Sk-Meta", sk_oid_str(&tree)), 0);
		assert_int_equal(publish(e[i]), 0);
	}
	(void)snprintf(first, sizeof first, "%s",
	               sh("git -C w rev-parse refs/sk/meta/backup/20260810T120000Z"));
	assert_string_equal(sh("git -C w rev-parse refs/sk/meta/backup/20260810T120000Z-2"), first);
	assert_string_equal(sh("git -C w rev-parse %s^{}", first), sk_oid_str(&tree));
	fsck_is_clean();
	assert_int_equal(sk_entry_delete(repo, e, 1), 0);
	assert_string_equal(sh("git -C w for-each-ref --format='%%(refname)' refs/sk"),
	                    "refs/sk/backup/20260810T120000Z-2\nrefs/sk/meta/backup/"
	                    "20260810T120000Z-2");
	sh("git -C w pack-refs --all");
	assert_int_equal(sk_entry_delete(repo, e + 1, 1), 0);
	assert_string_equal(sh("git -C w for-each-ref refs/sk"), "");
	for (int i = 0; i < 2; i++)
		sk_entry_free(e[i]);
}

static void damage_shows(void **state)
{
	struct sk_entries list;
	size_t bad = 0;

	(void)state;
	for (int i = 0; i < 8; i++)
		(void)made(SK_BACKUP, NULL, NOON + i);
	(void)made(SK_REVISION, "Good_20260810_1300", NOON + 60);
	sh("cd w/.git/refs/sk/backup && : >20260810T120001Z && echo rubbish >20260810T120002Z && "
	   "echo ref: refs/heads/main >20260810T120003Z && printf '%%01000d' 0 >20260810T120004Z "
	   "&& "
	   "git rev-parse HEAD >20260810T120005Z && "
	   "echo 0123456789012345678901234567890123456789 >20260810T120006Z && "
	   "ln -s nowhere 20260810T130000Z && mkdir 20260810T140000Z && mkfifo 20260810T150000Z && "
	   "touch x.lock 'a b' .hidden 20260810T120000Z.lock && "
	   ": >../revision/Bad_20260810_1400_2 && : >../revision/Odd");
	assert_string_equal(listed(SK_BACKUP, "main"),
	                    "20260810T150000Z? 20260810T130000Z? 20260810T120007Z "
	                    "20260810T120006Z? 20260810T120005Z? 20260810T120004Z? "
	                    "20260810T120003Z? 20260810T120002Z? 20260810T120001Z? "
	                    "20260810T120000Z");
	assert_string_equal(listed(SK_REVISION, "main"),
	                    "Bad_20260810_1400_2? Good_20260810_1300 Odd?");
	assert_string_equal(latest(), "20260810T120007Z");
	assert_string_equal(selected("@{0}"), "20260810T150000Z");
	assert_string_equal(selected("latest"), "Good_20260810_1300");
	assert_string_equal(selected("20260810T120002Z"), "20260810T120002Z");
	assert_int_equal(sk_entry_list(repo, SK_ANY, NULL, &list), 0);
	for (size_t i = 0; i < list.n; i++)
		if (list.item[i]->damaged) {
			assert_true(*list.item[i]->damage != '\0');
			bad++;
		}
	assert_int_equal(bad, 10);
	/* names that are taken by damaged ones are passed over */
	assert_string_equal(made(SK_BACKUP, NULL, NOON + 1), "20260810T120001Z-2");
	sh("rm w/.git/refs/sk/backup/20260810T120000Z.lock w/.git/refs/sk/backup/20260810T150000Z");
	for (size_t i = 0; i < list.n; i++)
		if (list.item[i]->damaged && sk_entry_delete(repo, list.item + i, 1))
			fail_msg("%s: %s", list.item[i]->id, sk_error_message());
	sk_entries_free(&list);
	assert_string_equal(listed(SK_ANY, "main"), "Good_20260810_1300 20260810T120007Z "
	                                            "20260810T120001Z-2 20260810T120000Z");
	sh("rm -rf w/.git/refs/sk/backup/x.lock 'w/.git/refs/sk/backup/a b'");
	fsck_is_clean();
}

static void many_missing(void **state)
{
	(void)state;
	sh("cd w/.git && mkdir -p refs/sk/backup && for i in $(seq 10 59); do "
	   "echo 01234567890123456789012345678901234567$i >refs/sk/backup/20260810T1200${i}Z; "
	   "done");
	assert_string_equal(sh("ls w/.git/refs/sk/backup | wc -l"), "50");
	assert_int_equal(strlen(listed(SK_BACKUP, NULL)), 50 * 18 - 1);
	assert_string_equal(latest(), "none");
}

static void worktrees(void **state)
{
	struct sk_entry *e = new_entry(SK_BACKUP, NULL, NOON + 9);

	(void)state;
	assert_int_equal(sk_entry_set(e, "Sk-Worktree", "other"), 0);
	(void)made(SK_BACKUP, NULL, NOON);
	assert_int_equal(publish(e), 0);
	assert_string_equal(listed(SK_ANY, "main"), "20260810T120000Z");
	assert_string_equal(listed(SK_ANY, "other"), "20260810T120009Z");
	assert_string_equal(listed(SK_ANY, NULL), "20260810T120009Z 20260810T120000Z");
	assert_string_equal(latest(), "20260810T120000Z");
	assert_string_equal(selected("latest"), "20260810T120000Z");
	assert_string_equal(selected("20260810T120009Z"), "20260810T120009Z");
	sk_entry_free(e);
}

/* One dated in the future is not what the present is compared with. */
/* Several processes at once, all in one second: every one gets an id of its own. */
static void at_the_same_time(void **state)
{
	enum { WRITERS = 6, EACH = 8 };
	int status;

	(void)state;
	for (int i = 0; i < WRITERS; i++) {
		pid_t pid = fork();

		assert_true(pid >= 0);
		if (pid == 0) {
			int bad = 0;

			sk_repo_close(repo);
			if (sk_repo_open("w", &repo))
				_exit(9);
			for (int k = 0; k < EACH && !bad; k++) {
				struct sk_entry *e = new_entry(SK_BACKUP, NULL, NOON);

				(void)sk_entry_set(e, "Sk-Meta", sk_oid_str(&tree));
				bad = publish(e);
				sk_entry_free(e);
			}
			if (bad)
				(void)fprintf(stderr, "%s\n", sk_error_message());
			_exit(bad);
		}
	}
	for (int i = 0; i < WRITERS; i++) {
		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
	assert_string_equal(sh("git -C w for-each-ref refs/sk/backup | wc -l"), "48");
	assert_string_equal(sh("git -C w for-each-ref refs/sk/meta | wc -l"), "48");
	assert_string_equal(sh("git -C w for-each-ref --format='%%(objectname)' refs/sk/backup | "
	                       "sort -u | wc -l"),
	                    "48");
	assert_null(strchr(listed(SK_BACKUP, NULL), '?'));
	fsck_is_clean();
}

/* Another process that makes that entry, or was killed at it, stops nobody. */
static void locks(void **state)
{
	struct sk_entry *e = new_entry(SK_BACKUP, NULL, NOON);

	(void)state;
	sh("mkdir -p w/.git/refs/sk/backup && : >w/.git/refs/sk/backup/20260810T120000Z.lock");
	assert_int_equal(publish(e), 0);
	assert_string_equal(e->id, "20260810T120000Z-2");
	sh("test -e w/.git/refs/sk/backup/20260810T120000Z.lock");
	sh("rm w/.git/refs/sk/backup/20260810T120000Z.lock");
	assert_string_equal(listed(SK_BACKUP, NULL), "20260810T120000Z-2");
	sk_entry_free(e);
}

/* The metadata's ref does not stay when the entry's own cannot be made. */
static void all_or_nothing(void **state)
{
	struct sk_entry *e = new_entry(SK_BACKUP, NULL, NOON);

	(void)state;
	assert_int_equal(sk_entry_set(e, "Sk-Meta", sk_oid_str(&tree)), 0);
	sh("mkdir -p w/.git/refs/sk/backup/20260810T120000Z/in-the-way");
	assert_int_equal(publish(e), SK_EIO);
	assert_null(e->ref);
	sh("rm -r w/.git/refs/sk/backup/20260810T120000Z");
	assert_string_equal(sh("git -C w for-each-ref refs/sk"), "");
	sk_entry_free(e);
}

static void moved_meanwhile(void **state)
{
	struct sk_entry *e[3];

	(void)state;
	for (int i = 0; i < 3; i++) {
		e[i] = new_entry(SK_BACKUP, NULL, NOON + i);
		assert_int_equal(publish(e[i]), 0);
	}
	sh("cd w && git update-ref refs/sk/backup/%s refs/sk/backup/%s", e[1]->id, e[0]->id);
	assert_int_equal(sk_entry_delete(repo, e, 3), SK_EBUSY);
	assert_non_null(strstr(sk_error_message(), e[1]->id));
	assert_string_equal(listed(SK_BACKUP, NULL), e[1]->id);
	assert_int_equal(sk_entry_delete(repo, e, 1), 0); /* gone already */
	for (int i = 0; i < 3; i++)
		sk_entry_free(e[i]);
}

static void no_reflogs(void **state)
{
	struct sk_entry *e = new_entry(SK_BACKUP, NULL, NOON);

	(void)state;
	sh("git -C w config core.logAllRefUpdates always");
	assert_int_equal(publish(e), 0);
	assert_string_equal(sh("find w/.git/logs -path '*sk*' -type f"), "");
	sh("cd w && git update-ref --create-reflog -m x refs/sk/backup/%s HEAD && "
	   "test -e .git/logs/refs/sk/backup/%s && git update-ref refs/sk/backup/%s %s",
	   e->id, e->id, e->id, sk_oid_str(&e->tag));
	assert_int_equal(sk_entry_delete(repo, &e, 1), 0);
	assert_string_equal(sh("find w/.git/logs -path '*sk*' -type f"), "");
	sk_entry_free(e);
}

static void pruning(void **state)
{
	struct sk_prune prune;
	struct sk_entry *e;

	(void)state;
	repo->config->retention = (struct sk_retention){ .keep_daily = 2 };
	for (int i = 0; i < 10; i++)
		(void)made(SK_BACKUP, NULL, NOON - i * 43200 - 86400);
	e = new_entry(SK_BACKUP, NULL, NOON - 50 * 86400);
	assert_int_equal(sk_entry_set(e, "Sk-Worktree", "other"), 0);
	assert_int_equal(sk_entry_set(e, "Sk-Meta", sk_oid_str(&tree)), 0);
	assert_int_equal(publish(e), 0);
	sk_entry_free(e);
	(void)made(SK_REVISION, "Old_20200101_0000", 1577836800);
	sh("cd w/.git/refs/sk && : >backup/20200101T000000Z && mkdir -p meta/revision && "
	   "cp meta/backup/20260621T120000Z meta/backup/20200101T000001Z && "
	   "cp meta/backup/20260621T120000Z meta/backup/20260811T115900Z && "
	   "cp meta/backup/20260621T120000Z meta/revision/Young_20200101_0000");
	assert_int_equal(sk_prune_run(repo, NOON + 86400, false, &prune), 0);
	assert_int_equal(prune.n, 12);
	assert_int_equal(prune.dropped, 8);
	sk_prune_free(&prune);
	assert_string_equal(sh("git -C w for-each-ref refs/sk 2>/dev/null | wc -l"), "16");
	assert_int_equal(sk_prune_run(repo, NOON + 86400, true, &prune), 0);
	assert_int_equal(prune.dropped, 8);
	sk_prune_free(&prune);
	assert_string_equal(listed(SK_ANY, NULL),
	                    "20260809T120000Z 20260808T120000Z 20260621T120000Z "
	                    "Old_20200101_0000 20200101T000000Z?");
	assert_string_equal(sh("cd w/.git/refs/sk/meta && find . -type f | sort"),
	                    "./backup/20260621T120000Z\n./backup/20260811T115900Z\n"
	                    "./revision/Young_20200101_0000");
	repo->config->retention = (struct sk_retention){ .max_per_day = 5 };
	assert_int_equal(sk_prune_run(repo, NOON, true, &prune), SK_EUSAGE);
}

/* libgit2 keeps objects in memory. */
static void reopen(void)
{
	sk_repo_close(repo);
	repo = NULL;
	assert_int_equal(sk_repo_open("w", &repo), 0);
}

/* What the cache of tags says must never outlive the objects. */
static void cached_listings(void **state)
{
	char *first;

	(void)state;
	sh("mkdir w/.git/sk");
	for (int i = 0; i < 20; i++)
		(void)made(SK_BACKUP, NULL, NOON + i);
	first = strdup(listed(SK_ANY, "main"));
	assert_non_null(first);
	assert_string_equal(sh("test -s w/.git/sk/entries && echo yes"), "yes");
	assert_string_equal(listed(SK_ANY, "main"), first);
	assert_string_equal(listed(SK_REVISION, "main"), "");
	for (int i = 0; i < 40; i++) { /* cut, then spoiled at many places */
		sh("cp w/.git/sk/entries good && truncate -s $(($(stat -c %%s good) * %d / 20)) "
		   "w/.git/sk/entries && if [ %d -ge 20 ]; then cp good w/.git/sk/entries && "
		   "printf '\\377\\001' | dd of=w/.git/sk/entries bs=1 seek=$(($(stat -c %%s good) "
		   "* "
		   "%d / 20)) conv=notrunc 2>/dev/null; fi",
		   i % 20, i, i % 20);
		assert_string_equal(listed(SK_ANY, "main"), first);
	}
	sh("git -C w gc -q --prune=now");
	assert_string_equal(listed(SK_ANY, "main"), first);
	assert_string_equal(listed(SK_ANY, "main"), first);
	sh("rm -f w/.git/objects/pack/*.rev w/.git/objects/pack/*.bitmap; "
	   "f=$(ls w/.git/objects/pack/*.pack) && chmod u+w $f && "
	   "dd if=/dev/zero of=$f bs=1 seek=30 count=20000 conv=notrunc 2>/dev/null");
	reopen();
	assert_non_null(strchr(listed(SK_ANY, "main"), '?'));
	sh("rm -f w/.git/objects/pack/*");
	reopen();
	assert_int_equal(strlen(listed(SK_ANY, "main")), strlen(first) + 20);
	free(first);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = { T(ids_and_order),  T(what_is_kept),     T(refused_ids),
		                            T(with_metadata),  T(damage_shows),     T(many_missing),
		                            T(worktrees),      T(at_the_same_time), T(locks),
		                            T(all_or_nothing), T(moved_meanwhile),  T(no_reflogs),
		                            T(pruning),        T(cached_listings) };

	return cmocka_run_group_tests_name("entry", tests, NULL, NULL);
}
