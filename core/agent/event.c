#include "agent/event.h"

#include <string.h>

#include "agent/jsonc.h"

#define WORD_MAX 200
#define PATH_LEN_MAX 4096
#define TEXT_MAX 16384 /* of a command or a prompt: more is never shown */

static const struct {
	const char *name;
	enum sk_agent_moment moment;
} moments[] = {
	{ "UserPromptSubmit", SK_AGENT_PROMPT },
	{ "BeforeAgent", SK_AGENT_PROMPT },
	{ "PreToolUse", SK_AGENT_BEFORE },
	{ "BeforeTool", SK_AGENT_BEFORE },
	{ "PostToolUse", SK_AGENT_AFTER },
	{ "AfterTool", SK_AGENT_AFTER },
	{ "PostToolUseFailure", SK_AGENT_FAILED },
	{ "Stop", SK_AGENT_END },
	{ "SubagentStop", SK_AGENT_END },
	{ "AfterAgent", SK_AGENT_END },
	{ "SessionEnd", SK_AGENT_END },
};

static int take(const struct sk_jsonc *j, size_t object, const char *name, size_t max,
                struct sk_buf *out)
{
	size_t at = sk_jsonc_member(j, object, name);

	return at ? sk_jsonc_string(j, at, max, out) : 0;
}

static int find_moment(const struct sk_jsonc *j, enum sk_agent_moment *out)
{
	struct sk_buf name = SK_BUF_INIT;
	int rc = take(j, 0, "hook_event_name", WORD_MAX, &name);

	*out = SK_AGENT_NONE;
	for (size_t i = 0; !rc && i < sizeof moments / sizeof *moments; i++)
		if (strcmp(moments[i].name, sk_buf_str(&name)) == 0)
			*out = moments[i].moment;
	sk_buf_free(&name);
	return rc;
}

/* The files that a patch of Codex names: "*** Update File: src/a.c". */
static int files_of_patch(const char *patch, struct sk_agent_event *e)
{
	static const char *const heads[] = { "*** Update File: ", "*** Add File: ",
		                             "*** Delete File: " };
	int rc = 0;

	while (!rc && *patch) {
		size_t line = strcspn(patch, "\n");

		for (size_t i = 0; !rc && i < 3; i++) {
			size_t n = strlen(heads[i]);

			if (line <= n || strncmp(patch, heads[i], n) != 0)
				continue;
			if (!e->files++)
				rc = sk_buf_add(&e->file, patch + n, line - n);
		}
		patch += line + (patch[line] != '\0');
	}
	while (e->file.len && e->file.ptr[e->file.len - 1] == '\r')
		sk_buf_truncate(&e->file, e->file.len - 1);
	return rc;
}

/* A command as one string, or as a list of words, of which `bash -lc` is left out. */
static int take_command(const struct sk_jsonc *j, size_t at, struct sk_buf *out)
{
	struct sk_buf word = SK_BUF_INIT;
	int rc = 0;

	if (!sk_jsonc_is(j, at, SK_JSONC_ARRAY))
		return at ? sk_jsonc_string(j, at, TEXT_MAX, out) : 0;
	for (size_t i = j->node[at].child; !rc && i; i = j->node[i].next) {
		sk_buf_clear(&word);
		rc = sk_jsonc_string(j, i, TEXT_MAX, &word);
		if (strcmp(sk_buf_str(&word), "-lc") == 0 || strcmp(sk_buf_str(&word), "-c") == 0)
			sk_buf_clear(out);
		else if (!rc && out->len < TEXT_MAX)
			rc = sk_buf_addf(out, "%s%s", out->len ? " " : "", sk_buf_str(&word));
	}
	sk_buf_free(&word);
	return rc;
}

static int read_input(const struct sk_jsonc *j, struct sk_agent_event *e)
{
	static const char *const files[] = { "file_path", "notebook_path", "absolute_path", "path",
		                             "filename" };
	static const char *const commands[] = { "command", "cmd", "script" };
	size_t input = sk_jsonc_member(j, 0, "tool_input");
	int rc = 0;

	if (!input || !sk_jsonc_is(j, input, SK_JSONC_OBJECT))
		return 0;
	for (size_t i = 0; !rc && !e->file.len && i < sizeof files / sizeof *files; i++)
		rc = take(j, input, files[i], PATH_LEN_MAX, &e->file);
	e->files = e->file.len != 0;
	for (size_t i = 0; !rc && !e->command.len && i < sizeof commands / sizeof *commands; i++)
		rc = take_command(j, sk_jsonc_member(j, input, commands[i]), &e->command);
	if (!rc && !e->command.len)
		rc = take(j, input, "input", TEXT_MAX, &e->command);
	/* the text of a patch is no command */
	if (!rc && !e->files && strstr(sk_buf_str(&e->command), "*** Begin Patch")) {
		rc = files_of_patch(e->command.ptr, e);
		sk_buf_clear(&e->command);
		sk_buf_clear(&e->tool); /* a shell, when it was called that way */
		(void)sk_buf_adds(&e->tool, "apply_patch");
	}
	return rc;
}

int sk_agent_event_read(const char *text, size_t len, struct sk_agent_event *out)
{
	struct sk_agent_event e = { 0 };
	struct sk_jsonc j;
	int rc = sk_jsonc_parse(text, len, true, &j);

	if (rc)
		return rc;
	if (!sk_jsonc_is(&j, 0, SK_JSONC_OBJECT))
		rc = sk_error(SK_EUSAGE, "the event is no object");
	if (!rc)
		rc = find_moment(&j, &e.moment);
	if (!rc)
		rc = take(&j, 0, "session_id", WORD_MAX, &e.session);
	if (!rc)
		rc = take(&j, 0, "cwd", PATH_LEN_MAX, &e.cwd);
	if (!rc)
		rc = take(&j, 0, "tool_name", WORD_MAX, &e.tool);
	if (!rc)
		rc = take(&j, 0, "prompt", TEXT_MAX, &e.prompt);
	if (!rc)
		rc = read_input(&j, &e);
	sk_jsonc_free(&j);
	if (rc)
		sk_agent_event_clear(&e);
	else
		*out = e;
	return rc;
}

void sk_agent_event_clear(struct sk_agent_event *e)
{
	sk_buf_free(&e->session);
	sk_buf_free(&e->cwd);
	sk_buf_free(&e->tool);
	sk_buf_free(&e->file);
	sk_buf_free(&e->command);
	sk_buf_free(&e->prompt);
	*e = (struct sk_agent_event){ 0 };
}
