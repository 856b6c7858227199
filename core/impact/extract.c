#include "impact/extract.h"

#include <string.h>
#include <time.h>

#include "impact/extract_list.h"
#include "impact/extract_tree.h"
#include "impact/language_file.h"

/* A pattern can be made to fail late at every place, which is quadratic.  The rules that SafeKeep
 * has are written not to; for those of others the search goes on in steps, each from at most STEP
 * places and over at most WINDOW bytes, and the clock is asked in between. */
enum {
	STEP = 256,
	WINDOW = 16 << 20,
	CALLS_PER_LOOK = 16,
	BASE_MS = 2000,
	NS_PER_BYTE = 300, /* normal are 10 with JIT, 100 without */
	ERRORS_MAX = 16,
	DEPTH_MAX = 4, /* languages inside of languages */
	SIZE_MAX_READ = 64 << 20,
	UNREADABLE_MAX = 120 /* bytes of an expression that are kept */
};

struct scan {
	struct sk_found_list list;
	struct sk_buf spec, name; /* as they are put together */
	const char *seen;         /* lines are counted up to here */
	uint32_t line;
	unsigned calls, errors;
	int64_t deadline; /* of the thread's own clock, ns */
	bool stop;
};

/* Text in which matches are looked for, and where. */
struct search {
	const pcre2_code *code;
	pcre2_match_data *data;
	pcre2_match_context *context;
	const char *text;
	size_t at, end;
};

static int64_t thread_ns(void)
{
	struct timespec t;

	if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t))
		return 0;
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* From 1; the places asked for mostly come in order. */
static uint32_t line_of(struct scan *s, const char *at)
{
	const char *p = s->seen;

	for (; p < at && (p = memchr(p, '\n', (size_t)(at - p))); p++)
		s->line++;
	for (p = s->seen; p && p > at && (p = memrchr(at, '\n', (size_t)(p - at)));)
		s->line--;
	s->seen = at;
	return s->line;
}

/* After a limit was met somewhere in the step: on the next line. */
static void pass_over(struct scan *s, struct search *f)
{
	const char *eol = memchr(f->text + f->at, '\n', f->end - f->at);

	s->list.cut = true;
	f->at = eol ? (size_t)(eol - f->text) + 1 : f->end + 1;
	if (++s->errors > ERRORS_MAX)
		s->stop = true;
}

/* The next match, or false. */
static bool next_match(struct scan *s, struct search *f, int *groups)
{
	while (f->at <= f->end && !s->stop) {
		size_t left = f->end - f->at;
		size_t last = f->at + (left < STEP ? left : STEP);
		size_t end = f->at + (left < WINDOW ? left : WINDOW);
		const PCRE2_SIZE *o = pcre2_get_ovector_pointer(f->data);
		int rc;

		(void)pcre2_set_offset_limit(f->context, last);
		rc = pcre2_match(f->code, (PCRE2_SPTR)f->text, end, f->at, 0, f->data, f->context);
		if (++s->calls % CALLS_PER_LOOK == 0 && thread_ns() > s->deadline)
			s->list.cut = s->stop = true;
		if (rc > 0) {
			f->at = o[1] > f->at ? o[1] : f->at + 1;
			*groups = rc;
			return true;
		}
		if (rc == PCRE2_ERROR_NOMATCH)
			f->at = last + 1;
		else
			pass_over(s, f);
	}
	return false;
}

struct piece {
	const char *p; /* NULL: the group took no part */
	size_t n;
};

static struct piece get_group(const struct search *f, const struct sk_groups *g,
                              enum sk_group which, int groups)
{
	const PCRE2_SIZE *o = pcre2_get_ovector_pointer(f->data);

	for (size_t i = 0; i < g->n[which]; i++) {
		size_t k = g->number[which][i];

		if (k < (size_t)groups && o[2 * k] != PCRE2_UNSET && o[2 * k] <= o[2 * k + 1])
			return (struct piece){ f->text + o[2 * k], o[2 * k + 1] - o[2 * k] };
	}
	return (struct piece){ NULL, 0 };
}

static bool is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r') || c == '\\';
}

/* Without blanks and the backslashes that continue lines. */
static struct piece squeezed(struct piece in, struct sk_buf *out)
{
	sk_buf_clear(out);
	for (size_t i = 0; i < in.n; i++)
		if (!is_blank(in.p[i]))
			(void)sk_buf_addc(out, in.p[i]);
	return (struct piece){ sk_buf_str(out), out->len };
}

/* An expression on one line, cut to what a message can show. */
static struct piece shown(struct piece in, struct sk_buf *out)
{
	sk_buf_clear(out);
	for (size_t i = 0; i < in.n && out->len < UNREADABLE_MAX; i++)
		if (in.p[i] && !is_blank(in.p[i]))
			(void)sk_buf_addc(out, in.p[i]);
		else if (out->len && out->ptr[out->len - 1] != ' ')
			(void)sk_buf_addc(out, ' ');
	if (out->len && out->ptr[out->len - 1] == ' ')
		sk_buf_truncate(out, out->len - 1);
	return (struct piece){ sk_buf_str(out), out->len };
}

struct hit {
	struct scan *scan;
	const struct sk_rule *rule;
	bool type_only;
};

