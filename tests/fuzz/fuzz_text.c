/* fuzz_text.c - what is shown and written out: names on a terminal, JSON, SARIF.
 *
 * Any bytes: a terminal gets nothing but text, JSON is JSON, and what was quoted reads as it was.
 */
#include "fuzz.h"

#include <jansson.h>

#include "base/json.h"
#include "base/text.h"
#include "command/sarif.h"

static size_t unescape(const char *p, char *out)
{
	static const char from[] = "abtnvfr\"\\", to[] = "\a\b\t\n\v\f\r\"\\";
	const char *hit;

	if (p[1] && (hit = strchr(from, p[1]))) {
		*out = to[hit - from];
		return 2;
	}
	HOLDS(p[1] >= '0' && p[1] <= '3' && p[2] >= '0' && p[2] <= '7' && p[3] >= '0' &&
	      p[3] <= '7');
	*out = (char)((p[1] - '0') * 64 + (p[2] - '0') * 8 + (p[3] - '0'));
	return 4;
}

/* As git's own quoting is undone. */
static void check_quoted(const struct sk_buf *shown, const char *name, size_t len)
{
	const char *p = sk_buf_str(shown), *end = p + shown->len - 1;
	size_t n = 0;

	if (*p != '"') {
		HOLDS(shown->len == len && (!len || memcmp(p, name, len) == 0));
		return;
	}
	HOLDS(shown->len >= 2 && *end == '"');
	for (p++; p < end; n++) {
		char c = *p;

		HOLDS(n < len && c != '"');
		p += c == '\\' ? unescape(p, &c) : 1;
		HOLDS(name[n] == c);
	}
	HOLDS(n == len);
}

static void check_json(json_t *value)
{
	char *text;
	json_t *again;

	HOLDS(value);
	text = json_dumps(value, JSON_ENCODE_ANY | JSON_ENSURE_ASCII);
	HOLDS(text);
	again = json_loads(text, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
	HOLDS(again && json_equal(again, value));
	for (const char *p = text; *p; p++)
		HOLDS((unsigned char)*p >= 0x20 && (unsigned char)*p <= 0x7f);
	json_decref(again);
	json_decref(value);
	free(text);
}

static void check_sarif(char *text)
{
	char rule[] = "secret-github-pat";
	struct sk_finding finding = { .rule = rule,
		                      .severity = SK_LINT_BLOCK,
		                      .path = text,
		                      .line = 3,
		                      .message = text,
		                      .remedy = text };
	const struct sk_findings all = { .item = &finding, .n = 1, .cap = 1, .blocks = 1 };

	check_json(sk_sarif(&all));
}

FUZZ(text)
{
	struct sk_buf shown = SK_BUF_INIT, plain = SK_BUF_INIT;
	char *text = fuzz_copy(data, size, 1);
	const char *name;

	HOLDS(sk_add_name(&shown, text, size) == 0);
	HOLDS(fuzz_is_plain(sk_buf_str(&shown), shown.len) &&
	      !memchr(sk_buf_str(&shown), '\n', shown.len));
	HOLDS(!memchr(sk_buf_str(&shown), '\t', shown.len));
	check_quoted(&shown, text, size);
	HOLDS(sk_add_text(&plain, text, size) == 0);
	HOLDS(fuzz_is_plain(sk_buf_str(&plain), plain.len));
	name = sk_name(text);
	HOLDS(strlen(name) <= 255 && fuzz_is_plain(name, strlen(name)));
	check_json(sk_json_path(text, size));
	check_json(sk_json_text(text));
	check_sarif(text);
	sk_buf_free(&shown);
	sk_buf_free(&plain);
	free(text);
	return 0;
}
