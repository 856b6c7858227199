/* io.h - whole reads and writes, atomic files, and folders, relative to directory descriptors. */
#ifndef SK_BASE_IO_H
#define SK_BASE_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "base/buf.h"

/* Reads until `len` bytes or end of file; EINTR is retried.  -1 with errno on error. */
ssize_t sk_read_full(int fd, void *data, size_t len);
/* Writes all of it or returns -1 with errno (a short write is ENOSPC). */
int sk_write_full(int fd, const void *data, size_t len);

/* Reads a regular file (no FIFO, no device: never blocks) of at most `max` bytes to the end of
 * `out`.  A missing file is SK_ENO; larger than `max` is SK_EREFUSED.  AT_FDCWD is allowed. */
int sk_read_file(int dirfd, const char *path, size_t max, struct sk_buf *out);

/* What root makes in another user's folder with the functions below is that user's: give.h. */

/* Replaces `path` in one step: temporary file beside it, fsync of file and folder when `sync`,
 * rename.  After a crash there is the old content or the new one, and perhaps a file that begins
 * with the same name and ends in ".tmp". */
int sk_write_file(int dirfd, const char *path, const void *data, size_t len, mode_t mode,
                  bool sync);

/* The same for content that lies in several places. */
int sk_write_pieces(int dirfd, const char *path, const struct iovec *piece, size_t n, mode_t mode,
                    bool sync);

/* mkdir -p; each new folder gets `mode` less the umask. */
int sk_mkdirs(const char *path, mode_t mode);
/* fsync of a folder by its path. */
int sk_sync_dir(const char *path);
/* The same of the folder that a file is in. */
int sk_sync_parent(int dirfd, const char *path);
/* Removes a folder and all below it, never following a link; a missing one is no error. */
int sk_remove_tree(int dirfd, const char *path);

bool sk_exists(const char *path);

#endif
