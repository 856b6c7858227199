/* Scans that look at less.
 *
 * Lazy: git's index and the rules are those that the state was made with, so the state can stand
 * for the index: what is in it and ignored was tracked then, or asked for, and what was staged is
 * known. The index is read only when there is something new that is ignored, or a new folder.
 *
 * Partial: a lazy scan of what changed alone.  Whoever asks for it knows which paths may differ
 * from the state (the service, from inotify); the folders on the way to them are gone through,
 * those that hold one are listed and their files looked at, all other folders stay as the state has
 * them.
 *
 * Both are exact under what is checked here: the state is one tree with no repository inside, its
 * objects are there, the rules and git's index are those it was made with.  In any other case, or
 * when one of these turns out to matter on the way (`retreat`), a plain scan is made. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "capture/scan.h"

/* More than this, and a whole scan is as quick. */
#define CHANGED_MAX 5000

enum sk_change_reach sk_partial_touched(const struct sk_scan *scan, const char *path)
{
	const struct sk_strv *v = scan->changed;
	enum sk_change_reach how = SK_UNTOUCHED;
	size_t len = strlen(path), i = sk_strv_lower(v, path);

	for (; i < v->n && strncmp(v->item[i], path, len) == 0; i++) {
		const char *rest = v->item[i] + len, *slash;

		if (len && (*rest == '\0' || (*rest == '/' && rest[1] == '\0')))
			return SK_TOUCHED_ALL;
		if (len && *rest != '/')
			continue;
		rest += len > 0;
		slash = strchr(rest, '/');
		if (!slash || slash[1] == '\0')
			return SK_TOUCHED_IN;
		how = SK_TOUCHED_BELOW;
	}
	return how;
}

/* The last bytes of git's index are the hash of all before. */
static int index_checksum(const struct sk_repo *repo, struct sk_oid *out)
{
	char *path = NULL;
	struct stat st;
	int fd = -1, rc = sk_repo_index_path(repo, &path);

	memset(out, 0, sizeof *out);
	if (!rc)
		fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > SK_OID_RAW &&
	    pread(fd, out->id, SK_OID_RAW, st.st_size - SK_OID_RAW) != SK_OID_RAW)
		memset(out, 0, sizeof *out);
	if (fd >= 0)
		(void)close(fd);
	free(path);
	return rc;
}

/* Rules inside the tree decide about more than their own folder. */
static bool plain_paths(const struct sk_strv *changed)
{
	if (changed->n > CHANGED_MAX)
		return false;
	for (size_t i = 0; i < changed->n; i++) {
		const char *path = changed->item[i], *slash = strrchr(path, '/');
		const char *name = slash ? slash + 1 : path;

		if (strcmp(name, ".gitignore") == 0 || strcmp(name, ".git") == 0 || !*path ||
		    *path == '/')
			return false;
	}
	return true;
}

static int read_meta(struct sk_scan *scan)
{
	struct sk_meta *meta = calloc(1, sizeof *meta);
	struct sk_entry *entry = NULL;
	struct sk_oid oid;
	int rc;

	if (!meta)
		return sk_error_oom();
	sk_meta_init(meta);
	rc = sk_entry_read(scan->repo, sk_state_ref(scan->state), &entry);
	if (!rc && (entry->damaged || !sk_oid_eq(&entry->tag, sk_state_tag(scan->state))))
		rc = SK_ENO;
	if (!rc && sk_entry_get_oid(entry, "Sk-Meta", &oid))
		rc = sk_meta_read(scan->repo, &oid, meta);
	sk_entry_free(entry);
	if (rc) {
		sk_meta_clear(meta);
		free(meta);
		return rc;
	}
	scan->old_meta = meta;
	return 0;
}

void sk_partial_begin(struct sk_scan *scan)
{
	const struct sk_scan_facts *facts = sk_state_facts(scan->state);
	struct sk_oid index;
	size_t virtuals;

	if (!scan->trusted || sk_state_nested(scan->state) || scan->also.n || !scan->opts->packer ||
	    !scan->opts->staged || sk_oid_is_zero(&facts->index) ||
	    sk_oid_is_zero(&facts->staged) || index_checksum(scan->repo, &index) ||
	    !sk_oid_eq(&index, &facts->index) || read_meta(scan))
		return;
	(void)sk_meta_kind(scan->old_meta, 'V', &virtuals);
	if (virtuals) /* only the index tells whether they still are */
		return;
	scan->lazy = true;
	scan->snap->facts = *facts;
	if (!scan->opts->changed || sk_state_worn(scan->state) || !plain_paths(scan->opts->changed))
		return;
	scan->changed = scan->opts->changed;
	scan->snap->partial = true;
	scan->snap->files = sk_state_files(scan->state);
	scan->snap->meta.usual_file = scan->old_meta->usual_file;
	scan->snap->meta.usual_exec = scan->old_meta->usual_exec;
	scan->snap->meta.usual_dir = scan->old_meta->usual_dir;
}

static int add_old(struct sk_worker *w, const struct sk_task *t, uint32_t number,
                   struct sk_buf *path)
{
	const struct sk_state *state = w->scan->state;
	const struct sk_state_node *o = sk_state_node(state, number);
	struct sk_node node = { .old = SK_STATE_NONE };
	struct sk_task task = { .space = t->space, .old = number };
	enum sk_change_reach how = SK_UNTOUCHED;
	int rc = 0;

