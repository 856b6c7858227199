#include "store/entry.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/text.h"
#include "store/cache.h"
#include "store/refs.h"
#include "store/tag.h"

#define ID_MAX 100 /* bytes of a revision's name in its id: ref names stay short */
#define FEW_MISSES 8
#define MANY 16 /* entries, from which on their cache is looked at */

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
	grown = name ? realloc(e->trailer, (e->n_trailers + 1) * sizeof *grown) : NULL;
	if (!grown) {
		free(copy);
		free(name);
		return sk_error_oom();
	}
	e->trailer = grown;
	e->trailer[e->n_trailers++] = (struct sk_trailer){ name, copy };
	return 0;
}

void sk_entry_release(const struct sk_entry *e, char *str)
{
	uintptr_t at = (uintptr_t)str, from = (uintptr_t)e->block;

	if (!e->block || at < from || at >= from + e->block_len)
		free(str);
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
	free(e->trailer);
	free(e->block);
	free(e->id);
	free(e->ref);
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

	if (len < sizeof form - 1)
		return false;
	s = text + len - (sizeof form - 1);
	for (size_t i = 0; form[i]; i++)
		if (form[i] == 'd' ? !isdigit((unsigned char)s[i]) : s[i] != form[i])
			return false;
	return true;
}

/* The time that an id tells, for entries whose tag cannot be read; 0: none. */
static time_t id_time(enum sk_kind kind, const char *id)
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
	stamp = id + len - strlen("20260810_1400");
	return sscanf(stamp, "%4d%2d%2d_%2d%2d", &tm.tm_year, &tm.tm_mon, &tm.tm_mday, &tm.tm_hour,
	              &tm.tm_min) == 5
	               ? (tm.tm_year -= 1900, tm.tm_mon -= 1, mktime(&tm))
	               : 0;
}

static int new_entry(const char *ref, struct sk_entry **out)
{
	struct sk_entry *e = calloc(1, sizeof *e);
	const char *id = strrchr(ref, '/');

	if (!e)
		return sk_error_oom();
	for (unsigned k = SK_BACKUP; id && k <= SK_RELEASE; k <<= 1) {
		const char *name = sk_kind_name((enum sk_kind)k);
		size_t len = strlen(name);

		if (strncmp(ref, "refs/sk/", 8) == 0 && strncmp(ref + 8, name, len) == 0 &&
		    ref + 8 + len == id)
			e->kind = (enum sk_kind)k;
	}
	if (!e->kind) {
		sk_entry_free(e);
		return sk_error(SK_ENO, "'%s' is no backup, revision or release", sk_name(ref));
	}
	e->id = strdup(id + 1);
	e->ref = strdup(ref);
	if (!e->id || !e->ref) {
		sk_entry_free(e);
		return sk_error_oom();
	}
	*out = e;
	return 0;
}

static int damaged(struct sk_entry *e, const char *why)
{
	e->damage = strdup(why);
	e->title = strdup("");
	e->description = strdup("");
	if (!e->damage || !e->title || !e->description)
		return sk_error_oom();
	e->damaged = true;
	e->created = id_time(e->kind, e->id);
	return 0;
}

/* Every look-up of an object that is not there makes libgit2 read the folder of packs again; after
 * a few of those in one listing it is told not to. */
struct loader {
	const struct sk_repo *repo;
	struct sk_cache *cache; /* NULL: none */
	unsigned misses;
};

static bool known_missing(const struct loader *l, const struct sk_oid *oid)
{
	git_odb *odb = NULL;
	git_oid id;
	bool missing;

	if (l->misses < FEW_MISSES || git_repository_odb(&odb, l->repo->git) < 0)
		return false;
	memcpy(id.id, oid->id, SK_OID_RAW);
	missing = !git_odb_exists_ext(odb, &id, GIT_ODB_LOOKUP_NO_REFRESH);
	git_odb_free(odb);
	return missing;
}

/* Reads the tag `e->tag`; SK_EDAMAGED when that cannot be. */
static int load_tag(struct loader *l, struct sk_entry *e)
{
	git_odb_object *obj = NULL;
	size_t len;
	const char *data = sk_cache_get(l->cache, &e->tag, &len);
	int rc;

	if (data)
		return sk_tag_parse(data, len, e);
	if (known_missing(l, &e->tag))
		rc = sk_error(SK_EDAMAGED, "object %s is missing", sk_oid_str(&e->tag));
	else
		rc = sk_repo_read(l->repo, &e->tag, &obj);
	if (rc)
		l->misses++;
	else if (git_odb_object_type(obj) != GIT_OBJECT_TAG)
		rc = sk_error(SK_EDAMAGED, "the ref points to a %s, not to a tag",
		              git_object_type2string(git_odb_object_type(obj)));
	else
		rc = sk_tag_parse(git_odb_object_data(obj), git_odb_object_size(obj), e);
	if (!rc)
		sk_cache_note(l->cache, &e->tag, git_odb_object_data(obj),
		              git_odb_object_size(obj));
	git_odb_object_free(obj);
	return rc;
}

static int load(struct loader *l, const char *ref, const struct sk_oid *oid, const char *bad,
                struct sk_entry **out)
{
	struct sk_entry *e = NULL;
	int rc = new_entry(ref, &e);

	if (rc)
		return rc;
	if (!bad) {
		e->tag = *oid;
		bad = load_tag(l, e) ? sk_error_message() : NULL;
	}
	rc = bad ? damaged(e, bad) : 0;
	if (rc)
		sk_entry_free(e);
	else
		*out = e;
	return rc;
}