static int emit(const struct hit *h, struct piece spec, struct piece name)
{
	struct scan *s = h->scan;
	uint32_t line = line_of(s, name.p ? name.p : spec.p);

	if (!spec.p)
		return 0;
	if (h->rule->kind == SK_IMPORT_UNREADABLE)
		spec = shown(spec, &s->spec);
	else if (h->rule->squeeze)
		spec = squeezed(spec, &s->spec);
	if (h->rule->squeeze && name.p)
		name = squeezed(name, &s->name);
	if (h->rule->before) {
		struct sk_buf whole = SK_BUF_INIT;

		(void)sk_buf_adds(&whole, h->rule->before);
		(void)sk_buf_add(&whole, spec.p, spec.n);
		sk_buf_free(&s->spec);
		s->spec = whole;
		spec = (struct piece){ sk_buf_str(&whole), whole.len };
	}
	if (h->rule->fixed && !name.p)
		name = (struct piece){ h->rule->fixed, strlen(h->rule->fixed) };
	if (sk_buf_ok(&s->spec) || sk_buf_ok(&s->name))
		return SK_EIO;
	return sk_list_add(&s->list, &(struct sk_found){ .spec = spec.p,
	                                                 .spec_len = spec.n,
	                                                 .name = name.p,
	                                                 .name_len = name.n,
	                                                 .line = line,
	                                                 .kind = h->rule->kind,
	                                                 .type_only = h->type_only });
}

static int add_leaf(void *ctx, const char *path, size_t len, bool all, const char *at)
{
	const struct hit *h = ctx;

	return sk_list_add(&h->scan->list,
	                   &(struct sk_found){ .spec = path,
	                                       .spec_len = len,
	                                       .name = all ? "*" : NULL,
	                                       .name_len = all ? 1 : 0,
	                                       .line = line_of(h->scan, at),
	                                       .kind = all ? SK_IMPORT_FROM : h->rule->kind,
	                                       .type_only = h->type_only });
}

/* What the item pattern finds in the list; an item without a spec has that of the statement. */
static int add_items(const struct hit *h, const struct sk_scratch *scratch, struct piece list,
                     struct piece spec)
{
	const struct sk_groups *g = &h->rule->item_groups;
	struct search f = { .code = h->rule->item_code,
		            .data = scratch->item_data,
		            .context = scratch->context,
		            .text = list.p,
		            .end = list.n };
	int groups, rc = 0;

	while (!rc && next_match(h->scan, &f, &groups)) {
		struct piece own = get_group(&f, g, SK_GROUP_SPEC, groups);
		struct piece name = get_group(&f, g, SK_GROUP_NAME, groups);
		struct hit item = *h;

		item.type_only |= get_group(&f, g, SK_GROUP_TYPE, groups).p != NULL;
		if (own.p || name.p)
			rc = emit(&item, own.p ? own : spec, name);
	}
	return rc;
}

static int scan_text(struct scan *s, const struct sk_language *language, const char *text,
                     size_t size, int depth);

static int take_match(struct scan *s, const struct search *f, const struct sk_rule *rule,
                      const struct sk_scratch *scratch, int groups, int depth)
{
	struct piece list = get_group(f, &rule->groups, SK_GROUP_LIST, groups);
	struct piece spec = get_group(f, &rule->groups, SK_GROUP_SPEC, groups);
	struct hit h = { .scan = s, .rule = rule };

	h.type_only =
	        rule->type_only || get_group(f, &rule->groups, SK_GROUP_TYPE, groups).p != NULL;
	if (list.p && rule->embedded) {
		if (rule->language && depth < DEPTH_MAX)
			return scan_text(s, rule->language, list.p, list.n, depth + 1);
		s->list.cut = true;
		return 0;
	}
	if (list.p && rule->tree)
		return sk_tree_walk(list.p, list.n, rule->tree, add_leaf, &h, &s->list.cut);
	if (list.p && rule->item_code)
		return add_items(&h, scratch, list, spec);
	return emit(&h, spec, get_group(f, &rule->groups, SK_GROUP_NAME, groups));
}

/* The rule whose group took part: that of the highest number that is not above `groups`. */
static const struct sk_rule *rule_of(const struct sk_rules *rules, const PCRE2_SIZE *o, int groups)
{
	for (size_t i = rules->n; i--;)
		if (rules->rule[i].whole < groups && o[2 * rules->rule[i].whole] != PCRE2_UNSET)
			return &rules->rule[i];
	return NULL;
}

static int scan_text(struct scan *s, const struct sk_language *language, const char *text,
                     size_t size, int depth)
{
	struct sk_rules *rules = language->rules;
	struct sk_scratch *scratch;
	struct search f = { .code = rules->code, .text = text, .end = size };
	int groups, rc = sk_rules_take(rules, &scratch);

	if (rc)
		return rc;
	f.data = scratch->data;
	f.context = scratch->context;
	while (!rc && next_match(s, &f, &groups)) {
		const struct sk_rule *rule =
		        rule_of(rules, pcre2_get_ovector_pointer(f.data), groups);

		if (rule)
			rc = take_match(s, &f, rule, scratch, groups, depth);
	}
	sk_rules_give(rules, scratch);
	return rc;
}

int sk_extract(const struct sk_language *language, const char *bytes, size_t size,
               struct sk_imports *out)
{
	struct scan s = { .seen = bytes, .line = 1 };
	int rc = 0;

	if (size >= 2 && (memcmp(bytes, "\xff\xfe", 2) == 0 || memcmp(bytes, "\xfe\xff", 2) == 0)) {
		s.list.cut = true; /* UTF-16 */
		size = 0;
	}
	if (size >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0) {
		bytes += 3;
		size -= 3;
	}
	if (size > SIZE_MAX_READ) {
		s.list.cut = true;
		size = SIZE_MAX_READ;
	}
	s.deadline = thread_ns() + BASE_MS * INT64_C(1000000) + (int64_t)size * NS_PER_BYTE;
	if (size)
		rc = scan_text(&s, language, bytes, size, 0);
	if (!rc)
		rc = sk_list_finish(&s.list, out);
	sk_found_free(&s.list);
	sk_buf_free(&s.spec);
	sk_buf_free(&s.name);
	return rc;
}
