/* Loose refs into packed-refs, beside git; and the newest backups found without reading all. */
#include "unit/entry_scratch.h"

#include "store/refs.h"
#include "store/refs_pack.h"
#include "store/tidy.h"

#define REFS "w/.git/refs/sk/backup"

static void reopen(void)
{
	sk_repo_close(repo);
	repo = NULL;
	if (sk_repo_open("w", &repo))
		fail_msg("%s", sk_error_message());
}

static size_t pack(void)
{
	size_t n = 0;

	if (sk_refs_pack(repo, &n))
		fail_msg("%s", sk_error_message());
	return n;
}

static void enable(void)
{
	sh("mkdir -p w/.git/sk");
}

static void as_git_does(void **state)
{
	char *before;

	(void)state;
	enable();
	sh("cd w && git branch b && git tag -a -m x t && git tag light && git pack-refs --all && "
	   "git branch c");
	for (int i = 0; i < 5; i++)
		(void)made(SK_BACKUP, NULL, NOON + i / 2);
	(void)made(SK_REVISION, "R_20260810_1200", NOON);
	before = strdup(sh("git -C w show-ref -d"));
	assert_int_equal(pack(), 5);
	assert_string_equal(sh("git -C w show-ref -d"), before);
	assert_string_equal(sh("ls -A " REFS), "");
	assert_string_equal(sh("ls w/.git/refs/heads w/.git/refs/sk/revision"),
	                    "w/.git/refs/heads:\nc\n\nw/.git/refs/sk/revision:\nR_20260810_1200");
	/* byte for byte what git would have written */
	sh("cp w/.git/packed-refs ours && git -C w pack-refs && cmp ours w/.git/packed-refs");
	assert_int_equal(pack(), 0);
	sh("cmp ours w/.git/packed-refs; ! ls w/.git/*.lock w/.git/packed-refs?* 2>/dev/null");
	free(before);
	/* into no file at all */
	sh("cp -a w v && cd v && rm .git/packed-refs && git update-ref refs/sk/backup/x "
	   "$(git rev-parse refs/sk/revision/R_20260810_1200)");
	sk_repo_close(repo);
	assert_int_equal(sk_repo_open("v", &repo), 0);
	assert_int_equal(pack(), 1);
	assert_string_equal(sh("git -C v for-each-ref --format='%%(refname) %%(*objecttype)' "
	                       "refs/sk/backup"),
	                    "refs/sk/backup/x tree");
	sh("cp v/.git/packed-refs ours; cd v && git pack-refs; cmp ../ours .git/packed-refs");
	reopen();
	fsck_is_clean();
}

static void odd_ones_stay(void **state)
{
	(void)state;
	enable();
	for (int i = 0; i < 3; i++)
		(void)made(SK_BACKUP, NULL, NOON + i);
	sh("cd " REFS " && : >20200101T000000Z && echo 'ref: refs/heads/main' >20200102T000000Z && "
	   "git rev-parse HEAD >20200103T000000Z && ln -s ../../../HEAD 20200104T000000Z && "
	   "echo 1234567890123456789012345678901234567890 >20200105T000000Z");
	assert_int_equal(pack(), 3);
	assert_string_equal(sh("ls " REFS " | wc -l"), "5");
}

static void odd_files_stay(void **state)
{
	static const char *const spoil[] = {
		"sed -i 's/ sorted//' packed-refs",
		"sed -i 's/ fully-peeled//' packed-refs",
		"sed -i 1d packed-refs",
		"echo rubbish >>packed-refs",
		"printf rubbish >>packed-refs",
		"sed -i 's#heads/a#heads/z#' packed-refs",
		"mv packed-refs there; ln -s there packed-refs",
	};

	(void)state;
	enable();
	sh("cd w && git branch a && git branch b && git pack-refs --all");
	for (int i = 0; i < 3; i++)
		(void)made(SK_BACKUP, NULL, NOON + i);
	for (size_t i = 0; i < sizeof spoil / sizeof *spoil; i++) {
		size_t n = 9;

		sh("cp -a w/.git/packed-refs good; cd w/.git && (%s) && cat packed-refs "
		   ">../../bad",
		   spoil[i]);
		assert_int_equal(sk_refs_pack(repo, &n), SK_ENO);
		assert_int_equal(n, 0);
		sh("cmp bad w/.git/packed-refs && test -e " REFS "/20260810T120000Z && "
		   "! ls w/.git/*.lock 2>/dev/null && rm w/.git/packed-refs bad && "
		   "mv good w/.git/packed-refs");
	}
	assert_int_equal(pack(), 3);
}

