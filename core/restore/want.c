#include <fcntl.h>

#include "base/text.h"
#include "restore/walk.h"

#define TARGET_KINDS "FDEVN"

static uint16_t wanted_perm(const struct walk *w, const char *path, uint32_t mode, uint16_t now)
{
	const struct sk_meta *m = w->t->any_perm ? &w->now->meta : &w->t->meta;
	const struct sk_meta_path *r = NULL;

	if (w->t->any_perm && now && (mode == 040000 || ((now & 0100) != 0) == (mode == 0100755)))
		return now;
	if (mode == 0120000)
		return 0;
	if (!w->t->any_perm && mode == 040000) {
		r = sk_meta_find(m, 'E', path);
		r = r ? r : sk_meta_find(m, 'D', path);
	} else if (!w->t->any_perm) {
		r = sk_meta_find(m, 'F', path);
	}
	if (mode == 040000)
		return r ? r->mode : m->usual_dir;
	/* no file gets setuid or setgid from a snapshot: it may come from somewhere else */
	return (uint16_t)(r ? r->mode & 0777
	                    : (mode == 0100755 ? m->usual_exec : m->usual_file) & 0777);
}

/* A file that no backup has stands in the way: the safety backup shall take it, or it stays. */
static int save_first(struct walk *w, bool *stop)
{
	*stop = w->opts->saved;
	return w->opts->saved ? sk_plan_skip(w->plan, w->path.ptr,
	                                     "an ignored file stands there and could not be saved")
	                      : sk_strv_add(&w->plan->also, w->path.ptr);
}

int sk_skip_other(struct walk *w, const struct now *n)
{
	const char *what = S_ISFIFO(n->st.st_mode)   ? "a fifo"
	                   : S_ISSOCK(n->st.st_mode) ? "a socket"
	                   : n->st.st_mode           ? "a device"
	                                             : "something that cannot be examined";

	return sk_plan_skip(w->plan, w->path.ptr, "%s stands there", what);
}

static size_t count_files(const struct sk_node *node)
{
	size_t files = 0;

	if (node->flags & SK_NODE_VIRTUAL)
		return 0;
	if (node->mode != 040000)
		return node->mode != 0160000;
	for (uint32_t i = 0; i < node->n_children; i++)
		files += count_files(&node->child[i]);
	return files;
}

/* Nothing below differs, bits included. */
static bool same_folder(const struct walk *w, const struct sk_node *node, const struct sk_oid *tree)
{
	const struct sk_meta *a = &w->t->meta, *b = &w->now->meta;

	return node && tree && !w->t->any_perm && sk_oid_eq(&node->oid, tree) &&
	       a->usual_file == b->usual_file && a->usual_exec == b->usual_exec &&
	       a->usual_dir == b->usual_dir && !(node->flags & SK_NODE_VIRTUAL) &&
	       !sk_meta_below(a, TARGET_KINDS, w->path.ptr) &&
	       !sk_meta_below(b, TARGET_KINDS, w->path.ptr);
}

/* The last item makes something where nothing was, perhaps where the present rules hide it. */
static int note_hidden(struct walk *w, struct sk_spot *place, bool dir)
{
	bool hidden = false;
	int rc = 0;

	if (w->opts->stored)
		rc = sk_cover_ignored(&w->cover, place, SK_RULES_PRESENT, w->path.ptr, dir,
		                      &hidden);
	if (!rc)
		w->plan->item[w->plan->n - 1].flags |=
		        (uint8_t)(SK_ITEM_CREATED | (hidden ? SK_ITEM_HIDDEN : 0));
	return rc;
}

static size_t base_of(const struct sk_spot *place)
{
	while (!place->exists && place->parent)
		place = place->parent;
	return place->len;
}

static int write_file(struct walk *w, struct sk_spot *place, const struct sk_child *c,
                      const struct now *n)
{
	struct sk_item *item = sk_plan_add(w->plan, SK_WRITE, w->path.ptr);

	if (!item)
		return SK_EIO;
	item->new_mode = c->mode;
	item->new_oid = c->oid;
	item->new_perm = wanted_perm(w, w->path.ptr, c->mode, n->kind == NOW_FILE ? n->perm : 0);
	item->base_len = (uint32_t)base_of(place);
	if (n->kind == NOW_FILE || n->kind == NOW_UNSAVED)
		sk_walk_expect(item, n);
	return n->kind == NOW_NOTHING ? note_hidden(w, place, false) : 0;
}

/* The bits of a file that has more than one name: the others must keep theirs. */
static bool linked(struct walk *w)
{
	const char *name;
	struct stat st;
	int fd = sk_safe_parent(&w->disk, w->path.ptr, &name);

	return fd >= 0 && fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_nlink > 1;
}

