#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "impact/coverage_parts.h"

/* Digits at *p, which moves behind them; false when there are none. */
static bool number(const char **p, const char *end, uint64_t *out)
{
	const char *q = *p;
	uint64_t n = 0;

	for (; q < end && isdigit((unsigned char)*q); q++)
		n = n > UINT64_MAX / 10 - 10 ? n : n * 10 + (uint64_t)(*q - '0');
	if (q == *p)
		return false;
	*p = q;
	*out = n;
	return true;
}

static bool past(const char **p, const char *end, char c)
{
	if (*p >= end || **p != c)
		return false;
	(*p)++;
	return true;
}

static bool begins(const char *p, const char *end, const char *word)
{
	size_t n = strlen(word);

	return (size_t)(end - p) >= n && memcmp(p, word, n) == 0;
}

/* The end of the line without its carriage return; *next is the following one. */
static const char *line_end(const char *p, const char *end, const char **next)
{
	const char *eol = memchr(p, '\n', (size_t)(end - p));

	*next = eol ? eol + 1 : end;
	eol = eol ? eol : end;
	return eol > p && eol[-1] == '\r' ? eol - 1 : eol;
}

/* SF:path, DA:line,count[,md5], LF:n, LH:n, end_of_record; other records are not for us.  A count
 * may be negative in reports of buggy tools: that is none. */
int sk_coverage_lcov(struct sk_coverage_sum *s, const char *text, size_t len)
{
	const char *end = text + len, *next;
	uint64_t line, count, found = 0, hit = 0;
	long file = SK_COVERAGE_NONE;
	bool lines = false;
	int rc = 0;

	for (const char *p = text; !rc && p < end; p = next) {
		const char *eol = line_end(p, end, &next), *q = p + 3;

		if (begins(p, eol, "SF:")) {
			file = sk_coverage_find(s, "", q, (size_t)(eol - q));
			sk_coverage_speaks(s, file);
			lines = false;
			found = hit = 0;
		} else if (file >= 0 && begins(p, eol, "DA:") && number(&q, eol, &line) &&
		           past(&q, eol, ',')) {
			lines = true;
			rc = sk_coverage_line(s, file, line, number(&q, eol, &count) && count);
		} else if (begins(p, eol, "LF:")) {
			(void)number(&q, eol, &found);
		} else if (begins(p, eol, "LH:")) {
			(void)number(&q, eol, &hit);
		} else if (begins(p, eol, "end_of_record")) {
			if (file >= 0 && !lines)
				sk_coverage_total(s, file, hit, found);
			file = SK_COVERAGE_NONE;
		}
	}
	return rc;
}

/* "line.column,line.column statements count" behind the colon. */
static bool go_block(const char *p, const char *end, uint64_t v[6])
{
	return number(&p, end, &v[0]) && past(&p, end, '.') && number(&p, end, &v[1]) &&
	       past(&p, end, ',') && number(&p, end, &v[2]) && past(&p, end, '.') &&
	       number(&p, end, &v[3]) && past(&p, end, ' ') && number(&p, end, &v[4]) &&
	       past(&p, end, ' ') && number(&p, end, &v[5]) && p == end;
}

/* importpath/file.go:l.c,l.c statements count; a block may be there again, from another test. */
int sk_coverage_go(struct sk_coverage_sum *s, const char *text, size_t len)
{
	const char *end = text + len, *next, *last = NULL;
	size_t last_len = 0;
	long file = SK_COVERAGE_NONE;
	int rc = 0;

	(void)line_end(text, end, &next);
	for (const char *p = next; !rc && p < end; p = next) {
		const char *eol = line_end(p, end, &next);
		const char *colon = memrchr(p, ':', (size_t)(eol - p));
		uint64_t v[6];
		uint32_t place[4];

		if (eol == p || begins(p, eol, "mode:")) /* profiles put one behind another */
			continue;
		if (!colon || !go_block(colon + 1, eol, v))
			return sk_error(SK_EUSAGE, "is no cover profile of Go's to its end");
		if (!last || last_len != (size_t)(colon - p) || memcmp(last, p, last_len) != 0) {
			last = p;
			last_len = (size_t)(colon - p);
			file = sk_coverage_find(s, "", last, last_len);
			sk_coverage_speaks(s, file);
		}
		for (size_t i = 0; i < 4; i++)
			place[i] = (uint32_t)(v[i] > UINT32_MAX ? UINT32_MAX : v[i]);
		rc = sk_coverage_block(s, file, place, (uint32_t)(v[4] > 100000 ? 100000 : v[4]),
		                       v[5] > 0);
	}
	return rc;
}
