#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/io.h"
#include "base/term.h"
#include "base/text.h"
#include "capture/scan.h"
#include "repo/safename.h"

/* A .gitignore larger than this is not believed. */
#define IGNORE_MAX (16u << 20)

struct pending { /* a sub-folder to push once the children stand where they stay */
	uint32_t child;
	struct sk_task task;
};

void sk_list_free(struct sk_list *l)
{
	if (!l)
		return;
	sk_buf_free(&l->names);
	sk_buf_free(&l->text);
	sk_buf_free(&l->groups);
	sk_buf_free(&l->nodes);
	sk_buf_free(&l->pending);
	sk_buf_free(&l->path);
	free(l);
}

static int by_node(const void *x, const void *y)
{
	const struct sk_node *a = x, *b = y;

	return sk_name_compare(a->name, a->name_len, b->name, b->name_len);
}

void sk_node_sort(struct sk_node *dir)
{
	if (dir->n_children > 1)
		qsort(dir->child, dir->n_children, sizeof *dir->child, by_node);
}

static bool also_has(const struct sk_scan *scan, const char *path, bool below)
{
	size_t lo = sk_strv_lower(&scan->also, path), len = strlen(path);

	if (!below)
		return lo < scan->also.n && strcmp(scan->also.item[lo], path) == 0;
	for (; lo < scan->also.n && strncmp(scan->also.item[lo], path, len) == 0; lo++)
		if (scan->also.item[lo][len] == '/')
			return true;
	return false;
}

/* Whether the configuration covers it (backup.paths, backup.exclude). */
static bool covered(const struct sk_scan *scan, const char *path, size_t len, bool dir)
{
	if (scan->exclude && sk_patterns_match(scan->exclude, path, len, dir))
		return false;
	if (!scan->paths || sk_patterns_match(scan->paths, path, len, dir))
		return true;
	return dir && sk_patterns_below(scan->paths, path, len);
}

static bool ignored(const struct sk_task *t, const struct sk_list *l, size_t name_off, bool dir)
{
	size_t off = strlen(t->space->path);

	off += off > 0;
	return sk_ignore_match(l->frame, l->path.ptr + off, l->path.len - off, name_off - off,
	                       dir) == SK_IGNORED;
}

/* See partial.c. */
static int tracked(struct sk_worker *w, const struct sk_task *t, const struct sk_group *g,
                   const struct sk_state_node *o, bool *out)
{
	size_t lo = 0, hi = 0;
	int rc = 0;

	*out = g || (t->lazy && o && w->list->same_rules);
	if (!*out && t->lazy) {
		rc = sk_partial_tracked(w, t, w->list->path.ptr, &lo, &hi);
		*out = !rc && lo < hi;
	}
	return rc;
}

/* Folder: 0 not entered, 1 entered, 2 entered for what is tracked or asked for in it. */
static int enter(struct sk_worker *w, const struct sk_task *t, const struct sk_group *g,
                 const struct sk_state_node *o, size_t name_off, int *how)
{
	const struct sk_scan *scan = w->scan;
	const struct sk_list *l = w->list;
	const char *path = l->path.ptr;
	bool known;
	int rc;

	*how = 0;
	if (sk_strv_has(&scan->own, path))
		return 0;
	if (scan->also.n && also_has(scan, path, true)) {
		*how = t->forced || ignored(t, l, name_off, true) ? 2 : 1;
		return 0;
	}
	if (!covered(scan, path, l->path.len, true))
		return 0;
	if (!t->forced && !ignored(t, l, name_off, true)) {
		*how = 1;
		return 0;
	}
	rc = tracked(w, t, g, o, &known);
	if (rc)
		return rc;
	if (known || (scan->include && (sk_patterns_match(scan->include, path, l->path.len, true) ||
	                                sk_patterns_below(scan->include, path, l->path.len))))
		*how = 2;
	return 0;
}

static int wanted(struct sk_worker *w, const struct sk_task *t, const struct sk_group *g,
                  const struct sk_state_node *o, size_t name_off, bool *yes)
{
	const struct sk_scan *scan = w->scan;
	const struct sk_list *l = w->list;
	int rc;

	*yes = scan->also.n && also_has(scan, l->path.ptr, false);
	if (*yes || !covered(scan, l->path.ptr, l->path.len, false))
		return 0;
	*yes = g || (!t->forced && !ignored(t, l, name_off, false));
	if (*yes)
		return 0;
	rc = tracked(w, t, g, o, yes);
	if (!rc && !*yes)
		*yes = scan->include &&
		       sk_patterns_match(scan->include, l->path.ptr, l->path.len, false);
	return rc;
}

