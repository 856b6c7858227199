/* Selectors, dates, and the ids of revisions. */
#include "unit/entry_scratch.h"

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

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = { T(clock_was_wrong), T(selectors), T(dates),
		                            T(revision_ids) };

	return cmocka_run_group_tests_name("select", tests, NULL, NULL);
}