static int same_content(struct walk *w, struct sk_spot *place, const struct sk_child *c,
                        const struct now *n)
{
	uint16_t perm = wanted_perm(w, w->path.ptr, c->mode, n->perm);
	struct sk_item *item;

	if (c->mode == 0120000 || perm == (n->perm & 0777)) {
		w->plan->unchanged++;
		return 0;
	}
	if (linked(w))
		return write_file(w, place, c, n);
	item = sk_plan_add(w->plan, SK_CHMOD, w->path.ptr);
	if (!item)
		return SK_EIO;
	sk_walk_expect(item, n);
	item->new_mode = c->mode;
	item->new_oid = c->oid;
	item->new_perm = perm;
	return 0;
}

int sk_want_file(struct walk *w, struct sk_spot *place, const struct sk_child *c,
                 const struct now *n)
{
	bool go = true, stop = false;
	int rc = 0;

	switch (n->kind) {
	case NOW_FILE:
		if ((S_ISLNK(c->mode) || S_ISLNK(n->node->mode) ? c->mode == n->node->mode
		                                                : true) &&
		    sk_oid_eq(&c->oid, &n->node->oid))
			return same_content(w, place, c, n);
		break;
	case NOW_UNSAVED:
		rc = save_first(w, &stop);
		go = !stop;
		break;
	case NOW_FOLDER:
		rc = sk_clear_folder(w, place, n, &go);
		break;
	case NOW_OTHER:
		return sk_skip_other(w, n);
	case NOW_NOTHING:
		break;
	}
	return rc || !go ? rc : write_file(w, place, c, n);
}

/* A file gives way to a folder. */
static int clear_file(struct walk *w, const struct now *n, bool *done)
{
	struct sk_item *item;
	bool stop = false;
	int rc = n->kind == NOW_UNSAVED ? save_first(w, &stop) : 0;

	if (rc || stop) {
		*done = false;
		return rc;
	}
	item = sk_plan_add(w->plan, SK_DELETE, w->path.ptr);
	if (!item)
		return SK_EIO;
	sk_walk_expect(item, n);
	item->flags |= SK_ITEM_EARLY;
	*done = true;
	return 0;
}

static int make_folder(struct walk *w, struct sk_spot *place, const struct now *n,
                       enum selected sel)
{
	uint16_t perm = wanted_perm(w, w->path.ptr, 040000, n->kind == NOW_FOLDER ? n->perm : 0);
	bool chmod_only = n->kind == NOW_FOLDER;
	/* it holds ignored files only, or nothing and is ignored: no backup knows of it */
	bool hidden = chmod_only && !n->node && !sk_meta_find(&w->now->meta, 'E', w->path.ptr);
	struct sk_item *item;

	if (chmod_only && sel != SELECTED)
		perm = n->perm;
	if (chmod_only && perm == n->perm && !hidden)
		return 0;
	item = sk_plan_add(w->plan, chmod_only ? SK_CHMOD : SK_MKDIR, w->path.ptr);
	if (!item)
		return SK_EIO;
	item->old_mode = chmod_only ? 040000 : 0;
	item->old_perm = chmod_only ? n->perm : 0;
	item->new_mode = 040000;
	item->new_perm = perm;
	if (hidden)
		item->flags |= SK_ITEM_HIDDEN;
	return n->kind == NOW_NOTHING ? note_hidden(w, place, true) : 0;
}

/* `space`: it is a repository of its own, whose root has no bits of record. */
int sk_want_folder(struct walk *w, struct sk_spot *place, const struct sk_oid *tree,
                   const struct now *n, enum selected sel, bool space)
{
	struct sk_spot p = sk_walk_place(place, w, n->kind == NOW_FOLDER, space);
	size_t mark = w->plan->n, made;
	bool go = true, kept = false;
	int rc = 0;

	if (n->kind == NOW_OTHER)
		return sk_skip_other(w, n);
	if (n->kind == NOW_FOLDER && sel == SELECTED && same_folder(w, n->node, tree)) {
		w->plan->unchanged += count_files(n->node);
		return space ? 0 : make_folder(w, place, n, sel);
	}
	if (n->kind == NOW_FILE || n->kind == NOW_UNSAVED)
		rc = clear_file(w, n, &go);
	if (!rc && go && !(space && n->kind == NOW_FOLDER))
		rc = make_folder(w, place, n, sel);
	if (rc || !go)
		return rc;
	made = w->plan->n;
	rc = sk_walk_folder(w, &p, n->kind == NOW_FOLDER ? n->node : NULL, tree, &kept);
	sk_spot_clear(&p);
	if (!rc && sel == ON_THE_WAY && n->kind != NOW_FOLDER && w->plan->n == made)
		sk_plan_truncate(w->plan, mark); /* nothing that was asked for is below */
	return rc;
}
