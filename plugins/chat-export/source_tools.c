/* Where each tool keeps its logs. */
#include "source.h"

#include <errno.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <nettle/sha2.h>

static int wanted(const struct search *s, enum chat_tool tool)
{
	return !s->what->tools || (s->what->tools & (1u << tool));
}

/* The tool's folder: `set`, or `usual` below home; NULL: none is known, or it does not exist, which
 * is remarked. */
static char *tool_folder(struct search *s, enum chat_tool tool, const char *set, const char *usual,
                         const char *below)
{
	char *base, *out;

	if (!set && !s->what->homes->home)
		return NULL;
	base = set || !*usual ? strdup(set ? set : s->what->homes->home)
	                      : path_join(s, s->what->homes->home, usual);
	if (!base) {
		s->stop = chat_fail(s->err, SKP_EIO, "out of memory");
		return NULL;
	}
	out = path_join(s, base, below);
	free(base);
	if (out && !is_folder(out)) {
		remark(s, tool, 1, out, "there is no such folder");
		free(out);
		return NULL;
	}
	return out;
}

static char *stem_of(const char *name, const char *end)
{
	return strndup(name, strlen(name) - strlen(end));
}

/* Offers folder/name; session from the name without its ending. */
static int offer_file(struct search *s, struct candidate *c, const char *folder, const char *name,
                      const char *end)
{
	char *path = path_join(s, folder, name), *session = stem_of(name, end);

	if (!session && !s->stop)
		s->stop = chat_fail(s->err, SKP_EIO, "out of memory");
	if (path && session) {
		c->path = path;
		if (!c->session)
			c->session = session;
		offer(s, c);
		if (c->session == session)
			c->session = NULL;
	}
	free(path);
	free(session);
	return s->stop;
}

/* --- Claude Code --- */

/* Every byte but letters, digits and "-" becomes "-", as the tool does it with UTF-16 units; of
 * names that are not ASCII only the part before the first such byte is sure. */
