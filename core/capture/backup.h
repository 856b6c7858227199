/* backup.h - one backup, from the lock to the ref.
 *
 * Order: lock (flock on SKLOCAL/lock, released by the kernel when we die), scan, one pack, fsync,
 * tag and ref, state file, commits to keep, retention.  A crash before the ref leaves nothing
 * visible; after it, a backup that is whole. */
#ifndef SK_CAPTURE_BACKUP_H
#define SK_CAPTURE_BACKUP_H

#include "capture/snapshot.h"
#include "store/entry.h"

struct sk_backup_opts {
	enum sk_kind kind;       /* SK_BACKUP or SK_REVISION */
	const char *title;       /* NULL: made from the trigger */
	const char *description; /* revisions; may be NULL */
	const char *name;        /* revisions: as given */
	const char *id;          /* revisions: sk_revision_id */
	const char *trigger; /* "manual", "pre-commit", "post-checkout", "guard", "restore"... */
	const char *command; /* Sk-Command; may be NULL */
	const struct sk_trailer *more; /* further trailers; one without a value is left out */
	size_t n_more;
	const struct sk_strv *also;    /* ignored paths to take all the same */
	const struct sk_strv *changed; /* see sk_scan_opts; only for who knows of every change */
	bool always;                   /* a new entry even when nothing changed */
	bool label;       /* also when the newest holds this state, but was made by watching
	                   * or the clock: what it stands before is worth a name */
	int wait_seconds; /* for the lock; SK_EBUSY names the holder after that */
};

struct sk_backup_result {
	struct sk_entry *entry;
	bool is_new;              /* false: nothing changed, `entry` is the newest */
	struct sk_snapshot *snap; /* the state that the entry holds */
};

/* SK_EPARTIAL when something could not be read: the result is then filled all the same. */
int sk_backup(struct sk_repo *repo, const struct sk_backup_opts *opts,
              struct sk_backup_result *out);
/* Whether it was made by watching or by the clock, so that it says nothing of what it stands
 * before. */
bool sk_backup_by_itself(const struct sk_entry *e);
void sk_backup_result_clear(struct sk_backup_result *r);

/* Told of each backup, before the lock is taken, and when it is free again after one that was
 * made (in part); the message of the last failure has to stay.  NULL: nobody is. */
struct sk_backup_observer {
	/* Whether it may have changed files: then `changed` is not all that did. */
	bool (*before)(struct sk_repo *repo, const struct sk_backup_opts *opts);
	void (*after)(struct sk_repo *repo, const struct sk_backup_opts *opts,
	              const struct sk_backup_result *result);
};

extern const struct sk_backup_observer *sk_backup_observer;

/* Called when `before` may have changed files, and before any is looked at: all that happened until
 * it returns will be in the backup.  NULL: nobody wants to know. */
extern void (*sk_backup_begins)(const struct sk_repo *repo);

/* The worktree's lock, for work that must not run beside a backup.  -1 in *fd when not held. */
int sk_lock(const struct sk_repo *repo, const char *what, int wait_seconds, int *fd);
void sk_unlock(int *fd);

#endif
