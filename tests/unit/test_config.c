/* SafeKeep's own settings: every key, every kind of wrong value, the layers. */
#include "unit/config_scratch.h"

#include "repo/config_keys.h"
#include "repo/ini.h"

static void test_defaults(void **state)
{
	struct sk_config *c = load(NULL, NULL);
	const struct sk_config_source source[] = { { "missing.ini", false, NULL, false },
		                                   { "missing/too.ini", true, NULL, false },
		                                   { SK_TEST_DATA "/../../config/safekeep.ini",
		                                     false, NULL, false } };

	(void)state;
	is_default(c);
	sk_config_free(c);
	assert_int_equal(sk_config_load(source, 2, &c), 0);
	is_default(c);
	sk_config_free(c);
	/* the file that explains them all says the same, and passes for a project's own too */
	assert_int_equal(sk_config_load(source, 3, &c), 0);
	is_default(c);
	is_text(c, "health.database", "");
	is_text(c, "health.application", "");
	sk_config_free(c);
	c = load("", NULL);
	is_default(c);
	sk_config_free(c);
	sk_config_free(NULL);
}

/* The file that explains the settings leaves none out. */
static void test_all_explained(void **state)
{
	struct sk_buf text = SK_BUF_INIT;

	(void)state;
	assert_int_equal(sk_ini_read(SK_TEST_DATA "/../../config/safekeep.ini", true, &text), 0);
	for (const struct sk_key *k = sk_key_next(NULL); k; k = sk_key_next(k)) {
		char section[64], line[128];
		const char *p;

		(void)snprintf(section, sizeof section, "\n[%s]\n", k->section);
		(void)snprintf(line, sizeof line, "\n%s = ", k->name);
		line[strlen(line) - (*k->initial ? 0 : 1)] = '\0';
		p = strstr(text.ptr, section);
		if (!p || !strstr(p, line))
			fail_msg("[%s] %s is not explained", k->section, k->name);
	}
	sk_buf_free(&text);
}

static void test_every_key(void **state)
{
	struct sk_config *c = load(
	        "; comment\n# comment\n"
	        "[backup]\ninterval = 90s ; comment\npaths = src, doc/a b ,, lib/\n"
	        "exclude=*.o,/build\ninclude_ignored: .env, local.properties\n"
	        "max_file_size = 0\n"
	        "[retention]\nmax_per_day = 1\nkeep_last=2\nkeep_hourly=3\nkeep_daily=4\n"
	        "keep_weekly=5\nkeep_monthly=6\ndisk_budget=7K\n"
	        "[hooks]\nimpact = block\n[guard]\nenabled = OFF\n"
	        "[watch]\nenabled = No\ndebounce = 2s\n[service]\nidle_exit = 10m\n"
	        "[components]\nauth = user_model,  jwt\nAuth-2 = x\n"
	        "[component \"auth\"]\npaths = src/auth/**, include/auth.h\n"
	        "[component \"a.b c\"]\npaths = x\n"
	        "[coverage]\nreports = /ci/out.info, b.xml\n"
	        "[health]\ndatabase = pg_isready -q\napplication = curl -f http://localhost:1/\n"
	        "min_free = 5G\nmax_age = 2h\n"
	        "[release]\ninclude = src/**\nexclude =\n[plugins]\nenable = one\n"
	        "[plugin \"chat-export\"]\nanything = goes, here\n",
	        NULL);

	(void)state;
	no_problems(c);
	assert_int_equal(c->backup.interval_ms, 90000);
	is_list(&c->backup.paths, "src|doc/a b|lib/");
	is_list(&c->backup.exclude, "*.o|/build");
	is_list(&c->backup.include_ignored, ".env|local.properties");
	assert_int_equal(c->backup.max_file_size, 0);
	assert_int_equal(c->retention.max_per_day, 1);
	assert_int_equal(c->retention.keep_last, 2);
	assert_int_equal(c->retention.keep_hourly, 3);
	assert_int_equal(c->retention.keep_daily, 4);
	assert_int_equal(c->retention.keep_weekly, 5);
	assert_int_equal(c->retention.keep_monthly, 6);
	assert_int_equal(c->retention.disk_budget, 7168);
	assert_int_equal(c->hooks.impact, 2);
	assert_false(c->guard.enabled);
	is_text(c, "watch.enabled", "false");
	is_text(c, "watch.debounce", "2s");
	is_text(c, "service.idle_exit", "10m");
	is_text(c, "components.auth", "user_model, jwt");
	is_text(c, "components.Auth-2", "x");
	is_text(c, "component.auth.paths", "src/auth/**, include/auth.h");
	is_text(c, "component.a.b c.paths", "x");
	is_text(c, "coverage.reports", "/ci/out.info, b.xml");
	is_text(c, "health.database", "pg_isready -q");
	is_text(c, "health.application", "curl -f http://localhost:1/");
	is_text(c, "health.min_free", "5G");
	is_text(c, "health.max_age", "2h");
	is_text(c, "release.include", "src/**");
	is_text(c, "release.exclude", "");
	is_text(c, "plugins.enable", "one");
	is_text(c, "plugin.chat-export.anything", "goes, here");
	is_text(c, "plugin.chat-export.nothing", NULL);
	sk_config_free(c);
	c = load("[backup]\ninterval = never\n[hooks]\nimpact = off\n[guard]\nenabled = 1\n", NULL);
	no_problems(c);
	assert_int_equal(c->backup.interval_ms, -1);
	assert_int_equal(c->hooks.impact, 0);
	assert_true(c->guard.enabled);
	sk_config_free(c);
}