static void locks(void **state)
{
	size_t n;

	(void)state;
	enable();
	for (int i = 0; i < 4; i++)
		(void)made(SK_BACKUP, NULL, NOON + i);
	sh(": >w/.git/packed-refs.lock");
	assert_int_equal(sk_refs_pack(repo, &n), SK_EBUSY);
	assert_int_equal(sk_tidy_if_due(repo), 0);
	sh("test -e w/.git/packed-refs.lock && echo 'git sk packs refs' >w/.git/packed-refs.lock "
	   "&& "
	   ": >" REFS "/20260810T120000Z.lock && "
	   "echo 'git sk packs refs' >" REFS "/20260810T120001Z.lock");
	assert_int_equal(sk_tidy_if_due(repo), 0); /* what a killed run left is a reason */
	assert_string_equal(sh("cd " REFS " && ls"), "20260810T120000Z\n20260810T120000Z.lock");
	sh("test ! -e w/.git/packed-refs.lock && rm " REFS "/*.lock");
	assert_int_equal(pack(), 1);
}

static void when_due(void **state)
{
	(void)state;
	enable();
	for (int i = 0; i < 63; i++)
		(void)made(SK_BACKUP, NULL, NOON + i);
	assert_int_equal(sk_refs_pack_if_due(repo), 0);
	assert_string_equal(sh("ls " REFS " | wc -l"), "63");
	(void)made(SK_BACKUP, NULL, NOON + 99);
	assert_int_equal(sk_tidy_if_due(repo), 0);
	assert_string_equal(sh("ls " REFS " | wc -l"), "0");
	assert_string_equal(sh("git -C w for-each-ref refs/sk/backup | wc -l"), "64");
	fsck_is_clean();
}

/* Killed between the two: both are there; and a loose one that is newer. */
static void in_both(void **state)
{
	char *before;

	(void)state;
	enable();
	for (int i = 0; i < 4; i++)
		(void)made(SK_BACKUP, NULL, NOON + i);
	sh("cp -a " REFS " loose");
	assert_int_equal(pack(), 4);
	sh("cp -a loose/* " REFS "/ && git -C w update-ref refs/sk/backup/20260810T120001Z "
	   "refs/sk/backup/20260810T120003Z");
	before = strdup(sh("git -C w show-ref -d"));
	assert_int_equal(pack(), 4);
	assert_string_equal(sh("git -C w show-ref -d"), before);
	free(before);
}

/* git makes, changes, deletes and packs refs all the while. */
static void beside_git(void **state)
{
	(void)state;
	enable();
	(void)made(SK_BACKUP, NULL, NOON);
	sh("cd w && t=$(git rev-parse refs/sk/backup/20260810T120000Z) && (i=0; while [ $i -lt 60 "
	   "]; "
	   "do i=$((i + 1)); git update-ref refs/heads/x$i HEAD; git update-ref "
	   "refs/sk/backup/gone$i $t; git update-ref refs/sk/backup/stay$i $t; git update-ref -d "
	   "refs/sk/backup/gone$i || touch ../failed; [ $((i %% 7)) = 0 ] && git pack-refs --all; "
	   "done; touch ../done) >../log 2>&1 &");
	while (access("done", F_OK) != 0) {
		size_t n;
		int rc = sk_refs_pack(repo, &n);

		if (rc && rc != SK_EBUSY)
			fail_msg("%s", sk_error_message());
		(void)usleep(30000);
	}
	(void)pack();
	sh("test ! -e failed || { cat log >&2; exit 1; }");
	assert_string_equal(sh("cd w && git for-each-ref refs/sk/backup | grep -c stay"), "60");
	assert_string_equal(sh("cd w && git for-each-ref refs/sk/backup | grep -c gone || true"),
	                    "0");
	assert_string_equal(sh("cd w && git for-each-ref refs/heads/x* | wc -l"), "60");
	fsck_is_clean();
}

