#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/hook.h"
#include "agent/sessions.h"
#include "agent/settings.h"
#include "base/error.h"
#include "base/io.h"
#include "base/json.h"
#include "base/proc.h"
#include "base/text.h"
#include "command/command.h"
#include "command/open.h"
#include "command/print.h"
#include "command/report.h"

#define SESSIONS_SHOWN 10

/* "git sk", or this very program where git does not find it. */
static int program(struct sk_buf *out)
{
	const char *const argv[] = { "git", "sk", "--version", NULL };
	struct sk_buf text = SK_BUF_INIT;
	const struct sk_proc proc = { .argv = argv, .output = &text, .errors = &text };
	char exe[PATH_MAX];
	int status = 0, rc = sk_proc_run(&proc, &status);
	ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);

	sk_buf_free(&text);
	sk_error_clear();
	if ((!rc && status == 0) || n <= 0)
		return sk_buf_adds(out, "git sk");
	exe[n] = '\0';
	return sk_add_word(out, exe);
}

/* The hook's command line for the tool. */
static int command_line(const struct sk_agent_tool *tool, struct sk_buf *out)
{
	struct sk_buf name = SK_BUF_INIT;
	int rc = program(&name);

	if (!rc)
		rc = sk_agent_command(tool, name.ptr, out);
	sk_buf_free(&name);
	return rc;
}

static int which_scope(const struct sk_call *call, enum sk_agent_scope *scope, bool *given)
{
	int n = 0;

	*scope = SK_AGENT_USER;
	for (int i = 0; i < SK_AGENT_SCOPES; i++)
		if (sk_call_has(call, sk_agent_scope_name((enum sk_agent_scope)i))) {
			*scope = (enum sk_agent_scope)i;
			n++;
		}
	*given = n > 0;
	return n > 1 ? sk_error(SK_EUSAGE, "give one of --user, --project and --local") : 0;
}

static int which_tool(const struct sk_call *call, const struct sk_agent_tool **out)
{
	*out = call->n_arg > 1 ? sk_agent_tool_find(call->arg[1]) : NULL;
	if (*out)
		return 0;
	return sk_error(SK_EUSAGE, "name the agent: git sk agent %s %s", call->arg[0],
	                strcmp(call->arg[0], "install") == 0 ? "claude, codex, gemini or generic"
	                                                     : "claude, codex or gemini");
}

/* The working tree that we stand in; NULL: none. */
static void open_quietly(struct sk_call *call)
{
	if (sk_open_repo(SK_NEEDS_REPO, &call->repo))
		sk_error_clear();
}

static const char *worktree(const struct sk_call *call)
{
	return call->repo ? call->repo->worktree : NULL;
}

static void out_name(const char *before, const char *path, const char *after)
{
	struct sk_buf name = SK_BUF_INIT;

	(void)sk_add_name(&name, path, strlen(path));
	sk_outf("%s%s%s", before, sk_buf_str(&name), after);
	sk_buf_free(&name);
}

static json_t *change_json(const struct sk_agent_file *f, const char *what)
{
	json_t *o = sk_json_add(json_object(), "agent", json_string(f->tool->name));

	o = sk_json_add(o, "scope", json_string(sk_agent_scope_name(f->scope)));
	o = sk_json_add(o, "path", sk_json_text(f->path));
	return sk_json_add(o, "result", json_string(what));
}

static void remark_install(const struct sk_call *call, const struct sk_agent_file *f)
{
	struct sk_buf kept = SK_BUF_INIT;

	sk_out_flush();
	if (sk_agent_kept(f, &kept) == 0 && kept.len && f->state != SK_AGENT_PRESENT)
		sk_note("the file as it was: %s", kept.ptr);
	sk_buf_free(&kept);
	if (strcmp(f->path, f->real) != 0)
		sk_note("%s is a link; what it leads to was changed", sk_name(f->path));
	if (f->off)
		sk_warn("%s turns all hooks off: none will run", sk_name(f->path));
	if (f->tool->after && f->state != SK_AGENT_PRESENT)
		sk_note("%s", f->tool->after);
	if (!call->repo || !call->repo->enabled)
		sk_note("steps are saved in repositories where 'git sk init' was run%s",
		        call->repo ? "; this is not one yet" : "");
	else if (f->state != SK_AGENT_PRESENT)
		sk_note("an agent that is running now has to be started anew; then: git sk list, "
		        "git sk undo, git sk rollback --prompt N");
}

