#include "hooks/install_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "base/give.h"
#include "base/io.h"
#include "base/text.h"

#define MAX_CONFIG (16u << 20)
#define LOCK_TRIES 20
#define LOCK_PAUSE_NS 25000000 /* half a second in all: git holds it for a millisecond */

/* Another owner is kept where we may set it (root works in a user's repository). */
static int take_after(int fd, const struct stat *like)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -1;
	if ((st.st_uid != like->st_uid || st.st_gid != like->st_gid) &&
	    fchown(fd, like->st_uid, like->st_gid) < 0 && errno != EPERM)
		return -1;
	return fchmod(fd, like->st_mode & 07777);
}

int sk_replace_file(const char *path, const struct sk_buf *data, const struct stat *like)
{
	struct sk_buf temporary = SK_BUF_INIT;
	int fd = -1, rc;

	rc = sk_buf_addf(&temporary, "%s.git-sk-%ld.tmp", path, (long)getpid());
	if (rc)
		goto out;
	fd = sk_create(AT_FDCWD, temporary.ptr, O_WRONLY | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0) {
		rc = sk_error_errno(SK_EIO, "cannot write '%s'", path);
		goto out;
	}
	if (sk_write_full(fd, sk_buf_str(data), data->len) < 0 || take_after(fd, like) < 0 ||
	    fsync(fd) < 0 || rename(temporary.ptr, path) < 0) {
		rc = sk_error_errno(SK_EIO, "cannot write '%s'", path);
		(void)unlink(temporary.ptr);
	}
out:
	if (fd >= 0)
		(void)close(fd);
	sk_buf_free(&temporary);
	return rc;
}

/* The file that a chain of links leads to, which need not exist yet. */
static char *follow(const char *path)
{
	char *real = realpath(path, NULL);

	return real || errno != ENOENT ? real : strdup(path);
}

static int busy(const char *lock)
{
	struct sk_buf age = SK_BUF_INIT;
	struct stat st;
	int rc;

	if (stat(lock, &st) == 0)
		(void)sk_add_age(&age, st.st_mtime, time(NULL));
	rc = sk_error(
	        SK_EBUSY,
	        "another git command is changing the configuration: '%s' was made %s; when no "
	        "git command is running, remove that file",
	        lock, age.len ? age.ptr : "just now");
	sk_buf_free(&age);
	return rc;
}

/* Takes `ours` for this process, empty and by no other name; -1: somebody else is at it. */
static int take_ours(const char *ours, const char *lock)
{
	struct stat named, st, locked;
	int fd = sk_create(AT_FDCWD, ours, O_RDWR | O_NOFOLLOW | O_CLOEXEC, 0666);

	if (fd < 0)
		return -1;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0 || fstat(fd, &st) < 0 || lstat(ours, &named) < 0 ||
	    named.st_ino != st.st_ino || named.st_dev != st.st_dev) {
		(void)close(fd);
		return -1;
	}
	if (st.st_nlink == 1 && st.st_size == 0)
		return fd;
	/* left by one that was killed: its lock goes; the file that it had put in place stays */
	if (lstat(lock, &locked) == 0 && locked.st_ino == st.st_ino && locked.st_dev == st.st_dev)
		(void)unlink(lock);
	(void)unlink(ours);
	(void)close(fd);
	return -1;
}

/* Makes the lock, a further name of `ours` by which one that was killed is known.  Where files have
 * one name only it is the lock alone. */
static int make_lock(struct sk_locked *l)
{
	int fd = take_ours(l->ours, l->lock), why;

	if (fd >= 0 && link(l->ours, l->lock) == 0)
		return fd;
	why = errno;
	if (fd >= 0) {
		(void)unlink(l->ours);
		(void)close(fd);
	}
	if (fd >= 0 ? why == EEXIST : access(l->ours, F_OK) == 0) {
		errno = EEXIST;
		return -1;
	}
	return sk_create(AT_FDCWD, l->lock, O_WRONLY | O_EXCL | O_CLOEXEC, 0666);
}

int sk_lock_file(const char *path, struct sk_locked *out)
{
	const struct timespec pause = { 0, LOCK_PAUSE_NS };
	struct sk_locked l = SK_LOCKED_INIT;
	int rc = 0;

	l.path = follow(path);
	if (!l.path)
		return sk_error_errno(SK_EIO, "cannot read '%s'", path);
	if (asprintf(&l.lock, "%s.lock", l.path) < 0)
		l.lock = NULL;
	if (asprintf(&l.ours, "%s.git-sk", l.path) < 0)
		l.ours = NULL;
	if (!l.lock || !l.ours) {
		rc = sk_error_oom();
		goto out;
	}
	for (int i = 0; l.fd < 0; i++) {
		l.fd = make_lock(&l);
		if (l.fd >= 0)
			break;
		if (errno == EEXIST && i < LOCK_TRIES)
			(void)nanosleep(&pause, NULL);
		else
			rc = errno == EEXIST ? busy(l.lock)
			                     : sk_error_errno(SK_EIO, "cannot create '%s'", l.lock);
		if (rc)
			goto out;
	}
	rc = sk_read_file(AT_FDCWD, l.path, MAX_CONFIG, &l.text);
	if (rc == SK_ENO)
		rc = fstat(l.fd, &l.st) < 0 ? SK_EIO : 0;
	else if (!rc && stat(l.path, &l.st) < 0)
		rc = sk_error_errno(SK_EIO, "cannot read '%s'", path);
	if (!rc) {
		*out = l;
		l = (struct sk_locked)SK_LOCKED_INIT;
	}
out:
	sk_lock_release(&l);
	return rc;
}

int sk_lock_commit(struct sk_locked *l, const struct sk_buf *text)
{
	if (sk_write_full(l->fd, sk_buf_str(text), text->len) < 0 ||
	    take_after(l->fd, &l->st) < 0 || fsync(l->fd) < 0 || rename(l->lock, l->path) < 0)
		return sk_error_errno(SK_EIO, "cannot write '%s'", l->path);
	(void)unlink(l->ours);
	(void)close(l->fd);
	l->fd = -1;
	return 0;
}

void sk_lock_release(struct sk_locked *l)
{
	if (l->fd >= 0) {
		(void)unlink(l->lock);
		(void)unlink(l->ours);
		(void)close(l->fd);
	}
	free(l->path);
	free(l->ours);
	free(l->lock);
	sk_buf_free(&l->text);
	*l = (struct sk_locked)SK_LOCKED_INIT;
}
