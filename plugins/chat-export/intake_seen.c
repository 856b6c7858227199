/* intake_seen.c - what the archive has of a source that is read again. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "intake.h"

static int oom(struct chat_intake *x)
{
	return x->a->host->error(x->a->host, SKP_EIO, "out of memory");
}

int chat_seen_add(struct chat_seen *set, uint64_t hash, int *was)
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
				(void)chat_seen_add(&grown, set->slot[i], &dummy);
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

int chat_seen_has(const struct chat_seen *set, uint64_t hash)
{
	size_t at;

	hash += !hash;
	if (!set->slot)
		return 0;
	for (at = hash & set->mask; set->slot[at] && set->slot[at] != hash;)
		at = (at + 1) & set->mask;
	return set->slot[at] != 0;
}

static int see_raw(void *arg, uint64_t number, const char *s, size_t len)
{
	int was;

	(void)number;
	return chat_seen_add(arg, XXH3_64bits(s, len), &was);
}

int chat_load_raw(struct chat_intake *x)
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

int chat_made_id(const char *id, size_t len)
{
	size_t n = 1;

	while (n < len && id[n] >= '0' && id[n] <= '9')
		n++;
	return len > n && n > 1 && id[0] == 'L' && id[n] == '.';
}

uint64_t chat_record_hash(const char *id, size_t id_len, unsigned part, const char *role,
                          const char *text, size_t len)
{
	char head[64];
	int n;

	if (chat_made_id(id, id_len)) /* the same at another place is the same */
		id_len = 0;
	n = snprintf(head, sizeof head, "%u %s", part, role);

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
	rc = chat_seen_add(
	        arg,
	        chat_record_hash(id ? id : "", id ? strlen(id) : 0,
	                         (unsigned)json_integer_value(json_object_get(o, "part")),
	                         role ? role : "", text ? json_string_value(text) : "",
	                         text ? json_string_length(text) : 0),
	        &was);
	json_decref(o);
	return rc;
}

int chat_known_of(struct chat_intake *x, const struct chat_session *s, struct chat_seen **out)
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

void chat_seen_free(struct chat_seen *seen)
{
	free(seen->slot);
	memset(seen, 0, sizeof *seen);
}
