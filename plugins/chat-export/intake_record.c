/* intake_record.c - units and records on their way into the raw and the cleaned log. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "files.h"
#include "intake.h"

#define CUT 2000       /* of a tool's traffic, bytes that the cleaned log keeps */
#define CUT_LOOK 16384 /* of it, looked at for secrets before it is cut */
#define CUT_EDGE 8192  /* longer than any secret */
#define TITLE_CUT 100
#define DAY_MS 86400000

static int oom(struct chat_intake *x)
{
	return x->a->host->error(x->a->host, SKP_EIO, "out of memory");
}

static int stop(struct chat_intake *x, int rc)
{
	x->fatal = rc;
	return rc;
}

/* That of the record; of one that has none, or a day that is still to come: of the one before. */
static int64_t time_of(const struct chat_intake *x, int64_t time)
{
	if (time != CHAT_NO_TIME && time > x->now_ms + DAY_MS)
		time = CHAT_NO_TIME;
	if (time == CHAT_NO_TIME)
		time = x->row->time;
	if (time == CHAT_NO_TIME)
		time = x->src->mtime_ns / 1000000;
	return time;
}

/* The unit's raw line goes to the day of its first record, or to that of its predecessor. */
static int place(struct chat_intake *x, int64_t time)
{
	struct chat_read *row = x->row;
	char day[CHAT_DAY];
	int rc;

	if (x->placed || x->skip)
		return 0;
	if (x->old) { /* only what is new of it */
		chat_buf_clear(&x->line);
		if (chat_buf_adds(&x->line, CHAT_PURGED_LINE))
			return stop(x, oom(x));
	}
	time = time_of(x, time);
	chat_day(time > x->now_ms ? x->now_ms : time, day);
	if (strcmp(day, row->day) < 0)
		memcpy(day, row->day, sizeof day);
	rc = chat_archive_line(x->a, day, "raw", row->name, chat_buf_str(&x->line), x->line.n,
	                       row->lines + 1, &x->number);
	if (rc)
		return stop(x, rc);
	memcpy(row->day, day, sizeof day);
	row->lines = x->number;
	row->dirty = 1;
	x->placed = 1;
	x->sync->units++;
	return 0;
}

int chat_end_unit(struct chat_intake *x)
{
	int rc = x->line.n && !x->old ? place(x, CHAT_NO_TIME) : 0;

	chat_buf_clear(&x->line);
	return rc;
}

int chat_on_unit(void *arg, const struct chat_unit *unit)
{
	struct chat_intake *x = arg;
	char hash[33];
	int was = 0, rc = chat_end_unit(x);

	if (!rc && x->src->kind != CHAT_LINES && chat_expired(x->sync))
		return CHAT_STOPPED;

	if (!rc && (rc = chat_redact_unit(x->r, unit, &x->line, &x->secrets)))
		return stop(x, rc);
	if (rc)
		return rc;
	x->placed = 0;
	x->old = chat_seen_has(&x->old_units, unit->number);
	x->offset = unit->offset;
	x->sync->damaged += unit->damage != CHAT_FINE && unit->damage != CHAT_NOT_JSON;
	if (x->again && chat_seen_add(&x->raw_seen, XXH3_64bits(x->line.s, x->line.n), &was))
		return stop(x, oom(x));
	if (!was && x->a->purged.n) {
		chat_hash_line(x->line.s, x->line.n, hash);
		was = chat_purged_has(x->a, 'l', hash);
	}
	x->skip = was;
	return 0;
}

/* A short field as it may be stored; the same one comes again and again. */
static int small(struct chat_intake *x, size_t slot, struct chat_text text, const char **out)
{
	struct chat_small *s = &x->small[slot];
	int rc = 0;

	if (s->from.n != text.n || (text.n && memcmp(s->from.s, text.s, text.n) != 0)) {
		chat_buf_clear(&s->from);
		chat_buf_clear(&s->to);
		rc = chat_redact_text(x->r, text.s, text.n, &s->to);
		if (!rc && chat_buf_add(&s->from, text.s, text.n))
			rc = oom(x);
	}
	if (!rc)
		*out = chat_buf_str(&s->to);
	return rc ? stop(x, rc) : 0;
}

/* Sessions */

