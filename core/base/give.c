#include "base/give.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TRIES 10

/* Repositories that are shared, and all that were once: few, and for as long as the process runs.
 */
static struct {
	pthread_mutex_t lock;
	struct shared {
		char *root;
		int perm;
	} * item;
	size_t n;
} shared = { .lock = PTHREAD_MUTEX_INITIALIZER };

int sk_share_below(const char *root, int perm)
{
	struct shared *item;
	size_t i = 0;
	int rc = -1;

	(void)pthread_mutex_lock(&shared.lock);
	while (i < shared.n && strcmp(shared.item[i].root, root) != 0)
		i++;
	if (i == shared.n && perm != 0) {
		item = realloc(shared.item, (shared.n + 1) * sizeof *item);
		if (!item)
			goto out;
		shared.item = item;
		item[i].root = strdup(root);
		if (!item[i].root)
			goto out;
		shared.n++;
	}
	if (i < shared.n)
		shared.item[i].perm = perm;
	rc = 0;
out:
	(void)pthread_mutex_unlock(&shared.lock);
	return rc;
}

static int perm_of(const char *path)
{
	size_t best = 0;
	int perm = 0;

	(void)pthread_mutex_lock(&shared.lock);
	for (size_t i = 0; i < shared.n; i++) {
		size_t len = strlen(shared.item[i].root);

		if (len >= best && strncmp(path, shared.item[i].root, len) == 0 &&
		    (path[len] == '/' || path[len] == '\0')) {
			best = len;
			perm = shared.item[i].perm;
		}
	}
	(void)pthread_mutex_unlock(&shared.lock);
	return perm;
}

/* Where `fd` really is: whatever way led there, links included. */
static int share_of(int fd)
{
	char link[40], path[PATH_MAX];
	ssize_t n;

	if (__atomic_load_n(&shared.n, __ATOMIC_RELAXED) == 0)
		return 0;
	(void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof path - 1);
	if (n <= 0)
		return 0;
	path[n] = '\0';
	return perm_of(path);
}

/* Source: calc_shared_perm and adjust_shared_perm in git's path.c. */
static void share(int fd)
{
	int perm = share_of(fd), saved = errno;
	mode_t tweak = (mode_t)(perm < 0 ? -perm : perm), mode;
	struct stat st;

	if (perm == 0 || fstat(fd, &st) < 0)
		return;
	if (!(st.st_mode & S_IWUSR))
		tweak &= ~(mode_t)0222;
	if (st.st_mode & S_IXUSR)
		tweak |= (tweak & 0444) >> 2;
	mode = perm < 0 ? (st.st_mode & ~(mode_t)0777) | tweak : st.st_mode | tweak;
	if (S_ISDIR(st.st_mode))
		mode |= (mode & 0444) >> 2 | S_ISGID;
	if (mode != st.st_mode && fchmod(fd, mode & 07777) < 0)
		errno = saved; /* a disk without them */
}

static void give(int fd, const struct stat *folder)
{
	int saved = errno;

	if (folder->st_uid != 0 &&
	    fchownat(fd, "", folder->st_uid, folder->st_gid, AT_EMPTY_PATH) < 0)
		errno = 0; /* a disk without owners */
	errno = saved;
}

static bool folder_of(int dirfd, const char *path, struct stat *out)
{
	const char *slash = strrchr(path, '/');
	char dir[PATH_MAX] = ".";

	if (slash && (size_t)(slash - path) >= sizeof dir)
		return false;
	if (slash)
		(void)snprintf(dir, sizeof dir, "%.*s", slash == path ? 1 : (int)(slash - path),
		               path);
	return fstatat(dirfd, dir, out, 0) == 0;
}

int sk_create(int dirfd, const char *path, int flags, mode_t mode)
{
	struct stat folder;
	int fd;

	if (geteuid() != 0 && __atomic_load_n(&shared.n, __ATOMIC_RELAXED) == 0)
		return openat(dirfd, path, flags | O_CREAT, mode);
	for (int i = 0; i < TRIES; i++) {
		fd = openat(dirfd, path, flags | O_CREAT | O_EXCL, mode);
		if (fd >= 0 && geteuid() == 0 && folder_of(dirfd, path, &folder))
			give(fd, &folder);
		if (fd >= 0)
			share(fd);
		if (fd >= 0 || errno != EEXIST || (flags & O_EXCL))
			return fd;
		fd = openat(dirfd, path, flags, mode);
		if (fd >= 0 || errno != ENOENT)
			return fd; /* else: it has gone meanwhile */
	}
	return openat(dirfd, path, flags | O_CREAT, mode);
}

int sk_make_dir(const char *path, mode_t mode)
{
	struct stat folder;
	int fd;

	if (mkdir(path, mode) < 0)
		return -1;
	if (geteuid() == 0 && folder_of(AT_FDCWD, path, &folder) && folder.st_uid != 0) {
		fd = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd >= 0) {
			give(fd, &folder);
			(void)close(fd);
		}
	}
	if (__atomic_load_n(&shared.n, __ATOMIC_RELAXED) == 0)
		return 0;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0) {
		share(fd);
		(void)close(fd);
	}
	return 0;
}

/* Nobody loses a secret when this one changes hands. */
static bool may_go(int fd, const struct stat *st, time_t since)
{
	struct statx x;

	if (st->st_uid != 0 ||
	    (!S_ISDIR(st->st_mode) && (!S_ISREG(st->st_mode) || st->st_nlink != 1)))
		return false;
	if (st->st_mode & S_IROTH)
		return true;
	return statx(fd, "", AT_EMPTY_PATH, STATX_BTIME, &x) == 0 && (x.stx_mask & STATX_BTIME) &&
	       x.stx_btime.tv_sec >= since;
}

/* Takes `fd`, an open folder. */
static void give_below(int fd, int depth, time_t since)
{
	struct stat folder, st;
	struct dirent *de;
	DIR *dir = fdopendir(fd);

	if (!dir || fstat(fd, &folder) < 0 || folder.st_uid == 0) {
		(void)(dir ? closedir(dir) : close(fd));
		return;
	}
	while ((de = readdir(dir))) {
		int at;

		if (strcmp(de->d_name, ".") == 0 || strcmp(de->d_name, "..") == 0)
			continue;
		at = openat(fd, de->d_name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
		if (at < 0)
			continue;
		if (fstat(at, &st) < 0)
			st.st_mode = 0;
		if (st.st_mode && may_go(at, &st, since))
			give(at, &folder);
		if (depth > 0 && S_ISDIR(st.st_mode)) {
			int below = openat(at, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

			if (below >= 0)
				give_below(below, depth - 1, since);
		}
		(void)close(at);
	}
	(void)closedir(dir);
}

void sk_give_tree(const char *path, int depth, time_t since)
{
	int fd, saved = errno;

	if (geteuid() != 0)
		return;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0)
		give_below(fd, depth, since);
	errno = saved;
}
