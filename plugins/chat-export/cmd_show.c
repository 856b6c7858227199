#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"

/* Raw logs */

static int print_line(void *arg, uint64_t number, const char *s, size_t len)
{
	struct skp_host *host = arg;

	(void)number;
	host->write(host, s, len);
	host->write(host, "\n", 1);
	return 0;
}

static int print_first(void *arg, uint64_t number, const char *s, size_t len)
{
	(void)print_line(arg, number, s, len);
	return 1;
}

static int has_session(const struct chat_read *r, const char *name)
{
	for (size_t i = 0; i < r->n_sessions; i++)
		if (strcmp(r->session[i], name) == 0)
			return 1;
	return 0;
}

/* All of a log that is the session's own. */
static int print_log(struct chat_archive *a, const struct chat_read *r)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < a->n_usage; i++) {
		rc = chat_archive_read(a, a->usage[i].day, "raw", r->name, 0, print_line, a->host);
		if (rc == SKP_ENO)
			rc = 0;
	}
	return rc;
}

/* Of one that has many sessions: the lines that this one's records are from. */
static int print_cited(struct chat_archive *a, const struct chat_session *s,
                       const struct chat_read *r)
{
	struct chat_talk talk = { 0 };
	uint64_t last = 0;
	int rc = chat_talk_load(a, s, CHAT_NO_TIME, CHAT_NO_TIME, 0, &talk);

	for (size_t i = 0; !rc && i < talk.n; i++) {
		const struct chat_message *m = &talk.message[i];
		const char *slash = strrchr(m->raw, '/');
		char day[CHAT_DAY];

		if (!slash || strcmp(slash + 1, r->name) != 0 || m->number == last)
			continue;
		(void)snprintf(day, sizeof day, "%.7s-%.2s", m->raw, m->raw + 8);
		rc = chat_archive_read(a, day, "raw", r->name, m->number, print_first, a->host);
		if (rc == 1 || rc == SKP_ENO)
			rc = 0;
		last = m->number;
	}
	chat_talk_free(&talk);
	return rc;
}

static int show_raw(struct chat_archive *a, const struct chat_session *s)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < a->rows.n_reads; i++) {
		const struct chat_read *r = &a->rows.read[i];

		if (!has_session(r, s->name))
			continue;
		rc = r->n_sessions == 1 ? print_log(a, r) : print_cited(a, s, r);
	}
	return rc;
}

static int show_json(struct skp_host *host, const struct chat_talk *talk, struct chat_view *view)
{
	struct chat_buf b = { 0 };
	char day[CHAT_DAY] = "";
	int rc;

	view->form = CHAT_JSON;
	rc = chat_render(host, talk, view, day, &b);
	if (!rc)
		b.n--; /* the brace, for what follows */
	if (!rc)
		rc = chat_made_during(host, talk->session, &b);
	if (!rc)
		rc = chat_buf_addc(&b, '}') ? host->error(host, SKP_EIO, "out of memory")
		                            : host->json(host, b.s, b.n);
	chat_buf_free(&b);
	return rc;
}

static int show_text(struct skp_host *host, const struct skp_call *call,
                     const struct chat_talk *talk, struct chat_view *view)
{
	struct chat_buf b = { 0 };
	char day[CHAT_DAY] = "";
	int rc;

	view->escape = call->terminal;
	(void)host->pager(host);
	rc = chat_render(host, talk, view, day, &b);
	if (!rc && !b.n)
		host->note(host, "%s",
		           !talk->n        ? "its logs were dropped or purged"
		           : view->traffic ? "nothing was said in it"
		                           : "nothing was said in it; --tools shows the rest");
	if (!rc)
		host->write(host, chat_buf_str(&b), b.n);
	chat_buf_free(&b);
	if (!rc && (view->form == CHAT_TEXT || view->form == CHAT_MARKDOWN))
		rc = chat_made_during(host, talk->session, NULL);
	return rc;
}

int chat_cmd_show(struct skp_host *host, const struct skp_call *call)
{
	const struct chat_session *session = NULL;
	struct chat_talk talk = { 0 };
	struct chat_archive a;
	struct chat_view view;
	int rc = chat_args(host, call, 0, 1, "show [SESSION] [--tools|--raw]");

	if (!rc && call->json && skp_has(call, "raw"))
		rc = host->error(host, SKP_EUSAGE, "--raw gives JSON lines already");
	if (!rc)
		rc = chat_view_of(host, call, &view);
	if (rc ||
	    (rc = chat_archive_open(
	             host, skp_has(call, "raw") ? CHAT_READS | CHAT_SESSIONS : CHAT_SESSIONS, &a)))
		return rc;
	rc = chat_pick(&a, call->n_arg > 1 ? call->arg[1] : NULL, &session);
	if (!rc && skp_has(call, "raw")) {
		(void)host->pager(host);
		rc = show_raw(&a, session);
	} else if (!rc) {
		rc = chat_talk_load(&a, session, CHAT_NO_TIME, CHAT_NO_TIME, view.traffic, &talk);
		if (!rc)
			rc = call->json ? show_json(host, &talk, &view)
			                : show_text(host, call, &talk, &view);
	}
	chat_talk_free(&talk);
	chat_archive_close(&a);
	return rc;
}
