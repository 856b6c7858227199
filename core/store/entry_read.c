#include "store/entry.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/text.h"
#include "store/cache.h"
#include "store/refs_file.h"
#include "store/tag.h"

#define BACKUPS "refs/sk/backup/"
#define STAMP_LEN 16 /* 20260810T120000Z */
#define FEW_MISSES 8
#define MANY 256 /* tags to read, from which on their cache is looked at */
#define SOME 16  /* looked at first where one is wanted */

static int new_entry(const char *ref, struct sk_entry **out)
{
	size_t len = strlen(ref);
	const char *id = strrchr(ref, '/');
	enum sk_kind kind = (enum sk_kind)0;
	struct sk_entry *e;

	for (unsigned k = SK_BACKUP; id && k <= SK_RELEASE; k <<= 1) {
		const char *name = sk_kind_name((enum sk_kind)k);
		size_t n = strlen(name);

		if (strncmp(ref, "refs/sk/", 8) == 0 && strncmp(ref + 8, name, n) == 0 &&
		    ref + 8 + n == id)
			kind = (enum sk_kind)k;
	}
	if (!kind)
		return sk_error(SK_ENO, "'%s' is no backup, revision or release", sk_name(ref));
	e = calloc(1, sizeof *e + len + 1);
	if (!e)
		return sk_error_oom();
	e->kind = kind;
	e->tail_len = len + 1;
	e->ref = memcpy(e + 1, ref, len + 1);
	e->id = e->ref + (id + 1 - ref);
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
	e->created = sk_entry_id_time(e->kind, e->id);
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

static int read_one(struct loader *l, const char *ref, struct sk_entry **out)
{
	struct sk_oid oid = { { 0 } };
	char why[256];
	int rc = sk_ref_read(l->repo, ref, &oid);

	if (rc && rc != SK_EDAMAGED)
		return rc;
	(void)snprintf(why, sizeof why, "%s", sk_error_message());
	return load(l, ref, &oid, rc ? why : NULL, out);
}

int sk_entry_read(const struct sk_repo *repo, const char *ref, struct sk_entry **out)
{
	struct loader l = { repo, NULL, 0 };

	return read_one(&l, ref, out);
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

static int by_number(const void *a, const void *b)
{
	return strverscmp(((const struct sk_ref *)a)->name, ((const struct sk_ref *)b)->name);
}

/* Adds those of `refs`, the last first, until `list` has `max`.  *rest: how many were not
 * looked at. */
static int add_entries(struct loader *l, const struct sk_refs *refs, const char *worktree_id,
                       size_t max, struct sk_entries *list, size_t *rest)
{
	struct sk_entry **grown;
	size_t i = refs->n;
	int rc = 0;

	*rest = 0;
	if (!i)
		return 0;
	grown = realloc(list->item, (list->n + i) * sizeof *grown);
	if (!grown)
		return sk_error_oom();
	list->item = grown;
	for (; i > 0 && list->n < max && !rc; i--) { /* ids of backups sort by time */
		const struct sk_ref *r = &refs->item[i - 1];
		struct sk_entry *e;

		rc = load(l, r->name, &r->oid, r->bad, &e);
		if (!rc && of_worktree(e, worktree_id))
			list->item[list->n++] = e;
		else if (!rc)
			sk_entry_free(e);
	}
	*rest = i;
	return rc;
}

static void sort(struct sk_entries *list)
{
	for (size_t i = 1; i < list->n; i++)
		if (newest_first(&list->item[i - 1], &list->item[i]) > 0) {
			qsort(list->item, list->n, sizeof *list->item, newest_first);
			break;
		}
}

static int list_all(const struct sk_repo *repo, unsigned kinds, const char *worktree_id,
                    struct sk_entries *list)
{
	static const char *const all[] = { BACKUPS, "refs/sk/revision/", "refs/sk/release/" };
	const char *prefixes[4] = { NULL };
	struct loader l = { repo, NULL, 0 };
	struct sk_refs refs = { 0 };
	size_t n = 0, rest;
	int rc;

	for (unsigned k = 0; k < 3; k++)
		if (kinds & (unsigned)SK_BACKUP << k)
			prefixes[n++] = all[k];
	rc = sk_refs_list_all(repo, prefixes, 0, &refs);
	if (!rc && refs.n >= SOME)
		rc = sk_cache_open(repo, &l.cache);
	if (!rc)
		rc = add_entries(&l, &refs, worktree_id, SIZE_MAX, list, &rest);
	sk_cache_close(l.cache, !rc && (kinds & SK_BACKUP));
	sk_refs_free(&refs);
	return rc;
}

int sk_entry_list(const struct sk_repo *repo, unsigned kinds, const char *worktree_id,
                  struct sk_entries *out)
{
	struct sk_entries list = { 0 };
	int rc = list_all(repo, kinds, worktree_id, &list);

	if (rc) {
		sk_entries_free(&list);
		return rc;
	}
	sort(&list);
	*out = list;
	return 0;
}

/* Sorts, and of a ref that is loose and packed leaves the loose one. */
static void tidy(struct sk_refs *refs)
{
	size_t n = 0;

	if (refs->n)
		qsort(refs->item, refs->n, sizeof *refs->item, by_number);
	for (size_t i = 0; i < refs->n; i++) {
		struct sk_ref *r = &refs->item[i];

		if (!n || strcmp(refs->item[n - 1].name, r->name) != 0) {
			refs->item[n++] = *r;
			continue;
		}
		if (refs->item[n - 1].packed) {
			struct sk_ref other = refs->item[n - 1];

			refs->item[n - 1] = *r;
			*r = other;
		}
		free(r->name);
	}
	refs->n = n;
}

/* Takes away those before `name`. */
static void cut(struct sk_refs *refs, const char *name)
{
	size_t n = 0;

	while (n < refs->n && strverscmp(refs->item[n].name, name) < 0)
		free(refs->item[n++].name);
	refs->n -= n;
	memmove(refs->item, refs->item + n, refs->n * sizeof *refs->item);
}

/* The refs of backups, oldest first, from about the `max`th newest on; of the packed ones only
 * those below `before`.  *all: there are no older ones. */
static int newest_refs(const struct sk_repo *repo, const char *before, size_t max, unsigned flags,
                       struct sk_refs *out, bool *all)
{
	struct sk_packed packed = { 0 };
	struct sk_refs refs = { 0 };
	char *oldest = NULL;
	int rc;

	*all = true;
	rc = sk_refs_list(repo, BACKUPS, flags | SK_REFS_LOOSE, &refs); /* before the packed ones */
	if (!rc)
		rc = sk_packed_open(repo, &packed);
	if (!rc && packed.sorted)
		rc = sk_packed_tail(&packed, BACKUPS, before, max, strlen(BACKUPS) + STAMP_LEN,
		                    &refs, all);
	else if (!rc)
		rc = sk_packed_list(&packed, BACKUPS, flags, &refs);
	sk_packed_close(&packed);
	/* a loose one that is older: packed ones may lie between it and those that are here */
	if (!rc && !*all && !(oldest = strdup(refs.item[refs.n - 1].name)))
		rc = sk_error_oom();
	tidy(&refs);
	if (!rc && oldest)
		cut(&refs, oldest);
	free(oldest);
	if (rc)
		sk_refs_free(&refs);
	else
		*out = refs;
	return rc;
}

/* Fills `list` with backups of which there are at least `max`, or all. */
static int list_newest(const struct sk_repo *repo, const char *worktree_id, size_t max,
                       struct sk_entries *list)
{
	bool all = false;
	int rc = 0;

	for (size_t chunk = max + SOME; !rc && !all && list->n < max; chunk *= 8) {
		struct loader l = { repo, NULL, 0 };
		struct sk_refs refs = { 0 };
		size_t rest;

		sk_entries_free(list);
		rc = newest_refs(repo, BACKUPS "\177", chunk, 0, &refs, &all);
		if (!rc && refs.n >= MANY)
			rc = sk_cache_open(repo, &l.cache);
		if (!rc)
			rc = add_entries(&l, &refs, worktree_id, max, list, &rest);
		sk_cache_close(l.cache, false);
		sk_refs_free(&refs);
	}
	return rc;
}

int sk_entry_list_newest(const struct sk_repo *repo, unsigned kinds, const char *worktree_id,
                         size_t max, struct sk_entries *out)
{
	struct sk_entries list = { 0 };
	int rc = 0;

	if (!(kinds & SK_BACKUP) || max > SIZE_MAX / 64)
		return sk_entry_list(repo, kinds, worktree_id, out);
	if (max)
		rc = list_newest(repo, worktree_id, max, &list);
	if (!rc && (kinds & ~(unsigned)SK_BACKUP))
		rc = list_all(repo, kinds & ~(unsigned)SK_BACKUP, worktree_id, &list);
	if (rc) {
		sk_entries_free(&list);
		return rc;
	}
	sort(&list);
	*out = list;
	return 0;
}

/* The newest in ref[0, n) that is whole and of the worktree; those of the future, and with a name
 * that tells no time, only when `future`. */
static int newest_of(struct loader *l, const char *worktree_id, const struct sk_refs *refs,
                     time_t now, bool future, struct sk_entry **out)
{
	struct sk_entry *e;
	time_t t;

	for (size_t n = refs->n; n; n--) {
		const char *name = refs->item[n - 1].name;
		bool past = sk_parse_id_time(name + strlen(BACKUPS), &t) && t <= now;
		int rc = past != future ? read_one(l, name, &e) : SK_ENO;

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
	char before[sizeof BACKUPS + STAMP_LEN + 1], stamp[STAMP_LEN + 1];
	time_t now = sk_now();
	bool all = false;
	int rc = SK_ENO;

	sk_format_id_time(now, stamp);
	(void)snprintf(before, sizeof before, BACKUPS "%s~", stamp); /* after its "-2" */
	for (size_t chunk = SOME; rc == SK_ENO && !all; chunk *= 16) {
		struct loader l = { repo, NULL, 0 };
		struct sk_refs refs = { 0 };

		rc = newest_refs(repo, before, chunk, SK_REFS_NAMES, &refs, &all);
		if (!rc && refs.n >= MANY)
			rc = sk_cache_open(repo, &l.cache);
		if (!rc)
			rc = newest_of(&l, worktree_id, &refs, now, false, out);
		sk_cache_close(l.cache, false);
		sk_refs_free(&refs);
	}
	if (rc == SK_ENO) { /* perhaps one of the future */
		struct loader l = { repo, NULL, 0 };
		struct sk_refs refs = { 0 };

		rc = sk_refs_list(repo, BACKUPS, SK_REFS_NAMES, &refs);
		if (!rc)
			tidy(&refs);
		if (!rc)
			rc = newest_of(&l, worktree_id, &refs, now, true, out);
		sk_refs_free(&refs);
	}
	if (rc == SK_ENO)
		(void)sk_error(SK_ENO, "no backup yet (git sk backup makes one)");
	return rc;
}
