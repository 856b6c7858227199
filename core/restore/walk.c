/* The walk: the target's trees beside the nodes of the present state, name by name. */
#include "restore/walk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/text.h"
#include "repo/safename.h"

#define DEPTH_MAX 2048
#define RESET_GIT                                                                                  \
	"its files were put back, its own .git is gone (git submodule update --init, "             \
	"or a clone, brings it back)"

/* What stands at the walk's path, by the snapshot, or by the disk when that has no node. */
int sk_walk_look(struct walk *w, const struct sk_spot *place, const struct sk_child *c,
                 struct now *out)
{
	const char *name;
	int fd;

	*out = (struct now){ .kind = NOW_NOTHING, .node = c->node };
	if (c->node && !c->repository && !(c->node->flags & SK_NODE_VIRTUAL)) {
		out->kind =
		        c->node->mode == 040000 || c->node->mode == 0160000 ? NOW_FOLDER : NOW_FILE;
		out->perm = c->node->perm;
		if (c->node->mode == 0160000)
			out->node = NULL; /* a submodule that is not checked out */
		return 0;
	}
	out->node = c->repository ? c->repository->root : NULL;
	if (!place->exists)
		return 0;
	fd = sk_safe_parent(&w->disk, w->path.ptr, &name);
	if (fd < 0 || fstatat(fd, name, &out->st, AT_SYMLINK_NOFOLLOW) < 0) {
		if (errno != ENOENT && errno != ENOTDIR)
			out->kind = NOW_OTHER;
		return 0;
	}
	out->perm = (uint16_t)(out->st.st_mode & 07777);
	out->kind = S_ISDIR(out->st.st_mode)                               ? NOW_FOLDER
	            : S_ISREG(out->st.st_mode) || S_ISLNK(out->st.st_mode) ? NOW_UNSAVED
	                                                                   : NOW_OTHER;
	return 0;
}

void sk_walk_expect(struct sk_item *item, const struct now *n)
{
	if (n->kind == NOW_UNSAVED) {
		item->old_mode = S_ISLNK(n->st.st_mode) ? 0120000
		                 : n->perm & 0100       ? 0100755
		                                        : 0100644;
		item->flags |= SK_ITEM_UNSAVED;
	} else if (n->kind == NOW_FILE) {
		item->old_mode = n->node->mode;
		item->old_oid = n->node->oid;
		item->st = n->node->st;
		if (!(n->node->flags & SK_NODE_RACY))
			item->flags |= SK_ITEM_STAT;
	}
	item->old_perm = n->perm;
}

struct sk_spot sk_walk_place(struct sk_spot *place, const struct walk *w, bool exists, bool space)
{
	struct sk_spot p = { .parent = place,
		             .len = w->path.len,
		             .exists = exists,
		             .space_off = place->space_off,
		             .space_root = space,
		             .rules = { { .ignored = -1 }, { .ignored = -1 } } };

	if (space)
		p.space_off = w->path.len + 1;
	return p;
}

static int want_nested(struct walk *w, struct sk_spot *place, const struct sk_child *c,
                       enum selected sel)
{
	struct now n;
	int rc = sk_walk_look(w, place, c, &n);

	if (rc)
		return rc;
	if (c->repository && !c->nested)
		return sk_plan_skip(w->plan, w->path.ptr,
		                    "left alone: a repository of its own that "
		                    "backup '%s' does not have",
		                    w->t->id);
	if (!c->repository)
		rc = sk_plan_skip(w->plan, w->path.ptr, RESET_GIT);
	else if (!sk_oid_eq(&c->repository->head, &c->nested->head))
		rc = sk_plan_skip(w->plan, w->path.ptr,
		                  "the HEAD of this repository was %s then; "
		                  "its files were restored, its HEAD was not moved",
		                  sk_oid_is_zero(&c->nested->head) ? "unborn"
		                                                   : sk_oid_str(&c->nested->head));
	return rc ? rc : sk_want_folder(w, place, &c->nested->tree, &n, sel, true);
}

/* --- one name ----------------------------------------------------------------------------- */

