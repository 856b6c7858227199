/* Entries: made, listed, selected and deleted, beside git and against damage. */
#include "unit/scratch.h"

#include <sys/wait.h>
#include <time.h>

#include "base/text.h"
#include "store/entry.h"
#include "store/refs.h"
#include "store/retention.h"

#define NOON 1786363200 /* 2026-08-10T12:00:00Z */

static struct sk_repo *repo;
static struct sk_oid tree;

static int setup(void **state)
{
	(void)state;
	scratch_open();
	assert_int_equal(setenv("TZ", "UTC", 1), 0);
	assert_int_equal(setenv("SK_TEST_NOW", "1786449600", 1), 0); /* 2026-08-11T12:00:00Z */
	sh("git init -q -b main w && cd w && echo x >f && git add f && git commit -qm 1");
	assert_true(sk_oid_parse(sh("git -C w write-tree"), &tree));
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

static struct sk_entry *new_entry(enum sk_kind kind, const char *id, time_t created)
{
	struct sk_entry *e = calloc(1, sizeof *e);

	assert_non_null(e);
	e->kind = kind;
	e->id = id ? strdup(id) : NULL;
	e->tree = tree;
	e->created = created;
	e->title = strdup("title");
	e->description = strdup("what\n\nfor");
	assert_int_equal(sk_entry_set(e, "Sk-Worktree", "main"), 0);
	return e;
}

static int publish(struct sk_entry *e)
{
	struct sk_packer *p = NULL;
	int rc;

	assert_int_equal(sk_packer_new(repo, &p), 0);
	rc = sk_entry_publish(repo, p, e);
	sk_packer_free(p);
	return rc;
}

/* Publishes one and gives its id, in a static buffer. */
static const char *made(enum sk_kind kind, const char *id, time_t created)
{
	static char out[256];
	struct sk_entry *e = new_entry(kind, id, created);

	if (publish(e))
		fail_msg("%s", sk_error_message());
	(void)snprintf(out, sizeof out, "%s", e->id);
	sk_entry_free(e);
	return out;
}

static void fsck_is_clean(void)
{
	assert_string_equal(sh("cd w && git fsck --strict --full --no-dangling 2>&1"), "");
}

/* The id that a selector gives, or "!CODE". */
static const char *selected(const char *selector)
{
	static char out[256];
	struct sk_entry *e = NULL;
	int rc = sk_entry_select(repo, selector, &e);

	if (rc)
		(void)snprintf(out, sizeof out, "!%d", rc);
	else
		(void)snprintf(out, sizeof out, "%s", e->id);
	sk_entry_free(e);
	return out;
}

static const char *latest(void)
{
	static char out[256];
	struct sk_entry *e = NULL;
	int rc = sk_entry_latest(repo, "main", &e);

	(void)snprintf(out, sizeof out, "%s", rc ? "none" : e->id);
	sk_entry_free(e);
	return out;
}

/* The ids of a listing, each with "?" when damaged, in a static buffer. */
static const char *listed(unsigned kinds, const char *worktree)
{
	static struct sk_buf out = SK_BUF_INIT;
	struct sk_entries list;

	assert_int_equal(sk_entry_list(repo, kinds, worktree, &list), 0);
	sk_buf_clear(&out);
	for (size_t i = 0; i < list.n; i++)
		assert_int_equal(sk_buf_addf(&out, "%s%s%s", i ? " " : "", list.item[i]->id,
		                             list.item[i]->damaged ? "?" : ""),
		                 0);
	sk_entries_free(&list);
	return sk_buf_str(&out);
}

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
static void clock_was_wrong(void **state)
{
	(void)state;
	(void)made(SK_BACKUP, NULL, 4000000000);
	assert_string_equal(latest(), "20961002T070640Z");
	(void)made(SK_BACKUP, NULL, NOON);
	assert_string_equal(latest(), "20260810T120000Z");
	assert_string_equal(selected("latest"), "20961002T070640Z");
	assert_string_equal(selected("@{now}"), "20260810T120000Z");
}

static void selectors(void **state)
{
	struct sk_entry *e;

	(void)state;
	assert_string_equal(selected("latest"), "!1");
	assert_string_equal(selected("@{0}"), "!1");
	(void)made(SK_BACKUP, NULL, NOON - 86400);
	(void)made(SK_BACKUP, NULL, NOON);
	(void)made(SK_BACKUP, NULL, NOON);
	e = new_entry(SK_REVISION, "Login_form_20260810_1230", NOON + 1800);
	assert_int_equal(sk_entry_set(e, "Sk-Name", "Login form"), 0);
	assert_int_equal(publish(e), 0);
	sk_entry_free(e);
	e = new_entry(SK_REVISION, "Login_20260810_1240", NOON + 2400);
	assert_int_equal(sk_entry_set(e, "Sk-Name", "Login"), 0);
	assert_int_equal(publish(e), 0);
	sk_entry_free(e);
	(void)made(SK_RELEASE, "version_2026-08-10", NOON + 3000);

	assert_string_equal(selected("latest"), "Login_20260810_1240");
	assert_string_equal(selected("@{0}"), "Login_20260810_1240");
	assert_string_equal(selected("@{2}"), "20260810T120000Z-2");
	assert_string_equal(selected("@{4}"), "20260809T120000Z");
	assert_string_equal(selected("@{5}"), "!1");
	assert_string_equal(selected("@{1786363200}"), "20260810T120000Z-2");
	assert_string_equal(selected("@{yesterday 12:10}"), "20260810T120000Z-2");
	assert_string_equal(selected("@{2026-08-10 12:00:00}"), "20260810T120000Z-2");
	assert_string_equal(selected("@{2026-08-10T11:59:59Z}"), "20260809T120000Z");
	assert_string_equal(selected("@{23 hours ago}"), "Login_20260810_1240");
	assert_string_equal(selected("@{3 weeks ago}"), "!1");
	assert_string_equal(selected("20260810T120000Z"), "20260810T120000Z");
	assert_string_equal(selected("20260810T120000Z-"), "20260810T120000Z-2");
	assert_string_equal(selected("20260809"), "20260809T120000Z");
	assert_string_equal(selected("2026081"), "!1");
	assert_non_null(strstr(sk_error_message(), "20260810T120000Z-2, 20260810T120000Z"));
	assert_string_equal(selected("Login"), "Login_20260810_1240");
	assert_string_equal(selected("Login form"), "Login_form_20260810_1230");
	assert_string_equal(selected("Login_f"), "Login_form_20260810_1230");
	assert_string_equal(selected("Log"), "!1");
	assert_string_equal(selected("version"), "version_2026-08-10");
	assert_string_equal(selected("refs/sk/backup/20260809T120000Z"), "20260809T120000Z");
	assert_string_equal(selected("sk/release/version_2026-08-10"), "version_2026-08-10");
	assert_string_equal(selected("sk/backup/none"), "!1");
	assert_string_equal(selected("refs/sk/meta/backup/x"), "!1");
	assert_string_equal(selected("nothing"), "!1");
	assert_string_equal(selected(""), "!2");
	assert_string_equal(selected("@{}"), "!2");
	assert_string_equal(selected("@{1"), "!2");
	assert_string_equal(selected("@{never}"), "!2");
	assert_string_equal(selected("@{the day I was happy}"), "!2");
	for (int i = 0; i < 5; i++)
		(void)made(SK_BACKUP, NULL, NOON + 3600 + i);
	assert_string_equal(selected("2026081"), "!1");
	assert_non_null(strstr(sk_error_message(), " and 2 more"));
}

static void dates(void **state)
{
	static const char *const good[] = { "now",
		                            "today",
		                            "yesterday",
		                            "noon",
		                            "midnight",
		                            "tea",
		                            "2 hours ago",
		                            "5.minutes.ago",
		                            "last friday",
		                            "last week",
		                            "three days ago",
		                            "10am",
		                            "yesterday 14:00",
		                            "Aug 3",
		                            "3 Aug 2026",
		                            "2026-08-01",
		                            "2026-08-01 10:00",
		                            "2026-08-01T10:00:00Z",
		                            "2026-08-01 10:00:00 +0200",
		                            "1786000000",
		                            "last monday",
		                            "sept 3 2025",
		                            "0 seconds ago",
		                            "2026-08-11 12:00:00" };
	static const char *const bad[] = {
		"",           " ",          "never",     "monday", "tomorow",  "2 fortnights ago",
		"rubbish",    "ago",        "hours ago", "month",  "99:99",    "25:61",
		"2026-13-01", "2026-08-32", "--all",     "$(id)",  "3 apples", "\xc3\xa4",
		"last",       "$1",         "@"
	};
	time_t t = 0;

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		if (sk_parse_date(repo, good[i], &t))
			fail_msg("%s", sk_error_message());
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		t = 7;
		if (sk_parse_date(repo, bad[i], &t) != SK_EUSAGE)
			fail_msg("'%s' was taken for %lld", bad[i], (long long)t);
		assert_int_equal(t, 7);
	}
	assert_int_equal(sk_parse_date(repo, "2 hours ago", &t), 0);
	assert_int_equal(t, 1786449600 - 7200);
	assert_int_equal(sk_parse_date(repo, "2026-08-10T12:00:00Z", &t), 0);
	assert_int_equal(t, NOON);
}

