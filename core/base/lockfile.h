/* lockfile.h - git's lock of a file, FILE.lock, of which it can be told that its maker is dead.
 *
 * git makes FILE.lock with O_EXCL, and has it for as long as the file is there: nothing tells the
 * lock of a git at work from that of one which was killed.  Ours is made whole under a name of its
 * own, FILE.git-sk.lock, held by flock(2), and then linked into place.  So it is never seen
 * half written, and whoever gets the flock of a FILE.git-sk.lock knows that its maker is gone, and
 * by the inode which FILE.lock that one left.  (By their ".lock" git passes over both among refs.)
 *
 * Where a file has one name only (FAT, some network disks), or there is no flock, it is FILE.lock
 * alone, as git makes it.  There, and on disks that other machines have too, the lock of a killed
 * one stays until somebody removes it.
 *
 * Killed between any two steps: one of the two names stays, or both of one inode, or the new FILE
 * has FILE.git-sk.lock for its second name.  The next sk_lockfile_try, or sk_lockfile_drop_dead,
 * takes away what is not FILE. */
#ifndef SK_BASE_LOCKFILE_H
#define SK_BASE_LOCKFILE_H

#include <stdbool.h>
#include <stddef.h>

#define SK_LOCKFILE_OURS ".git-sk.lock"

struct sk_lockfile {
	char *lock; /* FILE.lock; NULL: not held */
	char *ours; /* FILE.git-sk.lock; NULL: this disk has none */
	int fd;     /* to write; its flock goes with it */
};

#define SK_LOCKFILE_INIT                                                                           \
	{                                                                                          \
		NULL, NULL, -1                                                                     \
	}

/* One try for the lock of `file`, whose content is `text`, synced, or empty for now when `text` is
 * NULL.  0, or -1 with errno: EEXIST, somebody has it; ENOENT, no such folder. */
int sk_lockfile_try(const char *file, const char *text, size_t len, struct sk_lockfile *out);

/* FILE.lock becomes FILE, and is not to be removed any more.  The second name goes with
 * sk_lockfile_release, best after the folder was synced.  -1 with errno. */
int sk_lockfile_commit(struct sk_lockfile *l, const char *file);

/* FILE may be changed by others again; the second name and its flock stay until the release. */
void sk_lockfile_drop(struct sk_lockfile *l);

/* Fine on SK_LOCKFILE_INIT and twice. */
void sk_lockfile_release(struct sk_lockfile *l);

/* Removes the lock of `file` in the folder `dirfd` if it is one of ours whose maker is dead, or
 * anybody's from before this machine started, on a disk that is this machine's alone: what a power
 * cut leaves of a git (that we ran, or another). */
bool sk_lockfile_drop_dead(int dirfd, const char *file);

#endif
