/* The order of a conversation. */
#include "chat_scratch.h"

/* Several logs of one session, in this order, and what is to be read. */
static void expect(const char *const (*logs)[2], const char *want)
{
	struct reading *r = reading_new(0);
	char *got;

	for (size_t i = 0; logs[i][0]; i++) {
		enum chat_tool tool = chat_tool_named(logs[i][0]);
		char path[64];
		struct chat_source source;

		snprintf(path, sizeof(path), "/w/log%zu.jsonl", i);
		source = reading_source(tool, CHAT_LINES, path);
		if (tool == CHAT_CHATGPT)
			source.kind = CHAT_WHOLE;
		memset(&r->result, 0, sizeof(r->result));
		assert_int_equal(reading_bytes(r, &source, logs[i][1], strlen(logs[i][1]), 4096),
		                 0);
	}
	got = reading_order(r);
	assert_string_equal(got, want);
	free(got);
	reading_free(r);
}

static void expect_one(const char *tool, const char *log, const char *want)
{
	const char *const logs[][2] = { { tool, log }, { NULL, NULL } };

	expect(logs, want);
}

/* Claude's records, short */
#define TIME(t) "\"timestamp\":\"2026-08-10T12:" t ".000Z\""
#define USER(id, parent, t, text)                                                                  \
	"{\"type\":\"user\",\"uuid\":\"" id "\",\"parentUuid\":" parent                            \
	"," TIME(t) ",\"message\":{\"role\":\"user\",\"content\":\"" text "\"}}\n"
#define SAYS(id, parent, t, text)                                                                  \
	"{\"type\":\"assistant\",\"uuid\":\"" id "\",\"parentUuid\":" parent                       \
	"," TIME(t) ",\"message\":{\"content\":[{\"type\":\"text\",\"text\":\"" text "\"}]}}\n"
#define CALL(id, parent, t, call)                                                                  \
	"{\"type\":\"assistant\",\"uuid\":\"" id "\",\"parentUuid\":" parent                       \
	"," TIME(t) ",\"message\":{\"content\":[{\"type\":\"tool_use\",\"id\":\"" call             \
	            "\",\"name\":\"T\",\"input\":{\"x\":\"" call "\"}}]}}\n"
#define RESULT(id, parent, t, call)                                                                \
	"{\"type\":\"user\",\"uuid\":\"" id "\",\"parentUuid\":" parent                            \
	"," TIME(t) ",\"message\":{\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"" call \
	            "\",\"content\":\"of " call "\"}]}}\n"
#define AGENT_RESULT(id, parent, t, call, agent)                                                   \
	"{\"type\":\"user\",\"uuid\":\"" id "\",\"parentUuid\":" parent                            \
	"," TIME(t) ",\"toolUseResult\":{\"agentId\":\"" agent                                     \
	            "\"},\"message\":{\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":"     \
	            "\"" call "\",\"content\":\"of " call "\"}]}}\n"
#define SIDE(id, parent, t, agent, text)                                                           \
	"{\"type\":\"assistant\",\"isSidechain\":true,\"agentId\":\"" agent "\",\"uuid\":\"" id    \
	"\",\"parentUuid\":" parent                                                                \
	"," TIME(t) ",\"message\":{\"content\":[{\"type\":\"text\",\"text\":\"" text "\"}]}}\n"

