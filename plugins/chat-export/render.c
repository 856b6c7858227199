/* render.c - a conversation as text, Markdown and JSON. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "transcript.h"

int chat_shown(const struct chat_view *view, const struct chat_message *m)
{
	char day[CHAT_DAY];

	if ((view->from != CHAT_NO_TIME && m->time < view->from) ||
	    (view->to != CHAT_NO_TIME && m->time >= view->to))
		return 0;
	chat_day(m->time, day);
	if (view->day && strcmp(view->day, day) != 0)
		return 0;
	if (m->role == CHAT_TITLE || m->role == CHAT_CONTROL)
		return 0;
	if (view->traffic)
		return 1;
	return (m->role == CHAT_USER || m->role == CHAT_ASSISTANT) && !m->rewound && m->len &&
	       !(m->flags & (CHAT_META | CHAT_SIDECHAIN | CHAT_COMMAND));
}

void chat_speaker(const struct chat_message *m, char out[80])
{
	static const char *const name[CHAT_ROLES] = { "Log",      "Damaged", "User",   "Assistant",
		                                      "Thinking", "Tool",    "Result", "System",
		                                      "Summary",  "Title",   "Control" };
	const char *who = name[m->role];

	if (m->role == CHAT_USER && m->flags & CHAT_META)
		who = "System";
	(void)snprintf(out, 80, "%s%s%s%.40s%s", m->flags & CHAT_SIDECHAIN ? "Subagent " : "", who,
	               m->role == CHAT_TOOL_CALL && *m->tool ? " " : "",
	               m->role == CHAT_TOOL_CALL ? m->tool : "", m->rewound ? " (taken back)" : "");
}

void chat_cite(const struct chat_session *s, const struct chat_message *m, char out[300])
{
	char day[CHAT_DAY];

	chat_day(m->time, day);
	(void)snprintf(out, 300, "%s, session %.80s, %.160s line %llu", day, s->id, m->raw,
	               (unsigned long long)m->number);
}

static void clock_of(int64_t ms, char out[10])
{
	time_t t = (time_t)(ms / 1000);
	struct tm tm;

	if (!localtime_r(&t, &tm) || !strftime(out, 10, "%H:%M:%S", &tm))
		(void)snprintf(out, 10, "--:--:--");
}

void chat_add_text(struct skp_host *host, const char *s, size_t n, int escape, struct chat_buf *out)
{
	const char *end = s + n;

	while (n && (end[-1] == '\n' || end[-1] == ' '))
		end--, n--;
	if (!escape) {
		(void)chat_buf_add(out, s, n);
		return;
	}
	for (const char *p = s; p < end;) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));
		size_t len = (size_t)((nl ? nl : end) - p), tab = 0;
		char *line = strndup(p, len);

		while (line && tab < strlen(line)) { /* tabs do no harm */
			size_t upto = tab + strcspn(line + tab, "\t");
			int more = line[upto] == '\t';

			line[upto] = '\0';
			(void)chat_buf_adds(out, host->text(host, line + tab));
			if (more)
				(void)chat_buf_addc(out, '\t');
			tab = upto + 1;
			if (!more)
				break;
		}
		free(line);
		if (nl)
			(void)chat_buf_addc(out, '\n');
		p += len + 1;
	}
}

static void heading(struct skp_host *host, const struct chat_talk *talk,
                    const struct chat_view *view, const char *day, int first, struct chat_buf *out)
{
	const struct chat_session *s = talk->session;
	const char *title = view->escape ? host->text(host, s->title) : s->title;

	if (view->form == CHAT_MARKDOWN)
		(void)chat_buf_addf(out, "%s# Chat History - %s\n\n", first ? "" : "\n", day);
	else
		(void)chat_buf_addf(out, "%sChat History - %s\n--------------------------\n\n",
		                    first ? "" : "\n", day);
	(void)chat_buf_addf(out, "%s session %s%s%s\n\n", chat_tool_title(s->tool), s->id,
	                    *title ? ": " : "", title);
}

static void message(struct skp_host *host, const struct chat_message *m,
                    const struct chat_view *view, struct chat_buf *out)
{
	char at[10], who[80];

	clock_of(m->time, at);
	chat_speaker(m, who);
	if (view->form == CHAT_MARKDOWN) {
		(void)chat_buf_addf(out, "## [%s] %s\n\n", at, who);
		if (m->role == CHAT_TOOL_CALL || m->role == CHAT_TOOL_RESULT)
			(void)chat_buf_adds(out, "```\n");
	} else {
		(void)chat_buf_addf(out, "[%s] %s: ", at,
		                    view->escape ? host->text(host, who) : who);
	}
	chat_add_text(host, m->text, m->len, view->escape, out);
	if (m->cut)
		(void)chat_buf_addf(out, "\n[... %zu bytes in all; --raw has them]", m->cut);
	if (view->form == CHAT_MARKDOWN &&
	    (m->role == CHAT_TOOL_CALL || m->role == CHAT_TOOL_RESULT))
		(void)chat_buf_adds(out, "\n```");
	(void)chat_buf_adds(out, "\n\n");
}

