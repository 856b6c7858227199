/* Codex CLI: $CODEX_HOME/sessions/YYYY/MM/DD/rollout-TIME-ID.jsonl.  Messages stand there twice, as
 * events for people and as items for the model; the items are CHAT_ECHO, and count in the old files
 * that have no events.  Tools are in the items alone. */
#include "parse.h"

#include <string.h>

static int unknown(struct chat_parser *p, struct chat_text type)
{
	rec_begin(p, CHAT_UNKNOWN)->type = type;
	return rec_emit(p);
}

static int session(struct chat_parser *p, const struct jnode *payload)
{
	struct chat_tree *t = &p->tree;
	const struct jnode *source = j_get2(t, payload, "source", "subagent");
	struct chat_text id = j_string(t, j_get(t, payload, "id")), cwd, branch, parent;

	cwd = j_string(t, j_get(t, payload, "cwd"));
	branch = j_string(t, j_get2(t, payload, "git", "branch"));
	/* a forked session repeats those of the sessions it comes from: the first one is its own */
	if (!p->mem.number[0]++) {
		parent = j_string(t, j_get2(t, source, "thread_spawn", "parent_thread_id"));
		if (parent.n) {
			REMEMBER(p, session, parent);
			REMEMBER(p, agent, id);
		} else if (id.n) {
			REMEMBER(p, session, id);
		}
		if (cwd.n)
			REMEMBER(p, cwd, cwd);
	}
	if (branch.n)
		REMEMBER(p, branch, branch);
	return unknown(p, TEXT("session_meta"));
}

static int context(struct chat_parser *p, const struct jnode *payload)
{
	struct chat_tree *t = &p->tree;
	struct chat_text cwd = j_string(t, j_get(t, payload, "cwd"));
	struct chat_text model = j_string(t, j_get(t, payload, "model"));

	if (cwd.n)
		REMEMBER(p, cwd, cwd);
	if (model.n)
		REMEMBER(p, model, model);
	return unknown(p, TEXT("turn_context"));
}

static void images(struct chat_parser *p, const struct jnode *list, int names)
{
	struct chat_tree *t = &p->tree;

	if (!j_is(list, J_ARRAY))
		return;
	for (const struct jnode *c = j_first(t, list); c; c = j_next(t, list, c)) {
		struct chat_text text = j_string(t, c);

		if (text.n && !names && text_starts(text, "data:"))
			rec_image(p, NOTHING, text, NOTHING, 0);
		else if (text.n)
			rec_image(p, NOTHING, NOTHING, text, 0);
	}
}

static int event(struct chat_parser *p, const struct jnode *payload)
{
	struct chat_tree *t = &p->tree;
	const struct jnode *type = j_get(t, payload, "type");
	struct chat_record *rec = rec_begin(p, CHAT_UNKNOWN);

	rec->type = j_string(t, type);
	if (j_equal(type, "user_message")) {
		rec->role = CHAT_USER;
		rec->text = j_string(t, j_get(t, payload, "message"));
		images(p, j_get(t, payload, "images"), 0);
		images(p, j_get(t, payload, "local_images"), 1);
		if (!rec->text.n && rec->n_images)
			rec->text = TEXT("[image]");
	} else if (j_equal(type, "agent_message")) {
		rec->role = CHAT_ASSISTANT;
		rec->text = j_string(t, j_get(t, payload, "message"));
		rec->model = text_of(p->mem.model);
	} else if (j_equal(type, "agent_reasoning")) {
		rec->role = CHAT_THINKING;
		rec->text = j_string(t, j_get(t, payload, "text"));
	} else if (j_equal(type, "error") || j_equal(type, "stream_error") ||
	           j_equal(type, "warning")) {
		rec->role = CHAT_SYSTEM;
		rec->text = j_string(t, j_get(t, payload, "message"));
		rec->flags |= j_equal(type, "warning") ? 0 : CHAT_ERROR;
	} else if (j_equal(type, "turn_aborted")) {
		rec->role = CHAT_SYSTEM;
		rec->flags |= CHAT_META;
		rec->text = text_format(&t->arena, "turn aborted: %.60s", "interrupted");
	} else if (j_equal(type, "context_compacted")) {
		rec->role = CHAT_SYSTEM;
		rec->flags |= CHAT_COMPACTED | CHAT_META;
	} else if (j_equal(type, "thread_name_updated")) {
		rec->role = CHAT_TITLE;
		rec->text = j_string(t, j_get(t, payload, "thread_name"));
	} else if (j_equal(type, "thread_rolled_back")) {
		int64_t n = j_integer(j_get(t, payload, "num_turns"), 1);

		rec->role = CHAT_CONTROL;
		rec->text = text_format(&t->arena, "~%lld", (long long)(n > 0 ? n : 1));
	}
	return rec_emit(p);
}

