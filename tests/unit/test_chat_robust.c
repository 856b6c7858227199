/* Logs that are long, broken, half written, hostile; going on at an offset; rewriting. */
#include "chat_scratch.h"

#include <sys/resource.h>

#define USER_LINE(id, text)                                                                        \
	"{\"type\":\"user\",\"uuid\":\"" id                                                        \
	"\",\"cwd\":\"/w/app\",\"sessionId\":\"S\",\"message\":"                                   \
	"{\"content\":\"" text "\"}}"

static void expect_bytes(const char *tool, const void *log, size_t len, const char *want)
{
	struct reading *r = reading_new(0);
	struct chat_source source = reading_source(chat_tool_named(tool), CHAT_LINES, "/w/app/log");

	assert_int_equal(reading_bytes(r, &source, log, len, 4096), 0);
	assert_string_equal(chat_buf_str(&r->out), want);
	reading_free(r);
}

#define EXPECT(tool, log, want) expect_bytes(tool, log, sizeof(log) - 1, want)

static void test_bad_bytes(void **state)
{
	(void)state;
	/* invalid UTF-8 in a string: replaced; a NUL byte in JSON: no JSON; escaped: it is text */
	EXPECT("claude", USER_LINE("a", "x\xff\xc3(\xed\xa0\x80y") "\n",
	       "user x\xef\xbf\xbd\xef\xbf\xbd(\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdy\n");
	EXPECT("claude", "{\"a\":\"\0\"}\n" USER_LINE("b", "after") "\n", "damaged \nuser after\n");
	/* lone surrogates, escapes that are none, numbers out of any range, absurd times */
	EXPECT("claude", USER_LINE("c", "\\ud800 \\udc00 \\u00e4") "\n",
	       "user ? \xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd \xc3\xa4\n");
	EXPECT("claude", "{\"type\":\"user\",\"x\":\"\\q\"}\n", "damaged \n");
	EXPECT("claude",
	       "{\"type\":\"user\",\"timestamp\":1e999,\"n\":123456789012345678901234567890,"
	       "\"message\":{\"content\":\"ok\"}}\n",
	       "user ok\n");
	EXPECT("claude", "\n \r\n\t\n", "");
	EXPECT("claude", "nonsense\n[]\n{}\n17\n\"x\"\nnull\n{\"a\":1}{\"b\":2}\n",
	       "damaged \nunknown \nunknown \ndamaged \ndamaged \ndamaged \ndamaged \n");
	EXPECT("claude", USER_LINE("d", "with CR") "\r\n", "user with CR\n");
}