static void stamp_field(struct chat_buf *b, const char *key, int64_t ms)
{
	char text[32];

	if (ms == CHAT_NO_TIME) {
		(void)chat_buf_addf(b, "%s\"%s\":null", b->s[b->n - 1] == '{' ? "" : ",", key);
		return;
	}
	chat_stamp(ms, text);
	(void)chat_buf_field(b, key, text, strlen(text));
}

int chat_session_json(const struct chat_session *s, struct chat_buf *b)
{
	(void)chat_buf_field(b, "id", s->id, strlen(s->id));
	(void)chat_buf_field(b, "tool", chat_tool_name(s->tool), strlen(chat_tool_name(s->tool)));
	(void)chat_buf_field(b, "title", s->title, strlen(s->title));
	stamp_field(b, "began", s->began);
	stamp_field(b, "ended", s->ended);
	(void)chat_buf_addf(b, ",\"user_messages\":%llu,\"assistant_messages\":%llu",
	                    (unsigned long long)s->users, (unsigned long long)s->answers);
	(void)chat_buf_field(b, "branch", s->branch, strlen(s->branch));
	(void)chat_buf_field(b, "model", s->model, strlen(s->model));
	(void)chat_buf_field(b, "cwd", s->cwd, strlen(s->cwd));
	(void)chat_buf_adds(b, ",\"days\":[");
	for (size_t i = 0; i < s->n_days; i++)
		(void)chat_buf_addf(b, "%s\"%s\"", i ? "," : "", s->day[i]);
	return chat_buf_addc(b, ']');
}

int chat_message_json(const struct chat_session *s, const struct chat_message *m,
                      struct chat_buf *b)
{
	(void)chat_buf_addc(b, '{');
	stamp_field(b, "time", m->time);
	(void)chat_buf_field(b, "session", s->id, strlen(s->id));
	(void)chat_buf_field(b, "role", chat_role_name(m->role), strlen(chat_role_name(m->role)));
	if (*m->tool)
		(void)chat_buf_field(b, "tool", m->tool, strlen(m->tool));
	if (*m->agent)
		(void)chat_buf_field(b, "agent", m->agent, strlen(m->agent));
	(void)chat_buf_field(b, "text", m->text, m->len);
	if (m->rewound)
		(void)chat_buf_adds(b, ",\"taken_back\":true");
	(void)chat_buf_field(b, "raw", m->raw, strlen(m->raw));
	return chat_buf_addf(b, ",\"line\":%llu,\"offset\":%llu}", (unsigned long long)m->number,
	                     (unsigned long long)m->offset);
}

static int render_json(const struct chat_talk *talk, const struct chat_view *view,
                       struct chat_buf *out)
{
	int any = 0;

	if (view->form == CHAT_JSON) {
		(void)chat_buf_addc(out, '{');
		(void)chat_session_json(talk->session, out);
		(void)chat_buf_adds(out, ",\"messages\":[");
	}
	for (size_t i = 0; i < talk->n; i++) {
		if (!chat_shown(view, &talk->message[i]))
			continue;
		if (any++ && view->form == CHAT_JSON)
			(void)chat_buf_addc(out, ',');
		(void)chat_message_json(talk->session, &talk->message[i], out);
		if (view->form == CHAT_JSONL)
			(void)chat_buf_addc(out, '\n');
	}
	if (view->form == CHAT_JSON)
		(void)chat_buf_adds(out, "]}");
	return chat_buf_ok(out);
}

int chat_render(struct skp_host *host, const struct chat_talk *talk, const struct chat_view *view,
                char day[CHAT_DAY], struct chat_buf *out)
{
	char today[CHAT_DAY];
	int began = 0;

	if (view->form == CHAT_JSON || view->form == CHAT_JSONL)
		return render_json(talk, view, out) ? host->error(host, SKP_EIO, "out of memory")
		                                    : 0;
	for (size_t i = 0; i < talk->n; i++) {
		const struct chat_message *m = &talk->message[i];

		if (!chat_shown(view, m))
			continue;
		chat_day(m->time, today);
		if (!began++ || strcmp(today, day) != 0)
			heading(host, talk, view, today, !*day, out);
		memcpy(day, today, CHAT_DAY);
		message(host, m, view, out);
	}
	return chat_buf_ok(out) ? host->error(host, SKP_EIO, "out of memory") : 0;
}