static const char *newest_id(const char *worktree)
{
	static char id[64];
	struct sk_entry *e = NULL;
	int rc = sk_entry_latest(repo, worktree, &e);

	if (rc && rc != SK_ENO)
		fail_msg("%s", sk_error_message());
	(void)snprintf(id, sizeof id, "%s", rc ? "none" : e->id);
	sk_entry_free(e);
	return id;
}

static void of(const char *worktree, time_t t)
{
	struct sk_entry *e = new_entry(SK_BACKUP, NULL, t);

	assert_int_equal(sk_entry_set(e, "Sk-Worktree", worktree), 0);
	assert_int_equal(publish(e), 0);
	sk_entry_free(e);
}

/* The test's clock stands at NOON + a day. */
static void the_latest(void **state)
{
	(void)state;
	enable();
	assert_string_equal(newest_id("main"), "none");
	of("other", NOON - 50);
	of("main", NOON - 100);
	(void)pack();
	assert_string_equal(newest_id("main"), "20260810T115820Z");
	for (int i = 0; i < 40;
	     i++) /* the same second: by number, beyond what is looked at first */
		of("main", NOON);
	(void)pack();
	assert_string_equal(newest_id("main"), "20260810T120000Z-40");
	assert_string_equal(newest_id("other"), "20260810T115910Z");
	of("main", NOON - 40); /* the clock went back: a loose one that is not the newest */
	assert_string_equal(newest_id("main"), "20260810T120000Z-40");
	for (int i = 0; i < 400; i++) /* another worktree's, many */
		of("other", NOON + 10 + i);
	assert_string_equal(newest_id("main"), "20260810T120000Z-40");
	(void)pack();
	reopen();
	assert_string_equal(newest_id("main"), "20260810T120000Z-40");
	assert_string_equal(newest_id("third"), "none");
	of("main", NOON + 86400 * 2); /* of the future */
	assert_string_equal(newest_id("main"), "20260810T120000Z-40");
	(void)pack();
	assert_string_equal(newest_id("main"), "20260810T120000Z-40");
	/* behind our back */
	sh("git -C w update-ref -d refs/sk/backup/20260810T120000Z-40");
	assert_string_equal(newest_id("main"), "20260810T120000Z-39");
	sh("git -C w update-ref refs/sk/backup/20260810T120000Z-39 HEAD");
	assert_string_equal(newest_id("main"), "20260810T120000Z-38"); /* damaged now */
	sh("cd w && git update-ref refs/sk/backup/20260811T000000Z "
	   "$(git rev-parse refs/sk/backup/20260810T120000Z-5) && git pack-refs --all");
	assert_string_equal(newest_id("main"), "20260811T000000Z");
	sh("sed -i 's/ sorted//' w/.git/packed-refs");
	assert_string_equal(newest_id("main"), "20260811T000000Z");
	sh("cd w && for r in $(git for-each-ref --format='%%(refname)' refs/sk/backup | "
	   "grep -v 20260812); do echo delete $r; done | git update-ref --stdin");
	assert_string_equal(newest_id("main"), "20260812T120000Z"); /* when there is no other */
	assert_string_equal(newest_id("other"), "none");
}

static char *ids(const struct sk_entries *list, size_t max)
{
	struct sk_buf text = SK_BUF_INIT;

	for (size_t i = 0; i < list->n && i < max; i++)
		assert_int_equal(sk_buf_addf(&text, "%s%s\n", list->item[i]->id,
		                             list->item[i]->damaged ? "?" : ""),
		                 0);
	return text.ptr ? sk_buf_detach(&text) : strdup("");
}

