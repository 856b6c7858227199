#include "transcript.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#define DAY_MS 86400000

static const char *const flag_name[] = { "sidechain", "meta", "error", "command", "compacted",
	                                 "replaces",  "echo", "more",  "leaf" };

static int oom(struct skp_host *host)
{
	return host->error(host, SKP_EIO, "out of memory");
}

struct loading {
	struct chat_archive *a;
	struct chat_talk *talk;
	size_t bad;
};

static const char *text_of(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "";
}

static uint32_t flags_of(const json_t *o)
{
	const json_t *list = json_object_get(o, "flags");
	uint32_t flags = 0;

	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *name = json_string_value(json_array_get(list, i));

		for (size_t k = 0; name && k < sizeof flag_name / sizeof *flag_name; k++)
			if (strcmp(name, flag_name[k]) == 0)
				flags |= 1u << k;
	}
	return flags;
}

static int is_traffic(enum chat_role role)
{
	return role == CHAT_TOOL_CALL || role == CHAT_TOOL_RESULT || role == CHAT_THINKING ||
	       role == CHAT_SYSTEM;
}

/* The path, shared by all messages that have it. */
static const char *share(struct chat_talk *t, const char *raw)
{
	char **grown;

	for (size_t i = t->n_raw; i-- > 0;)
		if (strcmp(t->raw[i], raw) == 0)
			return t->raw[i];
	grown = realloc(t->raw, (t->n_raw + 1) * sizeof *grown);
	if (!grown)
		return NULL;
	t->raw = grown;
	grown[t->n_raw] = strdup(raw);
	return grown[t->n_raw] ? grown[t->n_raw++] : NULL;
}

/* Copies a string to *at, which moves on. */
static const char *keep(char **at, const char *s, size_t len)
{
	char *to = *at;

	memcpy(to, s, len);
	to[len] = '\0';
	*at += len + 1;
	return to;
}

static size_t files_of(const json_t *list, char *to)
{
	size_t n = 0;

	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *s = json_string_value(json_array_get(list, i));
		size_t len = s ? strlen(s) : 0;

		if (to && s) {
			memcpy(to + n, s, len);
			to[n + len] = '\n';
		}
		n += s ? len + 1 : 0;
	}
	if (to)
		to[n] = '\0';
	return n;
}

/* The strings of a line in one piece of memory. */
static int keep_strings(const json_t *o, int text, struct chat_message *m)
{
	static const char *const key[] = { "id", "parent", "agent", "call", "tool" };
	const char **field[] = { &m->id, &m->parent, &m->agent, &m->call, &m->tool };
	const json_t *files = json_object_get(o, "files"), *said = json_object_get(o, "text");
	size_t size = files_of(files, NULL) + 2;
	char *at;

	m->len = text ? json_string_length(said) : 0;
	for (size_t i = 0; i < sizeof key / sizeof *key; i++)
		size += strlen(text_of(o, key[i])) + 1;
	m->mem = at = malloc(size + m->len);
	if (!at)
		return SKP_EIO;
	for (size_t i = 0; i < sizeof key / sizeof *key; i++)
		*field[i] = keep(&at, text_of(o, key[i]), strlen(text_of(o, key[i])));
	m->text = keep(&at, m->len ? json_string_value(said) : "", m->len);
	m->files = at;
	(void)files_of(files, at);
	return 0;
}

static int make_message(struct chat_talk *t, const json_t *o, struct chat_message *out)
{
	struct chat_message m = {
		.role = chat_role_named(text_of(o, "role")),
		.flags = flags_of(o),
		.time = chat_unstamp(text_of(o, "time")),
		.number = (uint64_t)json_integer_value(json_object_get(o, "line")),
		.offset = (uint64_t)json_integer_value(json_object_get(o, "offset")),
		.cut = (size_t)json_integer_value(json_object_get(o, "cut")),
		.part = (unsigned)json_integer_value(json_object_get(o, "part")),
		.root = json_is_true(json_object_get(o, "root")),
		.guessed = json_is_true(json_object_get(o, "guessed")),
		.raw = share(t, text_of(o, "raw"))
	};

	if (!m.raw || keep_strings(o, t->traffic || !is_traffic(m.role), &m))
		return SKP_EIO;
	*out = m;
	return 0;
}

