/* where.c - what to look for: worktrees of this repository, and what the settings name. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sync.h"

#define NAMED_MOST 64

static int oom(struct skp_host *host)
{
	return host->error(host, SKP_EIO, "out of memory");
}

static int add_worktree(struct chat_where *w, const char *path)
{
	char **grown;

	for (size_t i = 0; i < w->n_worktrees; i++)
		if (strcmp(w->worktree[i], path) == 0)
			return 0;
	grown = realloc(w->worktree, (w->n_worktrees + 1) * sizeof *grown);
	if (!grown)
		return SKP_EIO;
	w->worktree = grown;
	grown[w->n_worktrees] = strdup(path);
	return grown[w->n_worktrees] ? (w->n_worktrees++, 0) : SKP_EIO;
}

/* COMMONDIR/worktrees/NAME/gitdir holds the path of the worktree's .git file. */
static int linked(struct skp_host *host, struct chat_where *w)
{
	struct chat_buf path = { 0 };
	char line[4200], *real;
	struct dirent *d;
	DIR *dir;
	int rc = chat_buf_addf(&path, "%s/worktrees", host->commondir);

	dir = rc ? NULL : opendir(path.s);
	while (!rc && dir && (d = readdir(dir))) {
		size_t len = 0;
		FILE *f;

		chat_buf_clear(&path);
		if (d->d_name[0] == '.' ||
		    chat_buf_addf(&path, "%s/worktrees/%s/gitdir", host->commondir, d->d_name))
			continue;
		f = fopen(path.s, "re");
		len = f && fgets(line, sizeof line, f) ? strcspn(line, "\n") : 0;
		if (f)
			(void)fclose(f);
		line[len] = '\0';
		if (len < 6 || strcmp(line + len - 5, "/.git") != 0)
			continue;
		line[len - 5] = '\0';
		real = realpath(line, NULL);
		rc = add_worktree(w, real ? real : line);
		free(real);
	}
	if (dir)
		(void)closedir(dir);
	chat_buf_free(&path);
	return rc;
}

/* The main one first: the folder that the common .git lies in. */
static int main_worktree(struct skp_host *host, struct chat_where *w)
{
	size_t len = strlen(host->commondir);
	char *path = strdup(host->commondir), *real;
	int rc = path ? 0 : SKP_EIO;

	if (!rc && len > 5 && strcmp(path + len - 5, "/.git") == 0) {
		path[len - 5] = '\0';
		real = realpath(path, NULL);
		rc = add_worktree(w, real ? real : path);
		free(real);
	}
	free(path);
	return rc ? rc : add_worktree(w, host->worktree);
}

/* Those of before too: what was said in one that was removed still belongs.  New ones are noted. */
static int remembered(struct chat_archive *a, struct chat_where *w)
{
	struct chat_buf now = { 0 };
	int rc = 0;

	for (char *p = a->worktrees.s, *nl; !rc && p && (nl = strchr(p, '\n')); p = nl + 1) {
		*nl = '\0';
		rc = *p ? add_worktree(w, p) : 0;
		*nl = '\n';
	}
	for (size_t i = 0; !rc && i < w->n_worktrees; i++)
		if (!strchr(w->worktree[i], '\n'))
			rc = chat_buf_addf(&now, "%s\n", w->worktree[i]);
	if (!rc && strcmp(chat_buf_str(&now), chat_buf_str(&a->worktrees)) != 0) {
		chat_buf_free(&a->worktrees);
		a->worktrees = now;
		a->lists_dirty = a->exists; /* alone it is no reason to begin an archive */
		return 0;
	}
	chat_buf_free(&now);
	return rc;
}

/* `logs = /var/log/chat.log, plain:/path`: files, or words of tools before a colon. */
static int named(struct skp_host *host, struct chat_where *w)
{
	const char *text = host->setting(host, "logs");
	char *list = text ? strdup(text) : NULL, *save = NULL;
	int rc = text && !list ? oom(host) : 0;

	w->named = calloc(NAMED_MOST, sizeof *w->named);
	if (!w->named)
		rc = oom(host);
	for (char *p = list ? strtok_r(list, ",", &save) : NULL; !rc && p;
	     p = strtok_r(NULL, ",", &save)) {
		struct chat_named *to = &w->named[w->n_named];
		char *colon;

		p += strspn(p, " \t");
		for (size_t n = strlen(p); n && (p[n - 1] == ' ' || p[n - 1] == '\t'); n--)
			p[n - 1] = '\0';
		if ((colon = strchr(p, ':')) && *p != '/') {
			*colon = '\0';
			to->tool = chat_tool_named(p);
			p = colon + 1;
		}
		if (*p == '~' && p[1] == '/' && w->homes.home) {
			struct chat_buf full = { 0 };

			rc = chat_buf_addf(&full, "%s%s", w->homes.home, p + 1) ? oom(host) : 0;
			to->path = full.s;
		} else if (*p) {
			to->path = strdup(p);
			rc = to->path ? 0 : oom(host);
		}
		if (!rc && to->path && *to->path != '/')
			rc = host->error(host, SKP_EUSAGE,
			                 "'logs' of [plugin \"chat-export\"] has %s, which is no "
			                 "absolute path",
			                 host->name(host, to->path));
		if (to->path && ++w->n_named == NAMED_MOST)
			break;
	}
	free(list);
	return rc;
}

/* `tools = claude, codex`: only these. */
static int tools(struct skp_host *host, struct chat_where *w)
{
	const char *text = host->setting(host, "tools");
	char *list = text ? strdup(text) : NULL, *save = NULL;
	int rc = text && !list ? oom(host) : 0;

	for (char *p = list ? strtok_r(list, ", \t", &save) : NULL; !rc && p;
	     p = strtok_r(NULL, ", \t", &save)) {
		enum chat_tool tool = chat_tool_named(p);

		if (strcmp(p, "all") == 0)
			w->tools = 0;
		else if (tool)
			w->tools |= 1u << tool;
		else
			rc = host->error(host, SKP_EUSAGE,
			                 "'tools' of [plugin \"chat-export\"] has %s, which is "
			                 "none",
			                 host->name(host, p));
	}
	free(list);
	return rc;
}

int chat_where_init(struct skp_host *host, struct chat_archive *a, struct chat_where *out)
{
	int rc;

	memset(out, 0, sizeof *out);
	chat_homes_env(&out->homes);
	rc = main_worktree(host, out);
	if (!rc)
		rc = linked(host, out);
	if (!rc)
		rc = remembered(a, out);
	if (rc)
		rc = oom(host);
	if (!rc)
		rc = named(host, out);
	if (!rc)
		rc = tools(host, out);
	out->repo = (struct chat_repo){ host->commondir, (const char *const *)out->worktree,
		                        out->n_worktrees };
	if (rc)
		chat_where_free(out);
	return rc;
}

void chat_where_free(struct chat_where *w)
{
	for (size_t i = 0; i < w->n_worktrees; i++)
		free(w->worktree[i]);
	free(w->worktree);
	for (size_t i = 0; w->named && i < w->n_named; i++)
		free((void *)(uintptr_t)w->named[i].path);
	free(w->named);
	memset(w, 0, sizeof *w);
}