/* In a partial scan: a folder of the old state is none any more, or left out now. */
static void lost_folder(struct sk_worker *w, const struct sk_state_node *o)
{
	if (w->list->partial && o && o->mode == 040000 && !(o->flags & SK_NODE_VIRTUAL))
		w->less += sk_state_count(w->scan->state, o);
}

/* The old node of that name; those passed over are gone, and counted so. */
static const struct sk_state_node *old_of(struct sk_worker *w, const char *name, size_t len,
                                          uint32_t *number)
{
	const struct sk_state *state = w->scan->state;
	struct sk_list *l = w->list;

	for (; l->old_next < l->old_end; l->old_next++) {
		const struct sk_state_node *o = sk_state_node(state, l->old_next);
		int d = o ? sk_name_compare(sk_state_name(state, o), o->name_len, name, len) : -1;

		if (d > 0)
			return NULL;
		if (d == 0) {
			*number = l->old_next++;
			return o;
		}
		l->same = false;
		lost_folder(w, o);
		w->changed += o ? sk_state_count(state, o) : 1;
	}
	return NULL;
}

static int add_node(struct sk_list *l, const struct sk_node *node)
{
	return sk_buf_add(&l->nodes, node, sizeof *node);
}

/* A name that lasts as long as the snapshot. */
static const char *lasting(struct sk_worker *w, const struct sk_name *n,
                           const struct sk_state_node *o)
{
	return o ? sk_state_name(w->scan->state, o) : sk_arena_copy(&w->arena, n->name, n->len);
}

int sk_folder_later(struct sk_list *l, const struct sk_node *node, const struct sk_task *task)
{
	struct pending p = { .child = (uint32_t)(l->nodes.len / sizeof *node), .task = *task };

	return add_node(l, node) ? SK_EIO : sk_buf_add(&l->pending, &p, sizeof p);
}

/* A partial scan leaves a folder alone that nothing changed at or below. */
static int push_partial(struct sk_worker *w, struct sk_node *node, const struct sk_state_node *o,
                        struct sk_task *task)
{
	const char *path = w->list->path.ptr;
	enum sk_change_reach how = sk_partial_touched(w->scan, path);

	if (o && o->mode == 040000 && how == SK_UNTOUCHED) {
		node->flags = o->flags | SK_NODE_ASIS;
		node->perm = o->perm;
		node->oid = o->oid;
		node->st = o->st;
		return add_node(w->list, node);
	}
	task->partial = o && o->mode == 040000 && how != SK_TOUCHED_ALL;
	if (!task->partial)
		lost_folder(w, o);
	return sk_folder_later(w->list, node, task);
}

static int add_folder(struct sk_worker *w, const struct sk_task *t, const struct sk_name *n,
                      const struct sk_group *g, size_t name_off)
{
	struct sk_list *l = w->list;
	struct sk_node node = { .name_len = n->len, .mode = 040000, .old = SK_STATE_NONE };
	struct sk_task task = { .space = t->space, .old = SK_STATE_NONE };
	uint32_t number = SK_STATE_NONE;
	const struct sk_state_node *o = old_of(w, n->name, n->len, &number);
	int how, rc = enter(w, t, g, o, name_off, &how);

	if (rc)
		return rc;
	if (how && sk_name_refused(n->name, n->len)) {
		how = 0;
		rc = sk_skip(w, l->path.ptr, "git cannot store this name", true);
	}
	if (!how) {
		lost_folder(w, o);
		l->same = l->same && !o;
		w->changed += o ? sk_state_count(w->scan->state, o) : 0;
		w->left |= sk_strv_has(&w->scan->own, l->path.ptr);
		return rc;
	}
	if (!o)
		l->same = false;
	else if (o->mode != 040000)
		w->changed += o->mode != 0160000;
	task.forced = how == 2;
	if (o && o->mode == 040000)
		node.old = task.old = number;
	if (g) {
		task.lo = g->lo;
		task.hi = g->hi;
		task.sparse = g->sparse;
		task.tree = g->oid;
	}
	node.name = lasting(w, n, o);
	if (!node.name)
		return sk_error_oom();
	task.lazy = t->lazy && o && o->mode == 040000;
	if (t->lazy && !task.lazy)
		rc = sk_partial_tracked(w, t, l->path.ptr, &task.lo, &task.hi);
	if (rc)
		return rc;
	return t->partial ? push_partial(w, &node, o, &task) : sk_folder_later(l, &node, &task);
}

