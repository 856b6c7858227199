#include "agent/tools.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

#define CLAUDE_TOOLS "^(Edit|Write|MultiEdit|NotebookEdit|Bash|mcp__.*)$"
#define CODEX_TOOLS "^(Bash|apply_patch|Edit|Write|mcp__.*)$"
#define GEMINI_TOOLS "^(write_file|replace|run_shell_command|mcp_.*)$"

static const struct sk_agent_hook claude_hooks[] = {
	{ "UserPromptSubmit", NULL },
	{ "PreToolUse", CLAUDE_TOOLS },
	{ "PostToolUse", CLAUDE_TOOLS },
	{ "PostToolUseFailure", CLAUDE_TOOLS },
	{ "Stop", NULL },
	{ NULL, NULL },
};

static const struct sk_agent_hook codex_hooks[] = {
	{ "UserPromptSubmit", NULL },
	{ "PreToolUse", CODEX_TOOLS },
	{ "PostToolUse", CODEX_TOOLS },
	{ "Stop", NULL },
	{ NULL, NULL },
};

static const struct sk_agent_hook gemini_hooks[] = {
	{ "BeforeAgent", NULL },
	{ "BeforeTool", GEMINI_TOOLS },
	{ "AfterTool", GEMINI_TOOLS },
	{ "AfterAgent", NULL },
	{ NULL, NULL },
};

const struct sk_agent_tool sk_agent_tools[] = {
	{ "claude", "Claude Code", ".claude", "CLAUDE_CONFIG_DIR", false, "settings.json",
	  "settings.local.json", 30, claude_hooks, NULL },
	{ "codex", "Codex CLI", ".codex", "CODEX_HOME", false, "hooks.json", NULL, 30, codex_hooks,
	  "Codex runs new hooks only after they were reviewed: start it, and type /hooks" },
	{ "gemini", "Gemini CLI", ".gemini", "GEMINI_CLI_HOME", true, "settings.json", NULL, 30000,
	  gemini_hooks, NULL },
	{ NULL, NULL, NULL, NULL, false, NULL, NULL, 0, NULL, NULL },
};

const struct sk_agent_tool *sk_agent_tool_find(const char *name)
{
	for (const struct sk_agent_tool *t = sk_agent_tools; t->name; t++)
		if (strcmp(t->name, name) == 0)
			return t;
	return NULL;
}

const char *sk_agent_scope_name(enum sk_agent_scope scope)
{
	static const char *const names[] = { "user", "project", "local" };

	return names[scope];
}

static int user_path(const struct sk_agent_tool *tool, struct sk_buf *out)
{
	const char *own = getenv(tool->home), *home = getenv("HOME");

	if (own && own[0] == '/' && !tool->beside)
		(void)sk_buf_addf(out, "%s/%s", own, tool->file);
	else if (own && own[0] == '/')
		(void)sk_buf_addf(out, "%s/%s/%s", own, tool->folder, tool->file);
	else if (home && home[0] == '/')
		(void)sk_buf_addf(out, "%s/%s/%s", home, tool->folder, tool->file);
	else
		return sk_error(SK_EIO, "cannot find the settings of %s: HOME is not set",
		                tool->title);
	return sk_buf_ok(out);
}

int sk_agent_path(const struct sk_agent_tool *tool, enum sk_agent_scope scope, const char *worktree,
                  struct sk_buf *out)
{
	const char *file = scope == SK_AGENT_LOCAL ? tool->local : tool->file;

	if (scope == SK_AGENT_USER)
		return user_path(tool, out);
	if (!file)
		return sk_error(SK_EUSAGE,
		                "%s has no settings in a project for one user alone; use --user",
		                tool->title);
	if (!worktree)
		return sk_error(SK_EREPO, "--%s is for a git working tree, and this is none",
		                sk_agent_scope_name(scope));
	(void)sk_buf_addf(out, "%s/%s/%s", worktree, tool->folder, file);
	return sk_buf_ok(out);
}

int sk_agent_command(const struct sk_agent_tool *tool, const char *program, struct sk_buf *out)
{
	(void)sk_buf_addf(out, "%s agent hook %s || true", program, tool->name);
	return sk_buf_ok(out);
}

bool sk_agent_is_ours(const struct sk_agent_tool *tool, const char *command)
{
	const char *at = strstr(command, " agent hook ");
	size_t n = strlen(tool->name);

	if (!at || strncmp(at + 12, tool->name, n) != 0 || (at[12 + n] && at[12 + n] != ' '))
		return false;
	/* "git sk", "/opt/bin/git-sk" or that in quotes */
	while (at > command && at[-1] == '\'')
		at--;
	return at - command >= 6 &&
	       (strncmp(at - 6, "git sk", 6) == 0 || strncmp(at - 6, "git-sk", 6) == 0);
}

json_t *sk_agent_group(const struct sk_agent_tool *tool, const struct sk_agent_hook *hook,
                       const char *command)
{
	json_t *one = json_pack("{s:s, s:s, s:i}", "type", "command", "command", command, "timeout",
	                        tool->timeout);

	if (one && strcmp(tool->name, "gemini") == 0 &&
	    json_object_set_new(one, "name", json_string("safekeep"))) {
		json_decref(one);
		return NULL;
	}
	if (!one)
		return NULL;
	if (!hook->matcher)
		return json_pack("{s:[o]}", "hooks", one);
	return json_pack("{s:s, s:[o]}", "matcher", hook->matcher, "hooks", one);
}
