/* Gemini CLI: ~/.gemini/tmp/PROJECT/chats/session-*.json (one document) or .jsonl, to which a
 * message is written again under its id whenever more of it is known.  {"$rewindTo": ID} takes back
 * that message and all behind it, all of them when there is none of that id
 * (chatRecordingService.ts).
 * {"$set": {"messages": [...]}} is what the model is given from there on; those of its messages
 * that are new are said. */
#include "parse.h"

#include <string.h>

static struct chat_record *begin(struct chat_parser *p, const struct jnode *m, enum chat_role role)
{
	struct chat_tree *t = &p->tree;
	struct chat_record *rec = rec_begin(p, role);
	struct chat_text id = j_text(t, j_get(t, m, "id"));

	if (id.n)
		rec->id = id;
	if (!p->mem.number[0]) /* in $set: what was there before is there in full */
		rec->flags |= CHAT_REPLACES;
	rec->time = node_time(p, j_get(t, m, "timestamp"));
	rec->type = j_string(t, j_get(t, m, "type"));
	rec->model = j_string(t, j_get(t, m, "model"));
	rec->raw = j_raw(t, m);
	return rec;
}

static int thoughts(struct chat_parser *p, const struct jnode *m)
{
	struct chat_tree *t = &p->tree;
	const struct jnode *list = j_get(t, m, "thoughts");
	struct chat_text text = NOTHING;

	if (!j_is(list, J_ARRAY))
		return 0;
	for (const struct jnode *c = j_first(t, list); c; c = j_next(t, list, c)) {
		text = join_text(p, text, j_string(t, j_get(t, c, "subject")));
		text = join_text(p, text, j_string(t, j_get(t, c, "description")));
	}
	if (!text.n)
		return 0;
	begin(p, m, CHAT_THINKING)->text = text;
	return rec_emit(p);
}

/* [{"functionResponse": {"response": {"output": "..."}}}], or a text. */
static struct chat_text result_text(struct chat_parser *p, const struct jnode *result)
{
	struct chat_tree *t = &p->tree;
	struct chat_text text = NOTHING;

	if (!j_is(result, J_ARRAY))
		return value_text(p, result);
	for (const struct jnode *c = j_first(t, result); c; c = j_next(t, result, c)) {
		const struct jnode *response = j_get2(t, c, "functionResponse", "response");
		const struct jnode *output = j_get(t, response, "output");

		if (response)
			text = join_text(p, text, value_text(p, output ? output : response));
		else
			text = join_text(p, text, content_text(p, c));
	}
	return text;
}

static int calls(struct chat_parser *p, const struct jnode *m)
{
	struct chat_tree *t = &p->tree;
	const struct jnode *list = j_get(t, m, "toolCalls");

	if (!j_is(list, J_ARRAY))
		return 0;
	for (const struct jnode *c = j_first(t, list); c && !p->stop; c = j_next(t, list, c)) {
		struct chat_text id = j_string(t, j_get(t, c, "id"));
		struct chat_record *rec = begin(p, m, CHAT_TOOL_CALL);
		const struct jnode *result = j_get(t, c, "result");

		rec->call = id;
		rec->tool = j_string(t, j_get(t, c, "name"));
		rec->text = value_text(p, j_get(t, c, "args"));
		if (rec_emit(p) || !result)
			continue;
		rec = begin(p, m, CHAT_TOOL_RESULT);
		rec->call = id;
		rec->tool = j_string(t, j_get(t, c, "name"));
		rec->text = result_text(p, result);
		if (j_equal(j_get(t, c, "status"), "error"))
			rec->flags |= CHAT_ERROR;
		rec_emit(p);
	}
	return p->stop;
}

static int message(struct chat_parser *p, const struct jnode *m)
{
	struct chat_tree *t = &p->tree;
	const struct jnode *type = j_get(t, m, "type"), *content = j_get(t, m, "displayContent");
	enum chat_role role = CHAT_UNKNOWN;
	struct chat_record *rec;
	unsigned before = (unsigned)p->in_unit;

	if (!content)
		content = j_get(t, m, "content");
	if (j_equal(type, "user"))
		role = CHAT_USER;
	else if (j_equal(type, "gemini") || j_equal(type, "model") || j_equal(type, "assistant"))
		role = CHAT_ASSISTANT;
	else if (j_equal(type, "info") || j_equal(type, "error") || j_equal(type, "warning"))
		role = CHAT_SYSTEM;
	/* first what always is there, so that its part stays the same when the rest comes */
	rec = begin(p, m, role);
	rec->text = content_text(p, content);
	if (j_equal(type, "error"))
		rec->flags |= CHAT_ERROR;
	if (rec->text.n && rec_emit(p))
		return p->stop;
	if (thoughts(p, m) || calls(p, m))
		return p->stop;
	if (p->in_unit == before) {
		begin(p, m, CHAT_UNKNOWN);
		rec_emit(p);
	}
	return p->stop;
}

static int messages(struct chat_parser *p, const struct jnode *list)
{
	struct chat_tree *t = &p->tree;

	if (!j_is(list, J_ARRAY))
		return 0;
	for (const struct jnode *c = j_first(t, list); c && !p->stop; c = j_next(t, list, c))
		message(p, c);
	return p->stop;
}

/* Properties of the session, in the first line, in $set, and around a whole document. */
static int properties(struct chat_parser *p, const struct jnode *o)
{
	struct chat_tree *t = &p->tree;
	struct chat_text id = j_string(t, j_get(t, o, "sessionId")), title;

	if (id.n && j_equal(j_get(t, o, "kind"), "subagent") && p->session[0])
		REMEMBER(p, agent, id);
	else if (id.n && !p->agent[0])
		REMEMBER(p, session, id);
	title = j_string(t, j_get(t, o, "summary"));
	if (title.n) {
		struct chat_record *rec = rec_begin(p, CHAT_TITLE);

		rec->text = title;
		rec->id = TEXT("title");
		rec->flags |= CHAT_REPLACES;
		rec->time = node_time(p, j_get(t, o, "lastUpdated"));
		if (rec_emit(p))
			return p->stop;
	}
	return messages(p, j_get(t, o, "messages"));
}

static int gemini(struct chat_parser *p, const struct jnode *root)
{
	struct chat_tree *t = &p->tree;
	const struct jnode *rewind = j_get(t, root, "$rewindTo"), *set = j_get(t, root, "$set");

	p->mem.time = CHAT_NO_TIME;
	if (j_is(root, J_ARRAY)) /* logs.json and checkpoints of old */
		return messages(p, root);
	if (j_is(rewind, J_STRING)) {
		rec_begin(p, CHAT_CONTROL)->text = j_string(t, rewind);
		p->record.type = TEXT("$rewindTo");
		return rec_emit(p);
	}
	if (j_is(set, J_OBJECT)) {
		p->mem.number[0] = 1;
		properties(p, set);
		p->mem.number[0] = 0;
		return p->stop;
	}
	if (j_get(t, root, "id"))
		return message(p, root);
	return properties(p, root);
}

const struct format format_gemini_lines = { .split = SPLIT_LINES, .json = gemini };
const struct format format_gemini = { .split = SPLIT_DOCUMENT, .json = gemini };
