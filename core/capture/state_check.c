#include "capture/state_check.h"

#include <stdlib.h>

#include "capture/scan.h"
#include "capture/state.h"

#define DEPTH_MAX 4096

struct check {
	const struct sk_state *state;
	const struct sk_state_node **order; /* scratch for one folder */
	size_t cap;
};

static const struct sk_state *sorted_by; /* for qsort alone; one check at a time */

/* As git sorts a tree: a folder's name as if it ended in a slash. */
static int tree_order(const void *x, const void *y)
{
	const struct sk_state_node *a = *(const struct sk_state_node *const *)x;
	const struct sk_state_node *b = *(const struct sk_state_node *const *)y;
	const char *p = sk_state_name(sorted_by, a), *q = sk_state_name(sorted_by, b);
	size_t n = a->name_len < b->name_len ? a->name_len : b->name_len;
	int d = memcmp(p, q, n);
	unsigned char ca, cb;

	if (d)
		return d;
	ca = n < a->name_len ? (unsigned char)p[n] : a->mode == 040000 ? '/' : 0;
	cb = n < b->name_len ? (unsigned char)q[n] : b->mode == 040000 ? '/' : 0;
	return (ca > cb) - (ca < cb);
}

static int wrong(const char *why)
{
	return sk_error(SK_EDAMAGED, "the state file of the last backup is wrong: %s", why);
}

static int take_children(struct check *c, const struct sk_state_node *dir)
{
	const struct sk_state_node **grown;

	if (dir->n_children > c->cap) {
		grown = realloc(c->order, dir->n_children * sizeof *grown);
		if (!grown)
			return sk_error_oom();
		c->order = grown;
		c->cap = dir->n_children;
	}
	for (uint32_t i = 0; i < dir->n_children; i++) {
		c->order[i] = sk_state_node(c->state, dir->first_child + i);
		if (!c->order[i])
			return wrong("it is cut off");
	}
	sorted_by = c->state;
	if (dir->n_children)
		qsort(c->order, dir->n_children, sizeof *c->order, tree_order);
	return 0;
}

static int check_folder(struct check *c, const struct sk_state_node *dir, int depth)
{
	struct sk_buf data = SK_BUF_INIT;
	struct sk_oid oid;
	int rc = depth > DEPTH_MAX ? wrong("its folders go too deep") : take_children(c, dir);

	for (uint32_t i = 0; !rc && i < dir->n_children; i++) {
		const struct sk_state_node *n = c->order[i];

		rc = sk_tree_line(&data, n->mode, sk_state_name(c->state, n), n->name_len, &n->oid);
	}
	if (!rc) {
		sk_hash_object(SK_OBJ_TREE, sk_buf_str(&data), data.len, &oid);
		if (!sk_oid_eq(&oid, &dir->oid))
			rc = wrong("a folder has another id than its content");
	}
	sk_buf_free(&data);
	for (uint32_t i = 0; !rc && i < dir->n_children; i++) {
		const struct sk_state_node *kid = sk_state_node(c->state, dir->first_child + i);

		/* a sparse folder has the id that the index gives it, and no children */
		if (kid->mode == 040000 && !(kid->flags & SK_NODE_VIRTUAL && !kid->n_children))
			rc = check_folder(c, kid, depth + 1);
	}
	return rc;
}

int sk_state_check(const struct sk_repo *repo)
{
	struct check c = { .state = NULL };
	struct sk_state *state = NULL;
	struct sk_entry *entry = NULL;
	const struct sk_state_node *root;
	int rc = sk_state_load(repo, false, &state);

	if (rc == SK_ENO)
		return 0;
	if (rc || !sk_state_trusted(state))
		goto out;
	c.state = state;
	root = sk_state_node(state, sk_state_root(state, ""));
	rc = root ? check_folder(&c, root, 0) : wrong("it has no root");
	if (!rc)
		rc = sk_entry_read(repo, sk_state_ref(state), &entry);
	if (!rc && !entry->damaged && !sk_oid_eq(&entry->tree, &root->oid))
		rc = wrong("it is not of the backup that it names");
out:
	sk_entry_free(entry);
	sk_state_free(state);
	free(c.order);
	return rc;
}
