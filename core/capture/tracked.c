#include <stdlib.h>

#include "capture/scan.h"

static int compare(const void *x, const void *y)
{
	const struct sk_group *a = x, *b = y;
	uint32_t n = a->len < b->len ? a->len : b->len;
	int d = memcmp(a->name, b->name, n);

	return d ? d : (a->len > b->len) - (a->len < b->len);
}

static const char *space_path(const struct sk_task *t)
{
	size_t len = strlen(t->space->path);

	return t->path + len + (t->path[len] == '/' && len > 0);
}

static int groups_of_tree(struct sk_worker *w, const struct sk_oid *oid, struct sk_buf *out)
{
	git_tree *tree = NULL;
	int rc = 0;

	if (git_tree_lookup(&tree, w->scan->repo->git, (const git_oid *)oid) < 0)
		return sk_error_git(SK_EDAMAGED, "cannot read the sparse folder's tree %s",
		                    sk_oid_str(oid));
	for (size_t i = 0; !rc && i < git_tree_entrycount(tree); i++) {
		const git_tree_entry *e = git_tree_entry_byindex(tree, i);
		struct sk_group g = { .len = (uint32_t)strlen(git_tree_entry_name(e)),
			              .mode = git_tree_entry_filemode(e) };

		g.name = sk_arena_copy(&w->arena, git_tree_entry_name(e), g.len);
		memcpy(g.oid.id, git_tree_entry_id(e)->id, SK_OID_RAW);
		g.sparse = g.mode == 040000;
		rc = g.name ? sk_buf_add(out, &g, sizeof g) : sk_error_oom();
	}
	git_tree_free(tree);
	return rc;
}

/* The next run of entries in lo..hi that share the component after the first `skip` bytes. */
static struct sk_group take_group(const struct sk_index *index, size_t lo, size_t hi, size_t skip)
{
	const struct sk_index_entry *e = &index->entry[lo];
	const char *name = e->path + skip, *slash = strchr(name, '/');
	struct sk_group g = {
		.name = name, .lo = lo, .hi = lo + 1, .mode = e->mode, .oid = e->oid
	};

	g.len = (uint32_t)(slash ? (size_t)(slash - name) : strlen(name));
	if (!slash) {
		while (g.hi < hi && strcmp(index->entry[g.hi].path, e->path) == 0)
			g.hi++; /* the other stages of a conflict */
		return g;
	}
	g.mode = 040000;
	g.sparse = (e->flags & SK_IE_SPARSE_DIR) && slash[1] == '\0';
	while (!g.sparse && g.hi < hi &&
	       strncmp(index->entry[g.hi].path + skip, name, g.len + 1) == 0)
		g.hi++;
	return g;
}

int sk_groups(struct sk_worker *w, const struct sk_task *t, struct sk_buf *out)
{
	const struct sk_index *index = t->space->index;
	size_t skip = strlen(space_path(t));
	struct sk_group *g;
	bool sorted = true;
	int rc = 0;

	if (t->sparse)
		return groups_of_tree(w, &t->tree, out);
	skip += skip > 0;
	for (size_t i = t->lo; !rc && i < t->hi;) {
		struct sk_group next;

		if (index->entry[i].path_len <= skip && skip > 0) {
			i++; /* a submodule in the folder's own place */
			continue;
		}
		next = take_group(index, i, t->hi, skip);
		i = next.hi;
		rc = sk_buf_add(out, &next, sizeof next);
	}
	if (rc)
		return rc;
	g = (struct sk_group *)(void *)out->ptr;
	for (size_t i = 1; sorted && i < out->len / sizeof *g; i++)
		sorted = compare(&g[i - 1], &g[i]) < 0;
	if (!sorted)
		qsort(g, out->len / sizeof *g, sizeof *g, compare);
	return 0;
}

static void virtual_leaf(struct sk_node *node, const struct sk_group *g)
{
	node->mode = g->mode;
	node->oid = g->oid;
	node->flags = SK_NODE_VIRTUAL;
}

static int virtual_folder(struct sk_worker *w, size_t lo, size_t hi, size_t skip,
                          const struct sk_index *index, struct sk_node *node, bool *any);

static int virtual_group(struct sk_worker *w, const struct sk_index *index, size_t skip,
                         const struct sk_group *g, struct sk_node *node, bool *any)
{
	*node = (struct sk_node){ .name_len = g->len, .old = SK_STATE_NONE };
	node->name = sk_arena_copy(&w->arena, g->name, g->len);
	if (!node->name)
		return sk_error_oom();
	if (g->mode == 040000 && !g->sparse)
		return virtual_folder(w, g->lo, g->hi, skip + g->len + 1, index, node, any);
	if (g->sparse || (index->entry[g->lo].flags & SK_IE_SKIP_WORKTREE)) {
		virtual_leaf(node, g);
		*any = true;
		w->files += g->mode != 040000;
	}
	return 0;
}

static int virtual_folder(struct sk_worker *w, size_t lo, size_t hi, size_t skip,
                          const struct sk_index *index, struct sk_node *node, bool *any)
{
	struct sk_buf kids = SK_BUF_INIT;
	struct sk_node kid;
	int rc = 0;

	node->mode = 040000;
	for (size_t i = lo; !rc && i < hi;) {
		struct sk_group g = take_group(index, i, hi, skip);
		bool some = false;

		i = g.hi;
		rc = virtual_group(w, index, skip, &g, &kid, &some);
		if (!rc && some)
			rc = sk_buf_add(&kids, &kid, sizeof kid);
	}
	if (!rc && kids.len) {
		node->child = sk_arena_alloc(&w->arena, kids.len);
		if (!node->child)
			rc = sk_error_oom();
		else
			memcpy(node->child, kids.ptr, kids.len);
	}
	if (!rc && kids.len) {
		node->n_children = (uint32_t)(kids.len / sizeof kid);
		sk_node_sort(node);
		node->flags = SK_NODE_VIRTUAL;
		*any = true;
	}
	sk_buf_free(&kids);
	return rc;
}

int sk_virtual(struct sk_worker *w, const struct sk_task *t, const struct sk_group *g,
               struct sk_node *node, bool *any)
{
	size_t skip = strlen(space_path(t));

	if (g->lo == g->hi) { /* from a sparse folder's tree: all of it is skip-worktree */
		*node = (struct sk_node){ .name = g->name,
			                  .name_len = g->len,
			                  .old = SK_STATE_NONE };
		virtual_leaf(node, g);
		*any = true;
		return 0;
	}
	return virtual_group(w, t->space->index, skip + (skip > 0), g, node, any);
}
