#include "ini.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <safekeep/plugin.h>

#define BOM "\xef\xbb\xbf"

static void *got(void *memory)
{
	if (!memory)
		_exit(SKP_EIO);
	return memory;
}

void *fl_alloc(size_t n, size_t size)
{
	return got(calloc(n ? n : 1, size ? size : 1));
}

/* Room doubles: it is full when `n` is a power of two. */
void *fl_more(void *array, size_t n, size_t size)
{
	if (n & (n - 1))
		return array;
	return got(reallocarray(array, n ? 2 * n : 1, size));
}

char *fl_dup(const char *text, size_t len)
{
	char *copy = fl_alloc(len + 1, 1);

	memcpy(copy, text, len);
	return copy;
}

char *fl_format(const char *format, ...)
{
	char *out = NULL;
	va_list ap;

	va_start(ap, format);
	if (vasprintf(&out, format, ap) < 0)
		out = NULL;
	va_end(ap);
	return got(out);
}

static bool is_blank(char c)
{
	return isspace((unsigned char)c);
}

/* The first of `chars`, or the start of a comment after a blank, or the end: as inih looks. */
static size_t find(const char *p, size_t len, const char *chars)
{
	bool blank = false;
	size_t i;

	for (i = 0; i < len && !strchr(chars, p[i]) && !(blank && p[i] == ';'); i++)
		blank = is_blank(p[i]);
	return i;
}

static void trim(const char *p, size_t *at, size_t *len)
{
	while (*len && is_blank(p[*at])) {
		++*at;
		--*len;
	}
	while (*len && is_blank(p[*at + *len - 1]))
		--*len;
}

/* "key =" as one of ours would be: an indented line of another look continues a value in inih. */
static bool looks_like_key(const char *p, size_t len)
{
	size_t n = 0, gap = 0;
	bool capitals = false;

	if (!len || (!isalnum((unsigned char)*p) && *p != '_'))
		return false;
	for (; n < len && (isalnum((unsigned char)p[n]) || strchr("_-.", p[n])); n++)
		capitals = capitals || isupper((unsigned char)p[n]);
	while (n + gap < len && (p[n + gap] == ' ' || p[n + gap] == '\t'))
		gap++;
	return n + gap < len && p[n + gap] == '=' && (gap || !capitals);
}

static void bad(struct ini_line *line, const char *why)
{
	line->kind = INI_BAD;
	line->why = why;
}

static void take_section(struct ini_line *line, const char *p, size_t len)
{
	size_t close = find(p + 1, len - 1, "]") + 1, at = close + 1, rest;

	line->kind = INI_SECTION;
	if (close == len || p[close] != ']') { /* what follows is no other section's */
		line->name = fl_dup(p + 1, len - 1);
		line->why = INI_UNCLOSED;
		return;
	}
	line->name = fl_dup(p + 1, close - 1);
	rest = len - at;
	trim(p, &at, &rest);
	if (rest && p[at] != ';' && p[at] != '#')
		line->why = "text after ']'";
}

static void take_key(struct ini_line *line, const char *p, size_t len)
{
	size_t is = find(p, len, "=:"), at = 0, n = is;

	if (is == len || (p[is] != '=' && p[is] != ':')) {
		bad(line, "neither '[name]' nor 'key = value'");
		return;
	}
	trim(p, &at, &n);
	if (!n) {
		bad(line, "no key before '='");
		return;
	}
	line->kind = INI_KEY;
	line->name = fl_dup(p + at, n);
	at = is + 1;
	n = find(p + at, len - at, "");
	trim(p, &at, &n);
	line->value = fl_dup(p + at, n);
	if (!n)
		at = is + 1;
	line->at = at + (size_t)(p - line->text);
	line->span = n;
}

static void take_line(struct ini_line *line, bool first, bool *has_key)
{
	const char *p = line->text;
	size_t len = line->len, at = 0;
	bool indented;

	if (first && len >= 3 && memcmp(p, BOM, 3) == 0) {
		p += 3;
		len -= 3;
	}
	indented = len && is_blank(*p);
	trim(p, &at, &len);
	p += at;
	line->kind = INI_REMARK;
	if (!len || *p == ';' || *p == '#')
		return;
	if (indented && *has_key && !looks_like_key(p, len)) {
		bad(line, "a value goes on in a second line; write \\n in quotes for a new line");
		return;
	}
	if (*p == '[') {
		take_section(line, p, len);
		*has_key = false;
	} else {
		take_key(line, p, len);
		*has_key = *has_key || line->kind == INI_KEY;
	}
}

void ini_read(const char *text, size_t len, struct ini *out)
{
	const char *p = text, *end = text + len, *eol;
	bool has_key = false;

	*out = (struct ini){ .text = text, .len = len, .eol = "\n" };
	while (p < end) {
		struct ini_line *line;

		eol = memchr(p, '\n', (size_t)(end - p));
		out->line = fl_more(out->line, out->n, sizeof *out->line);
		line = &out->line[out->n];
		*line = (struct ini_line){ .text = p, .len = (size_t)((eol ? eol + 1 : end) - p) };
		if (!out->n && line->len > 1 && line->text[line->len - 2] == '\r')
			out->eol = "\r\n";
		take_line(line, out->n == 0, &has_key);
		out->n++;
		p += line->len;
	}
}