/* One wrong line each: named with file and line, and nothing else changes. */
static void test_bad_values(void **state)
{
	static const struct {
		const char *section, *line, *words;
	} bad[] = {
		{ "backup", "interval = soon", "'soon' is not a duration" },
		{ "backup", "interval =", "not a duration" },
		{ "backup", "interval = 0", "too short" },
		{ "backup", "interval = 999ms", "too short" },
		{ "backup", "interval = -5", "not a duration" },
		{ "backup", "interval = 5m x", "not a duration" },
		{ "backup", "interval = 1m\n 2m", "one line" },
		{ "backup", "paths =", "no path" },
		{ "backup", "paths = , ,", "no path" },
		{ "backup", "paths = a, /etc", "'/etc' leads out" },
		{ "backup", "paths = ..", "leads out" },
		{ "backup", "paths = a/../../b", "leads out" },
		{ "backup", "max_file_size = 5X", "not a size" },
		{ "backup", "max_file_size = -1", "not a size" },
		{ "backup", "max_file_size = 99999999999999999999", "not a size" },
		{ "backup", "Interval = 5m", "unknown key" },
		{ "retention", "keep_last = -1", "not a number" },
		{ "retention", "keep_last = 5x", "not a number" },
		{ "retention", "keep_last = +5", "not a number" },
		{ "retention", "keep_last =", "not a number" },
		{ "retention", "keep_last = 2147483648", "not a number" },
		{ "retention", "keep_last = 99999999999999999999", "not a number" },
		{ "retention", "keep_yearly = 1", "unknown key" },
		{ "retention", "disk_budget = 2 G", "not a size" },
		{ "hooks", "impact = loud", "off, summary, block" },
		{ "guard", "enabled = maybe", "neither true nor false" },
		{ "guard", "enabled =", "neither true nor false" },
		{ "watch", "enabled = 2", "neither true nor false" },
		{ "watch", "debounce = x", "not a duration" },
		{ "service", "idle_exit = x", "not a duration" },
		{ "health", "min_free = x", "not a size" },
		{ "health", "max_age = x", "not a duration" },
		{ "component \"x\"", "path = y", "unknown key" },
		{ "component", "paths = y", "unknown section" },
		{ "component x", "paths = y", "unknown section" },
		{ "component \"x", "paths = y", "unknown section" },
		{ "component \"\"", "paths = y", "unknown section" },
		{ "backup \"x\"", "interval = 5m", "unknown section" },
		{ "plugin", "x = y", "unknown section" },
		{ "Backup", "interval = 5m", "unknown section" },
		{ " backup", "interval = 5m", "unknown section" },
		{ "", "interval = 5m", "unknown section" },
		{ "backup", "just words", "neither '[section]' nor" },
		{ "backup", "= 5", "no key" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct sk_config *c;
		char text[512];

		(void)snprintf(text, sizeof text, "# one\n[%s]\n%s\n", bad[i].section, bad[i].line);
		c = load(text, NULL);
		has_problem(c, 0, "1.ini:3: ", bad[i].words);
		assert_int_equal(c->problems.n, 1);
		sk_strv_free(&c->problems);
		is_default(c);
		sk_config_free(c);
	}
}

static void test_form(void **state)
{
	struct sk_config *c;

	(void)state;
	/* before any section; DOS line ends; a byte order mark; no newline at the end */
	c = load("keep_last = 5\n", NULL);
	has_problem(c, 0, "1.ini:1: [] keep_last", "unknown section");
	sk_config_free(c);
	c = load("\xef\xbb\xbf[retention]\r\nkeep_last = 5\r\nkeep_daily = 6", NULL);
	no_problems(c);
	assert_int_equal(c->retention.keep_last, 5);
	assert_int_equal(c->retention.keep_daily, 6);
	sk_config_free(c);
	/* indented as git's files are */
	c = load("[retention]\n\tkeep_last = 5\n\tkeep_daily = 6 ; six\n   keep_weekly=7\n", NULL);
	no_problems(c);
	assert_int_equal(c->retention.keep_last, 5);
	assert_int_equal(c->retention.keep_daily, 6);
	assert_int_equal(c->retention.keep_weekly, 7);
	sk_config_free(c);
	/* values that go on */
	c = load("[backup]\nexclude = *.o,\n  *.a ; comment\n\n  ; comment\n\t[ab]*, /x=y\n"
	         "paths =\n    src\n    doc\n"
	         "[health]\ndatabase = psql\n  -c \"select 1\"\n  PGUSER=me -h=x\n",
	         NULL);
	no_problems(c);
	is_list(&c->backup.exclude, "*.o|*.a|[ab]*|/x=y");
	is_list(&c->backup.paths, "src|doc");
	is_text(c, "health.database", "psql -c \"select 1\" PGUSER=me -h=x");
	sk_config_free(c);
	/* a broken heading must not give its settings to the section before */
	c = load("[retention]\nkeep_last = 5\n[guard\nkeep_last = 6\n  keep_daily = 7\n[guard]\n"
	         "enabled = no\n",
	         NULL);
	assert_int_equal(c->problems.n, 1);
	has_problem(c, 0, "1.ini:3: ", "without ']'");
	assert_int_equal(c->retention.keep_last, 5);
	assert_int_equal(c->retention.keep_daily, 30);
	assert_false(c->guard.enabled);
	sk_config_free(c);
	/* a setting on the line of its section would be lost in silence */
	c = load("[guard] enabled = no\n[guard]   ; fine\n", NULL);
	assert_int_equal(c->problems.n, 1);
	has_problem(c, 0, "1.ini:1: ", "after ']'");
	assert_true(c->guard.enabled);
	sk_config_free(c);
	/* twice: the later one */
	c = load("[retention]\nkeep_last = 5\n[backup]\nexclude = a\nexclude = b\n[retention]\n"
	         "keep_last = 6\n",
	         NULL);
	no_problems(c);
	assert_int_equal(c->retention.keep_last, 6);
	is_list(&c->backup.exclude, "b");
	sk_config_free(c);
}

static void put_bytes(const char *name, const char *head, char c, size_t n, const char *tail)
{
	struct sk_buf text = SK_BUF_INIT;

	(void)sk_buf_adds(&text, head);
	for (size_t i = 0; i < n; i++)
		(void)sk_buf_addc(&text, c);
	(void)sk_buf_adds(&text, tail);
	assert_int_equal(sk_buf_ok(&text), 0);
	assert_int_equal(sk_write_file(AT_FDCWD, name, text.ptr, text.len, 0644, false), 0);
	sk_buf_free(&text);
}

/* Loads 0.ini (keep_last = 5) and then h.ini. */
static struct sk_config *load_hazard(bool untrusted)
{
	const struct sk_config_source source[] = { { "0.ini", false, NULL, false },
		                                   { "h.ini", untrusted, NULL, false } };
	struct sk_config *c;

	put("0.ini", "[retention]\nkeep_last = 5\n");
	assert_int_equal(sk_config_load(source, 2, &c), 0);
	return c;
}

static void refuses_file(const char *start, const char *words)
{
	struct sk_config *c = load_hazard(false);

	assert_int_equal(c->problems.n, 1);
	has_problem(c, 0, start, words);
	assert_int_equal(c->retention.keep_last, 5);
	assert_int_equal(c->retention.keep_daily, 30);
	sk_config_free(c);
}

static void test_hazards(void **state)
{
	static const char head[] = "[retention]\nkeep_last = 6\n";
	struct sk_config *c;

	(void)state;
	/* lines: 199 bytes are read whole, 200 are not */
	put_bytes("h.ini", "[retention]\nkeep_last = 6\n[release]\ninclude = ", 'x', 189, "\n");
	c = load_hazard(false);
	no_problems(c);
	assert_int_equal(c->retention.keep_last, 6);
	assert_int_equal(strlen(sk_config_get(c, "release.include")), 189);
	sk_config_free(c);
	put_bytes("h.ini", "[retention]\nkeep_last = 6\n[release]\ninclude = ", 'x', 190, "\n");
	refuses_file("h.ini:4: ", "199 bytes");
	put_bytes("h.ini", head, 'x', 200, "");
	refuses_file("h.ini:3: ", "199 bytes");
	/* a long comment would go on as a setting */
	put_bytes("h.ini", "[retention]\n;", ' ', 198, "keep_last = 6\n");
	refuses_file("h.ini:2: ", "199 bytes");
	/* sections of 49 and 50 */
	put_bytes("h.ini", "[retention]\nkeep_last = 6\n[plugin \"", 'p', 40, "\"]\na = b\n");
	c = load_hazard(false);
	no_problems(c);
	is_text(c, "plugin.pppppppppppppppppppppppppppppppppppppppp.a", "b");
	sk_config_free(c);
	put_bytes("h.ini", "[retention]\nkeep_last = 6\n[plugin \"", 'p', 41, "\"]\na = b\n");
	refuses_file("h.ini:3: ", "49 bytes");
	/* NUL */
	put_bytes("h.ini", head, '\0', 1, "\nkeep_daily = 7\n");
	refuses_file("h.ini:3: ", "NUL");
	put_bytes("h.ini", "[retention]\nkeep_last = 6", '\0', 1, "0\n");
	refuses_file("h.ini:2: ", "NUL");
	/* too large, not a file, not ours to read */
	put_bytes("h.ini", head, '\n', SK_INI_FILE, "");
	refuses_file("h.ini: ", "larger");
	(void)sh("rm h.ini && mkdir h.ini");
	refuses_file("h.ini: ", "regular");
	(void)sh("rmdir h.ini && mkfifo h.ini");
	refuses_file("h.ini: ", "regular");
	if (geteuid() != 0) {
		(void)sh("rm h.ini && echo x >h.ini && chmod 0 h.ini");
		refuses_file("h.ini: ", "cannot be read");
	}
	/* a link is followed only where the user put it */
	(void)sh("rm h.ini && printf '[retention]\\nkeep_last = 6\\n' >t && ln -s t h.ini");
	c = load_hazard(false);
	no_problems(c);
	assert_int_equal(c->retention.keep_last, 6);
	sk_config_free(c);
	c = load_hazard(true);
	has_problem(c, 0, "h.ini: ", "symbolic link");
	assert_int_equal(c->retention.keep_last, 5);
	sk_config_free(c);
}

static void test_layers(void **state)
{
	struct sk_config *c = load("[retention]\nkeep_last = 5\nkeep_daily = 6\n[backup]\n"
	                           "exclude = a, b\ninterval = 1m\n[watch]\ndebounce = 1s\n",
	                           "[retention]\nkeep_daily = 3\n[backup]\nexclude = c\n"
	                           "interval = 9m\n[watch]\ndebounce = 2s\n");

	(void)state;
	no_problems(c);
	assert_int_equal(c->retention.keep_last, 5);
	assert_int_equal(c->retention.keep_daily, 3);
	assert_int_equal(c->retention.keep_hourly, 48);
	is_list(&c->backup.exclude, "c");
	assert_int_equal(c->backup.interval_ms, 540000);
	is_text(c, "watch.debounce", "2s");
	sk_config_free(c);
	c = load("[retention]\nkeep_last = x\n", "[retention]\nkeep_last = y\n");
	assert_int_equal(c->problems.n, 2);
	has_problem(c, 0, "1.ini:2: ", "'x'");
	has_problem(c, 1, "2.ini:2: ", "'y'");
	sk_config_free(c);
}

static void test_empty_retention(void **state)
{
	static const char none[] = "[retention]\nmax_per_day = 0\nkeep_last = 0\nkeep_hourly = 0\n"
	                           "keep_daily = 0\nkeep_weekly = 0\nkeep_monthly = 0\n"
	                           "disk_budget = 3G\n[guard]\nenabled = no\n";
	struct sk_config *c = load("[retention]\nkeep_last = 5\n", none);

	(void)state;
	assert_int_equal(c->problems.n, 1);
	has_problem(c, 0, "2.ini: [retention]", "stands");
	assert_int_equal(c->retention.keep_last, 5);
	assert_int_equal(c->retention.keep_daily, 30);
	assert_int_equal(c->retention.disk_budget, 2ull << 30);
	assert_false(c->guard.enabled);
	sk_config_free(c);
	/* one rule is enough; and what two layers make empty between them is refused too */
	c = load("[retention]\nmax_per_day = 0\nkeep_last = 0\nkeep_hourly = 0\nkeep_daily = 0\n"
	         "keep_weekly = 0\nkeep_monthly = 1\n",
	         "[retention]\nkeep_monthly = 0\n");
	assert_int_equal(c->problems.n, 1);
	assert_int_equal(c->retention.keep_last, 0);
	assert_int_equal(c->retention.keep_monthly, 1);
	sk_config_free(c);
}

static void test_interval_from_environment(void **state)
{
	static const char *const wrong[] = { "0",
		                             "-1",
		                             "+5",
		                             "5m",
		                             "x",
		                             " 5",
		                             "5 ",
		                             "1.5",
		                             "99999999999999999999",
		                             "9223372036854775807" };
	struct sk_config *c;

	(void)state;
	(void)setenv("BACKUP_INTERVAL", "7", 1);
	c = load("[backup]\ninterval = 1m\n", NULL);
	no_problems(c);
	assert_int_equal(c->backup.interval_ms, 7000);
	sk_config_free(c);
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		(void)setenv("BACKUP_INTERVAL", wrong[i], 1);
		c = load("[backup]\ninterval = 1m\n", NULL);
		assert_int_equal(c->problems.n, 1);
		has_problem(c, 0, "BACKUP_INTERVAL: ", wrong[i]);
		assert_int_equal(c->backup.interval_ms, 60000);
		sk_config_free(c);
	}
	(void)setenv("BACKUP_INTERVAL", "", 1);
	c = load("[backup]\ninterval = 1m\n", NULL);
	no_problems(c);
	sk_config_free(c);
}