static const char generic[] =
        "For an agent that can run a command before and after its tools, let it run\n"
        "\n"
        "    git sk agent hook NAME || true\n"
        "\n"
        "where NAME is what its steps shall be called, with one JSON object on standard input:\n"
        "\n"
        "    {\"hook_event_name\": \"PreToolUse\",   UserPromptSubmit when the user has spoken,\n"
        "                                         PreToolUse and PostToolUse around a tool,\n"
        "                                         PostToolUseFailure, Stop at the end of a turn\n"
        "     \"session_id\": \"ID\",               whatever names the conversation\n"
        "     \"cwd\": \"/path\",                   where the agent is at work\n"
        "     \"prompt\": \"TEXT\",                 what the user said\n"
        "     \"tool_name\": \"Bash\",\n"
        "     \"tool_input\": {\"command\": \"make\", \"file_path\": \"/path/src/a.c\"}}\n"
        "\n"
        "Every field but the first may be left out. It prints nothing, ends with 0 whatever\n"
        "happens, and saves only in repositories where 'git sk init' was run.\n"
        "\n"
        "For an agent without hooks, run all of it as one step that 'git sk undo' takes back:\n"
        "\n"
        "    git sk run -- AGENT ARGS...\n"
        "\n"
        "Meanwhile the service saves what changes, half a second after it did.\n";

static int install(struct sk_call *call)
{
	const struct sk_agent_tool *tool = NULL;
	struct sk_buf command = SK_BUF_INIT;
	struct sk_agent_file file = { 0 };
	enum sk_agent_scope scope;
	bool given, had;
	int rc;

	if (call->n_arg == 2 && strcmp(call->arg[1], "generic") == 0) {
		sk_out(generic, sizeof generic - 1);
		return 0;
	}
	rc = which_tool(call, &tool);
	if (!rc)
		rc = which_scope(call, &scope, &given);
	if (!rc)
		rc = command_line(tool, &command);
	if (!rc)
		rc = sk_agent_open(tool, scope, worktree(call), command.ptr, &file);
	if (!rc)
		rc = sk_agent_install(&file, command.ptr);
	if (!rc) {
		had = file.state == SK_AGENT_PRESENT;
		if (call->json) {
			rc = sk_out_json(change_json(&file, had ? "present" : "installed"));
		} else {
			sk_outf("%s: ", tool->title);
			out_name(had ? "already in " : "hooks put into ", file.path, "\n");
		}
		remark_install(call, &file);
	}
	sk_agent_close(&file);
	sk_buf_free(&command);
	return rc;
}

/* From one settings file. */
static int remove_from(struct sk_call *call, const struct sk_agent_tool *tool,
                       enum sk_agent_scope scope, json_t *all, size_t *count)
{
	static const char *const how_words[] = { "absent", "as it was", "removed" };
	enum sk_agent_removed how = SK_AGENT_NOTHING;
	struct sk_agent_file file = { 0 };
	int rc = sk_agent_open(tool, scope, worktree(call), "", &file);

	if (!rc)
		rc = sk_agent_remove(&file, &how);
	if (!rc && how != SK_AGENT_NOTHING) {
		++*count;
		if (call->json && json_array_append_new(all, change_json(&file, how_words[how])))
			rc = sk_error_oom();
		if (!call->json) {
			sk_outf("%s: ", tool->title);
			out_name(how == SK_AGENT_OURS_ONLY
			                 ? "hooks taken out, all else left as it is: "
			         : sk_exists(file.path) ? "every byte as before: "
			                                : "as before, there is no more: ",
			         file.path, "\n");
		}
	}
	sk_agent_close(&file);
	return rc;
}

