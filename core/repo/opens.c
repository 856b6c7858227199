/* Whether what cannot be read is damaged or missing, or only out of reach for the moment. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "repo/repo.h"

/* Whether a file can be opened, or is not there.  EIO is how a disk says that a place of it is
 * damaged: then it is the file that is bad. */
static int opens(const char *path)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0 && errno != ENOENT && errno != ENOTDIR && errno != EIO)
		return sk_error_errno(SK_EIO, "cannot read '%s'", path);
	if (fd >= 0)
		(void)close(fd);
	return 0;
}

int sk_repo_packs_open(const struct sk_repo *repo)
{
	struct sk_buf path = SK_BUF_INIT;
	struct dirent *de;
	size_t base;
	DIR *dir;
	int rc = sk_buf_addf(&path, "%s/objects/pack", repo->commondir);

	if (!rc)
		rc = opens(path.ptr);
	dir = rc ? NULL : opendir(path.ptr);
	if (!rc)
		rc = sk_buf_addc(&path, '/');
	base = path.len;
	while (dir && !rc && (de = readdir(dir))) {
		if (strncmp(de->d_name, "pack-", 5) != 0)
			continue;
		sk_buf_truncate(&path, base);
		rc = sk_buf_adds(&path, de->d_name);
		if (!rc)
			rc = opens(path.ptr);
	}
	if (dir)
		(void)closedir(dir);
	sk_buf_free(&path);
	return rc;
}

int sk_repo_loose_opens(const struct sk_repo *repo, const struct sk_oid *oid)
{
	struct sk_buf path = SK_BUF_INIT;
	char hex[SK_OID_HEX + 1];
	int rc;

	sk_oid_hex(oid, hex);
	rc = sk_buf_addf(&path, "%s/objects/%.2s/%s", repo->commondir, hex, hex + 2);
	if (!rc)
		rc = opens(path.ptr);
	sk_buf_free(&path);
	return rc;
}

int sk_repo_can_look(const struct sk_repo *repo, const struct sk_oid *oid)
{
	int rc = sk_repo_loose_opens(repo, oid);

	return rc ? rc : sk_repo_packs_open(repo);
}
