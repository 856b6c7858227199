/* plan.h - inside the restore room: what is to be done to the working tree, path by path.
 *
 * Items stand in the order of the walk: a folder before what is in it.  An item says what is
 * expected to be there (the present state, which the safety backup holds) and what shall be. */
#ifndef SK_RESTORE_PLAN_H
#define SK_RESTORE_PLAN_H

#include "capture/snapshot.h"
#include "restore/restore.h"
#include "store/entry.h"

enum {                       /* sk_item.flags */
       SK_ITEM_EARLY = 1,    /* stands in the way: goes before anything is made */
       SK_ITEM_OPEN = 2,     /* a folder that has to be made writable meanwhile */
       SK_ITEM_CREATED = 4,  /* SK_WRITE: nothing was there */
       SK_ITEM_STAT = 8,     /* `st` tells whether the present file was touched */
       SK_ITEM_UNSAVED = 16, /* what is there is in no backup yet (dry run, first pass) */
       SK_ITEM_HIDDEN = 32   /* what was there is in no backup, because it is ignored: a file
	                      * that was not there, a folder's bits, an empty folder */
};

enum sk_item_state { SK_PENDING, SK_DONE, SK_LEFT };

struct sk_item {
	char kind; /* enum sk_change_kind; 0: void */
	uint8_t flags;
	uint8_t state;     /* enum sk_item_state */
	uint32_t base_len; /* SK_WRITE: the part of `path` that is a folder already */
	char *path;
	uint32_t old_mode, new_mode; /* 0: nothing; 040000: folder */
	uint16_t old_perm, new_perm;
	struct sk_oid old_oid, new_oid;
	struct sk_stat st;
	uint64_t size; /* of the blob to write */
};

struct sk_plan {
	char token[17]; /* names temporaries; hexadecimal */
	struct sk_item *item;
	size_t n, cap;
	struct sk_skip *skip;
	size_t n_skips, cap_skips;
	struct sk_strv also; /* ignored files that stand where the target has something */
	size_t unchanged;
	uint64_t bytes;
	bool stuck; /* a temporary could not be removed: the journal, which knows it, has to stay */
};

struct sk_target {
	const struct sk_repo *repo;
	char *id; /* for messages */
	struct sk_oid tree;
	struct sk_meta meta;
	bool any_perm; /* no permission bits were recorded: only "executable" counts */
};

struct sk_plan_opts {
	const struct sk_strv *paths; /* NULL: everything */
	const struct sk_strv *drop;  /* files to delete even where ignored; may be NULL */
	bool saved;  /* `now` has the ignored files that stand in the way, where possible */
	bool stored; /* what `now` names is in the object database (no dry run) */
};

enum selected { NOT_SELECTED, ON_THE_WAY, SELECTED };

/* Whether `path` is one of `paths` or below one (NULL: all are), or on the way to one. */
enum selected sk_select(const struct sk_strv *paths, const char *path);

int sk_target_read(const struct sk_repo *repo, const struct sk_entry *entry, struct sk_target *out);
void sk_target_clear(struct sk_target *target);

/* SK_ENO: one of the paths is in neither state; SK_EDAMAGED: the target cannot be read whole. */
int sk_plan_make(const struct sk_target *target, const struct sk_snapshot *now,
                 const struct sk_plan_opts *opts, struct sk_plan *out);
void sk_plan_clear(struct sk_plan *plan);
void sk_plan_truncate(struct sk_plan *plan, size_t n);

/* Adds an item; it takes a copy of `path`.  NULL: out of memory. */
struct sk_item *sk_plan_add(struct sk_plan *plan, enum sk_change_kind kind, const char *path);
int sk_plan_skip(struct sk_plan *plan, const char *path, const char *fmt, ...) SK_PRINTF(3, 4);

/* What each blob to write weighs; SK_EDAMAGED names the one that is missing. */
int sk_plan_weigh(const struct sk_target *target, struct sk_plan *plan);
/* SK_EIO when the disk has less room than the plan needs and 5 %. */
int sk_plan_check_space(const struct sk_repo *repo, const struct sk_plan *plan);

#endif