/* Who is it that says so in the user's name? */
static int injected(struct chat_text text)
{
	static const char *const marks[] = { "<environment_context>",      "<user_instructions>",
		                             "# AGENTS.md instructions",   "<turn_aborted>",
		                             "<permissions instructions>", "<INSTRUCTIONS>",
		                             "<user_shell_command>",       "<skill>",
		                             "<subagent_notification>" };

	for (size_t i = 0; i < sizeof(marks) / sizeof(*marks); i++)
		if (text_starts(text, marks[i]))
			return 1;
	return 0;
}

static int item_message(struct chat_parser *p, const struct jnode *item)
{
	struct chat_tree *t = &p->tree;
	const struct jnode *role = j_get(t, item, "role");
	struct chat_record *rec = rec_begin(p, CHAT_SYSTEM);

	rec->type = TEXT("message");
	rec->text = content_text(p, j_get(t, item, "content"));
	if (j_equal(role, "assistant")) {
		rec->role = CHAT_ASSISTANT;
		rec->model = text_of(p->mem.model);
		rec->flags |= CHAT_ECHO;
	} else if (j_equal(role, "user") && !injected(text_trim(rec->text))) {
		rec->role = CHAT_USER;
		rec->flags |= CHAT_ECHO;
	} else {
		rec->flags |= CHAT_META;
	}
	return rec_emit(p);
}

static int output(struct chat_parser *p, const struct jnode *item)
{
	struct chat_tree *t = &p->tree;
	const struct jnode *out = j_get(t, item, "output"), *content = j_get(t, out, "content");
	struct chat_record *rec = rec_begin(p, CHAT_TOOL_RESULT);

	rec->type = j_string(t, j_get(t, item, "type"));
	rec->call = j_string(t, j_get(t, item, "call_id"));
	if (content)
		out = content;
	/* a string here may be {"output":"...","metadata":{...}} */
	rec->text = j_is(out, J_ARRAY) ? content_text(p, out) : value_text(p, out);
	return rec_emit(p);
}

static int item(struct chat_parser *p, const struct jnode *item)
{
	static const char *const arguments[] = { "arguments", "input", "action", "query" };
	struct chat_tree *t = &p->tree;
	const struct jnode *type = j_get(t, item, "type"), *args = NULL;
	struct chat_text name = j_string(t, type);
	struct chat_record *rec;

	if (j_equal(type, "message"))
		return item_message(p, item);
	if (name.n > 7 && memcmp(name.s + name.n - 7, "_output", 7) == 0)
		return output(p, item);
	if (name.n > 5 && memcmp(name.s + name.n - 5, "_call", 5) == 0) {
		for (size_t i = 0; i < 4 && !args; i++)
			args = j_get(t, item, arguments[i]);
		rec = rec_begin(p, CHAT_TOOL_CALL);
		rec->type = name;
		rec->call = j_string(t, j_get(t, item, "call_id"));
		rec->tool = j_string(t, j_get(t, item, "name"));
		if (!rec->tool.n)
			rec->tool = (struct chat_text){ name.s, name.n - 5 };
		rec->text = value_text(p, args);
		return rec_emit(p);
	}
	if (j_equal(type, "reasoning")) {
		rec = rec_begin(p, CHAT_THINKING);
		rec->type = name;
		rec->flags |= CHAT_ECHO;
		rec->text = content_text(p, j_get(t, item, "summary"));
		if (!rec->text.n)
			rec->role = CHAT_UNKNOWN;
		return rec_emit(p);
	}
	return unknown(p, name);
}

static int codex(struct chat_parser *p, const struct jnode *root)
{
	struct chat_tree *t = &p->tree;
	const struct jnode *type = j_get(t, root, "type"), *payload = j_get(t, root, "payload");
	struct chat_record *rec;

	p->mem.time = node_time(p, j_get(t, root, "timestamp"));
	if (j_equal(type, "session_meta"))
		return session(p, payload);
	if (j_equal(type, "turn_context"))
		return context(p, payload);
	if (j_equal(type, "event_msg"))
		return event(p, payload);
	if (j_equal(type, "response_item"))
		return item(p, payload);
	if (j_equal(type, "compacted")) {
		rec = rec_begin(p, CHAT_SUMMARY);
		rec->type = TEXT("compacted");
		rec->flags |= CHAT_COMPACTED;
		rec->text = j_string(t, j_get(t, payload, "message"));
		return rec_emit(p);
	}
	/* files of 2025: the items stand alone, and the first line is the session */
	if (!payload && j_get(t, root, "id") && !type)
		return session(p, root);
	if (!payload && type)
		return item(p, root);
	return unknown(p, j_string(t, type));
}

const struct format format_codex = { .split = SPLIT_LINES, .json = codex };
