#include "restore/apply.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/term.h"
#include "capture/scan.h"
#include "restore/content.h"
#include "restore/safepath.h"

/* Up to this many files are synced one by one; more, with the whole file system at once. */
#define FEW 8

struct apply {
	const struct sk_repo *repo;
	struct sk_plan *plan;
	bool again;
	bool few;
	struct sk_safe at, base; /* folders of the paths, and of the temporaries */
	bool root;               /* we may give files to their owners */
	bool unreached;          /* the folder of a temporary is not where it was */
	struct stat top;
};

enum present { AS_OLD, AS_NEW, CHANGED };

#ifdef SK_TESTING
void sk_test_step(void)
{
	static long left = -1;
	const char *at = getenv("SK_TEST_KILL_AT");

	if (!at)
		return;
	if (left < 0)
		left = strtol(at, NULL, 10);
	if (left-- == 0)
		(void)kill(getpid(), SIGKILL);
}
#endif

static int leave(struct apply *a, struct sk_item *item, const char *words, int err)
{
	char reason[128] = "";

	item->state = SK_LEFT;
	if (err) {
		(void)snprintf(reason, sizeof reason, ": %s", strerror(err));
		reason[2] = (char)tolower((unsigned char)reason[2]);
	}
	return sk_plan_skip(a->plan, item->path, "%s%s", words, reason);
}

static int leave_changed(struct apply *a, struct sk_item *item)
{
	return leave(a, item, "changed after the safety backup, left alone", 0);
}

static uint32_t kind_of(const struct stat *st)
{
	return S_ISREG(st->st_mode) || S_ISLNK(st->st_mode) || S_ISDIR(st->st_mode)
	               ? st->st_mode & S_IFMT
	               : 0;
}

/* What is there now, compared with what the plan expects. */
static enum present compare(const struct sk_item *item, int fd, const char *name, struct stat *st)
{
	struct sk_stat now;
	struct sk_oid oid;
	uint32_t kind;

	if (fstatat(fd, name, st, AT_SYMLINK_NOFOLLOW) < 0) {
		st->st_mode = 0;
		if (errno != ENOENT && errno != ENOTDIR)
			return CHANGED;
		return item->new_mode ? AS_OLD : AS_NEW; /* an empty place loses nothing */
	}
	kind = kind_of(st);
	if (kind == 0 || kind == S_IFDIR)
		return CHANGED;
	sk_stat_from(&now, st);
	if ((item->flags & SK_ITEM_STAT) && kind == (item->old_mode & S_IFMT) &&
	    sk_stat_same(&now, &item->st))
		return AS_OLD;
	if (sk_content_hash(fd, name, st, &oid) < 0)
		return CHANGED;
	if (kind == (item->new_mode & S_IFMT) && sk_oid_eq(&oid, &item->new_oid) &&
	    (kind == S_IFLNK || (st->st_mode & 0777) == item->new_perm))
		return AS_NEW;
	if (kind == (item->old_mode & S_IFMT) && sk_oid_eq(&oid, &item->old_oid))
		return AS_OLD;
	return CHANGED;
}

/* --- temporaries -------------------------------------------------------------------------- */

static void temporary_name(const struct apply *a, const struct sk_item *item, char out[64])
{
	(void)snprintf(out, 64, ".sk-tmp-%s-%zu", a->plan->token, (size_t)(item - a->plan->item));
}

/* Removes the temporary in its folder, which is -1, with errno, when that cannot be opened. */
static void sweep_in(struct apply *a, const struct sk_item *item, int fd)
{
	char name[64];
	struct sk_buf path = SK_BUF_INIT;

	temporary_name(a, item, name);
	if ((fd >= 0 && unlinkat(fd, name, 0) == 0) || errno == ENOENT)
		return;
	if (errno == ENOTDIR || errno == ELOOP) { /* the folder went from its place */
		a->unreached = true;
		return;
	}
	a->plan->stuck = true;
	/* the second time nobody waits for better days */
	if (a->again && sk_buf_addf(&path, "%.*s%s%s", (int)item->base_len, item->path,
	                            item->base_len ? "/" : "", name) == 0)
		(void)sk_plan_skip(a->plan, path.ptr, "a temporary file that cannot be removed");
	sk_buf_free(&path);
}