/* What the blob may be expected to be; NULL: no idea, it has to be read. */
static const struct sk_oid *known_blob(const struct sk_task *t, const struct sk_state_node *o,
                                       const struct sk_group *g, const struct sk_node *node,
                                       const struct stat *st)
{
	const struct sk_index *index = t->space->index;

	if (o && o->mode == node->mode && !(o->flags & (SK_NODE_RACY | SK_NODE_VIRTUAL)) &&
	    sk_stat_same(&o->st, &node->st))
		return &o->oid;
	if (t->space->seed && g && g->lo < g->hi && index->entry[g->lo].stage == 0 &&
	    sk_index_stat_matches(index, &index->entry[g->lo], st))
		return &index->entry[g->lo].oid;
	return NULL;
}

static bool too_large(const struct sk_scan *scan, const struct sk_group *g, const struct stat *st,
                      const char *path)
{
	return scan->max_file_size && !g && S_ISREG(st->st_mode) &&
	       (uint64_t)st->st_size > scan->max_file_size && !also_has(scan, path, false);
}

static int settle(struct sk_worker *w, const struct sk_task *t, struct sk_node *node,
                  const struct sk_group *g, const struct sk_state_node *o, const struct stat *st)
{
	const char *path = w->list->path.ptr;
	const struct sk_oid *known;
	bool have = true, large;
	size_t lo = 0, hi = 0;
	int rc = 0;

	if (!S_ISREG(st->st_mode) && !S_ISLNK(st->st_mode)) {
		rc = sk_skip(w, path, "changed while it was read", true);
		return rc ? rc : SK_ENO;
	}
	if (S_ISLNK(st->st_mode) && sk_unsafe_link(node->name, node->name_len)) {
		rc = sk_skip(w, path, "git cannot store a link of this name", true);
		return rc ? rc : SK_ENO;
	}
	large = too_large(w->scan, g, st, path);
	if (large && t->lazy) { /* the index was not asked yet */
		rc = sk_partial_tracked(w, t, path, &lo, &hi);
		large = lo >= hi;
	}
	if (rc)
		return rc;
	if (large) {
		rc = sk_skip(w, path, "larger than backup.max_file_size", false);
		return rc ? rc : SK_ENO;
	}
	node->perm = (uint16_t)(st->st_mode & 07777);
	node->mode = S_ISLNK(st->st_mode) ? 0120000 : st->st_mode & 0100 ? 0100755 : 0100644;
	sk_stat_from(&node->st, st);
	known = known_blob(t, o, g, node, st);
	w->held = sk_scan_held_blob(w->scan, t->space, g);
	if (known && w->scan->opts->packer && !(o && known == &o->oid && w->scan->trusted)) {
		/* by what its entry is gone nobody keeps it: git's index has to */
		have = w->held && sk_oid_eq(w->held, known);
		if (have)
			rc = sk_packer_rely(w->scan->opts->packer, known, &have);
	}
	if (rc)
		return rc;
	if (known && have) {
		node->oid = *known;
		node->flags = o && known == &o->oid ? o->flags : SK_NODE_SEEDED;
		return 0;
	}
	return sk_read_node(w, w->list->fd, path, node, st, o && w->scan->trusted ? &o->oid : NULL);
}

static void count_file(struct sk_worker *w, const struct sk_node *node,
                       const struct sk_state_node *o)
{
	int class = node->mode == 0100644 ? 0 : node->mode == 0100755 ? 1 : -1;

	w->files++;
	if (w->files % SK_SCAN_STEP == 0)
		sk_progress("looking at files",
		            atomic_fetch_add(&w->scan->looked_at, SK_SCAN_STEP) + SK_SCAN_STEP,
		            w->scan->expected);
	if (class >= 0)
		w->perms[class][node->perm & 07777]++;
	if (!o || o->mode != node->mode || !sk_oid_eq(&o->oid, &node->oid)) {
		w->list->same = false;
		w->changed++;
	} else if (o->perm != node->perm) {
		w->changed++;
	}
	w->list->moved |= !o || o->perm != node->perm || o->flags != node->flags ||
	                  !sk_stat_same(&o->st, &node->st);
}

