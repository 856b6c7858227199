/* parse_toml.c - whether a text is TOML 1.0 (https://toml.io/en/v1.0.0).
 *
 * Debian 12 has no library for TOML in C, so this reads it: the grammar of toml.abnf and the rules
 * about what may be defined twice.  Nothing is kept of values.  Tables are nodes, found by their
 * parent and key in one hash table.  A table that was made by a header, by a dotted key or inline
 * cannot be made again; a dotted key may add to a table of dotted keys only within the section that
 * began it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf.h"
#include "toml.h"

#define DEPTH_MAX 200

static bool is_bare(int c)
{
	return toml_is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
	       c == '-';
}

static bool skip_comment(struct toml *t)
{
	if (toml_peek(t, 0) != '#')
		return true;
	while (t->p < t->end && *t->p != '\n' && !(*t->p == '\r' && toml_peek(t, 1) == '\n')) {
		if (toml_is_control(toml_peek(t, 0)))
			return toml_wrong(t, "a control character in a comment");
		t->p++;
	}
	return true;
}

/* Blanks, newlines and comments, as between the values of an array. */
static bool skip_space(struct toml *t)
{
	do {
		toml_blanks(t);
		if (!skip_comment(t))
			return false;
	} while (toml_newline(t));
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
		return toml_wrong(t, "out of memory");
	t->node = node;
	slot = calloc(room, sizeof *slot);
	if (!slot)
		return toml_wrong(t, "out of memory");
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
			return toml_wrong(t, "out of memory");
		if (t->key_len)
			memcpy(n->key, t->key, t->key_len);
		n->len = t->key_len;
		put_slot(t, t->n_nodes);
	}
	return t->n_nodes++;
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
		if (toml_peek(t, 0) == ']')
			break;
		if (!take_value(t) || !skip_space(t))
			return false;
		if (toml_peek(t, 0) == ']')
			break;
		if (toml_peek(t, 0) != ',')
			return toml_wrong(t, "an array wants ',' or ']' here");
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
	toml_blanks(t);
	while (toml_peek(t, 0) != '}') {
		if (!take_pair(t, table))
			return false;
		toml_blanks(t);
		if (toml_peek(t, 0) == '}')
			break;
		if (toml_peek(t, 0) != ',')
			return toml_wrong(t, "an inline table wants ',' or '}' here");
		t->p++;
		toml_blanks(t);
		if (toml_peek(t, 0) == '}')
			return toml_wrong(t, "an inline table has no ',' before its '}'");
	}
	t->p++;
	t->section = outer;
	return true;
}

static bool take_word(struct toml *t)
{
	if (toml_begins(t, "true"))
		t->p += 4;
	else if (toml_begins(t, "false"))
		t->p += 5;
	else if (toml_is_digit(toml_peek(t, 0)) && toml_is_digit(toml_peek(t, 1)) &&
	         toml_is_digit(toml_peek(t, 2)) && toml_is_digit(toml_peek(t, 3)) &&
	         toml_peek(t, 4) == '-')
		return toml_date(t);
	else if (toml_is_digit(toml_peek(t, 0)) && toml_is_digit(toml_peek(t, 1)) &&
	         toml_peek(t, 2) == ':')
		return toml_clock(t);
	else if (toml_is_digit(toml_peek(t, 0)) || toml_peek(t, 0) == '+' ||
	         toml_peek(t, 0) == '-' || toml_begins(t, "inf") || toml_begins(t, "nan"))
		return toml_number(t);
	else
		return toml_wrong(t, "a value is missing, or it is text without quotes");
	return true;
}

static bool take_value(struct toml *t)
{
	int c = toml_peek(t, 0);
	bool ok;

	if (++t->depth > DEPTH_MAX)
		return toml_wrong(t, "it is nested more than %d deep", DEPTH_MAX);
	if (toml_begins(t, "\"\"\"") || toml_begins(t, "'''"))
		ok = toml_long_string(t);
	else if (c == '"' || c == '\'')
		ok = toml_string(t);
	else
		ok = c == '[' ? take_array(t) : c == '{' ? take_inline(t) : take_word(t);
	t->depth--;
	return ok;
}

/* Keys */

static bool take_key(struct toml *t)
{
	int c = toml_peek(t, 0);

	if (c == '"' || c == '\'')
		return toml_begins(t, "\"\"\"") || toml_begins(t, "'''")
		               ? toml_wrong(t, "a key cannot be a string of many lines")
		               : toml_string(t);
	t->key_len = 0;
	while (is_bare(toml_peek(t, 0)))
		if (!toml_key_byte(t, *t->p++))
			return false;
	return t->key_len ||
	       toml_wrong(t, "a key is missing, or has a character that needs quotes");
}

/* After a key: a dot, and then there is another one. */
static bool take_dot(struct toml *t)
{
	toml_blanks(t);
	if (toml_peek(t, 0) != '.')
		return false;
	t->p++;
	toml_blanks(t);
	return true;
}

static bool twice(struct toml *t)
{
	return toml_wrong(t, "'%.*s' is there twice", (int)(t->key_len < 60 ? t->key_len : 60),
	                  t->key);
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
	toml_blanks(t);
	if (toml_peek(t, 0) != '=')
		return toml_wrong(t, "a key wants '=' after it");
	t->p++;
	toml_blanks(t);
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
	bool many = toml_begins(t, "[[");
	size_t table = 0;

	t->p += many ? 2 : 1;
	t->section = t->n_nodes + 1;
	toml_blanks(t);
	if (!take_key(t))
		return 0;
	while (take_dot(t)) {
		table = enter(t, table);
		if (!table || !take_key(t))
			return 0;
	}
	table = many ? open_tables(t, table) : open_table(t, table);
	toml_blanks(t);
	if (table && !toml_begins(t, many ? "]]" : "]"))
		return (size_t)toml_wrong(t, "a header wants '%s' at its end", many ? "]]" : "]");
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

	if (toml_begins(t, "\xef\xbb\xbf"))
		t->p += 3;
	while (!t->bad && skip_space(t) && t->p < t->end) {
		if (toml_peek(t, 0) == '[') {
			table = take_header(t);
			if (!table)
				break;
		} else if (!take_pair(t, table)) {
			break;
		}
		toml_blanks(t);
		if (!skip_comment(t))
			break;
		if (t->p < t->end && !toml_newline(t))
			(void)toml_wrong(t, "there is more on the line than belongs to it");
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
