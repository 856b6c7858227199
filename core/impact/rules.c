#include "impact/rules.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	OPTIONS = PCRE2_EXTENDED | PCRE2_MULTILINE | PCRE2_DUPNAMES | PCRE2_USE_OFFSET_LIMIT |
	          PCRE2_NEVER_UTF | PCRE2_NEVER_BACKSLASH_C,
	MATCH_LIMIT = 4000000, /* of one attempt at one place */
	DEPTH_LIMIT = 20000,
	HEAP_LIMIT = 64 * 1024, /* KiB; of a match without JIT */
	STACK_MIN = 32 * 1024,
	STACK_MAX = 2 * 1024 * 1024
};

static void free_part(struct sk_part *part)
{
	free(part->name);
	free(part->text);
}

static void free_scratch(struct sk_scratch *s)
{
	if (!s)
		return;
	pcre2_match_data_free(s->data);
	pcre2_match_data_free(s->item_data);
	pcre2_match_context_free(s->context);
	pcre2_jit_stack_free(s->stack);
	free(s);
}

struct sk_rules *sk_rules_new(void)
{
	struct sk_rules *rules = calloc(1, sizeof *rules);

	if (rules && pthread_mutex_init(&rules->lock, NULL)) {
		free(rules);
		rules = NULL;
	}
	return rules;
}

void sk_rules_free(struct sk_rules *rules)
{
	if (!rules)
		return;
	for (struct sk_scratch *s = rules->pool, *next; s; s = next) {
		next = s->next;
		free_scratch(s);
	}
	for (size_t i = 0; i < rules->n_defines; i++)
		free_part(&rules->define[i]);
	free_part(&rules->skip);
	free_part(&rules->begin);
	for (size_t i = 0; i < rules->n; i++) {
		struct sk_rule *r = &rules->rule[i];

		free_part(&r->pattern);
		free_part(&r->item);
		free(r->before);
		free(r->fixed);
		free(r->tree);
		free(r->embedded);
		pcre2_code_free(r->item_code);
	}
	pcre2_code_free(rules->code);
	(void)pthread_mutex_destroy(&rules->lock);
	free(rules);
}

/* Where each part of the whole pattern begins and ends, so that an error can be laid at its line.
 */
struct built {
	struct sk_buf text;
	size_t start[SK_RULES_DEFINES + SK_RULES_MAX + 2];
	size_t end[SK_RULES_DEFINES + SK_RULES_MAX + 2];
	const struct sk_part *part[SK_RULES_DEFINES + SK_RULES_MAX + 2];
	size_t n;
};

/* The newline ends a comment that the part may end in. */
static void add_part(struct built *b, const char *before, const struct sk_part *part,
                     const char *after)
{
	(void)sk_buf_adds(&b->text, before);
	b->start[b->n] = b->text.len;
	(void)sk_buf_addf(&b->text, "%s\n%s", part->text, after);
	b->end[b->n] = b->text.len;
	b->part[b->n++] = part;
}

static void add_defines(struct built *b, const struct sk_rules *rules)
{
	char before[80];

	for (size_t i = 0; i < rules->n_defines; i++) {
		(void)snprintf(before, sizeof before, "(?(DEFINE)(?<%s>", rules->define[i].name);
		add_part(b, before, &rules->define[i], "))");
	}
}

static pcre2_code *try_compile(const char *text, size_t len, int *error, PCRE2_SIZE *at)
{
	return pcre2_compile((PCRE2_SPTR)text, len, OPTIONS, error, at, NULL);
}

/* A bracket left open is only noticed at the end of the whole: so each part is tried by itself.  It
 * may then lack what [define] gives it, which is no error of its own. */
static const struct sk_part *find_wrong_part(const struct built *b, int *error, PCRE2_SIZE *at)
{
	size_t i;

	for (i = 0; i < b->n; i++) {
		PCRE2_SIZE own_at;
		int own;
		const char *text = b->part[i]->text;
		pcre2_code *code = try_compile(text, strlen(text), &own, &own_at);

		pcre2_code_free(code);
		if (code || own == PCRE2_ERROR_BAD_SUBPATTERN_REFERENCE)
			continue;
		*error = own;
		*at = own_at;
		return b->part[i];
	}
	for (i = 0; i + 1 < b->n && b->end[i] <= *at; i++)
		;
	*at -= *at < b->start[i] ? *at : b->start[i];
	return b->part[i];
}

static int compile(const struct built *b, pcre2_code **out, unsigned *line)
{
	const struct sk_part *wrong;
	char words[120];
	PCRE2_SIZE at;
	int error;

	if (sk_buf_ok(&b->text))
		return SK_EIO;
	*out = try_compile(b->text.ptr, b->text.len, &error, &at);
	if (*out)
		return 0;
	if (error == PCRE2_ERROR_HEAP_FAILED)
		return sk_error_oom();
	wrong = find_wrong_part(b, &error, &at);
	*line = wrong->line;
	(void)pcre2_get_error_message(error, (PCRE2_UCHAR *)words, sizeof words);
	if (at > strlen(wrong->text))
		at = strlen(wrong->text);
	return sk_error(SK_EUSAGE, "the pattern is wrong after '%.*s': %s",
	                (int)(at < 20 ? at : 20), wrong->text + (at < 20 ? 0 : at - 20), words);
}

static enum sk_group group_of(const char *name)
{
	static const char *const names[SK_GROUP_COUNT] = { "spec", "name", "list", "type" };
	enum sk_group g = SK_GROUP_SPEC;

	while (g < SK_GROUP_COUNT && strcmp(name, names[g]) != 0)
		g++;
	return g;
}

