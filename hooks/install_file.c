#include "hooks/install_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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
	fd = sk_create(AT_FDCWD, temporary.ptr, O_WRONLY | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
	               like ? 0600 : 0777);
	if (fd < 0) {
		rc = sk_error_errno(SK_EIO, "cannot write '%s'", path);
		goto out;
	}
	if (sk_write_full(fd, sk_buf_str(data), data->len) < 0 ||
	    (like && take_after(fd, like) < 0) || fsync(fd) < 0 ||
	    rename(temporary.ptr, path) < 0) {
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

static int busy(const char *path)
{
	struct sk_buf age = SK_BUF_INIT, lock = SK_BUF_INIT;
	struct stat st;
	int rc;

	if (sk_buf_addf(&lock, "%s.lock", path) == 0 && stat(lock.ptr, &st) == 0)
		(void)sk_add_age(&age, st.st_mtime, time(NULL));
	rc = sk_error(
	        SK_EBUSY,
	        "another git command is changing the configuration: '%s.lock' was made %s; when no "
	        "git command is running, remove that file",
	        path, age.len ? age.ptr : "just now");
	sk_buf_free(&lock);
	sk_buf_free(&age);
	return rc;
}

int sk_lock_file(const char *path, struct sk_locked *out)
{
	const struct timespec pause = { 0, LOCK_PAUSE_NS };
	struct sk_locked l = SK_LOCKED_INIT;
	int rc = 0;

	l.path = follow(path);
	if (!l.path)
		return sk_error_errno(SK_EIO, "cannot read '%s'", path);
	for (int i = 0; !rc && sk_lockfile_try(l.path, NULL, 0, &l.lock) < 0; i++) {
		if (errno != EEXIST)
			rc = sk_error_errno(SK_EIO, "cannot create '%s.lock'", l.path);
		else if (i >= LOCK_TRIES)
			rc = busy(l.path);
		else
			(void)nanosleep(&pause, NULL);
	}
	if (rc)
		goto out;
	rc = sk_read_file(AT_FDCWD, l.path, MAX_CONFIG, &l.text);
	if (rc == SK_ENO)
		rc = fstat(l.lock.fd, &l.st) < 0 ? SK_EIO : 0;
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
	if (sk_write_full(l->lock.fd, sk_buf_str(text), text->len) < 0 ||
	    take_after(l->lock.fd, &l->st) < 0 || fsync(l->lock.fd) < 0 ||
	    sk_lockfile_commit(&l->lock, l->path) < 0)
		return sk_error_errno(SK_EIO, "cannot write '%s'", l->path);
	return sk_sync_parent(AT_FDCWD, l->path);
}

void sk_lock_release(struct sk_locked *l)
{
	sk_lockfile_release(&l->lock);
	free(l->path);
	sk_buf_free(&l->text);
	*l = (struct sk_locked)SK_LOCKED_INIT;
}