int sk_entry_read(const struct sk_repo *repo, const char *ref, struct sk_entry **out)
{
	struct loader l = { repo, NULL, 0 };
	struct sk_oid oid = { { 0 } };
	char why[256];
	int rc = sk_ref_read(repo, ref, &oid);

	if (rc && rc != SK_EDAMAGED)
		return rc;
	(void)snprintf(why, sizeof why, "%s", sk_error_message());
	return load(&l, ref, &oid, rc ? why : NULL, out);
}

static bool of_worktree(const struct sk_entry *e, const char *worktree_id)
{
	const char *of = e->damaged || !worktree_id ? NULL : sk_entry_get(e, "Sk-Worktree");

	return !of || strcmp(of, worktree_id) == 0;
}

static int newest_first(const void *a, const void *b)
{
	const struct sk_entry *x = *(struct sk_entry *const *)a, *y = *(struct sk_entry *const *)b;

	if (x->created != y->created)
		return x->created < y->created ? 1 : -1;
	if (x->kind != y->kind)
		return x->kind < y->kind ? 1 : -1;
	return strverscmp(y->id, x->id);
}

static int list_refs(struct loader *l, const struct sk_refs *refs, const char *worktree_id,
                     struct sk_entries *list)
{
	int rc = 0;

	if (!refs->n)
		return 0;
	list->item = calloc(refs->n, sizeof(struct sk_entry *));
	if (!list->item)
		return sk_error_oom();
	for (size_t i = refs->n; i > 0 && !rc; i--) { /* ids of backups sort by time */
		const struct sk_ref *r = &refs->item[i - 1];
		struct sk_entry *e;

		rc = load(l, r->name, &r->oid, r->bad, &e);
		if (!rc && of_worktree(e, worktree_id))
			list->item[list->n++] = e;
		else if (!rc)
			sk_entry_free(e);
	}
	for (size_t i = 1; i < list->n; i++)
		if (newest_first(&list->item[i - 1], &list->item[i]) > 0) {
			qsort(list->item, list->n, sizeof *list->item, newest_first);
			break;
		}
	return rc;
}

int sk_entry_list(const struct sk_repo *repo, unsigned kinds, const char *worktree_id,
                  struct sk_entries *out)
{
	static const char *const all[] = { "refs/sk/backup/", "refs/sk/revision/",
		                           "refs/sk/release/" };
	const char *prefixes[4] = { NULL };
	struct loader l = { repo, NULL, 0 };
	struct sk_entries list = { 0 };
	struct sk_refs refs = { 0 };
	size_t n = 0;
	int rc;

	for (unsigned k = 0; k < 3; k++)
		if (kinds & (unsigned)SK_BACKUP << k)
			prefixes[n++] = all[k];
	rc = sk_refs_list_all(repo, prefixes, 0, &refs);
	if (!rc && refs.n >= MANY)
		rc = sk_cache_open(repo, &l.cache);
	if (!rc)
		rc = list_refs(&l, &refs, worktree_id, &list);
	sk_cache_close(l.cache, !rc && (kinds & SK_BACKUP));
	sk_refs_free(&refs);
	if (rc)
		sk_entries_free(&list);
	else
		*out = list;
	return rc;
}

static int by_number(const void *a, const void *b)
{
	return strverscmp(((const struct sk_ref *)a)->name, ((const struct sk_ref *)b)->name);
}

/* The newest in refs[from, to) that is whole and of the worktree, or NULL. */
static int newest_of(const struct sk_repo *repo, const char *worktree_id, const struct sk_ref *ref,
                     size_t n, struct sk_entry **out)
{
	struct sk_entry *e;

	for (; n; n--) {
		int rc = sk_entry_read(repo, ref[n - 1].name, &e);

		if (rc == SK_ENO)
			continue; /* deleted since */
		if (rc)
			return rc;
		if (!e->damaged && of_worktree(e, worktree_id)) {
			*out = e;
			return 0;
		}
		sk_entry_free(e);
	}
	return SK_ENO;
}

int sk_entry_latest(const struct sk_repo *repo, const char *worktree_id, struct sk_entry **out)
{
	static const char prefix[] = "refs/sk/backup/";
	struct sk_refs refs = { 0 };
	time_t now = sk_now(), t;
	size_t n;
	int rc = sk_refs_list(repo, prefix, SK_REFS_NAMES, &refs);

	if (rc)
		return rc;
	if (refs.n)
		qsort(refs.item, refs.n, sizeof *refs.item, by_number);
	n = refs.n;
	while (n && (!sk_parse_id_time(refs.item[n - 1].name + strlen(prefix), &t) || t > now))
		n--;
	rc = newest_of(repo, worktree_id, refs.item, n, out);
	if (rc == SK_ENO && n < refs.n)
		rc = newest_of(repo, worktree_id, refs.item + n, refs.n - n, out);
	if (rc == SK_ENO)
		(void)sk_error(SK_ENO, "no backup yet (git sk backup makes one)");
	sk_refs_free(&refs);
	return rc;
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
	size_t len, n;
	char stamp[32];
	struct tm tm;
	char *ptr;

	if (name[strspn(name, " \t\r\n")] == '\0')
		name = "Revision";
	len = strlen(name);
	for (size_t i = 0; i < len; i += n ? n : 1) {
		n = sk_utf8_len(name + i, len - i);
		if (id.len + n > ID_MAX)
			break;
		if (safe_char(name + i, n) &&
		    !(name[i] == '.' && (!id.len || name[i + 1] == '.')) &&
		    !(name[i] == '-' && !id.len))
			(void)sk_buf_add(&id, name + i, n);
		else
			(void)sk_buf_addc(&id, '_');
	}
	if (!has_stamp(sk_buf_str(&id), id.len)) {
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