void ini_drop(struct ini *ini)
{
	for (size_t i = 0; i < ini->n; i++) {
		free(ini->line[i].name);
		free(ini->line[i].value);
	}
	free(ini->line);
	*ini = (struct ini){ .text = "" };
}

size_t ini_section(const struct ini *ini, const char *section)
{
	size_t i = 0;

	while (i < ini->n &&
	       (ini->line[i].kind != INI_SECTION || strcmp(ini->line[i].name, section) != 0))
		i++;
	return i;
}

static bool is_empty(const struct ini_line *line)
{
	size_t at = 0, len = line->len;

	trim(line->text, &at, &len);
	return !len;
}

size_t ini_section_end(const struct ini *ini, size_t from)
{
	size_t end = from + 1, last;

	while (end < ini->n && ini->line[end].kind != INI_SECTION)
		end++;
	last = end;
	while (last > from + 1 && ini->line[last - 1].kind == INI_REMARK &&
	       !is_empty(&ini->line[last - 1]))
		last--;
	/* comments with no blank line above them are the section's own */
	if (last < end && !is_empty(&ini->line[last - 1]))
		last = end;
	while (last > from + 1 && is_empty(&ini->line[last - 1]))
		last--;
	return last;
}

size_t ini_key(const struct ini *ini, size_t from, const char *key)
{
	for (size_t i = from + 1; i < ini->n && ini->line[i].kind != INI_SECTION; i++)
		if (ini->line[i].kind == INI_KEY && strcmp(ini->line[i].name, key) == 0)
			return i;
	return ini->n;
}

/* The text with `cut` bytes at `at` replaced. */
static char *splice(const struct ini *ini, size_t at, size_t cut, const char *with, size_t *len)
{
	size_t n = strlen(with);
	char *out = fl_alloc(ini->len - cut + n + 1, 1);

	memcpy(out, ini->text, at);
	memcpy(out + at, with, n);
	memcpy(out + at + n, ini->text + at + cut, ini->len - at - cut);
	*len = ini->len - cut + n;
	return out;
}

static size_t offset(const struct ini *ini, size_t line)
{
	return line < ini->n ? (size_t)(ini->line[line].text - ini->text) : ini->len;
}

/* What has to stand before a line that is added at `at`. */
static const char *line_before(const struct ini *ini, size_t at)
{
	return at && ini->text[at - 1] != '\n' ? ini->eol : "";
}

char *ini_put(const struct ini *ini, size_t from, const char *key, const char *value, size_t *len)
{
	size_t i = ini_key(ini, from, key), last = from, at;
	bool like, is_like = false;
	const struct ini_line *line = &ini->line[i];
	char *added;

	if (i < ini->n && line->span)
		return splice(ini, offset(ini, i) + line->at, line->span, value, len);
	if (i < ini->n) /* "key =" and nothing */
		return splice(ini, offset(ini, i) + line->at, 0, fl_format(" %s", value), len);
	for (i = from + 1; i < ini->n && ini->line[i].kind != INI_SECTION; i++) {
		if (ini->line[i].kind != INI_KEY)
			continue;
		like = strncmp(ini->line[i].name, key, strcspn(key, ".")) == 0;
		if (like || !is_like)
			last = i;
		is_like = is_like || like;
	}
	line = &ini->line[last];
	for (i = 0; last > from && (line->text[i] == ' ' || line->text[i] == '\t');)
		i++; /* indented as the line before */
	at = offset(ini, last + 1);
	added = fl_format("%s%.*s%s = %s%s", line_before(ini, at), (int)i, line->text, key, value,
	                  ini->eol);
	return splice(ini, at, 0, added, len);
}

char *ini_cut(const struct ini *ini, size_t line, size_t *len)
{
	return splice(ini, offset(ini, line), ini->line[line].len, "", len);
}

char *ini_cut_section(const struct ini *ini, size_t from, size_t *len)
{
	size_t end = ini_section_end(ini, from), begin = from;

	while (begin && ini->line[begin - 1].kind == INI_REMARK && !is_empty(&ini->line[begin - 1]))
		begin--;
	if (!begin)
		begin = from; /* the comment is the file's */
	/* of the blank lines around it, one stays */
	if (begin && is_empty(&ini->line[begin - 1]))
		while (end < ini->n && is_empty(&ini->line[end]))
			end++;
	if (end == ini->n)
		while (begin && is_empty(&ini->line[begin - 1]) && begin != 1)
			begin--;
	return splice(ini, offset(ini, begin), offset(ini, end) - offset(ini, begin), "", len);
}

char *ini_append(const struct ini *ini, const char *section, const char *body, size_t *len)
{
	bool apart = ini->n && !is_empty(&ini->line[ini->n - 1]), crlf = ini->eol[0] == '\r';
	size_t n = 0;
	char *lines = fl_alloc(2 * strlen(body) + 1, 1), *added;

	for (; *body; body++) {
		if (crlf && *body == '\n')
			lines[n++] = '\r';
		lines[n++] = *body;
	}
	added = fl_format("%s%s[%s]%s%s", line_before(ini, ini->len), apart ? ini->eol : "",
	                  section, ini->eol, lines);
	return splice(ini, ini->len, 0, added, len);
}
