/* rebuild.c - rows of sessions from their cleaned logs, when the index was lost or damaged. */
#include <string.h>

#include <jansson.h>

#include "archive.h"

#define TITLE_CUT 100

static const char *text_of(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "";
}

static int has_flag(const json_t *o, const char *const *name)
{
	const json_t *list = json_object_get(o, "flags");

	for (; *name; name++)
		for (size_t i = 0; i < json_array_size(list); i++) {
			const char *flag = json_string_value(json_array_get(list, i));

			if (flag && strcmp(flag, *name) == 0)
				return 1;
		}
	return 0;
}

static int take_line(void *arg, uint64_t number, const char *line, size_t len)
{
	static const char *const hidden[] = {
		"meta", "sidechain", "echo", "more", "command", NULL
	};
	struct chat_session *s = arg;
	json_t *o = json_loadb(line, len, JSON_ALLOW_NUL, NULL);
	const char *role = text_of(o, "role"), *text = text_of(o, "text");
	int64_t time = chat_unstamp(text_of(o, "time"));
	int rc = 0, said = !has_flag(o, hidden);

	(void)number;
	s->lines++;
	if (time != CHAT_NO_TIME && (s->began == CHAT_NO_TIME || time < s->began))
		s->began = time;
	if (time != CHAT_NO_TIME && (s->ended == CHAT_NO_TIME || time > s->ended))
		s->ended = time;
	s->users += said && strcmp(role, "user") == 0;
	s->answers += said && strcmp(role, "assistant") == 0;
	if (strcmp(role, "title") == 0 || (!*s->title && said && strcmp(role, "user") == 0)) {
		size_t n = strcspn(text, "\n");

		if (n > TITLE_CUT)
			for (n = TITLE_CUT; n && ((unsigned char)text[n] & 0xc0) == 0x80;)
				n--;
		rc = chat_set(&s->title, text, n);
		s->titled = strcmp(role, "title") == 0;
	}
	if (!rc && *text_of(o, "model"))
		rc = chat_set(&s->model, text_of(o, "model"), strlen(text_of(o, "model")));
	json_decref(o);
	return rc;
}

/* The row of the log of that name, made when there is none. */
static int row_of(struct chat_archive *a, const char *name, const char *day,
                  struct chat_session **out)
{
	const char *id = strchr(name, '_');
	char tool[32];
	size_t n = id ? (size_t)(id - name) : 0;
	int rc;

	if (!n || n >= sizeof tool)
		return SKP_ENO;
	memcpy(tool, name, n);
	tool[n] = '\0';
	rc = chat_rows_add_session(&a->rows, id + 1, name, day, out);
	if (!rc)
		(*out)->tool = chat_tool_named(tool);
	return rc;
}

static int rebuild_day(struct chat_archive *a, const char *day, size_t known)
{
	struct chat_buf path = { 0 };
	struct chat_node *folder = NULL;
	int rc = chat_archive_path(day, "log", NULL, &path);

	if (!rc)
		rc = chat_root_find(&a->root, path.s, &folder);
	for (size_t i = 0; !rc && i < folder->n; i++) {
		const char *name = folder->child[i].name;
		struct chat_session *s = chat_rows_session(&a->rows, name);

		if (s && (size_t)(s - a->rows.session) < known)
			continue;
		rc = s ? 0 : row_of(a, name, day, &s);
		if (!rc)
			rc = chat_session_day(s, day);
		if (!rc)
			rc = chat_archive_read(a, day, "log", name, 0, take_line, s);
		if (rc == SKP_ENO)
			rc = 0;
	}
	chat_buf_free(&path);
	return rc == SKP_ENO ? 0 : rc;
}

int chat_archive_rebuild(struct chat_archive *a)
{
	size_t known = a->rows.n_sessions;
	int rc = 0;

	for (size_t i = 0; !rc && i < a->n_usage; i++)
		rc = rebuild_day(a, a->usage[i].day, known);
	return rc;
}
