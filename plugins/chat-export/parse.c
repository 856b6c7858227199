#include "parse.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int chat_fail(struct chat_error *err, int code, const char *format, ...)
{
	va_list args;

	if (err) {
		err->code = code;
		va_start(args, format);
		vsnprintf(err->text, sizeof(err->text), format, args);
		va_end(args);
	}
	return code;
}

int parser_fail(struct chat_parser *p, int code, const char *format, ...)
{
	va_list args;

	p->failed.code = code;
	va_start(args, format);
	vsnprintf(p->failed.text, sizeof(p->failed.text), format, args);
	va_end(args);
	p->stop = code;
	return code;
}

static int out_of_memory(struct chat_parser *p)
{
	return parser_fail(p, SKP_EIO, "out of memory");
}

/* --- splitting --- */

static int blank(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (s[i] != ' ' && s[i] != '\t' && s[i] != '\r')
			return 0;
	return 1;
}

/* A whole line, without its newline, that begins at p->hold_at. */
static int line_take(struct chat_parser *p, const char *s, size_t n)
{
	if (p->format->split == SPLIT_TEXT)
		return p->stop = p->format->line(p, (struct chat_text){ s, n });
	if (blank(s, n))
		return 0;
	return unit_json(p, s, n, p->hold_at, n, NOTHING);
}

/* The unit gets too long: its bytes are counted from here on, and dropped. */
static int skip_begin(struct chat_parser *p)
{
	if (block_end(p))
		return p->stop;
	p->skipping = 1;
	p->skipped = p->hold.n;
	chat_buf_free(&p->hold);
	return 0;
}

static int skip_end(struct chat_parser *p)
{
	p->skipping = 0;
	return unit_damaged(p, NOTHING, p->hold_at, p->skipped, CHAT_TOO_LONG);
}

static void hold_drop(struct chat_parser *p)
{
	if (p->hold.cap > CHAT_MAX_BLOCK)
		chat_buf_free(&p->hold);
	else
		chat_buf_clear(&p->hold);
}

static int hold_add(struct chat_parser *p, const char *s, size_t n)
{
	if (!p->skipping && p->hold.n + n > CHAT_MAX_UNIT && skip_begin(p))
		return p->stop;
	if (p->skipping)
		p->skipped += n;
	else if (chat_buf_add(&p->hold, s, n))
		return out_of_memory(p);
	return 0;
}

static int feed_lines(struct chat_parser *p, const char *s, size_t n)
{
	while (n && !p->stop) {
		const char *end = memchr(s, '\n', n);
		size_t len = end ? (size_t)(end - s) : n;

		if (!end || p->hold.n || p->skipping) {
			if (hold_add(p, s, len))
				break;
			if (end && p->skipping)
				skip_end(p);
			else if (end)
				line_take(p, chat_buf_str(&p->hold), p->hold.n);
			if (end)
				hold_drop(p);
		} else {
			line_take(p, s, len);
		}
		if (!end) {
			p->offset += len;
			break;
		}
		p->offset += len + 1;
		p->hold_at = p->offset;
		if (!p->stop)
			p->result.next = p->offset;
		s += len + 1;
		n -= len + 1;
	}
	return p->stop;
}

/* An element of the array is whole, or, between two elements, something that is none. */
static int element_take(struct chat_parser *p)
{
	p->begun = 0;
	if (p->skipping)
		skip_end(p);
	else
		unit_json(p, chat_buf_str(&p->hold), p->hold.n, p->hold_at, p->hold.n, NOTHING);
	hold_drop(p);
	return p->stop;
}

/* How far the element goes that s is in; *ends: it ends there. */
static size_t element_span(struct chat_parser *p, const char *s, size_t n, int *ends)
{
	size_t i = 0;

	for (*ends = 0; i < n; i++) {
		char c = s[i];

		if (p->in_string) {
			if (p->escaped)
				p->escaped = 0;
			else if (c == '\\')
				p->escaped = 1;
			else if (c == '"')
				p->in_string = 0;
		} else if (c == '"') {
			p->in_string = 1;
		} else if (c == '{' || c == '[') {
			p->depth++;
		} else if (c == '}' || c == ']') {
			if (--p->depth <= 0) {
				*ends = 1;
				/* a bracket too many: it ends what is before it, or is all */
				return p->depth < 0 && (i || p->hold.n) ? i : i + 1;
			}
		} else if (c == ',' && p->depth == 0) {
			*ends = 1;
			return i;
		}
	}
	return i;
}

static int feed_array(struct chat_parser *p, const char *s, size_t n)
{
	while (n && !p->stop) {
		size_t len = 1;

		if (p->begun) {
			int ends;

			len = element_span(p, s, n, &ends);
			if (hold_add(p, s, len) || (ends && element_take(p)))
				break;
		} else if (strchr(" \t\r\n,", *s)) {
			; /* NUL included: between elements it is nothing */
		} else if (*s == ']') {
			p->ended = 1;
		} else {
			p->begun = 1;
			p->hold_at = p->offset;
			p->depth = p->in_string = p->escaped = 0;
			continue;
		}
		p->offset += len;
		s += len;
		n -= len;
	}
	return p->stop;
}

/* The first byte that is not blank says whether it is an array. */
static int feed_either(struct chat_parser *p, const char *s, size_t n)
{
	while (n && !p->mem.number[0]) {
		if (*s == '[')
			p->mem.number[0] = 1;
		else if (!strchr(" \t\r\n\xef\xbb\xbf", *s))
			p->mem.number[0] = 2;
		if (p->mem.number[0] == 2)
			break;
		p->offset++;
		s++;
		n--;
	}
	if (p->mem.number[0] == 1)
		return feed_array(p, s, n);
	if (n && !p->hold.n && !p->skipping)
		p->hold_at = p->offset;
	p->offset += n;
	return n ? hold_add(p, s, n) : 0;
}

