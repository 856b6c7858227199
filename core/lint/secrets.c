#include "lint/secrets.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "lint/keywords.h"
#include "lint/rules.h"

#define ALLOW_INLINE "gitleaks:allow"

enum { MAX_BEFORE = 200, MAX_ENTROPY = 80 };

struct secret_rule {
	const char *id, *title;
	pcre2_code *pattern, *allow;
	unsigned before;   /* so many bytes before its keyword the value may start */
	unsigned entropy;  /* least, in tenths of a bit for each byte */
	bool placeholders; /* made-up values are told apart */
};

struct sk_secrets {
	struct sk_ini_rules text; /* ids and titles live there */
	struct secret_rule *rule;
	size_t n;
	pcre2_code *placeholder;
	struct sk_keywords *keywords;
	size_t *rule_of; /* of each keyword */
};

static int compile_rule(const struct sk_ini_rule *r, struct secret_rule *out,
                        struct sk_strv *keywords)
{
	const char *placeholders = sk_ini_rule_get(r, "placeholders");
	size_t before = keywords->n;
	int rc = sk_ini_rule_check(r, "title keywords pattern before entropy allow placeholders");

	out->id = r->id;
	out->title = sk_ini_rule_get(r, "title");
	out->placeholders = !placeholders || strcmp(placeholders, "no") != 0;
	if (!rc && (!out->title || !*r->id))
		rc = sk_ini_rule_error(r, NULL, "a rule needs an id and a title");
	if (!rc)
		rc = sk_ini_rule_words(r, "keywords", keywords);
	if (!rc && keywords->n == before)
		rc = sk_ini_rule_error(r, NULL, "a rule needs at least one keyword");
	if (!rc)
		rc = sk_ini_rule_number(r, "before", MAX_BEFORE, 0, &out->before);
	if (!rc)
		rc = sk_ini_rule_number(r, "entropy", MAX_ENTROPY, 0, &out->entropy);
	if (!rc)
		rc = sk_ini_rule_pattern(r, "pattern", PCRE2_NEVER_BACKSLASH_C, &out->pattern);
	if (!rc && !out->pattern)
		rc = sk_ini_rule_error(r, NULL, "a rule needs a pattern");
	if (!rc)
		rc = sk_ini_rule_pattern(r, "allow", PCRE2_NEVER_BACKSLASH_C, &out->allow);
	return rc;
}

static int compile_all(struct sk_secrets *s, struct sk_strv *keywords)
{
	int rc = 0;

	s->rule = calloc(s->text.n, sizeof *s->rule);
	if (!s->rule)
		return sk_error_oom();
	for (size_t i = 0; !rc && i < s->text.n; i++) {
		const struct sk_ini_rule *r = &s->text.rule[i];
		size_t from = keywords->n, *rule_of;

		if (strcmp(r->kind, "placeholder") == 0) {
			rc = s->placeholder ? sk_ini_rule_error(r, NULL, "is there twice")
			                    : sk_ini_rule_check(r, "pattern");
			if (!rc)
				rc = sk_ini_rule_pattern(r, "pattern", 0, &s->placeholder);
			continue;
		}
		if (strcmp(r->kind, "rule") != 0)
			return sk_ini_rule_error(r, NULL, "not a section of secrets' rules");
		rc = compile_rule(r, &s->rule[s->n++], keywords);
		if (rc)
			break;
		rule_of = reallocarray(s->rule_of, keywords->n, sizeof *rule_of);
		if (!rule_of)
			return sk_error_oom();
		s->rule_of = rule_of;
		while (from < keywords->n)
			rule_of[from++] = s->n - 1;
	}
	if (!rc && !s->n)
		rc = sk_error(SK_EIO, "no rules for secrets: the installation is not complete");
	return rc;
}

