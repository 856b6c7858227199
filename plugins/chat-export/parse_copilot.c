/* Copilot Chat in VS Code: workspaceStorage/HASH/chatSessions/ID.json, a document, or ID.jsonl, a
 * log of changes to that document: {"kind":0,"v":...} the whole of it, {"kind":1,"k":[...],"v":...}
 * sets what is at a path, {"kind":2,"k":[...],"v":[...],"i":N} cuts the list there to N and
 * appends,
 * {"kind":3,"k":[...]} deletes.  Request N has the id "rN" there, the pieces of its answer "rN.I"
 * (which CHAT_REPLACES makes right when they are written again); in a document as well, since the
 * tool turns one form into the other. */
#include "parse.h"

#include <stdio.h>
#include <string.h>

struct turn {
	struct chat_parser *p;
	int64_t number; /* of the request */
	struct chat_text model;
	int64_t time;
};

static struct chat_record *begin(const struct turn *turn, enum chat_role role, int64_t piece)
{
	struct chat_tree *t = &turn->p->tree;
	struct chat_record *rec = rec_begin(turn->p, role);
	struct chat_text request = text_format(&t->arena, "r%lld", (long long)turn->number);

	rec->flags |= CHAT_REPLACES;
	rec->time = turn->time;
	rec->id = piece < 0 ? request
	                    : text_format(&t->arena, "r%lld.%lld", (long long)turn->number,
	                                  (long long)piece);
	if (piece >= 0) {
		rec->model = turn->model;
		rec->parent = request;
	}
	return rec;
}

/* A Markdown string: a text, or {"value": text}. */
static struct chat_text markdown(struct chat_tree *t, const struct jnode *node)
{
	if (j_is(node, J_OBJECT))
		node = j_get(t, node, "value");
	return j_string(t, node);
}

static struct chat_text reference(struct chat_tree *t, const struct jnode *piece)
{
	const struct jnode *where = j_get(t, piece, "inlineReference");
	struct chat_text name = j_string(t, j_get(t, piece, "name"));
	const char *slash;

	if (!name.n)
		name = j_string(t, j_get(t, where, "name"));
	if (name.n)
		return name;
	if (j_get(t, where, "uri"))
		where = j_get(t, where, "uri");
	name = j_string(t, j_get(t, where, "path"));
	slash = memrchr(name.s, '/', name.n);
	return slash ? text_cut(name, (size_t)(slash - name.s) + 1) : name;
}

static int tool(const struct turn *turn, const struct jnode *piece, int64_t number)
{
	struct chat_tree *t = &turn->p->tree;
	struct chat_record *rec = begin(turn, CHAT_TOOL_CALL, number);
	const struct jnode *details = j_get(t, piece, "resultDetails");

	rec->call = j_string(t, j_get(t, piece, "toolCallId"));
	rec->tool = j_string(t, j_get(t, piece, "toolId"));
	rec->text = markdown(t, j_get(t, piece, "pastTenseMessage"));
	if (!rec->text.n)
		rec->text = markdown(t, j_get(t, piece, "invocationMessage"));
	if (j_get(t, details, "input"))
		rec->text = value_text(turn->p, j_get(t, details, "input"));
	rec->raw = j_raw(t, piece);
	if (rec_emit(turn->p) || !j_get(t, details, "output"))
		return turn->p->stop;
	rec = begin(turn, CHAT_TOOL_RESULT, number);
	rec->call = j_string(t, j_get(t, piece, "toolCallId"));
	rec->text = value_text(turn->p, j_get(t, details, "output"));
	rec->raw = j_raw(t, piece);
	return rec_emit(turn->p);
}

