/* opencode: opencode.db with the tables session (directory, parent_id, title), message and part,
 * whose `data` is JSON.  A unit is a session {"session":{...}} or a message with its parts
 * {"message":{...},"parts":[{...}]}, made here from the rows, in order of time. */
#include "parse_sqlite.h"

#include <string.h>

/* --- units out of rows --- */

/* A column's text: JSON as it is, anything else as a string. */
static void add_data(struct chat_parser *p, struct chat_buf *b, struct chat_text data)
{
	enum chat_damage damage;

	if (jtree_parse(&p->tree, data.s, data.n, &damage) || damage)
		chat_buf_json(b, data.s, data.n);
	else
		for (size_t i = 0; i < data.n; i++) /* one line */
			chat_buf_addc(b, data.s[i] == '\n' || data.s[i] == '\r' ? ' ' : data.s[i]);
}

static void add_row(struct chat_parser *p, struct chat_buf *b, sqlite3_stmt *stmt)
{
	static const char *const texts[] = { "id", "parent_id", "directory", "title", "revert" };
	static const char *const numbers[] = { "time_created", "time_updated" };
	struct chat_text data = column(stmt, "data");

	chat_buf_addc(b, '{');
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		struct chat_text text = column(stmt, texts[i]);

		if (text.n)
			chat_buf_field(b, texts[i], text.s, text.n);
	}
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
		if (column_number(stmt, numbers[i]))
			chat_buf_addf(b, "%s\"%s\":%lld", b->s[b->n - 1] == '{' ? "" : ",",
			              numbers[i], (long long)column_number(stmt, numbers[i]));
	if (data.n) {
		chat_buf_adds(b, b->s[b->n - 1] == '{' ? "\"data\":" : ",\"data\":");
		add_data(p, b, data);
	}
	chat_buf_addc(b, '}');
}

static int give(struct chat_parser *p, struct chat_buf *b, struct chat_text key)
{
	if (b->oom)
		return parser_fail(p, SKP_EIO, "out of memory");
	if (b->n > CHAT_MAX_UNIT)
		return unit_damaged(p, NOTHING, 0, b->n, CHAT_TOO_LONG);
	return unit_json(p, b->s, b->n, 0, b->n, key);
}

static int message_rows(struct database *d, sqlite3_stmt *message, sqlite3_stmt *parts)
{
	struct chat_buf b = { 0 };
	struct chat_text id = column(message, "id");
	int n = 0, rc;

	chat_buf_adds(&b, "{\"message\":");
	add_row(d->p, &b, message);
	chat_buf_adds(&b, ",\"parts\":[");
	sqlite3_reset(parts);
	sqlite3_bind_text(parts, 1, id.s, (int)id.n, SQLITE_STATIC);
	while (b.n <= CHAT_MAX_UNIT && database_row(d, parts)) {
		if (n++)
			chat_buf_addc(&b, ',');
		add_row(d->p, &b, parts);
	}
	chat_buf_adds(&b, "]}");
	rc = d->p->stop ? d->p->stop : give(d->p, &b, id);
	chat_buf_free(&b);
	return rc;
}

static int session_rows(struct database *d, sqlite3_stmt *session, sqlite3_stmt *messages,
                        sqlite3_stmt *parts)
{
	struct chat_parser *p = d->p;
	struct chat_text id = column(session, "id"), parent = column(session, "parent_id");
	struct chat_buf b = { 0 };

	REMEMBER(p, cwd, column(session, "directory"));
	REMEMBER(p, session, parent.n ? parent : id);
	REMEMBER(p, agent, parent.n ? id : NOTHING);
	sqlite3_reset(messages);
	sqlite3_bind_text(messages, 1, id.s, (int)id.n, SQLITE_STATIC);
	while (database_row(d, messages))
		message_rows(d, messages, parts);
	if (!p->stop) { /* behind its messages: what it says of a revert is about them */
		chat_buf_adds(&b, "{\"session\":");
		add_row(p, &b, session);
		chat_buf_addc(&b, '}');
		give(p, &b, id);
	}
	chat_buf_free(&b);
	return p->stop;
}

int parse_opencode(struct chat_parser *p, const struct chat_source *source)
{
	sqlite3_stmt *sessions = NULL, *messages = NULL, *parts = NULL;
	struct database d;

	if (database_open(&d, p, source->path))
		goto out;
	sessions = database_ask(&d, "SELECT * FROM session ORDER BY time_created, id");
	if (sessions)
		messages = database_ask(&d, "SELECT * FROM message WHERE session_id = ?1 "
		                            "ORDER BY time_created, id");
	if (messages)
		parts = database_ask(&d, "SELECT * FROM part WHERE message_id = ?1 ORDER BY id");
	while (parts && database_row(&d, sessions)) {
		struct chat_text where = column(sessions, "directory");

		if (!p->plan.repo || chat_belongs(p->plan.repo, where.s, where.n) == CHAT_OURS)
			session_rows(&d, sessions, messages, parts);
	}
out:
	sqlite3_finalize(sessions);
	sqlite3_finalize(messages);
	sqlite3_finalize(parts);
	return database_close(&d);
}

/* --- records out of units --- */

struct lens {
	struct chat_parser *p;
	const struct jnode *data; /* of the message */
	struct chat_text id, parent, model;
	int64_t time;
	int user, summary;
};

static struct chat_record *begin(const struct lens *l, enum chat_role role,
                                 const struct jnode *part)
{
	struct chat_record *rec = rec_begin(l->p, role);

	rec->flags |= CHAT_REPLACES;
	rec->id = l->id;
	rec->parent = l->parent;
	rec->model = l->model;
	rec->time = l->time;
	if (part)
		rec->raw = j_raw(&l->p->tree, part);
	return rec;
}

