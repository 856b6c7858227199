/* Topics: whole exchanges, what was asked with all that was answered to it. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"

#define MATCH_LIMIT 1000000u /* steps; a pattern that needs more is refused on that text */
#define DEPTH_LIMIT 1000u

struct filter {
	struct skp_host *host;
	pcre2_code *code;
	pcre2_match_data *data;
	pcre2_match_context *limits;
	struct chat_view view;
	struct chat_buf out;
	size_t exchanges, sessions, given_up;
};

static int compile(struct filter *f, const char *topic)
{
	PCRE2_UCHAR text[256];
	PCRE2_SIZE at;
	int error;

	f->code = pcre2_compile((PCRE2_SPTR)topic, PCRE2_ZERO_TERMINATED,
	                        PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_CASELESS |
	                                PCRE2_NEVER_BACKSLASH_C,
	                        &error, &at, NULL);
	if (!f->code) {
		(void)pcre2_get_error_message(error, text, sizeof text);
		return f->host->error(f->host, SKP_EUSAGE, "--topic: %s at byte %zu",
		                      (const char *)text, (size_t)at);
	}
	(void)pcre2_jit_compile(f->code, PCRE2_JIT_COMPLETE);
	f->data = pcre2_match_data_create_from_pattern(f->code, NULL);
	f->limits = pcre2_match_context_create(NULL);
	if (!f->data || !f->limits)
		return f->host->error(f->host, SKP_EIO, "out of memory");
	(void)pcre2_set_match_limit(f->limits, MATCH_LIMIT);
	(void)pcre2_set_depth_limit(f->limits, DEPTH_LIMIT);
	return 0;
}

static int matches(struct filter *f, const struct chat_message *m)
{
	int n = pcre2_match(f->code, (PCRE2_SPTR)m->text, m->len, 0, 0, f->data, f->limits);

	f->given_up += n < 0 && n != PCRE2_ERROR_NOMATCH;
	return n >= 0;
}

static void add_message(struct filter *f, const struct chat_session *s,
                        const struct chat_message *m)
{
	char who[80], cite[300];
	int text = f->view.form == CHAT_TEXT;

	if (f->view.form == CHAT_JSON || f->view.form == CHAT_JSONL) {
		(void)chat_message_json(s, m, &f->out);
		return;
	}
	chat_speaker(m, who);
	chat_cite(s, m, cite);
	(void)chat_buf_addf(&f->out, text ? "%s: " : "**%s**\n\n",
	                    f->view.escape ? f->host->text(f->host, who) : who);
	chat_add_text(f->host, m->text, m->len, f->view.escape, &f->out);
	(void)chat_buf_addf(&f->out, text ? "\n    (%s)\n\n" : "\n\n*%s*\n\n", cite);
}

/* Messages `from` to `to` of the talk, those that the view shows. */
static void add_exchange(struct filter *f, const struct chat_talk *talk, size_t from, size_t to)
{
	const struct chat_session *s = talk->session;
	char stamp[32], day[CHAT_DAY];
	int any = 0, json = f->view.form == CHAT_JSON || f->view.form == CHAT_JSONL;

	chat_day(talk->message[from].time, day);
	chat_stamp(talk->message[from].time, stamp);
	if (json) {
		if (f->exchanges && f->view.form == CHAT_JSON)
			(void)chat_buf_addc(&f->out, ',');
		(void)chat_buf_addc(&f->out, '{');
		(void)chat_buf_field(&f->out, "date", day, strlen(day));
		(void)chat_buf_field(&f->out, "session", s->id, strlen(s->id));
		(void)chat_buf_adds(&f->out, ",\"messages\":[");
	} else {
		(void)chat_buf_addf(&f->out, "%s%s - %s session %s%s%s\n\n",
		                    f->view.form == CHAT_MARKDOWN ? "## " : "== ", day,
		                    chat_tool_title(s->tool), s->id, *s->title ? ": " : "",
		                    f->view.escape ? f->host->text(f->host, s->title) : s->title);
	}
	for (size_t i = from; i < to; i++) {
		if (!chat_shown(&f->view, &talk->message[i]))
			continue;
		if (any++ && json)
			(void)chat_buf_addc(&f->out, ',');
		add_message(f, s, &talk->message[i]);
	}
	if (json)
		(void)chat_buf_adds(&f->out, f->view.form == CHAT_JSON ? "]}" : "]}\n");
	f->exchanges++;
}

