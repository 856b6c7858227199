#include "store/entry.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/text.h"
#include "store/tag.h"

#define STAMP_LEN (sizeof "_20260810_1400" - 1)
#define ID_MAX 100 /* bytes of a revision's name in its id: ref names stay short */

const char *sk_kind_name(enum sk_kind kind)
{
	return kind == SK_BACKUP ? "backup" : kind == SK_REVISION ? "revision" : "release";
}

const char *sk_entry_get(const struct sk_entry *e, const char *key)
{
	for (size_t i = 0; i < e->n_trailers; i++)
		if (strcmp(e->trailer[i].key, key) == 0)
			return e->trailer[i].value;
	return NULL;
}

bool sk_entry_get_oid(const struct sk_entry *e, const char *key, struct sk_oid *out)
{
	const char *value = sk_entry_get(e, key);

	return value && strlen(value) == SK_OID_HEX && sk_oid_parse(value, out);
}

int sk_entry_set(struct sk_entry *e, const char *key, const char *value)
{
	char *copy = strdup(value), *name = NULL;
	struct sk_trailer *grown;

	if (!copy)
		return sk_error_oom();
	for (size_t i = 0; i < e->n_trailers; i++)
		if (strcmp(e->trailer[i].key, key) == 0) {
			sk_entry_release(e, e->trailer[i].value);
			e->trailer[i].value = copy;
			return 0;
		}
	name = strdup(key);
	grown = name ? malloc((e->n_trailers + 1) * sizeof *grown) : NULL;
	if (!grown) {
		free(copy);
		free(name);
		return sk_error_oom();
	}
	if (e->n_trailers)
		memcpy(grown, e->trailer, e->n_trailers * sizeof *grown);
	sk_entry_release(e, e->trailer);
	e->trailer = grown;
	e->trailer[e->n_trailers++] = (struct sk_trailer){ name, copy };
	return 0;
}

static bool lies_in(const char *str, const void *from, size_t len)
{
	uintptr_t at = (uintptr_t)str, start = (uintptr_t)from;

	return from && at >= start && at < start + len;
}

void sk_entry_release(const struct sk_entry *e, void *ptr)
{
	if (!lies_in(ptr, e->block, e->block_len) && !lies_in(ptr, e + 1, e->tail_len))
		free(ptr);
}

void sk_entry_free(struct sk_entry *e)
{
	if (!e)
		return;
	for (size_t i = 0; i < e->n_trailers; i++) {
		sk_entry_release(e, e->trailer[i].key);
		sk_entry_release(e, e->trailer[i].value);
	}
	sk_entry_release(e, e->title);
	sk_entry_release(e, e->description);
	sk_entry_release(e, e->trailer);
	sk_entry_release(e, e->id);
	sk_entry_release(e, e->ref);
	free(e->block);
	free(e->damage);
	free(e);
}

void sk_entries_free(struct sk_entries *list)
{
	for (size_t i = 0; i < list->n; i++)
		sk_entry_free(list->item[i]);
	free(list->item);
	*list = (struct sk_entries){ 0 };
}

/* "_20260810_1400" at the end of a revision's id. */
static bool has_stamp(const char *text, size_t len)
{
	static const char form[] = "_dddddddd_dddd";
	const char *s;

	if (len < STAMP_LEN)
		return false;
	s = text + len - STAMP_LEN;
	for (size_t i = 0; form[i]; i++)
		if (form[i] == 'd' ? !isdigit((unsigned char)s[i]) : s[i] != form[i])
			return false;
	return true;
}

time_t sk_entry_id_time(enum sk_kind kind, const char *id)
{
	struct tm tm = { .tm_isdst = -1 };
	const char *stamp = id;
	size_t len = strlen(id);
	time_t t = 0;

	if (kind == SK_BACKUP)
		return sk_parse_id_time(id, &t) ? t : 0;
	if (kind == SK_RELEASE) {
		stamp = strptime(id, "version_%Y-%m-%d", &tm);
		return stamp ? mktime(&tm) : 0;
	}
	while (len && !has_stamp(id, len)) /* past the "_2" of one whose name was taken */
		len--;
	if (!len)
		return 0;
	stamp = id + len - STAMP_LEN + 1;
	return sscanf(stamp, "%4d%2d%2d_%2d%2d", &tm.tm_year, &tm.tm_mon, &tm.tm_mday, &tm.tm_hour,
	              &tm.tm_min) == 5
	               ? (tm.tm_year -= 1900, tm.tm_mon -= 1, mktime(&tm))
	               : 0;
}

/* Whether one character may stand in an id as it is: what every shell, file system and git's
 * refnames take unquoted; and letters that are not ASCII. */
static bool safe_char(const char *s, size_t n)
{
	struct sk_buf shown = SK_BUF_INIT;
	bool same;

	if (n == 1)
		return isalnum((unsigned char)*s) || strchr("._-+=", *s);
	same = n && sk_add_text(&shown, s, n) == 0 && shown.len == n;
	sk_buf_free(&shown);
	return same;
}

int sk_revision_id(const char *name, time_t now, char **out)
{
	struct sk_buf id = SK_BUF_INIT;
	const char *own = NULL; /* the stamp that the name ends in */
	size_t len, n;
	char stamp[32];
	struct tm tm;
	char *ptr;

	if (name[strspn(name, " \t\r\n")] == '\0')
		name = "Revision";
	len = strlen(name);
	if (has_stamp(name, len)) {
		len -= STAMP_LEN;
		own = name + len;
	}
	for (size_t i = 0; i < len; i += n ? n : 1) {
		n = sk_utf8_len(name + i, len - i);
		if (id.len + (n ? n : 1) > ID_MAX)
			break;
		if (safe_char(name + i, n) &&
		    !(name[i] == '.' && (!id.len || name[i + 1] == '.')) &&
		    !(name[i] == '-' && !id.len))
			(void)sk_buf_add(&id, name + i, n);
		else
			(void)sk_buf_addc(&id, '_');
	}
	if (own) {
		(void)sk_buf_adds(&id, own);
	} else if (!has_stamp(sk_buf_str(&id), id.len)) {
		if (!localtime_r(&now, &tm) || !strftime(stamp, sizeof stamp, "_%Y%m%d_%H%M", &tm))
			memcpy(stamp, "_19700101_0000", sizeof "_19700101_0000");
		(void)sk_buf_adds(&id, stamp);
	}
	ptr = sk_buf_detach(&id);
	if (!ptr)
		return sk_error_oom();
	*out = ptr;
	return 0;
}
