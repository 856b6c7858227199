#include <stdlib.h>

#include "capture/scan.h"

struct finish {
	struct sk_scan *scan;
	struct sk_buf path; /* of the folder at hand */
	struct sk_meta *meta;
};

static int perm_class(const struct sk_node *n)
{
	return n->mode == 0100644 ? 0 : n->mode == 0100755 ? 1 : n->mode == 040000 ? 2 : -1;
}

static uint16_t usual(const uint32_t count[4096], uint16_t def)
{
	uint16_t best = def;

	for (uint16_t i = 0; i < 4096; i++)
		if (count[i] > count[best])
			best = i;
	return best;
}

static int record_perm(struct finish *f, const struct sk_node *n)
{
	const uint16_t want[3] = { f->meta->usual_file, f->meta->usual_exec, f->meta->usual_dir };
	int class = perm_class(n);

	if (n->flags & SK_NODE_VIRTUAL)
		return 0;
	if (class < 0 || n->perm == want[class])
		return 0;
	return sk_meta_add(f->meta, class == 2 ? 'D' : 'F', f->path.ptr, n->perm, NULL);
}

static int enter_path(struct sk_buf *path, const char *name, size_t len, size_t *before)
{
	*before = path->len;
	if (path->len)
		(void)sk_buf_addc(path, '/');
	return sk_buf_add(path, name, len);
}

/* A partial scan knows nothing new of what it did not look at: sk_partial_finish. */
static bool up_to_date(const struct finish *f, const struct sk_node *dir, const struct sk_node *kid)
{
	return !f->scan->changed ||
	       ((kid->mode == 040000 && !(kid->flags & SK_NODE_VIRTUAL) ? kid : dir)->flags &
	        SK_NODE_SEEN);
}

static int record(struct finish *f, const struct sk_node *dir, bool virtual_above)
{
	int rc = 0;

	for (uint32_t i = 0; !rc && i < dir->n_children; i++) {
		const struct sk_node *kid = &dir->child[i];
		bool is_virtual = kid->flags & SK_NODE_VIRTUAL;
		size_t before;

		if (!up_to_date(f, dir, kid) && kid->n_children == 0)
			continue;
		rc = enter_path(&f->path, kid->name, kid->name_len, &before);
		if (!rc && is_virtual && !virtual_above && up_to_date(f, dir, kid))
			rc = sk_meta_add(f->meta, 'V', f->path.ptr, 0, NULL);
		if (!rc && up_to_date(f, dir, kid))
			rc = record_perm(f, kid);
		if (!rc)
			rc = record(f, kid, virtual_above || is_virtual);
		sk_buf_truncate(&f->path, before);
	}
	return rc;
}

/* Takes out what vanished and folders with nothing in them, and records the empty ones. */
static int drop(struct finish *f, struct sk_node *dir)
{
	uint32_t kept = 0;
	int rc = 0;

	for (uint32_t i = 0; i < dir->n_children && !rc; i++) {
		struct sk_node *kid = &dir->child[i];
		bool folder = kid->mode == 040000 &&
		              !(kid->flags & (SK_NODE_VIRTUAL | SK_NODE_ASIS)),
		     out;
		size_t before, records = f->meta->n;

		if (!folder && !(kid->flags & SK_NODE_GONE)) {
			if (kept++ != i)
				dir->child[kept - 1] = *kid;
			continue;
		}

		rc = enter_path(&f->path, kid->name, kid->name_len, &before);
		if (!rc && folder)
			rc = drop(f, kid);
		out = (kid->flags & SK_NODE_GONE) || (folder && kid->n_children == 0);
		/* also one that holds nothing but empty folders: its bits would be lost */
		if (!rc && folder &&
		    ((kid->flags & SK_NODE_BARREN) || (out && f->meta->n > records)))
			rc = sk_meta_add(f->meta, 'E', f->path.ptr, kid->perm, NULL);
		if (!out && kept++ != i)
			dir->child[kept - 1] = *kid;
		sk_buf_truncate(&f->path, before);
	}
	if (kept != dir->n_children) {
		dir->flags &= (uint16_t)~SK_NODE_SAME;
		dir->flags |= SK_NODE_LIST; /* the name is there, but not in the state */
	}
	dir->n_children = kept;
	return rc;
}

