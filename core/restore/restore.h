/* restore.h - bringing a state back: plan, safety backup, journal, apply, undo.
 *
 * The same plan is the dry run and the work.  Before the first byte is written the present state
 * is in a backup (ignored files that stand in the way included) and the plan is in a journal
 * (SKLOCAL/journal), so that a crash at any point is finished by sk_restore_recover, which the
 * next command calls.  Every path is walked from the root with O_NOFOLLOW; nothing outside the
 * working tree is ever touched; a path that the target's backup or the safety backup skipped is
 * never deleted; a file that changed since the safety backup is left alone and named. */
#ifndef SK_RESTORE_RESTORE_H
#define SK_RESTORE_RESTORE_H

#include <stdbool.h>

#include "base/buf.h"
#include "capture/backup.h"
#include "store/entry.h"

struct sk_restore_opts {
	const struct sk_entry *target;
	const struct sk_strv *paths; /* NULL: everything; else files or folders below the root */
	bool dry_run;
	bool staged;           /* the index too (conflict stages and flags included) */
	bool head;             /* HEAD and the branch it names too */
	const char *operation; /* "rollback", "restore", "undo": for titles, journal and undo */
	const char *command;   /* for Sk-Command */
};

enum sk_change_kind {
	SK_WRITE = 'w',
	SK_DELETE = 'd',
	SK_CHMOD = 'm',
	SK_MKDIR = 'k',
	SK_RMDIR = 'r'
};

struct sk_change { /* one line of the plan or of the report */
	enum sk_change_kind kind;
	char *path;
	bool created; /* SK_WRITE: there was nothing before */
};

struct sk_skip {
	char *path, *reason;
};

struct sk_restore_result {
	char *safety_id; /* NULL in a dry run */
	struct sk_change *change;
	size_t n_changes;
	size_t written, deleted, unchanged; /* files */
	struct sk_skip *skip;
	size_t n_skips;
	bool index_restored, head_moved;
	bool index_changed;    /* it was not already so */
	bool progress_changed; /* nor was what was under way: a merge, a cherry-pick, a revert */
};

/* SK_EPARTIAL: some paths were skipped and are named; SK_ENO: a path of `paths` is in neither
 * state; SK_EDAMAGED: the target cannot be read whole (nothing was touched). */
int sk_restore(struct sk_repo *repo, const struct sk_restore_opts *opts,
               struct sk_restore_result *out);
void sk_restore_result_clear(struct sk_restore_result *r);

/* Finishes what a crash interrupted; *did says whether there was anything (and what it was, for
 * people, in `words`). */
int sk_restore_recover(struct sk_repo *repo, bool *did, struct sk_buf *words);

/* The record of operations that can be taken back (SKLOCAL/undo): restores, rollbacks, runs,
 * guarded git commands. */
struct sk_undo {
	char *operation; /* "rollback", "run", "before git reset --hard"... */
	char *safety_id; /* the state before */
	time_t when;
	bool staged, head;
};

int sk_undo_push(const struct sk_repo *repo, const struct sk_undo *undo);
/* The last one; SK_ENO: nothing to take back. */
int sk_undo_last(const struct sk_repo *repo, struct sk_undo *out);
void sk_undo_clear(struct sk_undo *undo);
/* Forgets last operations that changed nothing after all (a git command that refused, or that only
 * looked): the one before is what somebody wants to take back. */
void sk_undo_settle(struct sk_repo *repo);
/* Restores the state before the last operation; itself undoable (undo of the undo). */
int sk_undo_apply(struct sk_repo *repo, bool dry_run, struct sk_restore_result *out);

#endif
