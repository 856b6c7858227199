/* walk.h - inside the restore room: what the parts of the walk share. */
#ifndef SK_RESTORE_WALK_H
#define SK_RESTORE_WALK_H

#include <sys/stat.h>

#include "restore/cover.h"
#include "restore/plan.h"
#include "restore/safepath.h"

enum now_kind {
	NOW_NOTHING,
	NOW_FILE, /* a file or link that the snapshot has */
	NOW_FOLDER,
	NOW_UNSAVED, /* a file or link that no backup has: ignored */
	NOW_OTHER    /* FIFO, socket, device, or not to be examined */
};

struct now { /* what is there */
	enum now_kind kind;
	const struct sk_node *node; /* a folder may have none */
	uint16_t perm;
	struct stat st; /* when there is no node */
};

struct walk {
	const struct sk_target *t;
	const struct sk_snapshot *now;
	const struct sk_plan_opts *opts;
	struct sk_plan *plan;
	struct sk_cover cover;
	struct sk_safe disk;
	struct sk_buf path;
	int depth;
	int force;           /* in a folder that has to go: what its rules say does not count */
	struct sk_buf stays; /* a path that keeps such a folder from going */
};

/* walk.c: the folder at the walk's path.  *kept: something in it stays although the target does
 * not have it. */
int sk_walk_folder(struct walk *w, struct sk_spot *place, const struct sk_node *node,
                   const struct sk_oid *tree, bool *kept);
struct sk_spot sk_walk_place(struct sk_spot *place, const struct walk *w, bool exists, bool space);
/* What stands at the walk's path, by the snapshot, or by the disk when that has no node. */
int sk_walk_look(struct walk *w, const struct sk_spot *place, const struct sk_child *c,
                 struct now *out);
/* Notes in the item what is expected to be there. */
void sk_walk_expect(struct sk_item *item, const struct now *n);

/* remove.c: what has to go. */
int sk_remove_file(struct walk *w, struct sk_spot *place, const struct now *n, bool *kept);
int sk_remove_folder(struct walk *w, struct sk_spot *place, const struct now *n, enum selected sel,
                     bool *kept);
/* A folder stands where a file shall be: all of it goes, or nothing and the path is skipped. */
int sk_clear_folder(struct walk *w, struct sk_spot *place, const struct now *n, bool *done);
/* Sets *found when a folder that is to go holds a name on disk that is not among its children. */
int sk_find_stranger(struct walk *w, const struct sk_children *kids, bool *found);

/* want.c: what shall be. */
int sk_want_file(struct walk *w, struct sk_spot *place, const struct sk_child *c,
                 const struct now *n);
/* `space`: it is a repository of its own, whose root has no bits of record. */
int sk_want_folder(struct walk *w, struct sk_spot *place, const struct sk_oid *tree,
                   const struct now *n, enum selected sel, bool space);
int sk_skip_other(struct walk *w, const struct now *n);

#endif
