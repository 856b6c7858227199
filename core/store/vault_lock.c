/* Locks that a git which was killed (a power cut, kill -9) left in a vault on a disk of ours. */
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"
#include "store/vault_parts.h"

#define STALE_S 600
#define DEPTH_MAX 16

static bool is_lock(const char *name)
{
	size_t len = strlen(name);

	return len > 5 && strcmp(name + len - 5, ".lock") == 0;
}

/* Takes stale locks below the folder away; closes `fd`. */
static size_t sweep(int fd, int depth)
{
	DIR *dir = fdopendir(fd);
	struct dirent *d;
	struct stat st;
	size_t n = 0;

	if (!dir) {
		(void)close(fd);
		return 0;
	}
	while ((d = readdir(dir))) {
		if (d->d_name[0] == '.' || fstatat(fd, d->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		if (S_ISDIR(st.st_mode) && depth > 0) {
			int sub = openat(fd, d->d_name,
			                 O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

			n += sub < 0 ? 0 : sweep(sub, depth - 1);
		} else if (S_ISREG(st.st_mode) && is_lock(d->d_name) &&
		           st.st_mtime < time(NULL) - STALE_S) {
			n += unlinkat(fd, d->d_name, 0) == 0;
		}
	}
	(void)closedir(dir);
	return n;
}

bool sk_vault_unlock(const char *folder, const struct sk_buf *errors)
{
	const char *text = sk_buf_str(errors);
	size_t n = 0;
	int fd, refs;

	if (!strstr(text, ".lock': File exists") && !strstr(text, "cannot lock ref"))
		return false;
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return false;
	refs = openat(fd, "refs", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	n = refs < 0 ? 0 : sweep(refs, DEPTH_MAX);
	n += sweep(fd, 0); /* packed-refs.lock, shallow.lock, config.lock */
	if (n)
		sk_warn("removed %zu locks of a git that died from %s", n, sk_name(folder));
	return n > 0;
}
