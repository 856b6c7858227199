/* Finding the tools' logs: which, whose, and what a second search costs; databases. */
#include "chat_scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

static char top[256]; /* scratch folder */

static void make(const char *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A file below the scratch folder, with the folders above it. */
static void make(const char *text, const char *format, ...)
{
	char path[1024];
	va_list args;
	FILE *f;

	va_start(args, format);
	vsnprintf(path, sizeof(path), format, args);
	va_end(args);
	for (char *s = path + strlen(top) + 1; (s = strchr(s, '/')); *s++ = '/') {
		*s = 0;
		assert_true(mkdir(path, 0700) == 0 || errno == EEXIST);
	}
	f = fopen(path, "w");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static int open_top(void **state)
{
	const char *tmp = getenv("TMPDIR");
	char path[256], *real;

	(void)state;
	snprintf(path, sizeof(path), "%s/sk-unit.XXXXXX", tmp ? tmp : "/tmp");
	if (!mkdtemp(path))
		return -1;
	real = realpath(path, NULL);
	if (!real || strlen(real) >= sizeof(top))
		return -1;
	memcpy(top, real, strlen(real) + 1);
	free(real);
	return chdir(top);
}

static int close_top(void **state)
{
	char command[300];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf '%s'", top);
	return chdir("/") || system(command);
}

/* --- belonging --- */

static void test_belongs(void **state)
{
	char main[300], linked[300], gone[300], common[300], path[600];
	const char *worktrees[] = { main, linked, gone };
	struct chat_repo repo = { common, worktrees, 3 };

	(void)state;
	snprintf(main, sizeof(main), "%s/app", top);
	snprintf(linked, sizeof(linked), "%s/app-fix", top);
	snprintf(gone, sizeof(gone), "%s/app-gone", top);
	snprintf(common, sizeof(common), "%s/app/.git", top);
	make("x", "%s/app/.git/worktrees/fix/HEAD", top);
	make("x", "%s/app/.git/modules/sub/HEAD", top);
	make("x", "%s/app/src/a.c", top);
	make("gitdir: ../../.git/modules/sub\n", "%s/app/lib/sub/.git", top);
	make("x", "%s/app/lib/sub/in/a", top);
	make("x", "%s/app/other/.git/HEAD", top);
	make("x", "%s/app/other/deep/a", top);
	make("x", "%s/application/a", top);
	snprintf(path, sizeof(path), "gitdir: %s/.git/worktrees/fix\n", main);
	make(path, "%s/app-fix/.git", top);
	make(path, "%s/app/.claude/worktrees/x/.git", top);
	assert_int_equal(symlink("app/src", "link"), 0);
	assert_int_equal(symlink("..", "app/up"), 0);

#define BELONGS(format, want)                                                                      \
	do {                                                                                       \
		int n_ = snprintf(path, sizeof(path), format, top);                                \
		if (chat_belongs(&repo, path, (size_t)n_) != (want))                               \
			fail_msg("%s", path);                                                      \
	} while (0)
	BELONGS("%s/app", CHAT_OURS);
	BELONGS("%s/app/", CHAT_OURS);
	BELONGS("%s/app/src", CHAT_OURS);
	BELONGS("%s/app/src/gone/too", CHAT_OURS);
	BELONGS("%s/app-fix/src", CHAT_OURS);
	BELONGS("%s/app-gone/src", CHAT_OURS);
	BELONGS("%s/app/lib/sub/in", CHAT_OURS); /* a submodule */
	BELONGS("%s/app/.claude/worktrees/x/src", CHAT_OURS);
	BELONGS("%s/link", CHAT_OURS);
	BELONGS("%s/application", CHAT_OTHERS);    /* no component of ours */
	BELONGS("%s/app/other/deep", CHAT_OTHERS); /* a clone within ours */
	BELONGS("%s", CHAT_OTHERS);
	BELONGS("%s/app/../application", CHAT_OTHERS);
	BELONGS("%s/app/up/application", CHAT_OURS); /* as it is written, it is below */
	assert_int_equal(chat_belongs(&repo, "app/src", 7), CHAT_UNSURE);
	assert_int_equal(chat_belongs(&repo, "", 0), CHAT_UNSURE);
	assert_int_equal(chat_belongs(&repo, "/", 1), CHAT_OTHERS);
	assert_int_equal(chat_belongs(&repo, "/nowhere/at/all", 15), CHAT_OTHERS);
}

/* --- finding --- */

struct search {
	struct chat_buf found, remarks;
	int known; /* claim that all is known and unchanged */
	int opened;
	uint64_t size;
	int64_t mtime;
	char scope[600];
	int rc;
};

static void known(void *arg, struct chat_source *source)
{
	struct search *s = arg;

	if (s->known) {
		source->unchanged = 1;
		source->belongs = CHAT_OURS;
	}
}

static int found(void *arg, const struct chat_source *source)
{
	static const char *const whose[] = { "?", "ours", "others" };
	struct search *s = arg;

	chat_buf_addf(&s->found, "%s %d %s %s session=%s parent=%s\n", chat_tool_name(source->tool),
	              source->kind, whose[source->belongs], source->path + strlen(top) + 1,
	              source->session, source->parent);
	s->size = source->size;
	s->mtime = source->mtime_ns;
	snprintf(s->scope, sizeof(s->scope), "%s", source->scope);
	return s->rc;
}

static void on_remark(void *arg, enum chat_tool tool, int missing, const char *path,
                      const char *text)
{
	struct search *s = arg;

	chat_buf_addf(&s->remarks, "%s %d %s %s\n", chat_tool_name(tool), missing,
	              strncmp(path, top, strlen(top)) == 0 ? path + strlen(top) + 1 : path, text);
}

static int discover(struct search *s, uint32_t tools, const struct chat_named *named, size_t n)
{
	char home[300], main[300], common[300];
	const char *worktrees[] = { main };
	struct chat_homes homes = { .home = home };
	struct chat_repo repo = { common, worktrees, 1 };
	struct chat_discover what = { .homes = &homes,
		                      .repo = &repo,
		                      .named = named,
		                      .n_named = n,
		                      .tools = tools,
		                      .arg = s,
		                      .known = known,
		                      .found = found,
		                      .remark = on_remark };

	snprintf(home, sizeof(home), "%s/home", top);
	snprintf(main, sizeof(main), "%s/app", top);
	snprintf(common, sizeof(common), "%s/app/.git", top);
	chat_buf_clear(&s->found);
	chat_buf_clear(&s->remarks);
	return chat_discover(&what, NULL);
}

static void search_free(struct search *s)
{
	chat_buf_free(&s->found);
	chat_buf_free(&s->remarks);
}

/* As Claude Code names the folder of a path. */
static const char *mangled(const char *format)
{
	static char out[600];

	snprintf(out, sizeof(out), format, top);
	for (char *s = out; *s; s++)
		if (!((*s >= '0' && *s <= '9') || (*s >= 'a' && *s <= 'z') ||
		      (*s >= 'A' && *s <= 'Z')))
			*s = '-';
	return out;
}

static void claude_log(const char *project, const char *name, const char *cwd)
{
	char line[1024];

	snprintf(line, sizeof(line),
	         "{\"type\":\"summary\",\"summary\":\"x\"}\n{\"type\":\"user\",\"cwd\":\"%s%s\","
	         "\"message\":{\"content\":\"hi\"}}\n",
	         top, cwd);
	make(line, "%s/home/.claude/projects/%s/%s", top, project, name);
}

static void test_claude(void **state)
{
	static const char id[] = "11111111-2222-4333-8444-555555555555";
	struct search s = { 0 };
	char project[600], sub[600], like[600], name[100];

	(void)state;
	make("x", "%s/app/.git/HEAD", top);
	snprintf(project, sizeof(project), "%s", mangled("%s/app"));
	snprintf(sub, sizeof(sub), "%s", mangled("%s/app/src"));
	snprintf(like, sizeof(like), "%s", mangled("%s/app-two"));
	snprintf(name, sizeof(name), "%s.jsonl", id);
	claude_log(project, name, "/app");
	claude_log(project, "b.jsonl", "/app.x"); /* its folder has the same name */
	make("{\"type\":\"summary\",\"summary\":\"x\"}\n", "%s/home/.claude/projects/%s/c.jsonl",
	     top, project);
	make("half", "%s/home/.claude/projects/%s/d.jsonl", top, project);
	make("x", "%s/home/.claude/projects/%s/memory/e.jsonl", top, project);
	snprintf(name, sizeof(name), "%s/subagents/agent-ab12.jsonl", id);
	claude_log(project, name, "/app/src");
	claude_log(sub, "f.jsonl", "/app/src");
	claude_log(like, "g.jsonl", "/app-two");
	claude_log("-somewhere-else", "h.jsonl", "/app");

	assert_int_equal(discover(&s, 1u << CHAT_CLAUDE, NULL, 0), 0);
	{
		struct chat_buf want = { 0 };
		const char *p = "home/.claude/projects";

		chat_buf_addf(&want,
		              "claude 1 ours %s/%s/%s/subagents/agent-ab12.jsonl session=ab12 "
		              "parent=%s\n",
		              p, project, id, id);
		chat_buf_addf(&want, "claude 1 ours %s/%s/%s.jsonl session=%s parent=\n", p,
		              project, id, id);
		chat_buf_addf(&want, "claude 1 others %s/%s/b.jsonl session=b parent=\n", p,
		              project);
		chat_buf_addf(&want, "claude 1 ? %s/%s/c.jsonl session=c parent=\n", p, project);
		chat_buf_addf(&want, "claude 1 ? %s/%s/d.jsonl session=d parent=\n", p, project);
		chat_buf_addf(&want, "claude 1 ours %s/%s/f.jsonl session=f parent=\n", p, sub);
		chat_buf_addf(&want, "claude 1 others %s/%s/g.jsonl session=g parent=\n", p, like);
		/* -app-src may stand before or after -app-two, not before -app */
		assert_string_equal(chat_buf_str(&s.found), want.s);
		chat_buf_free(&want);
	}
	assert_string_equal(chat_buf_str(&s.remarks), "");

	/* a callback's own code ends it */
	s.rc = 77;
	assert_int_equal(discover(&s, 1u << CHAT_CLAUDE, NULL, 0), 77);
	s.rc = 0;
	/* what is unchanged is not opened: it may even be unreadable */
	if (geteuid() != 0)
		assert_int_equal(chmod("home/.claude/projects", 0700), 0);
	s.known = 1;
	{
		char path[1200];

		snprintf(path, sizeof(path), "home/.claude/projects/%s/b.jsonl", project);
		assert_int_equal(chmod(path, 0), 0);
	}
	assert_int_equal(discover(&s, 1u << CHAT_CLAUDE, NULL, 0), 0);
	assert_non_null(strstr(s.found.s, "ours home/.claude/projects"));
	assert_null(strstr(s.found.s, "others"));
	search_free(&s);
}

static void test_links(void **state)
{
	struct search s = { 0 };
	struct chat_source source;
	struct chat_error err;
	char project[700], path[1024];
	int fd;

	(void)state;
	make("x", "%s/app/.git/HEAD", top);
	snprintf(project, sizeof(project), "home/.claude/projects/%s", mangled("%s/app"));
	claude_log(mangled("%s/app"), "a.jsonl", "/app");
	snprintf(path, sizeof(path), "%s/link.jsonl", project);
	assert_int_equal(symlink("a.jsonl", path), 0);
	snprintf(path, sizeof(path), "%s/fifo.jsonl", project);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(discover(&s, 1u << CHAT_CLAUDE, NULL, 0), 0);
	assert_null(strstr(s.found.s, "link.jsonl"));
	assert_null(strstr(s.found.s, "fifo.jsonl"));
	assert_non_null(strstr(s.remarks.s, "fifo.jsonl left out: it is no regular file\n"));
	assert_non_null(strstr(s.remarks.s, "link.jsonl left out: it is no regular file\n"));
	/* swapped after it was found */
	snprintf(path, sizeof(path), "%s/%s/link.jsonl", top, project);
	source = reading_source(CHAT_CLAUDE, CHAT_LINES, path);
	assert_int_equal(chat_open(&source, &fd, &err), SKP_EREFUSED);
	snprintf(path, sizeof(path), "%s/%s/fifo.jsonl", top, project);
	assert_int_equal(chat_open(&source, &fd, &err), SKP_EREFUSED);
	snprintf(path, sizeof(path), "%s/%s/none.jsonl", top, project);
	assert_int_equal(chat_open(&source, &fd, &err), SKP_ENO);
	if (geteuid() == 0) { /* root may read those of others; nobody else can make one here */
		snprintf(path, sizeof(path), "%s/%s/a.jsonl", top, project);
		assert_int_equal(chat_open(&source, &fd, &err), 0);
		close(fd);
	}
	search_free(&s);
}

static void test_missing(void **state)
{
	struct search s = { 0 };

	(void)state;
	make("x", "%s/app/.git/HEAD", top);
	assert_int_equal(discover(&s, 0, NULL, 0), 0);
	assert_string_equal(chat_buf_str(&s.found), "");
	assert_string_equal(chat_buf_str(&s.remarks),
	                    "claude 1 home/.claude/projects there is no such folder\n"
	                    "codex 1 home/.codex/sessions there is no such folder\n"
	                    "gemini 1 home/.gemini/tmp there is no such folder\n"
	                    "cursor 1 home/.config/Cursor/User there is no such folder\n"
	                    "copilot 1 home/.config/Code/User there is no such folder\n"
	                    "opencode 1 home/.local/share/opencode there is no such folder\n");
	search_free(&s);
}

static void test_codex(void **state)
{
	struct search s = { 0 };
	char line[600];

	(void)state;
	make("x", "%s/app/.git/HEAD", top);
	snprintf(
	        line, sizeof(line),
	        "{\"timestamp\":\"2026-08-10T20:05:50.000Z\",\"type\":\"session_meta\",\"payload\":"
	        "{\"id\":\"U\",\"cwd\":\"%s/app/src\"}}\n",
	        top);
	make(line,
	     "%s/home/.codex/sessions/2026/08/10/"
	     "rollout-2026-08-10T20-05-50-0198a000-1111-7222-8333-444444444444.jsonl",
	     top);
	make("{\"type\":\"session_meta\",\"payload\":{\"id\":\"V\",\"cwd\":\"/elsewhere\"}}\n",
	     "%s/home/.codex/sessions/2026/08/11/rollout-x.jsonl", top);
	make(line, "%s/home/.codex/archived_sessions/rollout-y.jsonl", top);
	make(line, "%s/home/.codex/sessions/2026/08/11/notes.txt", top);
	assert_int_equal(discover(&s, 1u << CHAT_CODEX, NULL, 0), 0);
	assert_string_equal(
	        chat_buf_str(&s.found),
	        "codex 1 ours home/.codex/sessions/2026/08/10/"
	        "rollout-2026-08-10T20-05-50-0198a000-1111-7222-8333-444444444444.jsonl "
	        "session=0198a000-1111-7222-8333-444444444444 parent=\n"
	        "codex 1 others home/.codex/sessions/2026/08/11/rollout-x.jsonl session= "
	        "parent=\n"
	        "codex 1 ours home/.codex/archived_sessions/rollout-y.jsonl session= "
	        "parent=\n");
	search_free(&s);
}

static void test_gemini(void **state)
{
	struct search s = { 0 };
	char root[300];

	(void)state;
	make("x", "%s/app/.git/HEAD", top);
	snprintf(root, sizeof(root), "%s/app\n", top);
	make(root, "%s/home/.gemini/tmp/app/.project_root", top);
	make("{}\n", "%s/home/.gemini/tmp/app/chats/session-1.jsonl", top);
	make("{}", "%s/home/.gemini/tmp/app/chats/session-0.json", top);
	make("{}\n", "%s/home/.gemini/tmp/app/chats/PARENT/agent.jsonl", top);
	make("/elsewhere", "%s/home/.gemini/tmp/other/.project_root", top);
	make("{}\n", "%s/home/.gemini/tmp/other/chats/session-2.jsonl", top);
	make("{}\n", "%s/home/.gemini/tmp/nothing/chats/session-3.jsonl", top);
	assert_int_equal(discover(&s, 1u << CHAT_GEMINI, NULL, 0), 0);
	assert_string_equal(
	        chat_buf_str(&s.found),
	        "gemini 1 ours home/.gemini/tmp/app/chats/PARENT/agent.jsonl session=agent "
	        "parent=PARENT\n"
	        "gemini 2 ours home/.gemini/tmp/app/chats/session-0.json session=session-0 "
	        "parent=\n"
	        "gemini 1 ours home/.gemini/tmp/app/chats/session-1.jsonl session=session-1 "
	        "parent=\n");
	root[strlen(root) - 1] = 0;
	assert_string_equal(s.scope + 4, root);
	search_free(&s);
}

static void test_in_worktree(void **state)
{
	struct search s = { 0 };

	(void)state;
	make("#### hi\n", "%s/app/.aider.chat.history.md", top);
	make("_**User**_\n", "%s/app/.specstory/history/2026-05-01_10-00-00Z-fix.md", top);
	make("x", "%s/app/.specstory/history/notes.txt", top);
	assert_int_equal(discover(&s, 1u << CHAT_AIDER | 1u << CHAT_SPECSTORY, NULL, 0), 0);
	assert_string_equal(chat_buf_str(&s.found),
	                    "aider 1 ours app/.aider.chat.history.md session= parent=\n"
	                    "specstory 2 ours app/.specstory/history/2026-05-01_10-00-00Z-fix.md "
	                    "session=2026-05-01_10-00-00Z-fix parent=\n");
	search_free(&s);
}

static void test_named(void **state)
{
	char a[300], b[300], c[300], d[300];
	struct chat_named named[] = { { 0, a }, { 0, b }, { 0, c }, { CHAT_CODEX, d } };
	struct search s = { 0 };

	(void)state;
	snprintf(a, sizeof(a), "%s/export/conversations.json", top);
	snprintf(b, sizeof(b), "%s/chat.log", top);
	snprintf(c, sizeof(c), "%s/gone.log", top);
	snprintf(d, sizeof(d), "%s/linked.jsonl", top);
	make("[{\"title\":\"x\",\"create_time\":1.5,\"mapping\":{}}]", "%s", a);
	make("User: hi\n", "%s", b);
	assert_int_equal(symlink("chat.log", d), 0); /* the user named it */
	assert_int_equal(discover(&s, 1u << CHAT_PLAIN, named, 4), 0);
	assert_string_equal(
	        chat_buf_str(&s.found),
	        "chatgpt 2 ours export/conversations.json session=conversations parent=\n"
	        "plain 1 ours chat.log session=chat parent=\n"
	        "codex 1 ours chat.log session=chat parent=\n");
	assert_string_equal(chat_buf_str(&s.remarks),
	                    "plain 1 gone.log No such file or directory\n");
	search_free(&s);
}

static void test_copilot(void **state)
{
	struct search s = { 0 };
	char text[600];

	(void)state;
	make("x", "%s/app/.git/HEAD", top);
	make("x", "%s/app/with space/a", top);
	snprintf(text, sizeof(text), "{\n  \"folder\": \"file://%s/app/with%%20space\"\n}", top);
	make(text, "%s/home/.config/Code/User/workspaceStorage/h1/workspace.json", top);
	make("{}", "%s/home/.config/Code/User/workspaceStorage/h1/chatSessions/s1.json", top);
	make("{}\n", "%s/home/.config/Code/User/workspaceStorage/h1/chatSessions/s2.jsonl", top);
	make("{\"folder\":\"file:///elsewhere\"}",
	     "%s/home/.config/Code/User/workspaceStorage/h2/workspace.json", top);
	make("{}", "%s/home/.config/Code/User/workspaceStorage/h2/chatSessions/s3.json", top);
	make("{\"folder\":\"vscode-remote://ssh/app\"}",
	     "%s/home/.config/Code/User/workspaceStorage/h3/workspace.json", top);
	make("{}", "%s/home/.config/Code/User/workspaceStorage/h3/chatSessions/s4.json", top);
	make("{\"fol", "%s/home/.config/Code/User/workspaceStorage/h4/workspace.json", top);
	make("{}", "%s/home/.config/Code/User/workspaceStorage/h4/chatSessions/s5.json", top);
	snprintf(text, sizeof(text), "{\"workspace\":\"file://%s/app/all.code-workspace\"}", top);
	make(text, "%s/home/.config/VSCodium/User/workspaceStorage/h5/workspace.json", top);
	make("{}", "%s/home/.config/VSCodium/User/workspaceStorage/h5/chatSessions/s6.json", top);
	assert_int_equal(discover(&s, 1u << CHAT_COPILOT, NULL, 0), 0);
	assert_string_equal(
	        chat_buf_str(&s.found),
	        "copilot 2 ours home/.config/Code/User/workspaceStorage/h1/chatSessions/s1.json "
	        "session=s1 parent=\n"
	        "copilot 1 ours home/.config/Code/User/workspaceStorage/h1/chatSessions/s2.jsonl "
	        "session=s2 parent=\n"
	        "copilot 2 ours "
	        "home/.config/VSCodium/User/workspaceStorage/h5/chatSessions/s6.json "
	        "session=s6 parent=\n");
	search_free(&s);
}

/* --- databases --- */

static sqlite3 *database(const char *path, const char *sql)
{
	sqlite3 *db;
	char *message = NULL;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	if (sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK)
		fail_msg("%s", message);
	return db;
}

static const char opencode_sql[] =
        "CREATE TABLE session (id text PRIMARY KEY, project_id text, parent_id text, directory "
        "text, title text, version text, revert text, time_created integer, time_updated integer);"
        "CREATE TABLE message (id text PRIMARY KEY, session_id text, time_created integer, "
        "time_updated integer, data text);"
        "CREATE TABLE part (id text PRIMARY KEY, message_id text, session_id text, time_created "
        "integer, time_updated integer, data text);"
        "INSERT INTO message VALUES ('msg_1','ses_1',1754900001000,0,'{\"role\":\"user\",\"time\":"
        "{\"created\":1754900001000}}'),"
        "('msg_2','ses_1',1754900002000,0,'{\"role\":\"assistant\",\"parentID\":\"msg_1\","
        "\"modelID\":\"m\",\"time\":{\"created\":1754900002000}}'),"
        "('msg_3','ses_1',1754900003000,0,'{\"role\":\"user\"}'),"
        "('msg_9','ses_9',1754900001000,0,'{\"role\":\"user\"}'),"
        "('msg_a','ses_a',1754900002500,0,'{\"role\":\"assistant\"}');"
        "INSERT INTO part VALUES ('p1','msg_1','ses_1',0,0,'{\"type\":\"text\",\"text\":\"fix\\n"
        "it\"}'),('p2','msg_2','ses_1',0,0,'{\"type\":\"tool\",\"callID\":\"c\",\"tool\":\"bash\","
        "\"state\":{\"status\":\"completed\",\"input\":{\"command\":\"make\"},\"output\":\"ok\"}}')"
        ","
        "('p3','msg_2','ses_1',0,0,'{\"type\":\"text\",\"text\":\"done\"}'),"
        "('p4','msg_3','ses_1',0,0,'{\"type\":\"text\",\"text\":\"taken back\"}'),"
        "('p9','msg_9','ses_9',0,0,'{\"type\":\"text\",\"text\":\"elsewhere\"}'),"
        "('pa','msg_a','ses_a',0,0,'no JSON at all');";

static void opencode_make(const char *path, const char *more)
{
	struct chat_buf sql = { 0 };

	chat_buf_adds(&sql, opencode_sql);
	chat_buf_addf(&sql,
	              "INSERT INTO session VALUES ('ses_1','p',NULL,'%s/app','Title','1',"
	              "'{\"messageID\":\"msg_3\"}',1754900000000,0),"
	              "('ses_9','p',NULL,'/elsewhere','Other','1',NULL,1754900000000,0),"
	              "('ses_a','p','ses_1','%s/app','Agent','1',NULL,1754900000000,0);%s",
	              top, top, more);
	sqlite3_close(database(path, sql.s));
	chat_buf_free(&sql);
}

static int read_database(struct reading *r, enum chat_tool tool, const char *path,
                         const char *scope)
{
	char main[300];
	const char *worktrees[] = { main };
	struct chat_repo repo = { NULL, worktrees, 1 };
	struct chat_source source = reading_source(tool, CHAT_DATABASE, path);
	struct chat_plan plan = {
		.arg = r, .repo = &repo, .unit = reading_unit, .record = reading_record
	};

	snprintf(main, sizeof(main), "%s/app", top);
	source.scope = scope;
	return chat_parse(&source, &plan, &r->result, &r->err);
}

static void test_opencode(void **state)
{
	struct reading *r = reading_new(SHOW_NO_UNKNOWN);
	struct search s = { 0 };
	char path[400], *got;

	(void)state;
	snprintf(path, sizeof(path), "%s/home/.local/share/opencode/opencode.db", top);
	make("", "%s", path);
	opencode_make(path, "");
	assert_int_equal(discover(&s, 1u << CHAT_OPENCODE, NULL, 0), 0);
	assert_string_equal(chat_buf_str(&s.found),
	                    "opencode 3 ours home/.local/share/opencode/opencode.db session= "
	                    "parent=\n");
	if (read_database(r, CHAT_OPENCODE, path, ""))
		fail_msg("%s", r->err.text);
	got = reading_order(r);
	assert_string_equal(got, "user fix|it\ntool_call command: make\nsystem Agent\n"
	                         "tool_result ok\nassistant done\n~user taken back\n"
	                         "title Title\n");
	free(got);
	search_free(&s);
	reading_free(r);
	/* nothing of ours is left behind */
	assert_int_not_equal(access("home/.local/share/opencode/opencode.db-shm", F_OK), 0);
	assert_int_not_equal(access("home/.local/share/opencode/opencode.db-wal", F_OK), 0);
}

/* In WAL mode: closed; open in its program; left behind by a crash. */
static void test_wal(void **state)
{
	struct reading *r = reading_new(SHOW_NO_UNKNOWN);
	char path[400], wal[410], shm[410], crashed[400];
	sqlite3 *db;

	char *tmp = getenv("TMPDIR") ? strdup(getenv("TMPDIR")) : NULL;

	(void)state;
	assert_int_equal(setenv("TMPDIR", top, 1), 0);
	assert_int_equal(unsetenv("XDG_RUNTIME_DIR"), 0);
	snprintf(path, sizeof(path), "%s/o.db", top);
	snprintf(wal, sizeof(wal), "%s-wal", path);
	snprintf(shm, sizeof(shm), "%s-shm", path);
	opencode_make(path, "PRAGMA journal_mode=WAL;");
	assert_int_not_equal(access(shm, F_OK), 0);
	assert_int_equal(read_database(r, CHAT_OPENCODE, path, ""), 0);
	assert_int_not_equal(access(shm, F_OK), 0);
	assert_int_not_equal(access(wal, F_OK), 0);
	assert_non_null(strstr(r->out.s, "assistant done\n"));
	reading_free(r);

	db = database(path,
	              "UPDATE part SET data = '{\"type\":\"text\",\"text\":\"newer\"}' WHERE id "
	              "= 'p3'");
	assert_int_equal(access(wal, F_OK), 0);
	r = reading_new(SHOW_NO_UNKNOWN);
	if (read_database(r, CHAT_OPENCODE, path, ""))
		fail_msg("%s", r->err.text);
	assert_non_null(strstr(r->out.s, "assistant newer\n"));
	reading_free(r);

	/* the files as they are now, without the program: what is in the -wal counts */
	snprintf(crashed, sizeof(crashed), "%s/crashed.db", top);
	assert_int_equal(system("cp o.db crashed.db && cp o.db-wal crashed.db-wal"), 0);
	sqlite3_close(db);
	r = reading_new(SHOW_NO_UNKNOWN);
	if (read_database(r, CHAT_OPENCODE, crashed, ""))
		fail_msg("%s", r->err.text);
	assert_non_null(strstr(r->out.s, "assistant newer\n"));
	assert_int_not_equal(access("crashed.db-shm", F_OK), 0);
	assert_int_equal(system("! ls -d safekeep-chat.* 2>/dev/null"), 0);
	reading_free(r);

	/* no database; one that is locked */
	make("no database, but long enough to have a header of one hundred bytes, which is what "
	     "SQLite wants to see before it says anything",
	     "%s/bad.db", top);
	r = reading_new(0);
	snprintf(path, sizeof(path), "%s/bad.db", top);
	assert_int_equal(read_database(r, CHAT_OPENCODE, path, ""), SKP_EDAMAGED);
	snprintf(path, sizeof(path), "%s/lock.db", top);
	opencode_make(path, "");
	db = database(path, "BEGIN EXCLUSIVE");
	assert_int_equal(read_database(r, CHAT_OPENCODE, path, ""), SKP_EBUSY);
	sqlite3_close(db);
	if (tmp)
		assert_int_equal(setenv("TMPDIR", tmp, 1), 0);
	else
		assert_int_equal(unsetenv("TMPDIR"), 0);
	free(tmp);
	reading_free(r);
}

static void test_cursor(void **state)
{
	struct reading *r = reading_new(SHOW_NO_UNKNOWN);
	struct search s = { 0 };
	char path[400], text[600];
	struct chat_buf sql = { 0 };

	(void)state;
	snprintf(text, sizeof(text), "{\"folder\":\"file://%s/app\"}", top);
	make(text, "%s/home/.config/Cursor/User/workspaceStorage/w1/workspace.json", top);
	make("{\"folder\":\"file:///elsewhere\"}",
	     "%s/home/.config/Cursor/User/workspaceStorage/w2/workspace.json", top);
	snprintf(path, sizeof(path), "%s/home/.config/Cursor/User/workspaceStorage/w1/state.vscdb",
	         top);
	sqlite3_close(database(path, "CREATE TABLE ItemTable (key TEXT UNIQUE, value BLOB);"
	                             "INSERT INTO ItemTable VALUES ('composer.composerData', "
	                             "'{\"allComposers\":[{\"composerId\":\"c1\"}]}')"));
	make("", "%s/home/.config/Cursor/User/globalStorage/state.vscdb", top);
	snprintf(path, sizeof(path), "%s/home/.config/Cursor/User/globalStorage/state.vscdb", top);
	chat_buf_addf(
	        &sql,
	        "CREATE TABLE cursorDiskKV (key TEXT UNIQUE, value BLOB);"
	        "INSERT INTO cursorDiskKV VALUES"
	        "('composerData:c1','{\"composerId\":\"c1\",\"name\":\"One\",\"createdAt\":"
	        "1754900000000,"
	        "\"fullConversationHeadersOnly\":[{\"bubbleId\":\"z\"},{\"bubbleId\":\"a\"}]}'),"
	        "('bubbleId:c1:z','{\"type\":1,\"bubbleId\":\"z\",\"text\":\"ask\"}'),"
	        "('bubbleId:c1:a','{\"type\":2,\"bubbleId\":\"a\",\"text\":\"answer\"}'),"
	        "('bubbleId:c1:m','{\"type\":2,\"bubbleId\":\"m\",\"text\":\"old answer\"}'),"
	        "('composerData:c2','{\"composerId\":\"c2\",\"workspaceIdentifier\":{\"uri\":"
	        "{\"fsPath\":\"%s/app/src\"}},\"conversation\":[{\"type\":1,\"bubbleId\":\"q\","
	        "\"text\":\"inline\"}]}'),"
	        "('composerData:c3','{\"composerId\":\"c3\",\"fullConversationHeadersOnly\":"
	        "[{\"bubbleId\":\"x\"}]}'),('bubbleId:c3:x','{\"type\":1,\"text\":\"whose?\"}'),"
	        "('composerData:c4',NULL)",
	        top);
	sqlite3_close(database(path, sql.s));
	chat_buf_free(&sql);
	assert_int_equal(discover(&s, 1u << CHAT_CURSOR, NULL, 0), 0);
	assert_string_equal(
	        chat_buf_str(&s.found),
	        "cursor 3 ours home/.config/Cursor/User/globalStorage/state.vscdb session= "
	        "parent=\n");
	assert_string_equal(s.scope, "ws=w1");
	if (read_database(r, CHAT_CURSOR, path, s.scope))
		fail_msg("%s", r->err.text);
	assert_string_equal(chat_buf_str(&r->out), "title One\nuser ask\nassistant answer\n"
	                                           "assistant old answer\nuser inline\n");
	assert_int_equal(r->item[3].flags & CHAT_META, CHAT_META);
	search_free(&s);
	reading_free(r);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_top, close_top)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_belongs), TEST(test_claude),   TEST(test_links),       TEST(test_missing),
		TEST(test_codex),   TEST(test_gemini),   TEST(test_in_worktree), TEST(test_named),
		TEST(test_copilot), TEST(test_opencode), TEST(test_wal),         TEST(test_cursor),
	};

	return cmocka_run_group_tests_name("chat-sources", tests, NULL, NULL);
}
