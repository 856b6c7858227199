/* tools.h - the agents that are known: where their settings lie, which hooks they have, and what
 * is put there.
 *
 * Sources: the tools' own documents and schemas, read in Claude Code 2.1.197 (its hook schemas and
 * code.claude.com/docs/en/hooks), Codex CLI 0.169.0 (the JSON schemas in the program and
 * developers.openai.com/codex/hooks), Gemini CLI 0.61.0 (docs/hooks/reference.md of its package).
 * All three have the same shape:
 *
 *   {"hooks": {EVENT: [{"matcher": REGEX, "hooks": [{"type": "command", "command": LINE,
 *    "timeout": N}]}]}}
 *
 * and give a command one JSON object on its standard input.  An exit status of 2 stops the tool, so
 * the command line ends in "|| true": an older git-sk, or none at all, must not. */
#ifndef SK_AGENT_TOOLS_H
#define SK_AGENT_TOOLS_H

#include <stdbool.h>

#include <jansson.h>

#include "base/buf.h"

enum sk_agent_scope {
	SK_AGENT_USER,    /* for all that the user works at */
	SK_AGENT_PROJECT, /* in the project, for all who work at it */
	SK_AGENT_LOCAL,   /* in the project, for this user alone; not every tool has it */
	SK_AGENT_SCOPES
};

struct sk_agent_hook {
	const char *event;
	const char *matcher; /* of the tools' names; NULL: the event has none */
};

struct sk_agent_tool {
	const char *name;   /* "claude" */
	const char *title;  /* "Claude Code" */
	const char *folder; /* ".claude", in the project and in the home folder */
	const char *home;   /* environment variable for the user's own folder, or NULL */
	bool beside;        /* that variable names the folder which `folder` lies in */
	const char *file;   /* "settings.json" */
	const char *local;  /* "settings.local.json", or NULL */
	int timeout;        /* as the tool counts: seconds or milliseconds */
	const struct sk_agent_hook *hook; /* ends with event == NULL */
	const char *after;                /* what remains to be done by the user; NULL: nothing */
};

extern const struct sk_agent_tool sk_agent_tools[]; /* ends with name == NULL */
const struct sk_agent_tool *sk_agent_tool_find(const char *name);
const char *sk_agent_scope_name(enum sk_agent_scope scope);

/* The settings file.  `worktree` is for the project's; may be NULL for the user's.  SK_EUSAGE: the
 * tool has no such scope. */
int sk_agent_path(const struct sk_agent_tool *tool, enum sk_agent_scope scope, const char *worktree,
                  struct sk_buf *out);

/* The command line of the hook: `program` is "git sk", or a path. */
int sk_agent_command(const struct sk_agent_tool *tool, const char *program, struct sk_buf *out);
/* Whether a command line in some settings is one of ours. */
bool sk_agent_is_ours(const struct sk_agent_tool *tool, const char *command);
/* One group for an event, as the settings have it.  A new reference; NULL: out of memory. */
json_t *sk_agent_group(const struct sk_agent_tool *tool, const struct sk_agent_hook *hook,
                       const char *command);

#endif
