/* keywords.h - finding any of many words in one pass (Aho and Corasick, "Efficient string
 * matching", 1975).  Exact bytes, case included. */
#ifndef SK_LINT_KEYWORDS_H
#define SK_LINT_KEYWORDS_H

#include <stddef.h>

#include "base/buf.h"

struct sk_keywords;

/* Words of at least one byte; SK_EUSAGE when they are too many (32,000 bytes in all).  The same
 * word twice is two words that are found together. */
int sk_keywords_new(const struct sk_strv *words, struct sk_keywords **out);
void sk_keywords_free(struct sk_keywords *keywords);

/* Calls `hit` for every place of every word, in the order of their last bytes; nonzero from it ends
 * the scan and is returned. */
int sk_keywords_scan(const struct sk_keywords *keywords, const char *text, size_t len,
                     int (*hit)(void *ctx, size_t word, size_t start), void *ctx);

#endif
