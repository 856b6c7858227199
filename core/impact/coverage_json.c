/* JSON reports of up to 200 MB: the object of files is gone through by a small scanner, and only
 * the values of the files that are asked about are parsed. */
#include <ctype.h>
#include <string.h>

#include <jansson.h>

#include "base/error.h"
#include "base/text.h"
#include "impact/coverage_parts.h"

struct scan {
	const char *p, *end;
};

static int broken(void)
{
	return sk_error(SK_EUSAGE, "is broken JSON");
}

static void blanks(struct scan *s)
{
	while (s->p < s->end && isspace((unsigned char)*s->p))
		s->p++;
}

static bool take(struct scan *s, char c)
{
	blanks(s);
	if (s->p >= s->end || *s->p != c)
		return false;
	s->p++;
	return true;
}

/* Past a string's closing quote; what is between, escapes as they stand. */
static bool string(struct scan *s, const char **start, size_t *len)
{
	if (!take(s, '"'))
		return false;
	*start = s->p;
	while (s->p < s->end) {
		const char *q = memchr(s->p, '"', (size_t)(s->end - s->p));
		size_t slashes = 0;

		if (!q)
			return false;
		while (q - slashes > *start && q[-1 - (ptrdiff_t)slashes] == '\\')
			slashes++;
		s->p = q + 1;
		if (slashes % 2 == 0) {
			*len = (size_t)(q - *start);
			return true;
		}
	}
	return false;
}

/* Past one value, whatever it is. */
static bool skip(struct scan *s)
{
	const char *start;
	size_t len, depth = 0;

	do {
		blanks(s);
		if (s->p >= s->end)
			return false;
		if (*s->p == '"') {
			if (!string(s, &start, &len))
				return false;
		} else if (*s->p == '{' || *s->p == '[') {
			depth++;
			s->p++;
		} else if (*s->p == '}' || *s->p == ']') {
			if (!depth)
				return false;
			depth--;
			s->p++;
		} else if (depth) {
			while (s->p < s->end && !sk_one_of(*s->p, "\"{}[]"))
				s->p++;
		} else {
			while (s->p < s->end && !sk_one_of(*s->p, ",}] \t\r\n"))
				s->p++;
		}
	} while (depth);
	return true;
}

/* A key as it reads: escapes undone. */
static json_t *key_text(const char *start, size_t len)
{
	return json_loadb(start - 1, len + 2, JSON_DECODE_ANY, NULL);
}

static bool key_is(const char *start, size_t len, const char *word)
{
	return len == strlen(word) && memcmp(start, word, len) == 0;
}

static bool number_in(json_t *o, const char *key, uint64_t *out)
{
	json_t *v = json_object_get(o, key);

	if (!json_is_number(v) || json_number_value(v) < 0 || json_number_value(v) > 1e9)
		return false;
	*out = (uint64_t)json_number_value(v);
	return true;
}

static int line_list(struct sk_coverage_sum *s, long file, json_t *list, bool hit)
{
	json_t *v;
	size_t i;
	int rc = 0;

	json_array_foreach(list, i, v)
	{
		if (json_is_integer(v) && json_integer_value(v) > 0)
			rc = sk_coverage_line(s, file, (uint64_t)json_integer_value(v), hit);
		if (rc)
			break;
	}
	return rc;
}

/* coverage.py: executed_lines and missing_lines. */
static int python_file(struct sk_coverage_sum *s, long file, json_t *o)
{
	int rc = line_list(s, file, json_object_get(o, "executed_lines"), true);

	return rc ? rc : line_list(s, file, json_object_get(o, "missing_lines"), false);
}

/* Istanbul: a line was run when a statement that starts on it was; as its own line coverage. */
static int istanbul_file(struct sk_coverage_sum *s, long file, json_t *o)
{
	json_t *map = json_object_get(o, "statementMap"), *counts = json_object_get(o, "s"), *v;
	const char *id;
	int rc = 0;

	json_object_foreach(counts, id, v)
	{
		json_t *start = json_object_get(json_object_get(map, id), "start");
		uint64_t line;

		if (number_in(start, "line", &line))
			rc = sk_coverage_line(s, file, line, json_number_value(v) > 0);
		if (rc)
			break;
	}
	return rc;
}

static void summary_file(struct sk_coverage_sum *s, long file, json_t *o)
{
	json_t *lines = json_object_get(o, "lines");
	uint64_t total, covered;

	if (number_in(lines, "total", &total) && number_in(lines, "covered", &covered))
		sk_coverage_total(s, file, covered, total);
}

static int one_file(struct sk_coverage_sum *s, long file, const char *text, size_t len)
{
	json_t *o = json_loadb(text, len, 0, NULL);
	int rc = 0;

	if (!json_is_object(o)) {
		json_decref(o);
		return broken();
	}
	if (json_object_get(o, "executed_lines")) {
		sk_coverage_speaks(s, file);
		rc = python_file(s, file, o);
	} else if (json_object_get(o, "statementMap")) {
		sk_coverage_speaks(s, file);
		rc = istanbul_file(s, file, o);
	} else if (json_object_get(o, "lines")) {
		sk_coverage_speaks(s, file);
		summary_file(s, file, o);
	}
	json_decref(o);
	return rc;
}

/* The members of the object that begins here; `files`: their keys are paths. */
static int object(struct sk_coverage_sum *s, struct scan *x, bool files, bool *any)
{
	if (!take(x, '{'))
		return broken();
	if (take(x, '}'))
		return 0;
	do {
		const char *key, *value;
		size_t len;
		int rc = 0;

		if (!string(x, &key, &len) || !take(x, ':'))
			return broken();
		blanks(x);
		value = x->p;
		if (!files && key_is(key, len, "files") && value < x->end && *value == '{') {
			*any = true; /* coverage.py's */
			rc = object(s, x, true, any);
		} else if (!skip(x)) {
			return broken();
		} else if (value < x->end && *value == '{' && !key_is(key, len, "meta") &&
		           !key_is(key, len, "total") && !key_is(key, len, "totals")) {
			json_t *name = key_text(key, len);
			long file = SK_COVERAGE_NONE;

			if (json_is_string(name))
				file = sk_coverage_find(s, "", json_string_value(name),
				                        json_string_length(name));
			json_decref(name);
			*any = true;
			if (file >= 0)
				rc = one_file(s, file, value, (size_t)(x->p - value));
		}
		if (rc)
			return rc;
	} while (take(x, ','));
	return take(x, '}') ? 0 : broken();
}

int sk_coverage_json(struct sk_coverage_sum *s, const char *text, size_t len)
{
	struct scan x = { text, text + len };
	bool any = false;
	int rc = object(s, &x, false, &any);

	if (!rc)
		blanks(&x);
	if (!rc && x.p != x.end)
		return broken();
	if (!rc && !any && !memmem(text, len, "total", 5) && len > 2)
		return sk_error(SK_EUSAGE, "is JSON, but no report of a kind that is known");
	return rc;
}