static void revision_ids(void **state)
{
	static const struct {
		const char *name, *want;
	} table[] = {
		{ "", "Revision_20260810_1200" },
		{ " \t", "Revision_20260810_1200" },
		{ "User login", "User_login_20260810_1200" },
		{ "Feature_20250101_0930", "Feature_20250101_0930" },
		{ "../../etc", "_._.._etc_20260810_1200" },
		{ ".hidden", "_hidden_20260810_1200" },
		{ "-rf", "_rf_20260810_1200" },
		{ "a~b^c:d?e*f[g\\h@{i", "a_b_c_d_e_f_g_h__i_20260810_1200" },
		{ "\xc3\xa4\xe6\x97\xa5", "\xc3\xa4\xe6\x97\xa5_20260810_1200" },
		{ "x\xff\xe2\x80\xaey\x1b", "x__y__20260810_1200" },
		{ "end.lock", "end.lock_20260810_1200" },
		{ "$(rm -rf ~);'\"`&|<>", "__rm_-rf____________20260810_1200" },
	};
	char name[400], *id = NULL, ref[500];

	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		assert_int_equal(sk_revision_id(table[i].name, NOON, &id), 0);
		(void)snprintf(ref, sizeof ref, "refs/sk/revision/%s", id);
		assert_true(git_reference_is_valid_name(ref));
		assert_null(strstr(id, ".."));
		if (i != 4)
			assert_string_equal(id, table[i].want);
		free(id);
	}
	memset(name, 'n', sizeof name);
	name[sizeof name - 1] = '\0';
	assert_int_equal(sk_revision_id(name, NOON, &id), 0);
	assert_true(strlen(id) < 120);
	free(id);
	for (int c = 1; c < 256; c++) {
		name[0] = (char)c;
		name[1] = (char)(255 - c);
		name[2] = '\0';
		assert_int_equal(sk_revision_id(name, NOON, &id), 0);
		(void)snprintf(ref, sizeof ref, "refs/sk/revision/%s", id);
		assert_true(git_reference_is_valid_name(ref));
		free(id);
	}
}

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