static int in_target(struct walk *w, struct sk_spot *place, const struct sk_child *c,
                     enum selected sel)
{
	const struct sk_meta_path *s = sk_meta_find(&w->now->meta, 'S', w->path.ptr);
	bool tree = (c->flags & SK_CHILD_TREE) && c->mode == 040000;
	bool link = (c->flags & SK_CHILD_TREE) && c->mode == 0160000;
	struct now n;
	int rc = sk_walk_look(w, place, c, &n);

	if (rc)
		return rc;
	if (s && !(link && c->node && c->node->mode == 0160000))
		return sk_plan_skip(w->plan, w->path.ptr,
		                    "left alone: what stands there is not in "
		                    "the safety backup (%s)",
		                    s->reason ? s->reason : "skipped");
	/* a submodule that was not checked out is an empty folder */
	if (tree || link || !(c->flags & SK_CHILD_TREE))
		return sk_want_folder(w, place, tree ? &c->oid : NULL, &n, sel, false);
	if (sel != SELECTED)
		return 0;
	if (S_ISLNK(c->mode) && sk_unsafe_link(c->name, c->len))
		return sk_plan_skip(w->plan, w->path.ptr, "a link must not have this name");
	if (!S_ISREG(c->mode) && !S_ISLNK(c->mode))
		return sk_plan_skip(w->plan, w->path.ptr, "of an unknown kind (%o) in backup '%s'",
		                    c->mode, w->t->id);
	return sk_want_file(w, place, c, &n);
}

static int not_in_target(struct walk *w, struct sk_spot *place, const struct sk_child *c,
                         enum selected sel, bool *kept)
{
	struct now n;
	int rc = sk_walk_look(w, place, c, &n);

	if (rc || n.kind == NOW_NOTHING)
		return rc;
	if (n.kind == NOW_FOLDER)
		return sk_remove_folder(w, place, &n, sel, kept);
	if (n.kind == NOW_FILE && sel == SELECTED)
		return sk_remove_file(w, place, &n, kept);
	*kept = true;
	return 0;
}

static int one_child(struct walk *w, struct sk_spot *place, const struct sk_child *c, bool *kept)
{
	bool target = (c->flags & (SK_CHILD_TREE | SK_CHILD_TARGET)) || c->nested;
	enum selected sel = sk_select(w->opts->paths, w->path.ptr);

	if (sel == NOT_SELECTED) {
		*kept = true;
		return 0;
	}
	if (target && (sk_unsafe_name(c->name, c->len) || (c->flags & SK_CHILD_TWICE))) {
		*kept = true;
		return sk_plan_skip(w->plan, w->path.ptr, "%s",
		                    c->flags & SK_CHILD_TWICE
		                            ? "the name is twice in its folder"
		                            : "a name that must not stand in a working tree");
	}
	if (target && w->depth > DEPTH_MAX)
		return sk_plan_skip(w->plan, w->path.ptr, "its folders are nested too deep");
	/* sparse then: neither there nor deleted */
	if (target && sk_meta_find(&w->t->meta, 'V', w->path.ptr))
		return 0;
	if (c->nested || c->repository) {
		*kept = true;
		return want_nested(w, place, c, sel);
	}
	return target ? in_target(w, place, c, sel) : not_in_target(w, place, c, sel, kept);
}

int sk_walk_folder(struct walk *w, struct sk_spot *place, const struct sk_node *node,
                   const struct sk_oid *tree, bool *kept)
{
	struct sk_children kids = { NULL, 0, NULL };
	size_t len = w->path.len;
	bool stays = false;
	int rc = sk_children_read(w->t, w->now, w->path.ptr, tree, node, &kids);

	w->depth++;
	if (!rc)
		sk_spot_rules(place, &kids);
	for (size_t i = 0; i < kids.n && !rc; i++) {
		if (len)
			(void)sk_buf_addc(&w->path, '/');
		rc = sk_buf_add(&w->path, kids.item[i].name, kids.item[i].len);
		if (!rc)
			rc = one_child(w, place, &kids.item[i], &stays);
		sk_buf_truncate(&w->path, len);
	}
	if (!rc && place->going && !stays)
		rc = sk_find_stranger(w, &kids, &stays);
	if (!rc && stays)
		*kept = true;
	w->depth--;
	sk_children_free(&kids);
	return rc;
}

/* --- around the walk ---------------------------------------------------------------------- */

