#include "restore/children.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "base/text.h"

bool sk_tree_next(const char *data, size_t size, size_t *at, struct sk_tree_entry *out,
                  bool *broken)
{
	const char *p = data + *at, *end = data + size, *nul;

	*broken = false;
	if (p == end)
		return false;
	*broken = true;
	out->mode = 0;
	for (; p < end && *p >= '0' && *p <= '7' && out->mode < 01000000; p++)
		out->mode = out->mode << 3 | (uint32_t)(*p - '0');
	if (p == end || *p++ != ' ')
		return false;
	nul = memchr(p, '\0', (size_t)(end - p));
	if (!nul || (size_t)(end - nul) < 1 + SK_OID_RAW)
		return false;
	out->name = p;
	out->len = (size_t)(nul - p);
	memcpy(out->oid.id, nul + 1, SK_OID_RAW);
	*at = (size_t)(nul + 1 + SK_OID_RAW - data);
	*broken = false;
	return true;
}

/* The records of `kind` below `dir`, as a part of the sorted list. */
static const struct sk_meta_path *below(const struct sk_meta *meta, char kind, const char *dir,
                                        size_t *n)
{
	size_t total = 0, lo = 0, hi, len = strlen(dir);
	const struct sk_meta_path *all = sk_meta_kind(meta, kind, &total);

	*n = total;
	if (len == 0 || total == 0)
		return all;
	for (hi = total; lo < hi;) { /* the first that is not before "dir/" */
		size_t mid = lo + (hi - lo) / 2;
		int d = strncmp(all[mid].path, dir, len);

		if (d < 0 || (d == 0 && (unsigned char)all[mid].path[len] < '/'))
			lo = mid + 1;
		else
			hi = mid;
	}
	for (hi = lo;
	     hi < total && strncmp(all[hi].path, dir, len) == 0 && all[hi].path[len] == '/';)
		hi++;
	*n = hi - lo;
	return all + lo;
}

bool sk_meta_below(const struct sk_meta *meta, const char *kinds, const char *dir)
{
	size_t n = 0;

	for (; *kinds; kinds++) {
		(void)below(meta, *kinds, dir, &n);
		if (n)
			return true;
	}
	return false;
}

static int add(struct sk_buf *list, const struct sk_child *c)
{
	return sk_buf_add(list, c, sizeof *c);
}

static int add_tree(const struct sk_target *target, const char *path, const struct sk_oid *oid,
                    struct sk_children *out, struct sk_buf *list)
{
	struct sk_tree_entry e;
	bool broken = false;
	size_t at = 0, size;
	const char *data;
	int rc = sk_repo_read(target->repo, oid, &out->tree);

	if (rc)
		return sk_error_prefix(SK_EDAMAGED, "backup '%s', folder '%s'", target->id,
		                       sk_name(path));
	data = git_odb_object_data(out->tree);
	size = git_odb_object_size(out->tree);
	broken = git_odb_object_type(out->tree) != GIT_OBJECT_TREE;
	while (!rc && !broken && sk_tree_next(data, size, &at, &e, &broken)) {
		struct sk_child c = { .name = e.name,
			              .len = e.len,
			              .mode = e.mode,
			              .oid = e.oid,
			              .flags = SK_CHILD_TREE };

		if (S_ISREG(e.mode)) /* old git stored other bits too */
			c.mode = e.mode & 0100 ? 0100755 : 0100644;
		rc = add(list, &c);
	}
	if (!rc && broken)
		rc = sk_error(SK_EDAMAGED, "backup '%s', folder '%s': tree %s is damaged",
		              target->id, sk_name(path), sk_oid_str(oid));
	return rc;
}

/* Folders which no tree knows of: empty ones, and those on the way to a nested repository. */
static int add_records(const struct sk_meta *meta, char kind, const char *path, bool present,
                       struct sk_buf *list)
{
	size_t n = 0, skip = strlen(path);
	const struct sk_meta_path *r = below(meta, kind, path, &n);
	int rc = 0;