static int tool(const struct lens *l, const struct jnode *part, const struct jnode *data)
{
	struct chat_tree *t = &l->p->tree;
	const struct jnode *state = j_get(t, data, "state");
	struct chat_record *rec = begin(l, CHAT_TOOL_CALL, part);
	const struct jnode *output = j_get(t, state, "output"), *error = j_get(t, state, "error");
	struct chat_text call = j_string(t, j_get(t, data, "callID"));
	struct chat_text name = j_string(t, j_get(t, data, "tool"));

	rec->call = call;
	rec->tool = name;
	rec->text = value_text(l->p, j_get(t, state, "input"));
	if (rec_emit(l->p) || (!output && !error))
		return l->p->stop;
	rec = begin(l, CHAT_TOOL_RESULT, part);
	rec->call = call;
	rec->tool = name;
	rec->text = value_text(l->p, error ? error : output);
	if (!l->p->mem.agent[0])
		rec->agent = j_string(t, j_get2(t, state, "metadata", "sessionId"));
	if (error)
		rec->flags |= CHAT_ERROR;
	return rec_emit(l->p);
}

static int part_record(const struct lens *l, const struct jnode *part)
{
	struct chat_tree *t = &l->p->tree;
	const struct jnode *data = j_get(t, part, "data"), *type = j_get(t, data, "type");
	struct chat_record *rec;

	if (j_equal(type, "tool"))
		return tool(l, part, data);
	if (j_equal(type, "reasoning")) {
		rec = begin(l, CHAT_THINKING, part);
		rec->text = j_string(t, j_get(t, data, "text"));
		return rec->text.n ? rec_emit(l->p) : 0;
	}
	if (j_equal(type, "file")) {
		rec = begin(l, l->user ? CHAT_USER : CHAT_ASSISTANT, part);
		if (text_starts(j_string(t, j_get(t, data, "mime")), "image/")) {
			struct chat_text url = j_string(t, j_get(t, data, "url"));

			rec->text = TEXT("[image]");
			rec_image(l->p, j_string(t, j_get(t, data, "mime")),
			          text_starts(url, "data:") ? url : NOTHING,
			          j_string(t, j_get(t, data, "filename")), 0);
		} else {
			rec->role = CHAT_SYSTEM;
			rec->flags |= CHAT_META;
			rec->text = j_string(t, j_get(t, data, "filename"));
		}
		return rec->text.n ? rec_emit(l->p) : 0;
	}
	if (!j_equal(type, "text"))
		return 0;
	rec = begin(l, l->summary ? CHAT_SUMMARY : l->user ? CHAT_USER : CHAT_ASSISTANT, part);
	rec->text = j_string(t, j_get(t, data, "text"));
	if (j_true(j_get(t, data, "synthetic"))) {
		rec->flags |= CHAT_META;
		rec->role = CHAT_SYSTEM;
	}
	return rec->text.n ? rec_emit(l->p) : 0;
}

static int session_record(struct chat_parser *p, const struct jnode *session)
{
	struct chat_tree *t = &p->tree;
	struct chat_text id = j_string(t, j_get(t, session, "id")), revert;
	struct chat_record *rec = rec_begin(p, p->mem.agent[0] ? CHAT_SYSTEM : CHAT_TITLE);
	const struct jnode *back = j_get(t, session, "revert");
	static const char key[] = "\"messageID\":\"";
	const char *at, *end;

	rec->id = id;
	rec->flags |= CHAT_REPLACES;
	rec->time = node_time(p, j_get(t, session, "time_created"));
	rec->text = j_string(t, j_get(t, session, "title"));
	if (!rec->text.n)
		rec->role = CHAT_UNKNOWN;
	if (rec_emit(p) || !j_is(back, J_STRING))
		return p->stop;
	/* {"messageID":"msg_..."}: it and what follows is taken back */
	revert = j_string(t, back);
	at = text_find(revert, key);
	if (!at)
		return 0;
	at += sizeof(key) - 1;
	end = memchr(at, '"', (size_t)(revert.s + revert.n - at));
	rec = rec_begin(p, CHAT_CONTROL);
	rec->id = id;
	rec->flags |= CHAT_REPLACES;
	rec->text = (struct chat_text){ at, end ? (size_t)(end - at) : 0 };
	return rec->text.n ? rec_emit(p) : 0;
}

static int opencode(struct chat_parser *p, const struct jnode *root)
{
	struct chat_tree *t = &p->tree;
	const struct jnode *message = j_get(t, root, "message"), *parts = j_get(t, root, "parts");
	const struct jnode *data = j_get(t, message, "data");
	struct lens l = { .p = p, .data = data };

	p->mem.time = CHAT_NO_TIME;
	if (!message)
		return session_record(p, j_get(t, root, "session"));
	l.id = j_string(t, j_get(t, message, "id"));
	l.parent = j_string(t, j_get(t, data, "parentID"));
	l.user = j_equal(j_get(t, data, "role"), "user");
	l.summary = !l.user && j_true(j_get(t, data, "summary"));
	l.model = l.user ? NOTHING : j_string(t, j_get(t, data, "modelID"));
	l.time = node_time(p, j_get2(t, data, "time", "created"));
	if (l.time == CHAT_NO_TIME)
		l.time = node_time(p, j_get(t, message, "time_created"));
	if (j_is(parts, J_ARRAY))
		for (const struct jnode *c = j_first(t, parts); c && !p->stop;
		     c = j_next(t, parts, c))
			part_record(&l, c);
	if (!p->in_unit && !p->stop) {
		begin(&l, CHAT_UNKNOWN, NULL);
		rec_emit(p);
	}
	return p->stop;
}

const struct format format_opencode = { .split = SPLIT_DOCUMENT, .json = opencode };