	if (!o)
		return sk_error(SK_EDAMAGED, "the state file is damaged");
	node.name = sk_state_name(state, o);
	node.name_len = o->name_len;
	node.mode = o->mode;
	node.perm = o->perm;
	node.flags = o->flags;
	node.oid = o->oid;
	node.st = o->st;
	if (o->mode != 040000)
		return sk_buf_add(&w->list->nodes, &node, sizeof node);
	node.old = number;
	sk_buf_clear(path);
	(void)sk_buf_addf(path, "%s%s%s", t->path, *t->path ? "/" : "", node.name);
	rc = sk_buf_ok(path);
	if (!rc)
		how = sk_partial_touched(w->scan, path->ptr);
	if (how == SK_UNTOUCHED) {
		node.flags |= SK_NODE_ASIS;
		return rc ? rc : sk_buf_add(&w->list->nodes, &node, sizeof node);
	}
	if (o->flags & SK_NODE_VIRTUAL) { /* what was not on disk is there now, perhaps */
		w->scan->retreat = true;
		return sk_error(SK_EBUSY, "a skipped folder changed");
	}
	node.flags = 0;
	task.lazy = true;
	task.partial = how != SK_TOUCHED_ALL;
	if (!task.partial)
		w->less += sk_state_count(state, o);
	return rc ? rc : sk_folder_later(w->list, &node, &task);
}

/* Not when the way leads over a folder that the state does not have: it is new, so this one is to
 * be listed. */
bool sk_partial_passes(const struct sk_worker *w, const struct sk_task *t)
{
	const struct sk_state *state = w->scan->state;
	const struct sk_strv *v = w->scan->changed;
	const struct sk_state_node *old = sk_state_node(state, t->old), *o;
	size_t len = strlen(t->path);

	if (!old || sk_partial_touched(w->scan, t->path) != SK_TOUCHED_BELOW)
		return false;
	for (size_t i = sk_strv_lower(v, t->path);
	     i < v->n && strncmp(v->item[i], t->path, len) == 0; i++) {
		const char *rest = v->item[i] + len;

		if (len && *rest != '/')
			continue;
		rest += len > 0;
		o = sk_state_child(state, old, rest, strcspn(rest, "/"));
		if (!o || o->mode != 040000)
			return false;
	}
	return true;
}

int sk_partial_pass(struct sk_worker *w, struct sk_task *t)
{
	const struct sk_state_node *old = sk_state_node(w->scan->state, t->old);
	struct sk_buf path = SK_BUF_INIT;
	int rc = 0;

	if (!old)
		return sk_error(SK_EDAMAGED, "the state file is damaged");
	w->list->ignore = sk_state_child(w->scan->state, old, ".gitignore", 10) != NULL;
	for (uint32_t i = 0; !rc && i < old->n_children; i++)
		rc = add_old(w, t, old->first_child + i, &path);
	t->node->perm = old->perm;
	t->node->st = old->st;
	t->node->flags |= old->flags | SK_NODE_SAME;
	sk_buf_free(&path);
	return rc;
}

static int read_late(struct sk_scan *scan, struct sk_space *sp)
{
	struct sk_index *index = NULL;
	char *file = NULL;
	int rc = sk_repo_index_path(scan->repo, &file);

	if (!rc)
		rc = sk_index_read(file, &index);
	free(file);
	if (!rc && !sk_oid_eq(&index->checksum, &scan->snap->facts.index))
		rc = sk_error(SK_EBUSY, "git's index changed meanwhile");
	if (rc)
		sk_index_free(index);
	else
		sp->index = index;
	return rc;
}

int sk_partial_tracked(struct sk_worker *w, const struct sk_task *t, const char *path, size_t *lo,
                       size_t *hi)
{
	struct sk_space *sp = t->space;
	size_t len = strlen(path);
	int rc;

	(void)pthread_mutex_lock(&w->scan->late_lock);
	rc = sp->index ? 0 : read_late(w->scan, sp);
	w->scan->retreat |= rc != 0;
	(void)pthread_mutex_unlock(&w->scan->late_lock);
	if (rc)
		return rc;
	*lo = *hi = sk_index_lower(sp->index, path, len);
	while (*hi < sp->index->n) {
		const struct sk_index_entry *e = &sp->index->entry[*hi];

		if (strncmp(e->path, path, len) != 0)
			break;
		if (e->path[len] != '\0' && e->path[len] != '/') {
			if (*lo != *hi)
				break;
			++*lo; /* "a-b" stands between "a" and "a/c" */
		}
		++*hi;
	}
	return 0;
}

/* Whether the scan looked again at where the path is, or would be. */
static bool looked_at(const struct sk_node *root, const char *path)
{
	const struct sk_node *dir = root;

	for (;;) {
		size_t len = strcspn(path, "/");
		const struct sk_node *kid = sk_node_child(dir, path, len);

		if (!kid || path[len] == '\0' || kid->mode != 040000) {
			if (kid && kid->mode == 040000 && !(kid->flags & SK_NODE_VIRTUAL))
				return kid->flags & SK_NODE_SEEN;
			return dir->flags & SK_NODE_SEEN;
		}
		if (kid->flags & SK_NODE_ASIS)
			return false;
		dir = kid;
		path += len + 1;
	}
}

int sk_partial_finish(struct sk_scan *scan)
{
	const struct sk_meta *old = scan->old_meta;
	struct sk_meta *meta = &scan->snap->meta;
	int rc = 0;

	for (size_t i = 0; !rc && scan->changed && i < old->n; i++) {
		const struct sk_meta_path *p = &old->path[i];

		if (!strchr("FDEVS", p->kind) || looked_at(scan->snap->root, p->path))
			continue;
		rc = sk_meta_add(meta, p->kind, p->path, p->mode, p->reason);
	}
	for (size_t i = 0; !rc && i < old->n_info; i++)
		rc = sk_meta_add_info(meta, old->info[i].path, old->info[i].mode, &old->info[i].oid,
		                      old->info[i].stage, old->info[i].flags);
	return rc;
}
