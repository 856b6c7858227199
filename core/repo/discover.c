#include "repo/discover.h"

#include <errno.h>
#include <limits.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/text.h"

enum { GITFILE_MAX = 1 << 20 }; /* git's own limit */

int sk_join(char **out, const char *dir, const char *name)
{
	char *path;

	if (name[0] == '/')
		path = strdup(name);
	else if (asprintf(&path, "%s/%s", strcmp(dir, "/") == 0 ? "" : dir, name) < 0)
		path = NULL;
	if (!path)
		return sk_error_oom();
	*out = path;
	return 0;
}

bool sk_env_bool(const char *name)
{
	const char *v = getenv(name);

	return v && *v && strcmp(v, "0") != 0 && strcasecmp(v, "false") != 0 &&
	       strcasecmp(v, "no") != 0 && strcasecmp(v, "off") != 0;
}

/* The content of a one-line file without its end of line; SK_ENO when there is no such file. */
static int read_line(const char *path, struct sk_buf *out)
{
	int rc = sk_read_file(AT_FDCWD, path, GITFILE_MAX, out);

	if (rc)
		return rc;
	if (out->len != strlen(sk_buf_str(out)))
		return sk_error(SK_EREPO, "%s has a NUL byte: it is damaged", sk_name(path));
	while (out->len && (out->ptr[out->len - 1] == '\n' || out->ptr[out->len - 1] == '\r'))
		sk_buf_truncate(out, out->len - 1);
	return 0;
}

static int common_of(const char *gitdir, char **out)
{
	struct sk_buf text = SK_BUF_INIT;
	char *file = NULL, *path = NULL, *real;
	const char *env = getenv("GIT_COMMON_DIR");
	int rc = sk_join(&file, gitdir, "commondir");

	if (!rc && env && *env) {
		rc = (path = strdup(env)) ? 0 : sk_error_oom();
	} else if (!rc) {
		rc = read_line(file, &text);
		if (rc == 0)
			rc = sk_join(&path, gitdir, sk_buf_str(&text));
		else if (rc == SK_ENO)
			rc = (path = strdup(gitdir)) ? 0 : sk_error_oom();
	}
	if (rc)
		goto out;
	real = realpath(path, NULL);
	if (real)
		*out = real;
	else
		rc = sk_error_errno(SK_EREPO, "%s points to %s, which cannot be used",
		                    sk_name(file), sk_name(path));
out:
	sk_buf_free(&text);
	free(file);
	free(path);
	return rc;
}

/* The next three: 0 when it is so, SK_ENO when not, SK_EIO for want of memory alone, so that this
 * is never taken for "look further up". */
static int valid_head(const char *gitdir)
{
	struct sk_buf text = SK_BUF_INIT;
	char link[256], *path = NULL;
	const char *p;
	bool ok = false;
	ssize_t n;
	int rc = sk_join(&path, gitdir, "HEAD");

	if (rc)
		return rc;
	n = readlink(path, link, sizeof link - 1);
	if (n > 0) {
		ok = n >= 5 && memcmp(link, "refs/", 5) == 0;
	} else if (sk_read_file(AT_FDCWD, path, GITFILE_MAX, &text) == 0) {
		p = sk_buf_str(&text);
		if (strncmp(p, "ref:", 4) == 0) {
			p += 4;
			p += strspn(p, " \t\n\r");
			ok = strncmp(p, "refs/", 5) == 0;
		} else {
			ok = strspn(p, "0123456789abcdefABCDEF") >= 40;
		}
	}
	rc = sk_buf_ok(&text);
	sk_buf_free(&text);
	free(path);
	return rc ? rc : ok ? 0 : SK_ENO;
}

static int has_folder(const char *dir, const char *name)
{
	char *path = NULL;
	struct stat st;
	int rc = sk_join(&path, dir, name);

	if (rc)
		return rc;
	if (stat(path, &st) < 0 || !S_ISDIR(st.st_mode) || access(path, X_OK) < 0)
		rc = SK_ENO;
	free(path);
	return rc;
}

static int is_gitdir(const char *path)
{
	char *common = NULL;
	int rc = valid_head(path);

	if (!rc)
		rc = common_of(path, &common);
	if (!rc)
		rc = has_folder(common, "objects");
	if (!rc)
		rc = has_folder(common, "refs");
	free(common);
	return rc == 0 || rc == SK_EIO ? rc : SK_ENO;
}

