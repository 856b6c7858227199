#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/text.h"
#include "restore/walk.h"

/* The first name on disk in the folder at hand that is not among its children; NULL: none. */
int sk_find_stranger(struct walk *w, const struct sk_children *kids, bool *found)
{
	int at = sk_safe_folder(&w->disk, w->path.ptr, w->path.len), fd;
	struct dirent *de;
	DIR *dir;

	fd = at < 0 ? -1 : openat(at, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		if (fd >= 0)
			(void)close(fd);
		*found = true; /* cannot be looked into: it stays */
		return 0;
	}
	*found = false;
	while (!*found && (de = readdir(dir))) {
		const struct sk_child *c;

		if (strcmp(de->d_name, ".") == 0 || strcmp(de->d_name, "..") == 0)
			continue;
		c = sk_children_find(kids, de->d_name);
		*found = !c || (!(c->flags & SK_CHILD_PRESENT) &&
		                (!c->node || (c->node->flags & SK_NODE_VIRTUAL)));
		if (*found && w->force && !w->stays.len)
			(void)sk_buf_addf(&w->stays, "%s/%s", w->path.ptr, de->d_name);
	}
	(void)closedir(dir);
	return sk_buf_ok(&w->stays);
}

/* Whether what is at the path may be deleted although the target does not have it. */
static int deletable(struct walk *w, struct sk_spot *place, bool dir, bool *out)
{
	const char *path = w->path.ptr;
	bool marked = sk_meta_find(&w->now->meta, 'S', path) != NULL;
	const struct sk_meta_path *s = sk_meta_find(&w->t->meta, 'S', path);

	if (marked) {
		*out = false;
		return sk_plan_skip(w->plan, path,
		                    "left alone: the safety backup could not read "
		                    "it whole");
	}
	if (s && !w->force) {
		*out = false;
		return sk_plan_skip(w->plan, path, "left alone: backup '%s' did not take it (%s)",
		                    w->t->id, s->reason ? s->reason : "skipped");
	}
	if (w->force || (w->opts->drop && sk_strv_has(w->opts->drop, path))) {
		*out = true;
		return 0;
	}
	return sk_cover_has(&w->cover, place, path, dir, out);
}

int sk_remove_file(struct walk *w, struct sk_spot *place, const struct now *n, bool *kept)
{
	struct sk_item *item;
	bool yes = false;
	int rc = deletable(w, place, false, &yes);

	if (rc)
		return rc;
	if (!yes) {
		*kept = true;
		return 0;
	}
	item = sk_plan_add(w->plan, SK_DELETE, w->path.ptr);
	if (!item)
		return SK_EIO;
	sk_walk_expect(item, n);
	return 0;
}

static bool drops_below(const struct walk *w, const char *dir)
{
	size_t len = strlen(dir);

	for (size_t i = 0; w->opts->drop && i < w->opts->drop->n; i++)
		if (strncmp(w->opts->drop->item[i], dir, len) == 0 &&
		    w->opts->drop->item[i][len] == '/')
			return true;
	return false;
}

int sk_remove_folder(struct walk *w, struct sk_spot *place, const struct now *n, enum selected sel,
                     bool *kept)
{
	struct sk_spot p = sk_walk_place(place, w, true, false);
	size_t mark = w->plan->n;
	struct sk_item *item;
	bool stays = false, yes = true;
	int rc = 0;

	if (sel == SELECTED && !n->node) /* an empty one */
		rc = deletable(w, place, true, &yes);
	else if (sk_meta_find(&w->t->meta, 'S', w->path.ptr) && !w->force)
		rc = deletable(w, place, true, &yes);
	if (rc || !yes) {
		*kept = true;
		if (!rc && drops_below(w, w->path.ptr))
			rc = sk_walk_folder(w, &p, n->node, NULL, &stays);
		sk_spot_clear(&p);
		return rc;
	}
	item = sk_plan_add(w->plan, SK_RMDIR, w->path.ptr);
	if (!item)
		return SK_EIO;
	item->old_mode = 040000;
	item->old_perm = n->perm;
	if (!n->node && !sk_meta_find(&w->now->meta, 'E', w->path.ptr))
		item->flags |= SK_ITEM_HIDDEN; /* empty and ignored: no backup knows it */
	p.going = true;
	rc = sk_walk_folder(w, &p, n->node, NULL, &stays);
	sk_spot_clear(&p);
	if (stays || (sel != SELECTED && w->plan->n == mark + 1)) {
		w->plan->item[mark].kind = 0;
		*kept = true;
	}
	return rc;
}

/* A folder stands where a file shall be: all of it goes, or nothing. */
int sk_clear_folder(struct walk *w, struct sk_spot *place, const struct now *n, bool *done)
{
	size_t mark = w->plan->n, skips = w->plan->n_skips;
	bool kept = false;
	int rc;

	if (!w->force)
		sk_buf_clear(&w->stays);
	w->force++;
	rc = sk_remove_folder(w, place, n, SELECTED, &kept);
	w->force--;
	if (rc)
		return rc;
	for (size_t i = mark; i < w->plan->n; i++)
		w->plan->item[i].flags |= SK_ITEM_EARLY;
	*done = !kept;
	if (!kept)
		return 0;
	sk_plan_truncate(w->plan, mark);
	if (w->plan->n_skips > skips)
		return 0; /* already said why */
	return sk_plan_skip(w->plan, w->path.ptr,
	                    "a folder stands there and holds what is in no "
	                    "backup%s%s",
	                    w->stays.len ? ": " : "", w->stays.len ? sk_name(w->stays.ptr) : "");
}
