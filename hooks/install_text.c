#include "hooks/install_parts.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* One header or variable, and the bytes it takes: a variable from the start of its line (or of
 * its name, when it stands on its header's line) to the start of the next line. */
struct item {
	bool header;
	bool shared; /* a variable on its header's line */
	size_t start, end;
	char *name;  /* header: "core", "gc.refs/sk/keep"; variable: "hookspath" */
	char *value; /* decoded; "" when it has none */
};

struct parsed {
	struct item *item;
	size_t n, cap;
};

struct reader {
	const char *text;
	size_t len, at;
	size_t line; /* where the line starts */
	unsigned number;
};

static void parsed_free(struct parsed *p)
{
	for (size_t i = 0; i < p->n; i++) {
		free(p->item[i].name);
		free(p->item[i].value);
	}
	free(p->item);
}

/* The next character as git sees it: CRLF is one newline; -1 at the end. */
static int look(const struct reader *r)
{
	if (r->at >= r->len)
		return -1;
	if (r->text[r->at] == '\r' && r->at + 1 < r->len && r->text[r->at + 1] == '\n')
		return '\n';
	return (unsigned char)r->text[r->at];
}

static int take(struct reader *r)
{
	int c = look(r);

	if (c < 0)
		return c;
	r->at += c == '\n' && r->text[r->at] == '\r' ? 2 : 1;
	if (c == '\n') {
		r->line = r->at;
		r->number++;
	}
	return c;
}

static int bad(const struct reader *r)
{
	return sk_error(SK_EDAMAGED, "git's configuration cannot be read: line %u is malformed",
	                r->number);
}

static int add_item(struct parsed *p, struct item *item, struct sk_buf *name, struct sk_buf *value)
{
	if (p->n == p->cap) {
		size_t cap = p->cap ? p->cap * 2 : 64;
		struct item *bigger = realloc(p->item, cap * sizeof *bigger);

		if (!bigger)
			return sk_error_oom();
		p->item = bigger;
		p->cap = cap;
	}
	item->name = strdup(sk_buf_str(name));
	item->value = strdup(sk_buf_str(value));
	p->item[p->n++] = *item;
	if (!item->name || !item->value)
		return sk_error_oom();
	return 0;
}

/* After "[": name, and a subsection in quotes. */
static int read_header(struct reader *r, struct sk_buf *name)
{
	int c, rc = 0;

	while (!rc && (c = take(r)) != ']') {
		if (c == '-' || c == '.' || (c > 0 && isalnum(c))) {
			rc = sk_buf_addc(name, (char)tolower(c));
			continue;
		}
		if (c != ' ' && c != '\t')
			return bad(r);
		while (c == ' ' || c == '\t')
			c = take(r);
		if (c != '"')
			return bad(r);
		rc = sk_buf_addc(name, '.');
		while (!rc && (c = take(r)) != '"') {
			if (c == '\\')
				c = take(r);
			if (c < 0 || c == '\n')
				return bad(r);
			rc = sk_buf_addc(name, (char)c);
		}
		if (!rc && take(r) != ']')
			return bad(r);
		break;
	}
	return rc;
}

static int unescape(int c)
{
	static const char from[] = "tbn\\\"", to[] = "\t\b\n\\\"";
	const char *at = c > 0 ? strchr(from, c) : NULL;

	return at ? to[at - from] : -1;
}

/* After "=": to the end of the line that it ends on. */
static int read_value(struct reader *r, struct sk_buf *value)
{
	bool quote = false, comment = false;
	size_t keep = 0; /* length without trailing blanks */
	int c, rc = 0;

	while (!rc && (c = take(r)) >= 0 && (c != '\n' || quote)) {
		if (c == '\n')
			return bad(r);
		if (comment || (!quote && !value->len && isspace(c)))
			continue;
		if (!quote && (c == ';' || c == '#')) {
			comment = true;
			continue;
		}
		if (c == '"') {
			quote = !quote;
			keep = value->len;
			continue;
		}
		if (c == '\\') {
			c = take(r);
			if (c == '\n')
				continue;
			c = unescape(c);
			if (c < 0)
				return bad(r);
			rc = sk_buf_addc(value, (char)c);
			keep = value->len;
			continue;
		}
		rc = sk_buf_addc(value, (char)c);
		if (quote || !isspace(c))
			keep = value->len;
	}
	if (quote)
		return bad(r);
	sk_buf_truncate(value, keep);
	return rc;
}

