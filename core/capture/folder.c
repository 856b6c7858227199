#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/io.h"
#include "capture/scan.h"

/* A .gitignore larger than this is not believed. */
#define IGNORE_MAX (16u << 20)

struct sk_name {
	const char *name;
	uint32_t len;
	uint8_t type; /* DT_* */
};

struct pending { /* a sub-folder to push once the children stand where they stay */
	uint32_t child;
	struct sk_task task;
};

struct sk_list { /* of the folder at hand; kept from folder to folder */
	struct sk_buf names, groups, nodes, pending, path;
	bool git, ignore;           /* a .git, a .gitignore is in it */
	bool any;                   /* it has any entry at all */
	bool same;                  /* children so far are those of the old state */
	uint32_t old_next, old_end; /* old children not met yet */
	int fd;
	struct sk_ignore *frame;
};

struct dirent64_raw {
	uint64_t ino;
	int64_t off;
	uint16_t reclen;
	uint8_t type;
	char name[];
};

void sk_list_free(struct sk_list *l)
{
	if (!l)
		return;
	sk_buf_free(&l->names);
	sk_buf_free(&l->groups);
	sk_buf_free(&l->nodes);
	sk_buf_free(&l->pending);
	sk_buf_free(&l->path);
	free(l);
}

static int name_compare(const char *a, size_t alen, const char *b, size_t blen)
{
	int d = memcmp(a, b, alen < blen ? alen : blen);

	return d ? d : (alen > blen) - (alen < blen);
}

static int by_name(const void *x, const void *y)
{
	const struct sk_name *a = x, *b = y;

	return name_compare(a->name, a->len, b->name, b->len);
}

static int by_node(const void *x, const void *y)
{
	const struct sk_node *a = x, *b = y;

	return name_compare(a->name, a->name_len, b->name, b->name_len);
}

void sk_node_sort(struct sk_node *dir)
{
	if (dir->n_children > 1)
		qsort(dir->child, dir->n_children, sizeof *dir->child, by_node);
}

static int take_name(struct sk_worker *w, const struct dirent64_raw *d)
{
	struct sk_list *l = w->list;
	struct sk_name n = { .len = (uint32_t)strlen(d->name), .type = d->type };

	if (d->name[0] == '.' && (n.len == 1 || (n.len == 2 && d->name[1] == '.')))
		return 0;
	l->any = true;
	if (strcmp(d->name, ".git") == 0) {
		l->git = true;
		return 0;
	}
	if (strcmp(d->name, ".gitignore") == 0)
		l->ignore = true;
	n.name = sk_arena_copy(&w->arena, d->name, n.len);
	return n.name ? sk_buf_add(&l->names, &n, sizeof n) : sk_error_oom();
}

static int list_folder(struct sk_worker *w, int fd)
{
	struct sk_list *l = w->list;
	int rc = 0;

	sk_buf_clear(&l->names);
	l->git = l->ignore = l->any = false;
	for (;;) {
		long n = syscall(SYS_getdents64, fd, w->dents, SK_DENTS_MAX);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return sk_error_errno(SK_EIO, "cannot list a folder");
		if (n == 0)
			break;
		for (long at = 0; at < n && !rc;) {
			const struct dirent64_raw *d = (const void *)(w->dents + at);

			at += d->reclen;
			rc = take_name(w, d);
		}
		if (rc)
			return rc;
	}
	if (l->names.len)
		qsort(l->names.ptr, l->names.len / sizeof(struct sk_name), sizeof(struct sk_name),
		      by_name);
	return 0;
}