/* Order in a tree object: folders as if their names ended in a slash. */
static int tree_order(const void *x, const void *y)
{
	const struct sk_node *a = *(struct sk_node *const *)x, *b = *(struct sk_node *const *)y;
	uint32_t n = a->name_len < b->name_len ? a->name_len : b->name_len;
	int d = memcmp(a->name, b->name, n);
	unsigned char ca, cb;

	if (d)
		return d;
	ca = n < a->name_len ? (unsigned char)a->name[n] : a->mode == 040000 ? '/' : 0;
	cb = n < b->name_len ? (unsigned char)b->name[n] : b->mode == 040000 ? '/' : 0;
	return (ca > cb) - (ca < cb);
}

static const char *tree_mode(uint32_t mode)
{
	switch (mode) {
	case 040000:
		return "40000 ";
	case 0100755:
		return "100755 ";
	case 0120000:
		return "120000 ";
	case 0160000:
		return "160000 ";
	default:
		return "100644 ";
	}
}

int sk_tree_line(struct sk_buf *out, uint32_t mode, const char *name, size_t len,
                 const struct sk_oid *oid)
{
	(void)sk_buf_adds(out, tree_mode(mode));
	(void)sk_buf_add(out, name, len);
	(void)sk_buf_addc(out, '\0');
	return sk_buf_add(out, oid->id, SK_OID_RAW);
}

static int build_tree(struct finish *f, struct sk_node *dir, const struct sk_state_node *old)
{
	struct sk_packer *packer = f->scan->opts->packer;
	struct sk_node **order = malloc((dir->n_children + 1) * sizeof(struct sk_node *));
	struct sk_buf data = SK_BUF_INIT;
	bool stored;
	int rc = 0;

	if (!order)
		return sk_error_oom();
	for (uint32_t i = 0; i < dir->n_children; i++)
		order[i] = &dir->child[i];
	qsort(order, dir->n_children, sizeof(struct sk_node *), tree_order);
	for (uint32_t i = 0; !rc && i < dir->n_children; i++) {
		const struct sk_node *n = order[i];

		rc = sk_tree_line(&data, n->mode, n->name, n->name_len, &n->oid);
	}
	if (!rc)
		sk_hash_object(SK_OBJ_TREE, sk_buf_str(&data), data.len, &dir->oid);
	/* a folder that was touched, and is the same all the same */
	stored = f->scan->trusted && old && old->mode == 040000 && sk_oid_eq(&old->oid, &dir->oid);
	if (!rc && packer && !stored)
		rc = sk_scan_tree(f->scan, sk_buf_str(&data), data.len, &dir->oid);
	sk_buf_free(&data);
	free(order);
	return rc;
}

/* Same children as in the old state: SK_NODE_SAME says so but for what is below. */
static bool unchanged(const struct finish *f, const struct sk_node *dir,
                      const struct sk_state_node *old)
{
	if (!old || !f->scan->trusted || !(dir->flags & SK_NODE_SAME) ||
	    old->n_children != dir->n_children)
		return false;
	for (uint32_t i = 0; i < dir->n_children; i++) {
		const struct sk_node *kid = &dir->child[i];
		const struct sk_state_node *o;

		if (kid->mode != 040000 && kid->mode != 0160000)
			continue;
		o = sk_state_node(f->scan->state, old->first_child + i);
		if (!o || o->mode != kid->mode || !sk_oid_eq(&o->oid, &kid->oid))
			return false;
	}
	return true;
}

static bool as_before(const struct sk_node *dir, const struct sk_state_node *old)
{
	return old && !(dir->flags & SK_NODE_MOVED) && old->perm == dir->perm &&
	       old->flags == (dir->flags & (uint16_t)~SK_NODE_SCRATCH) &&
	       old->n_children == dir->n_children && sk_oid_eq(&old->oid, &dir->oid) &&
	       sk_stat_same(&old->st, &dir->st);
}

/* *same: nothing at or below the folder differs from the old state. */
static int make_trees(struct finish *f, struct sk_node *dir, bool *same)
{
	const struct sk_state_node *old =
	        dir->old == SK_STATE_NONE ? NULL : sk_state_node(f->scan->state, dir->old);
	bool below = true;
	int rc = 0;

	if ((dir->flags & SK_NODE_ASIS) || ((dir->flags & SK_NODE_VIRTUAL) && !dir->n_children))
		return 0; /* a sparse folder: its tree is the index's */
	for (uint32_t i = 0; !rc && i < dir->n_children; i++)
		if (dir->child[i].mode == 040000)
			rc = make_trees(f, &dir->child[i], &below);
	if (!rc && unchanged(f, dir, old))
		dir->oid = old->oid;
	else if (!rc)
		rc = build_tree(f, dir, old);
	below = below && as_before(dir, old);
	*same = *same && below;
	dir->flags &= (uint16_t)~SK_NODE_SCRATCH;
	if (below)
		dir->flags |= SK_NODE_KEPT;
	return rc;
}

