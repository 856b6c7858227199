#include "store/budget.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "repo/git.h"
#include "store/refs.h"

/* When something has to go, then so much that it is not the same again in an hour. */
#define ROOM_FOR(budget) ((budget) / 10 * 9)

/* The files of one folder, and of those in it, in bytes. */
static uint64_t folder_size(int parent, const char *name, int depth)
{
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	uint64_t size = 0;
	struct dirent *e;
	struct stat st;

	if (!dir && fd >= 0)
		(void)close(fd);
	while (dir && (e = readdir(dir))) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 ||
		    fstatat(dirfd(dir), e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		if (S_ISREG(st.st_mode))
			size += (uint64_t)st.st_size;
		else if (S_ISDIR(st.st_mode) && depth < 2)
			size += folder_size(dirfd(dir), e->d_name, depth + 1);
	}
	if (dir)
		(void)closedir(dir);
	return size;
}

/* More than our own objects can take. */
static uint64_t objects_size(const struct sk_repo *repo)
{
	struct sk_buf path = SK_BUF_INIT;
	uint64_t size = UINT64_MAX;

	(void)sk_buf_addf(&path, "%s/objects", repo->commondir);
	if (sk_buf_ok(&path) == 0)
		size = folder_size(AT_FDCWD, path.ptr, 0);
	sk_buf_free(&path);
	return size;
}

/* `globs`: of references, `tips` (may be NULL): ids, a line each; both count. */
static int measure(const struct sk_repo *repo, const char *const *globs, const struct sk_buf *tips,
                   uint64_t *out)
{
	const char *args[24] = { "rev-list", "--objects", "--disk-usage" };
	struct sk_buf text = SK_BUF_INIT;
	struct sk_oid head = { { 0 } };
	char *branch = NULL;
	int status = 0, n = 3, rc = sk_repo_head(repo, &head, &branch);

	for (; *globs; globs++)
		args[n++] = *globs;
	if (tips)
		args[n++] = "--stdin";
	args[n++] = "--not";
	args[n++] = "--branches";
	args[n++] = "--tags";
	args[n++] = "--remotes";
	if (!sk_oid_is_zero(&head))
		args[n++] = "HEAD";
	if (!rc)
		rc = sk_git_run(repo, args, tips, &text, &status);
	if (!rc && status)
		rc = sk_error(SK_EIO, "git rev-list cannot tell how much room backups take");
	if (!rc)
		*out = strtoull(sk_buf_str(&text), NULL, 10);
	free(branch);
	sk_buf_free(&text);
	return rc;
}

int sk_budget_used(const struct sk_repo *repo, uint64_t *out)
{
	static const char *const globs[] = { "--glob=refs/sk", NULL };

	return measure(repo, globs, NULL, out);
}

/* What would be used if of the kept backups only the `n` newest stayed, and those that must. */
static int used_with(const struct sk_repo *repo, const struct sk_prune *p, size_t n, uint64_t *out)
{
	static const char *const globs[] = {
		"--glob=refs/sk/revision",     "--glob=refs/sk/release",
		"--glob=refs/sk/keep",         "--glob=refs/sk/meta/revision",
		"--glob=refs/sk/meta/release", NULL
	};
	struct sk_buf tips = SK_BUF_INIT;
	struct sk_oid meta;
	size_t kept = 0;
	int rc;

	for (size_t i = 0; i < p->n; i++) {
		const struct sk_entry *e = p->item[i].entry;
		unsigned reason = p->item[i].reason;

		if (e->damaged || !sk_retention_keeps(reason) ||
		    (kept++ >= n && !(reason & SK_KEEP_NEWEST)))
			continue;
		(void)sk_buf_addf(&tips, "%s\n", sk_oid_str(&e->tag));
		if (sk_entry_get_oid(e, "Sk-Meta", &meta))
			(void)sk_buf_addf(&tips, "%s\n", sk_oid_str(&meta));
	}
	rc = sk_buf_add(&tips, "", 0);
	if (!rc)
		rc = measure(repo, globs, &tips, out);
	sk_buf_free(&tips);
	return rc;
}

static void mark(struct sk_prune *p, size_t n)
{
	size_t kept = 0;

	for (size_t i = 0; i < p->n; i++) {
		unsigned *reason = &p->item[i].reason;

		if (p->item[i].entry->damaged || !sk_retention_keeps(*reason))
			continue;
		if (kept++ >= n && !(*reason & SK_KEEP_NEWEST))
			*reason = SK_OVER_BUDGET;
	}
}

int sk_budget_plan(const struct sk_repo *repo, struct sk_prune *p)
{
	uint64_t budget = repo->config->retention.disk_budget, used = 0;
	size_t lo = 0, hi = 0;
	int rc;

	if (!budget || objects_size(repo) <= budget)
		return 0;
	for (size_t i = 0; i < p->n; i++)
		hi += !p->item[i].entry->damaged && sk_retention_keeps(p->item[i].reason);
	rc = used_with(repo, p, hi, &used);
	if (rc) {
		sk_warn("%s", sk_error_message());
		return 0;
	}
	if (used <= budget)
		return 0;
	/* the most of the newest that fit */
	while (lo < hi) {
		size_t mid = lo + (hi - lo + 1) / 2;

		rc = used_with(repo, p, mid, &used);
		if (rc)
			return rc;
		if (used <= ROOM_FOR(budget))
			lo = mid;
		else
			hi = mid - 1;
	}
	mark(p, lo);
	return 0;
}
