/* config_scratch.h - settings from texts in a scratch folder, and what came of them. */
#ifndef SK_TEST_CONFIG_SCRATCH_H
#define SK_TEST_CONFIG_SCRATCH_H

#include "unit/scratch.h"

#include "base/error.h"
#include "repo/config.h"

static inline int setup(void **state)
{
	(void)state;
	scratch_open();
	(void)unsetenv("BACKUP_INTERVAL");
	sk_set_quiet(1);
	return 0;
}

static inline int teardown(void **state)
{
	(void)state;
	(void)unsetenv("BACKUP_INTERVAL");
	sk_set_quiet(0);
	scratch_close();
	return 0;
}

static inline void put(const char *name, const char *text)
{
	assert_int_equal(sk_write_file(AT_FDCWD, name, text, strlen(text), 0644, false), 0);
}

/* Loads them as 1.ini and 2.ini, up to the first NULL; a text that begins with "!" is untrusted. */
static inline struct sk_config *load(const char *first, const char *second)
{
	const char *text[] = { first, second };
	struct sk_config_source source[2] = { { "1.ini", false, NULL, false },
		                              { "2.ini", false, NULL, false } };
	struct sk_config *config = NULL;
	size_t n = 0;

	for (; n < 2 && text[n]; n++) {
		source[n].untrusted = *text[n] == '!';
		put(source[n].path, text[n] + source[n].untrusted);
	}
	assert_int_equal(sk_config_load(source, n, &config), 0);
	assert_non_null(config);
	return config;
}

static inline void no_problems(const struct sk_config *c)
{
	if (c->problems.n)
		fail_msg("%s", c->problems.item[0]);
}

static inline void has_problem(const struct sk_config *c, size_t i, const char *start,
                               const char *words)
{
	assert_true(i < c->problems.n);
	if (strncmp(c->problems.item[i], start, strlen(start)) != 0 ||
	    !strstr(c->problems.item[i], words))
		fail_msg("'%s' is not '%s...%s'", c->problems.item[i], start, words);
}

static inline void is_list(const struct sk_strv *v, const char *want)
{
	struct sk_buf text = SK_BUF_INIT;

	for (size_t i = 0; i < v->n; i++)
		assert_int_equal(sk_buf_addf(&text, "%s%s", i ? "|" : "", v->item[i]), 0);
	assert_string_equal(sk_buf_str(&text), want);
	sk_buf_free(&text);
}

static inline void is_text(const struct sk_config *c, const char *key, const char *want)
{
	const char *got = sk_config_get(c, key);

	if (!want)
		assert_null(got);
	else if (!got)
		fail_msg("no %s", key);
	else
		assert_string_equal(got, want);
}

static inline void is_default(const struct sk_config *c)
{
	assert_int_equal(c->backup.interval_ms, 15 * 60 * 1000);
	is_list(&c->backup.paths, ".");
	is_list(&c->backup.exclude, "");
	is_list(&c->backup.include_ignored, "");
	assert_int_equal(c->backup.max_file_size, 50 << 20);
	assert_int_equal(c->retention.max_per_day, 96);
	assert_int_equal(c->retention.keep_last, 20);
	assert_int_equal(c->retention.keep_hourly, 48);
	assert_int_equal(c->retention.keep_daily, 30);
	assert_int_equal(c->retention.keep_weekly, 8);
	assert_int_equal(c->retention.keep_monthly, 12);
	assert_int_equal(c->retention.disk_budget, 2ull << 30);
	assert_int_equal(c->hooks.impact, 1);
	assert_true(c->guard.enabled);
	is_text(c, "watch.enabled", "true");
	is_text(c, "watch.debounce", "500ms");
	is_text(c, "service.idle_exit", "never");
	is_text(c, "coverage.reports", "coverage/lcov.info, coverage.xml");
	is_text(c, "health.min_free", "1G");
	is_text(c, "health.max_age", "1h");
	is_text(c, "release.include", "**");
	is_text(c, "release.exclude", "*.log, tmp/**");
	is_text(c, "plugins.enable", "chat-export, feature-flag, config-backup");
	no_problems(c);
}

#endif
