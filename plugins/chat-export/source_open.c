#include "source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int source_ours(const struct stat *st)
{
	uid_t me = geteuid();

	return me == 0 || st->st_uid == me;
}

int64_t source_mtime(const struct stat *st)
{
	return (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;
}

/* O_NONBLOCK: a FIFO put there between stat and open does not hang us; it is refused behind. */
int source_open_at(const char *path, int *out, struct stat *st, struct chat_error *err)
{
	int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY;
	int fd = open(path, flags | O_NOATIME);

	if (fd < 0 && errno == EPERM)
		fd = open(path, flags);
	if (fd < 0) {
		if (errno == ENOENT || errno == ENOTDIR)
			return chat_fail(err, SKP_ENO, "%s is gone", path);
		if (errno == ELOOP || errno == ENXIO)
			return chat_fail(err, SKP_EREFUSED, "%s is no regular file", path);
		return chat_fail(err, errno == EACCES ? SKP_EREFUSED : SKP_EIO,
		                 "cannot read %s: %s", path, strerror(errno));
	}
	if (fstat(fd, st) < 0) {
		chat_fail(err, SKP_EIO, "cannot read %s: %s", path, strerror(errno));
		close(fd);
		return SKP_EIO;
	}
	if (!S_ISREG(st->st_mode) || !source_ours(st)) {
		close(fd);
		return chat_fail(err, SKP_EREFUSED, "%s %s", path,
		                 S_ISREG(st->st_mode) ? "belongs to another user"
		                                      : "is no regular file");
	}
	*out = fd;
	return 0;
}

int chat_open(const struct chat_source *source, int *fd, struct chat_error *err)
{
	struct stat st;

	return source_open_at(source->path, fd, &st, err);
}

ssize_t source_read(int fd, void *data, size_t n)
{
	ssize_t got;

	do
		got = read(fd, data, n);
	while (got < 0 && errno == EINTR);
	return got;
}
