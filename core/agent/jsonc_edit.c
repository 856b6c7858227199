/* Changing: each change is a few splices of the text, so that all else keeps its bytes. */
#include <string.h>

#include "agent/jsonc.h"
#include "agent/jsonc_parts.h"

struct style {
	const char *newline; /* "" : all on one line */
	struct sk_buf unit;  /* one step of indentation */
};

static bool blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Where a member or an element begins. */
static size_t begin_of(const struct sk_jsonc_node *node)
{
	return node->key_end ? node->key : node->start;
}

/* The blanks that the line of `at` begins with. */
static void add_indent(const struct sk_jsonc *j, size_t at, struct sk_buf *out)
{
	size_t line = at, n = 0;

	while (line && j->text[line - 1] != '\n')
		line--;
	while (line + n < at && (j->text[line + n] == ' ' || j->text[line + n] == '\t'))
		n++;
	(void)sk_buf_add(out, j->text + line, n);
}

/* The text's own: its line ends, and how far its first member stands in. */
static void find_style(const struct sk_jsonc *j, struct style *style)
{
	const struct sk_jsonc_node *root = &j->node[0];
	const char *nl = memchr(j->text, '\n', j->len);
	size_t first = root->child ? begin_of(&j->node[root->child]) : root->end;

	style->newline = nl && nl > j->text && nl[-1] == '\r' ? "\r\n" : "\n";
	if (root->child && !memchr(j->text + root->start, '\n', root->end - root->start))
		style->newline = "";
	if (root->child && memchr(j->text + root->start, '\n', first - root->start))
		add_indent(j, first, &style->unit);
	if (!style->unit.len)
		(void)sk_buf_adds(&style->unit, "  ");
}

/* jansson's lines, two blanks a step, with `base` before each but the first. */
static void add_value(const struct style *style, const char *base, const char *value,
                      struct sk_buf *out)
{
	while (*value) {
		size_t n = strcspn(value, "\n"), steps = strspn(value, " ") / 2;

		for (size_t i = 0; *style->newline && i < steps; i++)
			(void)sk_buf_adds(out, style->unit.ptr);
		(void)sk_buf_add(out, value + steps * 2, n - steps * 2);
		value += n;
		if (*value) {
			value++;
			/* on one line: a blank after a comma only */
			if (*style->newline)
				(void)sk_buf_addf(out, "%s%s", style->newline, base);
			else if (out->len && out->ptr[out->len - 1] == ',')
				(void)sk_buf_addc(out, ' ');
		}
	}
}

static void add_item(const struct style *style, const char *base, const char *name,
                     const char *value, struct sk_buf *out)
{
	if (name)
		(void)sk_buf_addf(out, "\"%s\": ", name);
	add_value(style, base, value, out);
}

/* The comma after a member or an element, or SIZE_MAX. */
static size_t comma_after(const struct sk_jsonc *j, const struct sk_jsonc_node *node)
{
	size_t at = sk_jsonc_skip(j->text, node->end, j->len);

	return at < j->len && j->text[at] == ',' ? at : (size_t)-1;
}

/* The end of the line, when only blanks and a comment come before it; else `at`. */
static size_t past_remark(const struct sk_jsonc *j, size_t at)
{
	const char *nl = memchr(j->text + at, '\n', j->len - at);
	size_t end = nl ? (size_t)(nl - j->text) : j->len, past;

	past = sk_jsonc_skip(j->text, at, end);
	if (past != end)
		return at;
	while (past > at && blank(j->text[past - 1]))
		past--;
	return past;
}

/* After the last one of a container that has some. */
static void insert_after(const struct sk_jsonc *j, size_t container, const struct style *style,
                         const char *name, const char *value, struct sk_buf *out)
{
	const struct sk_jsonc_node *c = &j->node[container], *last = &j->node[c->last];
	size_t first = begin_of(&j->node[c->child]), comma = comma_after(j, last), at;
	bool lines = memchr(j->text + c->start, '\n', first - c->start);
	size_t end = comma == (size_t)-1 ? last->end : comma + 1;
	struct sk_buf base = SK_BUF_INIT;

	at = past_remark(j, end);
	add_indent(j, lines ? first : c->start, &base);
	(void)sk_buf_add(out, j->text, last->end);
	if (comma == (size_t)-1)
		(void)sk_buf_addc(out, ',');
	(void)sk_buf_add(out, j->text + last->end, at - last->end);
	/* what comes after a remark would be part of it */
	if ((lines || at > end) && *style->newline)
		(void)sk_buf_addf(out, "%s%s", style->newline, sk_buf_str(&base));
	else
		(void)sk_buf_addc(out, ' ');
	add_item(style, sk_buf_str(&base), name, value, out);
	if (comma != (size_t)-1)
		(void)sk_buf_addc(out, ',');
	(void)sk_buf_add(out, j->text + at, j->len - at);
	if (base.oom)
		out->oom = true;
	sk_buf_free(&base);
}

