/* The conversation behind a commit or a backup, and why it is thought to be the one. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "commands.h"

#define WEEK_MS (7 * (int64_t)86400000)
#define FILES_SHOWN 8

struct candidate {
	const struct chat_session *session;
	size_t messages, n_files;
	int64_t first, last;
	int earlier; /* its files were written before the time in question */
	int branch;
	const char *file[FILES_SHOWN];
	long score;
};

static int by_score(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;

	if (x->score != y->score)
		return x->score > y->score ? -1 : 1;
	return x->last > y->last ? -1 : x->last < y->last;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Files of one message that the target has too, each once. */
static int count_files(const struct chat_target *t, const struct chat_message *m,
                       struct candidate *c)
{
	char *list = *m->files && t->n_files ? strdup(m->files) : NULL, *save = NULL;

	for (char *name = list ? strtok_r(list, "\n", &save) : NULL; name;
	     name = strtok_r(NULL, "\n", &save)) {
		char **at = bsearch(&name, t->file, t->n_files, sizeof *t->file, by_text);
		int was = 0;

		for (size_t k = 0; at && k < c->n_files && k < FILES_SHOWN; k++)
			was = was || c->file[k] == *at;
		if (!at || was)
			continue;
		if (c->n_files < FILES_SHOWN)
			c->file[c->n_files] = *at;
		c->n_files++;
	}
	free(list);
	return *m->files && t->n_files && !list ? SKP_EIO : 0;
}

static int weigh(struct chat_archive *a, const struct chat_target *t, int64_t from, int64_t to,
                 struct candidate *c)
{
	struct chat_view view = { .from = from, .to = to + 1 };
	struct chat_talk talk = { 0 };
	char branch[300];
	int rc = chat_talk_load(a, c->session, from, to, 0, &talk);

	c->first = c->last = CHAT_NO_TIME;
	for (size_t i = 0; !rc && i < talk.n; i++) {
		const struct chat_message *m = &talk.message[i];

		if (m->time < from || m->time > to)
			continue;
		rc = count_files(t, m, c) ? a->host->error(a->host, SKP_EIO, "out of memory") : 0;
		if (!chat_shown(&view, m))
			continue;
		c->messages++;
		if (c->first == CHAT_NO_TIME)
			c->first = m->time;
		c->last = m->time;
	}
	(void)snprintf(branch, sizeof branch, "\n%.290s\n", c->session->branch);
	c->branch = *c->session->branch && strstr(t->branch, branch) != NULL;
	c->score = (long)c->n_files * 1000 + (long)(c->messages < 500 ? c->messages : 500) +
	           (c->branch ? 100 : 0);
	chat_talk_free(&talk);
	return rc;
}

/* Sessions with something between from and to; with `files` those alone that wrote one of the
 * target's. */
static int gather(struct chat_archive *a, const struct chat_target *t, int64_t from, int64_t to,
                  int files, struct candidate **list, size_t *n)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < a->rows.n_sessions; i++) {
		struct candidate c = { .session = &a->rows.session[i], .earlier = files };
		struct candidate *grown;
		int was = 0;

		for (size_t k = 0; k < *n; k++)
			was = was || (*list)[k].session == c.session;
		if (was || c.session->ended < from || c.session->began > to)
			continue;
		rc = weigh(a, t, from, to, &c);
		if (rc || (files ? !c.n_files : !c.messages && !c.n_files))
			continue;
		grown = realloc(*list, (*n + 1) * sizeof *grown);
		if (!grown)
			return a->host->error(a->host, SKP_EIO, "out of memory");
		*list = grown;
		grown[(*n)++] = c;
	}
	if (!rc && *n)
		qsort(*list, *n, sizeof **list, by_score);
	return rc;
}

static void clock_of(int64_t ms, char out[20])
{
	time_t t = (time_t)(ms / 1000);
	struct tm tm;

	if (!localtime_r(&t, &tm) || !strftime(out, 20, "%Y-%m-%d %H:%M:%S", &tm))
		out[0] = '\0';
}

/* The reasons, a line each. */
static void reasons(struct skp_host *host, const struct chat_target *t, const struct candidate *c,
                    struct chat_buf *out)
{
	char first[20], last[20];

	if (c->messages) {
		clock_of(c->first, first);
		clock_of(c->last, last);
		(void)chat_buf_addf(out, "%zu messages from %s to %s, %s\n", c->messages, first,
		                    last,
		                    c->earlier     ? "in the week before"
		                    : *t->previous ? "between the one before and this one"
		                                   : "in the day before it");
	}
	if (c->n_files) {
		(void)chat_buf_adds(out, "wrote ");
		for (size_t i = 0; i < c->n_files && i < FILES_SHOWN; i++)
			(void)chat_buf_addf(out, "%s%s", i ? ", " : "",
			                    host->name(host, c->file[i]));
		if (c->n_files > FILES_SHOWN)
			(void)chat_buf_addf(out, " and %zu more", c->n_files - FILES_SHOWN);
		(void)chat_buf_adds(out, ", which changed in it\n");
	}
	if (c->branch)
		(void)chat_buf_addf(out, "on branch %s\n", host->name(host, c->session->branch));
}