static size_t mangle(const char *path, char *out, size_t size)
{
	size_t n = 0;

	for (; path[n] && n + 1 < size; n++) {
		char c = path[n];

		if ((unsigned char)c >= 0x80)
			break;
		out[n] = (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z') ? c : '-';
	}
	out[n] = 0;
	return n;
}

/* May the project folder be of a folder in one of our worktrees?  Long names are cut off by the
 * tool and end in a hash: the beginning decides. */
static int claude_candidate(const struct search *s, const char *name)
{
	const struct chat_repo *repo = s->what->repo;
	char begin[256];

	for (size_t i = 0; i < repo->n_worktrees; i++) {
		size_t n = mangle(repo->worktree[i], begin, 150);

		if (strncmp(name, begin, n) == 0)
			return 1;
	}
	return 0;
}

/* A link may stand in the way to a worktree; where the tool writes the resolved path there is none,
 * but old versions did not: those folders begin otherwise, and are not found. */
static int claude_agents(struct search *s, const char *project, const char *session)
{
	struct listing list = { 0 };
	char *folder = path_join(s, project, session), *agents;

	agents = folder ? path_join(s, folder, "subagents") : NULL;
	if (agents && is_folder(agents) && list_folder(s, CHAT_CLAUDE, agents, &list)) {
		for (size_t i = 0; i < list.n && !s->stop; i++) {
			struct candidate c = { .tool = CHAT_CLAUDE,
				               .kind = CHAT_LINES,
				               .parent = session };
			char id[256];

			if (!ends_with(list.name[i], ".jsonl"))
				continue;
			/* agent-ID.jsonl */
			snprintf(id, sizeof(id), "%.*s", (int)strlen(list.name[i]) - 6,
			         list.name[i]);
			c.session = strncmp(id, "agent-", 6) == 0 ? id + 6 : id;
			offer_file(s, &c, agents, list.name[i], ".jsonl");
		}
	}
	listing_free(&list);
	free(agents);
	free(folder);
	return s->stop;
}

static int claude_project(struct search *s, const char *project)
{
	struct listing list = { 0 };

	if (!list_folder(s, CHAT_CLAUDE, project, &list))
		return s->stop;
	for (size_t i = 0; i < list.n && !s->stop; i++) {
		struct candidate c = { .tool = CHAT_CLAUDE, .kind = CHAT_LINES };

		if (ends_with(list.name[i], ".jsonl"))
			offer_file(s, &c, project, list.name[i], ".jsonl");
		else if (!strchr(list.name[i], '.') && strlen(list.name[i]) == 36)
			claude_agents(s, project, list.name[i]);
	}
	listing_free(&list);
	return s->stop;
}

int find_claude(struct search *s)
{
	struct listing list = { 0 };
	char *projects;

	if (!wanted(s, CHAT_CLAUDE))
		return 0;
	projects = tool_folder(s, CHAT_CLAUDE, s->what->homes->claude, ".claude", "projects");
	if (projects && list_folder(s, CHAT_CLAUDE, projects, &list))
		for (size_t i = 0; i < list.n && !s->stop; i++) {
			char *project;

			if (!claude_candidate(s, list.name[i]))
				continue;
			project = path_join(s, projects, list.name[i]);
			if (project && is_folder(project))
				claude_project(s, project);
			free(project);
		}
	listing_free(&list);
	free(projects);
	return s->stop;
}

/* --- Codex --- */

/* rollout-2026-08-10T20-05-50-UUID.jsonl */
static int codex_file(struct search *s, const char *folder, const char *name)
{
	struct candidate c = { .tool = CHAT_CODEX, .kind = CHAT_LINES };
	char id[64] = "";
	size_t n = strlen(name);

	if (strncmp(name, "rollout-", 8) != 0 || !ends_with(name, ".jsonl"))
		return 0;
	if (n >= 36 + 6)
		snprintf(id, sizeof(id), "%.36s", name + n - 36 - 6);
	c.session = id;
	return offer_file(s, &c, folder, name, ".jsonl");
}

/* sessions/YYYY/MM/DD: `depth` folders of digits, then files. */
static int codex_folder(struct search *s, const char *folder, int depth)
{
	struct listing list = { 0 };

	if (!list_folder(s, CHAT_CODEX, folder, &list))
		return s->stop;
	for (size_t i = 0; i < list.n && !s->stop; i++) {
		const char *name = list.name[i];

		if (depth && name[strspn(name, "0123456789")] == 0) {
			char *below = path_join(s, folder, name);

			if (below && is_folder(below))
				codex_folder(s, below, depth - 1);
			free(below);
		} else {
			codex_file(s, folder, name);
		}
	}
	listing_free(&list);
	return s->stop;
}

int find_codex(struct search *s)
{
	char *folder, *archived;

	if (!wanted(s, CHAT_CODEX))
		return 0;
	folder = tool_folder(s, CHAT_CODEX, s->what->homes->codex, ".codex", "sessions");
	if (!folder)
		return s->stop;
	codex_folder(s, folder, 3);
	*strrchr(folder, '/') = 0;
	archived = s->stop ? NULL : path_join(s, folder, "archived_sessions");
	if (archived && is_folder(archived))
		codex_folder(s, archived, 3);
	free(archived);
	free(folder);
	return s->stop;
}

/* --- Gemini --- */

static void sha256_hex(const char *text, char out[65])
{
	uint8_t digest[SHA256_DIGEST_SIZE];
	struct sha256_ctx ctx;

	sha256_init(&ctx);
	sha256_update(&ctx, strlen(text), (const uint8_t *)text);
	sha256_digest(&ctx, sizeof(digest), digest);
	for (size_t i = 0; i < sizeof(digest); i++)
		snprintf(out + 2 * i, 3, "%02x", digest[i]);
}

/* The folder that a project folder of Gemini's is for: what .project_root says, or one of our
 * worktrees by its hash.  0: none of ours. */
static int gemini_root(struct search *s, const char *project, const char *name, char *out,
                       size_t size)
{
	char *path = path_join(s, project, ".project_root");
	struct stat st;
	ssize_t n = -1;
	int fd;

	if (path && !source_open_at(path, &fd, &st, NULL)) {
		n = source_read(fd, out, size - 1);
		close(fd);
	}
	free(path);
	if (n > 0) {
		while (n && (out[n - 1] == '\n' || out[n - 1] == '\r'))
			n--;
		out[n] = 0;
		return chat_belongs(s->what->repo, out, (size_t)n) == CHAT_OURS;
	}
	for (size_t i = 0; i < s->what->repo->n_worktrees; i++) {
		char hex[65];

		sha256_hex(s->what->repo->worktree[i], hex);
		if (strcmp(hex, name) == 0) {
			snprintf(out, size, "%s", s->what->repo->worktree[i]);
			return 1;
		}
	}
	return 0;
}

static int gemini_chats(struct search *s, const char *folder, const char *parent, const char *scope)
{
	struct listing list = { 0 };

	if (!list_folder(s, CHAT_GEMINI, folder, &list))
		return s->stop;
	for (size_t i = 0; i < list.n && !s->stop; i++) {
		struct candidate c = {
			.tool = CHAT_GEMINI, .parent = parent, .scope = scope, .belongs = CHAT_OURS
		};
		const char *name = list.name[i];

		if (ends_with(name, ".jsonl")) {
			c.kind = CHAT_LINES;
			offer_file(s, &c, folder, name, ".jsonl");
		} else if (ends_with(name, ".json")) {
			c.kind = CHAT_WHOLE;
			offer_file(s, &c, folder, name, ".json");
		} else if (!parent) { /* chats/SESSION/AGENT.jsonl */
			char *below = path_join(s, folder, name);

			if (below && is_folder(below))
				gemini_chats(s, below, name, scope);
			free(below);
		}
	}
	listing_free(&list);
	return s->stop;
}

int find_gemini(struct search *s)
{
	struct listing list = { 0 };
	char *tmp, root[PATH_MAX], scope[PATH_MAX + 8];

	if (!wanted(s, CHAT_GEMINI))
		return 0;
	tmp = tool_folder(s, CHAT_GEMINI, s->what->homes->gemini, "", ".gemini/tmp");
	if (tmp && list_folder(s, CHAT_GEMINI, tmp, &list))
		for (size_t i = 0; i < list.n && !s->stop; i++) {
			char *project = path_join(s, tmp, list.name[i]), *chats = NULL;

			if (project && is_folder(project) &&
			    gemini_root(s, project, list.name[i], root, sizeof(root)))
				chats = path_join(s, project, "chats");
			snprintf(scope, sizeof(scope), "cwd=%s", root);
			if (chats && is_folder(chats))
				gemini_chats(s, chats, NULL, scope);
			free(chats);
			free(project);
		}
	listing_free(&list);
	free(tmp);
	return s->stop;
}

/* --- in the repository: Aider, SpecStory --- */

static int find_specstory(struct search *s, const char *worktree, const char *scope)
{
	struct listing list = { 0 };
	char *folder = path_join(s, worktree, ".specstory/history");

	if (folder && is_folder(folder) && list_folder(s, CHAT_SPECSTORY, folder, &list))
		for (size_t i = 0; i < list.n && !s->stop; i++) {
			struct candidate c = { .tool = CHAT_SPECSTORY,
				               .kind = CHAT_WHOLE,
				               .scope = scope,
				               .belongs = CHAT_OURS };

			if (ends_with(list.name[i], ".md"))
				offer_file(s, &c, folder, list.name[i], ".md");
		}
	listing_free(&list);
	free(folder);
	return s->stop;
}

int find_in_worktrees(struct search *s)
{
	const struct chat_repo *repo = s->what->repo;

	for (size_t i = 0; i < repo->n_worktrees && !s->stop; i++) {
		char scope[PATH_MAX + 8];
		char *path = path_join(s, repo->worktree[i], ".aider.chat.history.md");
		struct candidate c = {
			.tool = CHAT_AIDER, .kind = CHAT_LINES, .path = path, .belongs = CHAT_OURS
		};

		snprintf(scope, sizeof(scope), "cwd=%s", repo->worktree[i]);
		if (path && wanted(s, CHAT_AIDER))
			offer(s, &c);
		free(path);
		if (!s->stop && wanted(s, CHAT_SPECSTORY))
			find_specstory(s, repo->worktree[i], scope);
	}
	return s->stop;
}

/* --- opencode --- */

int find_opencode(struct search *s)
{
	struct candidate c = { .tool = CHAT_OPENCODE, .kind = CHAT_DATABASE, .belongs = CHAT_OURS };
	char *folder, *path;

	if (!wanted(s, CHAT_OPENCODE))
		return 0;
	folder = tool_folder(s, CHAT_OPENCODE, s->what->homes->data, ".local/share", "opencode");
	path = folder ? path_join(s, folder, "opencode.db") : NULL;
	c.path = path;
	if (path)
		offer(s, &c);
	free(path);
	free(folder);
	return s->stop;
}

/* --- named in the settings --- */

/* A ChatGPT export is an array of objects with a mapping, or lies in a file of its name. */
static enum chat_tool guess(const char *path)
{
	char head[4096];
	struct stat st;
	ssize_t n = 0;
	size_t i = 0;
	int fd;

	if (!source_open_at(path, &fd, &st, NULL)) {
		n = source_read(fd, head, sizeof(head) - 1);
		close(fd);
	}
	if (n <= 0)
		return CHAT_PLAIN;
	head[n] = 0;
	while (head[i] && strchr(" \t\r\n", head[i]))
		i++;
	if (head[i] != '[' && head[i] != '{')
		return CHAT_PLAIN;
	if (strstr(head, "\"mapping\"") || (head[i] == '[' && strstr(head, "\"create_time\"")))
		return CHAT_CHATGPT;
	return CHAT_PLAIN;
}

/* The kind of a named file, by its tool and name. */
static enum chat_kind named_kind(enum chat_tool tool, const char *path)
{
	if (tool == CHAT_CHATGPT || tool == CHAT_SPECSTORY)
		return CHAT_WHOLE;
	if (tool == CHAT_OPENCODE || tool == CHAT_CURSOR)
		return CHAT_DATABASE;
	if ((tool == CHAT_GEMINI || tool == CHAT_COPILOT) && ends_with(path, ".json"))
		return CHAT_WHOLE;
	return CHAT_LINES;
}

int find_named(struct search *s)
{
	for (size_t i = 0; i < s->what->n_named && !s->stop; i++) {
		const struct chat_named *named = &s->what->named[i];
		struct candidate c = { .tool = named->tool, .belongs = CHAT_OURS };
		char session[256], path[PATH_MAX], *dot;

		/* the user named it: a link is as good */
		if (!realpath(named->path, path)) {
			remark(s, c.tool ? c.tool : CHAT_PLAIN, 1, named->path, strerror(errno));
			continue;
		}
		if (!c.tool)
			c.tool = guess(path);
		c.path = path;
		c.kind = named_kind(c.tool, path);
		snprintf(session, sizeof(session), "%s", strrchr(path, '/') + 1);
		dot = strrchr(session, '.');
		if (dot && dot != session)
			*dot = 0;
		c.session = c.tool == CHAT_AIDER ? "" : session;
		offer(s, &c);
	}
	return s->stop;
}
