#include "lint/rules.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/data.h"
#include "base/error.h"
#include "base/text.h"
#include "repo/ini.h"

enum { MATCH_LIMIT = 2000000, HEAP_KIB = 20000 };

struct load {
	struct sk_ini_rules *rules;
	const char *file;
};

int sk_ini_rule_error(const struct sk_ini_rule *rule, const char *key, const char *fmt, ...)
{
	unsigned line = rule->line;
	char words[256];
	va_list ap;

	for (size_t i = 0; key && i < rule->n; i++)
		if (strcmp(rule->value[i].key, key) == 0)
			line = rule->value[i].line;
	va_start(ap, fmt);
	(void)vsnprintf(words, sizeof words, fmt, ap);
	va_end(ap);
	return sk_error(SK_EUSAGE, "%s:%u: [%s \"%s\"]: %s", rule->file, line, rule->kind, rule->id,
	                words);
}

/* KIND "ID", or KIND alone with the id "". */
static int new_rule(struct load *l, unsigned line, const char *section, struct sk_ini_rule **out)
{
	struct sk_ini_rules *r = l->rules;
	size_t kind = strcspn(section, " \t\"");
	const char *id = section + kind + strspn(section + kind, " \t\"");
	struct sk_ini_rule *item = reallocarray(r->rule, r->n + 1, sizeof *item);

	if (!item)
		return sk_error_oom();
	r->rule = item;
	item += r->n;
	*item = (struct sk_ini_rule){ .file = l->file, .line = line };
	item->kind = strndup(section, kind);
	item->id = strndup(id, strcspn(id, "\""));
	r->n++;
	if (!item->kind || !item->id)
		return sk_error_oom();
	*out = item;
	return 0;
}

static bool is_section(const struct sk_ini_rule *rule, const char *section)
{
	struct sk_buf name = SK_BUF_INIT;
	bool same;

	if (*rule->id)
		(void)sk_buf_addf(&name, "%s \"%s\"", rule->kind, rule->id);
	else
		(void)sk_buf_adds(&name, rule->kind);
	same = strcmp(sk_buf_str(&name), section) == 0;
	sk_buf_free(&name);
	return same;
}

/* Lines of a pattern belong together; words keep a blank between them. */
static void join_lines(char *value, bool pattern)
{
	char *to = value;

	for (const char *p = value; *p; p++)
		if (*p != '\n')
			*to++ = *p;
		else if (!pattern)
			*to++ = ' ';
	*to = '\0';
}

static int item(void *ctx, unsigned line, const char *section, const char *key, const char *value)
{
	struct load *l = ctx;
	struct sk_ini_rule *rule = l->rules->n ? &l->rules->rule[l->rules->n - 1] : NULL;
	struct sk_ini_rule_value *v;

	if (!rule || rule->file != l->file || !is_section(rule, section)) {
		int rc = new_rule(l, line, section, &rule);

		if (rc)
			return rc;
	}
	if (sk_ini_rule_get(rule, key))
		return sk_error(SK_EUSAGE, "%s:%u: '%s' is there twice", l->file, line, key);
	v = reallocarray(rule->value, rule->n + 1, sizeof *v);
	if (!v)
		return sk_error_oom();
	rule->value = v;
	v += rule->n;
	*v = (struct sk_ini_rule_value){ strdup(key), strdup(value), line };
	rule->n++;
	if (!v->key || !v->value)
		return sk_error_oom();
	join_lines(v->value, strcmp(key, "pattern") == 0 || strcmp(key, "allow") == 0);
	return 0;
}

static int bad(void *ctx, unsigned line, const char *words)
{
	const struct load *l = ctx;

	return sk_error(SK_EUSAGE, "%s:%u: %s", l->file, line, words);
}

static int load_file(struct sk_ini_rules *rules, const char *path)
{
	struct load l = { rules, path };
	struct sk_ini_fns fns = { item, bad, &l };
	struct sk_buf text = SK_BUF_INIT;
	unsigned line = 0;
	int rc = sk_ini_read(path, false, &text);

	if (rc)
		rc = sk_error_prefix(SK_EIO, "%s", path);
	if (!rc && text.len) {
		rc = sk_ini_check(&text, &line);
		if (rc)
			rc = sk_error_prefix(SK_EUSAGE, "%s:%u", path, line);
		if (!rc)
			rc = sk_ini_parse(&text, &fns);
	}
	sk_buf_free(&text);
	return rc;
}

int sk_ini_rules_load(const char *folder, struct sk_ini_rules *out)
{
	struct sk_ini_rules rules = { 0 };
	int rc = sk_data_files(folder, &rules.files);

	for (size_t i = 0; !rc && i < rules.files.n; i++)
		rc = load_file(&rules, rules.files.item[i]);
	if (!rc && !rules.n)
		rc = sk_error(SK_EIO, "no %s rules: the installation is not complete", folder);
	for (size_t i = 0; !rc && i < rules.n; i++)
		for (size_t k = 0; !rc && k < i; k++)
			if (strcmp(rules.rule[i].kind, rules.rule[k].kind) == 0 &&
			    strcmp(rules.rule[i].id, rules.rule[k].id) == 0)
				rc = sk_ini_rule_error(&rules.rule[i], NULL, "is there twice");
	if (rc)
		sk_ini_rules_free(&rules);
	else
		*out = rules;
	return rc;
}