static void filter_talk(struct filter *f, const struct chat_talk *talk)
{
	size_t before = f->exchanges;

	for (size_t i = 0, next; i < talk->n; i = next) {
		int hit = 0;

		for (next = i; next < talk->n; next++) {
			const struct chat_message *m = &talk->message[next];

			if (!chat_shown(&f->view, m))
				continue;
			if (next > i && m->role == CHAT_USER && !(m->flags & CHAT_SIDECHAIN))
				break;
			hit = hit || matches(f, m);
		}
		if (hit)
			add_exchange(f, talk, i, next);
	}
	f->sessions += f->exchanges > before;
}

static int filter_all(struct filter *f, struct chat_archive *a, const struct skp_call *call)
{
	const struct chat_session **list = NULL;
	size_t n = 0;
	int rc = chat_picked(a, call, &list, &n);

	for (size_t i = n; !rc && i-- > 0;) {
		struct chat_talk talk = { 0 };

		rc = chat_talk_load(a, list[i], f->view.from, f->view.to, f->view.traffic, &talk);
		if (!rc)
			filter_talk(f, &talk);
		chat_talk_free(&talk);
		f->host->progress(f->host, "looking through conversations", n - i, n);
	}
	free(list);
	return rc;
}

static int write_result(struct filter *f, const char *topic, const char *file, int json)
{
	struct skp_host *host = f->host;
	struct chat_buf whole = { 0 };
	int rc;

	if (f->view.form == CHAT_JSON) {
		(void)chat_buf_addc(&whole, '{');
		(void)chat_buf_field(&whole, "topic", topic, strlen(topic));
		(void)chat_buf_adds(&whole, ",\"exchanges\":[");
	} else if (f->view.form != CHAT_JSONL) {
		(void)chat_buf_addf(&whole, "%sTopic: %s\n\n",
		                    f->view.form == CHAT_MARKDOWN ? "# " : "", topic);
	}
	(void)chat_buf_add(&whole, chat_buf_str(&f->out), f->out.n);
	if (f->view.form == CHAT_JSON)
		(void)chat_buf_adds(&whole, "]}\n");
	if (chat_buf_ok(&whole) || chat_buf_ok(&f->out))
		rc = host->error(host, SKP_EIO, "out of memory");
	else if (file)
		rc = chat_write_file(host, file, whole.s, whole.n);
	else if (json)
		rc = host->json(host, whole.s, whole.n);
	else
		rc = (host->write(host, whole.s, whole.n), 0);
	chat_buf_free(&whole);
	if (rc || !file)
		return rc;
	host->note(host, "%zu exchanges of %zu sessions are in %s", f->exchanges, f->sessions,
	           host->name(host, file));
	chat_warn_worktree(host, file);
	return 0;
}

int chat_cmd_filter(struct skp_host *host, const struct skp_call *call)
{
	struct filter f = { .host = host };
	const char *topic = skp_value(call, "topic");
	struct chat_archive a;
	int rc = chat_args(host, call, 0, 0, "filter --topic RE [--output FILE]");

	if (!rc && !topic)
		rc = host->error(host, SKP_EUSAGE, "filter needs --topic RE");
	if (!rc)
		rc = chat_view_of(host, call, &f.view);
	if (!rc)
		rc = chat_when(host, call, "since", &f.view.from);
	if (!rc)
		rc = chat_when(host, call, "until", &f.view.to);
	f.view.escape = call->terminal && !skp_value(call, "output");
	if (!rc && call->json)
		f.view.form = CHAT_JSON;
	if (!rc)
		rc = compile(&f, topic);
	if (!rc && !(rc = chat_archive_open(host, CHAT_SESSIONS, &a))) {
		rc = filter_all(&f, &a, call);
		chat_archive_close(&a);
	}
	if (!rc && f.given_up)
		host->warn(host,
		           "the pattern was given up on %zu messages: it needs too many steps",
		           f.given_up);
	if (!rc && !f.exchanges)
		rc = host->error(host, SKP_ENO, "nothing that was said matches it");
	if (!rc)
		rc = write_result(&f, topic, skp_value(call, "output"), call->json);
	pcre2_match_context_free(f.limits);
	pcre2_match_data_free(f.data);
	pcre2_code_free(f.code);
	chat_buf_free(&f.out);
	return rc;
}
