#include "store/tidy.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "store/fold.h"
#include "store/refs_file.h"
#include "store/refs_pack.h"

int sk_tidy_lock(const struct sk_repo *repo, int *out)
{
	char *path = NULL;
	int fd, rc = sk_ref_path(repo, "sk/fold.lock", "", &path);

	if (rc)
		return rc;
	fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0666);
	if (fd < 0)
		rc = sk_error_errno(SK_EIO, "cannot open '%s'", path);
	else if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		rc = sk_error(SK_EBUSY, "packs or refs are being gathered already");
	free(path);
	if (!rc)
		*out = fd;
	else if (fd >= 0)
		(void)close(fd);
	return rc;
}

int sk_tidy_if_due(const struct sk_repo *repo)
{
	int rc = sk_fold_if_due(repo);

	return rc ? rc : sk_refs_pack_if_due(repo);
}
