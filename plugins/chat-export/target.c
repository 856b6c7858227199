/* target.c - commits and backups: what a conversation is asked for, and what was made during one.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"

#define DAY_MS 86400000
#define AFTER_MS 300000 /* what is made so soon after the last word belongs to it */
#define LISTED_MOST 1000

static int oom(struct skp_host *host)
{
	return host->error(host, SKP_EIO, "out of memory");
}

/* git's output; SKP_ENO when it says no. */
static int git(struct skp_host *host, const char *const *argv, char **out, size_t *len)
{
	struct skp_process p = { .argv = argv, .flags = SKP_RUN_GIT };
	int rc = host->run(host, &p);

	if (!rc && p.status)
		rc = host->error(host, SKP_ENO, "git %s says no", argv[0]);
	if (!rc) {
		*out = p.output;
		*len = p.output_len;
	}
	return rc;
}

static int add_file(struct chat_target *t, const char *name)
{
	char **grown = realloc(t->file, (t->n_files + 1) * sizeof *grown);

	if (!grown)
		return SKP_EIO;
	t->file = grown;
	grown[t->n_files] = strdup(name);
	return grown[t->n_files] ? (t->n_files++, 0) : SKP_EIO;
}

/* Names that git gave, apart by NUL. */
static int take_files(struct skp_host *host, struct chat_target *t, const char *const *argv)
{
	char *out = NULL;
	size_t len = 0;
	int rc = git(host, argv, &out, &len);

	for (const char *p = out; !rc && p < out + len; p += strlen(p) + 1)
		rc = *p && add_file(t, p) ? oom(host) : 0;
	host->release(host, out);
	return rc == SKP_ENO ? 0 : rc;
}

static int set(struct skp_host *host, char **field, const char *text)
{
	free(*field);
	*field = strdup(text);
	return *field ? 0 : oom(host);
}

/* "HASH TIME PARENT...\nTITLE" of a commit. */
static int read_commit(struct skp_host *host, const char *word, char **out)
{
	struct chat_buf rev = { 0 };
	const char *verify[] = { "rev-parse", "-q", "--verify", "--end-of-options", NULL, NULL };
	const char *argv[] = { "log", "-1", "--no-show-signature", "--format=%H %at %P%n%s", NULL,
		               "--",  NULL };
	char *id = NULL;
	size_t len;
	int rc = chat_buf_addf(&rev, "%s^{commit}", word) ? oom(host) : 0;

	verify[4] = rev.s;
	if (!rc)
		rc = git(host, verify, &id, &len);
	if (!rc) {
		id[strcspn(id, "\n")] = '\0';
		argv[4] = id;
		rc = git(host, argv, out, &len);
	}
	host->release(host, id);
	chat_buf_free(&rev);
	return rc;
}

/* The time of the commit before, so that what was said between the two is found. */
static int between(struct skp_host *host, struct chat_target *t, const char *parent)
{
	char *text = NULL;
	long long when;
	int rc;

	t->from = t->to - DAY_MS;
	if (!*parent)
		return 0;
	rc = read_commit(host, parent, &text);
	if (!rc && sscanf(text, "%*s %lld", &when) == 1 && when * 1000 < t->to)
		t->from = when * 1000;
	host->release(host, text);
	return rc == SKP_ENO ? 0 : rc;
}

static int of_branch(struct skp_host *host, struct chat_target *t)
{
	const char *const argv[] = { "branch", "--format=%(refname:short)", "--contains", t->id,
		                     NULL };
	struct chat_buf list = { 0 };
	char *out = NULL;
	size_t len;
	int rc = git(host, argv, &out, &len);

	if (!rc && (chat_buf_adds(&list, "\n") || chat_buf_adds(&list, out)))
		rc = oom(host);
	if (!rc)
		rc = set(host, &t->branch, list.s);
	chat_buf_free(&list);
	host->release(host, out);
	return rc == SKP_ENO ? 0 : rc;
}