static void test_times(void **state)
{
	static const struct {
		const char *text;
		long long want;
	} times[] = {
		{ "\"2026-08-10T12:00:05.123Z\"", 1786363205123 },
		{ "\"2026-08-10T14:00:05.1234567+02:00\"", 1786363205123 },
		{ "\"2026-08-10 12:00\"", 1786363200000 },
		{ "1786363205123", 1786363205123 },
		{ "1786363205.123", 1786363205123 },
		{ "1786363205123456", 1786363205123 },
		{ "\"0001-01-01T00:00:00Z\"", -1 },
		{ "\"9999-12-31T23:59:59Z\"", -1 },
		{ "\"2026-13-40T99:99:99Z\"", -1 },
		{ "-5", -1 },
		{ "\"soon\"", -1 },
		{ "null", -1 },
		{ "{}", -1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(times) / sizeof(*times); i++) {
		struct reading *r = reading_new(0);
		char log[256];
		long long got;

		snprintf(log, sizeof(log),
		         "{\"type\":\"user\",\"timestamp\":%s,\"message\":{\"content\":\"x\"}}\n",
		         times[i].text);
		assert_int_equal(reading_text(r, CHAT_CLAUDE, CHAT_LINES, log), 0);
		got = r->item[0].time == CHAT_NO_TIME ? -1 : r->item[0].time;
		if (got != times[i].want)
			fail_msg("%s: %lld", times[i].text, got);
		reading_free(r);
	}
}

static void test_depth(void **state)
{
	char log[4096];
	struct reading *r = reading_new(0);
	size_t n = 0;

	(void)state;
	n += (size_t)sprintf(log + n, "{\"type\":\"user\",\"x\":");
	for (int i = 0; i < 255; i++)
		log[n++] = '[';
	for (int i = 0; i < 255; i++)
		log[n++] = ']';
	n += (size_t)sprintf(log + n, ",\"message\":{\"content\":\"deep\"}}\n{\"x\":");
	for (int i = 0; i < 1000; i++)
		log[n++] = '[';
	log[n++] = '\n';
	log[n] = 0;
	assert_int_equal(reading_text(r, CHAT_CLAUDE, CHAT_LINES, log), 0);
	assert_string_equal(chat_buf_str(&r->out), "user deep\ndamaged \n");
	reading_free(r);
}

/* A line that is longer than what is held: known by its place alone, and memory stays small. */
static void test_long_lines(void **state)
{
	struct reading *r = reading_new(0);
	struct chat_source source = reading_source(CHAT_CLAUDE, CHAT_LINES, "/w/app/log");
	struct chat_plan plan = { .arg = r, .unit = reading_unit, .record = reading_record };
	static const char begin[] = "{\"type\":\"user\",\"uuid\":\"u\",\"message\":{\"content\":\"";
	static const char end[] = "\"}}\n";
	size_t big = (size_t)CHAT_MAX_UNIT + 5, n = 1 << 20;
	char *piece = malloc(n);
	struct chat_parser *p;

	(void)state;
	assert_non_null(piece);
	memset(piece, 'x', n);
	assert_int_equal(chat_parser_new(&source, &plan, &p, NULL), 0);
	for (int i = 0; i < 2; i++) { /* one of just under the limit, one beyond */
		size_t left = i ? big : (size_t)50 << 20;

		assert_int_equal(chat_parser_feed(p, begin, sizeof(begin) - 1, NULL), 0);
		for (; left; left -= left < n ? left : n)
			assert_int_equal(chat_parser_feed(p, piece, left < n ? left : n, NULL), 0);
		assert_int_equal(chat_parser_feed(p, end, sizeof(end) - 1, NULL), 0);
	}
	assert_int_equal(chat_parser_feed(p, "{}\n", 3, NULL), 0);
	assert_int_equal(chat_parser_finish(p, &r->result, NULL), 0);
	chat_parser_free(p);
	assert_int_equal(r->n, 3);
	assert_int_equal(r->item[0].role, CHAT_USER);
	assert_int_equal(strlen(r->text[0]), 50 << 20);
	assert_int_equal(r->item[1].role, CHAT_DAMAGED);
	assert_int_equal(r->item[2].role, CHAT_UNKNOWN);
	assert_true(r->longest < CHAT_MAX_UNIT);
	assert_int_equal(r->result.damaged, 1);
	free(piece);
	reading_free(r);
}

static int count_only(void *arg, const struct chat_record *record)
{
	*(uint64_t *)arg += record->text.n;
	return 0;
}

/* Far more than memory may hold, in conversations of 1 MB. */
static void test_big_export(void **state)
{
	struct chat_source source =
	        reading_source(CHAT_CHATGPT, CHAT_WHOLE, "/w/conversations.json");
	uint64_t texts = 0;
	struct chat_plan plan = { .arg = &texts, .record = count_only };
	static const char begin[] = "{\"id\":\"c\",\"mapping\":{\"a\":{\"id\":\"a\",\"message\":{"
	                            "\"author\":{\"role\":\"user\"},\"content\":{\"parts\":[\"";
	static const char end[] = "\"]}}}},\"current_node\":\"a\"}";
	size_t n = 1 << 20, count = getenv("SK_LONG") ? 1000 : 100;
	char *piece = malloc(n);
	struct chat_parser *p;
	struct chat_result result = { 0 };
	struct rusage before, after;

	(void)state;
	assert_non_null(piece);
	memset(piece, 'y', n);
	getrusage(RUSAGE_SELF, &before);
	assert_int_equal(chat_parser_new(&source, &plan, &p, NULL), 0);
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(chat_parser_feed(p, i ? ",\n" : "[", i ? 2 : 1, NULL), 0);
		assert_int_equal(chat_parser_feed(p, begin, sizeof(begin) - 1, NULL), 0);
		assert_int_equal(chat_parser_feed(p, piece, n, NULL), 0);
		assert_int_equal(chat_parser_feed(p, end, sizeof(end) - 1, NULL), 0);
	}
	assert_int_equal(chat_parser_feed(p, "]\n", 2, NULL), 0);
	assert_int_equal(chat_parser_finish(p, &result, NULL), 0);
	chat_parser_free(p);
	getrusage(RUSAGE_SELF, &after);
	assert_int_equal(result.units, count);
	assert_true(texts >= count << 20);
#ifndef __SANITIZE_ADDRESS__ /* which keeps what is freed */
	assert_true(after.ru_maxrss - before.ru_maxrss < 20000);
#endif
	free(piece);
}

