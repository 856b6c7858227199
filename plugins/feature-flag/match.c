/* match.c - finding many words in a text at once: by the run of letters, digits and _ that each
 * begins with, in a hash table.  One pass, however many flags there are. */
#include <ctype.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "refs.h"

struct word {
	const char *text;
	size_t len, head; /* its first run */
	size_t flag;
	bool lone, off;
	struct word *next;
};

struct matcher {
	struct word **bucket;
	size_t buckets; /* a power of two */
	struct word *word;
	size_t n;
};

static bool is_word(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

/* FNV-1a, 32 bits. */
static uint32_t hash(const char *text, size_t len)
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < len; i++)
		h = (h ^ (unsigned char)text[i]) * 16777619u;
	return h;
}

static size_t run(const char *text, size_t len)
{
	size_t n = 0;

	while (n < len && is_word(text[n]))
		n++;
	return n;
}

static void add(struct matcher *m, size_t flag, const char *text, bool lone)
{
	for (size_t i = m->n; i && m->word[i - 1].flag == flag; i--)
		if (strcmp(m->word[i - 1].text, text) == 0)
			return;
	m->word = fl_more(m->word, m->n, sizeof *m->word);
	m->word[m->n] = (struct word){ .text = text, .len = strlen(text), .flag = flag };
	m->word[m->n].head = run(text, m->word[m->n].len);
	m->word[m->n++].lone = lone;
}

/* "NEW_PAYMENT" in another casing: `sep` between words, or 0 with each word's first letter big,
 * that of the very first one too if `pascal`. */
static char *cased(const char *upper, char sep, bool pascal)
{
	char *out = fl_alloc(strlen(upper) + 1, 1);
	bool begins = true, big;
	size_t n = 0;

	for (const char *p = upper; *p; p++) {
		if (*p == '_') {
			if (sep)
				out[n++] = sep;
			begins = true;
			continue;
		}
		big = !sep && begins && (n || pascal);
		out[n++] = big ? *p : (char)tolower((unsigned char)*p);
		begins = false;
	}
	return out;
}

static void add_flag(struct matcher *m, size_t i, const struct flag *flag)
{
	char *upper = flag_upper(flag->name);
	bool lone = !strchr(upper, '_') || strlen(upper) < 4;

	add(m, i, flag->name, lone);
	add(m, i, fl_format("FLAG_%s", upper), false);
	if (flag->env && !flag->broken)
		add(m, i, flag->env, !strchr(flag->env, '_'));
	if (lone)
		return;
	add(m, i, upper, false);
	add(m, i, cased(upper, '_', false), false);
	add(m, i, cased(upper, '-', false), false);
	add(m, i, cased(upper, '.', false), false);
	add(m, i, cased(upper, 0, false), false);
	add(m, i, cased(upper, 0, true), false);
}

struct matcher *matcher_new(const struct flag *flag, size_t n)
{
	struct matcher *m = fl_alloc(1, sizeof *m);

	for (size_t i = 0; i < n; i++)
		if (flag_name_ok(flag[i].name))
			add_flag(m, i, &flag[i]);
	for (m->buckets = 16; m->buckets < 2 * m->n;)
		m->buckets *= 2;
	m->bucket = fl_alloc(m->buckets, sizeof *m->bucket);
	for (size_t i = 0; i < m->n; i++) {
		struct word *w = &m->word[i];
		struct word **at = &m->bucket[hash(w->text, w->head) & (m->buckets - 1)];

		w->next = *at;
		*at = w;
	}
	return m;
}

void matcher_yield(struct matcher *m, const struct flag *others, size_t n)
{
	const struct matcher *theirs = matcher_new(others, n);

	for (size_t i = 0; i < m->n; i++)
		for (size_t k = 0; k < theirs->n; k++)
			if (strcmp(m->word[i].text, theirs->word[k].text) == 0)
				m->word[i].off = true;
}

const char *const *matcher_words(const struct matcher *m)
{
	const char **list = fl_alloc(m->n + 1, sizeof *list);
	size_t n = 0;

	for (size_t i = 0; i < m->n; i++)
		if (!m->word[i].off)
			list[n++] = m->word[i].text;
	return list;
}

/* A word of its own before a dot that says that what follows is a flag or a variable. */
static bool after_holder(const char *text, size_t at)
{
	static const char *const holder[] = { "flags", "flag", "features", "feature", "env", NULL };
	size_t len;

	if (!at || text[at - 1] != '.')
		return false;
	for (size_t i = 0; holder[i]; i++) {
		len = strlen(holder[i]);
		if (at - 1 >= len && strncasecmp(text + at - 1 - len, holder[i], len) == 0)
			return true;
	}
	return false;
}

static bool lone_counts(const char *text, size_t len, size_t at, size_t end)
{
	char before = at ? text[at - 1] : ' ';

	if (before && strchr("\"'`", before))
		return end < len && text[end] == before;
	return before == '$' || (before == '{' && at > 1 && text[at - 2] == '$') ||
	       after_holder(text, at);
}

/* Not a part of a longer one: a-b in x-a-b or a-b-x, a.b in a.b.x. */
static bool stands_alone(const struct word *w, const char *text, size_t len, size_t at)
{
	size_t end = at + w->len;
	bool dash = memchr(w->text, '-', w->len), dot = memchr(w->text, '.', w->len);

	if (end < len && is_word(text[end]))
		return false;
	if (end + 1 < len && is_word(text[end + 1]) &&
	    ((dash && text[end] == '-') || (dot && text[end] == '.')))
		return false;
	return !(dash && at > 1 && text[at - 1] == '-' && is_word(text[at - 2])) &&
	       (!w->lone || lone_counts(text, len, at, end));
}

void matcher_find(const struct matcher *m, const char *text, size_t len, match_fn *fn, void *ctx)
{
	size_t i = 0, n;

	while (i < len) {
		const struct word *w;

		n = run(text + i, len - i);
		if (!n) {
			i++;
			continue;
		}
		w = m->bucket[hash(text + i, n) & (m->buckets - 1)];
		for (; w; w = w->next)
			if (!w->off && w->head == n && w->len <= len - i &&
			    memcmp(text + i, w->text, w->len) == 0 && stands_alone(w, text, len, i))
				fn(ctx, w->flag, i, w->len);
		i += n;
	}
}