static int set_path(struct finish *f, const struct sk_space *sp)
{
	sk_buf_clear(&f->path);
	return sk_buf_adds(&f->path, sp->path);
}

static int drop_space(struct finish *f, struct sk_space *sp)
{
	int rc = set_path(f, sp);

	return rc ? rc : drop(f, sp->root);
}

static int record_space(struct finish *f, struct sk_space *sp)
{
	int rc = set_path(f, sp);

	return rc ? rc : record(f, sp->root, false);
}

/* Whether any file or folder has other bits than the usual ones. */
static bool odd_perms(const struct finish *f)
{
	const uint16_t want[3] = { f->meta->usual_file, f->meta->usual_exec, f->meta->usual_dir };

	for (int class = 0; class < 3; class ++)
		for (uint16_t i = 0; i < 4096; i++)
			if (f->scan->perms[class][i] && i != want[class])
				return true;
	return false;
}

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct sk_nested *)a)->path, ((const struct sk_nested *)b)->path);
}

/* The nested roots change hands: from their spaces to the snapshot. */
static int take_nested(struct finish *f)
{
	struct sk_snapshot *snap = f->scan->snap;
	size_t n = 0;
	int rc = 0;

	for (struct sk_space *sp = f->scan->spaces; sp; sp = sp->next)
		n += sp->nested;
	if (n == 0)
		return 0;
	snap->nested = calloc(n, sizeof *snap->nested);
	if (!snap->nested)
		return sk_error_oom();
	for (struct sk_space *sp = f->scan->spaces; sp; sp = sp->next) {
		if (!sp->nested)
			continue;
		snap->nested[snap->n_nested++] = (struct sk_nested){ sp->path, sp->root, sp->head };
		sp->path = NULL;
		sp->root = NULL;
	}
	qsort(snap->nested, snap->n_nested, sizeof *snap->nested, by_path);
	for (size_t i = 0; !rc && i < snap->n_nested; i++)
		rc = sk_meta_add_nested(&snap->meta, snap->nested[i].path, &snap->nested[i].head,
		                        &snap->nested[i].root->oid);
	return rc;
}

int sk_scan_finish(struct sk_scan *scan)
{
	struct finish f = { .scan = scan, .meta = &scan->snap->meta, .path = SK_BUF_INIT };
	int rc = 0;

	for (struct sk_space *sp = scan->spaces; sp && !rc && scan->gone + scan->barren;
	     sp = sp->next)
		rc = drop_space(&f, sp);
	if (!scan->changed) {
		f.meta->usual_file = usual(scan->perms[0], 0644);
		f.meta->usual_exec = usual(scan->perms[1], 0755);
		f.meta->usual_dir = usual(scan->perms[2], 0755);
	}
	if (scan->virtuals || odd_perms(&f))
		for (struct sk_space *sp = scan->spaces; sp && !rc; sp = sp->next)
			rc = record_space(&f, sp);
	if (!rc && scan->lazy)
		rc = sk_partial_finish(scan);
	for (struct sk_space *sp = scan->spaces; sp && !rc; sp = sp->next)
		rc = make_trees(&f, sp->root, &scan->snap->same);
	if (!rc)
		rc = take_nested(&f);
	sk_meta_sort(f.meta);
	sk_buf_free(&f.path);
	return rc;
}

struct sk_node *sk_node_child(const struct sk_node *dir, const char *name, size_t len)
{
	uint32_t lo = 0, hi = dir->n_children;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		struct sk_node *n = &dir->child[mid];
		size_t m = n->name_len < len ? n->name_len : len;
		int d = memcmp(n->name, name, m);

		if (d == 0)
			d = (n->name_len > len) - (n->name_len < len);
		if (d == 0)
			return n;
		if (d < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

static struct sk_node *walk(struct sk_node *node, const char *path)
{
	while (node && *path) {
		size_t len = strcspn(path, "/");

		node = sk_node_child(node, path, len);
		path += len + (path[len] == '/');
	}
	return node;
}

struct sk_node *sk_snapshot_find(const struct sk_snapshot *snap, const char *path)
{
	for (size_t i = 0; i < snap->n_nested; i++) {
		size_t len = strlen(snap->nested[i].path);

		if (strncmp(snap->nested[i].path, path, len) == 0 && path[len] == '/')
			return walk(snap->nested[i].root, path + len + 1);
	}
	return walk(snap->root, path);
}
