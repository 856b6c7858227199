/* What a backup may rely on, beside the state's entry: what git's index holds, and for large
 * contents what one of the newest entries has.  Whatever else the repository has by chance is
 * written anew (sk_packer_wary). */
#include "capture/scan.h"

#include "store/entry.h"

/* So many entries are asked for a large content: a file that goes to and fro between two, a
 * database say, is not to fill the disk. */
#define KEPT_MAX 64

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

/* Whether one of the newest entries has that content at that path. */
static bool kept(struct sk_scan *scan, const char *path, const struct sk_oid *oid)
{
	const struct sk_repo *repo = scan->repo;
	bool found = false;

	(void)pthread_mutex_lock(&scan->late_lock);
	if (!scan->kept_loaded && sk_entry_list_newest(repo, SK_BACKUP | SK_REVISION,
	                                               repo->worktree_id, KEPT_MAX, &scan->kept))
		scan->kept = (struct sk_entries){ 0 }; /* then it is written */
	scan->kept_loaded = true;
	for (size_t i = 0; i < scan->kept.n && i < KEPT_MAX && !found; i++) {
		const struct sk_entry *e = scan->kept.item[i];
		git_tree_entry *at = NULL;
		git_tree *root = NULL;

		if (!e->damaged &&
		    git_tree_lookup(&root, repo->git, (const git_oid *)&e->tree) == 0 &&
		    git_tree_entry_bypath(&at, root, path) == 0)
			found = memcmp(git_tree_entry_id(at)->id, oid->id, SK_OID_RAW) == 0;
		git_tree_entry_free(at);
		git_tree_free(root);
	}
	(void)pthread_mutex_unlock(&scan->late_lock);
	return found;
}

int sk_scan_keep_large(struct sk_worker *w, int fd, uint64_t size, const char *path,
                       const struct sk_oid *oid)
{
	struct sk_packer *packer = w->scan->opts->packer;
	bool have = false;
	int rc = sk_packer_rely(packer, oid, &have);

	if (!rc && have && ((w->held && sk_oid_eq(w->held, oid)) || kept(w->scan, path, oid)))
		return 0;
	return rc ? rc : sk_packer_put_fd(packer, fd, size, oid);
}