static int take_out(struct sk_call *call)
{
	const struct sk_agent_tool *tool = NULL;
	json_t *all = json_array();
	enum sk_agent_scope scope;
	size_t count = 0;
	bool given;
	int rc = which_tool(call, &tool);

	if (!rc)
		rc = which_scope(call, &scope, &given);
	for (int i = 0; !rc && i < SK_AGENT_SCOPES; i++) {
		if (given ? i != (int)scope
		          : i != SK_AGENT_USER &&
		                    (!call->repo || (i == SK_AGENT_LOCAL && !tool->local)))
			continue;
		rc = remove_from(call, tool, (enum sk_agent_scope)i, all, &count);
	}
	if (!rc && call->json)
		rc = sk_out_json(sk_json_add(json_object(), "removed", json_incref(all)));
	else if (!rc && !count)
		sk_outf("%s: there was nothing to take out\n", tool->title);
	json_decref(all);
	return rc;
}

/* list */

static const char *state_word(const struct sk_agent_file *f)
{
	if (f->state == SK_AGENT_PRESENT)
		return f->off ? "turned off" : "installed";
	return f->state == SK_AGENT_OTHER ? "out of date" : "not installed";
}

/* One settings file of one tool; it is listed when it has hooks of ours, or is the user's. */
static int list_one(struct sk_call *call, const struct sk_agent_tool *tool,
                    enum sk_agent_scope scope, json_t *all)
{
	struct sk_buf command = SK_BUF_INIT;
	struct sk_agent_file f = { 0 };
	int rc = command_line(tool, &command);

	if (!rc && sk_agent_open(tool, scope, worktree(call), command.ptr, &f)) {
		sk_warn("%s", sk_error_message());
		sk_error_clear();
		goto out;
	}
	if (rc || (f.state == SK_AGENT_ABSENT && scope != SK_AGENT_USER))
		goto out;
	if (call->json) {
		if (json_array_append_new(all, change_json(&f, state_word(&f))))
			rc = sk_error_oom();
	} else {
		sk_outf("%-8s %-14s", tool->name, state_word(&f));
		out_name("", f.path, "\n");
	}
out:
	sk_agent_close(&f);
	sk_buf_free(&command);
	return rc;
}

/* In the project's own settings, not the user's. */
static void remind(const struct sk_call *call, const struct sk_agent_tool *tool,
                   enum sk_agent_scope scope)
{
	struct sk_agent_file f = { 0 };

	if (sk_agent_open(tool, scope, worktree(call), "", &f)) {
		sk_error_clear();
		return;
	}
	if (f.state != SK_AGENT_ABSENT)
		sk_note("hooks for %s stay in '%s' and do nothing; 'git sk agent remove %s --%s' "
		        "takes them out",
		        tool->title, sk_name(f.path), tool->name, sk_agent_scope_name(scope));
	sk_agent_close(&f);
}

void sk_agent_remind(const struct sk_call *call)
{
	for (const struct sk_agent_tool *t = sk_agent_tools; t->name; t++) {
		remind(call, t, SK_AGENT_PROJECT);
		if (t->local)
			remind(call, t, SK_AGENT_LOCAL);
	}
}

