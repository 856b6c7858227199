#include "store/metatree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "repo/index.h"

struct item {
	char name[24];
	bool folder;
	struct sk_oid oid;
};

struct items {
	struct item *item;
	size_t n, cap;
};

static int add_item(struct items *list, const char *name, bool folder, const struct sk_oid *oid)
{
	struct item *it;

	if (list->n == list->cap) {
		size_t cap = list->cap ? list->cap * 2 : 8;

		it = realloc(list->item, cap * sizeof *it);
		if (!it)
			return sk_error_oom();
		list->item = it;
		list->cap = cap;
	}
	it = &list->item[list->n++];
	(void)snprintf(it->name, sizeof it->name, "%s", name);
	it->folder = folder;
	it->oid = *oid;
	return 0;
}

/* The order of git's trees: a folder's name as if it ended in a slash. */
static int tree_order(const void *a, const void *b)
{
	const struct item *x = a, *y = b;
	char left[32], right[32];

	(void)snprintf(left, sizeof left, "%s%s", x->name, x->folder ? "/" : "");
	(void)snprintf(right, sizeof right, "%s%s", y->name, y->folder ? "/" : "");
	return strcmp(left, right);
}

static int write_tree(struct items *list, struct sk_packer *p, struct sk_oid *out)
{
	struct sk_buf data = SK_BUF_INIT;
	int rc;

	if (list->n)
		qsort(list->item, list->n, sizeof *list->item, tree_order);
	for (size_t i = 0; i < list->n; i++) {
		const struct item *it = &list->item[i];

		(void)sk_buf_addf(&data, "%s %s", it->folder ? "40000" : "100644", it->name);
		(void)sk_buf_add(&data, "", 1);
		(void)sk_buf_add(&data, it->oid.id, SK_OID_RAW);
	}
	rc = sk_buf_ok(&data);
	if (!rc)
		rc = sk_packer_add(p, SK_OBJ_TREE, sk_buf_str(&data), data.len, out);
	sk_buf_free(&data);
	return rc;
}

static int add_blob(struct items *list, const char *name, const struct sk_buf *data,
                    struct sk_packer *p)
{
	struct sk_oid oid;
	int rc;

	if (!data->len)
		return 0;
	rc = sk_packer_add(p, SK_OBJ_BLOB, data->ptr, data->len, &oid);
	return rc ? rc : add_item(list, name, false, &oid);
}

static int add_nested(struct items *list, const struct sk_meta *meta, struct sk_packer *p)
{
	struct items sub = { 0 };
	const struct sk_meta_path *nested;
	struct sk_oid tree;
	char name[24];
	size_t n;
	int rc = 0;

	nested = sk_meta_kind(meta, 'N', &n);
	for (size_t i = 0; i < n && !rc; i++) {
		(void)snprintf(name, sizeof name, "%zu", i);
		rc = add_item(&sub, name, true, &nested[i].tree);
	}
	if (!rc && sub.n)
		rc = write_tree(&sub, p, &tree);
	if (!rc && sub.n)
		rc = add_item(list, "nested", true, &tree);
	free(sub.item);
	return rc;
}

/* The index may name blobs that are nowhere (a partial clone; a submodule's commit is none at
 * all): a tree that named them too would be broken. */
static int add_unmerged(struct items *list, const struct sk_meta *meta, struct sk_packer *p)
{
	struct items sub = { 0 };
	struct sk_oid tree;
	char name[24];
	bool have;
	int rc = 0;

	for (size_t i = 0; i < meta->n_info && !rc; i++) {
		const struct sk_index_info *e = &meta->info[i];

		if (!e->stage || (e->mode & 0170000) == 0160000 || (e->mode & 0170000) == 040000)
			continue;
		(void)snprintf(name, sizeof name, "%zu", sub.n);
		rc = sk_packer_rely(p, &e->oid, &have);
		if (!rc && have)
			rc = add_item(&sub, name, false, &e->oid);
	}
	if (!rc && sub.n)
		rc = write_tree(&sub, p, &tree);
	if (!rc && sub.n)
		rc = add_item(list, "unmerged", true, &tree);
	free(sub.item);
	return rc;
}