/* One piece of an answer, other than text. */
static int piece_other(const struct turn *turn, const struct jnode *piece, int64_t number)
{
	struct chat_tree *t = &turn->p->tree;
	const struct jnode *kind = j_get(t, piece, "kind");
	struct chat_record *rec;

	if (j_equal(kind, "toolInvocationSerialized") || j_equal(kind, "toolInvocation"))
		return tool(turn, piece, number);
	rec = begin(turn, CHAT_UNKNOWN, number);
	rec->type = j_string(t, kind);
	rec->raw = j_raw(t, piece);
	if (j_equal(kind, "thinking")) {
		rec->role = CHAT_THINKING;
		rec->text = content_text(turn->p, j_get(t, piece, "value"));
	} else if (j_equal(kind, "textEditGroup") || j_equal(kind, "notebookEditGroup")) {
		rec->role = CHAT_TOOL_CALL;
		rec->tool = TEXT("edit");
		rec->text = j_string(t, j_get2(t, piece, "uri", "path"));
	} else if (j_equal(kind, "warning") || j_equal(kind, "progressMessage") ||
	           j_equal(kind, "progressTask") || j_equal(kind, "confirmation")) {
		rec->role = CHAT_SYSTEM;
		rec->text = markdown(t, j_get(t, piece, "content"));
		if (!rec->text.n)
			rec->text = j_string(t, j_get(t, piece, "message"));
	}
	if (rec->role != CHAT_TOOL_CALL && !rec->text.n)
		rec->role = CHAT_UNKNOWN;
	return rec_emit(turn->p);
}

/* Text as far as this is one: Markdown, or a name within it. */
static int piece_text(struct chat_tree *t, const struct jnode *piece, struct chat_text *out)
{
	const struct jnode *kind = j_get(t, piece, "kind");

	if (j_is(piece, J_STRING))
		*out = j_string(t, piece);
	else if (!kind && j_get(t, piece, "value"))
		*out = markdown(t, j_get(t, piece, "value"));
	else if (j_equal(kind, "markdownContent") || j_equal(kind, "markdownVuln"))
		*out = markdown(t, j_get(t, piece, "content"));
	else if (j_equal(kind, "inlineReference"))
		*out = reference(t, piece);
	else
		return 0;
	return 1;
}

/* The pieces of an answer from number `first` on; texts that follow each other are one record. */
static int answer(const struct turn *turn, const struct jnode *list, int64_t first)
{
	struct chat_parser *p = turn->p;
	struct chat_tree *t = &p->tree;
	struct chat_buf said = { 0 };
	int64_t number = first, began = first;

	if (!j_is(list, J_ARRAY))
		return 0;
	for (const struct jnode *c = j_first(t, list); !p->stop; c = j_next(t, list, c)) {
		struct chat_text text = NOTHING;
		int is_text = c && piece_text(t, c, &text);

		if (is_text)
			chat_buf_add(&said, text.s, text.n);
		if (!is_text && said.n) {
			struct chat_record *rec = begin(turn, CHAT_ASSISTANT, began);

			rec->text = text_copy(&t->arena, (struct chat_text){ said.s, said.n });
			chat_buf_clear(&said);
			rec_emit(p);
		}
		if (!c)
			break;
		if (!is_text && !p->stop)
			piece_other(turn, c, number);
		number++;
		if (!is_text)
			began = number;
	}
	if (said.oom)
		t->oom = 1;
	chat_buf_free(&said);
	return p->stop;
}

static void attached(struct chat_parser *p, const struct jnode *request)
{
	struct chat_tree *t = &p->tree;
	const struct jnode *list = j_get2(t, request, "variableData", "variables");

	if (!j_is(list, J_ARRAY))
		return;
	for (const struct jnode *c = j_first(t, list); c; c = j_next(t, list, c))
		if (j_equal(j_get(t, c, "kind"), "image") || j_true(j_get(t, c, "isImage")))
			rec_image(p, j_string(t, j_get(t, c, "mimeType")),
			          j_string(t, j_get(t, c, "value")),
			          j_string(t, j_get(t, c, "name")), 0);
}

