#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "lint/lint_parts.h"
#include "lint/migration.h"
#include "lint/rules.h"
#include "repo/ignore.h"

struct place {
	bool there;
	struct sk_patterns *paths, *not_these;
	pcre2_code *pattern;
};

struct sk_migration_rules {
	struct sk_ini_rules text;
	struct place place[SK_FRAMEWORKS];
};

static const char *const framework_name[SK_FRAMEWORKS] = { "sql", "alembic", "django", "rails" };

static int patterns(const struct sk_ini_rule *r, const char *key, struct sk_patterns **out)
{
	struct sk_strv words = SK_STRV_INIT;
	int rc = sk_ini_rule_words(r, key, &words);

	/* "a/b" is anchored in gitignore's patterns; here it may stand anywhere */
	for (size_t i = 0; !rc && i < words.n; i++) {
		struct sk_buf any = SK_BUF_INIT;

		if (!strchr(words.item[i], '/') || strncmp(words.item[i], "**/", 3) == 0)
			continue;
		(void)sk_buf_addf(&any, "**/%s", words.item[i]);
		free(words.item[i]);
		words.item[i] = sk_buf_detach(&any);
		if (!words.item[i])
			rc = sk_error_oom();
	}
	if (!rc && words.n)
		rc = sk_patterns_new(&words, false, out);
	sk_strv_free(&words);
	return rc;
}

static int load_place(struct sk_migration_rules *rules, const struct sk_ini_rule *r)
{
	for (size_t i = 0; i < SK_FRAMEWORKS; i++) {
		struct place *p = &rules->place[i];
		int rc;

		if (strcmp(r->id, framework_name[i]) != 0)
			continue;
		p->there = true;
		rc = sk_ini_rule_check(r, "paths not pattern");
		if (!rc)
			rc = patterns(r, "paths", &p->paths);
		if (!rc)
			rc = patterns(r, "not", &p->not_these);
		return rc ? rc : sk_ini_rule_pattern(r, "pattern", 0, &p->pattern);
	}
	return sk_ini_rule_error(r, NULL, "is none of sql, alembic, django, rails");
}

static int check_rule(const struct sk_ini_rule *r)
{
	const char *severity = sk_ini_rule_get(r, "severity");
	int rc = sk_ini_rule_check(r, "severity remedy sql alembic django rails");

	if (!rc && (!severity || !sk_ini_rule_get(r, "remedy")))
		rc = sk_ini_rule_error(r, NULL, "a rule needs a severity and a remedy");
	for (size_t i = 0; !rc && i < r->n; i++) {
		const char *v = r->value[i].value;

		if (strcmp(r->value[i].key, "remedy") != 0 && strcmp(v, "block") != 0 &&
		    strcmp(v, "warn") != 0 && strcmp(v, "off") != 0)
			rc = sk_ini_rule_error(r, r->value[i].key,
			                       "'%s' is none of block, warn, off", v);
	}
	return rc;
}

static const struct sk_ini_rule *rule_of(const struct sk_migration_rules *rules, const char *id)
{
	for (size_t i = 0; i < rules->text.n; i++)
		if (strcmp(rules->text.rule[i].kind, "rule") == 0 &&
		    strcmp(rules->text.rule[i].id, id) == 0)
			return &rules->text.rule[i];
	return NULL;
}

static const char *const rule_ids[] = {
	"required-column", "tighten", "phases",           "drop",
	"rename",          "type",    "index-lock",       "concurrently-in-transaction",
	"constraint-lock", "unique",  "volatile-default", "data-and-ddl",
	"no-reverse",      "edited",  "cannot-inspect"
};

int sk_migration_rules_load(struct sk_migration_rules **out)
{
	struct sk_migration_rules *rules = calloc(1, sizeof *rules);
	int rc = rules ? sk_ini_rules_load("migrations", &rules->text) : sk_error_oom();

	for (size_t i = 0; !rc && i < rules->text.n; i++) {
		const struct sk_ini_rule *r = &rules->text.rule[i];

		if (strcmp(r->kind, "place") == 0)
			rc = load_place(rules, r);
		else if (strcmp(r->kind, "rule") == 0)
			rc = check_rule(r);
		else
			rc = sk_ini_rule_error(r, NULL, "not a section of migrations' rules");
	}
	for (size_t i = 0; !rc && i < sizeof rule_ids / sizeof *rule_ids; i++)
		if (!rule_of(rules, rule_ids[i]))
			rc = sk_error(SK_EUSAGE, "the rules for migrations have no [rule \"%s\"]",
			              rule_ids[i]);
	if (rc)
		sk_migration_rules_free(rules);
	else
		*out = rules;
	return rc;
}

