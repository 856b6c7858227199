/* What differs: the graph's state beside a commit's tree, folder by folder; a folder whose tree id
 * is the same on both sides is not entered. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/text.h"
#include "impact/graph_parts.h"
#include "impact/impact.h"

void sk_touched_clear(struct sk_touched_set *c)
{
	for (size_t i = 0; i < c->n; i++)
		free(c->item[i].path);
	free(c->item);
	*c = (struct sk_touched_set){ 0 };
}

/* `old`: what the commit has; `file`: the number of what the state of `g` has, or SK_GRAPH_NONE. */
static int add(struct sk_touched_set *c, const char *path, char status, const git_tree_entry *old,
               const struct sk_graph *g, uint32_t file)
{
	struct sk_touched *more = c->item;

	if ((c->n & (c->n - 1)) == 0) { /* the room is a power of two */
		more = reallocarray(c->item, c->n ? c->n * 2 : 1, sizeof *more);
		if (!more)
			return sk_error_oom();
		c->item = more;
	}
	more += c->n;
	*more = (struct sk_touched){ .path = strdup(path), .status = status };
	if (!more->path)
		return sk_error_oom();
	if (old) {
		memcpy(more->old.id, git_tree_entry_id(old)->id, SK_OID_RAW);
		more->old_mode =
		        git_tree_entry_filemode(old) == GIT_FILEMODE_LINK ? 0120000 : 0100644;
	}
	if (file != SK_GRAPH_NONE) {
		more->now = g->blob[file];
		more->mode = g->link_file[file] ? 0120000 : 0100644;
	}
	c->n++;
	return 0;
}

static int by_path(const void *x, const void *y)
{
	const struct sk_touched *a = x, *b = y;

	return strcmp(a->path, b->path);
}

static void tidy(struct sk_touched_set *c)
{
	size_t kept = 0;

	if (c->n > 1)
		qsort(c->item, c->n, sizeof *c->item, by_path);
	for (size_t i = 0; i < c->n; i++) {
		if (kept && strcmp(c->item[kept - 1].path, c->item[i].path) == 0)
			free(c->item[i].path);
		else
			c->item[kept++] = c->item[i];
	}
	c->n = kept;
}

struct compare {
	struct sk_repo *repo;
	const struct sk_graph *g;
	struct sk_touched_set *out;
	struct sk_buf path;
	uint32_t at; /* the next file of the state */
};

/* The tree id that the state's own folder has, where that is known. */
static const struct sk_oid *folder_id(const struct compare *c, const struct sk_cache_tree *cached)
{
	const struct sk_node *node;

	if (c->g->snap) {
		node = sk_snapshot_find(c->g->snap, sk_buf_str(&c->path));
		return node && node->mode == 040000 && !sk_oid_is_zero(&node->oid) ? &node->oid
		                                                                   : NULL;
	}
	return cached && cached->entries >= 0 ? &cached->oid : NULL;
}

static const struct sk_cache_tree *cached_child(const struct sk_cache_tree *tree, const char *name)
{
	for (uint32_t i = 0; tree && i < tree->n_children; i++)
		if (strcmp(tree->child[i].name, name) == 0)
			return &tree->child[i];
	return NULL;
}

/* The files of the state before the path are new. */
static int add_before(struct compare *c, const char *path)
{
	int rc = 0;

	for (; !rc && c->at < c->g->n && (!path || strcmp(c->g->path[c->at], path) < 0); c->at++)
		rc = add(c->out, c->g->path[c->at], 'A', NULL, c->g, c->at);
	return rc;
}

static int compare_tree(struct compare *c, const git_oid *oid, const struct sk_cache_tree *cached);

