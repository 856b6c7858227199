#include "intake.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <jansson.h>

#include "files.h"

#define CUT 2000       /* of a tool's traffic, bytes that the cleaned log keeps */
#define CUT_LOOK 16384 /* of it, looked at for secrets before it is cut */
#define TITLE_CUT 100
#define PIECE (1u << 20) /* that is read at once */

static int oom(struct chat_intake *x)
{
	return x->a->host->error(x->a->host, SKP_EIO, "out of memory");
}

static int stop(struct chat_intake *x, int rc)
{
	x->fatal = rc;
	return rc;
}

/* Hashes that were seen */

static int seen_add(struct chat_seen *set, uint64_t hash, int *was)
{
	size_t at;

	hash += !hash;
	if (!set->slot || 2 * (set->n + 1) > set->mask) {
		struct chat_seen grown = { NULL, 0, set->slot ? 2 * set->mask + 1 : 255 };
		int dummy;

		grown.slot = calloc(grown.mask + 1, sizeof *grown.slot);
		if (!grown.slot)
			return SKP_EIO;
		for (size_t i = 0; set->slot && i <= set->mask; i++)
			if (set->slot[i])
				(void)seen_add(&grown, set->slot[i], &dummy);
		free(set->slot);
		*set = grown;
	}
	for (at = hash & set->mask; set->slot[at] && set->slot[at] != hash;)
		at = (at + 1) & set->mask;
	*was = set->slot[at] != 0;
	set->n += !*was;
	set->slot[at] = hash;
	return 0;
}

static int see_raw(void *arg, uint64_t number, const char *s, size_t len)
{
	int was;

	(void)number;
	return seen_add(arg, XXH3_64bits(s, len), &was);
}

/* All raw lines of this source that are in the archive. */
static int load_raw(struct chat_intake *x)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < x->a->n_usage; i++) {
		rc = chat_archive_read(x->a, x->a->usage[i].day, "raw", x->row->name, 0, see_raw,
		                       &x->raw_seen);
		if (rc == SKP_ENO)
			rc = 0;
	}
	return rc;
}

/* What makes a cleaned line the same as another. */
static uint64_t record_hash(const char *id, size_t id_len, unsigned part, const char *role,
                            const char *text, size_t len)
{
	char head[64];
	int n = snprintf(head, sizeof head, "%u %s", part, role);

	return XXH3_64bits(id, id_len) ^ 3 * XXH3_64bits(head, (size_t)n) ^
	       7 * XXH3_64bits(text, len);
}

static int see_record(void *arg, uint64_t number, const char *s, size_t len)
{
	json_t *o = json_loadb(s, len, JSON_ALLOW_NUL, NULL);
	const char *id, *role;
	const json_t *text = json_object_get(o, "text");
	int was, rc;

	(void)number;
	id = json_string_value(json_object_get(o, "id"));
	role = json_string_value(json_object_get(o, "role"));
	rc = seen_add(arg,
	              record_hash(id ? id : "", id ? strlen(id) : 0,
	                          (unsigned)json_integer_value(json_object_get(o, "part")),
	                          role ? role : "", text ? json_string_value(text) : "",
	                          text ? json_string_length(text) : 0),
	              &was);
	json_decref(o);
	return rc;
}

/* The cleaned lines that a session has. */
static int known_of(struct chat_intake *x, const struct chat_session *s, struct chat_seen **out)
{
	struct chat_known *grown;
	int rc = 0;

	for (size_t i = 0; i < x->n_known; i++)
		if (strcmp(x->known[i].session, s->name) == 0) {
			*out = &x->known[i].seen;
			return 0;
		}
	grown = realloc(x->known, (x->n_known + 1) * sizeof *grown);
	if (!grown)
		return oom(x);
	x->known = grown;
	grown[x->n_known] = (struct chat_known){ .session = strdup(s->name) };
	if (!grown[x->n_known].session)
		return oom(x);
	*out = &grown[x->n_known++].seen;
	for (size_t i = 0; !rc && i < s->n_days; i++) {
		rc = chat_archive_read(x->a, s->day[i], "log", s->name, 0, see_record, *out);
		if (rc == SKP_ENO)
			rc = 0;
	}
	return rc;
}

