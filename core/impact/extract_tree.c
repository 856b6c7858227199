#include "impact/extract_tree.h"

#include <string.h>

#include "base/text.h"

struct tree {
	const char *p, *end;
	const char *separator;
	sk_tree_fn *fn;
	void *ctx;
	bool *cut;
	struct sk_buf path;
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}

/* Past blanks and comments; true when there were any. */
static bool skip_gap(struct tree *t)
{
	const char *start = t->p;

	while (t->p < t->end) {
		size_t left = (size_t)(t->end - t->p);
		const char *stop;

		if (is_blank(*t->p)) {
			t->p++;
			continue;
		}
		if (left >= 2 && memcmp(t->p, "//", 2) == 0) {
			stop = memchr(t->p, '\n', left);
			t->p = stop ? stop : t->end;
		} else if (left >= 2 && memcmp(t->p, "/*", 2) == 0) {
			stop = memmem(t->p + 2, left - 2, "*/", 2);
			t->p = stop ? stop + 2 : t->end;
		} else {
			break;
		}
	}
	return t->p > start;
}

static bool ends_word(const struct tree *t, const char *p)
{
	return p == t->end || is_blank(*p) || sk_one_of(*p, ",{}/");
}

static bool is_word(const char *p, size_t n, const char *word)
{
	return strlen(word) == n && memcmp(p, word, n) == 0;
}

/* Adds the words up to a comma or brace to the path, without what renames them. */
static void take_words(struct tree *t, size_t before)
{
	bool renamed = false;

	while (skip_gap(t), t->p < t->end && !sk_one_of(*t->p, ",{}")) {
		const char *word = t->p;
		size_t n;

		do
			t->p++;
		while (!ends_word(t, t->p));
		n = (size_t)(t->p - word);
		if (is_word(word, n, "as"))
			renamed = true;
		else if (t->path.len == before && t->p < t->end && is_blank(*t->p) &&
		         (is_word(word, n, "function") || is_word(word, n, "const")))
			continue; /* of PHP: what kind of name follows */
		else if (!renamed)
			(void)sk_buf_add(&t->path, word, n);
	}
}

static size_t without(const struct tree *t, size_t len, const char *tail)
{
	size_t n = strlen(tail);

	return len >= n && memcmp(t->path.ptr + len - n, tail, n) == 0 ? len - n : len;
}

/* The path itself is left as it is: the next leaf needs its beginning. */
static int leaf(struct tree *t, size_t before, const char *at)
{
	size_t len = t->path.len;
	bool all = false;

	if (sk_buf_ok(&t->path))
		return SK_EIO;
	if (len == before)
		return 0;
	if (before && is_word(t->path.ptr + before, len - before, "self")) {
		len = before;
	} else {
		len = without(t, len, "*");
		all = len < t->path.len;
	}
	len = without(t, len, t->separator);
	return len ? t->fn(t->ctx, t->path.ptr, len, all, at) : 0;
}

static int walk(struct tree *t, int depth)
{
	int rc = 0;

	while (!rc) {
		size_t before = t->path.len;
		const char *at;

		while (skip_gap(t), t->p < t->end && *t->p == ',')
			t->p++;
		if (t->p == t->end)
			break;
		if (*t->p == '}') {
			t->p++;
			break;
		}
		at = t->p;
		take_words(t, before);
		if (t->p == t->end || *t->p != '{') {
			rc = leaf(t, before, at);
		} else if (depth == SK_TREE_DEPTH) {
			*t->cut = true;
			t->p = t->end;
		} else {
			t->p++;
			rc = walk(t, depth + 1);
		}
		sk_buf_truncate(&t->path, before);
	}
	return rc;
}

int sk_tree_walk(const char *text, size_t size, const char *separator, sk_tree_fn *fn, void *ctx,
                 bool *cut)
{
	struct tree t = { .p = text,
		          .end = text + size,
		          .separator = separator,
		          .fn = fn,
		          .ctx = ctx,
		          .cut = cut };
	int rc = 0;

	/* a brace too many at the outermost level ends nothing */
	while (!rc && t.p < t.end)
		rc = walk(&t, 0);
	sk_buf_free(&t.path);
	return rc;
}