static int read_variable(struct reader *r, struct sk_buf *name, struct sk_buf *value)
{
	int c, rc = 0;

	while (!rc && (c = look(r)) > 0 && (isalnum(c) || c == '-'))
		rc = sk_buf_addc(name, (char)tolower(take(r)));
	while ((c = look(r)) == ' ' || c == '\t')
		(void)take(r);
	c = take(r);
	if (rc || c == '\n' || c < 0)
		return rc;
	return c == '=' ? read_value(r, value) : bad(r);
}

static int parse(const struct sk_buf *text, struct parsed *out)
{
	struct reader r = { sk_buf_str(text), text->len, 0, 0, 1 };
	struct sk_buf name = SK_BUF_INIT, value = SK_BUF_INIT;
	int c, rc = 0;

	if (r.len >= 3 && memcmp(r.text, "\xef\xbb\xbf", 3) == 0)
		r.at = r.line = 3;
	while (!rc && (c = look(&r)) >= 0) {
		struct item item = { .start = r.at };

		sk_buf_clear(&name);
		sk_buf_clear(&value);
		if (isspace(c)) {
			(void)take(&r);
			continue;
		}
		if (c == '#' || c == ';') {
			while ((c = take(&r)) >= 0 && c != '\n')
				;
			continue;
		}
		item.header = c == '[';
		if (item.header) {
			(void)take(&r);
			rc = read_header(&r, &name);
		} else if (!isalpha(c) || !out->n) {
			rc = bad(&r);
		} else {
			item.shared = out->item[out->n - 1].header &&
			              out->item[out->n - 1].start >= r.line;
			item.start = item.shared ? r.at : r.line;
			rc = read_variable(&r, &name, &value);
		}
		item.end = r.at;
		if (!rc)
			rc = add_item(out, &item, &name, &value);
	}
	sk_buf_free(&name);
	sk_buf_free(&value);
	return rc;
}

/* "gc.refs/sk/keep.reflogExpire": the section is folded but not its subsection. */
struct key {
	char *section, *name;
};

static void key_free(struct key *k)
{
	free(k->section);
	free(k->name);
}

static int key_split(const char *key, struct key *out)
{
	const char *last = strrchr(key, '.');

	out->section = strndup(key, (size_t)(last - key));
	out->name = strdup(last + 1);
	if (!out->section || !out->name)
		return sk_error_oom();
	for (char *p = out->section; *p && *p != '.'; p++)
		*p = (char)tolower((unsigned char)*p);
	return 0;
}

/* Number of the last item with that key, and value when one is given; p->n when there is none.
 * `section` becomes the last header of the key's section, p->n when there is none. */
static size_t find_last(const struct parsed *p, const struct key *key, const char *value,
                        size_t *section)
{
	size_t found = p->n, header = p->n;
	bool in = false;

	for (size_t i = 0; i < p->n; i++) {
		const struct item *it = &p->item[i];

		if (it->header) {
			in = strcmp(it->name, key->section) == 0;
			header = in ? i : header;
		} else if (in && strcasecmp(it->name, key->name) == 0 &&
		           (!value || strcmp(it->value, value) == 0)) {
			found = i;
		}
	}
	if (section)
		*section = header;
	return found;
}

int sk_text_values(const struct sk_buf *text, const char *key, struct sk_strv *values)
{
	struct parsed p = { NULL, 0, 0 };
	struct key k = { NULL, NULL };
	bool in = false;
	int rc;

	rc = key_split(key, &k);
	if (!rc)
		rc = parse(text, &p);
	for (size_t i = 0; !rc && i < p.n; i++) {
		if (p.item[i].header)
			in = strcmp(p.item[i].name, k.section) == 0;
		else if (in && strcasecmp(p.item[i].name, k.name) == 0)
			rc = sk_strv_add(values, p.item[i].value);
	}
	key_free(&k);
	parsed_free(&p);
	return rc;
}

/* Replaces the bytes from `start` to `end`. */
static int splice(struct sk_buf *text, size_t start, size_t end, const char *with, size_t len)
{
	struct sk_buf out = SK_BUF_INIT;
	int rc;

	(void)sk_buf_add(&out, sk_buf_str(text), start);
	(void)sk_buf_add(&out, with, len);
	(void)sk_buf_add(&out, sk_buf_str(text) + end, text->len - end);
	rc = sk_buf_ok(&out);
	if (rc) {
		sk_buf_free(&out);
		return rc;
	}
	sk_buf_free(text);
	*text = out;
	return 0;
}

/* One line that ends in a carriage return and no more is begun with "\r\n" after it: with "\n"
 * alone that would look like its own. */