static bool also_has(const struct sk_scan *scan, const char *path, bool below)
{
	size_t lo = 0, hi = scan->also.n, len = strlen(path);

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (strcmp(scan->also.item[mid], path) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
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

/* Folder: 0 not entered, 1 entered, 2 entered for what is tracked or asked for in it. */
static int enter(const struct sk_worker *w, const struct sk_task *t, const struct sk_group *g,
                 size_t name_off)
{
	const struct sk_scan *scan = w->scan;
	const struct sk_list *l = w->list;
	const char *path = l->path.ptr;
	bool out;

	if (sk_strv_has(&scan->own, path))
		return 0;
	if (scan->also.n && also_has(scan, path, true))
		return t->forced || ignored(t, l, name_off, true) ? 2 : 1;
	if (!covered(scan, path, l->path.len, true))
		return 0;
	out = t->forced || ignored(t, l, name_off, true);
	if (!out)
		return 1;
	if (g)
		return 2;
	return scan->include && (sk_patterns_match(scan->include, path, l->path.len, true) ||
	                         sk_patterns_below(scan->include, path, l->path.len))
	               ? 2
	               : 0;
}

static bool wanted(const struct sk_worker *w, const struct sk_task *t, const struct sk_group *g,
                   size_t name_off)
{
	const struct sk_scan *scan = w->scan;
	const struct sk_list *l = w->list;

	if (scan->also.n && also_has(scan, l->path.ptr, false))
		return true;
	if (!covered(scan, l->path.ptr, l->path.len, false))
		return false;
	if (g || (!t->forced && !ignored(t, l, name_off, false)))
		return true;
	return scan->include && sk_patterns_match(scan->include, l->path.ptr, l->path.len, false);
}

static size_t old_files(const struct sk_scan *scan, const struct sk_state_node *n, int depth)
{
	size_t files = 0;

	if (n->mode != 040000)
		return 1;
	for (uint32_t i = 0; i < n->n_children && depth < 4096; i++) {
		const struct sk_state_node *kid = sk_state_node(scan->state, n->first_child + i);

		if (kid && n->first_child + i > 0)
			files += old_files(scan, kid, depth + 1);
	}
	return files;
}

/* The old node of that name; those passed over are gone, and counted so. */
static const struct sk_state_node *old_of(struct sk_worker *w, const char *name, size_t len,
                                          uint32_t *number)
{
	const struct sk_state *state = w->scan->state;
	struct sk_list *l = w->list;

	for (; l->old_next < l->old_end; l->old_next++) {
		const struct sk_state_node *o = sk_state_node(state, l->old_next);
		int d = o ? name_compare(sk_state_name(state, o), o->name_len, name, len) : -1;

		if (d > 0)
			return NULL;
		if (d == 0) {
			*number = l->old_next++;
			return o;
		}
		l->same = false;
		w->changed += o ? old_files(w->scan, o, 0) : 1;
	}
	return NULL;
}

static int add_node(struct sk_list *l, const struct sk_node *node)
{
	return sk_buf_add(&l->nodes, node, sizeof *node);
}

static int add_folder(struct sk_worker *w, const struct sk_task *t, const struct sk_name *n,
                      const struct sk_group *g, bool forced)
{
	struct sk_list *l = w->list;
	struct sk_node node = { .name = n->name, .name_len = n->len, .mode = 040000 };
	struct pending p = { .child = (uint32_t)(l->nodes.len / sizeof node) };
	uint32_t number = SK_STATE_NONE;
	const struct sk_state_node *o = old_of(w, n->name, n->len, &number);

	if (!o)
		l->same = false;
	else if (o->mode != 040000)
		w->changed++;
	p.task = (struct sk_task){ .space = t->space, .old = SK_STATE_NONE, .forced = forced };
	if (o && o->mode == 040000)
		p.task.old = number;
	if (g) {
		p.task.lo = g->lo;
		p.task.hi = g->hi;
		p.task.sparse = g->sparse;
		p.task.tree = g->oid;
	}
	if (add_node(l, &node))
		return SK_EIO;
	return sk_buf_add(&l->pending, &p, sizeof p);
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
	bool have = true;
	int rc = 0;

	if (!S_ISREG(st->st_mode) && !S_ISLNK(st->st_mode)) {
		rc = sk_skip(w, path, "changed while it was read", true);
		return rc ? rc : SK_ENO;
	}
	if (too_large(w->scan, g, st, path)) {
		rc = sk_skip(w, path, "larger than backup.max_file_size", false);
		return rc ? rc : SK_ENO;
	}
	node->perm = (uint16_t)(st->st_mode & 07777);
	node->mode = S_ISLNK(st->st_mode) ? 0120000 : st->st_mode & 0100 ? 0100755 : 0100644;
	sk_stat_from(&node->st, st);
	known = known_blob(t, o, g, node, st);
	if (known && w->scan->opts->packer && !(o && known == &o->oid && w->scan->trusted))
		rc = sk_packer_rely(w->scan->opts->packer, known, &have);
	if (rc)
		return rc;
	if (known && have) {
		node->oid = *known;
		node->flags = o && known == &o->oid ? o->flags : SK_NODE_SEEDED;
		return 0;
	}
	return sk_read_node(w, w->list->fd, path, node, st, o && w->scan->trusted ? &o->oid : NULL);
}

static int add_file(struct sk_worker *w, const struct sk_task *t, const struct sk_name *n,
                    const struct sk_group *g, size_t name_off)
{
	struct sk_list *l = w->list;
	struct sk_node node = { .name = n->name, .name_len = n->len };
	const struct sk_state_node *o;
	uint32_t number = 0;
	struct stat st;
	int rc;

	if (!wanted(w, t, g, name_off))
		return 0;
	if (sk_name_refused(n->name, n->len))
		return sk_skip(w, l->path.ptr, "git cannot store this name", true);
	if (fstatat(l->fd, n->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : sk_skip(w, l->path.ptr, "cannot be examined", true);
	o = old_of(w, n->name, n->len, &number);
	rc = settle(w, t, &node, g, o, &st);
	if (rc) {
		l->same = false;
		return rc == SK_ENO ? 0 : rc;
	}
	w->files++;
	if (!o || o->mode != node.mode || !sk_oid_eq(&o->oid, &node.oid)) {
		l->same = false;
		w->changed++;
	} else if (o->perm != node.perm) {
		w->changed++;
	}
	return add_node(l, &node);
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
	int how;

	switch (type) {
	case DT_DIR:
		how = enter(w, t, g, name_off);
		if (!how)
			return 0;
		if (sk_name_refused(n->name, n->len))
			return sk_skip(w, l->path.ptr, "git cannot store this name", true);
		return add_folder(w, t, n, g, how == 2);
	case DT_REG:
	case DT_LNK:
		return add_file(w, t, n, g, name_off);
	case DT_UNKNOWN:
		return 0; /* it went away */
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
	o = old_of(w, node.name, node.name_len, &number);
	if (!o || o->mode != node.mode || (node.mode != 040000 && !sk_oid_eq(&o->oid, &node.oid)))
		l->same = false;
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
		                  : name_compare(n[i].name, n[i].len, g[k].name, g[k].len);

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

static int push_folders(struct sk_worker *w, const struct sk_task *t, struct sk_node *dir)
{
	struct sk_list *l = w->list;
	const struct pending *p = (const void *)l->pending.ptr;
	size_t off = 0;
	int rc = 0;

	for (size_t i = l->pending.len / sizeof *p; !rc && i-- > 0;) {
		struct sk_task task = p[i].task;

		task.node = &dir->child[p[i].child];
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
	if (fd < 0)
		return 0;
	(void)close(fd);
	rc = sk_read_file(l->fd, ".gitignore", IGNORE_MAX, &text);
	if (rc == 0) {
		struct sk_ignore *frame = NULL;

		rel += *rel == '/';
		rc = sk_ignore_push(t->frame, rel, sk_buf_str(&text), text.len, &frame);
		if (!rc) {
			sk_ignore_unref(l->frame);
			l->frame = frame;
		}
	} else {
		sk_warn("%s", sk_error_message());
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

static int walk_folder(struct sk_worker *w, struct sk_task *t)
{
	struct sk_list *l = w->list;
	const struct sk_state_node *old =
	        t->old == SK_STATE_NONE ? NULL : sk_state_node(w->scan->state, t->old);
	uint32_t number = 0;
	int rc;

	sk_buf_clear(&l->groups);
	sk_buf_clear(&l->nodes);
	sk_buf_clear(&l->pending);
	l->same = old != NULL;
	l->old_next = old ? old->first_child : 0;
	l->old_end = old ? old->first_child + old->n_children : 0;
	rc = read_ignore(w, t);
	if (!rc)
		rc = sk_groups(w, t, &l->groups);
	if (!rc)
		rc = join(w, t);
	if (!rc) {
		(void)old_of(w, "\377\377\377\377", 4, &number); /* after every name: the rest */
		if (l->old_next < l->old_end)
			l->same = false;
		rc = keep_children(w, t->node);
	}
	if (!rc)
		rc = push_folders(w, t, t->node);
	if (!rc && l->same)
		t->node->flags |= SK_NODE_SAME;
	if (!rc && !l->any)
		t->node->flags |= SK_NODE_BARREN;
	sk_ignore_unref(l->frame);
	l->frame = NULL;
	return rc;
}

int sk_scan_folder(struct sk_worker *w, struct sk_task *t)
{
	bool inner = strcmp(t->path, t->space->path) != 0, nested = false;
	struct stat st;
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
	if (fstat(fd, &st) == 0)
		t->node->perm = (uint16_t)(st.st_mode & 07777);
	rc = list_folder(w, fd);
	if (!rc && inner)
		rc = sk_nested_open(w, t, w->list->git, w->list->any, &nested);
	if (!rc && !nested)
		rc = walk_folder(w, t);
	(void)close(fd);
	return rc;
}
