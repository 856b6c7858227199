/* VS Code and its kin: CONFIG/EDITOR/User/workspaceStorage/HASH has a workspace.json that names the
 * folder, chatSessions/ of Copilot Chat, and in Cursor a state.vscdb.  Cursor's conversations are
 * all in one database, globalStorage/state.vscdb; which of them are ours is told by the databases
 * of our workspaces and by what a conversation itself says of its workspace.  One that says
 * nothing, and that no workspace lists, is left out: it may be anybody's. */
#include "source.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The folder of a workspace into out; 1: it is ours. */
static int workspace_folder(struct search *s, const char *storage, char *out, size_t size)
{
	char *path = path_join(s, storage, "workspace.json"), *text = NULL;
	const struct jnode *root = path ? read_json(s, path, &text) : NULL, *uri;
	int ours = 0, several;

	uri = j_get(&s->tree, root, "folder");
	several = !uri;
	if (several) /* a .code-workspace: where that lies */
		uri = j_get(&s->tree, root, "workspace");
	if (j_is(uri, J_STRING) && uri_path(j_string(&s->tree, uri), out, size)) {
		if (several && strrchr(out, '/') != out)
			*strrchr(out, '/') = 0;
		ours = chat_belongs(s->what->repo, out, strlen(out)) == CHAT_OURS;
	}
	free(text);
	free(path);
	return ours;
}

static int sessions(struct search *s, const char *chats, const char *folder)
{
	struct listing list = { 0 };
	char scope[PATH_MAX + 8];

	snprintf(scope, sizeof(scope), "cwd=%s", folder);
	if (!list_folder(s, CHAT_COPILOT, chats, &list))
		return s->stop;
	for (size_t i = 0; i < list.n && !s->stop; i++) {
		struct candidate c = { .tool = CHAT_COPILOT, .scope = scope, .belongs = CHAT_OURS };
		char session[256], *path;
		int lines = ends_with(list.name[i], ".jsonl");

		if (!lines && !ends_with(list.name[i], ".json"))
			continue;
		c.kind = lines ? CHAT_LINES : CHAT_WHOLE;
		snprintf(session, sizeof(session), "%.*s",
		         (int)strlen(list.name[i]) - (lines ? 6 : 5), list.name[i]);
		c.session = session;
		c.path = path = path_join(s, chats, list.name[i]);
		if (path)
			offer(s, &c);
		free(path);
	}
	listing_free(&list);
	return s->stop;
}

/* One editor's workspaces; the names of ours are added to `ours`, if that is given. */
static int workspaces(struct search *s, const char *user, struct chat_buf *ours)
{
	struct listing list = { 0 };
	char *all = path_join(s, user, "workspaceStorage"), folder[PATH_MAX];

	if (!all || !list_folder(s, CHAT_COPILOT, all, &list)) {
		free(all);
		return s->stop;
	}
	for (size_t i = 0; i < list.n && !s->stop; i++) {
		char *storage = path_join(s, all, list.name[i]);
		char *chats = storage ? path_join(s, storage, "chatSessions") : NULL;
		int has_chats = chats && is_folder(chats);

		if ((has_chats || ours) && workspace_folder(s, storage, folder, sizeof(folder))) {
			if (has_chats &&
			    (!s->what->tools || (s->what->tools & (1u << CHAT_COPILOT))))
				sessions(s, chats, folder);
			if (ours) {
				chat_buf_addf(ours, "%s%s", ours->n ? "," : "ws=", list.name[i]);
			}
		}
		free(chats);
		free(storage);
	}
	listing_free(&list);
	free(all);
	return s->stop;
}

static int cursor(struct search *s, const char *user)
{
	struct chat_buf ours = { 0 };
	char *path = path_join(s, user, "globalStorage/state.vscdb");

	workspaces(s, user, &ours);
	if (ours.oom)
		s->stop = chat_fail(s->err, SKP_EIO, "out of memory");
	if (path && ours.n && !s->stop) {
		struct candidate c = { .tool = CHAT_CURSOR,
			               .kind = CHAT_DATABASE,
			               .path = path,
			               .scope = ours.s,
			               .belongs = CHAT_OURS };

		offer(s, &c);
	}
	chat_buf_free(&ours);
	free(path);
	return s->stop;
}

int find_editors(struct search *s)
{
	static const char *const editors[] = { "Code", "Code - Insiders", "VSCodium", "Cursor" };
	const struct chat_homes *homes = s->what->homes;
	uint32_t tools = s->what->tools ? s->what->tools : ~0u;
	char *config, *user;
	int found = 0, is_cursor;

	if (!(tools & (1u << CHAT_COPILOT | 1u << CHAT_CURSOR)) || (!homes->config && !homes->home))
		return 0;
	config = homes->config ? strdup(homes->config) : path_join(s, homes->home, ".config");
	for (size_t i = 0; config && i < sizeof(editors) / sizeof(*editors) && !s->stop; i++) {
		char below[64];

		snprintf(below, sizeof(below), "%s/User", editors[i]);
		is_cursor = strcmp(editors[i], "Cursor") == 0;
		user = path_join(s, config, below);
		if (user && !is_folder(user)) {
			if (is_cursor && (tools & 1u << CHAT_CURSOR))
				remark(s, CHAT_CURSOR, 1, user, "there is no such folder");
		} else if (user && is_cursor && (tools & 1u << CHAT_CURSOR)) {
			cursor(s, user);
		} else if (user) {
			found += !is_cursor;
			workspaces(s, user, NULL);
		}
		free(user);
	}
	/* an editor on another machine that works here */
	user = homes->home && !s->stop ? path_join(s, homes->home, ".vscode-server/data/User")
	                               : NULL;
	if (user && is_folder(user)) {
		found++;
		workspaces(s, user, NULL);
	}
	free(user);
	if (!found && config && !s->stop && (tools & 1u << CHAT_COPILOT)) {
		user = path_join(s, config, "Code/User");
		if (user)
			remark(s, CHAT_COPILOT, 1, user, "there is no such folder");
		free(user);
	}
	free(config);
	return s->stop;
}