int chat_parser_feed(struct chat_parser *p, const void *data, size_t len, struct chat_error *err)
{
	const char *s = data;

	if (!p->stop) {
		switch (p->format->split) {
		case SPLIT_LINES:
		case SPLIT_TEXT:
			feed_lines(p, s, len);
			break;
		case SPLIT_ARRAY:
			feed_either(p, s, len);
			break;
		case SPLIT_DOCUMENT:
			p->offset += len;
			hold_add(p, s, len);
			break;
		}
	}
	if (p->stop && err)
		*err = p->failed;
	return p->stop;
}

/* What is left at the end. */
static int finish_rest(struct chat_parser *p)
{
	int left = p->hold.n || p->skipping || p->begun;

	switch (p->format->split) {
	case SPLIT_LINES:
	case SPLIT_TEXT:
		if (left && p->whole) {
			if (p->skipping)
				skip_end(p);
			else
				line_take(p, chat_buf_str(&p->hold), p->hold.n);
			if (!p->stop)
				p->result.next = p->offset;
		}
		return p->stop ? p->stop : block_end(p);
	case SPLIT_ARRAY:
	case SPLIT_DOCUMENT:
		if (left && element_take(p))
			return p->stop;
		p->result.next = p->offset;
		if (p->result.units && p->result.damaged == p->result.units)
			return parser_fail(p, SKP_EDAMAGED, "%s is no whole JSON document",
			                   p->path);
		if (p->mem.number[0] == 1 && !p->ended && p->format->split == SPLIT_ARRAY)
			return parser_fail(p, SKP_EDAMAGED, "%s is cut off", p->path);
		return 0;
	}
	return 0;
}

int chat_parser_finish(struct chat_parser *p, struct chat_result *out, struct chat_error *err)
{
	if (!p->stop)
		finish_rest(p);
	if (p->stop) {
		if (err)
			*err = p->failed;
		return p->stop;
	}
	state_save(p, p->result.state, sizeof(p->result.state));
	out->next = p->result.next;
	memcpy(out->state, p->result.state, sizeof(out->state));
	out->units = p->result.units;
	out->records = p->result.records;
	out->damaged = p->result.damaged;
	out->unknown = p->result.unknown;
	return 0;
}

/* --- making one --- */

const struct format *format_of(const struct chat_source *source)
{
	int lines = source->kind == CHAT_LINES;

	switch (source->tool) {
	case CHAT_CLAUDE:
		return &format_claude;
	case CHAT_CODEX:
		return &format_codex;
	case CHAT_GEMINI:
		return lines ? &format_gemini_lines : &format_gemini;
	case CHAT_AIDER:
		return &format_aider;
	case CHAT_SPECSTORY:
		return &format_specstory;
	case CHAT_CHATGPT:
		return &format_chatgpt;
	case CHAT_COPILOT:
		return lines ? &format_copilot_lines : &format_copilot;
	case CHAT_OPENCODE:
		return &format_opencode;
	case CHAT_CURSOR:
		return &format_cursor;
	case CHAT_PLAIN:
	case CHAT_TOOLS:
		break;
	}
	return &format_plain;
}

/* Of the name without its folder, which a tool may change (archived_sessions/); FNV-1a. */
static unsigned name_hash(const char *path)
{
	const char *slash = strrchr(path, '/');
	unsigned h = 2166136261u;

	for (const char *s = slash ? slash + 1 : path; *s; s++)
		h = (h ^ (unsigned char)*s) * 16777619u;
	return h;
}

static char *copy_of(const char *s)
{
	return strdup(s ? s : "");
}

int chat_parser_new(const struct chat_source *source, const struct chat_plan *plan,
                    struct chat_parser **out, struct chat_error *err)
{
	struct chat_parser *p = calloc(1, sizeof(*p));
	const char *scope = source->scope ? source->scope : "";

	if (!p)
		return chat_fail(err, SKP_EIO, "out of memory");
	p->plan = *plan;
	p->tool = source->tool;
	p->format = format_of(source);
	p->path = copy_of(source->path);
	p->session = copy_of(source->parent && *source->parent ? source->parent : source->session);
	p->agent = copy_of(source->parent && *source->parent ? source->session : "");
	p->scope_cwd = copy_of(strncmp(scope, "cwd=", 4) == 0 ? scope + 4 : "");
	if (!p->path || !p->session || !p->agent || !p->scope_cwd) {
		chat_parser_free(p);
		return chat_fail(err, SKP_EIO, "out of memory");
	}
	p->file_hash = name_hash(p->path);
	p->again = source->kind != CHAT_LINES;
	p->whole = plan->final || source->kind != CHAT_LINES;
	p->mem.time = CHAT_NO_TIME;
	p->offset = p->hold_at = p->result.next = source->kind == CHAT_LINES ? plan->from : 0;
	REMEMBER(p, session, text_of(p->session));
	REMEMBER(p, agent, text_of(p->agent));
	REMEMBER(p, cwd, text_of(p->scope_cwd));
	if (p->offset && plan->state)
		state_load(p, plan->state);
	else if (p->format->begin)
		p->format->begin(p);
	p->block_more = p->mem.block_id[0] != 0;
	*out = p;
	return 0;
}

void chat_parser_free(struct chat_parser *p)
{
	if (!p)
		return;
	jtree_free(&p->tree);
	chat_buf_free(&p->hold);
	chat_buf_free(&p->block);
	chat_buf_free(&p->said);
	free(p->path);
	free(p->session);
	free(p->agent);
	free(p->scope_cwd);
	free(p);
}
