#include "rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <jansson.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <safekeep/plugin.h>

#define NAME_LONGEST 100
#define PATH_LONGEST 4200

/* Names to numbers: open addressing */

static size_t place_of(const struct chat_map *map, const char *key)
{
	size_t at = (size_t)XXH3_64bits(key, strlen(key)) & map->mask;

	while (map->slot[at].key && strcmp(map->slot[at].key, key) != 0)
		at = (at + 1) & map->mask;
	return at;
}

int chat_map_set(struct chat_map *map, const char *key, size_t value)
{
	struct chat_map grown = { NULL, map->n, map->slot ? 2 * map->mask + 1 : 63 };
	size_t at;

	if (!map->slot || 2 * (map->n + 1) > map->mask) {
		grown.slot = calloc(grown.mask + 1, sizeof *grown.slot);
		if (!grown.slot)
			return SKP_EIO;
		for (size_t i = 0; map->slot && i <= map->mask; i++)
			if (map->slot[i].key)
				grown.slot[place_of(&grown, map->slot[i].key)] = map->slot[i];
		free(map->slot);
		*map = grown;
	}
	at = place_of(map, key);
	map->n += !map->slot[at].key;
	map->slot[at] = (struct chat_slot){ key, value };
	return 0;
}

int chat_map_get(const struct chat_map *map, const char *key, size_t *value)
{
	size_t at = map->slot ? place_of(map, key) : 0;

	if (!map->slot || !map->slot[at].key)
		return 0;
	*value = map->slot[at].value;
	return 1;
}

void chat_map_free(struct chat_map *map)
{
	free(map->slot);
	memset(map, 0, sizeof *map);
}

/* Times */

void chat_day(int64_t ms, char out[CHAT_DAY])
{
	time_t t = (time_t)(ms / 1000);
	struct tm tm;

	if (!localtime_r(&t, &tm) || !strftime(out, CHAT_DAY, "%Y-%m-%d", &tm))
		(void)snprintf(out, CHAT_DAY, "1970-01-01");
}

void chat_stamp(int64_t ms, char out[32])
{
	time_t t = (time_t)(ms / 1000);
	struct tm tm;
	size_t n = gmtime_r(&t, &tm) ? strftime(out, 24, "%Y-%m-%dT%H:%M:%S", &tm) : 0;

	(void)snprintf(out + n, 32 - n, ".%03dZ", (int)(ms % 1000));
}

int64_t chat_unstamp(const char *text)
{
	struct tm tm = { 0 };
	int ms = 0;

	if (!text || sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2d.%3dZ", &tm.tm_year, &tm.tm_mon,
	                    &tm.tm_mday, &tm.tm_hour, &tm.tm_min, &tm.tm_sec, &ms) < 6)
		return CHAT_NO_TIME;
	tm.tm_year -= 1900;
	tm.tm_mon--;
	return (int64_t)timegm(&tm) * 1000 + ms;
}

/* Rows */

int chat_set(char **field, const char *text, size_t len)
{
	char *copy = strndup(text, len);

	if (!copy)
		return SKP_EIO;
	free(*field);
	*field = copy;
	return 0;
}

int chat_log_name(enum chat_tool tool, const char *id, size_t len, struct chat_buf *out)
{
	size_t plain = 0;

	(void)chat_buf_addf(out, "%s_", chat_tool_name(tool));
	for (size_t i = 0; i < len && i < NAME_LONGEST - 40; i++) {
		char c = id[i];
		int ok = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		         (c >= '0' && c <= '9') || c == '-' || c == '_';

		plain += (size_t)ok;
		(void)chat_buf_addc(out, ok ? c : '_');
	}
	if (plain != len || !len)
		(void)chat_buf_addf(out, "_%016llx", (unsigned long long)XXH3_64bits(id, len));
	return chat_buf_ok(out);
}

static void free_read(struct chat_read *r)
{
	for (size_t i = 0; i < r->n_sessions; i++)
		free(r->session[i]);
	free(r->session);
	free(r->path);
	free(r->name);
	free(r->scope);
	free(r->state);
}

static void free_session(struct chat_session *s)
{
	free(s->id);
	free(s->name);
	free(s->title);
	free(s->branch);
	free(s->model);
	free(s->cwd);
	free(s->day);
}

void chat_rows_free(struct chat_rows *rows)
{
	for (size_t i = 0; i < rows->n_reads; i++)
		free_read(&rows->read[i]);
	for (size_t i = 0; i < rows->n_sessions; i++)
		free_session(&rows->session[i]);
	free(rows->read);
	free(rows->session);
	chat_map_free(&rows->by_path);
	chat_map_free(&rows->by_name);
	memset(rows, 0, sizeof *rows);
}