static void sweep_one(struct apply *a, const struct sk_item *item)
{
	sweep_in(a, item, sk_safe_folder(&a->base, item->path, item->base_len));
}

static void sweep(struct apply *a)
{
	for (size_t i = 0; i < a->plan->n; i++)
		if (a->plan->item[i].kind == SK_WRITE)
			sweep_one(a, &a->plan->item[i]);
}

/* A folder that somebody put something else in place of, for a moment, may be there again. */
static void sweep_unreached(struct apply *a)
{
	const struct timespec pause = { .tv_nsec = 1000000 };

	for (int i = 0; a->unreached && i < 20; i++) {
		(void)nanosleep(&pause, NULL);
		sk_safe_drop(&a->base);
		a->unreached = false;
		for (size_t k = 0; k < a->plan->n; k++)
			if (a->plan->item[k].kind == SK_WRITE && a->plan->item[k].state == SK_LEFT)
				sweep_one(a, &a->plan->item[k]);
	}
}

/* Who the new file belongs to when root restores: whom the old one did, or the whole tree. */
static void give(const struct apply *a, int fd, const struct stat *old)
{
	const struct stat *like = old && old->st_mode ? old : &a->top;

	if (a->root && fchown(fd, like->st_uid, like->st_gid) < 0)
		errno = 0; /* a disk without owners */
}

static int fill(struct apply *a, const struct sk_item *item, int dirfd, const char *name,
                const struct stat *old)
{
	int fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600),
	    rc;

	if (fd < 0)
		return SK_ENO;
	rc = sk_content_write(a->repo, &item->new_oid, item->size, fd);
	give(a, fd, old);
	if (!rc && (fchmod(fd, item->new_perm) < 0 || (a->few && fsync(fd) < 0)))
		rc = sk_error_errno(SK_EIO, "cannot write a file");
	if (close(fd) < 0 && !rc)
		rc = sk_error_errno(SK_EIO, "cannot write a file");
	return rc;
}

static int make_link(struct apply *a, const struct sk_item *item, int dirfd, const char *name)
{
	char *to = NULL;
	int rc = sk_content_link(a->repo, &item->new_oid, &to);

	if (!rc && symlinkat(to, dirfd, name) < 0)
		rc = SK_ENO;
	else if (!rc && a->root &&
	         fchownat(dirfd, name, a->top.st_uid, a->top.st_gid, AT_SYMLINK_NOFOLLOW) < 0)
		errno = 0;
	free(to);
	return rc;
}

/* Whether the whole restore is in vain, not just this path. */
static bool hopeless(int err)
{
	return err == ENOSPC || err == EDQUOT || err == EROFS || err == EIO || err == EMFILE ||
	       err == ENFILE || err == ENOMEM || err == EFBIG;
}

static int prepare_one(struct apply *a, struct sk_item *item)
{
	struct stat old = { .st_mode = 0 };
	const char *last;
	char name[64];
	int fd = sk_safe_parent(&a->at, item->path, &last), rc;

	if (fd >= 0 && a->again && compare(item, fd, last, &old) == AS_NEW) {
		item->state = SK_DONE;
		return 0;
	}
	if (fd >= 0 && a->root && !a->again && fstatat(fd, last, &old, AT_SYMLINK_NOFOLLOW) < 0)
		old.st_mode = 0;
	fd = sk_safe_folder(&a->base, item->path, item->base_len);
	if (fd < 0)
		return leave(a, item, "cannot be written", errno);
	temporary_name(a, item, name);
	sk_test_step();
	rc = S_ISLNK(item->new_mode) ? make_link(a, item, fd, name)
	                             : fill(a, item, fd, name, S_ISREG(old.st_mode) ? &old : NULL);
	if (rc == SK_ENO && hopeless(errno))
		rc = sk_error_errno(SK_EIO, "cannot write '%s'", item->path);
	else if (rc == SK_ENO)
		return leave(a, item, "cannot be written", errno);
	else if (rc == SK_EREFUSED || (rc == SK_EDAMAGED && a->again))
		return leave(a, item, sk_error_message(), 0);
	else if (rc)
		rc = sk_error_prefix(rc, "'%s'", item->path);
	return rc;
}

