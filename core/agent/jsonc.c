#include "agent/jsonc.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/jsonc_parts.h"
#include "base/text.h"

#define DEPTH_MAX 100
#define NODES_MAX 2000000

struct reader {
	struct sk_jsonc *j;
	size_t at, in; /* `in`: the open container; meaningless at depth 0 */
	unsigned depth;
	const char *wrong;
};

static bool blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

size_t sk_jsonc_skip(const char *text, size_t at, size_t len)
{
	for (;;) {
		const char *end;

		while (at < len && blank(text[at]))
			at++;
		if (len - at < 2 || text[at] != '/')
			return at;
		if (text[at + 1] == '/') {
			end = memchr(text + at, '\n', len - at);
			at = end ? (size_t)(end - text) : len;
		} else if (text[at + 1] == '*') {
			end = memmem(text + at + 2, len - at - 2, "*/", 2);
			if (!end)
				return at;
			at = (size_t)(end - text) + 2;
		} else {
			return at;
		}
	}
}

static int add_node(struct sk_jsonc *j, struct sk_jsonc_node node, size_t *out)
{
	if (j->n == j->cap) {
		size_t cap = j->cap ? j->cap * 2 : 64;
		struct sk_jsonc_node *more = reallocarray(j->node, cap, sizeof *more);

		if (!more)
			return sk_error_oom();
		j->node = more;
		j->cap = cap;
	}
	*out = j->n;
	j->node[j->n++] = node;
	return 0;
}

/* Links a new node into the open container. */
static int begin(struct reader *r, struct sk_jsonc_node node, size_t *out)
{
	size_t at = 0;
	int rc;

	if (r->j->n == NODES_MAX) {
		r->wrong = "too much for settings";
		return SK_ENO;
	}
	node.parent = r->depth ? r->in : 0;
	rc = add_node(r->j, node, &at);
	if (rc)
		return rc;
	if (r->depth) {
		struct sk_jsonc_node *in = &r->j->node[r->in];

		if (in->child)
			r->j->node[in->last].next = at;
		else
			in->child = at;
		in->last = at;
	}
	*out = at;
	return 0;
}

/* Past the string at `at`; 0 when it does not end, or has what no string may. */
static size_t past_string(const struct reader *r)
{
	const char *text = r->j->text;

	for (size_t at = r->at + 1; at < r->j->len; at++) {
		if (text[at] == '"')
			return at + 1;
		if ((unsigned char)text[at] < 0x20)
			return 0;
		at += text[at] == '\\';
	}
	return 0;
}

/* Past a number, true, false or null; 0 when it is none. */
static size_t past_word(const struct reader *r)
{
	static const char *const words[] = { "true", "false", "null" };
	const char *p = r->j->text + r->at;
	size_t len = r->j->len - r->at, n = 0;

	for (size_t i = 0; i < 3; i++)
		if (len >= strlen(words[i]) && memcmp(p, words[i], strlen(words[i])) == 0)
			return r->at + strlen(words[i]);
	while (n < len && memchr("+-.0123456789eE", p[n], 15))
		n++;
	return n && (p[0] == '-' || (p[0] >= '0' && p[0] <= '9')) ? r->at + n : 0;
}

static int fail(struct reader *r, const char *wrong)
{
	r->wrong = wrong;
	return SK_ENO;
}

/* A member's name and its colon. */
static int read_name(struct reader *r, struct sk_jsonc_node *node)
{
	const struct sk_jsonc *j = r->j;
	size_t end;

	if (r->at >= j->len || j->text[r->at] != '"')
		return fail(r, "a name in double quotes is missing");
	end = past_string(r);
	if (!end)
		return fail(r, "a string does not end");
	node->key = r->at;
	node->key_end = end;
	r->at = sk_jsonc_skip(j->text, end, j->len);
	if (r->at >= j->len || j->text[r->at] != ':')
		return fail(r, "a colon is missing");
	r->at = sk_jsonc_skip(j->text, r->at + 1, j->len);
	return 0;
}

/* A value; *open when it is a container, which has just begun. */
static int read_value(struct reader *r, bool *open)
{
	struct sk_jsonc_node node = { .kind = SK_JSONC_WORD };
	const char *text = r->j->text;
	size_t at;
	int rc;

	*open = false;
	if (r->depth && r->j->node[r->in].kind == SK_JSONC_OBJECT && (rc = read_name(r, &node)))
		return rc;
	if (r->at >= r->j->len)
		return fail(r, "it ends too early");
	node.start = r->at;
	if (text[r->at] == '{' || text[r->at] == '[') {
		if (r->depth == DEPTH_MAX)
			return fail(r, "too deeply nested");
		node.kind = text[r->at] == '{' ? SK_JSONC_OBJECT : SK_JSONC_ARRAY;
		node.end = r->j->len;
		*open = true;
	} else if (text[r->at] == '"') {
		node.kind = SK_JSONC_STRING;
		node.end = past_string(r);
	} else {
		node.end = past_word(r);
	}
	if (!node.end)
		return fail(r, node.kind == SK_JSONC_STRING ? "a string does not end"
		                                            : "a value is missing");
	rc = begin(r, node, &at);
	if (rc)
		return rc;
	r->at = *open ? r->at + 1 : node.end;
	if (*open) {
		r->in = at;
		r->depth++;
	}
	return 0;
}

/* Closes the container when it ends here. */
static bool closes(struct reader *r)
{
	struct sk_jsonc_node *in = &r->j->node[r->in];

	if (r->at >= r->j->len || r->j->text[r->at] != (in->kind == SK_JSONC_OBJECT ? '}' : ']'))
		return false;
	in->end = ++r->at;
	r->in = in->parent;
	r->depth--;
	return true;
}