static int add_file(struct sk_worker *w, const struct sk_task *t, const struct sk_name *n,
                    const struct sk_group *g, size_t name_off)
{
	struct sk_list *l = w->list;
	struct sk_node node = { .name = n->name, .name_len = n->len };
	uint32_t number = 0;
	const struct sk_state_node *o = old_of(w, n->name, n->len, &number);
	struct stat st;
	bool yes = false;
	int rc = wanted(w, t, g, o, name_off, &yes);

	if (rc)
		return rc;
	lost_folder(w, o);
	if (!yes) {
		rc = SK_ENO;
	} else if (sk_name_refused(n->name, n->len)) {
		rc = sk_skip(w, l->path.ptr, "git cannot store this name", true);
		rc = rc ? rc : SK_ENO;
	} else if (fstatat(l->fd, n->name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		rc = errno == ENOENT ? 0 : sk_skip(w, l->path.ptr, "cannot be examined", true);
		rc = rc ? rc : SK_ENO;
		w->left = true;
	} else {
		rc = settle(w, t, &node, g, o, &st);
		w->left |= rc != 0;
	}
	if (rc) {
		l->same = l->same && !o;
		w->changed += o ? sk_state_count(w->scan->state, o) : 0;
		return rc == SK_ENO ? 0 : rc;
	}
	count_file(w, &node, o);
	node.name = lasting(w, n, o);
	return node.name ? add_node(l, &node) : sk_error_oom();
}

static const char *kind_of(uint8_t type)
{
	return type == DT_FIFO ? "fifo" : type == DT_SOCK ? "socket" : "device";
}

static uint8_t type_of(int fd, const struct sk_name *n)
{
	struct stat st;

	if (n->type != DT_UNKNOWN)
		return n->type;
	if (fstatat(fd, n->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return DT_UNKNOWN;
	return (uint8_t)IFTODT(st.st_mode);
}

static int one_name(struct sk_worker *w, const struct sk_task *t, const struct sk_name *n,
                    const struct sk_group *g, size_t name_off)
{
	struct sk_list *l = w->list;
	uint8_t type = type_of(l->fd, n);

	switch (type) {
	case DT_DIR:
		return add_folder(w, t, n, g, name_off);
	case DT_REG:
	case DT_LNK:
		return add_file(w, t, n, g, name_off);
	case DT_UNKNOWN:
		w->left = true; /* it went away */
		return 0;
	default:
		if (!g && (t->forced || ignored(t, l, name_off, false)))
			return 0;
		return covered(w->scan, l->path.ptr, l->path.len, false)
		               ? sk_skip(w, l->path.ptr, kind_of(type), false)
		               : 0;
	}
}

static int absent_group(struct sk_worker *w, const struct sk_task *t, const struct sk_group *g)
{
	struct sk_list *l = w->list;
	const struct sk_state_node *o;
	struct sk_node node;
	uint32_t number = 0;
	bool any = false;
	int rc = sk_virtual(w, t, g, &node, &any);

	if (rc || !any)
		return rc;
	node.old = SK_STATE_NONE;
	w->virtuals++;
	o = old_of(w, node.name, node.name_len, &number);
	if (!o || o->mode != node.mode || !(o->flags & SK_NODE_VIRTUAL) ||
	    (node.mode != 040000 && !sk_oid_eq(&o->oid, &node.oid))) {
		l->same = false;
		l->moved = true;
	}
	if (node.mode == 040000)
		l->same = false; /* its old children are not walked: build the tree again */
	return add_node(l, &node);
}

static int set_path(struct sk_list *l, const struct sk_task *t, const char *name, size_t len,
                    size_t *name_off)
{
	sk_buf_clear(&l->path);
	(void)sk_buf_adds(&l->path, t->path);
	if (*t->path)
		(void)sk_buf_addc(&l->path, '/');
	*name_off = l->path.len;
	return sk_buf_add(&l->path, name, len);
}

/* Names on disk and names in the index, both sorted, side by side. */
static int join(struct sk_worker *w, const struct sk_task *t)
{
	struct sk_list *l = w->list;
	const struct sk_name *n = (const void *)l->names.ptr;
	const struct sk_group *g = (const void *)l->groups.ptr;
	size_t nn = l->names.len / sizeof *n, ng = l->groups.len / sizeof *g, off = 0;
	int rc = 0;

	for (size_t i = 0, k = 0; !rc && (i < nn || k < ng);) {
		int d = i == nn   ? 1
		        : k == ng ? -1
		                  : sk_name_compare(n[i].name, n[i].len, g[k].name, g[k].len);

		if (d > 0) {
			rc = absent_group(w, t, &g[k++]);
			continue;
		}
		rc = set_path(l, t, n[i].name, n[i].len, &off);
		if (!rc)
			rc = one_name(w, t, &n[i], d == 0 ? &g[k] : NULL, off);
		i++;
		k += d == 0;
	}
	return rc;
}

static int push_folders(struct sk_worker *w, const struct sk_task *t, struct sk_node *dir,
                        bool same_rules)
{
	struct sk_list *l = w->list;
	const struct pending *p = (const void *)l->pending.ptr;
	size_t off = 0;
	int rc = 0;

	for (size_t i = l->pending.len / sizeof *p; !rc && i-- > 0;) {
		struct sk_task task = p[i].task;

		task.node = &dir->child[p[i].child];
		task.same_rules = same_rules;
		rc = set_path(l, t, task.node->name, task.node->name_len, &off);
		if (!rc)
			rc = sk_scan_push(w->scan, &task, l->path.ptr, l->frame);
	}
	return rc;
}

static int read_ignore(struct sk_worker *w, const struct sk_task *t)
{
	struct sk_list *l = w->list;
	const char *rel = t->path + strlen(t->space->path);
	struct sk_buf text = SK_BUF_INIT;
	int rc, fd;

	l->frame = sk_ignore_ref(t->frame);
	/* git does not follow a .gitignore that is a link either */
	fd = l->ignore ? openat(l->fd, ".gitignore", O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
	               : -1;
	l->same_rules = fd < 0 && sk_names_same_rules(w, t, NULL);
	if (fd < 0)
		return 0;
	(void)close(fd);
	rc = sk_read_file(l->fd, ".gitignore", IGNORE_MAX, &text);
	if (rc == 0) {
		struct sk_ignore *frame = NULL;

		l->same_rules = sk_names_same_rules(w, t, &text);
		rel += *rel == '/';
		rc = sk_ignore_push(t->frame, rel, sk_buf_str(&text), text.len, &frame);
		if (!rc) {
			sk_ignore_unref(l->frame);
			l->frame = frame;
		}
	} else {
		sk_warn("the rules of '%s%s.gitignore' are left out: %s",
		        *t->path ? sk_name(t->path) : "", *t->path ? "/" : "", sk_error_message());
		rc = 0;
	}
	sk_buf_free(&text);
	return rc;
}

static int open_folder(struct sk_worker *w, struct sk_task *t)
{
	int fd = sk_open_below(w->scan->repo->wtfd, t->path), rc;
	int why = errno;

	if (fd >= 0)
		return fd;
	if (*t->path == '\0' || (why != ENOENT && why != ENOTDIR && why != ELOOP && why != EACCES &&
	                         why != EPERM && why != EIO)) {
		rc = sk_error_errno(SK_EIO, "cannot open the folder '%s'",
		                    *t->path ? t->path : ".");
		return -rc;
	}
	t->node->flags |= SK_NODE_GONE;
	w->gone++;
	if (why == EACCES || why == EPERM || why == EIO) {
		errno = why;
		rc = sk_skip(w, t->path, strerror(why), true);
		if (rc)
			return -rc;
	}
	return -SK_ENO;
}

static int keep_children(struct sk_worker *w, struct sk_node *dir)
{
	struct sk_list *l = w->list;

	if (!l->nodes.len)
		return 0;
	dir->child = sk_arena_alloc(&w->arena, l->nodes.len);
	if (!dir->child)
		return sk_error_oom();
	memcpy(dir->child, l->nodes.ptr, l->nodes.len);
	dir->n_children = (uint32_t)(l->nodes.len / sizeof *dir);
	return 0;
}

/* In a partial scan the folder's own files stand anew, so the old ones count no more. */
static void count_less(struct sk_worker *w, const struct sk_state_node *old)
{
	for (uint32_t i = 0; i < old->n_children; i++) {
		const struct sk_state_node *o = sk_state_node(w->scan->state, old->first_child + i);

		if (o && (o->mode != 040000 || (o->flags & SK_NODE_VIRTUAL)))
			w->less += sk_state_count(w->scan->state, o);
	}
}

static void begin_folder(struct sk_worker *w, const struct sk_state_node *old, bool partial)
{
	struct sk_list *l = w->list;

	sk_buf_clear(&l->nodes);
	sk_buf_clear(&l->pending);
	l->partial = partial;
	l->moved = false;
	l->same = old != NULL;
	l->old_next = old ? old->first_child : 0;
	l->old_end = old ? old->first_child + old->n_children : 0;
	if (partial && old)
		count_less(w, old);
}

/* What remains to be said once all children are known. */
static void end_folder(struct sk_worker *w, struct sk_task *t)
{
	struct sk_list *l = w->list;
	struct sk_node *dir = t->node;
	uint32_t number = 0;

	(void)old_of(w, "\377\377\377\377", 4, &number); /* after every name: the rest */
	if (l->old_next < l->old_end)
		l->same = false;
	if (l->ignore && !sk_node_child(dir, ".gitignore", 10))
		dir->flags |= SK_NODE_RULES | SK_NODE_LIST;
	dir->flags |= SK_NODE_SEEN;
	if (w->left || (l->git && *t->path))
		dir->flags |= SK_NODE_LIST;
	if (l->same)
		dir->flags |= SK_NODE_SAME;
	if (l->moved)
		dir->flags |= SK_NODE_MOVED;
	if (!l->any)
		dir->flags |= SK_NODE_BARREN;
	w->barren += dir->n_children == 0;
	w->perms[2][dir->perm & 07777]++;
}

static int walk_folder(struct sk_worker *w, struct sk_task *t)
{
	struct sk_list *l = w->list;
	const struct sk_state_node *old =
	        t->old == SK_STATE_NONE ? NULL : sk_state_node(w->scan->state, t->old);
	int rc;

	begin_folder(w, old, t->partial);
	rc = read_ignore(w, t);
	if (!rc)
		rc = join(w, t);
	if (!rc)
		rc = keep_children(w, t->node);
	if (!rc) {
		end_folder(w, t);
		rc = push_folders(w, t, t->node, l->same_rules);
	}
	sk_ignore_unref(l->frame);
	l->frame = NULL;
	return rc;
}

/* Something changed below, nothing in it: its children are those of the state. */
static int pass_folder(struct sk_worker *w, struct sk_task *t)
{
	struct sk_list *l = w->list;
	int rc;

	sk_buf_clear(&l->nodes);
	sk_buf_clear(&l->pending);
	rc = sk_partial_pass(w, t);
	if (!rc)
		rc = read_ignore(w, t);
	if (!rc)
		rc = keep_children(w, t->node);
	if (!rc)
		rc = push_folders(w, t, t->node, l->same_rules);
	sk_ignore_unref(l->frame);
	l->frame = NULL;
	return rc;
}

static int enter_folder(struct sk_worker *w, struct sk_task *t)
{
	bool inner = strcmp(t->path, t->space->path) != 0, nested = false;
	int64_t before = sk_stamp_clock();
	struct sk_list *l = w->list;
	struct stat st;
	int rc;

	w->left = false;
	if (t->partial && sk_partial_passes(w, t))
		return pass_folder(w, t);
	if (fstat(l->fd, &st) < 0)
		return sk_error_errno(SK_EIO, "cannot examine the folder '%s'", t->path);
	t->node->perm = (uint16_t)(st.st_mode & 07777);
	sk_stat_from(&t->node->st, &st);
	if (sk_stamp_racy(&t->node->st, before))
		t->node->flags |= SK_NODE_RACY;
	sk_buf_clear(&l->groups);
	rc = t->lazy ? 0 : sk_groups(w, t, &l->groups);
	if (!rc)
		rc = sk_names(w, t, &st);
	if (!rc && inner && (!t->lazy || l->git))
		rc = sk_nested_open(w, t, l->git, l->any, &nested);
	if (!rc && !nested)
		rc = walk_folder(w, t);
	return rc;
}

int sk_scan_folder(struct sk_worker *w, struct sk_task *t)
{
	int fd, rc;

	if (!w->list) {
		w->list = calloc(1, sizeof *w->list);
		if (!w->list)
			return sk_error_oom();
	}
	fd = open_folder(w, t);
	if (fd < 0)
		return fd == -SK_ENO ? 0 : -fd;
	w->list->fd = fd;
	rc = enter_folder(w, t);
	(void)close(fd);
	return rc == SK_ENO ? 0 : rc; /* it is gone, or was named */
}