static void print_session(const struct sk_agent_session *s)
{
	const struct sk_entry *e = s->newest;
	struct sk_buf line = SK_BUF_INIT;
	const char *agent = sk_entry_get(e, "Sk-Agent"), *id = sk_entry_get(e, "Sk-Session");

	(void)sk_add_text(&line, agent ? agent : "", agent ? strlen(agent) : 0);
	while (line.len < 8 && !line.oom)
		(void)sk_buf_addc(&line, ' ');
	(void)sk_buf_addc(&line, ' ');
	(void)sk_add_text(&line, id, strlen(id));
	(void)sk_buf_addf(&line, "  %lu prompts, %zu steps, ", s->prompts, s->steps);
	(void)sk_add_age(&line, e->created, sk_now());
	if (s->said) {
		(void)sk_buf_adds(&line, "  ");
		(void)sk_add_text(&line, s->said->title, strlen(s->said->title));
	}
	sk_outf("%s\n", sk_buf_str(&line));
	sk_buf_free(&line);
}

static json_t *session_json(const struct sk_agent_session *s)
{
	const struct sk_entry *e = s->newest;
	json_t *o = sk_json_add(json_object(), "agent", sk_json_text(sk_entry_get(e, "Sk-Agent")));

	o = sk_json_add(o, "session", sk_json_text(sk_entry_get(e, "Sk-Session")));
	o = sk_json_add(o, "prompts", json_integer((json_int_t)s->prompts));
	o = sk_json_add(o, "steps", json_integer((json_int_t)s->steps));
	o = sk_json_add(o, "newest", sk_json_text(e->id));
	o = sk_json_add(o, "created", sk_json_time(e->created));
	return sk_json_add(o, "said", sk_json_text(s->said ? s->said->title : NULL));
}

static int list_sessions(struct sk_call *call, json_t *all)
{
	struct sk_agent_session *list = NULL;
	struct sk_entries entries = { 0 };
	size_t n = 0;
	int rc = sk_entry_list(call->repo, SK_BACKUP, call->repo->worktree_id, &entries);

	if (!rc)
		rc = sk_agent_sessions(&entries, &list, &n);
	if (!rc && n && !call->json)
		sk_outf("\nsessions in this working tree:\n");
	for (size_t i = 0; !rc && i < n && (call->json || i < SESSIONS_SHOWN); i++)
		if (!call->json)
			print_session(&list[i]);
		else if (json_array_append_new(all, session_json(&list[i])))
			rc = sk_error_oom();
	if (!rc && n > SESSIONS_SHOWN && !call->json)
		sk_outf("and %zu more\n", n - SESSIONS_SHOWN);
	free(list);
	sk_entries_free(&entries);
	return rc;
}

static int list(struct sk_call *call)
{
	json_t *tools = json_array(), *sessions = json_array();
	int rc = 0;

	for (const struct sk_agent_tool *t = sk_agent_tools; !rc && t->name; t++)
		for (int i = 0; !rc && i < SK_AGENT_SCOPES; i++)
			if (i == SK_AGENT_USER || (call->repo && (i != SK_AGENT_LOCAL || t->local)))
				rc = list_one(call, t, (enum sk_agent_scope)i, tools);
	if (!rc && call->repo)
		rc = list_sessions(call, sessions);
	if (!rc && call->json)
		rc = sk_out_json(
		        sk_json_add(sk_json_add(json_object(), "agents", json_incref(tools)),
		                    "sessions", json_incref(sessions)));
	json_decref(tools);
	json_decref(sessions);
	return rc;
}

int sk_cmd_agent(struct sk_call *call)
{
	const char *what = call->n_arg ? call->arg[0] : "list";

	if (strcmp(what, "hook") == 0) { /* what the settings hold; never fails */
		if (isatty(0))
			return sk_error(SK_EUSAGE, "this is run by an agent, which tells it what "
			                           "it does on standard input");
		return sk_agent_hook(call->n_arg > 1 ? call->arg[1] : "agent");
	}
	open_quietly(call);
	if (strcmp(what, "install") == 0)
		return install(call);
	if (strcmp(what, "remove") == 0)
		return take_out(call);
	if (strcmp(what, "list") == 0 || strcmp(what, "status") == 0)
		return list(call);
	return sk_error(SK_EUSAGE, "agent takes install, remove or list, not %s", sk_name(what));
}