static int read_all(struct reader *r)
{
	const struct sk_jsonc *j = r->j;
	bool open = false;
	int rc;

	do {
		r->at = sk_jsonc_skip(j->text, r->at, j->len);
		if (r->depth && closes(r)) { /* empty, or after a last comma */
			open = false;
		} else {
			rc = read_value(r, &open);
			if (rc)
				return rc;
		}
		r->at = sk_jsonc_skip(j->text, r->at, j->len);
		while (!open && r->depth && closes(r))
			r->at = sk_jsonc_skip(j->text, r->at, j->len);
		if (!r->depth || open)
			continue;
		if (r->at >= j->len || j->text[r->at] != ',')
			return fail(r,
			            r->at >= j->len ? "it ends too early" : "a comma is missing");
		r->at++;
	} while (r->depth);
	return r->at < j->len ? fail(r, "there is more after the end") : 0;
}

size_t sk_jsonc_line(const struct sk_jsonc *j, size_t at)
{
	size_t line = 1;

	for (size_t i = 0; i < at && i < j->len; i++)
		line += j->text[i] == '\n';
	return line;
}

int sk_jsonc_parse(const char *text, size_t len, bool partly, struct sk_jsonc *out)
{
	struct sk_jsonc j = { .text = text, .len = len };
	struct reader r = { .j = &j };
	int rc;

	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		r.at = 3;
	rc = read_all(&r);
	if (rc && r.wrong && !(partly && j.n))
		rc = sk_error(SK_EUSAGE, "line %zu: %s", sk_jsonc_line(&j, r.at), r.wrong);
	else if (r.wrong)
		rc = 0;
	if (rc)
		sk_jsonc_free(&j);
	else
		*out = j;
	return rc;
}

void sk_jsonc_free(struct sk_jsonc *j)
{
	free(j->node);
	*j = (struct sk_jsonc){ 0 };
}

bool sk_jsonc_is(const struct sk_jsonc *j, size_t node, enum sk_jsonc_kind kind)
{
	return node < j->n && j->node[node].kind == kind;
}

/* The four digits after "\u"; -1 when they are none. */
static long hex4(const char *p, const char *end)
{
	long n = 0;

	if (end - p < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		const char *digits = "0123456789abcdef0123456789ABCDEF";
		const char *d = p[i] ? strchr(digits, p[i]) : NULL;

		if (!d)
			return -1;
		n = n * 16 + (d - digits) % 16;
	}
	return n;
}

static void add_char(struct sk_buf *out, long c)
{
	char b[4];
	size_t n = 0;

	if (c <= 0 || (c >= 0xd800 && c < 0xe000))
		c = 0xfffd;
	if (c < 0x80) {
		b[n++] = (char)c;
	} else if (c < 0x800) {
		b[n++] = (char)(0xc0 | c >> 6);
	} else if (c < 0x10000) {
		b[n++] = (char)(0xe0 | c >> 12);
		b[n++] = (char)(0x80 | (c >> 6 & 0x3f));
	} else {
		b[n++] = (char)(0xf0 | c >> 18);
		b[n++] = (char)(0x80 | (c >> 12 & 0x3f));
		b[n++] = (char)(0x80 | (c >> 6 & 0x3f));
	}
	if (c >= 0x80)
		b[n++] = (char)(0x80 | (c & 0x3f));
	(void)sk_buf_add(out, b, n);
}

/* What stands after a backslash at `p`; how many bytes of it were taken. */
static size_t add_escape(struct sk_buf *out, const char *p, const char *end)
{
	static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
	const char *which = *p ? strchr(from, *p) : NULL;
	long c, low;

	if (*p != 'u') {
		add_char(out, which ? to[which - from] : (unsigned char)*p);
		return 1;
	}
	c = hex4(p + 1, end);
	if (c < 0) {
		add_char(out, 0);
		return 1;
	}
	low = c >= 0xd800 && c < 0xdc00 && end - p > 7 && p[5] == '\\' && p[6] == 'u'
	              ? hex4(p + 7, end)
	              : -1;
	if (low < 0xdc00 || low > 0xdfff) {
		add_char(out, c);
		return 5;
	}
	add_char(out, 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00));
	return 11;
}

static int add_string(const char *p, const char *end, size_t max, struct sk_buf *out)
{
	size_t from = out->len;

	while (p < end && out->len - from < max) {
		size_t n = sk_utf8_len(p, (size_t)(end - p));

		if (*p == '\\' && p + 1 < end) {
			p += 1 + add_escape(out, p + 1, end);
		} else if (n) {
			(void)sk_buf_add(out, p, n);
			p += n;
		} else {
			add_char(out, 0);
			p++;
		}
	}
	return sk_buf_ok(out);
}

int sk_jsonc_string(const struct sk_jsonc *j, size_t node, size_t max, struct sk_buf *out)
{
	if (!sk_jsonc_is(j, node, SK_JSONC_STRING))
		return 0;
	return add_string(j->text + j->node[node].start + 1, j->text + j->node[node].end - 1, max,
	                  out);
}

size_t sk_jsonc_member(const struct sk_jsonc *j, size_t object, const char *name)
{
	struct sk_buf text = SK_BUF_INIT;
	size_t found = 0;

	if (!sk_jsonc_is(j, object, SK_JSONC_OBJECT))
		return 0;
	for (size_t i = j->node[object].child; i; i = j->node[i].next) {
		const struct sk_jsonc_node *node = &j->node[i];

		sk_buf_clear(&text);
		if (add_string(j->text + node->key + 1, j->text + node->key_end - 1, SIZE_MAX,
		               &text) == 0 &&
		    strcmp(sk_buf_str(&text), name) == 0)
			found = i;
	}
	sk_buf_free(&text);
	return found;
}
