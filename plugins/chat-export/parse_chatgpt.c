/* ChatGPT's export: conversations.json, an array of conversations; one of them is a unit.  Its
 * messages are a tree (mapping), of which the way from current_node to the root is what the user
 * sees. */
#include "parse.h"

#include <string.h>

static void picture(struct chat_parser *p, const struct jnode *part)
{
	struct chat_tree *t = &p->tree;
	int64_t size = j_integer(j_get(t, part, "size_bytes"), 0);

	rec_image(p, NOTHING, NOTHING, j_string(t, j_get(t, part, "asset_pointer")),
	          size > 0 ? (uint64_t)size : 0);
}

static struct chat_text parts(struct chat_parser *p, const struct jnode *list)
{
	struct chat_tree *t = &p->tree;
	struct chat_text text = NOTHING;

	if (!j_is(list, J_ARRAY))
		return text;
	for (const struct jnode *c = j_first(t, list); c; c = j_next(t, list, c)) {
		if (j_equal(j_get(t, c, "content_type"), "image_asset_pointer")) {
			picture(p, c);
			text = join_text(p, text, TEXT("[image]"));
		} else {
			text = join_text(p, text,
			                 j_is(c, J_STRING) ? j_string(t, c) : content_text(p, c));
		}
	}
	return text;
}

static struct chat_text thoughts(struct chat_parser *p, const struct jnode *list)
{
	struct chat_tree *t = &p->tree;
	struct chat_text text = NOTHING;

	if (!j_is(list, J_ARRAY))
		return text;
	for (const struct jnode *c = j_first(t, list); c; c = j_next(t, list, c)) {
		text = join_text(p, text, j_string(t, j_get(t, c, "summary")));
		text = join_text(p, text, j_string(t, j_get(t, c, "content")));
	}
	return text;
}

static enum chat_role role_of(struct chat_parser *p, const struct jnode *message,
                              const struct jnode *kind)
{
	struct chat_tree *t = &p->tree;
	const struct jnode *author = j_get2(t, message, "author", "role");
	const struct jnode *recipient = j_get(t, message, "recipient");

	if (j_equal(author, "tool"))
		return CHAT_TOOL_RESULT;
	if (j_equal(author, "system") || j_equal(kind, "user_editable_context") ||
	    j_equal(kind, "model_editable_context"))
		return CHAT_SYSTEM;
	if (j_equal(author, "user"))
		return CHAT_USER;
	if (!j_equal(author, "assistant"))
		return CHAT_UNKNOWN;
	if (j_equal(kind, "thoughts") || j_equal(kind, "reasoning_recap"))
		return CHAT_THINKING;
	if (recipient && !j_equal(recipient, "all"))
		return CHAT_TOOL_CALL;
	return CHAT_ASSISTANT;
}

static int node(struct chat_parser *p, const struct jnode *entry)
{
	struct chat_tree *t = &p->tree;
	const struct jnode *message = j_get(t, entry, "message");
	const struct jnode *content = j_get(t, message, "content");
	const struct jnode *kind = j_get(t, content, "content_type");
	const struct jnode *meta = j_get(t, message, "metadata");
	struct chat_record *rec = rec_begin(p, role_of(p, message, kind));
	struct chat_text id = j_string(t, j_get(t, entry, "id"));

	rec->id = id.n ? id : j_key_text(t, entry);
	rec->parent = j_string(t, j_get(t, entry, "parent"));
	rec->root = !rec->parent.n;
	rec->raw = j_raw(t, entry);
	rec->time = node_time(p, j_get(t, message, "create_time"));
	rec->type = j_string(t, kind);
	rec->model = j_string(t, j_get(t, meta, "model_slug"));
	rec->text = parts(p, j_get(t, content, "parts"));
	if (!rec->text.n)
		rec->text = j_string(t, j_get(t, content, "text"));
	if (!rec->text.n)
		rec->text = thoughts(p, j_get(t, content, "thoughts"));
	if (!rec->text.n)
		rec->text = j_string(t, j_get(t, content, "content"));
	if (rec->role == CHAT_TOOL_CALL)
		rec->tool = j_string(t, j_get(t, message, "recipient"));
	else if (rec->role == CHAT_TOOL_RESULT)
		rec->tool = j_string(t, j_get2(t, message, "author", "name"));
	if (j_true(j_get(t, meta, "is_visually_hidden_from_conversation"))) {
		rec->flags |= CHAT_META;
		if (rec->role == CHAT_USER || rec->role == CHAT_ASSISTANT)
			rec->role = CHAT_SYSTEM;
	}
	if (!rec->text.n && rec->role != CHAT_TOOL_CALL)
		rec->role = CHAT_UNKNOWN;
	return rec_emit(p);
}

static int chatgpt(struct chat_parser *p, const struct jnode *root)
{
	struct chat_tree *t = &p->tree;
	const struct jnode *mapping = j_get(t, root, "mapping");
	struct chat_text id = j_string(t, j_get(t, root, "conversation_id")), leaf;
	struct chat_record *rec;

	if (!id.n)
		id = j_string(t, j_get(t, root, "id"));
	REMEMBER(p, session, id);
	p->mem.time = CHAT_NO_TIME;
	rec = rec_begin(p, CHAT_TITLE);
	rec->id = TEXT("title");
	rec->text = j_string(t, j_get(t, root, "title"));
	rec->time = node_time(p, j_get(t, root, "create_time"));
	if (rec->text.n && rec_emit(p))
		return p->stop;
	if (!j_is(mapping, J_OBJECT))
		return 0;
	for (const struct jnode *c = j_first(t, mapping); c && !p->stop; c = j_next(t, mapping, c))
		node(p, c);
	leaf = j_string(t, j_get(t, root, "current_node"));
	if (!leaf.n || p->stop)
		return p->stop;
	rec = rec_begin(p, CHAT_CONTROL);
	rec->id = TEXT("current_node");
	rec->flags |= CHAT_LEAF;
	rec->text = leaf;
	return rec_emit(p);
}

const struct format format_chatgpt = { .split = SPLIT_ARRAY, .json = chatgpt };