static bool is_below(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	return strncmp(path, dir, len) == 0 && (path[len] == '\0' || path[len] == '/');
}

/* What was to make room for a file that cannot be written stays. */
static void spare(struct apply *a, const struct sk_item *failed)
{
	for (size_t i = 0; i < a->plan->n; i++) {
		struct sk_item *item = &a->plan->item[i];

		if ((item->flags & SK_ITEM_EARLY) && is_below(item->path, failed->path))
			item->state = SK_LEFT;
	}
}

static int prepare(struct apply *a)
{
	size_t total = 0, done = 0;
	int rc = 0;

	for (size_t i = 0; i < a->plan->n; i++)
		total += a->plan->item[i].kind == SK_WRITE;
	a->few = total <= FEW;
	for (size_t i = 0; i < a->plan->n && !rc; i++) {
		struct sk_item *item = &a->plan->item[i];

		if (item->kind != SK_WRITE)
			continue;
		rc = prepare_one(a, item);
		if (!rc && item->state == SK_LEFT)
			spare(a, item);
		sk_progress("writing", ++done, total);
	}
	sk_progress_end();
	if (!rc && !a->few && syncfs(a->repo->wtfd) < 0)
		rc = sk_error_errno(SK_EIO, "cannot sync the disk of '%s'", a->repo->worktree);
	return rc;
}

/* --- changes ------------------------------------------------------------------------------ */

static int put_in_place(struct apply *a, struct sk_item *item)
{
	struct stat st;
	const char *name;
	char tmp[64];
	int from = sk_safe_folder(&a->base, item->path, item->base_len);
	int to = sk_safe_parent(&a->at, item->path, &name), rc;

	temporary_name(a, item, tmp);
	if (from < 0 || to < 0) {
		int err = errno;

		sweep_one(a, item);
		return leave(a, item, "its folder cannot be reached", err);
	}
	switch (compare(item, to, name, &st)) {
	case CHANGED:
		sweep_in(a, item, from);
		return leave_changed(a, item);
	case AS_NEW:
		sweep_in(a, item, from);
		item->state = SK_DONE;
		return 0;
	case AS_OLD:
		break;
	}
	sk_test_step();
	/* never over a file that came into an empty place meanwhile */
	rc = st.st_mode ? renameat(from, tmp, to, name)
	                : renameat2(from, tmp, to, name, RENAME_NOREPLACE);
	if (rc < 0 && !st.st_mode && (errno == EINVAL || errno == ENOSYS))
		rc = renameat(from, tmp, to, name);
	if (rc < 0) {
		int err = errno;

		sweep_in(a, item, from);
		return err == EEXIST || err == EISDIR ? leave_changed(a, item)
		                                      : leave(a, item, "cannot be written", err);
	}
	item->state = SK_DONE;
	return 0;
}

static int make_folder(struct apply *a, struct sk_item *item)
{
	const char *name;
	struct stat st;
	int fd = sk_safe_parent(&a->at, item->path, &name);

	if (fd < 0)
		return leave(a, item, "cannot be made", errno);
	sk_test_step();
	if (mkdirat(fd, name, 0700) == 0) {
		if (a->root &&
		    fchownat(fd, name, a->top.st_uid, a->top.st_gid, AT_SYMLINK_NOFOLLOW) < 0)
			errno = 0;
	} else if (errno != EEXIST || fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
	           !S_ISDIR(st.st_mode)) {
		return leave(a, item, "cannot be made", errno);
	}
	item->state = SK_DONE;
	return 0;
}

