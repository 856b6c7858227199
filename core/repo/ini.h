/* ini.h - one INI file by inih 55, without the ways in which it drops text silently.
 *
 * inih cuts lines over 199 bytes and sections over 49, stops at a NUL, goes on in the section
 * before when a heading is broken, and takes an indented line for more of the value above.  Here
 * the first three refuse the file; a broken heading skips to the next one; and an indented "key =
 * value" is a key (as in git's own files), while any other indented line does continue the value
 * above. */
#ifndef SK_REPO_INI_H
#define SK_REPO_INI_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

enum { SK_INI_LINE = 199, SK_INI_SECTION = 49, SK_INI_FILE = 1 << 20 };

struct sk_ini_fns {
	/* one setting; a value over several lines has '\n' between them.  Nonzero ends the parse
	 * and is returned. */
	int (*item)(void *ctx, unsigned line, const char *section, const char *key,
	            const char *value);
	/* a line that is neither; the same */
	int (*bad)(void *ctx, unsigned line, const char *words);
	void *ctx;
};

/* Reads at most SK_INI_FILE bytes of a regular file.  SK_ENO: missing; `nofollow`: a symbolic link
 * is SK_EREFUSED. */
int sk_ini_read(const char *path, bool nofollow, struct sk_buf *out);

/* SK_EREFUSED, `*line` and a message when the file must not be taken at all. */
int sk_ini_check(const struct sk_buf *text, unsigned *line);
/* Only after sk_ini_check. */
int sk_ini_parse(const struct sk_buf *text, const struct sk_ini_fns *fns);

#endif
