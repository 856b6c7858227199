#include "agent/merge.h"

#include <stdlib.h>
#include <string.h>

#include "agent/jsonc.h"

#define COMMAND_MAX 65536

/* The event's groups, or 0.  SK_EUSAGE when the text has something else in that place. */
static int event_groups(const struct sk_jsonc *j, const char *event, size_t *hooks, size_t *groups)
{
	size_t h = sk_jsonc_member(j, 0, "hooks"), g;

	if (!sk_jsonc_is(j, 0, SK_JSONC_OBJECT))
		return sk_error(SK_EUSAGE, "line %zu: this is no object",
		                sk_jsonc_line(j, j->node[0].start));
	if (h && !sk_jsonc_is(j, h, SK_JSONC_OBJECT))
		return sk_error(SK_EUSAGE, "line %zu: \"hooks\" is no object",
		                sk_jsonc_line(j, j->node[h].start));
	g = h ? sk_jsonc_member(j, h, event) : 0;
	if (g && !sk_jsonc_is(j, g, SK_JSONC_ARRAY))
		return sk_error(SK_EUSAGE, "line %zu: \"%s\" is no list",
		                sk_jsonc_line(j, j->node[g].start), event);
	*hooks = h;
	*groups = g;
	return 0;
}

static bool string_is(const struct sk_jsonc *j, size_t node, const char *want)
{
	struct sk_buf text = SK_BUF_INIT;
	bool same = sk_jsonc_is(j, node, SK_JSONC_STRING) &&
	            sk_jsonc_string(j, node, COMMAND_MAX, &text) == 0 &&
	            strcmp(sk_buf_str(&text), want) == 0;

	sk_buf_free(&text);
	return same;
}

static bool is_ours(const struct sk_agent_tool *tool, const struct sk_jsonc *j, size_t handler)
{
	struct sk_buf text = SK_BUF_INIT;
	size_t command = sk_jsonc_member(j, handler, "command");
	bool ours = command && sk_jsonc_string(j, command, COMMAND_MAX, &text) == 0 &&
	            sk_agent_is_ours(tool, sk_buf_str(&text));

	sk_buf_free(&text);
	return ours;
}

/* The next handler of ours, from any event, after node `from`; 0: none. */
static size_t next_ours(const struct sk_agent_tool *tool, const struct sk_jsonc *j, size_t from)
{
	size_t hooks = sk_jsonc_member(j, 0, "hooks");

	if (!hooks || !sk_jsonc_is(j, hooks, SK_JSONC_OBJECT))
		return 0;
	for (size_t e = j->node[hooks].child; e; e = j->node[e].next)
		for (size_t g = j->node[e].child; g; g = j->node[g].next) {
			size_t list = sk_jsonc_member(j, g, "hooks");

			for (size_t h = list ? j->node[list].child : 0; h; h = j->node[h].next)
				if (h > from && is_ours(tool, j, h))
					return h;
		}
	return 0;
}

static bool number_is(const struct sk_jsonc *j, size_t node, long want)
{
	return node && j->node[node].kind == SK_JSONC_WORD &&
	       strtol(j->text + j->node[node].start, NULL, 10) == want;
}

/* Whether the handler is what would be put there for that event: the group's matcher too. */
static bool as_wanted(const struct sk_agent_tool *tool, const struct sk_jsonc *j, size_t handler,
                      const struct sk_agent_hook *hook, const char *command)
{
	size_t group = j->node[j->node[handler].parent].parent, event = j->node[group].parent;
	size_t hooks = sk_jsonc_member(j, 0, "hooks");
	size_t matcher = sk_jsonc_member(j, group, "matcher");

	return sk_jsonc_member(j, hooks, hook->event) == event &&
	       string_is(j, sk_jsonc_member(j, handler, "command"), command) &&
	       string_is(j, sk_jsonc_member(j, handler, "type"), "command") &&
	       number_is(j, sk_jsonc_member(j, handler, "timeout"), tool->timeout) &&
	       (hook->matcher ? string_is(j, matcher, hook->matcher) : !matcher);
}