static int delete_file(struct apply *a, struct sk_item *item)
{
	const char *name;
	struct stat st;
	int fd = sk_safe_parent(&a->at, item->path, &name);

	if (fd < 0 && errno != ENOENT && errno != ENOTDIR)
		return leave(a, item, "cannot be deleted", errno);
	if (fd >= 0) {
		enum present now = compare(item, fd, name, &st);

		if (now == CHANGED)
			/* after a crash, what took its place may be there already */
			return a->again && S_ISDIR(st.st_mode) ? (item->state = SK_DONE, 0)
			                                       : leave_changed(a, item);
		sk_test_step();
		if (now == AS_OLD && unlinkat(fd, name, 0) < 0 && errno != ENOENT)
			return leave(a, item, "cannot be deleted", errno);
	}
	item->state = SK_DONE;
	return 0;
}

static bool left_below(const struct apply *a, const char *dir)
{
	for (size_t i = 0; i < a->plan->n; i++)
		if (a->plan->item[i].state == SK_LEFT && is_below(a->plan->item[i].path, dir))
			return true;
	return false;
}

static int remove_folder(struct apply *a, struct sk_item *item)
{
	const char *name;
	int fd = sk_safe_parent(&a->at, item->path, &name);

	sk_test_step();
	if (fd >= 0 && unlinkat(fd, name, AT_REMOVEDIR) < 0 && errno != ENOENT &&
	    !(a->again && errno == ENOTDIR)) {
		int err = errno;

		if (left_below(a, item->path)) {
			item->state = SK_LEFT; /* the reason is named with the path that stays */
			return 0;
		}
		return leave(a, item, "cannot be removed", err);
	}
	item->state = SK_DONE;
	return 0;
}

static int file_bits(struct apply *a, struct sk_item *item)
{
	const char *name;
	struct stat st;
	int fd = sk_safe_parent(&a->at, item->path, &name);

	if (fd < 0)
		return leave(a, item, "its folder cannot be reached", errno);
	switch (compare(item, fd, name, &st)) {
	case CHANGED:
		return leave_changed(a, item);
	case AS_OLD:
		if (!st.st_mode)
			return leave_changed(a, item);
		sk_test_step();
		if (sk_safe_chmod(fd, name, S_IFREG, item->new_perm) < 0)
			return leave(a, item, "its permission bits cannot be set", errno);
		break;
	case AS_NEW:
		break;
	}
	item->state = SK_DONE;
	return 0;
}

static int folder_bits(struct apply *a, const char *path, mode_t perm)
{
	const char *name;
	int fd;

	if (!*path)
		return sk_safe_chmod(a->repo->wtfd, ".", S_IFDIR, perm);
	fd = sk_safe_parent(&a->at, path, &name);
	return fd < 0 ? -1 : sk_safe_chmod(fd, name, S_IFDIR, perm);
}

/* --- phases ------------------------------------------------------------------------------- */

static void open_folders(struct apply *a)
{
	for (size_t i = 0; i < a->plan->n; i++) {
		const struct sk_item *item = &a->plan->item[i];

		/* where it fails, each path in the folder will say so */
		if (item->kind == SK_CHMOD && (item->flags & SK_ITEM_OPEN))
			(void)folder_bits(a, item->path, item->old_perm | 0700);
	}
}

static void close_folders(struct apply *a)
{
	for (size_t i = a->plan->n; i-- > 0;) {
		const struct sk_item *item = &a->plan->item[i];

		if (item->kind == SK_CHMOD && (item->flags & SK_ITEM_OPEN))
			(void)folder_bits(a, item->path, item->old_perm);
	}
}

static int remove_all(struct apply *a, bool early)
{
	int rc = 0;

	for (size_t i = a->plan->n; i-- > 0 && !rc;) {
		struct sk_item *item = &a->plan->item[i];

		if (item->state != SK_PENDING || early != ((item->flags & SK_ITEM_EARLY) != 0))
			continue;
		if (item->kind == SK_DELETE)
			rc = delete_file(a, item);
		else if (item->kind == SK_RMDIR)
			rc = remove_folder(a, item);
	}
	sk_safe_drop(&a->at);
	return rc;
}