/* What the target's backup had skipped and the present state does not skip as well. */
static int name_unsaved(struct walk *w)
{
	size_t n = 0;
	const struct sk_meta_path *s = sk_meta_kind(&w->t->meta, 'S', &n);
	int rc = 0;

	for (size_t i = 0; i < n && !rc; i++) {
		const char *name;
		struct stat st;
		int fd;

		if (sk_select(w->opts->paths, s[i].path) != SELECTED ||
		    sk_meta_find(&w->now->meta, 'S', s[i].path))
			continue;
		fd = sk_safe_parent(&w->disk, s[i].path, &name);
		if (fd >= 0 && fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
			continue;
		rc = sk_plan_skip(w->plan, s[i].path,
		                  "not restored: backup '%s' does not have it "
		                  "(%s)",
		                  w->t->id, s[i].reason ? s[i].reason : "skipped");
	}
	return rc;
}

/* What could not be read now, and the target does not have: it stays, which is not what was asked
 * for. */
static int name_unread(struct walk *w)
{
	size_t n = 0, said = w->plan->n_skips;
	const struct sk_meta_path *s = sk_meta_kind(&w->now->meta, 'S', &n);
	int rc = 0;

	for (size_t i = 0; i < n && !rc; i++) {
		bool known = !s[i].mode || sk_select(w->opts->paths, s[i].path) != SELECTED;

		for (size_t k = 0; k < said && !known; k++)
			known = strcmp(w->plan->skip[k].path, s[i].path) == 0;
		if (!known)
			rc = sk_plan_skip(w->plan, s[i].path,
			                  "left alone: the safety backup could not read it (%s)",
			                  s[i].reason ? s[i].reason : "skipped");
	}
	return rc;
}

/* Whether the owner may change what is in the folder that is the first `len` bytes of `path`. */
static bool writable(struct walk *w, const char *path, size_t len, uint16_t *perm)
{
	int fd = sk_safe_folder(&w->disk, path, len);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return true; /* not there yet, or out of reach: then each path will say so */
	*perm = (uint16_t)(st.st_mode & 07777);
	return (*perm & 0300) == 0300;
}

static struct sk_item *item_of(struct sk_plan *plan, const char *path)
{
	for (size_t i = 0; i < plan->n; i++)
		if (strcmp(plan->item[i].path, path) == 0)
			return &plan->item[i];
	return NULL;
}

/* A folder that no backup knows gets the bits it had, or is made again. */
static int old_folder(struct walk *w, const char *path, uint16_t perm)
{
	struct sk_item *item = item_of(w->plan, path);
	const char *name;
	struct stat st;
	int fd = sk_safe_parent(&w->disk, path, &name);
	bool there = fd >= 0 && fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
	bool folder = there && S_ISDIR(st.st_mode);

	if (item && item->kind == SK_RMDIR && folder) {
		item->kind = SK_CHMOD; /* emptied, but it stays */
		item->flags = 0;
		item->new_mode = 040000;
		item->new_perm = perm;
		return 0;
	}
	if (item ? item->kind != SK_DELETE : there && (!folder || (st.st_mode & 07777) == perm))
		return 0; /* the target says what shall be there */
	if (item)
		item->flags |= SK_ITEM_EARLY;
	item = sk_plan_add(w->plan, folder ? SK_CHMOD : SK_MKDIR, path);
	if (!item)
		return SK_EIO;
	item->old_mode = folder ? 040000 : 0;
	item->old_perm = folder ? (uint16_t)(st.st_mode & 07777) : 0;
	item->new_mode = 040000;
	item->new_perm = perm;
	return 0;
}

/* What the operation to be undone did to folders that no backup knows: "/MODE/PATH". */
static int old_folders(struct walk *w)
{
	const struct sk_strv *drop = w->opts->drop;
	int rc = 0;

	for (size_t i = 0; drop && i < drop->n && !rc; i++) {
		char *path;
		unsigned long perm;

		if (drop->item[i][0] != '/')
			continue;
		perm = strtoul(drop->item[i] + 1, &path, 8) & 07777;
		if (*path == '/' && path[1])
			rc = old_folder(w, path + 1, (uint16_t)perm);
	}
	return rc;
}

static int by_path(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Folders that do not let their owner change what is in them are opened for the time being. */
static int open_folders(struct walk *w)
{
	struct sk_strv dirs = SK_STRV_INIT;
	struct sk_plan *plan = w->plan;
	size_t n = plan->n;
	const char *last = "";
	size_t last_len = SIZE_MAX;
	int rc = 0;

	if (geteuid() == 0)
		return 0;
	for (size_t i = 0; i < n && !rc; i++) {
		const char *slash = strrchr(plan->item[i].path, '/');
		size_t len = slash ? (size_t)(slash - plan->item[i].path) : 0;
		uint16_t perm = 0;

		if ((plan->item[i].kind == SK_CHMOD) ||
		    (len == last_len && strncmp(last, plan->item[i].path, len) == 0))
			continue;
		last = plan->item[i].path;
		last_len = len;
		if (!writable(w, last, len, &perm))
			rc = sk_strv_addn(&dirs, last, len);
	}
	if (dirs.n)
		qsort(dirs.item, dirs.n, sizeof *dirs.item, by_path);
	for (size_t i = 0; i < dirs.n && !rc; i++) {
		struct sk_item *item = NULL;
		uint16_t perm = 0;

		if (i && strcmp(dirs.item[i], dirs.item[i - 1]) == 0)
			continue;
		for (size_t k = 0; k < n && !item; k++)
			if (plan->item[k].kind == SK_CHMOD &&
			    strcmp(plan->item[k].path, dirs.item[i]) == 0)
				item = &plan->item[k];
		if (item) {
			item->flags |= SK_ITEM_OPEN;
			continue;
		}
		(void)writable(w, dirs.item[i], strlen(dirs.item[i]), &perm);
		item = sk_plan_add(plan, SK_CHMOD, dirs.item[i]);
		if (!item)
			rc = SK_EIO;
		else
			*item = (struct sk_item){ .kind = SK_CHMOD,
				                  .path = item->path,
				                  .flags = SK_ITEM_OPEN,
				                  .old_mode = 040000,
				                  .new_mode = 040000,
				                  .old_perm = perm,
				                  .new_perm = perm };
	}
	sk_strv_free(&dirs);
	return rc;
}

/* Takes out the void items. */
static void compact(struct sk_plan *plan)
{
	size_t n = 0;

	for (size_t i = 0; i < plan->n; i++) {
		if (plan->item[i].kind)
			plan->item[n++] = plan->item[i];
		else
			free(plan->item[i].path);
	}
	plan->n = n;
}

static int make_token(char token[17])
{
	unsigned char raw[8];

	if (getrandom(raw, sizeof raw, 0) != (ssize_t)sizeof raw)
		return sk_error_errno(SK_EIO, "cannot get random bytes");
	for (size_t i = 0; i < sizeof raw; i++)
		(void)snprintf(token + 2 * i, 3, "%02x", raw[i]);
	return 0;
}

int sk_plan_make(const struct sk_target *target, const struct sk_snapshot *now,
                 const struct sk_plan_opts *opts, struct sk_plan *out)
{
	struct sk_plan plan = { .n = 0 };
	struct walk w = { .t = target,
		          .now = now,
		          .opts = opts,
		          .plan = &plan,
		          .disk = SK_SAFE_INIT(target->repo->wtfd) };
	struct sk_spot root = { .exists = true, .space_root = true };
	bool kept = false;
	int rc = make_token(plan.token);

	if (!rc)
		rc = sk_cover_open(target, &w.cover);
	if (!rc)
		rc = sk_buf_adds(&w.path, "");
	if (!rc)
		rc = sk_walk_folder(&w, &root, now->root, &target->tree, &kept);
	sk_spot_clear(&root);
	if (!rc)
		rc = name_unsaved(&w);
	if (!rc)
		rc = name_unread(&w);
	if (!rc) {
		compact(&plan);
		rc = old_folders(&w);
	}
	if (!rc)
		rc = open_folders(&w);
	if (!rc)
		rc = sk_plan_weigh(target, &plan);
	sk_cover_close(&w.cover);
	sk_safe_free(&w.disk);
	sk_buf_free(&w.path);
	sk_buf_free(&w.stays);
	if (rc)
		sk_plan_clear(&plan);
	else
		*out = plan;
	return rc;
}
