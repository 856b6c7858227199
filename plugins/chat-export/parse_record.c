#include "parse.h"

#include <string.h>

static const char *const role_names[CHAT_ROLES] = {
	"unknown",     "damaged", "user",    "assistant", "thinking", "tool_call",
	"tool_result", "system",  "summary", "title",     "control",
};

const char *chat_role_name(enum chat_role role)
{
	return (unsigned)role < CHAT_ROLES ? role_names[role] : role_names[CHAT_UNKNOWN];
}

enum chat_role chat_role_named(const char *name)
{
	for (unsigned i = 0; i < CHAT_ROLES; i++)
		if (strcmp(role_names[i], name) == 0)
			return (enum chat_role)i;
	return CHAT_UNKNOWN;
}

static const struct {
	const char *name, *title;
} tools[CHAT_TOOLS] = {
	[CHAT_CLAUDE] = { "claude", "Claude Code" },
	[CHAT_CODEX] = { "codex", "Codex CLI" },
	[CHAT_GEMINI] = { "gemini", "Gemini CLI" },
	[CHAT_AIDER] = { "aider", "Aider" },
	[CHAT_SPECSTORY] = { "specstory", "SpecStory" },
	[CHAT_CHATGPT] = { "chatgpt", "ChatGPT" },
	[CHAT_COPILOT] = { "copilot", "Copilot Chat" },
	[CHAT_OPENCODE] = { "opencode", "opencode" },
	[CHAT_CURSOR] = { "cursor", "Cursor" },
	[CHAT_PLAIN] = { "plain", "log file" },
};

static int is_tool(enum chat_tool tool)
{
	return (unsigned)tool > 0 && (unsigned)tool < CHAT_TOOLS;
}

const char *chat_tool_name(enum chat_tool tool)
{
	return is_tool(tool) ? tools[tool].name : "unknown";
}

const char *chat_tool_title(enum chat_tool tool)
{
	return is_tool(tool) ? tools[tool].title : "unknown tool";
}

enum chat_tool chat_tool_named(const char *name)
{
	for (unsigned i = 1; i < CHAT_TOOLS; i++)
		if (strcmp(tools[i].name, name) == 0)
			return (enum chat_tool)i;
	return (enum chat_tool)0;
}

/* --- making records --- */

struct chat_record *rec_begin(struct chat_parser *p, enum chat_role role)
{
	struct chat_record *rec = &p->record;
	struct chat_text nothing = NOTHING;

	*rec = (struct chat_record){ .unit = &p->unit,
		                     .role = role,
		                     .time = p->mem.time,
		                     .raw = p->unit.raw,
		                     .session = text_of(p->mem.session),
		                     .agent = text_of(p->mem.agent),
		                     .id = text_of(p->made_id),
		                     .parent = nothing,
		                     .call = nothing,
		                     .tool = nothing,
		                     .type = nothing,
		                     .model = nothing,
		                     .cwd = text_of(p->mem.cwd),
		                     .branch = text_of(p->mem.branch),
		                     .text = nothing,
		                     .image = p->image };
	if (p->mem.agent[0])
		rec->flags |= CHAT_SIDECHAIN;
	if (p->again)
		rec->flags |= CHAT_REPLACES;
	return rec;
}

int rec_emit(struct chat_parser *p)
{
	struct chat_record *rec = &p->record;

	if (p->stop)
		return p->stop;
	if (!rec->id.n) /* the tool's own may be missing */
		rec->id = text_of(p->made_id);
	if (!text_same(rec->id, p->last_id)) {
		p->last_id = rec->id;
		p->part = 0;
	}
	rec->part = p->part++;
	p->in_unit++;
	p->result.records++;
	if (rec->role == CHAT_UNKNOWN)
		p->result.unknown++;
	if (p->plan.record)
		p->stop = p->plan.record(p->plan.arg, rec);
	return p->stop;
}

int rec_say(struct chat_parser *p, enum chat_role role, struct chat_text text)
{
	rec_begin(p, role)->text = text;
	return rec_emit(p);
}

uint64_t base64_size(struct chat_text data)
{
	uint64_t n;

	while (data.n && data.s[data.n - 1] == '=')
		data.n--;
	n = data.n;
	return n / 4 * 3 + (n % 4 > 1 ? n % 4 - 1 : 0);
}

