/* parse.c - INI by inih, JSON by jansson, YAML by libyaml. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ini.h>
#include <jansson.h>
#include <yaml.h>

#include "conf.h"

/* inih reads lines into a buffer of its own size and takes what is beyond for another line.  What
 * follows the beginning of a long line is no matter of form, so it is left out. */
struct ini {
	const char *at, *end;
};

static char *next_line(char *out, int size, void *from)
{
	struct ini *in = from;
	const char *eol = memchr(in->at, '\n', (size_t)(in->end - in->at));
	size_t len = (size_t)((eol ? eol + 1 : in->end) - in->at), room = (size_t)size - 1;

	if (!len)
		return NULL;
	memcpy(out, in->at, len < room ? len : room);
	out[len < room ? len : room] = '\0';
	in->at += len;
	return out;
}

static int take_key(void *ctx, const char *section, const char *name, const char *value)
{
	(void)ctx;
	(void)section;
	(void)name;
	(void)value;
	return 1;
}

static long line_of(const char *data, const char *at)
{
	long line = 1;

	for (; data < at; data++)
		line += *data == '\n';
	return line;
}

long conf_parse_ini(const char *data, size_t len, char *why, size_t size)
{
	const char *nul = memchr(data, '\0', len);
	struct ini in = { data, data + len };
	int line;

	if (nul) {
		(void)snprintf(why, size, "it holds a NUL byte");
		return line_of(data, nul);
	}
	line = ini_parse_stream(next_line, &in, take_key, NULL);
	if (line)
		(void)snprintf(why, size, "neither [section] nor key = value nor a comment");
	return line < 0 ? 1 : line;
}

long conf_parse_json(const char *data, size_t len, char *why, size_t size)
{
	json_error_t e;
	/* numbers of any size are JSON; a key twice is allowed and never meant */
	json_t *o = json_loadb(data, len,
	                       JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES |
	                               JSON_DECODE_INT_AS_REAL,
	                       &e);

	if (!o)
		(void)snprintf(why, size, "%s (column %d)", e.text, e.column);
	json_decref(o);
	return o ? 0 : e.line > 0 ? e.line : 1;
}

/* YAML: that it parses, and that each alias has its anchor.  Nothing is expanded. */
struct anchors {
	char **item;
	size_t n;
};

static bool has_anchor(const struct anchors *a, const char *name)
{
	for (size_t i = 0; i < a->n; i++)
		if (strcmp(a->item[i], name) == 0)
			return true;
	return false;
}

static bool add_anchor(struct anchors *a, const yaml_char_t *name)
{
	char **grown;

	if (!name || has_anchor(a, (const char *)name))
		return true;
	grown = realloc(a->item, (a->n + 1) * sizeof *grown);
	if (!grown)
		return false;
	a->item = grown;
	a->item[a->n] = strdup((const char *)name);
	return a->item[a->n] && ++a->n;
}

static void drop_anchors(struct anchors *a)
{
	while (a->n)
		free(a->item[--a->n]);
	free(a->item);
	a->item = NULL;
}

static long look_at(const yaml_event_t *e, struct anchors *a, char *why, size_t size)
{
	bool ok = true;

	switch (e->type) {
	case YAML_DOCUMENT_START_EVENT:
		drop_anchors(a);
		break;
	case YAML_ALIAS_EVENT:
		if (!has_anchor(a, (const char *)e->data.alias.anchor)) {
			(void)snprintf(why, size, "there is no anchor &%.100s",
			               (const char *)e->data.alias.anchor);
			return (long)e->start_mark.line + 1;
		}
		break;
	case YAML_SCALAR_EVENT:
		ok = add_anchor(a, e->data.scalar.anchor);
		break;
	case YAML_SEQUENCE_START_EVENT:
		ok = add_anchor(a, e->data.sequence_start.anchor);
		break;
	case YAML_MAPPING_START_EVENT:
		ok = add_anchor(a, e->data.mapping_start.anchor);
		break;
	default:
		break;
	}
	if (!ok)
		(void)snprintf(why, size, "out of memory");
	return ok ? 0 : 1;
}

long conf_parse_yaml(const char *data, size_t len, char *why, size_t size)
{
	struct anchors anchors = { 0 };
	bool done = false;
	yaml_parser_t p;
	yaml_event_t e;
	long line = 0;

	if (!yaml_parser_initialize(&p)) {
		(void)snprintf(why, size, "out of memory");
		return 1;
	}
	yaml_parser_set_input_string(&p, (const unsigned char *)data, len);
	while (!line && !done) {
		if (!yaml_parser_parse(&p, &e)) {
			(void)snprintf(why, size, "%s%s%s",
			               p.problem ? p.problem : "it is malformed",
			               p.context ? " " : "", p.context ? p.context : "");
			line = (long)p.problem_mark.line + 1;
			break;
		}
		done = e.type == YAML_STREAM_END_EVENT;
		line = look_at(&e, &anchors, why, size);
		yaml_event_delete(&e);
	}
	drop_anchors(&anchors);
	yaml_parser_delete(&p);
	return line;
}
