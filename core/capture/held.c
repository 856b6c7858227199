#include "capture/scan.h"

/* What git's index holds: a backup may rely on that, and on the state's entry; whatever else the
 * repository has by chance is written anew (sk_packer_wary). */

static int hold(struct sk_oidset *set, const struct sk_cache_tree *tree)
{
	int rc = tree->entries < 0 ? 0 : sk_oidset_add(set, &tree->oid, 1, NULL);

	for (uint32_t i = 0; !rc && i < tree->n_children; i++)
		rc = hold(set, &tree->child[i]);
	return rc;
}

/* The trees that the index names: git keeps them for its sake. */
static int load(struct sk_scan *scan)
{
	const struct sk_index *index = scan->spaces ? scan->spaces->index : NULL;

	if (scan->held_loaded)
		return 0;
	scan->held_loaded = true;
	return index && index->tree ? hold(&scan->held, index->tree) : 0;
}

int sk_scan_tree(struct sk_scan *scan, const void *data, size_t len, struct sk_oid *out)
{
	struct sk_oid oid;
	bool have = false;
	int rc;

	sk_hash_object(SK_OBJ_TREE, data, len, &oid);
	rc = load(scan);
	if (!rc && sk_oidset_has(&scan->held, &oid))
		rc = sk_packer_rely(scan->opts->packer, &oid, &have);
	if (!rc && !have)
		rc = sk_packer_add(scan->opts->packer, SK_OBJ_TREE, data, len, &oid);
	if (!rc)
		*out = oid;
	return rc;
}

const struct sk_oid *sk_scan_held_blob(const struct sk_scan *scan, const struct sk_space *space,
                                       const struct sk_group *g)
{
	const struct sk_index *index = space->index;

	/* a nested repository's objects are its own */
	if (space != scan->spaces || !index || !g || g->lo >= g->hi || index->entry[g->lo].stage)
		return NULL;
	return &index->entry[g->lo].oid;
}
