#include <stdlib.h>

#include "capture/scan.h"

/* Builds the tree of the staged entries as `git write-tree` would, but without the index lock and
 * with entries in conflict left out: cached trees are taken where the index has valid ones. */

struct builder {
	struct sk_scan *scan;
	const struct sk_index *index;
};

struct item { /* one line of a tree object */
	const char *name;
	uint32_t len, mode;
	struct sk_oid oid;
};

static int tree_order(const void *x, const void *y)
{
	const struct item *a = x, *b = y;
	uint32_t n = a->len < b->len ? a->len : b->len;
	int d = memcmp(a->name, b->name, n);
	unsigned char ca, cb;

	if (d)
		return d;
	ca = n < a->len ? (unsigned char)a->name[n] : a->mode == 040000 ? '/' : 0;
	cb = n < b->len ? (unsigned char)b->name[n] : b->mode == 040000 ? '/' : 0;
	return (ca > cb) - (ca < cb);
}

static int store_tree(struct builder *b, struct sk_buf *items, struct sk_oid *out)
{
	struct item *item = (struct item *)(void *)items->ptr;
	size_t n = items->len / sizeof *item;
	struct sk_buf data = SK_BUF_INIT;
	int rc = sk_buf_add(&data, "", 0);

	if (n)
		qsort(item, n, sizeof *item, tree_order);
	for (size_t i = 0; !rc && i < n; i++) {
		rc = sk_tree_line(&data, item[i].mode, item[i].name, item[i].len, &item[i].oid);
	}
	if (!rc)
		rc = sk_scan_tree(b->scan, data.ptr, data.len, out);
	sk_buf_free(&data);
	return rc;
}

static const struct sk_cache_tree *cached_child(const struct sk_cache_tree *tree, const char *name,
                                                size_t len)
{
	for (uint32_t i = 0; tree && i < tree->n_children; i++)
		if (strncmp(tree->child[i].name, name, len) == 0 &&
		    tree->child[i].name[len] == '\0')
			return &tree->child[i];
	return NULL;
}

static bool cache_holds(struct builder *b, const struct sk_cache_tree *cache, size_t lo, size_t hi)
{
	bool have = false;

	return cache && cache->entries >= 0 && (size_t)cache->entries == hi - lo &&
	       sk_packer_rely(b->scan->opts->packer, &cache->oid, &have) == 0 && have;
}

/* Entries lo..hi share their first `skip` bytes.  *empty: nothing staged below. */
static int build(struct builder *b, size_t lo, size_t hi, size_t skip,
                 const struct sk_cache_tree *cache, struct sk_oid *out, bool *empty)
{
	struct sk_buf items = SK_BUF_INIT;
	int rc = 0;

	*empty = false;
	if (cache_holds(b, cache, lo, hi)) {
		*out = cache->oid;
		return 0;
	}
	while (!rc && lo < hi) {
		const struct sk_index_entry *e = &b->index->entry[lo];
		const char *name = e->path + skip, *slash = strchr(name, '/');
		struct item item = { name, 0, e->mode, e->oid };
		size_t end = lo + 1;
		bool none = e->stage != 0 || (e->flags & SK_IE_INTENT_TO_ADD);

		item.len = (uint32_t)(slash ? (size_t)(slash - name) : strlen(name));
		if (slash && !((e->flags & SK_IE_SPARSE_DIR) && slash[1] == '\0')) {
			while (end < hi &&
			       strncmp(b->index->entry[end].path + skip, name, item.len + 1) == 0)
				end++;
			item.mode = 040000;
			rc = build(b, lo, end, skip + item.len + 1,
			           cached_child(cache, name, item.len), &item.oid, &none);
		}
		if (!rc && !none)
			rc = sk_buf_add(&items, &item, sizeof item);
		lo = end;
	}
	*empty = items.len == 0;
	if (!rc && (!*empty || skip == 0))
		rc = store_tree(b, &items, out);
	sk_buf_free(&items);
	return rc;
}

static int head_tree(const struct sk_repo *repo, struct sk_oid *out)
{
	git_commit *commit = NULL;
	git_oid oid;

	if (git_reference_name_to_id(&oid, repo->git, "HEAD") < 0) {
		sk_hash_object(SK_OBJ_TREE, "", 0, out); /* no commit yet: the empty tree */
		return 0;
	}
	if (git_commit_lookup(&commit, repo->git, &oid) < 0)
		return sk_error_git(SK_EDAMAGED, "cannot read the commit HEAD");
	memcpy(out->id, git_commit_tree_id(commit)->id, SK_OID_RAW);
	git_commit_free(commit);
	return 0;
}

static int record_special(struct sk_scan *scan, const struct sk_index *index)
{
	const uint8_t flags = SK_IE_ASSUME_VALID | SK_IE_SKIP_WORKTREE | SK_IE_INTENT_TO_ADD;
	int rc = 0;

	for (size_t i = 0; !rc && i < index->n; i++) {
		const struct sk_index_entry *e = &index->entry[i];

		if (e->stage || (e->flags & flags))
			rc = sk_meta_add_info(&scan->snap->meta, e->path, e->mode, &e->oid,
			                      e->stage, e->flags & flags);
	}
	return rc;
}

/* The tree of a lazy scan's index, which is that of the state. */
static int staged_before(struct sk_scan *scan, struct sk_oid *tree)
{
	bool have = false;
	int rc;

	*tree = scan->snap->facts.staged;
	rc = sk_packer_rely(scan->opts->packer, tree, &have);
	if (!rc && !have) {
		scan->retreat = true;
		rc = sk_error(SK_ENO, "the staged tree is not there any more");
	}
	return rc;
}

/* The same of another scan whose index is that of the state. */
static bool staged_again(struct sk_scan *scan, struct sk_oid *tree)
{
	const struct sk_scan_facts *was = scan->trusted ? sk_state_facts(scan->state) : NULL;
	bool have = false;

	if (!was || sk_oid_is_zero(&was->index) || sk_oid_is_zero(&was->staged) ||
	    !sk_oid_eq(&was->index, &scan->snap->facts.index) ||
	    sk_packer_rely(scan->opts->packer, &was->staged, &have) || !have)
		return false;
	*tree = was->staged;
	return true;
}

int sk_scan_staged(struct sk_scan *scan)
{
	const struct sk_index *index = scan->spaces->index;
	struct builder b = { scan, index };
	struct sk_oid tree, head;
	bool empty;
	int rc = 0;

	if (scan->lazy)
		rc = staged_before(scan, &tree);
	else if (!staged_again(scan, &tree))
		rc = build(&b, 0, index->n, 0, index->tree, &tree, &empty);
	if (!rc)
		rc = head_tree(scan->repo, &head);
	if (rc)
		return rc;
	scan->snap->facts.staged = tree;
	if (!sk_oid_eq(&tree, &head)) {
		scan->snap->meta.has_index = true;
		scan->snap->meta.index = tree;
	}
	if (scan->state &&
	    memcmp(&scan->snap->facts, sk_state_facts(scan->state), sizeof scan->snap->facts) != 0)
		scan->snap->same = false;
	return scan->lazy ? 0 : record_special(scan, index);
}