/* Room for one more element. */
static int room(void *list, size_t n, size_t *cap, size_t size)
{
	void **at = list;
	void *grown;

	if (n < *cap)
		return 0;
	grown = realloc(*at, (*cap ? 2 * *cap : 16) * size);
	if (!grown)
		return SKP_EIO;
	*at = grown;
	*cap = *cap ? 2 * *cap : 16;
	return 0;
}

void chat_hidden_path(const char *path, char out[CHAT_HIDDEN])
{
	XXH128_hash_t h = XXH3_128bits(path, strlen(path));

	(void)snprintf(out, CHAT_HIDDEN, "hidden:%016llx%016llx", (unsigned long long)h.high64,
	               (unsigned long long)h.low64);
}

struct chat_read *chat_rows_read(const struct chat_rows *rows, const char *path)
{
	char hidden[CHAT_HIDDEN];
	size_t i;

	if (chat_map_get(&rows->by_path, path, &i))
		return &rows->read[i];
	chat_hidden_path(path, hidden);
	return chat_map_get(&rows->by_path, hidden, &i) ? &rows->read[i] : NULL;
}

struct chat_session *chat_rows_session(const struct chat_rows *rows, const char *name)
{
	size_t i;

	return chat_map_get(&rows->by_name, name, &i) ? &rows->session[i] : NULL;
}

int chat_rows_add_read(struct chat_rows *rows, const char *path, const char *name,
                       const char *month, struct chat_read **out)
{
	struct chat_read r = { .path = strdup(path),
		               .name = strdup(name),
		               .scope = strdup(""),
		               .state = strdup(""),
		               .time = CHAT_NO_TIME,
		               .dirty = 1 };

	(void)snprintf(r.month, sizeof r.month, "%.7s", month);
	if (!r.path || !r.name || !r.scope || !r.state ||
	    room(&rows->read, rows->n_reads, &rows->cap_reads, sizeof *rows->read) ||
	    chat_map_set(&rows->by_path, r.path, rows->n_reads)) {
		free_read(&r);
		return SKP_EIO;
	}
	rows->read[rows->n_reads] = r;
	*out = &rows->read[rows->n_reads++];
	return 0;
}

int chat_rows_add_session(struct chat_rows *rows, const char *id, const char *name,
                          const char *month, struct chat_session **out)
{
	struct chat_session s = { .id = strdup(id),
		                  .name = strdup(name),
		                  .title = strdup(""),
		                  .branch = strdup(""),
		                  .model = strdup(""),
		                  .cwd = strdup(""),
		                  .began = CHAT_NO_TIME,
		                  .ended = CHAT_NO_TIME,
		                  .dirty = 1 };

	(void)snprintf(s.month, sizeof s.month, "%.7s", month);
	if (!s.id || !s.name || !s.title || !s.branch || !s.model || !s.cwd ||
	    room(&rows->session, rows->n_sessions, &rows->cap_sessions, sizeof *rows->session) ||
	    chat_map_set(&rows->by_name, s.name, rows->n_sessions)) {
		free_session(&s);
		return SKP_EIO;
	}
	rows->session[rows->n_sessions] = s;
	*out = &rows->session[rows->n_sessions++];
	return 0;
}

int chat_read_joins(struct chat_read *r, const char *session)
{
	char **grown;

	for (size_t i = 0; i < r->n_sessions; i++)
		if (strcmp(r->session[i], session) == 0)
			return 0;
	grown = realloc(r->session, (r->n_sessions + 1) * sizeof *grown);
	if (!grown)
		return SKP_EIO;
	r->session = grown;
	r->session[r->n_sessions] = strdup(session);
	if (!r->session[r->n_sessions])
		return SKP_EIO;
	r->n_sessions++;
	r->dirty = 1;
	return 0;
}

int chat_session_day(struct chat_session *s, const char *day)
{
	char(*grown)[CHAT_DAY];
	size_t at = s->n_days;

	while (at && strcmp(s->day[at - 1], day) >= 0)
		at--;
	if (at < s->n_days && strcmp(s->day[at], day) == 0)
		return 0;
	grown = realloc(s->day, (s->n_days + 1) * sizeof *grown);
	if (!grown)
		return SKP_EIO;
	s->day = grown;
	memmove(s->day + at + 1, s->day + at, (s->n_days - at) * sizeof *grown);
	memcpy(s->day[at], day, CHAT_DAY);
	s->n_days++;
	s->dirty = 1;
	return 0;
}