int sk_meta_write(struct sk_meta *meta, struct sk_packer *p, struct sk_oid *out)
{
	struct sk_buf attributes = SK_BUF_INIT, info = SK_BUF_INIT;
	struct items list = { 0 };
	int rc;

	sk_meta_sort(meta);
	rc = sk_meta_attributes(meta, &attributes);
	if (!rc)
		rc = sk_meta_index_info(meta, &info);
	if (!rc)
		rc = add_blob(&list, "attributes", &attributes, p);
	if (!rc)
		rc = add_blob(&list, "index-info", &info, p);
	if (!rc && meta->has_index)
		rc = add_item(&list, "index", true, &meta->index);
	if (!rc)
		rc = add_nested(&list, meta, p);
	if (!rc)
		rc = add_unmerged(&list, meta, p);
	if (!rc)
		rc = write_tree(&list, p, out);
	free(list.item);
	sk_buf_free(&attributes);
	sk_buf_free(&info);
	return rc;
}

/* A tree's object as a list of its lines. */
static int read_tree(const struct sk_repo *repo, const struct sk_oid *oid, struct items *out)
{
	git_odb_object *obj = NULL;
	const char *at, *end;
	int rc = sk_repo_read(repo, oid, &obj);

	if (rc)
		return rc;
	if (git_odb_object_type(obj) != GIT_OBJECT_TREE)
		rc = sk_error(SK_EDAMAGED, "%s is not a tree", sk_oid_str(oid));
	at = git_odb_object_data(obj);
	end = at + git_odb_object_size(obj);
	while (!rc && at < end) {
		const char *nul = memchr(at, '\0', (size_t)(end - at));
		const char *name = nul ? memchr(at, ' ', (size_t)(nul - at)) : NULL;
		struct sk_oid id;

		if (!name || end - nul < 1 + SK_OID_RAW) {
			rc = sk_error(SK_EDAMAGED, "the tree %s is cut off", sk_oid_str(oid));
			break;
		}
		memcpy(id.id, nul + 1, SK_OID_RAW);
		if (strlen(name + 1) < sizeof out->item->name) /* else: of a later version */
			rc = add_item(out, name + 1, *at == '4', &id);
		at = nul + 1 + SK_OID_RAW;
	}
	git_odb_object_free(obj);
	return rc;
}

static const struct item *item_of(const struct items *list, const char *name, bool folder)
{
	for (size_t i = 0; i < list->n; i++)
		if (list->item[i].folder == folder && strcmp(list->item[i].name, name) == 0)
			return &list->item[i];
	return NULL;
}

static int read_blob(const struct sk_repo *repo, const struct item *it, struct sk_meta *meta,
                     int (*parse)(struct sk_meta *, const char *, size_t))
{
	git_odb_object *obj = NULL;
	int rc;

	if (!it)
		return 0;
	rc = sk_repo_read(repo, &it->oid, &obj);
	if (!rc && git_odb_object_type(obj) != GIT_OBJECT_BLOB)
		rc = sk_error(SK_EDAMAGED, "%s is not a blob", sk_oid_str(&it->oid));
	if (!rc)
		rc = parse(meta, git_odb_object_data(obj), git_odb_object_size(obj));
	git_odb_object_free(obj);
	return rc;
}

/* Gives every N record, in its order, the tree of its number. */
static int read_nested(const struct sk_repo *repo, const struct items *list, struct sk_meta *meta)
{
	const struct item *it = item_of(list, "nested", true);
	struct items sub = { 0 };
	char name[24];
	size_t number = 0;
	int rc = it ? read_tree(repo, &it->oid, &sub) : 0;

	for (size_t i = 0; i < meta->n && !rc; i++) {
		const struct item *tree;

		if (meta->path[i].kind != 'N')
			continue;
		(void)snprintf(name, sizeof name, "%zu", number++);
		tree = item_of(&sub, name, true);
		if (tree)
			meta->path[i].tree = tree->oid;
		else
			rc = sk_error(SK_EDAMAGED,
			              "the metadata has no files of its nested "
			              "repository %s",
			              name);
	}
	free(sub.item);
	return rc;
}

int sk_meta_read(const struct sk_repo *repo, const struct sk_oid *tree, struct sk_meta *out)
{
	struct items list = { 0 };
	const struct item *index;
	struct sk_meta meta;
	int rc = read_tree(repo, tree, &list);

	sk_meta_init(&meta);
	if (!rc)
		rc = read_blob(repo, item_of(&list, "attributes", false), &meta,
		               sk_meta_parse_attributes);
	if (!rc)
		rc = read_blob(repo, item_of(&list, "index-info", false), &meta,
		               sk_meta_parse_index_info);
	index = item_of(&list, "index", true);
	if (!rc && index) {
		meta.has_index = true;
		meta.index = index->oid;
	}
	if (!rc)
		rc = read_nested(repo, &list, &meta); /* before sorting: records in their order */
	free(list.item);
	if (rc) {
		sk_meta_clear(&meta);
		return rc;
	}
	sk_meta_sort(&meta);
	*out = meta;
	return 0;
}
