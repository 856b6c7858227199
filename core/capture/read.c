#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/io.h"
#include "capture/scan.h"

#define TRIES 3
#define CHANGED "changed while it was read"
/* A file touched this short a time before it was read may be touched again without its timestamps
 * telling: the kernel's clock for them ticks every 1 to 10 ms; some filesystems keep seconds, or
 * pairs of them. */
#define GRAIN_FINE_NS 20000000LL
#define GRAIN_COARSE_NS 2100000000LL

void sk_stat_from(struct sk_stat *out, const struct stat *st)
{
	out->ctime_ns = (int64_t)st->st_ctim.tv_sec * 1000000000LL + st->st_ctim.tv_nsec;
	out->mtime_ns = (int64_t)st->st_mtim.tv_sec * 1000000000LL + st->st_mtim.tv_nsec;
	out->ino = st->st_ino;
	out->size = (uint64_t)st->st_size;
}

bool sk_stat_same(const struct sk_stat *a, const struct sk_stat *b)
{
	return a->ctime_ns == b->ctime_ns && a->mtime_ns == b->mtime_ns && a->ino == b->ino &&
	       a->size == b->size;
}

int64_t sk_stamp_clock(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_REALTIME_COARSE, &ts);
	return (int64_t)ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

bool sk_stamp_racy(const struct sk_stat *st, int64_t before)
{
	int64_t newest = st->ctime_ns > st->mtime_ns ? st->ctime_ns : st->mtime_ns;
	int64_t grain = st->ctime_ns % 1000000000LL == 0 ? GRAIN_COARSE_NS : GRAIN_FINE_NS;

	return newest >= before - grain;
}

int sk_skip(struct sk_worker *w, const char *path, const char *reason, bool unreadable)
{
	w->unreadable += unreadable;
	w->left = true;
	return sk_meta_add(&w->meta, 'S', path, unreadable, reason);
}

static int skip_file(struct sk_worker *w, const char *path, const char *reason)
{
	int rc = sk_skip(w, path, reason, true);

	return rc ? rc : SK_ENO;
}

static int skip_errno(struct sk_worker *w, const char *path, int err)
{
	if (err == ENOENT || err == ENOTDIR)
		return SK_ENO;
	/* a link, a socket or a device stands where a file was a moment ago */
	if (err == ELOOP || err == ENXIO || err == ENODEV)
		return skip_file(w, path, CHANGED);
	return skip_file(w, path, strerror(err));
}

/* The bytes of `data` as a blob: stored unless `known` says that it is. */
static int keep_bytes(struct sk_worker *w, const void *data, size_t len, const struct sk_oid *known,
                      struct sk_oid *out)
{
	bool have = false;
	int rc = 0;

	sk_hash_object(SK_OBJ_BLOB, data, len, out);
	if (!w->scan->opts->packer || (known && sk_oid_eq(known, out)))
		return 0;
	if (w->held && sk_oid_eq(w->held, out))
		rc = sk_packer_rely(w->scan->opts->packer, out, &have);
	if (rc || have)
		return rc;
	return sk_packer_add(w->scan->opts->packer, SK_OBJ_BLOB, data, len, out);
}

