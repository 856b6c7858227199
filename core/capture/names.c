#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/text.h"
#include "capture/scan.h"

#define IGNORE_FILE ".gitignore"

struct dirent64_raw {
	uint64_t ino;
	int64_t off;
	uint16_t reclen;
	uint8_t type;
	char name[];
};

int sk_name_compare(const char *a, size_t alen, const char *b, size_t blen)
{
	int d = memcmp(a, b, alen < blen ? alen : blen);

	return d ? d : (alen > blen) - (alen < blen);
}

static int by_name(const void *x, const void *y)
{
	const struct sk_name *a = x, *b = y;

	return sk_name_compare(a->name, a->len, b->name, b->len);
}

/* The name's place in l->text, which may still move, is kept in its pointer. */
static int take_name(struct sk_list *l, const struct dirent64_raw *d)
{
	struct sk_name n = { .len = (uint32_t)strlen(d->name), .type = d->type };

	if (d->name[0] == '.' && (n.len == 1 || (n.len == 2 && d->name[1] == '.')))
		return 0;
	l->any = true;
	if (strcmp(d->name, ".git") == 0) {
		l->git = true;
		return 0;
	}
	if (strcmp(d->name, IGNORE_FILE) == 0)
		l->ignore = true;
	n.name = (const char *)(uintptr_t)l->text.len;
	(void)sk_buf_add(&l->text, d->name, n.len + 1);
	return sk_buf_add(&l->names, &n, sizeof n);
}

/* ENOENT: somebody removed it after it was opened.  What the disk or the system only lets be opened
 * is named; the rest of the tree is saved all the same. */
static int cannot_list(struct sk_worker *w, struct sk_task *t)
{
	int why = errno, rc = 0;

	if (why != ENOENT && why != EACCES && why != EPERM && why != EIO)
		return sk_error_errno(SK_EIO, "cannot list the folder '%s'",
		                      *t->path ? sk_name(t->path) : ".");
	if (*t->path == '\0')
		return sk_error_errno(SK_EIO, "cannot list the working tree");
	t->node->flags |= SK_NODE_GONE;
	w->gone++;
	if (why != ENOENT)
		rc = sk_skip(w, t->path, strerror(why), true);
	return rc ? rc : SK_ENO;
}

static int list(struct sk_worker *w, struct sk_task *t, int fd)
{
	struct sk_list *l = w->list;
	struct sk_name *name;
	size_t n_names;
	int rc = 0;

	for (;;) {
		long n = syscall(SYS_getdents64, fd, w->dents, SK_DENTS_MAX);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return cannot_list(w, t);
		if (n == 0)
			break;
		for (long at = 0; at < n && !rc;) {
			const struct dirent64_raw *d = (const void *)(w->dents + at);

			at += d->reclen;
			rc = take_name(l, d);
		}
		if (rc)
			return rc;
	}
	rc = sk_buf_ok(&l->text);
	name = (struct sk_name *)(void *)l->names.ptr;
	n_names = l->names.len / sizeof *name;
	for (size_t i = 0; !rc && i < n_names; i++)
		name[i].name = l->text.ptr + (uintptr_t)name[i].name;
	if (!rc && n_names)
		qsort(name, n_names, sizeof *name, by_name);
	return rc;
}

/* What the index has in the folder is in the old state too, so that no ignored file of it has come
 * under git's care since. */
static bool knows_groups(const struct sk_scan *scan, const struct sk_list *l,
                         const struct sk_state_node *old)
{
	const struct sk_group *g = (const void *)l->groups.ptr;
	size_t n = l->groups.len / sizeof *g;
	uint32_t at = 0;

	for (size_t i = 0; i < n; i++) {
		int d = -1;

		for (; at < old->n_children && d < 0; at++) {
			const struct sk_state_node *o =
			        sk_state_node(scan->state, old->first_child + at);

			d = o ? sk_name_compare(sk_state_name(scan->state, o), o->name_len,
			                        g[i].name, g[i].len)
			      : 1;
		}
		if (d != 0)
			return false;
	}
	return true;
}

