/* manual.h - the manual pages: opened by man, or printed as plain text where there is no man.
 *
 * The pages are mdoc(7) in the installation's share/man (config/man in the sources).  Plain text
 * knows the macros that our own pages use (sk_manual_knows), each on the whole as mandoc(1) renders
 * it; test_command holds the pages to that, and the text to what mandoc makes of it. */
#ifndef SK_COMMAND_MANUAL_H
#define SK_COMMAND_MANUAL_H

#include <stdbool.h>

#include "base/buf.h"

/* Opens the page of that command, NULL: the overview.  Replaces this process when there is a man.
 * SK_ENO: there is no such page in this installation. */
int sk_manual_open(const char *command);

/* Adds the page as text, in lines of at most `width` columns where words allow. */
int sk_manual_text(const char *page, size_t width, struct sk_buf *out);
/* Whether the macro, two or three bytes, is known. */
bool sk_manual_knows(const char *macro, size_t len);

#endif
