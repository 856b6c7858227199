/* term.h - what a terminal may be given: colour, progress, questions. */
#ifndef SK_BASE_TERM_H
#define SK_BASE_TERM_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

enum sk_color { SK_PLAIN, SK_BOLD, SK_DIM, SK_RED, SK_GREEN, SK_YELLOW, SK_BLUE, SK_CYAN };

/* `when` is "auto", "always" or "never"; auto looks at NO_COLOR, TERM and standard output. */
int sk_color_set(const char *when);
bool sk_color_on(void);
const char *sk_color(enum sk_color c); /* the escape sequence, or "" */
const char *sk_color_reset(void);

/* Progress of long work on a terminal's standard error, at most ten times a second, never
 * elsewhere and not before half a second has passed. */
void sk_progress(const char *what, size_t done, size_t total);
void sk_progress_end(void);

/* Asks on standard error and reads a line from standard input without its newline.
 * SK_ENO at end of input; SK_EINTR when SIGINT came. */
int sk_ask(const char *question, struct sk_buf *answer);

#endif