struct chat_text data_address(struct chat_text address, struct chat_text *mime)
{
	size_t look = address.n < 200 ? address.n : 200;
	const char *comma = memchr(address.s, ',', look);
	const char *end = memchr(address.s, ';', look);

	if (!comma || !text_starts_nocase(address, "data:"))
		return NOTHING;
	if (!end || end > comma)
		end = comma;
	if (!mime->n)
		*mime = (struct chat_text){ address.s + 5, (size_t)(end - address.s) - 5 };
	return text_cut(address, (size_t)(comma + 1 - address.s));
}

void rec_image(struct chat_parser *p, struct chat_text mime, struct chat_text data,
               struct chat_text name, uint64_t bytes)
{
	struct chat_record *rec = &p->record;
	struct chat_image *image;
	struct chat_text inside = data;

	if (rec->n_images == CHAT_MAX_IMAGES)
		return;
	if (text_starts(data, "data:")) /* data:image/png;base64,... */
		inside = data_address(data, &mime);
	if (!bytes)
		bytes = base64_size(inside);
	image = &p->image[rec->n_images++];
	*image = (struct chat_image){ .mime = mime, .bytes = bytes, .name = name, .data = data };
}

int64_t node_time(struct chat_parser *p, const struct jnode *node)
{
	double value;

	if (j_number(node, &value))
		return time_number(value);
	if (j_is(node, J_STRING))
		return time_parse(j_string(&p->tree, node), 0, NULL);
	return CHAT_NO_TIME;
}

/* --- texts out of values --- */

struct chat_text join_text(struct chat_parser *p, struct chat_text a, struct chat_text b)
{
	char *out;

	if (!a.n)
		return b;
	if (!b.n)
		return a;
	out = arena_get(&p->tree.arena, a.n + 2 + b.n);
	if (!out) {
		p->tree.oom = 1;
		return a;
	}
	memcpy(out, a.s, a.n);
	memcpy(out + a.n, "\n\n", 2);
	memcpy(out + a.n + 2, b.s, b.n);
	return (struct chat_text){ out, a.n + 2 + b.n };
}

/* Is it an image?  The shapes of Anthropic, OpenAI and Google. */
int content_image(struct chat_parser *p, const struct jnode *block)
{
	struct chat_tree *t = &p->tree;
	const struct jnode *source = j_get(t, block, "source"), *url;
	const struct jnode *inline_data = j_get(t, block, "inlineData");

	if (j_equal(j_get(t, block, "type"), "image") && j_is(source, J_OBJECT)) {
		rec_image(p, j_string(t, j_get(t, source, "media_type")),
		          j_string(t, j_get(t, source, "data")),
		          j_string(t, j_get(t, source, "url")), 0);
		return 1;
	}
	if (j_equal(j_get(t, block, "type"), "image")) { /* MCP: data and mimeType beside it */
		rec_image(p, j_string(t, j_get(t, block, "mimeType")),
		          j_string(t, j_get(t, block, "data")), NOTHING, 0);
		return 1;
	}
	url = j_get(t, block, "image_url");
	if (j_is(url, J_OBJECT))
		url = j_get(t, url, "url");
	if (j_is(url, J_STRING)) {
		struct chat_text address = j_string(t, url);
		int data = text_starts(address, "data:");

		rec_image(p, NOTHING, data ? address : NOTHING, data ? NOTHING : address, 0);
		return 1;
	}
	if (inline_data) {
		rec_image(p, j_string(t, j_get(t, inline_data, "mimeType")),
		          j_string(t, j_get(t, inline_data, "data")), NOTHING, 0);
		return 1;
	}
	return 0;
}

struct chat_text content_text(struct chat_parser *p, const struct jnode *node)
{
	struct chat_tree *t = &p->tree;
	struct chat_buf joined = { 0 };
	struct chat_text one = NOTHING;
	unsigned n = 0;