void sk_ini_rules_free(struct sk_ini_rules *rules)
{
	for (size_t i = 0; i < rules->n; i++) {
		struct sk_ini_rule *r = &rules->rule[i];

		for (size_t k = 0; k < r->n; k++) {
			free(r->value[k].key);
			free(r->value[k].value);
		}
		free(r->value);
		free(r->kind);
		free(r->id);
	}
	free(rules->rule);
	sk_strv_free(&rules->files);
	*rules = (struct sk_ini_rules){ 0 };
}

const char *sk_ini_rule_get(const struct sk_ini_rule *rule, const char *key)
{
	for (size_t i = 0; i < rule->n; i++)
		if (strcmp(rule->value[i].key, key) == 0)
			return rule->value[i].value;
	return NULL;
}

int sk_ini_rule_check(const struct sk_ini_rule *rule, const char *keys)
{
	for (size_t i = 0; i < rule->n; i++) {
		const char *key = rule->value[i].key, *p = keys;
		size_t n = strlen(key);

		while ((p = strstr(p, key)) &&
		       !((p == keys || p[-1] == ' ') && (p[n] == ' ' || !p[n])))
			p++;
		if (!p)
			return sk_ini_rule_error(rule, key, "'%s' is no setting of a rule", key);
	}
	return 0;
}

int sk_ini_rule_number(const struct sk_ini_rule *rule, const char *key, unsigned max,
                       unsigned initial, unsigned *out)
{
	const char *text = sk_ini_rule_get(rule, key);
	unsigned long n;
	char *end;

	if (!text) {
		*out = initial;
		return 0;
	}
	n = strtoul(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || n > max)
		return sk_ini_rule_error(rule, key, "'%s' is no number up to %u", text, max);
	*out = (unsigned)n;
	return 0;
}

int sk_ini_rule_words(const struct sk_ini_rule *rule, const char *key, struct sk_strv *out)
{
	const char *p = sk_ini_rule_get(rule, key);
	int rc = 0;

	while (!rc && p && *p) {
		size_t n = strcspn(p, " \t,");

		if (n)
			rc = sk_strv_addn(out, p, n);
		p += n + strspn(p + n, " \t,");
	}
	return rc;
}

int sk_ini_rule_pattern(const struct sk_ini_rule *rule, const char *key, uint32_t options,
                        pcre2_code **out)
{
	const char *text = sk_ini_rule_get(rule, key);
	PCRE2_UCHAR8 words[160];
	PCRE2_SIZE at = 0;
	pcre2_code *code;
	int error = 0;

	if (!text) {
		*out = NULL;
		return 0;
	}
	code = pcre2_compile((PCRE2_SPTR)text, strlen(text), options, &error, &at, NULL);
	if (!code) {
		(void)pcre2_get_error_message(error, words, sizeof words);
		return sk_ini_rule_error(rule, key, "%s at byte %zu of the pattern",
		                         (const char *)words, (size_t)at);
	}
	*out = code;
	return 0;
}

pcre2_match_context *sk_match_context(void)
{
	pcre2_match_context *context = pcre2_match_context_create(NULL);

	if (context) {
		(void)pcre2_set_match_limit(context, MATCH_LIMIT);
		(void)pcre2_set_heap_limit(context, HEAP_KIB);
	}
	return context;
}

/* Most patterns of a set are never tried.  Under a lock, as others may use the same set; whoever
 * matches has been here before.  Without JIT (not on every machine) it is slower, and as right. */
static void jit(const pcre2_code *code)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	size_t size = 0;

	(void)pthread_mutex_lock(&lock);
	if (pcre2_pattern_info(code, PCRE2_INFO_JITSIZE, &size) == 0 && !size)
		(void)pcre2_jit_compile((pcre2_code *)(uintptr_t)code, PCRE2_JIT_COMPLETE);
	(void)pthread_mutex_unlock(&lock);
}

int sk_match(const pcre2_code *code, const char *text, size_t len, size_t start, uint32_t options,
             pcre2_match_data *data, pcre2_match_context *context, bool *found)
{
	PCRE2_UCHAR8 words[160];
	int n;

	jit(code);
	n = pcre2_match(code, (PCRE2_SPTR)text, len, start, options, data, context);
	if (n == PCRE2_ERROR_JIT_STACKLIMIT) /* the interpreter has no such stack */
		n = pcre2_match(code, (PCRE2_SPTR)text, len, start, options | PCRE2_NO_JIT, data,
		                context);
	if (n < 0 && n != PCRE2_ERROR_NOMATCH) {
		(void)pcre2_get_error_message(n, words, sizeof words);
		return sk_error(SK_EIO, "a rule cannot be tried on this text: %s",
		                (const char *)words);
	}
	*found = n >= 0;
	return 0;
}
