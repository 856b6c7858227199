#include <stdlib.h>
#include <string.h>

#include "repo/copies.h"
#include "store/distrust.h"
#include "store/treeiter.h"
#include "store/verify_parts.h"

#define DEPTH_MAX 4096

struct places {
	const struct sk_repo *repo;
	struct sk_buf text;
	bool good;
};

static int add_place(void *arg, const struct sk_copy *copy)
{
	struct places *p = arg;
	size_t base = strlen(p->repo->commondir);
	const char *name = copy->path;

	if (copy->object) {
		p->good = true;
		return 0;
	}
	if (strncmp(name, p->repo->commondir, base) == 0 && name[base] == '/')
		name += base + 1;
	return sk_buf_addf(&p->text, "%s%.*s%s", p->text.len ? ", " : "damaged in ",
	                   (int)(strlen(name) - (copy->packed ? strlen(".idx") : 0)), name,
	                   copy->packed ? ".pack" : "");
}

/* "missing", or which copies of it are damaged. */
static int reason(const struct sk_repo *repo, const struct sk_oid *oid, struct sk_buf *out)
{
	struct places p = { .repo = repo };
	struct sk_buf objects = SK_BUF_INIT;
	int rc = sk_buf_addf(&objects, "%s/objects", repo->commondir);

	if (!rc)
		rc = sk_copies(objects.ptr, oid, add_place, &p);
	if (!rc)
		rc = sk_buf_addf(out, "%s%s", p.text.len ? p.text.ptr : "missing",
		                 p.good ? " (another copy of it is good)" : "");
	sk_buf_free(&objects);
	sk_buf_free(&p.text);
	return rc;
}

static int new_damage(struct sk_verify *out, enum sk_damage_kind kind, const struct sk_oid *oid,
                      const char *path, const char *why)
{
	struct sk_damage *d;

	if (out->n == out->cap) {
		size_t cap = out->cap ? out->cap * 2 : 16;

		d = realloc(out->damage, cap * sizeof *d);
		if (!d)
			return sk_error_oom();
		out->damage = d;
		out->cap = cap;
	}
	d = &out->damage[out->n];
	*d = (struct sk_damage){ .kind = kind, .oid = *oid };
	d->path = strdup(path);
	d->why = strdup(why);
	if (!d->path || !d->why) {
		free(d->path);
		free(d->why);
		return sk_error_oom();
	}
	out->n++;
	return 0;
}

int sk_damage_add(struct sk_verifier *v, enum sk_damage_kind kind, const struct sk_oid *oid,
                  const char *path, const char *why, const char *ref)
{
	struct sk_verify *out = v->out;
	struct sk_buf text = SK_BUF_INIT;
	const char kind_byte = (char)kind;
	struct sk_oid none = { { 0 } }, key;
	struct sk_strv *refs;
	struct sk_hash h;
	uint32_t *at;
	int rc = 0;

	oid = oid ? oid : &none;
	sk_hash_init(&h);
	sk_hash_update(&h, &kind_byte, 1);
	sk_hash_update(&h, oid->id, SK_OID_RAW);
	sk_hash_update(&h, path, strlen(path));
	sk_hash_final(&h, &key);
	at = sk_oidset_get(&out->keys, &key);
	if (!at && out->n >= SK_DAMAGE_MAX) {
		out->left_out++;
		return 0;
	}
	if (!at) {
		rc = why ? 0 : reason(v->repo, oid, &text);
		if (!rc)
			rc = new_damage(out, kind, oid, path, why ? why : sk_buf_str(&text));
		sk_buf_free(&text);
		if (!rc)
			rc = sk_oidset_add(&out->keys, &key, (uint32_t)out->n, NULL);
		at = rc ? NULL : sk_oidset_get(&out->keys, &key);
	}
	if (rc || !ref)
		return rc;
	refs = &out->damage[*at - 1].refs;
	return refs->n && strcmp(refs->item[refs->n - 1], ref) == 0 ? 0 : sk_strv_add(refs, ref);
}

static int note_bad_copy(void *arg, const struct sk_copy *copy)
{
	bool *bad = arg;

	*bad = *bad || !copy->object;
	return 0;
}

/* Objects that were damaged the last time, and have a good copy since: the bad ones are still in
 * git's way. */
