/* The settings of a project's own file, which the user has not accepted. */
#include "unit/config_scratch.h"

/* What the project's file says is what the user would get anyway, or more. */
static void test_untrusted_accepted(void **state)
{
	struct sk_config *c = load(
	        "[guard]\nenabled = no\n[watch]\nenabled = no\ndebounce = 3s\n[hooks]\nimpact = "
	        "off\n",
	        "![backup]\npaths = src\nexclude = *.o\ninclude_ignored = .env\ninterval = 5m\n"
	        "max_file_size = 60M\n"
	        "[retention]\nmax_per_day = 97\nkeep_last = 21\nkeep_hourly = 49\n"
	        "keep_daily = 31\nkeep_weekly = 9\nkeep_monthly = 12\ndisk_budget = 0\n"
	        "[hooks]\nimpact = summary\n[guard]\nenabled = yes\n"
	        "[watch]\nenabled = on\ndebounce = 1s\n"
	        "[components]\na = b\n[component \"b\"]\npaths = b/**\n"
	        "[coverage]\nreports = out/x.info\n[health]\nmin_free = 2G\nmax_age = 30m\n"
	        "[release]\nexclude = secret/**\n");

	(void)state;
	no_problems(c);
	is_list(&c->backup.paths, "src");
	is_list(&c->backup.exclude, "*.o");
	is_list(&c->backup.include_ignored, ".env");
	assert_int_equal(c->backup.interval_ms, 300000);
	assert_int_equal(c->backup.max_file_size, 60 << 20);
	assert_int_equal(c->retention.max_per_day, 97);
	assert_int_equal(c->retention.keep_last, 21);
	assert_int_equal(c->retention.keep_monthly, 12);
	assert_int_equal(c->retention.disk_budget, 0);
	assert_int_equal(c->hooks.impact, 1);
	assert_true(c->guard.enabled);
	is_text(c, "watch.enabled", "true");
	is_text(c, "watch.debounce", "1s");
	is_text(c, "components.a", "b");
	is_text(c, "component.b.paths", "b/**");
	is_text(c, "coverage.reports", "out/x.info");
	is_text(c, "health.min_free", "2G");
	is_text(c, "health.max_age", "30m");
	is_text(c, "release.exclude", "*.log, tmp/**, secret/**");
	sk_config_free(c);
	c = load("[backup]\ninterval = never\n", "![backup]\ninterval = 1h\nmax_file_size = 0\n");
	no_problems(c);
	assert_int_equal(c->backup.interval_ms, 3600000);
	assert_int_equal(c->backup.max_file_size, 0);
	sk_config_free(c);
}

static void test_untrusted_refused(void **state)
{
	static const struct {
		const char *section, *line;
	} bad[] = {
		{ "backup", "interval = 16m" },      { "backup", "interval = never" },
		{ "backup", "max_file_size = 49M" }, { "retention", "max_per_day = 95" },
		{ "retention", "keep_last = 19" },   { "retention", "keep_hourly = 0" },
		{ "retention", "keep_daily = 29" },  { "retention", "keep_weekly = 7" },
		{ "retention", "keep_monthly = 1" }, { "retention", "disk_budget = 1G" },
		{ "hooks", "impact = off" },         { "guard", "enabled = false" },
		{ "watch", "enabled = off" },        { "watch", "debounce = 501ms" },
		{ "watch", "debounce = never" },     { "service", "idle_exit = 1s" },
		{ "service", "idle_exit = never" },  { "health", "database = true" },
		{ "health", "application = true" },  { "health", "min_free = 1" },
		{ "health", "max_age = 2h" },        { "release", "include = .env" },
		{ "plugins", "enable = evil" },      { "plugin \"x\"", "command = evil" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct sk_config *c;
		char text[256];

		(void)snprintf(text, sizeof text, "![%s]\n%s\n", bad[i].section, bad[i].line);
		c = load("", text);
		if (c->problems.n != 1)
			fail_msg("%s: %zu problems", text, c->problems.n);
		has_problem(c, 0, "2.ini:2: ", "run 'git sk trust' to accept it");
		sk_strv_free(&c->problems);
		is_default(c);
		is_text(c, "health.database", NULL);
		is_text(c, "plugin.x.command", NULL);
		sk_config_free(c);
	}
	/* limits that the user took away stay away */
	struct sk_config *c = load("[backup]\nmax_file_size = 0\n[retention]\nmax_per_day = 0\n"
	                           "disk_budget = 0\n",
	                           "![backup]\nmax_file_size = 1T\npaths = ../x\n[retention]\n"
	                           "max_per_day = 1000\ndisk_budget = 1T\n[coverage]\n"
	                           "reports = /etc/passwd\n");
	assert_int_equal(c->problems.n, 5);
	assert_int_equal(c->backup.max_file_size, 0);
	assert_int_equal(c->retention.max_per_day, 0);
	assert_int_equal(c->retention.disk_budget, 0);
	is_list(&c->backup.paths, ".");
	is_text(c, "coverage.reports", "coverage/lcov.info, coverage.xml");
	sk_config_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_untrusted_accepted, setup, teardown),
		cmocka_unit_test_setup_teardown(test_untrusted_refused, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
