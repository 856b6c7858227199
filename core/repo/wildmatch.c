/* Globs as git has them.
 *
 * Source of the semantics: gitignore(5), glob(7), and git's answers, which tests/unit/test_ignore.c
 * asks for.  Three of them that the manuals do not give: with case folded, an upper-case letter
 * that is escaped or stands alone in a bracket expression matches nothing; "**" counts as such at
 * the start of the pattern or after a "/", when a "/" or the end follows; [[:space:]] has no \v,
 * \f.
 *
 * Why backtracking to the last star alone is enough: stars are tried at their shortest first, so
 * the first time a star is reached is at the earliest place in the text where it can be.  Whatever
 * another choice for an earlier star could lead to, this one leads to as well by growing, as long
 * as it may grow: a "*" up to the next "/" (no earlier "*" could pass it either), a "**" to the
 * end.  So one "*" and one "**" are remembered, and once the text runs out nothing is left to try.
 */
#include "repo/wildmatch.h"

#include <string.h>

#include "repo/ignore.h"

typedef unsigned char uchar;

static bool is_lower(uchar c)
{
	return c >= 'a' && c <= 'z';
}

static bool is_upper(uchar c)
{
	return c >= 'A' && c <= 'Z';
}

static bool is_digit(uchar c)
{
	return c >= '0' && c <= '9';
}

static bool is_alnum(uchar c)
{
	return is_lower(c) || is_upper(c) || is_digit(c);
}

