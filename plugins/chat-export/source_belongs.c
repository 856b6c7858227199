#include "source.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Is `path` the folder itself or below it, component by component? */
static int is_below(const char *path, const char *folder)
{
	size_t n = strlen(folder);

	if (n == 1 && *folder == '/')
		return *path == '/';
	return strncmp(path, folder, n) == 0 && (path[n] == 0 || path[n] == '/');
}

/* The deepest worktree that it lies in; NULL: none. */
static const char *worktree_of(const struct chat_repo *repo, const char *path)
{
	const char *best = NULL;

	for (size_t i = 0; i < repo->n_worktrees; i++)
		if (is_below(path, repo->worktree[i]) &&
		    (!best || strlen(repo->worktree[i]) > strlen(best)))
			best = repo->worktree[i];
	return best;
}

/* "gitdir: PATH" in a file: a linked worktree or a submodule of ours, when below our commondir. */
static int is_our_gitfile(const struct chat_repo *repo, const char *path)
{
	char text[PATH_MAX + 16], target[2 * PATH_MAX + 64], real[PATH_MAX];
	struct stat st;
	ssize_t n;
	int fd;

	if (!repo->commondir || source_open_at(path, &fd, &st, NULL))
		return 0;
	n = source_read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n < 9 || strncmp(text, "gitdir: ", 8) != 0)
		return 0;
	while (n > 8 && (text[n - 1] == '\n' || text[n - 1] == '\r'))
		n--;
	text[n] = 0;
	if (text[8] == '/')
		snprintf(target, sizeof(target), "%s", text + 8);
	else
		snprintf(target, sizeof(target), "%.*s/%s", (int)(strlen(path) - 5), path,
		         text + 8);
	return realpath(target, real) && is_below(real, repo->commondir);
}

/* Does another repository begin between the worktree and the folder? */
static int in_another(const struct chat_repo *repo, const char *worktree, const char *folder)
{
	char path[PATH_MAX + 8];
	size_t n = strlen(folder), stop = strlen(worktree);
	struct stat st;

	if (n >= PATH_MAX)
		return 0;
	memcpy(path, folder, n + 1);
	while (n > stop) {
		memcpy(path + n, "/.git", 6);
		if (lstat(path, &st) == 0 && !(S_ISREG(st.st_mode) && is_our_gitfile(repo, path)))
			return 1;
		while (n > stop && path[--n] != '/')
			;
		path[n] = 0;
	}
	return 0;
}

/* The path with links resolved as far as it still exists. */
static int resolve(const char *path, char *out)
{
	char copy[PATH_MAX], real[PATH_MAX];
	size_t n = strlen(path);

	memcpy(copy, path, n + 1);
	while (n) {
		if (realpath(copy, real)) {
			int k = snprintf(out, PATH_MAX, "%s%s", strcmp(real, "/") ? real : "",
			                 path + n);

			return k > 0 && k < PATH_MAX;
		}
		if (errno != ENOENT && errno != ENOTDIR)
			return 0;
		while (n && copy[--n] != '/')
			;
		copy[n] = 0;
	}
	return 0;
}

enum chat_belongs chat_belongs(const struct chat_repo *repo, const char *cwd, size_t len)
{
	char path[PATH_MAX], real[PATH_MAX];
	const char *worktree;

	while (len > 1 && cwd[len - 1] == '/')
		len--;
	if (!len || *cwd != '/' || len >= sizeof(path) || memchr(cwd, 0, len))
		return CHAT_UNSURE;
	memcpy(path, cwd, len);
	path[len] = 0;
	/* ".." in a name: only what is there can say where it leads */
	if (!strstr(path, "/../") && !strstr(path, "/./")) {
		worktree = worktree_of(repo, path);
		if (worktree)
			return in_another(repo, worktree, path) ? CHAT_OTHERS : CHAT_OURS;
	}
	if (!resolve(path, real))
		return CHAT_OTHERS;
	worktree = worktree_of(repo, real);
	if (!worktree)
		return CHAT_OTHERS;
	return in_another(repo, worktree, real) ? CHAT_OTHERS : CHAT_OURS;
}