static void test_rewind(void **state)
{
	(void)state;
	expect_one("claude",
	           USER("u1", "null", "00:00", "one") SAYS("a1", "\"u1\"", "00:05", "answer")
	                   USER("u2", "\"a1\"", "01:00", "wrong")
	                           SAYS("a2", "\"u2\"", "01:05", "bad")
	                                   USER("u3", "\"a1\"", "02:00", "right")
	                                           SAYS("a3", "\"u3\"", "02:05", "good"),
	           "user one\nassistant answer\n~user wrong\n~assistant bad\nuser right\nassistant "
	           "good\n");
	/* gone back to the old branch: it is the newest then */
	expect_one("claude",
	           USER("u1", "null", "00:00", "one") SAYS("a1", "\"u1\"", "00:05", "answer")
	                   USER("u2", "\"a1\"", "01:00", "first")
	                           SAYS("a2", "\"u2\"", "01:05", "yes")
	                                   USER("u3", "\"a1\"", "02:00", "second")
	                                           USER("u4", "\"a2\"", "03:00", "go on"),
	           "user one\nassistant answer\nuser first\nassistant yes\n~user second\nuser go "
	           "on\n");
	/* the very first prompt */
	expect_one("claude",
	           USER("u1", "null", "00:00", "typo") SAYS("a1", "\"u1\"", "00:05", "what?")
	                   USER("u2", "null", "01:00", "text") SAYS("a2", "\"u2\"", "01:05", "ah"),
	           "~user typo\n~assistant what?\nuser text\nassistant ah\n");
}

/* Results of parallel calls hang on their own calls: a fork that is no rewind. */
static void test_parallel(void **state)
{
	(void)state;
	expect_one(
	        "claude",
	        USER("u1", "null", "00:00", "go") CALL("a1", "\"u1\"", "00:01", "c1")
	                CALL("a2", "\"a1\"", "00:02", "c2") RESULT("r2", "\"a2\"", "00:03", "c2")
	                        RESULT("r1", "\"a1\"", "00:04", "c1")
	                                SAYS("a3", "\"r2\"", "00:05", "done"),
	        "user go\ntool_call x: c1\ntool_call x: c2\ntool_result of c2\ntool_result of c1\n"
	        "assistant done\n");
}

/* A parent that does not exist begins a chain at its place in time; a clock that runs backwards
 * does not turn a chain around; loops end. */
static void test_broken_trees(void **state)
{
	(void)state;
	expect_one("claude",
	           USER("u2", "\"gone\"", "05:00", "later") SAYS("a2", "\"u2\"", "05:01", "yes")
	                   USER("u1", "null", "00:00", "early") SAYS("a1", "\"u1\"", "00:01", "ok"),
	           "user early\nassistant ok\nuser later\nassistant yes\n");
	expect_one("claude",
	           USER("u1", "null", "10:00", "one") SAYS("a1", "\"u1\"", "00:05", "two")
	                   USER("u2", "\"a1\"", "00:06", "three"),
	           "user one\nassistant two\nuser three\n");
	expect_one("claude",
	           USER("u1", "\"a1\"", "00:00", "one") SAYS("a1", "\"u1\"", "00:01", "two")
	                   USER("u2", "\"u2\"", "00:02", "self"),
	           "user self\nuser one\nassistant two\n");
}

static void test_resumed(void **state)
{
	const char *const logs[][2] = {
		{ "claude",
		  USER("u1", "null", "00:00", "one") SAYS("a1", "\"u1\"", "00:01", "two") },
		{ "claude", USER("u1", "null", "00:00", "one") SAYS("a1", "\"u1\"", "00:01", "two")
		                    USER("u2", "\"a1\"", "30:00", "three") },
		{ NULL, NULL },
	};

	(void)state;
	expect(logs, "user one\nassistant two\nuser three\n=user one\n=assistant two\n");
}

