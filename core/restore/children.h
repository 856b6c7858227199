/* children.h - inside the restore room: the names of one folder, in the target and now. */
#ifndef SK_RESTORE_CHILDREN_H
#define SK_RESTORE_CHILDREN_H

#include "restore/plan.h"

enum {
	SK_CHILD_TREE = 1, /* the target's tree has it: `mode`, `oid` */
	SK_CHILD_TARGET =
	        2, /* the target has a folder here: an empty one, or one with such below */
	SK_CHILD_PRESENT = 4, /* likewise the present state */
	SK_CHILD_TWICE = 8    /* the target's tree has the name twice */
};

struct sk_child {
	const char *name;
	size_t len;
	unsigned flags;
	uint32_t mode;
	struct sk_oid oid;
	const struct sk_node *node;         /* of the present state */
	const struct sk_meta_path *nested;  /* a nested repository in the target */
	const struct sk_nested *repository; /* a nested repository now */
};

struct sk_children {
	struct sk_child *item; /* sorted by name, bytewise */
	size_t n;
	git_odb_object *tree; /* holds the names */
};

/* `path` is the folder's; `tree` NULL: not in the target; `node` NULL: not in the snapshot. */
int sk_children_read(const struct sk_target *target, const struct sk_snapshot *now,
                     const char *path, const struct sk_oid *tree, const struct sk_node *node,
                     struct sk_children *out);
void sk_children_free(struct sk_children *c);
const struct sk_child *sk_children_find(const struct sk_children *c, const char *name);

/* One entry of a raw tree object at *at, which moves on; false at its end or when it is broken
 * (*broken). */
struct sk_tree_entry {
	uint32_t mode;
	const char *name;
	size_t len;
	struct sk_oid oid;
};
bool sk_tree_next(const char *data, size_t size, size_t *at, struct sk_tree_entry *out,
                  bool *broken);

/* Whether the metadata has a record of one of `kinds` below the folder `dir`. */
bool sk_meta_below(const struct sk_meta *meta, const char *kinds, const char *dir);

#endif
