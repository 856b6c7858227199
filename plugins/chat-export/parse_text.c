#include "parse_text.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "parse_json.h"

#define YEAR_2000 INT64_C(946684800000)
#define YEAR_2200 INT64_C(7258118400000)

/* How many of the bytes at the beginning are plain ASCII. */
static size_t ascii_span(const unsigned char *s, size_t n)
{
	size_t i = 0;
	uint64_t word;

	for (; i + 8 <= n; i += 8) {
		memcpy(&word, s + i, 8);
		if (word & UINT64_C(0x8080808080808080))
			break;
	}
	while (i < n && s[i] < 0x80)
		i++;
	return i;
}

/* Length of the valid sequence at s, 0 when there is none (RFC 3629: no overlong forms, no
 * surrogates, nothing above U+10FFFF). */
static size_t sequence(const unsigned char *s, size_t n)
{
	if (s[0] >= 0xc2 && s[0] <= 0xdf)
		return n > 1 && (s[1] & 0xc0) == 0x80 ? 2 : 0;
	if ((s[0] & 0xf0) == 0xe0) {
		if (n < 3 || (s[1] & 0xc0) != 0x80 || (s[2] & 0xc0) != 0x80)
			return 0;
		if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f))
			return 0;
		return 3;
	}
	if (s[0] < 0xf0 || s[0] > 0xf4 || n < 4 || (s[1] & 0xc0) != 0x80 || (s[2] & 0xc0) != 0x80 ||
	    (s[3] & 0xc0) != 0x80)
		return 0;
	if ((s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return 4;
}

static size_t count_bad(const unsigned char *s, size_t n)
{
	size_t bad = 0, i = 0;

	while ((i += ascii_span(s + i, n - i)) < n) {
		size_t k = sequence(s + i, n - i);

		bad += !k;
		i += k ? k : 1;
	}
	return bad;
}

int text_clean(struct arena *arena, struct chat_text *text)
{
	const unsigned char *s = (const unsigned char *)text->s;
	size_t n = text->n, bad = count_bad(s, n), i = 0;
	char *copy, *p;

	if (!bad)
		return 0;
	p = copy = arena_get(arena, n + 2 * bad);
	if (!copy) {
		*text = NOTHING;
		return 1;
	}
	while (i < n) {
		size_t k = ascii_span(s + i, n - i);

		if (!k)
			k = sequence(s + i, n - i);
		if (k) {
			memcpy(p, s + i, k);
			p += k;
			i += k;
		} else {
			memcpy(p, "\xef\xbf\xbd", 3);
			p += 3;
			i++;
		}
	}
	*text = (struct chat_text){ copy, (size_t)(p - copy) };
	return 0;
}

int text_equal(struct chat_text text, const char *with)
{
	return text.n == strlen(with) && memcmp(text.s, with, text.n) == 0;
}

int text_same(struct chat_text a, struct chat_text b)
{
	return a.n == b.n && memcmp(a.s, b.s, a.n) == 0;
}

int text_starts(struct chat_text text, const char *with)
{
	size_t n = strlen(with);

	return text.n >= n && memcmp(text.s, with, n) == 0;
}

int text_starts_nocase(struct chat_text text, const char *with)
{
	size_t n = strlen(with);

	return text.n >= n && strncasecmp(text.s, with, n) == 0;
}

const char *text_find(struct chat_text in, const char *what)
{
	return memmem(in.s, in.n, what, strlen(what));
}

struct chat_text text_trim(struct chat_text text)
{
	while (text.n && isspace((unsigned char)text.s[0])) {
		text.s++;
		text.n--;
	}
	while (text.n && isspace((unsigned char)text.s[text.n - 1]))
		text.n--;
	return text;
}

struct chat_text text_cut(struct chat_text text, size_t from)
{
	if (from > text.n)
		from = text.n;
	return (struct chat_text){ text.s + from, text.n - from };
}

struct chat_text text_copy(struct arena *arena, struct chat_text text)
{
	char *copy = arena_get(arena, text.n + 1);

	if (!copy)
		return NOTHING;
	memcpy(copy, text.s, text.n);
	copy[text.n] = 0;
	return (struct chat_text){ copy, text.n };
}

struct chat_text text_of(const char *s)
{
	return s ? (struct chat_text){ s, strlen(s) } : NOTHING;
}

struct chat_text text_format(struct arena *arena, const char *format, ...)
{
	char *out;
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(NULL, 0, format, args);
	va_end(args);
	out = n < 0 ? NULL : arena_get(arena, (size_t)n + 1);
	if (!out)
		return NOTHING;
	va_start(args, format);
	vsnprintf(out, (size_t)n + 1, format, args);
	va_end(args);
	return (struct chat_text){ out, (size_t)n };
}

/* --- times --- */

int64_t time_sane(int64_t ms)
{
	return ms >= YEAR_2000 && ms < YEAR_2200 ? ms : CHAT_NO_TIME;
}

int64_t time_number(double value)
{
	if (!(value > 0 && value < 9e18))
		return CHAT_NO_TIME;
	if (value < 1e11) /* seconds until the year 5138 */
		value *= 1000;
	else if (value >= 1e17)
		value /= 1e6;
	else if (value >= 1e14)
		value /= 1e3;
	return time_sane((int64_t)value);
}

/* Days since 1970 of a date of the Gregorian calendar (H. Hinnant, "chrono-Compatible Low-Level
 * Date Algorithms"). */
static int64_t days_of(int y, int m, int d)
{
	int era, year_of_era, day_of_year;

	y -= m <= 2;
	era = y / 400;
	year_of_era = y - era * 400;
	day_of_year = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
	return (int64_t)era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 +
	       day_of_year - 719468;
}

/* Exactly `count` digits at *i. */
static int digits(struct chat_text text, size_t *i, int count, int *out)
{
	int value = 0;

	if (text.n - *i < (size_t)count)
		return 0;
	for (int k = 0; k < count; k++) {
		char c = text.s[*i + (size_t)k];

		if (c < '0' || c > '9')
			return 0;
		value = value * 10 + (c - '0');
	}
	*i += (size_t)count;
	*out = value;
	return 1;
}

static int accept(struct chat_text text, size_t *i, const char *set)
{
	if (*i >= text.n || !text.s[*i] || !strchr(set, text.s[*i]))
		return 0;
	(*i)++;
	return 1;
}

/* ".123456": the milliseconds of it. */
static int fraction(struct chat_text text, size_t *i)
{
	int ms = 0, unit = 100;

	if (!accept(text, i, ".,"))
		return 0;
	for (; *i < text.n && text.s[*i] >= '0' && text.s[*i] <= '9'; (*i)++) {
		ms += (text.s[*i] - '0') * unit;
		unit /= 10;
	}
	return ms;
}

/* "Z", "+02:00", "-0530", " UTC": its minutes; 0 when there is none. */
static int zone(struct chat_text text, size_t *i, int *minutes)
{
	size_t at = *i;
	int h, m = 0, sign;

	*minutes = 0;
	if (accept(text, i, "Zz"))
		return 1;
	while (at < text.n && text.s[at] == ' ')
		at++;
	if (text_starts(text_cut(text, at), "UTC")) {
		*i = at + 3;
		return 1;
	}
	if (at >= text.n || (text.s[at] != '+' && text.s[at] != '-'))
		return 0;
	sign = text.s[at++] == '-' ? -1 : 1;
	if (!digits(text, &at, 2, &h))
		return 0;
	accept(text, &at, ":");
	if (!digits(text, &at, 2, &m))
		m = 0;
	*i = at;
	*minutes = sign * (h * 60 + m);
	return 1;
}

static int64_t local_time(int y, int mo, int d, int h, int mi, int s)
{
	struct tm tm = { .tm_year = y - 1900,
		         .tm_mon = mo - 1,
		         .tm_mday = d,
		         .tm_hour = h,
		         .tm_min = mi,
		         .tm_sec = s,
		         .tm_isdst = -1 };
	time_t t = mktime(&tm);

	return t == (time_t)-1 ? CHAT_NO_TIME : (int64_t)t * 1000;
}

int64_t time_parse(struct chat_text text, int local, size_t *used)
{
	int y, mo, d, h = 0, mi = 0, s = 0, ms = 0, minutes = 0;
	int64_t out;
	size_t i = 0, j;

	if (!digits(text, &i, 4, &y) || !accept(text, &i, "-/") || !digits(text, &i, 2, &mo) ||
	    !accept(text, &i, "-/") || !digits(text, &i, 2, &d))
		return CHAT_NO_TIME;
	if (mo < 1 || mo > 12 || d < 1 || d > 31)
		return CHAT_NO_TIME;
	j = i;
	if (accept(text, &j, "Tt _") && digits(text, &j, 2, &h) && accept(text, &j, ":-") &&
	    digits(text, &j, 2, &mi)) {
		i = j;
		if (accept(text, &j, ":-") && digits(text, &j, 2, &s)) {
			i = j;
			ms = fraction(text, &i);
		}
		if (h > 24 || mi > 59 || s > 60)
			return CHAT_NO_TIME;
		if (zone(text, &i, &minutes))
			local = 0;
	} else {
		h = 0;
	}
	if (used)
		*used = i;
	if (local)
		out = local_time(y, mo, d, h, mi, s);
	else
		out = ((days_of(y, mo, d) * 24 + h) * 60 + mi - minutes) * 60000 + s * 1000;
	return out == CHAT_NO_TIME ? out : time_sane(out + ms);
}