/* Units */

static int64_t time_of(const struct chat_intake *x, int64_t time)
{
	if (time == CHAT_NO_TIME)
		time = x->row->time;
	if (time == CHAT_NO_TIME)
		time = x->src->mtime_ns / 1000000;
	return time > x->now_ms ? x->now_ms : time;
}

/* The unit's raw line goes to the day of its first record, or to that of its predecessor. */
static int place(struct chat_intake *x, int64_t time)
{
	struct chat_read *row = x->row;
	char day[CHAT_DAY];
	int rc;

	if (x->placed || x->skip)
		return 0;
	chat_day(time_of(x, time), day);
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

static int end_unit(struct chat_intake *x)
{
	int rc = x->line.n ? place(x, CHAT_NO_TIME) : 0;

	chat_buf_clear(&x->line);
	return rc;
}

static int on_unit(void *arg, const struct chat_unit *unit)
{
	struct chat_intake *x = arg;
	char hash[33];
	int was = 0, rc = end_unit(x);

	if (!rc && (rc = chat_redact_unit(x->r, unit, &x->line, &x->secrets)))
		return stop(x, rc);
	if (rc)
		return rc;
	x->placed = 0;
	x->offset = unit->offset;
	x->sync->damaged += unit->damage != CHAT_FINE && unit->damage != CHAT_NOT_JSON;
	if (x->again && seen_add(&x->raw_seen, XXH3_64bits(x->line.s, x->line.n), &was))
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

/* The text of a record as it may be stored; a tool's traffic is cut. */
static int take_text(struct chat_intake *x, const struct chat_record *rec, size_t *whole)
{
	int traffic = rec->role == CHAT_TOOL_CALL || rec->role == CHAT_TOOL_RESULT ||
	              rec->role == CHAT_SYSTEM;
	size_t n = traffic && rec->text.n > CUT_LOOK ? CUT_LOOK : rec->text.n, cut = CUT;
	int rc;

	chat_buf_clear(&x->text);
	rc = chat_redact_text(x->r, rec->text.s, n, &x->text);
	*whole = 0;
	if (!rc && traffic && x->text.n > CUT) {
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

	if (!text.n)
		return 0;
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
	                    rec->time == CHAT_NO_TIME ? ",\"guessed\":true" : "", role);
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
	int rc = known_of(x, s, &seen);

	if (!rc && seen_add(seen,
	                    record_hash(rec->id.s, rec->id.n, rec->part, chat_role_name(rec->role),
	                                chat_buf_str(&x->text), x->text.n),
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

static int on_record(void *arg, const struct chat_record *rec)
{
	struct chat_intake *x = arg;
	int64_t time = time_of(x, rec->time);
	struct chat_session *s = NULL;
	char day[CHAT_DAY];
	size_t whole = 0;
	int was = 0, rc;

	if (x->skip)
		return 0;
	if ((rc = session_of(x, rec, time, &s)))
		return rc;
	if (!s) {
		x->skip = !x->placed;
		chat_buf_clear(&x->line);
		return 0;
	}
	rc = place(x, rec->time);
	if (rec->time != CHAT_NO_TIME)
		x->row->time = time;
	if (rc || rec->role == CHAT_UNKNOWN || rec->role == CHAT_DAMAGED)
		return rc;
	if ((rc = take_text(x, rec, &whole)))
		return rc;
	chat_day(time, day);
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

/* Reading */

static int expired(const struct chat_sync *s)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return s->deadline_ms && (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000 >= s->deadline_ms;
}

/* Hashes the bytes from `from` to `to`; 0 when they cannot be read, or not in time. */
static int hash_on(struct chat_intake *x, int fd, XXH3_state_t *state, uint64_t from, uint64_t to)
{
	static char piece[PIECE];

	while (from < to) {
		size_t want = to - from < sizeof piece ? (size_t)(to - from) : sizeof piece;
		ssize_t got = pread(fd, piece, want, (off_t)from);

		if (got <= 0 || expired(x->sync))
			return 0;
		(void)XXH3_128bits_update(state, piece, (size_t)got);
		from += (uint64_t)got;
	}
	return 1;
}

static void digest(const XXH3_state_t *state, char out[33])
{
	XXH128_hash_t h = XXH3_128bits_digest(state);

	(void)snprintf(out, 33, "%016llx%016llx", (unsigned long long)h.high64,
	               (unsigned long long)h.low64);
}

static void begin_again(struct chat_intake *x)
{
	struct chat_read *row = x->row;

	x->again = row->lines > 0;
	row->next = 0;
	row->hash[0] = '\0';
	row->state[0] = '\0';
	row->dirty = 1;
}

/* Feeds the parser from row->next on until the end, the deadline, or a slice that has units. */
static int feed(struct chat_intake *x, int fd, struct chat_parser *parser, int *end,
                struct chat_error *err)
{
	static char piece[PIECE];
	uint64_t at = x->row->next, units = x->sync->units, stop_at = at + CHAT_SLICE;
	int rc = 0;

	*end = 0;
	while (!rc && !*end && (at < stop_at || units == x->sync->units)) {
		ssize_t got = pread(fd, piece, sizeof piece, (off_t)at);

		if (got < 0)
			return 0; /* what was read is kept; the rest is tried again */
		*end = got == 0;
		at += (uint64_t)got;
		x->sync->bytes += (uint64_t)got;
		if (got)
			rc = chat_parser_feed(parser, piece, (size_t)got, err);
		if (!x->sync->quiet)
			x->a->host->progress(x->a->host, "reading conversations",
			                     (size_t)(x->sync->bytes >> 20), 0);
		if (expired(x->sync))
			break;
	}
	return rc;
}

/* One slice: everything that the rows say is true when it returns 0. */
static int read_slice(struct chat_intake *x, int fd, XXH3_state_t *state, int final, int *end,
                      struct chat_error *err)
{
	struct chat_plan plan = { .from = x->row->next,
		                  .state = x->row->next ? x->row->state : NULL,
		                  .final = final,
		                  .arg = x,
		                  .unit = on_unit,
		                  .record = on_record };
	static struct chat_result result;
	struct chat_parser *parser = NULL;
	int rc = chat_parser_new(x->src, &plan, &parser, err);

	if (!rc)
		rc = feed(x, fd, parser, end, err);
	if (!rc)
		rc = chat_parser_finish(parser, &result, err);
	if (!rc)
		rc = end_unit(x);
	chat_parser_free(parser);
	if (rc)
		return rc;
	if (result.next > x->row->next && state && hash_on(x, fd, state, x->row->next, result.next))
		digest(state, x->row->hash);
	else if (result.next > x->row->next)
		x->row->hash[0] = '\0';
	if (result.next > x->row->next || strcmp(result.state, x->row->state) != 0)
		x->row->dirty = 1;
	x->row->next = result.next;
	return chat_set(&x->row->state, result.state, strlen(result.state)) ? stop(x, oom(x)) : 0;
}

/* Everything of it was read: next time it costs one stat.  But for a last line that may be half
 * written: it is looked at again, until it is an hour old and taken as it is. */
static void settle(struct chat_intake *x)
{
	struct chat_read *row = x->row;
	const struct chat_source *src = x->src;
	int open = src->kind == CHAT_LINES && row->next < src->size &&
	           x->now_ms - src->mtime_ns / 1000000 < CHAT_SETTLED_MS;
	uint64_t size = open ? 0 : src->size;

	if (row->size == size && row->mtime_ns == src->mtime_ns && row->inode == src->inode &&
	    row->device == src->device)
		return;
	row->size = size;
	row->mtime_ns = src->mtime_ns;
	row->inode = src->inode;
	row->device = src->device;
	row->dirty = 1;
}

static int read_lines(struct chat_intake *x, int fd, struct chat_error *err)
{
	int final = x->now_ms - x->src->mtime_ns / 1000000 >= CHAT_SETTLED_MS, end = 0, rc = 0;
	XXH3_state_t *state = XXH3_createState();
	char hash[33] = "";

	if (!state)
		return stop(x, oom(x));
	(void)XXH3_128bits_reset(state);
	if (x->row->next && x->row->next <= x->src->size &&
	    !hash_on(x, fd, state, 0, x->row->next) && expired(x->sync)) {
		x->sync->left++;
		goto out;
	}
	digest(state, hash);
	if (x->row->lines && (x->row->next > x->src->size || strcmp(hash, x->row->hash) != 0)) {
		begin_again(x); /* truncated, rotated or written anew */
		(void)XXH3_128bits_reset(state);
		rc = chat_archive_commit(x->a); /* what is to be compared with has to be stored */
		if (!rc)
			rc = load_raw(x);
		if (rc)
			(void)stop(x, rc);
	}
	while (!rc && !end) {
		if (expired(x->sync)) {
			x->sync->left++;
			goto out;
		}
		rc = read_slice(x, fd, state, final, &end, err);
		if (!rc && x->a->waiting >= CHAT_SLICE && (rc = chat_archive_commit(x->a)))
			(void)stop(x, rc);
	}
	if (!rc)
		settle(x);
out:
	XXH3_freeState(state);
	return rc;
}

/* A document or a database: all of it again, what is there already left out. */
static int read_whole(struct chat_intake *x, struct chat_error *err)
{
	struct chat_plan plan = { .final = 1,
		                  .repo = x->src->kind == CHAT_DATABASE ? &x->where->repo : NULL,
		                  .arg = x,
		                  .unit = on_unit,
		                  .record = on_record };
	static struct chat_result result;
	int rc = 0;

	begin_again(x);
	if (x->again && (rc = load_raw(x)))
		return stop(x, rc);
	rc = chat_parse(x->src, &plan, &result, err);
	x->sync->bytes += x->src->size;
	if (!rc)
		rc = end_unit(x);
	if (!rc)
		settle(x);
	return rc;
}

int chat_intake(struct chat_intake *x, struct chat_error *err)
{
	int fd = -1, rc;

	if (x->row->lines && x->src->kind != CHAT_LINES && (rc = chat_archive_commit(x->a)))
		return stop(x, rc); /* what is to be compared with has to be stored */
	if (x->src->kind != CHAT_LINES)
		return read_whole(x, err);
	rc = chat_open(x->src, &fd, err);
	if (!rc)
		rc = read_lines(x, fd, err);
	if (fd >= 0)
		(void)close(fd);
	return rc;
}

static void free_seen(struct chat_seen *seen)
{
	free(seen->slot);
	memset(seen, 0, sizeof *seen);
}

void chat_intake_free(struct chat_intake *x)
{
	for (size_t i = 0; i < x->n_known; i++) {
		free(x->known[i].session);
		free_seen(&x->known[i].seen);
	}
	free(x->known);
	free_seen(&x->raw_seen);
	for (size_t i = 0; i < CHAT_SMALLS; i++) {
		chat_buf_free(&x->small[i].from);
		chat_buf_free(&x->small[i].to);
	}
	chat_buf_free(&x->line);
	chat_buf_free(&x->json);
	chat_buf_free(&x->text);
	chat_buf_free(&x->files);
	chat_buf_free(&x->held);
	chat_buf_free(&x->held_id);
	chat_buf_free(&x->session_id);
}