static int read_link(struct sk_worker *w, int dirfd, const char *path, struct sk_node *node,
                     const struct sk_oid *known)
{
	int64_t before = sk_stamp_clock();
	struct stat st;
	ssize_t n = readlinkat(dirfd, node->name, w->buffer, PATH_MAX);
	int rc;

	if (n < 0 || fstatat(dirfd, node->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return skip_errno(w, path, errno);
	rc = keep_bytes(w, w->buffer, (size_t)n, known, &node->oid);
	if (rc)
		return rc;
	sk_stat_from(&node->st, &st);
	node->flags = sk_stamp_racy(&node->st, before) || !S_ISLNK(st.st_mode) ? SK_NODE_RACY : 0;
	return 0;
}

/* One try.  SK_EBUSY: it changed meanwhile. */
static int read_once(struct sk_worker *w, int fd, const char *path, const struct stat *st,
                     struct sk_node *node, const struct sk_oid *known)
{
	size_t size = (size_t)st->st_size;
	struct sk_packer *packer = w->scan->opts->packer;
	ssize_t n;
	int rc;

	if (st->st_size > (off_t)SK_READ_MAX) {
		rc = sk_hash_fd(fd, (uint64_t)st->st_size, &node->oid);
		if (!rc && packer && !(known && sk_oid_eq(known, &node->oid)))
			rc = sk_scan_keep_large(w, fd, (uint64_t)st->st_size, path, &node->oid);
		return rc == SK_ENO ? SK_EBUSY : rc;
	}
	if (lseek(fd, 0, SEEK_SET) < 0)
		return SK_EIO;
	n = sk_read_full(fd, w->buffer, SK_READ_MAX + 1);
	if (n < 0)
		return SK_EIO;
	if ((size_t)n != size)
		return SK_EBUSY;
	return keep_bytes(w, w->buffer, size, known, &node->oid);
}

static int read_file(struct sk_worker *w, int fd, const char *path, struct sk_node *node,
                     const struct sk_oid *known)
{
	struct sk_stat first, last;
	struct stat st;
	int rc;

	for (int i = 0; i < TRIES; i++) {
		int64_t before = sk_stamp_clock();

		if (fstat(fd, &st) < 0)
			return skip_errno(w, path, errno);
		if (!S_ISREG(st.st_mode))
			return skip_file(w, path, CHANGED);
		sk_stat_from(&first, &st);
		errno = 0;
		rc = read_once(w, fd, path, &st, node, known);
		if (rc == SK_EIO && errno && errno != ENOSPC && errno != EROFS && errno != ENOMEM &&
		    errno != EDQUOT)
			return skip_errno(w, path, errno);
		if (rc && rc != SK_EBUSY)
			return rc;
		if (fstat(fd, &st) < 0)
			return skip_errno(w, path, errno);
		sk_stat_from(&last, &st);
		if (!rc && sk_stat_same(&first, &last)) {
			node->st = last;
			node->perm = (uint16_t)(st.st_mode & 07777);
			node->mode = st.st_mode & 0100 ? 0100755 : 0100644;
			node->flags = sk_stamp_racy(&last, before) ? SK_NODE_RACY : 0;
			return 0;
		}
	}
	return SK_EBUSY;
}

/* Someone keeps writing to it: what one read found is stored, whole or not, and it is marked. */
static int read_moving(struct sk_worker *w, int fd, const char *path, struct sk_node *node)
{
	struct sk_buf data = SK_BUF_INIT;
	ssize_t n = 1;
	int rc = 0;

	if (lseek(fd, 0, SEEK_SET) < 0)
		return skip_errno(w, path, errno);
	while (!rc && n > 0 && data.len < 64 * (size_t)SK_READ_MAX) {
		n = sk_read_full(fd, w->buffer, SK_READ_MAX);
		if (n > 0)
			rc = sk_buf_add(&data, w->buffer, (size_t)n);
	}
	if (!rc)
		rc = keep_bytes(w, sk_buf_str(&data), data.len, NULL, &node->oid);
	node->flags = SK_NODE_RACY;
	if (!rc)
		rc = sk_skip(w, path, CHANGED, true);
	sk_buf_free(&data);
	return rc;
}

int sk_read_node(struct sk_worker *w, int dirfd, const char *path, struct sk_node *node,
                 const struct stat *st, const struct sk_oid *known)
{
	int fd, rc;

	if (S_ISLNK(st->st_mode))
		return read_link(w, dirfd, path, node, known);
	fd = openat(dirfd, node->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM))
		return sk_error_errno(SK_EIO, "cannot open '%s'", path);
	if (fd < 0)
		return skip_errno(w, path, errno);
	rc = read_file(w, fd, path, node, known);
	if (rc == SK_EBUSY)
		rc = read_moving(w, fd, path, node);
	(void)close(fd);
	return rc;
}
