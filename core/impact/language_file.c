#include "impact/language_file.h"

#include <stdlib.h>
#include <string.h>

#include "impact/extract.h"
#include "repo/ini.h"

/* Goes into every version: raise it when the same rules come to give another result. */
#define ENGINE "safekeep extraction 1\n"

enum { NAME_MAX_LEN = 32, VALUE_MAX = 64 * 1024 };

struct reader {
	struct sk_language *language;
	struct sk_rule *rule; /* of the section now read */
	unsigned line;
};

static void free_if_own(struct sk_language *language)
{
	if (!language->like)
		sk_rules_free(language->rules);
}

void sk_language_free(struct sk_language *language)
{
	if (!language)
		return;
	free_if_own(language);
	free(language->name);
	free(language->resolver);
	free(language->file);
	free(language->like);
	sk_strv_free(&language->extensions);
	sk_strv_free(&language->names);
	sk_strv_free(&language->interpreters);
	sk_strv_free(&language->tests);
	free(language);
}

static bool is_name(const char *s)
{
	size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-");

	return n && n < NAME_MAX_LEN && !s[n];
}

static int set(char **out, const char *value)
{
	char *copy = strdup(value);

	if (!copy)
		return sk_error_oom();
	free(*out);
	*out = copy;
	return 0;
}

static int set_name(char **out, const char *key, const char *value)
{
	if (!is_name(value))
		return sk_error(SK_EUSAGE, "%s: a name of letters, digits, _ + - is wanted", key);
	return set(out, value);
}

/* Words between any of `separators`. */
static int set_list(struct sk_strv *out, const char *value, const char *separators)
{
	int rc = 0;

	for (const char *p = value; !rc && *(p += strspn(p, separators));) {
		size_t len = strcspn(p, separators);

		rc = sk_strv_addn(out, p, len);
		p += len;
	}
	return rc;
}

static int set_pattern(struct sk_part *part, unsigned line, const char *value)
{
	if (!value[strspn(value, " \t\n")])
		return sk_error(SK_EUSAGE, "an empty pattern");
	if (strlen(value) > VALUE_MAX)
		return sk_error(SK_EUSAGE, "a pattern over %dK", VALUE_MAX / 1024);
	part->line = line;
	return set(&part->text, value);
}

static int set_bool(bool *out, const char *key, const char *value)
{
	bool yes = strcmp(value, "yes") == 0;

	if (!yes && strcmp(value, "no") != 0)
		return sk_error(SK_EUSAGE, "%s: yes or no is wanted", key);
	*out = yes;
	return 0;
}

static int set_kind(uint8_t *out, const char *value)
{
	static const char *const kinds[] = {
		[SK_IMPORT_PLAIN] = "plain",
		[SK_IMPORT_FROM] = "from",
		[SK_IMPORT_QUOTE] = "quote",
		[SK_IMPORT_ANGLE] = "angle",
		[SK_IMPORT_CHILD] = "child",
		[SK_IMPORT_STATIC] = "static",
		[SK_IMPORT_LINK] = "link",
		[SK_IMPORT_PACKAGE] = "package",
		[SK_IMPORT_UNREADABLE] = "unreadable",
	};

	for (size_t i = SK_IMPORT_PLAIN; i < sizeof kinds / sizeof *kinds; i++)
		if (strcmp(value, kinds[i]) == 0) {
			*out = (uint8_t)i;
			return 0;
		}
	return sk_error(SK_EUSAGE,
	                "kind: plain, from, quote, angle, child, static, link, package or "
	                "unreadable is wanted");
}

static int language_item(struct sk_language *l, const char *key, const char *value)
{
	if (strcmp(key, "name") == 0)
		return set_name(&l->name, key, value);
	if (strcmp(key, "resolver") == 0)
		return set_name(&l->resolver, key, value);
	if (strcmp(key, "like") == 0)
		return set_name(&l->like, key, value);
	if (strcmp(key, "extensions") == 0)
		return set_list(&l->extensions, value, " \t\n");
	if (strcmp(key, "names") == 0)
		return set_list(&l->names, value, " \t\n");
	if (strcmp(key, "interpreters") == 0)
		return set_list(&l->interpreters, value, " \t\n");
	if (strcmp(key, "tests") == 0)
		return set_list(&l->tests, value, ", \t\n");
	return sk_error(SK_EUSAGE, "no key '%.40s' in [language]", key);
}

static int rule_item(struct reader *r, const char *key, const char *value)
{
	struct sk_rule *rule = r->rule;

	if (strcmp(key, "kind") == 0)
		return set_kind(&rule->kind, value);
	if (strcmp(key, "pattern") == 0)
		return set_pattern(&rule->pattern, r->line, value);
	if (strcmp(key, "item") == 0)
		return set_pattern(&rule->item, r->line, value);
	if (strcmp(key, "squeeze") == 0)
		return set_bool(&rule->squeeze, key, value);
	if (strcmp(key, "type-only") == 0)
		return set_bool(&rule->type_only, key, value);
	if (strcmp(key, "before") == 0)
		return set(&rule->before, value);
	if (strcmp(key, "name") == 0)
		return set(&rule->fixed, value);
	if (strcmp(key, "tree") == 0)
		return set(&rule->tree, value);
	if (strcmp(key, "language") == 0)
		return set_name(&rule->embedded, key, value);
	return sk_error(SK_EUSAGE, "no key '%.40s' in [rule NAME]", key);
}