static bool is_space(uchar c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_print(uchar c)
{
	return c >= 0x20 && c <= 0x7e;
}

enum class {
	ALNUM,
	ALPHA,
	BLANK,
	CNTRL,
	DIGIT,
	GRAPH,
	LOWER,
	PRINT,
	PUNCT,
	SPACE,
	UPPER,
	XDIGIT,
	UNKNOWN
};

static enum class class_named(const uchar *name, size_t len) {
	static const char names[][7] = { "alnum", "alpha", "blank", "cntrl", "digit", "graph",
	                                 "lower", "print", "punct", "space", "upper", "xdigit" };

	for (unsigned i = 0; i < UNKNOWN;
	     i++) if (strlen(names[i]) == len &&
	              memcmp(names[i], name, len) == 0) return (enum class)i;
	return UNKNOWN;
}

static bool in_class(enum class cls, uchar c, bool icase)
{
	switch (cls) {
	case ALNUM:
		return is_alnum(c);
	case ALPHA:
		return is_lower(c) || is_upper(c);
	case BLANK:
		return c == ' ' || c == '\t';
	case CNTRL:
		return c < 0x20 || c == 0x7f;
	case DIGIT:
		return is_digit(c);
	case GRAPH:
		return is_print(c) && c != ' ';
	case LOWER:
		return is_lower(c);
	case PRINT:
		return is_print(c);
	case PUNCT:
		return is_print(c) && c != ' ' && !is_alnum(c);
	case SPACE:
		return is_space(c);
	case UPPER:
		return is_upper(c) || (icase && is_lower(c));
	case XDIGIT:
		return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
	case UNKNOWN:
		break;
	}
	return false;
}

static bool in_range(uchar low, uchar high, uchar c, bool icase)
{
	if (c >= low && c <= high)
		return true;
	if (!icase || !is_lower(c))
		return false;
	c = (uchar)(c - ('a' - 'A'));
	return c >= low && c <= high;
}

/* "[:name:]" with `p` on the first colon.  0: no class, the "[" stands for itself; -1: malformed;
 * else how many bytes to pass. */
static long named_class(const uchar *p, const uchar *end, uchar c, bool icase, bool *hit)
{
	const uchar *close = memchr(p + 1, ']', (size_t)(end - p - 1));
	enum class cls;

	if (!close)
		return -1;
	if (close == p + 1 || close[-1] != ':')
		return 0;
	cls = class_named(p + 1, (size_t)(close - p - 2));
	if (cls == UNKNOWN)
		return -1;
	*hit |= in_class(cls, c, icase);
	return close + 1 - p;
}

/* `p` stands after the "["; returns what follows the "]", or NULL when malformed.  `c` is
 * already folded. */
static const uchar *bracket(const uchar *p, const uchar *end, uchar c, bool icase, bool *hit)
{
	bool negated = false, found = false;
	uchar prev = 0; /* what a "-" would make a range of */

	if (p < end && (*p == '!' || *p == '^')) {
		negated = true;
		p++;
	}
	do { /* a "]" that comes first is a member */
		uchar ch;
		long passed = 0;

		if (p == end)
			return NULL;
		ch = *p++;
		if (ch == '[' && p < end && *p == ':')
			passed = named_class(p, end, c, icase, &found);
		if (passed < 0)
			return NULL;
		if (passed > 0) {
			p += passed;
			prev = 0;
			continue;
		}
		if (ch == '-' && prev && p < end && *p != ']') {
			ch = *p++;
			if (ch == '\\' && p == end)
				return NULL;
			if (ch == '\\')
				ch = *p++;
			found |= in_range(prev, ch, c, icase);
			prev = 0;
			continue;
		}
		if (ch == '\\' && p == end)
			return NULL;
		if (ch == '\\')
			ch = *p++;
		found |= c == ch;
		prev = ch;
	} while (p == end || *p != ']');
	*hit = found != negated;
	return p + 1;
}

const char *sk_wm_bracket_end(const char *p, const char *end)
{
	bool hit;

	return (const char *)bracket((const uchar *)p, (const uchar *)end, 0, false, &hit);
}

struct match {
	const uchar *start, *p, *pend; /* the pattern */
	const uchar *t, *tend;         /* the text */
	const uchar *star_p, *star_t;  /* after the last "*", and where the text goes on after it */
	const uchar *deep_p, *deep_t;  /* the same for the last "**" and its slash */
	unsigned flags;
};

enum step {
	GO_ON,
	MISMATCH, /* here: a star may grow */
	YES,
	NO
};

static bool at_slash(const uchar *p, const uchar *end)
{
	return p < end && (*p == '/' || (*p == '\\' && p + 1 < end && p[1] == '/'));
}

/* After a star's mismatch, the next thing to try. */
static enum step grow(struct match *m)
{
	const uchar *slash;

	if (m->star_p) {
		if (m->star_t == m->tend)
			return NO;
		if (!(m->flags & SK_WM_PATHNAME) || *m->star_t != '/') {
			m->t = ++m->star_t;
			m->p = m->star_p;
			return GO_ON;
		}
		m->star_p = NULL;
	}
	if (!m->deep_p)
		return NO;
	slash = memchr(m->deep_t, '/', (size_t)(m->tend - m->deep_t));
	if (!slash)
		return NO;
	m->t = m->deep_t = slash + 1;
	m->p = m->deep_p;
	return GO_ON;
}

static enum step stars(struct match *m)
{
	const uchar *first = m->p;
	bool deep;

	while (m->p < m->pend && *m->p == '*')
		m->p++;
	deep = (m->flags & SK_WM_PATHNAME) && m->p - first > 1 &&
	       (first == m->start || first[-1] == '/') &&
	       (m->p == m->pend || at_slash(m->p, m->pend));
	if (deep && (m->flags & SK_WM_BELOW))
		return YES;
	if (m->p == m->pend) {
		if (deep || !(m->flags & SK_WM_PATHNAME))
			return YES;
		m->star_p = NULL; /* ours is the last, and has to reach the end */
		return memchr(m->t, '/', (size_t)(m->tend - m->t)) ? MISMATCH : YES;
	}
	if (!deep) {
		m->star_p = m->p;
		m->star_t = m->t;
		return GO_ON;
	}
	m->star_p = NULL;
	m->deep_t = m->t;
	if (*m->p == '/') { /* "**" and its slash may match nothing at all */
		m->deep_p = ++m->p;
		return GO_ON;
	}
	m->deep_p = m->p + 2; /* but with an escaped slash, they may not */
	return MISMATCH;
}

/* The text is used up: whether the rest of the pattern can be a path under it. */
static bool goes_below(const struct match *m)
{
	return (m->flags & SK_WM_BELOW) && at_slash(m->p, m->pend);
}

/* One character against one that is no star. */
static enum step one(struct match *m)
{
	bool icase = m->flags & SK_WM_ICASE, hit;
	uchar c = icase ? sk_wm_lower(*m->t) : *m->t, ch = *m->p++;

	switch (ch) {
	case '?':
		hit = !(m->flags & SK_WM_PATHNAME) || c != '/';
		break;
	case '[':
		m->p = bracket(m->p, m->pend, c, icase, &hit);
		if (!m->p)
			return NO;
		hit = hit && (!(m->flags & SK_WM_PATHNAME) || c != '/');
		break;
	case '\\':
		if (m->p == m->pend)
			return NO;
		hit = c == *m->p++;
		break;
	default:
		hit = c == (icase ? sk_wm_lower(ch) : ch);
	}
	m->t++;
	return hit ? GO_ON : MISMATCH;
}

bool sk_wm_match(const char *pattern, size_t plen, const char *text, size_t tlen, unsigned flags)
{
	struct match m = { .start = (const uchar *)pattern,
		           .p = (const uchar *)pattern,
		           .pend = (const uchar *)pattern + plen,
		           .t = (const uchar *)text,
		           .tend = (const uchar *)text + tlen,
		           .flags = flags };
	enum step step = GO_ON;

	while (step == GO_ON) {
		if (m.p < m.pend && *m.p == '*')
			step = stars(&m);
		else if (m.p == m.pend)
			step = m.t == m.tend ? YES : MISMATCH;
		else if (m.t == m.tend)
			step = goes_below(&m) ? YES : NO;
		else
			step = one(&m);
		if (step == MISMATCH)
			step = grow(&m);
	}
	return step == YES;
}

bool sk_wildmatch(const char *pattern, size_t plen, const char *text, size_t tlen, bool pathname,
                  bool icase)
{
	return sk_wm_match(pattern, plen, text, tlen,
	                   (pathname ? SK_WM_PATHNAME : 0U) | (icase ? SK_WM_ICASE : 0U));
}
