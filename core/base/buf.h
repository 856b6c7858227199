/* buf.h - a growing byte buffer and a growing list of strings.
 *
 * A buffer always ends in a NUL that is not counted in `len`, once anything was added.  Out of
 * memory is sticky: after one failed call every later one fails too, so a run of additions may be
 * checked once, at the end, by sk_buf_ok(). */
#ifndef SK_BASE_BUF_H
#define SK_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct sk_buf {
	char *ptr;
	size_t len;
	size_t cap;
	bool oom;
};

#define SK_BUF_INIT                                                                                \
	{                                                                                          \
		NULL, 0, 0, false                                                                  \
	}

int sk_buf_reserve(struct sk_buf *buf, size_t extra);
int sk_buf_add(struct sk_buf *buf, const void *data, size_t len);
int sk_buf_adds(struct sk_buf *buf, const char *str);
int sk_buf_addc(struct sk_buf *buf, char c);
int sk_buf_addf(struct sk_buf *buf, const char *fmt, ...) SK_PRINTF(2, 3);
void sk_buf_clear(struct sk_buf *buf); /* keeps the memory */
void sk_buf_truncate(struct sk_buf *buf, size_t len);
void sk_buf_free(struct sk_buf *buf);
char *sk_buf_detach(struct sk_buf *buf);          /* the caller frees; NULL when out of memory */
const char *sk_buf_str(const struct sk_buf *buf); /* "" when empty; owned by the buffer */
int sk_buf_ok(const struct sk_buf *buf);          /* 0, or SK_EIO with the message set */

struct sk_strv {
	char **item;
	size_t n;
	size_t cap;
};

#define SK_STRV_INIT                                                                               \
	{                                                                                          \
		NULL, 0, 0                                                                         \
	}

int sk_strv_add(struct sk_strv *v, const char *str);
int sk_strv_addn(struct sk_strv *v, const char *str, size_t len);
void sk_strv_free(struct sk_strv *v);
void sk_strv_sort(struct sk_strv *v); /* bytewise */
bool sk_strv_has(const struct sk_strv *v, const char *str);
/* Of a sorted one: the number of the first string not before `str`.  O(log n). */
size_t sk_strv_lower(const struct sk_strv *v, const char *str);

#endif