static int find_session(struct chat_intake *x, const char *id, const char *day)
{
	struct chat_buf name = { 0 };
	struct chat_session *s;
	char hash[33];
	int rc = chat_log_name(x->src->tool, id, strlen(id), &name) ? oom(x) : 0;

	if (!rc) {
		chat_hash_line(name.s, name.n, hash);
		x->purged = chat_purged_has(x->a, 's', hash);
	}
	if (!rc && !x->purged && !(s = chat_rows_session(&x->a->rows, name.s))) {
		rc = chat_rows_add_session(&x->a->rows, id, name.s, day, &s) ? oom(x) : 0;
		if (!rc) {
			s->tool = x->src->tool;
			x->sync->new_sessions++;
		}
	}
	if (!rc && !x->purged) {
		x->session = (size_t)(s - x->a->rows.session);
		rc = chat_read_joins(x->row, s->name) ? oom(x) : 0;
	}
	chat_buf_free(&name);
	return rc;
}

/* The row of the record's session, made when it is new.  NULL: it was purged. */
static int session_of(struct chat_intake *x, const struct chat_record *rec, int64_t time,
                      struct chat_session **out)
{
	struct chat_text id = rec->session;
	char day[CHAT_DAY];
	const char *text = NULL;
	int rc;

	if (!id.n)
		id = (struct chat_text){ x->src->session, strlen(x->src->session) };
	if (!id.n)
		id = (struct chat_text){ x->row->name, strlen(x->row->name) };
	if ((rc = small(x, 0, id, &text)))
		return rc;
	if (!x->has_session || strcmp(chat_buf_str(&x->session_id), text) != 0) {
		chat_day(time, day);
		chat_buf_clear(&x->session_id);
		rc = chat_buf_adds(&x->session_id, text) ? oom(x) : find_session(x, text, day);
		x->has_session = !rc;
	}
	*out = rc || x->purged ? NULL : &x->a->rows.session[x->session];
	return rc ? stop(x, rc) : 0;
}

static int set_if(struct chat_session *s, char **field, const char *text)
{
	if (!*text || strcmp(*field, text) == 0)
		return 0;
	s->dirty = 1;
	return chat_set(field, text, strlen(text));
}

static size_t title_len(const char *s, size_t n)
{
	size_t len = 0;

	while (len < n && len < TITLE_CUT && s[len] != '\n' && s[len] != '\r')
		len++;
	while (len && len < n && ((unsigned char)s[len] & 0xc0) == 0x80)
		len--;
	return len;
}

static int set_title(struct chat_session *s, const struct chat_record *rec, const char *text,
                     size_t n)
{
	int first = rec->role == CHAT_USER && !*s->title &&
	            !(rec->flags & (CHAT_META | CHAT_SIDECHAIN | CHAT_COMMAND));

	while (n && (*text == '\n' || *text == ' '))
		text++, n--;
	if ((rec->role != CHAT_TITLE && !first) || !n)
		return 0;
	s->titled = rec->role == CHAT_TITLE;
	s->dirty = 1;
	return chat_set(&s->title, text, title_len(text, n));
}

/* What the row of the session says of it. */
static int count(struct chat_intake *x, struct chat_session *s, const struct chat_record *rec,
                 int64_t time, const char *day)
{
	const char *branch, *model, *cwd;
	uint32_t not = CHAT_META | CHAT_SIDECHAIN | CHAT_ECHO | CHAT_MORE;
	int rc = small(x, 1, rec->branch, &branch);

	if (!rc)
		rc = small(x, 2, rec->model, &model);
	if (!rc)
		rc = small(x, 3, rec->cwd, &cwd);
	if (rc)
		return rc;
	if (set_if(s, &s->branch, branch) || set_if(s, &s->model, model) ||
	    set_if(s, &s->cwd, cwd) || set_title(s, rec, chat_buf_str(&x->text), x->text.n) ||
	    chat_session_day(s, day))
		return stop(x, oom(x));
	if (s->began == CHAT_NO_TIME || time < s->began)
		s->began = time;
	if (s->ended == CHAT_NO_TIME || time > s->ended)
		s->ended = time;
	s->users += rec->role == CHAT_USER && !(rec->flags & not );
	s->answers += rec->role == CHAT_ASSISTANT && !(rec->flags & not );
	s->lines++;
	s->dirty = 1;
	return 0;
}

/* The text of a record as it may be stored; a tool's traffic is cut.  Where only its beginning was
 * looked at, a secret may stand half in it: its end is left out in any case. */
