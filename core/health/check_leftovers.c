/* What processes that died left behind, and git waits for, or pays for: its lock files, and packs
 * that were never finished. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/proc.h"
#include "base/text.h"
#include "health/health_parts.h"
#include "service/mounts.h"

enum { LOCK_AGE = 600, PACK_AGE = 3600, DEPTH_MAX = 16 }; /* seconds */

/* Processes */

static bool opened_by(const char *pid, const struct stat *st)
{
	char path[300];
	struct dirent *de;
	struct stat fd;
	bool has = false;
	DIR *dir;

	(void)snprintf(path, sizeof path, "/proc/%.20s/fd", pid);
	dir = opendir(path);
	while (dir && !has && (de = readdir(dir)))
		has = fstatat(dirfd(dir), de->d_name, &fd, 0) == 0 && fd.st_dev == st->st_dev &&
		      fd.st_ino == st->st_ino;
	if (dir)
		(void)closedir(dir);
	return has;
}

long sk_holder(const char *path)
{
	DIR *proc = opendir("/proc");
	struct dirent *de;
	struct stat st;
	long pid = 0;

	if (!proc || stat(path, &st) < 0) {
		if (proc)
			(void)closedir(proc);
		return -1;
	}
	while (!pid && (de = readdir(proc)))
		if (de->d_name[0] >= '1' && de->d_name[0] <= '9' && opened_by(de->d_name, &st))
			pid = strtol(de->d_name, NULL, 10);
	(void)closedir(proc);
	return pid;
}

static bool is_git(const char *pid)
{
	char path[300], name[64] = "";
	FILE *f;

	(void)snprintf(path, sizeof path, "/proc/%.20s/comm", pid);
	f = fopen(path, "re");
	if (f && !fgets(name, sizeof name, f))
		name[0] = '\0';
	if (f)
		(void)fclose(f);
	return strncmp(name, "git", 3) == 0 && strncmp(name, "git-sk", 6) != 0;
}

/* The git that was told "git sk health" and waits for us. */
static bool is_ours(const char *pid)
{
	char path[300];
	struct sk_buf text = SK_BUF_INIT;
	bool ours = false;

	if (strtol(pid, NULL, 10) != (long)getppid())
		return false;
	(void)snprintf(path, sizeof path, "/proc/%.20s/cmdline", pid);
	if (sk_read_file(AT_FDCWD, path, 1 << 20, &text) == 0)
		ours = text.len > 4 && memmem(text.ptr, text.len, "\0sk", 4) != NULL;
	sk_error_clear();
	sk_buf_free(&text);
	return ours;
}

static bool is_in(const char *dir, const char *top)
{
	size_t len = strlen(top);

	return strncmp(dir, top, len) == 0 && (!dir[len] || dir[len] == '/');
}

/* A git of ours that works here (it may have closed the lock file, and wait for an editor): its id,
 * or 0; -1 when there is one that cannot be looked at.  One of another user's makes its lock files
 * in that user's name. */
static long git_here(const struct sk_repo *repo)
{
	DIR *proc = opendir("/proc");
	struct dirent *de;
	long pid = proc ? 0 : -1;

	while (proc && pid <= 0 && (de = readdir(proc))) {
		char path[300], cwd[PATH_MAX];
		struct stat st;
		ssize_t n;

		if (de->d_name[0] < '1' || de->d_name[0] > '9' ||
		    fstatat(dirfd(proc), de->d_name, &st, 0) < 0 ||
		    (geteuid() && st.st_uid != geteuid()) || !is_git(de->d_name) ||
		    is_ours(de->d_name))
			continue;
		(void)snprintf(path, sizeof path, "/proc/%.20s/cwd", de->d_name);
		n = readlink(path, cwd, sizeof cwd - 1);
		cwd[n > 0 ? n : 0] = '\0';
		if (n <= 0 && errno != ENOENT && errno != ESRCH)
			pid = -1;
		if (n > 0 && (is_in(cwd, repo->worktree) || is_in(cwd, repo->commondir)))
			pid = strtol(de->d_name, NULL, 10);
	}
	if (proc)
		(void)closedir(proc);
	return pid;
}