	if (j_is(node, J_OBJECT)) {
		if (content_image(p, node))
			return TEXT("[image]");
		return j_string(t, j_get(t, node, "text"));
	}
	if (!j_is(node, J_ARRAY))
		return j_string(t, node);
	for (const struct jnode *c = j_first(t, node); c; c = j_next(t, node, c)) {
		struct chat_text text = NOTHING;

		if (j_is(c, J_STRING))
			text = j_string(t, c);
		else if (content_image(p, c))
			text = TEXT("[image]");
		else
			text = j_string(t, j_get(t, c, "text"));
		if (!text.n)
			continue;
		if (n == 1) /* most lists have one */
			chat_buf_add(&joined, one.s, one.n);
		if (n++) {
			chat_buf_adds(&joined, "\n\n");
			chat_buf_add(&joined, text.s, text.n);
		}
		one = text;
	}
	if (n > 1) {
		one = text_copy(&t->arena, (struct chat_text){ chat_buf_str(&joined), joined.n });
		if (joined.oom || !one.n)
			t->oom = 1;
	}
	chat_buf_free(&joined);
	return one;
}

/* --- arguments, readable --- */

struct leaves {
	struct chat_tree *tree;
	struct chat_buf out, name;
	int level; /* JSON within JSON */
};

static void leaves_of(struct leaves *l, const struct jnode *node);

static void leaf_line(struct leaves *l, struct chat_text text)
{
	if (l->out.n)
		chat_buf_addc(&l->out, '\n');
	if (l->name.n) {
		chat_buf_add(&l->out, l->name.s, l->name.n);
		chat_buf_adds(&l->out, ": ");
	}
	chat_buf_add(&l->out, text.s, text.n);
}

/* A string that is an object itself is taken apart: Codex writes arguments so. */
static int leaves_within(struct leaves *l, struct chat_text text)
{
	struct chat_tree inner = { 0 };
	enum chat_damage damage;
	struct leaves sub = {
		.tree = &inner, .out = l->out, .name = l->name, .level = l->level + 1
	};
	int good;

	if (l->level >= 2 || text.n < 2 || text.s[0] != '{')
		return 0;
	good = jtree_parse(&inner, text.s, text.n, &damage) == 0 && !damage && inner.node->next > 1;
	if (good) {
		leaves_of(&sub, j_root(&inner));
		l->out = sub.out;
		l->name = sub.name;
	}
	jtree_free(&inner);
	return good;
}

static void leaf(struct leaves *l, const struct jnode *node)
{
	struct chat_text text;

	switch (node->type) {
	case J_STRING:
		text = j_string(l->tree, node);
		if (!leaves_within(l, text))
			leaf_line(l, text);
		break;
	case J_NUMBER:
		leaf_line(l, (struct chat_text){ node->s, node->n });
		break;
	case J_TRUE:
		leaf_line(l, TEXT("true"));
		break;
	case J_FALSE:
		leaf_line(l, TEXT("false"));
		break;
	default:
		leaf_line(l, TEXT(""));
		break;
	}
}

/* Without recursion into the tree: it may be 256 deep, and the names are cut back by depth. */
static void leaves_of(struct leaves *l, const struct jnode *top)
{
	const struct jnode *end = l->tree->node + top->next;
	size_t cut[CHAT_MAX_DEPTH + 1];
	unsigned base = top->depth;
	size_t start = l->name.n;

	cut[0] = start;
	for (const struct jnode *c = top; c < end; c++) {
		unsigned depth = c->depth - base;

		if (c != top) {
			l->name.n = cut[depth - 1];
			if (c->key_n) {
				struct chat_text key = j_key_text(l->tree, c);

				if (l->name.n)
					chat_buf_addc(&l->name, '.');
				chat_buf_add(&l->name, key.s, key.n);
			}
		}
		if (l->name.n > 400) /* hostile nesting of long names */
			l->name.n = 400;
		cut[depth] = l->name.n;
		if (c->type != J_OBJECT && c->type != J_ARRAY)
			leaf(l, c);
	}
	l->name.n = start;
}

struct chat_text value_text(struct chat_parser *p, const struct jnode *node)
{
	struct leaves l = { .tree = &p->tree };
	struct chat_text out = NOTHING;

	if (!node || node->type == J_NULL)
		return out;
	if (j_is(node, J_STRING) && (!node->n || node->s[0] != '{'))
		return j_string(&p->tree, node);
	leaves_of(&l, node);
	if (l.out.n)
		out = text_copy(&p->tree.arena, (struct chat_text){ l.out.s, l.out.n });
	if (l.out.oom || l.name.oom || (l.out.n && !out.n) || text_clean(&p->tree.arena, &out))
		p->tree.oom = 1;
	chat_buf_free(&l.out);
	chat_buf_free(&l.name);
	return out;
}
