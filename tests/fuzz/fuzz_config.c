/* fuzz_config.c - safekeep.ini in its layers, and git's configuration as the installer reads and
 * edits it.
 *
 * An input is a byte that says which.  SafeKeep's own: files with "FILE" between them; the first is
 * the user's, the second the project's, untrusted.  What the project's file says never changes what
 * only the user may say, and never lowers what is kept.  Git's: KEY, newline, VALUE, newline, file;
 * what is set is read back, and taken back leaves the file as it was, byte for byte. */
#include "fuzz.h"

#include "base/text.h"
#include "hooks/install_parts.h"
#include "repo/config.h"
#include "repo/ini.h"
#include "repo/trust.h"

static const char *value_of(const struct sk_config *c, const char *key)
{
	const char *value = sk_config_get(c, key);

	return value ? value : "";
}

static void check_tighter(const struct sk_config *user, const struct sk_config *both)
{
	static const char *const own[] = { "health.database", "health.app", "health.timeout",
		                           "service.",        "plugin",     "vault",
		                           "release.include" };
	const struct sk_retention *a = &user->retention, *b = &both->retention;

	for (size_t i = 0; i < both->keys.n; i++)
		for (size_t k = 0; k < sizeof own / sizeof *own; k++)
			if (strncmp(both->keys.item[i], own[k], strlen(own[k])) == 0)
				HOLDS(strcmp(value_of(user, both->keys.item[i]),
				             both->values.item[i]) == 0);
	HOLDS(b->keep_last >= a->keep_last && b->keep_hourly >= a->keep_hourly);
	HOLDS(b->keep_daily >= a->keep_daily && b->keep_weekly >= a->keep_weekly);
	HOLDS(b->keep_monthly >= a->keep_monthly);
	HOLDS(!b->max_per_day || (a->max_per_day && b->max_per_day >= a->max_per_day));
	HOLDS(!b->disk_budget || (a->disk_budget && b->disk_budget >= a->disk_budget));
	HOLDS(both->guard.enabled || !user->guard.enabled);
	HOLDS(user->backup.interval_ms < 0 ||
	      (both->backup.interval_ms >= 0 &&
	       both->backup.interval_ms <= user->backup.interval_ms));
}

static void check_words(const struct sk_config *c)
{
	HOLDS(c->keys.n == c->values.n);
	for (size_t i = 0; i < c->problems.n; i++) {
		HOLDS(fuzz_is_plain(c->problems.item[i], strlen(c->problems.item[i])));
		HOLDS(!strchr(c->problems.item[i], '\n'));
	}
}

static void try_own(struct fuzz_in in)
{
	struct fuzz_in first = fuzz_part(&in, "FILE");
	struct sk_config_source source[2] = { { .own = true }, { .untrusted = true } };
	struct sk_config *user = NULL, *both = NULL;
	char path[2][4096];

	fuzz_store("user.ini", first.p, first.n);
	fuzz_store("project.ini", in.p, in.n);
	fuzz_store("trust", in.p, in.n);
	(void)snprintf(path[0], sizeof path[0], "%s", fuzz_path("user.ini"));
	(void)snprintf(path[1], sizeof path[1], "%s", fuzz_path("project.ini"));
	source[0].path = path[0];
	source[1].path = path[1];
	HOLDS(sk_config_load(source, 1, &user) == 0);
	HOLDS(sk_config_load(source, 2, &both) == 0);
	check_words(user);
	check_words(both);
	check_tighter(user, both);
	HOLDS(!sk_trust_has(fuzz_path("trust"), in.p, in.n));
	sk_config_free(user);
	sk_config_free(both);
}

/* One that the installer could ask for. */
static bool is_key(const char *key)
{
	static const char word[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-/.";
	size_t section = strspn(key, word);
	const char *dot = strchr(key, '.'), *name = strrchr(key, '.');

	if (key[section] || !dot || dot == key || !name[1] || name[1] == '-' || strchr(name, '/'))
		return false;
	section = strcspn(key, "/");
	return section > (size_t)(dot - key) && (dot == name || dot + 1 < name);
}

static void try_git(struct fuzz_in in)
{
	char *key = fuzz_string(fuzz_part(&in, "\n")), *value = fuzz_string(fuzz_part(&in, "\n"));
	struct sk_buf text = SK_BUF_INIT;
	struct sk_strv values = SK_STRV_INIT, after = SK_STRV_INIT;
	struct sk_edit edit = { 0 };
	bool done = false;
	int rc;

	HOLDS(sk_buf_add(&text, in.p, in.n) == 0);
	if (!is_key(key))
		goto out;
	rc = sk_text_values(&text, key, &values);
	HOLDS(rc == 0 || rc == SK_EDAMAGED);
	if (sk_text_set(&text, key, value, false, false, &edit) == 0) {
		HOLDS(sk_text_values(&text, key, &after) == 0);
		HOLDS(after.n >= 1 && after.n >= values.n);
		HOLDS(strcmp(after.item[after.n - 1], value) == 0);
		HOLDS(sk_text_unset(&text, &edit, &done) == 0);
		HOLDS(done);
	}
	HOLDS(text.len == in.n && (!in.n || memcmp(text.ptr, in.p, in.n) == 0));
out:
	free(edit.key);
	free(edit.value);
	free(edit.was);
	free(key);
	free(value);
	sk_strv_free(&values);
	sk_strv_free(&after);
	sk_buf_free(&text);
}

static void try_script(struct fuzz_in in)
{
	char *text = fuzz_copy(in.p, in.n, 0);
	struct sk_buf with = SK_BUF_INIT, without = SK_BUF_INIT;
	enum sk_script kind = sk_script_kind(text, in.n);
	char *saved = sk_script_saved(text, in.n);

	(void)sk_script_runs_legacy(text, in.n);
	if (kind == SK_SCRIPT_SHELL) {
		HOLDS(sk_script_insert(text, in.n, "/usr/bin/git-sk-hook", "pre-commit", &with) ==
		      0);
		HOLDS(sk_script_kind(with.ptr, with.len) == SK_SCRIPT_BLOCK);
		HOLDS(sk_script_remove(with.ptr, with.len, &without) == 0);
		HOLDS(without.len == in.n && memcmp(without.ptr, text, in.n) == 0);
	}
	free(saved);
	sk_buf_free(&with);
	sk_buf_free(&without);
	free(text);
}

FUZZ(config)
{
	struct fuzz_in in = { data, size };
	unsigned which = fuzz_byte(&in) % 3;

	sk_set_quiet(1);
	if (which == 0)
		try_own(in);
	else if (which == 1)
		try_git(in);
	else
		try_script(in);
	return 0;
}
