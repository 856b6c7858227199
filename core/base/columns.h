/* columns.h - how wide text is on a terminal.
 *
 * Wide letters (Chinese, Japanese, Korean, emoji) take two columns, marks that combine with the
 * letter before none; colour sequences take none.  What a terminal draws differs in rare cases (an
 * emoji joined of several): text is then cut earlier than it had to be. */
#ifndef SK_BASE_COLUMNS_H
#define SK_BASE_COLUMNS_H

#include <stddef.h>

#include "base/buf.h"

size_t sk_columns(const char *text, size_t len);
/* How many bytes of it fit into `max` columns, marks that belong to the last letter included;
 * *columns is what they take. */
size_t sk_columns_fit(const char *text, size_t len, size_t max, size_t *columns);
/* Adds the text, or as much of it as leaves room for "..." within `max` columns. */
int sk_add_columns(struct sk_buf *out, const char *text, size_t len, size_t max);
/* Blanks, until what was added from `from` on takes `width` columns. */
int sk_pad_columns(struct sk_buf *out, size_t from, size_t width);

#endif
