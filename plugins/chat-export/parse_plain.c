/* A log file that the settings name: lines of text, JSON objects a line, or both.
 *
 * Text: "User: ..." begins a message, and so do "[12:30:05] Assistant: ...", "[2026-05-01 12:30]
 * You:
 * ...", "**Human:** ..." and "## User" alone on its line; what follows belongs to it.  A line
 * "Chat History - 2026-05-01" gives the day of the times behind it.  Times without a zone are
 * local.
 *
 * JSON: {"role", "content"} under the names that such logs use. */
#include "parse.h"

#include <string.h>

static const struct {
	const char *name;
	enum chat_role role;
} speakers[] = {
	{ "user", CHAT_USER },
	{ "human", CHAT_USER },
	{ "you", CHAT_USER },
	{ "me", CHAT_USER },
	{ "prompt", CHAT_USER },
	{ "assistant", CHAT_ASSISTANT },
	{ "ai", CHAT_ASSISTANT },
	{ "agent", CHAT_ASSISTANT },
	{ "bot", CHAT_ASSISTANT },
	{ "model", CHAT_ASSISTANT },
	{ "claude", CHAT_ASSISTANT },
	{ "chatgpt", CHAT_ASSISTANT },
	{ "gpt", CHAT_ASSISTANT },
	{ "gemini", CHAT_ASSISTANT },
	{ "copilot", CHAT_ASSISTANT },
	{ "codex", CHAT_ASSISTANT },
	{ "cursor", CHAT_ASSISTANT },
	{ "llm", CHAT_ASSISTANT },
	{ "system", CHAT_SYSTEM },
	{ "developer", CHAT_SYSTEM },
	{ "tool_call", CHAT_TOOL_CALL },
	{ "tool", CHAT_TOOL_RESULT },
	{ "tool_result", CHAT_TOOL_RESULT },
	{ "function", CHAT_TOOL_RESULT },
};

static enum chat_role speaker(struct chat_text name)
{
	for (size_t i = 0; i < sizeof(speakers) / sizeof(*speakers); i++)
		if (name.n == strlen(speakers[i].name) &&
		    text_starts_nocase(name, speakers[i].name))
			return speakers[i].role;
	return CHAT_UNKNOWN;
}

/* --- text --- */

/* "[12:30:05]" on the remembered day, or "[2026-05-01 12:30:05Z]"; 0: it is no time. */
static int stamp(struct chat_parser *p, struct chat_text inside, int64_t *out)
{
	struct chat_text whole;
	size_t used;
	int64_t when = time_parse(inside, 1, &used);
	long long day = p->mem.number[0]; /* 20260501 */

	if (when != CHAT_NO_TIME) {
		*out = when;
		return used == inside.n;
	}
	if (inside.n < 4 || inside.n > 16 || !memchr(inside.s, ':', 3))
		return 0;
	if (!day) { /* a time of day, but of no day */
		*out = CHAT_NO_TIME;
		return inside.s[0] >= '0' && inside.s[0] <= '9';
	}
	whole = text_format(&p->tree.arena, "%04lld-%02lld-%02lld %s%.*s", day / 10000,
	                    day / 100 % 100, day % 100, inside.s[1] == ':' ? "0" : "",
	                    (int)inside.n, inside.s);
	when = time_parse(whole, 1, &used);
	*out = when;
	return when != CHAT_NO_TIME && used == whole.n;
}

/* Does the line begin a message?  Then *text is what is said on it. */
static enum chat_role head(struct chat_parser *p, struct chat_text line, struct chat_text *text,
                           int64_t *when)
{
	struct chat_text rest = text_trim(line), name;
	enum chat_role role;
	size_t n = 0, marks = 0;
	const char *end;

	*when = CHAT_NO_TIME;
	if (text_starts(rest, "[") && (end = memchr(rest.s, ']', rest.n < 40 ? rest.n : 40))) {
		struct chat_text inside = { rest.s + 1, (size_t)(end - rest.s) - 1 };

		if (!stamp(p, inside, when))
			return CHAT_UNKNOWN;
		rest = text_trim(text_cut(rest, inside.n + 2));
	}
	while (rest.n && (*rest.s == '#' || *rest.s == '*' || *rest.s == '_' || *rest.s == ' ')) {
		marks += *rest.s != ' ';
		rest = text_cut(rest, 1);
	}
	while (n < rest.n && n < 16 && strchr(":* _#\r", rest.s[n]) == NULL)
		n++;
	if (n + 5 < rest.n && rest.s[n] == '_') /* tool_call */
		for (n++; n < rest.n && n < 16 && rest.s[n] >= 'a' && rest.s[n] <= 'z';)
			n++;
	name = (struct chat_text){ rest.s, n };
	role = speaker(name);
	rest = text_cut(rest, n);
	while (rest.n && (*rest.s == '*' || *rest.s == '_')) {
		marks++;
		rest = text_cut(rest, 1);
	}
	if (!role || (!text_starts(rest, ":") && (!marks || text_trim(rest).n)))
		return CHAT_UNKNOWN;
	rest = text_cut(rest, 1);
	while (rest.n && marks && (*rest.s == '*' || *rest.s == '_'))
		rest = text_cut(rest, 1);
	*text = text_trim(rest);
	return role;
}

