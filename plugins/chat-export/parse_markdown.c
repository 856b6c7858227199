/* Aider and SpecStory: Markdown files in the repository itself.
 *
 * Aider appends to .aider.chat.history.md: "# aider chat started at 2026-05-01 10:00:00" (local
 * time) begins a session, "#### " stands before each line of the user's, "> " before what Aider
 * says, and the rest is the model's.  No message has a time of its own: all have that of their
 * session.
 *
 * SpecStory writes a file for each session, again and again: "_**User (2026-05-01 10:00:00Z)**_" or
 * "_**Agent (model 2026-05-01 10:00:00Z)**_" is the line before a message, "---" the one behind it.
 */
#include "parse.h"

#include <stdio.h>
#include <string.h>

static struct chat_text without_cr(struct chat_text line)
{
	if (line.n && line.s[line.n - 1] == '\r')
		line.n--;
	return line;
}

/* The line goes on with the block when that is of the same role. */
static int goes_on(struct chat_parser *p, enum chat_role role, struct chat_text line,
                   struct chat_text text)
{
	if ((p->block_open || p->block_more) && p->mem.role == (unsigned)role)
		return block_add(p, line, text);
	return block_begin(p, role, line, text);
}

static int aider_session(struct chat_parser *p, struct chat_text line, struct chat_text when)
{
	char id[32];
	size_t n = 0;

	if (block_end(p))
		return p->stop;
	p->mem.time = time_parse(when, 1, NULL);
	for (size_t i = 0; i < when.n && n + 1 < sizeof(id); i++)
		if (when.s[i] >= '0' && when.s[i] <= '9')
			id[n++] = when.s[i];
		else if (when.s[i] == ' ' && n)
			id[n++] = '-';
	id[n] = 0;
	REMEMBER(p, session, text_of(id));
	p->fence = 0;
	return block_begin(p, CHAT_SYSTEM, line, text_cut(line, 2));
}

static int aider(struct chat_parser *p, struct chat_text whole)
{
	static const char start[] = "# aider chat started at ";
	struct chat_text line = without_cr(whole);

	if (text_starts(line, start))
		return aider_session(p, whole, text_trim(text_cut(line, sizeof(start) - 1)));
	if (text_starts(line, "#### ") || text_equal(line, "####")) {
		/* whatever fence was open: the user's next line ends an answer that was cut off */
		p->fence = 0;
		return goes_on(p, CHAT_USER, whole, text_cut(line, 5));
	}
	if (!p->fence && (text_starts(line, "> ") || text_equal(line, ">")))
		return goes_on(p, CHAT_SYSTEM, whole, text_cut(line, 2));
	if (!text_trim(line).n) /* blank: of the block that is there, or nothing */
		return p->block_open || p->block_more ? block_add(p, whole, line) : 0;
	if (text_starts(line, "```"))
		p->fence = !p->fence;
	return goes_on(p, CHAT_ASSISTANT, whole, line);
}

/* The history lies in the worktree: that is where it was said. */
static void aider_begin(struct chat_parser *p)
{
	const char *slash = strrchr(p->path, '/');

	if (slash && slash != p->path)
		REMEMBER(p, cwd, ((struct chat_text){ p->path, (size_t)(slash - p->path) }));
}

const struct format format_aider = { .split = SPLIT_TEXT, .line = aider, .begin = aider_begin };

/* --- SpecStory --- */

/* "(model 2026-05-01 10:00:00Z)" or "(2026-05-01 10:00:00Z)" */
static void specstory_who(struct chat_parser *p, struct chat_text inside)
{
	int64_t when = CHAT_NO_TIME;
	size_t i = 0;

	for (; i < inside.n && when == CHAT_NO_TIME; i++)
		if (i == 0 || inside.s[i - 1] == ' ')
			when = time_parse(text_cut(inside, i), 0, NULL);
	if (when != CHAT_NO_TIME)
		p->mem.time = when;
	inside.n = when != CHAT_NO_TIME && i ? i - 1 : inside.n;
	REMEMBER(p, model, text_trim(inside));
}

