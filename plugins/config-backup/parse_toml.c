/* parse_toml.c - whether a text is TOML 1.0 (https://toml.io/en/v1.0.0).
 *
 * Debian 12 has no library for TOML in C, so this reads it: the grammar of toml.abnf and the rules
 * about what may be defined twice.  Nothing is kept of values.  Tables are nodes, found by their
 * parent and key in one hash table.  A table that was made by a header, by a dotted key or inline
 * cannot be made again; a dotted key may add to a table of dotted keys only within the section that
 * began it. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf.h"

#define DEPTH_MAX 200

enum kind { VALUE, IMPLIED, HEADER, DOTTED, TABLES };

struct node {
	size_t parent; /* its number */
	char *key;
	size_t len;
	enum kind kind;
	size_t section; /* DOTTED: the one that began it */
	size_t last;    /* TABLES: the newest of them */
};

struct toml {
	const char *p, *end;
	long line;
	char *why;
	size_t size;
	bool bad;
	int depth;

	struct node *node; /* 0 is the root */
	size_t n_nodes;
	size_t *slot, mask; /* numbers of nodes; 0: free */
	size_t section;
	char *key; /* the one that was just read */
	size_t key_len, key_room;
};

static bool fail(struct toml *t, const char *format, ...)
{
	va_list ap;

	if (t->bad)
		return false;
	va_start(ap, format);
	(void)vsnprintf(t->why, t->size, format, ap);
	va_end(ap);
	t->bad = true;
	return false;
}

static int peek(const struct toml *t, size_t ahead)
{
	return (size_t)(t->end - t->p) > ahead ? (unsigned char)t->p[ahead] : -1;
}

static bool is_digit(int c)
{
	return c >= '0' && c <= '9';
}