static int find_commit(struct skp_host *host, const char *word, struct chat_target *t)
{
	char *text = NULL, parent[64] = "", id[64], *title;
	const char *diff[] = { "diff-tree",   "-r", "--root", "--no-commit-id",
		               "--name-only", "-z", "-m",     "--first-parent",
		               NULL,          NULL };
	long long when;
	int rc = read_commit(host, word, &text);

	if (rc)
		return rc;
	if (sscanf(text, "%63s %lld", id, &when) != 2)
		return host->error(host, SKP_EIO, "git log's answer cannot be read");
	(void)sscanf(text, "%*s %*s %63[0-9a-f]", parent);
	title = strchr(text, '\n');
	if (title)
		title[strcspn(title + 1, "\n") + 1] = '\0';
	t->kind = "commit";
	t->to = when * 1000 + 999;
	rc = set(host, &t->id, id);
	if (!rc)
		rc = set(host, &t->title, title ? title + 1 : "");
	if (!rc)
		rc = set(host, &t->previous, parent);
	if (!rc)
		rc = between(host, t, parent);
	diff[8] = t->id;
	if (!rc)
		rc = take_files(host, t, diff);
	if (!rc)
		rc = of_branch(host, t);
	host->release(host, text);
	return rc;
}

/* The entry of the same worktree before it. */
static int before(struct skp_host *host, const struct skp_entry *e, const struct skp_entry **out)
{
	struct skp_entry *list = NULL;
	size_t n = 0;
	int rc = host->entries(host, SKP_BACKUP | SKP_REVISION, 0, e->created + 1, &list, &n);

	*out = NULL;
	for (size_t i = 0; !rc && i < n && !*out; i++)
		if (!list[i].damaged && strcmp(list[i].id, e->id) != 0 &&
		    strcmp(list[i].worktree, e->worktree) == 0)
			*out = &list[i];
	return rc;
}

static int find_entry(struct skp_host *host, const char *word, struct chat_target *t)
{
	const char *diff[] = { "diff-tree", "-r", "--name-only", "-z", NULL, NULL, NULL };
	const struct skp_entry *last = NULL;
	struct chat_buf old = { 0 }, branch = { 0 };
	struct skp_entry e;
	int rc = host->select(host, word, &e);

	if (!rc)
		rc = before(host, &e, &last);
	if (rc)
		return rc;
	t->kind = e.kind == SKP_REVISION  ? "revision"
	          : e.kind == SKP_RELEASE ? "release"
	                                  : "backup";
	t->to = e.created * 1000 + 999;
	t->from = last ? last->created * 1000 : t->to - DAY_MS;
	rc = set(host, &t->id, e.id);
	if (!rc)
		rc = set(host, &t->title, e.title ? e.title : "");
	if (!rc)
		rc = set(host, &t->previous, last ? last->id : "");
	(void)chat_buf_addf(&branch, "\n%s\n", e.branch ? e.branch : "");
	if (!rc)
		rc = set(host, &t->branch, chat_buf_str(&branch));
	if (!rc && last) {
		(void)chat_buf_adds(&old, host->hex(host, &last->tree));
		diff[4] = chat_buf_str(&old);
		diff[5] = host->hex(host, &e.tree);
		rc = take_files(host, t, diff);
	}
	chat_buf_free(&old);
	chat_buf_free(&branch);
	return rc;
}

int chat_target_find(struct skp_host *host, const char *word, struct chat_target *out)
{
	struct chat_target t = { .branch = strdup(""), .previous = strdup("") };
	int backup = strncmp(word, "@{", 2) == 0; /* to git @{1} is the reflog's */
	int rc = !t.branch || !t.previous ? oom(host)
	         : backup                 ? find_entry(host, word, &t)
	                                  : find_commit(host, word, &t);

	if (backup && (rc == SKP_ENO || rc == SKP_EUSAGE))
		rc = find_commit(host, word, &t);
	else if (rc == SKP_ENO || rc == SKP_EUSAGE)
		rc = find_entry(host, word, &t);
	if (rc)
		chat_target_free(&t);
	else
		*out = t;
	return rc;
}

