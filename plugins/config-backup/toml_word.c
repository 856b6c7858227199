/* toml_word.c - TOML's strings, numbers and dates; see parse_toml.c. */
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "toml.h"

bool toml_wrong(struct toml *t, const char *format, ...)
{
	va_list ap;

	if (t->bad)
		return false;
	va_start(ap, format);
	(void)vsnprintf(t->why, t->size, format, ap);
	va_end(ap);
	t->bad = true;
	return false;
}

int toml_peek(const struct toml *t, size_t ahead)
{
	return (size_t)(t->end - t->p) > ahead ? (unsigned char)t->p[ahead] : -1;
}

bool toml_is_digit(int c)
{
	return c >= '0' && c <= '9';
}

bool toml_begins(const struct toml *t, const char *word)
{
	size_t n = strlen(word);

	return (size_t)(t->end - t->p) >= n && memcmp(t->p, word, n) == 0;
}

void toml_blanks(struct toml *t)
{
	while (toml_peek(t, 0) == ' ' || toml_peek(t, 0) == '\t')
		t->p++;
}

/* "\n" or "\r\n" */
bool toml_newline(struct toml *t)
{
	if (toml_peek(t, 0) == '\r' && toml_peek(t, 1) == '\n')
		t->p++;
	if (toml_peek(t, 0) != '\n')
		return false;
	t->p++;
	t->line++;
	return true;
}

bool toml_is_control(int c)
{
	return (c >= 0 && c < 0x20 && c != '\t') || c == 0x7f;
}