static bool all_wanted(const struct sk_agent_tool *tool, const struct sk_jsonc *j,
                       const char *command)
{
	const struct sk_agent_hook *hook = tool->hook;
	size_t at = 0, found = 0, n = 0;

	while ((at = next_ours(tool, j, at)))
		n++;
	for (; hook->event; hook++) {
		at = 0;
		while ((at = next_ours(tool, j, at)) && !as_wanted(tool, j, at, hook, command))
			continue;
		found += at != 0;
	}
	return found == n && found == (size_t)(hook - tool->hook);
}

/* Reads it; of an empty file, nothing is in `out`. */
static int parse(const char *text, size_t len, struct sk_jsonc *out)
{
	size_t hooks, groups;
	int rc = sk_jsonc_parse(text, len, false, out);

	if (rc)
		return rc;
	rc = event_groups(out, "", &hooks, &groups);
	if (rc)
		sk_jsonc_free(out);
	return rc;
}

static bool is_empty(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!memchr(" \t\r\n", text[i], 4))
			return false;
	return true;
}

int sk_agent_look(const struct sk_agent_tool *tool, const char *text, size_t len,
                  const char *command, enum sk_agent_state *out)
{
	struct sk_jsonc j;
	int rc;

	*out = SK_AGENT_ABSENT;
	if (is_empty(text, len))
		return 0;
	rc = parse(text, len, &j);
	if (rc)
		return rc;
	if (next_ours(tool, &j, 0))
		*out = all_wanted(tool, &j, command) ? SK_AGENT_PRESENT : SK_AGENT_OTHER;
	sk_jsonc_free(&j);
	return 0;
}

/* Replaces `text` by what one change makes of it. */
static int change(struct sk_buf *text, struct sk_buf *with)
{
	int rc = sk_buf_ok(with);

	if (rc) {
		sk_buf_free(with);
		return rc;
	}
	sk_buf_free(text);
	*text = *with;
	*with = (struct sk_buf)SK_BUF_INIT;
	return 0;
}

/* One step: "hooks", the event's list, or the group, whichever is missing first. */
static int add_step(const struct sk_agent_tool *tool, const struct sk_agent_hook *hook,
                    const char *command, struct sk_buf *text, bool *done)
{
	struct sk_buf next = SK_BUF_INIT;
	size_t hooks = 0, groups = 0;
	struct sk_jsonc j;
	char *value = NULL;
	json_t *group;
	int rc = sk_jsonc_parse(text->ptr, text->len, false, &j);

	if (rc)
		return rc;
	*done = false;
	rc = event_groups(&j, hook->event, &hooks, &groups);
	if (!rc && !hooks) {
		rc = sk_jsonc_insert(&j, 0, "hooks", "{}", &next);
	} else if (!rc && !groups) {
		rc = sk_jsonc_insert(&j, hooks, hook->event, "[]", &next);
	} else if (!rc) {
		group = sk_agent_group(tool, hook, command);
		value = group ? json_dumps(group, JSON_INDENT(2)) : NULL;
		json_decref(group);
		*done = true;
		rc = value ? sk_jsonc_insert(&j, groups, NULL, value, &next) : sk_error_oom();
	}
	free(value);
	sk_jsonc_free(&j);
	if (rc)
		sk_buf_free(&next);
	return rc ? rc : change(text, &next);
}

/* A change that is not seen afterwards: never again and again. */
static int cannot(void)
{
	return sk_error(SK_EUSAGE, "line 1: it is written in a way that cannot be merged with");
}