static void print_one(struct skp_host *host, const struct chat_target *t, const struct candidate *c)
{
	struct chat_buf why = { 0 };
	char *save = NULL;

	reasons(host, t, c, &why);
	host->print(host, "%s%s%s  %s  %s\n", host->style(host, SKP_YELLOW),
	            host->text(host, c->session->id), host->style(host, SKP_PLAIN),
	            chat_tool_name(c->session->tool), host->text(host, c->session->title));
	for (char *p = why.s ? strtok_r(why.s, "\n", &save) : NULL; p;
	     p = strtok_r(NULL, "\n", &save))
		host->print(host, "    %s\n", p);
	chat_buf_free(&why);
}

static void json_one(struct skp_host *host, const struct chat_target *t, const struct candidate *c,
                     struct chat_buf *b)
{
	struct chat_buf why = { 0 };
	char *save = NULL;
	int any = 0;

	reasons(host, t, c, &why);
	(void)chat_buf_addc(b, '{');
	(void)chat_session_json(c->session, b);
	(void)chat_buf_addf(b, ",\"messages\":%zu,\"files\":%zu,\"same_branch\":%s,\"why\":[",
	                    c->messages, c->n_files, c->branch ? "true" : "false");
	for (char *p = why.s ? strtok_r(why.s, "\n", &save) : NULL; p;
	     p = strtok_r(NULL, "\n", &save)) {
		if (any++)
			(void)chat_buf_addc(b, ',');
		(void)chat_buf_json(b, p, strlen(p));
	}
	(void)chat_buf_adds(b, "]}");
	chat_buf_free(&why);
}

static int tell_json(struct skp_host *host, const struct chat_target *t,
                     const struct candidate *list, size_t n)
{
	struct chat_buf b = { 0 };
	char from[32], to[32];
	int rc;

	chat_stamp(t->from, from);
	chat_stamp(t->to, to);
	(void)chat_buf_addc(&b, '{');
	(void)chat_buf_field(&b, "id", t->id, strlen(t->id));
	(void)chat_buf_field(&b, "kind", t->kind, strlen(t->kind));
	(void)chat_buf_field(&b, "title", t->title, strlen(t->title));
	(void)chat_buf_field(&b, "from", from, strlen(from));
	(void)chat_buf_field(&b, "until", to, strlen(to));
	(void)chat_buf_adds(&b, ",\"sessions\":[");
	for (size_t i = 0; i < n; i++) {
		if (i)
			(void)chat_buf_addc(&b, ',');
		json_one(host, t, &list[i], &b);
	}
	rc = chat_buf_adds(&b, "]}") ? host->error(host, SKP_EIO, "out of memory")
	                             : host->json(host, b.s, b.n);
	chat_buf_free(&b);
	return rc;
}

static int answer(struct chat_archive *a, const struct skp_call *call, struct chat_target *t)
{
	struct candidate *list = NULL;
	struct skp_host *host = a->host;
	char from[20], to[20];
	size_t n = 0;
	int rc;

	if (t->n_files)
		qsort(t->file, t->n_files, sizeof *t->file, by_text);
	rc = gather(a, t, t->from, t->to, 0, &list, &n);
	if (!rc && (!n || !list[0].n_files)) /* said some time before */
		rc = gather(a, t, t->from - WEEK_MS, t->from - 1, 1, &list, &n);
	if (!rc && call->json) {
		rc = tell_json(host, t, list, n);
	} else if (!rc) {
		clock_of(t->from, from);
		clock_of(t->to, to);
		host->print(host, "%s %s  %s\n", t->kind, t->id, host->text(host, t->title));
		host->print(host, "%s to %s%s\n\n", from, to,
		            *t->previous ? "" : " (there is none before it)");
		for (size_t i = 0; i < n; i++)
			print_one(host, t, &list[i]);
	}
	if (!rc && !n)
		rc = host->error(host, SKP_ENO, "no archived conversation led to %s", t->id);
	free(list);
	return rc;
}

/* The way back: what was made during a session. */
static int backwards(struct skp_host *host, const struct skp_call *call,
                     const struct chat_session *s)
{
	struct chat_buf b = { 0 };
	int rc;

	if (!call->json)
		return chat_made_during(host, s, NULL);
	(void)chat_buf_addc(&b, '{');
	(void)chat_session_json(s, &b);
	rc = chat_made_during(host, s, &b);
	if (!rc)
		rc = chat_buf_addc(&b, '}') ? host->error(host, SKP_EIO, "out of memory")
		                            : host->json(host, b.s, b.n);
	chat_buf_free(&b);
	return rc;
}

int chat_cmd_for(struct skp_host *host, const struct skp_call *call)
{
	const struct chat_session *session = NULL;
	struct chat_target target = { 0 };
	struct chat_archive a;
	int rc = chat_args(host, call, 1, 1, "for COMMIT|ID|SESSION");

	if (rc || (rc = chat_archive_open(host, CHAT_SESSIONS, &a)))
		return rc;
	rc = chat_target_find(host, call->arg[1], &target);
	if (!rc) {
		rc = answer(&a, call, &target);
	} else if (rc == SKP_ENO || rc == SKP_EUSAGE) {
		rc = chat_pick(&a, call->arg[1], &session);
		if (rc == SKP_ENO)
			rc = host->error(host, SKP_ENO,
			                 "%s is no commit, backup or session that is known here",
			                 host->name(host, call->arg[1]));
		if (!rc)
			rc = backwards(host, call, session);
	}
	chat_target_free(&target);
	chat_archive_close(&a);
	return rc;
}