	skip += skip > 0;
	for (size_t i = 0; i < n && !rc; i++) {
		struct sk_child c = { .name = r[i].path + skip };
		bool leaf;

		c.len = strcspn(c.name, "/");
		leaf = c.name[c.len] == '\0';
		c.flags = present ? SK_CHILD_PRESENT : SK_CHILD_TARGET;
		if (kind == 'N' && leaf) {
			c.flags = 0;
			if (present)
				continue; /* comes from the snapshot's own list */
			c.nested = &r[i];
		}
		rc = add(list, &c);
	}
	return rc;
}

static int add_present(const struct sk_snapshot *now, const char *path, const struct sk_node *node,
                       struct sk_buf *list)
{
	size_t len = strlen(path);
	int rc = 0;

	for (uint32_t i = 0; node && i < node->n_children && !rc; i++) {
		const struct sk_node *kid = &node->child[i];
		struct sk_child c = { .name = kid->name, .len = kid->name_len, .node = kid };

		rc = add(list, &c);
	}
	for (size_t i = 0; i < now->n_nested && !rc; i++) {
		const char *p = now->nested[i].path;
		struct sk_child c = { .repository = &now->nested[i] };

		if (len && (strncmp(p, path, len) != 0 || p[len] != '/'))
			continue;
		c.name = p + len + (len > 0);
		c.len = strlen(c.name);
		if (!strchr(c.name, '/'))
			rc = add(list, &c);
	}
	return rc;
}

static int by_name(const void *x, const void *y)
{
	const struct sk_child *a = x, *b = y;
	int d = memcmp(a->name, b->name, a->len < b->len ? a->len : b->len);

	return d ? d : (a->len > b->len) - (a->len < b->len);
}

/* One child for each name, with all that the sources know of it. */
static void merge(struct sk_children *out)
{
	size_t n = 0;

	for (size_t i = 0; i < out->n; i++) {
		struct sk_child *from = &out->item[i], *to = n ? &out->item[n - 1] : NULL;

		if (!to || by_name(to, from) != 0) {
			out->item[n++] = *from;
			continue;
		}
		if (from->flags & SK_CHILD_TREE) {
			if (to->flags & SK_CHILD_TREE)
				to->flags |= SK_CHILD_TWICE;
			to->mode = from->mode;
			to->oid = from->oid;
		}
		to->flags |= from->flags;
		to->node = to->node ? to->node : from->node;
		to->nested = to->nested ? to->nested : from->nested;
		to->repository = to->repository ? to->repository : from->repository;
	}
	out->n = n;
}

int sk_children_read(const struct sk_target *target, const struct sk_snapshot *now,
                     const char *path, const struct sk_oid *tree, const struct sk_node *node,
                     struct sk_children *out)
{
	struct sk_children made = { NULL, 0, NULL };
	struct sk_buf list = SK_BUF_INIT;
	int rc = tree ? add_tree(target, path, tree, &made, &list) : 0;

	if (!rc)
		rc = add_records(&target->meta, 'E', path, false, &list);
	if (!rc)
		rc = add_records(&target->meta, 'N', path, false, &list);
	if (!rc)
		rc = add_records(&now->meta, 'E', path, true, &list);
	if (!rc)
		rc = add_records(&now->meta, 'N', path, true, &list);
	if (!rc)
		rc = add_present(now, path, node, &list);
	if (rc) {
		sk_buf_free(&list);
		sk_children_free(&made);
		return rc;
	}
	made.n = list.len / sizeof *made.item;
	made.item = (struct sk_child *)(void *)list.ptr;
	if (made.n > 1)
		qsort(made.item, made.n, sizeof *made.item, by_name);
	merge(&made);
	*out = made;
	return 0;
}

void sk_children_free(struct sk_children *c)
{
	free(c->item);
	git_odb_object_free(c->tree);
	*c = (struct sk_children){ NULL, 0, NULL };
}

const struct sk_child *sk_children_find(const struct sk_children *c, const char *name)
{
	size_t lo = 0, hi = c->n;
	struct sk_child key = { .name = name, .len = strlen(name) };

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int d = by_name(&c->item[mid], &key);

		if (d == 0)
			return &c->item[mid];
		if (d < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}