int sk_agent_add(const struct sk_agent_tool *tool, const char *text, size_t len,
                 const char *command, struct sk_buf *out)
{
	struct sk_buf work = SK_BUF_INIT;
	int rc;

	if (is_empty(text, len))
		rc = sk_buf_adds(&work, "{}\n");
	else
		rc = sk_agent_take_out(tool, text, len, NULL, &work);
	for (const struct sk_agent_hook *h = tool->hook; !rc && h->event; h++) {
		bool done = false;

		for (int i = 0; !rc && !done && i < 3; i++)
			rc = add_step(tool, h, command, &work, &done);
		if (!rc && !done)
			rc = cannot();
	}
	if (!rc)
		rc = sk_buf_add(out, work.ptr, work.len);
	sk_buf_free(&work);
	return rc;
}

/* Whether that container was there before, so that it may stay though it is empty.  `node` is
 * "hooks", or an event in it. */
static bool had(const struct sk_buf *before, const struct sk_jsonc *j, size_t node)
{
	size_t hooks = sk_jsonc_member(j, 0, "hooks"), there = 0;
	struct sk_buf name = SK_BUF_INIT;
	struct sk_jsonc old;

	if (!before || !before->len || sk_jsonc_parse(before->ptr, before->len, false, &old))
		return false;
	there = sk_jsonc_member(&old, 0, "hooks");
	if (there && node != hooks) {
		const struct sk_jsonc_node *n = &j->node[node];

		/* events have plain names: what was escaped is none of ours */
		if (sk_buf_add(&name, j->text + n->key + 1, n->key_end - n->key - 2) == 0)
			there = sk_jsonc_member(&old, there, name.ptr);
	}
	sk_buf_free(&name);
	sk_jsonc_free(&old);
	return there != 0;
}

/* The handler, or as much around it as holds nothing else. */
static size_t what_goes(const struct sk_jsonc *j, size_t handler, const struct sk_buf *before)
{
	size_t list = j->node[handler].parent, group = j->node[list].parent;
	size_t event = j->node[group].parent, hooks = j->node[event].parent;

	if (j->node[list].child != j->node[list].last)
		return handler;
	if (j->node[event].child != j->node[event].last || had(before, j, event))
		return group;
	if (j->node[hooks].child != j->node[hooks].last || had(before, j, hooks))
		return event;
	return hooks;
}

int sk_agent_take_out(const struct sk_agent_tool *tool, const char *text, size_t len,
                      const struct sk_buf *before, struct sk_buf *out)
{
	struct sk_buf work = SK_BUF_INIT, next = SK_BUF_INIT;
	size_t handler = 1;
	int rc = sk_buf_add(&work, text, len);

	while (!rc && handler && !is_empty(work.ptr, work.len)) {
		struct sk_jsonc j;

		rc = parse(work.ptr, work.len, &j);
		if (rc)
			break;
		handler = next_ours(tool, &j, 0);
		if (handler)
			rc = sk_jsonc_remove(&j, what_goes(&j, handler, before), &next);
		sk_jsonc_free(&j);
		if (!rc && handler && next.len >= work.len)
			rc = cannot();
		if (!rc && handler)
			rc = change(&work, &next);
	}
	if (!rc)
		rc = sk_buf_add(out, sk_buf_str(&work), work.len);
	sk_buf_free(&work);
	sk_buf_free(&next);
	return rc;
}

bool sk_agent_hooks_off(const struct sk_agent_tool *tool, const char *text, size_t len)
{
	bool gemini = strcmp(tool->name, "gemini") == 0, off = false;
	struct sk_jsonc j;
	size_t at;

	if (is_empty(text, len) || sk_jsonc_parse(text, len, false, &j))
		return false;
	at = sk_jsonc_member(&j, 0, gemini ? "hooksConfig" : "disableAllHooks");
	if (at && gemini)
		at = sk_jsonc_member(&j, at, "enabled");
	if (at)
		off = j.text[j.node[at].start] == (gemini ? 'f' : 't');
	sk_jsonc_free(&j);
	return off;
}