static void test_documents(void **state)
{
	struct reading *r = reading_new(SHOW_NO_UNKNOWN);

	(void)state;
	/* half written: what is whole is given, and the code says to come again */
	assert_int_equal(reading_text(r, CHAT_CHATGPT, CHAT_WHOLE,
	                              "[{\"id\":\"a\",\"title\":\"one\"},{\"id\":\"b\",\"tit"),
	                 SKP_EDAMAGED);
	assert_string_equal(chat_buf_str(&r->out), "title one\ndamaged \n");
	assert_string_equal(chat_buf_str(&r->units), "1:1+24\n2:26+14!\n");
	reading_free(r);
	r = reading_new(SHOW_NO_UNKNOWN);
	assert_int_equal(
	        reading_text(r, CHAT_CHATGPT, CHAT_WHOLE,
	                     "[}, 5, {\"id\":\"a\",\"title\":\"one\"}}, {\"title\":\"]\\\"[\"}]"),
	        0);
	assert_string_equal(chat_buf_str(&r->out),
	                    "damaged \ndamaged \ntitle one\ndamaged \ntitle ]\"[\n");
	reading_free(r);
	r = reading_new(0);
	assert_int_equal(reading_text(r, CHAT_GEMINI, CHAT_WHOLE, "{\"sessionId\":\"x\",\"mess"),
	                 SKP_EDAMAGED);
	reading_free(r);
	r = reading_new(0); /* one conversation alone, a byte order mark before it */
	assert_int_equal(reading_text(r, CHAT_CHATGPT, CHAT_WHOLE,
	                              "\xef\xbb\xbf {\"id\":\"a\",\"title\":\"one\"}"),
	                 0);
	assert_string_equal(chat_buf_str(&r->out), "title one\n");
	reading_free(r);
	r = reading_new(0);
	assert_int_equal(reading_text(r, CHAT_COPILOT, CHAT_WHOLE, ""), 0);
	assert_int_equal(r->n, 0);
	reading_free(r);
}

static char *read_all(const char *name, size_t *len)
{
	char path[512], *data = malloc(1 << 16);
	FILE *f;

	assert_non_null(data);
	snprintf(path, sizeof(path), "%s/chat/%s", SK_TEST_DATA, name);
	f = fopen(path, "rb");
	assert_non_null(f);
	*len = fread(data, 1, 1 << 16, f);
	fclose(f);
	return data;
}

/* Stopped after any line, and gone on with: the same records, numbers and offsets.  Of text files a
 * message may come in two parts, but the texts together are the same. */