/* The rule of this name: one section may be interrupted by nothing, but a name stands once. */
static int find_rule(struct reader *r, const char *name)
{
	struct sk_rules *rules = r->language->rules;

	if (r->rule && strcmp(r->rule->pattern.name, name) == 0)
		return 0;
	if (!is_name(name))
		return sk_error(SK_EUSAGE, "a rule needs a name: [rule NAME]");
	for (size_t i = 0; i < rules->n; i++)
		if (strcmp(rules->rule[i].pattern.name, name) == 0)
			return sk_error(SK_EUSAGE, "[rule %s] a second time", name);
	if (rules->n == SK_RULES_MAX)
		return sk_error(SK_EUSAGE, "more than %d rules", SK_RULES_MAX);
	r->rule = &rules->rule[rules->n];
	r->rule->pattern.line = r->line;
	if (set(&r->rule->pattern.name, name))
		return SK_EIO;
	rules->n++;
	return 0;
}

static int define_item(struct reader *r, const char *key, const char *value)
{
	struct sk_rules *rules = r->language->rules;
	struct sk_part *part = &rules->define[rules->n_defines];
	int rc;

	if (rules->n_defines == SK_RULES_DEFINES)
		return sk_error(SK_EUSAGE, "more than %d definitions", SK_RULES_DEFINES);
	if (!is_name(key) || strpbrk(key, "+-"))
		return sk_error(SK_EUSAGE, "'%.40s' cannot be the name of a pattern", key);
	rc = set_pattern(part, r->line, value);
	if (!rc)
		rc = set(&part->name, key);
	rules->n_defines += !rc;
	return rc;
}

static int item(void *ctx, unsigned line, const char *section, const char *key, const char *value)
{
	struct reader *r = ctx;
	int rc;

	r->line = line;
	if (strcmp(section, "language") == 0)
		return language_item(r->language, key, value);
	if (strcmp(section, "define") == 0)
		return define_item(r, key, value);
	if (strcmp(section, "skip") == 0 && strcmp(key, "pattern") == 0)
		return set_pattern(&r->language->rules->skip, line, value);
	if (strcmp(section, "rules") == 0 && strcmp(key, "begin") == 0)
		return set_pattern(&r->language->rules->begin, line, value);
	if (strncmp(section, "rule ", 5) == 0) {
		rc = find_rule(r, section + 5);
		return rc ? rc : rule_item(r, key, value);
	}
	return sk_error(SK_EUSAGE, "'%.40s' in [%.40s] is not known", key, section);
}

static int bad(void *ctx, unsigned line, const char *words)
{
	((struct reader *)ctx)->line = line;
	return sk_error(SK_EUSAGE, "%s", words);
}

static int complete(struct sk_language *l, unsigned *line)
{
	*line = 0;
	if (!l->name)
		return sk_error(SK_EUSAGE, "[language] has no name");
	if (!l->resolver && set(&l->resolver, l->name))
		return SK_EIO;
	if (l->like &&
	    (l->rules->n || l->rules->skip.text || l->rules->begin.text || l->rules->n_defines))
		return sk_error(SK_EUSAGE, "rules of its own, and 'like' too");
	if (!l->like && !l->rules->n)
		return sk_error(SK_EUSAGE, "no rule");
	for (size_t i = 0; i < l->rules->n; i++) {
		const struct sk_rule *r = &l->rules->rule[i];

		*line = r->pattern.line;
		if (!r->pattern.text)
			return sk_error(SK_EUSAGE, "[rule %s] has no pattern", r->pattern.name);
		if (!r->kind == !r->embedded)
			return sk_error(SK_EUSAGE, "[rule %s] needs a kind, or else a language",
			                r->pattern.name);
	}
	return 0;
}

static int compile(struct sk_language *l, unsigned *line)
{
	int rc = l->like ? 0 : sk_rules_compile(l->rules, line);

	for (size_t i = 0; !rc && i < l->rules->n; i++) {
		const struct sk_rule *r = &l->rules->rule[i];

		*line = r->pattern.line;
		if ((r->item.text || r->tree || r->embedded) && !r->groups.n[SK_GROUP_LIST])
			rc = sk_error(SK_EUSAGE, "[rule %s] has no group (?<list>...)",
			              r->pattern.name);
		else if (!r->embedded && !r->groups.n[SK_GROUP_SPEC] &&
		         !r->item_groups.n[SK_GROUP_SPEC] && !r->tree)
			rc = sk_error(SK_EUSAGE, "[rule %s] has no group (?<spec>...)",
			              r->pattern.name);
	}
	return rc;
}

static int read_into(struct sk_language *l, unsigned *line)
{
	struct reader r = { .language = l };
	struct sk_ini_fns fns = { .item = item, .bad = bad, .ctx = &r };
	struct sk_buf text = SK_BUF_INIT;
	struct sk_hash hash;
	int rc = sk_ini_read(l->file, false, &text);

	if (!rc)
		rc = sk_ini_check(&text, line);
	if (!rc) {
		rc = sk_ini_parse(&text, &fns);
		*line = r.line;
	}
	if (!rc)
		rc = complete(l, line);
	if (!rc)
		rc = compile(l, line);
	if (!rc) {
		sk_hash_init(&hash);
		sk_hash_update(&hash, ENGINE, sizeof ENGINE - 1);
		sk_hash_update(&hash, text.ptr, text.len);
		sk_hash_final(&hash, &l->version);
	}
	sk_buf_free(&text);
	return rc;
}

int sk_language_read(const char *path, unsigned *line, struct sk_language **out)
{
	struct sk_language *l = calloc(1, sizeof *l);
	int rc;

	*line = 0;
	if (!l)
		return sk_error_oom();
	l->rules = sk_rules_new();
	l->file = strdup(path);
	rc = l->rules && l->file ? read_into(l, line) : sk_error_oom();
	if (rc) {
		free(l->like); /* the rules are still its own */
		l->like = NULL;
		sk_language_free(l);
		return rc;
	}
	if (l->like) {
		sk_rules_free(l->rules);
		l->rules = NULL;
	}
	*out = l;
	return 0;
}