/* The newest N are the first N of all, however the refs lie. */
static void the_newest(void **state)
{
	(void)state;
	enable();
	srand(7);
	for (int round = 0; round < 60; round++) {
		for (int i = rand() % 12; i >= 0; i--)
			of(rand() % 3 ? "main" : "other", NOON + (rand() % 400) * (rand() % 3 + 1));
		if (rand() % 3 == 0)
			(void)pack();
		if (rand() % 5 == 0)
			(void)made(SK_REVISION, "R_20260810_1200", NOON + rand() % 800);
		if (rand() % 7 == 0)
			sh("cd w && git update-ref -d $(git for-each-ref --format='%%(refname)' "
			   "refs/sk/backup | shuf -n 1)");
		if (rand() % 9 == 0)
			sh("mkdir -p " REFS " && printf x >" REFS "/20260810T12%02d00Z",
			   rand() % 60);
		for (int k = 0; k < 6; k++) {
			static const size_t of_each[] = { 0, 1, 2, 7, 60, 4000 };
			const char *worktree = k % 2 ? "main" : NULL;
			struct sk_entries all = { 0 }, some = { 0 };
			char *want, *got;

			assert_int_equal(sk_entry_list(repo, SK_ANY, worktree, &all), 0);
			assert_int_equal(
			        sk_entry_list_newest(repo, SK_ANY, worktree, of_each[k], &some), 0);
			want = ids(&all, of_each[k]);
			got = ids(&some, of_each[k]);
			assert_string_equal(got, want);
			free(want);
			free(got);
			sk_entries_free(&all);
			sk_entries_free(&some);
		}
	}
}

/* More damaged ones than are looked at first. */
static void past_damage(void **state)
{
	struct sk_entry *e = NULL;

	(void)state;
	enable();
	(void)made(SK_REVISION, "R_20260810_1100", NOON - 3600);
	for (int i = 0; i < 40; i++)
		of("main", NOON + i);
	(void)pack();
	assert_string_equal(selected("latest"), "20260810T120039Z");
	assert_string_equal(selected("@{39}"), "20260810T120000Z");
	assert_string_equal(selected("@{40}"), "R_20260810_1100");
	assert_int_equal(sk_entry_select(repo, "@{41}", &e), SK_ENO);
	assert_non_null(strstr(sk_error_message(), "41 backups and revisions"));
	sh("mkdir -p " REFS " && cd " REFS " && for i in $(seq 20 39); do printf x "
	   ">20260810T1200${i}Z; done");
	assert_string_equal(selected("latest"), "20260810T120019Z");
	sh("cd " REFS " && for i in $(seq -w 0 19); do printf x >20260810T1200${i}Z; done");
	assert_string_equal(selected("latest"), "R_20260810_1100");
}

/* Lines at the end that are no records: what stands before them is found all the same. */
static void past_garbage(void **state)
{
	struct sk_oid oid;
	char want[256];

	(void)state;
	enable();
	for (int i = 0; i < 3; i++)
		(void)snprintf(want, sizeof want, "%s", made(SK_BACKUP, NULL, NOON + i));
	assert_int_equal(pack(), 3);
	sh("for i in 1 2 3 4 5 6 7 8 9 10 11 12; do echo ^nothing that git wrote, number $i; done "
	   ">>w/.git/packed-refs");
	assert_int_equal(sk_ref_read(repo, "refs/sk/backup/20260810T120002Z", &oid), 0);
	assert_int_equal(sk_ref_read(repo, "refs/sk/backup/20260810T120000Z", &oid), 0);
	assert_int_equal(sk_ref_read(repo, "refs/sk/backup/20260810T120003Z", &oid), SK_ENO);
	assert_string_equal(latest(), want);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = { T(as_git_does), T(odd_ones_stay), T(odd_files_stay),
		                            T(locks),       T(when_due),      T(in_both),
		                            T(beside_git),  T(the_latest),    T(the_newest),
		                            T(past_damage), T(past_garbage) };

	return cmocka_run_group_tests_name("refs_pack", tests, NULL, NULL);
}