static int request(struct chat_parser *p, const struct jnode *r, int64_t number)
{
	struct chat_tree *t = &p->tree;
	const struct jnode *message = j_get(t, r, "message");
	struct turn turn = { .p = p,
		             .number = number,
		             .model = j_string(t, j_get(t, r, "modelId")),
		             .time = node_time(p, j_get(t, r, "timestamp")) };
	struct chat_record *rec = begin(&turn, CHAT_USER, -1);
	struct chat_text error;

	p->mem.time = turn.time; /* of what is added to its answer */
	rec->text = j_is(message, J_STRING) ? j_string(t, message)
	                                    : j_string(t, j_get(t, message, "text"));
	rec->raw = j_raw(t, message ? message : r);
	attached(p, r);
	if (!rec->text.n)
		rec->role = CHAT_UNKNOWN;
	if (j_true(j_get(t, r, "isHidden")))
		rec->flags |= CHAT_META;
	if (rec_emit(p) || answer(&turn, j_get(t, r, "response"), 0))
		return p->stop;
	error = j_string(t, j_get2(t, j_get(t, r, "result"), "errorDetails", "message"));
	if (!error.n)
		return 0;
	rec = begin(&turn, CHAT_SYSTEM, 1000000);
	rec->flags |= CHAT_ERROR;
	rec->text = error;
	return rec_emit(p);
}

static int requests(struct chat_parser *p, const struct jnode *list, int64_t first)
{
	struct chat_tree *t = &p->tree;

	if (!j_is(list, J_ARRAY))
		return 0;
	for (const struct jnode *c = j_first(t, list); c && !p->stop; c = j_next(t, list, c))
		request(p, c, first++);
	p->mem.number[1] = first;
	return p->stop;
}

static int title(struct chat_parser *p, const struct jnode *text)
{
	struct chat_record *rec = rec_begin(p, CHAT_TITLE);

	rec->id = TEXT("title");
	rec->flags |= CHAT_REPLACES;
	rec->text = j_string(&p->tree, text);
	return rec->text.n ? rec_emit(p) : 0;
}

static int document(struct chat_parser *p, const struct jnode *root)
{
	struct chat_tree *t = &p->tree;
	struct chat_text id = j_string(t, j_get(t, root, "sessionId"));

	if (id.n)
		REMEMBER(p, session, id);
	p->mem.time = node_time(p, j_get(t, root, "creationDate"));
	if (title(p, j_get(t, root, "customTitle")))
		return p->stop;
	return requests(p, j_get(t, root, "requests"), 0);
}

/* Element n of the path k: its number, or -1. */
static int64_t path_number(const struct jnode *n)
{
	int64_t value = j_integer(n, -1);

	return value >= 0 && value < 1000000 ? value : -1;
}

static int change(struct chat_parser *p, const struct jnode *root)
{
	struct chat_tree *t = &p->tree;
	const struct jnode *kind = j_get(t, root, "kind"), *path = j_get(t, root, "k");
	const struct jnode *value = j_get(t, root, "v"), *k[4] = { NULL };
	int64_t what = j_integer(kind, -1), cut = path_number(j_get(t, root, "i"));
	struct turn turn = { .p = p, .time = p->mem.time, .model = NOTHING };
	unsigned n = 0;

	if (what == 0)
		return document(p, value);
	if (j_is(path, J_ARRAY))
		for (const struct jnode *c = j_first(t, path); c; c = j_next(t, path, c), n++)
			if (n < 4)
				k[n] = c;
	if (n == 1 && what == 1 && j_equal(k[0], "customTitle"))
		return title(p, value);
	if (!j_equal(k[0], "requests") || (what != 1 && what != 2))
		return 0;
	if (n == 1)
		return requests(p, value, what == 1 ? 0 : cut >= 0 ? cut : p->mem.number[1]);
	turn.number = path_number(k[1]);
	if (turn.number < 0)
		return 0;
	if (n == 2 && what == 1)
		return request(p, value, turn.number);
	if (n == 3 && j_equal(k[2], "response")) {
		/* without "i" it goes behind what is there; the offset is a number past that */
		int64_t first = what == 1 ? 0 : cut;

		return answer(&turn, value, first >= 0 ? first : (int64_t)p->unit.number + 1000);
	}
	if (n == 4 && what == 1 && j_equal(k[2], "response") && path_number(k[3]) >= 0) {
		struct chat_text text;

		if (!piece_text(t, value, &text))
			return piece_other(&turn, value, path_number(k[3]));
		begin(&turn, CHAT_ASSISTANT, path_number(k[3]))->text = text;
		return rec_emit(p);
	}
	return 0;
}

const struct format format_copilot = { .split = SPLIT_DOCUMENT, .json = document };
const struct format format_copilot_lines = { .split = SPLIT_LINES, .json = change };
