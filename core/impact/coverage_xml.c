/* Cobertura's XML, by expat.  Entities of the report's own are refused: no report needs them, and
 * they are how a small file becomes a large one. */
#include <stdlib.h>
#include <string.h>

#include <expat.h>

#include "base/error.h"
#include "impact/coverage_parts.h"

enum { CHUNK = 1 << 20, SOURCES = 64, DEPTH = 200 };

struct state {
	struct sk_coverage_sum *sum;
	XML_Parser parser;
	struct sk_strv sources;
	struct sk_buf text; /* of a <source> */
	bool in_source, root_seen;
	long file;
	unsigned depth;
	int rc;
};

static const char *attribute(const XML_Char **atts, const char *name)
{
	for (; atts[0]; atts += 2)
		if (strcmp(atts[0], name) == 0)
			return atts[1];
	return NULL;
}

static void stop(struct state *s, int rc)
{
	if (!s->rc)
		s->rc = rc;
	(void)XML_StopParser(s->parser, XML_FALSE);
}

/* The class's file below one of the sources. */
static long find(struct state *s, const char *filename)
{
	size_t len = strlen(filename);
	long file = SK_COVERAGE_NONE;

	for (size_t i = 0; i < s->sources.n && file == SK_COVERAGE_NONE; i++)
		file = sk_coverage_find(s->sum, s->sources.item[i], filename, len);
	return s->sources.n ? file : sk_coverage_find(s->sum, "", filename, len);
}

static void on_line(struct state *s, const XML_Char **atts)
{
	const char *number = attribute(atts, "number"), *hits = attribute(atts, "hits");

	if (number && hits && s->file >= 0) {
		int rc = sk_coverage_line(s->sum, s->file, strtoull(number, NULL, 10),
		                          strtoull(hits, NULL, 10) > 0);

		if (rc)
			stop(s, rc);
	}
}

static void XMLCALL start(void *user, const XML_Char *name, const XML_Char **atts)
{
	struct state *s = user;

	if (++s->depth > DEPTH) {
		stop(s, sk_error(SK_EUSAGE, "is nested too deep"));
		return;
	}
	if (!s->root_seen) {
		s->root_seen = true;
		if (strcmp(name, "coverage") != 0 || !attribute(atts, "line-rate"))
			stop(s, sk_error(SK_EUSAGE, "is XML, but not of Cobertura's form"));
	} else if (strcmp(name, "source") == 0) {
		s->in_source = true;
		sk_buf_clear(&s->text);
	} else if (strcmp(name, "class") == 0) {
		const char *filename = attribute(atts, "filename");

		s->file = filename ? find(s, filename) : SK_COVERAGE_NONE;
		sk_coverage_speaks(s->sum, s->file);
	} else if (strcmp(name, "line") == 0) {
		/* those of a method stand in the class again: the same lines, counted once */
		on_line(s, atts);
	}
}

static void XMLCALL end(void *user, const XML_Char *name)
{
	struct state *s = user;

	s->depth--;
	if (strcmp(name, "class") == 0)
		s->file = SK_COVERAGE_NONE;
	if (strcmp(name, "source") != 0 || !s->in_source)
		return;
	s->in_source = false;
	while (s->text.len && s->text.ptr[s->text.len - 1] == '/')
		sk_buf_truncate(&s->text, s->text.len - 1);
	if (s->sources.n < SOURCES && sk_strv_add(&s->sources, sk_buf_str(&s->text)))
		stop(s, SK_EIO);
}

static void XMLCALL text(void *user, const XML_Char *data, int len)
{
	struct state *s = user;

	if (s->in_source && s->text.len < 4096 && sk_buf_add(&s->text, data, (size_t)len))
		stop(s, SK_EIO);
}

static void XMLCALL entity(void *user, const XML_Char *name, int parameter, const XML_Char *value,
                           int len, const XML_Char *base, const XML_Char *system,
                           const XML_Char *public, const XML_Char *notation)
{
	SK_UNUSED(name);
	SK_UNUSED(parameter);
	SK_UNUSED(value);
	SK_UNUSED(len);
	SK_UNUSED(base);
	SK_UNUSED(system);
	SK_UNUSED(public);
	SK_UNUSED(notation);
	stop(user, sk_error(SK_EUSAGE, "has entities of its own, which are not read"));
}

static int parse(struct state *s, const char *data, size_t len)
{
	for (size_t at = 0; at < len && !s->rc;) {
		size_t n = len - at < CHUNK ? len - at : CHUNK;

		if (XML_Parse(s->parser, data + at, (int)n, at + n == len) != XML_STATUS_OK &&
		    !s->rc)
			s->rc = XML_GetErrorCode(s->parser) == XML_ERROR_NO_MEMORY
			                ? sk_error_oom()
			                : sk_error(SK_EUSAGE, "is broken XML in line %lu: %s",
			                           (unsigned long)XML_GetCurrentLineNumber(
			                                   s->parser),
			                           XML_ErrorString(XML_GetErrorCode(s->parser)));
		at += n;
	}
	return s->rc;
}

int sk_coverage_xml(struct sk_coverage_sum *sum, const char *data, size_t len)
{
	struct state s = { .sum = sum, .file = SK_COVERAGE_NONE };
	int rc;

	s.parser = XML_ParserCreate(NULL);
	if (!s.parser)
		return sk_error_oom();
	XML_SetUserData(s.parser, &s);
	XML_SetElementHandler(s.parser, start, end);
	XML_SetCharacterDataHandler(s.parser, text);
	XML_SetEntityDeclHandler(s.parser, entity);
	rc = parse(&s, data, len);
	XML_ParserFree(s.parser);
	sk_strv_free(&s.sources);
	sk_buf_free(&s.text);
	return rc;
}
