#include "base/lockfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <linux/magic.h>

#include "base/give.h"
#include "base/io.h"
#include "base/proc.h"

#define OPEN_FLAGS (O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC) /* whatever it is: no link, no waiting */
#define TRIES 3                                          /* each finds what a dead one left */

/* Disks that other machines have too, and which may keep a flock to themselves (nfs -o nolock, cifs
 * -o nobrl, sshfs): who is dead cannot be told there.  Those that linux/magic.h lacks are from
 * statfs(2). */
static bool is_shared(int fd)
{
	struct statfs fs;

	if (fstatfs(fd, &fs) < 0)
		return true;
	switch ((unsigned)fs.f_type) {
	case NFS_SUPER_MAGIC:
	case SMB_SUPER_MAGIC:
	case CODA_SUPER_MAGIC:
	case AFS_SUPER_MAGIC:
	case AFS_FS_MAGIC:
	case V9FS_MAGIC:
	case FUSE_SUPER_MAGIC:
	case OCFS2_SUPER_MAGIC:
	case 0xff534d42: /* cifs */
	case 0xfe534d42: /* smb2 */
	case 0x00c36400: /* ceph */
	case 0x0bd00bd0: /* lustre */
	case 0x01161970: /* gfs2 */
	case 0x47504653: /* gpfs */
	case 0x786f4256: /* vboxsf */
		return true;
	default:
		return false;
	}
}