static void test_subagents(void **state)
{
	const char *const logs[][2] = {
		{ "claude", USER("u1", "null", "00:00", "go") CALL("a1", "\"u1\"", "00:01", "c1")
		                    CALL("a2", "\"a1\"", "00:02", "c2")
		                            AGENT_RESULT("r1", "\"a1\"", "00:20", "c1", "A")
		                                    AGENT_RESULT("r2", "\"a2\"", "00:21", "c2", "B")
		                                            SAYS("a3", "\"r2\"", "00:30", "done") },
		{ "claude", SIDE("s1", "null", "00:03", "A", "A one")
		                    SIDE("s2", "\"s1\"", "00:10", "A", "A two") },
		{ "claude", SIDE("t1", "null", "00:04", "B", "B one")
		                    SIDE("t2", "\"t1\"", "00:05", "B", "B two") },
		{ NULL, NULL },
	};

	(void)state;
	expect(logs, "user go\ntool_call x: c1\nassistant A one\nassistant A two\n"
	             "tool_call x: c2\nassistant B one\nassistant B two\n"
	             "tool_result of c1\ntool_result of c2\nassistant done\n");
	/* nothing says whose result it is: the call before it in time */
	expect_one("claude",
	           USER("u1", "null", "00:00", "go") CALL("a1", "\"u1\"", "00:01", "c1")
	                   RESULT("r1", "\"a1\"", "00:20", "c1")
	                           SAYS("a2", "\"r1\"", "00:30", "done")
	                                   SIDE("s1", "null", "00:03", "A", "A one")
	                                           SIDE("s2", "\"s1\"", "00:25", "A", "A two"),
	           "user go\ntool_call x: c1\nassistant A one\nassistant A two\ntool_result of c1\n"
	           "assistant done\n");
}

static void test_sample(void **state)
{
	struct reading *r = reading_new(0);
	char *got;

	(void)state;
	assert_int_equal(reading_data(r, CHAT_CLAUDE, CHAT_LINES, "claude.jsonl"), 0);
	memset(&r->result, 0, sizeof(r->result));
	assert_int_equal(reading_data(r, CHAT_CLAUDE, CHAT_LINES, "claude-agent.jsonl"), 0);
	got = reading_order(r);
	assert_non_null(strstr(got,
	                       "tool_call description: look|prompt: Look for callers|"
	                       "subagent_type: Explore\nuser Look for callers\ntool_call pattern: "
	                       "read_line\ntool_result a.c:3|b.c:9\ntool_result"));
	assert_non_null(
	        strstr(got, "~user Wrong turn\n~assistant Wrong answer.\nuser Right turn\n"));
	assert_non_null(
	        strstr(got, "user and run the tests\nsystem Conversation compacted\nsummary"));
	assert_null(strstr(got, "\n="));
	free(got);
	reading_free(r);
}

static char *order_of(enum chat_tool tool, enum chat_kind kind, const char *name)
{
	struct reading *r = reading_new(0);
	char *got;

	assert_int_equal(reading_data(r, tool, kind, name), 0);
	got = reading_order(r);
	reading_free(r);
	return got;
}

static void test_codex(void **state)
{
	char *got = order_of(CHAT_CODEX, CHAT_LINES, "codex.jsonl");

	(void)state;
	assert_string_equal(
	        got, "system <environment_context>|  <cwd>/w/app</cwd>|</environment_context>\n"
	             "user fix it\n"
	             "thinking **Looking at the make file**\n"
	             "tool_call cmd: make \"all\"|yield_time_ms: 1000\n"
	             "tool_result output: cc -c a.c||metadata.exit_code: 0\n"
	             "tool_call *** Begin Patch|*** Update File: a.c|+int y;|*** End Patch\n"
	             "tool_result Done\n"
	             "assistant Done: it builds.\n"
	             "~user no, undo that\n"
	             "~system turn aborted: interrupted\n"
	             "user thanks\n"
	             "summary The user wanted a fix.\n"
	             "=user fix it\n"
	             "=thinking **Looking at the make file**\n"
	             "=assistant Done: it builds.\n");
	free(got);
	/* a file of old, without events: the items count */
	expect_one("codex",
	           "{\"id\":\"x\",\"timestamp\":\"2025-05-01T10:00:00Z\",\"instructions\":null}\n"
	           "{\"type\":\"message\",\"role\":\"user\",\"content\":[{\"type\":\"input_text\","
	           "\"text\":\"hi\"}]}\n"
	           "{\"type\":\"message\",\"role\":\"assistant\",\"content\":[{\"type\":\"output_"
	           "text\","
	           "\"text\":\"ho\"}]}\n",
	           "user hi\nassistant ho\n");
}