static bool is_hex(int c)
{
	return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool is_bare(int c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
	       c == '-';
}

static bool begins(const struct toml *t, const char *word)
{
	size_t n = strlen(word);

	return (size_t)(t->end - t->p) >= n && memcmp(t->p, word, n) == 0;
}

static void skip_blanks(struct toml *t)
{
	while (peek(t, 0) == ' ' || peek(t, 0) == '\t')
		t->p++;
}

/* "\n" or "\r\n" */
static bool take_newline(struct toml *t)
{
	if (peek(t, 0) == '\r' && peek(t, 1) == '\n')
		t->p++;
	if (peek(t, 0) != '\n')
		return false;
	t->p++;
	t->line++;
	return true;
}

static bool is_control(int c)
{
	return (c >= 0 && c < 0x20 && c != '\t') || c == 0x7f;
}

static bool skip_comment(struct toml *t)
{
	if (peek(t, 0) != '#')
		return true;
	while (t->p < t->end && *t->p != '\n' && !(*t->p == '\r' && peek(t, 1) == '\n')) {
		if (is_control(peek(t, 0)))
			return fail(t, "a control character in a comment");
		t->p++;
	}
	return true;
}

/* Blanks, newlines and comments, as between the values of an array. */
static bool skip_space(struct toml *t)
{
	do {
		skip_blanks(t);
		if (!skip_comment(t))
			return false;
	} while (take_newline(t));
	return true;
}

/* Nodes */

static uint64_t place_of(size_t parent, const char *key, size_t len)
{
	return conf_hash(key, len, parent + 1);
}

static size_t find_node(const struct toml *t, size_t parent)
{
	uint64_t at = t->mask ? place_of(parent, t->key, t->key_len) & t->mask : 0;

	for (; t->mask && t->slot[at]; at = (at + 1) & t->mask) {
		const struct node *n = &t->node[t->slot[at]];

		if (n->parent == parent && n->len == t->key_len &&
		    (!n->len || memcmp(n->key, t->key, n->len) == 0))
			return t->slot[at];
	}
	return 0;
}

static void put_slot(struct toml *t, size_t number)
{
	const struct node *n = &t->node[number];
	uint64_t at = place_of(n->parent, n->key, n->len) & t->mask;

	while (t->slot[at])
		at = (at + 1) & t->mask;
	t->slot[at] = number;
}

static bool grow(struct toml *t)
{
	size_t room = t->mask ? 2 * (t->mask + 1) : 64, *slot;
	struct node *node = realloc(t->node, room * sizeof *node);

	if (!node)
		return fail(t, "out of memory");
	t->node = node;
	slot = calloc(room, sizeof *slot);
	if (!slot)
		return fail(t, "out of memory");
	free(t->slot);
	t->slot = slot;
	t->mask = room - 1;
	for (size_t i = 1; i < t->n_nodes; i++)
		if (t->node[i].key)
			put_slot(t, i);
	return true;
}

/* A node with the key that was just read, or without one: a table of an array, an inline table. */
static size_t add_node(struct toml *t, size_t parent, enum kind kind, bool named)
{
	struct node *n;

	if (2 * (t->n_nodes + 1) > t->mask && !grow(t))
		return 0;
	n = &t->node[t->n_nodes];
	*n = (struct node){ .parent = parent, .kind = kind, .section = t->section };
	if (named) {
		n->key = malloc(t->key_len + 1);
		if (!n->key)
			return fail(t, "out of memory");
		if (t->key_len)
			memcpy(n->key, t->key, t->key_len);
		n->len = t->key_len;
		put_slot(t, t->n_nodes);
	}
	return t->n_nodes++;
}

/* Strings */

static bool key_byte(struct toml *t, char c)
{
	char *grown;

	if (t->key_len + 1 > t->key_room) {
		grown = realloc(t->key, 2 * t->key_room + 64);
		if (!grown)
			return fail(t, "out of memory");
		t->key = grown;
		t->key_room = 2 * t->key_room + 64;
	}
	t->key[t->key_len++] = c;
	return true;
}

static bool key_char(struct toml *t, unsigned long c)
{
	if (c < 0x80)
		return key_byte(t, (char)c);
	if (c < 0x800)
		return key_byte(t, (char)(0xc0 | c >> 6)) && key_byte(t, (char)(0x80 | (c & 63)));
	if (c < 0x10000)
		return key_byte(t, (char)(0xe0 | c >> 12)) &&
		       key_byte(t, (char)(0x80 | (c >> 6 & 63))) &&
		       key_byte(t, (char)(0x80 | (c & 63)));
	return key_byte(t, (char)(0xf0 | c >> 18)) && key_byte(t, (char)(0x80 | (c >> 12 & 63))) &&
	       key_byte(t, (char)(0x80 | (c >> 6 & 63))) && key_byte(t, (char)(0x80 | (c & 63)));
}

/* After the backslash. */
static bool take_escape(struct toml *t)
{
	static const char from[] = "btnfr\"\\", to[] = "\b\t\n\f\r\"\\";
	int c = peek(t, 0), digits = c == 'u' ? 4 : c == 'U' ? 8 : 0;
	const char *known = c > 0 ? strchr(from, c) : NULL;
	unsigned long code = 0;

	if (known) {
		t->p++;
		return key_byte(t, to[known - from]);
	}
	if (!digits)
		return fail(t, "an unknown escape after a backslash");
	t->p++;
	for (int i = 0; i < digits; i++, t->p++) {
		c = peek(t, 0);
		if (!is_hex(c))
			return fail(t, "a \\u needs %d hexadecimal digits", digits);
		code = code * 16 + (unsigned long)(is_digit(c) ? c - '0' : (c | 32) - 'a' + 10);
	}
	if (code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
		return fail(t, "a \\u that is no character");
	return key_char(t, code);
}

/* One line; its content goes to the key. */
static bool take_string(struct toml *t)
{
	int quote = peek(t, 0), c;

	t->p++;
	t->key_len = 0;
	while ((c = peek(t, 0)) != quote) {
		if (c < 0 || c == '\n')
			return fail(t, "a string does not end");
		if (is_control(c))
			return fail(t, "a control character in a string");
		t->p++;
		if (c == '\\' && quote == '"') {
			if (!take_escape(t))
				return false;
		} else if (!key_byte(t, (char)c)) {
			return false;
		}
	}
	t->p++;
	return true;
}

/* A backslash at the end of a line takes away all space that follows. */
static bool take_line_end(struct toml *t)
{
	const char *was = t->p;

	skip_blanks(t);
	if (!take_newline(t)) {
		t->p = was;
		return false;
	}
	do
		skip_blanks(t);
	while (take_newline(t));
	return true;
}

static bool take_long_string(struct toml *t)
{
	int quote = peek(t, 0), c;
	size_t n;

	t->p += 3;
	(void)take_newline(t);
	for (;;) {
		t->key_len = 0; /* nobody needs it */
		for (n = 0; n < 5 && peek(t, n) == quote;)
			n++;
		t->p += n;
		if (n >= 3) /* up to two of them may stand before the end */
			return true;
		if (n || take_newline(t))
			continue;
		c = peek(t, 0);
		if (c < 0)
			return fail(t, "a string does not end");
		if (is_control(c))
			return fail(t, "a control character in a string");
		t->p++;
		if (c == '\\' && quote == '"' && !take_line_end(t) && !take_escape(t))
			return false;
	}
}

/* Numbers and dates */

/* Digits with single underscores between them. */
static bool take_digits(struct toml *t, bool (*is)(int), size_t *n)
{
	*n = 0;
	if (!is(peek(t, 0)))
		return fail(t, "a digit is missing in a number");
	for (;;) {
		while (is(peek(t, 0))) {
			t->p++;
			++*n;
		}
		if (peek(t, 0) != '_')
			return true;
		t->p++;
		if (!is(peek(t, 0)))
			return fail(t, "an underscore has to stand between digits");
	}
}

static bool is_octal(int c)
{
	return c >= '0' && c <= '7';
}

static bool is_binary(int c)
{
	return c == '0' || c == '1';
}

/* Whether those many digits follow, and what they are. */
static bool fixed(struct toml *t, size_t at, size_t n, int *out)
{
	*out = 0;
	for (size_t i = 0; i < n; i++) {
		if (!is_digit(peek(t, at + i)))
			return false;
		*out = *out * 10 + peek(t, at + i) - '0';
	}
	return true;
}

static bool take_clock(struct toml *t)
{
	int hour, minute, second;

	if (!fixed(t, 0, 2, &hour) || peek(t, 2) != ':' || !fixed(t, 3, 2, &minute) ||
	    peek(t, 5) != ':' || !fixed(t, 6, 2, &second) || hour > 23 || minute > 59 ||
	    second > 60)
		return fail(t, "a time is HH:MM:SS");
	t->p += 8;
	if (peek(t, 0) != '.')
		return true;
	t->p++;
	if (!is_digit(peek(t, 0)))
		return fail(t, "a time has no digits after its point");
	while (is_digit(peek(t, 0)))
		t->p++;
	return true;
}

static bool take_offset(struct toml *t)
{
	int hour, minute;

	if (peek(t, 0) == 'Z' || peek(t, 0) == 'z') {
		t->p++;
		return true;
	}
	if (peek(t, 0) != '+' && peek(t, 0) != '-')
		return true;
	if (!fixed(t, 1, 2, &hour) || peek(t, 3) != ':' || !fixed(t, 4, 2, &minute) || hour > 23 ||
	    minute > 59)
		return fail(t, "the offset of a time is +HH:MM");
	t->p += 6;
	return true;
}

static bool take_date(struct toml *t)
{
	static const int days[] = { 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	int year, month, day, c;
	bool leap;

	if (!fixed(t, 0, 4, &year) || peek(t, 4) != '-' || !fixed(t, 5, 2, &month) ||
	    peek(t, 7) != '-' || !fixed(t, 8, 2, &day))
		return fail(t, "a date is YYYY-MM-DD");
	leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	if (month < 1 || month > 12 || day < 1 || day > days[month - 1] ||
	    (month == 2 && day == 29 && !leap))
		return fail(t, "there is no such day");
	t->p += 10;
	c = peek(t, 0);
	if (c == 'T' || c == 't' || (c == ' ' && is_digit(peek(t, 1)))) {
		t->p++;
		return take_clock(t) && take_offset(t);
	}
	return true;
}

/* At most 2^63 - 1, or one more below zero. */
static bool small_enough(const char *from, const char *to, bool negative)
{
	uint64_t v = 0, most = negative ? (uint64_t)1 << 63 : ((uint64_t)1 << 63) - 1;

	for (; from < to; from++) {
		uint64_t d = (uint64_t)(*from - '0');

		if (*from == '_')
			continue;
		if (v > (most - d) / 10)
			return false;
		v = v * 10 + d;
	}
	return true;
}

static bool take_radix(struct toml *t)
{
	int c = peek(t, 1);
	size_t n;

	t->p += 2;
	return take_digits(t, c == 'x' ? is_hex : c == 'o' ? is_octal : is_binary, &n);
}

static bool take_number(struct toml *t)
{
	bool sign = peek(t, 0) == '+' || peek(t, 0) == '-', negative = peek(t, 0) == '-';
	const char *from;
	bool real = false;
	size_t n;

	t->p += sign;
	if (begins(t, "inf") || begins(t, "nan")) {
		t->p += 3;
		return true;
	}
	if (!sign && peek(t, 0) == '0' &&
	    (peek(t, 1) == 'x' || peek(t, 1) == 'o' || peek(t, 1) == 'b'))
		return take_radix(t);
	from = t->p;
	if (!take_digits(t, is_digit, &n))
		return false;
	if (*from == '0' && n > 1)
		return fail(t, "a number begins with 0");
	if (peek(t, 0) == '.') {
		t->p++;
		real = true;
		if (!take_digits(t, is_digit, &n))
			return false;
	}
	if (peek(t, 0) == 'e' || peek(t, 0) == 'E') {
		t->p++;
		t->p += peek(t, 0) == '+' || peek(t, 0) == '-';
		real = true;
		if (!take_digits(t, is_digit, &n))
			return false;
	}
	return real || small_enough(from, t->p, negative) || fail(t, "a number is too large");
}

/* Values */

static bool take_value(struct toml *t);
static bool take_pair(struct toml *t, size_t table);

static bool take_array(struct toml *t)
{
	t->p++;
	for (;;) {
		if (!skip_space(t))
			return false;
		if (peek(t, 0) == ']')
			break;
		if (!take_value(t) || !skip_space(t))
			return false;
		if (peek(t, 0) == ']')
			break;
		if (peek(t, 0) != ',')
			return fail(t, "an array wants ',' or ']' here");
		t->p++;
	}
	t->p++;
	return true;
}

static bool take_inline(struct toml *t)
{
	/* a section of its own, in which its dotted keys belong together */
	size_t outer = t->section, table;

	t->section = t->n_nodes + 1;
	table = add_node(t, (size_t)-1, HEADER, false);
	if (!table)
		return false;
	t->p++;
	skip_blanks(t);
	while (peek(t, 0) != '}') {
		if (!take_pair(t, table))
			return false;
		skip_blanks(t);
		if (peek(t, 0) == '}')
			break;
		if (peek(t, 0) != ',')
			return fail(t, "an inline table wants ',' or '}' here");
		t->p++;
		skip_blanks(t);
		if (peek(t, 0) == '}')
			return fail(t, "an inline table has no ',' before its '}'");
	}
	t->p++;
	t->section = outer;
	return true;
}

static bool take_word(struct toml *t)
{
	if (begins(t, "true"))
		t->p += 4;
	else if (begins(t, "false"))
		t->p += 5;
	else if (is_digit(peek(t, 0)) && is_digit(peek(t, 1)) && is_digit(peek(t, 2)) &&
	         is_digit(peek(t, 3)) && peek(t, 4) == '-')
		return take_date(t);
	else if (is_digit(peek(t, 0)) && is_digit(peek(t, 1)) && peek(t, 2) == ':')
		return take_clock(t);
	else if (is_digit(peek(t, 0)) || peek(t, 0) == '+' || peek(t, 0) == '-' ||
	         begins(t, "inf") || begins(t, "nan"))
		return take_number(t);
	else
		return fail(t, "a value is missing, or it is text without quotes");
	return true;
}

static bool take_value(struct toml *t)
{
	int c = peek(t, 0);
	bool ok;

	if (++t->depth > DEPTH_MAX)
		return fail(t, "it is nested more than %d deep", DEPTH_MAX);
	if (begins(t, "\"\"\"") || begins(t, "'''"))
		ok = take_long_string(t);
	else if (c == '"' || c == '\'')
		ok = take_string(t);
	else
		ok = c == '[' ? take_array(t) : c == '{' ? take_inline(t) : take_word(t);
	t->depth--;
	return ok;
}

/* Keys */

static bool take_key(struct toml *t)
{
	int c = peek(t, 0);

	if (c == '"' || c == '\'')
		return begins(t, "\"\"\"") || begins(t, "'''")
		               ? fail(t, "a key cannot be a string of many lines")
		               : take_string(t);
	t->key_len = 0;
	while (is_bare(peek(t, 0)))
		if (!key_byte(t, *t->p++))
			return false;
	return t->key_len || fail(t, "a key is missing, or has a character that needs quotes");
}

/* After a key: a dot, and then there is another one. */
static bool take_dot(struct toml *t)
{
	skip_blanks(t);
	if (peek(t, 0) != '.')
		return false;
	t->p++;
	skip_blanks(t);
	return true;
}

static bool twice(struct toml *t)
{
	return fail(t, "'%.*s' is there twice", (int)(t->key_len < 60 ? t->key_len : 60), t->key);
}

/* The table that a dotted key leads into. */
static size_t enter_dotted(struct toml *t, size_t table)
{
	size_t next = find_node(t, table);
	struct node *n;

	if (!next)
		return add_node(t, table, DOTTED, true);
	n = &t->node[next];
	if (n->kind == IMPLIED) {
		n->kind = DOTTED;
		n->section = t->section;
	}
	if (n->kind != DOTTED || n->section != t->section)
		return (size_t)twice(t);
	return next;
}

static bool take_pair(struct toml *t, size_t table)
{
	if (!take_key(t))
		return false;
	while (take_dot(t)) {
		table = enter_dotted(t, table);
		if (!table || !take_key(t))
			return false;
	}
	if (find_node(t, table))
		return twice(t);
	if (!add_node(t, table, VALUE, true))
		return false;
	skip_blanks(t);
	if (peek(t, 0) != '=')
		return fail(t, "a key wants '=' after it");
	t->p++;
	skip_blanks(t);
	return take_value(t);
}

/* The table that a header leads through. */
static size_t enter(struct toml *t, size_t table)
{
	size_t next = find_node(t, table);

	if (!next)
		return add_node(t, table, IMPLIED, true);
	if (t->node[next].kind == VALUE)
		return (size_t)twice(t);
	return t->node[next].kind == TABLES ? t->node[next].last : next;
}

static size_t open_table(struct toml *t, size_t table)
{
	size_t next = find_node(t, table);

	if (!next)
		return add_node(t, table, HEADER, true);
	if (t->node[next].kind != IMPLIED)
		return (size_t)twice(t);
	t->node[next].kind = HEADER;
	return next;
}

static size_t open_tables(struct toml *t, size_t table)
{
	size_t next = find_node(t, table), last;

	if (!next)
		next = add_node(t, table, TABLES, true);
	else if (t->node[next].kind != TABLES)
		return (size_t)twice(t);
	last = next ? add_node(t, next, HEADER, false) : 0;
	if (last)
		t->node[next].last = last;
	return last;
}

/* [a.b] or [[a.b]] */
static size_t take_header(struct toml *t)
{
	bool many = begins(t, "[[");
	size_t table = 0;

	t->p += many ? 2 : 1;
	t->section = t->n_nodes + 1;
	skip_blanks(t);
	if (!take_key(t))
		return 0;
	while (take_dot(t)) {
		table = enter(t, table);
		if (!table || !take_key(t))
			return 0;
	}
	table = many ? open_tables(t, table) : open_table(t, table);
	skip_blanks(t);
	if (table && !begins(t, many ? "]]" : "]"))
		return (size_t)fail(t, "a header wants '%s' at its end", many ? "]]" : "]");
	t->p += many ? 2 : 1;
	return table;
}

/* The line of the first byte that is no UTF-8; 0: all is. */
static long find_bad_text(const char *p, const char *end)
{
	long line = 1;

	while (p < end) {
		const char *eol = memchr(p, '\n', (size_t)(end - p));
		size_t len = (size_t)((eol ? eol : end) - p);
		json_t *o = json_stringn(p, len);

		json_decref(o);
		if (!o)
			return line;
		p += len + 1;
		line++;
	}
	return 0;
}

static void take_all(struct toml *t)
{
	size_t table = 0;

	if (begins(t, "\xef\xbb\xbf"))
		t->p += 3;
	while (!t->bad && skip_space(t) && t->p < t->end) {
		if (peek(t, 0) == '[') {
			table = take_header(t);
			if (!table)
				break;
		} else if (!take_pair(t, table)) {
			break;
		}
		skip_blanks(t);
		if (!skip_comment(t))
			break;
		if (t->p < t->end && !take_newline(t))
			(void)fail(t, "there is more on the line than belongs to it");
	}
}

long conf_parse_toml(const char *data, size_t len, char *why, size_t size)
{
	struct toml t = { .p = data,
		          .end = data + len,
		          .line = find_bad_text(data, data + len),
		          .why = why,
		          .size = size,
		          .n_nodes = 1,
		          .section = 1 };

	if (t.line) {
		(void)snprintf(why, size, "it is not UTF-8");
		return t.line;
	}
	t.line = 1;
	if (grow(&t)) {
		t.node[0] = (struct node){ .kind = HEADER };
		take_all(&t);
	}
	for (size_t i = 1; i < t.n_nodes; i++)
		free(t.node[i].key);
	free(t.node);
	free(t.slot);
	free(t.key);
	return t.bad ? t.line : 0;
}