int chat_session_since(struct chat_session *s, const char *day)
{
	struct tm tm = { .tm_isdst = -1 };
	size_t n = 0;

	while (n < s->n_days && strcmp(s->day[n], day) < 0)
		n++;
	memmove(s->day, s->day + n, (s->n_days - n) * sizeof *s->day);
	s->n_days -= n;
	if (sscanf(day, "%d-%d-%d", &tm.tm_year, &tm.tm_mon, &tm.tm_mday) == 3) {
		int64_t ms;

		tm.tm_year -= 1900;
		tm.tm_mon--;
		ms = (int64_t)mktime(&tm) * 1000;
		if (s->began < ms)
			s->began = ms;
	}
	s->dirty = 1;
	s->titled = 0;
	return chat_set(&s->title, "", 0);
}

/* JSON lines */

static const char *text_of(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "";
}

static uint64_t number_of(const json_t *o, const char *key)
{
	return (uint64_t)json_integer_value(json_object_get(o, key));
}

static int take(char **field, const json_t *o, const char *key)
{
	const char *s = text_of(o, key);

	return *s ? chat_set(field, s, strlen(s)) : 0;
}

/* A path: "path", or "path_hex" where it is no UTF-8. */
static int path_of(const json_t *o, char out[PATH_LONGEST])
{
	const char *text = text_of(o, "path"), *hex = text_of(o, "path_hex");
	size_t n = 0;
	unsigned c;

	if (*text)
		return strlen(text) < PATH_LONGEST ? (strcpy(out, text), 0) : SKP_EDAMAGED;
	for (; n + 1 < PATH_LONGEST && sscanf(hex, "%2x", &c) == 1 && c; hex += 2)
		out[n++] = (char)c;
	out[n] = '\0';
	return n && !*hex ? 0 : SKP_EDAMAGED;
}

static void save_path(struct chat_buf *b, const char *path)
{
	if (chat_buf_is_text(path, strlen(path))) {
		(void)chat_buf_field(b, "path", path, strlen(path));
		return;
	}
	(void)chat_buf_adds(b, "\"path_hex\":\"");
	for (; *path; path++)
		(void)chat_buf_addf(b, "%02x", (unsigned char)*path);
	(void)chat_buf_addc(b, '"');
}

static int load_read(struct chat_rows *rows, const char *month, const json_t *o)
{
	const char *name = text_of(o, "name");
	char path[PATH_LONGEST];
	const json_t *list = json_object_get(o, "sessions");
	struct chat_read *r;
	int rc;

	if (path_of(o, path) || !*name || chat_rows_read(rows, path))
		return SKP_EDAMAGED;
	if ((rc = chat_rows_add_read(rows, path, name, month, &r)))
		return rc;
	r->tool = chat_tool_named(text_of(o, "tool"));
	r->size = number_of(o, "size");
	r->inode = number_of(o, "inode");
	r->device = number_of(o, "device");
	r->mtime_ns = (int64_t)number_of(o, "mtime");
	r->next = number_of(o, "next");
	r->lines = number_of(o, "lines");
	r->turn = number_of(o, "turn");
	r->time = chat_unstamp(text_of(o, "time"));
	r->purged = json_is_true(json_object_get(o, "purged"));
	(void)snprintf(r->hash, sizeof r->hash, "%s", text_of(o, "hash"));
	(void)snprintf(r->day, sizeof r->day, "%s", text_of(o, "day"));
	rc = take(&r->scope, o, "scope");
	if (!rc)
		rc = take(&r->state, o, "state");
	for (size_t i = 0; !rc && i < json_array_size(list); i++) {
		const char *s = json_string_value(json_array_get(list, i));

		rc = s ? chat_read_joins(r, s) : 0;
	}
	r->dirty = 0;
	return rc;
}

static int load_session(struct chat_rows *rows, const char *month, const json_t *o)
{
	const char *id = text_of(o, "id"), *name = text_of(o, "name");
	const json_t *list = json_object_get(o, "days");
	struct chat_session *s;
	int rc;

	if (!*name || chat_rows_session(rows, name))
		return SKP_EDAMAGED;
	if ((rc = chat_rows_add_session(rows, id, name, month, &s)))
		return rc;
	s->tool = chat_tool_named(text_of(o, "tool"));
	s->began = chat_unstamp(text_of(o, "began"));
	s->ended = chat_unstamp(text_of(o, "ended"));
	s->users = number_of(o, "users");
	s->answers = number_of(o, "answers");
	s->lines = number_of(o, "lines");
	s->titled = json_is_true(json_object_get(o, "titled"));
	rc = take(&s->title, o, "title");
	if (!rc)
		rc = take(&s->branch, o, "branch");
	if (!rc)
		rc = take(&s->model, o, "model");
	if (!rc)
		rc = take(&s->cwd, o, "cwd");
	for (size_t i = 0; !rc && i < json_array_size(list); i++) {
		const char *day = json_string_value(json_array_get(list, i));

		if (day && strlen(day) == CHAT_DAY - 1)
			rc = chat_session_day(s, day);
	}
	s->dirty = 0;
	return rc;
}