/* Whose message begins there: is_head(line); its time and model. */
static enum chat_role specstory_head(struct chat_parser *p, struct chat_text line)
{
	static const struct {
		const char *name;
		enum chat_role role;
	} who[] = { { "User", CHAT_USER },
		    { "Agent", CHAT_ASSISTANT },
		    { "Assistant", CHAT_ASSISTANT },
		    { "Tool", CHAT_SYSTEM },
		    { "System", CHAT_SYSTEM } };
	struct chat_text rest;

	line = text_trim(line);
	rest = (struct chat_text){ line.s + 3, line.n - 6 };
	for (size_t i = 0; i < sizeof(who) / sizeof(*who); i++) {
		struct chat_text inside = text_cut(rest, strlen(who[i].name));

		if (!text_starts(rest, who[i].name))
			continue;
		inside = text_trim(inside);
		if (!inside.n)
			return who[i].role;
		if (inside.n >= 2 && inside.s[0] == '(' && inside.s[inside.n - 1] == ')')
			specstory_who(p, (struct chat_text){ inside.s + 1, inside.n - 2 });
		return who[i].role;
	}
	return CHAT_UNKNOWN;
}

/* Begins the message that `line` announces.  The block before it is given out with its own time and
 * model, so these are read only then. */
static int specstory_begin(struct chat_parser *p, struct chat_text whole)
{
	enum chat_role role;

	if (block_end(p))
		return p->stop;
	p->mem.model[0] = 0;
	role = specstory_head(p, whole);
	if (role != CHAT_ASSISTANT)
		p->mem.model[0] = 0;
	p->mem.number[0] = 1;
	return block_begin(p, role, whole, NOTHING);
}

static int is_head(struct chat_text line)
{
	line = text_trim(line);
	return text_starts(line, "_**") && line.n >= 6 &&
	       memcmp(line.s + line.n - 3, "**_", 3) == 0 &&
	       (text_starts(line, "_**User") || text_starts(line, "_**A") ||
	        text_starts(line, "_**Tool") || text_starts(line, "_**System"));
}

static int specstory(struct chat_parser *p, struct chat_text whole)
{
	struct chat_text line = without_cr(whole);

	if (is_head(line) && !p->fence)
		return specstory_begin(p, whole);
	if (text_starts(line, "```"))
		p->fence = !p->fence;
	else if (!p->fence && text_starts(line, "<tool-use"))
		return block_begin(p, CHAT_TOOL_CALL, whole, line);
	else if (!p->fence && !p->mem.number[0] && text_starts(line, "# "))
		return block_begin(p, CHAT_TITLE, whole, text_cut(line, 2));
	if (p->mem.role == CHAT_TOOL_CALL && p->block_open) {
		if (block_add(p, whole, line))
			return p->stop;
		if (!text_find(line, "</tool-use>"))
			return 0;
		p->fence = 0;
		if (block_end(p))
			return p->stop;
		/* what follows is the model's again, in a block of its own */
		p->mem.role = CHAT_ASSISTANT;
		p->block_more = 0;
		return 0;
	}
	if (p->block_open && p->mem.role != CHAT_TITLE)
		return block_add(p, whole,
		                 text_equal(text_trim(line), "---") && !p->fence ? NOTHING : line);
	if (!text_trim(line).n)
		return 0;
	return block_begin(p, p->mem.number[0] ? CHAT_ASSISTANT : CHAT_SYSTEM, whole, line);
}

static void specstory_block(struct chat_parser *p, struct chat_record *rec)
{
	static const char name[] = "data-tool-name=\"";
	const char *at, *end = NULL;

	if (rec->role == CHAT_ASSISTANT)
		rec->model = text_of(p->mem.model);
	if (rec->role != CHAT_TOOL_CALL)
		return;
	at = text_find(rec->text, name);
	if (at) {
		at += sizeof(name) - 1;
		end = memchr(at, '"', (size_t)(rec->text.s + rec->text.n - at));
	}
	if (end)
		rec->tool = (struct chat_text){ at, (size_t)(end - at) };
}

const struct format format_specstory = { .split = SPLIT_TEXT,
	                                 .line = specstory,
	                                 .block = specstory_block };
