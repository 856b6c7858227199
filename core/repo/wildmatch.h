/* wildmatch.h - the matcher under ignore.c; sk_wildmatch in ignore.h is its public face.
 *
 * Pattern and text are byte ranges, so that a NUL in them is a byte like any other. */
#ifndef SK_REPO_WILDMATCH_H
#define SK_REPO_WILDMATCH_H

#include <stdbool.h>
#include <stddef.h>

enum {
	SK_WM_PATHNAME = 1, /* "/" is matched by "/" and "**" only */
	SK_WM_ICASE = 2,    /* ASCII letters, as git folds them */
	SK_WM_BELOW = 4 /* with PATHNAME: is the text, or could something under it be, matched */
};

/* Never allocates nor recurses.  Takes at most O(plen * tlen) steps without "**", and
 * O(plen^2 * tlen) with it. */
bool sk_wm_match(const char *pattern, size_t plen, const char *text, size_t tlen, unsigned flags);

/* `p` stands after a "[": where the bracket expression's "]" is passed, or NULL when the
 * expression never ends or names an unknown class (git: such a pattern matches nothing). */
const char *sk_wm_bracket_end(const char *p, const char *end);

static inline unsigned char sk_wm_lower(unsigned char c)
{
	return c >= 'A' && c <= 'Z' ? (unsigned char)(c + ('a' - 'A')) : c;
}

#endif
