#include "base/io.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/give.h"

ssize_t sk_read_full(int fd, void *data, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = read(fd, (char *)data + done, len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

int sk_write_full(int fd, const void *data, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = write(fd, (const char *)data + done, len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n == 0)
			errno = ENOSPC;
		if (n <= 0)
			return -1;
		done += (size_t)n;
	}
	return 0;
}

int sk_read_file(int dirfd, const char *path, size_t max, struct sk_buf *out)
{
	struct stat st;
	ssize_t n;
	int rc = 0, fd;

	fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return sk_error(SK_ENO, "no file '%s'", path);
	if (fd < 0)
		return sk_error_errno(SK_EIO, "cannot read '%s'", path);
	if (fstat(fd, &st) < 0) {
		rc = sk_error_errno(SK_EIO, "cannot read '%s'", path);
		goto out;
	}
	if (!S_ISREG(st.st_mode)) {
		rc = sk_error(SK_EIO, "cannot read '%s': not a regular file", path);
		goto out;
	}
	for (;;) {
		char chunk[65536];

		n = sk_read_full(fd, chunk, sizeof chunk);
		if (n < 0) {
			rc = sk_error_errno(SK_EIO, "cannot read '%s'", path);
			goto out;
		}
		if (out->len + (size_t)n > max) {
			rc = sk_error(SK_EREFUSED, "'%s' is larger than %zu bytes", path, max);
			goto out;
		}
		rc = sk_buf_add(out, chunk, (size_t)n);
		if (rc || (size_t)n < sizeof chunk)
			goto out;
	}
out:
	(void)close(fd);
	return rc;
}

int sk_sync_parent(int dirfd, const char *path)
{
	const char *slash = strrchr(path, '/');
	char *dir = NULL;
	int fd, rc = 0;

	dir = slash ? strndup(path, slash == path ? 1 : (size_t)(slash - path)) : strdup(".");
	if (!dir)
		return sk_error_oom();
	fd = openat(dirfd, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd) < 0)
		rc = sk_error_errno(SK_EIO, "cannot sync the folder '%s'", dir);
	if (fd >= 0)
		(void)close(fd);
	free(dir);
	return rc;
}

static int write_all(int fd, const struct iovec *piece, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (sk_write_full(fd, piece[i].iov_base, piece[i].iov_len) < 0)
			return -1;
	return 0;
}

int sk_write_pieces(int dirfd, const char *path, const struct iovec *piece, size_t n, mode_t mode,
                    bool sync)
{
	struct sk_buf tmp = SK_BUF_INIT;
	static unsigned serial;
	int fd = -1, rc;

	rc = sk_buf_addf(&tmp, "%s.%ld-%u.tmp", path, (long)getpid(),
	                 __atomic_add_fetch(&serial, 1, __ATOMIC_RELAXED));
	if (rc)
		goto out;
	fd = sk_create(dirfd, tmp.ptr, O_WRONLY | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
	if (fd < 0) {
		rc = sk_error_errno(SK_EIO, "cannot write '%s'", path);
		goto out;
	}
	if (write_all(fd, piece, n) < 0 || (sync && fsync(fd) < 0)) {
		rc = sk_error_errno(SK_EIO, "cannot write '%s'", path);
		goto undo;
	}
	if (close(fd) < 0) {
		fd = -1;
		rc = sk_error_errno(SK_EIO, "cannot write '%s'", path);
		goto undo;
	}
	fd = -1;
	if (renameat(dirfd, tmp.ptr, dirfd, path) < 0) {
		rc = sk_error_errno(SK_EIO, "cannot write '%s'", path);
		goto undo;
	}
	if (sync)
		rc = sk_sync_parent(dirfd, path);
	goto out;
undo:
	(void)unlinkat(dirfd, tmp.ptr, 0);
out:
	if (fd >= 0)
		(void)close(fd);
	sk_buf_free(&tmp);
	return rc;
}

int sk_write_file(int dirfd, const char *path, const void *data, size_t len, mode_t mode, bool sync)
{
	const struct iovec piece = { (void *)(uintptr_t)data, len };

	return sk_write_pieces(dirfd, path, &piece, 1, mode, sync);
}

int sk_mkdirs(const char *path, mode_t mode)
{
	char *copy = strdup(path);
	int rc = 0;

	if (!copy)
		return sk_error_oom();
	for (char *p = copy + 1;; p++) {
		char c = *p;

		if (c != '/' && c != '\0')
			continue;
		*p = '\0';
		if (sk_make_dir(copy, mode) < 0 && errno != EEXIST) {
			rc = sk_error_errno(SK_EIO, "cannot create the folder '%s'", copy);
			break;
		}
		*p = c;
		if (c == '\0')
			break;
	}
	free(copy);
	return rc;
}

int sk_sync_dir(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc = 0;

	if (fd < 0 || fsync(fd) < 0)
		rc = sk_error_errno(SK_EIO, "cannot sync the folder '%s'", path);
	if (fd >= 0)
		(void)close(fd);
	return rc;
}

int sk_remove_tree(int dirfd, const char *path)
{
	struct dirent *de;
	DIR *dir = NULL;
	int fd, rc = 0;

	if (unlinkat(dirfd, path, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return sk_error_errno(SK_EIO, "cannot remove '%s'", path);
	fd = openat(dirfd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		rc = sk_error_errno(SK_EIO, "cannot remove '%s'", path);
		if (fd >= 0)
			(void)close(fd);
		return rc;
	}
	while (!rc && (de = readdir(dir)))
		if (strcmp(de->d_name, ".") != 0 && strcmp(de->d_name, "..") != 0)
			rc = sk_remove_tree(fd, de->d_name);
	(void)closedir(dir);
	if (!rc && unlinkat(dirfd, path, AT_REMOVEDIR) < 0 && errno != ENOENT)
		rc = sk_error_errno(SK_EIO, "cannot remove '%s'", path);
	return rc;
}

bool sk_exists(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}