static const char *line_end(const struct sk_buf *text)
{
	const char *nl = text->len ? memchr(text->ptr, '\n', text->len) : NULL;

	if (!nl && text->len)
		nl = text->ptr + text->len;
	return nl && nl > text->ptr && nl[-1] == '\r' ? "\r\n" : "\n";
}

static bool ends_line(const char *text, size_t len)
{
	return len == 0 || text[len - 1] == '\n';
}

/* name = value, quoted as git quotes it */
static void add_variable(struct sk_buf *out, const char *name, const char *value)
{
	size_t n = strlen(value);
	bool quote = n && (isspace((unsigned char)value[0]) ||
	                   isspace((unsigned char)value[n - 1]) || strpbrk(value, "#;"));

	(void)sk_buf_addf(out, "%s = %s", name, quote ? "\"" : "");
	for (; *value; value++) {
		if (*value == '\n')
			(void)sk_buf_adds(out, "\\n");
		else if (*value == '\t')
			(void)sk_buf_adds(out, "\\t");
		else if (*value == '"' || *value == '\\')
			(void)sk_buf_addf(out, "\\%c", *value);
		else
			(void)sk_buf_addc(out, *value);
	}
	(void)sk_buf_adds(out, quote ? "\"" : "");
}

static void add_header(struct sk_buf *out, const char *section)
{
	const char *sub = strchr(section, '.');

	(void)sk_buf_addc(out, '[');
	(void)sk_buf_add(out, section, sub ? (size_t)(sub - section) : strlen(section));
	if (sub) {
		(void)sk_buf_adds(out, " \"");
		for (sub++; *sub; sub++)
			(void)sk_buf_addf(out, *sub == '"' || *sub == '\\' ? "\\%c" : "%c", *sub);
		(void)sk_buf_addc(out, '"');
	}
	(void)sk_buf_addc(out, ']');
}

/* Where a line is added to the section whose header is item `section`: after its last item, or
 * after its header's line; false when another header stands on that line. */
static bool section_end(const struct sk_buf *text, const struct parsed *p, size_t section,
                        size_t *end)
{
	size_t last = section;
	const char *nl;

	while (last + 1 < p->n && !p->item[last + 1].header)
		last++;
	*end = p->item[last].end;
	if (last > section)
		return true;
	nl = *end < text->len ? memchr(text->ptr + *end, '\n', text->len - *end) : NULL;
	*end = nl ? (size_t)(nl - text->ptr) + 1 : text->len;
	return last + 1 == p->n || p->item[last + 1].start >= *end;
}

/* The file's last line is continued by a next one that is not there. */
static bool left_open(const struct sk_buf *text, const struct parsed *p)
{
	size_t n = text->len;

	if (!p->n || p->item[p->n - 1].end != n || n < 2 || text->ptr[n - 1] != '\n')
		return false;
	n -= text->ptr[n - 2] == '\r' ? 2 : 1;
	return n && text->ptr[n - 1] == '\\';
}

static int set_new(struct sk_buf *text, const struct parsed *p, const struct key *k,
                   const char *value, size_t section, bool *header)
{
	const char *eol = line_end(text);
	struct sk_buf line = SK_BUF_INIT;
	size_t at = text->len;
	bool fresh = section == p->n || !section_end(text, p, section, &at), ended;
	int rc;

	if (fresh)
		at = text->len;
	/* added after a last line without a newline, ours goes without one too: taking it off
	 * leaves what was there */
	ended = ends_line(sk_buf_str(text), at) && (at < text->len || !left_open(text, p));
	(void)sk_buf_adds(&line, ended ? "" : eol);
	if (fresh) {
		add_header(&line, k->section);
		(void)sk_buf_adds(&line, eol);
	}
	(void)sk_buf_addc(&line, '\t');
	add_variable(&line, k->name, value);
	(void)sk_buf_adds(&line, ended || at < text->len ? eol : "");
	rc = sk_buf_ok(&line);
	if (!rc)
		rc = splice(text, at, at, sk_buf_str(&line), line.len);
	if (!rc)
		*header = fresh;
	sk_buf_free(&line);
	return rc;
}

static int set_over(struct sk_buf *text, const struct item *it, const char *name, const char *value,
                    char **was)
{
	const char *eol = line_end(text);
	struct sk_buf line = SK_BUF_INIT;
	char *before = strndup(text->ptr + it->start, it->end - it->start);
	int rc = before ? 0 : sk_error_oom();

	(void)sk_buf_adds(&line, it->shared ? "" : "\t");
	add_variable(&line, name, value);
	(void)sk_buf_adds(&line, ends_line(text->ptr, it->end) ? eol : "");
	if (!rc)
		rc = sk_buf_ok(&line);
	if (!rc)
		rc = splice(text, it->start, it->end, sk_buf_str(&line), line.len);
	if (!rc) {
		*was = before;
		before = NULL;
	}
	free(before);
	sk_buf_free(&line);
	return rc;
}

