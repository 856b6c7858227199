#include "store/tidy.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/give.h"
#include "base/io.h"
#include "base/lockfile.h"
#include "base/text.h"
#include "store/fold.h"
#include "store/gone.h"
#include "store/refs_file.h"
#include "store/refs_pack.h"

#define GC_PID_AGE_S (12 * 3600) /* as git has it: an older gc.pid is a forgotten one */

int sk_tidy_lock(const struct sk_repo *repo, int *out)
{
	char *path = NULL;
	int fd, rc = sk_mkdirs(repo->skdir, 0777);

	if (!rc)
		rc = sk_ref_path(repo, "sk/fold.lock", "", &path);
	if (rc)
		return rc;
	fd = sk_create(AT_FDCWD, path, O_RDWR | O_NOFOLLOW | O_CLOEXEC, 0666);
	if (fd < 0)
		rc = sk_error_errno(SK_EIO, "cannot open '%s'", path);
	else if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		rc = sk_error(SK_EBUSY, "packs or refs are being gathered already");
	free(path);
	if (!rc)
		rc = sk_gone_finish(repo);
	if (!rc)
		*out = fd;
	else if (fd >= 0)
		(void)close(fd);
	return rc;
}

bool sk_gc_runs(const struct sk_repo *repo)
{
	struct stat st;
	char *path = NULL;
	bool yes;

	yes = sk_ref_path(repo, "gc.pid", "", &path) ||
	      (stat(path, &st) == 0 && st.st_mtime > time(NULL) - GC_PID_AGE_S);
	free(path);
	return yes;
}

int sk_tidy_finish(const struct sk_repo *repo)
{
	int fd, rc = sk_gone_pending(repo) ? sk_tidy_lock(repo, &fd) : SK_ENO;

	if (!rc)
		(void)close(fd);
	return rc == SK_ENO || rc == SK_EBUSY ? 0 : rc;
}

int sk_tidy_locks(const struct sk_repo *repo, struct sk_buf *words)
{
	static const char *const file[] = { "config", "packed-refs" };
	int rc = 0;

	for (size_t i = 0; !rc && i < sizeof file / sizeof *file; i++) {
		char *path = NULL;

		rc = sk_ref_path(repo, file[i], "", &path);
		if (!rc && sk_lockfile_drop_dead(AT_FDCWD, path))
			rc = sk_buf_addf(words, "%s'%s.lock'", words->len ? ", " : "",
			                 sk_name(path));
		free(path);
	}
	return rc;
}

int sk_tidy_if_due(const struct sk_repo *repo)
{
	int rc = sk_tidy_finish(repo);

	if (!rc)
		rc = sk_fold_if_due(repo);
	return rc ? rc : sk_refs_pack_if_due(repo);
}