static int is_rule(struct chat_text line)
{
	line = text_trim(line);
	if (line.n < 3 || (*line.s != '-' && *line.s != '='))
		return 0;
	for (size_t i = 1; i < line.n; i++)
		if (line.s[i] != line.s[0])
			return 0;
	return 1;
}

static int heading(struct chat_parser *p, struct chat_text line)
{
	static const char start[] = "Chat History - ";
	struct chat_text rest = text_trim(line);
	struct chat_text day;

	while (rest.n && (*rest.s == '#' || *rest.s == ' '))
		rest = text_cut(rest, 1);
	if (!text_starts(rest, start))
		return 0;
	day = text_cut(rest, sizeof(start) - 1);
	if (day.n < 10 || time_parse(day, 0, NULL) == CHAT_NO_TIME)
		return 0;
	p->mem.number[0] = 0;
	for (size_t i = 0; i < 10; i++)
		if (i != 4 && i != 7)
			p->mem.number[0] = p->mem.number[0] * 10 + (day.s[i] - '0');
	return 1;
}

static int plain_line(struct chat_parser *p, struct chat_text line)
{
	struct chat_text text;
	enum chat_role role;
	int64_t when;

	if (line.n && *line.s == '{') {
		if (block_end(p))
			return p->stop;
		p->block_more = 0;
		p->mem.block_id[0] = 0;
		return unit_json(p, line.s, line.n, p->hold_at, line.n, NOTHING);
	}
	if (!p->block_open && !p->block_more && !text_trim(line).n)
		return 0;
	if (heading(p, line)) {
		if (block_end(p))
			return p->stop;
		p->mem.time = CHAT_NO_TIME;
		return block_begin(p, CHAT_SYSTEM, line, line);
	}
	role = head(p, line, &text, &when);
	if (role) {
		if (block_end(p))
			return p->stop;
		p->mem.time = when;
		return block_begin(p, role, line, text);
	}
	if (p->block_open || p->block_more)
		return block_add(p, line, is_rule(line) ? NOTHING : line);
	return block_begin(p, CHAT_UNKNOWN, line, line);
}

/* --- JSON --- */

static const struct jnode *any_of(struct chat_tree *t, const struct jnode *o,
                                  const char *const *keys)
{
	const struct jnode *node = NULL;

	for (; *keys && !node; keys++)
		node = j_get(t, o, *keys);
	return node;
}

static int plain_json(struct chat_parser *p, const struct jnode *root)
{
	static const char *const roles[] = { "role",   "speaker", "sender", "from",
		                             "author", "type",    NULL };
	static const char *const texts[] = { "content", "text", "message", "body", NULL };
	static const char *const times[] = {
		"timestamp", "time", "created_at", "ts", "date", NULL
	};
	static const char *const sessions[] = { "session", "session_id", "sessionId",
		                                "conversation_id", NULL };
	struct chat_tree *t = &p->tree;
	const struct jnode *text = any_of(t, root, texts), *role = any_of(t, root, roles);
	struct chat_text session = j_text(t, any_of(t, root, sessions));
	struct chat_text id = j_text(t, j_get(t, root, "id"));
	struct chat_record *rec;

	if (j_is(text, J_OBJECT) &&
	    j_get(t, text, "content")) { /* {"message":{"role","content"}} */
		if (j_get(t, text, "role"))
			role = j_get(t, text, "role");
		text = j_get(t, text, "content");
	}
	p->mem.time = CHAT_NO_TIME;
	rec = rec_begin(p, speaker(j_string(t, role)));
	rec->type = j_string(t, role);
	rec->time = node_time(p, any_of(t, root, times));
	rec->model = j_string(t, j_get(t, root, "model"));
	rec->text = content_text(p, text);
	if (id.n)
		rec->id = id;
	if (session.n)
		rec->session = session;
	if (!rec->text.n)
		rec->role = CHAT_UNKNOWN;
	return rec_emit(p);
}

const struct format format_plain = { .split = SPLIT_TEXT, .line = plain_line, .json = plain_json };