int sk_text_set(struct sk_buf *text, const char *key, const char *value, bool more, bool at_end,
                struct sk_edit *out)
{
	struct sk_edit edit = { strdup(key), strdup(value), NULL, false };
	struct parsed p = { NULL, 0, 0 };
	struct key k = { NULL, NULL };
	size_t at = 0, section = 0;
	int rc = edit.key && edit.value ? 0 : sk_error_oom();

	/* what is replaced has to come back, and is kept as a string */
	if (!rc && text->len && memchr(text->ptr, '\0', text->len))
		rc = sk_error(SK_EDAMAGED, "git's configuration has a NUL byte in it: take it out "
		                           "with an editor");
	if (!rc)
		rc = key_split(key, &k);
	if (!rc)
		rc = parse(text, &p);
	if (rc)
		goto out;
	at = find_last(&p, &k, NULL, &section);
	if (at < p.n && !more && !at_end)
		rc = set_over(text, &p.item[at], k.name, value, &edit.was);
	else
		rc = set_new(text, &p, &k, value, at_end ? p.n : section, &edit.header);
	if (!rc) {
		*out = edit;
		edit = (struct sk_edit){ NULL, NULL, NULL, false };
	}
out:
	free(edit.key);
	free(edit.value);
	key_free(&k);
	parsed_free(&p);
	return rc;
}

/* Cuts whole lines out; those at the very end without a newline take the newline before along. */
static int cut(struct sk_buf *text, size_t start, size_t end)
{
	if (end == text->len && !ends_line(text->ptr, end) && start) {
		start -= text->ptr[start - 1] == '\n';
		start -= start && text->ptr[start - 1] == '\r' && line_end(text)[0] == '\r';
	}
	return splice(text, start, end, "", 0);
}

static bool blank(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!isspace((unsigned char)text[i]))
			return false;
	return true;
}

/* Drops the last header of the section when nothing but its own line end follows it. */
static int drop_header(struct sk_buf *text, const struct key *k)
{
	struct parsed p = { NULL, 0, 0 };
	size_t section = 0, from, next, end;
	const char *nl;
	int rc = parse(text, &p);

	if (rc)
		goto out;
	(void)find_last(&p, k, NULL, &section);
	if (section == p.n)
		goto out;
	from = p.item[section].start;
	next = section + 1 < p.n ? p.item[section + 1].start : text->len;
	end = p.item[section].end;
	nl = end < text->len ? memchr(text->ptr + end, '\n', text->len - end) : NULL;
	if ((section + 1 < p.n && !p.item[section + 1].header) ||
	    (from && text->ptr[from - 1] != '\n') || !blank(text->ptr + end, next - end))
		goto out;
	rc = cut(text, from, nl ? (size_t)(nl - text->ptr) + 1 : text->len);
out:
	parsed_free(&p);
	return rc;
}

static int put_back(struct sk_buf *text, const struct item *it, const char *was)
{
	struct sk_buf line = SK_BUF_INIT;
	int rc;

	(void)sk_buf_adds(&line, was);
	if (!ends_line(was, strlen(was)) && it->end < text->len)
		(void)sk_buf_adds(&line, line_end(text));
	rc = sk_buf_ok(&line);
	if (!rc)
		rc = splice(text, it->start, it->end, sk_buf_str(&line), line.len);
	sk_buf_free(&line);
	return rc;
}

int sk_text_unset(struct sk_buf *text, const struct sk_edit *edit, bool *done)
{
	struct parsed p = { NULL, 0, 0 };
	struct key k = { NULL, NULL };
	size_t at;
	int rc = key_split(edit->key, &k);

	if (!rc)
		rc = parse(text, &p);
	if (rc)
		goto out;
	at = find_last(&p, &k, edit->value, NULL);
	if (at == p.n) {
		*done = false;
		goto out;
	}
	if (edit->was)
		rc = put_back(text, &p.item[at], edit->was);
	else
		rc = cut(text, p.item[at].start, p.item[at].end);
	if (!rc && edit->header)
		rc = drop_header(text, &k);
	if (!rc)
		*done = true;
out:
	key_free(&k);
	parsed_free(&p);
	return rc;
}