static bool is_hex(int c)
{
	return toml_is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* Strings */

bool toml_key_byte(struct toml *t, char c)
{
	char *grown;

	if (t->key_len + 1 > t->key_room) {
		grown = realloc(t->key, 2 * t->key_room + 64);
		if (!grown)
			return toml_wrong(t, "out of memory");
		t->key = grown;
		t->key_room = 2 * t->key_room + 64;
	}
	t->key[t->key_len++] = c;
	return true;
}

static bool key_char(struct toml *t, unsigned long c)
{
	if (c < 0x80)
		return toml_key_byte(t, (char)c);
	if (c < 0x800)
		return toml_key_byte(t, (char)(0xc0 | c >> 6)) &&
		       toml_key_byte(t, (char)(0x80 | (c & 63)));
	if (c < 0x10000)
		return toml_key_byte(t, (char)(0xe0 | c >> 12)) &&
		       toml_key_byte(t, (char)(0x80 | (c >> 6 & 63))) &&
		       toml_key_byte(t, (char)(0x80 | (c & 63)));
	return toml_key_byte(t, (char)(0xf0 | c >> 18)) &&
	       toml_key_byte(t, (char)(0x80 | (c >> 12 & 63))) &&
	       toml_key_byte(t, (char)(0x80 | (c >> 6 & 63))) &&
	       toml_key_byte(t, (char)(0x80 | (c & 63)));
}

/* After the backslash. */
static bool take_escape(struct toml *t)
{
	static const char from[] = "btnfr\"\\", to[] = "\b\t\n\f\r\"\\";
	int c = toml_peek(t, 0), digits = c == 'u' ? 4 : c == 'U' ? 8 : 0;
	const char *known = c > 0 ? strchr(from, c) : NULL;
	unsigned long code = 0;

	if (known) {
		t->p++;
		return toml_key_byte(t, to[known - from]);
	}
	if (!digits)
		return toml_wrong(t, "an unknown escape after a backslash");
	t->p++;
	for (int i = 0; i < digits; i++, t->p++) {
		c = toml_peek(t, 0);
		if (!is_hex(c))
			return toml_wrong(t, "a \\u needs %d hexadecimal digits", digits);
		code = code * 16 +
		       (unsigned long)(toml_is_digit(c) ? c - '0' : (c | 32) - 'a' + 10);
	}
	if (code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
		return toml_wrong(t, "a \\u that is no character");
	return key_char(t, code);
}

/* One line; its content goes to the key. */
bool toml_string(struct toml *t)
{
	int quote = toml_peek(t, 0), c;

	t->p++;
	t->key_len = 0;
	while ((c = toml_peek(t, 0)) != quote) {
		if (c < 0 || c == '\n')
			return toml_wrong(t, "a string does not end");
		if (toml_is_control(c))
			return toml_wrong(t, "a control character in a string");
		t->p++;
		if (c == '\\' && quote == '"') {
			if (!take_escape(t))
				return false;
		} else if (!toml_key_byte(t, (char)c)) {
			return false;
		}
	}
	t->p++;
	return true;
}

/* A backslash at the end of a line takes away all space that follows. */
static bool take_line_end(struct toml *t)
{
	const char *was = t->p;

	toml_blanks(t);
	if (!toml_newline(t)) {
		t->p = was;
		return false;
	}
	do
		toml_blanks(t);
	while (toml_newline(t));
	return true;
}

bool toml_long_string(struct toml *t)
{
	int quote = toml_peek(t, 0), c;
	size_t n;

	t->p += 3;
	(void)toml_newline(t);
	for (;;) {
		t->key_len = 0; /* nobody needs it */
		for (n = 0; n < 5 && toml_peek(t, n) == quote;)
			n++;
		t->p += n;
		if (n >= 3) /* up to two of them may stand before the end */
			return true;
		if (n || toml_newline(t))
			continue;
		c = toml_peek(t, 0);
		if (c < 0)
			return toml_wrong(t, "a string does not end");
		if (toml_is_control(c))
			return toml_wrong(t, "a control character in a string");
		t->p++;
		if (c == '\\' && quote == '"' && !take_line_end(t) && !take_escape(t))
			return false;
	}
}

/* Numbers and dates */

/* Digits with single underscores between them. */
static bool take_digits(struct toml *t, bool (*is)(int), size_t *n)
{
	*n = 0;
	if (!is(toml_peek(t, 0)))
		return toml_wrong(t, "a digit is missing in a number");
	for (;;) {
		while (is(toml_peek(t, 0))) {
			t->p++;
			++*n;
		}
		if (toml_peek(t, 0) != '_')
			return true;
		t->p++;
		if (!is(toml_peek(t, 0)))
			return toml_wrong(t, "an underscore has to stand between digits");
	}
}

static bool is_octal(int c)
{
	return c >= '0' && c <= '7';
}

static bool is_binary(int c)
{
	return c == '0' || c == '1';
}

/* Whether those many digits follow, and what they are. */
static bool fixed(struct toml *t, size_t at, size_t n, int *out)
{
	*out = 0;
	for (size_t i = 0; i < n; i++) {
		if (!toml_is_digit(toml_peek(t, at + i)))
			return false;
		*out = *out * 10 + toml_peek(t, at + i) - '0';
	}
	return true;
}

bool toml_clock(struct toml *t)
{
	int hour, minute, second;

	if (!fixed(t, 0, 2, &hour) || toml_peek(t, 2) != ':' || !fixed(t, 3, 2, &minute) ||
	    toml_peek(t, 5) != ':' || !fixed(t, 6, 2, &second) || hour > 23 || minute > 59 ||
	    second > 60)
		return toml_wrong(t, "a time is HH:MM:SS");
	t->p += 8;
	if (toml_peek(t, 0) != '.')
		return true;
	t->p++;
	if (!toml_is_digit(toml_peek(t, 0)))
		return toml_wrong(t, "a time has no digits after its point");
	while (toml_is_digit(toml_peek(t, 0)))
		t->p++;
	return true;
}

static bool take_offset(struct toml *t)
{
	int hour, minute;

	if (toml_peek(t, 0) == 'Z' || toml_peek(t, 0) == 'z') {
		t->p++;
		return true;
	}
	if (toml_peek(t, 0) != '+' && toml_peek(t, 0) != '-')
		return true;
	if (!fixed(t, 1, 2, &hour) || toml_peek(t, 3) != ':' || !fixed(t, 4, 2, &minute) ||
	    hour > 23 || minute > 59)
		return toml_wrong(t, "the offset of a time is +HH:MM");
	t->p += 6;
	return true;
}

bool toml_date(struct toml *t)
{
	static const int days[] = { 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	int year, month, day, c;
	bool leap;

	if (!fixed(t, 0, 4, &year) || toml_peek(t, 4) != '-' || !fixed(t, 5, 2, &month) ||
	    toml_peek(t, 7) != '-' || !fixed(t, 8, 2, &day))
		return toml_wrong(t, "a date is YYYY-MM-DD");
	leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	if (month < 1 || month > 12 || day < 1 || day > days[month - 1] ||
	    (month == 2 && day == 29 && !leap))
		return toml_wrong(t, "there is no such day");
	t->p += 10;
	c = toml_peek(t, 0);
	if (c == 'T' || c == 't' || (c == ' ' && toml_is_digit(toml_peek(t, 1)))) {
		t->p++;
		return toml_clock(t) && take_offset(t);
	}
	return true;
}

/* At most 2^63 - 1, or one more below zero. */
static bool small_enough(const char *from, const char *to, bool negative)
{
	uint64_t v = 0, most = negative ? (uint64_t)1 << 63 : ((uint64_t)1 << 63) - 1;

	for (; from < to; from++) {
		uint64_t d = (uint64_t)(*from - '0');

		if (*from == '_')
			continue;
		if (v > (most - d) / 10)
			return false;
		v = v * 10 + d;
	}
	return true;
}

static bool take_radix(struct toml *t)
{
	int c = toml_peek(t, 1);
	size_t n;

	t->p += 2;
	return take_digits(t, c == 'x' ? is_hex : c == 'o' ? is_octal : is_binary, &n);
}

bool toml_number(struct toml *t)
{
	bool sign = toml_peek(t, 0) == '+' || toml_peek(t, 0) == '-',
	     negative = toml_peek(t, 0) == '-';
	const char *from;
	bool real = false;
	size_t n;

	t->p += sign;
	if (toml_begins(t, "inf") || toml_begins(t, "nan")) {
		t->p += 3;
		return true;
	}
	if (!sign && toml_peek(t, 0) == '0' &&
	    (toml_peek(t, 1) == 'x' || toml_peek(t, 1) == 'o' || toml_peek(t, 1) == 'b'))
		return take_radix(t);
	from = t->p;
	if (!take_digits(t, toml_is_digit, &n))
		return false;
	if (*from == '0' && n > 1)
		return toml_wrong(t, "a number toml_begins with 0");
	if (toml_peek(t, 0) == '.') {
		t->p++;
		real = true;
		if (!take_digits(t, toml_is_digit, &n))
			return false;
	}
	if (toml_peek(t, 0) == 'e' || toml_peek(t, 0) == 'E') {
		t->p++;
		t->p += toml_peek(t, 0) == '+' || toml_peek(t, 0) == '-';
		real = true;
		if (!take_digits(t, toml_is_digit, &n))
			return false;
	}
	return real || small_enough(from, t->p, negative) || toml_wrong(t, "a number is too large");
}