static int take_text(struct chat_intake *x, const struct chat_record *rec, size_t *whole)
{
	int traffic = rec->role == CHAT_TOOL_CALL || rec->role == CHAT_TOOL_RESULT ||
	              rec->role == CHAT_SYSTEM;
	size_t n = traffic && rec->text.n > CUT_LOOK ? CUT_LOOK : rec->text.n, cut;
	int rc;

	chat_buf_clear(&x->text);
	rc = chat_redact_text(x->r, rec->text.s, n, &x->text);
	*whole = 0;
	cut = x->text.n;
	if (n < rec->text.n)
		cut = cut > CUT_EDGE ? cut - CUT_EDGE : 0;
	if (traffic && cut > CUT)
		cut = CUT;
	if (!rc && cut < x->text.n) {
		while (cut && ((unsigned char)x->text.s[cut] & 0xc0) == 0x80)
			cut--;
		x->text.n = cut;
		x->text.s[cut] = '\0';
		*whole = rec->text.n;
	}
	return rc ? stop(x, rc) : 0;
}

static void add_flags(struct chat_buf *b, uint32_t flags)
{
	static const char *const name[] = { "sidechain", "meta", "error", "command", "compacted",
		                            "replaces",  "echo", "more",  "leaf" };
	int any = 0;

	for (size_t i = 0; i < sizeof name / sizeof *name; i++)
		if (flags & (1u << i))
			(void)chat_buf_addf(b, "%s\"%s\"", any++ ? "," : ",\"flags\":[", name[i]);
	if (any)
		(void)chat_buf_addc(b, ']');
}

/* A field of this record alone: looked at only where its unit had a secret. */
static int add_field(struct chat_intake *x, const char *key, struct chat_text text)
{
	struct chat_buf clean = { 0 };
	int rc = 0;

	char again[40];

	if (!text.n)
		return 0;
	if (x->row->turn && x->src->kind == CHAT_LINES && text.n < 30 &&
	    chat_made_id(text.s, text.n)) {
		int n = snprintf(again, sizeof again, "%.*s~%llu", (int)text.n, text.s,
		                 (unsigned long long)x->row->turn);

		text = (struct chat_text){ again, (size_t)n };
	}
	if (x->secrets) {
		rc = chat_redact_text(x->r, text.s, text.n, &clean);
		text = (struct chat_text){ chat_buf_str(&clean), clean.n };
	}
	if (!rc && chat_buf_field(&x->json, key, text.s, text.n))
		rc = oom(x);
	chat_buf_free(&clean);
	return rc ? stop(x, rc) : 0;
}

static int add_files(struct chat_intake *x, const struct chat_record *rec)
{
	int rc;

	if (rec->role != CHAT_TOOL_CALL || !chat_tool_writes(rec->tool))
		return 0;
	chat_buf_clear(&x->files);
	rc = chat_files_of(rec->text, x->where->worktree, x->where->n_worktrees, &x->files);
	if (rc || !x->files.n)
		return rc ? stop(x, oom(x)) : 0;
	(void)chat_buf_adds(&x->json, ",\"files\":[");
	for (const char *p = x->files.s, *end; *p; p = end + 1) {
		struct chat_buf clean = { 0 };

		end = strchr(p, '\n');
		rc = chat_redact_text(x->r, p, (size_t)(end - p), &clean);
		if (p != x->files.s)
			(void)chat_buf_addc(&x->json, ',');
		(void)chat_buf_json(&x->json, chat_buf_str(&clean), clean.n);
		chat_buf_free(&clean);
		if (rc)
			return stop(x, rc);
	}
	return chat_buf_addc(&x->json, ']') ? stop(x, oom(x)) : 0;
}

/* {"time":...,"role":...}: archive.h says where it stands, show.c reads it. */
static int make_line(struct chat_intake *x, const struct chat_record *rec, int64_t time,
                     size_t whole)
{
	struct chat_buf *b = &x->json;
	const char *role = chat_role_name(rec->role), *model;
	char stamp[32];
	int rc;

	chat_buf_clear(b);
	chat_stamp(time, stamp);
	(void)chat_buf_addf(b, "{\"time\":\"%s\"%s,\"role\":\"%s\"", stamp,
	                    rec->time != time ? ",\"guessed\":true" : "", role);
	rc = small(x, 2, rec->model, &model);
	if (!rc)
		rc = add_field(x, "id", rec->id);
	if (!rc && rec->part)
		(void)chat_buf_addf(b, ",\"part\":%u", rec->part);
	if (!rc)
		rc = add_field(x, "parent", rec->parent);
	if (!rc)
		rc = add_field(x, "agent", rec->agent);
	if (!rc)
		rc = add_field(x, "call", rec->call);
	if (!rc)
		rc = add_field(x, "tool", rec->tool);
	if (rc)
		return rc;
	if (rec->role == CHAT_ASSISTANT && *model)
		(void)chat_buf_field(b, "model", model, strlen(model));
	if (rec->root)
		(void)chat_buf_adds(b, ",\"root\":true");
	add_flags(b, rec->flags);
	(void)chat_buf_field(b, "text", chat_buf_str(&x->text), x->text.n);
	if (whole)
		(void)chat_buf_addf(b, ",\"cut\":%zu", whole);
	rc = add_files(x, rec);
	(void)chat_buf_addf(b, ",\"raw\":\"%.7s/%.2s/raw/%s\",\"line\":%llu,\"offset\":%llu}",
	                    x->row->day, x->row->day + 8, x->row->name,
	                    (unsigned long long)x->number, (unsigned long long)x->offset);
	return !rc && chat_buf_ok(b) ? stop(x, oom(x)) : rc;
}