void chat_target_free(struct chat_target *t)
{
	for (size_t i = 0; i < t->n_files; i++)
		free(t->file[i]);
	free(t->file);
	free(t->id);
	free(t->title);
	free(t->branch);
	free(t->previous);
	memset(t, 0, sizeof *t);
}

/* What was made during a session */

static void one(struct skp_host *host, struct chat_buf *json, size_t *any, const char *kind,
                const char *id, int64_t when, const char *title)
{
	char stamp[32];

	if (json) {
		chat_stamp(when * 1000, stamp);
		(void)chat_buf_adds(json, *any ? ",{" : "{");
		(void)chat_buf_field(json, "id", id, strlen(id));
		(void)chat_buf_field(json, "kind", kind, strlen(kind));
		(void)chat_buf_field(json, "time", stamp, strlen(stamp));
		(void)chat_buf_field(json, "title", title, strlen(title));
		(void)chat_buf_addc(json, '}');
	} else {
		if (!*any)
			host->print(host, "Made meanwhile:\n");
		host->print(host, "  %-8s %s%s%s  %s\n", kind, host->style(host, SKP_YELLOW), id,
		            host->style(host, SKP_PLAIN), host->text(host, title));
	}
	++*any;
}

static int commits(struct skp_host *host, int64_t from, int64_t to, struct chat_buf *json,
                   size_t *any)
{
	char since[40], until[40], *out = NULL, *save = NULL;
	const char *const argv[] = { "log",
		                     "--branches",
		                     "HEAD",
		                     "--no-show-signature",
		                     since,
		                     until,
		                     "--format=%H %ct %s",
		                     "--",
		                     NULL };
	size_t len, n = 0;
	int rc;

	(void)snprintf(since, sizeof since, "--since=@%lld", (long long)from);
	(void)snprintf(until, sizeof until, "--until=@%lld", (long long)to);
	rc = git(host, argv, &out, &len);
	if (rc)
		return rc == SKP_ENO ? 0 : rc;
	for (char *p = strtok_r(out, "\n", &save); p && n < LISTED_MOST;
	     p = strtok_r(NULL, "\n", &save)) {
		char id[64];
		long long when;
		int at = 0;

		if (sscanf(p, "%63s %lld %n", id, &when, &at) < 2 || when < from || when > to)
			continue;
		id[json ? 63 : 10] = '\0';
		one(host, json, any, "commit", id, when, p + at);
		n++;
	}
	host->release(host, out);
	return 0;
}

int chat_made_during(struct skp_host *host, const struct chat_session *s, struct chat_buf *json)
{
	struct skp_entry *list = NULL;
	int64_t from = s->began / 1000, to = (s->ended + AFTER_MS) / 1000;
	size_t n = 0, any = 0;
	int rc;

	if (s->began == CHAT_NO_TIME)
		return 0;
	if (json)
		(void)chat_buf_adds(json, ",\"commits\":[");
	rc = commits(host, from, to, json, &any);
	if (json) {
		(void)chat_buf_adds(json, "],\"backups\":[");
		any = 0;
	}
	if (!rc)
		rc = host->entries(host, SKP_BACKUP | SKP_REVISION | SKP_RELEASE, from, to + 1,
		                   &list, &n);
	for (size_t i = 0; !rc && i < n && i < LISTED_MOST; i++)
		if (!list[i].damaged)
			one(host, json, &any,
			    list[i].kind == SKP_REVISION  ? "revision"
			    : list[i].kind == SKP_RELEASE ? "release"
			                                  : "backup",
			    list[i].id, list[i].created, list[i].title ? list[i].title : "");
	if (json)
		(void)chat_buf_addc(json, ']');
	return rc;
}