/* Into one that has none, but perhaps a comment. */
static void insert_first(const struct sk_jsonc *j, size_t container, const struct style *style,
                         const char *name, const char *value, struct sk_buf *out)
{
	const struct sk_jsonc_node *c = &j->node[container];
	struct sk_buf base = SK_BUF_INIT, inner = SK_BUF_INIT;
	size_t at = c->end - 1;

	while (at > c->start + 1 && blank(j->text[at - 1]))
		at--;
	add_indent(j, c->start, &base);
	(void)sk_buf_addf(&inner, "%s%s", sk_buf_str(&base), style->unit.ptr);
	(void)sk_buf_add(out, j->text, at);
	if (*style->newline)
		(void)sk_buf_addf(out, "%s%s", style->newline, sk_buf_str(&inner));
	add_item(style, sk_buf_str(&inner), name, value, out);
	if (*style->newline)
		(void)sk_buf_addf(out, "%s%s", style->newline, sk_buf_str(&base));
	(void)sk_buf_add(out, j->text + c->end - 1, j->len - c->end + 1);
	if (base.oom || inner.oom)
		out->oom = true;
	sk_buf_free(&base);
	sk_buf_free(&inner);
}

int sk_jsonc_insert(const struct sk_jsonc *j, size_t container, const char *name, const char *value,
                    struct sk_buf *out)
{
	struct style style = { "\n", SK_BUF_INIT };
	int rc;

	find_style(j, &style);
	rc = sk_buf_ok(&style.unit);
	if (!rc && j->node[container].child)
		insert_after(j, container, &style, name, value, out);
	else if (!rc)
		insert_first(j, container, &style, name, value, out);
	sk_buf_free(&style.unit);
	return rc ? rc : sk_buf_ok(out);
}

static const struct sk_jsonc_node *one_before(const struct sk_jsonc *j, size_t node)
{
	size_t i = j->node[j->node[node].parent].child, before = 0;

	for (; i != node; i = j->node[i].next)
		before = i;
	return before ? &j->node[before] : NULL;
}

/* The text less [from, to) and less the byte at `comma`, which lies outside of that. */
static void without(const struct sk_jsonc *j, size_t from, size_t to, size_t comma,
                    struct sk_buf *out)
{
	size_t done = 0;

	if (comma < from) {
		(void)sk_buf_add(out, j->text, comma);
		done = comma + 1;
	}
	(void)sk_buf_add(out, j->text + done, from - done);
	done = to;
	if (comma != (size_t)-1 && comma >= to) {
		(void)sk_buf_add(out, j->text + done, comma - done);
		done = comma + 1;
	}
	(void)sk_buf_add(out, j->text + done, j->len - done);
}

int sk_jsonc_remove(const struct sk_jsonc *j, size_t node, struct sk_buf *out)
{
	const struct sk_jsonc_node *it = &j->node[node], *before = one_before(j, node);
	const struct sk_jsonc_node *in = &j->node[it->parent];
	size_t from = begin_of(it), to = it->end, comma = comma_after(j, it);

	while (from > in->start + 1 && blank(j->text[from - 1]))
		from--;
	if (comma == (size_t)-1 && before)
		comma = comma_after(j, before);
	if (!before && !it->next) { /* nothing stays: nor do the blanks before the bracket */
		size_t end = comma == (size_t)-1 ? to : comma + 1;

		while (end < in->end - 1 && blank(j->text[end]))
			end++;
		if (end == in->end - 1 && from == in->start + 1) {
			to = end;
			comma = (size_t)-1;
		}
	}
	without(j, from, to, comma, out);
	return sk_buf_ok(out);
}
