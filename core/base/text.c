#include "base/text.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

size_t sk_utf8_len(const char *str, size_t len)
{
	const unsigned char *s = (const unsigned char *)str;
	size_t n;

	if (len == 0)
		return 0;
	if (s[0] < 0x80)
		return 1;
	n = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
	if (s[0] < 0xc2 || s[0] > 0xf4 || n > len)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
	    (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return n;
}

bool sk_utf8_valid(const char *s, size_t len)
{
	for (size_t n; len; s += n, len -= n) {
		n = sk_utf8_len(s, len);
		if (n == 0)
			return false;
	}
	return true;
}

bool sk_hidden_char(const char *s, size_t n)
{
	const unsigned char *u = (const unsigned char *)s;
	unsigned cp;

	if (n == 2)
		return u[0] == 0xc2 && u[1] < 0xa0;
	if (n != 3)
		return false;
	cp = (unsigned)(u[0] & 15) << 12 | (unsigned)(u[1] & 63) << 6 | (u[2] & 63);
	return (cp >= 0x200b && cp <= 0x200f) || (cp >= 0x2028 && cp <= 0x202e) ||
	       (cp >= 0x2066 && cp <= 0x2069) || cp == 0xfeff;
}

static bool plain(const char *s, size_t n)
{
	return n && !(n == 1 && ((unsigned char)*s < 0x20 || *s == 0x7f)) && !sk_hidden_char(s, n);
}

static int escape(struct sk_buf *out, const char *s, size_t n)
{
	static const char from[] = "\a\b\t\n\v\f\r", to[] = "abtnvfr";
	const char *hit = n == 1 && *s ? strchr(from, *s) : NULL;

	if (hit)
		return sk_buf_addf(out, "\\%c", to[hit - from]);
	for (size_t i = 0; i < (n ? n : 1); i++)
		if (sk_buf_addf(out, "\\%03o", (unsigned char)s[i]))
			return SK_EIO;
	return 0;
}

static int add_escaped(struct sk_buf *out, const char *s, size_t len, bool quoted)
{
	int rc = 0;

	for (size_t i = 0; i < len && !rc;) {
		size_t n = sk_utf8_len(s + i, len - i);

		if (!plain(s + i, n))
			rc = escape(out, s + i, n);
		else if (quoted && (s[i] == '"' || s[i] == '\\'))
			rc = sk_buf_addf(out, "\\%c", s[i]);
		else
			rc = sk_buf_add(out, s + i, n);
		i += n ? n : 1;
	}
	return rc;
}

int sk_add_text(struct sk_buf *out, const char *text, size_t len)
{
	return add_escaped(out, text, len, false);
}

int sk_add_name(struct sk_buf *out, const char *name, size_t len)
{
	bool quote = false;
	int rc;

	for (size_t i = 0, n; i < len && !quote; i += n) {
		n = sk_utf8_len(name + i, len - i);
		quote = !plain(name + i, n) || name[i] == '"' || name[i] == '\\';
	}
	if (!quote)
		return sk_buf_add(out, name, len);
	rc = sk_buf_addc(out, '"');
	if (!rc)
		rc = add_escaped(out, name, len, true);
	return rc ? rc : sk_buf_addc(out, '"');
}

const char *sk_name(const char *name)
{
	static _Thread_local char ring[4][256];
	static _Thread_local unsigned next;
	char *out = ring[next++ % 4];
	struct sk_buf buf = SK_BUF_INIT;

	if (sk_add_name(&buf, name, strlen(name)) == 0) {
		size_t len = buf.len;

		if (len >= sizeof ring[0]) /* cut, but not within a character */
			for (len = sizeof ring[0] - 1; len && (buf.ptr[len] & 0xc0) == 0x80;)
				len--;
		memcpy(out, sk_buf_str(&buf), len);
		out[len] = '\0';
	} else {
		(void)snprintf(out, sizeof ring[0], "?");
	}
	sk_buf_free(&buf);
	return out;
}

int sk_add_size(struct sk_buf *out, uint64_t size)
{
	static const char unit[] = "BKMGTPE";
	double value = (double)size;
	size_t i = 0;

	while (value >= 1024 && i + 1 < sizeof unit - 1) {
		value /= 1024;
		i++;
	}
	if (i == 0)
		return sk_buf_addf(out, "%uB", (unsigned)size);
	return sk_buf_addf(out, value < 10 ? "%.1f%c" : "%.0f%c", value, unit[i]);
}

static int parse_number(const char *text, const char **end, uint64_t *out)
{
	char *stop;
	unsigned long long v;

	if (!isdigit((unsigned char)*text))
		return SK_EUSAGE;
	errno = 0;
	v = strtoull(text, &stop, 10);
	if (errno)
		return SK_EUSAGE;
	*end = stop;
	*out = v;
	return 0;
}

int sk_parse_size(const char *text, uint64_t *out)
{
	static const char units[] = "KMGT";
	const char *end = text, *hit;
	uint64_t v = 0;
	unsigned shift = 0;

	if (parse_number(text, &end, &v))
		goto bad;
	if (*end && (hit = strchr(units, toupper((unsigned char)*end)))) {
		shift = 10 * (unsigned)(hit - units + 1);
		end++;
		if (*end == 'i')
			end++;
	}
	if (*end == 'B' || *end == 'b')
		end++;
	if (*end || v > UINT64_MAX >> 1 >> shift)
		goto bad;
	*out = v << shift;
	return 0;
bad:
	return sk_error(SK_EUSAGE, "'%s' is not a size (use 512, 64K, 50M, 2G)", sk_name(text));
}

int sk_parse_duration(const char *text, int64_t *ms)
{
	static const struct {
		const char *unit;
		uint64_t ms;
	} table[] = { { "", 1000 },     { "ms", 1 },       { "s", 1000 },     { "m", 60000 },
		      { "h", 3600000 }, { "d", 86400000 }, { "w", 604800000 } };
	const char *end = text;
	uint64_t v = 0;

	if (strcmp(text, "never") == 0) {
		*ms = -1;
		return 0;
	}
	if (parse_number(text, &end, &v) == 0)
		for (size_t i = 0; i < sizeof table / sizeof *table; i++)
			if (strcmp(end, table[i].unit) == 0 && v <= INT64_MAX / table[i].ms) {
				*ms = (int64_t)(v * table[i].ms);
				return 0;
			}
	return sk_error(SK_EUSAGE, "'%s' is not a duration (use 30s, 15m, 1h, 500ms, never)",
	                sk_name(text));
}

void sk_format_id_time(time_t t, char out[17])
{
	struct tm tm;

	(void)gmtime_r(&t, &tm);
	(void)strftime(out, 17, "%Y%m%dT%H%M%SZ", &tm);
}

bool sk_parse_id_time(const char *text, time_t *out)
{
	static const char form[] = "ddddddddTddddddZ";
	struct tm tm = { 0 };
	char check[17];
	time_t t;

	for (size_t i = 0; form[i]; i++)
		if (form[i] == 'd' ? !isdigit((unsigned char)text[i]) : text[i] != form[i])
			return false;
	if (sscanf(text, "%4d%2d%2dT%2d%2d%2dZ", &tm.tm_year, &tm.tm_mon, &tm.tm_mday, &tm.tm_hour,
	           &tm.tm_min, &tm.tm_sec) != 6)
		return false;
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	t = timegm(&tm);
	sk_format_id_time(t, check);
	if (strncmp(check, text, 16) != 0)
		return false;
	*out = t;
	return true;
}

void sk_format_rfc3339(time_t t, char out[21])
{
	struct tm tm;

	(void)gmtime_r(&t, &tm);
	(void)strftime(out, 21, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

void sk_format_local(time_t t, char out[20])
{
	struct tm tm;

	(void)localtime_r(&t, &tm);
	(void)strftime(out, 20, "%Y-%m-%d %H:%M:%S", &tm);
}

int sk_add_age(struct sk_buf *out, time_t t, time_t now)
{
	static const struct {
		long long below, unit;
		const char *name;
	} step[] = { { 120, 1, "second" },           { 7200, 60, "minute" },
		     { 172800, 3600, "hour" },       { 1209600, 86400, "day" },
		     { 6048000, 604800, "week" },    { 63072000, 2592000, "month" },
		     { LLONG_MAX, 31536000, "year" } };
	long long d = (long long)now - (long long)t, n;
	size_t i = 0;

	if (d < 0)
		return sk_buf_adds(out, "in the future");
	while (d >= step[i].below)
		i++;
	n = d / step[i].unit;
	return sk_buf_addf(out, "%lld %s%s ago", n, step[i].name, n == 1 ? "" : "s");
}

time_t sk_now(void)
{
#ifdef SK_TESTING
	const char *fixed = getenv("SK_TEST_NOW");

	if (fixed && *fixed)
		return (time_t)strtoll(fixed, NULL, 10);
#endif
	return time(NULL);
}
