#include "restore/safepath.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static void close_keeping_errno(int fd)
{
	int saved = errno;

	(void)close(fd);
	errno = saved;
}

int sk_safe_dir_stepwise(int rootfd, const char *dir)
{
	int fd = openat(rootfd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);

	while (fd >= 0 && *dir) {
		size_t len = strcspn(dir, "/");
		char name[NAME_MAX + 1];
		int next = -1;

		if (len > NAME_MAX) {
			errno = ENAMETOOLONG;
		} else if (len == 0 || (len <= 2 && strncmp(dir, "..", len) == 0)) {
			errno = EXDEV; /* as RESOLVE_BENEATH has it */
		} else {
			memcpy(name, dir, len);
			name[len] = '\0';
			next = openat(fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		}
		close_keeping_errno(fd);
		fd = next;
		dir += len + (dir[len] == '/');
	}
	return fd;
}

int sk_safe_dir(int rootfd, const char *dir)
{
	struct open_how how = { .flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
		                .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS |
		                           RESOLVE_NO_MAGICLINKS };
	long fd = syscall(SYS_openat2, rootfd, *dir ? dir : ".", &how, sizeof how);

	if (fd < 0 &&
	    (errno == ENOSYS || errno == EPERM || errno == ENAMETOOLONG || errno == EAGAIN))
		return sk_safe_dir_stepwise(rootfd, dir);
	return (int)fd;
}

int sk_safe_folder(struct sk_safe *safe, const char *path, size_t len)
{
	if (safe->fd >= 0 && safe->dir.len == len && memcmp(safe->dir.ptr, path, len) == 0)
		return safe->fd;
	sk_safe_drop(safe);
	sk_buf_clear(&safe->dir);
	if (sk_buf_add(&safe->dir, path, len)) {
		errno = ENOMEM;
		return -1;
	}
	safe->fd = sk_safe_dir(safe->rootfd, safe->dir.ptr);
	return safe->fd;
}

int sk_safe_parent(struct sk_safe *safe, const char *path, const char **name)
{
	const char *slash = strrchr(path, '/');

	*name = slash ? slash + 1 : path;
	return sk_safe_folder(safe, path, slash ? (size_t)(slash - path) : 0);
}

void sk_safe_drop(struct sk_safe *safe)
{
	if (safe->fd >= 0)
		close_keeping_errno(safe->fd);
	safe->fd = -1;
}

void sk_safe_free(struct sk_safe *safe)
{
	sk_safe_drop(safe);
	sk_buf_free(&safe->dir);
}

static int chmod_opened(int dirfd, const char *name, mode_t perm)
{
	int fd = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC), rc;

	if (fd < 0)
		return -1;
	rc = fchmod(fd, perm);
	close_keeping_errno(fd);
	return rc;
}

int sk_safe_chmod(int dirfd, const char *name, mode_t type, mode_t perm)
{
	int fd = openat(dirfd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC), rc = -1;
	char link[40];
	struct stat st;

	if (fd < 0)
		return -1;
	if (fstat(fd, &st) == 0 && (st.st_mode & S_IFMT) != type) {
		errno = ESTALE;
		goto out;
	}
	/* fchmod refuses O_PATH descriptors; /proc has the very inode under this name */
	(void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	rc = chmod(link, perm);
	if (rc < 0 && errno == ENOENT)
		rc = chmod_opened(dirfd, name, perm);
out:
	close_keeping_errno(fd);
	return rc;
}
