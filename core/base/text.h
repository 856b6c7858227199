/* text.h - names and times as people and machines read them. */
#ifndef SK_BASE_TEXT_H
#define SK_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"

/* strchr, but that a NUL is none of them: in bytes that are counted it is one like any other. */
static inline bool sk_one_of(char c, const char *set)
{
	return c && strchr(set, c);
}

/* Length of the valid UTF-8 sequence at `s` (1 to 4), or 0 when there is none within `len`.
 * Source: RFC 3629, surrogates and overlong forms refused. */
size_t sk_utf8_len(const char *s, size_t len);
bool sk_utf8_valid(const char *s, size_t len);

/* Whether the character of `n` bytes that begins at `s`, valid UTF-8 of more than one, is none to
 * show: C1 controls, bidirectional marks and overrides, line and paragraph separators, BOM. */
bool sk_hidden_char(const char *s, size_t n);

/* Adds a file name as a terminal may show it: control characters, DEL, C1 controls, bidirectional
 * overrides and bytes that are not UTF-8 come out as \n, \t, \x1b and the like; a name that needed
 * it, or has a quote or backslash, stands in double quotes as git's own quoting has it. */
int sk_add_name(struct sk_buf *out, const char *name, size_t len);
/* Adds free text (titles, messages): the same escapes, no quotes. */
int sk_add_text(struct sk_buf *out, const char *text, size_t len);
/* The name of sk_add_name in one of four buffers of the thread, cut to 255 bytes; for messages. */
const char *sk_name(const char *name);

/* 1536 -> "1.5K"; `size` in bytes, powers of 1024. */
int sk_add_size(struct sk_buf *out, uint64_t size);
/* "50M", "2G", "512" -> bytes; SK_EUSAGE with a message that quotes the text. */
int sk_parse_size(const char *text, uint64_t *out);
/* "15m", "500ms", "1h", "never" (-1), "90" (seconds) -> milliseconds; SK_EUSAGE as above. */
int sk_parse_duration(const char *text, int64_t *ms);

/* Times are seconds since 1970 UTC. */
void sk_format_id_time(time_t t, char out[17]);       /* 20260810T120000Z */
bool sk_parse_id_time(const char *text, time_t *out); /* the first 16 characters */
void sk_format_rfc3339(time_t t, char out[21]);       /* 2026-08-10T12:00:00Z */
void sk_format_local(time_t t, char out[20]);         /* 2026-08-10 14:00:00 */
/* "3 minutes ago", "in the future" */
int sk_add_age(struct sk_buf *out, time_t t, time_t now);

/* Now; the environment's SK_TEST_NOW (seconds) replaces it in builds with SK_TESTING only. */
time_t sk_now(void);

#endif
