#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "commands.h"

struct out {
	struct skp_host *host;
	const struct skp_call *call;
	struct chat_view view;
	const char *file, *folder;
	struct chat_buf text; /* for one file, or standard output */
	char day[CHAT_DAY];
	size_t sessions, any;
};

static const char *ending(enum chat_form form)
{
	static const char *const name[] = { "txt", "md", "json", "jsonl" };

	return name[form];
}

/* Date and id are in the name: sessions of one title never meet. */
static int to_folder(struct out *o, const struct chat_talk *talk)
{
	struct chat_buf path = { 0 };
	char day[CHAT_DAY];
	int rc;

	chat_day(talk->session->began, day);
	(void)chat_buf_addf(&path, "%s/%s_%s.%s", o->folder, day, talk->session->name,
	                    ending(o->view.form));
	rc = chat_buf_ok(&path)
	             ? o->host->error(o->host, SKP_EIO, "out of memory")
	             : chat_write_file(o->host, path.s, chat_buf_str(&o->text), o->text.n);
	if (!rc)
		o->host->print(o->host, "%s\n",
		               o->call->terminal ? o->host->name(o->host, path.s) : path.s);
	chat_buf_clear(&o->text);
	o->day[0] = '\0';
	chat_buf_free(&path);
	return rc;
}

static int add_session(struct out *o, struct chat_archive *a, const struct chat_session *s)
{
	struct chat_talk talk = { 0 };
	size_t before;
	int rc = chat_talk_load(a, s, o->view.from, o->view.to, o->view.traffic, &talk);

	if (!rc && !o->folder && o->view.form == CHAT_JSON)
		rc = chat_buf_adds(&o->text, o->any ? ",\n" : "");
	before = o->text.n;
	if (!rc)
		rc = chat_render(o->host, &talk, &o->view, o->day, &o->text);
	if (!rc && o->text.n > before) {
		o->any++;
		if (o->folder)
			rc = to_folder(o, &talk);
	}
	chat_talk_free(&talk);
	return rc;
}

static int has_day(const struct chat_session *s, const char *day)
{
	for (size_t i = 0; i < s->n_days; i++)
		if (strcmp(s->day[i], day) == 0)
			return 1;
	return 0;
}

/* Oldest first, as they are read. */
static int add_all(struct out *o, struct chat_archive *a, int many)
{
	const struct chat_session **list = NULL, *one = NULL;
	const char *word = o->call->n_arg > 1 ? o->call->arg[1] : NULL;
	size_t n = 0;
	int rc;

	if (!many) {
		rc = chat_pick(a, word, &one);
		return rc ? rc : add_session(o, a, one);
	}
	if (word)
		return o->host->error(o->host, SKP_EUSAGE, "a session, or --all or --day");
	rc = chat_picked(a, o->call, &list, &n);
	if (!rc && n && o->view.form == CHAT_JSON && !o->folder)
		(void)chat_buf_adds(&o->text, "{\"sessions\":[");
	for (size_t i = n; !rc && i-- > 0;)
		if (!o->view.day || has_day(list[i], o->view.day))
			rc = add_session(o, a, list[i]);
	if (!rc && n && o->view.form == CHAT_JSON && !o->folder)
		(void)chat_buf_adds(&o->text, "]}");
	free(list);
	return rc;
}

static int check(struct out *o)
{
	if (o->file && o->folder)
		return o->host->error(o->host, SKP_EUSAGE, "--output or --dir, not both");
	if (!o->folder)
		return 0;
	if (mkdir(o->folder, 0700) != 0 && errno != EEXIST)
		return o->host->error(o->host, SKP_EIO, "cannot make %s: %s",
		                      o->host->name(o->host, o->folder), strerror(errno));
	return 0;
}

static int finish(struct out *o)
{
	int rc = 0;

	if (!o->any)
		return o->host->error(o->host, SKP_ENO, "there is nothing to export%s",
		                      o->view.day ? " of that day" : "");
	if (o->view.form == CHAT_JSON && !o->folder)
		(void)chat_buf_addc(&o->text, '\n');
	if (chat_buf_ok(&o->text))
		return o->host->error(o->host, SKP_EIO, "out of memory");
	if (o->file) {
		rc = chat_write_file(o->host, o->file, o->text.s, o->text.n);
		if (!rc)
			o->host->note(o->host, "%zu sessions are in %s", o->any,
			              o->host->name(o->host, o->file));
	} else if (!o->folder && o->call->json) {
		rc = o->host->json(o->host, o->text.s, o->text.n);
	} else if (!o->folder) {
		o->host->write(o->host, o->text.s, o->text.n);
	}
	if (!rc && o->file)
		chat_warn_worktree(o->host, o->file);
	if (!rc && o->folder) {
		struct chat_buf below = { 0 };

		if (chat_buf_addf(&below, "%s/", o->folder) == 0)
			chat_warn_worktree(o->host, below.s);
		chat_buf_free(&below);
	}
	return rc;
}

int chat_cmd_export(struct skp_host *host, const struct skp_call *call)
{
	struct out o = { .host = host,
		         .call = call,
		         .file = skp_value(call, "output"),
		         .folder = skp_value(call, "dir") };
	struct chat_archive a;
	int rc = chat_args(host, call, 0, 1, "export [SESSION|--all|--day DAY] [--output FILE]");

	if (!rc)
		rc = chat_view_of(host, call, &o.view);
	if (!rc)
		rc = check(&o);
	if (rc || (rc = chat_archive_open(host, CHAT_SESSIONS, &a)))
		return rc;
	if (call->json && (o.file || o.folder || skp_has(call, "format"))) {
		rc = host->error(host, SKP_EUSAGE,
		                 "--json is for standard output; --format json writes files");
		goto out;
	}
	if (call->json)
		o.view.form = CHAT_JSON;
	o.view.escape = call->terminal && !o.file && !o.folder;
	rc = add_all(&o, &a, skp_has(call, "all") || o.view.day);
	if (!rc)
		rc = finish(&o);
out:
	chat_buf_free(&o.text);
	chat_archive_close(&a);
	return rc;
}