static void test_gemini(void **state)
{
	char *got = order_of(CHAT_GEMINI, CHAT_LINES, "gemini.jsonl");

	(void)state;
	assert_string_equal(got, "user fix it||[image]\n"
	                         "assistant I read it.\n"
	                         "thinking Plan||read first\n"
	                         "tool_call path: a.c\n"
	                         "tool_result int x;\n"
	                         "title Fixing a.c\n"
	                         "~user wrong\n"
	                         "~assistant very wrong\n"
	                         "user right (as typed)\n"
	                         "system Request cancelled.\n"
	                         "assistant ok\n"
	                         "=thinking Plan||read first\n"
	                         "=user fix it\n");
	free(got);
	/* an id that is not there takes all back */
	expect_one("gemini",
	           "{\"id\":\"a\",\"type\":\"user\",\"content\":\"x\"}\n{\"$rewindTo\":\"zz\"}\n"
	           "{\"id\":\"b\",\"type\":\"user\",\"content\":\"y\"}\n",
	           "~user x\nuser y\n");
}

static void test_chatgpt(void **state)
{
	(void)state;
	expect_one(
	        "chatgpt",
	        "[{\"id\":\"c\",\"mapping\":{"
	        "\"r\":{\"id\":\"r\",\"parent\":null},"
	        "\"b\":{\"id\":\"b\",\"parent\":\"q\",\"message\":{\"author\":{\"role\":"
	        "\"assistant\"},"
	        "\"content\":{\"parts\":[\"two\"]},\"create_time\":1754900003}},"
	        "\"q\":{\"id\":\"q\",\"parent\":\"r\",\"message\":{\"author\":{\"role\":\"user\"},"
	        "\"content\":{\"parts\":[\"ask\"]},\"create_time\":1754900001}},"
	        "\"a\":{\"id\":\"a\",\"parent\":\"q\",\"message\":{\"author\":{\"role\":"
	        "\"assistant\"},"
	        "\"content\":{\"parts\":[\"one\"]},\"create_time\":1754900009}}"
	        "},\"current_node\":\"b\"}]",
	        "user ask\nassistant two\n~assistant one\n");
}

static void test_copilot(void **state)
{
	char *got = order_of(CHAT_COPILOT, CHAT_LINES, "copilot.jsonl");

	(void)state;
	assert_string_equal(got,
	                    "user explain\nassistant It is simple.\ntitle Explaining\nuser thanks\n"
	                    "assistant You are welcome.\n=assistant It is\n");
	free(got);
}

/* Nothing in it is quadratic: this many would take hours. */
static void test_size(void **state)
{
	size_t n = 400000, *order = calloc(n, sizeof(*order));
	struct chat_item *item = calloc(n, sizeof(*item));
	char(*id)[16] = calloc(n, sizeof(*id));

	(void)state;
	assert_true(order && item && id);
	for (size_t i = 0; i < n; i++) {
		snprintf(id[i], sizeof(id[i]), "i%zu", i);
		item[i] = (struct chat_item){ .id = i % 3 ? id[i] : "same",
			                      .part = i % 3 ? 0 : (unsigned)i,
			                      .parent = i % 7 ? id[i / 2] : "none",
			                      .role = i % 5 ? CHAT_ASSISTANT : CHAT_CONTROL,
			                      .target = i % 10 ? "~1" : id[i / 3],
			                      .flags = i % 11 ? CHAT_REPLACES : CHAT_SIDECHAIN,
			                      .agent = id[i % 1000],
			                      .time = (int64_t)((i * 7919) % n) };
	}
	assert_int_equal(chat_order(item, n, order, NULL), 0);
	free(order);
	free(item);
	free(id);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rewind),       cmocka_unit_test(test_parallel),
		cmocka_unit_test(test_broken_trees), cmocka_unit_test(test_resumed),
		cmocka_unit_test(test_subagents),    cmocka_unit_test(test_sample),
		cmocka_unit_test(test_codex),        cmocka_unit_test(test_gemini),
		cmocka_unit_test(test_chatgpt),      cmocka_unit_test(test_copilot),
		cmocka_unit_test(test_size),
	};

	return cmocka_run_group_tests_name("chat-order", tests, NULL, NULL);
}
