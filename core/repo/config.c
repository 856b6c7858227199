#include "repo/config.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "repo/config_keys.h"
#include "repo/ini.h"
#include "repo/trust.h"

enum { PROBLEMS_MAX = 20 }; /* of one file: the rest is counted */

struct layer {
	struct sk_config *config;
	const struct sk_config_source *source;
	bool untrusted;
	size_t problems;
};

static int add_problem(struct layer *l, const struct sk_buf *words)
{
	int rc = sk_buf_ok(words);

	l->problems++;
	if (!rc && l->problems <= PROBLEMS_MAX) {
		rc = sk_strv_add(&l->config->problems, sk_buf_str(words));
		if (!rc)
			sk_warn("%s", sk_buf_str(words));
	}
	return rc;
}

/* `line` 0: of the whole file. */
static int problem(struct layer *l, unsigned line, const char *what, const char *words)
{
	struct sk_buf text = SK_BUF_INIT;
	int rc;

	(void)sk_add_name(&text, l->source->path, strlen(l->source->path));
	if (line)
		(void)sk_buf_addf(&text, ":%u", line);
	(void)sk_buf_addf(&text, ": %s%s%s", what, *what ? ": " : "", words);
	rc = add_problem(l, &text);
	sk_buf_free(&text);
	return rc;
}

static int take_bad(void *ctx, unsigned line, const char *words)
{
	return problem(ctx, line, "", words);
}

static int take_item(void *ctx, unsigned line, const char *section, const char *name,
                     const char *value)
{
	struct layer *l = ctx;
	struct sk_buf full = SK_BUF_INIT, what = SK_BUF_INIT;
	const struct sk_key *key;
	const char *why;
	int rc;

	(void)sk_buf_addc(&what, '[');
	(void)sk_add_text(&what, section, strlen(section));
	(void)sk_buf_adds(&what, "] ");
	(void)sk_add_text(&what, name, strlen(name));
	key = sk_key_find(section, name, &full, &why);
	rc = sk_buf_ok(&full) ? SK_EIO : sk_buf_ok(&what);
	if (rc)
		goto out;
	if (!key) {
		rc = problem(l, line, sk_buf_str(&what), why);
		goto out;
	}
	if (key->rule == SK_OWN_ONLY && !l->source->own)
		rc = sk_error(SK_EREFUSED, "only your own configuration may say that "
		                           "($XDG_CONFIG_HOME/safekeep/safekeep.ini)");
	else
		rc = sk_key_set(l->config, key, full.ptr, value, l->untrusted);
	if (rc == SK_EUSAGE || rc == SK_EREFUSED) {
		char *words = strdup(sk_error_message());

		rc = words ? problem(l, line, sk_buf_str(&what), words) : sk_error_oom();
		free(words);
	}
out:
	sk_buf_free(&full);
	sk_buf_free(&what);
	return rc;
}

static bool is_empty(const struct sk_retention *r)
{
	return !r->max_per_day && !r->keep_last && !r->keep_hourly && !r->keep_daily &&
	       !r->keep_weekly && !r->keep_monthly;
}

static int report_failure(struct layer *l, unsigned line)
{
	char *words = strdup(sk_error_message());
	int rc = words ? problem(l, line, "", words) : sk_error_oom();

	free(words);
	return rc;
}

static int load_layer(struct layer *l)
{
	const struct sk_ini_fns fns = { take_item, take_bad, l };
	struct sk_retention before = l->config->retention;
	struct sk_buf text = SK_BUF_INIT;
	unsigned line = 0;
	int rc = sk_ini_read(l->source->path, l->source->untrusted, &text);

	if (rc == SK_ENO || (!rc && !text.len)) {
		rc = 0;
		goto out;
	}
	if (!rc)
		rc = sk_ini_check(&text, &line);
	if (rc) {
		rc = report_failure(l, line);
		goto out;
	}
	l->untrusted = l->source->untrusted &&
	               !(l->source->trust && sk_trust_has(l->source->trust, text.ptr, text.len));
	rc = sk_ini_parse(&text, &fns);
	if (!rc && is_empty(&l->config->retention)) {
		l->config->retention = before;
		rc = problem(l, 0, "[retention]",
		             "keeps nothing, as all its numbers are 0; what held before stands");
	}
	if (!rc && l->problems > PROBLEMS_MAX) {
		size_t more = l->problems - PROBLEMS_MAX;
		struct sk_buf words = SK_BUF_INIT;

		l->problems = 0;
		(void)sk_buf_addf(&words, "and %zu more problems", more);
		rc = problem(l, 0, "", sk_buf_str(&words));
		sk_buf_free(&words);
	}
out:
	sk_buf_free(&text);
	return rc;
}

static int set_initial(struct sk_config *config)
{
	for (const struct sk_key *k = sk_key_next(NULL); k; k = sk_key_next(k)) {
		struct sk_buf full = SK_BUF_INIT;
		int rc = sk_buf_addf(&full, "%s.%s", k->section, k->name);

		if (!rc)
			rc = sk_key_set(config, k, full.ptr, k->initial, false);
		sk_buf_free(&full);
		if (rc)
			return rc;
	}
	return 0;
}

/* BACKUP_INTERVAL: whole seconds, at least one; above all files. */
static int from_environment(struct sk_config *config)
{
	const struct sk_config_source source = { "BACKUP_INTERVAL", false, NULL, true };
	struct layer l = { config, &source, false, 0 };
	const char *env = getenv("BACKUP_INTERVAL");
	unsigned long long v;
	char *end;

	if (!env || !*env)
		return 0;
	errno = 0;
	v = isdigit((unsigned char)*env) ? strtoull(env, &end, 10) : 0;
	if (v > 0 && v <= INT64_MAX / 1000 && !errno && !*end) {
		config->backup.interval_ms = (int64_t)v * 1000;
		return 0;
	}
	(void)sk_error(SK_EUSAGE, "'%s' is not a number of seconds, 1 or more", sk_name(env));
	return report_failure(&l, 0);
}

int sk_config_load(const struct sk_config_source *source, size_t n, struct sk_config **out)
{
	struct sk_config *config = calloc(1, sizeof *config);
	int rc = config ? set_initial(config) : sk_error_oom();

	for (size_t i = 0; i < n && !rc; i++) {
		struct layer l = { config, &source[i], source[i].untrusted, 0 };

		rc = load_layer(&l);
	}
	if (!rc)
		rc = from_environment(config);
	if (rc)
		sk_config_free(config);
	else
		*out = config;
	return rc;
}

void sk_config_free(struct sk_config *config)
{
	if (!config)
		return;
	sk_strv_free(&config->backup.paths);
	sk_strv_free(&config->backup.exclude);
	sk_strv_free(&config->backup.include_ignored);
	sk_strv_free(&config->keys);
	sk_strv_free(&config->values);
	sk_strv_free(&config->problems);
	free(config);
}

const char *sk_config_get(const struct sk_config *config, const char *key)
{
	for (size_t i = 0; i < config->keys.n; i++)
		if (strcmp(config->keys.item[i], key) == 0)
			return config->values.item[i];
	return NULL;
}