int sk_secrets_load(struct sk_secrets **out)
{
	struct sk_secrets *s = calloc(1, sizeof *s);
	struct sk_strv keywords = SK_STRV_INIT;
	int rc = s ? sk_ini_rules_load("secrets", &s->text) : sk_error_oom();

	if (!rc)
		rc = compile_all(s, &keywords);
	if (!rc)
		rc = sk_keywords_new(&keywords, &s->keywords);
	sk_strv_free(&keywords);
	if (rc)
		sk_secrets_free(s);
	else
		*out = s;
	return rc;
}

void sk_secrets_free(struct sk_secrets *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->n; i++) {
		pcre2_code_free(s->rule[i].pattern);
		pcre2_code_free(s->rule[i].allow);
	}
	pcre2_code_free(s->placeholder);
	sk_keywords_free(s->keywords);
	sk_ini_rules_free(&s->text);
	free(s->rule);
	free(s->rule_of);
	free(s);
}

size_t sk_secrets_count(const struct sk_secrets *s)
{
	return s->n;
}

struct scan {
	const struct sk_secrets *secrets;
	const char *text;
	size_t len;
	bool heed_inline;
	size_t *end; /* of the last match of each rule */
	pcre2_match_data *data;
	pcre2_match_context *context;
	struct sk_secret_list *out;
};

/* Shannon's, in bits for each byte. */
static double entropy(const char *p, size_t len)
{
	size_t count[256] = { 0 };
	double sum = 0;

	for (size_t i = 0; i < len; i++)
		count[(unsigned char)p[i]]++;
	for (size_t i = 0; i < 256; i++)
		if (count[i]) {
			double share = (double)count[i] / (double)len;

			sum -= share * log2(share);
		}
	return sum;
}

/* Whether a line that the value has a part in says so. */
static bool allowed_inline(const struct scan *s, size_t from, size_t to)
{
	const char *eol;

	while (from && s->text[from - 1] != '\n')
		from--;
	eol = memchr(s->text + to, '\n', s->len - to);
	to = eol ? (size_t)(eol - s->text) : s->len;
	return memmem(s->text + from, to - from, ALLOW_INLINE, sizeof ALLOW_INLINE - 1) != NULL;
}

static int excused(struct scan *s, const struct secret_rule *r, size_t from, size_t to, bool *out)
{
	const pcre2_code *codes[] = { r->allow, r->placeholders ? s->secrets->placeholder : NULL };
	bool yes = entropy(s->text + from, to - from) * 10 < r->entropy ||
	           (s->heed_inline && allowed_inline(s, from, to));
	int rc = 0;

	for (size_t i = 0; !rc && !yes && i < 2; i++)
		if (codes[i])
			rc = sk_match(codes[i], s->text + from, to - from, 0, 0, s->data,
			              s->context, &yes);
	*out = yes;
	return rc;
}

static int add(struct sk_secret_list *list, const struct secret_rule *r, size_t from, size_t to)
{
	if (list->n == list->cap) {
		size_t cap = list->cap ? list->cap * 2 : 8;
		struct sk_secret *item = reallocarray(list->item, cap, sizeof *item);

		if (!item)
			return sk_error_oom();
		list->item = item;
		list->cap = cap;
	}
	list->item[list->n++] = (struct sk_secret){ r->id, r->title, from, to - from, 0 };
	return 0;
}

static int prepare(struct scan *s)
{
	if (s->data)
		return 0;
	s->data = pcre2_match_data_create(16, NULL);
	s->context = sk_match_context();
	s->end = calloc(s->secrets->n, sizeof *s->end);
	return s->data && s->context && s->end ? 0 : sk_error_oom();
}

