/* parse_text.h - texts and times, as the parsers need them. */
#ifndef CHAT_PARSE_TEXT_H
#define CHAT_PARSE_TEXT_H

#include <stdint.h>

#include "sources.h"

struct arena;

#define TEXT(literal) ((struct chat_text){ (literal), sizeof(literal) - 1 })
#define NOTHING ((struct chat_text){ "", 0 })

/* Makes *text valid UTF-8: each byte that is not part of a valid sequence becomes U+FFFD, in a copy
 * of the arena's.  1: out of memory; *text is empty then. */
int text_clean(struct arena *arena, struct chat_text *text);
int text_equal(struct chat_text text, const char *with);
int text_same(struct chat_text a, struct chat_text b);
int text_starts(struct chat_text text, const char *with);
int text_starts_nocase(struct chat_text text, const char *with); /* ASCII */
const char *text_find(struct chat_text in, const char *what);    /* NULL: not there */
struct chat_text text_trim(struct chat_text text);               /* white space at both ends */
struct chat_text text_cut(struct chat_text text, size_t from);   /* the rest from there on */
struct chat_text text_copy(struct arena *arena,
                           struct chat_text text); /* empty when out of memory */
struct chat_text text_of(const char *s);           /* a C string; NULL is empty */
/* printf into the arena; empty when out of memory. */
struct chat_text text_format(struct arena *arena, const char *format, ...)
        __attribute__((format(printf, 2, 3)));

/* Milliseconds from "2026-08-10T12:00:05.123Z", also with a blank instead of T, without seconds or
 * fraction, with +02:00; without a zone it is `local` time or UTC.  CHAT_NO_TIME: it is none.
 * *used (may be NULL): how many bytes it took. */
int64_t time_parse(struct chat_text text, int local, size_t *used);
/* Of a number of seconds, milliseconds, or micro- or nanoseconds, told by its size. */
int64_t time_number(double value);
int64_t time_sane(int64_t ms); /* CHAT_NO_TIME when absurd */

#endif