/* `path` is the file .git; `*out` is what it names, which need not be good. */
static int read_gitfile(const char *path, char **out)
{
	struct sk_buf text = SK_BUF_INIT;
	char *dir = NULL, *target = NULL;
	int rc = read_line(path, &text);

	if (!rc && strncmp(sk_buf_str(&text), "gitdir: ", 8) != 0)
		rc = sk_error(SK_EREPO, "%s is not of the form 'gitdir: FOLDER'", sk_name(path));
	if (!rc && text.len < 9)
		rc = sk_error(SK_EREPO, "%s names no folder", sk_name(path));
	if (!rc)
		rc = (dir = strdup(path)) ? 0 : sk_error_oom();
	if (rc)
		goto out;
	*strrchr(dir, '/') = '\0';
	rc = sk_join(&target, *dir ? dir : "/", text.ptr + 8);
	if (!rc)
		rc = is_gitdir(target);
	if (rc == SK_ENO)
		rc = sk_error(
		        SK_EREPO,
		        "%s points to %s, which is not a git folder (moved? try 'git worktree "
		        "repair')",
		        sk_name(path), sk_name(target));
	if (!rc) {
		*out = target;
		target = NULL;
	}
out:
	sk_buf_free(&text);
	free(dir);
	free(target);
	return rc == 0 || rc == SK_EIO ? rc : SK_EREPO;
}

static int real(const char *path, char **out)
{
	char *r = realpath(path, NULL);

	if (!r)
		return sk_error_errno(SK_EREPO, "cannot use %s", sk_name(path));
	*out = r;
	return 0;
}

static int set_gitdir(struct sk_place *place, const char *gitdir)
{
	int rc = real(gitdir, &place->gitdir);

	return rc ? rc : common_of(place->gitdir, &place->commondir);
}

/* Looks for .git in `dir`, then at `dir` itself; SK_ENO when it is neither. */
static int look_at(struct sk_place *place, const char *dir)
{
	char *dotgit = NULL, *target = NULL;
	struct stat st;
	int rc = sk_join(&dotgit, dir, ".git");

	if (rc)
		return rc;
	if (stat(dotgit, &st) == 0 && S_ISREG(st.st_mode)) {
		rc = read_gitfile(dotgit, &target);
		if (!rc)
			rc = set_gitdir(place, target);
		if (!rc) {
			place->gitfile = dotgit;
			dotgit = NULL;
		}
	} else {
		rc = is_gitdir(dotgit);
		if (!rc)
			rc = set_gitdir(place, dotgit);
	}
	if (!rc && !(place->root = strdup(dir)))
		rc = sk_error_oom();
	if (rc == SK_ENO) {
		rc = is_gitdir(dir);
		if (!rc)
			rc = set_gitdir(place, dir);
	}
	free(dotgit);
	free(target);
	return rc;
}

/* Length of the longest ceiling that is a proper parent of `here`, or -1.  An empty entry means
 * that those after it are not to be resolved (they may be on a slow disk). */
static ssize_t ceiling(const char *here)
{
	const char *env = getenv("GIT_CEILING_DIRECTORIES"), *end;
	bool resolve = true;
	ssize_t best = -1;

	for (const char *p = env; p && *p; p = *end ? end + 1 : end) {
		char *text, *path;
		size_t len;

		end = strchrnul(p, ':');
		if (end == p)
			resolve = false;
		if (*p != '/' || !(text = strndup(p, (size_t)(end - p))))
			continue;
		path = resolve ? realpath(text, NULL) : NULL;
		if (!path && !resolve) {
			path = text;
			text = NULL;
		}
		free(text);
		if (!path)
			continue;
		for (len = strlen(path); len && path[len - 1] == '/';)
			len--;
		if (strncmp(here, path, len) == 0 && here[len] == '/' && here[len + 1] &&
		    (ssize_t)len > best)
			best = (ssize_t)len;
		free(path);
	}
	return best;
}

