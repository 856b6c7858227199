#include "buf.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <safekeep/plugin.h>

int chat_buf_reserve(struct chat_buf *b, size_t extra)
{
	size_t cap = b->cap ? b->cap : 128;
	char *s;

	if (b->oom || extra > SIZE_MAX / 4 || b->n > SIZE_MAX / 4) {
		b->oom = 1;
		return SKP_EIO;
	}
	if (b->n + extra < b->cap)
		return 0;
	while (cap <= b->n + extra)
		cap += cap / 2;
	s = realloc(b->s, cap);
	if (!s) {
		b->oom = 1;
		return SKP_EIO;
	}
	b->s = s;
	b->cap = cap;
	return 0;
}

int chat_buf_add(struct chat_buf *b, const void *data, size_t n)
{
	if (chat_buf_reserve(b, n + 1))
		return SKP_EIO;
	if (n)
		memcpy(b->s + b->n, data, n);
	b->n += n;
	b->s[b->n] = '\0';
	return 0;
}

int chat_buf_adds(struct chat_buf *b, const char *text)
{
	return chat_buf_add(b, text, strlen(text));
}

int chat_buf_addc(struct chat_buf *b, char c)
{
	return chat_buf_add(b, &c, 1);
}

int chat_buf_addf(struct chat_buf *b, const char *format, ...)
{
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(NULL, 0, format, ap);
	va_end(ap);
	if (n < 0 || chat_buf_reserve(b, (size_t)n + 1)) {
		b->oom = 1;
		return SKP_EIO;
	}
	va_start(ap, format);
	(void)vsnprintf(b->s + b->n, (size_t)n + 1, format, ap);
	va_end(ap);
	b->n += (size_t)n;
	return 0;
}

/* Length of the UTF-8 sequence that begins there, 0 when there is none (RFC 3629). */
static size_t sequence(const unsigned char *s, size_t n)
{
	size_t len = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;

	if (s[0] > 0xf4 || !len || len > n)
		return 0;
	for (size_t i = 1; i < len; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
	    (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return len;
}

int chat_buf_is_text(const char *s, size_t n)
{
	size_t len;

	for (size_t i = 0; i < n; i += len) {
		len = s[i] ? sequence((const unsigned char *)s + i, n - i) : 0;
		if (!len)
			return 0;
	}
	return 1;
}

static void escape(struct chat_buf *b, unsigned char c)
{
	static const char from[] = "\"\\\n\t\r\b\f", to[] = "\"\\ntrbf";
	const char *at = strchr(from, c);

	if (at) {
		(void)chat_buf_addc(b, '\\');
		(void)chat_buf_addc(b, to[at - from]);
	} else {
		(void)chat_buf_addf(b, "\\u%04x", c);
	}
}

int chat_buf_json(struct chat_buf *b, const char *s, size_t n)
{
	size_t start = 0, i = 0;

	(void)chat_buf_addc(b, '"');
	while (i < n) {
		unsigned char c = (unsigned char)s[i];
		size_t len = 1;

		if (c >= 0x20 && c < 0x7f && c != '"' && c != '\\') {
			i++;
			continue;
		}
		if (c >= 0x80 && (len = sequence((const unsigned char *)s + i, n - i)) != 0) {
			i += len;
			continue;
		}
		(void)chat_buf_add(b, s + start, i - start);
		if (c >= 0x80 || !c)
			(void)chat_buf_adds(b, "\xef\xbf\xbd");
		else
			escape(b, c);
		start = ++i;
	}
	(void)chat_buf_add(b, s + start, n - start);
	return chat_buf_addc(b, '"');
}

int chat_buf_field(struct chat_buf *b, const char *key, const char *s, size_t n)
{
	if (b->n && b->s[b->n - 1] != '{' && b->s[b->n - 1] != '[')
		(void)chat_buf_addc(b, ',');
	(void)chat_buf_json(b, key, strlen(key));
	(void)chat_buf_addc(b, ':');
	return chat_buf_json(b, s, n);
}

void chat_buf_clear(struct chat_buf *b)
{
	b->n = 0;
	if (b->s)
		b->s[0] = '\0';
}

void chat_buf_free(struct chat_buf *b)
{
	free(b->s);
	memset(b, 0, sizeof *b);
}

int chat_buf_ok(const struct chat_buf *b)
{
	return b->oom ? SKP_EIO : 0;
}

const char *chat_buf_str(const struct chat_buf *b)
{
	return b->s ? b->s : "";
}
