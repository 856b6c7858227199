/* path.c - a path as it was typed, as a path below the working tree. */
#include "repo/repo.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "repo/discover.h"

/* "." and "..", doubled and final slashes go, by the letters alone, as git has it: LINK/.. is where
 * the link stands, not where it leads. */
static void normalise(char *path)
{
	char *out = path, *p = path;

	while (*p) {
		size_t len;

		p += strspn(p, "/");
		len = strcspn(p, "/");
		if (len == 2 && p[0] == '.' && p[1] == '.') {
			while (out > path && *--out != '/')
				;
		} else if (len && !(len == 1 && *p == '.')) {
			*out++ = '/';
			memmove(out, p, len);
			out += len;
		}
		p += len;
	}
	if (out == path)
		*out++ = '/';
	*out = '\0';
}

/* What stands below `dir` in `path`; NULL when it is elsewhere. */
static const char *below(const char *path, const char *dir)
{
	size_t len = strcmp(dir, "/") == 0 ? 0 : strlen(dir);

	if (strncmp(path, dir, len) != 0 || (path[len] && path[len] != '/'))
		return NULL;
	return path[len] ? path + len + 1 : path + len;
}

static int leads_out(const struct sk_repo *repo, const char *typed)
{
	return sk_error(SK_EREFUSED, "%s is outside the working tree %s", sk_name(typed),
	                sk_name(repo->worktree));
}

/* `full` with the links of all its parents resolved, the last component left as it is; parents that
 * do not exist are taken by the letter. */
static int resolve_parents(const struct sk_repo *repo, const char *full, const char *typed,
                           char **out)
{
	char *dir = strdup(full), *real = NULL;
	struct stat st;
	size_t len;
	int rc;

	if (!dir)
		return sk_error_oom();
	len = (size_t)(strrchr(dir, '/') - dir);
	for (;;) {
		dir[len ? len : 1] = '\0';
		real = realpath(dir, NULL);
		if (real || len == 0)
			break;
		if (errno != ENOENT && errno != ENOTDIR) {
			rc = sk_error_errno(errno == ELOOP ? SK_EREFUSED : SK_EIO,
			                    "cannot follow %s", sk_name(typed));
			goto out;
		}
		if (lstat(dir, &st) == 0 && S_ISLNK(st.st_mode)) {
			rc = sk_error(SK_EREFUSED,
			              "%s is beyond a symbolic link that leads nowhere",
			              sk_name(typed));
			goto out;
		}
		len = (size_t)(strrchr(dir, '/') - dir);
	}
	rc = real ? sk_join(out, real, full + len + 1)
	          : sk_error_errno(SK_EIO, "cannot follow %s", sk_name(typed));
	if (!rc && !below(*out, repo->worktree)) {
		free(*out);
		*out = NULL;
		rc = leads_out(repo, typed);
	}
out:
	free(dir);
	free(real);
	return rc;
}

static bool names_git(const char *path)
{
	for (const char *p = path; *p; p += p[0] == '/') {
		size_t len = strcspn(p, "/");

		if (len == 4 && memcmp(p, ".git", 4) == 0)
			return true;
		p += len;
	}
	return false;
}

/* The folder where we stand, and `path`. */
static int absolute(const struct sk_repo *repo, const char *path, char **out)
{
	char *here = NULL;
	int rc = sk_join(&here, repo->worktree, repo->prefix);

	if (!rc)
		rc = sk_join(out, here, path);
	free(here);
	return rc;
}

int sk_repo_path(const struct sk_repo *repo, const char *path, char **out)
{
	char *full = NULL, *resolved = NULL, *real;
	const char *rel;
	int rc;

	if (!*path)
		return sk_error(SK_EUSAGE, "an empty path names nothing (use '.')");
	rc = absolute(repo, path, &full);
	if (rc)
		return rc;
	normalise(full);
	if (strcmp(full, repo->worktree) == 0) {
		rel = "";
	} else {
		rc = strcmp(full, "/") == 0 ? leads_out(repo, path)
		                            : resolve_parents(repo, full, path, &resolved);
		if (rc == SK_EREFUSED && (real = realpath(full, NULL))) {
			/* a link from elsewhere to the very top */
			if (strcmp(real, repo->worktree) == 0)
				rc = 0;
			free(real);
		}
		rel = resolved ? below(resolved, repo->worktree) : "";
	}
	if (!rc && names_git(rel))
		rc = sk_error(SK_EREFUSED, "%s is inside a git folder", sk_name(path));
	if (!rc) {
		char *copy = strdup(rel);

		if (copy)
			*out = copy;
		else
			rc = sk_error_oom();
	}
	free(full);
	free(resolved);
	return rc;
}