/* git passes over a .git that may not be looked into, and so do we; but then that is the reason. */
static bool locked(const char *dir, char out[PATH_MAX])
{
	static const char *const need[] = { "HEAD", "objects", "refs" };
	struct stat st;

	for (size_t i = 0; i < sizeof need / sizeof *need; i++) {
		int n = snprintf(out, PATH_MAX, "%s/.git/%s", dir, need[i]);
		int mode = i == 0 ? R_OK : X_OK;

		if (n > 0 && n < PATH_MAX && access(out, mode) < 0 && errno == EACCES &&
		    (out[n - (int)strlen(need[i]) - 1] = '\0', stat(out, &st) == 0) &&
		    S_ISDIR(st.st_mode))
			return true;
	}
	return false;
}

static int nothing_found(const char *here, const char *why, const char *closed)
{
	if (*closed)
		return sk_error(SK_EREPO, "%s may not be read: permission denied", sk_name(closed));
	return sk_error(SK_EREPO, "%s is not in a git working tree%s", sk_name(here), why);
}

static int walk_up(struct sk_place *place)
{
	bool across = sk_env_bool("GIT_DISCOVERY_ACROSS_FILESYSTEM");
	ssize_t stop = ceiling(place->here);
	char *dir = strdup(place->here), closed[PATH_MAX] = "";
	struct stat first, st;
	int rc;

	if (!dir)
		return sk_error_oom();
	if (stat(dir, &first) < 0) {
		rc = sk_error_errno(SK_EREPO, "cannot use %s", sk_name(dir));
		goto out;
	}
	for (;;) {
		size_t len;

		rc = look_at(place, dir);
		if (rc != SK_ENO)
			break;
		if (!*closed && !locked(dir, closed))
			*closed = '\0';
		len = (size_t)(strrchr(dir, '/') - dir);
		if (strcmp(dir, "/") == 0 || (ssize_t)len <= stop) {
			rc = nothing_found(place->here, " (nor is any folder above it)", closed);
			break;
		}
		dir[len ? len : 1] = '\0';
		if (!across && (stat(dir, &st) < 0 || st.st_dev != first.st_dev)) {
			rc = nothing_found(place->here,
			                   "; the search ended at another filesystem "
			                   "(GIT_DISCOVERY_ACROSS_FILESYSTEM=1 goes on)",
			                   closed);
			break;
		}
	}
out:
	free(dir);
	return rc;
}

/* GIT_DIR without GIT_WORK_TREE means to git that the current folder is the top.  A hook that went
 * to a sub-folder would make us take that for the whole tree, so when the search from here leads to
 * the same git folder, its top counts. */
static int find_given_root(struct sk_place *place)
{
	struct sk_place found = { .here = place->here };

	if (!getenv("GIT_WORK_TREE") && walk_up(&found) == 0 && found.root &&
	    strcmp(found.gitdir, place->gitdir) == 0) {
		place->root = found.root;
		found.root = NULL;
	}
	found.here = NULL;
	sk_place_clear(&found);
	sk_error_clear();
	return 0;
}

static int use_given(struct sk_place *place, const char *env)
{
	char *path = NULL, *target = NULL;
	struct stat st;
	int rc = sk_join(&path, place->here, env);

	if (rc)
		return rc;
	place->given = true;
	if (*env && stat(path, &st) == 0 && S_ISREG(st.st_mode)) {
		rc = read_gitfile(path, &target);
		if (!rc)
			rc = set_gitdir(place, target);
	} else {
		rc = *env ? is_gitdir(path) : SK_ENO;
		if (!rc)
			rc = set_gitdir(place, path);
	}
	if (rc == SK_ENO) {
		rc = sk_error(SK_EREPO, "GIT_DIR is '%s', which is not a git folder", sk_name(env));
	}
	if (!rc)
		rc = find_given_root(place);
	free(path);
	free(target);
	return rc;
}

int sk_discover(const char *dir, struct sk_place *place)
{
	const char *env = getenv("GIT_DIR");
	int rc;

	*place = (struct sk_place){ 0 };
	rc = real(dir, &place->here);
	if (rc)
		return rc;
	return env ? use_given(place, env) : walk_up(place);
}

void sk_place_clear(struct sk_place *place)
{
	free(place->here);
	free(place->root);
	free(place->gitfile);
	free(place->gitdir);
	free(place->commondir);
	free(place->worktree);
	*place = (struct sk_place){ 0 };
}