/* Whether the cleaned log has it: the source is read again. */
static int is_known(struct chat_intake *x, const struct chat_session *s,
                    const struct chat_record *rec, int *was)
{
	struct chat_seen *seen = NULL;
	int rc = chat_known_of(x, s, &seen);

	if (!rc && chat_seen_add(seen,
	                         chat_record_hash(rec->id.s, rec->id.n, rec->part,
	                                          chat_role_name(rec->role), chat_buf_str(&x->text),
	                                          x->text.n),
	                         was))
		rc = oom(x);
	return rc ? stop(x, rc) : 0;
}

static int write_line(struct chat_intake *x, const char *day, const char *line, size_t n)
{
	const struct chat_session *s = &x->a->rows.session[x->session];
	uint64_t number;
	int rc = chat_archive_line(x->a, day, "log", s->name, line, n, 1, &number);

	return rc ? stop(x, rc) : 0;
}

/* A record of a source that is read again.  *leave: it is there, and so are the other ones of its
 * id so far: they are held, as all have to be written again when one of them changed. */
static int hold(struct chat_intake *x, const struct chat_session *s, const struct chat_record *rec,
                const char *day, int *leave)
{
	int same = rec->id.n && x->held_id.n == rec->id.n &&
	           memcmp(x->held_id.s, rec->id.s, rec->id.n) == 0;
	int rc = is_known(x, s, rec, leave);

	if (rc)
		return rc;
	if (!same) {
		chat_buf_clear(&x->held);
		chat_buf_clear(&x->held_id);
		x->all = 0;
		if (chat_buf_add(&x->held_id, rec->id.s, rec->id.n))
			return stop(x, oom(x));
	}
	if (*leave && (x->all || !(rec->flags & CHAT_REPLACES))) {
		*leave = !x->all;
		return 0;
	}
	if (*leave) {
		(void)chat_buf_add(&x->held, x->json.s, x->json.n);
		return chat_buf_addc(&x->held, '\n') ? stop(x, oom(x)) : 0;
	}
	for (const char *p = chat_buf_str(&x->held), *nl; !rc && *p; p = nl + 1) {
		nl = strchr(p, '\n');
		rc = write_line(x, day, p, (size_t)(nl - p));
	}
	chat_buf_clear(&x->held);
	x->all = 1;
	return rc;
}

int chat_on_record(void *arg, const struct chat_record *rec)
{
	struct chat_intake *x = arg;
	int64_t time = time_of(x, rec->time);
	struct chat_session *s = NULL;
	char day[CHAT_DAY];
	size_t whole = 0;
	int was = 0, rc;

	if (x->skip)
		return 0;
	chat_day(time, day);
	if (strcmp(day, x->limit) < 0) { /* purged */
		x->skip = !x->placed && x->src->kind == CHAT_LINES;
		x->old = 1;
		if (rec->time == time)
			x->row->time = time;
		return 0;
	}
	if ((rc = session_of(x, rec, time, &s)))
		return rc;
	if (!s) {
		x->skip = !x->placed;
		chat_buf_clear(&x->line);
		return 0;
	}
	rc = place(x, rec->time);
	if (rec->time == time)
		x->row->time = time;
	if (rc || rec->role == CHAT_UNKNOWN || rec->role == CHAT_DAMAGED)
		return rc;
	if ((rc = take_text(x, rec, &whole)))
		return rc;
	rc = make_line(x, rec, time, whole);
	if (!rc && x->again && ((rc = hold(x, s, rec, day, &was)) || was))
		return rc;
	if (!rc)
		rc = count(x, s, rec, time, day);
	if (!rc)
		rc = write_line(x, day, x->json.s, x->json.n);
	x->sync->messages += rec->role == CHAT_USER || rec->role == CHAT_ASSISTANT;
	return rc;
}
