/* What the archive knows by heart, and which files a tool wrote. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "files.h"
#include "rows.h"

static void test_days_and_stamps(void **state)
{
	char day[CHAT_DAY], stamp[32];
	int64_t late = 1794959990123; /* 2026-11-17T23:59:50.123Z */

	(void)state;
	(void)setenv("TZ", "UTC", 1);
	tzset();
	chat_day(late, day);
	assert_string_equal(day, "2026-11-17");
	chat_stamp(late, stamp);
	assert_string_equal(stamp, "2026-11-17T23:59:50.123Z");
	assert_int_equal(chat_unstamp(stamp), late);
	(void)setenv("TZ", "Asia/Tokyo", 1);
	tzset();
	chat_day(late, day);
	assert_string_equal(day, "2026-11-18");
	chat_stamp(late, stamp);
	assert_string_equal(stamp, "2026-11-17T23:59:50.123Z");
	(void)setenv("TZ", "UTC", 1);
	tzset();
	assert_true(chat_unstamp("yesterday") == CHAT_NO_TIME);
	assert_true(chat_unstamp(NULL) == CHAT_NO_TIME);
	assert_true(chat_unstamp("") == CHAT_NO_TIME);
}

static const char *log_name(const char *id, struct chat_buf *b)
{
	chat_buf_clear(b);
	assert_int_equal(chat_log_name(CHAT_CLAUDE, id, strlen(id), b), 0);
	assert_true(b->n < 120);
	assert_null(strchr(b->s, '/'));
	assert_null(strchr(b->s, '.'));
	return b->s;
}

static void test_names_of_logs(void **state)
{
	struct chat_buf a = { 0 }, b = { 0 };
	char longest[400];

	(void)state;
	assert_string_equal(log_name("3f2a-11", &a), "claude_3f2a-11");
	/* what cannot be a file name does not meet another */
	assert_string_not_equal(log_name("../x", &a), log_name(".._x", &b));
	assert_string_not_equal(log_name("a/b", &a), log_name("a_b", &b));
	(void)log_name("", &a);
	memset(longest, 'x', sizeof longest);
	longest[399] = '\0';
	(void)log_name(longest, &a);
	longest[398] = 'y';
	assert_string_not_equal(a.s, log_name(longest, &b));
	chat_buf_free(&a);
	chat_buf_free(&b);
}

static void fill(struct chat_rows *rows)
{
	struct chat_session *s;
	struct chat_read *r;

	assert_int_equal(
	        chat_rows_add_read(rows, "/h/a\"b\n\xff.jsonl", "claude_x_1", "2026-11-03", &r), 0);
	r->tool = CHAT_CLAUDE;
	r->size = 5000000000;
	r->mtime_ns = 1794959990123456789;
	r->inode = UINT64_MAX / 2;
	r->device = 7;
	r->next = 4999999999;
	r->lines = 12;
	r->turn = 2;
	r->time = 1794959990123;
	strcpy(r->hash, "0123456789abcdef0123456789abcdef");
	strcpy(r->day, "2026-11-17");
	assert_int_equal(chat_set(&r->state, "units=4\ttime=5", 14), 0);
	assert_int_equal(chat_read_joins(r, "claude_x"), 0);
	assert_int_equal(chat_read_joins(r, "claude_x"), 0);
	assert_int_equal(chat_read_joins(r, "claude_y"), 0);
	assert_int_equal(chat_rows_add_session(rows, "x", "claude_x", "2026-11", &s), 0);
	s->tool = CHAT_CLAUDE;
	assert_int_equal(chat_set(&s->title, "say \"hi\" \\ \t", 12), 0);
	s->titled = 1;
	s->users = 3;
	s->began = 1794959990123;
	assert_int_equal(chat_session_day(s, "2026-11-18"), 0);
	assert_int_equal(chat_session_day(s, "2026-11-16"), 0);
	assert_int_equal(chat_session_day(s, "2026-11-17"), 0);
	assert_int_equal(chat_session_day(s, "2026-11-17"), 0);
}

static void test_rows_come_back(void **state)
{
	struct chat_rows rows = { 0 }, back = { 0 };
	struct chat_buf reads = { 0 }, sessions = { 0 }, again = { 0 };
	const struct chat_session *s;
	const struct chat_read *r;
	size_t bad = 0;

	(void)state;
	fill(&rows);
	assert_int_equal(chat_rows_save_reads(&rows, "2026-11", &reads), 0);
	assert_int_equal(chat_rows_save_sessions(&rows, "2026-11", &sessions), 0);
	assert_int_equal(chat_rows_save_reads(&rows, "2026-10", &again), 0);
	assert_int_equal(again.n, 0);
	assert_int_equal(chat_rows_load_reads(&back, "2026-11", reads.s, reads.n, &bad), 0);
	assert_int_equal(chat_rows_load_sessions(&back, "2026-11", sessions.s, sessions.n, &bad),
	                 0);
	assert_int_equal(bad, 0);
	r = chat_rows_read(&back, "/h/a\"b\n\xff.jsonl");
	assert_non_null(r);
	assert_int_equal(r->dirty, 0);
	assert_true(r->size == 5000000000 && r->mtime_ns == 1794959990123456789);
	assert_int_equal(r->n_sessions, 2);
	s = chat_rows_session(&back, "claude_x");
	assert_non_null(s);
	assert_string_equal(s->title, "say \"hi\" \\ \t");
	assert_true(s->ended == CHAT_NO_TIME);
	assert_int_equal(s->n_days, 3);
	assert_string_equal(s->day[0], "2026-11-16");
	assert_string_equal(s->day[2], "2026-11-18");
	/* and are written as they were */
	assert_int_equal(chat_rows_save_reads(&back, "2026-11", &again), 0);
	assert_string_equal(again.s, reads.s);
	chat_rows_free(&rows);
	chat_rows_free(&back);
	chat_buf_free(&reads);
	chat_buf_free(&sessions);
	chat_buf_free(&again);
}