int sk_verify_copies(struct sk_verifier *v)
{
	struct sk_buf objects = SK_BUF_INIT;
	struct sk_distrust list = { 0 };
	int rc = sk_distrust_load(v->repo, &list);

	if (!rc)
		rc = sk_buf_addf(&objects, "%s/objects", v->repo->commondir);
	for (size_t i = 0; !rc && i < list.n; i++) {
		const uint32_t *seen = sk_oidset_get(&v->seen, &list.oid[i]);
		bool bad = false;

		if (!seen || (*seen & SK_SEEN_BAD) ||
		    git_odb_exists(v->odb, (const git_oid *)&list.oid[i]) != 1)
			continue;
		rc = sk_copies(objects.ptr, &list.oid[i], note_bad_copy, &bad);
		if (!rc && bad)
			rc = sk_verify_bad(v, &list.oid[i],
			                   (enum sk_object_type)(*seen & SK_SEEN_TYPE));
	}
	sk_buf_free(&objects);
	free(list.oid);
	return rc;
}

struct naming {
	struct sk_verifier *v;
	const char *ref;
	struct sk_buf path;
};

static int found(struct naming *n, const struct sk_oid *oid)
{
	return sk_damage_add(n->v, SK_DAMAGE_OBJECT, oid, sk_buf_str(&n->path), NULL, n->ref);
}

/* Whether anything at or below a tree is bad; each tree is looked at once. */
static int taint(struct sk_verifier *v, const struct sk_oid *oid, int depth, bool *out)
{
	uint32_t *seen = sk_oidset_get(&v->seen, oid);
	git_odb_object *object = NULL;
	struct sk_tree_iter it;
	struct sk_tree_item item;
	bool any = false;
	int rc = 0;

	*out = seen && (*seen & (SK_SEEN_BAD | SK_SEEN_TAINTED));
	if (!seen || *out || (*seen & SK_SEEN_CLEAN) || (*seen & SK_SEEN_TYPE) != SK_OBJ_TREE ||
	    depth > DEPTH_MAX)
		return 0;
	if (git_odb_read(&object, v->odb, (const git_oid *)oid) == 0) {
		it.at = git_odb_object_data(object);
		it.end = it.at + git_odb_object_size(object);
		while (!rc && sk_tree_next(&it, &item) > 0) {
			bool one = false;

			rc = taint(v, &item.oid, depth + 1, &one);
			any = any || one;
		}
	}
	git_odb_object_free(object);
	*seen |= any ? SK_SEEN_TAINTED : SK_SEEN_CLEAN;
	*out = any;
	return rc;
}

static int name_tree(struct naming *n, const struct sk_oid *oid, int depth)
{
	const uint32_t *seen = sk_oidset_get(&n->v->seen, oid);
	git_odb_object *object = NULL;
	struct sk_tree_iter it;
	struct sk_tree_item item;
	size_t before = n->path.len;
	bool bad = false;
	int rc;

	if (seen && (*seen & SK_SEEN_BAD))
		return found(n, oid);
	rc = taint(n->v, oid, 0, &bad);
	if (rc || !bad || depth > DEPTH_MAX ||
	    git_odb_read(&object, n->v->odb, (const git_oid *)oid) < 0)
		return rc;
	it.at = git_odb_object_data(object);
	it.end = it.at + git_odb_object_size(object);
	while (!rc && sk_tree_next(&it, &item) > 0) {
		if (before && n->path.ptr[before - 1] != ':')
			(void)sk_buf_addc(&n->path, '/');
		rc = sk_buf_add(&n->path, item.name, item.len);
		if (!rc && item.mode != SK_MODE_COMMIT)
			rc = name_tree(n, &item.oid, depth + 1);
		sk_buf_truncate(&n->path, before);
	}
	git_odb_object_free(object);
	return rc;
}

static int name_entry(struct sk_verifier *v, const struct sk_entry *e)
{
	struct naming n = { .v = v, .ref = e->ref };
	struct sk_oid tree;
	int rc = name_tree(&n, &e->tree, 0);

	if (!rc && sk_entry_get_oid(e, "Sk-Meta", &tree)) {
		rc = sk_buf_adds(&n.path, "metadata:");
		if (!rc)
			rc = name_tree(&n, &tree, 0);
	}
	sk_buf_free(&n.path);
	return rc;
}

int sk_verify_name_commit(struct sk_verifier *v, const struct sk_oid *commit,
                          const struct sk_oid *tree)
{
	struct naming n = { .v = v, .ref = sk_oid_str(commit) };
	int rc = tree ? name_tree(&n, tree, 0) : found(&n, commit);

	sk_buf_free(&n.path);
	return rc;
}

int sk_verify_name(struct sk_verifier *v)
{
	int rc = 0;

	for (size_t i = 0; !rc && v->out->bad.n && i < v->out->entries.n; i++)
		if (!v->out->entries.item[i]->damaged)
			rc = name_entry(v, v->out->entries.item[i]);
	return rc;
}
