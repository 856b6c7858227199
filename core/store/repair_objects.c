#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/proc.h"
#include "repo/copies.h"
#include "store/cache.h"
#include "store/repair_parts.h"
#include "store/treeiter.h"

struct queue {
	struct sk_mender *m;
	git_odb *odb; /* the repository's */
	struct sk_cache *cache;
	struct sk_oid *item;
	size_t n, cap;
	struct sk_oidset seen;
};

static int push_again(struct queue *q, const struct sk_oid *oid)
{
	if (q->n == q->cap) {
		size_t cap = q->cap ? q->cap * 2 : 256;
		struct sk_oid *grown = realloc(q->item, cap * sizeof *grown);

		if (!grown)
			return sk_error_oom();
		q->item = grown;
		q->cap = cap;
	}
	q->item[q->n++] = *oid;
	return 0;
}

static int push(struct queue *q, const struct sk_oid *oid)
{
	bool added = false;
	int rc = sk_oidset_add(&q->seen, oid, 1, &added);

	return rc || !added ? rc : push_again(q, oid);
}

/* Whether any copy is here, good or not. */
static bool is_here(const struct queue *q, const struct sk_oid *oid)
{
	return git_odb_exists_ext(q->odb, (const git_oid *)oid, GIT_ODB_LOOKUP_NO_REFRESH) == 1;
}

static bool readable(const struct queue *q, const struct sk_oid *oid)
{
	git_odb_object *object = NULL;
	bool yes = is_here(q, oid) && (git_odb_read(&object, q->odb, (const git_oid *)oid) == 0 ||
	                               sk_copies_read(q->m->objects.ptr, oid, &object) == 0);

	git_odb_object_free(object);
	return yes;
}

/* What a mended object names has to be there too: it could not be looked at before. */
static int push_below(struct queue *q, enum sk_object_type type, const char *data, size_t len)
{
	struct sk_tree_iter it = { data, data + len };
	struct sk_tree_item item;
	struct sk_oid oid;
	int rc = 0;

	if (type == SK_OBJ_TAG && len > 7 + SK_OID_HEX && memcmp(data, "object ", 7) == 0 &&
	    sk_oid_parse(data + 7, &oid))
		return push(q, &oid);
	if (type == SK_OBJ_COMMIT && len > 5 + SK_OID_HEX && memcmp(data, "tree ", 5) == 0 &&
	    sk_oid_parse(data + 5, &oid))
		return push(q, &oid);
	while (!rc && type == SK_OBJ_TREE && sk_tree_next(&it, &item) > 0)
		if (item.mode != SK_MODE_COMMIT)
			rc = push(q, &item.oid);
	return rc;
}

static int put(struct queue *q, const struct sk_oid *oid, enum sk_object_type type,
               const char *data, size_t len, bool *done)
{
	struct sk_oid got;
	int rc;

	sk_hash_object(type, data, len, &got);
	if (!sk_oid_eq(&got, oid))
		return 0;
	rc = sk_packer_put(q->m->packer, type, data, len, &got);
	if (!rc)
		rc = push_below(q, type, data, len);
	q->m->out->objects++;
	*done = true;
	return rc;
}

/* git resolves a delta whose base is damaged in this pack from another copy of that base. */
static int put_from_git(struct queue *q, const struct sk_oid *oid, bool *done)
{
	char hex[SK_OID_HEX + 2], kind[16];
	const char *const argv[] = { "git",       "--no-replace-objects",
		                     "--git-dir", q->m->repo->commondir,
		                     "cat-file",  "--batch",
		                     NULL };
	struct sk_buf out = SK_BUF_INIT, err = SK_BUF_INIT;
	struct sk_proc proc = { .argv = argv,
		                .input = hex,
		                .input_len = SK_OID_HEX + 1,
		                .output = &out,
		                .errors = &err };
	const char *nl;
	size_t len = 0;
	int status = 0, rc;

	sk_oid_hex(oid, hex);
	memcpy(hex + SK_OID_HEX, "\n", 2);
	rc = sk_proc_run(&proc, &status);
	nl = rc || status ? NULL : strchr(sk_buf_str(&out), '\n');
	if (nl && sscanf(sk_buf_str(&out), "%*40s %15s %zu", kind, &len) == 2 &&
	    out.len >= (size_t)(nl + 1 - out.ptr) + len)
		for (int type = SK_OBJ_COMMIT; !rc && type <= SK_OBJ_TAG; type++)
			if (strcmp(kind, sk_object_type_name((enum sk_object_type)type)) == 0)
				rc = put(q, oid, (enum sk_object_type)type, nl + 1, len, done);
	sk_buf_free(&out);
	sk_buf_free(&err);
	return rc;
}

static int mend(struct queue *q, const struct sk_oid *oid, bool *done)
{
	git_odb_object *object = NULL;
	const char *text;
	size_t len;
	int rc = 0;

	*done = readable(q, oid);
	if (*done) {
		rc = sk_repo_read(q->m->repo, oid, &object);
		if (!rc)
			rc = push_below(q, (enum sk_object_type)git_odb_object_type(object),
			                git_odb_object_data(object), git_odb_object_size(object));
	} else if (git_odb_read(&object, q->m->source, (const git_oid *)oid) == 0) {
		rc = put(q, oid, (enum sk_object_type)git_odb_object_type(object),
		         git_odb_object_data(object), git_odb_object_size(object), done);
	} else if ((text = sk_cache_get(q->cache, oid, &len))) {
		rc = put(q, oid, SK_OBJ_TAG, text, len, done);
	}
	git_odb_object_free(object);
	if (!rc && !*done && is_here(q, oid))
		rc = put_from_git(q, oid, done);
	return rc;
}

/* Until a round brings nothing: what is mended may be the base of the next. */
static int run(struct queue *q)
{
	struct sk_oidset open = { 0 };
	bool progress = true;
	int rc = 0;

	while (!rc && progress) {
		const struct sk_oidset_slot *slot;
		struct sk_oidset still = { 0 };
		size_t at = 0;

		while (!rc && (slot = sk_oidset_next(&open, &at)))
			rc = push_again(q, &slot->oid);
		sk_oidset_free(&open);
		progress = false;
		while (!rc && q->n) {
			const struct sk_oid oid = q->item[--q->n];
			size_t before = q->m->out->objects;
			bool done = false;

			rc = mend(q, &oid, &done);
			progress = progress || q->m->out->objects > before;
			if (!rc && !done)
				rc = sk_oidset_add(&still, &oid, 1, NULL);
		}
		open = still;
	}
	sk_oidset_free(&open);
	return rc;
}

int sk_mend_objects(struct sk_mender *m)
{
	struct queue q = { .m = m };
	const struct sk_oidset_slot *slot;
	size_t at = 0;
	int rc = 0;

	if (git_repository_odb(&q.odb, m->repo->git) < 0)
		rc = sk_error_git(SK_EIO, "cannot open the object database");
	if (!rc)
		rc = sk_cache_open(m->repo, &q.cache);
	while (!rc && (slot = sk_oidset_next(&m->found->bad, &at)))
		rc = push(&q, &slot->oid);
	if (!rc)
		rc = run(&q);
	sk_cache_close(q.cache, false);
	git_odb_free(q.odb);
	sk_oidset_free(&q.seen);
	free(q.item);
	return rc;
}