/* Every line cut anywhere, and every byte of it changed: an error is counted, nothing else. */
static void test_damaged_rows(void **state)
{
	struct chat_rows rows = { 0 };
	struct chat_buf text = { 0 };

	(void)state;
	fill(&rows);
	assert_int_equal(chat_rows_save_reads(&rows, "2026-11", &text), 0);
	assert_int_equal(chat_rows_save_sessions(&rows, "2026-11", &text), 0);
	for (size_t i = 0; i < text.n; i++) {
		struct chat_rows back = { 0 };
		size_t bad = 0;
		char was = text.s[i];

		assert_int_equal(chat_rows_load_reads(&back, "2026-11", text.s, i, &bad), 0);
		assert_int_equal(chat_rows_load_sessions(&back, "2026-11", text.s, i, &bad), 0);
		text.s[i] = (char)(was ^ 0x5);
		assert_int_equal(chat_rows_load_reads(&back, "2026-12", text.s, text.n, &bad), 0);
		assert_int_equal(chat_rows_load_sessions(&back, "2026-12", text.s, text.n, &bad),
		                 0);
		text.s[i] = was;
		chat_rows_free(&back);
	}
	chat_rows_free(&rows);
	chat_buf_free(&text);
}

static void test_many_names(void **state)
{
	struct chat_rows rows = { 0 };
	struct chat_session *s;
	char name[40];

	(void)state;
	for (int i = 0; i < 5000; i++) {
		(void)snprintf(name, sizeof name, "claude_%d", i);
		assert_int_equal(chat_rows_add_session(&rows, name, name, "2026-11", &s), 0);
	}
	for (int i = 0; i < 5000; i++) {
		(void)snprintf(name, sizeof name, "claude_%d", i);
		assert_non_null(chat_rows_session(&rows, name));
	}
	assert_null(chat_rows_session(&rows, "claude_5000"));
	chat_rows_free(&rows);
}

static int writes(const char *tool)
{
	return chat_tool_writes((struct chat_text){ tool, strlen(tool) });
}

static const char *files_of(const char *text, struct chat_buf *out)
{
	static char a[] = "/w/app", b[] = "/w/other";
	char *const worktree[] = { a, b };

	chat_buf_clear(out);
	assert_int_equal(chat_files_of((struct chat_text){ text, strlen(text) }, worktree, 2, out),
	                 0);
	return chat_buf_str(out);
}

static void test_files_that_tools_write(void **state)
{
	struct chat_buf out = { 0 };

	(void)state;
	assert_true(writes("Edit") && writes("Write") && writes("apply_patch") &&
	            writes("replace_in_file") && writes("NotebookEdit") && writes("MultiEdit"));
	assert_false(writes("Read") || writes("Bash") || writes("Grep") || writes("TodoWrite") ||
	             writes("update_plan") || writes(""));
	assert_string_equal(files_of("file_path: /w/app/src/a.c\nold_string: x", &out),
	                    "src/a.c\n");
	assert_string_equal(files_of("content: y\nfile_path: /w/other/b.c", &out), "b.c\n");
	assert_string_equal(files_of("file_path: /etc/passwd", &out), "");
	assert_string_equal(files_of("file_path: /w/apple/a.c", &out), "");
	assert_string_equal(files_of("path: ./x/y.c\r\n", &out), "x/y.c\n");
	/* a vague name only where arguments begin */
	assert_string_equal(files_of("a\nb\nc\nd\npath: /w/app/z", &out), "");
	assert_string_equal(files_of("*** Begin Patch\n*** Update File: a.c\n+x\n"
	                             "*** Add File: b.c\n*** Update File: a.c\n",
	                             &out),
	                    "a.c\nb.c\n");
	assert_string_equal(files_of("", &out), "");
	chat_buf_free(&out);
}

static void test_json_strings(void **state)
{
	struct chat_buf b = { 0 };

	(void)state;
	assert_int_equal(chat_buf_json(&b, "a\"\\\n\x01\x7f\0z\xff\xc3\xa9", 11), 0);
	assert_string_equal(b.s, "\"a\\\"\\\\\\n\\u0001\\u007f\xef\xbf\xbdz\xef\xbf\xbd\xc3\xa9\"");
	assert_true(chat_buf_is_text("\xc3\xa9", 2));
	assert_false(chat_buf_is_text("\xc3", 1));
	assert_false(chat_buf_is_text("\xed\xa0\x80", 3));
	chat_buf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_days_and_stamps),
		cmocka_unit_test(test_names_of_logs),
		cmocka_unit_test(test_rows_come_back),
		cmocka_unit_test(test_damaged_rows),
		cmocka_unit_test(test_many_names),
		cmocka_unit_test(test_files_that_tools_write),
		cmocka_unit_test(test_json_strings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