static void locks(void **state)
{
	struct sk_entry *e = new_entry(SK_BACKUP, NULL, NOON);

	(void)state;
	sh("mkdir -p w/.git/refs/sk/backup && : >w/.git/refs/sk/backup/20260810T120000Z.lock");
	assert_int_equal(publish(e), SK_EBUSY);
	assert_non_null(strstr(sk_error_message(), "20260810T120000Z.lock"));
	assert_non_null(strstr(sk_error_message(), "second"));
	assert_null(e->ref);
	sh("rm w/.git/refs/sk/backup/20260810T120000Z.lock");
	assert_string_equal(sh("git -C w for-each-ref refs/sk"), "");
	assert_int_equal(publish(e), 0);
	sk_entry_free(e);
}

/* The metadata's ref does not stay when the entry's own cannot be made. */
static void all_or_nothing(void **state)
{
	struct sk_entry *e = new_entry(SK_BACKUP, NULL, NOON);

	(void)state;
	assert_int_equal(sk_entry_set(e, "Sk-Meta", sk_oid_str(&tree)), 0);
	sh("mkdir -p w/.git/refs/sk/backup && : >w/.git/refs/sk/backup/20260810T120000Z.lock");
	assert_int_equal(publish(e), SK_EBUSY);
	sh("rm w/.git/refs/sk/backup/20260810T120000Z.lock");
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

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(ids_and_order), T(what_is_kept),   T(refused_ids),     T(with_metadata),
		T(damage_shows),  T(many_missing),   T(worktrees),       T(clock_was_wrong),
		T(selectors),     T(dates),          T(revision_ids),    T(at_the_same_time),
		T(locks),         T(all_or_nothing), T(moved_meanwhile), T(no_reflogs),
		T(pruning),
	};

	return cmocka_run_group_tests_name("entry", tests, NULL, NULL);
}
