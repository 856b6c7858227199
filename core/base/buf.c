#include "base/buf.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int sk_buf_reserve(struct sk_buf *buf, size_t extra)
{
	size_t need, cap;
	char *ptr;

	if (buf->oom || extra > SIZE_MAX / 2 - buf->len - 1)
		goto fail;
	need = buf->len + extra + 1;
	if (need <= buf->cap)
		return 0;
	cap = buf->cap < 64 ? 64 : buf->cap;
	while (cap < need)
		cap += cap / 2;
	ptr = realloc(buf->ptr, cap);
	if (!ptr)
		goto fail;
	buf->ptr = ptr;
	buf->cap = cap;
	return 0;
fail:
	buf->oom = true;
	return sk_error_oom();
}

int sk_buf_add(struct sk_buf *buf, const void *data, size_t len)
{
	int rc = sk_buf_reserve(buf, len);

	if (rc)
		return rc;
	if (len)
		memcpy(buf->ptr + buf->len, data, len);
	buf->len += len;
	buf->ptr[buf->len] = '\0';
	return 0;
}

int sk_buf_adds(struct sk_buf *buf, const char *str)
{
	return sk_buf_add(buf, str, strlen(str));
}

int sk_buf_addc(struct sk_buf *buf, char c)
{
	return sk_buf_add(buf, &c, 1);
}

int sk_buf_addf(struct sk_buf *buf, const char *fmt, ...)
{
	va_list ap;
	int len, rc;

	va_start(ap, fmt);
	len = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (len < 0)
		return sk_error(SK_EIO, "cannot format a message");
	rc = sk_buf_reserve(buf, (size_t)len);
	if (rc)
		return rc;
	va_start(ap, fmt);
	(void)vsnprintf(buf->ptr + buf->len, (size_t)len + 1, fmt, ap);
	va_end(ap);
	buf->len += (size_t)len;
	return 0;
}

void sk_buf_clear(struct sk_buf *buf)
{
	sk_buf_truncate(buf, 0);
}

void sk_buf_truncate(struct sk_buf *buf, size_t len)
{
	if (len > buf->len || !buf->ptr)
		return;
	buf->len = len;
	buf->ptr[len] = '\0';
}

void sk_buf_free(struct sk_buf *buf)
{
	free(buf->ptr);
	*buf = (struct sk_buf)SK_BUF_INIT;
}

char *sk_buf_detach(struct sk_buf *buf)
{
	char *ptr;

	if (sk_buf_add(buf, "", 0)) {
		sk_buf_free(buf);
		return NULL;
	}
	ptr = buf->ptr;
	*buf = (struct sk_buf)SK_BUF_INIT;
	return ptr;
}

const char *sk_buf_str(const struct sk_buf *buf)
{
	return buf->ptr ? buf->ptr : "";
}

int sk_buf_ok(const struct sk_buf *buf)
{
	return buf->oom ? sk_error_oom() : 0;
}

int sk_strv_addn(struct sk_strv *v, const char *str, size_t len)
{
	char *copy;

	if (v->n == v->cap) {
		size_t cap = v->cap ? v->cap * 2 : 8;
		char **item = realloc(v->item, cap * sizeof *item);

		if (!item)
			return sk_error_oom();
		v->item = item;
		v->cap = cap;
	}
	copy = malloc(len + 1);
	if (!copy)
		return sk_error_oom();
	if (len)
		memcpy(copy, str, len);
	copy[len] = '\0';
	v->item[v->n++] = copy;
	return 0;
}

int sk_strv_add(struct sk_strv *v, const char *str)
{
	return sk_strv_addn(v, str, strlen(str));
}

void sk_strv_free(struct sk_strv *v)
{
	for (size_t i = 0; i < v->n; i++)
		free(v->item[i]);
	free(v->item);
	*v = (struct sk_strv)SK_STRV_INIT;
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void sk_strv_sort(struct sk_strv *v)
{
	if (v->n > 1)
		qsort(v->item, v->n, sizeof *v->item, compare);
}

bool sk_strv_has(const struct sk_strv *v, const char *str)
{
	for (size_t i = 0; i < v->n; i++)
		if (strcmp(v->item[i], str) == 0)
			return true;
	return false;
}

size_t sk_strv_lower(const struct sk_strv *v, const char *str)
{
	size_t lo = 0, hi = v->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (strcmp(v->item[mid], str) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}