static int set_bits(struct apply *a)
{
	int rc = 0;

	for (size_t i = a->plan->n; i-- > 0 && !rc;) {
		struct sk_item *item = &a->plan->item[i];
		bool made = item->kind == SK_MKDIR && item->state == SK_DONE;

		if (!made && (item->kind != SK_CHMOD || !S_ISDIR(item->new_mode)))
			continue;
		sk_test_step();
		if (folder_bits(a, item->path, item->new_perm) == 0)
			item->state = SK_DONE;
		else if (!made && errno == ENOENT)
			item->state = SK_DONE; /* it was opened to be emptied, and is gone */
		else
			rc = leave(a, item, "its permission bits cannot be set", errno);
	}
	return rc;
}

static int each(struct apply *a, enum sk_change_kind kind,
                int (*what)(struct apply *a, struct sk_item *item))
{
	int rc = 0;

	for (size_t i = 0; i < a->plan->n && !rc; i++) {
		struct sk_item *item = &a->plan->item[i];

		if (item->kind == (char)kind && item->state == SK_PENDING &&
		    !(kind == SK_CHMOD && S_ISDIR(item->new_mode)))
			rc = what(a, item);
	}
	return rc;
}

static bool sync_folder(struct apply *a, const char *path)
{
	const char *slash = strrchr(path, '/');
	int at = sk_safe_folder(&a->at, path, slash ? (size_t)(slash - path) : 0), fd;
	bool ok;

	if (at < 0)
		return errno == ENOENT; /* it was removed, and so is not to be synced */
	fd = openat(at, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ok = fd >= 0 && fsync(fd) == 0;
	if (fd >= 0)
		(void)close(fd);
	return ok;
}

static int sync_all(struct apply *a)
{
	bool ok = a->few && a->plan->n <= (size_t)4 * FEW;

	for (size_t i = 0; i < a->plan->n && ok; i++)
		ok = sync_folder(a, a->plan->item[i].path);
	if (!ok && syncfs(a->repo->wtfd) < 0)
		return sk_error_errno(SK_EIO, "cannot sync the disk of '%s'", a->repo->worktree);
	return 0;
}

static int change(struct apply *a)
{
	int rc = remove_all(a, true);

	if (!rc)
		rc = each(a, SK_MKDIR, make_folder);
	if (!rc)
		rc = each(a, SK_WRITE, put_in_place);
	if (!rc)
		rc = each(a, SK_CHMOD, file_bits);
	if (!rc)
		rc = remove_all(a, false);
	if (!rc)
		rc = set_bits(a);
	return rc ? rc : sync_all(a);
}

int sk_apply(const struct sk_repo *repo, struct sk_plan *plan, bool again)
{
	struct apply a = { .repo = repo,
		           .plan = plan,
		           .again = again,
		           .root = geteuid() == 0,
		           .at = SK_SAFE_INIT(repo->wtfd),
		           .base = SK_SAFE_INIT(repo->wtfd) };
	int rc = 0;

	if (plan->n == 0)
		return 0;
	if (fstat(repo->wtfd, &a.top) < 0)
		return sk_error_errno(SK_EIO, "cannot examine '%s'", repo->worktree);
	open_folders(&a);
	if (again)
		sweep(&a);
	rc = prepare(&a);
	if (rc) {
		sweep(&a);
		close_folders(&a);
	} else {
		rc = change(&a);
	}
	sweep_unreached(&a);
	if (plan->stuck && again)
		plan->stuck = false;
	else if (plan->stuck && !rc)
		rc = sk_error(SK_EIO,
		              "temporary files of it cannot be removed; the next command of "
		              "git sk goes on");
	else if (plan->stuck)
		rc = sk_error_prefix(rc, "not finished, the next command of git sk goes on");
	sk_safe_free(&a.at);
	sk_safe_free(&a.base);
	return rc;
}