/* A .gitignore may be written to without its folder's times changing. */
static bool ignore_kept(int fd, const struct sk_state_node *o)
{
	struct sk_stat now;
	struct stat st;

	if ((o->flags & SK_NODE_RACY) || fstatat(fd, IGNORE_FILE, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return false;
	sk_stat_from(&now, &st);
	return sk_stat_same(&now, &o->st);
}

static int keep_names(struct sk_list *l, const struct sk_scan *scan,
                      const struct sk_state_node *old, bool *kept)
{
	const struct sk_state_node *ignore =
	        sk_state_child(scan->state, old, IGNORE_FILE, sizeof IGNORE_FILE - 1);

	*kept = false;
	if (ignore && !(ignore->flags & SK_NODE_VIRTUAL)) {
		if (!ignore_kept(l->fd, ignore))
			return 0;
		l->ignore = true;
	}
	for (uint32_t i = 0; i < old->n_children; i++) {
		const struct sk_state_node *o = sk_state_node(scan->state, old->first_child + i);
		struct sk_name n;

		if (!o)
			return 0;
		if (o->flags & SK_NODE_VIRTUAL)
			continue;
		n = (struct sk_name){ sk_state_name(scan->state, o), o->name_len, DT_DIR };
		if (n.len == 0 || n.name[n.len] != '\0')
			return 0;
		if (o->mode != 040000 && o->mode != 0160000)
			n.type = o->mode == 0120000 ? DT_LNK : DT_REG;
		if (sk_buf_add(&l->names, &n, sizeof n))
			return SK_EIO;
	}
	l->any = true;
	*kept = true;
	return 0;
}

/* Whether the old state's names may stand for the folder's. */
static bool names_last(const struct sk_worker *w, const struct sk_task *t, const struct stat *st,
                       const struct sk_state_node *old)
{
	const struct sk_scan *scan = w->scan;
	struct sk_stat now;

	if (!scan->folder_times || !t->same_rules || t->forced || t->sparse || scan->also.n ||
	    t->space->nested || !old || old->mode != 040000 || old->n_children == 0 ||
	    (old->flags & (SK_NODE_RACY | SK_NODE_LIST | SK_NODE_VIRTUAL)) ||
	    (uint64_t)st->st_dev != scan->dev)
		return false;
	sk_stat_from(&now, st);
	return sk_stat_same(&now, &old->st);
}

int sk_names(struct sk_worker *w, struct sk_task *t, const struct stat *st)
{
	struct sk_list *l = w->list;
	const struct sk_state_node *old =
	        t->old == SK_STATE_NONE ? NULL : sk_state_node(w->scan->state, t->old);
	int rc = 0;

	l->git = l->ignore = l->any = l->kept = false;
	sk_buf_clear(&l->names);
	sk_buf_clear(&l->text);
	if (names_last(w, t, st, old) && knows_groups(w->scan, l, old))
		rc = keep_names(l, w->scan, old, &l->kept);
	if (rc || l->kept)
		return rc;
	l->ignore = l->any = false;
	sk_buf_clear(&l->names);
	return list(w, t, l->fd);
}

bool sk_names_same_rules(const struct sk_worker *w, const struct sk_task *t,
                         const struct sk_buf *text)
{
	const struct sk_state *state = w->scan->state;
	const struct sk_state_node *old =
	        t->old == SK_STATE_NONE ? NULL : sk_state_node(state, t->old);
	const struct sk_state_node *o;
	struct sk_oid oid;

	if (!t->same_rules || !old || old->mode != 040000 || (old->flags & SK_NODE_RULES))
		return false;
	o = sk_state_child(state, old, IGNORE_FILE, sizeof IGNORE_FILE - 1);
	if (!o || o->mode == 0120000 || o->mode == 040000) /* such a one was no rules */
		return !text;
	if (!text)
		return false;
	sk_hash_object(SK_OBJ_BLOB, sk_buf_str(text), text->len, &oid);
	return sk_oid_eq(&oid, &o->oid);
}