static void test_going_on(void **state)
{
	static const struct {
		enum chat_tool tool;
		const char *name;
		int text;
	} files[] = { { CHAT_CLAUDE, "claude.jsonl", 0 }, { CHAT_CODEX, "codex.jsonl", 0 },
		      { CHAT_GEMINI, "gemini.jsonl", 0 }, { CHAT_COPILOT, "copilot.jsonl", 0 },
		      { CHAT_AIDER, "aider.md", 1 },      { CHAT_PLAIN, "plain.log", 1 } };

	(void)state;
	for (size_t f = 0; f < sizeof(files) / sizeof(*files); f++) {
		size_t len, units = 0;
		char *data = read_all(files[f].name, &len);
		struct chat_source source = reading_source(files[f].tool, CHAT_LINES, "/w/app/log");
		struct reading *whole = reading_new(SHOW_ID | SHOW_WHERE | SHOW_MORE);

		assert_int_equal(reading_bytes(whole, &source, data, len, len), 0);
		for (size_t cut = 0; cut <= len; cut += files[f].text ? 1 : 37) {
			struct reading *r = reading_new(SHOW_ID | SHOW_WHERE | SHOW_MORE);
			uint64_t next;

			assert_int_equal(reading_bytes(r, &source, data, cut, 5), 0);
			next = r->result.next;
			assert_true(next <= cut);
			assert_true(!next || data[next - 1] == '\n');
			assert_int_equal(reading_bytes(r, &source, data + next, len - next, 11), 0);
			assert_int_equal(r->result.next, whole->result.next);
			if (!files[f].text) {
				assert_string_equal(chat_buf_str(&r->out),
				                    chat_buf_str(&whole->out));
				assert_string_equal(chat_buf_str(&r->units),
				                    chat_buf_str(&whole->units));
				assert_string_equal(r->result.state, whole->result.state);
			} else {
				assert_true(r->n >= whole->n && r->n <= whole->n + 1);
			}
			units++;
			reading_free(r);
		}
		assert_true(units > 5);
		reading_free(whole);
		free(data);
	}
}

/* A message of a text file that was cut in two: the second part has the id of the first. */
static void test_more(void **state)
{
	struct chat_source source = reading_source(CHAT_AIDER, CHAT_LINES, "/w/app/log");
	struct reading *r = reading_new(0);
	static const char one[] =
	        "# aider chat started at 2026-05-01 10:00:00\n\n#### go\n\nFirst ";
	static const char two[] = "line.\n\nSecond line.\n\n";
	static const char three[] = "Third.\n#### ok\n";
	char log[300];

	(void)state;
	assert_int_equal(setenv("TZ", "UTC", 1), 0);
	snprintf(log, sizeof(log), "%s%s%s", one, two, three);
	assert_int_equal(reading_bytes(r, &source, log, strlen(one), 100), 0);
	assert_int_equal(r->n, 2);
	assert_int_equal(reading_bytes(r, &source, log + r->result.next,
	                               strlen(one) + strlen(two) - r->result.next, 100),
	                 0);
	assert_int_equal(
	        reading_bytes(r, &source, log + r->result.next, strlen(log) - r->result.next, 100),
	        0);
	assert_string_equal(chat_buf_str(&r->out),
	                    "system aider chat started at 2026-05-01 10:00:00\nuser go\n"
	                    "assistant First line.||Second line.\nassistant +|Third.\nuser ok\n");
	assert_string_equal(r->item[2].id, r->item[3].id);
	reading_free(r);
}

static void test_stop(void **state)
{
	struct reading *r = reading_new(0);
	struct chat_source source = reading_source(CHAT_CLAUDE, CHAT_LINES, "/nowhere/at/all");
	struct chat_plan plan = { 0 };

	(void)state;
	assert_int_equal(chat_parse(&source, &plan, &r->result, &r->err), SKP_ENO);
	assert_string_equal(r->err.text, "/nowhere/at/all is gone");
	reading_free(r);
}

/* --- rewriting --- */

struct rewritten {
	char *out;
	size_t len;
	struct chat_buf given;
	int rc;
};

static int on_text(void *arg, struct chat_text text, struct chat_text *with)
{
	static char made[256];
	struct rewritten *w = arg;
	const char *secret = memmem(text.s, text.n, "sk-\"1", 5);

	chat_buf_add(&w->given, text.s, text.n);
	chat_buf_addc(&w->given, '|');
	if (!secret)
		return 0;
	snprintf(made, sizeof(made), "%.*s[redacted]%.*s", (int)(secret - text.s), text.s,
	         (int)(text.s + text.n - secret - 5), secret + 5);
	*with = (struct chat_text){ made, strlen(made) };
	return 0;
}

