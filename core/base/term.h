/* term.h - what a terminal may be given: colour, progress, questions. */
#ifndef SK_BASE_TERM_H
#define SK_BASE_TERM_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

enum sk_color { SK_PLAIN, SK_BOLD, SK_DIM, SK_RED, SK_GREEN, SK_YELLOW, SK_BLUE, SK_CYAN };

/* `when` is "auto", "always" or "never"; auto looks at NO_COLOR, TERM and standard output (a pager
 * that git started is as good as a terminal). */
int sk_color_set(const char *when);
bool sk_color_on(void);
const char *sk_color(enum sk_color c); /* the escape sequence, or "" */
const char *sk_color_reset(void);

/* Columns of the terminal, by COLUMNS, standard output or standard error; 80 when nobody knows.  At
 * least 20. */
size_t sk_term_width(void);
/* TERM is dumb or not set, or GIT_SK_PLAIN is true, for a screen reader: no escape sequence, and no
 * line that is written over, whatever it is for. */
bool sk_term_dumb(void);
/* Standard output is the pipe to a pager that git started (pager.sk, git -p). */
bool sk_term_paged(void);

/* "Verifying: 42% (21/50)", or the number alone when `total` is 0: on a terminal's standard error,
 * in the foreground, at most ten times a second, not before a second (GIT_PROGRESS_DELAY, in
 * seconds) has passed since the first call, and never with -q.  Thread-safe. */
void sk_progress(const char *what, size_t done, size_t total);
/* Takes the line away: before anything else is said, and in the end. */
void sk_progress_hide(void);
void sk_progress_end(void);

/* Asks on standard error and reads a line from standard input without its newline.
 * SK_ENO at end of input; SK_EINTR when SIGINT came. */
int sk_ask(const char *question, struct sk_buf *answer);

#endif