/* Those of the code's named groups with numbers from `low` to below `high`. */
static int find_groups(const pcre2_code *code, uint32_t low, uint32_t high, struct sk_groups *out)
{
	uint32_t n = 0, size = 0;
	PCRE2_SPTR table = NULL;

	(void)pcre2_pattern_info(code, PCRE2_INFO_NAMECOUNT, &n);
	(void)pcre2_pattern_info(code, PCRE2_INFO_NAMEENTRYSIZE, &size);
	(void)pcre2_pattern_info(code, PCRE2_INFO_NAMETABLE, &table);
	for (; n; n--, table += size) {
		uint32_t number = (uint32_t)table[0] << 8 | table[1];
		enum sk_group g = group_of((const char *)table + 2);

		if (g == SK_GROUP_COUNT || number < low || number >= high)
			continue;
		if (out->n[g] == SK_RULES_GROUPS)
			return sk_error(SK_EUSAGE, "a group of the same name more than %d times",
			                SK_RULES_GROUPS);
		out->number[g][out->n[g]++] = (uint16_t)number;
	}
	return 0;
}

static int compile_item(struct sk_rules *rules, struct sk_rule *rule, unsigned *line)
{
	struct built b = { .n = 0 };
	uint32_t groups = 0;
	int rc;

	add_defines(&b, rules);
	add_part(&b, "(?:", &rule->item, ")");
	rc = compile(&b, &rule->item_code, line);
	sk_buf_free(&b.text);
	if (rc)
		return rc;
	*line = rule->item.line;
	rc = find_groups(rule->item_code, 1, UINT32_MAX, &rule->item_groups);
	(void)pcre2_pattern_info(rule->item_code, PCRE2_INFO_CAPTURECOUNT, &groups);
	if (groups > rules->max_groups)
		rules->max_groups = groups;
	return rc;
}

static int number_groups(struct sk_rules *rules, unsigned *line)
{
	uint32_t high = 0;
	char name[32];
	int rc = 0;

	(void)pcre2_pattern_info(rules->code, PCRE2_INFO_CAPTURECOUNT, &high);
	high++;
	for (size_t i = rules->n; !rc && i--;) {
		struct sk_rule *r = &rules->rule[i];
		int number;

		(void)snprintf(name, sizeof name, "r%zu", i);
		number = pcre2_substring_number_from_name(rules->code, (PCRE2_SPTR)name);
		r->whole = number > 0 ? (uint16_t)number : 0;
		*line = r->pattern.line;
		rc = find_groups(rules->code, r->whole, high, &r->groups);
		high = r->whole;
	}
	return rc;
}

int sk_rules_compile(struct sk_rules *rules, unsigned *line)
{
	struct built b = { .n = 0 };
	char before[40];
	int rc;

	add_defines(&b, rules);
	if (rules->skip.text)
		add_part(&b, "(?:", &rules->skip, ")|");
	if (rules->begin.text)
		add_part(&b, "(?=", &rules->begin, ")");
	(void)sk_buf_adds(&b.text, "(?:");
	for (size_t i = 0; i < rules->n; i++) {
		(void)snprintf(before, sizeof before, "%s(?<r%zu>", i ? "|" : "", i);
		add_part(&b, before, &rules->rule[i].pattern, ")");
	}
	(void)sk_buf_addc(&b.text, ')');
	rc = compile(&b, &rules->code, line);
	sk_buf_free(&b.text);
	if (!rc)
		rc = number_groups(rules, line);
	for (size_t i = 0; !rc && i < rules->n; i++)
		if (rules->rule[i].item.text)
			rc = compile_item(rules, &rules->rule[i], line);
	return rc;
}

static struct sk_scratch *new_scratch(const struct sk_rules *rules)
{
	struct sk_scratch *s = calloc(1, sizeof *s);

	if (!s)
		return NULL;
	s->data = pcre2_match_data_create_from_pattern(rules->code, NULL);
	s->item_data = pcre2_match_data_create(rules->max_groups + 1, NULL);
	s->context = pcre2_match_context_create(NULL);
	/* without a stack of its own the JIT makes do with 32K: not an error */
	s->stack = pcre2_jit_stack_create(STACK_MIN, STACK_MAX, NULL);
	if (!s->data || !s->item_data || !s->context) {
		free_scratch(s);
		return NULL;
	}
	(void)pcre2_set_match_limit(s->context, MATCH_LIMIT);
	(void)pcre2_set_depth_limit(s->context, DEPTH_LIMIT);
	(void)pcre2_set_heap_limit(s->context, HEAP_LIMIT);
	if (s->stack)
		pcre2_jit_stack_assign(s->context, NULL, s->stack);
	return s;
}

int sk_rules_take(struct sk_rules *rules, struct sk_scratch **out)
{
	struct sk_scratch *s;

	(void)pthread_mutex_lock(&rules->lock);
	if (!rules->jitted) {
		(void)pcre2_jit_compile(rules->code, PCRE2_JIT_COMPLETE);
		for (size_t i = 0; i < rules->n; i++)
			if (rules->rule[i].item_code)
				(void)pcre2_jit_compile(rules->rule[i].item_code,
				                        PCRE2_JIT_COMPLETE);
		rules->jitted = true;
	}
	s = rules->pool;
	if (s)
		rules->pool = s->next;
	(void)pthread_mutex_unlock(&rules->lock);
	if (!s)
		s = new_scratch(rules);
	if (!s)
		return sk_error_oom();
	*out = s;
	return 0;
}

void sk_rules_give(struct sk_rules *rules, struct sk_scratch *scratch)
{
	(void)pthread_mutex_lock(&rules->lock);
	scratch->next = rules->pool;
	rules->pool = scratch;
	(void)pthread_mutex_unlock(&rules->lock);
}
