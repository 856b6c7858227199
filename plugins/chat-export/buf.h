/* buf.h - a growing byte buffer, ended by a NUL that does not count, and JSON strings in it.
 *
 * Out of memory is sticky: after one failed call every later one fails too, so that a run of
 * additions may be checked once, at its end, by chat_buf_ok(). */
#ifndef CHAT_BUF_H
#define CHAT_BUF_H

#include <stddef.h>

struct chat_buf {
	char *s; /* NULL until something is added */
	size_t n, cap;
	int oom;
};

int chat_buf_reserve(struct chat_buf *b, size_t extra);
int chat_buf_add(struct chat_buf *b, const void *data, size_t n);
int chat_buf_adds(struct chat_buf *b, const char *text);
int chat_buf_addc(struct chat_buf *b, char c);
int chat_buf_addf(struct chat_buf *b, const char *format, ...)
        __attribute__((format(printf, 2, 3)));
/* A JSON string in its quotes; NUL and bytes that are not UTF-8 become U+FFFD. */
int chat_buf_json(struct chat_buf *b, const char *s, size_t n);
/* Whether it is UTF-8 without a NUL. */
int chat_buf_is_text(const char *s, size_t n);
/* `"key":"text"`, with a comma before it unless it follows a bracket. */
int chat_buf_field(struct chat_buf *b, const char *key, const char *s, size_t n);
void chat_buf_clear(struct chat_buf *b); /* keeps the memory */
void chat_buf_free(struct chat_buf *b);
int chat_buf_ok(const struct chat_buf *b); /* 0 or SKP_EIO */
const char *chat_buf_str(const struct chat_buf *b);

#endif