static int rewrite_unit(void *arg, const struct chat_unit *unit)
{
	struct rewritten *w = arg;
	struct chat_rewrite by = { .arg = w, .text = on_text };

	free(w->out);
	w->out = NULL;
	w->rc = chat_unit_rewrite(unit, &by, &w->out, &w->len, NULL);
	return 0;
}

static void expect_rewrite(enum chat_tool tool, const char *line, const char *want)
{
	struct chat_source source = reading_source(tool, CHAT_LINES, "/w/app/log");
	struct rewritten w = { 0 };
	struct chat_plan plan = { .arg = &w, .unit = rewrite_unit, .final = 1 };
	struct chat_parser *p;
	struct chat_result result;

	assert_int_equal(chat_parser_new(&source, &plan, &p, NULL), 0);
	assert_int_equal(chat_parser_feed(p, line, strlen(line), NULL), 0);
	assert_int_equal(chat_parser_finish(p, &result, NULL), 0);
	chat_parser_free(p);
	assert_int_equal(w.rc, 0);
	if (!want) {
		assert_null(w.out);
	} else {
		assert_non_null(w.out);
		assert_int_equal(w.len, strlen(want));
		assert_memory_equal(w.out, want, w.len);
	}
	free(w.out);
	chat_buf_free(&w.given);
}

static void test_rewrite(void **state)
{
	(void)state;
	expect_rewrite(CHAT_CLAUDE, "{ \"a\" : 1.0e5,\t\"b\":[\"x\\u00e4\",null ] }", NULL);
	expect_rewrite(CHAT_CLAUDE, "{ \"a\" : 1.0e5,\"b\":[\"key sk-\\\"1 end\\n\",null ] }",
	               "{ \"a\" : 1.0e5,\"b\":[\"key [redacted] end\\n\",null ] }");
	/* written with escapes; as a key; several */
	expect_rewrite(CHAT_CLAUDE, "{\"sk-\\u00221\":\"\\u0073k-\\\"1\",\"c\":\"sk-\\\"1\"}",
	               "{\"[redacted]\":\"[redacted]\",\"c\":\"[redacted]\"}");
	/* JSON within a string within a string */
	expect_rewrite(CHAT_CODEX,
	               "{\"arguments\":\"{\\\"cmd\\\":\\\"echo sk-\\\\\\\"1\\\",\\\"n\\\":1}\"}",
	               "{\"arguments\":\"{\\\"cmd\\\":\\\"echo [redacted]\\\",\\\"n\\\":1}\"}");
	/* no JSON: as one text */
	expect_rewrite(CHAT_CLAUDE, "{\"a\":\"sk-\"1 cut o", "{\"a\":\"[redacted] cut o");
	expect_rewrite(CHAT_AIDER, "#### use sk-\"1 please\n", "#### use [redacted] please");
	/* images, by what stands beside them and by their own form */
	expect_rewrite(
	        CHAT_CLAUDE,
	        "{\"type\":\"image\",\"source\":{\"type\":\"base64\",\"media_type\":\"image/png\","
	        "\"data\":\"iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwAD\"}"
	        "}",
	        "{\"type\":\"image\",\"source\":{\"type\":\"base64\",\"media_type\":\"image/png\","
	        "\"data\":\"[image image/png, 51 bytes]\"}}");
	expect_rewrite(CHAT_CODEX, "{\"images\":[\"data:image/jpeg;base64,/9j/4AAQSkZJRg==\"]}",
	               "{\"images\":[\"[image image/jpeg, 10 bytes]\"]}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bad_bytes),  cmocka_unit_test(test_times),
		cmocka_unit_test(test_depth),      cmocka_unit_test(test_long_lines),
		cmocka_unit_test(test_big_export), cmocka_unit_test(test_documents),
		cmocka_unit_test(test_going_on),   cmocka_unit_test(test_more),
		cmocka_unit_test(test_stop),       cmocka_unit_test(test_rewrite),
	};

	return cmocka_run_group_tests_name("chat-robust", tests, NULL, NULL);
}
