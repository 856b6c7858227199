/* rest.c - as long as no tool has a log of this repository there is nothing to read, and the plugin
 * is not even started: until something comes or goes in a folder where a tool begins its logs, or
 * ten minutes have passed (a log may have begun that does not say yet what folder it is about). */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "commands.h"
#include "sources.h"

#define REST_S 600
#define PATHS_MOST 32

struct paths {
	struct chat_buf text[PATHS_MOST];
	size_t n;
};

/* below `set`, or else below `usual` of home */
static void add(struct paths *p, const struct chat_homes *homes, const char *set, const char *usual,
                const char *below)
{
	if (p->n == PATHS_MOST || (!set && !homes->home))
		return;
	(void)chat_buf_addf(&p->text[p->n++], "%s%s%s/%s", set ? set : homes->home,
	                    set || !*usual ? "" : "/", set ? "" : usual, below);
}

/* The folder of this worktree too, which may be there with nothing in it: its name is the path's
 * with
 * "-" for all but letters, digits and "-". */
static void add_claude(struct paths *p, const struct chat_homes *homes, const char *worktree)
{
	char below[300] = "projects/";
	size_t n = strlen(below);

	add(p, homes, homes->claude, ".claude", "projects");
	for (; *worktree && n + 1 < sizeof below; worktree++)
		below[n++] = (char)(isalnum((unsigned char)*worktree) ? *worktree : '-');
	add(p, homes, homes->claude, ".claude", below);
}

/* sessions/YYYY/MM/DD, by the clock on the wall */
static void add_codex(struct paths *p, const struct chat_homes *homes, int64_t now)
{
	static const char *const form[] = { "sessions", "sessions/%Y", "sessions/%Y/%m",
		                            "sessions/%Y/%m/%d" };
	time_t t = (time_t)now;
	struct tm tm;
	char below[64];

	if (!localtime_r(&t, &tm))
		return;
	for (size_t i = 0; i < sizeof form / sizeof *form; i++)
		if (strftime(below, sizeof below, form[i], &tm))
			add(p, homes, homes->codex, ".codex", below);
	add(p, homes, homes->codex, ".codex", "archived_sessions");
}

static void add_editors(struct paths *p, const struct chat_homes *homes)
{
	static const char *const editor[] = { "Code", "Code - Insiders", "VSCodium", "Cursor" };
	char below[64];

	for (size_t i = 0; i < sizeof editor / sizeof *editor; i++) {
		(void)snprintf(below, sizeof below, "%s/User/workspaceStorage", editor[i]);
		add(p, homes, homes->config, ".config", below);
	}
	add(p, homes, NULL, "", ".vscode-server/data/User/workspaceStorage");
}

int chat_rest(struct skp_host *host, uint32_t events)
{
	static const char *const fixed[] = { "$HOME",
		                             "$CLAUDE_CONFIG_DIR",
		                             "$CODEX_HOME",
		                             "$GEMINI_CLI_HOME",
		                             "$XDG_CONFIG_HOME",
		                             "$XDG_DATA_HOME",
		                             ".aider.chat.history.md",
		                             ".specstory",
		                             ".specstory/history" };
	const size_t n_fixed = sizeof fixed / sizeof *fixed;
	const char *path[PATHS_MOST + sizeof fixed / sizeof *fixed + 1] = { NULL };
	struct chat_homes homes;
	struct paths p = { .n = 0 };
	int rc = 0;

	chat_homes_env(&homes);
	add_claude(&p, &homes, host->worktree);
	add_codex(&p, &homes, host->now(host));
	add(&p, &homes, homes.gemini, "", ".gemini/tmp");
	add(&p, &homes, homes.data, ".local/share", "opencode/opencode.db");
	add_editors(&p, &homes);
	for (size_t i = 0; i < n_fixed; i++)
		path[i] = fixed[i];
	for (size_t i = 0; i < p.n; i++) {
		path[n_fixed + i] = p.text[i].s;
		if (chat_buf_ok(&p.text[i]))
			rc = host->error(host, SKP_EIO, "out of memory");
	}
	if (!rc)
		rc = host->rest(host, events, host->now(host) + REST_S, path);
	for (size_t i = 0; i < p.n; i++)
		chat_buf_free(&p.text[i]);
	return rc;
}

int chat_wake(struct skp_host *host)
{
	return host->rest(host, 0, 0, NULL);
}
