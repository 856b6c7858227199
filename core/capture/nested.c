#include <stdlib.h>

#include "base/io.h"
#include "capture/scan.h"

static const char *space_path(const struct sk_task *t)
{
	size_t len = strlen(t->space->path);

	return t->path + len + (t->path[len] == '/' && len > 0);
}

static bool same_common_folder(const struct sk_repo *repo, git_repository *git)
{
	char *a = realpath(repo->commondir, NULL),
	     *b = realpath(git_repository_commondir(git), NULL);
	bool same = a && b && strcmp(a, b) == 0;

	free(a);
	free(b);
	return same;
}

static int add_space(struct sk_worker *w, struct sk_task *t, git_repository *git,
                     const struct sk_oid *head)
{
	struct sk_scan *scan = w->scan;
	struct sk_space *sp = calloc(1, sizeof *sp);
	struct sk_task task = { .space = sp };
	struct sk_buf index = SK_BUF_INIT;
	int rc = 0;

	if (!sp)
		return sk_error_oom();
	if (scan->lazy) {
		free(sp);
		scan->retreat = true;
		return sk_error(SK_EBUSY, "a new repository inside");
	}
	sp->nested = true;
	sp->head = *head;
	sp->path = strdup(t->path);
	sp->root = calloc(1, sizeof *sp->root);
	sp->old_root = scan->state ? sk_state_root(scan->state, t->path) : SK_STATE_NONE;
	(void)pthread_mutex_lock(&scan->lock);
	sp->next = scan->spaces->next; /* the outermost stays first */
	scan->spaces->next = sp;
	(void)pthread_mutex_unlock(&scan->lock);
	if (!sp->path || !sp->root) {
		rc = sk_error_oom();
		goto out;
	}
	sp->root->name = "";
	sp->root->mode = 040000;
	sp->root->old = sp->old_root;
	rc = sk_buf_addf(&index, "%sindex", git_repository_path(git));
	if (!rc && sk_index_read(index.ptr, &sp->index)) {
		sk_warn("%s", sk_error_message());
		rc = sk_index_read("", &sp->index);
	}
	if (!rc)
		rc = sk_rules_outside(scan->repo, git_repository_commondir(git), &sp->ignore);
	if (rc)
		goto out;
	task.node = sp->root;
	task.hi = sp->index->n;
	task.old = sp->old_root;
	rc = sk_scan_push(scan, &task, t->path, sp->ignore);
out:
	sk_buf_free(&index);
	return rc;
}

static void link_node(struct sk_task *t, const struct sk_oid *commit)
{
	t->node->mode = 0160000;
	t->node->oid = *commit;
}

static int open_nested(struct sk_worker *w, struct sk_task *t, bool *is)
{
	struct sk_oid head = { { 0 } };
	git_repository *git = NULL;
	struct sk_buf path = SK_BUF_INIT;
	git_oid oid;
	int rc = sk_buf_addf(&path, "%s/%s", w->scan->repo->worktree, t->path);

	if (rc)
		goto out;
	if (git_repository_open_ext(&git, path.ptr, GIT_REPOSITORY_OPEN_NO_SEARCH, NULL) < 0)
		goto out; /* an empty or broken .git: git adds the files below it, so do we */
	*is = true;
	if (git_repository_is_bare(git) || same_common_folder(w->scan->repo, git)) {
		t->node->flags |= SK_NODE_GONE;
		w->gone++;
		rc = sk_skip(w, t->path, "another worktree of this repository, protected by itself",
		             false);
		goto out;
	}
	if (git_reference_name_to_id(&oid, git, "HEAD") == 0) {
		memcpy(head.id, oid.id, SK_OID_RAW);
		link_node(t, &head);
	} else {
		t->node->flags |= SK_NODE_GONE;
		w->gone++;
	}
	rc = add_space(w, t, git, &head);
out:
	git_repository_free(git);
	sk_buf_free(&path);
	return rc;
}

int sk_nested_open(struct sk_worker *w, struct sk_task *t, bool git, bool any, bool *is)
{
	const char *rel = space_path(t);
	const struct sk_index_entry *e = NULL;
	bool nested = false;
	int rc = 0;

	if (git)
		rc = open_nested(w, t, &nested);
	if (rc || nested) {
		*is = nested;
		return rc;
	}
	if (t->lazy) /* the state has a folder here, no submodule */
		return 0;
	e = sk_index_find(t->space->index, rel, strlen(rel), 0);
	if (!e || e->mode != 0160000)
		return 0;
	link_node(t, &e->oid); /* a submodule that is not checked out */
	*is = true;
	return any ? sk_skip(w, t->path,
	                     "files in the place of a submodule that is not checked out", true)
	           : 0;
}