/* Whether another machine may hold it: /proc says nothing of those. */
static bool is_local(const char *path)
{
	struct sk_mounts m;
	struct sk_mount_view view = { .local = false };

	if (sk_mounts_open(&m) == 0) {
		sk_mounts_view(&m, path, &view);
		sk_mounts_close(&m);
	}
	sk_error_clear();
	return view.local;
}

/* Files that were left */

struct found {
	struct sk_strv path;
	size_t fresh; /* too young to be sure */
	uint64_t bytes;
	time_t oldest;
};

static bool ends_in(const char *name, const char *end)
{
	size_t n = strlen(name), k = strlen(end);

	return n > k && strcmp(name + n - k, end) == 0;
}

typedef bool name_fn(const char *name);

static bool is_lock(const char *name)
{
	return ends_in(name, ".lock");
}

static bool is_temporary(const char *name)
{
	return strncmp(name, "tmp_", 4) == 0 || strncmp(name, ".tmp-", 5) == 0;
}

/* `depth` folders down from `dir`. */
static int find(const char *dir, int depth, name_fn *wanted, time_t before, struct found *out)
{
	DIR *d = opendir(dir);
	struct dirent *de;
	struct sk_buf path = SK_BUF_INIT;
	struct stat st;
	int rc = 0;

	while (d && !rc && (de = readdir(d))) {
		if (strcmp(de->d_name, ".") == 0 || strcmp(de->d_name, "..") == 0 ||
		    fstatat(dirfd(d), de->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		sk_buf_clear(&path);
		rc = sk_buf_addf(&path, "%s/%s", dir, de->d_name);
		if (!rc && S_ISDIR(st.st_mode) && depth > 0) {
			rc = find(path.ptr, depth - 1, wanted, before, out);
		} else if (!rc && S_ISREG(st.st_mode) && wanted(de->d_name)) {
			if (st.st_mtime >= before) {
				out->fresh++;
				continue;
			}
			rc = sk_strv_add(&out->path, path.ptr);
			out->bytes += (uint64_t)st.st_size;
			if (!out->oldest || st.st_mtime < out->oldest)
				out->oldest = st.st_mtime;
		}
	}
	if (d)
		(void)closedir(d);
	sk_buf_free(&path);
	return rc;
}

/* Locks of git: nothing of it is done until they are gone. */

static int find_locks(const struct sk_look *l, struct found *out)
{
	const struct sk_repo *repo = l->repo;
	struct sk_buf path = SK_BUF_INIT;
	int rc = find(repo->gitdir, 0, is_lock, l->now - LOCK_AGE, out);

	if (!rc && strcmp(repo->gitdir, repo->commondir) != 0)
		rc = find(repo->commondir, 0, is_lock, l->now - LOCK_AGE, out);
	if (!rc)
		rc = sk_buf_addf(&path, "%s/refs", repo->commondir);
	if (!rc)
		rc = find(path.ptr, DEPTH_MAX, is_lock, l->now - LOCK_AGE, out);
	sk_buf_free(&path);
	return rc;
}

/* Only what is surely nobody's: ours, on a disk of this machine, held by no process. */
static bool may_go(const char *path, long *holder)
{
	struct stat st;

	*holder = sk_holder(path);
	return *holder == 0 && lstat(path, &st) == 0 && st.st_uid == geteuid() && is_local(path);
}

/* `left` gets those that had to stay. */
static int remove_all(const struct found *f, struct found *left)
{
	long holder;
	int rc = 0;

	for (size_t i = 0; i < f->path.n && !rc; i++)
		if (!may_go(f->path.item[i], &holder) || unlink(f->path.item[i]) < 0)
			rc = sk_strv_add(&left->path, f->path.item[i]);
	left->oldest = f->oldest;
	return rc;
}

static int tell_of_locks(struct sk_look *l, const struct found *f, long git)
{
	struct sk_buf age = SK_BUF_INIT;
	const char *first = f->path.item[0];
	long holder = sk_holder(first);
	int rc = sk_add_age(&age, f->oldest, l->now);

	if (!rc && (holder > 0 || git > 0))
		rc = sk_health_say(l, "locks", SK_HEALTH_WARN,
		                   "%s is held by process %ld, made %s: let it end, or end it",
		                   first, holder > 0 ? holder : git, age.ptr);
	else if (!rc && (l->opts->fix || git < 0))
		rc = sk_health_say(
		        l, "locks", SK_HEALTH_FAIL,
		        "%s was made %s, and it cannot be told that nobody holds it; when "
		        "no git runs here, remove it: rm '%s'",
		        first, age.ptr, first);
	else if (!rc)
		rc = sk_health_say(l, "locks", SK_HEALTH_FAIL,
		                   "%s was left %s by a process that is gone%s: git cannot work "
		                   "here; 'git sk health --fix' removes it",
		                   first, age.ptr, f->path.n > 1 ? ", and others were" : "");
	sk_buf_free(&age);
	return rc;
}

int sk_check_locks(struct sk_look *l)
{
	struct found f = { 0 }, left = { 0 };
	long git = 0;
	int rc = find_locks(l, &f);

	if (!rc && f.path.n)
		git = git_here(l->repo);
	if (!rc && f.path.n && l->opts->fix && !git)
		rc = remove_all(&f, &left);
	if (rc)
		;
	else if (!f.path.n)
		rc = sk_health_say(l, "locks", SK_HEALTH_OK, f.fresh ? "git is at work" : "none");
	else if (!l->opts->fix || git)
		rc = tell_of_locks(l, &f, git);
	else if (left.path.n)
		rc = tell_of_locks(l, &left, 0);
	else
		rc = sk_health_fixed(l, "locks", "%zu that dead processes left: removed, %s first",
		                     f.path.n, f.path.item[0]);
	sk_strv_free(&f.path);
	sk_strv_free(&left.path);
	return rc;
}

/* Packs that were never finished */

int sk_check_packs(struct sk_look *l)
{
	struct sk_buf path = SK_BUF_INIT, size = SK_BUF_INIT;
	struct found f = { 0 }, left = { 0 };
	int rc = sk_buf_addf(&path, "%s/objects", l->repo->commondir);

	if (!rc)
		rc = find(path.ptr, 1, is_temporary, l->now - PACK_AGE, &f);
	if (!rc)
		rc = sk_add_size(&size, f.bytes);
	if (rc)
		goto out;
	if (l->opts->fix && f.path.n)
		rc = remove_all(&f, &left);
	if (!f.path.n)
		rc = sk_health_say(l, "temporary_packs", SK_HEALTH_OK, "none left behind");
	else if (!l->opts->fix)
		rc = sk_health_say(l, "temporary_packs", SK_HEALTH_WARN,
		                   "%zu file%s that git never finished take %s; 'git sk health "
		                   "--fix' removes them",
		                   f.path.n, f.path.n == 1 ? "" : "s", size.ptr);
	else if (left.path.n)
		rc = sk_health_say(l, "temporary_packs", SK_HEALTH_WARN,
		                   "%zu of %zu unfinished files are still held, or not yours: %s "
		                   "first",
		                   left.path.n, f.path.n, left.path.item[0]);
	else
		rc = sk_health_fixed(l, "temporary_packs", "%zu unfinished file%s of %s: removed",
		                     f.path.n, f.path.n == 1 ? "" : "s", size.ptr);
out:
	sk_strv_free(&f.path);
	sk_strv_free(&left.path);
	sk_buf_free(&path);
	sk_buf_free(&size);
	return rc;
}