static int take_line(void *arg, uint64_t number, const char *s, size_t len)
{
	struct loading *l = arg;
	struct chat_talk *t = l->talk;
	json_t *o = json_loadb(s, len, JSON_ALLOW_NUL, NULL);
	int rc = 0;

	(void)number;
	if (!json_is_object(o)) {
		l->bad++;
	} else if (!json_is_true(json_object_get(o, "purged"))) {
		if (t->n == t->cap) {
			size_t cap = t->cap ? t->cap + t->cap / 2 : 64;
			struct chat_message *grown = realloc(t->message, cap * sizeof *grown);

			rc = grown ? 0 : SKP_EIO;
			t->message = grown ? grown : t->message;
			t->cap = grown ? cap : t->cap;
		}
		if (!rc)
			rc = make_message(t, o, &t->message[t->n]);
		t->n += !rc;
	}
	json_decref(o);
	return rc ? oom(l->a->host) : 0;
}

static void item_of(const struct chat_message *m, struct chat_item *out)
{
	*out = (struct chat_item){ .id = m->id,
		                   .parent = m->parent,
		                   .agent = m->agent,
		                   .call = m->call,
		                   .part = m->part,
		                   .role = m->role,
		                   .flags = m->flags,
		                   .root = m->root,
		                   .time = m->guessed ? CHAT_NO_TIME : m->time,
		                   .target = m->role == CHAT_CONTROL ? m->text : NULL };
}

/* Text that goes on in the next line of the same id. */
static int join(struct chat_talk *t)
{
	size_t k = 0;

	for (size_t i = 0; i < t->n; i++) {
		struct chat_message *m = &t->message[i], *last = k ? &t->message[k - 1] : NULL;
		char *joined;

		if (!last || !(m->flags & CHAT_MORE) || strcmp(last->id, m->id) != 0) {
			t->message[k++] = *m;
			continue;
		}
		joined = malloc(last->len + m->len + 1);
		if (!joined)
			return SKP_EIO;
		memcpy(joined, last->text, last->len);
		memcpy(joined + last->len, m->text, m->len + 1);
		free(last->joined);
		last->joined = joined;
		last->text = joined;
		last->len += m->len;
		free(m->mem);
		free(m->joined);
	}
	t->n = k;
	return 0;
}

static int put_in_order(struct chat_archive *a, struct chat_talk *t)
{
	struct chat_item *item = calloc(t->n + 1, sizeof *item);
	size_t *order = calloc(t->n + 1, sizeof *order), k = 0;
	struct chat_message *sorted = calloc(t->n + 1, sizeof *sorted);
	struct chat_error err = { 0, "" };
	int rc = item && order && sorted ? 0 : oom(a->host);

	for (size_t i = 0; !rc && i < t->n; i++)
		item_of(&t->message[i], &item[i]);
	if (!rc && (rc = chat_order(item, t->n, order, &err)))
		rc = a->host->error(a->host, rc, "%s", err.text);
	for (size_t i = 0; !rc && i < t->n; i++) {
		struct chat_message *m = &t->message[order[i]];

		if (item[order[i]].marks & CHAT_DOUBLE) {
			free(m->mem);
			continue;
		}
		m->rewound = (item[order[i]].marks & CHAT_REWOUND) != 0;
		sorted[k++] = *m;
	}
	if (!rc) {
		free(t->message);
		t->message = sorted;
		t->cap = t->n + 1;
		t->n = k;
		sorted = NULL;
		rc = join(t) ? oom(a->host) : 0;
	}
	free(item);
	free(order);
	free(sorted);
	return rc;
}

int chat_talk_load(struct chat_archive *a, const struct chat_session *session, int64_t from,
                   int64_t to, int traffic, struct chat_talk *out)
{
	struct chat_talk talk = { .session = session, .traffic = traffic };
	struct loading l = { a, &talk, 0 };
	char first[CHAT_DAY] = "", last[CHAT_DAY] = "9999-99-99";
	int rc = 0;

	if (from != CHAT_NO_TIME)
		chat_day(from - DAY_MS, first);
	if (to != CHAT_NO_TIME)
		chat_day(to + DAY_MS, last);
	for (size_t i = 0; !rc && i < session->n_days; i++) {
		if (strcmp(session->day[i], first) < 0 || strcmp(session->day[i], last) > 0)
			continue;
		rc = chat_archive_read(a, session->day[i], "log", session->name, 0, take_line, &l);
		if (rc == SKP_ENO)
			rc = 0;
	}
	if (!rc && talk.n)
		rc = put_in_order(a, &talk);
	if (!rc && l.bad)
		a->host->warn(a->host, "%zu lines of session %s cannot be read", l.bad,
		              session->id);
	if (rc)
		chat_talk_free(&talk);
	else
		*out = talk;
	return rc;
}

void chat_talk_free(struct chat_talk *talk)
{
	for (size_t i = 0; i < talk->n; i++) {
		free(talk->message[i].mem);
		free(talk->message[i].joined);
	}
	for (size_t i = 0; i < talk->n_raw; i++)
		free(talk->raw[i]);
	free(talk->raw);
	free(talk->message);
	memset(talk, 0, sizeof *talk);
}