/* A file that the backups leave out is no part of the worktree's state, but not gone either. */
static bool left_out(const struct compare *c)
{
	struct stat st;

	return c->g->snap && fstatat(c->repo->wtfd, c->path.ptr, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       !S_ISDIR(st.st_mode);
}

static int compare_blob(struct compare *c, const git_tree_entry *e)
{
	int rc = add_before(c, c->path.ptr);

	if (rc)
		return rc;
	if (c->at >= c->g->n || strcmp(c->g->path[c->at], c->path.ptr) != 0)
		return left_out(c) ? 0 : add(c->out, c->path.ptr, 'D', e, c->g, SK_GRAPH_NONE);
	if (memcmp(c->g->blob[c->at].id, git_tree_entry_id(e)->id, SK_OID_RAW) != 0)
		rc = add(c->out, c->path.ptr, 'M', e, c->g, c->at);
	c->at++;
	return rc;
}

static int compare_folder(struct compare *c, const git_tree_entry *e,
                          const struct sk_cache_tree *cached)
{
	const struct sk_oid *own = folder_id(c, cached);
	uint32_t from, to;
	int rc;

	(void)sk_buf_addc(&c->path, '/');
	rc = sk_buf_ok(&c->path);
	if (!rc)
		rc = add_before(c, c->path.ptr);
	if (rc)
		return rc;
	sk_buf_truncate(&c->path, c->path.len - 1);
	if (!own || memcmp(own->id, git_tree_entry_id(e)->id, SK_OID_RAW) != 0)
		return compare_tree(c, git_tree_entry_id(e), cached);
	to = sk_paths_below(&c->g->set, c->path.ptr, c->path.len, &from);
	c->at = to > c->at ? to : c->at;
	return 0;
}

static int compare_tree(struct compare *c, const git_oid *oid, const struct sk_cache_tree *cached)
{
	size_t keep = c->path.len;
	git_tree *tree = NULL;
	int rc = 0;

	if (git_tree_lookup(&tree, c->repo->git, oid) < 0)
		return sk_error_git(SK_EDAMAGED, "cannot read a tree of the commit");
	for (size_t i = 0; i < git_tree_entrycount(tree) && !rc; i++) {
		const git_tree_entry *e = git_tree_entry_byindex(tree, i);
		const char *name = git_tree_entry_name(e);

		sk_buf_truncate(&c->path, keep);
		(void)sk_buf_addf(&c->path, "%s%s", keep ? "/" : "", name);
		rc = sk_buf_ok(&c->path);
		if (!rc && git_tree_entry_type(e) == GIT_OBJECT_TREE)
			rc = compare_folder(c, e, cached_child(cached, name));
		else if (!rc && git_tree_entry_type(e) == GIT_OBJECT_BLOB)
			rc = compare_blob(c, e);
	}
	sk_buf_truncate(&c->path, keep);
	git_tree_free(tree);
	return rc;
}

/* SK_ENO: there is no commit yet. */
static int tree_of(struct sk_repo *repo, const char *rev, git_oid *out)
{
	git_object *object = NULL, *tree = NULL;
	struct sk_oid head;
	char *branch = NULL;
	int rc = 0;

	if (!rev) {
		rc = sk_repo_head(repo, &head, &branch);
		free(branch);
		if (!rc && sk_oid_is_zero(&head))
			return SK_ENO;
		rev = "HEAD";
	}
	if (rc)
		return rc;
	if (git_revparse_single(&object, repo->git, rev) < 0 ||
	    git_object_peel(&tree, object, GIT_OBJECT_TREE) < 0)
		rc = sk_error(SK_EUSAGE, "%s is not a commit; see 'git log'", sk_name(rev));
	else
		git_oid_cpy(out, git_object_id(tree));
	git_object_free(object);
	git_object_free(tree);
	return rc;
}

int sk_touched_since(struct sk_repo *repo, const struct sk_graph *g, const char *rev,
                     struct sk_touched_set *out)
{
	struct sk_touched_set found = { 0 };
	struct compare c = { .repo = repo, .g = g, .out = &found };
	const struct sk_cache_tree *cached = g->index ? g->index->tree : NULL;
	const struct sk_oid *own = folder_id(&c, cached);
	git_oid tree;
	int rc = tree_of(repo, rev, &tree);

	if (!rc && own && memcmp(own->id, tree.id, SK_OID_RAW) == 0)
		c.at = g->n;
	else if (!rc)
		rc = compare_tree(&c, &tree, cached);
	rc = rc == SK_ENO ? 0 : rc;
	if (!rc)
		rc = add_before(&c, NULL);
	tidy(&found);
	sk_buf_free(&c.path);
	if (rc)
		sk_touched_clear(&found);
	else
		*out = found;
	return rc;
}

static int add_gone(const git_tree *head, const char *path, struct sk_touched_set *out)
{
	git_tree_entry *e = NULL;
	int rc;

	if (!head || git_tree_entry_bypath(&e, head, path) < 0)
		return sk_error(SK_EUSAGE, "%s is neither a file here nor in the last commit",
		                sk_name(path));
	if (git_tree_entry_type(e) == GIT_OBJECT_BLOB)
		rc = add(out, path, 'D', e, NULL, SK_GRAPH_NONE);
	else
		rc = sk_error(SK_EUSAGE, "%s is a folder of which no file is left; name the files",
		              sk_name(path));
	git_tree_entry_free(e);
	return rc;
}

int sk_touched_named(struct sk_repo *repo, const struct sk_graph *g, const struct sk_strv *paths,
                     struct sk_touched_set *out)
{
	struct sk_touched_set found = { 0 };
	git_tree *head = NULL;
	git_oid oid;
	int rc = tree_of(repo, NULL, &oid);

	if (!rc && git_tree_lookup(&head, repo->git, &oid) < 0)
		head = NULL;
	rc = rc == SK_ENO ? 0 : rc;
	for (size_t i = 0; i < paths->n && !rc; i++) {
		const char *path = paths->item[i];
		uint32_t file = sk_graph_find(g, path), from, to;

		if (file != SK_GRAPH_NONE) {
			rc = add(&found, path, 'M', NULL, g, file);
			continue;
		}
		to = sk_paths_below(&g->set, path, strlen(path), &from);
		if (from == to)
			rc = add_gone(head, path, &found);
		for (; from < to && !rc; from++)
			rc = add(&found, g->path[from], 'M', NULL, g, from);
	}
	git_tree_free(head);
	tidy(&found);
	if (rc)
		sk_touched_clear(&found);
	else
		*out = found;
	return rc;
}
