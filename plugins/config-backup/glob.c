/* glob.c - patterns of files: * ? [...] within a name, ** for any folders.
 *
 * A pattern that names a folder means all files below it.  Links to folders are never followed, so
 * that the walk ends; .git is left out. */
#include <dirent.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "conf.h"

#define DEPTH_MAX 40
#define FILES_MAX 20000

static bool match_here(const char *pattern, const char *path, int depth)
{
	while (*pattern) {
		size_t n = strcspn(pattern, "/"), m = strcspn(path, "/");
		char word[256], name[256];

		if (n == 2 && memcmp(pattern, "**", 2) == 0) {
			pattern += n + (pattern[n] == '/');
			if (!*pattern || depth > DEPTH_MAX)
				return *path && depth <= DEPTH_MAX;
			for (;; path += m + 1, m = strcspn(path, "/")) {
				if (match_here(pattern, path, depth + 1))
					return true;
				if (!path[m])
					return false;
			}
		}
		if (!m || n >= sizeof word || m >= sizeof name)
			return false;
		memcpy(word, pattern, n);
		memcpy(name, path, m);
		word[n] = name[m] = '\0';
		if (fnmatch(word, name, FNM_PERIOD) != 0)
			return false;
		pattern += n + (pattern[n] == '/');
		path += m + (path[m] == '/');
		if (!*pattern && *path)
			return true; /* below a folder that matches */
	}
	return !*path;
}

bool conf_glob_match(const char *pattern, const char *path)
{
	return match_here(pattern + (*pattern == '/'), path + (*path == '/'), 0);
}

struct walk {
	struct conf *c;
	struct conf_paths *out;
	size_t seen;
};

static int walk(struct walk *w, const char *folder, const char *pattern, int depth);

/* `name` in the folder is what the pattern's first word means. */
static int visit(struct walk *w, const char *folder, const char *name, const char *rest, int depth)
{
	char *path = NULL;
	struct stat st;
	int rc = 0;

	if (++w->seen > FILES_MAX)
		return 0;
	if (asprintf(&path, "%s/%s", folder, name) < 0)
		return conf_oom(w->c);
	if (lstat(path, &st) < 0)
		;
	else if (S_ISDIR(st.st_mode) && strcmp(name, ".git") != 0)
		rc = walk(w, path, *rest ? rest : "**", depth + 1);
	else if (!*rest && (S_ISREG(st.st_mode) || S_ISLNK(st.st_mode)) &&
	         strncmp(name, CONF_TEMP_PREFIX, strlen(CONF_TEMP_PREFIX)) != 0)
		rc = conf_paths_add(w->c, w->out, path);
	free(path);
	return rc;
}

/* All of a folder that the word matches; "**": all, and the folders with the same pattern. */
static int visit_all(struct walk *w, const char *folder, const char *word, const char *pattern,
                     const char *rest, int depth)
{
	bool all = strcmp(word, "**") == 0;
	DIR *dir = opendir(*folder ? folder : "/");
	struct dirent *e;
	int rc = 0;

	if (!dir)
		return 0; /* gone, or not ours to read */
	if (all && *rest) /* no folder at all */
		rc = walk(w, folder, rest, depth + 1);
	while (!rc && (e = readdir(dir)) != NULL && w->seen <= FILES_MAX) {
		struct stat st;

		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if (!all && fnmatch(word, e->d_name, FNM_PERIOD) == 0)
			rc = visit(w, folder, e->d_name, rest, depth);
		else if (all && !*rest)
			rc = visit(w, folder, e->d_name, "", depth);
		else if (all && (e->d_type == DT_DIR ||
		                 (e->d_type == DT_UNKNOWN &&
		                  fstatat(dirfd(dir), e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		                  S_ISDIR(st.st_mode))))
			rc = visit(w, folder, e->d_name, pattern, depth);
	}
	(void)closedir(dir);
	return rc;
}

static int walk(struct walk *w, const char *folder, const char *pattern, int depth)
{
	size_t n = strcspn(pattern, "/");
	const char *rest = pattern + n + strspn(pattern + n, "/");
	char word[256];

	if (depth > DEPTH_MAX || n >= sizeof word || !n)
		return 0;
	memcpy(word, pattern, n);
	word[n] = '\0';
	if (strcmp(word, "**") != 0 && !strpbrk(word, "*?[\\"))
		return visit(w, folder, word, rest, depth);
	return visit_all(w, folder, word, pattern, rest, depth);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int conf_glob(struct conf *c, const char *pattern, struct conf_paths *out)
{
	struct walk w = { .c = c, .out = out };
	size_t k = 0;
	int rc = walk(&w, "", pattern + strspn(pattern, "/"), 0);

	if (!rc && w.seen > FILES_MAX)
		c->host->warn(c->host,
		              "%s: more than %d files were looked at; the rest is left out",
		              c->host->name(c->host, pattern), FILES_MAX);
	if (out->n)
		qsort(out->item, out->n, sizeof *out->item, by_text);
	for (size_t i = 0; i < out->n; i++)
		if (!k || strcmp(out->item[i], out->item[k - 1]) != 0)
			out->item[k++] = out->item[i];
	out->n = k;
	return rc;
}