void sk_migration_rules_free(struct sk_migration_rules *rules)
{
	if (!rules)
		return;
	for (size_t i = 0; i < SK_FRAMEWORKS; i++) {
		sk_patterns_free(rules->place[i].paths);
		sk_patterns_free(rules->place[i].not_these);
		pcre2_code_free(rules->place[i].pattern);
	}
	sk_ini_rules_free(&rules->text);
	free(rules);
}

static bool lies_there(const struct place *p, const char *path)
{
	size_t n = strlen(path);

	return p->paths && sk_patterns_match(p->paths, path, n, false) &&
	       !(p->not_these && sk_patterns_match(p->not_these, path, n, false));
}

static bool ends(const char *path, const char *end)
{
	size_t n = strlen(path), k = strlen(end);

	return n > k && strcmp(path + n - k, end) == 0;
}

static bool own_kind(const char *path, enum sk_framework f)
{
	return ends(path, f == SK_SQL ? ".sql" : f == SK_RAILS ? ".rb" : ".py");
}

static bool among(const struct sk_strv *extra, const char *path)
{
	struct sk_patterns *p = NULL;
	bool yes;

	if (!extra || !extra->n || sk_patterns_new(extra, false, &p))
		return false;
	yes = sk_patterns_match(p, path, strlen(path), false);
	sk_patterns_free(p);
	return yes;
}

bool sk_migration_may_be(const struct sk_migration_rules *rules, const struct sk_strv *extra,
                         const char *path)
{
	bool kind = false;

	for (size_t i = 0; i < SK_FRAMEWORKS; i++) {
		kind = kind || own_kind(path, (enum sk_framework)i);
		if (lies_there(&rules->place[i], path))
			return true;
	}
	return kind && among(extra, path);
}

bool sk_migration_is(const struct sk_migration_rules *rules, const struct sk_strv *extra,
                     const char *path, const char *text, size_t len, enum sk_framework *out)
{
	pcre2_match_context *context = sk_match_context();
	pcre2_match_data *data = pcre2_match_data_create(1, NULL);
	bool found = false;

	for (size_t i = 0; !found && context && data && i < SK_FRAMEWORKS; i++) {
		const struct place *p = &rules->place[i];
		enum sk_framework f = (enum sk_framework)i;

		if (!own_kind(path, f) || (!lies_there(p, path) && !among(extra, path)))
			continue;
		found = !p->pattern;
		if (p->pattern && sk_match(p->pattern, text, len, 0, 0, data, context, &found))
			found = false;
		if (found)
			*out = f;
	}
	pcre2_match_data_free(data);
	pcre2_match_context_free(context);
	return found;
}

int sk_migration_read(enum sk_framework framework, const char *text, size_t len, struct sk_ops *out)
{
	switch (framework) {
	case SK_ALEMBIC:
		return sk_read_alembic(text, len, out);
	case SK_DJANGO:
		return sk_read_django(text, len, out);
	case SK_RAILS:
		return sk_read_rails(text, len, out);
	case SK_SQL:
	case SK_FRAMEWORKS:
		break;
	}
	return sk_read_sql(text, len, 1, out);
}

int sk_migration_report(const struct sk_judging *j, const struct sk_migration *m, const char *rule,
                        const struct sk_op *op, const char *fmt, ...)
{
	const struct sk_ini_rule *r = rule_of(j->rules, rule);
	const char *severity = sk_ini_rule_get(r, framework_name[m->framework]);
	struct sk_found_at at = { .path = m->path, .text = m->text.ptr, .len = m->text.len };
	char words[600], name[64];
	va_list ap;

	if (!severity)
		severity = sk_ini_rule_get(r, "severity");
	if (strcmp(severity, "off") == 0)
		return 0;
	if (op) {
		at.line = op->line;
		at.last_line = op->last_line;
	}
	va_start(ap, fmt);
	(void)vsnprintf(words, sizeof words, fmt, ap);
	va_end(ap);
	(void)snprintf(name, sizeof name, "migration-%s", rule);
	return sk_lint_report(j->out, name,
	                      strcmp(severity, "block") == 0 ? SK_LINT_BLOCK : SK_LINT_WARN, &at,
	                      sk_ini_rule_get(r, "remedy"), "%s", words);
}