static int on_keyword(void *ctx, size_t word, size_t start)
{
	struct scan *s = ctx;
	size_t number = s->secrets->rule_of[word], from, to;
	const struct secret_rule *r = &s->secrets->rule[number];
	bool found = false, excuse = false;
	int rc = prepare(s);

	if (rc || start < s->end[number])
		return rc;
	from = start > r->before ? start - r->before : 0;
	if (from < s->end[number])
		from = s->end[number];
	for (; !rc && !found && from <= start; from++)
		rc = sk_match(r->pattern, s->text, s->len, from, PCRE2_ANCHORED, s->data,
		              s->context, &found);
	if (rc)
		return sk_error_prefix(rc, "secrets rule '%s'", r->id);
	if (!found)
		return 0;
	from = pcre2_get_ovector_pointer(s->data)[0];
	to = pcre2_get_ovector_pointer(s->data)[1];
	if (to <= from)
		return 0;
	rc = excused(s, r, from, to, &excuse);
	if (!rc && !excuse)
		rc = add(s->out, r, from, to);
	if (!rc)
		s->end[number] = to;
	return rc;
}

static int by_place(const void *a, const void *b)
{
	const struct sk_secret *x = a, *y = b;

	if (x->offset != y->offset)
		return x->offset < y->offset ? -1 : 1;
	return x->len > y->len ? -1 : x->len < y->len;
}

/* In the order of the text; what lies within the one before goes, and what overlaps it joins it. */
static void settle(struct sk_secret_list *list, size_t first, const char *text)
{
	size_t kept = 0, at = 0, n = list->n - first;
	struct sk_secret *item;
	uint32_t line = 1;

	if (!n)
		return;
	item = list->item + first;
	qsort(item, n, sizeof *item, by_place);
	for (size_t i = 0; i < n; i++) {
		struct sk_secret *last = kept ? &item[kept - 1] : NULL;
		size_t end = item[i].offset + item[i].len;

		if (last && item[i].offset < last->offset + last->len) {
			if (end > last->offset + last->len)
				last->len = end - last->offset;
			continue;
		}
		for (; at < item[i].offset; at++)
			line += text[at] == '\n';
		item[kept] = item[i];
		item[kept++].line = line;
	}
	list->n = first + kept;
}

static int scan(const struct sk_secrets *secrets, const char *bytes, size_t len, bool heed_inline,
                struct sk_secret_list *out)
{
	struct scan s = { .secrets = secrets,
		          .text = bytes,
		          .len = len,
		          .heed_inline = heed_inline,
		          .out = out };
	size_t first = out->n;
	int rc = sk_keywords_scan(secrets->keywords, bytes, len, on_keyword, &s);

	if (rc)
		out->n = first;
	else
		settle(out, first, bytes);
	free(s.end);
	pcre2_match_data_free(s.data);
	pcre2_match_context_free(s.context);
	return rc;
}

int sk_secrets_scan(const struct sk_secrets *secrets, const char *bytes, size_t len,
                    struct sk_secret_list *out)
{
	return scan(secrets, bytes, len, true, out);
}

void sk_secret_list_clear(struct sk_secret_list *list)
{
	free(list->item);
	*list = (struct sk_secret_list){ 0 };
}

int sk_secrets_redact_list(const struct sk_secrets *secrets, const char *bytes, size_t len,
                           struct sk_buf *out, struct sk_secret_list *found)
{
	size_t at = 0;
	int rc = scan(secrets, bytes, len, false, found);

	for (size_t i = 0; !rc && i < found->n; i++) {
		(void)sk_buf_add(out, bytes + at, found->item[i].offset - at);
		(void)sk_buf_addf(out, "[REDACTED:%s]", found->item[i].rule);
		at = found->item[i].offset + found->item[i].len;
	}
	if (!rc && at < len)
		(void)sk_buf_add(out, bytes + at, len - at);
	return rc ? rc : sk_buf_ok(out);
}

int sk_secrets_redact(const struct sk_secrets *secrets, const char *bytes, size_t len,
                      struct sk_buf *out, size_t *n)
{
	struct sk_secret_list found = { 0 };
	int rc = sk_secrets_redact_list(secrets, bytes, len, out, &found);

	if (!rc)
		*n = found.n;
	sk_secret_list_clear(&found);
	return rc;
}