static int load(struct chat_rows *rows, const char *month, const char *text, size_t len,
                size_t *bad, int (*one)(struct chat_rows *rows, const char *month, const json_t *o))
{
	const char *end = text + len;
	int rc = 0;

	while (!rc && text < end) {
		const char *nl = memchr(text, '\n', (size_t)(end - text));
		size_t n = (size_t)((nl ? nl : end) - text);
		json_t *o = n ? json_loadb(text, n, JSON_ALLOW_NUL, NULL) : NULL;

		rc = json_is_object(o) ? one(rows, month, o) : n ? SKP_EDAMAGED : 0;
		json_decref(o);
		if (rc == SKP_EDAMAGED) {
			(*bad)++;
			rc = 0;
		}
		text += n + 1;
	}
	return rc;
}

int chat_rows_load_reads(struct chat_rows *rows, const char *month, const char *text, size_t len,
                         size_t *bad)
{
	return load(rows, month, text, len, bad, load_read);
}

int chat_rows_load_sessions(struct chat_rows *rows, const char *month, const char *text, size_t len,
                            size_t *bad)
{
	return load(rows, month, text, len, bad, load_session);
}

static void field(struct chat_buf *b, const char *key, const char *text)
{
	if (*text)
		(void)chat_buf_field(b, key, text, strlen(text));
}

static void number(struct chat_buf *b, const char *key, uint64_t value)
{
	if (value)
		(void)chat_buf_addf(b, ",\"%s\":%lld", key, (long long)value);
}

static void stamp(struct chat_buf *b, const char *key, int64_t ms)
{
	char text[32];

	if (ms == CHAT_NO_TIME)
		return;
	chat_stamp(ms, text);
	field(b, key, text);
}

static void save_read(const struct chat_read *r, struct chat_buf *b)
{
	(void)chat_buf_addc(b, '{');
	save_path(b, r->path);
	field(b, "name", r->name);
	field(b, "tool", chat_tool_name(r->tool));
	number(b, "size", r->size);
	number(b, "inode", r->inode);
	number(b, "device", r->device);
	number(b, "mtime", (uint64_t)r->mtime_ns);
	number(b, "next", r->next);
	number(b, "lines", r->lines);
	number(b, "turn", r->turn);
	field(b, "hash", r->hash);
	field(b, "day", r->day);
	stamp(b, "time", r->time);
	field(b, "scope", r->scope);
	field(b, "state", r->state);
	if (r->purged)
		(void)chat_buf_adds(b, ",\"purged\":true");
	(void)chat_buf_adds(b, ",\"sessions\":[");
	for (size_t i = 0; i < r->n_sessions; i++) {
		if (i)
			(void)chat_buf_addc(b, ',');
		(void)chat_buf_json(b, r->session[i], strlen(r->session[i]));
	}
	(void)chat_buf_adds(b, "]}\n");
}

static void save_session(const struct chat_session *s, struct chat_buf *b)
{
	(void)chat_buf_addc(b, '{');
	(void)chat_buf_field(b, "id", s->id, strlen(s->id));
	field(b, "name", s->name);
	field(b, "tool", chat_tool_name(s->tool));
	field(b, "title", s->title);
	if (s->titled)
		(void)chat_buf_adds(b, ",\"titled\":true");
	stamp(b, "began", s->began);
	stamp(b, "ended", s->ended);
	number(b, "users", s->users);
	number(b, "answers", s->answers);
	number(b, "lines", s->lines);
	field(b, "branch", s->branch);
	field(b, "model", s->model);
	field(b, "cwd", s->cwd);
	(void)chat_buf_adds(b, ",\"days\":[");
	for (size_t i = 0; i < s->n_days; i++)
		(void)chat_buf_addf(b, "%s\"%s\"", i ? "," : "", s->day[i]);
	(void)chat_buf_adds(b, "]}\n");
}

int chat_rows_save_reads(const struct chat_rows *rows, const char *month, struct chat_buf *out)
{
	for (size_t i = 0; i < rows->n_reads; i++)
		if (strcmp(rows->read[i].month, month) == 0)
			save_read(&rows->read[i], out);
	return chat_buf_ok(out);
}

int chat_rows_save_sessions(const struct chat_rows *rows, const char *month, struct chat_buf *out)
{
	for (size_t i = 0; i < rows->n_sessions; i++)
		if (strcmp(rows->session[i].month, month) == 0 && !rows->session[i].gone)
			save_session(&rows->session[i], out);
	return chat_buf_ok(out);
}
