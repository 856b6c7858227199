#include "command/worktrees.h"

#include <dirent.h>
#include <stdlib.h>

#include "base/io.h"
#include "capture/backup.h"
#include "capture/state.h"
#include "service/service.h"

int sk_worktrees_each(const struct sk_repo *repo, int (*fn)(const char *sklocal, void *arg),
                      void *arg)
{
	struct sk_buf path = SK_BUF_INIT;
	struct dirent *d;
	DIR *dir;
	int rc = fn(repo->skdir, arg);

	if (!rc)
		rc = sk_buf_addf(&path, "%s/worktrees", repo->commondir);
	dir = rc ? NULL : opendir(path.ptr);
	while (dir && !rc && (d = readdir(dir))) {
		if (d->d_name[0] == '.')
			continue;
		sk_buf_clear(&path);
		rc = sk_buf_addf(&path, "%s/worktrees/%s/sk", repo->commondir, d->d_name);
		if (!rc)
			rc = fn(path.ptr, arg);
	}
	if (dir)
		(void)closedir(dir);
	sk_buf_free(&path);
	return rc;
}

struct locking {
	const struct sk_repo *repo;
	const char *what;
	int wait_seconds;
	struct sk_worktree_locks locks;
};

/* Another worktree of the repository, for what only needs to know its SK folder. */
static struct sk_repo other_worktree(const struct sk_repo *repo, const char *sklocal)
{
	struct sk_repo other = *repo;

	other.sklocal = (char *)(uintptr_t)sklocal;
	return other;
}

static int lock_one(const char *sklocal, void *arg)
{
	struct locking *l = arg;
	const struct sk_repo other = other_worktree(l->repo, sklocal);
	int *grown, rc;

	if (!sk_exists(sklocal))
		return 0;
	grown = realloc(l->locks.fd, (l->locks.n + 1) * sizeof *grown);
	if (!grown)
		return sk_error_oom();
	l->locks.fd = grown;
	rc = sk_lock(&other, l->what, l->wait_seconds, &grown[l->locks.n]);
	if (!rc)
		l->locks.n++;
	return rc;
}

int sk_worktrees_lock(const struct sk_repo *repo, const char *what, int wait_seconds,
                      struct sk_worktree_locks *out)
{
	struct locking l = { .repo = repo, .what = what, .wait_seconds = wait_seconds };
	int rc = sk_worktrees_each(repo, lock_one, &l);

	if (rc)
		sk_worktrees_unlock(&l.locks);
	else
		*out = l.locks;
	return rc;
}

void sk_worktrees_unlock(struct sk_worktree_locks *locks)
{
	for (size_t i = 0; i < locks->n; i++)
		sk_unlock(&locks->fd[i]);
	free(locks->fd);
	*locks = (struct sk_worktree_locks){ 0 };
}

static int forget_one(const char *sklocal, void *arg)
{
	const struct sk_repo other = other_worktree(arg, sklocal);

	sk_state_drop(&other);
	return 0;
}

int sk_worktrees_forget(const struct sk_repo *repo)
{
	int rc = sk_worktrees_each(repo, forget_one, (void *)(uintptr_t)repo);

	if (!rc && repo->enabled)
		sk_service_tell(repo->worktree, true);
	return rc;
}