/* Takes the flock of `fd`, which has to be what `ours` names.  -1: EEXIST, somebody has it. */
static int hold(int dirfd, int fd, const char *ours, struct stat *st)
{
	struct stat named;
	int rc;

	while ((rc = flock(fd, LOCK_EX | LOCK_NB)) < 0 && errno == EINTR)
		;
	if (rc < 0 && errno == EWOULDBLOCK)
		errno = EEXIST;
	if (rc < 0 || fstat(fd, st) < 0)
		return -1;
	if (S_ISREG(st->st_mode) && fstatat(dirfd, ours, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
	    named.st_ino == st->st_ino && named.st_dev == st->st_dev)
		return 0;
	errno = EEXIST; /* it went, or is another by now */
	return -1;
}

static bool is_inode(int dirfd, const char *path, const struct stat *st)
{
	struct stat is;

	return fstatat(dirfd, path, &is, AT_SYMLINK_NOFOLLOW) == 0 && is.st_ino == st->st_ino &&
	       is.st_dev == st->st_dev;
}

/* With the flock of `ours`, that a dead one left: FILE itself may be its other name. */
static bool clear(int dirfd, int fd, const char *lock, const char *ours, const struct stat *st)
{
	if (is_inode(dirfd, lock, st) && (is_shared(fd) || unlinkat(dirfd, lock, 0) < 0))
		return false;
	(void)unlinkat(dirfd, ours, 0);
	return true;
}

static int open_ours(const char *ours)
{
	int fd = sk_create(AT_FDCWD, ours, O_RDWR | OPEN_FLAGS, 0666);

	if (fd < 0 && errno == EACCES) { /* another user's, who was killed: then it can go */
		fd = open(ours, O_RDONLY | OPEN_FLAGS);
		if (fd < 0)
			errno = EACCES;
	}
	return fd;
}

/* `ours`, new, empty and held; -1: EEXIST, somebody else is at it. */
static int take_ours(const char *lock, const char *ours)
{
	struct stat st;

	for (int i = 0; i < TRIES; i++) {
		int fd = open_ours(ours), why;

		if (fd < 0)
			return -1;
		if (hold(AT_FDCWD, fd, ours, &st) == 0) {
			if (st.st_nlink == 1 && st.st_size == 0 &&
			    (fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDWR)
				return fd;
			(void)clear(AT_FDCWD, fd, lock, ours, &st);
			errno = EEXIST;
		} else if (errno != EEXIST) { /* a disk without flock: nobody has it */
			why = errno;
			(void)unlink(ours);
			errno = why;
		}
		why = errno;
		(void)close(fd);
		errno = why;
		if (errno != EEXIST)
			return -1;
	}
	return -1;
}

static int fill(int fd, const char *text, size_t len)
{
	return !text || (sk_write_full(fd, text, len) == 0 && fsync(fd) == 0) ? 0 : -1;
}

/* NFS may have made the link and lost the answer. */
static int link_lock(int fd, const char *ours, const char *lock)
{
	struct stat st;
	int why;

	if (link(ours, lock) == 0)
		return 0;
	why = errno;
	if (fstat(fd, &st) == 0 && st.st_nlink == 2 && is_inode(AT_FDCWD, lock, &st))
		return 0;
	errno = why;
	return -1;
}

static void give_up(int fd, const char *name)
{
	int why = errno;

	(void)unlink(name);
	(void)close(fd);
	errno = why;
}

/* FILE.lock alone. */
static int take_plain(struct sk_lockfile *l, const char *text, size_t len)
{
	free(l->ours);
	l->ours = NULL;
	l->fd = sk_create(AT_FDCWD, l->lock, O_WRONLY | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
	if (l->fd < 0)
		return -1;
	if (fill(l->fd, text, len) == 0)
		return 0;
	give_up(l->fd, l->lock);
	return -1;
}

static int take(struct sk_lockfile *l, const char *text, size_t len)
{
	l->fd = take_ours(l->lock, l->ours);
	if (l->fd < 0)
		return errno == EEXIST || errno == ENOENT ? -1 : take_plain(l, text, len);
	if (sk_exists(l->lock))
		errno = EEXIST;
	else if (fill(l->fd, text, len) == 0 && link_lock(l->fd, l->ours, l->lock) == 0)
		return 0;
	give_up(l->fd, l->ours);
	if (errno == EPERM || errno == EOPNOTSUPP || errno == EMLINK || errno == EXDEV ||
	    errno == ENOSYS)
		return take_plain(l, text, len);
	return -1;
}

int sk_lockfile_try(const char *file, const char *text, size_t len, struct sk_lockfile *out)
{
	struct sk_lockfile l = SK_LOCKFILE_INIT;
	int why;

	if (asprintf(&l.lock, "%s.lock", file) < 0)
		l.lock = NULL;
	if (asprintf(&l.ours, "%s" SK_LOCKFILE_OURS, file) < 0)
		l.ours = NULL;
	errno = ENOMEM;
	if (l.lock && l.ours && take(&l, text, len) == 0) {
		*out = l;
		return 0;
	}
	why = errno;
	free(l.lock);
	free(l.ours);
	errno = why;
	return -1;
}

int sk_lockfile_commit(struct sk_lockfile *l, const char *file)
{
	if (rename(l->lock, file) < 0)
		return -1;
	free(l->lock);
	l->lock = NULL;
	return 0;
}

void sk_lockfile_drop(struct sk_lockfile *l)
{
	if (l->lock)
		(void)unlink(l->lock);
	free(l->lock);
	l->lock = NULL;
}

void sk_lockfile_release(struct sk_lockfile *l)
{
	sk_lockfile_drop(l);
	if (l->ours)
		(void)unlink(l->ours);
	if (l->fd >= 0)
		(void)close(l->fd);
	free(l->ours);
	*l = (struct sk_lockfile)SK_LOCKFILE_INIT;
}

/* git's own lock tells nothing of its maker, but nobody is left of those from before the machine
 * started. */
static bool drop_older_than_boot(int dirfd, const char *lock)
{
	int fd = openat(dirfd, lock, O_RDONLY | OPEN_FLAGS);
	struct stat st;
	bool old;

	if (fd < 0)
		return false;
	old = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && !is_shared(fd) &&
	      sk_before_boot(st.st_mtime);
	(void)close(fd);
	return old && unlinkat(dirfd, lock, 0) == 0;
}

bool sk_lockfile_drop_dead(int dirfd, const char *file)
{
	char *lock = NULL, *ours = NULL;
	struct stat st;
	bool dead = false;
	int fd = -1;

	if (asprintf(&lock, "%s.lock", file) < 0)
		lock = NULL;
	if (asprintf(&ours, "%s" SK_LOCKFILE_OURS, file) < 0)
		ours = NULL;
	if (lock && ours)
		fd = openat(dirfd, ours, O_RDONLY | OPEN_FLAGS);
	if (fd >= 0 && hold(dirfd, fd, ours, &st) == 0)
		dead = clear(dirfd, fd, lock, ours, &st);
	if (fd >= 0)
		(void)close(fd);
	if (lock && drop_older_than_boot(dirfd, lock))
		dead = true;
	free(lock);
	free(ours);
	return dead;
}