/* A file that is all mistakes, or all settings, costs neither the screen nor the memory. */
static void test_floods(void **state)
{
	struct sk_buf text = SK_BUF_INIT;
	struct sk_config *c;

	(void)state;
	for (int i = 0; i < 1000; i++)
		(void)sk_buf_addf(&text, "x%d\n", i);
	c = load(text.ptr, NULL);
	assert_int_equal(c->problems.n, 21);
	has_problem(c, 20, "1.ini: ", "980 more");
	sk_config_free(c);
	sk_buf_clear(&text);
	(void)sk_buf_adds(&text, "![components]\n");
	for (int i = 0; i < 10000; i++)
		(void)sk_buf_addf(&text, "c%d = a\n", i);
	c = load("", text.ptr);
	has_problem(c, 0, "2.ini:", "more than");
	assert_true(c->keys.n < 5000 && c->keys.n == c->values.n);
	sk_config_free(c);
	sk_buf_free(&text);
}

static void test_names_in_messages(void **state)
{
	struct sk_config *c =
	        load("[\x1b[2J]\n\x1b]0;x = \x07\n[hooks]\nimpact = \x1b[31m\n", NULL);

	(void)state;
	assert_true(c->problems.n >= 2);
	for (size_t i = 0; i < c->problems.n; i++)
		for (const char *p = c->problems.item[i]; *p; p++)
			assert_true((unsigned char)*p >= 0x20);
	sk_config_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_defaults, setup, teardown),
		cmocka_unit_test(test_all_explained),
		cmocka_unit_test_setup_teardown(test_every_key, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bad_values, setup, teardown),
		cmocka_unit_test_setup_teardown(test_form, setup, teardown),
		cmocka_unit_test_setup_teardown(test_hazards, setup, teardown),
		cmocka_unit_test_setup_teardown(test_layers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_empty_retention, setup, teardown),
		cmocka_unit_test_setup_teardown(test_interval_from_environment, setup, teardown),
		cmocka_unit_test_setup_teardown(test_floods, setup, teardown),
		cmocka_unit_test_setup_teardown(test_names_in_messages, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
